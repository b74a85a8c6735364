// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "bar_huge": device memory, filled in by vmf_insert_pfn_pmd() as it is touched.
 *
 * For: large buffers in BAR2 that a process walks through: one fault and one entry of the TLB for
 * 2 MiB, where bar_fault needs 512.
 * Good at: all that bar_fault is, wherever 2 MiB of address, mapping, buffer and BAR coincide. Where
 * they do not (the end of a buffer, a mapping of a part, what a split has left) it is bar_fault.
 *
 * The core never divides such an entry: it drops all of it, and the next touch makes small ones.
 */
#include <linux/io.h>
#include <linux/pgtable.h>

#include "mmapdemo_priv.h"

/**
 * mmapdemo_huge_size() - what one huge entry maps
 * @mdev: the device
 *
 * Return: bytes; 0 if kernel, processor or BAR2 are not made for it.
 */
u64 mmapdemo_huge_size(const struct mmapdemo_dev *mdev)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	if (has_transparent_hugepage() && IS_ALIGNED(mdev->mem.phys, PMD_SIZE) &&
	    mdev->mem.size >= PMD_SIZE)
		return PMD_SIZE;
#endif
	return 0;
}

/* Only where mmapdemo_huge_size() is not 0. */
static int bar_huge_alloc(struct mmapdemo_buf *buf)
{
	return mmapdemo_bar_alloc_aligned(buf, mmapdemo_huge_size(buf->mdev));
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* No lock is held against taking the entry away: then there is nothing to see. */
static vm_fault_t insert(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off)
{
	unsigned long addr = vmf->address & PMD_MASK;
	vm_fault_t ret = vmf_insert_pfn_pmd(vmf, (buf->phys + off) >> PAGE_SHIFT,
					    vmf->flags & FAULT_FLAG_WRITE);
	u32 got;

	if (ret != VM_FAULT_NOPAGE || mmapdemo_memtype_of_pmd(pmdp_get_lockless(vmf->pmd), &got) ||
	    got == buf->cache)
		return ret;
	zap_special_vma_range(vmf->vma, addr, PMD_SIZE);
	return VM_FAULT_SIGBUS;
}

/*
 * Also called to make an entry writable that is present. Inside of mem->lock for the same reason as
 * mmapdemo_bar_fault().
 */
static vm_fault_t bar_huge_fault(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (mmapdemo_range_check(off, PMD_SIZE, buf->object.len) ||
	    !IS_ALIGNED(buf->phys + off, PMD_SIZE))
		return VM_FAULT_FALLBACK;
	down_read(&mem->lock);
	if (mmapdemo_mem_usable(mem))
		ret = insert(buf, vmf, off);
	up_read(&mem->lock);
	return ret;
}
#endif

const struct mmapdemo_technique mmapdemo_tech_bar_huge = {
	.id = MMAPDEMO_TECH_BAR_HUGE,
	.name = "bar-huge",
	.where = MMAPDEMO_IN_MEM,
	.alloc = bar_huge_alloc,
	.free = mmapdemo_bar_free,
	.map = mmapdemo_bar_fault_map,
	.fault = mmapdemo_bar_fault,
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	.huge_fault = bar_huge_fault,
#endif
	.read = mmapdemo_bar_read,
	.write = mmapdemo_bar_write,
};
