/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: moves the bytes of a transfer that dma.c found well-formed.
 *
 * A transfer is cut into slices. The target of a slice is resolved to host
 * pointers under the big lock; copying touches nothing but those pointers.
 * Three places copy:
 *
 *   inline   in the write to DMA_CMD, what is worth one chunk;
 *   vcpu     in a work item of the vCPU that wrote DMA_CMD, which runs as soon
 *            as that instruction is over. The big lock is dropped meanwhile, as
 *            it must not be in the handler, whose callers do not expect that;
 *   bh       in a bottom half that keeps the lock, one chunk at a time: where
 *            the write came from no vCPU (qtest, gdb, a device), under icount,
 *            and when a stopped machine runs again.
 *
 * At most one thread copies without the lock. It says so by slice.num and
 * slice_over, and looks at slice_cancel between chunks; who needs it to be over
 * holds the lock, sets slice_cancel, waits for slice_over, and accounts for the
 * slice in its place (mmapdemo_engine_quiesce). The lock is not retaken between
 * chunks: that would wait for the stores of each to drain, some 300 ns.
 */

#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "hw/core/cpu.h"
#include "system/replay.h"
#include "mmapdemo-internal.h"
#include "trace.h"

/*
 * A timed run copies as much at a time as one transfer can have, and no more
 * than some ten thousand times: a copy of one byte takes as long as one of 256.
 */
#define TIMED_LEN_MIN   256

/*
 * Without address_space_map(): that answers a target which is not RAM by
 * reading from it into a bounce buffer, with whatever effect the read has.
 */
uint8_t *mmapdemo_engine_map(MmapdemoState *s, uint64_t addr, hwaddr *len,
                             bool is_write, MemoryRegion **mrp)
{
    MemTxAttrs attrs = {
        .memory = 1,
        .requester_id = pci_requester_id(s->pdev),
    };
    MemoryRegion *mr;
    hwaddr xlat;

    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(pci_get_address_space(s->pdev), addr, &xlat,
                                 len, is_write, attrs);

    /*
     * Direct access is not enough: it lets reads of ROM through. Our own BAR2
     * is refused because source and destination could overlap.
     */
    if (!memory_region_is_ram(mr) || memory_region_is_rom(mr) ||
        !memory_access_is_direct(mr, is_write, attrs) || mr == s->mem) {
        trace_mmapdemo_dma_target(s->name, s->xfer.seq, addr);
        return NULL;
    }
    memory_region_ref(mr);
    *mrp = mr;
    fuzz_dma_read_cb(addr, *len, mr);
    return (uint8_t *)memory_region_get_ram_ptr(mr) + xlat;
}

static bool transfer_is_small(const MmapdemoTransfer *x)
{
    return mmapdemo_dma_total(x) <= MMAPDEMO_CHUNK_BYTES &&
           x->sg_count <= MMAPDEMO_SLICE_PIECES;
}

/*
 * A slice is resolved whole before a byte of it moves, which makes this look
 * ahead pointless for a transfer of one slice. For others it is what makes a
 * target that ends early, the usual mistake, a refusal and no half transfer.
 */
bool mmapdemo_engine_probe(MmapdemoState *s, const MmapdemoTransfer *x)
{
    uint64_t addr = x->addr;
    hwaddr left = x->len;

    if (transfer_is_small(x)) {
        return true;
    }
    for (int i = 0; i < MMAPDEMO_SLICE_PIECES && left; i++) {
        hwaddr len = left;
        MemoryRegion *mr;

        if (!mmapdemo_engine_map(s, addr, &len,
                                 x->cmd & MMAPDEMO_DMA_CMD_FROM_DEVICE, &mr)) {
            return false;
        }
        memory_region_unref(mr);
        addr += len;
        left -= len;
    }
    return true;
}

static void slice_unmap(MmapdemoState *s, bool written)
{
    MmapdemoSlice *sl = &s->slice;
    AddressSpace *as = pci_get_address_space(s->pdev);

    for (unsigned i = 0; i < sl->num; i++) {
        MmapdemoPiece *p = &sl->piece[i];

        if (written) {
            /* Marks the memory dirty and drops the reference */
            address_space_unmap(as, p->host, p->len, true, p->len);
        } else {
            memory_region_unref(p->mr);
        }
    }
    sl->num = 0;
}

