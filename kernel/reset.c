// SPDX-License-Identifier: GPL-2.0-only
/*
 * What interrupts the device: resets, errors of the bus, sleep.
 *
 * All three are the same to who has it open: work in flight ends with EIO, queues and windows are
 * over, mappings of BARs are taken away, and files and memory stay.
 * Not for: what ends it, see pci.c.
 */
#include <linux/delay.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

/* --- reset ---------------------------------------------------------------------------------- */

/*
 * The core resets the function (sysfs, vfio, error recovery): between the two it saves and
 * restores the configuration, BARs, bus mastering and MSI-X included. Files, buffers and what is
 * in memory stay; transfers end with EIO; queues and windows are over, and their handles wait to be
 * destroyed; mappings of BARs are taken away, so that nobody goes on with registers that are not
 * what they were.
 */
static void reset_begin(struct mmapdemo_dev *mdev)
{
	mmapdemo_engine_reset_prepare(mdev);
	mmapdemo_mem_reset_prepare(mdev);
	mmapdemo_maps_revoke_bar(mdev);
}

static void reset_end(struct mmapdemo_dev *mdev)
{
	atomic_inc(&mdev->num_resets);
	mmapdemo_mem_reset_done(mdev);
	mmapdemo_engine_reset_done(mdev);
}

static void mmapdemo_reset_prepare(struct pci_dev *pdev)
{
	reset_begin(pci_get_drvdata(pdev));
}

static void mmapdemo_reset_done(struct pci_dev *pdev)
{
	struct mmapdemo_dev *mdev = pci_get_drvdata(pdev);

	/* One in the middle of the recovery from an error is not the end of it. */
	if (!mdev->recovering)
		reset_end(mdev);
}

/**
 * mmapdemo_dev_reset() - reset the device, from inside the driver
 * @mdev: the device; inside the gate, no lock is held
 * @epoch: of what has to end: another one, and it has
 *
 * When it returns the device makes no use of anything of that epoch: it has been reset, which ends
 * the queues of all files, or, if that cannot be done, has lost the bus until it behaves.
 *
 * A reset waits for the mmap_lock of processes, which nobody else does inside the gate. Nobody who
 * has one waits for the gate; who does, removal, has the lock of the device, and so has the reset.
 *
 * Return: 0 if it was reset, by whomever; -ENODEV: the device is gone, and stopped for ever; -EIO:
 * the bus was taken from it.
 */
int mmapdemo_dev_reset(struct mmapdemo_dev *mdev, u32 epoch)
{
	unsigned long end = jiffies + HZ;
	int ret;

	do {
		if (mmapdemo_dev_gone(mdev)) {
			mmapdemo_engine_stop(mdev);
			return -ENODEV;
		}
		/* Somebody is at it already, and the device can be neither seen nor told. */
		if (pci_channel_offline(mdev->pdev))
			break;
		ret = pci_try_reset_function(mdev->pdev);
		if (mmapdemo_epoch_is_over(mdev, epoch))
			return 0;
		usleep_range(5000, 10000);
	} while (ret == -EAGAIN && time_before(jiffies, end));

	spin_lock_irq(&mdev->engine.lock);
	mmapdemo_engine_isolate(mdev);
	spin_unlock_irq(&mdev->engine.lock);
	return -EIO;
}

/**
 * mmapdemo_dev_recover() - what the device was told to stop may not have stopped
 * @mdev: the device; inside the gate, no lock is held
 * @epoch: of what did not stop; it has, when this returns
 * @what: for people
 */
void mmapdemo_dev_recover(struct mmapdemo_dev *mdev, u32 epoch, const char *what)
{
	int ret = mmapdemo_dev_reset(mdev, epoch);

	if (ret != -ENODEV)
		dev_err_ratelimited(&mdev->dev,
				    "%s was told to stop and did not: %s; all queues have to be created again\n",
				    what, ret ? "device taken off the bus" : "device reset");
}

/* --- sleep ---------------------------------------------------------------------------------- */

/* Sleep with loss of power is a reset to the device, and the core saves and restores the same. */
static int mmapdemo_suspend(struct device *dev)
{
	mmapdemo_reset_prepare(to_pci_dev(dev));
	return 0;
}

static int mmapdemo_resume(struct device *dev)
{
	mmapdemo_reset_done(to_pci_dev(dev));
	return 0;
}

DEFINE_SIMPLE_DEV_PM_OPS(mmapdemo_pm_ops, mmapdemo_suspend, mmapdemo_resume);

/* --- errors of the bus ---------------------------------------------------------------------- */

