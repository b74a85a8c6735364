/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the course of a transfer. How its end is told, what the
 * commands do while it runs, timed runs.
 */

#include "qemu/osdep.h"
#include "common.h"

#define FROM_DEV MMAPDEMO_DMA_CMD_FROM_DEVICE
#define MAX_LEN MMAPDEMO_DMA_MAX_LEN

static void completion_is_told(void)
{
    static const uint32_t lens[] = { 64, 1 * MiB };
    MmdTest *t = mmd_start("");

    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        MmdDma dma = { .addr = RAM_BUF, .len = lens[i], .seq = 100 + i };
        uint64_t raised = mmd_get(t, CNT_IRQ_RAISED);

        /* not asked for: no event, no message */
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, lens[i]);
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
        g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));

        dma.cmd = MMAPDEMO_DMA_CMD_IRQ;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, lens[i]);
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
        g_assert_true(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));
        g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_SW));
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, raised + 1);
        mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    }
    mmd_stop(t);
}

static void arm_after_the_end_tells_once(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .addr = RAM_BUF, .len = 64, .seq = 1 };
    MmdSnapshot snap;

    /* nothing started: no effect */
    mmd_snapshot(t, &snap);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    mmd_assert_unchanged(t, &snap, 0);
    mmd_assert_no_error(t);

    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 64);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);

    /* told already by the transfer itself */
    dma.cmd = MMAPDEMO_DMA_CMD_IRQ;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 64);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);

    /* a failure is news as well */
    dma.cmd = 0;
    dma.len = 0;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_LENGTH, 0);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    mmd_stop(t);
}

static void arm_while_running_tells_at_the_end(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .addr = RAM_BUF, .len = 1 * MiB, .seq = 1 };

    vm_stop(t->qts);
    mmd_dma_start(t, &dma);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    vm_cont(t->qts);
    mmd_dma_wait(t);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_SUPPRESSED), ==, 1);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    mmd_stop(t);
}

static void running_transfer_is_not_disturbed(void)
{
    static const uint32_t regs[] = {
        MMAPDEMO_REG_DMA_ADDR, MMAPDEMO_REG_DMA_DEV_OFF, MMAPDEMO_REG_DMA_LEN,
        MMAPDEMO_REG_DMA_SG_COUNT, MMAPDEMO_REG_DMA_SEQ,
        MMAPDEMO_REG_DMA_REPEAT,
    };
    MmdTest *t = mmd_start("");
    MmdDma dma = { .addr = RAM_BUF, .len = 1 * MiB, .seq = 1 };
    MmdSnapshot snap;

    mem_number(t, RAM_BUF, 11, dma.len);
    mem_fill(t, t->mem, 0, 2 * MiB);
    vm_stop(t->qts);
    mmd_dma_start(t, &dma);
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_BUSY);
    g_assert_cmphex(mmd_get(t, USER_DMA_STATUS), ==, MMAPDEMO_DMA_STATE_BUSY);

    mmd_snapshot(t, &snap);
    for (unsigned i = 0; i < ARRAY_SIZE(regs); i++) {
        mmd_reg_write(t, regs[i], 0x2000);
        mmd_assert_error(t, MMAPDEMO_ERR_BUSY, regs[i],
                         mmd_reg_at(regs[i])->width, true);
    }
    mmd_write(t, MMAPDEMO_REG_DMA_ADDR + 4, 4, 1);
    mmd_assert_error(t, MMAPDEMO_ERR_BUSY, MMAPDEMO_REG_DMA_ADDR + 4, 4, true);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_START | MMAPDEMO_DMA_CMD_IRQ);
    mmd_assert_error(t, MMAPDEMO_ERR_BUSY, MMAPDEMO_REG_DMA_CMD, 4, true);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_FROM_DEVICE);
    mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_REG_DMA_CMD, 4, true);
    mmd_assert_unchanged(t, &snap, 0);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 0);

    vm_cont(t->qts);
    mmd_dma_wait(t);
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    g_assert_cmphex(mmd_get(t, DMA_DONE_SEQ), ==, 1);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    mem_assert_number(t, t->mem, 11, dma.len);
    mem_assert_fill(t, t->mem + dma.len, 0, 4096);
    mmd_stop(t);
}