/* Add what can be resolved at addr, at most want bytes. 0: not RAM */
static uint32_t slice_add(MmapdemoState *s, uint64_t addr, uint32_t want)
{
    MmapdemoSlice *sl = &s->slice;
    MmapdemoPiece *p;
    MemoryRegion *mr;
    hwaddr len = want;
    uint8_t *host;

    host = mmapdemo_engine_map(s, addr, &len, sl->from_device, &mr);
    if (!host) {
        return 0;
    }

    p = sl->num ? &sl->piece[sl->num - 1] : NULL;
    if (p && p->mr == mr && p->host + p->len == host) {
        memory_region_unref(mr);
        p->len += len;
    } else {
        sl->piece[sl->num++] = (MmapdemoPiece) {
            .mr = mr, .host = host, .len = len,
        };
    }
    sl->bytes += len;
    return len;
}

/* Goes len bytes on in a list */
static void list_advance(MmapdemoState *s, uint32_t *pos, uint32_t *off,
                         uint32_t len)
{
    while (len) {
        uint32_t step = MIN(len, s->sg[*pos].len - *off);

        len -= step;
        *off += step;
        if (*off == s->sg[*pos].len) {
            *off = 0;
            (*pos)++;
        }
    }
}

/*
 * Fill the slice, with at most that many translations. False if part of the
 * target is not RAM.
 */
static bool slice_resolve(MmapdemoState *s, uint32_t max_bytes, unsigned max)
{
    MmapdemoTransfer *x = &s->xfer;
    MmapdemoSlice *sl = &s->slice;
    bool sg = x->cmd & MMAPDEMO_DMA_CMD_SG;
    uint32_t begin = sl->timed ? 0 : x->done;   /* each timed copy is whole */
    uint32_t pos = x->sg_pos, off = x->sg_off;

    max_bytes = MIN(max_bytes, x->len - begin);
    for (unsigned i = 0; sl->bytes < max_bytes && i < max; i++) {
        uint64_t addr = x->addr + begin + sl->bytes;
        uint32_t want = max_bytes - sl->bytes;
        uint32_t got;

        if (sg) {
            addr = s->sg[pos].addr + off;
            want = MIN(want, s->sg[pos].len - off);
        }
        got = slice_add(s, addr, want);
        if (!got) {
            x->sg_pos = pos;
            return false;
        }
        if (sg) {
            list_advance(s, &pos, &off, got);
        }
    }
    return !sl->timed || sl->bytes == x->len;
}

/*
 * See to what is to be copied next, at most max_bytes of it. False if there is
 * nothing to do: no transfer, not its time, machine stopped, another thread at
 * it, or the target refused, which ends the transfer.
 */
static bool slice_prepare(MmapdemoState *s, uint32_t max_bytes)
{
    MmapdemoTransfer *x = &s->xfer;
    MmapdemoSlice *sl = &s->slice;
    unsigned max_translations = MMAPDEMO_SLICE_PIECES;

    if (!mmapdemo_dma_busy(s) || !s->running || s->delayed || sl->num) {
        return false;
    }
    if (!mmapdemo_bus_ok(s)) {
        mmapdemo_dma_finish(s, MMAPDEMO_ERR_BUS_MASTER);
        return false;
    }

    sl->timed = x->cmd & MMAPDEMO_DMA_CMD_TIMED;
    sl->from_device = x->cmd & MMAPDEMO_DMA_CMD_FROM_DEVICE;
    sl->dev = s->mem_ptr + x->dev_off;
    sl->bytes = 0;
    sl->repeat = 1;
    sl->moved = 0;
    sl->ns = 0;
    if (sl->timed) {
        sl->repeat = MIN((s->goal - x->done) / x->len,
                         MMAPDEMO_DMA_MAX_LEN / MAX(x->len, TIMED_LEN_MIN));
        max_bytes = x->len;
        max_translations = MMAPDEMO_MAX_PIECES;
    } else {
        sl->dev += x->done;
        max_bytes = MIN(max_bytes, s->goal - x->done);
    }
    if (!slice_resolve(s, max_bytes, max_translations)) {
        slice_unmap(s, false);
        mmapdemo_dma_finish(s, MMAPDEMO_ERR_BUS);
        return false;
    }
    trace_mmapdemo_dma_slice(s->name, x->seq, x->done, sl->bytes, sl->num);
    return true;
}

