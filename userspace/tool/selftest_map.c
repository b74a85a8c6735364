// SPDX-License-Identifier: MIT
/*
 * selftest_map.c - checks of buffers and mappings, and of what must be refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "object.h"
#include "selftest.h"

#define BUF_PAGES	5	/* odd: not what an allocator rounds to by itself */

/* The example buffer is shared by all: its contents are anybody's, its two views must agree. */
int check_example(struct selftest *st, uint32_t arg)
{
	struct mmd_device *dev = st->tool->dev;
	unsigned char *bytes;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret, status = CHECK_OK;
	size_t i, fresh = 0;

	(void)arg;
	ret = mmd_region_info(dev, MMAPDEMO_REGION_EXAMPLE, &buf);
	if (ret)
		return check_call(st, MMD_CALL_REGION_INFO, ret, "example");
	if (buf.offset != 0 || buf.len != 4 * st->info.page_size)
		return check_fail(st, "offset 0x%" PRIx64 ", %" PRIu64 " bytes: should be 0 and four pages",
				  buf.offset, buf.len);
	ret = mmd_map(dev, 0, buf.len, PROT_READ, &map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, "example");
	bytes = malloc(buf.len);
	if (!bytes)
		return check_fail(st, "not enough memory");
	ret = mmd_pread(dev, 0, bytes, buf.len);
	if (ret)
		status = check_call(st, MMD_CALL_PREAD, ret, "example");
	else if (memcmp(bytes, map.ptr, buf.len))
		status = check_fail(st, "mapping and read differ");
	for (i = 0; i < buf.len; i++)
		fresh += bytes[i] == 0xaa;
	if (!status)
		snprintf(st->detail, sizeof(st->detail), "%zu of %zu bytes are 0xaa%s", fresh,
			 (size_t)buf.len, fresh == buf.len ? "" : ", the rest was changed by somebody");
	mmd_unmap(&map);
	free(bytes);
	return status;
}

static int check_contents(struct selftest *st, const struct mmd_buf *buf, const struct mmd_map *map)
{
	static const struct pattern zero = { PATTERN_BYTE, 0 };
	static const struct pattern counter = { PATTERN_COUNTER, 0 };
	unsigned char found, *bytes;
	int ret, status = CHECK_OK;
	size_t at;

	at = pattern_compare_map(&zero, buf, map, &found);
	if (at < map->len)
		return check_fail(st, "a new buffer holds 0x%02x at byte 0x%zx", found, at);
	pattern_fill_map(&counter, buf, map);
	at = pattern_compare_map(&counter, buf, map, &found);
	if (at < map->len)
		return check_fail(st, "byte 0x%zx reads 0x%02x after writing 0x%02x", at, found,
				  pattern_byte(&counter, at));
	bytes = malloc(map->len);
	if (!bytes)
		return check_fail(st, "not enough memory");
	ret = mmd_pread(st->tool->dev, buf->offset, bytes, map->len);
	if (ret)
		status = check_call(st, MMD_CALL_PREAD, ret, "the buffer");
	else if (pattern_compare(&counter, 0, bytes, map->len) < map->len)
		status = check_fail(st, "what was stored is not what pread(2) returns");
	free(bytes);
	return status;
}

static int check_mapping(struct selftest *st, const struct mmd_buf *buf, const struct mmd_map *map)
{
	struct mmd_map_info seen;
	struct mmd_buf_info use;
	int ret;

	ret = mmd_map_info(st->tool->dev, map->ptr, &seen);
	if (ret)
		return check_call(st, MMD_CALL_MAP_INFO, ret, "the mapping");
	if (!seen.present)
		return check_fail(st, "no page-table entry after the first touch");
	/* What the DMA API gives for coherent memory is the platform's choice. */
	if (buf->cache != MMAPDEMO_CACHE_DEFAULT && seen.cache != buf->cache)
		return check_fail(st, "cache type %s obtained, %s in the page table",
				  mmd_cache_name(buf->cache), mmd_cache_name(seen.cache));
	ret = mmd_buf_info(st->tool->dev, buf->handle, &use);
	if (ret)
		return check_call(st, MMD_CALL_BUF_INFO, ret, "the buffer");
	if (use.vmas != 1)
		return check_fail(st, "%u mappings counted, there is one", use.vmas);
	snprintf(st->detail, sizeof(st->detail), "zeroed, %zu bytes written and read, cache type %s",
		 map->len, mmd_cache_name(seen.cache));
	return CHECK_OK;
}

static int check_buffer_gone(struct selftest *st, const struct mmd_buf *buf, struct mmd_map *map)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf_info use;
	int ret;

	ret = mmd_unmap(map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, "munmap");
	ret = mmd_buf_info(dev, buf->handle, &use);
	if (ret)
		return check_call(st, MMD_CALL_BUF_INFO, ret, "the buffer");
	if (use.vmas)
		return check_fail(st, "%u mappings counted after munmap", use.vmas);
	ret = mmd_buf_free(dev, buf->handle);
	if (ret)
		return check_call(st, MMD_CALL_BUF_FREE, ret, "the buffer");
	ret = mmd_map_buf(dev, buf, PROT_READ, map);
	if (ret != -ENOENT)
		return check_fail(st, "mapping a freed buffer: %s, should be ENOENT",
				  ret ? strerrorname_np(-ret) : "allowed");
	return CHECK_OK;
}

int check_buffer(struct selftest *st, uint32_t technique)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	ret = check_has(st, technique);
	if (ret)
		return ret;
	ret = mmd_buf_alloc(dev, technique, (uint64_t)BUF_PAGES * st->info.page_size,
			    MMAPDEMO_CACHE_DEFAULT, 0, &buf);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, mmd_technique_name(technique));
	ret = mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, mmd_technique_name(technique));
	ret = check_contents(st, &buf, &map);
	if (!ret)
		ret = check_mapping(st, &buf, &map);
	if (!ret)
		ret = check_buffer_gone(st, &buf, &map);
	return ret;
}

