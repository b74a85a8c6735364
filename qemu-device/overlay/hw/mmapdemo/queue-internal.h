/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the state of queues and windows, and what the files that make them
 * work offer each other. Nobody else looks inside.
 *
 *   queue.c    registers and states, reset, what ends a queue
 *   window.c   the window table
 *   span.c     from windows and rings to host pointers, and when to forget them
 *   ring.c     tails, descriptors, completions, event indexes
 *   exec.c     what one descriptor does
 *   sched.c    who runs a queue, when, and for how long; quiescing
 *   worker.c   threads and I/O thread
 *   moderate.c when a request becomes a message
 *
 * A queue is run by one owner at a time, who may or may not hold the big lock.
 * Whoever changes what an owner looks at holds the lock and has the owner held
 * off (mmapdemo_queue_hold): without the lock an owner works between
 * mmapdemo_queue_begin() and mmapdemo_queue_end() only, and there it neither
 * takes a lock nor allocates nor translates an address.
 */
#ifndef HW_MMAPDEMO_QUEUE_INTERNAL_H
#define HW_MMAPDEMO_QUEUE_INTERNAL_H

#include "qemu/bitmap.h"
#include "qemu/main-loop.h"
#include "mmapdemo-internal.h"

/* Descriptors fetched at a time */
#define MMAPDEMO_BURST          16
/* Pages of a queue's memory, at most */
#define MMAPDEMO_RING_PAGES \
    (MMAPDEMO_RING_BYTES(MMAPDEMO_QUEUE_LOG2N_MAX) / 4096)
/* Remembered translations of a queue, of each kind of use */
#define MMAPDEMO_TLB_ENTRIES    1024

/* The registers of a window. Big lock; migrated */
typedef struct MmapdemoWindow {
    uint64_t addr;
    uint64_t len;
    uint32_t first;
    uint32_t shift;
    uint32_t cfg;
    uint32_t status;

    uint64_t serial;        /* of this VALID; 0 and those before never recur */
    /*
     * The whole of it, where that is one piece of host memory. Means something
     * while epoch is the map_epoch of the device: written once in each epoch,
     * before epoch is, and read without the big lock.
     */
    uint64_t epoch;
    uint8_t *host;
    MemoryRegion *mr;
    hwaddr mr_off;
} MmapdemoWindow;

/* Host memory, for as long as the epoch lasts. No reference is held */
typedef struct MmapdemoSpan {
    uint8_t *host;
    MemoryRegion *mr;
    hwaddr mr_off;
    uint64_t len;
} MmapdemoSpan;

typedef struct MmapdemoTlbEntry {
    uint64_t epoch;
    uint64_t serial;        /* of the window */
    uint64_t page;
    uint32_t shift;         /* its size */
    bool writable;
    uint8_t *host;
    MemoryRegion *mr;
    hwaddr mr_off;
} MmapdemoTlbEntry;

/* Uses do not evict each other, or two of a descriptor could do so for ever */
typedef enum MmapdemoUse {
    MMAPDEMO_USE_SRC,
    MMAPDEMO_USE_DST,
    MMAPDEMO_USE_LIST,
    MMAPDEMO_USES,
} MmapdemoUse;

/* What ENABLE latches */
typedef struct MmapdemoQueueContext {
    uint64_t base;
    uint32_t log2n;
    uint32_t pd;
    uint32_t vector;
} MmapdemoQueueContext;

/*
 * Source or destination of the descriptor under way: the private copy of the
 * piece it is in, and of what was checked about it. Migrated, but for serials.
 */
typedef struct MmapdemoSide {
    uint64_t off;           /* what is next in the window */
    uint32_t win;
    uint32_t left;          /* of the piece, bytes; 0: read an element next */
    uint32_t pos;           /* elements read */
    uint32_t sum;           /* of their lengths */
    uint64_t serial;        /* of the window when it was checked */
    uint64_t list_serial;   /* of the window the list is in */
    bool live;              /* while migrating: these are still those windows */
    bool list_live;
} MmapdemoSide;

