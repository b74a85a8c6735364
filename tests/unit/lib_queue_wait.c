// SPDX-License-Identifier: MIT
/*
 * lib_queue_wait.c - learning of completions: arm, spin, sleep; with a device in a thread of its own.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "mock_queue.h"

#define MS	1000000ULL

/* Two threads that race do so for this long at most: a busy machine makes them slow. */
#define RACE_NS	(2500 * MS)

static uint64_t now(void)
{
	return mmd_deadline_ns(0);
}

static void pause_ms(unsigned int ms)
{
	const struct timespec ts = { .tv_nsec = (long)(ms * MS) };

	nanosleep(&ts, NULL);
}

static struct mmd_queue *queue_open(struct mock_queue *mq, struct mmd_device **dev, uint32_t flags)
{
	const struct mmd_queue_attr attr = { .log2n = 4, .flags = flags };
	struct mmd_queue *q = NULL;

	*dev = mock_queue_open(mq);
	assert_int_equal(mmd_queue_create(*dev, &attr, &q), 0);
	return q;
}

static void queue_close(struct mmd_device *dev, struct mmd_queue *q)
{
	assert_int_equal(mmd_queue_destroy(q), 0);
	mmd_close(dev);
}

static void push_nops(struct mmd_queue *q, unsigned int n)
{
	struct mmapdemo_hw_sqe sqe;

	while (n--) {
		mmd_sqe_nop(&sqe, 0);
		assert_int_equal(mmd_queue_push(q, &sqe), 0);
	}
	mmd_queue_kick(q);
}

typedef int (*wait_fn)(struct mmd_queue *q, uint32_t count, uint64_t deadline_ns);

static const wait_fn waits[] = { mmd_queue_spin, mmd_queue_wait };

/* --- without a device that does anything ---------------------------------------------------- */

static void arm_sets_the_event_and_looks_again(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	uint32_t *cq_event = (uint32_t *)(void *)(mq.ring + 0x40);
	uint64_t counter;

	(void)state;
	push_nops(q, 4);
	assert_int_equal(*cq_event, MMAPDEMO_CQ_EVENT_QUIET);
	mock_queue_run(&mq, 1);
	/* Pollers cause no interrupts. */
	assert_int_equal(mq.irqs, 0);
	assert_true(mmd_queue_arm(q, 0));
	assert_int_equal(*cq_event, 0);
	assert_false(mmd_queue_arm(q, 2));
	assert_int_equal(*cq_event, 2);
	mock_queue_run(&mq, 1);
	assert_int_equal(mq.irqs, 0);
	assert_true(read(q->eventfd, &counter, sizeof(counter)) < 0);
	mock_queue_run(&mq, 1);
	assert_int_equal(mq.irqs, 1);
	assert_int_equal(read(q->eventfd, &counter, sizeof(counter)), sizeof(counter));
	/* Told once: the next one is not asked for. */
	mock_queue_run(&mq, 1);
	assert_int_equal(mq.irqs, 1);
	queue_close(dev, q);
}

static void wait_counts_what_is_under_way(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mmapdemo_hw_sqe sqe;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		assert_int_equal(waits[i](q, 1, 0), -EINVAL);
	push_nops(q, 3);
	mmd_sqe_nop(&sqe, 0);
	mmd_queue_push(q, &sqe);
	mock_queue_run(&mq, 2);
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		assert_int_equal(waits[i](q, 0, 0), -EINVAL);
		assert_int_equal(waits[i](q, 2, 0), 0);
		assert_int_equal(waits[i](q, 1, 0), 0);
		assert_int_equal(waits[i](q, 3, 0), -EAGAIN);
		/* The fourth is pushed and not kicked: it would never come. */
		assert_int_equal(waits[i](q, 4, 0), -EINVAL);
		assert_int_equal(waits[i](q, UINT32_MAX, 0), -EINVAL);
	}
	/* None of it took a system call. */
	assert_int_equal(mq.asks, 1);
	assert_int_equal(mmd_queue_pending(q), 3);
	queue_close(dev, q);
}

static void wait_without_an_eventfd_einval(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 0);

	(void)state;
	push_nops(q, 1);
	mock_queue_run(&mq, 1);
	assert_int_equal(mmd_queue_wait(q, 1, 0), -EINVAL);
	assert_int_equal(mmd_queue_spin(q, 1, 0), 0);
	queue_close(dev, q);
}

static void wait_ends_at_its_deadline(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	uint64_t start, took;
	size_t i;

	(void)state;
	push_nops(q, 1);
	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		start = now();
		assert_int_equal(waits[i](q, 1, start + 30 * MS), -ETIMEDOUT);
		took = now() - start;
		assert_in_range(took, 30 * MS, 3000 * MS);
		/* In the past: looked at all the same. */
		assert_int_equal(waits[i](q, 1, 1), -ETIMEDOUT);
	}
	mock_queue_run(&mq, 1);
	for (i = 0; i < ARRAY_SIZE(waits); i++)
		assert_int_equal(waits[i](q, 1, 1), 0);
	queue_close(dev, q);
}

