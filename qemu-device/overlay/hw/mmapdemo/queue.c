/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: what the driver sees of queues: their registers, their states, the
 * properties that shape them; and the doorbells.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "queue-internal.h"

static const char *const engine_names[] = {
    [MMAPDEMO_ENGINE_AUTO]     = "auto",
    [MMAPDEMO_ENGINE_INLINE]   = "inline",
    [MMAPDEMO_ENGINE_VCPU]     = "vcpu",
    [MMAPDEMO_ENGINE_BH]       = "bh",
    [MMAPDEMO_ENGINE_IOTHREAD] = "iothread",
    [MMAPDEMO_ENGINE_THREAD]   = "thread",
};

#define THREADS_MAX         16
#define LOCK_BUDGET_US_MAX  1000000

bool mmapdemo_queues_check(MmapdemoState *s, Error **errp)
{
    const char *name = s->engine_name ? s->engine_name : "auto";

    if (s->num_queues < 1 || s->num_queues > MMAPDEMO_QUEUE_COUNT_MAX) {
        error_setg(errp, "queues %" PRIu32 " is not in the range 1 to %d",
                   s->num_queues, MMAPDEMO_QUEUE_COUNT_MAX);
        return false;
    }
    if (s->num_windows < 1 || s->num_windows > MMAPDEMO_WINDOW_COUNT_MAX) {
        error_setg(errp, "windows %" PRIu32 " is not in the range 1 to %d",
                   s->num_windows, MMAPDEMO_WINDOW_COUNT_MAX);
        return false;
    }
    for (s->engine = 0; strcmp(engine_names[s->engine], name); s->engine++) {
        if (s->engine == ARRAY_SIZE(engine_names) - 1) {
            error_setg(errp, "dma '%s' is not one of auto, inline, vcpu, bh, "
                       "iothread, thread", name);
            return false;
        }
    }
    if ((s->engine == MMAPDEMO_ENGINE_IOTHREAD) != !!s->iothread) {
        error_setg(errp, "dma=iothread and iothread=ID need each other");
        error_append_hint(errp, "For example: -object iothread,id=iot0 "
                          "-device mmapdemo,dma=iothread,iothread=iot0\n");
        return false;
    }
    if ((s->engine == MMAPDEMO_ENGINE_IOTHREAD ||
         s->engine == MMAPDEMO_ENGINE_THREAD) && icount_enabled()) {
        error_setg(errp, "dma=%s is not deterministic and does not work with "
                   "-icount; use dma=auto", name);
        return false;
    }
    if (s->num_threads < 1 || s->num_threads > THREADS_MAX) {
        error_setg(errp, "threads %" PRIu32 " is not in the range 1 to %d",
                   s->num_threads, THREADS_MAX);
        return false;
    }
    if (s->lock_budget_us > LOCK_BUDGET_US_MAX) {
        error_setg(errp, "lock-budget-us %" PRIu32 " is more than a second",
                   s->lock_budget_us);
        return false;
    }
    return true;
}

/* The order of checks is part of the specification */
uint32_t mmapdemo_queue_check(MmapdemoState *s, const MmapdemoQueueContext *c)
{
    uint64_t bytes;

    if (c->log2n < MMAPDEMO_QUEUE_LOG2N_MIN ||
        c->log2n > MMAPDEMO_QUEUE_LOG2N_MAX) {
        return MMAPDEMO_QERR_LOG2N;
    }
    bytes = MMAPDEMO_RING_BYTES(c->log2n);
    if (c->base % 4096 || c->base > s->dma_mask ||
        bytes - 1 > s->dma_mask - c->base) {
        return MMAPDEMO_QERR_BASE;
    }
    if (c->pd > MMAPDEMO_PD_MAX) {
        return MMAPDEMO_QERR_PD;
    }
    if (c->vector >= mmapdemo_num_vectors(s)) {
        return MMAPDEMO_QERR_VECTOR;
    }
    return MMAPDEMO_QERR_NONE;
}

static void queue_enable(MmapdemoQueue *q)
{
    q->error = mmapdemo_queue_check(q->s, &q->reg);
    q->error_index = 0;
    if (q->error) {
        return;
    }
    q->ctx = q->reg;
    q->head = q->s->queue_start;
    q->state = MMAPDEMO_QSTATE_RUNNING;
}

