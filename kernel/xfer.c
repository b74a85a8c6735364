// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transfers as an open file sees them: submit, wait, poll, eventfd, and what happens when
 * it is closed.
 *
 * Not for: how the device is driven, see dma.c.
 */
#include <linux/eventfd.h>
#include <linux/hrtimer.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

unsigned int mmapdemo_max_xfers = 64;
module_param_named(max_transfers, mmapdemo_max_xfers, uint, 0444);
MODULE_PARM_DESC(max_transfers, "most transfers of one open file submitted and not collected (64)");

/* --- DMA_SUBMIT ----------------------------------------------------------------------------- */

/* The two sides of a transfer, with references. */
static int bufs_get(struct mmapdemo_file *mf, const struct mmapdemo_dma_submit *arg,
		    struct mmapdemo_buf **mem, struct mmapdemo_buf **dev)
{
	int ret;

	*mem = mmapdemo_buf_get_handle(mf, arg->mem_handle);
	if (IS_ERR(*mem))
		return PTR_ERR(*mem);
	*dev = mmapdemo_buf_get_handle(mf, arg->dev_handle);
	if (IS_ERR(*dev)) {
		mmapdemo_buf_put(*mem);
		return PTR_ERR(*dev);
	}

	/* Regions are not for DMA, but for the whole of BAR2. */
	ret = -EINVAL;
	if (!mmapdemo_buf_is_ram(*mem) || !(*mem)->owner || !mmapdemo_buf_is_device_memory(*dev))
		goto put;
	ret = mmapdemo_who_check(&(*dev)->object, mmapdemo_file_access(mf));
	if (ret)
		goto put;
	return 0;
put:
	mmapdemo_buf_put(*mem);
	mmapdemo_buf_put(*dev);
	return ret;
}

/* What depends on where the memory is on the bus. */
static int check_pieces(struct mmapdemo_xfer *x)
{
	struct mmapdemo_dev *mdev = x->mf->mdev;
	u64 chunk = 1ULL << x->mem->bus_shift;
	dma_addr_t bus;

	if (mmapdemo_buf_run(x->mem, x->mem_off, x->len, &bus) == x->len)
		return 0;
	/* The bare copies of one run are timed; a list is more than a copy. */
	if (x->timed)
		return -EOPNOTSUPP;
	if (((x->mem_off & (chunk - 1)) + x->len + chunk - 1) >> x->mem->bus_shift >
	    mdev->dma_max_sg)
		return -EOPNOTSUPP;
	return 0;
}

/* The file keeps one for the next transfer: allocating and charging costs more than starting it. */
static void xfer_destroy(struct mmapdemo_file *mf, struct mmapdemo_xfer *x)
{
	if (cmpxchg(&mf->spare, NULL, x))
		kfree(x);
}

static struct mmapdemo_xfer *xfer_create(struct mmapdemo_file *mf,
					 const struct mmapdemo_dma_submit *arg,
					 struct mmapdemo_buf *mem, struct mmapdemo_buf *dev)
{
	struct mmapdemo_xfer *x;

	x = xchg(&mf->spare, NULL) ?: kmalloc(sizeof(*x), GFP_KERNEL_ACCOUNT);
	if (!x)
		return NULL;
	*x = (struct mmapdemo_xfer) {
		.mf = mf,
		.mem = mem,
		.dev = dev,
		.mem_off = arg->mem_off,
		.dev_off = dev->phys - mf->mdev->mem.phys + arg->dev_off,
		.user_data = arg->user_data,
		.len = arg->len,
		.repeat = arg->repeat,
		.to_device = arg->direction == MMAPDEMO_DMA_TO_DEVICE,
		.want_irq = !(arg->flags & MMAPDEMO_DMA_NO_IRQ),
		.timed = arg->flags & MMAPDEMO_DMA_TIMED,
		.bounced = mem->bounced,
	};
	return x;
}

