/* SPDX-License-Identifier: MIT */
/*
 * smaps.h - what the kernel says about one mapping of this process in /proc/self/smaps.
 */
#ifndef MMAPDEMO_TOOL_SMAPS_H
#define MMAPDEMO_TOOL_SMAPS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct smaps {
	uint64_t start;
	uint64_t end;
	char perms[8];		/* "rw-s" */
	char vm_flags[128];	/* two letters each, as in the file: "rd wr sh mr mw ms io pf" */
	uint64_t rss_kib;
};

/* The mapping around @addr from an open smaps file. 0, -ENOENT, or -EIO for a file of another form. */
int smaps_find(FILE *f, uint64_t addr, struct smaps *smaps);

/* Kernel name of a two-letter flag, "VM_IO" for "io"; NULL for one not worth a word here. */
const char *smaps_flag_name(const char *letters);

#endif /* MMAPDEMO_TOOL_SMAPS_H */
