// SPDX-License-Identifier: MIT
/*
 * security.c - what a process must not be able to map, and the errno it gets.
 *
 * A mapping bypasses every later check, so all checks are made at mmap time, and mprotect(2) cannot
 * undo them.
 */
#include <errno.h>
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

static int wrong;

static void refused(const char *what, int err, int wanted)
{
	printf("%-44s %s%s\n", what, err ? strerror(err) : "allowed", err == wanted ? "" : " WRONG");
	wrong |= err != wanted;
}

static int try_map(struct mmd_device *dev, uint64_t offset, size_t len, int prot, int flags)
{
	void *p = mmap(NULL, len, prot, flags, mmd_fd(dev), (off_t)offset);

	return p == MAP_FAILED ? errno : 0;
}

int main(void)
{
	int rw = PROT_READ | PROT_WRITE;
	struct mmd_device *dev, *rdonly;
	struct mmd_buf buf, region;
	struct mmd_map map;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_OPEN, mmd_open(NULL, MMD_OPEN_RDONLY, &rdonly));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 8192, 0, 0, &buf));

	refused("more than the buffer", try_map(dev, buf.offset, 3 * 4096, rw, MAP_SHARED), EINVAL);
	refused("behind its end", try_map(dev, buf.offset + 8192, 4096, rw, MAP_SHARED), EINVAL);
	refused("a made-up offset", try_map(dev, buf.offset + (1ULL << 40), 4096, rw, MAP_SHARED), ENOENT);
	refused("somebody else's offset", try_map(rdonly, buf.offset, 4096, PROT_READ, MAP_SHARED), ENOENT);
	refused("executable", try_map(dev, buf.offset, 4096, PROT_READ | PROT_EXEC, MAP_SHARED), EPERM);
	refused("private and writable", try_map(dev, buf.offset, 4096, rw, MAP_PRIVATE), EINVAL);
	refused("writable on a read-only file", try_map(rdonly, 0, 4096, rw, MAP_SHARED), EACCES);
	refused("all of the device memory, not exclusively",
		-mmd_region_info(dev, MMAPDEMO_REGION_MEM, &region), EPERM);

	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, rw, &map));
	refused("executable afterwards",
		mprotect(map.ptr, map.len, PROT_READ | PROT_EXEC) ? errno : 0, EACCES);
	must(MMD_CALL_BUF_FREE, mmd_buf_free(dev, buf.handle));
	refused("a freed buffer", try_map(dev, buf.offset, 4096, rw, MAP_SHARED), ENOENT);
	memset(map.ptr, 1, map.len);
	printf("the old mapping of the freed buffer still works: its pages live as long as it does\n");
	mmd_unmap(&map);
	mmd_close(rdonly);
	mmd_close(dev);
	return wrong ? 1 : 0;
}
