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
 *   queue->call_lock          QUEUE_SUBMITs of one queue, across accesses to user memory. Nobody
 *                             who ends a queue takes it
 *   mmap_lock of a process    the core holds it around .mmap, .fault, .open and .close of a VMA
 *   mdev->gate (SRCU)         "the device is there": mmapdemo_dev_enter(). Never across an access
 *                             to user memory, which may take mmap_lock and may wait for user
 *                             space, and so would let a process hold up mmapdemo_remove()
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
 *                             the driver keeps to itself, and who waits for what is in them
 *   mdev->buf_lock, map_lock, xa_lock of mdev->objects    lists and counts; nothing inside
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
	atomic64_t num_sw_irqs;
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
	spinlock_t map_lock;		/* maps */
	struct list_head maps;
	u64 map_serial;			/* of the last one; map_lock */

	struct dentry *debugfs;
};

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
	u32 domain;			/* of all of them; 0: none yet */

	u64 mem_dirty_start;		/* of region MEM, what this file may have written */
	u64 mem_dirty_end;
};

enum mmapdemo_where {
	MMAPDEMO_IN_RAM,		/* has bus addresses; a reset does not touch it */
	MMAPDEMO_IN_MEM,		/* BAR2, at buf->phys */
	MMAPDEMO_IN_REGS,		/* any other BAR; no DMA there */
};

/**
 * struct mmapdemo_technique - one way of allocating and mapping; a row per map_<technique>.c
 *
 * Everything is called inside the gate, except @free, which mmapdemo_remove() calls too, after it
 * has closed the gate and while the device is still bound.
 *
 * @id: MMAPDEMO_TECH_*
 * @name: for people
 * @where: what its bytes are in
 * @alloc: get zeroed memory for buf->len bytes; absent where there is nothing to get
 * @free: give it back; a buffer of which @alloc failed does not come here
 * @map: fill @vma, whose start is byte @off of the buffer. All checks are done, the flags that do
 *	not depend on the technique are set
 * @fault: make the page at byte @off present, itself, before it returns; absent where @map fills
 * @huge_fault: the same for all that one huge entry maps, from byte @off, which may be past the end;
 *	VM_FAULT_FALLBACK: it does not fit, and @fault is called. Absent where entries are small
 * @read: copy from the buffer
 * @write: copy to it
 * @dma_map: give the buffer its bus addresses, buf->bus; absent where @alloc did
 * @dma_unmap: take them away; called before @free
 * @phys: where the page at byte @off really is; absent where the device never reaches the memory
 *	through bounce buffers
 */
struct mmapdemo_technique {
	u32 id;
	const char *name;
	enum mmapdemo_where where;
	int (*alloc)(struct mmapdemo_buf *buf);
	void (*free)(struct mmapdemo_buf *buf);
	int (*map)(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off);
	vm_fault_t (*fault)(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off);
	vm_fault_t (*huge_fault)(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off);
	int (*read)(struct mmapdemo_buf *buf, u64 off, void *to, size_t len);
	int (*write)(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len);
	int (*dma_map)(struct mmapdemo_buf *buf);
	void (*dma_unmap)(struct mmapdemo_buf *buf);
	phys_addr_t (*phys)(const struct mmapdemo_buf *buf, u64 off);
};

extern const struct mmapdemo_technique mmapdemo_tech_bar;
extern const struct mmapdemo_technique mmapdemo_tech_bar_fault;
extern const struct mmapdemo_technique mmapdemo_tech_bar_huge;
extern const struct mmapdemo_technique mmapdemo_tech_regs;
extern const struct mmapdemo_technique mmapdemo_tech_doorbell;
extern const struct mmapdemo_technique mmapdemo_tech_alias;
extern const struct mmapdemo_technique mmapdemo_tech_pages;
extern const struct mmapdemo_technique mmapdemo_tech_vmalloc;
extern const struct mmapdemo_technique mmapdemo_tech_coherent;
extern const struct mmapdemo_technique mmapdemo_tech_noncontig;
extern const struct mmapdemo_technique mmapdemo_tech_userptr;

