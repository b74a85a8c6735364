/* SPDX-License-Identifier: MIT */
/*
 * options.h - the command line of `mmapdemo bench`.
 */
#ifndef MMB_OPTIONS_H
#define MMB_OPTIONS_H

#include "bench.h"

#define MMB_SIZE_MIN	64u
#define MMB_SIZE_MAX	MMAPDEMO_DMA_MAX_LEN
#define MMB_SIZE_STEP	64u
#define MMB_SIZES_MAX	64u

/**
 * mmb_options_parse() - fill @opt. Ends the program on --help (0) and on a usage error (2).
 *
 * The strings stay those of @argv, the arrays are the callee's until mmb_options_free().
 */
void mmb_options_parse(int argc, char **argv, struct mmb_options *opt);
void mmb_options_free(struct mmb_options *opt);

/** mmb_parse_size() - "64", "4K", "4KiB", "2M"; 0 or -EINVAL. Digits only: no sign, no fraction. */
int mmb_parse_size(const char *text, uint64_t *bytes);

#endif /* MMB_OPTIONS_H */
