/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: resets of every kind, bus mastering, power states, a machine
 * that stops, each also in the middle of a transfer.
 */

#include "qemu/osdep.h"
#include "common.h"

#define LEN     MMAPDEMO_DMA_MAX_LEN

/* How far a transfer from a BAR2 full of 5a into zeroed memory has come */
static uint64_t moved(MmdTest *t)
{
    return mem_moved(t, RAM_BUF, 0x5a, LEN);
}

static void begin(MmdTest *t)
{
    MmdDma dma = {
        .addr = RAM_BUF, .len = LEN, .seq = 77,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | MMAPDEMO_DMA_CMD_IRQ,
    };

    mem_fill(t, t->mem, 0x5a, LEN);
    mem_fill(t, RAM_BUF, 0, LEN);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
    mmd_dma_start(t, &dma);
}

/*
 * In a machine that runs nobody knows how far a transfer is, and on a busy host
 * it may be over. In one that is stopped it has not begun.
 */
static void begin_stopped(MmdTest *t)
{
    vm_stop(t->qts);
    begin(t);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
}

static void assert_reset_state(MmdTest *t)
{
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        const MmdReg *reg = &mmd_regs[i];

        if (reg->access != MMD_WO && reg->reset != MMAPDEMO_RESET_VARIES) {
            g_assert_cmphex(mmd_reg_read(t, reg->offset), ==, reg->reset);
        }
    }
    /* counted from the reset on: this sweep and nothing before */
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), <=, mmd_num_regs);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, 0);
}

/* Every register has another value than after reset, and BAR2 too */
static void soil(MmdTest *t)
{
    MmdDma dma = {
        .addr = RAM_BUF, .dev_off = 1, .len = 4096, .seq = 3, .repeat = 2,
        .cmd = MMAPDEMO_DMA_CMD_TIMED | MMAPDEMO_DMA_CMD_IRQ,
    };

    mmd_msix_enable(t);
    mmd_set(t, SELFTEST, 1);
    mmd_set(t, SCRATCH32, 2);
    mmd_set(t, SCRATCH64, 3);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    mmd_read(t, 2, 1);
    mmd_read(t, MMAPDEMO_USER_BASE + 2, 1);
    mmd_dma_start(t, &dma);
    dma.cmd = MMAPDEMO_DMA_CMD_SG | MMAPDEMO_DMA_CMD_FROM_DEVICE;
    dma.sg_count = MMAPDEMO_DMA_MAX_SG + 1;
    mmd_dma_start(t, &dma);
}

enum reset_kind { BY_REGISTER, BY_FLR, BY_SYSTEM };

static void reset(MmdTest *t, enum reset_kind kind)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSIX);

    switch (kind) {
    case BY_REGISTER:
        mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
        /* configuration space is not behind a BAR */
        g_assert_cmphex(mmd_cfg_read(t, PCI_COMMAND, 2), ==,
                        PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
        return;
    case BY_FLR:
        mmd_flr(t);
        break;
    case BY_SYSTEM:
        qtest_system_reset(t->qts);
        break;
    }
    g_assert_cmphex(mmd_cfg_read(t, PCI_COMMAND, 2), ==, 0);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_0, 4), ==, 0);
    g_assert_cmphex(mmd_cfg_read(t, cap + PCI_MSIX_FLAGS, 2) &
                    PCI_MSIX_FLAGS_ENABLE, ==, 0);
    mmd_setup(t);
}

static void check_reset_idle(enum reset_kind kind)
{
    MmdTest *t = mmd_start("");

    soil(t);
    mem_number(t, t->mem, 1, 64 * KiB);
    reset(t, kind);
    assert_reset_state(t);
    mem_assert_number(t, t->mem, 1, 64 * KiB);      /* memory is kept */
    mmd_stop(t);
}

