// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "bar": device memory and registers, filled in by io_remap_pfn_range().
 *
 * For: buffers in BAR2, region MEM, the two register regions of BAR0; BAR1 and BAR5 see map_mmio.c.
 * Good at: no system call and no interrupt between a process and the device; the first touch does
 * not fault. What it shows has no struct page: get_user_pages() refuses it.
 */
#include <linux/io.h>

#include "mmapdemo_priv.h"

/* Whole pages at a multiple of @align, which is a power of two. */
int mmapdemo_bar_alloc_aligned(struct mmapdemo_buf *buf, u64 align)
{
	struct mmapdemo_dev *mdev = buf->mdev;
	struct mmapdemo_mem *mem = &mdev->mem;
	phys_addr_t phys = 0;
	int ret = 0;

	down_read(&mem->lock);
	/* The type was chosen before the lock was taken: choose again. */
	if (buf->cache != mem->cache)
		ret = -EAGAIN;
	else if (atomic_read(&mdev->regions[MMAPDEMO_REGION_MEM]->num_vmas))
		ret = -EBUSY;
	else
		phys = mmapdemo_mem_alloc(mem, buf->object.len, align);
	up_read(&mem->lock);
	if (ret)
		return ret;
	if (!phys)
		return -ENOMEM;

	ret = mmapdemo_mem_zero(mdev, phys - mem->phys, buf->object.len);
	if (ret) {
		mmapdemo_mem_free(mem, phys, buf->object.len);
		return ret;
	}
	buf->phys = phys;
	return 0;
}

int mmapdemo_bar_alloc(struct mmapdemo_buf *buf)
{
	return mmapdemo_bar_alloc_aligned(buf, PAGE_SIZE);
}

/* Whoever gets this range next clears it again; this time it is for whoever maps the whole BAR. */
void mmapdemo_bar_free(struct mmapdemo_buf *buf)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;

	if (!buf->owner)
		return;
	mmapdemo_mem_zero(buf->mdev, buf->phys - mem->phys, buf->object.len);
	mmapdemo_mem_free(mem, buf->phys, buf->object.len);
}

/*
 * The whole VMA in one call: the type of the range is looked at once, not once per page. It is
 * looked at afterwards too, since the core changes what it cannot give without saying so.
 */
static int bar_remap(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	phys_addr_t phys = buf->phys + off;
	u32 got, shift;
	int ret;

	vm_flags_set(vma, VM_IO);
	vma->vm_page_prot = mmapdemo_memtype_prot(vma->vm_page_prot, buf->cache);
	ret = io_remap_pfn_range(vma, vma->vm_start, phys >> PAGE_SHIFT,
				 vma->vm_end - vma->vm_start, vma->vm_page_prot);
	/* The core's EINVAL says that it could not note the type: it is one that it grants. */
	if (ret)
		return -ENOMEM;
	mmapdemo_memtype_disown(vma, phys);
	if (!mmapdemo_memtype_of(vma, vma->vm_start, &got, &shift) && got != buf->cache) {
		/* The core would do it too, but after mem->lock: no other thread is to use them. */
		zap_special_vma_range(vma, vma->vm_start, vma->vm_end - vma->vm_start);
		return -EBUSY;
	}
	return 0;
}

static int bar_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	int ret;

	down_read(&mem->lock);
	ret = mmapdemo_mem_usable(mem) ? bar_remap(buf, vma, off) : -EIO;
	up_read(&mem->lock);
	return ret;
}

int mmapdemo_bar_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	int ret = 0;

	down_read(&mem->lock);
	if (mmapdemo_mem_usable(mem))
		memcpy_fromio(to, mem->view + (buf->phys - mem->phys) + off, len);
	else
		ret = -EIO;
	up_read(&mem->lock);
	return ret;
}

int mmapdemo_bar_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	int ret = 0;

	down_read(&mem->lock);
	if (mmapdemo_mem_usable(mem))
		memcpy_toio(mem->view + (buf->phys - mem->phys) + off, from, len);
	else
		ret = -EIO;
	up_read(&mem->lock);
	return ret;
}

const struct mmapdemo_technique mmapdemo_tech_bar = {
	.id = MMAPDEMO_TECH_BAR,
	.name = "bar",
	.where = MMAPDEMO_IN_MEM,
	.alloc = mmapdemo_bar_alloc,
	.free = mmapdemo_bar_free,
	.map = bar_map,
	.read = mmapdemo_bar_read,
	.write = mmapdemo_bar_write,
};

/* --- registers: never allocated, accessed whole --------------------------------------------- */

static int regs_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	u32 reg = buf->phys - buf->mdev->regs_phys + off;
	u64 val;
	int ret;

	ret = mmapdemo_reg_get(buf->mdev, reg, len, &val);
	if (ret)
		return ret;
	if (len == 8)
		*(__le64 *)to = cpu_to_le64(val);
	else
		*(__le32 *)to = cpu_to_le32(val);
	return 0;
}

static int regs_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	u32 reg = buf->phys - buf->mdev->regs_phys + off;

	return mmapdemo_reg_set(buf->mdev, reg, len,
				len == 8 ? le64_to_cpup(from) : le32_to_cpup(from));
}

/* Of mem->lock only the part that keeps mappings from being made during a reset. */
int mmapdemo_regs_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	int ret;

	down_read(&mem->lock);
	ret = mem->resetting ? -EIO : bar_remap(buf, vma, off);
	up_read(&mem->lock);
	return ret;
}

void mmapdemo_regs_free(struct mmapdemo_buf *buf)
{
}

const struct mmapdemo_technique mmapdemo_tech_regs = {
	.id = MMAPDEMO_TECH_BAR,
	.name = "regs",
	.where = MMAPDEMO_IN_REGS,
	.free = mmapdemo_regs_free,
	.map = mmapdemo_regs_map,
	.read = regs_read,
	.write = regs_write,
};
