/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: things taken from a queue while it works: its window, its
 * permission to run, the bus, the machine, the device. Whatever the moment,
 * when the access has returned not one byte more moves.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define LEN     MMAPDEMO_QUEUE_MAX_LEN
#define DOMAIN  6
#define W       50          /* the window that is taken away */

/* 16 MiB of 5a from BAR2 into zeroed memory, on its way */
static MmdQueue begin(MmdTest *t, bool again)
{
    MmdQueue mq;
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = LEN, .src_win = WIN_MEM, .dst_win = W,
        .user = 42,
    };

    if (!again) {
        w_usual(t, DOMAIN);
        mem_fill(t, t->mem, 0x5a, LEN);
    }
    mem_fill(t, RAM_BUF, 0, LEN);
    w_close(t, W);
    w_bus(t, W, RAM_BUF, LEN, DOMAIN | W_WRITE);
    mq = q_open(t, 3, 4, DOMAIN);
    q_submit(&mq, &sqe);
    return mq;
}

static uint64_t moved(MmdTest *t)
{
    return mem_moved(t, RAM_BUF, 0x5a, LEN);
}

/* Nothing moves any more: neither at its end, nor after some time */
static uint64_t assert_still(MmdTest *t)
{
    uint8_t last = qtest_readb(t->qts, RAM_BUF + LEN - 1);
    uint64_t done = moved(t);

    vm_settle(t->qts);
    g_assert_cmpuint(moved(t), ==, done);
    g_assert_cmphex(qtest_readb(t->qts, RAM_BUF + LEN - 1), ==, last);
    return done;
}

/* A descriptor through other windows works: the queue goes on */
static void assert_goes_on(MmdQueue *mq)
{
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = 100000, .src_win = WIN_MEM,
        .dst_win = WIN_B, .user = 43,
    };

    mem_fill(mq->t, RAM_BUF2, 0, 100001);
    q_expect(mq, &sqe, .bytes = 100000);
    mem_assert_fill(mq->t, RAM_BUF2, 0x5a, 100000);
    mem_assert_fill(mq->t, RAM_BUF2 + 100000, 0, 1);
}

#define ROUNDS 12

/* Some rounds a little later than others */
static void linger(MmdTest *t, int round)
{
    for (int i = 0; i < round % 6 * 3; i++) {
        qtest_readl(t->qts, RAM_MSI);
    }
}

static void window_taken_away(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned middle = 0;

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done;
        Cqe cqe;

        linger(t, i);
        w_set(t, W, CFG, 0);
        g_assert_cmphex(w_get(t, W, CFG), ==, 0);
        done = assert_still(t);
        q_drain(&mq);
        cqe = q_cqe(&mq, 0);
        middle += done && done < LEN;
        g_assert_cmpuint(cqe.bytes, ==, done);
        if (done == LEN) {
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_OK);
        } else if (done) {
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_ABORTED);
        } else {
            g_assert_true(cqe.status == MMAPDEMO_CQ_ABORTED ||
                          cqe.status == MMAPDEMO_CQ_WINDOW);
        }
        assert_goes_on(&mq);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

/* Taken away and given back at once, elsewhere: it is another window now */
static void window_exchanged(const void *data)
{
    MmdTest *t = engine_start(data, "");

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done;
        Cqe cqe;

        mem_fill(t, RAM_BUF2, 0, 1 * MiB);
        linger(t, i);
        w_set(t, W, CFG, 0);
        w_set(t, W, ADDR, RAM_BUF2);
        w_set(t, W, CFG, MMAPDEMO_WCFG_VALID | DOMAIN | W_BOTH);
        done = assert_still(t);
        q_drain(&mq);
        cqe = q_cqe(&mq, 0);
        /* begun in the old one, it does not go on in the new one */
        if (done) {
            g_assert_cmpuint(cqe.bytes, ==, done);
            g_assert_cmpuint(cqe.status, ==, done == LEN ? MMAPDEMO_CQ_OK
                                                        : MMAPDEMO_CQ_ABORTED);
            mem_assert_fill(t, RAM_BUF2, 0, 1 * MiB);
        }
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
        w_close(t, W);
    }
    mmd_stop(t);
}

