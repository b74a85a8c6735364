// SPDX-License-Identifier: MIT
/*
 * queue.c - what a user-mode queue costs: one descriptor from submit to its completion in memory
 * (D6), and one descriptor of a batch behind one doorbell (B1).
 *
 * D6 compares with the same instructions when there is nothing to wait for: rings in ordinary memory,
 * the doorbell pointing at a register that does nothing, the completions there before. What is left
 * over is what the device does. Both arms run the one function below.
 */
#include <stdlib.h>
#include <string.h>

#include "../copy.h"

static const struct mmb_group submit_group = {
	.title = "User-mode queue: one descriptor, submit to completion seen in memory",
	.meaning = "No system call. Against the same instructions with rings nobody looks at and a "
		   "register store for a doorbell: the rest is the device.",
	.unit = "ns per descriptor",
};

static const struct mmb_group batch_group = {
	.title = "User-mode queue: 64 descriptors behind one doorbell",
	.meaning = "Writing the descriptor, its share of the doorbell, the device's work, reading the "
		   "completion.",
	.unit = "ns per descriptor",
};

#define SLOTS		(1u << MMB_QUEUE_LOG2N)
#define OPS_MAX		(SLOTS / 2)	/* completions laid out ahead: less than a ring */
#define BATCH		64u
#define B1_LEN		64u

/* --- D6 ----------------------------------------------------------------------------------- */

/* Rings without a device. */
struct dry {
	struct mmd_queue q;
	unsigned char *memory;
};

/*
 * The store to *event keeps the library from seeing a device that watches the ring: on the dry
 * side it is its sq_event. On the other side it goes to some memory, so that both do the same.
 */
static __attribute__((noinline)) uint64_t one_by_one(struct mmd_queue *q, volatile uint32_t *event,
						     struct mmd_place dst, struct mmd_place src,
						     uint32_t len, uint64_t ops)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < ops; i++) {
		struct mmd_completion done;

		*event = q->tail;
		mmd_sqe_copy(mmd_queue_slot(q), dst, src, len, q->tail);
		mmd_queue_advance(q);
		wrong |= !mmd_queue_kick(q);
		while (mmd_queue_poll(q, &done))
			if (mmd_queue_spin(q, 1, mmd_deadline_ns(MMB_TIMEOUT_NS)))
				return UINT64_MAX;
		wrong |= done.status | (done.bytes ^ len) | (done.user ^ done.index);
	}
	return wrong;
}

/* What the arms before have left in caches and the emulated TLB is worked off first. */
static uint64_t warm_up_ops(uint64_t ops)
{
	return ops / 4 + 1;
}

static enum mmb_rc timed(struct mmb_arm *arm, struct mmd_queue *q, volatile uint32_t *event,
			 const struct mmb_copy *k, uint64_t ops)
{
	uint64_t wrong = one_by_one(q, event, k->dst, k->src, k->len, warm_up_ops(ops));
	uint64_t start = mmb_now_ns(), end;

	if (!wrong)
		wrong = one_by_one(q, event, k->dst, k->src, k->len, ops);
	end = mmb_now_ns();

	if (wrong == UINT64_MAX)
		return mmb_wrong(arm->c, "%s: a descriptor was not completed within 5 s", arm->what);
	if (wrong)
		return mmb_wrong(arm->c, "%s: a completion was not the right one, or no doorbell "
				 "was asked for", arm->what);
	mmb_observe(arm, (double)(end - start) / (double)ops);
	return MMB_OK;
}

static enum mmb_rc submit_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_copy *k = arm->data;
	uint32_t nobody;
	enum mmb_rc rc;

	mmb_copy_stamp(k);
	rc = timed(arm, k->q, &nobody, k, ops);
	return rc ? rc : mmb_copy_arrived(k);
}

static volatile uint32_t *dry_word(const struct dry *dry, uint32_t off)
{
	return (volatile uint32_t *)(dry->memory + off);
}

/* The completions of the next @ops descriptors, as the device would write them. */
static void dry_complete(struct dry *dry, uint32_t len, uint64_t ops)
{
	struct mmapdemo_hw_cqe *cq = (void *)(dry->memory + MMAPDEMO_RING_CQ);

	for (uint32_t i = dry->q.tail; i != dry->q.tail + (uint32_t)ops; i++) {
		struct mmapdemo_hw_cqe *cqe = &cq[i & dry->q.mask];

		memset(cqe, 0, sizeof(*cqe));
		cqe->user = MMD_LE64((uint64_t)i);
		cqe->bytes = MMD_LE32(len);
		cqe->gen = MMD_LE32(i + 1);
	}
}

static enum mmb_rc dry_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_case *c = arm->c;
	struct dry *dry = c->priv;
	const struct mmb_copy *k = c->arm[arm->tag].data;

	dry_complete(dry, k->len, ops + warm_up_ops(ops));
	return timed(arm, &dry->q, dry_word(dry, MMAPDEMO_RING_SQ_EVENT), k, ops);
}

