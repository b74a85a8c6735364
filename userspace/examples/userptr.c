// SPDX-License-Identifier: MIT
/*
 * userptr.c - the process brings its own memory: pinned where it is, and the device reads and writes it.
 *
 * Nothing is mapped from the driver. The pages stay while the buffer exists, and count as locked memory of
 * this process. What is pinned for reading only, the device cannot write.
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

static void need(struct mmd_device *dev, uint32_t technique)
{
	struct mmd_info info;

	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (info.techniques & 1u << technique)
		return;
	fprintf(stderr, "no technique %s here\n", mmd_technique_name(technique));
	exit(77);
}

#define LEN	(1 << 20)

static void copy(struct mmd_device *dev, uint32_t direction, uint32_t mem, uint32_t bar)
{
	struct mmd_dma dma = {
		.direction = direction, .mem_handle = mem, .dev_handle = bar, .len = LEN,
	};
	struct mmd_dma_result result;

	must(MMD_CALL_DMA_WAIT, mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 5000000000, &result));
	printf("transfer %" PRIu64 ": %" PRIu64 " bytes %s\n", result.seq, result.bytes,
	       direction == MMAPDEMO_DMA_TO_DEVICE ? "to the device" : "back");
}

int main(void)
{
	struct mmd_dma back = { .direction = MMAPDEMO_DMA_FROM_DEVICE, .len = LEN };
	char *source = aligned_alloc(4096, LEN), *target = aligned_alloc(4096, LEN);
	uint32_t source_handle, target_handle;
	struct mmd_device *dev;
	struct mmd_buf bar;
	int i, ret, same;

	if (!source || !target)
		return 1;
	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	need(dev, MMAPDEMO_TECH_USERPTR);
	for (i = 0; i < LEN; i++)
		source[i] = (char)(i * 7 + i / 4096);
	must(MMD_CALL_BUF_PIN,
	     mmd_buf_pin(dev, source, LEN, MMAPDEMO_PIN_READ_ONLY, &source_handle));
	must(MMD_CALL_BUF_PIN, mmd_buf_pin(dev, target, LEN, 0, &target_handle));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, 0, 0, &bar));

	copy(dev, MMAPDEMO_DMA_TO_DEVICE, source_handle, bar.handle);
	copy(dev, MMAPDEMO_DMA_FROM_DEVICE, target_handle, bar.handle);
	same = !memcmp(source, target, LEN);
	printf("%s\n", same ? "the same bytes" : "DIFFERENT bytes");

	back.mem_handle = source_handle;
	back.dev_handle = bar.handle;
	ret = mmd_dma_submit(dev, &back, NULL);
	printf("writing to what is pinned for reading: %s\n", ret ? strerror(-ret) : "ALLOWED");

	/* Before the memory goes, so that the device has nothing that nobody else has. */
	mmd_buf_free(dev, source_handle);
	mmd_buf_free(dev, target_handle);
	mmd_close(dev);
	free(source);
	free(target);
	return same && ret == -EACCES ? 0 : 1;
}
