/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The channel of the dmaengine subsystem: between the calls of its core (dmaengine.c) and the queue
 * that does the work (channel.c).
 */
#ifndef MMAPDEMO_CHANNEL_H
#define MMAPDEMO_CHANNEL_H

#include <linux/dmaengine.h>
#include <linux/interrupt.h>

#include "mmapdemo_priv.h"

/* Places of the ring, and so pieces under way; two windows each. */
#define MMAPDEMO_CHANNEL_LOG2N	5
#define MMAPDEMO_CHANNEL_PLACES	(1U << MMAPDEMO_CHANNEL_LOG2N)

/* Of so many cookies it is known whether they failed: what older ones did, nobody can ask any more. */
#define MMAPDEMO_FAILED_COOKIES	4096

/* From device_prep_*() until the client has been told, or has given up. */
struct mmapdemo_transaction {
	struct dma_async_tx_descriptor tx;
	struct list_head node;		/* of the channel: prepared, submitted, issued, done */
	u8 op;				/* MMAPDEMO_OP_* */
	dma_addr_t dst;
	dma_addr_t src;
	u64 arg;
	u32 len;
	u32 put;			/* bytes for which there are or were descriptors */
	u32 done;			/* bytes moved, from the first one on */
	u32 num_pieces;			/* descriptors in the ring */
	bool all_put;			/* or failed: there will be no more of them */
	bool dropped;			/* nobody is told of its end */
	struct dmaengine_result result;
};

/* What is at a place of the ring. */
struct mmapdemo_piece {
	struct mmapdemo_transaction *t;	/* NULL: nobody's, or terminated */
	u32 len;
	bool src_open;			/* the device was told of the window */
	bool dst_open;
};

/*
 * Held by the dmaengine core from registration until device_release(): unbinding, and the last client.
 * Holds mdev. What is not said otherwise is under slot->lock.
 */
struct mmapdemo_channel {
	struct mmapdemo_dev *mdev;
	struct mmapdemo_file mf;	/* nobody opened it: device and domain of the queue */
	struct mmapdemo_queue q;
	struct dma_device dma;
	struct dma_chan chan;
	struct llist_node retired;	/* after device_release() */

	struct list_head prepared;	/* not submitted yet */
	struct list_head submitted;	/* in the order of their cookies, as what follows */
	struct list_head issued;
	struct list_head done;		/* the device has let go; the client is to be told */
	DECLARE_BITMAP(failed, MMAPDEMO_FAILED_COOKIES);

	struct mmapdemo_piece pieces[MMAPDEMO_CHANNEL_PLACES];
	u32 windows[MMAPDEMO_CHANNEL_PLACES][2];	/* of each place: source, destination */
	u64 last_seq;
	unsigned long expires;		/* jiffies: of the oldest piece in the ring */
	bool stuck;			/* nothing is put before the watchdog has taken the queue back */
	bool restarting;		/* which it is about to do, and nobody else touches the ring */
	bool ended;			/* for ever */
	struct tasklet_struct tasklet;	/* collects completions, and tells clients */
	struct delayed_work watchdog;
};

/* --- channel.c ------------------------------------------------------------------------------- */

unsigned long mmapdemo_channel_lock(struct mmapdemo_channel *ch);
void mmapdemo_channel_unlock(struct mmapdemo_channel *ch, unsigned long flags);
void mmapdemo_channel_run(struct mmapdemo_channel *ch);
void mmapdemo_channel_drop(struct mmapdemo_channel *ch);
void mmapdemo_channel_watchdog(struct work_struct *work);
void mmapdemo_channel_news(struct mmapdemo_queue *q);
void mmapdemo_channel_end(struct mmapdemo_channel *ch);

#endif /* MMAPDEMO_CHANNEL_H */
