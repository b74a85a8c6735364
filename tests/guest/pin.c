// SPDX-License-Identifier: MIT
/*
 * pin.c - memory of the process itself under the device: what may be pinned and what not, and what is
 * counted.
 *
 * Not for: what the process or its kin do with that memory meanwhile, see pin_owner.c; what is true
 * of buffers of every technique, see buf.c, dma.c, window_reach.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "busy.h"
#include "pinner.h"

#define NOBODY	65534
#define LEN	PIN_LEN
#define RW	(PROT_READ | PROT_WRITE)
#define MIB	(1024 * 1024UL)

/* --- what it is for --------------------------------------------------------------------------- */

static void pin_moves_bytes_both_ways(const void *arg)
{
	static const struct { u64 off, len; } parts[] = {
		{ 0, LEN }, { 1, 1 }, { 8, PAGE }, { PAGE - 1, 2 }, { 3 * PAGE + 5, 2 * PAGE + 77 },
		{ LEN - 3, 3 },
	};
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);
	u32 handle = buf_pin(p.fd, m, LEN, 0);
	struct mmapdemo_buf_info i = buf_info(p.fd, handle);

	(void)arg;
	CHECK_EQ(i.out_technique, MMAPDEMO_TECH_USERPTR);
	CHECK_EQ(i.out_len, LEN);
	for (size_t k = 0; k < ARRAY_SIZE(parts); k++) {
		u64 off = parts[k].off, len = parts[k].len;

		memset(m, 0x5e, LEN);
		fill(m + off, len, k);
		CHECK_OK(to_device(&p, handle, off, len));
		CHECK_EQ(differs(p.d, len, k), len);
		fill(p.d, len, k + 100);
		CHECK_OK(from_device(&p, handle, off, len));
		CHECK_EQ(differs(m + off, len, k + 100), len);
		CHECK_EQ(first_not(m, off, 0x5e), off);
		CHECK_EQ(first_not(m + off + len, LEN - off - len, 0x5e), LEN - off - len);
	}
	CHECK_OK(buf_free(p.fd, handle));
	CHECK_RET(to_device(&p, handle, 0, PAGE), -ENOENT);
}

static void pin_serves_a_queue_through_windows(const void *arg)
{
	struct pinner p = pinner_get();
	struct queue q = queue_get(p.fd, 3);
	char *m = anon_get(LEN);
	u32 handle = buf_pin(p.fd, m, LEN, 0), mine, theirs;
	int ret = window_try_create(p.fd, handle, WINDOW_RW, 100, LEN - 200, &mine);
	sqe_t d;

	(void)arg;
	if (window_is_refused_here(MMAPDEMO_TECH_VMALLOC)) {
		CHECK_RET(ret, -EOPNOTSUPP);
		return;
	}
	CHECK_OK(ret);
	theirs = window_get(p.fd, p.dev, WINDOW_RW, 0, LEN);
	memset(m, 0x5e, LEN);
	fill(m + 100, LEN - 200, 1);
	d = sqe_copy(theirs, 0, mine, 0, LEN - 200);
	QUEUE_OK(&q, &d);
	CHECK_EQ(differs(p.d, LEN - 200, 1), LEN - 200);
	fill(p.d, LEN - 200, 2);
	d = sqe_copy(mine, 0, theirs, 0, LEN - 200);
	QUEUE_OK(&q, &d);
	CHECK_EQ(differs(m + 100, LEN - 200, 2), LEN - 200);
	CHECK_EQ(first_not(m, 100, 0x5e), 100);
	CHECK_EQ(first_not(m + LEN - 100, 100, 0x5e), 100);
	d = sqe_copy(mine, 1, theirs, 0, LEN - 200);
	queue_expect(&q, &d, MMAPDEMO_CQ_RANGE, "one byte past the window");
	/* The window holds the memory: the handle goes, then the mapping, and the device still writes. */
	CHECK_OK(buf_free(p.fd, handle));
	unmap(m, LEN);
	d = sqe_copy(mine, 0, theirs, 0, LEN - 200);
	QUEUE_OK(&q, &d);
	CHECK_EQ(pinned_kb(), LEN / 1024);
	CHECK_OK(window_destroy(p.fd, mine));
	CHECK_EQ(pinned_kb(), 0);
}

static void pin_is_not_to_be_mapped_or_exported(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);
	u32 handle = buf_pin(p.fd, m, LEN, 0);
	u64 offset = buf_info(p.fd, handle).out_offset;
	int exported;

	(void)arg;
	if (offset) {
		CHECK_RET(map_try(p.fd, PAGE, RW, MAP_SHARED, offset, NULL), -EOPNOTSUPP);
		CHECK_EQ(pread(p.fd, m, 8, offset), -1);
		CHECK_EQ(errno, EOPNOTSUPP);
		CHECK_EQ(pwrite(p.fd, m, 8, offset), -1);
		CHECK_EQ(errno, EOPNOTSUPP);
	}
	if (info_get(p.fd).out_caps & MMAPDEMO_CAP_DMABUF)
		CHECK_RET(buf_try_export(p.fd, handle, &exported), -EOPNOTSUPP);
}

