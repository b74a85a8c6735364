// SPDX-License-Identifier: MIT
/*
 * queue_submit.c - queues that the driver keeps to itself, and QUEUE_SUBMIT: what it moves, what it
 * counts, what it says when it cannot. Sleeping is in queue_submit_wait.c.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "kqueue.h"

#define LOG2N	3
#define N	(1u << LOG2N)

/* --- what it is --------------------------------------------------------------------------------- */

static void submit_moves_the_bytes_and_reports_them(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct area a = area_get(fd, MMAPDEMO_TECH_COHERENT, 4 * PAGE, WINDOW_RW);
	struct area b = area_get(fd, MMAPDEMO_TECH_BAR, 4 * PAGE, WINDOW_RW);
	sqe_t d = sqe_copy(b.window, 64, a.window, 128, 3 * PAGE);

	(void)arg;
	fill(a.p, a.len, 7);
	submit_ok(fd, q, &d);
	CHECK(!memcmp(b.p + 64, a.p + 128, 3 * PAGE));
	CHECK_EQ(first_not(b.p, 64, 0), 64);
	CHECK_EQ(first_not(b.p + 64 + 3 * PAGE, PAGE - 64, 0), PAGE - 64);
	CHECK_EQ(differs(a.p, a.len, 7), a.len);
	d = sqe_crc(a.window, 0, a.len, 0);
	CHECK_EQ(submit_ok(fd, q, &d).aux, crc32c(0, a.p, a.len));
}

static void submit_answers_a_bad_descriptor_and_goes_on(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct area a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	sqe_t d[4] = {
		sqe_fill(a.window, 0, 64, 0x1111111111111111),
		sqe_fill(0xffffff, 0, 64, 0x2222222222222222),
		sqe_fill(a.window, PAGE - 32, 64, 0x3333333333333333),
		sqe_fill(a.window, 64, 64, 0x4444444444444444),
	};
	cqe_t c[4];

	(void)arg;
	submit_do(fd, q, d, c, 4);
	CHECK_EQ(c[0].status, MMAPDEMO_CQ_OK);
	CHECK_EQ(c[1].status, MMAPDEMO_CQ_WINDOW);
	CHECK_EQ(c[2].status, MMAPDEMO_CQ_RANGE);
	CHECK_EQ(c[3].status, MMAPDEMO_CQ_OK);
	CHECK_EQ(first_not(a.p, 64, 0x11), 64);
	CHECK_EQ(first_not(a.p + 64, 64, 0x44), 64);
	CHECK_EQ(first_not(a.p + 128, PAGE - 128, 0), PAGE - 128);
}

/* Windows of another file are none. */
static void submit_reaches_windows_of_its_file_alone(const void *arg)
{
	struct neighbour n = neighbour_get();
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	sqe_t d = sqe_fill(n.a.window, 0, 64, 1);
	cqe_t c;

	(void)arg;
	submit_do(fd, q, &d, &c, 1);
	CHECK_EQ(c.status, MMAPDEMO_CQ_WINDOW);
	neighbour_check(&n);
}

/* Neither at what would be its offset, nor at any near it. */
static void submit_ring_and_doorbell_are_not_to_be_mapped(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_info i;
	u32 q = kqueue_get(fd, LOG2N);
	char byte;
	void *p;

	(void)arg;
	/* A handle is one above the number of its object, and offsets are multiples of 64 GiB. */
	for (u64 id = q - 1; id < q + 8; id++) {
		CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, id << 36, &p),
			  -ENOENT);
		CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_PRIVATE, id << 36, &p), -ENOENT);
		CHECK_EQ(pread(fd, &byte, 1, id << 36), -1);
		CHECK_EQ(errno, ENOENT);
		CHECK_RET(buf_try_info(fd, id + 1, &i), -ENOENT);
	}
}

static void submit_queue_is_told_of_by_queue_info(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 5);
	struct mmapdemo_queue_info i;
	sqe_t d[3];
	cqe_t c[3];

	(void)arg;
	nops(d, 3, 100);
	submit_do(fd, q, d, c, 3);
	CHECK_OK(queue_try_info(fd, q, &i));
	CHECK_EQ(i.out_state, MMAPDEMO_QSTATE_RUNNING);
	CHECK_EQ(i.out_head, 3);
	CHECK_EQ(i.out_log2n, 5);
	CHECK_OK(queue_destroy(fd, q));
	CHECK_RET(queue_try_info(fd, q, &i), -ENOENT);
	CHECK_RET(submit_call(fd, q, d, 1, c, 1, 0, 0).ret, -ENOENT);
}