/* The descriptor under way, in host byte order. Migrated */
typedef struct MmapdemoWork {
    struct mmapdemo_hw_sqe sqe;
    bool active;
    bool delay_over;        /* or none was due */
    bool finished;          /* with status and detail; not yet completed */
    uint16_t status;
    uint32_t detail;
    uint32_t done;          /* bytes; for TIMED all copies together */
    uint32_t cut;           /* left out by x-fault-dma. Not migrated */
    uint64_t aux;           /* CRC so far, not inverted; ns so far */
    MmapdemoSide src;
    MmapdemoSide dst;
} MmapdemoWork;

/* Who runs the queue. What is not NONE is an owner */
typedef enum MmapdemoOwner {
    MMAPDEMO_OWNER_NONE,
    MMAPDEMO_OWNER_LOCKED,  /* this thread, within the big lock */
    MMAPDEMO_OWNER_VCPU,    /* a work item of a vCPU */
    MMAPDEMO_OWNER_BH,      /* the bottom half, next time */
    MMAPDEMO_OWNER_WORKER,  /* worker.c */
    MMAPDEMO_OWNER_PARKED,  /* the bottom half does something for a worker */
    MMAPDEMO_OWNER_TIMER,   /* delay-ns */
} MmapdemoOwner;

/* Why mmapdemo_queue_run() came back */
typedef enum MmapdemoRun {
    MMAPDEMO_RUN_IDLE,      /* nothing to do; the event index says so */
    MMAPDEMO_RUN_WATCH,     /* likewise, but it does not: see watched */
    MMAPDEMO_RUN_OFF,       /* not RUNNING, or the machine is not */
    MMAPDEMO_RUN_MORE,      /* the budget is spent */
    MMAPDEMO_RUN_HELD,      /* somebody wants the queue held off */
    MMAPDEMO_RUN_SERVE,     /* mmapdemo_queue_serve() has to do something */
} MmapdemoRun;

/* What a worker wants of the bottom half while it goes on */
#define MMAPDEMO_IRQ_ASK    1
#define MMAPDEMO_IRQ_DUE    2

/* What mmapdemo_queue_serve() has to do */
typedef struct MmapdemoWant {
    bool irq;               /* ask for a message */
    bool irq_due;           /* the gap has come to its end early */
    bool ring;              /* map ring_page */
    bool span;              /* map win, off for use */
    bool delay;
    uint32_t error;         /* stop the queue: MMAPDEMO_QERR_* */
    uint32_t ring_page;
    MmapdemoUse use;
    uint32_t win;
    uint64_t off;
    bool write;
} MmapdemoWant;

/* Counted by the owner of a queue; read by anybody */
typedef struct MmapdemoQueueCounts {
    uint64_t looks;
    uint64_t fetches;
    uint64_t descs;
    uint64_t done;
    uint64_t failed;
    uint64_t bytes;
    uint64_t asked;
} MmapdemoQueueCounts;

typedef struct MmapdemoQueue {
    MmapdemoState *s;
    unsigned index;

    /* registers. Big lock; migrated */
    MmapdemoQueueContext reg;
    uint32_t irq_gap_ns;
    uint32_t irq_count;
    uint32_t error;
    uint32_t error_index;
    bool complained;            /* of a CTL that does not fit; once a state */

    /* changed with the big lock and the owner held off; migrated */
    uint32_t state;
    MmapdemoQueueContext ctx;

    /* the owner's; migrated */
    uint32_t head;
    uint32_t told_head;         /* cq_event was compared with it; is sq_head */
    MmapdemoWork work;

    /* the owner's */
    struct mmapdemo_hw_sqe burst[MMAPDEMO_BURST];   /* as fetched */
    unsigned burst_num;
    unsigned burst_pos;
    uint32_t marked_head;       /* completions up to here are marked written */
    bool header_written;        /* likewise, sq_event and sq_head */
    bool drained;               /* the last look showed just the burst */
    bool watched;               /* sq_event stays behind, nobody has to ring */
    bool span_failed;           /* what want tells of is not RAM */
    MmapdemoWant want;
    MmapdemoTlbEntry *tlb[MMAPDEMO_USES];
    struct {
        uint64_t epoch;
        MmapdemoSpan span;
    } ring[MMAPDEMO_RING_PAGES];
    MemoryRegionCache written;  /* the place last written, len 0: none */
    MmapdemoQueueCounts counts;

    /* ownership: sched.c */
    int owner;                  /* MmapdemoOwner, atomic */
    bool kicked;                /* atomic: look again before giving up */
    int hold;                   /* atomic: keep out; set under the big lock */
    QemuEvent quiet;            /* set: nobody is at it without the big lock */
    int vcpu_back;              /* goes on there after the bottom half, or -1 */
    QEMUTimer *delay_timer;     /* virtual clock */
    QTAILQ_ENTRY(MmapdemoQueue) ready;  /* worker.c */

    /* moderate.c. Big lock, but where it says atomic */
    int irq_wanted;             /* atomic: MMAPDEMO_IRQ_* of the bottom half */
    bool irq_pending;           /* atomic: asked for during the gap; migrated */
    bool irq_gap;               /* the gap runs; its end migrates */
    uint32_t irq_head;          /* head at the last message; migrated */
    uint64_t irq_sent;
    QEMUTimer *irq_timer;       /* virtual clock */
} MmapdemoQueue;

