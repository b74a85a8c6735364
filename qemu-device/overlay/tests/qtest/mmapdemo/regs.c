/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: identity, the access rules for every register and every
 * offset, the error registers, the counters.
 */

#include "qemu/osdep.h"
#include "qemu/host-utils.h"
#include "qemu/bitops.h"
#include "qemu/bswap.h"
#include "common.h"

#define USER MMAPDEMO_USER_BASE
#define USER_END (MMAPDEMO_USER_BASE + MMAPDEMO_USER_SIZE)
/* BAR0 of a device that was not told how many windows to have */
#define BAR0_SIZE pow2ceil(MMAPDEMO_WREG(NUM_WINDOWS, ADDR))

static uint64_t width_mask(unsigned width)
{
    return width == 8 ? UINT64_MAX : (1ULL << width * 8) - 1;
}

static void identity(void)
{
    MmdTest *t = mmd_start("");

    g_assert_cmphex(mmd_cfg_read(t, PCI_CLASS_DEVICE, 2), ==,
                    MMAPDEMO_PCI_CLASS);
    g_assert_cmphex(mmd_cfg_read(t, PCI_REVISION_ID, 1), ==,
                    MMAPDEMO_PCI_REVISION);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_PM), !=, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_EXP), !=, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSIX), !=, 0);

    /* types and sizes of the BARs */
    mmd_cfg_write(t, PCI_BASE_ADDRESS_0, 4, UINT32_MAX);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_1, 4, UINT32_MAX);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_2, 4, UINT32_MAX);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_3, 4, UINT32_MAX);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_5, 4, UINT32_MAX);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_0, 4), ==,
                    -(uint32_t)BAR0_SIZE);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_1, 4), ==,
                    -(uint32_t)(NUM_QUEUES * MMAPDEMO_DOORBELL_STRIDE));
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_2, 4), ==,
                    (-(uint32_t)BAR2_SIZE) | PCI_BASE_ADDRESS_MEM_TYPE_64 |
                    PCI_BASE_ADDRESS_MEM_PREFETCH);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_3, 4), ==, UINT32_MAX);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_5, 4), ==,
                    -(uint32_t)MMAPDEMO_BAR_ALIAS_SIZE);
    mmd_setup(t);

    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    g_assert_cmphex(mmd_get(t, VERSION), ==,
                    MMAPDEMO_VERSION_MAJOR << MMAPDEMO_VERSION_MAJOR_SHIFT |
                    MMAPDEMO_VERSION_MINOR);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, BAR2_SIZE);
    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, UINT64_MAX);
    mmd_stop(t);
}

static void reset_values(void)
{
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < mmd_num_regs; i++) {
        const MmdReg *reg = &mmd_regs[i];

        if (reg->access != MMD_WO && reg->reset != MMAPDEMO_RESET_VARIES) {
            uint64_t val = mmd_reg_read(t, reg->offset);

            if (val != reg->reset) {
                g_error("%s is 0x%" PRIx64 " after reset, expected 0x%" PRIx64,
                        reg->name, val, reg->reset);
            }
        }
    }
    mmd_assert_no_error(t);
    mmd_stop(t);
}

/* What the header's rules say about one access */
static uint32_t expected_error(uint32_t offset, unsigned width, bool write)
{
    const MmdReg *reg = mmd_reg_at(offset);

    if (!reg) {
        return MMAPDEMO_ERR_OFFSET;
    }
    if (width < 4 || width > reg->width || offset % width) {
        return MMAPDEMO_ERR_ACCESS;
    }
    if (write && reg->access == MMD_RO) {
        return MMAPDEMO_ERR_READ_ONLY;
    }
    if (!write && reg->access == MMD_WO) {
        return MMAPDEMO_ERR_WRITE_ONLY;
    }
    return MMAPDEMO_ERR_NONE;
}

