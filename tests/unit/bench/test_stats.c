// SPDX-License-Identifier: MIT
/*
 * test_stats.c - medians, quantiles and intervals on data whose answers are known by hand.
 */
#include "../unit.h"

#include <errno.h>
#include <float.h>
#include <math.h>

#include <stats.h>

#define N(a)	(sizeof(a) / sizeof((a)[0]))

static void near(double got, double expected)
{
	if (!(fabs(got - expected) <= 1e-9 * fmax(1, fabs(expected))))
		fail_msg("%.17g is not %.17g", got, expected);
}

static void summary_known_data_all_members(void **state)
{
	/* Not sorted on purpose. Quantiles by hand, type 7: position q * (n - 1). */
	const double v[] = { 7, 1, 3, 2, 5, 4, 6, 9, 8, 10, 11 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.n, 11);
	near(s.median, 6);
	near(s.min, 1);
	near(s.p10, 2);
	near(s.p50, 6);
	near(s.p90, 10);
	near(s.p99, 10.9);
	near(s.max, 11);
	near(s.spread, 5);
	assert_int_equal(s.outliers, 0);
	/* n = 11: ranks 2 and 10 enclose the median with 98.8 %, 3 and 9 with 93.5 %. */
	near(s.ci_lo, 2);
	near(s.ci_hi, 10);
	assert_true(isnan(s.of_minima));
}

static void summary_even_count_median_between(void **state)
{
	const double v[] = { 4, 1, 3, 2 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	near(s.median, 2.5);
}

static void summary_empty_enodata(void **state)
{
	struct mmb_summary s = { .n = 77, .median = 1 };

	(void)state;
	assert_int_equal(mmb_summarize(NULL, 0, &s), -ENODATA);
	assert_int_equal(s.n, 0);
	assert_true(isnan(s.median) && isnan(s.min) && isnan(s.max) && isnan(s.ci_lo));
}

static void summary_single_value_no_interval(void **state)
{
	const double v[] = { 42 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, 1, &s), 0);
	near(s.min, 42);
	near(s.median, 42);
	near(s.p99, 42);
	near(s.max, 42);
	near(s.spread, 1);
	assert_int_equal(s.outliers, 0);
	assert_true(isnan(s.ci_lo) && isnan(s.ci_hi));
}

/* Five values: even the smallest and the largest enclose the median with 93.75 % only. */
static void summary_interval_starts_at_six(void **state)
{
	const double v[] = { 1, 2, 3, 4, 5, 6 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, 5, &s), 0);
	assert_true(isnan(s.ci_lo));
	assert_int_equal(mmb_summarize(v, 6, &s), 0);
	near(s.ci_lo, 1);
	near(s.ci_hi, 6);
}

/* From a table of the sign test: n = 25 ranks 8 and 18, n = 100 ranks 40 and 61. */
static void summary_interval_ranks_as_in_tables(void **state)
{
	struct mmb_summary s;
	double v[1000];

	(void)state;
	for (size_t i = 0; i < N(v); i++)
		v[i] = (double)(i + 1);
	assert_int_equal(mmb_summarize(v, 25, &s), 0);
	near(s.ci_lo, 8);
	near(s.ci_hi, 18);
	assert_int_equal(mmb_summarize(v, 100, &s), 0);
	near(s.ci_lo, 40);
	near(s.ci_hi, 61);
	/* Above 400 by the normal approximation: exact is 469 and 532. */
	assert_int_equal(mmb_summarize(v, 1000, &s), 0);
	near(s.ci_lo, 469);
	near(s.ci_hi, 532);
}

static void summary_nan_and_infinity_edom(void **state)
{
	double v[] = { 1, 2, NAN, 4 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), -EDOM);
	v[2] = INFINITY;
	assert_int_equal(mmb_summarize(v, N(v), &s), -EDOM);
	v[2] = -INFINITY;
	assert_int_equal(mmb_summarize(v, N(v), &s), -EDOM);
	v[2] = 3;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
}

