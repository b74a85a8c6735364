// SPDX-License-Identifier: MIT
/*
 * queue_hostile.c - an owner that lies: tails that go too far, descriptors that change while they are
 * read, doorbells without end. It harms its own queue at most.
 *
 * Not for: garbage at random, see queue_garbage.c. After each of them a neighbour works as before, and the guards around the windows are what they were.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "hostile.h"
#include "machine.h"

/* --- tails ---------------------------------------------------------------------------------------- */

static void state_becomes(const struct queue *q, u32 state)
{
	u64 end = now_ns() + 2000000000;

	while (queue_info(q).out_state != state)
		CHECKF(now_ns() < end, "state %u, wanted %u", queue_info(q).out_state, state);
}

static void tail_lie(struct hostile *h, u32 work, u32 tail)
{
	u64 stopped = counter(h->fd, MMAPDEMO_REG_CNT_Q_STOPPED);
	struct mmapdemo_queue_info i;
	sqe_t d = sqe_fill(h->m.window, 0, 8, 0);

	while (h->q.tail < work)
		QUEUE_OK(&h->q, &d);
	*ring_word(&h->q, MMAPDEMO_RING_SQ_TAIL) = tail;
	queue_ring(&h->q);
	state_becomes(&h->q, MMAPDEMO_QSTATE_ERROR);
	i = queue_info(&h->q);
	CHECK_EQ(i.out_error, MMAPDEMO_QERR_TAIL);
	CHECK_EQ(i.out_error_index, work);
	CHECK_EQ(i.out_head, work);
	CHECK_EQ(counter(h->fd, MMAPDEMO_REG_CNT_Q_STOPPED) - stopped, 1);
	CHECK_EQ(*ring_word(&h->q, MMAPDEMO_RING_STATE), MMAPDEMO_QSTATE_ERROR);
	CHECK_EQ(*ring_word(&h->q, MMAPDEMO_RING_ERROR), MMAPDEMO_QERR_TAIL);
	CHECK_EQ(*ring_word(&h->q, MMAPDEMO_RING_ERROR_INDEX), work);
	/* Stopped for good: a right tail and a doorbell do not bring it back. */
	*ring_word(&h->q, MMAPDEMO_RING_SQ_TAIL) = work + 1;
	for (int k = 0; k < 20; k++)
		queue_ring(&h->q);
	CHECK_EQ(queue_info(&h->q).out_state, MMAPDEMO_QSTATE_ERROR);
	CHECK(!queue_done(&h->q, work));
	CHECK_EQ(counter(h->fd, MMAPDEMO_REG_CNT_Q_STOPPED) - stopped, 1);
	hostile_reopen(h);
	CHECK_EQ(queue_info(&h->q).out_state, MMAPDEMO_QSTATE_RUNNING);
	QUEUE_OK(&h->q, &d);
}

static void queue_hostile_tail_stops_that_queue_alone(const void *arg)
{
	struct hostile h = hostile_get(4);
	struct neighbour n = neighbour_get();
	struct queue second = queue_get(h.fd, 3);
	sqe_t nop = { .op = MMAPDEMO_OP_NOP };

	(void)arg;
	for (u32 work = 0; work < 40; work += 13) {
		const u32 lies[] = {
			work + 17, work - 1, work + 18, work + 0x80000000, work + 0x7fffffff,
			work + 0xffff, work - 16,
		};

		for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
			hostile_reopen(&h);
			tail_lie(&h, work, lies[i]);
			neighbour_check(&n);
			/* The same owner's other queue is a neighbour too. */
			QUEUE_OK(&second, &nop);
		}
	}
	hostile_guards_stand(&h);
}

