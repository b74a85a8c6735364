/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: when a queue interrupts, and when it must not: the event
 * index of completions, moderation in virtual time, messages aimed at the
 * device itself.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define DOMAIN  4
#define Q       2
#define VEC     QUEUE_VEC(Q)
#define GAP     100000      /* ns, far more than the clock moves by itself */

static const Sqe nop = { .user = 5 };

static MmdTest *start(const char *props, MmdQueue *mq, unsigned log2n)
{
    MmdTest *t = mmd_start(props);

    mmd_msix_enable(t);
    *mq = q_open(t, Q, log2n, DOMAIN);
    return t;
}

static void set_event(const MmdQueue *mq, uint32_t event)
{
    q_set_word(mq, MMAPDEMO_RING_CQ_EVENT, event);
}

/* One burst of so many NOPs, seen by the device in one look */
static void burst(MmdQueue *mq, unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        q_put(mq, &nop);
    }
    q_publish(mq);
    q_ring(mq);
    q_drain(mq);
}

/* So many requests, so many messages since the start; one new, or none */
#define assert_irq(mq, asked, sent, arrived) \
    assert_irq_at(__LINE__, (mq), (asked), (sent), (arrived))
static void assert_irq_at(int line, const MmdQueue *mq, uint64_t asked,
                          uint64_t sent, bool arrived)
{
    MmdTest *t = mq->t;
    QueueCounts counts = q_counts(t);
    bool got = mmd_msi_arrived(t, VEC);

    if (counts.asked != asked || counts.sent != sent || got != arrived) {
        g_error("line %d: %" PRIu64 " asked, %" PRIu64 " sent, %s; expected %"
                PRIu64 " %" PRIu64 " %s", line, counts.asked, counts.sent,
                got ? "one came" : "none came", asked, sent,
                arrived ? "one came" : "none came");
    }
    for (unsigned v = 0; v < MMAPDEMO_VEC_QUEUE + NUM_QUEUES; v++) {
        if (v != VEC) {
            g_assert_false(mmd_msi_arrived(t, v));
        }
    }
}

static void quiet_queue_asks_for_nothing(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 6);

    for (int i = 0; i < 10; i++) {
        burst(&mq, 64);
    }
    assert_irq(&mq, 0, 0, false);
    g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 0);
    mmd_stop(t);
}

static void sleeper_gets_exactly_one(const void *data)
{
    const MmdEngine *engine = data;
    MmdTest *t = engine_start(engine, "");
    MmdQueue mq;

    mmd_msix_enable(t);
    mq = q_open(t, Q, 3, DOMAIN);
    for (unsigned i = 0; i < 20; i++) {
        set_event(&mq, i);
        burst(&mq, 1);
        /* the drain is over before the message is out, on a thread */
        vm_settle(t->qts);
        assert_irq(&mq, i + 1, i + 1, true);
        g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 1ULL << Q);
        mmd_set(t, QUEUE_IRQ_STATUS, 1ULL << Q);
        g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 0);
    }
    mmd_stop(t);
}

/* Only the burst that passes the event asks, wherever in it that is */
static void event_is_crossed_once(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 4);

    set_event(&mq, 20);
    burst(&mq, 16);
    assert_irq(&mq, 0, 0, false);
    burst(&mq, 4);              /* 16 .. 19: not yet */
    assert_irq(&mq, 0, 0, false);
    burst(&mq, 1);              /* 20 */
    assert_irq(&mq, 1, 1, true);
    burst(&mq, 8);              /* past it */
    assert_irq(&mq, 1, 1, false);
    set_event(&mq, 35);         /* 29 .. 44: in the middle of it */
    burst(&mq, 16);
    assert_irq(&mq, 2, 2, true);
    set_event(&mq, 44);         /* behind: nobody is woken for old news */
    burst(&mq, 3);
    assert_irq(&mq, 2, 2, false);
    set_event(&mq, 48);
    burst(&mq, 1);
    assert_irq(&mq, 3, 3, true);
    mmd_stop(t);
}

