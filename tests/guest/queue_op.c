// SPDX-License-Identifier: MIT
/*
 * queue_op.c - what a queue does for its owner: every operation with its data verified, and lists.
 *
 * Not for: order and the ring itself, see queue_order.c; descriptors that must not work, queue_forge.c.
 */
#include <stdlib.h>
#include <string.h>

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

/* Lengths and places around words, cache lines, pages and the ends. */
static const struct { u32 off, len; } spots[] = {
	{ 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 4 }, { 0, 7 }, { 0, 8 }, { 0, 9 }, { 1, 1 }, { 3, 5 },
	{ 7, 64 }, { 63, 2 }, { 64, 64 }, { 4095, 1 }, { 4095, 2 }, { 4096, 4096 }, { 4001, 4200 },
	{ 0, LEN }, { 1, LEN - 1 }, { 0, LEN - 1 }, { LEN - 1, 1 }, { LEN - 4097, 4097 },
	{ 12345, 16385 },
};

static void only_this_was_written(const struct area *a, u32 off, u32 len)
{
	size_t at = first_not(a->p, off, GUARD);

	if (at != off)
		FAIL("byte %#zx before the target was written", at);
	at = first_not(a->p + off + len, a->len - off - len, GUARD);
	if (at != a->len - off - len)
		FAIL("byte +%#zx behind the target was written", at);
}

static void queue_copy_moves_every_byte_and_no_other(const void *arg)
{
	struct pair p = pair_get(4);
	char *want = malloc(LEN);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(spots); i++) {
		u32 off = spots[i].off, len = spots[i].len, to = (off * 7 + 13) % (LEN - len + 1);
		sqe_t there = sqe_copy(p.d.window, to, p.m.window, off, len);
		sqe_t back = sqe_copy(p.m.window, off, p.d.window, to, len);

		fill(want, len, i);
		memset(p.m.p, GUARD, LEN);
		memset(p.d.p, GUARD, LEN);
		memcpy(p.m.p + off, want, len);
		QUEUE_OK(&p.q, &there);
		CHECK(!memcmp(p.d.p + to, want, len));
		CHECK(!memcmp(p.m.p + off, want, len));
		only_this_was_written(&p.d, to, len);
		only_this_was_written(&p.m, off, len);
		memset(p.m.p, GUARD, LEN);
		QUEUE_OK(&p.q, &back);
		CHECK(!memcmp(p.m.p + off, want, len));
		only_this_was_written(&p.m, off, len);
		only_this_was_written(&p.d, to, len);
	}
}

static void queue_fill_writes_the_pattern_and_no_other_byte(const void *arg)
{
	static const unsigned char pattern[8] = { 1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef };
	struct pair p = pair_get(4);
	u64 word;

	(void)arg;
	memcpy(&word, pattern, 8);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(spots); i++) {
		struct area *a = i & 1 ? &p.m : &p.d;
		u32 off = spots[i / 2].off, len = spots[i / 2].len;
		sqe_t d = sqe_fill(a->window, off, len, word);

		memset(a->p, GUARD, LEN);
		QUEUE_OK(&p.q, &d);
		for (u32 k = 0; k < len; k++)
			CHECKF((unsigned char)a->p[off + k] == pattern[k % 8],
			       "%u bytes at %u: byte %u is %#x", len, off, k,
			       (unsigned char)a->p[off + k]);
		only_this_was_written(a, off, len);
	}
}

static void queue_compare_tells_the_first_difference(const void *arg)
{
	struct pair p = pair_get(4);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(spots); i++) {
		u32 off = spots[i].off, len = spots[i].len, at = len * 5 / 7;
		sqe_t d = sqe_compare(p.m.window, off, p.d.window, off, len);
		cqe_t c;

		fill(p.m.p, LEN, i);
		fill(p.d.p, LEN, i);
		QUEUE_OK(&p.q, &d);
		p.d.p[off + at] ^= 0x10;
		/* A later difference, and ones outside, make no difference. */
		p.m.p[off + len - 1] ^= at == len - 1 ? 0 : 0x20;
		if (off)
			p.m.p[off - 1] ^= 1;
		c = queue_expect(&p.q, &d, MMAPDEMO_CQ_MISCOMPARE, "compare");
		CHECK_EQ(c.aux, at);
		CHECK_EQ(c.bytes, at);
	}
}

