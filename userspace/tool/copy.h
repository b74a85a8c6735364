/* SPDX-License-Identifier: MIT */
/*
 * copy.h - bytes to device memory and back by one way, compared, with guards around them.
 *
 * For: the commands copy and selftest. Not for: measuring, see userspace/bench.
 */
#ifndef MMAPDEMO_TOOL_COPY_H
#define MMAPDEMO_TOOL_COPY_H

#include "tool.h"

enum copy_via { COPY_DMA, COPY_MMAP, COPY_RW, COPY_VIA_COUNT };

extern const char *const copy_via_names[COPY_VIA_COUNT];

struct copy {
	enum copy_via via;
	uint32_t technique;	/* DMA: of the system memory side, MMAPDEMO_TECH_* */
	uint32_t mode;		/* DMA: MMD_DMA_* */
	size_t chunk;		/* DMA: bytes of one transfer at most; 0: as large as possible */
	uint64_t timeout_ns;	/* DMA: of one transfer */
	/* filled in by copy_prepare() */
	struct tool *tool;
	size_t len;		/* bytes to copy */
	struct mmd_buf dev;	/* guard, data, guard */
	struct mmd_map dev_map;
	struct mmd_buf mem;	/* DMA: guard, one chunk, guard */
	struct mmd_map mem_map;
	uint64_t transfers;
};

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

/* "dma pages wait" or "mmap" */
const char *copy_name(const struct copy *copy, char *text, size_t size);

/* Data in which every 8-byte word differs from the others, and from those of another @run. */
void copy_fill(unsigned char *data, size_t len, uint64_t run);

#endif /* MMAPDEMO_TOOL_COPY_H */
