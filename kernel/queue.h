/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Queues and windows, as the files of the driver know them. Part of mmapdemo_priv.h, which says in
 * what order locks are taken.
 */
#ifndef MMAPDEMO_QUEUE_H
#define MMAPDEMO_QUEUE_H

/* One 4 KiB page of a window's list, in memory that only the driver and the device reach. */
struct mmapdemo_list_page {
	__le64 *entries;
	dma_addr_t bus;
};

/*
 * A queue, from QUEUE_CREATE to the return of QUEUE_DESTROY. Owned by its file. `ref` is held by
 * the handle, and by each call that is using the queue: one that is in user memory when the queue
 * is destroyed finds out afterwards.
 */
struct mmapdemo_queue {
	struct kref ref;
	struct mmapdemo_file *mf;
	struct list_head node;		/* mf->queues */
	u32 handle;
	u32 index;			/* in the device */
	u32 log2n;
	u32 irq_gap_ns;
	u32 irq_count;
	u32 epoch;			/* engine->lock */
	bool enabled;			/* the device has been told of it */
	pid_t pid;			/* of who made it; debugfs */
	struct mmapdemo_buf *ring;	/* both with a reference; NULL: of a channel, see channel.c */
	struct mmapdemo_buf *doorbell;	/* NULL: it is the driver's, as the ring is */
	dma_addr_t ring_bus;
	struct eventfd_ctx *eventfd;	/* slot->lock */
	atomic64_t num_irqs;

	void *words;			/* of the ring, MMAPDEMO_RING_* */
	void (*news)(struct mmapdemo_queue *q);	/* or NULL; slot->lock is held */

	/* MMAPDEMO_QUEUE_KERNEL: where things are */
	bool kernel;
	u32 mask;
	struct mmapdemo_hw_sqe *sq;
	const struct mmapdemo_hw_cqe *cq;
	void __iomem *doorbell_reg;

	/* The rings' memory, and what follows: slot->lock */
	bool by_uring;			/* head .. tail are commands of io_uring, cmds says whose */
	u8 turn;			/* enum mmapdemo_turn */
	wait_queue_head_t turn_wait;	/* for it, see turn_grant(); and for a quick one to end */
	struct mmapdemo_batch *batch;	/* MMAPDEMO_TURN_CALL */
	wait_queue_head_t wait;		/* for completions, or the end */
	u32 num_sleepers;
	u32 tail;			/* descriptors written */
	u32 told;			/* of these, those for which a doorbell was decided upon */
	u32 head;			/* completions collected; in turn too, unless by_uring */
	int over;			/* 0; why nothing is submitted any more */
	struct io_uring_cmd **cmds;	/* by slot; NULL: until the first, or nobody waits for it */
	struct delayed_work watchdog;	/* for the interrupt that is lost */
};

/* Whose turn it is to use the rings of a queue from a call. */
enum mmapdemo_turn {
	MMAPDEMO_TURN_FREE,
	MMAPDEMO_TURN_CALL,		/* one that may be in user memory for as long as it likes */
	MMAPDEMO_TURN_QUICK,		/* one inside the gate, at the doorbell */
};

/* On their way between user memory and the rings of a queue. */
#define MMAPDEMO_BATCH		16

struct mmapdemo_batch {
	struct mmapdemo_hw_sqe sqes[MMAPDEMO_BATCH];
	struct mmapdemo_hw_cqe cqes[MMAPDEMO_BATCH];
};

/* A window: part of a buffer that the queues of its file may name. */
struct mmapdemo_window {
	struct mmapdemo_file *mf;
	struct list_head node;		/* mf->windows */
	struct mmapdemo_buf *buf;	/* with a reference */
	u64 off;
	u64 len;
	u32 flags;			/* MMAPDEMO_WINDOW_* */
	u32 index;			/* in the device */
	u32 epoch;			/* engine->lock */
	bool enabled;			/* the device has been told of it */
	u32 kind;			/* MMAPDEMO_WKIND_*, and what goes into the registers */
	u64 addr;
	u32 first;
	u32 shift;
	struct mmapdemo_list_page *lists;
	u32 num_lists;
};

/* --- queue.c ----------------------------------------------------------------------------- */

extern unsigned int mmapdemo_queue_irq_gap_ns;

u32 mmapdemo_queues_limit(const struct mmapdemo_dev *mdev);
int mmapdemo_queues_init(struct mmapdemo_dev *mdev);
int mmapdemo_domain_get(struct mmapdemo_file *mf);
void mmapdemo_domain_put(struct mmapdemo_file *mf);
void mmapdemo_slot_set(struct mmapdemo_dev *mdev, u32 index, struct mmapdemo_queue *q);
int mmapdemo_queue_tell(struct mmapdemo_queue *q);
void mmapdemo_queue_stop(struct mmapdemo_queue *q);
bool mmapdemo_epoch_is_over(struct mmapdemo_dev *mdev, u32 epoch);
void mmapdemo_queues_lost(struct mmapdemo_dev *mdev);
void mmapdemo_queues_wake(struct mmapdemo_dev *mdev);
void mmapdemo_queues_drop(struct mmapdemo_file *mf);
void mmapdemo_queue_irq(struct mmapdemo_dev *mdev, unsigned int index);
struct mmapdemo_queue *mmapdemo_queue_find(struct mmapdemo_file *mf, u32 handle);
struct mmapdemo_queue *mmapdemo_queue_get(struct mmapdemo_file *mf, u32 handle);
void mmapdemo_queue_put(struct mmapdemo_queue *q);
bool mmapdemo_queue_is_over(struct mmapdemo_dev *mdev, const struct mmapdemo_queue *q);
bool mmapdemo_queue_is_stopped(struct mmapdemo_queue *q);

static inline struct mmapdemo_slot *mmapdemo_queue_slot(const struct mmapdemo_queue *q)
{
	return &q->mf->mdev->slots[q->index];
}

/* Where a queue of that handle may be. Whose it is says the slot. */
static inline struct mmapdemo_slot *mmapdemo_slot_hint(const struct mmapdemo_file *mf, u32 handle)
{
	return READ_ONCE(mf->slot_hints[handle % MMAPDEMO_SLOT_HINTS]);
}

/* The next one has it, or may have it. */
static inline void mmapdemo_turn_end(struct mmapdemo_queue *q)
{
	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	q->turn = MMAPDEMO_TURN_FREE;
	/* No barrier: who waits has joined the others with slot->lock held. */
	if (waitqueue_active(&q->turn_wait))
		wake_up(&q->turn_wait);
}

/* --- queue_submit.c -------------------------------------------------------------------------- */

int mmapdemo_submit(struct mmapdemo_file *mf, struct mmapdemo_queue_submit *arg);

/* --- uring.c --------------------------------------------------------------------------------- */

#define MMAPDEMO_HAVE_URING	IS_ENABLED(CONFIG_IO_URING)

int mmapdemo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
void mmapdemo_uring_reap(struct mmapdemo_queue *q);
void mmapdemo_uring_fail(struct mmapdemo_queue *q, int err);
void mmapdemo_uring_watchdog(struct work_struct *work);

/* --- window.c ---------------------------------------------------------------------------- */

u32 mmapdemo_windows_limit(const struct mmapdemo_dev *mdev);
void mmapdemo_windows_drop(struct mmapdemo_file *mf);
void mmapdemo_lists_release(struct mmapdemo_dev *mdev);

#endif /* MMAPDEMO_QUEUE_H */
