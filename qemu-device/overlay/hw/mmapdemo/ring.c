/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the memory of a queue. The owner of the queue, a process of the
 * guest, writes what it likes there, whenever it likes: each value is read once
 * and looked at in private. What the device writes it never reads back.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "queue-internal.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(sizeof(struct mmapdemo_hw_sqe) != 64);
QEMU_BUILD_BUG_ON(sizeof(struct mmapdemo_hw_cqe) != 32);
QEMU_BUILD_BUG_ON(4096 % sizeof(struct mmapdemo_hw_sqe));

static uint32_t cq_slot(const MmapdemoQueue *q, uint32_t index)
{
    uint32_t slot = index & ((1U << q->ctx.log2n) - 1);

    return MMAPDEMO_RING_CQ + slot * sizeof(struct mmapdemo_hw_cqe);
}

static void put(uint8_t *at, uint32_t val)
{
    qatomic_set((uint32_t *)at, cpu_to_le32(val));
}

int mmapdemo_ring_look(MmapdemoQueue *q)
{
    uint8_t *at = mmapdemo_span_ring(q, MMAPDEMO_RING_SQ_TAIL);
    uint32_t ready;

    if (!at) {
        return -1;
    }
    /* Acquire: pairs with the release store of sq_tail by the owner */
    ready = le32_to_cpu(qatomic_load_acquire((uint32_t *)at)) - q->head;
    MMAPDEMO_COUNT(q->counts.looks, 1);
    if (ready > 1U << q->ctx.log2n) {
        q->want.error = MMAPDEMO_QERR_TAIL;
        return -1;
    }
    return ready;
}

bool mmapdemo_ring_fetch(MmapdemoQueue *q, unsigned num)
{
    unsigned got = 0;

    q->burst_pos = q->burst_num = 0;
    while (got < num) {
        uint32_t slots = 1U << q->ctx.log2n;
        uint32_t slot = (q->head + got) & (slots - 1);
        uint32_t at = MMAPDEMO_RING_SQ(q->ctx.log2n) +
                      slot * sizeof(q->burst[0]);
        /* Up to the end of the ring or of the page */
        unsigned end = got + MIN(slots - slot, (4096 - at % 4096) /
                                               sizeof(q->burst[0]));
        struct mmapdemo_hw_sqe *from = (void *)mmapdemo_span_ring(q, at);

        if (!from) {
            return false;
        }
        /* One by one: read back at once, in pieces as large as written */
        for (end = MIN(end, num); got < end; got++) {
            q->burst[got] = *from++;
        }
    }
    q->burst_num = num;
    /* From here on the copy is looked at, and the ring is not read again */
    barrier();
    MMAPDEMO_COUNT(q->counts.fetches, 1);
    MMAPDEMO_COUNT(q->counts.descs, num);
    return true;
}

bool mmapdemo_ring_complete(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    struct mmapdemo_hw_cqe *cqe =
        (void *)mmapdemo_span_ring(q, cq_slot(q, q->head));

    if (!cqe) {
        return false;
    }
    trace_mmapdemo_queue_complete(q->s->name, w->sqe.user, q->index, q->head,
                                  w->status, w->done, w->detail);
    /* Before gen: who sees the completion finds it counted */
    MMAPDEMO_COUNT(q->counts.done, 1);
    if (w->status) {
        MMAPDEMO_COUNT(q->counts.failed, 1);
    }
    cqe->user = cpu_to_le64(w->sqe.user);
    cqe->aux = cpu_to_le64(w->aux);
    cqe->bytes = cpu_to_le32(w->done);
    cqe->status = cpu_to_le16(w->status);
    cqe->reserved = 0;
    cqe->detail = cpu_to_le32(w->detail);
    /*
     * Release: all effects of the descriptor and the rest of the record come
     * before gen. Pairs with the acquire load by the owner.
     */
    qatomic_store_release(&cqe->gen, cpu_to_le32(q->head + 1));
    w->active = false;
    qatomic_set(&q->head, q->head + 1);
    return true;
}

