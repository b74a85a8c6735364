// SPDX-License-Identifier: MIT
/*
 * lifetime_matrix.c - {unbind, PCI remove and rescan, hot-unplug, function level reset, the driver's own
 * reset, recovery from errors of the bus, fatal or not} x {closed, open, mapped, waiting, DMA in flight,
 * late close} x {idle, loaded}: a test each.
 *
 * Going takes no longer than promised and takes all with it that was promised, and the device that
 * comes back is a whole one; what is reset keeps what was promised, and works.
 * Not for: one thing looked at closely, see lifetime.c, queue_lifetime.c, module.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "busy.h"
#include "holdings.h"
#include "lifetime.h"
#include "load.h"

#define WAKE_MS		100	/* the promise */
#define WAKE_ATTEMPTS	3	/* late once is the emulator's host, late every time the driver */
#define LONG_NS		4000000000u	/* of a transfer that shall not end by itself */
#define PATIENCE_MS	60000		/* of the driver with it */
#define FOR_EVER_MS	20000
#define QUIET_MS	250	/* that nobody who has no news is woken */
#define SETTLE_MS	30
#define LEN		(256 * PAGE)

/* --- closed ----------------------------------------------------------------------------------- */

/* Who sleeps is woken by an interrupt, not by the watchdog a second later; a queue's owner too. */
static void interrupts_come(void)
{
	int fd = dev_open(O_RDWR), efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	sqe_t d = sqe_fill(m.window, 0, PAGE, 1);
	u64 suppressed;

	*ring_word(&q, MMAPDEMO_RING_CQ_EVENT) = 0;
	QUEUE_OK(&q, &d);
	CHECK_EQ(poll(&p, 1, 1000), 1);
	busy_each(BUSY_EACH_NS);
	suppressed = counter(fd, MMAPDEMO_REG_CNT_IRQ_SUPPRESSED);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, m.handle, 0, dev, 0, PAGE, NULL));
	/* No watchdog hides it: the engine's interrupt is enabled. */
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_IRQ_SUPPRESSED), suppressed);
	busy_end();
	queue_unmap(&q);
	unmap(m.p, PAGE);
	close(efd);
	close(fd);
}

static void closed(const struct way *w)
{
	busy_require();
	for (int i = 0; i < 2; i++) {
		away(w);
		w->back();
		device_is_whole();
	}
	interrupts_come();
}

/* --- open ------------------------------------------------------------------------------------- */

/* The new calls, in the manner of file_is_dead(). */
static void new_calls_are_dead(int fd)
{
	struct mmapdemo_queue_submit s = { .queue = 1 };
	char *own = anon_get(PAGE);
	int exported;
	u32 handle;

	CHECK_RET(buf_sync(fd, 5, MMAPDEMO_SYNC_FOR_CPU, 0, 1), -ENODEV);
	CHECK_RET(buf_try_pin(fd, own, PAGE, 0, &handle), -ENODEV);
	CHECK_RET(buf_try_export(fd, 5, &exported), -ENODEV);
	CHECK_RET(queue_submit(fd, &s), -ENODEV);
	unmap(own, PAGE);
}

static void handles_are_good(int fd, u32 mem, u32 dev, u32 window)
{
	struct mmapdemo_dma_wait w;
	struct queue q = queue_get(fd, 3);

	CHECK_EQ(buf_info(fd, mem).out_technique, MMAPDEMO_TECH_VMALLOC);
	CHECK_EQ(buf_info(fd, dev).out_technique, MMAPDEMO_TECH_BAR);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, PAGE, &w));
	CHECK_EQ(w.out_bytes, PAGE);
	queue_put(&q);
	CHECK_OK(window_destroy(fd, window));
}

