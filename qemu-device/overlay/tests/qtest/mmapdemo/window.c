/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the window table: what it refuses, who may use which entry,
 * and where each kind of window leads.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue.h"

#define W       40
#define DOMAIN      9
#define PAGE    4096
#define ENTRIES MMAPDEMO_WINDOW_LIST_ENTRIES
#define BUS     W_KIND(MMAPDEMO_WKIND_BUS)
#define LIST    W_KIND(MMAPDEMO_WKIND_LIST)
#define LIST2   W_KIND(MMAPDEMO_WKIND_LIST2)
#define MEM     W_KIND(MMAPDEMO_WKIND_MEM)

typedef struct Case {
    MmdWindow win;
    uint32_t status;
} Case;

static void check_cases(MmdTest *t, const Case *cases, unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        MmdWindow win = cases[i].win;
        uint32_t status;

        win.cfg |= DOMAIN | W_BOTH;
        status = w_try(t, W, &win);
        if (status != cases[i].status ||
            !!(w_get(t, W, CFG) & MMAPDEMO_WCFG_VALID) == !!status) {
            g_error("case %u, addr 0x%" PRIx64 " len 0x%" PRIx64
                    ": STATUS %u CFG 0x%" PRIx64 ", expected %u", i, win.addr,
                    win.len, status, w_get(t, W, CFG), cases[i].status);
        }
        /* neither the entry beside it nor its own parameters changed */
        g_assert_cmphex(w_get(t, W, ADDR), ==, win.addr);
        g_assert_cmphex(w_get(t, W, LEN), ==, win.len);
        g_assert_cmphex(w_get(t, W, FIRST), ==, win.first);
        g_assert_cmphex(w_get(t, W, SHIFT), ==, win.shift);
        g_assert_cmphex(w_get(t, W - 1, CFG), ==, 0);
        g_assert_cmphex(w_get(t, W + 1, CFG), ==, 0);
        mmd_assert_no_error(t);
    }
}

