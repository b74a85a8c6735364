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

/* BARs. A 64-bit BAR takes the next number too. */
#define MMAPDEMO_BAR_REGS		0	/* MMIO, 32-bit, not prefetchable */
#define MMAPDEMO_BAR_DOORBELL		1	/* MMIO, 32-bit: a stride per queue, nothing else */
#define MMAPDEMO_BAR_MEM		2	/* RAM, 64-bit, prefetchable */
#define MMAPDEMO_BAR_MSIX		4	/* MSI-X table and PBA, nothing else */
#define MMAPDEMO_BAR_ALIAS		5	/* MMIO, 32-bit: the first bytes of BAR2, by dispatch */

#define MMAPDEMO_BAR_REGS_SIZE_MIN	0x20000	/* and the window table, to a power of two */
#define MMAPDEMO_BAR_MEM_SIZE_MIN	0x200000ULL		/* 2 MiB */
#define MMAPDEMO_BAR_MEM_SIZE_DEFAULT	0x8000000ULL		/* 128 MiB */
#define MMAPDEMO_BAR_ALIAS_SIZE		0x100000

/*
 * The first two parts of BAR0 are 64 KiB each so that either can be mapped on its own with any page
 * size Linux uses: the control block is the driver's, the user page may be mapped by any process that
 * may open the node. Nothing written in the user page changes anything outside of it. The window
 * table, after them, is the driver's.
 */
#define MMAPDEMO_CTRL_BASE		0x00000
#define MMAPDEMO_CTRL_SIZE		0x10000
#define MMAPDEMO_USER_BASE		0x10000
#define MMAPDEMO_USER_SIZE		0x10000

/* MSI-X vectors: one per cause, then one per queue */
#define MMAPDEMO_VEC_DMA		0	/* one-shot DMA finished */
#define MMAPDEMO_VEC_SW			1	/* IRQ_RAISE */
#define MMAPDEMO_NUM_CAUSES		2
#define MMAPDEMO_VEC_QUEUE		2	/* first of those meant for queues */

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
#define MMAPDEMO_VERSION_MINOR		1
#define MMAPDEMO_VERSION_MAJOR_SHIFT	16
#define MMAPDEMO_VERSION_MINOR_MASK	0x0000ffff

/* FEATURES: what this device has. RO, 64 */
#define MMAPDEMO_REG_FEATURES		0x00008
#define MMAPDEMO_FEATURE_DMA_ONESHOT	0x0000000000000001ULL
#define MMAPDEMO_FEATURE_DMA_SG		0x0000000000000002ULL
#define MMAPDEMO_FEATURE_DMA_TIMED	0x0000000000000004ULL
#define MMAPDEMO_FEATURE_QUEUES		0x0000000000000008ULL	/* 1.1: queues, windows, doorbells */
#define MMAPDEMO_FEATURE_ALIAS		0x0000000000000010ULL	/* 1.1: BAR5 */
#define MMAPDEMO_FEATURES		0x000000000000001fULL

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

/*
 * With MSI-X vector v sends message v. With MSI it sends message v modulo the number of messages
 * enabled. With neither, INTx is asserted while a bit is set in IRQ_STATUS that is set in IRQ_ENABLE
 * too, or any in QUEUE_IRQ_STATUS.
 */

/* IRQ_STATUS: causes that occurred, bit = vector number. Write 1 to clear. W1C, 32 */
#define MMAPDEMO_REG_IRQ_STATUS		0x00040

/*
 * IRQ_ENABLE: causes that send their message. A message is sent for each event of an
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

/* --- control block: what there is of queues and windows ----------------------------------- */

/* QUEUE_COUNT: queues, 1 .. 64. RO, 32 */
#define MMAPDEMO_REG_QUEUE_COUNT	0x00200
#define MMAPDEMO_QUEUE_COUNT_MAX	64

/* WINDOW_COUNT: entries of the window table, 1 .. 65536. RO, 32 */
#define MMAPDEMO_REG_WINDOW_COUNT	0x00204
#define MMAPDEMO_WINDOW_COUNT_MAX	65536

