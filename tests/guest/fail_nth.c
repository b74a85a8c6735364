// SPDX-License-Identifier: MIT
/*
 * fail_nth.c - a program of its own: every call of the driver, with each of its allocations failing
 * in turn.
 *
 * /proc/thread-self/fail-nth makes the n-th allocation of this thread fail. n grows until the call
 * ends before it gets that far, so each error path is gone once. What a call may answer then is
 * success or ENOMEM. Refused, it has left no object and no descriptor, and is granted when it is
 * asked again. What no list shows, kmemleak does: see tests/vm/vmlib/debugstages.py.
 *
 * Not for copies from and to the process: the driver's own are not injected, see kernel/user.h;
 * ioctl_pointers.c has bad pointers for all of them.
 *
 * Needs a kernel with fault injection: see tests/vm/build-debug-kernel.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ioctl_valid.h"
#include "machine.h"
#include "oracle.h"
#include "subject.h"

#define LAST_N		2000	/* no call has so many: the injection does not work */
#define LIMIT_MS	60000
#define KNOBS		"/sys/kernel/debug/"

static int fail_fd = -1;

/* --- the injection ------------------------------------------------------------------------ */

static void knob(const char *where, const char *name, const char *value)
{
	char path[96];

	file_write(strf(path, sizeof(path), KNOBS "%s/%s", where, name), value);
}

static void fail_open(void)
{
	fail_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_fd < 0)
		test_skip("this kernel has no fault injection (/proc/thread-self/fail-nth: %m)");
	/* Each failure would be a stack trace in the kernel log. */
	knob("failslab", "verbose", "0");
	knob("fail_page_alloc", "verbose", "0");
	/* Those that may sleep fail, too: these are nearly all. */
	knob("failslab", "ignore-gfp-wait", "N");
	knob("fail_page_alloc", "ignore-gfp-wait", "N");
	knob("fail_page_alloc", "ignore-gfp-highmem", "N");
	knob("fail_page_alloc", "min-order", "0");
	knob("fail_page_alloc", "reject-start", "0");
	knob("fail_page_alloc", "reject-end", "0");
	if (!access(KNOBS "fail_usercopy", F_OK)) {
		/* Only what is called from address 0 would fail. */
		knob("fail_usercopy", "require-start", "1");
		knob("fail_usercopy", "stacktrace-depth", "0");
	}
}

/* Have no page be lacking in this function of the kernel's, and what it calls. */
static void fail_spare(const char *function)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long at, start = 0, end = ~0ULL;
	char line[256], name[128], text[32];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx %*c %127s", &at, name) == 2 && !strcmp(name, function))
			start = at;
	}
	rewind(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx", &at) == 1 && at > start && at < end)
			end = at;
	}
	fclose(f);
	CHECKF(start, "this kernel has no %s", function);
	knob("fail_page_alloc", "reject-start", strf(text, sizeof(text), "%#llx", start));
	knob("fail_page_alloc", "reject-end", strf(text, sizeof(text), "%#llx", end));
}

static void fail_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK_EQ(pwrite(fail_fd, text, len, 0), len);
}

/* True if the failure came while it was armed. */
static bool fail_disarm(void)
{
	char text[16] = "";

	CHECK(pread(fail_fd, text, sizeof(text) - 1, 0) > 0);
	CHECK_EQ(pwrite(fail_fd, "0", 1, 0), 1);
	return !atoi(text);
}

/* --- sweeps ------------------------------------------------------------------------------- */

struct sweep {
	const char *what;
	unsigned int n;
	unsigned int refused;
	bool injected;
};

static struct sweep sweep_begin(const char *what)
{
	fail_open();
	return (struct sweep){ .what = what, .injected = true };
}

/* The next one; false when the last came to its end without a failure. */
static bool sweep_next(struct sweep *s)
{
	if (s->injected) {
		CHECKF(++s->n < LAST_N, "%s has no end", s->what);
		return true;
	}
	diag("%s: %u failures injected, %u times refused", s->what, s->n - 1, s->refused);
	return false;
}

static void sweep_judge(struct sweep *s, int ret)
{
	if (ret)
		s->refused++;
	if (ret && !s->injected)
		FAIL("%s, nothing failed: %s", s->what, errno_word(ret));
	if (ret && ret != -ENOMEM)
		FAIL("%s, failure %u: %s, wanted ENOMEM", s->what, s->n, errno_word(ret));
}

/* What a process can have too many of without noticing. */
struct holdings {
	long objects;
	unsigned int fds;
};

