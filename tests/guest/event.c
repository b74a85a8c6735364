// SPDX-License-Identifier: MIT
/*
 * event.c - learning that a transfer has ended: DMA_WAIT with its deadline, poll(2), eventfd, and
 * what a signal does to a waiter.
 *
 * Not for: waiters whose device goes away, see lifetime.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "busy.h"
#include "dev.h"

struct both {
	int fd;
	u32 mem, dev;
};

static struct both both_get(void)
{
	struct both b = { .fd = dev_open(O_RDWR) };

	b.mem = buf_alloc(b.fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	b.dev = buf_alloc(b.fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	return b;
}

static u64 submit(const struct both *b, u32 flags, u64 user_data)
{
	struct mmapdemo_dma_submit s = {
		.flags = flags, .direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = b->mem,
		.dev_handle = b->dev, .len = 64, .user_data = user_data,
	};

	CHECK_OK(dma_submit(b->fd, &s));
	return s.out_seq;
}

static int readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK(poll(&p, 1, ms) >= 0);
	return p.revents;
}

/* A transfer that has surely ended. */
static u64 ended(const struct both *b, u64 user_data)
{
	u64 seq = submit(b, 0, user_data);

	CHECK_EQ(readable(b->fd, 5000), POLLIN);
	sleep_ms(5);
	return seq;
}

/* --- DMA_WAIT ---------------------------------------------------------------------------------- */

static void wait_is_answered(int fd, u64 seq, u64 deadline, int err)
{
	struct mmapdemo_dma_wait w, before;
	int ret;

	memset(&w, 0x5a, sizeof(w));
	w.size = sizeof(w);
	w.flags = 0;
	w.seq = seq;
	w.deadline_ns = deadline;
	w.reserved = 0;
	before = w;
	ret = call(fd, MMAPDEMO_IOC_DMA_WAIT, &w);
	if (ret != err)
		FAIL("seq %llu: %s, wanted %s", (unsigned long long)seq, errno_word(ret),
		     errno_word(err));
	if (err)
		CHECK(!memcmp(&w, &before, sizeof(w)));
}

static void dma_wait_nothing_submitted_enoent(const void *arg)
{
	struct both b = both_get();

	(void)arg;
	wait_is_answered(b.fd, 0, 0, -ENOENT);
	wait_is_answered(b.fd, 0, now_ns() + 50000000, -ENOENT);
	wait_is_answered(b.fd, 1ULL << 60, 0, -ENOENT);
	wait_is_answered(b.fd, ~0ULL, now_ns() + 50000000, -ENOENT);
}

static void dma_wait_collects_once(const void *arg)
{
	struct both b = both_get();
	u64 seq = ended(&b, 0x123456789abcdef0ULL);
	struct mmapdemo_dma_wait w = { .seq = seq };

	(void)arg;
	CHECK_OK(dma_wait(b.fd, &w));
	CHECK_EQ(w.out_seq, seq);
	CHECK_EQ(w.out_user_data, 0x123456789abcdef0ULL);
	CHECK_EQ(w.out_bytes, 64);
	CHECK_EQ(w.out_error, 0);
	CHECK_EQ(w.out_host_ns, 0);
	wait_is_answered(b.fd, seq, 0, -ENOENT);
	wait_is_answered(b.fd, seq, now_ns() + 100000000, -ENOENT);
	wait_is_answered(b.fd, 0, 0, -ENOENT);
}

static void dma_wait_any_takes_the_first_ended(const void *arg)
{
	struct both b = both_get();
	u64 seqs[5];
	struct mmapdemo_dma_wait w;

	(void)arg;
	for (int i = 0; i < 5; i++)
		seqs[i] = ended(&b, i);
	/* One is collected by name, out of turn. */
	w = (struct mmapdemo_dma_wait){ .seq = seqs[2] };
	CHECK_OK(dma_wait(b.fd, &w));
	CHECK_EQ(w.out_user_data, 2);
	for (int i = 0; i < 5; i++) {
		if (i == 2)
			continue;
		w = (struct mmapdemo_dma_wait){ .seq = 0 };
		CHECK_OK(dma_wait(b.fd, &w));
		CHECK_EQ(w.out_seq, seqs[i]);
		CHECK_EQ(w.out_user_data, i);
	}
	wait_is_answered(b.fd, 0, 0, -ENOENT);
}

static void dma_wait_foreign_seq_enoent(const void *arg)
{
	struct both b = both_get(), other = both_get();
	u64 seq = ended(&b, 1);

	(void)arg;
	wait_is_answered(other.fd, seq, 0, -ENOENT);
	wait_is_answered(other.fd, 0, 0, -ENOENT);
	CHECK_OK(dma_collect(b.fd, seq, NULL));
}

