/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: from windows and rings to host memory. Translation happens under
 * the big lock and is remembered until an epoch ends: when the memory of the
 * machine changes, or when an IOMMU says that it took something back. Who works
 * without the big lock only uses what is remembered.
 *
 * No reference to memory regions is held. A region that goes away is still in
 * the flat view until the commit that we hear of, and what is behind it is
 * freed later still, by RCU, under the big lock.
 */

#include "qemu/osdep.h"
#include "qemu/bitmap.h"
#include "qemu/bswap.h"
#include "qemu/rcu.h"
#include "exec/ramlist.h"
#include "exec/target_page.h"
#include "queue-internal.h"
#include "trace.h"

/* A bus that changes that often while a ring is mapped has no room for one */
#define RING_TRIES      8

/* A piece of the bus that an IOMMU translates */
typedef struct MmapdemoIommu {
    IOMMUNotifier notifier;
    MmapdemoState *s;
    MemoryRegion *mr;
    hwaddr at;              /* on the bus */
    bool mute;              /* does not tell when a translation ends */
    QLIST_ENTRY(MmapdemoIommu) next;
} MmapdemoIommu;

void mmapdemo_spans_forget(MmapdemoState *s)
{
    mmapdemo_queues_hold(s);
    s->queues->map_epoch++;
    mmapdemo_queues_release(s);
}

/*
 * Host memory at a bus address, at most len bytes. Not address_space_map(),
 * which answers a target that is not RAM with a bounce buffer.
 */
static bool bus_map(MmapdemoState *s, uint64_t addr, uint64_t len, bool write,
                    MmapdemoSpan *span)
{
    MemTxAttrs attrs = {
        .memory = 1,
        .requester_id = pci_requester_id(s->pdev),
    };
    MemoryRegion *mr;
    hwaddr xlat, got = len;

    if (addr > s->dma_mask || len - 1 > s->dma_mask - addr) {
        return false;
    }
    RCU_READ_LOCK_GUARD();
    mr = address_space_translate(pci_get_address_space(s->pdev), addr, &xlat,
                                 &got, write, attrs);
    /* Direct access is not enough: it lets reads of ROM through */
    if (!memory_region_is_ram(mr) || memory_region_is_rom(mr) ||
        !memory_access_is_direct(mr, write, attrs)) {
        return false;
    }
    *span = (MmapdemoSpan) {
        .host = (uint8_t *)memory_region_get_ram_ptr(mr) + xlat,
        .mr = mr,
        .mr_off = xlat,
        .len = got,
    };
    return true;
}

/*
 * Is all of it dirty to everybody who asked, so that nobody has to be told?
 * That is most of what address_space_cache_invalidate() finds out, by way of a
 * dozen calls: of the 1700 instructions of a 64-byte copy, 430.
 */
static bool is_dirty(MemoryRegion *mr, hwaddr off, hwaddr len)
{
    unsigned asked = memory_region_get_dirty_log_mask(mr);
    ram_addr_t addr = memory_region_get_ram_addr(mr) + off;
    unsigned long page = addr >> qemu_target_page_bits();
    unsigned long last = (addr + len - 1) >> qemu_target_page_bits();
    unsigned long block = page / DIRTY_MEMORY_BLOCK_SIZE;

    if (last / DIRTY_MEMORY_BLOCK_SIZE != block) {
        return false;   /* rare enough for the long way */
    }
    page %= DIRTY_MEMORY_BLOCK_SIZE;
    last %= DIRTY_MEMORY_BLOCK_SIZE;
    RCU_READ_LOCK_GUARD();
    for (; asked; asked &= asked - 1) {
        DirtyMemoryBlocks *dirty =
            qatomic_rcu_read(&ram_list.dirty_memory[ctz32(asked)]);
        const unsigned long *map = dirty->blocks[block];

        if (page == last ? !test_bit(page, map)
                         : find_next_zero_bit(map, last + 1, page) <= last) {
            return false;
        }
    }
    return true;
}

void mmapdemo_spans_tell(MmapdemoQueue *q)
{
    MemoryRegionCache *c = &q->written;

    if (!is_dirty(c->mrs.mr, c->xlat, c->len)) {
        /* Dirty for migration; code translated from there is stale */
        address_space_cache_invalidate(c, 0, c->len);
    }
    c->len = 0;
}

/* --- the ring ------------------------------------------------------------- */

