// SPDX-License-Identifier: MIT
/*
 * result.c - rows, the table of targets, verdicts.
 */
#include "result.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEDIAN	MMB_BY_MEDIAN
#define EVERY	MMB_BY_EVERY
#define LEAST	MMB_BY_MIN

/*
 * Floors and ceilings, from measurements on this kind of set-up (docs/benchmarking.md). What goes
 * through a system call for each transfer (D1.oneshot, D6.oneshot) has none.
 */
static const struct mmb_target targets[] = {
	{ "X1.load", "0", 0, 0, EVERY, true },
	{ "X1.load.*", "0", 0, 0, EVERY, true },
	{ "X1.store", "0", 0, 0, EVERY, true },
	{ "X2.*.writes", "1", 1, 1, EVERY, true },
	{ "X2.*.reads", "0", 0, 0, EVERY, true },
	{ "X2.64.share", "1/64", 1.0 / 64, 1.0 / 64, EVERY, true },
	{ "X2.poll", "0", 0, 0, MEDIAN, true },
	{ "X3.polled", "0", 0, 0, EVERY, true },
	{ "X3.sleeping", "0", 0, 0, EVERY, true },
	{ "X4.depth1", "1", 1, 1, EVERY, true },
	{ "X4.depth64", "<= 1/32", NAN, 1.0 / 32, EVERY, true },
	{ "I1", "<= 30", NAN, 30, MEDIAN, true },
	{ "I2", "<= 1000", NAN, 1000, MEDIAN, true },
	{ "I4.bar", "<= 60", NAN, 60, LEAST, true },
	{ "I4.bar_fault", "<= 3200", NAN, 3200, LEAST, true },
	{ "I4.fault_around", "<= 1150", NAN, 1150, LEAST, true },
	{ "I4.bar_huge", "<= 4", NAN, 4, LEAST, true },
	{ "I5.bar", "0", 0, 0, EVERY, true },
	{ "I5.bar_fault", "16384", 16384, 16384, EVERY, true },
	{ "I5.fault_around", "1024", 1024, 1024, EVERY, true },
	{ "I5.bar_huge", "32", 32, 32, EVERY, true },
	{ "L1", ">= 200", 200, NAN, MEDIAN, true },
	{ "L4.load", "0.97 - 1.03", 0.97, 1.03, MEDIAN, true },
	{ "L4.store", "0.97 - 1.03", 0.97, 1.03, MEDIAN, true },
	{ "L4.stream", "0.97 - 1.03", 0.97, 1.03, MEDIAN, true },
	{ "D1.64KiB.*_device", ">= 0.8", 0.8, NAN, MEDIAN, true },
	{ "D1.512KiB.*_device", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.1MiB.*_device", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.2MiB.*_device", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.128KiB.*_device.depth16", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.256KiB.*_device.depth16", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.512KiB.*_device.depth16", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.1MiB.*_device.depth16", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "D1.2MiB.*_device.depth16", ">= 0.95", 0.95, NAN, MEDIAN, true },
	{ "P1", ">= 3", 3, NAN, MEDIAN, true },
	{ "P1.instructions", ">= 10", 10, NAN, MEDIAN, true },
	{ "D2", ">= 4.5", 4.5, NAN, MEDIAN, true },
	{ "D3", ">= 3.5", 3.5, NAN, MEDIAN, true },
	{ "D4.nvme", ">= 200", 200, NAN, MEDIAN, true },
	{ "D4.virtio_blk", ">= 200", 200, NAN, MEDIAN, true },
	{ "D4.virtio_blk_iothread", ">= 200", 200, NAN, MEDIAN, true },
	{ "D4.edu", ">= 300000", 300000, NAN, MEDIAN, true },
	{ "D4.null_blk", ">= 15", 15, NAN, MEDIAN, true },
	{ "D5", ">= 1.3", 1.3, NAN, MEDIAN, true },
	{ "D6.64B", "<= 1.4", NAN, 1.4, MEDIAN, true },
	{ "D6.4KiB", "<= 1.7", NAN, 1.7, MEDIAN, true },
	{ "B1", "<= 0.5", NAN, 0.5, MEDIAN, true },
	{ "B1.descriptor.64", "<= 100", NAN, 100, MEDIAN, true },
	{ "B2", ">= 20", 20, NAN, MEDIAN, true },
	{ "S2.*iB", ">= 0.9", 0.9, NAN, MEDIAN, true },
	{ "S3.auto.*.over", "0", 0, 0, EVERY, true },
	{ "S4.*.auto", "<= 1.1", NAN, 1.1, MEDIAN, true },
	{ "V1.*iB.*_device", ">= 0.7", 0.7, NAN, MEDIAN, true },
	{ "V1.descriptor.64.translated", "<= 125", NAN, 125, MEDIAN, true },
};

