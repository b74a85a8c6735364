/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: transfers started by a real vCPU (TCG), which are copied on
 * its thread with the big lock dropped, while this test does something to the
 * device from the main loop.
 */

#include "qemu/osdep.h"
#include "vcpu.h"

#define LEN         MMAPDEMO_DMA_MAX_LEN

static MmdTest *start(void)
{
    return vcpu_start("", "", false);
}

/* Everything but the command is set from here, START by the vCPU */
static void vcpu_dma(MmdTest *t, const MmdDma *dma)
{
    mmd_set(t, DMA_ADDR, dma->addr);
    mmd_set(t, DMA_DEV_OFF, dma->dev_off);
    mmd_set(t, DMA_LEN, dma->len);
    mmd_set(t, DMA_SG_COUNT, dma->sg_count);
    mmd_set(t, DMA_SEQ, dma->seq);
    if (dma->repeat) {
        mmd_set(t, DMA_REPEAT, dma->repeat);
    }
    vcpu_post(t, 0, VCPU_WRITE, t->regs + MMAPDEMO_REG_DMA_CMD,
              dma->cmd | MMAPDEMO_DMA_CMD_START);
}

static void vcpu_reaches_registers(void)
{
    MmdTest *t = start();

    g_assert_cmphex(vcpu_read(t, MMAPDEMO_REG_ID), ==, MMAPDEMO_ID);
    vcpu_write(t, MMAPDEMO_REG_SCRATCH32, 0x600df00d);
    g_assert_cmphex(vcpu_read(t, MMAPDEMO_REG_SCRATCH32), ==, 0x600df00d);
    g_assert_cmphex(mmd_get(t, SCRATCH32), ==, 0x600df00d);
    mmd_stop(t);
}

/* Over when the next access of the same vCPU comes, whatever its size */
static void transfer_is_over_by_the_next_access(void)
{
    static const uint32_t lens[] = { 64, 65536, 65537, 1000003, LEN };
    MmdTest *t = start();

    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        MmdDma dma = {
            .addr = RAM_BUF, .dev_off = 3, .len = lens[i], .seq = i + 1,
            .cmd = MMAPDEMO_DMA_CMD_IRQ,
        };

        mem_number(t, RAM_BUF, i, lens[i]);
        mem_fill(t, t->mem, 0, LEN + 4096);
        vcpu_dma(t, &dma);
        vcpu_wait(t, 0);
        g_assert_cmphex(vcpu_read(t, MMAPDEMO_REG_DMA_STATUS), ==,
                        MMAPDEMO_DMA_STATE_DONE);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, lens[i]);
        g_assert_true(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));
        mem_assert_number(t, t->mem + 3, i, lens[i]);
        mem_assert_fill(t, t->mem, 0, 3);
        mem_assert_fill(t, t->mem + 3 + lens[i], 0, 4093);

        /* and back */
        dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
        mem_fill(t, RAM_BUF, 0, LEN + 4096);
        vcpu_dma(t, &dma);
        vcpu_wait(t, 0);
        mem_assert_number(t, RAM_BUF, i, lens[i]);
        mem_assert_fill(t, RAM_BUF + lens[i], 0, 4096);
    }
    mmd_stop(t);
}

/* How far it came in a buffer that was zero */
static uint64_t moved(MmdTest *t)
{
    return mem_moved(t, RAM_BUF, 0x5a, LEN);
}

/* On return START was executed, and the transfer most likely runs */
static void begin(MmdTest *t, uint32_t cmd)
{
    static uint64_t seq;
    MmdDma dma = {
        .addr = RAM_BUF, .len = LEN, .seq = ++seq, .repeat = 4,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | cmd,
    };

    mem_fill(t, t->mem, 0x5a, LEN);
    mem_fill(t, RAM_BUF, 0, LEN);
    vcpu_dma(t, &dma);
    while (mmd_dma_state(t) != MMAPDEMO_DMA_STATE_BUSY &&
           mmd_get(t, DMA_DONE_SEQ) != seq) {
        /* the vCPU is about to */
    }
}

/*
 * Do something to the device at some moment of a transfer, or just after it,
 * since nobody knows how long the host takes. Whatever the moment, nothing may
 * move once it was done. Counts the times it was in the middle.
 */