uint8_t *mmapdemo_span_ring_miss(MmapdemoQueue *q, uint32_t page)
{
    q->want.ring = true;
    q->want.ring_page = page;
    return NULL;
}

static bool fill_ring_page(MmapdemoQueue *q, uint32_t page)
{
    MmapdemoSpan span;
    uint64_t epoch;

    /* Translating can end an epoch: that of an IOMMU may change the bus */
    do {
        epoch = q->s->queues->map_epoch;
        if (!bus_map(q->s, q->ctx.base + page * 4096, 4096, true, &span) ||
            span.len != 4096) {
            trace_mmapdemo_queue_target(q->s->name, q->index,
                                        q->ctx.base + page * 4096);
            return false;
        }
    } while (epoch != q->s->queues->map_epoch);
    q->ring[page].span = span;
    q->ring[page].epoch = epoch;
    return true;
}

bool mmapdemo_span_fill_ring(MmapdemoQueue *q)
{
    const MmapdemoQueues *qs = q->s->queues;
    uint64_t epoch;
    unsigned tries = 0;

    /* The last page's translation may have ended the epoch of the first */
    do {
        epoch = qs->map_epoch;
        for (uint32_t i = 0; i < MMAPDEMO_RING_BYTES(q->ctx.log2n) / 4096;
             i++) {
            if (!fill_ring_page(q, i)) {
                return false;
            }
        }
    } while (epoch != qs->map_epoch && ++tries < RING_TRIES);
    return epoch == qs->map_epoch;
}

/* --- windows -------------------------------------------------------------- */

/*
 * Where off is in pages of the size in which translations are remembered. The
 * pages of a list are contiguous on the bus, not behind an IOMMU.
 */
static uint64_t window_pos(MmapdemoState *s, const MmapdemoWindow *w,
                           uint64_t off, uint32_t *shift)
{
    if (mmapdemo_window_kind(w) == MMAPDEMO_WKIND_BUS) {
        *shift = 12;
        return w->addr % 4096 + off;
    }
    *shift = s->queues->iommus ? 12 : w->shift;
    return w->first + off;
}

static MmapdemoTlbEntry *tlb_entry(MmapdemoQueue *q, MmapdemoUse use,
                                   uint64_t serial, uint64_t page)
{
    return &q->tlb[use][(page + serial * 61) % MMAPDEMO_TLB_ENTRIES];
}

static MmapdemoTlbEntry *tlb_find(MmapdemoQueue *q, MmapdemoUse use,
                                  const MmapdemoWindow *w, uint64_t page,
                                  uint32_t shift, bool write)
{
    MmapdemoTlbEntry *e;

    if (!q->tlb[use]) {
        return NULL;
    }
    e = tlb_entry(q, use, w->serial, page);
    if (e->epoch != q->s->queues->map_epoch || e->serial != w->serial ||
        e->page != page || e->shift != shift || (write && !e->writable)) {
        return NULL;
    }
    return e;
}

bool mmapdemo_span_find_page(MmapdemoQueue *q, MmapdemoUse use, uint32_t win,
                             uint64_t off, uint64_t len, bool write,
                             MmapdemoSpan *span)
{
    MmapdemoState *s = q->s;
    MmapdemoWindow *w = &s->queues->window[win];
    MmapdemoTlbEntry *e;
    uint64_t pos, mask;
    uint32_t shift;

    pos = window_pos(s, w, off, &shift);
    mask = (1ULL << shift) - 1;
    e = tlb_find(q, use, w, pos >> shift, shift, write);
    if (!e) {
        q->want.span = true;
        q->want.use = use;
        q->want.win = win;
        q->want.off = off;
        q->want.write = write;
        return false;
    }
    *span = (MmapdemoSpan) {
        .host = e->host + (pos & mask),
        .mr = e->mr,
        .mr_off = e->mr_off + (pos & mask),
        .len = mask + 1 - (pos & mask),
    };
    /* Pages that happen to be neighbours are copied in one go */
    while (span->len < len) {
        e = tlb_find(q, use, w, (pos + span->len) >> shift, shift, write);
        if (!e || e->mr != span->mr || e->host != span->host + span->len) {
            break;
        }
        span->len += mask + 1;
    }
    span->len = MIN(span->len, len);
    mmapdemo_guest_read(span->mr_off, span->len, span->mr);
    return true;
}

