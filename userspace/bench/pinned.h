/* SPDX-License-Identifier: MIT */
/*
 * pinned.h - one page of this process whose physical address is known and stays the same.
 *
 * For: driving a DMA engine that has no driver, from user space, as root. Not for: anything else.
 */
#ifndef MMB_PINNED_H
#define MMB_PINNED_H

#include <stddef.h>
#include <stdint.h>

struct mmb_pinned {
	void *page;		/* 4096 bytes */
	uint64_t phys;
	int ring_fd;		/* an io_uring that holds the pin */
};

/**
 * mmb_pinned_get() - a zeroed page, pinned.
 * @below: physical address wanted below this; 0: anywhere
 * @why:   a sentence when it cannot be had
 *
 * A locked page may still be moved by the kernel, and a device would go on writing to where it was.
 * Registering it as a buffer of an io_uring pins it for good. Returns 0 or -errno.
 */
int mmb_pinned_get(struct mmb_pinned *pinned, uint64_t below, char *why, size_t why_len);

void mmb_pinned_put(struct mmb_pinned *pinned);

#endif /* MMB_PINNED_H */
