/* SPDX-License-Identifier: MIT */
/*
 * mmapdemo.h - the public interface of libmmapdemo: open a device, allocate, map, transfer.
 *
 * For: programs that use an mmapdemo device. Accessors for mapped memory are in mmio.h, included.
 * Queues, by which a process hands work to the device without a system call, are in queue.h, and the
 * commands of io_uring in uring.h.
 * Not for: the system calls themselves (linux/mmapdemo.h) nor the registers (linux/mmapdemo_hw.h);
 * both are included, and their constants are used as they are.
 *
 * Conventions. A call returns 0 or a negative errno; the driver's errno values mean what
 * linux/mmapdemo.h says, and the ones made by the library are named with each call. On failure
 * nothing changes and outputs are left alone, unless the call says otherwise. Lengths and offsets
 * are bytes, times nanoseconds. No call prints, starts a thread, installs a signal handler or
 * keeps anything outside of its struct mmd_device. Calls on one device may run in several threads,
 * except mmd_close() with any other and mmd_dma_copy() with itself.
 *
 * A mapping whose device goes away raises SIGBUS when it is touched: a program that wants to
 * survive that handles the signal. The library touches mappings only where this file says so.
 */
#ifndef MMAPDEMO_MMAPDEMO_H
#define MMAPDEMO_MMAPDEMO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/mmapdemo.h>
#include <linux/mmapdemo_hw.h>
#include <mmapdemo/mmio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MMD_DEFAULT_PATH	"/dev/mmapdemo0"

/* One open file of a device. */
struct mmd_device;

/* --- open --------------------------------------------------------------------------------- */

#define MMD_OPEN_RDONLY		0x1u	/* O_RDONLY: mappings and pwrite may not write */
#define MMD_OPEN_EXCL		0x2u	/* O_EXCL: nobody else; region MEM may be mapped and copied to */
#define MMD_OPEN_NONBLOCK	0x4u	/* O_NONBLOCK on the file, for poll(2) loops */

/**
 * mmd_open() - open a device and check that library and driver speak the same interface.
 * @path:  device node; NULL means MMD_DEFAULT_PATH
 * @flags: MMD_OPEN_*
 * @dev:   the device, to be closed with mmd_close()
 *
 * The file is close-on-exec. Errors: those of open(2) (-ENOENT, -EACCES, -EBUSY when opened
 * exclusively by somebody, -ENODEV); -EINVAL unknown flags; -ENOTTY the node is not an mmapdemo
 * device; -EPROTO the driver speaks a later MMAPDEMO_API_VERSION than the library. An earlier one will
 * do: what it does not know answers -ENOTTY, or as 0 in struct mmd_info.
 */
int mmd_open(const char *path, unsigned int flags, struct mmd_device **dev);

/**
 * mmd_close() - close the file. NULL is allowed.
 *
 * Buffers are freed and transfers cancelled by the driver; mappings of the caller stay until
 * mmd_unmap(). Pointers and handles obtained from @dev other than mappings are void afterwards.
 */
void mmd_close(struct mmd_device *dev);

/** mmd_fd() - the file descriptor, for poll(2), SCM_RIGHTS and direct ioctls. Stays owned by @dev. */
int mmd_fd(const struct mmd_device *dev);

/** mmd_path() - the path the device was opened by. Valid until mmd_close(). */
const char *mmd_path(const struct mmd_device *dev);

/* --- what is there ------------------------------------------------------------------------ */

