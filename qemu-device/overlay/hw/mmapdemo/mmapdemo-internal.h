/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the device's state, and what its files offer each other.
 *
 * What the guest sees is defined in standard-headers/linux/mmapdemo_hw.h and
 * described in docs/specs/mmapdemo.rst, never here.
 */
#ifndef HW_MMAPDEMO_INTERNAL_H
#define HW_MMAPDEMO_INTERNAL_H

#include "qemu/thread.h"
#include "qemu/units.h"
#include "hw/pci/pci_device.h"
#include "system/hostmem.h"
#include "system/iothread.h"
#include "system/runstate.h"
#include "qom/object.h"
#include "compat.h"

/* Linux spells the byte order in the type; QEMU's linux/types.h has no such */
#define __le16 uint16_t
#define __le32 uint32_t
#define __le64 uint64_t
#include "standard-headers/linux/mmapdemo_hw.h"
#undef __le16
#undef __le32
#undef __le64

#define TYPE_MMAPDEMO "mmapdemo"
OBJECT_DECLARE_SIMPLE_TYPE(MmapdemoState, MMAPDEMO)

/*
 * The most that is copied while somebody waits, for the big lock or for the
 * engine to be quiet: a few microseconds of memcpy. And the most that is
 * translated at a time, half a microsecond each behind a vIOMMU.
 */
#define MMAPDEMO_CHUNK_BYTES    (64 * KiB)
#define MMAPDEMO_SLICE_PIECES   64

/* A timed run is mapped whole; behind a vIOMMU each of its pages is a piece */
#define MMAPDEMO_MAX_PIECES     (MMAPDEMO_DMA_MAX_LEN / (4 * KiB) + 1)

/* struct mmapdemo_hw_sg in host byte order, without its reserved field */
typedef struct MmapdemoSg {
    uint64_t addr;
    uint32_t len;
} MmapdemoSg;

/*
 * The parameters START latched, and how far the transfer came. Big lock.
 * Migrated, and therefore free of pointers.
 */
typedef struct MmapdemoTransfer {
    uint64_t seq;
    uint64_t addr;
    uint64_t dev_off;
    uint32_t len;
    uint32_t cmd;
    uint32_t repeat;        /* 1 unless CMD_TIMED */
    uint32_t sg_count;      /* 0 unless CMD_SG */
    uint32_t sg_pos;        /* element the next slice starts in */
    uint32_t sg_off;        /* bytes of that element done */
    uint64_t done;          /* bytes moved so far, of len * repeat */
    uint64_t host_ns;       /* spent copying so far, CMD_TIMED only */
} MmapdemoTransfer;

/* Host memory next to each other. mr is referenced until the slice retires */
typedef struct MmapdemoPiece {
    MemoryRegion *mr;
    uint8_t *host;
    uint32_t len;
} MmapdemoPiece;

/*
 * What is being copied right now. Written under the big lock while num is 0;
 * from then on until slice_over is set, the copying thread owns moved and ns
 * and nobody changes the rest.
 */
typedef struct MmapdemoSlice {
    MmapdemoPiece *piece;
    unsigned num;           /* 0: nothing is being copied */
    uint32_t bytes;         /* sum of the pieces */
    uint32_t repeat;        /* times to copy them, 1 unless timed */
    uint64_t moved;         /* bytes copied */
    int64_t ns;             /* it took, timed only */
    uint8_t *dev;
    bool from_device;
    bool timed;
} MmapdemoSlice;

/*
 * What can be told to the interrupt controller: a message for each vector, the
 * INTx line as it should be, and a pulse of it for no reason.
 */
#define MMAPDEMO_MAX_VECTORS \
    (MMAPDEMO_NUM_CAUSES + MMAPDEMO_QUEUE_COUNT_MAX)
#define MMAPDEMO_IRQ_LINE   MMAPDEMO_MAX_VECTORS
#define MMAPDEMO_IRQ_PULSE  (MMAPDEMO_MAX_VECTORS + 1)
#define MMAPDEMO_IRQ_NUM    (MMAPDEMO_MAX_VECTORS + 2)   /* 68 */

