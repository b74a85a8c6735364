/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: what the driver sees of queues: their registers, their states, the
 * properties that shape them; and the doorbells.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "qapi/error.h"
#include "queue-internal.h"
#include "trace.h"

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

static const char *const state_names[] = {
    [MMAPDEMO_QSTATE_DISABLED] = "DISABLED",
    [MMAPDEMO_QSTATE_RUNNING]  = "RUNNING",
    [MMAPDEMO_QSTATE_PAUSED]   = "PAUSED",
    [MMAPDEMO_QSTATE_ERROR]    = "ERROR",
};

static const char *const error_text[] = {
    [MMAPDEMO_QERR_NONE]    = "no error",
    [MMAPDEMO_QERR_TAIL]    = "sq_tail too far ahead",
    [MMAPDEMO_QERR_RING]    = "its memory is not reachable as RAM",
    [MMAPDEMO_QERR_BUS_OFF] = "bus mastering off or not in D0",
    [MMAPDEMO_QERR_BASE]    = "BASE",
    [MMAPDEMO_QERR_LOG2N]   = "LOG2N",
    [MMAPDEMO_QERR_PD]      = "PD",
    [MMAPDEMO_QERR_VECTOR]  = "VECTOR",
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(error_text) != MMAPDEMO_QERR_MAX + 1);

/* Big lock, owner held off */
static void queue_set_state(MmapdemoQueue *q, uint32_t state)
{
    trace_mmapdemo_queue_state(q->s->name, q->index, q->head,
                               state_names[q->state], state_names[state]);
    qatomic_set(&q->state, state);
    q->complained = false;
    /* What was fetched and not begun is fetched anew, if ever */
    q->burst_num = q->burst_pos = 0;
    q->drained = false;
    if (state != MMAPDEMO_QSTATE_RUNNING) {
        mmapdemo_queue_forget_delay(q);
    }
    if (state == MMAPDEMO_QSTATE_DISABLED || state == MMAPDEMO_QSTATE_ERROR) {
        q->work = (MmapdemoWork) { };
        q->want = (MmapdemoWant) { };
        q->span_failed = false;
    }
}

/*
 * Tell the owner of the queue, where it can be told. A message that was asked
 * for and not yet sent stays wanted.
 */
static void queue_show_state(MmapdemoQueue *q)
{
    MmapdemoWant kept = { .irq = q->want.irq, .irq_due = q->want.irq_due };
    bool reachable = mmapdemo_span_ring(q, 0) ||
                     (mmapdemo_span_fill(q) && mmapdemo_span_ring(q, 0));

    q->want = kept;
    if (reachable) {
        mmapdemo_ring_copy_state(q);
    }
}

void mmapdemo_queue_stop(MmapdemoQueue *q, uint32_t error)
{
    MmapdemoState *s = q->s;

    qemu_log_mask(LOG_GUEST_ERROR, "%s: queue %u stops at %u: %s\n", s->name,
                  q->index, q->head, error_text[error]);
    mmapdemo_queue_hold(q);
    queue_set_state(q, MMAPDEMO_QSTATE_ERROR);
    q->error = error;
    q->error_index = q->head;
    if (error == MMAPDEMO_QERR_TAIL) {
        queue_show_state(q);
    }
    mmapdemo_queue_release(q);
    s->cnt[MMAPDEMO_CNT(Q_STOPPED)]++;
    mmapdemo_moderate_send(q);
}

static void queue_enable(MmapdemoQueue *q)
{
    MmapdemoState *s = q->s;
    uint32_t error = mmapdemo_queue_check(s, &q->reg);

    if (!error && !mmapdemo_bus_ok(s)) {
        error = MMAPDEMO_QERR_BUS_OFF;
    }
    if (!error) {
        mmapdemo_queue_hold(q);
        q->ctx = q->reg;
        q->head = q->told_head = q->marked_head = s->queue_start;
        q->header_written = false;
        mmapdemo_moderate_reset(q);
        for (unsigned i = 0; i < MMAPDEMO_RING_PAGES; i++) {
            q->ring[i].epoch = 0;
        }
        if (mmapdemo_span_fill_ring(q)) {
            queue_set_state(q, MMAPDEMO_QSTATE_RUNNING);
        } else {
            error = MMAPDEMO_QERR_RING;
        }
        mmapdemo_queue_release(q);
    }
    q->error = error;
    q->error_index = 0;
    if (error) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: queue %u: ENABLE refused: %s\n",
                      s->name, q->index, error_text[error]);
    } else {
        mmapdemo_ring_start(q);
    }
}

