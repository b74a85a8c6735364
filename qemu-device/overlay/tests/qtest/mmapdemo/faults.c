/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: misbehaviour on request, set and taken back while the machine
 * runs.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "pci.h"

#define SW      MMAPDEMO_VEC_SW
#define DMA     MMAPDEMO_VEC_DMA
#define LATE    (20 * 1000 * 1000)      /* ns, from the specification */

static MmdTest *start(const char *props)
{
    MmdTest *t = mmd_start(props);

    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    return t;
}

static void raise_sw(MmdTest *t)
{
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
}

#define assert_raised(t, num) \
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, num)

static void lost_interrupt_never_comes(void)
{
    MmdTest *t = start("x-fault-irq=lost");

    raise_sw(t);
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msix_pending(t, SW));
    assert_raised(t, 0);
    /* the event happened, it was not told */
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_SUPPRESSED), ==, 0);

    /* lost for good, and the next one is not */
    set_property(t, "x-fault-irq", "'none'");
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(mmd_msi_arrived(t, SW));
    raise_sw(t);
    g_assert_true(mmd_msi_arrived(t, SW));
    assert_raised(t, 1);
    mmd_stop(t);
}

static void late_interrupt_comes_when_it_is_time(void)
{
    MmdTest *t = start("");

    set_property(t, "x-fault-irq", "'late'");
    raise_sw(t);
    assert_raised(t, 0);
    qtest_clock_step(t->qts, LATE - 1);
    g_assert_false(mmd_msi_arrived(t, SW));
    assert_raised(t, 0);
    qtest_clock_step(t->qts, 1);
    g_assert_true(mmd_msi_arrived(t, SW));
    assert_raised(t, 1);

    /* as many as there are vectors, not events */
    raise_sw(t);
    qtest_clock_step(t->qts, LATE / 2);
    raise_sw(t);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_DMA);
    set_property(t, "x-fault-irq", "'none'");
    qtest_clock_step(t->qts, LATE / 2);
    g_assert_true(mmd_msi_arrived(t, SW));
    g_assert_true(mmd_msi_arrived(t, DMA));
    assert_raised(t, 3);
    qtest_clock_step(t->qts, 10 * LATE);
    assert_raised(t, 3);
    mmd_stop(t);
}

static void repeated_interrupt_comes_twice(void)
{
    MmdTest *t = start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 64, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };

    set_property(t, "x-fault-irq", "'repeat'");
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    g_assert_true(mmd_msi_arrived(t, DMA));
    assert_raised(t, 1);
    qtest_clock_step(t->qts, LATE - 1);
    g_assert_false(mmd_msi_arrived(t, DMA));
    qtest_clock_step(t->qts, 1);
    g_assert_true(mmd_msi_arrived(t, DMA));
    assert_raised(t, 2);
    /* of a transfer that has ended once */
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 1);
    qtest_clock_step(t->qts, 10 * LATE);
    assert_raised(t, 2);
    mmd_stop(t);
}

static void resets_forget_late_interrupts(void)
{
    MmdTest *t = start("x-fault-irq=late");

    raise_sw(t);
    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(mmd_msi_arrived(t, SW));

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    raise_sw(t);
    mmd_flr(t);
    mmd_setup(t);
    mmd_msix_enable(t);
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(mmd_msi_arrived(t, SW));
    assert_raised(t, 0);

    /* without bus mastering none can be sent, nor kept */
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    raise_sw(t);
    mmd_bus_master(t, false);
    qtest_clock_step(t->qts, LATE);
    mmd_bus_master(t, true);
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(mmd_msi_arrived(t, SW));
    assert_raised(t, 0);
    mmd_stop(t);
}