/* One refused access: told in the right place and nowhere else */
static void check_refused(MmdTest *t, uint32_t offset, unsigned width,
                          bool write, uint32_t error)
{
    uint32_t count = mmd_get(t, ERR_COUNT);
    uint64_t bad = mmd_get(t, CNT_USER_BAD);
    bool user = offset >= USER && offset < USER_END;

    if (write) {
        mmd_write(t, offset, width, 0x1111111111111111);
    } else {
        g_assert_cmphex(mmd_read(t, offset, width), ==, width_mask(width));
    }
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, (uint32_t)(count + !user));
    g_assert_cmpuint(mmd_get(t, CNT_USER_BAD), ==, bad + user);
    if (user) {
        mmd_assert_no_error(t);
    } else {
        mmd_assert_error(t, error, offset, width, write);
    }
}

/* Every offset of [from, to) in every width: who may not is refused */
static void sweep(MmdTest *t, uint32_t from, uint32_t to, unsigned step)
{
    static const unsigned widths[] = { 1, 2, 4, 8 };
    MmdSnapshot snap;

    mmd_snapshot(t, &snap);
    for (uint32_t offset = from; offset < to; offset += step) {
        for (unsigned i = 0; i < ARRAY_SIZE(widths); i++) {
            if (offset + widths[i] > BAR0_SIZE) {
                continue;
            }
            for (int write = 0; write < 2; write++) {
                uint32_t error = expected_error(offset, widths[i], write);

                if (error) {
                    check_refused(t, offset, widths[i], write, error);
                }
            }
        }
    }
    mmd_assert_unchanged(t, &snap, 0);
}

static void every_access_of_control_registers(void)
{
    MmdTest *t = mmd_start("");

    sweep(t, 0, 0x238, 1);
    mmd_stop(t);
}

static void every_access_of_user_registers(void)
{
    MmdTest *t = mmd_start("");

    sweep(t, USER, USER + 0x310, 1);
    mmd_stop(t);
}

static void every_access_of_queue_registers(void)
{
    MmdTest *t = mmd_start("");

    sweep(t, MMAPDEMO_QREG(0, BASE) - 8, MMAPDEMO_QREG(1, BASE) + 8, 1);
    sweep(t, MMAPDEMO_QREG(NUM_QUEUES - 1, BASE),
          MMAPDEMO_QREG(NUM_QUEUES, BASE) + 8, 1);
    mmd_stop(t);
}

static void every_access_of_window_registers(void)
{
    MmdTest *t = mmd_start("");

    sweep(t, MMAPDEMO_WREG(0, ADDR) - 8, MMAPDEMO_WREG(1, ADDR) + 8, 1);
    sweep(t, MMAPDEMO_WREG(NUM_WINDOWS - 1, ADDR),
          MMAPDEMO_WREG(NUM_WINDOWS, ADDR) + 8, 1);
    mmd_stop(t);
}

static void rest_of_bar_is_empty(void)
{
    MmdTest *t = mmd_start("");

    sweep(t, 0x230, MMAPDEMO_QREG(0, BASE), 0xfb);
    sweep(t, MMAPDEMO_QREG(NUM_QUEUES, BASE), USER, 0xfb);
    sweep(t, USER + 0x300, USER_END, 0xfb);
    sweep(t, MMAPDEMO_WREG(NUM_WINDOWS, ADDR), BAR0_SIZE, 0x3fb);
    /* both sides of the seams, and the end */
    sweep(t, USER - 8, USER, 1);
    sweep(t, USER_END - 8, USER_END, 1);
    sweep(t, BAR0_SIZE - 8, BAR0_SIZE, 1);
    mmd_stop(t);
}

