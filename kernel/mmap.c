// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mappings: who gets one, and what is counted.
 *
 * Every refusal of mmap(2) by the driver is in mmapdemo_map_check() (policy.c), or is the ENOENT or
 * ENODEV below.
 * Not for: how page-table entries are made, see map_<technique>.c; how they are taken away, see
 * revoke.c.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"
#include "trace.h"

/* --- one mapping ---------------------------------------------------------------------------- */

static void map_put(struct mmapdemo_map *map)
{
	struct mmapdemo_buf *buf = map->buf;

	atomic_dec(&buf->num_vmas);
	if (!refcount_dec_and_test(&map->ref))
		return;
	spin_lock(&buf->mdev->map_lock);
	list_del(&map->node);
	spin_unlock(&buf->mdev->map_lock);
	mmdrop(map->mm);
	mmapdemo_buf_put(buf);
	kfree(map);
}

static struct mmapdemo_map *map_create(struct mmapdemo_buf *buf, struct vm_area_struct *vma,
				       u64 off)
{
	struct mmapdemo_map *map = kzalloc(sizeof(*map), GFP_KERNEL_ACCOUNT);
	bool withdrawn;

	if (!map)
		return ERR_PTR(-ENOMEM);
	refcount_set(&map->ref, 1);
	map->buf = buf;
	map->mm = vma->vm_mm;
	mmgrab(map->mm);
	map->pid = task_tgid_nr(current);
	map->start = vma->vm_start;
	map->len = vma->vm_end - vma->vm_start;
	map->off = off;

	/* Before the first page-table entry: see mmapdemo_maps_revoke() and MEM_CACHE_SET. */
	atomic_inc(&buf->num_vmas);
	spin_lock(&buf->mdev->map_lock);
	map->serial = ++buf->mdev->map_serial;
	list_add_tail(&map->node, &buf->mdev->maps);
	withdrawn = buf->withdrawn;
	spin_unlock(&buf->mdev->map_lock);
	kref_get(&buf->ref);
	if (withdrawn) {
		map_put(map);
		return ERR_PTR(-ENOENT);
	}
	return map;
}

/* --- VMA operations ------------------------------------------------------------------------- */

/* A VMA more shows this mapping: by fork, by a split (munmap or mprotect of a part), by a move. */
static void vm_open(struct vm_area_struct *vma)
{
	struct mmapdemo_map *map = vma->vm_private_data;

	refcount_inc(&map->ref);
	atomic_inc(&map->buf->num_vmas);
}

/* Its page-table entries are gone already. The file stays open until we have returned. */
static void vm_close(struct vm_area_struct *vma)
{
	/* None: it could not be filled, see vm_mapped(). */
	if (vma->vm_private_data)
		map_put(vma->vm_private_data);
}

/*
 * Under the lock of the VMA alone where the kernel has such, see vm_fault_around(). Then a technique can
 * want mmap_lock: the core comes again with it.
 */
static vm_fault_t vm_fault(struct vm_fault *vmf)
{
	struct mmapdemo_map *map = vmf->vma->vm_private_data;
	struct mmapdemo_buf *buf = map->buf;
	u64 off = mmapdemo_offset_in_object((u64)vmf->pgoff << PAGE_SHIFT);
	vm_fault_t ret = VM_FAULT_SIGBUS;
	int idx;

	if (mmapdemo_dev_enter(buf->mdev, &idx))
		return VM_FAULT_SIGBUS;
	/* The mapping is inside the buffer: this is for the day when it is not. */
	if (!mmapdemo_range_check(off, PAGE_SIZE, buf->object.len))
		ret = buf->tech->fault(buf, vmf, off);
	mmapdemo_dev_exit(buf->mdev, idx);
	/* The last step: mapping, buffer and device can be gone at once. */
	if (ret == VM_FAULT_RETRY)
		mmapdemo_fault_unlock(vmf);
	return ret;
}