/* Exactly N ahead is no lie. */
static void queue_hostile_tail_of_a_full_ring_is_no_lie(const void *arg)
{
	struct hostile h = hostile_get(4);

	(void)arg;
	for (int lap = 0; lap < 5; lap++) {
		for (u32 i = 0; i < h.q.n; i++)
			queue_push(&h.q, &(sqe_t){ .op = MMAPDEMO_OP_NOP });
		queue_kick(&h.q);
		queue_wait(&h.q, h.q.tail - 1);
		CHECK_EQ(queue_info(&h.q).out_state, MMAPDEMO_QSTATE_RUNNING);
	}
}

/* Nobody asked for it, and it is told all the same: the sleeper of a queue that is dead. */
static void queue_hostile_tail_wakes_whoever_sleeps(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct pollfd p = { .fd = efd, .events = POLLIN };

	(void)arg;
	*ring_word(&q, MMAPDEMO_RING_SQ_TAIL) = 1000;
	queue_ring(&q);
	CHECK_EQ(poll(&p, 1, 2000), 1);
	CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_ERROR);
	CHECK_EQ(queue_info(&q).out_irqs, 1);
}

/* --- descriptors that change --------------------------------------------------------------------- */

static volatile bool over;

/* Between right and wrong, field by field, as fast as it can. */
static void *rewriter(void *arg)
{
	struct hostile *h = arg;
	u64 state = test_seed();

	while (!over) {
		sqe_t *d = ring_sqe(&h->q, rnd(&state));
		volatile u32 *len = &d->len, *win = &d->dst_win;
		volatile u64 *off = (volatile u64 *)&d->dst_off;

		switch (rnd(&state) % 6) {
		case 0:
			*off = HOSTILE_LEN - rnd(&state) % 64;
			break;
		case 1:
			*len = rnd(&state);
			break;
		case 2:
			*win = rnd(&state) % 1024;
			break;
		case 3:
			*off = rnd(&state);
			break;
		default:
			*off = 0;
			*len = 64;
			*win = h->m.window;
		}
	}
	return NULL;
}

static void queue_hostile_descriptors_rewritten_while_read(const void *arg)
{
	struct hostile h = hostile_get(6);
	struct neighbour n = neighbour_get();
	u64 end = now_ns() + 800000000, good = 0, bad = 0;
	pthread_t t;

	(void)arg;
	over = false;
	CHECK(!pthread_create(&t, NULL, rewriter, &h));
	while (now_ns() < end) {
		for (u32 i = 0; i < h.q.n; i++) {
			sqe_t d = sqe_copy(h.m.window, 0, h.d.window, 0, 64);

			queue_push(&h.q, &d);
		}
		queue_kick(&h.q);
		queue_wait(&h.q, h.q.tail - 1);
		for (u32 i = h.q.tail - h.q.n; i != h.q.tail; i++) {
			u32 status = ring_cqe(&h.q, i)->status;

			/* Whatever it was when it was read once is what was checked and done. */
			CHECKF(status == MMAPDEMO_CQ_OK || status == MMAPDEMO_CQ_WINDOW ||
			       status == MMAPDEMO_CQ_RANGE || status == MMAPDEMO_CQ_LENGTH ||
			       status == MMAPDEMO_CQ_ACCESS, "status %s", status_word(status));
			good += !status;
			bad += !!status;
		}
	}
	over = true;
	pthread_join(t, NULL);
	diag("%llu done, %llu refused", (unsigned long long)good, (unsigned long long)bad);
	CHECK(good > 0 && bad > 0);
	hostile_guards_stand(&h);
	neighbour_check(&n);
	CHECK_EQ(queue_info(&h.q).out_state, MMAPDEMO_QSTATE_RUNNING);
}

/* Elements of a list, likewise. */
static void *list_rewriter(void *arg)
{
	struct hostile *h = arg;
	struct mmapdemo_hw_sge *e = (void *)(h->m.p + HOSTILE_OFF);
	u64 state = test_seed() + 1;

	while (!over) {
		volatile struct mmapdemo_hw_sge *v = &e[rnd(&state) % 64];

		switch (rnd(&state) % 4) {
		case 0:
			v->off = rnd(&state);
			break;
		case 1:
			v->len = rnd(&state);
			break;
		case 2:
			v->win = rnd(&state) % 1024;
			break;
		default:
			v->win = h->d.window;
			v->len = 64;
			v->off = 0;
		}
	}
	return NULL;
}

