// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's registers: is this our device, is it still there, REG_READ and REG_WRITE.
 *
 * Not for: the DMA registers in use, see dma.c.
 */
#include <linux/io.h>
#include <linux/pci.h>

#include "mmapdemo_priv.h"

/*
 * Does the device decode its registers at this moment? A device that was pulled out reads as all
 * ones, one whose BAR is switched off as zero in QEMU: the ID is neither. One behind a bus that is
 * out of order is not asked.
 */
bool mmapdemo_hw_answers(struct mmapdemo_dev *mdev)
{
	return !READ_ONCE(mdev->engine.offline) &&
	       mmapdemo_readl(mdev, MMAPDEMO_REG_ID) == MMAPDEMO_ID;
}

/* Read who it is and what it can do; refuse what this driver was not written for. */
int mmapdemo_hw_identify(struct mmapdemo_dev *mdev)
{
	struct device *dev = &mdev->pdev->dev;
	u32 id, major;

	if (pci_channel_offline(mdev->pdev))
		return dev_err_probe(dev, -ENODEV,
				     "the bus did not recover from an error: remove the function and rescan\n");
	id = mmapdemo_readl(mdev, MMAPDEMO_REG_ID);
	if (id != MMAPDEMO_ID)
		return dev_err_probe(dev, -ENODEV,
				     "ID register reads %#x, not %#x: another device, or its BAR is off\n",
				     id, MMAPDEMO_ID);
	mdev->hw_version = mmapdemo_readl(mdev, MMAPDEMO_REG_VERSION);
	major = mdev->hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT;
	if (major != MMAPDEMO_VERSION_MAJOR)
		return dev_err_probe(dev, -ENODEV,
				     "device has contract version %u, driver knows %u: update the older\n",
				     major, MMAPDEMO_VERSION_MAJOR);

	mdev->features = mmapdemo_readq(mdev, MMAPDEMO_REG_FEATURES);
	mdev->dma_mask = mmapdemo_readq(mdev, MMAPDEMO_REG_DMA_MASK);
	mdev->dma_max_len = mmapdemo_readl(mdev, MMAPDEMO_REG_DMA_MAX_LEN);
	mdev->dma_max_sg = mmapdemo_readl(mdev, MMAPDEMO_REG_DMA_MAX_SG);
	if (!(mdev->features & MMAPDEMO_FEATURE_DMA_ONESHOT) || !mdev->dma_max_len)
		return dev_err_probe(dev, -ENODEV,
				     "device has no one-shot DMA engine (features %#llx)\n",
				     mdev->features);
	return 0;
}

/*
 * Each line of the data bus high and low, and addresses told apart: what is read back is the
 * complement, so neither a stuck bus nor the write still on its way can pass for an answer.
 */
int mmapdemo_hw_selftest(struct mmapdemo_dev *mdev)
{
	static const u32 patterns[] = {
		0x00000000, 0xffffffff, 0x55555555, 0xaaaaaaaa, 0x12345678,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(patterns) + 32; i++) {
		u32 wrote = i < 32 ? 1U << i : patterns[i - 32];
		u32 got;

		mmapdemo_writel(mdev, MMAPDEMO_REG_SELFTEST, wrote);
		got = mmapdemo_readl(mdev, MMAPDEMO_REG_SELFTEST);
		if (got != ~wrote)
			return dev_err_probe(&mdev->pdev->dev, -EIO,
					     "self-test: wrote %#x, read %#x, expected %#x: broken\n",
					     wrote, got, ~wrote);
	}
	return 0;
}

/*
 * As a function level reset of the device's own state; stops DMA, of queues too, before the write
 * has returned.
 */
void mmapdemo_hw_reset(struct mmapdemo_dev *mdev)
{
	lockdep_assert_held(&mdev->engine.lock);

	if (!mdev->engine.offline) {
		mmapdemo_writel(mdev, MMAPDEMO_REG_RESET, MMAPDEMO_RESET_KEY);
		/* Posted: the read comes back when the write has arrived. */
		mmapdemo_readl(mdev, MMAPDEMO_REG_ID);
	}
	mmapdemo_queues_lost(mdev);
}

