// SPDX-License-Identifier: MIT
/*
 * lock.c - how long QEMU's big lock is held to move a queue's bytes (S3): counted in the device, in
 * CPU time of the thread that holds it, by engine and size; and what somebody else feels of it.
 *
 * Devices of their own count (lock-stats=on): the clock reads would burden the others' figures. The
 * probe is a store to a register that does nothing, by another processor, at a fixed rate.
 */
#include <math.h>
#include <stdlib.h>

#include "../copy.h"
#include "../helper.h"
#include "../print.h"
#include "engines.h"

static void print_head(FILE *out);
static void print_case(FILE *out, const struct mmb_case *c);

static const struct mmb_group lock_group = {
	.title = "The big lock: longest hold to move bytes, by engine",
	.meaning = "Counted by the device, in CPU time [us]; in brackets, its sum for each copy. While it is held, "
		   "no other processor of the guest gets at any device.",
	.unit = "ns",
	.print_head = print_head,
	.print_case = print_case,
};

static const struct mmb_group probe_group = {
	.title = "The big lock, felt: a register store by the other processor, 5,000 a second",
	.meaning = "While a queue copies without a pause. What is above the idle line is waiting, for the lock or "
		   "for a processor of the host.",
	.unit = "ns per store",
	.shown_unit = "us per store",
	.shown_per = 1000,
};

const uint32_t mmb_engines[MMB_ENGINES] = {
	MMAPDEMO_ENGINE_INLINE, MMAPDEMO_ENGINE_VCPU, MMAPDEMO_ENGINE_BH,
	MMAPDEMO_ENGINE_IOTHREAD, MMAPDEMO_ENGINE_THREAD, MMAPDEMO_ENGINE_AUTO,
};

#define ROUNDS		21u
#define BATCHES		4u		/* of each round */
#define BURST		64u		/* descriptors behind one doorbell */
#define BURST_BYTES	(16u << 20)	/* of all of them, at most */

void mmb_lock_read(const struct mmb_unit *u, struct mmb_lock *lock)
{
	lock->holds = mmb_unit_counter(u, MMAPDEMO_REG_CNT_LOCK_HOLDS);
	lock->ns = mmb_unit_counter(u, MMAPDEMO_REG_CNT_LOCK_NS);
	lock->over = mmb_unit_counter(u, MMAPDEMO_REG_CNT_LOCK_OVER);
}

uint64_t mmb_lock_longest(const struct mmb_unit *u)
{
	uint64_t ns = mmb_unit_counter(u, MMAPDEMO_REG_LOCK_MAX_NS);

	mmd_mmio_write64(mmd_mmio_at(u->user.ptr, MMAPDEMO_REG_LOCK_MAX_NS - MMAPDEMO_USER_BASE),
			 0);
	return ns;
}

/* --- counted ------------------------------------------------------------------------------ */

enum { LONGEST, TOTAL, OVER, ARMS };

/* Behind the controls, all of them. */
static struct mmb_arm *arm_of(const struct mmb_case *c, unsigned int engine, unsigned int which)
{
	return (struct mmb_arm *)&c->arm[c->n_arms - (MMB_ENGINES - engine) * ARMS + which];
}

/* c->direction, which a copy of memory has anyway, is not what tells these cases apart. */
static bool is_burst(const struct mmb_case *c)
{
	return c->priv;
}

static uint32_t depth_of(const struct mmb_case *c)
{
	if (!is_burst(c))
		return 1;
	return c->len * BURST > BURST_BYTES ? (uint32_t)(BURST_BYTES / c->len) : BURST;
}

/*
 * A round: each engine's copies between two readings. What is counted beside the longest hold goes to
 * the two arms that follow, which do nothing themselves.
 */
static enum mmb_rc count_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_arm *total = &arm[TOTAL - LONGEST], *over = &arm[OVER - LONGEST];
	struct mmb_copy *k = arm->data;
	struct mmb_lock before, after;
	uint64_t ns, budget = 0;
	enum mmb_rc rc = MMB_OK;

	if (mmd_reg_read(k->unit->dev, MMAPDEMO_REG_LOCK_BUDGET_NS, 4, &budget))
		return mmb_wrong(arm->c, "%s: LOCK_BUDGET_NS cannot be read", mmd_path(k->unit->dev));
	mmb_copy_stamp(k);
	mmb_lock_longest(k->unit);
	mmb_lock_read(k->unit, &before);
	for (uint64_t i = 0; i < ops && !rc; i++)
		rc = mmb_copy_batch(k);
	mmb_lock_read(k->unit, &after);
	ns = mmb_lock_longest(k->unit);
	if (!rc)
		rc = mmb_copy_arrived(k);
	if (rc)
		return rc;
	/* The two ways of telling must agree. */
	if ((ns > budget) != (after.over > before.over))
		return mmb_wrong(arm->c, "%s: the longest hold was %llu ns, the budget is %llu ns, and "
				 "%llu holds are counted as longer", mmd_path(k->unit->dev),
				 (unsigned long long)ns, (unsigned long long)budget,
				 (unsigned long long)(after.over - before.over));
	/* A counter that stands still proves nothing where it has to move. */
	if (mmb_engines[arm->tag] == MMAPDEMO_ENGINE_INLINE && after.holds == before.holds)
		return mmb_wrong(arm->c, "%s: the device counts no hold of the lock, where all is done "
				 "under it", mmd_path(k->unit->dev));
	mmb_observe(arm, (double)ns);
	mmb_observe(total, (double)(after.ns - before.ns) / (double)(ops * k->depth));
	if (!arm->rounds.n)
		over->offset = 0;	/* warming up does not count */
	over->offset += after.over - before.over;
	return MMB_OK;
}

