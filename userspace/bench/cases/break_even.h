/* SPDX-License-Identifier: MIT */
/*
 * break_even.h - the case that sums up the sweep of one direction.
 */
#ifndef MMB_BREAK_EVEN_H
#define MMB_BREAK_EVEN_H

#include "../bench.h"

enum mmb_rc mmb_break_even_setup(struct mmb_case *c);
enum mmb_rc mmb_break_even_run(struct mmb_case *c);
void mmb_break_even_print(FILE *out, const struct mmb_case *c);

#endif /* MMB_BREAK_EVEN_H */
