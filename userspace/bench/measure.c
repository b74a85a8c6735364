// SPDX-License-Identifier: MIT
/*
 * measure.c - the small verbs that cases are written in.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "print.h"

char *mmb_text(char *text, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, size, fmt, ap);
	va_end(ap);
	return text;
}

struct mmb_arm *mmb_arm_add(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run)
{
	struct mmb_arm *arm;

	/* The tables in cases/ are fixed: running over is a bug there, not a state to handle. */
	if (c->n_arms == MMB_ARMS_MAX)
		abort();
	arm = &c->arm[c->n_arms++];
	snprintf(arm->id, sizeof(arm->id), "%s", id);
	snprintf(arm->what, sizeof(arm->what), "%s", what);
	arm->run = run;
	arm->c = c;
	return arm;
}

struct mmb_pair *mmb_pair_add(struct mmb_case *c, const char *id, const char *what,
			      struct mmb_arm *a, struct mmb_arm *b)
{
	struct mmb_pair *pair;

	if (c->n_pairs == MMB_PAIRS_OF_CASE_MAX)
		abort();
	pair = &c->pair[c->n_pairs++];
	snprintf(pair->id, sizeof(pair->id), "%s", id);
	snprintf(pair->what, sizeof(pair->what), "%s", what);
	pair->a = a;
	pair->b = b;
	return pair;
}

void mmb_observe(struct mmb_arm *arm, double ns)
{
	if (mmb_vec_push(&arm->seen, ns))
		abort();	/* a few kilobytes were not to be had */
}

enum mmb_rc mmb_skip(struct mmb_case *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->skip, sizeof(c->skip), fmt, ap);
	va_end(ap);
	return MMB_SKIP;
}

enum mmb_rc mmb_wrong(struct mmb_case *c, const char *fmt, ...)
{
	va_list ap;

	c->s->errors++;
	mmb_progress_clear(c->s);
	fprintf(stderr, "mmapdemo bench: %s: ", c->id);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs(". Its rows are left out.\n", stderr);
	return MMB_WRONG;
}

enum mmb_rc mmb_failed(struct mmb_case *c, enum mmd_call call, int err)
{
	struct mmd_explanation why;

	if (err == -ENODEV)
		return MMB_GONE;
	if (mmb_interrupted())
		return MMB_INTR;
	mmd_explain(call, err, &why);
	return mmb_wrong(c, "%s: %s: %s%s%s", mmd_path(c->s->dev), why.action, why.cause,
			 *why.remedy ? ". " : "", why.remedy);
}

char *mmb_size_name(uint64_t bytes, char *name, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB" };
	size_t unit = 0;

	while (unit < 3 && bytes >= 1024 && bytes % 1024 == 0) {
		bytes /= 1024;
		unit++;
	}
	snprintf(name, size, "%llu%s", (unsigned long long)bytes, units[unit]);
	return name;
}

const char *mmb_direction_name(uint32_t direction)
{
	return direction == MMAPDEMO_DMA_TO_DEVICE ? "to_device" : "from_device";
}
