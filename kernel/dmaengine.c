// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device as a provider of the dmaengine subsystem: one channel that copies and fills memory for
 * other drivers, as its core and its clients call it. Module parameter dmaengine; kernels with
 * CONFIG_DMA_ENGINE.
 *
 * prep, submit, issue_pending and tx_status come in any context, interrupts included, and under any
 * lock of a client; callbacks are called from a tasklet, without a lock. Not for: what the queue
 * makes of it, see channel.c.
 */
#include <linux/dma-mapping.h>
#include <linux/llist.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "channel.h"

static bool dmaengine;
module_param(dmaengine, bool, 0444);
MODULE_PARM_DESC(dmaengine, "be a dmaengine provider, which takes one queue and 64 windows (N)");

/*
 * Channels that nobody holds. The core looks at one for a while after device_release(), as long as it
 * holds its lock: they are freed by who has been through it since.
 */
static LLIST_HEAD(retired);

static struct mmapdemo_channel *to_channel(struct dma_chan *chan)
{
	return container_of(chan, struct mmapdemo_channel, chan);
}

static struct mmapdemo_transaction *to_transaction(struct dma_async_tx_descriptor *tx)
{
	return container_of(tx, struct mmapdemo_transaction, tx);
}

static spinlock_t *lock_of(const struct mmapdemo_channel *ch)
{
	return &mmapdemo_queue_slot(&ch->q)->lock;
}

/* --- prepare and submit ------------------------------------------------------------------------- */

static dma_cookie_t tx_submit(struct dma_async_tx_descriptor *tx)
{
	struct mmapdemo_transaction *t = to_transaction(tx);
	struct mmapdemo_channel *ch = to_channel(tx->chan);
	dma_cookie_t cookie;
	unsigned long flags;

	spin_lock_irqsave(lock_of(ch), flags);
	cookie = ch->chan.cookie == INT_MAX ? DMA_MIN_COOKIE : ch->chan.cookie + 1;
	ch->chan.cookie = cookie;
	tx->cookie = cookie;
	__clear_bit(cookie % MMAPDEMO_FAILED_COOKIES, ch->failed);
	list_move_tail(&t->node, &ch->submitted);
	spin_unlock_irqrestore(lock_of(ch), flags);
	return cookie;
}

/* Memory that the device does not reach is refused here; that is not RAM, by the device. */
static bool is_reachable(const struct mmapdemo_channel *ch, dma_addr_t bus, size_t len)
{
	return bus <= ch->mdev->dma_mask && len - 1 <= ch->mdev->dma_mask - bus;
}

static struct dma_async_tx_descriptor *prepare(struct dma_chan *chan,
					       const struct mmapdemo_transaction *what,
					       unsigned long tx_flags)
{
	struct mmapdemo_channel *ch = to_channel(chan);
	struct mmapdemo_transaction *t;
	unsigned long flags;

	if (mmapdemo_dev_gone(ch->mdev))
		return NULL;
	t = kmemdup(what, sizeof(*what), GFP_NOWAIT);
	if (!t)
		return NULL;
	dma_async_tx_descriptor_init(&t->tx, chan);
	t->tx.flags = tx_flags;
	t->tx.tx_submit = tx_submit;
	spin_lock_irqsave(lock_of(ch), flags);
	list_add_tail(&t->node, &ch->prepared);
	spin_unlock_irqrestore(lock_of(ch), flags);
	return &t->tx;
}

static struct dma_async_tx_descriptor *prep_memcpy(struct dma_chan *chan, dma_addr_t dst,
						   dma_addr_t src, size_t len, unsigned long flags)
{
	const struct mmapdemo_transaction t = {
		.op = MMAPDEMO_OP_COPY,
		.dst = dst,
		.src = src,
		.len = len,
	};

	/* A residue has 32 bits. */
	if (!len || len > U32_MAX || !is_reachable(to_channel(chan), dst, len) ||
	    !is_reachable(to_channel(chan), src, len))
		return NULL;
	return prepare(chan, &t, flags);
}