/* As struct mmapdemo_info of linux/mmapdemo.h, without the call's own members. */
struct mmd_info {
	uint32_t api_version;
	uint32_t hw_version;	/* register VERSION */
	uint64_t features;	/* MMAPDEMO_FEATURE_* */
	uint64_t mem_size;	/* bytes of BAR2 */
	uint64_t mem_free;	/* bytes of BAR2 not allocated */
	uint64_t dma_mask;	/* highest bus address the engine reaches */
	uint64_t dma_max_len;	/* most bytes of one transfer */
	uint64_t max_contig;	/* most bytes of one PAGES or COHERENT buffer */
	uint64_t max_bytes;	/* most bytes of memory buffers of one open file */
	uint32_t max_bufs;	/* most buffers of one open file */
	uint32_t max_transfers;	/* most transfers of one open file not yet collected */
	uint32_t mem_cache;	/* MMAPDEMO_CACHE_* of BAR2 */
	uint32_t state;		/* MMAPDEMO_STATE_* */
	uint32_t instance;	/* N of /dev/mmapdemoN */
	uint32_t page_size;	/* bytes */
	char bus_id[33];	/* PCI address; always terminated */
	/* API version 2; 0 from an earlier driver */
	uint32_t num_queues;	/* of the device */
	uint32_t num_windows;
	uint32_t max_queues;	/* most queues of one open file */
	uint32_t max_windows;	/* most windows of one open file */
	uint32_t queue_log2n_min;	/* log2 of the slots of a queue's rings */
	uint32_t queue_log2n_max;
	uint32_t queue_max_len;	/* most bytes of one descriptor */
	uint32_t queue_max_list;	/* most elements of one of its lists */
	uint32_t irq_gap_min_ns;	/* least irq_gap_ns granted */
	uint32_t engine;	/* MMAPDEMO_ENGINE_*: who moves the bytes of queues */
	/* API version 3; an earlier driver has BAR, PAGES, VMALLOC and COHERENT, and the rest is 0 */
	uint32_t techniques;	/* bit 1u << MMAPDEMO_TECH_*: what kernel and device can do */
	uint32_t caps;		/* MMAPDEMO_CAP_* */
	uint64_t huge_size;	/* bytes of one page-table entry of BAR_HUGE; 0: none */
};

/** mmd_info() - device, driver and limits, as they are now. Errors: -ENODEV. */
int mmd_info(struct mmd_device *dev, struct mmd_info *info);

/* Something that can be mapped, read and written: a buffer, or a region of the device. */
struct mmd_buf {
	uint32_t handle;	/* never 0 */
	uint32_t technique;	/* MMAPDEMO_TECH_* */
	uint32_t cache;		/* MMAPDEMO_CACHE_*, as obtained */
	uint32_t flags;		/* MMAPDEMO_BUF_* */
	uint64_t len;		/* bytes, whole pages */
	uint64_t offset;	/* for mmd_map(), mmd_pread(), mmd_pwrite(): opaque */
};

/**
 * mmd_region_info() - find an object that exists without being allocated.
 * @region: MMAPDEMO_REGION_*
 *
 * Errors: -EINVAL unknown region; -EPERM region CTRL without CAP_SYS_RAWIO and allow_raw_bar,
 * region MEM without MMD_OPEN_EXCL; -ENODEV.
 */
int mmd_region_info(struct mmd_device *dev, uint32_t region, struct mmd_buf *buf);

/* --- buffers ------------------------------------------------------------------------------ */

/**
 * mmd_buf_alloc() - allocate a zeroed buffer.
 * @technique: MMAPDEMO_TECH_*; see mmd_technique_is_device() for whose memory it is. USERPTR is for
 *             mmd_buf_pin()
 * @len:       bytes, rounded up to pages by the driver
 * @cache:     MMAPDEMO_CACHE_* wanted; DEFAULT takes what there is, else exactly this or an error
 * @flags:     MMAPDEMO_BUF_*; FAULT_AROUND is for BAR_FAULT
 * @buf:       the buffer; free it with mmd_buf_free(), or let mmd_close() do it
 *
 * Errors: -EINVAL length, technique or flags; -EBUSY BAR2 has another cache type; -EOPNOTSUPP the
 * technique (see techniques of mmd_info()) or its cache type is not to be had here; -ENOMEM; -EDQUOT a
 * limit of mmd_info(); -ENODEV.
 */
int mmd_buf_alloc(struct mmd_device *dev, uint32_t technique, uint64_t len, uint32_t cache,
		  uint32_t flags, struct mmd_buf *buf);

/**
 * mmd_buf_free() - drop a handle of mmd_buf_alloc().
 *
 * The pages live until the last mapping and transfer using them has ended. Errors: -ENOENT no
 * such handle of this file, or a region's; -ENODEV.
 */
