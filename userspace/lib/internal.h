/* SPDX-License-Identifier: MIT */
/*
 * internal.h - what the files of libmmapdemo share: the device and the backend below it.
 *
 * For: userspace/lib and the unit tests, which put a backend of their own under the library.
 * Not for: users; nothing here is installed or exported.
 */
#ifndef MMAPDEMO_LIB_INTERNAL_H
#define MMAPDEMO_LIB_INTERNAL_H

#include <stdbool.h>
#include <sys/types.h>

#include <mmapdemo/backend.h>

/*
 * A backend answers the calls of linux/mmapdemo.h, by passing them to our driver (backend_node.c)
 * or by doing their work itself. Everything above it is the same for all backends.
 */
struct mmd_backend {
	uint32_t id;			/* MMD_BACKEND_* */
	/* Sets dev->fd, and dev->backend_data if it wants. @oflags are open(2)'s. 0 or -errno. */
	int (*open)(struct mmd_device *dev, const char *path, int oflags);
	void (*close)(struct mmd_device *dev);
	/* @cmd MMAPDEMO_IOC_*, @arg its structure. 0 or -errno. */
	int (*ioctl)(struct mmd_device *dev, unsigned long cmd, void *arg);
	/* Shared mapping, to be ended with munmap(2). 0 or -errno. */
	int (*map)(struct mmd_device *dev, uint64_t offset, size_t len, int prot, void **ptr);
	/* Bytes moved, or -errno. */
	ssize_t (*pread)(struct mmd_device *dev, uint64_t offset, void *data, size_t len);
	ssize_t (*pwrite)(struct mmd_device *dev, uint64_t offset, const void *data, size_t len);
};

struct mmd_device {
	const struct mmd_backend *backend;
	void *backend_data;
	int fd;
	char *path;
	/* Made by the first mmd_dma_copy() that needs them. */
	struct mmd_map user_page;	/* mode SPIN, read-only */
	bool spinning;			/* user_page is being read; still set: left by a jump */
	int copy_eventfd;		/* mode EVENTFD, or -1 */
	bool user_eventfd;		/* mmd_eventfd_set() has one in place */
	uint32_t refused;		/* MMD_CAN_*, see mmd_refused() */
};

/* /dev/mmapdemoN of our driver. */
extern const struct mmd_backend mmd_backend_node;

/* mmd_open() on a backend of the caller's choice. */
int mmd_open_backend(const struct mmd_backend *backend, void *backend_data, const char *path,
		     unsigned int flags, struct mmd_device **dev);

/* "vfio:0000:01:00.0" and the like, *bus_id NULL where it ends at the colon; false: a path. */
bool mmd_path_is_bdf(const char *path, uint32_t *backend, const char **bus_id);

static inline int mmd_ioctl(struct mmd_device *dev, unsigned long cmd, void *arg)
{
	return dev->backend->ioctl(dev, cmd, arg);
}

#define MMD_NSEC_PER_SEC	1000000000ULL
#define MMD_NSEC_PER_MSEC	1000000ULL

/* CLOCK_MONOTONIC now. */
uint64_t mmd_now_ns(void);

/* For poll(2): milliseconds until @deadline, rounded up; 0 if it has passed. */
int mmd_poll_timeout_ms(uint64_t deadline);

#endif /* MMAPDEMO_LIB_INTERNAL_H */