/* QUEUE_CAPS: smallest and largest LOG2N. RO, 32 */
#define MMAPDEMO_REG_QUEUE_CAPS		0x00208
#define MMAPDEMO_QUEUE_CAPS_LOG2N_MIN	0x000000ff
#define MMAPDEMO_QUEUE_CAPS_LOG2N_MAX	0x0000ff00
#define MMAPDEMO_QUEUE_CAPS_LOG2N_MAX_SHIFT	8
#define MMAPDEMO_QUEUE_LOG2N_MIN	3
#define MMAPDEMO_QUEUE_LOG2N_MAX	12

/* WINDOW_CAPS: smallest and largest SHIFT, and a bit for each kind. RO, 32 */
#define MMAPDEMO_REG_WINDOW_CAPS	0x0020c
#define MMAPDEMO_WINDOW_CAPS_SHIFT_MIN	0x000000ff
#define MMAPDEMO_WINDOW_CAPS_SHIFT_MAX	0x0000ff00
#define MMAPDEMO_WINDOW_CAPS_SHIFT_MAX_SHIFT	8
#define MMAPDEMO_WINDOW_CAPS_KINDS	0x000f0000
#define MMAPDEMO_WINDOW_CAPS_KINDS_SHIFT	16
#define MMAPDEMO_WINDOW_SHIFT_MIN	12
#define MMAPDEMO_WINDOW_SHIFT_MAX	30

/* QUEUE_MAX_LEN: most bytes of one descriptor. RO, 32 */
#define MMAPDEMO_REG_QUEUE_MAX_LEN	0x00210
#define MMAPDEMO_QUEUE_MAX_LEN		0x01000000	/* 16 MiB */

/* QUEUE_MAX_LIST: most elements of one list. RO, 32 */
#define MMAPDEMO_REG_QUEUE_MAX_LIST	0x00214
#define MMAPDEMO_QUEUE_MAX_LIST		256

/* VECTOR_COUNT: size of the MSI-X table. RO, 32 */
#define MMAPDEMO_REG_VECTOR_COUNT	0x00218

/* ENGINE: where the bytes of queues are moved, property dma, and what goes with it. RO, 32 */
#define MMAPDEMO_REG_ENGINE		0x0021c
#define MMAPDEMO_ENGINE_KIND		0x000000ff
#define MMAPDEMO_ENGINE_AUTO		0	/* inline or vcpu, by what the lock budget allows */
#define MMAPDEMO_ENGINE_INLINE		1	/* in the doorbell write */
#define MMAPDEMO_ENGINE_VCPU		2	/* on the same vCPU after it, big lock dropped */
#define MMAPDEMO_ENGINE_BH		3	/* bottom half of the main loop */
#define MMAPDEMO_ENGINE_IOTHREAD	4	/* an I/O thread, big lock not held */
#define MMAPDEMO_ENGINE_THREAD		5	/* worker threads of the device */
#define MMAPDEMO_ENGINE_LOCK_STATS	0x00000100	/* property lock-stats: CNT_LOCK_* count */
#define MMAPDEMO_ENGINE_POLLS		0x00000200	/* property poll-ns: queues are watched after work */

/* QUEUE_IRQ_STATUS: queues that asked for an interrupt, bit = queue. Write 1 to clear. W1C, 64 */
#define MMAPDEMO_REG_QUEUE_IRQ_STATUS	0x00220

/* LOCK_BUDGET_NS: longest hold of the big lock that ENGINE_AUTO allows itself. RO, 32 */
#define MMAPDEMO_REG_LOCK_BUDGET_NS	0x00228

/* --- control block: queue q, 64 bytes ---------------------------------------------------- */

#define MMAPDEMO_QUEUE_TABLE		0x04000
#define MMAPDEMO_QUEUE_STRIDE		0x40
#define MMAPDEMO_QREG(q, name)		(MMAPDEMO_QUEUE_TABLE + (q) * MMAPDEMO_QUEUE_STRIDE + \
					 MMAPDEMO_QREG_##name)

