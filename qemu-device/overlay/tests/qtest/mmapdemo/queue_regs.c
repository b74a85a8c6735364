/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the registers of queues and windows, what ENABLE refuses, and
 * each command in each state. What the queues do is in the other queue_*.c.
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qobject/qjson.h"
#include "queue.h"

#define ST_DISABLED    MMAPDEMO_QSTATE_DISABLED
#define ST_RUNNING     MMAPDEMO_QSTATE_RUNNING
#define ST_PAUSED      MMAPDEMO_QSTATE_PAUSED
#define ST_ERROR       MMAPDEMO_QSTATE_ERROR
#define NONE        MMAPDEMO_QERR_NONE

static void reset_values(void)
{
    MmdTest *t = mmd_start("");

    g_assert_cmpuint(mmd_get(t, QUEUE_COUNT), ==, NUM_QUEUES);
    g_assert_cmpuint(mmd_get(t, WINDOW_COUNT), ==, NUM_WINDOWS);
    g_assert_cmpuint(mmd_get(t, VECTOR_COUNT), ==,
                     MMAPDEMO_VEC_QUEUE + NUM_QUEUES);
    g_assert_cmpuint(mmd_get(t, ENGINE), ==, MMAPDEMO_ENGINE_AUTO);
    g_assert_cmpuint(mmd_get(t, LOCK_BUDGET_NS), ==, 20000);
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        for (unsigned i = 0; i < mmd_num_qregs; i++) {
            if (mmd_qregs[i].access != MMD_WO) {
                g_assert_cmphex(mmd_reg_read(t, MMAPDEMO_QREG(q, BASE) +
                                             mmd_qregs[i].offset), ==,
                                mmd_qregs[i].reset);
            }
        }
    }
    for (unsigned w = 0; w < NUM_WINDOWS; w++) {
        for (unsigned i = 0; i < mmd_num_wregs; i++) {
            g_assert_cmphex(mmd_reg_read(t, MMAPDEMO_WREG(w, ADDR) +
                                         mmd_wregs[i].offset), ==,
                            mmd_wregs[i].reset);
        }
    }
    mmd_assert_no_error(t);
    mmd_stop(t);
}

/* Every bit of a register that may be written, and no bit of its neighbours */
static void check_bits(MmdTest *t, uint32_t block, const MmdReg *regs,
                       unsigned num)
{
    static const uint64_t patterns[] = {
        UINT64_MAX, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0,
    };

    for (unsigned i = 0; i < num; i++) {
        const MmdReg *reg = &regs[i];

        for (unsigned p = 0; p < ARRAY_SIZE(patterns); p++) {
            uint64_t val = patterns[p] & reg->writable;

            if (block >= MMAPDEMO_WINDOW_TABLE) {
                val &= ~(uint64_t)MMAPDEMO_WCFG_VALID;
            }
            if (reg->access != MMD_RW) {
                continue;
            }
            mmd_reg_write(t, block + reg->offset, val);
            g_assert_cmphex(mmd_reg_read(t, block + reg->offset), ==, val);
            mmd_assert_no_error(t);
            for (unsigned j = 0; j < num; j++) {
                if (j != i && regs[j].access != MMD_WO) {
                    g_assert_cmphex(mmd_reg_read(t, block + regs[j].offset),
                                    ==, regs[j].reset);
                }
            }
            if (reg->width == 8) {
                mmd_write(t, block + reg->offset, 4, 0x13579bdf);
                mmd_write(t, block + reg->offset + 4, 4, 0x2468ace0);
                g_assert_cmphex(mmd_reg_read(t, block + reg->offset), ==,
                                0x2468ace013579bdf);
                g_assert_cmphex(mmd_read(t, block + reg->offset + 4, 4), ==,
                                0x2468ace0);
                mmd_reg_write(t, block + reg->offset, val);
            }
        }
        mmd_assert_no_error(t);
    }
}

static void writable_bits(void)
{
    static const unsigned windows[] = { 0, 1, 511, NUM_WINDOWS - 1 };
    MmdTest *t = mmd_start("");
    QueueSnapshot snap;

    for (unsigned q = 0; q < NUM_QUEUES; q += 5) {
        q_snapshot(t, &snap);
        check_bits(t, MMAPDEMO_QREG(q, BASE), mmd_qregs, mmd_num_qregs);
        q_assert_unchanged(t, &snap, -1);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(windows); i++) {
        check_bits(t, MMAPDEMO_WREG(windows[i], ADDR), mmd_wregs,
                   mmd_num_wregs);
    }
    mmd_stop(t);
}

