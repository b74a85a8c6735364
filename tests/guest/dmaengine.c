// SPDX-License-Identifier: MIT
/*
 * dmaengine.c - the device as a provider of dmaengine, with the kernel's own dmatest as its client:
 * copies and fills verified byte by byte, and what happens to them when the device is reset, fails,
 * or is taken away.
 *
 * Needs a kernel with CONFIG_DMATEST: see tests/vm/build-debug-kernel. That the device did it and not
 * somebody else, and in so many descriptors, its own counters say.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "queue.h"

#define PARAMETERS	"/sys/module/dmatest/parameters/"
#define CHANNELS	"/sys/class/dma"
#define DMA_DEBUG	"/sys/kernel/debug/dma-api/num_errors"	/* still to be reported */
#define PLACES		32		/* of the channel's ring */
#define PIECE		(256 * 1024)	/* most bytes that it moves by one descriptor */
#define LIMIT_MS	60000

/* What dmatest is to do; what is 0 here is its default. */
struct job {
	const char *what;
	u32 fill;			/* else copy */
	u32 threads;
	u32 iterations;			/* of each thread; 0: until it is stopped */
	u32 buf_size;
	u32 len;			/* of each transfer; 0: random, or buf_size with `whole` */
	bool whole;
	bool polled;
	u32 pieces;			/* descriptors of each transfer, where they are known */
};

struct verdict {
	u32 tests;
	u32 failures;
	u32 threads;
	u32 wrong_data;
};

static int klog = -1;

/* --- dmatest ------------------------------------------------------------------------------------ */

static void param(const char *name, const char *value)
{
	char path[96];

	file_write(strf(path, sizeof(path), PARAMETERS "%s", name), value);
}

static void param_number(const char *name, u32 value)
{
	char text[16];

	param(name, strf(text, sizeof(text), "%u", value));
}

/* The channel of our device; false if there is none. */
static bool channel_find(char *name, size_t size)
{
	DIR *d = opendir(CHANNELS);
	bool found = false;
	struct dirent *e;

	if (!d)
		return false;
	while (!found && (e = readdir(d))) {
		char path[300], real[PATH_MAX];

		if (e->d_name[0] == '.' ||
		    !realpath(strf(path, sizeof(path), CHANNELS "/%s/device", e->d_name), real))
			continue;
		if (strcmp(strrchr(real, '/') + 1, dev_bus_id()))
			continue;
		strf(name, size, "%s", e->d_name);
		found = true;
	}
	closedir(d);
	return found;
}

