// SPDX-License-Identifier: MIT
/*
 * tool_parse.c - numbers, sizes, times and targets as people type and mistype them.
 */
#include <errno.h>

#include "unit.h"

#include "parse.h"

#define OK	0
#define BAD	-EINVAL
#define BIG	-ERANGE

struct number {
	const char *text;
	int ret;
	uint64_t value;
};

static void check_numbers(int (*parse)(const char *, uint64_t *), const struct number *cases,
			  size_t count)
{
	uint64_t value;
	size_t i;
	int ret;

	for (i = 0; i < count; i++) {
		poison(&value, sizeof(value));
		ret = parse(cases[i].text, &value);
		if (ret != cases[i].ret)
			fail_msg("\"%s\": %d instead of %d", cases[i].text, ret, cases[i].ret);
		if (ret)
			assert_true(is_poisoned(&value, sizeof(value)));
		else if (value != cases[i].value)
			fail_msg("\"%s\": %llu instead of %llu", cases[i].text,
				 (unsigned long long)value, (unsigned long long)cases[i].value);
	}
}

static void u64_forms(void **state)
{
	static const struct number cases[] = {
		{ "0", OK, 0 }, { "00", OK, 0 }, { "010", OK, 10 }, { "0x0", OK, 0 },
		{ "0x10", OK, 16 }, { "0X1f", OK, 31 }, { "0xFfFf", OK, 65535 },
		{ "18446744073709551615", OK, UINT64_MAX },
		{ "18446744073709551616", BIG, 0 }, { "18446744073709551620", BIG, 0 },
		{ "99999999999999999999", BIG, 0 },
		{ "0xffffffffffffffff", OK, UINT64_MAX }, { "0x10000000000000000", BIG, 0 },
		{ "0x00000000000000000001", OK, 1 },
		{ "", BAD, 0 }, { " ", BAD, 0 }, { " 1", BAD, 0 }, { "1 ", BAD, 0 },
		{ "-1", BAD, 0 }, { "+1", BAD, 0 }, { "0x", BAD, 0 }, { "0xg", BAD, 0 },
		{ "x10", BAD, 0 }, { "1a", BAD, 0 }, { "1.5", BAD, 0 }, { "1e3", BAD, 0 },
		{ "one", BAD, 0 }, { "0b1", BAD, 0 }, { "1\n", BAD, 0 }, { "4K", BAD, 0 },
		{ "\xb2", BAD, 0 },
	};

	(void)state;
	check_numbers(parse_u64, cases, ARRAY_SIZE(cases));
}

static void size_forms(void **state)
{
	static const struct number cases[] = {
		{ "4096", OK, 4096 }, { "0x1000", OK, 4096 }, { "4K", OK, 4096 }, { "4k", OK, 4096 },
		{ "4KiB", OK, 4096 }, { "2M", OK, 2 << 20 }, { "2MiB", OK, 2 << 20 },
		{ "2mib", OK, 2 << 20 }, { "3G", OK, 3ULL << 30 }, { "1TiB", OK, 1ULL << 40 },
		{ "512B", OK, 512 }, { "0", OK, 0 }, { "0K", OK, 0 }, { "0x10K", OK, 16384 },
		{ "16777215T", OK, 16777215ULL << 40 }, { "16777216T", BIG, 0 },
		{ "17179869184G", BIG, 0 }, { "18446744073709551615K", BIG, 0 },
		{ "18446744073709551616", BIG, 0 },
		{ "4KB", BAD, 0 }, { "4 K", BAD, 0 }, { "-4K", BAD, 0 }, { "K", BAD, 0 },
		{ "1.5M", BAD, 0 }, { "4KK", BAD, 0 }, { "4X", BAD, 0 }, { "", BAD, 0 },
		{ "4Ki", BAD, 0 },
	};

	(void)state;
	check_numbers(parse_size, cases, ARRAY_SIZE(cases));
}

static void duration_forms(void **state)
{
	static const struct number cases[] = {
		{ "5", OK, 5000000000 }, { "5s", OK, 5000000000 }, { "200ms", OK, 200000000 },
		{ "7us", OK, 7000 }, { "9ns", OK, 9 }, { "2m", OK, 120000000000 }, { "0", OK, 0 },
		{ "18446744073", OK, 18446744073000000000ULL }, { "18446744074", BIG, 0 },
		{ "-1s", BAD, 0 }, { "s", BAD, 0 }, { "5h", BAD, 0 }, { "", BAD, 0 },
	};

	(void)state;
	check_numbers(parse_duration, cases, ARRAY_SIZE(cases));
}

static void pattern_forms(void **state)
{
	struct pattern pattern;

	(void)state;
	assert_int_equal(parse_pattern("0xaa", &pattern), 0);
	assert_int_equal(pattern.kind, PATTERN_BYTE);
	assert_int_equal(pattern.byte, 0xaa);
	assert_int_equal(parse_pattern("255", &pattern), 0);
	assert_int_equal(pattern.byte, 255);
	assert_int_equal(parse_pattern("COUNTER", &pattern), 0);
	assert_int_equal(pattern.kind, PATTERN_COUNTER);
	poison(&pattern, sizeof(pattern));
	assert_int_equal(parse_pattern("256", &pattern), -ERANGE);
	assert_int_equal(parse_pattern("", &pattern), -EINVAL);
	assert_int_equal(parse_pattern("-1", &pattern), -EINVAL);
	assert_int_equal(parse_pattern("counters", &pattern), -EINVAL);
	assert_true(is_poisoned(&pattern, sizeof(pattern)));
}

