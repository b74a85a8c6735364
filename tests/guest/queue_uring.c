// SPDX-License-Identifier: MIT
/*
 * queue_uring.c - commands of io_uring on a queue that the driver keeps to itself: results, order,
 * and that each ends exactly once, whatever ends the queue meanwhile.
 */
#include <errno.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "kqueue.h"
#include "lifetime.h"
#include "machine.h"
#include "submit.h"

#define LOG2N	4
#define N	(1u << LOG2N)
#define MS	1000000ULL

struct fixture {
	int fd;
	u32 queue;
	struct uring u;
	struct area a, b;
};

static struct fixture fixture_get(u32 setup_flags)
{
	struct fixture f = { .fd = dev_open(O_RDWR) };

	f.u = uring_get(f.fd, 64, setup_flags);
	f.queue = kqueue_get(f.fd, LOG2N);
	f.a = area_get(f.fd, MMAPDEMO_TECH_COHERENT, 4 * PAGE, WINDOW_RW);
	f.b = area_get(f.fd, MMAPDEMO_TECH_BAR, 4 * PAGE, WINDOW_RW);
	return f;
}

static struct uring_result result_of(struct fixture *f, const sqe_t *d)
{
	return uring_do(&f->u, f->fd, f->queue, d);
}

/* Of its state: MMAPDEMO_QCTL_*, as root may. */
static void control(struct fixture *f, u32 command)
{
	struct mmapdemo_queue_info i;

	raw_bar_require(true);
	CHECK_OK(queue_try_info(f->fd, f->queue, &i));
	CHECK_OK(reg_try_write(f->fd, MMAPDEMO_QREG(i.out_index, CTL), 4, command));
	raw_bar_require(false);
}

/* Commands that stay in the device until it is told to go on. */
static void hold(struct fixture *f, sqe_t *d, u32 num)
{
	control(f, MMAPDEMO_QCTL_PAUSE);
	for (u32 i = 0; i < num; i++) {
		d[i] = sqe_fill(f->a.window, 64 * i, 64, 0x0101010101010101 * (i + 1));
		uring_push(&f->u, f->fd, f->queue, &d[i], 100 + i);
	}
	CHECK_OK(uring_enter(&f->u, num, 0, 0));
	CHECK(!uring_next(&f->u, &(struct uring_result){ 0 }));
}

/* All of them, once each, with this result. */
static void all_end(struct fixture *f, u32 num, int res, unsigned int limit_ms)
{
	struct uring_result r;
	u64 seen = 0;

	uring_enter(&f->u, 0, num, limit_ms);
	for (u32 i = 0; i < num; i++) {
		CHECKF(uring_next(&f->u, &r), "%u of %u commands have ended", i, num);
		CHECK_RET(r.res, res);
		CHECK(r.user >= 100 && r.user < 100 + num);
		CHECK(!(seen & 1ULL << (r.user - 100)));
		seen |= 1ULL << (r.user - 100);
	}
	uring_enter(&f->u, 0, 1, 30);
	CHECK(!uring_next(&f->u, &r));
}

/* --- results ----------------------------------------------------------------------------------- */

static void uring_command_moves_the_bytes(const void *arg)
{
	struct fixture f = fixture_get(0);
	sqe_t d = sqe_copy(f.b.window, 64, f.a.window, 0, 3 * PAGE);

	(void)arg;
	fill(f.a.p, f.a.len, 3);
	CHECK_EQ(result_of(&f, &d).res, 3 * PAGE);
	CHECK(!memcmp(f.b.p + 64, f.a.p, 3 * PAGE));
	CHECK_EQ(first_not(f.b.p, 64, 0), 64);
	CHECK_EQ(first_not(f.b.p + 64 + 3 * PAGE, PAGE - 64, 0), PAGE - 64);
}

