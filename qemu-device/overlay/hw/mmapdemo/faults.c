/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: misbehaviour on request, so that software can be tested against a
 * device that loses interrupts, fails transfers or has fallen off the bus.
 *
 * Properties say what goes wrong; they can be set while the machine runs and
 * are not migrated. What they decide about one event is asked for where the
 * event happens, and nowhere else.
 */

#include "qemu/osdep.h"
#include "qemu/timer.h"
#include "qapi/error.h"
#include "qapi/visitor.h"
#include "mmapdemo-internal.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(MMAPDEMO_IRQ_NUM > 128);

static const char *const fault_irq_names[] = {
    [MMAPDEMO_FAULT_IRQ_NONE]   = "none",
    [MMAPDEMO_FAULT_IRQ_LOST]   = "lost",
    [MMAPDEMO_FAULT_IRQ_LATE]   = "late",
    [MMAPDEMO_FAULT_IRQ_REPEAT] = "repeat",
};
static const QEnumLookup fault_irq_lookup = {
    .array = fault_irq_names,
    .size = ARRAY_SIZE(fault_irq_names),
};

static const char *const fault_dma_names[] = {
    [MMAPDEMO_FAULT_DMA_NONE]   = "none",
    [MMAPDEMO_FAULT_DMA_FAIL]   = "fail",
    [MMAPDEMO_FAULT_DMA_SHORT]  = "short",
    [MMAPDEMO_FAULT_DMA_STUCK]  = "stuck",
};
static const QEnumLookup fault_dma_lookup = {
    .array = fault_dma_names,
    .size = ARRAY_SIZE(fault_dma_names),
};

/* --- interrupts ----------------------------------------------------------- */

static void fault_postpone(MmapdemoState *s, unsigned what)
{
    s->fault_late[what / 64] |= 1ULL << what % 64;
    if (!timer_pending(s->fault_timer)) {
        timer_mod_ns(s->fault_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) +
                                     MMAPDEMO_FAULT_LATE_NS);
    }
}

bool mmapdemo_fault_irq(MmapdemoState *s, unsigned what)
{
    if (likely(s->fault_irq == MMAPDEMO_FAULT_IRQ_NONE)) {
        return false;
    }
    trace_mmapdemo_fault_irq(s->name, what, fault_irq_names[s->fault_irq]);
    switch (s->fault_irq) {
    case MMAPDEMO_FAULT_IRQ_LOST:
        return true;
    case MMAPDEMO_FAULT_IRQ_LATE:
        fault_postpone(s, what);
        return true;
    default:
        /* Now, and once more. The line can only be pulsed a second time */
        fault_postpone(s, what == MMAPDEMO_IRQ_LINE ? MMAPDEMO_IRQ_PULSE
                                                    : what);
        return false;
    }
}

static void fault_time_over(void *opaque)
{
    MmapdemoState *s = opaque;
    uint64_t late[ARRAY_SIZE(s->fault_late)];

    /* What a message sets off may postpone others */
    memcpy(late, s->fault_late, sizeof(late));
    memset(s->fault_late, 0, sizeof(s->fault_late));
    for (unsigned what = 0; what < MMAPDEMO_IRQ_NUM; what++) {
        if (late[what / 64] >> what % 64 & 1) {
            mmapdemo_irq_deliver(s, what);
        }
    }
}

/* --- DMA ------------------------------------------------------------------ */

MmapdemoFaultDma mmapdemo_fault_dma(MmapdemoState *s, uint64_t seq)
{
    MmapdemoFaultDma fault = qatomic_read(&s->fault_dma);

    if (unlikely(fault != MMAPDEMO_FAULT_DMA_NONE)) {
        trace_mmapdemo_fault_dma(s->name, seq, fault_dma_names[fault]);
    }
    return fault;
}

