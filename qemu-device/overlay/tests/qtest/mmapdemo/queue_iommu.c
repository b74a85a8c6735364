/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues behind an IOMMU (VT-d) whose tables this test writes.
 * Every two neighbouring pages of the bus are each other's frame, so whoever
 * goes on over the end of a page without asking again is in the wrong one.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue.h"

#define DOMAIN      7
#define PAGE        4096
#define PAGE_SWAP   PAGE
#define LEN         MMAPDEMO_QUEUE_MAX_LEN
#define W           50

/* The tables, in RAM: root, context, three levels */
#define ROOT        (88 * MiB)
#define CONTEXT     (ROOT + 1 * PAGE)
#define LEVEL3      (ROOT + 2 * PAGE)
#define LEVEL2      (ROOT + 3 * PAGE)
#define LEVEL1      (ROOT + 4 * PAGE)   /* 64 of them: 128 MiB */
#define RW          3

/* VT-d registers */
#define VTD         0xfed90000ULL
#define VTD_ECAP    (VTD + 0x10)
#define VTD_GCMD    (VTD + 0x18)
#define VTD_GSTS    (VTD + 0x1c)
#define VTD_RTADDR  (VTD + 0x20)
#define VTD_CCMD    (VTD + 0x28)
#define GCMD_TE     0x80000000
#define GCMD_SRTP   0x40000000
#define CCMD_GLOBAL (1ULL << 63 | 1ULL << 61)
#define IOTLB_GLOBAL (1ULL << 63 | 1ULL << 60)