static void queue_compare_writes_nothing(const void *arg)
{
	struct pair p = pair_get(4);
	sqe_t d = sqe_compare(p.m.window, 0, p.d.window, 0, LEN);

	(void)arg;
	fill(p.m.p, LEN, 1);
	fill(p.d.p, LEN, 2);
	queue_expect(&p.q, &d, MMAPDEMO_CQ_MISCOMPARE, "compare");
	CHECK_EQ(differs(p.m.p, LEN, 1), LEN);
	CHECK_EQ(differs(p.d.p, LEN, 2), LEN);
}

static void queue_crc32c_is_the_standard_one(const void *arg)
{
	struct pair p = pair_get(4);
	sqe_t d = sqe_crc(p.m.window, 0, 9, 0);

	(void)arg;
	memcpy(p.m.p, "123456789", 9);
	CHECK_EQ(QUEUE_OK(&p.q, &d).aux, 0xe3069283);
	CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283);
	for (size_t i = 0; i < 2 * ARRAY_SIZE(spots); i++) {
		struct area *a = i & 1 ? &p.m : &p.d;
		u32 off = spots[i / 2].off, len = spots[i / 2].len, cut = len / 3;
		u32 want, first;

		fill(a->p, LEN, i);
		want = crc32c(0, a->p + off, len);
		d = sqe_crc(a->window, off, len, 0);
		CHECK_EQ(QUEUE_OK(&p.q, &d).aux, want);
		/* In two pieces it is the same. */
		if (!cut)
			continue;
		d = sqe_crc(a->window, off, cut, 0);
		first = QUEUE_OK(&p.q, &d).aux;
		d = sqe_crc(a->window, off + cut, len - cut, first);
		CHECK_EQ(QUEUE_OK(&p.q, &d).aux, want);
	}
}

/* Longer than any slice in which the device may do it. */
static void queue_crc32c_and_copy_of_megabytes_are_right(const void *arg)
{
	const u32 len = 3 * 1024 * 1024 + 4097;
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct area a = area_get(fd, MMAPDEMO_TECH_BAR, 4 * 1024 * 1024, WINDOW_RW);
	struct area b = area_get(fd, MMAPDEMO_TECH_COHERENT, 4 * 1024 * 1024, WINDOW_RW);
	sqe_t d = sqe_copy(b.window, 5, a.window, 11, len);

	(void)arg;
	fill(a.p, a.len, 3);
	QUEUE_OK(&q, &d);
	CHECK(!memcmp(b.p + 5, a.p + 11, len));
	CHECK_EQ(first_not(b.p, 5, 0), 5);
	CHECK_EQ(first_not(b.p + 5 + len, b.len - 5 - len, 0), b.len - 5 - len);
	d = sqe_crc(b.window, 5, len, 0x12345678);
	CHECK_EQ(QUEUE_OK(&q, &d).aux, crc32c(0x12345678, b.p + 5, len));
	d = sqe_compare(a.window, 11, b.window, 5, len);
	QUEUE_OK(&q, &d);
	b.p[5 + len - 1] ^= 1;
	CHECK_EQ(queue_expect(&q, &d, MMAPDEMO_CQ_MISCOMPARE, "compare").aux, len - 1);
}

static void queue_nop_answers_and_touches_nothing(const void *arg)
{
	struct pair p = pair_get(3);
	sqe_t d = { .op = MMAPDEMO_OP_NOP, .user = 0xfedcba9876543210ULL };
	cqe_t c;

	(void)arg;
	for (int i = 0; i < 50; i++) {
		c = QUEUE_OK(&p.q, &d);
		CHECK_EQ(c.bytes, 0);
	}
	only_this_was_written(&p.m, 0, 0);
	only_this_was_written(&p.d, 0, 0);
}

