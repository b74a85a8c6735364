// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PCI driver: probe, remove, module.
 *
 * Not for: anything a process can ask for; what happens in between, see reset.c. probe and remove
 * are tables of contents: each line is a function of the file that owns the subject.
 */
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/security.h>

#include "mmapdemo_priv.h"

static bool allow_raw_bar;
module_param(allow_raw_bar, bool, 0644);
MODULE_PARM_DESC(allow_raw_bar, "let CAP_SYS_RAWIO map and access the control registers (N)");

bool mmapdemo_raw_enabled(void)
{
	return READ_ONCE(allow_raw_bar);
}

/*
 * The control block can make the device write to any memory: a door past every protection of the
 * kernel, and closed where the kernel is to be protected from root.
 */
bool mmapdemo_raw_allowed(void)
{
	return mmapdemo_raw_enabled() && capable(CAP_SYS_RAWIO) &&
	       !security_locked_down(LOCKDOWN_PCI_ACCESS);
}

/* --- the end of use -------------------------------------------------------------------------- */

/* The first thing that happens: who sleeps is woken before anything that takes time. */
static void close_gate(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_file *mf;

	mutex_lock(&mdev->open_lock);
	mdev->gone_since = jiffies;
	WRITE_ONCE(mdev->gone, true);
	list_for_each_entry(mf, &mdev->files, node)
		wake_up_all(&mf->wait);
	mutex_unlock(&mdev->open_lock);
	mmapdemo_queues_wake(mdev);
}

/* When it returns, the device moves no data, no process has a page-table entry, no call is in. */
static void end_use(struct mmapdemo_dev *mdev)
{
	/* Who slept is awake and leaves; who was on the way sees `gone`. Pairs with dev_enter(). */
	synchronize_srcu(&mdev->gate);
	mmapdemo_engine_stop(mdev);
	mmapdemo_dmaengine_stop(mdev);
	mmapdemo_maps_revoke(mdev);
}

/**
 * mmapdemo_dev_end() - the device is not to be used any more, for ever
 * @mdev: the device, which stays bound; its lock in the PCI core is held
 *
 * As removal, but for the node: it stays, and cannot be opened.
 */
void mmapdemo_dev_end(struct mmapdemo_dev *mdev)
{
	close_gate(mdev);
	end_use(mdev);
}

/* --- probe ---------------------------------------------------------------------------------- */

static void dev_put(void *arg)
{
	struct mmapdemo_dev *mdev = arg;

	put_device(&mdev->dev);
}

static int dev_create(struct pci_dev *pdev, struct mmapdemo_dev **out)
{
	struct mmapdemo_dev *mdev = mmapdemo_dev_create(pdev);

	if (IS_ERR(mdev))
		return PTR_ERR(mdev);
	pci_set_drvdata(pdev, mdev);
	*out = mdev;
	return devm_add_action_or_reset(&pdev->dev, dev_put, mdev);
}

/* Size and kind of a BAR, as the contract has them. */
static int check_bar(struct pci_dev *pdev, int bar, u64 min_size)
{
	if (!(pci_resource_flags(pdev, bar) & IORESOURCE_MEM) ||
	    pci_resource_len(pdev, bar) < min_size)
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "BAR%d is not memory of at least %#llx bytes: %pR\n",
				     bar, min_size, &pdev->resource[bar]);
	return 0;
}

static int claim_bars(struct mmapdemo_dev *mdev)
{
	struct pci_dev *pdev = mdev->pdev;
	int ret;

	ret = check_bar(pdev, MMAPDEMO_BAR_REGS, MMAPDEMO_BAR_REGS_SIZE_MIN);
	if (!ret)
		ret = check_bar(pdev, MMAPDEMO_BAR_MEM, MMAPDEMO_BAR_MEM_SIZE_MIN);
	if (!ret)
		ret = pcim_request_region(pdev, MMAPDEMO_BAR_REGS, "mmapdemo");
	if (!ret)
		ret = pcim_request_region(pdev, MMAPDEMO_BAR_MEM, "mmapdemo");
	if (ret)
		return ret;

	mdev->regs_phys = pci_resource_start(pdev, MMAPDEMO_BAR_REGS);
	mdev->mem.phys = pci_resource_start(pdev, MMAPDEMO_BAR_MEM);
	/* An object ends where the next offset begins. */
	mdev->mem.size = min_t(u64, pci_resource_len(pdev, MMAPDEMO_BAR_MEM), MMAPDEMO_OBJECT_MAX);
	return 0;
}

/* The type first: a plain mapping would hold the range as UC-minus on x86, see memtype.c. */
static int map_regs(struct mmapdemo_dev *mdev)
{
	int ret;

	ret = mmapdemo_memtype_reserve_regs(mdev);
	if (ret)
		return ret;
	mdev->regs = pcim_iomap(mdev->pdev, MMAPDEMO_BAR_REGS, 0);
	return mdev->regs ? 0 : -ENOMEM;
}

static int set_dma_mask(struct mmapdemo_dev *mdev)
{
	struct device *dev = &mdev->pdev->dev;
	unsigned int bits = mmapdemo_dma_bits(mdev->dma_mask);
	int ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits));
	if (ret)
		return dev_err_probe(dev, ret, "no memory is within the device's DMA mask %#llx\n",
				     mdev->dma_mask);
	/* An element of the device's list has a 32-bit length. */
	dma_set_max_seg_size(dev, UINT_MAX);
	return 0;
}

