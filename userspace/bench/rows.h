/* SPDX-License-Identifier: MIT */
/*
 * rows.h - from arms and pairs to rows.
 *
 * For: the runner, and mmb_controls_close() for the end of a run.
 */
#ifndef MMB_ROWS_H
#define MMB_ROWS_H

#include "bench.h"

/** mmb_make_rows() - a row for each arm and pair; the case's noise decides on their verdicts. */
enum mmb_rc mmb_make_rows(struct mmb_case *c);

/** mmb_make_skipped_rows() - the rows the case would have given, with its reason. */
void mmb_make_skipped_rows(struct mmb_case *c);

/** mmb_count_controls() - add this try's controls to those of the run. */
void mmb_count_controls(struct mmb_case *c);

/** mmb_controls_close() - sum up the controls of all cases. */
void mmb_controls_close(struct mmb_session *s);

/** mmb_seed_of() - each row has its own stream: its interval does not depend on what else ran. */
uint64_t mmb_seed_of(const struct mmb_session *s, const char *id);

#endif /* MMB_ROWS_H */
