/* SPDX-License-Identifier: MIT */
/*
 * mock.h - a backend for the library that answers from a script and remembers what it was asked.
 */
#ifndef TESTS_UNIT_MOCK_H
#define TESTS_UNIT_MOCK_H

#include "unit.h"

#include "internal.h"

#define MOCK_CALLS	64
#define MOCK_ARG	192

struct mock_call {
	unsigned long cmd;
	unsigned char arg[MOCK_ARG];	/* the structure as it came */
};

struct mock {
	/* Answers. `reply` is called for each ioctl but INFO at open; its return value is returned. */
	int open_ret;
	int info_ret;
	uint32_t api_version;
	int (*reply)(struct mock *mock, unsigned long cmd, void *arg);
	ssize_t (*transfer)(struct mock *mock, uint64_t offset, void *data, size_t len);
	int (*map)(struct mock *mock, uint64_t offset, size_t len, int prot, void **ptr);
	int map_ret;			/* without a `map` */
	void *map_ptr;
	/* What happened. */
	unsigned int opens;
	unsigned int closes;
	int oflags;
	const char *path;
	unsigned int calls;
	struct mock_call call[MOCK_CALLS];
	uint64_t map_offset;
	size_t map_len;
	int map_prot;
	unsigned int maps;
	/* For the replies' own use. */
	int step;
	int efd;
	uint64_t *done_seq;
};

extern const struct mmd_backend mock_backend;

/* A device on the mock, opened without flags; fails the test if it cannot be. */
struct mmd_device *mock_open(struct mock *mock);

/* The structure of call @n, checked to be @cmd. */
const void *mock_arg(const struct mock *mock, unsigned int n, unsigned long cmd);

#endif /* TESTS_UNIT_MOCK_H */
