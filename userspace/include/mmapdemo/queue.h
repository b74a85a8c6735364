/* SPDX-License-Identifier: MIT */
/*
 * queue.h - queues of the device that this process owns: create, submit, poll, sleep.
 *
 * For: programs that hand work to the device without a system call. What a descriptor, a completion
 * and a status mean is in linux/mmapdemo_hw.h, included.
 * Not for: one-shot transfers through the driver, see mmd_dma_copy() in mmapdemo.h.
 *
 * A queue is two rings in memory that the device reads and writes by itself. The usual round:
 *   fill a descriptor (mmd_sqe_*), mmd_queue_push() it, push more, mmd_queue_kick() once, then
 *   mmd_queue_poll() completions, which come in the order of the descriptors; or mmd_queue_wait().
 * Descriptors name memory by windows (mmd_window_create()) and offsets, never by address. Data in
 * write-combining mappings takes mmd_wc_flush() before the kick.
 *
 * One queue is used by one thread at a time; different queues are independent. A child of fork(2)
 * has no mapping of its parent's rings and doorbell: touching them there is SIGSEGV. When the device
 * goes, touching them is SIGBUS, as with every mapping.
 *
 * A queue with MMD_QUEUE_KERNEL has its rings in the driver: mmd_queue_submit() and commands of io_uring
 * (uring.h) take the place of push, kick and poll.
 *
 * Calls return 0 or a negative errno and print nothing, as all of libmmapdemo.
 */
#ifndef MMAPDEMO_QUEUE_H
#define MMAPDEMO_QUEUE_H

#include <linux/errno.h>

#include <mmapdemo/mmapdemo.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- windows ------------------------------------------------------------------------------ */

/**
 * mmd_window_create() - let the queues of @dev reach part of a buffer.
 * @handle: a buffer of any technique, or region MEM
 * @off:    bytes into it; @len: bytes, not 0
 * @access: MMAPDEMO_WINDOW_READ, MMAPDEMO_WINDOW_WRITE, or both: what the device may do
 * @window: its name for descriptors; may become 0
 *
 * Holds the buffer until mmd_window_destroy(). Errors: -EINVAL range, access; -ENOENT no such buffer
 * of this file; -EACCES access WRITE to what is read-only; -EOPNOTSUPP the memory is reached through
 * bounce buffers here; -EDQUOT a limit of mmd_info(); -ENOTTY the driver has no queues; -ENOMEM; -ENODEV.
 */
int mmd_window_create(struct mmd_device *dev, uint32_t handle, uint64_t off, uint64_t len,
		      uint32_t access, uint32_t *window);

/**
 * mmd_window_destroy() - take it back: no byte moves through it any more on return.
 *
 * A descriptor half done with it ends as MMAPDEMO_CQ_ABORTED. Errors: -ENOENT no such window of this
 * file; -ENODEV.
 */
int mmd_window_destroy(struct mmd_device *dev, uint32_t window);

/* --- queues ------------------------------------------------------------------------------- */

#define MMD_QUEUE_LOG2N_DEFAULT	6

#define MMD_QUEUE_SLEEP		0x1u	/* for mmd_queue_wait(): an eventfd of the library's */
#define MMD_QUEUE_EVENTFD	0x2u	/* likewise, with the caller's eventfd of the attributes */
#define MMD_QUEUE_KERNEL	0x4u	/* the driver keeps rings and doorbell; alone */

/* Clear it first: members left 0 are valid. */
struct mmd_queue_attr {
	uint32_t flags;		/* one of MMD_QUEUE_*; 0: completions are polled */
	uint32_t log2n;		/* log2 of the slots of each ring; 0: MMD_QUEUE_LOG2N_DEFAULT */
	int32_t eventfd;	/* with MMD_QUEUE_EVENTFD: counts interrupts; stays the caller's */
	uint32_t irq_gap_ns;	/* least time between interrupts; the driver raises it to its minimum */
	uint32_t irq_count;	/* completions that end the gap early; 0: none do */
	uint32_t reserved;	/* 0 */
};

