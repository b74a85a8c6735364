// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues: who has which, how one is handed to the device, and how it is taken back.
 *
 * The owner writes descriptors and rings the doorbell without us; what it writes there is the
 * device's to check. The driver puts two words into the ring's memory, for the owner's sake, and
 * never reads any: state comes from the registers, which the owner cannot reach.
 *
 * Nothing of a queue or window is freed before the device is known to have let go of it: it says so
 * (STATE, CFG), or it has been reset, or it has no bus. The last two end everything at once, and
 * are one step of mdev->epoch.
 *
 * Not for: windows, see window.c; mapping ring and doorbell, see mmap.c and map_mmio.c.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"
#include "trace.h"

static unsigned int max_queues = 8;
module_param(max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "most queues of one open file (8)");

unsigned int mmapdemo_queue_irq_gap_ns = 20000;
module_param_named(queue_irq_gap_ns, mmapdemo_queue_irq_gap_ns, uint, 0444);
MODULE_PARM_DESC(queue_irq_gap_ns, "least time between two interrupts of a queue (20000)");

/* --- the device ----------------------------------------------------------------------------- */

/* Has the device let go of what was made at @epoch, without having been asked? */
bool mmapdemo_epoch_is_over(struct mmapdemo_dev *mdev, u32 epoch)
{
	bool over;

	spin_lock_irq(&mdev->engine.lock);
	over = mdev->epoch != epoch || mdev->engine.stopped;
	spin_unlock_irq(&mdev->engine.lock);
	return over;
}

/* --- interrupts, and other news for the owner ------------------------------------------------ */

static void queue_signal(struct mmapdemo_queue *q)
{
	if (q->eventfd)
		eventfd_signal(q->eventfd);
	if (q->kernel)
		wake_up_all(&q->wait);
	if (q->news)
		q->news(q);
}

void mmapdemo_queue_irq(struct mmapdemo_dev *mdev, unsigned int index)
{
	struct mmapdemo_slot *slot = &mdev->slots[index];
	unsigned long flags;

	trace_mmapdemo_queue_irq(mdev, index);
	spin_lock_irqsave(&slot->lock, flags);
	if (slot->queue) {
		atomic64_inc(&slot->queue->num_irqs);
		mmapdemo_uring_reap(slot->queue);
		queue_signal(slot->queue);
	}
	spin_unlock_irqrestore(&slot->lock, flags);
}

/**
 * mmapdemo_queues_wake() - who sleeps on the eventfd of a queue, or in a call, is to look
 * @mdev: the device, which is going away
 */
void mmapdemo_queues_wake(struct mmapdemo_dev *mdev)
{
	unsigned int i;

	for (i = 0; i < mdev->num_queues; i++) {
		struct mmapdemo_slot *slot = &mdev->slots[i];

		spin_lock_irq(&slot->lock);
		if (slot->queue) {
			queue_signal(slot->queue);
			wake_up_all(&slot->queue->turn_wait);
		}
		spin_unlock_irq(&slot->lock);
	}
}

/**
 * mmapdemo_queues_lost() - all queues and windows have ended at once
 * @mdev: the device has just been reset, or has lost the bus
 *
 * The device cannot tell the owners any more, in the state word that pollers look at: so it is done
 * here, and sleepers are woken.
 */
void mmapdemo_queues_lost(struct mmapdemo_dev *mdev)
{
	int err = mmapdemo_dev_gone(mdev) ? -ENODEV : -EIO;
	unsigned int i;

	lockdep_assert_held(&mdev->engine.lock);

	mdev->epoch++;
	for (i = 0; i < mdev->num_queues; i++) {
		struct mmapdemo_slot *slot = &mdev->slots[i];
		struct mmapdemo_queue *q;

		spin_lock(&slot->lock);
		q = slot->queue;
		if (q) {
			WRITE_ONCE(*(__le32 *)(q->words + MMAPDEMO_RING_STATE),
				   cpu_to_le32(MMAPDEMO_QSTATE_DISABLED));
			if (!q->over)
				q->over = err;
			mmapdemo_uring_fail(q, err);
			queue_signal(q);
		}
		spin_unlock(&slot->lock);
	}
	trace_mmapdemo_queues_lost(mdev);
}