/* BASE: bus address of the queue's memory, 4 KiB aligned. Latched by ENABLE, as the next three. RW, 64 */
#define MMAPDEMO_QREG_BASE		0x00
/* LOG2N: log2 of the number of slots N of either ring. RW, 32 */
#define MMAPDEMO_QREG_LOG2N		0x08
/* PD: protection domain; 0: the driver's own, which may use the windows of any. RW, 32 */
#define MMAPDEMO_QREG_PD		0x0c
#define MMAPDEMO_PD_MAX			65535
/* VECTOR: below VECTOR_COUNT. RW, 32 */
#define MMAPDEMO_QREG_VECTOR		0x10
/* IRQ_GAP_NS: least virtual time from one message to the next. Counts from the next one on. RW, 32 */
#define MMAPDEMO_QREG_IRQ_GAP_NS	0x14
/* IRQ_COUNT: completions that end the gap early; 0: none do. RW, 32 */
#define MMAPDEMO_QREG_IRQ_COUNT		0x18
/* CTL: one of the four commands. What does not fit STATE is ignored. WO, 32 */
#define MMAPDEMO_QREG_CTL		0x20
#define MMAPDEMO_QCTL_ENABLE		1	/* DISABLED to RUNNING, or refused: ERROR says why */
#define MMAPDEMO_QCTL_PAUSE		2
#define MMAPDEMO_QCTL_RESUME		3
#define MMAPDEMO_QCTL_DISABLE		4
/* STATE. RO, 32 */
#define MMAPDEMO_QREG_STATE		0x24
#define MMAPDEMO_QSTATE_DISABLED	0
#define MMAPDEMO_QSTATE_RUNNING		1
#define MMAPDEMO_QSTATE_PAUSED		2
#define MMAPDEMO_QSTATE_ERROR		3
/* ERROR: why the queue stopped, or ENABLE was refused. 0 after an accepted ENABLE. RO, 32 */
#define MMAPDEMO_QREG_ERROR		0x28
#define MMAPDEMO_QERR_NONE		0
#define MMAPDEMO_QERR_TAIL		1	/* sq_tail more than N ahead of the head */
#define MMAPDEMO_QERR_RING		2	/* the queue's memory is not reachable as RAM */
#define MMAPDEMO_QERR_BUS_OFF		3	/* bus mastering is off, or not in D0 */
#define MMAPDEMO_QERR_BASE		4	/* not 4 KiB aligned, wrapping, or above DMA_MASK */
#define MMAPDEMO_QERR_LOG2N		5
#define MMAPDEMO_QERR_PD		6
#define MMAPDEMO_QERR_VECTOR		7
#define MMAPDEMO_QERR_MAX		7
/* ERROR_INDEX: the head when the queue stopped. RO, 32 */
#define MMAPDEMO_QREG_ERROR_INDEX	0x2c
/* HEAD: index of the next descriptor to complete; 0 after ENABLE. RO, 32 */
#define MMAPDEMO_QREG_HEAD		0x30

/* --- window table: window w, 32 bytes ---------------------------------------------------- */

#define MMAPDEMO_WINDOW_TABLE		0x20000
#define MMAPDEMO_WINDOW_STRIDE		0x20
#define MMAPDEMO_WREG(w, name)		(MMAPDEMO_WINDOW_TABLE + (w) * MMAPDEMO_WINDOW_STRIDE + \
					 MMAPDEMO_WREG_##name)

/* While VALID all but CFG are refused (ERR_BUSY), and CFG takes nothing but 0. */
/* ADDR: bus address, address of a list page, or offset in BAR2: see the kinds. RW, 64 */
#define MMAPDEMO_WREG_ADDR		0x00
/* LEN: bytes. RW, 64 */
#define MMAPDEMO_WREG_LEN		0x08
/* FIRST: kinds LIST and LIST2: offset of byte 0 in the first page. Else 0. RW, 32 */
#define MMAPDEMO_WREG_FIRST		0x10
/* SHIFT: kinds LIST and LIST2: log2 of the page size. Else 0. RW, 32 */
#define MMAPDEMO_WREG_SHIFT		0x14
/* CFG: written last. A bad entry does not become VALID; STATUS says why. RW, 32 */
#define MMAPDEMO_WREG_CFG		0x18
#define MMAPDEMO_WCFG_PD		0x0000ffff
#define MMAPDEMO_WCFG_READ		0x00010000	/* the device may read through it */
#define MMAPDEMO_WCFG_WRITE		0x00020000
#define MMAPDEMO_WCFG_KIND		0x000c0000
#define MMAPDEMO_WCFG_KIND_SHIFT	18
#define MMAPDEMO_WCFG_VALID		0x80000000
#define MMAPDEMO_WKIND_BUS		0	/* ADDR .. ADDR + LEN - 1 on the bus */
#define MMAPDEMO_WKIND_LIST		1	/* ADDR: 4 KiB page of 512 le64: page address | 1 */
#define MMAPDEMO_WKIND_LIST2		2	/* ADDR: 4 KiB page of 512 le64: list page address | 1 */
#define MMAPDEMO_WKIND_MEM		3	/* ADDR .. ADDR + LEN - 1 in BAR2 */
#define MMAPDEMO_WINDOW_LIST_ENTRIES	512
#define MMAPDEMO_WINDOW_ENTRY_VALID	0x0000000000000001ULL
/* STATUS: of the last CFG write with VALID. RO, 32 */
#define MMAPDEMO_WREG_STATUS		0x1c
#define MMAPDEMO_WERR_NONE		0
#define MMAPDEMO_WERR_LEN		1	/* 0, or more than its lists can hold */
#define MMAPDEMO_WERR_ADDR		2	/* wrapping, above DMA_MASK, or list page not aligned */
#define MMAPDEMO_WERR_RANGE		3	/* not inside BAR2 */
#define MMAPDEMO_WERR_SHIFT		4
#define MMAPDEMO_WERR_FIRST		5
#define MMAPDEMO_WERR_MAX		5

