/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: doorbells, the event index, tails that lie, and queue memory
 * in places that are no memory.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define NONE    MMAPDEMO_QERR_NONE

static const Sqe nop = { .user = 0x1234 };

static void bell_write(MmdTest *t, uint32_t at, unsigned width, uint64_t val)
{
    uint64_t addr = t->doorbell + at;

    switch (width) {
    case 1:
        qtest_writeb(t->qts, addr, val);
        break;
    case 2:
        qtest_writew(t->qts, addr, val);
        break;
    case 4:
        qtest_writel(t->qts, addr, val);
        break;
    default:
        qtest_writeq(t->qts, addr, val);
        break;
    }
}

static uint64_t bell_read(MmdTest *t, uint32_t at, unsigned width)
{
    uint64_t addr = t->doorbell + at;

    return width == 1 ? qtest_readb(t->qts, addr) :
           width == 2 ? qtest_readw(t->qts, addr) :
           width == 4 ? qtest_readl(t->qts, addr) : qtest_readq(t->qts, addr);
}

static const unsigned widths[] = { 1, 2, 4, 8 };
static const uint32_t width_counter[] = {
    MMAPDEMO_REG_CNT_DB_WR8, MMAPDEMO_REG_CNT_DB_WR16,
    MMAPDEMO_REG_CNT_DB_WR32, MMAPDEMO_REG_CNT_DB_WR64,
};

static void any_write_of_live_page_is_a_look(void)
{
    static const uint32_t offsets[] = { 0, 1, 3, 8, 0x7fe, 0xff7 };
    static const uint64_t values[] = { 0, 1, UINT64_MAX, 0x80000000 };
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 9, 3, 1);
    uint64_t count[4] = { };

    for (unsigned o = 0; o < ARRAY_SIZE(offsets); o++) {
        for (unsigned w = 0; w < ARRAY_SIZE(widths); w++) {
            for (unsigned v = 0; v < ARRAY_SIZE(values); v++) {
                uint64_t looks = mmd_get(t, CNT_Q_LOOKS);

                q_put(&mq, &nop);
                q_publish(&mq);
                bell_write(t, MMAPDEMO_DOORBELL(9) + offsets[o], widths[w],
                           values[v]);
                q_drain(&mq);
                g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), >, looks);
                count[w]++;
            }
            for (unsigned i = 0; i < 4; i++) {
                g_assert_cmpuint(mmd_reg_read(t, width_counter[i]), ==,
                                 count[i]);
            }
        }
    }
    /* the last byte of the page */
    q_put(&mq, &nop);
    q_publish(&mq);
    bell_write(t, MMAPDEMO_DOORBELL(9) + MMAPDEMO_DOORBELL_LIVE - 1, 1, 0);
    q_drain(&mq);
    mmd_assert_no_error(t);
    mmd_stop(t);
}

static void rest_of_stride_is_dead(void)
{
    static const uint32_t offsets[] = { 0x1000, 0x1004, 0x8000, 0xfff8 };
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 0, 3, 1), last = q_open(t, NUM_QUEUES - 1, 3, 1);
    uint64_t count = 0;

    q_put(&mq, &nop);
    q_publish(&mq);
    q_put(&last, &nop);
    q_publish(&last);
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        for (unsigned o = 0; o < ARRAY_SIZE(offsets); o++) {
            for (unsigned w = 0; w < ARRAY_SIZE(widths); w++) {
                bell_write(t, MMAPDEMO_DOORBELL(q) + offsets[o], widths[w], 1);
            }
            count++;
        }
    }
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
    g_assert_false(q_done(&mq, 0));
    g_assert_false(q_done(&last, 0));
    /* no effect, but counted */
    for (unsigned w = 0; w < ARRAY_SIZE(widths); w++) {
        g_assert_cmpuint(mmd_reg_read(t, width_counter[w]), ==, count);
    }
    q_ring(&mq);
    q_drain(&mq);
    g_assert_false(q_done(&last, 0));
    q_ring(&last);
    q_drain(&last);
    mmd_stop(t);
}

static void reads_give_zero_and_do_nothing(void)
{
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 1, 3, 1);
    uint64_t count = 0;

    q_put(&mq, &nop);
    q_publish(&mq);
    for (uint32_t at = 0; at + 8 <= NUM_QUEUES * MMAPDEMO_DOORBELL_STRIDE;
         at += 0x7f8) {
        for (unsigned w = 0; w < ARRAY_SIZE(widths); w++) {
            g_assert_cmphex(bell_read(t, at, widths[w]), ==, 0);
            count++;
        }
    }
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_DB_RD), ==, count);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
    g_assert_false(q_done(&mq, 0));
    mmd_stop(t);
}

