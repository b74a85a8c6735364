/* SPDX-License-Identifier: MIT */
/*
 * busy.h - have the device at work for a while, so that something can happen meanwhile.
 */
#ifndef GUEST_BUSY_H
#define GUEST_BUSY_H

#include "dev.h"

struct busy {
	u32 mem, dev;		/* handles, still there */
	u32 num;		/* transfers, as many as a file may have */
	u64 first, last;	/* their numbers, without a gap */
	u64 len;		/* bytes of each */
};

/*
 * Fill the file's queue with the longest transfers there are. On return the last of them has not
 * ended, and will not for some milliseconds. Binds the calling process to the other processor.
 * The file must have no transfer and no buffer of device memory.
 */
struct busy busy_start(int fd, u32 direction);

#endif /* GUEST_BUSY_H */