/* --- doorbells: BAR1 ---------------------------------------------------------------------- */

/*
 * Any write of any width and value to the first page of the stride of queue q means "look at
 * sq_tail" and nothing else. Elsewhere a write does nothing. Reads give 0.
 */
#define MMAPDEMO_DOORBELL_STRIDE	0x10000
#define MMAPDEMO_DOORBELL_LIVE		0x1000
#define MMAPDEMO_DOORBELL(q)		((q) * MMAPDEMO_DOORBELL_STRIDE)

/* --- memory of a queue: from BASE on, contiguous, zeroed by the driver -------------------- */

/* Indexes are free running; the slot of index i is i & (N - 1). Distances are 32-bit differences. */
#define MMAPDEMO_RING_SQ_TAIL		0x000	/* le32, by the owner: descriptors written */
#define MMAPDEMO_RING_CQ_EVENT		0x040	/* le32, by the owner: see CQ_EVENT_QUIET */
#define MMAPDEMO_RING_SQ_EVENT		0x080	/* le32, by the device: ring when the tail crosses it */
#define MMAPDEMO_RING_SQ_HEAD		0x084	/* le32, by the device: descriptors completed */
#define MMAPDEMO_RING_STATE		0x0c0	/* le32, by the device: copy of STATE */
#define MMAPDEMO_RING_ERROR		0x0c4	/* le32, likewise */
#define MMAPDEMO_RING_ERROR_INDEX	0x0c8	/* le32, likewise */
#define MMAPDEMO_RING_CQ		0x1000	/* N completions, to a multiple of 4 KiB */
#define MMAPDEMO_RING_SQ(log2n)		(MMAPDEMO_RING_CQ + (((32U << (log2n)) + 0xfffU) & ~0xfffU))
#define MMAPDEMO_RING_BYTES(log2n)	(MMAPDEMO_RING_SQ(log2n) + (64U << (log2n)))

/*
 * To sleep until completion i: cq_event = i, full barrier, look at completion i, wait. A message is
 * asked for when the number of completions goes from at most i to above it. The driver presets
 * QUIET, half the range away: none asked for.
 */
#define MMAPDEMO_CQ_EVENT_QUIET		0xffffffff

/* Going from index `old` to `new` passes `event`: ring, or interrupt */
#define MMAPDEMO_CROSSED(event, new_, old) \
	((__u32)((new_) - (event) - 1) < (__u32)((new_) - (old)))

/* A descriptor, by the owner. Read once by the device. What an operation does not use is 0. */
struct mmapdemo_hw_sqe {
	__u8 op;		/* MMAPDEMO_OP_* */
	__u8 reserved0;
	__le16 nsrc;		/* 0: one piece; else src names a list of so many elements */
	__le16 ndst;
	__le16 reserved1;
	__le32 len;		/* bytes, 1 .. QUEUE_MAX_LEN; NOP: 0 */
	__le32 reserved2;
	__le32 src_win;		/* window */
	__le32 dst_win;
	__le64 src_off;		/* bytes into the window */
	__le64 dst_off;
	__le64 arg;
	__le64 user;		/* given back in the completion; seq in traces */
	__le64 reserved3;
};

