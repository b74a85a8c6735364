/* SPDX-License-Identifier: MIT */
/*
 * pinner.h - a file that pins memory of the process, and device memory to copy from and to.
 */
#ifndef GUEST_PINNER_H
#define GUEST_PINNER_H

#include "submit.h"

#define PIN_LEN	(8 * PAGE)	/* of device memory */

struct pinner {
	int fd;
	u32 dev;
	char *d;		/* mapped */
};

/* SKIPs where nothing can be pinned. */
struct pinner pinner_get(void);
int to_device(const struct pinner *p, u32 handle, u64 off, u64 len);
int from_device(const struct pinner *p, u32 handle, u64 off, u64 len);
/* Kilobytes that the kernel says this process has pinned. */
long pinned_kb(void);
/* BUF_PIN says err, and nothing else has happened. */
void pin_refused(int fd, const void *addr, u64 len, u32 flags, int err, const char *what);

#endif /* GUEST_PINNER_H */
