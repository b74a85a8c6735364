/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the two older ways to interrupt, the INTx line and MSI, and
 * machines that have no other. MSI-X is in irq.c.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "pci.h"

#define SW      MMAPDEMO_VEC_SW
#define DMA     MMAPDEMO_VEC_DMA
#define DATA    0x4d00              /* low bits are free for 32 messages */

/* Is any input of the interrupt controller asserted that PCI is routed to? */
static bool line(MmdTest *t)
{
    for (int gsi = 16; gsi < 24; gsi++) {
        if (qtest_get_irq(t->qts, gsi)) {
            return true;
        }
    }
    return false;
}

#define assert_line(t, level, raised) \
    do { \
        g_assert_cmpint(line(t), ==, level); \
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, raised); \
    } while (0)

static MmdTest *start(const char *props)
{
    MmdTest *t = mmd_start(props);

    qtest_irq_intercept_in(t->qts, "ioapic");
    return t;
}

static MmdTest *start_asserted(void)
{
    MmdTest *t = start("");

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);
    return t;
}

static bool status_bit(MmdTest *t)
{
    return mmd_cfg_read(t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT;
}

static void line_follows_status_and_enable(void)
{
    MmdTest *t = start("");

    g_assert_cmpuint(mmd_cfg_read(t, PCI_INTERRUPT_PIN, 1), ==, 1);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, false, 0);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_SUPPRESSED), ==, 1);
    g_assert_false(status_bit(t));

    /* enabled with its status set */
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    assert_line(t, true, 1);
    g_assert_true(status_bit(t));

    /* more events do not assert what is asserted */
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    assert_line(t, true, 1);

    /* nothing but the last cleared bit lowers it */
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    assert_line(t, false, 1);
    g_assert_false(status_bit(t));

    /* nor the last enable */
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    assert_line(t, true, 2);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    assert_line(t, true, 2);
    mmd_set(t, IRQ_ENABLE, 0);
    assert_line(t, false, 2);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_ALL);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_SUPPRESSED), ==, 1);
    mmd_assert_no_error(t);
    mmd_stop(t);
}

static void transfer_asserts_the_line(void)
{
    MmdTest *t = start("");
    MmdDma dma = {
        .addr = RAM_BUF, .len = 1 * MiB, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    assert_line(t, true, 1);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    assert_line(t, false, 1);
    mmd_stop(t);
}

static void line_honours_intx_disable(void)
{
    MmdTest *t = start_asserted();
    uint16_t cmd = mmd_cfg_read(t, PCI_COMMAND, 2);

    mmd_cfg_write(t, PCI_COMMAND, 2, cmd | PCI_COMMAND_INTX_DISABLE);
    assert_line(t, false, 1);
    /* configuration space still tells that it would be */
    g_assert_true(status_bit(t));
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    g_assert_false(status_bit(t));
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, false, 1);
    g_assert_true(status_bit(t));
    mmd_cfg_write(t, PCI_COMMAND, 2, cmd);
    assert_line(t, true, 2);
    mmd_stop(t);
}

static void line_needs_no_bus_mastering(void)
{
    MmdTest *t = start("");

    mmd_bus_master(t, false);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);
    mmd_stop(t);
}

static void resets_lower_the_line(void)
{
    MmdTest *t = start_asserted();

    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
    assert_line(t, false, 0);
    g_assert_false(status_bit(t));
    mmd_stop(t);

    t = start_asserted();
    mmd_flr(t);
    g_assert_false(line(t));
    g_assert_false(status_bit(t));
    mmd_setup(t);
    assert_line(t, false, 0);
    mmd_stop(t);

    t = start_asserted();
    qtest_system_reset(t->qts);
    g_assert_false(line(t));
    mmd_setup(t);
    assert_line(t, false, 0);
    mmd_stop(t);
}

static void line_is_low_outside_of_d0(void)
{
    MmdTest *t = start_asserted();
    uint8_t pm = mmd_cfg_cap(t, PCI_CAP_ID_PM);

    mmd_cfg_write(t, pm + PCI_PM_CTRL, 2, 3);
    g_assert_false(line(t));
    g_assert_false(status_bit(t));
    mmd_cfg_write(t, pm + PCI_PM_CTRL, 2, 0);
    /* no soft reset: what there was to tell is told */
    assert_line(t, true, 2);
    mmd_stop(t);
}

static void messages_replace_the_line(void)
{
    MmdTest *t = start_asserted();
    uint8_t msix = mmd_cfg_cap(t, PCI_CAP_ID_MSIX);

    mmd_msix_enable(t);
    assert_line(t, false, 1);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, false, 2);
    g_assert_true(mmd_msi_arrived(t, SW));

    mmd_cfg_write(t, msix + PCI_MSIX_FLAGS, 2, 0);
    assert_line(t, true, 3);
    mmd_stop(t);
}

