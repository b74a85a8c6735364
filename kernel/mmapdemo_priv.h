/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the files of the driver know of each other.
 *
 * Not for: user space (include/uapi), decisions from numbers alone (policy.h), kernel versions
 * (compat.h).
 *
 * Locks, outermost first: one may be taken while those of the lines above it are held, never the
 * other way round.
 *
 *   queue->turn               (who waits for it sleeps) QUEUE_SUBMITs of one queue, across accesses to
 *                             user memory. Nobody who ends a queue takes it
 *   mmap_lock of a process    the core holds it around .mmap, .open and .close of a VMA; around .fault
 *                             and .huge_fault it, or the lock of that VMA alone
 *   mdev->gate (SRCU)         "the device is there": mmapdemo_dev_enter(). Never across an access
 *                             to user memory that may fault: that may take mmap_lock and may wait
 *                             for user space, and so would let a process hold up mmapdemo_remove()
 *   mdev->open_lock           who has the node open
 *   engine->drain_lock        what transfers need of process context
 *   mdev->queue_lock          who has which queue, window and domain; the lists a device reads
 *   mdev->res_lock            (rw) read: a buffer is listed, or gives its resources back; write:
 *                             the list is walked through, by mmapdemo_remove() and a reset
 *   mdev->mem.lock            (rw) read: a BAR is used or mapped for a process; write: the cache
 *                             type of BAR2 changes, a reset begins or ends
 *   buf->dma_lock             a buffer gets its bus addresses
 *   engine->lock              (irq) the DMA engine, all transfers, eventfds; a queue or window is
 *                             handed to the device or taken back, which no reset may split
 *   slot->lock                (irq) whom an interrupt of a queue is for; the rings of a queue that
 *                             the driver keeps to itself, and who waits for what is in them; the
 *                             dmaengine channel
 *   mdev->buf_lock, map_lock, xa_lock of mdev->objects    lists and counts; nothing inside
 *
 * Clients of the dmaengine channel call with locks of their own held, in any context: the gate, then
 * engine->lock and slot->lock are all that is taken there. The core of dmaengine holds its
 * dma_list_mutex around the first and the last use of a channel: outside of all of the above.
 */
#ifndef MMAPDEMO_PRIV_H
#define MMAPDEMO_PRIV_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/idr.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <linux/mmapdemo.h>
#include <linux/mmapdemo_hw.h>

#include "compat.h"
#include "policy.h"

struct dentry;
struct dma_buf;
struct eventfd_ctx;
struct io_uring_cmd;
struct mmapdemo_buf;
struct mmapdemo_channel;
struct mmapdemo_file;
struct mmapdemo_queue;
struct mmapdemo_xfer;

/* Bytes moved between two looks at whether the device is still there. */
#define MMAPDEMO_CHUNK		SZ_64K

/* Largest physically contiguous allocation: the buddy allocator's, and by contract 4 MiB. */
#define MMAPDEMO_MAX_CONTIG	min_t(u64, SZ_4M, (u64)PAGE_SIZE << MAX_PAGE_ORDER)

/* BAR2: the range, its cache type, the kernel's own view of it, and what is allocated. */
struct mmapdemo_mem {
	struct rw_semaphore lock;	/* view and cache */
	phys_addr_t phys;
	u64 size;
	u32 cache;			/* MMAPDEMO_CACHE_*, of view and every mapping */
	void __iomem *view;		/* NULL if a change of type failed both ways */
	bool resetting;			/* no access by the kernel, no new mapping, of any BAR */
	bool stale;			/* somebody's bytes may be where nothing is allocated */
	spinlock_t used_lock;		/* used, num_free; nothing inside */
	unsigned long *used;		/* bit map: which pages are allocated */
	u64 num_free;			/* pages */
};

