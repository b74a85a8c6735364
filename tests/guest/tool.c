// SPDX-License-Identifier: MIT
/*
 * tool.c - the programs as a user meets them: the `mmapdemo` tool and the examples, their exit
 * statuses and what they say, also when the device goes away under them.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "machine.h"
#include "subject.h"

#define TOOL		"mmapdemo"
#define RUN_MS		20000

/* Run one command line in a shell, which is how it is written in the documentation. */
static struct output *sh(const char *line)
{
	struct output *o = malloc(sizeof(*o));

	CHECK(o);
	run(o, RUN_MS, "/bin/sh", "-c", line, NULL);
	return o;
}

static void tool_require(void)
{
	struct output *o = sh("command -v " TOOL);

	if (o->status)
		test_skip("the tool " TOOL " is not in this guest");
	free(o);
}

static void expect_status(const char *line, const struct output *o, int status)
{
	if (o->status != status)
		FAIL("`%s` ends with %d, wanted %d: %s%s", line, o->status, status, o->out, o->err);
}

static void expect_json(const char *line, const char *text)
{
	size_t at;

	if (!json_valid(text, &at))
		FAIL("`%s` prints no JSON: stops being it at byte %zu of: %.400s", line, at, text);
}

/* --- what works ---------------------------------------------------------------------------------- */

static void tool_commands_end_with_0(const void *arg)
{
	static const char *const lines[] = {
		"mmapdemo --help", "mmapdemo --version", "mmapdemo --usage", "mmapdemo info",
		"mmapdemo info --help", "mmapdemo regs", "mmapdemo regs 'CNT_*'",
		"mmapdemo regs --help", "mmapdemo peek ID", "mmapdemo peek 0x10000",
		"mmapdemo peek ID --via=ioctl", "mmapdemo peek example --count=4",
		"mmapdemo peek bar+16 --width=8", "mmapdemo poke SCRATCH32 0x1234 --verify",
		"mmapdemo poke SCRATCH64 77 --verify --via=ioctl",
		"mmapdemo poke example 0xaa --width=1 --verify",
		"mmapdemo map bar --verify=0", "mmapdemo map pages --verify=0",
		"mmapdemo map vmalloc --verify=0", "mmapdemo map coherent --verify=0",
		"mmapdemo map bar --len=1M --fill=counter --verify=counter",
		"mmapdemo map vmalloc --len=3M --fill=0x5a --verify=0x5a",
		"mmapdemo map user-page --read-only", "mmapdemo map example --read-only",
		"mmapdemo map mem", "mmapdemo map pages --hold=50ms",
		"mmapdemo copy", "mmapdemo copy --technique=all --mode=all --len=200001",
		"mmapdemo copy --via=all", "mmapdemo copy --technique=vmalloc --len=20M",
		"mmapdemo copy --via=queue --technique=coherent --mode=all --depth=100 --chunk=777",
		"mmapdemo copy --via=queue --technique=all --mode=all", "mmapdemo regs --queue=0",
		"mmapdemo regs --window=0 CF*", "mmapdemo queue --help",
		"mmapdemo poke alias+8 0x1234 --verify", "mmapdemo map alias --read-only",
		"mmapdemo map --technique=bar-fault --fault-around --len=1M --verify=0",
		"mmapdemo map noncontig --fill=counter --verify=counter",
		"mmapdemo map userptr --len=1M --fill=counter --verify=counter",
		"mmapdemo peek bar-fault+16 --width=8", "mmapdemo copy --via=oneshot --technique=userptr",
		"mmapdemo copy --via=ioctl --technique=coherent --depth=100 --chunk=777",
		"mmapdemo copy --via=all --technique=all --device-technique=bar-fault --len=200001",
		"echo hello | mmapdemo copy - -o /tmp/copied && [ \"$(cat /tmp/copied)\" = hello ]",
		"mmapdemo bench list", "mmapdemo bench --help", "mmapdemo watch --help",
		"mmapdemo watch --interval=20ms --count=3",
	};

	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct output *o = sh(lines[i]);

		expect_status(lines[i], o, 0);
		if (o->err[0])
			FAIL("`%s` succeeds and complains: %s", lines[i], o->err);
		free(o);
	}
}

