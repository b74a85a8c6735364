/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: what the operations compute, by each engine, against what
 * this file computes; and in which order.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue.h"

#define MAX_LEN MMAPDEMO_QUEUE_MAX_LEN
#define DOMAIN      1

/* Around the sizes at which engines cut */
static const uint32_t lens[] = {
    1, 7, 64, 4095, 4096, 4097, 65535, 65536, 65537, 262144 + 5, 1000003,
    MAX_LEN,
};

static MmdTest *start(const MmdEngine *engine, MmdQueue *mq)
{
    MmdTest *t = engine_start(engine, "");

    w_usual(t, DOMAIN);
    *mq = q_open(t, 0, 4, DOMAIN);
    return t;
}

static void copy_moves_exactly(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        /* to the device, within it, and back */
        Sqe to = {
            .op = MMAPDEMO_OP_COPY, .len = lens[i], .src_win = WIN_A,
            .src_off = 5, .dst_win = WIN_MEM, .dst_off = 3, .user = i,
        };
        Sqe in = {
            .op = MMAPDEMO_OP_COPY, .len = MIN(lens[i], 8 * MiB),
            .src_win = WIN_MEM, .src_off = 3, .dst_win = WIN_MEM,
            .dst_off = 17 * MiB, .user = i,
        };
        Sqe from = {
            .op = MMAPDEMO_OP_COPY, .len = lens[i], .src_win = WIN_MEM,
            .src_off = 3, .dst_win = WIN_B, .dst_off = 1, .user = i,
        };
        uint32_t len = lens[i];

        /* what comes after it is there to be copied by mistake */
        mem_fill(t, RAM_BUF + 5 + len, 0xff, 64);
        mem_number(t, RAM_BUF + 5, i, len);
        mem_fill(t, t->mem, 0, MIN(len + 4096, 17 * MiB));
        mem_fill(t, RAM_BUF2, 0, len + 4096);
        q_expect(&mq, &to, .bytes = len);
        mem_assert_fill(t, t->mem, 0, 3);
        mem_assert_number(t, t->mem + 3, i, len);
        mem_assert_fill(t, t->mem + 3 + len, 0, 64);
        q_expect(&mq, &in, .bytes = in.len);
        mem_assert_number(t, t->mem + 17 * MiB, i, MIN(in.len, 70000));
        q_expect(&mq, &from, .bytes = len);
        mem_assert_fill(t, RAM_BUF2, 0, 1);
        mem_assert_number(t, RAM_BUF2 + 1, i, len);
        mem_assert_fill(t, RAM_BUF2 + 1 + len, 0, 64);
    }
    mmd_stop(t);
}

/* Undefined where they overlap, and nothing else is touched */
static void copy_over_itself_stays_inside(const void *data)
{
    static const int shifts[] = { -65536, -4096, -1, 0, 1, 4096, 65536 };
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    for (unsigned i = 0; i < ARRAY_SIZE(shifts); i++) {
        for (unsigned win = WIN_A; win <= WIN_MEM; win += WIN_MEM - WIN_A) {
            uint64_t base = (win == WIN_A ? RAM_BUF : t->mem) + 1 * MiB;
            uint32_t len = 300000;
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = len, .src_win = win,
                .src_off = 1 * MiB, .dst_win = win,
                .dst_off = 1 * MiB + shifts[i],
            };

            mem_fill(t, base - 131072, 0x3c, len + 262144);
            mem_number(t, base, 9, len);
            q_expect(&mq, &sqe, .bytes = len);
            mem_assert_fill(t, base - 131072, 0x3c,
                            131072 + MIN(shifts[i], 0));
            mem_assert_fill(t, base + len + MAX(shifts[i], 0), 0x3c,
                            131072 - MAX(shifts[i], 0));
            if (!shifts[i]) {
                mem_assert_number(t, base, 9, len);
            }
        }
    }
    mmd_stop(t);
}

