// SPDX-License-Identifier: MIT
/*
 * policy.c - the driver's refusals (kernel/policy.c) against a model of their own.
 *
 * The model computes in 128 bits, where nothing wraps, and says which errors a request deserves: a
 * set, since the contract does not order them. The answer must be one of the set, and success if
 * and only if the set is empty.
 */
#include <errno.h>

#include "unit.h"

#include "policy.h"

typedef unsigned __int128 u128;

/* A set of errno values. */
#define E(err)	(1ULL << (err))

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	return next_random(&seed);
}

/* Where mistakes live: around 0, powers of two, the given size, the ends of the types. */
static uint64_t rnd_edge(uint64_t size)
{
	uint64_t near_bit = 1ULL << (rnd() % 64);
	uint64_t small = rnd() % 5 - 2;

	switch (rnd() % 8) {
	case 0:
		return rnd() % 3;
	case 1:
		return size + small;
	case 2:
		return near_bit + small;
	case 3:
		return UINT64_MAX - rnd() % 3;
	case 4:
		return 0 - size + small;
	case 5:
		return (rnd() % 8) * 4096 + small;
	case 6:
		return size ? rnd() % size : 0;
	default:
		return rnd();
	}
}

static void check_set(const char *what, long ret, uint64_t deserved)
{
	if (deserved ? ret < 0 && ret > -64 && (deserved & E(-ret)) : ret >= 0)
		return;
	fail_msg("%s: returned %ld, the model's set of errors is 0x%llx (seed state 0x%llx)", what, ret,
		 (unsigned long long)deserved, (unsigned long long)seed);
}

/* --- ranges ------------------------------------------------------------------------------- */

static void range_check_edges(void **state)
{
	static const struct {
		uint64_t off, len, size;
		int ret;
	} cases[] = {
		{ 0, 0, 0, 0 }, { 0, 1, 0, -EINVAL }, { 1, 0, 0, -EINVAL },
		{ 0, 4096, 4096, 0 }, { 4096, 0, 4096, 0 }, { 4096, 1, 4096, -EINVAL },
		{ 4095, 1, 4096, 0 }, { 4095, 2, 4096, -EINVAL }, { 1, 4096, 4096, -EINVAL },
		{ UINT64_MAX, 1, 4096, -EINVAL }, { 1, UINT64_MAX, 4096, -EINVAL },
		{ UINT64_MAX, UINT64_MAX, UINT64_MAX, -EINVAL }, { 0, UINT64_MAX, UINT64_MAX, 0 },
		{ 1ULL << 63, 1ULL << 63, UINT64_MAX, -EINVAL },
		{ 1ULL << 63, (1ULL << 63) - 1, UINT64_MAX, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mmapdemo_range_check(cases[i].off, cases[i].len, cases[i].size),
				 cases[i].ret);
}

static void range_check_random_agrees_with_model(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2000000; i++) {
		uint64_t size = rnd_edge(4096), off = rnd_edge(size), len = rnd_edge(size);
		bool good = (u128)off + len <= size;

		check_set("range", mmapdemo_range_check(off, len, size), good ? 0 : E(EINVAL));
	}
}

/* --- mapping ------------------------------------------------------------------------------ */

static uint64_t map_model(const struct mmapdemo_object *obj, const struct mmapdemo_request *req)
{
	bool write = req->access & MMAPDEMO_ACC_WRITE;
	uint64_t set = 0;

	if ((u128)req->off + req->len > obj->len || req->len == 0)
		set |= E(EINVAL);
	if (write && !(req->access & MMAPDEMO_ACC_SHARED))
		set |= E(EINVAL);
	if (req->access & MMAPDEMO_ACC_EXEC)
		set |= E(EPERM);
	if ((obj->attrs & MMAPDEMO_OBJ_RAW) && !(req->access & MMAPDEMO_WHO_RAW))
		set |= E(EPERM);
	if ((obj->attrs & MMAPDEMO_OBJ_EXCLUSIVE) && !(req->access & MMAPDEMO_WHO_EXCLUSIVE))
		set |= E(EPERM);
	if (write && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))
		set |= E(EACCES);
	if (obj->attrs & MMAPDEMO_OBJ_PINNED)
		set |= E(EOPNOTSUPP - 64);
	return set;
}

/* EOPNOTSUPP and EDQUOT are above 63: folded onto numbers that mean nothing else here. */
static long fold(long ret)
{
	return ret <= -64 ? ret + 64 : ret;
}