static void event_wraps_with_the_index(void)
{
    MmdTest *t = mmd_start("x-queue-start=0xfffffffc");
    MmdQueue mq;

    mmd_msix_enable(t);
    mq = q_open_at(t, Q, 4, DOMAIN, 0xfffffffc);
    set_event(&mq, 2);
    burst(&mq, 4);
    assert_irq(&mq, 0, 0, false);
    burst(&mq, 2);
    assert_irq(&mq, 0, 0, false);
    burst(&mq, 1);
    assert_irq(&mq, 1, 1, true);
    /* what is called quiet is an index like any other */
    q_set(t, Q, CTL, MMAPDEMO_QCTL_DISABLE);
    mq = q_open_at(t, Q, 4, DOMAIN, 0xfffffffc);
    burst(&mq, 3);
    assert_irq(&mq, 1, 1, false);
    burst(&mq, 1);
    assert_irq(&mq, 2, 2, true);
    mmd_stop(t);
}

/* --- moderation ----------------------------------------------------------- */

static void gap_holds_the_next_one_back(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 4);

    q_set(t, Q, IRQ_GAP_NS, GAP);
    set_event(&mq, 0);
    burst(&mq, 1);
    assert_irq(&mq, 1, 1, true);        /* the first is sent at once */
    for (unsigned i = 1; i <= 5; i++) {
        set_event(&mq, i);
        burst(&mq, 1);
        assert_irq(&mq, 1 + i, 1, false);
    }
    qtest_clock_step(t->qts, GAP - 1000);
    assert_irq(&mq, 6, 1, false);
    qtest_clock_step(t->qts, 2000);
    assert_irq(&mq, 6, 2, true);        /* one for all of them */

    /* that one opens a gap as well */
    set_event(&mq, 6);
    burst(&mq, 1);
    assert_irq(&mq, 7, 2, false);
    qtest_clock_step(t->qts, GAP);
    assert_irq(&mq, 7, 3, true);
    /* nothing asked for in the gap: nothing comes at its end */
    qtest_clock_step(t->qts, 10 * GAP);
    assert_irq(&mq, 7, 3, false);
    /* and then it is the first again */
    set_event(&mq, 7);
    burst(&mq, 1);
    assert_irq(&mq, 8, 4, true);
    mmd_stop(t);
}

static void count_ends_the_gap(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 6);

    q_set(t, Q, IRQ_GAP_NS, GAP);
    q_set(t, Q, IRQ_COUNT, 10);
    set_event(&mq, 0);
    burst(&mq, 1);
    assert_irq(&mq, 1, 1, true);
    set_event(&mq, 1);
    for (unsigned i = 0; i < 9; i++) {
        burst(&mq, 1);
        assert_irq(&mq, 2, 1, false);
    }
    burst(&mq, 1);                      /* the tenth since that message */
    assert_irq(&mq, 2, 2, true);
    /* many at once are enough, too, but only if somebody asked */
    burst(&mq, 60);
    assert_irq(&mq, 2, 2, false);
    set_event(&mq, mq.tail);
    burst(&mq, 1);
    assert_irq(&mq, 3, 3, true);
    qtest_clock_step(t->qts, 10 * GAP);
    assert_irq(&mq, 3, 3, false);
    mmd_stop(t);
}

/* 64 deep, asking each time: a few messages and not one for each */
static void depth_64_is_coalesced(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 6);
    QueueCounts counts;

    q_set(t, Q, IRQ_GAP_NS, GAP);
    for (unsigned i = 0; i < 100; i++) {
        set_event(&mq, mq.tail);
        burst(&mq, 16);
        qtest_clock_step(t->qts, GAP / 10);
    }
    qtest_clock_step(t->qts, GAP);
    counts = q_counts(t);
    g_assert_cmpuint(counts.asked, ==, 100);
    g_assert_cmpuint(counts.sent, >=, 9);
    g_assert_cmpuint(counts.sent, <=, 12);
    g_assert_true(mmd_msi_arrived(t, VEC));
    mmd_stop(t);
}

