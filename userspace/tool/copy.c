// SPDX-License-Identifier: MIT
/*
 * copy.c - bytes to device memory and back by one way, compared, with guards around them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "copy.h"
#include "object.h"

/* In guards, and in memory about to receive: never the right answer, the data has no long runs. */
#define GUARD_BYTE	0xa5

/* Bytes of a descriptor unless asked for otherwise: small enough that many go with one doorbell. */
#define QUEUE_CHUNK	65536u

const char *const copy_via_names[COPY_VIA_COUNT] = {
	"dma", "queue", "ioctl", "uring", "mmap", "rw",
};

const char *copy_name(const struct copy *copy, char *text, size_t size)
{
	const char *dev = mmd_technique_name(copy->dev_technique);
	int len;

	if (copy->via == COPY_DMA || copy->via == COPY_QUEUE)
		len = snprintf(text, size, "%s %s %s", copy_via_names[copy->via],
			       mmd_technique_name(copy->technique), mmd_dma_mode_name(copy->mode));
	else if (copy_has_memory(copy->via))
		len = snprintf(text, size, "%s %s", copy_via_names[copy->via],
			       mmd_technique_name(copy->technique));
	else
		len = snprintf(text, size, "%s", copy_via_names[copy->via]);
	if (copy->dev_technique > MMAPDEMO_TECH_BAR && (size_t)len < size)
		snprintf(text + len, size - (size_t)len, ", %s", dev);
	return text;
}

void copy_fill(unsigned char *data, size_t len, uint64_t run)
{
	uint64_t word = 0;
	size_t i;

	for (i = 0; i < len; i++) {
		if (i % 8 == 0) {
			/* One round of the splitmix64 finisher: a bijection, so words differ. */
			word = (uint64_t)i / 8 + (run << 40) + 0x9e3779b97f4a7c15;
			word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
			word ^= word >> 27;
		}
		data[i] = (unsigned char)(word >> (i % 8 * 8));
	}
}

static int fail(const struct copy *copy, const char *what, const char *where, size_t at,
		unsigned int found, unsigned int wanted)
{
	char name[64];

	return tool_error(copy->tool, STATUS_FAILED,
			  "%s: copy by %s: %s: byte 0x%zx of %s is 0x%02x and should be 0x%02x.",
			  copy->tool->path, copy_name(copy, name, sizeof(name)), what, at, where,
			  found, wanted);
}

/* Most bytes of one transfer: what memory and device allow, shared by those of one doorbell. */
static int chunk_limit(const struct copy *copy, uint64_t *limit)
{
	struct tool *tool = copy->tool;
	struct mmd_info info;
	const char *lacks;
	uint64_t bytes;
	int ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	bytes = copy->technique == MMAPDEMO_TECH_PAGES ||
		copy->technique == MMAPDEMO_TECH_COHERENT ? info.max_contig : info.max_bytes;
	bytes = bytes > 2 * COPY_GUARD ? bytes - 2 * COPY_GUARD : 0;
	lacks = copy_via_lacks(tool, &info, copy->via);
	if (lacks)
		return tool_error(tool, STATUS_NO_DEVICE,
				  "%s: cannot copy by %s: %s. 'mmapdemo info' shows what both are and can do; use "
				  "--via=dma.", tool->path, copy_via_names[copy->via], lacks);
	if (copy_has_queue(copy->via)) {
		bytes /= copy->depth;
		*limit = bytes < info.queue_max_len ? bytes : info.queue_max_len;
	} else {
		*limit = bytes < info.dma_max_len ? bytes : info.dma_max_len;
	}
	return 0;
}

static int prepare_mem(struct copy *copy)
{
	bool has_queue = copy_has_queue(copy->via);
	struct tool *tool = copy->tool;
	uint64_t limit = 0, best;
	int ret;

	ret = chunk_limit(copy, &limit);
	if (ret)
		return ret;
	best = has_queue && limit > QUEUE_CHUNK ? QUEUE_CHUNK : limit;
	if (!copy->chunk)
		copy->chunk = copy->len < best ? copy->len : (size_t)best;
	if (copy->chunk > limit && has_queue)
		return tool_error(tool, STATUS_USAGE,
				  "--chunk: %zu bytes in one descriptor: %u of technique %s can have at most %" PRIu64
				  " each. Use less, a smaller --depth, or another technique.", copy->chunk,
				  copy->depth, mmd_technique_name(copy->technique), limit);
	if (copy->chunk > limit)
		return tool_error(tool, STATUS_USAGE,
				  "--chunk: %zu bytes in one transfer of technique %s: at most %" PRIu64
				  " are possible. Use less, or another technique.", copy->chunk,
				  mmd_technique_name(copy->technique), limit);
	copy->mem_len = copy->chunk * (has_queue ? copy->depth : 1);
	ret = object_memory(tool, copy->technique, copy->mem_len + 2 * COPY_GUARD,
			    MMAPDEMO_CACHE_DEFAULT, 0, PROT_READ | PROT_WRITE, &copy->mem,
			    &copy->mem_map);
	if (ret)
		return ret;
	return has_queue ? copy_queue_open(copy) : 0;
}

