// SPDX-License-Identifier: MIT
/*
 * buf.c - BUF_ALLOC, BUF_FREE, BUF_INFO, REGION_INFO: arguments, limits, zeroed memory, handles.
 *
 * Not for: structure sizes and reserved fields, see ioctl_abi.c; mappings, see map_*.c.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject.h"
#include "submit.h"

static const struct technique {
	const char *name;
	u32 value;
} techniques[] = {
	{ "bar", MMAPDEMO_TECH_BAR },
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "bar_fault", MMAPDEMO_TECH_BAR_FAULT },
	{ "bar_huge", MMAPDEMO_TECH_BAR_HUGE },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
};

static bool in_device(u32 technique)
{
	return technique == MMAPDEMO_TECH_BAR || technique == MMAPDEMO_TECH_BAR_FAULT ||
	       technique == MMAPDEMO_TECH_BAR_HUGE;
}

static bool is_there(int fd, u32 technique)
{
	return technique <= MMAPDEMO_TECH_COHERENT ||
	       (info_get(fd).out_techniques >> technique & 1);
}

/* In turn, for tests that take whatever there is. */
static u32 technique_nth(int fd, u32 n)
{
	u32 num = 0, there[ARRAY_SIZE(techniques)];

	for (size_t t = 0; t < ARRAY_SIZE(techniques); t++) {
		if (is_there(fd, techniques[t].value))
			there[num++] = techniques[t].value;
	}
	return there[n % num];
}

static int technique_open(const struct technique *t)
{
	int fd = dev_open(O_RDWR);

	if (!is_there(fd, t->value))
		test_skip("%s: INFO's out_techniques does not list it", t->name);
	return fd;
}

/* Refused with err, nothing written, nothing allocated. */
static void alloc_refused(int fd, u32 technique, u32 cache, u32 flags, u64 len, int err)
{
	struct mmapdemo_buf_alloc a = {
		.size = sizeof(a), .flags = flags, .technique = technique, .cache = cache,
		.len = len, .out_handle = 0x5a5a5a5a, .out_cache = 0x5a5a5a5a,
		.out_len = 0x5a5a5a5a, .out_offset = 0x5a5a5a5a,
	};
	struct mmapdemo_buf_alloc before = a;
	u64 mem_free = info_get(fd).out_mem_free;
	int ret = call(fd, MMAPDEMO_IOC_BUF_ALLOC, &a);

	if (ret != err)
		FAIL("technique %u, cache %u, flags %#x, %#llx bytes: %s, wanted %s", technique,
		     cache, flags, (unsigned long long)len, errno_word(ret), errno_word(err));
	CHECK(!memcmp(&a, &before, sizeof(a)));
	CHECK_EQ(info_get(fd).out_mem_free, mem_free);
}

static void zero_size_einval(const void *arg)
{
	const struct technique *t = arg;

	alloc_refused(technique_open(t), t->value, 0, 0, 0, -EINVAL);
}

/* Rounding up to pages must not wrap to something small. */
static void size_near_2_64_einval(const void *arg)
{
	static const u64 sizes[] = {
		~0ULL, ~0ULL - 4094, ~0ULL - 4095, ~0ULL - 4096, 1ULL << 63, (1ULL << 63) - 1,
		1ULL << 52, (1ULL << 44) + 1, 1ULL << 44, 1ULL << 40,
	};
	const struct technique *t = arg;
	int fd = technique_open(t);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		alloc_refused(fd, t->value, 0, 0, sizes[i], -EINVAL);
}

