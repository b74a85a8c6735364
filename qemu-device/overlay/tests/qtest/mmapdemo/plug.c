/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: properties that cannot be, and devices that come and go.
 */

#include "qemu/osdep.h"
#include "common.h"

#define LEN         MMAPDEMO_DMA_MAX_LEN
#define DEVICE      "-device mmapdemo,id=mmd0,bus=rp0,mem-size=32M"

static void impossible_properties_are_refused(void)
{
    static const struct {
        const char *name;
        uint64_t val;
        const char *says;
    } props[] = {
        { "mem-size", 0, "power of two" },
        { "mem-size", 1, "power of two" },
        { "mem-size", 1 * MiB, "at least 2 MiB" },
        { "mem-size", 2 * MiB + 1, "power of two" },
        { "mem-size", 3 * MiB, "power of two" },
        { "mem-size", INT64_MAX, "power of two" },
        { "mem-size", 1ULL << 60, "guest memory" },
        { "dma-mask", 0, "row of ones" },
        { "dma-mask", 0x7ff, "row of ones" },
        { "dma-mask", 0xffff0000, "row of ones" },
        { "dma-mask", 0x17ffffff, "row of ones" },
        { "dma-mask", 1ULL << 62, "row of ones" },
    };
    QTestState *qts = port_start("");
    MmdTest *t;

    for (unsigned i = 0; i < ARRAY_SIZE(props); i++) {
        QDict *args = qdict_new(), *rsp, *error;
        const char *desc;

        qdict_put_str(args, "driver", "mmapdemo");
        qdict_put_str(args, "id", "mmd0");
        qdict_put_str(args, "bus", "rp0");
        qdict_put_int(args, props[i].name, props[i].val);
        rsp = qtest_qmp(qts, "{ 'execute': 'device_add', 'arguments': %p }",
                        args);
        error = qdict_get_qdict(rsp, "error");
        if (!error) {
            g_error("%s=%" PRIu64 " was accepted", props[i].name, props[i].val);
        }
        desc = qdict_get_str(error, "desc");
        g_assert_nonnull(strstr(desc, props[i].says));
        qobject_unref(rsp);
        /* nothing is left behind: id and slot are free for the next one */
        g_assert_cmphex(pci_read(qts, PORT_BUS, 0, 0, 4), ==, UINT32_MAX);
    }

    qtest_qmp_device_add(qts, "mmapdemo", "mmd0",
                         "{ 'bus': 'rp0', 'mem-size': 2097152, "
                         "'dma-mask': 4095 }");
    t = port_attach(qts);
    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, MMAPDEMO_BAR_MEM_SIZE_MIN);
    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, 0xfff);
    mmd_stop(t);
}

static void default_properties(void)
{
    QTestState *qts = port_start("-device mmapdemo,bus=rp0");
    MmdTest *t = port_attach(qts);

    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, MMAPDEMO_BAR_MEM_SIZE_DEFAULT);
    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, UINT64_MAX);
    mmd_stop(t);
}

static void begin(MmdTest *t)
{
    MmdDma dma = {
        .addr = RAM_BUF, .len = LEN, .seq = 1,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | MMAPDEMO_DMA_CMD_IRQ,
    };

    mem_fill(t, t->mem, 0x5a, LEN);
    mem_fill(t, RAM_BUF, 0, LEN);
    mmd_dma_start(t, &dma);
}

static void plug_and_unplug_many_times(void)
{
    QTestState *qts = port_start("");

    for (int i = 0; i < 20; i++) {
        uint8_t before[4096], after[4096];
        MmdTest *t;

        qtest_qmp_device_add(qts, "mmapdemo", "mmd0",
                             "{ 'bus': 'rp0', 'mem-size': 33554432 }");
        t = port_attach(qts);
        /* new, not what was left by the one before */
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, 0);
        mem_assert_fill(t, t->mem, 0, 4096);
        begin(t);
        if (i % 2) {
            mmd_dma_wait(t);
        }
        qtest_qmp_device_del_send(qts, "mmd0");
        port_eject(qts);
        qtest_qmp_eventwait(qts, "DEVICE_DELETED");

        g_assert_cmphex(mmd_cfg_read(t, PCI_VENDOR_ID, 4), ==, UINT32_MAX);
        qtest_memread(qts, RAM_BUF + LEN - 4096, before, sizeof(before));
        vm_settle(qts);
        qtest_memread(qts, RAM_BUF + LEN - 4096, after, sizeof(after));
        g_assert_cmpmem(before, sizeof(before), after, sizeof(after));
        g_free(t);
    }
    qtest_quit(qts);
}

static void unplug_in_flight_then_reset(void)
{
    QTestState *qts = port_start(DEVICE);
    MmdTest *t = port_attach(qts);
    g_autofree uint8_t *before = g_malloc(LEN);
    g_autofree uint8_t *after = g_malloc(LEN);

    begin(t);
    qtest_qmp_device_del_send(qts, "mmd0");
    qtest_system_reset_nowait(qts);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    mem_read(t, RAM_BUF, before, LEN);
    vm_settle(qts);
    mem_read(t, RAM_BUF, after, LEN);
    g_assert_true(!memcmp(before, after, LEN));
    mmd_stop(t);
}

/* It goes while a transfer waits for the machine to run again */
static void unplug_while_stopped(void)
{
    QTestState *qts = port_start(DEVICE);
    MmdTest *t = port_attach(qts);

    vm_stop(qts);
    begin(t);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    qtest_qmp_device_del_send(qts, "mmd0");
    port_eject(qts);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    vm_cont(qts);
    vm_settle(qts);
    mem_assert_fill(t, RAM_BUF, 0, LEN);
    mmd_stop(t);
}

/* The slot loses its power, by the port's slot control register */
static void power_off_slot_in_flight(void)
{
    QTestState *qts = port_start("-global "
                            "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off "
                            DEVICE);
    MmdTest *t = port_attach(qts);
    MmdTest port = { .qts = qts, .devfn = PORT_SLOT << 3 };
    uint8_t cap = mmd_cfg_cap(&port, PCI_CAP_ID_EXP);

    vm_stop(qts);
    begin(t);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    qtest_qmp_device_del_send(qts, "mmd0");
    /* power indicator off and power controller off: as pciehp does it */
    mmd_cfg_write(&port, cap + PCI_EXP_SLTCTL, 2,
                  PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_PCC);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    vm_cont(qts);
    vm_settle(qts);
    mem_assert_fill(t, RAM_BUF, 0, LEN);
    mmd_stop(t);
}

void add_plug_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/plug/" #fn, fn)
    ADD(impossible_properties_are_refused);
    ADD(default_properties);
    ADD(plug_and_unplug_many_times);
    ADD(unplug_in_flight_then_reset);
    ADD(unplug_while_stopped);
    ADD(power_off_slot_in_flight);
#undef ADD
}
