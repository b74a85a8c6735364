/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues and windows in few words, see queue.h.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue.h"

const MmdEngine mmd_engines[] = {
    { "auto", "dma=auto", "", MMAPDEMO_ENGINE_AUTO },
    { "inline", "dma=inline", "", MMAPDEMO_ENGINE_INLINE },
    { "vcpu", "dma=vcpu", "", MMAPDEMO_ENGINE_VCPU },
    { "bh", "dma=bh", "", MMAPDEMO_ENGINE_BH },
    { "iothread", "dma=iothread,iothread=io0", "-object iothread,id=io0",
      MMAPDEMO_ENGINE_IOTHREAD },
    { "thread", "dma=thread", "", MMAPDEMO_ENGINE_THREAD },
};
const unsigned mmd_num_engines = ARRAY_SIZE(mmd_engines);

MmdTest *engine_start(const MmdEngine *engine, const char *props)
{
    g_autofree char *all = g_strdup_printf("%s%s%s", engine->props,
                                           *props ? "," : "", props);
    MmdTest *t = mmd_start_with(all, engine->more);

    g_assert_cmpuint(mmd_get(t, ENGINE) & MMAPDEMO_ENGINE_KIND, ==,
                     engine->reg);
    return t;
}

void add_engine_test(const char *group, const char *name, GTestDataFunc fn)
{
    for (unsigned i = 0; i < mmd_num_engines; i++) {
        g_autofree char *path = g_strdup_printf("/mmapdemo/%s/%s/%s", group,
                                                name, mmd_engines[i].name);

        qtest_add_data_func(path, &mmd_engines[i], fn);
    }
}

/* --- registers ------------------------------------------------------------ */

void assert_queue_at(const char *file, int line, MmdTest *t, unsigned q,
                     uint32_t state, uint32_t error)
{
    uint32_t got_state = q_get(t, q, STATE);
    uint32_t got_error = q_get(t, q, ERROR);

    if (got_state != state || got_error != error) {
        g_error("%s:%d: queue %u: STATE %u ERROR %u, expected %u %u", file,
                line, q, got_state, got_error, state, error);
    }
}

void q_snapshot(MmdTest *t, QueueSnapshot *snap)
{
    for (unsigned q = 0; q < NUM_QUEUES; q++) {
        for (unsigned i = 0; i < mmd_num_qregs; i++) {
            snap->val[q][i] = mmd_qregs[i].access == MMD_WO ? 0 :
                mmd_reg_read(t, MMAPDEMO_QREG(q, BASE) + mmd_qregs[i].offset);
        }
    }
}

void q_assert_unchanged(MmdTest *t, const QueueSnapshot *snap, int except)
{
    QueueSnapshot now;

    q_snapshot(t, &now);
    for (int q = 0; q < NUM_QUEUES; q++) {
        for (unsigned i = 0; q != except && i < mmd_num_qregs; i++) {
            if (now.val[q][i] != snap->val[q][i]) {
                g_error("queue %d: %s changed from 0x%" PRIx64 " to 0x%"
                        PRIx64, q, mmd_qregs[i].name, snap->val[q][i],
                        now.val[q][i]);
            }
        }
    }
}

/* --- queues --------------------------------------------------------------- */

void q_program(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd)
{
    mem_fill(t, QUEUE_MEM(q), 0, MMAPDEMO_RING_BYTES(log2n));
    qtest_writel(t->qts, QUEUE_MEM(q) + MMAPDEMO_RING_CQ_EVENT,
                 MMAPDEMO_CQ_EVENT_QUIET);
    q_set(t, q, BASE, QUEUE_MEM(q));
    q_set(t, q, LOG2N, log2n);
    q_set(t, q, PD, pd);
    q_set(t, q, VECTOR, QUEUE_VEC(q));
}

MmdQueue q_open_at(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd,
                   uint32_t start)
{
    MmdQueue mq = {
        .t = t, .q = q, .log2n = log2n, .base = QUEUE_MEM(q), .tail = start,
    };

    q_program(t, q, log2n, pd);
    q_set_word(&mq, MMAPDEMO_RING_SQ_TAIL, start);
    q_set(t, q, CTL, MMAPDEMO_QCTL_ENABLE);
    assert_queue(t, q, MMAPDEMO_QSTATE_RUNNING, MMAPDEMO_QERR_NONE);
    g_assert_cmphex(q_get(t, q, HEAD), ==, start);
    return mq;
}

MmdQueue q_open(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd)
{
    return q_open_at(t, q, log2n, pd, 0);
}

uint64_t q_slot(const MmdQueue *mq, uint32_t index)
{
    uint32_t slot = index & ((1U << mq->log2n) - 1);

    return mq->base +
           ((MMAPDEMO_RING_SQ(mq->log2n) + slot * sizeof(Sqe)) ^ mq->swap);
}

