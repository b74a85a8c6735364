// SPDX-License-Identifier: MIT
/*
 * overlap.c - two queues served by worker threads at once, both submitters asleep, against the
 * host's memcpy of the same pages on the same two threads (S2).
 *
 * The submitters hand over a ring full of copies each and sleep until the last: what their two
 * wake-ups cost is part of the time. The reference is a TIMED descriptor with as many copies on
 * either queue, submitted together; the slower of the two counts. Its copies are timed slice by slice, so
 * it does not notice when a thread waits for a processor: the time from the doorbells to the last
 * wake-up, beside it, tells whether the host had two to give. Against that time, too, the queues are
 * held (S2.*.wall): what is missing to 1 there is the queues' own, the rest of S2 is the wake-ups'.
 */
#include <math.h>
#include <stdlib.h>

#include "../copy.h"
#include "../helper.h"

static const struct mmb_group group = {
	.title = "Two queues at once, worker threads, both submitters asleep",
	.meaning = "Time of a pair of copies, one by each queue, against two threads of the host doing nothing "
		   "but memcpy of the same pages.",
	.unit = "ns per pair",
	.shown_unit = "us per pair",
	.shown_per = 1000,
};

#define BATCH_BYTES	((uint64_t)MMAPDEMO_TIMED_MAX)
#define BATCH_MAX	240u		/* less than a ring */
#define WAITED		1.5		/* wall time / time of the copies, above: they did not overlap */
#define APART		17u		/* pages between the two queues' places, beside their length */

/* What one submitter does, and when. */
struct side {
	struct mmb_copy *k;
	bool timed;			/* the host's bare copies, else queue copies */
	uint64_t start;
	uint64_t end;
	double host_ns;			/* of one copy */
	uint32_t wrong;			/* completions that are not as they should be */
	int err;
};

struct overlap {
	struct mmb_helper *helper;
	struct side side[2];
	struct mmb_arm *host;
	struct mmb_arm *wall;
	double wall_ns;
	uint32_t batch;
	unsigned int queues;		/* 2, or 1 by --queues */
};

static void read_completions(struct side *side)
{
	struct mmd_completion done;

	while (!mmd_queue_poll(side->k->q, &done)) {
		side->wrong += done.status != MMAPDEMO_CQ_OK ||
			       (!side->timed && done.bytes != side->k->len);
		side->host_ns = (double)done.aux;
	}
}

/* By either thread: nothing of the session is touched. */
static void submit_and_sleep(void *arg)
{
	struct side *side = arg;
	struct mmb_copy *k = side->k;
	uint32_t count = side->timed ? 1 : k->depth;

	side->start = mmb_now_ns();
	if (side->timed) {
		mmd_sqe_timed(mmd_queue_slot(k->q), k->dst, k->src, k->len, k->depth, k->q->tail);
		mmd_queue_advance(k->q);
		mmd_queue_kick(k->q);
	} else {
		mmb_copy_submit(k);
	}
	side->err = mmd_queue_wait(k->q, count, mmd_deadline_ns(MMB_TIMEOUT_NS));
	side->end = mmb_now_ns();
	if (!side->err)
		read_completions(side);
}

static enum mmb_rc both(struct mmb_case *c, bool timed)
{
	struct overlap *o = c->priv;

	for (unsigned int i = 0; i < o->queues; i++) {
		o->side[i].timed = timed;
		mmb_copy_stamp(o->side[i].k);
	}
	if (o->queues > 1)
		mmb_helper_do(o->helper, submit_and_sleep, &o->side[1]);
	submit_and_sleep(&o->side[0]);
	if (o->queues > 1)
		mmb_helper_wait(o->helper);
	for (unsigned int i = 0; i < o->queues; i++) {
		enum mmb_rc rc;

		if (o->side[i].err)
			return mmb_failed(c, MMD_CALL_QUEUE_WAIT, o->side[i].err);
		if (o->side[i].wrong)
			return mmb_wrong(c, "%u completions say that something went wrong",
					 o->side[i].wrong);
		rc = mmb_copy_arrived(o->side[i].k);
		if (rc)
			return rc;
	}
	return MMB_OK;
}

/* From the first doorbell to the last wake-up, for each pair of copies. */
static double wall_ns(const struct overlap *o)
{
	uint64_t start = o->side[0].start, end = o->side[0].end;

	if (o->queues == 1)
		return (double)(end - start) / o->batch;
	if (o->side[1].start < start)
		start = o->side[1].start;
	if (o->side[1].end > end)
		end = o->side[1].end;
	return (double)(end - start) / o->batch;
}

static enum mmb_rc queues_run(struct mmb_arm *arm, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++) {
		enum mmb_rc rc = both(arm->c, false);

		if (rc)
			return rc;
		mmb_observe(arm, wall_ns(arm->c->priv));
	}
	return MMB_OK;
}

