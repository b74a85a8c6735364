// SPDX-License-Identifier: MIT
/*
 * ioctl_abi.c - the shape of every call: its size member, its flags, its reserved members, its
 * number. Walks MMAPDEMO_IOCTLS, so that a call added to the contract is tested from then on.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ioctl_valid.h"

#define POISON	0xa5

static const struct ioctl_desc *walk(const void *arg)
{
	return arg;
}

/* A call that must fail: it writes nothing. */
static void refused(struct ioctl_env *e, const struct ioctl_desc *d, void *arg, size_t len, int err)
{
	unsigned char *before = malloc(len);
	int ret;

	CHECK(before);
	memcpy(before, arg, len);
	ret = call(e->fd, d->cmd, arg);
	if (ret != err)
		FAIL("%s: %s, wanted %s", d->name, errno_word(ret), errno_word(err));
	CHECK(!memcmp(before, arg, len));
	free(before);
}

static void size_smaller_einval(const void *arg)
{
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[512] = { 0 };

	ioctl_env_get(&e);
	for (u32 size = 0; size < (d->min_size ? d->min_size : d->size); size++) {
		ioctl_valid(&e, d, buf);
		memcpy(buf, &size, 4);
		refused(&e, d, buf, d->size, -EINVAL);
	}
}

/* The same call, valid, is granted: it was the size alone. Twice, since some calls use things up. */
static void size_exact_is_granted(const void *arg)
{
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[512];

	ioctl_env_get(&e);
	for (int i = 0; i < 2; i++) {
		memset(buf, POISON, sizeof(buf));
		ioctl_valid(&e, d, buf);
		CHECK_OK(call(e.fd, d->cmd, buf));
		/* Not one byte behind the structure is written. */
		CHECK_EQ(first_not(buf + d->size, sizeof(buf) - d->size, POISON),
			 sizeof(buf) - d->size);
		CHECK_EQ(*(u32 *)buf, d->size);
	}
}

static void size_larger_with_zero_tail_is_granted(const void *arg)
{
	static const u32 more[] = { 1, 3, 4, 8, 64, 2048 };
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[4096];

	ioctl_env_get(&e);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		u32 size = d->size + more[i];

		memset(buf, POISON, sizeof(buf));
		memset(buf, 0, size);
		ioctl_valid(&e, d, buf);
		memcpy(buf, &size, 4);
		CHECK_OK(call(e.fd, d->cmd, buf));
		/* The tail stays zero, and what is behind it stays. */
		CHECK_EQ(first_not(buf + d->size, more[i], 0), more[i]);
		CHECK_EQ(first_not(buf + size, sizeof(buf) - size, POISON), sizeof(buf) - size);
	}
}

static void size_larger_with_tail_e2big(const void *arg)
{
	static const u32 more[] = { 1, 2, 4, 7, 8, 64, 1024 };
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[2048];

	ioctl_env_get(&e);
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		u32 size = d->size + more[i];

		memset(buf, 0, sizeof(buf));
		ioctl_valid(&e, d, buf);
		memcpy(buf, &size, 4);
		buf[size - 1] = 1;
		refused(&e, d, buf, sizeof(buf), -E2BIG);
		buf[size - 1] = 0;
		buf[d->size] = 1;
		refused(&e, d, buf, sizeof(buf), -E2BIG);
	}
}

/* Sizes no structure will ever have: refused without a long look at the caller's memory. */
static void size_absurd_is_refused(const void *arg)
{
	static const u32 sizes[] = { 0x10000, 0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff };
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[512] = { 0 };

	ioctl_env_get(&e);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int ret;

		ioctl_valid(&e, d, buf);
		memcpy(buf, &sizes[i], 4);
		ret = call(e.fd, d->cmd, buf);
		if (ret != -E2BIG && ret != -EFAULT)
			FAIL("size %#x: %s, wanted E2BIG (or EFAULT where the tail is not mapped)",
			     sizes[i], errno_word(ret));
	}
}

static void unknown_flags_einval(const void *arg)
{
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[512] = { 0 };

	ioctl_env_get(&e);
	for (int bit = 0; bit < 32; bit++) {
		u32 flags;

		if (d->known_flags & (1u << bit))
			continue;
		ioctl_valid(&e, d, buf);
		memcpy(&flags, buf + 4, 4);
		flags |= 1u << bit;
		memcpy(buf + 4, &flags, 4);
		refused(&e, d, buf, d->size, -EINVAL);
	}
}

static void reserved_not_zero_einval(const void *arg)
{
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char buf[512] = { 0 };

	ioctl_env_get(&e);
	for (int bit = 0; bit < 32; bit++) {
		u32 value = 1u << bit;

		ioctl_valid(&e, d, buf);
		memcpy(buf + d->reserved, &value, 4);
		refused(&e, d, buf, d->size, -EINVAL);
	}
}

/* What the kernel does not write stays, so that a caller can use its structure again. */
static void inputs_are_left_alone(const void *arg)
{
	const struct ioctl_desc *d = walk(arg);
	struct ioctl_env e;
	char before[512], after[512];

	ioctl_env_get(&e);
	memset(before, 0, sizeof(before));
	ioctl_valid(&e, d, before);
	memcpy(after, before, sizeof(after));
	CHECK_OK(call(e.fd, d->cmd, after));
	for (u32 i = 0; i < d->size; i++) {
		if (!(i >= d->out_first && i < d->out_end) && before[i] != after[i])
			FAIL("byte %u of struct mmapdemo_%s changed", i, d->name);
	}
}

