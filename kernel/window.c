// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows: the only memory that the queues of a file reach. Each is an entry of the device's table,
 * which the driver alone can write, and names part of a buffer by bus addresses that no process
 * learns: one range, or a list in pages that no process can map.
 *
 * Not for: how an entry ends together with all others, see mdev->epoch and queue.c.
 */
#include <linux/dma-mapping.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "mmapdemo_priv.h"
#include "trace.h"

static unsigned int max_windows = 256;
module_param(max_windows, uint, 0444);
MODULE_PARM_DESC(max_windows, "most windows of one open file (256)");

/* Whatever the page size of this machine: the contract's. */
#define LIST_PAGE_SIZE	(MMAPDEMO_WINDOW_LIST_ENTRIES * sizeof(__le64))
#define PAGE_SHIFT_MIN	MMAPDEMO_WINDOW_SHIFT_MIN

/* --- lists ----------------------------------------------------------------------------------- */

static void lists_free(struct mmapdemo_window *w)
{
	struct device *dev = &w->mf->mdev->pdev->dev;
	u32 i;

	for (i = 0; i < w->num_lists; i++) {
		if (w->lists[i].entries)
			dma_free_coherent(dev, LIST_PAGE_SIZE, w->lists[i].entries,
					  w->lists[i].bus);
	}
	kvfree(w->lists);
	w->lists = NULL;
	w->num_lists = 0;
}

static int lists_alloc(struct mmapdemo_window *w, u32 num)
{
	struct device *dev = &w->mf->mdev->pdev->dev;
	u32 i;

	w->lists = kvcalloc(num, sizeof(*w->lists), GFP_KERNEL_ACCOUNT);
	if (!w->lists)
		return -ENOMEM;
	w->num_lists = num;
	for (i = 0; i < num; i++) {
		/* Zeroed: an entry that is not filled in is not valid. */
		w->lists[i].entries = dma_alloc_coherent(dev, LIST_PAGE_SIZE, &w->lists[i].bus,
							 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!w->lists[i].entries) {
			lists_free(w);
			return -ENOMEM;
		}
	}
	return 0;
}

static void list_put(struct mmapdemo_window *w, u32 leaf, u32 i, dma_addr_t bus)
{
	w->lists[leaf].entries[i] = cpu_to_le64(bus | MMAPDEMO_WINDOW_ENTRY_VALID);
}

/* [start, end) of the buffer, in pages of 1 << w->shift, and nothing beside it. */
static void lists_fill(struct mmapdemo_window *w, u64 start, u64 end)
{
	u64 page = 1ULL << w->shift;
	u64 off, run, done;
	dma_addr_t bus;
	u32 n = 0;

	for (off = start; off < end; off += run) {
		run = mmapdemo_buf_run(w->buf, off, end - off, &bus);
		for (done = 0; done < run; done += page, n++)
			list_put(w, n / MMAPDEMO_WINDOW_LIST_ENTRIES,
				 n % MMAPDEMO_WINDOW_LIST_ENTRIES, bus + done);
	}
}

/*
 * The largest page that every run of the buffer is made of: what is contiguous on the bus is merged
 * as far as one size for all allows.
 */
static u32 lists_shift(const struct mmapdemo_window *w, u64 start, u64 end)
{
	u64 bits = 1ULL << min_t(u32, w->mf->mdev->window_shift_max, MMAPDEMO_WINDOW_SHIFT_MAX);
	u64 off, run;
	dma_addr_t bus;

	for (off = start; off < end; off += run) {
		run = mmapdemo_buf_run(w->buf, off, end - off, &bus);
		bits |= bus | run;
	}
	return __ffs64(bits);
}

