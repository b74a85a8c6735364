// SPDX-License-Identifier: MIT
/*
 * dma.c - submit transfers and learn of their end.
 */
#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* Reads of the user page between two looks at the clock, and time between two questions to the driver. */
#define SPIN_BATCH		256
#define SPIN_ASK_NS		(10 * MMD_NSEC_PER_MSEC)

int mmd_dma_submit(struct mmd_device *dev, const struct mmd_dma *dma, uint64_t *seq)
{
	struct mmapdemo_dma_submit arg = {
		.size = sizeof(arg),
		.flags = dma->flags,
		.direction = dma->direction,
		.repeat = dma->repeat,
		.mem_handle = dma->mem_handle,
		.dev_handle = dma->dev_handle,
		.mem_off = dma->mem_off,
		.dev_off = dma->dev_off,
		.len = dma->len,
		.user_data = dma->user_data,
	};
	int ret;

	if (dma->reserved)
		return -EINVAL;
	ret = mmd_ioctl(dev, MMAPDEMO_IOC_DMA_SUBMIT, &arg);
	if (ret)
		return ret;
	if (seq)
		*seq = arg.out_seq;
	return 0;
}

int mmd_dma_wait(struct mmd_device *dev, uint64_t seq, uint64_t deadline_ns,
		 struct mmd_dma_result *result)
{
	struct mmapdemo_dma_wait arg = {
		.size = sizeof(arg),
		.seq = seq,
		.deadline_ns = deadline_ns,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_DMA_WAIT, &arg);
	if (result && (!ret || ret == -EIO))
		*result = (struct mmd_dma_result) {
			.seq = arg.out_seq,
			.user_data = arg.out_user_data,
			.bytes = arg.out_bytes,
			.host_ns = arg.out_host_ns,
			.error = arg.out_error,
		};
	return ret;
}

static int eventfd_set(struct mmd_device *dev, int fd)
{
	struct mmapdemo_eventfd_set arg = { .size = sizeof(arg), .fd = fd };

	return mmd_ioctl(dev, MMAPDEMO_IOC_EVENTFD_SET, &arg);
}

int mmd_eventfd_set(struct mmd_device *dev, int fd)
{
	int ret;

	ret = eventfd_set(dev, fd);
	if (ret)
		return ret;
	dev->user_eventfd = fd >= 0;
	if (dev->copy_eventfd >= 0) {
		close(dev->copy_eventfd);
		dev->copy_eventfd = -1;
	}
	return 0;
}

static int copy_eventfd_prepare(struct mmd_device *dev)
{
	int fd, ret;

	if (dev->user_eventfd)
		return -EBUSY;
	if (dev->copy_eventfd >= 0)
		return 0;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	ret = eventfd_set(dev, fd);
	if (ret) {
		close(fd);
		return ret;
	}
	dev->copy_eventfd = fd;
	return 0;
}

/*
 * A reset of the device takes the mapping away. A program that jumps out of its SIGBUS handler
 * leaves `spinning` set behind, and gets a new mapping when it comes again.
 */
static int user_page_prepare(struct mmd_device *dev)
{
	struct mmd_buf page;
	int ret;

	if (dev->spinning) {
		ret = mmd_unmap(&dev->user_page);
		if (ret)
			return ret;
		dev->spinning = false;
	}
	if (dev->user_page.ptr)
		return 0;
	ret = mmd_region_info(dev, MMAPDEMO_REGION_USER_PAGE, &page);
	if (ret)
		return ret;
	return mmd_map_buf(dev, &page, PROT_READ, &dev->user_page);
}

static int wait_ioctl(struct mmd_device *dev, uint64_t seq, uint64_t deadline,
		      struct mmd_dma_result *result)
{
	int ret;

	do
		ret = mmd_dma_wait(dev, seq, deadline, result);
	while (ret == -EINTR);
	return ret;
}

/*
 * The eventfd counts every transfer of the file, so a wake-up says "look", not "yours is over".
 * The transfer is asked for before the clock: one that has finished is never a timeout.
 */
