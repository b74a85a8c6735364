/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: descriptors with one thing wrong at a time. Each gets its
 * status and moves nothing, and the queue goes on.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define MAX_LEN MMAPDEMO_QUEUE_MAX_LEN
#define DOMAIN      5

/* Good ones, one for each operation, from which the bad ones are made */
static const Sqe good[] = {
    { .op = MMAPDEMO_OP_NOP },
    { .op = MMAPDEMO_OP_COPY, .len = 4096, .src_win = WIN_A,
      .dst_win = WIN_B },
    { .op = MMAPDEMO_OP_FILL, .len = 4096, .dst_win = WIN_B,
      .arg = 0x0102030405060708 },
    { .op = MMAPDEMO_OP_COMPARE, .len = 4096, .src_win = WIN_A,
      .dst_win = WIN_A, .dst_off = 0x10000 },
    { .op = MMAPDEMO_OP_CRC32C, .len = 4096, .src_win = WIN_A, .arg = 7 },
    { .op = MMAPDEMO_OP_TIMED, .len = 4096, .src_win = WIN_A,
      .dst_win = WIN_B, .arg = 3 },
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(good) != MMAPDEMO_OP_MAX + 1);

static bool has_src(unsigned op)
{
    return op != MMAPDEMO_OP_NOP && op != MMAPDEMO_OP_FILL;
}

static bool has_dst(unsigned op)
{
    return op != MMAPDEMO_OP_NOP && op != MMAPDEMO_OP_CRC32C;
}

static MmdTest *start(MmdQueue *mq)
{
    MmdTest *t = mmd_start("");

    w_usual(t, DOMAIN);
    mem_fill(t, RAM_BUF, 0xa1, 0x20000);
    mem_fill(t, RAM_BUF2, 0xb2, 0x20000);
    mem_fill(t, t->mem, 0xc3, 0x20000);
    mem_fill(t, RAM_LIST, 0, 0x20000);
    *mq = q_open(t, 0, 4, DOMAIN);
    return t;
}

static void assert_untouched(MmdTest *t)
{
    mem_assert_fill(t, RAM_BUF, 0xa1, 0x2000);
    mem_assert_fill(t, RAM_BUF2, 0xb2, 0x2000);
    mem_assert_fill(t, t->mem, 0xc3, 0x2000);
}

/* The descriptor fails like this, and the next one is fine */
#define refuse(mq, sqe, what) \
    refuse_at(__FILE__, __LINE__, (mq), (sqe), (what))
static void refuse_at(const char *file, int line, MmdQueue *mq, const Sqe *sqe,
                      uint16_t status)
{
    Sqe nop = { .user = 99 };

    q_expect_at(file, line, mq, sqe, (Cqe) { .status = status });
    q_expect_at(file, line, mq, &nop, (Cqe) { .status = MMAPDEMO_CQ_OK });
}

static void good_ones_are_good(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);

    for (unsigned op = 0; op < ARRAY_SIZE(good); op++) {
        Sqe sqe = good[op];

        sqe.user = 0x8877665544332211 + op;
        q_submit(&mq, &sqe);
        q_drain(&mq);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).status, ==, MMAPDEMO_CQ_OK);
        g_assert_cmphex(q_cqe(&mq, mq.tail - 1).user, ==, sqe.user);
    }
    g_assert_cmpuint(mmd_get(t, CNT_Q_FAILED), ==, 0);
    mmd_stop(t);
}

static void unknown_operations(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);

    for (unsigned op = MMAPDEMO_OP_MAX + 1; op < 256; op++) {
        Sqe sqe = good[MMAPDEMO_OP_COPY];

        sqe.op = op;
        sqe.user = op;
        if (op % 16 == 6) {
            refuse(&mq, &sqe, MMAPDEMO_CQ_OPCODE);
        } else {
            q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_OPCODE);
        }
    }
    assert_untouched(t);
    mmd_stop(t);
}

