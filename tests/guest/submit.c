// SPDX-License-Identifier: MIT
/*
 * submit.c - QUEUE_SUBMIT, io_uring commands, BUF_PIN and BUF_SYNC by hand, from the contract header.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/time_types.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "submit.h"

/* --- QUEUE_SUBMIT ------------------------------------------------------------------------------ */

int dqueue_try_create(int fd, u32 log2n, struct mmapdemo_queue_create *out)
{
	*out = (struct mmapdemo_queue_create){
		.size = sizeof(*out), .flags = MMAPDEMO_QUEUE_KERNEL, .log2n = log2n, .eventfd = -1,
	};
	return call(fd, MMAPDEMO_IOC_QUEUE_CREATE, out);
}

bool dqueue_is_there(int fd)
{
	struct mmapdemo_queue_create c;
	int ret = dqueue_try_create(fd, MMAPDEMO_QUEUE_LOG2N_MIN, &c);

	if (ret == -EINVAL)
		return false;
	CHECK_OK(ret);
	CHECK_OK(queue_destroy(fd, c.out_queue));
	return true;
}

u32 dqueue_get(int fd, u32 log2n)
{
	struct mmapdemo_queue_create c;

	if (!dqueue_is_there(fd))
		test_skip("this driver has no queues of its own (MMAPDEMO_QUEUE_KERNEL is EINVAL)");
	CHECK_OK(dqueue_try_create(fd, log2n, &c));
	return c.out_queue;
}

int queue_submit(int fd, struct mmapdemo_queue_submit *s)
{
	s->size = sizeof(*s);
	return call(fd, MMAPDEMO_IOC_QUEUE_SUBMIT, s);
}

int queue_put_in(int fd, u32 queue, const sqe_t *sqes, u32 num, u32 *submitted)
{
	struct mmapdemo_queue_submit s = { .queue = queue, .num = num, .sqes = (uintptr_t)sqes };
	int ret = queue_submit(fd, &s);

	if (!ret && submitted)
		*submitted = s.out_submitted;
	return ret;
}

int queue_take_out(int fd, u32 queue, cqe_t *cqes, u32 max, u32 min, u32 limit_ms, u32 *collected)
{
	struct mmapdemo_queue_submit s = {
		.queue = queue, .cqes = (uintptr_t)cqes, .max_cqes = max, .min_cqes = min,
		.deadline_ns = limit_ms ? now_ns() + limit_ms * 1000000ULL : 0,
	};
	int ret = queue_submit(fd, &s);

	if (!ret && collected)
		*collected = s.out_cqes;
	return ret;
}

cqe_t dqueue_do(int fd, u32 queue, const sqe_t *d)
{
	cqe_t c = { 0 };
	struct mmapdemo_queue_submit s = {
		.queue = queue, .num = 1, .sqes = (uintptr_t)d, .cqes = (uintptr_t)&c,
		.max_cqes = 1, .min_cqes = 1, .deadline_ns = now_ns() + QUEUE_LIMIT_MS * 1000000ULL,
	};

	CHECK_OK(queue_submit(fd, &s));
	CHECK_EQ(s.out_submitted, 1);
	CHECK_EQ(s.out_cqes, 1);
	CHECK_EQ(c.user, d->user);
	return c;
}

/* --- io_uring ---------------------------------------------------------------------------------- */

static int uring_setup(u32 entries, struct io_uring_params *p)
{
	int fd = syscall(__NR_io_uring_setup, entries, p);

	return fd < 0 ? -errno : fd;
}

bool uring_is_there(int fd, const char **why)
{
	struct io_uring_params p = { 0 };
	int ring;

	*why = "INFO's out_caps has no MMAPDEMO_CAP_URING";
	if (!(info_get(fd).out_caps & MMAPDEMO_CAP_URING))
		return false;
	ring = uring_setup(4, &p);
	*why = "this kernel refuses io_uring";
	if (ring < 0)
		return false;
	close(ring);
	return true;
}

void uring_require(int fd)
{
	const char *why;

	if (!uring_is_there(fd, &why))
		test_skip("%s", why);
}

static void *ring_map(int ring, u64 len, u64 offset)
{
	return CHECK_SYS(mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
			      offset));
}

struct uring uring_get(int fd, u32 entries, u32 setup_flags)
{
	struct io_uring_params p = { .flags = setup_flags };
	struct uring u = { .polled = setup_flags & IORING_SETUP_SQPOLL };
	char *sq, *cq;