/*
 * Made by mmd_queue_create(). Public for the sake of the inline functions below: read what you like,
 * write nothing. Indexes run freely; the slot of index i is i & mask. With MMD_QUEUE_KERNEL there is
 * nothing in it for this process: no functions but create, destroy, info and submit are for such a queue.
 */
struct mmd_queue {
	struct mmapdemo_hw_sqe *sq;			/* submission ring; read by the device */
	const volatile struct mmapdemo_hw_cqe *cq;	/* completion ring; written by the device */
	volatile unsigned char *ring;			/* MMAPDEMO_RING_*; by both */
	volatile void *doorbell;
	uint32_t mask;		/* slots - 1 */
	uint32_t tail;		/* index of the next descriptor to push */
	uint32_t kicked;	/* sq_tail as the device was told last */
	uint32_t limit;		/* the tail when the ring is full: head + slots */
	uint32_t head;		/* index of the next completion to read */
	/* Not touched by the hot path. */
	struct mmd_device *dev;
	uint32_t handle;
	uint32_t log2n;
	uint32_t irq_gap_ns;	/* granted */
	int eventfd;		/* counts interrupts, for poll(2); -1: none */
	uint32_t flags;		/* of the attributes */
	struct mmd_map ring_map;
	struct mmd_map doorbell_map;
};

/**
 * mmd_queue_create() - create a queue and, unless they stay in the driver, map its rings and doorbell.
 * @attr: NULL: all members 0
 * @q:    the queue, to be destroyed with mmd_queue_destroy() before mmd_close()
 *
 * Errors: -EINVAL attributes, or MMD_QUEUE_KERNEL with a driver before API version 3; -EBADF not an
 * open eventfd; -EACCES @dev was opened read-only; -EDQUOT as many queues as this file may have; -EBUSY the device has none left; -ENOTTY the driver has no
 * queues; -EOPNOTSUPP the device has none; -ENOMEM; -EIO, -ETIMEDOUT the device refused or was silent;
 * -ENODEV.
 */
int mmd_queue_create(struct mmd_device *dev, const struct mmd_queue_attr *attr,
		     struct mmd_queue **q);

/**
 * mmd_queue_destroy() - stop the queue, unmap, free. NULL is allowed. @q is void in any case.
 *
 * The device does not look at the queue any more on return; of descriptors without a completion
 * any part may have been done. Errors: -ENODEV the device is gone; -EIO, -ETIMEDOUT it did not stop.
 */
int mmd_queue_destroy(struct mmd_queue *q);

/* From the device's registers, not from memory this process can write. */
struct mmd_queue_info {
	uint32_t state;		/* MMAPDEMO_QSTATE_* */
	uint32_t error;		/* MMAPDEMO_QERR_* */
	uint32_t error_index;	/* head when it stopped */
	uint32_t head;		/* index of the next descriptor to complete */
	uint32_t log2n;
	uint32_t index;		/* which of the device's queues it is */
	uint32_t reset;		/* 1: the device was reset since; all that is left is to destroy it */
	uint32_t reserved;
	uint64_t irqs;		/* interrupts since it was created */
};

/** mmd_queue_info() - state as the device has it, by a system call. Errors: -ENODEV, -EIO. */
int mmd_queue_info(struct mmd_queue *q, struct mmd_queue_info *info);

/**
 * mmd_queue_spin(), mmd_queue_wait() - wait until @count unread completions are there.
 * @count:       1 or more, at most as many as were kicked and not read
 * @deadline_ns: CLOCK_MONOTONIC, see mmd_deadline_ns(); 0: look once
 *
 * SPIN keeps the processor busy; WAIT looks for a moment, then sleeps on the eventfd of the
 * queue. Neither reads a completion: mmd_queue_poll() does. They go on after signals. Errors: -EINVAL
 * @count, or WAIT without an eventfd; -EAGAIN not there, deadline 0; -ETIMEDOUT; -EIO the queue
 * stopped or was reset before, mmd_queue_info() tells; -ENODEV.
 */
