// SPDX-License-Identifier: MIT
/*
 * selftest_tech.c - checks of what each technique is for: faults, large entries, cache types of RAM, memory of
 * this process, and dma-buf.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "object.h"
#include "selftest.h"

#define FAULT_PAGES	64u
#define AROUND		16u	/* pages that one fault makes present, at most */

int check_skip(struct selftest *st, const char *why)
{
	snprintf(st->detail, sizeof(st->detail), "%s", why);
	return CHECK_SKIPPED;
}

int check_has(struct selftest *st, uint32_t technique)
{
	if (st->info.techniques & 1u << technique)
		return CHECK_OK;
	return check_skip(st, "driver, kernel or device does not have it");
}

/* --- faults ------------------------------------------------------------------------------- */

struct scan {
	struct mmd_map_info before;
	struct mmd_map_info after;
	uint64_t faults;
};

/* A buffer of @len bytes, mapped, and one load of each of its pages. */
static int scan(struct selftest *st, uint32_t technique, uint64_t len, uint32_t flags,
		struct scan *s)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	ret = mmd_buf_alloc(dev, technique, len, MMAPDEMO_CACHE_DEFAULT, flags, &buf);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, mmd_technique_name(technique));
	ret = mmd_map_buf(dev, &buf, PROT_READ, &map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, mmd_technique_name(technique));
	ret = mmd_map_info(dev, map.ptr, &s->before);
	s->faults = object_faults(&map);
	if (!ret)
		ret = mmd_map_info(dev, map.ptr, &s->after);
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);
	if (ret)
		return check_call(st, MMD_CALL_MAP_INFO, ret, mmd_technique_name(technique));
	if (!s->after.present)
		return check_fail(st, "no page-table entry after a load");
	return CHECK_OK;
}

static int scan_expect(struct selftest *st, const char *what, const struct scan *s, uint64_t least,
		       uint64_t most)
{
	if (s->before.present != !most)
		return check_fail(st, "%s: %s before the first load", what,
				  s->before.present ? "an entry is there" : "no entry is there");
	if (s->faults < least || s->faults > most)
		return check_fail(st, "%s: %" PRIu64 " faults, should be %" PRIu64 " to %" PRIu64, what,
				  s->faults, least, most);
	return CHECK_OK;
}

int check_faults(struct selftest *st, uint32_t technique)
{
	uint64_t len = (uint64_t)FAULT_PAGES * st->info.page_size;
	bool lazy = technique == MMAPDEMO_TECH_VMALLOC || technique == MMAPDEMO_TECH_BAR_FAULT;
	uint64_t wanted = lazy ? FAULT_PAGES : 0;
	struct scan s, around;
	int ret;

	ret = check_has(st, technique);
	if (!ret)
		ret = scan(st, technique, len, 0, &s);
	if (!ret)
		ret = scan_expect(st, "a page at a time", &s, wanted, wanted);
	if (ret)
		return ret;
	snprintf(st->detail, sizeof(st->detail), "%" PRIu64 " for %u pages", s.faults, FAULT_PAGES);
	if (technique != MMAPDEMO_TECH_BAR_FAULT)
		return CHECK_OK;
	ret = scan(st, technique, len, MMAPDEMO_BUF_FAULT_AROUND, &around);
	/* One more where the mapping does not begin at a multiple of 16 pages. */
	if (!ret)
		ret = scan_expect(st, "16 pages at a time", &around, FAULT_PAGES / AROUND,
				  FAULT_PAGES / AROUND + 1);
	if (!ret)
		snprintf(st->detail, sizeof(st->detail), "%" PRIu64 " for %u pages, %" PRIu64
			 " with fault-around", s.faults, FAULT_PAGES, around.faults);
	return ret;
}

int check_huge(struct selftest *st, uint32_t arg)
{
	uint64_t huge = st->info.huge_size;
	struct scan s;
	char size[32];
	int ret;

	(void)arg;
	ret = check_has(st, MMAPDEMO_TECH_BAR_HUGE);
	if (ret)
		return ret;
	if (!huge || huge & (huge - 1))
		return check_fail(st, "huge_size is %" PRIu64 ", no power of two", huge);
	if (huge > st->info.mem_free)
		return check_skip(st, "not so much device memory is free");
	ret = scan(st, MMAPDEMO_TECH_BAR_HUGE, huge, 0, &s);
	if (!ret)
		ret = scan_expect(st, "all of it", &s, 1, 1);
	if (ret)
		return ret;
	if (s.after.entry_shift >= 64 || 1ULL << s.after.entry_shift != huge)
		return check_fail(st, "the entry maps 2^%u bytes, should be %" PRIu64,
				  s.after.entry_shift, huge);
	snprintf(st->detail, sizeof(st->detail), "one fault and one entry for %s",
		 format_size(huge, size, sizeof(size)));
	return CHECK_OK;
}

