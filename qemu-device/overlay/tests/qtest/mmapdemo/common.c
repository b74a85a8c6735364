/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the machine and the device in it, see common.h.
 */

#include "qemu/osdep.h"
#include "common.h"

#define DEVICE_SLOT     4
/* The 32-bit BARs of one device */
#define DEVICE_BAR_SPAN (16 * MiB)
#define DOORBELL_AT     (4 * MiB)       /* BAR0 may have 4 MiB */
#define ALIAS_AT        (8 * MiB)       /* so may BAR1 */
#define MSIX_AT         (12 * MiB)

/* ACPI PCI hot-plug of q35, docs/specs/acpi_pci_hotplug.rst */
#define PCIHP_EJECT     (0x0cc0 + 0x08)
#define PCIHP_BUS       (0x0cc0 + 0x10)

const MmdReg mmd_regs[] = {
#define ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_REG_##name, width, MMD_##access },
    MMAPDEMO_HW_REGS(ROW)
#undef ROW
};
const unsigned mmd_num_regs = ARRAY_SIZE(mmd_regs);

const MmdReg mmd_qregs[] = {
#define ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_QREG_##name, width, MMD_##access },
    MMAPDEMO_HW_QREGS(ROW)
#undef ROW
};
const unsigned mmd_num_qregs = ARRAY_SIZE(mmd_qregs);

const MmdReg mmd_wregs[] = {
#define ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_WREG_##name, width, MMD_##access },
    MMAPDEMO_HW_WREGS(ROW)
#undef ROW
};
const unsigned mmd_num_wregs = ARRAY_SIZE(mmd_wregs);

static const MmdReg *reg_in(const MmdReg *regs, unsigned num, uint32_t offset)
{
    for (unsigned i = 0; i < num; i++) {
        if (offset >= regs[i].offset &&
            offset < regs[i].offset + regs[i].width) {
            return &regs[i];
        }
    }
    return NULL;
}

const MmdReg *mmd_reg_at(uint32_t offset)
{
    if (offset >= MMAPDEMO_QREG(0, BASE) &&
        offset < MMAPDEMO_QREG(NUM_QUEUES, BASE)) {
        return reg_in(mmd_qregs, mmd_num_qregs,
                      offset % MMAPDEMO_QUEUE_STRIDE);
    }
    if (offset >= MMAPDEMO_WREG(0, ADDR) &&
        offset < MMAPDEMO_WREG(NUM_WINDOWS, ADDR)) {
        return reg_in(mmd_wregs, mmd_num_wregs,
                      offset % MMAPDEMO_WINDOW_STRIDE);
    }
    return reg_in(mmd_regs, mmd_num_regs, offset);
}

/* --- the machine ---------------------------------------------------------- */

char *mmd_machine(void)
{
    return g_strdup_printf("-machine q35 -m %" PRIu64 "M -nodefaults",
                           RAM_SIZE / MiB);
}

void mmd_place(MmdTest *t, unsigned index)
{
    t->regs = 0xe0000000 + index * DEVICE_BAR_SPAN;
    t->doorbell = t->regs + DOORBELL_AT;
    t->alias = t->regs + ALIAS_AT;
    t->msix = t->regs + MSIX_AT;
    t->mem = 0xc0000000 + index * BAR2_SIZE;
}

MmdTest *mmd_start_with(const char *props, const char *more)
{
    g_autofree char *machine = mmd_machine();
    MmdTest *t = g_new0(MmdTest, 1);

    t->qts = qtest_initf("%s -device mmapdemo,id=mmd0,addr=%d,mem-size=%" PRIu64
                         "%s%s %s", machine, DEVICE_SLOT, (uint64_t)BAR2_SIZE,
                         *props ? "," : "", props, more);
    t->devfn = DEVICE_SLOT << 3;
    mmd_place(t, 0);
    mmd_setup(t);
    return t;
}

MmdTest *mmd_start(const char *props)
{
    return mmd_start_with(props, "");
}

MmdTest *mmd_attach(MmdTest *t, uint8_t bus, uint8_t slot, unsigned index)
{
    MmdTest *u = g_new0(MmdTest, 1);

    u->qts = t->qts;
    u->bus = bus;
    u->devfn = slot << 3;
    mmd_place(u, index);
    mmd_setup(u);
    return u;
}

QTestState *port_start(const char *more)
{
    g_autofree char *machine = mmd_machine();

    return qtest_initf("%s -device pcie-root-port,id=rp0,addr=%d,chassis=1 %s",
                       machine, PORT_SLOT, more);
}

