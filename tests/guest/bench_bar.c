// SPDX-License-Identifier: MIT
/*
 * bench_bar.c - `mmapdemo bench --bdf`: another device's BAR, measured through sysfs without a driver.
 *
 * Our own device plays the other one, taken from its driver: so what is in its memory, before and
 * after, is known. And what the benchmark itself does where it cannot write: disks and pipes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/mmapdemo_hw.h>

#include "dev.h"
#include "json.h"
#include "machine.h"

#define RUN_MS		20000
#define LEN		(1u << 20)	/* of the memory that is looked at before and after */
#define RESULTS		"/tmp/bar.json"

static char bdf[32];

static struct output *sh(const char *line)
{
	struct output *o = calloc(1, sizeof(*o));

	CHECK(o);
	run(o, RUN_MS, "/bin/sh", "-c", line, NULL);
	return o;
}

static void tool_require(void)
{
	if (access("/usr/bin/mmapdemo", X_OK))
		test_skip("the tool mmapdemo is not in this guest");
}

static const char *attribute(const char *name)
{
	static char path[128];

	return strf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, name);
}

/* Without a driver, and with its memory switched on to be looked at. */
static void take_device(void)
{
	tool_require();
	strf(bdf, sizeof(bdf), "%s", dev_bus_id());
	driver_unbind();
}

static volatile u32 *map_memory(void)
{
	int fd = CHECK_SYS(open(attribute("resource2"), O_RDWR));
	void *p;

	file_write(attribute("enable"), "1");
	p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	return p;
}

static volatile u32 *fill_memory(void)
{
	volatile u32 *mem = map_memory();

	for (u32 i = 0; i < LEN / 4; i++)
		mem[i] = i * 0x9e3779b9 + 1;
	return mem;
}

static void expect_untouched(volatile u32 *mem)
{
	for (u32 i = 0; i < LEN / 4; i++)
		if (mem[i] != i * 0x9e3779b9 + 1)
			FAIL("byte %#x of the other device's memory is not what it was: %#x", i * 4, mem[i]);
	munmap((void *)mem, LEN);
	file_write(attribute("enable"), "0");
	driver_bind();
}

static u32 command_register(void)
{
	unsigned short command = 0;
	int fd = CHECK_SYS(open(attribute("config"), O_RDONLY));

	CHECK(pread(fd, &command, 2, 4) == 2);
	close(fd);
	return command;
}

static struct output *bench(const char *arguments)
{
	char line[256];

	unlink(RESULTS);
	return sh(strf(line, sizeof(line), "mmapdemo bench --bdf=%s --pairs=15 --budget=0 --json=" RESULTS " %s",
		       bdf, arguments));
}

static void expect(const char *what, const struct output *o, int status, const char *phrase)
{
	if (o->status != status)
		FAIL("%s ends with %d, wanted %d: %s%s", what, o->status, status, o->out, o->err);
	if (phrase && !strstr(o->out, phrase) && !strstr(o->err, phrase))
		FAIL("%s does not say \"%s\": %s%s", what, phrase, o->out, o->err);
}

static void bench_bar_is_read_and_not_written(const void *arg)
{
	volatile u32 *mem;
	struct output *o;
	u32 command;

	(void)arg;
	take_device();
	mem = fill_memory();
	command = command_register();
	o = bench("--bar=2 --sizes=64,4K,256K");
	expect("bench of a free BAR", o, 0, "BAR.read.256KiB");
	CHECK(strstr(o->out, "BAR.load ") && strstr(o->out, "errors=0"));
	CHECK(!strstr(o->out, "BAR.store"));
	CHECK_SYS(access(RESULTS, R_OK));
	CHECK_EQ(command_register(), command);
	expect_untouched(mem);
}

static void bench_bar_write_puts_everything_back(const void *arg)
{
	volatile u32 *mem;
	struct output *o;

	(void)arg;
	take_device();
	mem = fill_memory();
	o = bench("--bar=2 --bar-write --range=0x1000+64K --sizes=64,64K");
	expect("bench with --bar-write", o, 0, "BAR.write.64KiB");
	CHECK(strstr(o->out, "BAR.store ") && strstr(o->out, "errors=0"));
	expect_untouched(mem);
}