int mmd_buf_free(struct mmd_device *dev, uint32_t handle);

struct mmd_buf_info {
	struct mmd_buf buf;
	uint32_t vmas;		/* mappings in all processes; forks and splits count */
	uint32_t transfers;	/* DMA transfers using it now */
};

/** mmd_buf_info() - a buffer or region by its handle. Errors: -ENOENT, -ENODEV. */
int mmd_buf_info(struct mmd_device *dev, uint32_t handle, struct mmd_buf_info *info);

/**
 * mmd_buf_pin() - make memory of this process a buffer, where it is.
 * @addr:   page aligned
 * @len:    bytes, whole pages, not 0
 * @flags:  MMAPDEMO_PIN_READ_ONLY: the device may not write to it
 * @handle: for transfers, windows, mmd_buf_sync(), mmd_buf_info() and mmd_buf_free()
 *
 * The process uses the memory as before, the device uses the same pages. They stay where they are, and
 * count as locked memory, until mmd_buf_free() (or mmd_close()) and the end of all that uses them. Do
 * not unmap the memory before: the device would go on with pages that nobody else has.
 *
 * Errors: -EINVAL alignment, length, flags; -EFAULT there is no memory, or none that may be written, or
 * a mapping of a device; -EOPNOTSUPP a file whose pages must not stay; -ENOMEM over RLIMIT_MEMLOCK;
 * -EDQUOT a limit of mmd_info(); -ENOTTY a driver before API version 3; -ENODEV.
 */
int mmd_buf_pin(struct mmd_device *dev, void *addr, uint64_t len, uint32_t flags,
		uint32_t *handle);

/**
 * mmd_buf_sync() - hand memory that queues reach over to the device, or take it back.
 * @handle: a buffer of system memory; @off, @len: bytes of it, @len not 0
 * @flags:  MMAPDEMO_SYNC_FOR_DEVICE before a kick, MMAPDEMO_SYNC_FOR_CPU after the completion
 *
 * PAGES, VMALLOC, NONCONTIG and USERPTR take it where the processor's caches and the device do not see
 * each other; elsewhere, and for COHERENT, it does nothing. Transfers of mmd_dma_submit() do it by
 * themselves. Errors: -EINVAL range, flags, or device memory; -ENOENT; -ENOTTY a driver before API
 * version 3; -ENODEV.
 */
int mmd_buf_sync(struct mmd_device *dev, uint32_t handle, uint64_t off, uint64_t len,
		 uint32_t flags);

/**
 * mmd_buf_export() - a buffer as a dma-buf, for other drivers of this kernel.
 * @handle: from mmd_buf_alloc(), or region MEM
 * @fd:     a descriptor, close-on-exec; the buffer's memory lives until it is closed
 *
 * Errors: -ENOENT; -EOPNOTSUPP pinned memory, registers, or the kernel has no dma-buf (see
 * MMAPDEMO_CAP_DMABUF of mmd_info()); -ENOTTY a driver before API version 3; -ENODEV; those of making a
 * descriptor (-EMFILE).
 */
int mmd_buf_export(struct mmd_device *dev, uint32_t handle, int *fd);

/**
 * mmd_pread(), mmd_pwrite() - copy through a system call: the baseline mappings are compared to.
 * @offset: buf.offset plus a byte offset into the buffer
 *
 * All of @len bytes, or an error; -EIO: the object ended before @len (bytes up to its end were
 * copied). Errors: -ENOENT unknown offset; -EINVAL past the end; -EACCES read-only; -EINTR before
 * the first byte; -EFAULT; -ENODEV.
 */
int mmd_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len);
int mmd_pwrite(struct mmd_device *dev, uint64_t offset, const void *data, size_t len);

/* --- mappings ----------------------------------------------------------------------------- */

struct mmd_map {
	void *ptr;
	size_t len;		/* bytes */
};

