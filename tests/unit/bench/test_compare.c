// SPDX-License-Identifier: MIT
/*
 * test_compare.c - what is called a change between two runs, on rows whose answer is known.
 */
#include "../unit.h"
#include "change.h"

#include <stdio.h>

#include <compare.h>
#include <csv.h>
#include <load.h>
#include <result.h>
#include <stdlib.h>

/* One row with an interval of 1 % to both sides of its median, or none for width 0. */
static json_t *row(const char *id, const char *unit, double median, double width, json_t *limit)
{
	json_t *ci95 = width ? json_pack("[f,f]", median * (1 - width), median * (1 + width)) : json_null();

	return json_pack("{s:s,s:s,s:s,s:s,s:i,s:f,s:o,s:f,s:f,s:f,s:f,s:f,s:f,s:o,s:n,s:i,s:s}", "id", id,
			 "boot", "timed", "what", "text, with a \"comma\"", "unit", unit, "n", 21, "median", median,
			 "ci95", ci95, "min", median, "p10", median, "p50", median, "p90", median, "p99", median,
			 "max", median, "limit", limit ? limit : json_null(), "judged_by", "errors", 0,
			 "verdict", "info");
}

static json_t *results(json_t *metric, json_t *ratio)
{
	json_t *metrics = json_array(), *ratios = json_array();

	if (metric)
		json_array_append_new(metrics, metric);
	if (ratio)
		json_array_append_new(ratios, ratio);
	return json_pack("{s:i,s:{s:s,s:s,s:i},s:{s:i},s:[],s:o,s:o}", "schema", MMB_SCHEMA_VERSION, "env",
			 "kernel", "6.12", "accelerator", "tcg", "cpus", 2, "run", "errors", 0, "controls",
			 "metrics", metrics, "ratios", ratios);
}

static json_t *floor_of(double lo)
{
	return json_pack("[f,n]", lo);
}

static json_t *ceiling_of(double hi)
{
	return json_pack("[n,f]", hi);
}

static json_t *band(double lo, double hi)
{
	return json_pack("[f,f]", lo, hi);
}

/* Compares one row and hands back what is said about it; the objects are consumed. */
static const char *verdict(json_t *a, json_t *b, json_t **line)
{
	static char text[32];
	static json_t *last;
	json_t *found;

	json_decref(last);
	last = mmb_compare(a, b, MMB_THRESHOLD);
	assert_non_null(last);
	assert_int_equal(json_array_size(json_object_get(last, "rows")), 1);
	found = json_array_get(json_object_get(last, "rows"), 0);
	snprintf(text, sizeof(text), "%s", mmb_member_text(found, "result"));
	assert_int_equal(json_integer_value(json_object_get(last, "regressions")), !strcmp(text, "worse"));
	if (line)
		*line = found;
	json_decref(a);
	json_decref(b);
	return text;
}

static const char *ratio_verdict(const char *id, double a, double b, double width, json_t *limit)
{
	json_t *again = json_deep_copy(limit);

	return verdict(results(NULL, row(id, "ratio", a, width, limit)),
		       results(NULL, row(id, "ratio", b, width, again)), NULL);
}

static const char *metric_verdict(const char *unit, double a, double b, json_t *limit)
{
	json_t *again = json_deep_copy(limit);

	return verdict(results(row("X9", unit, a, 0, limit), NULL),
		       results(row("X9", unit, b, 0, again), NULL), NULL);
}

static void ratio_direction_is_that_of_its_limit(void **state)
{
	(void)state;
	assert_string_equal(ratio_verdict("S2.1MiB", 1, 0.9, 0.01, floor_of(0.9)), "worse");
	assert_string_equal(ratio_verdict("S2.1MiB", 1, 1.1, 0.01, floor_of(0.9)), "better");
	assert_string_equal(ratio_verdict("B1", 1, 0.9, 0.01, ceiling_of(2)), "better");
	assert_string_equal(ratio_verdict("B1", 1, 1.1, 0.01, ceiling_of(2)), "worse");
	assert_string_equal(ratio_verdict("L4.load", 1, 1.1, 0.01, band(0.97, 1.03)), "worse");
	assert_string_equal(ratio_verdict("L4.load", 1, 0.9, 0.01, band(0.97, 1.03)), "worse");
	assert_string_equal(ratio_verdict("L4.load", 1.2, 1.01, 0.01, band(0.97, 1.03)), "better");
}