static void vtd_command(MmdTest *t, uint32_t bits, uint32_t wait)
{
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    qtest_writel(t->qts, VTD_GCMD, bits);
    while ((qtest_readl(t->qts, VTD_GSTS) & wait) != (bits & wait)) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

/* When it returns, nobody may use an old translation any more */
static void vtd_invalidate(MmdTest *t)
{
    uint64_t ecap = qtest_readq(t->qts, VTD_ECAP);
    uint64_t iotlb = VTD + (ecap >> 8 & 0x3ff) * 16 + 8;
    gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;

    qtest_writeq(t->qts, VTD_CCMD, CCMD_GLOBAL);
    qtest_writeq(t->qts, iotlb, IOTLB_GLOBAL);
    while (qtest_readq(t->qts, VTD_CCMD) >> 63 ||
           qtest_readq(t->qts, iotlb) >> 63) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

static void map(MmdTest *t, uint64_t bus, uint64_t frame, uint64_t bits)
{
    qtest_writeq(t->qts, LEVEL1 + bus / PAGE * 8, bits ? frame | bits : 0);
}

static MmdTest *start(const MmdEngine *engine)
{
    g_autofree char *more = g_strdup_printf("%s -device intel-iommu,"
                                            "aw-bits=39", engine->more);
    MmdTest *t = mmd_start_with(engine->props, more);
    g_autofree uint64_t *table = g_new0(uint64_t, RAM_SIZE / PAGE);

    for (unsigned i = 0; i < RAM_SIZE / PAGE; i++) {
        table[i] = cpu_to_le64((i ^ 1ULL) * PAGE | RW);
    }
    mem_write(t, LEVEL1, table, RAM_SIZE / PAGE * 8);
    for (unsigned i = 0; i < RAM_SIZE / (2 * MiB); i++) {
        qtest_writeq(t->qts, LEVEL2 + i * 8, (LEVEL1 + i * PAGE) | RW);
    }
    qtest_writeq(t->qts, LEVEL3, LEVEL2 | RW);
    qtest_writeq(t->qts, ROOT, CONTEXT | 1);
    qtest_writeq(t->qts, CONTEXT + t->devfn * 16, LEVEL3 | 1);
    qtest_writeq(t->qts, CONTEXT + t->devfn * 16 + 8, 1 << 8 | 1);
    qtest_writeq(t->qts, VTD_RTADDR, ROOT);
    vtd_command(t, GCMD_SRTP, GCMD_SRTP);
    vtd_invalidate(t);
    vtd_command(t, GCMD_TE, GCMD_TE);
    return t;
}

/* As the memory of the device sees it: pages swapped */
static void bus_number(MmdTest *t, uint64_t bus, uint32_t seed, size_t len)
{
    for (size_t at = 0; at < len; ) {
        size_t n = MIN(PAGE - (bus + at) % PAGE, len - at);

        mem_number(t, (bus + at) ^ PAGE_SWAP, seed + at, n);
        at += n;
    }
}

static void bus_assert_number(MmdTest *t, uint64_t bus, uint32_t seed,
                              size_t len)
{
    for (size_t at = 0; at < len; ) {
        size_t n = MIN(PAGE - (bus + at) % PAGE, len - at);

        mem_assert_number(t, (bus + at) ^ PAGE_SWAP, seed + at, n);
        at += n;
    }
}

/* The tables of this test are right: the transfer of the register block */
static void tables_are_right(void)
{
    MmdTest *t = start(&mmd_engines[0]);
    MmdDma dma = { .addr = RAM_BUF + 100, .len = 5 * PAGE, .seq = 1 };

    bus_number(t, RAM_BUF, 1, 8 * PAGE);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    mem_assert_number(t, t->mem, 101, dma.len);
    map(t, RAM_BUF + PAGE, 0, 0);
    vtd_invalidate(t);
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_BUS, 0);
    mmd_stop(t);
}

static MmdQueue open_swapped(MmdTest *t, unsigned q, unsigned log2n)
{
    MmdQueue mq = {
        .t = t, .q = q, .log2n = log2n, .base = QUEUE_MEM(q),
        .swap = PAGE_SWAP,
    };

    q_program(t, q, log2n, DOMAIN);
    mem_fill(t, QUEUE_MEM(q), 0, MMAPDEMO_RING_BYTES(log2n) + PAGE);
    q_set_word(&mq, MMAPDEMO_RING_CQ_EVENT, MMAPDEMO_CQ_EVENT_QUIET);
    q_set(t, q, CTL, MMAPDEMO_QCTL_ENABLE);
    assert_queue(t, q, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
    return mq;
}

static void swapped_frames(const void *data)
{
    static const uint32_t lens[] = { 1, 64, 4096, 8192, 65536, 300001 };
    MmdTest *t = start(data);
    MmdQueue mq = open_swapped(t, 1, 8);

    w_usual(t, DOMAIN);
    for (unsigned i = 0; i < ARRAY_SIZE(lens); i++) {
        for (uint32_t off = 0; off < PAGE; off += PAGE - 1) {
            Sqe to = { .op = MMAPDEMO_OP_COPY, .len = lens[i],
                       .src_win = WIN_A, .src_off = off, .dst_win = WIN_MEM };
            Sqe from = { .op = MMAPDEMO_OP_COPY, .len = lens[i],
                         .src_win = WIN_MEM, .dst_win = WIN_B,
                         .dst_off = off + 7 };
            Sqe crc = { .op = MMAPDEMO_OP_CRC32C, .len = lens[i],
                        .src_win = WIN_B, .src_off = off + 7 };
            g_autofree uint8_t *buf = mem_numbers(i, lens[i]);

            bus_number(t, RAM_BUF + off, i, lens[i]);
            mem_fill(t, RAM_BUF2, 0, lens[i] + 4 * PAGE);
            q_expect(&mq, &to, .bytes = lens[i]);
            mem_assert_number(t, t->mem, i, lens[i]);
            q_expect(&mq, &from, .bytes = lens[i]);
            bus_assert_number(t, RAM_BUF2 + off + 7, i, lens[i]);
            q_expect(&mq, &crc, .bytes = lens[i],
                     .aux = crc32c_bits(0, buf, lens[i]));
        }
    }
    mmd_stop(t);
}

/* Fetches of many descriptors and the completions go over page ends, too */
static void swapped_rings(const void *data)
{
    MmdTest *t = start(data);
    MmdQueue mq = open_swapped(t, 1, 10);

    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 1000; i++) {
            Sqe sqe = { .op = MMAPDEMO_OP_NOP, .user = round * 1000 + i };

            q_put(&mq, &sqe);
        }
        q_publish(&mq);
        q_ring(&mq);
        q_drain(&mq);
        for (unsigned i = 0; i < 1000; i++) {
            assert_cqe(&mq, round * 1000 + i, .user = round * 1000 + i);
        }
    }
    mmd_stop(t);
}

