/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: configuration space, and the places in a machine where the
 * device can be: root bus, root port, conventional bridges, several at once.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "pci.h"

#define ECAM        0xb0000000ULL
#define BRIDGE_SLOT 9
#define BRIDGE_BUS  2

/* All 4 KiB of a function's configuration space, as memory */
static uint64_t ecam(MmdTest *t)
{
    pci_write(t->qts, 0, 0, 0x60, 4, ECAM | 1);
    return ECAM + (t->bus << 20 | t->devfn << 12);
}

/* Of the device serial number capability; 0: there is none */
static uint64_t serial(MmdTest *t)
{
    uint64_t base = ecam(t) + PCI_CFG_SPACE_SIZE;

    if ((qtest_readl(t->qts, base) & 0xffff) != PCI_EXT_CAP_ID_DSN) {
        return 0;
    }
    /* the only one */
    g_assert_cmphex(qtest_readl(t->qts, base), ==, 1 << 16 |
                                                   PCI_EXT_CAP_ID_DSN);
    return qtest_readq(t->qts, base + 4);
}

static unsigned express_type(MmdTest *t)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_EXP);

    g_assert_cmpuint(cap, !=, 0);
    return (mmd_cfg_read(t, cap + PCI_EXP_FLAGS, 2) & PCI_EXP_FLAGS_TYPE) >> 4;
}

/* Registers, memory, DMA both ways, an interrupt that is seen in status */
static void assert_works(MmdTest *t, uint32_t seed)
{
    MmdDma dma = {
        .addr = RAM_BUF, .dev_off = 100, .len = 200000, .seq = seed,
        .cmd = MMAPDEMO_DMA_CMD_IRQ,
    };

    g_assert_cmphex(mmd_get(t, ID), ==, MMAPDEMO_ID);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
    mem_number(t, RAM_BUF, seed, dma.len);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, t->mem + 100, seed, dma.len);
    g_assert_cmphex(qtest_readb(t->qts, t->alias + 100), ==,
                    qtest_readb(t->qts, RAM_BUF));
    g_assert_cmphex(mmd_cfg_read(t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=,
                    0);
    mmd_set(t, IRQ_STATUS, MMAPDEMO_IRQ_DMA);
    g_assert_cmphex(mmd_cfg_read(t, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==,
                    0);
    dma.addr = RAM_BUF2;
    dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, RAM_BUF2, seed, dma.len);
}

static void serial_number_names_the_device(void)
{
    MmdTest *t = mmd_start_with("serial=0x0123456789abcdef",
                                "-device mmapdemo,addr=6,mem-size=32M "
                                "-device mmapdemo,addr=7,mem-size=32M");
    MmdTest *u = mmd_attach(t, 0, 6, 1), *v = mmd_attach(t, 0, 7, 2);
    uint64_t second = serial(u), third = serial(v);

    g_assert_cmphex(serial(t), ==, 0x0123456789abcdef);
    /* made up: in QEMU's range, and not the same for two */
    g_assert_cmphex(second >> 40, ==, 0x525400);
    g_assert_cmphex(third >> 40, ==, 0x525400);
    g_assert_cmphex(second, !=, third);
    /* nobody writes it */
    qtest_writeq(t->qts, ecam(u) + PCI_CFG_SPACE_SIZE + 4, 0);
    g_assert_cmphex(serial(u), ==, second);
    g_free(u);
    g_free(v);
    mmd_stop(t);

    /* the same in the next machine, as a migration needs it */
    t = mmd_start_with("", "-device mmapdemo,addr=6,mem-size=32M");
    u = mmd_attach(t, 0, 6, 1);
    g_assert_cmphex(serial(u), ==, second);
    g_assert_cmphex(serial(t), !=, second);
    g_free(u);
    mmd_stop(t);
}

static void on_the_root_bus(void)
{
    MmdTest *t = mmd_start("");

    g_assert_cmpuint(express_type(t), ==, PCI_EXP_TYPE_RC_END);
    assert_works(t, 1);
    mmd_flr(t);
    mmd_setup(t);
    assert_works(t, 2);
    mmd_stop(t);
}

