// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is mapped like registers but is none of BAR0's: doorbells (BAR1), and the first bytes of
 * device memory once more, by dispatch (BAR5).
 *
 * Not for: who owns a doorbell, see queue.c.
 */
#include <linux/io.h>

#include "mmapdemo_priv.h"

static void view_unmap(void *arg)
{
	struct mmapdemo_view *v = arg;

	mmapdemo_memtype_unmap(v->view, v->phys, v->size, MMAPDEMO_CACHE_UC);
}

/*
 * Claim a BAR and hold its cache type, for all of it, as long as the driver is bound. One that got
 * no place in the address space costs what it is for, and nothing else.
 */
static int view_init(struct mmapdemo_dev *mdev, struct mmapdemo_view *v, int bar, u64 size,
		     const char *what)
{
	struct pci_dev *pdev = mdev->pdev;
	int ret;

	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, bar) < size) {
		pci_warn(pdev, "BAR%d is not memory of at least %#llx bytes: %pR: no %s\n", bar, size,
			 &pdev->resource[bar], what);
		return 0;
	}
	ret = pcim_request_region(pdev, bar, "mmapdemo");
	if (ret)
		return ret;
	v->phys = pci_resource_start(pdev, bar);
	v->view = mmapdemo_memtype_map(v->phys, size, MMAPDEMO_CACHE_UC);
	if (!v->view)
		return -ENOMEM;
	v->size = size;
	return devm_add_action_or_reset(&pdev->dev, view_unmap, v);
}

/* What a device of an earlier contract does not have is left out. */
int mmapdemo_views_init(struct mmapdemo_dev *mdev)
{
	u32 queues;
	int ret = 0;

	if (mdev->features & MMAPDEMO_FEATURE_QUEUES) {
		queues = mmapdemo_readl(mdev, MMAPDEMO_REG_QUEUE_COUNT);
		if (!queues || queues > MMAPDEMO_QUEUE_COUNT_MAX)
			return dev_err_probe(&mdev->pdev->dev, -ENODEV,
					     "QUEUE_COUNT is %u, not 1 to %u\n", queues,
					     MMAPDEMO_QUEUE_COUNT_MAX);
		ret = view_init(mdev, &mdev->doorbells, MMAPDEMO_BAR_DOORBELL,
				queues * MMAPDEMO_DOORBELL_STRIDE, "queues");
	}
	if (!ret && (mdev->features & MMAPDEMO_FEATURE_ALIAS))
		ret = view_init(mdev, &mdev->alias, MMAPDEMO_BAR_ALIAS,
				min_t(u64, MMAPDEMO_BAR_ALIAS_SIZE, mdev->mem.size), "region ALIAS");
	return ret;
}

/* --- doorbells: a write is a kick, a read is 0 ---------------------------------------------- */

static int doorbell_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	memset(to, 0, len);
	return 0;
}

/* By system call, for comparison. The page is the caller's, and what is written has no meaning. */
static int doorbell_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	struct mmapdemo_dev *mdev = buf->mdev;
	int ret = 0;

	down_read(&mdev->mem.lock);
	if (mdev->mem.resetting)
		ret = -EIO;
	else
		writel(0, mdev->doorbells.view + (buf->phys - mdev->doorbells.phys) + off);
	up_read(&mdev->mem.lock);
	return ret;
}

const struct mmapdemo_technique mmapdemo_tech_doorbell = {
	.id = MMAPDEMO_TECH_BAR,
	.name = "doorbell",
	.where = MMAPDEMO_IN_REGS,
	.free = mmapdemo_regs_free,
	.map = mmapdemo_regs_map,
	.read = doorbell_read,
	.write = doorbell_write,
};

/* --- BAR5 ----------------------------------------------------------------------------------- */

static int alias_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	struct mmapdemo_dev *mdev = buf->mdev;
	int ret = 0;

	down_read(&mdev->mem.lock);
	if (mdev->mem.resetting)
		ret = -EIO;
	else
		memcpy_fromio(to, mdev->alias.view + off, len);
	up_read(&mdev->mem.lock);
	return ret;
}

static int alias_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	struct mmapdemo_dev *mdev = buf->mdev;
	int ret = 0;

	down_read(&mdev->mem.lock);
	if (mdev->mem.resetting)
		ret = -EIO;
	else
		memcpy_toio(mdev->alias.view + off, from, len);
	up_read(&mdev->mem.lock);
	return ret;
}

const struct mmapdemo_technique mmapdemo_tech_alias = {
	.id = MMAPDEMO_TECH_BAR,
	.name = "alias",
	.where = MMAPDEMO_IN_REGS,
	.free = mmapdemo_regs_free,
	.map = mmapdemo_regs_map,
	.read = alias_read,
	.write = alias_write,
};
