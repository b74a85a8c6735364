// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one-shot DMA engine: one transfer in the device, the others in a queue.
 *
 * A transfer's way: queued -> (copied to bounce buffers) -> running -> (copied from bounce
 * buffers) -> done. The steps in brackets exist where memory is not reached directly; they need
 * process context and run in mmapdemo_engine_drain(). Everything else happens under engine->lock,
 * mostly in the hard interrupt.
 *
 * A transfer that nobody wants an interrupt for ends unnoticed. Who then needs to know, because it
 * sleeps for that transfer or for one behind it, arms the interrupt afterwards (CMD ARM_IRQ): if
 * the end was earlier, the device raises it at once, so that no order of the two loses the wakeup.
 *
 * Not for: what a file sees of it, see xfer.c.
 */
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>

#include "mmapdemo_priv.h"
#include "trace.h"

unsigned int mmapdemo_dma_timeout_ms = 1000;
module_param_named(dma_timeout_ms, mmapdemo_dma_timeout_ms, uint, 0644);
MODULE_PARM_DESC(dma_timeout_ms, "a transfer that takes longer is aborted (1000)");

static struct mmapdemo_dev *engine_dev(struct mmapdemo_engine *engine)
{
	return container_of(engine, struct mmapdemo_dev, engine);
}

/* --- the end of a transfer ------------------------------------------------------------------ */

/*
 * To its file. Both buffers are free of it; the last one to go may have to wait for process
 * context.
 */
static void xfer_complete(struct mmapdemo_engine *engine, struct mmapdemo_xfer *x)
{
	struct mmapdemo_file *mf = x->mf;

	lockdep_assert_held(&engine->lock);

	trace_mmapdemo_dma_complete(engine_dev(engine), x->seq, x->error, x->bytes);
	x->state = MMAPDEMO_XFER_DONE;
	atomic_dec(&x->mem->num_xfers);
	atomic_dec(&x->dev->num_xfers);
	x->left_bufs = mmapdemo_buf_put_atomic(x->mem);
	x->left_bufs |= mmapdemo_buf_put_atomic(x->dev);
	x->mem = NULL;
	x->dev = NULL;

	list_add_tail(&x->node, &mf->done);
	if (mf->eventfd)
		eventfd_signal(mf->eventfd);
	wake_up_interruptible_poll(&mf->wait, EPOLLIN | EPOLLRDNORM);
}

/* The running transfer has left the device. */
static void cur_retire(struct mmapdemo_engine *engine, u32 error, u64 bytes)
{
	struct mmapdemo_xfer *x = engine->cur;

	lockdep_assert_held(&engine->lock);

	engine->cur = NULL;
	x->error = error;
	x->bytes = bytes;
	if (x->bounced && !x->to_device && bytes) {
		x->state = MMAPDEMO_XFER_RETIRED;
		list_add_tail(&x->node, &engine->retired);
	} else {
		xfer_complete(engine, x);
	}
}

/* Has the running transfer ended? A device that is gone reads as a number that names none. */
static bool cur_reap(struct mmapdemo_engine *engine)
{
	struct mmapdemo_dev *mdev = engine_dev(engine);
	struct mmapdemo_xfer *x = engine->cur;
	u32 status, error;

	lockdep_assert_held(&engine->lock);

	if (!x || engine->stopped || mmapdemo_readq(mdev, MMAPDEMO_REG_DMA_DONE_SEQ) != x->seq)
		return false;
	status = mmapdemo_readl(mdev, MMAPDEMO_REG_DMA_STATUS);
	if (x->timed)
		x->host_ns = mmapdemo_readq(mdev, MMAPDEMO_REG_DMA_HOST_NS);
	if ((status & MMAPDEMO_DMA_STATUS_STATE) == MMAPDEMO_DMA_STATE_DONE) {
		cur_retire(engine, MMAPDEMO_ERR_NONE, x->len);
		return true;
	}
	error = (status & MMAPDEMO_DMA_STATUS_ERROR) >> MMAPDEMO_DMA_STATUS_ERROR_SHIFT;
	/* Never a success, whatever the register says: not every byte has moved. */
	cur_retire(engine, error ?: MMAPDEMO_ERR_BUS,
		   min_t(u64, mmapdemo_readq(mdev, MMAPDEMO_REG_DMA_DONE_BYTES), x->len));
	return true;
}

static bool hw_is_busy(struct mmapdemo_dev *mdev)
{
	u32 status = mmapdemo_readl(mdev, MMAPDEMO_REG_DMA_STATUS);

	return (status & MMAPDEMO_DMA_STATUS_STATE) == MMAPDEMO_DMA_STATE_BUSY;
}

