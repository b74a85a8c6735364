// SPDX-License-Identifier: MIT
/*
 * icount.c - asks the machine whether its time-stamp counter counts instructions, and counts with it.
 */
#include "icount.h"

#include <math.h>
#include <stdlib.h>

static uint64_t time_stamp(void)
{
#if defined(__x86_64__)
	uint32_t lo, hi;

	/* Emulated one after the other: nothing has to be fenced. */
	__asm__ __volatile__("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
#else
	return 0;
#endif
}

uint64_t (*mmb_icount_read)(void) = time_stamp;

#define STRAIGHT	1000

static __attribute__((noinline)) uint64_t straight(void)
{
	uint64_t start = time_stamp();

	__asm__ __volatile__(".rept 1000\n\tnop\n\t.endr");
	return time_stamp() - start;
}

static __attribute__((noinline)) uint64_t nothing(void)
{
	uint64_t start = time_stamp();

	return time_stamp() - start;
}

/* A clock would have to hit the one right number three times running. */
static bool ask(void)
{
	int good = 0;

	for (int i = 0; i < 20 && good < 3; i++)
		good = straight() - nothing() == STRAIGHT * MMB_ICOUNT_TICKS ? good + 1 : 0;
	return good == 3;
}

bool mmb_icount_here(void)
{
	static int known = -1;

	if (known < 0)
		known = ask();
	return known;
}

enum mmb_rc mmb_icount_setup(struct mmb_case *c)
{
	if (mmb_icount_here())
		return MMB_OK;
	return mmb_skip(c, "this machine's clock does not count instructions (QEMU: -accel tcg -icount "
			"shift=4,sleep=off -smp 1)");
}

struct mmb_arm *mmb_icount_arm(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			       uint64_t ops)
{
	struct mmb_arm *arm = mmb_arm_add(c, id, what, run);

	arm->ops = ops;
	return arm;
}

/* One batch: instructions of run(), with what reading the counter itself takes. */
static enum mmb_rc batch(struct mmb_arm *arm, uint64_t ops, double *count)
{
	enum mmb_rc rc = arm->before ? arm->before(arm, ops) : MMB_OK;
	uint64_t start, end;

	if (rc)
		return rc;
	start = mmb_icount_read();
	rc = arm->run(arm, ops);
	end = mmb_icount_read();
	*count = (double)(end - start) / MMB_ICOUNT_TICKS;
	if (!rc && arm->after)
		rc = arm->after(arm, ops);
	return rc;
}

#define BASE_BATCHES	21

/* The least: nothing but the timer tick can add to it. */
static enum mmb_rc least(struct mmb_arm *arm, uint64_t ops, double *count)
{
	*count = INFINITY;
	for (int i = 0; i < BASE_BATCHES; i++) {
		double once;
		enum mmb_rc rc = batch(arm, ops, &once);

		if (rc)
			return rc;
		*count = fmin(*count, once);
	}
	return MMB_OK;
}

static enum mmb_rc empty_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	for (uint64_t i = 0; i < ops; i++)
		__asm__ __volatile__("" : : : "memory");
	return MMB_OK;
}

double mmb_icount_loop(void)
{
	struct mmb_arm arm = { .run = empty_run };
	double one = 0, two = 0;

	least(&arm, MMB_ICOUNT_OPS, &one);
	least(&arm, 2 * MMB_ICOUNT_OPS, &two);
	return (two - one) / MMB_ICOUNT_OPS;
}

static enum mmb_rc series(struct mmb_arm *arm)
{
	const uint64_t half = arm->ops / 2;
	const double loop = half && !(arm->flags & MMB_ARM_NO_LOOP) ? mmb_icount_loop() : 0;
	const double per = arm->per ? arm->per : 1;
	double base = 0;
	enum mmb_rc rc = least(arm, half, &base);

	mmb_vec_reset(&arm->seen);
	for (unsigned int i = 0; i < MMB_ICOUNT_BATCHES && !rc; i++) {
		double count = 0;

		if (mmb_interrupted())
			return MMB_INTR;
		rc = batch(arm, arm->ops, &count);
		if (!rc)
			mmb_observe(arm, ((count - base) / (double)(arm->ops - half) - loop) / per);
	}
	return rc;
}

static enum mmb_rc figure(struct mmb_arm *arm, const double *v, size_t n, double *value)
{
	struct mmb_summary sum;

	if (mmb_summarize(v, n, &sum))
		return mmb_wrong(arm->c, "%s: the counts are not numbers", arm->id);
	*value = arm->flags & MMB_ARM_MIN ? sum.min : sum.median;
	return MMB_OK;
}

/* What later ones will find in caches, allocators and page tables of the kernel is there after these. */
static enum mmb_rc warm_up(struct mmb_arm *arm)
{
	enum mmb_rc rc = MMB_OK;
	double count;

	for (int i = 0; i < 3 && !rc; i++)
		rc = batch(arm, arm->ops, &count);
	return rc;
}

/* Long ones: the two halves of one series, since each takes seconds. */
static enum mmb_rc two_figures(struct mmb_arm *arm, double *first, double *second)
{
	const size_t half = MMB_ICOUNT_BATCHES / 2;
	enum mmb_rc rc = series(arm);

	if (!rc && arm->flags & MMB_ARM_LONG) {
		rc = figure(arm, arm->seen.v, half, first);
		return rc ? rc : figure(arm, arm->seen.v + half, arm->seen.n - half, second);
	}
	if (!rc)
		rc = figure(arm, arm->seen.v, arm->seen.n, first);
	if (!rc)
		rc = series(arm);
	return rc ? rc : figure(arm, arm->seen.v, arm->seen.n, second);
}

#define LONG_TOLERANCE	0.01

enum mmb_rc mmb_icount_count(struct mmb_arm *arm)
{
	double first = 0, second = 0;
	enum mmb_rc rc = warm_up(arm);

	arm->unsteady[0] = '\0';
	if (!rc)
		rc = two_figures(arm, &first, &second);
	if (rc)
		return rc;
	if (fabs(first - second) > (arm->flags & MMB_ARM_LONG ? LONG_TOLERANCE * first : 0))
		snprintf(arm->unsteady, sizeof(arm->unsteady),
			 "two series of batches do not agree: %.4f and %.4f", first, second);
	mmb_vec_reset(&arm->rounds);
	if (mmb_vec_append(&arm->rounds, &arm->seen))
		abort();
	return MMB_OK;
}

enum mmb_rc mmb_icount_run(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (!c->arm[i].skip)
			rc = mmb_icount_count(&c->arm[i]);
	return rc;
}
