/* SPDX-License-Identifier: MIT */
/*
 * print.h - the table on the terminal, row by row as they come.
 */
#ifndef MMB_PRINT_H
#define MMB_PRINT_H

#include <jansson.h>

#include "bench.h"

/** mmb_print_intro() - what is being measured, where, and how to read it. */
void mmb_print_intro(const struct mmb_session *s, const json_t *env);

/** mmb_print_case() - its rows, after the head of its group if that has not been printed yet. */
void mmb_print_case(const struct mmb_case *c);

/** mmb_print_outro() - controls, ratios with their targets, what was left out, what to doubt. */
void mmb_print_outro(const struct mmb_session *s, const json_t *env);

/** mmb_print_plan() - for `list`. */
void mmb_print_plan(FILE *out, const struct mmb_plan *plan);

/* Progress: one line on standard error, when that is a terminal; gone when a row is printed. */
void mmb_progress(const struct mmb_session *s, const struct mmb_case *c);
void mmb_progress_clear(const struct mmb_session *s);

/** mmb_num() - three or four significant digits, no exponent below 1e9; "-" for NaN. */
char *mmb_num(double value, char *text, size_t size);
#define MMB_NUM(value)	mmb_num(value, (char[24]){ 0 }, 24)

/** mmb_print_cell() - p50 of an arm in a table of its case's own; "?" inconclusive, "-" none. */
void mmb_print_cell(FILE *out, const struct mmb_arm *arm, double per);

#endif /* MMB_PRINT_H */
