/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: migration of queues and windows. A descriptor may be half done: its
 * private copy and its progress travel, since the guest may have rewritten the
 * ring. Nothing that arrives is trusted, and no address is translated here.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "migration/vmstate.h"
#include "queue-internal.h"

/* Windows as they were checked, so that progress through them stays allowed */
static void side_save(MmapdemoQueues *qs, MmapdemoSide *side, uint32_t num,
                      uint32_t list)
{
    side->live = side->left && side->serial == qs->window[side->win].serial;
    side->list_live = num && side->list_serial == qs->window[list].serial;
}

void mmapdemo_queues_pre_save(MmapdemoState *s)
{
    MmapdemoQueues *qs = s->queues;

    mmapdemo_queues_hold(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &qs->queue[i];
        MmapdemoWork *w = &q->work;

        mmapdemo_queue_fold_counts(q);
        if (w->active && !w->finished) {
            side_save(qs, &w->src, w->sqe.nsrc, w->sqe.src_win);
            side_save(qs, &w->dst, w->sqe.ndst, w->sqe.dst_win);
        }
    }
    mmapdemo_queues_release(s);
}

static bool window_loaded(MmapdemoState *s, MmapdemoWindow *w)
{
    if (w->cfg & ~(MMAPDEMO_WCFG_PD | MMAPDEMO_WCFG_READ |
                   MMAPDEMO_WCFG_WRITE | MMAPDEMO_WCFG_KIND |
                   MMAPDEMO_WCFG_VALID) || w->status > MMAPDEMO_WERR_MAX) {
        return false;
    }
    if (!(w->cfg & MMAPDEMO_WCFG_VALID)) {
        return true;
    }
    w->serial = ++s->queues->window_serial;
    return !w->status && !mmapdemo_window_check(s, w, w->cfg);
}

static bool queue_loaded(MmapdemoQueue *q)
{
    bool runs = q->state == MMAPDEMO_QSTATE_RUNNING ||
                q->state == MMAPDEMO_QSTATE_PAUSED;

    if (q->state > MMAPDEMO_QSTATE_ERROR || q->error > MMAPDEMO_QERR_MAX) {
        return false;
    }
    if (q->state == MMAPDEMO_QSTATE_DISABLED) {
        return !q->work.active && !q->irq_pending &&
               !timer_pending(q->irq_timer);
    }
    if (mmapdemo_queue_check(q->s, &q->ctx) ||
        q->head - q->told_head > 1U << q->ctx.log2n) {
        return false;
    }
    if (runs ? q->error != MMAPDEMO_QERR_NONE
             : q->error == MMAPDEMO_QERR_NONE ||
               q->error > MMAPDEMO_QERR_BUS_OFF) {
        return false;
    }
    /* A request is remembered during a gap only */
    q->irq_gap = timer_pending(q->irq_timer);
    if (q->irq_pending && !q->irq_gap) {
        return false;
    }
    return !q->work.active || (runs && mmapdemo_exec_loaded(q));
}

const char *mmapdemo_queues_loaded(MmapdemoState *s)
{
    if (s->num_queues < 64 && s->queue_irq_status >> s->num_queues) {
        return "QUEUE_IRQ_STATUS";
    }
    for (unsigned i = 0; i < s->num_windows; i++) {
        if (!window_loaded(s, &s->queues->window[i])) {
            return "window";
        }
    }
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &s->queues->queue[i];

        if (!queue_loaded(q)) {
            return "queue";
        }
        q->marked_head = q->head;
    }
    return NULL;
}