static struct holdings holdings_get(void)
{
	struct holdings h = { .objects = oracle_objects() };
	DIR *dir = opendir("/proc/self/fd");

	CHECK(dir);
	while (readdir(dir))
		h.fds++;
	closedir(dir);
	return h;
}

static void holdings_check(const struct sweep *s, const struct holdings *before)
{
	struct holdings now = holdings_get();

	if (now.objects != before->objects || now.fds != before->fds)
		FAIL("%s, failure %u: %ld objects and %d descriptors are left behind", s->what,
		     s->n, now.objects - before->objects, (int)(now.fds - before->fds));
}

/* --- that it injects ---------------------------------------------------------------------- */

static void fail_nth_reaches_each_allocation(const void *arg)
{
	struct sweep s = sweep_begin("buf_alloc");
	int fd = dev_open(O_RDWR), ret;
	struct mmapdemo_buf_alloc a;

	(void)arg;
	while (sweep_next(&s)) {
		fail_arm(s.n);
		ret = buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, MMAPDEMO_CACHE_DEFAULT, 0, PAGE, &a);
		s.injected = fail_disarm();
		sweep_judge(&s, ret);
		if (!ret)
			CHECK_OK(buf_free(fd, a.out_handle));
	}
	/* The object, and its memory. */
	CHECK(s.refused >= 2);
}

/* --- ioctls ------------------------------------------------------------------------------- */

static void ioctl_sweep(const void *arg)
{
	const struct ioctl_desc *d = arg;
	struct sweep s = sweep_begin(d->name);
	struct holdings before;
	struct ioctl_env e;
	char buf[4096];
	int ret;

	while (sweep_next(&s)) {
		/* From the start each time: what a failed call left is part of no other. */
		ioctl_env_get(&e);
		ioctl_valid(&e, d, buf);
		before = holdings_get();
		fail_arm(s.n);
		ret = call(e.fd, d->cmd, buf);
		s.injected = fail_disarm();
		sweep_judge(&s, ret);
		if (ret) {
			holdings_check(&s, &before);
			ioctl_valid(&e, d, buf);
			CHECK_OK(call(e.fd, d->cmd, buf));
		}
		unmap(e.page, PAGE);
		close(e.fd);
		close(e.efd);
		if (!ret && d->cmd == MMAPDEMO_IOC_BUF_EXPORT)
			close(((struct mmapdemo_buf_export *)buf)->out_fd);
	}
}

/* --- techniques --------------------------------------------------------------------------- */

static void alloc_sweep(const void *arg)
{
	const struct subject *subject = arg;
	struct object o = object_get(subject, 3);
	struct sweep s = sweep_begin(subject->name);
	struct mmapdemo_buf_alloc a;
	struct holdings before;
	int ret;

	CHECK_OK(buf_free(o.fd, o.handle));
	before = holdings_get();
	while (sweep_next(&s)) {
		fail_arm(s.n);
		ret = buf_try_alloc(o.fd, subject->technique, subject->cache, subject->alloc_flags,
				    o.len, &a);
		s.injected = fail_disarm();
		sweep_judge(&s, ret);
		if (!ret)
			CHECK_OK(buf_free(o.fd, a.out_handle));
		holdings_check(&s, &before);
	}
	CHECK(s.refused);
}

/* The first transfer, which is when a buffer gets its bus addresses. Refused, it is granted again. */
static void transfer_sweep(const void *arg)
{
	const struct subject *subject = arg;
	struct object o = object_get(subject, 40);
	struct sweep s = sweep_begin(subject->name);
	struct mmapdemo_dma_submit submit = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .len = o.len,
		.dev_handle = buf_alloc(o.fd, MMAPDEMO_TECH_BAR, o.len).out_handle,
	};
	struct holdings before;
	int ret;

	while (sweep_next(&s)) {
		submit.mem_handle = o.handle;
		before = holdings_get();
		fail_arm(s.n);
		ret = dma_submit(o.fd, &submit);
		s.injected = fail_disarm();
		sweep_judge(&s, ret);
		if (ret) {
			holdings_check(&s, &before);
			CHECK_OK(dma_submit(o.fd, &submit));
		}
		CHECK_OK(dma_collect(o.fd, submit.out_seq, NULL));
		CHECK_OK(buf_free(o.fd, o.handle));
		o = object_get_in(subject, o.fd, 40);
	}
	CHECK(s.refused);
}

/*
 * Map, touch every page, cut the middle out, unmap: with a failure anywhere in it. A page that is
 * touched while memory lacks is touched again by the kernel; a signal ends the test.
 */