/* The owner cannot weaken it, and a new gap counts from the next message on */
static void gap_is_the_drivers(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 4);

    q_set(t, Q, IRQ_GAP_NS, GAP);
    set_event(&mq, 0);
    burst(&mq, 1);
    assert_irq(&mq, 1, 1, true);
    q_set(t, Q, IRQ_GAP_NS, 0);
    set_event(&mq, 1);
    burst(&mq, 1);
    assert_irq(&mq, 2, 1, false);
    qtest_clock_step(t->qts, GAP);
    assert_irq(&mq, 2, 2, true);
    for (unsigned i = 2; i < 10; i++) {
        set_event(&mq, i);
        burst(&mq, 1);
        assert_irq(&mq, i + 1, i + 1, true);
    }
    /* as long as it can be: no overflow */
    q_set(t, Q, IRQ_GAP_NS, UINT32_MAX);
    set_event(&mq, 10);
    burst(&mq, 1);
    assert_irq(&mq, 11, 11, true);
    set_event(&mq, 11);
    burst(&mq, 1);
    qtest_clock_step(t->qts, UINT32_MAX - 100000);
    assert_irq(&mq, 12, 11, false);
    qtest_clock_step(t->qts, 200000);
    assert_irq(&mq, 12, 12, true);
    mmd_stop(t);
}

/* What ends the queue ends what it held back */
static void held_back_interrupt_is_forgotten(void)
{
    for (int how = 0; how < 4; how++) {
        MmdQueue mq;
        MmdTest *t = start("", &mq, 4);

        q_set(t, Q, IRQ_GAP_NS, GAP);
        for (unsigned i = 0; i < 2; i++) {
            set_event(&mq, i);
            burst(&mq, 1);
        }
        assert_irq(&mq, 2, 1, true);
        switch (how) {
        case 0:
            q_set(t, Q, CTL, MMAPDEMO_QCTL_DISABLE);
            break;
        case 1:
            mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
            break;
        case 2:
            mmd_flr(t);
            mmd_setup(t);
            mmd_msix_enable(t);
            break;
        default:
            mmd_bus_master(t, false);
            mmd_bus_master(t, true);
            break;
        }
        qtest_clock_step(t->qts, 10 * GAP);
        vm_settle(t->qts);
        g_assert_false(mmd_msi_arrived(t, VEC));
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==,
                         how == 1 || how == 2 ? 0 : 1);
        /* the next life has no gap to wait for */
        q_set(t, Q, CTL, MMAPDEMO_QCTL_DISABLE);
        mq = q_open(t, Q, 4, DOMAIN);
        set_event(&mq, 0);
        burst(&mq, 1);
        g_assert_true(mmd_msi_arrived(t, VEC));
        mmd_stop(t);
    }
}

/* The gap goes on while the machine stands, as the clock does not */
static void held_back_interrupt_waits_for_cont(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 4);

    q_set(t, Q, IRQ_GAP_NS, GAP);
    for (unsigned i = 0; i < 2; i++) {
        set_event(&mq, i);
        burst(&mq, 1);
    }
    assert_irq(&mq, 2, 1, true);
    vm_stop(t->qts);
    vm_settle(t->qts);
    assert_irq(&mq, 2, 1, false);
    vm_cont(t->qts);
    qtest_clock_step(t->qts, GAP);
    assert_irq(&mq, 2, 2, true);
    mmd_stop(t);
}

/* An error is told at once, gap or not, asked for or not */
static void stopped_queue_tells_at_once(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 3);
    uint64_t sent;

    q_set(t, Q, IRQ_GAP_NS, GAP);
    q_set(t, Q, IRQ_COUNT, 1000);
    set_event(&mq, 0);
    burst(&mq, 1);
    assert_irq(&mq, 1, 1, true);
    sent = mmd_get(t, CNT_IRQ_RAISED);
    q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, 100);
    q_ring(&mq);
    q_wait_stopped(&mq);
    vm_settle(t->qts);
    g_assert_true(mmd_msi_arrived(t, VEC));
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, sent + 1);
    qtest_clock_step(t->qts, 10 * GAP);
    g_assert_false(mmd_msi_arrived(t, VEC));
    mmd_stop(t);
}