int mmd_queue_spin(struct mmd_queue *q, uint32_t count, uint64_t deadline_ns);
int mmd_queue_wait(struct mmd_queue *q, uint32_t count, uint64_t deadline_ns);

/* --- by system calls ---------------------------------------------------------------------- */

/* What mmd_queue_submit() is to do, and did. Clear it first: members left 0 are valid. */
struct mmd_queue_submit {
	const struct mmapdemo_hw_sqe *sqes;	/* descriptors to submit, see mmd_sqe_copy() */
	struct mmapdemo_hw_cqe *cqes;		/* room for completions, see mmd_cqe_read() */
	uint64_t deadline_ns;	/* CLOCK_MONOTONIC, see mmd_deadline_ns(); 0: do not wait */
	uint32_t num;		/* of sqes */
	uint32_t max_cqes;	/* of cqes */
	uint32_t min_cqes;	/* to wait for; at most max_cqes */
	uint32_t reserved;	/* 0 */
	/* Written by the call if it returns 0. */
	uint32_t submitted;	/* of sqes, from the first; fewer than num: the queue is full */
	uint32_t collected;	/* of cqes; fewer than min_cqes: no more in time */
};

/**
 * mmd_queue_submit() - submit descriptors to a queue of the driver, and collect completions.
 * @q: made with MMD_QUEUE_KERNEL
 *
 * One system call for any number of both. A slot is free again when its completion has been collected.
 * 0: something was done, or nothing was asked for. Errors, with nothing done: -EINVAL @q is another
 * kind of queue, min_cqes, reserved; -EAGAIN the queue is full, or no completion is there and
 * deadline_ns 0; -ETIMEDOUT; -EINTR a signal: call again; -EIO the queue stopped, mmd_queue_info() tells;
 * -EBUSY commands of io_uring are in flight; -EFAULT; -ENODEV.
 */
int mmd_queue_submit(struct mmd_queue *q, struct mmd_queue_submit *submit);

/* --- descriptors -------------------------------------------------------------------------- */

/* Where a piece of memory is: byte @off of a window, or of a list's place in one. */
struct mmd_place {
	uint64_t off;
	uint32_t window;
};

/** mmd_at() - byte @off of @window. */
static inline struct mmd_place mmd_at(uint32_t window, uint64_t off)
{
	struct mmd_place place;

	place.off = off;
	place.window = window;
	return place;
}

/* Every byte of @sqe is written: what an operation does not use has to be 0. */
static inline void mmd_sqe_set(struct mmapdemo_hw_sqe *sqe, uint8_t op, struct mmd_place dst,
			       struct mmd_place src, uint32_t len, uint64_t arg, uint64_t user)
{
	sqe->op = op;
	sqe->reserved0 = 0;
	sqe->nsrc = 0;
	sqe->ndst = 0;
	sqe->reserved1 = 0;
	sqe->len = MMD_LE32(len);
	sqe->reserved2 = 0;
	sqe->src_win = MMD_LE32(src.window);
	sqe->dst_win = MMD_LE32(dst.window);
	sqe->src_off = MMD_LE64(src.off);
	sqe->dst_off = MMD_LE64(dst.off);
	sqe->arg = MMD_LE64(arg);
	sqe->user = MMD_LE64(user);
	sqe->reserved3 = 0;
}

/** mmd_sqe_nop() - a descriptor that only completes. @user comes back in its completion. */
static inline void mmd_sqe_nop(struct mmapdemo_hw_sqe *sqe, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_NOP, mmd_at(0, 0), mmd_at(0, 0), 0, 0, user);
}

