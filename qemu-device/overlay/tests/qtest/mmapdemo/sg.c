/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: scatter-gather lists, honest and lying ones.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "common.h"

#define MAX_SG  MMAPDEMO_DMA_MAX_SG
#define SG      MMAPDEMO_DMA_CMD_SG
#define FROM_DEV MMAPDEMO_DMA_CMD_FROM_DEVICE

static void put_raw(MmdTest *t, uint64_t list, unsigned i, uint64_t addr,
                    uint32_t len, uint32_t reserved)
{
    struct mmapdemo_hw_sg sg = {
        .addr = cpu_to_le64(addr),
        .len = cpu_to_le32(len),
        .reserved = cpu_to_le32(reserved),
    };

    qtest_memwrite(t->qts, list + i * sizeof(sg), &sg, sizeof(sg));
}

static void put(MmdTest *t, unsigned i, uint64_t addr, uint32_t len)
{
    put_raw(t, RAM_LIST, i, addr, len, 0);
}

/* num elements of len bytes, gap bytes between them, in RAM_BUF */
static void put_uniform(MmdTest *t, unsigned num, uint32_t len, uint32_t gap)
{
    g_autofree struct mmapdemo_hw_sg *sg = g_new0(struct mmapdemo_hw_sg, num);

    for (unsigned i = 0; i < num; i++) {
        sg[i].addr = cpu_to_le64(RAM_BUF + (uint64_t)i * (len + gap));
        sg[i].len = cpu_to_le32(len);
    }
    mem_write(t, RAM_LIST, sg, num * sizeof(*sg));
}

static void gathers_and_scatters(void)
{
    static const struct {
        unsigned num;
        uint32_t len;
        uint32_t gap;
    } lists[] = {
        { 1, 1, 0 }, { 1, 64, 0 }, { 2, 64, 64 }, { 63, 100, 3 }, { 64, 1, 1 },
        { 65, 1, 1 }, { 64, 1024, 0 }, { 200, 7, 9 }, { 3, 100000, 1 },
        { 1, MMAPDEMO_DMA_MAX_LEN, 0 }, { MAX_SG, 1, 2 },
        { MAX_SG - 1, 4096, 0 }, { MAX_SG, 4000, 16 },
    };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
        uint32_t len = lists[i].len, step = len + lists[i].gap;
        uint32_t total = lists[i].num * len;
        uint32_t span = lists[i].num * step;
        g_autofree uint8_t *image = mem_numbers(i, span);
        g_autofree uint8_t *want = g_malloc(total);
        g_autofree uint8_t *got = g_malloc(span);
        MmdDma dma = {
            .addr = RAM_LIST, .len = total, .sg_count = lists[i].num,
            .dev_off = 4096, .seq = i + 1, .cmd = SG,
        };

        put_uniform(t, lists[i].num, len, lists[i].gap);
        for (unsigned e = 0; e < lists[i].num; e++) {
            memcpy(want + e * len, image + e * step, len);
        }
        mem_write(t, RAM_BUF, image, span);
        mem_fill(t, t->mem, 0, total + 8192);
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, total);
        g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 0);
        mem_read(t, t->mem + 4096, got, total);
        g_assert_true(!memcmp(got, want, total));
        mem_assert_fill(t, t->mem, 0, 4096);
        mem_assert_fill(t, t->mem + 4096 + total, 0, 4096);

        /* back into a poisoned place: the gaps stay poisoned */
        mem_fill(t, RAM_BUF, 0xee, span);
        dma.cmd = SG | FROM_DEV;
        mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, total);
        memset(image, 0xee, span);
        for (unsigned e = 0; e < lists[i].num; e++) {
            memcpy(image + e * step, want + e * len, len);
        }
        mem_read(t, RAM_BUF, got, span);
        g_assert_true(!memcmp(got, image, span));
    }
    mmd_stop(t);
}