/* --- what may not be pinned ---------------------------------------------------------------------- */

static void pin_geometry_einval(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);

	(void)arg;
	pin_refused(p.fd, m + 1, PAGE, 0, -EINVAL, "address + 1");
	pin_refused(p.fd, m + 2048, PAGE, 0, -EINVAL, "half a page in");
	pin_refused(p.fd, m, 0, 0, -EINVAL, "no length");
	pin_refused(p.fd, m, PAGE + 1, 0, -EINVAL, "a page and a byte");
	pin_refused(p.fd, m, PAGE - 1, 0, -EINVAL, "less than a page");
	pin_refused(p.fd, m, ~0ULL, 0, -EINVAL, "2^64 - 1 bytes");
	pin_refused(p.fd, m, -(u64)PAGE, 0, -EINVAL, "2^64 - 4096 bytes");
	pin_refused(p.fd, (void *)-(u64)PAGE, 2 * PAGE, 0, -EINVAL, "past 2^64");
}

static void pin_of_what_is_not_there_efault(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);
	/* Ends where the one before begins: in a buffer's limits, but nobody's. */
	void *const addresses[] = {
		NULL, (void *)0x7ffffffff000ULL, (void *)0x800000000000ULL,
		(void *)0xffff888000000000ULL, (void *)0xffffffff81000000ULL,
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		pin_refused(p.fd, addresses[i], PAGE, 0, -EFAULT, "not a mapping");
	unmap(m + 3 * PAGE, PAGE);
	pin_refused(p.fd, m, LEN, 0, -EFAULT, "a hole in the middle");
	pin_refused(p.fd, m, 4 * PAGE, 0, -EFAULT, "a hole at the end");
	CHECK_EQ(to_device(&p, buf_pin(p.fd, m, 3 * PAGE, 0), 0, 3 * PAGE), 0);
	CHECK_SYS(mprotect(m + 5 * PAGE, PAGE, PROT_NONE));
	pin_refused(p.fd, m + 4 * PAGE, 2 * PAGE, 0, -EFAULT, "no access");
	pin_refused(p.fd, m + 4 * PAGE, 2 * PAGE, MMAPDEMO_PIN_READ_ONLY, -EFAULT, "no access to read");
	/* The limits of INFO come before the pages. */
	pin_refused(p.fd, m, info_get(p.fd).out_max_bytes + PAGE, 0, -EDQUOT, "more than a file may have");
}

/* Entries that point at the device, or at pages that are not the process's to hold. */
static void pin_of_mappings_of_the_device_efault(const void *arg)
{
	static const u32 techniques[] = {
		MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE,
		MMAPDEMO_TECH_PAGES,
	};
	struct pinner p = pinner_get();
	struct mmapdemo_region_info r = region_get(p.fd, MMAPDEMO_REGION_USER_PAGE);
	struct queue q = queue_get(p.fd, 3);
	char *m;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++) {
		struct mmapdemo_buf_alloc a;

		if (!technique_is_there(p.fd, techniques[i]))
			continue;
		a = buf_alloc(p.fd, techniques[i], PAGE);
		m = map_rw(p.fd, PAGE, a.out_offset);
		CHECK_EQ(touch_write(m, 1), 0);
		pin_refused(p.fd, m, PAGE, 0, -EFAULT, "a mapping of ours");
		pin_refused(p.fd, m, PAGE, MMAPDEMO_PIN_READ_ONLY, -EFAULT, "a mapping of ours, to read");
	}
	pin_refused(p.fd, map_rw(p.fd, PAGE, r.out_offset), PAGE, 0, -EFAULT, "registers");
	pin_refused(p.fd, (void *)q.doorbell, PAGE, 0, -EFAULT, "a doorbell");
}

