// SPDX-License-Identifier: MIT
/*
 * noncontig.c - pages that the whole kernel can use: a file is read into them by O_DIRECT, then sent by DMA.
 *
 * The disk writes to the buffer, the device reads it, and no byte is copied by the processor. With
 * remap_pfn_range() the same read(2) fails: there are addresses, and no pages that get_user_pages() could take.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mmapdemo/mmapdemo.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

static void need(struct mmd_device *dev, uint32_t technique)
{
	struct mmd_info info;

	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (info.techniques & 1u << technique)
		return;
	fprintf(stderr, "no technique %s here\n", mmd_technique_name(technique));
	exit(77);
}

#define LEN	65536

/* What read(2) into a buffer of @technique gives: bytes, or -errno. */
static ssize_t read_into(struct mmd_device *dev, uint32_t technique, int disk, struct mmd_buf *buf,
			 struct mmd_map *map)
{
	ssize_t n;

	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, technique, LEN, 0, 0, buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, buf, PROT_READ | PROT_WRITE, map));
	memset(map->ptr, 0x55, LEN);
	n = pread(disk, map->ptr, LEN, 0);
	n = n < 0 ? -errno : n;
	printf("%-9s O_DIRECT read: %s\n", mmd_technique_name(technique), n < 0 ? strerror((int)-n) : "done");
	return n;
}

int main(int argc, char **argv)
{
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = LEN };
	const char *path = argc > 1 ? argv[1] : "/dev/nvme0n1";
	static char plain[LEN], back[LEN];
	struct mmd_buf mem, pfn, bar;
	struct mmd_map map, pfn_map;
	struct mmd_device *dev;
	ssize_t good, bad;
	int disk;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	need(dev, MMAPDEMO_TECH_NONCONTIG);
	disk = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (disk < 0) {
		fprintf(stderr, "%s: %s. Name a file or disk of %d bytes.\n", path, strerror(errno), LEN);
		return 77;
	}
	good = read_into(dev, MMAPDEMO_TECH_NONCONTIG, disk, &mem, &map);
	bad = read_into(dev, MMAPDEMO_TECH_PAGES, disk, &pfn, &pfn_map);
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, 0, 0, &bar));
	dma.mem_handle = mem.handle;
	dma.dev_handle = bar.handle;
	must(MMD_CALL_DMA_WAIT, mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 5000000000, NULL));
	must(MMD_CALL_PREAD, mmd_pread(dev, bar.offset, back, LEN));

	/* The same bytes by an ordinary read. */
	fcntl(disk, F_SETFL, 0);
	if (pread(disk, plain, LEN, 0) != LEN)
		return 1;
	printf("from %s to the device: %s\n", path, memcmp(plain, back, LEN) ? "DIFFERENT" : "the same bytes");
	mmd_close(dev);
	return good == LEN && bad == -EFAULT && !memcmp(plain, back, LEN) ? 0 : 1;
}
