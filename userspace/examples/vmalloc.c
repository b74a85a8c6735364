// SPDX-License-Identifier: MIT
/*
 * vmalloc.c - virtually contiguous kernel memory: pages appear one by one, at the first touch.
 *
 * The pages are scattered, so the driver maps none at mmap time; its fault handler hands out
 * the page that is touched (vmalloc_to_page).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

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

static unsigned int present_pages(struct mmd_device *dev, const struct mmd_map *map)
{
	struct mmd_map_info seen;
	unsigned int count = 0;
	size_t off;

	for (off = 0; off < map->len; off += 4096) {
		must(MMD_CALL_MAP_INFO, mmd_map_info(dev, (char *)map->ptr + off, &seen));
		count += seen.present;
	}
	return count;
}

int main(void)
{
	unsigned int before, after;
	struct mmd_device *dev;
	struct mmd_buf buf;
	struct mmd_map map;
	char *bytes;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	/* 8 MiB: more than one piece of physically contiguous memory can have here. */
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_VMALLOC, 8 << 20,
					       MMAPDEMO_CACHE_DEFAULT, 0, &buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	before = present_pages(dev, &map);
	bytes = map.ptr;
	bytes[0] = 1;
	bytes[5 * 4096] = 2;
	bytes[map.len - 1] = 3;
	after = present_pages(dev, &map);
	printf("%zu pages mapped: %u present at first, %u after touching three\n",
	       map.len / 4096, before, after);
	mmd_unmap(&map);
	mmd_close(dev);
	return before == 0 && after == 3 ? 0 : 1;
}
