// SPDX-License-Identifier: MIT
/*
 * window_call.c - WINDOW_CREATE and WINDOW_DESTROY: arguments, limits, what holds the buffer, and
 * which memory can have a window on this machine.
 *
 * Not for: what can be reached through one, see window_reach.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "submit.h"

#define LEN	(8 * PAGE)

static const struct tech {
	const char *name;
	u32 technique;
} techs[] = {
	{ "bar", MMAPDEMO_TECH_BAR },
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "bar_fault", MMAPDEMO_TECH_BAR_FAULT },
	{ "bar_huge", MMAPDEMO_TECH_BAR_HUGE },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
	{ "userptr", MMAPDEMO_TECH_USERPTR },
};

static u32 memory_handle(int fd, u32 technique)
{
	char *p;

	return memory_get(fd, technique, LEN, &p).out_handle;
}

static bool in_device(u32 technique)
{
	return technique == MMAPDEMO_TECH_BAR || technique == MMAPDEMO_TECH_BAR_FAULT ||
	       technique == MMAPDEMO_TECH_BAR_HUGE;
}

/* Windows that one file can have now. All are given back. */
static u32 windows_to_be_had(int fd, u32 handle)
{
	u32 max = info_get(fd).out_num_windows + 1, n = 0;
	u32 *w = malloc(max * sizeof(*w));

	CHECK(w);
	while (n < max && !window_try_create(fd, handle, WINDOW_RW, 0, 64, &w[n]))
		n++;
	for (u32 i = 0; i < n; i++)
		CHECK_OK(window_destroy(fd, w[i]));
	free(w);
	return n;
}

static void refused(int fd, u32 handle, u32 flags, u64 off, u64 len, int err)
{
	u32 window = 0x5a5a5a5a;
	int ret = window_try_create(fd, handle, flags, off, len, &window);

	if (ret != err)
		FAIL("offset %#llx, %#llx bytes, flags %#x: %s, wanted %s", (unsigned long long)off,
		     (unsigned long long)len, flags, errno_word(ret), errno_word(err));
	CHECK_EQ(window, 0x5a5a5a5a);
}

/* --- arguments --------------------------------------------------------------------------------- */

static void window_create_bad_geometry_einval(const void *arg)
{
	const struct tech *t = arg;
	int fd = dev_open(O_RDWR);
	u32 handle = memory_handle(fd, t->technique), before;
	static const struct { u64 off, len; } bad[] = {
		{ 0, 0 }, { 5, 0 }, { LEN, 0 }, { 0, LEN + 1 }, { 1, LEN }, { LEN, 1 },
		{ LEN - 1, 2 }, { LEN + 1, 1 }, { LEN + PAGE, PAGE }, { 1ULL << 32, 1 },
		{ 0, 1ULL << 32 }, { 0, (1ULL << 32) + 1 }, { 1ULL << 63, 1 },
		{ 1ULL << 63, 1ULL << 63 }, { ~0ULL, 1 }, { ~0ULL, 2 }, { 1, ~0ULL },
		{ PAGE, -(u64)PAGE }, { -(u64)PAGE, PAGE }, { -(u64)PAGE, 2 * PAGE },
		{ 0, ~0ULL }, { 0, 1ULL << 63 },
	};

	if (window_is_refused_here(t->technique)) {
		refused(fd, handle, WINDOW_RW, 0, LEN, -EOPNOTSUPP);
		return;
	}
	before = windows_to_be_had(fd, handle);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refused(fd, handle, WINDOW_RW, bad[i].off, bad[i].len, -EINVAL);
	CHECK_EQ(windows_to_be_had(fd, handle), before);
}

static void window_create_flags_must_name_a_right(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;

	(void)arg;
	refused(fd, handle, 0, 0, PAGE, -EINVAL);
	for (int bit = 2; bit < 32; bit++) {
		refused(fd, handle, 1u << bit, 0, PAGE, -EINVAL);
		refused(fd, handle, 1u << bit | WINDOW_RW, 0, PAGE, -EINVAL);
	}
}

static void window_create_unknown_freed_or_foreign_buffer_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	struct queue q = queue_get(fd, 3);

	(void)arg;
	refused(fd, 0, WINDOW_RW, 0, PAGE, -ENOENT);
	refused(fd, HANDLE_NONE, WINDOW_RW, 0, PAGE, -ENOENT);
	refused(fd, 0xffffffff, WINDOW_RW, 0, PAGE, -ENOENT);
	refused(other, handle, WINDOW_RW, 0, PAGE, -ENOENT);
	CHECK_OK(buf_free(fd, handle));
	refused(fd, handle, WINDOW_RW, 0, PAGE, -ENOENT);
	if (q.c.out_queue != handle)
		refused(fd, q.c.out_queue, WINDOW_RW, 0, PAGE, -ENOENT);
}

