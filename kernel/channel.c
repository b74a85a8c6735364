// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dmaengine channel at work: what becomes of transactions on the queue that the driver keeps for
 * them.
 *
 * A client comes with bus addresses, and descriptors hold none: each place of the ring has two
 * windows of its own, set before the doorbell and closed before the client is told that the transfer
 * is over. The client maps for this device, and with it all its IOMMU and bounce buffers do.
 *
 * A transaction is cut into pieces of what one descriptor moves. Pieces complete in order, and so do
 * transactions. All of their state is under slot->lock; windows and the queue itself are handed to
 * the device and taken back with engine->lock around it, in whatever context the client calls.
 *
 * The channel outlives the binding for as long as a client holds it, as an open file does, and answers
 * with errors then. Not for: the queue's protocol, see ring.h; calls of the core, see dmaengine.c.
 */
#include <linux/dmaengine.h>

#include "channel.h"
#include "ring.h"

/* A lost interrupt is noticed after so long. */
#define WATCH_PERIOD	HZ

/* Closing a window waits for what is moving through it, with interrupts off: not for more than this. */
#define PIECE_MAX	SZ_256K

/* --- the end of a transaction ------------------------------------------------------------------- */

static void transaction_end(struct mmapdemo_channel *ch, struct mmapdemo_transaction *t)
{
	dma_cookie_t cookie = t->tx.cookie;

	lockdep_assert_held(&mmapdemo_queue_slot(&ch->q)->lock);

	t->result.residue = t->len - t->done;
	if (t->result.result != DMA_TRANS_NOERROR)
		__set_bit(cookie % MMAPDEMO_FAILED_COOKIES, ch->failed);
	/* Pairs with dma_async_is_complete() of who does not hold the lock. */
	smp_store_release(&ch->chan.completed_cookie, cookie);
	list_move_tail(&t->node, &ch->done);
	tasklet_schedule(&ch->tasklet);
}

/* Those at the head of which nothing is in the ring any more, and nothing will be. */
static void issued_end(struct mmapdemo_channel *ch)
{
	struct mmapdemo_transaction *t, *next;

	list_for_each_entry_safe(t, next, &ch->issued, node) {
		if (!t->all_put || t->num_pieces)
			break;
		transaction_end(ch, t);
	}
}

static void transaction_fail(struct mmapdemo_transaction *t, enum dmaengine_tx_result result)
{
	if (t->result.result == DMA_TRANS_NOERROR)
		t->result.result = result;
	t->all_put = true;
}

/* --- pieces ------------------------------------------------------------------------------------- */

/* As window_enable() of window.c, but for a place that is used again and again. */
static int window_open(struct mmapdemo_channel *ch, u32 w, dma_addr_t bus, u32 len, u32 access)
{
	struct mmapdemo_dev *mdev = ch->mdev;
	u32 cfg = ch->mf.domain | MMAPDEMO_WKIND_BUS << MMAPDEMO_WCFG_KIND_SHIFT |
		  MMAPDEMO_WCFG_VALID | access;

	lockdep_assert_held(&mdev->engine.lock);

	mmapdemo_writeq(mdev, MMAPDEMO_WREG(w, ADDR), bus);
	mmapdemo_writeq(mdev, MMAPDEMO_WREG(w, LEN), len);
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w, FIRST), 0);
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w, SHIFT), 0);
	/* writel() orders it behind the client's stores: pairs with the device's first look. */
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w, CFG), cfg);
	return mmapdemo_readl(mdev, MMAPDEMO_WREG(w, CFG)) == cfg ? 0 : -EIO;
}

/* The device moves no byte through it any more; false if it does not say so. */
static bool window_close(struct mmapdemo_channel *ch, u32 w)
{
	struct mmapdemo_dev *mdev = ch->mdev;

	lockdep_assert_held(&mdev->engine.lock);

	mmapdemo_writel(mdev, MMAPDEMO_WREG(w, CFG), 0);
	/* The read waits for what is moving. Registers that are off read as 0 too. */
	return !mmapdemo_readl(mdev, MMAPDEMO_WREG(w, CFG)) && mmapdemo_hw_answers(mdev);
}

static u32 place_of(const struct mmapdemo_channel *ch, u32 index)
{
	return index & ch->q.mask;
}

/* Take memory from the piece at @index, done or not. */
static bool piece_close(struct mmapdemo_channel *ch, u32 index)
{
	struct mmapdemo_piece *p = &ch->pieces[place_of(ch, index)];
	u32 *w = ch->windows[place_of(ch, index)];

	if (p->src_open && window_close(ch, w[0]))
		p->src_open = false;
	if (p->dst_open && window_close(ch, w[1]))
		p->dst_open = false;
	return !p->src_open && !p->dst_open;
}

