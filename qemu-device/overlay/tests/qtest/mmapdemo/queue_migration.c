/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues and windows that migrate, idle and at work. What was
 * read of the ring travels; what lies in the ring is not read a second time.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue.h"

#define DOMAIN  8
#define LONG     MMAPDEMO_QUEUE_MAX_LEN
#define PROPS   "mem-size=32M"
#define GAP     100000

static const Sqe nop = { .user = 9 };

/* Over to another machine, which does not run yet; this one is gone */
static MmdTest *move_with(MmdTest *t, const char *props)
{
    char *path = stream_new();
    MmdTest *u;

    stream_save(t, path);
    mmd_stop(t);
    u = stream_load(path, props);
    stream_free(path);
    return u;
}

static MmdTest *move(MmdTest *t)
{
    return move_with(t, PROPS);
}

/* Registers of queues and windows, as many as the tests use */
typedef struct Tables {
    QueueSnapshot queues;
    uint64_t window[64][8];
} Tables;

static void read_tables(MmdTest *t, Tables *tables)
{
    q_snapshot(t, &tables->queues);
    for (unsigned w = 0; w < 64; w++) {
        for (unsigned i = 0; i < mmd_num_wregs; i++) {
            tables->window[w][i] = mmd_reg_read(t, MMAPDEMO_WREG(w, ADDR) +
                                                mmd_wregs[i].offset);
        }
    }
}

static void idle_queues_travel(void)
{
    MmdTest *t = mmd_start("");
    g_autofree Tables *before = g_new0(Tables, 1);
    g_autofree Tables *after = g_new0(Tables, 1);
    QueueCounts counts;
    MmdQueue running, paused, failed;
    uint64_t entry;
    MmdWindow list = {
        .addr = RAM_LIST, .len = 8192, .first = 100, .shift = 12,
        .cfg = W_KIND(MMAPDEMO_WKIND_LIST) | DOMAIN | W_READ,
    };
    Sqe copy = { .op = MMAPDEMO_OP_COPY, .len = 8000, .src_win = 20,
                 .dst_win = WIN_MEM, .user = 77 };

    mmd_msix_enable(t);
    w_usual(t, DOMAIN);
    mem_number(t, RAM_BUF, 1, 16384);
    for (unsigned i = 0; i < 3; i++) {
        entry = cpu_to_le64((RAM_BUF + (2 - i) * 4096) | 1);
        mem_write(t, RAM_LIST + i * 8, &entry, 8);
    }
    w_open(t, 20, &list);
    w_set(t, 63, LEN, 0x123456789abc);
    w_set(t, 63, CFG, MMAPDEMO_WCFG_VALID | W_KIND(3));    /* refused */
    running = q_open(t, 1, 4, DOMAIN);
    paused = q_open(t, 2, 5, DOMAIN + 1);
    failed = q_open(t, 3, 6, 0);
    q_set(t, 1, IRQ_GAP_NS, 12345);
    q_set(t, 1, IRQ_COUNT, 17);
    q_set(t, 1, BASE, 0xabc000);         /* for the next ENABLE */
    for (int i = 0; i < 21; i++) {
        q_expect(&running, &nop, .status = MMAPDEMO_CQ_OK);
        q_expect(&paused, &nop, .status = MMAPDEMO_CQ_OK);
    }
    q_set(t, 2, CTL, MMAPDEMO_QCTL_PAUSE);
    q_set_word(&failed, MMAPDEMO_RING_SQ_TAIL, 65);
    q_ring(&failed);
    q_wait_stopped(&failed);
    q_program(t, 4, 13, 0);
    q_set(t, 4, CTL, MMAPDEMO_QCTL_ENABLE);
    g_assert_cmpuint(q_get(t, 4, ERROR), ==, MMAPDEMO_QERR_LOG2N);

    vm_stop(t->qts);
    read_tables(t, before);
    counts = q_counts(t);
    g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 1 << 3);
    t = move(t);
    read_tables(t, after);
    g_assert_cmpmem(before, sizeof(*before), after, sizeof(*after));
    g_assert_cmphex(mmd_get(t, QUEUE_IRQ_STATUS), ==, 1 << 3);
    {
        QueueCounts now = q_counts(t);

        g_assert_cmpmem(&counts, sizeof(counts), &now, sizeof(now));
    }

    vm_cont(t->qts);
    running.t = paused.t = failed.t = t;
    q_expect(&running, &copy, .bytes = 8000);
    mem_assert_number(t, t->mem, 1 + 2 * 4096 + 100, 4096 - 100);
    mem_assert_number(t, t->mem + 4096 - 100, 1 + 4096, 4004);
    q_submit(&paused, &nop);
    vm_settle(t->qts);
    g_assert_false(q_done(&paused, 21));
    q_set(t, 2, CTL, MMAPDEMO_QCTL_RESUME);
    q_drain(&paused);
    assert_queue(t, 3, MMAPDEMO_QSTATE_ERROR, MMAPDEMO_QERR_TAIL);
    mmd_stop(t);
}