static void pin_of_read_only_memory_is_read_only(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN), *text = (char *)((uintptr_t)&pin_geometry_einval & -PAGE);
	u32 handle, window;

	(void)arg;
	fill(m, LEN, 1);
	CHECK_SYS(mprotect(m, LEN, PROT_READ));
	pin_refused(p.fd, m, LEN, 0, -EFAULT, "not writable");
	pin_refused(p.fd, text, PAGE, 0, -EFAULT, "code");
	handle = buf_pin(p.fd, m, LEN, MMAPDEMO_PIN_READ_ONLY);
	CHECK_OK(to_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(p.d, LEN, 1), LEN);
	memset(p.d, 0x11, LEN);
	CHECK_RET(from_device(&p, handle, 0, LEN), -EACCES);
	CHECK_EQ(differs(m, LEN, 1), LEN);
	CHECK_RET(window_try_create(p.fd, handle, MMAPDEMO_WINDOW_WRITE, 0, PAGE, &window),
		  -EACCES);
	CHECK_RET(window_try_create(p.fd, handle, WINDOW_RW, 0, PAGE, &window), -EACCES);
	if (!window_is_refused_here(MMAPDEMO_TECH_VMALLOC))
		CHECK_OK(window_destroy(p.fd, window_get(p.fd, handle, MMAPDEMO_WINDOW_READ, 0,
							 PAGE)));
	/* Neither does the kernel's text change. */
	handle = buf_pin(p.fd, text, PAGE, MMAPDEMO_PIN_READ_ONLY);
	CHECK_OK(to_device(&p, handle, 0, PAGE));
	CHECK(!memcmp(p.d, text, PAGE));
	CHECK_RET(from_device(&p, handle, 0, 8), -EACCES);
}

/* --- files, huge pages --------------------------------------------------------------------------------- */

static void pin_of_shared_memory_is_seen_by_all(const void *arg)
{
	struct pinner p = pinner_get();
	int memfd = CHECK_SYS(memfd_create("pin", MFD_CLOEXEC));
	char *m, *other;
	u32 handle;

	(void)arg;
	CHECK_SYS(ftruncate(memfd, LEN));
	m = CHECK_SYS(mmap(NULL, LEN, RW, MAP_SHARED, memfd, 0));
	other = CHECK_SYS(mmap(NULL, LEN, PROT_READ, MAP_SHARED, memfd, 0));
	handle = buf_pin(p.fd, m, LEN, 0);
	fill(p.d, LEN, 7);
	CHECK_OK(from_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(other, LEN, 7), LEN);
	/* The file gets shorter under it: the pages are nobody's, and stay. */
	CHECK_SYS(ftruncate(memfd, 0));
	CHECK_OK(from_device(&p, handle, 0, LEN));
	CHECK_EQ(touch_read(m, NULL), SIGBUS);
	CHECK_OK(buf_free(p.fd, handle));
}

/* Pages that are written back to a disk: the file system must know who writes to them. */
static void pin_of_files_on_disk_eopnotsupp(const void *arg)
{
	struct pinner p = pinner_get();
	int disk = open("/dev/vda", O_RDWR | O_CLOEXEC);
	char *m;
	u32 handle;

	(void)arg;
	if (disk < 0)
		test_skip("there is no /dev/vda to be mapped");
	m = CHECK_SYS(mmap(NULL, LEN, RW, MAP_SHARED, disk, 0));
	pin_refused(p.fd, m, LEN, 0, -EOPNOTSUPP, "a block device, to be written");
	unmap(m, LEN);
	/* A copy of it is the process's own. */
	m = CHECK_SYS(mmap(NULL, LEN, RW, MAP_PRIVATE, disk, 0));
	handle = buf_pin(p.fd, m, LEN, 0);
	fill(p.d, LEN, 8);
	CHECK_OK(from_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(m, LEN, 8), LEN);
}

static void pin_of_huge_pages_moves_every_byte(const void *arg)
{
	struct pinner p = pinner_get();
	u32 dev = buf_alloc(p.fd, MMAPDEMO_TECH_BAR, 2 * MIB).out_handle, handle;
	char *m, old[16];
	int ret;

	(void)arg;
	CHECK_OK(file_read("/proc/sys/vm/nr_hugepages", old, sizeof(old)));
	if (file_try_write("/proc/sys/vm/nr_hugepages", "2"))
		test_skip("this kernel has no huge pages");
	m = mmap(NULL, 2 * MIB, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (m == MAP_FAILED) {
		file_try_write("/proc/sys/vm/nr_hugepages", old);
		test_skip("no huge page to be had");
	}
	fill(m, 2 * MIB, 1);
	ret = buf_try_pin(p.fd, m, 2 * MIB, 0, &handle);
	if (!ret) {
		CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_TO_DEVICE, handle, 0, dev, 0, 2 * MIB, NULL));
		memset(m, 0, 2 * MIB);
		CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_FROM_DEVICE, handle, 0, dev, 0, 2 * MIB,
				  NULL));
		CHECK_EQ(differs(m, 2 * MIB, 1), 2 * MIB);
		CHECK_OK(buf_free(p.fd, handle));
	}
	unmap(m, 2 * MIB);
	file_try_write("/proc/sys/vm/nr_hugepages", old);
	CHECK_OK(ret);
}

/* --- limits ---------------------------------------------------------------------------------------------- */