static void sizes_are_rounded_up_to_pages(const void *arg)
{
	static const u64 sizes[] = { 1, 2, 4095, 4096, 4097, 8192, 12289, 65536, 1048577 };
	const struct technique *t = arg;
	int fd = technique_open(t);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct mmapdemo_buf_alloc a = buf_alloc(fd, t->value, sizes[i]);
		struct mmapdemo_buf_info b = buf_info(fd, a.out_handle);
		u64 want = (sizes[i] + PAGE - 1) & ~(PAGE - 1);
		char *p;

		CHECK_EQ(a.out_len, want);
		CHECK_EQ(a.len, sizes[i]);
		CHECK_EQ(a.out_offset % PAGE, 0);
		CHECK(a.out_offset != 0);
		CHECK_EQ(b.out_len, want);
		CHECK_EQ(b.out_offset, a.out_offset);
		CHECK_EQ(b.out_technique, t->value);
		CHECK_EQ(b.out_cache, a.out_cache);
		CHECK_EQ(b.out_flags, 0);
		CHECK_EQ(b.out_vmas, 0);
		CHECK_EQ(b.out_transfers, 0);
		/* All of it is there and empty, to the last byte of the last page. */
		p = map_rw(fd, want, a.out_offset);
		CHECK_EQ(first_not(p, want, 0), want);
		memset(p, 0xff, want);
		unmap(p, want);
		CHECK_RET(map_try(fd, want + PAGE, PROT_READ, MAP_SHARED, a.out_offset, NULL),
			  -EINVAL);
		CHECK_OK(buf_free(fd, a.out_handle));
	}
}

static void longest_is_granted_one_page_more_is_refused(const void *arg)
{
	const struct technique *t = arg;
	int fd = technique_open(t);
	struct mmapdemo_info info = info_get(fd);
	bool scattered = t->value == MMAPDEMO_TECH_VMALLOC || t->value == MMAPDEMO_TECH_NONCONTIG;
	u64 longest = in_device(t->value) ? info.out_mem_size :
		      scattered ? info.out_max_bytes : info.out_max_contig;
	struct mmapdemo_buf_alloc a;
	char *p;
	/* What single pages have is the file's limit; what the others have is the technique's. */
	int err = scattered ? -EDQUOT : -EINVAL;

	diag("longest: %llu bytes", (unsigned long long)longest);
	alloc_refused(fd, t->value, 0, 0, longest + 1, err);
	alloc_refused(fd, t->value, 0, 0, longest + PAGE, err);
	a = buf_alloc(fd, t->value, longest);
	CHECK_EQ(a.out_len, longest);
	p = map_rw(fd, longest, a.out_offset);
	CHECK_EQ(first_not(p + longest - PAGE, PAGE, 0), PAGE);
	memset(p + longest - PAGE, 1, PAGE);
	CHECK_RET(map_try(fd, longest + PAGE, PROT_READ, MAP_SHARED, a.out_offset, NULL), -EINVAL);
}

static void buf_alloc_unknown_technique_einval(const void *arg)
{
	int fd = dev_open(O_RDWR);
	/* Pages of a process are not allocated, but pinned: see BUF_PIN. */
	static const u32 bad[] = {
		0, MMAPDEMO_TECH_USERPTR, MMAPDEMO_TECH_MAX + 1, 31, 32, 33, 255, 256, 0x80000001,
		0xffffffff,
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		alloc_refused(fd, bad[i], 0, 0, PAGE, -EINVAL);
}

static void buf_alloc_unknown_flags_einval(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t t = 0; t < ARRAY_SIZE(techniques); t++) {
		if (!is_there(fd, techniques[t].value))
			continue;
		for (int bit = 1; bit < 32; bit++) {
			/* Known, and to one technique only. */
			if (1u << bit == MMAPDEMO_BUF_FAULT_AROUND &&
			    techniques[t].value == MMAPDEMO_TECH_BAR_FAULT)
				continue;
			alloc_refused(fd, techniques[t].value, 0, 1u << bit, PAGE, -EINVAL);
		}
	}
}

static void buf_alloc_unknown_cache_einval(const void *arg)
{
	/* UC- is only ever reported: nobody can ask for it. */
	static const u32 bad[] = { MMAPDEMO_CACHE_UC_MINUS, 5, 6, 255, 256, 0x80000000 };
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t t = 0; t < ARRAY_SIZE(techniques); t++) {
		for (size_t i = 0; i < ARRAY_SIZE(bad) && is_there(fd, techniques[t].value); i++)
			alloc_refused(fd, techniques[t].value, bad[i], 0, PAGE, -EINVAL);
	}
}

