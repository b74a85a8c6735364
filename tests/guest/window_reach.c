// SPDX-License-Identifier: MIT
/*
 * window_reach.c - what a queue reaches through windows: all of its own memory of every technique,
 * byte by byte, and nothing of any other file, whatever ids it writes, whoever had them before.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "submit.h"

#define MIB	(1024 * 1024ULL)

/* Buffers from one page to what needs lists of lists; none may be contiguous by the contract. */
static const struct kind {
	const char *name;
	u32 technique;
	u64 len;
} kinds[] = {
	{ "bar", MMAPDEMO_TECH_BAR, 40 * PAGE },
	{ "pages", MMAPDEMO_TECH_PAGES, 64 * PAGE },
	{ "coherent", MMAPDEMO_TECH_COHERENT, 40 * PAGE },
	{ "vmalloc_page", MMAPDEMO_TECH_VMALLOC, PAGE },
	{ "vmalloc_pages", MMAPDEMO_TECH_VMALLOC, 40 * PAGE },
	/* 512 entries make a list page: one less, exactly, one more. */
	{ "vmalloc_511_pages", MMAPDEMO_TECH_VMALLOC, 511 * PAGE },
	{ "vmalloc_512_pages", MMAPDEMO_TECH_VMALLOC, 512 * PAGE },
	{ "vmalloc_513_pages", MMAPDEMO_TECH_VMALLOC, 513 * PAGE },
	{ "vmalloc_24_mib", MMAPDEMO_TECH_VMALLOC, 24 * MIB },
	{ "bar_fault", MMAPDEMO_TECH_BAR_FAULT, 40 * PAGE },
	{ "bar_huge", MMAPDEMO_TECH_BAR_HUGE, 2 * MIB + 3 * PAGE },
	{ "noncontig_page", MMAPDEMO_TECH_NONCONTIG, PAGE },
	{ "noncontig_513_pages", MMAPDEMO_TECH_NONCONTIG, 513 * PAGE },
	{ "userptr_page", MMAPDEMO_TECH_USERPTR, PAGE },
	{ "userptr_513_pages", MMAPDEMO_TECH_USERPTR, 513 * PAGE },
};

struct reach {
	int fd;
	struct queue q;
	struct mmapdemo_buf_alloc buf;
	char *p;
	struct area other;	/* the far side of every transfer */
};

static struct reach reach_get(const struct kind *k)
{
	struct reach r = { .fd = dev_open(O_RDWR) };

	if (window_is_refused_here(k->technique))
		test_skip("swiotlb=force: no window over this technique");
	r.q = queue_get(r.fd, 5);
	r.buf = memory_get(r.fd, k->technique, k->len, &r.p);
	r.other = area_get(r.fd, MMAPDEMO_TECH_BAR, k->len < 16 * MIB ? k->len : 16 * MIB,
			   WINDOW_RW);
	return r;
}

/* The whole buffer through one window, out and in, in pieces no longer than the far side. */
static void whole_buffer_is_reached(const void *arg)
{
	const struct kind *k = arg;
	struct reach r = reach_get(k);
	u32 w = window_get(r.fd, r.buf.out_handle, WINDOW_RW, 0, k->len);

	fill(r.p, k->len, 1);
	for (u64 at = 0; at < k->len; at += r.other.len) {
		u64 n = k->len - at < r.other.len ? k->len - at : r.other.len;
		sqe_t d = sqe_copy(r.other.window, 0, w, at, n);

		QUEUE_OK(&r.q, &d);
		CHECK(!memcmp(r.other.p, r.p + at, n));
		memset(r.p + at, 0, n);
		d = sqe_copy(w, at, r.other.window, 0, n);
		QUEUE_OK(&r.q, &d);
	}
	CHECK_EQ(differs(r.p, k->len, 1), k->len);
}