static void check_map(const struct mmapdemo_object *obj, const struct mmapdemo_request *req)
{
	uint64_t deserved = map_model(obj, req);
	struct mmapdemo_verdict verdict;
	unsigned char *raw = (unsigned char *)&verdict;
	int ret;

	poison(&verdict, sizeof(verdict));
	ret = mmapdemo_map_check(obj, req, &verdict);
	check_set("map", fold(ret), deserved);
	if (ret) {
		assert_true(is_poisoned(&verdict, sizeof(verdict)));
		return;
	}
	assert_true(raw[0] <= 1 && raw[1] <= 1);
	/* Later writing: never on a read-only object, never on a private copy. */
	assert_int_equal(verdict.may_write, (req->access & MMAPDEMO_ACC_SHARED) &&
					    !(obj->attrs & MMAPDEMO_OBJ_READ_ONLY));
	assert_int_equal(verdict.inherit, !(obj->attrs & (MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_QUEUE)));
	assert_int_equal(verdict.may_pin, verdict.inherit);
	assert_int_equal(verdict.may_move, !(obj->attrs & MMAPDEMO_OBJ_FIXED));
}

/* Every combination of attributes and access on geometry that is right, and just wrong. */
static void map_check_every_access(void **state)
{
	struct mmapdemo_object obj = { .len = 16384 };
	struct mmapdemo_request req = { 0 };
	static const struct {
		uint64_t off, len;
	} ranges[] = {
		{ 0, 4096 }, { 0, 16384 }, { 12288, 4096 }, { 12288, 8192 }, { 16384, 4096 },
		{ 0, 20480 }, { 0, 0 }, { UINT64_MAX - 4095, 4096 }, { UINT64_MAX - 4095, 8192 },
		{ 1ULL << 63, 1ULL << 63 },
	};
	size_t i;

	(void)state;
	for (obj.attrs = 0; obj.attrs < 0x100; obj.attrs++) {
		for (req.access = 0; req.access < 0x40; req.access++) {
			for (i = 0; i < ARRAY_SIZE(ranges); i++) {
				req.off = ranges[i].off;
				req.len = ranges[i].len;
				check_map(&obj, &req);
			}
		}
	}
}

static void map_check_random_agrees_with_model(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2000000; i++) {
		struct mmapdemo_object obj = {
			.len = rnd_edge(4096) % (MMAPDEMO_OBJECT_MAX + 1),
			.attrs = rnd() & rnd() & 0xff,
		};
		struct mmapdemo_request req = {
			.off = rnd_edge(obj.len),
			.len = rnd_edge(obj.len),
			.access = rnd() & 0x3f,
		};

		check_map(&obj, &req);
	}
}

/* --- read and write ----------------------------------------------------------------------- */

static uint64_t io_model(const struct mmapdemo_object *obj, const struct mmapdemo_request *req,
			 uint64_t *count)
{
	bool write = req->access & MMAPDEMO_ACC_WRITE;
	uint64_t set = 0, left = req->off <= obj->len ? obj->len - req->off : 0;

	if (req->off > obj->len)
		set |= E(EINVAL);
	if ((obj->attrs & MMAPDEMO_OBJ_RAW) && !(req->access & MMAPDEMO_WHO_RAW))
		set |= E(EPERM);
	if ((obj->attrs & MMAPDEMO_OBJ_EXCLUSIVE) && !(req->access & MMAPDEMO_WHO_EXCLUSIVE))
		set |= E(EPERM);
	if (write && (obj->attrs & MMAPDEMO_OBJ_READ_ONLY))
		set |= E(EACCES);
	if (obj->attrs & MMAPDEMO_OBJ_PINNED)
		set |= E(EOPNOTSUPP - 64);
	if (write && req->len && !left)
		set |= E(EINVAL);
	if ((obj->attrs & MMAPDEMO_OBJ_REGS) && req->len && left &&
	    ((req->len != 4 && req->len != 8) || req->off % req->len || req->len > left))
		set |= E(EINVAL);
	*count = req->len < left ? req->len : left;
	if (*count > 0x7ffff000)
		*count = 0x7ffff000;
	return set;
}

