// SPDX-License-Identifier: MIT
/*
 * copy.c - copies by a user-mode queue: prepared, submitted, polled, timed and proven.
 */
#include "copy.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "transfer.h"

#define GUARD	64u

/* --- making one --------------------------------------------------------------------------- */

static const char *why_not(int err)
{
	if (err == -EOPNOTSUPP)
		return "no technique of this driver or kernel, or reached through bounce buffers";
	if (err == -ENOMEM || err == -EDQUOT)
		return "the memory or window for it was not to be had";
	return "the driver refuses to allocate it or to make a window over it";
}

/* Both sides with guards, the one in device memory an odd number of pages away. */
static bool place(struct mmb_copy *k, const struct mmb_copy_spec *spec, const struct mmb_mem *mem,
		  const struct mmb_mem *dev, uint32_t mem_window, uint32_t dev_window)
{
	uint64_t mem_off = MMB_PAGE + spec->shift;
	uint64_t dev_off = mmb_transfer_skew(k->c) + spec->shift;
	volatile unsigned char *in_mem, *in_dev;
	struct mmd_place at_mem, at_dev;

	if (mem_off + spec->len + GUARD > mem->buf.len ||
	    dev_off + spec->len + GUARD > dev->buf.len)
		return false;
	in_mem = mmd_mmio_at(mem->map.ptr, mem_off);
	in_dev = mmd_mmio_at(dev->map.ptr, dev_off);
	at_mem = mmd_at(mem_window, mem_off);
	at_dev = mmd_at(dev_window, dev_off);
	k->src = spec->direction == MMAPDEMO_DMA_TO_DEVICE ? at_mem : at_dev;
	k->dst = spec->direction == MMAPDEMO_DMA_TO_DEVICE ? at_dev : at_mem;
	k->proof.from = spec->direction == MMAPDEMO_DMA_TO_DEVICE ? in_mem : in_dev;
	k->proof.to = spec->direction == MMAPDEMO_DMA_TO_DEVICE ? in_dev : in_mem;
	k->proof.len = spec->len;
	k->proof.before = GUARD;
	k->proof.behind = GUARD;
	return true;
}

enum mmb_rc mmb_copy_new(struct mmb_arm *arm, const struct mmb_copy_spec *spec)
{
	struct mmb_case *c = arm->c;
	struct mmb_unit *u = spec->unit;
	struct mmb_copy *k = calloc(1, sizeof(*k));
	struct mmb_mem *mem, *dev;
	uint32_t mem_window, dev_window;
	enum mmb_rc rc = MMB_OK;
	int err;

	if (!k)
		abort();
	arm->data = k;
	arm->flags |= MMB_ARM_SELF_TIMED;
	arm->bytes = spec->len;
	arm->technique = spec->technique;
	if (u)
		arm->engine = (u->info.engine & MMAPDEMO_ENGINE_KIND) + 1;
	if (!u)
		rc = mmb_unit_main(c, &u);
	if (!rc)
		rc = mmb_unit_queue(c, u, spec->queue, &k->q);
	if (rc)
		return rc;
	k->c = c;
	k->unit = u;
	k->len = (uint32_t)spec->len;
	k->depth = spec->depth ? spec->depth : 1;
	k->stamp = c->s->opt->seed << 32;
	err = mmb_unit_memory(u, MMAPDEMO_TECH_BAR, &dev, &dev_window);
	if (!err)
		err = mmb_unit_memory(u, spec->technique, &mem, &mem_window);
	if (err == -ENODEV)
		return MMB_GONE;
	if (err)
		arm->skip = why_not(err);
	else if (!place(k, spec, mem, dev, mem_window, dev_window))
		arm->skip = "larger than the memory that could be had";
	return MMB_OK;
}

void mmb_copies_free(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		free(c->arm[i].data);
		c->arm[i].data = NULL;
	}
}

/* --- running it --------------------------------------------------------------------------- */

bool mmb_copy_submit(const struct mmb_copy *k)
{
	const struct mmd_place src = k->src, dst = k->dst;
	const uint32_t len = k->len;
	struct mmd_queue *q = k->q;

	/* Batches are smaller than the ring and read to their end: there is room. */
	for (uint32_t i = k->depth; i; i--) {
		mmd_sqe_copy(mmd_queue_slot(q), dst, src, len, q->tail);
		mmd_queue_advance(q);
	}
	return mmd_queue_kick(q);
}

static enum mmb_rc gave_up(const struct mmb_copy *k, int err)
{
	if (err == -ETIMEDOUT)
		return mmb_wrong(k->c, "%s: descriptor %u was not completed within 5 s",
				 mmd_path(k->unit->dev), k->q->head);
	return mmb_failed(k->c, MMD_CALL_QUEUE_WAIT, err);
}