uint64_t mmapdemo_fault_goal(MmapdemoState *s, const MmapdemoTransfer *x)
{
    uint64_t goal = mmapdemo_dma_total(x);

    switch (mmapdemo_fault_dma(s, x->seq)) {
    case MMAPDEMO_FAULT_DMA_FAIL:
        return 0;
    case MMAPDEMO_FAULT_DMA_SHORT:
        return x->cmd & MMAPDEMO_DMA_CMD_TIMED ?
               (uint64_t)x->len * (x->repeat / 2) : x->len / 2;
    default:
        return goal;
    }
}

/* --- life ----------------------------------------------------------------- */

void mmapdemo_faults_init(MmapdemoState *s)
{
    s->fault_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, fault_time_over, s);
}

void mmapdemo_faults_reset(MmapdemoState *s)
{
    timer_del(s->fault_timer);
    memset(s->fault_late, 0, sizeof(s->fault_late));
}

bool mmapdemo_fault_waits(MmapdemoState *s)
{
    return s->fault_late[0] || s->fault_late[1];
}

void mmapdemo_faults_exit(MmapdemoState *s)
{
    timer_free(s->fault_timer);
    s->fault_timer = NULL;
}

void mmapdemo_faults_run(MmapdemoState *s)
{
    if (mmapdemo_fault_waits(s) && !timer_pending(s->fault_timer)) {
        timer_mod_ns(s->fault_timer, qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL));
    }
}

/* --- properties ----------------------------------------------------------- */

static int get_fault_irq(Object *obj, Error **errp)
{
    return MMAPDEMO(obj)->fault_irq;
}

static void set_fault_irq(Object *obj, int val, Error **errp)
{
    MMAPDEMO(obj)->fault_irq = val;
}

static int get_fault_dma(Object *obj, Error **errp)
{
    return MMAPDEMO(obj)->fault_dma;
}

static void set_fault_dma(Object *obj, int val, Error **errp)
{
    qatomic_set(&MMAPDEMO(obj)->fault_dma, val);
}

static bool get_fault_reads(Object *obj, Error **errp)
{
    return MMAPDEMO(obj)->fault_reads;
}

static void set_fault_reads(Object *obj, bool val, Error **errp)
{
    MMAPDEMO(obj)->fault_reads = val;
}

static void get_delay(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    uint64_t val = MMAPDEMO(obj)->delay_ns;

    visit_type_uint64(v, name, &val, errp);
}

static void set_delay(Object *obj, Visitor *v, const char *name, void *opaque,
                      Error **errp)
{
    uint64_t val;

    if (visit_type_uint64(v, name, &val, errp)) {
        MMAPDEMO(obj)->delay_ns = val;
    }
}

/* Not qdev properties: those cannot be set once the device is realized */
void mmapdemo_faults_class_init(ObjectClass *klass)
{
    object_class_property_add(klass, "delay-ns", "uint64", get_delay, set_delay,
                              NULL, NULL);
    object_class_property_set_description(klass, "delay-ns",
        "Virtual ns from the start of a transfer until its first byte moves "
        "(can be set at run time)");
    object_class_property_add_enum(klass, "x-fault-irq", "MmapdemoFaultIrq",
                                   &fault_irq_lookup, get_fault_irq,
                                   set_fault_irq);
    object_class_property_set_description(klass, "x-fault-irq",
        "Interrupts: none, lost, late, repeat (can be set at run time)");
    object_class_property_add_enum(klass, "x-fault-dma", "MmapdemoFaultDma",
                                   &fault_dma_lookup, get_fault_dma,
                                   set_fault_dma);
    object_class_property_set_description(klass, "x-fault-dma",
        "Transfers: none, fail, short, stuck (can be set at run time)");
    object_class_property_add_bool(klass, "x-fault-reads", get_fault_reads,
                                   set_fault_reads);
    object_class_property_set_description(klass, "x-fault-reads",
        "Register reads answer all ones, as if the device were gone "
        "(can be set at run time)");
}
