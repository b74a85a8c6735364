/* SPDX-License-Identifier: MIT */
/*
 * unit.h - cmocka with what it wants included before, and helpers of all unit tests.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Outputs are filled with this before a call that must leave them alone. */
#define POISON		0xee

static inline void poison(void *p, size_t size)
{
	memset(p, POISON, size);
}

static inline bool is_poisoned(const void *p, size_t size)
{
	const unsigned char *b = p;
	size_t i;

	for (i = 0; i < size; i++)
		if (b[i] != POISON)
			return false;
	return true;
}

/* A generator with a fixed seed: a failure repeats. */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

#endif /* TESTS_UNIT_H */
