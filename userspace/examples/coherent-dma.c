// SPDX-License-Identifier: MIT
/*
 * coherent-dma.c - memory that device and CPU see alike: dma_alloc_coherent, dma_mmap_coherent.
 *
 * The process writes the buffer through its mapping, the device copies it into its own memory and
 * back to another place. The only system calls are the ones that start the transfers.
 */
#include <errno.h>
#include <inttypes.h>
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

#define HALF	65536

int main(void)
{
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = HALF };
	struct mmd_dma_result result;
	struct mmd_buf mem, bar;
	struct mmd_device *dev;
	struct mmd_map map;
	char *bytes;
	int i, same;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, 2 * HALF, 0, 0, &mem));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, HALF, 0, 0, &bar));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &mem, PROT_READ | PROT_WRITE, &map));
	printf("coherent memory here is mapped %s\n", mmd_cache_name(mem.cache));

	bytes = map.ptr;
	for (i = 0; i < HALF; i++)
		bytes[i] = (char)(i * 7);
	dma.mem_handle = mem.handle;
	dma.dev_handle = bar.handle;
	must(MMD_CALL_DMA_WAIT, mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 5000000000, &result));
	printf("transfer %" PRIu64 ": %" PRIu64 " bytes to the device\n", result.seq, result.bytes);

	dma.direction = MMAPDEMO_DMA_FROM_DEVICE;
	dma.mem_off = HALF;
	must(MMD_CALL_DMA_WAIT, mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 5000000000, &result));
	same = !memcmp(bytes, bytes + HALF, HALF);
	printf("transfer %" PRIu64 ": %" PRIu64 " bytes back, %s\n", result.seq, result.bytes,
	       same ? "the same" : "DIFFERENT");
	mmd_unmap(&map);
	mmd_close(dev);
	return same ? 0 : 1;
}
