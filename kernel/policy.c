// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every refusal that follows from numbers alone. See policy.h.
 *
 * Not for: refusals that depend on what exists at the moment (ENOENT, EBUSY, EDQUOT of what is
 * left): those need a lock, and stand where that lock is.
 */
#include "policy.h"

int mmapdemo_who_check(const struct mmapdemo_object *obj, __u32 access)
{
	if ((obj->attrs & MMAPDEMO_OBJ_RAW) && !(access & MMAPDEMO_WHO_RAW))
		return -EPERM;
	if ((obj->attrs & MMAPDEMO_OBJ_EXCLUSIVE) && !(access & MMAPDEMO_WHO_EXCLUSIVE))
		return -EPERM;
	return 0;
}

/*
 * A private mapping is granted as long as it cannot become writable: a private copy of device
 * memory means nothing, and a copy-on-write mapping of bare page frames is a trap of its own. A
 * shared mapping of a file that is open for reading only looks private here (the core takes its
 * VM_SHARED away); it loses nothing by that.
 */
int mmapdemo_map_check(const struct mmapdemo_object *obj, const struct mmapdemo_request *req,
		       struct mmapdemo_verdict *verdict)
{
	int ret;

	ret = mmapdemo_range_check(req->off, req->len, obj->len);
	if (ret)
		return ret;
	if (!req->len)
		return -EINVAL;
	if (obj->attrs & MMAPDEMO_OBJ_PINNED)
		return -EOPNOTSUPP;
	ret = mmapdemo_who_check(obj, req->access);
	if (ret)
		return ret;
	if (req->access & MMAPDEMO_ACC_EXEC)
		return -EPERM;
	if ((req->access & MMAPDEMO_ACC_WRITE) && !(req->access & MMAPDEMO_ACC_SHARED))
		return -EINVAL;
	if ((req->access & MMAPDEMO_ACC_WRITE) && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))
		return -EACCES;

	verdict->may_write = (req->access & MMAPDEMO_ACC_SHARED) &&
			     !(obj->attrs & MMAPDEMO_OBJ_READ_ONLY);
	verdict->inherit = !(obj->attrs & (MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_QUEUE));
	verdict->may_move = !(obj->attrs & MMAPDEMO_OBJ_FIXED);
	verdict->may_pin = !(obj->attrs & (MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_QUEUE));
	return 0;
}

/* A register is accessed whole: 4 or 8 bytes, naturally aligned. The device decides the rest. */
static int reg_io_check(const struct mmapdemo_request *req, __u64 size)
{
	if (req->len != 4 && req->len != 8)
		return -EINVAL;
	if (req->off % req->len)
		return -EINVAL;
	return mmapdemo_range_check(req->off, req->len, size);
}

long mmapdemo_io_check(const struct mmapdemo_object *obj, const struct mmapdemo_request *req)
{
	int ret;

	if (req->off > obj->len)
		return -EINVAL;
	if (obj->attrs & MMAPDEMO_OBJ_PINNED)
		return -EOPNOTSUPP;
	ret = mmapdemo_who_check(obj, req->access);
	if (ret)
		return ret;
	if ((req->access & MMAPDEMO_ACC_WRITE) && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))
		return -EACCES;
	if (!req->len)
		return 0;
	/*
	 * The end of an object ends a read, as that of a file does; nothing can be written there.
	 */
	if (req->off == obj->len)
		return (req->access & MMAPDEMO_ACC_WRITE) ? -EINVAL : 0;
	if (obj->attrs & MMAPDEMO_OBJ_REGS) {
		ret = reg_io_check(req, obj->len);
		return ret ? ret : (long)req->len;
	}
	/* Bounded to a count that a system call can return on any platform. */
	if (req->len > obj->len - req->off)
		return obj->len - req->off > 0x7ffff000 ? 0x7ffff000 : (long)(obj->len - req->off);
	return req->len > 0x7ffff000 ? 0x7ffff000 : (long)req->len;
}

static bool is_device_memory(__u32 technique)
{
	return technique == MMAPDEMO_TECH_BAR || technique == MMAPDEMO_TECH_BAR_FAULT ||
	       technique == MMAPDEMO_TECH_BAR_HUGE;
}

/* What the memory has if nobody asks for anything else. */
static __u32 cache_default(__u32 technique, const struct mmapdemo_alloc_limits *limits)
{
	if (is_device_memory(technique))
		return limits->mem_cache;
	if (technique == MMAPDEMO_TECH_COHERENT)
		return limits->coherent_cache;
	return MMAPDEMO_CACHE_WB;
}

static int cache_check(__u32 technique, __u32 cache, const struct mmapdemo_alloc_limits *limits,
		       __u32 *out)
{
	__u32 have = cache_default(technique, limits);

	if (cache == MMAPDEMO_CACHE_DEFAULT || cache == have) {
		*out = have;
		return 0;
	}
	/* BAR2 has WC or UC and can change; of RAM, single pages can; the rest is as it is. */
	if (is_device_memory(technique))
		return cache == MMAPDEMO_CACHE_WB ? -EOPNOTSUPP : -EBUSY;
	if (technique != MMAPDEMO_TECH_PAGES || !limits->ram_types)
		return -EOPNOTSUPP;
	*out = cache;
	return 0;
}

