/* SPDX-License-Identifier: MIT */
/*
 * pci.h - the library as the driver of a whole PCI function: what the files of that share.
 *
 * Layers: pci.c (open, registers, INFO), pci_object.c (buffers, regions, mappings), pci_dma.c (transfers),
 * pci_queue.c (queues, windows) answer the calls of linux/mmapdemo.h; below them backend_vfio.c and
 * backend_uio.c get at the function, as struct mmd_pci_ops.
 * Not for: our driver's node, see backend_node.c.
 */
#ifndef MMAPDEMO_LIB_PCI_H
#define MMAPDEMO_LIB_PCI_H

#include <pthread.h>

#include <mmapdemo/backend.h>

#include "internal.h"

#define PCI_SYSFS		"/sys/bus/pci/devices"
#define PCI_NUM_BARS		6
#define PCI_BUS_ID_SIZE		32
#define PCI_MAX_RANGES		16

#define PCI_COMMAND		0x04
#define PCI_COMMAND_MEMORY	0x0002
#define PCI_COMMAND_MASTER	0x0004
#define PCI_COMMAND_INTX_OFF	0x0400

struct mmd_pci;

/* How a kernel driver lets a process at the function. Members that are NULL: it cannot. */
struct mmd_pci_ops {
	uint32_t backend;		/* MMD_BACKEND_* */
	/* Sets fd, bar_size, num_vectors, ranges, mem_cache; the function decodes, and may do DMA. */
	int (*open)(struct mmd_pci *p, int oflags);
	void (*close)(struct mmd_pci *p);
	int (*bar_map)(struct mmd_pci *p, unsigned int bar, uint64_t off, size_t len, int prot,
		       void **ptr);
	uint64_t (*reg_read)(struct mmd_pci *p, uint32_t offset, uint32_t width);
	void (*reg_write)(struct mmd_pci *p, uint32_t offset, uint32_t width, uint64_t value);
	/* Let the device reach memory of this process at a bus address. */
	int (*dma_map)(struct mmd_pci *p, void *va, uint64_t len, uint64_t iova, bool write);
	int (*dma_unmap)(struct mmd_pci *p, uint64_t iova, uint64_t len);
	/* Have an eventfd count the messages of a vector; -1: none any more. */
	int (*irq_eventfd)(struct mmd_pci *p, uint32_t vector, int fd);
	/* Without vectors: one interrupt of any cause; called without the lock. */
	int (*irq_wait)(struct mmd_pci *p, uint64_t deadline_ns);
	/* Of the function, configuration space restored. NULL: by register. */
	int (*reset)(struct mmd_pci *p);
};

struct pci_range {
	uint64_t start;
	uint64_t end;			/* the last address */
};

/* Something with a handle: a buffer, a region, a part of a queue. */
struct pci_object {
	struct pci_object *next;
	uint32_t handle;		/* 0: dropped, and kept by its users */
	uint32_t users;			/* windows, the transfer, the queue it is of */
	uint32_t technique;
	uint32_t cache;
	uint32_t flags;			/* MMAPDEMO_BUF_* */
	uint64_t len;
	int bar;			/* -1: system memory */
	uint64_t bar_off;
	int memfd;			/* -1: none */
	void *va;
	uint64_t iova;
	bool dma;			/* mapped for the device, at iova */
	bool device_reads_only;
	bool region;
	bool part;			/* of a queue: not inherited by fork */
};

struct pci_queue {
	struct pci_queue *next;
	struct pci_object *ring;
	struct pci_object *doorbell;
	uint32_t handle;
	uint32_t index;
	uint32_t log2n;
	uint32_t epoch;
};

struct pci_window {
	struct pci_window *next;
	struct pci_object *object;
	uint32_t index;
	uint32_t epoch;
};

/* The one transfer that may be under way. */
struct pci_transfer {
	bool there;
	bool lost;			/* reset away */
	struct pci_object *mem;
	struct pci_object *dev;
	uint64_t seq;
	uint64_t user_data;
	bool timed;
};

struct mmd_pci {
	const struct mmd_pci_ops *ops;
	struct mmd_device *dev;
	void *data;			/* of the ops */
	char bus_id[PCI_BUS_ID_SIZE];
	int fd;				/* what mmd_fd() gives; -1: none */
	bool may_write;
	void *regs;			/* all of BAR0, or NULL where ops do without */
	uint64_t bar_size[PCI_NUM_BARS];
	uint32_t num_vectors;		/* messages that can have an eventfd */
	uint32_t mem_cache;
	struct pci_range ranges[PCI_MAX_RANGES];	/* usable bus addresses */
	uint32_t num_ranges;

	/* The rest under the lock, but for what is set by open. */
	pthread_mutex_t lock;
	uint32_t hw_version;
	uint64_t features;
	uint64_t dma_mask;
	uint64_t dma_max_len;
	uint32_t num_queues;
	uint32_t num_windows;
	uint32_t epoch;			/* resets */
	uint32_t next_handle;
	uint32_t next_queue;
	struct pci_object *objects;
	struct pci_queue *queues;
	struct pci_window *windows;
	struct pci_transfer transfer;
	uint64_t seq;
	int dma_eventfd;		/* of the library; -1: there are no vectors */
	int sw_eventfd;
	int user_eventfd;		/* of EVENTFD_SET, a duplicate; -1: none */
};

