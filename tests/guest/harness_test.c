// SPDX-License-Identifier: MIT
/*
 * harness_test.c - does the harness notice what it is there to notice? Planted failures are run in a
 * harness of their own, and each must be reported.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "oracle.h"
#include "subject.h"

#define PLANTED_WORD	"planted-word-xyzzy"

/* --- the failures --------------------------------------------------------------------------------- */

static void planted_check_fails(const void *arg)
{
	(void)arg;
	CHECK_EQ(1 + 1, 3);
}

static void planted_errno_is_another(const void *arg)
{
	(void)arg;
	CHECK_RET(-EINVAL, -ENOENT);
}

static void planted_hangs(const void *arg)
{
	(void)arg;
	for (;;)
		pause();
}

static void planted_crashes(const void *arg)
{
	(void)arg;
	raise(SIGKILL);
}

static void planted_exits_instead_of_returning(const void *arg)
{
	(void)arg;
	exit(0);
}

static void planted_child_fails(const void *arg)
{
	pid_t pid = child_fork();

	(void)arg;
	if (!pid) {
		CHECK(0 == 1);
		child_exit();
	}
	child_wait(pid, 1000);
}

static void planted_skips_without_reason(const void *arg)
{
	(void)arg;
	_exit(77);
}

static void planted_kernel_message(const void *arg)
{
	(void)arg;
	file_write("/dev/kmsg", "a line with the " PLANTED_WORD " in it\n");
}

static int planted_runner[2];	/* a pipe whose second end the runner alone keeps open */

/* A process that the runner does not know of keeps device memory as long as the runner looks. */
static void planted_leak(const void *arg)
{
	struct gate leaking;
	pid_t pid;

	(void)arg;
	gate_init(&leaking);
	pid = CHECK_SYS(fork());
	if (!pid) {
		char c;

		setsid();
		buf_alloc(dev_open(O_RDWR), MMAPDEMO_TECH_BAR, PAGE);
		gate_open(&leaking);
		close(planted_runner[1]);
		_exit(read(planted_runner[0], &c, 1) != 0);
	}
	gate_pass(&leaking);
}

static void planted_cache_type_left_behind(const void *arg)
{
	(void)arg;
	CHECK_OK(mem_cache_set(dev_open(O_RDWR), MMAPDEMO_CACHE_UC));
}

static void planted_device_left_away(const void *arg)
{
	(void)arg;
	driver_unbind();
}

static void planted_pass(const void *arg)
{
	(void)arg;
}

/* Not a failure: what a test leaves running is ended, and so releases what it holds. */
static void planted_pass_with_children_left(const void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++) {
		if (fork())
			continue;
		buf_alloc(dev_open(O_RDWR), MMAPDEMO_TECH_BAR, PAGE);
		for (;;)
			pause();
	}
	sleep_ms(50);
}

static void planted_skip(const void *arg)
{
	(void)arg;
	test_skip("for a reason");
}

void register_planted(void)
{
	TEST_ADD(planted_check_fails);
	TEST_ADD(planted_errno_is_another);
	TEST_ADD_SLOW(planted_hangs, 300);
	TEST_ADD(planted_crashes);
	TEST_ADD(planted_exits_instead_of_returning);
	TEST_ADD(planted_child_fails);
	TEST_ADD(planted_skips_without_reason);
	TEST_ADD(planted_kernel_message);
	TEST_ADD(planted_cache_type_left_behind);
	TEST_ADD(planted_device_left_away);
	TEST_ADD(planted_pass);
	TEST_ADD(planted_pass_with_children_left);
	TEST_ADD(planted_skip);
	CHECK_SYS(pipe2(planted_runner, O_CLOEXEC));
	/* Last: the process it leaves behind lives on until the runner ends. */
	TEST_ADD(planted_leak);
}

/* --- and that they are noticed --------------------------------------------------------------------- */

static void harness_reports_every_planted_failure(const void *arg)
{
	static const struct { const char *name, *result, *why; } want[] = {
		{ "planted_check_fails", "not ok", "1 + 1 is 0x2" },
		{ "planted_errno_is_another", "not ok", "EINVAL, wanted ENOENT" },
		{ "planted_hangs", "not ok", "still running after" },
		{ "planted_crashes", "not ok", "ended by signal 9" },
		{ "planted_exits_instead_of_returning", "not ok", "instead of returning" },
		{ "planted_child_fails", "not ok", "0 == 1" },
		{ "planted_skips_without_reason", "not ok", "without a reason" },
		{ "planted_kernel_message", "not ok", PLANTED_WORD },
		{ "planted_cache_type_left_behind", "not ok", "cache type 3, was 2" },
		{ "planted_device_left_away", "not ok", "does not answer" },
		{ "planted_pass", "ok", NULL },
		{ "planted_pass_with_children_left", "ok", NULL },
		{ "planted_skip", "ok", "# SKIP for a reason" },
		{ "planted_leak", "not ok", "left behind: free device memory 4096 bytes" },
	};
	struct output *o = malloc(sizeof(*o));
	char line[128], *at;

	(void)arg;
	CHECK(o);
	setenv("MMAPDEMO_TEST_PLANTED_WORD", PLANTED_WORD, 1);
	/* It waits in vain for what is never put right: not that long on a slow machine. */
	if (patience_ms(1) > 2)
		setenv("MMAPDEMO_TEST_SCALE", "2", 1);
	run(o, 50000, "/proc/self/exe", "--planted", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		strf(line, sizeof(line), "\n%s %zu - %s", want[i].result, i + 1, want[i].name);
		at = strstr(o->out, line);
		if (!at)
			FAIL("\"%s\" is not in: %s", line + 1, o->out);
		if (want[i].why && !strstr(at, want[i].why))
			FAIL("%s does not say \"%s\"", want[i].name, want[i].why);
	}
	CHECK(strstr(o->out, "# 2 passed, 11 failed, 1 skipped"));
	CHECK_EQ(o->status, 1);
}

