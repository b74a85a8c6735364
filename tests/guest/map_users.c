// SPDX-License-Identifier: MIT
/*
 * map_users.c - what the rest of the kernel does with our mappings: locking, advice, core dumps,
 * debuggers, and everything that wants pages (get_user_pages) and gets them or not, per technique.
 *
 * Most answers here are the core's, not the driver's. They follow from the flags of the mapping,
 * so that an answer that changes means a flag that is lost.
 */
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "probe.h"

#define PAGES	4
#define RW	(PROT_READ | PROT_WRITE)

/* --- locking and populating ----------------------------------------------------------------------- */

static void mlock_is_accepted(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = object_map(&o);
	CHECK_SYS(mlock(p, o.len));
	object_verify_page(&o, p, 0);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 1);
	CHECK_SYS(munlock(p, PAGE));
	object_verify_page(&o, p, 0);
	CHECK_SYS(mlockall(MCL_CURRENT | MCL_FUTURE));
	object_verify_page(&o, object_map(&o), 0);
	CHECK_SYS(munlockall());
}

static void populate_shows_every_page(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = CHECK_SYS(mmap(NULL, o.len, RW, MAP_SHARED | MAP_POPULATE, o.fd, o.offset));
	/*
	 * Also where pages otherwise come at the first touch; but the core populates nothing that
	 * has no struct page.
	 */
	CHECK_EQ(map_info(o.fd, p + o.len - PAGE).out_present,
		 (o.flags & (SUBJ_LAZY | SUBJ_PFN)) != (SUBJ_LAZY | SUBJ_PFN));
	for (u64 n = 0; n < PAGES; n++)
		object_verify_page(&o, p + n * PAGE, n);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 1);
}

static void pages_come_at_the_first_touch(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = object_map(&o);
	for (u64 n = 0; n < PAGES; n++)
		CHECK_EQ(map_info(o.fd, p + n * PAGE).out_present, 0);
	object_verify_page(&o, p + 2 * PAGE, 2);
	for (u64 n = 0; n < PAGES; n++)
		CHECK_EQ(map_info(o.fd, p + n * PAGE).out_present, n == 2);
	/* What is written comes the same way as what is read. */
	CHECK_EQ(touch_write(p + PAGE, 1), 0);
	for (u64 n = 0; n < PAGES; n++)
		CHECK_EQ(map_info(o.fd, p + n * PAGE).out_present, n == 1 || n == 2);
}

static void pages_are_there_from_the_start(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);

	CHECK_EQ(map_info(o.fd, p).out_present, 1);
	CHECK_EQ(map_info(o.fd, p + o.len - PAGE).out_present, 1);
}

/* --- madvise ------------------------------------------------------------------------------------------ */

#define ANY	(-1000)	/* depends on the kernel's configuration */

static const struct {
	const char *name;
	int advice;
	int pfn, pages;		/* answer for VM_PFNMAP | VM_IO, and for mappings of pages */
} advices[] = {
	{ "NORMAL", 0, 0, 0 },
	{ "RANDOM", 1, 0, 0 },
	{ "SEQUENTIAL", 2, 0, 0 },
	{ "WILLNEED", 3, 0, 0 },
	{ "DONTNEED", 4, -EINVAL, 0 },
	{ "FREE", 8, -EINVAL, -EINVAL },
	{ "REMOVE", 9, -ENODEV, -ENODEV },
	{ "DONTFORK", 10, 0, 0 },
	/* Refused to everything that is a driver's on 7.3; on 6.12 to VM_IO alone. */
	{ "DOFORK", 11, -EINVAL, ANY },
	{ "MERGEABLE", 12, ANY, ANY },
	{ "UNMERGEABLE", 13, ANY, ANY },
	{ "HUGEPAGE", 14, ANY, ANY },
	{ "NOHUGEPAGE", 15, ANY, ANY },
	{ "DONTDUMP", 16, 0, 0 },
	{ "DODUMP", 17, -EINVAL, -EINVAL },
	{ "WIPEONFORK", 18, -EINVAL, -EINVAL },
	{ "KEEPONFORK", 19, 0, 0 },
	{ "COLD", 20, -EINVAL, 0 },
	{ "PAGEOUT", 21, -EINVAL, 0 },
	{ "POPULATE_READ", 22, -EINVAL, 0 },
	{ "POPULATE_WRITE", 23, -EINVAL, 0 },
	{ "DONTNEED_LOCKED", 24, -EINVAL, 0 },
	{ "COLLAPSE", 25, -EINVAL, -EINVAL },
	{ "GUARD_INSTALL", 102, -EINVAL, -EINVAL },
	{ "unknown 77", 77, -EINVAL, -EINVAL },
};