/* Lists of elements and lists of pages, across the end of a page */
static void swapped_lists(const void *data)
{
    MmdTest *t = start(data);
    MmdQueue mq = open_swapped(t, 1, 4);
    const uint64_t list = RAM_LIST + PAGE - 40, pages = RAM_LIST + 64 * KiB;
    MmdWindow win = {
        .addr = pages, .shift = 13, .first = 100, .len = 100000,
        .cfg = W_KIND(MMAPDEMO_WKIND_LIST) | DOMAIN | W_BOTH,
    };
    Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = 10 * 3000, .nsrc = 10,
                .src_win = WIN_LIST, .src_off = list - RAM_LIST,
                .dst_win = WIN_MEM };
    Sqe paged = { .op = MMAPDEMO_OP_COPY, .len = 100000, .src_win = W,
                  .dst_win = WIN_MEM };

    w_usual(t, DOMAIN);
    for (unsigned i = 0; i < 10; i++) {
        Sge le = { .win = cpu_to_le32(WIN_A), .len = cpu_to_le32(3000),
                   .off = cpu_to_le64(i * 5000) };

        for (unsigned at = 0; at < sizeof(le); at++) {
            qtest_writeb(t->qts, (list + i * sizeof(le) + at) ^ PAGE_SWAP,
                         ((uint8_t *)&le)[at]);
        }
        bus_number(t, RAM_BUF + i * 5000, i * 3000, 3000);
    }
    q_expect(&mq, &sqe, .bytes = sqe.len);
    mem_assert_number(t, t->mem, 0, sqe.len);

    /* pages of 8 KiB on the bus, whose halves are swapped, in reverse */
    for (unsigned i = 0; i < 16; i++) {
        qtest_writeq(t->qts, (pages + i * 8) ^ PAGE_SWAP,
                     (RAM_BUF2 + (15 - i) * 8192) | 1);
        bus_number(t, RAM_BUF2 + (15 - i) * 8192, i * 8192, 8192);
    }
    w_open(t, W, &win);
    q_expect(&mq, &paged, .bytes = paged.len);
    mem_assert_number(t, t->mem, 100, paged.len);
    mmd_stop(t);
}

/* Mapped elsewhere or not at all: from the invalidation on, not before */
static void no_old_translation_is_used(const void *data)
{
    MmdTest *t = start(data);
    MmdQueue mq = open_swapped(t, 1, 4);
    Sqe sqe = { .op = MMAPDEMO_OP_FILL, .len = 3 * PAGE, .dst_win = WIN_B };

    w_usual(t, DOMAIN);
    for (int i = 1; i < 10; i++) {
        uint64_t frame = RAM_BUF + i * 3 * PAGE;
        Cqe cqe;

        mem_fill(t, RAM_BUF2, 0xee, 4 * PAGE);
        mem_fill(t, RAM_BUF, 0xee, 64 * PAGE);
        sqe.arg = 0x0101010101010101 * i;
        map(t, RAM_BUF2 + PAGE, frame, RW);
        vtd_invalidate(t);
        q_expect(&mq, &sqe, .bytes = sqe.len);
        mem_assert_fill(t, frame, i, PAGE);
        mem_assert_fill(t, frame + PAGE, 0xee, PAGE);
        /* the old frame of that page belongs to somebody else now */
        mem_assert_fill(t, RAM_BUF2, 0xee, PAGE);

        /* read-only is not for writing */
        map(t, RAM_BUF2 + PAGE, frame, i % 2 ? 1 : 0);
        vtd_invalidate(t);
        mem_fill(t, frame, 0xee, PAGE);
        q_submit(&mq, &sqe);
        q_drain(&mq);
        cqe = q_cqe(&mq, mq.tail - 1);
        g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_BUS);
        g_assert_cmpuint(cqe.bytes, <=, PAGE);
        mem_assert_fill(t, frame, 0xee, PAGE);
    }
    mmd_stop(t);
}