static void reserved_bits_are_refused(void)
{
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 3, 3, 1);
    QueueSnapshot snap;

    q_snapshot(t, &snap);
    for (uint32_t ctl = 0; ctl < 64; ctl = ctl < 8 ? ctl + 1 : ctl * 2) {
        if (ctl >= MMAPDEMO_QCTL_ENABLE && ctl <= MMAPDEMO_QCTL_DISABLE) {
            continue;
        }
        q_set(t, mq.q, CTL, ctl);
        mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_QREG(3, CTL), 4, true);
    }
    q_set(t, mq.q, CTL, 0x80000000 | MMAPDEMO_QCTL_DISABLE);
    mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_QREG(3, CTL), 4, true);
    q_assert_unchanged(t, &snap, -1);

    w_set(t, 7, ADDR, RAM_BUF);
    w_set(t, 7, LEN, 4096);
    for (unsigned bit = 20; bit < 31; bit++) {
        w_set(t, 7, CFG, MMAPDEMO_WCFG_VALID | W_BOTH | 1U << bit);
        mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_WREG(7, CFG), 4, true);
        g_assert_cmphex(w_get(t, 7, CFG), ==, 0);
    }
    mmd_stop(t);
}

/* Numbers past the last one are no queue and no window */
static void counts_are_properties(void)
{
    static const struct {
        unsigned queues, windows;
    } sizes[] = { { 1, 1 }, { 3, 17 }, { 64, 65536 } };

    for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++) {
        unsigned queues = sizes[i].queues, windows = sizes[i].windows;
        g_autofree char *props = g_strdup_printf("queues=%u,windows=%u",
                                                 queues, windows);
        MmdTest *t = mmd_start(props);
        uint64_t bar0 = pow2ceil(MAX(MMAPDEMO_WREG(windows, ADDR),
                                     MMAPDEMO_BAR_REGS_SIZE_MIN));
        uint64_t bar1 = pow2ceil(queues) * MMAPDEMO_DOORBELL_STRIDE;
        uint32_t at;

        g_assert_cmpuint(mmd_get(t, QUEUE_COUNT), ==, queues);
        g_assert_cmpuint(mmd_get(t, WINDOW_COUNT), ==, windows);
        g_assert_cmpuint(mmd_get(t, VECTOR_COUNT), ==,
                         MMAPDEMO_VEC_QUEUE + queues);
        at = MMAPDEMO_QREG(queues - 1, LOG2N);
        mmd_write(t, at, 4, 0x77);
        g_assert_cmphex(mmd_read(t, at, 4), ==, 0x77);
        at = MMAPDEMO_WREG(windows - 1, LEN);
        mmd_write(t, at, 8, 0x7777777777);
        g_assert_cmphex(mmd_read(t, at, 8), ==, 0x7777777777);
        mmd_assert_no_error(t);

        at = MMAPDEMO_QREG(queues, STATE);
        g_assert_cmphex(mmd_read(t, at, 4), ==, UINT32_MAX);
        mmd_assert_error(t, MMAPDEMO_ERR_OFFSET, at, 4, false);
        mmd_write(t, MMAPDEMO_QREG(queues, CTL), 4, MMAPDEMO_QCTL_ENABLE);
        mmd_assert_error(t, MMAPDEMO_ERR_OFFSET, MMAPDEMO_QREG(queues, CTL), 4,
                         true);
        at = MMAPDEMO_WREG(windows, CFG);
        if (at < bar0) {
            g_assert_cmphex(mmd_read(t, at, 4), ==, UINT32_MAX);
            mmd_assert_error(t, MMAPDEMO_ERR_OFFSET,
                             at & MMAPDEMO_ERR_INFO_OFFSET, 4, false);
        }

        mmd_cfg_write(t, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
        mmd_cfg_write(t, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
        g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_0, 4), ==,
                        -(uint32_t)bar0);
        g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_1, 4), ==,
                        -(uint32_t)bar1);
        mmd_stop(t);
    }
}

