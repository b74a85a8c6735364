// SPDX-License-Identifier: MIT
/*
 * lifetime.c - the device goes away, by each way there is, under each state a process can be in:
 * removal is quick, DMA is over, mappings are taken away, waiters wake, an open file stays and says
 * ENODEV, and the device that comes back is a whole one.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "lifetime.h"
#include "queue.h"
#include "subject.h"

#define REMOVE_MS	2000	/* the promise */
#define WAKE_MS		100	/* the promise */
#define PAGES		4
#define RW		(PROT_READ | PROT_WRITE)

const struct way ways[] = {
	{ "unbind", driver_unbind, driver_bind, false, false },
	{ "remove", pci_remove, pci_rescan, false, false },
	{ "device_del", qemu_device_del, qemu_device_add, true, false },
};

const size_t num_ways = ARRAY_SIZE(ways);

static void is_back(void)
{
}

const struct way resets[] = {
	{ "flr", function_reset, is_back, false, true },
	{ "own_reset", driver_reset, is_back, false, true },
	{ "bus_error", bus_error_nonfatal, is_back, true, true },
	{ "fatal_bus_error", bus_error_fatal, is_back, true, true },
};

const size_t num_resets = ARRAY_SIZE(resets);

void away(const struct way *w)
{
	unsigned int ms = w->away();

	diag("%s took %u ms", w->name, ms);
	/* Hot-unplug is a conversation of QEMU, firmware tables and the guest: its time is not ours. */
	if (!w->asks_qemu)
		CHECKF(ms < promise_ms(REMOVE_MS), "%s took %u ms, promised %u", w->name, ms,
		       promise_ms(REMOVE_MS));
}

/* An open file of a device that is gone: every call says so, and nothing else happens. */
void file_is_dead(int fd)
{
	static const u64 offsets[] = { 0, 1ULL << 36, 1ULL << 40 };
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct mmapdemo_info info = { .size = sizeof(info) };
	struct mmapdemo_region_info r;
	struct mmapdemo_dma_submit s = { .direction = 1, .len = 8 };
	struct mmapdemo_dma_wait w = { .deadline_ns = now_ns() + DMA_LIMIT_NS };
	struct mmapdemo_buf_alloc a;
	struct mmapdemo_buf_info b;
	struct mmapdemo_queue_create qc;
	struct mmapdemo_queue_info qi;
	u32 window;
	bool read_only = (CHECK_SYS(fcntl(fd, F_GETFL)) & O_ACCMODE) == O_RDONLY;
	u64 value;

	CHECK_RET(call(fd, MMAPDEMO_IOC_INFO, &info), -ENODEV);
	CHECK_RET(region_info(fd, MMAPDEMO_REGION_EXAMPLE, &r), -ENODEV);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, 0, 0, PAGE, &a), -ENODEV);
	CHECK_RET(buf_free(fd, 5), -ENODEV);
	CHECK_RET(buf_try_info(fd, 5, &b), -ENODEV);
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_WC), -ENODEV);
	CHECK_RET(reg_try_read(fd, MMAPDEMO_REG_ID, 4, &value), -ENODEV);
	CHECK_RET(reg_try_write(fd, MMAPDEMO_REG_SCRATCH32, 4, 0), -ENODEV);
	CHECK_RET(dma_submit(fd, &s), -ENODEV);
	CHECK_RET(dma_wait(fd, &w), -ENODEV);
	w = (struct mmapdemo_dma_wait){ 0 };
	CHECK_RET(dma_wait(fd, &w), -ENODEV);
	CHECK_RET(eventfd_set(fd, -1), -ENODEV);
	CHECK_RET(queue_try_create(fd, 3, -1, &qc), -ENODEV);
	CHECK_RET(queue_try_info(fd, 1, &qi), -ENODEV);
	CHECK_RET(queue_destroy(fd, 1), -ENODEV);
	CHECK_RET(window_try_create(fd, 1, WINDOW_RW, 0, 8, &window), -ENODEV);
	CHECK_RET(window_destroy(fd, 0), -ENODEV);
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, offsets[i], NULL), -ENODEV);
		CHECK_EQ(pread(fd, &value, 8, offsets[i]), -1);
		CHECK_EQ(errno, ENODEV);
		/* A file that is not open for writing is the core's to refuse. */
		CHECK_EQ(pwrite(fd, &value, 8, offsets[i]), -1);
		CHECK(errno == ENODEV || (errno == EBADF && read_only));
	}
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents & (POLLHUP | POLLERR), POLLHUP | POLLERR);
}