/* Whom the interrupts of queue @index are for; NULL: nobody. */
void mmapdemo_slot_set(struct mmapdemo_dev *mdev, u32 index, struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = &mdev->slots[index];

	spin_lock_irq(&slot->lock);
	slot->queue = q;
	spin_unlock_irq(&slot->lock);
}

/* --- what a file may have -------------------------------------------------------------------- */

/* No file can have more than there are. */
u32 mmapdemo_queues_limit(const struct mmapdemo_dev *mdev)
{
	return min(max_queues, mdev->num_queues);
}

/* The protection domain of a file: one, as long as it is open, since descriptors name windows. */
int mmapdemo_domain_get(struct mmapdemo_file *mf)
{
	int id;

	lockdep_assert_held(&mf->mdev->queue_lock);

	if (mf->domain)
		return 0;
	id = ida_alloc_range(&mf->mdev->domains, 1, MMAPDEMO_PD_MAX, GFP_KERNEL);
	if (id < 0)
		return id == -ENOSPC ? -EBUSY : id;
	mf->domain = id;
	return 0;
}

/* The file is closed, and everything that had it is gone. */
void mmapdemo_domain_put(struct mmapdemo_file *mf)
{
	if (mf->domain)
		ida_free(&mf->mdev->domains, mf->domain);
}

static int queue_reserve(struct mmapdemo_queue *q)
{
	struct mmapdemo_file *mf = q->mf;
	struct mmapdemo_dev *mdev = mf->mdev;
	int ret;

	mutex_lock(&mdev->queue_lock);
	ret = mmapdemo_domain_get(mf);
	if (ret)
		goto unlock;
	q->index = find_first_zero_bit(mdev->queues_used, mdev->num_queues);
	if (mf->num_queues >= mmapdemo_queues_limit(mdev)) {
		ret = -EDQUOT;
	} else if (q->index >= mdev->num_queues) {
		ret = -EBUSY;
	} else {
		__set_bit(q->index, mdev->queues_used);
		mf->num_queues++;
	}
unlock:
	mutex_unlock(&mdev->queue_lock);
	return ret;
}

/* The device makes no use of it: the next one may. */
static void queue_unreserve(struct mmapdemo_queue *q)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;

	mmapdemo_slot_set(mdev, q->index, NULL);
	mutex_lock(&mdev->queue_lock);
	__clear_bit(q->index, mdev->queues_used);
	q->mf->num_queues--;
	mutex_unlock(&mdev->queue_lock);
}

/* --- to the device --------------------------------------------------------------------------- */

/**
 * mmapdemo_queue_tell() - hand a queue to the device
 * @q: not enabled in this epoch; its memory is as the protocol has it
 *
 * Return: 0; -EIO, also while the device is being reset; -ENODEV.
 */
int mmapdemo_queue_tell(struct mmapdemo_queue *q)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	int ret;

	lockdep_assert_held(&mdev->engine.lock);

	ret = mmapdemo_engine_ready(mdev);
	if (ret)
		return ret;
	/* Otherwise ENABLE would do nothing, and look like a success with who knows what memory. */
	if (mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, STATE)) != MMAPDEMO_QSTATE_DISABLED)
		return -EIO;
	q->epoch = mdev->epoch;
	mmapdemo_writeq(mdev, MMAPDEMO_QREG(q->index, BASE), q->ring_bus);
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, LOG2N), q->log2n);
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, PD), q->mf->domain);
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, VECTOR), mmapdemo_irq_vector(mdev, q->index));
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, IRQ_GAP_NS), q->irq_gap_ns);
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, IRQ_COUNT), q->irq_count);
	/* writel() orders it behind the stores to the ring: pairs with the device's first look. */
	mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, CTL), MMAPDEMO_QCTL_ENABLE);
	q->enabled = true;
	if (mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, STATE)) != MMAPDEMO_QSTATE_RUNNING)
		return -EIO;
	return 0;
}

static int queue_enable(struct mmapdemo_queue *q)
{
	struct mmapdemo_engine *engine = &q->mf->mdev->engine;
	int ret;

	spin_lock_irq(&engine->lock);
	ret = mmapdemo_queue_tell(q);
	spin_unlock_irq(&engine->lock);
	return ret;
}

/*
 * Tell the device to stop looking, or see whether it has. One whose registers are switched off
 * reads as 0, and 0 is DISABLED: only who answers at all is believed.
 */