static void open_file(const struct way *w)
{
	int fd = dev_open(O_RDWR), ro = dev_open(O_RDONLY);
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	u32 window = window_get(fd, dev, WINDOW_RW, 0, PAGE);
	bool new_calls = dqueue_is_there(fd) && pin_is_there(fd) &&
			 info_get(fd).out_caps & MMAPDEMO_CAP_DMABUF;
	struct mmapdemo_queue_create c;
	struct mmapdemo_queue_info i;
	struct mmapdemo_info before = info_get(fd), after;

	CHECK_OK(queue_try_create(fd, 3, -1, &c));
	away(w);
	if (w->stays) {
		after = info_get(fd);
		/* Others are at work, and have memory of their own. */
		before.out_mem_free = after.out_mem_free;
		CHECK(!memcmp(&before, &after, sizeof(before)));
		CHECK_OK(queue_try_info(fd, c.out_queue, &i));
		CHECK_EQ(i.out_reset, 1);
		CHECK_OK(queue_destroy(fd, c.out_queue));
		handles_are_good(fd, mem, dev, window);
		CHECK_EQ(info_get(ro).out_instance, after.out_instance);
	} else {
		file_is_dead(fd);
		file_is_dead(ro);
		if (new_calls)
			new_calls_are_dead(fd);
		w->back();
		/* For ever: also when a device is there again. */
		file_is_dead(fd);
		file_is_dead(ro);
	}
	device_is_whole();
	close(fd);
	close(ro);
}

/* --- mapped ----------------------------------------------------------------------------------- */

static void mapped(const struct way *w)
{
	struct holdings s = holdings_get(dev_open(O_RDWR));

	away(w);
	if (w->stays)
		holdings_after_reset(&s);
	else
		holdings_are_gone(&s);
	w->back();
	device_is_whole();
	if (w->stays)
		holdings_stand(&s);
	else
		holdings_are_gone(&s);
	close(s.fd);
}

/* --- waiting ---------------------------------------------------------------------------------- */

struct waiter {
	const char *name;
	void (*wait)(struct waiter *j);
	int fd;
	u32 queue;		/* of the driver */
	sqe_t d;
	u64 seq;
	struct uring *u;
	int gone, reset;	/* what it must return */
	bool sleeps_on;		/* through a reset */

	pthread_t thread;
	volatile bool waiting;
	int ret;
	u64 woken;
};

static void wait_transfer(struct waiter *j)
{
	struct mmapdemo_dma_wait w = {
		.seq = j->seq, .deadline_ns = now_ns() + FOR_EVER_MS * 1000000ULL,
	};

	j->ret = dma_wait(j->fd, &w);
}

/* Returns the events, or 0 when it was not woken. */
static void wait_poll(struct waiter *j)
{
	struct pollfd p = { .fd = j->fd, .events = POLLIN };

	j->ret = poll(&p, 1, j->sleeps_on ? QUIET_MS : FOR_EVER_MS) == 1 ? p.revents : 0;
}

static void wait_submit(struct waiter *j)
{
	cqe_t c;

	j->ret = queue_take_out(j->fd, j->queue, &c, 1, 1, FOR_EVER_MS, NULL);
}

static void wait_uring(struct waiter *j)
{
	struct uring_result r = { .res = -ETIME };

	uring_push(j->u, j->fd, j->queue, &j->d, 1);
	uring_enter(j->u, 1, 1, FOR_EVER_MS);
	uring_next(j->u, &r);
	j->ret = r.res;
}

static void *waiter_run(void *arg)
{
	struct waiter *j = arg;

	j->waiting = true;
	j->wait(j);
	j->woken = now_ns();
	return NULL;
}

#define WAITERS_MAX 8

struct waiters {
	struct waiter j[WAITERS_MAX];
	size_t n;
	struct uring u;
};

static struct waiter *waiter_add(struct waiters *all, struct waiter j)
{
	CHECK(all->n < WAITERS_MAX);
	all->j[all->n] = j;
	return &all->j[all->n++];
}

/* A queue of the driver with descriptors in it that do not end by themselves. */
static void waiters_add_queues(struct waiters *all, int fd)
{
	const char *why;
	u32 handle, window;
	sqe_t d;

	if (!dqueue_is_there(fd))
		return;
	handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	window = window_get(fd, handle, WINDOW_RW, 0, PAGE);
	d = sqe_fill(window, 0, PAGE, 1);
	waiter_add(all, (struct waiter){ .name = "QUEUE_SUBMIT", .wait = wait_submit, .fd = fd,
					 .queue = dqueue_get(fd, 3), .gone = -ENODEV,
					 .reset = -EIO });
	CHECK_OK(queue_put_in(fd, all->j[all->n - 1].queue, &d, 1, NULL));
	if (!uring_is_there(fd, &why))
		return;
	all->u = uring_get(fd, 4, 0);
	waiter_add(all, (struct waiter){ .name = "io_uring", .wait = wait_uring, .fd = fd,
					 .queue = dqueue_get(fd, 3), .d = d, .u = &all->u,
					 .gone = -ENODEV, .reset = -EIO });
}