/* Windows over parts that begin and end anywhere: offset 0 of the window is where it says. */
static void parts_of_any_place_and_length_are_reached(const void *arg)
{
	const struct kind *k = arg;
	struct reach r = reach_get(k);
	u64 state = test_seed();

	fill(r.p, k->len, 2);
	for (int i = 0; i < 150; i++) {
		u64 off = rnd(&state) % k->len, len = 1 + rnd(&state) % (k->len - off), at, n;
		u32 w;
		sqe_t d;

		/* Some on page edges, and some that end with the buffer. */
		if (i % 4 == 0)
			off &= ~(PAGE - 1);
		if (i % 5 == 0)
			len = k->len - off;
		if (len > 3 * PAGE && i % 3)
			len = 1 + rnd(&state) % (3 * PAGE);
		w = window_get(r.fd, r.buf.out_handle, WINDOW_RW, off, len);
		at = rnd(&state) % len;
		n = 1 + rnd(&state) % (len - at);
		if (n > 5 * PAGE)
			n = 5 * PAGE;
		if (n > r.other.len)
			n = r.other.len;
		d = sqe_copy(r.other.window, 0, w, at, n);
		QUEUE_OK(&r.q, &d);
		CHECKF(!memcmp(r.other.p, r.p + off + at, n), "offset %llu + %llu, %llu bytes",
		       (unsigned long long)off, (unsigned long long)at, (unsigned long long)n);
		d = sqe_copy(w, at, r.other.window, 0, n);
		QUEUE_OK(&r.q, &d);
		/* One byte past either end is not. */
		d = sqe_crc(w, len, 1, 0);
		queue_expect(&r.q, &d, MMAPDEMO_CQ_RANGE, "behind the window");
		d = sqe_fill(w, len - 1, 2, 0);
		queue_expect(&r.q, &d, MMAPDEMO_CQ_RANGE, "across the window's end");
		CHECK_OK(window_destroy(r.fd, w));
	}
	CHECK_EQ(differs(r.p, k->len, 2), k->len);
}

static void window_over_region_mem_reaches_all_of_it(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	u32 w = window_get(fd, r.out_handle, WINDOW_RW, 0, r.out_len);
	struct queue q = queue_get(fd, 3);
	char *p = map_rw(fd, r.out_len, r.out_offset);
	sqe_t d = sqe_fill(w, r.out_len - PAGE - 1, PAGE + 1, 0x3333333333333333ULL);

	(void)arg;
	QUEUE_OK(&q, &d);
	CHECK_EQ(first_not(p + r.out_len - PAGE - 1, PAGE + 1, 0x33), PAGE + 1);
	CHECK_EQ(p[r.out_len - PAGE - 2], 0);
	d = sqe_copy(w, 0, w, r.out_len - PAGE, PAGE);
	QUEUE_OK(&q, &d);
	CHECK_EQ(first_not(p, PAGE, 0x33), PAGE);
	CHECK_EQ(first_not(p + PAGE, PAGE, 0), PAGE);
	d = sqe_fill(w, r.out_len - 7, 8, 0);
	queue_expect(&q, &d, MMAPDEMO_CQ_RANGE, "past the end of BAR2");
	/* And it is not for those who share the device. */
	close(fd);
}

/* --- other files ------------------------------------------------------------------------------------- */

/* Try every id of the device from this queue; only those of its own file answer. */
static void nothing_foreign_is_reached(struct queue *q, const struct area *own, u32 count)
{
	u32 first = q->tail, next = 0;

	while (next < count) {
		u32 begin = next;

		for (u32 i = 0; i < q->n && next < count; i++, next++) {
			sqe_t d = next & 1 ? sqe_copy(own->window, 0, next, 0, 1) :
				  sqe_fill(next, 0, 1, 0x99);

			queue_push(q, &d);
		}
		queue_kick(q);
		queue_wait(q, q->tail - 1);
		for (u32 w = begin; w < next; w++) {
			u32 status = ring_cqe(q, first + w)->status;

			if (w == own->window)
				CHECK_EQ(status, MMAPDEMO_CQ_OK);
			else if (status != MMAPDEMO_CQ_WINDOW)
				FAIL("window %u: %s, wanted WINDOW", w, status_word(status));
		}
	}
}

