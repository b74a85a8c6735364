// SPDX-License-Identifier: MIT
/*
 * harness.c - the runner: list, patterns, one process and one time limit per test, TAP on stdout.
 *
 * Not for: what must hold after each test, see oracle.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "oracle.h"

#define EXIT_SKIPPED	77
#define EXIT_FAILED	1
#define EXIT_USAGE	2
#define EXIT_NO_DEVICE	3
#define MAX_TESTS	4096
#define REAP_MS		5000	/* a killed process that stays longer is stuck in the kernel */

struct test {
	char name[96];
	test_fn fn;
	const void *arg;
	unsigned int limit_ms;
};

static struct test tests[MAX_TESTS];
static unsigned int num_tests;
static int diag_fd = 2;		/* a memfd while a test runs: shared by all its processes */
static u64 seed;
static unsigned int limit_scale = 1;
static bool print_times;

void test_add(test_fn fn, const void *arg, unsigned int limit_ms, const char *name, ...)
{
	struct test *t = &tests[num_tests];
	va_list ap;
	int len;

	if (num_tests == MAX_TESTS) {
		fprintf(stderr, "more than %d tests: see MAX_TESTS\n", MAX_TESTS);
		abort();
	}
	va_start(ap, name);
	len = vsnprintf(t->name, sizeof(t->name), name, ap);
	va_end(ap);
	if (len < 0 || (size_t)len >= sizeof(t->name))
		abort();
	for (unsigned int i = 0; i < num_tests; i++) {
		if (!strcmp(tests[i].name, t->name)) {
			fprintf(stderr, "two tests are called %s\n", t->name);
			abort();
		}
	}
	t->fn = fn;
	t->arg = arg;
	t->limit_ms = limit_ms ? limit_ms : TEST_LIMIT_MS;
	num_tests++;
}

static void vdiag(const char *format, va_list ap)
{
	char line[1024];
	int len = vsnprintf(line, sizeof(line) - 1, format, ap);

	if (len < 0)
		return;
	if ((size_t)len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	/* One write(2) each: lines of several processes must not mix. */
	if (write(diag_fd, line, len) < 0)
		abort();
}

void diag(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vdiag(format, ap);
	va_end(ap);
}

void test_fail(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	char text[900];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	diag("%s:%d: %s", base ? base + 1 : file, line, text);
	_exit(EXIT_FAILED);
}

void test_skip(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vdiag(format, ap);
	va_end(ap);
	_exit(EXIT_SKIPPED);
}

const char *errno_word(int err)
{
	const char *word = strerrorname_np(err < 0 ? -err : err);

	return !err ? "success" : word ? word : "an unknown errno";
}

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

u64 test_seed(void)
{
	return seed;
}

/* splitmix64: every seed, 0 included, is a good one. */
u64 rnd(u64 *state)
{
	u64 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

pid_t child_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		FAIL("fork: %m");
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

void child_exit(void)
{
	_exit(CHILD_DONE);
}

int child_poll(pid_t pid, unsigned int limit_ms)
{
	u64 end = now_ns() + patience_ms(limit_ms) * 1000000ULL, now;
	/* To sleep until it ends: to look every millisecond is half the work of a slow kernel. */
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		now = now_ns();
		if (got == pid)
			break;
		if (got < 0)
			FAIL("waitpid: %m");
		if (now > end) {
			status = -1;
			break;
		}
		if (p.fd < 0)
			sleep_ms(1);	/* no descriptor is left */
		else
			poll(&p, 1, (end - now) / 1000000 + 1);
	}
	if (p.fd >= 0)
		close(p.fd);
	return status;
}

int child_status(pid_t pid, unsigned int limit_ms)
{
	int status = child_poll(pid, limit_ms);

	if (status == -1)
		FAIL("child %d still lives after %u ms", pid, limit_ms);
	return status;
}

void child_wait(pid_t pid, unsigned int limit_ms)
{
	int status = child_status(pid, limit_ms);

	if (WIFSIGNALED(status))
		FAIL("the child was killed by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == EXIT_SKIPPED)
		_exit(EXIT_SKIPPED);
	if (WEXITSTATUS(status) != CHILD_DONE)
		FAIL("the child failed, exit status %d", WEXITSTATUS(status));
}

void gate_init(struct gate *g)
{
	CHECK_SYS(pipe(g->fd));
}

void gate_open(struct gate *g)
{
	CHECK_SYS(write(g->fd[1], "x", 1));
}

void gate_pass(struct gate *g)
{
	struct pollfd p = { .fd = g->fd[0], .events = POLLIN };
	char c;

	if (poll(&p, 1, patience_ms(TEST_LIMIT_MS)) != 1)
		FAIL("the other process of the test did not come");
	CHECK_SYS(read(g->fd[0], &c, 1));
}

/* --- the runner ------------------------------------------------------------------------- */

enum verdict { PASSED, FAILED, SKIPPED };

/* Lines of a test, each behind "# ". The last line is kept back for the reason of a skip. */
static void print_diag(int fd, bool skipped)
{
	char buf[65536], *line, *save;
	ssize_t len = pread(fd, buf, sizeof(buf) - 1, 0);

	if (len <= 0)
		return;
	buf[len] = 0;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!skipped || *save)
			printf("# %s\n", line);
	}
}

