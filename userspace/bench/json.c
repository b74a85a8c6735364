// SPDX-License-Identifier: MIT
/*
 * json.c - builds and writes the results file.
 */
#include "json.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* JSON has no NaN. */
static json_t *number(double value)
{
	return isfinite(value) ? json_real(value) : json_null();
}

static json_t *text_or_null(const char *text)
{
	return text ? json_string(text) : json_null();
}

static json_t *histogram(const struct mmb_hist *hist)
{
	json_t *buckets;

	if (!hist)
		return json_null();
	buckets = json_array();
	for (int i = 0; i < MMB_HIST_BUCKETS; i++)
		if (hist->count[i])
			json_array_append_new(buckets,
				json_pack("[f,f,I]", mmb_hist_low(i), mmb_hist_low(i + 1),
					  (json_int_t)hist->count[i]));
	return json_pack("{s:f,s:I,s:I,s:o}", "relative_error", MMB_HIST_ERROR, "under",
			 (json_int_t)hist->under, "over", (json_int_t)hist->over, "buckets",
			 buckets);
}

static json_t *limit(const struct mmb_target *target)
{
	if (!target)
		return json_null();
	return json_pack("[o,o]", number(target->lo), number(target->hi));
}

/* Series without a number, skipped or inconclusive, have n = 0 and null for everything. */
static json_t *row_json(const struct mmb_row *row)
{
	const struct mmb_summary *sum = &row->sum;
	double none = sum->n ? 0 : NAN;
	json_t *o = json_object();
	json_t *ci95 = json_null();

	if (sum->n && isfinite(sum->ci_lo))
		ci95 = json_pack("[f,f]", sum->ci_lo, sum->ci_hi);
	json_object_set_new(o, "id", json_string(row->id));
	json_object_set_new(o, "boot", json_string(mmb_boot_name(row->boot)));
	json_object_set_new(o, "what", json_string(row->what));
	json_object_set_new(o, "unit", json_string(row->unit));
	json_object_set_new(o, "n", json_integer((json_int_t)sum->n));
	json_object_set_new(o, "median", number(sum->median + none));
	json_object_set_new(o, "ci95", ci95);
	json_object_set_new(o, "min", number(sum->min + none));
	json_object_set_new(o, "p10", number(sum->p10 + none));
	json_object_set_new(o, "p50", number(sum->p50 + none));
	json_object_set_new(o, "p90", number(sum->p90 + none));
	json_object_set_new(o, "p99", number(sum->p99 + none));
	json_object_set_new(o, "max", number(sum->max + none));
	json_object_set_new(o, "outliers", json_integer((json_int_t)sum->outliers));
	json_object_set_new(o, "spread", number(sum->spread + none));
	json_object_set_new(o, "limit", limit(row->target));
	json_object_set_new(o, "target", text_or_null(row->target ? row->target->text : NULL));
	json_object_set_new(o, "judged_by", text_or_null(row->target && row->target->judged ?
			    mmb_judged_by_name(row->target->by) : NULL));
	json_object_set_new(o, "errors", json_integer((json_int_t)row->errors));
	json_object_set_new(o, "verdict", json_string(mmb_verdict_name(row->verdict)));
	json_object_set_new(o, "reason", text_or_null(row->reason));
	json_object_set_new(o, "tries", json_integer(row->tries));
	if (row->bytes)
		json_object_set_new(o, "bytes", json_integer((json_int_t)row->bytes));
	if (row->kind == MMB_ROW_RATIO) {
		json_object_set_new(o, "a", json_string(row->over[0]));
		json_object_set_new(o, "b", json_string(row->over[1]));
		json_object_set_new(o, "of_minima", number(sum->of_minima + none));
	} else {
		json_object_set_new(o, "histogram", histogram(row->hist));
	}
	return o;
}

static json_t *rows_json(const struct mmb_results *results, enum mmb_row_kind kind)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < results->n; i++)
		if (results->row[i]->kind == kind)
			json_array_append_new(rows, row_json(results->row[i]));
	return rows;
}

static json_t *run_json(const struct mmb_run_info *run)
{
	return json_pack("{s:I,s:I,s:I,s:f,s:I,s:b}", "cases", (json_int_t)run->cases, "pairs",
			 (json_int_t)run->pairs, "seed", (json_int_t)run->seed, "seconds",
			 run->seconds, "errors", (json_int_t)run->errors, "quick", run->quick);
}

json_t *mmb_json_build(const struct mmb_results *results, json_t *env,
		       const struct mmb_run_info *run)
{
	return json_pack("{s:i,s:O,s:o,s:o,s:o,s:o}", "schema", MMB_SCHEMA_VERSION, "env", env,
			 "run", run_json(run), "controls", rows_json(results, MMB_ROW_CONTROL),
			 "metrics", rows_json(results, MMB_ROW_METRIC), "ratios",
			 rows_json(results, MMB_ROW_RATIO));
}

/* --- writing ------------------------------------------------------------------------------ */

static int write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_and_close(int fd, const char *text, bool sync)
{
	int err = write_all(fd, text, strlen(text));

	if (!err && sync && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

static bool is_special(const char *path)
{
	struct stat st;

	return !stat(path, &st) && !S_ISREG(st.st_mode);
}

/* mkstemp() makes private files; the result gets what open(2) would have given it. */
static int make_temp(char *temp, const char *path)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (snprintf(temp, PATH_MAX, "%s.XXXXXX", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = mkstemp(temp);
	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0666 & ~mask)) {
		int err = -errno;

		close(fd);
		unlink(temp);
		return err;
	}
	return fd;
}

/* A name that survives a power cut needs its directory on the disk too. */
static int sync_dir(const char *path)
{
	char copy[PATH_MAX];
	int fd, err = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Some file systems have nothing to sync there and say EINVAL. */
	if (fsync(fd) && errno != EINVAL)
		err = -errno;
	close(fd);
	return err;
}

static int replace_file(const char *path, const char *text)
{
	char real[PATH_MAX], temp[PATH_MAX];
	int fd, err;

	/* Through a symbolic link: replace what it points to. */
	if (!realpath(path, real))
		snprintf(real, sizeof(real), "%s", path);
	fd = make_temp(temp, real);
	if (fd < 0)
		return fd;
	err = write_and_close(fd, text, true);
	if (!err && rename(temp, real))
		err = -errno;
	if (err)
		unlink(temp);
	return err ? err : sync_dir(real);
}

int mmb_json_check(const char *path)
{
	char temp[PATH_MAX];
	int fd;

	if (!strcmp(path, "-"))
		return 0;
	if (is_special(path)) {
		struct stat st;

		if (!stat(path, &st) && S_ISDIR(st.st_mode))
			return -EISDIR;
		return access(path, W_OK) ? -errno : 0;
	}
	fd = make_temp(temp, path);
	if (fd < 0)
		return fd;
	close(fd);
	unlink(temp);
	return 0;
}

int mmb_text_write(const char *path, const char *text)
{
	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, text, strlen(text));
	if (is_special(path)) {
		int fd = open(path, O_WRONLY | O_CLOEXEC);

		return fd < 0 ? -errno : write_and_close(fd, text, false);
	}
	return replace_file(path, text);
}

int mmb_json_write(const char *path, const json_t *root)
{
	char *text = json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
	int err;

	if (!text)
		return -ENOMEM;
	err = mmb_text_write(path, text);
	if (!err && !strcmp(path, "-"))
		err = write_all(STDOUT_FILENO, "\n", 1);
	free(text);
	return err;
}
