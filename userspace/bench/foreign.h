/* SPDX-License-Identifier: MIT */
/*
 * foreign.h - `--bdf`: the BAR of somebody else's device as the subject of a run.
 *
 * For: main.c, which opens it instead of our device, and cases/foreign.c. Needs root and sysfs, no
 * driver of ours. What is mapped without --bar-write is mapped for reading only, so that no mistake
 * of ours can store to it.
 */
#ifndef MMB_FOREIGN_H
#define MMB_FOREIGN_H

#include "bench.h"
#include "pci.h"

#define MMB_RANGE_STEP	64u		/* a range is so many bytes, or a multiple */

struct mmb_foreign {
	struct mmb_pci pci;
	struct mmb_pci_bar bar;
	volatile unsigned char *mem;	/* the range that may be touched */
	size_t len;
	unsigned int width;		/* of one access */
	void *saved;			/* --bar-write: what was in the range; NULL otherwise */
	char why[256];
};

/** mmb_bdf_is_valid() - "0000:00:04.0" or "00:04.0", nothing else. */
bool mmb_bdf_is_valid(const char *bdf);

/** mmb_foreign_open() - 0, or the exit status after a sentence on standard error. */
int mmb_foreign_open(struct mmb_session *s);

/** mmb_foreign_close() - put back what was stored over, switch the device as it was found. */
void mmb_foreign_close(struct mmb_session *s);

/** mmb_foreign_gone() - does it answer no longer? */
bool mmb_foreign_gone(const struct mmb_foreign *f);

#endif /* MMB_FOREIGN_H */