/* Whatever is advised: the bytes, the count and the protecting flags stay. */
static void advise(const struct object *o, size_t i)
{
	int want = o->flags & SUBJ_PFN ? advices[i].pfn : advices[i].pages, ret;
	char *p = object_map(o);

	for (u64 n = 0; n < PAGES; n++)
		object_verify_page(o, p + n * PAGE, n);
	ret = madvise(p, o->len, advices[i].advice) ? -errno : 0;
	if (want != ANY && ret != want)
		FAIL("MADV_%s: %s, wanted %s", advices[i].name, errno_word(ret), errno_word(want));
	if (!ret && (advices[i].advice == 4 || advices[i].advice == 24) && (o->flags & SUBJ_GONE))
		CHECK_EQ(touch_read(p, NULL), SIGBUS);
	for (u64 n = 0; n < PAGES; n++) {
		if (map_info(o->fd, p + n * PAGE).out_present || (o->flags & SUBJ_LAZY))
			object_verify_page(o, p + n * PAGE, n);
	}
	CHECK_EQ(buf_vmas(o->fd, o->handle), 1);
	CHECK(vm_flags_have(p, "de") && vm_flags_have(p, "dd"));
	CHECK_EQ(vm_flags_have(p, "dc"), advices[i].advice == 10 || (o->flags & SUBJ_DONTCOPY));
	unmap(p, o->len);
}

static void madvise_of_every_kind_is_harmless(const void *arg)
{
	struct object o = object_get(arg, PAGES);

	object_tag(&o);
	for (size_t i = 0; i < ARRAY_SIZE(advices); i++)
		advise(&o, i);
}

/*
 * Advice that a child is not to have it is taken; to take it back, only where it is no I/O, and on
 * newer kernels nowhere, see advices[].
 */
static void madvise_dontfork_keeps_it_from_a_child(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	int ret;
	pid_t pid;

	CHECK_SYS(madvise(p, PAGE, MADV_DONTFORK));
	pid = child_fork();
	if (!pid) {
		CHECK_EQ(touch_read(p, NULL), SIGSEGV);
		CHECK_EQ(touch_read(p + PAGE, NULL), 0);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 2);
	ret = madvise(p, PAGE, MADV_DOFORK) ? -errno : 0;
	if (o.flags & SUBJ_IO || ret)
		CHECK_EQ(ret, -EINVAL);
	CHECK_EQ(vm_flags_have(p, "dc"), ret != 0);
}

/* Poisoning must not take hold of the device's or the driver's memory. */
static void madvise_poison_efault(const void *arg)
{
	static const int advice[] = { 100 /* HWPOISON */, 101 /* SOFT_OFFLINE */ };
	struct object o = object_get(arg, PAGES);
	char *p;

	if (!(o.flags & SUBJ_PFN))
		test_skip("mapped by pages under an IOMMU: real memory would be poisoned");
	object_tag(&o);
	p = object_map(&o);
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++) {
		CHECK_EQ(madvise(p, PAGE, advice[i]), -1);
		/* EINVAL where the kernel has no memory failure handling at all. */
		CHECK(errno == EFAULT || errno == EINVAL);
		object_verify_page(&o, p, 0);
	}
}

/*
 * Pages that are dropped come back as they were: the buffer is their home, not the mapping. Where
 * entries were made at mmap, the next mmap has to do it.
 */
static void madvise_dontneed_brings_the_same_bytes_back(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);

	fill(p, o.len, 4);
	CHECK_SYS(madvise(p, o.len, MADV_DONTNEED));
	CHECK_EQ(map_info(o.fd, p).out_present, 0);
	CHECK(!pagemap_present(p));
	if (o.flags & SUBJ_GONE) {
		CHECK_EQ(touch_read(p, NULL), SIGBUS);
		CHECK_EQ(touch_write(p + o.len - PAGE, 1), SIGBUS);
		unmap(p, o.len);
		p = object_map(&o);
	}
	CHECK_EQ(differs(p, o.len, 4), o.len);
	CHECK_EQ(map_info(o.fd, p).out_present, 1);
	CHECK(pagemap_present(p));
}