static void queue_timed_copies_and_tells_the_time(const void *arg)
{
	struct pair p = pair_get(3);
	sqe_t d = sqe_copy(p.d.window, 0, p.m.window, 0, PAGE);
	cqe_t c;

	(void)arg;
	d.op = MMAPDEMO_OP_TIMED;
	d.arg = 100;
	fill(p.m.p, PAGE, 9);
	c = QUEUE_OK(&p.q, &d);
	CHECK_EQ(differs(p.d.p, PAGE, 9), PAGE);
	only_this_was_written(&p.d, 0, PAGE);
	/* 400 KiB: neither no time at all, nor more than a second. */
	CHECK(c.aux > 0 && c.aux < 1000000000);
	/* More bytes than one of them may move: none is moved. */
	memset(p.d.p, GUARD, LEN);
	d.arg = MMAPDEMO_TIMED_MAX / PAGE + 1;
	c = queue_do(&p.q, &d);
	CHECK(c.status != MMAPDEMO_CQ_OK);
	only_this_was_written(&p.d, 0, 0);
	d.arg = 1ULL << 52;
	CHECK(queue_do(&p.q, &d).status != MMAPDEMO_CQ_OK);
	only_this_was_written(&p.d, 0, 0);
}

/* --- lists ----------------------------------------------------------------------------------------- */

/*
 * n elements of one window, in an order that is not the memory's. Lengths differ, and from one list
 * to the other; their sum does not. 7 has no common factor with any n used here.
 */
static u32 list_make(struct mmapdemo_hw_sge *e, u32 n, u32 window, u32 first)
{
	u32 sum = 0, piece = LEN / n;

	for (u32 i = 0; i < n; i++) {
		u32 slot = (i * 7 + first) % n, less = (first & 2 ? n - 1 - i : i) % 7;

		e[i] = (struct mmapdemo_hw_sge){ window, piece - less, (u64)slot * piece };
		sum += e[i].len;
	}
	return sum;
}

static void list_gather(char *to, const struct area *a, const struct mmapdemo_hw_sge *e, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		memcpy(to, a->p + e[i].off, e[i].len);
		to += e[i].len;
	}
}

static void queue_lists_of_every_length_move_the_right_bytes(const void *arg)
{
	static const u32 counts[] = { 1, 2, 3, 8, 64, 65, 128, 255, 256 };
	struct pair p = pair_get(4);
	struct area l = area_get(p.fd, MMAPDEMO_TECH_COHERENT, 4 * PAGE, MMAPDEMO_WINDOW_READ);
	struct mmapdemo_hw_sge *src = (void *)l.p, *dst = (void *)(l.p + 2 * PAGE);
	char *want = malloc(LEN), *got = malloc(LEN);
	u32 sum;

	(void)arg;
	for (size_t i = 0; i < 3 * ARRAY_SIZE(counts); i++) {
		u32 n = counts[i / 3];
		sqe_t d = sqe_copy(p.d.window, 0, p.m.window, 0, 0);

		fill(p.m.p, LEN, i);
		memset(p.d.p, GUARD, LEN);
		sum = list_make(src, n, p.m.window, 1);
		list_make(dst, n, p.d.window, 3);
		d.len = sum;
		if (i % 3 != 1) {
			d.nsrc = n;
			d.src_win = l.window;
			d.src_off = 0;
		}
		if (i % 3 != 0) {
			d.ndst = n;
			d.dst_win = l.window;
			d.dst_off = 2 * PAGE;
		}
		QUEUE_OK(&p.q, &d);
		memcpy(want, p.m.p, sum);
		if (d.nsrc)
			list_gather(want, &p.m, src, n);
		memcpy(got, p.d.p, sum);
		if (d.ndst)
			list_gather(got, &p.d, dst, n);
		CHECKF(!memcmp(want, got, sum), "%u elements, variant %zu: byte %zu differs", n,
		       i % 3, differs(got, sum, i));
		if (d.nsrc) {
			d = sqe_crc(l.window, 0, sum, 0);
			d.nsrc = n;
			CHECK_EQ(QUEUE_OK(&p.q, &d).aux, crc32c(0, want, sum));
		}
	}
}

void register_queue_op(void)
{
	TEST_ADD_SLOW(queue_copy_moves_every_byte_and_no_other, 20000);
	TEST_ADD(queue_fill_writes_the_pattern_and_no_other_byte);
	TEST_ADD(queue_compare_tells_the_first_difference);
	TEST_ADD(queue_compare_writes_nothing);
	TEST_ADD_SLOW(queue_crc32c_is_the_standard_one, 20000);
	TEST_ADD_SLOW(queue_crc32c_and_copy_of_megabytes_are_right, 20000);
	TEST_ADD(queue_nop_answers_and_touches_nothing);
	TEST_ADD(queue_timed_copies_and_tells_the_time);
	TEST_ADD(queue_lists_of_every_length_move_the_right_bytes);
}