/* All of it in 8-byte reads, in one go: the counters tell how many */
static void whole_bar_in_one_read(void)
{
    MmdTest *t = mmd_start("");
    g_autofree uint8_t *buf = g_malloc(BAR0_SIZE);
    unsigned accepted = 0, refused_ctrl = 0, refused_user = 0, uncounted = 0;
    uint64_t all = mmd_get(t, CNT_RD_ALL);
    uint64_t rd64 = mmd_get(t, CNT_RD64);
    uint64_t bad = mmd_get(t, CNT_USER_BAD);
    uint32_t errors = mmd_get(t, ERR_COUNT);

    all++;                  /* ERR_COUNT's read */
    for (uint32_t at = 0; at < BAR0_SIZE; at += 8) {
        bool counter = at >= MMAPDEMO_CNT_FIRST && at < MMAPDEMO_CNT_END;

        uncounted += counter;
        if (!expected_error(at, 8, false)) {
            accepted += !counter;
        } else if (at < USER || at >= USER_END) {
            refused_ctrl++;
        } else {
            refused_user++;
        }
    }
    qtest_memread(t->qts, t->regs, buf, BAR0_SIZE);

    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==,
                     all + BAR0_SIZE / 8 - uncounted);
    g_assert_cmpuint(mmd_get(t, CNT_RD64), ==, rd64 + accepted);
    g_assert_cmpuint(mmd_get(t, CNT_USER_BAD), ==, bad + refused_user);
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, errors + refused_ctrl);
    for (uint32_t at = 0; at < BAR0_SIZE; at += 8) {
        if (expected_error(at, 8, false)) {
            g_assert_cmphex(ldq_le_p(buf + at), ==, UINT64_MAX);
        }
    }
    mmd_stop(t);
}

static void writable_bits(void)
{
    static const uint64_t patterns[] = {
        UINT64_MAX, 0x5555555555555555, 0xaaaaaaaaaaaaaaaa, 0x0123456789abcdef,
        0,
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < mmd_num_regs; i++) {
        const MmdReg *reg = &mmd_regs[i];

        if (reg->access != MMD_RW) {
            continue;
        }
        for (unsigned p = 0; p < ARRAY_SIZE(patterns); p++) {
            uint64_t val = patterns[p] & reg->writable;
            uint64_t back = reg->offset == MMAPDEMO_REG_SELFTEST ?
                            ~val & width_mask(reg->width) : val;
            MmdSnapshot snap;

            mmd_snapshot(t, &snap);
            mmd_reg_write(t, reg->offset, val);
            g_assert_cmphex(mmd_reg_read(t, reg->offset), ==, back);
            mmd_assert_unchanged(t, &snap, reg->offset);

            /* each half alone leaves the other one be */
            if (reg->width == 8) {
                mmd_write(t, reg->offset, 4, 0x13579bdf);
                g_assert_cmphex(mmd_reg_read(t, reg->offset), ==,
                                deposit64(val, 0, 32, 0x13579bdf));
                mmd_write(t, reg->offset + 4, 4, 0x2468ace0);
                g_assert_cmphex(mmd_reg_read(t, reg->offset), ==,
                                0x2468ace013579bdf);
                g_assert_cmphex(mmd_read(t, reg->offset, 4), ==, 0x13579bdf);
                g_assert_cmphex(mmd_read(t, reg->offset + 4, 4), ==,
                                0x2468ace0);
                mmd_assert_unchanged(t, &snap, reg->offset);
            }
        }
        mmd_assert_no_error(t);
    }
    mmd_stop(t);
}

/* A reserved bit refuses the write, with whatever else is set */
static void reserved_bits_are_refused(void)
{
    MmdTest *t = mmd_start("");

    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        const MmdReg *reg = &mmd_regs[i];

        if (reg->access == MMD_RO) {
            continue;
        }
        for (unsigned bit = 0; bit < reg->width * 8; bit++) {
            MmdSnapshot snap;

            if (reg->writable >> bit & 1) {
                continue;
            }
            mmd_snapshot(t, &snap);
            mmd_reg_write(t, reg->offset, 1ULL << bit | reg->writable);
            mmd_assert_error(t, MMAPDEMO_ERR_VALUE, reg->offset, reg->width,
                             true);
            mmd_assert_unchanged(t, &snap, 0);
        }
    }
    mmd_stop(t);
}