/* --- memory is zero, also the second time ------------------------------------------------------- */

static void fill_and_let_go(int fd, u32 technique, u64 len, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		struct mmapdemo_buf_alloc a = buf_alloc(fd, technique, len);
		unsigned char *p = map_rw(fd, a.out_len, a.out_offset);
		size_t at = first_not(p, a.out_len, 0);

		if (at != a.out_len)
			FAIL("buffer %u of %llu bytes: byte %#zx is %#x", i, (unsigned long long)len, at,
			     p[at]);
		memset(p, 0xff, a.out_len);
		if (i % 2)
			CHECK_OK(buf_free(fd, a.out_handle));
		unmap(p, a.out_len);
	}
}

/*
 * One process fills everything it can get and lets go; another then finds only zeroes. Single pages, too:
 * one that is freed is the next to be had, while a large block of them may wait for long.
 */
static void reused_memory_is_zero(const void *arg)
{
	const struct technique *t = arg;

	close(technique_open(t));
	for (int pass = 0; pass < 2; pass++) {
		pid_t pid = child_fork();

		if (!pid) {
			int fd = dev_open(O_RDWR);

			diag("pass %d", pass);
			fill_and_let_go(fd, t->value, PAGE - 1, 16);
			fill_and_let_go(fd, t->value, 256 * 1024 - 1, 16);
			child_exit();
		}
		child_wait(pid, 8000);
	}
}

/* All of device memory, so that no byte of it is spared the look. */
static void buf_all_device_memory_is_zero_after_use(const void *arg)
{
	u64 len;

	(void)arg;
	for (int pass = 0; pass < 2; pass++) {
		int fd = dev_open(O_RDWR);
		struct mmapdemo_buf_alloc a;
		unsigned char *p;
		size_t at;

		len = info_get(fd).out_mem_free;
		a = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);
		CHECK_EQ(info_get(fd).out_mem_free, 0);
		p = map_rw(fd, len, a.out_offset);
		at = first_not(p, len, 0);
		if (at != len)
			FAIL("pass %d: byte %#zx of device memory is %#x", pass, at, p[at]);
		memset(p, 0xff, len);
		close(fd);
		unmap(p, len);
	}
}

/* What DMA wrote is somebody's data too. */
static void buf_filled_by_dma_is_zero_when_reused(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_PAGES, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
		MMAPDEMO_TECH_NONCONTIG,
	};
	const u64 len = 128 * 1024;
	int any = dev_open(O_RDWR);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (int pass = 0; pass < 3 && is_there(any, kinds[k]); pass++) {
			int fd = dev_open(O_RDWR);
			struct mmapdemo_buf_alloc m = buf_alloc(fd, kinds[k], len);
			struct mmapdemo_buf_alloc d = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);
			void *mp = map_rw(fd, len, m.out_offset);
			void *dp = map_rw(fd, len, d.out_offset);

			CHECK_EQ(first_not(mp, len, 0), len);
			CHECK_EQ(first_not(dp, len, 0), len);
			memset(dp, 0x99, len);
			CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, m.out_handle, 0,
					  d.out_handle, 0, len, NULL));
			CHECK_EQ(first_not(mp, len, 0x99), len);
			unmap(mp, len);
			unmap(dp, len);
			close(fd);
		}
	}
}

/* --- limits --------------------------------------------------------------------------------------- */

