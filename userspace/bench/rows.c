// SPDX-License-Identifier: MIT
/*
 * rows.c - what a case has measured becomes rows of the results, with verdicts.
 */
#include "rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mmb_count_controls(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];
		char id[MMB_ID_LEN];
		struct mmb_row *row;

		if (!(arm->flags & MMB_ARM_CONTROL) || arm->skip)
			continue;
		/* The results of all boots go into one file. */
		snprintf(id, sizeof(id), "%s%s", arm->id,
			 mmb_boot_of(c) == MMB_BOOT_IOMMU ? ".iommu" : "");
		row = mmb_row_find(c->s->results, id);
		if (!row)
			row = mmb_row_add(c->s->results, MMB_ROW_CONTROL, id, arm->what,
					  arm->unit ? arm->unit : "ns");
		if (!row || mmb_vec_append(&row->series, &arm->rounds))
			abort();
		row->boot = mmb_boot_of(c);
		row->bytes = arm->bytes;
		row->tries++;
		arm->row = row;
	}
}

static struct mmb_hist *histogram(const struct mmb_vec *seen)
{
	struct mmb_hist *hist = calloc(1, sizeof(*hist));

	if (!hist)
		abort();
	for (size_t i = 0; i < seen->n; i++)
		if (mmb_hist_add(hist, seen->v[i]))
			abort();	/* mmb_summarize() has refused these before */
	return hist;
}

void mmb_controls_close(struct mmb_session *s)
{
	for (size_t i = 0; i < s->results->n; i++) {
		struct mmb_row *row = s->results->row[i];

		if (row->kind != MMB_ROW_CONTROL)
			continue;
		if (mmb_summarize(row->series.v, row->series.n, &row->sum))
			abort();
		row->hist = histogram(&row->series);
		if (!(row->sum.spread <= MMB_SPREAD_MAX))
			mmb_row_reason(row, MMB_NOISY, "scattered over the whole run; each case "
				       "was judged by its own part of it");
	}
}

static struct mmb_row *new_row(struct mmb_case *c, enum mmb_row_kind kind, const char *id,
			       const char *what, const char *unit)
{
	struct mmb_row *row = mmb_row_add(c->s->results, kind, id, what, unit);

	if (!row)
		abort();
	row->boot = mmb_boot_of(c);
	row->tries = c->try;
	return row;
}

/* The verdict on a row with a number. Inconclusive ones lose it. @noise: what there was, "" if none */
static void judge(const struct mmb_case *c, struct mmb_row *row, const char *noise)
{
	if (*noise && c->try == MMB_TRIES) {
		memset(&row->sum, 0, sizeof(row->sum));
		free(row->hist);
		row->hist = NULL;
		mmb_row_reason(row, MMB_INCONCLUSIVE, noise);
	} else if (*noise) {
		mmb_row_reason(row, MMB_NOISY, noise);
	} else {
		row->verdict = mmb_judge_all(row->target, &row->sum);
	}
}

static const char *noise_of(const struct mmb_case *c, const struct mmb_arm *arm)
{
	return c->noisy ? c->noise : arm->unsteady;
}

static enum mmb_rc arm_row(struct mmb_case *c, struct mmb_arm *arm)
{
	const char *unit = arm->unit ? arm->unit : c->ops->group->unit;
	struct mmb_summary sum;
	struct mmb_row *row;
	int err = 0;

	if (!arm->skip)
		err = mmb_summarize(arm->seen.v, arm->seen.n, &sum);
	if (err)
		return mmb_wrong(c, "%s: the measured values are not numbers: %s", arm->id,
				 strerror(-err));
	row = new_row(c, MMB_ROW_METRIC, arm->id, arm->what, unit);
	arm->row = row;
	row->detail = arm->flags & MMB_ARM_DETAIL;
	row->bytes = arm->bytes;
	if (arm->skip) {
		mmb_row_reason(row, MMB_SKIPPED, arm->skip);
		return MMB_OK;
	}
	row->sum = sum;
	row->hist = histogram(&arm->seen);
	judge(c, row, noise_of(c, arm));
	return MMB_OK;
}

uint64_t mmb_seed_of(const struct mmb_session *s, const char *id)
{
	uint64_t seed = s->opt->seed;

	for (; *id; id++) {
		seed ^= (unsigned char)*id;
		seed = mmb_random(&seed);
	}
	return seed;
}

static enum mmb_rc pair_row(struct mmb_case *c, struct mmb_pair *pair)
{
	const char *skip = pair->a->skip ? pair->a->skip : pair->b->skip;
	struct mmb_summary sum;
	struct mmb_row *row;
	int err = 0;

	if (!skip)
		err = mmb_ratio_summarize(pair->a->rounds.v, pair->b->rounds.v, pair->a->rounds.n,
					  mmb_seed_of(c->s, pair->id), &sum);
	if (err)
		return mmb_wrong(c, "%s: the ratio of %s to %s is not a number: %s", pair->id,
				 pair->a->id, pair->b->id, strerror(-err));
	row = new_row(c, MMB_ROW_RATIO, pair->id, pair->what, "ratio");
	pair->row = row;
	row->detail = pair->detail;
	snprintf(row->over[0], sizeof(row->over[0]), "%s", pair->a->id);
	snprintf(row->over[1], sizeof(row->over[1]), "%s", pair->b->id);
	if (skip) {
		mmb_row_reason(row, MMB_SKIPPED, skip);
		return MMB_OK;
	}
	row->sum = sum;
	judge(c, row, noise_of(c, pair->a->unsteady[0] ? pair->a : pair->b));
	return MMB_OK;
}

enum mmb_rc mmb_make_rows(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (!(c->arm[i].flags & MMB_ARM_CONTROL) && !c->arm[i].left_out)
			rc = arm_row(c, &c->arm[i]);
	for (size_t i = 0; i < c->n_pairs && !rc; i++)
		if (!c->pair[i].a->left_out && !c->pair[i].b->left_out)
			rc = pair_row(c, &c->pair[i]);
	return rc;
}

void mmb_make_skipped_rows(struct mmb_case *c)
{
	char ids[sizeof(c->rows)], *save = NULL;

	memcpy(ids, c->rows, sizeof(ids));
	for (char *id = strtok_r(ids, " ", &save); id; id = strtok_r(NULL, " ", &save))
		mmb_row_reason(new_row(c, MMB_ROW_RATIO, id, c->what, "ratio"), MMB_SKIPPED,
			       c->skip);
}
