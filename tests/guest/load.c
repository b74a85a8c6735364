// SPDX-License-Identifier: MIT
/*
 * load.c - processes that use the device without a pause, whatever happens to it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "submit.h"

#define LEN		(16 * PAGE)
#define PROGRESS_MS	5000

/* What a call may say of a device that goes, comes, or is being reset; else the test has failed. */
static bool is_interrupted(int ret, const char *what)
{
	if (ret && ret != -ENODEV && ret != -EIO)
		FAIL("load: %s: %s", what, errno_word(ret));
	return ret != 0;
}

static int node_try_open(void)
{
	char node[64];
	int fd;

	if (!dev_node_find(node, sizeof(node)))
		return -ENODEV;
	fd = open(node, O_RDWR | O_CLOEXEC);
	/* A node that has just gone: the core finds no name, or no owner of its number. */
	if (fd < 0 && (errno == ENOENT || errno == ENXIO))
		return -ENODEV;
	return fd < 0 ? -errno : fd;
}

/* Bytes where a mapping may be taken away at any moment. */
static bool words_write(char *p, u64 len, u32 value)
{
	for (u64 at = 0; at < len; at += PAGE) {
		if (touch_write(p + at, value + at))
			return false;
	}
	return true;
}

/* --- transfers and mappings ------------------------------------------------------------------------- */

static const u32 techniques[] = {
	MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_PAGES, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
	MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE, MMAPDEMO_TECH_NONCONTIG,
};

#define NUM	ARRAY_SIZE(techniques)

struct piece {
	u32 handle;
	char *p;
};

static int pieces_get(int fd, struct piece *pieces)
{
	struct mmapdemo_info info = { .size = sizeof(info) };
	int ret = call(fd, MMAPDEMO_IOC_INFO, &info);

	for (size_t i = 0; i < NUM && !ret; i++) {
		struct mmapdemo_buf_alloc a;
		void *p = NULL;

		if (techniques[i] > MMAPDEMO_TECH_COHERENT &&
		    !(info.out_techniques >> techniques[i] & 1))
			continue;
		ret = buf_try_alloc(fd, techniques[i], 0, 0, LEN, &a);
		if (!ret)
			ret = map_try(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, a.out_offset,
				      &p);
		if (!ret)
			pieces[i] = (struct piece){ a.out_handle, p };
	}
	return ret;
}

static int pieces_work(int fd, const struct piece *pieces, u32 value)
{
	struct mmapdemo_dma_wait w;
	int ret = 0;

	for (size_t i = 1; i < 4 && !ret; i++)
		ret = dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE + (value & 1), pieces[i].handle, 0,
			       pieces[0].handle, 0, LEN, &w);
	for (size_t i = 0; i < NUM && !ret; i++) {
		if (pieces[i].p && !words_write(pieces[i].p, LEN, value))
			ret = -EIO;
	}
	return ret;
}

static void copies_until_interrupted(volatile u32 *rounds)
{
	struct piece pieces[NUM] = { { 0, NULL } };
	int fd = node_try_open(), ret;

	if (fd < 0) {
		is_interrupted(fd, "open");
		sched_yield();
		return;
	}
	ret = pieces_get(fd, pieces);
	if (!is_interrupted(ret, "buffers")) {
		while (!is_interrupted(pieces_work(fd, pieces, *rounds), "transfers"))
			(*rounds)++;
	}
	for (size_t i = 0; i < NUM; i++) {
		if (pieces[i].p)
			unmap(pieces[i].p, LEN);
	}
	close(fd);
}

/* --- queues ---------------------------------------------------------------------------------------- */

