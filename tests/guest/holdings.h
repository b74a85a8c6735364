/* SPDX-License-Identifier: MIT */
/*
 * holdings.h - one of everything that a file can have, mapped and in use, and what has to be true of
 * it when the device has gone or has been reset.
 */
#ifndef GUEST_HOLDINGS_H
#define GUEST_HOLDINGS_H

#include "submit.h"

/* What a reset does to a mapping. Nothing of the device's is left in any when it goes. */
enum after_reset {
	TAKEN,		/* SIGBUS until mapped again */
	COMES_BACK,	/* taken, and there again at the next touch */
	STAYS,
	OWN,		/* pages of the process itself, which the device going does not touch either */
};

struct holding {
	const char *name;
	enum after_reset after_reset;
	bool is_regs;		/* one live page, whose first word is the device's ID */
	u32 handle;
	u64 offset, len, step;	/* for mmap; bytes; between the words that are looked at */
	char *p;
};

#define HOLDINGS_MAX	12

struct holdings {
	int fd;
	size_t n;
	struct holding h[HOLDINGS_MAX];
	struct queue q;
	struct area a;		/* under a window of its own */
	bool has_dqueue, has_pin;
	u32 dqueue;
};

/* Each page of each mapping has been touched, and tells which it is. */
struct holdings holdings_get(int fd);
/* What is mapped shows what it showed. */
void holdings_stand(const struct holdings *s);
/* Not one page-table entry is left, and every touch is SIGBUS. */
void holdings_are_gone(const struct holdings *s);
/*
 * Handles, memory and contents are what they were; what was made at mmap has to be mapped again, and
 * is; queues have ended.
 */
void holdings_after_reset(struct holdings *s);
/* Unmap, destroy and free one by one, whatever has become of them, and leave the file open. */
void holdings_drop(struct holdings *s);

#endif /* GUEST_HOLDINGS_H */