static void bad_entries_stay_invalid(void)
{
    static const Case cases[] = {
        { { 0, 0, 0, 0, BUS }, MMAPDEMO_WERR_LEN },
        { { 0, 0, 0, 0, MEM }, MMAPDEMO_WERR_LEN },
        { { 0, 0, 0, 12, LIST }, MMAPDEMO_WERR_LEN },
        { { 0, 0, 0, 12, LIST2 }, MMAPDEMO_WERR_LEN },
        /* the whole of the bus but one byte, and one byte less */
        { { 0, UINT64_MAX, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { 1, UINT64_MAX, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { 2, UINT64_MAX, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { UINT64_MAX, 1, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { UINT64_MAX, 2, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { 1ULL << 63, 1ULL << 63, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { 1ULL << 63, (1ULL << 63) + 1, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { 0, BAR2_SIZE, 0, 0, MEM }, MMAPDEMO_WERR_NONE },
        { { BAR2_SIZE - 1, 1, 0, 0, MEM }, MMAPDEMO_WERR_NONE },
        { { 0, BAR2_SIZE + 1, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { BAR2_SIZE - 1, 2, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { BAR2_SIZE, 1, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { UINT64_MAX, 1, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { UINT64_MAX, 2, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { 1, UINT64_MAX, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        { { -(uint64_t)PAGE, 2 * PAGE, 0, 0, MEM }, MMAPDEMO_WERR_RANGE },
        /* pages: 4 KiB to 1 GiB */
        { { RAM_LIST, PAGE, 0, 11, LIST }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, 0, LIST }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, 31, LIST }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, 64 + 12, LIST }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, UINT32_MAX, LIST2 }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, 11, LIST2 }, MMAPDEMO_WERR_SHIFT },
        { { RAM_LIST, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, PAGE, 0, 30, LIST2 }, MMAPDEMO_WERR_NONE },
        { { RAM_BUF, PAGE, 0, 12, BUS }, MMAPDEMO_WERR_SHIFT },
        { { 0, PAGE, 0, 1, MEM }, MMAPDEMO_WERR_SHIFT },
        /* the first byte lies in the first page */
        { { RAM_LIST, PAGE, PAGE, 12, LIST }, MMAPDEMO_WERR_FIRST },
        { { RAM_LIST, PAGE, UINT32_MAX, 12, LIST2 }, MMAPDEMO_WERR_FIRST },
        { { RAM_LIST, 1, 1U << 30, 30, LIST }, MMAPDEMO_WERR_FIRST },
        { { RAM_LIST, PAGE, PAGE - 1, 12, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, 1, (1U << 30) - 1, 30, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_BUF, PAGE, 1, 0, BUS }, MMAPDEMO_WERR_FIRST },
        { { 0, PAGE, 1, 0, MEM }, MMAPDEMO_WERR_FIRST },
        /* lists hold 512 pages, or 512 lists of them */
        { { RAM_LIST, ENTRIES * PAGE, 0, 12, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, ENTRIES * PAGE + 1, 0, 12, LIST }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, ENTRIES * PAGE, 1, 12, LIST }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, ENTRIES * PAGE - 1, 1, 12, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, 1 * GiB, 0, 12, LIST2 }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, 1 * GiB + 1, 0, 12, LIST2 }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, 1 * GiB, 1, 12, LIST2 }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, UINT64_MAX, 0, 12, LIST }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, UINT64_MAX, PAGE - 1, 12, LIST2 }, MMAPDEMO_WERR_LEN },
        { { RAM_LIST, 512 * GiB, 0, 30, LIST }, MMAPDEMO_WERR_NONE },
        { { RAM_LIST, 512 * GiB + 1, 0, 30, LIST }, MMAPDEMO_WERR_LEN },
        /* list pages are pages */
        { { RAM_LIST + 8, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_ADDR },
        { { RAM_LIST + 2048, PAGE, 0, 12, LIST2 }, MMAPDEMO_WERR_ADDR },
        { { RAM_LIST | 1, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_ADDR },
        { { -(uint64_t)PAGE, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_NONE },
    };
    MmdTest *t = mmd_start("");

    check_cases(t, cases, ARRAY_SIZE(cases));
    mmd_stop(t);
}

static void mask_bounds_windows(void)
{
    static const Case cases[] = {
        { { 0, 1ULL << 26, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { 0, (1ULL << 26) + 1, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { (1ULL << 26) - 1, 1, 0, 0, BUS }, MMAPDEMO_WERR_NONE },
        { { (1ULL << 26) - 1, 2, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { 1ULL << 26, 1, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { UINT64_MAX, 1, 0, 0, BUS }, MMAPDEMO_WERR_ADDR },
        { { (1ULL << 26) - PAGE, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_NONE },
        { { 1ULL << 26, PAGE, 0, 12, LIST }, MMAPDEMO_WERR_ADDR },
        { { 1ULL << 26, PAGE, 0, 12, LIST2 }, MMAPDEMO_WERR_ADDR },
        /* BAR2 is not on the bus */
        { { 0, BAR2_SIZE, 0, 0, MEM }, MMAPDEMO_WERR_NONE },
    };
    MmdTest *t = mmd_start("dma-mask=0x3ffffff");
    const uint64_t list = 32 * MiB, qmem = 40 * MiB;
    uint64_t entry = cpu_to_le64(1ULL << 26 | 1);
    MmdWindow win = {
        .addr = list, .len = PAGE, .shift = 12, .cfg = LIST | DOMAIN | W_BOTH,
    };
    MmdQueue mq = { .t = t, .q = 0, .log2n = 3, .base = qmem };
    Sqe fill = { .op = MMAPDEMO_OP_FILL, .len = 64, .dst_win = W, .arg = -1 };

    check_cases(t, cases, ARRAY_SIZE(cases));

    /* an entry of a list that says it nevertheless: no use, no truncation */
    mem_write(t, list, &entry, sizeof(entry));
    mem_fill(t, 0, 0x3c, PAGE);
    mem_fill(t, 1ULL << 26, 0x3c, PAGE);
    w_open(t, W, &win);
    q_set(t, 0, BASE, qmem);
    q_set(t, 0, LOG2N, 3);
    q_set(t, 0, PD, DOMAIN);
    q_set(t, 0, CTL, MMAPDEMO_QCTL_ENABLE);
    q_expect(&mq, &fill, .status = MMAPDEMO_CQ_BUS);
    mem_assert_fill(t, 0, 0x3c, PAGE);
    mem_assert_fill(t, 1ULL << 26, 0x3c, PAGE);
    mmd_stop(t);
}

/* While it is valid nothing of it changes, but that it is not any more */
static void valid_entry_is_immutable(void)
{
    static const uint32_t cfgs[] = {
        MMAPDEMO_WCFG_VALID | DOMAIN | W_BOTH, MMAPDEMO_WCFG_VALID | 1,
        DOMAIN | W_BOTH, 1, MMAPDEMO_WCFG_VALID,
    };
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 0, 3, DOMAIN);
    Sqe copy = { .op = MMAPDEMO_OP_COPY, .len = 64, .src_win = W,
                 .dst_win = W, .dst_off = 64 };
    uint64_t was[8];

    w_bus(t, W, RAM_BUF, PAGE, DOMAIN | W_BOTH);
    for (unsigned i = 0; i < mmd_num_wregs; i++) {
        was[i] = mmd_reg_read(t, MMAPDEMO_WREG(W, ADDR) + mmd_wregs[i].offset);
    }
    for (unsigned i = 0; i < mmd_num_wregs; i++) {
        uint32_t at = MMAPDEMO_WREG(W, ADDR) + mmd_wregs[i].offset;

        if (mmd_wregs[i].access == MMD_RO ||
            mmd_wregs[i].offset == MMAPDEMO_WREG_CFG) {
            continue;
        }
        mmd_reg_write(t, at, 0x12345000);
        mmd_assert_error(t, MMAPDEMO_ERR_BUSY, at, mmd_wregs[i].width, true);
        mmd_reg_write(t, at, was[i]);
        mmd_assert_error(t, MMAPDEMO_ERR_BUSY, at, mmd_wregs[i].width, true);
        if (mmd_wregs[i].width == 8) {
            mmd_write(t, at + 4, 4, 1);
            mmd_assert_error(t, MMAPDEMO_ERR_BUSY, at + 4, 4, true);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(cfgs); i++) {
        w_set(t, W, CFG, cfgs[i]);
        mmd_assert_error(t, MMAPDEMO_ERR_BUSY, MMAPDEMO_WREG(W, CFG), 4, true);
    }
    for (unsigned i = 0; i < mmd_num_wregs; i++) {
        g_assert_cmphex(mmd_reg_read(t, MMAPDEMO_WREG(W, ADDR) +
                                     mmd_wregs[i].offset), ==, was[i]);
    }
    q_expect(&mq, &copy, .bytes = 64);
    w_close(t, W);
    w_set(t, W, LEN, 5);
    mmd_assert_no_error(t);
    q_expect(&mq, &copy, .status = MMAPDEMO_CQ_WINDOW);
    mmd_stop(t);
}

/* --- domains -------------------------------------------------------------- */

static void domains_are_apart(void)
{
    static const uint32_t pds[] = { 0, 1, 2, 255, 256, 257, MMAPDEMO_PD_MAX };
    MmdTest *t = mmd_start("");

    for (unsigned i = 0; i < ARRAY_SIZE(pds); i++) {
        w_bus(t, i, RAM_BUF + i * PAGE, PAGE, pds[i] | W_BOTH);
        q_open(t, i, 4, pds[i]);
    }
    for (unsigned q = 0; q < ARRAY_SIZE(pds); q++) {
        MmdQueue mq = q_open(t, 8 + q % 8, 4, pds[q]);

        for (unsigned w = 0; w < ARRAY_SIZE(pds); w++) {
            Sqe fill = { .op = MMAPDEMO_OP_FILL, .len = PAGE, .dst_win = w,
                         .arg = 0x0101010101010101 * (q + 1) };

            mem_fill(t, RAM_BUF + w * PAGE, 0, PAGE);
            if (!pds[q] || pds[q] == pds[w]) {
                q_expect(&mq, &fill, .bytes = PAGE);
                mem_assert_fill(t, RAM_BUF + w * PAGE, q + 1, PAGE);
            } else {
                Cqe foreign, missing;

                q_expect(&mq, &fill, .status = MMAPDEMO_CQ_WINDOW);
                mem_assert_fill(t, RAM_BUF + w * PAGE, 0, PAGE);
                /* the same answer as for one that is not there */
                foreign = q_cqe(&mq, mq.tail - 1);
                fill.dst_win = 999;
                q_expect(&mq, &fill, .status = MMAPDEMO_CQ_WINDOW);
                missing = q_cqe(&mq, mq.tail - 1);
                missing.gen = foreign.gen;
                g_assert_cmpmem(&foreign, sizeof(foreign), &missing,
                                sizeof(missing));
            }
        }
        q_set(t, mq.q, CTL, MMAPDEMO_QCTL_DISABLE);
    }
    mmd_stop(t);
}

/* --- kinds ---------------------------------------------------------------- */

/* One byte of each page of the window, and both sides of each seam */
static void check_pages(MmdTest *t, MmdQueue *mq, const uint64_t *page,
                        unsigned num, uint32_t first, uint64_t len,
                        unsigned shift)
{
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = len, .src_win = W, .dst_win = WIN_MEM,
    };

    mem_fill(t, t->mem, 0, len + PAGE);
    q_expect(mq, &sqe, .bytes = len);
    mem_assert_fill(t, t->mem + len, 0, PAGE);
    for (uint64_t at = 0; at < len; ) {
        uint64_t in = (first + at) & ((1ULL << shift) - 1);
        uint64_t n = MIN((1ULL << shift) - in, len - at);

        g_assert_cmpuint((first + at) >> shift, <, num);
        mem_assert_number(t, t->mem + at, (uint32_t)(page[(first + at) >>
                          shift] + in), n);
        at += n;
    }
}

static void page_lists_lead_to_their_pages(const void *data)
{
    static const unsigned shifts[] = { 12, 13, 16, 20 };
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);

    w_usual(t, DOMAIN);
    mem_number(t, RAM_BUF, (uint32_t)RAM_BUF, 16 * MiB);
    for (unsigned i = 0; i < ARRAY_SIZE(shifts); i++) {
        unsigned shift = shifts[i], num = MIN(16 * MiB >> shift, 64);
        g_autofree uint64_t *page = g_new(uint64_t, num);

        /* every frame once, none after its neighbour */
        for (unsigned j = 0; j < num; j++) {
            uint64_t frame = (j * 7 + 3) % num;
            uint64_t entry;

            page[j] = RAM_BUF + (frame << shift);
            entry = cpu_to_le64(page[j] | MMAPDEMO_WINDOW_ENTRY_VALID);
            mem_write(t, RAM_LIST + j * 8, &entry, 8);
            /* the same behind two list pages, swapped as well */
            mem_write(t, RAM_LIST + 0x20000 + (j % 2) * PAGE + j / 2 * 8,
                      &entry, 8);
        }
        for (uint32_t first = 0; first < 1U << shift; first += 4095) {
            MmdWindow win = {
                .addr = RAM_LIST, .first = first, .shift = shift,
                .len = ((uint64_t)num << shift) - first,
                .cfg = LIST | DOMAIN | W_READ,
            };
            unsigned used = MIN(win.len, 300000);

            w_close(t, W);
            w_open(t, W, &win);
            check_pages(t, &mq, page, num, first, used, shift);
            if (first > 70000) {
                break;
            }
        }
    }
    mmd_stop(t);
}

static void two_levels_lead_to_their_pages(const void *data)
{
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);
    const unsigned num = 1200;          /* of three lists */
    g_autofree uint64_t *page = g_new(uint64_t, num);
    MmdWindow win = {
        .addr = RAM_LIST, .first = 77, .shift = 12, .len = num * PAGE - 77,
        .cfg = LIST2 | DOMAIN | W_READ,
    };
    Sqe sqe = { .op = MMAPDEMO_OP_COPY, .src_win = W, .dst_win = WIN_MEM };

    w_usual(t, DOMAIN);
    mem_number(t, RAM_BUF, (uint32_t)RAM_BUF, num * PAGE);
    for (unsigned i = 0; i < num; i++) {
        uint64_t list = RAM_LIST + (1 + (i / ENTRIES) * 5 % 3) * 0x10000;
        uint64_t entry = cpu_to_le64(list | MMAPDEMO_WINDOW_ENTRY_VALID);

        mem_write(t, RAM_LIST + i / ENTRIES * 8, &entry, 8);
        page[i] = RAM_BUF + (i * 7 + 5) % num * PAGE;
        entry = cpu_to_le64(page[i] | MMAPDEMO_WINDOW_ENTRY_VALID);
        mem_write(t, list + i % ENTRIES * 8, &entry, 8);
    }
    w_open(t, W, &win);
    check_pages(t, &mq, page, num, 77, win.len, 12);

    /* the seam of two lists, a byte on each side */
    sqe.src_off = ENTRIES * PAGE - 77 - 1;
    sqe.len = 2;
    q_expect(&mq, &sqe, .bytes = 2);
    mem_assert_number(t, t->mem, page[ENTRIES - 1] + PAGE - 1, 1);
    mem_assert_number(t, t->mem + 1, page[ENTRIES], 1);
    /* the last byte, and one more */
    sqe.src_off = win.len - 1;
    sqe.len = 1;
    q_expect(&mq, &sqe, .bytes = 1);
    mem_assert_number(t, t->mem, page[num - 1] + PAGE - 1, 1);
    sqe.len = 2;
    q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_RANGE);
    mmd_stop(t);
}

/* Told to have moved is what moved: the pages before the bad one */
static void bad_list_entries_are_bus_errors(const void *data)
{
    static const uint64_t bad[] = {
        RAM_BUF2,                       /* not valid */
        0,
        HOLE | 1, ROM | 1, 0xe0000000 | 1, UINT64_MAX, RAM_SIZE | 1,
    };
    MmdTest *t = engine_start(data, "");
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);

    w_usual(t, DOMAIN);
    mem_fill(t, RAM_BUF, 0x5a, 64 * PAGE);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        for (unsigned at = 0; at < 40; at += 13) {
            MmdWindow win = {
                .addr = RAM_LIST, .shift = 12, .len = 64 * PAGE,
                .cfg = LIST | DOMAIN | W_WRITE,
            };
            Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = 64 * PAGE,
                        .src_win = WIN_A, .dst_win = W, .user = i };
            Cqe cqe;

            for (unsigned j = 0; j < 64; j++) {
                uint64_t entry = cpu_to_le64(j == at ? bad[i] :
                                             (RAM_BUF2 + j * PAGE) | 1);

                mem_write(t, RAM_LIST + j * 8, &entry, 8);
            }
            mem_fill(t, RAM_BUF2, 0, 64 * PAGE);
            w_close(t, W);
            w_open(t, W, &win);
            q_submit(&mq, &sqe);
            q_drain(&mq);
            cqe = q_cqe(&mq, mq.tail - 1);
            g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_BUS);
            g_assert_cmpuint(cqe.bytes, <=, at * PAGE);
            mem_assert_fill(t, RAM_BUF2, 0x5a, cqe.bytes);
            mem_assert_fill(t, RAM_BUF2 + cqe.bytes, 0, 64 * PAGE - cqe.bytes);
            /* what does not touch that page is fine */
            sqe.len = PAGE;
            sqe.dst_off = 50 * PAGE;
            q_expect(&mq, &sqe, .bytes = PAGE);
        }
    }
    mmd_stop(t);
}

static void list_pages_must_be_memory(void)
{
    static const uint64_t places[] = {
        HOLE, RAM_SIZE, 0xe0000000, 0xe0400000, 1ULL << 45,
    };
    MmdTest *t = mmd_start("");
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);
    Sqe sqe = { .op = MMAPDEMO_OP_FILL, .len = 64, .dst_win = W };

    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        uint64_t entry = cpu_to_le64(places[i] | MMAPDEMO_WINDOW_ENTRY_VALID);
        MmdWindow win = {
            .addr = places[i], .len = PAGE, .shift = 12,
            .cfg = LIST | DOMAIN | W_WRITE,
        };

        /* of one level and of two, the outer and the inner one */
        for (int level = 0; level < 3; level++) {
            w_close(t, W);
            if (level) {
                win.cfg = LIST2 | DOMAIN | W_WRITE;
                win.addr = level == 1 ? places[i] : RAM_LIST;
                mem_write(t, RAM_LIST, &entry, 8);
            }
            w_open(t, W, &win);
            q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_BUS);
        }
    }
    g_assert_cmpuint(mmd_get(t, CNT_DB_RD), ==, 0);
    mmd_stop(t);
}