static void tool_json_parses(const void *arg)
{
	static const char *const lines[] = {
		"mmapdemo info --json", "mmapdemo --json info", "mmapdemo regs --json",
		"mmapdemo regs --json 'USER_*'", "mmapdemo peek ID --json",
		"mmapdemo peek example --count=8 --json", "mmapdemo poke SCRATCH32 5 --json",
		"mmapdemo map bar --json", "mmapdemo map vmalloc --json --verify=0",
		"mmapdemo copy --json", "mmapdemo copy --technique=all --mode=all --json",
		"mmapdemo copy --via=all --technique=all --json", "mmapdemo regs --queue=0 --json",
		"mmapdemo map userptr --json", "mmapdemo map bar-fault --fault-around --json",
		"mmapdemo watch --json", "mmapdemo watch --json --interval=20ms --count=3",
	};

	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct output *o = sh(lines[i]);

		expect_status(lines[i], o, 0);
		expect_json(lines[i], o->out);
		free(o);
	}
}

static void tool_peek_shows_what_poke_wrote(const void *arg)
{
	static const char line[] = "mmapdemo poke SCRATCH64 0x123456789abcdef0 && mmapdemo peek SCRATCH64";
	struct output *o;

	(void)arg;
	tool_require();
	o = sh(line);
	expect_status(line, o, 0);
	CHECK(!strcmp(o->out, "0x123456789abcdef0\n"));
}

static void tool_watch_sees_what_others_do(const void *arg)
{
	/* The pipe: what is copied and mapped must lie within the time that is watched. */
	static const char line[] =
		"mmapdemo map bar --len=1M --hold=8s >/dev/null & h=$!; "
		"(sleep 1; mmapdemo copy --via=queue -t coherent --len=1M --chunk=4K) >/dev/null & "
		"mmapdemo watch --json --interval=6s; s=$?; kill $h; wait; exit $s";
	static const char plain[] = "mmapdemo watch --interval=20ms --count=2 | cat";
	struct output *o;

	(void)arg;
	tool_require();
	o = sh(line);
	if (o->status || !strstr(o->out, "\"completions_per_s\": ") ||
	    strstr(o->out, "\"completions_per_s\": 0.0") ||
	    !strstr(o->out, "\"errors_per_s\": 0.0") || !strstr(o->out, "\"mappings\": 1") ||
	    !strstr(o->out, "\"mapped_bytes\": 1048576"))
		FAIL("`%s` ends with %d: %s%s", line, o->status, o->out, o->err);
	o = sh(plain);
	expect_status(plain, o, 0);
	CHECKF(strstr(o->out, "compl/s") && !strchr(o->out, '\033'), "not plain lines: %s", o->out);
}

static void tool_selftest_passes(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	/* It looks at the example as a fresh binding shows it. */
	driver_unbind();
	driver_bind();
	o = sh("mmapdemo selftest");
	expect_status("mmapdemo selftest", o, 0);
	CHECK(strstr(o->out, " passed, 0 failed"));
	o = sh("mmapdemo selftest --json");
	expect_status("mmapdemo selftest --json", o, 0);
	expect_json("mmapdemo selftest --json", o->out);
}

static void tool_bench_row_is_measured_and_written(const void *arg)
{
	static const char line[] =
		"mmapdemo bench --quick --only=L1 --pairs=15 --json=/tmp/results.json";
	struct output *o;
	struct stat st;

	(void)arg;
	tool_require();
	unlink("/tmp/results.json");
	o = malloc(sizeof(*o));
	CHECK(o);
	run(o, 50000, "/bin/sh", "-c", line, NULL);
	expect_status(line, o, 0);
	CHECK(strstr(o->out, "L1"));
	CHECK_SYS(stat("/tmp/results.json", &st));
	o = sh("cat /tmp/results.json");
	if (st.st_size < (off_t)sizeof(o->out))
		expect_json(line, o->out);
	unlink("/tmp/results.json");
}

static void tool_verification_failure_ends_with_1(const void *arg)
{
	static const char *const lines[] = {
		"mmapdemo map bar --verify=1", "mmapdemo map vmalloc --fill=1 --verify=2",
		"mmapdemo regs DMA_ADDR",
	};

	(void)arg;
	tool_require();
	raw_bar_require(false);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct output *o = sh(lines[i]);

		expect_status(lines[i], o, 1);
		CHECK(o->err[0] || o->out[0]);
		free(o);
	}
}