static bool queue_disable(struct mmapdemo_queue *q, bool tell)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	bool done;

	spin_lock_irq(&mdev->engine.lock);
	done = mmapdemo_queue_is_over(mdev, q);
	if (!done) {
		if (tell)
			mmapdemo_writel(mdev, MMAPDEMO_QREG(q->index, CTL), MMAPDEMO_QCTL_DISABLE);
		done = mmapdemo_readl(mdev, MMAPDEMO_QREG(q->index, STATE)) ==
		       MMAPDEMO_QSTATE_DISABLED && mmapdemo_hw_answers(mdev);
	}
	spin_unlock_irq(&mdev->engine.lock);
	return done;
}

/**
 * mmapdemo_queue_stop() - take a queue back from the device
 * @q: enabled; inside the gate
 *
 * When it returns the device makes no use of the queue.
 */
void mmapdemo_queue_stop(struct mmapdemo_queue *q)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	unsigned long end = jiffies + HZ;
	bool tell = true;

	while (!queue_disable(q, tell)) {
		tell = false;
		/* Removal waits for us, and is going to stop everything anyway. */
		if (mmapdemo_dev_gone(mdev)) {
			mmapdemo_engine_stop(mdev);
			return;
		}
		if (time_after(jiffies, end)) {
			mmapdemo_dev_recover(mdev, q->epoch, "a queue");
			return;
		}
		usleep_range(50, 200);
	}
}

/*
 * The same whether the device is there or not. If it is going away, it may not have been stopped
 * yet: that is done here, then, and removal has to pass by first.
 */
static void queue_stop_gated(struct mmapdemo_queue *q)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	int idx;

	if (mmapdemo_dev_enter(mdev, &idx)) {
		mmapdemo_engine_stop(mdev);
		return;
	}
	mmapdemo_queue_stop(q);
	mmapdemo_dev_exit(mdev, idx);
}

/* --- life ------------------------------------------------------------------------------------ */

/* The device makes no use of it, and nobody finds it. What is mapped of it lives on, zapped. */
static void queue_free(struct mmapdemo_queue *q)
{
	kvfree(q->cmds);
	kfree(q->batch);
	if (q->ring)
		mmapdemo_buf_put(q->ring);
	if (q->doorbell)
		mmapdemo_buf_put(q->doorbell);
	if (q->eventfd)
		eventfd_ctx_put(q->eventfd);
	kfree(q);
}

static void queue_release(struct kref *ref)
{
	queue_free(container_of(ref, struct mmapdemo_queue, ref));
}

void mmapdemo_queue_put(struct mmapdemo_queue *q)
{
	kref_put(&q->ref, queue_release);
}

/* New pages for each queue, which belong to its mappings: never another owner's while one lives. */
static int queue_alloc(struct mmapdemo_queue *q, u64 ring_len)
{
	struct mmapdemo_dev *mdev = q->mf->mdev;
	struct mmapdemo_buf *part;

	part = mmapdemo_buf_create_part(q->mf, &mmapdemo_tech_coherent, MMAPDEMO_OBJ_QUEUE,
					mmapdemo_memtype_coherent(), ring_len, 0);
	if (IS_ERR(part))
		return PTR_ERR(part);
	q->ring = part;
	*(__le32 *)(part->vaddr + MMAPDEMO_RING_CQ_EVENT) = cpu_to_le32(MMAPDEMO_CQ_EVENT_QUIET);
	q->mask = (1U << q->log2n) - 1;
	q->words = part->vaddr;
	q->ring_bus = part->bus_one;
	q->sq = part->vaddr + MMAPDEMO_RING_SQ(q->log2n);
	q->cq = part->vaddr + MMAPDEMO_RING_CQ;
	if (q->kernel) {
		q->doorbell_reg = mdev->doorbells.view + MMAPDEMO_DOORBELL(q->index);
		q->batch = kzalloc(sizeof(*q->batch), GFP_KERNEL_ACCOUNT);
		return q->batch ? 0 : -ENOMEM;
	}

	part = mmapdemo_buf_create_part(q->mf, &mmapdemo_tech_doorbell,
					MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_QUEUE | MMAPDEMO_OBJ_FIXED,
					MMAPDEMO_CACHE_UC, PAGE_SIZE,
					mdev->doorbells.phys + MMAPDEMO_DOORBELL(q->index));
	if (IS_ERR(part))
		return PTR_ERR(part);
	q->doorbell = part;
	return 0;
}