/* The driver with its channel, and dmatest with none. */
static void provider_require(void)
{
	char name[64];

	if (access(CHANNELS, F_OK))
		test_skip("this kernel has no dmaengine (%s)", CHANNELS);
	if (access(PARAMETERS "run", F_OK))
		test_skip("this kernel has no dmatest (CONFIG_DMATEST)");
	file_try_write(PARAMETERS "run", "N");
	module_reload("dmaengine=1");
	CHECKF(channel_find(name, sizeof(name)), "loaded with dmaengine=1, the device has no channel");
	klog = CHECK_SYS(open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
}

static void provider_end(void)
{
	param("run", "N");
	module_reload("");
}

static void job_start(const struct job *j)
{
	char name[64];

	CHECK(channel_find(name, sizeof(name)));
	CHECK(lseek(klog, 0, SEEK_END) >= 0);
	param_number("dmatest", j->fill);
	param_number("threads_per_chan", j->threads ? j->threads : 1);
	param_number("iterations", j->iterations);
	param_number("test_buf_size", j->buf_size);
	param_number("transfer_size", j->len);
	param("norandom", j->whole ? "Y" : "N");
	param("polled", j->polled ? "Y" : "N");
	/* A kernel that notices bugs, on a host that has other things to do. */
	param_number("timeout", 20000);
	param("channel", name);
	param("run", "Y");
}

/* Add to @v what threads have said since it was read last. */
static void verdict_read(struct verdict *v)
{
	char line[1024];
	ssize_t n;

	while ((n = read(klog, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		const char *s;
		u32 tests, failures;

		if (n < 0)
			continue;
		line[n] = '\0';
		s = strstr(line, ": summary ");
		if (s && sscanf(s, ": summary %u tests, %u failures", &tests, &failures) == 2) {
			v->threads++;
			v->tests += tests;
			v->failures += failures;
		}
		v->wrong_data += strstr(line, "'data error'") != NULL;
	}
}

/* Threads that are stopped say what they have done; it gives the channel back. */
static struct verdict job_stop(void)
{
	struct verdict v = {};

	param("run", "N");
	verdict_read(&v);
	return v;
}

/* The same when all have done their iterations. dmatest's own wait does not wait for their beginning. */
static struct verdict job_wait(const struct job *j)
{
	u32 threads = j->threads ? j->threads : 1;
	struct verdict v = {};

	for (verdict_read(&v); v.threads < threads; verdict_read(&v))
		sleep_ms(20);
	param("run", "N");
	CHECK_EQ(v.threads, threads);
	CHECK_EQ(v.tests, threads * j->iterations);
	return v;
}

static u64 device_counter(u32 reg)
{
	int fd = dev_open(O_RDWR);
	u64 value = counter(fd, reg);

	close(fd);
	return value;
}

/* --- what it is asked for ------------------------------------------------------------------------- */

static void dmaengine_is_off_unless_asked_for(const void *arg)
{
	char name[64];

	(void)arg;
	if (access(CHANNELS, F_OK))
		test_skip("this kernel has no dmaengine (%s)", CHANNELS);
	CHECKF(!channel_find(name, sizeof(name)), "%s is there", name);
	module_reload("dmaengine=1");
	CHECK(channel_find(name, sizeof(name)));
	module_reload("");
	CHECKF(!channel_find(name, sizeof(name)), "%s is still there", name);
}

static void dmaengine_takes_one_queue_and_its_windows(const void *arg)
{
	struct mmapdemo_queue_create c;
	struct mmapdemo_info i;
	u32 handle, window, n;
	int fd;

	(void)arg;
	if (access(CHANNELS, F_OK))
		test_skip("this kernel has no dmaengine (%s)", CHANNELS);
	module_reload("dmaengine=1 max_queues=4294967295 max_windows=4294967295");
	fd = dev_open(O_RDWR);
	i = info_get(fd);
	for (n = 0; n < i.out_num_queues - 1; n++)
		CHECK_OK(queue_try_create(fd, 3, -1, &c));
	CHECK_RET(queue_try_create(fd, 3, -1, &c), -EBUSY);
	handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	for (n = 0; n < i.out_num_windows; n++) {
		if (window_try_create(fd, handle, WINDOW_RW, 0, PAGE, &window))
			break;
	}
	CHECK_EQ(n, i.out_num_windows - 2 * PLACES);
	close(fd);
	module_reload("");
	fd = dev_open(O_RDWR);
	CHECK_OK(queue_try_create(fd, 3, -1, &c));
	close(fd);
}

static const struct job jobs[] = {
	{ "copies_of_random_lengths", .threads = 4, .iterations = 40, .buf_size = 16384, .pieces = 1 },
	{ "copies_of_one_byte", .threads = 1, .iterations = 20, .buf_size = 4096, .len = 1, .pieces = 1 },
	{ "copies_of_one_piece", .iterations = 5, .buf_size = PIECE, .whole = true, .pieces = 1 },
	{ "copies_of_a_piece_and_a_byte", .iterations = 5, .buf_size = 2 * PIECE, .len = PIECE + 1,
	  .pieces = 2 },
	{ "copies_of_16_pieces", .threads = 3, .iterations = 2, .buf_size = 16 * PIECE, .whole = true,
	  .pieces = 16 },
	{ "copies_by_more_threads_than_places", .threads = PLACES + 8, .iterations = 10, .buf_size = 4096,
	  .pieces = 1 },
	{ "copies_polled", .iterations = 20, .buf_size = 16384, .polled = true, .pieces = 1 },
	{ "fills_of_random_lengths", .fill = 1, .threads = 4, .iterations = 40, .buf_size = 16384,
	  .pieces = 1 },
	{ "fills_of_several_pieces", .fill = 1, .iterations = 3, .buf_size = 3 * PIECE, .whole = true,
	  .pieces = 3 },
};

/* dmatest looks at each byte of the source, of the destination, and beside both. */
static void job_is_verified(const void *arg)
{
	const struct job *j = arg;
	u64 done, failed;
	struct verdict v;

	provider_require();
	done = device_counter(MMAPDEMO_REG_CNT_Q_DONE);
	failed = device_counter(MMAPDEMO_REG_CNT_Q_FAILED);
	job_start(j);
	v = job_wait(j);
	CHECK_EQ(v.failures, 0);
	CHECK_EQ(device_counter(MMAPDEMO_REG_CNT_Q_DONE) - done, (u64)v.tests * j->pieces);
	CHECK_EQ(device_counter(MMAPDEMO_REG_CNT_Q_FAILED) - failed, 0);
	provider_end();
}

/* --- what goes wrong ---------------------------------------------------------------------------- */

static const struct job small_job = { "", .threads = 2, .iterations = 10, .buf_size = 8192 };
static const struct job endless_job = { "", .threads = 4, .buf_size = 65536 };

static void works_again(void)
{
	job_start(&small_job);
	CHECK_EQ(job_wait(&small_job).failures, 0);
}

/* The watchdog finds what no interrupt told of. */
static void dmaengine_survives_lost_interrupts(const void *arg)
{
	const struct job j = { "", .iterations = 3, .buf_size = 4096 };
	struct verdict v;

	(void)arg;
	provider_require();
	fault_set("x-fault-irq", "\"lost\"");
	job_start(&j);
	v = job_wait(&j);
	busy_end();
	CHECK_EQ(v.failures, 0);
	works_again();
	provider_end();
}

/* arg: what the device does. Nothing of it looks like a success, and the next ones are. */
static void dmaengine_reports_failed_transfers(const void *arg)
{
	const struct job j = { "", .iterations = 3, .buf_size = 4096 };
	struct verdict v;

	provider_require();
	watchdog_set(1000);
	fault_set("x-fault-dma", arg);
	job_start(&j);
	v = job_wait(&j);
	busy_end();
	CHECK_EQ(v.failures, 3);
	/* It was told by the status, not found out by looking at the data. */
	CHECK_EQ(v.wrong_data, 0);
	works_again();
	provider_end();
}

/* What is in the device fails and says so; what comes later waits, and is done. */
static void dmaengine_goes_on_after_resets(const void *arg)
{
	unsigned int (*reset)(void) = *(unsigned int (*const *)(void))arg;
	struct verdict v;

	provider_require();
	job_start(&endless_job);
	for (int i = 0; i < 3; i++) {
		sleep_ms(200);
		reset();
	}
	sleep_ms(200);
	v = job_stop();
	diag("%u of %u transfers were reset away", v.failures, v.tests);
	CHECK_EQ(v.threads, 4);
	CHECKF(v.failures < v.tests / 2, "%u of %u failed", v.failures, v.tests);
	CHECK_EQ(v.wrong_data, 0);
	works_again();
	provider_end();
}

static void dmaengine_client_holds_the_module(const void *arg)
{
	(void)arg;
	provider_require();
	job_start(&endless_job);
	CHECK_EQ(syscall(SYS_delete_module, "mmapdemo", O_NONBLOCK), (u64)-1);
	CHECK_EQ(errno, EWOULDBLOCK);
	CHECK_EQ(job_stop().failures, 0);
	provider_end();
}

/* A client that goes on mapping memory for a device without driver is what the DMA API warns of. */
static void dma_debug_mute(bool on)
{
	static char errors[16];		/* how many it is still going to report */

	if (access(DMA_DEBUG, F_OK))
		return;
	if (on)
		CHECK_OK(file_read(DMA_DEBUG, errors, sizeof(errors)));
	file_write(DMA_DEBUG, on ? "0" : errors);
}

static void dmaengine_unbind_under_traffic(const void *arg)
{
	struct verdict v;
	unsigned int ms;

	(void)arg;
	provider_require();
	for (int i = 0; i < 3; i++) {
		job_start(&endless_job);
		sleep_ms(300);
		dma_debug_mute(true);
		ms = driver_unbind();
		dma_debug_mute(false);
		CHECKF(ms < promise_ms(2000), "it took %u ms", ms);
		/* It still has the channel, of which nothing is to be had. */
		sleep_ms(300);
		v = job_stop();
		diag("%u of %u failed", v.failures, v.tests);
		CHECK_EQ(v.threads, 4);
		CHECK(v.failures > 0);
		CHECK_EQ(v.wrong_data, 0);
		driver_bind();
		works_again();
	}
	provider_end();
}

static unsigned int (*const by_function)(void) = function_reset;
static unsigned int (*const by_driver)(void) = driver_reset;

void register_dmaengine(void)
{
	TEST_ADD_SLOW(dmaengine_is_off_unless_asked_for, 20000);
	TEST_ADD_SLOW(dmaengine_takes_one_queue_and_its_windows, 30000);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		test_add(job_is_verified, &jobs[i], LIMIT_MS, "dmaengine_verified_%s", jobs[i].what);
	TEST_ADD_SLOW(dmaengine_survives_lost_interrupts, LIMIT_MS);
	test_add(dmaengine_reports_failed_transfers, "\"fail\"", LIMIT_MS,
		 "dmaengine_reports_transfers_that_fail");
	test_add(dmaengine_reports_failed_transfers, "\"short\"", LIMIT_MS,
		 "dmaengine_reports_transfers_that_are_short");
	test_add(dmaengine_reports_failed_transfers, "\"stuck\"", LIMIT_MS,
		 "dmaengine_reports_transfers_that_are_stuck");
	test_add(dmaengine_goes_on_after_resets, &by_function, LIMIT_MS,
		 "dmaengine_goes_on_after_resets_of_the_function");
	test_add(dmaengine_goes_on_after_resets, &by_driver, LIMIT_MS,
		 "dmaengine_goes_on_after_resets_by_the_driver");
	TEST_ADD_SLOW(dmaengine_client_holds_the_module, LIMIT_MS);
	TEST_ADD_SLOW(dmaengine_unbind_under_traffic, LIMIT_MS);
}