static void unplug_lowers_the_line(void)
{
    QTestState *qts = port_start("-device mmapdemo,id=mmd0,bus=rp0,"
                                 "mem-size=32M");
    MmdTest *t = port_attach(qts);

    qtest_irq_intercept_in(qts, "ioapic");
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);
    qtest_qmp_device_del_send(qts, "mmd0");
    port_eject(qts);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    g_assert_false(line(t));
    mmd_stop(t);
}

static void line_migrates(void)
{
    char *path = stream_new();
    MmdTest *t = start_asserted(), *u;

    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);
    u = stream_load(path, "mem-size=32M");
    g_assert_true(status_bit(u));
    vm_cont(u->qts);
    g_assert_true(status_bit(u));
    g_assert_cmpuint(mmd_get(u, CNT_IRQ_RAISED), ==, 1);
    mmd_set(u, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    g_assert_false(status_bit(u));
    mmd_set(u, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_true(status_bit(u));
    g_assert_cmpuint(mmd_get(u, CNT_IRQ_RAISED), ==, 2);
    mmd_stop(u);
    stream_free(path);
}

/* Registers that ask for nothing, and a line that is high all the same */
static void line_without_a_cause_is_refused(void)
{
    const uint64_t magic = 0x6d6d616c696e6531ULL;
    char *path = stream_new();
    MmdTest *t = start_asserted();
    g_autofree char *file = NULL;
    uint64_t be = cpu_to_be64(magic);
    gsize len;
    char *at;

    mmd_set(t, DMA_SEQ, magic);
    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);

    g_assert_true(g_file_get_contents(path, &file, &len, NULL));
    at = memmem(file, len, &be, sizeof(be));
    g_assert_nonnull(at);
    /* dma_seq is 32 bytes behind it: see vmstate.c */
    g_assert_cmphex(ldl_be_p(at - 32), ==, MMAPDEMO_IRQ_SW);
    stl_be_p(at - 32, 0);
    g_assert_true(g_file_set_contents(path, file, len, NULL));
    g_assert_null(stream_try_load(path, "mem-size=32M", true));
    stream_free(path);
}

/* --- MSI ------------------------------------------------------------------ */

static void msi_target(MmdTest *t, uint64_t addr, uint16_t data)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSI);

    mmd_cfg_write(t, cap + PCI_MSI_ADDRESS_LO, 4, addr);
    mmd_cfg_write(t, cap + PCI_MSI_ADDRESS_HI, 4, addr >> 32);
    mmd_cfg_write(t, cap + PCI_MSI_DATA_64, 2, data);
}

static void msi_enable(MmdTest *t, unsigned order)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSI);

    g_assert_cmpuint(cap, !=, 0);
    msi_target(t, RAM_MSI, DATA);
    qtest_writel(t->qts, RAM_MSI, 0);
    mmd_cfg_write(t, cap + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE | order << 4);
}

/* The number of the message that arrived since asked last, or -1 */
static int msi_arrived(MmdTest *t)
{
    uint32_t data = qtest_readl(t->qts, RAM_MSI);

    qtest_writel(t->qts, RAM_MSI, 0);
    if (!data) {
        return -1;
    }
    g_assert_cmphex(data & ~0x1f, ==, DATA);
    return data & 0x1f;
}

static void msi_sends_vector_modulo_enabled(void)
{
    MmdTest *t = start("");
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSI);
    uint16_t flags = mmd_cfg_read(t, cap + PCI_MSI_FLAGS, 2);
    unsigned max = (flags & PCI_MSI_FLAGS_QMASK) >> 1;
    unsigned raised = 0;

    g_assert_cmphex(flags & PCI_MSI_FLAGS_64BIT, !=, 0);
    g_assert_cmphex(flags & PCI_MSI_FLAGS_MASKBIT, !=, 0);
    /* a message for each vector, or as many as MSI can have */
    g_assert_cmpuint(1 << max, >=, MIN(mmd_get(t, VECTOR_COUNT), 32));
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    for (unsigned order = 0; order <= max; order++) {
        msi_enable(t, order);
        for (unsigned vector = 0; vector < MMAPDEMO_NUM_CAUSES; vector++) {
            mmd_set(t, IRQ_RAISE, 1 << vector);
            g_assert_cmpint(msi_arrived(t), ==, vector % (1 << order));
            assert_line(t, false, ++raised);
        }
    }
    mmd_stop(t);
}

/* Not allowed to ask for, and asked for */
static void msi_gives_no_more_than_it_has(void)
{
    MmdTest *t = start("");
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSI);
    uint16_t flags;

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    msi_enable(t, 7);
    flags = mmd_cfg_read(t, cap + PCI_MSI_FLAGS, 2);
    g_assert_cmpuint((flags & PCI_MSI_FLAGS_QSIZE) >> 4, ==,
                     (flags & PCI_MSI_FLAGS_QMASK) >> 1);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmpint(msi_arrived(t), ==, SW);
    mmd_stop(t);
}

