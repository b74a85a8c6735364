// SPDX-License-Identifier: MIT
/*
 * technique_userptr.c - BUF_PIN: what can be pinned, what it costs, who pays, and when it ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "machine.h"
#include "subject.h"

#define MIB	(1ULL << 20)
#define RW	(PROT_READ | PROT_WRITE)

static int pin(int fd, const void *p, u64 len, u32 flags, u32 *handle)
{
	struct mmapdemo_buf_pin b = {
		.size = sizeof(b), .flags = flags, .addr = (uintptr_t)p, .len = len,
	};
	int ret = call(fd, MMAPDEMO_IOC_BUF_PIN, &b);

	if (!ret && handle)
		*handle = b.out_handle;
	return ret;
}

static void *own(u64 len)
{
	return CHECK_SYS(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static u64 pinned_kib(void)
{
	char line[128];
	u64 kib = ~0ULL;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmPin:", 6))
			kib = strtoull(line + 6, NULL, 10);
	}
	fclose(f);
	return kib;
}

static void capabilities_drop(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { 0 };

	CHECK_SYS(syscall(SYS_capset, &h, d));
}

/* --- use ---------------------------------------------------------------------------------------- */

static void pin_memory_goes_through_the_device_and_back(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, 4 * MIB).out_handle, h;
	char *p = own(8 * MIB);

	(void)arg;
	fill(p + PAGE, 2 * MIB, 3);
	CHECK_OK(pin(fd, p, 8 * MIB, 0, &h));
	CHECK_EQ(pinned_kib(), 8192);
	CHECK_EQ(buf_info(fd, h).out_technique, MMAPDEMO_TECH_USERPTR);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, h, PAGE, dev, 0, MIB, NULL));
	/* What is stored after pinning counts: these are the pages, not a copy. */
	fill(p + PAGE, MIB, 4);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, h, PAGE, dev, MIB, MIB, NULL));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, h, 4 * MIB + 64, dev, MIB, MIB, NULL));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, h, 6 * MIB, dev, 0, MIB, NULL));
	CHECK_EQ(differs(p + 4 * MIB + 64, MIB, 4), MIB);
	CHECK_EQ(differs(p + 6 * MIB, MIB, 3), MIB);
	fill(p, 8 * MIB, 8);
	CHECK_OK(buf_free(fd, h));
	CHECK_EQ(pinned_kib(), 0);
	/* And unpinning puts nothing back into them. */
	CHECK_EQ(differs(p, 8 * MIB, 8), 8 * MIB);
}

static void pin_is_not_mapped_read_or_written(const void *arg)
{
	int fd = dev_open(O_RDWR);
	char *p = own(PAGE), c = 0;
	void *q;
	u64 off;
	u32 h;

	(void)arg;
	CHECK_OK(pin(fd, p, PAGE, 0, &h));
	off = buf_info(fd, h).out_offset;
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, off, &q), -EOPNOTSUPP);
	CHECK(pread(fd, &c, 1, off) == -1 && errno == EOPNOTSUPP);
	CHECK(pwrite(fd, &c, 1, off) == -1 && errno == EOPNOTSUPP);
}

static void pin_read_only_refuses_device_writes(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle, h;
	char *p = own(PAGE), back[64];
	struct mmapdemo_window_create w = { .size = sizeof(w), .len = PAGE };
	int ret;

	(void)arg;
	fill(p, PAGE, 6);
	CHECK_SYS(mprotect(p, PAGE, PROT_READ));
	CHECK_RET(pin(fd, p, PAGE, 0, &h), -EFAULT);
	CHECK_OK(pin(fd, p, PAGE, MMAPDEMO_PIN_READ_ONLY, &h));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, h, 0, dev, 0, PAGE, NULL));
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, h, 0, dev, 0, PAGE, NULL), -EACCES);
	CHECK_EQ(CHECK_SYS(pread(fd, back, 64, buf_info(fd, dev).out_offset)), 64);
	CHECK(!memcmp(back, p, 64));
	w.handle = h;
	for (w.flags = MMAPDEMO_WINDOW_WRITE; w.flags <= 3; w.flags++)
		CHECK_RET(call(fd, MMAPDEMO_IOC_WINDOW_CREATE, &w), -EACCES);
	w.flags = MMAPDEMO_WINDOW_READ;
	ret = call(fd, MMAPDEMO_IOC_WINDOW_CREATE, &w);
	CHECK(!ret || ret == -EOPNOTSUPP);	/* bounce buffers */
}

