// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands of io_uring: one descriptor each, on a queue that the driver keeps to itself.
 *
 * A command ends exactly once: whoever takes it out of q->cmds, under slot->lock, ends it. That is
 * mmapdemo_uring_reap() when its completion is there, mmapdemo_uring_fail() when none will come, or
 * uring_cancel(). The request holds the file, and so the module.
 *
 * Not for: the rings, see ring.h.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"
#include "ring.h"

/* A completion whose interrupt was lost is found after so long. */
#define WATCHDOG_PERIOD	HZ

/* What the driver keeps in the command itself. */
struct uring_pdu {
	struct mmapdemo_slot *slot;
	u32 index;			/* of its descriptor */
	s32 res;
	u64 extra;			/* first extra word of a CQE32 */
};

static struct uring_pdu *pdu_of(struct io_uring_cmd *cmd)
{
	return io_uring_cmd_to_pdu(cmd, struct uring_pdu);
}

/* --- the end of a command ---------------------------------------------------------------------- */

static void uring_end(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct uring_pdu *pdu = pdu_of(cmd);

	io_uring_cmd_done32(cmd, pdu->res, pdu->extra, issue_flags);
}
MMAPDEMO_URING_TASK_WORK(uring_end)

/* The command of descriptor @index becomes the caller's; NULL if it is somebody else's already. */
static struct io_uring_cmd *uring_take(struct mmapdemo_queue *q, u32 index)
{
	struct io_uring_cmd **place = &q->cmds[index & ((1U << q->log2n) - 1)];
	struct io_uring_cmd *cmd = *place;

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	*place = NULL;
	return cmd;
}

/* In its task, where io_uring wants it: from an interrupt too. */
static void uring_finish(struct io_uring_cmd *cmd, s32 res, u64 extra)
{
	pdu_of(cmd)->res = res;
	pdu_of(cmd)->extra = extra;
	io_uring_cmd_complete_in_task(cmd, uring_end_in_task);
}

static void uring_complete(struct io_uring_cmd *cmd, const struct mmapdemo_hw_cqe *cqe)
{
	u32 status = le16_to_cpu(cqe->status);
	u32 detail = le32_to_cpu(cqe->detail);

	switch (status) {
	case MMAPDEMO_CQ_OK:
		uring_finish(cmd, le32_to_cpu(cqe->bytes), le64_to_cpu(cqe->aux));
		return;
	case MMAPDEMO_CQ_BUS:
	case MMAPDEMO_CQ_ABORTED:
	case MMAPDEMO_CQ_INJECTED:
		uring_finish(cmd, -EIO, status | (u64)detail << 32);
		return;
	case MMAPDEMO_CQ_MISCOMPARE:
		uring_finish(cmd, -EIO, status | le64_to_cpu(cqe->aux) << 32);
		return;
	default:
		uring_finish(cmd, -EINVAL, status | (u64)detail << 32);
	}
}

/**
 * mmapdemo_uring_fail() - no completion comes any more
 * @q: any queue; slot->lock is held
 * @err: negative errno for its commands
 *
 * The device has let go of the queue, so that nothing is written to who is told.
 */
void mmapdemo_uring_fail(struct mmapdemo_queue *q, int err)
{
	struct io_uring_cmd *cmd;
	u32 i;

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	if (!q->by_uring)
		return;
	for (i = q->head; i != q->tail; i++) {
		cmd = uring_take(q, i);
		if (cmd)
			uring_finish(cmd, err, 0);
	}
	if (!q->over)
		q->over = err;
}

/**
 * mmapdemo_uring_reap() - end the commands whose completions are there
 * @q: any queue; slot->lock is held. Inside the gate, or before interrupts are freed
 *
 * If there are others, the next one ends with an interrupt.
 */
void mmapdemo_uring_reap(struct mmapdemo_queue *q)
{
	struct mmapdemo_hw_cqe cqe;
	struct io_uring_cmd *cmd;

	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	if (!q->by_uring)
		return;
	do {
		while (q->head != q->tail && mmapdemo_ring_look(q, q->head, &cqe)) {
			cmd = uring_take(q, q->head);
			q->head++;
			if (cmd)
				uring_complete(cmd, &cqe);
		}
		if (q->head == q->tail) {
			q->by_uring = false;
			return;
		}
		if (mmapdemo_ring_stopped(q)) {
			mmapdemo_uring_fail(q, -EIO);
			return;
		}
	} while (mmapdemo_ring_arm(q, q->head));
}

/* For the interrupt that is lost, and the queue that lost the bus and can send none. */
void mmapdemo_uring_watchdog(struct work_struct *work)
{
	struct mmapdemo_queue *q = container_of(to_delayed_work(work), struct mmapdemo_queue,
						watchdog);
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	bool stopped;
	int idx;

	if (mmapdemo_dev_enter(slot->mdev, &idx))
		return;
	/* Asked first: what it has completed until then is there to be seen. */
	stopped = mmapdemo_queue_is_stopped(q);
	spin_lock_irq(&slot->lock);
	mmapdemo_uring_reap(q);
	if (stopped)
		mmapdemo_uring_fail(q, -EIO);
	if (q->by_uring && !q->over)
		schedule_delayed_work(&q->watchdog, WATCHDOG_PERIOD);
	spin_unlock_irq(&slot->lock);
	mmapdemo_dev_exit(slot->mdev, idx);
}

