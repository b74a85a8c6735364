// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts: with MSI-X a vector per cause and per queue; else one MSI message, or one line, for
 * everything.
 *
 * Not for: what the end of a transfer means, see dma.c; whom a queue's interrupt is for, see
 * queue.c.
 */
#include <linux/bitops.h>
#include <linux/interrupt.h>
#include <linux/pci.h>

#include "mmapdemo_priv.h"

/*
 * In hard interrupt context, since the way from the device to the waiting process is what is being
 * measured. With a message of its own, no status register is read or cleared: one is sent for each
 * event, not for a bit that changes.
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

static irqreturn_t irq_queue(int irq, void *arg)
{
	struct mmapdemo_slot *slot = arg;

	mmapdemo_queue_irq(slot->mdev, slot->index);
	return IRQ_HANDLED;
}

/*
 * What has happened, of what this interrupt is for. Cleared first, and then acted upon: what
 * happens in between is a new event. A device that is gone reads as all ones, and has nothing to
 * say.
 */
static u64 take_queues(struct mmapdemo_dev *mdev)
{
	u64 queues;

	if (!mdev->num_queues)
		return 0;
	queues = mmapdemo_readq(mdev, MMAPDEMO_REG_QUEUE_IRQ_STATUS) &
		 GENMASK_ULL(mdev->num_queues - 1, 0);
	if (queues)
		mmapdemo_writeq(mdev, MMAPDEMO_REG_QUEUE_IRQ_STATUS, queues);
	return queues;
}

static irqreturn_t irq_all(int irq, void *arg)
{
	struct mmapdemo_dev *mdev = arg;
	u32 causes = mmapdemo_readl(mdev, MMAPDEMO_REG_IRQ_STATUS);
	u64 queues;

	if (causes & ~MMAPDEMO_IRQ_ALL)
		return IRQ_NONE;
	if (causes)
		mmapdemo_writel(mdev, MMAPDEMO_REG_IRQ_STATUS, causes);
	queues = take_queues(mdev);
	if (!causes && !queues)
		return IRQ_NONE;

	if (causes & MMAPDEMO_IRQ_DMA)
		irq_dma(irq, mdev);
	if (causes & MMAPDEMO_IRQ_SW)
		irq_sw(irq, mdev);
	for (; queues; queues &= queues - 1)
		mmapdemo_queue_irq(mdev, __ffs64(queues));
	return IRQ_HANDLED;
}

static int vector_request(struct mmapdemo_dev *mdev, unsigned int vector, irq_handler_t handler,
			  unsigned long flags, const char *what, void *arg)
{
	struct device *dev = &mdev->pdev->dev;
	char *name = devm_kasprintf(dev, GFP_KERNEL, "mmapdemo%d-%s", mdev->instance, what);
	int ret;

	if (!name)
		return -ENOMEM;
	ret = devm_request_irq(dev, pci_irq_vector(mdev->pdev, vector), handler, flags, name, arg);
	if (ret)
		return dev_err_probe(dev, ret, "cannot request interrupt %s\n", what);
	return 0;
}

static int vectors_request(struct mmapdemo_dev *mdev)
{
	unsigned int i;
	char name[16];
	int ret;

	ret = vector_request(mdev, MMAPDEMO_VEC_DMA, irq_dma, 0, "dma", mdev) ?:
	      vector_request(mdev, MMAPDEMO_VEC_SW, irq_sw, 0, "sw", mdev);
	for (i = 0; i < mdev->num_queues && !ret; i++) {
		snprintf(name, sizeof(name), "q%u", i);
		ret = vector_request(mdev, MMAPDEMO_VEC_QUEUE + i, irq_queue, 0, name,
				     &mdev->slots[i]);
	}
	return ret;
}

/* Vectors and handlers; the device is not yet allowed to send. */
int mmapdemo_irq_init(struct mmapdemo_dev *mdev)
{
	unsigned int want = MMAPDEMO_NUM_CAUSES + mdev->num_queues;
	struct pci_dev *pdev = mdev->pdev;
	int ret;

	/* Managed: pcim_enable_device() frees them, after the handlers registered below. */
	ret = pci_alloc_irq_vectors(pdev, want, want, PCI_IRQ_MSIX);
	if (ret > 0) {
		mdev->num_vectors = ret;
		return vectors_request(mdev);
	}
	ret = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSI | PCI_IRQ_INTX);
	if (ret < 0)
		return dev_err_probe(&pdev->dev, ret,
				     "cannot get %u MSI-X vectors, nor MSI, nor a line\n", want);
	return vector_request(mdev, 0, irq_all, pdev->msi_enabled ? 0 : IRQF_SHARED, "all", mdev);
}

/* What goes into register VECTOR. */
u32 mmapdemo_irq_vector(struct mmapdemo_dev *mdev, unsigned int queue)
{
	return mdev->num_vectors ? MMAPDEMO_VEC_QUEUE + queue : 0;
}