static void submit_wrong_arguments_are_refused(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct queue mapped = queue_get(fd, LOG2N);
	sqe_t d;
	cqe_t c[2];

	(void)arg;
	nops(&d, 1, 1);
	CHECK_RET(submit_call(fd, q, &d, 1, c, 1, 2, 0).ret, -EINVAL);
	CHECK_RET(submit_call(fd, mapped.c.out_queue, &d, 1, c, 1, 0, 0).ret, -EINVAL);
	CHECK_RET(submit_call(fd, 0, &d, 1, c, 1, 0, 0).ret, -ENOENT);
	CHECK_RET(submit_call(fd, HANDLE_NONE, &d, 1, c, 1, 0, 0).ret, -ENOENT);
	CHECK_RET(submit_call(other, q, &d, 1, c, 1, 0, 0).ret, -ENOENT);
	/* None of these has submitted anything. */
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 0, 0).ret, -EAGAIN);
	CHECK_EQ(submit_call(fd, q, NULL, 0, NULL, 0, 0, 0).ret, 0);
}

/* --- room ---------------------------------------------------------------------------------------- */

static void submit_takes_what_there_is_room_for(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct submitted r;
	sqe_t d[3 * N];
	cqe_t c[3 * N];

	(void)arg;
	nops(d, 3 * N, 0);
	r = submit_call(fd, q, d, 3 * N, NULL, 0, 0, 0);
	CHECK_OK(r.ret);
	CHECK_EQ(r.submitted, N);
	CHECK_RET(submit_call(fd, q, d + N, 1, NULL, 0, 0, 0).ret, -EAGAIN);

	/* A slot is free when its completion has been collected, and not before. */
	r = submit_call(fd, q, d + N, 2 * N, c, 3, 3, now_ns() + SUBMIT_LIMIT_NS);
	CHECK_OK(r.ret);
	CHECK_EQ(r.submitted, 0);
	CHECK_EQ(r.cqes, 3);
	r = submit_call(fd, q, d + N, 2 * N, NULL, 0, 0, 0);
	CHECK_OK(r.ret);
	CHECK_EQ(r.submitted, 3);
	r = submit_call(fd, q, NULL, 0, c + 3, 3 * N - 3, N, now_ns() + SUBMIT_LIMIT_NS);
	CHECK_OK(r.ret);
	CHECK_EQ(r.cqes, N);
	for (u32 i = 0; i < N + 3; i++)
		CHECK_EQ(c[i].user, i);
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 0, 0).ret, -EAGAIN);
}

/* Any mixture of sizes, many laps of the ring: nothing is lost, doubled or out of order. */
static void submit_random_batches_complete_in_order(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 4), seed = test_seed();
	u64 sent = 0, seen = 0;
	sqe_t d[40];
	cqe_t c[40];

	(void)arg;
	while (seen < 20000) {
		u32 num, max, min;
		struct submitted r;

		seed = seed * 1664525 + 1013904223;
		num = (seed >> 8) % 41;
		max = (seed >> 16) % 41;
		min = sent == seen ? 0 : (seed >> 24) % (max + 1);
		if (min > sent - seen)
			min = sent - seen;
		nops(d, num, sent);
		r = submit_call(fd, q, d, num, c, max, min, now_ns() + SUBMIT_LIMIT_NS);
		if (r.ret) {
			CHECK_RET(r.ret, -EAGAIN);
			continue;
		}
		for (u32 i = 0; i < r.cqes; i++) {
			CHECK_EQ(c[i].user, seen + i);
			CHECK_EQ(c[i].gen, (u32)(seen + i + 1));
			CHECK_EQ(c[i].status, MMAPDEMO_CQ_OK);
		}
		CHECK(r.cqes >= min);
		sent += r.submitted;
		seen += r.cqes;
		CHECK(sent - seen <= 16);
	}
}

static u64 doorbells(int fd)
{
	return counter(fd, MMAPDEMO_REG_CNT_DB_WR8) + counter(fd, MMAPDEMO_REG_CNT_DB_WR16) +
	       counter(fd, MMAPDEMO_REG_CNT_DB_WR32) + counter(fd, MMAPDEMO_REG_CNT_DB_WR64);
}