static void behind_a_root_port(void)
{
    QTestState *qts = port_start("-device mmapdemo,id=mmd0,bus=rp0,"
                                 "mem-size=32M");
    MmdTest *t = port_attach(qts);

    g_assert_cmpuint(express_type(t), ==, PCI_EXP_TYPE_ENDPOINT);
    g_assert_cmphex(serial(t), !=, 0);
    assert_works(t, 3);
    mmd_flr(t);
    mmd_setup(t);
    assert_works(t, 4);
    mmd_stop(t);
}

/* Numbers and windows of a bridge, wide enough for one device */
static void bridge_setup(QTestState *qts, uint8_t bus, uint8_t slot,
                         uint8_t secondary, uint8_t last)
{
    uint8_t devfn = slot << 3;

    pci_write(qts, bus, devfn, PCI_PRIMARY_BUS, 4,
              last << 16 | secondary << 8 | bus);
    pci_write(qts, bus, devfn, PCI_MEMORY_BASE, 4, 0xe0f0e000);
    pci_write(qts, bus, devfn, PCI_PREF_MEMORY_BASE, 4, 0xcff0c000);
    pci_write(qts, bus, devfn, PCI_COMMAND, 2,
              PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void check_conventional(MmdTest *t, uint32_t seed)
{
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_EXP), ==, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_PM), !=, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSI), !=, 0);
    g_assert_cmpuint(mmd_cfg_cap(t, PCI_CAP_ID_MSIX), !=, 0);
    g_assert_cmphex(serial(t), ==, 0);
    assert_works(t, seed);
    mmd_msix_enable(t);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_true(mmd_msi_arrived(t, MMAPDEMO_VEC_SW));
}

static void behind_a_conventional_bridge(void)
{
    g_autofree char *machine = mmd_machine();
    MmdTest host = {
        .qts = qtest_initf("%s -device pci-bridge,id=br0,addr=%d,chassis_nr=1 "
                           "-device mmapdemo,id=mmd0,bus=br0,addr=3,"
                           "mem-size=32M", machine, BRIDGE_SLOT),
    };
    MmdTest *t;

    bridge_setup(host.qts, 0, BRIDGE_SLOT, BRIDGE_BUS, BRIDGE_BUS);
    t = mmd_attach(&host, BRIDGE_BUS, 3, 0);
    check_conventional(t, 5);
    /* secondary bus reset */
    mmd_set(t, SCRATCH32, 9);
    pci_write(t->qts, 0, BRIDGE_SLOT << 3, PCI_BRIDGE_CONTROL, 2,
              PCI_BRIDGE_CTL_BUS_RESET);
    pci_write(t->qts, 0, BRIDGE_SLOT << 3, PCI_BRIDGE_CONTROL, 2, 0);
    mmd_setup(t);
    g_assert_cmphex(mmd_get(t, SCRATCH32), ==, 0);
    check_conventional(t, 6);
    mmd_stop(t);
}

static void behind_an_express_to_conventional_bridge(void)
{
    MmdTest host = {
        .qts = port_start("-device pcie-pci-bridge,id=br0,bus=rp0 "
                          "-device mmapdemo,id=mmd0,bus=br0,addr=3,"
                          "mem-size=32M"),
    };
    MmdTest *t;

    bridge_setup(host.qts, 0, PORT_SLOT, PORT_BUS, BRIDGE_BUS);
    bridge_setup(host.qts, PORT_BUS, 0, BRIDGE_BUS, BRIDGE_BUS);
    t = mmd_attach(&host, BRIDGE_BUS, 3, 0);
    check_conventional(t, 7);
    mmd_stop(t);
}

static void several_at_once(void)
{
    MmdTest *t[4];

    t[0] = mmd_start_with("", "-device mmapdemo,addr=6,mem-size=32M "
                          "-device mmapdemo,addr=7,mem-size=32M,msix=off "
                          "-device mmapdemo,addr=8,mem-size=32M,queues=1");
    for (unsigned i = 1; i < 4; i++) {
        t[i] = mmd_attach(t[0], 0, 5 + i, i);
    }
    for (unsigned i = 0; i < 4; i++) {
        mmd_set(t[i], SCRATCH32, i);
        assert_works(t[i], i);
    }
    /* what one is told is nothing to the others */
    mmd_set(t[2], RESET, MMAPDEMO_RESET_KEY);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmpuint(mmd_get(t[i], SCRATCH32), ==, i == 2 ? 0 : i);
        g_assert_cmpuint(mmd_get(t[i], CNT_DMA_OPS), ==, i == 2 ? 0 : 2);
        mem_assert_number(t[i], t[i]->mem + 100, i, 200000);
    }
    /* the memory of one is memory to another */
    MmdDma dma = { .addr = t[3]->mem + 100, .len = 200000, .seq = 1 };
    mmd_dma_expect(t[1], &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t[1], t[1]->mem, 3, dma.len);
    for (unsigned i = 1; i < 4; i++) {
        g_free(t[i]);
    }
    mmd_stop(t[0]);
}