static void queue_disabled(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned middle = 0;

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done, descs;
        Sqe nop = { .user = 7 };

        linger(t, i);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
        assert_queue(t, 3, MMAPDEMO_QSTATE_DISABLED, MMAPDEMO_QERR_NONE);
        /* its memory is not its own any more, either */
        if (q_done(&mq, 0)) {
            g_assert_cmpuint(moved(t), ==, LEN);
        }
        mem_fill(t, mq.base, 0xee, 8192);
        done = assert_still(t);
        mem_assert_fill(t, mq.base, 0xee, 8192);
        middle += done && done < LEN;
        descs = mmd_get(t, CNT_Q_DESCS);
        q_submit(&mq, &nop);
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, descs);

        /* the next owner's memory knows nothing of it */
        mq = q_open(t, 3, 4, DOMAIN);
        vm_settle(t->qts);
        g_assert_false(q_done(&mq, 0));
        assert_goes_on(&mq);
        g_assert_cmpuint(moved(t), ==, done);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

/*
 * A paused descriptor keeps what was read of it, and how far it came: what its
 * owner writes into the slot meanwhile is for nobody.
 */
static void queue_paused(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned middle = 0;

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done;
        Sqe nop = { .user = 7 };

        linger(t, i);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_PAUSE);
        assert_queue(t, 3, MMAPDEMO_QSTATE_PAUSED, MMAPDEMO_QERR_NONE);
        done = assert_still(t);
        middle += done && done < LEN;
        if (done) {
            mem_fill(t, q_slot(&mq, 0), 0xff, sizeof(Sqe));
        }
        q_submit(&mq, &nop);
        vm_settle(t->qts);
        g_assert_false(q_done(&mq, 1));
        g_assert_cmpuint(moved(t), ==, done);
        if (done < LEN) {
            g_assert_false(q_done(&mq, 0));
            g_assert_cmpuint(q_get(t, 3, HEAD), ==, 0);
        }

        q_set(t, 3, CTL, MMAPDEMO_QCTL_RESUME);
        q_drain(&mq);
        assert_cqe(&mq, 0, .user = 42, .bytes = LEN);
        assert_cqe(&mq, 1, .user = 7);
        g_assert_cmpuint(moved(t), ==, LEN);
        /* read once, whatever happened */
        g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, 2);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
        mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
        w_usual(t, DOMAIN);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

/* Paused, and then its window goes */
static void window_of_paused_queue(const void *data)
{
    MmdTest *t = engine_start(data, "");

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done;
        Cqe cqe;

        linger(t, i);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_PAUSE);
        w_set(t, W, CFG, 0);
        done = assert_still(t);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_RESUME);
        q_drain(&mq);
        g_assert_cmpuint(moved(t), ==, done);
        cqe = q_cqe(&mq, 0);
        g_assert_cmpuint(cqe.bytes, ==, done);
        if (done && done < LEN) {
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_ABORTED);
        }
        assert_goes_on(&mq);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    mmd_stop(t);
}

static void machine_stopped(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned middle = 0;

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i);
        uint64_t done;

        linger(t, i);
        vm_stop(t->qts);
        done = assert_still(t);
        middle += done && done < LEN;
        /* the ring of a machine that stands is not written, either */
        if (done < LEN) {
            g_assert_false(q_done(&mq, 0));
        }
        vm_cont(t->qts);
        q_drain(&mq);
        assert_cqe(&mq, 0, .user = 42, .bytes = LEN);
        g_assert_cmpuint(moved(t), ==, LEN);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

/*
 * So much work that no stop comes too late. Its progress is in the counters:
 * they stand still from the stop on, whatever the engine.
 */