/* Both windows of a place, as far as @t uses them. What is open after a failure is closed again. */
static int piece_open(struct mmapdemo_channel *ch, const struct mmapdemo_transaction *t, u32 len)
{
	u32 place = place_of(ch, ch->q.tail);
	struct mmapdemo_piece *p = &ch->pieces[place];
	u32 *w = ch->windows[place];
	int ret = 0;

	if (t->op == MMAPDEMO_OP_NOP)
		return 0;
	if (t->op == MMAPDEMO_OP_COPY) {
		p->src_open = true;
		ret = window_open(ch, w[0], t->src + t->put, len, MMAPDEMO_WCFG_READ);
	}
	if (!ret) {
		p->dst_open = true;
		ret = window_open(ch, w[1], t->dst + t->put, len, MMAPDEMO_WCFG_WRITE);
	}
	if (ret && !piece_close(ch, ch->q.tail))
		ch->stuck = true;
	return ret;
}

/* The next piece of @t, for which there is room. */
static void piece_put(struct mmapdemo_channel *ch, struct mmapdemo_transaction *t)
{
	u32 len = min3(t->len - t->put, ch->mdev->queue_max_len, (u32)PIECE_MAX);
	u32 place = place_of(ch, ch->q.tail);
	struct mmapdemo_hw_sqe sqe = {
		.op = t->op,
		.len = cpu_to_le32(len),
		.arg = cpu_to_le64(t->arg),
		.user = cpu_to_le64(++ch->last_seq),
	};

	if (piece_open(ch, t, len)) {
		transaction_fail(t, DMA_TRANS_ABORTED);
		return;
	}
	if (t->op == MMAPDEMO_OP_COPY)
		sqe.src_win = cpu_to_le32(ch->windows[place][0]);
	if (t->op != MMAPDEMO_OP_NOP)
		sqe.dst_win = cpu_to_le32(ch->windows[place][1]);
	ch->pieces[place].t = t;
	ch->pieces[place].len = len;
	t->put += len;
	t->num_pieces++;
	t->all_put = t->put == t->len;
	mmapdemo_ring_put(&ch->q, &sqe, 1);
}

static enum dmaengine_tx_result result_of(const struct mmapdemo_transaction *t, u32 status)
{
	switch (status) {
	case MMAPDEMO_CQ_OK:
		return DMA_TRANS_NOERROR;
	case MMAPDEMO_CQ_BUS:
	case MMAPDEMO_CQ_INJECTED:
		/* Of a copy the device does not say on which side. */
		return t->op == MMAPDEMO_OP_COPY ? DMA_TRANS_READ_FAILED : DMA_TRANS_WRITE_FAILED;
	default:
		return DMA_TRANS_ABORTED;
	}
}

/* Its windows are closed. */
static void piece_end(struct mmapdemo_channel *ch, u32 index, const struct mmapdemo_hw_cqe *cqe)
{
	struct mmapdemo_piece *p = &ch->pieces[place_of(ch, index)];
	struct mmapdemo_transaction *t = p->t;
	enum dmaengine_tx_result result;
	u32 bytes;

	p->t = NULL;
	/* Terminated meanwhile. */
	if (!t)
		return;
	t->num_pieces--;
	bytes = min(le32_to_cpu(cqe->bytes), p->len);
	result = result_of(t, le16_to_cpu(cqe->status));
	/* Never a success, whatever the status says: not every byte has moved. */
	if (result == DMA_TRANS_NOERROR && bytes != p->len)
		result = DMA_TRANS_ABORTED;
	/* What is behind a hole does not count. */
	if (t->result.result == DMA_TRANS_NOERROR)
		t->done += bytes;
	if (result != DMA_TRANS_NOERROR)
		transaction_fail(t, result);
}

/* --- the ring ----------------------------------------------------------------------------------- */

/*
 * The device makes no use of anything of the channel any more: it has let go of the queue and of all
 * windows. What was in the ring has failed; what was not may begin anew.
 */
static void ring_forget(struct mmapdemo_channel *ch)
{
	u32 i;

	for (i = ch->q.head; i != ch->q.tail; i++) {
		struct mmapdemo_piece *p = &ch->pieces[place_of(ch, i)];

		if (p->t) {
			p->t->num_pieces--;
			transaction_fail(p->t, DMA_TRANS_ABORTED);
		}
	}
	memset(ch->pieces, 0, sizeof(ch->pieces));
	ch->q.head = 0;
	ch->q.tail = 0;
	ch->q.told = 0;
	ch->q.enabled = false;
	ch->stuck = false;
	issued_end(ch);
}