/* -EIO when a mapping is gone, or nothing comes: which is what a reset looks like from here. */
static int lap(struct queue *q, u32 window, u32 round)
{
	sqe_t d = sqe_fill(window, 0, LEN, round);
	u32 gen;

	for (u32 at = 0; at < sizeof(d); at += 4) {
		if (touch_write((char *)ring_sqe(q, q->tail) + at, *(u32 *)((char *)&d + at)))
			return -EIO;
	}
	q->tail++;
	if (touch_write(ring_word(q, MMAPDEMO_RING_SQ_TAIL), q->tail) ||
	    touch_write(q->doorbell, 0))
		return -EIO;
	for (;;) {
		u32 state;

		if (touch_read(&ring_cqe(q, q->tail - 1)->gen, &gen) ||
		    touch_read(ring_word(q, MMAPDEMO_RING_STATE), &state) ||
		    touch_read(q->doorbell, NULL))
			return -EIO;
		if (gen == q->tail)
			return 0;
		if (state != MMAPDEMO_QSTATE_RUNNING)
			return -EIO;
	}
}

static int ring_get(struct queue *q, u32 *window)
{
	struct mmapdemo_buf_alloc a;
	void *ring = NULL, *doorbell = NULL;
	int ret = buf_try_alloc(q->fd, MMAPDEMO_TECH_COHERENT, 0, 0, LEN, &a);

	if (!ret)
		ret = window_try_create(q->fd, a.out_handle, WINDOW_RW, 0, LEN, window);
	if (!ret)
		ret = queue_try_create(q->fd, 3, -1, &q->c);
	if (!ret)
		ret = map_try(q->fd, q->c.out_ring_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			      q->c.out_ring_offset, &ring);
	if (!ret)
		ret = map_try(q->fd, q->c.out_doorbell_len, PROT_READ | PROT_WRITE, MAP_SHARED,
			      q->c.out_doorbell_offset, &doorbell);
	q->n = 8;
	q->ring = ring;
	q->doorbell = doorbell;
	return ret;
}

static void queue_until_interrupted(volatile u32 *rounds)
{
	struct queue q = { .fd = node_try_open() };
	u32 window = 0;

	if (q.fd < 0) {
		is_interrupted(q.fd, "open");
		sched_yield();
		return;
	}
	if (!is_interrupted(ring_get(&q, &window), "queue")) {
		while (!is_interrupted(lap(&q, window, *rounds), "queue's transfers"))
			(*rounds)++;
	}
	if (q.ring)
		unmap(q.ring, q.c.out_ring_len);
	if (q.doorbell)
		unmap((void *)q.doorbell, q.c.out_doorbell_len);
	close(q.fd);
}

/* --- the processes ---------------------------------------------------------------------------------- */

static void (*const kinds[LOAD_KINDS])(volatile u32 *rounds) = {
	copies_until_interrupted, queue_until_interrupted,
};

struct load load_start(void)
{
	struct load l;

	l.rounds = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
				  -1, 0));
	for (int i = 0; i < LOAD_KINDS; i++) {
		l.pid[i] = child_fork();
		if (!l.pid[i]) {
			for (;;)
				kinds[i](&l.rounds[i]);
		}
	}
	load_goes_on(&l);
	return l;
}

void load_goes_on(const struct load *l)
{
	u64 end = now_ns() + PROGRESS_MS * 1000000ULL;

	for (int i = 0; i < LOAD_KINDS; i++) {
		u32 before = __atomic_load_n(&l->rounds[i], __ATOMIC_RELAXED);

		/* Two: the one under way may have begun before. */
		while (__atomic_load_n(&l->rounds[i], __ATOMIC_RELAXED) - before < 2) {
			CHECKF(child_poll(l->pid[i], 0) == -1, "process %d of the load has ended", i);
			CHECKF(now_ns() < end, "process %d of the load does not get on", i);
			sleep_ms(1);
		}
	}
}

void load_end(struct load *l)
{
	for (int i = 0; i < LOAD_KINDS; i++) {
		kill(l->pid[i], SIGKILL);
		CHECK_EQ(child_status(l->pid[i], 3000), SIGKILL);
	}
	munmap(l->rounds, PAGE);
}
