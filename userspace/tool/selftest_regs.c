// SPDX-License-Identifier: MIT
/*
 * selftest_regs.c - checks of the registers: by ioctl, and through the mapped user page.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "selftest.h"

static volatile void *user_reg(const struct selftest *st, uint32_t reg)
{
	return mmd_mmio_at(st->user_page.ptr, reg - MMAPDEMO_USER_BASE);
}

static int read_reg(struct selftest *st, uint32_t offset, uint64_t *value)
{
	const struct mmd_reg *reg = mmd_reg_by_offset(offset);
	int ret;

	ret = mmd_reg_read(st->tool->dev, offset, reg->width, value);
	return ret ? check_call(st, MMD_CALL_REG_READ, ret, reg->name) : CHECK_OK;
}

int check_identity(struct selftest *st, uint32_t arg)
{
	uint64_t id, version;
	uint32_t mapped;

	(void)arg;
	if (read_reg(st, MMAPDEMO_REG_ID, &id) || read_reg(st, MMAPDEMO_REG_VERSION, &version))
		return CHECK_FAILED;
	mapped = mmd_mmio_read32(user_reg(st, MMAPDEMO_REG_USER_ID));
	if (id != MMAPDEMO_ID || mapped != MMAPDEMO_ID)
		return check_fail(st, "ID is 0x%" PRIx64 ", USER_ID 0x%x, both should be 0x%x", id,
				  mapped, MMAPDEMO_ID);
	mapped = mmd_mmio_read32(user_reg(st, MMAPDEMO_REG_USER_VERSION));
	if (version != st->info.hw_version || mapped != version)
		return check_fail(st, "VERSION is 0x%" PRIx64 ", USER_VERSION 0x%x, the driver says 0x%x",
				  version, mapped, st->info.hw_version);
	if (version >> MMAPDEMO_VERSION_MAJOR_SHIFT != MMAPDEMO_VERSION_MAJOR)
		return check_fail(st, "device contract %" PRIu64 " is not the %u of this program",
				  version >> MMAPDEMO_VERSION_MAJOR_SHIFT, MMAPDEMO_VERSION_MAJOR);
	snprintf(st->detail, sizeof(st->detail), "%s, contract %" PRIu64 ".%" PRIu64,
		 st->info.bus_id, version >> MMAPDEMO_VERSION_MAJOR_SHIFT,
		 version & MMAPDEMO_VERSION_MINOR_MASK);
	return CHECK_OK;
}

int check_registers(struct selftest *st, uint32_t arg)
{
	const struct mmd_reg *regs;
	size_t count, i, read = 0;
	uint64_t value;

	(void)arg;
	regs = mmd_reg_table(&count);
	for (i = 0; i < count; i++) {
		if (regs[i].scope != MMD_REG_PUBLIC || regs[i].access == MMD_REG_WO)
			continue;
		if (read_reg(st, regs[i].offset, &value))
			return CHECK_FAILED;
		/* What can be written may hold anything, and the mask can be all ones by right. */
		read++;
		if (regs[i].access != MMD_REG_RO || regs[i].offset == MMAPDEMO_REG_DMA_MASK)
			continue;
		if (value == (regs[i].width == 4 ? UINT32_MAX : UINT64_MAX))
			return check_fail(st, "%s reads all ones, as an absent device does",
					  regs[i].name);
	}
	snprintf(st->detail, sizeof(st->detail), "%zu read", read);
	return CHECK_OK;
}

/* Written by mapping, read by ioctl, and the other way round; the values before are put back. */
int check_scratch(struct selftest *st, uint32_t arg)
{
	static const uint64_t patterns[] = {
		0, UINT64_MAX, 0x0123456789abcdef, 0xaaaaaaaa55555555,
	};
	volatile void *s32 = user_reg(st, MMAPDEMO_REG_SCRATCH32);
	volatile void *s64 = user_reg(st, MMAPDEMO_REG_SCRATCH64);
	uint32_t old32 = mmd_mmio_read32(s32);
	uint64_t old64 = mmd_mmio_read64(s64);
	uint64_t by_ioctl32, by_ioctl64;
	size_t i;
	int ret;

	(void)arg;
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		uint64_t p = patterns[i];

		mmd_mmio_write32(s32, (uint32_t)p);
		mmd_mmio_write64(s64, p);
		if (read_reg(st, MMAPDEMO_REG_SCRATCH32, &by_ioctl32) ||
		    read_reg(st, MMAPDEMO_REG_SCRATCH64, &by_ioctl64))
			return CHECK_FAILED;
		if (by_ioctl32 != (uint32_t)p || by_ioctl64 != p)
			return check_fail(st, "stored 0x%" PRIx64 ", ioctl reads 0x%" PRIx64 " and 0x%" PRIx64,
					  p, by_ioctl32, by_ioctl64);
		ret = mmd_reg_write(st->tool->dev, MMAPDEMO_REG_SCRATCH64, 8, ~p);
		if (ret)
			return check_call(st, MMD_CALL_REG_WRITE, ret, "SCRATCH64");
		if (mmd_mmio_read64(s64) != ~p)
			return check_fail(st, "ioctl wrote 0x%" PRIx64 ", the mapping reads 0x%" PRIx64,
					  ~p, mmd_mmio_read64(s64));
	}
	mmd_mmio_write32(s32, old32);
	mmd_mmio_write64(s64, old64);
	return CHECK_OK;
}

/* At least as many as were made: other users of the device count too. */
int check_counters(struct selftest *st, uint32_t arg)
{
	enum { READS = 100 };
	uint64_t before, after;
	int i;

	(void)arg;
	before = mmd_mmio_read64(user_reg(st, MMAPDEMO_REG_CNT_RD32));
	for (i = 0; i < READS; i++)
		mmd_mmio_read32(user_reg(st, MMAPDEMO_REG_SCRATCH32));
	after = mmd_mmio_read64(user_reg(st, MMAPDEMO_REG_CNT_RD32));
	if (after - before < READS)
		return check_fail(st, "%d loads from the mapping were counted as %" PRIu64, READS,
				  after - before);
	snprintf(st->detail, sizeof(st->detail), "%d loads counted as %" PRIu64, READS,
		 after - before);
	return CHECK_OK;
}

int check_clock(struct selftest *st, uint32_t arg)
{
	volatile void *clock = user_reg(st, MMAPDEMO_REG_CLOCK_NS);
	uint64_t last = mmd_mmio_read64(clock), first = last, now;
	int i;

	(void)arg;
	for (i = 0; i < 1000; i++) {
		now = mmd_mmio_read64(clock);
		if (now < last)
			return check_fail(st, "it went back from %" PRIu64 " to %" PRIu64, last, now);
		last = now;
	}
	if (last == first)
		return check_fail(st, "it stands still at %" PRIu64, last);
	return CHECK_OK;
}
