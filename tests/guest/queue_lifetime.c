// SPDX-License-Identifier: MIT
/*
 * queue_lifetime.c - queues whose owner, device or driver goes: killed, closed, handed on, unbound,
 * unplugged, reset, each with transfers in flight. Nothing moves afterwards, nobody waits for ever.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lifetime.h"
#include "queue.h"

#define MIB		(1024 * 1024ULL)
#define BIG		(4 * MIB)
#define RESET_MS	2000	/* the promise */
#define REMOVE_NS	2000000000ULL	/* likewise */
#define RW		(PROT_READ | PROT_WRITE)

/* A ring full of long transfers out of device memory into memory, without an end. */
struct flood {
	struct queue q;
	struct area from, to;
	volatile bool started;
};

static struct flood flood_get(int fd, int efd)
{
	struct flood f = { .q = queue_get_event(fd, 6, efd, 0, 0) };

	f.from = area_get(fd, MMAPDEMO_TECH_BAR, BIG, WINDOW_RW);
	f.to = area_get(fd, MMAPDEMO_TECH_COHERENT, BIG, WINDOW_RW);
	memset(f.from.p, 0xd5, BIG);
	return f;
}

static void flood_push(struct flood *f)
{
	for (u32 i = 0; i < f->q.n; i++) {
		sqe_t d = sqe_copy(f->to.window, 0, f->from.window, 0, BIG);

		queue_push(&f->q, &d);
	}
}

/*
 * Until a mapping is taken away under it, which may be at any of its accesses. The slots hold the same
 * descriptor in every lap, so they are written once.
 */
static void *flood_run(void *arg)
{
	struct flood *f = arg;
	u32 gen, tail = 0;

	flood_push(f);
	for (;;) {
		tail += f->q.n;
		if (touch_write(ring_word(&f->q, MMAPDEMO_RING_SQ_TAIL), tail) ||
		    touch_write((volatile void *)f->q.doorbell, 0))
			return NULL;
		f->started = true;
		do {
			if (touch_read(&ring_cqe(&f->q, tail - 1)->gen, &gen) ||
			    touch_read((volatile void *)f->q.doorbell, NULL))
				return NULL;
		} while (gen != tail);
	}
}

/* Where freed pages would be given out again: whoever still writes to them is seen. */
static void nothing_moves_any_more(void)
{
	const u64 len = 32 * MIB;
	char *anon = CHECK_SYS(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
				    -1, 0));
	size_t at;

	memset(anon, 0x3c, len);
	sleep_ms(50);
	at = first_not(anon, len, 0x3c);
	CHECKF(at == len, "byte %#zx was written by a queue that is gone", at);
	unmap(anon, len);
}

/* --- the owner goes --------------------------------------------------------------------------------- */

/* A child with a queue at work; it lives until it is killed. */
static pid_t owner_start(void)
{
	struct gate ready;
	pid_t pid;

	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		struct flood f = flood_get(dev_open(O_RDWR), -1);
		pthread_t t;

		CHECK(!pthread_create(&t, NULL, flood_run, &f));
		while (!f.started)
			sched_yield();
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_pass(&ready);
	return pid;
}

