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

/* The one-shot engine behind an ioctl cannot reach these: published, with target, not judged. */
static void published_targets_are_info(void **state)
{
	static const char *const ids[] = {
		"D1.64KiB.to_device", "D1.512KiB.from_device", "D4.nvme", "D4.edu", "D6.64B",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_non_null(mmb_target_find(ids[i]));
		assert_int_equal(judge(ids[i], 0.001), MMB_INFO);
	}
}

static void variants_have_no_target_of_their_own(void **state)
{
	static const char *const ids[] = {
		"L1.store", "L1.load32", "L3", "D2.to_device", "D2.4KiB.to_device",
		"D1.64KiB.to_device.vmalloc", "D1.64KiB.to_device.pages.spin", "D1.4KiB.to_device",
		"D4.nvme.ours", "",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_null(mmb_target_find(ids[i]));
		assert_int_equal(judge(ids[i], 0), MMB_INFO);
	}
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
		cmocka_unit_test(published_targets_are_info),
		cmocka_unit_test(variants_have_no_target_of_their_own),
		cmocka_unit_test(rows_are_found_by_id),
	};

	return cmocka_run_group_tests_name("bench-verdict", tests, NULL, NULL);
}
