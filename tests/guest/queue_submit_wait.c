// SPDX-License-Identifier: MIT
/*
 * queue_submit_wait.c - QUEUE_SUBMIT that sleeps: until enough is there, until the deadline, until a
 * signal; and until the queue is destroyed, stopped, reset, or the device is gone.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "lifetime.h"
#include "kqueue.h"

#define LOG2N	4
#define MS	1000000ULL
#define WAKE_MS	900	/* before anybody looks by himself */
#define HOUR_NS	(3600 * 1000 * MS)

/* --- a thread that waits -------------------------------------------------------------------------- */

struct waiter {
	int fd;
	u32 queue, min;
	u64 deadline_ns;
	pthread_t thread;
	volatile bool at_it, back;
	struct submitted r;
	cqe_t c[16];
	u64 back_ns;
};

static void *waiter_run(void *arg)
{
	struct waiter *w = arg;

	w->at_it = true;
	w->r = submit_call(w->fd, w->queue, NULL, 0, w->c, 16, w->min, w->deadline_ns);
	w->back_ns = now_ns();
	w->back = true;
	return NULL;
}

static void waiter_start(struct waiter *w, int fd, u32 queue, u32 min, u64 ns)
{
	memset(w, 0, sizeof(*w));
	w->fd = fd;
	w->queue = queue;
	w->min = min;
	w->deadline_ns = now_ns() + ns;
	CHECK(!pthread_create(&w->thread, NULL, waiter_run, w));
	while (!w->at_it)
		sleep_ms(1);
	sleep_ms(30);
	CHECK(!w->back);
}

static struct submitted waiter_end(struct waiter *w)
{
	CHECK(!pthread_join(w->thread, NULL));
	return w->r;
}

/* Since `start` at most the time promised has passed until it was back. */
static struct submitted waiter_is_woken(struct waiter *w, u64 start)
{
	struct submitted r = waiter_end(w);

	CHECKF(w->back_ns - start < WAKE_MS * MS, "woken after %llu ms",
	       (unsigned long long)((w->back_ns - start) / MS));
	return r;
}

static u32 irqs_of(int fd, u32 queue)
{
	struct mmapdemo_queue_info i;

	CHECK_OK(queue_try_info(fd, queue, &i));
	return i.out_irqs;
}

/* Of its state: MMAPDEMO_QCTL_*, as root may. */
static void queue_control(int fd, u32 queue, u32 command)
{
	struct mmapdemo_queue_info i;

	raw_bar_require(true);
	CHECK_OK(queue_try_info(fd, queue, &i));
	CHECK_OK(reg_try_write(fd, MMAPDEMO_QREG(i.out_index, CTL), 4, command));
	raw_bar_require(false);
}

/* --- until something is there ----------------------------------------------------------------------- */

static void submit_wait_is_woken_by_the_interrupt(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	u64 start;
	sqe_t d;

	(void)arg;
	nops(&d, 1, 77);
	waiter_start(&w, fd, q, 1, HOUR_NS);
	start = now_ns();
	CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
	waiter_is_woken(&w, start);
	CHECK_OK(w.r.ret);
	CHECK_EQ(w.r.cqes, 1);
	CHECK_EQ(w.c[0].user, 77);
	CHECK_EQ(irqs_of(fd, q), 1);
}

/* The descriptor takes its time; the interrupt is asked for after the doorbell, and comes. */
static void submit_wait_in_the_same_call_sleeps(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct area a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	sqe_t d[4];
	cqe_t c[4];

	(void)arg;
	busy_each(20 * MS);
	for (int i = 0; i < 4; i++)
		d[i] = sqe_fill(a.window, 64 * i, 64, 0x0101010101010101 * (i + 1));
	for (int round = 0; round < 3; round++) {
		u64 start = now_ns();

		submit_do(fd, q, d, c, 4);
		CHECK(now_ns() - start > 20 * MS);
		/* They end at once, and so are told of at once. */
		CHECK_EQ(irqs_of(fd, q), round + 1);
	}
	for (int i = 0; i < 4; i++)
		CHECK_EQ(first_not(a.p + 64 * i, 64, i + 1), 64);
	busy_end();
}

static void submit_wait_for_several_sleeps_until_the_last(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	sqe_t d;

	(void)arg;
	waiter_start(&w, fd, q, 3, HOUR_NS);
	for (int i = 0; i < 3; i++) {
		CHECK(!w.back);
		nops(&d, 1, i);
		CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
		sleep_ms(30);
	}
	CHECK_OK(waiter_end(&w).ret);
	CHECK_EQ(w.r.cqes, 3);
	for (u32 i = 0; i < 3; i++)
		CHECK_EQ(w.c[i].user, i);
}

/* More than the rings have slots: nobody waits for a completion that cannot come. */
static void submit_wait_for_more_than_there_is_room(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, 3);
	struct waiter w;
	sqe_t d;

	(void)arg;
	waiter_start(&w, fd, q, 12, HOUR_NS);
	for (u32 i = 0; i < 12; i++) {
		nops(&d, 1, i);
		while (submit_call(fd, q, &d, 1, NULL, 0, 0, 0).ret == -EAGAIN)
			sleep_ms(1);
	}
	CHECK_OK(waiter_end(&w).ret);
	CHECK_EQ(w.r.cqes, 12);
}

