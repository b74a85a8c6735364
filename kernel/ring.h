/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The rings of a queue that the driver keeps to itself: the owner's half of the protocol. Inline,
 * since a call consists of little else.
 *
 * All of it with slot->lock held and inside the gate, but for the doorbell.
 *
 * Not for: what a call or a command makes of them, see queue_submit.c, queue_quick.c and uring.c.
 */
#ifndef MMAPDEMO_RING_H
#define MMAPDEMO_RING_H

#include <linux/io.h>

#include "mmapdemo_priv.h"
#include "trace.h"

static inline __le32 *mmapdemo_ring_word(const struct mmapdemo_queue *q, u32 offset)
{
	return q->words + offset;
}

/* --- descriptors ----------------------------------------------------------------------------- */

/* The place of descriptor @index. The device does not look there before it is published. */
static inline struct mmapdemo_hw_sqe *mmapdemo_ring_sqe(const struct mmapdemo_queue *q, u32 index)
{
	return &q->sq[index & q->mask];
}

static inline u32 mmapdemo_ring_room(const struct mmapdemo_queue *q)
{
	/* Pairs with mmapdemo_ring_collected(). */
	return q->mask + 1 - (q->tail - smp_load_acquire(&q->head));
}

/* The next @n descriptors are in their places. The device may see them, and need not: tell it. */
static inline void mmapdemo_ring_publish(struct mmapdemo_queue *q, u32 n)
{
	u32 i;

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	if (trace_mmapdemo_queue_submit_enabled()) {
		for (i = q->tail; i != q->tail + n; i++)
			trace_mmapdemo_queue_submit(q, i,
						    le64_to_cpu(mmapdemo_ring_sqe(q, i)->user));
	}
	q->tail += n;
	/* Pairs with the device's load of sq_tail before it reads descriptors. */
	dma_wmb();
	WRITE_ONCE(*mmapdemo_ring_word(q, MMAPDEMO_RING_SQ_TAIL), cpu_to_le32(q->tail));
}

/* Append @n descriptors from kernel memory, for which there is room. */
static inline void mmapdemo_ring_put(struct mmapdemo_queue *q, const struct mmapdemo_hw_sqe *sqes,
				     u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		*mmapdemo_ring_sqe(q, q->tail + i) = sqes[i];
	mmapdemo_ring_publish(q, n);
}

/* Does the device want to be told of what has been put since it was asked last? */
static inline bool mmapdemo_ring_tell(struct mmapdemo_queue *q)
{
	u32 told = q->told;
	u32 event;

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	/* Our tail before its sq_event; pairs with the device's sq_event before our tail. */
	mb();
	event = le32_to_cpu(READ_ONCE(*mmapdemo_ring_word(q, MMAPDEMO_RING_SQ_EVENT)));
	q->told = q->tail;
	return MMAPDEMO_CROSSED(event, q->tail, told);
}

/* Without slot->lock: it may take the device a while. One too many does nothing, to no queue. */
static inline void mmapdemo_ring_doorbell(struct mmapdemo_queue *q)
{
	writel(0, q->doorbell_reg);
}

/* --- completions ----------------------------------------------------------------------------- */

/* Completion @index where it is; NULL if it is not there. */
static inline const struct mmapdemo_hw_cqe *mmapdemo_ring_cqe(const struct mmapdemo_queue *q,
							      u32 index)
{
	const struct mmapdemo_hw_cqe *cqe = &q->cq[index & q->mask];

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	if (le32_to_cpu(READ_ONCE(cqe->gen)) != index + 1)
		return NULL;
	/* Pairs with the device's store of gen, which is its last. */
	dma_rmb();
	return cqe;
}

/* Copy completion @index; false if it is not there. */
static inline bool mmapdemo_ring_look(struct mmapdemo_queue *q, u32 index,
				      struct mmapdemo_hw_cqe *to)
{
	const struct mmapdemo_hw_cqe *cqe = mmapdemo_ring_cqe(q, index);

	if (!cqe)
		return false;
	*to = *cqe;
	trace_mmapdemo_queue_complete(q, index, to);
	return true;
}

/* The next @n completions have been copied from their places, which are free. */
static inline void mmapdemo_ring_collected(struct mmapdemo_queue *q, u32 n)
{
	/*
	 * After they were copied: whoever sees them free lets the device write there again. Pairs with
	 * smp_load_acquire() in mmapdemo_ring_room().
	 */
	smp_store_release(&q->head, q->head + n);
}

/* Have an interrupt when completion @index is there; true if it is there already. */
static inline bool mmapdemo_ring_arm(struct mmapdemo_queue *q, u32 index)
{
	WRITE_ONCE(*mmapdemo_ring_word(q, MMAPDEMO_RING_CQ_EVENT), cpu_to_le32(index));
	/* Our event before its gen; pairs with the device's last gen before our event. */
	mb();
	return mmapdemo_ring_cqe(q, index);
}

/* As far as memory tells, see mmapdemo_queue_is_stopped(). */
static inline bool mmapdemo_ring_stopped(const struct mmapdemo_queue *q)
{
	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	return READ_ONCE(*mmapdemo_ring_word(q, MMAPDEMO_RING_STATE)) ==
	       cpu_to_le32(MMAPDEMO_QSTATE_ERROR);
}

#endif /* MMAPDEMO_RING_H */