static void target_forms(void **state)
{
	static const struct {
		const char *text;
		int ret;
		enum target_kind kind;
		uint32_t id;
		uint64_t offset;
	} cases[] = {
		{ "SCRATCH32", OK, TARGET_REGISTER, 0, MMAPDEMO_REG_SCRATCH32 },
		{ "scratch64", OK, TARGET_REGISTER, 0, MMAPDEMO_REG_SCRATCH64 },
		{ "MMAPDEMO_REG_ID", OK, TARGET_REGISTER, 0, MMAPDEMO_REG_ID },
		{ "0x10008", OK, TARGET_OFFSET, 0, 0x10008 },
		{ "0", OK, TARGET_OFFSET, 0, 0 }, { "0x1fffc", OK, TARGET_OFFSET, 0, 0x1fffc },
		{ "0x20000", OK, TARGET_OFFSET, 0, 0x20000 },
		{ "0x21ffff", OK, TARGET_OFFSET, 0, 0x21ffff }, { "0x220000", BIG, 0, 0, 0 },
		{ "Q0.STATE", OK, TARGET_REGISTER, 0, 0x4024 },
		{ "q63.base", OK, TARGET_REGISTER, 0, 0x4fc0 }, { "Q64.BASE", BIG, 0, 0, 0 },
		{ "W0.CFG", OK, TARGET_REGISTER, 0, 0x20018 },
		{ "w65535.status", OK, TARGET_REGISTER, 0, 0x21fffc }, { "W65536.CFG", BIG, 0, 0, 0 },
		{ "Q99999999999999999999.STATE", BIG, 0, 0, 0 }, { "Q.STATE", BAD, 0, 0, 0 },
		{ "Q0STATE", BAD, 0, 0, 0 }, { "Q0.", BAD, 0, 0, 0 }, { "Q0.CFG", BAD, 0, 0, 0 },
		{ "W0.STATE", BAD, 0, 0, 0 }, { "Q-1.STATE", BAD, 0, 0, 0 }, { "R0.STATE", BAD, 0, 0, 0 },
		{ "alias+8", OK, TARGET_REGION, MMAPDEMO_REGION_ALIAS, 8 }, { "99999999999999999999", BIG, 0, 0, 0 },
		{ "mem", OK, TARGET_REGION, MMAPDEMO_REGION_MEM, 0 },
		{ "mem+0x100", OK, TARGET_REGION, MMAPDEMO_REGION_MEM, 0x100 },
		{ "mem+4K", OK, TARGET_REGION, MMAPDEMO_REGION_MEM, 4096 },
		{ "user-page+8", OK, TARGET_REGION, MMAPDEMO_REGION_USER_PAGE, 8 },
		{ "example", OK, TARGET_REGION, MMAPDEMO_REGION_EXAMPLE, 0 },
		{ "vmalloc+16", OK, TARGET_BUFFER, MMAPDEMO_TECH_VMALLOC, 16 },
		{ "bar", OK, TARGET_BUFFER, MMAPDEMO_TECH_BAR, 0 },
		{ "mem+", BAD, 0, 0, 0 }, { "mem+-1", BAD, 0, 0, 0 }, { "mem++1", BAD, 0, 0, 0 },
		{ "mem-1", BAD, 0, 0, 0 }, { "mem+18446744073709551616", BIG, 0, 0, 0 },
		{ "SCRATCH32+4", BAD, 0, 0, 0 }, { "", BAD, 0, 0, 0 }, { "+4", BAD, 0, 0, 0 },
		{ "nothing", BAD, 0, 0, 0 }, { "-4", BAD, 0, 0, 0 },
		{ "a-name-that-is-far-longer-than-any-of-ours+4", BAD, 0, 0, 0 },
	};
	struct target target;
	size_t i;
	int ret;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		poison(&target, sizeof(target));
		ret = parse_target(cases[i].text, &target);
		if (ret != cases[i].ret)
			fail_msg("\"%s\": %d instead of %d", cases[i].text, ret, cases[i].ret);
		if (ret) {
			assert_true(is_poisoned(&target, sizeof(target)));
			continue;
		}
		assert_int_equal(target.kind, cases[i].kind);
		assert_int_equal(target.id, cases[i].id);
		assert_int_equal(target.offset, cases[i].offset);
	}
	assert_int_equal(parse_target("0x10008", &target), 0);
	assert_string_equal(target.reg->name, "SCRATCH32");
	assert_int_equal(parse_target("W3.LEN", &target), 0);
	assert_string_equal(target.reg->name, "LEN");
	assert_int_equal(target.reg->width, 8);
	assert_int_equal(parse_target("0x10009", &target), 0);
	assert_null(target.reg);
}

static void sizes_print_exactly_or_say_about(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{ 0, "0 B" }, { 1, "1 B" }, { 1023, "1023 B" }, { 1024, "1 KiB" },
		{ 1536, "about 1.5 KiB" }, { 4 << 20, "4 MiB" }, { 128 << 20, "128 MiB" },
		{ (128 << 20) - 4096, "about 128.0 MiB" }, { 1ULL << 40, "1 TiB" },
		{ UINT64_MAX, "about 16.0 EiB" }, { 1ULL << 63, "8 EiB" },
	};
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(format_size(cases[i].bytes, text, sizeof(text)), cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(u64_forms),
		cmocka_unit_test(size_forms),
		cmocka_unit_test(duration_forms),
		cmocka_unit_test(pattern_forms),
		cmocka_unit_test(target_forms),
		cmocka_unit_test(sizes_print_exactly_or_say_about),
	};

	return cmocka_run_group_tests_name("tool parsing", tests, NULL, NULL);
}
