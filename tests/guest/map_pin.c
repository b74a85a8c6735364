// SPDX-License-Identifier: MIT
/*
 * map_pin.c - pages that are held for long: ours by io_uring, the process's own by BUF_PIN.
 *
 * Not for: users that hold pages for the length of a call, see map_users.c; arguments of BUF_PIN
 * that are refused for their form, see ioctl_*.c.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/io_uring.h>

#include "machine.h"
#include "probe.h"
#include "queue.h"

#define PAGES	8
#define LEN	(PAGES * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

/* --- io_uring ----------------------------------------------------------------------------------- */

struct ring {
	int fd;
	struct io_uring_params p;
	char *sq, *cq;
	struct io_uring_sqe *sqes;
};

static struct ring ring_get(void)
{
	struct ring r = { 0 };

	r.fd = syscall(__NR_io_uring_setup, 4, &r.p);
	if (r.fd < 0)
		test_skip("no io_uring here: %m");
	r.sq = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED, r.fd, IORING_OFF_SQ_RING));
	r.cq = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED, r.fd, IORING_OFF_CQ_RING));
	r.sqes = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED, r.fd, IORING_OFF_SQES));
	return r;
}

static int ring_register(const struct ring *r, void *p, size_t len)
{
	struct iovec v = { p, len };

	return syscall(__NR_io_uring_register, r->fd, IORING_REGISTER_BUFFERS, &v, 1) < 0 ?
	       -errno : 0;
}

