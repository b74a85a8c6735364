/* SPDX-License-Identifier: MIT */
/*
 * uring.h - a ring of io_uring, as small as one command at a time needs.
 *
 * For: the rung of the ladder that goes through io_uring. Not for: programs, which take liburing.
 */
#ifndef MMB_URING_H
#define MMB_URING_H

#include <mmapdemo/uring.h>

#include "bench.h"

struct mmb_uring {
	int fd;				/* -1: closed */
	unsigned char *rings;		/* submission and completion ring, one mapping */
	size_t rings_len;
	struct io_uring_sqe *entries;
	size_t entries_len;
	struct io_uring_params p;
};

/** mmb_uring_open() - 0 or -errno: -ENOSYS, -EPERM where io_uring is off. */
int mmb_uring_open(struct mmb_uring *ring);
void mmb_uring_close(struct mmb_uring *ring);

/**
 * mmb_uring_submit() - one descriptor to a queue of the driver; in one system call, with its completion.
 * @sqe: the descriptor
 *
 * Returns what the command gives: bytes moved, or -errno.
 */
int mmb_uring_submit(struct mmb_uring *ring, const struct mmd_queue *q,
		     const struct mmapdemo_hw_sqe *sqe);

#endif /* MMB_URING_H */
