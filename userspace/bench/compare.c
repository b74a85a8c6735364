// SPDX-License-Identifier: MIT
/*
 * compare.c - two results objects, row by row.
 */
#include "compare.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

#include "load.h"
#include "result.h"

/* Rounding of a file with nine digits, and nothing else, between equal figures. */
#define SAME_FIGURE	1e-8

enum kind {
	KIND_RATIO,		/* scatters: has an interval */
	KIND_COUNT,		/* exact */
	KIND_INSTRUCTIONS,	/* exact, but for what other code of the kernel adds */
	KIND_TIME,		/* says nothing across boots */
};

/* Which way is better. EXACT: neither, any change is for the worse. */
enum better { BETTER_NONE, BETTER_HIGHER, BETTER_LOWER, BETTER_EXACT };

const char *mmb_change_name(enum mmb_change change)
{
	static const char *const names[] = {
		[MMB_CHANGE_SAME] = "same",
		[MMB_CHANGE_BETTER] = "better",
		[MMB_CHANGE_WORSE] = "worse",
		[MMB_CHANGE_OTHER] = "changed",
		[MMB_CHANGE_NO_NUMBER] = "no_number",
	};

	return names[change];
}

/* --- environments ------------------------------------------------------------------------- */

static void env_differences(json_t *out, const char *boot, const json_t *a, const json_t *b)
{
	/* Not the revision, date, load and paths: these are what two runs differ in. */
	static const char *const fields[] = {
		"accelerator", "qemu_version", "kernel", "machine", "cmdline", "cpu_model", "cpus",
		"clocksource", "host_cpu", "engine", "iommu", "device_memory", "device_memory_cache",
		"device_id", "bar",
	};
	json_t *null = json_null();

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		json_t *va = json_object_get(a, fields[i]), *vb = json_object_get(b, fields[i]);

		va = va ? va : null;
		vb = vb ? vb : null;
		if (!json_equal(va, vb))
			json_array_append_new(out, json_pack("{s:s,s:s,s:O,s:O}", "boot", boot, "field",
							     fields[i], "a", va, "b", vb));
	}
}

static const json_t *boot_env(const json_t *root, const char *boot)
{
	json_t *one;
	size_t i;

	json_array_foreach(json_object_get(root, "boots"), i, one) {
		const char *name = mmb_member_text(one, "boot");

		if (name && !strcmp(name, boot))
			return json_object_get(one, "env");
	}
	return NULL;
}

json_t *mmb_compare_envs(const json_t *a, const json_t *b)
{
	json_t *out = json_array();
	bool by_boot = false;

	/* Where both know their boots, each is held against its like. */
	for (int boot = MMB_BOOT_ANY + 1; boot < MMB_BOOTS; boot++) {
		const char *name = mmb_boot_name((enum mmb_boot)boot);
		const json_t *ea = boot_env(a, name), *eb = boot_env(b, name);

		if (!ea || !eb)
			continue;
		by_boot = true;
		env_differences(out, name, ea, eb);
	}
	if (!by_boot)
		env_differences(out, "any", json_object_get(a, "env"), json_object_get(b, "env"));
	if (json_array_size(out))
		return out;
	json_decref(out);
	return NULL;
}

/* --- rows --------------------------------------------------------------------------------- */

static enum kind kind_of(const json_t *row)
{
	const char *unit = mmb_member_text(row, "unit");

	if (!strcmp(unit, "ratio"))
		return KIND_RATIO;
	if (!strncmp(unit, "instructions", 12))
		return KIND_INSTRUCTIONS;
	/*
	 * Holds of the lock are found in CPU time, break-even is where two times cross: both scatter.
	 * Percent are a drift, the rows that have drifted are compared themselves.
	 */
	if (!strncmp(unit, "ns", 2) || !strcmp(unit, "s") || !strcmp(unit, "bytes") ||
	    !strcmp(unit, "holds") || !strcmp(unit, "percent"))
		return KIND_TIME;
	return KIND_COUNT;
}

static enum better better_of(const json_t *row, enum kind kind)
{
	/* Of rows without a limit of their own. */
	static const struct {
		const char *glob;
		enum better better;
	} families[] = {
		{ "D[1-5].*", BETTER_HIGHER },
		{ "L[13]*", BETTER_HIGHER },
		{ "D6.*", BETTER_LOWER },
	};
	const json_t *limit = json_object_get(row, "limit");
	const json_t *lo = json_array_get(limit, 0), *hi = json_array_get(limit, 1);
	const char *id = mmb_member_text(row, "id");