/* --- at work -------------------------------------------------------------- */

typedef enum When {
    STOPPED,        /* kicked while the machine stands: nothing was read */
    RUNNING,        /* as far as it came */
    HELD,           /* likewise, but the queue is paused first */
} When;

static void rewrite_slot(MmdQueue *mq, uint32_t index)
{
    mem_fill(mq->t, q_slot(mq, index), 0xff, sizeof(Sqe));
}

/*
 * Submits, moves, and returns with the descriptor complete. If a part of it
 * was done at the source, its slot was overwritten there.
 */
static MmdTest *move_at_work(MmdTest *t, MmdQueue *mq, const Sqe *sqe,
                             When when)
{
    uint64_t done;

    if (when == STOPPED) {
        vm_stop(t->qts);
    }
    q_submit(mq, sqe);
    if (when == HELD) {
        q_set(t, mq->q, CTL, MMAPDEMO_QCTL_PAUSE);
    }
    if (when != STOPPED) {
        vm_stop(t->qts);
    }
    done = mmd_get(t, CNT_Q_BYTES);
    if (mmd_get(t, CNT_Q_DESCS)) {
        rewrite_slot(mq, 0);
    } else {
        g_assert_cmpuint(done, ==, 0);
    }
    t = move(t);
    mq->t = t;
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, done);
    vm_settle(t->qts);
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, done);
    vm_cont(t->qts);
    if (when == HELD) {
        vm_settle(t->qts);
        g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, done);
        q_set(t, mq->q, CTL, MMAPDEMO_QCTL_RESUME);
    }
    q_drain(mq);
    g_test_message("%" PRIu64 " of %u bytes at the source", done, sqe->len);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, 1);
    g_assert_cmpuint(mmd_get(t, CNT_Q_BYTES), ==, sqe->len);
    return t;
}

static void copy_at_work_goes_on(void)
{
    for (When when = STOPPED; when <= HELD; when++) {
        MmdTest *t = mmd_start("dma=bh");
        MmdQueue mq;
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = LONG, .src_win = WIN_A,
                    .dst_win = WIN_MEM, .dst_off = 5, .user = 88 };

        mmd_msix_enable(t);
        w_usual(t, DOMAIN);
        mq = q_open(t, 6, 4, DOMAIN);
        q_set_word(&mq, MMAPDEMO_RING_CQ_EVENT, 0);
        mem_number(t, RAM_BUF, 4, LONG);
        t = move_at_work(t, &mq, &sqe, when);
        assert_cqe(&mq, 0, .user = 88, .bytes = LONG);
        mem_assert_number(t, t->mem + 5, 4, LONG);
        mem_assert_fill(t, t->mem, 0, 5);
        mem_assert_fill(t, t->mem + 5 + LONG, 0, 4096);
        vm_settle(t->qts);
        g_assert_true(mmd_msi_arrived(t, QUEUE_VEC(6)));
        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
        mmd_stop(t);
    }
}