static void unknown_command_enotty(int fd, unsigned long cmd)
{
	char buf[512] = { 0 };
	u32 size = 64;
	int ret;

	memcpy(buf, &size, 4);
	ret = call(fd, cmd, buf);
	if (ret != -ENOTTY)
		FAIL("command %#lx: %s, wanted ENOTTY", cmd, errno_word(ret));
	CHECK_EQ(first_not(buf + 4, sizeof(buf) - 4, 0), sizeof(buf) - 4);
}

static bool is_a_call(unsigned long cmd)
{
	for (size_t i = 0; i < num_ioctls; i++) {
		if (ioctls[i].cmd == cmd)
			return true;
	}
	return false;
}

static void ioctl_unknown_command_enotty(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (unsigned int nr = 0; nr < 256; nr++) {
		/* Another type, a direction, a size: each makes it another command. */
		unknown_command_enotty(fd, _IO('M', nr));
		unknown_command_enotty(fd, _IOC(_IOC_READ | _IOC_WRITE, MMAPDEMO_IOC_TYPE, nr, 64));
		unknown_command_enotty(fd, _IOC(_IOC_NONE, MMAPDEMO_IOC_TYPE, nr, 8));
		if (!is_a_call(_IO(MMAPDEMO_IOC_TYPE, nr)))
			unknown_command_enotty(fd, _IO(MMAPDEMO_IOC_TYPE, nr));
	}
	unknown_command_enotty(fd, 0);
	unknown_command_enotty(fd, 0xffffffff);
	/* Only 32 bits count, as for every file. */
	CHECK_EQ(ioctl(fd, 0x5401 /* TCGETS */, NULL), -1);
	CHECK_EQ(errno, ENOTTY);
}

static void ioctl_numbers_are_those_of_the_contract(const void *arg)
{
	static const char *const names[] = {
		"info", "region_info", "buf_alloc", "buf_free", "buf_info", "map_info",
		"mem_cache_set", "reg_read", "reg_write", "dma_submit", "dma_wait", "eventfd_set",
		"queue_create", "queue_destroy", "queue_info", "window_create", "window_destroy",
	};

	(void)arg;
	CHECK(num_ioctls >= ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		CHECK_EQ(ioctls[i].cmd, 0xd700 + i);
		CHECK(!strcmp(ioctls[i].name, names[i]));
	}
}

static void info_tells_device_and_limits(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info i = info_get(fd);
	u64 value;

	(void)arg;
	CHECK_EQ(i.out_api_version, MMAPDEMO_API_VERSION);
	CHECK_EQ(i.out_hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT, MMAPDEMO_VERSION_MAJOR);
	CHECK_EQ(i.out_features & MMAPDEMO_FEATURE_DMA_ONESHOT, MMAPDEMO_FEATURE_DMA_ONESHOT);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_FEATURES, 8, &value));
	CHECK_EQ(i.out_features, value);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_MEM_SIZE, 8, &value));
	CHECK_EQ(i.out_mem_size, value);
	CHECK_EQ(i.out_mem_free, value);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_DMA_MASK, 8, &value));
	CHECK_EQ(i.out_dma_mask, value);
	CHECK_EQ(i.out_dma_max_len, MMAPDEMO_DMA_MAX_LEN);
	CHECK_EQ(i.out_page_size, PAGE);
	CHECK_EQ(i.out_mem_cache, MMAPDEMO_CACHE_WC);
	CHECK(i.out_max_contig >= PAGE && i.out_max_bytes >= i.out_max_contig);
	CHECK(i.out_max_bufs && i.out_max_transfers);
	CHECK_EQ(!!(i.out_state & MMAPDEMO_STATE_RAW_BAR), raw_bar_allowed());
	CHECK_EQ(i.out_state & MMAPDEMO_STATE_EXCLUSIVE, 0);
	CHECK(dev_bus_id() && !strcmp(i.out_bus_id, dev_bus_id()));
	CHECK_EQ(first_not(i.out_bus_id + strlen(i.out_bus_id),
			   sizeof(i.out_bus_id) - strlen(i.out_bus_id), 0),
		 sizeof(i.out_bus_id) - strlen(i.out_bus_id));
	CHECK_EQ(i.out_instance, strtoul(dev_node() + strlen("/dev/mmapdemo"), NULL, 10));
	CHECK_EQ(i.size, sizeof(i));
}

static void each_ioctl(test_fn fn, bool (*has)(const struct ioctl_desc *), const char *what)
{
	for (size_t i = 0; i < num_ioctls; i++) {
		if (!has || has(&ioctls[i]))
			test_add(fn, &ioctls[i], 0, "ioctl_%s_%s", ioctls[i].name, what);
	}
}

static bool has_reserved(const struct ioctl_desc *d)
{
	return d->reserved != 0;
}

void register_ioctl_abi(void)
{
	TEST_ADD(info_tells_device_and_limits);
	TEST_ADD(ioctl_numbers_are_those_of_the_contract);
	TEST_ADD(ioctl_unknown_command_enotty);
	each_ioctl(size_smaller_einval, NULL, "size_smaller_einval");
	each_ioctl(size_exact_is_granted, NULL, "size_exact_is_granted");
	each_ioctl(size_larger_with_zero_tail_is_granted, NULL,
		   "size_larger_with_zero_tail_is_granted");
	each_ioctl(size_larger_with_tail_e2big, NULL, "size_larger_with_tail_e2big");
	each_ioctl(size_absurd_is_refused, NULL, "size_absurd_is_refused");
	each_ioctl(unknown_flags_einval, NULL, "unknown_flags_einval");
	each_ioctl(reserved_not_zero_einval, has_reserved, "reserved_not_zero_einval");
	each_ioctl(inputs_are_left_alone, NULL, "inputs_are_left_alone");
}
