// SPDX-License-Identifier: MIT
/*
 * queue_map.c - mapping a queue's memory and its doorbell: what is granted, to whom, and that the
 * mapping is neither inherited, nor executed, nor dumped, nor left behind by its queue.
 *
 * Every case is a test of its own for either of the two: queue_ring_<case>, queue_doorbell_<case>.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "queue.h"

#define RW	(PROT_READ | PROT_WRITE)
#define LOG2N	7	/* rings of several pages */

static const struct part {
	const char *name;
	bool doorbell;
} parts[] = {
	{ "ring", false },
	{ "doorbell", true },
};

/* A queue with neither mapped, and what one of them is. */
struct subject_part {
	struct queue q;
	u64 len, offset;
	bool doorbell;
};

static struct subject_part part_get(const void *arg)
{
	const struct part *p = arg;
	struct subject_part s = { .q = queue_get(dev_open(O_RDWR), LOG2N) };

	queue_unmap(&s.q);
	s.doorbell = p->doorbell;
	s.len = p->doorbell ? s.q.c.out_doorbell_len : s.q.c.out_ring_len;
	s.len = (s.len + PAGE - 1) & ~(PAGE - 1);
	s.offset = p->doorbell ? s.q.c.out_doorbell_offset : s.q.c.out_ring_offset;
	return s;
}

static void refused_prot(const struct subject_part *s, int fd, u64 len, int prot, int flags,
			 u64 offset, int err)
{
	int ret = map_try(fd, len, prot, flags, offset, NULL);

	if (ret != err)
		FAIL("mmap of %#llx bytes, protection %d, flags %d, offset +%#llx: %s, wanted %s",
		     (unsigned long long)len, prot, flags, (unsigned long long)(offset - s->offset),
		     errno_word(ret), errno_word(err));
}

static void refused(const struct subject_part *s, u64 len, u64 offset, int err)
{
	refused_prot(s, s->q.fd, len, RW, MAP_SHARED, offset, err);
	refused_prot(s, s->q.fd, len, PROT_READ, MAP_SHARED, offset, err);
	refused_prot(s, s->q.fd, len, PROT_READ, MAP_PRIVATE, offset, err);
}

/* The queue still works for its owner, whatever was tried before. */
static void still_works(struct subject_part *s)
{
	sqe_t nop = { .op = MMAPDEMO_OP_NOP, .user = 99 };

	queue_map(&s->q);
	QUEUE_OK(&s->q, &nop);
	queue_unmap(&s->q);
}

static void maps_exactly_its_own_length(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *area = map_reserve(s.len + 2 * PAGE), *p;

	p = CHECK_SYS(mmap(area + PAGE, s.len, RW, MAP_SHARED | MAP_FIXED, s.q.fd, s.offset));
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(touch_read(p + s.len - 4, NULL), 0);
	CHECK_EQ(touch_read(p - 4, NULL), SIGSEGV);
	CHECK_EQ(touch_read(p + s.len, NULL), SIGSEGV);
	refused(&s, s.len + PAGE, s.offset, -EINVAL);
	refused(&s, s.len + 1, s.offset, -EINVAL);
	refused(&s, PAGE, s.offset + s.len, -EINVAL);
	refused(&s, 2 * PAGE, s.offset + s.len - PAGE, -EINVAL);
	refused(&s, s.len, s.offset + PAGE, -EINVAL);
	/* A doorbell is a page of a stride of 64 KiB: no more of it. */
	refused(&s, MMAPDEMO_DOORBELL_STRIDE, s.offset, -EINVAL);
	refused(&s, PAGE, s.offset + MMAPDEMO_DOORBELL_STRIDE, -EINVAL);
	refused(&s, 1ULL << 32, s.offset, -EINVAL);
	refused(&s, 1ULL << 44, s.offset, -EINVAL);
	refused(&s, PAGE, s.offset + 1, -EINVAL);
	unmap(p, s.len);
	still_works(&s);
}

static void maps_in_parts(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *whole = map_rw(s.q.fd, s.len, s.offset);

	for (u64 off = 0; off < s.len; off += PAGE) {
		u32 *p = map_rw(s.q.fd, PAGE, s.offset + off);

		if (s.doorbell) {
			CHECK_EQ(*p, 0);
		} else {
			p[PAGE / 4 - 1] = 0x1000 + off;
			CHECK_EQ(((u32 *)(whole + off))[PAGE / 4 - 1], 0x1000 + off);
			p[PAGE / 4 - 1] = 0;
		}
		unmap(p, PAGE);
	}
	unmap(whole, s.len);
	still_works(&s);
}