static void last_line(int fd, char *line, size_t size)
{
	char buf[65536], *start;
	ssize_t len = pread(fd, buf, sizeof(buf) - 1, 0);

	if (len < 1)
		len = 1;
	buf[len - 1] = 0;
	start = strrchr(buf, '\n');
	snprintf(line, size, "%.250s", start ? start + 1 : buf);
}

/* Kill whatever the test left behind, and wait until all of it is gone. */
static bool group_end(pid_t pgid)
{
	u64 end = now_ns() + patience_ms(REAP_MS) * 1000000ULL;

	kill(-pgid, SIGKILL);
	for (;;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (kill(-pgid, 0) < 0 && errno == ESRCH)
			return true;
		if (now_ns() > end)
			return false;
		sleep_ms(1);
	}
}

static enum verdict test_body(const struct test *t)
{
	pid_t pid = fork();
	int status;

	if (pid < 0) {
		diag("fork: %m");
		return FAILED;
	}
	if (!pid) {
		setpgid(0, 0);
		t->fn(t->arg);
		_exit(CHILD_DONE);
	}
	setpgid(pid, pid);
	status = child_poll(pid, t->limit_ms);
	if (!group_end(pid)) {
		diag("a process of the test cannot be killed: it is stuck in the kernel");
		return FAILED;
	}
	if (status == -1) {
		diag("still running after %u ms: killed", patience_ms(t->limit_ms));
		return FAILED;
	}
	if (WIFSIGNALED(status)) {
		diag("ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
		return FAILED;
	}
	switch (WEXITSTATUS(status)) {
	case CHILD_DONE:
		return PASSED;
	case EXIT_SKIPPED:
		return SKIPPED;
	case EXIT_FAILED:
		return FAILED;
	default:
		diag("left with exit status %d instead of returning", WEXITSTATUS(status));
		return FAILED;
	}
}

static enum verdict test_run(const struct test *t, unsigned int number, bool bare)
{
	char reason[256] = "";
	enum verdict v;
	u64 start;

