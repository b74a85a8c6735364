// SPDX-License-Identifier: MIT
/*
 * runner.c - takes the arms of a case in turn, decides whether the machine was quiet, makes rows.
 *
 * A case goes: setup, then up to three tries of (prepare, warm up, rounds, verify), then
 * rows, teardown. Data is poisoned in prepare and checked in verify, outside of what is timed; a
 * case whose data is wrong gives no row at all.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "print.h"
#include "rows.h"
#include "select.h"

static enum mmb_rc timed_run(struct mmb_arm *arm, uint64_t ops, double *ns)
{
	uint64_t start = mmb_now_ns();
	enum mmb_rc rc = arm->run(arm, ops);

	*ns = (double)(mmb_now_ns() - start);
	return rc;
}

/* The shortest of three: being interrupted only ever makes it longer. */
static enum mmb_rc shortest_run(struct mmb_arm *arm, uint64_t ops, double *ns)
{
	*ns = INFINITY;
	for (int i = 0; i < 3; i++) {
		double once;
		enum mmb_rc rc = timed_run(arm, ops, &once);

		if (rc)
			return rc;
		*ns = fmin(*ns, once);
	}
	return MMB_OK;
}

/* First touches, translation, branch history; and how many operations make a batch. */
static enum mmb_rc warm_up(struct mmb_arm *arm)
{
	uint64_t ops = arm->ops ? arm->ops : 1;
	double ns;
	enum mmb_rc rc = timed_run(arm, ops, &ns);

	if (rc || arm->ops)
		return rc;
	for (;;) {
		rc = shortest_run(arm, ops, &ns);
		if (rc)
			return rc;
		if (ns >= MMB_BATCH_NS / 4 || (arm->max_ops && ops >= arm->max_ops))
			break;
		ops *= 2;
	}
	ops = (uint64_t)((double)ops * MMB_BATCH_NS / (ns + 1)) + 1;
	if (arm->max_ops && ops > arm->max_ops)
		ops = arm->max_ops;
	/* The access loops go in steps of eight. */
	arm->ops = ops < 8 ? ops : (ops + 7) / 8 * 8;
	return MMB_OK;
}

static double round_value(const struct mmb_arm *arm)
{
	struct mmb_summary sum;

	if (mmb_summarize(arm->seen.v + arm->round_start, arm->seen.n - arm->round_start, &sum))
		return NAN;
	return sum.median;
}

/*
 * The arms before have been using the caches and the emulated TLB. Self-timed arms do this in
 * their own way.
 */
static enum mmb_rc refresh(struct mmb_arm *arm)
{
	return arm->flags & MMB_ARM_SELF_TIMED ? MMB_OK : arm->run(arm, arm->ops / 4 + 1);
}

static enum mmb_rc one_round(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];
		enum mmb_rc rc;
		double ns;

		if (arm->skip)
			continue;
		if (mmb_interrupted())
			return MMB_INTR;
		arm->round_start = arm->seen.n;
		rc = refresh(arm);
		if (!rc)
			rc = timed_run(arm, arm->ops, &ns);
		if (rc)
			return rc;
		if (!(arm->flags & MMB_ARM_SELF_TIMED))
			mmb_observe(arm, ns / (double)arm->ops);
		if (mmb_vec_push(&arm->rounds, round_value(arm)))
			abort();
	}
	return MMB_OK;
}

unsigned int mmb_case_pairs(const struct mmb_case *c)
{
	return c->pairs ? c->pairs : c->s->opt->pairs;
}

static bool another_round(const struct mmb_case *c, unsigned int round, uint64_t start)
{
	if (!c->s->opt->duration_s)
		return round < mmb_case_pairs(c);
	return round < MMB_PAIRS_MIN ||
	       (round < MMB_ROUNDS_MAX &&
		mmb_now_ns() - start < c->s->opt->duration_s * 1000000000ULL);
}

static enum mmb_rc timed_rounds(struct mmb_case *c)
{
	uint64_t start;
	enum mmb_rc rc;

	for (size_t i = 0; i < c->n_arms; i++) {
		if (c->arm[i].skip)
			continue;
		rc = warm_up(&c->arm[i]);
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < c->n_arms; i++) {
		mmb_vec_reset(&c->arm[i].seen);
		mmb_vec_reset(&c->arm[i].rounds);
	}
	start = mmb_now_ns();
	for (unsigned int round = 0; another_round(c, round, start); round++) {
		rc = one_round(c);
		if (rc)
			return rc;
	}
	return MMB_OK;
}

static enum mmb_rc one_try(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	if (c->ops->prepare)
		rc = c->ops->prepare(c);
	if (!rc)
		rc = c->ops->run ? c->ops->run(c) : timed_rounds(c);
	if (!rc && c->ops->verify)
		rc = c->ops->verify(c);
	return rc;
}