static void queue_pause(MmapdemoQueue *q, uint32_t state)
{
    mmapdemo_queue_hold(q);
    queue_set_state(q, state);
    queue_show_state(q);
    mmapdemo_queue_release(q);
    mmapdemo_queue_kick(q);
}

static void queue_disable(MmapdemoQueue *q)
{
    bool reachable = q->state != MMAPDEMO_QSTATE_ERROR;

    mmapdemo_queue_hold(q);
    queue_set_state(q, MMAPDEMO_QSTATE_DISABLED);
    mmapdemo_moderate_reset(q);
    if (reachable) {
        queue_show_state(q);
    }
    mmapdemo_queue_release(q);
}

/* A command that does not fit the state is ignored, and told to the log once */
static uint32_t queue_control(MmapdemoQueue *q, uint32_t command)
{
    bool running = q->state == MMAPDEMO_QSTATE_RUNNING;
    bool paused = q->state == MMAPDEMO_QSTATE_PAUSED;
    bool disabled = q->state == MMAPDEMO_QSTATE_DISABLED;

    if (command == MMAPDEMO_QCTL_ENABLE && disabled) {
        queue_enable(q);
    } else if (command == MMAPDEMO_QCTL_PAUSE && running) {
        queue_pause(q, MMAPDEMO_QSTATE_PAUSED);
    } else if (command == MMAPDEMO_QCTL_RESUME && paused) {
        queue_pause(q, MMAPDEMO_QSTATE_RUNNING);
    } else if (command == MMAPDEMO_QCTL_DISABLE && !disabled) {
        queue_disable(q);
    } else if (command < MMAPDEMO_QCTL_ENABLE ||
               command > MMAPDEMO_QCTL_DISABLE) {
        return MMAPDEMO_ERR_VALUE;
    } else if (!q->complained) {
        q->complained = true;
        qemu_log_mask(LOG_GUEST_ERROR, "%s: queue %u is %s: CTL %u ignored\n",
                      q->s->name, q->index, state_names[q->state], command);
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
        qatomic_set(&q->irq_count, val);
        break;
    default:
        return queue_control(q, val);
    }
    return MMAPDEMO_ERR_NONE;
}

static const struct {
    unsigned counter;
    size_t offset;
} queue_counter[] = {
    { MMAPDEMO_CNT(Q_LOOKS), offsetof(MmapdemoQueueCounts, looks) },
    { MMAPDEMO_CNT(Q_FETCHES), offsetof(MmapdemoQueueCounts, fetches) },
    { MMAPDEMO_CNT(Q_DESCS), offsetof(MmapdemoQueueCounts, descs) },
    { MMAPDEMO_CNT(Q_DONE), offsetof(MmapdemoQueueCounts, done) },
    { MMAPDEMO_CNT(Q_FAILED), offsetof(MmapdemoQueueCounts, failed) },
    { MMAPDEMO_CNT(Q_BYTES), offsetof(MmapdemoQueueCounts, bytes) },
    { MMAPDEMO_CNT(Q_IRQ_ASKED), offsetof(MmapdemoQueueCounts, asked) },
};

static uint64_t queue_count(MmapdemoQueue *q, unsigned i)
{
    void *at = (uint8_t *)&q->counts + queue_counter[i].offset;

    return qatomic_read_u64((uint64_t *)at);
}

uint64_t mmapdemo_queues_count(MmapdemoState *s, unsigned counter)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(queue_counter); i++) {
        if (queue_counter[i].counter != counter) {
            continue;
        }
        for (unsigned j = 0; j < s->num_queues; j++) {
            sum += queue_count(&s->queues->queue[j], i);
        }
    }
    return sum;
}

