/* SPDX-License-Identifier: MIT */
/*
 * object.h - a region or a buffer made for the occasion, by name, and data patterns in mappings.
 */
#ifndef MMAPDEMO_TOOL_OBJECT_H
#define MMAPDEMO_TOOL_OBJECT_H

#include "parse.h"
#include "tool.h"

/*
 * Find region @id, or allocate a buffer of technique @id with @len bytes. 0 or a status after a
 * message. The device is open, for region MEM exclusively.
 */
int object_region(struct tool *tool, uint32_t id, struct mmd_buf *buf);
int object_buffer(struct tool *tool, uint32_t id, uint64_t len, uint32_t cache, uint32_t flags,
		  struct mmd_buf *buf);

/* The same, mapped with @prot; USERPTR is memory of this process, which is pinned. */
int object_memory(struct tool *tool, uint32_t id, uint64_t len, uint32_t cache, uint32_t flags,
		  int prot, struct mmd_buf *buf, struct mmd_map *map);

/* Give both back. 0 or a status after a message. */
int object_release(struct tool *tool, struct mmd_buf *buf, struct mmd_map *map);

/* Page faults of one load of each page of @map. */
uint64_t object_faults(const struct mmd_map *map);

/* "bar, pages, .." of the techniques in the bit map @techniques. */
const char *object_techniques(uint32_t techniques, char *text, size_t size);

/* Device memory and registers go through the library's accessors, system memory need not. */
bool object_is_device(const struct mmd_buf *buf);

/* The byte that @pattern has at @offset. */
unsigned char pattern_byte(const struct pattern *pattern, uint64_t offset);

/* Fill @len bytes of memory that hold the pattern from @offset on. */
void pattern_fill(const struct pattern *pattern, uint64_t offset, void *memory, size_t len);

/* Returns the offset in @memory of the first byte that differs, or @len. */
size_t pattern_compare(const struct pattern *pattern, uint64_t offset, const void *memory,
		       size_t len);

/* The same for a mapping of @buf, through the accessors where needed. */
void pattern_fill_map(const struct pattern *pattern, const struct mmd_buf *buf,
		      const struct mmd_map *map);
size_t pattern_compare_map(const struct pattern *pattern, const struct mmd_buf *buf,
			   const struct mmd_map *map, unsigned char *found);

#endif /* MMAPDEMO_TOOL_OBJECT_H */
