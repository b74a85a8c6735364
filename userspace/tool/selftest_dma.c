// SPDX-License-Identifier: MIT
/*
 * selftest_dma.c - checks of transfers: data by every way, interrupts, and what must be refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "copy.h"
#include "selftest.h"

#define LEN		100001u		/* neither a power of two nor a multiple of anything */
#define CHUNK		65536u
#define TIMEOUT_NS	10000000000ULL

/* copy.c has told what went wrong already. */
static int round_trip(struct selftest *st, struct copy *copy)
{
	unsigned char *source = malloc(LEN), *back = malloc(LEN);
	int status;

	if (!source || !back) {
		free(source);
		free(back);
		return check_fail(st, "not enough memory");
	}
	copy_fill(source, LEN, copy->mode);
	status = copy_prepare(copy, st->tool, LEN);
	if (!status)
		status = copy_round_trip(copy, source, back);
	if (!status)
		status = copy_release(copy);
	free(source);
	free(back);
	return status ? check_fail(st, "see the message above") : CHECK_OK;
}

int check_dma(struct selftest *st, uint32_t technique)
{
	uint32_t mode;
	int status;

	status = check_has(st, technique);
	if (status)
		return status;
	for (mode = MMD_DMA_WAIT; mode <= MMD_DMA_SPIN; mode++) {
		struct copy copy = {
			.via = COPY_DMA,
			.technique = technique,
			.mode = mode,
			.chunk = CHUNK,
			.timeout_ns = TIMEOUT_NS,
		};

		status = round_trip(st, &copy);
		if (status)
			return status;
	}
	snprintf(st->detail, sizeof(st->detail),
		 "%u bytes each way by wait, eventfd and spin, guards intact", LEN);
	return CHECK_OK;
}

int check_cpu_copy(struct selftest *st, uint32_t via)
{
	struct copy copy = { .via = (enum copy_via)via };

	return round_trip(st, &copy);
}

static int submit(struct selftest *st, const struct mmd_dma *good, void (*spoil)(struct mmd_dma *))
{
	struct mmd_dma dma = *good;

	spoil(&dma);
	return mmd_dma_submit(st->tool->dev, &dma, NULL);
}

static void spoil_len_zero(struct mmd_dma *dma)
{
	dma->len = 0;
}

static void spoil_len_beyond(struct mmd_dma *dma)
{
	dma->mem_off = 1;
}

static void spoil_len_wraps(struct mmd_dma *dma)
{
	dma->mem_off = UINT64_MAX;
}

static void spoil_dev_off(struct mmd_dma *dma)
{
	dma->dev_off = dma->len;
}

static void spoil_direction(struct mmd_dma *dma)
{
	dma->direction = 3;
}

static void spoil_flags(struct mmd_dma *dma)
{
	dma->flags = 0x80000000;
}

static void spoil_handle(struct mmd_dma *dma)
{
	dma->mem_handle = 0;
}

static void spoil_both_memory(struct mmd_dma *dma)
{
	dma->dev_handle = dma->mem_handle;
}

int check_dma_refusals(struct selftest *st, uint32_t arg)
{
	static const struct {
		const char *what;
		void (*spoil)(struct mmd_dma *dma);
		int wanted;
	} cases[] = {
		{ "0 bytes", spoil_len_zero, -EINVAL },
		{ "past the end of the memory", spoil_len_beyond, -EINVAL },
		{ "wrapping round 2^64", spoil_len_wraps, -EINVAL },
		{ "past the end of the device memory", spoil_dev_off, -EINVAL },
		{ "an unknown direction", spoil_direction, -EINVAL },
		{ "unknown flags", spoil_flags, -EINVAL },
		{ "handle 0", spoil_handle, -ENOENT },
		{ "memory to memory", spoil_both_memory, -EINVAL },
	};
	struct mmd_device *dev = st->tool->dev;
	struct mmd_dma good = { .direction = MMAPDEMO_DMA_TO_DEVICE };
	struct mmd_buf mem, bar;
	size_t i;
	int ret;

	(void)arg;
	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, st->info.page_size, 0, 0, &mem);
	if (!ret)
		ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, st->info.page_size, 0, 0, &bar);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, "two buffers");
	good.mem_handle = mem.handle;
	good.dev_handle = bar.handle;
	good.len = st->info.page_size;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (check_errno(st, cases[i].what, submit(st, &good, cases[i].spoil),
				cases[i].wanted))
			return CHECK_FAILED;
	if (check_errno(st, "waiting for a transfer that is not there",
			mmd_dma_wait(dev, UINT64_MAX, mmd_deadline_ns(0), NULL), -ENOENT))
		return CHECK_FAILED;
	ret = mmd_buf_free(dev, mem.handle);
	if (!ret)
		ret = mmd_buf_free(dev, bar.handle);
	return ret ? check_call(st, MMD_CALL_BUF_FREE, ret, "two buffers") : CHECK_OK;
}

/* An eventfd can only be told by an interrupt; the device counts the messages it sends. */
int check_interrupt(struct selftest *st, uint32_t arg)
{
	volatile void *sent = mmd_mmio_at(st->user_page.ptr,
					  MMAPDEMO_REG_CNT_IRQ_RAISED - MMAPDEMO_USER_BASE);
	struct copy copy = {
		.via = COPY_DMA,
		.technique = MMAPDEMO_TECH_PAGES,
		.mode = MMD_DMA_EVENTFD,
		.timeout_ns = TIMEOUT_NS,
	};
	uint64_t before, messages;
	int status;

	(void)arg;
	before = mmd_mmio_read64(sent);
	status = round_trip(st, &copy);
	if (status)
		return status;
	messages = mmd_mmio_read64(sent) - before;
	if (messages < copy.transfers)
		return check_fail(st, "%" PRIu64 " transfers, %" PRIu64 " interrupt messages",
				  copy.transfers, messages);
	snprintf(st->detail, sizeof(st->detail), "%" PRIu64 " transfers, %" PRIu64 " messages",
		 copy.transfers, messages);
	return CHECK_OK;
}