/* One doorbell for however many, none where there is nothing to tell, and no interrupt. */
static void submit_rings_the_doorbell_once_a_call(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 6);
	sqe_t d[64];
	cqe_t c[64];
	struct mmapdemo_queue_info i;
	u64 before;

	(void)arg;
	for (u32 num = 1; num <= 64; num += 21) {
		nops(d, num, num);
		before = doorbells(fd);
		CHECK_EQ(submit_call(fd, q, d, num, NULL, 0, 0, 0).submitted, num);
		CHECK_EQ(doorbells(fd) - before, 1);
		CHECK_OK(submit_call(fd, q, NULL, 0, c, num, num, now_ns() + SUBMIT_LIMIT_NS).ret);
		CHECK_EQ(doorbells(fd) - before, 1);
	}
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 0, 0).ret, -EAGAIN);
	CHECK_EQ(doorbells(fd) - before, 1);
	CHECK_OK(queue_try_info(fd, q, &i));
	CHECK_EQ(i.out_irqs, 0);
}

/* --- bad addresses ------------------------------------------------------------------------------- */

/* Two pages, the second one not there; `n` things of `size` bytes before the edge. */
static void *edge_get(u32 n, size_t size)
{
	char *p = map_reserve(2 * PAGE);

	CHECK_EQ(CHECK_SYS(mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS |
				MAP_FIXED, -1, 0)), p);
	return p + PAGE - n * size;
}

static void submit_descriptors_that_can_be_read_are_submitted(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 5);
	struct submitted r;
	cqe_t c[32];

	(void)arg;
	for (u32 good = 0; good < 20; good++) {
		sqe_t *d = edge_get(good, sizeof(*d));

		nops(d, good, 1000 + good);
		r = submit_call(fd, q, d, good + 3, c, 32, good, now_ns() + SUBMIT_LIMIT_NS);
		if (!good) {
			CHECK_RET(r.ret, -EFAULT);
			continue;
		}
		CHECK_OK(r.ret);
		CHECK_EQ(r.submitted, good);
		CHECK_EQ(r.cqes, good);
		for (u32 i = 0; i < good; i++)
			CHECK_EQ(c[i].user, 1000 + good + i);
		CHECK_EQ(submit_collect(fd, q, c, 32), 0);
	}
}

static void submit_half_a_descriptor_is_none(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 5);
	sqe_t *d = edge_get(1, sizeof(*d));
	cqe_t c;

	(void)arg;
	nops(d, 1, 1);
	CHECK_RET(submit_call(fd, q, (sqe_t *)((char *)d + 8), 1, &c, 1, 0, 0).ret, -EFAULT);
	CHECK_RET(submit_call(fd, q, (sqe_t *)-64UL, 1, &c, 1, 0, 0).ret, -EFAULT);
	CHECK_EQ(submit_collect(fd, q, &c, 1), 0);
}

/* What cannot be delivered is not lost: it is there for the next call. */
static void submit_completion_that_cannot_be_stored_is_kept(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 5);
	struct submitted r;
	sqe_t d[20];
	cqe_t c[20];

	(void)arg;
	nops(d, 20, 500);
	for (u32 room = 0; room < 20; room++) {
		cqe_t *edge = edge_get(room, sizeof(*edge));

		CHECK_EQ(submit_call(fd, q, d, 20, NULL, 0, 0, 0).submitted, 20);
		r = submit_call(fd, q, NULL, 0, edge, 20, 20, now_ns() + SUBMIT_LIMIT_NS);
		if (room) {
			CHECK_OK(r.ret);
			CHECK_EQ(r.cqes, room);
		} else {
			CHECK_RET(r.ret, -EFAULT);
		}
		r = submit_call(fd, q, NULL, 0, c, 20, 20 - room, now_ns() + SUBMIT_LIMIT_NS);
		CHECK_OK(r.ret);
		CHECK_EQ(r.cqes, 20 - room);
		for (u32 i = 0; i < 20; i++)
			CHECK_EQ((i < room ? edge[i] : c[i - room]).user, 500 + i);
	}
}

/* Pages that are there for whoever takes the fault, and that nobody has touched. */
static void *untouched_get(const void *content, size_t len)
{
	int m = CHECK_SYS(memfd_create("untouched", MFD_CLOEXEC));
	void *p;

	CHECK_EQ(CHECK_SYS(pwrite(m, content, len, 0)), (ssize_t)len);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0);
	CHECK(p != MAP_FAILED);
	close(m);
	return p;
}

/*
 * What is done without a fault ends where the first one is needed, and is done neither again nor not at
 * all: before the descriptors are read, or after they have been submitted.
 */
