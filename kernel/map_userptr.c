// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "userptr": pages of the process itself, held by pin_user_pages(), and BUF_PIN.
 *
 * For: data that is already somewhere, and would else be copied into a buffer of ours.
 * Good at: nothing is allocated, nothing is mapped. Pays the pinning, and takes memory away that the
 * kernel could otherwise move or swap out: it counts against RLIMIT_MEMLOCK.
 *
 * The pages are the process's own: its page-table entries are not taken away when the device goes.
 */
#include <linux/backing-dev.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"

/* Pages pinned between two looks at whether there is a signal. */
#define PIN_CHUNK	512

/* --- RLIMIT_MEMLOCK --------------------------------------------------------------------------- */

/*
 * In mm->pinned_vm, as RDMA does, and not by account_locked_vm(): that takes mmap_lock, which is
 * outermost here, and a buffer may be released while locks of ours are held. What the process has
 * locked with mlock(2) counts towards the limit too.
 */
static int memlock_charge(struct mm_struct *mm, unsigned long num)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	u64 pinned = atomic64_add_return(num, &mm->pinned_vm);

	if (pinned + READ_ONCE(mm->locked_vm) > limit && !capable(CAP_IPC_LOCK)) {
		atomic64_sub(num, &mm->pinned_vm);
		return -ENOMEM;
	}
	mmgrab(mm);
	return 0;
}

/* Also when the process is gone, or by another one that has the file, too: it is of @mm. */
static void memlock_uncharge(struct mm_struct *mm, unsigned long num)
{
	atomic64_sub(num, &mm->pinned_vm);
	mmdrop(mm);
}

/* --- pinning ---------------------------------------------------------------------------------- */

/*
 * A file system that writes pages back has to know when they are written to, and a device tells
 * nobody. From 6.5 on the core refuses too, with an errno that means something else.
 */
static bool is_file_to_write_back(const struct vm_area_struct *vma)
{
	return vma->vm_file && (vma->vm_flags & VM_SHARED) &&
	       !(vma->vm_flags & (VM_IO | VM_PFNMAP)) &&
	       mapping_can_writeback(vma->vm_file->f_mapping);
}

static int check_files(unsigned long addr, unsigned long len)
{
	unsigned long end = addr + len;
	struct vm_area_struct *vma;
	int ret = 0;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	for (vma = find_vma(current->mm, addr); vma && vma->vm_start < end && !ret;
	     vma = find_vma(current->mm, vma->vm_end)) {
		if (is_file_to_write_back(vma))
			ret = -EOPNOTSUPP;
	}
	mmap_read_unlock(current->mm);
	return ret;
}

static void pages_unpin(struct page **pages, unsigned long num, bool dirty)
{
	unsigned long done, n;

	for (done = 0; done < num; done += n) {
		n = min_t(unsigned long, num - done, PIN_CHUNK);
		unpin_user_pages_dirty_lock(pages + done, n, dirty);
		cond_resched();
	}
	kvfree(pages);
}

/* What the contract has no word for is memory that cannot be had. */
static int pin_errno(long ret)
{
	return ret == -ENOMEM || ret == -EINTR || ret == -EOPNOTSUPP ? ret : -EFAULT;
}

static int pages_pin(unsigned long addr, struct page **pages, unsigned long num, bool write)
{
	unsigned int flags = FOLL_LONGTERM | (write ? FOLL_WRITE : 0);
	unsigned long done = 0;
	long ret;

	while (done < num) {
		if (signal_pending(current)) {
			ret = -EINTR;
			goto unpin;
		}
		ret = pin_user_pages_fast(addr + done * PAGE_SIZE,
					  min_t(unsigned long, num - done, PIN_CHUNK), flags,
					  pages + done);
		if (ret <= 0)
			goto unpin;
		done += ret;
		cond_resched();
	}
	return 0;

unpin:
	/* Nothing has written to them by way of these. */
	unpin_user_pages(pages, done);
	return pin_errno(ret);
}