/* Which of the next @count it was. */
static enum mmb_rc bad_completion(const struct mmb_copy *k, uint32_t count)
{
	struct mmd_completion done = { 0 };

	while (count-- && !mmd_queue_poll(k->q, &done))
		if (done.status || done.bytes != k->len)
			break;
	return mmb_wrong(k->c, "%s: descriptor %u ends with status %s, %u of %u bytes",
			 mmd_path(k->unit->dev), done.index, mmd_cq_status_name(done.status),
			 done.bytes, k->len);
}

/*
 * Completions come in order: with the last one there, all are, and can be looked at where they lie.
 * Copying them out, or asking for each, would be part of what is timed.
 */
enum mmb_rc mmb_copy_collect(const struct mmb_copy *k, uint32_t count)
{
	const uint32_t len = k->len;
	struct mmd_queue *q = k->q;
	uint32_t wrong = 0;

	if (!mmd_queue_done(q, q->head + count - 1)) {
		int err = mmd_queue_spin(q, count, mmd_deadline_ns(MMB_TIMEOUT_NS));

		if (err)
			return gave_up(k, err);
	}
	for (uint32_t i = 0; i < count; i++) {
		const volatile struct mmapdemo_hw_cqe *cqe = &q->cq[(q->head + i) & q->mask];

		wrong |= MMD_LE16(cqe->status) | (MMD_LE32(cqe->bytes) ^ len);
	}
	if (wrong)
		return bad_completion(k, count);
	mmd_queue_seen(q, count);
	return MMB_OK;
}

enum mmb_rc mmb_copy_batch(const struct mmb_copy *k)
{
	mmb_copy_submit(k);
	return mmb_copy_collect(k, k->depth);
}

static volatile uint64_t *word(volatile void *mem, size_t index)
{
	return (volatile uint64_t *)mem + index;
}

void mmb_copy_stamp(struct mmb_copy *k)
{
	k->stamp++;
	*word(k->proof.from, 0) = k->stamp;
	*word(k->proof.from, k->proof.len / 8 - 1) = k->stamp;
	mmd_wc_flush();
}

enum mmb_rc mmb_copy_arrived(const struct mmb_copy *k)
{
	if (*word(k->proof.to, 0) == k->stamp &&
	    *word(k->proof.to, k->proof.len / 8 - 1) == k->stamp)
		return MMB_OK;
	return mmb_wrong(k->c, "%s: a copy of %u bytes is reported done, but its data is not there",
			 mmd_path(k->unit->dev), k->len);
}

/*
 * @ops batches. One at a time is the path whose every call would show: under TCG each return is a
 * search for the code to go on with, as long as ten instructions.
 */
static __attribute__((noinline)) enum mmb_rc run_batches(const struct mmb_copy *k, uint64_t ops)
{
	const struct mmd_place src = k->src, dst = k->dst;
	const uint32_t len = k->len;
	struct mmd_queue *q = k->q;
	enum mmb_rc rc = MMB_OK;

	if (k->depth > 1) {
		while (ops-- && !rc)
			rc = mmb_copy_batch(k);
		return rc;
	}
	while (ops-- && !rc) {
		const volatile struct mmapdemo_hw_cqe *cqe;

		mmd_sqe_copy(mmd_queue_slot(q), dst, src, len, q->tail);
		mmd_queue_advance(q);
		mmd_queue_kick(q);
		cqe = mmd_queue_peek(q);
		if (cqe && !cqe->status && MMD_LE32(cqe->bytes) == len)
			mmd_queue_seen(q, 1);
		else
			rc = mmb_copy_collect(k, 1);
	}
	return rc;
}

/*
 * The first batches of a round are not counted: they bring the memory into the cache state that
 * every later one, and the host's bare copy, finds it in, and the emulated TLB too.
 */
enum mmb_rc mmb_copy_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_copy *k = arm->data;
	uint64_t start, end;
	enum mmb_rc rc;

	mmb_copy_stamp(k);
	rc = run_batches(k, ops / 4 + 1);
	start = mmb_now_ns();
	if (!rc)
		rc = run_batches(k, ops);
	end = mmb_now_ns();
	if (rc)
		return rc;
	mmb_observe(arm, (double)(end - start) / ((double)ops * k->depth));
	return mmb_copy_arrived(k);
}

/* --- asleep ------------------------------------------------------------------------------- */

enum mmb_rc mmb_copy_sleep(const struct mmb_copy *k)
{
	struct pollfd pfd = { .fd = k->q->eventfd, .events = POLLIN };
	uint64_t counter;
	int n = poll(&pfd, 1, (int)(MMB_TIMEOUT_NS / 1000000));

	if (n < 0 && mmb_interrupted())
		return MMB_INTR;
	if (n != 1 || read(k->q->eventfd, &counter, sizeof(counter)) != sizeof(counter))
		return mmb_wrong(k->c, "no interrupt came within 5 s");
	return MMB_OK;
}