static void waiters_start(struct waiters *all)
{
	for (size_t i = 0; i < all->n; i++)
		CHECK(!pthread_create(&all->j[i].thread, NULL, waiter_run, &all->j[i]));
	for (size_t i = 0; i < all->n; i++) {
		while (!all->j[i].waiting)
			sleep_ms(1);
	}
	sleep_ms(10);
}

/* What each must return, and whether all did in the promised time. */
static bool waiters_end(struct waiters *all, bool stays, u64 start, u64 limit)
{
	bool in_time = true;

	for (size_t i = 0; i < all->n; i++) {
		struct waiter *j = &all->j[i];
		int want = stays ? j->reset : j->gone;

		pthread_join(j->thread, NULL);
		CHECKF(j->ret == want, "%s gives %d (%s), wanted %d", j->name, j->ret,
		       j->ret < 0 ? errno_word(j->ret) : "events", want);
		if (stays && j->sleeps_on)
			continue;
		diag("%s woke %lld ms after the request", j->name, (long long)(j->woken - start) / 1000000);
		in_time = in_time && j->woken < limit;
	}
	return in_time;
}

static u64 submit_one(int fd)
{
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .len = PAGE,
		.mem_handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle,
		.dev_handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle,
	};

	CHECK_OK(dma_submit(fd, &s));
	return s.out_seq;
}

static bool waiting_once(const struct way *w)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR), idle = dev_open(O_RDWR);
	int efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct queue q = queue_get_event(idle, 3, efd, 0, 0);
	struct busy b = busy_start(fd, MMAPDEMO_DMA_TO_DEVICE);
	struct waiters all = { .n = 0 };
	u64 start, limit;
	bool in_time;

	/* Of those behind, none ends soon. */
	watchdog_set(PATIENCE_MS);
	busy_each(LONG_NS);
	waiter_add(&all, (struct waiter){ .name = "DMA_WAIT", .wait = wait_transfer, .fd = fd,
					  .seq = b.last, .gone = -ENODEV, .reset = -EIO });
	waiter_add(&all, (struct waiter){ .name = "DMA_WAIT of another file", .wait = wait_transfer,
					  .fd = other, .seq = submit_one(other), .gone = -ENODEV,
					  .reset = -EIO });
	waiter_add(&all, (struct waiter){ .name = "poll of an idle file", .wait = wait_poll, .fd = idle,
					  .gone = POLLHUP | POLLERR, .reset = 0,
					  .sleeps_on = w->stays });
	waiter_add(&all, (struct waiter){ .name = "poll of a queue's eventfd", .wait = wait_poll,
					  .fd = efd, .gone = POLLIN, .reset = POLLIN });
	waiters_add_queues(&all, idle);
	waiters_start(&all);
	start = now_ns();
	away(w);
	/* Counted from the request where the request is the kernel's own, else from the end. */
	limit = (w->asks_qemu ? now_ns() : start) + WAKE_MS * 1000000ULL;
	in_time = waiters_end(&all, w->stays, start, limit);
	queue_unmap(&q);
	close(fd);
	close(other);
	close(idle);
	close(efd);
	w->back();
	busy_end();
	return in_time;
}

static void waiting(const struct way *w)
{
	int i;

	for (i = 0; i < WAKE_ATTEMPTS && !waiting_once(w); i++)
		;
	CHECKF(i < WAKE_ATTEMPTS, "later than %u ms in %d attempts", WAKE_MS, WAKE_ATTEMPTS);
	device_is_whole();
}

/* --- DMA in flight ---------------------------------------------------------------------------- */

/* Transfers of every kind, into memory that can be watched. */
struct flight {
	int fd;
	struct busy b;
	struct queue q;
	struct area from, to;
	char *own;		/* pinned; NULL: cannot be */
	u32 own_window;
};

static struct flight flight_get(void)
{
	struct flight f = { .fd = dev_open(O_RDWR) };
	sqe_t d;