bool mmapdemo_ring_tell(MmapdemoQueue *q, bool arm)
{
    uint8_t *ring = mmapdemo_span_ring(q, 0);
    uint32_t event;

    if (!ring) {
        return false;
    }
    if (arm) {
        put(ring + MMAPDEMO_RING_SQ_EVENT, q->head);
    }
    put(ring + MMAPDEMO_RING_SQ_HEAD, q->head);
    q->header_written = true;
    /*
     * gen before cq_event: the owner stores cq_event, then looks at the record
     * once more. And sq_event before the next look at sq_tail: the owner stores
     * that, then loads sq_event. Pairs with its barriers between the two.
     */
    smp_mb();
    if (q->told_head == q->head) {
        return true;
    }
    event = le32_to_cpu(qatomic_read(
                (uint32_t *)(ring + MMAPDEMO_RING_CQ_EVENT)));
    if (MMAPDEMO_CROSSED(event, q->head, q->told_head)) {
        MMAPDEMO_COUNT(q->counts.asked, 1);
        q->want.irq = true;
    } else if (mmapdemo_moderate_due(q)) {
        q->want.irq_due = true;
    }
    q->told_head = q->head;
    return true;
}

/* sq_event, sq_head and the first record, if these are in one piece */
static bool written_as_one(MmapdemoQueue *q)
{
    uint32_t at = cq_slot(q, q->marked_head);
    const MmapdemoSpan *a = &q->ring[0].span, *b = &q->ring[1].span;

    if (q->head != q->marked_head + 1 || !q->header_written || at >= 8192 ||
        q->ring[0].epoch != q->ring[1].epoch || a->mr != b->mr ||
        a->mr_off + 4096 != b->mr_off) {
        return false;
    }
    mmapdemo_span_ring_written(q, MMAPDEMO_RING_SQ_EVENT,
                               at + sizeof(struct mmapdemo_hw_cqe) -
                               MMAPDEMO_RING_SQ_EVENT);
    q->marked_head = q->head;
    q->header_written = false;
    return true;
}

void mmapdemo_ring_written(MmapdemoQueue *q)
{
    if (written_as_one(q)) {
        return;
    }
    while (q->marked_head != q->head) {
        uint32_t at = cq_slot(q, q->marked_head);
        uint32_t slots = 1U << q->ctx.log2n;
        uint32_t num = MIN(q->head - q->marked_head,
                           slots - (q->marked_head & (slots - 1)));

        num = MIN(num, (4096 - at % 4096) / sizeof(struct mmapdemo_hw_cqe));
        mmapdemo_span_ring_written(q, at,
                                   num * sizeof(struct mmapdemo_hw_cqe));
        q->marked_head += num;
    }
    if (q->header_written) {
        q->header_written = false;
        mmapdemo_span_ring_written(q, MMAPDEMO_RING_SQ_EVENT, 8);
    }
}

void mmapdemo_ring_start(MmapdemoQueue *q)
{
    uint8_t *at = mmapdemo_span_ring(q, 0);

    put(at + MMAPDEMO_RING_SQ_EVENT, q->head);
    put(at + MMAPDEMO_RING_SQ_HEAD, q->head);
    mmapdemo_span_ring_written(q, MMAPDEMO_RING_SQ_EVENT, 8);
    mmapdemo_ring_copy_state(q);
}

void mmapdemo_ring_copy_state(MmapdemoQueue *q)
{
    uint8_t *at = mmapdemo_span_ring(q, 0);

    put(at + MMAPDEMO_RING_ERROR, q->error);
    put(at + MMAPDEMO_RING_ERROR_INDEX, q->error_index);
    /* Last: who sees the state sees the reason */
    qatomic_store_release((uint32_t *)(at + MMAPDEMO_RING_STATE),
                          cpu_to_le32(q->state));
    mmapdemo_span_ring_written(q, MMAPDEMO_RING_STATE, 12);
    mmapdemo_spans_flush(q);
}