static void fill_repeats_its_pattern(const void *data)
{
    const uint64_t pattern = 0x1122334455667788;
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        for (unsigned off = 0; off < 3; off++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_FILL, .len = lens[i], .dst_win = WIN_A,
                .dst_off = 8 + off, .arg = pattern, .user = off,
            };
            g_autofree uint8_t *buf = g_malloc(lens[i]);

            if (off && lens[i] > 70000) {
                continue;
            }
            mem_fill(t, RAM_BUF, 0, lens[i] + 64);
            q_expect(&mq, &sqe, .bytes = lens[i]);
            mem_read(t, RAM_BUF + 8 + off, buf, lens[i]);
            /* the first byte is the lowest, wherever it lies */
            for (uint32_t at = 0; at < lens[i]; at++) {
                g_assert_cmphex(buf[at], ==, (uint8_t)(pattern >> at % 8 * 8));
            }
            mem_assert_fill(t, RAM_BUF, 0, 8 + off);
            mem_assert_fill(t, RAM_BUF + 8 + off + lens[i], 0, 32);
        }
    }
    mmd_stop(t);
}

static void compare_finds_the_first_difference(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    mem_number(t, RAM_BUF, 2, MAX_LEN);
    mem_number(t, RAM_BUF2 + 7, 2, MAX_LEN);
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        uint32_t len = lens[i];
        const uint32_t places[] = {
            0, 1, len / 2, len - 1, 65535, 65536, 4096, 131071,
        };
        Sqe sqe = {
            .op = MMAPDEMO_OP_COMPARE, .len = len, .src_win = WIN_A,
            .dst_win = WIN_B, .dst_off = 7, .user = i,
        };

        q_expect(&mq, &sqe, .bytes = len);
        for (unsigned p = 0; p < ARRAY_SIZE(places); p++) {
            uint64_t at = RAM_BUF2 + 7 + places[p];
            uint8_t was;

            if (places[p] >= len) {
                continue;
            }
            was = qtest_readb(t->qts, at);
            qtest_writeb(t->qts, at, was ^ 0x80);
            q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_MISCOMPARE,
                     .bytes = places[p], .aux = places[p]);
            qtest_writeb(t->qts, at, was);
        }
        /* what is behind the end does not matter */
        qtest_writeb(t->qts, RAM_BUF2 + 7 + len,
                     ~qtest_readb(t->qts, RAM_BUF2 + 7 + len));
        q_expect(&mq, &sqe, .bytes = len);
        mem_number(t, RAM_BUF2 + 7 + len, 2 + len, 1);
    }
    /* it writes nothing */
    mem_assert_number(t, RAM_BUF, 2, MAX_LEN);
    mem_assert_number(t, RAM_BUF2 + 7, 2, MAX_LEN);
    mmd_stop(t);
}

static void crc32c_is_the_crc32c(const void *data)
{
    static const uint8_t check[] = "123456789";
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    g_autofree uint8_t *buf = mem_numbers(17, MAX_LEN);

    /* the check value of the catalogues */
    g_assert_cmphex(crc32c_bits(0, check, 9), ==, 0xe3069283);
    mem_write(t, RAM_BUF2, check, 9);
    mem_write(t, RAM_BUF, buf, MAX_LEN);
    {
        Sqe sqe = {
            .op = MMAPDEMO_OP_CRC32C, .len = 9, .src_win = WIN_B,
        };

        q_expect(&mq, &sqe, .bytes = 9, .aux = 0xe3069283);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        static const uint32_t seeds[] = { 0, 1, UINT32_MAX, 0x12345678 };

        for (unsigned j = 0; j < ARRAY_SIZE(seeds); j++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_CRC32C, .len = lens[i], .src_win = WIN_A,
                .arg = seeds[j],
            };

            if (j && lens[i] > 70000) {
                continue;
            }
            q_expect(&mq, &sqe, .bytes = lens[i],
                     .aux = crc32c_bits(seeds[j], buf, lens[i]));
        }
    }
    /* piece by piece it is the same as in one pass */
    {
        uint32_t crc = 0;

        for (uint32_t at = 0, len = 1; at < 1000000; at += len, len += 4001) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_CRC32C, .len = MIN(len, 1000000 - at),
                .src_win = WIN_A, .src_off = at, .arg = crc,
            };

            q_submit(&mq, &sqe);
            q_drain(&mq);
            crc = q_cqe(&mq, mq.tail - 1).aux;
        }
        g_assert_cmphex(crc, ==, crc32c_bits(0, buf, 1000000));
    }
    mmd_stop(t);
}

/* --- order ---------------------------------------------------------------- */