static struct dma_async_tx_descriptor *prep_memset(struct dma_chan *chan, dma_addr_t dst, int value,
						   size_t len, unsigned long flags)
{
	const struct mmapdemo_transaction t = {
		.op = MMAPDEMO_OP_FILL,
		.dst = dst,
		.arg = (u8)value * 0x0101010101010101ULL,
		.len = len,
	};

	if (!len || len > U32_MAX || !is_reachable(to_channel(chan), dst, len))
		return NULL;
	return prepare(chan, &t, flags);
}

/* It ends when all that was submitted before it has. */
static struct dma_async_tx_descriptor *prep_interrupt(struct dma_chan *chan, unsigned long flags)
{
	const struct mmapdemo_transaction t = { .op = MMAPDEMO_OP_NOP };

	return prepare(chan, &t, flags);
}

static void issue_pending(struct dma_chan *chan)
{
	struct mmapdemo_channel *ch = to_channel(chan);
	unsigned long flags;

	spin_lock_irqsave(lock_of(ch), flags);
	list_splice_tail_init(&ch->submitted, &ch->issued);
	spin_unlock_irqrestore(lock_of(ch), flags);
	mmapdemo_channel_run(ch);
}

/* --- status ------------------------------------------------------------------------------------- */

static u32 residue_of(struct mmapdemo_channel *ch, dma_cookie_t cookie)
{
	struct mmapdemo_transaction *t;

	list_for_each_entry(t, &ch->issued, node) {
		if (t->tx.cookie == cookie)
			return t->len - t->done;
	}
	list_for_each_entry(t, &ch->submitted, node) {
		if (t->tx.cookie == cookie)
			return t->len;
	}
	return 0;
}

/* Who polls need not rely on interrupts. */
static enum dma_status tx_status(struct dma_chan *chan, dma_cookie_t cookie,
				 struct dma_tx_state *state)
{
	struct mmapdemo_channel *ch = to_channel(chan);
	enum dma_status status;
	unsigned long flags;

	/* Pairs with transaction_end(): what has completed is there to be seen. */
	if (dma_async_is_complete(cookie, smp_load_acquire(&chan->completed_cookie),
				  READ_ONCE(chan->cookie)) != DMA_COMPLETE)
		mmapdemo_channel_run(ch);

	spin_lock_irqsave(lock_of(ch), flags);
	status = dma_async_is_complete(cookie, chan->completed_cookie, chan->cookie);
	if (status == DMA_COMPLETE && test_bit(cookie % MMAPDEMO_FAILED_COOKIES, ch->failed))
		status = DMA_ERROR;
	if (state) {
		state->last = chan->completed_cookie;
		state->used = chan->cookie;
		state->residue = status == DMA_IN_PROGRESS ? residue_of(ch, cookie) : 0;
		state->in_flight_bytes = 0;
	}
	spin_unlock_irqrestore(lock_of(ch), flags);
	return status;
}

/* --- the end of transactions ---------------------------------------------------------------------- */

static void transaction_tell(struct mmapdemo_transaction *t)
{
	struct dma_async_tx_descriptor *tx = &t->tx;

	/* Memory that the client has left to us to unmap; before it hears of the end. */
	dma_descriptor_unmap(tx);
	if (!t->dropped && tx->callback_result)
		tx->callback_result(tx->callback_param, &t->result);
	else if (!t->dropped && tx->callback)
		tx->callback(tx->callback_param);
	kfree(t);
}

/* One at a time: what a callback terminates is not told of. In softirq context, or with it disabled. */
static void channel_tell(struct mmapdemo_channel *ch)
{
	struct mmapdemo_transaction *t;
	unsigned long flags;

	do {
		spin_lock_irqsave(lock_of(ch), flags);
		t = list_first_entry_or_null(&ch->done, struct mmapdemo_transaction, node);
		if (t)
			list_del(&t->node);
		spin_unlock_irqrestore(lock_of(ch), flags);
		if (t)
			transaction_tell(t);
	} while (t);
}