#define MMAPDEMO_OP_NOP		0
#define MMAPDEMO_OP_COPY	1	/* src to dst; overlapping: dst undefined */
#define MMAPDEMO_OP_FILL	2	/* dst with arg, little endian, repeated */
#define MMAPDEMO_OP_COMPARE	3	/* src with dst, which is read; aux: first difference */
#define MMAPDEMO_OP_CRC32C	4	/* of src; arg: CRC of what came before or 0; aux: of both */
#define MMAPDEMO_OP_TIMED	5	/* COPY arg times, contiguous; aux: host ns of the copies */
#define MMAPDEMO_OP_MAX		5
#define MMAPDEMO_TIMED_MAX	0x04000000	/* most bytes of a TIMED: len times arg */

/* An element of a list. Not empty; the lengths add up to the descriptor's. */
struct mmapdemo_hw_sge {
	__le32 win;
	__le32 len;
	__le64 off;
};

/* Completion i, by the device, in slot i: the answer to descriptor i. */
struct mmapdemo_hw_cqe {
	__le64 user;
	__le64 aux;
	__le32 bytes;		/* moved, compared equal, or summed up */
	__le16 status;		/* MMAPDEMO_CQ_* */
	__le16 reserved;
	__le32 detail;		/* LIST and others in a list: the element */
	__le32 gen;		/* i + 1, stored last, alone, with release order */
};

#define MMAPDEMO_CQ_OK		0	/* every byte */
#define MMAPDEMO_CQ_OPCODE	1
#define MMAPDEMO_CQ_RESERVED	2	/* not 0 what has to be */
#define MMAPDEMO_CQ_LENGTH	3
#define MMAPDEMO_CQ_WINDOW	4	/* no such window, not VALID, or not of this domain */
#define MMAPDEMO_CQ_RANGE	5	/* not inside the window */
#define MMAPDEMO_CQ_ACCESS	6	/* not for reading, or not for writing */
#define MMAPDEMO_CQ_LIST	7	/* too long, an empty element, or a wrong sum */
#define MMAPDEMO_CQ_BUS		8	/* not RAM, or an entry of the page list is not valid */
#define MMAPDEMO_CQ_ABORTED	9	/* its window was taken away meanwhile */
#define MMAPDEMO_CQ_MISCOMPARE	10
#define MMAPDEMO_CQ_INJECTED	11	/* by an x-fault property */
#define MMAPDEMO_CQ_MAX		11

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
 * Counters since reset, RO, 64. Reads of the counters themselves (0x10100 .. 0x102ff) are not
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
#define MMAPDEMO_REG_CNT_IRQ_RAISED	0x10158	/* messages asked of the PCI core; INTx rising */
#define MMAPDEMO_REG_CNT_IRQ_SUPPRESSED	0x10160	/* events of a cause that was not enabled */
#define MMAPDEMO_REG_CNT_DB_RD		0x10168	/* reads of BAR1, any width */
#define MMAPDEMO_REG_CNT_DB_WR8		0x10170	/* writes to BAR1 by width, live page or not */
#define MMAPDEMO_REG_CNT_DB_WR16	0x10178	/* likewise */
#define MMAPDEMO_REG_CNT_DB_WR32	0x10180	/* likewise */
#define MMAPDEMO_REG_CNT_DB_WR64	0x10188	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_RD8	0x10190	/* reads of BAR5 by width */
#define MMAPDEMO_REG_CNT_ALIAS_RD16	0x10198	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_RD32	0x101a0	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_RD64	0x101a8	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_WR8	0x101b0	/* writes by width */
#define MMAPDEMO_REG_CNT_ALIAS_WR16	0x101b8	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_WR32	0x101c0	/* likewise */
#define MMAPDEMO_REG_CNT_ALIAS_WR64	0x101c8	/* likewise */
#define MMAPDEMO_REG_CNT_Q_LOOKS	0x101d0	/* loads of an sq_tail */
#define MMAPDEMO_REG_CNT_Q_FETCHES	0x101d8	/* bursts of descriptors read */
#define MMAPDEMO_REG_CNT_Q_DESCS	0x101e0	/* descriptors read */
#define MMAPDEMO_REG_CNT_Q_DONE		0x101e8	/* completions written */
#define MMAPDEMO_REG_CNT_Q_FAILED	0x101f0	/* of these, with a status other than OK */
#define MMAPDEMO_REG_CNT_Q_BYTES	0x101f8	/* bytes moved, compared and summed up for queues */
#define MMAPDEMO_REG_CNT_Q_IRQ_ASKED	0x10200	/* requests for an interrupt by queues */
#define MMAPDEMO_REG_CNT_Q_IRQ_SENT	0x10208	/* of these, sent; the rest was coalesced */
#define MMAPDEMO_REG_CNT_Q_STOPPED	0x10210	/* queues that entered ERROR */
/* With property lock-stats, else 0. CPU time of the thread that holds the lock, in a queue's work. */
#define MMAPDEMO_REG_CNT_LOCK_HOLDS	0x10218	/* holds of the big lock to move bytes */
#define MMAPDEMO_REG_CNT_LOCK_NS	0x10220	/* their sum */
#define MMAPDEMO_REG_CNT_LOCK_OVER	0x10228	/* of these, longer than LOCK_BUDGET_NS */
#define MMAPDEMO_CNT_FIRST		0x10100
#define MMAPDEMO_CNT_END		0x10300

