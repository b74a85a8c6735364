// SPDX-License-Identifier: GPL-2.0-only
/*
 * QUEUE_SUBMIT, as far as nothing stands in the way: a few descriptors for which there is room, of a
 * queue that nobody else is using, from memory that is present, and completions that are there when
 * the doorbell is done. All in one visit to the queue, with no copy in between: user memory is
 * accessed inside the gate and slot->lock with page faults off, so that a process cannot hold up
 * anybody.
 *
 * Whatever is not like that is left to queue_submit.c, which can wait: nothing is refused here.
 */
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"
#include "ring.h"
#include "user.h"

#define SQE_WORDS	(sizeof(struct mmapdemo_hw_sqe) / sizeof(u64))
#define CQE_WORDS	(sizeof(struct mmapdemo_hw_cqe) / sizeof(u64))

/* The queue, if the hint was right and it is free to be used. Its slot's lock keeps it. */
static __always_inline struct mmapdemo_queue *queue_of(const struct mmapdemo_slot *slot,
						       const struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_queue *q = slot->queue;

	if (!q || q->mf != mf || q->handle != handle || !q->kernel)
		return NULL;
	if (q->turn != MMAPDEMO_TURN_FREE || q->by_uring || q->over || mmapdemo_ring_stopped(q))
		return NULL;
	return q;
}

/* All of them, or none: what has not been published is nothing. */
static __always_inline bool quick_put(struct mmapdemo_queue *q,
				      const struct mmapdemo_queue_submit *arg, u32 num)
{
	const struct mmapdemo_hw_sqe __user *from = u64_to_user_ptr(arg->sqes);
	u32 i = 0;

	if (num > mmapdemo_ring_room(q))
		return false;
	do {
		if (mmapdemo_words_get((u64 *)mmapdemo_ring_sqe(q, q->tail + i), &from[i],
				       SQE_WORDS) < SQE_WORDS)
			return false;
	} while (++i < num);
	mmapdemo_ring_publish(q, num);
	return true;
}

/* Those that are there, and can be stored. */
static __always_inline u32 quick_collect(struct mmapdemo_queue *q,
					 const struct mmapdemo_queue_submit *arg)
{
	struct mmapdemo_hw_cqe __user *to = u64_to_user_ptr(arg->cqes);
	const u32 head = q->head, max = min(arg->max_cqes, q->tail - head);
	const struct mmapdemo_hw_cqe *cqe;
	u32 n;

	for (n = 0; n < max && n < MMAPDEMO_BATCH; n++) {
		cqe = mmapdemo_ring_cqe(q, head + n);
		if (!cqe || mmapdemo_words_put(&to[n], (const u64 *)cqe, CQE_WORDS) < CQE_WORDS)
			break;
		trace_mmapdemo_queue_complete(q, head + n, cqe);
	}
	mmapdemo_ring_collected(q, n);
	return n;
}

/*
 * Nobody else has a turn while the doorbell is rung: what it completes is for this call. And nobody
 * ends the queue, see queue_close(). Comes and goes with slot->lock, and leaves it meanwhile.
 */
static __always_inline void quick_tell(struct mmapdemo_queue *q, struct mmapdemo_slot *slot)
{
	q->turn = MMAPDEMO_TURN_QUICK;
	spin_unlock_irq(&slot->lock);
	mmapdemo_ring_doorbell(q);
	spin_lock_irq(&slot->lock);
	mmapdemo_turn_end(q);
}

/* With slot->lock. True if nothing is left to do. */
static __always_inline bool quick_visit(struct mmapdemo_slot *slot, struct mmapdemo_file *mf,
					struct mmapdemo_queue_submit *arg, u32 num)
{
	struct mmapdemo_queue *q = queue_of(slot, mf, arg->queue);
	u32 n;

	if (!q || !quick_put(q, arg, num))
		return false;
	if (mmapdemo_ring_tell(q))
		quick_tell(q, slot);
	n = quick_collect(q, arg);
	arg->out_submitted = num;
	arg->out_cqes = n;
	return n == arg->max_cqes;
}

static __always_inline bool quick_run(struct mmapdemo_file *mf, struct mmapdemo_queue_submit *arg)
{
	struct mmapdemo_slot *slot = mmapdemo_slot_hint(mf, arg->queue);
	struct mmapdemo_dev *mdev = mf->mdev;
	const u32 num = arg->num;
	bool done;
	int idx;

	/* No handle is what a queue has that is being made: it can still be freed without a word. */
	if (!num || num > MMAPDEMO_BATCH || !arg->queue || mmapdemo_dev_enter(mdev, &idx))
		return false;
	spin_lock_irq(&slot->lock);
	pagefault_disable();
	done = quick_visit(slot, mf, arg, num);
	pagefault_enable();
	spin_unlock_irq(&slot->lock);
	mmapdemo_dev_exit(mdev, idx);
	return done;
}

int mmapdemo_ioctl_queue_submit(struct mmapdemo_file *mf, struct mmapdemo_queue_submit *arg)
{
	arg->out_submitted = 0;
	arg->out_cqes = 0;
	if (arg->min_cqes <= arg->max_cqes && quick_run(mf, arg))
		return 0;
	return mmapdemo_submit(mf, arg);
}