static void check_reset_in_flight(enum reset_kind kind)
{
    for (int stopped = 0; stopped < 2; stopped++) {
        MmdTest *t = mmd_start("");
        uint64_t done;

        mmd_msix_enable(t);
        mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
        if (stopped) {
            begin_stopped(t);
        } else {
            begin(t);
        }
        reset(t, kind);
        done = moved(t);
        assert_reset_state(t);
        if (stopped) {
            g_assert_cmpuint(done, ==, 0);
            vm_cont(t->qts);
        }

        /* nothing comes after, no byte, no completion, no message */
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_IDLE);
        g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 0);
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
        if (done < LEN) {
            g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));
        }

        /* and the next transfer is a whole one */
        begin(t);
        mmd_dma_wait(t);
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
        g_assert_cmpuint(moved(t), ==, LEN);
        mmd_stop(t);
    }
}

static void register_reset_is_complete(void)
{
    check_reset_idle(BY_REGISTER);
}

static void function_level_reset_is_complete(void)
{
    check_reset_idle(BY_FLR);
}

static void system_reset_is_complete(void)
{
    check_reset_idle(BY_SYSTEM);
}

static void register_reset_ends_transfer(void)
{
    check_reset_in_flight(BY_REGISTER);
}

static void function_level_reset_ends_transfer(void)
{
    check_reset_in_flight(BY_FLR);
}

static void system_reset_ends_transfer(void)
{
    check_reset_in_flight(BY_SYSTEM);
}

/* The PCI core leaves the bus master region enabled by a reset */
static void no_bus_master_after_reset(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .addr = RAM_BUF, .len = 4096, .seq = 1 };

    for (enum reset_kind kind = BY_FLR; kind <= BY_SYSTEM; kind++) {
        reset(t, kind);
        mmd_cfg_write(t, PCI_COMMAND, 2, 0);
        mmd_setup(t);
        /* reset again, and enable decoding alone */
        if (kind == BY_FLR) {
            mmd_flr(t);
        } else {
            qtest_system_reset(t->qts);
        }
        mmd_cfg_write(t, PCI_BASE_ADDRESS_0, 4, t->regs);
        mmd_cfg_write(t, PCI_BASE_ADDRESS_2, 4, t->mem);
        mmd_cfg_write(t, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);

        mem_fill(t, RAM_BUF, 0xc3, 4096);
        mem_fill(t, t->mem, 0x3c, 4096);
        dma.cmd = 0;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS_MASTER, 0);
        dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS_MASTER, 0);
        mem_assert_fill(t, RAM_BUF, 0xc3, 4096);
        mem_assert_fill(t, t->mem, 0x3c, 4096);
        mmd_setup(t);
    }
    mmd_stop(t);
}

static void power(MmdTest *t, unsigned state)
{
    mmd_cfg_write(t, mmd_cfg_cap(t, PCI_CAP_ID_PM) + PCI_PM_CTRL, 2, state);
}

/* Bus mastering goes away under a transfer, in one of two ways */
static void check_bus_lost(bool by_power)
{
    for (int stopped = 0; stopped < 2; stopped++) {
        MmdTest *t = mmd_start("");
        uint64_t done;

        mmd_msix_enable(t);
        mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
        if (stopped) {
            begin_stopped(t);
        } else {
            begin(t);
        }
        if (by_power) {
            power(t, 3);
            g_assert_cmphex(mmd_cfg_read(t, mmd_cfg_cap(t, PCI_CAP_ID_PM) +
                                         PCI_PM_CTRL, 2) &
                            PCI_PM_CTRL_STATE_MASK, ==, 3);
        } else {
            mmd_bus_master(t, false);
        }
        done = moved(t);
        if (stopped) {
            vm_cont(t->qts);
        }
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);

        if (by_power) {
            power(t, 0);
        }
        if (done == LEN) {
            g_assert_false(stopped);        /* it was faster than we were */
            mmd_stop(t);
            continue;
        }
        g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_BUS_MASTER);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, done);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_SEQ), ==, 77);
        mmd_assert_error(t, MMAPDEMO_ERR_BUS_MASTER, MMAPDEMO_REG_DMA_CMD, 4,
                         true);
        /* the cause is remembered; no message could be sent */
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 0);
        mmd_bus_master(t, true);
        vm_settle(t->qts);
        g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));
        g_assert_cmpuint(moved(t), ==, done);
        mmd_stop(t);
    }
}