/* What there is of queues and windows, before the first file is opened. */
int mmapdemo_queues_init(struct mmapdemo_dev *mdev)
{
	u64 room = pci_resource_len(mdev->pdev, MMAPDEMO_BAR_REGS) - MMAPDEMO_WINDOW_TABLE;
	u32 caps, windows;

	if (!mdev->doorbells.size)
		return 0;
	windows = mmapdemo_readl(mdev, MMAPDEMO_REG_WINDOW_COUNT);
	if (!windows || windows > MMAPDEMO_WINDOW_COUNT_MAX ||
	    windows * MMAPDEMO_WINDOW_STRIDE > room)
		return dev_err_probe(&mdev->pdev->dev, -ENODEV,
				     "WINDOW_COUNT is %u, and BAR0 has room for %llu\n", windows,
				     room / MMAPDEMO_WINDOW_STRIDE);
	mdev->num_queues = mdev->doorbells.size / MMAPDEMO_DOORBELL_STRIDE;
	mdev->num_windows = windows;

	caps = mmapdemo_readl(mdev, MMAPDEMO_REG_QUEUE_CAPS);
	mdev->queue_log2n_min = caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MIN;
	mdev->queue_log2n_max = (caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MAX) >>
				MMAPDEMO_QUEUE_CAPS_LOG2N_MAX_SHIFT;
	caps = mmapdemo_readl(mdev, MMAPDEMO_REG_WINDOW_CAPS);
	mdev->window_shift_max = (caps & MMAPDEMO_WINDOW_CAPS_SHIFT_MAX) >>
				 MMAPDEMO_WINDOW_CAPS_SHIFT_MAX_SHIFT;
	mdev->window_kinds = (caps & MMAPDEMO_WINDOW_CAPS_KINDS) >>
			     MMAPDEMO_WINDOW_CAPS_KINDS_SHIFT;
	mdev->queue_max_len = mmapdemo_readl(mdev, MMAPDEMO_REG_QUEUE_MAX_LEN);
	mdev->queue_max_list = mmapdemo_readl(mdev, MMAPDEMO_REG_QUEUE_MAX_LIST);
	mdev->engine_kind = mmapdemo_readl(mdev, MMAPDEMO_REG_ENGINE);
	return 0;
}

/**
 * mmapdemo_reg_get() - read a register for a process
 * @mdev: the device, inside the gate
 * @reg: offset in BAR0
 * @width: 4 or 8
 * @val: what was read
 *
 * Return: 0; -EIO while the function is being reset, and anything would read as all ones.
 */
int mmapdemo_reg_get(struct mmapdemo_dev *mdev, u32 reg, u32 width, u64 *val)
{
	int ret = 0;

	down_read(&mdev->mem.lock);
	if (mdev->mem.resetting)
		ret = -EIO;
	else
		*val = width == 8 ? mmapdemo_readq(mdev, reg) : mmapdemo_readl(mdev, reg);
	up_read(&mdev->mem.lock);
	return ret;
}

/* The same for writing, which would get lost. */
int mmapdemo_reg_set(struct mmapdemo_dev *mdev, u32 reg, u32 width, u64 val)
{
	int ret = 0;

	down_read(&mdev->mem.lock);
	if (mdev->mem.resetting)
		ret = -EIO;
	else if (width == 8)
		mmapdemo_writeq(mdev, reg, val);
	else
		mmapdemo_writel(mdev, reg, val);
	up_read(&mdev->mem.lock);
	return ret;
}

static int reg_check(struct mmapdemo_dev *mdev, const struct mmapdemo_reg_access *arg, bool write)
{
	const struct mmapdemo_reg_tables tables = {
		.num_queues = mdev->num_queues,
		.num_windows = mdev->num_windows,
	};

	return mmapdemo_reg_check(arg->offset, arg->width, write, mmapdemo_raw_allowed(), &tables);
}

int mmapdemo_ioctl_reg_read(struct mmapdemo_file *mf, struct mmapdemo_reg_access *arg)
{
	int ret;

	ret = reg_check(mf->mdev, arg, false);
	if (ret)
		return ret;
	return mmapdemo_reg_get(mf->mdev, arg->offset, arg->width, &arg->out_value);
}

int mmapdemo_ioctl_reg_write(struct mmapdemo_file *mf, struct mmapdemo_reg_access *arg)
{
	int ret;

	ret = reg_check(mf->mdev, arg, true);
	if (ret)
		return ret;
	if (!mf->may_write)
		return -EACCES;
	return mmapdemo_reg_set(mf->mdev, arg->offset, arg->width, arg->value);
}
