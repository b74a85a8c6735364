/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: from causes to MSI-X messages. Masking and pending bits are the
 * business of the PCI core.
 */

#include "qemu/osdep.h"
#include "hw/pci/msix.h"
#include "mmapdemo-internal.h"
#include "trace.h"

static void irq_send(MmapdemoState *s, unsigned vector)
{
    MemReentrancyGuard *guard = &s->pdev->qdev.mem_reentrancy_guard;
    bool engaged = guard->engaged_in_io;

    if (!msix_enabled(s->pdev) || !mmapdemo_bus_ok(s)) {
        trace_mmapdemo_irq_drop(s->name, vector);
        return;
    }
    s->cnt[MMAPDEMO_CNT(IRQ_RAISED)]++;
    trace_mmapdemo_irq_send(s->name, vector);

    /*
     * The guest chose the address: it may be a register of ours. The core
     * refuses that inside an MMIO access or a guarded bottom half, but not
     * inside a work item of a vCPU nor a write to configuration space.
     */
    guard->engaged_in_io = true;
    msix_notify(s->pdev, vector);
    guard->engaged_in_io = engaged;
}

void mmapdemo_irq_event(MmapdemoState *s, unsigned vector)
{
    uint32_t bit = 1U << vector;

    s->irq_status |= bit;
    if (s->irq_enable & bit) {
        irq_send(s, vector);
    } else {
        s->cnt[MMAPDEMO_CNT(IRQ_SUPPRESSED)]++;
        trace_mmapdemo_irq_suppress(s->name, vector);
    }
}

void mmapdemo_irq_queue_event(MmapdemoState *s, unsigned queue,
                              unsigned vector)
{
    s->queue_irq_status |= 1ULL << queue;
    irq_send(s, vector);
}

void mmapdemo_irq_enable(MmapdemoState *s, uint32_t mask)
{
    uint32_t due = mask & ~s->irq_enable & s->irq_status;

    s->irq_enable = mask;
    for (unsigned vector = 0; vector < MMAPDEMO_NUM_CAUSES; vector++) {
        if (due & 1U << vector) {
            irq_send(s, vector);
        }
    }
}
