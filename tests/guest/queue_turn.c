// SPDX-License-Identifier: MIT
/*
 * queue_turn.c - QUEUE_SUBMITs of one queue at the same time: each has its turn, and who waits behind one
 * whose memory does not arrive need not wait for that.
 *
 * Not for: who sleeps for completions, see queue_submit_wait.c.
 */
#include <errno.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kqueue.h"
#include "lifetime.h"

#define LOG2N	4
#define MS	1000000ULL
#define WAKE_MS	900	/* as in queue_submit_wait.c: nobody looks by himself before */
#define ROUNDS	100

/* --- a call in a thread of its own ---------------------------------------------------------------- */

struct caller {
	int fd;
	u32 queue;
	const sqe_t *d;
	pthread_t thread;
	volatile bool at_it, back;
	struct submitted r;
	u64 back_ns;
};

static void *caller_run(void *arg)
{
	struct caller *c = arg;
	cqe_t cqes[4];

	c->at_it = true;
	c->r = submit_call(c->fd, c->queue, c->d, 1, cqes, 4, 0, 0);
	c->back_ns = now_ns();
	c->back = true;
	return NULL;
}

static void caller_start(struct caller *c, int fd, u32 queue, const sqe_t *d)
{
	*c = (struct caller){ .fd = fd, .queue = queue, .d = d };
	CHECK(!pthread_create(&c->thread, NULL, caller_run, c));
	while (!c->at_it)
		sleep_ms(1);
	sleep_ms(50);
	CHECK(!c->back);
}

/* --- memory that does not arrive ------------------------------------------------------------------- */

/* One call has the turn and is in such memory, another waits for its turn. */
struct stuck {
	int fd, uffd;
	u32 queue;
	sqe_t nop;
	struct caller first, second;
};

/* Whoever touches the page waits until the descriptor is closed. */
static void *never_get(int *uffd)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register r = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	*uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (*uffd < 0 && errno == ENOSYS)
		test_skip("this kernel has no userfaultfd");
	CHECK_SYS(*uffd);
	CHECK_SYS(ioctl(*uffd, UFFDIO_API, &api));
	r.range.start = (uintptr_t)p;
	r.range.len = PAGE;
	CHECK_SYS(ioctl(*uffd, UFFDIO_REGISTER, &r));
	return p;
}

static void stuck_begin(struct stuck *s)
{
	const sqe_t *never = never_get(&s->uffd);

	s->fd = dev_open(O_RDWR);
	s->queue = kqueue_get(s->fd, LOG2N);
	nops(&s->nop, 1, 5);
	caller_start(&s->first, s->fd, s->queue, never);
	caller_start(&s->second, s->fd, s->queue, &s->nop);
}

/* The second was back soon, while the first still waits; then that comes back too, and says what it may. */
static void stuck_end(struct stuck *s, u64 start, int second, int first)
{
	CHECK(!pthread_join(s->second.thread, NULL));
	CHECK_RET(s->second.r.ret, second);
	CHECKF(s->second.back_ns - start < WAKE_MS * MS, "woken after %llu ms",
	       (unsigned long long)((s->second.back_ns - start) / MS));
	CHECK(!s->first.back);
	close(s->uffd);
	CHECK(!pthread_join(s->first.thread, NULL));
	CHECK_RET(s->first.r.ret, first);
}

static void nothing(int sig)
{
	(void)sig;
}

static void submit_turn_behind_memory_that_never_arrives_eintr(const void *arg)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct stuck s;
	u64 start;

	(void)arg;
	CHECK_SYS(sigaction(SIGUSR1, &sa, NULL));
	stuck_begin(&s);
	start = now_ns();
	pthread_kill(s.second.thread, SIGUSR1);
	stuck_end(&s, start, -EINTR, 0);
	/* The turn is to be had again. */
	CHECK_OK(submit_call(s.fd, s.queue, &s.nop, 1, NULL, 0, 0, 0).ret);
}

static void submit_turn_behind_memory_that_never_arrives_enoent(const void *arg)
{
	struct stuck s;
	u64 start;

	(void)arg;
	stuck_begin(&s);
	start = now_ns();
	CHECK_OK(queue_destroy(s.fd, s.queue));
	stuck_end(&s, start, -ENOENT, -ENOENT);
}

static void submit_turn_behind_memory_that_never_arrives_enodev(const void *arg)
{
	struct stuck s;
	u64 start;

	(void)arg;
	stuck_begin(&s);
	start = now_ns();
	CHECK(driver_unbind() < promise_ms(2000));
	stuck_end(&s, start, -ENODEV, -ENODEV);
	file_is_dead(s.fd);
	driver_bind();
}

/* --- who is quick and who is not --------------------------------------------------------------------- */

struct hurry {
	int fd;
	u32 queue;
	volatile bool over;
	volatile u64 calls;
};

/* One after the other, with nothing that a call would have to wait for. */
static void *hurry_run(void *arg)
{
	struct hurry *h = arg;
	cqe_t c[4];
	sqe_t d;

	nops(&d, 1, 1);
	while (!h->over) {
		CHECK_OK(submit_call(h->fd, h->queue, &d, 1, c, 4, 0, 0).ret);
		h->calls++;
	}
	return NULL;
}

/* Its descriptor is in a page that is not present: it has to wait for a turn, each time. */
static void submit_turn_is_had_beside_who_comes_back_at_once(const void *arg)
{
	struct hurry h = { .fd = dev_open(O_RDWR) };
	unsigned int rounds;
	u64 longest = 0;
	pthread_t t;
	cqe_t c[4];

	(void)arg;
	h.queue = kqueue_get(h.fd, LOG2N);
	CHECK(!pthread_create(&t, NULL, hurry_run, &h));
	/* On a busy host the other may not be there for a while; the test's own limit ends that. */
	for (rounds = 0; rounds < ROUNDS || h.calls <= ROUNDS; rounds++) {
		sqe_t *d = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);
		u64 start = now_ns();

		CHECK(d != MAP_FAILED);
		/* Zeroes, as the fault makes them, are a descriptor: whatever it says of them is an answer. */
		CHECK_EQ(submit_call(h.fd, h.queue, d, 1, c, 4, 0, 0).submitted, 1);
		if (now_ns() - start > longest)
			longest = now_ns() - start;
		unmap(d, PAGE);
	}
	h.over = true;
	CHECK(!pthread_join(t, NULL));
	diag("the longest of %u took %llu us, beside %llu calls", rounds,
	     (unsigned long long)longest / 1000, (unsigned long long)h.calls);
	CHECK(longest < patience_ms(1000) * MS);
}

void register_queue_turn(void)
{
	TEST_ADD(submit_turn_behind_memory_that_never_arrives_eintr);
	TEST_ADD(submit_turn_behind_memory_that_never_arrives_enoent);
	TEST_ADD(submit_turn_behind_memory_that_never_arrives_enodev);
	TEST_ADD_SLOW(submit_turn_is_had_beside_who_comes_back_at_once, 20000);
}
