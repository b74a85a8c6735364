/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the one-shot DMA registers. What a command means, which transfer
 * is refused and why, what the guest reads once it is over. The bytes are moved
 * by engine.c.
 */

#include "qemu/osdep.h"
#include "mmapdemo-internal.h"
#include "trace.h"

#define CMD_START_BITS \
    (MMAPDEMO_DMA_CMD_START | MMAPDEMO_DMA_CMD_FROM_DEVICE | \
     MMAPDEMO_DMA_CMD_IRQ | MMAPDEMO_DMA_CMD_SG | MMAPDEMO_DMA_CMD_TIMED)

QEMU_BUILD_BUG_ON(sizeof(struct mmapdemo_hw_sg) != 16);
QEMU_BUILD_BUG_ON(MMAPDEMO_DMA_MAX_LEN > MMAPDEMO_DMA_TIMED_MAX);

static bool mask_allows(MmapdemoState *s, uint64_t addr, uint64_t len)
{
    return addr <= s->dma_mask && len - 1 <= s->dma_mask - addr;
}

/* The order of checks is part of the specification */
uint32_t mmapdemo_dma_check(MmapdemoState *s, const MmapdemoTransfer *x)
{
    bool sg = x->cmd & MMAPDEMO_DMA_CMD_SG;
    uint64_t at_addr = x->len;

    if (sg && x->cmd & MMAPDEMO_DMA_CMD_TIMED) {
        return MMAPDEMO_ERR_VALUE;
    }
    if (x->len == 0 || x->len > MMAPDEMO_DMA_MAX_LEN) {
        return MMAPDEMO_ERR_LENGTH;
    }
    if (x->repeat == 0 || mmapdemo_dma_total(x) > MMAPDEMO_DMA_TIMED_MAX) {
        return MMAPDEMO_ERR_REPEAT;
    }
    if (x->dev_off > s->mem_size || x->len > s->mem_size - x->dev_off) {
        return MMAPDEMO_ERR_RANGE;
    }
    if (sg) {
        if (x->sg_count == 0 || x->sg_count > MMAPDEMO_DMA_MAX_SG ||
            x->addr % sizeof(struct mmapdemo_hw_sg)) {
            return MMAPDEMO_ERR_LIST;
        }
        at_addr = x->sg_count * sizeof(struct mmapdemo_hw_sg);
    }
    if (!mask_allows(s, x->addr, at_addr)) {
        return MMAPDEMO_ERR_MASK;
    }
    return MMAPDEMO_ERR_NONE;
}

uint32_t mmapdemo_dma_check_list(MmapdemoState *s, const MmapdemoTransfer *x,
                                 uint32_t *pos)
{
    uint32_t left = x->len;

    for (uint32_t i = 0; i < x->sg_count; i++) {
        const MmapdemoSg *sg = &s->sg[i];

        *pos = i;
        if (sg->len == 0 || sg->len > left) {
            return MMAPDEMO_ERR_LIST;
        }
        if (!mask_allows(s, sg->addr, sg->len)) {
            return MMAPDEMO_ERR_MASK;
        }
        left -= sg->len;
    }
    if (left) {
        *pos = x->sg_count;
        return MMAPDEMO_ERR_LIST;
    }
    *pos = 0;
    return MMAPDEMO_ERR_NONE;
}

/*
 * Each element is read once, into memory the guest cannot reach, and only
 * looked at there: the guest may rewrite its list meanwhile.
 */
static uint32_t dma_read_list(MmapdemoState *s, MmapdemoTransfer *x)
{
    struct mmapdemo_hw_sg raw[64];
    uint32_t i = 0;

    while (i < x->sg_count) {
        uint32_t num = MIN(x->sg_count - i, ARRAY_SIZE(raw));
        uint32_t want = num * sizeof(raw[0]);
        uint32_t have = 0;

        x->sg_pos = i;
        while (have < want) {
            hwaddr len = want - have;
            MemoryRegion *mr;
            uint8_t *host = mmapdemo_engine_map(s, x->addr + i * sizeof(raw[0])
                                                   + have, &len, false, &mr);

            if (!host) {
                x->sg_pos += have / sizeof(raw[0]);
                return MMAPDEMO_ERR_BUS;
            }
            memcpy((uint8_t *)raw + have, host, len);
            memory_region_unref(mr);
            have += len;
        }
        for (uint32_t j = 0; j < num; j++, i++) {
            s->sg[i].addr = le64_to_cpu(raw[j].addr);
            s->sg[i].len = le32_to_cpu(raw[j].len);
            if (raw[j].reserved) {
                x->sg_pos = i;
                return MMAPDEMO_ERR_LIST;
            }
        }
    }
    return mmapdemo_dma_check_list(s, x, &x->sg_pos);
}

static uint32_t dma_check_target(MmapdemoState *s, MmapdemoTransfer *x)
{
    if (!mmapdemo_bus_ok(s)) {
        return MMAPDEMO_ERR_BUS_MASTER;
    }
    if (x->cmd & MMAPDEMO_DMA_CMD_SG) {
        return dma_read_list(s, x);
    }
    return mmapdemo_engine_probe(s, x) ? MMAPDEMO_ERR_NONE : MMAPDEMO_ERR_BUS;
}

static void dma_event(MmapdemoState *s)
{
    s->dma_told = true;
    mmapdemo_irq_event(s, MMAPDEMO_VEC_DMA);
}

