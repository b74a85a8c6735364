/* SPDX-License-Identifier: MIT */
/*
 * uring.h - a ring of io_uring, as much of one as `mmapdemo copy --via=uring` takes, without liburing.
 *
 * Entries of 64 bytes, completions of 32 (IORING_SETUP_CQE32). One thread.
 */
#ifndef MMAPDEMO_TOOL_URING_H
#define MMAPDEMO_TOOL_URING_H

#include <stddef.h>
#include <stdint.h>

#include <mmapdemo/uring.h>

struct uring {
	int fd;			/* -1: not open */
	void *ring;		/* both rings' indexes, and the completions */
	size_t ring_len;
	struct io_uring_sqe *sqes;
	size_t sqes_len;
	uint32_t *sq_head;
	uint32_t *sq_tail;
	uint32_t sq_mask;
	uint32_t tail;		/* ours, not yet told */
	uint32_t *cq_head;
	uint32_t *cq_tail;
	uint32_t cq_mask;
	const unsigned char *cqes;
};

/* A ring of @entries at least. 0 or -errno: -ENOSYS, -EPERM when the system does not allow it. */
int uring_open(struct uring *ring, uint32_t entries);
void uring_close(struct uring *ring);

/* The next entry to fill; NULL: submit first. */
struct io_uring_sqe *uring_entry(struct uring *ring);

/*
 * Submit what was filled and wait for @count completions in all. 0 or -errno: -ETIME the deadline
 * (CLOCK_MONOTONIC) has passed, those there are can be read.
 */
int uring_submit_and_wait(struct uring *ring, uint32_t count, uint64_t deadline_ns);

/* The next completion, or NULL; uring_seen() gives it back. */
const struct io_uring_cqe *uring_peek(const struct uring *ring);
void uring_seen(struct uring *ring);

#endif /* MMAPDEMO_TOOL_URING_H */