/* --- cache types of RAM ------------------------------------------------------------------- */

static int ram_type(struct selftest *st, uint32_t cache)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_map_info seen;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, st->info.page_size, cache, 0, &buf);
	if (!(st->info.caps & MMAPDEMO_CAP_RAM_TYPES))
		return check_errno(st, "another type than wb", ret, -EOPNOTSUPP);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, mmd_cache_name(cache));
	ret = mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, mmd_cache_name(cache));
	memset(map.ptr, (int)cache, map.len);
	ret = mmd_map_info(dev, map.ptr, &seen);
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);
	if (ret)
		return check_call(st, MMD_CALL_MAP_INFO, ret, mmd_cache_name(cache));
	/* Of RAM, x86 has no stronger kind of UC than UC-. */
	if (cache == MMAPDEMO_CACHE_UC && seen.cache == MMAPDEMO_CACHE_UC_MINUS)
		seen.cache = cache;
	if (buf.cache != cache || seen.cache != cache)
		return check_fail(st, "asked for %s, obtained %s, in the page table %s",
				  mmd_cache_name(cache), mmd_cache_name(buf.cache),
				  mmd_cache_name(seen.cache));
	return CHECK_OK;
}

int check_ram_types(struct selftest *st, uint32_t arg)
{
	int ret;

	(void)arg;
	ret = ram_type(st, MMAPDEMO_CACHE_WC);
	if (!ret)
		ret = ram_type(st, MMAPDEMO_CACHE_UC);
	if (!ret)
		snprintf(st->detail, sizeof(st->detail), "%s",
			 st->info.caps & MMAPDEMO_CAP_RAM_TYPES ? "wc and uc, as asked" :
			 "wb only, others are refused");
	return ret;
}

/* --- memory of this process --------------------------------------------------------------- */

static int pin_refusals(struct selftest *st, char *mem, size_t page)
{
	struct mmd_device *dev = st->tool->dev;
	uint32_t handle;

	if (check_errno(st, "an address inside a page", mmd_buf_pin(dev, mem + 8, page, 0, &handle),
			-EINVAL) ||
	    check_errno(st, "half a page", mmd_buf_pin(dev, mem, page / 2, 0, &handle), -EINVAL) ||
	    check_errno(st, "0 bytes", mmd_buf_pin(dev, mem, 0, 0, &handle), -EINVAL) ||
	    check_errno(st, "unknown flags", mmd_buf_pin(dev, mem, page, 0x80000000, &handle),
			-EINVAL) ||
	    check_errno(st, "registers of the device",
			mmd_buf_pin(dev, st->user_page.ptr, page, 0, &handle), -EFAULT) ||
	    /* The third of three pages is gone. */
	    check_errno(st, "a page that is not there", mmd_buf_pin(dev, mem, 3 * page, 0, &handle),
			-EFAULT))
		return CHECK_FAILED;
	return CHECK_OK;
}

static int pinned(struct selftest *st, uint32_t handle, size_t page)
{
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf_info info;
	struct mmd_map map;
	uint32_t window;
	char byte;
	int ret;

	ret = mmd_buf_info(dev, handle, &info);
	if (ret)
		return check_call(st, MMD_CALL_BUF_INFO, ret, "pinned memory");
	if (info.buf.technique != MMAPDEMO_TECH_USERPTR || info.buf.len != 2 * page)
		return check_fail(st, "technique %s, %" PRIu64 " bytes",
				  mmd_technique_name(info.buf.technique), info.buf.len);
	if (check_errno(st, "mapping pinned memory", mmd_map_buf(dev, &info.buf, PROT_READ, &map),
			-EOPNOTSUPP) ||
	    check_errno(st, "pread of pinned memory", mmd_pread(dev, info.buf.offset, &byte, 1),
			-EOPNOTSUPP))
		return CHECK_FAILED;
	if (st->info.num_queues &&
	    check_errno(st, "a window to write to what is pinned for reading",
			mmd_window_create(dev, handle, 0, page, MMAPDEMO_WINDOW_WRITE, &window),
			-EACCES))
		return CHECK_FAILED;
	return CHECK_OK;
}