/* Two queues may share a vector, and one may use those of other causes */
static void vectors_are_free_to_choose(void)
{
    static const unsigned vectors[] = {
        MMAPDEMO_VEC_DMA, MMAPDEMO_VEC_SW, MMAPDEMO_VEC_QUEUE,
        MMAPDEMO_VEC_QUEUE + NUM_QUEUES - 1,
    };
    MmdTest *t = mmd_start("");

    mmd_msix_enable(t);
    for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
        for (unsigned q = 0; q < NUM_QUEUES; q += 5) {
            MmdQueue mq;

            q_set(t, q, CTL, MMAPDEMO_QCTL_DISABLE);
            q_program(t, q, 3, DOMAIN);
            q_set(t, q, VECTOR, vectors[i]);
            q_set(t, q, CTL, MMAPDEMO_QCTL_ENABLE);
            assert_queue(t, q, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
            mq = (MmdQueue) {
                .t = t, .q = q, .log2n = 3, .base = QUEUE_MEM(q),
            };
            set_event(&mq, 0);
            burst(&mq, 1);
            for (unsigned v = 0; v < MMAPDEMO_VEC_QUEUE + NUM_QUEUES; v++) {
                g_assert_cmpint(mmd_msi_arrived(t, v), ==, v == vectors[i]);
            }
        }
    }
    /* the status of a queue is no status of a cause */
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 0x8421);
    mmd_stop(t);
}

static void masked_vector_waits(void)
{
    MmdQueue mq;
    MmdTest *t = start("", &mq, 3);

    mmd_msix_mask(t, VEC, true);
    for (unsigned i = 0; i < 3; i++) {
        set_event(&mq, i);
        burst(&mq, 1);
    }
    g_assert_false(mmd_msi_arrived(t, VEC));
    g_assert_true(mmd_msix_pending(t, VEC));
    mmd_msix_mask(t, VEC, false);
    g_assert_true(mmd_msi_arrived(t, VEC));
    mmd_stop(t);
}

/* --- messages to ourselves ------------------------------------------------ */

/*
 * The message of a queue is a ring of its own doorbell. It is not answered: not
 * from the doorbell write, nor from a bottom half or thread, nor from the timer
 * that ends a gap.
 */
static void message_to_own_doorbell_goes_nowhere(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq;
    uint64_t rings;

    mmd_msix_enable(t);
    mq = q_open(t, Q, 4, DOMAIN);
    mmd_msix_target(t, VEC, t->doorbell + MMAPDEMO_DOORBELL(Q), 1);
    q_set(t, Q, IRQ_GAP_NS, GAP);
    for (unsigned i = 0; i < 3; i++) {
        /* one is sent at once, one is held back */
        for (int j = 0; j < 2; j++) {
            set_event(&mq, mq.tail);
            burst(&mq, 1);
            vm_settle(t->qts);
        }
        g_assert_cmpuint(mmd_get(t, CNT_Q_IRQ_SENT), ==, 2 * i + 1);
        /* published and not rung: it would be seen */
        q_put(&mq, &nop);
        q_publish(&mq);
        rings = mmd_get(t, CNT_DB_WR32);
        qtest_clock_step(t->qts, 2 * GAP);
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_get(t, CNT_Q_IRQ_SENT), ==, 2 * i + 2);
        g_assert_cmpuint(mmd_get(t, CNT_DB_WR32), ==, rings);
        g_assert_false(q_done(&mq, mq.tail - 1));
        q_ring(&mq);
        q_drain(&mq);
        qtest_clock_step(t->qts, 2 * GAP);
        vm_settle(t->qts);
    }
    /* each ring of ours, and none of its own */
    g_assert_cmpuint(mmd_get(t, CNT_DB_WR32), ==, 9);
    assert_queue(t, Q, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
    mmd_stop(t);
}

