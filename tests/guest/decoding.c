// SPDX-License-Identifier: MIT
/*
 * decoding.c - memory decoding switched off in the command register, under a process that uses the
 * device: what it loads and stores goes nowhere, and nobody hangs or takes it for an answer.
 *
 * Not for: a device that reads as all ones, see faults.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "submit.h"

#define LEN	(4 * PAGE)
#define RUNNING	8

/* QEMU's answer for a hole is 0, hardware's is all ones: never the ID. */
static bool is_nothing(u64 value)
{
	return !value || value == 0xffffffff;
}

/* Memory decoding is on again when the test ends well; what a failed one leaves, the runner mends. */
static void decoding_set(bool on)
{
	pci_command_set(on ? 0 : PCI_COMMAND_MEM, on ? PCI_COMMAND_MEM : 0);
}

/* Mappings of every kind there is of a BAR; entries may be made at that very moment. */
static void memory_decoding_off_under_a_mapping_is_survived(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE,
	};
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	char *user = map_rw(fd, r.out_len, r.out_offset), *p[ARRAY_SIZE(kinds)] = { 0 };
	u64 value;
	u32 got;
	int ret;

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (technique_is_there(fd, kinds[k]))
			memory_get(fd, kinds[k], LEN, &p[k]);
		/* The last page stays untouched. */
		if (p[k])
			memset(p[k], 0x42, LEN - PAGE);
	}
	CHECK_EQ(touch_read(user, &got), 0);
	CHECK_EQ(got, MMAPDEMO_ID);
	decoding_set(false);
	CHECK_EQ(touch_read(user, &got), 0);
	CHECK(is_nothing(got));
	CHECK_EQ(touch_write(user + 8, 5), 0);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (u64 off = 0; p[k] && off < LEN; off += PAGE) {
			CHECK_EQ(touch_read(p[k] + off, &got), 0);
			CHECK(is_nothing(got));
			CHECK_EQ(touch_write(p[k] + off, 5), 0);
		}
	}
	ret = reg_try_read(fd, MMAPDEMO_REG_USER_ID, 4, &value);
	diag("register read: %s", errno_word(ret));
	CHECK(ret || is_nothing(value));
	decoding_set(true);
	CHECK_EQ(touch_read(user, &got), 0);
	CHECK_EQ(got, MMAPDEMO_ID);
	/* What was stored meanwhile has gone nowhere. */
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!p[k])
			continue;
		CHECK_EQ(first_not(p[k], LEN - PAGE, 0x42), LEN - PAGE);
		CHECK_EQ(first_not(p[k] + LEN - PAGE, PAGE, 0), PAGE);
	}
}

/* --- transfers and queues ---------------------------------------------------------------------------- */

struct work {
	int fd;
	struct area m, d;
	struct queue q;
};

static struct work work_get(void)
{
	struct work w = { .fd = dev_open(O_RDWR) };

	w.m = area_get(w.fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	w.d = area_get(w.fd, MMAPDEMO_TECH_BAR, LEN, WINDOW_RW);
	w.q = queue_get(w.fd, 3);
	return w;
}

static u64 work_submit(const struct work *w, u32 num)
{
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_FROM_DEVICE, .mem_handle = w->m.handle,
		.dev_handle = w->d.handle, .len = LEN,
	};

	for (u32 i = 0; i < num; i++)
		CHECK_OK(dma_submit(w->fd, &s));
	return s.out_seq - num + 1;
}

static void works_again(void)
{
	struct work w = work_get();
	sqe_t d = sqe_copy(w.d.window, 0, w.m.window, 0, LEN);

	fill(w.m.p, LEN, 5);
	QUEUE_OK(&w.q, &d);
	CHECK_EQ(differs(w.d.p, LEN, 5), LEN);
	fill(w.d.p, LEN, 6);
	CHECK_OK(dma_collect(w.fd, work_submit(&w, 1), NULL));
	CHECK_EQ(differs(w.m.p, LEN, 6), LEN);
	queue_put(&w.q);
	close(w.fd);
}