static void submit_two_waiters_both_are_served(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w[2];
	u64 sum = 0;
	sqe_t d;

	(void)arg;
	waiter_start(&w[0], fd, q, 4, HOUR_NS);
	waiter_start(&w[1], fd, q, 1, HOUR_NS);
	for (u32 i = 0; i < 16 && !(w[0].back && w[1].back); i++) {
		nops(&d, 1, i);
		CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
		sleep_ms(20);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_OK(waiter_end(&w[i]).ret);
		CHECK(w[i].r.cqes >= w[i].min);
		for (u32 k = 0; k < w[i].r.cqes; k++)
			sum |= 1ULL << w[i].c[k].user;
	}
	/* Each completion was given to one of them. */
	CHECK_EQ(sum, (1ULL << (w[0].r.cqes + w[1].r.cqes)) - 1);
}

/* --- until it is over -------------------------------------------------------------------------------- */

static void submit_deadline_passes(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	u64 start = now_ns(), took;
	sqe_t d;
	cqe_t c[2];

	(void)arg;
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 1, 0).ret, -EAGAIN);
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 1, 1).ret, -ETIMEDOUT);
	start = now_ns();
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 1, start + 1300 * MS).ret, -ETIMEDOUT);
	took = now_ns() - start;
	CHECKF(took >= 1300 * MS && took < 1600 * MS, "took %llu ms", (unsigned long long)took / MS);

	/* What it has is not lost for what it has not: one of two. */
	nops(&d, 1, 5);
	start = now_ns();
	CHECK_EQ(submit_call(fd, q, &d, 1, c, 2, 2, start + 100 * MS).cqes, 1);
	CHECK(now_ns() - start >= 100 * MS);
	CHECK_EQ(c[0].user, 5);
}

static void nothing(int sig)
{
	(void)sig;
}

static void submit_wait_ends_with_a_signal(const void *arg)
{
	struct sigaction sa = { .sa_handler = nothing };
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	u64 start;

	(void)arg;
	CHECK_SYS(sigaction(SIGUSR1, &sa, NULL));
	waiter_start(&w, fd, q, 1, HOUR_NS);
	start = now_ns();
	pthread_kill(w.thread, SIGUSR1);
	CHECK_RET(waiter_is_woken(&w, start).ret, -EINTR);
}

static void submit_wait_ends_when_the_queue_is_destroyed(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w[2];
	sqe_t d;
	u64 start;

	(void)arg;
	queue_control(fd, q, MMAPDEMO_QCTL_PAUSE);
	nops(&d, 1, 5);
	CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
	waiter_start(&w[0], fd, q, 1, HOUR_NS);
	waiter_start(&w[1], fd, q, 1, HOUR_NS);
	start = now_ns();
	CHECK_OK(queue_destroy(fd, q));
	CHECK_RET(waiter_is_woken(&w[0], start).ret, -ENOENT);
	CHECK_RET(waiter_is_woken(&w[1], start).ret, -ENOENT);
}

/* A paused queue is not a stopped one: it goes on. */
static void submit_wait_outlasts_a_pause(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	u64 start;
	sqe_t d;

	(void)arg;
	queue_control(fd, q, MMAPDEMO_QCTL_PAUSE);
	nops(&d, 1, 5);
	CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
	waiter_start(&w, fd, q, 1, HOUR_NS);
	sleep_ms(1200);
	CHECK(!w.back);
	start = now_ns();
	queue_control(fd, q, MMAPDEMO_QCTL_RESUME);
	CHECK_OK(waiter_is_woken(&w, start).ret);
	CHECK_EQ(w.c[0].user, 5);
}

static void submit_wait_ends_with_a_reset(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	sqe_t d;
	cqe_t c;
	u64 start;

	(void)arg;
	waiter_start(&w, fd, q, 1, HOUR_NS);
	start = now_ns();
	function_reset();
	CHECK_RET(waiter_end(&w).ret, -EIO);
	CHECK(w.back_ns - start < 2000 * MS);
	nops(&d, 1, 5);
	CHECK_RET(submit_call(fd, q, &d, 1, &c, 1, 1, now_ns() + HOUR_NS).ret, -EIO);
	CHECK_RET(submit_call(fd, q, NULL, 0, &c, 1, 0, 0).ret, -EIO);
	CHECK_OK(queue_destroy(fd, q));
	q = kqueue_get(fd, LOG2N);
	submit_ok(fd, q, &d);
}

/* What was completed before the reset is collected after it, and only then it is EIO. */
static void submit_completions_outlast_a_reset(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	sqe_t d[3];
	cqe_t c[4];

	(void)arg;
	nops(d, 3, 60);
	CHECK_EQ(submit_call(fd, q, d, 3, c, 1, 1, now_ns() + SUBMIT_LIMIT_NS).cqes, 1);
	function_reset();
	CHECK_EQ(submit_call(fd, q, d, 1, c + 1, 3, 3, now_ns() + HOUR_NS).cqes, 2);
	for (u32 i = 0; i < 3; i++)
		CHECK_EQ(c[i].user, 60 + i);
	CHECK_RET(submit_call(fd, q, NULL, 0, c, 1, 1, now_ns() + HOUR_NS).ret, -EIO);
}

