// SPDX-License-Identifier: MIT
/*
 * pci_dma.c - one-shot transfers by the device's registers, one at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "pci.h"

/* A sleeper looks this often even if no interrupt comes. */
#define SLEEP_ASK_NS	(100 * MMD_NSEC_PER_MSEC)
/* Without an eventfd of its own: the first pause between two looks, and the longest. */
#define PAUSE_MIN_NS	20000
#define PAUSE_MAX_NS	(1 * MMD_NSEC_PER_MSEC)

/* --- submit ------------------------------------------------------------------------------- */

static bool inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static int submit_check(struct mmd_pci *p, const struct mmapdemo_dma_submit *arg,
			const struct pci_object *mem, const struct pci_object *dev)
{
	bool timed = arg->flags & MMAPDEMO_DMA_TIMED;

	if (mem->bar >= 0 || dev->bar != MMAPDEMO_BAR_MEM)
		return -EINVAL;
	if (arg->flags & ~(MMAPDEMO_DMA_NO_IRQ | MMAPDEMO_DMA_TIMED))
		return -EINVAL;
	if (arg->direction != MMAPDEMO_DMA_TO_DEVICE && arg->direction != MMAPDEMO_DMA_FROM_DEVICE)
		return -EINVAL;
	if (!arg->len || arg->len > p->dma_max_len)
		return -EINVAL;
	if (!inside(arg->mem_off, arg->len, mem->len) || !inside(arg->dev_off, arg->len, dev->len))
		return -EINVAL;
	if (timed != !!arg->repeat || (timed && arg->repeat > MMAPDEMO_DMA_TIMED_MAX / arg->len))
		return -EINVAL;
	if (arg->direction == MMAPDEMO_DMA_FROM_DEVICE && mem->device_reads_only)
		return -EACCES;
	if (timed && !(p->features & MMAPDEMO_FEATURE_DMA_TIMED))
		return -EOPNOTSUPP;
	return p->transfer.there ? -EDQUOT : 0;
}

int mmd_pci_dma_submit(struct mmd_pci *p, struct mmapdemo_dma_submit *arg)
{
	struct pci_object *mem, *dev;
	uint32_t cmd = MMAPDEMO_DMA_CMD_START;
	int ret;

	if (!p->ops->dma_map)
		return mmd_pci_refuse(p, MMD_CAN_DMA);
	if (!p->may_write)
		return -EACCES;
	mem = mmd_pci_object(p, arg->mem_handle);
	dev = mmd_pci_object(p, arg->dev_handle);
	if (!mem || !dev || mem->part || dev->part)
		return -ENOENT;
	ret = submit_check(p, arg, mem, dev);
	if (ret)
		return ret;
	if (!mmd_pci_answers(p))
		return -ENODEV;
	p->transfer = (struct pci_transfer) {
		.there = true,
		.mem = mem,
		.dev = dev,
		.seq = ++p->seq,
		.user_data = arg->user_data,
		.timed = arg->flags & MMAPDEMO_DMA_TIMED,
	};
	mem->users++;
	dev->users++;
	if (arg->direction == MMAPDEMO_DMA_FROM_DEVICE)
		cmd |= MMAPDEMO_DMA_CMD_FROM_DEVICE;
	if (p->transfer.timed)
		cmd |= MMAPDEMO_DMA_CMD_TIMED;
	if (!(arg->flags & MMAPDEMO_DMA_NO_IRQ) && p->dma_eventfd >= 0)
		cmd |= MMAPDEMO_DMA_CMD_IRQ;
	pci_write64(p, MMAPDEMO_REG_DMA_ADDR, mem->iova + arg->mem_off);
	pci_write64(p, MMAPDEMO_REG_DMA_DEV_OFF, dev->bar_off + arg->dev_off);
	pci_write32(p, MMAPDEMO_REG_DMA_LEN, (uint32_t)arg->len);
	pci_write64(p, MMAPDEMO_REG_DMA_SEQ, p->seq);
	if (p->transfer.timed)
		pci_write32(p, MMAPDEMO_REG_DMA_REPEAT, arg->repeat);
	/* The accessor orders it behind the stores to the memory: the device reads them after this. */
	pci_write32(p, MMAPDEMO_REG_DMA_CMD, cmd);
	arg->out_seq = p->seq;
	return 0;
}

/* --- collect ------------------------------------------------------------------------------ */

static void transfer_end(struct mmd_pci *p, struct mmapdemo_dma_wait *arg)
{
	arg->out_seq = p->transfer.seq;
	arg->out_user_data = p->transfer.user_data;
	mmd_pci_object_put(p, p->transfer.mem);
	mmd_pci_object_put(p, p->transfer.dev);
	p->transfer.there = false;
}

