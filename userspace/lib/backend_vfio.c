// SPDX-License-Identifier: MIT
/*
 * backend_vfio.c - the function by vfio-pci: group and container, the IOMMU by type 1.
 *
 * Not for: iommufd and /dev/vfio/devices, which the kernels of this project do not have switched on
 * (CONFIG_IOMMUFD); groups without an IOMMU, which are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vfio.h>

#include "pci.h"

struct vfio {
	int container;
	int group;
	struct {
		uint64_t offset;
		bool mappable;
	} bar[PCI_NUM_BARS];
	uint64_t config;		/* offset of configuration space */
};

/* --- group and container ------------------------------------------------------------------ */

/* The number of its group; -EOPNOTSUPP: it has none, or a made-up one without an IOMMU. */
static int group_number(const char *bus_id, char *number, size_t size)
{
	char path[160], target[PATH_MAX], name[32] = "";
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu_group", bus_id);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return errno == ENOENT ? -EOPNOTSUPP : -errno;
	target[n] = '\0';
	snprintf(path, sizeof(path), PCI_SYSFS "/%s/iommu_group/name", bus_id);
	f = fopen(path, "re");
	if (f) {
		if (!fgets(name, sizeof(name), f))
			name[0] = '\0';
		fclose(f);
	}
	if (!strncmp(name, "vfio-noiommu", strlen("vfio-noiommu")))
		return -EOPNOTSUPP;
	n = snprintf(number, size, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	return (size_t)n < size ? 0 : -EIO;
}

static int group_open(struct mmd_pci *p, struct vfio *v)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char number[16], path[64];
	int ret;

	ret = group_number(p->bus_id, number, sizeof(number));
	if (ret)
		return ret;
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return -errno;
	if (ioctl(v->container, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return -EPROTO;
	if (ioctl(v->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) <= 0)
		return -EOPNOTSUPP;
	snprintf(path, sizeof(path), "/dev/vfio/%s", number);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		return -errno;
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status) < 0)
		return -errno;
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return -EPERM;
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container) < 0)
		return -errno;
	if (ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) < 0)
		return -errno;
	return 0;
}

static void ranges_from(struct mmd_pci *p, const struct vfio_iommu_type1_info *info)
{
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	const struct vfio_info_cap_header *header;
	uint32_t at = info->cap_offset, i;

	while (at && at + sizeof(*header) <= info->argsz) {
		header = (const void *)((const char *)info + at);
		if (header->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) {
			cap = (const void *)header;
			for (i = 0; i < cap->nr_iovas && i < PCI_MAX_RANGES; i++)
				p->ranges[i] = (struct pci_range) {
					cap->iova_ranges[i].start, cap->iova_ranges[i].end,
				};
			p->num_ranges = i;
			return;
		}
		at = header->next;
	}
}

/* Which bus addresses there are: a hole in them is where messages of interrupts go. */
static int ranges_get(struct mmd_pci *p, struct vfio *v)
{
	struct vfio_iommu_type1_info small = { .argsz = sizeof(small) }, *info;
	int ret = 0;

	if (ioctl(v->container, VFIO_IOMMU_GET_INFO, &small) < 0)
		return -errno;
	if (small.argsz < sizeof(small))
		return -EIO;
	info = calloc(1, small.argsz);
	if (!info)
		return -ENOMEM;
	info->argsz = small.argsz;
	if (ioctl(v->container, VFIO_IOMMU_GET_INFO, info) < 0)
		ret = -errno;
	else if (info->flags & VFIO_IOMMU_INFO_CAPS)
		ranges_from(p, info);
	free(info);
	/* A kernel that does not tell has no more than what every IOMMU has. */
	if (!ret && !p->num_ranges) {
		p->ranges[0] = (struct pci_range) { 0, 0xfedfffff };
		p->num_ranges = 1;
	}
	return ret;
}

/* --- device ------------------------------------------------------------------------------- */

static int bars_get(struct mmd_pci *p, struct vfio *v)
{
	unsigned int i;

	for (i = 0; i <= VFIO_PCI_CONFIG_REGION_INDEX; i++) {
		struct vfio_region_info info = { .argsz = sizeof(info), .index = i };

		/* Between BARs and configuration space lies the ROM, which is of no interest. */
		if (i >= PCI_NUM_BARS && i != VFIO_PCI_CONFIG_REGION_INDEX)
			continue;
		if (ioctl(p->fd, VFIO_DEVICE_GET_REGION_INFO, &info) < 0)
			return -errno;
		if (i == VFIO_PCI_CONFIG_REGION_INDEX) {
			v->config = info.offset;
			continue;
		}
		p->bar_size[i] = info.size;
		v->bar[i].offset = info.offset;
		v->bar[i].mappable = info.flags & VFIO_REGION_INFO_FLAG_MMAP;
	}
	return 0;
}

/* vfio-pci leaves a function without the bus. */
static int bus_master(struct mmd_pci *p, struct vfio *v)
{
	uint16_t command;

	if (pread(p->fd, &command, sizeof(command), (off_t)(v->config + PCI_COMMAND)) !=
	    sizeof(command))
		return -EIO;
	command = MMD_LE16((uint16_t)(MMD_LE16(command) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER));
	if (pwrite(p->fd, &command, sizeof(command), (off_t)(v->config + PCI_COMMAND)) !=
	    sizeof(command))
		return -EIO;
	return 0;
}