/* Without a queue to look at there is no look: not enabled, paused, no such */
static void nobody_looks_for_a_queue_that_does_not_run(void)
{
    MmdTest *t = mmd_start("queues=3");
    MmdQueue mq = {
        .t = t, .q = 2, .log2n = 3, .base = QUEUE_MEM(2),
    };
    Sqe copy = { .op = MMAPDEMO_OP_COPY, .len = 64, .src_win = WIN_A,
                 .dst_win = WIN_B };

    w_usual(t, 1);
    mem_fill(t, RAM_BUF, 0x5a, 64);

    /* programmed, not enabled */
    mmd_write(t, MMAPDEMO_QREG(2, BASE), 8, QUEUE_MEM(2));
    mmd_write(t, MMAPDEMO_QREG(2, LOG2N), 4, 3);
    mmd_write(t, MMAPDEMO_QREG(2, PD), 4, 1);
    q_put(&mq, &copy);
    q_publish(&mq);
    for (unsigned q = 0; q < 4; q++) {      /* queue 3 does not exist */
        bell_write(t, MMAPDEMO_DOORBELL(q), 4, 1);
    }
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);

    /* a look that was owed to nobody is not paid later */
    mq = q_open(t, 2, 3, 1);
    q_put(&mq, &copy);
    q_publish(&mq);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);

    q_set(t, 2, CTL, MMAPDEMO_QCTL_PAUSE);
    q_ring(&mq);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
    q_set(t, 2, CTL, MMAPDEMO_QCTL_DISABLE);
    q_ring(&mq);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, 0);
    mem_assert_fill(t, RAM_BUF2, 0, 64);
    mmd_stop(t);
}

/* What was submitted to a paused queue is found by RESUME, without a kick */
static void resume_looks_by_itself(void)
{
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 0, 3, 1);

    q_set(t, 0, CTL, MMAPDEMO_QCTL_PAUSE);
    q_submit(&mq, &nop);
    q_submit(&mq, &nop);
    vm_settle(t->qts);
    g_assert_false(q_done(&mq, 0));
    q_set(t, 0, CTL, MMAPDEMO_QCTL_RESUME);
    q_drain(&mq);
    mmd_stop(t);
}

static void kick_while_stopped_is_kept(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 3, 1);

    vm_stop(t->qts);
    q_submit(&mq, &nop);
    vm_settle(t->qts);
    g_assert_false(q_done(&mq, 0));
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, 0);
    vm_cont(t->qts);
    q_drain(&mq);
    mmd_stop(t);
}

/* --- event index ---------------------------------------------------------- */

/* The owner's side by the book: rings if and only if sq_event was crossed */
static bool submit_by_the_book(MmdQueue *mq, unsigned num)
{
    uint32_t old = mq->tail, event;

    for (unsigned i = 0; i < num; i++) {
        Sqe sqe = { .user = mq->tail };

        q_put(mq, &sqe);
    }
    q_publish(mq);
    event = q_word(mq, MMAPDEMO_RING_SQ_EVENT);
    if (MMAPDEMO_CROSSED(event, mq->tail, old)) {
        q_ring(mq);
        return true;
    }
    return false;
}

static void check_owner(MmdTest *t, uint32_t start, unsigned log2n)
{
    MmdQueue mq = q_open_at(t, 3, log2n, 1, start);
    unsigned bursts = 0, rung = 0;

    /* ENABLE tells where the queue is, or the first ring would be missed */
    g_assert_cmphex(q_word(&mq, MMAPDEMO_RING_SQ_EVENT), ==, start);
    g_assert_cmphex(q_word(&mq, MMAPDEMO_RING_SQ_HEAD), ==, start);
    for (unsigned total = 0; total < 70; bursts++) {
        unsigned num = 1 + bursts % (1U << log2n);

        rung += submit_by_the_book(&mq, num);
        q_drain(&mq);
        g_assert_cmphex(q_word(&mq, MMAPDEMO_RING_SQ_EVENT), ==, mq.tail);
        for (uint32_t i = mq.tail - num; i != mq.tail; i++) {
            assert_cqe(&mq, i, .user = i);
        }
        total += num;
    }
    /* an idle device has to be told of each burst */
    g_assert_cmpuint(rung, ==, bursts);
    q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
}

static void owner_by_the_book_is_served(const void *data)
{
    MmdTest *t = engine_start(data, "");

    for (unsigned log2n = 3; log2n <= 12; log2n += 3) {
        check_owner(t, 0, log2n);
    }
    mmd_stop(t);
}

static void indexes_wrap(void)
{
    static const uint32_t starts[] = {
        0xfffffff0, 0xffffffff, 0xfffffffd, 0x7ffffff8, 0x80000000,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
        g_autofree char *props = g_strdup_printf("x-queue-start=%u",
                                                 starts[i]);
        MmdTest *t = mmd_start(props);

        check_owner(t, starts[i], 3);
        check_owner(t, starts[i], 5);
        mmd_stop(t);
    }
}

