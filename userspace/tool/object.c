// SPDX-License-Identifier: MIT
/*
 * object.c - regions and buffers by name, and data patterns in mappings.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "object.h"

/* Device memory is copied through here, a piece at a time. A multiple of 8. */
#define PIECE	4096

int object_region(struct tool *tool, uint32_t id, struct mmd_buf *buf)
{
	int ret;

	ret = mmd_region_info(tool->dev, id, buf);
	return ret ? tool_explain(tool, MMD_CALL_REGION_INFO, ret, mmd_region_name(id)) : 0;
}

/*
 * A length the driver can never give is a mistake in the command line, told with the limit; what
 * it cannot give at this moment is for the driver to say.
 */
static int check_len(struct tool *tool, uint32_t id, uint64_t len)
{
	const char *what = "system memory of one open file (max_bytes)";
	char asked[32], most[32], list[128];
	struct mmd_info info;
	uint64_t limit;
	int ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	if (!(info.techniques & 1u << id))
		return tool_error(tool, STATUS_NO_DEVICE,
				  "%s: cannot allocate a buffer of technique %s: driver, kernel or device does not "
				  "have it. Use one of %s.", tool->path, mmd_technique_name(id),
				  object_techniques(info.techniques, list, sizeof(list)));
	if (mmd_technique_is_device(id)) {
		limit = info.mem_size;
		what = "device memory (mem_size)";
	} else if ((id != MMAPDEMO_TECH_PAGES && id != MMAPDEMO_TECH_COHERENT) ||
		   info.max_contig > info.max_bytes) {
		limit = info.max_bytes;
	} else {
		limit = info.max_contig;
		what = "one contiguous buffer (max_contig)";
	}
	if (len && len <= limit)
		return 0;
	return tool_error(tool, STATUS_USAGE,
			  "%s: cannot allocate %s of technique %s: the limit of %s is %s. Use a smaller length; "
			  "'mmapdemo info' shows the limits.", tool->path,
			  format_size(len, asked, sizeof(asked)), mmd_technique_name(id), what,
			  format_size(limit, most, sizeof(most)));
}

int object_buffer(struct tool *tool, uint32_t id, uint64_t len, uint32_t cache, uint32_t flags,
		  struct mmd_buf *buf)
{
	char object[96], size[32];
	int ret;

	ret = check_len(tool, id, len);
	if (ret)
		return ret;
	ret = mmd_buf_alloc(tool->dev, id, len, cache, flags, buf);
	if (!ret)
		return 0;
	snprintf(object, sizeof(object), "%s of technique %s, cache type %s",
		 format_size(len, size, sizeof(size)), mmd_technique_name(id),
		 mmd_cache_name(cache));
	return tool_explain(tool, MMD_CALL_BUF_ALLOC, ret, object);
}

