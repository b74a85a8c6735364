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

static uint32_t sq_slot(const MmapdemoQueue *q, uint32_t index)
{
    uint32_t slot = index & ((1U << q->ctx.log2n) - 1);

    return MMAPDEMO_RING_SQ(q->ctx.log2n) +
           slot * sizeof(struct mmapdemo_hw_sqe);
}

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
    q->burst_pos = 0;
    q->burst_num = 0;
    while (q->burst_num < num) {
        uint32_t at = sq_slot(q, q->head + q->burst_num);
        /* Up to the end of the page or of the ring */
        unsigned here = MIN(num - q->burst_num, (4096 - at % 4096) /
                                                sizeof(q->burst[0]));
        uint8_t *from = mmapdemo_span_ring(q, at);

        if (!from) {
            q->burst_num = 0;
            return false;
        }
        here = MIN(here, (MMAPDEMO_RING_BYTES(q->ctx.log2n) - at) /
                         sizeof(q->burst[0]));
        memcpy(&q->burst[q->burst_num], from, here * sizeof(q->burst[0]));
        q->burst_num += here;
    }
    /* From here on the copy is looked at, and the ring is not read again */
    barrier();
    MMAPDEMO_COUNT(q->counts.fetches, 1);
    MMAPDEMO_COUNT(q->counts.descs, num);
    return true;
}

bool mmapdemo_ring_complete(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    uint8_t *at = mmapdemo_span_ring(q, cq_slot(q, q->head));
    struct mmapdemo_hw_cqe cqe = {
        .user = cpu_to_le64(w->sqe.user),
        .aux = cpu_to_le64(w->aux),
        .bytes = cpu_to_le32(w->done),
        .status = cpu_to_le16(w->status),
        .detail = cpu_to_le32(w->detail),
    };

    if (!at) {
        return false;
    }
    trace_mmapdemo_queue_complete(q->s->name, w->sqe.user, q->index, q->head,
                                  w->status, w->done, w->detail);
    /* Before gen: who sees the completion finds it counted */
    MMAPDEMO_COUNT(q->counts.done, 1);
    if (w->status) {
        MMAPDEMO_COUNT(q->counts.failed, 1);
    }
    memcpy(at, &cqe, offsetof(struct mmapdemo_hw_cqe, gen));
    /*
     * Release: all effects of the descriptor and the rest of the record come
     * before gen. Pairs with the acquire load by the owner.
     */
    qatomic_store_release(
        (uint32_t *)(at + offsetof(struct mmapdemo_hw_cqe, gen)),
        cpu_to_le32(q->head + 1));
    w->active = false;
    qatomic_set(&q->head, q->head + 1);
    return true;
}

bool mmapdemo_ring_tell(MmapdemoQueue *q)
{
    uint8_t *head = mmapdemo_span_ring(q, MMAPDEMO_RING_SQ_HEAD);
    uint8_t *at = mmapdemo_span_ring(q, MMAPDEMO_RING_CQ_EVENT);
    uint32_t event;

    if (!head || !at) {
        return false;
    }
    put(head, q->head);
    q->header_written = true;
    /*
     * gen before cq_event: the owner stores cq_event, then looks at the record
     * once more. One of us sees what the other wrote.
     */
    smp_mb();
    event = le32_to_cpu(qatomic_read((uint32_t *)at));
    if (MMAPDEMO_CROSSED(event, q->head, q->told_head)) {
        MMAPDEMO_COUNT(q->counts.asked, 1);
        q->want.irq = true;
    } else if (mmapdemo_moderate_due(q)) {
        q->want.irq_due = true;
    }
    q->told_head = q->head;
    return true;
}

bool mmapdemo_ring_arm(MmapdemoQueue *q)
{
    uint8_t *at = mmapdemo_span_ring(q, MMAPDEMO_RING_SQ_EVENT);

    if (!at) {
        return false;
    }
    put(at, q->head);
    q->header_written = true;
    /*
     * sq_event before the next look at sq_tail. Pairs with the barrier of the
     * owner between its store of sq_tail and its load of sq_event.
     */
    smp_mb();
    return true;
}

void mmapdemo_ring_written(MmapdemoQueue *q)
{
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
}