/* The one-shot DMA engine: transfers in the order they were submitted, one at a time. */
struct mmapdemo_engine {
	spinlock_t lock;		/* all of this, and the transfers of all files */
	struct list_head fifo;		/* of struct mmapdemo_xfer, not started yet */
	struct mmapdemo_xfer *cur;	/* the one in the device */
	bool cur_irq;			/* its end raises an interrupt */
	unsigned long cur_expires;	/* jiffies at which the watchdog aborts it */
	struct list_head retired;	/* ended in the device, bounce buffers still to be copied */
	u64 last_seq;
	bool stopped;			/* for ever: nothing is started, no register is touched */
	bool resetting;			/* nothing is started until it is over */
	bool offline;			/* no register is touched: the bus is out of order */
	bool master_off;		/* the device did not obey, and has no access to the bus */

	struct mmapdemo_hw_sg *sg;	/* the element list of the running transfer */
	dma_addr_t sg_bus;

	struct mutex drain_lock;	/* one drains at a time, the others wait for it */
	struct work_struct drain_work;
	struct llist_head dead_bufs;	/* lost their last user in interrupt context */
	struct delayed_work watchdog;

	atomic64_t num_irqs;
	atomic64_t num_timeouts;
};

/* A BAR that is mapped like registers, UC: the range, and the kernel's own view of it. */
struct mmapdemo_view {
	phys_addr_t phys;
	u64 size;			/* 0: the device has no such */
	void __iomem *view;
};

/* Queue `index` of the device: who has it at the moment. */
struct mmapdemo_slot {
	struct mmapdemo_dev *mdev;
	unsigned int index;
	spinlock_t lock;		/* queue; its handler runs while another CPU takes it away */
	struct mmapdemo_queue *queue;	/* NULL: nobody */
};

/*
 * One device. Outlives the binding of the driver: `dev` counts the references. Held by the binding
 * (from mmapdemo_dev_create() until devres has ended), by the node's cdev, and by each open file.
 * Mappings and buffers hold it through their file.
 */
struct mmapdemo_dev {
	struct device dev;
	struct cdev cdev;
	struct cdev prepare_cdev;	/* the second node, and its device; unused where there is none */
	struct device *prepare_dev;
	int instance;
	char bus_id[32];

	struct srcu_struct gate;
	bool gone;			/* set once, under open_lock; read inside the gate */
	unsigned long gone_since;	/* jiffies; set before gone */

	struct pci_dev *pdev;		/* this and what follows: inside the gate only */
	void __iomem *regs;		/* BAR0 */
	phys_addr_t regs_phys;
	u32 hw_version;
	u64 features;
	u64 dma_mask;
	u32 dma_max_len;
	u32 dma_max_sg;
	struct mmapdemo_mem mem;
	struct mmapdemo_engine engine;
	struct pci_saved_state *config;	/* as the driver set it up */
	bool recovering;		/* from an error of the bus; the lock of the PCI device */
	atomic64_t num_recoveries;
	atomic64_t num_sw_irqs;
	atomic_t num_resets;
	unsigned int num_vectors;	/* of MSI-X; 0: one interrupt for everything */

	struct mmapdemo_view doorbells;	/* BAR1 */
	struct mmapdemo_view alias;	/* BAR5 */
	u32 num_queues;			/* 0: the device has none */
	u32 num_windows;
	u32 queue_log2n_min;
	u32 queue_log2n_max;
	u32 queue_max_len;
	u32 queue_max_list;
	u32 window_shift_max;
	u32 window_kinds;		/* bit map */
	u32 engine_kind;		/* register ENGINE */
	/*
	 * Resets so far, and whatever else ends all queues and windows at once; engine->lock. One
	 * that was made at another number is none to the device any more.
	 */
	u32 epoch;
	struct mmapdemo_slot slots[MMAPDEMO_QUEUE_COUNT_MAX];

	struct mutex queue_lock;	/* this and what follows; queues and windows of all files */
	DECLARE_BITMAP(queues_used, MMAPDEMO_QUEUE_COUNT_MAX);
	struct xarray windows;		/* index to struct mmapdemo_window; empty but taken while it is
					 * being made, or taken from the device
					 */
	u32 next_window;
	struct ida domains;
	bool lists_freed;		/* the driver is being unbound */
	struct mmapdemo_channel *channel; /* of the dmaengine subsystem; NULL: none */

