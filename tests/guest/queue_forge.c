// SPDX-License-Identifier: MIT
/*
 * queue_forge.c - descriptors and lists that are wrong in one thing: each gets its status, moves no
 * byte that it must not, and the next one is served.
 *
 * Not for: attacks on the ring itself, see queue_hostile.c; on other files' windows, window_reach.c.
 */
#include <string.h>
#include <unistd.h>

#include "queue.h"

#define LEN	(4 * PAGE)
#define GUARD	0x5e
/* The window begins and ends within pages, and around it lies what nobody may touch. */
#define WIN_OFF	(PAGE + 100)
#define WIN_LEN	5000

struct target {
	int fd;
	struct queue q;
	struct area m, d;	/* windows over WIN_OFF .. WIN_OFF + WIN_LEN only */
	struct area l;		/* for lists; the device may read it */
};

static struct area area_part(int fd, u32 technique)
{
	struct area a = area_get(fd, technique, LEN, WINDOW_RW);

	CHECK_OK(window_destroy(fd, a.window));
	a.window = window_get(fd, a.handle, WINDOW_RW, WIN_OFF, WIN_LEN);
	memset(a.p, GUARD, LEN);
	return a;
}

static struct target target_get(void)
{
	struct target t = { .fd = dev_open(O_RDWR) };

	t.q = queue_get(t.fd, 4);
	t.m = area_part(t.fd, MMAPDEMO_TECH_COHERENT);
	t.d = area_part(t.fd, MMAPDEMO_TECH_BAR);
	t.l = area_get(t.fd, MMAPDEMO_TECH_COHERENT, 4 * PAGE, MMAPDEMO_WINDOW_READ);
	return t;
}

static void untouched(const struct target *t, const char *what)
{
	size_t m = first_not(t->m.p, LEN, GUARD), d = first_not(t->d.p, LEN, GUARD);

	CHECKF(m == LEN, "%s: byte %#zx of memory was written", what, m);
	CHECKF(d == LEN, "%s: byte %#zx of device memory was written", what, d);
}

/* Refused with this status, without a trace, and the queue goes on. */
static void forged(struct target *t, const sqe_t *d, u32 status, const char *what)
{
	u64 failed = counter(t->fd, MMAPDEMO_REG_CNT_Q_FAILED);
	sqe_t nop = { .op = MMAPDEMO_OP_NOP, .user = 7 };
	cqe_t c = queue_expect(&t->q, d, status, what);

	CHECK_EQ(c.bytes, 0);
	CHECK_EQ(counter(t->fd, MMAPDEMO_REG_CNT_Q_FAILED) - failed, 1);
	untouched(t, what);
	QUEUE_OK(&t->q, &nop);
}

#define FORGED(t, d, status, change) do {				\
	sqe_t forged_ = (d);						\
									\
	forged_.change;							\
	forged(t, &forged_, MMAPDEMO_CQ_##status, #d ": " #change);	\
} while (0)

static void queue_forged_opcode_or_reserved_is_told(const void *arg)
{
	struct target t = target_get();
	sqe_t copy = sqe_copy(t.d.window, 0, t.m.window, 0, 64);
	sqe_t fill_ = sqe_fill(t.d.window, 0, 64, 1);
	sqe_t crc = sqe_crc(t.m.window, 0, 64, 0);
	sqe_t nop = { .op = MMAPDEMO_OP_NOP };

	(void)arg;
	for (unsigned int op = MMAPDEMO_OP_MAX + 1; op < 256; op += op < 16 ? 1 : 13)
		FORGED(&t, copy, OPCODE, op = op);
	FORGED(&t, copy, OPCODE, op = 255);
	FORGED(&t, copy, RESERVED, reserved0 = 1);
	FORGED(&t, copy, RESERVED, reserved0 = 0x80);
	FORGED(&t, copy, RESERVED, reserved1 = 1);
	FORGED(&t, copy, RESERVED, reserved1 = 0x8000);
	FORGED(&t, copy, RESERVED, reserved2 = 1);
	FORGED(&t, copy, RESERVED, reserved2 = 0x80000000);
	FORGED(&t, copy, RESERVED, reserved3 = 1);
	FORGED(&t, copy, RESERVED, reserved3 = 1ULL << 63);
	/* What an operation does not use is reserved too. */
	FORGED(&t, copy, RESERVED, arg = 1);
	FORGED(&t, fill_, RESERVED, src_win = t.m.window + 1);
	FORGED(&t, fill_, RESERVED, src_off = 8);
	FORGED(&t, fill_, RESERVED, nsrc = 1);
	FORGED(&t, crc, RESERVED, dst_win = t.d.window + 1);
	FORGED(&t, crc, RESERVED, dst_off = 8);
	FORGED(&t, crc, RESERVED, ndst = 1);
	FORGED(&t, nop, RESERVED, dst_off = 1);
	FORGED(&t, nop, RESERVED, arg = 1);
}

