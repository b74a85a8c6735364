/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Techniques, buffers and mappings, as the files of the driver know them. Part of mmapdemo_priv.h,
 * which says in what order locks are taken.
 */
#ifndef MMAPDEMO_BUF_H
#define MMAPDEMO_BUF_H

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
 * @fault: make the page at byte @off present, itself, before it returns; absent where @map fills. If
 *	mmapdemo_fault_has_mmap_lock() is false, it may return VM_FAULT_RETRY to have it
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
	pid_t pid;			/* of who made it, 0: nobody; debugfs */
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
	bool need_sync;			/* the DMA API wants dma_sync_*() of some of it ... */
	bool bounced;			/* ... which does something: bounce buffers, caches */
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
	struct mm_struct *mm;		/* NULL: a place in the list, see revoke.c */
	pid_t pid;
	unsigned long start;		/* as first mapped; debugfs */
	unsigned long len;
	u64 off;
	struct list_head node;		/* mdev->maps */
	u64 serial;			/* grows; mdev->map_lock */
	bool linked;			/* its VMA is, for certain; mdev->map_lock */
};

/* --- limits.c ---------------------------------------------------------------------------- */

extern unsigned int mmapdemo_max_bufs;
extern unsigned long mmapdemo_max_bytes;

void mmapdemo_limits_init(struct mmapdemo_dev *mdev);
void mmapdemo_limit_bufs(struct mmapdemo_dev *mdev, u32 max);
void mmapdemo_limit_bytes(struct mmapdemo_dev *mdev, u64 max);
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
const char *mmapdemo_technique_name(u32 id);
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
#ifdef HAVE_MMAP_PREPARE
int mmapdemo_mmap_prepare(struct vm_area_desc *desc);
#endif
unsigned long mmapdemo_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
					 unsigned long pgoff, unsigned long flags);
int mmapdemo_mmap_buf(struct mmapdemo_file *mf, struct mmapdemo_buf *buf,
		      struct vm_area_struct *vma, u64 off);

/* --- revoke.c ---------------------------------------------------------------------------- */

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

#endif /* MMAPDEMO_BUF_H */