int copy_prepare(struct copy *copy, struct tool *tool, size_t len)
{
	int ret;

	copy->tool = tool;
	copy->len = len;
	ret = object_memory(tool, copy->dev_technique ? copy->dev_technique : MMAPDEMO_TECH_BAR,
			    (uint64_t)len + 2 * COPY_GUARD, MMAPDEMO_CACHE_DEFAULT, 0,
			    PROT_READ | PROT_WRITE, &copy->dev, &copy->dev_map);
	if (ret)
		return ret;
	return copy_has_memory(copy->via) ? prepare_mem(copy) : 0;
}

int copy_release(struct copy *copy)
{
	struct tool *tool = copy->tool;
	int ret;

	ret = copy_has_queue(copy->via) ? copy_queue_close(copy) : 0;
	if (!ret && copy_has_memory(copy->via))
		ret = object_release(tool, &copy->mem, &copy->mem_map);
	return ret ? ret : object_release(tool, &copy->dev, &copy->dev_map);
}

static size_t first_other(const unsigned char *p, size_t len, unsigned char byte)
{
	size_t i;

	for (i = 0; i < len && p[i] == byte; i++)
		;
	return i;
}

static int check_mem_guards(const struct copy *copy)
{
	const unsigned char *base = copy->mem_map.ptr;
	const unsigned char *after = base + COPY_GUARD + copy->mem_len;
	size_t i;

	i = first_other(base, COPY_GUARD, GUARD_BYTE);
	if (i < COPY_GUARD)
		return fail(copy, "guard overwritten", "the guard before the memory", i, base[i],
			    GUARD_BYTE);
	i = first_other(after, COPY_GUARD, GUARD_BYTE);
	if (i < COPY_GUARD)
		return fail(copy, "guard overwritten", "the guard after the memory", i, after[i],
			    GUARD_BYTE);
	return 0;
}

static int check_dev_guards(const struct copy *copy)
{
	unsigned char guard[COPY_GUARD];
	size_t i;

	mmd_mem_from_device(guard, copy->dev_map.ptr, COPY_GUARD);
	i = first_other(guard, COPY_GUARD, GUARD_BYTE);
	if (i < COPY_GUARD)
		return fail(copy, "guard overwritten", "the guard before the device memory", i,
			    guard[i], GUARD_BYTE);
	mmd_mem_from_device(guard, mmd_mmio_at(copy->dev_map.ptr, COPY_GUARD + copy->len),
			    COPY_GUARD);
	i = first_other(guard, COPY_GUARD, GUARD_BYTE);
	if (i < COPY_GUARD)
		return fail(copy, "guard overwritten", "the guard after the device memory", i,
			    guard[i], GUARD_BYTE);
	return 0;
}

static int dma(struct copy *copy, uint32_t direction, size_t off, size_t len)
{
	struct mmd_dma dma = {
		.direction = direction,
		.mem_handle = copy->mem.handle,
		.dev_handle = copy->dev.handle,
		.mem_off = COPY_GUARD,
		.dev_off = COPY_GUARD + off,
		.len = len,
		.user_data = off,
	};
	struct mmd_dma_result result = { 0 };
	struct tool *tool = copy->tool;
	char object[160], name[64];
	int ret;

	ret = mmd_dma_copy(tool->dev, &dma, copy->mode, copy->timeout_ns, &result);
	if (ret) {
		snprintf(object, sizeof(object), "%s, %zu bytes at 0x%zx%s%s",
			 copy_name(copy, name, sizeof(name)), len, off,
			 result.error ? ", device error " : "",
			 result.error ? mmd_hw_error_name(result.error) : "");
		return tool_explain(tool, result.seq ? MMD_CALL_DMA_WAIT : MMD_CALL_DMA_SUBMIT, ret,
				    object);
	}
	copy->transfers++;
	if (result.bytes != len || result.user_data != off)
		return tool_error(tool, STATUS_FAILED,
				  "%s: %s: transfer of %zu bytes reports %" PRIu64 " moved and user_data 0x%"
				  PRIx64 ".", tool->path, copy_name(copy, name, sizeof(name)), len,
				  result.bytes, result.user_data);
	return 0;
}

