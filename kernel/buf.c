// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers and regions: handles, offsets, and who keeps one alive.
 *
 * Not for: what a buffer is made of, see map_<technique>.c; who may map it, see mmap.c; how many a
 * file may have, see limits.c.
 */
#include <linux/nospec.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

static const struct mmapdemo_technique *const techniques[] = {
	&mmapdemo_tech_bar,
	&mmapdemo_tech_bar_fault,
	&mmapdemo_tech_bar_huge,
	&mmapdemo_tech_pages,
	&mmapdemo_tech_vmalloc,
	&mmapdemo_tech_coherent,
	&mmapdemo_tech_noncontig,
	&mmapdemo_tech_userptr,
};

static const struct mmapdemo_technique *technique_find(u32 id)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(techniques); i++) {
		if (techniques[i]->id == id)
			return techniques[i];
	}
	return NULL;
}

const char *mmapdemo_technique_name(u32 id)
{
	const struct mmapdemo_technique *tech = technique_find(id);

	return tech ? tech->name : "unknown";
}

/* A bit map, for INFO and alloc_check(). */
u32 mmapdemo_techniques(const struct mmapdemo_dev *mdev)
{
	unsigned int i;
	u32 map = 0;

	for (i = 0; i < ARRAY_SIZE(techniques); i++)
		map |= 1U << techniques[i]->id;
	if (!mmapdemo_huge_size(mdev))
		map &= ~(1U << MMAPDEMO_TECH_BAR_HUGE);
	return map;
}

/* --- life ----------------------------------------------------------------------------------- */

static struct mmapdemo_buf *buf_create(struct mmapdemo_dev *mdev,
				       const struct mmapdemo_technique *tech, u64 len)
{
	struct mmapdemo_buf *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);

	if (!buf)
		return NULL;
	kref_init(&buf->ref);
	mutex_init(&buf->dma_lock);
	buf->mdev = mdev;
	buf->tech = tech;
	buf->object.len = len;
	buf->dir = DMA_BIDIRECTIONAL;
	return buf;
}

/* Give the resources back: once, and while the driver is bound. */
static void buf_release(struct mmapdemo_buf *buf)
{
	lockdep_assert_held(&buf->mdev->res_lock);

	if (buf->released)
		return;
	buf->released = true;
	if (buf->bus && buf->tech->dma_unmap)
		buf->tech->dma_unmap(buf);
	buf->tech->free(buf);
	if (buf->owner)
		mmapdemo_uncharge(buf->owner, buf->tech, buf->object.len, 0);
}

static void buf_destroy(struct kref *ref)
{
	struct mmapdemo_buf *buf = container_of(ref, struct mmapdemo_buf, ref);
	struct mmapdemo_dev *mdev = buf->mdev;

	/*
	 * Against mmapdemo_bufs_release(): there, or here, and there only before the driver is
	 * gone.
	 */
	down_read(&mdev->res_lock);
	buf_release(buf);
	spin_lock(&mdev->buf_lock);
	list_del(&buf->node);
	spin_unlock(&mdev->buf_lock);
	up_read(&mdev->res_lock);

	/* The last mapping is gone: the offset may be used again. */
	xa_erase(&mdev->objects, buf->id);
	kfree(buf);
}

void mmapdemo_buf_put(struct mmapdemo_buf *buf)
{
	might_sleep();
	kref_put(&buf->ref, buf_destroy);
}

/**
 * mmapdemo_buf_put_atomic() - drop a reference where nothing may sleep
 * @buf: the buffer
 *
 * Return: true if this is its last reference: mmapdemo_engine_drain() drops it.
 */
bool mmapdemo_buf_put_atomic(struct mmapdemo_buf *buf)
{
	if (refcount_dec_not_one(&buf->ref.refcount))
		return false;
	llist_add(&buf->dead, &buf->mdev->engine.dead_bufs);
	return true;
}

/**
 * mmapdemo_bufs_release() - release the resources of all buffers, whoever still holds one
 * @mdev: being removed: no transfer runs, no call is in the gate, nothing is mapped
 */