/* Published without a ring: seen with the next one, all in one go */
static void one_ring_serves_many(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 12, 1);
    QueueCounts counts;

    w_usual(t, 1);
    mem_number(t, RAM_BUF, 1, 256 * KiB);
    for (unsigned i = 0; i < 4096; i++) {
        Sqe sqe = {
            .op = MMAPDEMO_OP_COPY, .len = 64, .src_win = WIN_A,
            .dst_win = WIN_MEM, .src_off = i * 64, .dst_off = (4095 - i) * 64,
            .user = i,
        };

        q_put(&mq, &sqe);
    }
    q_publish(&mq);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
    q_ring(&mq);
    q_drain(&mq);
    for (unsigned i = 0; i < 4096; i++) {
        assert_cqe(&mq, i, .user = i, .bytes = 64);
    }
    for (unsigned i = 0; i < 4096; i += 97) {
        mem_assert_number(t, t->mem + (4095 - i) * 64, 1 + i * 64, 64);
    }
    counts = q_counts(t);
    g_assert_cmpuint(counts.descs, ==, 4096);
    g_assert_cmpuint(counts.done, ==, 4096);
    g_assert_cmpuint(counts.failed, ==, 0);
    g_assert_cmpuint(counts.bytes, ==, 4096 * 64);
    /* in bursts, not one by one */
    g_assert_cmpuint(counts.fetches, >=, 1);
    g_assert_cmpuint(counts.fetches, <, 1024);
    mmd_stop(t);
}

/* --- tails ---------------------------------------------------------------- */

static void check_lie(MmdTest *t, MmdQueue *other, uint32_t start,
                      uint32_t done, uint32_t lie)
{
    MmdQueue mq = q_open_at(t, 4, 3, 1, start);
    uint64_t stopped = mmd_get(t, CNT_Q_STOPPED);
    QueueSnapshot snap;
    QueueCounts before;
    unsigned vec = QUEUE_VEC(4);

    /* far from every index here, which the usual "quiet" is not */
    q_set_word(&mq, MMAPDEMO_RING_CQ_EVENT, start + 0x40000000);

    for (uint32_t i = 0; i < done; i++) {
        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
    }
    g_assert_false(mmd_msi_arrived(t, vec));
    before = q_counts(t);
    q_snapshot(t, &snap);
    q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, lie);
    q_ring(&mq);
    q_wait_stopped(&mq);
    assert_queue(t, 4, MMAPDEMO_QSTATE_ERROR, MMAPDEMO_QERR_TAIL);
    g_assert_cmphex(q_get(t, 4, ERROR_INDEX), ==, start + done);
    g_assert_cmphex(q_get(t, 4, HEAD), ==, start + done);
    /* told in memory too, and by the vector, whatever cq_event says */
    g_assert_cmpuint(q_word(&mq, MMAPDEMO_RING_STATE), ==,
                     MMAPDEMO_QSTATE_ERROR);
    g_assert_cmpuint(q_word(&mq, MMAPDEMO_RING_ERROR), ==, MMAPDEMO_QERR_TAIL);
    g_assert_cmphex(q_word(&mq, MMAPDEMO_RING_ERROR_INDEX), ==, start + done);
    g_assert_true(mmd_msi_arrived(t, vec));
    g_assert_cmpuint(mmd_get(t, CNT_Q_STOPPED), ==, stopped + 1);

    /* nothing is read of the ring, now or at the next ring */
    q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, mq.tail + 1);
    q_ring(&mq);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, before.descs);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, before.done);
    g_assert_cmpuint(mmd_get(t, CNT_Q_STOPPED), ==, stopped + 1);
    g_assert_false(mmd_msi_arrived(t, vec));
    q_assert_unchanged(t, &snap, 4);
    q_expect(other, &nop, .status = MMAPDEMO_CQ_OK);
    q_set(t, 4, CTL, MMAPDEMO_QCTL_DISABLE);
}

static void lying_tail_stops_the_queue(const void *data)
{
    static const uint32_t starts[] = { 0, 0xfffffffb };

    for (unsigned i = 0; i < ARRAY_SIZE(starts); i++) {
        uint32_t start = starts[i];
        g_autofree char *props = g_strdup_printf("x-queue-start=%u", start);
        MmdTest *t = engine_start(data, props);
        MmdQueue other = q_open_at(t, 5, 3, 1, start);

        mmd_msix_enable(t);
        check_lie(t, &other, start, 0, start + 9);
        check_lie(t, &other, start, 0, start - 1);
        check_lie(t, &other, start, 3, start + 3 + 9);
        check_lie(t, &other, start, 3, start + 2);
        check_lie(t, &other, start, 8, start);
        check_lie(t, &other, start, 8, start + 8 + 0x80000000);
        check_lie(t, &other, start, 5, start + 4096);
        mmd_stop(t);
    }
}