	diag_fd = memfd_create("diag", MFD_CLOEXEC);
	if (diag_fd < 0) {
		perror("memfd_create");
		exit(EXIT_FAILED);
	}
	fcntl(diag_fd, F_SETFL, O_APPEND);
	fflush(stdout);
	start = now_ns();
	oracle_begin(t->name);
	v = test_body(t);
	if (v == SKIPPED)
		last_line(diag_fd, reason, sizeof(reason));
	if (!oracle_end(bare))
		v = FAILED;
	start = (now_ns() - start) / 1000000;
	if (v == SKIPPED && !reason[0]) {
		diag("skipped without a reason");
		v = FAILED;
	}
	printf("%s %u - %s", v == FAILED ? "not ok" : "ok", number, t->name);
	if (v == SKIPPED)
		printf(" # SKIP %s", reason);
	if (print_times)
		printf(" # time=%llums", (unsigned long long)start);
	putchar('\n');
	if (v != PASSED)
		print_diag(diag_fd, v == SKIPPED);
	fflush(stdout);
	close(diag_fd);
	diag_fd = 2;
	return v;
}

static bool wanted(const struct test *t, char **patterns, int n)
{
	if (!n)
		return true;
	for (int i = 0; i < n; i++) {
		if (!fnmatch(patterns[i], t->name, 0))
			return true;
	}
	return false;
}

static int usage(FILE *f, int status)
{
	fputs("Usage: mmapdemo-guest-tests [--list] [--times] [--bare] [PATTERN...]\n"
	      "Tests of the mmapdemo driver and device, inside a guest, as root; TAP on stdout.\n"
	      "  --list    print the names and end\n"
	      "  --times   show the milliseconds of each test\n"
	      "  --bare    do not look at the device after each test, only at the kernel log\n"
	      "  PATTERN   run the tests whose names match (shell patterns); default all\n"
	      "Environment: MMAPDEMO_TEST_SEED, MMAPDEMO_TEST_SCALE (times every time limit, but\n"
	      "for what the driver promises: five times that on a kernel that notices bugs).\n"
	      "Exit status: 0 all passed or skipped, 1 a test failed, 2 usage, 3 no device.\n", f);
	return status;
}

unsigned int patience_ms(unsigned int ms)
{
	return limit_scale * ms;
}

/* Those built by tests/vm/build-debug-kernel: with lockdep, or with KCSAN. */
bool kernel_notices_bugs(void)
{
	return !access("/proc/lockdep", F_OK) || !access("/sys/kernel/debug/kcsan", F_OK);
}

/* A slow machine is given time to come to an end, not to break a promise: that only such a kernel may. */
unsigned int promise_ms(unsigned int ms)
{
	return kernel_notices_bugs() ? 5 * ms : ms;
}

static void read_environment(void)
{
	const char *text = getenv("MMAPDEMO_TEST_SEED");

	seed = text ? strtoull(text, NULL, 0) : now_ns() ^ ((u64)getpid() << 40);
	text = getenv("MMAPDEMO_TEST_SCALE");
	if (text && atoi(text) > 0)
		limit_scale = atoi(text);
}

int harness_main(int argc, char **argv)
{
	unsigned int count[3] = { 0 }, total = 0, number = 0;
	bool list = false, bare = false;
	int i;

	for (i = 1; i < argc && !strncmp(argv[i], "--", 2); i++) {
		if (!strcmp(argv[i], "--list"))
			list = true;
		else if (!strcmp(argv[i], "--times"))
			print_times = true;
		else if (!strcmp(argv[i], "--bare"))
			bare = true;
		else if (!strcmp(argv[i], "--help"))
			return usage(stdout, 0);
		else
			return usage(stderr, EXIT_USAGE);
	}
	read_environment();
	for (unsigned int t = 0; t < num_tests; t++) {
		if (!wanted(&tests[t], argv + i, argc - i))
			continue;
		total++;
		if (list)
			puts(tests[t].name);
	}
	if (list)
		return 0;
	if (!total) {
		fprintf(stderr, "No test matches: see mmapdemo-guest-tests --list.\n");
		return EXIT_USAGE;
	}
	/* Orphans of a test come back here, so that group_end() sees them die. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!oracle_init(bare))
		return EXIT_NO_DEVICE;
	printf("TAP version 13\n1..%u\n# seed %#llx\n", total, (unsigned long long)seed);
	for (unsigned int t = 0; t < num_tests; t++) {
		if (wanted(&tests[t], argv + i, argc - i))
			count[test_run(&tests[t], ++number, bare)]++;
	}
	printf("# %u passed, %u failed, %u skipped\n",
	       count[PASSED], count[FAILED], count[SKIPPED]);
	return count[FAILED] ? EXIT_FAILED : 0;
}