/**
 * mmapdemo_engine_isolate() - take the bus from a device that does not obey, or does not hear
 * @mdev: the device
 *
 * With it go all queues and windows. engine_revive() sees whether the device comes back.
 */
void mmapdemo_engine_isolate(struct mmapdemo_dev *mdev)
{
	lockdep_assert_held(&mdev->engine.lock);

	pci_clear_master(mdev->pdev);
	if (mdev->engine.master_off)
		return;
	mdev->engine.master_off = true;
	mmapdemo_queues_lost(mdev);
}

/*
 * End the running transfer, so that its memory can be freed. One that does not obey, or cannot
 * hear, since its registers are switched off, loses the bus.
 */
static void cur_abort(struct mmapdemo_engine *engine)
{
	struct mmapdemo_dev *mdev = engine_dev(engine);

	lockdep_assert_held(&engine->lock);

	if (!engine->offline) {
		mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
		if (cur_reap(engine))
			return;
	}
	if (mmapdemo_hw_answers(mdev)) {
		mmapdemo_hw_reset(mdev);
		mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
	}
	if (!mmapdemo_hw_answers(mdev) || hw_is_busy(mdev))
		mmapdemo_engine_isolate(mdev);
	cur_retire(engine, MMAPDEMO_ERR_ABORTED, 0);
}

/* --- the start of a transfer ---------------------------------------------------------------- */

/* After the bus was taken away: false as long as the device does not behave. */
static bool engine_revive(struct mmapdemo_engine *engine)
{
	struct mmapdemo_dev *mdev = engine_dev(engine);

	lockdep_assert_held(&engine->lock);

	if (!engine->master_off)
		return true;
	if (!mmapdemo_hw_answers(mdev))
		return false;
	mmapdemo_hw_reset(mdev);
	if (hw_is_busy(mdev))
		return false;
	mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
	pci_set_master(mdev->pdev);
	engine->master_off = false;
	return true;
}

/**
 * mmapdemo_engine_ready() - may a queue or a window be handed to the device now?
 * @mdev: the device
 *
 * Return: 0, as long as the lock is held; -EIO while it is being reset, or does not behave;
 * -ENODEV.
 */
int mmapdemo_engine_ready(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	if (engine->stopped)
		return -ENODEV;
	return engine->resetting || !engine_revive(engine) || !mmapdemo_hw_answers(mdev) ? -EIO : 0;
}

/*
 * The pieces of memory that are not in one: a list for the device. Returns the number of elements.
 */
static u32 list_fill(struct mmapdemo_engine *engine, const struct mmapdemo_xfer *x)
{
	u64 done = 0;
	u32 n = 0;

	while (done < x->len) {
		struct mmapdemo_hw_sg *e = &engine->sg[n++];
		dma_addr_t bus;
		u64 run = mmapdemo_buf_run(x->mem, x->mem_off + done, x->len - done, &bus);

		e->addr = cpu_to_le64(bus);
		e->len = cpu_to_le32(run);
		e->reserved = 0;
		done += run;
	}
	return n;
}

static void cur_start(struct mmapdemo_engine *engine)
{
	struct mmapdemo_dev *mdev = engine_dev(engine);
	struct mmapdemo_xfer *x = engine->cur;
	u32 cmd = MMAPDEMO_DMA_CMD_START;
	u32 pieces = 1;
	dma_addr_t bus;

	lockdep_assert_held(&engine->lock);

	if (mmapdemo_buf_run(x->mem, x->mem_off, x->len, &bus) < x->len) {
		pieces = list_fill(engine, x);
		bus = engine->sg_bus;
		cmd |= MMAPDEMO_DMA_CMD_SG;
		mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_SG_COUNT, pieces);
	}
	if (x->timed) {
		cmd |= MMAPDEMO_DMA_CMD_TIMED;
		mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_REPEAT, x->repeat);
	}
	if (!x->to_device)
		cmd |= MMAPDEMO_DMA_CMD_FROM_DEVICE;
	if (engine->cur_irq)
		cmd |= MMAPDEMO_DMA_CMD_IRQ;

	trace_mmapdemo_dma_start(mdev, x->seq, pieces, engine->cur_irq);
	mmapdemo_writeq(mdev, MMAPDEMO_REG_DMA_ADDR, bus);
	mmapdemo_writeq(mdev, MMAPDEMO_REG_DMA_DEV_OFF, x->dev_off);
	mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_LEN, x->len);
	mmapdemo_writeq(mdev, MMAPDEMO_REG_DMA_SEQ, x->seq);
	/*
	 * Orders the stores to memory above and by the caller before it (writel() does): pairs
	 * with the device's reading of list and memory after it has seen START.
	 */
	mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_CMD, cmd);
}