/* Each bit that has to be 0, and each field an operation does not use */
static void reserved_fields(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);

    for (unsigned op = 0; op < ARRAY_SIZE(good); op++) {
        for (unsigned bit = 0; bit < 64; bit += bit < 8 ? 1 : 7) {
            Sqe sqe;

            sqe = good[op];
            sqe.reserved3 = 1ULL << bit;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            if (bit < 32) {
                sqe = good[op];
                sqe.reserved2 = 1U << bit;
                refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            }
            if (bit < 16) {
                sqe = good[op];
                sqe.reserved1 = 1U << bit;
                refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            }
            if (bit < 8) {
                sqe = good[op];
                sqe.reserved0 = 1U << bit;
                refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            }
        }
    }
    assert_untouched(t);
    mmd_stop(t);
}

static void unused_fields(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);

    for (unsigned op = 0; op < ARRAY_SIZE(good); op++) {
        Sqe sqe;

        if (!has_src(op)) {
            sqe = good[op];
            sqe.src_win = WIN_A;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            sqe = good[op];
            sqe.src_off = 1;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            sqe = good[op];
            sqe.nsrc = 1;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
        }
        if (!has_dst(op)) {
            sqe = good[op];
            sqe.dst_win = WIN_A;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            sqe = good[op];
            sqe.dst_off = 1ULL << 63;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
            sqe = good[op];
            sqe.ndst = 1;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
        }
        if (op == MMAPDEMO_OP_NOP || op == MMAPDEMO_OP_COPY ||
            op == MMAPDEMO_OP_COMPARE) {
            sqe = good[op];
            sqe.arg = 1ULL << 40;
            refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
        }
    }
    /* a CRC has 32 bits */
    {
        Sqe sqe = good[MMAPDEMO_OP_CRC32C];

        sqe.arg |= 1ULL << 32;
        refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
    }
    /* TIMED copies pieces, not lists */
    for (int dst = 0; dst < 2; dst++) {
        Sqe sqe = good[MMAPDEMO_OP_TIMED];

        sqe.nsrc = !dst;
        sqe.ndst = dst;
        refuse(&mq, &sqe, MMAPDEMO_CQ_RESERVED);
    }
    assert_untouched(t);
    mmd_stop(t);
}

static void lengths(void)
{
    static const uint32_t bad[] = { 0, MAX_LEN + 1, 1U << 31, UINT32_MAX };
    static const uint32_t fine[] = { 1, 2, 4095, 65537, MAX_LEN - 1, MAX_LEN };
    MmdQueue mq;
    MmdTest *t = start(&mq);
    Sqe sqe = good[MMAPDEMO_OP_NOP];

    for (unsigned op = 1; op < ARRAY_SIZE(good); op++) {
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            sqe = good[op];
            sqe.len = bad[i];
            refuse(&mq, &sqe, MMAPDEMO_CQ_LENGTH);
        }
    }
    sqe = good[MMAPDEMO_OP_NOP];
    sqe.len = 1;
    refuse(&mq, &sqe, MMAPDEMO_CQ_LENGTH);
    assert_untouched(t);

    mem_number(t, RAM_BUF, 3, MAX_LEN);
    for (unsigned i = 0; i < ARRAY_SIZE(fine); i++) {
        mem_fill(t, RAM_BUF2, 0, MAX_LEN + 4096);
        sqe = good[MMAPDEMO_OP_COPY];
        sqe.len = fine[i];
        sqe.dst_off = 1;
        q_expect(&mq, &sqe, .bytes = fine[i]);
        mem_assert_number(t, RAM_BUF2 + 1, 3, fine[i]);
        mem_assert_fill(t, RAM_BUF2, 0, 1);
        mem_assert_fill(t, RAM_BUF2 + 1 + fine[i], 0, 4000);
    }
    mmd_stop(t);
}

