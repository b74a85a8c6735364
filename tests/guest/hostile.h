/* SPDX-License-Identifier: MIT */
/*
 * hostile.h - an owner's queue and memory set up so that whatever it does wrong shows.
 */
#ifndef GUEST_HOSTILE_H
#define GUEST_HOSTILE_H

#include "submit.h"

/* The windows begin and end within pages; the first is 16-byte aligned, for lists in it. */
#define HOSTILE_OFF	(3 * PAGE + 48)
#define HOSTILE_LEN	(6 * PAGE)

/* A file whose windows cover the middle of its buffers only. */
struct hostile {
	int fd;
	struct queue q;
	struct area m, d;
};

struct hostile hostile_get(u32 log2n);
/* Its system memory is of this technique. SKIPs where that can have no window. */
struct hostile hostile_get_over(u32 log2n, u32 technique);
/* Nothing outside of the windows has been written. */
void hostile_guards_stand(const struct hostile *h);
/* Destroy the queue, in whatever state, and have another. */
void hostile_reopen(struct hostile *h);

#endif /* GUEST_HOSTILE_H */
