// SPDX-License-Identifier: MIT
/*
 * faults.c - a device that loses, delays or repeats interrupts, and fails, shortens or never ends
 * transfers, or reads as if it were gone: all of it is survived, and told to who is concerned. One-shot
 * transfers and queues that a process drives itself; see faults_submit.c for the driver's queues.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "queue.h"

#define LATE_MS		20	/* of the device's late and repeated interrupts */
#define WATCHDOG_MS	100
#define LEN		(4 * PAGE)

/* One file with memory on both sides. */
struct sides {
	int fd;
	struct mmapdemo_buf_alloc mem, dev;
	char *m, *d;
};

static struct sides sides_get(void)
{
	struct sides s = { .fd = dev_open(O_RDWR) };

	s.mem = buf_alloc(s.fd, MMAPDEMO_TECH_COHERENT, LEN);
	s.dev = buf_alloc(s.fd, MMAPDEMO_TECH_BAR, LEN);
	s.m = map_rw(s.fd, LEN, s.mem.out_offset);
	s.d = map_rw(s.fd, LEN, s.dev.out_offset);
	fill(s.m, LEN, 1);
	memset(s.d, 0x5e, LEN);
	return s;
}

static u64 submit(const struct sides *s)
{
	struct mmapdemo_dma_submit d = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = s->mem.out_handle,
		.dev_handle = s->dev.out_handle, .len = LEN,
	};

	CHECK_OK(dma_submit(s->fd, &d));
	return d.out_seq;
}

static void works_again(const struct sides *s)
{
	struct mmapdemo_dma_wait w;

	fill(s->m, LEN, 9);
	CHECK_OK(dma_collect(s->fd, submit(s), &w));
	CHECK_EQ(w.out_bytes, LEN);
	CHECK_EQ(buf_info(s->fd, s->mem.out_handle).out_transfers, 0);
	CHECK_EQ(differs(map_ro(s->fd, LEN, s->dev.out_offset), LEN, 9), LEN);
}

static long debugfs_counter(const char *name)
{
	char path[96], line[96];
	long value = -1;
	FILE *f = fopen(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/counters",
			     dev_node() + strlen("/dev/")), "re");

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name)) && line[strlen(name)] == ' ')
			value = strtol(line + strlen(name), NULL, 10);
	}
	fclose(f);
	CHECK(value >= 0);
	return value;
}

/* --- interrupts of transfers ------------------------------------------------------------------- */

/* Lost, a transfer that has ended well is found to have; late, no later than the interrupt. */
static void irq_fault_ends_the_wait(const void *arg)
{
	const char *fault = arg;
	bool lost = !strcmp(fault, "\"lost\"");
	struct sides s = sides_get();
	long timeouts = debugfs_counter("dma_timeouts");
	struct mmapdemo_dma_wait w;
	unsigned int limit;
	u64 start, ms;

	/* It is not the watchdog that ends what has an interrupt. */
	watchdog_set(lost ? WATCHDOG_MS : 50 * WATCHDOG_MS);
	busy_each(BUSY_EACH_NS);
	fault_set("x-fault-irq", fault);
	for (int i = 0; i < 3; i++) {
		start = now_ns();
		CHECK_OK(dma_collect(s.fd, submit(&s), &w));
		ms = (now_ns() - start) / 1000000;
		diag("it took %llu ms", (unsigned long long)ms);
		CHECK_EQ(w.out_bytes, LEN);
		CHECK_EQ(w.out_error, 0);
		/* The first may find the watchdog set for the time that there was before. */
		limit = 10 * WATCHDOG_MS + (i ? 0 : 1000);
		CHECKF(ms < promise_ms(limit), "it took %llu ms", (unsigned long long)ms);
	}
	CHECK_EQ(differs(s.d, LEN, 1), LEN);
	/* Not one of them had taken too long. */
	CHECK_EQ(debugfs_counter("dma_timeouts"), timeouts);
	busy_end();
	works_again(&s);
}