/* A new queue's memory shows nothing of anyone, and what the driver presets. */
static void new_ring_is_zero_but_for_the_preset(const void *arg)
{
	struct queue q = queue_get(dev_open(O_RDWR), LOG2N);

	(void)arg;
	CHECK_EQ(*ring_word(&q, MMAPDEMO_RING_SQ_TAIL), 0);
	CHECK_EQ(*ring_word(&q, MMAPDEMO_RING_CQ_EVENT), MMAPDEMO_CQ_EVENT_QUIET);
	/* The first descriptor rings. */
	CHECK_EQ(*ring_word(&q, MMAPDEMO_RING_SQ_EVENT), 0);
	CHECK_EQ(*ring_word(&q, MMAPDEMO_RING_SQ_HEAD), 0);
	CHECK_EQ(*ring_word(&q, MMAPDEMO_RING_ERROR), 0);
	CHECK_EQ(first_not(q.ring + 0x100, q.c.out_ring_len - 0x100, 0), q.c.out_ring_len - 0x100);
}

static void private_or_executable_is_refused(const void *arg)
{
	struct subject_part s = part_get(arg);
	char perms[5], *p;

	refused_prot(&s, s.q.fd, PAGE, RW, MAP_PRIVATE, s.offset, -EINVAL);
	refused_prot(&s, s.q.fd, PAGE, PROT_WRITE, MAP_PRIVATE, s.offset, -EINVAL);
	refused_prot(&s, s.q.fd, PAGE, RW | PROT_EXEC, MAP_SHARED, s.offset, -EPERM);
	refused_prot(&s, s.q.fd, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, s.offset, -EPERM);
	refused_prot(&s, s.q.fd, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, s.offset, -EPERM);
	p = map_rw(s.q.fd, PAGE, s.offset);
	CHECK_EQ(mprotect(p, PAGE, RW | PROT_EXEC), -1);
	CHECK_EQ(errno, EACCES);
	CHECK_EQ(mprotect(p, PAGE, PROT_READ | PROT_EXEC), -1);
	CHECK_EQ(errno, EACCES);
	map_perms(p, perms);
	CHECK(!strcmp(perms, "rw-s"));
	unmap(p, PAGE);
	/* One that can only be read, or only be a private copy in waiting, stays so. */
	p = NULL;
	if (!map_try(s.q.fd, PAGE, PROT_READ, MAP_PRIVATE, s.offset, (void **)&p)) {
		CHECK_EQ(mprotect(p, PAGE, RW), -1);
		CHECK_EQ(errno, EACCES);
		unmap(p, PAGE);
	}
	still_works(&s);
}

static void read_only_can_be_read(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *p = map_ro(s.q.fd, PAGE, s.offset);

	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(touch_write(p, 0), SIGSEGV);
	CHECK_SYS(mprotect(p, PAGE, RW));
	CHECK_EQ(touch_write(p, 0), 0);
	CHECK_SYS(mprotect(p, PAGE, PROT_NONE));
	CHECK_EQ(touch_read(p, NULL), SIGSEGV);
	unmap(p, PAGE);
	still_works(&s);
}

static void vm_flags_are_those_of_a_private_object(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *p = map_rw(s.q.fd, s.len, s.offset), flags[256];

	vm_flags_get(p, flags, sizeof(flags));
	diag("VmFlags:%s", flags);
	CHECK(vm_flags_have(p, "sh"));
	CHECK(vm_flags_have(p, "de"));
	CHECK(vm_flags_have(p, "dd"));
	CHECK(vm_flags_have(p, "dc"));
	CHECK(!vm_flags_have(p, "ex"));
	CHECK(!vm_flags_have(p, "me"));
	if (s.doorbell) {
		CHECK(vm_flags_have(p, "io"));
		CHECK(vm_flags_have(p, "pf"));
	}
	CHECK_EQ(map_info(s.q.fd, p).out_technique,
		 s.doorbell ? MMAPDEMO_TECH_BAR : MMAPDEMO_TECH_COHERENT);
	touch_read(p, NULL);
	CHECK_EQ(map_info(s.q.fd, p).out_cache,
		 s.doorbell ? MMAPDEMO_CACHE_UC : MMAPDEMO_CACHE_WB);
	CHECK_EQ(map_info(s.q.fd, p).out_offset, s.offset);
}