	/* The mappings of all files live in its address space, and are found there by offset. */
	struct inode *inode;

	struct mutex open_lock;		/* files, exclusive, gone */
	struct list_head files;
	struct mmapdemo_file *exclusive; /* opened with O_EXCL */

	struct xarray objects;		/* id to struct mmapdemo_buf; empty but taken while a freed
					 * buffer is still mapped
					 */
	u32 next_id;
	struct mmapdemo_buf *regions[MMAPDEMO_NUM_REGIONS];

	struct rw_semaphore res_lock;
	spinlock_t buf_lock;		/* bufs, and the counts here and of files */
	struct list_head bufs;
	u32 num_bufs;			/* handles of all files */
	u64 num_bytes;			/* memory of all files, freed but still used too */
	u32 max_bufs;			/* limits of these two; written with buf_lock */
	u64 max_bytes;
	spinlock_t map_lock;		/* maps */
	struct list_head maps;
	u64 map_serial;			/* of the last one; map_lock */

	struct dentry *debugfs;
};

#define MMAPDEMO_SLOT_HINTS	8

/* An open file: the owner of buffers, transfers and limits. */
struct mmapdemo_file {
	struct mmapdemo_dev *mdev;
	struct file *file;		/* whose private data it is */
	struct list_head node;		/* mdev->files */
	bool exclusive;
	bool may_write;

	struct list_head handles;	/* of struct mmapdemo_buf; mdev->buf_lock */
	u32 num_bufs;			/* handles; mdev->buf_lock */
	u64 num_bytes;			/* memory, freed but still used too; mdev->buf_lock */

	wait_queue_head_t wait;		/* for the end of a transfer, or of the device */
	struct list_head xfers;		/* engine->lock: all that are not collected */
	struct list_head done;		/* of these, the ended ones, in that order */
	u32 num_xfers;
	struct eventfd_ctx *eventfd;
	struct mmapdemo_xfer *spare;	/* taken and given back by xchg() */

	struct list_head queues;	/* of struct mmapdemo_queue; mdev->queue_lock, as what follows */
	struct list_head windows;	/* of struct mmapdemo_window */
	u32 num_queues;			/* those being made and taken away too */
	u32 num_windows;
	struct mmapdemo_slot *slot_hints[MMAPDEMO_SLOT_HINTS];	/* by handle; never NULL */
	u32 domain;			/* of all of them; 0: none yet */

	u64 mem_dirty_start;		/* of region MEM, what this file may have written */
	u64 mem_dirty_end;
};

#include "buf.h"
#include "queue.h"

/* --- pci.c ------------------------------------------------------------------------------- */

/**
 * mmapdemo_dev_enter() - begin to use the device
 * @mdev: the device
 * @idx: for mmapdemo_dev_exit()
 *
 * Return: 0, and the device stays until mmapdemo_dev_exit(); -ENODEV if it is gone, for ever.
 */
static inline int mmapdemo_dev_enter(struct mmapdemo_dev *mdev, int *idx)
{
	*idx = srcu_read_lock(&mdev->gate);
	/*
	 * Pairs with synchronize_srcu() in mmapdemo_remove(): who reads false here is waited for
	 * there.
	 */
	if (READ_ONCE(mdev->gone)) {
		srcu_read_unlock(&mdev->gate, *idx);
		return -ENODEV;
	}
	return 0;
}

static inline void mmapdemo_dev_exit(struct mmapdemo_dev *mdev, int idx)
{
	srcu_read_unlock(&mdev->gate, idx);
}

static inline bool mmapdemo_dev_gone(struct mmapdemo_dev *mdev)
{
	return READ_ONCE(mdev->gone);
}

bool mmapdemo_raw_allowed(void);
bool mmapdemo_raw_enabled(void);
void mmapdemo_dev_end(struct mmapdemo_dev *mdev);

