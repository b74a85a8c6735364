// SPDX-License-Identifier: GPL-2.0-only
/*
 * Technique "noncontig": single pages of our own, filled in by vm_insert_pages().
 *
 * For: large buffers that other parts of the kernel are to read and write too: get_user_pages()
 * works, so O_DIRECT and the like do.
 * Good at: finding memory at any time, no fault later, no kernel addresses used up. Pays memory for
 * the list of pages, and the making of every entry at mmap(2).
 */
#include <linux/gfp.h>
#include <linux/pfn.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"

static unsigned int num_pages(const struct mmapdemo_buf *buf)
{
	return buf->object.len >> PAGE_SHIFT;
}

/* Who got a page by get_user_pages() keeps it: it is freed when that reference is dropped. */
static void pages_put(struct page **pages, unsigned int num)
{
	while (num--) {
		put_page(pages[num]);
		if (!(num & 0x3ff))
			cond_resched();
	}
	kvfree(pages);
}

static int noncontig_alloc(struct mmapdemo_buf *buf)
{
	unsigned int n = num_pages(buf), i;
	struct page **pages;

	pages = kvmalloc_array(n, sizeof(*pages), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!pages)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		if (fatal_signal_pending(current))
			goto interrupted;
		pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
		if (!pages[i])
			goto no_memory;
	}
	buf->pages = pages;
	return 0;

interrupted:
	pages_put(pages, i);
	return -EINTR;
no_memory:
	pages_put(pages, i);
	return -ENOMEM;
}

static void noncontig_free(struct mmapdemo_buf *buf)
{
	pages_put(buf->pages, num_pages(buf));
}

/*
 * Pages with a reference count, each entry takes one: no VM_PFNMAP, no VM_IO. Without a fault
 * handler what madvise(MADV_DONTNEED) drops is dropped, until mapped again.
 */
static int noncontig_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off)
{
	unsigned long num = vma_pages(vma);

	vm_flags_set(vma, VM_MIXEDMAP);
	return vm_insert_pages(vma, vma->vm_start, buf->pages + (off >> PAGE_SHIFT), &num);
}

static int noncontig_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len)
{
	size_t done, n;

	for (done = 0; done < len; done += n, off += n) {
		n = min_t(size_t, len - done, PAGE_SIZE - offset_in_page(off));
		memcpy(to + done, page_address(buf->pages[off >> PAGE_SHIFT]) + offset_in_page(off),
		       n);
	}
	return 0;
}

static int noncontig_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len)
{
	size_t done, n;

	for (done = 0; done < len; done += n, off += n) {
		n = min_t(size_t, len - done, PAGE_SIZE - offset_in_page(off));
		memcpy(page_address(buf->pages[off >> PAGE_SHIFT]) + offset_in_page(off),
		       from + done, n);
	}
	return 0;
}

static int noncontig_dma_map(struct mmapdemo_buf *buf)
{
	return mmapdemo_buf_dma_map_pages(buf, buf->pages);
}

static phys_addr_t noncontig_phys(const struct mmapdemo_buf *buf, u64 off)
{
	return page_to_phys(buf->pages[off >> PAGE_SHIFT]);
}

const struct mmapdemo_technique mmapdemo_tech_noncontig = {
	.id = MMAPDEMO_TECH_NONCONTIG,
	.name = "noncontig",
	.where = MMAPDEMO_IN_RAM,
	.alloc = noncontig_alloc,
	.free = noncontig_free,
	.map = noncontig_map,
	.read = noncontig_read,
	.write = noncontig_write,
	.dma_map = noncontig_dma_map,
	.dma_unmap = mmapdemo_buf_dma_unmap_pages,
	.phys = noncontig_phys,
};