/* Registers likewise: DISABLE its own queue, take its own window away */
static void message_to_own_registers_goes_nowhere(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq;
    const uint64_t targets[] = {
        t->regs + MMAPDEMO_QREG(Q, CTL), t->regs + MMAPDEMO_REG_RESET,
        t->regs + MMAPDEMO_WREG(WIN_A, CFG),
    };
    const uint32_t values[] = {
        MMAPDEMO_QCTL_DISABLE, MMAPDEMO_RESET_KEY, 0,
    };

    mmd_msix_enable(t);
    w_usual(t, DOMAIN);
    mq = q_open(t, Q, 4, DOMAIN);
    for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
        Sqe copy = {
            .op = MMAPDEMO_OP_COPY, .len = 300000, .src_win = WIN_A,
            .dst_win = WIN_MEM,
        };

        mmd_msix_target(t, VEC, targets[i], values[i]);
        set_event(&mq, mq.tail);
        q_expect(&mq, &copy, .bytes = copy.len);
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_get(t, CNT_Q_IRQ_SENT), ==, i + 1);
        assert_queue(t, Q, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
    }
    mmd_stop(t);
}

/* Two devices that ring each other: each answers, and it comes to an end */
static void messages_to_each_others_doorbells(const void *data)
{
    const MmdEngine *engine = data;
    g_autofree char *more = g_strdup_printf("%s -device mmapdemo,id=mmd1,"
                                            "addr=5,mem-size=32M,%s",
                                            engine->more, engine->props);
    MmdTest *t, *u;
    MmdQueue a, b;

    t = mmd_start_with(engine->props, more);
    u = mmd_attach(t, 0, 5, 1);
    mmd_msix_enable(t);
    mmd_msix_enable(u);
    a = q_open(t, Q, 12, DOMAIN);
    b = q_open(u, Q + 1, 12, DOMAIN);
    mmd_msix_target(t, VEC, u->doorbell + MMAPDEMO_DOORBELL(Q + 1), 1);
    mmd_msix_target(u, QUEUE_VEC(Q + 1), t->doorbell + MMAPDEMO_DOORBELL(Q), 1);
    for (unsigned i = 0; i < 1000; i++) {
        set_event(&a, a.tail);
        set_event(&b, b.tail);
        q_put(&a, &nop);
        q_put(&b, &nop);
        q_publish(&a);
        q_publish(&b);
        q_ring(&a);
        q_ring(&b);
        if (i % 100 == 0) {
            qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
        }
        q_drain(&a);
        q_drain(&b);
    }
    g_assert_cmpuint(q_counts(t).done, ==, 1000);
    g_assert_cmpuint(q_counts(u).done, ==, 1000);
    mmd_stop(t);
    g_free(u);
}

void add_queue_irq_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/queue_irq/" #fn, fn)
#define ADD_ENGINE(fn) add_engine_test("queue_irq", #fn, fn)
    ADD(quiet_queue_asks_for_nothing);
    ADD_ENGINE(sleeper_gets_exactly_one);
    ADD(event_is_crossed_once);
    ADD(event_wraps_with_the_index);
    ADD(gap_holds_the_next_one_back);
    ADD(count_ends_the_gap);
    ADD(depth_64_is_coalesced);
    ADD(gap_is_the_drivers);
    ADD(held_back_interrupt_is_forgotten);
    ADD(held_back_interrupt_waits_for_cont);
    ADD(stopped_queue_tells_at_once);
    ADD(vectors_are_free_to_choose);
    ADD(masked_vector_waits);
    ADD_ENGINE(message_to_own_doorbell_goes_nowhere);
    ADD_ENGINE(message_to_own_registers_goes_nowhere);
    ADD_ENGINE(messages_to_each_others_doorbells);
#undef ADD
#undef ADD_ENGINE
}