/* A timer is no MMIO access: nothing but the device stops the message */
static void late_message_to_own_register_goes_nowhere(void)
{
    MmdTest *t = start("x-fault-irq=late");
    const uint64_t targets[] = {
        t->regs + MMAPDEMO_REG_IRQ_RAISE, t->regs + MMAPDEMO_REG_SELFTEST,
        t->doorbell, t->alias,
    };
    MmdSnapshot snap;

    for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
        mmd_msix_target(t, SW, targets[i], MMAPDEMO_IRQ_DMA);
        raise_sw(t);
        mmd_snapshot(t, &snap);
        qtest_clock_step(t->qts, LATE);
        mmd_assert_unchanged(t, &snap, 0);
        assert_raised(t, i + 1);
    }
    mem_assert_fill(t, t->mem, 0, 64);
    mmd_stop(t);
}

static void late_interrupt_migrates(void)
{
    char *path = stream_new();
    MmdTest *t = start("x-fault-irq=late"), *u;

    raise_sw(t);
    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);
    u = stream_load(path, "mem-size=32M");
    assert_raised(u, 0);
    vm_cont(u->qts);
    qtest_clock_step(u->qts, 1);
    g_assert_true(mmd_msi_arrived(u, SW));
    assert_raised(u, 1);
    mmd_stop(u);
    stream_free(path);
}

/* --- the line ------------------------------------------------------------- */

static bool line(MmdTest *t)
{
    return mmd_cfg_read(t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT;
}

static void line_is_lost(void)
{
    MmdTest *t = mmd_start("x-fault-irq=lost");

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    raise_sw(t);
    qtest_clock_step(t->qts, 10 * LATE);
    g_assert_false(line(t));
    set_property(t, "x-fault-irq", "'none'");
    g_assert_false(line(t));
    raise_sw(t);
    g_assert_true(line(t));
    assert_raised(t, 1);
    /* falling is not lost */
    set_property(t, "x-fault-irq", "'lost'");
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    g_assert_false(line(t));
    mmd_stop(t);
}

static void line_is_late(void)
{
    MmdTest *t = mmd_start("x-fault-irq=late");

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    raise_sw(t);
    g_assert_false(line(t));
    qtest_clock_step(t->qts, LATE);
    g_assert_true(line(t));
    assert_raised(t, 1);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    g_assert_false(line(t));

    /* taken back before it was told */
    raise_sw(t);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    qtest_clock_step(t->qts, LATE);
    g_assert_false(line(t));
    assert_raised(t, 1);
    mmd_stop(t);
}

static void line_is_repeated(void)
{
    MmdTest *t = mmd_start("x-fault-irq=repeat");

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    raise_sw(t);
    g_assert_true(line(t));
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    g_assert_false(line(t));
    assert_raised(t, 1);
    /* a pulse for no reason: nobody sees who it was */
    qtest_clock_step(t->qts, LATE);
    g_assert_false(line(t));
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    assert_raised(t, 2);
    mmd_stop(t);
}

/* --- DMA ------------------------------------------------------------------ */

static void failed_transfer_moves_nothing(void)
{
    MmdTest *t = start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 3 * MiB, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };

    mem_fill(t, RAM_BUF, 0x5a, dma.len);
    set_property(t, "x-fault-dma", "'fail'");
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mem_assert_fill(t, t->mem, 0, dma.len);
    g_assert_true(mmd_msi_arrived(t, DMA));
    /* what is refused, is refused as ever */
    dma.len = 0;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_LENGTH, 0);
    dma.len = 64;
    dma.cmd |= MMAPDEMO_DMA_CMD_FROM_DEVICE;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mem_assert_fill(t, RAM_BUF, 0x5a, 64);

    set_property(t, "x-fault-dma", "'none'");
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 64);
    mem_assert_fill(t, RAM_BUF, 0, 64);
    mmd_stop(t);
}