/* Under the lock. -EAGAIN: under way. */
static int collect(struct mmd_pci *p, struct mmapdemo_dma_wait *arg)
{
	uint32_t status;

	if (!p->transfer.there || (arg->seq && arg->seq != p->transfer.seq))
		return -ENOENT;
	arg->out_error = 0;
	arg->out_bytes = 0;
	arg->out_host_ns = 0;
	if (p->transfer.lost) {
		transfer_end(p, arg);
		return -EIO;
	}
	status = pci_read32(p, MMAPDEMO_REG_DMA_STATUS);
	switch (status & MMAPDEMO_DMA_STATUS_STATE) {
	case MMAPDEMO_DMA_STATE_BUSY:
		return -EAGAIN;
	case MMAPDEMO_DMA_STATE_DONE:
	case MMAPDEMO_DMA_STATE_ERROR:
		break;
	default:
		/* All ones, or 0: it does not answer any more. */
		if (!mmd_pci_answers(p))
			return -ENODEV;
		/* It does, and knows of no transfer: somebody has reset it behind our back. */
		transfer_end(p, arg);
		return -EIO;
	}
	arg->out_bytes = pci_read64(p, MMAPDEMO_REG_DMA_DONE_BYTES);
	if (p->transfer.timed)
		arg->out_host_ns = pci_read64(p, MMAPDEMO_REG_DMA_HOST_NS);
	arg->out_error = (status & MMAPDEMO_DMA_STATUS_ERROR) >> MMAPDEMO_DMA_STATUS_ERROR_SHIFT;
	/* Never a success: not every byte has moved. */
	if ((status & MMAPDEMO_DMA_STATUS_STATE) == MMAPDEMO_DMA_STATE_ERROR && !arg->out_error)
		arg->out_error = MMAPDEMO_ERR_BUS;
	/* Edge or level: the event has been seen. */
	pci_write32(p, MMAPDEMO_REG_IRQ_STATUS, MMAPDEMO_IRQ_DMA);
	transfer_end(p, arg);
	return arg->out_error ? -EIO : 0;
}

/* --- wait --------------------------------------------------------------------------------- */

int mmd_pci_poll(int fd, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n = poll(&pfd, 1, mmd_poll_timeout_ms(deadline_ns));

	return n < 0 ? -errno : n;
}

/*
 * Until an interrupt, or until it is time to look again. The counter of an eventfd that the caller gave
 * is the caller's to read: then the only way is to look now and then.
 */
static int doze(int fd, uint64_t deadline_ns, uint64_t *pause_ns)
{
	uint64_t until = mmd_now_ns() + SLEEP_ASK_NS, count;
	struct timespec pause;
	int ret;

	if (fd < 0) {
		pause.tv_sec = 0;
		pause.tv_nsec = (long)*pause_ns;
		*pause_ns = *pause_ns * 2 < PAUSE_MAX_NS ? *pause_ns * 2 : PAUSE_MAX_NS;
		return nanosleep(&pause, NULL) ? -errno : 0;
	}
	ret = mmd_pci_poll(fd, until < deadline_ns ? until : deadline_ns);
	if (ret < 0)
		return ret;
	/* Non-blocking: EAGAIN only means that nothing was counted since. */
	if (ret > 0 && read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	return 0;
}

int mmd_pci_dma_wait(struct mmd_pci *p, struct mmapdemo_dma_wait *arg)
{
	uint64_t pause_ns = PAUSE_MIN_NS;
	bool armed = false;
	int fd, ret;

	for (;;) {
		pthread_mutex_lock(&p->lock);
		ret = p->ops->dma_map ? collect(p, arg) : mmd_pci_refuse(p, MMD_CAN_DMA);
		fd = p->user_eventfd >= 0 ? -1 : p->dma_eventfd;
		/* Started without an interrupt: who sleeps needs one. The event may be now. */
		if (ret == -EAGAIN && arg->deadline_ns && fd >= 0 && !armed)
			pci_write32(p, MMAPDEMO_REG_DMA_CMD, MMAPDEMO_DMA_CMD_ARM_IRQ);
		armed = true;
		pthread_mutex_unlock(&p->lock);
		if (ret != -EAGAIN || !arg->deadline_ns)
			return ret;
		/* Asked for before the clock: one that has finished is never a timeout. */
		if (mmd_now_ns() >= arg->deadline_ns)
			return -ETIMEDOUT;
		ret = doze(fd, arg->deadline_ns, &pause_ns);
		if (ret)
			return ret;
	}
}

/* --- eventfd ------------------------------------------------------------------------------ */

int mmd_pci_eventfd_set(struct mmd_pci *p, struct mmapdemo_eventfd_set *arg)
{
	int fd = -1, ret;

	if (p->dma_eventfd < 0)
		return mmd_pci_refuse(p, MMD_CAN_EVENTFD);
	if (arg->fd >= 0) {
		fd = fcntl(arg->fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
	}
	ret = p->ops->irq_eventfd(p, MMAPDEMO_VEC_DMA, fd >= 0 ? fd : p->dma_eventfd);
	if (ret) {
		/* The kernel has let go of the one before, too. */
		p->ops->irq_eventfd(p, MMAPDEMO_VEC_DMA,
				    p->user_eventfd >= 0 ? p->user_eventfd : p->dma_eventfd);
		if (fd >= 0)
			close(fd);
		return ret;
	}
	if (p->user_eventfd >= 0)
		close(p->user_eventfd);
	p->user_eventfd = fd;
	return 0;
}