static bool read_entry(MmapdemoState *s, uint64_t list, unsigned index,
                       uint32_t shift, uint64_t *page)
{
    uint64_t entry, low = (1ULL << shift) - 1;
    MmapdemoSpan span;

    if (!bus_map(s, list + index * sizeof(entry), sizeof(entry), false,
                 &span) || span.len != sizeof(entry)) {
        return false;
    }
    mmapdemo_guest_read(span.mr_off, sizeof(entry), span.mr);
    entry = ldq_le_p(span.host);
    *page = entry & ~low;
    return (entry & low) == MMAPDEMO_WINDOW_ENTRY_VALID;
}

/* Bus address of the page off is in, as the lists have it */
static bool list_page(MmapdemoState *s, const MmapdemoWindow *w, uint64_t off,
                      uint64_t *page)
{
    uint64_t index = (w->first + off) >> w->shift;
    uint64_t list = w->addr;

    if (mmapdemo_window_kind(w) == MMAPDEMO_WKIND_LIST2) {
        if (!read_entry(s, list, index / MMAPDEMO_WINDOW_LIST_ENTRIES, 12,
                        &list)) {
            return false;
        }
        index %= MMAPDEMO_WINDOW_LIST_ENTRIES;
    }
    return read_entry(s, list, index, w->shift, page);
}

bool mmapdemo_span_fill_whole(MmapdemoState *s, MmapdemoWindow *w)
{
    uint64_t epoch = s->queues->map_epoch;
    MmapdemoSpan span;

    if (s->queues->iommus || mmapdemo_window_kind(w) != MMAPDEMO_WKIND_BUS ||
        !bus_map(s, w->addr, w->len, w->cfg & MMAPDEMO_WCFG_WRITE, &span) ||
        span.len != w->len || epoch != s->queues->map_epoch) {
        return false;
    }
    w->host = span.host;
    w->mr = span.mr;
    w->mr_off = span.mr_off;
    qatomic_store_release(&w->epoch, epoch);
    return true;
}

static bool fill_page(MmapdemoQueue *q, const MmapdemoWindow *w)
{
    const MmapdemoWant *want = &q->want;
    MmapdemoState *s = q->s;
    uint32_t shift;
    uint64_t pos = window_pos(s, w, want->off, &shift);
    uint64_t epoch, page, size = 1ULL << shift;
    MmapdemoTlbEntry *e;
    MmapdemoSpan span;

    if (!q->tlb[want->use]) {
        q->tlb[want->use] = g_new0(MmapdemoTlbEntry, MMAPDEMO_TLB_ENTRIES);
    }
    do {
        epoch = s->queues->map_epoch;
        if (mmapdemo_window_kind(w) == MMAPDEMO_WKIND_BUS) {
            page = (w->addr + want->off) & ~0xfffULL;
        } else if (list_page(s, w, want->off, &page)) {
            /* The part of it that is remembered on its own */
            page += pos & (((1ULL << w->shift) - 1) & ~(size - 1));
        } else {
            return false;
        }
        if (!bus_map(s, page, size, want->write, &span) || span.len != size) {
            return false;
        }
    } while (epoch != s->queues->map_epoch);

    e = tlb_entry(q, want->use, w->serial, pos >> shift);
    *e = (MmapdemoTlbEntry) {
        .epoch = epoch,
        .serial = w->serial,
        .page = pos >> shift,
        .shift = shift,
        .writable = want->write,
        .host = span.host,
        .mr = span.mr,
        .mr_off = span.mr_off,
    };
    return true;
}

bool mmapdemo_span_fill(MmapdemoQueue *q)
{
    MmapdemoWindow *w = &q->s->queues->window[q->want.win];

    if (q->want.ring) {
        return fill_ring_page(q, q->want.ring_page);
    }
    /* Taken away meanwhile: the owner will find out */
    if (!(w->cfg & MMAPDEMO_WCFG_VALID) ||
        mmapdemo_span_fill_whole(q->s, w) || fill_page(q, w)) {
        return true;
    }
    trace_mmapdemo_window_target(q->s->name, q->work.sqe.user, q->want.win,
                                 q->want.off);
    return false;
}

/* --- when to forget ------------------------------------------------------- */

