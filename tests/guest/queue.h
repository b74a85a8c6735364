/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a user-mode queue as the tests see it: the owner's half of the protocol, by hand, with
 * every step open to abuse. No library in between.
 *
 * Not for: what a well-behaved program does, see libmmapdemo.
 *
 * Functions returning int give 0 or -errno, all others fail the test when they cannot.
 */
#ifndef GUEST_QUEUE_H
#define GUEST_QUEUE_H

#include "dev.h"

#define QUEUE_LIMIT_MS	5000	/* a completion that takes longer never comes */
#define WINDOW_RW	(MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE)

typedef struct mmapdemo_hw_sqe sqe_t;
typedef struct mmapdemo_hw_cqe cqe_t;

/* --- calls ---------------------------------------------------------------------------------- */

int queue_try_create(int fd, u32 log2n, int efd, struct mmapdemo_queue_create *out);
int queue_destroy(int fd, u32 handle);
int queue_try_info(int fd, u32 handle, struct mmapdemo_queue_info *out);
int window_try_create(int fd, u32 handle, u32 flags, u64 off, u64 len, u32 *out);
u32 window_get(int fd, u32 handle, u32 flags, u64 off, u64 len);
int window_destroy(int fd, u32 window);

/* --- a queue -------------------------------------------------------------------------------- */

struct queue {
	int fd;				/* the file that owns it */
	struct mmapdemo_queue_create c;	/* as it was granted */
	u32 n;				/* slots of each ring */
	char *ring;
	volatile char *doorbell;
	u32 tail;			/* descriptors written */
	u32 told;			/* of these, published in sq_tail */
};

/* Create and map. */
struct queue queue_get(int fd, u32 log2n);
struct queue queue_get_event(int fd, u32 log2n, int efd, u32 gap_ns, u32 count);
/* Map one that was created, in this process. */
void queue_map(struct queue *q);
void queue_unmap(struct queue *q);
/* Unmap and destroy. */
void queue_put(struct queue *q);
struct mmapdemo_queue_info queue_info(const struct queue *q);

/* A word of the queue's memory; the offset is a MMAPDEMO_RING_*. */
volatile u32 *ring_word(const struct queue *q, u32 offset);
sqe_t *ring_sqe(const struct queue *q, u32 index);
volatile cqe_t *ring_cqe(const struct queue *q, u32 index);

/* Write the next descriptor; returns its index. The device is not told yet. */
u32 queue_push(struct queue *q, const sqe_t *d);
/* Tell it: sq_tail, full barrier, and the doorbell if sq_event asks for it. True: it did. */
bool queue_kick(struct queue *q);
void queue_ring(const struct queue *q);
bool queue_done(const struct queue *q, u32 index);
/* A copy of completion `index`, which comes within QUEUE_LIMIT_MS. */
cqe_t queue_wait(const struct queue *q, u32 index);
/* Push, kick, wait. */
cqe_t queue_do(struct queue *q, const sqe_t *d);
/* As queue_do(), and the status must be this. */
cqe_t queue_expect(struct queue *q, const sqe_t *d, u32 status, const char *what);
#define QUEUE_OK(q, d)	queue_expect(q, d, MMAPDEMO_CQ_OK, #d)

const char *status_word(u32 status);

/* --- descriptors ---------------------------------------------------------------------------- */

sqe_t sqe_copy(u32 dst_win, u64 dst_off, u32 src_win, u64 src_off, u32 len);
sqe_t sqe_fill(u32 dst_win, u64 dst_off, u32 len, u64 pattern);
sqe_t sqe_compare(u32 a_win, u64 a_off, u32 b_win, u64 b_off, u32 len);
sqe_t sqe_crc(u32 win, u64 off, u32 len, u64 seed);

/* --- memory under windows ------------------------------------------------------------------- */

struct area {
	u32 handle, window;
	u64 len;
	char *p;		/* mapped, readable and writable */
	u64 offset;		/* for mmap */
};

/* A buffer, mapped, all of it under one window of these rights. */
struct area area_get(int fd, u32 technique, u64 len, u32 rights);

/* Is memory of this technique bounced on this machine, so that no window can be had? */
bool window_is_refused_here(u32 technique);

u32 crc32c(u32 crc, const void *p, size_t len);

/* Another file of the driver, with a queue and an area of its own, that must not notice. */
struct neighbour {
	int fd;
	struct queue q;
	struct area a, b;
	u64 round;
};

struct neighbour neighbour_get(void);
/* Likewise, in this file. */
struct neighbour neighbour_in(int fd);
/* A verified round trip through its queue, and its memory is what it was. */
void neighbour_check(struct neighbour *n);
/* A new file, its transfers and its queues: all there and right. */
void device_is_whole(void);

#endif /* GUEST_QUEUE_H */