/*
 * Anything that has an offset: a buffer, a region, the ring or the doorbell of a queue. `ref` is
 * held by the handle (for a region: by the binding; for ring and doorbell: by the queue), by each
 * window, by each struct mmapdemo_map, by each transfer until it has ended, and by calls that are
 * using the buffer. Its resources are released with the last one, or when the driver is unbound,
 * whichever is first: `released`.
 */
struct mmapdemo_buf {
	struct kref ref;
	struct mmapdemo_dev *mdev;
	struct mmapdemo_file *owner;	/* NULL for regions. All holders keep the file open */
	const struct mmapdemo_technique *tech;
	struct mmapdemo_object object;	/* len, attrs */
	u32 id;
	u32 cache;			/* MMAPDEMO_CACHE_* */
	u32 flags;			/* MMAPDEMO_BUF_* */
	atomic_t num_vmas;
	atomic_t num_xfers;
	bool released;			/* mdev->res_lock */
	bool withdrawn;			/* not to be mapped any more; mdev->map_lock */
	struct list_head node;		/* mdev->bufs */
	struct list_head handle_node;	/* mf->handles */
	struct llist_node dead;		/* engine->dead_bufs */

	/* by technique */
	void *vaddr;			/* pages, vmalloc, coherent */
	struct page **pages;		/* noncontig, userptr, pages of a type: all, in order */
	struct mm_struct *mm;		/* userptr: whose they are; mmgrab() */
	phys_addr_t phys;		/* whatever is in a BAR */
	bool type_seen;			/* bar_fault: an entry had the cache type that it must */

	/* Bus addresses, one for each 1 << bus_shift bytes. Set once, under dma_lock. */
	struct mutex dma_lock;
	dma_addr_t *bus;
	unsigned int bus_shift;
	dma_addr_t bus_one;		/* what bus points to if one is enough */
	bool need_sync;			/* some of it needs dma_sync_*() */
	bool bounced;			/* some of it is reached through bounce buffers */
	bool dma_ready;			/* bus is set, for who does not hold dma_lock */
	enum dma_data_direction dir;	/* what the device may do with it */
	struct sg_table sgt;		/* vmalloc, noncontig, userptr */
};

/*
 * One mapping, made by one mmap(2) and shared by the VMAs that fork, split and move it: refcounted
 * by them. It keeps the mm_struct of the process that made it, for mmapdemo_maps_revoke().
 */
struct mmapdemo_map {
	refcount_t ref;
	struct mmapdemo_buf *buf;
	struct mm_struct *mm;
	pid_t pid;
	unsigned long start;		/* as first mapped; debugfs */
	unsigned long len;
	u64 off;
	struct list_head node;		/* mdev->maps */
	u64 serial;			/* grows; mdev->map_lock */
	bool linked;			/* its VMA is, for certain; mdev->map_lock */
};

/* One 4 KiB page of a window's list, in memory that only the driver and the device reach. */
struct mmapdemo_list_page {
	__le64 *entries;
	dma_addr_t bus;
};

/*
 * A queue, from QUEUE_CREATE to the return of QUEUE_DESTROY. Owned by its file. `ref` is held by
 * the handle, and by each call that is using the queue: one that is in user memory when the queue
 * is destroyed finds out afterwards.
 */
struct mmapdemo_queue {
	struct kref ref;
	struct mmapdemo_file *mf;
	struct list_head node;		/* mf->queues */
	u32 handle;
	u32 index;			/* in the device */
	u32 log2n;
	u32 irq_gap_ns;
	u32 irq_count;
	u32 epoch;			/* engine->lock */
	bool enabled;			/* the device has been told of it */
	pid_t pid;			/* of who made it; debugfs */
	struct mmapdemo_buf *ring;	/* both with a reference */
	struct mmapdemo_buf *doorbell;	/* NULL: it is the driver's, as the ring is */
	struct eventfd_ctx *eventfd;	/* slot->lock */
	atomic64_t num_irqs;