static enum mmb_rc beside_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	(void)ops;
	return MMB_OK;
}

static enum mmb_rc add_engine(struct mmb_case *c, unsigned int e)
{
	const char *name = mmd_engine_name(mmb_engines[e]);
	const char *id = MMB_TEXT("S3.%s.%s%s", name, MMB_SIZE_NAME(c->len),
				  is_burst(c) ? ".burst" : "");
	struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.depth = depth_of(c), .len = c->len,
	};
	struct mmb_arm *longest = mmb_arm_add(c, MMB_TEXT("%s.longest", id),
					      MMB_TEXT("longest hold, %s", name), count_run);
	struct mmb_arm *total = mmb_arm_add(c, MMB_TEXT("%s.total", id),
					    MMB_TEXT("held for each copy, %s", name), beside_run);
	struct mmb_arm *over = mmb_arm_add(c, MMB_TEXT("%s.over", id),
					   MMB_TEXT("holds above the budget, %s", name), beside_run);

	longest->tag = e;
	longest->engine = total->engine = over->engine = mmb_engines[e] + 1;
	longest->ops = BATCHES;
	total->ops = over->ops = 1;
	total->flags = over->flags = MMB_ARM_SELF_TIMED;
	over->unit = "holds";
	spec.unit = mmb_unit_find(c->s, mmb_engines[e] | MMAPDEMO_ENGINE_LOCK_STATS);
	if (spec.unit) {
		enum mmb_rc rc = mmb_copy_new(longest, &spec);

		total->skip = over->skip = longest->skip;
		return rc;
	}
	longest->skip = total->skip = over->skip = "no device here has this engine and lock-stats=on";
	return MMB_OK;
}

static enum mmb_rc lock_setup(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;
	bool any = false;

	for (unsigned int e = 0; e < MMB_ENGINES && !rc; e++)
		rc = add_engine(c, e);
	for (unsigned int e = 0; e < MMB_ENGINES && !rc; e++)
		any |= !arm_of(c, e, LONGEST)->skip;
	if (!rc && !any)
		return mmb_skip(c, "there is no device with lock-stats=on here");
	return rc;
}

/* One number: "never" is said of all rounds. */
static enum mmb_rc lock_verify(struct mmb_case *c)
{
	for (unsigned int e = 0; e < MMB_ENGINES; e++) {
		struct mmb_arm *over = arm_of(c, e, OVER);

		if (!over->skip)
			mmb_observe(over, (double)over->offset);
	}
	return mmb_copies_verify(c);
}

static void lock_teardown(struct mmb_case *c)
{
	mmb_copies_free(c);
	c->priv = NULL;
}

static const struct mmb_case_ops lock_ops = {
	.group = &lock_group, .setup = lock_setup, .prepare = mmb_copies_prepare,
	.verify = lock_verify, .teardown = lock_teardown,
};

/* --- felt --------------------------------------------------------------------------------- */

#define PROBES		16u
#define PROBE_PERIOD_NS	200000u

struct probe {
	volatile void *reg;
	double ns[PROBES];
	int over;		/* by the probing thread: it is done */
};

static void probe(void *arg)
{
	struct probe *p = arg;
	uint64_t next = mmb_now_ns();

	for (unsigned int i = 0; i < PROBES; i++) {
		struct timespec at;
		uint64_t start;

		next += PROBE_PERIOD_NS;
		at.tv_sec = (time_t)(next / 1000000000u);
		at.tv_nsec = (long)(next % 1000000000u);
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		start = mmb_now_ns();
		mmd_mmio_write32(p->reg, i);
		p->ns[i] = (double)(mmb_now_ns() - start);
	}
	__atomic_store_n(&p->over, 1, __ATOMIC_RELEASE);
}

static enum mmb_rc probe_round(struct mmb_arm *arm, struct mmb_helper *helper)
{
	const struct mmb_copy *k = arm->data;
	enum mmb_rc rc = MMB_OK;
	struct probe p = { 0 };