/* A queue that will not go on ends the wait long before the deadline, and what was done counts. */
static void wait_ends_when_the_queue_does(void **state)
{
	static const struct {
		uint32_t error, state, reset;
		int info_ret, ret;
	} cases[] = {
		{ MMAPDEMO_QERR_TAIL, 0, 0, 0, -EIO },
		{ 0, MMAPDEMO_QSTATE_DISABLED, 1, 0, -EIO },
		{ 0, MMAPDEMO_QSTATE_DISABLED, 0, 0, -EIO },
		{ 0, MMAPDEMO_QSTATE_RUNNING, 0, -ENODEV, -ENODEV },
	};
	size_t i, w;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (w = 0; w < ARRAY_SIZE(waits); w++) {
			struct mock_queue mq = { .mock.path = NULL };
			struct mmd_device *dev;
			struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
			uint64_t start = now();

			push_nops(q, 2);
			mock_queue_run(&mq, 1);
			if (cases[i].error) {
				mock_queue_stop(&mq, cases[i].error);
			} else {
				mq.state = cases[i].state;
				mq.reset = cases[i].reset;
				mq.info_ret = cases[i].info_ret;
			}
			assert_int_equal(waits[w](q, 2, start + 60000 * MS), cases[i].ret);
			assert_in_range(now() - start, 0, 5000 * MS);
			assert_int_equal(waits[w](q, 1, start + 60000 * MS), 0);
			queue_close(dev, q);
		}
	}
}

/*
 * A ring that the device cannot reach any more (bus mastering off) tells nothing of the error; the
 * interrupt does, and a sleeper asks at once, not a second later.
 */
static void wait_asks_when_an_interrupt_brings_nothing(void **state)
{
	struct mock_queue mq = { .silent_stop = true };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	uint64_t start = now();
	size_t w;

	(void)state;
	push_nops(q, 1);
	mock_queue_stop(&mq, MMAPDEMO_QERR_BUS_OFF);
	for (w = ARRAY_SIZE(waits); w--;)
		assert_int_equal(waits[w](q, 1, start + 60000 * MS), -EIO);
	assert_in_range(now() - start, 0, 500 * MS);
	queue_close(dev, q);
}

/* What a queue did before it stopped counts, though it was seen to have stopped first. */
static void wait_looks_again_after_asking(void **state)
{
	size_t w;

	(void)state;
	for (w = 0; w < ARRAY_SIZE(waits); w++) {
		struct mock_queue mq = { .lose_irqs = true };
		struct mmd_device *dev;
		struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);

		push_nops(q, 1);
		mq.run_when_asked = 1;
		assert_int_equal(waits[w](q, 1, now() + 60000 * MS), 0);
		assert_int_equal(mq.asks, 2);
		queue_close(dev, q);
	}
}

/* --- with a device in a thread ------------------------------------------------------------- */

static void wait_sleeps_until_the_interrupt(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mock_worker w = { .mq = &mq, .delay_ms = 40, .budget = 16, .once = true };
	struct timespec cpu_before, cpu_after;
	uint64_t start, cpu;

	(void)state;
	mock_worker_start(&w);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_before);
	start = now();
	push_nops(q, 3);
	assert_int_equal(mmd_queue_wait(q, 3, start + 20000 * MS), 0);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu_after);
	/* At the interrupt, not at the next look a second later; and asleep meanwhile. */
	assert_in_range(now() - start, 40 * MS, 900 * MS);
	cpu = (uint64_t)(cpu_after.tv_sec - cpu_before.tv_sec) * 1000 * MS +
	      (uint64_t)cpu_after.tv_nsec - (uint64_t)cpu_before.tv_nsec;
	assert_in_range(cpu, 0, 20 * MS);
	assert_int_equal(mq.irqs, 1);
	assert_int_equal(mq.asks, 1);
	mock_worker_stop(&w);
	queue_close(dev, q);
}

/* An older interrupt still counted in the eventfd wakes, but ends nothing. */
static void wait_is_not_fooled_by_an_old_interrupt(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mock_worker w = { .mq = &mq, .delay_ms = 20, .budget = 16, .once = true };
	uint64_t old = 3;

	(void)state;
	assert_int_equal(write(q->eventfd, &old, sizeof(old)), sizeof(old));
	mock_worker_start(&w);
	push_nops(q, 1);
	assert_int_equal(mmd_queue_wait(q, 1, now() + 20000 * MS), 0);
	assert_true(mmd_queue_peek(q));
	/* Woken by the old one, and asleep again: it was read, and does not wake for ever. */
	assert_in_range(mq.asks, 2, 3);
	mock_worker_stop(&w);
	queue_close(dev, q);
}

static void wait_survives_a_lost_interrupt(void **state)
{
	struct mock_queue mq = { .lose_irqs = true };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mock_worker w = { .mq = &mq, .delay_ms = 20, .budget = 16, .once = true };
	uint64_t start = now();

	(void)state;
	mock_worker_start(&w);
	push_nops(q, 1);
	assert_int_equal(mmd_queue_wait(q, 1, start + 20000 * MS), 0);
	assert_in_range(now() - start, 500 * MS, 5000 * MS);
	mock_worker_stop(&w);
	queue_close(dev, q);
}

