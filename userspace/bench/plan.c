// SPDX-License-Identifier: MIT
/*
 * plan.c - which cases there are, and which of them --only asks for.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

struct mmb_case *mmb_plan_add(struct mmb_plan *plan, const struct mmb_case_ops *ops,
			      const char *id, const char *rows, const char *what)
{
	struct mmb_case *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	if (plan->n == plan->cap) {
		plan->cap = plan->cap ? plan->cap * 2 : 64;
		plan->c = reallocarray(plan->c, plan->cap, sizeof(struct mmb_case *));
		if (!plan->c)
			abort();
	}
	c->ops = ops;
	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(c->rows, sizeof(c->rows), "%s", rows);
	c->what = what;
	plan->c[plan->n++] = c;
	return c;
}

enum mmb_boot mmb_boot_of(const struct mmb_case *c)
{
	return c->ops->boot == MMB_BOOT_ANY ? MMB_BOOT_TIMED : c->ops->boot;
}

/*
 * Ordered so that something shows within a second or two, and the long sweep comes last. Cases that want
 * all of BAR2, or much of it, come before those whose buffers stay in it.
 */
void mmb_plan_make(struct mmb_plan *plan, const struct mmb_options *opt)
{
	if (opt->bdf) {
		mmb_plan_foreign(plan, opt);
		return;
	}
	mmb_plan_whole_bar(plan, opt);
	mmb_plan_faults(plan, opt);
	mmb_plan_instructions(plan, opt);
	mmb_plan_registers(plan, opt);
	mmb_plan_devmem(plan, opt);
	mmb_plan_stream(plan, opt);
	mmb_plan_counters(plan, opt);
	mmb_plan_mapping(plan, opt);
	mmb_plan_ladder(plan, opt);
	mmb_plan_queue(plan, opt);
	mmb_plan_calls(plan, opt);
	mmb_plan_read(plan, opt);
	mmb_plan_queue_counters(plan, opt);
	mmb_plan_peers(plan, opt);
	mmb_plan_engines(plan, opt);
	mmb_plan_lock(plan, opt);
	mmb_plan_overlap(plan, opt);
	mmb_plan_queue_sweep(plan, opt);
	mmb_plan_sweep(plan, opt);
	mmb_plan_iommu(plan, opt);
	mmb_plan_backends(plan, opt);
}

/* "D1" names D1 and all of D1.*; a glob names what it matches. */
static bool names(const char *glob, const char *id)
{
	size_t len = strlen(glob);

	return !fnmatch(glob, id, 0) || (!strncmp(glob, id, len) && id[len] == '.');
}

static bool case_is_named(const struct mmb_case *c, const char *glob)
{
	char ids[sizeof(c->rows)], *save = NULL;

	if (names(glob, c->id))
		return true;
	memcpy(ids, c->rows, sizeof(ids));
	for (char *id = strtok_r(ids, " ", &save); id; id = strtok_r(NULL, " ", &save))
		if (names(glob, id))
			return true;
	return false;
}

static void case_free(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		mmb_vec_free(&c->arm[i].seen);
		mmb_vec_free(&c->arm[i].rounds);
	}
	free(c);
}

int mmb_plan_select(struct mmb_plan *plan, const struct mmb_options *opt, const char **unknown)
{
	bool *keep = calloc(plan->n + 1, sizeof(*keep));
	size_t kept = 0;

	if (!keep)
		abort();
	for (size_t g = 0; g < opt->n_only; g++) {
		bool any = false;

		for (size_t i = 0; i < plan->n; i++)
			if (case_is_named(plan->c[i], opt->only[g]))
				any = keep[i] = true;
		if (!any) {
			*unknown = opt->only[g];
			free(keep);
			return -ENOENT;
		}
	}
	for (size_t i = 0; i < plan->n; i++) {
		if ((!opt->n_only || keep[i]) &&
		    (opt->boot == MMB_BOOT_ANY || opt->boot == mmb_boot_of(plan->c[i])))
			plan->c[kept++] = plan->c[i];
		else
			case_free(plan->c[i]);
	}
	plan->n = kept;
	free(keep);
	return 0;
}

void mmb_plan_free(struct mmb_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		case_free(plan->c[i]);
	free(plan->c);
	memset(plan, 0, sizeof(*plan));
}
