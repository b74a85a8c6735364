// SPDX-License-Identifier: MIT
/*
 * queue_event.c - sleeping for a completion: cq_event, eventfd, moderation, counted in the device and
 * in the driver; and the doorbell, of every width.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue.h"

#define WAKE_MS		2000
#define LONG_GAP_NS	200000000u

static int efd_get(void)
{
	return CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
}

/* What the eventfd has counted since it was asked last. */
static u64 efd_take(int efd)
{
	u64 n = 0;

	return read(efd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static bool efd_wait(int efd, int ms)
{
	struct pollfd p = { .fd = efd, .events = POLLIN };

	return poll(&p, 1, ms) == 1;
}

/* Ask for an interrupt when completion `index` is there; true: it is there already. */
static bool event_arm(struct queue *q, u32 index)
{
	*ring_word(q, MMAPDEMO_RING_CQ_EVENT) = index;
	/* Pairs with the device's barrier between its last gen and its load of cq_event. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return queue_done(q, index);
}

static u32 push_nop(struct queue *q)
{
	return queue_push(q, &(sqe_t){ .op = MMAPDEMO_OP_NOP, .user = q->tail });
}

struct irqs {
	u64 asked, sent, counted;
};

static struct irqs irqs_get(const struct queue *q)
{
	return (struct irqs){
		.asked = counter(q->fd, MMAPDEMO_REG_CNT_Q_IRQ_ASKED),
		.sent = counter(q->fd, MMAPDEMO_REG_CNT_Q_IRQ_SENT),
		.counted = queue_info(q).out_irqs,
	};
}

/* --- asked for or not ----------------------------------------------------------------------------- */

static void queue_event_wakes_for_the_completion_asked_for(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 4, efd, 0, 0);

	(void)arg;
	for (int i = 0; i < 30; i++) {
		u32 index = push_nop(&q);

		CHECK(!event_arm(&q, index));
		queue_kick(&q);
		CHECKF(efd_wait(efd, WAKE_MS), "round %d: not woken", i);
		CHECK(queue_done(&q, index));
		CHECK_EQ(efd_take(efd), 1);
	}
	CHECK_EQ(queue_info(&q).out_irqs, 30);
}

static void queue_event_quiet_means_no_interrupt_at_all(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 5, efd, 0, 0);
	struct irqs before = irqs_get(&q), after;
	u64 raised = counter(fd, MMAPDEMO_REG_CNT_IRQ_RAISED);

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		u32 index = push_nop(&q);

		queue_kick(&q);
		queue_wait(&q, index);
	}
	sleep_ms(50);
	after = irqs_get(&q);
	CHECK_EQ(after.asked - before.asked, 0);
	CHECK_EQ(after.sent - before.sent, 0);
	CHECK_EQ(after.counted, 0);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_IRQ_RAISED) - raised, 0);
	CHECK_EQ(efd_take(efd), 0);
}

/* Asked for completion 20 of 40: those before do not wake, and one that is past is not asked again. */
static void queue_event_is_raised_once_when_it_is_crossed(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 6, efd, 0, 0);

	(void)arg;
	CHECK(!event_arm(&q, 20));
	for (u32 i = 0; i < 20; i++) {
		push_nop(&q);
		queue_kick(&q);
		queue_wait(&q, i);
	}
	sleep_ms(20);
	CHECK_EQ(efd_take(efd), 0);
	push_nop(&q);
	queue_kick(&q);
	CHECK(efd_wait(efd, WAKE_MS));
	for (u32 i = 21; i < 40; i++) {
		push_nop(&q);
		queue_kick(&q);
		queue_wait(&q, i);
	}
	sleep_ms(20);
	CHECK_EQ(efd_take(efd), 1);
	CHECK_EQ(queue_info(&q).out_irqs, 1);
	/* A batch that passes it from below asks once, not once for each. */
	CHECK(!event_arm(&q, 50));
	while (q.tail < 64)
		push_nop(&q);
	queue_kick(&q);
	CHECK(efd_wait(efd, WAKE_MS));
	queue_wait(&q, 63);
	sleep_ms(20);
	CHECK_EQ(efd_take(efd), 1);
}

/* A thread sleeps while another submits: no wake-up is lost, however the two meet. */
struct sleeper {
	struct queue *q;
	int efd;
	u32 upto;
	volatile u32 seen;
};

static void *sleeper_run(void *arg)
{
	struct sleeper *s = arg;

	for (u32 i = 0; i < s->upto; i++) {
		while (!event_arm(s->q, i)) {
			CHECKF(efd_wait(s->efd, 4000), "completion %u: never woken", i);
			efd_take(s->efd);
		}
		s->seen = i + 1;
	}
	return NULL;
}

