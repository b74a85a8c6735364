/* SPDX-License-Identifier: MIT */
/*
 * dmaclient.h - what /dev/mmapdemo-dmaclient is asked for. An open file holds one channel, two buffers, and the
 * transactions that it has submitted.
 */
#ifndef DMACLIENT_H
#define DMACLIENT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define DMACLIENT_BUF		(4 << 20)	/* bytes of either buffer */
#define DMACLIENT_MAX		256		/* transactions of one file */

enum dmaclient_kind {
	DMACLIENT_COPY,
	DMACLIENT_FILL,
	DMACLIENT_INTERRUPT,
	DMACLIENT_TO_NO_MEMORY,		/* a copy to bus address `addr` */
};

struct dmaclient_op {
	__u32 kind;		/* SUBMIT */
	__u32 num;		/* SUBMIT: so many alike; STATUS, RESULT: which */
	__u64 len;
	__u64 addr;
	__u32 value;		/* FILL; what the first 4 KiB of the source are filled with otherwise */
	__u32 step;		/* each 4 KiB that follow are filled with so much more */
	__u32 ms;		/* WAIT */
	__u32 out_num;		/* SUBMIT: those that were taken; WAIT: those that have called back */
	__u32 out_status;	/* STATUS: enum dma_status; RESULT: enum dmaengine_tx_result */
	__u64 out_residue;
	__u64 out_dma_mask;	/* STATUS: of the device that memory is mapped for */
	__u64 out_order;	/* RESULT: it was told as the n-th, from 1 on; 0: it was not told */
	__u64 out_equal;	/* CHECK: bytes of the destination that are as the source's would be, from the first on */
};

#define DMACLIENT_SUBMIT	_IOWR('d', 0, struct dmaclient_op)
#define DMACLIENT_ISSUE		_IOWR('d', 1, struct dmaclient_op)
#define DMACLIENT_WAIT		_IOWR('d', 2, struct dmaclient_op)	/* until all have called back */
#define DMACLIENT_STATUS	_IOWR('d', 3, struct dmaclient_op)
#define DMACLIENT_RESULT	_IOWR('d', 4, struct dmaclient_op)
#define DMACLIENT_TERMINATE	_IOWR('d', 5, struct dmaclient_op)	/* and synchronise */
#define DMACLIENT_CHECK		_IOWR('d', 6, struct dmaclient_op)

#endif /* DMACLIENT_H */