/* Elements in any order, touching, the same one twice */
static void elements_may_be_anywhere(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 400, .sg_count = 4, .seq = 1, .cmd = SG,
    };

    mem_number(t, RAM_BUF, 0, 1000);
    put(t, 0, RAM_BUF + 300, 100);
    put(t, 1, RAM_BUF + 100, 100);
    put(t, 2, RAM_BUF + 200, 100);
    put(t, 3, RAM_BUF + 300, 100);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 400);
    mem_assert_number(t, t->mem, 300, 100);
    mem_assert_number(t, t->mem + 100, 100, 300);

    /* a list in the very last bytes of RAM, and one across a page */
    put_raw(t, RAM_SIZE - 16, 0, RAM_BUF + 5, 200, 0);
    dma.addr = RAM_SIZE - 16;
    dma.sg_count = 1;
    dma.len = 200;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, 200);
    mem_assert_number(t, t->mem, 5, 200);
    mmd_stop(t);
}

static void check_refused(MmdTest *t, const MmdDma *dma, uint32_t error,
                          uint32_t index)
{
    for (int dir = 0; dir < 2; dir++) {
        MmdDma d = *dma;

        d.cmd |= dir ? FROM_DEV : 0;
        mem_fill(t, RAM_BUF, 0xc3, 1 * MiB);
        mem_fill(t, t->mem, 0x3c, 1 * MiB);
        mmd_dma_expect(t, &d, error, 0);
        g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, index);
        mem_assert_fill(t, RAM_BUF, 0xc3, 1 * MiB);
        mem_assert_fill(t, t->mem, 0x3c, 1 * MiB);
    }
}

static void lying_lists_are_refused_whole(void)
{
    MmdTest *t = mmd_start("dma-mask=0xfffffffff");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 400, .sg_count = 4, .seq = 1, .cmd = SG,
    };

    /* each starts from a good list and has one thing wrong */
    put_uniform(t, 4, 100, 4);
    dma.len = 399;                              /* one byte too many */
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 3);
    dma.len = 401;                              /* one too few */
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 4);
    dma.len = 100;                              /* over at the second */
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 1);
    dma.len = 400;
    dma.sg_count = 3;
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 3);
    dma.sg_count = 4;

    put(t, 2, RAM_BUF, 0);
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 2);
    put(t, 2, RAM_BUF, UINT32_MAX);             /* the sum wraps */
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 2);
    put(t, 2, RAM_BUF, UINT32_MAX - 300 + 1);
    put(t, 3, RAM_BUF, 500);
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 2);
    put_uniform(t, 4, 100, 4);

    put_raw(t, RAM_LIST, 3, RAM_BUF, 100, 1);
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 3);
    put_raw(t, RAM_LIST, 3, RAM_BUF, 100, 0x80000000);
    check_refused(t, &dma, MMAPDEMO_ERR_LIST, 3);

    put(t, 3, 0xfffffffff - 98, 100);           /* a byte above the mask */
    check_refused(t, &dma, MMAPDEMO_ERR_MASK, 3);
    put(t, 3, UINT64_MAX - 50, 100);            /* wraps */
    check_refused(t, &dma, MMAPDEMO_ERR_MASK, 3);
    put(t, 3, 1ULL << 63, 100);
    check_refused(t, &dma, MMAPDEMO_ERR_MASK, 3);

    put(t, 3, HOLE, 100);
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 3);
    put(t, 3, RAM_SIZE - 50, 100);
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 3);
    put(t, 3, t->regs + MMAPDEMO_REG_SCRATCH32, 100);
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 3);
    put(t, 3, t->mem + 8192, 100);
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 3);
    mmd_stop(t);
}

static void wrong_counts_and_places_are_refused(void)
{
    static const uint32_t counts[] = { 0, MAX_SG + 1, 0x10000000, UINT32_MAX };
    static const uint64_t offsets[] = { 1, 4, 8, 15 };
    MmdTest *t = mmd_start("dma-mask=0xfffffff");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 400, .sg_count = 4, .seq = 1, .cmd = SG,
    };

    put_uniform(t, 5, 100, 4);
    for (unsigned i = 0; i < ARRAY_SIZE(counts); i++) {
        dma.sg_count = counts[i];
        check_refused(t, &dma, MMAPDEMO_ERR_LIST, 0);
    }
    dma.sg_count = 4;
    for (unsigned i = 0; i < ARRAY_SIZE(offsets); i++) {
        dma.addr = RAM_LIST + offsets[i];
        check_refused(t, &dma, MMAPDEMO_ERR_LIST, 0);
    }

    /* the list itself: reaching over the mask, in a hole, half in it, ... */
    dma.addr = 0x10000000 - 48;
    check_refused(t, &dma, MMAPDEMO_ERR_MASK, 0);
    dma.addr = 0x10000000 - 64;
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 0);
    dma.addr = RAM_SIZE - 32;
    put_raw(t, dma.addr, 0, RAM_BUF, 100, 0);
    put_raw(t, dma.addr, 1, RAM_BUF, 100, 0);
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 2);
    mmd_stop(t);
}

