/* SPDX-License-Identifier: MIT */
/*
 * kqueue.h - a queue whose rings the driver keeps: descriptors go through a system call.
 *
 * For: cases that ask what the system call adds. Not for: queues of this process, see unit.h.
 */
#ifndef MMB_KQUEUE_H
#define MMB_KQUEUE_H

#include <mmapdemo/queue.h>

#include "bench.h"

/* As far as a benchmark goes: reading the clock for a deadline would be part of the price. */
#define MMB_KQUEUE_FOR_EVER	(UINT64_MAX / 2)

/** mmb_kqueue_open() - to be ended by mmd_queue_destroy(). MMB_SKIP with the reason: there are none. */
enum mmb_rc mmb_kqueue_open(struct mmb_case *c, struct mmd_queue **q);

/**
 * mmb_kqueue_submit() - hand over @num descriptors and wait for as many completions, in one call.
 *
 * Returns 0 or -errno; -EPROTO: fewer were submitted or collected.
 */
int mmb_kqueue_submit(struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqes,
		      struct mmapdemo_hw_cqe *cqes, uint32_t num);

/** mmb_kqueue_check() - @num completions of @len bytes each say OK, and are of the right descriptors. */
enum mmb_rc mmb_kqueue_check(struct mmb_case *c, const struct mmapdemo_hw_cqe *cqes, uint32_t num,
			     uint32_t len);

#endif /* MMB_KQUEUE_H */
