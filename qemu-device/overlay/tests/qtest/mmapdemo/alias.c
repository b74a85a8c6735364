/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: BAR5, the beginning of BAR2 through dispatch.
 */

#include "qemu/osdep.h"
#include "common.h"

static const unsigned widths[] = { 1, 2, 4, 8 };

/* Counters of one direction, by width */
static uint64_t count(MmdTest *t, unsigned first, unsigned i)
{
    return mmd_reg_read(t, first + i * 8);
}

static uint64_t alias_read(MmdTest *t, uint64_t offset, unsigned width)
{
    uint64_t addr = t->alias + offset;

    return width == 1 ? qtest_readb(t->qts, addr) :
           width == 2 ? qtest_readw(t->qts, addr) :
           width == 4 ? qtest_readl(t->qts, addr) : qtest_readq(t->qts, addr);
}

static void alias_write(MmdTest *t, uint64_t offset, unsigned width,
                        uint64_t val)
{
    uint64_t addr = t->alias + offset;

    if (width == 1) {
        qtest_writeb(t->qts, addr, val);
    } else if (width == 2) {
        qtest_writew(t->qts, addr, val);
    } else if (width == 4) {
        qtest_writel(t->qts, addr, val);
    } else {
        qtest_writeq(t->qts, addr, val);
    }
}

static void same_bytes_whatever_width_and_alignment(void)
{
    MmdTest *t = mmd_start("");
    uint64_t at = MMAPDEMO_BAR_ALIAS_SIZE / 2;
    uint8_t bytes[32];

    for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
        unsigned width = widths[i];

        for (unsigned off = 8; off < 24; off++) {
            uint64_t val = 0xf1e2d3c4b5a69788 >> (64 - 8 * width), got = 0;

            /* written there, found in BAR2, and nothing around it */
            mem_fill(t, t->mem + at, 0x33, sizeof(bytes));
            alias_write(t, at + off, width, val);
            mem_read(t, t->mem + at, bytes, sizeof(bytes));
            for (unsigned b = 0; b < sizeof(bytes); b++) {
                uint8_t want = 0x33;

                if (b >= off && b < off + width) {
                    want = val >> (8 * (b - off));
                }
                g_assert_cmphex(bytes[b], ==, want);
            }

            /* and the other way */
            mem_number(t, t->mem + at, off, sizeof(bytes));
            mem_read(t, t->mem + at, bytes, sizeof(bytes));
            for (unsigned b = 0; b < width; b++) {
                got |= (uint64_t)bytes[off + b] << (8 * b);
            }
            g_assert_cmphex(alias_read(t, at + off, width), ==, got);
        }
    }
    mmd_assert_no_error(t);
    mmd_stop(t);
}

static void accesses_are_counted_by_width(void)
{
    MmdTest *t = mmd_start("");
    uint64_t rd_all, wr_all;

    for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
        uint64_t rd[4], wr[4];

        for (unsigned j = 0; j < 4; j++) {
            rd[j] = count(t, MMAPDEMO_REG_CNT_ALIAS_RD8, j);
            wr[j] = count(t, MMAPDEMO_REG_CNT_ALIAS_WR8, j);
        }
        rd_all = mmd_get(t, CNT_RD_ALL);
        wr_all = mmd_get(t, CNT_WR_ALL);

        for (unsigned n = 0; n < 3; n++) {
            alias_read(t, n, widths[i]);
        }
        for (unsigned n = 0; n < 5; n++) {
            alias_write(t, n, widths[i], n);
        }
        for (unsigned j = 0; j < 4; j++) {
            g_assert_cmpuint(count(t, MMAPDEMO_REG_CNT_ALIAS_RD8, j), ==,
                             rd[j] + (i == j ? 3 : 0));
            g_assert_cmpuint(count(t, MMAPDEMO_REG_CNT_ALIAS_WR8, j), ==,
                             wr[j] + (i == j ? 5 : 0));
        }
        g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all + 3);
        g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all + 5);
    }

    /* none of BAR0's kinds, and none at all for BAR2 */
    g_assert_cmpuint(mmd_get(t, CNT_RD32) + mmd_get(t, CNT_RD64), ==, 0);
    g_assert_cmpuint(mmd_get(t, CNT_WR32) + mmd_get(t, CNT_WR64), ==, 0);
    rd_all = mmd_get(t, CNT_RD_ALL);
    wr_all = mmd_get(t, CNT_WR_ALL);
    qtest_writel(t->qts, t->mem, qtest_readl(t->qts, t->mem));
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all);
    mmd_stop(t);
}

static void ends_where_it_ends(void)
{
    MmdTest *t = mmd_start("");
    uint64_t end = MMAPDEMO_BAR_ALIAS_SIZE;

    mem_fill(t, t->mem + end - 8, 0x44, 16);
    alias_write(t, end - 8, 8, 0x1111111111111111);
    mem_assert_fill(t, t->mem + end - 8, 0x11, 8);
    mem_assert_fill(t, t->mem + end, 0x44, 8);
    /* half of it is outside, where there is nothing */
    alias_write(t, end - 4, 8, 0x2222222222222222);
    mem_assert_fill(t, t->mem + end - 8, 0x11, 4);
    mem_assert_fill(t, t->mem + end - 4, 0x22, 4);
    mem_assert_fill(t, t->mem + end, 0x44, 8);
    g_assert_cmphex((uint32_t)alias_read(t, end - 4, 8), ==, 0x22222222);
    alias_write(t, end, 8, 0x5555555555555555);
    mem_assert_fill(t, t->mem + end, 0x44, 8);
    mmd_stop(t);
}

/* DMA is for memory; this is a register BAR */
static void dma_to_it_is_refused(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .addr = t->alias, .dev_off = 1 * MiB, .len = 64, .seq = 1 };

    mem_fill(t, t->mem, 0x66, 64);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mem_assert_fill(t, t->mem, 0x66, 64);
    g_assert_cmpuint(count(t, MMAPDEMO_REG_CNT_ALIAS_RD64, 0) +
                     count(t, MMAPDEMO_REG_CNT_ALIAS_WR64, 0), ==, 0);
    mmd_stop(t);
}

static void feature_is_announced(void)
{
    MmdTest *t = mmd_start("");

    g_assert_cmphex(mmd_get(t, FEATURES) & MMAPDEMO_FEATURE_ALIAS, !=, 0);
    mmd_stop(t);
}

void add_alias_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/alias/" #fn, fn)
    ADD(feature_is_announced);
    ADD(same_bytes_whatever_width_and_alignment);
    ADD(accesses_are_counted_by_width);
    ADD(ends_where_it_ends);
    ADD(dma_to_it_is_refused);
#undef ADD
}
