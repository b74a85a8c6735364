/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What may be asked of the device, decided from numbers alone.
 *
 * For: the driver, and on a build host the unit tests and the fuzzer. policy.c needs nothing but
 * this header and the two contracts, so `cc -Iinclude/uapi -c policy.c` is all a host has to do.
 * Not for: doing anything. No function here sleeps, allocates, keeps state or looks at a device.
 *
 * Every function returns 0 (or a count) or a negative errno with the meaning that mmapdemo.h gives
 * it. Outputs are written only on success.
 *
 *   mmapdemo_size_check()     can a structure of this size be the argument of a call
 *   mmapdemo_head_check()     are its flags known, and what is reserved 0
 *   mmapdemo_results_len()    how much of the results its caller has room for
 *   mmapdemo_range_check()    is [off, off + len) inside an object of `size` bytes
 *   mmapdemo_map_check()      may this range be mapped with this access, and what may it become
 *   mmapdemo_io_check()       may these bytes be read or written by system call, and how many
 *   mmapdemo_alloc_check()    may such a buffer be allocated, how long, of which cache type
 *   mmapdemo_flags_check()    are these flags of BUF_ALLOC known to this technique
 *   mmapdemo_pin_check()      may memory of the process become a buffer
 *   mmapdemo_sync_check()     is this BUF_SYNC well-formed
 *   mmapdemo_dma_check()      is this transfer well-formed
 *   mmapdemo_device_check()   may the device read or write this object
 *   mmapdemo_queue_check()    may such a queue be created, and how long is its memory
 *   mmapdemo_window_check()   is this window well-formed
 *   mmapdemo_reg_check()      may this register be accessed
 *   mmapdemo_dma_bits()       how wide a DMA mask follows from the highest address
 */
#ifndef MMAPDEMO_POLICY_H
#define MMAPDEMO_POLICY_H

#include <linux/errno.h>
#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stdbool.h>
#include <stddef.h>
#endif

#include <linux/mmapdemo.h>
#include <linux/mmapdemo_hw.h>

/*
 * Offsets. Object `id` begins at offset id << 36 and its handle is id + 1. 36 bits leave room for
 * objects of 64 GiB; the 27 bits above them, up to the sign bit of loff_t, for the ids. Ids are
 * unique in one device, since unmapping by offset reaches the mappings of every file. They are
 * handed out in a circle, and one comes round again only when its last mapping is gone.
 */
#define MMAPDEMO_OFFSET_SHIFT	36
#define MMAPDEMO_OBJECT_MAX	(1ULL << MMAPDEMO_OFFSET_SHIFT)
#define MMAPDEMO_ID_MAX		((1U << 27) - 1)

/* The first ids are the regions, in the order of MMAPDEMO_REGION_*: EXAMPLE is at offset 0. */
#define MMAPDEMO_NUM_REGIONS	5

static inline __u64 mmapdemo_id_to_offset(__u32 id)
{
	return (__u64)id << MMAPDEMO_OFFSET_SHIFT;
}

/* Above MMAPDEMO_ID_MAX for offsets that no object can have. */
static inline __u64 mmapdemo_offset_to_id(__u64 offset)
{
	return offset >> MMAPDEMO_OFFSET_SHIFT;
}

static inline __u64 mmapdemo_offset_in_object(__u64 offset)
{
	return offset & (MMAPDEMO_OBJECT_MAX - 1);
}

static inline __u32 mmapdemo_id_to_handle(__u32 id)
{
	return id + 1;
}

/* Handle 0 becomes an id that no object can have. */
static inline __u32 mmapdemo_handle_to_id(__u32 handle)
{
	return handle - 1;
}

/* What an object is, as far as it decides who may do what with it. */
#define MMAPDEMO_OBJ_READ_ONLY	0x01	/* nothing but DMA may write it */
#define MMAPDEMO_OBJ_REGS	0x02	/* registers: not inherited, only whole accesses */
#define MMAPDEMO_OBJ_RAW	0x04	/* only with MMAPDEMO_WHO_RAW */
#define MMAPDEMO_OBJ_EXCLUSIVE	0x08	/* only with MMAPDEMO_WHO_EXCLUSIVE */
#define MMAPDEMO_OBJ_QUEUE	0x10	/* of a queue: not inherited, not pinned, has no handle */
#define MMAPDEMO_OBJ_FIXED	0x20	/* stays where it was mapped */
#define MMAPDEMO_OBJ_PINNED	0x40	/* of a process, which has it mapped: not mapped, read, written */
#define MMAPDEMO_OBJ_DEV_READS	0x80	/* the device may not write it */

struct mmapdemo_object {
	__u64 len;		/* bytes, at most MMAPDEMO_OBJECT_MAX */
	__u32 attrs;		/* MMAPDEMO_OBJ_* */
};

/* What is wanted ... */
#define MMAPDEMO_ACC_READ	0x01
#define MMAPDEMO_ACC_WRITE	0x02
#define MMAPDEMO_ACC_EXEC	0x04	/* asked for, or implied by the process's personality */
#define MMAPDEMO_ACC_SHARED	0x08	/* stores reach the object; otherwise a private copy */
/* ... and by whom. */
#define MMAPDEMO_WHO_RAW	0x10	/* CAP_SYS_RAWIO and allow_raw_bar */
#define MMAPDEMO_WHO_EXCLUSIVE	0x20	/* the file was opened with O_EXCL */

struct mmapdemo_request {
	__u64 off;		/* bytes into the object */
	__u64 len;		/* bytes */
	__u32 access;		/* MMAPDEMO_ACC_* and MMAPDEMO_WHO_* */
};

