/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: descriptors whose source or destination is a list. A list is
 * checked as it is read: a bad one ends half done, and what was told to have
 * moved is what moved.
 */

#include "qemu/osdep.h"
#include "queue.h"

#define DOMAIN      3
#define MAX_NUM MMAPDEMO_QUEUE_MAX_LIST
#define SPAN    (1 * MiB)       /* how much of a destination is looked at */
#define FOREIGN 30              /* a window of another domain */
#define READ    31              /* WIN_B's bytes, for reading */
#define WRITE   32              /* likewise, for writing */
#define SHORT   33              /* 4096 bytes of RAM, then a hole */

static MmdTest *start(const MmdEngine *engine, MmdQueue *mq)
{
    MmdTest *t = engine_start(engine, "");

    w_usual(t, DOMAIN);
    w_bus(t, FOREIGN, RAM_BUF2, SPAN, (DOMAIN + 1) | W_BOTH);
    w_bus(t, READ, RAM_BUF2, SPAN, DOMAIN | W_READ);
    w_bus(t, WRITE, RAM_BUF2, SPAN, DOMAIN | W_WRITE);
    w_bus(t, SHORT, RAM_SIZE - 4096, 65536, DOMAIN | W_BOTH);
    *mq = q_open(t, 0, 4, DOMAIN);
    mem_number(t, RAM_BUF, 5, SPAN);
    return t;
}

static void gather_scatter(const void *data)
{
    static const unsigned nums[] = { 1, 2, 63, 64, 65, 255, 256 };
    MmdQueue mq;
    MmdTest *t = start(data, &mq);

    for (unsigned n = 0; n < ARRAY_SIZE(nums); n++) {
        unsigned num = nums[n];
        g_autofree Sge *src = g_new0(Sge, num);
        g_autofree Sge *dst = g_new0(Sge, num);
        uint32_t len = 0;

        /* of unequal lengths, so that source and destination never meet */
        for (unsigned i = 0; i < num; i++) {
            src[i] = (Sge) {
                .win = WIN_A, .len = 100 + i, .off = len,
            };
            len += src[i].len;
        }
        for (unsigned i = 0, at = 0; i < num; i++) {
            uint32_t step = i + 1 == num ? len - at : 7 + i;

            dst[i] = (Sge) {
                .win = i % 2 ? WIN_MEM : WIN_B, .len = step,
                .off = i % 2 ? i * 1000 : i * 999,
            };
            at += step;
        }
        put_sge(t, RAM_LIST, src, num);
        put_sge(t, RAM_LIST + 0x10000, dst, num);
        for (int how = 1; how < 4; how++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = len, .user = how,
                .src_win = how & 1 ? WIN_LIST : WIN_A,
                .nsrc = how & 1 ? num : 0,
                .dst_win = how & 2 ? WIN_LIST : WIN_B,
                .dst_off = how & 2 ? 0x10000 : 3,
                .ndst = how & 2 ? num : 0,
            };

            mem_fill(t, RAM_BUF2, 0, SPAN);
            mem_fill(t, t->mem, 0, SPAN);
            q_expect(&mq, &sqe, .bytes = len);
            if (!(how & 2)) {
                mem_assert_number(t, RAM_BUF2 + 3, 5, len);
                mem_assert_fill(t, RAM_BUF2 + 3 + len, 0, 100);
                continue;
            }
            for (unsigned i = 0, at = 0; i < num; at += dst[i].len, i++) {
                uint64_t to = (i % 2 ? t->mem : RAM_BUF2) + dst[i].off;

                mem_assert_number(t, to, 5 + at, dst[i].len);
                if (i + 1 < num) {
                    mem_assert_fill(t, to + dst[i].len, 0, 64);
                }
            }
        }
    }
    mmd_stop(t);
}

