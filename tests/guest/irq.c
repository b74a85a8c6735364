// SPDX-License-Identifier: MIT
/*
 * irq.c - interrupts that nobody asked for: storms of them, and ones that tell of transfers that have not
 * ended.
 *
 * Not for: interrupts that are lost, late or repeated, see faults.c; what queues ask for, see
 * queue_event.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "queue.h"

struct storm {
	pthread_t thread;
	volatile u32 *raise;	/* IRQ_RAISE */
	u32 cause;
	volatile u32 raised;
	volatile bool over;
};

static void *storm_run(void *arg)
{
	struct storm *s = arg;

	while (!s->over) {
		*s->raise = s->cause;
		s->raised++;
	}
	return NULL;
}

/* By who may write to the control block. */
static void storm_start(struct storm *s, int fd, u32 cause)
{
	struct mmapdemo_region_info r;
	char *ctrl;

	raw_bar_require(true);
	r = region_get(fd, MMAPDEMO_REGION_CTRL);
	ctrl = map_rw(fd, PAGE, r.out_offset);
	*s = (struct storm){
		.raise = (volatile u32 *)(ctrl + MMAPDEMO_REG_IRQ_RAISE), .cause = cause,
	};
	CHECK(!pthread_create(&s->thread, NULL, storm_run, s));
}

static void storm_end(struct storm *s)
{
	s->over = true;
	pthread_join(s->thread, NULL);
	raw_bar_require(false);
	diag("%u interrupts raised", s->raised);
}

/* Others get on with their transfers and queues while one vector or all of the engine's are flooded. */
static void irq_storm_starves_nobody(const void *arg)
{
	static const u32 causes[] = { MMAPDEMO_IRQ_SW, MMAPDEMO_IRQ_ALL };
	struct neighbour n = neighbour_get();

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(causes); i++) {
		struct mmapdemo_dma_wait w;
		struct storm s;
		u64 start = now_ns();

		storm_start(&s, n.fd, causes[i]);
		for (int k = 0; k < 30; k++) {
			neighbour_check(&n);
			/* Both sides are alike already. */
			CHECK_OK(dma_copy(n.fd, MMAPDEMO_DMA_TO_DEVICE, n.a.handle, 0, n.b.handle,
					  0, PAGE, &w));
			CHECK_EQ(w.out_bytes, PAGE);
		}
		/* Also on a host that lets it wait. */
		for (int k = 0; k < 100 && s.raised <= 100; k++) {
			sleep_ms(20);
			neighbour_check(&n);
		}
		storm_end(&s);
		CHECK(s.raised > 100);
		diag("30 rounds took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	}
}

/* The engine's interrupt while a transfer runs is not its end: nothing is told before it has ended. */
static void irq_of_the_engine_without_an_end_ends_nothing(const void *arg)
{
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	struct area d = area_get(fd, MMAPDEMO_TECH_BAR, PAGE, WINDOW_RW);
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = m.handle, .dev_handle = d.handle,
		.len = PAGE,
	};
	const u64 delay = 60000000;
	int rounds = 0, stormy = 0;
	struct storm storm;
	u64 start, value;

	(void)arg;
	CHECK_OK(eventfd_set(fd, efd));
	busy_each(delay);
	/* A round in which the host kept the storm from its processor shows nothing, and is made again. */
	while (stormy < 3) {
		u32 raised;

		CHECKF(++rounds <= 30, "%d of 30 rounds had an interrupt in a transfer", stormy);
		fill(m.p, PAGE, rounds);
		memset(d.p, 0x5e, PAGE);
		storm_start(&storm, fd, MMAPDEMO_IRQ_DMA);
		start = now_ns();
		CHECK_OK(dma_submit(fd, &s));
		raised = storm.raised;
		CHECK_OK(dma_collect(fd, s.out_seq, NULL));
		CHECK(now_ns() - start >= delay * 9 / 10);
		stormy += storm.raised - raised > 100;
		storm_end(&storm);
		CHECK_EQ(differs(d.p, PAGE, rounds), PAGE);
		CHECK_EQ(read(efd, &value, 8), 8);
		CHECK_EQ(value, 1);
	}
	CHECK_RET(dma_collect(fd, 0, NULL), -ENOENT);
}

/* The device goes in the middle of a storm. */
static void irq_storm_outlasts_no_unbind(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r;
	struct neighbour n;
	char *ctrl;

	(void)arg;
	raw_bar_require(true);
	r = region_get(fd, MMAPDEMO_REGION_CTRL);
	ctrl = map_rw(fd, PAGE, r.out_offset);
	for (int i = 0; i < 3; i++) {
		struct gate ready;
		pid_t pid;

		gate_init(&ready);
		pid = child_fork();
		if (!pid) {
			char *own = map_rw(fd, PAGE, r.out_offset);

			gate_open(&ready);
			while (!touch_write(own + MMAPDEMO_REG_IRQ_RAISE, MMAPDEMO_IRQ_ALL))
				;
			child_exit();
		}
		gate_pass(&ready);
		sleep_ms(5 * i);
		CHECK(driver_unbind() < promise_ms(2000));
		child_wait(pid, 5000);
		CHECK(touch_write(ctrl + MMAPDEMO_REG_IRQ_RAISE, 1) != 0);
		driver_bind();
		close(fd);
		unmap(ctrl, PAGE);
		fd = dev_open(O_RDWR);
		r = region_get(fd, MMAPDEMO_REGION_CTRL);
		ctrl = map_rw(fd, PAGE, r.out_offset);
	}
	raw_bar_require(false);
	n = neighbour_get();
	neighbour_check(&n);
}

void register_irq(void)
{
	TEST_ADD_SLOW(irq_storm_starves_nobody, 20000);
	TEST_ADD_SLOW(irq_of_the_engine_without_an_end_ends_nothing, 30000);
	TEST_ADD_SLOW(irq_storm_outlasts_no_unbind, 20000);
}
