// SPDX-License-Identifier: MIT
/*
 * cmd_regs.c - `mmapdemo regs`: the register table of the device contract with the values of now.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <mmapdemo/queue.h>

#include "parse.h"
#include "tool.h"

enum { KEY_QUEUE = 0x600, KEY_WINDOW };

/* The registers to show: those of the device, of one queue, or of one window. */
struct table {
	const struct mmd_reg *regs;
	size_t count;
	uint32_t base;		/* what the offsets of the rows count from */
	const char *prefix;	/* of names in messages */
};

struct args {
	struct tool *tool;
	bool queue_given;
	bool window_given;
	uint64_t index;		/* of the queue or window */
	char **names;		/* patterns, as given */
	int count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case KEY_QUEUE:
		args->queue_given = true;
		if (parse_u64(arg, &args->index) || args->index >= MMAPDEMO_QUEUE_COUNT_MAX)
			argp_error(state, "--queue=%s: must be 0 .. %u", arg, MMAPDEMO_QUEUE_COUNT_MAX - 1);
		return 0;
	case KEY_WINDOW:
		args->window_given = true;
		if (parse_u64(arg, &args->index) || args->index >= MMAPDEMO_WINDOW_COUNT_MAX)
			argp_error(state, "--window=%s: must be 0 .. %u", arg,
				   MMAPDEMO_WINDOW_COUNT_MAX - 1);
		return 0;
	case ARGP_KEY_END:
		if (args->queue_given && args->window_given)
			argp_error(state, "--queue and --window exclude each other");
		return 0;
	case ARGP_KEY_ARGS:
		args->names = state->argv + state->next;
		args->count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "queue", KEY_QUEUE, "N", 0, "The registers of queue N of the device instead", 1 },
	{ "window", KEY_WINDOW, "N", 0, "The registers of entry N of the window table instead", 1 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[NAME...]",
	.doc = "Show all registers, or those whose names match (case ignored, * and ? allowed). Values are "
	       "read by the driver."
	       "\vRegisters private to the driver take CAP_SYS_RAWIO and its module parameter allow_raw_bar. "
	       "Exit status 1 if a register named in full was refused.",
	.children = tool_argp_children,
};

static void table_set(const struct args *args, struct table *table)
{
	uint32_t index = (uint32_t)args->index;

	*table = (struct table) { .prefix = "MMAPDEMO_REG_" };
	if (args->queue_given) {
		table->regs = mmd_queue_reg_table(&table->count);
		table->base = MMAPDEMO_QUEUE_TABLE + index * MMAPDEMO_QUEUE_STRIDE;
		table->prefix = "MMAPDEMO_QREG_";
	} else if (args->window_given) {
		table->regs = mmd_window_reg_table(&table->count);
		table->base = MMAPDEMO_WINDOW_TABLE + index * MMAPDEMO_WINDOW_STRIDE;
		table->prefix = "MMAPDEMO_WREG_";
	} else {
		table->regs = mmd_reg_table(&table->count);
	}
}

static bool matches(const struct table *table, const char *pattern, const struct mmd_reg *reg)
{
	size_t len = strlen(table->prefix);

	if (!strncasecmp(pattern, table->prefix, len))
		pattern += len;
	return !fnmatch(pattern, reg->name, FNM_CASEFOLD);
}

/* @exact: the register was asked for by its very name. */
static bool is_wanted(const struct args *args, const struct table *table,
		      const struct mmd_reg *reg, bool *exact)
{
	bool wanted = !args->count;
	int i;

	*exact = false;
	for (i = 0; i < args->count; i++) {
		if (!matches(table, args->names[i], reg))
			continue;
		wanted = true;
		if (!strpbrk(args->names[i], "*?["))
			*exact = true;
	}
	return wanted;
}