	/* MMAPDEMO_QUEUE_KERNEL. The rings' memory, and what follows: slot->lock */
	bool kernel;
	bool by_uring;			/* head .. tail are commands of io_uring, cmds says whose */
	struct mutex call_lock;
	struct mmapdemo_batch *batch;	/* call_lock */
	wait_queue_head_t wait;		/* for completions, or the end */
	u32 num_sleepers;
	u32 tail;			/* descriptors written */
	u32 told;			/* of these, those for which a doorbell was decided upon */
	u32 head;			/* completions collected; with call_lock too, unless by_uring */
	int over;			/* 0; why nothing is submitted any more */
	struct io_uring_cmd **cmds;	/* by slot; NULL: until the first, or nobody waits for it */
	struct delayed_work watchdog;	/* for the interrupt that is lost */
};

/* On their way between user memory and the rings of a queue. */
#define MMAPDEMO_BATCH		16

struct mmapdemo_batch {
	struct mmapdemo_hw_sqe sqes[MMAPDEMO_BATCH];
	struct mmapdemo_hw_cqe cqes[MMAPDEMO_BATCH];
};

/* A window: part of a buffer that the queues of its file may name. */
struct mmapdemo_window {
	struct mmapdemo_file *mf;
	struct list_head node;		/* mf->windows */
	struct mmapdemo_buf *buf;	/* with a reference */
	u64 off;
	u64 len;
	u32 flags;			/* MMAPDEMO_WINDOW_* */
	u32 index;			/* in the device */
	u32 epoch;			/* engine->lock */
	bool enabled;			/* the device has been told of it */
	u32 kind;			/* MMAPDEMO_WKIND_*, and what goes into the registers */
	u64 addr;
	u32 first;
	u32 shift;
	struct mmapdemo_list_page *lists;
	u32 num_lists;
};

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

/* --- limits.c ---------------------------------------------------------------------------- */

extern unsigned int mmapdemo_max_bufs;
extern unsigned long mmapdemo_max_bytes;

int mmapdemo_charge(struct mmapdemo_file *mf, const struct mmapdemo_technique *tech, u64 len,
		    u32 handles);
void mmapdemo_uncharge(struct mmapdemo_file *mf, const struct mmapdemo_technique *tech, u64 len,
		       u32 handles);

/* --- buf.c ------------------------------------------------------------------------------- */

static inline bool mmapdemo_buf_is_ram(const struct mmapdemo_buf *buf)
{
	return buf->tech->where == MMAPDEMO_IN_RAM;
}

static inline bool mmapdemo_buf_is_device_memory(const struct mmapdemo_buf *buf)
{
	return buf->tech->where == MMAPDEMO_IN_MEM;
}

u32 mmapdemo_techniques(const struct mmapdemo_dev *mdev);
int mmapdemo_regions_create(struct mmapdemo_dev *mdev);
struct mmapdemo_buf *mmapdemo_buf_get(struct mmapdemo_file *mf, u64 id);
struct mmapdemo_buf *mmapdemo_buf_get_handle(struct mmapdemo_file *mf, u32 handle);
struct mmapdemo_buf *mmapdemo_buf_create_part(struct mmapdemo_file *mf,
					      const struct mmapdemo_technique *tech, u32 attrs,
					      u32 cache, u64 len, phys_addr_t phys);
struct mmapdemo_buf *mmapdemo_buf_create_pinned(struct mmapdemo_file *mf, u64 len,
						struct page **pages, bool read_only);
void mmapdemo_buf_publish(struct mmapdemo_buf *buf);
void mmapdemo_buf_withdraw(struct mmapdemo_buf *buf);
void mmapdemo_buf_put(struct mmapdemo_buf *buf);
bool mmapdemo_buf_put_atomic(struct mmapdemo_buf *buf);
void mmapdemo_bufs_drop(struct mmapdemo_file *mf);
void mmapdemo_bufs_release(struct mmapdemo_dev *mdev);
ssize_t mmapdemo_buf_rw(struct mmapdemo_file *mf, u64 id, u64 off, void *buf, size_t len,
			bool write);

/* --- mmap.c ------------------------------------------------------------------------------ */

int mmapdemo_mmap(struct file *file, struct vm_area_struct *vma);
unsigned long mmapdemo_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
					 unsigned long pgoff, unsigned long flags);
int mmapdemo_mmap_buf(struct mmapdemo_file *mf, struct mmapdemo_buf *buf,
		      struct vm_area_struct *vma, u64 off);
