/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: programs no sane driver would write. The monitor answers
 * within a second, the device is alive afterwards, and nothing outside of what
 * the windows name was touched.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define DOMAIN  2
#define LEN     MMAPDEMO_QUEUE_MAX_LEN

static const Sqe nop = { .user = 3 };

static void assert_monitor_answers(MmdTest *t)
{
    gint64 before = g_get_monotonic_time();

    qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
    g_assert_cmpint(g_get_monotonic_time() - before, <, 1 * G_USEC_PER_SEC);
}

/* It can be stopped at any moment, and be used after it */
static void assert_alive(MmdTest *t)
{
    MmdQueue mq;

    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
    assert_monitor_answers(t);
    mq = q_open(t, 0, 3, 1);
    q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
}

/* Every queue full of the longest descriptors, and rung all the time */
static void gigabytes_of_work(const void *data)
{
    static const Sqe work[] = {
        { .op = MMAPDEMO_OP_CRC32C, .len = LEN, .src_win = WIN_A },
        { .op = MMAPDEMO_OP_COPY, .len = LEN, .src_win = WIN_A,
          .dst_win = WIN_B },
        { .op = MMAPDEMO_OP_FILL, .len = LEN, .dst_win = WIN_B },
        { .op = MMAPDEMO_OP_COMPARE, .len = LEN, .src_win = WIN_A,
          .dst_win = WIN_A },
        { .op = MMAPDEMO_OP_TIMED, .len = LEN, .src_win = WIN_A,
          .dst_win = WIN_MEM, .arg = 4 },
        { .op = MMAPDEMO_OP_TIMED, .len = 1, .src_win = WIN_A,
          .dst_win = WIN_MEM, .arg = MMAPDEMO_TIMED_MAX },
    };
    MmdTest *t = engine_start(data, "");
    MmdQueue mq[NUM_QUEUES];

    w_usual(t, DOMAIN);
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        mq[q] = q_open(t, q, 6, DOMAIN);
        for (unsigned i = 0; i < 64; i++) {
            q_put(&mq[q], &work[(q + i) % ARRAY_SIZE(work)]);
        }
        q_publish(&mq[q]);
    }
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned q = 0; q < NUM_QUEUES; q++) {
            q_ring(&mq[q]);
        }
        assert_monitor_answers(t);
    }
    /* to stop one of them does not wait for what it has left */
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        gint64 before = g_get_monotonic_time();

        q_set(t, q, CTL, q % 2 ? MMAPDEMO_QCTL_DISABLE : MMAPDEMO_QCTL_PAUSE);
        g_assert_cmpuint(q_get(t, q, STATE), ==,
                         q % 2 ? MMAPDEMO_QSTATE_DISABLED
                               : MMAPDEMO_QSTATE_PAUSED);
        g_assert_cmpint(g_get_monotonic_time() - before, <,
                        1 * G_USEC_PER_SEC);
        assert_monitor_answers(t);
    }
    assert_alive(t);
    mmd_stop(t);
}

/* Small elements: the bookkeeping is the work */
static void bytes_in_lists_of_bytes(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 1, 12, DOMAIN);
    Sge sge[256];
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = 256, .nsrc = 256, .ndst = 256,
        .src_win = WIN_LIST, .dst_win = WIN_LIST,
    };

    w_usual(t, DOMAIN);
    for (unsigned i = 0; i < 256; i++) {
        sge[i] = (Sge) { .win = i % 2 ? WIN_A : WIN_B, .len = 1, .off = i };
    }
    put_sge(t, RAM_LIST, sge, 256);
    for (unsigned i = 0; i < 4096; i++) {
        q_put(&mq, &sqe);
    }
    q_publish(&mq);
    q_ring(&mq);
    for (unsigned round = 0; round < 10; round++) {
        q_ring(&mq);
        assert_monitor_answers(t);
    }
    q_drain(&mq);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, 4096);
    assert_alive(t);
    mmd_stop(t);
}

/*
 * A queue whose window is its own memory: it writes its tail, its descriptors,
 * its completions. It may kill itself and nobody else.
 */