static void uring_result_says_what_became_of_it(const void *arg)
{
	struct fixture f = fixture_get(IORING_SETUP_CQE32);
	struct uring_result r;
	sqe_t d;

	(void)arg;
	fill(f.a.p, f.a.len, 3);
	d = sqe_crc(f.a.window, 0, f.a.len, 0);
	r = result_of(&f, &d);
	CHECK_EQ(r.res, f.a.len);
	CHECK_EQ(r.extra[0], crc32c(0, f.a.p, f.a.len));

	d = sqe_fill(0xffffff, 0, 64, 0);
	r = result_of(&f, &d);
	CHECK_RET(r.res, -EINVAL);
	CHECK_EQ(r.extra[0], MMAPDEMO_CQ_WINDOW);

	d = sqe_fill(f.a.window, 4 * PAGE - 32, 64, 0);
	r = result_of(&f, &d);
	CHECK_RET(r.res, -EINVAL);
	CHECK_EQ(r.extra[0], MMAPDEMO_CQ_RANGE);

	memcpy(f.b.p, f.a.p, f.a.len);
	f.b.p[5000] ^= 1;
	d = sqe_compare(f.a.window, 0, f.b.window, 0, f.a.len);
	r = result_of(&f, &d);
	CHECK_RET(r.res, -EIO);
	CHECK_EQ(r.extra[0], MMAPDEMO_CQ_MISCOMPARE | 5000ULL << 32);
	CHECK_EQ(differs(f.a.p, f.a.len, 3), f.a.len);
}

static int raw_result(struct fixture *f, u32 op, u32 queue, u32 reserved, const void *sqe)
{
	struct mmapdemo_uring_cmd c = {
		.queue = queue, .reserved = reserved, .sqe = (uintptr_t)sqe,
	};
	struct uring_result r;

	uring_push_raw(&f->u, f->fd, op, &c, 9);
	CHECK_OK(uring_enter(&f->u, 1, 1, 2000));
	CHECK(uring_next(&f->u, &r));
	CHECK_EQ(r.user, 9);
	return r.res;
}

static void uring_wrong_commands_are_refused(const void *arg)
{
	struct fixture f = fixture_get(0);
	struct queue mapped = queue_get(f.fd, LOG2N);
	u32 other = kqueue_get(dev_open(O_RDWR), LOG2N);
	sqe_t d = { .op = MMAPDEMO_OP_NOP };
	cqe_t c;

	(void)arg;
	CHECK_RET(raw_result(&f, 0, f.queue, 0, &d), -ENOTTY);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT + 1, f.queue, 0, &d), -ENOTTY);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 1, &d), -EINVAL);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, NULL), -EFAULT);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, (void *)-32L), -EFAULT);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, 0, 0, &d), -ENOENT);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, HANDLE_NONE, 0, &d), -ENOENT);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, other, 0, &d), -ENOENT);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, mapped.c.out_queue, 0, &d), -EINVAL);
	/* None of these has submitted anything. */
	CHECK_EQ(submit_collect(f.fd, f.queue, &c, 1), 0);
	CHECK_EQ(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &d), 0);
}

/* --- many -------------------------------------------------------------------------------------- */

static void uring_many_commands_end_once_each(const void *arg)
{
	struct fixture f = fixture_get(0);
	static unsigned char seen[5000];
	u32 sent = 0, ended = 0, refused = 0;
	sqe_t d[32];

	(void)arg;
	while (ended < sizeof(seen)) {
		struct uring_result r;
		u32 num = sizeof(seen) - sent < 32 ? sizeof(seen) - sent : 32;

		for (u32 i = 0; i < num; i++) {
			d[i] = (sqe_t){ .op = MMAPDEMO_OP_NOP, .user = sent };
			uring_push(&f.u, f.fd, f.queue, &d[i], sent++);
		}
		CHECK_OK(uring_enter(&f.u, num, num, 5000));
		while (uring_next(&f.u, &r)) {
			CHECK(r.user < sizeof(seen));
			CHECK_EQ(seen[r.user]++, 0);
			CHECK(r.res == 0 || r.res == -EAGAIN);
			refused += r.res == -EAGAIN;
			ended++;
		}
	}
	diag("%u of %zu found no room", refused, sizeof(seen));
	CHECK(refused < sizeof(seen) / 2);
}

/* Slower than the submitter: they end by the interrupt. */
static void uring_commands_in_flight_end_by_the_interrupt(const void *arg)
{
	struct fixture f = fixture_get(0);
	struct mmapdemo_queue_info i;
	sqe_t d[N];

	(void)arg;
	hold(&f, d, N);
	control(&f, MMAPDEMO_QCTL_RESUME);
	all_end(&f, N, 64, 900);
	for (u32 k = 0; k < N; k++)
		CHECK_EQ(first_not(f.a.p + 64 * k, 64, k + 1), 64);
	CHECK_OK(queue_try_info(f.fd, f.queue, &i));
	CHECK(i.out_irqs >= 1 && i.out_irqs <= 3);
}