static void queue_hostile_lists_rewritten_while_read(const void *arg)
{
	struct hostile h = hostile_get(4);
	struct neighbour n = neighbour_get();
	u64 end = now_ns() + 800000000, good = 0, bad = 0;
	pthread_t t;

	(void)arg;
	for (u32 i = 0; i < 64; i++)
		((struct mmapdemo_hw_sge *)(h.m.p + HOSTILE_OFF))[i] =
			(struct mmapdemo_hw_sge){ h.d.window, 64, 0 };
	over = false;
	CHECK(!pthread_create(&t, NULL, list_rewriter, &h));
	while (now_ns() < end) {
		/* Of a few elements or of many: the few are right now and then. */
		u32 count = good & 1 ? 64 : 2;
		sqe_t d = sqe_copy(h.m.window, 0, h.m.window, 4 * PAGE, 64 * count);
		cqe_t c;

		d.ndst = count;
		c = queue_do(&h.q, &d);
		CHECK(c.status != MMAPDEMO_CQ_OK || c.bytes == d.len);
		good += !c.status;
		bad += !!c.status;
		/* What the thread made of it stays so until it is mended. */
		if (c.status)
			((struct mmapdemo_hw_sge *)(h.m.p + HOSTILE_OFF))[c.detail % 64] =
				(struct mmapdemo_hw_sge){ h.d.window, 64, 0 };
	}
	over = true;
	pthread_join(t, NULL);
	diag("%llu done, %llu refused", (unsigned long long)good, (unsigned long long)bad);
	CHECK(good > 0 && bad > 0);
	hostile_guards_stand(&h);
	neighbour_check(&n);
}

/* --- doorbells without end -------------------------------------------------------------------------- */

static void *flooder(void *arg)
{
	struct hostile *h = arg;

	while (!over) {
		for (int i = 0; i < 64; i++)
			queue_ring(&h->q);
	}
	return NULL;
}

static void queue_hostile_doorbell_flood_starves_nobody(const void *arg)
{
	struct hostile h = hostile_get(3);
	u64 end, start, rounds = 0, longest = 0;
	pthread_t t[2];
	pid_t pid;

	(void)arg;
	over = false;
	/* Before the threads, so that the child has none of them. */
	pid = child_fork();
	if (!pid) {
		struct neighbour n = neighbour_get();

		for (end = now_ns() + 800000000; now_ns() < end; rounds++)
			neighbour_check(&n);
		CHECKF(rounds >= 10, "%llu round trips beside the flood",
		       (unsigned long long)rounds);
		child_exit();
	}
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, flooder, &h));
	for (int i = 0; i < 5; i++) {
		start = now_ns();
		qmp_require();
		CHECK(qmp("{\"execute\":\"query-status\"}", NULL, 0));
		if (now_ns() - start > longest)
			longest = now_ns() - start;
	}
	diag("QMP answered within %llu ms, the program that asks included",
	     (unsigned long long)longest / 1000000);
	CHECK(longest < 1500000000);
	child_wait(pid, 8000);
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	CHECK_EQ(queue_info(&h.q).out_state, MMAPDEMO_QSTATE_RUNNING);
	hostile_guards_stand(&h);
}

void register_queue_hostile(void)
{
	TEST_ADD(queue_hostile_tail_stops_that_queue_alone);
	TEST_ADD(queue_hostile_tail_of_a_full_ring_is_no_lie);
	TEST_ADD(queue_hostile_tail_wakes_whoever_sleeps);
	TEST_ADD(queue_hostile_descriptors_rewritten_while_read);
	TEST_ADD(queue_hostile_lists_rewritten_while_read);
	TEST_ADD_SLOW(queue_hostile_doorbell_flood_starves_nobody, 20000);
}
