// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the device says of a queue, asked by its registers, which the owner cannot reach.
 *
 * Not for: what the owner can see without asking, the words in the ring's memory.
 */
#include "mmapdemo_priv.h"

/**
 * mmapdemo_queue_is_over() - is the device known to have let go of a queue?
 * @mdev: the device; with engine.lock
 * @q: it was handed to it once
 *
 * No register is touched then: it may be another queue's.
 */
bool mmapdemo_queue_is_over(struct mmapdemo_dev *mdev, const struct mmapdemo_queue *q)
{
	lockdep_assert_held(&mdev->engine.lock);

	return q->epoch != mdev->epoch || mdev->engine.stopped;
}

static int queue_read(struct mmapdemo_queue *q, struct mmapdemo_queue_info *arg)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	int ret = 0;

	spin_lock_irq(&mdev->engine.lock);
	arg->out_reset = mmapdemo_queue_is_over(mdev, q);
	if (arg->out_reset) {
		arg->out_state = MMAPDEMO_QSTATE_DISABLED;
		arg->out_error = MMAPDEMO_QERR_NONE;
		arg->out_error_index = 0;
		arg->out_head = 0;
	} else {
		arg->out_state = mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, STATE));
		arg->out_error = mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, ERROR));
		arg->out_error_index = mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, ERROR_INDEX));
		arg->out_head = mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, HEAD));
		if (!mmapdemo_hw_answers(mdev))
			ret = -EIO;
	}
	spin_unlock_irq(&mdev->engine.lock);
	return ret;
}

/**
 * mmapdemo_queue_is_stopped() - ask the device whether it still works on a queue
 * @q: handed to it; inside the gate
 *
 * A queue that lost the bus could neither write its state to memory nor send an interrupt.
 */
bool mmapdemo_queue_is_stopped(struct mmapdemo_queue *q)
{
	struct mmapdemo_queue_info info;

	return queue_read(q, &info) || (info.out_state != MMAPDEMO_QSTATE_RUNNING &&
					info.out_state != MMAPDEMO_QSTATE_PAUSED);
}

int mmapdemo_ioctl_queue_info(struct mmapdemo_file *mf, struct mmapdemo_queue_info *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_queue *q;
	int ret = -ENOENT;

	if (!mdev->num_queues)
		return -EOPNOTSUPP;
	mutex_lock(&mdev->queue_lock);
	q = mmapdemo_queue_find(mf, arg->queue);
	if (q) {
		arg->out_log2n = q->log2n;
		arg->out_index = q->index;
		arg->out_irqs = atomic64_read(&q->num_irqs);
		ret = queue_read(q, arg);
	}
	mutex_unlock(&mdev->queue_lock);
	return ret;
}
