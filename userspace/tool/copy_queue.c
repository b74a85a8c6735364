// SPDX-License-Identifier: MIT
/*
 * copy_queue.c - copying by descriptors: many of them at a time, handed over as copy_submit.c knows how to.
 *
 * Not only do the bytes come back: the device compares what it holds with the memory they came from, and
 * sums it up, which the host does too. So each direction is checked by itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>

#include "copy.h"
#include "crc32c.h"

static uint32_t log2_up(uint32_t n)
{
	uint32_t log2 = MMAPDEMO_QUEUE_LOG2N_MIN;

	while (1u << log2 < n)
		log2++;
	return log2;
}

int copy_queue_reaches(struct tool *tool, uint32_t technique)
{
	struct mmd_buf buf = { 0 };
	struct mmd_map own = { 0 };
	uint32_t window;
	void *p;
	int ret;

	if (technique == MMAPDEMO_TECH_USERPTR) {
		p = mmap(NULL, COPY_GUARD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		if (p == MAP_FAILED)
			return 0;
		own = (struct mmd_map) { .ptr = p, .len = COPY_GUARD };
		ret = mmd_buf_pin(tool->dev, p, COPY_GUARD, 0, &buf.handle);
	} else {
		ret = mmd_buf_alloc(tool->dev, technique, COPY_GUARD, MMAPDEMO_CACHE_DEFAULT, 0,
				    &buf);
	}
	if (!ret) {
		ret = mmd_window_create(tool->dev, buf.handle, 0, COPY_GUARD, MMAPDEMO_WINDOW_READ,
					&window);
		if (!ret)
			mmd_window_destroy(tool->dev, window);
		mmd_buf_free(tool->dev, buf.handle);
	} else {
		ret = 0;
	}
	mmd_unmap(&own);
	return ret == -EOPNOTSUPP ? ret : 0;
}

/* An older driver does not know the flag; any other failure is for the real attempt to tell. */
static bool driver_keeps_queues(struct tool *tool)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_KERNEL };
	struct mmd_queue *q = NULL;
	int ret;

	ret = mmd_queue_create(tool->dev, &attr, &q);
	if (!ret)
		mmd_queue_destroy(q);
	return ret != -EINVAL;
}

const char *copy_via_lacks(struct tool *tool, const struct mmd_info *info, enum copy_via via)
{
	if (!copy_has_queue(via))
		return NULL;
	if (!info->num_queues)
		return "device or driver has no queues";
	if (via != COPY_QUEUE && !driver_keeps_queues(tool))
		return "the driver has no queues of its own";
	if (via == COPY_URING && !(info->caps & MMAPDEMO_CAP_URING))
		return "driver or kernel takes no commands of io_uring";
	return NULL;
}

/* What the queue is made with: a ring that is polled or slept for, or one that stays in the driver. */
static uint32_t queue_flags(const struct copy *copy)
{
	if (copy->via != COPY_QUEUE)
		return MMD_QUEUE_KERNEL;
	return copy->mode == MMD_DMA_SPIN ? 0 : MMD_QUEUE_SLEEP;
}

int copy_queue_open(struct copy *copy)
{
	struct mmd_queue_attr attr = { .flags = queue_flags(copy), .log2n = log2_up(copy->depth) };
	const uint32_t access = MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE;
	struct tool *tool = copy->tool;
	int ret;

	ret = copy_submit_open(copy);
	if (ret)
		return ret;
	ret = mmd_queue_create(tool->dev, &attr, &copy->queue);
	if (ret)
		return tool_explain(tool, MMD_CALL_QUEUE_CREATE, ret, NULL);
	ret = mmd_window_create(tool->dev, copy->mem.handle, COPY_GUARD, copy->mem_len, access,
				&copy->mem_window);
	if (ret)
		return tool_explain(tool, MMD_CALL_WINDOW_CREATE, ret,
				    mmd_technique_name(copy->technique));
	ret = mmd_window_create(tool->dev, copy->dev.handle, COPY_GUARD, copy->len, access,
				&copy->dev_window);
	return ret ? tool_explain(tool, MMD_CALL_WINDOW_CREATE, ret,
				  mmd_technique_name(copy->dev.technique)) : 0;
}

int copy_queue_close(struct copy *copy)
{
	struct tool *tool = copy->tool;
	int ret;

	ret = mmd_queue_destroy(copy->queue);
	copy->queue = NULL;
	copy_submit_close(copy);
	if (ret)
		return tool_explain(tool, MMD_CALL_QUEUE_DESTROY, ret, NULL);
	ret = mmd_window_destroy(tool->dev, copy->mem_window);
	if (!ret)
		ret = mmd_window_destroy(tool->dev, copy->dev_window);
	return ret ? tool_explain(tool, MMD_CALL_WINDOW_DESTROY, ret, NULL) : 0;
}

