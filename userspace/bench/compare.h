/* SPDX-License-Identifier: MIT */
/*
 * compare.h - what has changed between two runs, and which of it can be said with confidence.
 *
 * Times of two boots are never compared: only ratios, which were measured in turn within one boot, counts, and
 * instructions.
 */
#ifndef MMB_COMPARE_H
#define MMB_COMPARE_H

#include <stdbool.h>

#include <jansson.h>

/* What a change of a ratio or of instructions must exceed to be called better or worse, in percent. */
#define MMB_THRESHOLD			5.0
#define MMB_THRESHOLD_INSTRUCTIONS	1.0

enum mmb_change {
	MMB_CHANGE_SAME,	/* equal, or too little to matter, or not significant */
	MMB_CHANGE_BETTER,
	MMB_CHANGE_WORSE,	/* a regression */
	MMB_CHANGE_OTHER,	/* significant, of a row of which neither direction is better */
	MMB_CHANGE_NO_NUMBER,	/* skipped, inconclusive or missing on one side */
	MMB_CHANGES
};

/** mmb_change_name() - "same", "better", "worse", "changed", "no_number". */
const char *mmb_change_name(enum mmb_change change);

/**
 * mmb_compare_envs() - may these two runs be compared?
 *
 * NULL: yes. Else the new array of what differs: objects of boot, field, a, b.
 */
json_t *mmb_compare_envs(const json_t *a, const json_t *b);

/**
 * mmb_compare() - row by row.
 * @threshold: percent, for ratios
 *
 * A new object: rows (array, in the order of @a), regressions, errors (of either run), times_left_out. Each row has
 * id, what, unit, figure (median, min or max: which one a and b are), a, b (null: none), change (b / a - 1; null when it is
 * none), ci95 (of the change; null: exact, or none), significant, result.
 */
json_t *mmb_compare(const json_t *a, const json_t *b, double threshold);

/** mmb_compare_main() - `mmapdemo bench compare`: argv[0] is the name for messages. Exit status. */
int mmb_compare_main(int argc, char **argv);

#endif /* MMB_COMPARE_H */
