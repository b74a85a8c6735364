// SPDX-License-Identifier: MIT
/*
 * transfer.c - one DMA transfer, step by step, timed and checked.
 */
#include "transfer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define GUARD		64u
#define SPINS_PER_LOOK	1024u	/* reads of a register between two looks at the clock */

const char *mmb_mode_text(unsigned int mode)
{
	switch (mode) {
	case MMD_DMA_SPIN:
		return "spinning on the mapped register";
	case MMD_DMA_EVENTFD:
		return "poll(2) on an eventfd";
	case MMD_DMA_WAIT:
		return "sleeping in the wait ioctl";
	default:
		return "spinning on the mapped buffer";
	}
}

/* --- making one --------------------------------------------------------------------------- */

uint64_t mmb_transfer_skew(const struct mmb_case *c)
{
	return MMB_PAGE * (1 + 2 * (c->s->case_no % 8));
}

/* Place @len bytes in a buffer; false: too small. Guards only where there is room for them. */
static bool place(const struct mmb_mem *m, uint64_t len, uint64_t wanted_off, uint64_t *off,
		  size_t *guard)
{
	if (len > m->buf.len)
		return false;
	*off = wanted_off;
	*guard = GUARD;
	if (len + wanted_off + GUARD > m->buf.len) {
		*off = 0;
		*guard = 0;
	}
	return true;
}

static const char *why_not(int err, uint32_t technique)
{
	if (err == -ENOMEM || err == -EDQUOT)
		return "the memory for it was not to be had";
	if (err)
		return "the driver refuses to allocate or map it";
	if (technique == MMAPDEMO_TECH_VMALLOC)
		return "larger than the memory one process may have";
	return "larger than contiguous memory can be on this platform";
}

enum mmb_rc mmb_transfer_new(struct mmb_arm *arm, uint32_t technique, uint32_t direction,
			     unsigned int mode, uint64_t len)
{
	struct mmb_case *c = arm->c;
	struct mmb_transfer *t;
	struct mmb_mem *mem, *dev;
	size_t mem_guard, dev_guard;
	volatile unsigned char *in_mem, *in_dev;
	int err = mmb_mem_get(c->s, MMAPDEMO_TECH_BAR, &dev);

	if (err)
		return mmb_failed(c, MMD_CALL_BUF_ALLOC, err);
	err = mmb_mem_get(c->s, technique, &mem);
	if (err == -ENODEV)
		return MMB_GONE;
	t = calloc(1, sizeof(*t));
	if (!t)
		abort();
	arm->data = t;
	arm->bytes = len;
	arm->technique = technique;
	if (err || !place(mem, len, MMB_PAGE, &t->dma.mem_off, &mem_guard)) {
		arm->skip = why_not(err, technique);
		return MMB_OK;
	}
	if (!place(dev, len, mmb_transfer_skew(c), &t->dma.dev_off, &dev_guard)) {
		arm->skip = "larger than the free device memory";
		return MMB_OK;
	}
	t->c = c;
	t->mode = mode;
	t->dma.direction = direction;
	t->dma.flags = mode == MMD_DMA_SPIN || mode == MMB_DMA_MEMORY ? MMAPDEMO_DMA_NO_IRQ : 0;
	t->dma.mem_handle = mem->buf.handle;
	t->dma.dev_handle = dev->buf.handle;
	t->dma.len = len;
	in_mem = mmd_mmio_at(mem->map.ptr, t->dma.mem_off);
	in_dev = mmd_mmio_at(dev->map.ptr, t->dma.dev_off);
	t->proof.len = len;
	t->proof.from = direction == MMAPDEMO_DMA_TO_DEVICE ? in_mem : in_dev;
	t->proof.to = direction == MMAPDEMO_DMA_TO_DEVICE ? in_dev : in_mem;
	t->proof.before = direction == MMAPDEMO_DMA_TO_DEVICE ? dev_guard : mem_guard;
	t->proof.behind = t->proof.before;
	t->stamp = c->s->opt->seed << 32;
	t->done_seq = mmd_mmio_at(c->s->user.ptr,
				  MMAPDEMO_REG_USER_DMA_DONE_SEQ - MMAPDEMO_USER_BASE);
	return MMB_OK;
}

void mmb_transfers_free(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		free(c->arm[i].data);
		c->arm[i].data = NULL;
	}
}

/* --- running one -------------------------------------------------------------------------- */

static volatile uint64_t *last_word(volatile void *mem, size_t len)
{
	return (volatile uint64_t *)mem + len / 8 - 1;
}

static enum mmb_rc gave_up(const struct mmb_transfer *t, uint64_t seq)
{
	return mmb_wrong(t->c, "transfer %llu was not over after 5 s (%s)",
			 (unsigned long long)seq, mmb_mode_text(t->mode));
}

