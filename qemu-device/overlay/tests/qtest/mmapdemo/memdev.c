/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: device memory that is a memory backend, shared with another
 * machine or with a process of the host, and device memory of many GiB.
 */

#include "qemu/osdep.h"
#include <sys/mman.h>
#include "pci.h"

/* A file in memory, and how a process of the host names it */
static int share_new(uint64_t size, char **path)
{
    int fd = memfd_create("mmapdemo-test", 0);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(ftruncate(fd, size), ==, 0);
    *path = g_strdup_printf("/proc/%d/fd/%d", getpid(), fd);
    return fd;
}

/* A machine whose device has that file as its memory */
static MmdTest *start_shared(const char *path)
{
    g_autofree char *backend = g_strdup_printf(
        "-object memory-backend-file,id=dm0,size=%" PRIu64 ",share=on,"
        "mem-path=%s", (uint64_t)BAR2_SIZE, path);

    return mmd_start_with("memdev=dm0", backend);
}

static void dma_expect(MmdTest *t, uint64_t addr, uint64_t dev_off,
                       uint32_t len, uint32_t cmd)
{
    MmdDma dma = {
        .addr = addr, .dev_off = dev_off, .len = len, .seq = 1, .cmd = cmd,
    };

    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, len);
}

static void two_machines_share_it(void)
{
    g_autofree char *path = NULL;
    int fd = share_new(BAR2_SIZE, &path);
    MmdTest *a = start_shared(path), *b = start_shared(path);

    g_assert_cmpuint(mmd_get(a, MEM_SIZE), ==, BAR2_SIZE);

    /* from the RAM of one to the RAM of the other, small and by slices */
    mem_number(a, RAM_BUF, 1, 3 * MiB);
    dma_expect(a, RAM_BUF, 5, 4000, 0);
    dma_expect(a, RAM_BUF, 1 * MiB, 3 * MiB, 0);
    mem_assert_number(b, b->mem + 5, 1, 4000);
    dma_expect(b, RAM_BUF2, 5, 4000, MMAPDEMO_DMA_CMD_FROM_DEVICE);
    mem_assert_number(b, RAM_BUF2, 1, 4000);
    dma_expect(b, RAM_BUF2, 1 * MiB, 3 * MiB, MMAPDEMO_DMA_CMD_FROM_DEVICE);
    mem_assert_number(b, RAM_BUF2, 1, 3 * MiB);

    /* and back */
    mem_number(b, RAM_BUF, 99, 64 * KiB);
    dma_expect(b, RAM_BUF, BAR2_SIZE - 64 * KiB, 64 * KiB, 0);
    mem_assert_number(a, a->mem + BAR2_SIZE - 64 * KiB, 99, 64 * KiB);
    dma_expect(a, RAM_BUF2, BAR2_SIZE - 64 * KiB, 64 * KiB,
               MMAPDEMO_DMA_CMD_FROM_DEVICE);
    mem_assert_number(a, RAM_BUF2, 99, 64 * KiB);

    /* by stores of a vCPU, through both BARs */
    qtest_writel(a->qts, a->mem + 0x100, 0x12345678);
    g_assert_cmphex(qtest_readl(b->qts, b->alias + 0x100), ==, 0x12345678);
    qtest_writel(b->qts, b->alias + 0x100, 0x9abcdef0);
    g_assert_cmphex(qtest_readl(a->qts, a->mem + 0x100), ==, 0x9abcdef0);

    /* memory is all they share: a reset of one leaves it, and the other */
    mmd_set(a, SCRATCH32, 1);
    mmd_flr(b);
    mmd_setup(b);
    g_assert_cmphex(mmd_get(a, SCRATCH32), ==, 1);
    g_assert_cmphex(qtest_readl(b->qts, b->mem + 0x100), ==, 0x9abcdef0);
    mmd_stop(b);
    g_assert_cmphex(qtest_readl(a->qts, a->mem + 0x100), ==, 0x9abcdef0);
    mmd_stop(a);
    close(fd);
}

static void host_process_shares_it(void)
{
    g_autofree char *path = NULL;
    int fd = share_new(BAR2_SIZE, &path);
    MmdTest *t = start_shared(path);
    g_autofree uint8_t *numbers = mem_numbers(7, 1 * MiB);
    uint8_t *mem = mmap(NULL, BAR2_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                        fd, 0);

    g_assert_true(mem != MAP_FAILED);
    mem_number(t, RAM_BUF, 7, 1 * MiB);
    dma_expect(t, RAM_BUF, 2 * MiB, 1 * MiB, 0);
    g_assert_true(!memcmp(mem + 2 * MiB, numbers, 1 * MiB));

    memcpy(mem + 8 * MiB, numbers, 1 * MiB);
    dma_expect(t, RAM_BUF2, 8 * MiB, 1 * MiB, MMAPDEMO_DMA_CMD_FROM_DEVICE);
    mem_assert_number(t, RAM_BUF2, 7, 1 * MiB);

    mem[0] = 0x42;
    g_assert_cmphex(qtest_readb(t->qts, t->alias), ==, 0x42);
    mmd_stop(t);

    /* it is still there when the machine is not */
    g_assert_true(!memcmp(mem + 2 * MiB, numbers, 1 * MiB));
    munmap(mem, BAR2_SIZE);
    close(fd);
}