/* A transfer that was begun before, and one that is begun meanwhile: neither is a success. */
static void memory_decoding_off_under_transfers_none_succeeds(const void *arg)
{
	struct work w = work_get();
	struct mmapdemo_dma_wait wait;
	u64 first, start = now_ns();

	(void)arg;
	watchdog_set(200);
	busy_each(100 * BUSY_EACH_NS);
	first = work_submit(&w, 1);
	decoding_set(false);
	work_submit(&w, 1);
	for (u64 seq = first; seq < first + 2; seq++) {
		int ret = dma_collect(w.fd, seq, &wait);

		diag("%s after %llu ms", errno_word(ret),
		     (unsigned long long)(now_ns() - start) / 1000000);
		CHECK_RET(ret, -EIO);
	}
	decoding_set(true);
	busy_end();
	works_again();
}

/* A doorbell that nobody hears is no error: the next one is heard. */
static void memory_decoding_off_under_a_queue_it_goes_on_afterwards(const void *arg)
{
	struct work w = work_get();
	sqe_t d = sqe_copy(w.d.window, 0, w.m.window, 0, LEN);

	(void)arg;
	fill(w.m.p, LEN, 5);
	QUEUE_OK(&w.q, &d);
	decoding_set(false);
	queue_push(&w.q, &d);
	queue_kick(&w.q);
	queue_ring(&w.q);
	sleep_ms(20);
	CHECK(!queue_done(&w.q, 1));
	decoding_set(true);
	fill(w.m.p, LEN, 7);
	queue_ring(&w.q);
	CHECK_EQ(queue_wait(&w.q, 1).status, MMAPDEMO_CQ_OK);
	CHECK_EQ(differs(w.d.p, LEN, 7), LEN);
}

/* Destroy, close, and what holds up removal: all of them end, and memory is not freed under DMA. */
static void memory_decoding_off_holds_nobody_up(const void *arg)
{
	struct work w = work_get();
	u64 start;

	(void)arg;
	watchdog_set(60000);
	busy_each(100 * BUSY_EACH_NS);
	work_submit(&w, RUNNING);
	decoding_set(false);
	start = now_ns();
	CHECK_OK(window_destroy(w.fd, w.m.window));
	queue_put(&w.q);
	diag("window and queue took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	CHECK(now_ns() - start < promise_ms(2000) * 1000000ULL);
	unmap(w.m.p, LEN);
	unmap(w.d.p, LEN);
	start = now_ns();
	close(w.fd);
	diag("close took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	CHECK(now_ns() - start < promise_ms(2000) * 1000000ULL);
	decoding_set(true);
	works_again();
}

static void memory_decoding_off_unbind_returns_in_time(const void *arg)
{
	struct work w = work_get();

	(void)arg;
	watchdog_set(60000);
	busy_each(100 * BUSY_EACH_NS);
	memset(w.m.p, 0x5e, LEN);
	work_submit(&w, RUNNING);
	decoding_set(false);
	CHECK(driver_unbind() < promise_ms(2000));
	CHECK_EQ(touch_read(w.m.p, NULL), SIGBUS);
	CHECK_EQ(touch_read(w.d.p, NULL), SIGBUS);
	CHECK_EQ(touch_write(w.q.ring, 1), SIGBUS);
	/* Binding switches it on. */
	driver_bind();
	CHECK(config_read(PCI_COMMAND_OFFSET, 2) & PCI_COMMAND_MEM);
	busy_end();
	works_again();
}

void register_decoding(void)
{
	TEST_ADD_SLOW(memory_decoding_off_under_a_mapping_is_survived, 20000);
	TEST_ADD_SLOW(memory_decoding_off_under_transfers_none_succeeds, 20000);
	TEST_ADD_SLOW(memory_decoding_off_under_a_queue_it_goes_on_afterwards, 20000);
	TEST_ADD_SLOW(memory_decoding_off_holds_nobody_up, 20000);
	TEST_ADD_SLOW(memory_decoding_off_unbind_returns_in_time, 20000);
}