/** mmd_sqe_copy() - @len bytes from @src to @dst. */
static inline void mmd_sqe_copy(struct mmapdemo_hw_sqe *sqe, struct mmd_place dst,
				struct mmd_place src, uint32_t len, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_COPY, dst, src, len, 0, user);
}

/** mmd_sqe_fill() - @pattern, little endian, again and again over @len bytes at @dst. */
static inline void mmd_sqe_fill(struct mmapdemo_hw_sqe *sqe, struct mmd_place dst,
				uint64_t pattern, uint32_t len, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_FILL, dst, mmd_at(0, 0), len, pattern, user);
}

/** mmd_sqe_compare() - compare @len bytes; MMAPDEMO_CQ_MISCOMPARE: aux is the first difference. */
static inline void mmd_sqe_compare(struct mmapdemo_hw_sqe *sqe, struct mmd_place dst,
				   struct mmd_place src, uint32_t len, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_COMPARE, dst, src, len, 0, user);
}

/** mmd_sqe_crc32c() - CRC of @len bytes in aux; @seed: the CRC of what came before them, or 0. */
static inline void mmd_sqe_crc32c(struct mmapdemo_hw_sqe *sqe, struct mmd_place src,
				  uint32_t seed, uint32_t len, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_CRC32C, mmd_at(0, 0), src, len, seed, user);
}

/** mmd_sqe_timed() - @repeat copies, contiguous windows; aux: host nanoseconds of the copies. */
static inline void mmd_sqe_timed(struct mmapdemo_hw_sqe *sqe, struct mmd_place dst,
				 struct mmd_place src, uint32_t len, uint64_t repeat, uint64_t user)
{
	mmd_sqe_set(sqe, MMAPDEMO_OP_TIMED, dst, src, len, repeat, user);
}

/**
 * mmd_sqe_src_list(), mmd_sqe_dst_list() - the place given is that of a list of @count elements.
 * @count: 1 .. MMAPDEMO_QUEUE_MAX_LIST
 */
static inline void mmd_sqe_src_list(struct mmapdemo_hw_sqe *sqe, uint16_t count)
{
	sqe->nsrc = MMD_LE16(count);
}

static inline void mmd_sqe_dst_list(struct mmapdemo_hw_sqe *sqe, uint16_t count)
{
	sqe->ndst = MMD_LE16(count);
}

/** mmd_sge_set() - an element of such a list: @len bytes at @place. */
static inline void mmd_sge_set(struct mmapdemo_hw_sge *sge, struct mmd_place place, uint32_t len)
{
	sge->win = MMD_LE32(place.window);
	sge->len = MMD_LE32(len);
	sge->off = MMD_LE64(place.off);
}

/* --- submit ------------------------------------------------------------------------------- */

/** mmd_queue_space() - descriptors that can be pushed before completions have to be read. */
static inline uint32_t mmd_queue_space(const struct mmd_queue *q)
{
	return q->limit - q->tail;
}

/** mmd_queue_pending() - descriptors kicked whose completion has not been read. */
static inline uint32_t mmd_queue_pending(const struct mmd_queue *q)
{
	return q->kicked - q->head;
}

/**
 * mmd_queue_slot() - the next descriptor of the ring, to be filled in place. NULL: the ring is full.
 *
 * mmd_queue_advance() makes it part of the next kick. The slots in use never pass the oldest unread
 * completion, so the completion ring cannot overflow.
 */
static inline struct mmapdemo_hw_sqe *mmd_queue_slot(struct mmd_queue *q)
{
	struct mmapdemo_hw_sqe *slot = &q->sq[q->tail & q->mask];

	if (q->tail == q->limit)
		return NULL;
	/* The sum of two members might be 0 for all the compiler knows: spares the caller's second test. */
	if (!slot)
		__builtin_unreachable();
	return slot;
}

static inline void mmd_queue_advance(struct mmd_queue *q)
{
	q->tail++;
}

