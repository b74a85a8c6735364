// SPDX-License-Identifier: MIT
/*
 * calls.c - a user-mode queue beside the same queue kept by the driver: a doorbell for 64 descriptors
 * against a system call for each (B2), and the ways of learning that a copy has finished (D7.queue).
 *
 * Each copy is of the same bytes, from device memory to contiguous pages, whoever owns the queue.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../copy.h"
#include "../kqueue.h"
#include "../uring.h"

static const struct mmb_group batch_group = {
	.title = "64 copies of 64 bytes: behind one doorbell, or by system calls",
	.meaning = "The same descriptors for the same device. What differs is who writes the ring.",
	.unit = "ns per copy",
};

static const struct mmb_group ladder_group = {
	.title = "Completion of a queue: how a process learns that its copy has finished",
	.meaning = "From before the submit until the process has the result, one copy at a time.",
	.unit = "ns per copy",
	.shown_unit = "us per copy",
	.shown_per = 1000,
};

#define BATCH		64u
#define SLEEP_OPS	8u	/* of a round */

struct calls {
	struct mmd_queue *q;		/* the driver's */
	struct mmb_uring ring;
	char why_no_queue[160];
	char why_no_ring[96];
};

/* Neither is needed by all arms of a case. */
static enum mmb_rc open_all(struct mmb_case *c)
{
	struct calls *k = calloc(1, sizeof(*k));
	enum mmb_rc rc;
	int err;

	if (!k)
		abort();
	c->priv = k;
	k->ring.fd = -1;
	rc = mmb_kqueue_open(c, &k->q);
	if (rc != MMB_OK && rc != MMB_SKIP)
		return rc;
	if (rc == MMB_SKIP)
		memcpy(k->why_no_queue, c->skip, sizeof(k->why_no_queue));
	c->skip[0] = '\0';
	if (rc == MMB_SKIP || !(c->s->info.caps & MMAPDEMO_CAP_URING)) {
		snprintf(k->why_no_ring, sizeof(k->why_no_ring),
			 "this driver or kernel takes no commands of io_uring");
		return MMB_OK;
	}
	err = mmb_uring_open(&k->ring);
	if (err)
		snprintf(k->why_no_ring, sizeof(k->why_no_ring), "io_uring: %s", strerror(-err));
	return MMB_OK;
}

static void close_all(struct mmb_case *c)
{
	struct calls *k = c->priv;

	mmb_copies_free(c);
	mmb_uring_close(&k->ring);
	mmd_queue_destroy(k->q);
	free(k);
	c->priv = NULL;
}

/* --- copies by system calls --------------------------------------------------------------- */

static void fill(const struct mmb_copy *copy, struct mmapdemo_hw_sqe *sqes, uint32_t num)
{
	for (uint32_t i = 0; i < num; i++)
		mmd_sqe_copy(&sqes[i], copy->dst, copy->src, copy->len, i);
}

/* copy->depth descriptors in a call. */
static enum mmb_rc submit_once(struct mmb_arm *arm)
{
	const struct calls *k = arm->c->priv;
	const struct mmb_copy *copy = arm->data;
	struct mmapdemo_hw_sqe sqes[BATCH];
	struct mmapdemo_hw_cqe cqes[BATCH];
	int err;

	fill(copy, sqes, copy->depth);
	err = mmb_kqueue_submit(k->q, sqes, cqes, copy->depth);
	if (err)
		return mmb_wrong(arm->c, "QUEUE_SUBMIT: %s", strerror(-err));
	return mmb_kqueue_check(arm->c, cqes, copy->depth, copy->len);
}

static enum mmb_rc uring_once(struct mmb_arm *arm)
{
	struct calls *k = arm->c->priv;
	const struct mmb_copy *copy = arm->data;
	struct mmapdemo_hw_sqe sqe;
	int result;

	fill(copy, &sqe, 1);
	result = mmb_uring_submit(&k->ring, k->q, &sqe);
	if (result == (int)copy->len)
		return MMB_OK;
	return mmb_wrong(arm->c, "a command of io_uring gives %s, not %u bytes",
			 result < 0 ? strerror(-result) : "another number", copy->len);
}

/* As mmb_copy_run() does it. */
static enum mmb_rc once_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_copy *copy = arm->data;
	enum mmb_rc rc = MMB_OK;
	uint64_t start, end;

	mmb_copy_stamp(copy);
	for (uint64_t i = 0; i < ops / 4 + 1 && !rc; i++)
		rc = copy->once(arm);
	start = mmb_now_ns();
	for (uint64_t i = 0; i < ops && !rc; i++)
		rc = copy->once(arm);
	end = mmb_now_ns();
	if (rc)
		return rc;
	mmb_observe(arm, (double)(end - start) / ((double)ops * copy->depth));
	return mmb_copy_arrived(copy);
}