/* --- what does not --------------------------------------------------------------------------------- */

static void tool_bad_usage_ends_with_2(const void *arg)
{
	static const char *const lines[] = {
		"mmapdemo", "mmapdemo nosuch", "mmapdemo --bogus", "mmapdemo info --bogus",
		"mmapdemo info surplus", "mmapdemo peek", "mmapdemo peek NOSUCH",
		"mmapdemo peek ID --width=3", "mmapdemo peek ID --count=-1",
		"mmapdemo peek ID --via=smoke", "mmapdemo poke SCRATCH32",
		"mmapdemo poke SCRATCH32 notanumber", "mmapdemo poke SCRATCH32 1 2", "mmapdemo map",
		"mmapdemo map nosuch", "mmapdemo map bar --len=0", "mmapdemo map bar --len=-1",
		"mmapdemo map bar --len=99999999999999999999999", "mmapdemo map bar --len=1Q",
		"mmapdemo map bar --len=", "mmapdemo map bar --cache=warm",
		"mmapdemo map bar --fill=x", "mmapdemo copy --mode=nosuch",
		"mmapdemo copy --technique=bar", "mmapdemo copy --len=abc",
		"mmapdemo copy --repeat=-3", "mmapdemo bench --nosuch", "mmapdemo bench surplus",
		"mmapdemo bench --pairs=1", "mmapdemo bench --only=NOSUCHROW",
		"mmapdemo bench --sizes=7", "mmapdemo info --device",
	};

	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct output *o = sh(lines[i]);

		expect_status(lines[i], o, 2);
		if (!o->err[0] || o->out[0])
			FAIL("`%s` says on stdout: \"%s\", on stderr: \"%s\"", lines[i], o->out,
			     o->err);
		free(o);
	}
}

/* Object, cause and remedy: the path, and something to do. No half JSON. */
static void tool_wrong_device_ends_with_3(const void *arg)
{
	static const char *const nodes[] = {
		"/dev/null", "/dev/zero", "/dev/nosuch", "/tmp", "/etc/passwd", "/dev/mmapdemo99",
		"/proc/self/mem", "",
	};
	static const char *const commands[] = {
		"info", "info --json", "regs", "peek ID", "map bar", "copy", "selftest",
		"selftest --json", "bench --quick",
	};
	char line[256];

	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(commands); k++) {
			struct output *o;

			strf(line, sizeof(line), "mmapdemo %s --device='%s'", commands[k],
			     nodes[i]);
			o = sh(line);
			expect_status(line, o, 3);
			if (!strstr(o->err, nodes[i]) || strlen(o->err) < 40)
				FAIL("`%s` does not explain itself: %s", line, o->err);
			/* With --json the refusal is a whole object, or there is none. */
			if (o->out[0] && strstr(line, "--json"))
				expect_json(line, o->out);
			else if (o->out[0])
				FAIL("`%s` prints: %s", line, o->out);
			free(o);
		}
	}
}

static void tool_without_permission_ends_with_3(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	CHECK_SYS(setgid(65534));
	CHECK_SYS(setuid(65534));
	o = sh("mmapdemo info");
	expect_status("mmapdemo info", o, 3);
	CHECK(strstr(o->err, "ermission"));
	CHECK(strstr(o->err, "root") || strstr(o->err, "udev"));
}

static void tool_with_the_device_in_use_ends_with_3(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	dev_open(O_RDWR | O_EXCL);
	o = sh("mmapdemo info");
	expect_status("mmapdemo info", o, 3);
	CHECK(strstr(o->err, "open elsewhere") && strstr(o->err, "Close"));
}

static void tool_bench_beside_a_bench_ends_with_3(const void *arg)
{
	static const char line[] = "mmapdemo bench --quick --only=L1 --pairs=15 --json=/tmp/half.json";
	int fd = dev_open(O_RDWR);
	struct output *o;

	(void)arg;
	tool_require();
	unlink("/tmp/half.json");
	CHECK_SYS(flock(fd, LOCK_EX));
	o = sh(line);
	expect_status(line, o, 3);
	CHECKF(strstr(o->err, "another benchmark") && !o->out[0], "it says: %s%s", o->out, o->err);
	CHECK(access("/tmp/half.json", F_OK));
	/* Others are not kept from the device. */
	o = sh("mmapdemo info");
	expect_status("mmapdemo info", o, 0);
}