/* In the arena, an odd number of pages from the real ones under any power of two. */
static struct dry *dry_new(struct mmb_case *c, const struct mmb_copy *k)
{
	struct dry *dry = calloc(1, sizeof(*dry));
	size_t len = MMAPDEMO_RING_BYTES(MMB_QUEUE_LOG2N);

	if (!dry)
		abort();
	dry->memory = mmb_skewed(c->s, k->q->ring, len, c->s->case_no);
	memset(dry->memory, 0, len);
	dry->q.ring = dry->memory;
	dry->q.cq = (const volatile void *)(dry->memory + MMAPDEMO_RING_CQ);
	dry->q.sq = (void *)(dry->memory + MMAPDEMO_RING_SQ(MMB_QUEUE_LOG2N));
	dry->q.doorbell = mmb_unit_scratch(k->unit);
	dry->q.mask = SLOTS - 1;
	dry->q.limit = SLOTS;
	dry->q.eventfd = -1;
	return dry;
}

static struct mmb_arm *control(struct mmb_case *c, const char *id)
{
	for (size_t i = 0; i < c->n_arms; i++)
		if (!strcmp(c->arm[i].id, id))
			return &c->arm[i];
	abort();
}

static enum mmb_rc submit_setup(struct mmb_case *c)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_TO_DEVICE,
		.len = c->len,
	};
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *dry = mmb_arm_add(c, MMB_TEXT("D6.%s.nothing", size),
					  "same instructions, nothing to do", dry_run);
	struct mmb_arm *work = mmb_arm_add(c, MMB_TEXT("D6.%s.submit_poll", size),
					   MMB_TEXT("%s copy, polled", size), submit_run);
	enum mmb_rc rc = mmb_copy_new(work, &spec);

	if (rc)
		return rc;
	dry->flags |= MMB_ARM_SELF_TIMED;
	dry->max_ops = OPS_MAX;
	dry->tag = (unsigned int)(work - c->arm);
	work->max_ops = OPS_MAX;
	dry->skip = work->skip;
	if (!work->skip)
		c->priv = dry_new(c, work->data);
	mmb_pair_add(c, MMB_TEXT("D6.%s", size),
		     MMB_TEXT("submit to seen / same, nothing to do, %s", size), work, dry);
	mmb_pair_add(c, MMB_TEXT("D6.%s.store", size),
		     MMB_TEXT("submit to seen / a bare register store, %s", size), work,
		     control(c, "control.mmio_store"));
	return MMB_OK;
}

static void submit_teardown(struct mmb_case *c)
{
	mmb_copies_free(c);
	free(c->priv);
	c->priv = NULL;
}

static const struct mmb_case_ops submit_ops = {
	.group = &submit_group, .setup = submit_setup, .prepare = mmb_copies_prepare,
	.verify = mmb_copies_verify, .teardown = submit_teardown,
};

/* --- B1 ----------------------------------------------------------------------------------- */

static enum mmb_rc batch_setup(struct mmb_case *c)
{
	static const uint32_t usual[] = { 1, 8, BATCH };
	const uint32_t *depths = c->s->opt->n_depths ? c->s->opt->depth : usual;
	size_t n = c->s->opt->n_depths ? c->s->opt->n_depths : sizeof(usual) / sizeof(usual[0]);
	struct mmb_arm *store = control(c, "control.mmio_store");
	struct mmb_arm *arm = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct mmb_copy_spec spec = {
			.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_TO_DEVICE,
			.len = B1_LEN, .depth = depths[i],
		};
		enum mmb_rc rc;

		arm = mmb_arm_add(c, MMB_TEXT("B1.descriptor.%u", depths[i]),
				  MMB_TEXT("64 B copies, %u behind one doorbell", depths[i]),
				  mmb_copy_run);
		rc = mmb_copy_new(arm, &spec);
		if (rc)
			return rc;
	}
	mmb_pair_add(c, depths[n - 1] == BATCH ? "B1" : MMB_TEXT("B1.depth%u", depths[n - 1]),
		     MMB_TEXT("one of %u descriptors, 64 B / a register store", depths[n - 1]), arm, store);
	return MMB_OK;
}

static const struct mmb_case_ops batch_ops = {
	.group = &batch_group, .setup = batch_setup, .prepare = mmb_copies_prepare,
	.verify = mmb_copies_verify, .teardown = mmb_copies_free,
};

void mmb_plan_queue(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 64, 4096 };

	(void)opt;
	for (size_t i = 0; i < 2; i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &submit_ops, MMB_TEXT("queue.submit.%s", size),
			     MMB_TEXT("D6.%s", size), "one descriptor, polled")->len = sizes[i];
	}
	mmb_plan_add(plan, &batch_ops, "queue.batch", "B1 B1.descriptor.64",
		     "64 descriptors behind one doorbell");
}