/* Start what can be started without sleeping. */
static void engine_next(struct mmapdemo_engine *engine)
{
	struct mmapdemo_xfer *x;

	lockdep_assert_held(&engine->lock);

	/*
	 * A transfer sees the memory that those before it have left: not before that is copied
	 * back.
	 */
	while (!engine->cur && !engine->stopped && !engine->resetting &&
	       list_empty(&engine->retired)) {
		x = list_first_entry_or_null(&engine->fifo, struct mmapdemo_xfer, node);
		if (!x || (x->bounced && !x->prepared))
			return;
		list_del_init(&x->node);
		if (!engine_revive(engine)) {
			x->error = MMAPDEMO_ERR_BUS_MASTER;
			xfer_complete(engine, x);
			continue;
		}
		x->state = MMAPDEMO_XFER_RUNNING;
		engine->cur = x;
		engine->cur_irq = x->want_irq || !list_empty(&engine->fifo);
		engine->cur_expires = jiffies +
				      msecs_to_jiffies(READ_ONCE(mmapdemo_dma_timeout_ms));
		/* Looks at cur_expires when it runs: one timer for many transfers. */
		if (!delayed_work_pending(&engine->watchdog))
			schedule_delayed_work(&engine->watchdog, engine->cur_expires - jiffies);
		cur_start(engine);
	}
}

/* --- called with engine->lock held ---------------------------------------------------------- */

static bool engine_wants_drain(struct mmapdemo_engine *engine)
{
	struct mmapdemo_xfer *x;

	lockdep_assert_held(&engine->lock);

	if (!list_empty(&engine->retired) || !llist_empty(&engine->dead_bufs))
		return true;
	x = list_first_entry_or_null(&engine->fifo, struct mmapdemo_xfer, node);
	return x && !engine->cur && x->bounced && !x->prepared;
}

/**
 * mmapdemo_engine_reap() - notice the end of the running transfer, and start the next
 * @mdev: the device
 *
 * Return: true if mmapdemo_engine_drain() has to be called, without the lock.
 */
bool mmapdemo_engine_reap(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	cur_reap(engine);
	engine_next(engine);
	return engine_wants_drain(engine);
}

/* Let the worker drain, if it is necessary. */
void mmapdemo_engine_defer(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	if (!engine->stopped && engine_wants_drain(engine))
		queue_work(system_highpri_wq, &engine->drain_work);
}

/**
 * mmapdemo_engine_arm() - somebody is going to sleep until a transfer ends
 * @mdev: the device
 * @x: not done; it ends with an interrupt from now on
 */
