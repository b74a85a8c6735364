// SPDX-License-Identifier: MIT
/*
 * backends_time.c - `mmapdemo backends --time`: how long the same things take by each backend.
 *
 * One backend can be measured at a time, since the function has one kernel driver at a time: these are
 * medians of one process each, not pairs of one boot as in `mmapdemo bench`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <mmapdemo/queue.h>

#include "backends.h"

#define ROUNDS		300
#define WARM_UP		20
#define LEN		4096u

struct timed {
	struct trial *t;
	struct mmd_map page;
	struct mmd_queue *q;
	uint32_t windows[2];
	unsigned int mode;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int read_mapped(struct timed *w)
{
	return mmd_mmio_read32((char *)w->page.ptr + MMAPDEMO_REG_USER_ID - MMAPDEMO_USER_BASE) ==
	       MMAPDEMO_ID ? 0 : -EILSEQ;
}

static int read_by_call(struct timed *w)
{
	uint64_t value;

	return mmd_reg_read(w->t->dev, MMAPDEMO_REG_USER_ID, 4, &value);
}

static int map_and_touch(struct timed *w)
{
	struct mmd_map map;
	int ret;

	ret = mmd_map_buf(w->t->dev, &w->t->device, PROT_READ | PROT_WRITE, &map);
	if (ret)
		return ret;
	mmd_mmio_write32(map.ptr, 1);
	return mmd_unmap(&map);
}

static int store_to_device(struct timed *w)
{
	static const unsigned char from[LEN];

	mmd_mem_to_device(w->t->device_map.ptr, from, LEN);
	return 0;
}

static int transfer(struct timed *w)
{
	const struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = w->t->mem.handle,
		.dev_handle = w->t->device.handle,
		.len = LEN,
	};

	return mmd_dma_copy(w->t->dev, &dma, w->mode, TRIAL_LIMIT_NS, NULL);
}

static int transfer_wait(struct timed *w)
{
	w->mode = MMD_DMA_WAIT;
	return transfer(w);
}

static int transfer_eventfd(struct timed *w)
{
	w->mode = MMD_DMA_EVENTFD;
	return transfer(w);
}

static int transfer_spin(struct timed *w)
{
	w->mode = MMD_DMA_SPIN;
	return transfer(w);
}

static int interrupt(struct timed *w)
{
	int ret = mmd_irq_raise(w->t->dev);

	return ret ? ret : mmd_irq_wait(w->t->dev, mmd_deadline_ns(TRIAL_LIMIT_NS));
}

static int queue_prepare(struct timed *w)
{
	int ret;

	if (w->q)
		return 0;
	ret = mmd_queue_create(w->t->dev, NULL, &w->q);
	if (!ret)
		ret = mmd_window_create(w->t->dev, w->t->mem.handle, 0, LEN, MMAPDEMO_WINDOW_READ,
					&w->windows[0]);
	if (!ret)
		ret = mmd_window_create(w->t->dev, w->t->device.handle, 0, LEN,
					MMAPDEMO_WINDOW_WRITE, &w->windows[1]);
	return ret;
}

static int queue_copy(struct timed *w)
{
	struct mmd_completion done;
	struct mmapdemo_hw_sqe sqe;
	int ret = queue_prepare(w);

	if (ret)
		return ret;
	mmd_sqe_copy(&sqe, mmd_at(w->windows[1], 0), mmd_at(w->windows[0], 0), LEN, 1);
	ret = mmd_queue_push(w->q, &sqe);
	if (ret)
		return ret;
	mmd_queue_kick(w->q);
	ret = mmd_queue_spin(w->q, 1, mmd_deadline_ns(TRIAL_LIMIT_NS));
	if (!ret)
		ret = mmd_queue_poll(w->q, &done);
	return ret ? ret : done.status ? -EIO : 0;
}

static const struct {
	const char *name;
	int (*run)(struct timed *w);
} things[] = {
	{ "register read, mapped", read_mapped },
	{ "register read, by call", read_by_call },
	{ "map 64 KiB of device memory, touch, unmap", map_and_touch },
	{ "store 4 KiB to device memory", store_to_device },
	{ "DMA of 4 KiB, wait", transfer_wait },
	{ "DMA of 4 KiB, eventfd", transfer_eventfd },
	{ "DMA of 4 KiB, spin", transfer_spin },
	{ "software interrupt", interrupt },
	{ "queue copy of 4 KiB, spin", queue_copy },
};

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int time_one(struct timed *w, int (*run)(struct timed *w), uint64_t *median)
{
	uint64_t ns[ROUNDS], start;
	int i, ret;

	for (i = -WARM_UP; i < ROUNDS; i++) {
		start = now_ns();
		ret = run(w);
		if (ret)
			return ret;
		if (i >= 0)
			ns[i] = now_ns() - start;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), compare);
	*median = ns[ROUNDS / 2];
	return 0;
}

int backends_time(struct tool *tool, struct trial *t, json_t *rows)
{
	const char *backend = mmd_backend_name(mmd_backend(t->dev)), *lacks;
	struct timed w = { .t = t };
	struct mmd_buf page;
	uint64_t median;
	json_t *row;
	int bad = 0, ret;
	size_t i;

	ret = mmd_region_info(t->dev, MMAPDEMO_REGION_USER_PAGE, &page);
	if (!ret)
		ret = mmd_map_buf(t->dev, &page, PROT_READ, &w.page);
	if (ret)
		return tool_explain(tool, MMD_CALL_MAP, ret, "user page");
	for (i = 0; i < ARRAY_SIZE(things); i++) {
		ret = time_one(&w, things[i].run, &median);
		lacks = ret == -EOPNOTSUPP ? mmd_capability_name(mmd_refused(t->dev)) : NULL;
		if (!ret)
			tool_say(tool, "%-7s %10.2f us  %s\n", backend, (double)median / 1000.0,
				 things[i].name);
		else
			tool_say(tool, "%-7s %13s  %s: %s\n", backend, "-", things[i].name,
				 lacks ? lacks : strerrordesc_np(-ret));
		bad |= ret && !lacks;
		row = json_pack("{s:s, s:s, s:s?, s:i}", "backend", backend, "name", things[i].name,
				"lacks", lacks, "rounds", ROUNDS);
		json_object_set_new(row, "median_ns",
				    ret ? json_null() : json_integer((json_int_t)median));
		json_array_append_new(rows, row);
	}
	mmd_queue_destroy(w.q);
	mmd_unmap(&w.page);
	return bad ? STATUS_FAILED : STATUS_OK;
}