static void interrupt(int signal)
{
	volatile u32 *mem = fill_memory();
	char program[160];
	int status;
	pid_t pid;

	unlink(RESULTS);
	strf(program, sizeof(program), "exec mmapdemo bench --bdf=%s --bar=2 --bar-write --range=64+64K "
	     "--duration=20 --json=" RESULTS " >/dev/null 2>&1", bdf);
	pid = child_fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", program, NULL);
		_exit(126);
	}
	sleep_ms(1200);
	CHECKF(mem[16 + 4] != (16 + 4) * 0x9e3779b9 + 1, "it stores nothing");
	kill(pid, signal);
	status = child_status(pid, RUN_MS);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 130)
		FAIL("it ends with status %#x, wanted exit 130", status);
	CHECKF(access(RESULTS, F_OK), "there is half a result file");
	expect_untouched(mem);
}

static void bench_bar_write_interrupted_puts_everything_back(const void *arg)
{
	(void)arg;
	take_device();
	interrupt(SIGINT);
	driver_unbind();
	interrupt(SIGTERM);
}

/* Status, and a phrase that tells this refusal from the others. */
static const struct refusal {
	const char *arguments;
	int status;
	const char *phrase;
} refusals[] = {
	{ "--bar=3", 3, "there is no BAR 3" },
	{ "--bar=2 --range=64M+1G", 2, "ends beyond BAR 2" },
	{ "--bar=2 --range=1024G", 2, "ends beyond BAR 2" },
	{ "--bar=2 --range=18446744073709551552", 2, "ends beyond BAR 2" },
	{ "--bar=4 --bar-write", 3, "MSI-X" },
	{ "--bar=0 --bar-write --range=0x10000+64", 3, "registers" },
};

static void bench_bar_refuses_what_cannot_be(const void *arg)
{
	struct output *o;

	(void)arg;
	take_device();
	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		o = bench(refusals[i].arguments);
		expect(refusals[i].arguments, o, refusals[i].status, refusals[i].phrase);
		CHECKF(!o->out[0], "%s prints: %s", refusals[i].arguments, o->out);
		CHECKF(access(RESULTS, F_OK), "%s leaves results", refusals[i].arguments);
		free(o);
	}
	driver_bind();
	o = bench("--bar=2");
	expect("bench of a BAR in use", o, 3, "the driver mmapdemo is using it");
	CHECK(strstr(o->err, "unbind"));
	o = sh("mmapdemo bench --bdf=ffff:ff:1f.7");
	expect("bench of no device", o, 3, "there is no PCI device");
	/* The first device of every PC: a bridge to the processor, without a driver and without BARs. */
	o = sh("mmapdemo bench --bdf=0000:00:00.0");
	expect("bench of a device without BARs", o, 3, "there is no BAR 0");
}

static void bench_bar_of_io_ports_is_refused(const void *arg)
{
	struct output *o = sh("for d in /sys/bus/pci/devices/*; do [ \"$(cat $d/vendor $d/device | tr '\\n' ' ')\" = "
			      "'0x1b36 0x0005 ' ] && echo -n ${d##*/}; done; true");

	(void)arg;
	tool_require();
	if (!o->out[0])
		test_skip("no pci-testdev in this guest");
	strf(bdf, sizeof(bdf), "%s", o->out);
	o = bench("--bar=1");
	expect("bench of I/O ports", o, 3, "I/O ports");
	o = bench("--bar=0 --sizes=64");
	expect("bench of pci-testdev", o, 0, "BAR.load ");
}

static void bench_bar_that_changes_by_itself_gives_no_row(const void *arg)
{
	struct output *o;
	char line[64];

	(void)arg;
	take_device();
	/* The user page: with a clock. */
	o = bench(strf(line, sizeof(line), "--bar=0 --range=%u+4K --only=bar.access", MMAPDEMO_USER_BASE));
	expect("bench of a clock", o, 0, "change by themselves");
	driver_bind();
}

static void bench_bar_beside_a_bench_ends_with_3(const void *arg)
{
	struct output *o;
	int fd;

	(void)arg;
	take_device();
	fd = CHECK_SYS(open(attribute("config"), O_RDONLY));
	CHECK_SYS(flock(fd, LOCK_EX));
	o = bench("--bar=2");
	expect("bench beside a bench", o, 3, "another benchmark");
	close(fd);
	driver_bind();
}

