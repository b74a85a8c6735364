// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver knows of itself, for people: /sys/kernel/debug/mmapdemo/<device>/
 *
 * Not an interface: names and formats change. No bus address, no kernel pointer.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "mmapdemo_priv.h"

static struct dentry *root;

/* What any process may read, from the device itself. */
static int registers_print(struct mmapdemo_dev *mdev, struct seq_file *m)
{
	const struct mmapdemo_reg *r;
	u64 val;
	int ret;

	for (r = mmapdemo_regs; r < mmapdemo_regs + mmapdemo_num_regs; r++) {
		if (r->raw || !r->readable)
			continue;
		ret = mmapdemo_reg_get(mdev, r->offset, r->width, &val);
		if (ret)
			return ret;
		seq_printf(m, "%05x %-20s %#llx\n", r->offset, r->name, val);
	}
	return 0;
}

static int registers_show(struct seq_file *m, void *unused)
{
	struct mmapdemo_dev *mdev = m->private;
	int idx, ret;

	ret = mmapdemo_dev_enter(mdev, &idx);
	if (ret)
		return ret;
	ret = registers_print(mdev, m);
	mmapdemo_dev_exit(mdev, idx);
	return ret;
}
DEFINE_SHOW_ATTRIBUTE(registers);

/* Pages of the process that made it, held in place. */
static u64 pinned(const struct mmapdemo_buf *buf)
{
	return buf->tech == &mmapdemo_tech_userptr ? buf->object.len >> PAGE_SHIFT : 0;
}

/* How the device gets there. */
static const char *bus(const struct mmapdemo_buf *buf)
{
	/* Pairs with the release in mmapdemo_buf_dma_map(). */
	if (!mmapdemo_buf_is_ram(buf) || !smp_load_acquire(&buf->dma_ready))
		return "-";
	return buf->bounced ? "bounced" : "direct";
}

