// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many buffers, and how much system memory, one open file and one device may have.
 *
 * Not for: queues, windows and transfers, see where they are made; whether there is that much, nor
 * what a process may have: memory is charged to it where it is allocated (GFP_KERNEL_ACCOUNT), or
 * pinned (RLIMIT_MEMLOCK, map_userptr.c).
 */
#include <linux/moduleparam.h>

#include "mmapdemo_priv.h"

unsigned int mmapdemo_max_bufs = 256;
module_param_named(max_bufs, mmapdemo_max_bufs, uint, 0444);
MODULE_PARM_DESC(max_bufs, "most buffers of one open file (256)");

unsigned long mmapdemo_max_bytes = SZ_256M;
module_param_named(max_bytes, mmapdemo_max_bytes, ulong, 0444);
MODULE_PARM_DESC(max_bytes, "most bytes of system memory of one open file (256 MiB)");

static unsigned int max_dev_bufs = 65536;
module_param(max_dev_bufs, uint, 0444);
MODULE_PARM_DESC(max_dev_bufs, "most buffers of one device, all files together, at first (65536)");

static unsigned long max_dev_bytes = SZ_1G;
module_param(max_dev_bytes, ulong, 0444);
MODULE_PARM_DESC(max_dev_bytes,
		 "most bytes of system memory of one device, all files together, at first (1 GiB)");

void mmapdemo_limits_init(struct mmapdemo_dev *mdev)
{
	mdev->max_bufs = max_dev_bufs;
	mdev->max_bytes = max_dev_bytes;
}

/* Takes nothing away: who is over a new limit gets nothing more. */
void mmapdemo_limit_bufs(struct mmapdemo_dev *mdev, u32 max)
{
	spin_lock(&mdev->buf_lock);
	WRITE_ONCE(mdev->max_bufs, max);
	spin_unlock(&mdev->buf_lock);
}

void mmapdemo_limit_bytes(struct mmapdemo_dev *mdev, u64 max)
{
	spin_lock(&mdev->buf_lock);
	WRITE_ONCE(mdev->max_bytes, max);
	spin_unlock(&mdev->buf_lock);
}

static bool fits(u64 have, u64 more, u64 most)
{
	return have <= most && more <= most - have;
}

static u64 bytes_of(const struct mmapdemo_technique *tech, u64 len)
{
	return tech->where == MMAPDEMO_IN_RAM ? len : 0;
}

/**
 * mmapdemo_charge() - count a buffer that is to be made
 * @mf: the file
 * @tech: how it is to be made; device memory counts as a handle alone
 * @len: bytes
 * @handles: 1; or 0, of what has bytes but no handle, like the ring of a queue
 *
 * Return: 0; -EDQUOT if the file or the device has too much already, and nothing is counted.
 */
int mmapdemo_charge(struct mmapdemo_file *mf, const struct mmapdemo_technique *tech, u64 len,
		    u32 handles)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	u64 bytes = bytes_of(tech, len);
	int ret = -EDQUOT;

	spin_lock(&mdev->buf_lock);
	if (fits(mf->num_bufs, handles, mmapdemo_max_bufs) &&
	    fits(mf->num_bytes, bytes, mmapdemo_max_bytes) &&
	    fits(mdev->num_bufs, handles, mdev->max_bufs) &&
	    fits(mdev->num_bytes, bytes, mdev->max_bytes)) {
		mf->num_bufs += handles;
		mf->num_bytes += bytes;
		WRITE_ONCE(mdev->num_bufs, mdev->num_bufs + handles);
		WRITE_ONCE(mdev->num_bytes, mdev->num_bytes + bytes);
		ret = 0;
	}
	spin_unlock(&mdev->buf_lock);
	return ret;
}

/* What lived gives its handle back when that is dropped, and its bytes when the memory is free. */
void mmapdemo_uncharge(struct mmapdemo_file *mf, const struct mmapdemo_technique *tech, u64 len,
		       u32 handles)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	u64 bytes = bytes_of(tech, len);

	spin_lock(&mdev->buf_lock);
	mf->num_bufs -= handles;
	mf->num_bytes -= bytes;
	WRITE_ONCE(mdev->num_bufs, mdev->num_bufs - handles);
	WRITE_ONCE(mdev->num_bytes, mdev->num_bytes - bytes);
	spin_unlock(&mdev->buf_lock);
}