static void any_backend_will_do(void)
{
    const char *backends[] = {
        "memory-backend-ram,id=dm0,size=32M",
        "memory-backend-ram,id=dm0,size=32M,prealloc=on",
        "memory-backend-memfd,id=dm0,size=32M",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(backends); i++) {
        g_autofree char *args = g_strdup_printf("-object %s", backends[i]);
        MmdTest *t = mmd_start_with("memdev=dm0", args);

        mem_number(t, RAM_BUF, i, 100000);
        dma_expect(t, RAM_BUF, 0, 100000, 0);
        mem_assert_number(t, t->mem, i, 100000);
        mmd_stop(t);
    }
}

static void impossible_backends_are_refused(void)
{
    g_autofree char *path = NULL;
    int fd = share_new(4 * MiB, &path);
    g_autofree char *args = g_strdup_printf(
        "-object memory-backend-ram,id=odd,size=3M "
        "-object memory-backend-ram,id=small,size=1M "
        "-object memory-backend-ram,id=good,size=4M "
        "-object memory-backend-ram,id=numa,size=128M "
        "-machine memory-backend=numa "
        "-object memory-backend-file,id=ro,size=4M,readonly=on,mem-path=%s",
        path);
    QTestState *qts = port_start(args);
    MmdTest *t;

    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'odd' }",
                   "memdev 'odd' has 3145728 bytes");
    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'small' }",
                   "at least 2 MiB");
    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'numa' }",
                   "memdev 'numa' is in use");
    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'ro' }",
                   "memdev 'ro' is read-only");
    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'none' }", "none");
    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'good',"
                   " 'mem-size': 8388608 }", "not the size of memdev 'good'");
    g_assert_cmphex(pci_read(qts, PORT_BUS, 0, 0, 4), ==, UINT32_MAX);

    /* a refusal does not keep it: now it is taken, and again after that */
    for (int i = 0; i < 3; i++) {
        qtest_qmp_device_add(qts, "mmapdemo", "mmd0", "{ 'bus': 'rp0', "
                             "'memdev': 'good', 'mem-size': 4194304 }");
        t = port_attach(qts);
        g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, 4 * MiB);
        /* what is in it is the backend's, and survives the device */
        g_assert_cmphex(qtest_readl(qts, t->mem + 64), ==, i);
        qtest_writel(qts, t->mem + 64, i + 1);
        qtest_qmp_assert_failure_ref(qts, "{ 'execute': 'object-del', "
                                     "'arguments': { 'id': 'good' } }");
        qtest_qmp_device_del_send(qts, "mmd0");
        port_eject(qts);
        qtest_qmp_eventwait(qts, "DEVICE_DELETED");
        g_free(t);
    }
    qtest_qmp_assert_success(qts, "{ 'execute': 'object-del', "
                             "'arguments': { 'id': 'good' } }");
    qtest_quit(qts);
    close(fd);
}

static void one_backend_serves_one_device(void)
{
    QTestState *qts = port_start("-object memory-backend-ram,id=dm0,size=32M "
                                 "-device mmapdemo,memdev=dm0,addr=6");

    expect_refusal(qts, "{ 'bus': 'rp0', 'memdev': 'dm0' }",
                   "memdev 'dm0' is in use by another device");
    qtest_quit(qts);
}

static void backend_migrates(void)
{
    char *path = stream_new();
    MmdTest *t = mmd_start_with("memdev=dm0", "-object memory-backend-ram,"
                                "id=dm0,size=32M"), *u;

    mem_number(t, t->mem + 12345, 4, 300000);
    vm_stop(t->qts);
    stream_save(t, path);
    mmd_stop(t);
    u = stream_load(path, "memdev=dm0 -object memory-backend-ram,"
                    "id=dm0,size=32M");
    mem_assert_number(u, u->mem + 12345, 4, 300000);
    mmd_stop(u);
    stream_free(path);
}

/* Where it is mapped costs nothing until it is touched */
static void many_gigabytes(void)
{
    const uint64_t size = 8 * GiB, base = 64 * GiB;
    MmdTest *t = mmd_start_with("mem-size=0,memdev=dm0",
                                "-object memory-backend-ram,id=dm0,size=8G,"
                                "reserve=off");
    MmdDma dma = { .addr = RAM_BUF, .dev_off = size - 1 * MiB, .len = 1 * MiB,
                   .seq = 1 };

    t->mem = base;
    mmd_setup(t);
    g_assert_cmphex(mmd_get(t, MEM_SIZE), ==, size);
    mem_number(t, RAM_BUF, 5, 1 * MiB);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, base + size - 1 * MiB, 5, 1 * MiB);
    /* not folded to 32 bits, nor to anything else */
    mem_assert_fill(t, base + 4 * GiB - 1 * MiB, 0, 4096);
    mem_assert_fill(t, base, 0, 4096);

    qtest_writeq(t->qts, base + 5 * GiB, 0x1122334455667788);
    dma.dev_off = 5 * GiB - 8;
    dma.len = 16;
    dma.addr = RAM_BUF2;
    dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 16);
    g_assert_cmphex(qtest_readq(t->qts, RAM_BUF2 + 8), ==, 0x1122334455667788);
    dma.dev_off = size - 15;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_RANGE, 0);
    mmd_stop(t);
}

void add_memdev_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/memdev/" #fn, fn)
    ADD(two_machines_share_it);
    ADD(host_process_shares_it);
    ADD(any_backend_will_do);
    ADD(impossible_backends_are_refused);
    ADD(one_backend_serves_one_device);
    ADD(backend_migrates);
    ADD(many_gigabytes);
#undef ADD
}