static void impossible_properties_are_refused(void)
{
    static const struct {
        const char *json;
        const char *says;
    } props[] = {
        { "'queues': 0", "1 to 64" },
        { "'queues': 65", "1 to 64" },
        { "'queues': 4294967295", "1 to 64" },
        { "'windows': 0", "1 to 65536" },
        { "'windows': 65537", "1 to 65536" },
        { "'dma': 'fast'", "is not one of" },
        { "'dma': ''", "is not one of" },
        { "'dma': 'iothread'", "need each other" },
        { "'dma': 'thread', 'iothread': 'io0'", "need each other" },
        { "'dma': 'iothread', 'iothread': 'none'", "not found" },
        { "'threads': 0", "1 to 16" },
        { "'threads': 17", "1 to 16" },
        { "'lock-budget-us': 1000001", "more than a second" },
    };
    QTestState *qts = port_start("-object iothread,id=io0");
    MmdTest *t;

    for (unsigned i = 0; i < ARRAY_SIZE(props); i++) {
        g_autofree char *line = g_strdup_printf("{ 'driver': 'mmapdemo', "
            "'id': 'mmd0', 'bus': 'rp0', %s }", props[i].json);
        QDict *args = qobject_to(QDict, qobject_from_json(line, NULL));
        QDict *rsp = qtest_qmp(qts, "{ 'execute': 'device_add', "
                               "'arguments': %p }", args);
        QDict *error = qdict_get_qdict(rsp, "error");

        if (!error) {
            g_error("%s was accepted", props[i].json);
        }
        if (!strstr(qdict_get_str(error, "desc"), props[i].says)) {
            g_error("%s: %s", props[i].json, qdict_get_str(error, "desc"));
        }
        qobject_unref(rsp);
        g_assert_cmphex(pci_read(qts, PORT_BUS, 0, 0, 4), ==, UINT32_MAX);
    }
    qtest_qmp_device_add(qts, "mmapdemo", "mmd0", "{ 'bus': 'rp0', "
                         "'dma': 'iothread', 'iothread': 'io0' }");
    t = port_attach(qts);
    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    mmd_stop(t);
}

/* --- ENABLE --------------------------------------------------------------- */

typedef struct Bad {
    uint64_t base;
    uint32_t log2n, pd, vector, error;
} Bad;

static void check_refused(MmdTest *t, const Bad *bad)
{
    g_autofree uint8_t *before = g_malloc(8192);
    g_autofree uint8_t *after = g_malloc(8192);
    QueueSnapshot snap;

    q_set(t, 5, BASE, bad->base);
    q_set(t, 5, LOG2N, bad->log2n);
    q_set(t, 5, PD, bad->pd);
    q_set(t, 5, VECTOR, bad->vector);
    mem_fill(t, QUEUE_MEM(5), 0xee, 8192);
    q_snapshot(t, &snap);
    mem_read(t, QUEUE_MEM(5), before, 8192);
    q_set(t, 5, CTL, MMAPDEMO_QCTL_ENABLE);
    if (q_get(t, 5, ERROR) != bad->error) {
        g_error("BASE 0x%" PRIx64 " LOG2N %u PD %u VECTOR %u: ERROR %" PRIu64
                ", expected %u", bad->base, bad->log2n, bad->pd, bad->vector,
                q_get(t, 5, ERROR), bad->error);
    }
    g_assert_cmpuint(q_get(t, 5, STATE), ==, ST_DISABLED);
    q_assert_unchanged(t, &snap, 5);
    mem_read(t, QUEUE_MEM(5), after, 8192);
    g_assert_cmpmem(before, 8192, after, 8192);
    g_assert_cmpuint(mmd_get(t, CNT_Q_STOPPED), ==, 0);
    /* a doorbell of it does nothing either */
    qtest_writel(t->qts, t->doorbell + MMAPDEMO_DOORBELL(5), 1);
    g_assert_cmpuint(mmd_get(t, CNT_Q_LOOKS), ==, 0);
}

static void bad_contexts_are_refused(void)
{
    const uint64_t base = QUEUE_MEM(5);
    const uint32_t vec = QUEUE_VEC(5);
    const Bad bad[] = {
        { base + 8, 3, 1, vec, MMAPDEMO_QERR_BASE },
        { base + 0x800, 3, 1, vec, MMAPDEMO_QERR_BASE },
        { UINT64_MAX & ~0xfffULL, 3, 1, vec, MMAPDEMO_QERR_BASE },
        /* its last byte is the first that does not exist */
        { -(uint64_t)0x2000, 3, 1, vec, MMAPDEMO_QERR_BASE },
        { base, 0, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, 2, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, 13, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, 32, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, 64 + 3, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, UINT32_MAX, 1, vec, MMAPDEMO_QERR_LOG2N },
        { base, 3, MMAPDEMO_PD_MAX + 1, vec, MMAPDEMO_QERR_PD },
        { base, 3, UINT32_MAX, vec, MMAPDEMO_QERR_PD },
        { base, 3, 1, MMAPDEMO_VEC_QUEUE + NUM_QUEUES, MMAPDEMO_QERR_VECTOR },
        { base, 3, 1, UINT32_MAX, MMAPDEMO_QERR_VECTOR },
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        check_refused(t, &bad[i]);
    }
    /* put right, it is accepted, and says so */
    q_open(t, 5, 3, MMAPDEMO_PD_MAX);
    g_assert_cmpuint(q_get(t, 5, ERROR), ==, NONE);
    mmd_stop(t);
}