static void crc_at_work_goes_on(void)
{
    g_autofree uint8_t *buf = mem_numbers(4, LONG);

    for (When when = STOPPED; when <= HELD; when++) {
        MmdTest *t = mmd_start("dma=bh");
        MmdQueue mq;
        Sqe sqe = { .op = MMAPDEMO_OP_CRC32C, .len = LONG, .src_win = WIN_A,
                    .arg = 0xdeadbeef, .user = 88 };

        w_usual(t, DOMAIN);
        mq = q_open(t, 6, 4, DOMAIN);
        mem_write(t, RAM_BUF, buf, LONG);
        t = move_at_work(t, &mq, &sqe, when);
        assert_cqe(&mq, 0, .user = 88, .bytes = LONG,
                   .aux = crc32c_bits(0xdeadbeef, buf, LONG));
        mmd_stop(t);
    }
}

/* Lists of both sides, in the middle of an element of each */
static void lists_at_work_go_on(void)
{
    for (When when = STOPPED; when <= HELD; when++) {
        MmdTest *t = mmd_start("dma=bh");
        MmdQueue mq;
        Sge src[256], dst[255];
        const uint32_t len = 256 * 50000;
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = len, .nsrc = 256,
                    .src_win = WIN_LIST, .ndst = 255, .dst_win = WIN_LIST,
                    .dst_off = 8192, .user = 88 };

        w_usual(t, DOMAIN);
        mq = q_open(t, 6, 4, DOMAIN);
        mem_number(t, RAM_BUF, 4, len);
        for (unsigned i = 0; i < 256; i++) {
            src[i] = (Sge) { .win = WIN_A, .len = 50000, .off = i * 50000 };
        }
        for (unsigned i = 0; i < 255; i++) {
            dst[i] = (Sge) { .win = WIN_MEM, .len = 50001,
                             .off = (254 - i) * 60000 };
        }
        dst[254].len = len - 254 * 50001;
        dst[254].off = 20 * MiB;
        put_sge(t, RAM_LIST, src, 256);
        put_sge(t, RAM_LIST + 8192, dst, 255);
        t = move_at_work(t, &mq, &sqe, when);
        assert_cqe(&mq, 0, .user = 88, .bytes = len);
        for (uint32_t i = 0, at = 0; i < 255; at += dst[i].len, i++) {
            mem_assert_number(t, t->mem + dst[i].off, 4 + at, dst[i].len);
        }
        mmd_stop(t);
    }
}

/* Half through a window that is gone when it arrives: taken away there */
static void window_goes_after_the_move(void)
{
    MmdTest *t = mmd_start("dma=bh");
    MmdQueue mq;
    Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = LONG, .src_win = WIN_MEM,
                .dst_win = WIN_A, .user = 88 };
    uint64_t done;
    Cqe cqe;

    w_usual(t, DOMAIN);
    mq = q_open(t, 6, 4, DOMAIN);
    mem_fill(t, t->mem, 0x5a, LONG);
    q_submit(&mq, &sqe);
    vm_stop(t->qts);
    done = mem_moved(t, RAM_BUF, 0x5a, LONG);
    t = move(t);
    mq.t = t;
    w_close(t, WIN_A);
    vm_cont(t->qts);
    q_drain(&mq);
    g_assert_cmpuint(mem_moved(t, RAM_BUF, 0x5a, LONG), ==, done);
    cqe = q_cqe(&mq, 0);
    g_assert_cmpuint(cqe.bytes, ==, done);
    g_assert_cmpuint(cqe.status, ==, done == LONG ? MMAPDEMO_CQ_OK :
                     done ? MMAPDEMO_CQ_ABORTED : cqe.status);
    g_assert_cmpuint(cqe.status == MMAPDEMO_CQ_OK, ==, done == LONG);
    mmd_stop(t);
}