/* memmove: two addresses of the guest may be one page of the host */
static void copy(uint8_t *mem, uint8_t *dev, size_t len, bool from_device)
{
    if (from_device) {
        memmove(mem, dev, len);
    } else {
        memmove(dev, mem, len);
    }
}

/* Callable without the big lock */
static void slice_copy(MmapdemoState *s)
{
    MmapdemoSlice *sl = &s->slice;
    uint8_t *dev = sl->dev;

    for (unsigned i = 0; i < sl->num; i++) {
        MmapdemoPiece *p = &sl->piece[i];

        for (uint32_t off = 0; off < p->len; off += MMAPDEMO_CHUNK_BYTES) {
            uint32_t len = MIN(p->len - off, MMAPDEMO_CHUNK_BYTES);

            if (qatomic_read(&s->slice_cancel)) {
                return;
            }
            copy(p->host + off, dev, len, sl->from_device);
            dev += len;
            sl->moved += len;
        }
    }
}

/* Likewise; the clock is read for nothing else */
static void slice_copy_timed(MmapdemoState *s)
{
    MmapdemoSlice *sl = &s->slice;
    int64_t start = get_clock();

    for (uint32_t i = 0; i < sl->repeat; i++) {
        uint8_t *dev = sl->dev;

        if (qatomic_read(&s->slice_cancel)) {
            break;
        }
        for (unsigned j = 0; j < sl->num; j++) {
            MmapdemoPiece *p = &sl->piece[j];

            copy(p->host, dev, p->len, sl->from_device);
            dev += p->len;
        }
        sl->moved += sl->bytes;
    }
    sl->ns = get_clock() - start;
}

static void slice_run(MmapdemoState *s)
{
    if (s->slice.timed) {
        slice_copy_timed(s);
    } else {
        slice_copy(s);
    }
}

/* The slice was copied: account for it. Ends the transfer if it was the last */
static void slice_retire(MmapdemoState *s)
{
    MmapdemoTransfer *x = &s->xfer;
    MmapdemoSlice *sl = &s->slice;

    slice_unmap(s, sl->from_device);
    if (sl->from_device) {
        s->cnt[MMAPDEMO_CNT(DMA_FROM_DEV)] += sl->moved;
    } else {
        address_space_cache_invalidate(&s->mem_cache, sl->dev - s->mem_ptr,
                                       sl->bytes);
        s->cnt[MMAPDEMO_CNT(DMA_TO_DEV)] += sl->moved;
    }

    x->done += sl->moved;
    x->host_ns += sl->ns;
    if (x->cmd & MMAPDEMO_DMA_CMD_SG) {
        list_advance(s, &x->sg_pos, &x->sg_off, sl->moved);
    }
    if (x->done == s->goal) {
        mmapdemo_dma_finish(s, s->goal == mmapdemo_dma_total(x) ?
                               MMAPDEMO_ERR_NONE : MMAPDEMO_ERR_BUS);
    }
}

static bool slice_run_locked(MmapdemoState *s)
{
    if (!slice_prepare(s, MMAPDEMO_CHUNK_BYTES)) {
        return false;
    }
    slice_run(s);
    slice_retire(s);
    return true;
}

static void engine_queue_bh(MmapdemoState *s)
{
    trace_mmapdemo_dma_queue(s->name, s->xfer.seq, "bh");
    replay_bh_schedule_event(s->bh);
}

static void engine_bh(void *opaque)
{
    MmapdemoState *s = opaque;

    if (slice_run_locked(s) && mmapdemo_dma_busy(s)) {
        replay_bh_schedule_event(s->bh);
    }
}

static void engine_vcpu_work(CPUState *cpu, run_on_cpu_data data)
{
    MmapdemoState *s = data.host_ptr;

    s->vcpu_queued = false;
    while (slice_prepare(s, MMAPDEMO_DMA_MAX_LEN)) {
        uint32_t epoch = s->epoch;

        qemu_event_reset(&s->slice_over);
        bql_unlock();
        slice_run(s);
        qemu_event_set(&s->slice_over);     /* pairs with the wait in quiesce */
        bql_lock();
        if (epoch != s->epoch) {
            /* Taken over. What runs now, if anything, is another's to run */
            break;
        }
        slice_retire(s);
        if ((cpu->stop || cpu_is_stopped(cpu)) && mmapdemo_dma_busy(s)) {
            /* Somebody waits for this vCPU */
            engine_queue_bh(s);
            break;
        }
    }
    object_unref(OBJECT(s));
}

