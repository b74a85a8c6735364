// SPDX-License-Identifier: GPL-2.0-only
/*
 * How mappings are taken away from processes that still have them: at removal, at a reset, and when a
 * queue ends under who has mapped its ring.
 *
 * Not for: how they come to be, see mmap.c.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "mmapdemo_priv.h"
#include "trace.h"

/* A pass over the mappings there are: what is in front of @place has been seen. */
struct linking_pass {
	struct mmapdemo_dev *mdev;
	const struct mmapdemo_buf *buf;	/* NULL: mappings of any */
	u64 last;			/* the newest that counts */
	struct mm_struct *mm;		/* whose lock we have had meanwhile; with a reference */
	struct mmapdemo_map place;	/* a mapping of nobody: it has no mm */
};

static void pass_begin(struct linking_pass *pass)
{
	spin_lock(&pass->mdev->map_lock);
	pass->last = pass->mdev->map_serial;
	list_add(&pass->place.node, &pass->mdev->maps);
	spin_unlock(&pass->mdev->map_lock);
}

static void pass_end(struct linking_pass *pass)
{
	spin_lock(&pass->mdev->map_lock);
	list_del(&pass->place.node);
	spin_unlock(&pass->mdev->map_lock);
	if (pass->mm)
		mmdrop(pass->mm);
}

/*
 * Past the next mapping; or, if its VMA may not be linked yet, the process it is of, with a reference.
 * False at the end. One at a time: there may be a great many.
 */
static bool pass_step(struct linking_pass *pass, struct mm_struct **mm)
{
	struct mmapdemo_dev *mdev = pass->mdev;
	struct mmapdemo_map *map;
	bool more;

	*mm = NULL;
	spin_lock(&mdev->map_lock);
	map = list_next_entry(&pass->place, node);
	more = !list_entry_is_head(map, &mdev->maps, node) && map->serial <= pass->last;
	if (more && map->mm && map->mm == pass->mm)
		map->linked = true;
	if (more && map->mm && !map->linked && (!pass->buf || map->buf == pass->buf)) {
		*mm = map->mm;
		mmgrab(*mm);
	} else if (more) {
		list_move(&pass->place.node, &map->node);
	}
	spin_unlock(&mdev->map_lock);
	return more;
}

static void mm_is_linked(struct mmapdemo_dev *mdev, struct mm_struct *mm)
{
	struct mmapdemo_map *map;

	mmap_assert_locked(mm);

	spin_lock(&mdev->map_lock);
	list_for_each_entry(map, &mdev->maps, node) {
		if (map->mm == mm)
			map->linked = true;
	}
	spin_unlock(&mdev->map_lock);
}

/*
 * unmap_mapping_range() finds a VMA only after the core has linked it, which it does after .mmap
 * has returned; and .mmap has filled the entries by then. (Before .mapped is called, on the second
 * node; the rest is the same.) The core holds mmap_lock for writing from
 * before the one to after the other. Shown for the gate; a reset closes mem->lock instead, and a
 * queue's end withdraws its buffers, which map_create() sees:
 *
 *   here                                   in mmap(2)
 *   gone = true                            mmap_lock taken
 *   synchronize_srcu()           pairs     mmapdemo_dev_enter() ... map_create() ... dev_exit()
 *   every listed mm: mmap_lock   pairs     VMA linked, mmap_lock released
 *   unmap_mapping_range()                  (next call: mmapdemo_dev_enter() fails)
 *
 * Who came in time is on the list; who is on the list has linked its VMA when its lock was to be
 * had: once, and from then on no split, move or fork hides it from a walk. Who comes during the
 * pass need not be waited for, and is not: during a reset a process may go on mapping memory for
 * as long as it likes.
 *
 * Nothing comes back: entries made in .mmap have no fault handler, the handlers there are make theirs
 * inside the gate (of device memory: inside mem->lock, where a reset has to come by), and fork copies
 * from entries that are gone (a child's VMA is linked behind its parent's before anything is copied
 * into it).
 */
static void wait_for_linking(struct mmapdemo_dev *mdev, const struct mmapdemo_buf *buf)
{
	struct linking_pass pass = { .mdev = mdev, .buf = buf };
	struct mm_struct *mm;

	pass_begin(&pass);
	while (pass_step(&pass, &mm)) {
		cond_resched();
		if (!mm)
			continue;
		/* Who has to be waited for is so once, however its mappings lie among those of others. */
		if (!mmap_read_trylock(mm)) {
			mmap_read_lock(mm);
			mm_is_linked(mdev, mm);
		}
		mmap_read_unlock(mm);
		if (pass.mm)
			mmdrop(pass.mm);
		pass.mm = mm;
	}
	pass_end(&pass);
}

/**
 * mmapdemo_maps_revoke() - take every page-table entry of every mapping away, for ever
 * @mdev: the device; its gate is closed and empty
 */
void mmapdemo_maps_revoke(struct mmapdemo_dev *mdev)
{
	wait_for_linking(mdev, NULL);
	unmap_mapping_range(mdev->inode->i_mapping, 0, 0, 1);
	trace_mmapdemo_revoke(mdev);
}

/**
 * mmapdemo_maps_revoke_bar() - take the entries of mappings of BARs away, until mapped again
 * @mdev: the device; no new ones are made, see mmapdemo_mem_reset_prepare()
 *
 * Or touched again, where there is a fault handler.
 */
void mmapdemo_maps_revoke_bar(struct mmapdemo_dev *mdev)
{
	struct mmapdemo_buf *buf;

	wait_for_linking(mdev, NULL);
	/* Nobody takes one off or adds one; one that is added afterwards has no mapping yet. */
	down_write(&mdev->res_lock);
	list_for_each_entry(buf, &mdev->bufs, node) {
		if (!mmapdemo_buf_is_ram(buf) && atomic_read(&buf->num_vmas))
			unmap_mapping_range(mdev->inode->i_mapping, mmapdemo_id_to_offset(buf->id),
					    buf->object.len, 1);
	}
	up_write(&mdev->res_lock);
	trace_mmapdemo_revoke(mdev);
}

/**
 * mmapdemo_maps_revoke_buf() - take the entries of mappings of one buffer away, for ever
 * @buf: withdrawn; filled in .mmap. Outside the gate
 */
void mmapdemo_maps_revoke_buf(struct mmapdemo_buf *buf)
{
	struct mmapdemo_dev *mdev = buf->mdev;

	wait_for_linking(mdev, buf);
	unmap_mapping_range(mdev->inode->i_mapping, mmapdemo_id_to_offset(buf->id),
			    buf->object.len, 1);
}