/* Memory and nothing else: no registers, ours or others', no ROM, no hole */
static void targets_must_be_memory(const void *data)
{
    const MmdEngine *engine = data;
    g_autofree char *more = g_strdup_printf("%s -device mmapdemo,id=mmd1,"
                                            "addr=5,mem-size=32M",
                                            engine->more);
    MmdTest *t = mmd_start_with(engine->props, more);
    MmdTest *u = mmd_attach(t, 0, 5, 1);
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);
    const struct {
        uint64_t addr;
        uint32_t len;
        uint32_t bytes;     /* at most */
    } places[] = {
        { HOLE, 64, 0 }, { RAM_SIZE, 1, 0 }, { RAM_SIZE - PAGE, 2 * PAGE,
          PAGE }, { RAM_SIZE - 100000, 200000, 100000 },
        { ROM & ~0xffffULL, 64, 0 }, { t->regs, 64, 0 },
        { t->regs + MMAPDEMO_REG_SCRATCH32, 4, 0 },
        { t->doorbell, 8, 0 }, { t->doorbell + 0x10000, 4096, 0 },
        { t->msix, 64, 0 }, { t->alias, 64, 0 }, { u->regs, 64, 0 },
        { u->doorbell, 64, 0 }, { u->alias, 64, 0 }, { UINT64_MAX - 63, 64, 0 },
    };
    MmdSnapshot snap, snap_u;
    QueueSnapshot qsnap;

    w_usual(t, DOMAIN);
    mmd_set(t, SCRATCH32, 0x600df00d);
    mmd_snapshot(t, &snap);
    mmd_snapshot(u, &snap_u);
    q_snapshot(t, &qsnap);
    for (unsigned i = 0; i < ARRAY_SIZE(places); i++) {
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = places[i].len };

        w_close(t, W);
        w_bus(t, W, places[i].addr, places[i].len, DOMAIN | W_BOTH);
        for (int write = 0; write < 2; write++) {
            Cqe cqe;

            mem_fill(t, t->mem, 0x5a, 300000);
            if (places[i].bytes) {
                mem_fill(t, places[i].addr, 0xa5, places[i].bytes);
            }
            sqe.src_win = write ? WIN_MEM : W;
            sqe.dst_win = write ? W : WIN_MEM;
            q_submit(&mq, &sqe);
            q_drain(&mq);
            cqe = q_cqe(&mq, mq.tail - 1);
            if (cqe.status != MMAPDEMO_CQ_BUS || cqe.bytes > places[i].bytes) {
                g_error("0x%" PRIx64 " %s: status %u, %u bytes",
                        places[i].addr, write ? "written" : "read",
                        cqe.status, cqe.bytes);
            }
            if (write && places[i].bytes) {
                mem_assert_fill(t, places[i].addr, 0x5a, cqe.bytes);
                mem_assert_fill(t, places[i].addr + cqe.bytes, 0xa5,
                                places[i].bytes - cqe.bytes);
            } else {
                mem_assert_fill(t, t->mem, write ? 0x5a : 0xa5, cqe.bytes);
                mem_assert_fill(t, t->mem + cqe.bytes, 0x5a, 4096);
            }
        }
    }
    mmd_assert_unchanged(t, &snap, 0);
    mmd_assert_unchanged(u, &snap_u, 0);
    q_assert_unchanged(t, &qsnap, 0);
    g_assert_cmpuint(mmd_get(t, CNT_DB_RD) + mmd_get(u, CNT_DB_RD) +
                     mmd_get(u, CNT_DB_WR64) + mmd_get(t, CNT_ALIAS_RD64), ==,
                     0);
    g_free(u);
    mmd_stop(t);
}