static void unmap_mem(void *arg)
{
	mmapdemo_mem_exit(arg);
}

static int map_mem(struct mmapdemo_dev *mdev)
{
	u64 size = mmapdemo_readq(mdev, MMAPDEMO_REG_MEM_SIZE);
	int ret;

	if (size < mdev->mem.size)
		return dev_err_probe(&mdev->pdev->dev, -ENODEV,
				     "MEM_SIZE is %#llx, but BAR2 has %#llx bytes\n",
				     size, mdev->mem.size);
	ret = mmapdemo_mem_init(mdev);
	if (ret)
		return dev_err_probe(&mdev->pdev->dev, ret, "cannot map BAR2 write-combining\n");
	return devm_add_action_or_reset(&mdev->pdev->dev, unmap_mem, mdev);
}

/* Windows of files that are still open keep neither their lists nor their buffers' memory. */
static void bufs_release(void *arg)
{
	mmapdemo_lists_release(arg);
	mmapdemo_bufs_release(arg);
}

static int create_regions(struct mmapdemo_dev *mdev)
{
	int ret;

	ret = devm_add_action_or_reset(&mdev->pdev->dev, bufs_release, mdev);
	return ret ?: mmapdemo_regions_create(mdev);
}

static void engine_stop(void *arg)
{
	mmapdemo_engine_stop(arg);
}

static int start_engine(struct mmapdemo_dev *mdev)
{
	int ret;

	ret = mmapdemo_engine_init(mdev);
	if (!ret)
		ret = mmapdemo_irq_init(mdev);
	/* With interrupts and without the bus: that is given back when the device behaves. */
	if (!ret)
		ret = mmapdemo_config_save(mdev);
	if (!ret)
		ret = devm_add_action_or_reset(&mdev->pdev->dev, engine_stop, mdev);
	if (ret)
		return ret;
	mmapdemo_engine_start(mdev);
	return 0;
}

/* It can be opened before this has succeeded, by who has a node of its number. */
static int add_node(struct mmapdemo_dev *mdev)
{
	int ret = mmapdemo_node_add(mdev);

	if (ret) {
		close_gate(mdev);
		end_use(mdev);
	}
	return ret;
}

static int mmapdemo_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct mmapdemo_dev *mdev;
	int ret;

	ret = dev_create(pdev, &mdev) ?:
	      pcim_enable_device(pdev) ?:
	      claim_bars(mdev) ?:
	      map_regs(mdev) ?:
	      mmapdemo_hw_identify(mdev) ?:
	      mmapdemo_hw_selftest(mdev) ?:
	      set_dma_mask(mdev) ?:
	      map_mem(mdev) ?:
	      mmapdemo_views_init(mdev) ?:
	      mmapdemo_queues_init(mdev) ?:
	      create_regions(mdev) ?:
	      start_engine(mdev) ?:
	      mmapdemo_dmaengine_init(mdev) ?:
	      add_node(mdev);
	if (ret)
		return ret;

	mmapdemo_debugfs_add(mdev);
	pci_info(pdev, "%s: %llu MiB of device memory, %u-bit DMA, %u queues, %u windows\n",
		 dev_name(&mdev->dev), mdev->mem.size >> 20, mmapdemo_dma_bits(mdev->dma_mask),
		 mdev->num_queues, mdev->num_windows);
	return 0;
}

/* --- remove --------------------------------------------------------------------------------- */

/*
 * What is left to devres (buffers, BAR2, interrupts, regions, the reference) is released after
 * this, in the opposite order of probe: when the device moves no data, no process has a page-table
 * entry, and no call is under way.
 */
static void mmapdemo_remove(struct pci_dev *pdev)
{
	struct mmapdemo_dev *mdev = pci_get_drvdata(pdev);

	close_gate(mdev);
	mmapdemo_node_del(mdev);
	mmapdemo_debugfs_del(mdev);
	end_use(mdev);
}

/* kexec and reboot: memory gets a new owner, and the device is not to write to it. */
static void mmapdemo_shutdown(struct pci_dev *pdev)
{
	mmapdemo_engine_stop(pci_get_drvdata(pdev));
}

static const struct pci_device_id mmapdemo_ids[] = {
	{ PCI_DEVICE(MMAPDEMO_PCI_VENDOR_ID, MMAPDEMO_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, mmapdemo_ids);

static struct pci_driver mmapdemo_driver = {
	.name = "mmapdemo",
	.id_table = mmapdemo_ids,
	.probe = mmapdemo_probe,
	.remove = mmapdemo_remove,
	.shutdown = mmapdemo_shutdown,
	.err_handler = &mmapdemo_err_handlers,
	.driver.pm = pm_sleep_ptr(&mmapdemo_pm_ops),
};

static int __init mmapdemo_init(void)
{
	int ret;

	ret = mmapdemo_cdev_init();
	if (ret)
		return ret;
	mmapdemo_debugfs_init();
	ret = pci_register_driver(&mmapdemo_driver);
	if (ret) {
		mmapdemo_debugfs_exit();
		mmapdemo_cdev_exit();
	}
	return ret;
}
module_init(mmapdemo_init);

static void __exit mmapdemo_exit(void)
{
	pci_unregister_driver(&mmapdemo_driver);
	mmapdemo_dmaengine_exit();
	mmapdemo_debugfs_exit();
	mmapdemo_cdev_exit();
}
module_exit(mmapdemo_exit);

MODULE_DESCRIPTION("mmapdemo: access to a PCI device without system calls");
MODULE_LICENSE("GPL");
