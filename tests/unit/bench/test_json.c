// SPDX-License-Identifier: MIT
/*
 * test_json.c - the results file has the shape that results.schema.json says, and is there whole or
 * not at all.
 */
#include "../unit.h"
#include "change.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json.h>

static const char *schema_path;
static json_t *schema;

/* --- the part of JSON Schema that results.schema.json uses -------------------------------- */

static bool is_type(const json_t *value, const char *type)
{
	return (!strcmp(type, "object") && json_is_object(value)) ||
	       (!strcmp(type, "array") && json_is_array(value)) ||
	       (!strcmp(type, "string") && json_is_string(value)) ||
	       (!strcmp(type, "integer") && json_is_integer(value)) ||
	       (!strcmp(type, "number") && json_is_number(value)) ||
	       (!strcmp(type, "boolean") && json_is_boolean(value)) ||
	       (!strcmp(type, "null") && json_is_null(value));
}

static bool conforms(json_t *value, json_t *shape);

static bool type_conforms(json_t *value, json_t *shape)
{
	json_t *type = json_object_get(shape, "type"), *one;
	size_t i;

	if (json_is_string(type))
		return is_type(value, json_string_value(type));
	json_array_foreach(type, i, one)
		if (is_type(value, json_string_value(one)))
			return true;
	return !type;
}

static bool enum_conforms(json_t *value, json_t *shape)
{
	json_t *list = json_object_get(shape, "enum"), *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (json_equal(value, one))
			return true;
	return !list;
}

static bool members_conform(json_t *value, json_t *shape)
{
	json_t *properties = json_object_get(shape, "properties"), *one;
	bool closed = json_is_false(json_object_get(shape, "additionalProperties"));
	const char *key;
	size_t i;

	if (!json_is_object(value))
		return true;
	json_array_foreach(json_object_get(shape, "required"), i, one)
		if (!json_object_get(value, json_string_value(one)))
			return false;
	json_object_foreach(value, key, one) {
		json_t *expected = json_object_get(properties, key);

		if (expected ? !conforms(one, expected) : closed)
			return false;
	}
	return true;
}

static bool items_conform(json_t *value, json_t *shape)
{
	json_t *items = json_object_get(shape, "items"), *one;
	size_t i;

	if (!items)
		return true;
	json_array_foreach(value, i, one)
		if (!conforms(one, items))
			return false;
	return true;
}

static bool conforms(json_t *value, json_t *shape)
{
	const char *ref = json_string_value(json_object_get(shape, "$ref"));
	json_t *constant = json_object_get(shape, "const");

	if (ref) {
		assert_int_equal(strncmp(ref, "#/$defs/", 8), 0);
		shape = json_object_get(json_object_get(schema, "$defs"), ref + 8);
		assert_non_null(shape);
	}
	return type_conforms(value, shape) && enum_conforms(value, shape) &&
	       (!constant || json_equal(value, constant)) && members_conform(value, shape) &&
	       items_conform(value, shape);
}

/* --- a file with one row of every kind ---------------------------------------------------- */

static void fill(struct mmb_row *row, double scale)
{
	double v[20];

	for (int i = 0; i < 20; i++)
		v[i] = scale * (i + 1);
	assert_int_equal(mmb_summarize(v, 20, &row->sum), 0);
	row->hist = calloc(1, sizeof(*row->hist));
	assert_non_null(row->hist);
	for (int i = 0; i < 20; i++)
		assert_int_equal(mmb_hist_add(row->hist, v[i]), 0);
	row->tries = 1;
}

static json_t *sample(void)
{
	static const char *const env_keys[] = {
		"qemu_version", "accelerator", "kernel", "cmdline", "cpu_model", "clocksource",
		"git_revision", "load",
	};
	const double a[] = { 3, 6, 9 }, b[] = { 1, 2, 3 };
	struct mmb_run_info run = { .cases = 3, .pairs = 25, .seed = 1, .seconds = 1.5 };
	struct mmb_results results = { 0 };
	json_t *env = json_object(), *root;
	struct mmb_row *row;

	for (size_t i = 0; i < ARRAY_SIZE(env_keys); i++)
		json_object_set_new(env, env_keys[i], i % 2 ? json_null() : json_string("x"));
	fill(mmb_row_add(&results, MMB_ROW_CONTROL, "control.empty_loop", "empty", "ns"), 1);
	row = mmb_row_add(&results, MMB_ROW_METRIC, "D1.64KiB.to_device.pages.spin", "dma", "ns");
	fill(row, 1234.5);
	row->bytes = 65536;
	row = mmb_row_add(&results, MMB_ROW_METRIC, "L1.load32", "one value", "ns");
	assert_int_equal(mmb_summarize(a, 1, &row->sum), 0);
	row = mmb_row_add(&results, MMB_ROW_RATIO, "L4.load", "a / b", "ratio");
	assert_int_equal(mmb_ratio_summarize(a, b, 3, 1, &row->sum), 0);
	snprintf(row->over[0], sizeof(row->over[0]), "L1.load32");
	snprintf(row->over[1], sizeof(row->over[1]), "L4.load32");
	row->verdict = MMB_FAIL;
	row = mmb_row_add(&results, MMB_ROW_RATIO, "D4.edu", "edu / ours", "ratio");
	mmb_row_reason(row, MMB_SKIPPED, "there is no edu \"device\"\n");
	root = mmb_json_build(&results, env, &run);
	assert_non_null(root);
	json_decref(env);
	mmb_results_free(&results);
	return root;
}