static int place_in_lists(struct mmapdemo_window *w)
{
	u64 start = w->off & ~(LIST_PAGE_SIZE - 1);
	u64 end = ALIGN(w->off + w->len, 1ULL << PAGE_SHIFT_MIN);
	u64 pages, leaves;
	u32 i;
	int ret;

	w->shift = lists_shift(w, start, end);
	w->first = w->off - start;
	pages = (end - start) >> w->shift;
	leaves = DIV_ROUND_UP_ULL(pages, MMAPDEMO_WINDOW_LIST_ENTRIES);
	if (leaves > MMAPDEMO_WINDOW_LIST_ENTRIES)
		return -EOPNOTSUPP;
	w->kind = leaves == 1 ? MMAPDEMO_WKIND_LIST : MMAPDEMO_WKIND_LIST2;

	ret = lists_alloc(w, leaves == 1 ? 1 : leaves + 1);
	if (ret)
		return ret;
	lists_fill(w, start, end);
	if (w->kind == MMAPDEMO_WKIND_LIST2) {
		/* The list of lists is the last page. */
		for (i = 0; i < leaves; i++)
			list_put(w, leaves, i, w->lists[i].bus);
	}
	w->addr = w->lists[w->num_lists - 1].bus;
	return 0;
}

/* --- what goes into the entry ---------------------------------------------------------------- */

static int place(struct mmapdemo_window *w)
{
	struct mmapdemo_dev *mdev = w->mf->mdev;
	dma_addr_t bus;
	int ret;

	if (mmapdemo_buf_is_device_memory(w->buf)) {
		w->kind = MMAPDEMO_WKIND_MEM;
		w->addr = w->buf->phys - mdev->mem.phys + w->off;
		return 0;
	}
	ret = mmapdemo_buf_dma_map(w->buf);
	if (ret)
		return ret;
	ret = mmapdemo_buf_check_direct(w->buf, w->off, w->len);
	if (ret)
		return ret;
	if (mmapdemo_buf_run(w->buf, w->off, w->len, &bus) < w->len)
		return place_in_lists(w);
	w->kind = MMAPDEMO_WKIND_BUS;
	w->addr = bus;
	return 0;
}

static u32 cfg_of(const struct mmapdemo_window *w)
{
	return w->mf->domain | w->kind << MMAPDEMO_WCFG_KIND_SHIFT | MMAPDEMO_WCFG_VALID |
	       (w->flags & MMAPDEMO_WINDOW_READ ? MMAPDEMO_WCFG_READ : 0) |
	       (w->flags & MMAPDEMO_WINDOW_WRITE ? MMAPDEMO_WCFG_WRITE : 0);
}

/* --- to the device and back ------------------------------------------------------------------ */

/*
 * In one piece as far as resets are concerned: an entry of which half had been cleared would name
 * other memory.
 */
static int window_enable(struct mmapdemo_window *w)
{
	struct mmapdemo_dev *mdev = w->mf->mdev;
	u32 cfg = cfg_of(w);
	int ret;

	if (!(mdev->window_kinds & 1U << w->kind))
		return -EOPNOTSUPP;
	spin_lock_irq(&mdev->engine.lock);
	ret = mmapdemo_engine_ready(mdev);
	if (ret)
		goto unlock;
	w->epoch = mdev->epoch;
	mmapdemo_writeq(mdev, MMAPDEMO_WREG(w->index, ADDR), w->addr);
	mmapdemo_writeq(mdev, MMAPDEMO_WREG(w->index, LEN), w->len);
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w->index, FIRST), w->first);
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w->index, SHIFT), w->shift);
	/* writel() orders it behind the lists: pairs with the device's first look at them. */
	mmapdemo_writel(mdev, MMAPDEMO_WREG(w->index, CFG), cfg);
	w->enabled = true;
	if (mmapdemo_readl(mdev, MMAPDEMO_WREG(w->index, CFG)) != cfg)
		ret = -EIO;
unlock:
	spin_unlock_irq(&mdev->engine.lock);
	return ret;
}