/* --- what cannot be pinned ------------------------------------------------------------------------ */

static void pin_bad_arguments(const void *arg)
{
	int fd = dev_open(O_RDWR);
	char *p = own(4 * PAGE);
	u32 h;

	(void)arg;
	CHECK_RET(pin(fd, p + 1, PAGE, 0, &h), -EINVAL);
	CHECK_RET(pin(fd, p, PAGE - 1, 0, &h), -EINVAL);
	CHECK_RET(pin(fd, p, 0, 0, &h), -EINVAL);
	CHECK_RET(pin(fd, (void *)(~0ULL << 12), PAGE, 0, &h), -EINVAL);
	CHECK_RET(pin(fd, p, ~0ULL << 12, 0, &h), -EINVAL);
	CHECK_RET(pin(fd, p, PAGE, 2, &h), -EINVAL);
	CHECK_RET(pin(fd, p, info_get(fd).out_max_bytes + PAGE, 0, &h), -EDQUOT);
	CHECK_EQ(pinned_kib(), 0);
}

static void pin_what_is_not_there_efault(const void *arg)
{
	int fd = dev_open(O_RDWR);
	char *p = own(1200 * PAGE), *hole = map_reserve(PAGE);
	u32 h;

	(void)arg;
	CHECK_RET(pin(fd, NULL, PAGE, 0, &h), -EFAULT);
	CHECK_RET(pin(fd, hole, PAGE, 0, &h), -EFAULT);
	/* Of the kernel. */
	CHECK_RET(pin(fd, (void *)0xffff888000000000, PAGE, 0, &h), -EFAULT);
	/* The last page of a range that is pinned in several steps. */
	unmap(p + 1199 * PAGE, PAGE);
	CHECK_RET(pin(fd, p, 1200 * PAGE, 0, &h), -EFAULT);
	CHECK_EQ(pinned_kib(), 0);
	CHECK_OK(pin(fd, p, 1199 * PAGE, 0, &h));
}

static void pin_device_mapping_efault(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_PAGES,
	};
	int fd = dev_open(O_RDWR);
	u32 h;

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct mmapdemo_buf_alloc a = buf_alloc(fd, kinds[k], PAGE);

		CHECK_RET(pin(fd, map_rw(fd, PAGE, a.out_offset), PAGE, 0, &h), -EFAULT);
	}
}

/* A file system (here: that of block devices) that writes back what is written by the CPU only. */
static void pin_file_to_be_written_back_eopnotsupp(const void *arg)
{
	int fd = dev_open(O_RDWR), disk = open("/dev/vda", O_RDWR);
	char *p;
	u32 h;

	(void)arg;
	if (disk < 0)
		test_skip("no /dev/vda: %m");
	p = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED, disk, 0));
	CHECK_RET(pin(fd, p, PAGE, 0, &h), -EOPNOTSUPP);
	/* A private copy is not the file's. */
	p = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_PRIVATE, disk, 0));
	CHECK_OK(pin(fd, p, PAGE, 0, &h));
	CHECK_OK(buf_free(fd, h));
}

/* --- who pays --------------------------------------------------------------------------------------- */

static void userptr_over_rlimit_memlock_enomem(const void *arg)
{
	struct rlimit r = { 16 * PAGE, 16 * PAGE };
	int fd = dev_open(O_RDWR);
	char *p = own(32 * PAGE);
	u32 h, h2;

	(void)arg;
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &r));
	/* As the core has it: who may lock as much as he likes is not asked. */
	CHECK_OK(pin(fd, p, 32 * PAGE, 0, &h));
	CHECK_OK(buf_free(fd, h));
	capabilities_drop();
	CHECK_RET(pin(fd, p, 17 * PAGE, 0, &h), -ENOMEM);
	CHECK_EQ(pinned_kib(), 0);
	CHECK_OK(pin(fd, p, 10 * PAGE, 0, &h));
	CHECK_RET(pin(fd, p, 7 * PAGE, 0, &h2), -ENOMEM);
	CHECK_OK(buf_free(fd, h));
	CHECK_OK(pin(fd, p, 16 * PAGE, 0, &h));
	CHECK_EQ(pinned_kib(), 64);
}