void mmapdemo_bufs_release(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_buf *buf;
	unsigned int i;

	/* Nobody adds one any more, and the write lock keeps buf_destroy() from taking one off. */
	down_write(&mdev->res_lock);
	list_for_each_entry(buf, &mdev->bufs, node)
		buf_release(buf);
	up_write(&mdev->res_lock);

	for (i = 0; i < MMAPDEMO_NUM_REGIONS; i++) {
		if (mdev->regions[i])
			mmapdemo_buf_put(mdev->regions[i]);
		mdev->regions[i] = NULL;
	}
}

/**
 * mmapdemo_buf_get() - find a buffer or region that a file may use
 * @mf: the file
 * @id: from mmapdemo_offset_to_id() or mmapdemo_handle_to_id()
 *
 * Return: the buffer, with a reference; ERR_PTR(-ENOENT) if @mf has no such.
 */
struct mmapdemo_buf *mmapdemo_buf_get(struct mmapdemo_file *mf, u64 id)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_buf *buf;

	if (id > MMAPDEMO_ID_MAX)
		return ERR_PTR(-ENOENT);
	/*
	 * What is in the array is not freed before the lock was taken once more. It may have lost
	 * its last reference: a region has while it can still be found, see
	 * mmapdemo_bufs_release().
	 */
	xa_lock(&mdev->objects);
	buf = xa_load(&mdev->objects, id);
	if (!buf || (buf->owner && buf->owner != mf) || !kref_get_unless_zero(&buf->ref))
		buf = ERR_PTR(-ENOENT);
	xa_unlock(&mdev->objects);
	return buf;
}

/* The same by handle. What a queue consists of has an offset, and no handle. */
struct mmapdemo_buf *mmapdemo_buf_get_handle(struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get(mf, mmapdemo_handle_to_id(handle));

	if (IS_ERR(buf) || !(buf->object.attrs & MMAPDEMO_OBJ_QUEUE))
		return buf;
	mmapdemo_buf_put(buf);
	return ERR_PTR(-ENOENT);
}

/* Take the handle away; the offset stays taken until buf_destroy(). False if there is none. */
static bool handle_drop(struct mmapdemo_buf *buf)
{
	struct mmapdemo_dev *mdev = buf->mdev;
	struct mmapdemo_file *mf = buf->owner;

	if (xa_cmpxchg(&mdev->objects, buf->id, buf, XA_ZERO_ENTRY, 0) != buf)
		return false;
	spin_lock(&mdev->buf_lock);
	list_del(&buf->handle_node);
	spin_unlock(&mdev->buf_lock);
	mmapdemo_uncharge(mf, buf->tech, 0, 1);
	mmapdemo_buf_put(buf);
	return true;
}

/* The file is closed: no mapping of it is left, no call is in it, its transfers have ended. */
void mmapdemo_bufs_drop(struct mmapdemo_file *mf)
{
	struct mmapdemo_buf *buf, *next;

	list_for_each_entry_safe(buf, next, &mf->handles, handle_node)
		handle_drop(buf);
}

/* --- regions -------------------------------------------------------------------------------- */

static const struct {
	const struct mmapdemo_technique *tech;
	u32 cache;
	u32 attrs;
	u64 start;
	u64 len;
} region_table[MMAPDEMO_NUM_REGIONS] = {
	[MMAPDEMO_REGION_EXAMPLE] = {
		&mmapdemo_tech_pages, MMAPDEMO_CACHE_WB, 0, 0, 4 * PAGE_SIZE,
	},
	[MMAPDEMO_REGION_USER_PAGE] = {
		&mmapdemo_tech_regs, MMAPDEMO_CACHE_UC, MMAPDEMO_OBJ_REGS,
		MMAPDEMO_USER_BASE, MMAPDEMO_USER_SIZE,
	},
	[MMAPDEMO_REGION_CTRL] = {
		&mmapdemo_tech_regs, MMAPDEMO_CACHE_UC, MMAPDEMO_OBJ_REGS | MMAPDEMO_OBJ_RAW,
		MMAPDEMO_CTRL_BASE, MMAPDEMO_CTRL_SIZE,
	},
	[MMAPDEMO_REGION_MEM] = {
		&mmapdemo_tech_bar, MMAPDEMO_CACHE_WC, MMAPDEMO_OBJ_EXCLUSIVE, 0, 0,
	},
	[MMAPDEMO_REGION_ALIAS] = {
		&mmapdemo_tech_alias, MMAPDEMO_CACHE_UC, MMAPDEMO_OBJ_EXCLUSIVE, 0, 0,
	},
};

