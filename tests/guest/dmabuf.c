// SPDX-License-Identifier: MIT
/*
 * dmabuf.c - BUF_EXPORT: a dma-buf shows the buffer, for as long as it is open, and to nobody else.
 *
 * Not for: other devices that import it, see dmabuf_import.c.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lifetime.h"
#include "submit.h"

#define LEN	(4 * PAGE)
#define RW	(PROT_READ | PROT_WRITE)

static const struct {
	u32 technique;
	const char *name;
} techniques[] = {
	{ MMAPDEMO_TECH_BAR, "bar" },
	{ MMAPDEMO_TECH_PAGES, "pages" },
	{ MMAPDEMO_TECH_VMALLOC, "vmalloc" },
	{ MMAPDEMO_TECH_COHERENT, "coherent" },
	{ MMAPDEMO_TECH_BAR_FAULT, "bar_fault" },
	{ MMAPDEMO_TECH_BAR_HUGE, "bar_huge" },
	{ MMAPDEMO_TECH_NONCONTIG, "noncontig" },
};

static int fd_get(int open_flags)
{
	int fd = dev_open(open_flags);

	if (!(info_get(fd).out_caps & MMAPDEMO_CAP_DMABUF))
		test_skip("this kernel has no dma-buf (INFO's out_caps)");
	return fd;
}

static int export(int fd, u32 handle)
{
	int dma;

	CHECK_OK(buf_try_export(fd, handle, &dma));
	CHECK(dma >= 0);
	CHECK_EQ(CHECK_SYS(fcntl(dma, F_GETFD)) & FD_CLOEXEC, FD_CLOEXEC);
	return dma;
}

static int sync_call(int dma, u64 flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return ioctl(dma, DMA_BUF_IOCTL_SYNC, &s) ? -errno : 0;
}

static void dmabuf_shows_the_buffer(const void *arg)
{
	u32 technique = *(const u32 *)arg;
	int fd = fd_get(O_RDWR), dma;
	struct mmapdemo_buf_alloc a;
	struct mmapdemo_map_info m;
	char *p, *d;

	if (!technique_is_there(fd, technique))
		test_skip("not a technique of this kernel");
	a = buf_alloc(fd, technique, LEN);
	p = map_rw(fd, LEN, a.out_offset);
	dma = export(fd, a.out_handle);
	CHECK_EQ(lseek(dma, 0, SEEK_END), LEN);
	d = map_rw(dma, LEN, 0);
	CHECK_EQ(buf_vmas(fd, a.out_handle), 2);

	CHECK_OK(sync_call(dma, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	fill(p, LEN, 5);
	CHECK_EQ(differs(d, LEN, 5), LEN);
	fill(d, LEN, 6);
	CHECK_EQ(differs(p, LEN, 6), LEN);
	CHECK_OK(sync_call(dma, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));

	/* It is a mapping like any other of this buffer. */
	m = map_info(fd, d);
	CHECK_EQ(m.out_technique, technique);
	CHECK_EQ(m.out_offset, a.out_offset);
	unmap(d, LEN);
	d = map_rw(dma, PAGE, 2 * PAGE);
	CHECK(!memcmp(d, p + 2 * PAGE, PAGE));
	unmap(d, PAGE);
	close(dma);
	CHECK_EQ(buf_vmas(fd, a.out_handle), 1);
}

/* As the buffer's own: nothing past the end, nothing executable, no private copy to write to. */
static void dmabuf_refuses_what_the_buffer_refuses(const void *arg)
{
	int fd = fd_get(O_RDWR);
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_PAGES, LEN).out_handle;
	int dma = export(fd, handle);
	void *p;

	(void)arg;
	CHECK_RET(map_try(dma, LEN + PAGE, RW, MAP_SHARED, 0, &p), -EINVAL);
	CHECK_RET(map_try(dma, PAGE, RW, MAP_SHARED, LEN, &p), -EINVAL);
	CHECK_RET(map_try(dma, 2 * PAGE, RW, MAP_SHARED, LEN - PAGE, &p), -EINVAL);
	CHECK_RET(map_try(dma, PAGE, PROT_READ, MAP_SHARED, 1ULL << 62, &p), -EINVAL);
	CHECK_RET(map_try(dma, PAGE, RW, MAP_PRIVATE, 0, &p), -EINVAL);
	CHECK_RET(map_try(dma, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, 0, &p), -EPERM);
	CHECK_EQ(buf_vmas(fd, handle), 0);
}