static void abort_ends_it_at_once(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = MAX_LEN, .seq = 5, .cmd = FROM_DEV,
    };
    unsigned aborted = 0;
    MmdSnapshot snap;

    /* none running: no effect */
    mmd_snapshot(t, &snap);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
    mmd_assert_unchanged(t, &snap, 0);
    mmd_assert_no_error(t);

    mem_fill(t, t->mem, 0x5a, MAX_LEN);
    for (int stopped = 0; stopped < 2; stopped++) {
        g_autofree uint8_t *buf = g_malloc(MAX_LEN);
        uint64_t done;

        mem_fill(t, RAM_BUF, 0, MAX_LEN);
        if (stopped) {
            vm_stop(t->qts);
        }
        dma.cmd |= MMAPDEMO_DMA_CMD_IRQ;
        mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
        mmd_dma_start(t, &dma);
        mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_SEQ), ==, 5);
        done = mmd_get(t, DMA_DONE_BYTES);
        aborted += done < MAX_LEN;
        /* in a running machine it may have been over; in a stopped one not */
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, done == MAX_LEN ?
                        MMAPDEMO_DMA_STATE_DONE : MMAPDEMO_DMA_STATE_ERROR |
                        MMAPDEMO_ERR_ABORTED <<
                        MMAPDEMO_DMA_STATUS_ERROR_SHIFT);
        g_assert_cmpuint(mmd_get(t, CNT_DMA_ERRORS), ==, aborted);
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
        mmd_assert_no_error(t);     /* asked for, not refused */
        if (stopped) {
            g_assert_cmpuint(done, ==, 0);
            vm_cont(t->qts);
        }
        vm_settle(t->qts);

        /* exactly as many bytes as told, and none after */
        mem_read(t, RAM_BUF, buf, MAX_LEN);
        for (uint64_t i = 0; i < MAX_LEN; i++) {
            g_assert_cmphex(buf[i], ==, i < done ? 0x5a : 0);
        }
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, done);
    }
    mmd_stop(t);
}

static void timed_run_is_timed(void)
{
    static const struct {
        uint32_t len;
        uint32_t repeat;
    } runs[] = {
        { 64, 1 }, { 64, 1000 }, { 64 * KiB, 1 }, { 64 * KiB, 5 },
        { 1 * MiB, 64 }, { MAX_LEN, 4 }, { 1, MMAPDEMO_DMA_TIMED_MAX },
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
        MmdDma dma = {
            .addr = RAM_BUF, .len = runs[i].len, .repeat = runs[i].repeat,
            .seq = i + 1, .cmd = MMAPDEMO_DMA_CMD_TIMED,
        };
        uint64_t ns;

        mem_number(t, RAM_BUF, i, dma.len);
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE,
                       (uint64_t)dma.len * dma.repeat);
        mem_assert_number(t, t->mem, i, dma.len);
        ns = mmd_get(t, DMA_HOST_NS);
        g_assert_cmpuint(ns, >, 0);
        g_assert_cmpuint(ns, <, 30000000000ULL);

        /* another transfer leaves it alone, a refused timed one does not */
        dma.cmd = FROM_DEV;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
        g_assert_cmpuint(mmd_get(t, DMA_HOST_NS), ==, ns);
    }
    mmd_stop(t);
}

void add_run_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/run/" #fn, fn)
    ADD(completion_is_told);
    ADD(arm_after_the_end_tells_once);
    ADD(arm_while_running_tells_at_the_end);
    ADD(running_transfer_is_not_disturbed);
    ADD(abort_ends_it_at_once);
    ADD(timed_run_is_timed);
#undef ADD
}