void mmapdemo_maps_revoke(struct mmapdemo_dev *mdev);
void mmapdemo_maps_revoke_bar(struct mmapdemo_dev *mdev);
void mmapdemo_maps_revoke_buf(struct mmapdemo_buf *buf);

/* --- memtype.c --------------------------------------------------------------------------- */

int mmapdemo_memtype_reserve_regs(struct mmapdemo_dev *mdev);
void __iomem *mmapdemo_memtype_map(phys_addr_t phys, u64 size, u32 cache);
void mmapdemo_memtype_unmap(void __iomem *view, phys_addr_t phys, u64 size, u32 cache);
pgprot_t mmapdemo_memtype_prot(pgprot_t prot, u32 cache);
int mmapdemo_memtype_of(struct vm_area_struct *vma, unsigned long addr, u32 *cache, u32 *shift);
int mmapdemo_memtype_of_pmd(pmd_t pmd, u32 *cache);
void mmapdemo_memtype_disown(struct vm_area_struct *vma, phys_addr_t phys);
u32 mmapdemo_memtype_coherent(void);
bool mmapdemo_memtype_ram_can(void);
int mmapdemo_memtype_ram_set(struct page **pages, unsigned int num, u32 cache);
int mmapdemo_memtype_ram_reset(struct page **pages, unsigned int num);
pgprot_t mmapdemo_memtype_prot_ram(pgprot_t prot, u32 cache);
bool mmapdemo_memtype_is(u32 got, u32 cache);

/* --- mem.c ------------------------------------------------------------------------------- */

/* Inside mem->lock: may BAR2 be accessed through its view? If not, -EIO is the answer. */
static inline bool mmapdemo_mem_usable(struct mmapdemo_mem *mem)
{
	lockdep_assert_held(&mem->lock);

	return mem->view && !mem->resetting;
}

int mmapdemo_mem_init(struct mmapdemo_dev *mdev);
void mmapdemo_mem_exit(struct mmapdemo_dev *mdev);
phys_addr_t mmapdemo_mem_alloc(struct mmapdemo_mem *mem, u64 len, u64 align);
void mmapdemo_mem_free(struct mmapdemo_mem *mem, phys_addr_t phys, u64 len);
void mmapdemo_mem_reset_prepare(struct mmapdemo_dev *mdev);
void mmapdemo_mem_reset_done(struct mmapdemo_dev *mdev);
int mmapdemo_mem_zero(struct mmapdemo_dev *mdev, u64 start, u64 len);
int mmapdemo_mem_clean(struct mmapdemo_dev *mdev);
u64 mmapdemo_mem_free_bytes(struct mmapdemo_dev *mdev);
void mmapdemo_mem_dirty(struct mmapdemo_file *mf, u64 start, u64 len);

/* --- map_bar.c, which the others in BAR2 share; map_mmio.c -------------------------------- */

int mmapdemo_bar_alloc_aligned(struct mmapdemo_buf *buf, u64 align);
int mmapdemo_bar_alloc(struct mmapdemo_buf *buf);
void mmapdemo_bar_free(struct mmapdemo_buf *buf);
int mmapdemo_bar_read(struct mmapdemo_buf *buf, u64 off, void *to, size_t len);
int mmapdemo_bar_write(struct mmapdemo_buf *buf, u64 off, const void *from, size_t len);

/* map_bar_fault.c, the same */
int mmapdemo_bar_fault_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off);
vm_fault_t mmapdemo_bar_fault(struct mmapdemo_buf *buf, struct vm_fault *vmf, u64 off);

/* map_bar_huge.c */
u64 mmapdemo_huge_size(const struct mmapdemo_dev *mdev);

