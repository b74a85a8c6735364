// SPDX-License-Identifier: MIT
/*
 * leak.c - the same thing done thousands of times: the kernel's memory must be what it was. This
 * finds what no count of the driver's own shows, since the driver has forgotten it. A hundred times
 * or two on a kernel that notices bugs: each is twenty times as long there, and kmemleak looks for
 * the same.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "machine.h"
#include "queue.h"
#include "subject.h"

#define WARM_UP		300
#define SETTLE_MS	4000
#define ROUNDS		3
#define TIMES_CHECKED	150	/* enough for a leak to be more than what else goes on */
#define BUF_LEN		(8 * PAGE)

#define MAX_CACHES	400

struct usage {
	long kb;		/* of pages that are neither free nor the slab caches' */
	long objects;		/* of all caches below */
	size_t num;
	struct {
		char name[40];
		long active;
	} cache[MAX_CACHES];
};

/* The sum of a field over all its lines. */
static long field_sum(const char *path, const char *field)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long sum = 0, value;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		const char *p = line + strspn(line, " ");

		if (!strncmp(p, field, strlen(field)) &&
		    sscanf(p + strlen(field), "%ld", &value) == 1)
			sum += value;
	}
	fclose(f);
	return sum;
}

static void usage_get(struct usage *u)
{
	FILE *f = fopen("/proc/slabinfo", "re");
	char line[512];

	CHECK(f);
	u->objects = 0;
	u->num = 0;
	while (fgets(line, sizeof(line), f) && u->num < MAX_CACHES) {
		if (sscanf(line, "%39s %ld", u->cache[u->num].name, &u->cache[u->num].active) != 2)
			continue;
		/* Address space of vmalloc() is taken back by the thousand; its pages are not. */
		if (!strcmp(u->cache[u->num].name, "vmap_area"))
			continue;
		/* Of each object that is counted below, and of those. */
		if (!strncmp(u->cache[u->num].name, "kmemleak_", strlen("kmemleak_")))
			continue;
		u->objects += u->cache[u->num].active;
		u->num++;
	}
	fclose(f);
	/* Free pages that a processor keeps at hand are not counted as free. */
	u->kb = field_sum("/proc/meminfo", "MemTotal:") - field_sum("/proc/meminfo", "MemFree:") -
		field_sum("/proc/meminfo", "Slab:") -
		field_sum("/proc/zoneinfo", "count:") * (long)(PAGE / 1024);
}

static void growth_tell(const struct usage *a, const struct usage *b)
{
	for (size_t i = 0; i < a->num && i < b->num; i++) {
		if (b->cache[i].active - a->cache[i].active > 20)
			diag("%s: %ld objects more", b->cache[i].name,
			     b->cache[i].active - a->cache[i].active);
	}
}

/*
 * What was freed is not given back at once: a processor keeps slabs at hand, and KASAN keeps objects
 * from being used again, megabytes of them, all of which count as in use, and pages that tell of the
 * address space of vmalloc(), as long as that is not taken back. A change of a page's cache type has
 * the kernel do so.
 */
static void growth_shrink(const struct usage *a, const struct usage *b)
{
	struct mmapdemo_buf_alloc typed;
	char path[96];
	int fd = dev_open(O_RDWR);

	if (!buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, MMAPDEMO_CACHE_UC, 0, PAGE, &typed))
		CHECK_OK(buf_free(fd, typed.out_handle));
	close(fd);
	for (size_t i = 0; i < a->num && i < b->num; i++) {
		if (b->cache[i].active - a->cache[i].active > 20)
			file_try_write(strf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
					    b->cache[i].name), "1");
	}
}

struct op {
	const char *name;
	void (*once)(int fd);
	unsigned int times;
	bool opens;		/* wants no file of the test */
};

static struct usage before, after;

static unsigned int times_of(const struct op *op)
{
	return kernel_notices_bugs() && op->times > TIMES_CHECKED ? TIMES_CHECKED : op->times;
}

/*
 * Leaks are seen from this many objects or pages for each time. Given time to calm down: caches of
 * the kernel come and go meanwhile.
 */