	if (kind != KIND_RATIO && (!limit || json_is_null(limit)))
		return BETTER_LOWER;
	if (json_is_number(lo) && json_is_number(hi))
		return BETTER_EXACT;
	if (json_is_number(lo))
		return BETTER_HIGHER;
	if (json_is_number(hi))
		return BETTER_LOWER;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (!fnmatch(families[i].glob, id, 0))
			return families[i].better;
	return BETTER_NONE;
}

struct figures {
	double value;
	double lo;		/* interval; NaN: none */
	double hi;
	double min;
	double max;
	bool by_median;		/* what lies beside the median is allowed to scatter */
};

static struct figures figures_of(const json_t *row)
{
	const json_t *ci95 = json_object_get(row, "ci95");
	const char *by = mmb_member_text(row, "judged_by");
	struct figures f = {
		.value = mmb_member_number(row, by && !strcmp(by, "min") ? "min" : "median"),
		.lo = NAN, .hi = NAN,
		.min = mmb_member_number(row, "min"), .max = mmb_member_number(row, "max"),
		.by_median = by && !strcmp(by, "median"),
	};

	if (json_is_array(ci95)) {
		f.lo = json_number_value(json_array_get(ci95, 0));
		f.hi = json_number_value(json_array_get(ci95, 1));
	}
	return f;
}

static bool figures_equal(double a, double b)
{
	return fabs(a - b) <= SAME_FIGURE * fmax(fabs(a), fabs(b));
}

static bool is_significant(enum kind kind, const struct figures *a, const struct figures *b)
{
	if (kind == KIND_COUNT)
		return !figures_equal(a->value, b->value) ||
		       (!a->by_median && (!figures_equal(a->min, b->min) ||
					  !figures_equal(a->max, b->max)));
	if (kind == KIND_INSTRUCTIONS)
		return !figures_equal(a->value, b->value);
	/* Without an interval nothing is known about the scatter; the comparisons are false then. */
	return a->hi < b->lo || b->hi < a->lo;
}

static enum mmb_change judge(enum kind kind, enum better better, const struct figures *a,
			     const struct figures *b, double threshold, const json_t *limit)
{
	double change = b->value / a->value - 1;

	if (kind == KIND_COUNT && better == BETTER_EXACT)
		return MMB_CHANGE_WORSE;
	/* A count may keep its median and have grown a tail. */
	if (kind == KIND_COUNT && figures_equal(a->value, b->value))
		return b->max > a->max ? MMB_CHANGE_WORSE : MMB_CHANGE_OTHER;
	if (kind == KIND_COUNT)
		return (b->value > a->value) == (better == BETTER_HIGHER) ? MMB_CHANGE_BETTER :
									     MMB_CHANGE_WORSE;
	if (kind == KIND_INSTRUCTIONS)
		threshold = MMB_THRESHOLD_INSTRUCTIONS;
	if (fabs(change) * 100 <= threshold * (1 + SAME_FIGURE))
		return MMB_CHANGE_SAME;
	/* A ratio that is to be near 1: away from the middle of its limits is worse. */
	if (better == BETTER_EXACT) {
		double middle = (json_number_value(json_array_get(limit, 0)) +
				 json_number_value(json_array_get(limit, 1))) / 2;

		return fabs(b->value - middle) > fabs(a->value - middle) ? MMB_CHANGE_WORSE :
									   MMB_CHANGE_BETTER;
	}
	if (better == BETTER_NONE)
		return MMB_CHANGE_OTHER;
	return (change > 0) == (better == BETTER_HIGHER) ? MMB_CHANGE_BETTER : MMB_CHANGE_WORSE;
}

/* JSON has no NaN and no infinity. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

/* The widest that the two intervals allow: each holds its median with 95 %. */
static json_t *change_interval(const struct figures *a, const struct figures *b)
{
	if (!isfinite(a->lo) || !isfinite(b->lo) || a->lo <= 0 || a->hi <= 0)
		return json_null();
	return json_pack("[f,f]", b->lo / a->hi - 1, b->hi / a->lo - 1);
}