/* Inside the gate. When it returns no byte moves through the window. */
static void window_stop(struct mmapdemo_window *w)
{
	struct mmapdemo_dev *mdev = w->mf->mdev;
	bool done;

	spin_lock_irq(&mdev->engine.lock);
	done = w->epoch != mdev->epoch || mdev->engine.stopped;
	if (!done) {
		mmapdemo_writel(mdev, MMAPDEMO_WREG(w->index, CFG), 0);
		/* The read waits for what is moving. Registers that are off read as 0 too. */
		done = !mmapdemo_readl(mdev, MMAPDEMO_WREG(w->index, CFG)) &&
		       mmapdemo_hw_answers(mdev);
	}
	spin_unlock_irq(&mdev->engine.lock);
	if (!done)
		mmapdemo_dev_recover(mdev, w->epoch, "a window");
}

/* See queue_stop_gated(). */
static void window_stop_gated(struct mmapdemo_window *w)
{
	struct mmapdemo_dev *mdev = w->mf->mdev;
	int idx;

	if (mmapdemo_dev_enter(mdev, &idx)) {
		mmapdemo_engine_stop(mdev);
		return;
	}
	window_stop(w);
	mmapdemo_dev_exit(mdev, idx);
}

u32 mmapdemo_windows_limit(const struct mmapdemo_dev *mdev)
{
	return min(max_windows, mdev->num_windows);
}

/* --- life ------------------------------------------------------------------------------------ */

static int window_reserve(struct mmapdemo_window *w)
{
	struct mmapdemo_file *mf = w->mf;
	struct mmapdemo_dev *mdev = mf->mdev;
	int ret;

	mutex_lock(&mdev->queue_lock);
	ret = mmapdemo_domain_get(mf);
	if (!ret && mf->num_windows >= mmapdemo_windows_limit(mdev))
		ret = -EDQUOT;
	/* In a circle: the number of one that was destroyed names nothing for a while. */
	if (!ret)
		ret = xa_alloc_cyclic(&mdev->windows, &w->index, NULL,
				      XA_LIMIT(0, mdev->num_windows - 1), &mdev->next_window,
				      GFP_KERNEL_ACCOUNT);
	if (ret >= 0) {
		mf->num_windows++;
		ret = 0;
	}
	mutex_unlock(&mdev->queue_lock);
	return ret;
}

/* The device makes no use of it, and nobody finds it. */
static void window_free(struct mmapdemo_window *w)
{
	struct mmapdemo_dev *mdev = w->mf->mdev;

	mutex_lock(&mdev->queue_lock);
	if (w->lists && !mdev->lists_freed)
		lists_free(w);
	xa_erase(&mdev->windows, w->index);
	w->mf->num_windows--;
	mutex_unlock(&mdev->queue_lock);
	mmapdemo_buf_put(w->buf);
	kfree(w);
}

/**
 * mmapdemo_lists_release() - release what windows of open files have of the DMA API
 * @mdev: being removed: the device is silent, no call is in the gate
 */
void mmapdemo_lists_release(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_window *w;
	unsigned long i;

	mutex_lock(&mdev->queue_lock);
	xa_for_each(&mdev->windows, i, w)
		lists_free(w);
	mdev->lists_freed = true;
	mutex_unlock(&mdev->queue_lock);
}

/* A buffer of this file or, for who has it alone, the whole of BAR2. */
static struct mmapdemo_buf *window_buf_get(struct mmapdemo_file *mf,
					   const struct mmapdemo_window_create *arg)
{
	struct mmapdemo_buf *buf = mmapdemo_buf_get_handle(mf, arg->handle);
	int ret = 0;

	if (IS_ERR(buf))
		return buf;
	if (!buf->owner && !mmapdemo_buf_is_device_memory(buf))
		ret = -EINVAL;
	if (!ret)
		ret = mmapdemo_who_check(&buf->object, mmapdemo_file_access(mf));
	if (!ret)
		ret = mmapdemo_window_check(arg, buf->object.len);
	if (!ret)
		ret = mmapdemo_device_check(&buf->object, arg->flags & MMAPDEMO_WINDOW_WRITE);
	if (ret) {
		mmapdemo_buf_put(buf);
		return ERR_PTR(ret);
	}
	return buf;
}

