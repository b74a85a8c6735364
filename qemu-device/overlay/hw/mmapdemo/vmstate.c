/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: migration. A transfer may be on its way when the machine stops; it
 * goes on at the destination. Nothing that arrives is trusted.
 */

#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "migration/vmstate.h"
#include "mmapdemo-internal.h"

static int mmapdemo_pre_load(void *opaque)
{
    mmapdemo_queues_reset(opaque);
    mmapdemo_dma_reset(opaque);
    mmapdemo_faults_reset(opaque);
    return 0;
}

static int mmapdemo_pre_save(void *opaque)
{
    /* No-op once the machine is stopped; a copy may be saved while it runs */
    mmapdemo_engine_quiesce(opaque);
    mmapdemo_queues_pre_save(opaque);
    return 0;
}

/* Could START and the engine have left the transfer like this? */
static bool transfer_valid(MmapdemoState *s)
{
    const MmapdemoTransfer *x = &s->xfer;
    const uint32_t allowed = MMAPDEMO_DMA_CMD_START |
                             MMAPDEMO_DMA_CMD_FROM_DEVICE |
                             MMAPDEMO_DMA_CMD_IRQ | MMAPDEMO_DMA_CMD_SG |
                             MMAPDEMO_DMA_CMD_TIMED;
    uint64_t before = 0;
    uint32_t pos;

    if (!(x->cmd & MMAPDEMO_DMA_CMD_START) || x->cmd & ~allowed ||
        mmapdemo_dma_check(s, x) || x->done >= mmapdemo_dma_total(x)) {
        return false;
    }
    if (x->cmd & MMAPDEMO_DMA_CMD_TIMED) {
        if (x->done % x->len) {
            return false;
        }
    } else if (x->repeat != 1) {
        return false;
    }
    if (!(x->cmd & MMAPDEMO_DMA_CMD_SG)) {
        return !x->sg_count && !x->sg_pos && !x->sg_off;
    }
    if (mmapdemo_dma_check_list(s, x, &pos) || x->sg_pos >= x->sg_count ||
        x->sg_off >= s->sg[x->sg_pos].len) {
        return false;
    }
    for (pos = 0; pos < x->sg_pos; pos++) {
        before += s->sg[pos].len;
    }
    return x->done == before + x->sg_off;
}

/*
 * The guest can ask for more messages than there are, and the core gives it
 * fewer; a stream comes without having asked.
 */
static bool msi_valid(MmapdemoState *s)
{
    const uint8_t *cap = s->pdev->config + s->pdev->msi_cap;
    uint16_t flags;

    if (!msi_present(s->pdev)) {
        return true;
    }
    flags = pci_get_word(cap + PCI_MSI_FLAGS);
    return (flags & PCI_MSI_FLAGS_QSIZE) >> ctz32(PCI_MSI_FLAGS_QSIZE) <=
           (flags & PCI_MSI_FLAGS_QMASK) >> ctz32(PCI_MSI_FLAGS_QMASK);
}

static bool late_valid(MmapdemoState *s)
{
    unsigned vectors = mmapdemo_num_vectors(s);

    for (unsigned what = 0; what < 128; what++) {
        if (s->fault_late[what / 64] >> what % 64 & 1 && what >= vectors &&
            what != MMAPDEMO_IRQ_LINE && what != MMAPDEMO_IRQ_PULSE) {
            return false;
        }
    }
    return true;
}

static int mmapdemo_post_load(void *opaque, int version_id)
{
    MmapdemoState *s = opaque;
    const char *wrong = NULL;

    if (s->irq_status & ~MMAPDEMO_IRQ_ALL ||
        s->irq_enable & ~MMAPDEMO_IRQ_ALL) {
        wrong = "interrupt registers";
    } else if (!msi_valid(s)) {
        wrong = "number of MSI messages";
    } else if (!late_valid(s)) {
        wrong = "set of late interrupts";
    } else if (!mmapdemo_irq_loaded(s)) {
        wrong = "level of INTx";
    } else if (s->err_code > MMAPDEMO_ERR_MAX) {
        wrong = "ERR_CODE";
    } else if (s->dma_state > MMAPDEMO_DMA_STATE_ERROR ||
               s->dma_error > MMAPDEMO_ERR_MAX ||
               (s->dma_state == MMAPDEMO_DMA_STATE_ERROR) != !!s->dma_error) {
        wrong = "DMA_STATUS";
    } else if (s->dma_sg_index > MMAPDEMO_DMA_MAX_SG) {
        wrong = "DMA_SG_INDEX";
    } else if (mmapdemo_dma_busy(s) && !transfer_valid(s)) {
        wrong = "transfer in flight";
    } else {
        wrong = mmapdemo_queues_loaded(s);
    }
    if (wrong) {
        error_report("mmapdemo '%s': the migration stream holds an impossible "
                     "%s; was it made by this device?", s->name, wrong);
        return -EINVAL;
    }
    s->goal = mmapdemo_dma_total(&s->xfer);
    return 0;
}

static bool transfer_needed(void *opaque)
{
    return mmapdemo_dma_busy(opaque);
}

