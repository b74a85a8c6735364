// SPDX-License-Identifier: GPL-2.0-only
/*
 * The node /dev/mmapdemoN, its files, and the object that stands for a device.
 *
 * Not for: mmap(2) and ioctl(2), see mmap.c and ioctl.c; poll(2), see xfer.c.
 */
#include <linux/cdev.h>
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"

#define MAX_DEVICES	256

/* Minors of the second nodes come after those of all first ones. */
#ifdef HAVE_MMAP_PREPARE
#define NUM_MINORS	(2 * MAX_DEVICES)
#else
#define NUM_MINORS	MAX_DEVICES
#endif

static dev_t first_devt;
static DEFINE_IDA(instances);
static atomic_t num_devs;
static DECLARE_WAIT_QUEUE_HEAD(devs_released);
static struct vfsmount *inode_mnt;

static struct class mmapdemo_class = {
	.name = "mmapdemo",
};

/*
 * A file system that is never visible: it holds an inode per device, and that holds the address
 * space of all of its mappings. The node's own would not do: there can be several nodes of one
 * device.
 */
static int inode_fs_init(struct fs_context *fc)
{
	return init_pseudo(fc, 0x4d4d4431) ? 0 : -ENOMEM;	/* "MMD1" */
}

/* No owner: the mount below would count as a user of the module, and keep it loaded for ever. */
static struct file_system_type inode_fs = {
	.name = "mmapdemo",
	.init_fs_context = inode_fs_init,
	.kill_sb = kill_anon_super,
};

/* --- files ---------------------------------------------------------------------------------- */

/* Who is asking, for policy.c. A file that was passed on is a delegation; a capability is not. */
u32 mmapdemo_file_access(const struct mmapdemo_file *mf)
{
	return (mf->exclusive ? MMAPDEMO_WHO_EXCLUSIVE : 0) |
	       (mmapdemo_raw_allowed() ? MMAPDEMO_WHO_RAW : 0);
}

static int file_add(struct mmapdemo_file *mf)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	int ret = 0;

	mutex_lock(&mdev->open_lock);
	if (mdev->gone)
		ret = -ENODEV;
	else if (mdev->exclusive || (mf->exclusive && !list_empty(&mdev->files)))
		ret = -EBUSY;
	if (!ret) {
		list_add_tail(&mf->node, &mdev->files);
		if (mf->exclusive)
			mdev->exclusive = mf;
	}
	mutex_unlock(&mdev->open_lock);
	return ret;
}

static void file_del(struct mmapdemo_file *mf)
{
	struct mmapdemo_dev *mdev = mf->mdev;

	mutex_lock(&mdev->open_lock);
	list_del(&mf->node);
	if (mf->exclusive)
		mdev->exclusive = NULL;
	mutex_unlock(&mdev->open_lock);
}