/* One read of `len` bytes into registered memory; returns the result. */
static int ring_read_fixed(struct ring *r, int fd, void *to, u32 len)
{
	u32 tail = *(u32 *)(r->sq + r->p.sq_off.tail), head;

	r->sqes[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_READ_FIXED, .fd = fd, .addr = (uintptr_t)to, .len = len,
	};
	((u32 *)(r->sq + r->p.sq_off.array))[tail & (r->p.sq_entries - 1)] = 0;
	__atomic_store_n((u32 *)(r->sq + r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	CHECK_EQ(syscall(__NR_io_uring_enter, r->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
	head = *(u32 *)(r->cq + r->p.cq_off.head);
	CHECK_EQ(__atomic_load_n((u32 *)(r->cq + r->p.cq_off.tail), __ATOMIC_ACQUIRE), head + 1);
	__atomic_store_n((u32 *)(r->cq + r->p.cq_off.head), head + 1, __ATOMIC_RELEASE);
	return ((struct io_uring_cqe *)(r->cq + r->p.cq_off.cqes))
		[head & (r->p.cq_entries - 1)].res;
}

/* Pages that a ring holds outlive mapping, handle and file, and are still the same pages. */
static void io_uring_fixed_buffer_as_the_table_says(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct ring r = ring_get();
	char *p = object_map(&o), *other = object_map(&o), buf[2 * PAGE];
	int pp[2], ret = ring_register(&r, p, 4 * PAGE);

	if (o.flags & SUBJ_PFN) {
		/* Kernels before 6.5 first ask whether it is a file that is mapped. */
		CHECK(ret == -EFAULT || ret == -EOPNOTSUPP);
		CHECK_EQ(buf_vmas(o.fd, o.handle), 2);
		return;
	}
	if (ret == -EOPNOTSUPP)
		test_skip("this kernel's io_uring takes no mapping of a file");
	CHECK_OK(ret);
	CHECK_SYS(pipe(pp));
	fill(buf, sizeof(buf), 21);
	CHECK_EQ(write(pp[1], buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(ring_read_fixed(&r, pp[0], p + PAGE, sizeof(buf)), sizeof(buf));
	CHECK_EQ(differs(other + PAGE, sizeof(buf), 21), sizeof(buf));
	unmap(p, o.len);
	CHECK_OK(buf_free(o.fd, o.handle));
	close(o.fd);
	fill(buf, PAGE, 22);
	CHECK_EQ(write(pp[1], buf, PAGE), PAGE);
	CHECK_EQ(ring_read_fixed(&r, pp[0], p, PAGE), PAGE);
	CHECK_EQ(differs(other, PAGE, 22), PAGE);
	CHECK_EQ(differs(other + PAGE, sizeof(buf), 21), sizeof(buf));
	unmap(other, o.len);
	/* The ring alone has it now. */
	CHECK_EQ(write(pp[1], buf, PAGE), PAGE);
	CHECK_EQ(ring_read_fixed(&r, pp[0], p, PAGE), PAGE);
}

/* --- BUF_PIN ------------------------------------------------------------------------------------- */

int pin_try(int fd, const void *addr, u64 len, u32 flags, u32 *handle)
{
	struct mmapdemo_buf_pin p = {
		.size = sizeof(p), .flags = flags, .addr = (uintptr_t)addr, .len = len,
	};
	int ret = call(fd, MMAPDEMO_IOC_BUF_PIN, &p);

	*handle = p.out_handle;
	return ret;
}

/* VmPin of this process in bytes: what is pinned and charged to it. */
static u64 pinned(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long kb = ~0ULL;
	char line[128];

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmPin: %llu", &kb);
	fclose(f);
	CHECK(kb != ~0ULL);
	return kb * 1024;
}

struct pin {
	int fd;
	u32 mem, dev;		/* handles: the process's memory, device memory as long */
	char *p, *d;		/* mapped both */
};

static int pin_open(void)
{
	int fd = dev_open(O_RDWR);

	if (!(info_get(fd).out_techniques >> MMAPDEMO_TECH_USERPTR & 1))
		test_skip("userptr: INFO's out_techniques does not list it");
	return fd;
}

static char *anon(u64 len)
{
	return CHECK_SYS(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static struct pin pin_at(int fd, char *p, u64 len)
{
	struct pin n = { .fd = fd, .p = p };
	struct mmapdemo_buf_alloc d = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);

	n.dev = d.out_handle;
	n.d = map_rw(fd, len, d.out_offset);
	CHECK_OK(pin_try(fd, p, len, 0, &n.mem));
	CHECK(n.mem != 0);
	return n;
}

static struct pin pin_get(void)
{
	int fd = pin_open();

	return pin_at(fd, anon(LEN), LEN);
}

static void to_device(const struct pin *n, u64 len)
{
	CHECK_OK(dma_copy(n->fd, MMAPDEMO_DMA_TO_DEVICE, n->mem, 0, n->dev, 0, len, NULL));
}

static void from_device(const struct pin *n, u64 len)
{
	CHECK_OK(dma_copy(n->fd, MMAPDEMO_DMA_FROM_DEVICE, n->mem, 0, n->dev, 0, len, NULL));
}

/* The device sees what the process stores there, and the other way round. */
static void pages_are_the_same(const struct pin *n, u64 len, u64 seed)
{
	fill(n->p, len, seed);
	to_device(n, len);
	CHECK_EQ(differs(n->d, len, seed), len);
	fill(n->d, len, seed + 1);
	from_device(n, len);
	CHECK_EQ(differs(n->p, len, seed + 1), len);
}

static void userptr_moves_bytes_both_ways(const void *arg)
{
	int fd = pin_open();
	char *p = anon(LEN + 2 * PAGE);
	struct mmapdemo_buf_info i;
	struct pin n;

	(void)arg;
	memset(p, 0x5a, LEN + 2 * PAGE);
	n = pin_at(fd, p + PAGE, LEN);
	i = buf_info(fd, n.mem);
	CHECK_EQ(i.out_technique, MMAPDEMO_TECH_USERPTR);
	CHECK_EQ(i.out_len, LEN);
	CHECK_EQ(i.out_cache, MMAPDEMO_CACHE_WB);
	CHECK_EQ(i.out_vmas, 0);
	pages_are_the_same(&n, LEN, 1);
	/* Part of it, at odd places, and nothing beside it. */
	memset(n.d, 0x11, LEN);
	memset(n.p, 0x22, LEN);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, n.mem, PAGE - 3, n.dev, 5, PAGE + 7, NULL));
	CHECK_EQ(first_not(n.p, PAGE - 3, 0x22), PAGE - 3);
	CHECK_EQ(first_not(n.p + PAGE - 3, PAGE + 7, 0x11), PAGE + 7);
	CHECK_EQ(first_not(n.p + 2 * PAGE + 4, LEN - 2 * PAGE - 4, 0x22), LEN - 2 * PAGE - 4);
	CHECK_EQ(first_not(p, PAGE, 0x5a), PAGE);
	CHECK_EQ(first_not(p + PAGE + LEN, PAGE, 0x5a), PAGE);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, n.mem, LEN - 7, n.dev, 0, 8, NULL), -EINVAL);
}

/* The process has it mapped: a second way in would be a second set of rules. */
static void userptr_mmap_and_pread_eopnotsupp(const void *arg)
{
	struct pin n = pin_get();
	u64 offset = buf_info(n.fd, n.mem).out_offset;
	char c = 0;

	(void)arg;
	CHECK_RET(map_try(n.fd, PAGE, RW, MAP_SHARED, offset, NULL), -EOPNOTSUPP);
	CHECK_RET(map_try(n.fd, PAGE, PROT_READ, MAP_PRIVATE, offset, NULL), -EOPNOTSUPP);
	CHECK_EQ(pread(n.fd, &c, 1, offset), -1);
	CHECK_EQ(errno, EOPNOTSUPP);
	CHECK_EQ(pwrite(n.fd, &c, 1, offset), -1);
	CHECK_EQ(errno, EOPNOTSUPP);
	CHECK_EQ(buf_info(n.fd, n.mem).out_vmas, 0);
}

static void not_pinned(int fd, const void *p, u64 len, u32 flags, int err)
{
	u64 before = pinned();
	u32 handle = HANDLE_NONE;
	int ret = pin_try(fd, p, len, flags, &handle);

	if (ret != err)
		FAIL("pin of %#llx bytes at %p, flags %#x: %s, wanted %s", (unsigned long long)len,
		     p, flags, errno_word(ret), errno_word(err));
	CHECK_EQ(pinned(), before);
}

static void userptr_what_is_not_there_efault(const void *arg)
{
	int fd = pin_open();
	char *room = map_reserve(LEN + 2 * PAGE), *p = room + PAGE;
	char *ro = CHECK_SYS(mmap(NULL, LEN, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	(void)arg;
	CHECK_SYS(mprotect(p, LEN, RW));
	memset(p, 1, LEN);
	not_pinned(fd, map_reserve(LEN), LEN, 0, -EFAULT);
	not_pinned(fd, map_reserve(LEN), LEN, MMAPDEMO_PIN_READ_ONLY, -EFAULT);
	not_pinned(fd, ro, LEN, 0, -EFAULT);
	/* All but the last page, all but the first: none of it stays pinned. */
	CHECK_SYS(mprotect(p + LEN - PAGE, PAGE, PROT_NONE));
	not_pinned(fd, p, LEN, 0, -EFAULT);
	CHECK_SYS(mprotect(p + LEN - PAGE, PAGE, RW));
	CHECK_SYS(mprotect(p, PAGE, PROT_NONE));
	not_pinned(fd, p, LEN, 0, -EFAULT);
	not_pinned(fd, p + PAGE, LEN, 0, -EFAULT);
	not_pinned(fd, (void *)0xffffffff81000000UL, LEN, 0, -EFAULT);
}

/* Memory of a device has no pages that could be held. */
static void userptr_device_mapping_efault(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	int fd = o.fd;

	if (!(info_get(fd).out_techniques >> MMAPDEMO_TECH_USERPTR & 1))
		test_skip("userptr: INFO's out_techniques does not list it");
	if (!(o.flags & SUBJ_PFN))
		test_skip("mapped by pages under an IOMMU");
	not_pinned(fd, p, 4 * PAGE, 0, -EFAULT);
	not_pinned(fd, p, 4 * PAGE, MMAPDEMO_PIN_READ_ONLY, -EFAULT);
}

static void userptr_read_only_is_read_only_to_the_device(const void *arg)
{
	int fd = pin_open();
	struct mmapdemo_buf_alloc d = buf_alloc(fd, MMAPDEMO_TECH_BAR, LEN);
	char *p = anon(LEN), *dp = map_rw(fd, LEN, d.out_offset);
	u32 handle, window;

	(void)arg;
	fill(p, LEN, 3);
	CHECK_SYS(mprotect(p, LEN, PROT_READ));
	CHECK_OK(pin_try(fd, p, LEN, MMAPDEMO_PIN_READ_ONLY, &handle));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, handle, 0, d.out_handle, 0, LEN, NULL));
	CHECK_EQ(differs(dp, LEN, 3), LEN);
	memset(dp, 0, LEN);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, handle, 0, d.out_handle, 0, LEN, NULL),
		  -EACCES);
	CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 0, LEN, &window), -EACCES);
	CHECK_EQ(differs(p, LEN, 3), LEN);
}