static void bus_master_off_ends_transfer(void)
{
    check_bus_lost(false);
}

static void power_down_ends_transfer(void)
{
    check_bus_lost(true);
}

static void power_cycle_keeps_registers(void)
{
    MmdTest *t = mmd_start("");
    MmdSnapshot snap;

    soil(t);
    mmd_snapshot(t, &snap);
    power(t, 3);
    /* not decoded: neither ID nor an effect */
    g_assert_cmphex(mmd_get(t, ID), !=, MMAPDEMO_ID);
    mmd_set(t, SCRATCH32, 0xdead);
    power(t, 0);
    mmd_assert_unchanged(t, &snap, 0);
    mmd_stop(t);
}

static void stopped_machine_moves_nothing(void)
{
    static const uint32_t lens[] = { 64, LEN };

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        MmdTest *t = mmd_start("");
        MmdDma dma = {
            .addr = RAM_BUF, .len = lens[i], .seq = 1,
            .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE,
        };

        mem_fill(t, t->mem, 0x5a, LEN);
        mem_fill(t, RAM_BUF, 0, LEN);
        vm_stop(t->qts);
        mmd_dma_start(t, &dma);
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, 0);
        g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
        vm_cont(t->qts);
        mmd_dma_wait(t);
        g_assert_cmpuint(moved(t), ==, lens[i]);
        mmd_stop(t);
    }
}

/* Stopped on the way, several times; it goes on where it was */
static void stop_and_cont_resume_transfer(void)
{
    MmdTest *t = mmd_start("");
    unsigned halfway = 0;

    for (int i = 0; i < 5; i++) {
        uint64_t done;

        begin(t);
        vm_stop(t->qts);
        done = moved(t);
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        if (mmd_dma_state(t) == MMAPDEMO_DMA_STATE_BUSY && done) {
            halfway++;
            g_assert_cmpuint(mmd_get(t, CNT_DMA_FROM_DEV), ==,
                             (uint64_t)i * LEN + done);
        }
        vm_cont(t->qts);
        mmd_dma_wait(t);
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
        g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, LEN);
        g_assert_cmpuint(moved(t), ==, LEN);
    }
    g_test_message("%u of 5 were stopped halfway", halfway);
    mmd_stop(t);
}

static void two_devices_are_two(void)
{
    MmdTest *t = mmd_start_with("", "-device mmapdemo,id=mmd1,addr=5,"
                                "mem-size=32M,dma-mask=0xffffffff");
    MmdTest *u = mmd_attach(t, 0, 5, 1);
    MmdDma dma = { .addr = RAM_BUF, .len = 1 * MiB, .seq = 1 };
    MmdSnapshot snap;

    g_assert_cmphex(mmd_get(u, DMA_MASK), ==, UINT32_MAX);
    mem_number(t, RAM_BUF, 4, dma.len);
    mmd_snapshot(u, &snap);
    vm_stop(t->qts);
    mmd_dma_start(t, &dma);
    mmd_assert_unchanged(u, &snap, 0);
    dma.seq = 2;
    dma.dev_off = 4096;
    mmd_dma_start(u, &dma);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
    g_assert_cmpuint(mmd_dma_state(u), ==, MMAPDEMO_DMA_STATE_BUSY);
    vm_cont(t->qts);
    mmd_dma_wait(u);
    g_assert_cmphex(mmd_get(u, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_ABORTED);
    mem_assert_number(t, u->mem + 4096, 4, dma.len);
    mem_assert_fill(t, t->mem, 0, dma.len);

    /* a peer's BAR2 is memory; its registers are not */
    dma.addr = u->mem + 4096;
    dma.dev_off = 0;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, t->mem, 4, dma.len);
    dma.addr = u->regs;
    dma.len = 4;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    g_free(u);
    mmd_stop(t);
}