static void check_interrupted(uint32_t cmd, void (*act)(MmdTest *t),
                              void (*undo)(MmdTest *t), unsigned rounds)
{
    MmdTest *t = start();
    unsigned middle = 0;

    for (unsigned i = 0; i < rounds; i++) {
        uint64_t done;
        uint8_t last;

        begin(t, cmd);
        for (unsigned spin = 0; spin < i % 7; spin++) {
            qtest_readl(t->qts, RAM_MSI);
        }
        act(t);
        /* at once: who looks at the beginning first sees the end too late */
        last = qtest_readb(t->qts, RAM_BUF + LEN - 1);
        done = moved(t);
        vcpu_wait(t, 0);
        g_assert_cmpuint(moved(t), ==, done);
        g_assert_cmphex(qtest_readb(t->qts, RAM_BUF + LEN - 1), ==, last);
        middle += done > 0 && done < LEN;
        undo(t);
    }
    g_test_message("%u of %u in the middle of it", middle, rounds);
    mmd_stop(t);
}

/* What was told when the write had returned stays so */
static uint32_t abort_status;
static uint64_t abort_done;

static void act_abort(MmdTest *t)
{
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
    abort_status = mmd_get(t, DMA_STATUS);
    abort_done = mmd_get(t, DMA_DONE_BYTES);
    g_assert_cmpuint(mmd_dma_state(t), !=, MMAPDEMO_DMA_STATE_BUSY);
}

static void undo_abort(MmdTest *t)
{
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, abort_status);
    g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, abort_done);
    g_assert_cmpuint(moved(t), ==, abort_done);
    g_assert_cmpuint(mmd_dma_error(t), ==,
                     abort_done == LEN ? MMAPDEMO_ERR_NONE
                                       : MMAPDEMO_ERR_ABORTED);
}

static void abort_from_elsewhere(void)
{
    check_interrupted(0, act_abort, undo_abort, 30);
}

static void act_reset(MmdTest *t)
{
    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
}

static void undo_reset(MmdTest *t)
{
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_IDLE);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 0);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
}

static void reset_from_elsewhere(void)
{
    check_interrupted(MMAPDEMO_DMA_CMD_IRQ, act_reset, undo_reset, 30);
}

static void act_flr(MmdTest *t)
{
    mmd_flr(t);
}

static void undo_flr(MmdTest *t)
{
    mmd_setup(t);
    undo_reset(t);
}

static void function_level_reset_from_elsewhere(void)
{
    check_interrupted(MMAPDEMO_DMA_CMD_IRQ, act_flr, undo_flr, 20);
}

static void act_bus_master(MmdTest *t)
{
    mmd_bus_master(t, false);
}

static void undo_bus_master(MmdTest *t)
{
    g_assert_cmpuint(mmd_dma_state(t), !=, MMAPDEMO_DMA_STATE_BUSY);
    g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, moved(t));
    mmd_bus_master(t, true);
}

static void bus_master_off_from_elsewhere(void)
{
    check_interrupted(0, act_bus_master, undo_bus_master, 20);
}

static void timed_run_is_cut_short(void)
{
    MmdTest *t = start();

    for (int i = 0; i < 10; i++) {
        begin(t, MMAPDEMO_DMA_CMD_TIMED);
        act_abort(t);
        vcpu_wait(t, 0);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES) % LEN, ==, 0);
        if (mmd_dma_state(t) == MMAPDEMO_DMA_STATE_ERROR) {
            g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), <, 4ULL * LEN);
            g_assert_cmpuint(mmd_get(t, DMA_HOST_NS), ==, 0);
        }
    }
    begin(t, MMAPDEMO_DMA_CMD_TIMED);
    vcpu_wait(t, 0);
    g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, 4ULL * LEN);
    g_assert_cmpuint(mmd_get(t, DMA_HOST_NS), >, 0);
    g_assert_cmpuint(moved(t), ==, LEN);
    mmd_stop(t);
}

/* The vCPU itself is stopped: the rest is moved when the machine runs again */
static void stop_and_cont_resume_transfer(void)
{
    MmdTest *t = start();

    for (int i = 0; i < 20; i++) {
        uint64_t done;

        begin(t, 0);
        vm_stop(t->qts);
        done = moved(t);
        g_assert_cmpuint(moved(t), ==, done);
        vm_cont(t->qts);
        vcpu_wait(t, 0);
        mmd_dma_wait(t);
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, LEN);
        g_assert_cmpuint(moved(t), ==, LEN);
    }
    mmd_stop(t);
}

static void system_reset_from_elsewhere(void)
{
    MmdTest *t = start();

    for (int i = 0; i < 10; i++) {
        uint64_t done;

        begin(t, MMAPDEMO_DMA_CMD_IRQ);
        qtest_system_reset(t->qts);
        done = moved(t);
        g_usleep(5000);
        g_assert_cmpuint(moved(t), ==, done);
        mmd_setup(t);
        undo_reset(t);
        vcpu_hammer_end(t, 0);
    }
    mmd_stop(t);
}