/* As many as there are slots is no lie */
static void full_ring_is_served(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 4, 3, 1);

    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 8; i++) {
            q_put(&mq, &nop);
        }
        q_publish(&mq);
        q_ring(&mq);
        q_drain(&mq);
        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
    }
    mmd_stop(t);
}

/* --- places --------------------------------------------------------------- */

/* One of the two: ENABLE sees it, or the first look does */
static void check_ring_at(MmdTest *t, uint64_t base, unsigned log2n,
                          MmdQueue *other)
{
    QueueSnapshot snap;
    uint64_t db = mmd_get(t, CNT_Q_DESCS);

    q_snapshot(t, &snap);
    q_set(t, 8, BASE, base);
    q_set(t, 8, LOG2N, log2n);
    q_set(t, 8, PD, 1);
    q_set(t, 8, VECTOR, QUEUE_VEC(8));
    q_set(t, 8, CTL, MMAPDEMO_QCTL_ENABLE);
    qtest_writel(t->qts, t->doorbell + MMAPDEMO_DOORBELL(8), 1);
    vm_settle(t->qts);
    if (q_get(t, 8, ERROR) != MMAPDEMO_QERR_RING ||
        q_get(t, 8, STATE) == MMAPDEMO_QSTATE_RUNNING) {
        g_error("ring at 0x%" PRIx64 ": STATE %" PRIu64 " ERROR %" PRIu64,
                base, q_get(t, 8, STATE), q_get(t, 8, ERROR));
    }
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, db);
    q_assert_unchanged(t, &snap, 8);
    q_expect(other, &nop, .status = MMAPDEMO_CQ_OK);
    q_set(t, 8, CTL, MMAPDEMO_QCTL_DISABLE);
    g_assert_cmpuint(q_get(t, 8, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
}

static void queue_memory_must_be_memory(void)
{
    MmdTest *t = mmd_start_with("", "-device mmapdemo,id=mmd1,addr=5,"
                                "mem-size=32M");
    MmdTest *u = mmd_attach(t, 0, 5, 1);
    MmdQueue other = q_open(t, 7, 3, 1);
    const uint64_t places[] = {
        HOLE, RAM_SIZE, ROM & ~0xffffULL, ROM, t->regs, t->doorbell, t->msix,
        t->alias, u->regs, u->doorbell, 1ULL << 40,
    };
    MmdSnapshot snap;

    mmd_set(t, SCRATCH32, 0x77);
    mmd_set(u, SCRATCH32, 0x78);
    mmd_snapshot(u, &snap);
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        check_ring_at(t, places[i], 3, &other);
    }
    /* 0x2000 + 4096 bytes: part of it is over the end, each part */
    for (uint64_t end = 0x1000; end < 0x3000; end += 0x1000) {
        check_ring_at(t, RAM_SIZE - end, 6, &other);
    }
    check_ring_at(t, RAM_SIZE - 0x1000, 12, &other);
    g_assert_cmphex(mmd_get(t, SCRATCH32), ==, 0x77);
    mmd_assert_unchanged(u, &snap, 0);
    g_assert_cmpuint(mmd_get(t, CNT_DB_WR8) + mmd_get(t, CNT_DB_WR64), ==, 0);

    /* the very end is good */
    mem_fill(t, RAM_SIZE - 0x3000, 0, 0x3000);
    q_set(t, 8, BASE, RAM_SIZE - 0x3000);
    q_set(t, 8, LOG2N, 6);
    q_set(t, 8, CTL, MMAPDEMO_QCTL_ENABLE);
    other = (MmdQueue) {
        .t = t, .q = 8, .log2n = 6, .base = RAM_SIZE - 0x3000,
    };
    for (int i = 0; i < 130; i++) {
        q_expect(&other, &nop, .status = MMAPDEMO_CQ_OK);
    }
    g_free(u);
    mmd_stop(t);
}

void add_doorbell_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/doorbell/" #fn, fn)
#define ADD_ENGINE(fn) add_engine_test("doorbell", #fn, fn)
    ADD(any_write_of_live_page_is_a_look);
    ADD(rest_of_stride_is_dead);
    ADD(reads_give_zero_and_do_nothing);
    ADD(nobody_looks_for_a_queue_that_does_not_run);
    ADD(resume_looks_by_itself);
    ADD_ENGINE(kick_while_stopped_is_kept);
    ADD_ENGINE(owner_by_the_book_is_served);
    ADD(indexes_wrap);
    ADD_ENGINE(one_ring_serves_many);
    ADD_ENGINE(lying_tail_stops_the_queue);
    ADD_ENGINE(full_ring_is_served);
    ADD(queue_memory_must_be_memory);
#undef ADD
#undef ADD_ENGINE
}
