// SPDX-License-Identifier: MIT
/*
 * test_verdict.c - which rows have which target, and what is made of a number.
 */
#include "../unit.h"

#include <math.h>
#include <stdio.h>

#include <result.h>

static enum mmb_verdict judge(const char *id, double median)
{
	return mmb_judge(mmb_target_find(id), median);
}

static void floor_and_ceiling(void **state)
{
	(void)state;
	assert_int_equal(judge("L1", 200), MMB_PASS);
	assert_int_equal(judge("L1", 199.9), MMB_FAIL);
	assert_int_equal(judge("L4.load", 0.97), MMB_PASS);
	assert_int_equal(judge("L4.load", 0.969), MMB_FAIL);
	assert_int_equal(judge("L4.load", 1.03), MMB_PASS);
	assert_int_equal(judge("L4.load", 1.031), MMB_FAIL);
	assert_int_equal(judge("D2", 4.5), MMB_PASS);
	assert_int_equal(judge("D2", 4.4), MMB_FAIL);
	assert_int_equal(judge("X1.load", 0), MMB_PASS);
	assert_int_equal(judge("X1.load", 1e-6), MMB_FAIL);
}

static void no_number_fails_where_judged(void **state)
{
	(void)state;
	assert_int_equal(judge("L1", NAN), MMB_FAIL);
	assert_int_equal(judge("L4.stream", NAN), MMB_FAIL);
}

/* What a queue is judged by, its one-shot and page-list variants are not. */
static void variants_have_no_target_of_their_own(void **state)
{
	static const char *const ids[] = {
		"L1.store", "L1.load32", "L3", "D2.to_device", "D2.4KiB.to_device",
		"D1.oneshot.64KiB.to_device", "D1.oneshot.512KiB.from_device.vmalloc",
		"D1.64KiB.to_device.vmalloc", "D1.64KiB.to_device.userptr",
		"D5.ours", "D7.queue.64B.submit_memory", "B2.call",
		"D1.64KiB.to_device.queue", "D1.4KiB.to_device",
		"D1.64KiB.to_device.depth16", "D1.128KiB.to_device", "D1.256KiB.to_device",
		"D1.128KiB.to_device.vmalloc.depth16", "D4.nvme.ours", "D6.oneshot.64B",
		"D6.64B.store", "B1.descriptor.1", "X2.oneshot_spin", "X2.8.share", "X4.depth64.last",
		"S2.256KiB.queues", "S3.inline.2MiB.over", "S3.auto.2MiB.longest", "S3.probe.auto.2MiB",
		"I1.batch16", "I2.oneshot", "I3", "I4.mmap", "I4.pages", "P1.bar_fault",
		"P1.instructions.whole.bar", "P1.fault.2MiB", "D3.64KiB", "B2.submit_each",
		"V1.4KiB.to_device.plain", "V1.64KiB.per_use", "V1.64KiB.oneshot", "V1.pages.1024",
		"V1.descriptor", "V1.descriptor.64.plain", "C1.dma_spin.vfio",
		"S4.2MiB.inline", "S4.2MiB.auto.copy", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_null(mmb_target_find(ids[i]));
		assert_int_equal(judge(ids[i], 0), MMB_INFO);
	}
}