/* --- core dumps ------------------------------------------------------------------------------------------ */

#define CORE	"/tmp/mmapdemo-core"

/* Bytes of the page at addr that the core file holds. */
static u64 core_holds(const char *path, const void *addr)
{
	int fd = CHECK_SYS(open(path, O_RDONLY | O_CLOEXEC));
	Elf64_Ehdr e;
	u64 held = 0;

	CHECK_EQ(pread(fd, &e, sizeof(e), 0), sizeof(e));
	CHECK(!memcmp(e.e_ident, ELFMAG, SELFMAG));
	for (int i = 0; i < e.e_phnum; i++) {
		Elf64_Phdr h;

		CHECK_EQ(pread(fd, &h, sizeof(h), e.e_phoff + i * sizeof(h)), sizeof(h));
		if (h.p_type == PT_LOAD && (uintptr_t)addr >= h.p_vaddr &&
		    (uintptr_t)addr < h.p_vaddr + h.p_memsz)
			held = h.p_filesz;
	}
	close(fd);
	return held;
}

static char old_pattern[256];

static void core_pattern_set(const char *pattern)
{
	file_write("/proc/sys/kernel/core_pattern", pattern);
}

void core_dump_try(int fd, void *(*map)(const void *), const void *arg, u64 pages,
		   struct core_dump *out)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct gate ready, go;
	u64 rd, wr, control;
	struct { void *p, *anon; } *at;
	int status;
	pid_t pid;

	CHECK_OK(file_read("/proc/sys/kernel/core_pattern", old_pattern, sizeof(old_pattern)));
	at = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	gate_init(&ready);
	gate_init(&go);
	unlink(CORE);
	pid = child_fork();
	if (!pid) {
		at->p = map(arg);
		at->anon = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		memset(at->anon, 0x55, PAGE);
		for (u64 n = 0; n < pages; n++)
			touch_read((char *)at->p + n * PAGE, NULL);
		setrlimit(RLIMIT_CORE, &unlimited);
		/* Every kind of mapping, so that it is the mapping's own flag that keeps it out. */
		file_write("/proc/self/coredump_filter", "0x1ff");
		signal(SIGABRT, SIG_DFL);
		gate_open(&ready);
		gate_pass(&go);
		abort();
	}
	gate_pass(&ready);
	rd = counter(fd, MMAPDEMO_REG_CNT_RD_ALL);
	wr = counter(fd, MMAPDEMO_REG_CNT_WR_ALL);
	core_pattern_set(CORE);
	gate_open(&go);
	status = child_poll(pid, 8000);
	core_pattern_set(old_pattern);
	CHECK(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(WCOREDUMP(status));
	out->reads = counter(fd, MMAPDEMO_REG_CNT_RD_ALL) - rd;
	out->writes = counter(fd, MMAPDEMO_REG_CNT_WR_ALL) - wr;
	out->held = core_holds(CORE, at->p);
	control = core_holds(CORE, at->anon);
	unlink(CORE);
	/* The control shows that the file was read right. */
	CHECK(control >= PAGE);
	unmap(at, PAGE);
}

static void *object_map_again(const void *o)
{
	return object_map(o);
}

/* The dumper must not read registers (it could change them), nor spill buffers into a file. */
static void core_dump_leaves_the_device_alone(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	u64 live = object_live_pages(&o);
	struct core_dump c;

	core_dump_try(o.fd, object_map_again, &o, live < PAGES ? live : PAGES, &c);
	CHECK_EQ(c.reads, 0);
	CHECK_EQ(c.writes, 0);
	CHECK_EQ(c.held, 0);
	CHECK_EQ(buf_vmas(o.fd, o.handle), 0);
}

/* --- those who want pages ---------------------------------------------------------------------------------- */

static bool has_pages(const struct object *o)
{
	return !(o->flags & SUBJ_PFN);
}

