// SPDX-License-Identifier: MIT
/*
 * policy.c - the driver's decisions (kernel/policy.c) about any bytes, against rules of their own.
 *
 * A rule is a condition, computed in 128 bits, and an errno; the first that holds is the answer. An
 * input is a row of questions: a byte says which, and numbers follow, see number().
 *
 * For: libFuzzer (tests/fuzz/run), and the corpus again on a host without clang (replay.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "policy.h"

typedef unsigned __int128 u128;

/* --- the input ------------------------------------------------------------------------------ */

struct input {
	const uint8_t *at, *end;
};

static uint64_t bytes(struct input *in, unsigned int n)
{
	uint64_t value = 0;
	unsigned int i;

	for (i = 0; i < n && in->at < in->end; i++)
		value |= (uint64_t)*in->at++ << 8 * i;
	return value;
}

/* How it is written, then the number: whole, small, or a little beside something of interest. */
static uint64_t number(struct input *in, uint64_t near)
{
	uint8_t how = bytes(in, 1);
	int64_t beside = (int8_t)(how >> 3) % 4 - 1;

	switch (how % 8) {
	case 0:
		return bytes(in, 1);
	case 1:
		return near + beside;
	case 2:
		return (1ULL << bytes(in, 1) % 64) + beside;
	case 3:
		return 0 - near + beside;
	case 4:
		return bytes(in, 2) << 12;
	case 5:
		return near ? bytes(in, 8) % near : 0;
	case 6:
		return UINT64_MAX - (uint64_t)(beside + 1);
	default:
		return bytes(in, 8);
	}
}

/* --- the answer ------------------------------------------------------------------------------ */

struct rule {
	bool holds;
	int err;
};

#define ANSWER(...)	answer((const struct rule[]){ __VA_ARGS__, { true, 0 } })

static int answer(const struct rule *rule)
{
	while (!rule->holds)
		rule++;
	return -rule->err;
}

#define MUST(cond) do {								\
	if (!(cond)) {								\
		fprintf(stderr, "%s: line %d: %s does not hold\n", __func__,	\
			__LINE__, #cond);					\
		abort();							\
	}									\
} while (0)

#define MUST_BE(got, want) do {							\
	long got_ = (got), want_ = (want);					\
										\
	if (got_ != want_) {							\
		fprintf(stderr, "%s: line %d: %s is %ld, the rules say %ld\n",	\
			__func__, __LINE__, #got, got_, want_);			\
		abort();							\
	}									\
} while (0)

/* Outputs of a refused question stay what they were. */
#define POISON	0xeeeeeeeeu

static bool past(uint64_t off, uint64_t len, uint64_t size)
{
	return (u128)off + len > size;
}

static bool stranger(const struct mmapdemo_object *obj, uint32_t access)
{
	return (obj->attrs & MMAPDEMO_OBJ_RAW && !(access & MMAPDEMO_WHO_RAW)) ||
	       (obj->attrs & MMAPDEMO_OBJ_EXCLUSIVE && !(access & MMAPDEMO_WHO_EXCLUSIVE));
}

/* --- questions -------------------------------------------------------------------------------- */

static void ask_range(struct input *in)
{
	uint64_t size = number(in, 4096), off = number(in, size), len = number(in, size - off);

	MUST_BE(mmapdemo_range_check(off, len, size), ANSWER({ past(off, len, size), EINVAL }));
}

static struct mmapdemo_object object_of(struct input *in)
{
	struct mmapdemo_object obj = { .len = number(in, MMAPDEMO_OBJECT_MAX) };

	obj.len %= MMAPDEMO_OBJECT_MAX + 1;
	obj.attrs = bytes(in, 1);
	return obj;
}

