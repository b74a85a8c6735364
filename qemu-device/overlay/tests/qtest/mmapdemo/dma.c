/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: contiguous transfers. What is moved, and what is refused.
 */

#include "qemu/osdep.h"
#include "common.h"

#define GUARD   256
#define TO_DEV  0
#define FROM_DEV MMAPDEMO_DMA_CMD_FROM_DEVICE
#define MAX_LEN MMAPDEMO_DMA_MAX_LEN

/* Move len bytes and look at them, at the source, and on both sides of them */
static void check_move(MmdTest *t, uint64_t addr, uint64_t dev_off,
                       uint32_t len, uint32_t direction)
{
    static uint32_t seed;
    bool to_dev = direction == TO_DEV;
    uint64_t src = to_dev ? addr : t->mem + dev_off;
    uint64_t dst = to_dev ? t->mem + dev_off : addr;
    MmdDma dma = {
        .addr = addr, .dev_off = dev_off, .len = len, .cmd = direction,
        .seq = ++seed,
    };

    mem_number(t, src, seed, len);
    mem_fill(t, dst - GUARD, 0xee, len + 2 * GUARD);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, len);
    mem_assert_fill(t, dst - GUARD, 0xee, GUARD);
    mem_assert_number(t, dst, seed, len);
    mem_assert_fill(t, dst + len, 0xee, GUARD);
    mem_assert_number(t, src, seed, len);
}

static void moves_every_length(void)
{
    static const uint32_t lens[] = {
        1, 2, 3, 7, 8, 63, 64, 65, 4095, 4096, 4097, 65535, 65536, 65537,
        131072, 1000001, 2 * MiB, MAX_LEN - 1, MAX_LEN,
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        check_move(t, RAM_BUF, 4 * KiB, lens[i], TO_DEV);
        check_move(t, RAM_BUF, 4 * KiB, lens[i], FROM_DEV);
    }
    mmd_stop(t);
}

static void moves_unaligned(void)
{
    MmdTest *t = mmd_start("");

    for (unsigned a = 0; a < 9; a += 4) {
        for (unsigned d = 1; d < 9; d += 3) {
            check_move(t, RAM_BUF + a, GUARD + d, 5000 + a, TO_DEV);
            check_move(t, RAM_BUF + a, GUARD + d, 70000 + d, FROM_DEV);
        }
    }
    mmd_stop(t);
}

static void moves_first_and_last_bytes(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .seq = 9 };

    /* the first byte of RAM, the last one of RAM, and so of BAR2 */
    mem_number(t, RAM_SIZE - 4096, 1, 4096);
    dma.addr = RAM_SIZE - 4096;
    dma.dev_off = BAR2_SIZE - 4096;
    dma.len = 4096;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 4096);
    mem_assert_number(t, t->mem + BAR2_SIZE - 4096, 1, 4096);

    mem_number(t, 0, 2, 64);
    dma.addr = 0;
    dma.dev_off = 0;
    dma.len = 64;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 64);
    mem_assert_number(t, t->mem, 2, 64);
    mmd_stop(t);
}

/* Poison where data would arrive, try, find it as it was and the error told */
static void check_refused(MmdTest *t, const MmdDma *dma, uint32_t error)
{
    MmdSnapshot snap;
    MmdDma with_irq = *dma;

    mem_fill(t, RAM_BUF, 0xc3, 8 * KiB);
    mem_fill(t, t->mem, 0x3c, 8 * KiB);
    mem_fill(t, t->mem + BAR2_SIZE - 8 * KiB, 0x3c, 8 * KiB);

    mmd_dma_expect(t, dma, error, 0);

    mem_assert_fill(t, RAM_BUF, 0xc3, 8 * KiB);
    mem_assert_fill(t, t->mem, 0x3c, 8 * KiB);
    mem_assert_fill(t, t->mem + BAR2_SIZE - 8 * KiB, 0x3c, 8 * KiB);

    /* again, asking for an interrupt: it tells of a failure all the same */
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
    mmd_snapshot(t, &snap);
    with_irq.cmd |= MMAPDEMO_DMA_CMD_IRQ;
    mmd_dma_expect(t, &with_irq, error, 0);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    mmd_assert_unchanged(t, &snap, MMAPDEMO_REG_IRQ_STATUS);
}

static void wrong_lengths_are_refused(void)
{
    static const uint32_t lens[] = {
        0, MAX_LEN + 1, 0x7fffffff, 0x80000000, UINT32_MAX,
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        MmdDma dma = { .addr = RAM_BUF, .len = lens[i], .seq = i + 1 };

        check_refused(t, &dma, MMAPDEMO_ERR_LENGTH);
        dma.cmd = FROM_DEV;
        check_refused(t, &dma, MMAPDEMO_ERR_LENGTH);
    }
    mmd_stop(t);
}