/* Our own BAR2 and another's, by their addresses on the bus */
static void memory_of_devices_is_memory(const void *data)
{
    const MmdEngine *engine = data;
    g_autofree char *more = g_strdup_printf("%s -device mmapdemo,id=mmd1,"
                                            "addr=5,mem-size=32M",
                                            engine->more);
    MmdTest *t = mmd_start_with(engine->props, more);
    MmdTest *u = mmd_attach(t, 0, 5, 1);
    MmdQueue mq = q_open(t, 0, 4, DOMAIN);
    Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = 300000, .src_win = WIN_MEM,
                .dst_win = W };

    w_usual(t, DOMAIN);
    mem_number(t, t->mem, 6, 400000);
    w_bus(t, W, u->mem, BAR2_SIZE, DOMAIN | W_BOTH);
    q_expect(&mq, &sqe, .bytes = sqe.len);
    mem_assert_number(t, u->mem, 6, sqe.len);

    /* the same bytes under two names */
    w_close(t, W);
    w_bus(t, W, t->mem, BAR2_SIZE, DOMAIN | W_BOTH);
    sqe.dst_off = 1 * MiB;
    q_expect(&mq, &sqe, .bytes = sqe.len);
    mem_assert_number(t, t->mem + 1 * MiB, 6, sqe.len);
    /* overlapping: undefined there, untouched elsewhere */
    sqe.dst_off = 1000;
    q_expect(&mq, &sqe, .bytes = sqe.len);
    mem_assert_number(t, t->mem, 6, 1000);
    mem_assert_number(t, t->mem + 1000 + sqe.len, 6 + 1000 + sqe.len, 4096);
    mmd_stop(t);
    g_free(u);
}