static void first_error_is_kept(void)
{
    MmdTest *t = mmd_start("");
    uint32_t info;

    mmd_write(t, MMAPDEMO_REG_ID, 4, 1);
    info = mmd_get(t, ERR_INFO);
    mmd_read(t, 0x3000, 8);
    mmd_read(t, MMAPDEMO_REG_ID + 1, 2);
    g_assert_cmpuint(mmd_get(t, ERR_CODE), ==, MMAPDEMO_ERR_READ_ONLY);
    g_assert_cmphex(mmd_get(t, ERR_INFO), ==, info);
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, 3);

    /* writing 0 clears nothing; 1 clears code and place but not the count */
    mmd_set(t, ERR_CLEAR, 0);
    g_assert_cmpuint(mmd_get(t, ERR_CODE), ==, MMAPDEMO_ERR_READ_ONLY);
    mmd_set(t, ERR_CLEAR, MMAPDEMO_ERR_CLEAR);
    mmd_assert_no_error(t);
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, 3);

    mmd_read(t, 0x3004, 2);
    mmd_assert_error(t, MMAPDEMO_ERR_OFFSET, 0x3004, 2, false);
    mmd_stop(t);
}

static void wrong_keys_and_commands_are_refused(void)
{
    static const uint32_t keys[] = {
        0, 1, UINT32_MAX, MMAPDEMO_RESET_KEY ^ 1, MMAPDEMO_RESET_KEY << 8,
    };
    static const uint32_t cmds[] = {
        0,
        MMAPDEMO_DMA_CMD_FROM_DEVICE,
        MMAPDEMO_DMA_CMD_IRQ | MMAPDEMO_DMA_CMD_SG,
        MMAPDEMO_DMA_CMD_ARM_IRQ | MMAPDEMO_DMA_CMD_ABORT,
        MMAPDEMO_DMA_CMD_ARM_IRQ | MMAPDEMO_DMA_CMD_IRQ,
        MMAPDEMO_DMA_CMD_ABORT | MMAPDEMO_DMA_CMD_START,
        MMAPDEMO_DMA_CMD_START | MMAPDEMO_DMA_CMD_ARM_IRQ,
        0x31f,
    };
    MmdTest *t = mmd_start("");
    MmdSnapshot snap;

    mmd_set(t, SCRATCH32, 77);
    mmd_set(t, DMA_LEN, 4096);
    mmd_snapshot(t, &snap);
    for (unsigned i = 0; i < ARRAY_SIZE(keys); i++) {
        mmd_set(t, RESET, keys[i]);
        mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_REG_RESET, 4, true);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(cmds); i++) {
        mmd_set(t, DMA_CMD, cmds[i]);
        mmd_assert_error(t, MMAPDEMO_ERR_VALUE, MMAPDEMO_REG_DMA_CMD, 4, true);
    }
    mmd_assert_unchanged(t, &snap, 0);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 0);
    mmd_stop(t);
}

/* Whatever is written anywhere in the user page: the control block is still */
static void user_page_cannot_touch_control(void)
{
    MmdTest *t = mmd_start("");
    MmdSnapshot before, after;
    uint32_t errors;

    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_snapshot(t, &before);
    errors = mmd_get(t, ERR_COUNT);
    for (uint32_t at = 0; at < MMAPDEMO_USER_SIZE; at += 4) {
        /* the values that would steer something, were this the other half */
        mmd_write(t, USER + at, 4, MMAPDEMO_RESET_KEY);
        mmd_write(t, USER + at, 4, MMAPDEMO_DMA_CMD_START);
    }
    mmd_snapshot(t, &after);
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        if (mmd_regs[i].offset < USER) {
            g_assert_cmphex(before.val[i], ==, after.val[i]);
        }
    }
    g_assert_cmpuint(mmd_get(t, ERR_COUNT), ==, errors);
    mmd_assert_no_error(t);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, 0);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 0);
    g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_DMA));
    g_assert_false(mmd_msi_arrived(t, MMAPDEMO_VEC_SW));
    /* SCRATCH32, both halves of SCRATCH64 and of LOCK_MAX_NS took theirs */
    g_assert_cmpuint(mmd_get(t, CNT_USER_BAD), ==,
                     2 * (MMAPDEMO_USER_SIZE / 4 - 5));
    mmd_stop(t);
}