/* reset.c */
extern const struct pci_error_handlers mmapdemo_err_handlers;
extern const struct dev_pm_ops mmapdemo_pm_ops;
int mmapdemo_config_save(struct mmapdemo_dev *mdev);
int mmapdemo_dev_reset(struct mmapdemo_dev *mdev, u32 epoch);
void mmapdemo_dev_recover(struct mmapdemo_dev *mdev, u32 epoch, const char *what);

/* --- cdev.c ------------------------------------------------------------------------------ */

int mmapdemo_cdev_init(void);
void mmapdemo_cdev_exit(void);
struct mmapdemo_dev *mmapdemo_dev_create(struct pci_dev *pdev);
int mmapdemo_node_add(struct mmapdemo_dev *mdev);
void mmapdemo_node_del(struct mmapdemo_dev *mdev);
u32 mmapdemo_file_access(const struct mmapdemo_file *mf);

/* --- ioctl.c ----------------------------------------------------------------------------- */

long mmapdemo_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/* The handlers, by file. Inside the gate unless said otherwise; no user memory is touched. */
int mmapdemo_ioctl_info(struct mmapdemo_file *mf, struct mmapdemo_info *arg);
int mmapdemo_ioctl_region_info(struct mmapdemo_file *mf, struct mmapdemo_region_info *arg);
int mmapdemo_ioctl_buf_alloc(struct mmapdemo_file *mf, struct mmapdemo_buf_alloc *arg);
void mmapdemo_ioctl_buf_alloc_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_alloc *arg);
int mmapdemo_ioctl_buf_free(struct mmapdemo_file *mf, struct mmapdemo_buf_free *arg);
int mmapdemo_ioctl_buf_info(struct mmapdemo_file *mf, struct mmapdemo_buf_info *arg);
/* Outside the gate: takes mmap_lock. */
int mmapdemo_ioctl_map_info(struct mmapdemo_file *mf, struct mmapdemo_map_info *arg);
int mmapdemo_ioctl_mem_cache_set(struct mmapdemo_file *mf, struct mmapdemo_mem_cache_set *arg);
int mmapdemo_ioctl_reg_read(struct mmapdemo_file *mf, struct mmapdemo_reg_access *arg);
int mmapdemo_ioctl_reg_write(struct mmapdemo_file *mf, struct mmapdemo_reg_access *arg);
int mmapdemo_ioctl_dma_submit(struct mmapdemo_file *mf, struct mmapdemo_dma_submit *arg);
void mmapdemo_ioctl_dma_submit_undo(struct mmapdemo_file *mf, struct mmapdemo_dma_submit *arg);
int mmapdemo_ioctl_dma_wait(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg);
/* Outside the gate. */
void mmapdemo_ioctl_dma_wait_commit(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg);
void mmapdemo_ioctl_dma_wait_undo(struct mmapdemo_file *mf, struct mmapdemo_dma_wait *arg);
int mmapdemo_ioctl_eventfd_set(struct mmapdemo_file *mf, struct mmapdemo_eventfd_set *arg);
/* Outside the gate, these three: a queue's mappings are taken away with mmap_lock. */
int mmapdemo_ioctl_queue_create(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg);
void mmapdemo_ioctl_queue_create_undo(struct mmapdemo_file *mf, struct mmapdemo_queue_create *arg);
int mmapdemo_ioctl_queue_destroy(struct mmapdemo_file *mf, struct mmapdemo_queue_destroy *arg);
int mmapdemo_ioctl_queue_info(struct mmapdemo_file *mf, struct mmapdemo_queue_info *arg);
/* Outside the gate: reads and writes the caller's memory. */
int mmapdemo_ioctl_queue_submit(struct mmapdemo_file *mf, struct mmapdemo_queue_submit *arg);
int mmapdemo_ioctl_window_create(struct mmapdemo_file *mf, struct mmapdemo_window_create *arg);
void mmapdemo_ioctl_window_create_undo(struct mmapdemo_file *mf,
				       struct mmapdemo_window_create *arg);