/* What was memory a moment ago: remembered pointers are not used any more */
static void topology_changes_are_heard(const void *data)
{
    const MmdEngine *engine = data;
    g_autofree char *more = g_strdup_printf("%s -device mmapdemo,id=mmd1,"
                                            "addr=5,mem-size=32M",
                                            engine->more);
    MmdTest *t = mmd_start_with(engine->props, more);
    MmdTest *u = mmd_attach(t, 0, 5, 1);
    MmdQueue mq = q_open(t, 0, 4, DOMAIN), in_bar;
    Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = 300000, .src_win = WIN_MEM,
                .dst_win = W };
    Sqe nop = { .user = 1 };
    uint64_t old = u->mem, base = u->mem + 16 * MiB;

    w_usual(t, DOMAIN);
    w_bus(t, W, old, BAR2_SIZE, DOMAIN | W_BOTH);
    /* a queue may live there as well */
    mem_fill(t, base, 0, 0x4000);
    q_set(t, 1, BASE, base);
    q_set(t, 1, LOG2N, 4);
    q_set(t, 1, PD, DOMAIN);
    q_set(t, 1, VECTOR, QUEUE_VEC(1));
    q_set(t, 1, CTL, MMAPDEMO_QCTL_ENABLE);
    in_bar = (MmdQueue) { .t = t, .q = 1, .log2n = 4, .base = base };
    for (int round = 0; round < 3; round++) {
        mem_fill(t, t->mem, 0x10 + round, sqe.len);
        q_expect(&mq, &sqe, .bytes = sqe.len);
        mem_assert_fill(t, old, 0x10 + round, sqe.len);
        if (!round) {
            q_expect(&in_bar, &nop, .status = MMAPDEMO_CQ_OK);
        }

        /* moved away, and there again */
        u->mem = old + 4 * BAR2_SIZE;
        mmd_setup(u);
        mem_fill(t, t->mem, 0xff, sqe.len);
        q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_BUS);
        if (!round) {
            q_ring(&in_bar);
            q_wait_stopped(&in_bar);
            g_assert_cmpuint(q_get(t, 1, ERROR), ==, MMAPDEMO_QERR_RING);
        }
        u->mem = old;
        mmd_setup(u);
        mem_assert_fill(t, old, 0x10 + round, sqe.len);
    }
    mmd_stop(t);
    g_free(u);
}

void add_window_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/window/" #fn, fn)
#define ADD_ENGINE(fn) add_engine_test("window", #fn, fn)
    ADD(bad_entries_stay_invalid);
    ADD(mask_bounds_windows);
    ADD(valid_entry_is_immutable);
    ADD(domains_are_apart);
    ADD_ENGINE(page_lists_lead_to_their_pages);
    ADD_ENGINE(two_levels_lead_to_their_pages);
    ADD_ENGINE(bad_list_entries_are_bus_errors);
    ADD(list_pages_must_be_memory);
    ADD_ENGINE(targets_must_be_memory);
    ADD_ENGINE(memory_of_devices_is_memory);
    ADD_ENGINE(topology_changes_are_heard);
#undef ADD
#undef ADD_ENGINE
}
