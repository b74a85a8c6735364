// SPDX-License-Identifier: MIT
/*
 * explain.c - from a failed call to a sentence: what was tried, why it failed, what to do next.
 *
 * One table, most particular rows first. It follows the errno vocabulary of linux/mmapdemo.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define ANY		MMD_CALL_COUNT

static const char *const actions[] = {
	[MMD_CALL_OPEN] = "cannot open",
	[MMD_CALL_INFO] = "cannot ask for its description",
	[MMD_CALL_REGION_INFO] = "cannot use the region",
	[MMD_CALL_BUF_ALLOC] = "cannot allocate a buffer",
	[MMD_CALL_BUF_FREE] = "cannot free the buffer",
	[MMD_CALL_BUF_INFO] = "cannot look up the buffer",
	[MMD_CALL_PREAD] = "cannot read",
	[MMD_CALL_PWRITE] = "cannot write",
	[MMD_CALL_MAP] = "cannot map",
	[MMD_CALL_MAP_INFO] = "cannot look up the mapping",
	[MMD_CALL_MEM_CACHE_SET] = "cannot change the cache type of the device memory",
	[MMD_CALL_REG_READ] = "cannot read the register",
	[MMD_CALL_REG_WRITE] = "cannot write the register",
	[MMD_CALL_DMA_SUBMIT] = "cannot start the DMA transfer",
	[MMD_CALL_DMA_WAIT] = "DMA transfer not completed",
	[MMD_CALL_EVENTFD_SET] = "cannot attach the eventfd",
	[MMD_CALL_QUEUE_CREATE] = "cannot create a queue",
	[MMD_CALL_QUEUE_DESTROY] = "cannot stop the queue",
	[MMD_CALL_QUEUE_INFO] = "cannot look up the queue",
	[MMD_CALL_QUEUE_WAIT] = "no completion",
	[MMD_CALL_WINDOW_CREATE] = "cannot create a window",
	[MMD_CALL_WINDOW_DESTROY] = "cannot take the window away",
	[MMD_CALL_BUF_PIN] = "cannot pin the memory",
	[MMD_CALL_BUF_SYNC] = "cannot hand the memory over",
	[MMD_CALL_BUF_EXPORT] = "cannot export the buffer",
	[MMD_CALL_QUEUE_SUBMIT] = "cannot submit",
};

_Static_assert(ARRAY_SIZE(actions) == MMD_CALL_COUNT, "one action for each call");

#define LOADED	"Is the driver loaded (lsmod | grep mmapdemo) and the device present " \
		"(lspci -d 1af4:10f0)?"
#define GONE	"The device was removed, unbound or its driver unloaded. Open it again once it is " \
		"back (lspci -k -d 1af4:10f0)."
#define RAW	"It takes CAP_SYS_RAWIO (run as root) and the module parameter allow_raw_bar=1 " \
		"(modprobe mmapdemo allow_raw_bar=1)."
#define LIMITS	"'mmapdemo info' shows the limits."

static const struct row {
	enum mmd_call call;
	int err;
	const char *cause;		/* NULL: the errno's own text */
	const char *remedy;
} rows[] = {
	{ MMD_CALL_OPEN, ENOENT, NULL, LOADED },
	{ MMD_CALL_OPEN, ENXIO, "no kernel driver is bound to it, or another one than this way needs",
	  "'lspci -k -d 1af4:10f0' shows which one; mmapdemo, vfio-pci or uio_pci_generic is chosen by "
	  "driver_override (docs/backends.md)." },
	{ MMD_CALL_OPEN, EOPNOTSUPP, "vfio without an IOMMU, where nothing would check DMA, or uio opened "
	  "exclusively, which it cannot promise",
	  "Boot with an IOMMU that is switched on (in QEMU -device intel-iommu, and intel_iommu=on) and load "
	  "its vfio module (modprobe vfio_iommu_type1)." },
	{ MMD_CALL_OPEN, ENODEV, "the device behind the node is gone", LOADED },
	{ MMD_CALL_OPEN, ENOTTY, "not an mmapdemo device node",
	  "Name the node of the driver, such as " MMD_DEFAULT_PATH " (ls /dev/mmapdemo*)." },
	{ MMD_CALL_OPEN, EPROTO, "driver and program speak different versions of the interface",
	  "Install driver and user space of the same release ('modinfo mmapdemo' names the driver's)." },
	{ MMD_CALL_OPEN, EACCES, NULL,
	  "The node belongs to root: run as root, or have udev give it to a group you are in "
	  "(ls -l /dev/mmapdemo*)." },
	{ MMD_CALL_OPEN, EPERM, NULL,
	  "The node belongs to root: run as root, or have udev give it to a group you are in "
	  "(ls -l /dev/mmapdemo*)." },
	{ MMD_CALL_OPEN, EBUSY, "open elsewhere, and one of the two wants it alone",
	  "Close the other user of the device (fuser -v /dev/mmapdemo*)." },
	{ MMD_CALL_OPEN, EINVAL, "unknown open flags", "" },

	{ MMD_CALL_REGION_INFO, EINVAL, "no such region", "" },
	{ MMD_CALL_REGION_INFO, EOPNOTSUPP, "the device has no such region", "" },
	{ MMD_CALL_REGION_INFO, EPERM, "not allowed for this file",
	  "Regions mem and alias take an exclusive open (MMD_OPEN_EXCL); region ctrl takes CAP_SYS_RAWIO and the "
	  "module parameter allow_raw_bar (modprobe mmapdemo allow_raw_bar=1)." },

	{ MMD_CALL_BUF_ALLOC, EINVAL, "length, technique, cache type or flags not valid",
	  "The length must not be 0 and has a limit for each technique. " LIMITS },
	{ MMD_CALL_BUF_ALLOC, EBUSY, "the device memory has another cache type now",
	  "Ask for the default one, or change it while nothing of it is allocated or mapped." },
	{ MMD_CALL_BUF_ALLOC, EOPNOTSUPP, "this technique, or that cache type for it, is not to be had here",
	  "'mmapdemo info' shows the techniques; ask for cache type default." },
	{ MMD_CALL_BUF_ALLOC, ENOMEM, NULL,
	  "Ask for less; physically contiguous memory (pages, coherent) runs out first. " LIMITS },
	{ MMD_CALL_BUF_ALLOC, EDQUOT, "over a limit of the driver",
	  "Free buffers of this process first. " LIMITS },

	{ MMD_CALL_BUF_FREE, ENOENT, "no such buffer of this file", "" },
	{ MMD_CALL_BUF_INFO, ENOENT, "no such buffer of this file", "" },

	{ MMD_CALL_MAP, EINVAL, "not inside the object, or not page aligned",
	  "Offset and length must stay within the length the driver gave." },
	{ MMD_CALL_MAP, EPERM, "not allowed",
	  "Nothing is ever mapped executable. The control registers take CAP_SYS_RAWIO and "
	  "allow_raw_bar=1, the whole device memory an exclusive open." },
	{ MMD_CALL_MAP, EACCES, "writable mapping of something read-only",
	  "Open the device for writing, or map with PROT_READ." },
	{ MMD_CALL_MAP, EOVERFLOW, "offset beyond anything that can be mapped", "" },
	{ MMD_CALL_MAP_INFO, ENOENT, "no mapping of this device at that address", "" },
	{ MMD_CALL_PREAD, EINVAL, "past the end of the object", "" },
	{ MMD_CALL_PWRITE, EINVAL, "past the end of the object", "" },
	{ MMD_CALL_PREAD, EIO, "the object ended early", "" },
	{ MMD_CALL_PWRITE, EIO, "the object ended early", "" },
	{ MMD_CALL_PWRITE, EACCES, "the object is read-only", "" },
	{ MMD_CALL_PWRITE, EBADF, "the device was opened read-only", "" },

	{ MMD_CALL_MEM_CACHE_SET, EINVAL, "only wc and uc are possible", "" },
	{ MMD_CALL_MEM_CACHE_SET, EBUSY, "some of it is allocated or mapped",
	  "Free and unmap all device memory, in every process, first." },

	{ MMD_CALL_REG_READ, EINVAL, "no such register, or not its width or alignment",
	  "'mmapdemo regs' lists them." },
	{ MMD_CALL_REG_WRITE, EINVAL, "no such register, or not its width or alignment",
	  "'mmapdemo regs' lists them." },
	{ MMD_CALL_REG_READ, EACCES, "the register is write-only", "" },
	{ MMD_CALL_REG_WRITE, EACCES, "the register or the open file is read-only", "" },
	{ MMD_CALL_REG_READ, EPERM, "the register is private to the driver", RAW },
	{ MMD_CALL_REG_WRITE, EPERM, "the register is private to the driver", RAW },

	{ MMD_CALL_DMA_SUBMIT, EINVAL, "direction, range, flags or kind of buffer not valid",
	  "Source and destination must lie inside their buffers, one in system and one in device "
	  "memory, and the length must not be above dma_max_len. " LIMITS },
	{ MMD_CALL_DMA_SUBMIT, ENOENT, "no such buffer of this file", "" },
	{ MMD_CALL_DMA_SUBMIT, EACCES, "the destination or the open file is read-only", "" },
	{ MMD_CALL_DMA_SUBMIT, EDQUOT, "too many transfers not yet collected",
	  "Collect some with mmd_dma_wait() first. " LIMITS },
	{ MMD_CALL_DMA_SUBMIT, EBUSY, "another eventfd is attached to this file",
	  "Detach it with mmd_eventfd_set(dev, -1)." },
	{ MMD_CALL_DMA_SUBMIT, EOPNOTSUPP, "not possible for this kind of buffer here", "" },
	{ MMD_CALL_DMA_WAIT, EIO, "the device reported an error, or was reset meanwhile",
	  "The result holds the device's error code; 'mmapdemo regs' shows its state." },
	{ MMD_CALL_DMA_WAIT, ETIMEDOUT, "the device did not finish in time",
	  "It may finish yet; 'mmapdemo regs DMA_STATUS' shows whether it is still at work." },
	{ MMD_CALL_DMA_WAIT, EAGAIN, "not finished yet", "" },
	{ MMD_CALL_DMA_WAIT, ENOENT, "no such transfer of this file, or collected already", "" },
	{ MMD_CALL_EVENTFD_SET, EINVAL, "not an eventfd", "" },

	{ MMD_CALL_QUEUE_CREATE, EINVAL, "number of slots or flags not valid",
	  "'mmapdemo info' shows the range of log2n; queues of the driver take driver interface 3." },
	{ MMD_CALL_QUEUE_CREATE, EBADF, "no such eventfd", "" },
	{ MMD_CALL_QUEUE_CREATE, EACCES, "the device was opened read-only", "Open it for writing." },
	{ MMD_CALL_QUEUE_CREATE, EBUSY, "all queues of the device are in use",
	  "Have another process destroy one, or give the device more (-device mmapdemo,queues=N)." },
	{ MMD_CALL_QUEUE_CREATE, EDQUOT, "as many queues as one open file may have",
	  "Destroy one first. " LIMITS },
	{ MMD_CALL_QUEUE_CREATE, EOPNOTSUPP, "the device has no queues",
	  "It is older than the driver: 'mmapdemo info' shows its version." },
	{ MMD_CALL_QUEUE_CREATE, EPROTO, "the driver gave less memory than the rings take",
	  "Install driver and user space of the same release." },
	{ MMD_CALL_QUEUE_WAIT, EIO, "the queue stopped, or was reset away",
	  "mmd_queue_info() tells why ('mmapdemo queue' on the command line)." },
	{ MMD_CALL_QUEUE_WAIT, ETIMEDOUT, "the device did not complete the descriptor in time",
	  "It may yet; 'mmapdemo queue' shows whether the queue runs." },
	{ MMD_CALL_QUEUE_WAIT, EAGAIN, "not there yet", "" },
	{ MMD_CALL_QUEUE_WAIT, EINVAL, "not so many descriptors under way, or a queue without an eventfd",
	  "Kick first, and create the queue with MMD_QUEUE_SLEEP to sleep." },
	{ MMD_CALL_WINDOW_CREATE, EINVAL, "range or access not valid",
	  "The range must lie inside the buffer, and the device be allowed to read or to write." },
	{ MMD_CALL_WINDOW_CREATE, ENOENT, "no such buffer of this file", "" },
	{ MMD_CALL_WINDOW_CREATE, EACCES, "the buffer or the open file is read-only",
	  "Ask for read access only." },
	{ MMD_CALL_WINDOW_CREATE, EBUSY, "all windows of the device are in use",
	  "Destroy some, or give the device more (-device mmapdemo,windows=N)." },
	{ MMD_CALL_WINDOW_CREATE, EOPNOTSUPP, "the device reaches this memory through bounce buffers only",
	  "Use a COHERENT or BAR buffer, or boot without swiotlb=force." },
	{ MMD_CALL_WINDOW_DESTROY, ENOENT, "no such window of this file", "" },

	{ MMD_CALL_BUF_PIN, EINVAL, "address or length not whole pages, or unknown flags",
	  "Allocate the memory with mmap(2) or aligned_alloc(3)." },
	{ MMD_CALL_BUF_PIN, EFAULT, "no memory there, none that may be written, or a mapping of a device",
	  "Pin ordinary memory of this process; what is only to be read takes MMAPDEMO_PIN_READ_ONLY." },
	{ MMD_CALL_BUF_PIN, EOPNOTSUPP, "pinned memory is not to be had here, or not of this file",
	  "'mmapdemo info' shows the techniques; files on disk cannot be pinned for long, anonymous memory can." },
	{ MMD_CALL_BUF_PIN, ENOMEM, "more locked memory than this process may have, or no memory",
	  "'ulimit -l' shows the limit (RLIMIT_MEMLOCK)." },
	{ MMD_CALL_BUF_PIN, EDQUOT, "over a limit of the driver",
	  "Free buffers of this process first. " LIMITS },
	{ MMD_CALL_BUF_SYNC, EINVAL, "range or direction not valid, or device memory",
	  "The range must lie inside a buffer of system memory." },
	{ MMD_CALL_BUF_SYNC, ENOENT, "no such buffer of this file", "" },
	{ MMD_CALL_BUF_EXPORT, ENOENT, "no such buffer of this file", "" },
	{ MMD_CALL_BUF_EXPORT, EOPNOTSUPP, "not for this kind of buffer, or a kernel without dma-buf",
	  "Pinned memory and registers are never exported; 'mmapdemo info' shows whether the kernel can." },
	{ MMD_CALL_BUF_EXPORT, EMFILE, NULL, "Close descriptors, or raise the limit ('ulimit -n')." },
	{ MMD_CALL_QUEUE_SUBMIT, EINVAL, "not a queue of the driver, or more to wait for than there is room for",
	  "Create the queue with MMD_QUEUE_KERNEL." },
	{ MMD_CALL_QUEUE_SUBMIT, EAGAIN, "the queue is full, or nothing has completed yet",
	  "Collect completions, with a deadline to wait for them." },
	{ MMD_CALL_QUEUE_SUBMIT, EBUSY, "commands of io_uring are in flight on this queue",
	  "Use one way or the other, or wait for them." },
	{ MMD_CALL_QUEUE_SUBMIT, EIO, "the queue stopped, or was reset away",
	  "mmd_queue_info() tells why ('mmapdemo queue' on the command line)." },
	{ MMD_CALL_QUEUE_SUBMIT, ETIMEDOUT, "the device did not complete the descriptor in time",
	  "It may yet; 'mmapdemo queue' shows whether the queue runs." },

	{ ANY, ENODEV, "the device is gone", GONE },
	{ ANY, EIO, "the device failed or was reset", "'dmesg | tail' has the driver's side of it." },
	{ ANY, ETIMEDOUT, "the device did not answer in time",
	  "'dmesg | tail' has the driver's side of it." },
	{ ANY, ENOTTY, "the driver does not know this call",
	  "Install driver and user space of the same release." },
	{ ANY, E2BIG, "the program is newer than the driver",
	  "Install driver and user space of the same release." },
	{ ANY, ENOENT, "no such object of this file", "" },
	{ ANY, EPERM, NULL, RAW },
	{ ANY, EDQUOT, "over a limit of the driver", LIMITS },
	{ ANY, ENOMEM, NULL, "Free memory, or ask for less." },
	{ ANY, EINTR, "interrupted by a signal", "" },
};

void mmd_explain(enum mmd_call call, int err, struct mmd_explanation *explanation)
{
	const char *cause = NULL;
	size_t i;

	if (err < 0)
		err = -err;
	explanation->action = (unsigned int)call < MMD_CALL_COUNT ? actions[call] : "call failed";
	explanation->remedy = "";
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].err != err || (rows[i].call != call && rows[i].call != ANY))
			continue;
		cause = rows[i].cause;
		explanation->remedy = rows[i].remedy;
		break;
	}
#ifdef MMD_HAVE_STRERRORDESC_NP
	/* strerror(3) writes to a buffer shared by all threads. */
	if (!cause)
		cause = strerrordesc_np(err);
#endif
	explanation->cause = cause ? cause : "the kernel refused";
}

int mmd_explain_str(enum mmd_call call, int err, const char *object, char *text, size_t size)
{
	struct mmd_explanation e;

	mmd_explain(call, err, &e);
	return snprintf(text, size, "%s: %s: %s.%s%s", object, e.action, e.cause,
			*e.remedy ? " " : "", e.remedy);
}