static struct mmapdemo_window *window_create(struct mmapdemo_file *mf, struct mmapdemo_buf *buf,
					     const struct mmapdemo_window_create *arg)
{
	struct mmapdemo_window *w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!w)
		return ERR_PTR(-ENOMEM);
	w->mf = mf;
	w->buf = buf;
	w->off = arg->off;
	w->len = arg->len;
	w->flags = arg->flags;
	ret = window_reserve(w);
	if (ret) {
		kfree(w);
		return ERR_PTR(ret);
	}
	return w;
}

int mmapdemo_ioctl_window_create(struct mmapdemo_file *mf, struct mmapdemo_window_create *arg)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_window *w;
	struct mmapdemo_buf *buf;
	int ret;

	if (!mdev->num_windows)
		return -EOPNOTSUPP;
	if (!mf->may_write)
		return -EACCES;
	buf = window_buf_get(mf, arg);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	w = window_create(mf, buf, arg);
	if (IS_ERR(w)) {
		mmapdemo_buf_put(buf);
		return PTR_ERR(w);
	}
	ret = place(w);
	/* Before the first byte can be written; closing the file wipes it. */
	if (!ret && !buf->owner && (w->flags & MMAPDEMO_WINDOW_WRITE))
		mmapdemo_mem_dirty(mf, w->off, w->len);
	if (!ret)
		ret = window_enable(w);
	if (ret) {
		if (w->enabled)
			window_stop(w);
		window_free(w);
		return ret;
	}
	arg->out_window = w->index;
	trace_mmapdemo_window_create(mdev, w);

	/* From here on another thread may destroy it, guessing its number. */
	mutex_lock(&mdev->queue_lock);
	list_add_tail(&w->node, &mf->windows);
	xa_store(&mdev->windows, w->index, w, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&mdev->queue_lock);
	return 0;
}

/* Take the number away, and keep its place: the window is the caller's. */
static struct mmapdemo_window *window_take(struct mmapdemo_file *mf, u32 index)
{
	struct mmapdemo_dev *mdev = mf->mdev;
	struct mmapdemo_window *w;

	mutex_lock(&mdev->queue_lock);
	w = xa_load(&mdev->windows, index);
	if (w && w->mf == mf) {
		list_del(&w->node);
		xa_cmpxchg(&mdev->windows, index, w, XA_ZERO_ENTRY, 0);
	} else {
		w = NULL;
	}
	mutex_unlock(&mdev->queue_lock);
	return w;
}

static int window_destroy(struct mmapdemo_file *mf, u32 index)
{
	struct mmapdemo_window *w = window_take(mf, index);

	if (!w)
		return -ENOENT;
	trace_mmapdemo_window_destroy(mf->mdev, w);
	window_stop(w);
	window_free(w);
	return 0;
}

int mmapdemo_ioctl_window_destroy(struct mmapdemo_file *mf, struct mmapdemo_window_destroy *arg)
{
	if (!mf->mdev->num_windows)
		return -EOPNOTSUPP;
	return window_destroy(mf, arg->window);
}

/* The caller never learnt of it. */
void mmapdemo_ioctl_window_create_undo(struct mmapdemo_file *mf,
				       struct mmapdemo_window_create *arg)
{
	window_destroy(mf, arg->out_window);
}

/* The file is closed, and its queues are stopped: no call is in it. */
void mmapdemo_windows_drop(struct mmapdemo_file *mf)
{
	struct mmapdemo_window *w, *next;

	list_for_each_entry_safe(w, next, &mf->windows, node) {
		trace_mmapdemo_window_destroy(mf->mdev, w);
		window_stop_gated(w);
		window_free(w);
	}
}
