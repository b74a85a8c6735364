// SPDX-License-Identifier: MIT
/*
 * page-protections.c - cached, uncached, write-combining: what is asked for and what is obtained.
 *
 * A cache type belongs to the memory, not to one mapping of it. The driver owns the type of the
 * device memory (BAR2) and refuses a conflicting wish instead of giving something else silently.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

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

static int wrong;

static void try_map(struct mmd_device *dev, uint32_t technique, uint32_t cache)
{
	struct mmd_map_info seen;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	printf("%-8s asked for %-8s ", mmd_technique_name(technique), mmd_cache_name(cache));
	ret = mmd_buf_alloc(dev, technique, 4096, cache, 0, &buf);
	if (ret) {
		printf("refused: %s\n", strerror(-ret));
		wrong |= ret != -EBUSY && ret != -EOPNOTSUPP;
		return;
	}
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	mmd_mem_set(map.ptr, 0, 8);	/* the touch puts an entry into the page table */
	must(MMD_CALL_MAP_INFO, mmd_map_info(dev, map.ptr, &seen));
	printf("obtained %s, in the page table %s\n", mmd_cache_name(buf.cache),
	       mmd_cache_name(seen.cache));
	/* Of RAM, x86 has no stronger kind of UC than UC-. */
	if (technique == MMAPDEMO_TECH_PAGES && seen.cache == MMAPDEMO_CACHE_UC_MINUS)
		seen.cache = MMAPDEMO_CACHE_UC;
	wrong |= cache != MMAPDEMO_CACHE_DEFAULT && seen.cache != cache;
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);
}

int main(void)
{
	static const uint32_t caches[] = {
		MMAPDEMO_CACHE_DEFAULT, MMAPDEMO_CACHE_WB, MMAPDEMO_CACHE_WC, MMAPDEMO_CACHE_UC,
	};
	struct mmd_device *dev;
	struct mmd_info info;
	unsigned int i;
	int ret;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	for (i = 0; i < 4; i++)
		try_map(dev, MMAPDEMO_TECH_BAR, caches[i]);
	for (i = 0; i < 4; i++)
		try_map(dev, MMAPDEMO_TECH_PAGES, caches[i]);

	ret = mmd_mem_cache_set(dev, MMAPDEMO_CACHE_UC);
	printf("all of the device memory set to uc: %s\n", ret ? strerror(-ret) : "done");
	if (!ret) {
		try_map(dev, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_UC);
		try_map(dev, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_WC);
		must(MMD_CALL_MEM_CACHE_SET, mmd_mem_cache_set(dev, info.mem_cache));
	}
	mmd_close(dev);
	return wrong;
}
