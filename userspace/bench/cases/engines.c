// SPDX-License-Identifier: MIT
/*
 * engines.c - the engines one after the other at each size, one copy at a time, polled (S4): is what
 * `auto` chooses as quick as the best of those that keep the lock budget?
 *
 * Each engine is a device of its own in the same guest, so that they can be taken in turn. Which of
 * them keep the budget at this size is asked of the devices that count (S3), before anything is timed.
 */
#include <math.h>
#include <stdlib.h>

#include "../copy.h"
#include "../print.h"
#include "engines.h"

static void print_head(FILE *out);
static void print_case(FILE *out, const struct mmb_case *c);

static const struct mmb_group group = {
	.title = "Engines: time of one copy, polled [us, p50]",
	.meaning = "Each engine is a device of its own, all taken in turn. * = holds the big lock for longer than "
		   "its budget at this size.",
	.unit = "ns per copy",
	.print_head = print_head,
	.print_case = print_case,
};

#define TRIALS		16u

struct ladder {
	struct mmb_arm *arm[MMB_ENGINES];
	bool keeps[MMB_ENGINES];	/* the budget */
	struct mmb_pair *to_best;	/* auto / best; whose b is found out */
};

/* --- who keeps the budget ----------------------------------------------------------------- */

static enum mmb_rc try_budget(struct mmb_case *c, unsigned int e, bool *keeps)
{
	static struct mmb_arm arm;	/* of no table */
	struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = c->len,
	};
	struct mmb_lock before, after;
	struct mmb_copy *k;
	enum mmb_rc rc;

	*keeps = false;
	spec.unit = mmb_unit_find(c->s, mmb_engines[e] | MMAPDEMO_ENGINE_LOCK_STATS);
	if (!spec.unit)
		return MMB_OK;
	arm = (struct mmb_arm){ .c = c };
	rc = mmb_copy_new(&arm, &spec);
	k = arm.data;
	if (!rc && !arm.skip) {
		mmb_lock_read(k->unit, &before);
		for (unsigned int i = 0; i < TRIALS && !rc; i++)
			rc = mmb_copy_batch(k);
		mmb_lock_read(k->unit, &after);
		*keeps = !rc && after.over == before.over;
	}
	free(k);
	return rc;
}

/* --- the case ----------------------------------------------------------------------------- */

static enum mmb_rc add_engine(struct mmb_case *c, struct ladder *l, unsigned int e)
{
	const char *name = mmd_engine_name(mmb_engines[e]);
	struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = c->len,
	};

	l->arm[e] = mmb_arm_add(c, MMB_TEXT("S4.%s.%s.copy", MMB_SIZE_NAME(c->len), name),
				MMB_TEXT("%s", name), mmb_copy_run);
	l->arm[e]->engine = mmb_engines[e] + 1;
	spec.unit = mmb_unit_find(c->s, mmb_engines[e]);
	if (spec.unit)
		return mmb_copy_new(l->arm[e], &spec);
	l->arm[e]->skip = "no device here has this engine";
	return MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct ladder *l = calloc(1, sizeof(*l));
	enum mmb_rc rc = MMB_OK;
	bool any = false;

	if (!l)
		abort();
	c->priv = l;
	if (!mmb_unit_find(c->s, MMAPDEMO_ENGINE_AUTO))
		return mmb_skip(c, "no device here has dma=auto");
	for (unsigned int e = 0; e < MMB_ENGINES && !rc; e++)
		rc = try_budget(c, e, &l->keeps[e]);
	for (unsigned int e = 0; e < MMB_ENGINES && !rc; e++)
		rc = add_engine(c, l, e);
	if (rc)
		return rc;
	for (unsigned int e = 0; e < MMB_AUTO; e++) {
		any |= l->keeps[e] && !l->arm[e]->skip;
		mmb_pair_add(c, MMB_TEXT("S4.%s.%s", size, mmd_engine_name(mmb_engines[e])),
			     MMB_TEXT("%s / auto, %s", mmd_engine_name(mmb_engines[e]), size),
			     l->arm[e], l->arm[MMB_AUTO])->detail = true;
	}
	if (!any)
		return mmb_skip(c, "no engine but auto can be shown to keep the lock budget here");
	l->to_best = mmb_pair_add(c, MMB_TEXT("S4.%s.auto", size), "", l->arm[MMB_AUTO],
				  l->arm[MMB_AUTO]);
	return MMB_OK;
}

static double median_of(const struct mmb_arm *arm)
{
	struct mmb_summary sum;

	return arm->skip || mmb_summarize(arm->rounds.v, arm->rounds.n, &sum) ? NAN : sum.median;
}

/* The ratio to publish is known once the rounds are over: the quickest of those that may be used. */
static enum mmb_rc verify(struct mmb_case *c)
{
	struct ladder *l = c->priv;
	double least = INFINITY;

	for (unsigned int e = 0; e < MMB_AUTO; e++) {
		double median = median_of(l->arm[e]);

		if (!l->keeps[e] || !(median < least))
			continue;
		least = median;
		l->to_best->b = l->arm[e];
		snprintf(l->to_best->what, sizeof(l->to_best->what), "auto / best in budget, %s: %s",
			 MMB_SIZE_NAME(c->len), mmd_engine_name(mmb_engines[e]));
	}
	/* --engines has left them all out: then there is no best one, and no row. */
	for (unsigned int e = 0; e < MMB_AUTO && isinf(least); e++)
		if (l->arm[e]->left_out)
			l->to_best->b = l->arm[e];
	return mmb_copies_verify(c);
}

static void teardown(struct mmb_case *c)
{
	mmb_copies_free(c);
	free(c->priv);
	c->priv = NULL;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = mmb_copies_prepare, .verify = verify,
	.teardown = teardown,
};

/* --- one line for each size --------------------------------------------------------------- */

static void print_head(FILE *out)
{
	fprintf(out, "  %-8s", "size");
	for (unsigned int e = 0; e < MMB_ENGINES; e++)
		fprintf(out, " %9s ", mmd_engine_name(mmb_engines[e]));
	fputs("  auto / the best within the budget\n", out);
}

static void print_case(FILE *out, const struct mmb_case *c)
{
	const struct ladder *l = c->priv;
	const struct mmb_row *best = l->to_best->row;

	fprintf(out, "  %-8s", MMB_SIZE_NAME(c->len));
	for (unsigned int e = 0; e < MMB_ENGINES; e++) {
		mmb_print_cell(out, l->arm[e], 1000);
		fputc(l->keeps[e] || l->arm[e]->skip ? ' ' : '*', out);
	}
	if (best && best->sum.n)
		fprintf(out, "  %s (%s) %s\n", MMB_NUM(best->sum.median), l->to_best->b->what,
			mmb_verdict_name(best->verdict));
	else
		fprintf(out, "  %s\n", best ? mmb_verdict_name(best->verdict) : "-");
}

void mmb_plan_engines(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = {
		64, 4096, 16u << 10, 64u << 10, 128u << 10, 256u << 10, 512u << 10, 1u << 20,
		2u << 20,
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i += opt->quick ? 2 : 1) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ops, MMB_TEXT("engines.%s", size), MMB_TEXT("S4.%s.auto", size),
			     "the engines in turn")->len = sizes[i];
	}
}