static enum mmb_rc add(struct mmb_case *c, const char *id, const char *what, uint32_t depth,
		       enum mmb_rc (*once)(struct mmb_arm *arm), struct mmb_arm **arm)
{
	const struct calls *k = c->priv;
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = c->len, .depth = depth,
	};
	enum mmb_rc rc;

	*arm = mmb_arm_add(c, id, what, once ? once_run : mmb_copy_run);
	rc = mmb_copy_new(*arm, &spec);
	if (rc)
		return rc;
	((struct mmb_copy *)(*arm)->data)->once = once;
	if (once == submit_once && k->why_no_queue[0])
		(*arm)->skip = k->why_no_queue;
	if (once == uring_once && k->why_no_ring[0])
		(*arm)->skip = k->why_no_ring;
	return MMB_OK;
}

/* --- B2 ----------------------------------------------------------------------------------- */

static enum mmb_rc batch_setup(struct mmb_case *c)
{
	struct mmb_arm *doorbell, *each, *together;
	enum mmb_rc rc = open_all(c);

	if (!rc)
		rc = add(c, "B2.doorbell", "64 behind one doorbell", BATCH, NULL, &doorbell);
	if (!rc)
		rc = add(c, "B2.submit_each", "a call for each (QUEUE_SUBMIT)", 1, submit_once, &each);
	if (!rc)
		rc = add(c, "B2.submit_64", "one call for 64 (QUEUE_SUBMIT)", BATCH, submit_once,
			 &together);
	if (rc)
		return rc;
	mmb_pair_add(c, "B2", "a system call for each / 64 behind one doorbell", each, doorbell);
	mmb_pair_add(c, "B2.call", "one system call for 64 / 64 behind one doorbell", together, doorbell);
	return MMB_OK;
}

static const struct mmb_case_ops batch_ops = {
	.group = &batch_group, .setup = batch_setup, .prepare = mmb_copies_prepare,
	.verify = mmb_copies_verify, .teardown = close_all,
};

/* --- D7.queue ----------------------------------------------------------------------------- */

static enum mmb_rc ladder_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *memory, *eventfd, *call, *ring;
	enum mmb_rc rc = open_all(c);

	if (!rc)
		rc = add(c, MMB_TEXT("D7.queue.%s.poll_memory", size),
			 MMB_TEXT("%s, polling the completion in memory", size), 1, NULL, &memory);
	if (!rc)
		rc = add(c, MMB_TEXT("D7.queue.%s.eventfd", size),
			 MMB_TEXT("%s, MSI-X and poll(2) on an eventfd", size), 1, NULL, &eventfd);
	if (!rc)
		rc = add(c, MMB_TEXT("D7.queue.%s.queue_submit", size),
			 MMB_TEXT("%s, QUEUE_SUBMIT", size), 1, submit_once, &call);
	if (!rc)
		rc = add(c, MMB_TEXT("D7.queue.%s.io_uring", size),
			 MMB_TEXT("%s, io_uring", size), 1, uring_once, &ring);
	if (rc)
		return rc;
	eventfd->run = mmb_copy_sleep_run;
	eventfd->ops = SLEEP_OPS;
	mmb_pair_add(c, MMB_TEXT("D7.queue.%s.eventfd_memory", size),
		     MMB_TEXT("eventfd / polling memory, %s", size), eventfd, memory);
	mmb_pair_add(c, MMB_TEXT("D7.queue.%s.submit_memory", size),
		     MMB_TEXT("QUEUE_SUBMIT / polling memory, %s", size), call, memory);
	mmb_pair_add(c, MMB_TEXT("D7.queue.%s.uring_submit", size),
		     MMB_TEXT("io_uring / QUEUE_SUBMIT, %s", size), ring, call);
	return MMB_OK;
}

static const struct mmb_case_ops ladder_ops = {
	.group = &ladder_group, .setup = ladder_setup, .prepare = mmb_copies_prepare,
	.verify = mmb_copies_verify, .teardown = close_all,
};

void mmb_plan_calls(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 64, 4096 };

	(void)opt;
	mmb_plan_add(plan, &batch_ops, "queue.calls", "B2",
		     "64 descriptors: one doorbell, or system calls")->len = 64;
	for (size_t i = 0; i < 2; i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ladder_ops, MMB_TEXT("completion.queue.%s", size),
			     MMB_TEXT("D7.queue.%s.eventfd_memory", size),
			     "poll memory, eventfd, system call, io_uring")->len = sizes[i];
	}
}
