// SPDX-License-Identifier: MIT
/*
 * main.c - the command line of mmapdemo: global options, then one subcommand with its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static const struct command commands[] = {
	{ "info", "show device, driver and limits", cmd_info },
	{ "regs", "show registers", cmd_regs },
	{ "peek", "read a register or device memory", cmd_peek },
	{ "poke", "write a register or device memory", cmd_poke },
	{ "map", "map a buffer and show what the mapping really is", cmd_map },
	{ "copy", "copy data to the device and back, and compare", cmd_copy },
	{ "queue", "list the queues of the device", cmd_queue },
	{ "watch", "show what the device does, again and again", cmd_watch },
	{ "backends", "show what the driver, vfio-pci and uio_pci_generic can do", cmd_backends },
	{ "selftest", "check device, driver and library", cmd_selftest },
#ifdef MMD_HAVE_BENCH
	{ "bench", "measure", cmd_bench },
#endif
};

const char *argp_program_version = "mmapdemo " MMD_VERSION;

struct main_args {
	struct tool *tool;
	int command;		/* index in argv, 0: none */
};

static error_t parse_main(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	(void)arg;
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case ARGP_KEY_ARG:
		/* What follows belongs to the command. */
		args->command = state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "a command is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The commands in --help, from the table above. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size, i;
	FILE *f;

	(void)input;
	if (key != ARGP_KEY_HELP_PRE_DOC)
		return (char *)text;
	f = open_memstream(&help, &size);
	if (!f)
		return (char *)text;
	fprintf(f, "%s\n\nCommands ('mmapdemo COMMAND --help' tells more):\n", text);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
	fclose(f);
	return help ? help : (char *)text;
}

static const struct argp main_argp = {
	.parser = parse_main,
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "Use an mmapdemo PCI device: look at it, map it, copy with it, measure it."
	       "\vExit status: 0 done; 1 a check failed or the driver refused; 2 usage; 3 no device, "
	       "not a suitable one, or gone; 77 skipped; 130 interrupted.",
	.children = tool_argp_children,
	.help_filter = help_filter,
};

static const struct command *command_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static struct tool tool = { .path = MMD_DEFAULT_PATH };
	struct main_args args = { .tool = &tool };
	const struct command *command;
	char name[64];

	tool.result = json_object();
	if (!tool.result)
		return STATUS_FAILED;
	argp_err_exit_status = STATUS_USAGE;
	tool_signals_init();
	argp_parse(&main_argp, argc, argv, ARGP_IN_ORDER, NULL, &args);

	command = command_by_name(argv[args.command]);
	if (!command) {
		fprintf(stderr, "mmapdemo: no command '%s'. 'mmapdemo --help' lists them.\n",
			argv[args.command]);
		return STATUS_USAGE;
	}
	tool.command = command->name;
	json_object_set_new(tool.result, "command", json_string(command->name));
	snprintf(name, sizeof(name), "mmapdemo %s", command->name);
	argv[args.command] = name;
	return tool_run(&tool, command, argc - args.command, argv + args.command);
}
