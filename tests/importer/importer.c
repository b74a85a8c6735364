// SPDX-License-Identifier: MIT
/*
 * importer.c - a driver for QEMU's edu device that imports dma-bufs, for the tests of BUF_EXPORT: attaches,
 * maps, looks from the kernel, and has edu do DMA, when it is told to and in the order it is told to.
 *
 * Nothing here waits for the exporter: what is attached stays so until the file is closed, whatever has
 * become of the device that the memory is from. Not for: anything but guests of tests/vm.
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "importer.h"

#define EDU_DMA_SRC	0x80
#define EDU_DMA_DST	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_CMD	0x98
#define EDU_CMD_START	1
#define EDU_CMD_TO_RAM	2
#define EDU_BUFFER	0x40000
#define EDU_WAIT_MS	3000

/* 6.2: before it, only these took the lock by themselves. */
#ifndef HAVE_VMAP_UNLOCKED
#define dma_buf_vmap_unlocked			dma_buf_vmap
#define dma_buf_vunmap_unlocked			dma_buf_vunmap
#endif

struct slot {
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;
	enum dma_data_direction dir;
	struct iosys_map map;
	bool mapped;
};

struct importer {
	struct slot slots[IMPORTER_SLOTS];
	struct mutex lock;
};

static struct pci_dev *edu;
static void __iomem *edu_regs;
static DEFINE_MUTEX(edu_lock);

/* --- one step each -------------------------------------------------------------------------- */

