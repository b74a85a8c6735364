// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of a buffer is on the bus, and whose it is at the moment.
 *
 * Not for: addresses of memory that is in one piece, see .dma_map in map_<technique>.c; transfers,
 * see dma.c.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

/* --- single pages --------------------------------------------------------------------------- */

/* The table has the pages in order, each PAGE_SIZE of it has one bus address. */
static void bus_fill(struct mmapdemo_buf *buf, dma_addr_t *bus)
{
	struct sg_dma_page_iter iter;
	unsigned int i = 0;

	for_each_sgtable_dma_page(&buf->sgt, &iter, 0)
		bus[i++] = sg_page_iter_dma_address(&iter);
}

/**
 * mmapdemo_buf_dma_map_pages() - .dma_map of memory that consists of single pages
 * @buf: the buffer
 * @pages: all of them, in order; not needed any more afterwards
 *
 * Return: 0; -ENOMEM.
 */
int mmapdemo_buf_dma_map_pages(struct mmapdemo_buf *buf, struct page **pages)
{
	struct device *dev = &buf->mdev->pdev->dev;
	unsigned int n = buf->object.len >> PAGE_SHIFT;
	/* Bounce buffers have a largest size, and so must what becomes one. */
	unsigned int most = min3(dma_get_max_seg_size(dev), (unsigned int)SZ_1G,
				 (unsigned int)min_t(size_t, dma_max_mapping_size(dev), SZ_1G));
	dma_addr_t *bus;
	int ret;

	bus = kvmalloc_array(n, sizeof(*bus), GFP_KERNEL_ACCOUNT);
	if (!bus)
		return -ENOMEM;
	ret = sg_alloc_table_from_pages_segment(&buf->sgt, pages, n, 0, buf->object.len,
						most & PAGE_MASK, GFP_KERNEL_ACCOUNT);
	if (ret)
		goto free_bus;
	ret = dma_map_sgtable(dev, &buf->sgt, buf->dir, MMAPDEMO_MAP_ATTRS);
	if (ret)
		goto free_table;
	bus_fill(buf, bus);
	buf->bus_shift = PAGE_SHIFT;
	buf->bus = bus;
	return 0;

free_table:
	sg_free_table(&buf->sgt);
free_bus:
	kvfree(bus);
	/* The IOMMU's -EIO and -EINVAL are for want of room too, and mean something else to a caller. */
	return -ENOMEM;
}

/*
 * Nothing is copied back from bounce buffers: each transfer has done so for what it moved, and what
 * a process stored in its own memory since then must stay.
 */