static void ratio_without_limit_goes_by_its_family(void **state)
{
	(void)state;
	assert_string_equal(ratio_verdict("D1.4KiB.to_device", 1, 0.8, 0.01, NULL), "worse");
	assert_string_equal(ratio_verdict("D6.64B.store", 1, 0.8, 0.01, NULL), "better");
	assert_string_equal(ratio_verdict("D7.64B.eventfd_mmio", 1, 0.8, 0.01, NULL), "changed");
}

static void ratio_whose_intervals_touch_is_the_same(void **state)
{
	json_t *line;

	(void)state;
	assert_string_equal(ratio_verdict("B2", 1, 0.8, 0.2, floor_of(0.5)), "same");
	/* 0.9 .. 1.1 and 0.738 .. 0.902 touch, 0.73 * 1.1 does not reach 0.9. */
	assert_string_equal(ratio_verdict("B2", 1, 0.82, 0.1, floor_of(0.5)), "same");
	assert_string_equal(ratio_verdict("B2", 1, 0.81, 0.1, floor_of(0.5)), "worse");
	verdict(results(NULL, row("B2", "ratio", 1, 0.1, NULL)),
		results(NULL, row("B2", "ratio", 2, 0.1, NULL)), &line);
	assert_float_equal(mmb_member_number(line, "change"), 1, 1e-9);
	assert_float_equal(json_number_value(json_array_get(json_object_get(line, "ci95"), 0)),
			   1.8 / 1.1 - 1, 1e-9);
	assert_float_equal(json_number_value(json_array_get(json_object_get(line, "ci95"), 1)),
			   2.2 / 0.9 - 1, 1e-9);
}

static void ratio_change_below_threshold_is_the_same(void **state)
{
	json_t *line;

	(void)state;
	assert_string_equal(ratio_verdict("B2", 1, 0.96, 0.001, floor_of(0.5)), "same");
	assert_string_equal(ratio_verdict("B2", 1, 0.94, 0.001, floor_of(0.5)), "worse");
	verdict(results(NULL, row("B2", "ratio", 1, 0.001, NULL)),
		results(NULL, row("B2", "ratio", 0.96, 0.001, NULL)), &line);
	assert_true(json_is_true(json_object_get(line, "significant")));
}

static void ratio_without_interval_is_never_significant(void **state)
{
	(void)state;
	assert_string_equal(ratio_verdict("B2", 1, 0.1, 0, floor_of(0.5)), "same");
}

static void count_changes_are_exact(void **state)
{
	(void)state;
	assert_string_equal(metric_verdict("each", 1, 1, NULL), "same");
	assert_string_equal(metric_verdict("each", 0, 0, NULL), "same");
	assert_string_equal(metric_verdict("each", 1000, 1001, NULL), "worse");
	assert_string_equal(metric_verdict("each", 0, 1, NULL), "worse");
	assert_string_equal(metric_verdict("accesses each", 2, 1, NULL), "better");
	/* Exactly so many: fewer are as wrong as more. */
	assert_string_equal(metric_verdict("faults each", 16384, 16383, band(16384, 16384)), "worse");
}

static void count_with_a_new_tail_is_worse(void **state)
{
	json_t *a = results(row("X2.1.writes", "each", 1, 0, NULL), NULL);
	json_t *b = json_deep_copy(a), *line;

	(void)state;
	json_object_set_new(json_array_get(json_object_get(b, "metrics"), 0), "max", json_real(2));
	assert_string_equal(verdict(a, b, &line), "worse");
	assert_string_equal(mmb_member_text(line, "figure"), "max");
	assert_true(mmb_member_number(line, "b") == 2);
}

