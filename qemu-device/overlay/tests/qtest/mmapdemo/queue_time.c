/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues and time: delayed descriptors, workers that watch a
 * ring by themselves, and the statistics of the big lock.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define DOMAIN  3
#define DELAY   1000000     /* ns; what the test itself takes is far less */

static const Sqe nop = { .user = 1 };
static const Sqe copy = {
    .op = MMAPDEMO_OP_COPY, .len = 300000, .src_win = WIN_MEM,
    .dst_win = WIN_A, .user = 2,
};

static void set_delay(MmdTest *t, int64_t ns)
{
    qtest_qmp_assert_success(t->qts,
        "{ 'execute': 'qom-set', 'arguments': {"
        " 'path': '/machine/peripheral/mmd0', 'property': 'delay-ns',"
        " 'value': %" PRId64 " } }", ns);
}

static MmdTest *start(const MmdEngine *engine, MmdQueue *mq)
{
    MmdTest *t = engine_start(engine, "");

    w_usual(t, DOMAIN);
    mem_fill(t, t->mem, 0x5a, copy.len);
    *mq = q_open(t, 1, 4, DOMAIN);
    set_delay(t, DELAY);
    return t;
}

/* Let some time pass; nothing may have happened */
static void assert_waits(MmdQueue *mq, uint32_t index)
{
    qtest_clock_step(mq->t->qts, DELAY * 9 / 10);
    vm_settle(mq->t->qts);
    g_assert_false(q_done(mq, index));
    mem_assert_fill(mq->t, RAM_BUF, 0, 4096);
}

/* A worker arms the timer when it gets to it, which may be after the step */
static void pass_until(MmdQueue *mq, uint32_t index)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    do {
        qtest_clock_step(mq->t->qts, DELAY);
        vm_settle(mq->t->qts);
    } while (!q_done(mq, index) && g_get_monotonic_time() < end);
    q_wait(mq, index);
}

/* Submit, and return when the descriptor was read */
static void submit_taken(MmdQueue *mq, const Sqe *sqe)
{
    uint64_t read = mmd_get(mq->t, CNT_Q_DESCS);
    gint64 end = g_get_monotonic_time() + PATIENCE;

    q_submit(mq, sqe);
    while (mmd_get(mq->t, CNT_Q_DESCS) == read) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    vm_settle(mq->t->qts);
}

static void delay_holds_each_descriptor_back(const void *data)
{
    MmdQueue mq, other;
    MmdTest *t = start(data, &mq);

    submit_taken(&mq, &copy);
    assert_waits(&mq, 0);
    pass_until(&mq, 0);
    q_drain(&mq);
    assert_cqe(&mq, 0, .user = 2, .bytes = copy.len);
    mem_assert_fill(t, RAM_BUF, 0x5a, copy.len);

    /* one after the other, each with a time of its own */
    mem_fill(t, RAM_BUF, 0, copy.len);
    q_submit(&mq, &nop);
    q_submit(&mq, &nop);
    pass_until(&mq, 1);
    assert_waits(&mq, 2);
    pass_until(&mq, 2);
    q_drain(&mq);

    /* it does not delay who has none, nor for ever who had one */
    submit_taken(&mq, &copy);
    set_delay(t, 0);
    other = q_open(t, 2, 4, DOMAIN);
    q_expect(&other, &nop, .status = MMAPDEMO_CQ_OK);
    g_assert_false(q_done(&mq, 3));
    pass_until(&mq, 3);
    q_drain(&mq);
    mmd_stop(t);
}

static void delayed_descriptor_can_be_ended(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    /* PAUSE keeps it */
    submit_taken(&mq, &copy);
    q_set(t, 1, CTL, MMAPDEMO_QCTL_PAUSE);
    qtest_clock_step(t->qts, 10 * DELAY);
    vm_settle(t->qts);
    g_assert_false(q_done(&mq, 0));
    mem_assert_fill(t, RAM_BUF, 0, 4096);
    q_set(t, 1, CTL, MMAPDEMO_QCTL_RESUME);
    pass_until(&mq, 0);
    q_drain(&mq);
    assert_cqe(&mq, 0, .user = 2, .bytes = copy.len);

    /* its window goes: it ends, at the latest when it is time */
    mem_fill(t, RAM_BUF, 0, copy.len);
    submit_taken(&mq, &copy);
    w_close(t, WIN_A);
    pass_until(&mq, 1);
    q_drain(&mq);
    g_assert_cmpuint(q_cqe(&mq, 1).status, ==, MMAPDEMO_CQ_ABORTED);
    g_assert_cmpuint(q_cqe(&mq, 1).bytes, ==, 0);

    /* DISABLE and reset forget it */
    w_usual(t, DOMAIN);
    submit_taken(&mq, &copy);
    q_set(t, 1, CTL, MMAPDEMO_QCTL_DISABLE);
    qtest_clock_step(t->qts, 10 * DELAY);
    vm_settle(t->qts);
    g_assert_false(q_done(&mq, 2));
    mq = q_open(t, 1, 4, DOMAIN);
    submit_taken(&mq, &copy);
    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
    qtest_clock_step(t->qts, 10 * DELAY);
    vm_settle(t->qts);
    g_assert_false(q_done(&mq, 0));
    mem_assert_fill(t, RAM_BUF, 0, copy.len);
    mmd_stop(t);
}