static void base_above_mask_is_refused(void)
{
    MmdTest *t = mmd_start("dma-mask=0x3ffffff");     /* 64 MiB */
    uint64_t end = 64 * MiB - 0x2000;
    const Bad bad[] = {
        { 64 * MiB, 3, 1, QUEUE_VEC(5), MMAPDEMO_QERR_BASE },
        { 64 * MiB - 0x1000, 3, 1, QUEUE_VEC(5), MMAPDEMO_QERR_BASE },
        { end, 3, 1, QUEUE_VEC(5), MMAPDEMO_QERR_BASE },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        check_refused(t, &bad[i]);
    }
    /* 0x2200 bytes: the next page down is enough */
    q_set(t, 5, BASE, end - 0x1000);
    q_set(t, 5, CTL, MMAPDEMO_QCTL_ENABLE);
    assert_queue(t, 5, ST_RUNNING, NONE);
    mmd_stop(t);
}

/* Not one bus cycle while the bus is not ours */
static void enable_without_bus_master_is_refused(void)
{
    MmdTest *t = mmd_start("");
    QueueSnapshot snap;

    q_program(t, 5, 3, 1);
    mem_fill(t, QUEUE_MEM(5), 0xee, 4096);
    mmd_bus_master(t, false);
    q_snapshot(t, &snap);
    q_set(t, 5, CTL, MMAPDEMO_QCTL_ENABLE);
    assert_queue(t, 5, ST_DISABLED, MMAPDEMO_QERR_BUS_OFF);
    q_assert_unchanged(t, &snap, 5);
    mmd_bus_master(t, true);
    vm_settle(t->qts);
    assert_queue(t, 5, ST_DISABLED, MMAPDEMO_QERR_BUS_OFF);
    mem_assert_fill(t, QUEUE_MEM(5), 0xee, 4096);
    q_open(t, 5, 3, 1);
    mmd_stop(t);
}

/* --- states --------------------------------------------------------------- */

/* Bring queue 2 into a state; the others run, idle, as witnesses */
static MmdQueue enter(MmdTest *t, uint32_t state)
{
    MmdQueue mq = { .t = t, .q = 2, .log2n = 3, .base = QUEUE_MEM(2) };

    q_set(t, 2, CTL, MMAPDEMO_QCTL_DISABLE);
    if (state == ST_DISABLED) {
        q_program(t, 2, 3, 1);
        return mq;
    }
    mq = q_open(t, 2, 3, 1);
    if (state == ST_PAUSED) {
        q_set(t, 2, CTL, MMAPDEMO_QCTL_PAUSE);
    } else if (state == ST_ERROR) {
        q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, 9);
        q_ring(&mq);
        q_wait_stopped(&mq);
    }
    return mq;
}