/* The verdict when only a figure that the row is not judged by becomes another. */
static const char *verdict_of_other_figure(const char *id, const char *unit, double was,
					   const char *judged_by, const char *key, double becomes)
{
	json_t *a = results(row(id, unit, was, 0, NULL), NULL), *b;

	json_object_set_new(json_array_get(json_object_get(a, "metrics"), 0), "judged_by",
			    json_string(judged_by));
	b = json_deep_copy(a);
	json_object_set_new(json_array_get(json_object_get(b, "metrics"), 0), key,
			    json_real(becomes));
	return verdict(a, b, NULL);
}

/* X2.poll: a worker may have lost its processor once. */
static void count_judged_by_its_median_may_scatter(void **state)
{
	(void)state;
	assert_string_equal(verdict_of_other_figure("X2.poll", "each", 0, "median", "max", 2), "same");
}

static void instructions_may_drift_by_one_percent(void **state)
{
	(void)state;
	assert_string_equal(metric_verdict("instructions each", 1000, 1010, NULL), "same");
	assert_string_equal(metric_verdict("instructions each", 1000, 1011, NULL), "worse");
	assert_string_equal(metric_verdict("instructions per page", 1000, 989, NULL), "better");
}

static void instructions_of_faults_go_by_the_least(void **state)
{
	(void)state;
	assert_string_equal(verdict_of_other_figure("I4.bar_fault", "instructions per page", 1000, "min", "median",
						    1500), "same");
}

static void times_are_left_out(void **state)
{
	static const char *const units[] = { "ns", "ns per copy", "s", "bytes" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		json_t *a = results(row("T", units[i], 1, 0, NULL), NULL);
		json_t *b = results(row("T", units[i], 9, 0, NULL), NULL);
		json_t *result = mmb_compare(a, b, MMB_THRESHOLD);

		assert_int_equal(json_array_size(json_object_get(result, "rows")), 0);
		assert_int_equal(json_integer_value(json_object_get(result, "times_left_out")), 1);
		json_decref(result);
		json_decref(a);
		json_decref(b);
	}
}

static void row_without_number_or_other_side_is_no_regression(void **state)
{
	json_t *a = results(row("X1", "each", 1, 0, NULL), NULL), *b = json_deep_copy(a), *line;

	(void)state;
	json_object_set_new(json_array_get(json_object_get(b, "metrics"), 0), "median", json_null());
	assert_string_equal(verdict(a, b, &line), "no_number");
	assert_true(json_is_null(json_object_get(line, "b")));
	assert_string_equal(verdict(results(row("X1", "each", 1, 0, NULL), NULL), results(NULL, NULL), &line),
			    "no_number");
	assert_string_equal(verdict(results(NULL, NULL), results(row("X1", "each", 7, 0, NULL), NULL), &line),
			    "no_number");
	assert_true(json_is_null(json_object_get(line, "a")));
	assert_true(mmb_member_number(line, "b") == 7);
}

static void environments_differ_by_field_and_boot(void **state)
{
	json_t *a = results(NULL, NULL), *b = json_deep_copy(a), *out;

	(void)state;
	assert_null(mmb_compare_envs(a, b));
	json_object_set_new(json_object_get(b, "env"), "cpus", json_integer(4));
	json_object_set_new(json_object_get(b, "env"), "clocksource", json_string("hpet"));
	json_object_set_new(json_object_get(b, "env"), "git_revision", json_string("0"));
	out = mmb_compare_envs(a, b);
	assert_int_equal(json_array_size(out), 2);
	assert_string_equal(mmb_member_text(json_array_get(out, 0), "field"), "cpus");
	assert_string_equal(mmb_member_text(json_array_get(out, 1), "field"), "clocksource");
	assert_true(json_is_null(json_object_get(json_array_get(out, 1), "a")));
	json_decref(out);

	/* A boot that only one of them made is no difference. */
	json_object_set_new(a, "boots", json_pack("[{s:s,s:O},{s:s,s:O}]", "boot", "timed", "env",
						  json_object_get(a, "env"), "boot", "icount", "env",
						  json_object_get(b, "env")));
	json_object_set_new(b, "boots", json_pack("[{s:s,s:O}]", "boot", "icount", "env",
						  json_object_get(b, "env")));
	assert_null(mmb_compare_envs(a, b));
	json_object_set_new(json_object_get(json_array_get(json_object_get(b, "boots"), 0), "env"), "cpus",
			    json_integer(1));
	json_array_clear(json_object_get(a, "boots"));
	json_array_append_new(json_object_get(a, "boots"), json_pack("{s:s,s:{s:i}}", "boot", "icount",
								     "env", "cpus", 2));
	out = mmb_compare_envs(a, b);
	assert_string_equal(mmb_member_text(json_array_get(out, 0), "boot"), "icount");
	json_decref(out);
	json_decref(a);
	json_decref(b);
}