static bool leaves_some(const struct op *op, int fd, double objects, double pages)
{
	long most_objects = times_of(op) * objects, most_kb = times_of(op) * pages * PAGE / 1024;
	u64 end;

	usage_get(&before);
	for (unsigned int i = 0; i < times_of(op); i++)
		op->once(fd);
	end = now_ns() + SETTLE_MS * 1000000ULL;
	do {
		sleep_ms(20);
		usage_get(&after);
		if (after.objects - before.objects < most_objects &&
		    after.kb - before.kb < most_kb)
			return false;
		growth_shrink(&before, &after);
	} while (now_ns() < end);
	growth_tell(&before, &after);
	return true;
}

/*
 * What is lost each time is lost in every round. What the kernel's other work leaves in a round
 * (slabs count as in use as long as a processor has them at hand) is not there in the next.
 */
static void measure(const struct op *op, int fd, unsigned int warm_up, double objects, double pages)
{
	for (unsigned int i = 0; i < warm_up; i++)
		op->once(fd);
	sleep_ms(50);
	for (int round = 0; round < ROUNDS; round++) {
		if (!leaves_some(op, fd, objects, pages))
			return;
	}
	FAIL("%u times leave %ld slab objects and %ld KiB of pages behind", times_of(op),
	     after.objects - before.objects, after.kb - before.kb);
}

static void leaves_no_memory_behind(const void *arg)
{
	const struct op *op = arg;

	unsigned int times = times_of(op);

	measure(op, op->opens ? -1 : dev_open(O_RDWR), times < WARM_UP ? times : WARM_UP, 0.5, 0.5);
}

/* The driver's memory for a device is many objects, so that even one each time is found. */
static void binding_leaves_no_memory_behind(const void *arg)
{
	measure(arg, -1, 20, 3, 3);
}

/* --- what is done --------------------------------------------------------------------------------- */

static void open_close(int fd)
{
	(void)fd;
	close(dev_open(O_RDWR));
}

static void open_exclusive_close(int fd)
{
	(void)fd;
	close(dev_open(O_RDWR | O_EXCL));
}

static void open_refused(int fd)
{
	int excl = dev_open(O_RDWR | O_EXCL);

	(void)fd;
	dev_try_open(O_RDWR);
	close(excl);
}

/* What BUF_ALLOC gives in this length. */
static const u32 techniques[] = {
	MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_PAGES, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
	MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_NONCONTIG,
};

static void alloc_free(int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++)
		CHECK_OK(buf_free(fd, buf_alloc(fd, techniques[i], BUF_LEN).out_handle));
}

/* What a file has is dropped with it. */
static void alloc_close(int fd)
{
	fd = dev_open(O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++)
		buf_alloc(fd, techniques[i], BUF_LEN);
	close(fd);
}

static void alloc_refused(int fd)
{
	struct mmapdemo_buf_alloc a;

	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, 0, 0, 1ULL << 40, &a), -EINVAL);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, info_get(fd).out_max_bytes + 1,
				&a), -EDQUOT);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_CACHE_WC, 0, PAGE, &a),
		  -EOPNOTSUPP);
}

static void map_unmap(int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++) {
		struct mmapdemo_buf_alloc a;
		char *p;

		if (techniques[i] == MMAPDEMO_TECH_COHERENT && dev_is_prepare())
			continue;
		a = buf_alloc(fd, techniques[i], BUF_LEN);
		p = map_rw(fd, BUF_LEN, a.out_offset);
		p[PAGE] = 1;
		unmap(p + PAGE, PAGE);
		CHECK_OK(buf_free(fd, a.out_handle));
		unmap(p, BUF_LEN);
	}
}

static void map_refused(int fd)
{
	CHECK_RET(map_try(fd, 5 * PAGE, PROT_READ, MAP_SHARED, 0, NULL), -EINVAL);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, NULL), -EINVAL);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0, NULL), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, 1ULL << 60, NULL), -ENOENT);
}