static void short_transfer_moves_the_first_half(void)
{
    MmdTest *t = start("x-fault-dma=short");
    struct mmapdemo_hw_sg sg[3] = {
        { cpu_to_le64(RAM_BUF), cpu_to_le32(100000), 0 },
        { cpu_to_le64(RAM_BUF2), cpu_to_le32(100000), 0 },
        { cpu_to_le64(RAM_BUF + MiB), cpu_to_le32(100000), 0 },
    };
    static const uint32_t lens[] = {
        2, 3, 64, 4097, 65536, 65537, 131072, 300001, 3 * MiB,
    };
    MmdDma dma = { .addr = RAM_BUF, .seq = 1 };

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        mem_fill(t, t->mem, 0, 4 * MiB);
        mem_number(t, RAM_BUF, i, lens[i]);
        dma.len = lens[i];
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, lens[i] / 2);
        mem_assert_number(t, t->mem, i, lens[i] / 2);
        mem_assert_fill(t, t->mem + lens[i] / 2, 0, lens[i] - lens[i] / 2);
    }
    /* half of a byte is none */
    dma.len = 1;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);

    /* a list ends within an element */
    mem_write(t, RAM_LIST, sg, sizeof(sg));
    mem_fill(t, RAM_BUF, 1, 100000);
    mem_fill(t, RAM_BUF2, 2, 100000);
    mem_fill(t, t->mem, 0, 300000);
    dma = (MmdDma) {
        .addr = RAM_LIST, .len = 300000, .sg_count = 3, .seq = 2,
        .cmd = MMAPDEMO_DMA_CMD_SG,
    };
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 150000);
    g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 1);
    mem_assert_fill(t, t->mem, 1, 100000);
    mem_assert_fill(t, t->mem + 100000, 2, 50000);
    mem_assert_fill(t, t->mem + 150000, 0, 150000);

    /* a timed run after half of its copies */
    dma = (MmdDma) {
        .addr = RAM_BUF, .len = 4096, .repeat = 7, .seq = 3,
        .cmd = MMAPDEMO_DMA_CMD_TIMED,
    };
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 3 * 4096);
    g_assert_cmpuint(mmd_get(t, DMA_HOST_NS), ==, 0);
    dma.repeat = 1;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mmd_stop(t);
}

static void stuck_transfer_ends_when_it_is_ended(void)
{
    MmdTest *t = start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 64, .seq = 7,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | MMAPDEMO_DMA_CMD_IRQ,
    };

    mem_fill(t, RAM_BUF, 0x5a, dma.len);
    for (int how = 0; how < 5; how++) {
        dma.len = how % 2 ? 64 : 3 * MiB;
        set_property(t, "x-fault-dma", "'stuck'");
        mmd_dma_start(t, &dma);
        g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
        /* neither time nor a stop of the machine frees it, nor does mercy */
        set_property(t, "x-fault-dma", "'none'");
        qtest_clock_step(t->qts, 1000000000);
        vm_stop(t->qts);
        vm_cont(t->qts);
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
        mmd_set(t, ERR_CLEAR, MMAPDEMO_ERR_CLEAR);
        mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_START);
        mmd_assert_error(t, MMAPDEMO_ERR_BUSY, MMAPDEMO_REG_DMA_CMD, 4, true);

        switch (how) {
        case 0:
            mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
            g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_ABORTED);
            g_assert_cmpuint(mmd_get(t, DMA_DONE_SEQ), ==, 7);
            g_assert_cmpuint(mmd_get(t, DMA_DONE_BYTES), ==, 0);
            g_assert_true(mmd_msi_arrived(t, DMA));
            break;
        case 1:
            mmd_bus_master(t, false);
            g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_BUS_MASTER);
            mmd_bus_master(t, true);
            break;
        case 2:
            mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
            g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_IDLE);
            break;
        case 3:
            mmd_flr(t);
            mmd_setup(t);
            g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_IDLE);
            break;
        default:
            qtest_system_reset(t->qts);
            mmd_setup(t);
            g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_IDLE);
            break;
        }
        mem_assert_fill(t, RAM_BUF, 0x5a, 64);
    }
    /* the next one is like any other */
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_fill(t, RAM_BUF, 0, 64);
    mmd_stop(t);
}

