// SPDX-License-Identifier: GPL-2.0-only
/*
 * BUF_EXPORT: a buffer as a dma-buf, a descriptor that other drivers and processes can use.
 *
 * The dma-buf holds the buffer, the open file that owns it (every holder of a buffer does), and,
 * where other devices can reach it, each page: what an importer has handed to its device stays where
 * it is even if this device is gone. Mappings stand among those of the node: found and taken away
 * like all others.
 *
 * Other devices reach pages of the page allocator. Device memory is for mmap(2) alone: an importer
 * cannot be made to let go of it at the moment the device goes. So is coherent memory, of which the
 * DMA API tells nobody what it is made of.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pfn.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "mmapdemo_priv.h"

#if MMAPDEMO_HAVE_DMABUF

struct export {
	struct file *file;		/* of the node, with a reference */
	struct mmapdemo_buf *buf;	/* likewise */
	struct page **pages;		/* each with a reference; NULL: not for other devices */
	unsigned int num_pages;
	struct mutex lock;		/* attachments, and whether they are mapped */
	struct list_head attachments;
};

struct attachment {
	struct list_head node;
	struct device *dev;
	struct sg_table sgt;
	bool mapped;
	enum dma_data_direction dir;	/* as it is mapped */
};

/* --- pages ------------------------------------------------------------------------------------- */

/* Has it pages that stay as long as somebody holds them, and are write-back for everybody? */
static bool has_pages(const struct mmapdemo_buf *buf)
{
	return (buf->tech->id == MMAPDEMO_TECH_PAGES || buf->tech->id == MMAPDEMO_TECH_VMALLOC ||
		buf->tech->id == MMAPDEMO_TECH_NONCONTIG) && buf->cache == MMAPDEMO_CACHE_WB;
}

static int pages_get(struct export *e)
{
	struct mmapdemo_buf *buf = e->buf;
	unsigned int i;

	if (!has_pages(buf))
		return 0;
	e->num_pages = buf->object.len >> PAGE_SHIFT;
	e->pages = kvmalloc_array(e->num_pages, sizeof(*e->pages), GFP_KERNEL_ACCOUNT);
	if (!e->pages)
		return -ENOMEM;
	for (i = 0; i < e->num_pages; i++) {
		e->pages[i] = pfn_to_page(PHYS_PFN(buf->tech->phys(buf, (u64)i << PAGE_SHIFT)));
		get_page(e->pages[i]);
	}
	return 0;
}

static void pages_put(struct export *e)
{
	unsigned int i;

	for (i = 0; e->pages && i < e->num_pages; i++)
		put_page(e->pages[i]);
	kvfree(e->pages);
}

/* --- other devices ----------------------------------------------------------------------------- */

static int export_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct export *e = dmabuf->priv;
	struct attachment *a;
	int ret;

	if (mmapdemo_dev_gone(e->buf->mdev))
		return -ENODEV;
	if (!e->pages)
		return -EOPNOTSUPP;
	a = kzalloc(sizeof(*a), GFP_KERNEL);
	if (!a)
		return -ENOMEM;
	a->dev = attach->dev;
	ret = sg_alloc_table_from_pages_segment(&a->sgt, e->pages, e->num_pages, 0,
						e->buf->object.len,
						dma_get_max_seg_size(attach->dev) & PAGE_MASK,
						GFP_KERNEL);
	if (ret) {
		kfree(a);
		return ret;
	}
	attach->priv = a;
	mutex_lock(&e->lock);
	list_add_tail(&a->node, &e->attachments);
	mutex_unlock(&e->lock);
	return 0;
}

static void export_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct export *e = dmabuf->priv;
	struct attachment *a = attach->priv;

	mutex_lock(&e->lock);
	list_del(&a->node);
	mutex_unlock(&e->lock);
	sg_free_table(&a->sgt);
	kfree(a);
}

static struct sg_table *export_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct export *e = attach->dmabuf->priv;
	struct attachment *a = attach->priv;
	int ret;

	if (mmapdemo_dev_gone(e->buf->mdev))
		return ERR_PTR(-ENODEV);
	/* The core asks for it once at a time per attachment. */
	ret = dma_map_sgtable(a->dev, &a->sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret)
		return ERR_PTR(ret);
	mutex_lock(&e->lock);
	/* By itself: the same pages may be mapped for others, see MMAPDEMO_MAP_ATTRS. */
	dma_sync_sgtable_for_device(a->dev, &a->sgt, dir);
	a->mapped = true;
	a->dir = dir;
	mutex_unlock(&e->lock);
	return &a->sgt;
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			 enum dma_data_direction dir)
{
	struct export *e = attach->dmabuf->priv;
	struct attachment *a = attach->priv;

	mutex_lock(&e->lock);
	a->mapped = false;
	dma_sync_sgtable_for_cpu(a->dev, sgt, dir);
	mutex_unlock(&e->lock);
	dma_unmap_sgtable(a->dev, sgt, dir, DMA_ATTR_SKIP_CPU_SYNC);
}

/* --- the CPU ------------------------------------------------------------------------------------ */

/*
 * In the direction in which each is mapped, not that in which the CPU is going to use it: that is
 * what the DMA API knows, and bounce buffers are copied the way they were made for.
 *
 * Our own device needs none of it: DMA_SUBMIT does it, windows are over memory that needs none.
 */
static int export_begin_cpu(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct export *e = dmabuf->priv;
	struct attachment *a;

	mutex_lock(&e->lock);
	list_for_each_entry(a, &e->attachments, node) {
		if (a->mapped)
			dma_sync_sgtable_for_cpu(a->dev, &a->sgt, a->dir);
	}
	mutex_unlock(&e->lock);
	return 0;
}