static void queue_owner_killed_under_transfers_leaves_nothing(const void *arg)
{
	struct neighbour n = neighbour_get();

	(void)arg;
	for (int round = 0; round < 3; round++) {
		pid_t pid = owner_start();
		u64 start;

		sleep_ms(round * 3);
		start = now_ns();
		kill(pid, SIGKILL);
		CHECK_EQ(child_status(pid, 3000), SIGKILL);
		diag("it was gone after %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
		nothing_moves_any_more();
		neighbour_check(&n);
	}
}

static void queue_file_closed_under_transfers_returns_soon(const void *arg)
{
	struct neighbour n = neighbour_get();

	(void)arg;
	for (int round = 0; round < 3; round++) {
		int fd = dev_open(O_RDWR);
		struct flood f = flood_get(fd, -1);
		u64 start;

		flood_push(&f);
		queue_kick(&f.q);
		unmap(f.from.p, BIG);
		unmap(f.to.p, BIG);
		queue_unmap(&f.q);
		start = now_ns();
		close(fd);
		CHECKF(now_ns() - start < 2000000000, "close took %llu ms",
		       (unsigned long long)(now_ns() - start) / 1000000);
		neighbour_check(&n);
	}
	nothing_moves_any_more();
}

static void queue_destroyed_under_transfers_returns_soon(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (int round = 0; round < 5; round++) {
		struct flood f = flood_get(fd, -1);
		pthread_t t;
		u64 start;

		CHECK(!pthread_create(&t, NULL, flood_run, &f));
		while (!f.started)
			sched_yield();
		sleep_ms(round);
		start = now_ns();
		CHECK_OK(queue_destroy(fd, f.q.c.out_queue));
		CHECK(now_ns() - start < REMOVE_NS);
		/* The device has stopped looking: this memory is the owner's alone. */
		memset(f.to.p, 0x3c, BIG);
		pthread_join(t, NULL);
		CHECK_EQ(first_not(f.to.p, BIG, 0x3c), BIG);
		CHECK_OK(window_destroy(fd, f.to.window));
		CHECK_OK(window_destroy(fd, f.from.window));
		queue_unmap(&f.q);
		unmap(f.to.p, BIG);
		unmap(f.from.p, BIG);
		CHECK_OK(buf_free(fd, f.to.handle));
		CHECK_OK(buf_free(fd, f.from.handle));
	}
}

/* Closed by who made it, still mapped by another process: it is that one's now. */
static void queue_mapped_by_another_process_outlives_its_maker(const void *arg)
{
	struct gate mapped, closed;
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	pid_t pid;

	(void)arg;
	gate_init(&mapped);
	gate_init(&closed);
	pid = child_fork();
	if (!pid) {
		sqe_t d = sqe_fill(m.window, 0, PAGE, 0x2323232323232323ULL);

		queue_map(&q);
		close(fd);
		gate_open(&mapped);
		gate_pass(&closed);
		for (int i = 0; i < 20; i++) {
			memset(m.p, 0, PAGE);
			queue_push(&q, &d);
			queue_kick(&q);
			for (int k = 0; !queue_done(&q, q.tail - 1); k++) {
				CHECK(k < 5000);
				sleep_ms(1);
			}
			CHECK_EQ(ring_cqe(&q, q.tail - 1)->status, MMAPDEMO_CQ_OK);
			CHECK_EQ(first_not(m.p, PAGE, 0x23), PAGE);
		}
		child_exit();
	}
	gate_pass(&mapped);
	queue_unmap(&q);
	unmap(m.p, PAGE);
	close(fd);
	gate_open(&closed);
	child_wait(pid, 8000);
}

/* --- the device goes ---------------------------------------------------------------------------------- */

static void with_queues_running_moves_nothing_and_takes_all_away(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR), idle = dev_open(O_RDWR), fresh;
	struct queue sleeper = queue_get(idle, 3);
	struct flood f = flood_get(fd, -1);
	struct neighbour n;
	pthread_t t;

	if (w->asks_qemu)
		qmp_require();
	CHECK(!pthread_create(&t, NULL, flood_run, &f));
	while (!f.started)
		sched_yield();
	away(w);
	pthread_join(t, NULL);
	CHECK_EQ(touch_write((void *)f.q.doorbell, 1), SIGBUS);
	CHECK_EQ(touch_read((void *)f.q.doorbell, NULL), SIGBUS);
	CHECK_EQ(touch_read(f.q.ring, NULL), SIGBUS);
	CHECK_EQ(touch_write(f.q.ring + f.q.c.out_ring_len - PAGE, 1), SIGBUS);
	CHECK_EQ(touch_write(sleeper.ring, 1), SIGBUS);
	CHECK_EQ(touch_write((void *)sleeper.doorbell, 1), SIGBUS);
	CHECK(!pagemap_present((void *)f.q.doorbell) && !pagemap_present(f.q.ring));
	file_is_dead(fd);
	file_is_dead(idle);
	close(idle);
	nothing_moves_any_more();
	w->back();
	/* The new one owes nothing to the old, whose file and mappings go while it is at work. */
	fresh = dev_open(O_RDWR);
	CHECK_EQ(info_get(fresh).out_mem_free, info_get(fresh).out_mem_size);
	n = neighbour_get();
	neighbour_check(&n);
	queue_unmap(&f.q);
	queue_unmap(&sleeper);
	neighbour_check(&n);
	unmap(f.from.p, BIG);
	unmap(f.to.p, BIG);
	close(fd);
	neighbour_check(&n);
}