static int map_use(const struct object *o, void **p)
{
	int ret = map_try(o->fd, o->len, PROT_READ | PROT_WRITE, MAP_SHARED, o->offset, p);

	if (ret)
		return ret;
	for (u64 i = 0; i < object_live_pages(o); i++)
		*(volatile u32 *)(*p + i * PAGE);
	/* Only what splits can lack memory. */
	if (o->len > 2 * PAGE && munmap(*p + PAGE, PAGE))
		return -errno;
	return munmap(*p, o->len) ? -errno : 0;
}

static void map_sweep(const void *arg)
{
	const struct subject *subject = arg;
	struct object o = object_get(subject, 3);
	struct sweep s = sweep_begin(subject->name);
	struct holdings before = holdings_get();
	int ret;

	/*
	 * The core's own way out of a remap_pfn_range() of device memory that has no page table yet
	 * looks for the first entry, and warns that there is none (x86, until it kept the range's
	 * type apart from the entries). With RAM, which has no such note, tables do lack.
	 */
	if ((o.flags & (SUBJ_PFN | SUBJ_LAZY)) == SUBJ_PFN)
		fail_spare("remap_pfn_range_notrack");
	while (sweep_next(&s)) {
		void *p = NULL;

		fail_arm(s.n);
		ret = map_use(&o, &p);
		s.injected = fail_disarm();
		sweep_judge(&s, ret);
		/* Refused halfway. Nothing is there a second time. */
		if (ret && p)
			unmap(p, o.len);
		holdings_check(&s, &before);
	}
	CHECK(s.refused);
}

/* A child inherits mappings, or there is no child: never one that the driver counts wrongly. */
static void fork_sweep(const void *arg)
{
	const struct subject *subject = arg;
	struct object o = object_get(subject, 3);
	void *p = object_map(&o);
	struct sweep s = sweep_begin(subject->name);
	struct holdings before = holdings_get();
	int err;
	pid_t pid;

	while (sweep_next(&s)) {
		fail_arm(s.n);
		pid = fork();
		err = errno;
		if (!pid)
			_exit(0);
		s.injected = fail_disarm();
		sweep_judge(&s, pid < 0 ? -err : 0);
		if (pid > 0)
			CHECK_EQ(child_status(pid, 5000), 0);
		holdings_check(&s, &before);
	}
	CHECK(s.refused);
	unmap(p, o.len);
}

static void fail_nth_open(const void *arg)
{
	struct sweep s = sweep_begin("open");
	struct holdings before = holdings_get();
	const char *node = dev_node();
	int fd, err;

	(void)arg;
	while (sweep_next(&s)) {
		fail_arm(s.n);
		fd = open(node, O_RDWR | O_CLOEXEC);
		err = errno;
		s.injected = fail_disarm();
		sweep_judge(&s, fd < 0 ? -err : 0);
		if (fd >= 0)
			close(fd);
		holdings_check(&s, &before);
	}
	CHECK(s.refused);
}

static void subjects_add(test_fn fn, u32 without, unsigned int limit_ms, const char *what)
{
	for (size_t i = 0; i < num_subjects; i++) {
		if (!(subjects[i].flags & (without | SUBJ_TYPED)))
			test_add(fn, &subjects[i], limit_ms, "fail_nth_%s_%s", what,
				 subjects[i].name);
	}
}

int main(int argc, char **argv)
{
	TEST_ADD_SLOW(fail_nth_reaches_each_allocation, LIMIT_MS);
	TEST_ADD_SLOW(fail_nth_open, LIMIT_MS);
	for (size_t i = 0; i < num_ioctls; i++)
		test_add(ioctl_sweep, &ioctls[i], LIMIT_MS, "fail_nth_%s", ioctls[i].name);
	subjects_add(alloc_sweep, SUBJ_STANDING, LIMIT_MS, "alloc");
	subjects_add(transfer_sweep, SUBJ_STANDING | SUBJ_DEVICE, LIMIT_MS, "transfer");
	/* Of what is long, the short one of its kind will do. */
	subjects_add(map_sweep, SUBJ_RAW | SUBJ_BIG, LIMIT_MS, "map");
	/* A fork has hundreds: entries that are copied, and entries that are left to a fault. */
	test_add(fork_sweep, subject_named("bar"), 3 * LIMIT_MS, "fail_nth_fork_bar");
	test_add(fork_sweep, subject_named("vmalloc"), 3 * LIMIT_MS, "fail_nth_fork_vmalloc");
	return harness_main(argc, argv);
}