/* Bus mastering off: the queue stops, and can neither write that down nor send an interrupt. */
static void submit_wait_ends_when_the_queue_loses_the_bus(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	u32 command = config_read(PCI_COMMAND_OFFSET, 2);
	struct mmapdemo_queue_info i;
	u64 start = now_ns();
	sqe_t d;
	cqe_t c;

	(void)arg;
	nops(&d, 1, 5);
	config_write(PCI_COMMAND_OFFSET, 2, command & ~PCI_COMMAND_MASTER);
	CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
	CHECK_RET(submit_call(fd, q, NULL, 0, &c, 1, 1, start + HOUR_NS).ret, -EIO);
	CHECK(now_ns() - start < 2000 * MS);
	CHECK_RET(submit_call(fd, q, NULL, 0, &c, 1, 0, 0).ret, -EIO);
	CHECK_OK(queue_try_info(fd, q, &i));
	CHECK_EQ(i.out_state, MMAPDEMO_QSTATE_ERROR);
	CHECK_EQ(i.out_error, MMAPDEMO_QERR_BUS_OFF);
	config_write(PCI_COMMAND_OFFSET, 2, command);
	CHECK_OK(queue_destroy(fd, q));
	q = kqueue_get(fd, LOG2N);
	submit_ok(fd, q, &d);
}

static void submit_wait_finds_what_no_interrupt_told_of(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	sqe_t d;

	(void)arg;
	qmp_require();
	nops(&d, 1, 5);
	waiter_start(&w, fd, q, 1, HOUR_NS);
	qemu_property_set("x-fault-irq", "\"lost\"");
	CHECK_EQ(submit_call(fd, q, &d, 1, NULL, 0, 0, 0).submitted, 1);
	CHECK_OK(waiter_end(&w).ret);
	qemu_property_set("x-fault-irq", "\"none\"");
	CHECK_EQ(w.c[0].user, 5);
	CHECK_EQ(irqs_of(fd, q), 0);
}

static void submit_wait_ends_when_the_device_goes(const void *arg)
{
	const struct way *way = arg;
	int fd = dev_open(O_RDWR);
	u32 q = kqueue_get(fd, LOG2N);
	struct waiter w;
	u64 start;
	cqe_t c;

	waiter_start(&w, fd, q, 1, HOUR_NS);
	start = now_ns();
	away(way);
	CHECK_RET(waiter_end(&w).ret, -ENODEV);
	if (!way->asks_qemu)
		CHECK(w.back_ns - start < WAKE_MS * MS);
	CHECK_RET(submit_call(fd, q, NULL, 0, &c, 1, 0, 0).ret, -ENODEV);
	file_is_dead(fd);
	way->back();
}

/* The sleeper is killed, and nothing of its queue is left. */
static void submit_waiter_is_killed(const void *arg)
{
	struct neighbour n = neighbour_get();
	struct gate ready;
	pid_t pid;

	(void)arg;
	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		int fd = dev_open(O_RDWR);
		u32 q = kqueue_get(fd, LOG2N);
		sqe_t d[4];
		cqe_t c[4];

		queue_control(fd, q, MMAPDEMO_QCTL_PAUSE);
		nops(d, 4, 0);
		gate_open(&ready);
		submit_call(fd, q, d, 4, c, 4, 4, now_ns() + HOUR_NS);
		child_exit();
	}
	gate_pass(&ready);
	sleep_ms(30);
	kill(pid, SIGKILL);
	CHECK_EQ(child_status(pid, 2000), SIGKILL);
	neighbour_check(&n);
}

void register_queue_submit_wait(void)
{
	TEST_ADD(submit_wait_is_woken_by_the_interrupt);
	TEST_ADD(submit_wait_in_the_same_call_sleeps);
	TEST_ADD(submit_wait_for_several_sleeps_until_the_last);
	TEST_ADD(submit_wait_for_more_than_there_is_room);
	TEST_ADD(submit_two_waiters_both_are_served);
	TEST_ADD(submit_deadline_passes);
	TEST_ADD(submit_wait_ends_with_a_signal);
	TEST_ADD(submit_wait_ends_when_the_queue_is_destroyed);
	TEST_ADD(submit_wait_outlasts_a_pause);
	TEST_ADD(submit_wait_ends_with_a_reset);
	TEST_ADD(submit_completions_outlast_a_reset);
	TEST_ADD(submit_wait_ends_when_the_queue_loses_the_bus);
	TEST_ADD(submit_wait_finds_what_no_interrupt_told_of);
	TEST_ADD(submit_waiter_is_killed);
	for (size_t i = 0; i < num_ways; i++)
		test_add(submit_wait_ends_when_the_device_goes, &ways[i], 20000,
			 "submit_wait_ends_when_the_device_goes_%s", ways[i].name);
}