/* The other operations go through the same lists */
static void every_operation_takes_lists(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    const uint32_t len = 10 * 4000;
    g_autofree uint8_t *buf = mem_numbers(5, len);
    Sge sge[10];
    Sqe sqe;

    for (unsigned i = 0; i < 10; i++) {
        sge[i] = (Sge) { .win = WIN_A, .len = 4000, .off = i * 4000 };
    }
    put_sge(t, RAM_LIST, sge, 10);
    for (unsigned i = 0; i < 10; i++) {
        sge[i] = (Sge) { .win = WIN_B, .len = 4001, .off = i * 8192 };
    }
    sge[9].len = 4000 - 9;
    put_sge(t, RAM_LIST + 4096, sge, 10);

    sqe = (Sqe) {
        .op = MMAPDEMO_OP_CRC32C, .len = len, .nsrc = 10, .src_win = WIN_LIST,
    };
    q_expect(&mq, &sqe, .bytes = len, .aux = crc32c_bits(0, buf, len));

    mem_fill(t, RAM_BUF2, 0, SPAN);
    sqe = (Sqe) {
        .op = MMAPDEMO_OP_FILL, .len = len, .ndst = 10, .dst_win = WIN_LIST,
        .dst_off = 4096, .arg = 0x0807060504030201,
    };
    q_expect(&mq, &sqe, .bytes = len);
    for (uint32_t i = 0, at = 0; i < 10; at += sge[i].len, i++) {
        g_autofree uint8_t *got = g_malloc(sge[i].len);

        mem_read(t, RAM_BUF2 + sge[i].off, got, sge[i].len);
        for (uint32_t j = 0; j < sge[i].len; j++) {
            g_assert_cmphex(got[j], ==, (at + j) % 8 + 1);
        }
        mem_assert_fill(t, RAM_BUF2 + sge[i].off + sge[i].len, 0, 4000);
    }

    sqe = (Sqe) {
        .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_A, .ndst = 10,
        .dst_win = WIN_LIST, .dst_off = 4096,
    };
    q_expect(&mq, &sqe, .bytes = len);
    sqe.op = MMAPDEMO_OP_COMPARE;
    sqe.nsrc = 10;
    sqe.src_win = WIN_LIST;
    q_expect(&mq, &sqe, .bytes = len);
    qtest_writeb(t->qts, RAM_BUF2 + sge[7].off + 70,
                 ~qtest_readb(t->qts, RAM_BUF2 + sge[7].off + 70));
    q_expect(&mq, &sqe, .status = MMAPDEMO_CQ_MISCOMPARE,
             .bytes = 7 * 4001 + 70, .aux = 7 * 4001 + 70);
    mmd_stop(t);
}

/* --- lists that lie ------------------------------------------------------- */

typedef struct Lie {
    const char *name;
    Sge sge[4];
    unsigned num;
    uint32_t len;
    uint16_t status;
    uint32_t detail;        /* the element */
    uint32_t bytes;         /* at most: before it */
} Lie;

#define P   .win = WIN_B        /* plain elements are there */
static const Lie lies[] = {
    { "first empty", { { P }, { P, 100, 0 } }, 2, 100,
      MMAPDEMO_CQ_LIST, 0, 0 },
    { "middle empty", { { P, 50, 0 }, { P }, { P, 50, 200 } }, 3, 100,
      MMAPDEMO_CQ_LIST, 1, 50 },
    { "last empty", { { P, 50, 0 }, { P, 50, 100 }, { P } }, 3, 100,
      MMAPDEMO_CQ_LIST, 2, 100 },
    { "too large", { { P, 60, 0 }, { P, 60, 100 } }, 2, 100,
      MMAPDEMO_CQ_LIST, 1, 60 },
    { "one too large", { { P, 101, 0 } }, 1, 100,
      MMAPDEMO_CQ_LIST, 0, 0 },
    { "one too many", { { P, 100, 0 }, { P, 1, 100 } }, 2, 100,
      MMAPDEMO_CQ_LIST, 1, 100 },
    { "too small", { { P, 50, 0 }, { P, 49, 100 } }, 2, 100,
      MMAPDEMO_CQ_LIST, 1, 99 },
    { "sum overflows", { { P, 99, 0 }, { P, 0xffffffff, 100 },
                         { P, 2, 200 } }, 3, 100,
      MMAPDEMO_CQ_LIST, 1, 99 },
    { "no such window", { { P, 50, 0 }, { 77, 50, 0 } }, 2, 100,
      MMAPDEMO_CQ_WINDOW, 1, 50 },
    { "window number", { { P, 50, 0 }, { 0xffffffff, 50, 0 } }, 2, 100,
      MMAPDEMO_CQ_WINDOW, 1, 50 },
    { "other domain", { { P, 50, 0 }, { P, 10, 70 }, { FOREIGN, 40, 0 } }, 3,
      100, MMAPDEMO_CQ_WINDOW, 2, 60 },
    { "range", { { P, 50, 0 }, { P, 50, WIN_SPAN - 49 } }, 2, 100,
      MMAPDEMO_CQ_RANGE, 1, 50 },
    { "range wraps", { { P, 50, 0 }, { P, 50, UINT64_MAX - 20 } }, 2, 100,
      MMAPDEMO_CQ_RANGE, 1, 50 },
    { "hole", { { P, 50, 0 }, { SHORT, 50, 8192 } }, 2, 100,
      MMAPDEMO_CQ_BUS, 1, 50 },
};
#undef P

/* Bytes of RAM_BUF2 that are not the poison any more */
static uint32_t count_moved(MmdTest *t, uint8_t poison)
{
    g_autofree uint8_t *buf = g_malloc(4096);
    uint32_t n = 0;

    mem_read(t, RAM_BUF2, buf, 4096);
    for (unsigned i = 0; i < 4096; i++) {
        n += buf[i] != poison;
    }
    return n;
}

