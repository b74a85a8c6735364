/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - the one function that a fuzzing target is.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* 0; a finding is an abort(). */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif /* TESTS_FUZZ_H */
