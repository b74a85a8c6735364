// SPDX-License-Identifier: MIT
/*
 * peers.c - 4 KiB from other devices of the same machine at depth 1, against ours (D4).
 *
 * Block devices are read with O_DIRECT, and only read: a disk may hold something dear to somebody.
 */
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../copy.h"

#define BLOCK		4096u
#define SPAN		(1u << 20)	/* of the disk that is read */
#define OPS		8

const struct mmb_group mmb_peer_group = {
	.title = "Peers: 4 KiB from a device, one at a time",
	.meaning = "Other devices of the same machine, through their drivers; ours, by a queue and polled, "
		   "in turn with each. edu waits 100 ms by design.",
	.unit = "ns per 4 KiB",
	.shown_unit = "us per 4 KiB",
	.shown_per = 1000,
};

/* --- ours --------------------------------------------------------------------------------- */

enum mmb_rc mmb_peer_ours(struct mmb_case *c, const char *name, struct mmb_arm *peer)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = BLOCK,
	};
	struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("D4.%s.ours", name),
					  MMB_TEXT("mmapdemo beside %s, queue, polled", name),
					  mmb_copy_run);

	mmb_pair_add(c, MMB_TEXT("D4.%s", name), MMB_TEXT("4 KiB from %s / from mmapdemo", name),
		     peer, arm);
	return mmb_copy_new(arm, &spec);
}

static struct mmb_arm *ours(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++)
		if (c->arm[i].run == mmb_copy_run)
			return &c->arm[i];
	return NULL;
}

enum mmb_rc mmb_peer_ours_prepare(struct mmb_case *c)
{
	struct mmb_copy *k = ours(c)->data;

	mmb_grow_tlb(c->s);
	if (!ours(c)->skip)
		mmb_proof_prepare(&k->proof);
	return MMB_OK;
}

enum mmb_rc mmb_peer_ours_verify(struct mmb_case *c)
{
	struct mmb_copy *k = ours(c)->data;
	enum mmb_rc rc;

	if (ours(c)->skip)
		return MMB_OK;
	rc = mmb_proof_guards(c, ours(c)->what, &k->proof);
	if (rc)
		return rc;
	mmb_proof_prepare(&k->proof);
	rc = mmb_copy_batch(k);
	return rc ? rc : mmb_proof_check(c, ours(c)->what, &k->proof);
}

void mmb_peer_ours_free(struct mmb_case *c)
{
	struct mmb_arm *arm = ours(c);

	if (!arm)
		return;
	free(arm->data);
	arm->data = NULL;
}

/* --- block devices ------------------------------------------------------------------------ */

struct disk {
	const char *name;	/* in row ids */
	const char *path;
};

static const struct disk disks[] = {
	{ "nvme", "/dev/nvme0n1" },
	{ "virtio_blk", "/dev/vda" },
	{ "virtio_blk_iothread", "/dev/vdb" },
	{ "null_blk", "/dev/nullb0" },
};

struct block {
	const struct disk *disk;
	int fd;
	unsigned char *buf;	/* in the arena, page aligned */
};

static const struct disk *disk_of(const struct mmb_case *c)
{
	const char *name = strchr(c->id, '.') + 1;

	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		if (!strcmp(name, disks[i].name))
			return &disks[i];
	abort();
}

static enum mmb_rc block_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct block *b = arm->c->priv;

	for (uint64_t i = 0; i < ops; i++) {
		off_t at = (off_t)((arm->seen.n + i) * BLOCK % SPAN);
		uint64_t start = mmb_now_ns();
		ssize_t n = pread(b->fd, b->buf, BLOCK, at);

		if (n != BLOCK)
			return mmb_wrong(arm->c, "%s: reading 4 KiB failed: %s", b->disk->path,
					 n < 0 ? strerror(errno) : "short read");
		mmb_observe(arm, (double)(mmb_now_ns() - start));
	}
	return MMB_OK;
}