/* --- closed, open --------------------------------------------------------------------------------- */

static void with_nothing_open_comes_back(const void *arg)
{
	const struct way *w = arg;

	if (w->asks_qemu)
		qmp_require();
	for (int i = 0; i < 3; i++) {
		away(w);
		w->back();
		CHECK_OK(dma_copy(dev_open(O_RDWR), MMAPDEMO_DMA_TO_DEVICE, HANDLE_NONE, 0, 0, 0, 1,
				  NULL) == -ENOENT ? 0 : -EIO);
	}
}

static void with_a_file_open_says_enodev(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR), ro = dev_open(O_RDONLY), fresh;
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	struct mmapdemo_buf_info b;

	if (w->asks_qemu)
		qmp_require();
	away(w);
	file_is_dead(fd);
	file_is_dead(ro);
	CHECK_RET(buf_try_info(fd, handle, &b), -ENODEV);
	w->back();
	/* For ever: also when a device is there again. */
	file_is_dead(fd);
	fresh = dev_open(O_RDWR);
	CHECK_EQ(info_get(fresh).out_mem_free, info_get(fresh).out_mem_size);
	close(fd);
	close(ro);
	CHECK_OK(region_info(fresh, MMAPDEMO_REGION_EXAMPLE, &(struct mmapdemo_region_info){ 0 }));
}

static void with_an_exclusive_file_open_is_free_again(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR | O_EXCL), fresh;

	if (w->asks_qemu)
		qmp_require();
	away(w);
	w->back();
	file_is_dead(fd);
	/* The exclusive opener was of the old one. */
	fresh = dev_open(O_RDWR | O_EXCL);
	CHECK(info_get(fresh).out_state & MMAPDEMO_STATE_EXCLUSIVE);
}

/* --- mapped ------------------------------------------------------------------------------------------ */

struct mapped {
	const struct subject *s;
	char *p;
	u64 len;
};

static void every_touch_is_sigbus(const struct mapped *m, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (u64 off = 0; off < m[i].len; off += PAGE) {
			int sig;

			if (pagemap_present(m[i].p + off))
				FAIL("%s, page %llu: still in the page table", m[i].s->name,
				     (unsigned long long)(off / PAGE));
			sig = touch_read(m[i].p + off, NULL);
			if (sig != SIGBUS)
				FAIL("%s, page %llu: reading gives signal %d, wanted SIGBUS",
				     m[i].s->name, (unsigned long long)(off / PAGE), sig);
			sig = touch_write(m[i].p + off, 1);
			if (sig != SIGBUS)
				FAIL("%s, page %llu: writing gives signal %d, wanted SIGBUS",
				     m[i].s->name, (unsigned long long)(off / PAGE), sig);
		}
	}
}

/* Everything that can be mapped beside other openers, each page touched. */
static size_t map_everything(int fd, struct mapped *m, size_t max)
{
	size_t n = 0;

	for (size_t i = 0; i < num_subjects && n < max; i++) {
		const struct subject *s = &subjects[i];
		struct object o;

		if (s->flags & (SUBJ_EXCL | SUBJ_RAW | SUBJ_BAR_TYPE))
			continue;
		if (!subject_is_there(s, fd, NULL))
			continue;
		o = object_get_in(s, fd, PAGES);
		object_tag(&o);
		m[n] = (struct mapped){ s, object_map(&o), o.len };
		for (u64 k = 0; k < object_live_pages(&o); k++)
			object_verify_page(&o, m[n].p + k * PAGE, k);
		n++;
	}
	return n;
}