static void lying_lists_end_half_done(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    Sqe nop = { .user = 1 };

    mem_fill(t, RAM_BUF, 0x5a, SPAN);
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        const Lie *lie = &lies[i];

        for (int src = 0; src < 2; src++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = lie->len, .user = i,
                .nsrc = src ? lie->num : 0,
                .src_win = src ? WIN_LIST : WIN_A,
                .ndst = src ? 0 : lie->num,
                .dst_win = src ? WIN_MEM : WIN_LIST,
            };
            Cqe cqe;

            put_sge(t, RAM_LIST, lie->sge, lie->num);
            mem_fill(t, RAM_BUF2, 0xa5, 65536);
            mem_fill(t, t->mem, 0x11, 4096);
            q_submit(&mq, &sqe);
            q_drain(&mq);
            cqe = q_cqe(&mq, mq.tail - 1);
            if (cqe.status != lie->status || cqe.detail != lie->detail ||
                cqe.bytes > lie->bytes || cqe.aux || cqe.reserved) {
                g_error("%s, %s: status %u detail %u bytes %u aux %" PRIu64
                        ", expected %u %u, at most %u", lie->name,
                        src ? "source" : "destination", cqe.status, cqe.detail,
                        cqe.bytes, cqe.aux, lie->status, lie->detail,
                        lie->bytes);
            }
            if (src) {
                mem_assert_fill(t, t->mem, 0xa5, cqe.bytes);
                mem_assert_fill(t, t->mem + cqe.bytes, 0x11,
                                4096 - cqe.bytes);
            } else {
                g_assert_cmpuint(count_moved(t, 0xa5), ==, cqe.bytes);
            }
            q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
        }
    }
    mmd_stop(t);
}

/* Source elements are to be read and destination elements to be written */
static void elements_need_their_access(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    Sge sge[2] = { { .win = WIN_B, .len = 50 } };
    Sqe src = { .op = MMAPDEMO_OP_COPY, .len = 100, .nsrc = 2,
                .src_win = WIN_LIST, .dst_win = WIN_MEM };
    Sqe dst = { .op = MMAPDEMO_OP_COPY, .len = 100, .src_win = WIN_MEM,
                .ndst = 2, .dst_win = WIN_LIST };

    for (unsigned w = READ; w <= WRITE; w++) {
        bool read = w == READ;

        sge[1] = (Sge) { .win = w, .len = 50, .off = 100 };
        put_sge(t, RAM_LIST, sge, 2);
        q_submit(&mq, &src);
        q_drain(&mq);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).status, ==,
                         read ? MMAPDEMO_CQ_OK : MMAPDEMO_CQ_ACCESS);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).detail, ==, read ? 0 : 1);
        q_submit(&mq, &dst);
        q_drain(&mq);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).status, ==,
                         read ? MMAPDEMO_CQ_ACCESS : MMAPDEMO_CQ_OK);
        g_assert_cmpuint(q_cqe(&mq, mq.tail - 1).detail, ==, read ? 1 : 0);
    }
    mmd_stop(t);
}

