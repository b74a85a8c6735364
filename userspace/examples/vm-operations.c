// SPDX-License-Identifier: MIT
/*
 * vm-operations.c - .open and .close of the mapping: who counts, and when.
 *
 * The kernel calls them for every piece a mapping is split into and every copy fork(2) makes, not
 * for the first mmap(2). The driver counts, and the buffer lives until the count is 0.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

static int wrong;

static void expect(struct mmd_device *dev, uint32_t handle, const char *when, unsigned int mappings)
{
	struct mmd_buf_info info;

	must(MMD_CALL_BUF_INFO, mmd_buf_info(dev, handle, &info));
	printf("%-30s %u mapping(s)%s\n", when, info.vmas, info.vmas == mappings ? "" : " WRONG");
	fflush(stdout);
	wrong |= info.vmas != mappings;
}

int main(void)
{
	struct mmd_device *dev;
	struct mmd_buf buf;
	struct mmd_map map;
	char *bytes;
	pid_t pid;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 3 * 4096, 0, 0, &buf));
	expect(dev, buf.handle, "allocated", 0);
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	expect(dev, buf.handle, "mapped", 1);

	pid = fork();
	if (pid == 0) {
		expect(dev, buf.handle, "in the child of fork", 2);
		_exit(wrong);
	}
	waitpid(pid, &wrong, 0);
	expect(dev, buf.handle, "child ended", 1);

	bytes = map.ptr;
	munmap(bytes + 4096, 4096);
	expect(dev, buf.handle, "middle page unmapped", 2);
	munmap(bytes, 4096);
	expect(dev, buf.handle, "first page unmapped", 1);
	bytes[2 * 4096] = 1;
	munmap(bytes + 2 * 4096, 4096);
	expect(dev, buf.handle, "last page unmapped", 0);
	mmd_close(dev);
	return wrong ? 1 : 0;
}