static void queue_forged_length_is_told(const void *arg)
{
	static const u32 bad[] = {
		0, MMAPDEMO_QUEUE_MAX_LEN + 1, 0x02000000, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	struct target t = target_get();
	sqe_t copy = sqe_copy(t.d.window, 0, t.m.window, 0, 64);
	sqe_t fill_ = sqe_fill(t.d.window, 0, 64, 1);
	sqe_t cmp = sqe_compare(t.d.window, 0, t.m.window, 0, 64);
	sqe_t crc = sqe_crc(t.m.window, 0, 64, 0);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		FORGED(&t, copy, LENGTH, len = bad[i]);
		FORGED(&t, fill_, LENGTH, len = bad[i]);
		FORGED(&t, cmp, LENGTH, len = bad[i]);
		FORGED(&t, crc, LENGTH, len = bad[i]);
	}
}

/* Offsets and lengths around the window's ends, and ones whose sum overflows. */
static void queue_forged_range_is_told_and_the_neighbours_stay(const void *arg)
{
	static const struct { u64 off; u32 len; } bad[] = {
		{ 0, WIN_LEN + 1 }, { 1, WIN_LEN }, { WIN_LEN, 1 }, { WIN_LEN - 1, 2 },
		{ WIN_LEN + 1, 1 }, { WIN_LEN - 63, 64 }, { LEN, 64 }, { 0, LEN },
		{ 0, MMAPDEMO_QUEUE_MAX_LEN }, { 1ULL << 32, 64 }, { 1ULL << 63, 64 },
		{ ~0ULL, 1 }, { ~0ULL, 2 }, { ~0ULL - 63, 64 }, { -(u64)WIN_OFF, 64 },
		{ -64ULL, 64 }, { -64ULL, 128 }, { (u64)-WIN_LEN, WIN_LEN },
		{ 0xfffffffffffff000ULL, 0x2000 },
	};
	struct target t = target_get();

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		sqe_t to = sqe_copy(t.d.window, bad[i].off, t.m.window, 0, bad[i].len);
		sqe_t from = sqe_copy(t.d.window, 0, t.m.window, bad[i].off, bad[i].len);
		sqe_t to_mem = sqe_copy(t.m.window, bad[i].off, t.d.window, 0, bad[i].len);
		sqe_t fill_ = sqe_fill(t.m.window, bad[i].off, bad[i].len, 0x1111111111111111ULL);
		sqe_t crc = sqe_crc(t.m.window, bad[i].off, bad[i].len, 0);
		sqe_t cmp = sqe_compare(t.m.window, 0, t.d.window, bad[i].off, bad[i].len);

		forged(&t, &to, MMAPDEMO_CQ_RANGE, "destination in device memory");
		forged(&t, &from, MMAPDEMO_CQ_RANGE, "source in memory");
		forged(&t, &to_mem, MMAPDEMO_CQ_RANGE, "destination in memory");
		forged(&t, &fill_, MMAPDEMO_CQ_RANGE, "fill");
		forged(&t, &crc, MMAPDEMO_CQ_RANGE, "crc");
		forged(&t, &cmp, MMAPDEMO_CQ_RANGE, "compare");
	}
}

/* The whole window, and not one byte more: the bytes before and behind stay. */
static void queue_whole_window_is_reached_and_nothing_else(const void *arg)
{
	struct target t = target_get();
	sqe_t f = sqe_fill(t.m.window, 0, WIN_LEN, 0x1111111111111111ULL);
	sqe_t c = sqe_copy(t.d.window, 0, t.m.window, 0, WIN_LEN);
	const struct area *both[] = { &t.m, &t.d };

	(void)arg;
	QUEUE_OK(&t.q, &f);
	QUEUE_OK(&t.q, &c);
	for (int i = 0; i < 2; i++) {
		const char *p = both[i]->p;

		CHECK_EQ(first_not(p, WIN_OFF, GUARD), WIN_OFF);
		CHECK_EQ(first_not(p + WIN_OFF, WIN_LEN, 0x11), WIN_LEN);
		CHECK_EQ(first_not(p + WIN_OFF + WIN_LEN, LEN - WIN_OFF - WIN_LEN, GUARD),
			 LEN - WIN_OFF - WIN_LEN);
	}
}