static void unmapped_ring_stops_the_queue(const void *data)
{
    MmdTest *t = start(data);
    MmdQueue mq = open_swapped(t, 1, 8), other = open_swapped(t, 2, 4);
    Sqe nop = { .user = 1 };

    /* where index 1 is: the words, its completion, its descriptor */
    for (unsigned page = 0; page < 4; page += 1 + page % 2) {
        uint64_t bus = QUEUE_MEM(1) + page * PAGE;

        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
        map(t, bus, 0, 0);
        vtd_invalidate(t);
        q_submit(&mq, &nop);
        q_wait_stopped(&mq);
        g_assert_cmpuint(q_get(t, 1, ERROR), ==, MMAPDEMO_QERR_RING);
        q_expect(&other, &nop, .status = MMAPDEMO_CQ_OK);
        map(t, bus, bus ^ PAGE_SWAP, RW);
        vtd_invalidate(t);
        q_set(t, 1, CTL, MMAPDEMO_QCTL_DISABLE);
        mq = open_swapped(t, 1, 8);
    }
    mmd_stop(t);
}

/* Unmapped while bytes move: when the guest was told so, none moves any more */
static void unmapped_at_work(const void *data)
{
    MmdTest *t = start(data);
    g_autofree uint8_t *before = g_malloc(LEN);
    g_autofree uint8_t *after = g_malloc(LEN);
    unsigned middle = 0;

    w_usual(t, DOMAIN);
    mem_fill(t, t->mem, 0x5a, LEN);
    for (int i = 0; i < 8; i++) {
        MmdQueue mq;
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = LEN, .src_win = WIN_MEM,
                    .dst_win = WIN_A };
        Cqe cqe;

        mem_fill(t, RAM_BUF, 0, LEN);
        mq = open_swapped(t, 1, 4);
        q_submit(&mq, &sqe);
        for (int j = 0; j < i * 3; j++) {
            qtest_readl(t->qts, RAM_MSI);
        }
        for (unsigned j = 0; j < LEN / (2 * MiB); j++) {
            qtest_writeq(t->qts, LEVEL2 + (RAM_BUF / (2 * MiB) + j) * 8, 0);
        }
        vtd_invalidate(t);
        mem_read(t, RAM_BUF, before, LEN);
        q_drain(&mq);
        mem_read(t, RAM_BUF, after, LEN);
        g_assert_true(!memcmp(before, after, LEN));
        cqe = q_cqe(&mq, 0);
        if (cqe.bytes < LEN) {
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_BUS);
            middle += cqe.bytes > 0;
        } else {
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_OK);
        }
        for (unsigned j = 0; j < LEN / (2 * MiB); j++) {
            unsigned entry = RAM_BUF / (2 * MiB) + j;

            qtest_writeq(t->qts, LEVEL2 + entry * 8,
                         (LEVEL1 + entry * PAGE) | RW);
        }
        vtd_invalidate(t);
        q_set(t, 1, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    g_test_message("%u of 8 in the middle of it", middle);
    mmd_stop(t);
}

/* The whole topology changes under a burst, perhaps inside of its own DMA */
static void translation_switched_at_work(const void *data)
{
    MmdTest *t = start(data);

    w_usual(t, DOMAIN);
    for (int i = 0; i < 20; i++) {
        MmdQueue mq = open_swapped(t, 1, 6);
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = 1 * MiB, .src_win = WIN_A,
                    .dst_win = WIN_B };

        for (int j = 0; j < 64; j++) {
            q_put(&mq, &sqe);
        }
        q_publish(&mq);
        q_ring(&mq);
        for (int j = 0; j < 6; j++) {
            vtd_command(t, j % 2 ? GCMD_TE : 0, GCMD_TE);
            q_ring(&mq);
        }
        vtd_invalidate(t);
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
        q_set(t, 1, CTL, MMAPDEMO_QCTL_DISABLE);
        g_assert_cmpuint(q_get(t, 1, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
    }
    {
        MmdQueue mq = open_swapped(t, 1, 6);
        Sqe nop = { .user = 1 };

        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
    }
    mmd_stop(t);
}

void add_queue_iommu_tests(void)
{
    if (!qtest_has_device("intel-iommu")) {
        return;
    }
    qtest_add_func("/mmapdemo/queue_iommu/tables_are_right", tables_are_right);
#define ADD(fn) add_engine_test("queue_iommu", #fn, fn)
    ADD(swapped_frames);
    ADD(swapped_rings);
    ADD(swapped_lists);
    ADD(no_old_translation_is_used);
    ADD(unmapped_ring_stops_the_queue);
    ADD(unmapped_at_work);
    ADD(translation_switched_at_work);
#undef ADD
}