static void uring_no_room_is_eagain(const void *arg)
{
	struct fixture f = fixture_get(0);
	struct uring_result r;
	sqe_t d[N], one = { .op = MMAPDEMO_OP_NOP };

	(void)arg;
	hold(&f, d, N);
	uring_push(&f.u, f.fd, f.queue, &one, 7);
	CHECK_OK(uring_enter(&f.u, 1, 1, 2000));
	CHECK(uring_next(&f.u, &r));
	CHECK_EQ(r.user, 7);
	CHECK_RET(r.res, -EAGAIN);
	control(&f, MMAPDEMO_QCTL_RESUME);
	all_end(&f, N, 64, 2000);
}

static void uring_and_submit_do_not_mix(const void *arg)
{
	struct fixture f = fixture_get(0);
	sqe_t d[4], nop = { .op = MMAPDEMO_OP_NOP };
	cqe_t c[4];

	(void)arg;
	hold(&f, d, 4);
	CHECK_RET(submit_call(f.fd, f.queue, &nop, 1, NULL, 0, 0, 0).ret, -EBUSY);
	CHECK_RET(submit_call(f.fd, f.queue, NULL, 0, c, 1, 0, 0).ret, -EBUSY);
	CHECK_RET(submit_call(f.fd, f.queue, NULL, 0, c, 1, 1, now_ns() + 5000 * MS).ret, -EBUSY);
	control(&f, MMAPDEMO_QCTL_RESUME);
	all_end(&f, 4, 64, 2000);
	/* None of their completions is left for a call, and the other way round. */
	CHECK_EQ(submit_collect(f.fd, f.queue, c, 4), 0);
	CHECK_EQ(submit_call(f.fd, f.queue, &nop, 1, NULL, 0, 0, 0).submitted, 1);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), -EBUSY);
	CHECK_EQ(submit_collect(f.fd, f.queue, c, 4), 1);
	CHECK_EQ(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), 0);
}

/* --- the end ----------------------------------------------------------------------------------- */

static void uring_commands_end_when_the_queue_is_destroyed(const void *arg)
{
	struct fixture f = fixture_get(0);
	sqe_t d[8], nop = { .op = MMAPDEMO_OP_NOP };

	(void)arg;
	hold(&f, d, 8);
	CHECK_OK(queue_destroy(f.fd, f.queue));
	all_end(&f, 8, -ECANCELED, 100);
	CHECK_EQ(first_not(f.a.p, f.a.len, 0), f.a.len);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), -ENOENT);
}

static void uring_commands_end_with_a_reset(const void *arg)
{
	struct fixture f = fixture_get(0);
	sqe_t d[8], nop = { .op = MMAPDEMO_OP_NOP };
	cqe_t c;

	(void)arg;
	hold(&f, d, 8);
	function_reset();
	all_end(&f, 8, -EIO, 100);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), -EIO);
	/* No command is in flight any more, and none of a call will be. */
	CHECK_RET(submit_call(f.fd, f.queue, &nop, 1, NULL, 0, 0, 0).ret, -EIO);
	CHECK_RET(submit_call(f.fd, f.queue, NULL, 0, &c, 1, 1, now_ns() + 100 * MS).ret, -EIO);
	CHECK_OK(queue_destroy(f.fd, f.queue));
	CHECK_EQ(first_not(f.a.p, f.a.len, 0), f.a.len);
	f.queue = kqueue_get(f.fd, LOG2N);
	CHECK_EQ(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), 0);
}

static void uring_commands_end_when_the_queue_loses_the_bus(const void *arg)
{
	struct fixture f = fixture_get(0);
	u32 command = config_read(PCI_COMMAND_OFFSET, 2);
	sqe_t d[8];

	(void)arg;
	hold(&f, d, 8);
	config_write(PCI_COMMAND_OFFSET, 2, command & ~PCI_COMMAND_MASTER);
	control(&f, MMAPDEMO_QCTL_RESUME);
	all_end(&f, 8, -EIO, 2500);
	config_write(PCI_COMMAND_OFFSET, 2, command);
	CHECK_EQ(first_not(f.a.p, f.a.len, 0), f.a.len);
}

static void uring_command_whose_interrupt_is_lost_ends(const void *arg)
{
	struct fixture f = fixture_get(0);
	sqe_t d[8];

	(void)arg;
	qmp_require();
	hold(&f, d, 8);
	qemu_property_set("x-fault-irq", "\"lost\"");
	control(&f, MMAPDEMO_QCTL_RESUME);
	all_end(&f, 8, 64, 2500);
	qemu_property_set("x-fault-irq", "\"none\"");
}

