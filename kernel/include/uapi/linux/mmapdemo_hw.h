/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause */
/*
 * mmapdemo_hw.h - the device contract: PCI identity, BARs, registers, memory structures.
 *
 * For: the QEMU device, its qtest, the Linux driver, the `regs` tool, the docs check.
 * Not for: the driver's ioctls, see mmapdemo.h.
 *
 * Everything is little endian. Offsets and masks are literal so that this file can be read next
 * to docs/specs/mmapdemo.rst, which holds the prose (state machines, ordering, timing). Each
 * register is defined once below and appears once in MMAPDEMO_HW_REGS.
 */
#ifndef _UAPI_LINUX_MMAPDEMO_HW_H
#define _UAPI_LINUX_MMAPDEMO_HW_H

#include <linux/types.h>

/*
 * PCI identity. 1af4:10f0..10ff is the range QEMU's docs/specs/pci-ids.rst sets aside for
 * experiments. Linux's virtio_pci matches every 1af4 id, looks, and declines this one.
 */
#define MMAPDEMO_PCI_VENDOR_ID		0x1af4
#define MMAPDEMO_PCI_DEVICE_ID		0x10f0
#define MMAPDEMO_PCI_CLASS		0x1200	/* processing accelerator */
#define MMAPDEMO_PCI_REVISION		0x01

/* BARs. A 64-bit BAR takes the next number too; 1 and 5 are set aside (see the specification). */
#define MMAPDEMO_BAR_REGS		0	/* MMIO, 32-bit, not prefetchable */
#define MMAPDEMO_BAR_MEM		2	/* RAM, 64-bit, prefetchable */
#define MMAPDEMO_BAR_MSIX		4	/* MSI-X table and PBA, nothing else */

#define MMAPDEMO_BAR_REGS_SIZE		0x20000
#define MMAPDEMO_BAR_MEM_SIZE_MIN	0x200000ULL		/* 2 MiB */
#define MMAPDEMO_BAR_MEM_SIZE_DEFAULT	0x8000000ULL		/* 128 MiB */

/*
 * BAR0 has two halves, 64 KiB each so that either can be mapped on its own with any page size
 * Linux uses: the control block is the driver's, the user page may be mapped by any process that
 * may open the node. Nothing written in the user page changes anything outside of it.
 */
#define MMAPDEMO_CTRL_BASE		0x00000
#define MMAPDEMO_CTRL_SIZE		0x10000
#define MMAPDEMO_USER_BASE		0x10000
#define MMAPDEMO_USER_SIZE		0x10000

/* MSI-X vectors */
#define MMAPDEMO_VEC_DMA		0	/* one-shot DMA finished */
#define MMAPDEMO_VEC_SW			1	/* IRQ_RAISE */
#define MMAPDEMO_NUM_VECTORS		2

/*
 * Access rules, the same for every register of BAR0: an access is naturally aligned and has the
 * register's own width, or 4 bytes of an 8-byte register (low half at +0, high half at +4).
 * Everything else is refused: a write has no effect, a read returns all ones, and (control block) ERR_* tell why,
 * or (user page) CNT_USER_BAD counts it.
 */

/* --- control block: identity ------------------------------------------------------------- */

/* ID: "MMD1". Never 0 (an absent BAR in QEMU) nor all ones (a device gone). RO, 32 */
#define MMAPDEMO_REG_ID			0x00000
#define MMAPDEMO_ID			0x31444d4d

/* VERSION: of this contract. Same major = compatible. RO, 32 */
#define MMAPDEMO_REG_VERSION		0x00004
#define MMAPDEMO_VERSION_MAJOR		1
#define MMAPDEMO_VERSION_MINOR		0
#define MMAPDEMO_VERSION_MAJOR_SHIFT	16
#define MMAPDEMO_VERSION_MINOR_MASK	0x0000ffff

/* FEATURES: what this device has. RO, 64 */
#define MMAPDEMO_REG_FEATURES		0x00008
#define MMAPDEMO_FEATURE_DMA_ONESHOT	0x0000000000000001ULL
#define MMAPDEMO_FEATURE_DMA_SG		0x0000000000000002ULL
#define MMAPDEMO_FEATURE_DMA_TIMED	0x0000000000000004ULL
#define MMAPDEMO_FEATURES		0x0000000000000007ULL

/* SELFTEST: reads back the complement of what was written last. RW, 32 */
#define MMAPDEMO_REG_SELFTEST		0x00010