const char *mmb_verdict_name(enum mmb_verdict verdict)
{
	static const char *const names[] = {
		[MMB_INFO] = "info",
		[MMB_PASS] = "pass",
		[MMB_FAIL] = "fail",
		[MMB_NOISY] = "noisy",
		[MMB_INCONCLUSIVE] = "inconclusive",
		[MMB_SKIPPED] = "skipped",
	};

	return names[verdict];
}

const char *mmb_boot_name(enum mmb_boot boot)
{
	static const char *const names[] = {
		[MMB_BOOT_ANY] = "any",
		[MMB_BOOT_TIMED] = "timed",
		[MMB_BOOT_IOMMU] = "iommu",
		[MMB_BOOT_ICOUNT] = "icount",
	};

	return names[boot];
}

enum mmb_boot mmb_boot_value(const char *name)
{
	for (int boot = MMB_BOOT_ANY + 1; boot < MMB_BOOTS; boot++)
		if (!strcmp(mmb_boot_name((enum mmb_boot)boot), name))
			return (enum mmb_boot)boot;
	return MMB_BOOT_ANY;
}

const char *mmb_judged_by_name(enum mmb_judged_by by)
{
	static const char *const names[] = {
		[MMB_BY_MEDIAN] = "median",
		[MMB_BY_EVERY] = "every",
		[MMB_BY_MIN] = "min",
	};

	return names[by];
}

const struct mmb_target *mmb_target_find(const char *id)
{
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		if (!fnmatch(targets[i].id, id, 0))
			return &targets[i];
	return NULL;
}

enum mmb_verdict mmb_judge(const struct mmb_target *target, double median)
{
	if (!target || !target->judged)
		return MMB_INFO;
	/* Written so that a NaN median fails. */
	if (!isnan(target->lo) && !(median >= target->lo))
		return MMB_FAIL;
	if (!isnan(target->hi) && !(median <= target->hi))
		return MMB_FAIL;
	return MMB_PASS;
}

enum mmb_verdict mmb_judge_all(const struct mmb_target *target, const struct mmb_summary *sum)
{
	enum mmb_verdict verdict;

	if (target && target->by == MMB_BY_MIN)
		return mmb_judge(target, sum->min);
	verdict = mmb_judge(target, sum->median);
	if (verdict == MMB_PASS && target->by == MMB_BY_EVERY)
		verdict = mmb_judge(target, sum->min);
	if (verdict == MMB_PASS && target->by == MMB_BY_EVERY)
		verdict = mmb_judge(target, sum->max);
	return verdict;
}

struct mmb_row *mmb_row_add(struct mmb_results *results, enum mmb_row_kind kind, const char *id,
			    const char *what, const char *unit)
{
	struct mmb_row *row;

	if (results->n == results->cap) {
		size_t cap = results->cap ? results->cap * 2 : 64;
		struct mmb_row **rows = reallocarray(results->row, cap, sizeof(*rows));

		if (!rows)
			return NULL;
		results->row = rows;
		results->cap = cap;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	row->what = strdup(what);
	if (!row->what) {
		free(row);
		return NULL;
	}
	row->kind = kind;
	row->boot = MMB_BOOT_TIMED;
	snprintf(row->id, sizeof(row->id), "%s", id);
	snprintf(row->unit, sizeof(row->unit), "%s", unit);
	if (kind != MMB_ROW_CONTROL)
		row->target = mmb_target_find(id);
	results->row[results->n++] = row;
	return row;
}

void mmb_row_reason(struct mmb_row *row, enum mmb_verdict verdict, const char *reason)
{
	free(row->reason);
	row->reason = strdup(reason);
	row->verdict = verdict;
}

struct mmb_row *mmb_row_find(const struct mmb_results *results, const char *id)
{
	for (size_t i = 0; i < results->n; i++)
		if (!strcmp(results->row[i]->id, id))
			return results->row[i];
	return NULL;
}

void mmb_results_free(struct mmb_results *results)
{
	for (size_t i = 0; i < results->n; i++) {
		free(results->row[i]->what);
		free(results->row[i]->reason);
		free(results->row[i]->hist);
		mmb_vec_free(&results->row[i]->series);
		free(results->row[i]);
	}
	free(results->row);
	memset(results, 0, sizeof(*results));
}