static void with_everything_mapped_touch_is_sigbus(const void *arg)
{
	const struct way *w = arg;
	struct gate ready, gone, over;
	struct mapped m[16];
	int fd = dev_open(O_RDWR), fresh;
	char *moved;
	pid_t pid;
	size_t n;

	if (w->asks_qemu)
		qmp_require();
	gate_init(&ready);
	gate_init(&gone);
	gate_init(&over);
	n = map_everything(fd, m, ARRAY_SIZE(m));
	CHECK(n >= 5);
	/* A second process, and in it one mapping that is split and moved. */
	pid = child_fork();
	if (!pid) {
		struct mapped c[16];
		size_t k = map_everything(fd, c, ARRAY_SIZE(c));

		gate_open(&ready);
		gate_pass(&gone);
		every_touch_is_sigbus(c, k);
		gate_open(&over);
		gate_pass(&gone);
		every_touch_is_sigbus(c, k);
		child_exit();
	}
	gate_pass(&ready);
	moved = map_reserve(PAGE);
	unmap(m[0].p + PAGE, PAGE);
	CHECK_SYS(mremap(m[0].p + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, moved));
	away(w);
	CHECK_EQ(touch_read(moved, NULL), SIGBUS);
	CHECK_EQ(touch_read(m[0].p, NULL), SIGBUS);
	CHECK_EQ(touch_read(m[0].p + 3 * PAGE, NULL), SIGBUS);
	every_touch_is_sigbus(m + 1, n - 1);
	gate_open(&gone);
	gate_pass(&over);
	w->back();
	every_touch_is_sigbus(m + 1, n - 1);
	gate_open(&gone);
	child_wait(pid, 8000);
	/* What is left is address space, which can be handled as any other. */
	CHECK_EQ(mprotect(m[1].p, PAGE, PROT_READ), 0);
	CHECK_EQ(touch_read(m[1].p, NULL), SIGBUS);
	fresh = dev_open(O_RDWR);
	CHECK_SYS(mmap(m[1].p, PAGE, RW, MAP_SHARED | MAP_FIXED, fresh, 0));
	CHECK_EQ(touch_read(m[1].p, NULL), 0);
	for (size_t i = 2; i < n; i++)
		unmap(m[i].p, m[i].len);
	close(fd);
}

/* Never touched before it went: the first touch comes too late. */
static void with_untouched_mappings_touch_is_sigbus(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGES * PAGE);
	char *p = map_rw(fd, a.out_len, a.out_offset);

	if (w->asks_qemu)
		qmp_require();
	away(w);
	CHECK_EQ(touch_read(p, NULL), SIGBUS);
	w->back();
	CHECK_EQ(touch_write(p + PAGE, 1), SIGBUS);
}

static void with_the_file_closed_and_mapped_touch_is_sigbus(const void *arg)
{
	const struct way *w = arg;
	struct mapped m[16];
	int fd = dev_open(O_RDWR);
	size_t n = map_everything(fd, m, ARRAY_SIZE(m));

	if (w->asks_qemu)
		qmp_require();
	close(fd);
	away(w);
	every_touch_is_sigbus(m, n);
	w->back();
	every_touch_is_sigbus(m, n);
}

struct touch_job {
	char *p;
	volatile u32 touches;
	volatile bool over;
};

static void *toucher(void *arg)
{
	struct touch_job *j = arg;
	int sig;

	do {
		sig = touch_read(j->p, NULL);
		j->touches++;
	} while (!sig);
	CHECK_EQ(sig, SIGBUS);
	j->over = true;
	return NULL;
}

/* Two threads that touch all the time, one of them pages that come at the first touch. */
static void under_constant_touching_ends_in_sigbus(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc v = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	struct touch_job jobs[2] = {
		{ .p = map_rw(fd, PAGE, v.out_offset) }, { .p = map_rw(fd, PAGE, r.out_offset) },
	};
	pthread_t t[2];
	u64 end;

	if (w->asks_qemu)
		qmp_require();
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, toucher, &jobs[i]));
	while (!jobs[0].touches || !jobs[1].touches)
		sleep_ms(1);
	away(w);
	end = now_ns() + 1000000000;
	while (!jobs[0].over || !jobs[1].over)
		CHECKF(now_ns() < end, "a mapping can still be read");
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	w->back();
}