static void stopped_among_much_work(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq[2];
    const unsigned num = 8;
    Sqe sqe = { .op = MMAPDEMO_OP_CRC32C, .len = LEN, .src_win = WIN_A };
    uint64_t stood = 0;

    w_usual(t, DOMAIN);
    for (unsigned q = 0; q < 2; q++) {
        mq[q] = q_open(t, q, 4, DOMAIN);
        for (unsigned i = 0; i < num; i++) {
            q_put(&mq[q], &sqe);
        }
        q_publish(&mq[q]);
        q_ring(&mq[q]);
    }
    for (int i = 0; i < 5; i++) {
        vm_stop(t->qts);
        stood = mmd_get(t, CNT_Q_BYTES);
        g_assert_cmpuint(stood, <, 2ULL * num * LEN);
        g_usleep(2000);
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, stood);
        vm_cont(t->qts);
    }
    /* likewise by PAUSE, one of the two */
    q_set(t, 0, CTL, MMAPDEMO_QCTL_PAUSE);
    q_drain(&mq[1]);
    stood = mmd_get(t, CNT_Q_BYTES);
    g_assert_cmpuint(stood, <, 2ULL * num * LEN);
    g_usleep(2000);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, stood);
    q_set(t, 0, CTL, MMAPDEMO_QCTL_RESUME);
    q_drain(&mq[0]);
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, 2ULL * num * LEN);
    /* what PAUSE found read and not begun may be read again */
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), >=, 2 * num);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, 2 * num);
    mmd_stop(t);
}

/* --- the bus -------------------------------------------------------------- */

static void power(MmdTest *t, unsigned state)
{
    mmd_cfg_write(t, mmd_cfg_cap(t, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2, state);
}

static void check_bus_lost(MmdTest *t, bool by_power)
{
    unsigned middle = 0;

    mmd_msix_enable(t);
    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t, i), idle = q_open(t, 4, 3, DOMAIN);
        g_autofree uint8_t *ring = g_malloc(8192);
        g_autofree uint8_t *after = g_malloc(8192);
        uint64_t done;
        Sqe nop = { .user = 1 };

        linger(t, i);
        if (by_power) {
            power(t, 3);
        } else {
            mmd_bus_master(t, false);
        }
        mem_read(t, mq.base, ring, 8192);
        done = assert_still(t);
        middle += done && done < LEN;
        mem_read(t, mq.base, after, 8192);
        g_assert_cmpmem(ring, 8192, after, 8192);
        if (by_power) {
            power(t, 0);
        } else {
            mmd_bus_master(t, true);
        }
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        mem_read(t, mq.base, after, 8192);
        g_assert_cmpmem(ring, 8192, after, 8192);
        /* whoever ran is stopped, until it is disabled and enabled again */
        assert_queue(t, 3, MMAPDEMO_QSTATE_ERROR, MMAPDEMO_QERR_BUS_OFF);
        assert_queue(t, 4, MMAPDEMO_QSTATE_ERROR, MMAPDEMO_QERR_BUS_OFF);
        q_submit(&idle, &nop);
        vm_settle(t->qts);
        g_assert_false(q_done(&idle, 0));
        g_assert_false(mmd_msi_arrived(t, QUEUE_VEC(4)));
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
        q_set(t, 4, CTL, MMAPDEMO_QCTL_DISABLE);
        mq = q_open(t, 3, 4, DOMAIN);
        assert_goes_on(&mq);
        q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
}

static void bus_master_off(const void *data)
{
    MmdTest *t = engine_start(data, "");

    check_bus_lost(t, false);
    mmd_stop(t);
}

static void power_down(const void *data)
{
    MmdTest *t = engine_start(data, "");

    check_bus_lost(t, true);
    mmd_stop(t);
}

/* --- resets --------------------------------------------------------------- */

enum { BY_REGISTER, BY_FLR, BY_SYSTEM };

static void assert_tables_clear(MmdTest *t)
{
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        for (unsigned i = 0; i < mmd_num_qregs; i++) {
            if (mmd_qregs[i].access != MMD_WO) {
                g_assert_cmphex(mmd_reg_read(t, MMAPDEMO_QREG(q, BASE) +
                                             mmd_qregs[i].offset), ==, 0);
            }
        }
    }
    for (unsigned w = 0; w < 64; w++) {
        for (unsigned i = 0; i < mmd_num_wregs; i++) {
            g_assert_cmphex(mmd_reg_read(t, MMAPDEMO_WREG(w, ADDR) +
                                         mmd_wregs[i].offset), ==, 0);
        }
    }
    g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 0);
    g_assert_cmpuint(q_counts(t).descs, ==, 0);
    g_assert_cmpuint(q_counts(t).done, ==, 0);
    g_assert_cmpuint(q_counts(t).bytes, ==, 0);
    g_assert_cmpuint(q_counts(t).stopped, ==, 0);
}

