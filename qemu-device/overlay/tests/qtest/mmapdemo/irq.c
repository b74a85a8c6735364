/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: causes, enables, MSI-X messages as they arrive in memory.
 */

#include "qemu/osdep.h"
#include "common.h"

#define SW  MMAPDEMO_VEC_SW
#define DMA MMAPDEMO_VEC_DMA

static MmdTest *start(void)
{
    MmdTest *t = mmd_start("");

    mmd_msix_enable(t);
    return t;
}

static void assert_counts(MmdTest *t, uint64_t raised, uint64_t suppressed)
{
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_RAISED), ==, raised);
    g_assert_cmpuint(mmd_get(t, CNT_IRQ_SUPPRESSED), ==, suppressed);
}

static void disabled_cause_sends_nothing(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_false(mmd_msi_arrived(t, SW));
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    assert_counts(t, 0, 1);
    mmd_set(t, IRQ_RAISE, 0);
    assert_counts(t, 0, 1);
    mmd_assert_no_error(t);
    mmd_stop(t);
}

static void each_event_of_enabled_cause_sends(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    for (int i = 1; i <= 3; i++) {
        /* also while the status bit is still set */
        mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
        g_assert_true(mmd_msi_arrived(t, SW));
        g_assert_false(mmd_msi_arrived(t, DMA));
        assert_counts(t, i, 0);
    }
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    g_assert_true(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msi_arrived(t, DMA));
    assert_counts(t, 4, 1);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_ALL);
    mmd_stop(t);
}

static void status_is_cleared_by_ones(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    mmd_set(t, IRQ_STATUS, 0);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_ALL);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, 0);
    mmd_stop(t);
}

static void enabling_tells_what_is_set(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    g_assert_false(mmd_msi_arrived(t, SW));
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    g_assert_true(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msi_arrived(t, DMA));
    assert_counts(t, 1, 1);

    /* enabling what is enabled already is no news */
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    g_assert_false(mmd_msi_arrived(t, SW));
    assert_counts(t, 1, 1);

    /* nor is a status that was cleared */
    mmd_set(t, IRQ_ENABLE, 0);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    g_assert_false(mmd_msi_arrived(t, SW));
    assert_counts(t, 1, 1);
    mmd_stop(t);
}

static void masked_vector_waits(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_msix_mask(t, SW, true);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_false(mmd_msi_arrived(t, SW));
    g_assert_true(mmd_msix_pending(t, SW));
    g_assert_false(mmd_msix_pending(t, DMA));
    assert_counts(t, 2, 0);

    mmd_msix_mask(t, SW, false);
    g_assert_true(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msix_pending(t, SW));
    mmd_stop(t);
}

static void no_message_without_bus_master(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_bus_master(t, false);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    assert_counts(t, 0, 0);

    /* not kept for later, either */
    mmd_bus_master(t, true);
    g_assert_false(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msix_pending(t, SW));
    mmd_stop(t);
}

/* INTx takes over, see pci_irq.c; no message is kept for later */
static void no_message_without_msix(void)
{
    MmdTest *t = start();
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSIX);

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_cfg_write(t, cap + PCI_MSIX_FLAGS, 2, 0);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    assert_counts(t, 1, 0);
    mmd_cfg_write(t, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    g_assert_false(mmd_msi_arrived(t, SW));
    g_assert_false(mmd_msix_pending(t, SW));
    assert_counts(t, 1, 0);
    mmd_stop(t);
}

/* The message's address is the guest's choice: IRQ_RAISE itself, for example */
static void message_to_own_register_goes_nowhere(void)
{
    MmdTest *t = start();

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_msix_target(t, SW, t->regs + MMAPDEMO_REG_IRQ_RAISE,
                    MMAPDEMO_IRQ_DMA);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    assert_counts(t, 1, 0);

    /* likewise from a bottom half: a long transfer ends in one */
    mmd_msix_target(t, DMA, t->regs + MMAPDEMO_REG_IRQ_RAISE,
                    MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_ALL);
    MmdDma dma = {
        .addr = RAM_BUF, .len = 1 * MiB, .seq = 1, .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    assert_counts(t, 2, 0);
    mmd_stop(t);
}

/* A message that switches its own sender off, while it is sent */
static void message_to_own_configuration_space(void)
{
    MmdTest *t = start();
    uint64_t config;

    /* q35: configuration space as memory, at 0xb0000000 */
    pci_write(t->qts, 0, 0, 0x60, 4, 0xb0000001);
    config = 0xb0000000 + (t->devfn << 12);
    g_assert_cmphex(qtest_readl(t->qts, config), ==,
                    MMAPDEMO_PCI_DEVICE_ID << 16 | MMAPDEMO_PCI_VENDOR_ID);

    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_msix_target(t, SW, config + mmd_cfg_cap(t, PCI_CAP_ID_EXP) +
                           PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_BCR_FLR);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);

    /* the function was reset by it, and is fine */
    g_assert_cmphex(mmd_cfg_read(t, PCI_COMMAND, 2), ==, 0);
    mmd_setup(t);
    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    g_assert_cmphex(mmd_get(t, IRQ_ENABLE), ==, 0);
    mmd_stop(t);
}

void add_irq_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/irq/" #fn, fn)
    ADD(disabled_cause_sends_nothing);
    ADD(each_event_of_enabled_cause_sends);
    ADD(status_is_cleared_by_ones);
    ADD(enabling_tells_what_is_set);
    ADD(masked_vector_waits);
    ADD(no_message_without_bus_master);
    ADD(no_message_without_msix);
    ADD(message_to_own_register_goes_nowhere);
    ADD(message_to_own_configuration_space);
#undef ADD
}
