/* SPDX-License-Identifier: MIT */
/*
 * backend.h - the same device by other ways than its own driver: vfio-pci, uio_pci_generic.
 *
 * For: programs that want to compare, or to run where the driver is not. All other calls of the library
 * are the same whatever is below; what a way cannot do answers -EOPNOTSUPP, and mmd_refused() names it.
 * Not for: binding the function to a kernel driver, which is the administrator's (docs/backends.md).
 *
 * With vfio and uio the library is the driver: it programs the device's registers from this process,
 * touches them in every call (SIGBUS if the device goes or stops decoding), and the device belongs to this
 * process alone. Of a transfer one is under way at a time.
 */
#ifndef MMAPDEMO_BACKEND_H
#define MMAPDEMO_BACKEND_H

#include <mmapdemo/mmapdemo.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MMD_BACKEND_DRIVER	1	/* mmapdemo.ko, the node /dev/mmapdemoN */
#define MMD_BACKEND_VFIO	2	/* vfio-pci, behind an IOMMU */
#define MMD_BACKEND_UIO		3	/* uio_pci_generic and sysfs: no DMA, one interrupt line */
#define MMD_BACKEND_MAX		3

/**
 * mmd_open_bdf() - open a PCI function by its address through the kernel driver it is bound to.
 * @bus_id:  "0000:01:00.0"; NULL: the first mmapdemo function bound to what @backend needs
 * @backend: MMD_BACKEND_*
 * @flags:   MMD_OPEN_*. EXCL: VFIO is always exclusive, UIO never (-EOPNOTSUPP)
 * @dev:     as of mmd_open(), which takes "vfio:0000:01:00.0" and the like, too
 *
 * Errors: -EINVAL @backend, @bus_id, flags; -ENOENT no such function; -ENOTTY it is not an mmapdemo
 * device; -ENXIO it is not bound to the kernel driver that @backend needs; -EBUSY open elsewhere; -EPERM the
 * IOMMU group has other functions that are not vfio's; -EOPNOTSUPP vfio without an IOMMU, whose DMA nothing
 * would check, or EXCL as above; -EPROTO the device has another major version; -EIO it does not answer; those
 * of open(2).
 */
int mmd_open_bdf(const char *bus_id, uint32_t backend, unsigned int flags, struct mmd_device **dev);

/** mmd_backend() - MMD_BACKEND_* of an open device. */
uint32_t mmd_backend(const struct mmd_device *dev);

/* driver vfio uio; -EINVAL, "unknown": not one of them. mmd_backend_value() ignores case. */
const char *mmd_backend_name(uint32_t backend);
int mmd_backend_value(const char *name, uint32_t *backend);

/* --- what each can and cannot do ---------------------------------------------------------- */

/* X(NAME, "name", "what it is") */
#define MMD_CAPABILITIES(X) \
	X(REGISTERS,     "registers",     "map the user page, read and write registers by call") \
	X(CONTROL,       "control",       "the control block without a module parameter") \
	X(MEMORY,        "memory",        "allocate device memory (BAR2) and map it") \
	X(WRITE_COMBINE, "write-combine", "device memory mapped write-combining") \
	X(CACHE_SET,     "cache-set",     "change the cache type of device memory") \
	X(EXAMPLE,       "example",       "the buffer at offset 0, shared by all processes") \
	X(DMA,           "dma",           "buffers of system memory, transfers") \
	X(CONTIGUOUS,    "contiguous",    "system memory by technique pages or vmalloc") \
	X(PIN,           "pin",           "the process's own memory as a buffer") \
	X(EVENTFD,       "eventfd",       "an eventfd counts finished transfers") \
	X(INTERRUPT,     "interrupt",     "raise a software interrupt and wait for it") \
	X(QUEUES,        "queues",        "user-mode queues and windows") \
	X(VECTORS,       "vectors",       "a message of its own for each queue (MSI-X)") \
	X(KERNEL_QUEUES, "kernel-queues", "queues of the driver: by ioctl and io_uring") \
	X(DMA_BUF,       "dma-buf",       "export a buffer to other kernel drivers") \
	X(MAP_INFO,      "map-info",      "ask what a mapping really is") \
	X(RESET,         "reset",         "reset the device by mmd_reset()") \
	X(EXCLUSIVE,     "exclusive",     "be sure that nobody else has the device") \
	X(SHARING,       "sharing",       "several processes at a time that do not trust each other") \
	X(CONTAINMENT,   "containment",   "the device cannot reach memory it was not given") \
	X(REVOCATION,    "revocation",    "the device can be unbound while it is open and mapped")

enum mmd_capability {
	MMD_CAN_NONE,
#define MMD_CAPABILITY_ENUM(id, name, text) MMD_CAN_##id,
	MMD_CAPABILITIES(MMD_CAPABILITY_ENUM)
#undef MMD_CAPABILITY_ENUM
	MMD_CAN_COUNT
};

/**
 * mmd_backend_can() - whether a backend has a capability; takes no device.
 * @capability: MMD_CAN_*
 * @why:        one clause on why not, "" where it can; may be NULL
 *
 * 0: it can, if device and kernel have what it takes. Errors: -EOPNOTSUPP; -EINVAL unknown.
 */
int mmd_backend_can(uint32_t backend, uint32_t capability, const char **why);

const char *mmd_capability_name(uint32_t capability);
/** mmd_capability_text() - what it is, in a few words. Never NULL. */
const char *mmd_capability_text(uint32_t capability);

/**
 * mmd_refused() - the capability for lack of which a call on @dev has last answered -EOPNOTSUPP.
 *
 * MMD_CAN_NONE: it was not the backend, but the device, the kernel, or the arguments.
 */
uint32_t mmd_refused(const struct mmd_device *dev);

/* --- what only the owner of the whole device can do ---------------------------------------- */

/**
 * mmd_reset() - reset the device. Transfers end with -EIO, queues and windows are over, buffers stay.
 *
 * Errors: -EOPNOTSUPP with DRIVER, where it would be other processes' queues, too (sysfs has a reset
 * for the administrator); -EACCES opened read-only; -EIO.
 */
int mmd_reset(struct mmd_device *dev);

/**
 * mmd_irq_raise() - have the device send its software interrupt.
 * mmd_irq_wait() - wait until it has arrived in this process.
 * @deadline_ns: CLOCK_MONOTONIC, see mmd_deadline_ns(); 0: look once
 *
 * VFIO: message 1, by an eventfd. UIO: INTx, by a read of the node. One interrupt ends one wait, several
 * before it may end one only. Errors: -EOPNOTSUPP with DRIVER, whose interrupts are its own; -EACCES opened
 * read-only; -EAGAIN not there, deadline 0; -ETIMEDOUT; -EINTR; -ENODEV.
 */
int mmd_irq_raise(struct mmd_device *dev);
int mmd_irq_wait(struct mmd_device *dev, uint64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif /* MMAPDEMO_BACKEND_H */