int mmapdemo_ioctl_window_destroy(struct mmapdemo_file *mf, struct mmapdemo_window_destroy *arg);
/* Outside the gate: touches memory of the process. */
int mmapdemo_ioctl_buf_pin(struct mmapdemo_file *mf, struct mmapdemo_buf_pin *arg);
void mmapdemo_ioctl_buf_pin_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_pin *arg);
int mmapdemo_ioctl_buf_sync(struct mmapdemo_file *mf, struct mmapdemo_buf_sync *arg);

/* --- regs.c ------------------------------------------------------------------------------ */

static inline u32 mmapdemo_readl(struct mmapdemo_dev *mdev, u32 reg)
{
	return readl(mdev->regs + reg);
}

static inline u64 mmapdemo_readq(struct mmapdemo_dev *mdev, u32 reg)
{
	return readq(mdev->regs + reg);
}

static inline void mmapdemo_writel(struct mmapdemo_dev *mdev, u32 reg, u32 val)
{
	writel(val, mdev->regs + reg);
}

static inline void mmapdemo_writeq(struct mmapdemo_dev *mdev, u32 reg, u64 val)
{
	writeq(val, mdev->regs + reg);
}

bool mmapdemo_hw_answers(struct mmapdemo_dev *mdev);
int mmapdemo_hw_identify(struct mmapdemo_dev *mdev);
int mmapdemo_hw_selftest(struct mmapdemo_dev *mdev);
void mmapdemo_hw_reset(struct mmapdemo_dev *mdev);
int mmapdemo_reg_get(struct mmapdemo_dev *mdev, u32 reg, u32 width, u64 *val);
int mmapdemo_reg_set(struct mmapdemo_dev *mdev, u32 reg, u32 width, u64 val);

/* --- bus.c ------------------------------------------------------------------------------- */

/*
 * A mapping for good copies nothing and flushes nothing: each transfer does so for what it moves, and
 * windows are over memory that needs none. So one page may be mapped several times, for buffers of
 * pinned memory that overlap and for importers of a dma-buf; with an implied sync each of these would
 * take the caches from under the others, which the DMA API's debugging reports.
 */
#define MMAPDEMO_MAP_ATTRS	(DMA_ATTR_NO_WARN | DMA_ATTR_SKIP_CPU_SYNC)

int mmapdemo_buf_dma_map(struct mmapdemo_buf *buf);
int mmapdemo_buf_dma_map_pages(struct mmapdemo_buf *buf, struct page **pages);
void mmapdemo_buf_dma_unmap_pages(struct mmapdemo_buf *buf);
int mmapdemo_buf_check_direct(const struct mmapdemo_buf *buf, u64 off, u64 len);
u64 mmapdemo_buf_run(const struct mmapdemo_buf *buf, u64 off, u64 len, dma_addr_t *bus);
void mmapdemo_buf_sync(const struct mmapdemo_buf *buf, u64 off, u64 len,
		       enum dma_data_direction dir, bool for_device);

/* --- dma.c: the engine; xfer.c: transfers as a file sees them ------------------------------- */

enum mmapdemo_xfer_state {
	MMAPDEMO_XFER_QUEUED,
	MMAPDEMO_XFER_PREPARING,	/* first in the queue, being copied to bounce buffers */
	MMAPDEMO_XFER_RUNNING,
	MMAPDEMO_XFER_RETIRED,		/* being copied from bounce buffers, or waiting for it */
	MMAPDEMO_XFER_DONE,		/* on file->done */
	MMAPDEMO_XFER_CLAIMED,		/* by a DMA_WAIT that is handing out its results */
};

struct mmapdemo_xfer {
	struct list_head node;		/* engine->fifo, engine->retired, file->done or none */
	struct list_head file_node;	/* file->xfers */
	struct mmapdemo_file *mf;
	struct mmapdemo_buf *mem;	/* both held until the transfer has ended */
	struct mmapdemo_buf *dev;
	u64 mem_off;
	u64 dev_off;			/* into BAR2 */
	u64 seq;
	u64 user_data;
	u32 len;
	u32 repeat;
	bool to_device;
	bool want_irq;
	bool timed;
	bool bounced;			/* needs dma_sync_*(): mem->bounced */
	bool prepared;			/* had dma_sync_*_for_device() */
	bool cancelled;
	bool left_bufs;			/* was the last user of a buffer */
	enum mmapdemo_xfer_state state;
	u32 error;			/* MMAPDEMO_ERR_* */
	u64 bytes;
	u64 host_ns;
};