/*
 * The ring of io_uring is being closed, which does not wait for the device. Its descriptor keeps
 * its place in the queue, and the windows it names keep their memory.
 */
static void uring_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct mmapdemo_slot *slot = pdu_of(cmd)->slot;
	u32 index = pdu_of(cmd)->index;
	struct mmapdemo_queue *q;
	bool mine = false;

	spin_lock_irq(&slot->lock);
	q = slot->queue;
	/* The queue may be another one by now: a command is in one at most. */
	if (q && q->cmds && q->cmds[index & ((1U << q->log2n) - 1)] == cmd)
		mine = uring_take(q, index);
	spin_unlock_irq(&slot->lock);
	if (mine)
		io_uring_cmd_done32(cmd, -ECANCELED, 0, issue_flags);
}

/* --- the beginning of a command ---------------------------------------------------------------- */

/* Whose descriptor is in which slot; for the first command of a queue. */
static int uring_prepare(struct mmapdemo_queue *q)
{
	struct io_uring_cmd **cmds;

	if (READ_ONCE(q->cmds))
		return 0;
	cmds = kvcalloc(1U << q->log2n, sizeof(*cmds), GFP_KERNEL_ACCOUNT);
	if (!cmds)
		return -ENOMEM;
	spin_lock_irq(&mmapdemo_queue_slot(q)->lock);
	if (!q->cmds)
		swap(q->cmds, cmds);
	spin_unlock_irq(&mmapdemo_queue_slot(q)->lock);
	kvfree(cmds);
	return 0;
}

/* From here on it can end at any moment. */
static int uring_put(struct mmapdemo_queue *q, struct io_uring_cmd *cmd,
		     const struct mmapdemo_hw_sqe *sqe)
{
	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	if (q->over)
		return q->over == -ENOENT ? -ECANCELED : q->over;
	if (!q->by_uring && q->head != q->tail)
		return -EBUSY;
	if (mmapdemo_ring_stopped(q))
		return -EIO;
	if (!mmapdemo_ring_room(q))
		return -EAGAIN;
	pdu_of(cmd)->index = q->tail;
	q->cmds[q->tail & ((1U << q->log2n) - 1)] = cmd;
	q->by_uring = true;
	mmapdemo_ring_put(q, sqe, 1);
	schedule_delayed_work(&q->watchdog, WATCHDOG_PERIOD);
	return 0;
}

static int uring_submit(struct mmapdemo_queue *q, struct io_uring_cmd *cmd,
			const struct mmapdemo_hw_sqe *sqe)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	bool ring = false;
	int idx, ret;

	ret = mmapdemo_dev_enter(slot->mdev, &idx);
	if (ret)
		return ret;
	spin_lock_irq(&slot->lock);
	ret = uring_put(q, cmd, sqe);
	if (!ret)
		ring = mmapdemo_ring_tell(q);
	spin_unlock_irq(&slot->lock);
	if (ring)
		mmapdemo_ring_doorbell(q);
	/* If the device was that fast no interrupt is asked for. */
	spin_lock_irq(&slot->lock);
	mmapdemo_uring_reap(q);
	spin_unlock_irq(&slot->lock);
	mmapdemo_dev_exit(slot->mdev, idx);
	return ret;
}

static int uring_run(struct mmapdemo_queue *q, struct io_uring_cmd *cmd,
		     const struct mmapdemo_hw_sqe *sqe, unsigned int issue_flags)
{
	int ret;

	ret = uring_prepare(q);
	if (ret)
		return ret;
	pdu_of(cmd)->slot = mmapdemo_queue_slot(q);
	pdu_of(cmd)->index = 0;
	/* Once this is said a command ends in one way only, errors too. */
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
	ret = uring_submit(q, cmd, sqe);
	if (ret)
		io_uring_cmd_done32(cmd, ret, 0, issue_flags);
	return -EIOCBQUEUED;
}

/* Read once: the submission ring of io_uring is its owner's to write. */
static struct mmapdemo_uring_cmd payload_of(struct io_uring_cmd *cmd)
{
	const struct mmapdemo_uring_cmd *from = mmapdemo_uring_payload(cmd);

	return (struct mmapdemo_uring_cmd) {
		.queue = READ_ONCE(from->queue),
		.reserved = READ_ONCE(from->reserved),
		.sqe = READ_ONCE(from->sqe),
	};
}

int mmapdemo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct mmapdemo_file *mf = cmd->file->private_data;
	struct mmapdemo_uring_cmd arg;
	struct mmapdemo_hw_sqe sqe;
	struct mmapdemo_queue *q;
	int ret;

	if (mmapdemo_uring_is_cancel(issue_flags)) {
		uring_cancel(cmd, issue_flags);
		return 0;
	}
	if (mmapdemo_dev_gone(mf->mdev))
		return -ENODEV;
	if (cmd->cmd_op != MMAPDEMO_URING_SUBMIT)
		return -ENOTTY;
	if (!mf->mdev->num_queues)
		return -EOPNOTSUPP;
	arg = payload_of(cmd);
	if (arg.reserved)
		return -EINVAL;
	if (copy_from_user(&sqe, u64_to_user_ptr(arg.sqe), sizeof(sqe)))
		return -EFAULT;
	q = mmapdemo_queue_get(mf, arg.queue);
	if (IS_ERR(q))
		return PTR_ERR(q);
	ret = uring_run(q, cmd, &sqe, issue_flags);
	mmapdemo_queue_put(q);
	return ret;
}