static void io_check_random_agrees_with_model(void **state)
{
	uint64_t deserved, count;
	long ret;
	int i;

	(void)state;
	for (i = 0; i < 2000000; i++) {
		struct mmapdemo_object obj = {
			.len = rnd_edge(65536) % (MMAPDEMO_OBJECT_MAX + 1),
			.attrs = rnd() & rnd() & 0xff,
		};
		struct mmapdemo_request req = {
			.off = rnd_edge(obj.len),
			.len = rnd() % 4 ? rnd_edge(obj.len) : rnd() % 10,
			.access = rnd() & 0x3f,
		};

		deserved = io_model(&obj, &req, &count);
		ret = mmapdemo_io_check(&obj, &req);
		check_set("io", fold(ret), deserved);
		if (!deserved)
			assert_int_equal(ret, count);
	}
}

/* --- allocation --------------------------------------------------------------------------- */

static uint64_t alloc_model(uint32_t technique, uint32_t cache, uint64_t len,
			    const struct mmapdemo_alloc_limits *lim, uint64_t *out_len,
			    uint32_t *out_cache)
{
	/* Most bytes by technique; 0: nothing to allocate. */
	const uint64_t most[] = {
		0, lim->mem_size, lim->max_contig, MMAPDEMO_OBJECT_MAX, lim->max_contig,
		lim->mem_size, lim->mem_size, MMAPDEMO_OBJECT_MAX, 0,
	};
	u128 rounded = ((u128)len + lim->page_size - 1) / lim->page_size * lim->page_size;
	bool known = technique < ARRAY_SIZE(most) && most[technique];
	bool is_bar = known && most[technique] == lim->mem_size;
	uint64_t set = 0;

	if (!known || !len || len > most[technique] || cache > MMAPDEMO_CACHE_UC)
		set |= E(EINVAL);
	if (known && !(lim->techniques & 1U << technique))
		set |= E(EOPNOTSUPP - 64);
	*out_cache = is_bar ? lim->mem_cache :
		     technique == MMAPDEMO_TECH_COHERENT ? lim->coherent_cache : MMAPDEMO_CACHE_WB;
	if (cache && cache != *out_cache) {
		if (is_bar && cache != MMAPDEMO_CACHE_WB)
			set |= E(EBUSY);
		else if (technique != MMAPDEMO_TECH_PAGES || !lim->ram_types)
			set |= E(EOPNOTSUPP - 64);
		*out_cache = cache;
	}
	if (!is_bar && rounded > lim->max_bytes)
		set |= E(EDQUOT - 64);
	*out_len = (uint64_t)rounded;
	return set;
}

static void alloc_check_random_agrees_with_model(void **state)
{
	uint64_t deserved, want_len;
	uint32_t want_cache;
	__u32 out_cache;
	__u64 out_len;
	int i, ret;

	(void)state;
	assert_true(EOPNOTSUPP >= 64 && EDQUOT >= 64 && EOPNOTSUPP < 128 && EDQUOT < 128);
	assert_true(EOPNOTSUPP - 64 != EINVAL && EOPNOTSUPP - 64 != EBUSY);
	assert_true(EDQUOT - 64 != EINVAL && EDQUOT - 64 != EBUSY);
	for (i = 0; i < 2000000; i++) {
		struct mmapdemo_alloc_limits lim = {
			.page_size = rnd() % 2 ? 4096 : 65536,
			.max_contig = 4 << 20,
			.max_bytes = rnd() % 2 ? 64 << 20 : 1 << 20,
			.mem_size = 128 << 20,
			.mem_cache = rnd() % 2 ? MMAPDEMO_CACHE_WC : MMAPDEMO_CACHE_UC,
			.coherent_cache = rnd() % 4 ? MMAPDEMO_CACHE_WB : MMAPDEMO_CACHE_UC,
			.techniques = rnd() % 4 ? UINT32_MAX : (uint32_t)rnd(),
			.ram_types = rnd() % 2,
		};
		uint32_t technique = rnd() % 8 ? (uint32_t)(rnd() % 10) : (uint32_t)rnd();
		uint32_t cache = rnd() % 8 ? (uint32_t)(rnd() % 6) : (uint32_t)rnd();
		uint64_t sizes[] = { lim.max_contig, lim.max_bytes, lim.mem_size, 4096,
				     MMAPDEMO_OBJECT_MAX };
		uint64_t len = rnd_edge(sizes[rnd() % ARRAY_SIZE(sizes)]);

		deserved = alloc_model(technique, cache, len, &lim, &want_len, &want_cache);
		poison(&out_len, sizeof(out_len));
		poison(&out_cache, sizeof(out_cache));
		ret = mmapdemo_alloc_check(technique, cache, len, &lim, &out_len, &out_cache);
		check_set("alloc", fold(ret), deserved);
		if (ret) {
			assert_true(is_poisoned(&out_len, sizeof(out_len)));
			assert_true(is_poisoned(&out_cache, sizeof(out_cache)));
		} else {
			assert_int_equal(out_len, want_len);
			assert_int_equal(out_cache, want_cache);
			assert_true(out_len >= len && out_len % lim.page_size == 0);
		}
	}
}