static void ranges_outside_bar2_are_refused(void)
{
    static const struct {
        uint64_t off;
        uint32_t len;
    } ranges[] = {
        { BAR2_SIZE, 1 },
        { BAR2_SIZE - 1, 2 },
        { BAR2_SIZE - 4096, 4097 },
        { BAR2_SIZE - MAX_LEN + 1, MAX_LEN },
        { BAR2_SIZE + 1, 1 },
        { 1ULL << 32, 64 },
        { (1ULL << 63) - 32, 64 },
        { 1ULL << 63, 64 },
        { UINT64_MAX - 63, 64 },
        { UINT64_MAX - 31, 64 },
        { UINT64_MAX, 1 },
        { UINT64_MAX, MAX_LEN },
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        MmdDma dma = {
            .addr = RAM_BUF, .dev_off = ranges[i].off, .len = ranges[i].len,
            .seq = i + 1,
        };

        check_refused(t, &dma, MMAPDEMO_ERR_RANGE);
        dma.cmd = FROM_DEV;
        check_refused(t, &dma, MMAPDEMO_ERR_RANGE);
    }
    mmd_stop(t);
}

static void wrapping_addresses_are_refused(void)
{
    static const struct {
        uint64_t addr;
        uint32_t len;
    } ranges[] = {
        { UINT64_MAX, 2 },
        { UINT64_MAX - 62, 64 },
        { UINT64_MAX - MAX_LEN + 2, MAX_LEN },
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(ranges); i++) {
        MmdDma dma = {
            .addr = ranges[i].addr, .len = ranges[i].len, .seq = i + 1,
        };

        check_refused(t, &dma, MMAPDEMO_ERR_MASK);
        dma.cmd = FROM_DEV;
        check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    }
    mmd_stop(t);
}

static void mask_is_exact(void)
{
    MmdTest *t = mmd_start("dma-mask=0x1ffffff");      /* 32 MiB */
    MmdDma dma = { .addr = 32 * MiB - 4096, .len = 4096, .seq = 1 };

    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, 0x1ffffff);
    mem_number(t, dma.addr, 3, 8192);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 4096);
    mem_assert_number(t, t->mem, 3, 4096);

    /* one byte more, one byte further, wholly above, far above */
    dma.len = 4097;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    dma.addr++;
    dma.len = 4096;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    dma.addr = 32 * MiB;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    dma.addr = (1ULL << 32) | RAM_BUF;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    dma.addr = (1ULL << 63) | RAM_BUF;
    dma.cmd = FROM_DEV;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK);
    mmd_stop(t);
}

/* 64 bytes, and so many that a bottom half moves them */
static void check_bus_refused(MmdTest *t, uint64_t addr)
{
    static const uint32_t lens[] = { 1, 64, 256 * KiB };

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        MmdDma dma = { .addr = addr, .len = lens[i], .seq = i + 1 };

        check_refused(t, &dma, MMAPDEMO_ERR_BUS);
        dma.cmd = FROM_DEV;
        check_refused(t, &dma, MMAPDEMO_ERR_BUS);
    }
}

static void only_ram_is_a_target(void)
{
    MmdTest *t = mmd_start_with("", "-device ivshmem-plain,addr=8,memdev=shm "
                                "-object memory-backend-ram,id=shm,size=1M,"
                                "share=on -device edu,addr=9");
    uint8_t rom[4096], again[4096];

    /* nothing at all, near and far */
    check_bus_refused(t, HOLE);
    check_bus_refused(t, RAM_SIZE);
    check_bus_refused(t, 1ULL << 40);
    check_bus_refused(t, UINT64_MAX - 1 * MiB);

    /* ROM: neither written nor read */
    qtest_memread(t->qts, ROM, rom, sizeof(rom));
    check_bus_refused(t, ROM);
    check_bus_refused(t, 0xf0000);
    qtest_memread(t->qts, ROM, again, sizeof(again));
    g_assert_cmpmem(rom, sizeof(rom), again, sizeof(again));

    /* registers of another device, and interrupt controllers */
    pci_write(t->qts, 0, 8 << 3, PCI_BASE_ADDRESS_0, 4, 0xe1000000);
    pci_write(t->qts, 0, 8 << 3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    qtest_writel(t->qts, 0xe1000000, 0x12345678);       /* INTRMASK */
    check_bus_refused(t, 0xe1000000);
    pci_write(t->qts, 0, 9 << 3, PCI_BASE_ADDRESS_0, 4, 0xe1100000);
    pci_write(t->qts, 0, 9 << 3, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    qtest_writel(t->qts, 0xe1100004, 0x12345678);
    check_bus_refused(t, 0xe1100004);
    g_assert_cmphex(qtest_readl(t->qts, 0xe1100004), ==,
                    (uint32_t)~0x12345678);
    check_bus_refused(t, 0xfec00000);
    mmd_stop(t);
}

static void own_bars_are_no_target(void)
{
    MmdTest *t = mmd_start("");
    uint64_t rd_all, wr_all;

    mmd_set(t, SELFTEST, 0x55aa55aa);
    check_bus_refused(t, t->regs + MMAPDEMO_REG_SELFTEST);
    check_bus_refused(t, t->regs + MMAPDEMO_REG_RESET);
    check_bus_refused(t, t->msix);
    g_assert_cmphex(mmd_get(t, SELFTEST), ==, ~0x55aa55aaU);

    /* no access at all arrives: a read could have effects too */
    mmd_set(t, DMA_ADDR, t->regs + MMAPDEMO_REG_SCRATCH32);
    mmd_set(t, DMA_LEN, 4);
    rd_all = mmd_get(t, CNT_RD_ALL);
    wr_all = mmd_get(t, CNT_WR_ALL);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_START);
    mmd_set(t, DMA_CMD, MMAPDEMO_DMA_CMD_START | FROM_DEV);
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all + 2);

    /* BAR2 through its bus address: apart, and overlapping either way */
    for (int delta = -64; delta <= 64; delta += 32) {
        MmdDma dma = {
            .addr = t->mem + 4096 + delta, .dev_off = 4096, .len = 256,
            .seq = 1,
        };

        mem_number(t, t->mem, 7, 16 * KiB);
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
        dma.cmd = FROM_DEV;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
        mem_assert_number(t, t->mem, 7, 16 * KiB);
    }
    mmd_stop(t);
}