/* LOCK_MAX_NS: longest such hold since this register was written last; write 0. RW, 64 */
#define MMAPDEMO_REG_LOCK_MAX_NS	0x10030

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
	X(VERSION,           4, RO,  0, 0x00010001,            PUBLIC,  "contract version major.minor") \
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
	X(QUEUE_COUNT,       4, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "queues") \
	X(WINDOW_COUNT,      4, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "entries of the window table") \
	X(QUEUE_CAPS,        4, RO,  0, 0x00000c03,            PUBLIC,  "range of LOG2N") \
	X(WINDOW_CAPS,       4, RO,  0, 0x000f1e0c,            PUBLIC,  "range of SHIFT, kinds") \
	X(QUEUE_MAX_LEN,     4, RO,  0, MMAPDEMO_QUEUE_MAX_LEN, PUBLIC, "most bytes of a descriptor") \
	X(QUEUE_MAX_LIST,    4, RO,  0, MMAPDEMO_QUEUE_MAX_LIST, PUBLIC, "most elements of its lists") \
	X(VECTOR_COUNT,      4, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "MSI-X vectors") \
	X(ENGINE,            4, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "who moves the bytes of queues") \
	X(QUEUE_IRQ_STATUS,  8, W1C, 0xffffffffffffffffULL, 0, PRIVATE, "queues that asked for an interrupt") \
	X(LOCK_BUDGET_NS,    4, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "longest hold of the big lock") \
	X(USER_ID,           4, RO,  0, MMAPDEMO_ID,           PUBLIC,  "ID again") \
	X(USER_VERSION,      4, RO,  0, 0x00010001,            PUBLIC,  "VERSION again") \
	X(SCRATCH32,         4, RW,  0xffffffff, 0,            PUBLIC,  "holds the last write") \
	X(SCRATCH64,         8, RW,  0xffffffffffffffffULL, 0, PUBLIC,  "holds the last write") \
	X(CLOCK_NS,          8, RO,  0, MMAPDEMO_RESET_VARIES, PUBLIC,  "virtual clock, ns") \
	X(USER_DMA_DONE_SEQ, 8, RO,  0, 0,                     PUBLIC,  "DMA_DONE_SEQ again") \
	X(USER_DMA_STATUS,   4, RO,  0, 0,                     PUBLIC,  "DMA_STATUS again") \
	X(LOCK_MAX_NS,       8, RW,  0xffffffffffffffffULL, 0, PUBLIC,  "longest hold since written") \
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
	X(CNT_IRQ_SUPPRESSED, 8, RO, 0, 0,                     PUBLIC,  "events not enabled") \
	X(CNT_DB_RD,         8, RO, 0, 0,                     PUBLIC,  "BAR1 reads") \
	X(CNT_DB_WR8,        8, RO, 0, 0,                     PUBLIC,  "BAR1 1-byte writes") \
	X(CNT_DB_WR16,       8, RO, 0, 0,                     PUBLIC,  "BAR1 2-byte writes") \
	X(CNT_DB_WR32,       8, RO, 0, 0,                     PUBLIC,  "BAR1 4-byte writes") \
	X(CNT_DB_WR64,       8, RO, 0, 0,                     PUBLIC,  "BAR1 8-byte writes") \
	X(CNT_ALIAS_RD8,     8, RO, 0, 0,                     PUBLIC,  "BAR5 1-byte reads") \
	X(CNT_ALIAS_RD16,    8, RO, 0, 0,                     PUBLIC,  "BAR5 2-byte reads") \
	X(CNT_ALIAS_RD32,    8, RO, 0, 0,                     PUBLIC,  "BAR5 4-byte reads") \
	X(CNT_ALIAS_RD64,    8, RO, 0, 0,                     PUBLIC,  "BAR5 8-byte reads") \
	X(CNT_ALIAS_WR8,     8, RO, 0, 0,                     PUBLIC,  "BAR5 1-byte writes") \
	X(CNT_ALIAS_WR16,    8, RO, 0, 0,                     PUBLIC,  "BAR5 2-byte writes") \
	X(CNT_ALIAS_WR32,    8, RO, 0, 0,                     PUBLIC,  "BAR5 4-byte writes") \
	X(CNT_ALIAS_WR64,    8, RO, 0, 0,                     PUBLIC,  "BAR5 8-byte writes") \
	X(CNT_Q_LOOKS,       8, RO, 0, 0,                     PUBLIC,  "loads of an sq_tail") \
	X(CNT_Q_FETCHES,     8, RO, 0, 0,                     PUBLIC,  "bursts of descriptors") \
	X(CNT_Q_DESCS,       8, RO, 0, 0,                     PUBLIC,  "descriptors read") \
	X(CNT_Q_DONE,        8, RO, 0, 0,                     PUBLIC,  "completions") \
	X(CNT_Q_FAILED,      8, RO, 0, 0,                     PUBLIC,  "of these, failed") \
	X(CNT_Q_BYTES,       8, RO, 0, 0,                     PUBLIC,  "bytes of queues") \
	X(CNT_Q_IRQ_ASKED,   8, RO, 0, 0,                     PUBLIC,  "interrupts queues asked for") \
	X(CNT_Q_IRQ_SENT,    8, RO, 0, 0,                     PUBLIC,  "of these, sent") \
	X(CNT_Q_STOPPED,     8, RO, 0, 0,                     PUBLIC,  "queues stopped by an error") \
	X(CNT_LOCK_HOLDS,    8, RO, 0, 0,                     PUBLIC,  "holds of the big lock") \
	X(CNT_LOCK_NS,       8, RO, 0, 0,                     PUBLIC,  "ns of them") \
	X(CNT_LOCK_OVER,     8, RO, 0, 0,                     PUBLIC,  "above the budget")