/* On success the transfer is the engine's and the file's. */
static int xfer_queue(struct mmapdemo_file *mf, struct mmapdemo_xfer *x, u64 *seq)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	bool drain = false;
	int ret;

	spin_lock_irq(&engine->lock);
	if (mf->num_xfers >= mmapdemo_max_xfers) {
		ret = -EDQUOT;
	} else {
		/* Counted before it can end. */
		atomic_inc(&x->mem->num_xfers);
		atomic_inc(&x->dev->num_xfers);
		ret = mmapdemo_engine_queue(mf->mdev, x);
		if (ret) {
			atomic_dec(&x->mem->num_xfers);
			atomic_dec(&x->dev->num_xfers);
		} else {
			list_add_tail(&x->file_node, &mf->xfers);
			mf->num_xfers++;
			*seq = x->seq;
			drain = mmapdemo_engine_reap(mf->mdev);
		}
	}
	spin_unlock_irq(&engine->lock);
	if (drain)
		mmapdemo_engine_drain(mf->mdev);
	return ret;
}

int mmapdemo_ioctl_dma_submit(struct mmapdemo_file *mf, struct mmapdemo_dma_submit *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_buf *mem, *dev;
	struct mmapdemo_xfer *x = NULL;
	int ret;

	if (!mf->may_write)
		return -EACCES;
	ret = bufs_get(mf, arg, &mem, &dev);
	if (ret)
		return ret;
	ret = mmapdemo_dma_check(arg, mdev->dma_max_len, mem->object.len, dev->object.len) ?:
	      mmapdemo_device_check(&mem->object, arg->direction == MMAPDEMO_DMA_FROM_DEVICE);
	if (ret)
		goto put;
	if ((arg->flags & MMAPDEMO_DMA_TIMED) && !(mdev->features & MMAPDEMO_FEATURE_DMA_TIMED)) {
		ret = -EOPNOTSUPP;
		goto put;
	}
	ret = mmapdemo_buf_dma_map(mem);
	if (ret)
		goto put;
	x = xfer_create(mf, arg, mem, dev);
	if (!x) {
		ret = -ENOMEM;
		goto put;
	}
	ret = check_pieces(x);
	if (ret)
		goto put;
	if (!dev->owner && x->to_device)
		mmapdemo_mem_dirty(mf, arg->dev_off, arg->len);
	ret = xfer_queue(mf, x, &arg->out_seq);
	if (ret)
		goto put;
	return 0;
put:
	if (x)
		xfer_destroy(mf, x);
	mmapdemo_buf_put(mem);
	mmapdemo_buf_put(dev);
	return ret;
}

/* --- collecting ----------------------------------------------------------------------------- */

/* Not for a transfer that another thread is just telling its process about. */
static struct mmapdemo_xfer *xfer_find_any(struct mmapdemo_file *mf, u64 seq)
{
	struct mmapdemo_xfer *x;

	list_for_each_entry(x, &mf->xfers, file_node) {
		if (x->state != MMAPDEMO_XFER_CLAIMED && (!seq || x->seq == seq))
			return x;
	}
	return NULL;
}

/* The transfer of that name, or with name 0 the first that is done, or else any. */
static struct mmapdemo_xfer *xfer_find(struct mmapdemo_file *mf, u64 seq)
{
	struct mmapdemo_xfer *x = NULL;

	lockdep_assert_held(&mf->mdev->engine.lock);

	if (!seq)
		x = list_first_entry_or_null(&mf->done, struct mmapdemo_xfer, node);
	return x ?: xfer_find_any(mf, seq);
}

/* Everything of this file that is not done ends with an interrupt from now on. */
static void file_arm(struct mmapdemo_file *mf)
{
	struct mmapdemo_xfer *x;

	list_for_each_entry(x, &mf->xfers, file_node) {
		if (x->state < MMAPDEMO_XFER_DONE)
			mmapdemo_engine_arm(mf->mdev, x);
	}
}

/*
 * Returns the transfer, claimed by the caller; ERR_PTR(-EAGAIN) if it is not done, and then, with
 * @arm, its end wakes mf->wait; ERR_PTR(-ENOENT).
 */
