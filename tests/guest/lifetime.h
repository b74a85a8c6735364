/* SPDX-License-Identifier: MIT */
/*
 * lifetime.h - the ways in which a device goes away and comes back, one test of each kind per way.
 */
#ifndef GUEST_LIFETIME_H
#define GUEST_LIFETIME_H

#include "machine.h"

struct way {
	const char *name;
	unsigned int (*away)(void);
	void (*back)(void);
	bool asks_qemu;		/* the request's time is not the driver's alone */
	bool stays;		/* a reset: the device is there all the time, its state is not */
};

/* The ways to go, and the resets. */
extern const struct way ways[], resets[];
extern const size_t num_ways, num_resets;

/* Have it go, within the time promised. */
void away(const struct way *w);
/* Every call on this open file says ENODEV, and nothing else happens. */
void file_is_dead(int fd);

#endif /* GUEST_LIFETIME_H */
