/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: properties that cannot be, and devices that come and go.
 */

#include "qemu/osdep.h"
#include "qobject/qlist.h"
#include "pci.h"

#define LEN         MMAPDEMO_DMA_MAX_LEN
#define DEVICE      "-device mmapdemo,id=mmd0,bus=rp0,mem-size=32M"

/* What cannot be is refused in words that name it and tell what can be */
static void impossible_properties_are_refused(void)
{
    static const struct {
        const char *props;
        const char *says;
    } refused[] = {
        { "'mem-size': 1", "power of two" },
        { "'mem-size': 1048576", "at least 2 MiB" },
        { "'mem-size': 2097153", "mem-size 2097153 is not a power of two" },
        { "'mem-size': 3145728", "mem-size=128M" },
        { "'mem-size': 9223372036854775807", "power of two" },
        { "'mem-size': 1152921504606846976", "guest memory" },
        { "'memdev': 'none'", "Device 'none' not found" },
        { "'dma-mask': 0", "row of ones" },
        { "'dma-mask': 2047", "dma-mask 0x7ff is not a row of ones" },
        { "'dma-mask': 4294901760", "row of ones" },
        { "'dma-mask': 402653183", "dma-mask=0xffffffff" },
        { "'dma-mask': 4611686018427387904", "row of ones" },
        { "'msi': 'maybe'", "maybe" },
        { "'msix': 'maybe'", "maybe" },
        { "'delay-ns': 'long'", "delay-ns" },
        { "'x-fault-irq': 'all'", "x-fault-irq" },
        { "'x-fault-dma': 'all'", "x-fault-dma" },
        { "'x-fault-reads': 'yes'", "x-fault-reads" },
        { "'queues': 0", "queues 0" },
        { "'queues': 65", "range 1 to 64" },
        { "'windows': 0", "windows 0" },
        { "'windows': 65537", "range 1 to 65536" },
        { "'dma': 'somehow'", "auto, inline, vcpu, bh, iothread, thread" },
        { "'dma': 'iothread'", "iothread" },
        { "'dma': 'iothread', 'iothread': 'none'", "Device 'none' not found" },
        { "'dma': 'thread', 'threads': 0", "threads 0" },
        { "'dma': 'thread', 'threads': 17", "range 1 to 16" },
        { "'lock-budget-us': 4000000000", "lock-budget-us" },
    };
    QTestState *qts = port_start("");
    MmdTest *t;

    for (unsigned i = 0; i < ARRAY_SIZE(refused); i++) {
        g_autofree char *props = g_strdup_printf("{ 'bus': 'rp0', %s }",
                                                 refused[i].props);

        expect_refusal(qts, props, refused[i].says);
        /* nothing is left behind: id and slot are free for the next one */
        g_assert_cmphex(pci_read(qts, PORT_BUS, 0, 0, 4), ==, UINT32_MAX);
    }

    qtest_qmp_device_add(qts, "mmapdemo", "mmd0",
                         "{ 'bus': 'rp0', 'mem-size': 2097152, "
                         "'dma-mask': 4095, 'queues': 64, 'windows': 65536 }");
    t = port_attach(qts);
    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, MMAPDEMO_BAR_MEM_SIZE_MIN);
    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, 0xfff);
    g_assert_cmpuint(mmd_get(t, QUEUE_COUNT), ==, 64);
    g_assert_cmpuint(mmd_get(t, WINDOW_COUNT), ==, 65536);
    mmd_stop(t);
}

static void default_properties(void)
{
    QTestState *qts = port_start("-device mmapdemo,bus=rp0");
    MmdTest *t = port_attach(qts);

    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, MMAPDEMO_BAR_MEM_SIZE_DEFAULT);
    g_assert_cmphex(mmd_get(t, DMA_MASK), ==, UINT64_MAX);
    g_assert_cmpuint(mmd_get(t, QUEUE_COUNT), ==, 16);
    g_assert_cmpuint(mmd_get(t, WINDOW_COUNT), ==, 1024);
    mmd_stop(t);

    qts = port_start("-device mmapdemo,bus=rp0,mem-size=0");
    t = port_attach(qts);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, MMAPDEMO_BAR_MEM_SIZE_DEFAULT);
    mmd_stop(t);
}

