// SPDX-License-Identifier: MIT
/*
 * queue_order.c - the ring as a ring: order, batches, laps, when the doorbell is asked for, and that
 * transfers need no system call.
 */
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/seccomp.h>

#include "queue.h"

#define LEN	(8 * PAGE)
#define GUARD	0x5e

/* A queue, memory and device memory, both filled with a byte that shows what was written. */
struct pair {
	int fd;
	struct queue q;
	struct area m, d;
};

static struct pair pair_get(u32 log2n)
{
	struct pair p = { .fd = dev_open(O_RDWR) };

	p.q = queue_get(p.fd, log2n);
	p.m = area_get(p.fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	p.d = area_get(p.fd, MMAPDEMO_TECH_BAR, LEN, WINDOW_RW);
	memset(p.m.p, GUARD, LEN);
	memset(p.d.p, GUARD, LEN);
	return p;
}

/* Each descriptor needs what the one before it wrote: only done in order is the end right. */
static void queue_descriptors_of_a_batch_are_done_in_order(const void *arg)
{
	const u32 log2n = 8, len = 512;
	struct pair p = pair_get(log2n);
	u64 descs, done, looks, word;

	(void)arg;
	for (int round = 0; round < 20; round++) {
		u32 first = p.q.tail, n = p.q.n - 1;
		sqe_t d = sqe_fill(p.m.window, 0, len, round);

		memset(p.m.p, GUARD, LEN);
		descs = counter(p.fd, MMAPDEMO_REG_CNT_Q_DESCS);
		done = counter(p.fd, MMAPDEMO_REG_CNT_Q_DONE);
		looks = counter(p.fd, MMAPDEMO_REG_CNT_Q_LOOKS);
		queue_push(&p.q, &d);
		for (u32 i = 1; i < n; i++) {
			/* A pattern wanders to and fro, and one byte longer each time. */
			struct area *to = i & 1 ? &p.d : &p.m, *from = i & 1 ? &p.m : &p.d;

			d = sqe_copy(to->window, i, from->window, i - 1, len);
			queue_push(&p.q, &d);
		}
		CHECK(queue_kick(&p.q));
		queue_wait(&p.q, p.q.tail - 1);
		for (u32 i = first; i != p.q.tail; i++) {
			CHECK_EQ(ring_cqe(&p.q, i)->gen, i + 1);
			CHECK_EQ(ring_cqe(&p.q, i)->status, MMAPDEMO_CQ_OK);
			CHECK_EQ(ring_cqe(&p.q, i)->user, ring_sqe(&p.q, i)->user);
		}
		memcpy(&word, ((n - 1) & 1 ? p.d.p : p.m.p) + n - 1, 8);
		CHECK_EQ(word, round);
		CHECK_EQ(counter(p.fd, MMAPDEMO_REG_CNT_Q_DESCS) - descs, n);
		CHECK_EQ(counter(p.fd, MMAPDEMO_REG_CNT_Q_DONE) - done, n);
		/* Many descriptors, one doorbell, few looks. */
		CHECK(counter(p.fd, MMAPDEMO_REG_CNT_Q_LOOKS) - looks <= n / 8);
	}
	CHECK_EQ(*ring_word(&p.q, MMAPDEMO_RING_SQ_HEAD), p.q.tail);
	CHECK_EQ(queue_info(&p.q).out_head, p.q.tail);
}

/* Slots are used again and again: nothing of a lap before is taken for an answer. */
static void queue_laps_of_the_ring_are_told_apart(const void *arg)
{
	struct pair p = pair_get(3);
	u64 state = test_seed();

	(void)arg;
	for (u32 lap = 0; lap < 400; lap++) {
		u32 n = 1 + rnd(&state) % p.q.n, first = p.q.tail;

		for (u32 i = 0; i < n; i++) {
			sqe_t d = sqe_fill(p.m.window, 8 * ((first + i) % 512), 8, first + i);

			CHECK(!queue_done(&p.q, first + i));
			queue_push(&p.q, &d);
		}
		queue_kick(&p.q);
		for (u32 i = 0; i < n; i++) {
			CHECK_EQ(queue_wait(&p.q, first + i).status, MMAPDEMO_CQ_OK);
			CHECK_EQ(((u64 *)p.m.p)[(first + i) % 512], first + i);
		}
	}
}

/* --- no system call ----------------------------------------------------------------------------------- */

/* Anything but read, write and exit is death in here; read and write are not used. */
static void strict_transfers(struct pair *p, u32 rounds)
{
	CHECK_SYS(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	for (u32 i = 0; i < rounds; i++) {
		sqe_t there = sqe_copy(p->d.window, i, p->m.window, 0, PAGE);
		sqe_t back = sqe_copy(p->m.window, PAGE + i, p->d.window, i, PAGE);

		fill(p->m.p, PAGE, i);
		queue_push(&p->q, &there);
		queue_push(&p->q, &back);
		queue_kick(&p->q);
		for (u64 n = 0; !queue_done(&p->q, p->q.tail - 1); n++) {
			if (n > 2000000000)
				syscall(SYS_exit, 50);
		}
		if (ring_cqe(&p->q, p->q.tail - 2)->status ||
		    ring_cqe(&p->q, p->q.tail - 1)->status ||
		    differs(p->d.p + i, PAGE, i) != PAGE ||
		    differs(p->m.p + PAGE + i, PAGE, i) != PAGE)
			syscall(SYS_exit, 51);
	}
	syscall(SYS_exit, 52);
}

static void queue_transfers_without_any_system_call(const void *arg)
{
	pid_t pid = child_fork();
	int status;

	(void)arg;
	if (!pid) {
		struct pair p = pair_get(4);

		strict_transfers(&p, 1000);
	}
	status = child_status(pid, 8000);
	if (WIFSIGNALED(status))
		FAIL("killed by signal %d: a system call was made", WTERMSIG(status));
	CHECKF(WEXITSTATUS(status) != 50, "a transfer did not end");
	CHECKF(WEXITSTATUS(status) != 51, "a transfer ended badly");
	CHECK_EQ(WEXITSTATUS(status), 52);
}

/* The rule of the event index, counted: a doorbell where it was asked for and nowhere else. */
static void queue_doorbells_are_counted_one_by_one(const void *arg)
{
	struct pair p = pair_get(6);
	u64 wr = counter(p.fd, MMAPDEMO_REG_CNT_DB_WR32), rung = 0;
	sqe_t d = sqe_fill(p.m.window, 0, 8, 1);

	(void)arg;
	for (int i = 0; i < 500; i++) {
		queue_push(&p.q, &d);
		rung += queue_kick(&p.q);
		if (i % 3 == 0)
			queue_wait(&p.q, p.q.tail - 1);
	}
	queue_wait(&p.q, p.q.tail - 1);
	CHECK(rung > 0);
	CHECK_EQ(counter(p.fd, MMAPDEMO_REG_CNT_DB_WR32) - wr, rung);
}

void register_queue_order(void)
{
	TEST_ADD(queue_descriptors_of_a_batch_are_done_in_order);
	TEST_ADD(queue_laps_of_the_ring_are_told_apart);
	TEST_ADD(queue_transfers_without_any_system_call);
	TEST_ADD(queue_doorbells_are_counted_one_by_one);
}
