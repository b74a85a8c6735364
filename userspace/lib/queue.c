// SPDX-License-Identifier: MIT
/*
 * queue.c - queues and windows: create, look up, wait, destroy. The hot path is inline, in queue.h.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "internal.h"

/* Looks for a completion between two looks at the clock, and time between two questions to the driver. */
#define SPIN_BATCH		256
#define SPIN_ASK_NS		(10 * MMD_NSEC_PER_MSEC)
/* A sleeper looks this often even if no interrupt comes: a reset takes the queue away without one. */
#define SLEEP_ASK_NS		MMD_NSEC_PER_SEC

/*
 * Programs have the inline functions of queue.h compiled in: what these read stays where it is, within
 * one cache line, and new members come at the end.
 */
#define CACHE_LINE		64u
#define MEMBER_AT(member, offset) \
	_Static_assert(offsetof(struct mmd_queue, member) == (offset), #member)

#if UINTPTR_MAX > 0xffffffffu
MEMBER_AT(sq, 0);
MEMBER_AT(cq, 8);
MEMBER_AT(ring, 16);
MEMBER_AT(doorbell, 24);
MEMBER_AT(mask, 32);
MEMBER_AT(tail, 36);
MEMBER_AT(kicked, 40);
MEMBER_AT(limit, 44);
MEMBER_AT(head, 48);
MEMBER_AT(eventfd, 76);
#endif

int mmd_window_create(struct mmd_device *dev, uint32_t handle, uint64_t off, uint64_t len,
		      uint32_t access, uint32_t *window)
{
	struct mmapdemo_window_create arg = {
		.size = sizeof(arg),
		.flags = access,
		.handle = handle,
		.off = off,
		.len = len,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_WINDOW_CREATE, &arg);
	if (ret)
		return ret;
	*window = arg.out_window;
	return 0;
}

int mmd_window_destroy(struct mmd_device *dev, uint32_t window)
{
	struct mmapdemo_window_destroy arg = { .size = sizeof(arg), .window = window };

	return mmd_ioctl(dev, MMAPDEMO_IOC_WINDOW_DESTROY, &arg);
}

/* --- create and destroy ------------------------------------------------------------------- */

static int queue_eventfd(const struct mmd_queue_attr *attr, int *fd)
{
	switch (attr->flags) {
	case 0:
	case MMD_QUEUE_KERNEL:
		*fd = -1;
		return 0;
	case MMD_QUEUE_EVENTFD:
		*fd = attr->eventfd;
		return *fd < 0 ? -EBADF : 0;
	case MMD_QUEUE_SLEEP:
		*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		return *fd < 0 ? -errno : 0;
	default:
		return -EINVAL;
	}
}

static int queue_map(struct mmd_queue *q, const struct mmapdemo_queue_create *arg)
{
	int ret;

	if (arg->out_ring_len < MMAPDEMO_RING_BYTES(q->log2n) || arg->out_ring_len > SIZE_MAX ||
	    arg->out_doorbell_len < sizeof(uint32_t) || arg->out_doorbell_len > SIZE_MAX)
		return -EPROTO;
	ret = mmd_map(q->dev, arg->out_ring_offset, (size_t)arg->out_ring_len,
		      PROT_READ | PROT_WRITE, &q->ring_map);
	if (ret)
		return ret;
	ret = mmd_map(q->dev, arg->out_doorbell_offset, (size_t)arg->out_doorbell_len,
		      PROT_READ | PROT_WRITE, &q->doorbell_map);
	if (ret)
		return ret;
	q->ring = q->ring_map.ptr;
	q->doorbell = q->doorbell_map.ptr;
	q->cq = (const volatile void *)(q->ring + MMAPDEMO_RING_CQ);
	q->sq = (void *)((char *)q->ring_map.ptr + MMAPDEMO_RING_SQ(q->log2n));
	return 0;
}

/*
 * Indexes begin where the device's head is: 0, unless the device was told to begin elsewhere (its
 * property x-queue-start). The memory is all zero, which says "nothing submitted, ring at the first
 * descriptor, no completion" for 0 and for no other index. So then the tail is set, the device is
 * made to publish its sq_event by a look, and the record of completion 2^32 - 1, whose generation is
 * 0, is made to differ.
 */
static int queue_begin(struct mmd_queue *q)
{
	struct mmapdemo_hw_cqe *cq = (void *)((char *)q->ring_map.ptr + MMAPDEMO_RING_CQ);
	struct mmd_queue_info info;
	int ret;

	ret = mmd_queue_info(q, &info);
	if (ret)
		return ret;
	q->head = info.head;
	q->kicked = info.head;
	q->tail = info.head;
	q->limit = info.head + q->mask + 1;
	if (!info.head)
		return 0;
	cq[q->mask].gen = MMD_LE32(q->mask);
	mmd_queue_kick(q);
	mmd_queue_doorbell(q);
	return 0;
}

/* Errors of the way out are of no interest to a caller who is told of the first one. */
static int queue_free(struct mmd_queue *q)
{
	struct mmapdemo_queue_destroy arg = { .size = sizeof(arg), .queue = q->handle };
	int ret = 0;

	if (q->handle)
		ret = mmd_ioctl(q->dev, MMAPDEMO_IOC_QUEUE_DESTROY, &arg);
	mmd_unmap(&q->doorbell_map);
	mmd_unmap(&q->ring_map);
	if (q->flags == MMD_QUEUE_SLEEP && q->eventfd >= 0)
		close(q->eventfd);
	free(q);
	return ret;
}

int mmd_queue_create(struct mmd_device *dev, const struct mmd_queue_attr *attr,
		     struct mmd_queue **qp)
{
	static const struct mmd_queue_attr defaults;
	struct mmapdemo_queue_create arg = { .size = sizeof(arg) };
	struct mmd_queue *q;
	int ret;

	if (!attr)
		attr = &defaults;
	if (attr->reserved || attr->log2n > MMAPDEMO_QUEUE_LOG2N_MAX)
		return -EINVAL;
	q = aligned_alloc(CACHE_LINE, (sizeof(*q) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));
	if (!q)
		return -ENOMEM;
	memset(q, 0, sizeof(*q));
	q->dev = dev;
	q->flags = attr->flags;
	q->log2n = attr->log2n ? attr->log2n : MMD_QUEUE_LOG2N_DEFAULT;
	q->mask = (1u << q->log2n) - 1;
	q->eventfd = -1;
	ret = queue_eventfd(attr, &q->eventfd);
	if (ret)
		goto out_free;
	if (attr->flags == MMD_QUEUE_KERNEL)
		arg.flags = MMAPDEMO_QUEUE_KERNEL;
	arg.log2n = q->log2n;
	arg.eventfd = q->eventfd;
	arg.irq_gap_ns = attr->irq_gap_ns;
	arg.irq_count = attr->irq_count;
	ret = mmd_ioctl(dev, MMAPDEMO_IOC_QUEUE_CREATE, &arg);
	if (ret)
		goto out_free;
	q->handle = arg.out_queue;
	q->irq_gap_ns = arg.out_irq_gap_ns;
	if (attr->flags != MMD_QUEUE_KERNEL) {
		ret = queue_map(q, &arg);
		if (ret)
			goto out_free;
		ret = queue_begin(q);
		if (ret)
			goto out_free;
	}
	*qp = q;
	return 0;

out_free:
	queue_free(q);
	return ret;
}

int mmd_queue_destroy(struct mmd_queue *q)
{
	return q ? queue_free(q) : 0;
}

int mmd_queue_info(struct mmd_queue *q, struct mmd_queue_info *info)
{
	struct mmapdemo_queue_info arg = { .size = sizeof(arg), .queue = q->handle };
	int ret;

	ret = mmd_ioctl(q->dev, MMAPDEMO_IOC_QUEUE_INFO, &arg);
	if (ret)
		return ret;
	*info = (struct mmd_queue_info) {
		.state = arg.out_state,
		.error = arg.out_error,
		.error_index = arg.out_error_index,
		.head = arg.out_head,
		.log2n = arg.out_log2n,
		.index = arg.out_index,
		.reset = arg.out_reset,
		.irqs = arg.out_irqs,
	};
	return 0;
}

int mmd_queue_submit(struct mmd_queue *q, struct mmd_queue_submit *submit)
{
	struct mmapdemo_queue_submit arg = {
		.size = sizeof(arg),
		.queue = q->handle,
		.num = submit->num,
		.sqes = (uintptr_t)submit->sqes,
		.cqes = (uintptr_t)submit->cqes,
		.max_cqes = submit->max_cqes,
		.min_cqes = submit->min_cqes,
		.deadline_ns = submit->deadline_ns,
	};
	int ret;

	if (submit->reserved)
		return -EINVAL;
	ret = mmd_ioctl(q->dev, MMAPDEMO_IOC_QUEUE_SUBMIT, &arg);
	if (ret)
		return ret;
	submit->submitted = arg.out_submitted;
	submit->collected = arg.out_cqes;
	return 0;
}

/* --- wait --------------------------------------------------------------------------------- */

/* What the device said last about its state. It stops writing when it is reset: then 'ask' tells. */
static bool queue_says_error(const struct mmd_queue *q)
{
	const uint32_t *state = (const uint32_t *)(uintptr_t)(q->ring + MMAPDEMO_RING_STATE);

	return MMD_LE32(__atomic_load_n(state, __ATOMIC_ACQUIRE)) == MMAPDEMO_QSTATE_ERROR;
}

/*
 * Completion @index has not been seen: will it come? 0: it may. The state is asked for first, and the
 * record looked at once more after it: a queue that stopped had posted what it had done.
 * 1: it is there.
 */
static int queue_ask(struct mmd_queue *q, uint32_t index)
{
	struct mmd_queue_info info;
	int ret;

	ret = mmd_queue_info(q, &info);
	if (ret)
		return ret;
	if (mmd_queue_done(q, index))
		return 1;
	if (info.reset || info.state == MMAPDEMO_QSTATE_ERROR ||
	    info.state == MMAPDEMO_QSTATE_DISABLED)
		return -EIO;
	return 0;
}

int mmd_queue_spin(struct mmd_queue *q, uint32_t count, uint64_t deadline_ns)
{
	uint32_t index = q->head + count - 1, tries = 0;
	uint64_t now, ask = 0;
	unsigned int i;
	int ret;

	if (!count || count > mmd_queue_pending(q))
		return -EINVAL;
	if (mmd_queue_done(q, index))
		return 0;
	if (!deadline_ns)
		return -EAGAIN;
	for (;;) {
		for (i = 0; i < SPIN_BATCH; i++) {
			if (mmd_queue_done(q, index))
				return 0;
			mmd_spin_pause(tries);
			if (tries < MMD_SPIN_TRIES)
				tries++;
		}
		now = mmd_now_ns();
		if (!ask)
			ask = now + SPIN_ASK_NS;
		if (now < ask && now < deadline_ns && !queue_says_error(q))
			continue;
		ret = queue_ask(q, index);
		if (ret)
			return ret < 0 ? ret : 0;
		if (now >= deadline_ns)
			return -ETIMEDOUT;
		ask = now + SPIN_ASK_NS;
	}
}

int mmd_queue_wait(struct mmd_queue *q, uint32_t count, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = q->eventfd, .events = POLLIN };
	uint32_t index = q->head + count - 1, tries;
	uint64_t counter, now, until;
	int n, ret;

	if (q->eventfd < 0 || !count || count > mmd_queue_pending(q))
		return -EINVAL;
	for (tries = 0; tries < MMD_SPIN_TRIES; tries++) {
		if (mmd_queue_done(q, index))
			return 0;
		if (!deadline_ns)
			return -EAGAIN;
	}
	for (;;) {
		if (mmd_queue_arm(q, index))
			return 0;
		now = mmd_now_ns();
		until = deadline_ns - now > SLEEP_ASK_NS && deadline_ns > now ?
			now + SLEEP_ASK_NS : deadline_ns;
		n = poll(&pfd, 1, mmd_poll_timeout_ms(until));
		if (n < 0 && errno != EINTR)
			return -errno;
		/* Non-blocking: EAGAIN only means that nothing was counted since. */
		if (n > 0 && read(q->eventfd, &counter, sizeof(counter)) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			return -errno;
		/* An interrupt says "look", not "yours is over": it may be older, or tell of an error. */
		if (mmd_queue_done(q, index))
			return 0;
		ret = queue_ask(q, index);
		if (ret)
			return ret < 0 ? ret : 0;
		if (mmd_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
	}
}
