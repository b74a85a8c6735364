// SPDX-License-Identifier: GPL-2.0-only
/*
 * The calls about queues and windows. A device without queues: nothing to be had.
 */
#include "mmapdemo_priv.h"

int mmapdemo_ioctl_queue_create(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg)
{
	return -EOPNOTSUPP;
}

void mmapdemo_ioctl_queue_create_undo(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg)
{
}

int mmapdemo_ioctl_queue_destroy(struct mmapdemo_file *mf, struct mmapdemo_queue_destroy *arg)
{
	return -ENOENT;
}

int mmapdemo_ioctl_queue_info(struct mmapdemo_file *mf, struct mmapdemo_queue_info *arg)
{
	return -ENOENT;
}

int mmapdemo_ioctl_window_create(struct mmapdemo_file *mf, struct mmapdemo_window_create *arg)
{
	return -EOPNOTSUPP;
}

void mmapdemo_ioctl_window_create_undo(struct mmapdemo_file *mf,
				       struct mmapdemo_window_create *arg)
{
}

int mmapdemo_ioctl_window_destroy(struct mmapdemo_file *mf, struct mmapdemo_window_destroy *arg)
{
	return -ENOENT;
}