/* Who is alone may see all of BAR2. Nobody else can open the node any more, nor has it open. */
static int file_clean_mem(struct mmapdemo_file *mf)
{
	int idx, ret;

	if (!mf->exclusive)
		return 0;
	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	ret = mmapdemo_mem_clean(mf->mdev);
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

static int dev_open(struct mmapdemo_dev *mdev, struct file *file)
{
	struct mmapdemo_file *mf;
	unsigned int i;
	int ret;

	mf = kzalloc(sizeof(*mf), GFP_KERNEL_ACCOUNT);
	if (!mf)
		return -ENOMEM;
	mf->mdev = mdev;
	mf->file = file;
	mf->exclusive = file->f_flags & O_EXCL;
	mf->may_write = file->f_mode & FMODE_WRITE;
	INIT_LIST_HEAD(&mf->handles);
	INIT_LIST_HEAD(&mf->xfers);
	INIT_LIST_HEAD(&mf->done);
	INIT_LIST_HEAD(&mf->queues);
	INIT_LIST_HEAD(&mf->windows);
	init_waitqueue_head(&mf->wait);
	for (i = 0; i < MMAPDEMO_SLOT_HINTS; i++)
		mf->slot_hints[i] = &mdev->slots[0];
	ret = file_add(mf);
	if (ret)
		goto free;
	ret = file_clean_mem(mf);
	if (ret)
		goto del;
	get_device(&mdev->dev);
	file->private_data = mf;
	file->f_mapping = mdev->inode->i_mapping;
	return 0;

del:
	file_del(mf);
free:
	kfree(mf);
	return ret;
}

static int mmapdemo_open(struct inode *inode, struct file *file)
{
	return dev_open(container_of(inode->i_cdev, struct mmapdemo_dev, cdev), file);
}

/* The whole of BAR2 was this file's: what it left there is not for the next one. */
static void file_wipe(struct mmapdemo_file *mf)
{
	int idx;

	if (mf->mem_dirty_start == mf->mem_dirty_end || mmapdemo_dev_enter(mf->mdev, &idx))
		return;
	mmapdemo_mem_zero(mf->mdev, mf->mem_dirty_start, mf->mem_dirty_end - mf->mem_dirty_start);
	mmapdemo_dev_exit(mf->mdev, idx);
}

/* The last descriptor is closed and the last mapping gone: nothing else uses the file. */
static int mmapdemo_release(struct inode *inode, struct file *file)
{
	struct mmapdemo_file *mf = file->private_data;
	struct mmapdemo_dev *mdev = mf->mdev;

	/* What the device uses first, then what it used. */
	mmapdemo_queues_drop(mf);
	mmapdemo_windows_drop(mf);
	mmapdemo_domain_put(mf);
	mmapdemo_xfers_drop(mf);
	mmapdemo_bufs_drop(mf);
	file_wipe(mf);

	file_del(mf);

	if (mf->eventfd)
		eventfd_ctx_put(mf->eventfd);
	kfree(mf);
	put_device(&mdev->dev);
	return 0;
}

/*
 * By way of kernel memory, a chunk at a time: the object is accessed inside the gate, the user's
 * memory outside of it. A few bytes, a register say, need no allocation.
 */
static ssize_t file_rw(struct file *file, char __user *ubuf, size_t count, loff_t *pos, bool write)
{
	struct mmapdemo_file *mf = file->private_data;
	u64 id = mmapdemo_offset_to_id(*pos);
	u64 off = mmapdemo_offset_in_object(*pos);
	size_t size = min_t(size_t, count, MMAPDEMO_CHUNK);
	u64 small[8];
	void *buf = small;
	size_t done = 0;
	ssize_t ret = 0;

	if (size > sizeof(small)) {
		buf = kvmalloc(size, GFP_KERNEL);
		if (!buf)
			return -ENOMEM;
	}
	do {
		size_t n = min(size, count - done);

		if (write && copy_from_user(buf, ubuf + done, n)) {
			ret = -EFAULT;
			break;
		}
		ret = mmapdemo_buf_rw(mf, id, off + done, buf, n, write);
		if (ret <= 0)
			break;
		if (!write && copy_to_user(ubuf + done, buf, ret)) {
			ret = -EFAULT;
			break;
		}
		done += ret;
		if (ret < n)
			break;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		cond_resched();
	} while (done < count);

	if (buf != small)
		kvfree(buf);
	*pos += done;
	return done ?: ret;
}

static ssize_t mmapdemo_read(struct file *file, char __user *ubuf, size_t count, loff_t *pos)
{
	return file_rw(file, ubuf, count, pos, false);
}

static ssize_t mmapdemo_write(struct file *file, const char __user *ubuf, size_t count, loff_t *pos)
{
	return file_rw(file, (char __user *)ubuf, count, pos, true);
}

/* Any position may be an offset of an object; the end, if one is asked for, is the example's. */
static loff_t mmapdemo_llseek(struct file *file, loff_t off, int whence)
{
	if (whence != SEEK_SET && whence != SEEK_CUR && whence != SEEK_END)
		return -EINVAL;
	return generic_file_llseek_size(file, off, whence, LLONG_MAX, 4 * PAGE_SIZE);
}

#define FOPS_COMMON \
	.owner = THIS_MODULE, \
	.release = mmapdemo_release, \
	.read = mmapdemo_read, \
	.write = mmapdemo_write, \
	.llseek = mmapdemo_llseek, \
	.get_unmapped_area = mmapdemo_get_unmapped_area, \
	.poll = mmapdemo_poll, \
	.unlocked_ioctl = mmapdemo_ioctl, \
	.compat_ioctl = compat_ptr_ioctl, \
	.uring_cmd = mmapdemo_uring_cmd

static const struct file_operations mmapdemo_fops = {
	.open = mmapdemo_open,
	.mmap = mmapdemo_mmap,
	FOPS_COMMON
};

#ifdef HAVE_MMAP_PREPARE
static int mmapdemo_prepare_open(struct inode *inode, struct file *file)
{
	return dev_open(container_of(inode->i_cdev, struct mmapdemo_dev, prepare_cdev), file);
}

/* A node of its own: the core refuses a file that has both. */
static const struct file_operations mmapdemo_prepare_fops = {
	.open = mmapdemo_prepare_open,
	.mmap_prepare = mmapdemo_mmap_prepare,
	FOPS_COMMON
};

/*
 * /dev/mmapdemo-prepareN, the same device with the other way to map. It opens nothing that the first
 * node does not, and lives as long.
 */
static int prepare_node_add(struct mmapdemo_dev *mdev)
{
	dev_t devt = first_devt + MAX_DEVICES + mdev->instance;
	struct device *dev;
	int ret;

	cdev_init(&mdev->prepare_cdev, &mmapdemo_prepare_fops);
	mdev->prepare_cdev.owner = THIS_MODULE;
	cdev_set_parent(&mdev->prepare_cdev, &mdev->dev.kobj);
	ret = cdev_add(&mdev->prepare_cdev, devt, 1);
	if (ret)
		return ret;
	dev = device_create(&mmapdemo_class, &mdev->dev, devt, NULL, "mmapdemo-prepare%d",
			    mdev->instance);
	if (IS_ERR(dev)) {
		cdev_del(&mdev->prepare_cdev);
		return PTR_ERR(dev);
	}
	mdev->prepare_dev = dev;
	return 0;
}

static void prepare_node_del(struct mmapdemo_dev *mdev)
{
	device_unregister(mdev->prepare_dev);
	cdev_del(&mdev->prepare_cdev);
}
#else
static int prepare_node_add(struct mmapdemo_dev *mdev)
{
	return 0;
}

static void prepare_node_del(struct mmapdemo_dev *mdev)
{
}
#endif

/* --- INFO ----------------------------------------------------------------------------------- */

static bool dma_is_translated(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY;
}

int mmapdemo_ioctl_info(struct mmapdemo_file *mf, struct mmapdemo_info *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;

	arg->out_api_version = MMAPDEMO_API_VERSION;
	arg->out_hw_version = mdev->hw_version;
	arg->out_features = mdev->features;
	arg->out_mem_size = mdev->mem.size;
	arg->out_mem_free = mmapdemo_mem_free_bytes(mdev);
	arg->out_dma_mask = mdev->dma_mask;
	arg->out_dma_max_len = mdev->dma_max_len;
	arg->out_max_contig = MMAPDEMO_MAX_CONTIG;
	arg->out_max_bytes = mmapdemo_max_bytes;
	arg->out_max_bufs = mmapdemo_max_bufs;
	arg->out_max_transfers = mmapdemo_max_xfers;
	arg->out_mem_cache = READ_ONCE(mdev->mem.cache);
	arg->out_state = (mmapdemo_raw_enabled() ? MMAPDEMO_STATE_RAW_BAR : 0) |
			 (dma_is_translated(&mdev->pdev->dev) ? MMAPDEMO_STATE_IOMMU : 0) |
			 (mf->exclusive ? MMAPDEMO_STATE_EXCLUSIVE : 0);
	arg->out_instance = mdev->instance;
	arg->out_page_size = PAGE_SIZE;
	memcpy(arg->out_bus_id, mdev->bus_id, sizeof(arg->out_bus_id));
	arg->out_num_queues = mdev->num_queues;
	arg->out_num_windows = mdev->num_windows;
	arg->out_max_queues = mmapdemo_queues_limit(mdev);
	arg->out_max_windows = mmapdemo_windows_limit(mdev);
	arg->out_queue_log2n_min = mdev->queue_log2n_min;
	arg->out_queue_log2n_max = mdev->queue_log2n_max;
	arg->out_queue_max_len = mdev->queue_max_len;
	arg->out_queue_max_list = mdev->queue_max_list;
	arg->out_irq_gap_min_ns = mmapdemo_queue_irq_gap_ns;
	arg->out_engine = mdev->engine_kind;
	arg->out_caps = (MMAPDEMO_HAVE_URING && mdev->num_queues ? MMAPDEMO_CAP_URING : 0) |
			(MMAPDEMO_HAVE_DMABUF ? MMAPDEMO_CAP_DMABUF : 0) |
			(mmapdemo_memtype_ram_can() ? MMAPDEMO_CAP_RAM_TYPES : 0);
	arg->out_techniques = mmapdemo_techniques(mdev);
	arg->out_huge_size = mmapdemo_huge_size(mdev);
#ifdef HAVE_MMAP_PREPARE
	arg->out_caps |= MMAPDEMO_CAP_MMAP_PREPARE;
#endif
	return 0;
}

/* --- the object ----------------------------------------------------------------------------- */

static void dev_release(struct device *dev)
{
	struct mmapdemo_dev *mdev = container_of(dev, struct mmapdemo_dev, dev);

	ida_destroy(&mdev->domains);
	xa_destroy(&mdev->windows);
	xa_destroy(&mdev->objects);
	if (mdev->inode)
		iput(mdev->inode);
	if (mdev->instance >= 0)
		ida_free(&instances, mdev->instance);
	cleanup_srcu_struct(&mdev->gate);
	kfree(mdev);
	if (atomic_dec_and_test(&num_devs))
		wake_up(&devs_released);
}

static void dev_init_slots(struct mmapdemo_dev *mdev)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(mdev->slots); i++) {
		mdev->slots[i].mdev = mdev;
		mdev->slots[i].index = i;
		spin_lock_init(&mdev->slots[i].lock);
	}
}