	uring_require(fd);
	u.fd = uring_setup(entries, &p);
	if (u.fd < 0)
		FAIL("io_uring_setup: %s", errno_word(u.fd));
	CHECK_SYS(fcntl(u.fd, F_SETFD, FD_CLOEXEC));
	u.cqe_size = setup_flags & IORING_SETUP_CQE32 ? 32 : 16;
	sq = ring_map(u.fd, p.sq_off.array + p.sq_entries * sizeof(u32), IORING_OFF_SQ_RING);
	cq = ring_map(u.fd, p.cq_off.cqes + (u64)p.cq_entries * u.cqe_size, IORING_OFF_CQ_RING);
	u.sqes = ring_map(u.fd, p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	u.sq_tail = (u32 *)(sq + p.sq_off.tail);
	u.sq_array = (u32 *)(sq + p.sq_off.array);
	u.sq_mask = *(u32 *)(sq + p.sq_off.ring_mask);
	u.cq_head = (u32 *)(cq + p.cq_off.head);
	u.cq_tail = (u32 *)(cq + p.cq_off.tail);
	u.cq_mask = *(u32 *)(cq + p.cq_off.ring_mask);
	u.cqes = cq + p.cq_off.cqes;
	return u;
}

/* The mappings hold nothing that matters, and go with the process. */
void uring_put(struct uring *u)
{
	close(u->fd);
	u->fd = -1;
}

void uring_push_raw(struct uring *u, int fd, u32 cmd_op, const void *cmd, u64 user)
{
	u32 tail = *u->sq_tail, slot = tail & u->sq_mask;
	struct io_uring_sqe *e = (struct io_uring_sqe *)u->sqes + slot;

	memset(e, 0, sizeof(*e));
	e->opcode = IORING_OP_URING_CMD;
	e->flags = u->sqe_flags;
	e->fd = fd;
	e->cmd_op = cmd_op;
	e->user_data = user;
	memcpy(e->cmd, cmd, 16);
	u->sq_array[slot] = slot;
	/* Pairs with the kernel's acquiring load of the tail. */
	__atomic_store_n(u->sq_tail, tail + 1, __ATOMIC_RELEASE);
}

void uring_push(struct uring *u, int fd, u32 queue, const sqe_t *d, u64 user)
{
	const struct mmapdemo_uring_cmd cmd = { .queue = queue, .sqe = (uintptr_t)d };

	_Static_assert(sizeof(cmd) == 16, "what a submission has room for");
	uring_push_raw(u, fd, MMAPDEMO_URING_SUBMIT, &cmd, user);
}

int uring_enter(struct uring *u, u32 submit, u32 wait, u32 limit_ms)
{
	struct __kernel_timespec ts = { limit_ms / 1000, limit_ms % 1000 * 1000000LL };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	u32 flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG |
		    (u->polled ? IORING_ENTER_SQ_WAKEUP : 0);
	int ret = syscall(__NR_io_uring_enter, u->fd, submit, wait, flags, &arg, sizeof(arg));

	return ret < 0 ? -errno : 0;
}

bool uring_next(struct uring *u, struct uring_result *r)
{
	u32 head = *u->cq_head;
	struct io_uring_cqe *c;

	/* Pairs with the kernel's releasing store of the tail. */
	if (head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE))
		return false;
	c = (struct io_uring_cqe *)(u->cqes + (u64)(head & u->cq_mask) * u->cqe_size);
	*r = (struct uring_result){ .user = c->user_data, .res = c->res };
	if (u->cqe_size == 32)
		memcpy(r->extra, c->big_cqe, sizeof(r->extra));
	/* The slot is the kernel's again, behind our reading of it. */
	__atomic_store_n(u->cq_head, head + 1, __ATOMIC_RELEASE);
	return true;
}

struct uring_result uring_do(struct uring *u, int fd, u32 queue, const sqe_t *d)
{
	struct uring_result r;

	uring_push(u, fd, queue, d, d->user);
	CHECK_OK(uring_enter(u, 1, 1, QUEUE_LIMIT_MS));
	CHECKF(uring_next(u, &r), "no result");
	CHECK_EQ(r.user, d->user);
	return r;
}

/* --- memory of the process itself ---------------------------------------------------------------- */

bool technique_is_there(int fd, u32 technique)
{
	return info_get(fd).out_techniques >> technique & 1;
}

bool pin_is_there(int fd)
{
	return technique_is_there(fd, MMAPDEMO_TECH_USERPTR);
}

void pin_require(int fd)
{
	if (!pin_is_there(fd))
		test_skip("INFO's out_techniques has no USERPTR");
}

int buf_try_pin(int fd, const void *addr, u64 len, u32 flags, u32 *handle)
{
	struct mmapdemo_buf_pin p = {
		.size = sizeof(p), .flags = flags, .addr = (uintptr_t)addr, .len = len,
	};
	int ret = call(fd, MMAPDEMO_IOC_BUF_PIN, &p);

	if (!ret)
		*handle = p.out_handle;
	return ret;
}

u32 buf_pin(int fd, const void *addr, u64 len, u32 flags)
{
	u32 handle = 0;

	CHECK_OK(buf_try_pin(fd, addr, len, flags, &handle));
	CHECK(handle != 0);
	return handle;
}

int buf_sync(int fd, u32 handle, u32 flags, u64 off, u64 len)
{
	struct mmapdemo_buf_sync s = {
		.size = sizeof(s), .flags = flags, .handle = handle, .off = off, .len = len,
	};

	return call(fd, MMAPDEMO_IOC_BUF_SYNC, &s);
}

int buf_try_export(int fd, u32 handle, int *out)
{
	struct mmapdemo_buf_export e = { .size = sizeof(e), .handle = handle, .out_fd = -1 };
	int ret = call(fd, MMAPDEMO_IOC_BUF_EXPORT, &e);

	if (!ret)
		*out = e.out_fd;
	return ret;
}

struct mmapdemo_buf_alloc memory_get(int fd, u32 technique, u64 len, char **p)
{
	struct mmapdemo_buf_alloc a = { .len = len, .out_len = len };

	if (!technique_is_there(fd, technique))
		test_skip("technique %u is not in INFO's out_techniques", technique);
	if (technique == MMAPDEMO_TECH_USERPTR) {
		*p = anon_get((len + PAGE - 1) & -PAGE);
		a.out_handle = buf_pin(fd, *p, (len + PAGE - 1) & -PAGE, 0);
	} else {
		a = buf_alloc(fd, technique, len);
		*p = map_rw(fd, len, a.out_offset);
	}
	return a;
}

char *anon_get(u64 len)
{
	return CHECK_SYS(mmap(NULL, len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
}