int mmapdemo_regs_map(struct mmapdemo_buf *buf, struct vm_area_struct *vma, u64 off);
void mmapdemo_regs_free(struct mmapdemo_buf *buf);
int mmapdemo_views_init(struct mmapdemo_dev *mdev);

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
	bool bounced;			/* needs dma_sync_*() */
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
void mmapdemo_engine_reset_prepare(struct mmapdemo_dev *mdev);
void mmapdemo_engine_reset_done(struct mmapdemo_dev *mdev);
bool mmapdemo_engine_reap(struct mmapdemo_dev *mdev);
void mmapdemo_engine_arm(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
int mmapdemo_engine_queue(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
void mmapdemo_engine_cancel(struct mmapdemo_dev *mdev, struct mmapdemo_xfer *x);
void mmapdemo_engine_drain(struct mmapdemo_dev *mdev);
void mmapdemo_engine_defer(struct mmapdemo_dev *mdev);
void mmapdemo_engine_irq(struct mmapdemo_dev *mdev);

extern unsigned int mmapdemo_max_xfers;

void mmapdemo_xfers_drop(struct mmapdemo_file *mf);
__poll_t mmapdemo_poll(struct file *file, poll_table *wait);

/* --- queue.c ----------------------------------------------------------------------------- */

extern unsigned int mmapdemo_queue_irq_gap_ns;

u32 mmapdemo_queues_limit(const struct mmapdemo_dev *mdev);
int mmapdemo_queues_init(struct mmapdemo_dev *mdev);
int mmapdemo_domain_get(struct mmapdemo_file *mf);
void mmapdemo_domain_put(struct mmapdemo_file *mf);
bool mmapdemo_epoch_is_over(struct mmapdemo_dev *mdev, u32 epoch);
void mmapdemo_queues_lost(struct mmapdemo_dev *mdev);
void mmapdemo_queues_wake(struct mmapdemo_dev *mdev);
void mmapdemo_queues_drop(struct mmapdemo_file *mf);
void mmapdemo_queue_irq(struct mmapdemo_dev *mdev, unsigned int index);
struct mmapdemo_queue *mmapdemo_queue_get(struct mmapdemo_file *mf, u32 handle);
void mmapdemo_queue_put(struct mmapdemo_queue *q);
bool mmapdemo_queue_is_stopped(struct mmapdemo_queue *q);

static inline struct mmapdemo_slot *mmapdemo_queue_slot(const struct mmapdemo_queue *q)
{
	return &q->mf->mdev->slots[q->index];
}

/* --- queue_submit.c: the rings of a queue that the driver keeps to itself -------------------- */

void mmapdemo_ring_put(struct mmapdemo_queue *q, const struct mmapdemo_hw_sqe *sqes, u32 n);
bool mmapdemo_ring_tell(struct mmapdemo_queue *q);
void mmapdemo_ring_doorbell(struct mmapdemo_queue *q);
bool mmapdemo_ring_look(struct mmapdemo_queue *q, u32 index, struct mmapdemo_hw_cqe *cqe);
bool mmapdemo_ring_arm(struct mmapdemo_queue *q, u32 index);
bool mmapdemo_ring_stopped(struct mmapdemo_queue *q);

static inline u32 mmapdemo_ring_room(const struct mmapdemo_queue *q)
{
	/* Pairs with collect_done(). */
	return (1U << q->log2n) - (q->tail - smp_load_acquire(&q->head));
}

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

/* --- uring.c --------------------------------------------------------------------------------- */

#define MMAPDEMO_HAVE_URING	IS_ENABLED(CONFIG_IO_URING)

int mmapdemo_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
void mmapdemo_uring_reap(struct mmapdemo_queue *q);
void mmapdemo_uring_fail(struct mmapdemo_queue *q, int err);
void mmapdemo_uring_watchdog(struct work_struct *work);

/* --- window.c ---------------------------------------------------------------------------- */

u32 mmapdemo_windows_limit(const struct mmapdemo_dev *mdev);
void mmapdemo_windows_drop(struct mmapdemo_file *mf);
void mmapdemo_lists_release(struct mmapdemo_dev *mdev);

/* --- irq.c, debugfs.c -------------------------------------------------------------------- */

int mmapdemo_irq_init(struct mmapdemo_dev *mdev);
u32 mmapdemo_irq_vector(struct mmapdemo_dev *mdev, unsigned int queue);
void mmapdemo_debugfs_init(void);
void mmapdemo_debugfs_exit(void);
void mmapdemo_debugfs_add(struct mmapdemo_dev *mdev);
void mmapdemo_debugfs_del(struct mmapdemo_dev *mdev);

#endif /* MMAPDEMO_PRIV_H */