static void process_vm_readv_as_the_table_says(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	unsigned char buf[64];
	char *p = object_map(&o);
	pid_t pid;

	if (!(o.flags & SUBJ_REGS))
		fill(p, o.len > PAGE ? PAGE : o.len, 6);
	pid = child_fork();
	if (!pid) {
		struct iovec l = { buf, sizeof(buf) }, r = { p, sizeof(buf) };
		ssize_t n = process_vm_readv(getppid(), &l, 1, &r, 1, 0);

		if (has_pages(&o)) {
			CHECK_EQ(n, sizeof(buf));
			CHECK_EQ(differs(buf, sizeof(buf), 6), sizeof(buf));
			fill(buf, sizeof(buf), 7);
			CHECK_EQ(process_vm_writev(getppid(), &l, 1, &r, 1, 0), sizeof(buf));
		} else {
			CHECK_EQ(n, -1);
			CHECK_EQ(errno, EFAULT);
			CHECK_EQ(process_vm_writev(getppid(), &l, 1, &r, 1, 0), -1);
			CHECK_EQ(errno, EFAULT);
		}
		child_exit();
	}
	child_wait(pid, 5000);
	if (has_pages(&o))
		CHECK_EQ(differs(p, sizeof(buf), 7), sizeof(buf));
}

static void vmsplice_as_the_table_says(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct iovec v = { object_map(&o), PAGE };
	unsigned char buf[PAGE];
	int p[2];

	CHECK_SYS(pipe(p));
	if (!(o.flags & SUBJ_REGS))
		fill(v.iov_base, PAGE, 8);
	if (!has_pages(&o)) {
		CHECK_EQ(vmsplice(p[1], &v, 1, 0), -1);
		CHECK_EQ(errno, EFAULT);
		return;
	}
	CHECK_EQ(vmsplice(p[1], &v, 1, 0), PAGE);
	/* The pipe holds the page itself now: it must outlive mapping, handle and file. */
	unmap(v.iov_base, o.len);
	CHECK_OK(buf_free(o.fd, o.handle));
	close(o.fd);
	CHECK_EQ(read(p[0], buf, PAGE), PAGE);
	CHECK_EQ(differs(buf, PAGE, 8), PAGE);
}

const char *disk(void)
{
	static const char *const disks[] = { "/dev/vda", "/dev/nvme0n1" };

	for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
		if (!access(disks[i], R_OK | W_OK))
			return disks[i];
	}
	test_skip("no /dev/vda and no /dev/nvme0n1 in this guest to do O_DIRECT with");
}


static void o_direct_as_the_table_says(const void *arg)
{
	int fd = CHECK_SYS(open(disk(), O_RDWR | O_DIRECT | O_CLOEXEC));
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	void *ram = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	fill(ram, PAGE, 10);
	CHECK_EQ(pwrite(fd, ram, PAGE, DISK_OFFSET), PAGE);
	if (!has_pages(&o)) {
		CHECK_EQ(pread(fd, p, PAGE, DISK_OFFSET), -1);
		CHECK_EQ(errno, EFAULT);
		CHECK_EQ(pwrite(fd, p, PAGE, DISK_OFFSET), -1);
		CHECK_EQ(errno, EFAULT);
		object_verify_page(&o, p, ~0ULL);
		return;
	}
	CHECK_EQ(pread(fd, p + PAGE, PAGE, DISK_OFFSET), PAGE);
	CHECK_EQ(differs(p + PAGE, PAGE, 10), PAGE);
	CHECK_EQ(first_not(p, PAGE, 0), PAGE);
	CHECK_EQ(first_not(p + 2 * PAGE, PAGE, 0), PAGE);
	fill(p, PAGE, 11);
	CHECK_EQ(pwrite(fd, p, PAGE, DISK_OFFSET), PAGE);
	CHECK_EQ(pread(fd, ram, PAGE, DISK_OFFSET), PAGE);
	CHECK_EQ(differs(ram, PAGE, 11), PAGE);
}