/* Whatever becomes of the interrupts, a poller wakes and an eventfd counts each end once. */
static void irq_fault_is_not_counted_twice(const void *arg)
{
	int efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct sides s = sides_get();
	struct pollfd p = { .fd = s.fd, .events = POLLIN }, e = { .fd = efd, .events = POLLIN };
	u64 first, last = 0, value, sum = 0;

	watchdog_set(WATCHDOG_MS);
	busy_each(BUSY_EACH_NS);
	fault_set("x-fault-irq", arg);
	CHECK_OK(eventfd_set(s.fd, efd));
	first = submit(&s);
	CHECK_EQ(poll(&p, 1, 20 * WATCHDOG_MS), 1);
	CHECK_EQ(p.revents, POLLIN);
	for (int i = 0; i < 4; i++)
		last = submit(&s);
	for (u64 seq = first; seq <= last; seq++)
		CHECK_OK(dma_collect(s.fd, seq, NULL));
	/* One that is repeated, or late, may come still. */
	sleep_ms(2 * LATE_MS);
	while (poll(&e, 1, 0) == 1 && read(efd, &value, 8) == 8)
		sum += value;
	CHECK_EQ(sum, last - first + 1);
	CHECK_RET(dma_collect(s.fd, 0, NULL), -ENOENT);
	CHECK_EQ(poll(&p, 1, 0), 0);
}

/* --- transfers that go wrong --------------------------------------------------------------------- */

static void dma_fail_eio_and_no_byte_moves(const void *arg)
{
	struct sides s = sides_get();
	struct mmapdemo_dma_wait w;

	(void)arg;
	fault_set("x-fault-dma", "\"fail\"");
	for (int i = 0; i < 3; i++) {
		CHECK_RET(dma_collect(s.fd, submit(&s), &w), -EIO);
		CHECK(w.out_error != 0);
		CHECK_EQ(w.out_bytes, 0);
	}
	CHECK_EQ(first_not(s.d, LEN, 0x5e), LEN);
	busy_end();
	works_again(&s);
}

static void dma_short_eio_and_tells_how_much(const void *arg)
{
	struct sides s = sides_get();
	struct mmapdemo_dma_wait w;

	(void)arg;
	fault_set("x-fault-dma", "\"short\"");
	CHECK_RET(dma_collect(s.fd, submit(&s), &w), -EIO);
	CHECK(w.out_error != 0);
	CHECK_EQ(w.out_bytes, LEN / 2);
	CHECK_EQ(differs(s.d, LEN / 2, 1), LEN / 2);
	CHECK_EQ(first_not(s.d + LEN / 2, LEN / 2, 0x5e), LEN / 2);
	busy_end();
	works_again(&s);
}

/* Told by the waiter's own deadline first, and ended by the watchdog; those behind it run. */
static void dma_stuck_is_aborted_and_the_next_runs(const void *arg)
{
	struct sides s = sides_get();
	long timeouts = debugfs_counter("dma_timeouts");
	struct mmapdemo_dma_wait w;
	u64 seq[3], start;

	(void)arg;
	watchdog_set(patience_ms(2 * WATCHDOG_MS));
	fault_set("x-fault-dma", "\"stuck\"");
	start = now_ns();
	for (int i = 0; i < 3; i++)
		seq[i] = submit(&s);
	fault_set("x-fault-dma", "\"none\"");
	w = (struct mmapdemo_dma_wait){ .seq = seq[0], .deadline_ns = now_ns() + 10000000 };
	CHECK_RET(dma_wait(s.fd, &w), -ETIMEDOUT);
	CHECK_RET(dma_collect(s.fd, seq[0], &w), -EIO);
	CHECK_EQ(w.out_error, MMAPDEMO_ERR_ABORTED);
	CHECK(w.out_bytes < LEN);
	/* By the watchdog, not by the limit of this test; QEMU is asked twice meanwhile. */
	CHECK(now_ns() - start < DMA_LIMIT_NS);
	CHECK_EQ(debugfs_counter("dma_timeouts"), timeouts + 1);
	for (int i = 1; i < 3; i++) {
		CHECK_OK(dma_collect(s.fd, seq[i], &w));
		CHECK_EQ(w.out_bytes, LEN);
	}
	works_again(&s);
}

/* Nobody waits for the watchdog: not who closes, and not who takes the device away. */
static void dma_stuck_holds_nobody_up(const void *arg)
{
	struct sides s = sides_get();
	u64 start;
	pid_t pid;

	(void)arg;
	watchdog_set(60000);
	fault_set("x-fault-dma", "\"stuck\"");
	submit(&s);
	unmap(s.m, LEN);
	unmap(s.d, LEN);
	start = now_ns();
	close(s.fd);
	CHECK(now_ns() - start < 1000000000);
	pid = child_fork();
	if (!pid) {
		s = sides_get();
		submit(&s);
		kill(getpid(), 9);
	}
	start = now_ns();
	CHECK_EQ(child_status(pid, 2000), 9);
	CHECK(now_ns() - start < 1000000000);
	s = sides_get();
	submit(&s);
	CHECK(driver_unbind() < promise_ms(2000));
	driver_bind();
	busy_end();
	s = sides_get();
	works_again(&s);
}

