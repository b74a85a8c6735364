// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "pages": physically contiguous memory, filled in by remap_pfn_range().
 *
 * For: buffers up to 4 MiB for a device without scatter-gather, and region EXAMPLE.
 * Good at: the cheapest mapping to make, and no fault later. The mapping takes no reference to the
 * pages: the buffer must outlive it, see struct mmapdemo_map.
 *
 * From the page allocator and never from kmalloc(), small or not: what shares a page with others
 * must not be shown to a process, and CONFIG_PAGE_TABLE_CHECK stops the kernel when a slab page
 * turns up in a user page table. alloc_pages_exact() gives back what rounding up to a power of two
 * took too much.
 */
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

/*
 * Another cache type than write-back has to be that of the pages, in the kernel's own mapping too,
 * before a process gets an entry: on x86, remap_pfn_range() of RAM ignores the type asked for. The
 * change also writes the zeroes out of the caches. The list of pages is kept for the way back, which
 * cannot be let fail for want of memory. A failure may have changed some of them: pages_free().
 */
static int type_set(struct mmapdemo_buf *buf)
{
	unsigned int n = buf->object.len >> PAGE_SHIFT, i;

	if (buf->cache == MMAPDEMO_CACHE_WB)
		return 0;
	buf->pages = kmalloc_array(n, sizeof(*buf->pages), GFP_KERNEL_ACCOUNT);
	if (!buf->pages)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		buf->pages[i] = virt_to_page(buf->vaddr + (size_t)i * PAGE_SIZE);
	return mmapdemo_memtype_ram_set(buf->pages, n, buf->cache);
}

/* Pages of another type must not get back to the page allocator: rather they are lost. */
static void pages_free(struct mmapdemo_buf *buf)
{
	unsigned int n = buf->object.len >> PAGE_SHIFT;

	if (buf->pages && WARN_ON(mmapdemo_memtype_ram_reset(buf->pages, n)))
		return;
	kfree(buf->pages);
	free_pages_exact(buf->vaddr, buf->object.len);
}

static int pages_alloc(struct mmapdemo_buf *buf)
{
	int ret;

	buf->vaddr = alloc_pages_exact(buf->object.len, GFP_KERNEL_ACCOUNT | __GFP_ZERO |
				       __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!buf->vaddr)
		return -ENOMEM;
	ret = type_set(buf);
	if (ret)
		pages_free(buf);
	return ret;
}

/* As in bar, what was obtained is looked at. */
static int pages_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	unsigned long pfn = virt_to_phys(buf->vaddr + off) >> PAGE_SHIFT;
	u32 got, shift;
	int ret;

	vma->vm_page_prot = mmapdemo_memtype_prot_ram(vma->vm_page_prot, buf->cache);
	ret = remap_pfn_range(vma, vma->vm_start, pfn, vma->vm_end - vma->vm_start,
			      vma->vm_page_prot);
	if (ret)
		return ret;
	mmapdemo_memtype_disown(vma, 0);
	if (!mmapdemo_memtype_of(vma, vma->vm_start, &got, &shift) &&
	    !mmapdemo_memtype_is(got, buf->cache)) {
		/* The entries hold nothing: they must not be there when the buffer is let go of. */
		zap_special_vma_range(vma, vma->vm_start, vma->vm_end - vma->vm_start);
		return -EOPNOTSUPP;
	}
	return 0;
}

static int pages_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	memcpy(to, buf->vaddr + off, len);
	return 0;
}

static int pages_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	memcpy(buf->vaddr + off, from, len);
	return 0;
}

/*
 * One streaming mapping, for good: transfers only move ownership, see dma.c. Bounce buffers
 * (swiotlb) have a largest size; then it is a few mappings of a power of two bytes each.
 */
static int pages_dma_map(struct mmapdemo_buf *buf)
{
	struct device *dev = &buf->mdev->pdev->dev;
	u64 chunk = rounddown_pow_of_two(min_t(u64, dma_max_mapping_size(dev),
					       roundup_pow_of_two(buf->object.len)));
	unsigned int n = DIV_ROUND_UP_ULL(buf->object.len, chunk);
	unsigned int i;
	dma_addr_t *bus;

	bus = kmalloc_array(n, sizeof(*bus), GFP_KERNEL_ACCOUNT);
	if (!bus)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		u64 off = i * chunk;

		bus[i] = dma_map_single_attrs(dev, buf->vaddr + off,
					      min(chunk, buf->object.len - off), buf->dir,
					      MMAPDEMO_MAP_ATTRS);
		if (dma_mapping_error(dev, bus[i])) {
			while (i--)
				dma_unmap_single_attrs(dev, bus[i], chunk, buf->dir,
						       DMA_ATTR_SKIP_CPU_SYNC);
			kfree(bus);
			return -ENOMEM;
		}
	}
	buf->bus_shift = ilog2(chunk);
	buf->bus = bus;
	return 0;
}

static void pages_dma_unmap(struct mmapdemo_buf *buf)
{
	struct device *dev = &buf->mdev->pdev->dev;
	u64 chunk = 1ULL << buf->bus_shift;
	u64 off;

	/* Nobody reads the memory again: no copying back from bounce buffers. */
	for (off = 0; off < buf->object.len; off += chunk)
		dma_unmap_single_attrs(dev, buf->bus[off >> buf->bus_shift],
				       min(chunk, buf->object.len - off), buf->dir,
				       DMA_ATTR_SKIP_CPU_SYNC);
	kfree(buf->bus);
}

static phys_addr_t pages_phys(const struct mmapdemo_buf *buf, u64 off)
{
	return virt_to_phys(buf->vaddr + off);
}

const struct mmapdemo_technique mmapdemo_tech_pages = {
	.id = MMAPDEMO_TECH_PAGES,
	.name = "pages",
	.where = MMAPDEMO_IN_RAM,
	.alloc = pages_alloc,
	.free = pages_free,
	.map = pages_map,
	.read = pages_read,
	.write = pages_write,
	.dma_map = pages_dma_map,
	.dma_unmap = pages_dma_unmap,
	.phys = pages_phys,
};