static int region_create(struct mmapdemo_dev *mdev, u32 region)
{
	struct mmapdemo_buf *buf;
	int ret;

	if (region == MMAPDEMO_REGION_ALIAS && !mdev->alias.size)
		return 0;

	buf = buf_create(mdev, region_table[region].tech, region_table[region].len);
	if (!buf)
		return -ENOMEM;
	buf->id = region;
	buf->cache = region_table[region].cache;
	buf->object.attrs = region_table[region].attrs;
	if (buf->tech == &mmapdemo_tech_regs) {
		buf->phys = mdev->regs_phys + region_table[region].start;
	} else if (buf->tech == &mmapdemo_tech_bar) {
		buf->phys = mdev->mem.phys;
		buf->object.len = mdev->mem.size;
	} else if (buf->tech == &mmapdemo_tech_alias) {
		buf->phys = mdev->alias.phys;
		buf->object.len = mdev->alias.size;
	} else {
		ret = buf->tech->alloc(buf);
		if (ret) {
			kfree(buf);
			return ret;
		}
		/* The textbook's buffer, and shared by all who open the node, as its is. */
		memset(buf->vaddr, 0xaa, buf->object.len);
	}

	spin_lock(&mdev->buf_lock);
	list_add_tail(&buf->node, &mdev->bufs);
	spin_unlock(&mdev->buf_lock);
	mdev->regions[region] = buf;
	return xa_insert(&mdev->objects, buf->id, buf, GFP_KERNEL);
}

/* On failure mmapdemo_bufs_release() cleans up. */
int mmapdemo_regions_create(struct mmapdemo_dev *mdev)
{
	u32 region;
	int ret;

	for (region = 0; region < MMAPDEMO_NUM_REGIONS; region++) {
		ret = region_create(mdev, region);
		if (ret)
			return ret;
	}
	return 0;
}

int mmapdemo_ioctl_region_info(struct mmapdemo_file *mf, struct mmapdemo_region_info *arg)
{
	struct mmapdemo_buf *buf;
	int ret;

	if (arg->region >= MMAPDEMO_NUM_REGIONS)
		return -EINVAL;
	buf = mf->mdev->regions[array_index_nospec(arg->region, MMAPDEMO_NUM_REGIONS)];
	if (!buf)
		return -EOPNOTSUPP;
	ret = mmapdemo_who_check(&buf->object, mmapdemo_file_access(mf));
	if (ret)
		return ret;
	arg->out_handle = mmapdemo_id_to_handle(buf->id);
	arg->out_technique = buf->tech->id;
	arg->out_cache = READ_ONCE(buf->cache);
	arg->out_len = buf->object.len;
	arg->out_offset = mmapdemo_id_to_offset(buf->id);
	return 0;
}

/* --- BUF_ALLOC, BUF_FREE, BUF_INFO ---------------------------------------------------------- */

/* Charged already. A place among the offsets, and what is to be there. On failure @buf is gone. */
static int buf_make(struct mmapdemo_file *mf, struct mmapdemo_buf *buf, bool has_handle)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	int ret;

	buf->owner = mf;
	buf->pid = task_tgid_nr(current);
	/* The place first, empty: once the buffer exists nothing can fail any more. */
	ret = xa_alloc_cyclic(&mdev->objects, &buf->id, NULL,
			      XA_LIMIT(MMAPDEMO_NUM_REGIONS, MMAPDEMO_ID_MAX), &mdev->next_id,
			      GFP_KERNEL_ACCOUNT);
	if (ret < 0) {
		ret = -ENOMEM;
		goto free;
	}
	ret = buf->tech->alloc ? buf->tech->alloc(buf) : 0;
	if (ret)
		goto erase;

	down_read(&mdev->res_lock);
	spin_lock(&mdev->buf_lock);
	list_add_tail(&buf->node, &mdev->bufs);
	if (has_handle)
		list_add_tail(&buf->handle_node, &mf->handles);
	spin_unlock(&mdev->buf_lock);
	up_read(&mdev->res_lock);
	return 0;

erase:
	xa_erase(&mdev->objects, buf->id);
free:
	kfree(buf);
	return ret;
}

/**
 * mmapdemo_buf_publish() - let a buffer be found
 * @buf: from buf_make()
 *
 * And so be freed, at any moment, by a thread that guesses its handle: not the caller's any more.
 */