/* Outside the gate: user memory may take for ever. The device is not needed yet. */
static struct page **range_pin(const struct mmapdemo_buf_pin *arg)
{
	bool write = !(arg->flags & MMAPDEMO_PIN_READ_ONLY);
	unsigned long num = arg->len >> PAGE_SHIFT;
	struct page **pages;
	int ret;

	ret = write ? check_files(arg->addr, arg->len) : 0;
	if (ret)
		return ERR_PTR(ret);
	pages = kvmalloc_array(num, sizeof(*pages), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	ret = pages_pin(arg->addr, pages, num, write);
	if (ret) {
		kvfree(pages);
		return ERR_PTR(ret);
	}
	return pages;
}

/* --- BUF_PIN ---------------------------------------------------------------------------------- */

static struct mmapdemo_buf *userptr_create(struct mmapdemo_file *mf,
					   const struct mmapdemo_buf_pin *arg, struct page **pages)
{
	struct mmapdemo_buf *buf;
	int idx, ret;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ERR_PTR(ret);
	buf = mmapdemo_buf_create_pinned(mf, arg->len, pages,
					 arg->flags & MMAPDEMO_PIN_READ_ONLY);
	mmapdemo_dev_exit(mf->mdev, idx);
	return buf;
}

/* What is charged here is given back by userptr_free(), or by the caller. */
static int userptr_pin(struct mmapdemo_file *mf, struct mmapdemo_buf_pin *arg)
{
	unsigned long num = arg->len >> PAGE_SHIFT;
	struct mmapdemo_buf *buf;
	struct page **pages;
	int ret;

	ret = memlock_charge(current->mm, num);
	if (ret)
		return ret;
	pages = range_pin(arg);
	if (IS_ERR(pages)) {
		ret = PTR_ERR(pages);
		goto uncharge;
	}
	buf = userptr_create(mf, arg, pages);
	if (IS_ERR(buf)) {
		ret = PTR_ERR(buf);
		pages_unpin(pages, num, false);
		goto uncharge;
	}
	arg->out_handle = mmapdemo_id_to_handle(buf->id);
	mmapdemo_buf_publish(buf);
	return 0;

uncharge:
	memlock_uncharge(current->mm, num);
	return ret;
}

/* Outside the gate. */
int mmapdemo_ioctl_buf_pin(struct mmapdemo_file *mf, struct mmapdemo_buf_pin *arg)
{
	int ret;

	ret = mmapdemo_pin_check(arg, PAGE_SIZE, mmapdemo_max_bytes);
	if (ret)
		return ret;
	if (!access_ok(u64_to_user_ptr(arg->addr), arg->len))
		return -EFAULT;
	ret = mmapdemo_charge(mf, &mmapdemo_tech_userptr, arg->len, 1);
	if (ret)
		return ret;
	ret = userptr_pin(mf, arg);
	if (ret)
		mmapdemo_uncharge(mf, &mmapdemo_tech_userptr, arg->len, 1);
	return ret;
}

/* --- the technique ---------------------------------------------------------------------------- */

static void userptr_free(struct mmapdemo_buf *buf)
{
	unsigned long num = buf->object.len >> PAGE_SHIFT;

	pages_unpin(buf->pages, num, !(buf->object.attrs & MMAPDEMO_OBJ_DEV_READS));
	memlock_uncharge(buf->mm, num);
}

static int userptr_dma_map(struct mmapdemo_buf *buf)
{
	return mmapdemo_buf_dma_map_pages(buf, buf->pages);
}

static phys_addr_t userptr_phys(const struct mmapdemo_buf *buf, u64 off)
{
	return page_to_phys(buf->pages[off >> PAGE_SHIFT]);
}

/* Never mapped, read or written by way of us: MMAPDEMO_OBJ_PINNED. */
const struct mmapdemo_technique mmapdemo_tech_userptr = {
	.id = MMAPDEMO_TECH_USERPTR,
	.name = "userptr",
	.where = MMAPDEMO_IN_RAM,
	.free = userptr_free,
	.dma_map = userptr_dma_map,
	.dma_unmap = mmapdemo_buf_dma_unmap_pages,
	.phys = userptr_phys,
};