MmdTest *port_attach(QTestState *qts)
{
    MmdTest port = { .qts = qts, .devfn = PORT_SLOT << 3 };

    mmd_cfg_write(&port, PCI_PRIMARY_BUS, 4, PORT_BUS << 16 | PORT_BUS << 8);
    mmd_cfg_write(&port, PCI_MEMORY_BASE, 4, 0xe0f0e000);
    mmd_cfg_write(&port, PCI_PREF_MEMORY_BASE, 4, 0xcff0c000);
    mmd_cfg_write(&port, PCI_COMMAND, 2, PCI_COMMAND_MEMORY |
                                         PCI_COMMAND_MASTER);
    return mmd_attach(&port, PORT_BUS, 0, 0);
}

void port_eject(QTestState *qts)
{
    qtest_outl(qts, PCIHP_BUS, 0);
    qtest_outl(qts, PCIHP_EJECT, 1);
}

void mmd_stop(MmdTest *t)
{
    qtest_quit(t->qts);
    g_free(t);
}

void vm_stop(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'stop' }");
    qtest_qmp_eventwait(qts, "STOP");
}

void vm_cont(QTestState *qts)
{
    qtest_qmp_assert_success(qts, "{ 'execute': 'cont' }");
    qtest_qmp_eventwait(qts, "RESUME");
}

void vm_settle(QTestState *qts)
{
    for (int i = 0; i < 16; i++) {
        qtest_qmp_assert_success(qts, "{ 'execute': 'query-status' }");
    }
}

void run_isolated(void (*fn)(void), unsigned seconds)
{
    if (g_test_subprocess()) {
        fn();
        return;
    }
    g_test_trap_subprocess(NULL, seconds * G_USEC_PER_SEC, 0);
    if (g_test_trap_reached_timeout()) {
        g_test_message("no answer within %u s: QEMU hangs", seconds);
        g_test_fail();
    } else if (!g_test_trap_has_passed()) {
        g_test_fail();
    }
}

/* --- configuration space -------------------------------------------------- */

static void pci_select(QTestState *qts, uint8_t bus, uint8_t devfn,
                       uint8_t offset)
{
    qtest_outl(qts, 0xcf8, 0x80000000 | bus << 16 | devfn << 8 |
                           (offset & ~3));
}

uint32_t pci_read(QTestState *qts, uint8_t bus, uint8_t devfn, uint8_t offset,
                  unsigned width)
{
    uint16_t port = 0xcfc + (offset & 3);

    pci_select(qts, bus, devfn, offset);
    return width == 1 ? qtest_inb(qts, port) :
           width == 2 ? qtest_inw(qts, port) : qtest_inl(qts, port);
}

void pci_write(QTestState *qts, uint8_t bus, uint8_t devfn, uint8_t offset,
               unsigned width, uint32_t val)
{
    uint16_t port = 0xcfc + (offset & 3);

    pci_select(qts, bus, devfn, offset);
    if (width == 1) {
        qtest_outb(qts, port, val);
    } else if (width == 2) {
        qtest_outw(qts, port, val);
    } else {
        qtest_outl(qts, port, val);
    }
}

uint32_t mmd_cfg_read(MmdTest *t, uint8_t offset, unsigned width)
{
    return pci_read(t->qts, t->bus, t->devfn, offset, width);
}

void mmd_cfg_write(MmdTest *t, uint8_t offset, unsigned width, uint32_t val)
{
    pci_write(t->qts, t->bus, t->devfn, offset, width, val);
}

uint8_t mmd_cfg_cap(MmdTest *t, uint8_t id)
{
    uint8_t pos = mmd_cfg_read(t, PCI_CAPABILITY_LIST, 1);

    while (pos && mmd_cfg_read(t, pos, 1) != id) {
        pos = mmd_cfg_read(t, pos + PCI_CAP_LIST_NEXT, 1);
    }
    return pos;
}

void mmd_setup(MmdTest *t)
{
    g_assert_cmphex(mmd_cfg_read(t, PCI_VENDOR_ID, 4), ==,
                    MMAPDEMO_PCI_DEVICE_ID << 16 | MMAPDEMO_PCI_VENDOR_ID);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_0, 4, t->regs);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_1, 4, t->doorbell);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_2, 4, t->mem);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_3, 4, t->mem >> 32);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_4, 4, t->msix);
    mmd_cfg_write(t, PCI_BASE_ADDRESS_5, 4, t->alias);
    mmd_cfg_write(t, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

void mmd_bus_master(MmdTest *t, bool on)
{
    uint16_t cmd = mmd_cfg_read(t, PCI_COMMAND, 2) & ~PCI_COMMAND_MASTER;

    mmd_cfg_write(t, PCI_COMMAND, 2, cmd | (on ? PCI_COMMAND_MASTER : 0));
}

void mmd_flr(MmdTest *t)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_EXP);

    g_assert_cmpuint(cap, !=, 0);
    g_assert_cmphex(mmd_cfg_read(t, cap + PCI_EXP_DEVCAP, 4) &
                    PCI_EXP_DEVCAP_FLR, !=, 0);
    mmd_cfg_write(t, cap + PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_BCR_FLR);
}