static void channel_tasklet(struct tasklet_struct *tasklet)
{
	struct mmapdemo_channel *ch = container_of(tasklet, struct mmapdemo_channel, tasklet);

	mmapdemo_channel_run(ch);
	channel_tell(ch);
}

/* What was done before is told when this returns. What came meanwhile may have found it blocked. */
static void channel_flush(struct mmapdemo_channel *ch)
{
	tasklet_kill(&ch->tasklet);
	tasklet_schedule(&ch->tasklet);
}

static int terminate_all(struct dma_chan *chan)
{
	mmapdemo_channel_drop(to_channel(chan));
	return 0;
}

/*
 * The watchdog takes from the device what terminate_all() could not. A device that is going away may
 * not have been stopped yet: that is done here, then, as for a queue that is closed.
 */
static void synchronize(struct dma_chan *chan)
{
	struct mmapdemo_channel *ch = to_channel(chan);

	if (READ_ONCE(ch->stuck))
		flush_delayed_work(&ch->watchdog);
	/* After that: a watchdog that found the gate closed has done nothing. */
	if (mmapdemo_dev_gone(ch->mdev) && !READ_ONCE(ch->ended)) {
		mmapdemo_engine_stop(ch->mdev);
		mmapdemo_channel_end(ch);
	}
	channel_flush(ch);
}

static void free_chan_resources(struct dma_chan *chan)
{
	struct mmapdemo_channel *ch = to_channel(chan);
	struct mmapdemo_transaction *t, *next;
	unsigned long flags;
	LIST_HEAD(left);

	terminate_all(chan);
	synchronize(chan);
	tasklet_kill(&ch->tasklet);
	spin_lock_irqsave(lock_of(ch), flags);
	list_splice_init(&ch->prepared, &left);
	spin_unlock_irqrestore(lock_of(ch), flags);
	list_for_each_entry_safe(t, next, &left, node)
		kfree(t);
}

/* --- life --------------------------------------------------------------------------------------- */

/* No client is left, and the driver is unbound. Called with a lock of the core held. */
static void device_release(struct dma_device *dma)
{
	struct mmapdemo_channel *ch = container_of(dma, struct mmapdemo_channel, dma);

	tasklet_kill(&ch->tasklet);
	put_device(&ch->chan.dev->device);
	put_device(dma->dev);
	put_device(&ch->mdev->dev);
	llist_add(&ch->retired, &retired);
}

static bool nobody(struct dma_chan *chan, void *unused)
{
	return false;
}

/* Free what nobody holds, and the core has stopped looking at. */
void mmapdemo_dmaengine_exit(void)
{
	struct llist_node *list = llist_del_all(&retired);
	struct mmapdemo_channel *ch, *next;
	dma_cap_mask_t mask;

	if (!list)
		return;
	/* Asks for no channel: for the lock that it takes. */
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	WARN_ON(dma_request_channel(mask, nobody, NULL));
	llist_for_each_entry_safe(ch, next, list, retired)
		kfree(ch);
}

static void windows_put(struct mmapdemo_channel *ch)
{
	u32 i;

	for (i = 0; i < MMAPDEMO_CHANNEL_PLACES * 2; i++) {
		if (ch->windows[i / 2][i % 2] != U32_MAX)
			xa_erase(&ch->mdev->windows, ch->windows[i / 2][i % 2]);
	}
}

static int windows_get(struct mmapdemo_channel *ch)
{
	struct mmapdemo_dev *mdev = ch->mdev;
	int ret = 0;
	u32 i;

	for (i = 0; i < MMAPDEMO_CHANNEL_PLACES * 2 && !ret; i++)
		ret = xa_alloc(&mdev->windows, &ch->windows[i / 2][i % 2], NULL,
			       XA_LIMIT(0, mdev->num_windows - 1), GFP_KERNEL);
	return ret;
}

