// SPDX-License-Identifier: MIT
/*
 * csv.c - `mmapdemo bench csv`: results for spreadsheets. Histograms stay in the JSON file.
 */
#include "csv.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "load.h"

enum { EXIT_DONE = 0, EXIT_NOT_WRITTEN = 1, EXIT_REFUSED = 2 };

static const char *const columns[] = {
	"id", "boot", "what", "unit", "bytes", "n", "median", "ci95_low", "ci95_high", "min", "p10", "p50",
	"p90", "p99", "max", "outliers", "spread", "target", "verdict", "reason", "errors", "tries", "a",
	"b", "of_minima",
};

/* What a spreadsheet would take for a formula is no such thing here: quotes are enough. */
static void put_text(FILE *out, const char *text)
{
	if (!text[strcspn(text, ",\"\r\n")]) {
		fputs(text, out);
		return;
	}
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

static void put_value(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		put_text(out, json_string_value(value));
	else if (json_is_integer(value))
		fprintf(out, "%lld", (long long)json_integer_value(value));
	else if (json_is_number(value))
		fprintf(out, "%.9g", json_number_value(value));
}

static const json_t *cell(const json_t *row, const char *column)
{
	if (!strcmp(column, "ci95_low"))
		return json_array_get(json_object_get(row, "ci95"), 0);
	if (!strcmp(column, "ci95_high"))
		return json_array_get(json_object_get(row, "ci95"), 1);
	return json_object_get(row, column);
}

char *mmb_csv(const json_t *root)
{
	char *text = NULL;
	size_t size, i;
	json_t *row;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fputs("list", out);
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++)
		fprintf(out, ",%s", columns[c]);
	for (size_t l = 0; mmb_lists[l]; l++) {
		json_array_foreach(json_object_get(root, mmb_lists[l]), i, row) {
			fprintf(out, "\r\n%s", mmb_lists[l]);
			for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
				fputc(',', out);
				put_value(out, cell(row, columns[c]));
			}
		}
	}
	fputs("\r\n", out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}

struct csv_options {
	const char *file;
	const char *output;
};

static const struct argp_option argp_options[] = {
	{ "output", 'o', "FILE", 0, "Write to FILE, whole or not at all; default: standard output", 0 },
	{ "device", 'd', "NODE", OPTION_HIDDEN, "", 0 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct csv_options *opt = state->input;

	switch (key) {
	case 'o':
		if (!*arg)
			argp_error(state, "--output needs the name of a file");
		opt->output = arg;
		break;
	case 'd':
		break;
	case ARGP_KEY_ARG:
		if (opt->file)
			argp_error(state, "'%s' is one file too many", arg);
		opt->file = arg;
		break;
	case ARGP_KEY_END:
		if (!opt->file)
			argp_error(state, "a results file is needed");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int mmb_csv_main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = argp_options, .parser = parse_opt, .args_doc = "RESULTS.json",
		.doc = "Write the rows of a results file as CSV."
		       "\vExit status: 0 done, 1 it could not be written, 2 usage or a file that holds no "
		       "results.",
	};
	struct csv_options opt = { .output = "-" };
	char why[256], *text;
	json_t *root;
	int err;

	argp_err_exit_status = EXIT_REFUSED;
	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	root = mmb_load(opt.file, why, sizeof(why));
	if (!root) {
		fprintf(stderr, "%s: %s: %s\n", argv[0], opt.file, why);
		return EXIT_REFUSED;
	}
	text = mmb_csv(root);
	json_decref(root);
	err = text ? mmb_text_write(opt.output, text) : -ENOMEM;
	free(text);
	if (!err)
		return EXIT_DONE;
	fprintf(stderr, "%s: %s: the table could not be written: %s\n", argv[0], opt.output,
		strerror(-err));
	return EXIT_NOT_WRITTEN;
}