/* --- MSI-X ---------------------------------------------------------------- */

static uint64_t msix_entry(MmdTest *t, unsigned vector)
{
    return t->msix + vector * PCI_MSIX_ENTRY_SIZE;
}

void mmd_msix_target(MmdTest *t, unsigned vector, uint64_t addr, uint32_t data)
{
    uint64_t entry = msix_entry(t, vector);

    qtest_writel(t->qts, entry + PCI_MSIX_ENTRY_LOWER_ADDR, addr);
    qtest_writel(t->qts, entry + PCI_MSIX_ENTRY_UPPER_ADDR, addr >> 32);
    qtest_writel(t->qts, entry + PCI_MSIX_ENTRY_DATA, data);
}

void mmd_msix_mask(MmdTest *t, unsigned vector, bool masked)
{
    qtest_writel(t->qts, msix_entry(t, vector) + PCI_MSIX_ENTRY_VECTOR_CTRL,
                 masked ? PCI_MSIX_ENTRY_CTRL_MASKBIT : 0);
}

void mmd_msix_enable(MmdTest *t)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSIX);

    unsigned vectors;

    g_assert_cmpuint(cap, !=, 0);
    vectors = (mmd_cfg_read(t, cap + PCI_MSIX_FLAGS, 2) &
               PCI_MSIX_FLAGS_QSIZE) + 1;
    for (unsigned vector = 0; vector < vectors; vector++) {
        mmd_msix_target(t, vector, RAM_MSI + 4 * vector, MSI_DATA(vector));
        mmd_msix_mask(t, vector, false);
        qtest_writel(t->qts, RAM_MSI + 4 * vector, 0);
    }
    mmd_cfg_write(t, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
}

bool mmd_msix_pending(MmdTest *t, unsigned vector)
{
    uint8_t cap = mmd_cfg_cap(t, PCI_CAP_ID_MSIX);
    uint32_t pba = mmd_cfg_read(t, cap + PCI_MSIX_PBA, 4);

    g_assert_cmpuint(pba & PCI_MSIX_FLAGS_BIRMASK, ==, MMAPDEMO_BAR_MSIX);
    return qtest_readq(t->qts, t->msix + (pba & ~PCI_MSIX_FLAGS_BIRMASK) +
                               vector / 64 * 8) >> vector % 64 & 1;
}

bool mmd_msi_arrived(MmdTest *t, unsigned vector)
{
    uint32_t data = qtest_readl(t->qts, RAM_MSI + 4 * vector);

    if (data) {
        g_assert_cmphex(data, ==, MSI_DATA(vector));
    }
    qtest_writel(t->qts, RAM_MSI + 4 * vector, 0);
    return data;
}

/* --- registers ------------------------------------------------------------ */

uint64_t mmd_read(MmdTest *t, uint32_t offset, unsigned width)
{
    uint64_t addr = t->regs + offset;

    switch (width) {
    case 1:
        return qtest_readb(t->qts, addr);
    case 2:
        return qtest_readw(t->qts, addr);
    case 4:
        return qtest_readl(t->qts, addr);
    default:
        return qtest_readq(t->qts, addr);
    }
}

void mmd_write(MmdTest *t, uint32_t offset, unsigned width, uint64_t val)
{
    uint64_t addr = t->regs + offset;

    switch (width) {
    case 1:
        qtest_writeb(t->qts, addr, val);
        break;
    case 2:
        qtest_writew(t->qts, addr, val);
        break;
    case 4:
        qtest_writel(t->qts, addr, val);
        break;
    default:
        qtest_writeq(t->qts, addr, val);
        break;
    }
}

uint64_t mmd_reg_read(MmdTest *t, uint32_t offset)
{
    return mmd_read(t, offset, mmd_reg_at(offset)->width);
}

void mmd_reg_write(MmdTest *t, uint32_t offset, uint64_t val)
{
    mmd_write(t, offset, mmd_reg_at(offset)->width, val);
}