/* RESET: writing the key resets the device as a function level reset does. WO, 32 */
#define MMAPDEMO_REG_RESET		0x00014
#define MMAPDEMO_RESET_KEY		0x54534552	/* "REST" */

/* MEM_SIZE: bytes of BAR2. RO, 64 */
#define MMAPDEMO_REG_MEM_SIZE		0x00018

/* --- control block: errors --------------------------------------------------------------- */

/* ERR_CODE: first refused access or command since ERR_CLEAR, MMAPDEMO_ERR_*. RO, 32 */
#define MMAPDEMO_REG_ERR_CODE		0x00020

/* ERR_INFO: where: offset in BAR0, access width in bytes, direction. RO, 32 */
#define MMAPDEMO_REG_ERR_INFO		0x00024
#define MMAPDEMO_ERR_INFO_OFFSET	0x000fffff
#define MMAPDEMO_ERR_INFO_WIDTH		0x00f00000
#define MMAPDEMO_ERR_INFO_WIDTH_SHIFT	20
#define MMAPDEMO_ERR_INFO_WRITE		0x01000000

/* ERR_COUNT: refused accesses and commands since reset; ERR_CLEAR leaves it alone. RO, 32 */
#define MMAPDEMO_REG_ERR_COUNT		0x00028

/* ERR_CLEAR: writing 1 sets ERR_CODE and ERR_INFO to 0. WO, 32 */
#define MMAPDEMO_REG_ERR_CLEAR		0x0002c
#define MMAPDEMO_ERR_CLEAR		0x00000001

#define MMAPDEMO_ERR_NONE		0
#define MMAPDEMO_ERR_ACCESS		1	/* width or alignment */
#define MMAPDEMO_ERR_OFFSET		2	/* no register there */
#define MMAPDEMO_ERR_READ_ONLY		3
#define MMAPDEMO_ERR_WRITE_ONLY		4
#define MMAPDEMO_ERR_VALUE		5	/* reserved bits, unknown command or key */
#define MMAPDEMO_ERR_BUSY		6	/* DMA register or START while a transfer runs */
#define MMAPDEMO_ERR_LENGTH		7	/* 0, or above DMA_MAX_LEN */
#define MMAPDEMO_ERR_RANGE		8	/* not inside BAR2 */
#define MMAPDEMO_ERR_MASK		9	/* bus address above DMA_MASK, or wrapping */
#define MMAPDEMO_ERR_BUS_MASTER		10	/* bus mastering is off, or not in D0 */
#define MMAPDEMO_ERR_BUS		11	/* target is not RAM, or the bus refused */
#define MMAPDEMO_ERR_LIST		12	/* scatter-gather list: count, element, or sum */
#define MMAPDEMO_ERR_ABORTED		13	/* DMA_CMD ABORT */
#define MMAPDEMO_ERR_REPEAT		14	/* DMA_REPEAT: 0, or too much for one TIMED run */
#define MMAPDEMO_ERR_MAX		14

/* --- control block: interrupts ----------------------------------------------------------- */

/* IRQ_STATUS: causes that occurred, bit = vector number. Write 1 to clear. W1C, 32 */
#define MMAPDEMO_REG_IRQ_STATUS		0x00040

/*
 * IRQ_ENABLE: causes that send their MSI-X message. A message is sent for each event of an
 * enabled cause, and when a cause is enabled whose status bit is set. RW, 32
 */
#define MMAPDEMO_REG_IRQ_ENABLE		0x00044

/* IRQ_RAISE: each bit written as 1 is one event of that cause. WO, 32 */
#define MMAPDEMO_REG_IRQ_RAISE		0x00048

#define MMAPDEMO_IRQ_DMA		0x00000001	/* vector MMAPDEMO_VEC_DMA */
#define MMAPDEMO_IRQ_SW			0x00000002	/* vector MMAPDEMO_VEC_SW */
#define MMAPDEMO_IRQ_ALL		0x00000003

/* --- control block: one-shot DMA --------------------------------------------------------- */

/* DMA_MASK: highest bus address the engine reaches. RO, 64 */
#define MMAPDEMO_REG_DMA_MASK		0x00100

/* DMA_MAX_LEN: most bytes of one transfer. RO, 32 */
#define MMAPDEMO_REG_DMA_MAX_LEN	0x00108
#define MMAPDEMO_DMA_MAX_LEN		0x01000000	/* 16 MiB */

