/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: the device's memory. BAR2 is RAM, ours or that of a memory backend,
 * and no access to it is seen here; BAR5 is the first bytes of the same memory
 * with every access seen and counted. Same bytes, two costs.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qapi/error.h"
#include "migration/vmstate.h"
#include "mmapdemo-internal.h"
#include "trace.h"

QEMU_BUILD_BUG_ON(MMAPDEMO_BAR_ALIAS_SIZE > MMAPDEMO_BAR_MEM_SIZE_MIN);

static bool size_possible(uint64_t size)
{
    return is_power_of_2(size) && size >= MMAPDEMO_BAR_MEM_SIZE_MIN;
}

static bool backend_check(MmapdemoState *s, Error **errp)
{
    g_autofree char *id = host_memory_backend_get_name(s->memdev);
    MemoryRegion *mr = host_memory_backend_get_memory(s->memdev);
    uint64_t size = memory_region_size(mr);

    if (host_memory_backend_is_mapped(s->memdev)) {
        error_setg(errp, "memdev '%s' is in use by another device or by the "
                   "machine; give mmapdemo a memory backend of its own", id);
        return false;
    }
    if (memory_region_is_rom(mr)) {
        error_setg(errp, "memdev '%s' is read-only, and device memory is "
                   "written by the guest and by DMA; use a backend without "
                   "readonly=on", id);
        return false;
    }
    if (!size_possible(size)) {
        error_setg(errp, "memdev '%s' has %" PRIu64 " bytes, which is not a "
                   "power of two of at least 2 MiB, as a BAR has to be; for "
                   "example size=128M", id, size);
        return false;
    }
    if (s->mem_size && s->mem_size != size) {
        error_setg(errp, "mem-size %" PRIu64 " is not the size of memdev '%s', "
                   "%" PRIu64 " bytes; leave mem-size out, or make them equal",
                   s->mem_size, id, size);
        return false;
    }
    return true;
}

bool mmapdemo_memory_check(MmapdemoState *s, Error **errp)
{
    if (s->memdev) {
        return backend_check(s, errp);
    }
    if (s->mem_size && !size_possible(s->mem_size)) {
        error_setg(errp, "mem-size %" PRIu64 " is not a power of two of at "
                   "least 2 MiB, which is what a BAR can be; for example "
                   "mem-size=128M", s->mem_size);
        return false;
    }
    return true;
}

/* --- BAR5 ----------------------------------------------------------------- */

/* Accesses of 1, 2, 4 and 8 bytes have counters next to each other */
QEMU_BUILD_BUG_ON(MMAPDEMO_CNT(ALIAS_RD64) != MMAPDEMO_CNT(ALIAS_RD8) + 3);
QEMU_BUILD_BUG_ON(MMAPDEMO_CNT(ALIAS_WR64) != MMAPDEMO_CNT(ALIAS_WR8) + 3);

/* The core hands on what begins inside of the region, wherever it ends */
static unsigned alias_inside(hwaddr offset, unsigned width)
{
    return MIN(width, MMAPDEMO_BAR_ALIAS_SIZE - offset);
}

/*
 * Whoever shares the memory may write it meanwhile: an aligned access is one
 * load or store of the host, as it would be in BAR2.
 */
static uint64_t mmapdemo_alias_read(void *opaque, hwaddr offset, unsigned width)
{
    MmapdemoState *s = opaque;
    unsigned inside = alias_inside(offset, width);
    uint64_t val = 0;

    s->cnt[MMAPDEMO_CNT(RD_ALL)]++;
    s->cnt[MMAPDEMO_CNT(ALIAS_RD8) + ctz32(width)]++;
    if (unlikely(s->fault_reads)) {
        val = UINT64_MAX;
    } else if (likely(inside == width)) {
        val = ldn_le_p(s->mem_ptr + offset, width);
    } else {
        memcpy(&val, s->mem_ptr + offset, inside);
        val = le64_to_cpu(val);
    }
    trace_mmapdemo_alias_read(s->name, offset, width, val);
    return val;
}

static void mmapdemo_alias_write(void *opaque, hwaddr offset, uint64_t val,
                                 unsigned width)
{
    MmapdemoState *s = opaque;
    unsigned inside = alias_inside(offset, width);

    s->cnt[MMAPDEMO_CNT(WR_ALL)]++;
    s->cnt[MMAPDEMO_CNT(ALIAS_WR8) + ctz32(width)]++;
    trace_mmapdemo_alias_write(s->name, offset, width, val);
    if (likely(inside == width)) {
        stn_le_p(s->mem_ptr + offset, width, val);
    } else {
        val = cpu_to_le64(val);
        memcpy(s->mem_ptr + offset, &val, inside);
    }
    /* Written first, marked after: migration must not miss it */
    address_space_cache_invalidate(&s->mem_cache, offset, inside);
}

static const MemoryRegionOps mmapdemo_alias_ops = {
    .read = mmapdemo_alias_read,
    .write = mmapdemo_alias_write,
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

/* --- life ----------------------------------------------------------------- */

bool mmapdemo_memory_init(MmapdemoState *s, Error **errp)
{
    if (s->memdev) {
        s->mem = host_memory_backend_get_memory(s->memdev);
        s->mem_size = memory_region_size(s->mem);
    } else {
        s->mem_size = s->mem_size ?: MMAPDEMO_BAR_MEM_SIZE_DEFAULT;
        if (!memory_region_init_ram(&s->own_mem, OBJECT(s), "mmapdemo-mem",
                                    s->mem_size, errp)) {
            error_append_hint(errp, "Choose a smaller mem-size, free memory on "
                              "the host, or use memdev with a backend that "
                              "has reserve=off.\n");
            return false;
        }
        s->mem = &s->own_mem;
    }
    memory_region_init_io(&s->alias, OBJECT(s), &mmapdemo_alias_ops, s,
                          "mmapdemo-alias", MMAPDEMO_BAR_ALIAS_SIZE);

    s->mem_ptr = memory_region_get_ram_ptr(s->mem);
    address_space_init(&s->mem_as, s->mem, "mmapdemo-mem");
    if (address_space_cache_init(&s->mem_cache, &s->mem_as, 0, s->mem_size,
                                 true) != s->mem_size) {
        error_setg(errp, "the %" PRIu64 " bytes of device memory are not one "
                   "piece of host memory; use another memdev", s->mem_size);
        address_space_cache_destroy(&s->mem_cache);
        address_space_destroy(&s->mem_as);
        return false;
    }
    if (s->memdev) {
        host_memory_backend_set_mapped(s->memdev, true);
        vmstate_register_ram(s->mem, DEVICE(s));
    }
    return true;
}

void mmapdemo_memory_exit(MmapdemoState *s)
{
    address_space_cache_destroy(&s->mem_cache);
    address_space_destroy(&s->mem_as);
    /*
     * A flat view may hold the block a while longer; its name has to be free
     * for the next device in this slot.
     */
    vmstate_unregister_ram(s->mem, DEVICE(s));
    if (s->memdev) {
        host_memory_backend_set_mapped(s->memdev, false);
    }
}