/* On return no byte moves any more through what the IOMMU took back */
static void iommu_unmap(IOMMUNotifier *n, IOMMUTLBEntry *iotlb)
{
    MmapdemoIommu *iommu = container_of(n, MmapdemoIommu, notifier);

    trace_mmapdemo_spans_forget(iommu->s->name, "IOMMU");
    mmapdemo_spans_forget(iommu->s);
}

/* These send UNMAP for each invalidation; others accept who asks, and do not */
static bool iommu_tells(MemoryRegion *mr)
{
    static const char *const types[] = {
        "intel-iommu-iommu-memory-region",
        "smmuv3-iommu-memory-region",
        "virtio-iommu-memory-region",
    };

    for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
        if (object_dynamic_cast(OBJECT(mr), types[i])) {
            return true;
        }
    }
    return false;
}

static void spans_region_add(MemoryListener *listener,
                             MemoryRegionSection *section)
{
    MmapdemoQueues *qs = container_of(listener, MmapdemoQueues, listener);
    MmapdemoState *s = qs->s;
    IOMMUMemoryRegion *iommu_mr = memory_region_get_iommu(section->mr);
    MmapdemoIommu *iommu;
    Int128 end;

    if (!iommu_mr) {
        return;
    }
    mmapdemo_queues_hold(s);
    iommu = g_new0(MmapdemoIommu, 1);
    iommu->s = s;
    iommu->mr = section->mr;
    iommu->at = section->offset_within_address_space;
    end = int128_sub(int128_add(int128_make64(section->offset_within_region),
                                section->size), int128_one());
    iommu_notifier_init(&iommu->notifier, iommu_unmap, IOMMU_NOTIFIER_UNMAP,
                        section->offset_within_region, int128_get64(end),
                        memory_region_iommu_attrs_to_index(
                            iommu_mr, MEMTXATTRS_UNSPECIFIED));
    iommu->mute = !iommu_tells(section->mr) ||
                  memory_region_register_iommu_notifier(section->mr,
                                                        &iommu->notifier,
                                                        NULL);
    QLIST_INSERT_HEAD(&qs->iommu, iommu, next);
    qs->iommus++;
    qs->iommus_mute += iommu->mute;
    qs->map_epoch++;
    mmapdemo_queues_release(s);
    trace_mmapdemo_spans_iommu(s->name, iommu->at, iommu->mute);
}

static void iommu_free(MmapdemoQueues *qs, MmapdemoIommu *iommu)
{
    if (!iommu->mute) {
        memory_region_unregister_iommu_notifier(iommu->mr, &iommu->notifier);
    }
    QLIST_REMOVE(iommu, next);
    qs->iommus--;
    qs->iommus_mute -= iommu->mute;
    g_free(iommu);
}

static void spans_region_del(MemoryListener *listener,
                             MemoryRegionSection *section)
{
    MmapdemoQueues *qs = container_of(listener, MmapdemoQueues, listener);
    MmapdemoIommu *iommu;

    QLIST_FOREACH(iommu, &qs->iommu, next) {
        if (iommu->mr == section->mr &&
            iommu->at == section->offset_within_address_space) {
            mmapdemo_queues_hold(qs->s);
            iommu_free(qs, iommu);
            qs->map_epoch++;
            mmapdemo_queues_release(qs->s);
            return;
        }
    }
}

/* Of any change in the machine: the memory behind an IOMMU is another's */
static void spans_commit(MemoryListener *listener)
{
    MmapdemoQueues *qs = container_of(listener, MmapdemoQueues, listener);

    mmapdemo_spans_forget(qs->s);
}

void mmapdemo_spans_init(MmapdemoState *s)
{
    MmapdemoQueues *qs = s->queues;

    QLIST_INIT(&qs->iommu);
    qs->map_epoch = 1;
    qs->listener = (MemoryListener) {
        .name = "mmapdemo",
        .region_add = spans_region_add,
        .region_del = spans_region_del,
        .commit = spans_commit,
    };
    memory_listener_register(&qs->listener, pci_get_address_space(s->pdev));
}

void mmapdemo_spans_exit(MmapdemoState *s)
{
    MmapdemoQueues *qs = s->queues;
    MmapdemoIommu *iommu, *next;

    memory_listener_unregister(&qs->listener);
    QLIST_FOREACH_SAFE(iommu, &qs->iommu, next, next) {
        iommu_free(qs, iommu);
    }
    mmapdemo_spans_forget(s);
}