/**
 * mmd_map() - map part of an object, shared.
 * @offset: buf.offset plus a whole number of pages
 * @len:    bytes; mmap(2) rounds it up to pages
 * @prot:   PROT_READ, PROT_WRITE
 * @map:    the mapping, to be ended with mmd_unmap(); may outlive @dev
 *
 * Errors: -ENOENT unknown offset; -EINVAL past the end or unaligned; -EACCES writing what is
 * read-only; -EPERM PROT_EXEC, or a capability is missing; -EOVERFLOW the kernel's own answer to
 * an offset near 2^63; -ENOMEM; -ENODEV.
 */
int mmd_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, struct mmd_map *map);

/** mmd_map_buf() - map all of @buf. Errors as mmd_map(). */
int mmd_map_buf(struct mmd_device *dev, const struct mmd_buf *buf, int prot, struct mmd_map *map);

/**
 * mmd_unmap() - end a mapping; clears @map. A cleared @map is allowed and left alone.
 *
 * Errors: -EINVAL @map was changed by the caller to something that is not a mapping.
 */
int mmd_unmap(struct mmd_map *map);

struct mmd_map_info {
	uint64_t start;		/* bounds of the mapping in the calling process */
	uint64_t end;
	uint64_t offset;	/* offset that start was mapped with */
	uint32_t technique;	/* MMAPDEMO_TECH_* */
	uint32_t cache;		/* MMAPDEMO_CACHE_* in the page-table entry; DEFAULT if not present */
	uint32_t present;	/* 1: there is a page-table entry for the address now */
	uint32_t entry_shift;	/* log2 of the bytes it maps; 0: none, or a driver before API version 3 */
};

/** mmd_map_info() - what the mapping around @addr really is. Errors: -ENOENT not ours; -ENODEV. */
int mmd_map_info(struct mmd_device *dev, const volatile void *addr, struct mmd_map_info *info);

/**
 * mmd_mem_cache_set() - choose BAR2's cache type.
 * @cache: MMAPDEMO_CACHE_WC or MMAPDEMO_CACHE_UC
 *
 * Errors: -EINVAL another type; -EBUSY some of BAR2 is allocated or mapped; -ENODEV.
 */
int mmd_mem_cache_set(struct mmd_device *dev, uint32_t cache);

/* --- registers ---------------------------------------------------------------------------- */

/**
 * mmd_reg_read(), mmd_reg_write() - one register access by the driver.
 * @offset: in BAR0, MMAPDEMO_REG_*
 * @width:  bytes, 4 or 8
 *
 * Errors: -EINVAL no such register, width or alignment; -EACCES reading a write-only or writing a
 * read-only one; -EPERM a PRIVATE one without CAP_SYS_RAWIO and allow_raw_bar; -ENODEV.
 */
int mmd_reg_read(struct mmd_device *dev, uint32_t offset, uint32_t width, uint64_t *value);
int mmd_reg_write(struct mmd_device *dev, uint32_t offset, uint32_t width, uint64_t value);

#define MMD_REG_RO		1
#define MMD_REG_RW		2
#define MMD_REG_WO		3
#define MMD_REG_W1C		4

#define MMD_REG_PUBLIC		1
#define MMD_REG_PRIVATE		2

/* A row of MMAPDEMO_HW_REGS. */
struct mmd_reg {
	const char *name;	/* without MMAPDEMO_REG_ */
	const char *text;
	uint32_t offset;	/* in BAR0 */
	uint32_t width;		/* bytes */
	uint32_t access;	/* MMD_REG_RO .. W1C */
	uint32_t scope;		/* MMD_REG_PUBLIC, MMD_REG_PRIVATE */
	uint64_t writable;	/* bits */
	uint64_t reset;		/* or MMAPDEMO_RESET_VARIES */
};

/** mmd_reg_table() - all registers in the order of the list; @count becomes their number. */
const struct mmd_reg *mmd_reg_table(size_t *count);

/** mmd_reg_by_name() - ignoring case, with or without "MMAPDEMO_REG_". NULL: there is none. */
const struct mmd_reg *mmd_reg_by_name(const char *name);

/** mmd_reg_by_offset() - the register starting at @offset in BAR0. NULL: there is none. */
const struct mmd_reg *mmd_reg_by_offset(uint32_t offset);

/* --- DMA ---------------------------------------------------------------------------------- */