static int export_end_cpu(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	struct export *e = dmabuf->priv;
	struct attachment *a;

	mutex_lock(&e->lock);
	list_for_each_entry(a, &e->attachments, node) {
		if (a->mapped)
			dma_sync_sgtable_for_device(a->dev, &a->sgt, a->dir);
	}
	mutex_unlock(&e->lock);
	return 0;
}

/*
 * At the buffer's offset, where revocation looks: the dma-buf is linked to the address space that it
 * looks through, see export_create(). The core has checked the range, and access to the dma-buf.
 *
 * It stays a mapping of the dma-buf, and does not become one of the node: remap_file_pages(2) asks
 * the file of a mapping for any other place of it, and who was given one buffer must not get them all.
 */
static int export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct export *e = dmabuf->priv;
	u64 off = (u64)vma->vm_pgoff << PAGE_SHIFT;

	vma->vm_pgoff += mmapdemo_id_to_offset(e->buf->id) >> PAGE_SHIFT;
	return mmapdemo_mmap_buf(e->file->private_data, e->buf, vma, off);
}

static int export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *e = dmabuf->priv;
	void *vaddr;

	if (!e->pages)
		return -EOPNOTSUPP;
	vaddr = vmap(e->pages, e->num_pages, VM_MAP, PAGE_KERNEL);
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static void export_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

/* --- life -------------------------------------------------------------------------------------- */

static void export_free(struct export *e)
{
	pages_put(e);
	mmapdemo_buf_put(e->buf);
	/* Last: the file may be released by it, and it owns the buffer. */
	fput(e->file);
	kfree(e);
}

static void export_release(struct dma_buf *dmabuf)
{
	export_free(dmabuf->priv);
}

static const struct dma_buf_ops export_ops = {
	.attach = export_attach,
	.detach = export_detach,
	.map_dma_buf = export_map,
	.unmap_dma_buf = export_unmap,
	.begin_cpu_access = export_begin_cpu,
	.end_cpu_access = export_end_cpu,
	.mmap = export_mmap,
	.vmap = export_vmap,
	.vunmap = export_vunmap,
	.release = export_release,
};

/* Memory of the caller's, or for who has it alone the whole of BAR2. */
static int export_check(struct mmapdemo_file *mf, const struct mmapdemo_buf *buf)
{
	if (buf->tech->where == MMAPDEMO_IN_REGS || buf->tech->id == MMAPDEMO_TECH_USERPTR ||
	    (!buf->owner && !mmapdemo_buf_is_device_memory(buf)))
		return -EOPNOTSUPP;
	return mmapdemo_who_check(&buf->object, mmapdemo_file_access(mf));
}

/* Takes over the reference to @buf. */
static struct dma_buf *export_create(struct mmapdemo_file *mf, struct mmapdemo_buf *buf)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct export *e;
	int ret;

	e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);
	if (!e) {
		mmapdemo_buf_put(buf);
		return ERR_PTR(-ENOMEM);
	}
	mutex_init(&e->lock);
	INIT_LIST_HEAD(&e->attachments);
	e->buf = buf;
	e->file = get_file(mf->file);
	ret = pages_get(e);
	if (ret)
		goto free;
	info.ops = &export_ops;
	info.size = buf->object.len;
	/* No more than this file may; mappings are checked again. */
	info.flags = mf->may_write && !(buf->object.attrs & MMAPDEMO_OBJ_READ_ONLY) ? O_RDWR :
										      O_RDONLY;
	info.priv = e;
	dmabuf = dma_buf_export(&info);
	if (!IS_ERR(dmabuf)) {
		dmabuf->file->f_mapping = mf->mdev->inode->i_mapping;
		return dmabuf;
	}
	ret = PTR_ERR(dmabuf);
free:
	export_free(e);
	return ERR_PTR(ret);
}

static int export_gated(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get_handle(mf, call->arg.handle);
	int ret;

	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = export_check(mf, buf);
	if (ret) {
		mmapdemo_buf_put(buf);
		return ret;
	}
	call->dmabuf = export_create(mf, buf);
	return PTR_ERR_OR_ZERO(call->dmabuf);
}

/* The number is nobody's until commit: until the caller knows it. */
int mmapdemo_ioctl_buf_export(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call)
{
	int idx, ret;

	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	ret = export_gated(mf, call);
	mmapdemo_dev_exit(mf->mdev, idx);
	if (ret)
		return ret;
	call->arg.out_fd = get_unused_fd_flags(O_CLOEXEC);
	if (call->arg.out_fd < 0) {
		dma_buf_put(call->dmabuf);
		return call->arg.out_fd;
	}
	return 0;
}

void mmapdemo_ioctl_buf_export_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call)
{
	put_unused_fd(call->arg.out_fd);
	dma_buf_put(call->dmabuf);
}

void mmapdemo_ioctl_buf_export_commit(struct mmapdemo_file *mf,
				      struct mmapdemo_buf_export_call *call)
{
	fd_install(call->arg.out_fd, call->dmabuf->file);
}

MODULE_IMPORT_NS(MMAPDEMO_NS_DMA_BUF);

#else

int mmapdemo_ioctl_buf_export(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call)
{
	return -EOPNOTSUPP;
}

void mmapdemo_ioctl_buf_export_undo(struct mmapdemo_file *mf, struct mmapdemo_buf_export_call *call)
{
}

void mmapdemo_ioctl_buf_export_commit(struct mmapdemo_file *mf,
				      struct mmapdemo_buf_export_call *call)
{
}

#endif