/* Nobody has anything yet. The last queue, since files take the first ones. */
static int channel_take(struct mmapdemo_channel *ch)
{
	struct mmapdemo_dev *mdev = ch->mdev;
	int ret;

	mutex_lock(&mdev->queue_lock);
	ch->q.index = mdev->num_queues - 1;
	__set_bit(ch->q.index, mdev->queues_used);
	ret = mmapdemo_domain_get(&ch->mf);
	if (!ret)
		ret = windows_get(ch);
	mutex_unlock(&mdev->queue_lock);
	return ret;
}

static void channel_give_back(struct mmapdemo_channel *ch)
{
	struct mmapdemo_dev *mdev = ch->mdev;

	mmapdemo_slot_set(mdev, ch->q.index, NULL);
	mutex_lock(&mdev->queue_lock);
	windows_put(ch);
	mmapdemo_domain_put(&ch->mf);
	__clear_bit(ch->q.index, mdev->queues_used);
	mutex_unlock(&mdev->queue_lock);
}

static void channel_init(struct mmapdemo_channel *ch, struct mmapdemo_dev *mdev)
{
	struct mmapdemo_queue *q = &ch->q;

	get_device(&mdev->dev);
	ch->mdev = mdev;
	ch->mf.mdev = mdev;
	memset32(ch->windows[0], U32_MAX, MMAPDEMO_CHANNEL_PLACES * 2);
	INIT_LIST_HEAD(&ch->prepared);
	INIT_LIST_HEAD(&ch->submitted);
	INIT_LIST_HEAD(&ch->issued);
	INIT_LIST_HEAD(&ch->done);
	tasklet_setup(&ch->tasklet, channel_tasklet);
	INIT_DELAYED_WORK(&ch->watchdog, mmapdemo_channel_watchdog);

	kref_init(&q->ref);
	init_waitqueue_head(&q->turn_wait);
	init_waitqueue_head(&q->wait);
	q->mf = &ch->mf;
	q->kernel = true;
	q->log2n = MMAPDEMO_CHANNEL_LOG2N;
	q->mask = MMAPDEMO_CHANNEL_PLACES - 1;
	q->news = mmapdemo_channel_news;
}

static int ring_alloc(struct mmapdemo_channel *ch)
{
	struct mmapdemo_dev *mdev = ch->mdev;
	struct mmapdemo_queue *q = &ch->q;

	q->words = dmam_alloc_coherent(&mdev->pdev->dev, MMAPDEMO_RING_BYTES(q->log2n),
				       &q->ring_bus, GFP_KERNEL);
	if (!q->words)
		return -ENOMEM;
	q->sq = q->words + MMAPDEMO_RING_SQ(q->log2n);
	q->cq = q->words + MMAPDEMO_RING_CQ;
	q->doorbell_reg = mdev->doorbells.view + MMAPDEMO_DOORBELL(q->index);
	return 0;
}