static void uring_commands_end_when_the_device_goes(const void *arg)
{
	const struct way *way = arg;
	struct fixture f = fixture_get(0);
	sqe_t d[8], nop = { .op = MMAPDEMO_OP_NOP };

	hold(&f, d, 8);
	away(way);
	all_end(&f, 8, -ENODEV, 100);
	CHECK_RET(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), -ENODEV);
	file_is_dead(f.fd);
	way->back();
}

/* Before 6.7 a driver does not learn that a ring is closed, and its commands wait for the device. */
static void cancel_require(void)
{
	if (kernel_is_before(6, 7))
		test_skip("this kernel does not cancel commands of drivers");
}

/* The node is free: nobody has it open any more. */
static void node_is_released(void)
{
	u64 end = now_ns() + 3000 * MS;
	int fd;

	do {
		fd = dev_try_open(O_RDWR | O_EXCL);
		if (fd >= 0) {
			close(fd);
			return;
		}
		CHECK_RET(fd, -EBUSY);
		sleep_ms(20);
	} while (now_ns() < end);
	FAIL("somebody still has the node open");
}

/* A process with a ring of its own and commands in it ends; the ring is closed by that. */
static void end_over_commands(const struct fixture *inherited)
{
	pid_t pid = child_fork();

	if (!pid) {
		struct fixture f = inherited ? *inherited : fixture_get(0);
		sqe_t d[8];

		if (inherited)
			f.u = uring_get(f.fd, 64, 0);
		hold(&f, d, 8);
		child_exit();
	}
	child_wait(pid, 3000);
}

/* Commands that the device holds hold the file: they are let go of, and with it the queue. */
static void uring_ring_and_file_closed_over_commands_release_both(const void *arg)
{
	(void)arg;
	cancel_require();
	end_over_commands(NULL);
	node_is_released();
}

/* Descriptors of nobody stay in the queue: they are carried out, and free their slots. */
static void uring_ring_closed_over_commands_leaves_the_queue_usable(const void *arg)
{
	struct mmapdemo_queue_info i;
	sqe_t nop = { .op = MMAPDEMO_OP_NOP };
	struct fixture f;

	(void)arg;
	cancel_require();
	f = fixture_get(0);
	end_over_commands(&f);
	control(&f, MMAPDEMO_QCTL_RESUME);
	sleep_ms(50);
	CHECK_OK(queue_try_info(f.fd, f.queue, &i));
	CHECK_EQ(i.out_head, 8);
	for (u32 k = 0; k < 3 * N; k++)
		CHECK_EQ(raw_result(&f, MMAPDEMO_URING_SUBMIT, f.queue, 0, &nop), 0);
}

static void uring_owner_is_killed_over_commands(const void *arg)
{
	struct neighbour n;

	(void)arg;
	cancel_require();
	n = neighbour_get();
	for (int round = 0; round < 3; round++) {
		struct gate ready;
		pid_t pid;

		gate_init(&ready);
		pid = child_fork();
		if (!pid) {
			struct fixture f = fixture_get(0);
			sqe_t d[8];

			hold(&f, d, 8);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_pass(&ready);
		kill(pid, SIGKILL);
		CHECK_EQ(child_status(pid, 2000), SIGKILL);
		neighbour_check(&n);
	}
}

void register_queue_uring(void)
{
	TEST_ADD(uring_command_moves_the_bytes);
	TEST_ADD(uring_result_says_what_became_of_it);
	TEST_ADD(uring_wrong_commands_are_refused);
	TEST_ADD(uring_many_commands_end_once_each);
	TEST_ADD(uring_commands_in_flight_end_by_the_interrupt);
	TEST_ADD(uring_no_room_is_eagain);
	TEST_ADD(uring_and_submit_do_not_mix);
	TEST_ADD(uring_commands_end_when_the_queue_is_destroyed);
	TEST_ADD(uring_commands_end_with_a_reset);
	TEST_ADD(uring_commands_end_when_the_queue_loses_the_bus);
	TEST_ADD(uring_command_whose_interrupt_is_lost_ends);
	TEST_ADD(uring_ring_closed_over_commands_leaves_the_queue_usable);
	TEST_ADD(uring_ring_and_file_closed_over_commands_release_both);
	TEST_ADD(uring_owner_is_killed_over_commands);
	for (size_t i = 0; i < num_ways; i++)
		test_add(uring_commands_end_when_the_device_goes, &ways[i], 20000,
			 "uring_commands_end_when_the_device_goes_%s", ways[i].name);
}
