/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues and windows in few words. A queue of the tests is the
 * owner's side of it; structures are in host byte order here and nowhere else.
 */
#ifndef MMAPDEMO_QTEST_QUEUE_H
#define MMAPDEMO_QTEST_QUEUE_H

#include "common.h"

typedef struct mmapdemo_hw_sqe Sqe;
typedef struct mmapdemo_hw_cqe Cqe;
typedef struct mmapdemo_hw_sge Sge;

/* Longest wait, us: for a busy host, since a pass never waits that long */
#define PATIENCE        (30 * G_USEC_PER_SEC)

/* Memory of queue q: room for 4096 slots, and 64 queues end with the RAM */
#define QUEUE_SPAN      0x70000
#define QUEUE_MEM(q)    (RAM_QUEUE + (uint64_t)(q) * QUEUE_SPAN)
#define QUEUE_VEC(q)    (MMAPDEMO_VEC_QUEUE + (q))

/* One queue as its owner sees it */
typedef struct MmdQueue {
    MmdTest *t;
    unsigned q;
    unsigned log2n;
    uint64_t base;
    uint32_t tail;          /* index of the next descriptor to write */
    uint32_t swap;          /* of two pages, by queue_iommu.c; else 0 */
} MmdQueue;

/* The choices of property dma, to be run through by a test of each */
typedef struct MmdEngine {
    const char *name;
    const char *props;
    const char *more;       /* on the command line */
    uint32_t reg;           /* ENGINE */
} MmdEngine;
extern const MmdEngine mmd_engines[];
extern const unsigned mmd_num_engines;
MmdTest *engine_start(const MmdEngine *engine, const char *props);
/* /mmapdemo/GROUP/NAME/ENGINE for each of them; fn(const MmdEngine *) */
void add_engine_test(const char *group, const char *name, GTestDataFunc fn);

/* --- registers --- */

#define q_get(t, q, name) \
    mmd_reg_read((t), MMAPDEMO_QREG((q), name))
#define q_set(t, q, name, val) \
    mmd_reg_write((t), MMAPDEMO_QREG((q), name), (val))
#define w_get(t, w, name) \
    mmd_reg_read((t), MMAPDEMO_WREG((w), name))
#define w_set(t, w, name, val) \
    mmd_reg_write((t), MMAPDEMO_WREG((w), name), (val))
#define assert_queue(t, q, state, error) \
    assert_queue_at(__FILE__, __LINE__, (t), (q), (state), (error))
void assert_queue_at(const char *file, int line, MmdTest *t, unsigned q,
                     uint32_t state, uint32_t error);

/* What the registers of all queues say */
typedef struct QueueSnapshot {
    uint64_t val[NUM_QUEUES][16];
} QueueSnapshot;
void q_snapshot(MmdTest *t, QueueSnapshot *snap);
/* No queue changed but, if it is one, that one */
void q_assert_unchanged(MmdTest *t, const QueueSnapshot *snap, int except);

/* --- queues --- */

/* BASE .. VECTOR are written, the memory zeroed, cq_event quiet; not enabled */
void q_program(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd);
/* That, and enabled; its tail is where x-queue-start says: at start */
MmdQueue q_open_at(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd,
                   uint32_t start);
MmdQueue q_open(MmdTest *t, unsigned q, unsigned log2n, uint32_t pd);
uint64_t q_slot(const MmdQueue *mq, uint32_t index);
uint64_t q_cqe_slot(const MmdQueue *mq, uint32_t index);
/* A word of the queue's memory, MMAPDEMO_RING_* */
uint32_t q_word(const MmdQueue *mq, uint32_t offset);
void q_set_word(const MmdQueue *mq, uint32_t offset, uint32_t val);
/* Write the next descriptor; nobody is told */
void q_put(MmdQueue *mq, const Sqe *sqe);
/* Store sq_tail */
void q_publish(MmdQueue *mq);
void q_ring(MmdQueue *mq);
/* All three */
void q_submit(MmdQueue *mq, const Sqe *sqe);
Cqe q_cqe(const MmdQueue *mq, uint32_t index);
bool q_done(const MmdQueue *mq, uint32_t index);
/* Until completion index is there, or fail */
void q_wait(const MmdQueue *mq, uint32_t index);
/* Until everything submitted is complete and the queue watches no more */
void q_drain(const MmdQueue *mq);
/* Until it is in ERROR, or fail */
void q_wait_stopped(const MmdQueue *mq);

/* Counters of queues, CNT_Q_LOOKS and those that follow it */
typedef struct QueueCounts {
    uint64_t looks, fetches, descs, done, failed, bytes, asked, sent, stopped;
} QueueCounts;
QueueCounts q_counts(MmdTest *t);

/*
 * Submit one descriptor to an idle queue; its completion must be this, where
 * user, gen and reserved are as they have to be. Counters must follow.
 */
#define q_expect(mq, sqe, ...) \
    q_expect_at(__FILE__, __LINE__, (mq), (sqe), (Cqe) { __VA_ARGS__ })
void q_expect_at(const char *file, int line, MmdQueue *mq, const Sqe *sqe,
                 Cqe want);
#define assert_cqe(mq, index, ...) \
    assert_cqe_at(__FILE__, __LINE__, (mq), (index), (Cqe) { __VA_ARGS__ })
void assert_cqe_at(const char *file, int line, const MmdQueue *mq,
                   uint32_t index, Cqe want);

/* --- windows --- */

#define W_READ  MMAPDEMO_WCFG_READ
#define W_WRITE MMAPDEMO_WCFG_WRITE
#define W_BOTH  (W_READ | W_WRITE)
#define W_KIND(kind) ((uint32_t)(kind) << MMAPDEMO_WCFG_KIND_SHIFT)

typedef struct MmdWindow {
    uint64_t addr;
    uint64_t len;
    uint32_t first;
    uint32_t shift;
    uint32_t cfg;           /* without VALID */
} MmdWindow;

/* Write it and make it valid; returns STATUS */
uint32_t w_try(MmdTest *t, unsigned w, const MmdWindow *win);
/* The same, accepted */
void w_open(MmdTest *t, unsigned w, const MmdWindow *win);
void w_bus(MmdTest *t, unsigned w, uint64_t addr, uint64_t len, uint32_t cfg);
void w_mem(MmdTest *t, unsigned w, uint64_t off, uint64_t len, uint32_t cfg);
void w_close(MmdTest *t, unsigned w);

/* Elements of a list, as they are in memory */
void put_sge(MmdTest *t, uint64_t addr, const Sge *sge, unsigned num);

/* What most tests need: windows over RAM_BUF and RAM_BUF2, 17 MiB each */
#define WIN_A       1       /* read and write */
#define WIN_B       2       /* read and write */
#define WIN_MEM     3       /* BAR2, read and write */
#define WIN_LIST    4       /* RAM_LIST, read */
#define WIN_SPAN    (17 * MiB)
void w_usual(MmdTest *t, uint32_t pd);

/* Bitwise, straight from the polynomial: what the device is measured by */
uint32_t crc32c_bits(uint32_t seed, const uint8_t *buf, size_t len);

#endif /* MMAPDEMO_QTEST_QUEUE_H */
