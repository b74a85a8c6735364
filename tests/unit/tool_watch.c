// SPDX-License-Identifier: MIT
/*
 * tool_watch.c - what `mmapdemo watch` makes of two looks at the counters.
 */
#include "unit.h"

#include <math.h>

#include <mmapdemo/mmapdemo.h>

#include "watch.h"

static struct watch_sample sample(uint64_t seconds, uint64_t count)
{
	struct watch_sample s = { .ns = seconds * 1000000000ULL };

	for (int i = 0; i < WATCH_COUNTERS; i++)
		s.count[i] = count;
	return s;
}

static void every_counter_is_a_register(void **state)
{
	(void)state;
	for (int i = 0; i < WATCH_COUNTERS; i++) {
		const struct mmd_reg *reg = mmd_reg_by_name(watch_register((enum watch_counter)i));

		assert_non_null(reg);
		assert_int_equal(reg->width, 8);
	}
}

static void rates_are_per_second(void **state)
{
	struct watch_sample a = sample(10, 5), b = sample(14, 5);
	struct watch_rates r;

	(void)state;
	b.count[WATCH_DMA_OPS] += 8;
	b.count[WATCH_Q_DONE] += 400;
	b.count[WATCH_DMA_TO_DEV] += 100;
	b.count[WATCH_DMA_FROM_DEV] += 200;
	b.count[WATCH_Q_BYTES] += 100;
	b.count[WATCH_DMA_ERRORS] += 1;
	b.count[WATCH_Q_FAILED] += 2;
	b.count[WATCH_USER_BAD] += 1;
	b.count[WATCH_IRQ_RAISED] += 12;
	b.count[WATCH_LOCK_HOLDS] += 4;
	b.count[WATCH_LOCK_NS] += 1000;
	watch_rates(&a, &b, &r);
	assert_true(r.transfers == 2 && r.completions == 100 && r.bytes == 100);
	assert_true(r.errors == 1 && r.interrupts == 3 && r.lock_ns == 250);
}

static void own_reads_are_taken_off(void **state)
{
	struct watch_sample a = sample(0, 0), b = sample(1, 0);
	struct watch_rates r;

	(void)state;
	a.own_reads = 100;
	b.own_reads = 146;
	b.count[WATCH_RD_ALL] = 50;
	b.count[WATCH_WR_ALL] = 3;
	watch_rates(&a, &b, &r);
	assert_true(r.registers == 4 + 3);
	/* Never fewer than none, should another's reset have eaten some. */
	b.count[WATCH_RD_ALL] = 10;
	watch_rates(&a, &b, &r);
	assert_true(r.registers == 3);
}

static void counter_that_was_reset_counts_from_0(void **state)
{
	struct watch_sample a = sample(0, 1000), b = sample(1, 0);
	struct watch_rates r;

	(void)state;
	b.count[WATCH_Q_DONE] = 7;
	watch_rates(&a, &b, &r);
	assert_true(r.completions == 7 && r.transfers == 0);
}

static void what_is_not_known_is_no_number(void **state)
{
	struct watch_sample a = sample(0, 0), b = sample(1, 0);
	struct watch_rates r;

	(void)state;
	watch_rates(&a, &b, &r);
	assert_true(isnan(r.faults) && isnan(r.lock_ns));
	a.map.known = b.map.known = true;
	a.map.faults = 10;
	b.map.faults = 25;
	watch_rates(&a, &b, &r);
	assert_true(r.faults == 15);
	/* One of the processes has left. */
	b.map.faults = 9;
	watch_rates(&a, &b, &r);
	assert_true(isnan(r.faults));
}

static int asked[8], num_asked;

static uint64_t faults_of(int pid)
{
	assert_true((size_t)num_asked < ARRAY_SIZE(asked));
	asked[num_asked++] = pid;
	return (uint64_t)pid;
}

static void mappings_are_added_up_by_process(void **state)
{
	struct watch_mappings map;

	(void)state;
	num_asked = 0;
	assert_int_equal(watch_parse_mappings("pid handle off len vmas\n"
					      "12 5 0x0 0x1000 1\n"
					      "13 6 0x200000 0x200000 2\n"
					      "12 7 0x0 0x3000 1\n"
					      "99 8 0x0 0x9000 1\n", 99, faults_of, &map), 0);
	assert_true(map.known);
	assert_int_equal(map.mappings, 3);
	assert_int_equal(map.processes, 2);
	assert_int_equal(map.bytes, 0x204000);
	assert_int_equal(map.faults, 25);
	assert_int_equal(num_asked, 2);
	assert_int_equal(watch_parse_mappings("pid handle off len vmas\n", 99, faults_of, &map), 0);
	assert_true(map.known);
	assert_int_equal(map.mappings, 0);
}

static void strange_mappings_are_refused(void **state)
{
	static const char *const texts[] = {
		"", "\n", "handle pid\n", "pid handle off len vmas", "pid handle\nx\n",
		"pid handle\n12 5 0x0\n", "pid handle\n12 5 0x0 0x1000 1",
	};
	struct watch_mappings map;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		num_asked = 0;
		if (!watch_parse_mappings(texts[i], 99, faults_of, &map) || map.known)
			fail_msg("'%s' passed", texts[i]);
	}
}

static void rate_has_three_digits_and_a_unit(void **state)
{
	static const struct {
		double value;
		const char *text;
	} known[] = {
		{ 0, "0" }, { 1, "1" }, { 999.4, "999" }, { 999.6, "1.00k" }, { 1234, "1.23k" },
		{ 12345, "12.3k" }, { 99960, "100k" }, { 123456, "123k" }, { 999600, "1.00M" }, { 4.2e9, "4.20G" },
		{ 5e12, "5.00T" }, { 7e16, "70000T" }, { NAN, "-" },
	};
	char text[16];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_string_equal(watch_rate_text(known[i].value, text, sizeof(text)),
				    known[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_counter_is_a_register),
		cmocka_unit_test(rates_are_per_second),
		cmocka_unit_test(own_reads_are_taken_off),
		cmocka_unit_test(counter_that_was_reset_counts_from_0),
		cmocka_unit_test(what_is_not_known_is_no_number),
		cmocka_unit_test(mappings_are_added_up_by_process),
		cmocka_unit_test(strange_mappings_are_refused),
		cmocka_unit_test(rate_has_three_digits_and_a_unit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
