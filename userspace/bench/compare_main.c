// SPDX-License-Identifier: MIT
/*
 * compare_main.c - `mmapdemo bench compare`: the command line and the table.
 */
#include <argp.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "json.h"
#include "load.h"
#include "print.h"

enum { EXIT_SAME = 0, EXIT_REGRESSION = 1, EXIT_REFUSED = 2 };

enum { KEY_THRESHOLD = 256, KEY_ALL };

struct compare_options {
	const char *file[2];
	unsigned int n_files;
	const char *json;
	double threshold;
	bool all;
};

static const struct argp_option argp_options[] = {
	{ "json", 'j', "FILE", 0, "Write the comparison to FILE instead of printing it (- is standard "
	  "output)", 0 },
	{ "threshold", KEY_THRESHOLD, "PERCENT", 0, "What a significant change of a ratio must exceed "
	  "to count, default 5", 0 },
	{ "all", KEY_ALL, NULL, 0, "Print every row, not only those that have changed", 0 },
	{ "device", 'd', "NODE", OPTION_HIDDEN, "", 0 },	/* of mmapdemo; no device is needed */
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char doc[] =
	"Compare two results of `mmapdemo bench`: ratios, counts and instructions. Times of different "
	"boots say nothing about one another and are left out."
	"\vExit status: 0 nothing has become worse, 1 something has, or the comparison could not be written, "
	"2 usage, a file that holds no results, or runs in unlike environments.";

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct compare_options *opt = state->input;
	char *end;

	switch (key) {
	case 'j':
		if (!*arg)
			argp_error(state, "--json needs the name of a file");
		opt->json = arg;
		break;
	case 'd':
		break;
	case KEY_THRESHOLD:
		opt->threshold = strtod(arg, &end);
		if (end == arg || *end || !(opt->threshold >= 0 && opt->threshold <= 100))
			argp_error(state, "--threshold '%s': a number from 0 to 100 is needed", arg);
		break;
	case KEY_ALL:
		opt->all = true;
		break;
	case ARGP_KEY_ARG:
		if (opt->n_files == 2)
			argp_error(state, "'%s' is one file too many: two are compared", arg);
		opt->file[opt->n_files++] = arg;
		break;
	case ARGP_KEY_END:
		if (opt->n_files < 2)
			argp_error(state, "two results files are needed, the earlier first");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

/* --- table -------------------------------------------------------------------------------- */

static char *value_text(double value, char *text, size_t size)
{
	if (fabs(value) >= 0.1 && fabs(value) < 10)
		snprintf(text, size, "%.3f", value);
	else
		mmb_num(value, text, size);
	return text;
}

#define VALUE(value)	value_text(value, (char[24]){ 0 }, 24)

static void change_text(const json_t *row, char *text, size_t size)
{
	double change = mmb_member_number(row, "change");

	if (json_is_null(json_object_get(row, "a")) || json_is_null(json_object_get(row, "b")))
		snprintf(text, size, "-");
	else if (!json_is_true(json_object_get(row, "significant")))
		snprintf(text, size, "~");
	else if (isnan(change))
		snprintf(text, size, "from 0");
	else
		snprintf(text, size, "%+.2f %%", change * 100);
}

static void interval_text(const json_t *row, char *text, size_t size)
{
	const json_t *ci95 = json_object_get(row, "ci95");

	if (json_is_null(ci95))
		snprintf(text, size, "-");
	else
		snprintf(text, size, "%+.1f .. %+.1f", 100 * json_number_value(json_array_get(ci95, 0)),
			 100 * json_number_value(json_array_get(ci95, 1)));
}

static bool is_result(const json_t *row, enum mmb_change change)
{
	return !strcmp(mmb_member_text(row, "result"), mmb_change_name(change));
}

static void print_row(const json_t *row)
{
	char change[32], interval[48];

	change_text(row, change, sizeof(change));
	interval_text(row, interval, sizeof(interval));
	printf("  %-38s %-22s %10s %10s %10s %18s  %s%s\n", mmb_member_text(row, "id"),
	       mmb_member_text(row, "unit"), VALUE(mmb_member_number(row, "a")),
	       VALUE(mmb_member_number(row, "b")), change, interval,
	       is_result(row, MMB_CHANGE_SAME) ? "" :
	       is_result(row, MMB_CHANGE_NO_NUMBER) ? "no number on one side" :
	       mmb_member_text(row, "result"),
	       !strcmp(mmb_member_text(row, "figure"), "max") ? " (the most)" :
	       !strcmp(mmb_member_text(row, "figure"), "min") ? " (the least)" : "");
}

static void print_heading(const char *path, const char *name, const json_t *root)
{
	const json_t *env = json_object_get(root, "env");
	const char *revision = mmb_member_text(env, "git_revision");
	const char *date = mmb_member_text(env, "date");

	printf("%s: %s, revision %s, %s\n", name, path, revision ? revision : "unknown",
	       date ? date : "date unknown");
}

static void print_table(const struct compare_options *opt, const json_t *a, const json_t *b,
			const json_t *result)
{
	unsigned int count[MMB_CHANGES] = { 0 };
	const json_t *rows = json_object_get(result, "rows");
	json_t *row;
	size_t i;

	print_heading(opt->file[0], "A", a);
	print_heading(opt->file[1], "B", b);
	printf("\n  %-38s %-22s %10s %10s %10s %18s\n", "row", "unit", "median A", "median B", "change",
	       "95 % interval [%]");
	json_array_foreach(rows, i, row) {
		for (int c = 0; c < MMB_CHANGES; c++)
			count[c] += is_result(row, (enum mmb_change)c);
		if (opt->all || !(is_result(row, MMB_CHANGE_SAME) ||
				  (is_result(row, MMB_CHANGE_NO_NUMBER) &&
				   json_is_null(json_object_get(row, "a")))))
			print_row(row);
	}
	printf("\n%zu rows: %u the same (~ not significant, or up to %g %%), %u better, %u worse, %u changed, "
	       "%u without a number on one side.\n", json_array_size(rows), count[MMB_CHANGE_SAME],
	       opt->threshold, count[MMB_CHANGE_BETTER], count[MMB_CHANGE_WORSE],
	       count[MMB_CHANGE_OTHER], count[MMB_CHANGE_NO_NUMBER]);
	printf("%lld rows of times were left out: those of two boots say nothing about one another.\n",
	       (long long)json_integer_value(json_object_get(result, "times_left_out")));
}

/* --- run ---------------------------------------------------------------------------------- */

static json_t *load(const char *name, const char *path)
{
	char why[256];
	json_t *root = mmb_load(path, why, sizeof(why));

	if (!root)
		fprintf(stderr, "%s: %s: %s\n", name, path, why);
	return root;
}

static void say_unlike(const char *name, const json_t *differences)
{
	json_t *one;
	size_t i;

	fprintf(stderr, "%s: these runs cannot be compared, their environments differ:\n", name);
	json_array_foreach(differences, i, one) {
		char *a = json_dumps(json_object_get(one, "a"), JSON_ENCODE_ANY);
		char *b = json_dumps(json_object_get(one, "b"), JSON_ENCODE_ANY);

		fprintf(stderr, "  %s (boot %s): %s, %s\n", mmb_member_text(one, "field"),
			mmb_member_text(one, "boot"), a ? a : "?", b ? b : "?");
		free(a);
		free(b);
	}
	fputs("Measure both on one set-up.\n", stderr);
}

static int show(const char *name, const struct compare_options *opt, const json_t *a,
		const json_t *b, json_t *result)
{
	json_int_t errors_b = json_integer_value(json_array_get(json_object_get(result, "errors"), 1));
	json_int_t regressions = json_integer_value(json_object_get(result, "regressions"));
	int err = 0;

	if (opt->json)
		err = mmb_json_write(opt->json, result);
	else
		print_table(opt, a, b, result);
	if (err || fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "%s: %s: the comparison could not be written: %s\n", name,
			opt->json ? opt->json : "standard output",
			strerror(err ? -err : errno));
		return EXIT_REGRESSION;
	}
	if (errors_b)
		fprintf(stderr, "%s: %s has %lld errors: rows with wrong data are missing in it\n", name,
			opt->file[1], (long long)errors_b);
	return errors_b || regressions ? EXIT_REGRESSION : EXIT_SAME;
}

int mmb_compare_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = argp_options, .parser = parse_opt, .args_doc = "A.json B.json", .doc = doc,
	};
	struct compare_options opt = { .threshold = MMB_THRESHOLD };
	json_t *a, *b = NULL, *differences = NULL, *result;
	int status = EXIT_REFUSED;

	argp_err_exit_status = EXIT_REFUSED;
	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	a = load(argv[0], opt.file[0]);
	if (a)
		b = load(argv[0], opt.file[1]);
	if (a && b)
		differences = mmb_compare_envs(a, b);
	if (differences) {
		say_unlike(argv[0], differences);
	} else if (a && b) {
		result = mmb_compare(a, b, opt.threshold);
		if (!result)
			abort();
		status = show(argv[0], &opt, a, b, result);
		json_decref(result);
	}
	json_decref(differences);
	json_decref(a);
	json_decref(b);
	return status;
}