static void ask_map(struct input *in)
{
	struct mmapdemo_object obj = object_of(in);
	struct mmapdemo_request req = { .off = number(in, obj.len) };
	struct mmapdemo_verdict verdict, before;
	bool write, shared;
	int want;

	req.len = number(in, obj.len - req.off);
	req.access = bytes(in, 1);
	write = req.access & MMAPDEMO_ACC_WRITE;
	shared = req.access & MMAPDEMO_ACC_SHARED;
	want = ANSWER({ past(req.off, req.len, obj.len) || !req.len, EINVAL },
		      { obj.attrs & MMAPDEMO_OBJ_PINNED, EOPNOTSUPP },
		      { stranger(&obj, req.access), EPERM },
		      { req.access & MMAPDEMO_ACC_EXEC, EPERM },
		      { write && !shared, EINVAL },
		      { write && obj.attrs & MMAPDEMO_OBJ_READ_ONLY, EACCES });
	memset(&verdict, 0, sizeof(verdict));
	before = verdict;
	MUST_BE(mmapdemo_map_check(&obj, &req, &verdict), want);
	if (want) {
		MUST(!memcmp(&verdict, &before, sizeof(verdict)));
		return;
	}
	/* What it may become: never a store to what is read-only, or into a copy. */
	MUST(verdict.may_write == (shared && !(obj.attrs & MMAPDEMO_OBJ_READ_ONLY)));
	MUST(verdict.inherit == !(obj.attrs & (MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_QUEUE)));
	MUST(verdict.may_pin == verdict.inherit);
	MUST(verdict.may_move == !(obj.attrs & MMAPDEMO_OBJ_FIXED));
}

static void ask_io(struct input *in)
{
	struct mmapdemo_object obj = object_of(in);
	struct mmapdemo_request req = { .off = number(in, obj.len) };
	bool write, whole, at_end;
	long want;

	req.len = number(in, obj.len - req.off);
	req.access = bytes(in, 1);
	write = req.access & MMAPDEMO_ACC_WRITE;
	at_end = req.off == obj.len;
	whole = (req.len == 4 || req.len == 8) && req.off % req.len == 0 &&
		!past(req.off, req.len, obj.len);
	want = ANSWER({ req.off > obj.len, EINVAL },
		      { obj.attrs & MMAPDEMO_OBJ_PINNED, EOPNOTSUPP },
		      { stranger(&obj, req.access), EPERM },
		      { write && obj.attrs & MMAPDEMO_OBJ_READ_ONLY, EACCES },
		      { req.len && at_end && write, EINVAL },
		      { req.len && !at_end && obj.attrs & MMAPDEMO_OBJ_REGS && !whole, EINVAL });
	if (!want) {
		uint64_t count = obj.len - req.off;

		count = req.len < count ? req.len : count;
		want = count < 0x7ffff000 ? (long)count : 0x7ffff000;
	}
	MUST_BE(mmapdemo_io_check(&obj, &req), want);
}

static bool is_bar(uint32_t technique)
{
	return technique == MMAPDEMO_TECH_BAR || technique == MMAPDEMO_TECH_BAR_FAULT ||
	       technique == MMAPDEMO_TECH_BAR_HUGE;
}

static uint64_t most_of(uint32_t technique, const struct mmapdemo_alloc_limits *limits)
{
	if (is_bar(technique))
		return limits->mem_size;
	if (technique == MMAPDEMO_TECH_PAGES || technique == MMAPDEMO_TECH_COHERENT)
		return limits->max_contig;
	if (technique == MMAPDEMO_TECH_VMALLOC || technique == MMAPDEMO_TECH_NONCONTIG)
		return MMAPDEMO_OBJECT_MAX;
	return 0;
}

