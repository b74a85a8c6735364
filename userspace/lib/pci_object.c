// SPDX-License-Identifier: MIT
/*
 * pci_object.c - buffers, regions and their mappings, with the process as the owner of the device.
 *
 * System memory is a memfd, so that it can be mapped again by offset, as buffers of our driver can; the
 * IOMMU makes it contiguous for the device. Device memory is a part of BAR2.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "pci.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* An offset is the handle and a byte within; positive as off_t. */
#define OFFSET_SHIFT	44
#define HANDLE_MAX	((1u << (63 - OFFSET_SHIFT)) - 1)
#define LARGE_PAGE	0x200000u

/* Handles of regions: their number and 1, since none is 0. */
#define REGION_HANDLE(region)	((region) + 1)

static uint64_t page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t page_round(uint64_t len)
{
	return (len + page_size() - 1) & ~(page_size() - 1);
}

static bool inside(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

uint64_t mmd_pci_object_offset(const struct pci_object *object)
{
	return (uint64_t)object->handle << OFFSET_SHIFT;
}

struct pci_object *mmd_pci_object(struct mmd_pci *p, uint32_t handle)
{
	struct pci_object *object;

	for (object = handle ? p->objects : NULL; object; object = object->next)
		if (object->handle == handle)
			return object;
	return NULL;
}

/* --- life --------------------------------------------------------------------------------- */

static void object_free(struct mmd_pci *p, struct pci_object *object)
{
	struct pci_object **link;

	for (link = &p->objects; *link; link = &(*link)->next) {
		if (*link == object) {
			*link = object->next;
			break;
		}
	}
	if (object->dma)
		p->ops->dma_unmap(p, object->iova, object->len);
	/* Memory without a file is the caller's own. */
	if (object->memfd >= 0) {
		if (object->va)
			munmap(object->va, (size_t)object->len);
		close(object->memfd);
	}
	free(object);
}

void mmd_pci_object_put(struct mmd_pci *p, struct pci_object *object)
{
	if (!--object->users && !object->handle)
		object_free(p, object);
}

void mmd_pci_object_drop(struct mmd_pci *p, struct pci_object *object)
{
	object->handle = 0;
	if (!object->users)
		object_free(p, object);
}

void mmd_pci_objects_free(struct mmd_pci *p)
{
	while (p->objects)
		object_free(p, p->objects);
}

static struct pci_object *object_create(struct mmd_pci *p, uint64_t len)
{
	struct pci_object *object = calloc(1, sizeof(*object));

	if (!object)
		return NULL;
	object->bar = -1;
	object->memfd = -1;
	object->len = len;
	object->next = p->objects;
	p->objects = object;
	return object;
}

/* Numbers go up, so that a handle that was freed names nothing for a long time. */
static int handle_give(struct mmd_pci *p, struct pci_object *object)
{
	if (p->next_handle > HANDLE_MAX)
		return -EDQUOT;
	object->handle = p->next_handle++;
	return 0;
}

struct pci_object *mmd_pci_bar_object(struct mmd_pci *p, int bar, uint64_t off, uint64_t len)
{
	struct pci_object *object = object_create(p, len);

	if (!object)
		return NULL;
	object->technique = MMAPDEMO_TECH_BAR;
	object->bar = bar;
	object->bar_off = off;
	object->cache = bar == MMAPDEMO_BAR_MEM ? p->mem_cache : MMAPDEMO_CACHE_UC;
	if (handle_give(p, object)) {
		object_free(p, object);
		return NULL;
	}
	return object;
}

/* --- for the device ----------------------------------------------------------------------- */

static int object_dma_map(struct mmd_pci *p, struct pci_object *object)
{
	uint64_t align = object->len >= LARGE_PAGE ? LARGE_PAGE : page_size();
	struct pci_object *other;
	struct pci_taken *taken;
	size_t num = 0;
	bool found;
	int ret;

	for (other = p->objects; other; other = other->next)
		num += other->dma;
	taken = calloc(num + 1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	num = 0;
	for (other = p->objects; other; other = other->next)
		if (other->dma)
			taken[num++] = (struct pci_taken) { other->iova, other->len };
	found = mmd_pci_iova_find(p->ranges, p->num_ranges, p->dma_mask, taken, num, object->len,
				  align, &object->iova);
	free(taken);
	if (!found)
		return -ENOMEM;
	ret = p->ops->dma_map(p, object->va, object->len, object->iova, !object->device_reads_only);
	object->dma = !ret;
	return ret;
}

int mmd_pci_memory_alloc(struct mmd_pci *p, uint32_t technique, uint64_t len,
			 struct pci_object **out)
{
	struct pci_object *object;
	void *va;
	int ret;

	if (!p->ops->dma_map)
		return mmd_pci_refuse(p, MMD_CAN_DMA);
	if (!len || len > 1ull << (OFFSET_SHIFT - 1) || page_round(len) > SIZE_MAX)
		return -EINVAL;
	object = object_create(p, page_round(len));
	if (!object)
		return -ENOMEM;
	object->technique = technique;
	object->cache = MMAPDEMO_CACHE_WB;
	object->memfd = memfd_create("mmapdemo", MFD_CLOEXEC);
	if (object->memfd < 0 || ftruncate(object->memfd, (off_t)object->len) < 0) {
		ret = -errno;
		goto out_free;
	}
	va = mmap(NULL, (size_t)object->len, PROT_READ | PROT_WRITE, MAP_SHARED, object->memfd, 0);
	if (va == MAP_FAILED) {
		ret = -errno;
		goto out_free;
	}
	object->va = va;
	ret = object_dma_map(p, object);
	if (!ret)
		ret = handle_give(p, object);
	if (ret)
		goto out_free;
	*out = object;
	return 0;

out_free:
	object_free(p, object);
	return ret;
}

/* --- device memory ------------------------------------------------------------------------- */

static bool is_device_buf(const struct pci_object *object)
{
	return object->bar == MMAPDEMO_BAR_MEM && !object->region;
}

/* The lowest part of BAR2 that nothing has, as bus addresses are found. */
static int mem_find(struct mmd_pci *p, uint64_t len, uint64_t *off)
{
	struct pci_range whole = { page_size(), p->bar_size[MMAPDEMO_BAR_MEM] + page_size() - 1 };
	struct pci_object *other;
	struct pci_taken *taken;
	size_t num = 0;
	bool found;

	for (other = p->objects; other; other = other->next)
		num += is_device_buf(other);
	taken = calloc(num + 1, sizeof(*taken));
	if (!taken)
		return -ENOMEM;
	num = 0;
	/* Moved up by one page: place 0 is as good as any here. */
	for (other = p->objects; other; other = other->next)
		if (is_device_buf(other))
			taken[num++] = (struct pci_taken) { other->bar_off + page_size(),
							    other->len };
	found = mmd_pci_iova_find(&whole, 1, UINT64_MAX, taken, num, len, page_size(), off);
	free(taken);
	*off -= found ? page_size() : 0;
	return found ? 0 : -ENOMEM;
}

uint64_t mmd_pci_mem_free(struct mmd_pci *p)
{
	uint64_t bytes = p->bar_size[MMAPDEMO_BAR_MEM];
	struct pci_object *object;

	for (object = p->objects; object; object = object->next)
		if (is_device_buf(object))
			bytes -= object->len;
	return bytes;
}

static int mem_zero(struct mmd_pci *p, uint64_t off, uint64_t len)
{
	void *ptr;
	int ret;

	ret = p->ops->bar_map(p, MMAPDEMO_BAR_MEM, off, (size_t)len, PROT_READ | PROT_WRITE, &ptr);
	if (ret)
		return ret;
	mmd_mem_set(ptr, 0, (size_t)len);
	munmap(ptr, (size_t)len);
	return 0;
}

static int device_alloc(struct mmd_pci *p, uint64_t len, struct pci_object **out)
{
	uint64_t off = 0;
	int ret;

	if (!len || len > p->bar_size[MMAPDEMO_BAR_MEM])
		return -EINVAL;
	len = page_round(len);
	ret = mem_find(p, len, &off);
	if (!ret)
		ret = mem_zero(p, off, len);
	if (ret)
		return ret;
	*out = mmd_pci_bar_object(p, MMAPDEMO_BAR_MEM, off, len);
	return *out ? 0 : -ENOMEM;
}

/* --- regions ------------------------------------------------------------------------------- */

int mmd_pci_regions_create(struct mmd_pci *p)
{
	const struct {
		uint32_t region;
		int bar;
		uint64_t off;
		uint64_t len;
	} rows[] = {
		{ MMAPDEMO_REGION_USER_PAGE, MMAPDEMO_BAR_REGS, MMAPDEMO_USER_BASE,
		  MMAPDEMO_USER_SIZE },
		{ MMAPDEMO_REGION_CTRL, MMAPDEMO_BAR_REGS, MMAPDEMO_CTRL_BASE, MMAPDEMO_CTRL_SIZE },
		{ MMAPDEMO_REGION_MEM, MMAPDEMO_BAR_MEM, 0, p->bar_size[MMAPDEMO_BAR_MEM] },
		{ MMAPDEMO_REGION_ALIAS, MMAPDEMO_BAR_ALIAS, 0, p->bar_size[MMAPDEMO_BAR_ALIAS] },
	};
	struct pci_object *object;
	size_t i;

	p->next_handle = REGION_HANDLE(MMAPDEMO_REGION_ALIAS) + 1;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].len)
			continue;
		object = mmd_pci_bar_object(p, rows[i].bar, rows[i].off, rows[i].len);
		if (!object)
			return -ENOMEM;
		object->handle = REGION_HANDLE(rows[i].region);
		object->region = true;
	}
	return 0;
}