static void fork_with_mappings(int fd)
{
	static char *p;
	pid_t pid;

	if (!p)
		p = map_rw(fd, 4 * PAGE, 0);
	pid = child_fork();
	if (!pid) {
		void *q = map_rw(fd, PAGE, 0);

		(void)q;
		child_exit();
	}
	child_wait(pid, 5000);
}

static u32 copy_mem, copy_dev;

static void copy_setup(int fd)
{
	if (copy_mem)
		return;
	copy_mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	copy_dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
}

static void copy(int fd)
{
	copy_setup(fd);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, copy_mem, 0, copy_dev, 0, PAGE, NULL));
}

static void copy_refused(int fd)
{
	copy_setup(fd);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, copy_mem, 0, copy_dev, 0, 2 * PAGE, NULL),
		  -EINVAL);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, copy_mem, 0, copy_mem, 0, 8, NULL),
		  -EINVAL);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, copy_mem, 0, HANDLE_NONE, 0, 8, NULL),
		  -ENOENT);
	CHECK_RET(dma_collect(fd, 1ULL << 60, NULL), -ENOENT);
}

/* First use of each buffer: its bus addresses are made and taken away. */
static void copy_once_per_buffer(int fd)
{
	for (u32 t = MMAPDEMO_TECH_PAGES; t <= MMAPDEMO_TECH_COHERENT; t++) {
		u32 mem = buf_alloc(fd, t, BUF_LEN).out_handle;
		u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, BUF_LEN).out_handle;

		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, BUF_LEN, NULL));
		CHECK_OK(buf_free(fd, mem));
		CHECK_OK(buf_free(fd, dev));
	}
}

/* Submitted, never collected, and the file closed. */
static void copy_and_close(int fd)
{
	struct mmapdemo_dma_submit s = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = PAGE };

	fd = dev_open(O_RDWR);
	s.mem_handle = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE).out_handle;
	s.dev_handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	for (int i = 0; i < 4; i++)
		CHECK_OK(dma_submit(fd, &s));
	close(fd);
}

static void eventfd_set_and_close(int fd)
{
	int a = CHECK_SYS(eventfd(0, EFD_CLOEXEC)), b = CHECK_SYS(eventfd(0, EFD_CLOEXEC));

	fd = dev_open(O_RDWR);
	CHECK_OK(eventfd_set(fd, a));
	CHECK_OK(eventfd_set(fd, b));
	CHECK_RET(eventfd_set(fd, fd), -EINVAL);
	close(a);
	close(b);
	close(fd);
}

static void queue_create_destroy(int fd)
{
	struct queue q = queue_get(fd, 4);

	*q.doorbell = 0;
	queue_put(&q);
}

/* Destroyed under its mappings, and they are let go later. */
static void queue_destroy_mapped(int fd)
{
	struct queue q = queue_get(fd, 6);

	CHECK_OK(queue_destroy(fd, q.c.out_queue));
	queue_unmap(&q);
}

/* All that a file can have, dropped with it. */
static void queue_and_windows_and_close(int fd)
{
	struct queue q;

	fd = dev_open(O_RDWR);
	q = queue_get_event(fd, 3, CHECK_SYS(eventfd(0, EFD_CLOEXEC)), 0, 0);
	for (u32 t = MMAPDEMO_TECH_BAR; t <= MMAPDEMO_TECH_COHERENT; t++) {
		u32 handle = buf_alloc(fd, t, BUF_LEN).out_handle;

		if (window_is_refused_here(t))
			continue;
		window_get(fd, handle, WINDOW_RW, 0, BUF_LEN);
		window_get(fd, handle, WINDOW_RW, 5, BUF_LEN - 5);
		CHECK_OK(buf_free(fd, handle));
	}
	close(q.c.eventfd);
	queue_unmap(&q);
	close(fd);
}

static void window_create_destroy(int fd)
{
	static u32 handles[4];

	for (u32 i = 0; i < 4; i++) {
		if (!handles[i])
			handles[i] = buf_alloc(fd, MMAPDEMO_TECH_BAR + i, BUF_LEN).out_handle;
		if (!window_is_refused_here(MMAPDEMO_TECH_BAR + i))
			CHECK_OK(window_destroy(fd, window_get(fd, handles[i], WINDOW_RW, 3,
							       PAGE)));
	}
}