static void queue_writes_itself(const void *data)
{
    static const uint64_t patterns[] = {
        0, UINT64_MAX, 0x0000000800000008, 0x0101010101010101,
    };
    MmdTest *t = engine_start(data, "");
    MmdQueue other = q_open(t, 9, 3, DOMAIN + 1);

    w_usual(t, DOMAIN);
    w_bus(t, 20, QUEUE_MEM(5), QUEUE_SPAN, DOMAIN | W_BOTH);
    for (unsigned i = 0; i < ARRAY_SIZE(patterns) * 3; i++) {
        MmdQueue mq = q_open(t, 5, 6, DOMAIN);
        const Sqe sqe[3] = {
            { .op = MMAPDEMO_OP_FILL, .len = 4, .dst_win = 20,
              .arg = patterns[i / 3] },
            { .op = MMAPDEMO_OP_FILL, .len = 0x8000, .dst_win = 20,
              .arg = patterns[i / 3] },
            { .op = MMAPDEMO_OP_COPY, .len = 0x4000, .src_win = 20,
              .dst_win = 20, .dst_off = 64 },
        };

        for (unsigned j = 0; j < 64; j++) {
            q_put(&mq, &sqe[(i + j) % 3]);
        }
        q_publish(&mq);
        for (unsigned j = 0; j < 20; j++) {
            q_ring(&mq);
            assert_monitor_answers(t);
        }
        q_expect(&other, &nop, .status = MMAPDEMO_CQ_OK);
        q_set(t, 5, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    assert_alive(t);
    mmd_stop(t);
}

/*
 * Two queues that feed each other: each copies a tail into the other, which is
 * watched at that time or is not. It ends, or it can be ended.
 */
static void queues_feed_each_other(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq[2] = { q_open(t, 5, 3, DOMAIN), q_open(t, 6, 3, DOMAIN) };
    uint32_t tail[1024];

    for (unsigned i = 0; i < ARRAY_SIZE(tail); i++) {
        tail[i] = i;
    }
    mem_write(t, RAM_BUF, tail, sizeof(tail));
    w_usual(t, DOMAIN);
    w_bus(t, 20, QUEUE_MEM(5), 2 * QUEUE_SPAN, DOMAIN | W_BOTH);
    for (unsigned i = 0; i < 8; i++) {
        for (unsigned q = 0; q < 2; q++) {
            /* its own head, 8 ahead of nobody, becomes the other's tail */
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = 4, .src_win = i % 2 ? 20 : WIN_A,
                .src_off = i % 2 ? q * QUEUE_SPAN + MMAPDEMO_RING_SQ_HEAD
                                 : (i + 5) * 4,
                .dst_win = 20, .dst_off = !q * QUEUE_SPAN,
            };

            q_put(&mq[q], &sqe);
        }
    }
    q_publish(&mq[0]);
    q_publish(&mq[1]);
    for (unsigned j = 0; j < 200; j++) {
        q_ring(&mq[j % 2]);
        assert_monitor_answers(t);
    }
    assert_alive(t);
    mmd_stop(t);
}

/* Registers and doorbells at random, from a seed that is printed */
static void random_programs(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned steps = g_test_slow() ? 20000 : 3000;

    mmd_msix_enable(t);
    w_usual(t, DOMAIN);
    w_bus(t, 0, RAM_QUEUE, 28 * MiB, 0 | W_BOTH);
    for (unsigned q = 0; q < 4; q++) {
        MmdQueue mq = q_open(t, q, 3 + q, q % 2 ? DOMAIN : 0);

        q_set(t, q, IRQ_GAP_NS, q * 1000);
        for (unsigned i = 0; i < 8; i++) {
            Sqe sqe = {
                .op = g_test_rand_int_range(0, 6), .len = 1U << (i * 3),
                .src_win = g_test_rand_int_range(0, 5),
                .dst_win = g_test_rand_int_range(0, 5),
                .arg = g_test_rand_int_range(0, 3),
                .ndst = g_test_rand_int_range(0, 10) == 0,
            };

            q_put(&mq, &sqe);
        }
    }
    for (unsigned i = 0; i < steps; i++) {
        unsigned q = g_test_rand_int_range(0, 4);
        uint64_t mem = QUEUE_MEM(q);

        switch (g_test_rand_int_range(0, 12)) {
        case 0:
            qtest_writel(t->qts, mem, g_test_rand_int_range(0, 12));
            break;
        case 1:
            qtest_writel(t->qts, mem, qtest_readl(t->qts, mem) + 1);
            break;
        case 2:
            qtest_writel(t->qts, mem + MMAPDEMO_RING_CQ_EVENT,
                         qtest_readl(t->qts, mem + MMAPDEMO_RING_SQ_HEAD));
            break;
        case 3:
            q_set(t, q, CTL, g_test_rand_int_range(0, 6));
            break;
        case 4:
            qtest_writel(t->qts, mem, 0);
            q_set(t, q, CTL, MMAPDEMO_QCTL_DISABLE);
            q_set(t, q, CTL, MMAPDEMO_QCTL_ENABLE);
            break;
        case 5:
            w_set(t, g_test_rand_int_range(0, 5), CFG,
                  g_test_rand_int_range(0, 2) ? 0 : MMAPDEMO_WCFG_VALID |
                  W_BOTH | DOMAIN);
            break;
        case 6:
            /* A step of 0 is an error of qtest. */
            qtest_clock_step(t->qts, g_test_rand_int_range(1, 3000));
            break;
        case 7:
            mmd_bus_master(t, g_test_rand_int_range(0, 8));
            break;
        case 8:
            qtest_writeq(t->qts, mem + MMAPDEMO_RING_SQ(3 + q) +
                         8 * g_test_rand_int_range(0, 64), g_test_rand_int());
            break;
        default:
            qtest_writel(t->qts, t->doorbell + MMAPDEMO_DOORBELL(q), 0);
            break;
        }
        if (i % 100 == 0) {
            assert_monitor_answers(t);
        }
    }
    mmd_bus_master(t, true);
    assert_alive(t);
    mmd_stop(t);
}

void add_queue_hostile_tests(void)
{
#define ADD(fn) add_engine_test("queue_hostile", #fn, fn)
    ADD(gigabytes_of_work);
    ADD(bytes_in_lists_of_bytes);
    ADD(queue_writes_itself);
    ADD(queues_feed_each_other);
    ADD(random_programs);
#undef ADD
}