/* The list itself lies in a window, which has to be good for all of it */
static void list_itself_is_checked(const void *data)
{
    static const struct {
        uint32_t win;
        uint16_t num, status;
        uint64_t off;
    } bad[] = {
        { WIN_LIST, MAX_NUM + 1, MMAPDEMO_CQ_LIST, 0 },
        { WIN_LIST, UINT16_MAX, MMAPDEMO_CQ_LIST, 0 },
        { 77, 2, MMAPDEMO_CQ_WINDOW, 0 },
        { UINT32_MAX, 2, MMAPDEMO_CQ_WINDOW, 0 },
        { FOREIGN, 2, MMAPDEMO_CQ_WINDOW, 0 },
        { WRITE, 2, MMAPDEMO_CQ_ACCESS, 0 },
        { WIN_LIST, 2, MMAPDEMO_CQ_RANGE, 1 * MiB - 31 },
        { WIN_LIST, 1, MMAPDEMO_CQ_RANGE, 1 * MiB - 15 },
        { WIN_LIST, 2, MMAPDEMO_CQ_RANGE, UINT64_MAX - 15 },
        { SHORT, 2, MMAPDEMO_CQ_BUS, 4096 },
    };
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    Sqe nop = { .user = 1 };
    Sge sge[2] = { { .win = WIN_B, .len = 50 },
                   { .win = WIN_B, .len = 50, .off = 1000 } };

    mem_fill(t, RAM_BUF2, 0xa5, 4096);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        Sqe dst = {
            .op = MMAPDEMO_OP_COPY, .len = 100, .src_win = WIN_A,
            .ndst = bad[i].num, .dst_win = bad[i].win, .dst_off = bad[i].off,
        };
        Sqe src = {
            .op = MMAPDEMO_OP_COPY, .len = 100, .nsrc = bad[i].num,
            .src_win = bad[i].win, .src_off = bad[i].off, .dst_win = WIN_B,
        };

        q_expect(&mq, &dst, .status = bad[i].status);
        q_expect(&mq, &src, .status = bad[i].status);
        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
    }
    g_assert_cmpuint(count_moved(t, 0xa5), ==, 0);

    /* one more than there may be, each of them good */
    {
        g_autofree Sge *many = g_new0(Sge, MAX_NUM + 1);
        Sqe dst = {
            .op = MMAPDEMO_OP_COPY, .len = MAX_NUM + 1, .src_win = WIN_A,
            .ndst = MAX_NUM + 1, .dst_win = WIN_LIST, .dst_off = 65536,
        };
        Sqe from = {
            .op = MMAPDEMO_OP_COPY, .len = MAX_NUM + 1, .dst_win = WIN_A,
            .nsrc = MAX_NUM + 1, .src_win = WIN_LIST, .src_off = 65536,
        };

        for (unsigned i = 0; i < MAX_NUM + 1; i++) {
            many[i] = (Sge) { .win = WIN_B, .len = 1, .off = i };
        }
        put_sge(t, RAM_LIST + 65536, many, MAX_NUM + 1);
        q_expect(&mq, &dst, .status = MMAPDEMO_CQ_LIST);
        q_expect(&mq, &from, .status = MMAPDEMO_CQ_LIST);
        g_assert_cmpuint(count_moved(t, 0xa5), ==, 0);
        dst.ndst = dst.len = MAX_NUM;
        q_expect(&mq, &dst, .bytes = MAX_NUM);
        mem_assert_number(t, RAM_BUF2, 5, MAX_NUM);
    }

    /* the last two places of the window are good; so is an odd one */
    put_sge(t, RAM_LIST + 1 * MiB - 32, sge, 2);
    put_sge(t, RAM_LIST + 4093, sge, 2);
    for (int odd = 0; odd < 2; odd++) {
        Sqe sqe = {
            .op = MMAPDEMO_OP_COPY, .len = 100, .src_win = WIN_A, .ndst = 2,
            .dst_win = WIN_LIST, .dst_off = odd ? 4093 : 1 * MiB - 32,
        };

        mem_fill(t, RAM_BUF2, 0, 4096);
        q_expect(&mq, &sqe, .bytes = 100);
        mem_assert_number(t, RAM_BUF2, 5, 50);
        mem_assert_number(t, RAM_BUF2 + 1000, 55, 50);
    }
    mmd_stop(t);
}

/* A list that the transfer itself writes over: each element is read once */
static void list_under_its_own_transfer(const void *data)
{
    MmdQueue mq;
    MmdTest *t = start(data, &mq);
    g_autofree Sge *sge = g_new0(Sge, MAX_NUM);
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = MAX_NUM * 4096, .src_win = WIN_A,
        .ndst = MAX_NUM, .dst_win = WIN_B, .user = 4,
    };
    Cqe cqe;

    /* it lies in WIN_B's first page, which it names again and again */
    for (unsigned i = 0; i < MAX_NUM; i++) {
        sge[i] = (Sge) { .win = WIN_B, .len = 4096, .off = i % 2 ? 4096 : 0 };
    }
    put_sge(t, RAM_BUF2, sge, MAX_NUM);
    mem_fill(t, RAM_BUF, 0xff, SPAN);
    q_submit(&mq, &sqe);
    q_drain(&mq);
    cqe = q_cqe(&mq, mq.tail - 1);
    /* as far as it was read; then ff is neither a window nor a length */
    g_assert_true(cqe.status == MMAPDEMO_CQ_OK ||
                  cqe.status == MMAPDEMO_CQ_LIST ||
                  cqe.status == MMAPDEMO_CQ_WINDOW);
    g_assert_cmpuint(cqe.bytes, <=, sqe.len);
    g_assert_cmpuint(cqe.bytes, ==, mmd_get(t, CNT_Q_BYTES));
    mem_assert_fill(t, RAM_BUF2 + 8192, 0, 65536);
    assert_queue(t, 0, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
    mmd_stop(t);
}

void add_queue_list_tests(void)
{
#define ADD(fn) add_engine_test("queue_list", #fn, fn)
    ADD(gather_scatter);
    ADD(every_operation_takes_lists);
    ADD(lying_lists_end_half_done);
    ADD(elements_need_their_access);
    ADD(list_itself_is_checked);
    ADD(list_under_its_own_transfer);
#undef ADD
}
