/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: when a queue's request for a message becomes one. The first is sent
 * at once and opens a gap; requests within the gap are remembered as one, sent
 * when the gap ends or when enough completions were posted.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "queue-internal.h"
#include "trace.h"

bool mmapdemo_moderate_due(MmapdemoQueue *q)
{
    uint32_t count = qatomic_read(&q->irq_count);

    return qatomic_read(&q->irq_pending) && count &&
           qatomic_read(&q->head) - qatomic_read(&q->irq_head) >= count;
}

void mmapdemo_moderate_send(MmapdemoQueue *q)
{
    MmapdemoState *s = q->s;

    qatomic_set(&q->irq_pending, false);
    qatomic_set(&q->irq_head, qatomic_read(&q->head));
    q->irq_gap = q->irq_gap_ns;
    if (q->irq_gap) {
        /* The only look at a clock, once in a message */
        timer_mod_ns(q->irq_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                                   q->irq_gap_ns);
    } else {
        timer_del(q->irq_timer);
    }
    s->cnt[MMAPDEMO_CNT(Q_IRQ_SENT)]++;
    mmapdemo_irq_queue_event(s, q->index, q->ctx.vector);
}

void mmapdemo_moderate_ask(MmapdemoQueue *q)
{
    if (!q->irq_gap) {
        mmapdemo_moderate_send(q);
        return;
    }
    trace_mmapdemo_queue_hold_off(q->s->name, q->index, q->head);
    qatomic_set(&q->irq_pending, true);
    if (mmapdemo_moderate_due(q)) {
        mmapdemo_moderate_send(q);
    }
}

void mmapdemo_moderate_serve(MmapdemoQueue *q)
{
    int wanted = qatomic_xchg(&q->irq_wanted, 0);

    if (q->state != MMAPDEMO_QSTATE_RUNNING &&
        q->state != MMAPDEMO_QSTATE_PAUSED) {
        return;
    }
    if (wanted & MMAPDEMO_IRQ_ASK) {
        mmapdemo_moderate_ask(q);
    } else if (wanted && mmapdemo_moderate_due(q)) {
        mmapdemo_moderate_send(q);
    }
}

static void moderate_gap_over(void *opaque)
{
    MmapdemoQueue *q = opaque;

    q->irq_gap = false;
    if (q->irq_pending) {
        mmapdemo_moderate_send(q);
    }
}

void mmapdemo_moderate_resume(MmapdemoQueue *q)
{
    int64_t end = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + UINT32_MAX;

    if (q->irq_gap && timer_expire_time_ns(q->irq_timer) > end) {
        timer_mod_ns(q->irq_timer, end);
    }
}

void mmapdemo_moderate_reset(MmapdemoQueue *q)
{
    timer_del(q->irq_timer);
    q->irq_gap = false;
    qatomic_set(&q->irq_pending, false);
    qatomic_set(&q->irq_wanted, 0);
    qatomic_set(&q->irq_head, q->head);
}

void mmapdemo_moderate_init(MmapdemoQueue *q)
{
    q->irq_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, moderate_gap_over, q);
}

void mmapdemo_moderate_exit(MmapdemoQueue *q)
{
    timer_free(q->irq_timer);
    q->irq_timer = NULL;
}
