// SPDX-License-Identifier: MIT
/*
 * hostile.c - guards around the windows of an owner that is up to no good.
 */
#include <string.h>

#include "hostile.h"

#define LEN	(16 * PAGE)
#define GUARD	0x5e

static struct area guarded(int fd, u32 technique)
{
	struct area a = { .len = LEN };

	if (window_is_refused_here(technique))
		test_skip("no window over memory that is bounced");
	a.handle = memory_get(fd, technique, LEN, &a.p).out_handle;
	a.window = window_get(fd, a.handle, WINDOW_RW, HOSTILE_OFF, HOSTILE_LEN);
	memset(a.p, GUARD, LEN);
	return a;
}

struct hostile hostile_get_over(u32 log2n, u32 technique)
{
	struct hostile h = { .fd = dev_open(O_RDWR) };

	h.q = queue_get(h.fd, log2n);
	h.m = guarded(h.fd, technique);
	h.d = guarded(h.fd, MMAPDEMO_TECH_BAR);
	return h;
}

struct hostile hostile_get(u32 log2n)
{
	return hostile_get_over(log2n, MMAPDEMO_TECH_COHERENT);
}

void hostile_guards_stand(const struct hostile *h)
{
	const struct area *both[] = { &h->m, &h->d };

	for (int i = 0; i < 2; i++) {
		const char *p = both[i]->p;
		size_t tail = LEN - HOSTILE_OFF - HOSTILE_LEN;

		CHECKF(first_not(p, HOSTILE_OFF, GUARD) == HOSTILE_OFF, "%s: byte %#zx, before the window, "
		       "was written", i ? "device memory" : "memory", first_not(p, HOSTILE_OFF, GUARD));
		CHECKF(first_not(p + HOSTILE_OFF + HOSTILE_LEN, tail, GUARD) == tail,
		       "%s: byte +%#zx behind the window was written",
		       i ? "device memory" : "memory", first_not(p + HOSTILE_OFF + HOSTILE_LEN, tail, GUARD));
	}
}

void hostile_reopen(struct hostile *h)
{
	queue_put(&h->q);
	h->q = queue_get(h->fd, h->q.c.log2n);
}