/* --- waiting ------------------------------------------------------------------------------------------- */

struct wait_job {
	int fd;
	u64 seq;
	volatile bool waiting;
	int ret, revents;
	u64 woken;
};

static void *dma_waiter(void *arg)
{
	struct wait_job *j = arg;
	struct mmapdemo_dma_wait w = { .seq = j->seq, .deadline_ns = now_ns() + 4 * DMA_LIMIT_NS };

	j->waiting = true;
	j->ret = dma_wait(j->fd, &w);
	j->woken = now_ns();
	return NULL;
}

static void *poll_waiter(void *arg)
{
	struct wait_job *j = arg;
	struct pollfd p = { .fd = j->fd, .events = POLLIN };

	j->waiting = true;
	j->ret = poll(&p, 1, 20000);
	j->revents = p.revents;
	j->woken = now_ns();
	return NULL;
}

/* Have all woken within the promised time? Says for each when it did. */
static bool woken_in_time(const struct wait_job *jobs, int n, u64 start, u64 limit)
{
	bool in_time = true;

	for (int i = 0; i < n; i++) {
		diag("waiter %d woke %lld ms after the request", i,
		     (long long)(jobs[i].woken - start) / 1000000);
		in_time = in_time && jobs[i].woken < limit;
	}
	return in_time;
}

static bool waiters_wake_once(const struct way *w)
{
	int fd = dev_open(O_RDWR), idle = dev_open(O_RDWR);
	struct wait_job jobs[3] = { { .fd = fd }, { .fd = fd }, { .fd = idle } };
	u64 start, limit;
	pthread_t t[3];

	jobs[0].seq = busy_start(fd, MMAPDEMO_DMA_TO_DEVICE).last;
	jobs[1].seq = jobs[0].seq - 1;
	CHECK(!pthread_create(&t[0], NULL, dma_waiter, &jobs[0]));
	CHECK(!pthread_create(&t[1], NULL, dma_waiter, &jobs[1]));
	CHECK(!pthread_create(&t[2], NULL, poll_waiter, &jobs[2]));
	while (!jobs[0].waiting || !jobs[1].waiting || !jobs[2].waiting)
		sleep_ms(1);
	sleep_ms(10);
	start = now_ns();
	away(w);
	/* Counted from the request where the request is the kernel's own, else from the end. */
	limit = (w->asks_qemu ? now_ns() : start) + WAKE_MS * 1000000ULL;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_RET(jobs[0].ret, -ENODEV);
	CHECK_RET(jobs[1].ret, -ENODEV);
	CHECK_EQ(jobs[2].ret, 1);
	CHECK_EQ(jobs[2].revents & (POLLHUP | POLLERR), POLLHUP | POLLERR);
	w->back();
	close(fd);
	close(idle);
	return woken_in_time(jobs, 3, start, limit);
}

static bool pollers_wake_once(const struct way *w)
{
	struct wait_job jobs[2] = { { .fd = dev_open(O_RDWR) }, { .fd = dev_open(O_RDONLY) } };
	u64 start, limit;
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, poll_waiter, &jobs[i]));
	while (!jobs[0].waiting || !jobs[1].waiting)
		sleep_ms(1);
	sleep_ms(10);
	start = now_ns();
	away(w);
	limit = (w->asks_qemu ? now_ns() : start) + WAKE_MS * 1000000ULL;
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
		CHECK_EQ(jobs[i].ret, 1);
		CHECK_EQ(jobs[i].revents & (POLLHUP | POLLERR), POLLHUP | POLLERR);
		close(jobs[i].fd);
	}
	w->back();
	return woken_in_time(jobs, 2, start, limit);
}