/* One long enough for lists of lists, made and mapped for the device each time. */
static void window_of_many_pages(int fd)
{
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, 600 * PAGE).out_handle, window;
	int ret = window_try_create(fd, handle, WINDOW_RW, 0, 600 * PAGE, &window);

	if (!ret)
		CHECK_OK(window_destroy(fd, window));
	else
		CHECK_RET(ret, -EOPNOTSUPP);
	CHECK_OK(buf_free(fd, handle));
}

static void queue_and_window_refused(int fd)
{
	struct mmapdemo_queue_create c;
	u32 window, handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;

	CHECK_RET(queue_try_create(fd, 31, -1, &c), -EINVAL);
	CHECK_RET(queue_try_create(fd, 3, fd, &c), -EINVAL);
	CHECK_RET(queue_try_create(fd, 3, 999, &c), -EBADF);
	CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 1, PAGE, &window), -EINVAL);
	CHECK_RET(window_try_create(fd, HANDLE_NONE, WINDOW_RW, 0, PAGE, &window), -ENOENT);
	CHECK_OK(buf_free(fd, handle));
}

static void read_write(int fd)
{
	void *volatile nowhere = (void *)8;
	char buf[2 * PAGE];

	CHECK_EQ(pread(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK_EQ(pread(fd, buf, 1, 1ULL << 60), -1);
	CHECK_EQ(pread(fd, nowhere, PAGE, 0), -1);
}

static void bind_unbind(int fd)
{
	(void)fd;
	driver_unbind();
	driver_bind();
}

/* The old file and its mapping are let go when the device is another. */
static void bind_unbind_with_late_close(int fd)
{
	void *p;

	fd = dev_open(O_RDWR);
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	p = map_rw(fd, BUF_LEN, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, BUF_LEN).out_offset);
	*(char *)p = 1;
	driver_unbind();
	driver_bind();
	unmap(p, BUF_LEN);
	close(fd);
}

static const struct op ops[] = {
	{ "open_close", open_close, 3000, true },
	{ "open_exclusive_close", open_exclusive_close, 3000, true },
	{ "open_refused", open_refused, 3000, true },
	{ "alloc_free", alloc_free, 2000, false },
	{ "alloc_close", alloc_close, 2000, true },
	{ "alloc_refused", alloc_refused, 3000, false },
	{ "map_unmap", map_unmap, 2000, false },
	{ "map_refused", map_refused, 3000, false },
	{ "fork_with_mappings", fork_with_mappings, 500, false },
	{ "copy", copy, 4000, false },
	{ "copy_refused", copy_refused, 3000, false },
	{ "copy_once_per_buffer", copy_once_per_buffer, 2000, false },
	{ "copy_and_close", copy_and_close, 2000, true },
	{ "eventfd_set_and_close", eventfd_set_and_close, 3000, true },
	{ "read_write", read_write, 3000, false },
	{ "queue_create_destroy", queue_create_destroy, 500, false },
	{ "queue_destroy_mapped", queue_destroy_mapped, 300, false },
	{ "queue_and_windows_and_close", queue_and_windows_and_close, 200, true },
	{ "window_create_destroy", window_create_destroy, 500, false },
	{ "window_of_many_pages", window_of_many_pages, 60, false },
	{ "queue_and_window_refused", queue_and_window_refused, 500, false },
};

/* Slow ones; what is leaked here is larger, and so is the noise. */
static const struct op slow_ops[] = {
	{ "bind_unbind", bind_unbind, 100, true },
	{ "bind_unbind_with_late_close", bind_unbind_with_late_close, 100, true },
};

void register_leak(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
		test_add(leaves_no_memory_behind, &ops[i], 30000,
			 "%s_thousands_of_times_leaks_no_memory", ops[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(slow_ops); i++)
		test_add(binding_leaves_no_memory_behind, &slow_ops[i], 60000,
			 "%s_many_times_leaks_no_memory", slow_ops[i].name);
}
