/* SPDX-License-Identifier: MIT */
/*
 * probe.h - looking at what the rest of the kernel does with a mapping: for the tests that know the
 * answer (map_users.c, map_pin.c) and for the table that writes it down (map_table.c).
 */
#ifndef GUEST_PROBE_H
#define GUEST_PROBE_H

#include "subject.h"

struct core_dump {
	u64 held;		/* bytes of the mapping in the file */
	u64 reads, writes;	/* of the device, while it was written */
};

/* Have a process dump core that has called map(arg) and touched this many pages of the result. */
void core_dump_try(int fd, void *(*map)(const void *), const void *arg, u64 pages,
		   struct core_dump *out);

/* A disk to do O_DIRECT with, and where on it; SKIPs where there is none. */
const char *disk(void);
#define DISK_OFFSET	(1024 * 1024)

int pin_try(int fd, const void *addr, u64 len, u32 flags, u32 *handle);

#endif /* GUEST_PROBE_H */