static void build_conforms_to_schema(void **state)
{
	json_t *root = sample();

	(void)state;
	assert_true(conforms(root, schema));
	json_decref(root);
}

/* The check itself must be able to fail: one wrong thing at a time. */
static void build_check_sees_each_change(void **state)
{
	static const struct change changes[] = {
		{ NULL, "schema", "1" }, { NULL, "env", NULL }, { NULL, "surplus", "1" },
		{ "metrics", "median", "\"1\"" }, { "metrics", "verdict", "\"good\"" },
		{ "metrics", "boot", "\"cold\"" }, { "ratios", "boot", NULL },
		{ "metrics", "judged_by", "\"mean\"" }, { "controls", "judged_by", NULL },
		{ "metrics", "n", "1.5" }, { "metrics", "ci95", NULL },
		{ "metrics", "surplus", "null" }, { "metrics", "ci95", "[1, null]" },
		{ "ratios", "a", "null" }, { "ratios", "unit", "\"ns\"" },
		{ "ratios", "histogram", "null" }, { "controls", "histogram", "{}" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		json_t *root = sample();

		change_apply(root, &changes[i]);
		if (conforms(root, schema))
			fail_msg("a wrong %s.%s passed", changes[i].list, changes[i].key);
		json_decref(root);
	}
}

static json_t *find(json_t *root, const char *list, const char *id)
{
	json_t *row;
	size_t i;

	json_array_foreach(json_object_get(root, list), i, row)
		if (!strcmp(json_string_value(json_object_get(row, "id")), id))
			return row;
	fail_msg("no row %s", id);
	return NULL;
}

static void row_without_number_is_null_all_over(void **state)
{
	static const char *const keys[] = {
		"median", "ci95", "min", "p10", "p50", "p90", "p99", "max", "spread", "of_minima",
	};
	json_t *root = sample();
	json_t *row = find(root, "ratios", "D4.edu");

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		assert_true(json_is_null(json_object_get(row, keys[i])));
	assert_int_equal(json_integer_value(json_object_get(row, "n")), 0);
	assert_string_equal(json_string_value(json_object_get(row, "verdict")), "skipped");
	/* The target is published all the same. */
	assert_string_equal(json_string_value(json_object_get(row, "target")), ">= 300000");
	assert_true(json_is_null(json_array_get(json_object_get(row, "limit"), 1)));
	json_decref(root);
}

static void row_of_one_value_has_no_interval(void **state)
{
	json_t *root = sample();
	json_t *row = find(root, "metrics", "L1.load32");

	(void)state;
	assert_true(json_is_null(json_object_get(row, "ci95")));
	assert_true(json_real_value(json_object_get(row, "median")) == 3);
	json_decref(root);
}

static void histogram_counts_add_up(void **state)
{
	json_t *root = sample(), *bucket;
	json_t *row = find(root, "metrics", "D1.64KiB.to_device.pages.spin");
	json_int_t sum = 0;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(json_object_get(row, "histogram"), "buckets"), i, bucket)
		sum += json_integer_value(json_array_get(bucket, 2));
	assert_int_equal(sum, 20);
	json_decref(root);
}

/* --- writing ------------------------------------------------------------------------------ */

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[384];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static unsigned int files_in_dir(void)
{
	struct dirent *entry;
	unsigned int n = 0;
	DIR *d = opendir(dir);

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += entry->d_name[0] != '.';
	closedir(d);
	return n;
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/mmb-json-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	struct dirent *entry;
	DIR *d = opendir(dir);

	(void)state;
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			unlink(in_dir(entry->d_name));
	if (d)
		closedir(d);
	return rmdir(dir);
}