static void submit_memory_that_is_not_present_is_served_once(const void *arg)
{
	static const cqe_t none[8];
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct mmapdemo_queue_info i;
	u32 done = 0;
	u64 before;

	(void)arg;
	for (u32 round = 0; round < 8; round++) {
		u32 num = 1 + round / 4 * 6;
		cqe_t here[8], *c = round & 2 ? untouched_get(none, sizeof(none)) : here;
		sqe_t d[8], *from = d;

		nops(d, num, 100 * round);
		if (round & 1)
			from = untouched_get(d, num * sizeof(*d));
		before = doorbells(fd);
		submit_do(fd, q, from, c, num);
		CHECK_EQ(doorbells(fd) - before, 1);
		for (u32 k = 0; k < num; k++)
			CHECK_EQ(c[k].user, 100 * round + k);
		CHECK_EQ(submit_collect(fd, q, here, 8), 0);
		done += num;
		CHECK_OK(queue_try_info(fd, q, &i));
		CHECK_EQ(i.out_head, done);
	}
}

/* More queues than the driver remembers the places of, used in turn, and one whose place is another's. */
static void submit_queues_in_turn_are_not_mistaken(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	u32 max = info_get(fd).out_max_queues, q[MMAPDEMO_QUEUE_COUNT_MAX], theirs;
	struct mmapdemo_queue_info i;
	sqe_t d;
	cqe_t c;

	(void)arg;
	if (max > MMAPDEMO_QUEUE_COUNT_MAX)
		max = MMAPDEMO_QUEUE_COUNT_MAX;
	q[0] = kqueue_get(fd, LOG2N);
	/* Handles count up: the one after theirs is 16 from the first. */
	for (u32 k = 0; k < 14; k++)
		CHECK_OK(queue_destroy(fd, kqueue_get(fd, LOG2N)));
	theirs = kqueue_get(other, LOG2N);
	for (u32 k = 1; k < max - 1; k++)
		q[k] = kqueue_get(fd, LOG2N);
	for (u32 round = 1; round <= 3; round++) {
		for (u32 k = 0; k < max - 1; k++) {
			nops(&d, 1, 10 * round + k);
			submit_do(fd, q[k], &d, &c, 1);
			CHECK_EQ(c.user, 10 * round + k);
			CHECK_OK(queue_try_info(fd, q[k], &i));
			CHECK_EQ(i.out_head, round);
		}
		CHECK_RET(submit_call(fd, theirs, &d, 1, &c, 1, 0, 0).ret, -ENOENT);
		CHECK_RET(submit_call(other, q[0], &d, 1, &c, 1, 0, 0).ret, -ENOENT);
	}
	CHECK_OK(queue_try_info(other, theirs, &i));
	CHECK_EQ(i.out_head, 0);
}

/* Written where it was not to be read from, while it is being looked at: the copy counts. */
static volatile bool stop;

static void *scribble(void *arg)
{
	volatile u32 *len = &((sqe_t *)arg)->len;

	while (!stop) {
		*len = 64;
		*len = 0x00ffffff;
	}
	return NULL;
}

static void submit_descriptor_is_copied_before_it_is_used(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct area a = area_get(fd, MMAPDEMO_TECH_COHERENT, 2 * PAGE, 0 | WINDOW_RW);
	u32 half = window_get(fd, a.handle, WINDOW_RW, 0, PAGE);
	sqe_t d = sqe_fill(half, 0, 64, ~0ULL);
	u32 done = 0;
	pthread_t t;

	(void)arg;
	CHECK(!pthread_create(&t, NULL, scribble, &d));
	for (int i = 0; i < 3000; i++) {
		struct submitted r;
		cqe_t c;

		r = submit_call(fd, q, &d, 1, &c, 1, 1, now_ns() + SUBMIT_LIMIT_NS);
		CHECK_OK(r.ret);
		CHECK_EQ(r.cqes, 1);
		CHECK(c.status == MMAPDEMO_CQ_OK || c.status == MMAPDEMO_CQ_RANGE);
		if (c.status == MMAPDEMO_CQ_OK) {
			CHECK_EQ(c.bytes, 64);
			done++;
		}
	}
	stop = true;
	pthread_join(t, NULL);
	diag("%u of 3000 with the short length", done);
	CHECK_EQ(first_not(a.p + 64, 2 * PAGE - 64, 0), 2 * PAGE - 64);
}

/* --- two threads ---------------------------------------------------------------------------------- */

#define EACH	4000

struct party {
	int fd;
	u32 queue;
	u64 first;		/* of its numbers */
	unsigned char *seen;	/* by number, of all parties */
	u64 *collected;
};

