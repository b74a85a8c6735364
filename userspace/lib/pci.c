// SPDX-License-Identifier: MIT
/*
 * pci.c - a PCI function driven from this process: open, registers, INFO, and the table of calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "pci.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Mappings that one container of vfio takes, unless the administrator changed it (dma_entry_limit). */
#define MAX_BUFS	65535

int mmd_pci_refuse(struct mmd_pci *p, uint32_t capability)
{
	__atomic_store_n(&p->dev->refused, capability, __ATOMIC_RELAXED);
	return -EOPNOTSUPP;
}

/* --- registers ---------------------------------------------------------------------------- */

uint64_t mmd_pci_mapped_read(struct mmd_pci *p, uint32_t offset, uint32_t width)
{
	const volatile void *at = (char *)p->regs + offset;

	return width == 8 ? mmd_mmio_read64(at) : mmd_mmio_read32(at);
}

void mmd_pci_mapped_write(struct mmd_pci *p, uint32_t offset, uint32_t width, uint64_t value)
{
	volatile void *at = (char *)p->regs + offset;

	if (width == 8)
		mmd_mmio_write64(at, value);
	else
		mmd_mmio_write32(at, (uint32_t)value);
}

/* A device that was pulled out reads as all ones, one that does not decode as 0 in QEMU. */
bool mmd_pci_answers(struct mmd_pci *p)
{
	return pci_read32(p, MMAPDEMO_REG_ID) == MMAPDEMO_ID;
}

static const struct mmd_reg *reg_find(struct mmd_pci *p, uint32_t offset, uint32_t width)
{
	uint32_t base = 0, stride = 0, count = 0, at = offset;
	const struct mmd_reg *table;
	size_t num, i;

	if (offset >= MMAPDEMO_WINDOW_TABLE) {
		base = MMAPDEMO_WINDOW_TABLE;
		stride = MMAPDEMO_WINDOW_STRIDE;
		count = p->num_windows;
		table = mmd_window_reg_table(&num);
	} else if (offset >= MMAPDEMO_QUEUE_TABLE && offset < MMAPDEMO_USER_BASE) {
		base = MMAPDEMO_QUEUE_TABLE;
		stride = MMAPDEMO_QUEUE_STRIDE;
		count = p->num_queues;
		table = mmd_queue_reg_table(&num);
	} else {
		table = mmd_reg_table(&num);
	}
	if (stride) {
		if ((offset - base) / stride >= count)
			return NULL;
		at = (offset - base) % stride;
	}
	for (i = 0; i < num; i++) {
		if (at == table[i].offset && width == table[i].width)
			return &table[i];
		/* Either half of a wide one. */
		if (table[i].width == 8 && width == 4 &&
		    (at == table[i].offset || at == table[i].offset + 4))
			return &table[i];
	}
	return NULL;
}

static int reg_read(struct mmd_pci *p, struct mmapdemo_reg_access *arg)
{
	const struct mmd_reg *reg = reg_find(p, arg->offset, arg->width);

	if (!reg)
		return -EINVAL;
	if (reg->access == MMD_REG_WO)
		return -EACCES;
	arg->out_value = p->ops->reg_read(p, arg->offset, arg->width);
	return 0;
}

static int reg_write(struct mmd_pci *p, struct mmapdemo_reg_access *arg)
{
	const struct mmd_reg *reg = reg_find(p, arg->offset, arg->width);

	if (!reg)
		return -EINVAL;
	if (!p->may_write || reg->access == MMD_REG_RO)
		return -EACCES;
	p->ops->reg_write(p, arg->offset, arg->width, arg->value);
	return 0;
}

/* --- INFO --------------------------------------------------------------------------------- */

static uint64_t max_bytes(void)
{
	uint64_t bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	struct rlimit limit;

	/* What the device reaches stays in memory, and is counted as locked. */
	if (geteuid() && !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur < bytes)
		bytes = limit.rlim_cur;
	return bytes;
}