static int move(struct copy *copy, uint32_t direction, size_t off, size_t len)
{
	return copy_has_queue(copy->via) ? copy_queue_move(copy, direction, off, len) :
					   dma(copy, direction, off, len);
}

/* As much as the system memory holds at a time, and its source looked at again afterwards. */
static int memory_to_device(struct copy *copy, const unsigned char *source)
{
	unsigned char *mem = (unsigned char *)copy->mem_map.ptr + COPY_GUARD;
	size_t off, len;
	int ret;

	for (off = 0; off < copy->len; off += len) {
		len = copy->len - off < copy->mem_len ? copy->len - off : copy->mem_len;
		memset(copy->mem_map.ptr, GUARD_BYTE, copy->mem_map.len);
		memcpy(mem, source + off, len);
		ret = move(copy, MMAPDEMO_DMA_TO_DEVICE, off, len);
		if (ret)
			return ret;
		if (memcmp(mem, source + off, len))
			return fail(copy, "source changed", "the transferred memory", off, 0, 0);
		ret = check_mem_guards(copy);
		if (ret)
			return ret;
	}
	return 0;
}

static int memory_from_device(struct copy *copy, unsigned char *back)
{
	unsigned char *mem = (unsigned char *)copy->mem_map.ptr + COPY_GUARD;
	size_t off, len;
	int ret;

	for (off = 0; off < copy->len; off += len) {
		len = copy->len - off < copy->mem_len ? copy->len - off : copy->mem_len;
		memset(copy->mem_map.ptr, GUARD_BYTE, copy->mem_map.len);
		ret = move(copy, MMAPDEMO_DMA_FROM_DEVICE, off, len);
		if (ret)
			return ret;
		memcpy(back + off, mem, len);
		ret = check_mem_guards(copy);
		if (ret)
			return ret;
	}
	return 0;
}

static int to_device(struct copy *copy, const unsigned char *source)
{
	struct tool *tool = copy->tool;
	int ret;

	switch (copy->via) {
	case COPY_DMA:
		return memory_to_device(copy, source);
	case COPY_QUEUE:
	case COPY_IOCTL:
	case COPY_URING:
		ret = memory_to_device(copy, source);
		return ret ? ret : copy_queue_check(copy, source);
	case COPY_RW:
		ret = mmd_pwrite(tool->dev, copy->dev.offset + COPY_GUARD, source, copy->len);
		return ret ? tool_explain(tool, MMD_CALL_PWRITE, ret, "device memory") : 0;
	default:
		mmd_mem_to_device(mmd_mmio_at(copy->dev_map.ptr, COPY_GUARD), source, copy->len);
		return 0;
	}
}

static int from_device(struct copy *copy, unsigned char *back)
{
	struct tool *tool = copy->tool;
	int ret;

	switch (copy->via) {
	case COPY_DMA:
	case COPY_QUEUE:
	case COPY_IOCTL:
	case COPY_URING:
		return memory_from_device(copy, back);
	case COPY_RW:
		ret = mmd_pread(tool->dev, copy->dev.offset + COPY_GUARD, back, copy->len);
		return ret ? tool_explain(tool, MMD_CALL_PREAD, ret, "device memory") : 0;
	default:
		mmd_mem_from_device(back, mmd_mmio_at(copy->dev_map.ptr, COPY_GUARD), copy->len);
		return 0;
	}
}

int copy_round_trip(struct copy *copy, const unsigned char *source, unsigned char *back)
{
	size_t i;
	int ret;

	mmd_mem_set(copy->dev_map.ptr, GUARD_BYTE, copy->len + 2 * COPY_GUARD);
	memset(back, GUARD_BYTE, copy->len);
	ret = to_device(copy, source);
	if (!ret)
		ret = from_device(copy, back);
	if (ret)
		return ret;
	for (i = 0; i < copy->len; i++)
		if (back[i] != source[i])
			return fail(copy, "data differs", "what came back", i, back[i], source[i]);
	return check_dev_guards(copy);
}