static void queue_rows_are_judged(void **state)
{
	static const struct {
		const char *id;
		double good;
		double bad;
	} rows[] = {
		{ "D1.64KiB.to_device", 0.8, 0.79 },
		{ "D1.512KiB.from_device", 0.95, 0.94 },
		{ "D1.2MiB.to_device", 0.95, 0.94 },
		{ "D1.128KiB.to_device.depth16", 0.95, 0.94 },
		{ "D1.1MiB.from_device.depth16", 0.95, 0.94 },
		{ "D4.nvme", 200, 199 },
		{ "D4.edu", 300000, 299999 },
		{ "D6.64B", 1.4, 1.41 },
		{ "D6.4KiB", 1.7, 1.71 },
		{ "B1", 0.5, 0.51 },
		{ "B1.descriptor.64", 100, 101 },
		{ "X2.1.writes", 1, 0 },
		{ "X2.64.writes", 1, 2 },
		{ "X2.64.reads", 0, 1 },
		{ "X2.64.share", 1.0 / 64, 2.0 / 64 },
		{ "X4.depth1", 1, 0 },
		{ "X4.depth64", 1.0 / 32, 3.0 / 64 },
		{ "I1", 30, 31 },
		{ "I2", 1000, 1001 },
		{ "I4.bar", 60, 60.1 },
		{ "I4.bar_fault", 3200, 3201 },
		{ "I4.fault_around", 1150, 1151 },
		{ "I4.bar_huge", 4, 4.1 },
		{ "I5.bar", 0, 1 },
		{ "I5.bar_fault", 16384, 16383 },
		{ "I5.fault_around", 1024, 1025 },
		{ "I5.bar_huge", 32, 31 },
		{ "P1", 3, 2.9 },
		{ "P1.instructions", 10, 9.9 },
		{ "D3", 3.5, 3.4 },
		{ "D5", 1.3, 1.2 },
		{ "B2", 20, 19 },
		{ "X1.load.bar_huge", 0, 1 },
		{ "S2.256KiB", 0.9, 0.89 },
		{ "S3.auto.2MiB.over", 0, 1 },
		{ "S3.auto.2MiB.burst.over", 0, 1 },
		{ "S4.64B.auto", 1.1, 1.11 },
		{ "V1.4KiB.to_device", 0.7, 0.69 },
		{ "V1.2MiB.from_device", 0.7, 0.69 },
		{ "V1.descriptor.64.translated", 125, 126 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(judge(rows[i].id, rows[i].good), MMB_PASS);
		assert_int_equal(judge(rows[i].id, rows[i].bad), MMB_FAIL);
	}
}

static enum mmb_verdict judge_series(const char *id, const double *v, size_t n)
{
	struct mmb_summary sum;

	assert_int_equal(mmb_summarize(v, n, &sum), 0);
	return mmb_judge_all(mmb_target_find(id), &sum);
}

/* A count that is off once in a hundred has a median that is not. */
static void a_count_holds_every_time_or_fails(void **state)
{
	double v[100];

	(void)state;
	for (size_t i = 0; i < 100; i++)
		v[i] = 1;
	assert_int_equal(judge_series("X2.64.writes", v, 100), MMB_PASS);
	v[70] = 2;
	assert_int_equal(judge_series("X2.64.writes", v, 100), MMB_FAIL);
	v[70] = 0;
	assert_int_equal(judge_series("X2.64.writes", v, 100), MMB_FAIL);
	for (size_t i = 0; i < 100; i++)
		v[i] = 0;
	assert_int_equal(judge_series("X2.poll", v, 100), MMB_PASS);
	v[3] = 1;
	assert_int_equal(judge_series("X2.poll", v, 100), MMB_PASS);
	assert_int_equal(judge_series("L3", v, 100), MMB_INFO);
}

/* The kernel's allocator adds to some faults; what a fault itself takes is the least of them. */
static void instructions_of_faults_are_judged_by_the_least(void **state)
{
	double v[] = { 3190, 3900, 3900, 3900, 3900 };

	(void)state;
	assert_int_equal(judge_series("I4.bar_fault", v, 5), MMB_PASS);
	assert_int_equal(judge_series("I1", v, 5), MMB_FAIL);
	v[0] = 3201;
	assert_int_equal(judge_series("I4.bar_fault", v, 5), MMB_FAIL);
}

/* A ratio is judged by its median: single rounds may be anything. */
static void a_ratio_is_judged_by_its_median(void **state)
{
	const double v[] = { 0.5, 0.96, 0.96, 0.96, 7 };

	(void)state;
	assert_int_equal(judge_series("D1.2MiB.to_device", v, 5), MMB_PASS);
	assert_int_equal(judge_series("S2.1MiB", v, 5), MMB_PASS);
}

static void rows_are_found_by_id(void **state)
{
	struct mmb_results results = { 0 };
	struct mmb_row *row;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "row.%d", i);
		assert_non_null(mmb_row_add(&results, MMB_ROW_METRIC, id, "what", "ns"));
	}
	row = mmb_row_find(&results, "row.137");
	assert_non_null(row);
	assert_string_equal(row->id, "row.137");
	assert_null(mmb_row_find(&results, "row.200"));
	mmb_row_reason(row, MMB_SKIPPED, "first");
	mmb_row_reason(row, MMB_NOISY, "second");
	assert_string_equal(row->reason, "second");
	assert_int_equal(row->verdict, MMB_NOISY);
	mmb_results_free(&results);
	assert_int_equal(results.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(floor_and_ceiling),
		cmocka_unit_test(no_number_fails_where_judged),
		cmocka_unit_test(queue_rows_are_judged),
		cmocka_unit_test(a_count_holds_every_time_or_fails),
		cmocka_unit_test(instructions_of_faults_are_judged_by_the_least),
		cmocka_unit_test(a_ratio_is_judged_by_its_median),
		cmocka_unit_test(variants_have_no_target_of_their_own),
		cmocka_unit_test(rows_are_found_by_id),
	};

	return cmocka_run_group_tests_name("bench-verdict", tests, NULL, NULL);
}