static void dmabuf_of_a_read_only_buffer_is_read_only(const void *arg)
{
	int fd = fd_get(O_RDWR), dma;
	struct mmapdemo_buf_alloc a;
	void *p;

	(void)arg;
	CHECK_OK(buf_try_alloc(fd, MMAPDEMO_TECH_VMALLOC, 0, MMAPDEMO_BUF_MAP_READ_ONLY, LEN, &a));
	dma = export(fd, a.out_handle);
	CHECK_RET(map_try(dma, PAGE, RW, MAP_SHARED, 0, &p), -EACCES);
	CHECK_OK(map_try(dma, PAGE, PROT_READ, MAP_SHARED, 0, &p));
	CHECK_EQ(mprotect(p, PAGE, RW), -1);
	CHECK_EQ(errno, EACCES);
}

static void dmabuf_is_refused_where_there_is_no_buffer(const void *arg)
{
	int fd = fd_get(O_RDWR), other = dev_open(O_RDWR), dma = -1;
	struct queue q = queue_get(fd, 3);
	u32 handle = buf_alloc(other, MMAPDEMO_TECH_PAGES, LEN).out_handle;

	(void)arg;
	CHECK_RET(buf_try_export(fd, 0, &dma), -ENOENT);
	CHECK_RET(buf_try_export(fd, HANDLE_NONE, &dma), -ENOENT);
	CHECK_RET(buf_try_export(fd, handle, &dma), -ENOENT);
	CHECK_RET(buf_try_export(fd, q.c.out_queue, &dma), -ENOENT);
	CHECK_RET(buf_try_export(fd, region_get(fd, MMAPDEMO_REGION_EXAMPLE).out_handle, &dma),
		  -EOPNOTSUPP);
	CHECK_RET(buf_try_export(fd, region_get(fd, MMAPDEMO_REGION_USER_PAGE).out_handle, &dma),
		  -EOPNOTSUPP);
	/* Region MEM, by the number it has. */
	CHECK_RET(buf_try_export(fd, MMAPDEMO_REGION_MEM + 1, &dma), -EPERM);
	if (pin_is_there(fd))
		CHECK_RET(buf_try_export(fd, buf_pin(fd, anon_get(PAGE), PAGE, 0), &dma),
			  -EOPNOTSUPP);
}

static void dmabuf_outlives_handle_and_file(const void *arg)
{
	u32 technique = *(const u32 *)arg;
	int fd = fd_get(O_RDWR), dma;
	struct mmapdemo_buf_alloc a;
	char *d;

	if (!technique_is_there(fd, technique))
		test_skip("not a technique of this kernel");
	a = buf_alloc(fd, technique, LEN);
	dma = export(fd, a.out_handle);
	d = map_rw(dma, LEN, 0);
	fill(d, LEN, 9);
	unmap(d, LEN);
	CHECK_OK(buf_free(fd, a.out_handle));
	close(fd);
	/* The file that owns the memory is still open, for others to see. */
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	d = map_rw(dma, LEN, 0);
	CHECK_EQ(differs(d, LEN, 9), LEN);
	close(dma);
	CHECK_EQ(differs(d, LEN, 9), LEN);
	unmap(d, LEN);
	close(dev_open(O_RDWR | O_EXCL));
}

/*
 * remap_file_pages(2) maps another place of the file that a mapping is of, and asks nobody who has
 * that file open: who was given a dma-buf alone must not get at its owner's other memory by it.
 */
static void dmabuf_mapping_reaches_nothing_else_of_its_owner(const void *arg)
{
	int fd = fd_get(O_RDWR), dma;
	struct mmapdemo_buf_alloc a, secret;
	char *d;

	(void)arg;
	a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, LEN);
	secret = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, LEN);
	dma = export(fd, a.out_handle);
	d = map_rw(dma, LEN, 0);
	fill(d, LEN, 2);
	CHECK_EQ(remap_file_pages(d, PAGE, 0, secret.out_offset / PAGE, 0), -1);
	CHECK_EQ(errno, EINVAL);
	CHECK_EQ(buf_vmas(fd, secret.out_handle), 0);
	/* Another place of the dma-buf is its own business. (Of a failure the core leaves a hole.) */
	CHECK_OK(remap_file_pages(d + PAGE, PAGE, 0, 2, 0));
	CHECK(!memcmp(d + PAGE, d + 2 * PAGE, PAGE));
	CHECK_EQ(map_info(fd, d + PAGE).out_offset, a.out_offset + 2 * PAGE);
}

static void dmabuf_counts_until_it_is_closed(const void *arg)
{
	int fd = fd_get(O_RDWR), dma;
	u64 len = info_get(fd).out_max_bytes / 2;
	struct mmapdemo_buf_alloc a, b;

	(void)arg;
	if (len > 32 * 1024 * 1024)
		len = 32 * 1024 * 1024;
	a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, len);
	dma = export(fd, a.out_handle);
	CHECK_OK(buf_free(fd, a.out_handle));
	for (u64 left = info_get(fd).out_max_bytes - len; left; left -= len) {
		if (left < len)
			len = left;
		buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, len);
	}
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, PAGE, &b), -EDQUOT);
	close(dma);
	buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE);
}

