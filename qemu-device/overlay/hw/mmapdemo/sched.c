/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: who runs a queue, when, and for how long.
 *
 *   inline   in the doorbell write, within a budget of time;
 *   vcpu     in a work item of the vCPU that rang, right after its instruction,
 *            with the big lock dropped. It must not be dropped in the handler,
 *            whose callers do not expect that;
 *   bh       in a bottom half of the main loop, a budget at a time: where the
 *            doorbell came from no vCPU, under icount, and behind an IOMMU that
 *            does not tell when translations end;
 *   worker   in a thread of its own: worker.c.
 *
 * A queue that was handed over stays with its owner until it is empty, which
 * keeps its descriptors in order. Who rings meanwhile leaves a mark (kicked)
 * that the owner looks for after it let go.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/replay.h"
#include "queue-internal.h"
#include "trace.h"

/* By estimate, ns. Of dma=inline, the rest waits for the bottom half */
#define INLINE_BUDGET   (1 * SCALE_MS)
/* After this a vCPU runs the guest a little before it goes on */
#define VCPU_BUDGET     (10 * SCALE_MS)
/* What translating one address costs, behind an IOMMU */
#define COST_FILL       600
/* Of a bottom half, whatever lock-budget-us is: one slice */
#define BUDGET_MIN      1000

/* --- holding off ---------------------------------------------------------- */

bool mmapdemo_queue_begin(MmapdemoQueue *q)
{
    /* A full barrier: pairs with the one in mmapdemo_queue_hold() */
    qemu_event_reset(&q->quiet);
    if (qatomic_read(&q->hold) || !mmapdemo_spans_last(q->s)) {
        qemu_event_set(&q->quiet);
        return false;
    }
    return true;
}

void mmapdemo_queue_end(MmapdemoQueue *q)
{
    qemu_event_set(&q->quiet);
}

void mmapdemo_queue_hold(MmapdemoQueue *q)
{
    qatomic_set(&q->hold, q->hold + 1);
    smp_mb();       /* pairs with the one in mmapdemo_queue_begin() */
    qemu_event_wait(&q->quiet);
}

void mmapdemo_queue_release(MmapdemoQueue *q)
{
    qatomic_set(&q->hold, q->hold - 1);
}

void mmapdemo_queues_hold(MmapdemoState *s)
{
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &s->queues->queue[i];

        qatomic_set(&q->hold, q->hold + 1);
    }
    smp_mb();       /* pairs with the one in mmapdemo_queue_begin() */
    for (unsigned i = 0; i < s->num_queues; i++) {
        qemu_event_wait(&s->queues->queue[i].quiet);
    }
}

void mmapdemo_queues_release(MmapdemoState *s)
{
    for (unsigned i = 0; i < s->num_queues; i++) {
        mmapdemo_queue_release(&s->queues->queue[i]);
    }
}

/* --- running a queue ------------------------------------------------------ */

/* One descriptor, or as much of it as there is budget for. True: completed */
static bool run_work(MmapdemoQueue *q, int64_t *budget, MmapdemoRun *why)
{
    MmapdemoWork *w = &q->work;

    if (unlikely(!w->delay_over)) {
        q->want.delay = true;
        *why = MMAPDEMO_RUN_SERVE;
        return false;
    }
    while (!w->finished) {
        if (!mmapdemo_exec_slice(q, budget)) {
            *why = MMAPDEMO_RUN_SERVE;
            return false;
        }
        if (w->finished) {
            break;
        }
        if (qatomic_read(&q->hold)) {
            *why = MMAPDEMO_RUN_HELD;
            return false;
        }
        if (*budget <= 0) {
            *why = MMAPDEMO_RUN_MORE;
            return false;
        }
    }
    if (!mmapdemo_ring_complete(q)) {
        *why = MMAPDEMO_RUN_SERVE;
        return false;
    }
    return true;
}