static struct mmapdemo_xfer *xfer_collect(struct mmapdemo_file *mf, u64 seq, bool arm)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	struct mmapdemo_xfer *x;
	bool drain;

	spin_lock_irq(&engine->lock);
	x = xfer_find(mf, seq);
	if (x && x->state != MMAPDEMO_XFER_DONE) {
		drain = mmapdemo_engine_reap(mf->mdev);
		if (drain) {
			spin_unlock_irq(&engine->lock);
			mmapdemo_engine_drain(mf->mdev);
			spin_lock_irq(&engine->lock);
		}
		/* Another thread may have collected it meanwhile. */
		x = xfer_find(mf, seq);
	}
	if (!x) {
		x = ERR_PTR(-ENOENT);
	} else if (x->state == MMAPDEMO_XFER_DONE) {
		x->state = MMAPDEMO_XFER_CLAIMED;
		list_del_init(&x->node);
	} else {
		if (arm && seq)
			mmapdemo_engine_arm(mf->mdev, x);
		else if (arm)
			file_arm(mf);
		x = ERR_PTR(-EAGAIN);
	}
	spin_unlock_irq(&engine->lock);
	return x;
}

/*
 * Would xfer_collect() say something else than "not yet"? Touches no register and does not sleep.
 */
static bool xfer_is_ready(struct mmapdemo_file *mf, u64 seq)
{
	struct mmapdemo_xfer *x;
	bool ready;

	spin_lock_irq(&mf->mdev->engine.lock);
	x = xfer_find(mf, seq);
	ready = !x || x->state == MMAPDEMO_XFER_DONE;
	spin_unlock_irq(&mf->mdev->engine.lock);
	return ready;
}

/* Sleep until there may be something new. 0, or why it is pointless to sleep any longer. */
static int xfer_sleep(struct mmapdemo_file *mf, u64 seq, ktime_t *deadline)
{
	DEFINE_WAIT(wait);
	int ret = 0;

	prepare_to_wait(&mf->wait, &wait, TASK_INTERRUPTIBLE);
	if (mmapdemo_dev_gone(mf->mdev))
		ret = -ENODEV;
	else if (xfer_is_ready(mf, seq))
		ret = 0;
	else if (signal_pending(current))
		ret = -EINTR;
	else if (!schedule_hrtimeout_range(deadline, 0, HRTIMER_MODE_ABS))
		ret = -ETIMEDOUT;
	finish_wait(&mf->wait, &wait);
	return ret;
}

int mmapdemo_ioctl_dma_wait(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg)
{
	ktime_t deadline = ns_to_ktime(min_t(u64, arg->deadline_ns, KTIME_MAX));
	bool wait = arg->deadline_ns;
	struct mmapdemo_xfer *x;
	int ret = 0;

	for (;;) {
		x = xfer_collect(mf, arg->seq, wait && !ret);
		if (!IS_ERR(x))
			break;
		if (PTR_ERR(x) != -EAGAIN || !wait)
			return PTR_ERR(x);
		/*
		 * The end that comes with the deadline, or without its interrupt, has just been
		 * looked for.
		 */
		if (ret)
			return ret;
		ret = xfer_sleep(mf, arg->seq, &deadline);
		if (ret == -ENODEV)
			return ret;
	}

	arg->out_seq = x->seq;
	arg->out_user_data = x->user_data;
	arg->out_bytes = x->bytes;
	arg->out_host_ns = x->host_ns;
	arg->out_error = x->error;
	/* Buffers whose handles are gone live as long as the transfer: it has ended now. */
	if (x->left_bufs)
		mmapdemo_engine_drain(mf->mdev);
	return x->error ? -EIO : 0;
}

/* Results delivered or not, in the end only who has claimed it gets to a transfer. */
static struct mmapdemo_xfer *xfer_claimed(struct mmapdemo_file *mf, u64 seq)
{
	struct mmapdemo_xfer *x;

	lockdep_assert_held(&mf->mdev->engine.lock);

	list_for_each_entry(x, &mf->xfers, file_node) {
		if (x->state == MMAPDEMO_XFER_CLAIMED && x->seq == seq)
			return x;
	}
	return NULL;
}

static void xfer_forget(struct mmapdemo_file *mf, u64 seq)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	struct mmapdemo_xfer *x;

	spin_lock_irq(&engine->lock);
	x = xfer_claimed(mf, seq);
	list_del(&x->file_node);
	mf->num_xfers--;
	spin_unlock_irq(&engine->lock);
	xfer_destroy(mf, x);
}