/* Only MEM of the standing regions is memory of one file alone. */
static void window_over_a_shared_region_is_refused(const void *arg)
{
	static const u32 regions[] = { MMAPDEMO_REGION_EXAMPLE, MMAPDEMO_REGION_USER_PAGE };
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		u32 handle = region_get(fd, regions[i]).out_handle;

		refused(fd, handle, WINDOW_RW, 0, PAGE, -EINVAL);
		refused(fd, handle, MMAPDEMO_WINDOW_READ, 0, PAGE, -EINVAL);
	}
}

/* The flag is about mappings and pwrite: the device may write, as with DMA_SUBMIT. */
static void window_over_a_map_read_only_buffer_may_be_written(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	struct mmapdemo_buf_alloc a;
	u32 window;
	sqe_t d;

	(void)arg;
	CHECK_OK(buf_try_alloc(fd, MMAPDEMO_TECH_COHERENT, 0, MMAPDEMO_BUF_MAP_READ_ONLY, PAGE,
			       &a));
	window = window_get(fd, a.out_handle, WINDOW_RW, 0, PAGE);
	d = sqe_fill(window, 0, PAGE, 0x4444444444444444ULL);
	QUEUE_OK(&q, &d);
	CHECK_EQ(first_not(map_ro(fd, PAGE, a.out_offset), PAGE, 0x44), PAGE);
}

static void window_destroy_unknown_or_foreign_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct area a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	struct queue q = queue_get(fd, 3);
	u32 count = info_get(fd).out_num_windows;
	sqe_t d = sqe_fill(a.window, 0, 8, 1);

	(void)arg;
	for (u32 w = 0; w < count; w++) {
		CHECK_RET(window_destroy(other, w), -ENOENT);
		if (w != a.window)
			CHECK_RET(window_destroy(fd, w), -ENOENT);
	}
	CHECK_RET(window_destroy(fd, count), -ENOENT);
	CHECK_RET(window_destroy(fd, 0x80000000 | a.window), -ENOENT);
	CHECK_RET(window_destroy(fd, 0x10000 | a.window), -ENOENT);
	CHECK_RET(window_destroy(fd, 0xffffffff), -ENOENT);
	QUEUE_OK(&q, &d);
	CHECK_OK(window_destroy(fd, a.window));
	CHECK_RET(window_destroy(fd, a.window), -ENOENT);
	queue_expect(&q, &d, MMAPDEMO_CQ_WINDOW, "fill through a window destroyed");
}

/* --- limits -------------------------------------------------------------------------------------- */

static void window_limit_of_a_file_edquot_and_freeing_restores_it(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	u32 max = info_get(fd).out_max_windows, *w = calloc(max, sizeof(*w)), extra;

	(void)arg;
	CHECK(w);
	for (u32 i = 0; i < max; i++)
		w[i] = window_get(fd, handle, WINDOW_RW, 0, 64);
	CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 0, 64, &extra), -EDQUOT);
	CHECK_OK(window_destroy(fd, w[max / 2]));
	w[max / 2] = window_get(fd, handle, WINDOW_RW, 0, 64);
	CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 0, 64, &extra), -EDQUOT);
	for (u32 i = 0; i < max; i++)
		CHECK_OK(window_destroy(fd, w[i]));
	CHECK_EQ(windows_to_be_had(fd, handle), max);
}