/* Most bytes that a buffer of this technique can ever have; 0: there is none to allocate. */
static __u64 alloc_most(__u32 technique, const struct mmapdemo_alloc_limits *limits)
{
	switch (technique) {
	case MMAPDEMO_TECH_BAR:
	case MMAPDEMO_TECH_BAR_FAULT:
	case MMAPDEMO_TECH_BAR_HUGE:
		return limits->mem_size;
	case MMAPDEMO_TECH_PAGES:
	case MMAPDEMO_TECH_COHERENT:
		return limits->max_contig;
	case MMAPDEMO_TECH_VMALLOC:
	case MMAPDEMO_TECH_NONCONTIG:
		return MMAPDEMO_OBJECT_MAX;
	default:
		return 0;
	}
}

int mmapdemo_alloc_check(__u32 technique, __u32 cache, __u64 len,
			 const struct mmapdemo_alloc_limits *limits, __u64 *out_len,
			 __u32 *out_cache)
{
	__u32 got;
	int ret;

	if (!len || len > alloc_most(technique, limits))
		return -EINVAL;
	if (cache != MMAPDEMO_CACHE_DEFAULT && cache != MMAPDEMO_CACHE_WB &&
	    cache != MMAPDEMO_CACHE_WC && cache != MMAPDEMO_CACHE_UC)
		return -EINVAL;
	/* A technique that is known: the shift is in range. */
	if (!(limits->techniques >> technique & 1))
		return -EOPNOTSUPP;
	ret = cache_check(technique, cache, limits, &got);
	if (ret)
		return ret;

	/* Cannot wrap: len is at most MMAPDEMO_OBJECT_MAX. */
	len = (len + limits->page_size - 1) & ~(limits->page_size - 1);
	if (!is_device_memory(technique) && len > limits->max_bytes)
		return -EDQUOT;
	*out_len = len;
	*out_cache = got;
	return 0;
}

int mmapdemo_flags_check(__u32 technique, __u32 flags)
{
	__u32 known = MMAPDEMO_BUF_MAP_READ_ONLY;

	if (technique == MMAPDEMO_TECH_BAR_FAULT)
		known |= MMAPDEMO_BUF_FAULT_AROUND;
	return flags & ~known ? -EINVAL : 0;
}

int mmapdemo_pin_check(const struct mmapdemo_buf_pin *p, __u64 page_size, __u64 max_bytes)
{
	if (p->flags & ~MMAPDEMO_PIN_READ_ONLY || p->reserved)
		return -EINVAL;
	if ((p->addr | p->len) & (page_size - 1))
		return -EINVAL;
	if (!p->len || p->len > MMAPDEMO_OBJECT_MAX || p->addr + p->len < p->addr)
		return -EINVAL;
	return p->len > max_bytes ? -EDQUOT : 0;
}

int mmapdemo_sync_check(const struct mmapdemo_buf_sync *s, __u64 buf_len, bool is_ram)
{
	if (s->flags != MMAPDEMO_SYNC_FOR_DEVICE && s->flags != MMAPDEMO_SYNC_FOR_CPU)
		return -EINVAL;
	if (!is_ram || !s->len)
		return -EINVAL;
	return mmapdemo_range_check(s->off, s->len, buf_len);
}

int mmapdemo_device_check(const struct mmapdemo_object *obj, bool writes)
{
	return writes && (obj->attrs & MMAPDEMO_OBJ_DEV_READS) ? -EACCES : 0;
}

int mmapdemo_dma_check(const struct mmapdemo_dma_submit *s, __u64 max_len, __u64 mem_len,
		       __u64 dev_len)
{
	bool timed = s->flags & MMAPDEMO_DMA_TIMED;

	if (s->direction != MMAPDEMO_DMA_TO_DEVICE && s->direction != MMAPDEMO_DMA_FROM_DEVICE)
		return -EINVAL;
	if (!s->len || s->len > max_len)
		return -EINVAL;
	if (mmapdemo_range_check(s->mem_off, s->len, mem_len) ||
	    mmapdemo_range_check(s->dev_off, s->len, dev_len))
		return -EINVAL;
	if (timed != !!s->repeat)
		return -EINVAL;
	if (timed && s->repeat > MMAPDEMO_DMA_TIMED_MAX / s->len)
		return -EINVAL;
	return 0;
}

int mmapdemo_queue_check(const struct mmapdemo_queue_create *c,
			 const struct mmapdemo_queue_limits *limits, __u64 *ring_len,
			 __u32 *irq_gap_ns)
{
	/* The contract's bound too, whatever the device says: 1 << log2n is to be a number. */
	if (c->log2n < limits->log2n_min || c->log2n > limits->log2n_max ||
	    c->log2n > MMAPDEMO_QUEUE_LOG2N_MAX)
		return -EINVAL;
	if (c->eventfd < -1)
		return -EBADF;
	/* With 1, every descriptor is an interrupt, and an owner who writes NOPs a storm. */
	if (c->irq_count && !limits->any_rate)
		return -EPERM;
	*ring_len = (MMAPDEMO_RING_BYTES(c->log2n) + limits->page_size - 1) &
		    ~(limits->page_size - 1);
	*irq_gap_ns = c->irq_gap_ns < limits->irq_gap_min_ns ? limits->irq_gap_min_ns :
							       c->irq_gap_ns;
	return 0;
}