/* Submits its own, and collects whosever come. */
static void *party_run(void *arg)
{
	struct party *p = arg;
	u32 sent = 0;
	sqe_t d[5];
	cqe_t c[7];

	while (sent < EACH || __atomic_load_n(p->collected, __ATOMIC_SEQ_CST) < 2 * EACH) {
		u32 num = EACH - sent < 5 ? EACH - sent : 5;
		struct submitted r;

		nops(d, num, p->first + sent);
		r = submit_call(p->fd, p->queue, d, num, c, 7, 0, 0);
		if (r.ret) {
			CHECK_RET(r.ret, -EAGAIN);
			continue;
		}
		sent += r.submitted;
		for (u32 i = 0; i < r.cqes; i++) {
			CHECK(c[i].user < 2 * EACH);
			CHECK_EQ(__atomic_fetch_add(&p->seen[c[i].user], 1, __ATOMIC_SEQ_CST), 0);
		}
		__atomic_fetch_add(p->collected, r.cqes, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void submit_by_two_threads_loses_and_doubles_nothing(const void *arg)
{
	int fd = dev_open(O_RDWR);
	static unsigned char seen[2 * EACH];
	u64 collected = 0;
	struct party p[2];
	pthread_t t;

	(void)arg;
	p[0] = (struct party){ fd, kqueue_get(fd, 4), 0, seen, &collected };
	p[1] = p[0];
	p[1].first = EACH;
	CHECK(!pthread_create(&t, NULL, party_run, &p[1]));
	party_run(&p[0]);
	CHECK(!pthread_join(t, NULL));
	CHECK_EQ(collected, 2 * EACH);
	CHECK_EQ(first_not(seen, sizeof(seen), 1), sizeof(seen));
}

/* --- limits ---------------------------------------------------------------------------------------- */

static void submit_queues_count_as_others_do(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_queue_create c = {
		.size = sizeof(c), .flags = MMAPDEMO_QUEUE_KERNEL, .log2n = LOG2N, .eventfd = -1,
	};
	u32 max = info_get(fd).out_max_queues, q[MMAPDEMO_QUEUE_COUNT_MAX];

	(void)arg;
	for (u32 i = 0; i < max; i++)
		q[i] = kqueue_get(fd, LOG2N);
	CHECK_RET(call(fd, MMAPDEMO_IOC_QUEUE_CREATE, &c), -EDQUOT);
	CHECK_OK(queue_destroy(fd, q[0]));
	q[0] = kqueue_get(fd, LOG2N);
	for (u32 i = 0; i < max; i++)
		CHECK_OK(queue_destroy(fd, q[i]));
}

/* A queue that is being made has no handle yet: 0 is none, and names none. */
struct nobody {
	int fd;
	volatile bool over;
	u32 found;
};

static void *nobody_submits(void *arg)
{
	struct nobody *n = arg;
	sqe_t nop = { .op = MMAPDEMO_OP_NOP };

	while (!n->over)
		n->found += submit_call(n->fd, 0, &nop, 1, NULL, 0, 0, 0).ret != -ENOENT;
	return NULL;
}

static void submit_finds_no_queue_that_is_being_made(const void *arg)
{
	struct nobody n = { .fd = dev_open(O_RDWR) };
	pthread_t t;

	(void)arg;
	CHECK(!pthread_create(&t, NULL, nobody_submits, &n));
	for (int i = 0; i < 300; i++)
		CHECK_OK(queue_destroy(n.fd, kqueue_get(n.fd, 3)));
	n.over = true;
	CHECK(!pthread_join(t, NULL));
	CHECK_EQ(n.found, 0);
}

void register_queue_submit(void)
{
	TEST_ADD(submit_moves_the_bytes_and_reports_them);
	TEST_ADD(submit_answers_a_bad_descriptor_and_goes_on);
	TEST_ADD(submit_reaches_windows_of_its_file_alone);
	TEST_ADD(submit_ring_and_doorbell_are_not_to_be_mapped);
	TEST_ADD(submit_queue_is_told_of_by_queue_info);
	TEST_ADD(submit_wrong_arguments_are_refused);
	TEST_ADD(submit_takes_what_there_is_room_for);
	TEST_ADD(submit_random_batches_complete_in_order);
	TEST_ADD(submit_rings_the_doorbell_once_a_call);
	TEST_ADD(submit_descriptors_that_can_be_read_are_submitted);
	TEST_ADD(submit_half_a_descriptor_is_none);
	TEST_ADD(submit_completion_that_cannot_be_stored_is_kept);
	TEST_ADD(submit_memory_that_is_not_present_is_served_once);
	TEST_ADD(submit_queues_in_turn_are_not_mistaken);
	TEST_ADD(submit_descriptor_is_copied_before_it_is_used);
	TEST_ADD(submit_by_two_threads_loses_and_doubles_nothing);
	TEST_ADD(submit_queues_count_as_others_do);
	TEST_ADD(submit_finds_no_queue_that_is_being_made);
}
