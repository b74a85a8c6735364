// SPDX-License-Identifier: MIT
/*
 * bar-fault.c - device memory that is mapped page by page, when it is touched (the chapter's .fault).
 *
 * mmap(2) promises addresses and nothing else. The first touch of a page is a fault, and the driver puts
 * in the entry for it, or for its 15 neighbours as well.
 */
#include <errno.h>
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

#define PAGES	64
#define PAGE	4096

static long faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

/* Faults of touching each page once, and of doing it again. */
static long scan(struct mmd_device *dev, uint32_t flags, long *again)
{
	struct mmd_map_info first;
	struct mmd_buf buf;
	struct mmd_map map;
	long count[3];
	int i, round;

	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR_FAULT, PAGES * PAGE, 0, flags, &buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ, &map));
	must(MMD_CALL_MAP_INFO, mmd_map_info(dev, map.ptr, &first));
	printf("mapped: the first page is %s; ", first.present ? "present" : "not present");
	faults();
	for (round = 0; round < 2; round++) {
		count[round] = faults();
		for (i = 0; i < PAGES; i++)
			mmd_mmio_read32(mmd_mmio_at(map.ptr, (size_t)i * PAGE));
	}
	count[2] = faults();
	printf("%d pages touched: %ld faults; again: %ld\n", PAGES, count[1] - count[0],
	       count[2] - count[1]);
	*again = count[2] - count[1] + (first.present ? 1 : 0);
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);
	return count[1] - count[0];
}

int main(void)
{
	struct mmd_device *dev;
	long one, around, again[2];

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	need(dev, MMAPDEMO_TECH_BAR_FAULT);
	one = scan(dev, 0, &again[0]);
	around = scan(dev, MMAPDEMO_BUF_FAULT_AROUND, &again[1]);
	mmd_close(dev);
	return one == PAGES && around <= PAGES / 16 + 1 && !again[0] && !again[1] ? 0 : 1;
}
