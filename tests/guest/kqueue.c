// SPDX-License-Identifier: MIT
/*
 * kqueue.c - QUEUE_SUBMIT, one call and what it says. See kqueue.h.
 */
#include <errno.h>
#include <string.h>

#include "kqueue.h"

#define POISON	0x5a5a5a5a

u32 kqueue_get(int fd, u32 log2n)
{
	struct mmapdemo_queue_create c = {
		.size = sizeof(c), .flags = MMAPDEMO_QUEUE_KERNEL, .log2n = log2n, .eventfd = -1,
		.out_ring_len = POISON, .out_ring_offset = POISON,
		.out_doorbell_len = POISON, .out_doorbell_offset = POISON,
	};

	CHECK_OK(call(fd, MMAPDEMO_IOC_QUEUE_CREATE, &c));
	CHECK(c.out_queue);
	CHECK_EQ(c.out_ring_len, 0);
	CHECK_EQ(c.out_ring_offset, 0);
	CHECK_EQ(c.out_doorbell_len, 0);
	CHECK_EQ(c.out_doorbell_offset, 0);
	return c.out_queue;
}

struct submitted submit_call(int fd, u32 queue, const sqe_t *sqes, u32 num, cqe_t *cqes, u32 max,
			     u32 min, u64 deadline_ns)
{
	struct mmapdemo_queue_submit s = {
		.size = sizeof(s), .queue = queue, .num = num, .sqes = (uintptr_t)sqes,
		.cqes = (uintptr_t)cqes, .max_cqes = max, .min_cqes = min,
		.deadline_ns = deadline_ns, .out_submitted = POISON, .out_cqes = POISON,
	};
	struct submitted r = { .ret = call(fd, MMAPDEMO_IOC_QUEUE_SUBMIT, &s) };

	if (r.ret) {
		CHECK_EQ(s.out_submitted, POISON);
		CHECK_EQ(s.out_cqes, POISON);
		return r;
	}
	r.submitted = s.out_submitted;
	r.cqes = s.out_cqes;
	CHECK(r.submitted <= num);
	CHECK(r.cqes <= max);
	return r;
}

void submit_do(int fd, u32 queue, const sqe_t *sqes, cqe_t *cqes, u32 num)
{
	struct submitted r = submit_call(fd, queue, sqes, num, cqes, num, num,
					 now_ns() + SUBMIT_LIMIT_NS);

	CHECK_OK(r.ret);
	CHECK_EQ(r.submitted, num);
	CHECK_EQ(r.cqes, num);
	for (u32 i = 0; i < num; i++)
		CHECK_EQ(cqes[i].user, sqes[i].user);
}

cqe_t submit_ok(int fd, u32 queue, const sqe_t *d)
{
	cqe_t c;

	memset(&c, 0xa5, sizeof(c));
	submit_do(fd, queue, d, &c, 1);
	CHECKF(c.status == MMAPDEMO_CQ_OK, "status %s (bytes %u)", status_word(c.status), c.bytes);
	CHECK_EQ(c.bytes, d->len);
	CHECK_EQ(c.reserved, 0);
	return c;
}

u32 submit_collect(int fd, u32 queue, cqe_t *cqes, u32 max)
{
	struct submitted r = submit_call(fd, queue, NULL, 0, cqes, max, 0, 0);

	if (r.ret == -EAGAIN)
		return 0;
	CHECK_OK(r.ret);
	CHECK(r.cqes);
	return r.cqes;
}

void nops(sqe_t *d, u32 num, u64 user)
{
	memset(d, 0, num * sizeof(*d));
	for (u32 i = 0; i < num; i++)
		d[i].user = user + i;
}
