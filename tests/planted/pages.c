// SPDX-License-Identifier: MIT
/*
 * pages.c - bugs with pages and the mappings of them, as a driver that maps memory can have them.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/page_table_check.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "planted.h"

/* What the next mmap of this file maps, and how. One writer at a time: this is a test. */
static struct {
	struct page *page;
	bool write_combining;
} next;

int page_bug_mmap(struct file *file, struct vm_area_struct *vma)
{
	pgprot_t prot = vma->vm_page_prot;

	if (!next.page)
		return -EINVAL;
	if (next.write_combining)
		prot = pgprot_writecombine(prot);
	return remap_pfn_range(vma, vma->vm_start, page_to_pfn(next.page), PAGE_SIZE, prot);
}

static int map_next(struct file *file, struct page *page, bool write_combining, unsigned long *addr)
{
	next.page = page;
	next.write_combining = write_combining;
	*addr = vm_mmap(file, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	return IS_ERR_VALUE(*addr) ? (int)*addr : 0;
}

/*
 * An entry for the page in nobody's table, but counted by the check of page tables as one is. That
 * check passes over what remap_pfn_range() maps (entries that are "special"): of such mappings the
 * guest tests look at /proc/self/pagemap.
 */
static void count_entry(struct page *page)
{
	pte_t none = __pte(0);

	__page_table_check_ptes_set(current->mm, &none, mk_pte(page, PAGE_SHARED), 1);
}

/* The process keeps what the kernel gives to somebody else; KASAN cannot see it. */
static int page_freed_while_mapped(struct file *file)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return -ENOMEM;
	count_entry(page);
	__free_page(page);
	return 0;
}

/* A process's own page, mapped a second time without its knowledge. */
static int anonymous_page_mapped_again(struct file *file)
{
	struct page *page;
	unsigned long addr;

	addr = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(addr))
		return addr;
	if (get_user_pages_fast(addr, 1, FOLL_WRITE, &page) != 1)
		return -EFAULT;
	count_entry(page);
	put_page(page);
	vm_munmap(addr, PAGE_SIZE);
	return 0;
}

/* The page protections of a mapping do not work on RAM: x86 maps it write-back, and says so. */
static int ram_mapped_write_combining(struct file *file)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	unsigned long addr;
	int ret;

	if (!page)
		return -ENOMEM;
	ret = map_next(file, page, true, &addr);
	if (!ret)
		vm_munmap(addr, PAGE_SIZE);
	__free_page(page);
	return ret;
}

static int page_freed_with_count(struct file *file)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	/* As if a page-table entry of it were left. */
	atomic_set(&page->_mapcount, 0);
	__free_page(page);
	return 0;
}

static int reference_to_free_page(struct file *file)
{
	struct page *page = alloc_page(GFP_KERNEL);

	if (!page)
		return -ENOMEM;
	__free_page(page);
	get_page(page);
	return 0;
}

static int address_of_vmalloc_taken_for_direct(struct file *file)
{
	return virt_to_phys((void *)VMALLOC_START) & 0;
}

const struct bug page_bugs[] = {
	{ "page_freed_while_mapped", page_freed_while_mapped },
	{ "anonymous_page_mapped_again", anonymous_page_mapped_again },
	{ "ram_mapped_write_combining", ram_mapped_write_combining },
	{ "page_freed_with_count", page_freed_with_count },
	{ "reference_to_free_page", reference_to_free_page },
	{ "address_of_vmalloc_taken_for_direct", address_of_vmalloc_taken_for_direct },
	{ }
};