/* ... in ROM, in registers, in BAR2 itself */
static void list_must_be_in_ram(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = { .len = 400, .sg_count = 4, .seq = 1, .cmd = SG };

    dma.addr = ROM;
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 0);
    dma.addr = t->regs;
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 0);
    dma.addr = t->mem + 2 * MiB;
    put_raw(t, dma.addr, 0, RAM_BUF, 400, 0);
    dma.sg_count = 1;
    check_refused(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mmd_stop(t);
}

/* An element that is no memory, far behind: what lies before it has moved */
static void late_bus_error_tells_how_far(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 100 * 4096, .sg_count = 100, .seq = 1,
        .cmd = SG | MMAPDEMO_DMA_CMD_IRQ,
    };
    uint64_t done;

    put_uniform(t, 100, 4096, 0);
    put(t, 70, HOLE, 4096);
    mem_number(t, RAM_BUF, 0, 100 * 4096);
    mem_fill(t, t->mem, 0, 100 * 4096);
    mmd_dma_start(t, &dma);
    mmd_dma_wait(t);
    g_assert_cmpuint(mmd_dma_error(t), ==, MMAPDEMO_ERR_BUS);
    g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 70);
    g_assert_cmphex(mmd_get(t, IRQ_STATUS), ==, MMAPDEMO_IRQ_DMA);
    done = mmd_get(t, DMA_DONE_BYTES);
    g_assert_cmpuint(done, ==, 64 * 4096);      /* whole slices before it */
    g_assert_cmpuint(mmd_get(t, CNT_DMA_TO_DEV), ==, done);
    mem_assert_number(t, t->mem, 0, done);
    mem_assert_fill(t, t->mem + done, 0, 100 * 4096 - done);

    /* a transfer without a list leaves the index alone; a good list clears */
    dma.cmd = 0;
    dma.addr = RAM_BUF;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 70);
    put_uniform(t, 100, 4096, 0);
    dma.cmd = SG;
    dma.addr = RAM_LIST;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 0);
    mmd_stop(t);
}

/* What was checked is what is used: the list is read at START, once */
static void list_rewritten_while_running_is_not_seen(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 200 * 1024, .sg_count = 200, .seq = 1,
        .cmd = SG,
    };

    put_uniform(t, 200, 1024, 0);
    mem_number(t, RAM_BUF, 0, dma.len);
    vm_stop(t->qts);
    mmd_dma_start(t, &dma);
    for (unsigned i = 0; i < 200; i++) {
        put_raw(t, RAM_LIST, i, HOLE, UINT32_MAX, UINT32_MAX);
    }
    vm_cont(t->qts);
    mmd_dma_wait(t);
    g_assert_cmphex(mmd_get(t, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    mem_assert_number(t, t->mem, 0, dma.len);
    mmd_stop(t);
}

/* A list that lies inside what its own transfer writes */
static void list_may_be_overwritten_by_its_transfer(void)
{
    MmdTest *t = mmd_start("");
    MmdDma dma = {
        .addr = RAM_LIST, .len = 128 * KiB, .sg_count = 2, .seq = 1,
        .cmd = SG | FROM_DEV,
    };

    mem_number(t, t->mem, 0, dma.len);
    put(t, 0, RAM_LIST - 64 * KiB + 16, 64 * KiB);
    put(t, 1, RAM_LIST + 16, 64 * KiB);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, RAM_LIST - 64 * KiB + 16, 0, dma.len);
    mmd_stop(t);
}

void add_sg_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/sg/" #fn, fn)
    ADD(gathers_and_scatters);
    ADD(elements_may_be_anywhere);
    ADD(lying_lists_are_refused_whole);
    ADD(wrong_counts_and_places_are_refused);
    ADD(list_must_be_in_ram);
    ADD(late_bus_error_tells_how_far);
    ADD(list_rewritten_while_running_is_not_seen);
    ADD(list_may_be_overwritten_by_its_transfer);
#undef ADD
}
