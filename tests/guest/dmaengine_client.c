// SPDX-License-Identifier: MIT
/*
 * dmaengine_client.c - what a client of the channel is told: results, residues, the order of both; and
 * what becomes of its memory when it terminates, closes, or the device is taken away meanwhile.
 *
 * tests/dmaclient is the client, in the kernel. Where the DMA API is watched (the debug kernel), it
 * notices memory that is still mapped when the driver is unbound.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "busy.h"
#include "dmaclient.h"
#include "machine.h"

#define NODE		"/dev/mmapdemo-dmaclient"
#define MODULE_FILE	"/lib/modules/mmapdemo-dmaclient.ko"
#define MODULE_NAME	"mmapdemo_dmaclient"
#define LEN		65536
#define LONG_LEN	(1024 * 1024)	/* several descriptors */
#define WAIT_MS		20000
#define LIMIT_MS	30000

/* As <linux/dmaengine.h> has them. */
enum { STATUS_COMPLETE, STATUS_IN_PROGRESS, STATUS_PAUSED, STATUS_ERROR };
enum { RESULT_NOERROR, RESULT_READ_FAILED, RESULT_WRITE_FAILED, RESULT_ABORTED };

/* --- the client ---------------------------------------------------------------------------------- */

static int client_open(void)
{
	int file = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);

	if (file < 0 && errno == ENOENT)
		test_skip("this kernel has no dmaengine, or no client for it: no " MODULE_FILE);
	CHECK_SYS(file);
	module_reload("dmaengine=1");
	if (access(NODE, F_OK) && syscall(SYS_finit_module, file, "", 0))
		FAIL("load " MODULE_FILE ": %m");
	close(file);
	for (int i = 0; i < 400 && access(NODE, F_OK); i++)
		sleep_ms(5);
	return CHECK_SYS(open(NODE, O_RDWR | O_CLOEXEC));
}

static void client_end(int c)
{
	close(c);
	CHECK_SYS(syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK));
	module_reload("");
}

static int step(int c, unsigned long cmd, struct dmaclient_op *op)
{
	return ioctl(c, cmd, op) ? -errno : 0;
}

static int submit_op(int c, struct dmaclient_op op)
{
	return step(c, DMACLIENT_SUBMIT, &op);
}

/* So many of a kind, of so many bytes each; and what else the kind takes. */
#define SUBMIT(c, what, count, bytes, ...)				\
	submit_op(c, (struct dmaclient_op){ .kind = DMACLIENT_##what,	\
					    .num = (count), .len = (bytes), __VA_ARGS__ })

static void simple(int c, unsigned long cmd)
{
	struct dmaclient_op op = {};

	CHECK_OK(step(c, cmd, &op));
}

static u32 wait_told(int c, u32 ms)
{
	struct dmaclient_op op = { .ms = ms };

	CHECK_OK(step(c, DMACLIENT_WAIT, &op));
	return op.out_num;
}

static struct dmaclient_op status_of(int c, u32 which)
{
	struct dmaclient_op op = { .num = which };

	CHECK_OK(step(c, DMACLIENT_STATUS, &op));
	return op;
}

static void result_is(int c, u32 which, u32 result, u64 residue, u64 order)
{
	struct dmaclient_op op = { .num = which };

	CHECK_OK(step(c, DMACLIENT_RESULT, &op));
	CHECK_EQ(op.out_order, order);
	CHECK_EQ(op.out_status, result);
	CHECK_EQ(op.out_residue, residue);
	CHECK_EQ(status_of(c, which).out_status, result ? STATUS_ERROR : STATUS_COMPLETE);
}

static u64 equal_bytes_stepped(int c, u32 value, u32 each)
{
	struct dmaclient_op op = { .value = value, .step = each };

	CHECK_OK(step(c, DMACLIENT_CHECK, &op));
	return op.out_equal;
}

static u64 equal_bytes(int c, u32 value)
{
	return equal_bytes_stepped(c, value, 0);
}

/* --- tests ---------------------------------------------------------------------------------------- */

