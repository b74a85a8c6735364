// SPDX-License-Identifier: GPL-2.0-only
/*
 * What programs and administrators may rely on, in /sys/class/mmapdemo/<device>/: one value a file.
 * An interface: what is here is described in docs/abi/sysfs-class-mmapdemo, and stays.
 *
 * Not for: lists of what there is, see debugfs.c; what needs an open file, see ioctl INFO. No
 * physical or bus address: everybody may read these.
 *
 * The files are there before udev hears of the device, and device_del() waits for whoever is in one
 * of them: what they read is there, the gate is not needed.
 */
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "mmapdemo_priv.h"

static struct mmapdemo_dev *to_mdev(struct device *dev)
{
	return container_of(dev, struct mmapdemo_dev, dev);
}

#define HW_MAJOR(version)	((version) >> MMAPDEMO_VERSION_MAJOR_SHIFT)
#define HW_MINOR(version)	((version) & MMAPDEMO_VERSION_MINOR_MASK)

/* What is read: a format and its values, which may use mdev. */
#define SHOW(_name, _format, ...)						\
static ssize_t _name##_show(struct device *dev, struct device_attribute *attr,	\
			    char *buf)						\
{										\
	struct mmapdemo_dev *mdev __maybe_unused = to_mdev(dev);		\
										\
	return sysfs_emit(buf, _format "\n", __VA_ARGS__);			\
}

/* --- what it is ------------------------------------------------------------------------------- */

SHOW(api_version, "%u", MMAPDEMO_API_VERSION)
static DEVICE_ATTR_RO(api_version);
SHOW(hw_version, "%u.%u", HW_MAJOR(mdev->hw_version), HW_MINOR(mdev->hw_version))
static DEVICE_ATTR_RO(hw_version);
SHOW(mem_size, "%llu", mdev->mem.size)
static DEVICE_ATTR_RO(mem_size);
SHOW(mem_cache, "%s", READ_ONCE(mdev->mem.cache) == MMAPDEMO_CACHE_WC ? "wc" : "uc")
static DEVICE_ATTR_RO(mem_cache);
SHOW(num_queues, "%u", mdev->num_queues)
static DEVICE_ATTR_RO(num_queues);
SHOW(num_windows, "%u", mdev->num_windows)
static DEVICE_ATTR_RO(num_windows);

static ssize_t techniques_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	unsigned long map = mmapdemo_techniques(to_mdev(dev));
	unsigned int id;
	int len = 0;

	for_each_set_bit(id, &map, BITS_PER_TYPE(u32))
		len += sysfs_emit_at(buf, len, "%s%s", len ? " " : "",
				     mmapdemo_technique_name(id));
	return len + sysfs_emit_at(buf, len, "\n");
}
static DEVICE_ATTR_RO(techniques);

static struct attribute *mmapdemo_attrs[] = {
	&dev_attr_api_version.attr,
	&dev_attr_hw_version.attr,
	&dev_attr_mem_size.attr,
	&dev_attr_mem_cache.attr,
	&dev_attr_num_queues.attr,
	&dev_attr_num_windows.attr,
	&dev_attr_techniques.attr,
	NULL
};

static const struct attribute_group mmapdemo_group = {
	.attrs = mmapdemo_attrs,
};

/* --- limits: of one open file, as INFO tells them; of the device, to be changed ----------------- */

SHOW(max_bufs, "%u", mmapdemo_max_bufs)
static DEVICE_ATTR_RO(max_bufs);
SHOW(max_bytes, "%lu", mmapdemo_max_bytes)
static DEVICE_ATTR_RO(max_bytes);
SHOW(max_queues, "%u", mmapdemo_queues_limit(mdev))
static DEVICE_ATTR_RO(max_queues);
SHOW(max_windows, "%u", mmapdemo_windows_limit(mdev))
static DEVICE_ATTR_RO(max_windows);
SHOW(max_transfers, "%u", mmapdemo_max_xfers)
static DEVICE_ATTR_RO(max_transfers);

SHOW(max_dev_bufs, "%u", READ_ONCE(mdev->max_bufs))

static ssize_t max_dev_bufs_store(struct device *dev, struct device_attribute *attr,
				  const char *buf, size_t count)
{
	struct mmapdemo_dev *mdev = to_mdev(dev);
	u32 val;
	int ret;

	ret = kstrtou32(buf, 0, &val);
	if (ret)
		return ret;
	mmapdemo_limit_bufs(mdev, val);
	return count;
}
static DEVICE_ATTR_RW(max_dev_bufs);