/** mmd_queue_push() - append a descriptor. -EAGAIN: the ring is full, read completions first. */
static inline int mmd_queue_push(struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqe)
{
	if (q->tail == q->limit)
		return -EAGAIN;
	q->sq[q->tail & q->mask] = *sqe;
	mmd_queue_advance(q);
	return 0;
}

/** mmd_queue_doorbell() - have the device look at the queue, whether it needs to be told or not. */
static inline void mmd_queue_doorbell(struct mmd_queue *q)
{
	/* Any value would do; this one can be read in a trace. */
	mmd_mmio_write32(q->doorbell, q->kicked);
}

/**
 * mmd_queue_kick() - hand what was pushed to the device. true: the doorbell was rung.
 *
 * Without a doorbell the device watches the ring by itself at the moment.
 */
static inline bool mmd_queue_kick(struct mmd_queue *q)
{
	uint32_t *sq_tail = (uint32_t *)(uintptr_t)(q->ring + MMAPDEMO_RING_SQ_TAIL);
	const uint32_t *sq_event = (const uint32_t *)(uintptr_t)(q->ring + MMAPDEMO_RING_SQ_EVENT);
	uint32_t tail = q->tail, old, event;

	/*
	 * Release: the descriptors are there before the tail says so. Pairs with the acquire load of
	 * sq_tail by which the device begins each look.
	 * Full barrier: the tail is stored before sq_event is loaded. Pairs with the device's full
	 * barrier between its store of sq_event and its last load of sq_tail: one sees the other.
	 */
	old = MMD_LE32(mmd_exchange_mb(sq_tail, MMD_LE32(tail)));
	event = MMD_LE32(__atomic_load_n(sq_event, __ATOMIC_RELAXED));
	q->kicked = tail;
	if (!MMAPDEMO_CROSSED(event, tail, old))
		return false;
	mmd_queue_doorbell(q);
	return true;
}

/* --- completions -------------------------------------------------------------------------- */

/* A completion in the machine's byte order. */
struct mmd_completion {
	uint64_t user;		/* of the descriptor */
	uint64_t aux;		/* first difference, CRC, host ns */
	uint32_t bytes;		/* moved, compared equal, or summed up */
	uint32_t status;	/* MMAPDEMO_CQ_*; 0: every byte */
	uint32_t detail;	/* in a list: the element */
	uint32_t index;		/* of the descriptor in the queue */
};

/**
 * mmd_queue_done() - whether completion @index is there. It can be asked for as long as it has not
 * been read with mmd_queue_poll(), in any order.
 */
static inline bool mmd_queue_done(const struct mmd_queue *q, uint32_t index)
{
	const volatile uint32_t *gen = &q->cq[index & q->mask].gen;

	/*
	 * Acquire: the rest of the record, and the data, are read after its generation. Pairs with
	 * the device's release store of gen, the last thing it does for a descriptor.
	 */
	return MMD_LE32(__atomic_load_n(gen, __ATOMIC_ACQUIRE)) == index + 1;
}

/**
 * mmd_queue_peek() - the next completion where it lies, little endian. NULL: none is there yet.
 *
 * It stays until mmd_queue_seen() gives its slot, and that of each before it, back to the device.
 */
static inline const volatile struct mmapdemo_hw_cqe *mmd_queue_peek(const struct mmd_queue *q)
{
	return mmd_queue_done(q, q->head) ? &q->cq[q->head & q->mask] : NULL;
}

static inline void mmd_queue_seen(struct mmd_queue *q, uint32_t count)
{
	q->head += count;
	q->limit += count;
}

/** mmd_cqe_read() - a completion of mmd_queue_submit() in the machine's byte order. */
static inline void mmd_cqe_read(const struct mmapdemo_hw_cqe *cqe,
				struct mmd_completion *completion)
{
	completion->user = MMD_LE64(cqe->user);
	completion->aux = MMD_LE64(cqe->aux);
	completion->bytes = MMD_LE32(cqe->bytes);
	completion->status = MMD_LE16(cqe->status);
	completion->detail = MMD_LE32(cqe->detail);
	completion->index = MMD_LE32(cqe->gen) - 1;
}