static void dmaclient_is_told_in_order_and_not_before_it_issues(const void *arg)
{
	int c = client_open();
	struct dmaclient_op op;

	(void)arg;
	CHECK_OK(SUBMIT(c, COPY, 3, LEN, .value = 0x5a));
	CHECK_OK(SUBMIT(c, COPY, 1, LONG_LEN, .value = 0x5a));
	CHECK_OK(SUBMIT(c, INTERRUPT, 1, 0));
	CHECK_OK(SUBMIT(c, FILL, 1, LEN, .value = 0x15a));
	CHECK_EQ(wait_told(c, 200), 0);
	op = status_of(c, 3);
	CHECK_EQ(op.out_status, STATUS_IN_PROGRESS);
	CHECK_EQ(op.out_residue, LONG_LEN);
	CHECK_EQ(equal_bytes(c, 0), DMACLIENT_BUF);
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 6);
	for (u32 i = 0; i < 6; i++)
		result_is(c, i, RESULT_NOERROR, 0, i + 1);
	/* All of it, and no byte more. */
	CHECK_EQ(equal_bytes(c, 0x5a), 4 * LEN + LONG_LEN);
	client_end(c);
}

/* What dmatest cannot see: its pattern repeats itself 32 bytes on, and so in each piece. */
static void dmaclient_finds_each_piece_in_its_place(const void *arg)
{
	int c = client_open();

	(void)arg;
	CHECK_OK(SUBMIT(c, COPY, 1, LONG_LEN, .value = 1, .step = 1));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 1);
	result_is(c, 0, RESULT_NOERROR, 0, 1);
	CHECK_EQ(equal_bytes_stepped(c, 1, 1), LONG_LEN);
	client_end(c);
}

static void dmaclient_is_refused_what_cannot_be_done(const void *arg)
{
	int c = client_open();

	(void)arg;
	CHECK_RET(SUBMIT(c, COPY, 1, 0), -EINVAL);
	CHECK_RET(SUBMIT(c, FILL, 1, 0), -EINVAL);
	CHECK_RET(SUBMIT(c, COPY, 1, 1ULL << 32), -EINVAL);
	CHECK_RET(SUBMIT(c, FILL, 1, 1ULL << 32), -EINVAL);
	/* The first byte is reached, the last one is behind the end of everything. */
	CHECK_RET(SUBMIT(c, TO_NO_MEMORY, 1, 2, .addr = ~0ULL), -EINVAL);
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, 100), 0);
	client_end(c);
}

/* An address of no memory: the device's own registers. */
static void dmaclient_is_told_what_failed(const void *arg)
{
	char path[96], line[128];
	unsigned long long bar;
	int c = client_open();

	(void)arg;
	if (!access("/sys/class/iommu/dmar0", F_OK))
		test_skip("behind an IOMMU that would be its fault, and its message");
	CHECK_OK(file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", dev_bus_id()), line,
			   sizeof(line)));
	CHECK_EQ(sscanf(line, "%llx", &bar), 1);
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 1));
	CHECK_OK(SUBMIT(c, TO_NO_MEMORY, 1, LONG_LEN, .addr = bar, .value = 1));
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 1));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 3);
	result_is(c, 0, RESULT_NOERROR, 0, 1);
	result_is(c, 1, RESULT_READ_FAILED, LONG_LEN, 2);
	result_is(c, 2, RESULT_NOERROR, 0, 3);
	client_end(c);
}