typedef struct MmapdemoWorkers MmapdemoWorkers;

struct MmapdemoQueues {
    MmapdemoState *s;
    uint32_t num_queues;
    uint32_t num_windows;
    MmapdemoQueue *queue;
    MmapdemoWindow *window;
    uint64_t window_serial;     /* the last one given */
    uint64_t stopped;           /* queues that entered ERROR */

    /* span.c. Changed with the big lock and every owner held off */
    uint64_t map_epoch;         /* translations of others mean nothing */
    MemoryListener listener;
    bool listening;
    unsigned iommus;            /* sections of the bus that translate */
    unsigned iommus_mute;       /* of these, such as do not tell when it ends */
    QLIST_HEAD(, MmapdemoIommu) iommu;

    /* sched.c */
    QEMUBH *bh;
    /* atomic: queues the bottom half is to look at */
    DECLARE_BITMAP(attention, MMAPDEMO_QUEUE_COUNT_MAX);
    bool running;               /* atomic: the VM is */
    VMChangeStateEntry *vm_change;

    MmapdemoWorkers *workers;   /* NULL: the engine has none */
};

/* Numbers a device's own counters do not have */
#define MMAPDEMO_COUNT(field, n) \
    qatomic_set_u64(&(field), (field) + (n))

/* --- queue.c --- */
/* Could ENABLE have accepted this? MMAPDEMO_QERR_* */
uint32_t mmapdemo_queue_check(MmapdemoState *s, const MmapdemoQueueContext *c);
/* What it counted becomes what the device counted. Owner held off */
void mmapdemo_queue_fold_counts(MmapdemoQueue *q);
/* To ERROR. Big lock, no owner at it */
void mmapdemo_queue_stop(MmapdemoQueue *q, uint32_t error);

/* --- window.c --- */
/* Could CFG with VALID have been accepted with the rest? MMAPDEMO_WERR_* */
uint32_t mmapdemo_window_check(MmapdemoState *s, const MmapdemoWindow *w,
                               uint32_t cfg);
void mmapdemo_windows_reset(MmapdemoState *s);

/* --- span.c --- */
void mmapdemo_spans_init(MmapdemoState *s);
void mmapdemo_spans_exit(MmapdemoState *s);
/* May translations be remembered, and so be used without the big lock? */
static inline bool mmapdemo_spans_last(MmapdemoState *s)
{
    return !s->queues->iommus_mute;
}
/* Forget all translations. Big lock */
void mmapdemo_spans_forget(MmapdemoState *s);
/*
 * Tells a fuzzer that the device is about to read there, so that it can put
 * something there. It does so under the big lock only.
 */
static inline void mmapdemo_guest_read(hwaddr addr, size_t len,
                                       MemoryRegion *mr)
{
#ifdef CONFIG_FUZZ
    if (bql_locked()) {
        fuzz_dma_read_cb(addr, len, mr);
    }
#endif
}

static inline uint32_t mmapdemo_window_kind(const MmapdemoWindow *w)
{
    return (w->cfg & MMAPDEMO_WCFG_KIND) >> MMAPDEMO_WCFG_KIND_SHIFT;
}

