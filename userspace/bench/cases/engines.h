/* SPDX-License-Identifier: MIT */
/*
 * engines.h - what the cases have in common that compare the engines of several devices.
 */
#ifndef MMB_ENGINES_H
#define MMB_ENGINES_H

#include "../unit.h"

#define MMB_ENGINES	6
#define MMB_AUTO	(MMB_ENGINES - 1)	/* index of MMAPDEMO_ENGINE_AUTO: the last column */

extern const uint32_t mmb_engines[MMB_ENGINES];	/* MMAPDEMO_ENGINE_* in the order of the ladder */

/* Readings of a device with lock-stats=on. */
struct mmb_lock {
	uint64_t holds;
	uint64_t ns;		/* the sum of all */
	uint64_t over;		/* longer than the budget */
};

/** mmb_lock_read() - the counters now. */
void mmb_lock_read(const struct mmb_unit *u, struct mmb_lock *lock);

/** mmb_lock_longest() - since it was asked for last, ns. */
uint64_t mmb_lock_longest(const struct mmb_unit *u);

#endif /* MMB_ENGINES_H */