static enum mmb_rc host_run(struct mmb_arm *arm, uint64_t ops)
{
	struct overlap *o = arm->c->priv;

	for (uint64_t i = 0; i < ops; i++) {
		enum mmb_rc rc = both(arm->c, true);

		if (rc)
			return rc;
		mmb_observe(arm, fmax(o->side[0].host_ns, o->side[1].host_ns) / o->batch);
		o->wall_ns = wall_ns(o);
	}
	return MMB_OK;
}

/* What the reference took by the clock on the wall: found by the arm before, in the same round. */
static enum mmb_rc wall_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct overlap *o = arm->c->priv;

	(void)ops;
	mmb_observe(arm, o->wall_ns);
	return MMB_OK;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	const struct overlap *o = c->priv;
	struct mmb_summary host, wall;
	enum mmb_rc rc = mmb_copies_verify(c);

	if (!rc && !mmb_summarize(o->host->seen.v, o->host->seen.n, &host) &&
	    !mmb_summarize(o->wall->seen.v, o->wall->seen.n, &wall) &&
	    wall.median > WAITED * host.median)
		return mmb_skip(c, "the host had no two processors free: its own two threads took %.1f "
				"times as long as their copies", wall.median / host.median);
	return rc;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	struct overlap *o = calloc(1, sizeof(*o));
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *host, *queues;
	struct mmb_unit *u;
	enum mmb_rc rc;

	if (!o)
		abort();
	c->priv = o;
	o->queues = c->s->opt->queues;
	rc = mmb_unit_need(c, MMAPDEMO_ENGINE_THREAD, &u);
	if (rc)
		return rc;
	o->helper = mmb_helper_start(c->s);
	if (!o->helper)
		return mmb_skip(c, "there is no second processor for the second submitter");
	o->batch = (uint32_t)(BATCH_BYTES / c->len);
	if (o->batch > BATCH_MAX)
		o->batch = BATCH_MAX;
	queues = mmb_arm_add(c, MMB_TEXT("S2.%s.queues", size),
			     MMB_TEXT("%s, %s copies, asleep", o->queues == 1 ? "one queue" :
				      "two queues", size), queues_run);
	host = mmb_arm_add(c, MMB_TEXT("S2.%s.host", size),
			   MMB_TEXT("host memcpy of %s, %s", size, o->queues == 1 ? "one thread" :
				    "two threads"), host_run);
	o->host = host;
	o->wall = mmb_arm_add(c, MMB_TEXT("S2.%s.host_wall", size),
			      MMB_TEXT("the same until both are awake, %s", size), wall_run);
	o->wall->flags = MMB_ARM_SELF_TIMED;
	/* Filled by the arm before, and so left out with it. */
	o->wall->technique = MMAPDEMO_TECH_PAGES;
	o->wall->engine = MMAPDEMO_ENGINE_THREAD + 1;
	o->wall->ops = 1;
	for (unsigned int i = 0; i < 2; i++) {
		const struct mmb_copy_spec spec = {
			.unit = u, .queue = i, .technique = MMAPDEMO_TECH_PAGES,
			.direction = MMAPDEMO_DMA_FROM_DEVICE, .len = c->len, .depth = o->batch,
			.shift = i * (c->len + APART * MMB_PAGE),
		};
		struct mmb_arm *arm = i ? host : queues;

		/* Either arm uses both; each keeps one of them, to be proven and freed with it. */
		rc = mmb_copy_new(arm, &spec);
		if (!rc && arm->skip)
			rc = mmb_skip(c, "%s", arm->skip);
		if (rc)
			return rc;
		o->side[i].k = arm->data;
		arm->ops = 1;
	}
	if (o->queues == 1) {
		mmb_pair_add(c, MMB_TEXT("S2.%s.queues1", size),
			     MMB_TEXT("one queue / host memcpy on one thread, %s", size), host, queues);
		return MMB_OK;
	}
	mmb_pair_add(c, MMB_TEXT("S2.%s", size),
		     MMB_TEXT("two queues / host memcpy on two threads, %s", size), host, queues);
	mmb_pair_add(c, MMB_TEXT("S2.%s.wall", size),
		     MMB_TEXT("the same, host memcpy with its doorbells and wake-ups, %s", size),
		     o->wall, queues);
	return MMB_OK;
}

static void teardown(struct mmb_case *c)
{
	struct overlap *o = c->priv;

	mmb_helper_stop(o->helper);
	mmb_copies_free(c);
	free(o);
	c->priv = NULL;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = mmb_copies_prepare,
	.verify = verify, .teardown = teardown,
};

void mmb_plan_overlap(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 256u << 10, 1u << 20 };

	for (size_t i = 0; i < (opt->quick ? 1 : 2); i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ops, MMB_TEXT("queue.overlap.%s", size),
			     MMB_TEXT("S2.%s", size), "two queues at once")->len = sizes[i];
	}
}