static void dma_wait_not_ended_eagain_and_etimedout(const void *arg)
{
	struct both b = { .fd = dev_open(O_RDWR) };
	u64 last = busy_start(b.fd, MMAPDEMO_DMA_TO_DEVICE).last, start;

	(void)arg;
	wait_is_answered(b.fd, last, 0, -EAGAIN);
	start = now_ns();
	wait_is_answered(b.fd, last, start + 5000000, -ETIMEDOUT);
	CHECK(now_ns() - start >= 5000000);
	CHECK(now_ns() - start < 100000000);
	/* A deadline that has passed is no different from one that passes. */
	wait_is_answered(b.fd, last, 1, -ETIMEDOUT);
	wait_is_answered(b.fd, last, now_ns() - 1000000, -ETIMEDOUT);
	CHECK_OK(dma_collect(b.fd, last, NULL));
}

/*
 * Who sleeps for a running transfer that asked for no interrupt is woken by its end, not by the
 * deadline nor by chance.
 */
static void dma_wait_and_poll_wake_for_a_running_no_irq_transfer(const void *arg)
{
	struct both b = both_get();

	(void)arg;
	busy_each(30000000);
	for (int i = 0; i < 6; i++) {
		u64 seq = submit(&b, MMAPDEMO_DMA_NO_IRQ, i), start = now_ns();

		if (i % 3 == 1)
			CHECK_EQ(readable(b.fd, 4000), POLLIN);
		CHECK_OK(dma_collect(b.fd, i % 3 == 2 ? 0 : seq, NULL));
		CHECKF(now_ns() - start < 900000000, "round %d: woken after %llu ms", i,
		       (unsigned long long)(now_ns() - start) / 1000000);
	}
}

static void dma_wait_far_deadline_is_no_overflow(const void *arg)
{
	static const u64 deadlines[] = { ~0ULL, ~0ULL >> 1, 1ULL << 63, 1ULL << 62 };
	struct both b = both_get();

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(deadlines); i++)
		wait_is_answered(b.fd, submit(&b, 0, 0), deadlines[i], 0);
}

static void on_signal(int sig)
{
	(void)sig;
}

struct kick {
	pthread_t target;
	unsigned int after_ms;
};

static void *kicker(void *arg)
{
	struct kick *k = arg;

	/* More than once: the first could come before the wait. */
	for (int i = 0; i < 20; i++) {
		sleep_ms(k->after_ms);
		pthread_kill(k->target, SIGUSR1);
	}
	return NULL;
}

static void dma_wait_signal_eintr_and_can_be_repeated(const void *arg)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct kick k = { .target = pthread_self(), .after_ms = 3 };
	struct mmapdemo_dma_wait w = { 0 };
	unsigned int interrupted = 0;
	int fd = dev_open(O_RDWR), ret;
	pthread_t t;

	(void)arg;
	sigaction(SIGUSR1, &sa, NULL);
	w.seq = busy_start(fd, MMAPDEMO_DMA_TO_DEVICE).last;
	w.deadline_ns = now_ns() + 8 * DMA_LIMIT_NS;
	CHECK(!pthread_create(&t, NULL, kicker, &k));
	while ((ret = dma_wait(fd, &w)) == -EINTR)
		interrupted++;
	CHECK_OK(ret);
	pthread_join(t, NULL);
	diag("interrupted %u times", interrupted);
	CHECK(interrupted > 0);
}

/* A deadly signal ends the waiter at once, transfers and all. */
static void dma_wait_killed_ends_at_once(const void *arg)
{
	struct gate ready;
	u64 start;
	pid_t pid;

	(void)arg;
	busy_require();
	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		int fd = dev_open(O_RDWR);
		u64 last = busy_start(fd, MMAPDEMO_DMA_TO_DEVICE).last;

		gate_open(&ready);
		dma_collect(fd, last, NULL);
		for (;;)
			pause();
	}
	gate_pass(&ready);
	start = now_ns();
	kill(pid, SIGKILL);
	CHECK_EQ(child_status(pid, 2000), SIGKILL);
	diag("gone after %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
}

/* --- poll ----------------------------------------------------------------------------------------- */

static void poll_tells_of_ended_transfers(const void *arg)
{
	struct both b = both_get();
	u64 a, c;

	(void)arg;
	CHECK_EQ(readable(b.fd, 0), 0);
	CHECK_EQ(readable(b.fd, 20), 0);
	a = ended(&b, 1);
	c = ended(&b, 2);
	CHECK_EQ(readable(b.fd, 0), POLLIN);
	CHECK_OK(dma_collect(b.fd, c, NULL));
	CHECK_EQ(readable(b.fd, 0), POLLIN);
	CHECK_OK(dma_collect(b.fd, a, NULL));
	CHECK_EQ(readable(b.fd, 0), 0);
}