static void resets(const void *data)
{
    MmdTest *t = engine_start(data, "");
    unsigned middle = 0;

    for (int i = 0; i < 3 * ROUNDS; i++) {
        MmdQueue mq, other;
        uint64_t done;
        Sqe nop = { .user = 1 };

        mmd_msix_enable(t);
        other = q_open(t, 15, 3, 0);
        q_set(t, 15, IRQ_GAP_NS, 1000);
        q_set_word(&other, MMAPDEMO_RING_CQ_EVENT, 0);
        q_submit(&other, &nop);
        q_set_word(&other, MMAPDEMO_RING_SQ_TAIL, 77);
        q_ring(&other);
        mq = begin(t, 0);
        linger(t, i / 3);
        switch (i % 3) {
        case BY_REGISTER:
            mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
            break;
        case BY_FLR:
            mmd_flr(t);
            break;
        case BY_SYSTEM:
            qtest_system_reset(t->qts);
            break;
        }
        mem_fill(t, mq.base, 0xee, 8192);
        /* a doorbell finds nobody, the bus is not ours any more */
        if (i % 3) {
            mmd_cfg_write(t, PCI_BASE_ADDRESS_1, 4, t->doorbell);
            mmd_cfg_write(t, PCI_BASE_ADDRESS_2, 4, t->mem);
            mmd_cfg_write(t, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
        }
        q_ring(&mq);
        q_ring(&other);
        done = assert_still(t);
        middle += done && done < LEN;
        mmd_setup(t);
        vm_settle(t->qts);
        mem_assert_fill(t, mq.base, 0xee, 8192);
        assert_tables_clear(t);
        g_assert_cmpuint(moved(t), ==, done);
        qtest_clock_step(t->qts, 1000000);
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 0);
        mq = begin(t, 0);
        q_drain(&mq);
        g_assert_cmpuint(moved(t), ==, LEN);
        qtest_system_reset(t->qts);
        mmd_setup(t);
    }
    g_test_message("%u of %u in the middle of it", middle, 3 * ROUNDS);
    mmd_stop(t);
}

/* --- unplug --------------------------------------------------------------- */

static void unplugged(const void *data)
{
    const MmdEngine *engine = data;
    QTestState *qts = port_start(engine->more);
    g_autofree uint8_t *before = g_malloc(LEN);
    g_autofree uint8_t *after = g_malloc(LEN);

    for (int i = 0; i < ROUNDS; i++) {
        MmdTest *t;
        QDict *args = qdict_new();

        qdict_put_str(args, "driver", "mmapdemo");
        qdict_put_str(args, "id", "mmd0");
        qdict_put_str(args, "bus", "rp0");
        qdict_put_int(args, "mem-size", BAR2_SIZE);
        qdict_put_str(args, "dma", engine->name);
        if (*engine->more) {
            qdict_put_str(args, "iothread", "io0");
        }
        qtest_qmp_assert_success(qts, "{ 'execute': 'device_add', "
                                 "'arguments': %p }", args);
        t = port_attach(qts);
        begin(t, false);
        linger(t, i);
        qtest_qmp_device_del_send(qts, "mmd0");
        if (i % 2) {
            port_eject(qts);
        } else {
            qtest_system_reset_nowait(qts);
        }
        qtest_qmp_eventwait(qts, "DEVICE_DELETED");
        mem_read(t, RAM_BUF, before, LEN);
        vm_settle(qts);
        mem_read(t, RAM_BUF, after, LEN);
        g_assert_true(!memcmp(before, after, LEN));
        g_free(t);
    }
    qtest_quit(qts);
}

/* QEMU ends, or the device goes with a queue that holds an interrupt back */
static void quit_in_flight(const void *data)
{
    for (int i = 0; i < 3; i++) {
        MmdTest *t = engine_start(data, "");

        begin(t, false);
        linger(t, i);
        mmd_stop(t);
    }
}

void add_queue_life_tests(void)
{
#define ADD(fn) add_engine_test("queue_life", #fn, fn)
    ADD(window_taken_away);
    ADD(window_exchanged);
    ADD(queue_disabled);
    ADD(queue_paused);
    ADD(window_of_paused_queue);
    ADD(machine_stopped);
    ADD(stopped_among_much_work);
    ADD(bus_master_off);
    ADD(power_down);
    ADD(resets);
    ADD(unplugged);
    ADD(quit_in_flight);
#undef ADD
}