/* --- a device that reads as all ones --------------------------------------------------------------- */

/* As if it had been pulled out, and nobody had said so yet. Then it is there again. */
static void reads_of_ones_end_all_and_are_got_over(const void *arg)
{
	struct sides s = sides_get();
	struct queue q = queue_get(s.fd, 3);
	struct mmapdemo_queue_create c;
	struct mmapdemo_dma_wait w;
	u64 seq, start, value;
	u32 window;

	(void)arg;
	watchdog_set(WATCHDOG_MS);
	busy_each(100 * BUSY_EACH_NS);
	seq = submit(&s);
	fault_set("x-fault-reads", "true");
	start = now_ns();
	CHECK_RET(dma_collect(s.fd, seq, &w), -EIO);
	CHECK(w.out_error != 0);
	CHECK(now_ns() - start < 1000000000);
	CHECK_RET(dma_collect(s.fd, submit(&s), &w), -EIO);
	CHECK_RET(queue_try_create(s.fd, 3, -1, &c), -EIO);
	CHECK_RET(window_try_create(s.fd, s.mem.out_handle, WINDOW_RW, 0, PAGE, &window), -EIO);
	CHECK_EQ(queue_info(&q).out_reset, 1);
	CHECK_OK(reg_try_read(s.fd, MMAPDEMO_REG_ID, 4, &value));
	CHECK_EQ(value, 0xffffffff);
	CHECK_EQ(info_get(s.fd).out_hw_version >> 16, MMAPDEMO_VERSION_MAJOR);
	busy_end();
	works_again(&s);
	queue_put(&q);
	q = queue_get(s.fd, 3);
	CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_RUNNING);
}

/* A queue that cannot be told to stop is ended with the device's bus, and the call returns. */
static void reads_of_ones_hold_nobody_up(const void *arg)
{
	struct sides s = sides_get();
	struct queue q = queue_get(s.fd, 3);
	u64 start;

	(void)arg;
	fault_set("x-fault-reads", "true");
	start = now_ns();
	queue_put(&q);
	CHECK(now_ns() - start < promise_ms(2000) * 1000000ULL);
	busy_end();
	works_again(&s);
}

static void reads_of_ones_fail_the_probe_and_are_got_over(const void *arg)
{
	struct sides s = sides_get();
	char path[96];

	(void)arg;
	watchdog_set(60000);
	busy_each(100 * BUSY_EACH_NS);
	submit(&s);
	fault_set("x-fault-reads", "true");
	CHECK(driver_unbind() < promise_ms(2000));
	CHECK_EQ(file_try_write("/sys/bus/pci/drivers/mmapdemo/bind", dev_bus_id()), -ENODEV);
	strf(path, sizeof(path), "/sys/bus/pci/drivers/mmapdemo/%s", dev_bus_id());
	CHECK_EQ(access(path, F_OK), -1);
	node_wait(false);
	busy_end();
	driver_bind();
	s = sides_get();
	works_again(&s);
}

/* --- queues of a process ----------------------------------------------------------------------------- */

/* The record of each descriptor says so, no other byte moves, and the queue goes on. */
static void queue_fault_is_told_by_the_record(const void *arg)
{
	bool fail = !strcmp(arg, "\"fail\"");
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	u32 moved = fail ? 0 : LEN / 2;
	sqe_t d = sqe_fill(m.window, 0, LEN, 0x4242424242424242ULL);
	cqe_t c;

	fault_set("x-fault-dma", arg);
	for (int i = 0; i < 20; i++) {
		memset(m.p, 0x5e, LEN);
		c = queue_expect(&q, &d, MMAPDEMO_CQ_INJECTED, "a fill that goes wrong");
		CHECK_EQ(c.bytes, moved);
		CHECK_EQ(first_not(m.p, moved, 0x42), moved);
		CHECK_EQ(first_not(m.p + moved, LEN - moved, 0x5e), LEN - moved);
	}
	CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_RUNNING);
	busy_end();
	QUEUE_OK(&q, &d);
	CHECK_EQ(first_not(m.p, LEN, 0x42), LEN);
}