/* Many in the ring: none is lost, none is done twice */
static void full_rings_travel(void)
{
    MmdTest *t = mmd_start("dma=bh");
    MmdQueue mq[4];

    w_usual(t, DOMAIN);
    mem_number(t, RAM_BUF, 0, 4 * 64 * 1000);
    for (unsigned q = 0; q < 4; q++) {
        mq[q] = q_open(t, q, 6, DOMAIN);
        for (unsigned i = 0; i < 64; i++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = 1000, .src_win = WIN_A,
                .src_off = (q * 64 + i) * 1000, .dst_win = WIN_MEM,
                .dst_off = (q * 64 + i) * 1000, .user = q * 64 + i,
            };

            q_put(&mq[q], &sqe);
        }
        q_publish(&mq[q]);
    }
    vm_stop(t->qts);
    for (unsigned q = 0; q < 4; q++) {
        q_ring(&mq[q]);
    }
    t = move(t);
    vm_cont(t->qts);
    for (unsigned q = 0; q < 4; q++) {
        mq[q].t = t;
        q_drain(&mq[q]);
        for (unsigned i = 0; i < 64; i++) {
            assert_cqe(&mq[q], i, .user = q * 64 + i, .bytes = 1000);
        }
    }
    mem_assert_number(t, t->mem, 0, 4 * 64 * 1000);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, 4 * 64);
    mmd_stop(t);
}

static void held_back_interrupt_travels(void)
{
    MmdTest *t = mmd_start("");
    MmdQueue mq;

    mmd_msix_enable(t);
    mq = q_open(t, 6, 4, DOMAIN);
    q_set(t, 6, IRQ_GAP_NS, GAP);
    for (unsigned i = 0; i < 2; i++) {
        q_set_word(&mq, MMAPDEMO_RING_CQ_EVENT, i);
        q_expect(&mq, &nop, .status = MMAPDEMO_CQ_OK);
    }
    g_assert_true(mmd_msi_arrived(t, QUEUE_VEC(6)));
    vm_stop(t->qts);
    t = move(t);
    g_assert_cmpuint(mmd_get(t, CNT_Q_IRQ_SENT), ==, 1);
    vm_cont(t->qts);
    vm_settle(t->qts);
    g_assert_false(mmd_msi_arrived(t, QUEUE_VEC(6)));
    qtest_clock_step(t->qts, 100 * GAP);
    vm_settle(t->qts);
    g_assert_true(mmd_msi_arrived(t, QUEUE_VEC(6)));
    g_assert_cmpuint(mmd_get(t, CNT_Q_IRQ_SENT), ==, 2);
    qtest_clock_step(t->qts, 100 * GAP);
    g_assert_false(mmd_msi_arrived(t, QUEUE_VEC(6)));
    mmd_stop(t);
}

/* The engine is the host's business: it may differ */
static void engine_may_change(void)
{
    for (unsigned i = 0; i < mmd_num_engines; i++) {
        const MmdEngine *engine = &mmd_engines[i];
        g_autofree char *props = NULL;
        MmdTest *t = mmd_start("dma=bh");
        MmdQueue mq;
        Sqe sqe = { .op = MMAPDEMO_OP_COPY, .len = LONG, .src_win = WIN_A,
                    .dst_win = WIN_MEM, .user = 88 };

        if (*engine->more) {
            props = g_strdup_printf("mem-size=32M,%s %s", engine->props,
                                    engine->more);
        } else {
            props = g_strdup_printf("mem-size=32M,%s", engine->props);
        }
        w_usual(t, DOMAIN);
        mq = q_open(t, 6, 4, DOMAIN);
        mem_number(t, RAM_BUF, i, LONG);
        q_submit(&mq, &sqe);
        vm_stop(t->qts);
        t = move_with(t, props);
        mq.t = t;
        vm_cont(t->qts);
        q_drain(&mq);
        assert_cqe(&mq, 0, .user = 88, .bytes = LONG);
        mem_assert_number(t, t->mem, i, LONG);
        mmd_stop(t);
    }
}

void add_queue_migration_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/queue_migration/" #fn, fn)
    ADD(idle_queues_travel);
    ADD(copy_at_work_goes_on);
    ADD(crc_at_work_goes_on);
    ADD(lists_at_work_go_on);
    ADD(window_goes_after_the_move);
    ADD(full_rings_travel);
    ADD(held_back_interrupt_travels);
    ADD(engine_may_change);
#undef ADD
}