static int buffers_show(struct seq_file *m, void *unused)
{
	struct mmapdemo_dev *mdev = m->private;
	struct mmapdemo_buf *buf;

	seq_puts(m, "pid handle technique len refs vmas transfers pinned device bus\n");
	spin_lock(&mdev->buf_lock);
	list_for_each_entry(buf, &mdev->bufs, node)
		seq_printf(m, "%d %u %s %#llx %u %d %d %llu %s %s\n", buf->pid,
			   mmapdemo_id_to_handle(buf->id), buf->tech->name, buf->object.len,
			   kref_read(&buf->ref), atomic_read(&buf->num_vmas),
			   atomic_read(&buf->num_xfers), pinned(buf),
			   buf->object.attrs & MMAPDEMO_OBJ_DEV_READS ? "r" : "rw", bus(buf));
	spin_unlock(&mdev->buf_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(buffers);

static int mappings_show(struct seq_file *m, void *unused)
{
	struct mmapdemo_dev *mdev = m->private;
	struct mmapdemo_map *map;

	seq_puts(m, "pid handle off len vmas\n");
	spin_lock(&mdev->map_lock);
	list_for_each_entry(map, &mdev->maps, node) {
		/* The place of a pass, see revoke.c. */
		if (!map->mm)
			continue;
		seq_printf(m, "%d %u %#llx %#lx %u\n", map->pid,
			   mmapdemo_id_to_handle(map->buf->id), map->off, map->len,
			   refcount_read(&map->ref));
	}
	spin_unlock(&mdev->map_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mappings);

static int counters_show(struct seq_file *m, void *unused)
{
	struct mmapdemo_dev *mdev = m->private;
	struct mmapdemo_engine *engine = &mdev->engine;

	seq_printf(m, "transfers %llu\n", READ_ONCE(engine->last_seq));
	seq_printf(m, "dma_interrupts %lld\n", atomic64_read(&engine->num_irqs));
	seq_printf(m, "dma_timeouts %lld\n", atomic64_read(&engine->num_timeouts));
	seq_printf(m, "sw_interrupts %lld\n", atomic64_read(&mdev->num_sw_irqs));
	seq_printf(m, "recoveries %lld\n", atomic64_read(&mdev->num_recoveries));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(counters);

static int queues_show(struct seq_file *m, void *unused)
{
	struct mmapdemo_dev *mdev = m->private;
	struct mmapdemo_file *mf;
	struct mmapdemo_queue *q;

	seq_puts(m, "pid queue index domain log2n irq_gap_ns irqs over\n");
	mutex_lock(&mdev->open_lock);
	mutex_lock(&mdev->queue_lock);
	list_for_each_entry(mf, &mdev->files, node) {
		list_for_each_entry(q, &mf->queues, node)
			seq_printf(m, "%d %u %u %u %u %u %lld %d\n", q->pid, q->handle, q->index,
				   mf->domain, q->log2n, q->irq_gap_ns,
				   atomic64_read(&q->num_irqs),
				   mmapdemo_epoch_is_over(mdev, q->epoch));
	}
	mutex_unlock(&mdev->queue_lock);
	mutex_unlock(&mdev->open_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

static int windows_show(struct seq_file *m, void *unused)
{
	static const char *const kinds[] = {
		[MMAPDEMO_WKIND_BUS] = "bus",
		[MMAPDEMO_WKIND_LIST] = "list",
		[MMAPDEMO_WKIND_LIST2] = "list2",
		[MMAPDEMO_WKIND_MEM] = "mem",
	};
	struct mmapdemo_dev *mdev = m->private;
	struct mmapdemo_window *w;
	unsigned long i;

	seq_puts(m, "window domain handle off len access kind shift lists over\n");
	mutex_lock(&mdev->queue_lock);
	xa_for_each(&mdev->windows, i, w)
		seq_printf(m, "%u %u %u %#llx %#llx %s%s %s %u %u %d\n", w->index, w->mf->domain,
			   mmapdemo_id_to_handle(w->buf->id), w->off, w->len,
			   w->flags & MMAPDEMO_WINDOW_READ ? "r" : "-",
			   w->flags & MMAPDEMO_WINDOW_WRITE ? "w" : "-", kinds[w->kind], w->shift,
			   w->num_lists, mmapdemo_epoch_is_over(mdev, w->epoch));
	mutex_unlock(&mdev->queue_lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(windows);

/*
 * Written to, the device is reset by the driver itself, in the way in which it ends what does not
 * stop when told to: so that this can be tried out with a device that obeys.
 */
static int reset_set(void *data, u64 unused)
{
	struct mmapdemo_dev *mdev = data;
	int idx, ret;
	u32 epoch;

	ret = mmapdemo_dev_enter(mdev, &idx);
	if (ret)
		return ret;
	spin_lock_irq(&mdev->engine.lock);
	epoch = mdev->epoch;
	spin_unlock_irq(&mdev->engine.lock);
	ret = mmapdemo_dev_reset(mdev, epoch);
	mmapdemo_dev_exit(mdev, idx);
	return ret;
}
DEFINE_DEBUGFS_ATTRIBUTE(reset_fops, NULL, reset_set, "%llu\n");

void mmapdemo_debugfs_add(struct mmapdemo_dev *mdev)
{
	mdev->debugfs = debugfs_create_dir(dev_name(&mdev->dev), root);
	debugfs_create_file("registers", 0400, mdev->debugfs, mdev, &registers_fops);
	debugfs_create_file("buffers", 0400, mdev->debugfs, mdev, &buffers_fops);
	debugfs_create_file("mappings", 0400, mdev->debugfs, mdev, &mappings_fops);
	debugfs_create_file("queues", 0400, mdev->debugfs, mdev, &queues_fops);
	debugfs_create_file("windows", 0400, mdev->debugfs, mdev, &windows_fops);
	debugfs_create_file("counters", 0400, mdev->debugfs, mdev, &counters_fops);
	debugfs_create_file("reset", 0200, mdev->debugfs, mdev, &reset_fops);
}

/* Waits for who is reading or writing one of them: with the gate closed, nobody stays long. */
void mmapdemo_debugfs_del(struct mmapdemo_dev *mdev)
{
	debugfs_remove(mdev->debugfs);
}

void mmapdemo_debugfs_init(void)
{
	root = debugfs_create_dir("mmapdemo", NULL);
}

void mmapdemo_debugfs_exit(void)
{
	debugfs_remove(root);
}