static bool in_snapshot(const MmdReg *reg)
{
    return reg->access != MMD_WO &&
           reg->offset != MMAPDEMO_REG_CLOCK_NS &&
           !(reg->offset >= MMAPDEMO_CNT_FIRST &&
             reg->offset < MMAPDEMO_CNT_END) &&
           !(reg->offset >= MMAPDEMO_REG_ERR_CODE &&
             reg->offset <= MMAPDEMO_REG_ERR_COUNT);
}

void mmd_snapshot(MmdTest *t, MmdSnapshot *snap)
{
    g_assert_cmpuint(mmd_num_regs, <=, ARRAY_SIZE(snap->val));
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        snap->val[i] = in_snapshot(&mmd_regs[i]) ?
                       mmd_reg_read(t, mmd_regs[i].offset) : 0;
    }
}

void mmd_assert_unchanged(MmdTest *t, const MmdSnapshot *snap, uint32_t except)
{
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        const MmdReg *reg = &mmd_regs[i];

        if (in_snapshot(reg) && (!except || reg->offset != except)) {
            uint64_t val = mmd_reg_read(t, reg->offset);

            if (val != snap->val[i]) {
                g_error("%s changed from 0x%" PRIx64 " to 0x%" PRIx64,
                        reg->name, snap->val[i], val);
            }
        }
    }
}

void mmd_assert_error_at(const char *file, int line, MmdTest *t, uint32_t code,
                         uint32_t offset, unsigned width, bool write)
{
    uint32_t got_code = mmd_get(t, ERR_CODE);
    uint32_t got_info = mmd_get(t, ERR_INFO);
    uint32_t info = code ? offset | width << MMAPDEMO_ERR_INFO_WIDTH_SHIFT |
                           (write ? MMAPDEMO_ERR_INFO_WRITE : 0) : 0;

    if (got_code != code || got_info != info) {
        g_error("%s:%d: ERR_CODE %u ERR_INFO 0x%x, expected %u 0x%x", file,
                line, got_code, got_info, code, info);
    }
    mmd_set(t, ERR_CLEAR, MMAPDEMO_ERR_CLEAR);
}

/* --- DMA ------------------------------------------------------------------ */

void mmd_dma_start(MmdTest *t, const MmdDma *dma)
{
    mmd_set(t, DMA_ADDR, dma->addr);
    mmd_set(t, DMA_DEV_OFF, dma->dev_off);
    mmd_set(t, DMA_LEN, dma->len);
    mmd_set(t, DMA_SG_COUNT, dma->sg_count);
    mmd_set(t, DMA_SEQ, dma->seq);
    if (dma->repeat) {
        mmd_set(t, DMA_REPEAT, dma->repeat);
    }
    mmd_set(t, DMA_CMD, dma->cmd | MMAPDEMO_DMA_CMD_START);
}

uint32_t mmd_dma_state(MmdTest *t)
{
    return mmd_get(t, DMA_STATUS) & MMAPDEMO_DMA_STATUS_STATE;
}

uint32_t mmd_dma_error(MmdTest *t)
{
    return (mmd_get(t, DMA_STATUS) & MMAPDEMO_DMA_STATUS_ERROR) >>
           MMAPDEMO_DMA_STATUS_ERROR_SHIFT;
}

void mmd_dma_wait(MmdTest *t)
{
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

    while (mmd_dma_state(t) == MMAPDEMO_DMA_STATE_BUSY) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

void mmd_dma_expect_at(const char *file, int line, MmdTest *t,
                       const MmdDma *dma, uint32_t error, uint64_t bytes)
{
    uint64_t ops = mmd_get(t, CNT_DMA_OPS);
    uint64_t errors = mmd_get(t, CNT_DMA_ERRORS);
    uint64_t to_dev = mmd_get(t, CNT_DMA_TO_DEV);
    uint64_t from_dev = mmd_get(t, CNT_DMA_FROM_DEV);
    uint64_t *moved = dma->cmd & MMAPDEMO_DMA_CMD_FROM_DEVICE ? &from_dev
                                                              : &to_dev;
    uint32_t status = error ? MMAPDEMO_DMA_STATE_ERROR |
                              error << MMAPDEMO_DMA_STATUS_ERROR_SHIFT
                            : MMAPDEMO_DMA_STATE_DONE;
    uint32_t got;

    mmd_set(t, ERR_CLEAR, MMAPDEMO_ERR_CLEAR);
    mmd_dma_start(t, dma);
    mmd_dma_wait(t);

    got = mmd_get(t, DMA_STATUS);
    if (got != status || mmd_get(t, DMA_DONE_BYTES) != bytes) {
        g_error("%s:%d: DMA_STATUS 0x%x DMA_DONE_BYTES %" PRIu64
                ", expected 0x%x %" PRIu64, file, line, got,
                mmd_get(t, DMA_DONE_BYTES), status, bytes);
    }
    g_assert_cmphex(mmd_get(t, DMA_DONE_SEQ), ==, dma->seq);
    g_assert_cmphex(mmd_get(t, USER_DMA_DONE_SEQ), ==, dma->seq);
    g_assert_cmphex(mmd_get(t, USER_DMA_STATUS), ==, status);
    *moved += bytes;
    g_assert_cmpuint(mmd_get(t, CNT_DMA_OPS), ==, ops + 1);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_ERRORS), ==, errors + !!error);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_TO_DEV), ==, to_dev);
    g_assert_cmpuint(mmd_get(t, CNT_DMA_FROM_DEV), ==, from_dev);
    mmd_assert_error_at(file, line, t, error,
                        MMAPDEMO_REG_DMA_CMD, 4, true);
}