static void write_file_reads_back_equal(void **state)
{
	json_t *root = sample(), *back;

	(void)state;
	assert_int_equal(mmb_json_check(in_dir("r.json")), 0);
	assert_int_equal(files_in_dir(), 0);
	assert_int_equal(mmb_json_write(in_dir("r.json"), root), 0);
	back = json_load_file(in_dir("r.json"), 0, NULL);
	assert_non_null(back);
	assert_true(conforms(back, schema));
	assert_int_equal(files_in_dir(), 1);
	json_decref(back);
	json_decref(root);
}

static void write_through_symlink_keeps_it(void **state)
{
	json_t *root = sample(), *back;
	char target[384];
	struct stat st;

	(void)state;
	snprintf(target, sizeof(target), "%s", in_dir("target.json"));
	assert_int_equal(mmb_json_write(target, root), 0);
	assert_int_equal(symlink(target, in_dir("link.json")), 0);
	assert_int_equal(mmb_json_write(in_dir("link.json"), root), 0);
	assert_int_equal(lstat(in_dir("link.json"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	back = json_load_file(target, 0, NULL);
	assert_non_null(back);
	json_decref(back);
	json_decref(root);
}

/*
 * What is no regular file must be written to, never renamed over. A pipe of our own: with /dev/null
 * and root, a broken build would take the machine's away.
 */
static void write_special_file_stays_special(void **state)
{
	json_t *root = sample(), *back;
	char *text = calloc(1, 65536);
	struct stat st;
	ssize_t n;
	int fd;

	(void)state;
	assert_non_null(text);
	assert_int_equal(mkfifo(in_dir("pipe"), 0600), 0);
	fd = open(in_dir("pipe"), O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(mmb_json_check(in_dir("pipe")), 0);
	assert_int_equal(mmb_json_write(in_dir("pipe"), root), 0);
	assert_int_equal(lstat(in_dir("pipe"), &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	n = read(fd, text, 65535);
	assert_true(n > 1000);
	back = json_loads(text, 0, NULL);
	assert_non_null(back);
	close(fd);
	free(text);
	json_decref(back);
	json_decref(root);
}

static void write_full_stdout_enospc(void **state)
{
	int full = open("/dev/full", O_WRONLY), keep = dup(1), err;
	json_t *root = sample();

	(void)state;
	assert_true(full >= 0 && keep >= 0);
	fflush(stdout);
	dup2(full, 1);
	err = mmb_json_write("-", root);
	dup2(keep, 1);
	close(keep);
	close(full);
	assert_int_equal(err, -ENOSPC);
	json_decref(root);
}

/* A limit on the size of files acts as a full disk does, and needs none. */
static void write_failure_leaves_old_file(void **state)
{
	struct rlimit old, small = { .rlim_cur = 100, .rlim_max = RLIM_INFINITY };
	json_t *root = sample(), *back;
	int err;

	(void)state;
	assert_int_equal(mmb_json_write(in_dir("r.json"), root), 0);
	json_object_set_new(root, "schema", json_integer(99));
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	err = mmb_json_write(in_dir("r.json"), root);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(err, -EFBIG);
	assert_int_equal(files_in_dir(), 1);
	back = json_load_file(in_dir("r.json"), 0, NULL);
	assert_non_null(back);
	assert_int_equal(json_integer_value(json_object_get(back, "schema")), MMB_SCHEMA_VERSION);
	json_decref(back);
	json_decref(root);
}

static void check_refuses_early(void **state)
{
	(void)state;
	assert_int_equal(mmb_json_check("/nonexistent/dir/r.json"), -ENOENT);
	assert_int_equal(mmb_json_check(dir), -EISDIR);
	assert_int_equal(mmb_json_check("-"), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(build_conforms_to_schema),
		cmocka_unit_test(build_check_sees_each_change),
		cmocka_unit_test(row_without_number_is_null_all_over),
		cmocka_unit_test(row_of_one_value_has_no_interval),
		cmocka_unit_test(histogram_counts_add_up),
		cmocka_unit_test_setup_teardown(write_file_reads_back_equal, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(write_through_symlink_keeps_it, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(write_special_file_stays_special, make_dir,
						remove_dir),
		cmocka_unit_test(write_full_stdout_enospc),
		cmocka_unit_test_setup_teardown(write_failure_leaves_old_file, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(check_refuses_early, make_dir, remove_dir),
	};

	schema_path = argc > 1 ? argv[1] : "results.schema.json";
	schema = json_load_file(schema_path, 0, NULL);
	if (!schema) {
		fprintf(stderr, "%s: cannot be read as JSON\n", schema_path);
		return 1;
	}
	return cmocka_run_group_tests_name("bench-json", tests, NULL, NULL);
}