static void ask_alloc(struct input *in)
{
	uint8_t bits = bytes(in, 1);
	struct mmapdemo_alloc_limits limits = {
		.page_size = bits & 1 ? 65536 : 4096,
		.max_contig = 4 << 20,
		.max_bytes = number(in, 256 << 20),
		.mem_size = 1ULL << (20 + bytes(in, 1) % 17),
		.techniques = bits & 2 ? bytes(in, 4) : UINT32_MAX,
		.ram_types = bits & 4,
		.mem_cache = bits & 8 ? MMAPDEMO_CACHE_UC : MMAPDEMO_CACHE_WC,
		.coherent_cache = bits & 16 ? MMAPDEMO_CACHE_UC : MMAPDEMO_CACHE_WB,
	};
	uint32_t technique = number(in, MMAPDEMO_TECH_MAX), cache = number(in, MMAPDEMO_CACHE_UC);
	uint64_t most = most_of(technique, &limits), len = number(in, most);
	uint32_t have = is_bar(technique) ? limits.mem_cache :
			technique == MMAPDEMO_TECH_COHERENT ? limits.coherent_cache :
							      MMAPDEMO_CACHE_WB;
	bool other = cache && cache != have, bar = is_bar(technique);
	u128 rounded = ((u128)len + limits.page_size - 1) / limits.page_size * limits.page_size;
	__u64 out_len = POISON;
	__u32 out_cache = POISON;
	int want;

	want = ANSWER({ !len || len > most, EINVAL },
		      { cache > MMAPDEMO_CACHE_UC, EINVAL },
		      { !(((u128)limits.techniques >> technique % 128) & 1), EOPNOTSUPP },
		      { other && bar && cache == MMAPDEMO_CACHE_WB, EOPNOTSUPP },
		      { other && bar, EBUSY },
		      { other && (technique != MMAPDEMO_TECH_PAGES || !limits.ram_types),
			EOPNOTSUPP },
		      { !bar && rounded > limits.max_bytes, EDQUOT });
	MUST_BE(mmapdemo_alloc_check(technique, cache, len, &limits, &out_len, &out_cache), want);
	MUST(out_len == (want ? POISON : (uint64_t)rounded));
	MUST(out_cache == (want ? POISON : other ? cache : have));
}

static void ask_flags(struct input *in)
{
	uint32_t technique = number(in, MMAPDEMO_TECH_MAX), flags = number(in, 4);

	MUST_BE(mmapdemo_flags_check(technique, flags),
		ANSWER({ flags > 3, EINVAL },
		       { flags & 2 && technique != MMAPDEMO_TECH_BAR_FAULT, EINVAL }));
}

static void ask_pin(struct input *in)
{
	uint64_t max_bytes = number(in, 256 << 20);
	struct mmapdemo_buf_pin p = { .flags = number(in, 2), .addr = number(in, 1ULL << 47) };

	p.len = number(in, bytes(in, 1) % 2 ? max_bytes : 0 - p.addr);
	p.reserved = bytes(in, 1) % 8 ? 0 : bytes(in, 4);
	MUST_BE(mmapdemo_pin_check(&p, 4096, max_bytes),
		ANSWER({ p.flags > 1 || p.reserved, EINVAL },
		       { p.addr % 4096 || p.len % 4096 || !p.len, EINVAL },
		       { p.len > MMAPDEMO_OBJECT_MAX, EINVAL },
		       { (u128)p.addr + p.len > UINT64_MAX, EINVAL },
		       { p.len > max_bytes, EDQUOT }));
}

static void ask_sync(struct input *in)
{
	uint64_t size = number(in, MMAPDEMO_OBJECT_MAX);
	bool is_ram = bytes(in, 1) % 4;
	struct mmapdemo_buf_sync s = { .flags = number(in, 3), .off = number(in, size) };

	s.len = number(in, size - s.off);
	MUST_BE(mmapdemo_sync_check(&s, size, is_ram),
		ANSWER({ s.flags != 1 && s.flags != 2, EINVAL }, { !is_ram || !s.len, EINVAL },
		       { past(s.off, s.len, size), EINVAL }));
}

static void ask_dma(struct input *in)
{
	uint64_t max_len = number(in, MMAPDEMO_DMA_MAX_LEN), mem = number(in, max_len),
		 dev = number(in, mem);
	struct mmapdemo_dma_submit s = { .flags = bytes(in, 1) % 4, .direction = number(in, 2) };
	bool timed = s.flags & MMAPDEMO_DMA_TIMED;

	s.len = number(in, max_len);
	s.mem_off = number(in, mem - s.len);
	s.dev_off = number(in, dev - s.len);
	s.repeat = number(in, s.len ? MMAPDEMO_DMA_TIMED_MAX / s.len : 0);
	MUST_BE(mmapdemo_dma_check(&s, max_len, mem, dev),
		ANSWER({ s.direction < 1 || s.direction > 2, EINVAL },
		       { !s.len || s.len > max_len, EINVAL },
		       { past(s.mem_off, s.len, mem) || past(s.dev_off, s.len, dev), EINVAL },
		       { timed ? !s.repeat : s.repeat, EINVAL },
		       { timed && (u128)s.repeat * s.len > MMAPDEMO_DMA_TIMED_MAX, EINVAL }));
}