/* See to it that there is a burst. False: there is a reason not to go on */
static bool run_fetch(MmapdemoQueue *q, MmapdemoRun *why)
{
    bool armed = q->drained && !q->watched;
    int ready = 0;

    *why = MMAPDEMO_RUN_SERVE;
    if (armed || q->told_head != q->head) {
        if (!mmapdemo_ring_tell(q, armed)) {
            return false;
        }
        if (q->want.irq || q->want.irq_due) {
            return false;
        }
    }
    q->drained = false;
    ready = mmapdemo_ring_look(q);
    if (!ready && q->watched) {
        *why = MMAPDEMO_RUN_WATCH;
        return false;
    }
    if (!ready && !armed) {
        if (!mmapdemo_ring_tell(q, true)) {
            return false;
        }
        ready = mmapdemo_ring_look(q);
    }
    if (!ready) {
        *why = MMAPDEMO_RUN_IDLE;
        return false;
    }
    if (ready < 0 || !mmapdemo_ring_fetch(q, MIN(ready, MMAPDEMO_BURST))) {
        return false;
    }
    q->drained = ready <= MMAPDEMO_BURST;
    return true;
}

MmapdemoRun mmapdemo_queue_run(MmapdemoQueue *q, int64_t *budget, bool whole)
{
    MmapdemoRun why;

    for (;;) {
        if (q->state != MMAPDEMO_QSTATE_RUNNING ||
            !qatomic_read(&q->s->queues->running)) {
            why = MMAPDEMO_RUN_OFF;
            break;
        }
        if (qatomic_read(&q->hold)) {
            why = MMAPDEMO_RUN_HELD;
            break;
        }
        if (!q->work.active) {
            if (q->burst_pos == q->burst_num && !run_fetch(q, &why)) {
                break;
            }
            mmapdemo_exec_start(q);
        }
        if (*budget <= 0 || (whole && mmapdemo_exec_cost(q) > *budget)) {
            why = MMAPDEMO_RUN_MORE;
            break;
        }
        if (!run_work(q, budget, &why)) {
            break;
        }
    }
    mmapdemo_ring_written(q);
    mmapdemo_spans_flush(q);
    return why;
}

static void delay_over(void *opaque)
{
    MmapdemoQueue *q = opaque;

    q->work.delay_over = true;
    /* A timer is outside of the reentrancy guard, the bottom half inside */
    qatomic_set(&q->owner, MMAPDEMO_OWNER_BH);
    mmapdemo_queue_attention(q);
}

static void queue_delay(MmapdemoQueue *q)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    qatomic_set(&q->owner, MMAPDEMO_OWNER_TIMER);
    if (qatomic_read(&q->s->fault_dma) == MMAPDEMO_FAULT_DMA_STUCK) {
        return;     /* until mmapdemo_queue_forget_delay() */
    }
    timer_mod_ns(q->delay_timer,
                 now + MIN(q->s->delay_ns, (uint64_t)(INT64_MAX - now)));
}

void mmapdemo_queue_forget_delay(MmapdemoQueue *q)
{
    timer_del(q->delay_timer);
    if (qatomic_read(&q->owner) == MMAPDEMO_OWNER_TIMER) {
        qatomic_set(&q->owner, MMAPDEMO_OWNER_NONE);
    }
}

bool mmapdemo_queue_serve(MmapdemoQueue *q)
{
    MmapdemoWant want = q->want;
    bool mapped = true;

    if (q->state != MMAPDEMO_QSTATE_RUNNING) {
        q->want = (MmapdemoWant) { };
        if (want.irq && q->state == MMAPDEMO_QSTATE_PAUSED) {
            mmapdemo_moderate_ask(q);   /* its completion was posted */
        }
        return true;        /* to find out by itself */
    }
    if (want.error) {
        q->want = (MmapdemoWant) { };
        mmapdemo_queue_stop(q, want.error);
        return true;
    }
    if (want.ring || want.span) {
        mapped = mmapdemo_span_fill(q);
    }
    q->want = (MmapdemoWant) { .use = want.use };
    if (!mapped && want.ring) {
        mmapdemo_queue_stop(q, MMAPDEMO_QERR_RING);
        return true;
    }
    q->span_failed = !mapped;
    if (want.delay) {
        queue_delay(q);
        return false;
    }
    if (want.irq) {
        mmapdemo_moderate_ask(q);
    } else if (want.irq_due && mmapdemo_moderate_due(q)) {
        mmapdemo_moderate_send(q);
    }
    return true;
}

