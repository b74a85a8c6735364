/* SPDX-License-Identifier: MIT */
/*
 * importer.h - what /dev/mmapdemo-importer is asked for. Each open file has IMPORTER_SLOTS places, each for
 * one dma-buf attached to QEMU's edu device. Steps may be left out, repeated and done in any order.
 */
#ifndef IMPORTER_H
#define IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IMPORTER_SLOTS		4
#define IMPORTER_DMA_MAX	4096

struct importer_op {
	__u32 slot;
	__s32 fd;		/* ATTACH */
	__u32 dir;		/* MAP, BEGIN, END: enum dma_data_direction */
	__u32 to_slot;		/* DMA */
	__u64 off;		/* READ, WRITE, DMA: bytes */
	__u64 to_off;		/* DMA */
	__u64 len;
	__u64 addr;		/* READ, WRITE: the caller's memory */
	__u64 out_len;		/* MAP: bytes in all its pieces */
};

#define IMPORTER_ATTACH		_IOWR('i', 0, struct importer_op)
#define IMPORTER_DETACH		_IOWR('i', 1, struct importer_op)
#define IMPORTER_MAP		_IOWR('i', 2, struct importer_op)
#define IMPORTER_UNMAP		_IOWR('i', 3, struct importer_op)
#define IMPORTER_VMAP		_IOWR('i', 4, struct importer_op)
#define IMPORTER_VUNMAP		_IOWR('i', 5, struct importer_op)
#define IMPORTER_BEGIN		_IOWR('i', 6, struct importer_op)
#define IMPORTER_END		_IOWR('i', 7, struct importer_op)
#define IMPORTER_READ		_IOWR('i', 8, struct importer_op)	/* by the VMAP */
#define IMPORTER_WRITE		_IOWR('i', 9, struct importer_op)
#define IMPORTER_DMA		_IOWR('i', 10, struct importer_op)	/* by edu, from slot to to_slot */

#endif /* IMPORTER_H */
