// SPDX-License-Identifier: GPL-2.0-only
/*
 * BAR2 as a whole: its cache type, the kernel's view of it, what is allocated, zeroing.
 *
 * Not for: one buffer in it, see map_bar.c.
 */
#include <linux/bitmap.h>
#include <linux/io.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mmapdemo_priv.h"

static int view_map(struct mmapdemo_mem *mem, u32 cache)
{
	lockdep_assert_held_write(&mem->lock);

	mem->view = mmapdemo_memtype_map(mem->phys, mem->size, cache);
	if (!mem->view)
		return -ENOMEM;
	mem->cache = cache;
	return 0;
}

static void view_unmap(struct mmapdemo_mem *mem)
{
	lockdep_assert_held_write(&mem->lock);

	if (mem->view)
		mmapdemo_memtype_unmap(mem->view, mem->phys, mem->size, mem->cache);
	mem->view = NULL;
}

/**
 * mmapdemo_mem_init() - take BAR2 over, as write-combining memory with nothing allocated
 * @mdev: the device; mem.phys and mem.size are set
 *
 * Return: 0, and mmapdemo_mem_exit() is due; -ENOMEM.
 */
int mmapdemo_mem_init(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_mem *mem = &mdev->mem;
	int ret;

	/* What is there was left by who used it before: no reset of the function clears it. */
	mem->stale = true;
	mem->num_free = mem->size >> PAGE_SHIFT;
	mem->used = kvcalloc(BITS_TO_LONGS(mem->num_free), sizeof(long), GFP_KERNEL);
	if (!mem->used)
		return -ENOMEM;
	down_write(&mem->lock);
	ret = view_map(mem, MMAPDEMO_CACHE_WC);
	up_write(&mem->lock);
	if (ret)
		kvfree(mem->used);
	return ret;
}

/* When it returns no mapping of a BAR is being made, and none will be before _done(). */
void mmapdemo_mem_reset_prepare(struct mmapdemo_dev *mdev)
{
	down_write(&mdev->mem.lock);
	mdev->mem.resetting = true;
	up_write(&mdev->mem.lock);
}

void mmapdemo_mem_reset_done(struct mmapdemo_dev *mdev)
{
	down_write(&mdev->mem.lock);
	mdev->mem.resetting = false;
	up_write(&mdev->mem.lock);
}

/* Everything allocated has been released. */
void mmapdemo_mem_exit(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_mem *mem = &mdev->mem;

	down_write(&mem->lock);
	view_unmap(mem);
	up_write(&mem->lock);
	WARN_ON(mem->num_free != mem->size >> PAGE_SHIFT);
	kvfree(mem->used);
}

u64 mmapdemo_mem_free_bytes(struct mmapdemo_dev *mdev)
{
	return READ_ONCE(mdev->mem.num_free) << PAGE_SHIFT;
}

/**
 * mmapdemo_mem_alloc() - take a range of BAR2, the first that is long enough
 * @mem: BAR2; mem->lock is held, so that its type stays what the caller wants
 * @len: bytes, whole pages
 * @align: its physical address is a multiple of this, a power of two of whole pages
 *
 * Return: its physical address; 0 if there is none.
 */
phys_addr_t mmapdemo_mem_alloc(struct mmapdemo_mem *mem, u64 len, u64 align)
{
	unsigned long mask = (align >> PAGE_SHIFT) - 1;
	unsigned long total = mem->size >> PAGE_SHIFT;
	unsigned long num = len >> PAGE_SHIFT;
	unsigned long page;

	lockdep_assert_held(&mem->lock);

	spin_lock(&mem->used_lock);
	page = bitmap_find_next_zero_area_off(mem->used, total, 0, num, mask,
					      (mem->phys >> PAGE_SHIFT) & mask);
	if (page < total) {
		bitmap_set(mem->used, page, num);
		mem->num_free -= num;
	}
	spin_unlock(&mem->used_lock);
	return page < total ? mem->phys + ((phys_addr_t)page << PAGE_SHIFT) : 0;
}

void mmapdemo_mem_free(struct mmapdemo_mem *mem, phys_addr_t phys, u64 len)
{
	spin_lock(&mem->used_lock);
	bitmap_clear(mem->used, (phys - mem->phys) >> PAGE_SHIFT, len >> PAGE_SHIFT);
	mem->num_free += len >> PAGE_SHIFT;
	spin_unlock(&mem->used_lock);
}