static void issued_abort(struct mmapdemo_channel *ch)
{
	struct mmapdemo_transaction *t;

	list_for_each_entry(t, &ch->issued, node)
		transaction_fail(t, DMA_TRANS_ABORTED);
	issued_end(ch);
}

static int ring_begin(struct mmapdemo_channel *ch)
{
	if (ch->q.enabled)
		return 0;
	ch->q.over = 0;
	memset(ch->q.words, 0, MMAPDEMO_RING_BYTES(ch->q.log2n));
	*mmapdemo_ring_word(&ch->q, MMAPDEMO_RING_CQ_EVENT) = cpu_to_le32(MMAPDEMO_CQ_EVENT_QUIET);
	return mmapdemo_queue_tell(&ch->q);
}

static void ring_reap(struct mmapdemo_channel *ch)
{
	struct mmapdemo_hw_cqe cqe;

	while (ch->q.head != ch->q.tail && mmapdemo_ring_look(&ch->q, ch->q.head, &cqe)) {
		/* It is found again when the queue has been stopped. */
		if (!piece_close(ch, ch->q.head)) {
			ch->stuck = true;
			return;
		}
		piece_end(ch, ch->q.head, &cqe);
		mmapdemo_ring_collected(&ch->q, 1);
		ch->expires = jiffies + msecs_to_jiffies(READ_ONCE(mmapdemo_dma_timeout_ms));
	}
	issued_end(ch);
}

/* True: the device wants to be told. */
static bool ring_fill(struct mmapdemo_channel *ch)
{
	struct mmapdemo_transaction *t;
	bool idle = ch->q.head == ch->q.tail;

	/* Soon over, and we are told. Out of order the bus may be for ever. */
	if (ch->mdev->engine.resetting && !ch->mdev->engine.offline)
		return false;
	list_for_each_entry(t, &ch->issued, node) {
		while (!t->all_put && !ch->stuck && mmapdemo_ring_room(&ch->q)) {
			if (ring_begin(ch)) {
				ch->stuck = ch->q.enabled;
				issued_abort(ch);
				return false;
			}
			piece_put(ch, t);
		}
	}
	issued_end(ch);
	if (ch->q.head == ch->q.tail)
		return false;
	if (idle)
		ch->expires = jiffies + msecs_to_jiffies(READ_ONCE(mmapdemo_dma_timeout_ms));
	return ch->q.told != ch->q.tail && mmapdemo_ring_tell(&ch->q);
}

static bool ring_turn(struct mmapdemo_channel *ch)
{
	bool ring = false;

	lockdep_assert_held(&ch->mdev->engine.lock);
	lockdep_assert_held(&mmapdemo_queue_slot(&ch->q)->lock);

	/* It sees to all of this, a reset included, and has us called when it is done. */
	if (ch->restarting)
		return false;
	/* The device was reset, or has lost the bus. */
	if (ch->q.enabled && ch->q.over)
		ring_forget(ch);
	do {
		if (ch->stuck)
			break;
		ring_reap(ch);
		if (!ch->stuck)
			ring |= ring_fill(ch);
	} while (ch->q.head != ch->q.tail && mmapdemo_ring_arm(&ch->q, ch->q.head));

	if (ch->stuck)
		mod_delayed_work(system_highpri_wq, &ch->watchdog, 0);
	else if (!list_empty(&ch->issued) || ch->q.head != ch->q.tail)
		schedule_delayed_work(&ch->watchdog, WATCH_PERIOD);
	return ring;
}

/* Both locks: windows are set in one piece as far as resets are concerned. */
unsigned long mmapdemo_channel_lock(struct mmapdemo_channel *ch)
{
	unsigned long flags;

	spin_lock_irqsave(&ch->mdev->engine.lock, flags);
	spin_lock(&mmapdemo_queue_slot(&ch->q)->lock);
	return flags;
}

void mmapdemo_channel_unlock(struct mmapdemo_channel *ch, unsigned long flags)
{
	spin_unlock(&mmapdemo_queue_slot(&ch->q)->lock);
	spin_unlock_irqrestore(&ch->mdev->engine.lock, flags);
}

/**
 * mmapdemo_channel_run() - notice what has completed, and put what has been issued
 * @ch: any state; no lock of this driver is held
 *
 * Once the device is gone, issued transactions end with DMA_TRANS_ABORTED.
 */
void mmapdemo_channel_run(struct mmapdemo_channel *ch)
{
	unsigned long flags;
	bool ring;
	int idx;

	if (mmapdemo_dev_enter(ch->mdev, &idx)) {
		flags = mmapdemo_channel_lock(ch);
		/* Until it has stopped the device may use what it was told of. */
		if (ch->ended)
			issued_abort(ch);
		mmapdemo_channel_unlock(ch, flags);
		return;
	}
	flags = mmapdemo_channel_lock(ch);
	ring = ring_turn(ch);
	mmapdemo_channel_unlock(ch, flags);
	if (ring)
		mmapdemo_ring_doorbell(&ch->q);
	mmapdemo_dev_exit(ch->mdev, idx);
}

