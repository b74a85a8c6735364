// SPDX-License-Identifier: MIT
/*
 * cmd_bench.c - `mmapdemo bench`: hands the command line to the bench library.
 */
#include <stdlib.h>

#include <mmdbench.h>

#include "tool.h"

/*
 * Options of `mmapdemo` itself that were given before the word bench are passed on; --json is one
 * with a file name there.
 */
int cmd_bench(struct tool *tool, int argc, char **argv)
{
	char **args = calloc((size_t)argc + 4, sizeof(*args));
	int status, n = 0, i;

	if (!args)
		return tool_error(tool, STATUS_FAILED, "bench: cannot start: not enough memory.");
	args[n++] = argv[0];
	if (tool->path_given) {
		args[n++] = (char *)"--device";
		args[n++] = (char *)tool->path;
	}
	if (tool->json)
		args[n++] = (char *)"--json=-";
	for (i = 1; i < argc; i++)
		args[n++] = argv[i];
	/* The bench prints, and ends on signals, by its own rules. */
	tool_signals_default();
	tool->finished = true;
	status = mmdbench_main(n, args);
	free(args);
	return status;
}