	busy_require();
	f.from = area_get(f.fd, MMAPDEMO_TECH_BAR, LEN, WINDOW_RW);
	f.to = area_get(f.fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW);
	memset(f.from.p, 0xd5, LEN);
	f.q = queue_get(f.fd, 6);
	if (pin_is_there(f.fd)) {
		u32 handle;

		f.own = anon_get(LEN);
		handle = buf_pin(f.fd, f.own, LEN, 0);
		if (window_try_create(f.fd, handle, WINDOW_RW, 0, LEN, &f.own_window))
			f.own_window = f.to.window;	/* bounced here */
	}
	f.b = busy_start(f.fd, MMAPDEMO_DMA_FROM_DEVICE);
	for (u32 i = 0; i < f.q.n; i++) {
		d = sqe_copy(f.own && i % 2 ? f.own_window : f.to.window, 0, f.from.window, 0, LEN);
		queue_push(&f.q, &d);
	}
	queue_kick(&f.q);
	sleep_ms(7);
	return f;
}

/* BAR0's user page, after the driver has let go of it, by way of /dev/mem; NULL: not to be had. */
static const volatile u64 *user_page_map(u64 bar0)
{
	int mem = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	void *p;

	if (mem < 0)
		return NULL;
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, mem, bar0 + MMAPDEMO_USER_BASE);
	close(mem);
	return p == MAP_FAILED ? NULL : p;
}

static u64 bar0_address(void)
{
	char path[96], line[96];

	CHECK_OK(file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource",
				dev_bus_id()), line, sizeof(line)));
	return strtoull(line, NULL, 16);
}

static u64 traffic(const volatile u64 *page)
{
	static const u32 regs[] = {
		MMAPDEMO_REG_CNT_DMA_OPS, MMAPDEMO_REG_CNT_DMA_FROM_DEV, MMAPDEMO_REG_CNT_Q_LOOKS,
		MMAPDEMO_REG_CNT_Q_DESCS, MMAPDEMO_REG_CNT_Q_BYTES,
	};
	u64 sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(regs); i++)
		sum += page[(regs[i] - MMAPDEMO_USER_BASE) / 8];
	return sum;
}

/* The device's own counters stand still, its memory is nobody else's, nor is ours written to. */
static void nothing_moves(struct flight *f, u64 bar0)
{
	const volatile u64 *page = bar0 ? user_page_map(bar0) : NULL;
	bool counts = page && *(const volatile u32 *)page == MMAPDEMO_ID;
	u64 before = counts ? traffic(page) : 0;
	char *anon = anon_get(4 * LEN);

	memset(anon, 0x3c, 4 * LEN);
	if (f->own)
		memset(f->own, 0x3c, LEN);
	sleep_ms(SETTLE_MS);
	if (counts)
		CHECK_EQ(traffic(page), before);
	else
		diag("the device's counters cannot be read now");
	CHECK_EQ(first_not(anon, 4 * LEN, 0x3c), 4 * LEN);
	if (f->own)
		CHECK_EQ(first_not(f->own, LEN, 0x3c), LEN);
	unmap(anon, 4 * LEN);
	/* It holds its cache type, UC-minus, which the driver would not get past. */
	if (page)
		unmap((void *)page, PAGE);
}

struct ended {
	u64 seq;
	int ret;
};

static int by_seq(const void *a, const void *b)
{
	u64 x = ((const struct ended *)a)->seq, y = ((const struct ended *)b)->seq;

	return x < y ? -1 : x > y;
}

/*
 * Each transfer has ended, the ones that were under way with an error; memory is quiet. They need
 * not end in their order: one whose bytes are taken from a bounce buffer ends after those that had
 * not begun.
 */
