/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: queues run by threads of their own (dma=thread) or by an I/O thread
 * (dma=iothread), round robin, a quantum at a time.
 *
 * A worker never takes the big lock: who waits for the worker to end may hold
 * it. What needs the lock is left to the bottom half: the queue is parked with
 * it and comes back; a message is asked for and the worker goes on.
 */

#include "qemu/osdep.h"
#include "block/aio-wait.h"
#include "qemu/main-loop.h"
#include "qemu/rcu.h"
#include "qemu/timer.h"
#include "queue-internal.h"
#include "trace.h"

/* By estimate, ns: 256 KiB */
#define QUANTUM     50000

typedef QTAILQ_HEAD(, MmapdemoQueue) MmapdemoQueueList;

struct MmapdemoWorkers {
    MmapdemoState *s;
    QemuMutex lock;
    QemuCond cond;
    MmapdemoQueueList ready;    /* under lock */
    bool busy;                  /* atomic: ready is not empty */
    bool quit;                  /* atomic */
    QemuThread *thread;
    unsigned num_threads;
    QEMUBH *bh;                 /* of the I/O thread */
};

static void ready_add(MmapdemoWorkers *w, MmapdemoQueue *q)
{
    qatomic_set(&q->owner, MMAPDEMO_OWNER_WORKER);
    qemu_mutex_lock(&w->lock);
    QTAILQ_INSERT_TAIL(&w->ready, q, ready);
    qatomic_set(&w->busy, true);
    qemu_cond_signal(&w->cond);
    qemu_mutex_unlock(&w->lock);
}

/* NULL: there is none, or it is time to end */
static MmapdemoQueue *ready_take(MmapdemoWorkers *w, bool wait)
{
    MmapdemoQueue *q;

    qemu_mutex_lock(&w->lock);
    while (wait && QTAILQ_EMPTY(&w->ready) && !w->quit) {
        qemu_cond_wait(&w->cond, &w->lock);
    }
    q = w->quit ? NULL : QTAILQ_FIRST(&w->ready);
    if (q) {
        QTAILQ_REMOVE(&w->ready, q, ready);
    }
    qatomic_set(&w->busy, !QTAILQ_EMPTY(&w->ready));
    qemu_mutex_unlock(&w->lock);
    return q;
}

void mmapdemo_workers_give(MmapdemoQueue *q)
{
    MmapdemoWorkers *w = q->s->queues->workers;

    trace_mmapdemo_queue_hand_over(q->s->name, q->index, q->head,
                                   w->bh ? "iothread" : "thread");
    ready_add(w, q);
    if (w->bh) {
        qemu_bh_schedule(w->bh);
    }
}

/* The bottom half does what this worker may not, and gives the queue back */
static void worker_park(MmapdemoQueue *q)
{
    qatomic_set(&q->owner, MMAPDEMO_OWNER_PARKED);
    mmapdemo_queue_attention(q);
}

/*
 * Run the queue for a quantum. What becomes of it: true, it is empty and still
 * ours, to be watched; else it is somebody else's, or ready again.
 */
static bool worker_run(MmapdemoWorkers *w, MmapdemoQueue *q, bool watch)
{
    int64_t budget = QUANTUM;
    MmapdemoRun why;
    bool again;

    do {
        why = MMAPDEMO_RUN_HELD;
        again = false;
        if (mmapdemo_queue_begin(q)) {
            q->watched = watch;
            why = mmapdemo_queue_run(q, &budget, false);
            /* Still inside: PAUSE and DISABLE change what is wanted, too */
            again = why == MMAPDEMO_RUN_SERVE && mmapdemo_queue_serve_later(q);
            mmapdemo_queue_end(q);
        }
    } while (again);
    switch (why) {
    case MMAPDEMO_RUN_WATCH:
        return true;
    case MMAPDEMO_RUN_MORE:
        ready_add(w, q);
        break;
    case MMAPDEMO_RUN_IDLE:
    case MMAPDEMO_RUN_OFF:
        if (!mmapdemo_queue_let_go(q)) {
            ready_add(w, q);
        }
        break;
    default:
        worker_park(q);
        break;
    }
    return false;
}

/*
 * Watch an empty queue for a while, so that nobody has to ring. Ends when there
 * is other work.
 */
static void worker_watch(MmapdemoWorkers *w, MmapdemoQueue *q)
{
    int64_t end = get_clock() + w->s->poll_ns;
    uint64_t done = q->counts.done;

    while (worker_run(w, q, get_clock() < end && !qatomic_read(&w->busy) &&
                            !qatomic_read(&w->quit))) {
        if (done != q->counts.done) {
            done = q->counts.done;
            end = get_clock() + w->s->poll_ns;
        }
    }
}

static void worker_one(MmapdemoWorkers *w, MmapdemoQueue *q)
{
    if (worker_run(w, q, w->s->poll_ns)) {
        worker_watch(w, q);
    }
}

static void *worker_thread(void *opaque)
{
    MmapdemoWorkers *w = opaque;
    MmapdemoQueue *q;

    rcu_register_thread();
    while ((q = ready_take(w, true))) {
        worker_one(w, q);
    }
    rcu_unregister_thread();
    return NULL;
}

static void worker_iothread_bh(void *opaque)
{
    MmapdemoWorkers *w = opaque;
    MmapdemoQueue *q = ready_take(w, false);

    if (q) {
        worker_one(w, q);
        if (qatomic_read(&w->busy)) {
            qemu_bh_schedule(w->bh);
        }
    }
}

void mmapdemo_workers_init(MmapdemoState *s)
{
    MmapdemoWorkers *w;

    if (s->engine != MMAPDEMO_ENGINE_THREAD &&
        s->engine != MMAPDEMO_ENGINE_IOTHREAD) {
        return;
    }
    w = g_new0(MmapdemoWorkers, 1);
    w->s = s;
    s->queues->workers = w;
    qemu_mutex_init(&w->lock);
    qemu_cond_init(&w->cond);
    QTAILQ_INIT(&w->ready);
    if (s->engine == MMAPDEMO_ENGINE_IOTHREAD) {
        w->bh = aio_bh_new(iothread_get_aio_context(s->iothread),
                           worker_iothread_bh, w);
        return;
    }
    w->num_threads = s->num_threads;
    w->thread = g_new0(QemuThread, w->num_threads);
    for (unsigned i = 0; i < w->num_threads; i++) {
        g_autofree char *name = g_strdup_printf("mmapdemo-%u", i);

        qemu_thread_create(&w->thread[i], name, worker_thread, w,
                           QEMU_THREAD_JOINABLE);
    }
}

static void worker_iothread_end(void *opaque)
{
    MmapdemoWorkers *w = opaque;

    qemu_bh_delete(w->bh);
    w->bh = NULL;
}

void mmapdemo_workers_exit(MmapdemoState *s)
{
    MmapdemoWorkers *w = s->queues->workers;

    if (!w) {
        return;
    }
    qemu_mutex_lock(&w->lock);
    qatomic_set(&w->quit, true);
    qemu_cond_broadcast(&w->cond);
    qemu_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->num_threads; i++) {
        qemu_thread_join(&w->thread[i]);
    }
    if (w->bh) {
        aio_wait_bh_oneshot(iothread_get_aio_context(s->iothread),
                            worker_iothread_end, w);
    }
    qemu_mutex_destroy(&w->lock);
    qemu_cond_destroy(&w->cond);
    g_free(w->thread);
    g_free(w);
    s->queues->workers = NULL;
}