/* One who polls before the end is woken by it, also for a transfer without its own interrupt. */
static void poll_wakes_a_sleeper(const void *arg)
{
	struct both b = both_get();

	(void)arg;
	for (int i = 0; i < 40; i++) {
		u64 seq = submit(&b, i % 2 ? MMAPDEMO_DMA_NO_IRQ : 0, i);

		CHECK_EQ(readable(b.fd, 5000), POLLIN);
		CHECK_OK(dma_collect(b.fd, seq, NULL));
	}
}

static void poll_other_file_hears_nothing(const void *arg)
{
	struct both b = both_get(), other = both_get();

	(void)arg;
	ended(&b, 1);
	CHECK_EQ(readable(other.fd, 10), 0);
}

static void epoll_tells_of_ended_transfers(const void *arg)
{
	int ep = CHECK_SYS(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event e = { .events = EPOLLIN | EPOLLET };
	struct both b = both_get();

	(void)arg;
	CHECK_SYS(epoll_ctl(ep, EPOLL_CTL_ADD, b.fd, &e));
	for (int i = 0; i < 10; i++) {
		CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
		submit(&b, 0, i);
		CHECK_EQ(epoll_wait(ep, &e, 1, 5000), 1);
		CHECK_OK(dma_collect(b.fd, 0, NULL));
	}
}

/* --- eventfd -------------------------------------------------------------------------------------- */

static u64 count_of(int efd)
{
	u64 n = 0;

	if (read(efd, &n, 8) < 0)
		CHECK_EQ(errno, EAGAIN);
	return n;
}

static int efd_get(void)
{
	return CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

static void eventfd_counts_every_end(const void *arg)
{
	int efd = efd_get();
	struct both b = both_get();
	u64 total = 0;

	(void)arg;
	submit(&b, 0, 0);
	CHECK_OK(dma_collect(b.fd, 0, NULL));
	CHECK_OK(eventfd_set(b.fd, efd));
	CHECK_EQ(count_of(efd), 0);
	for (int i = 0; i < 10; i++) {
		u64 seq = submit(&b, 0, i);

		CHECK_EQ(readable(efd, 5000), POLLIN);
		total += count_of(efd);
		CHECK_OK(dma_collect(b.fd, seq, NULL));
	}
	/* Also those that somebody collects without a look at the eventfd. */
	for (int i = 0; i < 10; i++)
		CHECK_OK(dma_collect(b.fd, submit(&b, 0, i), NULL));
	CHECK_EQ(readable(efd, 1000), POLLIN);
	sleep_ms(20);
	total += count_of(efd);
	CHECK_EQ(total, 20);
}

static void eventfd_replaced_and_removed(const void *arg)
{
	int one = efd_get(), two = efd_get();
	struct both b = both_get();

	(void)arg;
	CHECK_OK(eventfd_set(b.fd, one));
	CHECK_OK(eventfd_set(b.fd, two));
	CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
	sleep_ms(10);
	CHECK_EQ(count_of(one), 0);
	CHECK_EQ(count_of(two), 1);
	CHECK_OK(eventfd_set(b.fd, -1));
	CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
	sleep_ms(10);
	CHECK_EQ(count_of(two), 0);
	CHECK_OK(eventfd_set(b.fd, -1));
	/* It is the object that is held, not the number. */
	CHECK_OK(eventfd_set(b.fd, one));
	two = CHECK_SYS(dup(one));
	close(one);
	CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
	sleep_ms(10);
	CHECK_EQ(count_of(two), 1);
}

static void eventfd_wrong_descriptor_is_refused(const void *arg)
{
	struct both b = both_get();
	int efd = efd_get(), p[2];

	(void)arg;
	CHECK_SYS(pipe(p));
	CHECK_OK(eventfd_set(b.fd, efd));
	CHECK_RET(eventfd_set(b.fd, 999), -EBADF);
	CHECK_RET(eventfd_set(b.fd, -2), -EBADF);
	CHECK_RET(eventfd_set(b.fd, 0x7fffffff), -EBADF);
	CHECK_RET(eventfd_set(b.fd, p[0]), -EINVAL);
	CHECK_RET(eventfd_set(b.fd, b.fd), -EINVAL);
	/* The one before is still there. */
	CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
	sleep_ms(10);
	CHECK_EQ(count_of(efd), 1);
}

static void eventfd_other_file_hears_nothing(const void *arg)
{
	struct both b = both_get(), other = both_get();
	int efd = efd_get();

	(void)arg;
	CHECK_OK(eventfd_set(other.fd, efd));
	CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
	sleep_ms(10);
	CHECK_EQ(count_of(efd), 0);
}

/* A full eventfd cannot count on: nobody may hang because of it. */
static void eventfd_full_hangs_nobody(const void *arg)
{
	int efd = efd_get();
	u64 most = 0xfffffffffffffffeULL;
	struct both b = both_get();

	(void)arg;
	CHECK_EQ(write(efd, &most, 8), 8);
	CHECK_OK(eventfd_set(b.fd, efd));
	for (int i = 0; i < 5; i++)
		CHECK_OK(dma_collect(b.fd, submit(&b, 0, 0), NULL));
}

/* --- many waiters ------------------------------------------------------------------------------------ */

#define WAITERS	8
#define EACH	25

static void *wait_any(void *arg)
{
	struct both *b = arg;

	for (int i = 0; i < EACH; i++) {
		u64 end = now_ns() + DMA_LIMIT_NS;
		int ret;

		/* ENOENT: for this moment nothing is outstanding. */
		while ((ret = dma_collect(b->fd, 0, NULL)) == -ENOENT)
			CHECK(now_ns() < end);
		CHECK_OK(ret);
	}
	return NULL;
}

/* Many threads collect "any": each end goes to exactly one of them. */
static void dma_wait_many_threads_share_the_ends(const void *arg)
{
	struct both b = both_get();
	u32 most = info_get(b.fd).out_max_transfers;
	pthread_t t[WAITERS];

	(void)arg;
	for (int i = 0; i < WAITERS; i++)
		CHECK(!pthread_create(&t[i], NULL, wait_any, &b));
	for (int i = 0; i < WAITERS * EACH; i++) {
		struct mmapdemo_dma_submit s = {
			.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = b.mem,
			.dev_handle = b.dev, .len = 8,
		};
		u64 end = now_ns() + DMA_LIMIT_NS;
		int ret;

		while ((ret = dma_submit(b.fd, &s)) == -EDQUOT)
			CHECK(now_ns() < end);
		CHECK_OK(ret);
	}
	for (int i = 0; i < WAITERS; i++)
		pthread_join(t[i], NULL);
	CHECK(most > 0);
	wait_is_answered(b.fd, 0, 0, -ENOENT);
}

static void *wait_named(void *arg)
{
	struct both *b = arg;

	for (int i = 0; i < EACH; i++) {
		struct mmapdemo_dma_wait w;
		u64 seq = submit(b, i % 2 ? MMAPDEMO_DMA_NO_IRQ : 0, (uintptr_t)&w);

		CHECK_OK(dma_collect(b->fd, seq, &w));
		CHECK_EQ(w.out_seq, seq);
		CHECK_EQ(w.out_user_data, (uintptr_t)&w);
	}
	return NULL;
}

static void dma_wait_each_thread_gets_its_own(const void *arg)
{
	struct both b = both_get();
	pthread_t t[WAITERS];

	(void)arg;
	for (int i = 0; i < WAITERS; i++)
		CHECK(!pthread_create(&t[i], NULL, wait_named, &b));
	for (int i = 0; i < WAITERS; i++)
		pthread_join(t[i], NULL);
	wait_is_answered(b.fd, 0, 0, -ENOENT);
}

void register_event(void)
{
	TEST_ADD(dma_wait_nothing_submitted_enoent);
	TEST_ADD(dma_wait_collects_once);
	TEST_ADD(dma_wait_any_takes_the_first_ended);
	TEST_ADD(dma_wait_foreign_seq_enoent);
	TEST_ADD(dma_wait_not_ended_eagain_and_etimedout);
	TEST_ADD_SLOW(dma_wait_and_poll_wake_for_a_running_no_irq_transfer, 40000);
	TEST_ADD(dma_wait_far_deadline_is_no_overflow);
	TEST_ADD_SLOW(dma_wait_signal_eintr_and_can_be_repeated, 60000);
	TEST_ADD(dma_wait_killed_ends_at_once);
	TEST_ADD(dma_wait_many_threads_share_the_ends);
	TEST_ADD(dma_wait_each_thread_gets_its_own);
	TEST_ADD(poll_tells_of_ended_transfers);
	TEST_ADD(poll_wakes_a_sleeper);
	TEST_ADD(poll_other_file_hears_nothing);
	TEST_ADD(epoll_tells_of_ended_transfers);
	TEST_ADD(eventfd_counts_every_end);
	TEST_ADD(eventfd_replaced_and_removed);
	TEST_ADD(eventfd_wrong_descriptor_is_refused);
	TEST_ADD(eventfd_other_file_hears_nothing);
	TEST_ADD(eventfd_full_hangs_nobody);
}