/* --- reads ---------------------------------------------------------------- */

static void reads_are_all_ones(void)
{
    MmdTest *t = start("");
    uint64_t rd_all = mmd_get(t, CNT_RD_ALL), wr_all;
    MmdSnapshot snap;

    mem_fill(t, t->mem, 0x11, 64);
    mmd_set(t, SCRATCH32, 0x12345678);
    mmd_snapshot(t, &snap);
    rd_all = mmd_get(t, CNT_RD_ALL);
    wr_all = mmd_get(t, CNT_WR_ALL);

    set_property(t, "x-fault-reads", "true");
    g_assert_cmphex(mmd_read(t, MMAPDEMO_REG_ID, 4), ==, UINT32_MAX);
    g_assert_cmphex(mmd_read(t, MMAPDEMO_REG_MEM_SIZE, 8), ==, UINT64_MAX);
    g_assert_cmphex(mmd_read(t, MMAPDEMO_REG_USER_ID, 4), ==, UINT32_MAX);
    g_assert_cmphex(mmd_read(t, MMAPDEMO_REG_SCRATCH64, 8), ==, UINT64_MAX);
    g_assert_cmphex(mmd_read(t, MMAPDEMO_REG_CNT_RD_ALL, 8), ==, UINT64_MAX);
    g_assert_cmphex(mmd_read(t, 0x8000, 1), ==, UINT8_MAX);
    g_assert_cmphex(qtest_readw(t->qts, t->alias), ==, UINT16_MAX);
    g_assert_cmphex(qtest_readl(t->qts, t->doorbell), ==, UINT32_MAX);
    /* memory is memory, and configuration space answers */
    mem_assert_fill(t, t->mem, 0x11, 64);
    g_assert_cmphex(mmd_cfg_read(t, PCI_VENDOR_ID, 2), ==,
                    MMAPDEMO_PCI_VENDOR_ID);
    /* writes still arrive */
    mmd_write(t, MMAPDEMO_REG_SCRATCH32, 4, 0x9abcdef0);

    set_property(t, "x-fault-reads", "false");
    g_assert_cmphex(mmd_get(t, SCRATCH32), ==, 0x9abcdef0);
    mmd_assert_unchanged(t, &snap, MMAPDEMO_REG_SCRATCH32);
    mmd_assert_no_error(t);
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, 0);
    g_assert_cmpuint(mmd_get(t, CNT_USER_BAD), ==, 0);
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), >=, rd_all + 7);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all + 2);
    mmd_stop(t);
}

static void properties_tell_what_is_set(void)
{
    MmdTest *t = start("x-fault-irq=late,x-fault-dma=short,x-fault-reads=on,"
                       "delay-ns=5");
    static const char *const names[] = {
        "x-fault-irq", "x-fault-dma", "x-fault-reads", "delay-ns",
    };
    static const char *const values[] = {
        "\"late\"", "\"short\"", "true", "5",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        g_autofree char *got = get_property(t, names[i]);

        g_assert_cmpstr(got, ==, values[i]);
    }
    mmd_stop(t);
}

void add_fault_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/faults/" #fn, fn)
    ADD(lost_interrupt_never_comes);
    ADD(late_interrupt_comes_when_it_is_time);
    ADD(repeated_interrupt_comes_twice);
    ADD(resets_forget_late_interrupts);
    ADD(late_message_to_own_register_goes_nowhere);
    ADD(late_interrupt_migrates);
    ADD(line_is_lost);
    ADD(line_is_late);
    ADD(line_is_repeated);
    ADD(failed_transfer_moves_nothing);
    ADD(short_transfer_moves_the_first_half);
    ADD(stuck_transfer_ends_when_it_is_ended);
    ADD(reads_are_all_ones);
    ADD(properties_tell_what_is_set);
#undef ADD
}
