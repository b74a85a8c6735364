// SPDX-License-Identifier: MIT
/*
 * uring_abuse.c - commands of io_uring from where they are least expected: rings that share a queue, that
 * are closed in the middle, commands issued by a thread of the kernel, descriptors rewritten while they
 * are read; and a device that misbehaves.
 *
 * Not for: what a command does and how it ends, see queue_uring.c.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "submit.h"

#define LOG2N	3
#define N	(1u << LOG2N)
#define LEN	(4 * PAGE)

/* A file with a ring, a queue of the driver, and memory on both sides. */
struct work {
	int fd;
	struct uring u;
	u32 queue;
	struct area m, d;
};

static struct work work_get_flags(u32 setup_flags)
{
	struct work w = { .fd = dev_open(O_RDWR) };

	w.u = uring_get(w.fd, 2 * N, setup_flags);
	w.queue = dqueue_get(w.fd, LOG2N);
	w.m = area_get(w.fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	w.d = area_get(w.fd, MMAPDEMO_TECH_BAR, LEN, WINDOW_RW);
	return w;
}

static struct work work_get(void)
{
	return work_get_flags(0);
}

static struct uring_result result_wait(struct uring *u, u32 limit_ms)
{
	u64 end = now_ns() + limit_ms * 1000000ULL;
	struct uring_result r;