/* Such a worker needs no doorbell, and says so: sq_event stays behind */
static void watched_ring_needs_no_doorbell(void)
{
    MmdTest *t = mmd_start("dma=thread,poll-ns=2000000000");
    MmdQueue mq;

    w_usual(t, DOMAIN);
    mq = q_open(t, 1, 4, DOMAIN);
    q_submit(&mq, &nop);
    q_wait(&mq, 0);
    for (unsigned i = 1; i < 100; i++) {
        uint32_t old = mq.tail;

        q_put(&mq, &copy);
        q_publish(&mq);
        /* by the book: perhaps it stopped to watch, on a busy host */
        if (MMAPDEMO_CROSSED(q_word(&mq, MMAPDEMO_RING_SQ_EVENT), mq.tail,
                             old)) {
            q_ring(&mq);
        }
        q_wait(&mq, i);
        assert_cqe(&mq, i, .user = 2, .bytes = copy.len);
    }
    g_assert_cmpuint(mmd_get(t, CNT_DB_WR32), <, 50);
    /* taken away from a worker that watches: at once, and for good */
    q_set(t, 1, CTL, MMAPDEMO_QCTL_DISABLE);
    g_assert_cmpuint(q_get(t, 1, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
    mem_fill(t, mq.base, 0xee, 8192);
    g_usleep(20000);
    mem_assert_fill(t, mq.base, 0xee, 8192);
    mmd_stop(t);
}

static void lock_statistics(void)
{
    for (int on = 0; on < 2; on++) {
        MmdTest *t = mmd_start(on ? "lock-stats=on,dma=bh" : "dma=bh");
        MmdQueue mq;
        uint64_t holds, ns;

        w_usual(t, DOMAIN);
        mq = q_open(t, 1, 4, DOMAIN);
        g_assert_cmpuint(!!(mmd_get(t, ENGINE) & MMAPDEMO_ENGINE_LOCK_STATS),
                         ==, on);
        for (int i = 0; i < 20; i++) {
            q_expect(&mq, &copy, .bytes = copy.len);
        }
        holds = mmd_get(t, CNT_LOCK_HOLDS);
        ns = mmd_get(t, CNT_LOCK_NS);
        if (!on) {
            g_assert_cmpuint(holds + ns + mmd_get(t, CNT_LOCK_OVER) +
                             mmd_get(t, LOCK_MAX_NS), ==, 0);
        } else {
            g_assert_cmpuint(holds, >=, 20);
            g_assert_cmpuint(ns, >=, holds);
            g_assert_cmpuint(mmd_get(t, CNT_LOCK_OVER), <=, holds);
            g_assert_cmpuint(mmd_get(t, LOCK_MAX_NS), >=, ns / holds);
            g_assert_cmpuint(mmd_get(t, LOCK_MAX_NS), <=, ns);
            mmd_set(t, LOCK_MAX_NS, 0);
            g_assert_cmpuint(mmd_get(t, LOCK_MAX_NS), ==, 0);
        }
        mmd_stop(t);
    }
}

void add_queue_time_tests(void)
{
    add_engine_test("queue_time", "delay_holds_each_descriptor_back",
                    delay_holds_each_descriptor_back);
    add_engine_test("queue_time", "delayed_descriptor_can_be_ended",
                    delayed_descriptor_can_be_ended);
#define ADD(fn) qtest_add_func("/mmapdemo/queue_time/" #fn, fn)
    ADD(watched_ring_needs_no_doorbell);
    ADD(lock_statistics);
#undef ADD
}