static void every_command_in_every_state(void)
{
    static const uint8_t next[4][5] = {
        /* ENABLE, PAUSE, RESUME, DISABLE */
        [ST_DISABLED] = { 0, ST_RUNNING, ST_DISABLED, ST_DISABLED,
                          ST_DISABLED },
        [ST_RUNNING]  = { 0, ST_RUNNING, ST_PAUSED, ST_RUNNING, ST_DISABLED },
        [ST_PAUSED]   = { 0, ST_PAUSED, ST_PAUSED, ST_RUNNING, ST_DISABLED },
        [ST_ERROR]    = { 0, ST_ERROR, ST_ERROR, ST_ERROR, ST_DISABLED },
    };
    MmdTest *t = mmd_start("");
    MmdQueue other[2] = { q_open(t, 1, 3, 1), q_open(t, 3, 3, 2) };
    Sqe nop = { .user = 11 };

    for (unsigned state = 0; state < 4; state++) {
        for (unsigned ctl = 1; ctl <= 4; ctl++) {
            MmdQueue mq = enter(t, state);
            QueueSnapshot snap;
            uint32_t error;

            g_assert_cmpuint(q_get(t, 2, STATE), ==, state);
            error = q_get(t, 2, ERROR);
            g_assert_cmpuint(error, ==, state == ST_ERROR ? MMAPDEMO_QERR_TAIL
                                                       : NONE);
            q_snapshot(t, &snap);
            q_set(t, 2, CTL, ctl);
            if (q_get(t, 2, STATE) != next[state][ctl]) {
                g_error("command %u in state %u leads to %" PRIu64, ctl, state,
                        q_get(t, 2, STATE));
            }
            q_assert_unchanged(t, &snap, 2);
            /* ignored: not even an error */
            mmd_assert_no_error(t);
            if (next[state][ctl] != ST_DISABLED) {
                g_assert_cmpuint(q_word(&mq, MMAPDEMO_RING_STATE), ==,
                                 next[state][ctl]);
                g_assert_cmpuint(q_word(&mq, MMAPDEMO_RING_ERROR), ==, error);
            }
            if (next[state][ctl] == ST_RUNNING) {
                q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
            }
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(other); i++) {
        q_expect(&other[i], &nop, .status = MMAPDEMO_CQ_OK);
    }
    mmd_stop(t);
}

/* The registers may be rewritten while the queue runs: it does not look */
static void context_is_latched_by_enable(void)
{
    MmdTest *t = mmd_start("");
    MmdQueue mq;
    Sqe copy = { .op = MMAPDEMO_OP_COPY, .len = 64, .src_win = WIN_A,
                 .dst_win = WIN_MEM, .user = 3 };

    w_usual(t, 7);
    mq = q_open(t, 4, 4, 7);
    q_set(t, 4, BASE, HOLE);
    q_set(t, 4, LOG2N, 99);
    q_set(t, 4, PD, 8);
    q_set(t, 4, VECTOR, UINT32_MAX);
    for (int i = 0; i < 40; i++) {
        q_expect(&mq, &copy, .status = MMAPDEMO_CQ_OK, .bytes = 64);
    }
    /* and ENABLE, which has no meaning now, does not latch them either */
    q_set(t, 4, CTL, MMAPDEMO_QCTL_ENABLE);
    q_expect(&mq, &copy, .status = MMAPDEMO_CQ_OK, .bytes = 64);
    q_set(t, 4, CTL, MMAPDEMO_QCTL_PAUSE);
    q_set(t, 4, CTL, MMAPDEMO_QCTL_RESUME);
    q_expect(&mq, &copy, .status = MMAPDEMO_CQ_OK, .bytes = 64);

    q_set(t, 4, CTL, MMAPDEMO_QCTL_DISABLE);
    q_set(t, 4, CTL, MMAPDEMO_QCTL_ENABLE);
    g_assert_cmpuint(q_get(t, 4, STATE), ==, ST_DISABLED);
    g_assert_cmpuint(q_get(t, 4, ERROR), !=, NONE);
    mmd_stop(t);
}

/* A new life begins at 0, with new memory, whatever the last one left */
static void enable_again_starts_anew(void)
{
    MmdTest *t = mmd_start("");
    Sqe nop = { .user = 1 };

    for (int i = 0; i < 20; i++) {
        MmdQueue mq = q_open(t, 6, 3 + i % 10, 1 + i);

        g_assert_cmpuint(q_word(&mq, MMAPDEMO_RING_STATE), ==, ST_RUNNING);
        for (int j = 0; j < 10; j++) {
            q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
        }
        if (i % 3 == 0) {
            q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, mq.tail - 1);
            q_ring(&mq);
            q_wait_stopped(&mq);
            g_assert_cmpuint(q_get(t, 6, ERROR_INDEX), ==, 10);
        }
        q_set(t, 6, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    mmd_stop(t);
}

void add_queue_regs_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/queue_regs/" #fn, fn)
    ADD(reset_values);
    ADD(writable_bits);
    ADD(reserved_bits_are_refused);
    ADD(counts_are_properties);
    ADD(impossible_properties_are_refused);
    ADD(bad_contexts_are_refused);
    ADD(base_above_mask_is_refused);
    ADD(enable_without_bus_master_is_refused);
    ADD(every_command_in_every_state);
    ADD(context_is_latched_by_enable);
    ADD(enable_again_starts_anew);
#undef ADD
}