/* The control that scattered most, if it did so beyond the limit; else NULL. */
static const struct mmb_arm *noisiest(const struct mmb_case *c, double *spread)
{
	const struct mmb_arm *worst = NULL;
	struct mmb_summary sum;

	*spread = MMB_SPREAD_MAX;
	for (size_t i = 0; i < c->n_arms; i++) {
		const struct mmb_arm *arm = &c->arm[i];

		if (!(arm->flags & MMB_ARM_CONTROL) || arm->skip)
			continue;
		if (mmb_summarize(arm->rounds.v, arm->rounds.n, &sum))
			continue;
		/* Written so that a control without a spread counts as the worst. */
		if (!(sum.spread <= *spread)) {
			*spread = sum.spread;
			worst = arm;
		}
	}
	return worst;
}

static bool time_left(const struct mmb_session *s)
{
	return (mmb_now_ns() - s->start_ns) / 1000000000ULL < s->opt->budget_s;
}

/*
 * A count that has to hold every time, and did not once: what the host's interrupts add to a time
 * will not be there again, what the device does will.
 */
static bool broken_once(const struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		const struct mmb_arm *arm = &c->arm[i];
		const struct mmb_target *target = mmb_target_find(arm->id);
		struct mmb_summary sum;

		if (target && target->by == MMB_BY_EVERY && !arm->skip &&
		    !mmb_summarize(arm->seen.v, arm->seen.n, &sum) &&
		    mmb_judge_all(target, &sum) == MMB_FAIL)
			return true;
	}
	return false;
}

/* A judged ratio whose interval reaches across its limit deserves another try. */
static bool undecided(const struct mmb_case *c)
{
	if (!c->ops->run && broken_once(c))
		return true;
	for (size_t i = 0; i < c->n_pairs; i++) {
		const struct mmb_pair *p = &c->pair[i];
		const struct mmb_target *target = mmb_target_find(p->id);
		struct mmb_summary sum;

		if (!target || !target->judged || p->a->skip || p->b->skip ||
		    mmb_ratio_summarize(p->a->rounds.v, p->b->rounds.v, p->a->rounds.n,
					mmb_seed_of(c->s, p->id), &sum))
			continue;
		if (mmb_judge(target, sum.ci_lo) != mmb_judge(target, sum.ci_hi) ||
		    mmb_judge(target, sum.median) != mmb_judge(target, sum.ci_lo))
			return true;
	}
	return false;
}

/* A figure that is to be exact to the digit, and was not the same twice. */
static const struct mmb_arm *unsteady(const struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++)
		if (!c->arm[i].skip && c->arm[i].unsteady[0])
			return &c->arm[i];
	return NULL;
}

static bool is_judged(const struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_pairs; i++) {
		const struct mmb_target *target = mmb_target_find(c->pair[i].id);

		if (target && target->judged)
			return true;
	}
	return false;
}

/*
 * What disturbs a machine seldom ends within the milliseconds that a try takes. The few cases with
 * a verdict are worth a longer pause.
 */
static bool let_it_pass(const struct mmb_case *c)
{
	const long ms = (c->try == 1 ? 200 : 600) * (is_judged(c) ? 5 : 1);
	const struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
	return !mmb_interrupted();
}

static enum mmb_rc tries(struct mmb_case *c)
{
	enum mmb_rc rc;

	for (c->try = 1;; c->try++) {
		const struct mmb_arm *worst;
		double spread;

		mmb_progress(c->s, c);
		rc = one_try(c);
		if (rc)
			return rc;
		mmb_count_controls(c);
		worst = noisiest(c, &spread);
		c->noisy = worst;
		if (!worst && !unsteady(c) && !undecided(c))
			break;
		if (worst)
			snprintf(c->noise, sizeof(c->noise),
				 "%s scattered: p90/p10 = %.2f, limit %.1f, try %u of %d",
				 worst->id, spread, MMB_SPREAD_MAX, c->try, MMB_TRIES);
		if (c->try == MMB_TRIES || !time_left(c->s))
			break;
		if (!let_it_pass(c))
			return MMB_INTR;
	}
	return mmb_make_rows(c);
}

enum mmb_rc mmb_case_run(struct mmb_case *c)
{
	bool none_left;
	enum mmb_rc rc;

	c->try = 1;
	mmb_progress(c->s, c);
	if (!c->ops->run)
		mmb_controls_add(c);
	rc = c->ops->setup(c);
	none_left = !rc && mmb_leave_out(c);
	if (!rc && !none_left)
		rc = tries(c);
	if (rc == MMB_SKIP) {
		mmb_make_skipped_rows(c);
		rc = MMB_OK;
	}
	if (!rc && !none_left)
		mmb_print_case(c);
	if (c->ops->teardown && rc != MMB_GONE)
		c->ops->teardown(c);
	return rc;
}
