// SPDX-License-Identifier: MIT
/*
 * device.c - open, close, and what the device is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define TECH_BIT(technique)	(1u << MMAPDEMO_TECH_##technique)

/* Every driver has had these, and one before API version 3 does not say so. */
#define FIRST_TECHNIQUES \
	(TECH_BIT(BAR) | TECH_BIT(PAGES) | TECH_BIT(VMALLOC) | TECH_BIT(COHERENT))

/* An earlier driver may refuse the structure as it is now: then as it was. */
static int info_ioctl(struct mmd_device *dev, struct mmapdemo_info *arg)
{
	static const uint32_t sizes[] = {
		sizeof(*arg), MMAPDEMO_INFO_SIZE_V2, MMAPDEMO_INFO_SIZE_V1,
	};
	size_t i;
	int ret = -EINVAL;

	for (i = 0; i < ARRAY_SIZE(sizes) && (ret == -EINVAL || ret == -E2BIG); i++) {
		*arg = (struct mmapdemo_info) { .size = sizes[i] };
		ret = mmd_ioctl(dev, MMAPDEMO_IOC_INFO, arg);
	}
	return ret;
}

int mmd_info(struct mmd_device *dev, struct mmd_info *info)
{
	struct mmapdemo_info arg;
	int ret;

	ret = info_ioctl(dev, &arg);
	if (ret)
		return ret;
	*info = (struct mmd_info) {
		.api_version = arg.out_api_version,
		.hw_version = arg.out_hw_version,
		.features = arg.out_features,
		.mem_size = arg.out_mem_size,
		.mem_free = arg.out_mem_free,
		.dma_mask = arg.out_dma_mask,
		.dma_max_len = arg.out_dma_max_len,
		.max_contig = arg.out_max_contig,
		.max_bytes = arg.out_max_bytes,
		.max_bufs = arg.out_max_bufs,
		.max_transfers = arg.out_max_transfers,
		.mem_cache = arg.out_mem_cache,
		.state = arg.out_state,
		.instance = arg.out_instance,
		.page_size = arg.out_page_size,
		.num_queues = arg.out_num_queues,
		.num_windows = arg.out_num_windows,
		.max_queues = arg.out_max_queues,
		.max_windows = arg.out_max_windows,
		.queue_log2n_min = arg.out_queue_log2n_min,
		.queue_log2n_max = arg.out_queue_log2n_max,
		.queue_max_len = arg.out_queue_max_len,
		.queue_max_list = arg.out_queue_max_list,
		.irq_gap_min_ns = arg.out_irq_gap_min_ns,
		.engine = arg.out_engine,
		.techniques = arg.out_techniques ? arg.out_techniques : FIRST_TECHNIQUES,
		.caps = arg.out_caps,
		.huge_size = arg.out_huge_size,
	};
	memcpy(info->bus_id, arg.out_bus_id, sizeof(arg.out_bus_id));
	return 0;
}

/*
 * A character device of somebody else answers ENOTTY, or in old drivers EINVAL. Ours answers
 * EINVAL only if it does not know this structure: in both cases the two do not understand each
 * other, and ENOTTY says which question to ask first.
 */
static int check_api(struct mmd_device *dev)
{
	struct mmd_info info;
	int ret;

	ret = mmd_info(dev, &info);
	if (ret)
		return ret == -EINVAL ? -ENOTTY : ret;
	return info.api_version && info.api_version <= MMAPDEMO_API_VERSION ? 0 : -EPROTO;
}

int mmd_open_backend(const struct mmd_backend *backend, void *backend_data, const char *path,
		     unsigned int flags, struct mmd_device **devp)
{
	struct mmd_device *dev;
	int oflags = O_CLOEXEC;
	int ret;

	if (flags & ~(MMD_OPEN_RDONLY | MMD_OPEN_EXCL | MMD_OPEN_NONBLOCK))
		return -EINVAL;
	oflags |= flags & MMD_OPEN_RDONLY ? O_RDONLY : O_RDWR;
	if (flags & MMD_OPEN_EXCL)
		oflags |= O_EXCL;
	if (flags & MMD_OPEN_NONBLOCK)
		oflags |= O_NONBLOCK;

	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return -ENOMEM;
	dev->backend = backend;
	dev->backend_data = backend_data;
	dev->fd = -1;
	dev->copy_eventfd = -1;
	dev->path = strdup(path ? path : MMD_DEFAULT_PATH);
	if (!dev->path) {
		ret = -ENOMEM;
		goto out_free;
	}
	ret = backend->open(dev, dev->path, oflags);
	if (ret)
		goto out_free;
	ret = check_api(dev);
	if (ret)
		goto out_close;
	*devp = dev;
	return 0;

out_close:
	backend->close(dev);
out_free:
	free(dev->path);
	free(dev);
	return ret;
}

int mmd_open(const char *path, unsigned int flags, struct mmd_device **dev)
{
	const char *bus_id;
	uint32_t backend;

	if (path && mmd_path_is_bdf(path, &backend, &bus_id))
		return mmd_open_bdf(bus_id, backend, flags, dev);
	return mmd_open_backend(&mmd_backend_node, NULL, path, flags, dev);
}

void mmd_close(struct mmd_device *dev)
{
	if (!dev)
		return;
	mmd_unmap(&dev->user_page);
	if (dev->copy_eventfd >= 0)
		close(dev->copy_eventfd);
	dev->backend->close(dev);
	free(dev->path);
	free(dev);
}

int mmd_fd(const struct mmd_device *dev)
{
	return dev->fd;
}

const char *mmd_path(const struct mmd_device *dev)
{
	return dev->path;
}
