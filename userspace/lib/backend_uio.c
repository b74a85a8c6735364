// SPDX-License-Identifier: MIT
/*
 * backend_uio.c - the function by uio_pci_generic: BARs by sysfs, one interrupt by the node.
 *
 * uio has no way to tell the device where memory is, and nothing that would keep the device from the rest:
 * so there is no DMA here, though a process that may read /proc/self/pagemap could guess its way.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pci.h"

struct uio {
	int config;
	int bar[PCI_NUM_BARS];		/* resourceN; -1: not opened yet */
};

/* --- open --------------------------------------------------------------------------------- */

static int attribute_open(const struct mmd_pci *p, const char *name, int oflags)
{
	char path[160];
	int fd;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/%s", p->bus_id, name);
	fd = open(path, oflags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A line for each BAR: first address, last address, flags. */
static int bars_get(struct mmd_pci *p)
{
	unsigned int i;
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/resource", p->bus_id);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	for (i = 0; i < PCI_NUM_BARS; i++) {
		uint64_t start, end;

		if (fscanf(f, "%" SCNx64 " %" SCNx64 " %*x", &start, &end) != 2)
			break;
		p->bar_size[i] = end ? end - start + 1 : 0;
	}
	fclose(f);
	return i == PCI_NUM_BARS ? 0 : -EIO;
}

/* /dev/uioN, by the function's directory uio/uioN. */
static int node_open(struct mmd_pci *p, int oflags)
{
	char path[160], node[300] = "";
	struct dirent *e;
	DIR *d;
	int fd;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/uio", p->bus_id);
	d = opendir(path);
	if (!d)
		return -ENXIO;
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "uio", 3))
			snprintf(node, sizeof(node), "/dev/%s", e->d_name);
	closedir(d);
	if (!*node)
		return -ENXIO;
	/* Waiting for an interrupt is a read; poll(2) says whether there is one to be read. */
	fd = open(node, (oflags & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

static void uio_close(struct mmd_pci *p)
{
	struct uio *u = p->data;
	unsigned int i;

	for (i = 0; i < PCI_NUM_BARS; i++)
		if (u->bar[i] >= 0)
			close(u->bar[i]);
	if (u->config >= 0)
		close(u->config);
	if (p->fd >= 0)
		close(p->fd);
	free(u);
}

/*
 * The kernel's handler switches the line off, since it does not know how to quieten the device. On again
 * before that is done, it would be one more interrupt of the same cause.
 */
static int line_enable(struct mmd_pci *p)
{
	const struct uio *u = p->data;
	uint16_t command;

	if (pread(u->config, &command, sizeof(command), PCI_COMMAND) != sizeof(command))
		return -EIO;
	command = MMD_LE16((uint16_t)(MMD_LE16(command) & ~PCI_COMMAND_INTX_OFF));
	return pwrite(u->config, &command, sizeof(command),
		      PCI_COMMAND) == sizeof(command) ? 0 : -EIO;
}

static int uio_open(struct mmd_pci *p, int oflags)
{
	struct uio *u = calloc(1, sizeof(*u));
	unsigned int i;
	int ret;

	if (!u)
		return -ENOMEM;
	p->data = u;
	u->config = -1;
	for (i = 0; i < PCI_NUM_BARS; i++)
		u->bar[i] = -1;
	p->fd = node_open(p, oflags);
	ret = p->fd < 0 ? p->fd : bars_get(p);
	if (ret)
		goto out_close;
	u->config = attribute_open(p, "config", O_RDWR);
	if (u->config < 0) {
		ret = u->config;
		goto out_close;
	}
	/* As the last owner left it; the device has no cause yet, or is reset by the caller. */
	ret = line_enable(p);
	if (ret)
		goto out_close;
	/* A file of its own for the type: what is opened here is what all of BAR2 is mapped as. */
	p->mem_cache = MMAPDEMO_CACHE_WC;
	u->bar[MMAPDEMO_BAR_MEM] = attribute_open(p, "resource2_wc", O_RDWR);
	if (u->bar[MMAPDEMO_BAR_MEM] < 0)
		p->mem_cache = MMAPDEMO_CACHE_UC;
	return 0;

out_close:
	uio_close(p);
	return ret;
}

/* --- operations --------------------------------------------------------------------------- */

static int uio_bar_map(struct mmd_pci *p, unsigned int bar, uint64_t off, size_t len, int prot,
		       void **ptr)
{
	struct uio *u = p->data;
	char name[16];
	void *va;

	if (u->bar[bar] < 0) {
		snprintf(name, sizeof(name), "resource%u", bar);
		u->bar[bar] = attribute_open(p, name, O_RDWR);
		if (u->bar[bar] < 0)
			return u->bar[bar];
	}
	va = mmap(NULL, len, prot, MAP_SHARED, u->bar[bar], (off_t)off);
	if (va == MAP_FAILED)
		return -errno;
	*ptr = va;
	return 0;
}

/* The node counts what the handler saw; the cause is in the device. */
static int uio_irq_wait(struct mmd_pci *p, uint64_t deadline_ns)
{
	int32_t count;
	int ret;

	for (;;) {
		if (read(p->fd, &count, sizeof(count)) == sizeof(count))
			break;
		/* EIO: there is no line; or the kernel driver has gone, and the device with it. */
		if (errno == EIO)
			return mmd_pci_answers(p) ? -EOPNOTSUPP : -ENODEV;
		if (errno != EAGAIN)
			return -errno;
		if (!deadline_ns)
			return -EAGAIN;
		ret = mmd_pci_poll(p->fd, deadline_ns);
		if (ret <= 0)
			return ret ? ret : -ETIMEDOUT;
	}
	pthread_mutex_lock(&p->lock);
	pci_write32(p, MMAPDEMO_REG_IRQ_STATUS, MMAPDEMO_IRQ_ALL);
	(void)pci_read32(p, MMAPDEMO_REG_IRQ_STATUS);
	pthread_mutex_unlock(&p->lock);
	return line_enable(p);
}

static const struct mmd_pci_ops uio_ops = {
	.backend = MMD_BACKEND_UIO,
	.open = uio_open,
	.close = uio_close,
	.bar_map = uio_bar_map,
	.reg_read = mmd_pci_mapped_read,
	.reg_write = mmd_pci_mapped_write,
	.irq_wait = uio_irq_wait,
};

static int backend_open(struct mmd_device *dev, const char *path, int oflags)
{
	return mmd_pci_open(dev, &uio_ops, path, oflags);
}

const struct mmd_backend mmd_backend_uio = {
	.id = MMD_BACKEND_UIO,
	.open = backend_open,
	.close = mmd_pci_close,
	.ioctl = mmd_pci_ioctl,
	.map = mmd_pci_map,
	.pread = mmd_pci_pread,
	.pwrite = mmd_pci_pwrite,
};
