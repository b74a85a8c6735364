// SPDX-License-Identifier: MIT
/*
 * technique_memory.c - what is particular to the techniques in system memory from NONCONTIG on.
 *
 * Not for: what all techniques have in common, see map_*.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define MIB	(1ULL << 20)

/* --- NONCONTIG ---------------------------------------------------------------------------------- */

static void noncontig_larger_than_any_contiguous_buffer(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 len = 8 * info_get(fd).out_max_contig + PAGE, half = len / 2 & ~7ULL;
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_NONCONTIG, len);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, MIB).out_handle;
	char *p = map_rw(fd, len, a.out_offset), *q;

	(void)arg;
	CHECK_EQ(first_not(p, len, 0), len);
	fill(p + MIB, len - MIB, 5);
	/* A transfer across page borders, there and back, to another place. */
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, a.out_handle, half, dev, 0, MIB / 2, NULL));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, a.out_handle, 0, dev, 0, MIB / 2, NULL));
	CHECK(!memcmp(p, p + half, MIB / 2));
	CHECK_EQ(differs(p + MIB, len - MIB, 5), len - MIB);
	q = map_rw(fd, PAGE, a.out_offset + len - PAGE);
	CHECK(!memcmp(q, p + len - PAGE, PAGE));
	CHECK(vm_flags_have(p, "mm") && vm_flags_have(p, "de") && vm_flags_have(p, "dd"));
	CHECK(!vm_flags_have(p, "io") && !vm_flags_have(p, "pf"));
}

/* What somebody got by get_user_pages() stays, whatever happens to buffer and mapping. */
static void noncontig_page_outlives_buffer_in_a_pipe(const void *arg)
{
	int fd = dev_open(O_RDWR), other, pipefd[2];
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_NONCONTIG, 4 * PAGE);
	char *p = map_rw(fd, 4 * PAGE, a.out_offset), back[PAGE];
	struct iovec v = { p + PAGE, PAGE };

	(void)arg;
	CHECK_SYS(pipe(pipefd));
	fill(p + PAGE, PAGE, 9);
	CHECK_EQ(CHECK_SYS(vmsplice(pipefd[1], &v, 1, 0)), PAGE);
	unmap(p, 4 * PAGE);
	CHECK_OK(buf_free(fd, a.out_handle));
	close(fd);
	/* Whoever has memory next has not that page. */
	other = dev_open(O_RDWR);
	buf_alloc(other, MMAPDEMO_TECH_NONCONTIG, 64 * PAGE);
	CHECK_EQ(CHECK_SYS(read(pipefd[0], back, PAGE)), PAGE);
	CHECK_EQ(differs(back, PAGE, 9), PAGE);
}

/* --- cache types of PAGES -------------------------------------------------------------------------- */

static int ram_types_get(void)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a;

	if (info_get(fd).out_caps & MMAPDEMO_CAP_RAM_TYPES)
		return fd;
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, MMAPDEMO_CACHE_WC, 0, PAGE, &a),
		  -EOPNOTSUPP);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, MMAPDEMO_CACHE_UC, 0, PAGE, &a),
		  -EOPNOTSUPP);
	test_skip("this platform cannot change the type of RAM");
}

/* x86 keeps UC of RAM as UC-minus. */
static void pages_of_type(u32 cache, u32 in_entry)
{
	int fd = ram_types_get();
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, 3 * PAGE).out_handle;
	struct mmapdemo_buf_alloc a;
	char *p, back[64];

	CHECK_OK(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, cache, 0, 3 * PAGE, &a));
	CHECK_EQ(a.out_cache, cache);
	CHECK_EQ(buf_info(fd, a.out_handle).out_cache, cache);
	p = map_rw(fd, 3 * PAGE, a.out_offset);
	CHECK_EQ(map_info(fd, p).out_cache, in_entry);
	CHECK_EQ(map_info(fd, p + 2 * PAGE).out_cache, in_entry);
	CHECK_EQ(first_not(p, 3 * PAGE, 0), 3 * PAGE);
	fill(p, 3 * PAGE, 21);
	CHECK_EQ(CHECK_SYS(pread(fd, back, 64, a.out_offset)), 64);
	CHECK(!memcmp(back, p, 64));
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, a.out_handle, 0, dev, 0, 3 * PAGE, NULL));
	memset(p, 0, 3 * PAGE);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, a.out_handle, 0, dev, 0, 3 * PAGE, NULL));
	CHECK_EQ(differs(p, 3 * PAGE, 21), 3 * PAGE);
	CHECK_SYS(mprotect(p, PAGE, PROT_READ));
	CHECK_SYS(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(map_info(fd, p).out_cache, in_entry);
}

static void pages_write_combining(const void *arg)
{
	(void)arg;
	pages_of_type(MMAPDEMO_CACHE_WC, MMAPDEMO_CACHE_WC);
}

static void pages_uncached(const void *arg)
{
	(void)arg;
	pages_of_type(MMAPDEMO_CACHE_UC, MMAPDEMO_CACHE_UC_MINUS);
}

/*
 * In turn, over the same pages. Not proven: that the kernel's own mapping is write-back again, which
 * no process can see; freeing a page makes the kernel forget that it ever had a type.
 */