void mmapdemo_engine_arm(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	x->want_irq = true;
	if (!engine->cur || engine->cur_irq || engine->stopped)
		return;
	engine->cur_irq = true;
	mmapdemo_writel(mdev, MMAPDEMO_REG_DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
}

/**
 * mmapdemo_engine_queue() - put a transfer into the queue, and start it if it is the first
 * @mdev: the device
 * @x: on no list
 *
 * Return: 0; -ENODEV if the engine has been stopped for ever; -EIO as long as the bus is out of
 * order: nobody knows for how long.
 */
int mmapdemo_engine_queue(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	if (engine->stopped)
		return -ENODEV;
	if (engine->offline)
		return -EIO;
	x->seq = ++engine->last_seq;
	x->state = MMAPDEMO_XFER_QUEUED;
	trace_mmapdemo_dma_submit(mdev, x);
	list_add_tail(&x->node, &engine->fifo);
	/* It waits for the running one, if there is one still. */
	if (engine->cur && !cur_reap(engine))
		mmapdemo_engine_arm(mdev, x);
	return 0;
}

/**
 * mmapdemo_engine_cancel() - nobody wants this transfer any more
 * @mdev: the device
 * @x: any state; it is done when mmapdemo_engine_drain() has returned
 */
void mmapdemo_engine_cancel(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	lockdep_assert_held(&engine->lock);

	switch (x->state) {
	case MMAPDEMO_XFER_QUEUED:
		list_del_init(&x->node);
		x->error = MMAPDEMO_ERR_ABORTED;
		xfer_complete(engine, x);
		break;
	case MMAPDEMO_XFER_PREPARING:
		x->cancelled = true;
		break;
	case MMAPDEMO_XFER_RUNNING:
		if (!cur_reap(engine))
			cur_abort(engine);
		break;
	case MMAPDEMO_XFER_RETIRED:
	case MMAPDEMO_XFER_DONE:
	case MMAPDEMO_XFER_CLAIMED:
		break;
	}
}

/* --- process context ------------------------------------------------------------------------ */

static void xfer_sync(struct mmapdemo_xfer *x, u64 len, bool for_device)
{
	mmapdemo_buf_sync(x->mem, x->mem_off, len,
			  x->to_device ? DMA_TO_DEVICE : DMA_FROM_DEVICE, for_device);
}

/* One copy from bounce buffers and one to them, for which the lock is dropped. */
static void drain_copy(struct mmapdemo_engine *engine)
{
	struct mmapdemo_xfer *x;

	lockdep_assert_held(&engine->drain_lock);
	lockdep_assert_held(&engine->lock);

	x = list_first_entry_or_null(&engine->retired, struct mmapdemo_xfer, node);
	if (x) {
		/* It stays on the list, so that nothing is started before it is over. */
		spin_unlock_irq(&engine->lock);
		xfer_sync(x, x->bytes, false);
		spin_lock_irq(&engine->lock);
		list_del_init(&x->node);
		xfer_complete(engine, x);
		engine_next(engine);
	}

	x = list_first_entry_or_null(&engine->fifo, struct mmapdemo_xfer, node);
	if (!x || engine->cur || !x->bounced || x->prepared)
		return;
	x->state = MMAPDEMO_XFER_PREPARING;
	spin_unlock_irq(&engine->lock);
	xfer_sync(x, x->len, true);
	spin_lock_irq(&engine->lock);
	x->prepared = true;
	x->state = MMAPDEMO_XFER_QUEUED;
	if (x->cancelled)
		mmapdemo_engine_cancel(engine_dev(engine), x);
	engine_next(engine);
}

/**
 * mmapdemo_engine_drain() - do what transfers need of process context, once
 * @mdev: the device
 *
 * A transfer that was leaving the device, or being prepared for it, is done or started when it
 * returns. What comes after that is left to the worker: who waits for one transfer does not work
 * for all.
 */
void mmapdemo_engine_drain(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;
	struct mmapdemo_buf *buf, *next;

	mutex_lock(&engine->drain_lock);
	spin_lock_irq(&engine->lock);
	drain_copy(engine);
	spin_unlock_irq(&engine->lock);
	llist_for_each_entry_safe(buf, next, llist_del_all(&engine->dead_bufs), dead)
		mmapdemo_buf_put(buf);
	mutex_unlock(&engine->drain_lock);

	spin_lock_irq(&engine->lock);
	mmapdemo_engine_defer(mdev);
	spin_unlock_irq(&engine->lock);
}

static void drain_work(struct work_struct *work)
{
	struct mmapdemo_engine *engine = container_of(work, struct mmapdemo_engine, drain_work);

	mmapdemo_engine_drain(engine_dev(engine));
}

/*
 * For the interrupt that is lost, and the transfer that does not end. It runs only once per
 * timeout at most, and a transfer started meanwhile has its own time.
 */
static void watchdog_work(struct work_struct *work)
{
	struct mmapdemo_engine *engine = container_of(to_delayed_work(work), struct mmapdemo_engine,
						      watchdog);
	struct mmapdemo_dev *mdev = engine_dev(engine);
	bool drain;

	spin_lock_irq(&engine->lock);
	drain = mmapdemo_engine_reap(mdev);
	if (engine->cur && !engine->stopped && time_after_eq(jiffies, engine->cur_expires)) {
		atomic64_inc(&engine->num_timeouts);
		cur_abort(engine);
		drain = mmapdemo_engine_reap(mdev);
	}
	if (engine->cur && !engine->stopped && !delayed_work_pending(&engine->watchdog))
		schedule_delayed_work(&engine->watchdog,
				      time_after(engine->cur_expires, jiffies) ?
				      engine->cur_expires - jiffies : 0);
	spin_unlock_irq(&engine->lock);
	if (drain)
		mmapdemo_engine_drain(mdev);
}

/* --- interrupt ------------------------------------------------------------------------------ */

void mmapdemo_engine_irq(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;
	unsigned long flags;

	atomic64_inc(&engine->num_irqs);
	spin_lock_irqsave(&engine->lock, flags);
	mmapdemo_engine_reap(mdev);
	mmapdemo_engine_defer(mdev);
	spin_unlock_irqrestore(&engine->lock, flags);
}

/* --- life ----------------------------------------------------------------------------------- */

int mmapdemo_engine_init(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	spin_lock_init(&engine->lock);
	mutex_init(&engine->drain_lock);
	INIT_LIST_HEAD(&engine->fifo);
	INIT_LIST_HEAD(&engine->retired);
	init_llist_head(&engine->dead_bufs);
	INIT_WORK(&engine->drain_work, drain_work);
	INIT_DELAYED_WORK(&engine->watchdog, watchdog_work);

	mdev->dma_max_sg = min_t(u32, mdev->dma_max_sg, MMAPDEMO_DMA_MAX_SG);
	if (!(mdev->features & MMAPDEMO_FEATURE_DMA_SG))
		mdev->dma_max_sg = 1;
	engine->sg = dmam_alloc_coherent(&mdev->pdev->dev, mdev->dma_max_sg * sizeof(*engine->sg),
					 &engine->sg_bus, GFP_KERNEL);
	return engine->sg ? 0 : -ENOMEM;
}

/* Who used it before, this kernel or another, may have left a transfer, or its name, behind. */
void mmapdemo_engine_start(struct mmapdemo_dev *mdev)
{
	spin_lock_irq(&mdev->engine.lock);
	mmapdemo_hw_reset(mdev);
	pci_set_master(mdev->pdev);
	mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
	spin_unlock_irq(&mdev->engine.lock);
}

/* The running transfer and those behind it: it ends with an error, whatever it has moved. */
static void engine_cancel_all(struct mmapdemo_engine *engine)
{
	struct mmapdemo_xfer *x, *next;

	lockdep_assert_held(&engine->lock);

	if (engine->cur && (engine->offline || !cur_reap(engine)))
		cur_abort(engine);
	list_for_each_entry_safe(x, next, &engine->fifo, node)
		mmapdemo_engine_cancel(engine_dev(engine), x);
}

/**
 * mmapdemo_engine_reset_prepare() - the device is about to be reset
 * @mdev: the device
 *
 * What has been submitted ends with an error, and the device touches no memory for any queue when
 * it returns: nobody who tears one down meanwhile need wait for the reset. What is submitted from
 * now on waits for mmapdemo_engine_reset_done().
 */
void mmapdemo_engine_reset_prepare(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	spin_lock_irq(&engine->lock);
	engine->resetting = true;
	engine_cancel_all(engine);
	if (mmapdemo_hw_answers(mdev))
		mmapdemo_hw_reset(mdev);
	else
		mmapdemo_engine_isolate(mdev);
	spin_unlock_irq(&engine->lock);
	mmapdemo_engine_drain(mdev);
}

void mmapdemo_engine_reset_done(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;
	bool drain;

	spin_lock_irq(&engine->lock);
	engine->resetting = false;
	/* If it did not survive: engine_revive() keeps an eye on it. */
	if (!mmapdemo_hw_answers(mdev))
		mmapdemo_engine_isolate(mdev);
	else if (!engine->master_off)
		mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
	drain = mmapdemo_engine_reap(mdev);
	spin_unlock_irq(&engine->lock);
	mmapdemo_dmaengine_wake(mdev);
	if (drain)
		mmapdemo_engine_drain(mdev);
}

/**
 * mmapdemo_engine_offline() - the bus is out of order, or is so no longer
 * @mdev: the device
 * @offline: no register is touched until told otherwise
 *
 * What was under way ends with an error. Either way the device does not have the bus when this
 * returns.
 */
void mmapdemo_engine_offline(struct mmapdemo_dev *mdev, bool offline)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	spin_lock_irq(&engine->lock);
	engine->offline = offline;
	mmapdemo_engine_isolate(mdev);
	if (offline)
		engine_cancel_all(engine);
	spin_unlock_irq(&engine->lock);
	mmapdemo_engine_drain(mdev);
}

/**
 * mmapdemo_engine_stop() - end all DMA, for ever
 * @mdev: the device
 *
 * When it returns the device does not touch memory, no interrupt does anything, and each transfer
 * is done. Its file will not be told how it ended: it is told that the device is gone.
 *
 * For whoever is first: removal, or a file that is closed meanwhile and has a queue. Until it has
 * been through the lock here, removal does not go on to what needs the device bound.
 */
void mmapdemo_engine_stop(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_engine *engine = &mdev->engine;

	spin_lock_irq(&engine->lock);
	if (!engine->stopped) {
		engine_cancel_all(engine);
		engine->stopped = true;
		if (!engine->offline)
			mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_ENABLE, 0);
		mmapdemo_hw_reset(mdev);
		pci_clear_master(mdev->pdev);
	}
	spin_unlock_irq(&engine->lock);

	cancel_delayed_work_sync(&engine->watchdog);
	cancel_work_sync(&engine->drain_work);
	mmapdemo_engine_drain(mdev);
}