/* What to move. Clear it first: members left 0 are valid. */
struct mmd_dma {
	uint32_t direction;	/* MMAPDEMO_DMA_TO_DEVICE, MMAPDEMO_DMA_FROM_DEVICE */
	uint32_t flags;		/* MMAPDEMO_DMA_NO_IRQ, MMAPDEMO_DMA_TIMED */
	uint32_t repeat;	/* with TIMED 1 or more; else 0 */
	uint32_t mem_handle;	/* a buffer of system memory, also of mmd_buf_pin() */
	uint32_t dev_handle;	/* a buffer of device memory, or region MEM */
	uint32_t reserved;	/* 0 */
	uint64_t mem_off;	/* bytes into each */
	uint64_t dev_off;
	uint64_t len;		/* bytes */
	uint64_t user_data;	/* comes back in the result */
};

struct mmd_dma_result {
	uint64_t seq;		/* names the transfer in traces and in the device */
	uint64_t user_data;
	uint64_t bytes;		/* bytes moved */
	uint64_t host_ns;	/* TIMED: host time of all the copies */
	uint32_t error;		/* MMAPDEMO_ERR_* of linux/mmapdemo_hw.h; 0: every byte moved */
	uint32_t reserved;
};

/**
 * mmd_dma_submit() - start a transfer, or queue it behind the ones before.
 * @seq: its name, for mmd_dma_wait(); may be NULL
 *
 * Errors: -EINVAL ranges, direction, flags; -ENOENT a handle; -EDQUOT too many not collected;
 * -ENODEV.
 */
int mmd_dma_submit(struct mmd_device *dev, const struct mmd_dma *dma, uint64_t *seq);

/** mmd_deadline_ns() - CLOCK_MONOTONIC now plus @timeout_ns, at most UINT64_MAX, never 0. */
uint64_t mmd_deadline_ns(uint64_t timeout_ns);

/**
 * mmd_dma_wait() - collect a finished transfer, waiting for it if need be.
 * @seq:         which; 0: whichever finished first
 * @deadline_ns: CLOCK_MONOTONIC, see mmd_deadline_ns(); 0: do not wait
 * @result:      filled on success and on -EIO; may be NULL
 *
 * Errors: -EIO the transfer failed or was reset away, and is collected; -EAGAIN not finished and
 * not waiting; -ETIMEDOUT; -EINTR a signal, nothing collected: call again; -ENOENT no such
 * transfer of this file; -ENODEV.
 */
int mmd_dma_wait(struct mmd_device *dev, uint64_t seq, uint64_t deadline_ns,
		 struct mmd_dma_result *result);

/* How mmd_dma_copy() learns of the end. */
#define MMD_DMA_WAIT		1	/* sleeps in the wait ioctl */
#define MMD_DMA_EVENTFD		2	/* poll(2) on an eventfd of the library's, then collects */
#define MMD_DMA_SPIN		3	/* no interrupt: reads the mapped user page until it is over */

/**
 * mmd_dma_copy() - submit one transfer and wait for its end.
 * @dma:        flags NO_IRQ is set by mode SPIN and refused with the others
 * @mode:       MMD_DMA_WAIT, MMD_DMA_EVENTFD, MMD_DMA_SPIN
 * @timeout_ns: from now
 * @result:     may be NULL. Filled on success and -EIO; seq also on any error after submission
 *
 * Continues after signals. What a mode needs (user page mapped, eventfd set) is made at its first
 * use and kept until mmd_close(). SPIN touches that mapping: SIGBUS if the device goes or is reset. A
 * program may leave the call by siglongjmp(3) then, collect the transfer, and call again: after a
 * reset that maps the page anew.
 *
 * Errors: as mmd_dma_submit(); -EIO, -ETIMEDOUT (the transfer goes on, collect it with
 * mmd_dma_wait()), -ENODEV as mmd_dma_wait(); -EINVAL mode; -EBUSY mode EVENTFD while an eventfd of
 * mmd_eventfd_set() is in place.
 */