/* How often: never, or more than 64 MiB in all */
static void timed_repeats(void)
{
    static const struct {
        uint32_t len;
        uint64_t arg;
    } bad[] = {
        { 1, 0 }, { 1, MMAPDEMO_TIMED_MAX + 1 }, { MAX_LEN, 5 },
        { MAX_LEN, 1ULL << 40 }, { 16, UINT64_MAX }, { 16, 1ULL << 60 },
        { 65536, 1025 },
    }, fine[] = {
        { 1, 1 }, { MAX_LEN, 4 }, { 65536, 1024 }, { 4096, 10000 },
        { 1, 1000000 },
    };
    MmdQueue mq;
    MmdTest *t = start(&mq);
    Sqe sqe = good[MMAPDEMO_OP_TIMED];

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        sqe.len = bad[i].len;
        sqe.arg = bad[i].arg;
        refuse(&mq, &sqe, MMAPDEMO_CQ_LENGTH);
    }
    assert_untouched(t);
    for (unsigned i = 0; i < ARRAY_SIZE(fine); i++) {
        uint64_t before = mmd_get(t, CNT_Q_BYTES);
        Cqe cqe;

        mem_fill(t, RAM_BUF2, 0, MAX_LEN + 1);
        mem_number(t, RAM_BUF, i, fine[i].len);
        sqe.len = fine[i].len;
        sqe.arg = fine[i].arg;
        q_submit(&mq, &sqe);
        q_drain(&mq);
        cqe = q_cqe(&mq, mq.tail - 1);
        g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_OK);
        g_assert_cmpuint(cqe.bytes, ==, fine[i].len * fine[i].arg);
        g_assert_cmpuint(cqe.aux, >, 0);
        g_assert_cmpuint(cqe.aux, <, 30000000000ULL);
        g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES) - before, ==, cqe.bytes);
        mem_assert_number(t, RAM_BUF2, i, fine[i].len);
        mem_assert_fill(t, RAM_BUF2 + fine[i].len, 0, 1);
    }
    mmd_stop(t);
}

/* Source and destination likewise: no such, not valid, somebody else's */
static void windows_that_are_not_there(void)
{
    static const uint32_t bad[] = {
        0, 5, 6, 9, NUM_WINDOWS - 1, NUM_WINDOWS, NUM_WINDOWS + WIN_A,
        0x80000000 | WIN_A, 0x10000 | WIN_A, UINT32_MAX,
    };
    MmdQueue mq;
    MmdTest *t = start(&mq);

    w_bus(t, 5, RAM_BUF, 4096, (DOMAIN + 1) | W_BOTH);
    w_bus(t, 6, RAM_BUF, 4096, 0 | W_BOTH);
    w_bus(t, 8, RAM_BUF, 4096, DOMAIN | W_BOTH);
    w_close(t, 8);
    /* all of it right, but that it was not made valid */
    w_set(t, 9, ADDR, RAM_BUF);
    w_set(t, 9, LEN, 1 * MiB);
    w_set(t, 9, CFG, DOMAIN | W_BOTH);
    for (unsigned op = 1; op < ARRAY_SIZE(good); op++) {
        for (unsigned i = 0; i < ARRAY_SIZE(bad) + 1; i++) {
            uint32_t w = i < ARRAY_SIZE(bad) ? bad[i] : 8;
            Sqe sqe;

            if (has_src(op)) {
                sqe = good[op];
                sqe.src_win = w;
                refuse(&mq, &sqe, MMAPDEMO_CQ_WINDOW);
                /* which it is is not told by what else is wrong */
                sqe.src_off = UINT64_MAX;
                q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_WINDOW);
            }
            if (has_dst(op)) {
                sqe = good[op];
                sqe.dst_win = w;
                refuse(&mq, &sqe, MMAPDEMO_CQ_WINDOW);
            }
        }
    }
    assert_untouched(t);
    mmd_stop(t);
}