bool mmapdemo_span_find_page(MmapdemoQueue *q, MmapdemoUse use, uint32_t win,
                             uint64_t off, uint64_t len, bool write,
                             MmapdemoSpan *span);

/*
 * Host memory of a piece of a window that was found allowed, up to len bytes.
 * False: not known; want is set.
 */
static inline bool mmapdemo_span_find(MmapdemoQueue *q, MmapdemoUse use,
                                      uint32_t win, uint64_t off, uint64_t len,
                                      bool write, MmapdemoSpan *span)
{
    MmapdemoState *s = q->s;
    MmapdemoWindow *w = &s->queues->window[win];

    span->len = len;
    if (mmapdemo_window_kind(w) == MMAPDEMO_WKIND_MEM) {
        span->mr = s->mem_cache.mrs.mr;
        span->mr_off = w->addr + off;
        span->host = s->mem_ptr + span->mr_off;
        return true;
    }
    /* Acquire: pairs with the release in mmapdemo_span_fill_whole() */
    if (likely(qatomic_load_acquire(&w->epoch) == s->queues->map_epoch)) {
        span->host = w->host + off;
        span->mr = w->mr;
        span->mr_off = w->mr_off + off;
        mmapdemo_guest_read(span->mr_off, len, span->mr);
        return true;
    }
    return mmapdemo_span_find_page(q, use, win, off, len, write, span);
}

uint8_t *mmapdemo_span_ring_miss(MmapdemoQueue *q, uint32_t page);

/* Host memory of the queue itself. NULL: not known; want is set */
static inline uint8_t *mmapdemo_span_ring(MmapdemoQueue *q, uint32_t offset)
{
    uint32_t page = offset / 4096;
    const MmapdemoSpan *span = &q->ring[page].span;

    if (unlikely(q->ring[page].epoch != q->s->queues->map_epoch)) {
        return mmapdemo_span_ring_miss(q, page);
    }
    mmapdemo_guest_read(span->mr_off + offset % 4096, 4096 - offset % 4096,
                        span->mr);
    return span->host + offset % 4096;
}

/* Make what is wanted known, under the big lock. False: it is not RAM */
bool mmapdemo_span_fill(MmapdemoQueue *q);
/* A window over one piece of host memory needs no table. False: it is not */
bool mmapdemo_span_fill_whole(MmapdemoState *s, MmapdemoWindow *w);
/* Resolve all of the ring */
bool mmapdemo_span_fill_ring(MmapdemoQueue *q);
/*
 * len bytes were written: after they are. Taken down, and told by flush, before
 * anything else can be mapped there. Any thread known to RCU.
 */
void mmapdemo_spans_tell(MmapdemoQueue *q);

static inline void mmapdemo_spans_flush(MmapdemoQueue *q)
{
    if (q->written.len) {
        mmapdemo_spans_tell(q);
    }
}

static inline void mmapdemo_span_written(MmapdemoQueue *q,
                                         const MmapdemoSpan *span, uint64_t len)
{
    MemoryRegionCache *c = &q->written;

    if (c->len && c->mrs.mr == span->mr && c->xlat + c->len == span->mr_off) {
        c->len += len;
        return;
    }
    mmapdemo_spans_flush(q);
    c->ptr = span->host;
    c->xlat = span->mr_off;
    c->len = len;
    c->mrs.mr = span->mr;
    c->is_write = true;
}

/* Within a page that is known */
static inline void mmapdemo_span_ring_written(MmapdemoQueue *q, uint32_t offset,
                                              uint32_t len)
{
    const MmapdemoSpan *page = &q->ring[offset / 4096].span;
    MmapdemoSpan span = {
        .host = page->host + offset % 4096,
        .mr = page->mr,
        .mr_off = page->mr_off + offset % 4096,
    };

    mmapdemo_span_written(q, &span, len);
}

/* --- ring.c --- */
/* The number of descriptors to do; -1: want is set */
int mmapdemo_ring_look(MmapdemoQueue *q);
/*
 * After a burst: sq_head, and want.irq if a message is asked for. arm: publish
 * as well that a doorbell is needed from here on. False: want is set.
 */