static void buf_count_limit_edquot_and_free_restores(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct mmapdemo_info info = info_get(fd);
	u32 *handles = calloc(info.out_max_bufs, sizeof(*handles));
	void *p;

	(void)arg;
	CHECK(handles && info.out_max_bufs);
	for (u32 i = 0; i < info.out_max_bufs; i++)
		handles[i] = buf_alloc(fd, technique_nth(fd, i), PAGE).out_handle;
	for (size_t t = 0; t < ARRAY_SIZE(techniques); t++) {
		if (is_there(fd, techniques[t].value))
			alloc_refused(fd, techniques[t].value, 0, 0, PAGE, -EDQUOT);
	}
	/* One file's limit is no other file's. */
	buf_alloc(other, MMAPDEMO_TECH_PAGES, PAGE);
	/* A freed one makes room, even while it is mapped. */
	p = map_rw(fd, PAGE, buf_info(fd, handles[7]).out_offset);
	CHECK_OK(buf_free(fd, handles[7]));
	buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, PAGE, -EDQUOT);
	unmap(p, PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, PAGE, -EDQUOT);
}

static void buf_byte_limit_edquot_and_free_restores(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct mmapdemo_info info = info_get(fd);
	u64 most = info.out_max_bytes;
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, most - 2 * PAGE), b, c;
	void *p;

	(void)arg;
	b = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_COHERENT, 0, 0, 2 * PAGE, -EDQUOT);
	c = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_PAGES, 0, 0, 1, -EDQUOT);
	alloc_refused(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, most, -EDQUOT);
	/* Device memory is not system memory; another file has a limit of its own. */
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	buf_alloc(other, MMAPDEMO_TECH_PAGES, PAGE);
	/* Pages that a mapping holds still count; then they do not. */
	p = map_rw(fd, PAGE, b.out_offset);
	CHECK_OK(buf_free(fd, b.out_handle));
	alloc_refused(fd, MMAPDEMO_TECH_PAGES, 0, 0, PAGE, -EDQUOT);
	unmap(p, PAGE);
	b = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
	CHECK_OK(buf_free(fd, c.out_handle));
	CHECK_OK(buf_free(fd, a.out_handle));
	a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, most - PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, PAGE, -EDQUOT);
}

static void buf_device_memory_exhausted_enomem(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 all = info_get(fd).out_mem_free;
	struct mmapdemo_buf_alloc a, b, c;

	(void)arg;
	a = buf_alloc(fd, MMAPDEMO_TECH_BAR, all - 3 * PAGE);
	b = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	CHECK_EQ(info_get(fd).out_mem_free, 2 * PAGE);
	/* More often than the file may have buffers: what fails counts for nothing. */
	for (u32 i = 0; i < info_get(fd).out_max_bufs + 1; i++)
		alloc_refused(fd, MMAPDEMO_TECH_BAR, 0, 0, 3 * PAGE, -ENOMEM);
	c = buf_alloc(fd, MMAPDEMO_TECH_BAR, 2 * PAGE);
	CHECK_EQ(info_get(fd).out_mem_free, 0);
	alloc_refused(fd, MMAPDEMO_TECH_BAR, 0, 0, 1, -ENOMEM);
	/* Two gaps that are not next to each other are not one. */
	CHECK_OK(buf_free(fd, a.out_handle));
	CHECK_OK(buf_free(fd, c.out_handle));
	CHECK_EQ(info_get(fd).out_mem_free, all - PAGE);
	alloc_refused(fd, MMAPDEMO_TECH_BAR, 0, 0, all - PAGE, -ENOMEM);
	buf_alloc(fd, MMAPDEMO_TECH_BAR, all - 3 * PAGE);
	(void)b;
}