int check_pin(struct selftest *st, uint32_t arg)
{
	size_t page = st->info.page_size;
	uint32_t handle;
	char *mem;
	int ret;

	(void)arg;
	ret = check_has(st, MMAPDEMO_TECH_USERPTR);
	if (ret)
		return ret;
	mem = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return check_fail(st, "not enough memory");
	munmap(mem + 2 * page, page);
	ret = pin_refusals(st, mem, page);
	if (!ret) {
		ret = mmd_buf_pin(st->tool->dev, mem, 2 * page, MMAPDEMO_PIN_READ_ONLY, &handle);
		if (ret) {
			ret = check_call(st, MMD_CALL_BUF_PIN, ret, "two pages");
		} else {
			ret = pinned(st, handle, page);
			mmd_buf_free(st->tool->dev, handle);
		}
	}
	munmap(mem, 2 * page);
	return ret;
}

/* --- BUF_SYNC, BUF_EXPORT ------------------------------------------------------------------ */

int check_sync(struct selftest *st, uint32_t arg)
{
	struct mmd_device *dev = st->tool->dev;
	uint64_t page = st->info.page_size;
	struct mmd_buf mem, bar;
	int ret;

	(void)arg;
	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, page, 0, 0, &mem);
	if (!ret)
		ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, page, 0, 0, &bar);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, "two buffers");
	ret = mmd_buf_sync(dev, mem.handle, 0, page, MMAPDEMO_SYNC_FOR_DEVICE);
	if (ret == -ENOTTY)
		ret = check_skip(st, "the driver does not know the call");
	else if (check_errno(st, "handing a page over", ret, 0) ||
		 check_errno(st, "taking one byte back",
			     mmd_buf_sync(dev, mem.handle, page - 1, 1, MMAPDEMO_SYNC_FOR_CPU),
			     0) ||
		 check_errno(st, "past the end",
			     mmd_buf_sync(dev, mem.handle, page - 1, 2, MMAPDEMO_SYNC_FOR_CPU),
			     -EINVAL) ||
		 check_errno(st, "0 bytes",
			     mmd_buf_sync(dev, mem.handle, 0, 0, MMAPDEMO_SYNC_FOR_CPU), -EINVAL) ||
		 check_errno(st, "both ways at once",
			     mmd_buf_sync(dev, mem.handle, 0, page, MMAPDEMO_SYNC_FOR_CPU |
					  MMAPDEMO_SYNC_FOR_DEVICE), -EINVAL) ||
		 check_errno(st, "device memory",
			     mmd_buf_sync(dev, bar.handle, 0, page, MMAPDEMO_SYNC_FOR_CPU),
			     -EINVAL) ||
		 check_errno(st, "handle 0",
			     mmd_buf_sync(dev, 0, 0, page, MMAPDEMO_SYNC_FOR_CPU), -ENOENT))
		ret = CHECK_FAILED;
	mmd_buf_free(dev, mem.handle);
	mmd_buf_free(dev, bar.handle);
	return ret;
}

int check_export(struct selftest *st, uint32_t arg)
{
	uint64_t len = (uint64_t)3 * st->info.page_size;
	struct mmd_device *dev = st->tool->dev;
	struct mmd_buf buf;
	off_t end = 0;
	int fd = -1, ret;

	(void)arg;
	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, len, 0, 0, &buf);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, "pages");
	ret = mmd_buf_export(dev, buf.handle, &fd);
	mmd_buf_free(dev, buf.handle);
	if (ret == -ENOTTY && !(st->info.caps & MMAPDEMO_CAP_DMABUF))
		return check_skip(st, "the driver does not know the call");
	if (!(st->info.caps & MMAPDEMO_CAP_DMABUF))
		return check_errno(st, "without dma-buf", ret, -EOPNOTSUPP);
	if (ret)
		return check_call(st, MMD_CALL_BUF_EXPORT, ret, "pages");
	/* A dma-buf tells its size to who seeks its end; the buffer's handle is gone, its memory is not. */
	end = lseek(fd, 0, SEEK_END);
	close(fd);
	if (end != (off_t)len)
		return check_fail(st, "the descriptor has %jd bytes, the buffer %" PRIu64, (intmax_t)end, len);
	return check_errno(st, "exporting handle 0", mmd_buf_export(dev, 0, &fd), -ENOENT);
}