/* Nothing may be written to it, so: two reads over different poison must give the same bytes. */
static bool moves_data(const struct block *b)
{
	unsigned char *second = b->buf + BLOCK;

	for (off_t at = 0; at < (off_t)SPAN; at += SPAN / 4) {
		memset(b->buf, 0xa5, BLOCK);
		memset(second, 0x5a, BLOCK);
		if (pread(b->fd, b->buf, BLOCK, at) != BLOCK ||
		    pread(b->fd, second, BLOCK, at) != BLOCK || memcmp(b->buf, second, BLOCK))
			return false;
	}
	return true;
}

static int open_disk(const struct disk *disk)
{
	uint64_t size = 0;
	struct stat st;
	int fd = open(disk->path, O_RDONLY | O_DIRECT | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !S_ISBLK(st.st_mode) || ioctl(fd, BLKGETSIZE64, &size) ||
	    size < SPAN) {
		close(fd);
		return -ENXIO;
	}
	return fd;
}

/* What an interrupt and a wake-up cost is in a disk's read, too: ours the same way (D5). */
static enum mmb_rc add_asleep(struct mmb_case *c, struct mmb_arm *peer)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = BLOCK,
	};
	struct mmb_arm *arm = mmb_arm_add(c, "D5.ours", "mmapdemo beside it, queue, MSI-X and eventfd",
					  mmb_copy_sleep_run);
	enum mmb_rc rc = mmb_copy_new(arm, &spec);

	arm->ops = OPS;
	mmb_pair_add(c, "D5", "4 KiB from virtio_blk / from mmapdemo, both asleep", peer, arm);
	return rc;
}

static enum mmb_rc block_setup(struct mmb_case *c)
{
	struct block *b = calloc(1, sizeof(*b));
	struct mmb_arm *arm;

	if (!b)
		abort();
	c->priv = b;
	b->disk = disk_of(c);
	b->buf = c->s->arena;
	b->fd = open_disk(b->disk);
	if (b->fd == -ENXIO)
		return mmb_skip(c, "%s is no disk of 1 MiB or more", b->disk->path);
	if (b->fd < 0)
		return mmb_skip(c, "%s: %s", b->disk->path, strerror(-b->fd));
	if (!moves_data(b))
		return mmb_skip(c, "%s moves no data%s", b->disk->path,
				!strcmp(b->disk->name, "null_blk") ? " (load null_blk with "
				"memory_backed=1)" : "");
	arm = mmb_arm_add(c, MMB_TEXT("D4.%s.read", b->disk->name),
			  MMB_TEXT("%s, O_DIRECT read", b->disk->path), block_run);
	arm->flags = MMB_ARM_SELF_TIMED;
	arm->ops = OPS;
	arm->bytes = BLOCK;
	if (!strcmp(b->disk->name, "virtio_blk")) {
		enum mmb_rc rc = add_asleep(c, arm);

		if (rc)
			return rc;
	}
	return mmb_peer_ours(c, b->disk->name, arm);
}

static enum mmb_rc block_verify(struct mmb_case *c)
{
	const struct block *b = c->priv;

	if (!moves_data(b))
		return mmb_wrong(c, "%s: two reads of the same block differ", b->disk->path);
	return mmb_copies_verify(c);
}

static void block_teardown(struct mmb_case *c)
{
	struct block *b = c->priv;

	mmb_copies_free(c);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	c->priv = NULL;
}

static const struct mmb_case_ops block_ops = {
	.group = &mmb_peer_group, .setup = block_setup, .prepare = mmb_copies_prepare,
	.verify = block_verify, .teardown = block_teardown,
};

void mmb_plan_peers(struct mmb_plan *plan, const struct mmb_options *opt)
{
	for (size_t i = 0; i < sizeof(disks) / sizeof(disks[0]); i++)
		mmb_plan_add(plan, &block_ops, MMB_TEXT("peers.%s", disks[i].name),
			     MMB_TEXT("D4.%s%s", disks[i].name,
				      !strcmp(disks[i].name, "virtio_blk") ? " D5" : ""),
			     "4 KiB read, depth 1");
	/* 15 pairs of 100 ms. */
	if (!opt->quick || opt->n_only)
		mmb_plan_add(plan, &mmb_edu_ops, "peers.edu", "D4.edu", "4 KiB read, depth 1");
	mmb_plan_peer_counters(plan);
}