	p.reg = mmd_mmio_at(arm->c->s->user.ptr, MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
	mmb_helper_do(helper, probe, &p);
	while (k && !rc && !__atomic_load_n(&p.over, __ATOMIC_ACQUIRE))
		rc = mmb_copy_batch(k);
	mmb_helper_wait(helper);
	for (unsigned int i = 0; i < PROBES && !rc; i++)
		mmb_observe(arm, p.ns[i]);
	return rc;
}

static enum mmb_rc probe_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_helper *helper;
	enum mmb_rc rc = MMB_OK;
	bool any = false;

	mmb_arm_add(c, MMB_TEXT("S3.probe.idle.%s", size), "store, nobody copies", NULL);
	for (unsigned int e = 0; e < MMB_ENGINES && !rc; e++) {
		const char *name = mmd_engine_name(mmb_engines[e]);
		struct mmb_copy_spec spec = {
			.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
			.len = c->len,
		};
		struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("S3.probe.%s.%s", name, size),
						  MMB_TEXT("store beside %s copies, %s", size, name),
						  NULL);

		arm->engine = mmb_engines[e] + 1;
		spec.unit = mmb_unit_find(c->s, mmb_engines[e]);
		any |= spec.unit != NULL;
		if (spec.unit)
			rc = mmb_copy_new(arm, &spec);
		else
			arm->skip = "no device here has this engine";
	}
	if (!rc && !any)
		return mmb_skip(c, "there is no device of any engine here");
	helper = rc ? NULL : mmb_helper_start(c->s);
	if (!rc && !helper)
		return mmb_skip(c, "there is no second processor to probe from");
	c->priv = helper;
	return rc;
}

static enum mmb_rc probe_run(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (unsigned int round = 0; round < ROUNDS && !rc; round++)
		for (size_t i = 0; i < c->n_arms && !rc; i++)
			if (!c->arm[i].skip)
				rc = probe_round(&c->arm[i], c->priv);
	return rc;
}

static void probe_teardown(struct mmb_case *c)
{
	mmb_helper_stop(c->priv);
	mmb_copies_free(c);
	c->priv = NULL;
}

static const struct mmb_case_ops probe_ops = {
	.group = &probe_group, .setup = probe_setup, .prepare = mmb_copies_prepare,
	.run = probe_run, .verify = mmb_copies_verify, .teardown = probe_teardown,
};

/* --- one line for each size --------------------------------------------------------------- */

static void print_head(FILE *out)
{
	fprintf(out, "  %-8s %-7s", "size", "copies");
	for (unsigned int e = 0; e < MMB_ENGINES; e++)
		fprintf(out, " %17s", mmd_engine_name(mmb_engines[e]));
	fprintf(out, "   %s\n", "auto, holds above the budget");
}

static void print_case(FILE *out, const struct mmb_case *c)
{
	const struct mmb_row *over = arm_of(c, MMB_AUTO, OVER)->row;

	fprintf(out, "  %-8s %-7u", MMB_SIZE_NAME(c->len), depth_of(c));
	for (unsigned int e = 0; e < MMB_ENGINES; e++) {
		const struct mmb_row *longest = arm_of(c, e, LONGEST)->row;
		const struct mmb_row *total = arm_of(c, e, TOTAL)->row;

		if (longest && longest->sum.n && total && total->sum.n)
			fprintf(out, " %7s %9s", MMB_NUM(longest->sum.max / 1000),
				MMB_TEXT("(%s)", MMB_NUM(total->sum.median / 1000)));
		else
			fprintf(out, " %17s", "-");
	}
	if (over && over->sum.n)
		fprintf(out, "   %s %s\n", MMB_NUM(over->sum.median),
			mmb_verdict_name(over->verdict));
	else
		fprintf(out, "   %s\n", over ? mmb_verdict_name(over->verdict) : "-");
}

void mmb_plan_lock(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = {
		64, 4096, 64u << 10, 128u << 10, 256u << 10, 512u << 10, 1u << 20, 2u << 20,
	};
	static const uint64_t probe_sizes[] = { 64u << 10, 2u << 20 };
	static char burst;	/* its address marks the cases */

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i += opt->quick ? 2 : 1) {
		for (int b = 0; b < 2; b++) {
			const char *size = MMB_SIZE_NAME(sizes[i]);
			struct mmb_case *c = mmb_plan_add(plan, &lock_ops,
				MMB_TEXT("lock.%s%s", size, b ? ".burst" : ""),
				MMB_TEXT("S3.auto.%s%s.over", size, b ? ".burst" : ""),
				"time the big lock is held");

			c->len = sizes[i];
			c->pairs = ROUNDS;
			c->priv = b ? &burst : NULL;
		}
	}
	for (size_t i = 0; i < 2; i++) {
		const char *size = MMB_SIZE_NAME(probe_sizes[i]);

		mmb_plan_add(plan, &probe_ops, MMB_TEXT("lock.probe.%s", size),
			     MMB_TEXT("S3.probe.auto.%s", size),
			     "register store beside copies")->len = probe_sizes[i];
	}
}