static int step_attach(struct slot *s, struct importer_op *op)
{
	struct dma_buf_attachment *attach;
	struct dma_buf *dmabuf;

	if (s->dmabuf)
		return -EBUSY;
	dmabuf = dma_buf_get(op->fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	attach = dma_buf_attach(dmabuf, &edu->dev);
	if (IS_ERR(attach)) {
		dma_buf_put(dmabuf);
		return PTR_ERR(attach);
	}
	s->dmabuf = dmabuf;
	s->attach = attach;
	return 0;
}

static int step_map(struct slot *s, struct importer_op *op)
{
	struct scatterlist *sg;
	struct sg_table *sgt;
	int i;

	if (!s->dmabuf || op->dir > DMA_FROM_DEVICE)
		return -EINVAL;
	if (s->sgt)
		return -EBUSY;
	sgt = dma_buf_map_attachment_unlocked(s->attach, op->dir);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	s->sgt = sgt;
	s->dir = op->dir;
	op->out_len = 0;
	for_each_sgtable_dma_sg(sgt, sg, i)
		op->out_len += sg_dma_len(sg);
	return 0;
}

static int step_unmap(struct slot *s)
{
	if (!s->sgt)
		return -EINVAL;
	dma_buf_unmap_attachment_unlocked(s->attach, s->sgt, s->dir);
	s->sgt = NULL;
	return 0;
}

static int step_vmap(struct slot *s)
{
	int ret;

	if (!s->dmabuf)
		return -EINVAL;
	if (s->mapped)
		return -EBUSY;
	ret = dma_buf_vmap_unlocked(s->dmabuf, &s->map);
	s->mapped = !ret;
	return ret;
}

static int step_vunmap(struct slot *s)
{
	if (!s->mapped)
		return -EINVAL;
	dma_buf_vunmap_unlocked(s->dmabuf, &s->map);
	s->mapped = false;
	return 0;
}

static int step_detach(struct slot *s)
{
	if (!s->dmabuf)
		return -EINVAL;
	if (s->sgt || s->mapped)
		return -EBUSY;
	dma_buf_detach(s->dmabuf, s->attach);
	dma_buf_put(s->dmabuf);
	memset(s, 0, sizeof(*s));
	return 0;
}

static int step_cpu(struct slot *s, struct importer_op *op, bool begin)
{
	if (!s->dmabuf || op->dir > DMA_FROM_DEVICE)
		return -EINVAL;
	return begin ? dma_buf_begin_cpu_access(s->dmabuf, op->dir) :
		       dma_buf_end_cpu_access(s->dmabuf, op->dir);
}

static int step_rw(struct slot *s, struct importer_op *op, bool write)
{
	void __user *user = u64_to_user_ptr(op->addr);
	void *here;

	if (!s->mapped || s->map.is_iomem || op->off > s->dmabuf->size ||
	    op->len > s->dmabuf->size - op->off)
		return -EINVAL;
	here = s->map.vaddr + op->off;
	if (write)
		return copy_from_user(here, user, op->len) ? -EFAULT : 0;
	return copy_to_user(user, here, op->len) ? -EFAULT : 0;
}

/* --- edu ------------------------------------------------------------------------------------ */

/* Bus address of byte @off, if @len bytes from there are in one piece. */
static int slot_bus(const struct slot *s, u64 off, u64 len, dma_addr_t *bus)
{
	struct scatterlist *sg;
	int i;

	if (!s->sgt)
		return -EINVAL;
	for_each_sgtable_dma_sg(s->sgt, sg, i) {
		if (off < sg_dma_len(sg)) {
			*bus = sg_dma_address(sg) + off;
			return len <= sg_dma_len(sg) - off ? 0 : -EINVAL;
		}
		off -= sg_dma_len(sg);
	}
	return -EINVAL;
}

static int edu_dma(u64 src, u64 dst, u64 len, u32 cmd)
{
	int i;

	writeq(src, edu_regs + EDU_DMA_SRC);
	writeq(dst, edu_regs + EDU_DMA_DST);
	writeq(len, edu_regs + EDU_DMA_COUNT);
	writeq(cmd | EDU_CMD_START, edu_regs + EDU_DMA_CMD);
	for (i = 0; i < EDU_WAIT_MS / 20; i++) {
		if (!(readq(edu_regs + EDU_DMA_CMD) & EDU_CMD_START))
			return 0;
		msleep(20);
	}
	return -ETIMEDOUT;
}

static int step_dma(struct importer *im, struct importer_op *op)
{
	dma_addr_t from, to;
	int ret;

	if (op->to_slot >= IMPORTER_SLOTS || !op->len || op->len > IMPORTER_DMA_MAX)
		return -EINVAL;
	ret = slot_bus(&im->slots[op->slot], op->off, op->len, &from);
	if (!ret)
		ret = slot_bus(&im->slots[op->to_slot], op->to_off, op->len, &to);
	if (ret)
		return ret;
	mutex_lock(&edu_lock);
	ret = edu_dma(from, EDU_BUFFER, op->len, 0);
	if (!ret)
		ret = edu_dma(EDU_BUFFER, to, op->len, EDU_CMD_TO_RAM);
	mutex_unlock(&edu_lock);
	return ret;
}

/* --- the node ------------------------------------------------------------------------------- */

static int step(struct importer *im, unsigned int cmd, struct importer_op *op)
{
	struct slot *s = &im->slots[op->slot];

	switch (cmd) {
	case IMPORTER_ATTACH:	return step_attach(s, op);
	case IMPORTER_DETACH:	return step_detach(s);
	case IMPORTER_MAP:	return step_map(s, op);
	case IMPORTER_UNMAP:	return step_unmap(s);
	case IMPORTER_VMAP:	return step_vmap(s);
	case IMPORTER_VUNMAP:	return step_vunmap(s);
	case IMPORTER_BEGIN:	return step_cpu(s, op, true);
	case IMPORTER_END:	return step_cpu(s, op, false);
	case IMPORTER_READ:	return step_rw(s, op, false);
	case IMPORTER_WRITE:	return step_rw(s, op, true);
	case IMPORTER_DMA:	return step_dma(im, op);
	}
	return -ENOTTY;
}

static long importer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct importer *im = file->private_data;
	struct importer_op op;
	int ret;

	if (copy_from_user(&op, (void __user *)arg, sizeof(op)))
		return -EFAULT;
	if (op.slot >= IMPORTER_SLOTS)
		return -EINVAL;
	mutex_lock(&im->lock);
	ret = step(im, cmd, &op);
	mutex_unlock(&im->lock);
	if (!ret && copy_to_user((void __user *)arg, &op, sizeof(op)))
		ret = -EFAULT;
	return ret;
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *im = kzalloc(sizeof(*im), GFP_KERNEL);

	if (!im)
		return -ENOMEM;
	mutex_init(&im->lock);
	file->private_data = im;
	return 0;
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *im = file->private_data;
	int i;

	for (i = 0; i < IMPORTER_SLOTS; i++) {
		step_unmap(&im->slots[i]);
		step_vunmap(&im->slots[i]);
		step_detach(&im->slots[i]);
	}
	kfree(im);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mmapdemo-importer",
	.fops = &importer_fops,
	.mode = 0600,
};

static int edu_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int ret;

	ret = pcim_enable_device(pdev);
	if (!ret)
		ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	edu_regs = pcim_iomap(pdev, 0, 0);
	if (!edu_regs)
		return -ENOMEM;
	pci_set_master(pdev);
	edu = pdev;
	return misc_register(&importer_node);
}

static void edu_remove(struct pci_dev *pdev)
{
	misc_deregister(&importer_node);
	pci_clear_master(pdev);
}

static const struct pci_device_id edu_ids[] = {
	{ PCI_DEVICE(0x1234, 0x11e8) },
	{ }
};

/* Files that are open keep the module; nobody else takes the device away. */
static struct pci_driver edu_driver = {
	.name = "mmapdemo-importer",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
	.driver.suppress_bind_attrs = true,
};
module_pci_driver(edu_driver);

#ifdef HAVE_UNQUOTED_IMPORT_NS
MODULE_IMPORT_NS(DMA_BUF);
#else
MODULE_IMPORT_NS("DMA_BUF");
#endif
MODULE_DESCRIPTION("Imports dma-bufs into QEMU's edu device, for tests");
MODULE_LICENSE("Dual MIT/GPL");