/*
 * Recovery, as the PCI core leads it: error_detected(), for a fatal error a reset of the link, then
 * mmio_enabled() or slot_reset(), then resume(). It holds the lock of the device in each of them
 * and not between: the driver can be unbound there, and the function be reset.
 *
 * Of configuration space, what the core saved last may be older than a change, or be of a device
 * that answered with nothing: so the driver has what it set up, for as long as it is bound.
 */
static void config_free(void *arg)
{
	kfree(arg);
}

/**
 * mmapdemo_config_save() - keep configuration space for slot_reset()
 * @mdev: the device, interrupts set up
 */
int mmapdemo_config_save(struct mmapdemo_dev *mdev)
{
	struct pci_dev *pdev = mdev->pdev;

	/* Before 6.4 a driver had to ask for it; errors that nobody reports need no recovery. */
	pci_enable_pcie_error_reporting(pdev);
	pci_clear_master(pdev);
	pci_save_state(pdev);
	mdev->config = pci_store_saved_state(pdev);
	if (!mdev->config)
		return -ENOMEM;
	return devm_add_action_or_reset(&pdev->dev, config_free, mdev->config);
}

/* As removal. */
static pci_ers_result_t give_up(struct mmapdemo_dev *mdev, const char *why)
{
	if (!mmapdemo_dev_gone(mdev)) {
		dev_err(&mdev->dev, "%s: given up; bind it again when it is in order\n", why);
		mmapdemo_engine_offline(mdev, true);
		mmapdemo_mem_reset_prepare(mdev);
		mmapdemo_dev_end(mdev);
	}
	return PCI_ERS_RESULT_DISCONNECT;
}

/* @hears: its registers are there, and it is told to stop by them. */
static void error_begin(struct mmapdemo_dev *mdev, bool hears)
{
	mdev->recovering = true;
	if (!hears)
		mmapdemo_engine_offline(mdev, true);
	reset_begin(mdev);
}

/*
 * It is not known what was lost: a write to a register, a part of a transfer, a completion. So
 * nothing goes on. When this returns all calls are answered with EIO, and no register is touched
 * before resume(), which does not come if the link cannot be reset, and nobody says so.
 */
static pci_ers_result_t error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct mmapdemo_dev *mdev = pci_get_drvdata(pdev);
	bool answers = false;

	/* Said by some platforms, and by 7.x; not by the recovery of PCI Express before. */
	if (state == pci_channel_io_perm_failure)
		return give_up(mdev, "the bus did not recover from an error");

	error_begin(mdev, state == pci_channel_io_normal);
	if (state == pci_channel_io_normal) {
		answers = mmapdemo_hw_answers(mdev);
		mmapdemo_engine_offline(mdev, true);
	}
	return answers ? PCI_ERS_RESULT_CAN_RECOVER : PCI_ERS_RESULT_NEED_RESET;
}

/* After an error that was not fatal: the device has been reset by register, see reset_begin(). */
static pci_ers_result_t mmio_enabled(struct pci_dev *pdev)
{
	return mmapdemo_hw_selftest(pci_get_drvdata(pdev)) ? PCI_ERS_RESULT_NEED_RESET :
							      PCI_ERS_RESULT_RECOVERED;
}

/*
 * Configuration space is that of a device after power on; or, since an error that is not fatal need
 * not have led to a reset, of one that did not hear when it was told to stop. Either way it is
 * without the bus, until engine_revive() has reset it by register.
 */
static pci_ers_result_t slot_reset(struct pci_dev *pdev)
{
	struct mmapdemo_dev *mdev = pci_get_drvdata(pdev);

	/* Bound in between: to this binding it happens now. Else it would go on, and without the bus. */
	if (!mdev->recovering)
		error_begin(mdev, false);
	pci_load_saved_state(pdev, mdev->config);
	pci_restore_state(pdev);
	if (mmapdemo_hw_selftest(mdev))
		return give_up(mdev, "the device does not answer after an error of the bus");
	return PCI_ERS_RESULT_RECOVERED;
}

static void resume(struct pci_dev *pdev)
{
	struct mmapdemo_dev *mdev = pci_get_drvdata(pdev);

	/* Bound in between: then nothing was begun. */
	if (!mdev->recovering || mmapdemo_dev_gone(mdev))
		return;
	mdev->recovering = false;
	mmapdemo_engine_offline(mdev, false);
	reset_end(mdev);
	atomic64_inc(&mdev->num_recoveries);
}

const struct pci_error_handlers mmapdemo_err_handlers = {
	.error_detected = error_detected,
	.mmio_enabled = mmio_enabled,
	.slot_reset = slot_reset,
	.resume = resume,
	.reset_prepare = mmapdemo_reset_prepare,
	.reset_done = mmapdemo_reset_done,
};