/*
 * That it is there says to the core that .fault does not rely on mmap_lock. Without it, each fault is
 * begun under the lock of the VMA, given up, and begun again under mmap_lock: 900 instructions more, and
 * threads that fault wait for one that maps something else. Nothing is mapped here: this is inside of
 * rcu_read_lock(), where neither the gate nor mem->lock can be waited for. .fault comes next.
 */
static vm_fault_t vm_fault_around(struct vm_fault *vmf, pgoff_t start, pgoff_t end)
{
	return 0;
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* The mapping may begin behind, or end before, what a huge entry would show. */
static vm_fault_t vm_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	struct vm_area_struct *vma = vmf->vma;
	struct mmapdemo_map *map = vma->vm_private_data;
	struct mmapdemo_buf *buf = map->buf;
	unsigned long addr = vmf->address & PMD_MASK;
	vm_fault_t ret;
	u64 off;
	int idx;

	if (order != PMD_SHIFT - PAGE_SHIFT || addr < vma->vm_start ||
	    vma->vm_end - addr < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	if (mmapdemo_dev_enter(buf->mdev, &idx))
		return VM_FAULT_SIGBUS;
	off = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);
	ret = buf->tech->huge_fault(buf, vmf, mmapdemo_offset_in_object(off));
	mmapdemo_dev_exit(buf->mdev, idx);
	return ret;
}
#endif