static void counters_are_exact(void)
{
    MmdTest *t = mmd_start("");
    uint64_t rd_all = mmd_get(t, CNT_RD_ALL);
    uint64_t wr_all = mmd_get(t, CNT_WR_ALL);
    uint64_t rd32 = mmd_get(t, CNT_RD32);
    uint64_t rd64 = mmd_get(t, CNT_RD64);
    uint64_t wr32 = mmd_get(t, CNT_WR32);
    uint64_t wr64 = mmd_get(t, CNT_WR64);
    uint64_t bad = mmd_get(t, CNT_USER_BAD);

    /* reading counters, in whole and in halves, counts nothing */
    for (int i = 0; i < 10; i++) {
        mmd_get(t, CNT_RD_ALL);
        mmd_read(t, MMAPDEMO_REG_CNT_RD32 + 4, 4);
    }
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all);

    for (int i = 0; i < 5; i++) {
        mmd_get(t, SCRATCH32);
    }
    mmd_get(t, SCRATCH64);
    mmd_read(t, MMAPDEMO_REG_SCRATCH64, 4);     /* a half is a 4-byte read */
    mmd_read(t, MMAPDEMO_REG_SCRATCH64, 2);
    mmd_set(t, SCRATCH64, 1);
    mmd_set(t, SCRATCH64, 2);
    mmd_set(t, SCRATCH32, 3);
    mmd_write(t, MMAPDEMO_REG_SCRATCH32, 8, 4);
    mmd_write(t, MMAPDEMO_REG_CNT_RD_ALL, 8, 0);
    mmd_set(t, IRQ_ENABLE, 4);                  /* reserved: not accepted */

    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all + 8);
    g_assert_cmpuint(mmd_get(t, CNT_RD32), ==, rd32 + 6);
    g_assert_cmpuint(mmd_get(t, CNT_RD64), ==, rd64 + 1);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all + 6);
    g_assert_cmpuint(mmd_get(t, CNT_WR32), ==, wr32 + 1);
    g_assert_cmpuint(mmd_get(t, CNT_WR64), ==, wr64 + 2);
    g_assert_cmpuint(mmd_get(t, CNT_USER_BAD), ==, bad + 3);
    mmd_stop(t);
}

static void memory_is_not_counted(void)
{
    MmdTest *t = mmd_start("");
    uint64_t rd_all = mmd_get(t, CNT_RD_ALL);
    uint64_t wr_all = mmd_get(t, CNT_WR_ALL);

    mem_assert_fill(t, t->mem, 0, 64 * KiB);
    mem_number(t, t->mem + BAR2_SIZE - 64 * KiB, 5, 64 * KiB);
    mem_assert_number(t, t->mem + BAR2_SIZE - 64 * KiB, 5, 64 * KiB);
    qtest_writeb(t->qts, t->mem + 1, 0x11);
    g_assert_cmphex(qtest_readw(t->qts, t->mem + 1), ==, 0x11);
    g_assert_cmpuint(mmd_get(t, CNT_RD_ALL), ==, rd_all);
    g_assert_cmpuint(mmd_get(t, CNT_WR_ALL), ==, wr_all);
    mmd_stop(t);
}

static void clock_is_the_virtual_clock(void)
{
    MmdTest *t = mmd_start("");
    uint64_t start = mmd_get(t, CLOCK_NS);

    g_assert_cmpuint(mmd_get(t, CLOCK_NS), ==, start);
    qtest_clock_step(t->qts, 12345);
    g_assert_cmpuint(mmd_get(t, CLOCK_NS), ==, start + 12345);
    mmd_stop(t);
}

void add_regs_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/regs/" #fn, fn)
    ADD(identity);
    ADD(reset_values);
    ADD(every_access_of_control_registers);
    ADD(every_access_of_user_registers);
    ADD(every_access_of_queue_registers);
    ADD(every_access_of_window_registers);
    ADD(rest_of_bar_is_empty);
    ADD(whole_bar_in_one_read);
    ADD(writable_bits);
    ADD(reserved_bits_are_refused);
    ADD(first_error_is_kept);
    ADD(wrong_keys_and_commands_are_refused);
    ADD(user_page_cannot_touch_control);
    ADD(counters_are_exact);
    ADD(memory_is_not_counted);
    ADD(clock_is_the_virtual_clock);
#undef ADD
}
