/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: five things QEMU's edu device gets wrong. The tests know a
 * device only through struct Target; MMAPDEMO_QTEST_DEVICE=edu points them at
 * edu, where each of them fails.
 */

#include "qemu/osdep.h"
#include "common.h"

#define PAGE        4096
#define SLOT        5
#define BUS_BEHIND  1

typedef struct Target {
    const char *device;
    /* properties: highest bus address is 0x0fffffff; there is no limit */
    const char *option_28_bits;
    const char *option_64_bits;
    /* a register that holds any value */
    uint32_t register_offset;
    /* put a page of 5a into the device */
    void (*load)(MmdTest *t);
    /* begin to write that page to dst, with an interrupt at the end */
    void (*arm)(MmdTest *t, uint64_t dst, uint32_t len);
    /* let what was begun come to its end */
    void (*settle)(MmdTest *t);
    /* does the device claim that the transfer worked, or interrupt for it? */
    bool (*claims_success)(MmdTest *t);
    /* begin something that takes long and is told at the end */
    void (*work)(MmdTest *t);
} Target;

static const Target *target;

/* --- edu: registers of docs/specs/edu.rst --- */

static void edu_dma(MmdTest *t, uint64_t src, uint64_t dst, uint32_t len,
                    uint32_t cmd)
{
    qtest_writeq(t->qts, t->regs + 0x80, src);
    qtest_writeq(t->qts, t->regs + 0x88, dst);
    qtest_writeq(t->qts, t->regs + 0x90, len);
    qtest_writel(t->qts, t->regs + 0x98, cmd);
}

static void edu_settle(MmdTest *t)
{
    qtest_clock_step(t->qts, 300 * 1000 * 1000);
}

static void edu_load(MmdTest *t)
{
    mem_fill(t, RAM_BUF2, 0x5a, PAGE);
    edu_dma(t, RAM_BUF2, 0x40000, PAGE, 1);
    edu_settle(t);
}

static void edu_arm(MmdTest *t, uint64_t dst, uint32_t len)
{
    edu_dma(t, 0x40000, dst, len, 1 | 2 | 4);
}

static bool edu_claims_success(MmdTest *t)
{
    return qtest_readl(t->qts, t->regs + 0x24) & 0x100;
}

static void edu_work(MmdTest *t)
{
    qtest_writel(t->qts, t->regs + 0x20, 0x80);
    qtest_writel(t->qts, t->regs + 0x08, 0xffffffff);
}

static const Target target_edu = {
    .device = "edu",
    .option_28_bits = "dma_mask=0xfffffff",
    .option_64_bits = "dma_mask=0xffffffffffffffff",
    .register_offset = 0x04,
    .load = edu_load,
    .arm = edu_arm,
    .settle = edu_settle,
    .claims_success = edu_claims_success,
    .work = edu_work,
};

/* --- mmapdemo --- */

static void mmapdemo_load(MmdTest *t)
{
    mem_fill(t, t->mem, 0x5a, MMAPDEMO_DMA_MAX_LEN);
}

static void mmapdemo_arm(MmdTest *t, uint64_t dst, uint32_t len)
{
    MmdDma dma = {
        .addr = dst, .len = len, .seq = 1,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | MMAPDEMO_DMA_CMD_IRQ,
    };

    mmd_dma_start(t, &dma);
}

static void mmapdemo_settle(MmdTest *t)
{
    vm_settle(t->qts);
}

static bool mmapdemo_claims_success(MmdTest *t)
{
    /* an interrupt is such a claim, unless it is there to tell of an error */
    return mmd_dma_state(t) == MMAPDEMO_DMA_STATE_DONE ||
           (mmd_get(t, CNT_IRQ_RAISED) &&
            mmd_dma_state(t) != MMAPDEMO_DMA_STATE_ERROR);
}

static void mmapdemo_work(MmdTest *t)
{
    mmapdemo_arm(t, RAM_BUF, MMAPDEMO_DMA_MAX_LEN);
}

static const Target target_mmapdemo = {
    .device = "mmapdemo",
    .option_28_bits = "dma-mask=0xfffffff",
    .option_64_bits = "dma-mask=0xffffffffffffffff",
    .register_offset = MMAPDEMO_REG_SELFTEST,
    .load = mmapdemo_load,
    .arm = mmapdemo_arm,
    .settle = mmapdemo_settle,
    .claims_success = mmapdemo_claims_success,
    .work = mmapdemo_work,
};

/* --- the five ------------------------------------------------------------- */