/* The core moves it back. */
static int vm_mremap_refuse(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/* No .fault: what is missing was revoked, and the core answers a touch with SIGBUS. */
#define VM_OPS_FILLED	.open = vm_open, .close = vm_close
#define VM_OPS_FIXED	.mremap = vm_mremap_refuse, VM_OPS_FILLED
#define VM_OPS_FAULT	.fault = vm_fault, .map_pages = vm_fault_around, VM_OPS_FILLED
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define VM_OPS_HUGE	.huge_fault = vm_huge_fault, VM_OPS_FAULT
#else
#define VM_OPS_HUGE	VM_OPS_FAULT
#endif

enum vm_kind { VM_KIND_FILLED, VM_KIND_FIXED, VM_KIND_FAULT, VM_KIND_HUGE, NUM_VM_KINDS };

/* For .mmap. */
static const struct vm_operations_struct vm_ops_mmap[NUM_VM_KINDS] = {
	[VM_KIND_FILLED] = { VM_OPS_FILLED },
	[VM_KIND_FIXED] = { VM_OPS_FIXED },
	[VM_KIND_FAULT] = { VM_OPS_FAULT },
	[VM_KIND_HUGE] = { VM_OPS_HUGE },
};

#ifdef HAVE_MMAP_PREPARE
static int vm_mapped(unsigned long start, unsigned long end, pgoff_t pgoff,
		     const struct file *file, void **vm_private_data);

/* The same with .mapped, which the core wants to see nowhere but behind .mmap_prepare. */
static const struct vm_operations_struct vm_ops_prepared[NUM_VM_KINDS] = {
	[VM_KIND_FILLED] = { .mapped = vm_mapped, VM_OPS_FILLED },
	[VM_KIND_FIXED] = { .mapped = vm_mapped, VM_OPS_FIXED },
	[VM_KIND_FAULT] = { .mapped = vm_mapped, VM_OPS_FAULT },
	[VM_KIND_HUGE] = { .mapped = vm_mapped, VM_OPS_HUGE },
};
#endif

static bool is_ours(const struct vm_area_struct *vma)
{
	unsigned int i;

	for (i = 0; i < NUM_VM_KINDS; i++) {
		if (vma->vm_ops == &vm_ops_mmap[i])
			return true;
#ifdef HAVE_MMAP_PREPARE
		if (vma->vm_ops == &vm_ops_prepared[i])
			return true;
#endif
	}
	return false;
}

/* --- mmap(2) -------------------------------------------------------------------------------- */

/*
 * The core decides with READ_IMPLIES_EXEC (personality(2)) that a readable mapping is to be
 * executable too: VM_EXEC says so here, whether the process asked for it or not, and is refused.
 */
static u32 access_of(vm_flags_t flags)
{
	return (flags & VM_READ ? MMAPDEMO_ACC_READ : 0) |
	       (flags & VM_WRITE ? MMAPDEMO_ACC_WRITE : 0) |
	       (flags & VM_EXEC ? MMAPDEMO_ACC_EXEC : 0) |
	       (flags & VM_SHARED ? MMAPDEMO_ACC_SHARED : 0);
}

/* VM_MAY* decide what mprotect() can do later: without them it would undo the refusal. */
static vm_flags_t flags_refused(const struct mmapdemo_verdict *verdict)
{
	return VM_MAYEXEC | (verdict->may_write ? 0 : VM_MAYWRITE);
}

static vm_flags_t flags_added(const struct mmapdemo_verdict *verdict)
{
	return VM_DONTEXPAND | VM_DONTDUMP | (verdict->inherit ? 0 : VM_DONTCOPY) |
	       (verdict->may_pin ? 0 : VM_IO);
}

static enum vm_kind kind_of(const struct mmapdemo_technique *tech,
			    const struct mmapdemo_verdict *verdict)
{
	if (!verdict->may_move)
		return VM_KIND_FIXED;
	if (tech->huge_fault)
		return VM_KIND_HUGE;
	return tech->fault ? VM_KIND_FAULT : VM_KIND_FILLED;
}

static int map_check(struct mmapdemo_file *mf, struct mmapdemo_buf *buf, u64 off, u64 len,
		     vm_flags_t flags, struct mmapdemo_verdict *verdict)
{
	const struct mmapdemo_request req = {
		.off = off,
		.len = len,
		.access = access_of(flags) | mmapdemo_file_access(mf),
	};

	return mmapdemo_map_check(&buf->object, &req, verdict);
}

/* On the list of mappings first, then the entries; all inside the gate. */
static int map_fill(struct mmapdemo_file *mf, struct mmapdemo_buf *buf, struct vm_area_struct *vma,
		    u64 off, const struct mmapdemo_verdict *verdict)
{
	struct mmapdemo_map *map;
	int ret;

	map = map_create(buf, vma, off);
	if (IS_ERR(map))
		return PTR_ERR(map);

	ret = buf->tech->map(buf, vma, off);
	if (ret) {
		/* The core removes what entries were made; .close knows of no mapping. */
		map_put(map);
		return ret;
	}
	if (verdict->may_write && (buf->object.attrs & MMAPDEMO_OBJ_EXCLUSIVE))
		mmapdemo_mem_dirty(mf, off, vma->vm_end - vma->vm_start);
	vma->vm_private_data = map;
	trace_mmapdemo_map(buf, vma, off);
	return 0;
}

static int map_object(struct mmapdemo_file *mf, struct mmapdemo_buf *buf,
		      struct vm_area_struct *vma, u64 off)
{
	struct mmapdemo_verdict verdict;
	int ret;

	ret = map_check(mf, buf, off, vma->vm_end - vma->vm_start, vma->vm_flags, &verdict);
	if (ret)
		return ret;
	vm_flags_clear(vma, flags_refused(&verdict));
	vm_flags_set(vma, flags_added(&verdict));
	ret = map_fill(mf, buf, vma, off, &verdict);
	if (!ret)
		vma->vm_ops = &vm_ops_mmap[kind_of(buf->tech, &verdict)];
	return ret;
}

/* What a page offset names: with a reference, and @off into it; or an ERR_PTR. */
static struct mmapdemo_buf *buf_of_pgoff(struct mmapdemo_file *mf, pgoff_t pgoff, u64 *off)
{
	u64 offset = (u64)pgoff << PAGE_SHIFT;

	/* One near 2^52 has bits that the shift would lose; it names nothing. */
	if (offset >> PAGE_SHIFT != pgoff)
		return ERR_PTR(-ENOENT);
	*off = mmapdemo_offset_in_object(offset);
	return mmapdemo_buf_get(mf, mmapdemo_offset_to_id(offset));
}

/**
 * mmapdemo_mmap_buf() - map a buffer that the caller holds
 * @mf: its owner, or an open file of the device for a region
 * @buf: need not have a handle any more
 * @vma: of that file, at the offset of @buf
 * @off: the byte of @buf at its start
 */
int mmapdemo_mmap_buf(struct mmapdemo_file *mf, struct mmapdemo_buf *buf,
		      struct vm_area_struct *vma, u64 off)
{
	int idx, ret;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	ret = map_object(mf, buf, vma, off);
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

int mmapdemo_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct mmapdemo_file *mf = file->private_data;
	struct mmapdemo_buf *buf;
	int idx, ret;
	u64 off;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	buf = buf_of_pgoff(mf, vma->vm_pgoff, &off);
	if (IS_ERR(buf)) {
		ret = PTR_ERR(buf);
		goto exit;
	}
	ret = map_object(mf, buf, vma, off);
	mmapdemo_buf_put(buf);
exit:
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

/* --- where ---------------------------------------------------------------------------------- */

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
static bool wants_huge(struct mmapdemo_file *mf, unsigned long pgoff)
{
	struct mmapdemo_buf *buf;
	bool huge;

	buf = mmapdemo_buf_get(mf, mmapdemo_offset_to_id((u64)pgoff << PAGE_SHIFT));
	if (IS_ERR(buf))
		return false;
	huge = !!buf->tech->huge_fault;
	mmapdemo_buf_put(buf);
	return huge;
}
#else
static bool wants_huge(struct mmapdemo_file *mf, unsigned long pgoff)
{
	return false;
}
#endif

/*
 * A huge entry needs an address that is as far from a multiple of 2 MiB as the bytes are in BAR2;
 * there, and in offsets, each such buffer begins at a multiple. Whoever names the address has it.
 * mremap(2) asks too, for a place to move to. Refusals are left to mmapdemo_mmap().
 */
unsigned long mmapdemo_get_unmapped_area(struct file *file, unsigned long addr, unsigned long len,
					 unsigned long pgoff, unsigned long flags)
{
	if (!(flags & MAP_FIXED) && wants_huge(file->private_data, pgoff))
		return thp_get_unmapped_area(file, addr, len, pgoff, flags);
	return mm_get_unmapped_area(file, addr, len, pgoff, flags);
}

/* --- mmap(2) on the second node --------------------------------------------------------------- */

#ifdef HAVE_MMAP_PREPARE
/* NULL: dma_mmap_coherent() has no form for a descriptor, and is not made to be called later. */
static const struct vm_operations_struct *prepared_ops(const struct mmapdemo_technique *tech,
						       const struct mmapdemo_verdict *verdict)
{
	return tech->id == MMAPDEMO_TECH_COHERENT ? NULL : &vm_ops_prepared[kind_of(tech, verdict)];
}

/* Other operations call a handler that a technique may not have, other flags permit too much. */
static bool is_prepared_for(const struct vm_area_struct *vma, const struct mmapdemo_technique *tech,
			    const struct mmapdemo_verdict *verdict)
{
	return vma->vm_ops == prepared_ops(tech, verdict) &&
	       !(vma->vm_flags & flags_refused(verdict)) &&
	       !(~vma->vm_flags & flags_added(verdict));
}

/*
 * .mmap_prepare says what a mapping would be, and must leave nothing behind: between it and .mapped
 * the core may fail, and tells nobody. So everything that counts or holds something is here, where
 * the VMA is linked and mmap_lock still held for writing.
 *
 * The entries, too, and not by mmap_action_ioremap() and the like, which has the core make them
 * between the two: a device that is removed at that moment would find no mapping to wait for, and the
 * process would be left with entries of it. The core fails the call and removes the VMA if we do.
 */
static int vm_mapped(unsigned long start, unsigned long end, pgoff_t pgoff,
		     const struct file *file, void **vm_private_data)
{
	struct mmapdemo_file *mf = file->private_data;
	struct vm_area_struct *vma = vma_lookup(current->mm, start);
	struct mmapdemo_verdict verdict;
	struct mmapdemo_buf *buf;
	int idx, ret;
	u64 off;

	mmap_assert_write_locked(current->mm);

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	/* It may have been freed since, or been replaced by something else: the same questions again. */
	buf = buf_of_pgoff(mf, pgoff, &off);
	if (IS_ERR(buf)) {
		ret = PTR_ERR(buf);
		goto exit;
	}
	ret = map_check(mf, buf, off, end - start, vma->vm_flags, &verdict);
	if (!ret && !is_prepared_for(vma, buf->tech, &verdict))
		ret = -ENOENT;
	if (!ret)
		ret = map_fill(mf, buf, vma, off, &verdict);
	if (!ret)
		*vm_private_data = vma->vm_private_data;
	mmapdemo_buf_put(buf);
exit:
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

int mmapdemo_mmap_prepare(struct vm_area_desc *desc)
{
	struct mmapdemo_file *mf = desc->file->private_data;
	const struct vm_operations_struct *ops = NULL;
	struct mmapdemo_verdict verdict;
	struct mmapdemo_buf *buf;
	int idx, ret;
	u64 off;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	buf = buf_of_pgoff(mf, desc->pgoff, &off);
	if (IS_ERR(buf)) {
		ret = PTR_ERR(buf);
		goto exit;
	}
	ret = map_check(mf, buf, off, vma_desc_size(desc), vma_flags_to_legacy(desc->vma_flags),
			&verdict);
	if (!ret) {
		ops = prepared_ops(buf->tech, &verdict);
		ret = ops ? 0 : -EOPNOTSUPP;
	}
	if (!ret) {
		vma_desc_clear_flags_mask(desc, legacy_to_vma_flags(flags_refused(&verdict)));
		/* With VM_DONTEXPAND: never merged with a neighbour, so .mapped is called each time. */
		vma_desc_set_flags_mask(desc, legacy_to_vma_flags(flags_added(&verdict)));
		desc->vm_ops = ops;
		/* Nothing yet for .close to give back. */
		desc->private_data = NULL;
	}
	mmapdemo_buf_put(buf);
exit:
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}
#endif

/* --- MAP_INFO ------------------------------------------------------------------------------- */

/* Outside the gate: it may have to wait for mmap_lock, and so for a page fault of the process. */
int mmapdemo_ioctl_map_info(struct mmapdemo_file *mf, struct mmapdemo_map_info *arg)
{
	unsigned long addr = arg->addr;
	struct vm_area_struct *vma;
	struct mmapdemo_map *map;
	u32 cache = MMAPDEMO_CACHE_DEFAULT, shift = 0;
	int ret;

	if (addr != arg->addr)
		return -ENOENT;
	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	vma = vma_lookup(current->mm, addr);
	map = vma && is_ours(vma) ? vma->vm_private_data : NULL;
	if (!map || map->buf->mdev != mf->mdev) {
		ret = -ENOENT;
		goto unlock;
	}
	ret = mmapdemo_memtype_of(vma, addr, &cache, &shift);
	if (ret && ret != -ENOENT)
		goto unlock;
	arg->out_start = vma->vm_start;
	arg->out_end = vma->vm_end;
	arg->out_offset = (u64)vma->vm_pgoff << PAGE_SHIFT;
	arg->out_technique = map->buf->tech->id;
	arg->out_present = !ret;
	arg->out_entry_shift = shift;
	arg->out_cache = cache;
	ret = 0;
unlock:
	mmap_read_unlock(current->mm);
	return ret;
}