static enum mmb_rc spin_register(const struct mmb_transfer *t, uint64_t seq, uint64_t deadline)
{
	while (mmd_mmio_read64(t->done_seq) < seq) {
		for (unsigned int i = 0; i < SPINS_PER_LOOK; i++)
			if (mmd_mmio_read64(t->done_seq) >= seq)
				return MMB_OK;
		if (mmb_now_ns() > deadline)
			return gave_up(t, seq);
	}
	return MMB_OK;
}

static enum mmb_rc spin_memory(const struct mmb_transfer *t, uint64_t seq, uint64_t deadline)
{
	const volatile uint64_t *word = last_word(t->proof.to, t->proof.len);

	while (*word != t->stamp) {
		for (unsigned int i = 0; i < SPINS_PER_LOOK; i++)
			if (*word == t->stamp)
				return MMB_OK;
		if (mmb_now_ns() > deadline)
			return gave_up(t, seq);
	}
	return MMB_OK;
}

static enum mmb_rc poll_eventfd(const struct mmb_transfer *t, uint64_t seq)
{
	struct pollfd pfd = { .fd = t->c->s->eventfd, .events = POLLIN };
	uint64_t count;
	int n = poll(&pfd, 1, (int)(MMB_TIMEOUT_NS / 1000000));

	if (n < 0 && mmb_interrupted())
		return MMB_INTR;
	if (n != 1 || read(t->c->s->eventfd, &count, sizeof(count)) != sizeof(count))
		return gave_up(t, seq);
	return MMB_OK;
}

static enum mmb_rc wait_for_end(const struct mmb_transfer *t, const struct mmb_times *times)
{
	switch (t->mode) {
	case MMD_DMA_SPIN:
		return spin_register(t, times->seq, times->start + MMB_TIMEOUT_NS);
	case MMB_DMA_MEMORY:
		return spin_memory(t, times->seq, times->start + MMB_TIMEOUT_NS);
	case MMD_DMA_EVENTFD:
		return poll_eventfd(t, times->seq);
	default:
		return MMB_OK;	/* collecting waits */
	}
}

/* Only the transfers that are waited for through it pay for signalling the eventfd. */
static int switch_eventfd(const struct mmb_transfer *t)
{
	struct mmb_session *s = t->c->s;
	bool wanted = t->mode == MMD_DMA_EVENTFD;
	int err;

	if (s->eventfd_set == wanted)
		return 0;
	err = mmd_eventfd_set(s->dev, wanted ? s->eventfd : -1);
	if (!err)
		s->eventfd_set = wanted;
	return err;
}

static enum mmb_rc check_result(const struct mmb_transfer *t, uint64_t seq,
				const struct mmd_dma_result *result)
{
	if (!result->error && result->bytes == t->dma.len && result->seq == seq)
		return MMB_OK;
	return mmb_wrong(t->c, "transfer %llu reports success with %llu of %llu bytes, error %u, "
			 "sequence number %llu", (unsigned long long)seq,
			 (unsigned long long)result->bytes, (unsigned long long)t->dma.len,
			 result->error, (unsigned long long)result->seq);
}

enum mmb_rc mmb_transfer(struct mmb_transfer *t, struct mmb_times *times)
{
	struct mmd_device *dev = t->c->s->dev;
	struct mmd_dma_result result;
	struct mmb_times own;
	uint64_t deadline;
	enum mmb_rc rc;
	int err = switch_eventfd(t);

	if (err)
		return mmb_failed(t->c, MMD_CALL_EVENTFD_SET, err);
	times = times ? times : &own;
	times->start = mmb_now_ns();
	/* With the register or the eventfd the result is there by then; data shows a bit earlier. */
	deadline = t->mode == MMD_DMA_SPIN || t->mode == MMD_DMA_EVENTFD ? 0 :
			times->start + MMB_TIMEOUT_NS;
	err = mmd_dma_submit(dev, &t->dma, &times->seq);
	if (err)
		return mmb_failed(t->c, MMD_CALL_DMA_SUBMIT, err);
	do {
		rc = wait_for_end(t, times);
		if (rc)
			return rc;
		times->seen = mmb_now_ns();
		err = mmd_dma_wait(dev, times->seq, deadline, &result);
		/* The eventfd may still have told of the transfer before this one. */
	} while (err == -EAGAIN && t->mode == MMD_DMA_EVENTFD);
	times->end = mmb_now_ns();
	if (err)
		return mmb_failed(t->c, MMD_CALL_DMA_WAIT, err);
	if (t->mode == MMD_DMA_WAIT)
		times->seen = times->end;
	return check_result(t, times->seq, &result);
}

enum mmb_rc mmb_transfer_stamped(struct mmb_transfer *t, struct mmb_times *times)
{
	volatile uint64_t *from = t->proof.from;
	const volatile uint64_t *to = (volatile uint64_t *)t->proof.to;
	size_t len = t->proof.len;
	enum mmb_rc rc;