static const VMStateDescription vmstate_mmapdemo_window = {
    .name = "mmapdemo/window",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(addr, MmapdemoWindow),
        VMSTATE_UINT64(len, MmapdemoWindow),
        VMSTATE_UINT32(first, MmapdemoWindow),
        VMSTATE_UINT32(shift, MmapdemoWindow),
        VMSTATE_UINT32(cfg, MmapdemoWindow),
        VMSTATE_UINT32(status, MmapdemoWindow),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vmstate_mmapdemo_context = {
    .name = "mmapdemo/context",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(base, MmapdemoQueueContext),
        VMSTATE_UINT32(log2n, MmapdemoQueueContext),
        VMSTATE_UINT32(pd, MmapdemoQueueContext),
        VMSTATE_UINT32(vector, MmapdemoQueueContext),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vmstate_mmapdemo_side = {
    .name = "mmapdemo/side",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(off, MmapdemoSide),
        VMSTATE_UINT32(win, MmapdemoSide),
        VMSTATE_UINT32(left, MmapdemoSide),
        VMSTATE_UINT32(pos, MmapdemoSide),
        VMSTATE_UINT32(sum, MmapdemoSide),
        VMSTATE_BOOL(live, MmapdemoSide),
        VMSTATE_BOOL(list_live, MmapdemoSide),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vmstate_mmapdemo_sqe = {
    .name = "mmapdemo/sqe",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT8(op, struct mmapdemo_hw_sqe),
        VMSTATE_UINT8(reserved0, struct mmapdemo_hw_sqe),
        VMSTATE_UINT16(nsrc, struct mmapdemo_hw_sqe),
        VMSTATE_UINT16(ndst, struct mmapdemo_hw_sqe),
        VMSTATE_UINT16(reserved1, struct mmapdemo_hw_sqe),
        VMSTATE_UINT32(len, struct mmapdemo_hw_sqe),
        VMSTATE_UINT32(reserved2, struct mmapdemo_hw_sqe),
        VMSTATE_UINT32(src_win, struct mmapdemo_hw_sqe),
        VMSTATE_UINT32(dst_win, struct mmapdemo_hw_sqe),
        VMSTATE_UINT64(src_off, struct mmapdemo_hw_sqe),
        VMSTATE_UINT64(dst_off, struct mmapdemo_hw_sqe),
        VMSTATE_UINT64(arg, struct mmapdemo_hw_sqe),
        VMSTATE_UINT64(user, struct mmapdemo_hw_sqe),
        VMSTATE_UINT64(reserved3, struct mmapdemo_hw_sqe),
        VMSTATE_END_OF_LIST()
    }
};

static bool work_needed(void *opaque)
{
    MmapdemoQueue *q = opaque;

    return q->work.active;
}

static const VMStateDescription vmstate_mmapdemo_work = {
    .name = "mmapdemo/queue/work",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = work_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_BOOL(work.active, MmapdemoQueue),
        VMSTATE_BOOL(work.delay_over, MmapdemoQueue),
        VMSTATE_BOOL(work.finished, MmapdemoQueue),
        VMSTATE_UINT16(work.status, MmapdemoQueue),
        VMSTATE_UINT32(work.detail, MmapdemoQueue),
        VMSTATE_UINT32(work.done, MmapdemoQueue),
        VMSTATE_UINT64(work.aux, MmapdemoQueue),
        VMSTATE_STRUCT(work.sqe, MmapdemoQueue, 1, vmstate_mmapdemo_sqe,
                       struct mmapdemo_hw_sqe),
        VMSTATE_STRUCT(work.src, MmapdemoQueue, 1, vmstate_mmapdemo_side,
                       MmapdemoSide),
        VMSTATE_STRUCT(work.dst, MmapdemoQueue, 1, vmstate_mmapdemo_side,
                       MmapdemoSide),
        VMSTATE_END_OF_LIST()
    }
};

static const VMStateDescription vmstate_mmapdemo_queue = {
    .name = "mmapdemo/queue",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT(reg, MmapdemoQueue, 1, vmstate_mmapdemo_context,
                       MmapdemoQueueContext),
        VMSTATE_STRUCT(ctx, MmapdemoQueue, 1, vmstate_mmapdemo_context,
                       MmapdemoQueueContext),
        VMSTATE_UINT32(irq_gap_ns, MmapdemoQueue),
        VMSTATE_UINT32(irq_count, MmapdemoQueue),
        VMSTATE_UINT32(state, MmapdemoQueue),
        VMSTATE_UINT32(error, MmapdemoQueue),
        VMSTATE_UINT32(error_index, MmapdemoQueue),
        VMSTATE_UINT32(head, MmapdemoQueue),
        VMSTATE_UINT32(told_head, MmapdemoQueue),
        VMSTATE_BOOL(irq_pending, MmapdemoQueue),
        VMSTATE_UINT32(irq_head, MmapdemoQueue),
        VMSTATE_TIMER_PTR(irq_timer, MmapdemoQueue),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const []) {
        &vmstate_mmapdemo_work,
        NULL
    }
};

/* In the device's own state: the tables are as long as it says */
const VMStateDescription mmapdemo_queues_vmstate = {
    .name = "mmapdemo/queues",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_STRUCT_VARRAY_POINTER_UINT32(window, MmapdemoQueues,
                                             num_windows,
                                             vmstate_mmapdemo_window,
                                             MmapdemoWindow),
        VMSTATE_STRUCT_VARRAY_POINTER_UINT32(queue, MmapdemoQueues,
                                             num_queues,
                                             vmstate_mmapdemo_queue,
                                             MmapdemoQueue),
        VMSTATE_END_OF_LIST()
    }
};