static void queue_event_of_a_sleeping_thread_is_never_lost(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct sleeper s = { .q = &q, .efd = efd, .upto = 1500 };
	pthread_t t;

	(void)arg;
	CHECK(!pthread_create(&t, NULL, sleeper_run, &s));
	for (u32 i = 0; i < s.upto; i++) {
		/* The sleeper has seen completion i before i + N is written in its place. */
		while (i >= s.seen + q.n)
			sched_yield();
		push_nop(&q);
		queue_kick(&q);
		if (i % 5 == 0)
			queue_wait(&q, i);
	}
	pthread_join(t, NULL);
	diag("%llu interrupts for %u completions",
	     (unsigned long long)queue_info(&q).out_irqs, s.upto);
}

/* --- moderation ------------------------------------------------------------------------------------- */

/* n completions, each asked for by itself; the time it took. */
static u64 ask_for_each(struct queue *q, u32 n)
{
	u64 start = now_ns();

	for (u32 i = 0; i < n; i++) {
		u32 index = push_nop(q);

		event_arm(q, index);
		queue_kick(q);
		queue_wait(q, index);
	}
	return now_ns() - start;
}

static void queue_event_gap_makes_one_of_many(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 4, efd, LONG_GAP_NS, 0);
	struct irqs before = irqs_get(&q), after;
	u64 took = ask_for_each(&q, 200), gaps;

	(void)arg;
	CHECK(efd_wait(efd, WAKE_MS));
	/* To the end of the gap, and of the one that its message begins. */
	sleep_ms(2 * LONG_GAP_NS / 1000000 + 100);
	after = irqs_get(&q);
	CHECK_EQ(after.asked - before.asked, 200);
	/* The first at once, and one at the end of each gap that had one to tell of. */
	gaps = took / LONG_GAP_NS + 1;
	diag("%llu interrupts in %llu ms", (unsigned long long)(after.sent - before.sent),
	     (unsigned long long)took / 1000000);
	CHECK(after.sent - before.sent >= 2 && after.sent - before.sent <= 1 + gaps);
	CHECK_EQ(after.counted, after.sent - before.sent);
	CHECK_EQ(efd_take(efd), after.counted);
	/* Quiet long enough, the next is at once again. */
	took = ask_for_each(&q, 1);
	CHECK(efd_wait(efd, 100));
}

static void queue_event_count_ends_the_gap_early(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	struct queue q = queue_get_event(fd, 4, efd, 2000000000, 10);
	struct irqs before = irqs_get(&q), after;

	(void)arg;
	/* 1 + 9 * 10 completions: one at once, then one for each ten, and the gap is never over. */
	CHECK(ask_for_each(&q, 91) < 1500000000);
	CHECK(efd_wait(efd, 200));
	sleep_ms(20);
	after = irqs_get(&q);
	CHECK_EQ(after.asked - before.asked, 91);
	CHECK_EQ(after.sent - before.sent, 10);
	/* A message that comes while one is pending in the processor is the same interrupt. */
	CHECK(after.counted >= 1 && after.counted <= 10);
	CHECK_EQ(efd_take(efd), after.counted);
}

/* An owner that asks for each completion, as fast as it can, cannot make a storm. */
static void queue_event_storm_is_bounded_by_the_least_gap(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	u32 min = info_get(fd).out_irq_gap_min_ns;
	struct queue q = queue_get_event(fd, 4, efd, 0, 0);
	u64 start = now_ns(), took, irqs;

	(void)arg;
	ask_for_each(&q, 3000);
	/* The processor that handles it may be another, and late. */
	CHECK(efd_wait(efd, WAKE_MS));
	irqs = queue_info(&q).out_irqs;
	took = now_ns() - start;
	diag("%llu interrupts in %llu us, least gap %u ns", (unsigned long long)irqs,
	     (unsigned long long)took / 1000, min);
	CHECK(irqs >= 1 && irqs <= took / min + 2);
}

static void queue_event_of_one_queue_is_not_told_to_another(const void *arg)
{
	int fd = dev_open(O_RDWR), ea = efd_get(), eb = efd_get();
	int other = dev_open(O_RDWR);
	struct queue a = queue_get_event(fd, 3, ea, 0, 0);
	struct queue b = queue_get_event(other, 3, eb, 0, 0);

	(void)arg;
	event_arm(&b, 0);
	for (u32 i = 0; i < 5; i++) {
		push_nop(&a);
		event_arm(&a, i);
		queue_kick(&a);
		CHECK(efd_wait(ea, WAKE_MS));
		efd_take(ea);
		sleep_ms(2);
	}
	CHECK_EQ(efd_take(eb), 0);
	CHECK_EQ(queue_info(&b).out_irqs, 0);
	push_nop(&b);
	queue_kick(&b);
	CHECK(efd_wait(eb, WAKE_MS));
	CHECK_EQ(efd_take(ea), 0);
}