/* Buffers of device memory never overlap: each byte shows who wrote it last. */
static void buf_device_memory_never_overlaps(const void *arg)
{
	struct { u32 handle; u64 len; unsigned char *p, tag; } b[24] = { 0 };
	int fd = dev_open(O_RDWR);
	u64 state = test_seed();

	(void)arg;
	for (int i = 0; i < 400; i++) {
		unsigned int k = rnd(&state) % ARRAY_SIZE(b);

		if (b[k].p) {
			CHECK_EQ(first_not(b[k].p, b[k].len, b[k].tag), b[k].len);
			unmap(b[k].p, b[k].len);
			CHECK_OK(buf_free(fd, b[k].handle));
			b[k].p = NULL;
		} else {
			u64 len = 1 + rnd(&state) % (20 * PAGE);
			struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);

			b[k].handle = a.out_handle;
			b[k].len = a.out_len;
			b[k].p = map_rw(fd, a.out_len, a.out_offset);
			b[k].tag = i;
			CHECK_EQ(first_not(b[k].p, b[k].len, 0), b[k].len);
			memset(b[k].p, b[k].tag, b[k].len);
		}
	}
	for (size_t k = 0; k < ARRAY_SIZE(b); k++) {
		if (b[k].p)
			CHECK_EQ(first_not(b[k].p, b[k].len, b[k].tag), b[k].len);
	}
}

/* --- handles --------------------------------------------------------------------------------------- */

static void unknown_handles_enoent(int fd, u32 handle)
{
	struct mmapdemo_buf_info i;
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	struct mmapdemo_buf_alloc mem = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
	int exported;
	u32 window;

	CHECK_RET(buf_free(fd, handle), -ENOENT);
	CHECK_RET(buf_try_info(fd, handle, &i), -ENOENT);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, handle, 0, dev.out_handle, 0, 8, NULL),
		  -ENOENT);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem.out_handle, 0, handle, 0, 8, NULL),
		  -ENOENT);
	CHECK_RET(buf_sync(fd, handle, MMAPDEMO_SYNC_FOR_CPU, 0, 8), -ENOENT);
	CHECK_RET(window_try_create(fd, handle, MMAPDEMO_WINDOW_READ, 0, 8, &window), -ENOENT);
	if (info_get(fd).out_caps & MMAPDEMO_CAP_DMABUF)
		CHECK_RET(buf_try_export(fd, handle, &exported), -ENOENT);
	CHECK_OK(buf_free(fd, dev.out_handle));
	CHECK_OK(buf_free(fd, mem.out_handle));
}

static void buf_unknown_handle_enoent(const void *arg)
{
	static const u32 bad[] = { 0, HANDLE_NONE, 0x7fffffff, 0x80000000, 0xffffffff, 100000 };
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		unknown_handles_enoent(fd, bad[i]);
}

static void buf_freed_handle_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t t = 0; t < ARRAY_SIZE(techniques); t++) {
		struct mmapdemo_buf_alloc a = buf_alloc(fd, technique_nth(fd, t), PAGE);

		CHECK_OK(buf_free(fd, a.out_handle));
		unknown_handles_enoent(fd, a.out_handle);
	}
}

/* A handle of another file is as unknown as any other, and that file's buffer stays as it is. */
static void buf_foreign_handle_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = { 0 };

	(void)arg;
	/* Far enough that the two files' handles cannot be the same numbers. */
	for (int i = 0; i < 12; i++)
		a = buf_alloc(other, technique_nth(other, i), PAGE);
	unknown_handles_enoent(fd, a.out_handle);
	CHECK_EQ(buf_info(other, a.out_handle).out_len, PAGE);
}

static void buf_region_handle_cannot_be_freed(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_EXAMPLE);
	struct mmapdemo_region_info u = region_get(fd, MMAPDEMO_REGION_USER_PAGE);

	(void)arg;
	CHECK_RET(buf_free(fd, r.out_handle), -EINVAL);
	CHECK_RET(buf_free(fd, u.out_handle), -EINVAL);
	CHECK_EQ(buf_info(fd, r.out_handle).out_len, 4 * PAGE);
	CHECK_EQ(buf_info(fd, u.out_handle).out_len, MMAPDEMO_USER_SIZE);
}

static void region_info_example_is_at_offset_0(const void *arg)
{
	struct mmapdemo_region_info r = region_get(dev_open(O_RDWR), MMAPDEMO_REGION_EXAMPLE);

	(void)arg;
	CHECK_EQ(r.out_offset, 0);
	CHECK_EQ(r.out_len, 4 * PAGE);
	CHECK_EQ(r.out_technique, MMAPDEMO_TECH_PAGES);
	CHECK_EQ(r.out_cache, MMAPDEMO_CACHE_WB);
}