void mmapdemo_buf_publish(struct mmapdemo_buf *buf)
{
	/* The place is there: nothing is allocated. */
	xa_store(&buf->mdev->objects, buf->id, buf, GFP_KERNEL_ACCOUNT);
}

/**
 * mmapdemo_buf_withdraw() - let a buffer be found no more, nor be mapped by who has found it
 * @buf: published or not; a reference is held
 */
void mmapdemo_buf_withdraw(struct mmapdemo_buf *buf)
{
	struct mmapdemo_dev *mdev = buf->mdev;

	xa_cmpxchg(&mdev->objects, buf->id, buf, XA_ZERO_ENTRY, 0);
	/* Pairs with map_create(): it comes too late, or is on the list. */
	spin_lock(&mdev->map_lock);
	buf->withdrawn = true;
	spin_unlock(&mdev->map_lock);
}

/**
 * mmapdemo_buf_create_part() - create what a queue consists of
 * @mf: the owner
 * @tech: how it is mapped
 * @attrs: MMAPDEMO_OBJ_*
 * @cache: MMAPDEMO_CACHE_*
 * @len: bytes, whole pages
 * @phys: of device memory; 0 where @tech allocates
 *
 * Its bytes are charged to the file, until the last mapping is gone, but no handle is.
 *
 * Return: not yet published, with one reference; or an ERR_PTR.
 */
struct mmapdemo_buf *mmapdemo_buf_create_part(struct mmapdemo_file *mf,
					      const struct mmapdemo_technique *tech, u32 attrs,
					      u32 cache, u64 len, phys_addr_t phys)
{
	struct mmapdemo_buf *buf;
	int ret;

	ret = mmapdemo_charge(mf, tech, len, 0);
	if (ret)
		return ERR_PTR(ret);
	buf = buf_create(mf->mdev, tech, len);
	if (!buf) {
		ret = -ENOMEM;
		goto uncharge;
	}
	buf->object.attrs = attrs;
	buf->cache = cache;
	buf->phys = phys;
	ret = buf_make(mf, buf, false);
	if (ret)
		goto uncharge;
	return buf;

uncharge:
	mmapdemo_uncharge(mf, tech, len, 0);
	return ERR_PTR(ret);
}

/**
 * mmapdemo_buf_create_pinned() - create the buffer that stands for memory of a process
 * @mf: the owner; charged for it
 * @len: bytes, whole pages
 * @pages: all of them, pinned: the buffer's from now on
 * @read_only: the device may not write them
 *
 * Return: not yet published; or an ERR_PTR, and the pages are the caller's again.
 */
struct mmapdemo_buf *mmapdemo_buf_create_pinned(struct mmapdemo_file *mf, u64 len,
						struct page **pages, bool read_only)
{
	struct mmapdemo_buf *buf = buf_create(mf->mdev, &mmapdemo_tech_userptr, len);
	int ret;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->object.attrs = MMAPDEMO_OBJ_PINNED | (read_only ? MMAPDEMO_OBJ_DEV_READS : 0);
	buf->dir = read_only ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	buf->cache = MMAPDEMO_CACHE_WB;
	buf->pages = pages;
	buf->mm = current->mm;
	ret = buf_make(mf, buf, true);
	return ret ? ERR_PTR(ret) : buf;
}

