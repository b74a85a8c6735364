/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the window table. A window is what a descriptor can name: a range
 * of the bus, a list of pages, or a part of BAR2, with a protection domain and
 * the directions it may be used in.
 */

#include "qemu/osdep.h"
#include "qemu/log.h"
#include "queue-internal.h"
#include "trace.h"

#define LIST_PAGE_BYTES (MMAPDEMO_WINDOW_LIST_ENTRIES * sizeof(uint64_t))

static bool on_bus(MmapdemoState *s, uint64_t addr, uint64_t len)
{
    return addr <= s->dma_mask && len - 1 <= s->dma_mask - addr;
}

static uint32_t window_check_list(MmapdemoState *s, const MmapdemoWindow *w,
                                  uint64_t pages)
{
    uint64_t bytes;

    if (w->shift < MMAPDEMO_WINDOW_SHIFT_MIN ||
        w->shift > MMAPDEMO_WINDOW_SHIFT_MAX) {
        return MMAPDEMO_WERR_SHIFT;
    }
    if (w->first >> w->shift) {
        return MMAPDEMO_WERR_FIRST;
    }
    if (w->addr % LIST_PAGE_BYTES || !on_bus(s, w->addr, LIST_PAGE_BYTES)) {
        return MMAPDEMO_WERR_ADDR;
    }
    bytes = pages << w->shift;
    if (w->len > bytes - w->first) {
        return MMAPDEMO_WERR_LEN;
    }
    return MMAPDEMO_WERR_NONE;
}

/* The order of checks is part of the specification */
uint32_t mmapdemo_window_check(MmapdemoState *s, const MmapdemoWindow *w,
                               uint32_t cfg)
{
    const uint64_t entries = MMAPDEMO_WINDOW_LIST_ENTRIES;
    uint32_t kind = (cfg & MMAPDEMO_WCFG_KIND) >> MMAPDEMO_WCFG_KIND_SHIFT;

    if (w->len == 0) {
        return MMAPDEMO_WERR_LEN;
    }
    if (kind == MMAPDEMO_WKIND_LIST) {
        return window_check_list(s, w, entries);
    }
    if (kind == MMAPDEMO_WKIND_LIST2) {
        return window_check_list(s, w, entries * entries);
    }
    if (w->shift) {
        return MMAPDEMO_WERR_SHIFT;
    }
    if (w->first) {
        return MMAPDEMO_WERR_FIRST;
    }
    if (kind == MMAPDEMO_WKIND_MEM) {
        return w->addr > s->mem_size || w->len > s->mem_size - w->addr ?
               MMAPDEMO_WERR_RANGE : MMAPDEMO_WERR_NONE;
    }
    return on_bus(s, w->addr, w->len) ? MMAPDEMO_WERR_NONE
                                      : MMAPDEMO_WERR_ADDR;
}

static uint32_t window_set_cfg(MmapdemoState *s, MmapdemoWindow *w,
                               uint32_t cfg)
{
    if (w->cfg & MMAPDEMO_WCFG_VALID) {
        if (cfg) {
            return MMAPDEMO_ERR_BUSY;
        }
        /* On return no byte moves through it, and none will */
        mmapdemo_queues_hold(s);
        w->cfg = 0;
        w->serial = 0;
        w->epoch = 0;
        mmapdemo_queues_release(s);
        trace_mmapdemo_window_clear(s->name, w - s->queues->window);
        return MMAPDEMO_ERR_NONE;
    }
    if (cfg & MMAPDEMO_WCFG_VALID) {
        w->status = mmapdemo_window_check(s, w, cfg);
        if (w->status) {
            cfg &= ~MMAPDEMO_WCFG_VALID;
            qemu_log_mask(LOG_GUEST_ERROR,
                          "%s: window %td does not become valid: status %u\n",
                          s->name, w - s->queues->window, w->status);
        }
    }
    mmapdemo_queues_hold(s);
    w->cfg = cfg;
    if (cfg & MMAPDEMO_WCFG_VALID) {
        w->serial = ++s->queues->window_serial;
        /* Not a check: what is not RAM is told to who uses it */
        mmapdemo_span_fill_whole(s, w);
        trace_mmapdemo_window_set(s->name, w - s->queues->window, w->addr,
                                  w->len, cfg);
    }
    mmapdemo_queues_release(s);
    return MMAPDEMO_ERR_NONE;
}

uint64_t mmapdemo_window_get(MmapdemoState *s, unsigned index, hwaddr offset)
{
    const MmapdemoWindow *w = &s->queues->window[index];

    switch (offset) {
    case MMAPDEMO_WREG_ADDR:
        return w->addr;
    case MMAPDEMO_WREG_LEN:
        return w->len;
    case MMAPDEMO_WREG_FIRST:
        return w->first;
    case MMAPDEMO_WREG_SHIFT:
        return w->shift;
    case MMAPDEMO_WREG_CFG:
        return w->cfg;
    default:
        return w->status;
    }
}

uint32_t mmapdemo_window_set(MmapdemoState *s, unsigned index, hwaddr offset,
                             uint64_t val)
{
    MmapdemoWindow *w = &s->queues->window[index];

    if (offset == MMAPDEMO_WREG_CFG) {
        return window_set_cfg(s, w, val);
    }
    if (w->cfg & MMAPDEMO_WCFG_VALID) {
        return MMAPDEMO_ERR_BUSY;
    }
    switch (offset) {
    case MMAPDEMO_WREG_ADDR:
        w->addr = val;
        break;
    case MMAPDEMO_WREG_LEN:
        w->len = val;
        break;
    case MMAPDEMO_WREG_FIRST:
        w->first = val;
        break;
    default:
        w->shift = val;
        break;
    }
    return MMAPDEMO_ERR_NONE;
}

void mmapdemo_windows_reset(MmapdemoState *s)
{
    memset(s->queues->window, 0,
           s->num_windows * sizeof(s->queues->window[0]));
}