/* Terminated, nobody is told, no byte moves, and the channel works: whatever the device was doing. */
static void dmaclient_terminates_what_is_stuck(const void *arg)
{
	int c = client_open();

	(void)arg;
	fault_set("x-fault-dma", "\"stuck\"");
	CHECK_OK(SUBMIT(c, COPY, 40, 4096, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	simple(c, DMACLIENT_TERMINATE);
	busy_end();
	CHECK_EQ(wait_told(c, 100), 0);
	for (u32 i = 0; i < 40; i++)
		CHECK_EQ(status_of(c, i).out_status, STATUS_ERROR);
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	for (u64 end = now_ns() + WAIT_MS * 1000000ULL; wait_told(c, 50) < 1 && now_ns() < end;)
		;
	result_is(c, 40, RESULT_NOERROR, 0, 1);
	/* What was terminated has not moved a byte; what came later has moved all of its own. */
	CHECK_EQ(equal_bytes(c, 0), 40 * 4096);
	client_end(c);
}

static void dmaclient_closes_over_work(const void *arg)
{
	int c = client_open();

	(void)arg;
	fault_set("x-fault-dma", "\"stuck\"");
	CHECK_OK(SUBMIT(c, COPY, 4, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	CHECK_OK(SUBMIT(c, FILL, 4, LEN, .value = 7));
	close(c);
	busy_end();
	c = CHECK_SYS(open(NODE, O_RDWR | O_CLOEXEC));
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 1);
	result_is(c, 0, RESULT_NOERROR, 0, 1);
	client_end(c);
}

static void dmaclient_loses_what_a_reset_meets(const void *arg)
{
	int c = client_open();

	(void)arg;
	fault_set("x-fault-dma", "\"stuck\"");
	CHECK_OK(SUBMIT(c, COPY, 4, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	watchdog_set(60000);
	function_reset();
	CHECK_EQ(wait_told(c, WAIT_MS), 4);
	busy_end();
	for (u32 i = 0; i < 4; i++)
		result_is(c, i, RESULT_ABORTED, LEN, i + 1);
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 5);
	result_is(c, 4, RESULT_NOERROR, 0, 5);
	client_end(c);
}

/* Told before unbind returns: who then gives its memory back leaves nothing behind. */
static void dmaclient_is_told_that_the_device_goes(const void *arg)
{
	int c = client_open();
	unsigned int ms;

	(void)arg;
	fault_set("x-fault-dma", "\"stuck\"");
	CHECK_OK(SUBMIT(c, COPY, 40, 4096, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	ms = driver_unbind();
	CHECKF(ms < promise_ms(2000), "it took %u ms", ms);
	CHECK_EQ(wait_told(c, 0), 40);
	busy_end();
	for (u32 i = 0; i < 40; i++)
		result_is(c, i, RESULT_ABORTED, 4096, i + 1);
	CHECK_EQ(equal_bytes(c, 0), DMACLIENT_BUF);
	CHECK_RET(SUBMIT(c, COPY, 1, LEN), -EINVAL);
	simple(c, DMACLIENT_TERMINATE);
	driver_bind();
	client_end(c);
}

/* The function itself goes, and with it, but for the client, everybody who holds its struct device. */
static void dmaclient_outlives_the_device(const void *arg)
{
	struct dmaclient_op op;
	int c = client_open();
	u64 mask;

	(void)arg;
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 1);
	mask = status_of(c, 0).out_dma_mask;
	CHECK_OK(SUBMIT(c, INTERRUPT, 1, 0));
	pci_remove();
	/* Freed by RCU, or by a work item. */
	sleep_ms(500);
	op = status_of(c, 0);
	CHECK_EQ(op.out_status, STATUS_COMPLETE);
	/* Which is in that struct. */
	CHECK_EQ(op.out_dma_mask, mask);
	simple(c, DMACLIENT_TERMINATE);
	close(c);
	pci_rescan();
	c = CHECK_SYS(open(NODE, O_RDWR | O_CLOEXEC));
	CHECK_OK(SUBMIT(c, COPY, 1, LEN, .value = 7));
	simple(c, DMACLIENT_ISSUE);
	CHECK_EQ(wait_told(c, WAIT_MS), 1);
	client_end(c);
}

void register_dmaengine_client(void)
{
	TEST_ADD_SLOW(dmaclient_is_told_in_order_and_not_before_it_issues, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_finds_each_piece_in_its_place, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_is_refused_what_cannot_be_done, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_is_told_what_failed, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_terminates_what_is_stuck, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_closes_over_work, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_loses_what_a_reset_meets, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_outlives_the_device, LIMIT_MS);
	TEST_ADD_SLOW(dmaclient_is_told_that_the_device_goes, LIMIT_MS);
}
