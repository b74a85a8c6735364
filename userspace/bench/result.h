/* SPDX-License-Identifier: MIT */
/*
 * result.h - the rows a run leaves behind, and how they are judged.
 *
 * For: the runner (makes rows), the terminal table and the JSON file (show them), compare.
 * Not for: measuring.
 */
#ifndef MMB_RESULT_H
#define MMB_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stats.h"

#define MMB_ID_LEN		64
#define MMB_SCHEMA_VERSION	2	/* 2: boot and judged_by of rows, boots of the run */

/*
 * Which guest a case belongs into: one whose clock shows time, one like it with an IOMMU in front of the
 * devices, or one whose clock shows the instructions that it has executed (icount.h). What is timed
 * in the last means nothing.
 */
enum mmb_boot {
	MMB_BOOT_ANY,		/* options only: no choice made */
	MMB_BOOT_TIMED,
	MMB_BOOT_IOMMU,
	MMB_BOOT_ICOUNT,
	MMB_BOOTS
};

/** mmb_boot_name() - "timed", "iommu", "icount". */
const char *mmb_boot_name(enum mmb_boot boot);

/** mmb_boot_value() - of such a name; ANY: it is none. */
enum mmb_boot mmb_boot_value(const char *name);

enum mmb_verdict {
	MMB_INFO,		/* there is no target, or it is not judged in this version */
	MMB_PASS,
	MMB_FAIL,
	MMB_NOISY,		/* a control scattered and there was no time to repeat */
	MMB_INCONCLUSIVE,	/* a control scattered in every try: no number */
	MMB_SKIPPED,		/* see the reason */
};

const char *mmb_verdict_name(enum mmb_verdict verdict);

/* What of a series has to keep to the target. */
enum mmb_judged_by {
	MMB_BY_MEDIAN,
	MMB_BY_EVERY,		/* every observation: counts, of which one that is off is one too many */
	MMB_BY_MIN,		/* the least: instructions of page faults, to which the allocator adds */
};

const char *mmb_judged_by_name(enum mmb_judged_by by);

/* A floor or ceiling to beat. NAN: open on this side. */
struct mmb_target {
	const char *id;		/* of a row, or a glob */
	const char *text;
	double lo;
	double hi;
	enum mmb_judged_by by;
	bool judged;		/* else published, with verdict info */
};

/** mmb_target_find() - of a ratio or an exact count. NULL: the row has no target. */
const struct mmb_target *mmb_target_find(const char *id);

/** mmb_judge() - PASS, FAIL, or INFO when there is nothing to be judged. */
enum mmb_verdict mmb_judge(const struct mmb_target *target, double median);

/** mmb_judge_all() - the same of a whole series, where the target is one for every observation. */
enum mmb_verdict mmb_judge_all(const struct mmb_target *target, const struct mmb_summary *sum);

enum mmb_row_kind {
	MMB_ROW_CONTROL,
	MMB_ROW_METRIC,
	MMB_ROW_RATIO,
	MMB_ROW_KINDS
};

struct mmb_row {
	enum mmb_row_kind kind;
	enum mmb_boot boot;
	char id[MMB_ID_LEN];
	char *what;
	char unit[24];
	enum mmb_verdict verdict;
	char *reason;			/* of skipped, inconclusive, noisy; else NULL */
	struct mmb_summary sum;		/* n = 0: no number */
	struct mmb_hist *hist;		/* NULL: none */
	struct mmb_vec series;		/* controls: all values so far */
	const struct mmb_target *target;
	uint64_t bytes;			/* per operation; 0: says nothing */
	unsigned int tries;
	unsigned long errors;
	char over[2][MMB_ID_LEN];	/* ratios: ids of a and b */
	bool detail;			/* not in the short table */
};

struct mmb_results {
	struct mmb_row **row;
	size_t n;
	size_t cap;
};

/** mmb_row_add() - a new row at the end; NULL when out of memory. Texts are copied. */
struct mmb_row *mmb_row_add(struct mmb_results *results, enum mmb_row_kind kind, const char *id,
			    const char *what, const char *unit);

/** mmb_row_reason() - set verdict and reason (copied). */
void mmb_row_reason(struct mmb_row *row, enum mmb_verdict verdict, const char *reason);

/** mmb_row_find() - NULL: there is none. */
struct mmb_row *mmb_row_find(const struct mmb_results *results, const char *id);

void mmb_results_free(struct mmb_results *results);

#endif /* MMB_RESULT_H */