static void queue_forged_window_is_told(const void *arg)
{
	struct target t = target_get();
	u32 count = info_get(t.fd).out_num_windows;
	const u32 bad[] = {
		count, count + 1, 0xffff, 0x10000, 0x10000 | t.m.window, 0x7fffffff, 0x80000000,
		0x80000000 | t.m.window, 0x08000000 | t.m.window, 0xfffffffe, 0xffffffff,
	};
	sqe_t copy = sqe_copy(t.d.window, 0, t.m.window, 0, 64);
	sqe_t fill_ = sqe_fill(t.d.window, 0, 64, 1);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		FORGED(&t, copy, WINDOW, src_win = bad[i]);
		FORGED(&t, copy, WINDOW, dst_win = bad[i]);
		FORGED(&t, fill_, WINDOW, dst_win = bad[i]);
	}
	/* Every id there is but the file's own three. */
	for (u32 w = 0; w < count; w++) {
		sqe_t d = sqe_copy(t.d.window, 0, w, 0, 1);

		if (w == t.m.window || w == t.d.window || w == t.l.window)
			continue;
		queue_expect(&t.q, &d, MMAPDEMO_CQ_WINDOW, "a window nobody has");
	}
	untouched(&t, "every id");
}

static void queue_forged_access_is_told(const void *arg)
{
	struct target t = target_get();
	u32 ro = window_get(t.fd, t.m.handle, MMAPDEMO_WINDOW_READ, 0, LEN);
	u32 wo = window_get(t.fd, t.m.handle, MMAPDEMO_WINDOW_WRITE, 0, LEN);
	sqe_t copy = sqe_copy(t.d.window, 0, t.m.window, 0, 64);
	sqe_t fill_ = sqe_fill(t.d.window, 0, 64, 1);
	sqe_t cmp = sqe_compare(t.d.window, 0, t.m.window, 0, 64);
	sqe_t crc = sqe_crc(t.m.window, 0, 64, 0);
	sqe_t ok;

	(void)arg;
	FORGED(&t, copy, ACCESS, src_win = wo);
	FORGED(&t, copy, ACCESS, dst_win = ro);
	FORGED(&t, fill_, ACCESS, dst_win = ro);
	/* Either side of a comparison is read. */
	FORGED(&t, cmp, ACCESS, src_win = wo);
	FORGED(&t, cmp, ACCESS, dst_win = wo);
	FORGED(&t, crc, ACCESS, src_win = wo);
	/* And what they are for works. */
	ok = sqe_crc(ro, 0, 64, 0);
	QUEUE_OK(&t.q, &ok);
	ok = sqe_fill(wo, 0, 64, 0);
	QUEUE_OK(&t.q, &ok);
	CHECK_EQ(first_not(t.m.p, 64, 0), 64);
}

/* --- lists that lie ------------------------------------------------------------------------------- */

struct lie {
	const char *what;
	u32 status;
	u32 at;			/* element that is wrong; ~0: none in particular */
	u32 n;
	struct mmapdemo_hw_sge bad;	/* in place of element `at` */
	int len;		/* what the descriptor says, less the sum */
};

#define PIECE	16u
#define OURS	HANDLE_NONE	/* stands for the window that is not known yet */
#define NOBODYS	0xfffff0u

/* A copy out of memory, whose list is wrong in one thing; what goes before it may have moved. */
static void lie_tell(struct target *t, const struct lie *l)
{
	struct mmapdemo_hw_sge *e = (void *)t->l.p;
	sqe_t d = sqe_copy(t->d.window, 0, t->l.window, 0, 0);
	u32 limit;
	cqe_t c;

	memset(t->d.p, GUARD, LEN);
	for (u32 i = 0; i < l->n; i++) {
		e[i] = (struct mmapdemo_hw_sge){ t->m.window, PIECE, i * PIECE };
		d.len += PIECE;
	}
	if (l->at != ~0u) {
		e[l->at] = l->bad;
		if (e[l->at].win == OURS)
			e[l->at].win = t->m.window;
	}
	d.len += l->len;
	d.nsrc = l->n;
	c = queue_expect(&t->q, &d, l->status, l->what);
	limit = l->at == ~0u ? l->n * PIECE : l->at * PIECE;
	CHECKF(c.bytes <= limit, "%s: %u bytes", l->what, c.bytes);
	if (l->at != ~0u && l->status != MMAPDEMO_CQ_OK)
		CHECKF(c.detail == l->at, "%s: detail %u, wanted %u", l->what, c.detail, l->at);
	/* Not one byte outside of the window, nor beyond what a right list could have moved. */
	CHECK_EQ(first_not(t->d.p, WIN_OFF, GUARD), WIN_OFF);
	CHECK_EQ(first_not(t->d.p + WIN_OFF + limit, LEN - WIN_OFF - limit, GUARD),
		 LEN - WIN_OFF - limit);
	CHECK_EQ(first_not(t->m.p, LEN, GUARD), LEN);
}