	t->stamp++;
	from[0] = t->stamp;
	*last_word(from, len) = t->stamp;
	mmd_wc_flush();
	rc = mmb_transfer(t, times);
	if (rc)
		return rc;
	if (to[0] != t->stamp || to[len / 8 - 1] != t->stamp)
		return mmb_wrong(t->c, "transfer %llu is reported finished, but its data is not "
				 "there", (unsigned long long)times->seq);
	return MMB_OK;
}

/*
 * The first one of a round is not counted: it brings the buffers into the cache state that
 * every later one, and the host's bare copy, finds them in.
 */
static enum mmb_rc run(struct mmb_arm *arm, uint64_t ops, bool until_seen)
{
	struct mmb_times times;

	for (uint64_t i = 0; i <= ops; i++) {
		enum mmb_rc rc = mmb_transfer_stamped(arm->data, &times);

		if (rc)
			return rc;
		if (i)
			mmb_observe(arm, (double)((until_seen ? times.seen : times.end) -
						  times.start));
	}
	return MMB_OK;
}

enum mmb_rc mmb_transfer_run(struct mmb_arm *arm, uint64_t ops)
{
	return run(arm, ops, false);
}

enum mmb_rc mmb_transfer_seen_run(struct mmb_arm *arm, uint64_t ops)
{
	return run(arm, ops, true);
}

/* One request for @repeat copies; the host's time for each. */
static enum mmb_rc host_copy(const struct mmb_transfer *t, uint32_t repeat, double *ns)
{
	struct mmd_device *dev = t->c->s->dev;
	struct mmd_dma dma = t->dma;
	struct mmd_dma_result result;
	uint64_t seq;
	int err;

	dma.flags = MMAPDEMO_DMA_TIMED;
	dma.repeat = repeat;
	err = mmd_dma_submit(dev, &dma, &seq);
	if (err)
		return mmb_failed(t->c, MMD_CALL_DMA_SUBMIT, err);
	err = mmd_dma_wait(dev, seq, mmd_deadline_ns(MMB_TIMEOUT_NS), &result);
	if (err)
		return mmb_failed(t->c, MMD_CALL_DMA_WAIT, err);
	*ns = (double)result.host_ns / repeat;
	return MMB_OK;
}

/* About 2 MiB of copies: long enough for the host's clock, short enough for a round. */
#define HOST_COPY_BYTES		(2u << 20)
#define HOST_COPY_REPEAT_MAX	16384u

enum mmb_rc mmb_host_copy_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mmb_transfer *t = arm->data;
	uint64_t repeat = HOST_COPY_BYTES / t->dma.len;
	enum mmb_rc rc;
	double ns;

	if (!repeat)
		repeat = 1;
	if (repeat > HOST_COPY_REPEAT_MAX)
		repeat = HOST_COPY_REPEAT_MAX;
	rc = host_copy(t, 1, &ns);
	for (uint64_t i = 0; i < ops && !rc; i++) {
		rc = host_copy(t, (uint32_t)repeat, &ns);
		if (!rc)
			mmb_observe(arm, ns);
	}
	return rc;
}

/* --- proof -------------------------------------------------------------------------------- */

static bool is_transfer(const struct mmb_arm *arm)
{
	return arm->data && !arm->skip;
}

/* The stamps leave the guards alone: they must still be there after all rounds. */
enum mmb_rc mmb_transfers_prepare(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++)
		if (is_transfer(&c->arm[i]))
			mmb_proof_prepare(&((struct mmb_transfer *)c->arm[i].data)->proof);
	mmd_wc_flush();
	return MMB_OK;
}

/* Once more, with every byte looked at. */
static enum mmb_rc prove(struct mmb_arm *arm)
{
	struct mmb_transfer *t = arm->data;
	enum mmb_rc rc;
	double ns;

	t->proof.seed = t->stamp ^ arm->seen.n;
	mmb_proof_prepare(&t->proof);
	/* What the waiting of this mode looks for; part of the pattern, so the proof holds. */
	t->stamp = *last_word(t->proof.from, t->proof.len);
	mmd_wc_flush();
	if (arm->run == mmb_host_copy_run)
		rc = host_copy(t, 1, &ns);
	else
		rc = mmb_transfer(t, NULL);
	return rc ? rc : mmb_proof_check(arm->c, arm->what, &t->proof);
}

enum mmb_rc mmb_transfers_verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (is_transfer(&c->arm[i]))
			rc = mmb_proof_guards(c, c->arm[i].what,
					      &((struct mmb_transfer *)c->arm[i].data)->proof);
	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (is_transfer(&c->arm[i]))
			rc = prove(&c->arm[i]);
	return rc;
}