/* DMA_MAX_SG: most elements of one scatter-gather list. RO, 32 */
#define MMAPDEMO_REG_DMA_MAX_SG		0x0010c
#define MMAPDEMO_DMA_MAX_SG		4097	/* 16 MiB of 4 KiB pages, unaligned */

/* DMA_ADDR: bus address of the memory, or with CMD_SG of the list (16-byte aligned). RW, 64 */
#define MMAPDEMO_REG_DMA_ADDR		0x00110

/* DMA_DEV_OFF: offset in BAR2. RW, 64 */
#define MMAPDEMO_REG_DMA_DEV_OFF	0x00118

/* DMA_LEN: bytes. RW, 32 */
#define MMAPDEMO_REG_DMA_LEN		0x00120

/* DMA_SG_COUNT: elements of the list, used with CMD_SG. RW, 32 */
#define MMAPDEMO_REG_DMA_SG_COUNT	0x00124

/* DMA_SEQ: names the transfer in traces and completion; the device gives it no meaning. RW, 64 */
#define MMAPDEMO_REG_DMA_SEQ		0x00128

/* DMA_REPEAT: copies made by a CMD_TIMED run; length times repeat at most 64 MiB. RW, 32 */
#define MMAPDEMO_REG_DMA_REPEAT		0x00130
#define MMAPDEMO_DMA_TIMED_MAX		0x04000000

/*
 * DMA_CMD: starts or steers a transfer. The other DMA registers are latched by START. WO, 32
 *   START        alone or with DIR, IRQ, SG, TIMED. Refused with ERR_BUSY while one runs; any other
 *                refusal ends the transfer at once, in DMA_STATUS, with no byte moved.
 *   ARM_IRQ      alone: as if the running transfer had been started with IRQ; if it has finished
 *                already without one, the event is now. Nothing started or already told: no effect.
 *   ABORT        alone: the running transfer ends with ERR_ABORTED and moves nothing more once
 *                this write returns; none running: no effect.
 */
#define MMAPDEMO_REG_DMA_CMD		0x00138
#define MMAPDEMO_DMA_CMD_START		0x00000001
#define MMAPDEMO_DMA_CMD_FROM_DEVICE	0x00000002	/* BAR2 to memory; clear: memory to BAR2 */
#define MMAPDEMO_DMA_CMD_IRQ		0x00000004	/* completion is an event of IRQ_DMA */
#define MMAPDEMO_DMA_CMD_SG		0x00000008
#define MMAPDEMO_DMA_CMD_TIMED		0x00000010	/* host times the bare copy, see DMA_HOST_NS */
#define MMAPDEMO_DMA_CMD_ARM_IRQ	0x00000100
#define MMAPDEMO_DMA_CMD_ABORT		0x00000200

/* DMA_STATUS: of the running or else the last transfer. RO, 32 */
#define MMAPDEMO_REG_DMA_STATUS		0x0013c
#define MMAPDEMO_DMA_STATUS_STATE	0x000000ff
#define MMAPDEMO_DMA_STATUS_ERROR	0x0000ff00	/* MMAPDEMO_ERR_* */
#define MMAPDEMO_DMA_STATUS_ERROR_SHIFT	8
#define MMAPDEMO_DMA_STATE_IDLE		0	/* none since reset */
#define MMAPDEMO_DMA_STATE_BUSY		1
#define MMAPDEMO_DMA_STATE_DONE		2	/* every byte moved */
#define MMAPDEMO_DMA_STATE_ERROR	3	/* DMA_DONE_BYTES tells how many moved */

/* DMA_DONE_SEQ: DMA_SEQ of the last finished transfer; 0 = none since reset. RO, 64 */
#define MMAPDEMO_REG_DMA_DONE_SEQ	0x00140

/* DMA_DONE_BYTES: bytes the last finished transfer moved. RO, 64 */
#define MMAPDEMO_REG_DMA_DONE_BYTES	0x00148

/* DMA_HOST_NS: host nanoseconds of the copies of the last CMD_TIMED run, nothing else. RO, 64 */
#define MMAPDEMO_REG_DMA_HOST_NS	0x00150

/* DMA_SG_INDEX: element at which the last transfer with CMD_SG failed. RO, 32 */
#define MMAPDEMO_REG_DMA_SG_INDEX	0x00158

/* One element of the list DMA_ADDR points to with CMD_SG. The lengths add up to DMA_LEN. */
struct mmapdemo_hw_sg {
	__le64 addr;		/* bus address */
	__le32 len;		/* bytes, not 0 */
	__le32 reserved;	/* 0 */
};