static void dev_init_locks(struct mmapdemo_dev *mdev)
{
	mutex_init(&mdev->open_lock);
	init_rwsem(&mdev->res_lock);
	init_rwsem(&mdev->mem.lock);
	spin_lock_init(&mdev->mem.used_lock);
	spin_lock_init(&mdev->buf_lock);
	spin_lock_init(&mdev->map_lock);
	INIT_LIST_HEAD(&mdev->files);
	INIT_LIST_HEAD(&mdev->bufs);
	INIT_LIST_HEAD(&mdev->maps);
	xa_init_flags(&mdev->objects, XA_FLAGS_ALLOC);
	mutex_init(&mdev->queue_lock);
	xa_init_flags(&mdev->windows, XA_FLAGS_ALLOC);
	ida_init(&mdev->domains);
	mmapdemo_limits_init(mdev);
	dev_init_slots(mdev);
}

/**
 * mmapdemo_dev_create() - the object for a device that is being bound
 * @pdev: the PCI function
 *
 * Return: the object, to be given back with put_device(&mdev->dev); or an ERR_PTR.
 */
struct mmapdemo_dev *mmapdemo_dev_create(struct pci_dev *pdev)
{
	struct mmapdemo_dev *mdev;
	int ret;

	mdev = kzalloc(sizeof(*mdev), GFP_KERNEL);
	if (!mdev)
		return ERR_PTR(-ENOMEM);
	ret = init_srcu_struct(&mdev->gate);
	if (ret) {
		kfree(mdev);
		return ERR_PTR(ret);
	}
	dev_init_locks(mdev);
	mdev->pdev = pdev;
	strscpy(mdev->bus_id, pci_name(pdev), sizeof(mdev->bus_id));
	mdev->dev.parent = &pdev->dev;
	mdev->dev.class = &mmapdemo_class;
	mdev->dev.groups = mmapdemo_sysfs_groups;
	mdev->dev.release = dev_release;
	atomic_inc(&num_devs);
	device_initialize(&mdev->dev);

