// SPDX-License-Identifier: MIT
/*
 * alias.c - BAR5, the first bytes of BAR2 through dispatch: who may have it, and that it shows the same
 * bytes, each access counted by its width. What holds for every mapping is walked in map_*.c.
 */
#include <errno.h>
#include <unistd.h>

#include "queue.h"

static void alias_region_needs_o_excl(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_ALIAS), other;
	u32 window;

	(void)arg;
	CHECK_EQ(r.out_len, MMAPDEMO_BAR_ALIAS_SIZE);
	CHECK_EQ(r.out_technique, MMAPDEMO_TECH_BAR);
	CHECK_EQ(r.out_cache, MMAPDEMO_CACHE_UC);
	/* Registers to the processor, and nothing a device could reach. */
	CHECK_RET(window_try_create(fd, r.out_handle, WINDOW_RW, 0, PAGE, &window), -EINVAL);
	CHECK_RET(buf_free(fd, r.out_handle), -EINVAL);
	close(fd);
	fd = dev_open(O_RDWR);
	CHECK_RET(region_info(fd, MMAPDEMO_REGION_ALIAS, &other), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, r.out_offset, NULL), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r.out_offset, NULL),
		  -EPERM);
	CHECK_EQ(pread(fd, &window, 4, r.out_offset), -1);
	CHECK_EQ(errno, EPERM);
}

static void alias_shows_the_bytes_of_bar2_and_counts_each_access(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info a = region_get(fd, MMAPDEMO_REGION_ALIAS);
	struct mmapdemo_region_info m = region_get(fd, MMAPDEMO_REGION_MEM);
	volatile unsigned char *alias = map_rw(fd, a.out_len, a.out_offset);
	unsigned char *mem = map_rw(fd, a.out_len, m.out_offset);
	u64 rd = counter(fd, MMAPDEMO_REG_CNT_ALIAS_RD8);
	u64 wr = counter(fd, MMAPDEMO_REG_CNT_ALIAS_WR8);
	u64 rd64 = counter(fd, MMAPDEMO_REG_CNT_ALIAS_RD64);
	u64 wr32 = counter(fd, MMAPDEMO_REG_CNT_ALIAS_WR32);
	u64 sum = 0;

	(void)arg;
	fill(mem, a.out_len, 1);
	for (u32 off = 0; off < a.out_len; off += 1031, rd++) {
		CHECK_EQ(alias[off], mem[off]);
		alias[off] = 0x77;
		CHECK_EQ(mem[off], 0x77);
		wr++;
	}
	CHECK_EQ(alias[a.out_len - 1], mem[a.out_len - 1]);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_ALIAS_RD8), rd + 1);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_ALIAS_WR8), wr);
	for (u32 i = 0; i < 100; i++) {
		sum += ((volatile u64 *)alias)[i] - ((u64 *)mem)[i];
		((volatile u32 *)alias)[i] = i;
	}
	CHECK_EQ(sum, 0);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_ALIAS_RD64) - rd64, 100);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_ALIAS_WR32) - wr32, 100);
	CHECK_EQ(((u32 *)mem)[99], 99);
}

void register_alias(void)
{
	TEST_ADD(alias_region_needs_o_excl);
	TEST_ADD(alias_shows_the_bytes_of_bar2_and_counts_each_access);
}