/* Who sleeps on the eventfd of a queue is woken, and finds that there is no device. */
static void with_an_eventfd_sleeper_wakes_it(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	struct mmapdemo_queue_info i;

	if (w->asks_qemu)
		qmp_require();
	CHECK_EQ(poll(&p, 1, 0), 0);
	away(w);
	CHECK_EQ(poll(&p, 1, 100), 1);
	CHECK_RET(queue_try_info(fd, q.c.out_queue, &i), -ENODEV);
	w->back();
}

/* --- the device is reset --------------------------------------------------------------------------------- */

static void reset_in_time(void)
{
	unsigned int ms = function_reset();

	CHECKF(ms < promise_ms(RESET_MS), "reset took %u ms, promised %u", ms, promise_ms(RESET_MS));
}

/* A queue that was reset away: told so, of no use, and nothing is left but to destroy it. */
static void is_reset_away(struct queue *q)
{
	struct mmapdemo_queue_info i = queue_info(q);

	CHECK_EQ(i.out_reset, 1);
	CHECK_EQ(i.out_state, MMAPDEMO_QSTATE_DISABLED);
	CHECK_EQ(touch_write((void *)q->doorbell, 1), SIGBUS);
}

static void queue_reset_under_transfers_ends_it(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct flood f = flood_get(fd, -1);
	struct queue idle = queue_get(fd, 3), fresh;
	pthread_t t;
	sqe_t d;

	(void)arg;
	CHECK(!pthread_create(&t, NULL, flood_run, &f));
	while (!f.started)
		sched_yield();
	reset_in_time();
	memset(f.to.p, 0x3c, BIG);
	pthread_join(t, NULL);
	sleep_ms(50);
	CHECK_EQ(first_not(f.to.p, BIG, 0x3c), BIG);
	is_reset_away(&f.q);
	is_reset_away(&idle);
	/* A new one may have the old one's place in the device: the old one stays what it is. */
	fresh = queue_get(fd, 3);
	CHECK_EQ(queue_info(&fresh).out_reset, 0);
	CHECK_EQ(queue_info(&fresh).out_state, MMAPDEMO_QSTATE_RUNNING);
	is_reset_away(&f.q);
	/* Mapped again, its doorbell is nobody else's. */
	if (!map_try(fd, PAGE, RW, MAP_SHARED, idle.c.out_doorbell_offset, NULL))
		CHECK(queue_info(&idle).out_index != queue_info(&fresh).out_index);
	CHECK_OK(queue_destroy(fd, f.q.c.out_queue));
	CHECK_OK(queue_destroy(fd, idle.c.out_queue));
	CHECK_EQ(queue_info(&fresh).out_state, MMAPDEMO_QSTATE_RUNNING);
	/* Windows are asked for again, over the same buffers. */
	CHECK_OK(window_destroy(fd, f.to.window));
	f.to.window = window_get(fd, f.to.handle, WINDOW_RW, 0, BIG);
	d = sqe_fill(f.to.window, 0, BIG, 0x2525252525252525ULL);
	QUEUE_OK(&fresh, &d);
	CHECK_EQ(first_not(f.to.p, BIG, 0x25), BIG);
}

