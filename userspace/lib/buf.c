// SPDX-License-Identifier: MIT
/*
 * buf.c - buffers and regions: allocate, look up, read, write, map.
 */
#include <errno.h>
#include <sys/mman.h>

#include "internal.h"

int mmd_region_info(struct mmd_device *dev, uint32_t region, struct mmd_buf *buf)
{
	struct mmapdemo_region_info arg = { .size = sizeof(arg), .region = region };
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_REGION_INFO, &arg);
	if (ret)
		return ret;
	*buf = (struct mmd_buf) {
		.handle = arg.out_handle,
		.technique = arg.out_technique,
		.cache = arg.out_cache,
		.len = arg.out_len,
		.offset = arg.out_offset,
	};
	return 0;
}

int mmd_buf_alloc(struct mmd_device *dev, uint32_t technique, uint64_t len, uint32_t cache,
		  uint32_t flags, struct mmd_buf *buf)
{
	struct mmapdemo_buf_alloc arg = {
		.size = sizeof(arg),
		.flags = flags,
		.technique = technique,
		.cache = cache,
		.len = len,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_BUF_ALLOC, &arg);
	if (ret)
		return ret;
	*buf = (struct mmd_buf) {
		.handle = arg.out_handle,
		.technique = technique,
		.cache = arg.out_cache,
		.flags = flags,
		.len = arg.out_len,
		.offset = arg.out_offset,
	};
	return 0;
}

int mmd_buf_free(struct mmd_device *dev, uint32_t handle)
{
	struct mmapdemo_buf_free arg = { .size = sizeof(arg), .handle = handle };

	return mmd_ioctl(dev, MMAPDEMO_IOC_BUF_FREE, &arg);
}

int mmd_buf_info(struct mmd_device *dev, uint32_t handle, struct mmd_buf_info *info)
{
	struct mmapdemo_buf_info arg = { .size = sizeof(arg), .handle = handle };
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_BUF_INFO, &arg);
	if (ret)
		return ret;
	*info = (struct mmd_buf_info) {
		.buf = {
			.handle = handle,
			.technique = arg.out_technique,
			.cache = arg.out_cache,
			.flags = arg.out_flags,
			.len = arg.out_len,
			.offset = arg.out_offset,
		},
		.vmas = arg.out_vmas,
		.transfers = arg.out_transfers,
	};
	return 0;
}

int mmd_buf_pin(struct mmd_device *dev, void *addr, uint64_t len, uint32_t flags,
		uint32_t *handle)
{
	struct mmapdemo_buf_pin arg = {
		.size = sizeof(arg),
		.flags = flags,
		.addr = (uintptr_t)addr,
		.len = len,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_BUF_PIN, &arg);
	if (ret)
		return ret;
	*handle = arg.out_handle;
	return 0;
}

int mmd_buf_sync(struct mmd_device *dev, uint32_t handle, uint64_t off, uint64_t len,
		 uint32_t flags)
{
	struct mmapdemo_buf_sync arg = {
		.size = sizeof(arg),
		.flags = flags,
		.handle = handle,
		.off = off,
		.len = len,
	};

	return mmd_ioctl(dev, MMAPDEMO_IOC_BUF_SYNC, &arg);
}

int mmd_buf_export(struct mmd_device *dev, uint32_t handle, int *fd)
{
	struct mmapdemo_buf_export arg = { .size = sizeof(arg), .handle = handle };
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_BUF_EXPORT, &arg);
	if (ret)
		return ret;
	*fd = arg.out_fd;
	return 0;
}

/* A signal after the first byte does not end the copy: what has been moved cannot be told. */
int mmd_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = dev->backend->pread(dev, offset + done, (char *)data + done,
						len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return -EIO;
		else if (n != -EINTR || !done)
			return (int)n;
	}
	return 0;
}

int mmd_pwrite(struct mmd_device *dev, uint64_t offset, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = dev->backend->pwrite(dev, offset + done, (const char *)data + done,
						 len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return -EIO;
		else if (n != -EINTR || !done)
			return (int)n;
	}
	return 0;
}

int mmd_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, struct mmd_map *map)
{
	void *ptr;
	int ret;

	ret = dev->backend->map(dev, offset, len, prot, &ptr);
	if (ret)
		return ret;
	map->ptr = ptr;
	map->len = len;
	return 0;
}

int mmd_map_buf(struct mmd_device *dev, const struct mmd_buf *buf, int prot, struct mmd_map *map)
{
	if (buf->len > SIZE_MAX)
		return -ENOMEM;
	return mmd_map(dev, buf->offset, (size_t)buf->len, prot, map);
}

int mmd_unmap(struct mmd_map *map)
{
	if (!map->ptr && !map->len)
		return 0;
	if (munmap(map->ptr, map->len) < 0)
		return -errno;
	map->ptr = NULL;
	map->len = 0;
	return 0;
}

int mmd_map_info(struct mmd_device *dev, const volatile void *addr, struct mmd_map_info *info)
{
	struct mmapdemo_map_info arg = {
		.size = sizeof(arg),
		.addr = (uintptr_t)addr,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_MAP_INFO, &arg);
	if (ret)
		return ret;
	*info = (struct mmd_map_info) {
		.start = arg.out_start,
		.end = arg.out_end,
		.offset = arg.out_offset,
		.technique = arg.out_technique,
		.cache = arg.out_cache,
		.present = arg.out_present,
		.entry_shift = arg.out_entry_shift,
	};
	return 0;
}

int mmd_mem_cache_set(struct mmd_device *dev, uint32_t cache)
{
	struct mmapdemo_mem_cache_set arg = { .size = sizeof(arg), .cache = cache };

	return mmd_ioctl(dev, MMAPDEMO_IOC_MEM_CACHE_SET, &arg);
}