/* The target ends early: inside the first slice, and far behind it */
static void target_that_ends_early_moves_nothing(void)
{
    static const uint32_t lens[] = { 8 * KiB, 64 * KiB, 4 * MiB };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        uint64_t addr = RAM_SIZE - lens[i] + 4096;
        MmdDma dma = { .addr = addr, .len = lens[i], .seq = i + 1 };

        mem_fill(t, addr, 0x77, lens[i] - 4096);
        check_refused(t, &dma, MMAPDEMO_ERR_BUS);
        dma.cmd = FROM_DEV;
        check_refused(t, &dma, MMAPDEMO_ERR_BUS);
        mem_assert_fill(t, addr, 0x77, lens[i] - 4096);
    }
    mmd_stop(t);
}

/* Everything is wrong; what is put right is no longer what is told */
static void checks_come_in_order(void)
{
    MmdTest *t = mmd_start("dma-mask=0xfffffff");
    MmdDma dma = {
        .addr = (1ULL << 40) + 8, .dev_off = BAR2_SIZE, .len = 0,
        .sg_count = 0, .repeat = UINT32_MAX, .seq = 1,
        .cmd = MMAPDEMO_DMA_CMD_SG | MMAPDEMO_DMA_CMD_TIMED,
    };

    mmd_bus_master(t, false);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_VALUE, 0);
    dma.cmd = MMAPDEMO_DMA_CMD_TIMED;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_LENGTH, 0);
    dma.len = 64;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_REPEAT, 0);
    dma.cmd = MMAPDEMO_DMA_CMD_SG;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_RANGE, 0);
    dma.dev_off = 0;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_LIST, 0);
    dma.sg_count = 1;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_LIST, 0);
    dma.addr -= 8;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_MASK, 0);
    dma.addr = 0xffffff0;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS_MASTER, 0);
    mmd_bus_master(t, true);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mmd_stop(t);
}

static void timed_run_has_limits(void)
{
    static const struct {
        uint32_t len;
        uint32_t repeat;
    } runs[] = {
        { 64, MMAPDEMO_DMA_TIMED_MAX / 64 + 1 }, { MAX_LEN, 5 },
        { MAX_LEN, UINT32_MAX }, { 4096, 0x100000 },
    };
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 64, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_TIMED,
    };

    for (unsigned i = 0; i < ARRAY_SIZE(runs); i++) {
        dma.len = runs[i].len;
        dma.repeat = runs[i].repeat;
        check_refused(t, &dma, MMAPDEMO_ERR_REPEAT);
    }
    dma.repeat = 0;
    mmd_set(t, DMA_REPEAT, 0);
    check_refused(t, &dma, MMAPDEMO_ERR_REPEAT);
    dma.cmd |= MMAPDEMO_DMA_CMD_SG;
    check_refused(t, &dma, MMAPDEMO_ERR_VALUE);

    /* DMA_REPEAT means nothing to other transfers */
    dma.cmd = 0;
    dma.len = 64;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 64);
    mmd_stop(t);
}

void add_dma_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/dma/" #fn, fn)
    ADD(moves_every_length);
    ADD(moves_unaligned);
    ADD(moves_first_and_last_bytes);
    ADD(wrong_lengths_are_refused);
    ADD(ranges_outside_bar2_are_refused);
    ADD(wrapping_addresses_are_refused);
    ADD(mask_is_exact);
    ADD(only_ram_is_a_target);
    ADD(own_bars_are_no_target);
    ADD(target_that_ends_early_moves_nothing);
    ADD(checks_come_in_order);
    ADD(timed_run_has_limits);
#undef ADD
}