static int completion_failed(struct copy *copy, const struct mmd_completion *c, const char *what,
			     size_t off, uint32_t len)
{
	char name[64];

	return tool_error(copy->tool, STATUS_FAILED,
			  "%s: %s: %s of %u bytes at 0x%zx: status %s (%s) after %u bytes, aux 0x%" PRIx64
			  ", user data 0x%" PRIx64 ".", copy->tool->path,
			  copy_name(copy, name, sizeof(name)), what, len, off,
			  mmd_cq_status_name(c->status), mmd_cq_status_text(c->status), c->bytes,
			  c->aux, c->user);
}

static uint32_t piece(const struct copy *copy, size_t left)
{
	return (uint32_t)(left < copy->chunk ? left : copy->chunk);
}

typedef void (*sqe_fn)(struct mmapdemo_hw_sqe *sqe, struct mmd_place dst, struct mmd_place src,
		       uint32_t len, uint64_t user);

/* @len bytes, of the device from @off and of the memory from its start, in pieces of one kind. */
static int run(struct copy *copy, sqe_fn fill, const char *what, bool to_device, size_t off,
	       size_t len)
{
	struct mmd_completion *c = copy->done;
	uint32_t count = 0, n;
	size_t at;
	int ret;

	for (at = 0; at < len; at += n, count++) {
		struct mmd_place dev = mmd_at(copy->dev_window, off + at);
		struct mmd_place mem = mmd_at(copy->mem_window, at);

		n = piece(copy, len - at);
		fill(&copy->sqes[count], to_device ? dev : mem, to_device ? mem : dev, n, off + at);
	}
	ret = copy_submit(copy, count);
	if (ret)
		return ret;
	for (at = 0; at < len; at += n, c++) {
		n = piece(copy, len - at);
		if (c->status || c->bytes != n || c->user != off + at)
			return completion_failed(copy, c, what, off + at, n);
	}
	return 0;
}

/*
 * Before and after the device uses the memory by itself. Nothing has to be done for coherent memory, and
 * a driver that does not know the call has no memory that needs it.
 */
static int sync_memory(struct copy *copy, uint32_t flags)
{
	struct tool *tool = copy->tool;
	int ret = 0;

	if (copy->technique != MMAPDEMO_TECH_COHERENT)
		ret = mmd_buf_sync(tool->dev, copy->mem.handle, COPY_GUARD, copy->mem_len, flags);
	if (ret && ret != -ENOTTY)
		return tool_explain(tool, MMD_CALL_BUF_SYNC, ret,
				    mmd_technique_name(copy->technique));
	return 0;
}

int copy_queue_move(struct copy *copy, uint32_t direction, size_t off, size_t len)
{
	bool to_device = direction == MMAPDEMO_DMA_TO_DEVICE;
	int ret;

	ret = sync_memory(copy, MMAPDEMO_SYNC_FOR_DEVICE);
	if (!ret)
		ret = run(copy, mmd_sqe_copy, "copy", to_device, off, len);
	if (!ret)
		ret = run(copy, mmd_sqe_compare, "compare", to_device, off, len);
	return ret ? ret : sync_memory(copy, MMAPDEMO_SYNC_FOR_CPU);
}

int copy_queue_check(struct copy *copy, const unsigned char *source)
{
	const struct mmd_completion *c = copy->done;
	uint32_t sum = 0, device_sum = 0, n;
	char name[64];
	size_t off;
	int ret;

	for (off = 0; off < copy->len; off += n) {
		n = piece(copy, copy->len - off);
		/* Each goes on from the sum of the one before. */
		mmd_sqe_crc32c(copy->sqes, mmd_at(copy->dev_window, off), device_sum, n, off);
		ret = copy_submit(copy, 1);
		if (ret)
			return ret;
		if (c->status || c->bytes != n || c->user != off)
			return completion_failed(copy, c, "crc32c", off, n);
		device_sum = (uint32_t)c->aux;
		sum = crc32c(sum, source + off, n);
	}
	if (sum == device_sum)
		return 0;
	return tool_error(copy->tool, STATUS_FAILED,
			  "%s: copy by %s: data differs: the device sums its bytes up to 0x%08x (CRC-32C), and the "
			  "source has 0x%08x.", copy->tool->path, copy_name(copy, name, sizeof(name)),
			  device_sum, sum);
}