static int irqs_set(struct mmd_pci *p, uint32_t start, uint32_t count, const int32_t *fds)
{
	size_t size = sizeof(struct vfio_irq_set) + count * sizeof(*fds);
	struct vfio_irq_set *set = calloc(1, size);
	int ret;

	if (!set)
		return -ENOMEM;
	set->argsz = (uint32_t)size;
	set->flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->start = start;
	set->count = count;
	memcpy(set->data, fds, count * sizeof(*fds));
	ret = ioctl(p->fd, VFIO_DEVICE_SET_IRQS, set) < 0 ? -errno : 0;
	free(set);
	return ret;
}

/* All at once, nobody listening: how many there are can be said only once on kernels before 6.5. */
static int vectors_enable(struct mmd_pci *p)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = VFIO_PCI_MSIX_IRQ_INDEX };
	int32_t *fds;
	uint32_t i;
	int ret;

	if (ioctl(p->fd, VFIO_DEVICE_GET_IRQ_INFO, &info) < 0)
		return -errno;
	if (info.count < MMAPDEMO_NUM_CAUSES || !(info.flags & VFIO_IRQ_INFO_EVENTFD))
		return 0;
	fds = calloc(info.count, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	for (i = 0; i < info.count; i++)
		fds[i] = -1;
	ret = irqs_set(p, 0, info.count, fds);
	free(fds);
	if (!ret)
		p->num_vectors = info.count;
	return ret;
}

static void vfio_close(struct mmd_pci *p)
{
	struct vfio *v = p->data;

	/* Interrupts, memory and IOMMU mappings go with the files. */
	if (p->fd >= 0)
		close(p->fd);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
	free(v);
}

static int vfio_open(struct mmd_pci *p, int oflags)
{
	struct vfio *v = calloc(1, sizeof(*v));
	int ret;

	(void)oflags;
	if (!v)
		return -ENOMEM;
	v->container = -1;
	v->group = -1;
	p->data = v;
	ret = group_open(p, v);
	if (ret)
		goto out_close;
	p->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, p->bus_id);
	if (p->fd < 0) {
		ret = -errno;
		goto out_close;
	}
	ret = ranges_get(p, v);
	if (!ret)
		ret = bars_get(p, v);
	if (!ret)
		ret = bus_master(p, v);
	if (!ret)
		ret = vectors_enable(p);
	if (ret)
		goto out_close;
	/* pgprot_noncached(). To x86 that is UC-, which only an MTRR could make WC. */
	p->mem_cache = MMAPDEMO_CACHE_UC;
	return 0;

out_close:
	vfio_close(p);
	return ret;
}

/* --- operations --------------------------------------------------------------------------- */

static int vfio_bar_map(struct mmd_pci *p, unsigned int bar, uint64_t off, size_t len, int prot,
			void **ptr)
{
	const struct vfio *v = p->data;
	void *va;

	if (!v->bar[bar].mappable)
		return -EOPNOTSUPP;
	va = mmap(NULL, len, prot, MAP_SHARED, p->fd, (off_t)(v->bar[bar].offset + off));
	if (va == MAP_FAILED)
		return -errno;
	*ptr = va;
	return 0;
}

static int vfio_dma_map(struct mmd_pci *p, void *va, uint64_t len, uint64_t iova, bool write)
{
	const struct vfio *v = p->data;
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | (write ? VFIO_DMA_MAP_FLAG_WRITE : 0),
		.vaddr = (uintptr_t)va,
		.iova = iova,
		.size = len,
	};

	return ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map) < 0 ? -errno : 0;
}

static int vfio_dma_unmap(struct mmd_pci *p, uint64_t iova, uint64_t len)
{
	const struct vfio *v = p->data;
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = iova,
		.size = len,
	};

	return ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap) < 0 ? -errno : 0;
}

static int vfio_irq_eventfd(struct mmd_pci *p, uint32_t vector, int fd)
{
	int32_t fds[1] = { fd };

	return irqs_set(p, vector, 1, fds);
}

/* A function level reset; the kernel saves and restores configuration space, bus mastering too. */
static int vfio_reset(struct mmd_pci *p)
{
	if (ioctl(p->fd, VFIO_DEVICE_RESET) < 0)
		return -errno;
	return bus_master(p, p->data);
}

static const struct mmd_pci_ops vfio_ops = {
	.backend = MMD_BACKEND_VFIO,
	.open = vfio_open,
	.close = vfio_close,
	.bar_map = vfio_bar_map,
	.reg_read = mmd_pci_mapped_read,
	.reg_write = mmd_pci_mapped_write,
	.dma_map = vfio_dma_map,
	.dma_unmap = vfio_dma_unmap,
	.irq_eventfd = vfio_irq_eventfd,
	.reset = vfio_reset,
};

static int backend_open(struct mmd_device *dev, const char *path, int oflags)
{
	return mmd_pci_open(dev, &vfio_ops, path, oflags);
}

const struct mmd_backend mmd_backend_vfio = {
	.id = MMD_BACKEND_VFIO,
	.open = backend_open,
	.close = mmd_pci_close,
	.ioctl = mmd_pci_ioctl,
	.map = mmd_pci_map,
	.pread = mmd_pci_pread,
	.pwrite = mmd_pci_pwrite,
};
