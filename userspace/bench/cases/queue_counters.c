// SPDX-License-Identifier: MIT
/*
 * queue_counters.c - what user-mode queues ask of the device model, by its own counters: register
 * accesses per batch (X2) and per completion (X3), interrupts per completion (X4).
 *
 * Reads of the counters are not counted themselves. Nothing is timed here: a busy machine changes
 * nothing, except with a worker that watches the ring, which may have fallen asleep meanwhile.
 */
#include <unistd.h>

#include "../copy.h"

static const struct mmb_group group = {
	.title = "User-mode queues: accesses and interrupts, counted by the device",
	.meaning = "Exact. One doorbell hands over a whole batch, and completions are read in memory.",
	.unit = "each",
};

#define LEN	64u
#define DEPTH	64u
#define ROUNDS	64u

/* What the device has counted, at one moment. */
struct counts {
	uint64_t reads;
	uint64_t writes;
	uint64_t doorbells;
	uint64_t irqs;
	uint64_t done;
};

static void count(const struct mmb_unit *u, struct counts *n)
{
	n->reads = mmb_unit_counter(u, MMAPDEMO_REG_CNT_RD_ALL);
	n->writes = mmb_unit_counter(u, MMAPDEMO_REG_CNT_WR_ALL);
	n->doorbells = mmb_unit_counter(u, MMAPDEMO_REG_CNT_DB_WR8) +
		       mmb_unit_counter(u, MMAPDEMO_REG_CNT_DB_WR16) +
		       mmb_unit_counter(u, MMAPDEMO_REG_CNT_DB_WR32) +
		       mmb_unit_counter(u, MMAPDEMO_REG_CNT_DB_WR64);
	n->irqs = mmb_unit_counter(u, MMAPDEMO_REG_CNT_Q_IRQ_SENT);
	n->done = mmb_unit_counter(u, MMAPDEMO_REG_CNT_Q_DONE);
}

/* Arms with nothing to run: the case's run() fills them. */
static struct mmb_arm *add(struct mmb_case *c, const char *id, const char *what)
{
	return mmb_arm_add(c, id, what, NULL);
}

static struct mmb_copy *copies_of(const struct mmb_case *c)
{
	return c->arm[0].data;
}

/* The copies that are counted hang on the first arm. */
static enum mmb_rc make_copies(struct mmb_case *c, struct mmb_unit *u, uint64_t len)
{
	const struct mmb_copy_spec spec = {
		.unit = u, .technique = MMAPDEMO_TECH_PAGES,
		.direction = MMAPDEMO_DMA_FROM_DEVICE, .len = len,
	};
	enum mmb_rc rc = mmb_copy_new(&c->arm[0], &spec);

	if (!rc && c->arm[0].skip)
		return mmb_skip(c, "%s", c->arm[0].skip);
	return rc;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	copies_of(c)->depth = 1;
	return mmb_copies_verify(c);
}

/* --- X2: a batch behind one doorbell ------------------------------------------------------ */

static const uint32_t usual_depths[] = { 1, 8, DEPTH };

static size_t depths_of(const struct mmb_case *c, const uint32_t **depths)
{
	const struct mmb_options *opt = c->s->opt;

	*depths = opt->n_depths ? opt->depth : usual_depths;
	return opt->n_depths ? opt->n_depths : sizeof(usual_depths) / sizeof(usual_depths[0]);
}

enum { WRITES, READS, SHARE, PER_DEPTH };

static enum mmb_rc batch_setup(struct mmb_case *c)
{
	const uint32_t *depths;
	size_t n = depths_of(c, &depths);

	for (size_t i = 0; i < n; i++) {
		add(c, MMB_TEXT("X2.%u.writes", depths[i]),
		    MMB_TEXT("register writes, batch of %u", depths[i]));
		add(c, MMB_TEXT("X2.%u.reads", depths[i]),
		    MMB_TEXT("register reads, batch of %u", depths[i]));
		add(c, MMB_TEXT("X2.%u.share", depths[i]),
		    MMB_TEXT("accesses per descriptor, batch of %u", depths[i]));
	}
	return make_copies(c, NULL, LEN);
}