static bool transfer_list_fits(void *opaque, int version_id)
{
    MmapdemoState *s = opaque;

    return s->xfer.sg_count <= MMAPDEMO_DMA_MAX_SG;
}

static const VMStateDescription vmstate_mmapdemo_sg = {
    .name = "mmapdemo/sg",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(addr, MmapdemoSg),
        VMSTATE_UINT32(len, MmapdemoSg),
        VMSTATE_END_OF_LIST()
    }
};

/* The guest may have rewritten its list since: what was read of it travels */
static const VMStateDescription vmstate_mmapdemo_transfer = {
    .name = "mmapdemo/transfer",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = transfer_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(xfer.seq, MmapdemoState),
        VMSTATE_UINT64(xfer.addr, MmapdemoState),
        VMSTATE_UINT64(xfer.dev_off, MmapdemoState),
        VMSTATE_UINT32(xfer.len, MmapdemoState),
        VMSTATE_UINT32(xfer.cmd, MmapdemoState),
        VMSTATE_UINT32(xfer.repeat, MmapdemoState),
        VMSTATE_UINT32(xfer.sg_count, MmapdemoState),
        VMSTATE_UINT32(xfer.sg_pos, MmapdemoState),
        VMSTATE_UINT32(xfer.sg_off, MmapdemoState),
        VMSTATE_UINT64(xfer.done, MmapdemoState),
        VMSTATE_UINT64(xfer.host_ns, MmapdemoState),
        VMSTATE_VALIDATE("list fits", transfer_list_fits),
        VMSTATE_STRUCT_VARRAY_POINTER_UINT32(sg, MmapdemoState, xfer.sg_count,
                                             vmstate_mmapdemo_sg, MmapdemoSg),
        VMSTATE_END_OF_LIST()
    }
};

static bool late_needed(void *opaque)
{
    return mmapdemo_fault_waits(opaque);
}

/* They are told as soon as the destination runs */
static const VMStateDescription vmstate_mmapdemo_late = {
    .name = "mmapdemo/late",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = late_needed,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64_ARRAY(fault_late, MmapdemoState, 2),
        VMSTATE_END_OF_LIST()
    }
};

const VMStateDescription mmapdemo_vmstate = {
    .name = TYPE_MMAPDEMO,
    .version_id = 2,
    .minimum_version_id = 2,
    .pre_load = mmapdemo_pre_load,
    .pre_save = mmapdemo_pre_save,
    .post_load = mmapdemo_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_PCI_DEVICE(parent_obj, MmapdemoState),
        VMSTATE_MSIX(parent_obj, MmapdemoState),
        VMSTATE_UINT64_EQUAL(mem_size, MmapdemoState,
                             "mem-size must be the same on both sides"),
        VMSTATE_UINT64_EQUAL(dma_mask, MmapdemoState,
                             "dma-mask must be the same on both sides"),
        VMSTATE_UINT32_EQUAL(num_queues, MmapdemoState,
                             "queues must be the same on both sides"),
        VMSTATE_UINT32_EQUAL(num_windows, MmapdemoState,
                             "windows must be the same on both sides"),
        VMSTATE_UINT32(selftest, MmapdemoState),
        VMSTATE_UINT32(err_code, MmapdemoState),
        VMSTATE_UINT32(err_info, MmapdemoState),
        VMSTATE_UINT32(err_count, MmapdemoState),
        VMSTATE_UINT32(irq_status, MmapdemoState),
        VMSTATE_UINT32(irq_enable, MmapdemoState),
        VMSTATE_UINT64(dma_addr, MmapdemoState),
        VMSTATE_UINT64(dma_dev_off, MmapdemoState),
        VMSTATE_UINT32(dma_len, MmapdemoState),
        VMSTATE_UINT32(dma_sg_count, MmapdemoState),
        VMSTATE_UINT64(dma_seq, MmapdemoState),
        VMSTATE_UINT32(dma_repeat, MmapdemoState),
        VMSTATE_UINT32(dma_state, MmapdemoState),
        VMSTATE_UINT32(dma_error, MmapdemoState),
        VMSTATE_UINT64(dma_done_seq, MmapdemoState),
        VMSTATE_UINT64(dma_done_bytes, MmapdemoState),
        VMSTATE_UINT64(dma_host_ns, MmapdemoState),
        VMSTATE_UINT32(dma_sg_index, MmapdemoState),
        VMSTATE_BOOL(dma_told, MmapdemoState),
        VMSTATE_UINT32(scratch32, MmapdemoState),
        VMSTATE_UINT64(scratch64, MmapdemoState),
        VMSTATE_UINT64(queue_irq_status, MmapdemoState),
        VMSTATE_UINT64(lock_max_ns, MmapdemoState),
        VMSTATE_UINT64_ARRAY(cnt, MmapdemoState, MMAPDEMO_NUM_CNT),
        VMSTATE_STRUCT_POINTER(queues, MmapdemoState, mmapdemo_queues_vmstate,
                               MmapdemoQueues),
        VMSTATE_END_OF_LIST()
    },
    .subsections = (const VMStateDescription *const []) {
        &vmstate_mmapdemo_transfer,
        &vmstate_mmapdemo_late,
        NULL
    }
};