/* As nobody, who has no capability that lifts it; the file was opened by who may. */
static void pin_over_rlimit_memlock_enomem(const void *arg)
{
	struct pinner p = pinner_get();
	struct rlimit limit = { LEN, LEN };
	char *m = anon_get(4 * LEN);
	pid_t pid;

	(void)arg;
	/* Asked for by root: nobody has no way to QEMU. */
	busy_each(20 * BUSY_EACH_NS);
	pid = child_fork();
	if (!pid) {
		struct mmapdemo_dma_submit s = {
			.direction = MMAPDEMO_DMA_TO_DEVICE, .dev_handle = p.dev, .len = PAGE,
		};
		u32 handle, more;

		CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
		CHECK_SYS(setgid(NOBODY));
		CHECK_SYS(setuid(NOBODY));
		pin_refused(p.fd, m, LEN + PAGE, 0, -ENOMEM, "a page more than the limit");
		handle = buf_pin(p.fd, m, LEN, 0);
		CHECK_EQ(pinned_kb(), LEN / 1024);
		pin_refused(p.fd, m + LEN, PAGE, 0, -ENOMEM, "a page more, another buffer");
		/* The same pages once more count once more. */
		pin_refused(p.fd, m, PAGE, 0, -ENOMEM, "a page of them, again");
		CHECK_OK(buf_free(p.fd, handle));
		CHECK_EQ(pinned_kb(), 0);
		handle = buf_pin(p.fd, m, LEN, 0);
		/* What a transfer uses is pinned until it has ended. */
		s.mem_handle = handle;
		CHECK_OK(dma_submit(p.fd, &s));
		CHECK_OK(buf_free(p.fd, handle));
		pin_refused(p.fd, m, PAGE, 0, -ENOMEM, "while a transfer uses what was freed");
		CHECK_OK(dma_collect(p.fd, s.out_seq, NULL));
		more = buf_pin(p.fd, m, LEN, 0);
		CHECK_OK(buf_free(p.fd, more));
		/* mlock(2) counts towards the same limit. */
		CHECK_SYS(mlock(m, 4 * PAGE));
		pin_refused(p.fd, m, LEN, 0, -ENOMEM, "the half is locked");
		handle = buf_pin(p.fd, m, 4 * PAGE, 0);
		CHECK_OK(buf_free(p.fd, handle));
		child_exit();
	}
	child_wait(pid, 8000);
	/* One with CAP_IPC_LOCK is not bound by it, as with mlock(2). */
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	CHECK_OK(buf_free(p.fd, buf_pin(p.fd, m, 2 * LEN, 0)));
}

static void pin_counts_as_a_buffer_edquot(const void *arg)
{
	struct pinner p = pinner_get();
	u32 num = info_get(p.fd).out_max_bufs - 1;	/* there is one already */
	u32 *handles = calloc(num, sizeof(*handles));
	char *m = anon_get(LEN);

	(void)arg;
	CHECK(handles);
	for (u32 i = 0; i < num; i++)
		handles[i] = buf_pin(p.fd, m, PAGE, 0);
	pin_refused(p.fd, m, PAGE, 0, -EDQUOT, "one more than a file may have");
	CHECK_OK(buf_free(p.fd, handles[num / 2]));
	buf_pin(p.fd, m, PAGE, 0);
	pin_refused(p.fd, m, PAGE, 0, -EDQUOT, "and again");
}

static void pin_foreign_handle_enoent(const void *arg)
{
	struct pinner p = pinner_get();
	int other = dev_open(O_RDWR);
	char *m = anon_get(LEN);
	u32 handle = 0, window;

	(void)arg;
	/* Beyond what the other has. */
	for (int i = 0; i < 20; i++)
		handle = buf_pin(p.fd, m, LEN, 0);
	CHECK_RET(buf_free(other, handle), -ENOENT);
	CHECK_RET(window_try_create(other, handle, WINDOW_RW, 0, PAGE, &window), -ENOENT);
	CHECK_RET(buf_sync(other, handle, MMAPDEMO_SYNC_FOR_CPU, 0, PAGE), -ENOENT);
	CHECK_OK(to_device(&p, handle, 0, LEN));
}

void register_pin(void)
{
	TEST_ADD(pin_moves_bytes_both_ways);
	TEST_ADD(pin_serves_a_queue_through_windows);
	TEST_ADD(pin_is_not_to_be_mapped_or_exported);
	TEST_ADD(pin_geometry_einval);
	TEST_ADD(pin_of_what_is_not_there_efault);
	TEST_ADD(pin_of_mappings_of_the_device_efault);
	TEST_ADD(pin_of_read_only_memory_is_read_only);
	TEST_ADD(pin_of_shared_memory_is_seen_by_all);
	TEST_ADD(pin_of_files_on_disk_eopnotsupp);
	TEST_ADD(pin_of_huge_pages_moves_every_byte);
	TEST_ADD(pin_over_rlimit_memlock_enomem);
	TEST_ADD(pin_counts_as_a_buffer_edquot);
	TEST_ADD(pin_foreign_handle_enoent);
}