/** mmd_queue_poll() - read the next completion and free its slot. -EAGAIN: none is there yet. */
static inline int mmd_queue_poll(struct mmd_queue *q, struct mmd_completion *completion)
{
	const volatile struct mmapdemo_hw_cqe *cqe = &q->cq[q->head & q->mask];

	if (!mmd_queue_done(q, q->head))
		return -EAGAIN;
	completion->user = MMD_LE64(cqe->user);
	completion->aux = MMD_LE64(cqe->aux);
	completion->bytes = MMD_LE32(cqe->bytes);
	completion->status = MMD_LE16(cqe->status);
	completion->detail = MMD_LE32(cqe->detail);
	completion->index = q->head;
	mmd_queue_seen(q, 1);
	return 0;
}

/**
 * mmd_queue_arm() - have an interrupt sent when completion @index is posted. true: it is there
 * already, so do not sleep for it.
 *
 * For callers with an event loop of their own: arm, and if false poll(2) on q->eventfd. An eventfd
 * that is readable means "look", not "it is there". mmd_queue_wait() does all of this.
 */
static inline bool mmd_queue_arm(struct mmd_queue *q, uint32_t index)
{
	uint32_t *cq_event = (uint32_t *)(uintptr_t)(q->ring + MMAPDEMO_RING_CQ_EVENT);

	/*
	 * Full barrier: cq_event is stored before the generation is loaded. Pairs with the device's
	 * full barrier between the last gen of a burst and its load of cq_event.
	 */
	mmd_exchange_mb(cq_event, MMD_LE32(index));
	return mmd_queue_done(q, index);
}

/*
 * How often to look for a completion before the first pause instruction. Under TCG each one takes
 * QEMU's big lock, the one that the device may need to finish.
 */
#define MMD_SPIN_TRIES		500u

/** mmd_spin_pause() - between two looks of a polling loop; @tries counts them from 0. */
static inline void mmd_spin_pause(uint32_t tries)
{
	if (tries >= MMD_SPIN_TRIES)
		MMD_CPU_RELAX();
}

/* --- names -------------------------------------------------------------------------------- */

/*
 * In the words of linux/mmapdemo_hw.h, in lower case: statuses MMAPDEMO_CQ_*, errors and states of a
 * queue MMAPDEMO_QERR_* and QSTATE_*, operations MMAPDEMO_OP_*, engines MMAPDEMO_ENGINE_* (bits
 * other than ENGINE_KIND do not matter), and why a window is not valid MMAPDEMO_WERR_*. A value without
 * a name gives "unknown".
 * mmd_queue_op_value() ignores case; -EINVAL: not a name.
 */
const char *mmd_cq_status_name(uint32_t status);
const char *mmd_queue_error_name(uint32_t error);
const char *mmd_queue_state_name(uint32_t state);
const char *mmd_queue_op_name(uint32_t op);
int mmd_queue_op_value(const char *name, uint32_t *op);
const char *mmd_engine_name(uint32_t engine);
const char *mmd_window_error_name(uint32_t error);

/** mmd_cq_status_text(), mmd_queue_error_text() - one sentence on it. Never NULL. */
const char *mmd_cq_status_text(uint32_t status);
const char *mmd_queue_error_text(uint32_t error);

/** mmd_queue_reg_table() - registers of each queue; offsets are MMAPDEMO_QREG_*. */
const struct mmd_reg *mmd_queue_reg_table(size_t *count);

/** mmd_window_reg_table() - registers of each window; offsets are MMAPDEMO_WREG_*. */
const struct mmd_reg *mmd_window_reg_table(size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* MMAPDEMO_QUEUE_H */
