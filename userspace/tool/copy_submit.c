// SPDX-License-Identifier: MIT
/*
 * copy_submit.c - three ways for descriptors to reach the device, and for their completions to come back:
 * rings of this process, one system call of the driver, and io_uring.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "uring.h"

/* A queue that stopped has a reason, which only the device's registers are believed about. */
static int submit_failed(struct copy *copy, int ret)
{
	enum mmd_call call = copy->via == COPY_QUEUE ? MMD_CALL_QUEUE_WAIT : MMD_CALL_QUEUE_SUBMIT;
	struct mmd_queue_info info;
	char object[160], name[64];

	copy_name(copy, name, sizeof(name));
	if (ret != -EIO || mmd_queue_info(copy->queue, &info))
		return tool_explain(copy->tool, call, ret, name);
	snprintf(object, sizeof(object), "%s, queue %u %s, error %s%s", name, info.index,
		 mmd_queue_state_name(info.state), mmd_queue_error_name(info.error),
		 info.reset ? ", reset" : "");
	return tool_explain(copy->tool, call, ret, object);
}

/* --- rings of this process ---------------------------------------------------------------- */

static int submit_to_rings(struct copy *copy, uint32_t count)
{
	uint64_t deadline = mmd_deadline_ns(copy->timeout_ns);
	uint32_t i;
	int ret = 0;

	for (i = 0; i < count && !ret; i++)
		ret = mmd_queue_push(copy->queue, &copy->sqes[i]);
	if (ret)
		return submit_failed(copy, ret);
	copy->doorbells += mmd_queue_kick(copy->queue);
	ret = copy->mode == MMD_DMA_SPIN ? mmd_queue_spin(copy->queue, count, deadline) :
					   mmd_queue_wait(copy->queue, count, deadline);
	for (i = 0; i < count && !ret; i++)
		ret = mmd_queue_poll(copy->queue, &copy->done[i]);
	return ret ? submit_failed(copy, ret) : 0;
}

/* --- one system call ---------------------------------------------------------------------- */

static int submit_by_ioctl(struct copy *copy, uint32_t count)
{
	struct mmd_queue_submit submit = { .deadline_ns = mmd_deadline_ns(copy->timeout_ns) };
	uint32_t sent = 0, got = 0, i;
	int ret;

	while (got < count) {
		submit.sqes = copy->sqes + sent;
		submit.num = count - sent;
		submit.cqes = copy->cqes;
		submit.max_cqes = count - got;
		submit.min_cqes = count - got;
		ret = mmd_queue_submit(copy->queue, &submit);
		if (ret == -EINTR)
			continue;
		if (ret)
			return submit_failed(copy, ret);
		copy->doorbells += submit.submitted > 0;
		sent += submit.submitted;
		for (i = 0; i < submit.collected; i++)
			mmd_cqe_read(&copy->cqes[i], &copy->done[got++]);
	}
	return 0;
}

/* --- io_uring ----------------------------------------------------------------------------- */

static int uring_failed(struct copy *copy, int ret)
{
	char name[64];

	if (ret == -ETIME)
		ret = -ETIMEDOUT;
	if (ret == -ENODEV || ret == -EIO || ret == -ETIMEDOUT)
		return submit_failed(copy, ret);
	return tool_error(copy->tool, STATUS_FAILED, "%s: %s: io_uring: command failed: %s.",
			  copy->tool->path, copy_name(copy, name, sizeof(name)),
			  strerrordesc_np(-ret) ? strerrordesc_np(-ret) : "unknown error");
}

/* Completions come in any order: io_uring's user_data says which of them it is. */
static int submit_by_uring(struct copy *copy, uint32_t count)
{
	uint64_t deadline = mmd_deadline_ns(copy->timeout_ns);
	const struct io_uring_cqe *entry;
	struct mmd_completion done;
	struct io_uring_sqe *sqe;
	uint32_t i, got;
	int ret;

	for (i = 0; i < count; i++) {
		sqe = uring_entry(copy->uring);
		if (!sqe)
			return uring_failed(copy, -EAGAIN);
		mmd_uring_prep_submit(sqe, mmd_fd(copy->tool->dev), copy->queue, &copy->sqes[i], i);
	}
	ret = uring_submit_and_wait(copy->uring, count, deadline);
	if (ret)
		return uring_failed(copy, ret);
	for (got = 0; got < count; got++, uring_seen(copy->uring)) {
		entry = uring_peek(copy->uring);
		if (!entry)
			return uring_failed(copy, -EAGAIN);
		ret = mmd_uring_result(entry, &done);
		if (done.user >= count || (ret && !done.status))
			return uring_failed(copy, ret ? ret : -EBADMSG);
		i = (uint32_t)done.user;
		done.user = MMD_LE64(copy->sqes[i].user);
		copy->done[i] = done;
	}
	copy->doorbells++;
	return 0;
}

static int uring_prepare(struct copy *copy)
{
	struct tool *tool = copy->tool;
	int ret;

	copy->uring = malloc(sizeof(*copy->uring));
	if (!copy->uring)
		return tool_error(tool, STATUS_FAILED, "copy: not enough memory for a ring.");
	ret = uring_open(copy->uring, copy->depth);
	if (!ret)
		return 0;
	free(copy->uring);
	copy->uring = NULL;
	return tool_error(tool, STATUS_NO_DEVICE,
			  "io_uring: cannot make a ring: %s. The kernel may lack it, or forbid it (sysctl "
			  "kernel.io_uring_disabled): use --via=ioctl.",
			  strerrordesc_np(-ret) ? strerrordesc_np(-ret) : "unknown error");
}

/* --- all three ---------------------------------------------------------------------------- */

int copy_submit_open(struct copy *copy)
{
	copy->sqes = calloc(copy->depth, sizeof(*copy->sqes));
	copy->cqes = calloc(copy->depth, sizeof(*copy->cqes));
	copy->done = calloc(copy->depth, sizeof(*copy->done));
	if (!copy->sqes || !copy->cqes || !copy->done)
		return tool_error(copy->tool, STATUS_FAILED, "copy: not enough memory for %u descriptors.",
				  copy->depth);
	return copy->via == COPY_URING ? uring_prepare(copy) : 0;
}

void copy_submit_close(struct copy *copy)
{
	if (copy->uring)
		uring_close(copy->uring);
	free(copy->uring);
	free(copy->sqes);
	free(copy->cqes);
	free(copy->done);
	copy->uring = NULL;
	copy->sqes = NULL;
	copy->cqes = NULL;
	copy->done = NULL;
}

int copy_submit(struct copy *copy, uint32_t count)
{
	/* Stores to device memory by this processor linger in its write-combining buffers. */
	mmd_wc_flush();
	copy->transfers += count;
	switch (copy->via) {
	case COPY_IOCTL:
		return submit_by_ioctl(copy, count);
	case COPY_URING:
		return submit_by_uring(copy, count);
	default:
		return submit_to_rings(copy, count);
	}
}