/* Each descriptor needs what the one before it left behind */
static void descriptors_run_in_order(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 8, DOMAIN);
    uint32_t len = 100000;

    w_usual(t, DOMAIN);
    mem_number(t, RAM_BUF, 21, len);
    mem_fill(t, t->mem, 0, 26 * MiB);
    for (unsigned i = 0; i < 250; i++) {
        Sqe sqe = {
            .op = MMAPDEMO_OP_COPY, .len = len,
            .src_win = i ? WIN_MEM : WIN_A, .src_off = i ? (i - 1) * len : 0,
            .dst_win = WIN_MEM, .dst_off = i * len, .user = i,
        };

        q_put(&mq, &sqe);
    }
    q_publish(&mq);
    q_ring(&mq);
    q_drain(&mq);
    mem_assert_number(t, t->mem + 249 * len, 21, len);
    for (unsigned i = 0; i < 250; i++) {
        assert_cqe(&mq, i, .user = i, .bytes = len);
    }
    mmd_stop(t);
}

/*
 * While it works: no generation before its record and its bytes, nor before
 * the generation of the one before it.
 */
static void generation_is_last(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 9, DOMAIN);
    uint32_t len = 32768, seen = 0;
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    w_usual(t, DOMAIN);
    mem_fill(t, RAM_BUF, 0x5a, len);
    mem_fill(t, t->mem, 0, 512 * len);
    for (unsigned i = 0; i < 512; i++) {
        Sqe sqe = {
            .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_A,
            .dst_win = WIN_MEM, .dst_off = i * len, .user = i + 1,
        };

        q_put(&mq, &sqe);
    }
    q_publish(&mq);
    q_ring(&mq);
    while (seen < 512) {
        /* the newest first: what is older must be there by then */
        unsigned i = MIN(seen + g_test_rand_int_range(0, 8), 511);

        g_assert_cmpint(g_get_monotonic_time(), <, end);
        if (q_done(&mq, i)) {
            assert_cqe(&mq, i, .user = i + 1, .bytes = len);
            g_assert_cmphex(qtest_readb(t->qts, t->mem + (i + 1) * len - 1),
                            ==, 0x5a);
            for (; seen < i; seen++) {
                g_assert_true(q_done(&mq, seen));
            }
            seen = i + 1;
        }
    }
    q_drain(&mq);
    mmd_stop(t);
}

/* All queues at once, each with a domain and a part of BAR2 of its own */
static void queues_run_side_by_side(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq[NUM_QUEUES];
    const uint32_t len = 20000;

    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        mem_number(t, RAM_BUF + q * len, q * 1000, len);
        w_bus(t, 100 + q, RAM_BUF + q * len, len, (q + 1) | W_READ);
        w_mem(t, 200 + q, q * MiB, 1 * MiB, (q + 1) | W_WRITE);
        mq[q] = q_open(t, q, 6, q + 1);
    }
    for (int round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 50; i++) {
            for (unsigned q = 0; q < NUM_QUEUES; q++) {
                Sqe sqe = {
                    .op = MMAPDEMO_OP_COPY, .len = len, .src_win = 100 + q,
                    .dst_win = 200 + q, .dst_off = i * len, .user = q << 8 | i,
                };

                q_put(&mq[q], &sqe);
            }
        }
        for (unsigned q = 0; q < NUM_QUEUES; q++) {
            q_publish(&mq[q]);
        }
        for (unsigned q = 0; q < NUM_QUEUES; q++) {
            q_ring(&mq[q]);
        }
        for (unsigned q = 0; q < NUM_QUEUES; q++) {
            q_drain(&mq[q]);
            for (unsigned i = 0; i < 50; i++) {
                assert_cqe(&mq[q], mq[q].tail - 50 + i, .user = q << 8 | i,
                           .bytes = len);
            }
            mem_assert_number(t, t->mem + q * MiB + round * len, q * 1000, len);
        }
    }
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, 5ULL * 50 * NUM_QUEUES * len);
    g_assert_cmpuint(mmd_get(t, CNT_Q_FAILED), ==, 0);
    mmd_stop(t);
}

void add_queue_ops_tests(void)
{
#define ADD(fn) add_engine_test("queue_ops", #fn, fn)
    ADD(copy_moves_exactly);
    ADD(copy_over_itself_stays_inside);
    ADD(fill_repeats_its_pattern);
    ADD(compare_finds_the_first_difference);
    ADD(crc32c_is_the_crc32c);
    ADD(descriptors_run_in_order);
    ADD(generation_is_last);
    ADD(queues_run_side_by_side);
#undef ADD
}
