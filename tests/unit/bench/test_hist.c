// SPDX-License-Identifier: MIT
/*
 * test_hist.c - the logarithmic histogram keeps its promise about the error, and loses nothing.
 */
#include "../unit.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include <stats.h>

static void hist_value_lies_in_its_bucket(void **state)
{
	uint64_t rng = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		double value = ldexp((double)(mmb_random(&rng) >> 11),
				     (int)(mmb_random(&rng) % 60) - 55);
		int index = mmb_hist_index(value);
		double low, high;

		if (index < 0 || index >= MMB_HIST_BUCKETS)
			continue;
		low = mmb_hist_low(index);
		high = mmb_hist_low(index + 1);
		if (!(low <= value && value < high))
			fail_msg("%.17g is not in [%.17g, %.17g)", value, low, high);
		/* The middle of the bucket stands for the value. */
		assert_true(fabs((low + high) / 2 - value) <= MMB_HIST_ERROR * value);
	}
}

static void hist_buckets_are_gapless(void **state)
{
	(void)state;
	for (int i = 0; i < MMB_HIST_BUCKETS - 1; i++) {
		assert_true(mmb_hist_low(i) < mmb_hist_low(i + 1));
		assert_int_equal(mmb_hist_index(mmb_hist_low(i)), i);
		assert_int_equal(mmb_hist_index(nextafter(mmb_hist_low(i + 1), 0)), i);
	}
}

static void hist_edges(void **state)
{
	(void)state;
	assert_int_equal(mmb_hist_index(0), -1);
	assert_int_equal(mmb_hist_index(ldexp(1, -18)), -1);
	assert_int_equal(mmb_hist_index(ldexp(1, -17)), 0);
	assert_int_equal(mmb_hist_index(1), 17 * MMB_HIST_SUB);
	assert_int_equal(mmb_hist_index(nextafter(ldexp(1, 63), 0)), MMB_HIST_BUCKETS - 1);
	assert_int_equal(mmb_hist_index(ldexp(1, 63)), MMB_HIST_BUCKETS);
	assert_int_equal(mmb_hist_index(ldexp(1.5, 63)), MMB_HIST_BUCKETS);
	assert_int_equal(mmb_hist_index(DBL_MAX), MMB_HIST_BUCKETS);
}

static void hist_loses_no_value(void **state)
{
	struct mmb_hist *h = calloc(1, sizeof(*h));
	uint64_t sum;

	(void)state;
	assert_non_null(h);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(mmb_hist_add(h, i * 17.0), 0);
	assert_int_equal(mmb_hist_add(h, DBL_MAX), 0);
	assert_int_equal(mmb_hist_add(h, DBL_MIN), 0);
	sum = h->under + h->over;
	for (int i = 0; i < MMB_HIST_BUCKETS; i++)
		sum += h->count[i];
	assert_int_equal(sum, 1002);
	assert_int_equal(h->total, 1002);
	assert_int_equal(h->under, 2);
	assert_int_equal(h->over, 1);
	free(h);
}

static void hist_no_number_edom_not_counted(void **state)
{
	struct mmb_hist *h = calloc(1, sizeof(*h));

	(void)state;
	assert_non_null(h);
	assert_int_equal(mmb_hist_add(h, NAN), -EDOM);
	assert_int_equal(mmb_hist_add(h, INFINITY), -EDOM);
	assert_int_equal(mmb_hist_add(h, -1), -EDOM);
	assert_int_equal(h->total, 0);
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hist_value_lies_in_its_bucket),
		cmocka_unit_test(hist_buckets_are_gapless),
		cmocka_unit_test(hist_edges),
		cmocka_unit_test(hist_loses_no_value),
		cmocka_unit_test(hist_no_number_edom_not_counted),
	};

	return cmocka_run_group_tests_name("bench-hist", tests, NULL, NULL);
}