static void window_of_another_file_is_as_if_it_were_not_there(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	u32 count = info_get(fd).out_num_windows;
	struct queue q = queue_get(fd, 6), theirs = queue_get(other, 3);
	struct area own = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW), a[8];
	sqe_t d;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		a[i] = area_get(other, i & 1 ? MMAPDEMO_TECH_BAR : MMAPDEMO_TECH_COHERENT, PAGE,
				WINDOW_RW);
		memset(a[i].p, 0x51, PAGE);
	}
	nothing_foreign_is_reached(&q, &own, count);
	/* In a list it is the same, either side. */
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		struct mmapdemo_hw_sge *e = (void *)(own.p + 1024);

		*e = (struct mmapdemo_hw_sge){ a[i].window, 16, 0 };
		d = sqe_copy(own.window, 0, own.window, 1024, 16);
		d.nsrc = 1;
		queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "element of a source list");
		d = sqe_copy(own.window, 1024, own.window, 0, 16);
		d.ndst = 1;
		queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "element of a destination list");
		d = sqe_compare(own.window, 0, a[i].window, 0, 16);
		queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "comparing");
		d = sqe_crc(a[i].window, 0, 16, 0);
		queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "summing up");
	}
	for (size_t i = 0; i < ARRAY_SIZE(a); i++) {
		CHECK_EQ(first_not(a[i].p, PAGE, 0x51), PAGE);
		d = sqe_crc(a[i].window, 0, PAGE, 0);
		CHECK_EQ(QUEUE_OK(&theirs, &d).aux, crc32c(0, a[i].p, PAGE));
	}
}

/* A file has two queues: either may use all windows of the file. */
static void window_is_shared_by_the_queues_of_a_file(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct queue a, b;
	struct area m;
	sqe_t d;

	(void)arg;
	if (info_get(fd).out_max_queues < 2)
		test_skip("a file can have one queue only");
	a = queue_get(fd, 3);
	m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	b = queue_get(fd, 3);
	d = sqe_fill(m.window, 0, PAGE, 0x1212121212121212ULL);
	QUEUE_OK(&b, &d);
	d = sqe_compare(m.window, 0, m.window, 8, PAGE - 8);
	QUEUE_OK(&a, &d);
	queue_put(&a);
	QUEUE_OK(&b, &d);
}

/*
 * Files come and go, protection domains and ids are given out again: nobody reaches what a file
 * before had, nor what one that lives has.
 */
static void window_ids_of_files_gone_are_worth_nothing(const void *arg)
{
	int live = dev_open(O_RDWR);
	u32 count = info_get(live).out_num_windows;
	struct area kept = area_get(live, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);

	(void)arg;
	memset(kept.p, 0x52, PAGE);
	for (int round = 0; round < 60; round++) {
		int fd = dev_open(O_RDWR);
		struct queue q = queue_get(fd, 6);
		struct area own = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW), more;

		if (round % 20 == 19)
			nothing_foreign_is_reached(&q, &own, count);
		for (int i = 0; i < 4; i++) {
			more = area_get(fd, MMAPDEMO_TECH_BAR, PAGE, WINDOW_RW);
			unmap(more.p, PAGE);
		}
		/* Each ends in another way: with all it has, or after it has given some back. */
		if (round & 1)
			CHECK_OK(window_destroy(fd, own.window));
		if (round & 2)
			queue_put(&q);
		else
			queue_unmap(&q);
		unmap(own.p, PAGE);
		close(fd);
	}
	CHECK_EQ(first_not(kept.p, PAGE, 0x52), PAGE);
}

/* --- destroyed while the device uses it ---------------------------------------------------------------- */

struct load {
	struct queue *q;
	const struct area *to, *from;
	volatile bool over;
	u32 done, failed;
};

/* Transfers without a pause, until one is refused. */
static void *load_run(void *arg)
{
	struct load *l = arg;

	while (!l->over) {
		u32 first = l->q->tail;

		for (u32 i = 0; i < l->q->n; i++) {
			sqe_t d = sqe_copy(l->to->window, 0, l->from->window, 0, l->to->len);

			queue_push(l->q, &d);
		}
		queue_kick(l->q);
		for (u32 i = 0; i < l->q->n; i++) {
			u32 status = queue_wait(l->q, first + i).status;

			if (status == MMAPDEMO_CQ_OK) {
				CHECKF(!l->failed, "OK after the window had been refused");
				__atomic_add_fetch(&l->done, 1, __ATOMIC_RELAXED);
			} else {
				CHECKF(status == MMAPDEMO_CQ_ABORTED ||
				       status == MMAPDEMO_CQ_WINDOW,
				       "status %s", status_word(status));
				l->failed++;
			}
		}
		if (l->failed)
			l->over = true;
	}
	return NULL;
}

