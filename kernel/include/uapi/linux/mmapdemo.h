/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * mmapdemo.h - the driver contract: what a process may ask of /dev/mmapdemoN.
 *
 * For: the driver, libmmapdemo, programs that use the node directly.
 * Not for: the device's registers, see mmapdemo_hw.h.
 *
 * Shape of every call. The structure starts with `size` (sizeof of the caller's structure) and
 * `flags`. A larger structure than the kernel knows is accepted if the unknown tail is zero
 * (else E2BIG), a smaller one than version 1 is EINVAL. Unknown flags and non-zero reserved fields
 * are EINVAL. Members named out_* are written by the kernel, the others are left alone. A call that
 * fails changes nothing and leaves no object behind, EFAULT included.
 *
 * One errno, one meaning:
 *   EINVAL      geometry, flags, reserved fields       ENOENT     no such handle, offset or transfer of this file
 *   EPERM       capability missing, or PROT_EXEC       EACCES     writing what is read-only
 *   EBUSY       in use, or conflicting cache type      ENODEV     the device is gone, for ever
 *   ETIMEDOUT   deadline passed, device silent         EIO        the transfer failed, or was reset away
 *   EOPNOTSUPP  cannot be done on this platform        ENOTTY     unknown command
 *   E2BIG       non-zero unknown tail                  EFAULT     bad pointer
 *   ENOMEM      no memory                              EDQUOT     over a limit of INFO; freeing restores it
 *   EINTR       a signal                               EAGAIN     nothing there yet, and not waiting
 *   EBADF       no such descriptor (EVENTFD_SET, QUEUE_CREATE)
 *
 * Mappings. mmap(2), pread(2) and pwrite(2) take offsets: 0 is the shared example buffer, every other
 * offset is an opaque out_offset from a call below, plus a byte offset into that object (page
 * aligned for mmap). Unknown, freed and foreign offsets are ENOENT, past the end of a known object
 * EINVAL. Only MAP_SHARED may be writable; nothing is ever executable. When the device goes,
 * every mapping is taken away: a touch is SIGBUS.
 */
#ifndef _UAPI_LINUX_MMAPDEMO_H
#define _UAPI_LINUX_MMAPDEMO_H

#include <linux/ioctl.h>
#include <linux/types.h>

/*
 * 2: queues and windows, the longer INFO. 3: the techniques from BAR_FAULT on, cache types of PAGES,
 * BUF_SYNC, BUF_PIN, BUF_EXPORT, queues of the driver, the longer INFO.
 */
#define MMAPDEMO_API_VERSION	3

#define MMAPDEMO_IOC_TYPE	0xD7

/* How memory is allocated and mapped: one file map_<technique>.c each. */
#define MMAPDEMO_TECH_BAR	1	/* device memory (BAR2) or registers, io_remap_pfn_range */
#define MMAPDEMO_TECH_PAGES	2	/* physically contiguous pages, remap_pfn_range */
#define MMAPDEMO_TECH_VMALLOC	3	/* virtually contiguous pages, .fault and vmalloc_to_page */
#define MMAPDEMO_TECH_COHERENT	4	/* coherent DMA memory, dma_mmap_coherent */
#define MMAPDEMO_TECH_BAR_FAULT	5	/* device memory, vmf_insert_pfn at the first touch */
#define MMAPDEMO_TECH_BAR_HUGE	6	/* device memory, at the first touch, INFO's out_huge_size at once */
#define MMAPDEMO_TECH_NONCONTIG	7	/* single pages, vm_insert_pages; get_user_pages works */
#define MMAPDEMO_TECH_USERPTR	8	/* pages of the process itself, see BUF_PIN */
#define MMAPDEMO_TECH_MAX	8

/*
 * Cache types. DEFAULT asks for whatever the object has; any other value is granted exactly or the
 * call fails. Memory techniques have WB (or what the DMA API gives), PAGES also WC and UC where the
 * platform can change the type of RAM; register pages UC, and BAR2 one type for all of it: WC at
 * first, see MEM_CACHE_SET.
 */
#define MMAPDEMO_CACHE_DEFAULT	0
#define MMAPDEMO_CACHE_WB	1
#define MMAPDEMO_CACHE_WC	2
#define MMAPDEMO_CACHE_UC	3
#define MMAPDEMO_CACHE_UC_MINUS	4	/* only ever reported, by MAP_INFO */

/* --- INFO: what device and driver this is, and the limits -------------------------------- */

struct mmapdemo_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 out_api_version;		/* MMAPDEMO_API_VERSION */
	__u32 out_hw_version;		/* register VERSION */
	__aligned_u64 out_features;	/* register FEATURES */
	__aligned_u64 out_mem_size;	/* bytes of BAR2 */
	__aligned_u64 out_mem_free;	/* bytes of BAR2 not allocated, at this moment */
	__aligned_u64 out_dma_mask;	/* highest bus address the engine reaches */
	__aligned_u64 out_dma_max_len;	/* most bytes of one DMA_SUBMIT */
	__aligned_u64 out_max_contig;	/* most bytes of one PAGES or COHERENT buffer */
	__aligned_u64 out_max_bytes;	/* most bytes of memory buffers of one open file */
	__u32 out_max_bufs;		/* most buffers of one open file */
	__u32 out_max_transfers;	/* most transfers submitted and not yet collected, one open file */
	__u32 out_mem_cache;		/* BAR2's cache type now */
	__u32 out_state;		/* MMAPDEMO_STATE_* */
	__u32 out_instance;		/* N of /dev/mmapdemoN */
	__u32 out_page_size;		/* bytes; granularity of mmap offsets and lengths */
	char out_bus_id[32];		/* PCI address, e.g. 0000:01:00.0, for sysfs look-ups */
	/* API version 2 */
	__u32 out_num_queues;		/* of the device; 0: it has none */
	__u32 out_num_windows;
	__u32 out_max_queues;		/* most queues of one open file */
	__u32 out_max_windows;		/* most windows of one open file */
	__u32 out_queue_log2n_min;	/* range of QUEUE_CREATE's log2n */
	__u32 out_queue_log2n_max;
	__u32 out_queue_max_len;	/* most bytes of one descriptor */
	__u32 out_queue_max_list;	/* most elements of one of its lists */
	__u32 out_irq_gap_min_ns;	/* least irq_gap_ns granted */
	__u32 out_engine;		/* register ENGINE */
	/* API version 3 */
	__u32 out_techniques;		/* bit map by MMAPDEMO_TECH_*: what this kernel and device can do */
	__u32 out_caps;			/* MMAPDEMO_CAP_* */
	__aligned_u64 out_huge_size;	/* bytes of one page-table entry of BAR_HUGE; 0: none */
};