/* -EAGAIN: BAR2 got another cache type meanwhile. */
static int buf_alloc(struct mmapdemo_file *mf, struct mmapdemo_buf_alloc *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	const struct mmapdemo_alloc_limits limits = {
		.page_size = PAGE_SIZE,
		.max_contig = MMAPDEMO_MAX_CONTIG,
		.max_bytes = mmapdemo_max_bytes,
		.mem_size = mdev->mem.size,
		.techniques = mmapdemo_techniques(mdev),
		.ram_types = mmapdemo_memtype_ram_can(),
		.mem_cache = READ_ONCE(mdev->mem.cache),
		.coherent_cache = mmapdemo_memtype_coherent(),
	};
	const struct mmapdemo_technique *tech;
	struct mmapdemo_buf *buf;
	u64 len;
	u32 cache;
	int ret;

	ret = mmapdemo_alloc_check(arg->technique, arg->cache, arg->len, &limits, &len, &cache);
	if (!ret)
		ret = mmapdemo_flags_check(arg->technique, arg->flags);
	if (ret)
		return ret;
	tech = technique_find(arg->technique);
	ret = mmapdemo_charge(mf, tech, len, 1);
	if (ret)
		return ret;
	buf = buf_create(mdev, tech, len);
	if (!buf) {
		ret = -ENOMEM;
		goto uncharge;
	}
	buf->cache = cache;
	buf->flags = arg->flags;
	if (arg->flags & MMAPDEMO_BUF_MAP_READ_ONLY)
		buf->object.attrs |= MMAPDEMO_OBJ_READ_ONLY;
	ret = buf_make(mf, buf, true);
	if (ret)
		goto uncharge;

	arg->out_handle = mmapdemo_id_to_handle(buf->id);
	arg->out_cache = cache;
	arg->out_len = len;
	arg->out_offset = mmapdemo_id_to_offset(buf->id);
	mmapdemo_buf_publish(buf);
	return 0;

uncharge:
	mmapdemo_uncharge(mf, tech, len, 1);
	return ret;
}

int mmapdemo_ioctl_buf_alloc(struct mmapdemo_file *mf, struct mmapdemo_buf_alloc *arg)
{
	int ret;

	do {
		ret = buf_alloc(mf, arg);
	} while (ret == -EAGAIN);
	return ret;
}

static int buf_free(struct mmapdemo_file *mf, u32 handle)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get_handle(mf, handle);
	int ret = 0;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (!buf->owner)
		ret = -EINVAL;
	else if (!handle_drop(buf))	/* another thread was faster */
		ret = -ENOENT;
	mmapdemo_buf_put(buf);
	return ret;
}

/* The caller never learnt of it. */
void mmapdemo_ioctl_buf_pin_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_pin *arg)
{
	buf_free(mf, arg->out_handle);
}

void mmapdemo_ioctl_buf_alloc_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_alloc *arg)
{
	buf_free(mf, arg->out_handle);
}

int mmapdemo_ioctl_buf_free(struct mmapdemo_file *mf, struct mmapdemo_buf_free *arg)
{
	return buf_free(mf, arg->handle);
}

int mmapdemo_ioctl_buf_info(struct mmapdemo_file *mf, struct mmapdemo_buf_info *arg)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get_handle(mf, arg->handle);

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	arg->out_technique = buf->tech->id;
	arg->out_cache = READ_ONCE(buf->cache);
	arg->out_flags = buf->flags;
	arg->out_len = buf->object.len;
	arg->out_offset = mmapdemo_id_to_offset(buf->id);
	arg->out_vmas = atomic_read(&buf->num_vmas);
	arg->out_transfers = atomic_read(&buf->num_xfers);
	mmapdemo_buf_put(buf);
	return 0;
}

/* --- pread, pwrite -------------------------------------------------------------------------- */

/**
 * mmapdemo_buf_rw() - copy between an object and kernel memory
 * @mf: the file
 * @id: the object
 * @off: bytes into it
 * @buf: kernel memory
 * @len: bytes
 * @write: to the object
 *
 * Enters the gate itself, so that its caller can touch user memory before and after.
 *
 * Return: bytes moved, less than @len at the end of the object; or a negative errno.
 */
ssize_t mmapdemo_buf_rw(struct mmapdemo_file *mf, u64 id, u64 off, void *buf, size_t len,
			bool write)
{
	struct mmapdemo_request req = {
		.off = off,
		.len = len,
		.access = mmapdemo_file_access(mf) |
			  (write ? MMAPDEMO_ACC_WRITE : MMAPDEMO_ACC_READ),
	};
	struct mmapdemo_buf *obj;
	ssize_t ret;
	int idx;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	obj = mmapdemo_buf_get(mf, id);
	if (IS_ERR(obj)) {
		ret = PTR_ERR(obj);
		goto exit;
	}
	ret = mmapdemo_io_check(&obj->object, &req);
	if (ret > 0) {
		size_t n = ret;
		int err;

		if (write && (obj->object.attrs & MMAPDEMO_OBJ_EXCLUSIVE))
			mmapdemo_mem_dirty(mf, off, n);
		err = write ? obj->tech->write(obj, off, buf, n) :
			      obj->tech->read(obj, off, buf, n);
		if (err)
			ret = err;
	}
	mmapdemo_buf_put(obj);
exit:
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}