/* Every message of the list, in the kernel's words; and lines of a healthy boot. */
static void harness_knows_bad_kernel_messages(const void *arg)
{
	static const char *const bad[] = {
		"BUG: kernel NULL pointer dereference, address: 0000000000000010",
		"kernel BUG at mm/memory.c:2412!",
		"BUG: Bad page map in process x  pte:8000000123 pmd:1234",
		"BUG: Bad page state in process x  pfn:12345",
		"BUG: Bad rss-counter state mm:00000000 type:MM_FILEPAGES val:1",
		"BUG: KASAN: slab-use-after-free in mmapdemo_mmap+0x12/0x34 [mmapdemo]",
		"BUG: KCSAN: data-race in a / b",
		"BUG: sleeping function called from invalid context at mm/slab.h:1",
		"BUG: scheduling while atomic: x/1/0x00000002",
		"WARNING: CPU: 0 PID: 1 at mm/memory.c:1 remap_pfn_range+0x1/0x2",
		"WARNING: possible circular locking dependency detected",
		"WARNING: suspicious RCU usage",
		"UBSAN: array-index-out-of-bounds in x.c:1:2",
		"Oops: general protection fault, probably for non-canonical address",
		"refcount_t: underflow; use-after-free.",
		"DMA-API: mmapdemo 0000:01:00.0: device driver frees DMA memory with different size",
		"DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x1000",
		"ODEBUG: free active (active state 0) object: x",
		"INFO: task x:123 blocked for more than 120 seconds.",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 22s!",
		"rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"x86/PAT: x:123 map pfn RAM range req uncached-minus for [mem 0x1-0x2], got write-back",
		"unreferenced object 0xffff888100000000 (size 64):",
		"list_del corruption. prev->next should be x, but was y",
		"irq 27: nobody cared (try booting with the \"irqpoll\" option)",
	};
	static const char *const good[] = {
		"x86/PAT: Configuration [0-7]: WB  WC  UC- UC  WB  WP  UC- WT",
		"mmapdemo 0000:01:00.0: bound, 128 MiB device memory, node mmapdemo0",
		"rcu: Hierarchical RCU implementation.",
		"DMAR: Host address width 39",
		"x[123]: segfault at 10 ip 0000 sp 0000 error 4",
		"mmapdemo: loading out-of-tree module taints kernel.",
		"pcieport 0000:00:04.0: pciehp: Slot(0): Button press: will power off in 5 sec",
		"rcu: \tRCU lockdep checking is enabled.",
		"DMA-API: preallocated 65536 debug entries",
		"DMA-API: debugging enabled by kernel config",
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (!klog_verdict(bad[i]))
			FAIL("not noticed: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		if (klog_verdict(good[i]))
			FAIL("taken for a failure: %s", good[i]);
	}
}

/* Everything since boot, not only since this program began. */
static void harness_kernel_log_since_boot_is_quiet(const void *arg)
{
	int fd = CHECK_SYS(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	char record[8192];
	ssize_t len;

	(void)arg;
	while ((len = read(fd, record, sizeof(record) - 1)) > 0 || (len < 0 && errno == EPIPE)) {
		const char *word;

		if (len < 0)
			continue;
		record[len] = 0;
		word = klog_verdict(record);
		if (word)
			FAIL("\"%s\": %s", word, record);
	}
}

/* The zeroes that tests look for are the driver's work, not the kernel's. */
static void harness_boot_has_init_on_alloc_off(const void *arg)
{
	char line[2048];

	(void)arg;
	CHECK_OK(file_read("/proc/cmdline", line, sizeof(line)));
	if (!strstr(line, "init_on_alloc=0"))
		FAIL("booted without init_on_alloc=0: the kernel hides missing zeroing");
}

void register_harness(void)
{
	TEST_ADD(harness_kernel_log_since_boot_is_quiet);
	TEST_ADD(harness_boot_has_init_on_alloc_off);
	TEST_ADD(harness_knows_bad_kernel_messages);
	TEST_ADD_SLOW(harness_reports_every_planted_failure, 60000);
}