static int channel_register(struct mmapdemo_channel *ch)
{
	struct dma_device *dma = &ch->dma;
	int ret;

	ch->chan.device = dma;
	ch->chan.cookie = DMA_MIN_COOKIE;
	ch->chan.completed_cookie = DMA_MIN_COOKIE;
	INIT_LIST_HEAD(&dma->channels);
	list_add_tail(&ch->chan.device_node, &dma->channels);

	dma->dev = &ch->mdev->pdev->dev;
	/* For who asks for it: public channels are used by anybody, and hold the module for ever. */
	dma_cap_set(DMA_PRIVATE, dma->cap_mask);
	dma_cap_set(DMA_MEMCPY, dma->cap_mask);
	dma_cap_set(DMA_MEMSET, dma->cap_mask);
	dma_cap_set(DMA_INTERRUPT, dma->cap_mask);
	dma->copy_align = DMAENGINE_ALIGN_1_BYTE;
	dma->fill_align = DMAENGINE_ALIGN_1_BYTE;
	dma->directions = BIT(DMA_MEM_TO_MEM);
	dma->residue_granularity = DMA_RESIDUE_GRANULARITY_SEGMENT;
	dma->device_prep_dma_memcpy = prep_memcpy;
	dma->device_prep_dma_memset = prep_memset;
	dma->device_prep_dma_interrupt = prep_interrupt;
	dma->device_issue_pending = issue_pending;
	dma->device_tx_status = tx_status;
	dma->device_terminate_all = terminate_all;
	dma->device_synchronize = synchronize;
	dma->device_free_chan_resources = free_chan_resources;
	dma->device_release = device_release;

	ret = dma_async_device_register(dma);
	if (ret)
		return ret;
	/*
	 * Clients look at the one for its name, and at the other, which is who maps memory, after both
	 * are gone, too.
	 */
	get_device(&ch->chan.dev->device);
	get_device(dma->dev);
	return 0;
}

/* The device does no DMA any more; who has the channel keeps it. */
static void dmaengine_del(void *arg)
{
	struct mmapdemo_channel *ch = arg;

	mmapdemo_engine_stop(ch->mdev);
	mmapdemo_dmaengine_stop(ch->mdev);
	ch->mdev->channel = NULL;
	channel_give_back(ch);
	dma_async_device_unregister(&ch->dma);
	mmapdemo_dmaengine_exit();
}

/**
 * mmapdemo_dmaengine_stop() - tell clients that nothing will come any more
 * @mdev: the device, which is silent for ever; no call is in the gate
 */
void mmapdemo_dmaengine_stop(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_channel *ch = mdev->channel;

	if (!ch)
		return;
	mmapdemo_channel_end(ch);
	tasklet_kill(&ch->tasklet);
	/* Had somebody blocked it meanwhile, it is not scheduled; had something else scheduled it, it runs. */
	local_bh_disable();
	channel_tell(ch);
	local_bh_enable();
	tasklet_kill(&ch->tasklet);
}

/* A reset is over: what waited for it can begin. */
void mmapdemo_dmaengine_wake(struct mmapdemo_dev *mdev)
{
	if (mdev->channel)
		mmapdemo_channel_news(&mdev->channel->q);
}

/**
 * mmapdemo_dmaengine_init() - be a provider, if the administrator wants it
 * @mdev: the device, with its engine started
 */
int mmapdemo_dmaengine_init(struct mmapdemo_dev *mdev)
{
	struct device *dev = &mdev->pdev->dev;
	struct mmapdemo_channel *ch;
	int ret;

	if (!dmaengine)
		return 0;
	if (!mdev->num_queues || mdev->num_windows < MMAPDEMO_CHANNEL_PLACES * 2 ||
	    !(mdev->window_kinds & 1U << MMAPDEMO_WKIND_BUS) ||
	    mdev->queue_log2n_min > MMAPDEMO_CHANNEL_LOG2N ||
	    mdev->queue_log2n_max < MMAPDEMO_CHANNEL_LOG2N) {
		dev_warn(dev, "no dmaengine channel: too few queues or windows\n");
		return 0;
	}
	ch = kzalloc(sizeof(*ch), GFP_KERNEL);
	if (!ch)
		return -ENOMEM;
	channel_init(ch, mdev);
	ret = channel_take(ch) ?: ring_alloc(ch);
	if (!ret) {
		mmapdemo_slot_set(mdev, ch->q.index, &ch->q);
		ret = channel_register(ch);
	}
	if (ret) {
		channel_give_back(ch);
		/* By an interrupt that nobody asked for. */
		tasklet_kill(&ch->tasklet);
		put_device(&mdev->dev);
		kfree(ch);
		return dev_err_probe(dev, ret, "cannot be a dmaengine provider\n");
	}
	mdev->channel = ch;
	return devm_add_action_or_reset(dev, dmaengine_del, ch);
}