static void ask_queue(struct input *in)
{
	uint8_t bits = bytes(in, 1);
	struct mmapdemo_queue_limits limits = {
		.page_size = bits & 1 ? 65536 : 4096,
		.log2n_min = number(in, MMAPDEMO_QUEUE_LOG2N_MIN),
		.log2n_max = number(in, MMAPDEMO_QUEUE_LOG2N_MAX),
		.irq_gap_min_ns = number(in, 50000),
		.any_rate = bits & 2,
	};
	struct mmapdemo_queue_create c = {
		.log2n = number(in, limits.log2n_max),
		.eventfd = number(in, 0),
		.irq_gap_ns = number(in, limits.irq_gap_min_ns),
		.irq_count = bits & 4 ? number(in, 1) : 0,
	};
	__u64 len = POISON, most = c.log2n < 32 ? 4096 + ((u128)96 << c.log2n) : 0;
	__u32 gap = POISON;
	int want;

	want = ANSWER({ c.log2n < limits.log2n_min || c.log2n > limits.log2n_max, EINVAL },
		      { c.log2n > MMAPDEMO_QUEUE_LOG2N_MAX, EINVAL }, { c.eventfd < -1, EBADF },
		      { c.irq_count && !limits.any_rate, EPERM });
	MUST_BE(mmapdemo_queue_check(&c, &limits, &len, &gap), want);
	if (want) {
		MUST(len == POISON && gap == POISON);
		return;
	}
	/* Room for both rings, in whole pages, and less than two pages more than that. */
	MUST(len % limits.page_size == 0 && len >= (96ULL << c.log2n));
	MUST(len < most + 4096 + limits.page_size);
	MUST(gap == (c.irq_gap_ns > limits.irq_gap_min_ns ? c.irq_gap_ns : limits.irq_gap_min_ns));
}

static void ask_window(struct input *in)
{
	uint64_t size = number(in, MMAPDEMO_OBJECT_MAX);
	struct mmapdemo_window_create w = { .flags = number(in, 3), .off = number(in, size) };

	w.len = number(in, size - w.off);
	MUST_BE(mmapdemo_window_check(&w, size),
		ANSWER({ !(w.flags & 3), EINVAL }, { !w.len, EINVAL },
		       { past(w.off, w.len, size), EINVAL }));
}

static void ask_device(struct input *in)
{
	struct mmapdemo_object obj = object_of(in);
	bool writes = bytes(in, 1) & 1;

	MUST_BE(mmapdemo_device_check(&obj, writes),
		ANSWER({ writes && obj.attrs & MMAPDEMO_OBJ_DEV_READS, EACCES }));
}

/* What the contract's lists say of one place: does a register begin there, and how wide is it. */
struct place {
	uint32_t at, width;
	bool readable, writable, private;
};