static void on_signal(int sig)
{
	(void)sig;
}

struct nagger {
	pthread_t target;
	bool stop;
};

static void *nag(void *arg)
{
	struct nagger *n = arg;

	while (!__atomic_load_n(&n->stop, __ATOMIC_ACQUIRE)) {
		pthread_kill(n->target, SIGUSR1);
		pause_ms(2);
	}
	return NULL;
}

static void wait_goes_on_after_signals(void **state)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mock_worker w = { .mq = &mq, .delay_ms = 50, .budget = 16, .once = true };
	struct nagger nagger = { .target = pthread_self() };
	pthread_t thread;

	(void)state;
	sigaction(SIGUSR1, &sa, &old);
	assert_int_equal(pthread_create(&thread, NULL, nag, &nagger), 0);
	mock_worker_start(&w);
	push_nops(q, 1);
	assert_int_equal(mmd_queue_wait(q, 1, now() + 20000 * MS), 0);
	__atomic_store_n(&nagger.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	mock_worker_stop(&w);
	sigaction(SIGUSR1, &old, NULL);
	queue_close(dev, q);
}

/*
 * The event index from both sides: the device sleeps whenever it runs out of work, the owner rings only
 * when told to. One barrier less on either side, and sooner or later each waits for the other.
 */
static void doorbells_are_never_missed(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 0);
	struct mock_worker w = { .mq = &mq, .budget = 1000 };
	uint64_t pushed = 0, polled = 0, rings = 0, rng = 1;
	uint64_t total = 300000, end = now() + RACE_NS;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion c;

	(void)state;
	mock_worker_start(&w);
	while (polled < total) {
		unsigned int n = (unsigned int)(next_random(&rng) % 3 + 1);

		if (polled % 256 == 0 && now() > end)
			total = pushed;
		for (; n && pushed < total && mmd_queue_space(q); n--) {
			mmd_sqe_nop(&sqe, pushed++);
			assert_int_equal(mmd_queue_push(q, &sqe), 0);
		}
		rings += mmd_queue_kick(q);
		while (!mmd_queue_poll(q, &c)) {
			assert_int_equal(c.user, polled++);
			assert_int_equal(c.index, (uint32_t)c.user);
		}
		if (polled == pushed || mmd_queue_space(q))
			continue;
		assert_int_equal(mmd_queue_spin(q, 1, now() + 10000 * MS), 0);
	}
	mock_worker_stop(&w);
	/* Rung at times, and not each time: both branches were taken. */
	assert_in_range(rings, 10, total - 10);
	queue_close(dev, q);
}

/* The same for sleeping: many short sleeps, none of which misses its interrupt. */
static void interrupts_are_never_missed(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, MMD_QUEUE_SLEEP);
	struct mock_worker w = { .mq = &mq, .budget = 1000 };
	uint64_t start = now(), end = start + RACE_NS, counter;
	volatile unsigned int delay;
	struct mmd_completion c;
	uint64_t rng = 1;
	unsigned int i;

	(void)state;
	mock_worker_start(&w);
	for (i = 0; i < 100000 && now() < end; i++) {
		push_nops(q, 1);
		/* So that the device's last steps and the arming meet, now earlier, now later. */
		for (delay = (unsigned int)(next_random(&rng) % 256); delay; delay--)
			;
		if (!mmd_queue_arm(q, q->head)) {
			struct timespec ts = { 0 };

			/* As a caller's own event loop would: until the eventfd counts. */
			while (read(q->eventfd, &counter, sizeof(counter)) < 0) {
				assert_in_range(now() - start, 0, 60000 * MS);
				nanosleep(&ts, NULL);
			}
		}
		assert_int_equal(mmd_queue_spin(q, 1, now() + 10000 * MS), 0);
		assert_int_equal(mmd_queue_poll(q, &c), 0);
		/* An interrupt that crossed with the look. */
		while (read(q->eventfd, &counter, sizeof(counter)) > 0)
			;
	}
	mock_worker_stop(&w);
	queue_close(dev, q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arm_sets_the_event_and_looks_again),
		cmocka_unit_test(wait_counts_what_is_under_way),
		cmocka_unit_test(wait_without_an_eventfd_einval),
		cmocka_unit_test(wait_ends_at_its_deadline),
		cmocka_unit_test(wait_ends_when_the_queue_does),
		cmocka_unit_test(wait_asks_when_an_interrupt_brings_nothing),
		cmocka_unit_test(wait_looks_again_after_asking),
		cmocka_unit_test(wait_sleeps_until_the_interrupt),
		cmocka_unit_test(wait_is_not_fooled_by_an_old_interrupt),
		cmocka_unit_test(wait_survives_a_lost_interrupt),
		cmocka_unit_test(wait_goes_on_after_signals),
		cmocka_unit_test(doorbells_are_never_missed),
		cmocka_unit_test(interrupts_are_never_missed),
	};

	return cmocka_run_group_tests_name("library queues, waiting", tests, NULL, NULL);
}