/* --- memory --------------------------------------------------------------- */

void mem_fill(MmdTest *t, uint64_t addr, uint8_t pattern, size_t len)
{
    qtest_memset(t->qts, addr, pattern, len);
}

/* One line of the test protocol; both ends search long lines again and again */
#define CHUNK (32 * KiB)

void mem_write(MmdTest *t, uint64_t addr, const void *buf, size_t len)
{
    for (size_t done = 0; done < len; done += CHUNK) {
        qtest_bufwrite(t->qts, addr + done, buf + done, MIN(CHUNK, len - done));
    }
}

void mem_read(MmdTest *t, uint64_t addr, void *buf, size_t len)
{
    for (size_t done = 0; done < len; done += CHUNK) {
        qtest_bufread(t->qts, addr + done, buf + done, MIN(CHUNK, len - done));
    }
}

uint8_t *mem_numbers(uint32_t seed, size_t len)
{
    uint8_t *buf = g_malloc(len + 1);

    for (size_t i = 0; i < len; i++) {
        uint32_t at = seed + i;

        buf[i] = at ^ at >> 8 ^ (at >> 16) * 7;
    }
    return buf;
}

void mem_number(MmdTest *t, uint64_t addr, uint32_t seed, size_t len)
{
    g_autofree uint8_t *buf = mem_numbers(seed, len);

    mem_write(t, addr, buf, len);
}

static void mem_assert(const char *file, int line, MmdTest *t, uint64_t addr,
                       const uint8_t *want, size_t len)
{
    g_autofree uint8_t *got = g_malloc(len + 1);

    mem_read(t, addr, got, len);
    for (size_t i = 0; memcmp(got, want, len); i++) {
        if (got[i] != want[i]) {
            g_error("%s:%d: byte 0x%zx at 0x%" PRIx64 " is 0x%02x, expected "
                    "0x%02x", file, line, i, addr + i, got[i], want[i]);
        }
    }
}

void mem_assert_fill_at(const char *file, int line, MmdTest *t, uint64_t addr,
                        uint8_t pattern, size_t len)
{
    /* one more, since g_malloc(0) is NULL, which memset must not see */
    g_autofree uint8_t *want = g_malloc(len + 1);

    memset(want, pattern, len);
    mem_assert(file, line, t, addr, want, len);
}

void mem_assert_number_at(const char *file, int line, MmdTest *t, uint64_t addr,
                          uint32_t seed, size_t len)
{
    g_autofree uint8_t *want = mem_numbers(seed, len);

    mem_assert(file, line, t, addr, want, len);
}

uint64_t mem_moved(MmdTest *t, uint64_t addr, uint8_t pattern, size_t len)
{
    uint64_t moved = len;

    for (uint64_t at = 0; at < len; at += CHUNK) {
        uint8_t first = qtest_readb(t->qts, addr + at);
        uint8_t last = qtest_readb(t->qts, addr + at + CHUNK - 1);

        if (moved == len && last != pattern) {
            g_autofree uint8_t *chunk = g_malloc(CHUNK);
            unsigned n = 0;

            qtest_bufread(t->qts, addr + at, chunk, CHUNK);
            while (n < CHUNK && chunk[n] == pattern) {
                n++;
            }
            moved = at + n;
            for (; n < CHUNK; n++) {
                g_assert_cmphex(chunk[n], ==, 0);
            }
        } else {
            g_assert_cmphex(first, ==, moved == len ? pattern : 0);
            g_assert_cmphex(last, ==, moved == len ? pattern : 0);
        }
    }
    return moved;
}
