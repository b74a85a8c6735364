/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that knows about kernel versions.
 *
 * Each block emulates the newest interface on kernels that lack it, so that the rest of the driver
 * is written against one kernel. HAVE_* come from Kbuild, which looks into the headers it builds
 * against: a version number says little about a distribution's kernel.
 */
#ifndef MMAPDEMO_COMPAT_H
#define MMAPDEMO_COMPAT_H

#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pci.h>

/* 6.8 renamed the largest order of the buddy allocator; before 6.4 MAX_ORDER was one above it. */
#ifndef MAX_PAGE_ORDER
#ifdef HAVE_INCLUSIVE_MAX_ORDER
#define MAX_PAGE_ORDER	MAX_ORDER
#else
#define MAX_PAGE_ORDER	(MAX_ORDER - 1)
#endif
#endif

/* 6.3: vm_flags became read-only but for these. */
#ifndef HAVE_VM_FLAGS_SET
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* 6.8: an eventfd is signalled once per call, always. */
#ifdef HAVE_EVENTFD_SIGNAL_COUNT
static inline void mmapdemo_eventfd_signal(struct eventfd_ctx *ctx)
{
	eventfd_signal(ctx, 1);
}

#define eventfd_signal	mmapdemo_eventfd_signal
#endif

/*
 * 6.12 (6.13 in some branches): pcim_request_region() is for drivers. Before it,
 * pci_request_region() on a device enabled with pcim_enable_device() was managed by itself.
 */
#ifndef HAVE_PCIM_REQUEST_REGION
#define pcim_request_region(pdev, bar, name)	pci_request_region(pdev, bar, name)
#endif

/* 6.8: named after the signal, not after its age. */
#ifndef PCI_IRQ_INTX
#define PCI_IRQ_INTX	PCI_IRQ_LEGACY
#endif

/* 6.5: get_user_pages() has no use for VMAs. */
#ifdef HAVE_GUP_VMAS
#define get_user_pages(start, num, flags, pages)	\
	get_user_pages(start, num, flags, pages, NULL)
#endif

/* 7.2: named after what it is for, mappings of page frames. */
#ifndef HAVE_ZAP_SPECIAL_VMA_RANGE
#define zap_special_vma_range	zap_vma_ptes
#endif

/* 6.12: follow_pfnmap_start() and _end() replaced follow_pte(), which had lost its mm in 6.10. */
#ifndef HAVE_FOLLOW_PFNMAP
struct follow_pfnmap_args {
	struct vm_area_struct *vma;
	unsigned long address;
	spinlock_t *lock;
	pte_t *ptep;
	unsigned long pfn;
	pgprot_t pgprot;
	bool writable;
	bool special;
};

static inline int follow_pfnmap_start(struct follow_pfnmap_args *args)
{
	int ret;

#ifdef HAVE_FOLLOW_PTE_VMA
	ret = follow_pte(args->vma, args->address, &args->ptep, &args->lock);
#else
	ret = follow_pte(args->vma->vm_mm, args->address, &args->ptep, &args->lock);
#endif
	if (ret)
		return ret;
	args->pfn = pte_pfn(*args->ptep);
	args->pgprot = pte_pgprot(*args->ptep);
	args->writable = pte_write(*args->ptep);
	args->special = pte_special(*args->ptep);
	return 0;
}

static inline void follow_pfnmap_end(struct follow_pfnmap_args *args)
{
	pte_unmap_unlock(args->ptep, args->lock);
}
#endif

#endif /* MMAPDEMO_COMPAT_H */
