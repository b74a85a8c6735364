/* SPDX-License-Identifier: MIT */
/*
 * dev.h - the node as the tests see it: raw calls of the driver contract, no library in between.
 *
 * Conventions: fd is an open node; functions returning int give 0 or -errno unless they say
 * otherwise; functions returning something else fail the test when they cannot.
 */
#ifndef GUEST_DEV_H
#define GUEST_DEV_H

#include <fcntl.h>
#include <sys/mman.h>

#include <linux/mmapdemo.h>
#include <linux/mmapdemo_hw.h>

#include "harness.h"

#define DMA_LIMIT_NS	5000000000ULL	/* a transfer that takes longer never ends */
#define REGION_NONE	0xffffffffu
#define HANDLE_NONE	0xdeadbeefu	/* never handed out: handles count from 1 */

/* --- finding ------------------------------------------------------------------------------ */

const char *dev_node(void);		/* "/dev/mmapdemoN"; fails the test when there is none */
bool dev_node_find(char *path, size_t size);
bool dev_node_is(const char *name);	/* of that kind; without "/dev/" */
/*
 * Run with MMAPDEMO_NODE=mmapdemo-prepare in the environment, to have all tests of mappings on the
 * node that uses .mmap_prepare?
 */
bool dev_is_prepare(void);
const char *dev_bus_id(void);		/* of the PCI function, from sysfs; NULL: no such device */

int dev_open(int flags);		/* fails the test */
int dev_try_open(int flags);		/* fd or -errno */

/* --- calls -------------------------------------------------------------------------------- */

int call(int fd, unsigned long cmd, void *arg);

struct mmapdemo_info info_get(int fd);
int region_info(int fd, u32 region, struct mmapdemo_region_info *out);
struct mmapdemo_region_info region_get(int fd, u32 region);

int buf_try_alloc(int fd, u32 technique, u32 cache, u32 flags, u64 len,
		  struct mmapdemo_buf_alloc *out);
struct mmapdemo_buf_alloc buf_alloc(int fd, u32 technique, u64 len);
int buf_free(int fd, u32 handle);
int buf_try_info(int fd, u32 handle, struct mmapdemo_buf_info *out);
struct mmapdemo_buf_info buf_info(int fd, u32 handle);
u32 buf_vmas(int fd, u32 handle);

int map_try_info(int fd, const void *addr, struct mmapdemo_map_info *out);
struct mmapdemo_map_info map_info(int fd, const void *addr);
int mem_cache_set(int fd, u32 cache);

int reg_try_read(int fd, u32 offset, u32 width, u64 *value);
int reg_try_write(int fd, u32 offset, u32 width, u64 value);
u64 counter(int fd, u32 offset);	/* MMAPDEMO_REG_CNT_* */

int dma_submit(int fd, struct mmapdemo_dma_submit *s);		/* sets size */
int dma_wait(int fd, struct mmapdemo_dma_wait *w);		/* sets size */
/* Collect seq within DMA_LIMIT_NS. */
int dma_collect(int fd, u64 seq, struct mmapdemo_dma_wait *out);
/* Submit and collect; *out may be NULL. */
int dma_copy(int fd, u32 direction, u32 mem, u64 mem_off, u32 dev, u64 dev_off, u64 len,
	     struct mmapdemo_dma_wait *out);
int eventfd_set(int fd, int efd);

/* --- memory ------------------------------------------------------------------------------- */

/* mmap(2); *out is left alone on failure. */
int map_try(int fd, u64 len, int prot, int flags, u64 offset, void **out);
/* Shared, readable and writable, or the test fails. */
void *map_rw(int fd, u64 len, u64 offset);
void *map_ro(int fd, u64 len, u64 offset);
void unmap(void *p, u64 len);
/* len bytes of address space with nothing in them, to be used with MAP_FIXED. */
void *map_reserve(u64 len);

/* One access of 4 bytes; 0, or the signal it raised. May be used by several threads. */
int touch_read(const volatile void *p, u32 *value);
int touch_write(volatile void *p, u32 value);

/* A pattern that differs from one 8-byte word to the next and from one seed to the other. */
void fill(void *p, size_t len, u64 seed);
/* Offset of the first byte that differs, or len. */
size_t differs(const void *p, size_t len, u64 seed);
size_t first_not(const void *p, size_t len, unsigned char byte);

/* --- sysfs, configuration space, the machine ---------------------------------------------- */

int file_try_write(const char *path, const char *text);
void file_write(const char *path, const char *text);
/* The first line without its newline; -errno if it cannot be read. */
int file_read(const char *path, char *buf, size_t size);
__attribute__((format(printf, 3, 4)))
const char *strf(char *buf, size_t size, const char *format, ...);

#define PCI_COMMAND_OFFSET	4
#define PCI_COMMAND_MEM		0x2
#define PCI_COMMAND_MASTER	0x4

u32 config_read(u32 offset, unsigned int width);
void config_write(u32 offset, unsigned int width, u32 value);
void pci_command_set(u32 clear, u32 set);	/* bits PCI_COMMAND_* */

/* The field "VmFlags" of the mapping at addr, as smaps spells it, with a space before and after. */
void vm_flags_get(const void *addr, char *buf, size_t size);
bool vm_flags_have(const void *addr, const char *flag);
/* Permissions as /proc/self/maps spells them ("rw-s"); "" when nothing is mapped there. */
void map_perms(const void *addr, char perms[5]);
bool pagemap_present(const void *addr);
/* The page frame; it must be present. */
u64 pagemap_frame(const void *addr);

bool raw_bar_allowed(void);		/* module parameter allow_raw_bar */

#endif /* GUEST_DEV_H */