/* A's message rings B and B's rings A: it ends where it began */
static void messages_at_each_other_end(void)
{
    MmdTest *a = mmd_start_with("", "-device mmapdemo,addr=6,mem-size=32M");
    MmdTest *b = mmd_attach(a, 0, 6, 1);

    mmd_msix_enable(a);
    mmd_msix_enable(b);
    mmd_set(a, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_set(b, IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
    mmd_msix_target(a, MMAPDEMO_VEC_SW, b->regs + MMAPDEMO_REG_IRQ_RAISE,
                    MMAPDEMO_IRQ_SW);
    mmd_msix_target(b, MMAPDEMO_VEC_SW, a->regs + MMAPDEMO_REG_IRQ_RAISE,
                    MMAPDEMO_IRQ_SW);
    mmd_set(a, IRQ_RAISE, MMAPDEMO_IRQ_SW);
    g_assert_cmpuint(mmd_get(a, CNT_IRQ_RAISED), ==, 1);
    g_assert_cmpuint(mmd_get(b, CNT_IRQ_RAISED), ==, 1);
    g_assert_cmphex(mmd_get(b, IRQ_STATUS), ==, MMAPDEMO_IRQ_SW);
    g_free(b);
    mmd_stop(a);
}

/* --- advanced error reporting --- */

#define AER             (PCI_CFG_SPACE_SIZE + PCI_EXT_CAP_DSN_SIZEOF)
#define LOG_WORDS       4
#define LOGGED          0xdead0000u

static uint32_t aer_read(MmdTest *t, unsigned reg)
{
    return qtest_readl(t->qts, ecam(t) + AER + reg);
}

static void aer_write(MmdTest *t, unsigned reg, uint32_t val)
{
    qtest_writel(t->qts, ecam(t) + AER + reg, val);
}

/* An error of the bus, with the header of a packet that there never was */
static void aer_inject(MmdTest *t, const char *error)
{
    g_autofree char *said =
        qtest_hmp(t->qts, "pcie_aer_inject_error mmd0 %s %u %u %u %u", error,
                  LOGGED, LOGGED + 1, LOGGED + 2, LOGGED + 3);

    g_assert_true(g_str_has_prefix(said, "OK "));
}

static void assert_logged(MmdTest *t, uint32_t status)
{
    g_assert_cmphex(aer_read(t, PCI_ERR_UNCOR_STATUS), ==, status);
    g_assert_cmphex(PCI_ERR_CAP_FEP(aer_read(t, PCI_ERR_CAP)), ==,
                    status ? __builtin_ctz(status) : 0);
    /* a header is in the order of its bytes, the first one highest */
    for (unsigned i = 0; i < LOG_WORDS; i++) {
        g_assert_cmphex(bswap32(aer_read(t, PCI_ERR_HEADER_LOG + 4 * i)), ==,
                        status ? LOGGED + i : 0);
    }
}

static void errors_are_reported_only_if_asked_for(void)
{
    MmdTest *t = mmd_start("aer=on");

    g_assert_cmphex(qtest_readl(t->qts, ecam(t) + PCI_CFG_SPACE_SIZE), ==,
                    AER << 20 | 1 << 16 | PCI_EXT_CAP_ID_DSN);
    /* the last one */
    g_assert_cmphex(aer_read(t, 0), ==, 2 << 16 | PCI_EXT_CAP_ID_ERR);
    assert_logged(t, 0);
    assert_works(t, 8);
    mmd_stop(t);

    t = mmd_start("");
    g_assert_cmphex(serial(t), !=, 0);
    g_assert_cmphex(aer_read(t, 0), ==, 0);
    /* Of what has no log, no error is logged */
    g_free(qtest_hmp(t->qts, "pcie_aer_inject_error mmd0 COMP_TIME"));
    g_assert_cmphex(aer_read(t, PCI_ERR_UNCOR_STATUS), ==, 0);
    assert_works(t, 9);
    mmd_stop(t);
}

static void errors_are_not_reported_by_conventional_pci(void)
{
    g_autofree char *machine = mmd_machine();
    QTestState *qts = qtest_initf("%s -device pci-bridge,id=br0,addr=%d,"
                                  "chassis_nr=1", machine, BRIDGE_SLOT);

    expect_refusal(qts, "{ 'bus': 'br0', 'addr': '3', 'mem-size': 2097152, "
                   "'aer': true }", "conventional");
    device_plug(qts, "mmd0", "{ 'bus': 'br0', 'addr': '3', "
                "'mem-size': 2097152, 'aer': false }");
    qtest_quit(qts);
}

static void an_error_is_logged_until_cleared(void)
{
    MmdTest *t = mmd_start("aer=on");
    uint8_t control = mmd_cfg_cap(t, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL;
    uint16_t report = PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE;

    mmd_cfg_write(t, control, 2, mmd_cfg_read(t, control, 2) | report);
    g_assert_cmphex(mmd_cfg_read(t, control, 2) & report, ==, report);
    aer_inject(t, "COMP_TIME");
    assert_logged(t, PCI_ERR_UNC_COMP_TIME);
    g_assert_cmphex(mmd_cfg_read(t, control + 2, 2) & PCI_EXP_DEVSTA_NFED, ==,
                    PCI_EXP_DEVSTA_NFED);
    /* it is software that does something about it, not the device */
    assert_works(t, 10);
    /* sticky: that is what it is for */
    mmd_flr(t);
    assert_logged(t, PCI_ERR_UNC_COMP_TIME);
    g_assert_cmphex(mmd_cfg_read(t, control, 2) & report, ==, 0);
    mmd_setup(t);
    aer_write(t, PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_COMP_TIME);
    assert_logged(t, 0);

    /* what is masked sets its bit, and has no log */
    aer_write(t, PCI_ERR_UNCOR_MASK, PCI_ERR_UNC_MALF_TLP);
    aer_inject(t, "MALF_TLP");
    g_assert_cmphex(aer_read(t, PCI_ERR_UNCOR_STATUS), ==,
                    PCI_ERR_UNC_MALF_TLP);
    g_assert_cmphex(aer_read(t, PCI_ERR_HEADER_LOG), ==, 0);
    assert_works(t, 11);
    mmd_stop(t);
}

static void a_logged_error_is_migrated(void)
{
    MmdTest *t = mmd_start("mem-size=32M,aer=on"), *u;
    g_autofree char *path = stream_new();

    aer_write(t, PCI_ERR_UNCOR_SEVER, PCI_ERR_UNC_POISON_TLP);
    aer_inject(t, "POISON_TLP");
    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);

    u = stream_load(path, "mem-size=32M,aer=on");
    assert_logged(u, PCI_ERR_UNC_POISON_TLP);
    g_assert_cmphex(aer_read(u, PCI_ERR_UNCOR_SEVER), ==,
                    PCI_ERR_UNC_POISON_TLP);
    vm_cont(u->qts);
    aer_write(u, PCI_ERR_UNCOR_STATUS, PCI_ERR_UNC_POISON_TLP);
    assert_logged(u, 0);
    assert_works(u, 12);
    mmd_stop(u);
    g_assert_null(stream_try_load(path, "mem-size=32M", true));
    stream_free(g_steal_pointer(&path));
}

void add_pci_config_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/pci-config/" #fn, fn)
    ADD(serial_number_names_the_device);
    ADD(on_the_root_bus);
    ADD(behind_a_root_port);
    ADD(behind_a_conventional_bridge);
    ADD(behind_an_express_to_conventional_bridge);
    ADD(several_at_once);
    ADD(messages_at_each_other_end);
    ADD(errors_are_reported_only_if_asked_for);
    ADD(errors_are_not_reported_by_conventional_pci);
    ADD(an_error_is_logged_until_cleared);
    ADD(a_logged_error_is_migrated);
#undef ADD
}