/**
 * mmapdemo_channel_drop() - end what has been submitted, and tell nobody
 * @ch: any state
 *
 * The device moves no byte of it when this returns, or, if it does not say so, when the watchdog has
 * run. What is prepared stays: its owner may be about to submit it.
 */
void mmapdemo_channel_drop(struct mmapdemo_channel *ch)
{
	struct mmapdemo_transaction *t;
	unsigned long flags;
	int idx;
	u32 i;

	if (mmapdemo_dev_enter(ch->mdev, &idx))
		idx = -1;
	flags = mmapdemo_channel_lock(ch);
	list_splice_tail_init(&ch->submitted, &ch->issued);
	list_for_each_entry(t, &ch->issued, node) {
		t->dropped = true;
		transaction_fail(t, DMA_TRANS_ABORTED);
	}
	list_for_each_entry(t, &ch->done, node)
		t->dropped = true;
	for (i = ch->q.head; idx >= 0 && !ch->q.over && i != ch->q.tail; i++) {
		struct mmapdemo_piece *p = &ch->pieces[place_of(ch, i)];

		if (piece_close(ch, i) && p->t) {
			p->t->num_pieces--;
			p->t = NULL;
		}
	}
	/* Nobody waits behind what has no memory any more. */
	if (ch->q.head != ch->q.tail)
		ch->stuck = true;
	issued_end(ch);
	if (ch->stuck && !ch->ended)
		mod_delayed_work(system_highpri_wq, &ch->watchdog, 0);
	mmapdemo_channel_unlock(ch, flags);
	if (idx >= 0)
		mmapdemo_dev_exit(ch->mdev, idx);
}

/* --- what does not go as it should -------------------------------------------------------------- */

/*
 * Inside the gate, in process context: take everything from the device, whatever that takes. A reset
 * that comes meanwhile must not have somebody else begin anew on a queue that is being stopped here.
 */
static void channel_restart(struct mmapdemo_channel *ch)
{
	unsigned long flags;
	bool closed = true;
	u32 i;

	mmapdemo_queue_stop(&ch->q);
	flags = mmapdemo_channel_lock(ch);
	for (i = ch->q.head; !ch->q.over && i != ch->q.tail; i++)
		closed &= piece_close(ch, i);
	/* One that was being set for a piece that was never put. */
	if (!ch->q.over && mmapdemo_ring_room(&ch->q))
		closed &= piece_close(ch, ch->q.tail);
	mmapdemo_channel_unlock(ch, flags);
	if (!closed)
		mmapdemo_dev_recover(ch->mdev, ch->q.epoch, "a window of the dmaengine channel");

	flags = mmapdemo_channel_lock(ch);
	ring_forget(ch);
	ch->restarting = false;
	mmapdemo_channel_unlock(ch, flags);
}

/* For the interrupt that is lost, the queue that has stopped, and the transfer that does not end. */
void mmapdemo_channel_watchdog(struct work_struct *work)
{
	struct mmapdemo_channel *ch = container_of(to_delayed_work(work), struct mmapdemo_channel,
						   watchdog);
	unsigned long flags;
	bool bad;
	int idx;

	mmapdemo_channel_run(ch);
	if (mmapdemo_dev_enter(ch->mdev, &idx))
		return;
	bad = mmapdemo_queue_is_stopped(&ch->q);
	flags = mmapdemo_channel_lock(ch);
	bad = ch->stuck || (ch->q.head != ch->q.tail &&
			    (bad || time_after_eq(jiffies, ch->expires)));
	ch->stuck = bad;
	ch->restarting = bad;
	mmapdemo_channel_unlock(ch, flags);
	if (bad)
		channel_restart(ch);
	mmapdemo_dev_exit(ch->mdev, idx);
	if (bad)
		mmapdemo_channel_run(ch);
}

/* An interrupt, the end of a reset, or of everything. */
void mmapdemo_channel_news(struct mmapdemo_queue *q)
{
	tasklet_schedule(&container_of(q, struct mmapdemo_channel, q)->tasklet);
}

/**
 * mmapdemo_channel_end() - the device is silent for ever
 * @ch: not ended; no call is in the gate, or will be
 */
void mmapdemo_channel_end(struct mmapdemo_channel *ch)
{
	unsigned long flags = mmapdemo_channel_lock(ch);

	ch->ended = true;
	ring_forget(ch);
	issued_abort(ch);
	mmapdemo_channel_unlock(ch, flags);
	cancel_delayed_work_sync(&ch->watchdog);
}