/* --- transfers ---------------------------------------------------------------------------- */

static bool dma_model(const struct mmapdemo_dma_submit *s, uint64_t max_len, uint64_t mem_len,
		      uint64_t dev_len)
{
	bool timed = s->flags & MMAPDEMO_DMA_TIMED;

	if (s->direction != 1 && s->direction != 2)
		return false;
	if (s->len == 0 || s->len > max_len)
		return false;
	if ((u128)s->mem_off + s->len > mem_len || (u128)s->dev_off + s->len > dev_len)
		return false;
	if (!timed)
		return s->repeat == 0;
	return s->repeat >= 1 && (u128)s->repeat * s->len <= MMAPDEMO_DMA_TIMED_MAX;
}

static void dma_check_random_agrees_with_model(void **state)
{
	unsigned int good = 0;
	int i;

	(void)state;
	for (i = 0; i < 3000000; i++) {
		uint64_t mem_len = rnd_edge(1 << 20), dev_len = rnd_edge(1 << 20);
		struct mmapdemo_dma_submit s = {
			.flags = rnd() & 3,
			.direction = rnd() % 4 ? 1 + rnd() % 2 : rnd_edge(2),
			.repeat = rnd() % 2 ? rnd() % 3 : rnd_edge(64),
			.mem_off = rnd() % 2 ? 0 : rnd_edge(mem_len),
			.dev_off = rnd() % 2 ? 0 : rnd_edge(dev_len),
			.len = rnd() % 2 ? rnd_edge(mem_len) : rnd_edge(MMAPDEMO_DMA_MAX_LEN),
		};
		bool fine = dma_model(&s, MMAPDEMO_DMA_MAX_LEN, mem_len, dev_len);

		good += fine;
		check_set("dma", mmapdemo_dma_check(&s, MMAPDEMO_DMA_MAX_LEN, mem_len, dev_len),
			  fine ? 0 : E(EINVAL));
	}
	/* The generator must reach both answers. */
	assert_in_range(good, 1000, 2900000);
}

/* --- registers ---------------------------------------------------------------------------- */

#define READS_RO	true
#define READS_RW	true
#define READS_WO	false
#define READS_W1C	true
#define WRITES_RO	false
#define WRITES_RW	true
#define WRITES_WO	true
#define WRITES_W1C	true