static json_t *compare_rows(const json_t *a, const json_t *b, double threshold)
{
	enum kind kind = kind_of(a);
	enum mmb_change result = MMB_CHANGE_SAME;
	struct figures fa = figures_of(a), fb = { NAN, NAN, NAN, NAN, NAN, false };
	const char *figure = mmb_member_text(a, "judged_by");
	bool significant = false;
	json_t *o = json_object();

	if (b)
		fb = figures_of(b);
	if (!isfinite(fa.value) || !isfinite(fb.value)) {
		result = MMB_CHANGE_NO_NUMBER;
	} else {
		significant = is_significant(kind, &fa, &fb);
		if (significant)
			result = judge(kind, better_of(a, kind), &fa, &fb, threshold,
				       json_object_get(a, "limit"));
	}
	figure = figure && !strcmp(figure, "min") ? figure : "median";
	/* Its median is the same: show where it is not. */
	if (kind == KIND_COUNT && significant && figures_equal(fa.value, fb.value)) {
		figure = figures_equal(fa.max, fb.max) ? "min" : "max";
		fa.value = figure[1] == 'a' ? fa.max : fa.min;
		fb.value = figure[1] == 'a' ? fb.max : fb.min;
	}
	json_object_set(o, "id", json_object_get(a, "id"));
	json_object_set(o, "what", json_object_get(a, "what"));
	json_object_set(o, "unit", json_object_get(a, "unit"));
	json_object_set_new(o, "figure", json_string(figure));
	json_object_set_new(o, "a", number(fa.value));
	json_object_set_new(o, "b", number(fb.value));
	json_object_set_new(o, "change", number(fa.value ? fb.value / fa.value - 1 : NAN));
	json_object_set_new(o, "ci95", kind == KIND_RATIO && isfinite(fb.value) ?
			    change_interval(&fa, &fb) : json_null());
	json_object_set_new(o, "significant", json_boolean(significant));
	json_object_set_new(o, "result", json_string(mmb_change_name(result)));
	return o;
}

static json_t *index_rows(const json_t *root)
{
	json_t *by_id = json_object(), *row;
	size_t i;

	for (size_t l = 0; mmb_lists[l]; l++)
		json_array_foreach(json_object_get(root, mmb_lists[l]), i, row)
			json_object_set(by_id, mmb_member_text(row, "id"), row);
	return by_id;
}

static json_int_t errors_of(const json_t *root)
{
	return json_integer_value(json_object_get(json_object_get(root, "run"), "errors"));
}

/* @only_missing: append only what the others do not have; @from is the second run then. */
static void walk(const json_t *from, const json_t *others, json_t *rows, double threshold,
		 json_int_t *times, bool only_missing)
{
	json_t *row;
	size_t i;

	/* Controls, the first list, are times. */
	for (size_t l = 1; mmb_lists[l]; l++) {
		json_array_foreach(json_object_get(from, mmb_lists[l]), i, row) {
			const json_t *other = json_object_get(others, mmb_member_text(row, "id"));
			json_t *line;

			if (kind_of(row) == KIND_TIME) {
				*times += !only_missing;
				continue;
			}
			if (only_missing && other)
				continue;
			line = compare_rows(row, other, threshold);
			/* Its only number is the second run's. */
			if (only_missing) {
				json_t *value = json_incref(json_object_get(line, "a"));

				json_object_set_new(line, "b", value);
				json_object_set_new(line, "a", json_null());
			}
			json_array_append_new(rows, line);
		}
	}
}

json_t *mmb_compare(const json_t *a, const json_t *b, double threshold)
{
	json_t *ia = index_rows(a), *ib = index_rows(b), *rows = json_array(), *row;
	json_int_t times = 0, regressions = 0;
	size_t i;

	walk(a, ib, rows, threshold, &times, false);
	walk(b, ia, rows, threshold, &times, true);
	json_decref(ia);
	json_decref(ib);
	json_array_foreach(rows, i, row)
		regressions += !strcmp(mmb_member_text(row, "result"),
				       mmb_change_name(MMB_CHANGE_WORSE));
	return json_pack("{s:o,s:I,s:[I,I],s:I}", "rows", rows, "regressions", regressions, "errors",
			 errors_of(a), errors_of(b), "times_left_out", times);
}