/* --- user page --------------------------------------------------------------------------- */

/* USER_ID, USER_VERSION: ID and VERSION again, so that a mapping can be checked. RO, 32 */
#define MMAPDEMO_REG_USER_ID		0x10000
#define MMAPDEMO_REG_USER_VERSION	0x10004

/* SCRATCH32, SCRATCH64: hold what was written last, and do nothing. RW, 32 and 64 */
#define MMAPDEMO_REG_SCRATCH32		0x10008
#define MMAPDEMO_REG_SCRATCH64		0x10010

/* CLOCK_NS: the machine's virtual clock, nanoseconds. RO, 64 */
#define MMAPDEMO_REG_CLOCK_NS		0x10018

/*
 * USER_DMA_DONE_SEQ, USER_DMA_STATUS: DMA_DONE_SEQ and DMA_STATUS again, for a process that spins
 * on the end of its transfer. DONE_SEQ is written after every byte of the transfer is. RO
 */
#define MMAPDEMO_REG_USER_DMA_DONE_SEQ	0x10020
#define MMAPDEMO_REG_USER_DMA_STATUS	0x10028

/*
 * Counters since reset, RO, 64. Reads of the counters themselves (0x10100 .. 0x101ff) are not
 * counted, so two readings differ by exactly what happened between them. BAR2 has no counter:
 * it is RAM, no access to it reaches the device, and CNT_*_ALL standing still shows that.
 */
#define MMAPDEMO_REG_CNT_RD_ALL		0x10100	/* reads of every register BAR, refused ones too */
#define MMAPDEMO_REG_CNT_WR_ALL		0x10108	/* writes, likewise */
#define MMAPDEMO_REG_CNT_RD32		0x10110	/* accepted 4-byte reads */
#define MMAPDEMO_REG_CNT_RD64		0x10118	/* accepted 8-byte reads */
#define MMAPDEMO_REG_CNT_WR32		0x10120	/* accepted 4-byte writes */
#define MMAPDEMO_REG_CNT_WR64		0x10128	/* accepted 8-byte writes */
#define MMAPDEMO_REG_CNT_USER_BAD	0x10130	/* refused accesses to the user page */
#define MMAPDEMO_REG_CNT_DMA_OPS	0x10138	/* transfers finished, errors included */
#define MMAPDEMO_REG_CNT_DMA_ERRORS	0x10140	/* transfers finished with an error */
#define MMAPDEMO_REG_CNT_DMA_TO_DEV	0x10148	/* bytes moved from memory to BAR2 */
#define MMAPDEMO_REG_CNT_DMA_FROM_DEV	0x10150	/* bytes moved from BAR2 to memory */
#define MMAPDEMO_REG_CNT_IRQ_RAISED	0x10158	/* MSI-X messages asked of the PCI core */
#define MMAPDEMO_REG_CNT_IRQ_SUPPRESSED	0x10160	/* events of a cause that was not enabled */
#define MMAPDEMO_CNT_FIRST		0x10100
#define MMAPDEMO_CNT_END		0x10200

/*
 * The list. X(name, width in bytes, access, writable bits, value after reset, scope, text)
 *   access  RO, RW, WO, W1C
 *   reset   VARIES: depends on properties, time, or the accesses before
 *   scope   PUBLIC: the driver reads it out to anyone who may open the node. PRIVATE: only with
 *           CAP_SYS_RAWIO and allow_raw_bar, since it can hold a bus address or steers the device
 */
#define MMAPDEMO_RESET_VARIES		0xfffffffffffffff0ULL