static uint64_t reg_model(uint32_t offset, uint32_t width, bool write, bool raw)
{
	uint64_t set = E(EINVAL);

#define ROW(name, bytes, access, bits, reset, scope, text) \
	if ((offset == MMAPDEMO_REG_##name && width == bytes) || \
	    (bytes == 8 && width == 4 && (offset == MMAPDEMO_REG_##name || \
					  offset == MMAPDEMO_REG_##name + 4))) { \
		set = 0; \
		if (#scope[1] == 'R' && !raw) \
			set |= E(EPERM); \
		if (write ? !WRITES_##access : !READS_##access) \
			set |= E(EACCES); \
	}
	MMAPDEMO_HW_REGS(ROW)
#undef ROW
	return set;
}

static void reg_check_every_offset_and_width(void **state)
{
	static const uint32_t widths[] = { 0, 1, 2, 3, 4, 5, 8, 16, 0x80000000, UINT32_MAX };
	static const struct mmapdemo_reg_tables no_tables;
	uint32_t offset;
	size_t i;
	int how;

	(void)state;
	for (offset = 0; offset < 0x20100; offset++)
		for (i = 0; i < ARRAY_SIZE(widths); i++)
			for (how = 0; how < 4; how++)
				check_set("reg", mmapdemo_reg_check(offset, widths[i], how & 1, how & 2,
								 &no_tables),
					  reg_model(offset, widths[i], how & 1, how & 2));
	for (how = 0; how < 4; how++)
		check_set("reg", mmapdemo_reg_check(UINT32_MAX - 3, 4, how & 1, how & 2,
							 &no_tables),
			  E(EINVAL));
}

/* Queues and windows: what the two lists say of each entry there is, and nothing behind the last. */
static uint64_t table_model(uint32_t offset, uint32_t width, bool write, bool raw, bool windows)
{
	uint64_t set = E(EINVAL);

#define ROW(name, bytes, access, bits, reset, scope, text) \
	if ((width == bytes && offset == ROW_AT(name)) || \
	    (bytes == 8 && width == 4 && \
	     (offset == ROW_AT(name) || offset == ROW_AT(name) + 4))) { \
		set = 0; \
		if (#scope[1] == 'R' && !raw) \
			set |= E(EPERM); \
		if (write ? !WRITES_##access : !READS_##access) \
			set |= E(EACCES); \
	}
	if (windows) {
#define ROW_AT(name) MMAPDEMO_WREG_##name
		MMAPDEMO_HW_WREGS(ROW)
#undef ROW_AT
	} else {
#define ROW_AT(name) MMAPDEMO_QREG_##name
		MMAPDEMO_HW_QREGS(ROW)
#undef ROW_AT
	}
#undef ROW
	return set;
}

static void table_sweep(const struct mmapdemo_reg_tables *tables, uint32_t start, uint32_t stride,
			uint32_t num, uint32_t end, bool windows)
{
	static const uint32_t widths[] = { 0, 1, 2, 4, 8, 16 };
	uint32_t offset;
	size_t i;
	int how;

	for (offset = start; offset < end; offset++)
		for (i = 0; i < ARRAY_SIZE(widths); i++)
			for (how = 0; how < 4; how++)
				check_set("table", mmapdemo_reg_check(offset, widths[i], how & 1,
								      how & 2, tables),
					  (offset - start) / stride < num ?
					  table_model((offset - start) % stride, widths[i], how & 1,
						      how & 2, windows) : E(EINVAL));
}

static void reg_check_tables_end_where_the_device_ends(void **state)
{
	static const struct mmapdemo_reg_tables few = { 3, 5 };
	static const struct mmapdemo_reg_tables all = {
		MMAPDEMO_QUEUE_COUNT_MAX, MMAPDEMO_WINDOW_COUNT_MAX
	};
	uint32_t last = MMAPDEMO_WREG(MMAPDEMO_WINDOW_COUNT_MAX - 1, STATUS);

	(void)state;
	table_sweep(&few, MMAPDEMO_QUEUE_TABLE, MMAPDEMO_QUEUE_STRIDE, 3, MMAPDEMO_USER_BASE,
		    false);
	table_sweep(&few, MMAPDEMO_WINDOW_TABLE, MMAPDEMO_WINDOW_STRIDE, 5, 0x21000, true);
	table_sweep(&all, MMAPDEMO_QUEUE_TABLE, MMAPDEMO_QUEUE_STRIDE, MMAPDEMO_QUEUE_COUNT_MAX,
		    MMAPDEMO_USER_BASE, false);
	assert_int_equal(mmapdemo_reg_check(last, 4, false, true, &all), 0);
	assert_int_equal(mmapdemo_reg_check(last + 4, 4, false, true, &all), -EINVAL);
	assert_int_equal(mmapdemo_reg_check(UINT32_MAX - 3, 4, false, true, &all), -EINVAL);
}

/* --- queues and windows ------------------------------------------------------------------- */

static void queue_check_range_descriptor_and_rate(void **state)
{
	struct mmapdemo_queue_limits limits = {
		.page_size = 4096, .log2n_min = 3, .log2n_max = 12, .irq_gap_min_ns = 20000,
	};
	struct mmapdemo_queue_create c = { .eventfd = -1 };
	__u64 len = 0;
	__u32 gap = 0;

	(void)state;
	for (c.log2n = 0; c.log2n < 64; c.log2n++) {
		int ret = mmapdemo_queue_check(&c, &limits, &len, &gap);

		assert_int_equal(ret, c.log2n >= 3 && c.log2n <= 12 ? 0 : -EINVAL);
		if (ret)
			continue;
		/* One page of words, then the two rings, each from a page on. */
		assert_int_equal(len % 4096, 0);
		assert_true(len >= 4096 + (32ull << c.log2n) + (64ull << c.log2n));
		assert_true(len < 3 * 4096 + (32ull << c.log2n) + (64ull << c.log2n));
		assert_int_equal(gap, 20000);
	}
	c.log2n = UINT32_MAX;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), -EINVAL);
	/* A device that promises more than the contract is not believed. */
	limits.log2n_max = 255;
	c.log2n = 13;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), -EINVAL);

	c.log2n = 3;
	c.irq_gap_ns = 19999;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), 0);
	assert_int_equal(gap, 20000);
	c.irq_gap_ns = UINT32_MAX;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), 0);
	assert_int_equal(gap, UINT32_MAX);

	c.eventfd = -2;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), -EBADF);
	c.eventfd = 0;
	c.irq_count = 1;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), -EPERM);
	limits.any_rate = true;
	assert_int_equal(mmapdemo_queue_check(&c, &limits, &len, &gap), 0);
}