int check_read_only(struct selftest *st, uint32_t technique)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	ret = check_has(st, technique);
	if (ret)
		return ret;
	ret = mmd_buf_alloc(dev, technique, st->info.page_size, MMAPDEMO_CACHE_DEFAULT,
			    MMAPDEMO_BUF_MAP_READ_ONLY, &buf);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, mmd_technique_name(technique));
	if (check_errno(st, "writable mapping of a read-only buffer",
			mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map), -EACCES) ||
	    check_errno(st, "pwrite to a read-only buffer", mmd_pwrite(dev, buf.offset, "x", 1),
			-EACCES))
		return CHECK_FAILED;
	ret = mmd_map_buf(dev, &buf, PROT_READ, &map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, "a read-only buffer, for reading");
	if (mprotect(map.ptr, map.len, PROT_READ | PROT_WRITE) == 0)
		return check_fail(st, "mprotect made a read-only mapping writable");
	mmd_unmap(&map);
	ret = mmd_buf_free(dev, buf.handle);
	return ret ? check_call(st, MMD_CALL_BUF_FREE, ret, "a read-only buffer") : CHECK_OK;
}

static int map_private(struct mmd_device *dev, const struct mmd_buf *buf)
{
	void *p = mmap(NULL, buf->len, PROT_READ | PROT_WRITE, MAP_PRIVATE, mmd_fd(dev),
		       (off_t)buf->offset);

	return p == MAP_FAILED ? -errno : 0;
}

int check_mapping_refusals(struct selftest *st, uint32_t arg)
{
	struct mmd_device *dev = st->tool->dev;
	uint64_t page = st->info.page_size;
	struct mmd_buf buf, none;
	struct mmd_map map;
	int ret;

	(void)arg;
	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 2 * page, MMAPDEMO_CACHE_DEFAULT, 0, &buf);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, "two pages");
	if (check_errno(st, "a page more than there is",
			mmd_map(dev, buf.offset, 3 * page, PROT_READ, &map), -EINVAL) ||
	    check_errno(st, "past the end",
			mmd_map(dev, buf.offset + 2 * page, page, PROT_READ, &map), -EINVAL) ||
	    check_errno(st, "executable",
			mmd_map(dev, buf.offset, page, PROT_READ | PROT_EXEC, &map), -EPERM) ||
	    check_errno(st, "private and writable", map_private(dev, &buf), -EINVAL) ||
	    check_errno(st, "a buffer of 0 bytes",
			mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 0, 0, 0, &none), -EINVAL) ||
	    check_errno(st, "an unknown technique",
			mmd_buf_alloc(dev, UINT32_MAX, page, 0, 0, &none), -EINVAL) ||
	    check_errno(st, "unknown flags",
			mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, page, 0, 0x80000000, &none),
			-EINVAL) ||
	    check_errno(st, "freeing handle 0", mmd_buf_free(dev, 0), -ENOENT) ||
	    check_errno(st, "the whole device memory without exclusive open",
			mmd_region_info(dev, MMAPDEMO_REGION_MEM, &none), -EPERM))
		return CHECK_FAILED;
	ret = mmd_buf_free(dev, buf.handle);
	if (ret)
		return check_call(st, MMD_CALL_BUF_FREE, ret, "two pages");
	return check_errno(st, "freeing twice", mmd_buf_free(dev, buf.handle), -ENOENT);
}

int check_register_refusals(struct selftest *st, uint32_t arg)
{
	/* Of the largest window table there can be, whatever this device has. */
	const uint32_t beyond = MMAPDEMO_WINDOW_TABLE +
				MMAPDEMO_WINDOW_COUNT_MAX * MMAPDEMO_WINDOW_STRIDE;
	struct mmd_device *dev = st->tool->dev;
	uint64_t value;

	(void)arg;
	if (check_errno(st, "writing ID", mmd_reg_write(dev, MMAPDEMO_REG_ID, 4, 0), -EACCES) ||
	    check_errno(st, "2 bytes of ID", mmd_reg_read(dev, MMAPDEMO_REG_ID, 2, &value),
			-EINVAL) ||
	    check_errno(st, "unaligned", mmd_reg_read(dev, MMAPDEMO_REG_ID + 1, 4, &value),
			-EINVAL) ||
	    check_errno(st, "no register there", mmd_reg_read(dev, 0xfff8, 4, &value), -EINVAL) ||
	    check_errno(st, "past the end of BAR0",
			mmd_reg_read(dev, beyond, 4, &value), -EINVAL))
		return CHECK_FAILED;
	return CHECK_OK;
}

int check_private_registers(struct selftest *st, uint32_t arg)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf ctrl;
	uint64_t value;

	(void)arg;
	if (st->info.state & MMAPDEMO_STATE_RAW_BAR) {
		check_fail(st, "the driver was loaded with allow_raw_bar");
		return CHECK_SKIPPED;
	}
	if (check_errno(st, "reading DMA_ADDR", mmd_reg_read(dev, MMAPDEMO_REG_DMA_ADDR, 8, &value),
			-EPERM) ||
	    check_errno(st, "writing DMA_CMD", mmd_reg_write(dev, MMAPDEMO_REG_DMA_CMD, 4, 0),
			-EPERM) ||
	    check_errno(st, "the control block",
			mmd_region_info(dev, MMAPDEMO_REGION_CTRL, &ctrl), -EPERM))
		return CHECK_FAILED;
	return CHECK_OK;
}