static void flight_was_reset(struct flight *f)
{
	struct ended *e = calloc(f->b.num, sizeof(*e));
	unsigned int failed = 0;

	CHECK(e);
	memset(f->to.p, 0x3c, LEN);
	if (f->own)
		memset(f->own, 0x3c, LEN);
	/* Their numbers are not known where others submit too. */
	for (u32 i = 0; i < f->b.num; i++) {
		struct mmapdemo_dma_wait w = { .seq = 0 };
		int ret = dma_wait(f->fd, &w);

		CHECKF(ret == -EIO || !ret, "transfer %u of %u ends with %s", i + 1, f->b.num,
		       errno_word(ret));
		CHECK(ret ? w.out_error != 0 : w.out_bytes == f->b.len);
		e[i] = (struct ended){ .seq = w.out_seq, .ret = ret };
	}
	qsort(e, f->b.num, sizeof(*e), by_seq);
	for (u32 i = 0; i < f->b.num; i++) {
		CHECK(i ? e[i].seq > e[i - 1].seq : e[i].seq > 0);
		CHECKF(e[i].ret || !failed, "%llu was done, %u before it were not",
		       (unsigned long long)e[i].seq, failed);
		failed += e[i].ret != 0;
	}
	free(e);
	CHECK(failed > 0);
	CHECK_EQ(queue_info(&f->q).out_reset, 1);
	sleep_ms(SETTLE_MS);
	CHECK_EQ(first_not(f->to.p, LEN, 0x3c), LEN);
	if (f->own)
		CHECK_EQ(first_not(f->own, LEN, 0x3c), LEN);
}

static void dma_in_flight(const struct way *w)
{
	u64 bar0 = w->asks_qemu ? 0 : bar0_address();
	struct flight f = flight_get();

	away(w);
	if (w->stays) {
		flight_was_reset(&f);
	} else {
		file_is_dead(f.fd);
		nothing_moves(&f, bar0);
	}
	w->back();
	busy_end();
	device_is_whole();
	if (w->stays)
		CHECK_OK(dma_copy(f.fd, MMAPDEMO_DMA_FROM_DEVICE, f.b.mem, 0, f.b.dev, 0, PAGE,
				  NULL));
	close(f.fd);
}

/* --- late close ------------------------------------------------------------------------------- */

/* All that the old file has goes when the device is at work for somebody else. */
static void late_close(const struct way *w)
{
	struct flight f = flight_get();
	struct holdings s = holdings_get(dev_open(O_RDWR));
	struct neighbour n;
	u64 free_before;

	away(w);
	w->back();
	busy_end();
	n = neighbour_get();
	free_before = info_get(n.fd).out_mem_free;
	neighbour_check(&n);
	holdings_drop(&s);
	neighbour_check(&n);
	close(f.fd);
	unmap(f.to.p, LEN);
	unmap(f.from.p, LEN);
	queue_unmap(&f.q);
	neighbour_check(&n);
	close(s.fd);
	neighbour_check(&n);
	/* What was another device's is not given to this one. */
	if (!w->stays)
		CHECK(info_get(n.fd).out_mem_free <= free_before);
	device_is_whole();
}

/* --- the matrix ------------------------------------------------------------------------------- */

static const struct state {
	const char *name;
	void (*run)(const struct way *w);
} states[] = {
	{ "closed", closed },
	{ "open", open_file },
	{ "mapped", mapped },
	{ "waiting", waiting },
	{ "dma", dma_in_flight },
	{ "late_close", late_close },
};

#define CELLS_MAX (7 * ARRAY_SIZE(states) * 2)

static struct cell {
	const struct way *way;
	const struct state *state;
	bool loaded;
} cells[CELLS_MAX];
static size_t num_cells;

static void cell_run(const void *arg)
{
	const struct cell *c = arg;
	struct load l;

	if (c->way->asks_qemu)
		qmp_require();
	if (c->loaded)
		l = load_start();
	c->state->run(c->way);
	if (c->loaded) {
		load_goes_on(&l);
		load_end(&l);
	}
}

static void way_add(const struct way *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(states); i++) {
		for (int loaded = 0; loaded < 2; loaded++) {
			struct cell *c = &cells[num_cells++];

			if (num_cells > CELLS_MAX)
				abort();
			*c = (struct cell){ w, &states[i], loaded };
			test_add(cell_run, c, 40000, "life_%s_%s_%s", w->name, states[i].name,
				 loaded ? "loaded" : "idle");
		}
	}
}

void register_lifetime_matrix(void)
{
	for (size_t i = 0; i < num_ways; i++)
		way_add(&ways[i]);
	for (size_t i = 0; i < num_resets; i++)
		way_add(&resets[i]);
}
