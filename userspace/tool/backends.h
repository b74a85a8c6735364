/* SPDX-License-Identifier: MIT */
/*
 * backends.h - one trial of a backend: what cmd_backends.c has set up and backends_time.c measures.
 */
#ifndef MMAPDEMO_BACKENDS_H
#define MMAPDEMO_BACKENDS_H

#include "tool.h"

#define TRIAL_LEN	65536u
#define TRIAL_LIMIT_NS	5000000000ull

struct trial {
	struct mmd_device *dev;
	struct mmd_buf mem;		/* the first half is sent, the second received */
	struct mmd_buf device;
	struct mmd_map mem_map;
	struct mmd_map device_map;
	char detail[192];
};

/* A line and a row for each thing that can be timed. Returns STATUS_*. */
int backends_time(struct tool *tool, struct trial *t, json_t *rows);

#endif /* MMAPDEMO_BACKENDS_H */
