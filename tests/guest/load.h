/* SPDX-License-Identifier: MIT */
/*
 * load.h - other processes at work with the device while something happens to it: transfers, queue
 * traffic, mappings. They survive whatever happens, and go on when there is a device again.
 */
#ifndef GUEST_LOAD_H
#define GUEST_LOAD_H

#include "harness.h"

#define LOAD_KINDS	2

struct load {
	pid_t pid[LOAD_KINDS];
	u32 *rounds;		/* of each, shared */
};

/* On return all of them are at work. */
struct load load_start(void);
/* All of them get on, or the test fails; nothing that they saw was wrong. */
void load_goes_on(const struct load *l);
void load_end(struct load *l);

#endif /* GUEST_LOAD_H */
