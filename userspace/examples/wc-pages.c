// SPDX-License-Identifier: MIT
/*
 * wc-pages.c - system memory that is write-combined, as for a frame buffer in RAM (pgprot_writecombine).
 *
 * It takes more than another page protection: the kernel has the same pages mapped write-back, and two types
 * for one page are not allowed. The driver changes the type of the pages and changes it back, or refuses.
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

#define LEN	65536

/* Stored by the processor, moved by the device, read back: the same bytes whatever the type. */
static int round_trip(struct mmd_device *dev, uint32_t cache)
{
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = LEN };
	static unsigned char want[LEN], back[LEN];
	struct mmd_map_info seen;
	struct mmd_buf mem, bar;
	struct mmd_map map;
	int i, same;

	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, LEN, cache, 0, &mem));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, 0, 0, &bar));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &mem, PROT_READ | PROT_WRITE, &map));
	for (i = 0; i < LEN; i++)
		want[i] = (unsigned char)(i * 11 + (int)cache);
	memcpy(map.ptr, want, LEN);
	/* Stores linger in the processor's buffers until something drains them. */
	mmd_wc_flush();
	must(MMD_CALL_MAP_INFO, mmd_map_info(dev, map.ptr, &seen));
	dma.mem_handle = mem.handle;
	dma.dev_handle = bar.handle;
	must(MMD_CALL_DMA_WAIT, mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 5000000000, NULL));
	must(MMD_CALL_PREAD, mmd_pread(dev, bar.offset, back, LEN));
	same = !memcmp(want, back, LEN);
	printf("asked for %-2s obtained %-2s in the page table %-2s: %s\n", mmd_cache_name(cache),
	       mmd_cache_name(mem.cache), mmd_cache_name(seen.cache), same ? "the same bytes" : "DIFFERENT");
	mmd_unmap(&map);
	mmd_buf_free(dev, mem.handle);
	mmd_buf_free(dev, bar.handle);
	/* Of RAM, x86 has no stronger kind of UC than UC-. */
	if (cache == MMAPDEMO_CACHE_UC && seen.cache == MMAPDEMO_CACHE_UC_MINUS)
		seen.cache = cache;
	return same && seen.cache == cache;
}

int main(void)
{
	struct mmd_device *dev;
	struct mmd_info info;
	int good;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (!(info.caps & MMAPDEMO_CAP_RAM_TYPES)) {
		fprintf(stderr, "the type of RAM cannot be changed here\n");
		return 77;
	}
	good = round_trip(dev, MMAPDEMO_CACHE_WB);
	good &= round_trip(dev, MMAPDEMO_CACHE_WC);
	good &= round_trip(dev, MMAPDEMO_CACHE_UC);
	mmd_close(dev);
	return good ? 0 : 1;
}