/* The eventfd is the caller's: closed, full or of a process gone, it harms nobody. */
static void queue_event_full_or_closed_eventfd_hangs_nobody(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = efd_get();
	u64 full = ~0ULL - 1;
	struct queue q;

	(void)arg;
	CHECK_EQ(write(efd, &full, sizeof(full)), sizeof(full));
	q = queue_get_event(fd, 3, efd, 0, 0);
	ask_for_each(&q, 50);
	close(efd);
	ask_for_each(&q, 50);
	queue_put(&q);
	efd = efd_get();
	q = queue_get_event(fd, 3, efd, 0, 0);
	queue_put(&q);
	CHECK_EQ(efd_take(efd), 0);
}

/* --- the doorbell ------------------------------------------------------------------------------------- */

static void write_width(volatile char *p, unsigned int width, u64 value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)p = value;
		break;
	case 2:
		*(volatile uint16_t *)p = value;
		break;
	case 4:
		*(volatile u32 *)p = value;
		break;
	default:
		*(volatile u64 *)p = value;
	}
}

static u64 read_width(const volatile char *p, unsigned int width)
{
	return width == 1 ? *(const volatile uint8_t *)p :
	       width == 2 ? *(const volatile uint16_t *)p :
	       width == 4 ? *(const volatile u32 *)p : *(const volatile u64 *)p;
}

static void queue_doorbell_of_any_width_place_and_value_is_a_look(const void *arg)
{
	static const u64 values[] = { 0, 1, 0xff, 0xffffffff, ~0ULL, 0x8000000000000000ULL };
	struct queue q = queue_get(dev_open(O_RDWR), 4);

	(void)arg;
	for (unsigned int w = 0; w < 4; w++) {
		u64 wr = counter(q.fd, MMAPDEMO_REG_CNT_DB_WR8 + 8 * w);

		for (u32 k = 0; k < 60; k++) {
			u32 at = (k * 67 % (PAGE >> w)) << w, index;

			if (k == 59)
				at = PAGE - (1 << w);
			index = push_nop(&q);
			/* Only sq_tail says how far: what is written to the doorbell says nothing. */
			*ring_word(&q, MMAPDEMO_RING_SQ_TAIL) = q.tail;
			q.told = q.tail;
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
			write_width(q.doorbell + at, 1 << w, values[k % ARRAY_SIZE(values)]);
			CHECK_EQ(queue_wait(&q, index).user, index);
		}
		CHECK_EQ(counter(q.fd, MMAPDEMO_REG_CNT_DB_WR8 + 8 * w) - wr, 60);
	}
	/* With nothing new, a look is all that happens. */
	for (u32 k = 0; k < 1000; k++)
		write_width(q.doorbell, 4, k);
	CHECK_EQ(queue_info(&q).out_head, q.tail);
	CHECK_EQ(queue_info(&q).out_state, MMAPDEMO_QSTATE_RUNNING);
}

static void queue_doorbell_reads_zero(const void *arg)
{
	struct queue q = queue_get(dev_open(O_RDWR), 3);
	u64 reads = counter(q.fd, MMAPDEMO_REG_CNT_DB_RD), n = 0;
	u64 looks = counter(q.fd, MMAPDEMO_REG_CNT_Q_LOOKS);

	(void)arg;
	queue_ring(&q);
	looks = counter(q.fd, MMAPDEMO_REG_CNT_Q_LOOKS);
	for (unsigned int w = 1; w <= 8; w *= 2) {
		for (u32 at = 0; at < PAGE; at += at < 64 ? w : 256, n++)
			CHECK_EQ(read_width(q.doorbell + at, w), 0);
	}
	CHECK_EQ(counter(q.fd, MMAPDEMO_REG_CNT_DB_RD) - reads, n);
	/* Reading is no ringing. */
	CHECK_EQ(counter(q.fd, MMAPDEMO_REG_CNT_Q_LOOKS) - looks, 0);
}

void register_queue_event(void)
{
	TEST_ADD(queue_event_wakes_for_the_completion_asked_for);
	TEST_ADD(queue_event_quiet_means_no_interrupt_at_all);
	TEST_ADD(queue_event_is_raised_once_when_it_is_crossed);
	TEST_ADD(queue_event_of_a_sleeping_thread_is_never_lost);
	TEST_ADD(queue_event_gap_makes_one_of_many);
	TEST_ADD(queue_event_count_ends_the_gap_early);
	TEST_ADD(queue_event_storm_is_bounded_by_the_least_gap);
	TEST_ADD(queue_event_of_one_queue_is_not_told_to_another);
	TEST_ADD(queue_event_full_or_closed_eventfd_hangs_nobody);
	TEST_ADD(queue_doorbell_of_any_width_place_and_value_is_a_look);
	TEST_ADD(queue_doorbell_reads_zero);
}