void mmapdemo_queue_fold_counts(MmapdemoQueue *q)
{
    for (unsigned i = 0; i < ARRAY_SIZE(queue_counter); i++) {
        q->s->cnt[queue_counter[i].counter] += queue_count(q, i);
    }
    q->counts = (MmapdemoQueueCounts) { };
}

static uint64_t doorbell_read(void *opaque, hwaddr offset, unsigned width)
{
    MmapdemoState *s = opaque;

    s->cnt[MMAPDEMO_CNT(RD_ALL)]++;
    s->cnt[MMAPDEMO_CNT(DB_RD)]++;
    return s->fault_reads ? UINT64_MAX : 0;
}

static void doorbell_write(void *opaque, hwaddr offset, uint64_t val,
                           unsigned width)
{
    MmapdemoState *s = opaque;

    s->cnt[MMAPDEMO_CNT(WR_ALL)]++;
    s->cnt[MMAPDEMO_CNT(DB_WR8) + ctz32(width)]++;
    if (offset % MMAPDEMO_DOORBELL_STRIDE < MMAPDEMO_DOORBELL_LIVE &&
        offset / MMAPDEMO_DOORBELL_STRIDE < s->num_queues) {
        mmapdemo_queue_kick(
            &s->queues->queue[offset / MMAPDEMO_DOORBELL_STRIDE]);
    }
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
    s->queues->s = s;
    s->queues->num_queues = s->num_queues;
    s->queues->num_windows = s->num_windows;
    s->queues->queue = g_new0(MmapdemoQueue, s->num_queues);
    s->queues->window = g_new0(MmapdemoWindow, s->num_windows);
    for (unsigned i = 0; i < s->num_queues; i++) {
        s->queues->queue[i].s = s;
        s->queues->queue[i].index = i;
        mmapdemo_moderate_init(&s->queues->queue[i]);
    }
    mmapdemo_sched_init(s);
    mmapdemo_workers_init(s);
    mmapdemo_spans_init(s);
}

void mmapdemo_queues_exit(MmapdemoState *s)
{
    mmapdemo_queues_reset(s);
    mmapdemo_workers_exit(s);
    mmapdemo_spans_exit(s);
    mmapdemo_sched_exit(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        mmapdemo_moderate_exit(&s->queues->queue[i]);
    }
}

/* From finalize: a work item may still have looked at the state after exit */
void mmapdemo_queues_cleanup(MmapdemoState *s)
{
    if (!s->queues) {
        return;
    }
    for (unsigned i = 0; i < s->num_queues; i++) {
        qemu_event_destroy(&s->queues->queue[i].quiet);
        for (unsigned j = 0; j < MMAPDEMO_USES; j++) {
            g_free(s->queues->queue[i].tlb[j]);
        }
    }
    g_free(s->queues->queue);
    g_free(s->queues->window);
    g_free(s->queues);
    s->queues = NULL;
}

void mmapdemo_queues_reset(MmapdemoState *s)
{
    mmapdemo_queues_hold(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &s->queues->queue[i];

        /* A migration stream that was refused may have left anything here */
        q->state = MIN(q->state, MMAPDEMO_QSTATE_ERROR);
        queue_set_state(q, MMAPDEMO_QSTATE_DISABLED);
        mmapdemo_moderate_reset(q);
        q->reg = q->ctx = (MmapdemoQueueContext) { };
        q->irq_gap_ns = 0;
        qatomic_set(&q->irq_count, 0);
        q->error = 0;
        q->error_index = 0;
        q->head = q->told_head = q->marked_head = 0;
        q->header_written = false;
        q->counts = (MmapdemoQueueCounts) { };
    }
    mmapdemo_windows_reset(s);
    mmapdemo_queues_release(s);
}

void mmapdemo_queues_bus_changed(MmapdemoState *s)
{
    if (mmapdemo_bus_ok(s)) {
        return;
    }
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &s->queues->queue[i];

        if (q->state == MMAPDEMO_QSTATE_RUNNING ||
            q->state == MMAPDEMO_QSTATE_PAUSED) {
            mmapdemo_queue_stop(q, MMAPDEMO_QERR_BUS_OFF);
        }
    }
}