static void bench_bar_whose_device_leaves_ends_with_3(const void *arg)
{
	char program[192];
	int status;
	pid_t pid;

	(void)arg;
	take_device();
	qmp_require();
	unlink(RESULTS);
	strf(program, sizeof(program), "exec mmapdemo bench --bdf=%s --bar=2 --duration=20 --json=" RESULTS
	     " >/dev/null 2>/tmp/bar.err", bdf);
	pid = child_fork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", program, NULL);
		_exit(126);
	}
	sleep_ms(1200);
	qemu_device_del();
	status = child_status(pid, RUN_MS);
	qemu_device_add();
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 3)
		FAIL("it ends with status %#x, wanted exit 3", status);
	CHECKF(access(RESULTS, F_OK), "there is half a result file");
}

/* --- where it cannot write ------------------------------------------------------------------ */

#define SHORT_RUN	"mmapdemo bench --quick --only=L1 --pairs=15 --budget=0"

static void bench_on_a_full_disk_ends_with_1(const void *arg)
{
	struct output *o;
	struct stat st;

	(void)arg;
	tool_require();
	mkdir("/tmp/small", 0700);
	CHECK_SYS(mount("small", "/tmp/small", "tmpfs", 0, "size=8k,nr_inodes=8"));
	o = sh(SHORT_RUN " --json=/tmp/small/r.json");
	expect("bench on a full disk", o, 1, "No space left");
	/* Nothing: neither half a file under the name asked for, nor another one. */
	CHECKF(stat("/tmp/small/r.json", &st), "there are %lld bytes of results", (long long)st.st_size);
	o = sh("ls -A /tmp/small");
	CHECKF(!o->out[0], "left on the full disk: %s", o->out);
	umount2("/tmp/small", MNT_DETACH);
	rmdir("/tmp/small");
	o = sh(SHORT_RUN " >/dev/full");
	expect("bench into a full disk", o, 1, "No space left");
}

static void bench_into_a_closed_pipe_ends_with_1(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	unlink(RESULTS);
	o = sh("{ " SHORT_RUN " --json=" RESULTS "; echo status $? >&2; } | head -c 1 >/dev/null");
	expect("bench into a closed pipe", o, 0, "status 1");
	CHECK(strstr(o->err, "Broken pipe") && strstr(o->err, "could not be written"));
	o = sh("{ " SHORT_RUN " --json=-; echo status $? >&2; } | true");
	expect("bench --json=- into a closed pipe", o, 0, "status 1");
	CHECK(strstr(o->err, "Broken pipe"));
}

/* Decimal points for those who parse: whatever the language, and though this one is not installed. */
static void bench_in_a_foreign_locale_writes_decimal_points(const void *arg)
{
	struct output *o;

	(void)arg;
	tool_require();
	o = sh("LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 " SHORT_RUN);
	expect("bench in German", o, 0, "errors=0");
	for (const char *c = strchr(o->out, ','); c; c = strchr(c + 1, ','))
		CHECKF(c == o->out || c[-1] < '0' || c[-1] > '9' || c[1] < '0' || c[1] > '9',
		       "a decimal comma: %.40s", c - (c - o->out > 10 ? 10 : 0));
}

void register_bench_bar(void)
{
	TEST_ADD_SLOW(bench_bar_is_read_and_not_written, 30000);
	TEST_ADD_SLOW(bench_bar_write_puts_everything_back, 30000);
	TEST_ADD_SLOW(bench_bar_write_interrupted_puts_everything_back, 30000);
	TEST_ADD_SLOW(bench_bar_refuses_what_cannot_be, 30000);
	TEST_ADD_SLOW(bench_bar_of_io_ports_is_refused, 30000);
	TEST_ADD(bench_bar_that_changes_by_itself_gives_no_row);
	TEST_ADD(bench_bar_beside_a_bench_ends_with_3);
	TEST_ADD_SLOW(bench_bar_whose_device_leaves_ends_with_3, 30000);
	TEST_ADD_SLOW(bench_on_a_full_disk_ends_with_1, 30000);
	TEST_ADD_SLOW(bench_into_a_closed_pipe_ends_with_1, 30000);
	TEST_ADD_SLOW(bench_in_a_foreign_locale_writes_decimal_points, 30000);
}