int mmapdemo_window_check(const struct mmapdemo_window_create *w, __u64 buf_len)
{
	if (!(w->flags & (MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE)))
		return -EINVAL;
	if (!w->len)
		return -EINVAL;
	return mmapdemo_range_check(w->off, w->len, buf_len);
}

/* Columns of MMAPDEMO_HW_REGS, turned into what the driver has to know. */
#define READABLE_RO	1
#define READABLE_RW	1
#define READABLE_WO	0
#define READABLE_W1C	1
#define WRITABLE_RO	0
#define WRITABLE_RW	1
#define WRITABLE_WO	1
#define WRITABLE_W1C	1
#define RAW_PUBLIC	0
#define RAW_PRIVATE	1

#define ROW(kind, reg, bytes, access, scope) {				\
	.name = #reg,							\
	.offset = MMAPDEMO_##kind##_##reg,				\
	.width = bytes,							\
	.readable = READABLE_##access,					\
	.writable = WRITABLE_##access,					\
	.raw = RAW_##scope,						\
},
#define REG_ROW(reg, bytes, access, bits, reset, scope, text)	ROW(REG, reg, bytes, access, scope)
#define QREG_ROW(reg, bytes, access, bits, reset, scope, text)	ROW(QREG, reg, bytes, access, scope)
#define WREG_ROW(reg, bytes, access, bits, reset, scope, text)	ROW(WREG, reg, bytes, access, scope)
#define NUM_ROWS(rows)	(sizeof(rows) / sizeof((rows)[0]))

const struct mmapdemo_reg mmapdemo_regs[] = {
	MMAPDEMO_HW_REGS(REG_ROW)
};

const unsigned int mmapdemo_num_regs = NUM_ROWS(mmapdemo_regs);

static const struct mmapdemo_reg qregs[] = {
	MMAPDEMO_HW_QREGS(QREG_ROW)
};

static const struct mmapdemo_reg wregs[] = {
	MMAPDEMO_HW_WREGS(WREG_ROW)
};

/*
 * A register whole, or one half of an 8-byte register: the device's own access rule. The rows are
 * in the order of offsets.
 */
static const struct mmapdemo_reg *row_find(const struct mmapdemo_reg *rows, unsigned int num,
					   __u32 offset, __u32 width)
{
	unsigned int low = 0, high = num;

	while (low < high) {
		unsigned int mid = (low + high) / 2;
		const struct mmapdemo_reg *r = &rows[mid];

		if (offset < r->offset) {
			high = mid;
		} else if (offset >= r->offset + r->width) {
			low = mid + 1;
		} else {
			if (width == r->width)
				return offset == r->offset ? r : NULL;
			return width == 4 && !(offset & 3) ? r : NULL;
		}
	}
	return NULL;
}

/* The numbers are bounded: an entry that is not there may be outside of BAR0. */
static const struct mmapdemo_reg *reg_find(__u32 offset, __u32 width,
					   const struct mmapdemo_reg_tables *tables)
{
	__u32 in = offset - MMAPDEMO_QUEUE_TABLE;

	if (offset >= MMAPDEMO_QUEUE_TABLE && in / MMAPDEMO_QUEUE_STRIDE < tables->num_queues)
		return row_find(qregs, NUM_ROWS(qregs), in % MMAPDEMO_QUEUE_STRIDE, width);
	in = offset - MMAPDEMO_WINDOW_TABLE;
	if (offset >= MMAPDEMO_WINDOW_TABLE && in / MMAPDEMO_WINDOW_STRIDE < tables->num_windows)
		return row_find(wregs, NUM_ROWS(wregs), in % MMAPDEMO_WINDOW_STRIDE, width);
	return row_find(mmapdemo_regs, mmapdemo_num_regs, offset, width);
}

int mmapdemo_reg_check(__u32 offset, __u32 width, bool write, bool raw,
		       const struct mmapdemo_reg_tables *tables)
{
	const struct mmapdemo_reg *r = reg_find(offset, width, tables);

	if (!r)
		return -EINVAL;
	if (r->raw && !raw)
		return -EPERM;
	if (write ? !r->writable : !r->readable)
		return -EACCES;
	return 0;
}

unsigned int mmapdemo_dma_bits(__u64 highest)
{
	unsigned int bits = 0;

	while (bits < 64 && highest >> bits & 1)
		bits++;
	/* Ones from bit 0 upwards, then nothing: a mask. Otherwise a bound that is no mask. */
	if (bits == 64 || !(highest >> bits))
		return bits;
	for (bits = 63; !(highest >> bits & 1); bits--)
		;
	return bits;
}
