// SPDX-License-Identifier: MIT
/*
 * policy_memory.c - the driver's refusals (kernel/policy.c) of BUF_PIN, BUF_SYNC and of flags,
 * against models that compute in 128 bits.
 *
 * Not for: mapping, allocation, transfers and registers, see policy.c.
 */
#include <errno.h>

#include "unit.h"

#include "policy.h"

typedef unsigned __int128 u128;

static uint64_t seed = 7;

static uint64_t rnd(void)
{
	return next_random(&seed);
}

/* Around 0, the given number, and the ends of the type; whole pages as often as not. */
static uint64_t rnd_edge(uint64_t n)
{
	uint64_t small = rnd() % 2 ? 4096 * (rnd() % 5 - 2) : rnd() % 5 - 2;

	switch (rnd() % 5) {
	case 0:
		return small;
	case 1:
		return n + small;
	case 2:
		return (1ULL << (12 + rnd() % 52)) + small;
	case 3:
		return rnd() & ~4095ULL;
	default:
		return rnd();
	}
}

static void pin_check_random_agrees_with_model(void **state)
{
	unsigned int good = 0, over = 0;
	int i;

	(void)state;
	for (i = 0; i < 2000000; i++) {
		uint64_t max_bytes = rnd() % 2 ? 256 << 20 : UINT64_MAX;
		struct mmapdemo_buf_pin p = {
			.flags = rnd() % 8 ? rnd() % 2 : rnd(),
			.addr = rnd_edge(1ULL << 47),
			.len = rnd_edge(rnd() % 2 ? max_bytes : MMAPDEMO_OBJECT_MAX),
			.reserved = rnd() % 8 ? 0 : rnd(),
		};
		bool fine = !(p.flags & ~1U) && !p.reserved && p.addr % 4096 == 0 &&
			    p.len % 4096 == 0 && p.len && p.len <= MMAPDEMO_OBJECT_MAX &&
			    (u128)p.addr + p.len <= UINT64_MAX;
		int want = !fine ? -EINVAL : p.len > max_bytes ? -EDQUOT : 0;

		good += want == 0;
		over += want == -EDQUOT;
		assert_int_equal(mmapdemo_pin_check(&p, 4096, max_bytes), want);
	}
	/* The generator must reach all three answers. */
	assert_in_range(good, 1000, 1999000);
	assert_in_range(over, 1000, 1999000);
}

static void sync_check_random_agrees_with_model(void **state)
{
	unsigned int good = 0;
	int i;

	(void)state;
	for (i = 0; i < 2000000; i++) {
		uint64_t buf_len = 4096 * (1 + rnd() % 64);
		bool is_ram = rnd() % 4;
		struct mmapdemo_buf_sync s = {
			.flags = rnd() % 8 ? rnd() % 4 : rnd(),
			.off = rnd_edge(buf_len),
			.len = rnd_edge(buf_len),
		};
		bool fine = is_ram && (s.flags == 1 || s.flags == 2) && s.len &&
			    (u128)s.off + s.len <= buf_len;

		good += fine;
		assert_int_equal(mmapdemo_sync_check(&s, buf_len, is_ram), fine ? 0 : -EINVAL);
	}
	assert_in_range(good, 1000, 1999000);
}

/* FAULT_AROUND means something to one technique only; no other flag to any. */
static void flags_check_every_technique(void **state)
{
	uint32_t technique, flags;

	(void)state;
	for (technique = 0; technique <= MMAPDEMO_TECH_MAX + 1; technique++) {
		for (flags = 0; flags < 16; flags++) {
			bool fine = flags < 2 ||
				    (flags < 4 && technique == MMAPDEMO_TECH_BAR_FAULT);

			assert_int_equal(mmapdemo_flags_check(technique, flags),
					 fine ? 0 : -EINVAL);
		}
		assert_int_equal(mmapdemo_flags_check(technique, 1U << 31), -EINVAL);
	}
}

static void device_check_refuses_to_write_what_it_may_only_read(void **state)
{
	struct mmapdemo_object obj = { .len = 4096 };

	(void)state;
	for (obj.attrs = 0; obj.attrs < 0x100; obj.attrs++) {
		assert_int_equal(mmapdemo_device_check(&obj, false), 0);
		assert_int_equal(mmapdemo_device_check(&obj, true),
				 obj.attrs & MMAPDEMO_OBJ_DEV_READS ? -EACCES : 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pin_check_random_agrees_with_model),
		cmocka_unit_test(sync_check_random_agrees_with_model),
		cmocka_unit_test(flags_check_every_technique),
		cmocka_unit_test(device_check_refuses_to_write_what_it_may_only_read),
	};

	return cmocka_run_group_tests_name("policy_memory", tests, NULL, NULL);
}