static void masked_msi_waits(void)
{
    char *path = stream_new();
    MmdTest *t = start(""), *u;
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSI);

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    msi_enable(t, 1);
    mmd_cfg_write(t, cap + PCI_MSI_MASK_64, 4, 1 << SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmpint(msi_arrived(t), ==, -1);
    g_assert_cmphex(mmd_cfg_read(t, cap + PCI_MSI_PENDING_64, 4), ==, 1 << SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_DMA);
    g_assert_cmpint(msi_arrived(t), ==, DMA);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 2);

    /* it waits on the other side of a migration too */
    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);
    u = stream_load(path, "mem-size=32M");
    vm_cont(u->qts);
    g_assert_cmphex(mmd_cfg_read(u, cap + PCI_MSI_PENDING_64, 4), ==, 1 << SW);
    g_assert_cmpint(msi_arrived(u), ==, -1);
    mmd_cfg_write(u, cap + PCI_MSI_MASK_64, 4, 0);
    g_assert_cmpint(msi_arrived(u), ==, SW);
    g_assert_cmphex(mmd_cfg_read(u, cap + PCI_MSI_PENDING_64, 4), ==, 0);
    mmd_stop(u);
    stream_free(path);
}

static void no_msi_without_bus_mastering(void)
{
    MmdTest *t = start("");

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    msi_enable(t, 1);
    mmd_bus_master(t, false);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    mmd_bus_master(t, true);
    g_assert_cmpint(msi_arrived(t), ==, -1);
    assert_line(t, false, 0);
    mmd_stop(t);
}

/* From a register write, from a bottom half; to each of the device's BARs */
static void msi_to_own_bars_does_nothing(void)
{
    MmdTest *t = start("");
    const uint64_t targets[] = {
        t->regs + MMAPDEMO_REG_IRQ_RAISE, t->regs + MMAPDEMO_REG_SELFTEST,
        t->doorbell, t->alias, t->msix,
    };
    MmdDma dma = {
        .addr = RAM_BUF, .len = 1 * MiB, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };
    MmdSnapshot snap;

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    msi_enable(t, 0);
    for (unsigned i = 0; i < ARRAY_SIZE(targets); i++) {
        uint64_t written = mmd_get(t, CNT_WR_ALL);

        msi_target(t, targets[i], MMAPDEMO_IRQ_SW);
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
        mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
        mmd_snapshot(t, &snap);
        mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_DMA);
        mmd_assert_unchanged(t, &snap, MMAPDEMO_REG_IRQ_STATUS);
        g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
        /* ours: ERR_CLEAR twice, six DMA registers, IRQ_STATUS, IRQ_RAISE */
        g_assert_cmpuint(mmd_get(t, CNT_WR_ALL) - written, ==, 10);
        g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, 2 * (i + 1));
    }
    mem_assert_fill(t, t->mem, 0, 4096);
    mmd_stop(t);
}

/* --- machines and properties ---------------------------------------------- */

static void capabilities_can_be_left_out(void)
{
    MmdTest *t = start("msi=off,msix=off");

    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSI), ==, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSIX), ==, 0);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_4, 4, UINT32_MAX);
    g_assert_cmphex(mmd_cfg_read(t, PCI_BASE_ADDRESS_4, 4), ==, 0);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);
    mmd_stop(t);

    t = start("msix=off");
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSIX), ==, 0);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    msi_enable(t, 1);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmpint(msi_arrived(t), ==, SW);
    mmd_stop(t);

    t = start("msi=off,msix=on");
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSI), ==, 0);
    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_true(mmd_msi_arrived(t, SW));
    mmd_stop(t);
}

/* No local APIC, so nobody to send messages to */
static void machine_without_messages(void)
{
    MmdTest *t = mmd_start_with("", "-cpu 486 "
                                "-device pci-bridge,id=br0,addr=9,"
                                "chassis_nr=1,msi=off,shpc=off");

    qtest_irq_intercept_in(t->qts, "ioapic");
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSI), ==, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSIX), ==, 0);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_line(t, true, 1);

    /* and who insists is told */
    expect_refusal(t->qts, "{ 'bus': 'br0', 'msi': 'on' }",
                   "MSI is not supported");
    expect_refusal(t->qts, "{ 'bus': 'br0', 'msix': 'on' }",
                   "MSI-X is not supported");
    mmd_stop(t);
}

void add_pci_irq_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/pci-irq/" #fn, fn)
    ADD(line_follows_status_and_enable);
    ADD(transfer_asserts_the_line);
    ADD(line_honours_intx_disable);
    ADD(line_needs_no_bus_mastering);
    ADD(resets_lower_the_line);
    ADD(line_is_low_outside_of_d0);
    ADD(messages_replace_the_line);
    ADD(unplug_lowers_the_line);
    ADD(line_migrates);
    ADD(line_without_a_cause_is_refused);
    ADD(msi_sends_vector_modulo_enabled);
    ADD(msi_gives_no_more_than_it_has);
    ADD(masked_msi_waits);
    ADD(no_msi_without_bus_mastering);
    ADD(msi_to_own_bars_does_nothing);
    ADD(capabilities_can_be_left_out);
    ADD(machine_without_messages);
#undef ADD
}
