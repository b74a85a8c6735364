// SPDX-License-Identifier: MIT
/*
 * backend_node.c - the library on top of our driver's node: one system call per operation.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

static int node_open(struct mmd_device *dev, const char *path, int oflags)
{
	struct stat st;
	int fd;

	/* Opening a FIFO blocks, and O_EXCL on a file is undefined: look before. */
	if (stat(path, &st) < 0)
		return -errno;
	if (!S_ISCHR(st.st_mode))
		return -ENOTTY;
	fd = open(path, oflags);
	if (fd < 0)
		return -errno;
	dev->fd = fd;
	return 0;
}

static void node_close(struct mmd_device *dev)
{
	close(dev->fd);
}

static int node_ioctl(struct mmd_device *dev, unsigned long cmd, void *arg)
{
	return ioctl(dev->fd, cmd, arg) < 0 ? -errno : 0;
}

static int node_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, void **ptr)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, dev->fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	*ptr = p;
	return 0;
}

static ssize_t node_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len)
{
	ssize_t n = pread(dev->fd, data, len, (off_t)offset);

	return n < 0 ? -errno : n;
}

static ssize_t node_pwrite(struct mmd_device *dev, uint64_t offset, const void *data, size_t len)
{
	ssize_t n = pwrite(dev->fd, data, len, (off_t)offset);

	return n < 0 ? -errno : n;
}

const struct mmd_backend mmd_backend_node = {
	.id = MMD_BACKEND_DRIVER,
	.open = node_open,
	.close = node_close,
	.ioctl = node_ioctl,
	.map = node_map,
	.pread = node_pread,
	.pwrite = node_pwrite,
};
