// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two MSI-X vectors.
 *
 * Not for: what the end of a transfer means, see dma.c.
 */
#include <linux/interrupt.h>
#include <linux/pci.h>

#include "mmapdemo_priv.h"

/*
 * In hard interrupt context, since the way from the device to the waiting process is what is being
 * measured. IRQ_STATUS is not cleared: a message is sent for each event, not for a bit that
 * changes.
 */
static irqreturn_t irq_dma(int irq, void *arg)
{
	mmapdemo_engine_irq(arg);
	return IRQ_HANDLED;
}

static irqreturn_t irq_sw(int irq, void *arg)
{
	struct mmapdemo_dev *mdev = arg;

	atomic64_inc(&mdev->num_sw_irqs);
	return IRQ_HANDLED;
}

/* Vectors and handlers; the device is not yet allowed to send. */
int mmapdemo_irq_init(struct mmapdemo_dev *mdev)
{
	static const irq_handler_t handlers[MMAPDEMO_NUM_CAUSES] = {
		[MMAPDEMO_VEC_DMA] = irq_dma,
		[MMAPDEMO_VEC_SW] = irq_sw,
	};
	static const char *const names[MMAPDEMO_NUM_CAUSES] = {
		[MMAPDEMO_VEC_DMA] = "dma",
		[MMAPDEMO_VEC_SW] = "sw",
	};
	struct device *dev = &mdev->pdev->dev;
	int i, ret;

	/* Managed: pcim_enable_device() frees them, after the handlers registered below. */
	ret = pci_alloc_irq_vectors(mdev->pdev, MMAPDEMO_NUM_CAUSES, MMAPDEMO_NUM_CAUSES,
				    PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(dev, ret, "cannot get %d MSI-X vectors\n",
				     MMAPDEMO_NUM_CAUSES);
	for (i = 0; i < MMAPDEMO_NUM_CAUSES; i++) {
		char *name = devm_kasprintf(dev, GFP_KERNEL, "mmapdemo%d-%s", mdev->instance,
					    names[i]);

		if (!name)
			return -ENOMEM;
		ret = devm_request_irq(dev, pci_irq_vector(mdev->pdev, i), handlers[i], 0, name,
				       mdev);
		if (ret)
			return dev_err_probe(dev, ret, "cannot request interrupt %d\n", i);
	}
	return 0;
}