bool mmapdemo_queue_serve_later(MmapdemoQueue *q)
{
    MmapdemoWant *want = &q->want;

    if (want->error || want->ring || want->span || want->delay) {
        return false;
    }
    qatomic_or(&q->irq_wanted, want->irq ? MMAPDEMO_IRQ_ASK
                                         : MMAPDEMO_IRQ_DUE);
    *want = (MmapdemoWant) { };
    mmapdemo_queue_attention(q);
    return true;
}

/*
 * Without workers, all of this happens under the big lock. With them, a worker
 * lets go without it, and then looks whether somebody rang in vain; who rings
 * leaves the mark first, and then tries to become the owner.
 */
bool mmapdemo_queue_let_go(MmapdemoQueue *q)
{
    if (!q->s->queues->workers) {
        if (!q->kicked) {
            q->owner = MMAPDEMO_OWNER_NONE;
            return true;
        }
        q->kicked = false;
        return false;
    }
    qatomic_set(&q->owner, MMAPDEMO_OWNER_NONE);
    smp_mb();       /* pairs with the one in queue_become_owner() */
    if (!qatomic_read(&q->kicked) ||
        qatomic_cmpxchg(&q->owner, MMAPDEMO_OWNER_NONE,
                        MMAPDEMO_OWNER_LOCKED) != MMAPDEMO_OWNER_NONE) {
        return true;
    }
    qatomic_set(&q->kicked, false);
    smp_mb();       /* before the look that this is about */
    return false;
}

static bool queue_become_owner(MmapdemoQueue *q)
{
    if (!q->s->queues->workers) {
        q->kicked = q->owner != MMAPDEMO_OWNER_NONE;
        if (q->kicked) {
            return false;
        }
        q->owner = MMAPDEMO_OWNER_LOCKED;
        return true;
    }
    qatomic_set(&q->kicked, true);
    smp_mb();       /* pairs with the one in mmapdemo_queue_let_go() */
    if (qatomic_cmpxchg(&q->owner, MMAPDEMO_OWNER_NONE,
                        MMAPDEMO_OWNER_LOCKED) != MMAPDEMO_OWNER_NONE) {
        return false;
    }
    qatomic_set(&q->kicked, false);
    smp_mb();       /* before the look that this is about */
    return true;
}

/* --- lock-stats ----------------------------------------------------------- */

/* Of the thread: what else the host runs meanwhile is not our doing */
static int64_t thread_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

/* Around what a queue does under the big lock. No clock without lock-stats */
static int64_t lock_begin(MmapdemoState *s)
{
    return unlikely(s->lock_stats) ? thread_ns() : 0;
}

static void lock_end(MmapdemoState *s, int64_t start)
{
    uint64_t ns;

    if (likely(!s->lock_stats)) {
        return;
    }
    ns = thread_ns() - start;
    s->cnt[MMAPDEMO_CNT(LOCK_HOLDS)]++;
    s->cnt[MMAPDEMO_CNT(LOCK_NS)] += ns;
    s->cnt[MMAPDEMO_CNT(LOCK_OVER)] += ns > s->lock_budget_us * 1000ULL;
    s->lock_max_ns = MAX(s->lock_max_ns, ns);
}

/* --- engines -------------------------------------------------------------- */

void mmapdemo_queue_attention(MmapdemoQueue *q)
{
    set_bit_atomic(q->index, q->s->queues->attention);
    if (q->s->queues->bh) {
        replay_bh_schedule_event(q->s->queues->bh);
    }
}

static void give_bh(MmapdemoQueue *q)
{
    qatomic_set(&q->owner, MMAPDEMO_OWNER_BH);
    mmapdemo_queue_attention(q);
}

