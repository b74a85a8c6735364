/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: a PCI device made to be mapped. Registers in BAR0, memory in BAR2,
 * MSI-X, and a DMA engine between BAR2 and guest memory. This file is the PCI
 * side of it: realize, BARs, configuration space, reset, properties.
 *
 * Specification: docs/specs/mmapdemo.rst
 */

#include "qemu/osdep.h"
#include "qemu/module.h"
#include "qapi/error.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie_aer.h"
#include "system/xen.h"
#include "mmapdemo-internal.h"
#include "trace.h"

#define DMA_MASK_MIN    0xfffULL    /* a page */

/* Extended configuration space: one behind the other */
#define SERIAL_OFFSET   PCI_CONFIG_SPACE_SIZE
#define AER_OFFSET      (SERIAL_OFFSET + PCI_EXT_CAP_DSN_SIZEOF)

bool mmapdemo_in_d0(MmapdemoState *s)
{
    PCIDevice *pdev = s->pdev;

    return !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

bool mmapdemo_bus_ok(MmapdemoState *s)
{
    /*
     * Not left to the address space: a reset clears the command register and
     * leaves the bus master region enabled.
     */
    return pci_get_word(s->pdev->config + PCI_COMMAND) & PCI_COMMAND_MASTER &&
           mmapdemo_in_d0(s);
}

static bool mmapdemo_check_properties(MmapdemoState *s, Error **errp)
{
    if (!mmapdemo_memory_check(s, errp)) {
        return false;
    }
    if (s->dma_mask & (s->dma_mask + 1) || s->dma_mask < DMA_MASK_MIN) {
        error_setg(errp, "dma-mask 0x%" PRIx64 " is not a row of ones from bit "
                   "0 to bit 11 or above; for example dma-mask=0xffffffff for "
                   "a device with 32 address lines", s->dma_mask);
        return false;
    }
    if (!mmapdemo_queues_check(s, errp)) {
        return false;
    }
    if (xen_enabled()) {
        error_setg(errp, "mmapdemo copies between host pointers, which do not "
                   "last under Xen; use TCG or KVM");
        return false;
    }
    return true;
}

/*
 * An EUI-64 in the range QEMU uses for what it makes up. Behind that, what
 * tells this device from others and is the same on both sides of a migration:
 * its place in the machine.
 */
static uint64_t mmapdemo_default_serial(MmapdemoState *s)
{
    g_autofree char *path = qdev_get_dev_path(DEVICE(s));
    uint64_t hash = 0xcbf29ce484222325ULL;      /* FNV-1a */

    for (const char *c = path; *c; c++) {
        hash = (hash ^ (uint8_t)*c) * 0x100000001b3ULL;
    }
    return 0x525400ULL << 40 | (hash & MAKE_64BIT_MASK(0, 40));
}

/*
 * Advanced error reporting. Nothing in this model finds an error of the bus;
 * pcie_aer_inject_error makes one up, so that software can be seen to recover.
 */
static bool mmapdemo_aer_init(MmapdemoState *s, Error **errp)
{
    PCIDevice *pdev = s->pdev;
    uint8_t *cmask = pdev->cmask + AER_OFFSET;

    if (pcie_aer_init(pdev, PCI_ERR_VER, AER_OFFSET, PCI_ERR_SIZEOF,
                      errp) < 0) {
        return false;
    }
    pcie_cap_deverr_init(pdev);
    /*
     * What was logged of an error is neither the same on both sides of a
     * migration nor written by the guest. Left to its default, the check of
     * configuration space refuses the stream of any device that has had one.
     */
    pci_set_long(cmask + PCI_ERR_CAP,
                 ~(PCI_ERR_CAP_FEP_MASK | PCI_ERR_CAP_TLP));
    memset(cmask + PCI_ERR_HEADER_LOG, 0, PCI_ERR_HEADER_LOG_SIZE);
    memset(cmask + PCI_ERR_TLP_PREFIX_LOG, 0, PCI_ERR_TLP_PREFIX_LOG_SIZE);
    return true;
}

static bool mmapdemo_init_capabilities(MmapdemoState *s, Error **errp)
{
    PCIDevice *pdev = s->pdev;
    int pm = pci_pm_init(pdev, 0, errp);

    if (pm < 0) {
        return false;
    }
    pci_set_word(pdev->config + pm + PCI_PM_PMC, PCI_PM_CAP_VER_1_2);
    pci_set_word(pdev->config + pm + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pdev->wmask + pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

    if (pci_bus_is_express(pci_get_bus(pdev))) {
        if (pcie_endpoint_cap_init(pdev, 0) < 0) {
            error_setg(errp, "no room for the PCI Express capability");
            return false;
        }
        pcie_cap_flr_init(pdev);
        s->serial = s->serial ?: mmapdemo_default_serial(s);
        pcie_dev_ser_num_init(pdev, SERIAL_OFFSET, s->serial);
        if (s->aer && !mmapdemo_aer_init(s, errp)) {
            return false;
        }
    } else if (s->aer) {
        error_setg(errp, "aer=on: the bus is conventional PCI, which has no "
                   "advanced error reporting; use a PCI Express bus, for "
                   "example that of a pcie-root-port");
        return false;
    }
    return true;
}

static void mmapdemo_realize(PCIDevice *pdev, Error **errp)
{
    MmapdemoState *s = MMAPDEMO(pdev);

    if (!mmapdemo_check_properties(s, errp)) {
        return;
    }
    s->pdev = pdev;
    s->name = pdev->qdev.id ? pdev->qdev.id : TYPE_MMAPDEMO;

    if (!mmapdemo_init_capabilities(s, errp)) {
        return;
    }
    if (!mmapdemo_irq_init(s, errp)) {
        pcie_aer_exit(pdev);
        return;
    }
    if (!mmapdemo_memory_init(s, errp)) {
        mmapdemo_irq_exit(s);
        pcie_aer_exit(pdev);
        return;
    }
    memory_region_init_io(&s->regs, OBJECT(s), &mmapdemo_regs_ops, s,
                          "mmapdemo-regs",
                          pow2ceil(MMAPDEMO_BAR_REGS_SIZE_MIN +
                                   s->num_windows * MMAPDEMO_WINDOW_STRIDE));
    pci_register_bar(pdev, MMAPDEMO_BAR_REGS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->regs);
    memory_region_init_io(&s->doorbells, OBJECT(s), &mmapdemo_doorbell_ops, s,
                          "mmapdemo-doorbells",
                          pow2ceil(s->num_queues * MMAPDEMO_DOORBELL_STRIDE));
    pci_register_bar(pdev, MMAPDEMO_BAR_DOORBELL,
                     PCI_BASE_ADDRESS_SPACE_MEMORY, &s->doorbells);
    pci_register_bar(pdev, MMAPDEMO_BAR_MEM,
                     PCI_BASE_ADDRESS_SPACE_MEMORY |
                     PCI_BASE_ADDRESS_MEM_TYPE_64 |
                     PCI_BASE_ADDRESS_MEM_PREFETCH, s->mem);
    pci_register_bar(pdev, MMAPDEMO_BAR_ALIAS, PCI_BASE_ADDRESS_SPACE_MEMORY,
                     &s->alias);
    mmapdemo_faults_init(s);
    mmapdemo_engine_init(s);
    mmapdemo_queues_realize(s);
}

static void mmapdemo_exit(PCIDevice *pdev)
{
    MmapdemoState *s = MMAPDEMO(pdev);

    mmapdemo_queues_exit(s);
    mmapdemo_engine_exit(s);
    mmapdemo_faults_exit(s);
    mmapdemo_memory_exit(s);
    mmapdemo_irq_exit(s);
    pcie_aer_exit(pdev);
}

static void mmapdemo_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val,
                                  int len)
{
    MmapdemoState *s = MMAPDEMO(pdev);

    pci_default_write_config(pdev, addr, val, len);
    if (pdev->exp.exp_cap) {
        pcie_cap_flr_write_config(pdev, addr, val, len);
    }
    if (pdev->exp.aer_cap) {
        pcie_aer_write_config(pdev, addr, val, len);
    }
    mmapdemo_dma_bus_changed(s);
    mmapdemo_queues_bus_changed(s);
    /* MSI, MSI-X or INTX_DISABLE on or off; power state */
    mmapdemo_irq_update(s);
}

void mmapdemo_soft_reset(MmapdemoState *s, const char *cause)
{
    trace_mmapdemo_device_reset(s->name, cause);
    mmapdemo_queues_reset(s);
    mmapdemo_dma_reset(s);
    mmapdemo_faults_reset(s);
    mmapdemo_regs_reset(s);
    mmapdemo_irq_update(s);
}

/* Before any other device of the machine is reset, nothing moves any more */
static void mmapdemo_reset_enter(Object *obj, ResetType type)
{
    MmapdemoState *s = MMAPDEMO(obj);

    mmapdemo_queues_reset(s);
    mmapdemo_dma_reset(s);
}

static void mmapdemo_reset_hold(Object *obj, ResetType type)
{
    MmapdemoState *s = MMAPDEMO(obj);

    /* What is logged stays, for whoever looks why there was a reset */
    if (s->aer) {
        pcie_cap_deverr_reset(s->pdev);
    }
    mmapdemo_soft_reset(s, "machine, bus or function level reset");
}

static void mmapdemo_instance_init(Object *obj)
{
    /*
     * Fixes the size of configuration space, for a conventional bus too, and
     * is therefore not left until the bus is known.
     */
    PCI_DEVICE(obj)->cap_present |= QEMU_PCI_CAP_EXPRESS;
}

static void mmapdemo_instance_finalize(Object *obj)
{
    MmapdemoState *s = MMAPDEMO(obj);

    mmapdemo_queues_cleanup(s);
    mmapdemo_engine_cleanup(s);
}

static const Property mmapdemo_properties[] = {
    DEFINE_PROP_SIZE("mem-size", MmapdemoState, mem_size, 0),
    DEFINE_PROP_LINK("memdev", MmapdemoState, memdev, TYPE_MEMORY_BACKEND,
                     HostMemoryBackend *),
    DEFINE_PROP_UINT64("dma-mask", MmapdemoState, dma_mask, UINT64_MAX),
    DEFINE_PROP_UINT32("queues", MmapdemoState, num_queues, 16),
    DEFINE_PROP_UINT32("windows", MmapdemoState, num_windows, 1024),
    DEFINE_PROP_STRING("dma", MmapdemoState, engine_name),
    DEFINE_PROP_LINK("iothread", MmapdemoState, iothread, TYPE_IOTHREAD,
                     IOThread *),
    DEFINE_PROP_UINT32("threads", MmapdemoState, num_threads, 2),
    DEFINE_PROP_UINT32("lock-budget-us", MmapdemoState, lock_budget_us, 20),
    DEFINE_PROP_BOOL("lock-stats", MmapdemoState, lock_stats, false),
    DEFINE_PROP_UINT64("poll-ns", MmapdemoState, poll_ns, 0),
    DEFINE_PROP_UINT32("x-queue-start", MmapdemoState, queue_start, 0),
    DEFINE_PROP_UINT64("serial", MmapdemoState, serial, 0),
    DEFINE_PROP_BOOL("aer", MmapdemoState, aer, false),
    DEFINE_PROP_ON_OFF_AUTO("msi", MmapdemoState, msi, ON_OFF_AUTO_AUTO),
    DEFINE_PROP_ON_OFF_AUTO("msix", MmapdemoState, msix, ON_OFF_AUTO_AUTO),
};

/* For -device mmapdemo,help; those of faults.c are there */
static const struct {
    const char *property;
    const char *text;
} mmapdemo_help[] = {
    { "mem-size", "Bytes of device memory in BAR2: a power of two, 2 MiB or "
      "more; 0: those of memdev, or else 128 MiB" },
    { "memdev", "Memory backend to be the device memory, to share or place "
      "it" },
    { "dma-mask", "Highest bus address DMA reaches; anything above is "
      "refused" },
    { "queues", "Queues, each with a doorbell and an MSI-X vector: 1 to 64" },
    { "windows", "Entries of the window table: 1 to 65536" },
    { "dma", "Where the bytes of queues move: auto (the default), inline, "
      "vcpu, bh, iothread or thread" },
    { "iothread", "I/O thread that works for dma=iothread" },
    { "threads", "Worker threads of dma=thread: 1 to 16" },
    { "lock-budget-us", "Longest time dma=auto holds the big lock to move "
      "bytes, microseconds" },
    { "lock-stats", "Measure how long queues hold the big lock; reads "
      "clocks" },
    { "poll-ns", "How long workers watch idle queues before a doorbell is "
      "needed" },
    { "x-queue-start", "Index of a queue's first descriptor after ENABLE, for "
      "tests of wrap" },
    { "serial", "Device serial number, an EUI-64, on PCI Express; 0: made "
      "from the place of the device in the machine" },
    { "aer", "Advanced error reporting, on PCI Express: errors are those of "
      "the monitor's pcie_aer_inject_error" },
    { "msi", "MSI capability; auto: if the machine can do it" },
    { "msix", "MSI-X capability and BAR4; auto: if the machine can do it" },
};

static void mmapdemo_class_init(ObjectClass *klass,
                                MMAPDEMO_QOM_CONST void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    PCIDeviceClass *pc = PCI_DEVICE_CLASS(klass);
    ResettableClass *rc = RESETTABLE_CLASS(klass);

    dc->desc = "Device to be mapped: registers, memory, MSI-X and DMA";
    dc->vmsd = &mmapdemo_vmstate;
    set_bit(DEVICE_CATEGORY_MISC, dc->categories);
    device_class_set_props(dc, mmapdemo_properties);
    for (unsigned i = 0; i < ARRAY_SIZE(mmapdemo_help); i++) {
        object_class_property_set_description(klass, mmapdemo_help[i].property,
                                              mmapdemo_help[i].text);
    }
    mmapdemo_faults_class_init(klass);

    pc->realize = mmapdemo_realize;
    pc->exit = mmapdemo_exit;
    pc->config_write = mmapdemo_config_write;
    pc->vendor_id = MMAPDEMO_PCI_VENDOR_ID;
    pc->device_id = MMAPDEMO_PCI_DEVICE_ID;
    pc->class_id = MMAPDEMO_PCI_CLASS;
    pc->revision = MMAPDEMO_PCI_REVISION;

    mmapdemo_regs_class_init();

    rc->phases.enter = mmapdemo_reset_enter;
    rc->phases.hold = mmapdemo_reset_hold;
}

static const TypeInfo mmapdemo_types[] = {
    {
        .name = TYPE_MMAPDEMO,
        .parent = TYPE_PCI_DEVICE,
        .instance_size = sizeof(MmapdemoState),
        .instance_init = mmapdemo_instance_init,
        .instance_finalize = mmapdemo_instance_finalize,
        .class_init = mmapdemo_class_init,
        .interfaces = (MMAPDEMO_QOM_CONST InterfaceInfo[]) {
            { INTERFACE_PCIE_DEVICE },
            { INTERFACE_CONVENTIONAL_PCI_DEVICE },
            { }
        },
    },
};

DEFINE_TYPES(mmapdemo_types)