	/* From here on dev_release() cleans up. */
	mdev->instance = ida_alloc_max(&instances, MAX_DEVICES - 1, GFP_KERNEL);
	if (mdev->instance < 0) {
		ret = mdev->instance;
		goto put;
	}
	mdev->dev.devt = first_devt + mdev->instance;
	ret = dev_set_name(&mdev->dev, "mmapdemo%d", mdev->instance);
	if (ret)
		goto put;
	mdev->inode = alloc_anon_inode(inode_mnt->mnt_sb);
	if (IS_ERR(mdev->inode)) {
		ret = PTR_ERR(mdev->inode);
		mdev->inode = NULL;
		goto put;
	}
	return mdev;

put:
	put_device(&mdev->dev);
	return ERR_PTR(ret);
}

/* From now on anything can happen: the last step of probe. */
int mmapdemo_node_add(struct mmapdemo_dev *mdev)
{
	int ret;

	cdev_init(&mdev->cdev, &mmapdemo_fops);
	mdev->cdev.owner = THIS_MODULE;
	ret = cdev_device_add(&mdev->cdev, &mdev->dev);
	if (ret)
		return ret;
	ret = prepare_node_add(mdev);
	if (ret)
		cdev_device_del(&mdev->cdev, &mdev->dev);
	return ret;
}

/* Nothing new comes by way of the nodes; who is in open() at this moment finds out in file_add(). */
void mmapdemo_node_del(struct mmapdemo_dev *mdev)
{
	prepare_node_del(mdev);
	cdev_device_del(&mdev->cdev, &mdev->dev);
}

int __init mmapdemo_cdev_init(void)
{
	int ret;

	ret = alloc_chrdev_region(&first_devt, 0, NUM_MINORS, "mmapdemo");
	if (ret)
		return ret;
	ret = class_register(&mmapdemo_class);
	if (ret)
		goto unregister_region;
	inode_mnt = kern_mount(&inode_fs);
	if (IS_ERR(inode_mnt)) {
		ret = PTR_ERR(inode_mnt);
		goto unregister_class;
	}
	return 0;

unregister_class:
	class_unregister(&mmapdemo_class);
unregister_region:
	unregister_chrdev_region(first_devt, NUM_MINORS);
	return ret;
}

void mmapdemo_cdev_exit(void)
{
	/*
	 * No file is open; with CONFIG_DEBUG_KOBJECT_RELEASE the last reference ends seconds
	 * later.
	 */
	WARN_ON(!wait_event_timeout(devs_released, !atomic_read(&num_devs), 30 * HZ));
	kern_unmount(inode_mnt);
	class_unregister(&mmapdemo_class);
	unregister_chrdev_region(first_devt, NUM_MINORS);
	ida_destroy(&instances);
}
