// SPDX-License-Identifier: MIT
/*
 * bar-huge.c - device memory mapped by large page-table entries: one fault for what takes hundreds otherwise.
 *
 * Three things have to meet: the address in the process, the place in device memory, and the length must
 * all be multiples of the entry's size. The driver chooses the first (get_unmapped_area) and the second.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <mmapdemo/mmapdemo.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

static void need(struct mmd_device *dev, uint32_t technique)
{
	struct mmd_info info;

	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (info.techniques & 1u << technique)
		return;
	fprintf(stderr, "no technique %s here\n", mmd_technique_name(technique));
	exit(77);
}

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

static long scan(struct mmd_device *dev, uint32_t technique, uint64_t len,
		 struct mmd_map_info *entry)
{
	struct mmd_buf buf;
	struct mmd_map map;
	long before;
	size_t off;

	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, technique, len, 0, 0, &buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ, &map));
	faults();
	before = faults();
	for (off = 0; off < map.len; off += 4096)
		mmd_mmio_read32(mmd_mmio_at(map.ptr, off));
	before = faults() - before;
	must(MMD_CALL_MAP_INFO, mmd_map_info(dev, map.ptr, entry));
	printf("%-9s at %p: %zu pages, %ld faults, %" PRIu64 " KiB in an entry, %s\n",
	       mmd_technique_name(technique), map.ptr, map.len / 4096, before,
	       (uint64_t)1 << entry->entry_shift >> 10, mmd_cache_name(entry->cache));
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);
	return before;
}

int main(void)
{
	struct mmd_map_info entry;
	struct mmd_device *dev;
	struct mmd_info info;
	long huge, small = 0;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	need(dev, MMAPDEMO_TECH_BAR_HUGE);
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (info.techniques & 1u << MMAPDEMO_TECH_BAR_FAULT)
		small = scan(dev, MMAPDEMO_TECH_BAR_FAULT, 4 * info.huge_size, &entry);
	huge = scan(dev, MMAPDEMO_TECH_BAR_HUGE, 4 * info.huge_size, &entry);
	if (small)
		printf("%ld times fewer faults\n", small / (huge ? huge : 1));
	mmd_close(dev);
	return huge == 4 && (uint64_t)1 << entry.entry_shift == info.huge_size ? 0 : 1;
}