SHOW(max_dev_bytes, "%llu", READ_ONCE(mdev->max_bytes))

static ssize_t max_dev_bytes_store(struct device *dev, struct device_attribute *attr,
				   const char *buf, size_t count)
{
	struct mmapdemo_dev *mdev = to_mdev(dev);
	u64 val;
	int ret;

	ret = kstrtou64(buf, 0, &val);
	if (ret)
		return ret;
	mmapdemo_limit_bytes(mdev, val);
	return count;
}
static DEVICE_ATTR_RW(max_dev_bytes);

static struct attribute *limits_attrs[] = {
	&dev_attr_max_bufs.attr,
	&dev_attr_max_bytes.attr,
	&dev_attr_max_queues.attr,
	&dev_attr_max_windows.attr,
	&dev_attr_max_transfers.attr,
	&dev_attr_max_dev_bufs.attr,
	&dev_attr_max_dev_bytes.attr,
	NULL
};

static const struct attribute_group limits_group = {
	.name = "limits",
	.attrs = limits_attrs,
};

/* --- what is in use at this moment, by all files together --------------------------------------- */

struct usage {
	u32 files;
	u32 queues;
	u32 windows;
};

static struct usage usage_get(struct mmapdemo_dev *mdev)
{
	struct usage u = {};
	struct mmapdemo_file *mf;

	mutex_lock(&mdev->open_lock);
	mutex_lock(&mdev->queue_lock);
	list_for_each_entry(mf, &mdev->files, node) {
		u.files++;
		u.queues += mf->num_queues;
		u.windows += mf->num_windows;
	}
	mutex_unlock(&mdev->queue_lock);
	mutex_unlock(&mdev->open_lock);
	return u;
}

SHOW(files, "%u", usage_get(mdev).files)
static DEVICE_ATTR_RO(files);
SHOW(queues, "%u", usage_get(mdev).queues)
static DEVICE_ATTR_RO(queues);
SHOW(windows, "%u", usage_get(mdev).windows)
static DEVICE_ATTR_RO(windows);
SHOW(bufs, "%u", READ_ONCE(mdev->num_bufs))
static DEVICE_ATTR_RO(bufs);
SHOW(bytes, "%llu", READ_ONCE(mdev->num_bytes))
static DEVICE_ATTR_RO(bytes);
SHOW(mem_bytes, "%llu", mdev->mem.size - mmapdemo_mem_free_bytes(mdev))
static DEVICE_ATTR_RO(mem_bytes);

static struct attribute *usage_attrs[] = {
	&dev_attr_files.attr,
	&dev_attr_bufs.attr,
	&dev_attr_bytes.attr,
	&dev_attr_mem_bytes.attr,
	&dev_attr_queues.attr,
	&dev_attr_windows.attr,
	NULL
};

static const struct attribute_group usage_group = {
	.name = "usage",
	.attrs = usage_attrs,
};

/* --- counts since the driver was bound ----------------------------------------------------------- */

SHOW(transfers, "%llu", READ_ONCE(mdev->engine.last_seq))
static DEVICE_ATTR_RO(transfers);
SHOW(dma_interrupts, "%lld", atomic64_read(&mdev->engine.num_irqs))
static DEVICE_ATTR_RO(dma_interrupts);
SHOW(dma_timeouts, "%lld", atomic64_read(&mdev->engine.num_timeouts))
static DEVICE_ATTR_RO(dma_timeouts);
SHOW(sw_interrupts, "%lld", atomic64_read(&mdev->num_sw_irqs))
static DEVICE_ATTR_RO(sw_interrupts);
SHOW(resets, "%u", atomic_read(&mdev->num_resets))
static DEVICE_ATTR_RO(resets);

static struct attribute *statistics_attrs[] = {
	&dev_attr_transfers.attr,
	&dev_attr_dma_interrupts.attr,
	&dev_attr_dma_timeouts.attr,
	&dev_attr_sw_interrupts.attr,
	&dev_attr_resets.attr,
	NULL
};

static const struct attribute_group statistics_group = {
	.name = "statistics",
	.attrs = statistics_attrs,
};

const struct attribute_group *mmapdemo_sysfs_groups[] = {
	&mmapdemo_group,
	&limits_group,
	&usage_group,
	&statistics_group,
	NULL
};
