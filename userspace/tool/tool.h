/* SPDX-License-Identifier: MIT */
/*
 * tool.h - what the subcommands of mmapdemo share: the run's state, messages, results, signals.
 *
 * A command fills in tool->result and, unless tool->json, prints lines as it goes. Standard output
 * in JSON mode is written once, by tool_finish(), so it is whole or absent.
 */
#ifndef MMAPDEMO_TOOL_H
#define MMAPDEMO_TOOL_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>
#include <mmapdemo/backend.h>

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#define STATUS_OK		0
#define STATUS_FAILED		1	/* a check or comparison failed, or the driver refused */
#define STATUS_USAGE		2
#define STATUS_NO_DEVICE	3	/* none, unsuitable, or gone */
#define STATUS_SKIPPED		77
#define STATUS_INTERRUPTED	130

struct tool {
	const char *command;		/* NULL until known */
	const char *path;		/* device node */
	bool path_given;
	uint32_t backend;		/* MMD_BACKEND_* of --backend; 0: none, path says */
	bool json;
	bool finished;			/* the result has been written */
	struct mmd_device *dev;		/* NULL until tool_open() */
	json_t *result;			/* an object */
};

struct command {
	const char *name;
	const char *summary;
	/* argv[0] is "mmapdemo NAME". Returns STATUS_*. */
	int (*run)(struct tool *tool, int argc, char **argv);
};

int cmd_info(struct tool *tool, int argc, char **argv);
int cmd_regs(struct tool *tool, int argc, char **argv);
int cmd_peek(struct tool *tool, int argc, char **argv);
int cmd_poke(struct tool *tool, int argc, char **argv);
int cmd_map(struct tool *tool, int argc, char **argv);
int cmd_copy(struct tool *tool, int argc, char **argv);
int cmd_queue(struct tool *tool, int argc, char **argv);
int cmd_selftest(struct tool *tool, int argc, char **argv);
int cmd_watch(struct tool *tool, int argc, char **argv);
int cmd_backends(struct tool *tool, int argc, char **argv);
int cmd_bench(struct tool *tool, int argc, char **argv);

/*
 * The options every command has, --device, --backend and --json, as an argp child. A command's parser hands
 * the tool down at ARGP_KEY_INIT: state->child_inputs[0] = tool.
 */
extern const struct argp tool_argp;
extern const struct argp_child tool_argp_children[];

/* Open tool->path into tool->dev. 0, or a status after a message. */
int tool_open(struct tool *tool, unsigned int flags);

/*
 * "mmapdemo: DEVICE: OBJECT: action: cause. remedy" on standard error and as member "error" of the
 * result. Returns the status for @err: STATUS_NO_DEVICE where the device is absent, not ours, not
 * accessible or gone, else STATUS_FAILED. @object NULL: the device itself.
 */
int tool_explain(struct tool *tool, enum mmd_call call, int err, const char *object);

/* The same for failures with no library call behind them. Returns @status. */
__attribute__((format(printf, 3, 4)))
int tool_error(struct tool *tool, int status, const char *format, ...);

/* A line of output, unless in JSON mode. */
__attribute__((format(printf, 2, 3)))
void tool_say(struct tool *tool, const char *format, ...);

/* Numbers above 2^63 and bit patterns do not survive as JSON numbers. */
json_t *json_hex(uint64_t value);

/* Write the result and flush. Once; returns @status, or STATUS_FAILED if it cannot be written. */
int tool_finish(struct tool *tool, int status);

/*
 * SIGINT and SIGTERM end the program with STATUS_INTERRUPTED; SIGBUS ends the command with
 * STATUS_NO_DEVICE. tool_run() is where SIGBUS comes back to.
 */
void tool_signals_init(void);
void tool_signals_default(void);
int tool_run(struct tool *tool, const struct command *command, int argc, char **argv);

#endif /* MMAPDEMO_TOOL_H */
