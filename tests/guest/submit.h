/* SPDX-License-Identifier: MIT */
/*
 * submit.h - queues that the driver keeps to itself, by system call and by io_uring; and calls for
 * memory of the process itself. Raw, no library in between.
 *
 * Not for: queues whose rings are mapped, see queue.h.
 */
#ifndef GUEST_SUBMIT_H
#define GUEST_SUBMIT_H

#include "queue.h"

/* --- QUEUE_SUBMIT ------------------------------------------------------------------------------ */

/* Has this driver queues of its own? */
bool dqueue_is_there(int fd);
/* SKIPs where it has not. */
u32 dqueue_get(int fd, u32 log2n);
int dqueue_try_create(int fd, u32 log2n, struct mmapdemo_queue_create *out);

int queue_submit(int fd, struct mmapdemo_queue_submit *s);	/* sets size */
/* Only put in; how many were. */
int queue_put_in(int fd, u32 queue, const sqe_t *sqes, u32 num, u32 *submitted);
/* Only take out, at least min of at most max before limit_ms are over. */
int queue_take_out(int fd, u32 queue, cqe_t *cqes, u32 max, u32 min, u32 limit_ms, u32 *collected);
/* One descriptor, and its completion, which comes within QUEUE_LIMIT_MS. */
cqe_t dqueue_do(int fd, u32 queue, const sqe_t *d);

/* --- io_uring ---------------------------------------------------------------------------------- */

struct uring {
	int fd;
	u32 cqe_size;
	bool polled;		/* IORING_SETUP_SQPOLL: a thread of the kernel submits */
	u32 sqe_flags;		/* IOSQE_*, of what is pushed from now on */
	u32 *sq_tail, *sq_array, sq_mask;
	u32 *cq_head, *cq_tail, cq_mask;
	char *sqes, *cqes;
};

struct uring_result {
	u64 user;
	int res;
	u64 extra[2];		/* with IORING_SETUP_CQE32 */
};

/* Do queues of the driver take commands of io_uring here? Says why not in *why. */
bool uring_is_there(int fd, const char **why);
void uring_require(int fd);		/* SKIPs */
/* SKIPs where they do not; setup_flags: IORING_SETUP_*. */
struct uring uring_get(int fd, u32 entries, u32 setup_flags);
/* Close; what is in flight is cancelled. */
void uring_put(struct uring *u);
/* Write a command; it is not submitted yet. The descriptor must stay until it is. */
void uring_push(struct uring *u, int fd, u32 queue, const sqe_t *d, u64 user);
/* Any command and 16 bytes. */
void uring_push_raw(struct uring *u, int fd, u32 cmd_op, const void *cmd, u64 user);
/* Submit so many, and wait until so many results are there or the time is over. 0 or -errno. */
int uring_enter(struct uring *u, u32 submit, u32 wait, u32 limit_ms);
/* Take the next result. */
bool uring_next(struct uring *u, struct uring_result *r);
/* Push, submit, wait: the result of one. */
struct uring_result uring_do(struct uring *u, int fd, u32 queue, const sqe_t *d);

/* --- memory of the process itself ---------------------------------------------------------------- */

bool pin_is_there(int fd);
void pin_require(int fd);		/* SKIPs */
int buf_try_pin(int fd, const void *addr, u64 len, u32 flags, u32 *handle);
u32 buf_pin(int fd, const void *addr, u64 len, u32 flags);
int buf_sync(int fd, u32 handle, u32 flags, u64 off, u64 len);
int buf_try_export(int fd, u32 handle, int *out);

/*
 * A buffer of any technique, mapped, USERPTR too (its offset is 0 then). SKIPs what this kernel or
 * device cannot do.
 */
struct mmapdemo_buf_alloc memory_get(int fd, u32 technique, u64 len, char **p);

/* Private, anonymous, present. */
char *anon_get(u64 len);

/* Is this technique one of INFO's? */
bool technique_is_there(int fd, u32 technique);

#endif /* GUEST_SUBMIT_H */