/*
 * A timer is outside of the reentrancy guard: it only hands over to the bottom
 * half, which is inside.
 */
static void engine_delay_over(void *opaque)
{
    MmapdemoState *s = opaque;

    s->delayed = false;
    engine_queue_bh(s);
}

static void engine_delay(MmapdemoState *s)
{
    int64_t now = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL);

    trace_mmapdemo_dma_queue(s->name, s->xfer.seq, "delay");
    s->delayed = true;
    timer_mod_ns(s->delay_timer, now + MIN(s->delay_ns, INT64_MAX - now));
}

void mmapdemo_engine_forget_delay(MmapdemoState *s)
{
    if (s->delayed) {
        s->delayed = false;
        timer_del(s->delay_timer);
    }
}

void mmapdemo_engine_run(MmapdemoState *s)
{
    if (s->fault_dma == MMAPDEMO_FAULT_DMA_STUCK) {
        s->delayed = true;      /* for ever: there is no timer */
        return;
    }
    if (s->delay_ns) {
        engine_delay(s);
        return;
    }
    if (!s->running) {
        return;     /* engine_vm_change() */
    }
    if (transfer_is_small(&s->xfer)) {
        while (slice_run_locked(s)) {
            /* a list may need a few slices */
        }
    } else if (!current_cpu || icount_enabled()) {
        engine_queue_bh(s);
    } else if (!s->vcpu_queued) {
        trace_mmapdemo_dma_queue(s->name, s->xfer.seq, "vcpu");
        s->vcpu_queued = true;
        object_ref(OBJECT(s));
        async_run_on_cpu(current_cpu, engine_vcpu_work,
                         RUN_ON_CPU_HOST_PTR(s));
    }
}

void mmapdemo_engine_quiesce(MmapdemoState *s)
{
    if (!s->slice.num) {
        return;
    }
    trace_mmapdemo_dma_quiesce(s->name, s->xfer.seq, s->xfer.done);
    qatomic_set(&s->slice_cancel, true);
    qemu_event_wait(&s->slice_over);
    qatomic_set(&s->slice_cancel, false);
    s->epoch++;
    slice_retire(s);
}

static void engine_vm_change(void *opaque, bool running, RunState state)
{
    MmapdemoState *s = opaque;

    trace_mmapdemo_device_run(s->name, running);
    s->running = running;
    if (!running) {
        mmapdemo_engine_quiesce(s);
        return;
    }
    mmapdemo_irq_update(s);
    mmapdemo_faults_run(s);
    if (mmapdemo_dma_busy(s) && !s->delayed) {
        engine_queue_bh(s);
    }
}

void mmapdemo_engine_init(MmapdemoState *s)
{
    DeviceState *dev = DEVICE(s);

    s->sg = g_new(MmapdemoSg, MMAPDEMO_DMA_MAX_SG);
    s->slice.piece = g_new(MmapdemoPiece, MMAPDEMO_MAX_PIECES);
    qemu_event_init(&s->slice_over, true);
    s->bh = qemu_bh_new_guarded(engine_bh, s, &dev->mem_reentrancy_guard);
    s->delay_timer = timer_new_ns(QEMU_CLOCK_VIRTUAL, engine_delay_over, s);
    s->running = runstate_is_running();
    s->vmstate_change = qdev_add_vm_change_state_handler(dev, engine_vm_change,
                                                         NULL, s);
}

void mmapdemo_engine_exit(MmapdemoState *s)
{
    mmapdemo_dma_reset(s);
    qemu_del_vm_change_state_handler(s->vmstate_change);
    qemu_bh_delete(s->bh);
    s->bh = NULL;
    timer_free(s->delay_timer);
    s->delay_timer = NULL;
    s->running = false;
}

/* From finalize: a work item may still have looked at the state after exit */
void mmapdemo_engine_cleanup(MmapdemoState *s)
{
    if (s->slice.piece) {
        qemu_event_destroy(&s->slice_over);
        g_free(s->slice.piece);
        g_free(s->sg);
    }
}
