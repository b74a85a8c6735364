// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of a buffer is on the bus, and whose it is at the moment.
 *
 * Not for: making the addresses, see .dma_map in map_<technique>.c; transfers, see dma.c.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/sizes.h>

#include "mmapdemo_priv.h"

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
 * @buf: PAGES, VMALLOC or COHERENT; inside the gate
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
		if (!ret)
			buf->need_sync = needs_sync(buf);
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
 * May copy all of it, from or to bounce buffers.
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
