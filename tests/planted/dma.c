// SPDX-License-Identifier: MIT
/*
 * dma.c - bugs with the DMA API, and a device that goes where nobody let it: QEMU's edu, which
 * every guest has and no driver of this kernel wants.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "planted.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_DMA_SOURCE	0x80
#define EDU_DMA_TARGET	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_START	1	/* to its buffer */
#define EDU_BUFFER	0x40000

/* To be given back by pci_dev_put(). */
static struct pci_dev *edu(void)
{
	struct pci_dev *pdev = pci_get_device(EDU_VENDOR, EDU_DEVICE, NULL);

	if (pdev && dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32))) {
		pci_dev_put(pdev);
		return NULL;
	}
	return pdev;
}

static int with_mapping(void (*bug)(struct device *dev, dma_addr_t addr, size_t len))
{
	struct pci_dev *pdev = edu();
	void *p = kzalloc(PAGE_SIZE, GFP_KERNEL);
	dma_addr_t addr;

	if (!pdev || !p)
		return -ENODEV;
	addr = dma_map_single(&pdev->dev, p, PAGE_SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(&pdev->dev, addr))
		return -EIO;
	bug(&pdev->dev, addr, PAGE_SIZE);
	kfree(p);
	pci_dev_put(pdev);
	return 0;
}

static void other_size(struct device *dev, dma_addr_t addr, size_t len)
{
	dma_unmap_single(dev, addr, len / 2, DMA_TO_DEVICE);
}

static void other_direction(struct device *dev, dma_addr_t addr, size_t len)
{
	dma_unmap_single(dev, addr, len, DMA_FROM_DEVICE);
}

static void twice(struct device *dev, dma_addr_t addr, size_t len)
{
	dma_unmap_single(dev, addr, len, DMA_TO_DEVICE);
	dma_unmap_single(dev, addr, len, DMA_TO_DEVICE);
}

static void sync_past_end(struct device *dev, dma_addr_t addr, size_t len)
{
	dma_sync_single_for_cpu(dev, addr, 2 * len, DMA_TO_DEVICE);
	dma_unmap_single(dev, addr, len, DMA_TO_DEVICE);
}

static int dma_unmapped_with_other_size(struct file *file)
{
	return with_mapping(other_size);
}

static int dma_unmapped_with_other_direction(struct file *file)
{
	return with_mapping(other_direction);
}

static int dma_unmapped_twice(struct file *file)
{
	return with_mapping(twice);
}

static int dma_sync_past_the_end(struct file *file)
{
	return with_mapping(sync_past_end);
}

static int dma_error_not_checked(struct file *file)
{
	struct pci_dev *pdev = edu();
	void *p = kzalloc(PAGE_SIZE, GFP_KERNEL);
	dma_addr_t addr;

	if (!pdev || !p)
		return -ENODEV;
	addr = dma_map_single(&pdev->dev, p, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap_single(&pdev->dev, addr, PAGE_SIZE, DMA_TO_DEVICE);
	kfree(p);
	pci_dev_put(pdev);
	return 0;
}

/* Needs an IOMMU: without one the device just reads. */
static int device_reads_what_is_not_mapped(struct file *file)
{
	struct pci_dev *pdev = edu();
	void __iomem *regs;

	if (!pdev || pci_enable_device(pdev))
		return -ENODEV;
	pci_set_master(pdev);
	regs = pci_iomap(pdev, 0, 0);
	if (!regs)
		return -ENOMEM;
	writeq(0xbad000, regs + EDU_DMA_SOURCE);
	writeq(EDU_BUFFER, regs + EDU_DMA_TARGET);
	writeq(64, regs + EDU_DMA_COUNT);
	writeq(EDU_DMA_START, regs + EDU_DMA_COMMAND);
	/* It takes a tenth of a second to begin. */
	msleep(500);
	pci_iounmap(pdev, regs);
	pci_clear_master(pdev);
	pci_disable_device(pdev);
	pci_dev_put(pdev);
	return 0;
}

const struct bug dma_bugs[] = {
	{ "dma_unmapped_with_other_size", dma_unmapped_with_other_size },
	{ "dma_unmapped_with_other_direction", dma_unmapped_with_other_direction },
	{ "dma_unmapped_twice", dma_unmapped_twice },
	{ "dma_sync_past_the_end", dma_sync_past_the_end },
	{ "dma_error_not_checked", dma_error_not_checked },
	{ "device_reads_what_is_not_mapped", device_reads_what_is_not_mapped },
	{ }
};