static void place(MmdTest *t)
{
    pci_write(t->qts, t->bus, t->devfn, PCI_BASE_ADDRESS_0, 4, t->regs);
    if (target == &target_mmapdemo) {
        mmd_setup(t);
        mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    }
    pci_write(t->qts, t->bus, t->devfn, PCI_COMMAND, 2,
              PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static MmdTest *start(bool behind_port, const char *option)
{
    g_autofree char *machine = mmd_machine();
    MmdTest *t = g_new0(MmdTest, 1);

    t->regs = 0xe0000000;
    t->msix = 0xe0200000;
    t->mem = 0xc0000000;
    t->qts = qtest_initf("%s -device pcie-root-port,id=rp0,addr=%d,chassis=1 "
                         "-device %s,id=dut,bus=%s,addr=%d%s%s", machine, SLOT,
                         target->device, behind_port ? "rp0" : "pcie.0",
                         behind_port ? 0 : SLOT + 1, *option ? "," : "",
                         option);
    if (behind_port) {
        t->bus = BUS_BEHIND;
        pci_write(t->qts, 0, SLOT << 3, PCI_PRIMARY_BUS, 4,
                  BUS_BEHIND << 16 | BUS_BEHIND << 8);
        pci_write(t->qts, 0, SLOT << 3, PCI_MEMORY_BASE, 4, 0xe020e000);
        pci_write(t->qts, 0, SLOT << 3, PCI_PREF_MEMORY_BASE, 4, 0xcff0c000);
        pci_write(t->qts, 0, SLOT << 3, PCI_COMMAND, 2,
                  PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
    } else {
        t->devfn = (SLOT + 1) << 3;
    }
    place(t);
    target->load(t);
    mem_fill(t, RAM_BUF, 0xc3, PAGE);
    return t;
}

static void reset_while_armed_moves_nothing(void)
{
    MmdTest *t = start(false, "");

    /* stopped, so that what is armed cannot have ended before the reset */
    vm_stop(t->qts);
    target->arm(t, RAM_BUF, PAGE);
    qtest_system_reset(t->qts);
    vm_cont(t->qts);
    target->settle(t);
    mem_assert_fill(t, RAM_BUF, 0xc3, PAGE);

    /* and it still works */
    place(t);
    target->load(t);
    target->arm(t, RAM_BUF, PAGE);
    target->settle(t);
    mem_assert_fill(t, RAM_BUF, 0x5a, PAGE);
    g_assert_true(target->claims_success(t));
    mmd_stop(t);
}

static void unplug_while_working_ends(void)
{
    MmdTest *t = start(true, "");

    target->work(t);
    qtest_qmp_device_del_send(t->qts, "dut");
    qtest_system_reset_nowait(t->qts);
    qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
    mmd_stop(t);
}

static void dma_to_own_register_is_refused(void)
{
    MmdTest *t = start(false, target->option_64_bits);
    uint32_t before = qtest_readl(t->qts, t->regs + target->register_offset);

    vm_stop(t->qts);
    target->arm(t, t->regs + target->register_offset, 4);
    vm_cont(t->qts);
    target->settle(t);
    g_assert_cmphex(qtest_readl(t->qts, t->regs + target->register_offset), ==,
                    before);
    mmd_stop(t);
}

static void bus_master_off_claims_nothing(void)
{
    MmdTest *t = start(false, "");

    if (target == &target_mmapdemo) {
        mmd_msix_enable(t);
    }
    vm_stop(t->qts);
    target->arm(t, RAM_BUF, PAGE);
    pci_write(t->qts, t->bus, t->devfn, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    vm_cont(t->qts);
    target->settle(t);
    mem_assert_fill(t, RAM_BUF, 0xc3, PAGE);
    g_assert_false(target->claims_success(t));
    mmd_stop(t);
}

static void address_above_mask_is_not_truncated(void)
{
    MmdTest *t = start(false, target->option_28_bits);

    target->arm(t, (1ULL << 32) | RAM_BUF, PAGE);
    target->settle(t);
    mem_assert_fill(t, RAM_BUF, 0xc3, PAGE);
    g_assert_false(target->claims_success(t));
    mmd_stop(t);
}

#define ISOLATED(fn) \
    static void isolated_##fn(void) \
    { \
        run_isolated(fn, 20); \
    }
ISOLATED(reset_while_armed_moves_nothing)
ISOLATED(unplug_while_working_ends)
ISOLATED(dma_to_own_register_is_refused)
ISOLATED(bus_master_off_claims_nothing)
ISOLATED(address_above_mask_is_not_truncated)

void add_edu_tests(bool edu)
{
    target = edu ? &target_edu : &target_mmapdemo;
#define ADD(fn) qtest_add_func("/mmapdemo/edu/" #fn, isolated_##fn)
    ADD(reset_while_armed_moves_nothing);
    ADD(unplug_while_working_ends);
    ADD(dma_to_own_register_is_refused);
    ADD(bus_master_off_claims_nothing);
    ADD(address_above_mask_is_not_truncated);
#undef ADD
}