/* Values of x-fault-irq, and how late a late or repeated interrupt is */
typedef enum MmapdemoFaultIrq {
    MMAPDEMO_FAULT_IRQ_NONE,
    MMAPDEMO_FAULT_IRQ_LOST,
    MMAPDEMO_FAULT_IRQ_LATE,
    MMAPDEMO_FAULT_IRQ_REPEAT,
} MmapdemoFaultIrq;
#define MMAPDEMO_FAULT_LATE_NS  (20 * SCALE_MS)

/* Values of x-fault-dma */
typedef enum MmapdemoFaultDma {
    MMAPDEMO_FAULT_DMA_NONE,
    MMAPDEMO_FAULT_DMA_FAIL,
    MMAPDEMO_FAULT_DMA_SHORT,
    MMAPDEMO_FAULT_DMA_STUCK,
} MmapdemoFaultDma;

#define MMAPDEMO_CNT(name) \
    ((MMAPDEMO_REG_CNT_##name - MMAPDEMO_CNT_FIRST) / sizeof(uint64_t))
#define MMAPDEMO_NUM_CNT (MMAPDEMO_CNT(LOCK_OVER) + 1)

typedef struct MmapdemoQueues MmapdemoQueues;

struct MmapdemoState {
    PCIDevice parent_obj;

    /* properties */
    uint64_t mem_size;
    HostMemoryBackend *memdev;
    uint64_t dma_mask;
    uint32_t num_queues;
    uint32_t num_windows;
    char *engine_name;
    IOThread *iothread;
    uint32_t num_threads;
    uint32_t lock_budget_us;
    bool lock_stats;
    uint64_t poll_ns;
    uint32_t queue_start;       /* first index after ENABLE */
    uint64_t serial;
    bool aer;
    OnOffAuto msi;
    OnOffAuto msix;
    /* these may change at run time, see faults.c */
    uint64_t delay_ns;
    MmapdemoFaultIrq fault_irq;
    MmapdemoFaultDma fault_dma;
    bool fault_reads;

    PCIDevice *pdev;            /* a cast that is too slow for each access */
    MemoryRegion regs;
    MemoryRegion doorbells;
    MemoryRegion *mem;          /* BAR2: own_mem, or the one of memdev */
    MemoryRegion own_mem;
    MemoryRegion alias;
    /* Marks BAR2 dirty, and code in it stale, after the engine wrote there */
    AddressSpace mem_as;
    MemoryRegionCache mem_cache;
    uint8_t *mem_ptr;
    const char *name;           /* in traces and logs; owned by qdev */

    /* registers, as they read but for selftest. Big lock, migrated */
    uint32_t selftest;
    uint32_t err_code;
    uint32_t err_info;
    uint32_t err_count;
    uint32_t irq_status;
    uint32_t irq_enable;
    uint64_t queue_irq_status;
    uint64_t lock_max_ns;
    uint64_t dma_addr;
    uint64_t dma_dev_off;
    uint32_t dma_len;
    uint32_t dma_sg_count;
    uint64_t dma_seq;
    uint32_t dma_repeat;
    uint32_t dma_state;
    uint32_t dma_error;
    uint64_t dma_done_seq;
    uint64_t dma_done_bytes;
    uint64_t dma_host_ns;
    uint32_t dma_sg_index;
    bool dma_told;              /* the last transfer had its event */
    uint32_t scratch32;
    uint64_t scratch64;
    uint64_t cnt[MMAPDEMO_NUM_CNT];

    /* interrupts. Big lock */
    bool irq_level;             /* INTx as we want it */
    bool irq_line;              /* INTx as it is: not while INTX_DISABLE */
    uint64_t fault_late[2];     /* what waits for fault_timer, a bit each */
    QEMUTimer *fault_timer;     /* virtual clock */

    /* engine. Big lock, but for what is said at slice and at slice_cancel */
    MmapdemoTransfer xfer;      /* means something while dma_state is BUSY */
    uint64_t goal;              /* bytes after which it ends, all or short */
    MmapdemoSg *sg;             /* DMA_MAX_SG elements, sg_count in use */
    MmapdemoSlice slice;
    QemuEvent slice_over;       /* set: nobody copies without the big lock */
    bool slice_cancel;          /* atomic: stop at the next chunk */
    uint32_t epoch;             /* grows each time a slice was taken over */
    bool running;               /* the VM is */
    bool vcpu_queued;           /* a work item is on its way to a vCPU */
    QEMUBH *bh;
    QEMUTimer *delay_timer;     /* virtual clock */
    bool delayed;               /* the transfer waits for delay_timer */
    VMChangeStateEntry *vmstate_change;

    /* queues and windows: queue-internal.h */
    MmapdemoQueues *queues;
    uint32_t engine;            /* MMAPDEMO_ENGINE_* */
};

/* Size of the MSI-X table */
static inline unsigned mmapdemo_num_vectors(MmapdemoState *s)
{
    return MMAPDEMO_VEC_QUEUE + s->num_queues;
}

/* mmapdemo.c */
bool mmapdemo_in_d0(MmapdemoState *s);
/* May the device master the bus now? Bus master bit set, and in D0 */
bool mmapdemo_bus_ok(MmapdemoState *s);
/* Everything behind the BARs but the content of BAR2, as after power on */
void mmapdemo_soft_reset(MmapdemoState *s, const char *cause);

/* regs.c */
extern const MemoryRegionOps mmapdemo_regs_ops;
void mmapdemo_regs_class_init(void);
void mmapdemo_regs_reset(MmapdemoState *s);
/* Refused: count, keep the first, tell the log. offset is in BAR0 */
void mmapdemo_error(MmapdemoState *s, uint32_t code, hwaddr offset,
                    unsigned width, bool is_write);

/* memory.c */
bool mmapdemo_memory_check(MmapdemoState *s, Error **errp);
/* BAR2 and BAR5, not yet registered. Sets mem_size */
bool mmapdemo_memory_init(MmapdemoState *s, Error **errp);
void mmapdemo_memory_exit(MmapdemoState *s);

/* irq.c */
bool mmapdemo_irq_init(MmapdemoState *s, Error **errp);
void mmapdemo_irq_exit(MmapdemoState *s);
/* Registers and configuration space came from a stream. False: they cannot */
bool mmapdemo_irq_loaded(MmapdemoState *s);
/* What the INTx line depends on has changed */
void mmapdemo_irq_update(MmapdemoState *s);
/* A vector, MMAPDEMO_IRQ_LINE or _PULSE: tell it now, despite x-fault-irq */
void mmapdemo_irq_deliver(MmapdemoState *s, unsigned what);
void mmapdemo_irq_event(MmapdemoState *s, unsigned vector);
void mmapdemo_irq_enable(MmapdemoState *s, uint32_t mask);
/* A queue asks for its message. Last of all: the state may change in there */
void mmapdemo_irq_queue_event(MmapdemoState *s, unsigned queue,
                              unsigned vector);

/* faults.c */
void mmapdemo_faults_class_init(ObjectClass *klass);
void mmapdemo_faults_init(MmapdemoState *s);
void mmapdemo_faults_exit(MmapdemoState *s);
void mmapdemo_faults_reset(MmapdemoState *s);
bool mmapdemo_fault_waits(MmapdemoState *s);
/* The machine runs: send what was late when it stopped */
void mmapdemo_faults_run(MmapdemoState *s);
/* As for mmapdemo_irq_deliver(). True: not now, or never, do not tell it */
bool mmapdemo_fault_irq(MmapdemoState *s, unsigned what);
/* What shall happen to a transfer or descriptor. Any thread */
MmapdemoFaultDma mmapdemo_fault_dma(MmapdemoState *s, uint64_t seq);
/* Bytes after which a one-shot transfer ends; below its total: as ERROR */
uint64_t mmapdemo_fault_goal(MmapdemoState *s, const MmapdemoTransfer *x);

/* dma.c */
/* A write to DMA_CMD. An error means: refused, without any effect */
uint32_t mmapdemo_dma_command(MmapdemoState *s, uint32_t cmd);
static inline bool mmapdemo_dma_busy(MmapdemoState *s)
{
    return s->dma_state == MMAPDEMO_DMA_STATE_BUSY;
}
static inline uint64_t mmapdemo_dma_total(const MmapdemoTransfer *x)
{
    return (uint64_t)x->len * x->repeat;
}
/* End the running transfer. Not while one of its slices is being copied */
void mmapdemo_dma_finish(MmapdemoState *s, uint32_t error);
/* The command register or power state changed */
void mmapdemo_dma_bus_changed(MmapdemoState *s);
/* Forget the running transfer and all DMA registers, tell nobody */
void mmapdemo_dma_reset(MmapdemoState *s);
/* Parameters of a transfer but for what lies at its bus addresses */
uint32_t mmapdemo_dma_check(MmapdemoState *s, const MmapdemoTransfer *x);
/* The list in s->sg, where *pos tells which element is wrong */
uint32_t mmapdemo_dma_check_list(MmapdemoState *s, const MmapdemoTransfer *x,
                                 uint32_t *pos);

/* engine.c */
void mmapdemo_engine_init(MmapdemoState *s);
/* For the last time: nothing moves, and nothing will */
void mmapdemo_engine_exit(MmapdemoState *s);
void mmapdemo_engine_cleanup(MmapdemoState *s);
/* Host memory at a bus address, if it is RAM and not our own; else NULL */
uint8_t *mmapdemo_engine_map(MmapdemoState *s, uint64_t addr, hwaddr *len,
                             bool is_write, MemoryRegion **mr);
/* Is it all RAM? Looks at the first 64 translations only */
bool mmapdemo_engine_probe(MmapdemoState *s, const MmapdemoTransfer *x);
/* Run the transfer in s->xfer, or see to it that it is run */
void mmapdemo_engine_run(MmapdemoState *s);
/* The transfer has ended, or is forgotten: do not wait for its time any more */
void mmapdemo_engine_forget_delay(MmapdemoState *s);
/*
 * On return no byte moves and xfer.done is exact. The transfer may have come
 * to its end by that. Waits for one chunk: 64 KiB, or one copy of a timed run.
 */
void mmapdemo_engine_quiesce(MmapdemoState *s);

/* queue.c */
extern const MemoryRegionOps mmapdemo_doorbell_ops;
/* Properties of queues. False: told through errp */
bool mmapdemo_queues_check(MmapdemoState *s, Error **errp);
void mmapdemo_queues_realize(MmapdemoState *s);
/* For the last time: no queue moves anything, and none will */
void mmapdemo_queues_exit(MmapdemoState *s);
void mmapdemo_queues_cleanup(MmapdemoState *s);
/* Every queue DISABLED, every window gone. On return no byte moves */
void mmapdemo_queues_reset(MmapdemoState *s);
/* The command register or power state changed */
void mmapdemo_queues_bus_changed(MmapdemoState *s);
/* Registers of queue or window index. set: an error means no effect */
uint64_t mmapdemo_queue_get(MmapdemoState *s, unsigned index, hwaddr offset);
uint32_t mmapdemo_queue_set(MmapdemoState *s, unsigned index, hwaddr offset,
                            uint64_t val);
uint64_t mmapdemo_window_get(MmapdemoState *s, unsigned index, hwaddr offset);
uint32_t mmapdemo_window_set(MmapdemoState *s, unsigned index, hwaddr offset,
                             uint64_t val);
/* What queues counted, by index of s->cnt */
uint64_t mmapdemo_queues_count(MmapdemoState *s, unsigned counter);

/* queue-vmstate.c */
extern const VMStateDescription mmapdemo_queues_vmstate;
void mmapdemo_queues_pre_save(MmapdemoState *s);
/* What is impossible in what was loaded; NULL: nothing */
const char *mmapdemo_queues_loaded(MmapdemoState *s);

/* vmstate.c */
extern const VMStateDescription mmapdemo_vmstate;

#endif /* HW_MMAPDEMO_INTERNAL_H */