#define MMAPDEMO_HW_REGS(X) \
	X(ID,                4, RO,  0, MMAPDEMO_ID,           PUBLIC,  "identification \"MMD1\"") \
	X(VERSION,           4, RO,  0, 0x00010000,            PUBLIC,  "contract version major.minor") \
	X(FEATURES,          8, RO,  0, MMAPDEMO_FEATURES,     PUBLIC,  "feature bits") \
	X(SELFTEST,          4, RW,  0xffffffff, 0xffffffff,   PRIVATE, "complement of the last write") \
	X(RESET,             4, WO,  0xffffffff, 0,            PRIVATE, "reset key") \
	X(MEM_SIZE,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "bytes of BAR2") \
	X(ERR_CODE,          4, RO,  0, 0,                     PUBLIC,  "first error since cleared") \
	X(ERR_INFO,          4, RO,  0, 0,                     PUBLIC,  "offset, width, direction of it") \
	X(ERR_COUNT,         4, RO,  0, 0,                     PUBLIC,  "errors since reset") \
	X(ERR_CLEAR,         4, WO,  0x00000001, 0,            PRIVATE, "clear ERR_CODE and ERR_INFO") \
	X(IRQ_STATUS,        4, W1C, 0x00000003, 0,            PRIVATE, "causes that occurred") \
	X(IRQ_ENABLE,        4, RW,  0x00000003, 0,            PRIVATE, "causes that send a message") \
	X(IRQ_RAISE,         4, WO,  0x00000003, 0,            PRIVATE, "software-triggered events") \
	X(DMA_MASK,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "highest bus address reached") \
	X(DMA_MAX_LEN,       4, RO,  0, MMAPDEMO_DMA_MAX_LEN,  PUBLIC,  "most bytes of a transfer") \
	X(DMA_MAX_SG,        4, RO,  0, MMAPDEMO_DMA_MAX_SG,   PUBLIC,  "most elements of a list") \
	X(DMA_ADDR,          8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "bus address of memory or list") \
	X(DMA_DEV_OFF,       8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "offset in BAR2") \
	X(DMA_LEN,           4, RW,  0xffffffff, 0,            PRIVATE, "bytes to move") \
	X(DMA_SG_COUNT,      4, RW,  0xffffffff, 0,            PRIVATE, "elements of the list") \
	X(DMA_SEQ,           8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "name of the transfer") \
	X(DMA_REPEAT,        4, RW,  0xffffffff, 1,            PRIVATE, "copies of a timed run") \
	X(DMA_CMD,           4, WO,  0x0000031f, 0,            PRIVATE, "start, arm, abort") \
	X(DMA_STATUS,        4, RO,  0, 0,                     PUBLIC,  "state and error") \
	X(DMA_DONE_SEQ,      8, RO,  0, 0,                     PUBLIC,  "name of the last finished transfer") \
	X(DMA_DONE_BYTES,    8, RO,  0, 0,                     PUBLIC,  "bytes it moved") \
	X(DMA_HOST_NS,       8, RO,  0, 0,                     PUBLIC,  "host ns of the last timed run") \
	X(DMA_SG_INDEX,      4, RO,  0, 0,                     PUBLIC,  "failing list element") \
	X(USER_ID,           4, RO,  0, MMAPDEMO_ID,           PUBLIC,  "ID again") \
	X(USER_VERSION,      4, RO,  0, 0x00010000,            PUBLIC,  "VERSION again") \
	X(SCRATCH32,         4, RW,  0xffffffff, 0,            PUBLIC,  "holds the last write") \
	X(SCRATCH64,         8, RW,  0xffffffffffffffffULL, 0, PUBLIC,  "holds the last write") \
	X(CLOCK_NS,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "virtual clock, ns") \
	X(USER_DMA_DONE_SEQ, 8, RO,  0, 0,                     PUBLIC,  "DMA_DONE_SEQ again") \
	X(USER_DMA_STATUS,   4, RO,  0, 0,                     PUBLIC,  "DMA_STATUS again") \
	X(CNT_RD_ALL,        8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "register reads") \
	X(CNT_WR_ALL,        8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "register writes") \
	X(CNT_RD32,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "accepted 4-byte reads") \
	X(CNT_RD64,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "accepted 8-byte reads") \
	X(CNT_WR32,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "accepted 4-byte writes") \
	X(CNT_WR64,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "accepted 8-byte writes") \
	X(CNT_USER_BAD,      8, RO,  0, 0,                     PUBLIC,  "refused user page accesses") \
	X(CNT_DMA_OPS,       8, RO,  0, 0,                     PUBLIC,  "transfers finished") \
	X(CNT_DMA_ERRORS,    8, RO,  0, 0,                     PUBLIC,  "of these, failed") \
	X(CNT_DMA_TO_DEV,    8, RO,  0, 0,                     PUBLIC,  "bytes memory to BAR2") \
	X(CNT_DMA_FROM_DEV,  8, RO,  0, 0,                     PUBLIC,  "bytes BAR2 to memory") \
	X(CNT_IRQ_RAISED,    8, RO,  0, 0,                     PUBLIC,  "messages sent") \
	X(CNT_IRQ_SUPPRESSED, 8, RO, 0, 0,                     PUBLIC,  "events not enabled")

#endif /* _UAPI_LINUX_MMAPDEMO_HW_H */
