/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: from causes to interrupts. MSI-X, else MSI, else the INTx line,
 * whichever the guest has enabled. Masking and pending bits of messages are the
 * business of the PCI core, and so is INTX_DISABLE.
 */

#include "qemu/osdep.h"
#include "qapi/error.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "mmapdemo-internal.h"
#include "trace.h"

/* --- the line ------------------------------------------------------------- */

static bool messages_enabled(MmapdemoState *s)
{
    return msix_enabled(s->pdev) || msi_enabled(s->pdev);
}

static bool line_wanted(MmapdemoState *s)
{
    return !messages_enabled(s) && mmapdemo_in_d0(s) &&
           (s->irq_status & s->irq_enable || s->queue_irq_status);
}

static void line_set(MmapdemoState *s, bool level)
{
    bool asserted = level && !(pci_get_word(s->pdev->config + PCI_COMMAND) &
                               PCI_COMMAND_INTX_DISABLE);

    if (asserted != s->irq_line) {
        s->irq_line = asserted;
        s->cnt[MMAPDEMO_CNT(IRQ_RAISED)] += asserted;
        trace_mmapdemo_irq_line(s->name, asserted);
    }
    pci_set_irq(s->pdev, level);
}

void mmapdemo_irq_update(MmapdemoState *s)
{
    bool level = line_wanted(s);

    if (level && !s->irq_level && mmapdemo_fault_irq(s, MMAPDEMO_IRQ_LINE)) {
        return;
    }
    s->irq_level = level;
    line_set(s, level);
}

/*
 * A line that nobody asked for would be taken back at the next reset, from a
 * bus that does not count it. One that is low and should not be is none of
 * that: x-fault-irq may have kept it low.
 */
bool mmapdemo_irq_loaded(MmapdemoState *s)
{
    uint8_t level = s->pdev->irq_state;

    if (level > 1 || (level && !line_wanted(s))) {
        return false;
    }
    s->irq_level = level;
    s->irq_line = level && !(pci_get_word(s->pdev->config + PCI_COMMAND) &
                             PCI_COMMAND_INTX_DISABLE);
    return true;
}

/* --- messages ------------------------------------------------------------- */

static void message_send(MmapdemoState *s, unsigned vector)
{
    MemReentrancyGuard *guard = &s->pdev->qdev.mem_reentrancy_guard;
    bool engaged = guard->engaged_in_io;

    if (!messages_enabled(s) || !mmapdemo_bus_ok(s)) {
        trace_mmapdemo_irq_drop(s->name, vector);
        return;
    }
    s->cnt[MMAPDEMO_CNT(IRQ_RAISED)]++;
    trace_mmapdemo_irq_send(s->name, vector);

    /*
     * The guest chose the address: it may be a register of ours. The core
     * refuses that inside an MMIO access or a guarded bottom half, but not
     * inside a work item of a vCPU, a timer, or a write to configuration space.
     */
    guard->engaged_in_io = true;
    if (msix_enabled(s->pdev)) {
        msix_notify(s->pdev, vector);
    } else {
        msi_notify(s->pdev, vector % msi_nr_vectors_allocated(s->pdev));
    }
    guard->engaged_in_io = engaged;
}

void mmapdemo_irq_deliver(MmapdemoState *s, unsigned what)
{
    if (what < MMAPDEMO_MAX_VECTORS) {
        message_send(s, what);
    } else if (what == MMAPDEMO_IRQ_LINE) {
        s->irq_level = line_wanted(s);
        line_set(s, s->irq_level);
    } else if (!s->irq_level && !messages_enabled(s) && mmapdemo_in_d0(s)) {
        line_set(s, true);
        line_set(s, false);
    }
}

static void irq_send(MmapdemoState *s, unsigned vector)
{
    if (!messages_enabled(s)) {
        mmapdemo_irq_update(s);
    } else if (!mmapdemo_fault_irq(s, vector)) {
        message_send(s, vector);
    }
}

/* --- causes --------------------------------------------------------------- */

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
    if (!messages_enabled(s)) {
        mmapdemo_irq_update(s);
        return;
    }
    for (unsigned vector = 0; vector < MMAPDEMO_NUM_CAUSES; vector++) {
        if (due & 1U << vector) {
            irq_send(s, vector);
        }
    }
}

/* --- life ----------------------------------------------------------------- */

/* 0 or -errno; -ENOTSUP is no error if the property leaves it to us */
static bool irq_try(int ret, OnOffAuto wanted, const char *property,
                    Error *err, Error **errp)
{
    if (!ret) {
        return true;
    }
    if (ret == -ENOTSUP && wanted == ON_OFF_AUTO_AUTO) {
        error_free(err);
        return true;
    }
    error_append_hint(&err, "Use %s=auto or %s=off with this machine.\n",
                      property, property);
    error_propagate(errp, err);
    return false;
}

bool mmapdemo_irq_init(MmapdemoState *s, Error **errp)
{
    PCIDevice *pdev = s->pdev;
    Error *err = NULL;
    int ret;

    pci_config_set_interrupt_pin(pdev->config, 1);
    /* The core's table of pins is indexed by it: no stream may change it */
    pdev->cmask[PCI_INTERRUPT_PIN] = 0xff;

    if (s->msi != ON_OFF_AUTO_OFF) {
        ret = msi_init(pdev, 0, MIN(pow2ceil(mmapdemo_num_vectors(s)), 32),
                       true, true, &err);
        if (!irq_try(ret, s->msi, "msi", err, errp)) {
            return false;
        }
        if (!ret) {
            /* The core checks it against ours: none with one could migrate */
            pci_set_long(pdev->cmask + pdev->msi_cap + PCI_MSI_PENDING_64, 0);
        }
    }
    err = NULL;
    if (s->msix != ON_OFF_AUTO_OFF) {
        ret = msix_init_exclusive_bar(pdev, mmapdemo_num_vectors(s),
                                      MMAPDEMO_BAR_MSIX, &err);
        if (!irq_try(ret, s->msix, "msix", err, errp)) {
            msi_uninit(pdev);
            return false;
        }
        if (!ret) {
            for (unsigned vector = 0; vector < mmapdemo_num_vectors(s);
                 vector++) {
                msix_vector_use(pdev, vector);
            }
        }
    }
    return true;
}

void mmapdemo_irq_exit(MmapdemoState *s)
{
    msix_uninit_exclusive_bar(s->pdev);
    msi_uninit(s->pdev);
}