uint64_t q_cqe_slot(const MmdQueue *mq, uint32_t index)
{
    uint32_t slot = index & ((1U << mq->log2n) - 1);

    return mq->base + ((MMAPDEMO_RING_CQ + slot * sizeof(Cqe)) ^ mq->swap);
}

uint32_t q_word(const MmdQueue *mq, uint32_t offset)
{
    return qtest_readl(mq->t->qts, mq->base + (offset ^ mq->swap));
}

void q_set_word(const MmdQueue *mq, uint32_t offset, uint32_t val)
{
    qtest_writel(mq->t->qts, mq->base + (offset ^ mq->swap), val);
}

void q_put(MmdQueue *mq, const Sqe *sqe)
{
    Sqe le = {
        .op = sqe->op,
        .reserved0 = sqe->reserved0,
        .nsrc = cpu_to_le16(sqe->nsrc),
        .ndst = cpu_to_le16(sqe->ndst),
        .reserved1 = cpu_to_le16(sqe->reserved1),
        .len = cpu_to_le32(sqe->len),
        .reserved2 = cpu_to_le32(sqe->reserved2),
        .src_win = cpu_to_le32(sqe->src_win),
        .dst_win = cpu_to_le32(sqe->dst_win),
        .src_off = cpu_to_le64(sqe->src_off),
        .dst_off = cpu_to_le64(sqe->dst_off),
        .arg = cpu_to_le64(sqe->arg),
        .user = cpu_to_le64(sqe->user),
        .reserved3 = cpu_to_le64(sqe->reserved3),
    };

    qtest_memwrite(mq->t->qts, q_slot(mq, mq->tail), &le, sizeof(le));
    mq->tail++;
}

void q_publish(MmdQueue *mq)
{
    q_set_word(mq, MMAPDEMO_RING_SQ_TAIL, mq->tail);
}

void q_ring(MmdQueue *mq)
{
    qtest_writel(mq->t->qts, mq->t->doorbell + MMAPDEMO_DOORBELL(mq->q), 0);
}

void q_submit(MmdQueue *mq, const Sqe *sqe)
{
    q_put(mq, sqe);
    q_publish(mq);
    q_ring(mq);
}

Cqe q_cqe(const MmdQueue *mq, uint32_t index)
{
    Cqe le;

    qtest_memread(mq->t->qts, q_cqe_slot(mq, index), &le, sizeof(le));
    return (Cqe) {
        .user = le64_to_cpu(le.user),
        .aux = le64_to_cpu(le.aux),
        .bytes = le32_to_cpu(le.bytes),
        .status = le16_to_cpu(le.status),
        .reserved = le16_to_cpu(le.reserved),
        .detail = le32_to_cpu(le.detail),
        .gen = le32_to_cpu(le.gen),
    };
}

bool q_done(const MmdQueue *mq, uint32_t index)
{
    return qtest_readl(mq->t->qts, q_cqe_slot(mq, index) +
                       offsetof(Cqe, gen)) == index + 1;
}

void q_wait(const MmdQueue *mq, uint32_t index)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (!q_done(mq, index)) {
        if (g_get_monotonic_time() > end) {
            g_error("queue %u: no completion %u; STATE %" PRIu64 " ERROR %"
                    PRIu64 " HEAD %" PRIu64 " sq_event %u", mq->q, index,
                    q_get(mq->t, mq->q, STATE), q_get(mq->t, mq->q, ERROR),
                    q_get(mq->t, mq->q, HEAD),
                    q_word(mq, MMAPDEMO_RING_SQ_EVENT));
        }
    }
}

void q_drain(const MmdQueue *mq)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    if (q_get(mq->t, mq->q, HEAD) != mq->tail) {
        q_wait(mq, mq->tail - 1);
    }
    while (q_word(mq, MMAPDEMO_RING_SQ_EVENT) != mq->tail ||
           q_get(mq->t, mq->q, HEAD) != mq->tail) {
        if (g_get_monotonic_time() > end) {
            g_error("queue %u: tail %u, but HEAD %" PRIu64 ", sq_event %u",
                    mq->q, mq->tail, q_get(mq->t, mq->q, HEAD),
                    q_word(mq, MMAPDEMO_RING_SQ_EVENT));
        }
    }
}

void q_wait_stopped(const MmdQueue *mq)
{
    gint64 end = g_get_monotonic_time() + PATIENCE;

    while (q_get(mq->t, mq->q, STATE) != MMAPDEMO_QSTATE_ERROR) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
}

QueueCounts q_counts(MmdTest *t)
{
    return (QueueCounts) {
        .looks = mmd_get(t, CNT_Q_LOOKS),
        .fetches = mmd_get(t, CNT_Q_FETCHES),
        .descs = mmd_get(t, CNT_Q_DESCS),
        .done = mmd_get(t, CNT_Q_DONE),
        .failed = mmd_get(t, CNT_Q_FAILED),
        .bytes = mmd_get(t, CNT_Q_BYTES),
        .asked = mmd_get(t, CNT_Q_IRQ_ASKED),
        .sent = mmd_get(t, CNT_Q_IRQ_SENT),
        .stopped = mmd_get(t, CNT_Q_STOPPED),
    };
}

