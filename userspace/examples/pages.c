// SPDX-License-Identifier: MIT
/*
 * pages.c - physically contiguous kernel memory (the chapter's kmalloc buffer), remap_pfn_range.
 *
 * All page-table entries are there when mmap(2) returns. Physical contiguity costs: ask
 * for more than the limit and the driver says so.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

int main(void)
{
	struct mmd_map_info last;
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_buf buf;
	struct mmd_map map;
	char back[6] = "";
	int ret;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 65536,
					       MMAPDEMO_CACHE_DEFAULT, 0, &buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	must(MMD_CALL_MAP_INFO, mmd_map_info(dev, (char *)map.ptr + map.len - 1, &last));
	printf("64 KiB mapped; the last page is %s before it was touched\n",
	       last.present ? "present" : "not present");

	/* Ordinary memory once mapped; read(2) sees the same bytes. */
	memcpy((char *)map.ptr + 5000, "hello", 6);
	must(MMD_CALL_PREAD, mmd_pread(dev, buf.offset + 5000, back, sizeof(back)));
	printf("stored \"hello\", pread returns \"%s\"\n", back);
	mmd_unmap(&map);
	mmd_buf_free(dev, buf.handle);

	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, info.max_contig + 1, 0, 0, &buf);
	printf("%" PRIu64 " bytes, one above the limit: %s\n", info.max_contig + 1,
	       ret ? strerror(-ret) : "allocated");
	mmd_close(dev);
	return last.present && !strcmp(back, "hello") && ret ? 0 : 1;
}
