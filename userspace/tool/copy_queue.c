// SPDX-License-Identifier: MIT
/*
 * copy_queue.c - the queue's way of copying: many descriptors, one doorbell, no system call for either.
 *
 * Not only do the bytes come back: the device compares what it holds with the memory they came from, and
 * sums it up, which the host does too. So each direction is checked by itself.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

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
	struct mmd_buf buf;
	uint32_t window;
	int ret;

	if (mmd_buf_alloc(tool->dev, technique, COPY_GUARD, MMAPDEMO_CACHE_DEFAULT, 0, &buf))
		return 0;
	ret = mmd_window_create(tool->dev, buf.handle, 0, buf.len, MMAPDEMO_WINDOW_READ, &window);
	if (!ret)
		mmd_window_destroy(tool->dev, window);
	mmd_buf_free(tool->dev, buf.handle);
	return ret == -EOPNOTSUPP ? ret : 0;
}

int copy_queue_open(struct copy *copy)
{
	struct mmd_queue_attr attr = {
		.flags = copy->mode == MMD_DMA_SPIN ? 0 : MMD_QUEUE_SLEEP,
		.log2n = log2_up(copy->depth),
	};
	const uint32_t access = MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE;
	struct tool *tool = copy->tool;
	int ret;

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
	return ret ? tool_explain(tool, MMD_CALL_WINDOW_CREATE, ret, "bar") : 0;
}

int copy_queue_close(struct copy *copy)
{
	struct tool *tool = copy->tool;
	int ret;

	ret = mmd_queue_destroy(copy->queue);
	copy->queue = NULL;
	if (ret)
		return tool_explain(tool, MMD_CALL_QUEUE_DESTROY, ret, NULL);
	ret = mmd_window_destroy(tool->dev, copy->mem_window);
	if (!ret)
		ret = mmd_window_destroy(tool->dev, copy->dev_window);
	return ret ? tool_explain(tool, MMD_CALL_WINDOW_DESTROY, ret, NULL) : 0;
}

/* A queue that stopped has a reason, which only the device's registers are believed about. */
static int wait_failed(struct copy *copy, int ret)
{
	struct mmd_queue_info info;
	char object[160], name[64];

	copy_name(copy, name, sizeof(name));
	if (ret != -EIO || mmd_queue_info(copy->queue, &info))
		return tool_explain(copy->tool, MMD_CALL_QUEUE_WAIT, ret, name);
	snprintf(object, sizeof(object), "%s, queue %u %s, error %s%s", name, info.index,
		 mmd_queue_state_name(info.state), mmd_queue_error_name(info.error),
		 info.reset ? ", reset" : "");
	return tool_explain(copy->tool, MMD_CALL_QUEUE_WAIT, ret, object);
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

/* Kick, and wait for as many completions as descriptors were pushed. */
static int kick_and_wait(struct copy *copy, uint32_t count)
{
	uint64_t deadline = mmd_deadline_ns(copy->timeout_ns);
	int ret;

	/* Stores to device memory by this processor linger in its write-combining buffers. */
	mmd_wc_flush();
	copy->doorbells += mmd_queue_kick(copy->queue);
	ret = copy->mode == MMD_DMA_SPIN ? mmd_queue_spin(copy->queue, count, deadline) :
					   mmd_queue_wait(copy->queue, count, deadline);
	return ret ? wait_failed(copy, ret) : 0;
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
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion c;
	uint32_t count = 0, n;
	size_t at;
	int ret;

	for (at = 0; at < len; at += n, count++) {
		struct mmd_place dev = mmd_at(copy->dev_window, off + at);
		struct mmd_place mem = mmd_at(copy->mem_window, at);

		n = piece(copy, len - at);
		fill(&sqe, to_device ? dev : mem, to_device ? mem : dev, n, off + at);
		ret = mmd_queue_push(copy->queue, &sqe);
		if (ret)
			return wait_failed(copy, ret);
	}
	ret = kick_and_wait(copy, count);
	if (ret)
		return ret;
	for (at = 0; at < len; at += n) {
		n = piece(copy, len - at);
		ret = mmd_queue_poll(copy->queue, &c);
		if (ret)
			return wait_failed(copy, ret);
		if (c.status || c.bytes != n || c.user != off + at)
			return completion_failed(copy, &c, what, off + at, n);
	}
	copy->transfers += count;
	return 0;
}

int copy_queue_move(struct copy *copy, uint32_t direction, size_t off, size_t len)
{
	bool to_device = direction == MMAPDEMO_DMA_TO_DEVICE;
	int ret;

	ret = run(copy, mmd_sqe_copy, "copy", to_device, off, len);
	return ret ? ret : run(copy, mmd_sqe_compare, "compare", to_device, off, len);
}

int copy_queue_check(struct copy *copy, const unsigned char *source)
{
	uint32_t sum = 0, device_sum = 0;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion c;
	char name[64];
	uint32_t n;
	size_t off;
	int ret;

	for (off = 0; off < copy->len; off += n) {
		n = piece(copy, copy->len - off);
		/* Each goes on from the sum of the one before. */
		mmd_sqe_crc32c(&sqe, mmd_at(copy->dev_window, off), device_sum, n, off);
		ret = mmd_queue_push(copy->queue, &sqe);
		if (ret)
			return wait_failed(copy, ret);
		ret = kick_and_wait(copy, 1);
		if (ret)
			return ret;
		ret = mmd_queue_poll(copy->queue, &c);
		if (ret)
			return wait_failed(copy, ret);
		if (c.status || c.bytes != n || c.user != off)
			return completion_failed(copy, &c, "crc32c", off, n);
		device_sum = (uint32_t)c.aux;
		sum = crc32c(sum, source + off, n);
		copy->transfers++;
	}
	if (sum == device_sum)
		return 0;
	return tool_error(copy->tool, STATUS_FAILED,
			  "%s: copy by %s: data differs: the device sums its bytes up to 0x%08x (CRC-32C), and the "
			  "source has 0x%08x.", copy->tool->path, copy_name(copy, name, sizeof(name)),
			  device_sum, sum);
}