bool mmapdemo_ring_tell(MmapdemoQueue *q, bool arm);
/* Fill the burst with up to num descriptors. False: want is set */
bool mmapdemo_ring_fetch(MmapdemoQueue *q, unsigned num);
/* Complete the descriptor under way, which is finished. False: want is set */
bool mmapdemo_ring_complete(MmapdemoQueue *q);
/* What was written is marked as such. Before anything else can be mapped */
void mmapdemo_ring_written(MmapdemoQueue *q);
/* First values after ENABLE, and copies of state; of a ring that is mapped */
void mmapdemo_ring_start(MmapdemoQueue *q);
void mmapdemo_ring_copy_state(MmapdemoQueue *q);

/* --- exec.c --- */
/* Take the next descriptor of the burst and check it; it is under way then */
void mmapdemo_exec_start(MmapdemoQueue *q);
/*
 * Do up to one slice of it, until it is finished. Returns what it took, in ns
 * by estimate. False: want is set, nothing changed.
 */
bool mmapdemo_exec_slice(MmapdemoQueue *q, int64_t *budget);
/* Could the descriptor under way, from a stream, have come this far? */
bool mmapdemo_exec_loaded(MmapdemoQueue *q);
/* Estimate of what is left of it, ns */
int64_t mmapdemo_exec_cost(const MmapdemoQueue *q);

/* --- sched.c --- */
void mmapdemo_sched_init(MmapdemoState *s);
void mmapdemo_sched_exit(MmapdemoState *s);
/* Somebody says that there may be work. Big lock */
void mmapdemo_queue_kick(MmapdemoQueue *q);
/* Let nobody run the queue. On return none does. Big lock; nests */
void mmapdemo_queue_hold(MmapdemoQueue *q);
void mmapdemo_queue_release(MmapdemoQueue *q);
void mmapdemo_queues_hold(MmapdemoState *s);
void mmapdemo_queues_release(MmapdemoState *s);
/* The queue was stopped or reset: an owner who waits need not any more */
void mmapdemo_queue_forget_delay(MmapdemoQueue *q);
/* An owner without the big lock. False: not now */
bool mmapdemo_queue_begin(MmapdemoQueue *q);
void mmapdemo_queue_end(MmapdemoQueue *q);
/*
 * Run by the owner until the budget, ns by estimate, is spent or something is
 * up. whole: no descriptor is begun for which the budget does not suffice.
 */
MmapdemoRun mmapdemo_queue_run(MmapdemoQueue *q, int64_t *budget, bool whole);
/* Do under the big lock what a run wanted. False: the owner has to let go */
bool mmapdemo_queue_serve(MmapdemoQueue *q);
/* The same without the lock. False: the bottom half has to do it */
bool mmapdemo_queue_serve_later(MmapdemoQueue *q);
/* Stop being the owner. False: kicked meanwhile, so it is still the owner */
bool mmapdemo_queue_let_go(MmapdemoQueue *q);
/* The bottom half is to look at the queue. Any thread */
void mmapdemo_queue_attention(MmapdemoQueue *q);

/* --- worker.c --- */
void mmapdemo_workers_init(MmapdemoState *s);
/* On return no worker is left */
void mmapdemo_workers_exit(MmapdemoState *s);
/* By the owner, under the big lock: a worker is the owner from now on */
void mmapdemo_workers_give(MmapdemoQueue *q);

/* --- moderate.c --- */
/* A request for a message: sent now or when the gap ends. Big lock */
void mmapdemo_moderate_ask(MmapdemoQueue *q);
/* Ends the gap early? Any thread */
bool mmapdemo_moderate_due(MmapdemoQueue *q);
/* A message now, whatever the gap says. The last thing done */
void mmapdemo_moderate_send(MmapdemoQueue *q);
/* What a worker wanted of it */
void mmapdemo_moderate_serve(MmapdemoQueue *q);
void mmapdemo_moderate_reset(MmapdemoQueue *q);
/* The machine goes on: no gap of a stream is longer than one can be */
void mmapdemo_moderate_resume(MmapdemoQueue *q);
void mmapdemo_moderate_init(MmapdemoQueue *q);
void mmapdemo_moderate_exit(MmapdemoQueue *q);

#endif /* HW_MMAPDEMO_QUEUE_INTERNAL_H */