static void window_of_the_device_all_in_use_ebusy(const void *arg)
{
	u32 total = 0, in_file, count = info_get(dev_open(O_RDWR)).out_num_windows, window;
	char *taken = calloc(count, 1);
	int fds[256], n = 0, ret;

	(void)arg;
	CHECK(taken);
	do {
		u32 handle;

		fds[n] = dev_open(O_RDWR);
		handle = buf_alloc(fds[n], MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
		in_file = 0;
		while (!(ret = window_try_create(fds[n], handle, WINDOW_RW, 0, 64, &window))) {
			CHECK(window < count);
			CHECK_EQ(taken[window]++, 0);
			in_file++;
		}
		total += in_file;
		n++;
	} while (ret == -EDQUOT && in_file && n < 255);
	CHECK(ret == -EBUSY || (ret == -EDQUOT && total == count));
	CHECK_EQ(total, count);
	fds[n] = dev_open(O_RDWR);
	in_file = buf_alloc(fds[n], MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	CHECK_RET(window_try_create(fds[n], in_file, WINDOW_RW, 0, 64, &window), -EBUSY);
	close(fds[0]);
	CHECK_OK(window_try_create(fds[n], in_file, WINDOW_RW, 0, 64, &window));
	for (int i = 1; i <= n; i++)
		close(fds[i]);
}

/* --- what a window holds --------------------------------------------------------------------------- */

static void window_holds_the_freed_buffer(const void *arg)
{
	const struct tech *t = arg;
	int fd = dev_open(O_RDWR), bar = in_device(t->technique);
	u64 free_before = info_get(fd).out_mem_free;
	struct queue q = queue_get(fd, 3);
	struct area other = area_get(fd, MMAPDEMO_TECH_COHERENT, LEN, WINDOW_RW), a;
	u32 later[8];
	u64 each;
	sqe_t d;

	if (window_is_refused_here(t->technique))
		test_skip("swiotlb=force: no window over this technique");
	a = area_get(fd, t->technique, LEN, WINDOW_RW);
	each = bar ? buf_info(fd, a.handle).out_len : 0;
	fill(a.p, LEN, 1);
	unmap(a.p, LEN);
	CHECK_OK(buf_free(fd, a.handle));
	/* Nobody is given these pages meanwhile. */
	for (size_t i = 0; i < ARRAY_SIZE(later); i++) {
		char *p;

		later[i] = memory_get(fd, t->technique, LEN, &p).out_handle;
		memset(p, 0xee, LEN);
	}
	d = sqe_copy(other.window, 0, a.window, 0, LEN);
	QUEUE_OK(&q, &d);
	CHECK_EQ(differs(other.p, LEN, 1), LEN);
	CHECK_EQ(info_get(fd).out_mem_free, free_before - 9 * each);
	CHECK_OK(window_destroy(fd, a.window));
	CHECK_EQ(info_get(fd).out_mem_free, free_before - 8 * each);
	CHECK_RET(buf_free(fd, a.handle), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(later); i++)
		CHECK_OK(buf_free(fd, later[i]));
}

/* A window keeps device memory from changing its cache type under it, mapped or not. */
static void window_alone_keeps_the_cache_type_of_device_memory(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	u32 window = window_get(fd, handle, WINDOW_RW, 0, PAGE);

	(void)arg;
	CHECK_OK(buf_free(fd, handle));
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_UC), -EBUSY);
	CHECK_OK(window_destroy(fd, window));
	CHECK_OK(mem_cache_set(fd, MMAPDEMO_CACHE_WC));
}

/* Where memory is bounced, a transfer without a system call would move a copy nobody has filled. */
static void window_over_bounced_memory_eopnotsupp(const void *arg)
{
	const struct tech *t = arg;
	int fd = dev_open(O_RDWR);
	u32 handle = memory_handle(fd, t->technique), window;
	int want = window_is_refused_here(t->technique) ? -EOPNOTSUPP : 0;

	for (int i = 0; i < 3; i++) {
		CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 0, LEN, &window), want);
		CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 5, 1, &window), want);
	}
	/* The one-shot engine still serves it: its driver copies. */
	if (!in_device(t->technique))
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, handle, 0,
				  buf_alloc(fd, MMAPDEMO_TECH_BAR, LEN).out_handle, 0, LEN, NULL));
	CHECK_OK(buf_free(fd, handle));
}

static void tech_add(test_fn fn, const char *before, const char *after)
{
	for (size_t i = 0; i < ARRAY_SIZE(techs); i++)
		test_add(fn, &techs[i], 0, "window_%s%s_%s", before, techs[i].name, after);
}

void register_window_call(void)
{
	tech_add(window_create_bad_geometry_einval, "create_", "bad_geometry_einval");
	TEST_ADD(window_create_flags_must_name_a_right);
	TEST_ADD(window_create_unknown_freed_or_foreign_buffer_enoent);
	TEST_ADD(window_over_a_shared_region_is_refused);
	TEST_ADD(window_over_a_map_read_only_buffer_may_be_written);
	TEST_ADD(window_destroy_unknown_or_foreign_enoent);
	TEST_ADD(window_limit_of_a_file_edquot_and_freeing_restores_it);
	TEST_ADD(window_of_the_device_all_in_use_ebusy);
	tech_add(window_holds_the_freed_buffer, "", "holds_the_freed_buffer");
	TEST_ADD(window_alone_keeps_the_cache_type_of_device_memory);
	tech_add(window_over_bounced_memory_eopnotsupp, "over_", "is_refused_where_it_is_bounced");
}
