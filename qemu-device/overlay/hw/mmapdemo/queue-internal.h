/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the state of queues and windows, shared by queue.c, window.c and
 * what they call. Nobody else looks inside.
 */
#ifndef HW_MMAPDEMO_QUEUE_INTERNAL_H
#define HW_MMAPDEMO_QUEUE_INTERNAL_H

#include "mmapdemo-internal.h"

/* The registers of a window. Big lock; migrated */
typedef struct MmapdemoWindow {
    uint64_t addr;
    uint64_t len;
    uint32_t first;
    uint32_t shift;
    uint32_t cfg;
    uint32_t status;
} MmapdemoWindow;

/* What ENABLE latches */
typedef struct MmapdemoQueueContext {
    uint64_t base;
    uint32_t log2n;
    uint32_t pd;
    uint32_t vector;
} MmapdemoQueueContext;

typedef struct MmapdemoQueue {
    MmapdemoState *s;
    unsigned index;

    /* registers. Big lock; migrated */
    MmapdemoQueueContext reg;
    uint32_t irq_gap_ns;
    uint32_t irq_count;
    uint32_t state;
    uint32_t error;
    uint32_t error_index;

    MmapdemoQueueContext ctx;
    uint32_t head;
} MmapdemoQueue;

struct MmapdemoQueues {
    MmapdemoQueue *queue;       /* num_queues */
    MmapdemoWindow *window;     /* num_windows */
};

/* queue.c */
/* Could ENABLE have accepted this? MMAPDEMO_QERR_* */
uint32_t mmapdemo_queue_check(MmapdemoState *s, const MmapdemoQueueContext *c);

/* window.c */
/* Could CFG with VALID have been accepted with the rest? MMAPDEMO_WERR_* */
uint32_t mmapdemo_window_check(MmapdemoState *s, const MmapdemoWindow *w,
                               uint32_t cfg);
void mmapdemo_windows_reset(MmapdemoState *s);

#endif /* HW_MMAPDEMO_QUEUE_INTERNAL_H */