static int info(struct mmd_pci *p, struct mmapdemo_info *arg)
{
	const struct mmd_pci_ops *ops = p->ops;
	uint32_t caps;

	if (arg->size != sizeof(*arg) || arg->flags)
		return -EINVAL;
	if (!mmd_pci_answers(p))
		return -ENODEV;
	*arg = (struct mmapdemo_info) {
		.size = sizeof(*arg),
		.out_api_version = MMAPDEMO_API_VERSION,
		.out_hw_version = p->hw_version,
		.out_features = p->features,
		.out_mem_size = p->bar_size[MMAPDEMO_BAR_MEM],
		.out_mem_free = mmd_pci_mem_free(p),
		.out_dma_mask = p->dma_mask,
		.out_dma_max_len = p->dma_max_len,
		.out_mem_cache = p->mem_cache,
		.out_state = MMAPDEMO_STATE_RAW_BAR,
		.out_page_size = (uint32_t)sysconf(_SC_PAGESIZE),
		.out_engine = pci_read32(p, MMAPDEMO_REG_ENGINE),
		.out_techniques = 1u << MMAPDEMO_TECH_BAR,
		.out_max_bufs = MAX_BUFS,
	};
	memcpy(arg->out_bus_id, p->bus_id, sizeof(arg->out_bus_id) - 1);
	if (!mmd_backend_can(ops->backend, MMD_CAN_EXCLUSIVE, NULL))
		arg->out_state |= MMAPDEMO_STATE_EXCLUSIVE;
	if (!ops->dma_map)
		return 0;
	arg->out_state |= MMAPDEMO_STATE_IOMMU;
	arg->out_techniques |= 1u << MMAPDEMO_TECH_COHERENT | 1u << MMAPDEMO_TECH_NONCONTIG |
			       1u << MMAPDEMO_TECH_USERPTR;
	arg->out_max_bytes = max_bytes();
	arg->out_max_contig = arg->out_max_bytes;
	arg->out_max_transfers = 1;
	arg->out_num_queues = p->num_queues;
	arg->out_num_windows = p->num_windows;
	arg->out_max_queues = p->num_queues;
	arg->out_max_windows = p->num_windows;
	if (!p->num_queues)
		return 0;
	caps = pci_read32(p, MMAPDEMO_REG_QUEUE_CAPS);
	arg->out_queue_log2n_min = caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MIN;
	arg->out_queue_log2n_max = (caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MAX) >>
				   MMAPDEMO_QUEUE_CAPS_LOG2N_MAX_SHIFT;
	arg->out_queue_max_len = pci_read32(p, MMAPDEMO_REG_QUEUE_MAX_LEN);
	arg->out_queue_max_list = pci_read32(p, MMAPDEMO_REG_QUEUE_MAX_LIST);
	return 0;
}

/* --- calls -------------------------------------------------------------------------------- */

static int call(struct mmd_pci *p, unsigned long cmd, void *arg)
{
	switch (cmd) {
	case MMAPDEMO_IOC_INFO:
		return info(p, arg);
	case MMAPDEMO_IOC_REGION_INFO:
		return mmd_pci_region_info(p, arg);
	case MMAPDEMO_IOC_BUF_ALLOC:
		return mmd_pci_buf_alloc(p, arg);
	case MMAPDEMO_IOC_BUF_FREE:
		return mmd_pci_buf_free(p, arg);
	case MMAPDEMO_IOC_BUF_INFO:
		return mmd_pci_buf_info(p, arg);
	case MMAPDEMO_IOC_BUF_PIN:
		return mmd_pci_buf_pin(p, arg);
	case MMAPDEMO_IOC_BUF_SYNC:
		return mmd_pci_buf_sync(p, arg);
	case MMAPDEMO_IOC_REG_READ:
		return reg_read(p, arg);
	case MMAPDEMO_IOC_REG_WRITE:
		return reg_write(p, arg);
	case MMAPDEMO_IOC_DMA_SUBMIT:
		return mmd_pci_dma_submit(p, arg);
	case MMAPDEMO_IOC_EVENTFD_SET:
		return mmd_pci_eventfd_set(p, arg);
	case MMAPDEMO_IOC_QUEUE_CREATE:
		return mmd_pci_queue_create(p, arg);
	case MMAPDEMO_IOC_QUEUE_DESTROY:
		return mmd_pci_queue_destroy(p, arg);
	case MMAPDEMO_IOC_QUEUE_INFO:
		return mmd_pci_queue_info(p, arg);
	case MMAPDEMO_IOC_WINDOW_CREATE:
		return mmd_pci_window_create(p, arg);
	case MMAPDEMO_IOC_WINDOW_DESTROY:
		return mmd_pci_window_destroy(p, arg);
	case MMAPDEMO_IOC_MAP_INFO:
		return mmd_pci_refuse(p, MMD_CAN_MAP_INFO);
	case MMAPDEMO_IOC_MEM_CACHE_SET:
		return mmd_pci_refuse(p, MMD_CAN_CACHE_SET);
	case MMAPDEMO_IOC_BUF_EXPORT:
		return mmd_pci_refuse(p, MMD_CAN_DMA_BUF);
	case MMAPDEMO_IOC_QUEUE_SUBMIT:
		return mmd_pci_refuse(p, MMD_CAN_KERNEL_QUEUES);
	default:
		return -ENOTTY;
	}
}