/*
 * Late once is the emulator's host at other work; late every time is the driver. Everything but the
 * time must be right every time.
 */
#define WAKE_ATTEMPTS 3

static void with_waiters_wakes_them_with_enodev(const void *arg)
{
	const struct way *w = arg;
	int i;

	if (w->asks_qemu)
		qmp_require();
	for (i = 0; i < WAKE_ATTEMPTS && !waiters_wake_once(w); i++)
		;
	CHECKF(i < WAKE_ATTEMPTS, "later than %u ms in %d attempts", WAKE_MS, WAKE_ATTEMPTS);
}

static void with_pollers_wakes_them(const void *arg)
{
	const struct way *w = arg;
	int i;

	if (w->asks_qemu)
		qmp_require();
	for (i = 0; i < WAKE_ATTEMPTS && !pollers_wake_once(w); i++)
		;
	CHECKF(i < WAKE_ATTEMPTS, "later than %u ms in %d attempts", WAKE_MS, WAKE_ATTEMPTS);
}

/* --- transfers ------------------------------------------------------------------------------------------ */

static void with_transfers_running_moves_nothing_afterwards(const void *arg)
{
	const u64 len = 96 * 1024 * 1024;
	const struct way *w = arg;
	int fd = dev_open(O_RDWR);
	char *anon;
	size_t at;

	if (w->asks_qemu)
		qmp_require();
	/* Into memory, from device memory full of a pattern that would show anywhere. */
	busy_start(fd, MMAPDEMO_DMA_FROM_DEVICE);
	away(w);
	file_is_dead(fd);
	close(fd);
	/* The buffer's pages are free now: whoever gets them must not be written to. */
	anon = CHECK_SYS(mmap(NULL, len, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
	memset(anon, 0x3c, len);
	sleep_ms(200);
	at = first_not(anon, len, 0x3c);
	CHECKF(at == len, "byte %#zx was written after the device went", at);
	unmap(anon, len);
	w->back();
}

/* --- mmap(2) meanwhile ---------------------------------------------------------------------------------- */

struct mapper {
	int fd;
	u64 offset;
	volatile bool over;
};

/*
 * Of what the driver itself lets go of, in the end, while the core still asks it where a mapping
 * should be: also after the first refusal.
 */
static void *mapper(void *arg)
{
	struct mapper *m = arg;

	while (!m->over) {
		void *p;
		int ret = map_try(m->fd, PAGE, PROT_READ, MAP_SHARED, m->offset, &p);

		if (!ret)
			unmap(p, PAGE);
		else
			CHECK_RET(ret, -ENODEV);
	}
	return NULL;
}

static void while_regions_are_mapped_says_enodev(const void *arg)
{
	const struct way *w = arg;

	if (w->asks_qemu)
		qmp_require();
	for (int i = 0; i < 10; i++) {
		int fd = dev_open(O_RDWR);
		u64 user_page = region_get(fd, MMAPDEMO_REGION_USER_PAGE).out_offset;
		struct mapper m[2] = { { .fd = fd }, { .fd = fd, .offset = user_page } };
		pthread_t t[2];

		for (int k = 0; k < 2; k++)
			CHECK(!pthread_create(&t[k], NULL, mapper, &m[k]));
		sleep_ms(5);
		away(w);
		for (int k = 0; k < 2; k++) {
			m[k].over = true;
			pthread_join(t[k], NULL);
			CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, m[k].offset, NULL),
				  -ENODEV);
		}
		close(fd);
		w->back();
	}
}