static enum mmb_rc count_batch(struct mmb_case *c, uint32_t depth, struct mmb_arm *arm)
{
	struct mmb_copy *k = copies_of(c);
	struct counts before, after;
	enum mmb_rc rc;

	k->depth = depth;
	mmb_copy_stamp(k);
	count(k->unit, &before);
	rc = mmb_copy_batch(k);
	count(k->unit, &after);
	if (!rc)
		rc = mmb_copy_arrived(k);
	if (rc)
		return rc;
	if (after.done - before.done != depth)
		return mmb_wrong(c, "the device counts %llu completions of %u",
				 (unsigned long long)(after.done - before.done), depth);
	if (after.writes - before.writes != after.doorbells - before.doorbells)
		return mmb_wrong(c, "the device counts writes that are no doorbells");
	mmb_observe(&arm[WRITES], (double)(after.writes - before.writes));
	mmb_observe(&arm[READS], (double)(after.reads - before.reads));
	mmb_observe(&arm[SHARE], (double)(after.writes - before.writes + after.reads -
					  before.reads) / depth);
	return MMB_OK;
}

static enum mmb_rc batch_run(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;
	const uint32_t *depths;
	size_t n = depths_of(c, &depths);

	for (unsigned int round = 0; round < ROUNDS && !rc; round++)
		for (size_t i = 0; i < n && !rc; i++)
			rc = count_batch(c, depths[i], &c->arm[i * PER_DEPTH]);
	return rc;
}

static const struct mmb_case_ops batch_ops = {
	.group = &group, .setup = batch_setup, .prepare = mmb_copies_prepare, .run = batch_run,
	.verify = verify, .teardown = mmb_copies_free,
};

/* --- X2: a worker that watches the ring --------------------------------------------------- */

static enum mmb_rc polled_setup(struct mmb_case *c)
{
	struct mmb_unit *u;
	enum mmb_rc rc = mmb_unit_need(c, MMAPDEMO_ENGINE_THREAD | MMAPDEMO_ENGINE_POLLS, &u);

	if (rc)
		return rc;
	add(c, "X2.poll", "accesses per batch of 64, polling worker");
	return make_copies(c, u, LEN);
}

/* The first batch wakes the worker up; from then on it should watch. */
static enum mmb_rc polled_run(struct mmb_case *c)
{
	struct mmb_copy *k = copies_of(c);
	struct counts before, after;
	enum mmb_rc rc;

	k->depth = DEPTH;
	mmb_copy_stamp(k);
	rc = mmb_copy_batch(k);
	for (unsigned int round = 0; round < ROUNDS && !rc; round++) {
		count(k->unit, &before);
		rc = mmb_copy_batch(k);
		count(k->unit, &after);
		mmb_observe(&c->arm[0], (double)(after.writes - before.writes + after.reads -
						 before.reads));
	}
	return rc ? rc : mmb_copy_arrived(k);
}

static const struct mmb_case_ops polled_ops = {
	.group = &group, .setup = polled_setup, .prepare = mmb_copies_prepare, .run = polled_run,
	.verify = verify, .teardown = mmb_copies_free,
};

/* --- X3, X4: completions ------------------------------------------------------------------ */

enum { POLLED, SLEEPING, IRQ_ONE, IRQ_MANY, IRQ_LAST };

static enum mmb_rc completion_setup(struct mmb_case *c)
{
	add(c, "X3.polled", "accesses per completion, polled");
	add(c, "X3.sleeping", "accesses per completion, asleep");
	add(c, "X4.depth1", "interrupts per completion, depth 1");
	add(c, "X4.depth64", "interrupts per completion, depth 64");
	add(c, "X4.depth64.last", "the same, asleep until the last");
	return make_copies(c, NULL, 4096);
}

/* From behind the doorbell on: what reading the completions takes. */
static enum mmb_rc count_polled(struct mmb_case *c)
{
	struct mmb_copy *k = copies_of(c);
	struct counts before, after;
	enum mmb_rc rc;