	while (!uring_next(u, &r)) {
		CHECKF(now_ns() < end, "no result within %u ms", limit_ms);
		uring_enter(u, 0, 1, 100);
	}
	return r;
}

static void no_more_results(struct uring *u)
{
	struct uring_result r;

	uring_enter(u, 0, 0, 0);
	sleep_ms(5);
	CHECK(!uring_next(u, &r));
}

/* In flight, and not to end by themselves. */
static void fill_with_stuck(struct work *w, u32 num, const sqe_t *d)
{
	fault_set("x-fault-dma", "\"stuck\"");
	for (u32 i = 0; i < num; i++)
		uring_push(&w->u, w->fd, w->queue, d, 100 + i);
	CHECK_OK(uring_enter(&w->u, num, 0, 0));
}

/* --- in flight when something happens -------------------------------------------------------------- */

/* Neither the call that closes it nor the end of the process waits for the device. */
static void uring_closed_with_commands_in_flight_returns_soon(const void *arg)
{
	struct work w = work_get();
	sqe_t d = sqe_fill(w.m.window, 0, LEN, ~0ULL);
	u64 start;

	(void)arg;
	memset(w.m.p, 0x5e, LEN);
	fill_with_stuck(&w, N, &d);
	start = now_ns();
	uring_put(&w.u);
	CHECK_OK(queue_destroy(w.fd, w.queue));
	CHECK(now_ns() - start < 1000000000);
	busy_end();
	sleep_ms(10);
	CHECK_EQ(first_not(w.m.p, LEN, 0x5e), LEN);
	/* Whoever has the queue's place next hears nothing of them. */
	w.u = uring_get(w.fd, 2 * N, 0);
	w.queue = dqueue_get(w.fd, LOG2N);
	CHECK_EQ(uring_do(&w.u, w.fd, w.queue, &d).res, LEN);
	no_more_results(&w.u);
}

/* The request holds the file: it ends as it would have. */
static void uring_command_outlasts_the_descriptor(const void *arg)
{
	struct work w = work_get();
	sqe_t d = sqe_fill(w.m.window, 0, LEN, 0x7777777777777777ULL);
	struct uring_result r;

	(void)arg;
	busy_each(20 * BUSY_EACH_NS);
	uring_push(&w.u, w.fd, w.queue, &d, 7);
	CHECK_OK(uring_enter(&w.u, 1, 0, 0));
	close(w.fd);
	r = result_wait(&w.u, QUEUE_LIMIT_MS);
	CHECK_EQ(r.user, 7);
	CHECK_EQ(r.res, LEN);
	CHECK_EQ(first_not(w.m.p, LEN, 0x77), LEN);
}

/* --- faults of the device ------------------------------------------------------------------------------ */

static void uring_irq_fault_ends_it_once(const void *arg)
{
	struct work w = work_get();
	sqe_t d = sqe_fill(w.m.window, 0, LEN, ~0ULL);
	u64 start = now_ns();
	u32 ended = 0;

	fault_set("x-fault-irq", arg);
	/* In flight when it is looked for: otherwise no interrupt is asked for. */
	busy_each(BUSY_EACH_NS);
	for (u32 i = 0; i < 3; i++)
		uring_push(&w.u, w.fd, w.queue, &d, i);
	CHECK_OK(uring_enter(&w.u, 3, 0, 0));
	for (u32 i = 0; i < 3; i++) {
		struct uring_result r = result_wait(&w.u, 4000);

		/* 6.1 passes on what ended together from the last to the first. */
		CHECK(r.user < 3 && !(ended & 1U << r.user));
		ended |= 1U << r.user;
		CHECK_EQ(r.res, LEN);
	}
	diag("it took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	no_more_results(&w.u);
}

static void uring_dma_fault_eio_and_tells_why(const void *arg)
{
	struct work w = work_get_flags(IORING_SETUP_CQE32);
	sqe_t d = sqe_fill(w.m.window, 0, LEN, ~0ULL);
	struct uring_result r;

	fault_set("x-fault-dma", arg);
	r = uring_do(&w.u, w.fd, w.queue, &d);
	CHECK_RET(r.res, -EIO);
	CHECK_EQ((u32)r.extra[0], MMAPDEMO_CQ_INJECTED);
	busy_end();
	CHECK_EQ(uring_do(&w.u, w.fd, w.queue, &d).res, LEN);
}

/* --- more than one ------------------------------------------------------------------------------------- */

struct sharer {
	pthread_t thread;
	int fd;
	u32 queue;
	struct area a;
	u32 setup_flags, sqe_flags;
	u32 moved, no_room;
};

static void *sharer_run(void *arg)
{
	struct sharer *s = arg;
	struct uring u = uring_get(s->fd, 16, s->setup_flags);

	u.sqe_flags = s->sqe_flags;
	for (u64 i = 0; s->moved < 400; i++) {
		sqe_t d[4];

		for (u32 k = 0; k < 4; k++) {
			d[k] = sqe_fill(s->a.window, k * 64, 64, i);
			uring_push(&u, s->fd, s->queue, &d[k], k);
		}
		CHECK_OK(uring_enter(&u, 4, 4, QUEUE_LIMIT_MS));
		for (u32 k = 0, seen = 0; k < 4; k++) {
			struct uring_result r = result_wait(&u, QUEUE_LIMIT_MS);

			CHECK(!(seen >> r.user & 1));
			seen |= 1u << r.user;
			CHECK(r.res == 64 || r.res == -EAGAIN);
			s->moved += r.res == 64;
			s->no_room += r.res == -EAGAIN;
			if (r.res == 64)
				CHECK_EQ(*(volatile u64 *)(s->a.p + r.user * 64 + 56), i);
		}
	}
	no_more_results(&u);
	return NULL;
}

/* Threads with rings of their own: commands of one never end in the other's. */
static void uring_two_rings_share_a_queue(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct sharer s[2];
	u32 queue;

	(void)arg;
	uring_require(fd);
	queue = dqueue_get(fd, LOG2N);
	for (int i = 0; i < 2; i++) {
		s[i] = (struct sharer){ .fd = fd, .queue = queue };
		s[i].a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
		CHECK(!pthread_create(&s[i].thread, NULL, sharer_run, &s[i]));
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(s[i].thread, NULL);
		diag("%u moved, %u found no room", s[i].moved, s[i].no_room);
	}
}

/* Issued by a worker, or by a thread of the kernel: not in the context of who submitted. */
static void uring_issued_elsewhere_works_too(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	uring_require(fd);
	for (int i = 0; i < 2; i++) {
		struct sharer s = {
			.fd = fd, .setup_flags = i ? IORING_SETUP_SQPOLL : 0,
			.sqe_flags = i ? 0 : IOSQE_ASYNC,
		};

		s.queue = dqueue_get(fd, LOG2N);
		s.a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
		sharer_run(&s);
		CHECK_OK(queue_destroy(fd, s.queue));
	}
}

/* --- descriptors rewritten meanwhile -------------------------------------------------------------------- */

static struct {
	sqe_t *d;
	volatile bool over;
} rewrite;

static void *rewriter(void *arg)
{
	(void)arg;
	while (!rewrite.over) {
		/* Alone each is right; the longest of the one at the place of the other is not. */
		__atomic_store_n(&rewrite.d->dst_off, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&rewrite.d->len, LEN / 2, __ATOMIC_RELAXED);
		__atomic_store_n(&rewrite.d->len, 64, __ATOMIC_RELAXED);
		__atomic_store_n(&rewrite.d->dst_off, LEN / 2 - 64, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void uring_descriptor_rewritten_stays_in_its_window(const void *arg)
{
	struct work w = work_get();
	u32 narrow = window_get(w.fd, w.m.handle, WINDOW_RW, 0, LEN / 2);
	sqe_t d = sqe_fill(narrow, 0, 64, ~0ULL);
	unsigned int moved = 0, refused = 0;
	pthread_t t;

	(void)arg;
	memset(w.m.p, 0x5e, LEN);
	rewrite.d = &d;
	rewrite.over = false;
	CHECK(!pthread_create(&t, NULL, rewriter, NULL));
	for (int i = 0; i < 2000; i++) {
		int res = uring_do(&w.u, w.fd, w.queue, &d).res;

		CHECK(res == 64 || res == LEN / 2 || res == -EINVAL);
		moved += res > 0;
		refused += res < 0;
	}
	rewrite.over = true;
	pthread_join(t, NULL);
	diag("%u moved, %u refused", moved, refused);
	CHECK(moved > 0);
	CHECK_EQ(first_not(w.m.p + LEN / 2, LEN / 2, 0x5e), LEN / 2);
}

void register_uring_abuse(void)
{
	TEST_ADD(uring_closed_with_commands_in_flight_returns_soon);
	TEST_ADD(uring_command_outlasts_the_descriptor);
	test_add(uring_irq_fault_ends_it_once, "\"late\"", 0, "uring_irq_late_ends_it_once");
	test_add(uring_irq_fault_ends_it_once, "\"repeat\"", 0, "uring_irq_repeat_ends_it_once");
	test_add(uring_dma_fault_eio_and_tells_why, "\"fail\"", 0,
		 "uring_dma_fail_eio_and_tells_why");
	test_add(uring_dma_fault_eio_and_tells_why, "\"short\"", 0,
		 "uring_dma_short_eio_and_tells_why");
	TEST_ADD_SLOW(uring_two_rings_share_a_queue, 30000);
	TEST_ADD_SLOW(uring_issued_elsewhere_works_too, 30000);
	TEST_ADD_SLOW(uring_descriptor_rewritten_stays_in_its_window, 20000);
}