int mmd_pci_region_info(struct mmd_pci *p, struct mmapdemo_region_info *arg)
{
	struct pci_object *object;

	if (arg->region > MMAPDEMO_REGION_ALIAS)
		return -EINVAL;
	if (arg->region == MMAPDEMO_REGION_EXAMPLE)
		return mmd_pci_refuse(p, MMD_CAN_EXAMPLE);
	object = mmd_pci_object(p, REGION_HANDLE(arg->region));
	if (!object)
		return -EOPNOTSUPP;
	arg->out_handle = object->handle;
	arg->out_technique = object->technique;
	arg->out_cache = object->cache;
	arg->out_len = object->len;
	arg->out_offset = mmd_pci_object_offset(object);
	return 0;
}

/* --- buffers ------------------------------------------------------------------------------ */

/* What the object has, or nothing: the type is the kernel driver's choice. */
static int cache_check(struct mmd_pci *p, uint32_t wanted, uint32_t has, bool device)
{
	if (wanted > MMAPDEMO_CACHE_UC)
		return -EINVAL;
	if (wanted == MMAPDEMO_CACHE_DEFAULT || wanted == has)
		return 0;
	if (!device)
		return -EOPNOTSUPP;
	if (wanted == MMAPDEMO_CACHE_WC)
		return mmd_pci_refuse(p, MMD_CAN_WRITE_COMBINE);
	return mmd_pci_refuse(p, MMD_CAN_CACHE_SET);
}