/* What a granted mapping may become later. Execution is never among it. */
struct mmapdemo_verdict {
	bool may_write;		/* mprotect() may add writing */
	bool inherit;		/* a child gets it by fork() */
	bool may_move;		/* mremap() may move it */
	bool may_pin;		/* get_user_pages() may hold its pages, past the mapping's end */
};

/* `off + len` and `size - len` could both wrap: compare before subtracting. Also in page faults. */
static inline int mmapdemo_range_check(__u64 off, __u64 len, __u64 size)
{
	if (off > size || len > size - off)
		return -EINVAL;
	return 0;
}

/* size: of the structure; min_size: of version 1's, if it was shorter, else 0; most: one page. */
static inline int mmapdemo_size_check(__u32 usize, size_t size, size_t min_size, size_t most)
{
	if (usize < (min_size ? min_size : size))
		return -EINVAL;
	return usize > most ? -E2BIG : 0;
}

/* arg: begins with size and flags; known: flags; reserved: offset of a __u32, 0: there is none. */
static inline int mmapdemo_head_check(const void *arg, __u32 known, size_t reserved)
{
	const __u32 *head = arg;

	if (head[1] & ~known)
		return -EINVAL;
	if (reserved && *(const __u32 *)((const char *)arg + reserved))
		return -EINVAL;
	return 0;
}

/* The results are from `out` to `end`; 0: there are none, or no room. */
static inline size_t mmapdemo_results_len(size_t out, size_t end, __u32 usize)
{
	if (end > usize)
		end = usize;
	return end > out ? end - out : 0;
}

/* The check that needs no request: may this caller name this object at all? */
int mmapdemo_who_check(const struct mmapdemo_object *obj, __u32 access);

int mmapdemo_map_check(const struct mmapdemo_object *obj, const struct mmapdemo_request *req,
		       struct mmapdemo_verdict *verdict);

/*
 * Returns how many bytes from req->off may be moved: req->len or less, 0 at the end when reading.
 */
long mmapdemo_io_check(const struct mmapdemo_object *obj, const struct mmapdemo_request *req);

struct mmapdemo_alloc_limits {
	__u64 page_size;
	__u64 max_contig;	/* most bytes of one PAGES or COHERENT buffer */
	__u64 max_bytes;	/* most bytes of memory buffers of one file */
	__u64 mem_size;		/* bytes of BAR2 */
	__u32 techniques;	/* what kernel and device can do: bit map by MMAPDEMO_TECH_* */
	bool ram_types;		/* PAGES can be WC and UC */
	__u32 mem_cache;	/* BAR2's cache type now */
	__u32 coherent_cache;	/* what coherent memory has on this platform */
};

int mmapdemo_alloc_check(__u32 technique, __u32 cache, __u64 len,
			 const struct mmapdemo_alloc_limits *limits, __u64 *out_len,
			 __u32 *out_cache);

int mmapdemo_flags_check(__u32 technique, __u32 flags);

/* max_bytes: as above. */
int mmapdemo_pin_check(const struct mmapdemo_buf_pin *p, __u64 page_size, __u64 max_bytes);

/* buf_len: bytes of the buffer; is_ram: not device memory. */
int mmapdemo_sync_check(const struct mmapdemo_buf_sync *s, __u64 buf_len, bool is_ram);

/* writes: to the object. */
int mmapdemo_device_check(const struct mmapdemo_object *obj, bool writes);

/* mem_len, dev_len: bytes of the two buffers. */
int mmapdemo_dma_check(const struct mmapdemo_dma_submit *s, __u64 max_len, __u64 mem_len,
		       __u64 dev_len);

struct mmapdemo_queue_limits {
	__u64 page_size;
	__u32 log2n_min;
	__u32 log2n_max;
	__u32 irq_gap_min_ns;
	bool any_rate;		/* the caller may have more interrupts than one in that time */
};

/* ring_len: bytes of its memory, whole pages; irq_gap_ns: granted. */
int mmapdemo_queue_check(const struct mmapdemo_queue_create *c,
			 const struct mmapdemo_queue_limits *limits, __u64 *ring_len,
			 __u32 *irq_gap_ns);

/* buf_len: bytes of the buffer. */
int mmapdemo_window_check(const struct mmapdemo_window_create *w, __u64 buf_len);

/* The tables of registers, as long as a device has them. */
struct mmapdemo_reg_tables {
	__u32 num_queues;	/* at most MMAPDEMO_QUEUE_COUNT_MAX */
	__u32 num_windows;	/* at most MMAPDEMO_WINDOW_COUNT_MAX */
};

int mmapdemo_reg_check(__u32 offset, __u32 width, bool write, bool raw,
		       const struct mmapdemo_reg_tables *tables);

/* Bits of the widest mask of all ones that is not above `highest`; 0 if there is none. */
unsigned int mmapdemo_dma_bits(__u64 highest);

/* One row per register of MMAPDEMO_HW_REGS, MMAPDEMO_HW_QREGS or MMAPDEMO_HW_WREGS. */
struct mmapdemo_reg {
	const char *name;
	__u32 offset;		/* in BAR0, or in the table's entry */
	__u8 width;		/* bytes */
	bool readable;
	bool writable;
	bool raw;		/* scope PRIVATE */
};

extern const struct mmapdemo_reg mmapdemo_regs[];
extern const unsigned int mmapdemo_num_regs;

#endif /* MMAPDEMO_POLICY_H */