/* pci.c */
int mmd_pci_open(struct mmd_device *dev, const struct mmd_pci_ops *ops, const char *path,
		 int oflags);
void mmd_pci_close(struct mmd_device *dev);
int mmd_pci_ioctl(struct mmd_device *dev, unsigned long cmd, void *arg);
int mmd_pci_refuse(struct mmd_pci *p, uint32_t capability);	/* -EOPNOTSUPP */
int mmd_pci_reset(struct mmd_pci *p);
bool mmd_pci_answers(struct mmd_pci *p);
uint64_t mmd_pci_mapped_read(struct mmd_pci *p, uint32_t offset, uint32_t width);
void mmd_pci_mapped_write(struct mmd_pci *p, uint32_t offset, uint32_t width, uint64_t value);

static inline uint32_t pci_read32(struct mmd_pci *p, uint32_t offset)
{
	return (uint32_t)p->ops->reg_read(p, offset, 4);
}

static inline uint64_t pci_read64(struct mmd_pci *p, uint32_t offset)
{
	return p->ops->reg_read(p, offset, 8);
}

static inline void pci_write32(struct mmd_pci *p, uint32_t offset, uint32_t value)
{
	p->ops->reg_write(p, offset, 4, value);
}

static inline void pci_write64(struct mmd_pci *p, uint32_t offset, uint64_t value)
{
	p->ops->reg_write(p, offset, 8, value);
}

/* pci_object.c */
struct pci_object *mmd_pci_object(struct mmd_pci *p, uint32_t handle);
int mmd_pci_memory_alloc(struct mmd_pci *p, uint32_t technique, uint64_t len,
			 struct pci_object **out);
struct pci_object *mmd_pci_bar_object(struct mmd_pci *p, int bar, uint64_t off, uint64_t len);
void mmd_pci_object_drop(struct mmd_pci *p, struct pci_object *object);
void mmd_pci_object_put(struct mmd_pci *p, struct pci_object *object);
uint64_t mmd_pci_object_offset(const struct pci_object *object);
int mmd_pci_regions_create(struct mmd_pci *p);
void mmd_pci_objects_free(struct mmd_pci *p);
uint64_t mmd_pci_mem_free(struct mmd_pci *p);
int mmd_pci_region_info(struct mmd_pci *p, struct mmapdemo_region_info *arg);
int mmd_pci_buf_alloc(struct mmd_pci *p, struct mmapdemo_buf_alloc *arg);
int mmd_pci_buf_free(struct mmd_pci *p, struct mmapdemo_buf_free *arg);
int mmd_pci_buf_info(struct mmd_pci *p, struct mmapdemo_buf_info *arg);
int mmd_pci_buf_pin(struct mmd_pci *p, struct mmapdemo_buf_pin *arg);
int mmd_pci_buf_sync(struct mmd_pci *p, struct mmapdemo_buf_sync *arg);
int mmd_pci_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, void **ptr);
ssize_t mmd_pci_pread(struct mmd_device *dev, uint64_t offset, void *data, size_t len);
ssize_t mmd_pci_pwrite(struct mmd_device *dev, uint64_t offset, const void *data, size_t len);

/* pci_iova.c: lowest free range of @len bytes within @ranges and up to @highest; false: none. */
struct pci_taken {
	uint64_t start;
	uint64_t len;
};

bool mmd_pci_iova_find(const struct pci_range *ranges, uint32_t num_ranges, uint64_t highest,
		       const struct pci_taken *taken, size_t num_taken, uint64_t len,
		       uint64_t align, uint64_t *iova);

/* pci_dma.c */
int mmd_pci_dma_submit(struct mmd_pci *p, struct mmapdemo_dma_submit *arg);
int mmd_pci_dma_wait(struct mmd_pci *p, struct mmapdemo_dma_wait *arg);	/* takes the lock itself */
int mmd_pci_eventfd_set(struct mmd_pci *p, struct mmapdemo_eventfd_set *arg);
int mmd_pci_poll(int fd, uint64_t deadline_ns);	/* 1 readable, 0 not by then, -errno */

/* pci_queue.c */
int mmd_pci_queue_create(struct mmd_pci *p, struct mmapdemo_queue_create *arg);
int mmd_pci_queue_destroy(struct mmd_pci *p, struct mmapdemo_queue_destroy *arg);
int mmd_pci_queue_info(struct mmd_pci *p, struct mmapdemo_queue_info *arg);
int mmd_pci_window_create(struct mmd_pci *p, struct mmapdemo_window_create *arg);
int mmd_pci_window_destroy(struct mmd_pci *p, struct mmapdemo_window_destroy *arg);
void mmd_pci_queues_free(struct mmd_pci *p);

/* backend.c: look in @sysfs (PCI_SYSFS) for a function bound to @driver; @bus_id may be NULL. */
int mmd_pci_find(const char *sysfs, const char *bus_id, const char *driver, char *found);

extern const struct mmd_backend mmd_backend_vfio;
extern const struct mmd_backend mmd_backend_uio;

#endif /* MMAPDEMO_LIB_PCI_H */