#define READS_RO	true
#define READS_RW	true
#define READS_WO	false
#define READS_W1C	true
#define WRITES_RO	false
#define WRITES_RW	true
#define WRITES_WO	true
#define WRITES_W1C	true
#define PLACE(kind, name, bytes, access, scope)	\
	{ MMAPDEMO_##kind##_##name, bytes, READS_##access, WRITES_##access, #scope[1] == 'R' },
#define REG_PLACE(name, bytes, access, bits, reset, scope, text)	\
	PLACE(REG, name, bytes, access, scope)
#define QREG_PLACE(name, bytes, access, bits, reset, scope, text)	\
	PLACE(QREG, name, bytes, access, scope)
#define WREG_PLACE(name, bytes, access, bits, reset, scope, text)	\
	PLACE(WREG, name, bytes, access, scope)
#define END		{ 0, 0, false, false, false }

static const struct place reg_places[] = { MMAPDEMO_HW_REGS(REG_PLACE) END };
static const struct place qreg_places[] = { MMAPDEMO_HW_QREGS(QREG_PLACE) END };
static const struct place wreg_places[] = { MMAPDEMO_HW_WREGS(WREG_PLACE) END };

static const struct place *place_find(const struct place *p, u128 base, uint32_t offset,
				      uint32_t width)
{
	for (; p->width; p++) {
		if (offset == base + p->at && (width == p->width || (p->width == 8 && width == 4)))
			return p;
		if (p->width == 8 && width == 4 && offset == base + p->at + 4)
			return p;
	}
	return NULL;
}

static void ask_reg(struct input *in)
{
	struct mmapdemo_reg_tables tables = {
		.num_queues = number(in, MMAPDEMO_QUEUE_COUNT_MAX) % (MMAPDEMO_QUEUE_COUNT_MAX + 1),
		.num_windows = number(in, MMAPDEMO_WINDOW_COUNT_MAX) %
			       (MMAPDEMO_WINDOW_COUNT_MAX + 1),
	};
	uint32_t near[] = { 0, MMAPDEMO_QREG(tables.num_queues, BASE),
			    MMAPDEMO_WREG(tables.num_windows, ADDR) };
	uint32_t offset = number(in, near[bytes(in, 1) % 3]) + (bytes(in, 1) & ~3U);
	uint32_t width = number(in, 8);
	bool write = bytes(in, 1) & 1, raw = bytes(in, 1) & 1;
	const struct place *p = place_find(reg_places, 0, offset, width);
	uint32_t i;

	for (i = 0; !p && i < tables.num_queues; i++)
		p = place_find(qreg_places, (u128)MMAPDEMO_QUEUE_TABLE + i * MMAPDEMO_QUEUE_STRIDE,
			       offset, width);
	for (i = 0; !p && i < tables.num_windows; i++)
		p = place_find(wreg_places, (u128)MMAPDEMO_WINDOW_TABLE +
			       i * MMAPDEMO_WINDOW_STRIDE, offset, width);
	MUST_BE(mmapdemo_reg_check(offset, width, write, raw, &tables),
		ANSWER({ !p, EINVAL }, { p && p->private && !raw, EPERM },
		       { p && !(write ? p->writable : p->readable), EACCES }));
}

static void ask_dma_bits(struct input *in)
{
	uint64_t highest = number(in, UINT32_MAX);
	unsigned int got = mmapdemo_dma_bits(highest);

	MUST(got <= 64);
	MUST(((u128)1 << got) - 1 <= highest);
	MUST(((u128)1 << (got + 1)) - 1 > highest);
}

static void ask_size(struct input *in)
{
	uint32_t size = bytes(in, 1), min = bytes(in, 1) % 2 ? size / 2 : 0,
		 usize = number(in, min ? min : size);

	MUST_BE(mmapdemo_size_check(usize, size, min, 4096),
		ANSWER({ min ? usize < min : usize < size, EINVAL }, { usize > 4096, E2BIG }));
}

static void ask_head(struct input *in)
{
	uint32_t arg[64], known = number(in, 3), reserved = 4 * (bytes(in, 1) % 64);
	unsigned int i;

	for (i = 0; i < 64; i++)
		arg[i] = i < 8 ? number(in, known) : 0;
	MUST_BE(mmapdemo_head_check(arg, known, reserved),
		ANSWER({ (arg[1] | known) != known, EINVAL },
		       { reserved && arg[reserved / 4], EINVAL }));
}

static void ask_results(struct input *in)
{
	uint32_t out = bytes(in, 1), end = out + bytes(in, 1), usize = number(in, end);
	size_t len = mmapdemo_results_len(out, end, usize), i, want = 0;

	for (i = out; i < end; i++)
		want += i < usize;
	MUST_BE(len, want);
}

static void ask_offset(struct input *in)
{
	uint64_t offset = number(in, MMAPDEMO_OBJECT_MAX);
	uint64_t id = mmapdemo_offset_to_id(offset), rest = mmapdemo_offset_in_object(offset);

	MUST((u128)id * MMAPDEMO_OBJECT_MAX + rest == offset);
	if (id <= MMAPDEMO_ID_MAX) {
		MUST((mmapdemo_id_to_offset(id) | rest) == offset);
		MUST((int64_t)offset >= 0);
		MUST(mmapdemo_handle_to_id(mmapdemo_id_to_handle(id)) == id);
	}
}

static void (*const questions[])(struct input *in) = {
	ask_range, ask_map, ask_io, ask_alloc, ask_flags, ask_pin, ask_sync, ask_dma, ask_queue,
	ask_window, ask_device, ask_reg, ask_dma_bits, ask_size, ask_head, ask_results, ask_offset,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	while (in.at < in.end)
		questions[bytes(&in, 1) % (sizeof(questions) / sizeof(questions[0]))](&in);
	return 0;
}
