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
#include "qapi/visitor.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci.h"
#include "migration/vmstate.h"
#include "system/xen.h"
#include "mmapdemo-internal.h"
#include "trace.h"

#define DMA_MASK_MIN    0xfffULL    /* a page */

bool mmapdemo_bus_ok(MmapdemoState *s)
{
    PCIDevice *pdev = s->pdev;

    /*
     * Not left to the address space: a reset clears the command register and
     * leaves the bus master region enabled.
     */
    return pci_get_word(pdev->config + PCI_COMMAND) & PCI_COMMAND_MASTER &&
           !(pci_get_word(pdev->config + pdev->pm_cap + PCI_PM_CTRL) &
             PCI_PM_CTRL_STATE_MASK);
}

static bool mmapdemo_check_properties(MmapdemoState *s, Error **errp)
{
    if (!is_power_of_2(s->mem_size) ||
        s->mem_size < MMAPDEMO_BAR_MEM_SIZE_MIN) {
        error_setg(errp, "mem-size %" PRIu64 " is not a power of two of at "
                   "least 2 MiB, which is what a BAR can be; for example "
                   "mem-size=128M", s->mem_size);
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

static void mmapdemo_realize(PCIDevice *pdev, Error **errp)
{
    MmapdemoState *s = MMAPDEMO(pdev);
    int pm;

    if (!mmapdemo_check_properties(s, errp)) {
        return;
    }
    s->pdev = pdev;
    s->name = pdev->qdev.id ? pdev->qdev.id : TYPE_MMAPDEMO;

    if (!memory_region_init_ram(&s->mem, OBJECT(s), "mmapdemo-mem",
                                s->mem_size, errp)) {
        error_append_hint(errp, "Choose a smaller mem-size, or free memory on "
                          "the host.\n");
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
                     PCI_BASE_ADDRESS_MEM_PREFETCH, &s->mem);

    pm = pci_pm_init(pdev, 0, errp);
    if (pm < 0) {
        return;
    }
    pci_set_word(pdev->config + pm + PCI_PM_PMC, PCI_PM_CAP_VER_1_2);
    pci_set_word(pdev->config + pm + PCI_PM_CTRL, PCI_PM_CTRL_NO_SOFT_RESET);
    pci_set_word(pdev->wmask + pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);

    if (pci_bus_is_express(pci_get_bus(pdev))) {
        if (pcie_endpoint_cap_init(pdev, 0) < 0) {
            error_setg(errp, "no room for the PCI Express capability");
            return;
        }
        pcie_cap_flr_init(pdev);
    }

    if (msix_init_exclusive_bar(pdev, mmapdemo_num_vectors(s),
                                MMAPDEMO_BAR_MSIX, errp) < 0) {
        error_append_hint(errp, "The device has no other interrupt; use a "
                          "machine with MSI, such as q35.\n");
        return;
    }
    for (unsigned vector = 0; vector < mmapdemo_num_vectors(s); vector++) {
        msix_vector_use(pdev, vector);
    }

    s->mem_ptr = memory_region_get_ram_ptr(&s->mem);
    address_space_init(&s->mem_as, &s->mem, "mmapdemo-mem");
    if (address_space_cache_init(&s->mem_cache, &s->mem_as, 0, s->mem_size,
                                 true) != s->mem_size) {
        error_setg(errp, "BAR2 is not one piece of host memory");
        address_space_cache_destroy(&s->mem_cache);
        address_space_destroy(&s->mem_as);
        msix_uninit_exclusive_bar(pdev);
        return;
    }
    mmapdemo_engine_init(s);
    mmapdemo_queues_realize(s);
}

static void mmapdemo_exit(PCIDevice *pdev)
{
    MmapdemoState *s = MMAPDEMO(pdev);

    mmapdemo_queues_exit(s);
    mmapdemo_engine_exit(s);
    address_space_cache_destroy(&s->mem_cache);
    address_space_destroy(&s->mem_as);
    msix_uninit_exclusive_bar(pdev);
    /*
     * A flat view may hold the block a while longer; its name has to be free
     * for the next device in this slot.
     */
    vmstate_unregister_ram(&s->mem, DEVICE(s));
}

static void mmapdemo_config_write(PCIDevice *pdev, uint32_t addr, uint32_t val,
                                  int len)
{
    MmapdemoState *s = MMAPDEMO(pdev);

    pci_default_write_config(pdev, addr, val, len);
    if (pdev->exp.exp_cap) {
        pcie_cap_flr_write_config(pdev, addr, val, len);
    }
    mmapdemo_dma_bus_changed(s);
    mmapdemo_queues_bus_changed(s);
}

void mmapdemo_soft_reset(MmapdemoState *s, const char *cause)
{
    trace_mmapdemo_device_reset(s->name, cause);
    mmapdemo_queues_reset(s);
    mmapdemo_dma_reset(s);
    mmapdemo_regs_reset(s);
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
    mmapdemo_soft_reset(MMAPDEMO(obj), "machine, bus or function level reset");
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
    DEFINE_PROP_SIZE("mem-size", MmapdemoState, mem_size,
                     MMAPDEMO_BAR_MEM_SIZE_DEFAULT),
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
};

static void mmapdemo_get_delay(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    uint64_t val = MMAPDEMO(obj)->delay_ns;

    visit_type_uint64(v, name, &val, errp);
}

/* Counts from the next START on */
static void mmapdemo_set_delay(Object *obj, Visitor *v, const char *name,
                               void *opaque, Error **errp)
{
    uint64_t val;

    if (visit_type_uint64(v, name, &val, errp)) {
        MMAPDEMO(obj)->delay_ns = val;
    }
}

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
    object_class_property_set_description(klass, "mem-size",
        "Bytes of device memory in BAR2: a power of two, 2 MiB or more");
    object_class_property_set_description(klass, "dma-mask",
        "Highest bus address DMA reaches; anything above is refused");
    object_class_property_set_description(klass, "queues",
        "Queues, each with a doorbell and an MSI-X vector: 1 to 64");
    object_class_property_set_description(klass, "windows",
        "Entries of the window table: 1 to 65536");
    object_class_property_set_description(klass, "dma",
        "Where the bytes of queues move: auto (the default), inline, vcpu, bh, "
        "iothread or thread");
    object_class_property_set_description(klass, "iothread",
        "I/O thread that works for dma=iothread");
    object_class_property_set_description(klass, "threads",
        "Worker threads of dma=thread: 1 to 16");
    object_class_property_set_description(klass, "lock-budget-us",
        "Longest time dma=auto holds the big lock to move bytes, microseconds");
    object_class_property_set_description(klass, "lock-stats",
        "Measure how long queues hold the big lock; reads clocks");
    object_class_property_set_description(klass, "poll-ns",
        "How long workers watch idle queues before a doorbell is needed");
    object_class_property_set_description(klass, "x-queue-start",
        "Index of a queue's first descriptor after ENABLE, for tests of wrap");
    /* Not a qdev property: those cannot be set once the device is realized */
    object_class_property_add(klass, "delay-ns", "uint64",
                              mmapdemo_get_delay, mmapdemo_set_delay, NULL,
                              NULL);
    object_class_property_set_description(klass, "delay-ns",
        "Virtual ns from the start of a transfer until its first byte moves");

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