static void vcpu_work(CPUState *cpu, run_on_cpu_data data)
{
    MmapdemoQueue *q = data.host_ptr;
    MmapdemoState *s = q->s;
    int64_t budget = VCPU_BUDGET;
    int64_t start = lock_begin(s);
    MmapdemoRun why = MMAPDEMO_RUN_HELD;

    for (;;) {
        if (!mmapdemo_spans_last(s) || budget <= 0 || cpu->stop ||
            cpu_is_stopped(cpu)) {
            /* Not here, or not now: somebody waits for this vCPU */
            q->vcpu_back = budget <= 0 ? cpu->cpu_index : -1;
            give_bh(q);
            break;
        }
        lock_end(s, start);
        bql_unlock();
        why = MMAPDEMO_RUN_HELD;
        if (mmapdemo_queue_begin(q)) {
            why = mmapdemo_queue_run(q, &budget, false);
            mmapdemo_queue_end(q);
        }
        bql_lock();
        start = lock_begin(s);
        if (why == MMAPDEMO_RUN_SERVE && !mmapdemo_queue_serve(q)) {
            break;
        }
        if ((why == MMAPDEMO_RUN_IDLE || why == MMAPDEMO_RUN_OFF) &&
            mmapdemo_queue_let_go(q)) {
            break;
        }
        qatomic_set(&q->owner, MMAPDEMO_OWNER_VCPU);
    }
    lock_end(s, start);
    object_unref(OBJECT(s));
}

static void give_vcpu(MmapdemoQueue *q, CPUState *cpu)
{
    trace_mmapdemo_queue_hand_over(q->s->name, q->index, q->head, "vcpu");
    qatomic_set(&q->owner, MMAPDEMO_OWNER_VCPU);
    object_ref(OBJECT(q->s));
    async_run_on_cpu(cpu, vcpu_work, RUN_ON_CPU_HOST_PTR(q));
}

/* A vCPU that had its share of the guest goes on with the queue */
static bool give_back(MmapdemoQueue *q)
{
    CPUState *cpu = q->vcpu_back >= 0 ? qemu_get_cpu(q->vcpu_back) : NULL;

    q->vcpu_back = -1;
    if (!cpu || !mmapdemo_spans_last(q->s) || !q->s->queues->running) {
        return false;
    }
    give_vcpu(q, cpu);
    return true;
}

/* What is not done within the budget of a doorbell write */
static void hand_over(MmapdemoQueue *q)
{
    MmapdemoState *s = q->s;

    if (s->queues->workers && mmapdemo_spans_last(s)) {
        mmapdemo_workers_give(q);
    } else if (s->engine != MMAPDEMO_ENGINE_INLINE &&
        s->engine != MMAPDEMO_ENGINE_BH && current_cpu && !icount_enabled() &&
        mmapdemo_spans_last(s)) {
        give_vcpu(q, current_cpu);
    } else {
        trace_mmapdemo_queue_hand_over(s->name, q->index, q->head, "bh");
        give_bh(q);
    }
}

/* True: let go of. False: the budget is spent, or somebody else took over */
static bool run_locked(MmapdemoQueue *q, int64_t budget, bool whole)
{
    if (!mmapdemo_spans_last(q->s)) {
        /* No IOMMU tells: what was known before this moment is not believed */
        q->s->queues->map_epoch++;
    }
    for (;;) {
        switch (mmapdemo_queue_run(q, &budget, whole)) {
        case MMAPDEMO_RUN_SERVE:
            budget -= q->want.span || q->want.ring ? COST_FILL : 0;
            if (!mmapdemo_queue_serve(q)) {
                return true;
            }
            break;
        case MMAPDEMO_RUN_MORE:
            return false;
        default:
            if (mmapdemo_queue_let_go(q)) {
                return true;
            }
            break;
        }
    }
}

static int64_t lock_budget(MmapdemoState *s)
{
    return MAX(s->lock_budget_us * (int64_t)SCALE_US, BUDGET_MIN);
}