/* BAR2 above 4 GiB, and larger: offsets are 64-bit throughout */
static void bar2_may_be_large(void)
{
    g_autofree char *machine = mmd_machine();
    uint64_t size = 8 * GiB, base = 0x2000000000;
    MmdTest *t = g_new0(MmdTest, 1);
    MmdDma dma = {
        .addr = RAM_BUF, .dev_off = size - 1 * MiB, .len = 1 * MiB, .seq = 1,
    };

    t->qts = qtest_initf("%s -device mmapdemo,addr=4,mem-size=8G", machine);
    t->devfn = 4 << 3;
    mmd_place(t, 0);
    t->mem = base;
    mmd_setup(t);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, size);
    mem_number(t, RAM_BUF, 6, dma.len);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, base + dma.dev_off, 6, dma.len);
    mem_assert_fill(t, base + (uint32_t)dma.dev_off, 0, 64 * KiB);
    mem_assert_fill(t, base + dma.dev_off - 4096, 0, 4096);
    dma.dev_off++;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_RANGE, 0);
    mmd_stop(t);
}

static void set_delay(MmdTest *t, int64_t ns)
{
    qtest_qmp_assert_success(t->qts,
        "{ 'execute': 'qom-set', 'arguments': {"
        " 'path': '/machine/peripheral/mmd0', 'property': 'delay-ns',"
        " 'value': %" PRId64 " } }", ns);
}

/* A delayed transfer runs when it is time, not before, and others end it */
static void delay_holds_transfer_back(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 64, .seq = 5,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE,
    };

    mem_fill(t, t->mem, 0x5a, dma.len);
    mem_fill(t, RAM_BUF, 0, dma.len);
    set_delay(t, 1000000);

    mmd_dma_start(t, &dma);
    qtest_clock_step(t->qts, 900000);   /* vm_settle() takes some too */
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    mem_assert_fill(t, RAM_BUF, 0, dma.len);

    /* the machine may stop and run again meanwhile */
    vm_stop(t->qts);
    vm_cont(t->qts);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    mem_assert_fill(t, RAM_BUF, 0, dma.len);

    qtest_clock_step(t->qts, 100000);
    mmd_dma_wait(t);
    g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_NONE);
    mem_assert_fill(t, RAM_BUF, 0x5a, dma.len);

    /* an abort ends it, and the next one has a time of its own */
    mem_fill(t, RAM_BUF, 0, dma.len);
    mmd_dma_start(t, &dma);
    qtest_clock_step(t->qts, 900000);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
    g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_ABORTED);
    mmd_dma_start(t, &dma);
    qtest_clock_step(t->qts, 900000);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    mem_assert_fill(t, RAM_BUF, 0, dma.len);

    /* so does a reset, after which nothing is left to come */
    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
    qtest_clock_step(t->qts, 10000000);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_IDLE);
    mem_assert_fill(t, RAM_BUF, 0, dma.len);

    /* for ever is no overflow; and none is none again */
    set_delay(t, INT64_MAX);
    mmd_dma_start(t, &dma);
    qtest_clock_step(t->qts, 1000000000);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
    set_delay(t, 0);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_fill(t, RAM_BUF, 0x5a, dma.len);
    mmd_stop(t);
}

void add_life_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/life/" #fn, fn)
    ADD(register_reset_is_complete);
    ADD(function_level_reset_is_complete);
    ADD(system_reset_is_complete);
    ADD(register_reset_ends_transfer);
    ADD(function_level_reset_ends_transfer);
    ADD(system_reset_ends_transfer);
    ADD(no_bus_master_after_reset);
    ADD(bus_master_off_ends_transfer);
    ADD(power_down_ends_transfer);
    ADD(power_cycle_keeps_registers);
    ADD(stopped_machine_moves_nothing);
    ADD(stop_and_cont_resume_transfer);
    ADD(delay_holds_transfer_back);
    ADD(two_devices_are_two);
    ADD(bar2_may_be_large);
#undef ADD
}