int mmd_dma_copy(struct mmd_device *dev, const struct mmd_dma *dma, unsigned int mode,
		 uint64_t timeout_ns, struct mmd_dma_result *result);

/**
 * mmd_eventfd_set() - have an eventfd count the finished transfers of this file.
 * @fd: an eventfd, which stays the caller's; -1: none any more
 *
 * Replaces the library's own of mode EVENTFD. Errors: -EINVAL @fd is not an eventfd; -EBADF;
 * -ENODEV.
 */
int mmd_eventfd_set(struct mmd_device *dev, int fd);

/* --- names and explanations --------------------------------------------------------------- */

/*
 * Names as the tool prints them: bar pages vmalloc coherent bar-fault bar-huge noncontig userptr; default
 * wb wc uc uc-; example user-page ctrl mem alias; wait eventfd spin; ERR_* of the device in lower case
 * (none access offset ..).
 * A value without a name gives "unknown". mmd_*_value() ignores case; -EINVAL: not a name.
 */
const char *mmd_technique_name(uint32_t technique);
int mmd_technique_value(const char *name, uint32_t *technique);

/** mmd_technique_is_device() - true: device memory, for mmio.h; false: system memory, or not known. */
bool mmd_technique_is_device(uint32_t technique);

const char *mmd_cache_name(uint32_t cache);
int mmd_cache_value(const char *name, uint32_t *cache);
const char *mmd_region_name(uint32_t region);
int mmd_region_value(const char *name, uint32_t *region);
const char *mmd_dma_mode_name(uint32_t mode);
int mmd_dma_mode_value(const char *name, uint32_t *mode);
const char *mmd_hw_error_name(uint32_t error);
int mmd_hw_error_value(const char *name, uint32_t *error);
const char *mmd_reg_access_name(uint32_t access);

/** mmd_hw_error_text() - one sentence on a device error code MMAPDEMO_ERR_*. Never NULL. */
const char *mmd_hw_error_text(uint32_t error);

/* Which call failed, for mmd_explain(). */
enum mmd_call {
	MMD_CALL_OPEN,
	MMD_CALL_INFO,
	MMD_CALL_REGION_INFO,
	MMD_CALL_BUF_ALLOC,
	MMD_CALL_BUF_FREE,
	MMD_CALL_BUF_INFO,
	MMD_CALL_PREAD,
	MMD_CALL_PWRITE,
	MMD_CALL_MAP,
	MMD_CALL_MAP_INFO,
	MMD_CALL_MEM_CACHE_SET,
	MMD_CALL_REG_READ,
	MMD_CALL_REG_WRITE,
	MMD_CALL_DMA_SUBMIT,
	MMD_CALL_DMA_WAIT,
	MMD_CALL_EVENTFD_SET,
	MMD_CALL_QUEUE_CREATE,
	MMD_CALL_QUEUE_DESTROY,
	MMD_CALL_QUEUE_INFO,
	MMD_CALL_QUEUE_WAIT,
	MMD_CALL_WINDOW_CREATE,
	MMD_CALL_WINDOW_DESTROY,
	MMD_CALL_BUF_PIN,
	MMD_CALL_BUF_SYNC,
	MMD_CALL_BUF_EXPORT,
	MMD_CALL_QUEUE_SUBMIT,
	MMD_CALL_COUNT
};

/* Static strings, never NULL; remedy is "" when there is nothing to advise. */
struct mmd_explanation {
	const char *action;	/* "cannot open" */
	const char *cause;	/* "No such file or directory" */
	const char *remedy;	/* "Is the driver loaded (...)?" */
};

/**
 * mmd_explain() - why @call failed with @err, and what to do.
 * @err: a negative errno as returned by the library (its positive value is taken too)
 */
void mmd_explain(enum mmd_call call, int err, struct mmd_explanation *explanation);

/**
 * mmd_explain_str() - "object: action: cause. remedy" in one string.
 * @object: what was acted upon, for example mmd_path()
 *
 * Always terminated if @size is not 0. Returns the length the whole text has, as snprintf(3).
 */
int mmd_explain_str(enum mmd_call call, int err, const char *object, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* MMAPDEMO_MMAPDEMO_H */
