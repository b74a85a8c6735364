// SPDX-License-Identifier: MIT
/*
 * cmd_queue.c - `mmapdemo queue`: the queues of the device, who has which, and what state they are in.
 *
 * For: an administrator who wants to know why a queue does not go on. Not for: using one, see
 * `mmapdemo copy --via=queue`.
 */
#include <inttypes.h>
#include <stdio.h>

#include <mmapdemo/queue.h>

#include "tool.h"

enum { KEY_ALL = 0x500 };

struct args {
	struct tool *tool;
	bool all;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case KEY_ALL:
		args->all = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "all", KEY_ALL, NULL, 0, "Disabled queues too", 1 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "List the queues that are in use, in any process: state, error, slots, protection domain, "
	       "interrupt vector, and the index of the next descriptor to complete."
	       "\vThe registers of queues are private to the driver: it takes CAP_SYS_RAWIO and its module "
	       "parameter allow_raw_bar. A process looks at its own with mmd_queue_info().",
	.children = tool_argp_children,
};

/* The columns, in the order they are read. STATE is first: the others mean nothing while DISABLED. */
enum { STATE, ERROR, ERROR_INDEX, HEAD, LOG2N, PD, VECTOR, COLUMNS };

static const uint32_t offsets[COLUMNS] = {
	MMAPDEMO_QREG_STATE, MMAPDEMO_QREG_ERROR, MMAPDEMO_QREG_ERROR_INDEX, MMAPDEMO_QREG_HEAD,
	MMAPDEMO_QREG_LOG2N, MMAPDEMO_QREG_PD, MMAPDEMO_QREG_VECTOR,
};

static int read_queue(struct tool *tool, uint32_t queue, uint32_t *values)
{
	uint32_t base = MMAPDEMO_QUEUE_TABLE + queue * MMAPDEMO_QUEUE_STRIDE;
	uint64_t value;
	char name[32];
	int i, ret;

	for (i = 0; i < COLUMNS; i++) {
		ret = mmd_reg_read(tool->dev, base + offsets[i], 4, &value);
		if (ret) {
			snprintf(name, sizeof(name), "queue %u", queue);
			return tool_explain(tool, MMD_CALL_REG_READ, ret, name);
		}
		values[i] = (uint32_t)value;
	}
	return 0;
}

static void show_queue(struct tool *tool, uint32_t queue, const uint32_t *values, json_t *rows)
{
	uint32_t log2n = values[LOG2N];

	/* A queue that was never enabled has no slots. */
	tool_say(tool, "%5u  %-8s  %-8s  %10u  %10u  %5u  %5u  %6u\n", queue,
		 mmd_queue_state_name(values[STATE]), mmd_queue_error_name(values[ERROR]),
		 values[ERROR_INDEX], values[HEAD], log2n && log2n < 32 ? 1u << log2n : 0,
		 values[PD], values[VECTOR]);
	json_array_append_new(rows, json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I}",
		"queue", (json_int_t)queue, "state", mmd_queue_state_name(values[STATE]),
		"error", mmd_queue_error_name(values[ERROR]),
		"error_index", (json_int_t)values[ERROR_INDEX], "head", (json_int_t)values[HEAD],
		"log2n", (json_int_t)log2n, "pd", (json_int_t)values[PD],
		"vector", (json_int_t)values[VECTOR]));
}

int cmd_queue(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool };
	uint32_t values[COLUMNS], queue, used = 0;
	json_t *rows = json_array();
	struct mmd_info info;
	int ret;

	json_object_set_new(tool->result, "queues", rows);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	ret = tool_open(tool, MMD_OPEN_RDONLY);
	if (ret)
		return ret;
	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	if (!info.num_queues)
		return tool_error(tool, STATUS_NO_DEVICE,
				  "%s: cannot list its queues: device or driver has none. 'mmapdemo info' shows the "
				  "versions of both.", tool->path);
	for (queue = 0; queue < info.num_queues; queue++) {
		ret = read_queue(tool, queue, values);
		if (ret)
			return ret;
		if (!queue)
			tool_say(tool, "QUEUE  %-8s  %-8s  %10s  %10s  SLOTS     PD  VECTOR\n", "STATE",
				 "ERROR", "AT", "HEAD");
		used += values[STATE] != MMAPDEMO_QSTATE_DISABLED;
		if (args.all || values[STATE] != MMAPDEMO_QSTATE_DISABLED)
			show_queue(tool, queue, values, rows);
	}
	json_object_set_new(tool->result, "in_use", json_integer(used));
	json_object_set_new(tool->result, "num_queues", json_integer(info.num_queues));
	tool_say(tool, "%u of %u in use\n", used, info.num_queues);
	return STATUS_OK;
}