static void window_destroyed_under_transfers_moves_no_byte_afterwards(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 4);
	struct area from = area_get(fd, MMAPDEMO_TECH_BAR, 4 * MIB, WINDOW_RW);
	u32 cut_short = 0;

	(void)arg;
	for (int round = 0; round < 12; round++) {
		struct area to = area_get(fd, MMAPDEMO_TECH_COHERENT, 2 * MIB, WINDOW_RW);
		struct load l = { .q = &q, .to = &to, .from = &from };
		pthread_t t;

		fill(from.p, from.len, round);
		CHECK(!pthread_create(&t, NULL, load_run, &l));
		while (!__atomic_load_n(&l.done, __ATOMIC_RELAXED))
			sched_yield();
		if (round & 1)
			sleep_ms(round % 5);
		CHECK_OK(window_destroy(fd, to.window));
		/* From here on this memory is the owner's alone. */
		memset(to.p, 0x53, to.len);
		pthread_join(t, NULL);
		CHECK_EQ(first_not(to.p, to.len, 0x53), to.len);
		CHECK(l.failed > 0);
		cut_short += l.failed;
		unmap(to.p, to.len);
		CHECK_OK(buf_free(fd, to.handle));
		CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_RUNNING);
	}
	diag("%u transfers were refused or cut short", cut_short);
}

/* The id given out again at once, over other memory, while old descriptors still name it. */
static void window_made_anew_under_transfers_is_the_new_one_or_none(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 4);
	struct area src = area_get(fd, MMAPDEMO_TECH_BAR, 64 * PAGE, WINDOW_RW);
	struct area dst = area_get(fd, MMAPDEMO_TECH_COHERENT, 64 * PAGE, WINDOW_RW);

	(void)arg;
	memset(src.p, 0x10, src.len);
	for (int round = 0; round < 300; round++) {
		u32 first = q.tail;

		for (u32 i = 0; i < q.n; i++) {
			sqe_t d = sqe_copy(dst.window, i * PAGE, src.window, i * PAGE, PAGE);

			queue_push(&q, &d);
		}
		queue_kick(&q);
		CHECK_OK(window_destroy(fd, src.window));
		src.window = window_get(fd, src.handle, WINDOW_RW, 0, src.len);
		for (u32 i = 0; i < q.n; i++) {
			u32 s = queue_wait(&q, first + i).status;

			CHECKF(s == MMAPDEMO_CQ_OK || s == MMAPDEMO_CQ_WINDOW ||
			       s == MMAPDEMO_CQ_ABORTED, "status %s", status_word(s));
			if (s == MMAPDEMO_CQ_OK)
				CHECK_EQ(first_not(dst.p + i * PAGE, PAGE, 0x10), PAGE);
		}
	}
}

static void kind_add(test_fn fn, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		test_add(fn, &kinds[i], 20000, "window_%s_%s", kinds[i].name, what);
}

void register_window_reach(void)
{
	kind_add(whole_buffer_is_reached, "whole_buffer_is_reached");
	kind_add(parts_of_any_place_and_length_are_reached,
		 "parts_of_any_place_and_length_are_reached");
	TEST_ADD_SLOW(window_over_region_mem_reaches_all_of_it, 20000);
	TEST_ADD(window_of_another_file_is_as_if_it_were_not_there);
	TEST_ADD(window_is_shared_by_the_queues_of_a_file);
	TEST_ADD_SLOW(window_ids_of_files_gone_are_worth_nothing, 20000);
	TEST_ADD_SLOW(window_destroyed_under_transfers_moves_no_byte_afterwards, 20000);
	TEST_ADD_SLOW(window_made_anew_under_transfers_is_the_new_one_or_none, 20000);
}