static uint32_t queue_control(MmapdemoQueue *q, uint32_t command)
{
    switch (command) {
    case MMAPDEMO_QCTL_ENABLE:
        if (q->state == MMAPDEMO_QSTATE_DISABLED) {
            queue_enable(q);
        }
        break;
    case MMAPDEMO_QCTL_PAUSE:
        if (q->state == MMAPDEMO_QSTATE_RUNNING) {
            q->state = MMAPDEMO_QSTATE_PAUSED;
        }
        break;
    case MMAPDEMO_QCTL_RESUME:
        if (q->state == MMAPDEMO_QSTATE_PAUSED) {
            q->state = MMAPDEMO_QSTATE_RUNNING;
        }
        break;
    case MMAPDEMO_QCTL_DISABLE:
        q->state = MMAPDEMO_QSTATE_DISABLED;
        break;
    default:
        return MMAPDEMO_ERR_VALUE;
    }
    return MMAPDEMO_ERR_NONE;
}

uint64_t mmapdemo_queue_get(MmapdemoState *s, unsigned index, hwaddr offset)
{
    MmapdemoQueue *q = &s->queues->queue[index];

    switch (offset) {
    case MMAPDEMO_QREG_BASE:
        return q->reg.base;
    case MMAPDEMO_QREG_LOG2N:
        return q->reg.log2n;
    case MMAPDEMO_QREG_PD:
        return q->reg.pd;
    case MMAPDEMO_QREG_VECTOR:
        return q->reg.vector;
    case MMAPDEMO_QREG_IRQ_GAP_NS:
        return q->irq_gap_ns;
    case MMAPDEMO_QREG_IRQ_COUNT:
        return q->irq_count;
    case MMAPDEMO_QREG_STATE:
        return q->state;
    case MMAPDEMO_QREG_ERROR:
        return q->error;
    case MMAPDEMO_QREG_ERROR_INDEX:
        return q->error_index;
    case MMAPDEMO_QREG_HEAD:
        return qatomic_read(&q->head);
    default:
        return 0;   /* CTL, when one half of it is written */
    }
}

uint32_t mmapdemo_queue_set(MmapdemoState *s, unsigned index, hwaddr offset,
                            uint64_t val)
{
    MmapdemoQueue *q = &s->queues->queue[index];

    switch (offset) {
    case MMAPDEMO_QREG_BASE:
        q->reg.base = val;
        break;
    case MMAPDEMO_QREG_LOG2N:
        q->reg.log2n = val;
        break;
    case MMAPDEMO_QREG_PD:
        q->reg.pd = val;
        break;
    case MMAPDEMO_QREG_VECTOR:
        q->reg.vector = val;
        break;
    case MMAPDEMO_QREG_IRQ_GAP_NS:
        q->irq_gap_ns = val;
        break;
    case MMAPDEMO_QREG_IRQ_COUNT:
        q->irq_count = val;
        break;
    default:
        return queue_control(q, val);
    }
    return MMAPDEMO_ERR_NONE;
}

uint64_t mmapdemo_queues_count(MmapdemoState *s, unsigned counter)
{
    return 0;
}

static uint64_t doorbell_read(void *opaque, hwaddr offset, unsigned width)
{
    MmapdemoState *s = opaque;

    s->cnt[MMAPDEMO_CNT(DB_RD)]++;
    return 0;
}

static void doorbell_write(void *opaque, hwaddr offset, uint64_t val,
                           unsigned width)
{
    MmapdemoState *s = opaque;

    s->cnt[MMAPDEMO_CNT(DB_WR8) + ctz32(width)]++;
}

/* Any access, never split: all of them mean the same, and each counts once */
const MemoryRegionOps mmapdemo_doorbell_ops = {
    .read = doorbell_read,
    .write = doorbell_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
};

void mmapdemo_queues_realize(MmapdemoState *s)
{
    s->queues = g_new0(MmapdemoQueues, 1);
    s->queues->queue = g_new0(MmapdemoQueue, s->num_queues);
    s->queues->window = g_new0(MmapdemoWindow, s->num_windows);
    for (unsigned i = 0; i < s->num_queues; i++) {
        s->queues->queue[i].s = s;
        s->queues->queue[i].index = i;
    }
}

void mmapdemo_queues_exit(MmapdemoState *s)
{
    mmapdemo_queues_reset(s);
}

void mmapdemo_queues_cleanup(MmapdemoState *s)
{
    if (s->queues) {
        g_free(s->queues->queue);
        g_free(s->queues->window);
        g_free(s->queues);
        s->queues = NULL;
    }
}

void mmapdemo_queues_reset(MmapdemoState *s)
{
    for (unsigned i = 0; i < s->num_queues; i++) {
        s->queues->queue[i] = (MmapdemoQueue) { .s = s, .index = i };
    }
    mmapdemo_windows_reset(s);
}

void mmapdemo_queues_bus_changed(MmapdemoState *s)
{
}