static void queue_reset_wakes_an_eventfd_sleeper(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct pollfd p = { .fd = efd, .events = POLLIN };

	(void)arg;
	reset_in_time();
	CHECK_EQ(poll(&p, 1, 100), 1);
	is_reset_away(&q);
}

/* A window from before is either the same window still, or none: never another file's. */
static void window_after_a_reset_is_the_old_one_or_none(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct area old = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW), theirs[8];
	struct queue q;
	sqe_t d;
	cqe_t c;

	(void)arg;
	memset(old.p, 0x21, PAGE);
	reset_in_time();
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++) {
		theirs[i] = area_get(other, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
		memset(theirs[i].p, 0x22, PAGE);
	}
	q = queue_get(fd, 3);
	d = sqe_fill(old.window, 0, PAGE, 0);
	c = queue_do(&q, &d);
	diag("a fill through it: %s", status_word(c.status));
	if (c.status == MMAPDEMO_CQ_OK)
		CHECK_EQ(first_not(old.p, PAGE, 0), PAGE);
	else
		CHECK_EQ(c.status, MMAPDEMO_CQ_WINDOW);
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		CHECK_EQ(first_not(theirs[i].p, PAGE, 0x22), PAGE);
	CHECK_OK(window_destroy(fd, old.window));
	d = sqe_crc(theirs[0].window, 0, 1, 0);
	queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "another's window after a reset");
}

/* Bus mastering off under a running queue: ERROR, no byte moves, and destroying it still works. */
static void queue_with_bus_mastering_off_stops_with_an_error(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	u32 command = config_read(PCI_COMMAND_OFFSET, 2);
	sqe_t d = sqe_fill(m.window, 0, PAGE, ~0ULL);
	struct mmapdemo_queue_info i;

	(void)arg;
	QUEUE_OK(&q, &d);
	memset(m.p, 0x31, PAGE);
	config_write(PCI_COMMAND_OFFSET, 2, command & ~PCI_COMMAND_MASTER);
	queue_push(&q, &d);
	queue_kick(&q);
	sleep_ms(20);
	i = queue_info(&q);
	config_write(PCI_COMMAND_OFFSET, 2, command);
	CHECK_EQ(i.out_state, MMAPDEMO_QSTATE_ERROR);
	CHECK_EQ(i.out_error, MMAPDEMO_QERR_BUS_OFF);
	CHECK_EQ(first_not(m.p, PAGE, 0x31), PAGE);
	/* Coming back it does not go on by itself. */
	queue_ring(&q);
	sleep_ms(5);
	CHECK_EQ(first_not(m.p, PAGE, 0x31), PAGE);
	queue_put(&q);
	q = queue_get(fd, 3);
	QUEUE_OK(&q, &d);
}

void register_queue_lifetime(void)
{
	TEST_ADD_SLOW(queue_owner_killed_under_transfers_leaves_nothing, 30000);
	TEST_ADD_SLOW(queue_file_closed_under_transfers_returns_soon, 20000);
	TEST_ADD_SLOW(queue_destroyed_under_transfers_returns_soon, 20000);
	TEST_ADD(queue_mapped_by_another_process_outlives_its_maker);
	for (size_t i = 0; i < num_ways; i++) {
		test_add(with_queues_running_moves_nothing_and_takes_all_away, &ways[i], 30000,
			 "queue_%s_under_transfers_takes_all_away", ways[i].name);
		test_add(with_an_eventfd_sleeper_wakes_it, &ways[i], 30000,
			 "queue_%s_wakes_an_eventfd_sleeper", ways[i].name);
	}
	TEST_ADD_SLOW(queue_reset_under_transfers_ends_it, 20000);
	TEST_ADD(queue_reset_wakes_an_eventfd_sleeper);
	TEST_ADD(window_after_a_reset_is_the_old_one_or_none);
	TEST_ADD(queue_with_bus_mastering_off_stops_with_an_error);
}