static void kick(MmapdemoQueue *q)
{
    MmapdemoState *s = q->s;

    if (q->state != MMAPDEMO_QSTATE_RUNNING || !s->queues->running) {
        return;     /* RESUME, or the machine when it goes on, looks */
    }
    if (!mmapdemo_bus_ok(s)) {
        mmapdemo_queue_stop(q, MMAPDEMO_QERR_BUS_OFF);
        return;
    }
    if (!queue_become_owner(q)) {
        return;
    }
    switch (s->engine) {
    case MMAPDEMO_ENGINE_AUTO:
        if (run_locked(q, lock_budget(s), true)) {
            return;
        }
        break;
    case MMAPDEMO_ENGINE_INLINE:
        if (run_locked(q, INLINE_BUDGET, false)) {
            return;
        }
        break;
    default:
        break;
    }
    hand_over(q);
}

void mmapdemo_queue_kick(MmapdemoQueue *q)
{
    int64_t start = lock_begin(q->s);

    kick(q);
    lock_end(q->s, start);
}

/* If the queue is the bottom half's to run, or to do something for its owner */
static void bh_look(MmapdemoQueue *q)
{
    MmapdemoState *s = q->s;
    int owner = qatomic_read(&q->owner);

    if (owner != MMAPDEMO_OWNER_BH && owner != MMAPDEMO_OWNER_PARKED) {
        return;
    }
    qatomic_set(&q->owner, MMAPDEMO_OWNER_LOCKED);
    if (owner == MMAPDEMO_OWNER_PARKED && !mmapdemo_queue_serve(q)) {
        return;
    }
    if (s->queues->workers && mmapdemo_spans_last(s)) {
        mmapdemo_workers_give(q);
    } else if (!give_back(q) && !run_locked(q, lock_budget(s), false)) {
        give_bh(q);
    }
}

static void queues_bh(void *opaque)
{
    MmapdemoState *s = opaque;
    MmapdemoQueues *qs = s->queues;
    int64_t start;

    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &qs->queue[i];

        if (!bitmap_test_and_clear_atomic(qs->attention, i, 1)) {
            continue;
        }
        start = lock_begin(s);
        mmapdemo_moderate_serve(q);
        bh_look(q);
        lock_end(s, start);
    }
}

static void queues_vm_change(void *opaque, bool running, RunState state)
{
    MmapdemoState *s = opaque;

    qatomic_set(&s->queues->running, running);
    if (!running) {
        mmapdemo_queues_hold(s);
        mmapdemo_queues_release(s);
        return;
    }
    /* A stream can hold a queue that runs with bus mastering off */
    mmapdemo_queues_bus_changed(s);
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &s->queues->queue[i];

        mmapdemo_moderate_resume(q);
        if (q->state == MMAPDEMO_QSTATE_RUNNING &&
            qatomic_cmpxchg(&q->owner, MMAPDEMO_OWNER_NONE,
                            MMAPDEMO_OWNER_BH) == MMAPDEMO_OWNER_NONE) {
            mmapdemo_queue_attention(q);
        }
    }
}

void mmapdemo_sched_init(MmapdemoState *s)
{
    MmapdemoQueues *qs = s->queues;
    DeviceState *dev = DEVICE(s);

    qs->bh = qemu_bh_new_guarded(queues_bh, s, &dev->mem_reentrancy_guard);
    for (unsigned i = 0; i < s->num_queues; i++) {
        MmapdemoQueue *q = &qs->queue[i];

        qemu_event_init(&q->quiet, true);
        q->vcpu_back = -1;
        q->delay_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, delay_over, q);
    }
    qs->running = runstate_is_running();
    qs->vm_change = qdev_add_vm_change_state_handler(dev, queues_vm_change,
                                                     NULL, s);
}

void mmapdemo_sched_exit(MmapdemoState *s)
{
    MmapdemoQueues *qs = s->queues;

    qatomic_set(&qs->running, false);
    qemu_del_vm_change_state_handler(qs->vm_change);
    qemu_bh_delete(qs->bh);
    qs->bh = NULL;
    for (unsigned i = 0; i < s->num_queues; i++) {
        timer_free(qs->queue[i].delay_timer);
        qs->queue[i].delay_timer = NULL;
    }
}
