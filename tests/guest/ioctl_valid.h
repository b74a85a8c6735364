/* SPDX-License-Identifier: MIT */
/*
 * ioctl_valid.h - every call of the contract with a request that is granted, so that a test can
 * spoil one thing in it and know that it was this one thing.
 */
#ifndef GUEST_IOCTL_VALID_H
#define GUEST_IOCTL_VALID_H

#include "dev.h"

struct ioctl_desc {
	unsigned int verb;	/* position in MMAPDEMO_IOCTLS */
	const char *name;	/* of the verb, lower case */
	unsigned long cmd;
	u32 size;		/* of the structure */
	u32 min_size;		/* of version 1, where later ones are longer; 0: all the same */
	u32 known_flags;
	u32 reserved;		/* offset of the reserved member; 0: none */
	u32 out_first, out_end;	/* bytes the kernel may write */
};

extern const struct ioctl_desc ioctls[];
extern const size_t num_ioctls;

/* What the requests refer to. */
struct ioctl_env {
	int fd, efd;
	u32 mem, dev, spare;	/* buffers of a page; dev and spare once they are needed */
	u32 queue, window;	/* once they are needed */
	u32 kqueue;		/* likewise; one that the driver keeps to itself */
	bool has_window;
	u64 seq;		/* an ended transfer, not collected */
	void *page;		/* mem, mapped */
};

void ioctl_env_get(struct ioctl_env *e);
/* Fill the structure: granted if called now, once. The bytes behind it are left alone. */
void ioctl_valid(struct ioctl_env *e, const struct ioctl_desc *d, void *buf);

#endif /* GUEST_IOCTL_VALID_H */