static void region_info_unknown_einval(const void *arg)
{
	static const u32 bad[] = { 5, 6, 255, 256, 0x80000000, 0xffffffff };
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_RET(region_info(fd, bad[i], &r), -EINVAL);
}

static volatile u32 racing;
static int freed_by[4], race_fd;
static pthread_barrier_t race_start, race_end;

static void *freer(void *arg)
{
	int *won = arg;

	for (int i = 0; i < 200; i++) {
		int ret;

		pthread_barrier_wait(&race_start);
		ret = buf_free(race_fd, racing);
		if (ret && ret != -ENOENT)
			FAIL("free in a race: %s", errno_word(ret));
		*won += !ret;
		pthread_barrier_wait(&race_end);
	}
	return NULL;
}

static void buf_freed_by_many_threads_once(const void *arg)
{
	pthread_t t[4];
	int total = 0;

	(void)arg;
	race_fd = dev_open(O_RDWR);
	pthread_barrier_init(&race_start, NULL, 5);
	pthread_barrier_init(&race_end, NULL, 5);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, freer, &freed_by[i]));
	for (int i = 0; i < 200; i++) {
		racing = buf_alloc(race_fd, technique_nth(race_fd, i), PAGE).out_handle;
		pthread_barrier_wait(&race_start);
		pthread_barrier_wait(&race_end);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		total += freed_by[i];
	}
	CHECK_EQ(total, 200);
}

/* A thousand allocations end where they began. */
static void buf_alloc_free_loop_leaks_nothing(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 mem_free = info_get(fd).out_mem_free;

	(void)arg;
	for (int i = 0; i < 1000; i++) {
		struct mmapdemo_buf_alloc a = buf_alloc(fd, technique_nth(fd, i),
							(1 + i % 5) * PAGE);

		CHECK_OK(buf_free(fd, a.out_handle));
	}
	CHECK_EQ(info_get(fd).out_mem_free, mem_free);
}

static void technique_add(test_fn fn, unsigned int limit_ms, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++)
		test_add(fn, &techniques[i], limit_ms, "buf_%s_%s", techniques[i].name, what);
}

void register_buf(void)
{
	technique_add(zero_size_einval, 0, "zero_size_einval");
	technique_add(size_near_2_64_einval, 0, "size_near_2_64_einval");
	technique_add(sizes_are_rounded_up_to_pages, 0, "sizes_are_rounded_up_to_pages");
	technique_add(longest_is_granted_one_page_more_is_refused, 0,
		      "longest_is_granted_one_page_more_is_refused");
	technique_add(reused_memory_is_zero, 20000, "reused_memory_is_zero");
	TEST_ADD(buf_alloc_unknown_technique_einval);
	TEST_ADD(buf_alloc_unknown_flags_einval);
	TEST_ADD(buf_alloc_unknown_cache_einval);
	TEST_ADD_SLOW(buf_all_device_memory_is_zero_after_use, 30000);
	TEST_ADD(buf_filled_by_dma_is_zero_when_reused);
	TEST_ADD(buf_count_limit_edquot_and_free_restores);
	TEST_ADD_SLOW(buf_byte_limit_edquot_and_free_restores, 20000);
	TEST_ADD_SLOW(buf_device_memory_exhausted_enomem, 20000);
	TEST_ADD_SLOW(buf_device_memory_never_overlaps, 20000);
	TEST_ADD(buf_unknown_handle_enoent);
	TEST_ADD(buf_freed_handle_enoent);
	TEST_ADD(buf_foreign_handle_enoent);
	TEST_ADD(buf_region_handle_cannot_be_freed);
	TEST_ADD(region_info_example_is_at_offset_0);
	TEST_ADD(region_info_unknown_einval);
	TEST_ADD(buf_freed_by_many_threads_once);
	TEST_ADD(buf_alloc_free_loop_leaks_nothing);
}