static int wait_eventfd(struct mmd_device *dev, uint64_t seq, uint64_t deadline,
			struct mmd_dma_result *result)
{
	struct pollfd pfd = { .fd = dev->copy_eventfd, .events = POLLIN };
	uint64_t count;
	int n, ret;

	for (;;) {
		n = poll(&pfd, 1, mmd_poll_timeout_ms(deadline));
		if (n < 0 && errno != EINTR)
			return -errno;
		/* Non-blocking: EAGAIN only means that nothing was counted since. */
		if (n > 0 && read(dev->copy_eventfd, &count, sizeof(count)) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			return -errno;
		ret = mmd_dma_wait(dev, seq, 0, result);
		if (ret != -EAGAIN && ret != -EINTR)
			return ret;
		if (mmd_now_ns() >= deadline)
			return -ETIMEDOUT;
	}
}

/* Transfers are numbered upwards; one that finished earlier than a later one has been passed. */
static bool done_seq_reached(const volatile void *done, uint64_t seq)
{
#if UINTPTR_MAX > 0xffffffffu
	return mmd_mmio_read64(done) >= seq;
#else
	/* The low half is enough: never are 2^31 transfers in flight. */
	return (int32_t)(mmd_mmio_read32(done) - (uint32_t)seq) >= 0;
#endif
}

/*
 * USER_DMA_DONE_SEQ is written after the last byte of the transfer (mmapdemo_hw.h), and the read
 * accessor orders later loads after it. A reset sets it back to 0, so the driver is asked now and
 * then; a device that is gone reads all ones, which ends the loop.
 */
static int wait_spin(struct mmd_device *dev, uint64_t seq, uint64_t deadline,
		     struct mmd_dma_result *result)
{
	const volatile void *done = (char *)dev->user_page.ptr +
				    (MMAPDEMO_REG_USER_DMA_DONE_SEQ - MMAPDEMO_USER_BASE);
	uint64_t ask = mmd_now_ns() + SPIN_ASK_NS;
	unsigned int i;
	uint64_t now;
	int ret;

	for (;;) {
		for (i = 0; i < SPIN_BATCH; i++)
			if (done_seq_reached(done, seq))
				return wait_ioctl(dev, seq, deadline, result);
		now = mmd_now_ns();
		if (now < ask && now < deadline)
			continue;
		ret = mmd_dma_wait(dev, seq, 0, result);
		if (ret != -EAGAIN && ret != -EINTR)
			return ret;
		if (now >= deadline)
			return -ETIMEDOUT;
		ask = now + SPIN_ASK_NS;
	}
}

int mmd_dma_copy(struct mmd_device *dev, const struct mmd_dma *dma, unsigned int mode,
		 uint64_t timeout_ns, struct mmd_dma_result *result)
{
	uint64_t deadline = mmd_deadline_ns(timeout_ns);
	struct mmd_dma request = *dma;
	uint64_t seq;
	int ret;

	switch (mode) {
	case MMD_DMA_WAIT:
		break;
	case MMD_DMA_EVENTFD:
		ret = copy_eventfd_prepare(dev);
		if (ret)
			return ret;
		break;
	case MMD_DMA_SPIN:
		ret = user_page_prepare(dev);
		if (ret)
			return ret;
		request.flags |= MMAPDEMO_DMA_NO_IRQ;
		break;
	default:
		return -EINVAL;
	}
	if (mode != MMD_DMA_SPIN && (request.flags & MMAPDEMO_DMA_NO_IRQ))
		return -EINVAL;

	ret = mmd_dma_submit(dev, &request, &seq);
	if (ret)
		return ret;
	if (result)
		result->seq = seq;
	switch (mode) {
	case MMD_DMA_EVENTFD:
		return wait_eventfd(dev, seq, deadline, result);
	case MMD_DMA_SPIN:
		dev->spinning = true;
		ret = wait_spin(dev, seq, deadline, result);
		dev->spinning = false;
		return ret;
	default:
		return wait_ioctl(dev, seq, deadline, result);
	}
}