/* A plain copy needs no page: read(2) and write(2) take any mapping of memory. */
static void plain_copy_works(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	unsigned char buf[PAGE];
	int pp[2];

	CHECK_SYS(pipe(pp));
	fill(p, PAGE, 12);
	CHECK_EQ(write(pp[1], p, PAGE), PAGE);
	CHECK_EQ(read(pp[0], buf, PAGE), PAGE);
	CHECK_EQ(differs(buf, PAGE, 12), PAGE);
	fill(buf, PAGE, 13);
	CHECK_EQ(write(pp[1], buf, PAGE), PAGE);
	CHECK_EQ(read(pp[0], p + PAGE, PAGE), PAGE);
	CHECK_EQ(differs(p + PAGE, PAGE, 13), PAGE);
}

/* A debugger sees memory that has pages; registers it must not be able to touch by accident. */
static void ptrace_peek_as_the_table_says(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	u64 rd, want;
	char path[64];
	long word;
	pid_t pid;
	int mem;

	if (!(o.flags & SUBJ_REGS))
		fill(p, PAGE, 14);
	/* The child maps it itself: not all of them are inherited. */
	pid = child_fork();
	if (!pid) {
		CHECK_SYS(mmap(p, o.len, RW, MAP_SHARED | MAP_FIXED, o.fd, o.offset));
		CHECK_SYS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		raise(SIGSTOP);
		child_exit();
	}
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED), pid);
	rd = counter(o.fd, MMAPDEMO_REG_CNT_RD_ALL);
	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, pid, p, NULL);
	mem = open(strf(path, sizeof(path), "/proc/%d/mem", pid), O_RDONLY | O_CLOEXEC);
	CHECK(mem >= 0);
	if (has_pages(&o)) {
		CHECK_EQ(errno, 0);
		memcpy(&want, p, 8);
		CHECK_EQ(word, want);
		CHECK_EQ(pread(mem, &want, 8, (uintptr_t)p), 8);
		CHECK_EQ(word, want);
	} else {
		CHECK_EQ(errno, EIO);
		CHECK_EQ(pread(mem, &want, 8, (uintptr_t)p), -1);
		CHECK_EQ(errno, EIO);
	}
	CHECK_EQ(counter(o.fd, MMAPDEMO_REG_CNT_RD_ALL) - rd, 0);
	CHECK_SYS(ptrace(PTRACE_CONT, pid, NULL, NULL));
	child_wait(pid, 5000);
}

void register_map_users(void)
{
	subject_add(mlock_is_accepted, 0, SUBJ_BIG, 0, "mlock_is_accepted");
	subject_add(populate_shows_every_page, 0, SUBJ_BIG, 0, "populate_shows_every_page");
	subject_add(pages_come_at_the_first_touch, SUBJ_LAZY, SUBJ_AROUND | SUBJ_HUGE | SUBJ_BIG, 0,
		    "pages_come_at_the_first_touch");
	subject_add(pages_are_there_from_the_start, 0, SUBJ_LAZY | SUBJ_BIG, 0,
		    "pages_are_there_from_the_start");
	subject_add(madvise_of_every_kind_is_harmless, 0, SUBJ_BIG, 20000,
		    "madvise_of_every_kind_is_harmless");
	subject_add(madvise_dontfork_keeps_it_from_a_child, 0, SUBJ_DONTCOPY | SUBJ_BIG, 0,
		    "madvise_dontfork_keeps_it_from_a_child");
	subject_add(madvise_poison_efault, SUBJ_PFN, SUBJ_BIG, 0, "madvise_poison_efault");
	subject_add(madvise_dontneed_brings_the_same_bytes_back, 0, SUBJ_PFN | SUBJ_BIG, 0,
		    "madvise_dontneed_brings_the_same_bytes_back");
	subject_add(core_dump_leaves_the_device_alone, 0, SUBJ_BIG, 15000,
		    "core_dump_leaves_the_device_alone");
	subject_add(process_vm_readv_as_the_table_says, 0, SUBJ_BIG, 0,
		    "process_vm_readv_as_the_table_says");
	subject_add(vmsplice_as_the_table_says, 0, SUBJ_BIG, 0, "vmsplice_as_the_table_says");
	subject_add(o_direct_as_the_table_says, 0, SUBJ_BIG, 0, "o_direct_as_the_table_says");
	subject_add(plain_copy_works, 0, SUBJ_REGS | SUBJ_BIG, 0, "plain_copy_works");
	subject_add(ptrace_peek_as_the_table_says, 0, SUBJ_BIG, 0, "ptrace_peek_as_the_table_says");
}