void assert_cqe_at(const char *file, int line, const MmdQueue *mq,
                   uint32_t index, Cqe want)
{
    Cqe got = q_cqe(mq, index);

    want.gen = index + 1;
    if (memcmp(&got, &want, sizeof(got))) {
        g_error("%s:%d: queue %u completion %u: user 0x%" PRIx64 " aux 0x%"
                PRIx64 " bytes %u status %u reserved %u detail %u gen %u, "
                "expected user 0x%" PRIx64 " aux 0x%" PRIx64 " bytes %u "
                "status %u detail %u gen %u", file, line, mq->q, index,
                got.user, got.aux, got.bytes, got.status, got.reserved,
                got.detail, got.gen, want.user, want.aux, want.bytes,
                want.status, want.detail, want.gen);
    }
}

void q_expect_at(const char *file, int line, MmdQueue *mq, const Sqe *sqe,
                 Cqe want)
{
    QueueCounts before = q_counts(mq->t), after;
    uint32_t index = mq->tail;

    q_submit(mq, sqe);
    q_drain(mq);
    want.user = sqe->user;
    assert_cqe_at(file, line, mq, index, want);
    g_assert_cmphex(q_word(mq, MMAPDEMO_RING_SQ_HEAD), ==, index + 1);
    after = q_counts(mq->t);
    if (after.descs != before.descs + 1 || after.done != before.done + 1 ||
        after.failed != before.failed + !!want.status ||
        after.bytes != before.bytes + want.bytes ||
        after.stopped != before.stopped) {
        g_error("%s:%d: %" PRIu64 " read, %" PRIu64 " done, %" PRIu64
                " failed, %" PRIu64 " bytes, %" PRIu64 " stopped were counted",
                file, line, after.descs - before.descs,
                after.done - before.done, after.failed - before.failed,
                after.bytes - before.bytes, after.stopped - before.stopped);
    }
    assert_queue_at(file, line, mq->t, mq->q, MMAPDEMO_QSTATE_RUNNING,
                    MMAPDEMO_QERR_NONE);
}

/* --- windows -------------------------------------------------------------- */

uint32_t w_try(MmdTest *t, unsigned w, const MmdWindow *win)
{
    w_set(t, w, CFG, 0);
    w_set(t, w, ADDR, win->addr);
    w_set(t, w, LEN, win->len);
    w_set(t, w, FIRST, win->first);
    w_set(t, w, SHIFT, win->shift);
    w_set(t, w, CFG, win->cfg | MMAPDEMO_WCFG_VALID);
    return w_get(t, w, STATUS);
}

void w_open(MmdTest *t, unsigned w, const MmdWindow *win)
{
    g_assert_cmpuint(w_try(t, w, win), ==, MMAPDEMO_WERR_NONE);
    g_assert_cmphex(w_get(t, w, CFG), ==, win->cfg | MMAPDEMO_WCFG_VALID);
}

void w_bus(MmdTest *t, unsigned w, uint64_t addr, uint64_t len, uint32_t cfg)
{
    MmdWindow win = {
        .addr = addr, .len = len, .cfg = cfg | W_KIND(MMAPDEMO_WKIND_BUS),
    };

    w_open(t, w, &win);
}

void w_mem(MmdTest *t, unsigned w, uint64_t off, uint64_t len, uint32_t cfg)
{
    MmdWindow win = {
        .addr = off, .len = len, .cfg = cfg | W_KIND(MMAPDEMO_WKIND_MEM),
    };

    w_open(t, w, &win);
}

void w_close(MmdTest *t, unsigned w)
{
    w_set(t, w, CFG, 0);
    g_assert_cmphex(w_get(t, w, CFG), ==, 0);
}

void w_usual(MmdTest *t, uint32_t pd)
{
    w_bus(t, WIN_A, RAM_BUF, WIN_SPAN, pd | W_BOTH);
    w_bus(t, WIN_B, RAM_BUF2, WIN_SPAN, pd | W_BOTH);
    w_mem(t, WIN_MEM, 0, BAR2_SIZE, pd | W_BOTH);
    w_bus(t, WIN_LIST, RAM_LIST, 1 * MiB, pd | W_READ);
}

void put_sge(MmdTest *t, uint64_t addr, const Sge *sge, unsigned num)
{
    g_autofree Sge *le = g_new(Sge, num);

    for (unsigned i = 0; i < num; i++) {
        le[i].win = cpu_to_le32(sge[i].win);
        le[i].len = cpu_to_le32(sge[i].len);
        le[i].off = cpu_to_le64(sge[i].off);
    }
    mem_write(t, addr, le, num * sizeof(*le));
}

uint32_t crc32c_bits(uint32_t seed, const uint8_t *buf, size_t len)
{
    uint32_t crc = ~seed;

    for (size_t i = 0; i < len; i++) {
        crc ^= buf[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }
    return ~crc;
}