static void userptr_is_charged_until_freed(const void *arg)
{
	int fd = pin_open();
	u64 before = pinned();
	struct pin n = pin_at(fd, anon(LEN), LEN);
	u32 again;

	(void)arg;
	CHECK_EQ(pinned() - before, LEN);
	/* The same pages once more are charged once more. */
	CHECK_OK(pin_try(fd, n.p, LEN, 0, &again));
	CHECK_EQ(pinned() - before, 2 * LEN);
	pages_are_the_same(&n, LEN, 1);
	CHECK_OK(buf_free(fd, again));
	CHECK_EQ(pinned() - before, LEN);
	pages_are_the_same(&n, LEN, 3);
	CHECK_OK(buf_free(fd, n.mem));
	CHECK_EQ(pinned(), before);
	/* A file that is closed gives back what it held. */
	CHECK_OK(pin_try(fd, n.p, LEN, 0, &again));
	unmap(n.d, LEN);
	close(fd);
	CHECK_EQ(pinned(), before);
}

/* Whatever the process does with its addresses, the device keeps to the pages. */
static void userptr_unmapped_pages_stay_the_devices(const void *arg)
{
	struct pin n = pin_get();
	char *to = map_reserve(LEN), *fresh;

	(void)arg;
	fill(n.p, LEN, 4);
	CHECK_SYS(mremap(n.p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	n.p = to;
	pages_are_the_same(&n, LEN, 5);
	CHECK_SYS(mprotect(n.p, LEN, PROT_READ));
	CHECK_SYS(mprotect(n.p, LEN, RW));
	pages_are_the_same(&n, LEN, 7);
	unmap(n.p, LEN);
	fresh = CHECK_SYS(mmap(n.p, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	memset(fresh, 0x33, LEN);
	memset(n.d, 0, LEN);
	/* Still what was there: the pages at that address now are others. */
	to_device(&n, LEN);
	CHECK_EQ(differs(n.d, LEN, 8), LEN);
	memset(n.d, 0x44, LEN);
	from_device(&n, LEN);
	CHECK_EQ(first_not(fresh, LEN, 0x33), LEN);
}

static void userptr_madvise_dontneed_parts_process_and_device(const void *arg)
{
	struct pin n = pin_get();

	(void)arg;
	fill(n.p, LEN, 5);
	CHECK_SYS(madvise(n.p, LEN, MADV_DONTNEED));
	CHECK_EQ(first_not(n.p, LEN, 0), LEN);
	to_device(&n, LEN);
	CHECK_EQ(differs(n.d, LEN, 5), LEN);
}

/* Pinned pages stay the parent's; a child gets copies, at once. */
static void userptr_fork_keeps_the_parents_pages(const void *arg)
{
	struct pin n = pin_get();
	struct gate go;
	pid_t pid;

	(void)arg;
	fill(n.p, LEN, 6);
	gate_init(&go);
	pid = child_fork();
	if (!pid) {
		gate_pass(&go);
		CHECK_EQ(differs(n.p, LEN, 6), LEN);
		memset(n.p, 0x66, LEN);
		child_exit();
	}
	memset(n.d, 0x77, LEN);
	from_device(&n, LEN);
	CHECK_EQ(first_not(n.p, LEN, 0x77), LEN);
	gate_open(&go);
	child_wait(pid, 5000);
	CHECK_EQ(first_not(n.p, LEN, 0x77), LEN);
	pages_are_the_same(&n, LEN, 8);
	CHECK_EQ(pinned(), LEN);
}

/* Memory in every shape a process has it. */
static void userptr_every_kind_of_memory(const void *arg)
{
	int fd = pin_open(), mem = CHECK_SYS(memfd_create("m", MFD_CLOEXEC));
	const u64 huge = 2 * 1024 * 1024;
	char *room = map_reserve(3 * huge), *p;
	struct pin n;

	(void)arg;
	/* Shared, of no file system that writes pages back. */
	CHECK_SYS(ftruncate(mem, LEN));
	p = CHECK_SYS(mmap(NULL, LEN, RW, MAP_SHARED, mem, 0));
	n = pin_at(fd, p, LEN);
	pages_are_the_same(&n, LEN, 1);
	CHECK_EQ(pread(mem, n.d, LEN, 0), LEN);
	CHECK_EQ(differs(n.d, LEN, 2), LEN);
	CHECK_OK(buf_free(fd, n.mem));
	/* Anonymous and shared. */
	n = pin_at(fd, CHECK_SYS(mmap(NULL, LEN, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0)), LEN);
	pages_are_the_same(&n, LEN, 3);
	CHECK_OK(buf_free(fd, n.mem));
	/* Never touched, and in the middle of a huge page or what would be one. */
	p = room + (huge - (uintptr_t)room % huge) % huge;
	CHECK_SYS(mprotect(p, huge, RW));
	CHECK_SYS(madvise(p, huge, MADV_HUGEPAGE));
	n = pin_at(fd, p + 100 * PAGE, LEN);
	pages_are_the_same(&n, LEN, 5);
	CHECK_OK(buf_free(fd, n.mem));
	n = pin_at(fd, p, huge);
	pages_are_the_same(&n, huge, 7);
	CHECK_OK(buf_free(fd, n.mem));
	CHECK_EQ(pinned(), 0);
}

static void userptr_over_memlock_limit_enomem(const void *arg)
{
	int fd = pin_open();
	char *p = anon(LEN);
	pid_t pid;

	(void)arg;
	pid = child_fork();
	if (!pid) {
		struct rlimit four = { 4 * PAGE, 4 * PAGE };
		u32 handle;

		CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &four));
		/* CAP_IPC_LOCK is above the limit: a process without it is asked for. */
		CHECK_SYS(setresgid(1000, 1000, 1000));
		CHECK_SYS(setresuid(1000, 1000, 1000));
		not_pinned(fd, p, 5 * PAGE, 0, -ENOMEM);
		CHECK_OK(pin_try(fd, p, 4 * PAGE, 0, &handle));
		not_pinned(fd, p + 4 * PAGE, PAGE, 0, -ENOMEM);
		CHECK_OK(buf_free(fd, handle));
		CHECK_OK(pin_try(fd, p + PAGE, 4 * PAGE, 0, &handle));
		child_exit();
	}
	child_wait(pid, 5000);
}

/* The driver lets go, and the memory is as it was: it was never ours. */
static void userptr_unbind_leaves_the_memory(const void *arg)
{
	struct pin n = pin_get();

	(void)arg;
	pages_are_the_same(&n, LEN, 1);
	driver_unbind();
	CHECK_EQ(pinned(), 0);
	CHECK_EQ(differs(n.p, LEN, 2), LEN);
	CHECK_EQ(touch_write(n.p, 1), 0);
	CHECK_RET(buf_free(n.fd, n.mem), -ENODEV);
	driver_bind();
	CHECK_EQ(touch_write(n.p + LEN - PAGE, 1), 0);
	close(n.fd);
	CHECK_EQ(pinned(), 0);
}

void register_map_pin(void)
{
	subject_add(io_uring_fixed_buffer_as_the_table_says, 0, SUBJ_BIG, 0,
		    "io_uring_fixed_buffer_as_the_table_says");
	subject_add(userptr_device_mapping_efault, SUBJ_PFN, SUBJ_BIG, 0, "userptr_of_it_efault");
	TEST_ADD(userptr_moves_bytes_both_ways);
	TEST_ADD(userptr_mmap_and_pread_eopnotsupp);
	TEST_ADD(userptr_what_is_not_there_efault);
	TEST_ADD(userptr_read_only_is_read_only_to_the_device);
	TEST_ADD(userptr_is_charged_until_freed);
	TEST_ADD(userptr_unmapped_pages_stay_the_devices);
	TEST_ADD(userptr_madvise_dontneed_parts_process_and_device);
	TEST_ADD(userptr_fork_keeps_the_parents_pages);
	TEST_ADD(userptr_every_kind_of_memory);
	TEST_ADD(userptr_over_memlock_limit_enomem);
	TEST_ADD_SLOW(userptr_unbind_leaves_the_memory, 20000);
}