static void queue_stuck_is_destroyed_and_holds_nobody_up(const void *arg)
{
	struct neighbour n = neighbour_get();
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	sqe_t d = sqe_fill(m.window, 0, LEN, ~0ULL);
	u64 start;

	(void)arg;
	memset(m.p, 0x5e, LEN);
	fault_set("x-fault-dma", "\"stuck\"");
	queue_push(&q, &d);
	queue_kick(&q);
	sleep_ms(20);
	CHECK(!queue_done(&q, 0));
	CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_RUNNING);
	fault_set("x-fault-dma", "\"none\"");
	/* Another file's queue is not behind it. */
	neighbour_check(&n);
	start = now_ns();
	CHECK_OK(window_destroy(fd, m.window));
	queue_put(&q);
	CHECK(now_ns() - start < 1000000000);
	CHECK_EQ(first_not(m.p, LEN, 0x5e), LEN);
	neighbour_check(&n);
	q = queue_get(fd, 3);
	m.window = window_get(fd, m.handle, WINDOW_RW, 0, LEN);
	d = sqe_fill(m.window, 0, LEN, ~0ULL);
	QUEUE_OK(&q, &d);
}

/* Who sleeps on an eventfd: late is late, twice is once or twice, lost is seen in the ring alone. */
static void queue_irq_fault_leaves_the_record(const void *arg)
{
	const char *fault = arg;
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	sqe_t d = sqe_fill(m.window, 0, LEN, ~0ULL);
	u64 value = 0;

	fault_set("x-fault-irq", fault);
	*ring_word(&q, MMAPDEMO_RING_CQ_EVENT) = 0;
	QUEUE_OK(&q, &d);
	if (!strcmp(fault, "\"lost\"")) {
		CHECK_EQ(poll(&p, 1, 3 * LATE_MS), 0);
		CHECK_EQ(queue_info(&q).out_irqs, 0);
	} else {
		CHECK_EQ(poll(&p, 1, 20 * LATE_MS), 1);
		sleep_ms(2 * LATE_MS);
		CHECK_EQ(read(efd, &value, 8), 8);
		CHECK(value >= 1 && value <= 2);
		CHECK_EQ(queue_info(&q).out_irqs, value);
	}
	busy_end();
	*ring_word(&q, MMAPDEMO_RING_CQ_EVENT) = 1;
	QUEUE_OK(&q, &d);
	CHECK_EQ(poll(&p, 1, 1000), 1);
}

static const char *const irq_faults[] = { "\"lost\"", "\"late\"", "\"repeat\"" };
static const char *const irq_names[] = { "lost", "late", "repeat" };

void register_faults(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(irq_faults); i++) {
		test_add(irq_fault_ends_the_wait, irq_faults[i], 0,
			 "fault_irq_%s_ends_the_wait", irq_names[i]);
		test_add(irq_fault_is_not_counted_twice, irq_faults[i], 0,
			 "fault_irq_%s_is_not_counted_twice", irq_names[i]);
		test_add(queue_irq_fault_leaves_the_record, irq_faults[i], 0,
			 "fault_irq_%s_of_a_queue_leaves_the_record", irq_names[i]);
	}
	test_add(dma_fail_eio_and_no_byte_moves, NULL, 0, "fault_dma_fail_eio_and_no_byte_moves");
	test_add(dma_short_eio_and_tells_how_much, NULL, 0,
		 "fault_dma_short_eio_and_tells_how_much");
	test_add(dma_stuck_is_aborted_and_the_next_runs, NULL, 0,
		 "fault_dma_stuck_is_aborted_and_the_next_runs");
	test_add(dma_stuck_holds_nobody_up, NULL, 20000, "fault_dma_stuck_holds_nobody_up");
	test_add(reads_of_ones_end_all_and_are_got_over, NULL, 20000,
		 "fault_reads_end_all_and_are_got_over");
	test_add(reads_of_ones_hold_nobody_up, NULL, 20000, "fault_reads_hold_nobody_up");
	test_add(reads_of_ones_fail_the_probe_and_are_got_over, NULL, 20000,
		 "fault_reads_fail_the_probe_and_are_got_over");
	test_add(queue_fault_is_told_by_the_record, "\"fail\"", 0,
		 "fault_dma_fail_of_a_queue_is_told_by_the_record");
	test_add(queue_fault_is_told_by_the_record, "\"short\"", 0,
		 "fault_dma_short_of_a_queue_is_told_by_the_record");
	test_add(queue_stuck_is_destroyed_and_holds_nobody_up, NULL, 20000,
		 "fault_dma_stuck_of_a_queue_holds_nobody_up");
}