#define MMAPDEMO_INFO_SIZE_V1		128	/* up to and with out_bus_id */
#define MMAPDEMO_INFO_SIZE_V2		168	/* up to and with out_engine */

#define MMAPDEMO_CAP_URING		0x00000001	/* queues take commands of io_uring */
#define MMAPDEMO_CAP_DMABUF		0x00000002	/* BUF_EXPORT */
#define MMAPDEMO_CAP_RAM_TYPES		0x00000004	/* PAGES can be WC and UC */
#define MMAPDEMO_CAP_MMAP_PREPARE	0x00000008	/* there is a second node that uses .mmap_prepare */

#define MMAPDEMO_STATE_RAW_BAR		0x00000001	/* module parameter allow_raw_bar is on */
#define MMAPDEMO_STATE_IOMMU		0x00000002	/* DMA addresses are translated */
#define MMAPDEMO_STATE_EXCLUSIVE	0x00000004	/* this file was opened with O_EXCL */

#define MMAPDEMO_IOC_INFO		_IO(MMAPDEMO_IOC_TYPE, 0)

/* --- REGION_INFO: objects that exist without being allocated ----------------------------- */

#define MMAPDEMO_REGION_EXAMPLE		0	/* four pages of 0xAA, shared by all; offset 0 */
#define MMAPDEMO_REGION_USER_PAGE	1	/* user page of BAR0, UC */
#define MMAPDEMO_REGION_CTRL		2	/* control block of BAR0, UC; EPERM unless CAP_SYS_RAWIO
						 * and allow_raw_bar */
