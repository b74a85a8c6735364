/* SPDX-License-Identifier: MIT */
/*
 * busy.h - have the device at work for a while, so that something can happen meanwhile.
 */
#ifndef GUEST_BUSY_H
#define GUEST_BUSY_H

#include "dev.h"

#define BUSY_EACH_NS	5000000		/* a transfer takes at least that long */

struct busy {
	u32 mem, dev;		/* handles, still there */
	u32 num;		/* transfers, as many as a file may have */
	u64 first, last;	/* their numbers, without a gap */
	u64 len;		/* bytes of each */
};

/*
 * Fill the file's queue. On return the last transfer has not ended, and will not for num times
 * BUSY_EACH_NS, unless busy_end() says so. SKIPs the test where the device cannot be slowed down.
 */
struct busy busy_start(int fd, u32 direction);
/* SKIPs likewise, in a test whose child will be the one to call busy_start(). */
void busy_require(void);
/* Have each transfer take at least this long; SKIPs likewise. */
void busy_each(unsigned int ns);
/* From now on transfers are quick again. The runner does the same after the test. */
void busy_end(void);
/* Does the device have to be told that? To be asked by the runner. */
bool busy_left(void);
void busy_init(void);

#endif /* GUEST_BUSY_H */