/* The registers of each queue, in the same columns; offsets are MMAPDEMO_QREG_*. */
#define MMAPDEMO_HW_QREGS(X) \
	X(BASE,              8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "bus address of its memory") \
	X(LOG2N,             4, RW,  0xffffffff, 0,            PRIVATE, "log2 of its slots") \
	X(PD,                4, RW,  0xffffffff, 0,            PRIVATE, "protection domain") \
	X(VECTOR,            4, RW,  0xffffffff, 0,            PRIVATE, "interrupt vector") \
	X(IRQ_GAP_NS,        4, RW,  0xffffffff, 0,            PRIVATE, "least ns between messages") \
	X(IRQ_COUNT,         4, RW,  0xffffffff, 0,            PRIVATE, "completions that end the gap") \
	X(CTL,               4, WO,  0x00000007, 0,            PRIVATE, "enable, pause, resume, disable") \
	X(STATE,             4, RO,  0, 0,                     PRIVATE, "state") \
	X(ERROR,             4, RO,  0, 0,                     PRIVATE, "why it stopped") \
	X(ERROR_INDEX,       4, RO,  0, 0,                     PRIVATE, "where it stopped") \
	X(HEAD,              4, RO,  0, 0,                     PRIVATE, "descriptors completed")

/* The registers of each window; offsets are MMAPDEMO_WREG_*. */
#define MMAPDEMO_HW_WREGS(X) \
	X(ADDR,              8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "address") \
	X(LEN,               8, RW,  0xffffffffffffffffULL, 0, PRIVATE, "bytes") \
	X(FIRST,             4, RW,  0xffffffff, 0,            PRIVATE, "offset in the first page") \
	X(SHIFT,             4, RW,  0xffffffff, 0,            PRIVATE, "log2 of the page size") \
	X(CFG,               4, RW,  0x800fffff, 0,            PRIVATE, "domain, access, kind, valid") \
	X(STATUS,            4, RO,  0, 0,                     PRIVATE, "why it is not valid")

#endif /* _UAPI_LINUX_MMAPDEMO_HW_H */
