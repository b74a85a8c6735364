// SPDX-License-Identifier: MIT
/*
 * limits.c - what processes, files and the device may have: memory is charged to the control group of who
 * allocates it, a device has limits for all its files together, and what is freed can be had again.
 *
 * Not for: the limits of one file, see buf.c, queue_call.c, window_call.c; pinned memory, see pin.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "submit.h"

#define CGROUP	"/sys/fs/cgroup"
#define GROUP	CGROUP "/mmapdemo-test"
#define MIB	(1024 * 1024ULL)

/* --- control groups ---------------------------------------------------------------------------- */

static u64 charged(void)
{
	char text[32];

	CHECK_OK(file_read(GROUP "/memory.current", text, sizeof(text)));
	return strtoull(text, NULL, 10);
}

static const struct tech {
	const char *name;
	u32 technique;
} techs[] = {
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
};

/* A child in a group of its own; the directory goes with the test that made it. */
static void memory_is_charged(const void *arg)
{
	const struct tech *t = arg;
	char text[16];
	pid_t pid;

	if (file_try_write(CGROUP "/cgroup.subtree_control", "+memory"))
		test_skip("this kernel has no memory control group");
	rmdir(GROUP);
	CHECK_SYS(mkdir(GROUP, 0755));
	pid = child_fork();
	if (!pid) {
		const u64 len = 4 * MIB;
		struct mmapdemo_buf_alloc a[4];
		u64 before, with, after;
		int fd;

		file_write(GROUP "/cgroup.procs", strf(text, sizeof(text), "%d", getpid()));
		fd = dev_open(O_RDWR);
		/* What allocating as such costs is there then. */
		CHECK_OK(buf_free(fd, buf_alloc(fd, t->technique, len).out_handle));
		before = charged();
		for (size_t i = 0; i < ARRAY_SIZE(a); i++)
			a[i] = buf_alloc(fd, t->technique, len);
		with = charged();
		for (size_t i = 0; i < ARRAY_SIZE(a); i++)
			CHECK_OK(buf_free(fd, a[i].out_handle));
		/* Pages are given back to the allocator a little later. */
		for (int i = 0; i < 100 && charged() > before + 2 * MIB; i++)
			sleep_ms(10);
		after = charged();
		diag("%llu KiB before, %llu with 16 MiB, %llu after", (unsigned long long)before / 1024,
		     (unsigned long long)with / 1024, (unsigned long long)after / 1024);
		CHECK(with - before >= 15 * MIB);
		CHECK(after <= before + 2 * MIB);
		child_exit();
	}
	child_wait(pid, 8000);
	for (int i = 0; i < 100 && rmdir(GROUP); i++)
		sleep_ms(5);
}

/* --- of the device -------------------------------------------------------------------------------- */

static void limits_of_the_device_hold_for_all_files_together(const void *arg)
{
	struct mmapdemo_buf_alloc a;
	u32 handles[8];
	int fds[2];

	(void)arg;
	if (access("/sys/module/mmapdemo/parameters/max_dev_bufs", F_OK))
		test_skip("this driver has no limits of the device");
	module_reload("max_dev_bufs=16 max_dev_bytes=4194304");
	for (int i = 0; i < 2; i++)
		fds[i] = dev_open(O_RDWR);
	/* Bytes: half of them each, and then nothing for either. */
	for (int i = 0; i < 2; i++)
		handles[i] = buf_alloc(fds[i], MMAPDEMO_TECH_VMALLOC, 2 * MIB).out_handle;
	for (int i = 0; i < 2; i++)
		CHECK_RET(buf_try_alloc(fds[i], MMAPDEMO_TECH_PAGES, 0, 0, PAGE, &a), -EDQUOT);
	/* Device memory is another account. */
	CHECK_OK(buf_free(fds[1], buf_alloc(fds[1], MMAPDEMO_TECH_BAR, PAGE).out_handle));
	CHECK_OK(buf_free(fds[0], handles[0]));
	CHECK_OK(buf_free(fds[1], buf_alloc(fds[1], MMAPDEMO_TECH_PAGES, 2 * MIB).out_handle));
	CHECK_OK(buf_free(fds[1], handles[1]));
	/* Handles. */
	for (int i = 0; i < 8; i++)
		handles[i] = buf_alloc(fds[0], MMAPDEMO_TECH_BAR, PAGE).out_handle;
	for (int i = 0; i < 8; i++)
		buf_alloc(fds[1], MMAPDEMO_TECH_PAGES, PAGE);
	CHECK_RET(buf_try_alloc(fds[0], MMAPDEMO_TECH_BAR, 0, 0, PAGE, &a), -EDQUOT);
	CHECK_RET(buf_try_alloc(fds[1], MMAPDEMO_TECH_VMALLOC, 0, 0, PAGE, &a), -EDQUOT);
	CHECK_OK(buf_free(fds[0], handles[3]));
	buf_alloc(fds[1], MMAPDEMO_TECH_VMALLOC, PAGE);
	CHECK_RET(buf_try_alloc(fds[0], MMAPDEMO_TECH_BAR, 0, 0, PAGE, &a), -EDQUOT);
	/* A file that is closed gives all of its back. */
	close(fds[1]);
	for (int i = 0; i < 9; i++)
		buf_alloc(fds[0], MMAPDEMO_TECH_PAGES, PAGE);
	close(fds[0]);
	module_reload("");
}

/* Memory that is freed while it is mapped, or under a window, still counts: it is still there. */
static void limits_count_memory_until_it_is_free(const void *arg)
{
	struct mmapdemo_buf_alloc a, b;
	u64 most;
	char *p;
	u32 w;
	int fd;

	(void)arg;
	module_reload("max_bytes=4194304");
	fd = dev_open(O_RDWR);
	most = info_get(fd).out_max_bytes;
	CHECK_EQ(most, 4 * MIB);
	b = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, most - 64 * PAGE);
	a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, 64 * PAGE);
	p = map_rw(fd, 64 * PAGE, a.out_offset);
	CHECK_EQ(touch_write(p, 1), 0);
	CHECK_OK(buf_free(fd, a.out_handle));
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, 0, 0, PAGE, &a), -EDQUOT);
	unmap(p, 64 * PAGE);
	a = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, 64 * PAGE);
	w = window_get(fd, a.out_handle, WINDOW_RW, 0, PAGE);
	CHECK_OK(buf_free(fd, a.out_handle));
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, 0, 0, PAGE, &a), -EDQUOT);
	CHECK_OK(window_destroy(fd, w));
	CHECK_OK(buf_free(fd, buf_alloc(fd, MMAPDEMO_TECH_PAGES, 64 * PAGE).out_handle));
	CHECK_OK(buf_free(fd, b.out_handle));
	close(fd);
	module_reload("");
}

void register_limits(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(techs); i++)
		test_add(memory_is_charged, &techs[i], 20000, "limits_%s_memory_is_charged",
			 techs[i].name);
	TEST_ADD_SLOW(limits_of_the_device_hold_for_all_files_together, 20000);
	TEST_ADD(limits_count_memory_until_it_is_free);
}
