// SPDX-License-Identifier: MIT
/*
 * cmd_regs.c - `mmapdemo regs`: the register table of the device contract with the values of now.
 */
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tool.h"

struct args {
	struct tool *tool;
	char **names;		/* patterns, as given */
	int count;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case ARGP_KEY_ARGS:
		args->names = state->argv + state->next;
		args->count = state->argc - state->next;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.args_doc = "[NAME...]",
	.doc = "Show all registers, or those whose names match (case ignored, * and ? allowed). Values are "
	       "read by the driver."
	       "\vRegisters private to the driver take CAP_SYS_RAWIO and its module parameter allow_raw_bar. "
	       "Exit status 1 if a register named in full was refused.",
	.children = tool_argp_children,
};

static const char *name_without_prefix(const char *name)
{
	const struct mmd_reg *reg = mmd_reg_by_name(name);

	return reg ? reg->name : name;
}

/* @exact: the register was asked for by its very name. */
static bool is_wanted(const struct args *args, const struct mmd_reg *reg, bool *exact)
{
	bool wanted = !args->count;
	int i;

	*exact = false;
	for (i = 0; i < args->count; i++) {
		if (mmd_reg_by_name(args->names[i]) == reg)
			*exact = true;
		if (!fnmatch(name_without_prefix(args->names[i]), reg->name, FNM_CASEFOLD))
			wanted = true;
	}
	return wanted;
}

static int check_names(struct tool *tool, const struct args *args)
{
	const struct mmd_reg *regs;
	size_t count, i;
	int n;

	regs = mmd_reg_table(&count);
	for (n = 0; n < args->count; n++) {
		for (i = 0; i < count; i++)
			if (!fnmatch(name_without_prefix(args->names[n]), regs[i].name,
				     FNM_CASEFOLD))
				break;
		if (i == count)
			return tool_error(tool, STATUS_USAGE,
					  "%s: no register of that name. 'mmapdemo regs' lists them.",
					  args->names[n]);
	}
	return 0;
}

/* Prints a row; returns 0, -EPERM or -EACCES when the value cannot be had, or another error. */
static int show_reg(struct tool *tool, const struct mmd_reg *reg, json_t *rows)
{
	const char *refused = NULL;
	uint64_t value = 0;
	json_t *row;
	int ret;

	row = json_pack("{s:s, s:o, s:i, s:s, s:s, s:s}", "name", reg->name,
			"offset", json_hex(reg->offset), "width", (int)reg->width,
			"access", mmd_reg_access_name(reg->access),
			"scope", reg->scope == MMD_REG_PUBLIC ? "public" : "private",
			"text", reg->text);
	json_array_append_new(rows, row);

	ret = mmd_reg_read(tool->dev, reg->offset, reg->width, &value);
	if (reg->access == MMD_REG_WO && (ret == -EPERM || ret == -EACCES))
		refused = "write-only";
	else if (ret == -EPERM)
		refused = "needs CAP_SYS_RAWIO and allow_raw_bar";
	else if (ret)
		return ret;
	if (refused) {
		tool_say(tool, "0x%05x  %u  %-3s  %-18s %-20s %s\n", reg->offset, reg->width,
			 mmd_reg_access_name(reg->access), reg->name, "-", refused);
		json_object_set_new(row, "refused", json_string(refused));
		return -EPERM;
	}
	tool_say(tool, "0x%05x  %u  %-3s  %-18s 0x%0*" PRIx64 "%*s %s\n", reg->offset, reg->width,
		 mmd_reg_access_name(reg->access), reg->name, (int)reg->width * 2, value,
		 reg->width == 8 ? 2 : 10, "", reg->text);
	json_object_set_new(row, "value", json_hex(value));
	return 0;
}

int cmd_regs(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool };
	json_t *rows = json_array();
	const struct mmd_reg *regs;
	int status = STATUS_OK;
	size_t count, i;
	bool exact;
	int ret;

	json_object_set_new(tool->result, "registers", rows);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	ret = check_names(tool, &args);
	if (ret)
		return ret;
	ret = tool_open(tool, MMD_OPEN_RDONLY);
	if (ret)
		return ret;
	regs = mmd_reg_table(&count);
	tool_say(tool, "OFFSET   B  ACC  %-18s %-20s %s\n", "NAME", "VALUE", "MEANING");
	for (i = 0; i < count; i++) {
		if (!is_wanted(&args, &regs[i], &exact))
			continue;
		ret = show_reg(tool, &regs[i], rows);
		if (ret == -EPERM && exact)
			status = STATUS_FAILED;
		else if (ret && ret != -EPERM)
			return tool_explain(tool, MMD_CALL_REG_READ, ret, regs[i].name);
	}
	return status;
}
