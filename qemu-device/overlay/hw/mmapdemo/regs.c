/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: register access. Which access is allowed follows from the list in
 * mmapdemo_hw.h; this file adds where each value lives and what a write does.
 */

#include "qemu/osdep.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/timer.h"
#include "mmapdemo-internal.h"
#include "trace.h"

typedef enum MmapdemoRegAccess {
    REG_RO,
    REG_RW,
    REG_WO,
    REG_W1C,
} MmapdemoRegAccess;

typedef struct MmapdemoReg {
    const char *name;
    uint64_t writable;
    uint64_t reset;
    uint32_t offset;
    uint8_t width;
    uint8_t access;
} MmapdemoReg;

/* One queue or one window: the offset is in its block of registers */
static const MmapdemoReg mmapdemo_qreg[] = {
#define REG_ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_QREG_##name, width, REG_##access },
    MMAPDEMO_HW_QREGS(REG_ROW)
#undef REG_ROW
};

static const MmapdemoReg mmapdemo_wreg[] = {
#define REG_ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_WREG_##name, width, REG_##access },
    MMAPDEMO_HW_WREGS(REG_ROW)
#undef REG_ROW
};

static const MmapdemoReg mmapdemo_reg[] = {
#define REG_ROW(name, width, access, writable, reset, scope, text) \
    { #name, writable, reset, MMAPDEMO_REG_##name, width, REG_##access },
    MMAPDEMO_HW_REGS(REG_ROW)
#undef REG_ROW
};

/*
 * Four bytes of BAR0 to a row of the table above, plus one. Only the beginning
 * of each half of BAR0 holds registers: 768 bytes, 192 slots.
 */
#define SLOT_SPAN       0x300
#define SLOT_PER_HALF   (SLOT_SPAN / 4)
#define SLOT(offset) \
    ((offset) / MMAPDEMO_USER_BASE * SLOT_PER_HALF + (offset) % SLOT_SPAN / 4)

static uint8_t mmapdemo_reg_slot[2 * SLOT_PER_HALF];
/* Likewise */
static uint8_t mmapdemo_qreg_slot[MMAPDEMO_QUEUE_STRIDE / 4];
static uint8_t mmapdemo_wreg_slot[MMAPDEMO_WINDOW_STRIDE / 4];

/* Where an access goes */
typedef struct MmapdemoRegPlace {
    const MmapdemoReg *reg;     /* NULL: no register there */
    enum { REG_DEVICE, REG_QUEUE, REG_WINDOW } block;
    unsigned index;             /* of the queue or window */
} MmapdemoRegPlace;

#define REG_CHECK(name, width, ...) \
    QEMU_BUILD_BUG_ON(((width) != 4 && (width) != 8) || \
                      MMAPDEMO_REG_##name % (width) || \
                      MMAPDEMO_REG_##name >= MMAPDEMO_BAR_REGS_SIZE_MIN || \
                      MMAPDEMO_REG_##name % MMAPDEMO_USER_BASE >= SLOT_SPAN);
MMAPDEMO_HW_REGS(REG_CHECK)
#undef REG_CHECK
QEMU_BUILD_BUG_ON(ARRAY_SIZE(mmapdemo_reg) >= UINT8_MAX);
QEMU_BUILD_BUG_ON(MMAPDEMO_CTRL_SIZE != MMAPDEMO_USER_BASE);
QEMU_BUILD_BUG_ON(MMAPDEMO_BAR_REGS_SIZE_MIN != 2 * MMAPDEMO_USER_BASE);
QEMU_BUILD_BUG_ON(MMAPDEMO_WINDOW_TABLE != MMAPDEMO_BAR_REGS_SIZE_MIN);

static const char *const mmapdemo_error_text[] = {
    [MMAPDEMO_ERR_NONE]       = "no error",
    [MMAPDEMO_ERR_ACCESS]     = "width or alignment",
    [MMAPDEMO_ERR_OFFSET]     = "no register there",
    [MMAPDEMO_ERR_READ_ONLY]  = "read-only register",
    [MMAPDEMO_ERR_WRITE_ONLY] = "write-only register",
    [MMAPDEMO_ERR_VALUE]      = "reserved bits, unknown command or key",
    [MMAPDEMO_ERR_BUSY]       = "a transfer runs",
    [MMAPDEMO_ERR_LENGTH]     = "transfer length",
    [MMAPDEMO_ERR_RANGE]      = "range not inside BAR2",
    [MMAPDEMO_ERR_MASK]       = "bus address above DMA_MASK or wrapping",
    [MMAPDEMO_ERR_BUS_MASTER] = "bus mastering off or not in D0",
    [MMAPDEMO_ERR_BUS]        = "target is not RAM",
    [MMAPDEMO_ERR_LIST]       = "scatter-gather list",
    [MMAPDEMO_ERR_ABORTED]    = "aborted",
    [MMAPDEMO_ERR_REPEAT]     = "DMA_REPEAT",
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(mmapdemo_error_text) != MMAPDEMO_ERR_MAX + 1);

void mmapdemo_error(MmapdemoState *s, uint32_t code, hwaddr offset,
                    unsigned width, bool is_write)
{
    const char *direction = is_write ? "write" : "read";

    trace_mmapdemo_register_refuse(s->name, offset, width, direction, code);
    qemu_log_mask(LOG_GUEST_ERROR,
                  "%s: %u-byte %s at BAR0 + 0x%05" HWADDR_PRIx
                  " refused: %s\n", s->name, width, direction, offset,
                  mmapdemo_error_text[code]);

    /* Who may only map the user page must not steer what the driver sees */
    if (offset >= MMAPDEMO_USER_BASE &&
        offset < MMAPDEMO_USER_BASE + MMAPDEMO_USER_SIZE) {
        s->cnt[MMAPDEMO_CNT(USER_BAD)]++;
        return;
    }
    s->err_count++;
    if (s->err_code == MMAPDEMO_ERR_NONE) {
        s->err_code = code;
        s->err_info = (offset & MMAPDEMO_ERR_INFO_OFFSET) |
                      width << MMAPDEMO_ERR_INFO_WIDTH_SHIFT |
                      (is_write ? MMAPDEMO_ERR_INFO_WRITE : 0);
    }
}

static void block_class_init(uint8_t *slot, const MmapdemoReg *reg, size_t num)
{
    for (size_t i = 0; i < num; i++) {
        for (unsigned at = 0; at < reg[i].width; at += 4) {
            slot[(reg[i].offset + at) / 4] = i + 1;
        }
    }
}

void mmapdemo_regs_class_init(void)
{
    for (unsigned i = 0; i < ARRAY_SIZE(mmapdemo_reg); i++) {
        const MmapdemoReg *reg = &mmapdemo_reg[i];

        for (unsigned at = 0; at < reg->width; at += 4) {
            mmapdemo_reg_slot[SLOT(reg->offset + at)] = i + 1;
        }
    }
    block_class_init(mmapdemo_qreg_slot, mmapdemo_qreg,
                     ARRAY_SIZE(mmapdemo_qreg));
    block_class_init(mmapdemo_wreg_slot, mmapdemo_wreg,
                     ARRAY_SIZE(mmapdemo_wreg));
}

static MmapdemoRegPlace reg_find_queue(MmapdemoState *s, hwaddr offset)
{
    MmapdemoRegPlace place = { .block = REG_QUEUE };
    unsigned slot;

    offset -= MMAPDEMO_QUEUE_TABLE;
    place.index = offset / MMAPDEMO_QUEUE_STRIDE;
    slot = mmapdemo_qreg_slot[offset % MMAPDEMO_QUEUE_STRIDE / 4];
    if (slot && place.index < s->num_queues) {
        place.reg = &mmapdemo_qreg[slot - 1];
    }
    return place;
}

static MmapdemoRegPlace reg_find_window(MmapdemoState *s, hwaddr offset)
{
    MmapdemoRegPlace place = { .block = REG_WINDOW };
    unsigned slot;

    offset -= MMAPDEMO_WINDOW_TABLE;
    place.index = offset / MMAPDEMO_WINDOW_STRIDE;
    slot = mmapdemo_wreg_slot[offset % MMAPDEMO_WINDOW_STRIDE / 4];
    if (slot && place.index < s->num_windows) {
        place.reg = &mmapdemo_wreg[slot - 1];
    }
    return place;
}

static MmapdemoRegPlace reg_find(MmapdemoState *s, hwaddr offset)
{
    MmapdemoRegPlace place = { .block = REG_DEVICE };
    unsigned slot;

    if (offset >= MMAPDEMO_WINDOW_TABLE) {
        return reg_find_window(s, offset);
    }
    if (offset >= MMAPDEMO_QUEUE_TABLE &&
        offset < MMAPDEMO_QUEUE_TABLE +
                 MMAPDEMO_QUEUE_COUNT_MAX * MMAPDEMO_QUEUE_STRIDE) {
        return reg_find_queue(s, offset);
    }
    if (offset % MMAPDEMO_USER_BASE < SLOT_SPAN) {
        slot = mmapdemo_reg_slot[SLOT(offset)];
        if (slot) {
            place.reg = &mmapdemo_reg[slot - 1];
        }
    }
    return place;
}

static uint32_t reg_check_access(const MmapdemoReg *reg, hwaddr offset,
                                 unsigned width, bool is_write)
{
    if (!reg) {
        return MMAPDEMO_ERR_OFFSET;
    }
    if ((width != reg->width && width != 4) || offset & (width - 1)) {
        return MMAPDEMO_ERR_ACCESS;
    }
    if (is_write && reg->access == REG_RO) {
        return MMAPDEMO_ERR_READ_ONLY;
    }
    if (!is_write && reg->access == REG_WO) {
        return MMAPDEMO_ERR_WRITE_ONLY;
    }
    return MMAPDEMO_ERR_NONE;
}

static uint64_t reg_get(MmapdemoState *s, const MmapdemoRegPlace *place)
{
    const MmapdemoReg *reg = place->reg;

    if (place->block == REG_QUEUE) {
        return mmapdemo_queue_get(s, place->index, reg->offset);
    }
    if (place->block == REG_WINDOW) {
        return mmapdemo_window_get(s, place->index, reg->offset);
    }
    switch (reg->offset) {
    case MMAPDEMO_REG_SELFTEST:
        return ~s->selftest;
    case MMAPDEMO_REG_MEM_SIZE:
        return s->mem_size;
    case MMAPDEMO_REG_ERR_CODE:
        return s->err_code;
    case MMAPDEMO_REG_ERR_INFO:
        return s->err_info;
    case MMAPDEMO_REG_ERR_COUNT:
        return s->err_count;
    case MMAPDEMO_REG_IRQ_STATUS:
        return s->irq_status;
    case MMAPDEMO_REG_IRQ_ENABLE:
        return s->irq_enable;
    case MMAPDEMO_REG_DMA_MASK:
        return s->dma_mask;
    case MMAPDEMO_REG_DMA_ADDR:
        return s->dma_addr;
    case MMAPDEMO_REG_DMA_DEV_OFF:
        return s->dma_dev_off;
    case MMAPDEMO_REG_DMA_LEN:
        return s->dma_len;
    case MMAPDEMO_REG_DMA_SG_COUNT:
        return s->dma_sg_count;
    case MMAPDEMO_REG_DMA_SEQ:
        return s->dma_seq;
    case MMAPDEMO_REG_DMA_REPEAT:
        return s->dma_repeat;
    case MMAPDEMO_REG_DMA_STATUS:
    case MMAPDEMO_REG_USER_DMA_STATUS:
        return s->dma_state | s->dma_error << MMAPDEMO_DMA_STATUS_ERROR_SHIFT;
    case MMAPDEMO_REG_DMA_DONE_SEQ:
    case MMAPDEMO_REG_USER_DMA_DONE_SEQ:
        return s->dma_done_seq;
    case MMAPDEMO_REG_DMA_DONE_BYTES:
        return s->dma_done_bytes;
    case MMAPDEMO_REG_DMA_HOST_NS:
        return s->dma_host_ns;
    case MMAPDEMO_REG_DMA_SG_INDEX:
        return s->dma_sg_index;
    case MMAPDEMO_REG_SCRATCH32:
        return s->scratch32;
    case MMAPDEMO_REG_SCRATCH64:
        return s->scratch64;
    case MMAPDEMO_REG_CLOCK_NS:
        return qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);
    case MMAPDEMO_REG_QUEUE_COUNT:
        return s->num_queues;
    case MMAPDEMO_REG_WINDOW_COUNT:
        return s->num_windows;
    case MMAPDEMO_REG_VECTOR_COUNT:
        return mmapdemo_num_vectors(s);
    case MMAPDEMO_REG_ENGINE:
        return s->engine |
               (s->lock_stats ? MMAPDEMO_ENGINE_LOCK_STATS : 0) |
               (s->poll_ns ? MMAPDEMO_ENGINE_POLLS : 0);
    case MMAPDEMO_REG_QUEUE_IRQ_STATUS:
        return s->queue_irq_status;
    case MMAPDEMO_REG_LOCK_BUDGET_NS:
        return s->lock_budget_us * 1000;
    case MMAPDEMO_REG_LOCK_MAX_NS:
        return s->lock_max_ns;
    case MMAPDEMO_CNT_FIRST ... MMAPDEMO_CNT_END - 1:
    {
        unsigned counter = (reg->offset - MMAPDEMO_CNT_FIRST) /
                           sizeof(uint64_t);

        return s->cnt[counter] + mmapdemo_queues_count(s, counter);
    }
    default:
        /* ID, VERSION and other constants of the contract */
        return reg->reset;
    }
}

/* A DMA register: its content belongs to the transfer while one runs */
#define REG_SET_UNLESS_BUSY(field) \
    do { \
        if (mmapdemo_dma_busy(s)) { \
            return MMAPDEMO_ERR_BUSY; \
        } \
        s->field = val; \
    } while (0)

static uint32_t reg_set(MmapdemoState *s, const MmapdemoRegPlace *place,
                        uint64_t val)
{
    const MmapdemoReg *reg = place->reg;

    if (val & ~reg->writable) {
        return MMAPDEMO_ERR_VALUE;
    }
    if (place->block == REG_QUEUE) {
        return mmapdemo_queue_set(s, place->index, reg->offset, val);
    }
    if (place->block == REG_WINDOW) {
        return mmapdemo_window_set(s, place->index, reg->offset, val);
    }

    switch (reg->offset) {
    case MMAPDEMO_REG_SELFTEST:
        s->selftest = val;
        break;
    case MMAPDEMO_REG_RESET:
        if (val != MMAPDEMO_RESET_KEY) {
            return MMAPDEMO_ERR_VALUE;
        }
        mmapdemo_soft_reset(s, "RESET register");
        break;
    case MMAPDEMO_REG_ERR_CLEAR:
        if (val & MMAPDEMO_ERR_CLEAR) {
            s->err_code = MMAPDEMO_ERR_NONE;
            s->err_info = 0;
        }
        break;
    case MMAPDEMO_REG_IRQ_STATUS:
        s->irq_status &= ~val;
        mmapdemo_irq_update(s);
        break;
    case MMAPDEMO_REG_IRQ_ENABLE:
        mmapdemo_irq_enable(s, val);
        break;
    case MMAPDEMO_REG_QUEUE_IRQ_STATUS:
        s->queue_irq_status &= ~val;
        mmapdemo_irq_update(s);
        break;
    case MMAPDEMO_REG_LOCK_MAX_NS:
        s->lock_max_ns = val;
        break;
    case MMAPDEMO_REG_IRQ_RAISE:
        for (unsigned vector = 0; vector < MMAPDEMO_NUM_CAUSES; vector++) {
            if (val & 1U << vector) {
                mmapdemo_irq_event(s, vector);
            }
        }
        break;
    case MMAPDEMO_REG_DMA_ADDR:
        REG_SET_UNLESS_BUSY(dma_addr);
        break;
    case MMAPDEMO_REG_DMA_DEV_OFF:
        REG_SET_UNLESS_BUSY(dma_dev_off);
        break;
    case MMAPDEMO_REG_DMA_LEN:
        REG_SET_UNLESS_BUSY(dma_len);
        break;
    case MMAPDEMO_REG_DMA_SG_COUNT:
        REG_SET_UNLESS_BUSY(dma_sg_count);
        break;
    case MMAPDEMO_REG_DMA_SEQ:
        REG_SET_UNLESS_BUSY(dma_seq);
        break;
    case MMAPDEMO_REG_DMA_REPEAT:
        REG_SET_UNLESS_BUSY(dma_repeat);
        break;
    case MMAPDEMO_REG_DMA_CMD:
        return mmapdemo_dma_command(s, val);
    case MMAPDEMO_REG_SCRATCH32:
        s->scratch32 = val;
        break;
    case MMAPDEMO_REG_SCRATCH64:
        s->scratch64 = val;
        break;
    default:
        return MMAPDEMO_ERR_READ_ONLY;
    }
    return MMAPDEMO_ERR_NONE;
}

static uint64_t mmapdemo_regs_read(void *opaque, hwaddr offset, unsigned width)
{
    MmapdemoState *s = opaque;
    MmapdemoRegPlace place = reg_find(s, offset);
    const MmapdemoReg *reg = place.reg;
    uint32_t error = reg_check_access(reg, offset, width, false);
    bool counted = offset < MMAPDEMO_CNT_FIRST || offset >= MMAPDEMO_CNT_END;
    uint64_t val;

    s->cnt[MMAPDEMO_CNT(RD_ALL)] += counted;
    if (unlikely(s->fault_reads)) {
        trace_mmapdemo_fault_read(s->name, offset, width);
        return UINT64_MAX;
    }
    if (unlikely(error)) {
        mmapdemo_error(s, error, offset, width, false);
        return UINT64_MAX;
    }
    s->cnt[width == 8 ? MMAPDEMO_CNT(RD64) : MMAPDEMO_CNT(RD32)] += counted;

    val = reg_get(s, &place);
    if (width != reg->width) {
        val = extract64(val, offset & 4 ? 32 : 0, 32);
    }
    trace_mmapdemo_register_read(s->name, offset, width, reg->name, val);
    return val;
}

static void mmapdemo_regs_write(void *opaque, hwaddr offset, uint64_t val,
                                unsigned width)
{
    MmapdemoState *s = opaque;
    MmapdemoRegPlace place = reg_find(s, offset);
    const MmapdemoReg *reg = place.reg;
    uint32_t error = reg_check_access(reg, offset, width, true);

    s->cnt[MMAPDEMO_CNT(WR_ALL)]++;
    if (likely(!error)) {
        unsigned counter = width == 8 ? MMAPDEMO_CNT(WR64)
                                      : MMAPDEMO_CNT(WR32);

        trace_mmapdemo_register_write(s->name, offset, width, reg->name, val);
        if (width != reg->width) {
            /* The other half of a W1C register is not written at all */
            val = deposit64(reg->access == REG_W1C ? 0 : reg_get(s, &place),
                            offset & 4 ? 32 : 0, 32, val);
        }
        /* Counted before it acts: a write to RESET came before the reset */
        s->cnt[counter]++;
        error = reg_set(s, &place, val);
        if (likely(!error)) {
            return;
        }
        s->cnt[counter]--;
    }
    mmapdemo_error(s, error, offset, width, true);
}

/* The widest choice of accesses, none of them split: the list decides */
const MemoryRegionOps mmapdemo_regs_ops = {
    .read = mmapdemo_regs_read,
    .write = mmapdemo_regs_write,
    .endianness = DEVICE_LITTLE_ENDIAN,
    .valid = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
    .impl = {
        .min_access_size = 1,
        .max_access_size = 8,
        .unaligned = true,
    },
};

void mmapdemo_regs_reset(MmapdemoState *s)
{
    s->selftest = 0;
    s->err_code = MMAPDEMO_ERR_NONE;
    s->err_info = 0;
    s->err_count = 0;
    s->irq_status = 0;
    s->irq_enable = 0;
    s->queue_irq_status = 0;
    s->lock_max_ns = 0;
    s->scratch32 = 0;
    s->scratch64 = 0;
    memset(s->cnt, 0, sizeof(s->cnt));
}