static void mremap_never_makes_it_larger(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *p = map_rw(s.q.fd, s.len, s.offset), *to = map_reserve(s.len);
	void *q;

	CHECK(mremap(p, s.len, s.len + PAGE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, EFAULT);
	CHECK(mremap(p, 0, s.len, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_EQ(errno, EFAULT);
	CHECK(mremap(p, s.len, s.len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP) == MAP_FAILED);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(touch_read(p, NULL), 0);
	/* Moved as a whole, or refused as a whole. */
	q = mremap(p, s.len, s.len, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	diag("moving it: %s", q == MAP_FAILED ? errno_word(errno) : "works");
	CHECK_EQ(touch_read(q == MAP_FAILED ? p : to, NULL), 0);
	if (q != MAP_FAILED)
		CHECK_EQ(touch_read(p, NULL), SIGSEGV);
	CHECK_OK(queue_destroy(s.q.fd, s.q.c.out_queue));
	CHECK_EQ(touch_read(q == MAP_FAILED ? p : to, NULL), SIGBUS);
}

/* --- other files, other processes ---------------------------------------------------------------- */

static void foreign_or_destroyed_offset_enoent(const void *arg)
{
	struct subject_part s = part_get(arg), other = part_get(arg);
	u64 old = s.offset;

	CHECK(other.offset != s.offset);
	refused_prot(&s, other.q.fd, PAGE, RW, MAP_SHARED, s.offset, -ENOENT);
	refused_prot(&s, other.q.fd, PAGE, PROT_READ, MAP_PRIVATE, s.offset, -ENOENT);
	refused_prot(&s, other.q.fd, s.len, RW, MAP_SHARED, s.offset, -ENOENT);
	CHECK_OK(queue_destroy(s.q.fd, s.q.c.out_queue));
	refused(&s, PAGE, old, -ENOENT);
	refused(&s, s.len, old, -ENOENT);
	/* Whoever has the place in the device now has another offset. */
	for (int i = 0; i < 40; i++) {
		struct queue q = queue_get(s.q.fd, LOG2N);

		CHECK(q.c.out_ring_offset != old && q.c.out_doorbell_offset != old);
		refused(&s, PAGE, old, -ENOENT);
		queue_put(&q);
	}
	still_works(&other);
}

static void pread_and_pwrite_do_no_more_than_mmap(const void *arg)
{
	struct subject_part s = part_get(arg), other = part_get(arg);
	u64 word = 0;
	ssize_t n;

	CHECK_EQ(pread(other.q.fd, &word, 8, s.offset), -1);
	CHECK_EQ(errno, ENOENT);
	CHECK_EQ(pwrite(other.q.fd, &word, 8, s.offset), -1);
	CHECK_EQ(errno, ENOENT);
	n = pread(s.q.fd, &word, 8, s.offset + s.len);
	CHECK(n <= 0);
	n = pwrite(s.q.fd, &word, 8, s.offset + s.len);
	CHECK(n <= 0);
	still_works(&s);
	still_works(&other);
}

static void fork_child_has_none(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *p = map_rw(s.q.fd, s.len, s.offset);
	pid_t pid;

	CHECK_EQ(touch_read(p, NULL), 0);
	pid = child_fork();
	if (!pid) {
		for (u64 off = 0; off < s.len; off += PAGE) {
			CHECK_EQ(touch_read(p + off, NULL), SIGSEGV);
			CHECK_EQ(touch_write(p + off, 1), SIGSEGV);
		}
		/* But the descriptor was handed on, and with it the right to map. */
		still_works(&s);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK_EQ(touch_read(p, NULL), 0);
	/* Not even when it is asked for. */
	CHECK_EQ(madvise(p, s.len, MADV_DOFORK) ? errno : 0, EINVAL);
	unmap(p, s.len);
}

static void debugger_and_core_dump_touch_nothing(const void *arg)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	struct subject_part s = part_get(arg);
	char *p = map_rw(s.q.fd, s.len, s.offset), old[256];
	u64 reads = counter(s.q.fd, MMAPDEMO_REG_CNT_DB_RD);
	unsigned char buf[64];
	struct iovec l = { buf, sizeof(buf) }, r = { p, sizeof(buf) };
	int status;
	pid_t pid;

	pid = child_fork();
	if (!pid) {
		CHECK_SYS(mmap(p, s.len, RW, MAP_SHARED | MAP_FIXED, s.q.fd, s.offset));
		CHECK_SYS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		setrlimit(RLIMIT_CORE, &unlimited);
		file_write("/proc/self/coredump_filter", "0x1ff");
		signal(SIGABRT, SIG_DFL);
		raise(SIGSTOP);
		raise(SIGABRT);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	/* Either flag keeps everybody out who wants pages. */
	CHECK(vm_flags_have(p, "pf") || vm_flags_have(p, "io"));
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, p, NULL);
	CHECK_EQ(errno, EIO);
	CHECK_EQ(process_vm_readv(pid, &l, 1, &r, 1, 0), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK_OK(file_read("/proc/sys/kernel/core_pattern", old, sizeof(old)));
	file_write("/proc/sys/kernel/core_pattern", "/tmp/mmapdemo-queue-core");
	CHECK_SYS(ptrace(PTRACE_DETACH, pid, NULL, NULL));
	status = child_poll(pid, 8000);
	file_write("/proc/sys/kernel/core_pattern", old);
	unlink("/tmp/mmapdemo-queue-core");
	CHECK(status != -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	CHECK(WCOREDUMP(status));
	CHECK_EQ(counter(s.q.fd, MMAPDEMO_REG_CNT_DB_RD), reads);
	unmap(p, s.len);
	still_works(&s);
}

/* --- the end of the queue -------------------------------------------------------------------------- */

static void destroyed_queue_takes_mappings_away_everywhere(const void *arg)
{
	struct subject_part s = part_get(arg);
	char *p = map_rw(s.q.fd, s.len, s.offset);
	struct gate ready, gone;
	pid_t pid;

	gate_init(&ready);
	gate_init(&gone);
	pid = child_fork();
	if (!pid) {
		char *q = map_rw(s.q.fd, s.len, s.offset);

		CHECK_EQ(touch_write(q, 0), 0);
		gate_open(&ready);
		gate_pass(&gone);
		CHECK_EQ(touch_read(q, NULL), SIGBUS);
		CHECK_EQ(touch_write(q, 0), SIGBUS);
		CHECK(!pagemap_present(q));
		child_exit();
	}
	gate_pass(&ready);
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_OK(queue_destroy(s.q.fd, s.q.c.out_queue));
	gate_open(&gone);
	for (u64 off = 0; off < s.len; off += PAGE) {
		CHECK(!pagemap_present(p + off));
		CHECK_EQ(touch_read(p + off, NULL), SIGBUS);
		CHECK_EQ(touch_write(p + off, 0), SIGBUS);
	}
	child_wait(pid, 5000);
	/* Also for one who has the same place in the device, and the same pages perhaps. */
	s.q = queue_get(s.q.fd, LOG2N);
	CHECK_EQ(touch_read(p, NULL), SIGBUS);
	queue_put(&s.q);
}

static void part_add(test_fn fn, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		test_add(fn, &parts[i], 15000, "queue_%s_%s", parts[i].name, what);
}

void register_queue_map(void)
{
	part_add(maps_exactly_its_own_length, "maps_exactly_its_own_length");
	part_add(maps_in_parts, "maps_in_parts");
	test_add(new_ring_is_zero_but_for_the_preset, &parts[0], 0,
		 "queue_ring_is_zero_but_for_the_preset");
	part_add(private_or_executable_is_refused, "private_or_executable_is_refused");
	part_add(read_only_can_be_read, "read_only_can_be_read");
	part_add(vm_flags_are_those_of_a_private_object, "vm_flags_are_those_of_a_private_object");
	part_add(mremap_never_makes_it_larger, "mremap_never_makes_it_larger");
	part_add(foreign_or_destroyed_offset_enoent, "foreign_or_destroyed_offset_enoent");
	part_add(pread_and_pwrite_do_no_more_than_mmap, "pread_and_pwrite_do_no_more_than_mmap");
	part_add(fork_child_has_none, "fork_child_has_none");
	part_add(debugger_and_core_dump_touch_nothing, "debugger_and_core_dump_touch_nothing");
	part_add(destroyed_queue_takes_mappings_away_everywhere,
		 "destroyed_queue_takes_mappings_away_everywhere");
}