static int own_memory(struct tool *tool, uint64_t len, struct mmd_buf *buf, struct mmd_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char object[64], size[32];
	void *p;
	int ret;

	ret = check_len(tool, MMAPDEMO_TECH_USERPTR, len);
	if (ret)
		return ret;
	len = (len + page - 1) & ~(uint64_t)(page - 1);
	snprintf(object, sizeof(object), "%s of this process", format_size(len, size, sizeof(size)));
	p = mmap(NULL, (size_t)len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return tool_error(tool, STATUS_FAILED, "%s: cannot allocate: %s. Use a smaller length.",
				  object, strerrordesc_np(errno));
	*buf = (struct mmd_buf) {
		.technique = MMAPDEMO_TECH_USERPTR, .cache = MMAPDEMO_CACHE_WB, .len = len,
	};
	ret = mmd_buf_pin(tool->dev, p, len, 0, &buf->handle);
	if (ret) {
		munmap(p, (size_t)len);
		return tool_explain(tool, MMD_CALL_BUF_PIN, ret, object);
	}
	*map = (struct mmd_map) { .ptr = p, .len = (size_t)len };
	return 0;
}

int object_memory(struct tool *tool, uint32_t id, uint64_t len, uint32_t cache, uint32_t flags,
		  int prot, struct mmd_buf *buf, struct mmd_map *map)
{
	int ret;

	if (id == MMAPDEMO_TECH_USERPTR)
		return own_memory(tool, len, buf, map);
	ret = object_buffer(tool, id, len, cache, flags, buf);
	if (ret)
		return ret;
	ret = mmd_map_buf(tool->dev, buf, prot, map);
	if (!ret)
		return 0;
	mmd_buf_free(tool->dev, buf->handle);
	return tool_explain(tool, MMD_CALL_MAP, ret, mmd_technique_name(id));
}

/* The handle first: pinned memory must not be unmapped before. */
int object_release(struct tool *tool, struct mmd_buf *buf, struct mmd_map *map)
{
	int ret;

	ret = mmd_buf_free(tool->dev, buf->handle);
	if (ret)
		return tool_explain(tool, MMD_CALL_BUF_FREE, ret,
				    mmd_technique_name(buf->technique));
	ret = mmd_unmap(map);
	return ret ? tool_explain(tool, MMD_CALL_MAP, ret, "munmap") : 0;
}

static uint64_t faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

uint64_t object_faults(const struct mmd_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), off;
	uint64_t before;

	/* The counting itself has its pages by then. */
	faults();
	before = faults();
	for (off = 0; off < map->len; off += page)
		mmd_mmio_read32(mmd_mmio_at(map->ptr, off));
	return faults() - before;
}

const char *object_techniques(uint32_t techniques, char *text, size_t size)
{
	uint32_t id;
	size_t at = 0;

	text[0] = '\0';
	for (id = 1; id <= MMAPDEMO_TECH_MAX && at < size; id++)
		if (techniques & 1u << id)
			at += (size_t)snprintf(text + at, size - at, "%s%s", at ? ", " : "",
					       mmd_technique_name(id));
	return text;
}

bool object_is_device(const struct mmd_buf *buf)
{
	return mmd_technique_is_device(buf->technique);
}

unsigned char pattern_byte(const struct pattern *pattern, uint64_t offset)
{
	if (pattern->kind == PATTERN_BYTE)
		return pattern->byte;
	return (unsigned char)((offset & ~7ULL) >> (offset % 8 * 8));
}

void pattern_fill(const struct pattern *pattern, uint64_t offset, void *memory, size_t len)
{
	unsigned char *p = memory;
	size_t i;

	if (pattern->kind == PATTERN_BYTE) {
		memset(p, pattern->byte, len);
		return;
	}
	for (i = 0; i < len; i++)
		p[i] = pattern_byte(pattern, offset + i);
}

size_t pattern_compare(const struct pattern *pattern, uint64_t offset, const void *memory,
		       size_t len)
{
	const unsigned char *p = memory;
	size_t i;

	for (i = 0; i < len; i++)
		if (p[i] != pattern_byte(pattern, offset + i))
			return i;
	return len;
}

void pattern_fill_map(const struct pattern *pattern, const struct mmd_buf *buf,
		      const struct mmd_map *map)
{
	unsigned char piece[PIECE];
	size_t off, len;

	if (!object_is_device(buf)) {
		pattern_fill(pattern, 0, map->ptr, map->len);
		return;
	}
	for (off = 0; off < map->len; off += len) {
		len = map->len - off < sizeof(piece) ? map->len - off : sizeof(piece);
		pattern_fill(pattern, off, piece, len);
		mmd_mem_to_device(mmd_mmio_at(map->ptr, off), piece, len);
	}
}

size_t pattern_compare_map(const struct pattern *pattern, const struct mmd_buf *buf,
			   const struct mmd_map *map, unsigned char *found)
{
	unsigned char piece[PIECE];
	size_t off, len, at;

	for (off = 0; off < map->len; off += len) {
		len = map->len - off < sizeof(piece) ? map->len - off : sizeof(piece);
		if (object_is_device(buf))
			mmd_mem_from_device(piece, mmd_mmio_at(map->ptr, off), len);
		else
			memcpy(piece, (char *)map->ptr + off, len);
		at = pattern_compare(pattern, off, piece, len);
		if (at < len) {
			*found = piece[at];
			return off + at;
		}
	}
	return map->len;
}