static void ranges(void)
{
    static const struct {
        uint64_t off;
        uint32_t len;
    } bad[] = {
        { WIN_SPAN, 1 }, { WIN_SPAN - 1, 2 }, { WIN_SPAN + 1, 1 },
        { UINT64_MAX, 1 }, { UINT64_MAX, 2 }, { UINT64_MAX - 4094, 4096 },
        { -(uint64_t)(16 * MiB), 4096 }, { 1ULL << 32, 4096 },
        { 1ULL << 63, 4096 }, { 2 * MiB, MAX_LEN },
    };
    MmdQueue mq;
    MmdTest *t = start(&mq);
    Sqe copy = good[MMAPDEMO_OP_COPY];

    for (unsigned op = 1; op < ARRAY_SIZE(good); op++) {
        for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
            Sqe sqe = good[op];

            sqe.len = bad[i].len;
            if (op == MMAPDEMO_OP_TIMED) {
                sqe.arg = 1;
            }
            if (has_src(op)) {
                sqe.src_off = bad[i].off;
                refuse(&mq, &sqe, MMAPDEMO_CQ_RANGE);
                sqe.src_off = 0;
            }
            if (has_dst(op)) {
                sqe.dst_off = bad[i].off;
                refuse(&mq, &sqe, MMAPDEMO_CQ_RANGE);
            }
        }
    }
    assert_untouched(t);

    /* the last byte of either is still inside */
    copy.len = 1;
    copy.src_off = WIN_SPAN - 1;
    copy.dst_off = WIN_SPAN - 1;
    mem_fill(t, RAM_BUF + WIN_SPAN - 1, 0x77, 1);
    q_expect(&mq, &copy, .bytes = 1);
    mem_assert_fill(t, RAM_BUF2 + WIN_SPAN - 1, 0x77, 1);
    mem_assert_fill(t, RAM_BUF2 + WIN_SPAN, 0, 16);
    mmd_stop(t);
}

static void access_bits(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);

    w_bus(t, 10, RAM_BUF, 0x20000, DOMAIN | W_READ);
    w_bus(t, 11, RAM_BUF, 0x20000, DOMAIN | W_WRITE);
    w_bus(t, 12, RAM_BUF, 0x20000, DOMAIN);
    for (unsigned op = 1; op < ARRAY_SIZE(good); op++) {
        for (unsigned w = 10; w <= 12; w++) {
            Sqe sqe = good[op];

            if (has_src(op) && w != 10) {
                sqe.src_win = w;
                refuse(&mq, &sqe, MMAPDEMO_CQ_ACCESS);
            }
            sqe = good[op];
            /* COMPARE reads both */
            if (has_dst(op) && w != (op == MMAPDEMO_OP_COMPARE ? 10 : 11)) {
                sqe.dst_win = w;
                refuse(&mq, &sqe, MMAPDEMO_CQ_ACCESS);
            }
        }
    }
    assert_untouched(t);

    for (unsigned op = 1; op < ARRAY_SIZE(good); op++) {
        Sqe sqe = good[op];

        if (has_src(op)) {
            sqe.src_win = 10;
        }
        if (op == MMAPDEMO_OP_COMPARE) {
            sqe.dst_win = 10;
        } else if (has_dst(op)) {
            sqe.dst_win = 11;
            sqe.dst_off = 0x10000;
        }
        q_submit(&mq, &sqe);
        q_drain(&mq);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).status, !=,
                         MMAPDEMO_CQ_ACCESS);
    }
    mmd_stop(t);
}

/* Windows are checked as they stand when the descriptor runs, not before */
static void window_may_come_and_go(void)
{
    MmdQueue mq;
    MmdTest *t = start(&mq);
    Sqe copy = good[MMAPDEMO_OP_COPY];

    for (int i = 0; i < 10; i++) {
        copy.src_win = 20;
        q_expect(&mq, &copy, .status = MMAPDEMO_CQ_WINDOW);
        w_bus(t, 20, RAM_LIST + i * 4096, 4096, DOMAIN | W_READ);
        mem_fill(t, RAM_LIST + i * 4096, 0x10 + i, 4096);
        q_expect(&mq, &copy, .bytes = 4096);
        mem_assert_fill(t, RAM_BUF2, 0x10 + i, 4096);
        w_close(t, 20);
    }
    mmd_stop(t);
}

void add_queue_desc_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/queue_desc/" #fn, fn)
    ADD(good_ones_are_good);
    ADD(unknown_operations);
    ADD(reserved_fields);
    ADD(unused_fields);
    ADD(lengths);
    ADD(timed_repeats);
    ADD(windows_that_are_not_there);
    ADD(ranges);
    ADD(access_bits);
    ADD(window_may_come_and_go);
#undef ADD
}
