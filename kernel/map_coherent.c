// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "coherent": dma_alloc_coherent(), mapped by dma_mmap_coherent().
 *
 * For: memory that device and process both use without telling each other: rings, descriptors.
 * Good at: one bus range whatever the platform, and no synchronising before and after a transfer.
 * What it is made of is the DMA API's business: never virt_to_phys() it, never use a bus address
 * as a page frame.
 */
#include <linux/dma-mapping.h>

#include "mmapdemo_priv.h"

static int coherent_alloc(struct mmapdemo_buf *buf)
{
	buf->vaddr = dma_alloc_coherent(&buf->mdev->pdev->dev, buf->object.len, &buf->bus_one,
					GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	if (!buf->vaddr)
		return -ENOMEM;
	buf->bus_shift = 63;
	buf->bus = &buf->bus_one;
	return 0;
}

static void coherent_free(struct mmapdemo_buf *buf)
{
	dma_free_coherent(&buf->mdev->pdev->dev, buf->object.len, buf->vaddr, buf->bus_one);
}

/*
 * dma_mmap_coherent() takes vm_pgoff for the page within the buffer. Ours names the buffer too, and
 * has to be what it was afterwards: revocation finds mappings by it.
 */
static int coherent_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	unsigned long pgoff = vma->vm_pgoff;
	int ret;

	vma->vm_pgoff = off >> PAGE_SHIFT;
	ret = dma_mmap_coherent(&buf->mdev->pdev->dev, vma, buf->vaddr, buf->bus_one,
				buf->object.len);
	vma->vm_pgoff = pgoff;
	if (!ret)
		mmapdemo_memtype_disown(vma, 0);
	return ret;
}

static int coherent_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	memcpy(to, buf->vaddr + off, len);
	return 0;
}

static int coherent_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	memcpy(buf->vaddr + off, from, len);
	return 0;
}

const struct mmapdemo_technique mmapdemo_tech_coherent = {
	.id = MMAPDEMO_TECH_COHERENT,
	.name = "coherent",
	.where = MMAPDEMO_IN_RAM,
	.alloc = coherent_alloc,
	.free = coherent_free,
	.map = coherent_map,
	.read = coherent_read,
	.write = coherent_write,
};