static void tool_without_a_module_ends_with_3(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	driver_unbind();
	o = sh("mmapdemo info");
	expect_status("mmapdemo info", o, 3);
	o = sh("mmapdemo bench --quick --json=/tmp/none.json");
	expect_status("mmapdemo bench", o, 3);
	CHECK(access("/tmp/none.json", F_OK));
	driver_bind();
}

/* Larger than the device or the file's limits: refused by the driver, told by name, nothing left. */
static void tool_absurd_sizes_are_explained(const void *arg)
{
	static const char *const lines[] = {
		"mmapdemo map bar --len=1T", "mmapdemo map pages --len=1G",
		"mmapdemo map vmalloc --len=60G", "mmapdemo map coherent --len=8M",
		"mmapdemo map example --len=1M", "mmapdemo peek example+16384",
		"mmapdemo peek bar+4096 --count=1000000", "mmapdemo map vmalloc --cache=wc",
		"mmapdemo map bar --cache=uc", "mmapdemo poke ID 1", "mmapdemo peek DMA_CMD",
	};

	(void)arg;
	tool_require();
	raw_bar_require(false);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct output *o = sh(lines[i]);

		if (o->status != 1 && o->status != 2)
			FAIL("`%s` ends with %d: %s%s", lines[i], o->status, o->out, o->err);
		if (strlen(o->err) < 30)
			FAIL("`%s` does not explain itself: %s", lines[i], o->err);
		free(o);
	}
}

/* --- the device goes, or the user has enough ---------------------------------------------------------- */

static pid_t tool_start(const char *line, const char *err)
{
	pid_t pid = child_fork();

	if (!pid) {
		int fd = CHECK_SYS(open("/dev/null", O_RDWR));
		int e = CHECK_SYS(open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600));

		dup2(fd, 1);
		dup2(e, 2);
		execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(126);
	}
	return pid;
}

static const char *const long_runs[] = {
	"exec mmapdemo copy --repeat=0 --technique=all --mode=all",
	"exec mmapdemo map bar --hold",
	"exec mmapdemo map vmalloc --hold",
	"exec mmapdemo bench --quick --json=/tmp/half.json",
	"exec mmapdemo watch --interval=50ms",
};

static void ends_with_3(void (*away)(void), void (*back)(void), size_t i)
{
	char err[2048];
	int status;
	pid_t pid;

	unlink("/tmp/half.json");
	pid = tool_start(long_runs[i], "/tmp/tool.err");
	sleep_ms(1500);
	if (child_poll(pid, 0) != -1) {
		sh("cat /tmp/tool.err");
		FAIL("`%s` has already ended", long_runs[i]);
	}
	away();
	status = child_poll(pid, RUN_MS);
	back();
	if (status == -1) {
		kill(pid, SIGKILL);
		FAIL("`%s` still runs without its device", long_runs[i]);
	}
	file_read("/tmp/tool.err", err, sizeof(err));
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
		FAIL("`%s` ends with status %#x, wanted exit 3: %s", long_runs[i], status, err);
	CHECKF(err[0], "`%s` says nothing", long_runs[i]);
	CHECKF(access("/tmp/half.json", F_OK), "there is half a result file");
}

static void away_unbind(void)
{
	driver_unbind();
}

static void away_del(void)
{
	qemu_device_del();
}

static void tool_device_unbound_under_it_ends_with_3(const void *arg)
{
	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(long_runs); i++)
		ends_with_3(away_unbind, driver_bind, i);
}

static void tool_device_deleted_under_a_bench_ends_with_3(const void *arg)
{
	(void)arg;
	tool_require();
	qmp_require();
	ends_with_3(away_del, qemu_device_add, 3);
}