static void window_check_access_and_range(void **state)
{
	static const uint64_t edges[] = { 0, 1, 4095, 4096, 8191, 8192, 8193, 1ull << 63,
					  UINT64_MAX - 1, UINT64_MAX };
	struct mmapdemo_window_create w = { .len = 1 };
	size_t i, j;

	(void)state;
	assert_int_equal(mmapdemo_window_check(&w, 8192), -EINVAL);
	for (w.flags = 1; w.flags < 4; w.flags++) {
		for (i = 0; i < ARRAY_SIZE(edges); i++) {
			for (j = 0; j < ARRAY_SIZE(edges); j++) {
				w.off = edges[i];
				w.len = edges[j];
				assert_int_equal(mmapdemo_window_check(&w, 8192),
						 w.len && (u128)w.off + w.len <= 8192 ?
						 0 : -EINVAL);
			}
		}
	}
}

/* --- the rest ----------------------------------------------------------------------------- */

static void dma_bits_is_widest_mask_not_above(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 1000000; i++) {
		uint64_t highest = i < 64 ? (1ULL << i) - 1 : rnd_edge(1ULL << (rnd() % 64));
		unsigned int bits = mmapdemo_dma_bits(highest);

		assert_true(bits <= 64);
		assert_true(((u128)1 << bits) - 1 <= highest);
		assert_true(bits == 64 || ((u128)1 << (bits + 1)) - 1 > highest);
	}
	assert_int_equal(mmapdemo_dma_bits(0), 0);
	assert_int_equal(mmapdemo_dma_bits(UINT64_MAX), 64);
	assert_int_equal(mmapdemo_dma_bits(0xffffffff), 32);
	assert_int_equal(mmapdemo_dma_bits(0xfffffffe), 31);
}

static void offset_round_trips_and_stays_positive(void **state)
{
	uint32_t ids[] = { 0, 1, 3, 4, 1000, MMAPDEMO_ID_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(ids); i++) {
		uint64_t off = mmapdemo_id_to_offset(ids[i]);

		assert_int_equal(mmapdemo_offset_to_id(off), ids[i]);
		assert_int_equal(mmapdemo_offset_to_id(off + MMAPDEMO_OBJECT_MAX - 1), ids[i]);
		assert_int_equal(mmapdemo_offset_in_object(off + 12345), 12345);
		assert_true((int64_t)(off + MMAPDEMO_OBJECT_MAX - 1) >= 0);
		assert_int_equal(mmapdemo_handle_to_id(mmapdemo_id_to_handle(ids[i])), ids[i]);
		assert_int_not_equal(mmapdemo_id_to_handle(ids[i]), 0);
	}
	assert_true(mmapdemo_handle_to_id(0) > MMAPDEMO_ID_MAX);
	assert_int_equal(mmapdemo_id_to_offset(MMAPDEMO_REGION_EXAMPLE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_check_edges),
		cmocka_unit_test(range_check_random_agrees_with_model),
		cmocka_unit_test(map_check_every_access),
		cmocka_unit_test(map_check_random_agrees_with_model),
		cmocka_unit_test(io_check_random_agrees_with_model),
		cmocka_unit_test(alloc_check_random_agrees_with_model),
		cmocka_unit_test(dma_check_random_agrees_with_model),
		cmocka_unit_test(reg_check_every_offset_and_width),
		cmocka_unit_test(reg_check_tables_end_where_the_device_ends),
		cmocka_unit_test(queue_check_range_descriptor_and_rate),
		cmocka_unit_test(window_check_access_and_range),
		cmocka_unit_test(dma_bits_is_widest_mask_not_above),
		cmocka_unit_test(offset_round_trips_and_stays_positive),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