int mmapdemo_engine_init(struct mmapdemo_dev *mdev);
void mmapdemo_engine_start(struct mmapdemo_dev *mdev);
void mmapdemo_engine_stop(struct mmapdemo_dev *mdev);
int mmapdemo_engine_ready(struct mmapdemo_dev *mdev);
void mmapdemo_engine_isolate(struct mmapdemo_dev *mdev);
void mmapdemo_engine_offline(struct mmapdemo_dev *mdev, bool offline);
void mmapdemo_engine_reset_prepare(struct mmapdemo_dev *mdev);
void mmapdemo_engine_reset_done(struct mmapdemo_dev *mdev);
bool mmapdemo_engine_reap(struct mmapdemo_dev *mdev);
void mmapdemo_engine_arm(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
int mmapdemo_engine_queue(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
void mmapdemo_engine_cancel(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
void mmapdemo_engine_drain(struct mmapdemo_dev *mdev);
void mmapdemo_engine_defer(struct mmapdemo_dev *mdev);
void mmapdemo_engine_irq(struct mmapdemo_dev *mdev);

extern unsigned int mmapdemo_dma_timeout_ms;

extern unsigned int mmapdemo_max_xfers;

void mmapdemo_xfers_drop(struct mmapdemo_file *mf);
__poll_t mmapdemo_poll(struct file *file, poll_table *wait);

/* --- dmabuf.c -------------------------------------------------------------------------------- */

#define MMAPDEMO_HAVE_DMABUF	IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)

/* Between the making of a dma-buf and the moment its number is known. */
struct mmapdemo_buf_export_call {
	struct mmapdemo_buf_export arg;
	struct dma_buf *dmabuf;
};

/* Outside the gate, undo and commit too. */
int mmapdemo_ioctl_buf_export(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call);
void mmapdemo_ioctl_buf_export_undo(struct mmapdemo_file *mf,
				    struct mmapdemo_buf_export_call *call);
void mmapdemo_ioctl_buf_export_commit(struct mmapdemo_file *mf,
				      struct mmapdemo_buf_export_call *call);

/* --- dmaengine.c ----------------------------------------------------------------------------- */

#if IS_ENABLED(CONFIG_DMA_ENGINE)
int mmapdemo_dmaengine_init(struct mmapdemo_dev *mdev);
void mmapdemo_dmaengine_stop(struct mmapdemo_dev *mdev);
void mmapdemo_dmaengine_wake(struct mmapdemo_dev *mdev);
void mmapdemo_dmaengine_exit(void);
#else
static inline int mmapdemo_dmaengine_init(struct mmapdemo_dev *mdev)
{
	return 0;
}

static inline void mmapdemo_dmaengine_stop(struct mmapdemo_dev *mdev)
{
}

static inline void mmapdemo_dmaengine_wake(struct mmapdemo_dev *mdev)
{
}

static inline void mmapdemo_dmaengine_exit(void)
{
}
#endif

/* --- irq.c, sysfs.c, debugfs.c ------------------------------------------------------------ */

int mmapdemo_irq_init(struct mmapdemo_dev *mdev);
u32 mmapdemo_irq_vector(struct mmapdemo_dev *mdev, unsigned int queue);
extern const struct attribute_group *mmapdemo_sysfs_groups[];
void mmapdemo_debugfs_init(void);
void mmapdemo_debugfs_exit(void);
void mmapdemo_debugfs_add(struct mmapdemo_dev *mdev);
void mmapdemo_debugfs_del(struct mmapdemo_dev *mdev);

#endif /* MMAPDEMO_PRIV_H */