static void queue_forged_lists_are_told(const void *arg)
{
	static const struct lie lies[] = {
		{ "no lie", MMAPDEMO_CQ_OK, ~0u, 200, { 0, 0, 0 }, 0 },
		{ "sum too small", MMAPDEMO_CQ_LIST, ~0u, 10, { 0, 0, 0 }, 1 },
		{ "sum too large", MMAPDEMO_CQ_LIST, ~0u, 10, { 0, 0, 0 }, -1 },
		{ "first empty", MMAPDEMO_CQ_LIST, 0, 10, { OURS, 0, 0 }, -(int)PIECE },
		{ "middle empty", MMAPDEMO_CQ_LIST, 5, 10, { OURS, 0, 0 }, -(int)PIECE },
		{ "last empty", MMAPDEMO_CQ_LIST, 99, 100, { OURS, 0, 0 }, -(int)PIECE },
		{ "no window", MMAPDEMO_CQ_WINDOW, 3, 10, { NOBODYS, PIECE, 0 }, 0 },
		{ "no window, late", MMAPDEMO_CQ_WINDOW, 150, 200, { NOBODYS, PIECE, 0 }, 0 },
		{ "outside", MMAPDEMO_CQ_RANGE, 4, 10, { OURS, PIECE, WIN_LEN - 15 }, 0 },
		{ "far outside", MMAPDEMO_CQ_RANGE, 4, 10, { OURS, PIECE, 1ULL << 63 }, 0 },
		{ "wrapping", MMAPDEMO_CQ_RANGE, 4, 10, { OURS, PIECE, -8ULL }, 0 },
	};
	struct target t = target_get();

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++)
		lie_tell(&t, &lies[i]);
}

static void queue_forged_list_headers_are_told(const void *arg)
{
	struct target t = target_get();
	struct mmapdemo_hw_sge *e = (void *)t.l.p;
	u32 wo = window_get(t.fd, t.l.handle, MMAPDEMO_WINDOW_WRITE, 0, PAGE);
	sqe_t d = sqe_copy(t.d.window, 0, t.l.window, 0, 160);
	sqe_t to = sqe_copy(t.l.window, 0, t.m.window, 0, 160);

	(void)arg;
	for (u32 i = 0; i < 1024; i++)
		e[i] = (struct mmapdemo_hw_sge){ t.m.window, PIECE, 0 };
	d.nsrc = 10;
	to.ndst = 10;
	FORGED(&t, d, LIST, nsrc = MMAPDEMO_QUEUE_MAX_LIST + 1);
	FORGED(&t, d, LIST, nsrc = 0xffff);
	FORGED(&t, to, LIST, ndst = MMAPDEMO_QUEUE_MAX_LIST + 1);
	FORGED(&t, to, LIST, ndst = 0xffff);
	/* The list itself lies in a window, with all that is asked of one. */
	FORGED(&t, d, WINDOW, src_win = 0xffffff);
	FORGED(&t, to, WINDOW, dst_win = 0xffffff);
	FORGED(&t, d, RANGE, src_off = 4 * PAGE - 9 * 16);
	FORGED(&t, d, RANGE, src_off = 4 * PAGE);
	FORGED(&t, d, RANGE, src_off = -160ULL);
	FORGED(&t, to, RANGE, dst_off = 4 * PAGE - 9 * 16);
	FORGED(&t, d, ACCESS, src_win = wo);
	FORGED(&t, to, ACCESS, dst_win = wo);
	/* Elements have to be writable where they are written: the list's own window is not. */
	e[0].win = t.l.window;
	forged(&t, &to, MMAPDEMO_CQ_ACCESS, "element that may not be written");
}

void register_queue_forge(void)
{
	TEST_ADD(queue_forged_opcode_or_reserved_is_told);
	TEST_ADD(queue_forged_length_is_told);
	TEST_ADD_SLOW(queue_forged_range_is_told_and_the_neighbours_stay, 20000);
	TEST_ADD(queue_whole_window_is_reached_and_nothing_else);
	TEST_ADD(queue_forged_window_is_told);
	TEST_ADD(queue_forged_access_is_told);
	TEST_ADD(queue_forged_lists_are_told);
	TEST_ADD(queue_forged_list_headers_are_told);
}
