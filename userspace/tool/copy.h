/* SPDX-License-Identifier: MIT */
/*
 * copy.h - bytes to device memory and back by one way, compared, with guards around them.
 *
 * For: the commands copy and selftest. Not for: measuring, see userspace/bench.
 */
#ifndef MMAPDEMO_TOOL_COPY_H
#define MMAPDEMO_TOOL_COPY_H

#include <mmapdemo/queue.h>

#include "tool.h"

enum copy_via {
	COPY_DMA,		/* one-shot transfers of the driver */
	COPY_QUEUE,		/* descriptors in rings of this process */
	COPY_IOCTL,		/* descriptors by a system call */
	COPY_URING,		/* descriptors as commands of io_uring */
	COPY_MMAP,		/* the processor, through a mapping */
	COPY_RW,		/* pwrite(2) and pread(2) */
	COPY_VIA_COUNT
};

extern const char *const copy_via_names[COPY_VIA_COUNT];

struct copy {
	enum copy_via via;
	uint32_t technique;	/* of the system memory, MMAPDEMO_TECH_*; not for MMAP and RW */
	uint32_t dev_technique;	/* of the device memory; 0: BAR */
	uint32_t mode;		/* DMA, QUEUE: MMD_DMA_*; a queue sleeps on its eventfd or spins */
	size_t chunk;		/* bytes of one transfer or descriptor at most; 0: as is best */
	uint32_t depth;		/* descriptors at a time, 1 .. COPY_DEPTH_MAX */
	uint64_t timeout_ns;	/* DMA: of one transfer; else of the descriptors at a time */
	/* filled in by copy_prepare() */
	struct tool *tool;
	size_t len;		/* bytes to copy */
	struct mmd_buf dev;	/* guard, data, guard */
	struct mmd_map dev_map;
	size_t mem_len;		/* bytes of system memory between its guards */
	struct mmd_buf mem;
	struct mmd_map mem_map;
	uint32_t dev_window;	/* descriptors: of the data, without the guards */
	uint32_t mem_window;
	struct mmd_queue *queue;
	struct uring *uring;
	struct mmapdemo_hw_sqe *sqes;	/* depth of each */
	struct mmapdemo_hw_cqe *cqes;
	struct mmd_completion *done;
	uint64_t transfers;
	uint64_t doorbells;	/* times that descriptors were handed over */
};

/* Ways that take a queue and windows. */
static inline bool copy_has_queue(enum copy_via via)
{
	return via == COPY_QUEUE || via == COPY_IOCTL || via == COPY_URING;
}

/* Ways that take system memory of a technique. */
static inline bool copy_has_memory(enum copy_via via)
{
	return via == COPY_DMA || copy_has_queue(via);
}

#define COPY_DEPTH_MAX	1024u

/* Bytes of guard before and after the data, on both sides. */
#define COPY_GUARD	4096u

/* Buffers and mappings for copies of @len bytes. 0, or a status after a message. */
int copy_prepare(struct copy *copy, struct tool *tool, size_t len);

/*
 * @source to the device, back into @back, and compare: data, unchanged source, guards. 0, or a
 * status after a message.
 */
int copy_round_trip(struct copy *copy, const unsigned char *source, unsigned char *back);

/* Unmap and free. 0, or a status after a message. */
int copy_release(struct copy *copy);

/* "dma pages wait", "queue coherent spin", "ioctl userptr" or "mmap" */
const char *copy_name(const struct copy *copy, char *text, size_t size);

/* Data in which every 8-byte word differs from the others, and from those of another @run. */
void copy_fill(unsigned char *data, size_t len, uint64_t run);

/*
 * Whether queues reach memory of @technique here: 0, or -EOPNOTSUPP where it takes bounce buffers
 * (swiotlb). Anything else is 0 too: the attempt will tell better.
 */
int copy_queue_reaches(struct tool *tool, uint32_t technique);

/* Why @via cannot be here, whatever the memory: NULL, or what lacks. */
const char *copy_via_lacks(struct tool *tool, const struct mmd_info *info, enum copy_via via);

/*
 * Of copy_submit.c: the first @count of copy->sqes to the device, and their completions, in the same
 * order, in copy->done. Each 0 or a status after a message.
 */
int copy_submit_open(struct copy *copy);
int copy_submit(struct copy *copy, uint32_t count);
void copy_submit_close(struct copy *copy);

/* Of copy_queue.c: the parts of the calls above that are for ways with a queue. */
int copy_queue_open(struct copy *copy);
int copy_queue_move(struct copy *copy, uint32_t direction, size_t off, size_t len);
int copy_queue_check(struct copy *copy, const unsigned char *source);
int copy_queue_close(struct copy *copy);

#endif /* MMAPDEMO_TOOL_COPY_H */