/* --- reading ------------------------------------------------------------------------------ */

static void load_accepts_what_is_right_and_sees_each_change(void **state)
{
	static const struct {
		struct change change;
		const char *says;
	} changes[] = {
		{ { NULL, "schema", NULL }, "not the results" }, { { NULL, "schema", "1" }, "version 1" },
		{ { NULL, "schema", "99" }, "version 99" }, { { NULL, "env", "[]" }, "not the results" },
		{ { NULL, "metrics", NULL }, "'metrics'" }, { { NULL, "ratios", "{}" }, "'ratios'" },
		{ { "metrics", "id", "7" }, "without an id" }, { { "metrics", "median", "\"1\"" }, "X1" },
		{ { "metrics", "ci95", "[1]" }, "damaged" }, { { "metrics", "ci95", "[1, null]" }, "damaged" },
		{ { "metrics", "limit", "[1]" }, "damaged" }, { { "ratios", "max", NULL }, "damaged" },
		{ { "ratios", "verdict", "null" }, "damaged" }, { { "ratios", "n", "1.5" }, "damaged" },
	};
	char why[256] = "";

	(void)state;
	for (size_t i = 0; i <= ARRAY_SIZE(changes); i++) {
		json_t *root = results(row("X1", "each", 1, 0, band(1, 1)), row("B1", "ratio", 1, 0.1, NULL));

		if (i == ARRAY_SIZE(changes)) {
			assert_int_equal(mmb_load_check(root, why, sizeof(why)), 0);
			json_decref(root);
			break;
		}
		change_apply(root, &changes[i].change);
		if (!mmb_load_check(root, why, sizeof(why)))
			fail_msg("a wrong %s passed", changes[i].change.key);
		if (!strstr(why, changes[i].says))
			fail_msg("a wrong %s: %s", changes[i].change.key, why);
		json_decref(root);
	}
}

static void csv_quotes_and_counts_columns(void **state)
{
	json_t *root = results(row("X1", "each", 1, 0, band(1, 1)), row("B1", "ratio", 0.25, 0.1, NULL));
	char *text = mmb_csv(root);

	(void)state;
	assert_non_null(text);
	assert_non_null(strstr(text, "\r\nmetrics,X1,timed,\"text, with a \"\"comma\"\"\",each,,21,1,,,1,"));
	assert_non_null(strstr(text, "\r\nratios,B1,timed,\"text, with a \"\"comma\"\"\",ratio,,21,0.25,0.225,0.275,"));
	assert_int_equal(strncmp(text, "list,id,boot,", 13), 0);
	assert_string_equal(text + strlen(text) - 2, "\r\n");
	free(text);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ratio_direction_is_that_of_its_limit),
		cmocka_unit_test(ratio_without_limit_goes_by_its_family),
		cmocka_unit_test(ratio_whose_intervals_touch_is_the_same),
		cmocka_unit_test(ratio_change_below_threshold_is_the_same),
		cmocka_unit_test(ratio_without_interval_is_never_significant),
		cmocka_unit_test(count_changes_are_exact),
		cmocka_unit_test(count_with_a_new_tail_is_worse),
		cmocka_unit_test(count_judged_by_its_median_may_scatter),
		cmocka_unit_test(instructions_may_drift_by_one_percent),
		cmocka_unit_test(instructions_of_faults_go_by_the_least),
		cmocka_unit_test(times_are_left_out),
		cmocka_unit_test(row_without_number_or_other_side_is_no_regression),
		cmocka_unit_test(environments_differ_by_field_and_boot),
		cmocka_unit_test(load_accepts_what_is_right_and_sees_each_change),
		cmocka_unit_test(csv_quotes_and_counts_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