static void dmabuf_mapping_is_taken_away_with_the_device(const void *arg)
{
	const struct way *way = arg;
	int fd = fd_get(O_RDWR), ram, bar;
	char *d[2];
	void *p;

	ram = export(fd, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, LEN).out_handle);
	bar = export(fd, buf_alloc(fd, MMAPDEMO_TECH_BAR, LEN).out_handle);
	d[0] = map_rw(ram, LEN, 0);
	d[1] = map_rw(bar, LEN, 0);
	close(fd);
	for (int i = 0; i < 2; i++)
		fill(d[i], LEN, i);
	away(way);
	for (int i = 0; i < 2; i++) {
		CHECK(!pagemap_present(d[i]));
		CHECK_EQ(touch_read(d[i], NULL), SIGBUS);
		CHECK_EQ(touch_write(d[i] + PAGE, 1), SIGBUS);
	}
	CHECK_RET(map_try(ram, PAGE, RW, MAP_SHARED, 0, &p), -ENODEV);
	CHECK_RET(map_try(bar, PAGE, RW, MAP_SHARED, 0, &p), -ENODEV);
	CHECK_OK(sync_call(ram, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	close(ram);
	way->back();
	/* Late, when there is a new device of this name. */
	close(bar);
	unmap(d[0], LEN);
	unmap(d[1], LEN);
}

/* BAR mappings end with a reset, through a dma-buf as otherwise; memory does not notice. */
static void dmabuf_mapping_of_device_memory_ends_with_a_reset(const void *arg)
{
	int fd = fd_get(O_RDWR), ram, bar;
	char *r, *b;

	(void)arg;
	ram = export(fd, buf_alloc(fd, MMAPDEMO_TECH_PAGES, LEN).out_handle);
	bar = export(fd, buf_alloc(fd, MMAPDEMO_TECH_BAR, LEN).out_handle);
	r = map_rw(ram, LEN, 0);
	b = map_rw(bar, LEN, 0);
	fill(r, LEN, 4);
	fill(b, LEN, 4);
	function_reset();
	CHECK_EQ(differs(r, LEN, 4), LEN);
	CHECK_EQ(touch_read(b, NULL), SIGBUS);
	b = map_rw(bar, LEN, 0);
	fill(b, LEN, 5);
	CHECK_EQ(differs(b, LEN, 5), LEN);
}

/* The whole of BAR2, of who has it alone: nobody else opens the node before it is closed. */
static void dmabuf_of_all_device_memory_keeps_it(const void *arg)
{
	int fd = fd_get(O_RDWR | O_EXCL), dma;
	char *d;

	(void)arg;
	dma = export(fd, region_get(fd, MMAPDEMO_REGION_MEM).out_handle);
	CHECK_EQ(lseek(dma, 0, SEEK_END), info_get(fd).out_mem_size);
	d = map_rw(dma, LEN, 0);
	close(fd);
	fill(d, LEN, 3);
	unmap(d, LEN);
	CHECK_RET(dev_try_open(O_RDWR), -EBUSY);
	close(dma);
	fd = dev_open(O_RDWR | O_EXCL);
	d = map_rw(fd, LEN, region_get(fd, MMAPDEMO_REGION_MEM).out_offset);
	CHECK_EQ(first_not(d, LEN, 0), LEN);
}

void register_dmabuf(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++) {
		test_add(dmabuf_shows_the_buffer, &techniques[i].technique, 0,
			 "dmabuf_shows_the_buffer_%s", techniques[i].name);
		test_add(dmabuf_outlives_handle_and_file, &techniques[i].technique, 0,
			 "dmabuf_outlives_handle_and_file_%s", techniques[i].name);
	}
	TEST_ADD(dmabuf_refuses_what_the_buffer_refuses);
	TEST_ADD(dmabuf_of_a_read_only_buffer_is_read_only);
	TEST_ADD(dmabuf_is_refused_where_there_is_no_buffer);
	TEST_ADD(dmabuf_mapping_reaches_nothing_else_of_its_owner);
	TEST_ADD(dmabuf_counts_until_it_is_closed);
	TEST_ADD(dmabuf_mapping_of_device_memory_ends_with_a_reset);
	TEST_ADD(dmabuf_of_all_device_memory_keeps_it);
	for (size_t i = 0; i < num_ways; i++)
		test_add(dmabuf_mapping_is_taken_away_with_the_device, &ways[i], 20000,
			 "dmabuf_mapping_is_taken_away_with_the_device_%s", ways[i].name);
}
