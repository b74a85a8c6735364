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
	struct mmapdemo_buf *ring;	/* both with a reference */
	struct mmapdemo_buf *doorbell;	/* NULL: it is the driver's, as the ring is */
	struct eventfd_ctx *eventfd;	/* slot->lock */
	atomic64_t num_irqs;

	/* MMAPDEMO_QUEUE_KERNEL. The rings' memory, and what follows: slot->lock */
	bool kernel;
	bool by_uring;			/* head .. tail are commands of io_uring, cmds says whose */
	struct mutex call_lock;
	struct mmapdemo_batch *batch;	/* call_lock */
	wait_queue_head_t wait;		/* for completions, or the end */
	u32 num_sleepers;
	u32 tail;			/* descriptors written */
	u32 told;			/* of these, those for which a doorbell was decided upon */
	u32 head;			/* completions collected; with call_lock too, unless by_uring */
	int over;			/* 0; why nothing is submitted any more */
	struct io_uring_cmd **cmds;	/* by slot; NULL: until the first, or nobody waits for it */
	struct delayed_work watchdog;	/* for the interrupt that is lost */
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
bool mmapdemo_epoch_is_over(struct mmapdemo_dev *mdev, u32 epoch);
void mmapdemo_queues_lost(struct mmapdemo_dev *mdev);
void mmapdemo_queues_wake(struct mmapdemo_dev *mdev);
void mmapdemo_queues_drop(struct mmapdemo_file *mf);
void mmapdemo_queue_irq(struct mmapdemo_dev *mdev, unsigned int index);
struct mmapdemo_queue *mmapdemo_queue_get(struct mmapdemo_file *mf, u32 handle);
void mmapdemo_queue_put(struct mmapdemo_queue *q);
bool mmapdemo_queue_is_stopped(struct mmapdemo_queue *q);

static inline struct mmapdemo_slot *mmapdemo_queue_slot(const struct mmapdemo_queue *q)
{
	return &q->mf->mdev->slots[q->index];
}

/* --- queue_submit.c: the rings of a queue that the driver keeps to itself -------------------- */

void mmapdemo_ring_put(struct mmapdemo_queue *q, const struct mmapdemo_hw_sqe *sqes, u32 n);
bool mmapdemo_ring_tell(struct mmapdemo_queue *q);
void mmapdemo_ring_doorbell(struct mmapdemo_queue *q);
bool mmapdemo_ring_look(struct mmapdemo_queue *q, u32 index, struct mmapdemo_hw_cqe *cqe);
bool mmapdemo_ring_arm(struct mmapdemo_queue *q, u32 index);
bool mmapdemo_ring_stopped(struct mmapdemo_queue *q);

static inline u32 mmapdemo_ring_room(const struct mmapdemo_queue *q)
{
	/* Pairs with collect_done(). */
	return (1U << q->log2n) - (q->tail - smp_load_acquire(&q->head));
}

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
