/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What other kernels call differently, or lack.
 *
 * Each block emulates the newest interface on kernels that lack it, so that the rest of the driver
 * is written against one kernel. HAVE_* come from Kbuild, which looks into the headers it builds
 * against: a version number says little about a distribution's kernel.
 *
 * Two cannot be emulated, and stand where the driver does one thing or another: HAVE_MMAP_PREPARE,
 * a file operation more (mmap.c, cdev.c), and HAVE_PFNMAP_TRACK_CTX, where a VMA keeps what it
 * reserved (memtype.c).
 */
#ifndef MMAPDEMO_COMPAT_H
#define MMAPDEMO_COMPAT_H

#include <linux/eventfd.h>
#ifdef HAVE_URING_CMD_H
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/pci.h>
#include <linux/sched/mm.h>
#ifdef HAVE_INSERT_PFN_T
#include <linux/pfn_t.h>
#endif

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

/* 6.4 (the core does it since 6.2): a driver need not ask for errors of its device to be reported. */
#ifdef HAVE_ENABLE_ERROR_REPORTING
#include <linux/aer.h>
#else
#define pci_enable_pcie_error_reporting(pdev)	((void)(pdev))
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

/* 6.13: the name of a namespace is quoted. */
#ifdef HAVE_UNQUOTED_IMPORT_NS
#define MMAPDEMO_NS_DMA_BUF	DMA_BUF
#else
#define MMAPDEMO_NS_DMA_BUF	"DMA_BUF"
#endif

/* 6.18: the second word of a result is passed by a function of its own. */
#ifndef HAVE_URING_CMD_DONE32
#define io_uring_cmd_done32(cmd, ret, res2, issue_flags)	\
	io_uring_cmd_done(cmd, ret, res2, issue_flags)
#endif

/*
 * MMAPDEMO_URING_TASK_WORK(fn) makes fn_in_task, for io_uring_cmd_complete_in_task(), of
 * fn(cmd, issue_flags). 6.19: task work is handed the request, not the command.
 */
#ifdef HAVE_URING_CMD_FROM_TW
#define MMAPDEMO_URING_TASK_WORK(fn)						\
	static void fn##_in_task(struct io_tw_req tw_req, io_tw_token_t tw)	\
	{									\
		fn(io_uring_cmd_from_tw(tw_req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS); \
	}
#else
#define MMAPDEMO_URING_TASK_WORK(fn)						\
	static void fn##_in_task(struct io_uring_cmd *cmd, unsigned int issue_flags) \
	{									\
		fn(cmd, issue_flags);						\
	}
#endif

/* 6.7: io_uring_cmd_to_pdu(), and not to wait for commands when a ring is closed. */
#ifndef HAVE_URING_CMD_TO_PDU
#define io_uring_cmd_to_pdu(cmd, pdu_type)	((pdu_type *)&(cmd)->pdu)
#endif

#ifdef HAVE_URING_CMD_CANCEL
#define mmapdemo_uring_is_cancel(issue_flags)	((issue_flags) & IO_URING_F_CANCEL)
#else
#define mmapdemo_uring_is_cancel(issue_flags)	false

static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd,
						unsigned int issue_flags)
{
}
#endif

/* 6.6: a command points to the entry of its ring, and no longer into it. */
#ifdef HAVE_URING_CMD_SQE
#define mmapdemo_uring_payload(ioucmd)	((const void *)(ioucmd)->sqe->cmd)
#else
#define mmapdemo_uring_payload(ioucmd)	((ioucmd)->cmd)
#endif

/* 6.16: what was found tells how much it maps; before 6.12 it was never more than a page. */
static inline unsigned long pfnmap_addr_mask(const struct follow_pfnmap_args *args)
{
#ifdef HAVE_FOLLOW_PFNMAP_ADDR_MASK
	return args->addr_mask;
#else
	return args->ptep ? PAGE_MASK : PMD_MASK;
#endif
}

/* 6.4: a fault is first tried under the lock of the VMA alone. */
#ifdef CONFIG_PER_VMA_LOCK
static inline bool mmapdemo_fault_has_mmap_lock(const struct vm_fault *vmf)
{
	return !(vmf->flags & FAULT_FLAG_VMA_LOCK);
}

/* Before VM_FAULT_RETRY is returned for the sake of mmap_lock. */
static inline void mmapdemo_fault_unlock(struct vm_fault *vmf)
{
	vma_end_read(vmf->vma);
}
#else
static inline bool mmapdemo_fault_has_mmap_lock(const struct vm_fault *vmf)
{
	return true;
}

static inline void mmapdemo_fault_unlock(struct vm_fault *vmf)
{
}
#endif

/* 6.17: page frames are numbers again. */
#ifdef HAVE_INSERT_PFN_T
#define vmf_insert_pfn_pmd(vmf, pfn, write)	\
	vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write)
#endif

/* 6.10 took it out of the mm_struct, and 6.19 the mm_struct out of its arguments. */
#ifdef HAVE_MM_GET_UNMAPPED_AREA_MM
#define mm_get_unmapped_area(file, addr, len, pgoff, flags)	\
	mm_get_unmapped_area(current->mm, file, addr, len, pgoff, flags)
#elif !defined(HAVE_MM_GET_UNMAPPED_AREA)
#define mm_get_unmapped_area(file, addr, len, pgoff, flags)	\
	current->mm->get_unmapped_area(file, addr, len, pgoff, flags)
#endif

/* Without huge pages it is no function, and nobody needs one. */
#ifndef CONFIG_TRANSPARENT_HUGEPAGE
#undef thp_get_unmapped_area
#define thp_get_unmapped_area	mm_get_unmapped_area
#endif

#endif /* MMAPDEMO_COMPAT_H */
