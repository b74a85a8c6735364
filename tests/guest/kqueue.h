/* SPDX-License-Identifier: MIT */
/*
 * kqueue.h - a queue that the driver keeps to itself, used through QUEUE_SUBMIT: every call made, each
 * answer looked at.
 *
 * Not for: commands of io_uring, see submit.h.
 */
#ifndef GUEST_KQUEUE_H
#define GUEST_KQUEUE_H

#include "queue.h"

#define SUBMIT_LIMIT_NS	(QUEUE_LIMIT_MS * 1000000ULL)

/* One whose rings have 1 << log2n slots. */
u32 kqueue_get(int fd, u32 log2n);

/* What one call says; ret is 0 or -errno, and then the counts are 0. */
struct submitted {
	int ret;
	u32 submitted, cqes;
};

/* deadline_ns as in the contract. */
struct submitted submit_call(int fd, u32 queue, const sqe_t *sqes, u32 num, cqe_t *cqes, u32 max,
			     u32 min, u64 deadline_ns);
/* Submit all of them and collect as many, in one call that waits; the statuses are the caller's. */
void submit_do(int fd, u32 queue, const sqe_t *sqes, cqe_t *cqes, u32 num);
/* One, and its status must be OK. */
cqe_t submit_ok(int fd, u32 queue, const sqe_t *d);
/* Collect without waiting; how many. */
u32 submit_collect(int fd, u32 queue, cqe_t *cqes, u32 max);
/* NOPs whose `user` counts from here. */
void nops(sqe_t *d, u32 num, u64 user);

#endif /* GUEST_KQUEUE_H */