/* The device holds a message back that comes too soon after the last: this is about those that do not. */
static void wait_out_gap(const struct mmd_queue *q)
{
	const struct timespec gap = { .tv_nsec = 4 * (long)q->irq_gap_ns + 100000 };

	nanosleep(&gap, NULL);
}

enum mmb_rc mmb_copy_sleep_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_copy *k = arm->data;
	enum mmb_rc rc = MMB_OK;

	mmb_copy_stamp(k);
	for (uint64_t i = 0; i < ops && !rc; i++) {
		uint64_t start;

		wait_out_gap(k->q);
		start = mmb_now_ns();

		/* Before the doorbell: nothing can be there yet, so an interrupt there will be. */
		if (mmd_queue_arm(k->q, k->q->head))
			return mmb_wrong(k->c, "a completion is there before its descriptor");
		mmb_copy_submit(k);
		rc = mmb_copy_sleep(k);
		if (!rc)
			rc = mmb_copy_collect(k, 1);
		if (!rc)
			mmb_observe(arm, (double)(mmb_now_ns() - start));
	}
	return rc ? rc : mmb_copy_arrived(k);
}

/* --- the host's bare copy ----------------------------------------------------------------- */

#define HOST_BYTES	(2u << 20)	/* long enough for the host's clock, short enough for a round */
#define HOST_REPEAT_MAX	16384u

uint64_t mmb_copy_repeat(uint64_t len)
{
	uint64_t repeat = HOST_BYTES / len;

	if (!repeat)
		return 1;
	return repeat < HOST_REPEAT_MAX ? repeat : HOST_REPEAT_MAX;
}

enum mmb_rc mmb_copy_host(const struct mmb_copy *k, uint64_t repeat, double *ns)
{
	struct mmd_queue *q = k->q;
	struct mmd_completion done;
	int err;

	mmd_sqe_timed(mmd_queue_slot(q), k->dst, k->src, k->len, repeat, q->tail);
	mmd_queue_advance(q);
	mmd_queue_kick(q);
	err = mmd_queue_spin(q, 1, mmd_deadline_ns(MMB_TIMEOUT_NS));
	if (!err)
		err = mmd_queue_poll(q, &done);
	if (err)
		return gave_up(k, err);
	if (done.status)
		return mmb_wrong(k->c, "%s: a descriptor that times the host's copies ends with "
				 "status %s", mmd_path(k->unit->dev),
				 mmd_cq_status_name(done.status));
	*ns = (double)done.aux / (double)repeat;
	return MMB_OK;
}

enum mmb_rc mmb_copy_host_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_copy *k = arm->data;
	enum mmb_rc rc;
	double ns;

	mmb_copy_stamp(k);
	rc = mmb_copy_host(k, 1, &ns);
	for (uint64_t i = 0; i < ops && !rc; i++) {
		rc = mmb_copy_host(k, mmb_copy_repeat(k->len), &ns);
		if (!rc)
			mmb_observe(arm, ns);
	}
	return rc ? rc : mmb_copy_arrived(k);
}

/* --- proof -------------------------------------------------------------------------------- */

static bool is_copy(const struct mmb_arm *arm)
{
	return arm->data && !arm->skip;
}

/*
 * The stamps leave the guards alone: they must still be there after all rounds.
 *
 * A dozen pages are touched for each descriptor, however small. In the small emulated TLB that a process
 * starts with, some of them evict each other in one boot, and none in the next.
 */
enum mmb_rc mmb_copies_prepare(struct mmb_case *c)
{
	mmb_grow_tlb(c->s);
	for (size_t i = 0; i < c->n_arms; i++)
		if (is_copy(&c->arm[i]))
			mmb_proof_prepare(&((struct mmb_copy *)c->arm[i].data)->proof);
	mmd_wc_flush();
	return MMB_OK;
}

/* Once more, with every byte looked at. */
static enum mmb_rc prove(struct mmb_arm *arm)
{
	struct mmb_copy *k = arm->data;
	enum mmb_rc rc;
	double ns;

	k->proof.seed = k->stamp ^ arm->seen.n;
	mmb_proof_prepare(&k->proof);
	mmd_wc_flush();
	if (arm->run == mmb_copy_host_run)
		rc = mmb_copy_host(k, 1, &ns);
	else
		rc = k->once ? k->once(arm) : mmb_copy_batch(k);
	return rc ? rc : mmb_proof_check(arm->c, arm->what, &k->proof);
}

enum mmb_rc mmb_copies_verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (is_copy(&c->arm[i]))
			rc = mmb_proof_guards(c, c->arm[i].what,
					      &((struct mmb_copy *)c->arm[i].data)->proof);
	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (is_copy(&c->arm[i]))
			rc = prove(&c->arm[i]);
	return rc;
}
