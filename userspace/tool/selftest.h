/* SPDX-License-Identifier: MIT */
/*
 * selftest.h - the checks of `mmapdemo selftest`: one function each, in files by subject.
 */
#ifndef MMAPDEMO_TOOL_SELFTEST_H
#define MMAPDEMO_TOOL_SELFTEST_H

#include "tool.h"

#define CHECK_OK	0
#define CHECK_FAILED	1
#define CHECK_SKIPPED	2

struct selftest {
	struct tool *tool;
	struct mmd_info info;
	struct mmd_map user_page;
	char detail[256];		/* why the check failed or was skipped, or what it saw */
};

struct check {
	const char *name;
	/* Returns CHECK_*. @arg as in the table. */
	int (*run)(struct selftest *st, uint32_t arg);
	uint32_t arg;
};

/* Set the detail and return CHECK_FAILED; a call that failed with @err, with cause. */
__attribute__((format(printf, 2, 3)))
int check_fail(struct selftest *st, const char *format, ...);
int check_call(struct selftest *st, enum mmd_call call, int err, const char *object);

/* CHECK_OK if a call gave the -errno (or 0) it had to. */
int check_errno(struct selftest *st, const char *what, int ret, int wanted);

/* Set the detail and return CHECK_SKIPPED; CHECK_OK, or that, by whether @technique is to be had here. */
int check_skip(struct selftest *st, const char *why);
int check_has(struct selftest *st, uint32_t technique);

int check_identity(struct selftest *st, uint32_t arg);
int check_registers(struct selftest *st, uint32_t arg);
int check_scratch(struct selftest *st, uint32_t arg);
int check_counters(struct selftest *st, uint32_t arg);
int check_clock(struct selftest *st, uint32_t arg);

int check_example(struct selftest *st, uint32_t arg);
int check_buffer(struct selftest *st, uint32_t technique);
int check_read_only(struct selftest *st, uint32_t technique);
int check_mapping_refusals(struct selftest *st, uint32_t arg);
int check_register_refusals(struct selftest *st, uint32_t arg);
int check_private_registers(struct selftest *st, uint32_t arg);

int check_dma(struct selftest *st, uint32_t technique);
int check_cpu_copy(struct selftest *st, uint32_t via);
int check_dma_refusals(struct selftest *st, uint32_t arg);
int check_interrupt(struct selftest *st, uint32_t arg);

int check_faults(struct selftest *st, uint32_t technique);
int check_huge(struct selftest *st, uint32_t arg);
int check_ram_types(struct selftest *st, uint32_t arg);
int check_pin(struct selftest *st, uint32_t arg);
int check_sync(struct selftest *st, uint32_t arg);
int check_export(struct selftest *st, uint32_t arg);

int check_queue_copy(struct selftest *st, uint32_t technique);
int check_submit(struct selftest *st, uint32_t via);
int check_queue_operations(struct selftest *st, uint32_t arg);
int check_queue_refusals(struct selftest *st, uint32_t arg);
int check_queue_foreign_window(struct selftest *st, uint32_t arg);
int check_queue_doorbells(struct selftest *st, uint32_t arg);
int check_queue_interrupt(struct selftest *st, uint32_t arg);

#endif /* MMAPDEMO_TOOL_SELFTEST_H */
