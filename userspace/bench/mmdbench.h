/* SPDX-License-Identifier: MIT */
/*
 * mmdbench.h - the one entry of the benchmark library, called by `mmapdemo bench`.
 *
 * For: the tool. Not for: the cases, which see bench.h.
 */
#ifndef MMDBENCH_H
#define MMDBENCH_H

/**
 * mmdbench_main() - run the benchmark command line.
 * @argc, @argv: argv[0] is the name shown in messages, the rest are options and words
 *
 * Returns the exit code of the program: 0 every row ran and verified, 1 a check failed or the
 * results could not be written, 2 usage, 3 no device, unsuitable or gone, 130 interrupted.
 */
int mmdbench_main(int argc, char **argv);

#endif /* MMDBENCH_H */