#define MMAPDEMO_REGION_MEM		3	/* the whole of BAR2; EPERM unless opened with O_EXCL */
#define MMAPDEMO_REGION_ALIAS		4	/* BAR5: the first bytes of BAR2 through dispatch, UC;
						 * EPERM unless opened with O_EXCL */

struct mmapdemo_region_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 region;			/* MMAPDEMO_REGION_*; unknown: EINVAL */
	__u32 out_handle;		/* for BUF_INFO and, region MEM, DMA_SUBMIT; not for BUF_FREE */
	__u32 out_technique;
	__u32 out_cache;
	__aligned_u64 out_len;		/* bytes */
	__aligned_u64 out_offset;
};

#define MMAPDEMO_IOC_REGION_INFO	_IO(MMAPDEMO_IOC_TYPE, 1)

/* --- BUF_ALLOC, BUF_FREE, BUF_INFO -------------------------------------------------------- */

#define MMAPDEMO_BUF_MAP_READ_ONLY	0x00000001	/* mappings and pwrite may not write; DMA may */
#define MMAPDEMO_BUF_FAULT_AROUND	0x00000002	/* BAR_FAULT: each fault makes up to 16 pages present */

/*
 * Allocate a zeroed buffer: device memory for the BAR techniques, system memory for the others.
 * USERPTR: EINVAL, see BUF_PIN.
 */
struct mmapdemo_buf_alloc {
	__u32 size;
	__u32 flags;			/* MMAPDEMO_BUF_* */
	__u32 technique;		/* MMAPDEMO_TECH_* */
	__u32 cache;			/* MMAPDEMO_CACHE_* wanted. EBUSY: BAR2 has another one; EOPNOTSUPP:
					 * not to be had for this technique */
	__aligned_u64 len;		/* bytes, not 0; rounded up to pages */
	__u32 out_handle;		/* never 0 */
	__u32 out_cache;		/* MMAPDEMO_CACHE_* obtained */
	__aligned_u64 out_len;		/* bytes */
	__aligned_u64 out_offset;	/* for mmap, pread, pwrite */
};

#define MMAPDEMO_IOC_BUF_ALLOC		_IO(MMAPDEMO_IOC_TYPE, 2)

/* Drop the handle. The pages live until the last mapping and transfer using them has ended. */
struct mmapdemo_buf_free {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 handle;
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_BUF_FREE		_IO(MMAPDEMO_IOC_TYPE, 3)

struct mmapdemo_buf_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 handle;			/* from BUF_ALLOC or REGION_INFO */
	__u32 out_technique;
	__u32 out_cache;
	__u32 out_flags;		/* MMAPDEMO_BUF_* */
	__aligned_u64 out_len;		/* bytes */
	__aligned_u64 out_offset;
	__u32 out_vmas;			/* mappings of it in all processes; forks and splits count */
	__u32 out_transfers;		/* DMA transfers using it now */
};

#define MMAPDEMO_IOC_BUF_INFO		_IO(MMAPDEMO_IOC_TYPE, 4)

/* --- MAP_INFO: what a mapping of the calling process really is --------------------------- */

struct mmapdemo_map_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 addr;		/* an address inside a mapping of this device; else ENOENT */
	__aligned_u64 out_start;	/* the mapping's bounds */
	__aligned_u64 out_end;
	__aligned_u64 out_offset;	/* the mmap offset of out_start */
	__u32 out_technique;
	__u32 out_cache;		/* from the page-table entry; DEFAULT when not present */
	__u32 out_present;		/* 1: addr has a page-table entry now */
	__u32 out_entry_shift;		/* log2 of the bytes that entry maps; 0: none is present */
};

#define MMAPDEMO_IOC_MAP_INFO		_IO(MMAPDEMO_IOC_TYPE, 5)

/* --- MEM_CACHE_SET: BAR2's cache type ----------------------------------------------------- */