void mmapdemo_buf_dma_unmap_pages(struct mmapdemo_buf *buf)
{
	dma_unmap_sgtable(&buf->mdev->pdev->dev, &buf->sgt, buf->dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(&buf->sgt);
	kvfree(buf->bus);
}

/* --- all memory ----------------------------------------------------------------------------- */

/* Of two pages one may be within the device's reach and the other have a bounce buffer. */
static bool needs_sync(const struct mmapdemo_buf *buf)
{
	u64 n = ((buf->object.len - 1) >> buf->bus_shift) + 1;
	u64 i;

	for (i = 0; i < n; i++) {
		if (dma_need_sync(&buf->mdev->pdev->dev, buf->bus[i]))
			return true;
	}
	return false;
}

/**
 * mmapdemo_buf_dma_map() - make sure that a buffer has bus addresses
 * @buf: not device memory; inside the gate
 *
 * At the first transfer and for good, so that a buffer that is only mapped costs no addresses, and
 * no bounce buffers, and a small transfer no mapping.
 *
 * Return: 0; -ENOMEM if there is no room in the IOMMU, or no bounce buffers.
 */
int mmapdemo_buf_dma_map(struct mmapdemo_buf *buf)
{
	int ret = 0;

	/* Pairs with the release below: who sees the flag sees the addresses. */
	if (smp_load_acquire(&buf->dma_ready))
		return 0;
	mutex_lock(&buf->dma_lock);
	if (!buf->bus) {
		ret = buf->tech->dma_map(buf);
		if (!ret) {
			buf->need_sync = needs_sync(buf);
			buf->bounced = buf->need_sync &&
				       mmapdemo_buf_check_direct(buf, 0, buf->object.len);
		}
	}
	if (!ret)
		smp_store_release(&buf->dma_ready, true);	/* pairs with the acquire above */
	mutex_unlock(&buf->dma_lock);
	return ret;
}

/**
 * mmapdemo_buf_check_direct() - does the device reach this memory itself, with nobody's help?
 * @buf: has bus addresses
 * @off: first byte of interest
 * @len: bytes
 *
 * A window is used without a system call: nobody is there to copy from and to bounce buffers, or to
 * flush a cache. dma_need_sync() does not tell, it says yes where nothing has to be done. So every
 * page is followed from its bus address back, and has to be the page that it is.
 *
 * Return: 0; -EOPNOTSUPP.
 */
int mmapdemo_buf_check_direct(const struct mmapdemo_buf *buf, u64 off, u64 len)
{
	struct device *dev = &buf->mdev->pdev->dev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	u64 end = off + len;
	dma_addr_t bus;

	if (!buf->tech->phys)
		return 0;
	if (!dev_is_dma_coherent(dev))
		return -EOPNOTSUPP;
	for (off &= PAGE_MASK; off < end; off += PAGE_SIZE) {
		mmapdemo_buf_run(buf, off, 1, &bus);
		if ((domain ? iommu_iova_to_phys(domain, bus) : bus) != buf->tech->phys(buf, off))
			return -EOPNOTSUPP;
		if (!(off & (SZ_1M - 1)))
			cond_resched();
	}
	return 0;
}

/**
 * mmapdemo_buf_run() - how far a buffer is contiguous on the bus
 * @buf: has bus addresses
 * @off: byte in it
 * @len: bytes of interest
 * @bus: where @off is
 *
 * Return: bytes, @len or less.
 */
u64 mmapdemo_buf_run(const struct mmapdemo_buf *buf, u64 off, u64 len, dma_addr_t *bus)
{
	u64 chunk = 1ULL << buf->bus_shift;
	u64 i = off >> buf->bus_shift;
	u64 run = chunk - (off & (chunk - 1));

	*bus = buf->bus[i] + (off & (chunk - 1));
	for (; run < len && buf->bus[i + 1] == buf->bus[i] + chunk; i++)
		run += chunk;
	return min(run, len);
}

/**
 * mmapdemo_buf_sync() - hand memory over to the device, or back to the CPU
 * @buf: has bus addresses
 * @off: first byte
 * @len: bytes
 * @dir: of the transfer that follows or has ended
 * @for_device: to the device
 *
 * May copy all of it, from or to bounce buffers. Page by page, if it consists of such: an IOMMU makes
 * one range of pages that are not adjacent, and the DMA API looks only where a range begins.
 */
void mmapdemo_buf_sync(const struct mmapdemo_buf *buf, u64 off, u64 len,
		       enum dma_data_direction dir, bool for_device)
{
	struct device *dev = &buf->mdev->pdev->dev;
	u64 chunk = 1ULL << buf->bus_shift;
	u64 end = off + len;

	for (; off < end; off = (off | (chunk - 1)) + 1) {
		u64 in = off & (chunk - 1);
		u64 n = min(end - off, chunk - in);
		dma_addr_t bus = buf->bus[off >> buf->bus_shift] + in;

		if (for_device)
			dma_sync_single_for_device(dev, bus, n, dir);
		else
			dma_sync_single_for_cpu(dev, bus, n, dir);
	}
}

/*
 * Memory without bus addresses no device has seen. Memory with bounce buffers is in no window, and
 * transfers look after it themselves: copying in between would put old bytes over what one of them
 * has brought.
 */
static void sync_range(struct mmapdemo_buf *buf, u64 off, u64 len, bool for_device)
{
	u64 done, n;

	if (!smp_load_acquire(&buf->dma_ready))	/* pairs with the release in _dma_map() */
		return;
	if (!buf->need_sync || buf->bounced)
		return;
	for (done = 0; done < len && !mmapdemo_dev_gone(buf->mdev); done += n) {
		n = min_t(u64, len - done, MMAPDEMO_CHUNK);
		mmapdemo_buf_sync(buf, off + done, n, buf->dir, for_device);
		cond_resched();
	}
}

int mmapdemo_ioctl_buf_sync(struct mmapdemo_file *mf, struct mmapdemo_buf_sync *arg)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get_handle(mf, arg->handle);
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	/* Regions are not for DMA. */
	ret = mmapdemo_sync_check(arg, buf->object.len, mmapdemo_buf_is_ram(buf) && buf->owner);
	/* Coherent memory is seen by both at any time. */
	if (!ret && buf->tech->dma_map)
		sync_range(buf, arg->off, arg->len, arg->flags == MMAPDEMO_SYNC_FOR_DEVICE);
	mmapdemo_buf_put(buf);
	return ret;
}