/* Everything at once, and the old file and mappings go when the new device is at work. */
static void late_close_leaves_the_new_device_alone(const void *arg)
{
	const struct way *w = arg;
	int fd = dev_open(O_RDWR), fresh;
	struct mapped m[16];
	size_t n;
	u32 mem, dev;

	if (w->asks_qemu)
		qmp_require();
	n = map_everything(fd, m, ARRAY_SIZE(m));
	busy_start(fd, MMAPDEMO_DMA_TO_DEVICE);
	away(w);
	w->back();
	fresh = dev_open(O_RDWR);
	mem = buf_alloc(fresh, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	dev = buf_alloc(fresh, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	CHECK_OK(dma_copy(fresh, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, PAGE, NULL));
	unmap(m[0].p, m[0].len);
	close(fd);
	for (size_t i = 1; i < n; i++)
		unmap(m[i].p, m[i].len);
	CHECK_OK(dma_copy(fresh, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, PAGE, NULL));
	CHECK_EQ(info_get(fresh).out_mem_free, info_get(fresh).out_mem_size - PAGE);
}

/* --- opening all the time ------------------------------------------------------------------------------- */

static volatile bool race_over;

static void *opener(void *arg)
{
	u32 *opened = arg;

	while (!race_over) {
		struct mmapdemo_buf_alloc a;
		void *p = NULL;
		char node[64];
		int fd, ret;

		if (!dev_node_find(node, sizeof(node)))
			continue;
		fd = open(node, O_RDWR | O_CLOEXEC);
		if (fd < 0) {
			/* ENXIO: the core found the node's device number without an owner. */
			if (errno != ENOENT && errno != ENODEV && errno != ENXIO)
				FAIL("open in a race with removal: %m");
			continue;
		}
		(*opened)++;
		ret = buf_try_alloc(fd, MMAPDEMO_TECH_BAR + *opened % 4, 0, 0, PAGE, &a);
		if (!ret)
			ret = map_try(fd, PAGE, RW, MAP_SHARED, a.out_offset, &p);
		if (!ret) {
			int sig = touch_write(p, 1);

			CHECK(!sig || sig == SIGBUS);
			unmap(p, PAGE);
		}
		if (ret && ret != -ENODEV)
			FAIL("call in a race with removal: %s", errno_word(ret));
		close(fd);
	}
	return NULL;
}

static void under_constant_opening_is_survived(const void *arg)
{
	const struct way *w = arg;
	u32 opened[2] = { 0 };
	pthread_t t[2];

	if (w->asks_qemu)
		qmp_require();
	race_over = false;
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&t[i], NULL, opener, &opened[i]));
	for (int i = 0; i < (w->away == driver_unbind ? 8 : 3); i++) {
		away(w);
		w->back();
		sleep_ms(5);
	}
	race_over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	diag("%u opens", opened[0] + opened[1]);
	CHECK(opened[0] + opened[1] > 0);
}

static void way_add(test_fn fn, const char *what)
{
	for (size_t i = 0; i < num_ways; i++)
		test_add(fn, &ways[i], 30000, "%s_%s", ways[i].name, what);
}

void register_lifetime(void)
{
	way_add(with_nothing_open_comes_back, "with_nothing_open_comes_back");
	way_add(with_a_file_open_says_enodev, "with_a_file_open_says_enodev");
	way_add(with_an_exclusive_file_open_is_free_again,
		"with_an_exclusive_file_open_is_free_again");
	way_add(with_everything_mapped_touch_is_sigbus, "with_everything_mapped_touch_is_sigbus");
	way_add(with_untouched_mappings_touch_is_sigbus,
		"with_untouched_mappings_touch_is_sigbus");
	way_add(with_the_file_closed_and_mapped_touch_is_sigbus,
		"with_the_file_closed_and_mapped_touch_is_sigbus");
	way_add(under_constant_touching_ends_in_sigbus, "under_constant_touching_ends_in_sigbus");
	way_add(with_pollers_wakes_them, "with_pollers_wakes_them");
	way_add(with_waiters_wakes_them_with_enodev, "with_waiters_wakes_them_with_enodev");
	way_add(with_transfers_running_moves_nothing_afterwards,
		"with_transfers_running_moves_nothing_afterwards");
	way_add(while_regions_are_mapped_says_enodev, "while_regions_are_mapped_says_enodev");
	way_add(late_close_leaves_the_new_device_alone, "late_close_leaves_the_new_device_alone");
	way_add(under_constant_opening_is_survived, "under_constant_opening_is_survived");
}