static struct mmapdemo_queue *queue_create(struct mmapdemo_file *mf,
					   const struct mmapdemo_queue_create *arg)
{
	struct mmapdemo_queue *q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);

	if (!q)
		return ERR_PTR(-ENOMEM);
	kref_init(&q->ref);
	init_waitqueue_head(&q->turn_wait);
	init_waitqueue_head(&q->wait);
	INIT_DELAYED_WORK(&q->watchdog, mmapdemo_uring_watchdog);
	q->mf = mf;
	q->kernel = arg->flags & MMAPDEMO_QUEUE_KERNEL;
	q->log2n = arg->log2n;
	q->irq_count = arg->irq_count;
	q->pid = task_tgid_nr(current);
	if (arg->eventfd >= 0) {
		struct eventfd_ctx *ctx = eventfd_ctx_fdget(arg->eventfd);

		if (IS_ERR(ctx)) {
			kfree(q);
			return ERR_CAST(ctx);
		}
		q->eventfd = ctx;
	}
	return q;
}

/*
 * The last step: from here on another thread may map it, guessing its offset, or destroy it. What is
 * never published is never mapped.
 */
static void queue_publish(struct mmapdemo_queue *q)
{
	struct mmapdemo_file *mf = q->mf;

	mutex_lock(&mf->mdev->queue_lock);
	list_add_tail(&q->node, &mf->queues);
	WRITE_ONCE(mf->slot_hints[q->handle % MMAPDEMO_SLOT_HINTS], mmapdemo_queue_slot(q));
	if (!q->kernel) {
		mmapdemo_buf_publish(q->ring);
		mmapdemo_buf_publish(q->doorbell);
	}
	mutex_unlock(&mf->mdev->queue_lock);
}

/* From here on QUEUE_SUBMIT may find it, see queue_quick.c: all of it is there. */
static void handle_set(struct mmapdemo_queue *q, u32 handle)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);

	spin_lock_irq(&slot->lock);
	q->handle = handle;
	spin_unlock_irq(&slot->lock);
}

static int queue_setup(struct mmapdemo_queue *q, u64 ring_len)
{
	int ret;

	ret = queue_reserve(q);
	if (ret)
		return ret;
	ret = queue_alloc(q, ring_len);
	if (!ret) {
		mmapdemo_slot_set(q->mf->mdev, q->index, q);
		ret = queue_enable(q);
	}
	if (ret) {
		if (q->enabled)
			mmapdemo_queue_stop(q);
		queue_unreserve(q);
	}
	return ret;
}

/* Inside the gate. */
static int queue_create_gated(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	const struct mmapdemo_queue_limits limits = {
		.page_size = PAGE_SIZE,
		.log2n_min = mdev->queue_log2n_min,
		.log2n_max = mdev->queue_log2n_max,
		.irq_gap_min_ns = mmapdemo_queue_irq_gap_ns,
		.any_rate = !arg->irq_count || capable(CAP_SYS_RAWIO),
	};
	struct mmapdemo_queue *q;
	u32 gap;
	u64 len;
	int ret;

	if (!mdev->num_queues)
		return -EOPNOTSUPP;
	if (!mf->may_write)
		return -EACCES;
	ret = mmapdemo_queue_check(arg, &limits, &len, &gap);
	if (ret)
		return ret;
	q = queue_create(mf, arg);
	if (IS_ERR(q))
		return PTR_ERR(q);
	q->irq_gap_ns = gap;
	ret = queue_setup(q, len);
	if (ret) {
		queue_free(q);
		return ret;
	}
	/* The ring's number is nobody else's, as long as it is mapped even if the queue is gone. */
	handle_set(q, mmapdemo_id_to_handle(q->ring->id));
	arg->out_queue = q->handle;
	arg->out_irq_gap_ns = gap;
	arg->out_ring_len = q->kernel ? 0 : len;
	arg->out_ring_offset = q->kernel ? 0 : mmapdemo_id_to_offset(q->ring->id);
	arg->out_doorbell_len = q->kernel ? 0 : PAGE_SIZE;
	arg->out_doorbell_offset = q->kernel ? 0 : mmapdemo_id_to_offset(q->doorbell->id);
	trace_mmapdemo_queue_create(mdev, q);
	queue_publish(q);
	return 0;
}