/* Once removal has begun it may take a second more, and then what is left stays as it is. */
static bool mem_zero_must_end(struct mmapdemo_dev *mdev)
{
	return mmapdemo_dev_gone(mdev) && time_after(jiffies, mdev->gone_since + HZ);
}

static int mem_zero_chunk(struct mmapdemo_mem *mem, u64 start, u64 len)
{
	int ret = 0;

	down_read(&mem->lock);
	if (mmapdemo_mem_usable(mem)) {
		/* memset_io() would go byte by byte on processors that do not call that fast. */
		memset64((__force u64 *)(mem->view + start), 0, len / sizeof(u64));
		/*
		 * Out of this processor's write-combining buffers: pairs with whatever brings the range
		 * to its next owner, on another processor, which need not be a barrier for WC.
		 */
		wmb();
	} else {
		ret = -EIO;
	}
	up_read(&mem->lock);
	return ret;
}

/**
 * mmapdemo_mem_zero() - overwrite a range of BAR2 with zeroes
 * @mdev: the device: inside the gate, or being removed
 * @start: byte in BAR2
 * @len: bytes
 *
 * What it could not overwrite is left to mmapdemo_mem_clean(), and to whoever is given it next. A BAR of
 * many GiB takes seconds: nobody has to wait for that who is being killed.
 *
 * Return: 0; -EIO if BAR2 has no view; -ENODEV if the device went meanwhile; -EINTR.
 */
int mmapdemo_mem_zero(struct mmapdemo_dev *mdev, u64 start, u64 len)
{
	struct mmapdemo_mem *mem = &mdev->mem;
	int ret = 0;
	u64 off;

	for (off = 0; off < len && !ret; off += MMAPDEMO_CHUNK) {
		if (mem_zero_must_end(mdev))
			ret = -ENODEV;
		else if (fatal_signal_pending(current))
			ret = -EINTR;
		else
			ret = mem_zero_chunk(mem, start + off,
					     min_t(u64, MMAPDEMO_CHUNK, len - off));
		cond_resched();
	}
	if (ret)
		WRITE_ONCE(mem->stale, true);
	return ret;
}

/**
 * mmapdemo_mem_clean() - see to it that BAR2 has no bytes of others, for who may see all of it
 * @mdev: the device, inside the gate; nothing of BAR2 is allocated, and nobody can but the caller
 *
 * Return: as mmapdemo_mem_zero().
 */
int mmapdemo_mem_clean(struct mmapdemo_dev *mdev)
{
	int ret;

	if (!READ_ONCE(mdev->mem.stale))
		return 0;
	ret = mmapdemo_mem_zero(mdev, 0, mdev->mem.size);
	if (!ret)
		WRITE_ONCE(mdev->mem.stale, false);
	return ret;
}

/* Remember what of region MEM may hold this file's bytes, so that closing it can wipe them out. */
void mmapdemo_mem_dirty(struct mmapdemo_file *mf, u64 start, u64 len)
{
	spin_lock(&mf->mdev->buf_lock);
	if (mf->mem_dirty_start == mf->mem_dirty_end) {
		mf->mem_dirty_start = start;
		mf->mem_dirty_end = start + len;
	} else {
		mf->mem_dirty_start = min(mf->mem_dirty_start, start);
		mf->mem_dirty_end = max(mf->mem_dirty_end, start + len);
	}
	spin_unlock(&mf->mdev->buf_lock);
}

/*
 * Who maps region MEM has been counted before it looks at the type under mem->lock; who allocates
 * does so under it. So what is free here stays so until the type has changed.
 */
int mmapdemo_ioctl_mem_cache_set(struct mmapdemo_file *mf, struct mmapdemo_mem_cache_set *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_buf *whole = mdev->regions[MMAPDEMO_REGION_MEM];
	struct mmapdemo_mem *mem = &mdev->mem;
	u32 old;
	int ret = 0;

	if (arg->cache != MMAPDEMO_CACHE_WC && arg->cache != MMAPDEMO_CACHE_UC)
		return -EINVAL;
	if (!mf->may_write)
		return -EACCES;

	down_write(&mem->lock);
	old = mem->cache;
	if (mmapdemo_mem_free_bytes(mdev) != mem->size || atomic_read(&whole->num_vmas)) {
		ret = -EBUSY;
	} else if (arg->cache != old || !mem->view) {
		view_unmap(mem);
		ret = view_map(mem, arg->cache);
		/*
		 * If not even the old type is to be had, BAR2 answers EIO until a later call
		 * succeeds.
		 */
		if (ret)
			view_map(mem, old);
		whole->cache = mem->cache;
	}
	up_write(&mem->lock);
	return ret;
}