static int check_names(struct tool *tool, const struct args *args, const struct table *table)
{
	size_t i;
	int n;

	for (n = 0; n < args->count; n++) {
		for (i = 0; i < table->count; i++)
			if (matches(table, args->names[n], &table->regs[i]))
				break;
		if (i == table->count)
			return tool_error(tool, STATUS_USAGE,
					  "%s: no register of that name. 'mmapdemo regs%s' lists them.",
					  args->names[n], args->queue_given ? " --queue=0" :
					  args->window_given ? " --window=0" : "");
	}
	return 0;
}

/* What the device does not have is a mistake in the command line, told with the limit. */
static int check_index(struct tool *tool, const struct args *args)
{
	struct mmd_info info;
	uint32_t there;
	int ret;

	if (!args->queue_given && !args->window_given)
		return 0;
	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	there = args->queue_given ? info.num_queues : info.num_windows;
	if (args->index < there)
		return 0;
	return tool_error(tool, STATUS_USAGE,
			  "%s: no %s %" PRIu64 ": the device has %u. 'mmapdemo info' shows what there is.",
			  tool->path, args->queue_given ? "queue" : "window", args->index, there);
}

/* Prints a row; returns 0, -EPERM or -EACCES when the value cannot be had, or another error. */
static int show_reg(struct tool *tool, const struct mmd_reg *reg, uint32_t base, json_t *rows)
{
	uint32_t offset = base + reg->offset;
	const char *refused = NULL;
	uint64_t value = 0;
	json_t *row;
	int ret;

	row = json_pack("{s:s, s:o, s:i, s:s, s:s, s:s}", "name", reg->name,
			"offset", json_hex(offset), "width", (int)reg->width,
			"access", mmd_reg_access_name(reg->access),
			"scope", reg->scope == MMD_REG_PUBLIC ? "public" : "private",
			"text", reg->text);
	json_array_append_new(rows, row);

	ret = mmd_reg_read(tool->dev, offset, reg->width, &value);
	if (reg->access == MMD_REG_WO && (ret == -EPERM || ret == -EACCES))
		refused = "write-only";
	else if (ret == -EPERM)
		refused = "needs CAP_SYS_RAWIO and allow_raw_bar";
	else if (ret)
		return ret;
	if (refused) {
		tool_say(tool, "0x%05x  %u  %-3s  %-18s %-20s %s\n", offset, reg->width,
			 mmd_reg_access_name(reg->access), reg->name, "-", refused);
		json_object_set_new(row, "refused", json_string(refused));
		return -EPERM;
	}
	tool_say(tool, "0x%05x  %u  %-3s  %-18s 0x%0*" PRIx64 "%*s %s\n", offset, reg->width,
		 mmd_reg_access_name(reg->access), reg->name, (int)reg->width * 2, value,
		 reg->width == 8 ? 2 : 10, "", reg->text);
	json_object_set_new(row, "value", json_hex(value));
	return 0;
}

int cmd_regs(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool };
	json_t *rows = json_array();
	struct table table;
	int status = STATUS_OK;
	size_t i;
	bool exact;
	int ret;

	json_object_set_new(tool->result, "registers", rows);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	table_set(&args, &table);
	ret = check_names(tool, &args, &table);
	if (ret)
		return ret;
	ret = tool_open(tool, MMD_OPEN_RDONLY);
	if (ret)
		return ret;
	ret = check_index(tool, &args);
	if (ret)
		return ret;
	if (args.queue_given || args.window_given)
		json_object_set_new(tool->result, args.queue_given ? "queue" : "window",
				    json_integer((json_int_t)args.index));
	tool_say(tool, "OFFSET   B  ACC  %-18s %-20s %s\n", "NAME", "VALUE", "MEANING");
	for (i = 0; i < table.count; i++) {
		if (!is_wanted(&args, &table, &table.regs[i], &exact))
			continue;
		ret = show_reg(tool, &table.regs[i], table.base, rows);
		if (ret == -EPERM && exact)
			status = STATUS_FAILED;
		else if (ret && ret != -EPERM)
			return tool_explain(tool, MMD_CALL_REG_READ, ret, table.regs[i].name);
	}
	return status;
}