int mmd_pci_ioctl(struct mmd_device *dev, unsigned long cmd, void *arg)
{
	struct mmd_pci *p = dev->backend_data;
	int ret;

	__atomic_store_n(&dev->refused, MMD_CAN_NONE, __ATOMIC_RELAXED);
	/* It sleeps. */
	if (cmd == MMAPDEMO_IOC_DMA_WAIT)
		return mmd_pci_dma_wait(p, arg);
	pthread_mutex_lock(&p->lock);
	ret = call(p, cmd, arg);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* --- reset -------------------------------------------------------------------------------- */

static int irq_enable(struct mmd_pci *p)
{
	pci_write32(p, MMAPDEMO_REG_IRQ_ENABLE, MMAPDEMO_IRQ_ALL);
	return 0;
}

/* Under the lock. When it returns the device moves nothing, and has no queue and no window. */
int mmd_pci_reset(struct mmd_pci *p)
{
	int ret;

	/* By register first: DMA is over before the write has returned, and the read waits for it. */
	pci_write32(p, MMAPDEMO_REG_RESET, MMAPDEMO_RESET_KEY);
	(void)pci_read32(p, MMAPDEMO_REG_ID);
	p->epoch++;
	p->transfer.lost = p->transfer.there;
	ret = p->ops->reset ? p->ops->reset(p) : 0;
	if (ret)
		return ret;
	if (!mmd_pci_answers(p))
		return -EIO;
	return irq_enable(p);
}

int mmd_reset(struct mmd_device *dev)
{
	struct mmd_pci *p = dev->backend_data;
	int ret;

	if (mmd_backend_can(mmd_backend(dev), MMD_CAN_RESET, NULL)) {
		__atomic_store_n(&dev->refused, MMD_CAN_RESET, __ATOMIC_RELAXED);
		return -EOPNOTSUPP;
	}
	if (!p->may_write)
		return -EACCES;
	pthread_mutex_lock(&p->lock);
	ret = mmd_pci_reset(p);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* --- the software interrupt --------------------------------------------------------------- */

static int irq_allowed(struct mmd_device *dev)
{
	struct mmd_pci *p = dev->backend_data;

	if (mmd_backend_can(mmd_backend(dev), MMD_CAN_INTERRUPT, NULL) ||
	    (p->sw_eventfd < 0 && !p->ops->irq_wait)) {
		__atomic_store_n(&dev->refused, MMD_CAN_INTERRUPT, __ATOMIC_RELAXED);
		return -EOPNOTSUPP;
	}
	return p->may_write ? 0 : -EACCES;
}

int mmd_irq_raise(struct mmd_device *dev)
{
	struct mmd_pci *p = dev->backend_data;
	int ret;

	ret = irq_allowed(dev);
	if (ret)
		return ret;
	pthread_mutex_lock(&p->lock);
	pci_write32(p, MMAPDEMO_REG_IRQ_RAISE, MMAPDEMO_IRQ_SW);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int mmd_irq_wait(struct mmd_device *dev, uint64_t deadline_ns)
{
	struct mmd_pci *p = dev->backend_data;
	uint64_t count;
	int ret;

	ret = irq_allowed(dev);
	if (ret)
		return ret;
	if (p->sw_eventfd < 0)
		return p->ops->irq_wait(p, deadline_ns);
	for (;;) {
		if (read(p->sw_eventfd, &count, sizeof(count)) == sizeof(count))
			break;
		if (errno != EAGAIN)
			return -errno;
		if (!deadline_ns)
			return -EAGAIN;
		ret = mmd_pci_poll(p->sw_eventfd, deadline_ns);
		if (ret <= 0)
			return ret ? ret : -ETIMEDOUT;
	}
	pthread_mutex_lock(&p->lock);
	pci_write32(p, MMAPDEMO_REG_IRQ_STATUS, MMAPDEMO_IRQ_SW);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

/* --- open --------------------------------------------------------------------------------- */

static int identify(struct mmd_pci *p)
{
	uint64_t room = p->bar_size[MMAPDEMO_BAR_REGS];

	if (room < MMAPDEMO_BAR_REGS_SIZE_MIN ||
	    p->bar_size[MMAPDEMO_BAR_MEM] < MMAPDEMO_BAR_MEM_SIZE_MIN)
		return -ENOTTY;
	if (!mmd_pci_answers(p))
		return -EIO;
	p->hw_version = pci_read32(p, MMAPDEMO_REG_VERSION);
	if (p->hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT != MMAPDEMO_VERSION_MAJOR)
		return -EPROTO;
	p->features = pci_read64(p, MMAPDEMO_REG_FEATURES);
	p->dma_mask = pci_read64(p, MMAPDEMO_REG_DMA_MASK);
	p->dma_max_len = pci_read32(p, MMAPDEMO_REG_DMA_MAX_LEN);
	if (!p->ops->dma_map || !(p->features & MMAPDEMO_FEATURE_QUEUES))
		return 0;
	p->num_queues = pci_read32(p, MMAPDEMO_REG_QUEUE_COUNT);
	p->num_windows = pci_read32(p, MMAPDEMO_REG_WINDOW_COUNT);
	/* Counts that the BARs have no room for are not to be believed. */
	if (p->num_queues > p->bar_size[MMAPDEMO_BAR_DOORBELL] / MMAPDEMO_DOORBELL_STRIDE ||
	    p->num_queues > MMAPDEMO_QUEUE_COUNT_MAX ||
	    p->num_windows > (room - MMAPDEMO_WINDOW_TABLE) / MMAPDEMO_WINDOW_STRIDE)
		return -EIO;
	return 0;
}

static int vector_eventfd(struct mmd_pci *p, uint32_t vector, int *fd)
{
	int ret;

	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd < 0)
		return -errno;
	ret = p->ops->irq_eventfd(p, vector, *fd);
	if (ret) {
		close(*fd);
		*fd = -1;
	}
	return ret;
}

static int start(struct mmd_pci *p)
{
	int ret = 0;

	/* Whoever had it before: nothing of that goes on. */
	pci_write32(p, MMAPDEMO_REG_RESET, MMAPDEMO_RESET_KEY);
	if (!mmd_pci_answers(p))
		return -EIO;
	if (p->num_vectors >= MMAPDEMO_NUM_CAUSES) {
		ret = vector_eventfd(p, MMAPDEMO_VEC_DMA, &p->dma_eventfd);
		if (!ret)
			ret = vector_eventfd(p, MMAPDEMO_VEC_SW, &p->sw_eventfd);
	}
	return ret ? ret : irq_enable(p);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

int mmd_pci_open(struct mmd_device *dev, const struct mmd_pci_ops *ops, const char *path,
		 int oflags)
{
	const char *colon = strchr(path, ':');
	struct mmd_pci *p;
	int ret;

	if (!colon || strlen(colon + 1) >= PCI_BUS_ID_SIZE)
		return -EINVAL;
	if ((oflags & O_EXCL) && mmd_backend_can(ops->backend, MMD_CAN_EXCLUSIVE, NULL))
		return -EOPNOTSUPP;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->ops = ops;
	p->dev = dev;
	p->data = dev->backend_data;
	p->fd = p->dma_eventfd = p->sw_eventfd = p->user_eventfd = -1;
	p->may_write = (oflags & O_ACCMODE) != O_RDONLY;
	p->next_handle = MMAPDEMO_REGION_ALIAS + 1;
	p->next_queue = 1;
	strcpy(p->bus_id, colon + 1);
	pthread_mutex_init(&p->lock, NULL);
	ret = ops->open(p, oflags);
	if (ret) {
		pthread_mutex_destroy(&p->lock);
		free(p);
		return ret;
	}
	dev->backend_data = p;
	dev->fd = p->fd;
	if (ops->reg_read == mmd_pci_mapped_read)
		ret = ops->bar_map(p, MMAPDEMO_BAR_REGS, 0, (size_t)p->bar_size[MMAPDEMO_BAR_REGS],
				   PROT_READ | PROT_WRITE, &p->regs);
	if (!ret)
		ret = identify(p);
	if (!ret)
		ret = start(p);
	if (!ret)
		ret = mmd_pci_regions_create(p);
	if (ret)
		mmd_pci_close(dev);
	return ret;
}

void mmd_pci_close(struct mmd_device *dev)
{
	struct mmd_pci *p = dev->backend_data;

	/* Before the memory goes: behind an IOMMU the device would meet faults, not foreign memory. */
	if ((p->regs || p->ops->reg_write != mmd_pci_mapped_write) && p->hw_version) {
		pci_write32(p, MMAPDEMO_REG_RESET, MMAPDEMO_RESET_KEY);
		(void)pci_read32(p, MMAPDEMO_REG_ID);
		p->epoch++;
	}
	mmd_pci_queues_free(p);
	p->transfer.there = false;
	mmd_pci_objects_free(p);
	if (p->regs)
		munmap(p->regs, (size_t)p->bar_size[MMAPDEMO_BAR_REGS]);
	p->ops->close(p);
	close_fd(p->dma_eventfd);
	close_fd(p->sw_eventfd);
	close_fd(p->user_eventfd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