static void tool_interrupted_ends_with_130(const void *arg)
{
	(void)arg;
	tool_require();
	for (size_t i = 0; i < ARRAY_SIZE(long_runs); i++) {
		pid_t pid;
		int status;

		unlink("/tmp/half.json");
		pid = tool_start(long_runs[i], "/tmp/tool.err");
		sleep_ms(1200);
		kill(pid, SIGINT);
		status = child_status(pid, RUN_MS);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 130)
			FAIL("`%s` ends with status %#x, wanted exit 130", long_runs[i], status);
		CHECKF(access("/tmp/half.json", F_OK), "there is half a result file");
	}
}

/* --- examples ------------------------------------------------------------------------------------------- */

static const char *const examples[] = {
	"bar-fault", "bar-huge", "basic-mmap", "coherent-dma", "dma-buf", "dma-eventfd", "io-uring", "noncontig",
	"page-protections", "pages", "queue", "queue-eventfd", "queue-pinned", "queue-submit", "registers",
	"security", "shared-buffer", "userptr", "vm-flags", "vm-operations", "vmalloc", "wc-pages",
};

static void example_ends_with_0(const void *arg)
{
	const char *name = arg;
	struct output *o = malloc(sizeof(*o));
	char path[96];

	CHECK(o);
	strf(path, sizeof(path), "/usr/bin/example-%s", name);
	if (access(path, X_OK))
		test_skip("%s is not in this guest", path);
	/* Some show the fresh example buffer. */
	driver_unbind();
	driver_bind();
	run(o, RUN_MS, path, NULL);
	/* What kernel or device cannot do here it has to say. */
	o->err[strcspn(o->err, "\n")] = '\0';
	if (o->status == 77 && o->err[0])
		test_skip("%s", o->err);
	expect_status(path, o, 0);
	CHECK(o->out[0]);
	CHECKF(!o->err[0], "%s complains: %s", path, o->err);
}

/* Without a device each says so, and none crashes. */
static void examples_without_device_say_so(const void *arg)
{
	char path[96];

	(void)arg;
	driver_unbind();
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		struct output *o = malloc(sizeof(*o));

		CHECK(o);
		strf(path, sizeof(path), "/usr/bin/example-%s", examples[i]);
		if (access(path, X_OK))
			test_skip("%s is not in this guest", path);
		run(o, RUN_MS, path, NULL);
		if (!o->status || o->status >= 128 || !o->err[0])
			FAIL("%s ends with %d: %s%s", path, o->status, o->out, o->err);
		free(o);
	}
	driver_bind();
}

void register_tool(void)
{
	TEST_ADD_SLOW(tool_commands_end_with_0, 60000);
	TEST_ADD_SLOW(tool_json_parses, 30000);
	TEST_ADD(tool_peek_shows_what_poke_wrote);
	TEST_ADD_SLOW(tool_watch_sees_what_others_do, 30000);
	TEST_ADD(tool_selftest_passes);
	TEST_ADD_SLOW(tool_bench_row_is_measured_and_written, 60000);
	TEST_ADD(tool_verification_failure_ends_with_1);
	TEST_ADD_SLOW(tool_bad_usage_ends_with_2, 30000);
	TEST_ADD_SLOW(tool_wrong_device_ends_with_3, 60000);
	TEST_ADD(tool_without_permission_ends_with_3);
	TEST_ADD(tool_with_the_device_in_use_ends_with_3);
	TEST_ADD(tool_bench_beside_a_bench_ends_with_3);
	TEST_ADD(tool_without_a_module_ends_with_3);
	TEST_ADD_SLOW(tool_absurd_sizes_are_explained, 20000);
	TEST_ADD_SLOW(tool_device_unbound_under_it_ends_with_3, 60000);
	TEST_ADD_SLOW(tool_device_deleted_under_a_bench_ends_with_3, 40000);
	TEST_ADD_SLOW(tool_interrupted_ends_with_130, 40000);
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++) {
		char name[64];
		size_t k = 0;

		/* The names of tests have no dashes. */
		while (examples[i][k] && k < sizeof(name) - 1) {
			name[k] = examples[i][k] == '-' ? '_' : examples[i][k];
			k++;
		}
		name[k] = 0;
		test_add(example_ends_with_0, examples[i], 0, "example_%s_ends_with_0", name);
	}
	TEST_ADD_SLOW(examples_without_device_say_so, 20000);
}
