// SPDX-License-Identifier: MIT
/*
 * load.c - reads a results file and refuses what is none.
 */
#include "load.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "result.h"

const char *const mmb_lists[] = { "controls", "metrics", "ratios", NULL };

const char *mmb_member_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

double mmb_member_number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_number(value) ? json_number_value(value) : NAN;
}

static bool is_interval(const json_t *value)
{
	return json_is_null(value) ||
	       (json_array_size(value) == 2 && json_is_number(json_array_get(value, 0)) &&
		json_is_number(json_array_get(value, 1)));
}

static bool is_limit(const json_t *value)
{
	json_t *one;
	size_t i;

	if (json_is_null(value))
		return true;
	json_array_foreach(value, i, one)
		if (!json_is_number(one) && !json_is_null(one))
			return false;
	return json_array_size(value) == 2;
}

static bool is_number_or_null(const json_t *value)
{
	return json_is_number(value) || json_is_null(value);
}

static bool is_row(const json_t *row)
{
	static const char *const texts[] = { "id", "boot", "what", "unit", "verdict" };
	static const char *const numbers[] = { "median", "min", "p10", "p50", "p90", "p99", "max" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!json_is_string(json_object_get(row, texts[i])))
			return false;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!is_number_or_null(json_object_get(row, numbers[i])))
			return false;
	return json_is_integer(json_object_get(row, "n")) &&
	       json_is_integer(json_object_get(row, "errors")) &&
	       is_interval(json_object_get(row, "ci95")) && is_limit(json_object_get(row, "limit"));
}

int mmb_load_check(const json_t *root, char *why, size_t size)
{
	const json_t *schema = json_object_get(root, "schema");

	if (!json_is_integer(schema) || !json_is_object(json_object_get(root, "env")) ||
	    !json_is_object(json_object_get(root, "run"))) {
		snprintf(why, size, "this is JSON, but not the results of 'mmapdemo bench'");
		return -1;
	}
	if (json_integer_value(schema) != MMB_SCHEMA_VERSION) {
		snprintf(why, size, "results of format version %lld, where %d is understood; measure "
			 "again with this version, or use the one that wrote it",
			 (long long)json_integer_value(schema), MMB_SCHEMA_VERSION);
		return -1;
	}
	for (size_t i = 0; mmb_lists[i]; i++) {
		const json_t *list = json_object_get(root, mmb_lists[i]);
		json_t *row;
		size_t k;

		if (!json_is_array(list)) {
			snprintf(why, size, "the results lack the list '%s'", mmb_lists[i]);
			return -1;
		}
		json_array_foreach(list, k, row) {
			const char *id = mmb_member_text(row, "id");

			if (is_row(row))
				continue;
			snprintf(why, size, "row %zu of '%s' (%s) is damaged", k, mmb_lists[i],
				 id ? id : "without an id");
			return -1;
		}
	}
	return 0;
}

json_t *mmb_load(const char *path, char *why, size_t size)
{
	json_error_t error;
	json_t *root;
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;

	if (!f) {
		snprintf(why, size, "cannot read: %s", strerror(errno));
		return NULL;
	}
	errno = 0;
	root = json_loadf(f, JSON_REJECT_DUPLICATES, &error);
	if (!root && ferror(f))
		snprintf(why, size, "cannot read: %s", strerror(errno ? errno : EIO));
	else if (!root && json_error_code(&error) == json_error_premature_end_of_input)
		snprintf(why, size, "not the whole of a results file: it ends in line %d. Measure "
			 "again, or copy it again", error.line);
	else if (!root)
		snprintf(why, size, "not JSON: line %d, column %d: %s", error.line, error.column,
			 error.text);
	if (f != stdin)
		fclose(f);
	if (root && mmb_load_check(root, why, size)) {
		json_decref(root);
		root = NULL;
	}
	return root;
}