/* The type belongs to the range. EBUSY while any of BAR2 is allocated or mapped. */
struct mmapdemo_mem_cache_set {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 cache;			/* MMAPDEMO_CACHE_WC or MMAPDEMO_CACHE_UC; else EINVAL */
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_MEM_CACHE_SET	_IO(MMAPDEMO_IOC_TYPE, 6)

/* --- REG_READ, REG_WRITE: one register through a system call ----------------------------- */

/*
 * `offset` and `width` as in mmapdemo_hw.h; the driver lets registers of scope PUBLIC through to
 * anyone, PRIVATE ones need CAP_SYS_RAWIO and allow_raw_bar (EPERM). Not a register, wrong width or
 * alignment: EINVAL. Writing a read-only or reading a write-only register: EACCES.
 */
struct mmapdemo_reg_access {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 offset;			/* in BAR0 */
	__u32 width;			/* bytes, 4 or 8 */
	__aligned_u64 value;		/* REG_WRITE: to write */
	__aligned_u64 out_value;	/* REG_READ: what was read */
};

#define MMAPDEMO_IOC_REG_READ		_IO(MMAPDEMO_IOC_TYPE, 7)
#define MMAPDEMO_IOC_REG_WRITE		_IO(MMAPDEMO_IOC_TYPE, 8)

/* --- DMA_SUBMIT, DMA_WAIT, EVENTFD_SET ---------------------------------------------------- */

#define MMAPDEMO_DMA_TO_DEVICE		1	/* mem to dev */
#define MMAPDEMO_DMA_FROM_DEVICE	2	/* dev to mem */

/*
 * Transfers are not interrupt driven with NO_IRQ: the submitter spins on USER_DMA_DONE_SEQ (done
 * when it has reached out_seq) and then collects with DMA_WAIT.
 */
#define MMAPDEMO_DMA_NO_IRQ		0x00000001
/* The host times `repeat` bare copies of the same memory, see out_host_ns. Contiguous memory only. */
#define MMAPDEMO_DMA_TIMED		0x00000002

struct mmapdemo_dma_submit {
	__u32 size;
	__u32 flags;			/* MMAPDEMO_DMA_NO_IRQ, MMAPDEMO_DMA_TIMED */
	__u32 direction;		/* MMAPDEMO_DMA_TO_DEVICE or _FROM_DEVICE */
	__u32 repeat;			/* with TIMED 1 or more; else 0 */
	__u32 mem_handle;		/* a buffer in system memory */
	__u32 dev_handle;		/* a buffer in device memory, or region MEM */
	__aligned_u64 mem_off;		/* bytes into each */
	__aligned_u64 dev_off;
	__aligned_u64 len;		/* bytes, not 0, at most out_dma_max_len */
	__aligned_u64 user_data;	/* returned by DMA_WAIT */
	__aligned_u64 out_seq;		/* names the transfer in traces, device and DMA_WAIT; grows by
					 * one with each transfer of the device */
};

#define MMAPDEMO_IOC_DMA_SUBMIT		_IO(MMAPDEMO_IOC_TYPE, 9)

/*
 * Collect a finished transfer of this file, waiting for it if need be. Each is collected once.
 * Returns 0 only if every byte was moved; EIO fills the out_ members too and collects.
 */
struct mmapdemo_dma_wait {
	__u32 size;
	__u32 flags;			/* 0 */
	__aligned_u64 seq;		/* which; 0: whichever has finished first */
	__aligned_u64 deadline_ns;	/* CLOCK_MONOTONIC; 0: do not wait (EAGAIN). Passed: ETIMEDOUT */
	__aligned_u64 out_seq;
	__aligned_u64 out_user_data;
	__aligned_u64 out_bytes;	/* bytes moved */
	__aligned_u64 out_host_ns;	/* TIMED: host nanoseconds of all the copies */
	__u32 out_error;		/* MMAPDEMO_ERR_* of mmapdemo_hw.h */
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_DMA_WAIT		_IO(MMAPDEMO_IOC_TYPE, 10)

/* Have an eventfd count this file's finished transfers. poll(2) on the node tells of them too. */
struct mmapdemo_eventfd_set {
	__u32 size;
	__u32 flags;			/* 0 */
	__s32 fd;			/* an eventfd, or -1: none any more */
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_EVENTFD_SET	_IO(MMAPDEMO_IOC_TYPE, 11)

/* --- QUEUE_CREATE, QUEUE_DESTROY, QUEUE_INFO ---------------------------------------------- */

/*
 * A queue of the device, owned by this file until it is destroyed or the file is closed. Its memory
 * (two rings, see "memory of a queue" in mmapdemo_hw.h) and its doorbell are mapped with mmap(2) at
 * the offsets returned, shared and writable, and are not inherited by fork. Descriptors name windows
 * of this file, and nothing else is reached by them. A reset of the device ends the queue: QUEUE_INFO
 * tells, and all that is left to do is to destroy it.
 */
struct mmapdemo_queue_create {
	__u32 size;
	__u32 flags;			/* MMAPDEMO_QUEUE_* */
	__u32 log2n;			/* log2 of the slots of each ring; outside of INFO's range: EINVAL */
	__s32 eventfd;			/* counts the queue's interrupts; -1: none */
	__u32 irq_gap_ns;		/* least time between interrupts; raised to INFO's minimum */
	__u32 irq_count;		/* completions that end the gap early; 0: none do. Else EPERM
					 * without CAP_SYS_RAWIO: the gap is there for others, too */
	__u32 out_queue;		/* handle; never 0 */
	__u32 out_irq_gap_ns;		/* granted */
	__aligned_u64 out_ring_len;	/* bytes */
	__aligned_u64 out_ring_offset;
	__aligned_u64 out_doorbell_len;	/* bytes, one page */
	__aligned_u64 out_doorbell_offset;
};

#define MMAPDEMO_IOC_QUEUE_CREATE	_IO(MMAPDEMO_IOC_TYPE, 12)

/*
 * The driver keeps ring and doorbell to itself: lengths and offsets returned are 0, QUEUE_SUBMIT and
 * io_uring put descriptors in and take completions out.
 */
#define MMAPDEMO_QUEUE_KERNEL		0x00000001

/* The device has stopped looking at the queue when this returns; its mappings are taken away. */
struct mmapdemo_queue_destroy {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 queue;
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_QUEUE_DESTROY	_IO(MMAPDEMO_IOC_TYPE, 13)

/* From the device's registers, not from memory that the owner can write. */
struct mmapdemo_queue_info {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 queue;
	__u32 out_state;		/* MMAPDEMO_QSTATE_* of mmapdemo_hw.h */
	__u32 out_error;		/* MMAPDEMO_QERR_* */
	__u32 out_error_index;
	__u32 out_head;			/* index of the next descriptor to complete */
	__u32 out_log2n;
	__u32 out_index;		/* which of the device's queues it is */
	__u32 out_reset;		/* 1: the device was reset since; DISABLED for ever */
	__aligned_u64 out_irqs;		/* interrupts since it was created */
};

#define MMAPDEMO_IOC_QUEUE_INFO		_IO(MMAPDEMO_IOC_TYPE, 14)

/* --- WINDOW_CREATE, WINDOW_DESTROY -------------------------------------------------------- */

#define MMAPDEMO_WINDOW_READ		0x00000001	/* the device may read through it */
#define MMAPDEMO_WINDOW_WRITE		0x00000002	/* the device may write through it */

/*
 * Let the queues of this file reach part of a buffer: descriptors name it by out_window. It holds the
 * buffer. EOPNOTSUPP: the buffer's memory is reached through bounce buffers here (swiotlb), which a
 * transfer without a system call cannot fill.
 */
struct mmapdemo_window_create {
	__u32 size;
	__u32 flags;			/* MMAPDEMO_WINDOW_*, at least one */
	__u32 handle;			/* a buffer of any technique, or region MEM */
	__u32 out_window;		/* may be 0 */
	__aligned_u64 off;		/* bytes into the buffer */
	__aligned_u64 len;		/* bytes, not 0 */
};

#define MMAPDEMO_IOC_WINDOW_CREATE	_IO(MMAPDEMO_IOC_TYPE, 15)

/* No byte moves through the window any more when this returns; descriptors half done end ABORTED. */
struct mmapdemo_window_destroy {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 window;
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_WINDOW_DESTROY	_IO(MMAPDEMO_IOC_TYPE, 16)

/* --- BUF_SYNC: who uses streaming memory next --------------------------------------------- */

#define MMAPDEMO_SYNC_FOR_DEVICE	0x00000001	/* the CPU's stores become visible to the device */
#define MMAPDEMO_SYNC_FOR_CPU		0x00000002	/* the device's become visible to the CPU */

/*
 * For memory that the device reaches by windows while it is mapped: PAGES, VMALLOC, NONCONTIG,
 * USERPTR. DMA_SUBMIT does it by itself. COHERENT: nothing to do, 0. Device memory: EINVAL.
 */
struct mmapdemo_buf_sync {
	__u32 size;
	__u32 flags;			/* one MMAPDEMO_SYNC_* */
	__u32 handle;
	__u32 reserved;			/* 0 */
	__aligned_u64 off;		/* bytes into the buffer */
	__aligned_u64 len;		/* bytes, not 0 */
};

#define MMAPDEMO_IOC_BUF_SYNC		_IO(MMAPDEMO_IOC_TYPE, 17)

/* --- BUF_PIN: the process's own memory as a buffer ----------------------------------------- */

#define MMAPDEMO_PIN_READ_ONLY		0x00000001	/* the device may not write; EACCES for who tries */

/*
 * The pages at addr stay where they are until the buffer is freed and nothing uses it any more, and
 * count against RLIMIT_MEMLOCK of the process until then (over it: ENOMEM, as mlock(2); EDQUOT: over
 * the limits of INFO). The buffer can be used by DMA_SUBMIT, WINDOW_CREATE, BUF_SYNC; mmap, pread and
 * pwrite of it are EOPNOTSUPP: the process has it mapped. Not to be pinned, EFAULT: memory that is not
 * there, that may not be written (without READ_ONLY), mappings of devices. EOPNOTSUPP: files whose
 * pages must not be pinned for long.
 */
struct mmapdemo_buf_pin {
	__u32 size;
	__u32 flags;			/* MMAPDEMO_PIN_* */
	__aligned_u64 addr;		/* page aligned; else EINVAL */
	__aligned_u64 len;		/* bytes, whole pages, not 0; else EINVAL */
	__u32 out_handle;		/* for BUF_FREE, BUF_INFO and the calls above */
	__u32 reserved;			/* 0 */
};

#define MMAPDEMO_IOC_BUF_PIN		_IO(MMAPDEMO_IOC_TYPE, 18)

/* --- BUF_EXPORT: a buffer as a dma-buf ------------------------------------------------------ */

/* O_CLOEXEC is always set. EOPNOTSUPP: USERPTR, registers, or a kernel without dma-buf. */
struct mmapdemo_buf_export {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 handle;			/* from BUF_ALLOC, or region MEM */
	__s32 out_fd;			/* keeps the buffer's memory until it is closed */
};

#define MMAPDEMO_IOC_BUF_EXPORT		_IO(MMAPDEMO_IOC_TYPE, 19)

/* --- QUEUE_SUBMIT: descriptors through a system call ---------------------------------------- */

/*
 * For queues created with MMAPDEMO_QUEUE_KERNEL; else EINVAL. Submits descriptors as long as there is
 * room (a slot is free again when its completion has been collected), rings the doorbell once, then
 * collects completions in order: those there are, and if these are fewer than min_cqes waits for more.
 * Descriptors are copied before they are looked at and name windows of this file, as on any queue.
 *
 * Returns 0 if something was submitted or collected, or nothing was asked for. Otherwise: EAGAIN
 * no room, or nothing collected without a deadline; ETIMEDOUT; EINTR; EIO the queue has stopped and
 * has nothing to collect, see QUEUE_INFO; EBUSY commands of io_uring are in flight on it; EFAULT;
 * ENODEV.
 *
 * A bad address costs nothing that is not at it: descriptors before it are submitted, and a completion
 * that cannot be stored stays to be collected. Calls for one queue are served one at a time, but for
 * those that sleep.
 */
struct mmapdemo_queue_submit {
	__u32 size;
	__u32 flags;			/* 0 */
	__u32 queue;
	__u32 num;			/* descriptors */
	__aligned_u64 sqes;		/* address of num struct mmapdemo_hw_sqe */
	__aligned_u64 cqes;		/* address of max_cqes struct mmapdemo_hw_cqe */
	__u32 max_cqes;
	__u32 min_cqes;			/* at most max_cqes; else EINVAL */
	__aligned_u64 deadline_ns;	/* CLOCK_MONOTONIC; 0: do not wait */
	__u32 out_submitted;
	__u32 out_cqes;
};

#define MMAPDEMO_IOC_QUEUE_SUBMIT	_IO(MMAPDEMO_IOC_TYPE, 20)

/*
 * The same by io_uring: IORING_OP_URING_CMD on the node with cmd_op MMAPDEMO_URING_SUBMIT and this
 * structure as its 16 bytes of command. One descriptor each; the queue may be shared with nothing
 * but other commands (QUEUE_SUBMIT on it: EBUSY while any is in flight). The result is the number of
 * bytes moved, or -EINVAL the descriptor was refused, -EIO it failed or the queue has stopped, -EAGAIN
 * no room, -EBUSY descriptors of QUEUE_SUBMIT are not all collected, -ECANCELED queue destroyed or ring
 * closed, -ENODEV; -ENOENT, -EFAULT, -EINVAL, -ENOTTY the command itself. With IORING_SETUP_CQE32 the
 * first extra word (io_uring gives drivers no second one) is the completion's aux; where the result is
 * -EINVAL or -EIO its status and, from bit 32, its detail, for MISCOMPARE its aux; 0 if there is none.
 */
struct mmapdemo_uring_cmd {
	__u32 queue;
	__u32 reserved;			/* 0 */
	__aligned_u64 sqe;		/* address of a struct mmapdemo_hw_sqe */
};

#define MMAPDEMO_URING_SUBMIT		1

/*
 * The list: X(verb, structure). Drives the driver's table, the library's checks and the tests that
 * walk every structure at size - 1, size and size + 1.
 */
#define MMAPDEMO_IOCTLS(X) \
	X(INFO,          mmapdemo_info) \
	X(REGION_INFO,   mmapdemo_region_info) \
	X(BUF_ALLOC,     mmapdemo_buf_alloc) \
	X(BUF_FREE,      mmapdemo_buf_free) \
	X(BUF_INFO,      mmapdemo_buf_info) \
	X(MAP_INFO,      mmapdemo_map_info) \
	X(MEM_CACHE_SET, mmapdemo_mem_cache_set) \
	X(REG_READ,      mmapdemo_reg_access) \
	X(REG_WRITE,     mmapdemo_reg_access) \
	X(DMA_SUBMIT,    mmapdemo_dma_submit) \
	X(DMA_WAIT,      mmapdemo_dma_wait) \
	X(EVENTFD_SET,   mmapdemo_eventfd_set) \
	X(QUEUE_CREATE,  mmapdemo_queue_create) \
	X(QUEUE_DESTROY, mmapdemo_queue_destroy) \
	X(QUEUE_INFO,    mmapdemo_queue_info) \
	X(WINDOW_CREATE, mmapdemo_window_create) \
	X(WINDOW_DESTROY, mmapdemo_window_destroy) \
	X(BUF_SYNC,      mmapdemo_buf_sync) \
	X(BUF_PIN,       mmapdemo_buf_pin) \
	X(BUF_EXPORT,    mmapdemo_buf_export) \
	X(QUEUE_SUBMIT,  mmapdemo_queue_submit)

#endif /* _UAPI_LINUX_MMAPDEMO_H */