void mmapdemo_dma_finish(MmapdemoState *s, uint32_t error)
{
    MmapdemoTransfer *x = &s->xfer;

    trace_mmapdemo_dma_finish(s->name, x->seq, error, x->done);
    mmapdemo_engine_forget_delay(s);

    s->dma_state = error ? MMAPDEMO_DMA_STATE_ERROR : MMAPDEMO_DMA_STATE_DONE;
    s->dma_error = error;
    s->dma_done_bytes = x->done;
    if (x->cmd & MMAPDEMO_DMA_CMD_SG) {
        s->dma_sg_index = error ? x->sg_pos : 0;
    }
    if (x->cmd & MMAPDEMO_DMA_CMD_TIMED) {
        s->dma_host_ns = error ? 0 : x->host_ns;
    }
    s->dma_done_seq = x->seq;
    s->cnt[MMAPDEMO_CNT(DMA_OPS)]++;
    if (error) {
        s->cnt[MMAPDEMO_CNT(DMA_ERRORS)]++;
        /* An abort was asked for: nothing went wrong */
        if (error != MMAPDEMO_ERR_ABORTED) {
            mmapdemo_error(s, error, MMAPDEMO_REG_DMA_CMD, 4, true);
        }
    }

    s->dma_told = false;
    if (x->cmd & MMAPDEMO_DMA_CMD_IRQ) {
        dma_event(s);
    }
}

static void dma_start(MmapdemoState *s, uint32_t cmd)
{
    bool timed = cmd & MMAPDEMO_DMA_CMD_TIMED;
    uint32_t error;

    s->xfer = (MmapdemoTransfer) {
        .seq = s->dma_seq,
        .addr = s->dma_addr,
        .dev_off = s->dma_dev_off,
        .len = s->dma_len,
        .cmd = cmd,
        .repeat = timed ? s->dma_repeat : 1,
        .sg_count = cmd & MMAPDEMO_DMA_CMD_SG ? s->dma_sg_count : 0,
    };
    s->dma_state = MMAPDEMO_DMA_STATE_BUSY;
    s->dma_error = MMAPDEMO_ERR_NONE;
    trace_mmapdemo_dma_start(s->name, s->xfer.seq, cmd, s->xfer.addr,
                             s->xfer.dev_off, s->xfer.len, s->xfer.sg_count);

    error = mmapdemo_dma_check(s, &s->xfer);
    if (!error) {
        error = dma_check_target(s, &s->xfer);
    }
    if (!error) {
        s->goal = mmapdemo_fault_goal(s, &s->xfer);
        error = s->goal ? MMAPDEMO_ERR_NONE : MMAPDEMO_ERR_BUS;
    }
    if (error) {
        mmapdemo_dma_finish(s, error);
    } else {
        mmapdemo_engine_run(s);
    }
}

static void dma_abort(MmapdemoState *s)
{
    if (!mmapdemo_dma_busy(s)) {
        return;
    }
    mmapdemo_engine_quiesce(s);
    if (mmapdemo_dma_busy(s)) {
        trace_mmapdemo_dma_abort(s->name, s->xfer.seq);
        mmapdemo_dma_finish(s, MMAPDEMO_ERR_ABORTED);
    }
}

static void dma_arm_irq(MmapdemoState *s)
{
    if (mmapdemo_dma_busy(s)) {
        s->xfer.cmd |= MMAPDEMO_DMA_CMD_IRQ;
    } else if (s->dma_state != MMAPDEMO_DMA_STATE_IDLE && !s->dma_told) {
        dma_event(s);
    }
}

uint32_t mmapdemo_dma_command(MmapdemoState *s, uint32_t cmd)
{
    if (cmd == MMAPDEMO_DMA_CMD_ABORT) {
        dma_abort(s);
    } else if (cmd == MMAPDEMO_DMA_CMD_ARM_IRQ) {
        dma_arm_irq(s);
    } else if (!(cmd & MMAPDEMO_DMA_CMD_START) || cmd & ~CMD_START_BITS) {
        return MMAPDEMO_ERR_VALUE;
    } else if (mmapdemo_dma_busy(s)) {
        trace_mmapdemo_dma_busy(s->name, s->xfer.seq);
        return MMAPDEMO_ERR_BUSY;
    } else {
        dma_start(s, cmd);
    }
    return MMAPDEMO_ERR_NONE;
}

void mmapdemo_dma_bus_changed(MmapdemoState *s)
{
    if (!mmapdemo_dma_busy(s) || mmapdemo_bus_ok(s)) {
        return;
    }
    mmapdemo_engine_quiesce(s);
    if (mmapdemo_dma_busy(s)) {
        mmapdemo_dma_finish(s, MMAPDEMO_ERR_BUS_MASTER);
    }
}

void mmapdemo_dma_reset(MmapdemoState *s)
{
    /* First, and without a completion: an event would outlive the reset */
    s->xfer.cmd &= ~MMAPDEMO_DMA_CMD_IRQ;
    mmapdemo_engine_quiesce(s);
    mmapdemo_engine_forget_delay(s);

    s->xfer = (MmapdemoTransfer) { };
    s->dma_addr = 0;
    s->dma_dev_off = 0;
    s->dma_len = 0;
    s->dma_sg_count = 0;
    s->dma_seq = 0;
    s->dma_repeat = 1;
    s->dma_state = MMAPDEMO_DMA_STATE_IDLE;
    s->dma_error = MMAPDEMO_ERR_NONE;
    s->dma_done_seq = 0;
    s->dma_done_bytes = 0;
    s->dma_host_ns = 0;
    s->dma_sg_index = 0;
    s->dma_told = false;
}