/* The file is shared with a child, and it is the parent's memory that is given back. */
static void pin_ends_in_another_process(const void *arg)
{
	int fd = dev_open(O_RDWR);
	char *p = own(64 * PAGE);
	pid_t child;
	u32 h;

	(void)arg;
	CHECK_OK(pin(fd, p, 64 * PAGE, 0, &h));
	CHECK_EQ(pinned_kib(), 256);
	child = child_fork();
	if (!child) {
		CHECK_EQ(pinned_kib(), 0);
		CHECK_OK(buf_free(fd, h));
		CHECK_EQ(pinned_kib(), 0);
		child_exit();
	}
	child_wait(child, 5000);
	CHECK_EQ(pinned_kib(), 0);
}

static void userptr_outlives_its_process(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	u32 *shared = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	char want[PAGE], back[PAGE];
	pid_t child = child_fork();

	(void)arg;
	if (!child) {
		char *p = own(PAGE);

		fill(p, PAGE, 11);
		CHECK_OK(pin(fd, p, PAGE, 0, shared));
		child_exit();
	}
	child_wait(child, 5000);
	fill(want, PAGE, 11);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, *shared, 0, dev, 0, PAGE, NULL));
	CHECK_EQ(CHECK_SYS(pread(fd, back, PAGE, buf_info(fd, dev).out_offset)), PAGE);
	CHECK(!memcmp(want, back, PAGE));
	CHECK_OK(buf_free(fd, *shared));
}

/* --- the end ----------------------------------------------------------------------------------------- */

static void pin_ends_with_the_device_and_memory_stays(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle, h;
	char *p = own(16 * PAGE);

	(void)arg;
	fill(p, 16 * PAGE, 12);
	CHECK_OK(pin(fd, p, 16 * PAGE, 0, &h));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, h, 0, dev, 0, PAGE, NULL));
	driver_unbind();
	CHECK_EQ(pinned_kib(), 0);
	CHECK_EQ(differs(p, 16 * PAGE, 12), 16 * PAGE);
	CHECK(pagemap_present(p));
	CHECK_RET(pin(fd, p, PAGE, 0, &h), -ENODEV);
	driver_bind();
	CHECK_EQ(differs(p, 16 * PAGE, 12), 16 * PAGE);
	close(fd);
	CHECK_EQ(pinned_kib(), 0);
}

static void pin_counts_towards_the_limits_of_the_file(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 max = info_get(fd).out_max_bytes, len = max - 16 * MIB;
	struct mmapdemo_buf_alloc a;
	char *p = own(len);
	u32 h;

	(void)arg;
	CHECK_OK(pin(fd, p, len, MMAPDEMO_PIN_READ_ONLY, &h));
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_NONCONTIG, 0, 0, 17 * MIB, &a), -EDQUOT);
	CHECK_RET(pin(fd, p, 17 * MIB, 0, &h), -EDQUOT);
	CHECK_OK(buf_try_alloc(fd, MMAPDEMO_TECH_NONCONTIG, 0, 0, 16 * MIB, &a));
}

void register_technique_userptr(void)
{
	TEST_ADD(pin_memory_goes_through_the_device_and_back);
	TEST_ADD(pin_is_not_mapped_read_or_written);
	TEST_ADD(pin_read_only_refuses_device_writes);
	TEST_ADD(pin_bad_arguments);
	TEST_ADD(pin_what_is_not_there_efault);
	TEST_ADD(pin_device_mapping_efault);
	TEST_ADD(pin_file_to_be_written_back_eopnotsupp);
	TEST_ADD(userptr_over_rlimit_memlock_enomem);
	TEST_ADD(pin_ends_in_another_process);
	TEST_ADD(userptr_outlives_its_process);
	TEST_ADD(pin_ends_with_the_device_and_memory_stays);
	TEST_ADD_SLOW(pin_counts_towards_the_limits_of_the_file, 60000);
}