/* Every property has a description, and says so */
static void properties_are_described(void)
{
    QTestState *qts = port_start("");
    QDict *rsp = qtest_qmp(qts, "{ 'execute': 'device-list-properties', "
                           "'arguments': { 'typename': 'mmapdemo' } }");
    QList *list = qdict_get_qlist(rsp, "return");
    unsigned own = 0;
    QListEntry *e;

    QLIST_FOREACH_ENTRY(list, e) {
        QDict *prop = qobject_to(QDict, qlist_entry_obj(e));
        const char *name = qdict_get_str(prop, "name");
        const char *text = qdict_get_try_str(prop, "description");

        /* those of every PCI device have none of ours */
        if (g_str_has_prefix(name, "x-fault-") || !strcmp(name, "delay-ns") ||
            !strcmp(name, "memdev") || !strcmp(name, "mem-size") ||
            !strcmp(name, "dma-mask") || !strcmp(name, "serial") ||
            !strcmp(name, "aer") || !strcmp(name, "msi") ||
            !strcmp(name, "msix") ||
            !strcmp(name, "queues") || !strcmp(name, "windows") ||
            !strcmp(name, "dma") || !strcmp(name, "iothread") ||
            !strcmp(name, "threads") || !strcmp(name, "lock-budget-us") ||
            !strcmp(name, "lock-stats") || !strcmp(name, "poll-ns") ||
            !strcmp(name, "x-queue-start")) {
            own++;
            if (!text || strlen(text) < 20) {
                g_error("property %s is described as '%s'", name, text);
            }
        }
    }
    g_assert_cmpuint(own, ==, 20);
    qobject_unref(rsp);
    qtest_quit(qts);
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

/* The guest has let go of it, and it is gone */
static void unplug(QTestState *qts)
{
    qtest_qmp_device_del_send(qts, "mmd0");
    port_eject(qts);
    qtest_qmp_eventwait(qts, "DEVICE_DELETED");
    g_assert_cmphex(pci_read(qts, PORT_BUS, 0, PCI_VENDOR_ID, 4), ==,
                    UINT32_MAX);
}

/*
 * With whatever is in flight: a transfer that waits, one that is stuck, one
 * that has ended, one that may be anywhere, and interrupts that are late.
 */
static void plug_and_unplug_many_times(void)
{
    static const char *const props[] = {
        "{ 'bus': 'rp0', 'mem-size': 33554432, 'delay-ns': 1000000 }",
        "{ 'bus': 'rp0', 'mem-size': 33554432, 'x-fault-dma': 'stuck' }",
        "{ 'bus': 'rp0', 'mem-size': 33554432, 'queues': 64 }",
        "{ 'bus': 'rp0', 'mem-size': 33554432, 'x-fault-irq': 'late' }",
        "{ 'bus': 'rp0', 'mem-size': 33554432, 'x-fault-irq': 'repeat',"
        " 'msix': 'off', 'msi': 'off', 'windows': 65536 }",
    };
    QTestState *qts = port_start("");
    MmdDma dma = {
        .addr = RAM_BUF, .seq = 1,
        .cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE | MMAPDEMO_DMA_CMD_IRQ,
    };

    for (int i = 0; i < 200; i++) {
        unsigned kind = i % ARRAY_SIZE(props);
        uint8_t before[4096], after[4096];
        MmdTest *t;

        device_plug(qts, "mmd0", props[kind]);
        t = port_attach(qts);
        /* new, not what was left by the one before */
        g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, 0);
        g_assert_cmphex(mmd_get(t, CNT_DMA_OPS), ==, 0);
        mem_assert_fill(t, t->mem, 0, 4096);

        mem_fill(t, t->mem, 0x5a, 256 * KiB);
        mem_fill(t, RAM_BUF, 0, 256 * KiB);
        mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
        dma.len = 256 * KiB >> i % 4;
        mmd_dma_start(t, &dma);
        if (kind < 2) {
            g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
        } else if (kind > 2) {
            mmd_dma_wait(t);
        }
        unplug(qts);

        qtest_memread(qts, RAM_BUF + dma.len - 4096, before, sizeof(before));
        qtest_clock_step(qts, 100 * 1000 * 1000);
        vm_settle(qts);
        qtest_memread(qts, RAM_BUF + dma.len - 4096, after, sizeof(after));
        g_assert_cmpmem(before, sizeof(before), after, sizeof(after));
        if (kind < 2) {
            mem_assert_fill(t, RAM_BUF, 0, 4096);
        }
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
    unplug(qts);
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
    ADD(properties_are_described);
    ADD(plug_and_unplug_many_times);
    ADD(unplug_in_flight_then_reset);
    ADD(unplug_while_stopped);
    ADD(power_off_slot_in_flight);
#undef ADD
}
