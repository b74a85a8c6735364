// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "bar_fault": device memory, filled in by vmf_insert_pfn() as it is touched.
 *
 * For: large buffers in BAR2 of which a process touches a part, and processes that are to survive a
 * reset: what was taken away comes back at the next touch.
 * Good at: mmap(2) costs the same whatever the length. Pays one fault per page touched, or per 16.
 */
#include <linux/io.h>
#include <linux/sizes.h>

#include "mmapdemo_priv.h"

/* What one fault makes present with MMAPDEMO_BUF_FAULT_AROUND: the group that the page is in. */
#define AROUND		(16 * PAGE_SIZE)

/*
 * vmf_insert_pfn() wants VM_PFNMAP, and BUGs on what could become a private copy: policy.c. Unlike
 * io_remap_pfn_range() it leaves it to us to say that a device does not encrypt (SEV, TDX).
 */
int mmapdemo_bar_fault_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	vm_flags_set(vma, VM_IO | VM_PFNMAP);
	vma->vm_page_prot = pgprot_decrypted(mmapdemo_memtype_prot(vma->vm_page_prot, buf->cache));
	return 0;
}

/*
 * On x86 the core gives each entry the type that the range is reserved with, asked for or not. One
 * that is right tells for all of the buffer: the type does not change while it is allocated. Reading
 * one takes mmap_lock, which the caller has until then.
 */
static vm_fault_t insert(struct mmapdemo_buf *buf, struct vm_area_struct *vma, unsigned long addr,
			 u64 off)
{
	vm_fault_t ret = vmf_insert_pfn(vma, addr, (buf->phys + off) >> PAGE_SHIFT);
	u32 got, shift;

	if (ret != VM_FAULT_NOPAGE || READ_ONCE(buf->type_seen) ||
	    mmapdemo_memtype_of(vma, addr, &got, &shift))
		return ret;
	if (got == buf->cache) {
		WRITE_ONCE(buf->type_seen, true);
		return ret;
	}
	zap_special_vma_range(vma, addr, PAGE_SIZE);
	return VM_FAULT_SIGBUS;
}

/*
 * The rest of the group, as far as it is inside of mapping and buffer. Nobody has asked for these
 * pages: what fails is left to a fault of its own.
 */
static void insert_around(struct mmapdemo_buf *buf, struct vm_area_struct *vma, unsigned long addr,
			  u64 off)
{
	u64 in = off & (AROUND - 1);
	unsigned long start = addr - min_t(u64, in, addr - vma->vm_start);
	unsigned long end = addr + min3(AROUND - in, (u64)(vma->vm_end - addr),
					buf->object.len - off);
	unsigned long a;

	for (a = start; a < end; a += PAGE_SIZE) {
		if (a != addr && insert(buf, vma, a, off + a - addr) != VM_FAULT_NOPAGE)
			return;
	}
}

/*
 * Inside mem->lock: a reset that has begun is waited for by nobody, and one that begins now takes
 * away what has been made here.
 */
vm_fault_t mmapdemo_bar_fault(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off)
{
	struct mmapdemo_mem *mem = &buf->mdev->mem;
	unsigned long addr = vmf->address & PAGE_MASK;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (!READ_ONCE(buf->type_seen) && !mmapdemo_fault_has_mmap_lock(vmf))
		return VM_FAULT_RETRY;
	down_read(&mem->lock);
	if (mmapdemo_mem_usable(mem)) {
		ret = insert(buf, vmf->vma, addr, off);
		if (ret == VM_FAULT_NOPAGE && (buf->flags & MMAPDEMO_BUF_FAULT_AROUND))
			insert_around(buf, vmf->vma, addr, off);
	}
	up_read(&mem->lock);
	return ret;
}

const struct mmapdemo_technique mmapdemo_tech_bar_fault = {
	.id = MMAPDEMO_TECH_BAR_FAULT,
	.name = "bar-fault",
	.where = MMAPDEMO_IN_MEM,
	.alloc = mmapdemo_bar_alloc,
	.free = mmapdemo_bar_free,
	.map = mmapdemo_bar_fault_map,
	.fault = mmapdemo_bar_fault,
	.read = mmapdemo_bar_read,
	.write = mmapdemo_bar_write,
};