static void summary_identical_values_no_outliers(void **state)
{
	double v[40];
	struct mmb_summary s;

	(void)state;
	for (size_t i = 0; i < N(v); i++)
		v[i] = 0.1;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.outliers, 0);
	near(s.ci_lo, 0.1);
	near(s.ci_hi, 0.1);
	near(s.spread, 1);
	/* One stranger among them is an outlier, and stays in. */
	v[7] = 5;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.outliers, 1);
	assert_int_equal(s.n, 40);
	near(s.max, 5);
}

/* Quartiles 3 and 7: the fences are at -3 and 13. */
static void summary_outliers_beyond_the_fence(void **state)
{
	double v[] = { 1, 2, 3, 4, 5, 6, 7, 8, 13 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.outliers, 0);
	v[8] = 13.01;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.outliers, 1);
	v[0] = -3.01;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_int_equal(s.outliers, 2);
}

static void summary_zeros_have_no_spread(void **state)
{
	const double v[] = { 0, 0, 0, 0, 0, 0, 0 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	near(s.median, 0);
	assert_true(isnan(s.spread));
}

static void summary_huge_values_no_overflow(void **state)
{
	const double v[] = { DBL_MAX, DBL_MAX, -DBL_MAX, DBL_MAX };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_true(isfinite(s.p10) && isfinite(s.p50) && isfinite(s.p99));
	assert_true(s.max == DBL_MAX && s.min == -DBL_MAX);
}

static void summary_input_left_alone(void **state)
{
	double v[] = { 3, 1, 2 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_summarize(v, N(v), &s), 0);
	assert_true(v[0] == 3 && v[1] == 1 && v[2] == 2);
}

/* The median of ratios is not the ratio of medians: here 2 against 1.5. */
static void ratio_is_pairwise(void **state)
{
	const double a[] = { 2, 20, 30 };
	const double b[] = { 1, 10, 20 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_ratio_summarize(a, b, N(a), 1, &s), 0);
	near(s.median, 2);
	near(s.min, 1.5);
	near(s.max, 2);
	near(s.of_minima, 2);
	assert_int_equal(s.n, 3);
}

static void ratio_interval_deterministic_by_seed(void **state)
{
	double a[25], b[25];
	struct mmb_summary s1, s2, s3;
	uint64_t rng = 5;
	int differ = 0;

	(void)state;
	for (size_t i = 0; i < N(a); i++) {
		a[i] = 100 + (double)(mmb_random(&rng) % 1000) / 10;
		b[i] = 50 + (double)(mmb_random(&rng) % 1000) / 100;
	}
	assert_int_equal(mmb_ratio_summarize(a, b, N(a), 9, &s1), 0);
	assert_int_equal(mmb_ratio_summarize(a, b, N(a), 9, &s2), 0);
	assert_true(s1.ci_lo == s2.ci_lo && s1.ci_hi == s2.ci_hi);
	assert_true(s1.ci_lo <= s1.median && s1.median <= s1.ci_hi);
	assert_true(s1.ci_lo < s1.ci_hi);
	assert_true(s1.min <= s1.ci_lo && s1.ci_hi <= s1.max);
	for (uint64_t seed = 10; seed < 40; seed++) {
		assert_int_equal(mmb_ratio_summarize(a, b, N(a), seed, &s3), 0);
		differ += s3.ci_lo != s1.ci_lo || s3.ci_hi != s1.ci_hi;
	}
	assert_true(differ);
}

/*
 * What an interval is for: over many series whose true median ratio is 2, it holds 2 in about
 * 95 of 100. The percentile method on 25 pairs comes close; 90 to 99 is asked of 400 series.
 */
static void ratio_interval_covers_the_truth(void **state)
{
	uint64_t rng = 123;
	int covered = 0;

	(void)state;
	for (int series = 0; series < 400; series++) {
		double a[25], b[25];
		struct mmb_summary s;

		for (size_t i = 0; i < N(a); i++) {
			double noise = (double)(mmb_random(&rng) % 2000001) / 1e6 - 1;

			b[i] = 10;
			a[i] = 20 * exp(noise);
		}
		assert_int_equal(mmb_ratio_summarize(a, b, N(a), (uint64_t)series, &s), 0);
		covered += s.ci_lo <= 2 && 2 <= s.ci_hi;
	}
	assert_in_range(covered, 360, 396);
}

static void ratio_identical_pairs_exact(void **state)
{
	double a[20], b[20];
	struct mmb_summary s;

	(void)state;
	for (size_t i = 0; i < N(a); i++) {
		a[i] = 3;
		b[i] = 3;
	}
	assert_int_equal(mmb_ratio_summarize(a, b, N(a), 0, &s), 0);
	near(s.median, 1);
	near(s.ci_lo, 1);
	near(s.ci_hi, 1);
}

static void ratio_too_few_pairs(void **state)
{
	const double a[] = { 4, 4 }, b[] = { 2, 2 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_ratio_summarize(a, b, 0, 1, &s), -ENODATA);
	assert_int_equal(s.n, 0);
	assert_int_equal(mmb_ratio_summarize(a, b, 1, 1, &s), 0);
	near(s.median, 2);
	assert_true(isnan(s.ci_lo) && isnan(s.ci_hi));
	assert_int_equal(mmb_ratio_summarize(a, b, 2, 1, &s), 0);
	near(s.ci_lo, 2);
}

static void ratio_bad_values_edom(void **state)
{
	static const double bad[] = { 0, -1, NAN, INFINITY };
	struct mmb_summary s;

	(void)state;
	for (size_t i = 0; i < N(bad); i++) {
		double a[] = { 1, 2, 3 }, b[] = { 1, 2, 3 };

		b[1] = bad[i];
		assert_int_equal(mmb_ratio_summarize(a, b, 3, 1, &s), -EDOM);
		b[1] = 2;
		a[2] = bad[i];
		assert_int_equal(mmb_ratio_summarize(a, b, 3, 1, &s), -EDOM);
	}
}

static void ratio_overflow_and_underflow_erange(void **state)
{
	const double big[] = { 1e300 }, small[] = { 1e-300 };
	struct mmb_summary s;

	(void)state;
	assert_int_equal(mmb_ratio_summarize(big, small, 1, 1, &s), -ERANGE);
	assert_int_equal(mmb_ratio_summarize(small, big, 1, 1, &s), -ERANGE);
}

static void vec_grows_and_keeps_order(void **state)
{
	struct mmb_vec a = { 0 }, b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(mmb_vec_push(&a, i), 0);
	assert_int_equal(a.n, 1000);
	assert_true(a.v[999] == 999);
	assert_int_equal(mmb_vec_append(&b, &a), 0);
	assert_int_equal(mmb_vec_append(&b, &a), 0);
	assert_int_equal(b.n, 2000);
	assert_true(b.v[1000] == 0 && b.v[1999] == 999);
	mmb_vec_reset(&b);
	assert_int_equal(b.n, 0);
	mmb_vec_free(&a);
	mmb_vec_free(&b);
	assert_null(a.v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(summary_known_data_all_members),
		cmocka_unit_test(summary_even_count_median_between),
		cmocka_unit_test(summary_empty_enodata),
		cmocka_unit_test(summary_single_value_no_interval),
		cmocka_unit_test(summary_interval_starts_at_six),
		cmocka_unit_test(summary_interval_ranks_as_in_tables),
		cmocka_unit_test(summary_nan_and_infinity_edom),
		cmocka_unit_test(summary_identical_values_no_outliers),
		cmocka_unit_test(summary_outliers_beyond_the_fence),
		cmocka_unit_test(summary_zeros_have_no_spread),
		cmocka_unit_test(summary_huge_values_no_overflow),
		cmocka_unit_test(summary_input_left_alone),
		cmocka_unit_test(ratio_is_pairwise),
		cmocka_unit_test(ratio_interval_deterministic_by_seed),
		cmocka_unit_test(ratio_interval_covers_the_truth),
		cmocka_unit_test(ratio_identical_pairs_exact),
		cmocka_unit_test(ratio_too_few_pairs),
		cmocka_unit_test(ratio_bad_values_edom),
		cmocka_unit_test(ratio_overflow_and_underflow_erange),
		cmocka_unit_test(vec_grows_and_keeps_order),
	};

	return cmocka_run_group_tests_name("bench-stats", tests, NULL, NULL);
}