void mmapdemo_ioctl_dma_wait_commit(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg)
{
	xfer_forget(mf, arg->out_seq);
}

/* It can be collected again, and is the first to be. */
void mmapdemo_ioctl_dma_wait_undo(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	struct mmapdemo_xfer *x;

	spin_lock_irq(&engine->lock);
	x = xfer_claimed(mf, arg->out_seq);
	x->state = MMAPDEMO_XFER_DONE;
	list_add(&x->node, &mf->done);
	wake_up_interruptible_poll(&mf->wait, EPOLLIN | EPOLLRDNORM);
	spin_unlock_irq(&engine->lock);
}

/*
 * Take back a transfer whose name could not be told, because the memory for it was taken away
 * between two writes to it. If it has run, it has run.
 */
void mmapdemo_ioctl_dma_submit_undo(struct mmapdemo_file *mf, struct mmapdemo_dma_submit *arg)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	struct mmapdemo_xfer *x;

	spin_lock_irq(&engine->lock);
	x = xfer_find(mf, arg->out_seq);
	if (x)
		mmapdemo_engine_cancel(mf->mdev, x);
	mmapdemo_engine_reap(mf->mdev);
	spin_unlock_irq(&engine->lock);
	mmapdemo_engine_drain(mf->mdev);
	x = xfer_collect(mf, arg->out_seq, false);
	if (!IS_ERR(x))
		xfer_forget(mf, arg->out_seq);
}

/* The file is closed: no call is in it. */
void mmapdemo_xfers_drop(struct mmapdemo_file *mf)
{
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	struct mmapdemo_xfer *x, *next;

	kfree(mf->spare);
	spin_lock_irq(&engine->lock);
	list_for_each_entry(x, &mf->xfers, file_node)
		mmapdemo_engine_cancel(mf->mdev, x);
	/* Others may have waited behind them. */
	mmapdemo_engine_reap(mf->mdev);
	spin_unlock_irq(&engine->lock);
	/*
	 * Without a transfer left too: a buffer of this file that a collected one used last may
	 * still be on engine->dead_bufs, or in the hands of the worker, and is charged to the file.
	 */
	mmapdemo_engine_drain(mf->mdev);

	list_for_each_entry_safe(x, next, &mf->xfers, file_node) {
		WARN_ON_ONCE(x->state < MMAPDEMO_XFER_DONE);
		kfree(x);
	}
}

/* --- poll, EVENTFD_SET ---------------------------------------------------------------------- */

__poll_t mmapdemo_poll(struct file *file, poll_table *wait)
{
	struct mmapdemo_file *mf = file->private_data;
	struct mmapdemo_engine *engine = &mf->mdev->engine;
	__poll_t events = 0;
	int idx;

	poll_wait(file, &mf->wait, wait);
	if (mmapdemo_dev_enter(mf->mdev, &idx))
		return EPOLLHUP | EPOLLERR;
	spin_lock_irq(&engine->lock);
	mmapdemo_engine_reap(mf->mdev);
	if (list_empty(&mf->done))
		file_arm(mf);
	else
		events = EPOLLIN | EPOLLRDNORM;
	/* What is drained ends with a wakeup: the caller looks again. */
	mmapdemo_engine_defer(mf->mdev);
	spin_unlock_irq(&engine->lock);
	mmapdemo_dev_exit(mf->mdev, idx);
	return events;
}

int mmapdemo_ioctl_eventfd_set(struct mmapdemo_file *mf, struct mmapdemo_eventfd_set *arg)
{
	struct eventfd_ctx *ctx = NULL;

	if (arg->fd < -1)
		return -EBADF;
	if (arg->fd >= 0) {
		ctx = eventfd_ctx_fdget(arg->fd);
		if (IS_ERR(ctx))
			return PTR_ERR(ctx);
	}
	spin_lock_irq(&mf->mdev->engine.lock);
	swap(mf->eventfd, ctx);
	spin_unlock_irq(&mf->mdev->engine.lock);
	if (ctx)
		eventfd_ctx_put(ctx);
	return 0;
}
