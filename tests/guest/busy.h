/* SPDX-License-Identifier: MIT */
/*
 * busy.h - have the device at work for a while, so that something can happen meanwhile; have it
 * misbehave.
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
 * BUSY_EACH_NS times MMAPDEMO_TEST_SCALE, unless busy_end() says so. SKIPs the test where the device
 * cannot be slowed down.
 */
struct busy busy_start(int fd, u32 direction);
/* SKIPs likewise, in a test whose child will be the one to call busy_start(). */
void busy_require(void);
/* Have each transfer take at least this long; SKIPs likewise. */
void busy_each(unsigned int ns);
/*
 * A property of the device, one of delay-ns and x-fault-*, and its value as QMP spells it. SKIPs
 * likewise.
 */
void fault_set(const char *property, const char *value);
/* The driver's dma_timeout_ms. */
void watchdog_set(unsigned int ms);
/* From now on all is as it was. The runner does the same after the test. */
void busy_end(void);
/* Is there something to be put back? To be asked by the runner. */
bool busy_left(void);
void busy_init(void);

#endif /* GUEST_BUSY_H */
