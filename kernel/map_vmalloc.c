// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "vmalloc": single pages in a row of kernel addresses, mapped as touched.
 *
 * For: large buffers, for a device with scatter-gather.
 * Good at: finding memory at any time; get_user_pages() works, so O_DIRECT and the like do. Pays
 * one fault per page touched.
 */
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mmapdemo_priv.h"

static int vmalloc_alloc(struct mmapdemo_buf *buf)
{
	/* vmalloc_user() would neither charge the process nor keep quiet when it fails. */
	buf->vaddr = __vmalloc(buf->object.len, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
	return buf->vaddr ? 0 : -ENOMEM;
}

static void vmalloc_free(struct mmapdemo_buf *buf)
{
	vfree(buf->vaddr);
}

/* Pages with a reference count may go in beside others: no VM_PFNMAP, no VM_IO. */
static int vmalloc_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	vm_flags_set(vma, VM_MIXEDMAP);
	return 0;
}

/*
 * The usual way is get_page(), vmf->page = page, and the core makes the entry after we have
 * returned: after we have left the gate. mmapdemo_maps_revoke() could run in between, and an entry
 * would come back for good. So it is made here, and inside the gate; vm_insert_page() takes the
 * reference.
 */
static vm_fault_t vmalloc_fault(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off)
{
	struct page *page = vmalloc_to_page(buf->vaddr + off);
	int ret;

	if (!page)
		return VM_FAULT_SIGBUS;
	ret = vm_insert_page(vmf->vma, vmf->address & PAGE_MASK, page);
	/* Two threads touched the page at once, and the other has made the entry. */
	if (ret == -EBUSY)
		ret = 0;
	return ret ? vmf_error(ret) : VM_FAULT_NOPAGE;
}

static int vmalloc_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	memcpy(to, buf->vaddr + off, len);
	return 0;
}

static int vmalloc_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	memcpy(buf->vaddr + off, from, len);
	return 0;
}

static int vmalloc_dma_map(struct mmapdemo_buf *buf)
{
	unsigned int n = buf->object.len >> PAGE_SHIFT;
	struct page **pages;
	unsigned int i;
	int ret;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		pages[i] = vmalloc_to_page(buf->vaddr + (size_t)i * PAGE_SIZE);
	ret = mmapdemo_buf_dma_map_pages(buf, pages);
	kvfree(pages);
	return ret;
}

static phys_addr_t vmalloc_phys(const struct mmapdemo_buf *buf, u64 off)
{
	return PFN_PHYS(vmalloc_to_pfn(buf->vaddr + off));
}

const struct mmapdemo_technique mmapdemo_tech_vmalloc = {
	.id = MMAPDEMO_TECH_VMALLOC,
	.name = "vmalloc",
	.where = MMAPDEMO_IN_RAM,
	.alloc = vmalloc_alloc,
	.free = vmalloc_free,
	.map = vmalloc_map,
	.fault = vmalloc_fault,
	.read = vmalloc_read,
	.write = vmalloc_write,
	.dma_map = vmalloc_dma_map,
	.dma_unmap = mmapdemo_buf_dma_unmap_pages,
	.phys = vmalloc_phys,
};