/* The device goes while its work item copies; the item holds what it needs */
static void unplug_from_elsewhere(void)
{
    for (int i = 0; i < 10; i++) {
        MmdTest *t = vcpu_start("", "", true);
        uint64_t done;

        begin(t, i % 2 ? MMAPDEMO_DMA_CMD_TIMED : 0);
        qtest_qmp_device_del_send(t->qts, "mmd0");
        port_eject(t->qts);
        g_assert_cmphex(mmd_cfg_read(t, PCI_VENDOR_ID, 4), ==, UINT32_MAX);
        done = moved(t);
        vcpu_wait(t, 0);
        g_assert_cmpuint(moved(t), ==, done);
        /*
         * It is freed once the vCPU looks up from its loop, which firmware with
         * a timer would have made it do.
         */
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
        qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
        mmd_stop(t);
    }
}

/* The end of a transfer comes in no MMIO access and no bottom half */
static void message_to_own_register_goes_nowhere(void)
{
    MmdTest *t = start();

    mmd_msix_enable(t);
    mmd_msix_target(t, MMAPDEMO_VEC_DMA, t->regs + MMAPDEMO_REG_IRQ_RAISE,
                    MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    begin(t, MMAPDEMO_DMA_CMD_IRQ);
    vcpu_wait(t, 0);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 1);
    mmd_stop(t);
}

/* QEMU ends while it copies */
static void quit_in_flight(void)
{
    for (int i = 0; i < 5; i++) {
        MmdTest *t = start();

        begin(t, MMAPDEMO_DMA_CMD_TIMED);
        mmd_stop(t);
    }
}

/* The monitor is answered, whatever the vCPU asks of the device */
static void monitor_answers_meanwhile(void)
{
    MmdTest *t = start();
    gint64 longest = 0;

    for (int i = 0; i < 100; i++) {
        gint64 before;

        if (vcpu_free(t, 0)) {
            begin(t, MMAPDEMO_DMA_CMD_TIMED);
        }
        before = g_get_monotonic_time();
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
        longest = MAX(longest, g_get_monotonic_time() - before);
    }
    vcpu_wait(t, 0);
    g_test_message("longest answer took %" PRId64 " us", longest);
    g_assert_cmpint(longest, <, 1 * G_USEC_PER_SEC);
    mmd_stop(t);
}

/* Under icount the same transfers go through a bottom half */
static void icount_moves_the_same(void)
{
    MmdTest *t = vcpu_start(" -icount shift=4,sleep=off", "", false);
    MmdDma dma = { .addr = RAM_BUF, .len = 1 * MiB, .seq = 1 };

    mem_number(t, RAM_BUF, 8, dma.len);
    vcpu_dma(t, &dma);
    vcpu_wait(t, 0);
    mmd_dma_wait(t);
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    mem_assert_number(t, t->mem, 8, dma.len);
    mmd_stop(t);
}

static void single_threaded_tcg_moves_the_same(void)
{
    MmdTest *t = vcpu_start(",thread=single -smp 2", "", false);
    MmdDma dma = { .addr = RAM_BUF, .len = 4 * MiB, .seq = 1 };

    mem_number(t, RAM_BUF, 8, dma.len);
    vcpu_dma(t, &dma);
    vcpu_wait(t, 0);
    mmd_dma_wait(t);
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    mem_assert_number(t, t->mem, 8, dma.len);
    mmd_stop(t);
}

void add_vcpu_tests(void)
{
    if (!qtest_has_accel("tcg")) {
        return;
    }
#define ADD(fn) qtest_add_func("/mmapdemo/vcpu/" #fn, fn)
    ADD(vcpu_reaches_registers);
    ADD(transfer_is_over_by_the_next_access);
    ADD(abort_from_elsewhere);
    ADD(reset_from_elsewhere);
    ADD(function_level_reset_from_elsewhere);
    ADD(bus_master_off_from_elsewhere);
    ADD(timed_run_is_cut_short);
    ADD(stop_and_cont_resume_transfer);
    ADD(system_reset_from_elsewhere);
    ADD(unplug_from_elsewhere);
    ADD(message_to_own_register_goes_nowhere);
    ADD(quit_in_flight);
    ADD(monitor_answers_meanwhile);
    ADD(icount_moves_the_same);
    ADD(single_threaded_tcg_moves_the_same);
#undef ADD
}