static void pages_of_changing_type_in_turn(const void *arg)
{
	int fd = ram_types_get();
	u64 len = info_get(fd).out_max_contig;
	struct mmapdemo_buf_alloc a;
	char *p;

	(void)arg;
	for (int i = 0; i < 12; i++) {
		static const u32 types[] = {
			MMAPDEMO_CACHE_WC, MMAPDEMO_CACHE_WB, MMAPDEMO_CACHE_UC, MMAPDEMO_CACHE_WB,
		};
		u32 type = types[i % 4];

		CHECK_OK(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, type, 0, len, &a));
		p = map_rw(fd, len, a.out_offset);
		if (type == MMAPDEMO_CACHE_WB)
			CHECK_EQ(map_info(fd, p + len - PAGE).out_cache, MMAPDEMO_CACHE_WB);
		/* Fresh to the last byte, whatever it was before. */
		CHECK_EQ(first_not(p, 4 * PAGE, 0), 4 * PAGE);
		CHECK_EQ(first_not(p + len - 4 * PAGE, 4 * PAGE, 0), 4 * PAGE);
		memset(p, 0xa5, 4 * PAGE);
		memset(p + len - 4 * PAGE, 0xa5, 4 * PAGE);
		unmap(p, len);
		CHECK_OK(buf_free(fd, a.out_handle));
	}
}

/* --- BUF_SYNC ------------------------------------------------------------------------------------- */

static int sync_buf(int fd, u32 handle, u32 flags, u64 off, u64 len)
{
	struct mmapdemo_buf_sync s = {
		.size = sizeof(s), .flags = flags, .handle = handle, .off = off, .len = len,
	};

	return call(fd, MMAPDEMO_IOC_BUF_SYNC, &s);
}

static void buf_sync_of_every_technique(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;

	(void)arg;
	for (u32 t = 1; t <= MMAPDEMO_TECH_MAX; t++) {
		bool is_mem = t == MMAPDEMO_TECH_BAR || t == MMAPDEMO_TECH_BAR_FAULT ||
			      t == MMAPDEMO_TECH_BAR_HUGE;
		int want = is_mem ? -EINVAL : 0;
		u32 h;

		if (t == MMAPDEMO_TECH_USERPTR || !(info_get(fd).out_techniques & 1U << t))
			continue;
		h = buf_alloc(fd, t, 3 * PAGE).out_handle;
		CHECK_RET(sync_buf(fd, h, MMAPDEMO_SYNC_FOR_DEVICE, 0, 3 * PAGE), want);
		if (!is_mem)
			CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, h, 0, dev, 0, PAGE, NULL));
		CHECK_RET(sync_buf(fd, h, MMAPDEMO_SYNC_FOR_DEVICE, 0, 3 * PAGE), want);
		CHECK_RET(sync_buf(fd, h, MMAPDEMO_SYNC_FOR_CPU, PAGE + 1, PAGE), want);
		CHECK_RET(sync_buf(fd, h, MMAPDEMO_SYNC_FOR_CPU, 3 * PAGE - 1, 1), want);
	}
}

static void buf_sync_bad_arguments(const void *arg)
{
	const u32 both = MMAPDEMO_SYNC_FOR_DEVICE | MMAPDEMO_SYNC_FOR_CPU, one = both & 1;
	int fd = dev_open(O_RDWR);
	u32 h = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE).out_handle;

	(void)arg;
	CHECK_RET(sync_buf(fd, h, both, 0, PAGE), -EINVAL);
	CHECK_RET(sync_buf(fd, h, 0, 0, PAGE), -EINVAL);
	CHECK_RET(sync_buf(fd, h, one, 0, 0), -EINVAL);
	CHECK_RET(sync_buf(fd, h, one, 0, PAGE + 1), -EINVAL);
	CHECK_RET(sync_buf(fd, h, one, 1, PAGE), -EINVAL);
	CHECK_RET(sync_buf(fd, h, one, ~0ULL, 2), -EINVAL);
	CHECK_RET(sync_buf(fd, HANDLE_NONE, one, 0, PAGE), -ENOENT);
	CHECK_RET(sync_buf(fd, region_get(fd, MMAPDEMO_REGION_EXAMPLE).out_handle, one, 0, PAGE),
		  -EINVAL);
}

/* Bounce buffers or not: what a transfer brought is not overwritten by what was there before. */
static void buf_sync_after_a_transfer_keeps_its_bytes(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
	char *p = map_rw(fd, PAGE, a.out_offset);

	(void)arg;
	fill(p, PAGE, 1);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, a.out_handle, 0, dev, 0, PAGE, NULL));
	fill(p, PAGE, 2);
	CHECK_OK(sync_buf(fd, a.out_handle, MMAPDEMO_SYNC_FOR_CPU, 0, PAGE));
	CHECK_EQ(differs(p, PAGE, 2), PAGE);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, a.out_handle, 0, dev, 0, PAGE, NULL));
	CHECK_OK(sync_buf(fd, a.out_handle, MMAPDEMO_SYNC_FOR_CPU, 0, PAGE));
	CHECK_EQ(differs(p, PAGE, 1), PAGE);
}

void register_technique_memory(void)
{
	TEST_ADD(noncontig_larger_than_any_contiguous_buffer);
	TEST_ADD(noncontig_page_outlives_buffer_in_a_pipe);
	TEST_ADD(pages_write_combining);
	TEST_ADD(pages_uncached);
	TEST_ADD_SLOW(pages_of_changing_type_in_turn, 20000);
	TEST_ADD(buf_sync_of_every_technique);
	TEST_ADD(buf_sync_bad_arguments);
	TEST_ADD(buf_sync_after_a_transfer_keeps_its_bytes);
}