int mmapdemo_ioctl_queue_create(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg)
{
	int idx, ret;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	ret = queue_create_gated(mf, arg);
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

/**
 * mmapdemo_queue_find() - the queue of a handle
 * @mf: its owner; with mdev->queue_lock
 * @handle: from QUEUE_CREATE
 */
struct mmapdemo_queue *mmapdemo_queue_find(struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_queue *q;

	lockdep_assert_held(&mf->mdev->queue_lock);

	list_for_each_entry(q, &mf->queues, node) {
		if (q->handle == handle)
			return q;
	}
	return NULL;
}

/**
 * mmapdemo_queue_get() - find a queue that the driver keeps to itself
 * @mf: its owner
 * @handle: from QUEUE_CREATE
 *
 * Return: the queue, with a reference; ERR_PTR(-ENOENT); ERR_PTR(-EINVAL) if it is mapped.
 */
struct mmapdemo_queue *mmapdemo_queue_get(struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_queue *q;

	mutex_lock(&mf->mdev->queue_lock);
	q = mmapdemo_queue_find(mf, handle);
	if (!q)
		q = ERR_PTR(-ENOENT);
	else if (!q->kernel)
		q = ERR_PTR(-EINVAL);
	else
		kref_get(&q->ref);
	mutex_unlock(&mf->mdev->queue_lock);
	return q;
}

/* Take the handle away, of any of them if it is 0: the queue is the caller's. */
static struct mmapdemo_queue *queue_take(struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_queue *q;

	mutex_lock(&mf->mdev->queue_lock);
	q = handle ? mmapdemo_queue_find(mf, handle) :
		     list_first_entry_or_null(&mf->queues, struct mmapdemo_queue, node);
	if (q)
		list_del(&q->node);
	mutex_unlock(&mf->mdev->queue_lock);
	return q;
}

/*
 * Nothing more is submitted, and who sleeps leaves. A call at the doorbell has no reference: it is waited
 * for, and takes no longer than the device.
 */
static void queue_close(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);

	spin_lock_irq(&slot->lock);
	q->over = -ENOENT;
	wake_up_all(&q->wait);
	wake_up_all(&q->turn_wait);
	wait_event_lock_irq(q->turn_wait, q->turn != MMAPDEMO_TURN_QUICK, slot->lock);
	spin_unlock_irq(&slot->lock);
}

/* The device has stopped: of a command that has not ended nothing is known, nor will be. */
static void queue_cancel(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);

	spin_lock_irq(&slot->lock);
	mmapdemo_uring_fail(q, -ECANCELED);
	spin_unlock_irq(&slot->lock);
	cancel_delayed_work_sync(&q->watchdog);
}

/*
 * Refuse new mappings, take the old ones away, outside the gate since mmap_lock is outside of it.
 */
static void queue_unmap(struct mmapdemo_queue *q)
{
	mmapdemo_buf_withdraw(q->doorbell);
	mmapdemo_buf_withdraw(q->ring);
	mmapdemo_maps_revoke_buf(q->doorbell);
	mmapdemo_maps_revoke_buf(q->ring);
}

/* From whoever owns it, then from the device, and only then free. */
static void queue_destroy(struct mmapdemo_queue *q)
{
	trace_mmapdemo_queue_destroy(q->mf->mdev, q);
	if (q->kernel)
		queue_close(q);
	else
		queue_unmap(q);
	queue_stop_gated(q);
	if (q->kernel)
		queue_cancel(q);
	queue_unreserve(q);
	mmapdemo_queue_put(q);
}

int mmapdemo_ioctl_queue_destroy(struct mmapdemo_file *mf, struct mmapdemo_queue_destroy *arg)
{
	struct mmapdemo_queue *q;

	if (!mf->mdev->num_queues)
		return -EOPNOTSUPP;
	q = arg->queue ? queue_take(mf, arg->queue) : NULL;
	if (!q)
		return -ENOENT;
	queue_destroy(q);
	return 0;
}

/* The caller never learnt of it; another thread may have, and destroyed it. */
void mmapdemo_ioctl_queue_create_undo(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg)
{
	struct mmapdemo_queue *q = queue_take(mf, arg->out_queue);

	if (q)
		queue_destroy(q);
}

/* The file is closed: no mapping of it is left, no call is in it. */
void mmapdemo_queues_drop(struct mmapdemo_file *mf)
{
	struct mmapdemo_queue *q;

	while ((q = queue_take(mf, 0)))
		queue_destroy(q);
}