	k->depth = DEPTH;
	mmb_copy_submit(k);
	count(k->unit, &before);
	rc = mmb_copy_collect(k, DEPTH);
	count(k->unit, &after);
	mmb_observe(&c->arm[POLLED], (double)(after.writes - before.writes + after.reads -
					      before.reads) / DEPTH);
	return rc;
}

/*
 * @armed completions from the head on the submitter asks to be woken for first; then, as long as any
 * are missing, for the next one. So it never sleeps through what is there.
 */
static enum mmb_rc sleep_through(struct mmb_case *c, uint32_t depth, uint32_t armed)
{
	struct mmb_copy *k = copies_of(c);
	struct mmd_queue *q = k->q;
	uint32_t end = q->head + depth;
	enum mmb_rc rc;

	k->depth = depth;
	/* Before the doorbell: nothing can be there yet, so an interrupt there will be. */
	if (mmd_queue_arm(q, q->head + armed - 1))
		return mmb_wrong(c, "a completion is there before its descriptor");
	mmb_copy_submit(k);
	rc = mmb_copy_sleep(k);
	while (!rc) {
		while (!rc && q->head != end && mmd_queue_peek(q))
			rc = mmb_copy_collect(k, 1);
		if (rc || q->head == end)
			break;
		if (!mmd_queue_arm(q, q->head))
			rc = mmb_copy_sleep(k);
	}
	return rc;
}

/* A message may still be held back for the gap between two: then it belongs to what is over. */
static void let_messages_out(const struct mmd_queue *q)
{
	const struct timespec gap = { .tv_nsec = 4 * (long)q->irq_gap_ns + 100000 };
	uint64_t counter;

	nanosleep(&gap, NULL);
	if (read(q->eventfd, &counter, sizeof(counter)) < 0)
		return;		/* not readable: nothing was counted */
}

static enum mmb_rc count_asleep(struct mmb_case *c, uint32_t depth, uint32_t armed,
				struct mmb_arm *irqs, struct mmb_arm *accesses)
{
	struct mmb_copy *k = copies_of(c);
	struct counts before, after;
	enum mmb_rc rc;

	count(k->unit, &before);
	rc = sleep_through(c, depth, armed);
	let_messages_out(k->q);
	count(k->unit, &after);
	mmb_observe(irqs, (double)(after.irqs - before.irqs) / depth);
	if (accesses)
		mmb_observe(accesses, (double)(after.writes - before.writes + after.reads -
					       before.reads -
					       (after.doorbells - before.doorbells)) / depth);
	return rc;
}

static enum mmb_rc completion_run(struct mmb_case *c)
{
	struct mmb_copy *k = copies_of(c);
	enum mmb_rc rc = MMB_OK;

	mmb_copy_stamp(k);
	let_messages_out(k->q);
	for (unsigned int round = 0; round < ROUNDS && !rc; round++) {
		rc = count_polled(c);
		if (!rc)
			rc = count_asleep(c, 1, 1, &c->arm[IRQ_ONE], NULL);
		if (!rc)
			rc = count_asleep(c, DEPTH, 1, &c->arm[IRQ_MANY], &c->arm[SLEEPING]);
		if (!rc)
			rc = count_asleep(c, DEPTH, DEPTH, &c->arm[IRQ_LAST], NULL);
	}
	return rc ? rc : mmb_copy_arrived(k);
}

static const struct mmb_case_ops completion_ops = {
	.group = &group, .setup = completion_setup, .prepare = mmb_copies_prepare,
	.run = completion_run, .verify = verify, .teardown = mmb_copies_free,
};

void mmb_plan_queue_counters(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &batch_ops, "counters.queue", "X2.64.writes X2.64.reads X2.64.share",
		     "accesses per batch of descriptors");
	mmb_plan_add(plan, &polled_ops, "counters.queue_polled", "X2.poll",
		     "accesses with a polling worker");
	mmb_plan_add(plan, &completion_ops, "counters.completion",
		     "X3.polled X3.sleeping X4.depth1 X4.depth64",
		     "accesses and interrupts per completion");
}