int mmd_pci_buf_alloc(struct mmd_pci *p, struct mmapdemo_buf_alloc *arg)
{
	struct pci_object *object = NULL;
	bool device = false;
	int ret;

	if (arg->flags & ~MMAPDEMO_BUF_MAP_READ_ONLY)
		return -EINVAL;
	switch (arg->technique) {
	case MMAPDEMO_TECH_BAR:
		device = true;
		break;
	case MMAPDEMO_TECH_COHERENT:
	case MMAPDEMO_TECH_NONCONTIG:
		break;
	case MMAPDEMO_TECH_PAGES:
	case MMAPDEMO_TECH_VMALLOC:
		return mmd_pci_refuse(p, p->ops->dma_map ? MMD_CAN_CONTIGUOUS : MMD_CAN_DMA);
	case MMAPDEMO_TECH_BAR_FAULT:
	case MMAPDEMO_TECH_BAR_HUGE:
		/* How a BAR is mapped is the kernel driver's choice. */
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
	if (!arg->len)
		return -EINVAL;
	ret = cache_check(p, arg->cache, device ? p->mem_cache : MMAPDEMO_CACHE_WB, device);
	if (ret)
		return ret;
	ret = device ? device_alloc(p, arg->len, &object) :
		       mmd_pci_memory_alloc(p, arg->technique, arg->len, &object);
	if (ret)
		return ret;
	object->flags = arg->flags;
	arg->out_handle = object->handle;
	arg->out_cache = object->cache;
	arg->out_len = object->len;
	arg->out_offset = mmd_pci_object_offset(object);
	return 0;
}

int mmd_pci_buf_free(struct mmd_pci *p, struct mmapdemo_buf_free *arg)
{
	struct pci_object *object = mmd_pci_object(p, arg->handle);

	if (!object || object->region || object->part)
		return -ENOENT;
	mmd_pci_object_drop(p, object);
	return 0;
}

int mmd_pci_buf_info(struct mmd_pci *p, struct mmapdemo_buf_info *arg)
{
	struct pci_object *object = mmd_pci_object(p, arg->handle);

	if (!object || object->part)
		return -ENOENT;
	arg->out_technique = object->technique;
	arg->out_cache = object->cache;
	arg->out_flags = object->flags;
	arg->out_len = object->len;
	arg->out_offset = mmd_pci_object_offset(object);
	/* Nobody counts the process's own mappings. */
	arg->out_vmas = 0;
	arg->out_transfers = p->transfer.there &&
			     (p->transfer.mem == object || p->transfer.dev == object);
	return 0;
}

int mmd_pci_buf_pin(struct mmd_pci *p, struct mmapdemo_buf_pin *arg)
{
	struct pci_object *object;
	int ret;

	if (!p->ops->dma_map)
		return mmd_pci_refuse(p, MMD_CAN_PIN);
	if (arg->flags & ~MMAPDEMO_PIN_READ_ONLY || !arg->len ||
	    (arg->addr | arg->len) & (page_size() - 1))
		return -EINVAL;
	object = object_create(p, arg->len);
	if (!object)
		return -ENOMEM;
	object->technique = MMAPDEMO_TECH_USERPTR;
	object->cache = MMAPDEMO_CACHE_WB;
	object->va = (void *)(uintptr_t)arg->addr;
	object->device_reads_only = arg->flags & MMAPDEMO_PIN_READ_ONLY;
	ret = object_dma_map(p, object);
	if (!ret)
		ret = handle_give(p, object);
	if (ret) {
		object_free(p, object);
		return ret;
	}
	arg->out_handle = object->handle;
	return 0;
}

/* vfio takes devices only whose DMA sees the processor's caches: nothing is left to be done. */
int mmd_pci_buf_sync(struct mmd_pci *p, struct mmapdemo_buf_sync *arg)
{
	struct pci_object *object = mmd_pci_object(p, arg->handle);

	if (!object || object->part)
		return -ENOENT;
	if ((arg->flags != MMAPDEMO_SYNC_FOR_DEVICE && arg->flags != MMAPDEMO_SYNC_FOR_CPU) ||
	    object->bar >= 0 || !arg->len || !inside(arg->off, arg->len, object->len))
		return -EINVAL;
	return 0;
}

/* --- mappings ----------------------------------------------------------------------------- */

/* The object at @offset, and the byte in it. */
static int object_at(struct mmd_pci *p, uint64_t offset, struct pci_object **object, uint64_t *at)
{
	if (!(offset >> OFFSET_SHIFT))
		return mmd_pci_refuse(p, MMD_CAN_EXAMPLE);
	if (offset >> OFFSET_SHIFT > HANDLE_MAX)
		return -ENOENT;
	*object = mmd_pci_object(p, (uint32_t)(offset >> OFFSET_SHIFT));
	*at = offset & ((1ull << OFFSET_SHIFT) - 1);
	if (!*object)
		return -ENOENT;
	/* Pinned memory: the process has it mapped. */
	return (*object)->bar < 0 && (*object)->memfd < 0 ? -EOPNOTSUPP : 0;
}

static int object_map(struct mmd_pci *p, const struct pci_object *object, uint64_t at, size_t len,
		      int prot, void **ptr)
{
	void *va;

	if (object->bar >= 0)
		return p->ops->bar_map(p, (unsigned int)object->bar, object->bar_off + at, len,
				       prot, ptr);
	va = mmap(NULL, len, prot, MAP_SHARED, object->memfd, (off_t)at);
	if (va == MAP_FAILED)
		return -errno;
	*ptr = va;
	return 0;
}

static int map_locked(struct mmd_pci *p, uint64_t offset, size_t len, int prot, void **ptr)
{
	struct pci_object *object;
	uint64_t at;
	int ret;

	if (prot & PROT_EXEC)
		return -EPERM;
	ret = object_at(p, offset, &object, &at);
	if (ret)
		return ret;
	/* The length first: rounded up, one near the end of all numbers is 0. */
	if (!len || len > object->len || at & (page_size() - 1) ||
	    !inside(at, page_round(len), object->len))
		return -EINVAL;
	if ((prot & PROT_WRITE) && (!p->may_write || object->flags & MMAPDEMO_BUF_MAP_READ_ONLY))
		return -EACCES;
	ret = object_map(p, object, at, len, prot, ptr);
	/* A child would ring and write for its parent, and neither would know. */
	if (!ret && (object->part || object->bar == MMAPDEMO_BAR_REGS))
		madvise(*ptr, len, MADV_DONTFORK);
	return ret;
}

int mmd_pci_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, void **ptr)
{
	struct mmd_pci *p = dev->backend_data;
	int ret;

	__atomic_store_n(&dev->refused, MMD_CAN_NONE, __ATOMIC_RELAXED);
	pthread_mutex_lock(&p->lock);
	ret = map_locked(p, offset, len, prot, ptr);
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* No system call moves the bytes: a mapping does, made for this one copy where it is a BAR. */
static ssize_t copy_locked(struct mmd_pci *p, uint64_t offset, void *to, const void *from,
			   size_t len)
{
	struct pci_object *object;
	uint64_t at, first;
	size_t span;
	void *ptr;
	int ret;

	ret = object_at(p, offset, &object, &at);
	if (ret)
		return ret;
	if (object->bar == MMAPDEMO_BAR_REGS || object->part)
		return -EOPNOTSUPP;
	if (at >= object->len)
		return at == object->len ? 0 : -EINVAL;
	if (from && object->flags & MMAPDEMO_BUF_MAP_READ_ONLY)
		return -EACCES;
	if (len > object->len - at)
		len = (size_t)(object->len - at);
	if (object->bar < 0) {
		if (to)
			memcpy(to, (char *)object->va + at, len);
		else
			memcpy((char *)object->va + at, from, len);
		return (ssize_t)len;
	}
	first = at & ~(page_size() - 1);
	span = (size_t)page_round(at - first + len);
	ret = object_map(p, object, first, span, to ? PROT_READ : PROT_READ | PROT_WRITE, &ptr);
	if (ret)
		return ret;
	if (to)
		mmd_mem_from_device(to, (char *)ptr + (at - first), len);
	else
		mmd_mem_to_device((char *)ptr + (at - first), from, len);
	munmap(ptr, span);
	return (ssize_t)len;
}

ssize_t mmd_pci_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len)
{
	struct mmd_pci *p = dev->backend_data;
	ssize_t n;

	pthread_mutex_lock(&p->lock);
	n = copy_locked(p, offset, data, NULL, len);
	pthread_mutex_unlock(&p->lock);
	return n;
}

ssize_t mmd_pci_pwrite(struct mmd_device *dev, uint64_t offset, const void *data, size_t len)
{
	struct mmd_pci *p = dev->backend_data;
	ssize_t n;

	if (!p->may_write)
		return -EBADF;
	pthread_mutex_lock(&p->lock);
	n = copy_locked(p, offset, NULL, data, len);
	pthread_mutex_unlock(&p->lock);
	return n;
}
