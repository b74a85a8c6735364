// SPDX-License-Identifier: MIT
/*
 * tool.c - opening, messages, results and signals, the same for every subcommand.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool.h"

#define PROGRAM		"mmapdemo"

enum { KEY_JSON = 0x100, KEY_BACKEND };

static const struct argp_option options[] = {
	{ "device", 'd', "PATH", 0, "Device node (default " MMD_DEFAULT_PATH "), or with "
	  "--backend the PCI address of a function", 10 },
	{ "backend", KEY_BACKEND, "NAME", 0, "By driver, vfio or uio: the first function that is bound to its "
	  "kernel driver, or the one --device names", 10 },
	{ "json", KEY_JSON, NULL, 0, "Print one JSON object instead of text", 10 },
	{ 0 }
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct tool *tool = state->input;

	switch (key) {
	case 'd':
		tool->path = arg;
		tool->path_given = true;
		return 0;
	case KEY_BACKEND:
		if (mmd_backend_value(arg, &tool->backend))
			argp_error(state, "--backend=%s: must be driver, vfio or uio", arg);
		return 0;
	case KEY_JSON:
		tool->json = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp tool_argp = { .options = options, .parser = parse_option };

const struct argp_child tool_argp_children[] = {
	{ &tool_argp, 0, "Options of every command:", 10 },
	{ 0 }
};

int tool_open(struct tool *tool, unsigned int flags)
{
	int ret;

	if (!tool->backend) {
		ret = mmd_open(tool->path, flags, &tool->dev);
	} else {
		const char *bus_id = tool->path_given ? tool->path : NULL;

		/* For messages, until there is a device that knows better. */
		if (!bus_id)
			tool->path = mmd_backend_name(tool->backend);
		ret = mmd_open_bdf(bus_id, tool->backend, flags, &tool->dev);
	}
	if (ret)
		return tool_explain(tool, MMD_CALL_OPEN, ret, NULL);
	tool->path = mmd_path(tool->dev);
	return 0;
}

static int status_of(enum mmd_call call, int err)
{
	if (call == MMD_CALL_OPEN || err == -ENODEV || err == -ENOTTY)
		return STATUS_NO_DEVICE;
	return STATUS_FAILED;
}

/* Only the first error is kept: what follows it are consequences. */
static void result_error(struct tool *tool, json_t *error)
{
	if (json_object_get(tool->result, "error"))
		json_decref(error);
	else
		json_object_set_new(tool->result, "error", error);
}

int tool_explain(struct tool *tool, enum mmd_call call, int err, const char *object)
{
	struct mmd_explanation e;
	char cause[256];

	mmd_explain(call, err, &e);
	if (err == -EOPNOTSUPP && tool->dev && mmd_refused(tool->dev)) {
		uint32_t lacks = mmd_refused(tool->dev);
		const char *why = "";

		/* Not the device and not the kernel: this way to it. */
		mmd_backend_can(mmd_backend(tool->dev), lacks, &why);
		snprintf(cause, sizeof(cause), "backend %s lacks %s: %s",
			 mmd_backend_name(mmd_backend(tool->dev)), mmd_capability_name(lacks), why);
		e.cause = cause;
		e.remedy = "'mmapdemo backends' shows which one has it.";
	}
	fflush(stdout);
	fprintf(stderr, PROGRAM ": %s: %s%s%s: %s.%s%s\n", tool->path, object ? object : "",
		object ? ": " : "", e.action, e.cause, *e.remedy ? " " : "", e.remedy);
	result_error(tool, json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s?}", "device", tool->path,
				     "object", object ? object : tool->path, "action", e.action,
				     "cause", e.cause, "remedy", e.remedy, "errno", -err,
				     "errno_name", strerrorname_np(-err)));
	return status_of(call, err);
}

int tool_error(struct tool *tool, int status, const char *format, ...)
{
	char *text = NULL;
	va_list args;
	int len;

	va_start(args, format);
	len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		text = NULL;
	fflush(stdout);
	fprintf(stderr, PROGRAM ": %s\n", text ? text : format);
	result_error(tool, json_pack("{s:s}", "message", text ? text : format));
	free(text);
	return status;
}

void tool_say(struct tool *tool, const char *format, ...)
{
	va_list args;

	if (tool->json)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

json_t *json_hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

/* A reader that went away, a full disk: said, and never taken for success. */
static int output_error(int err)
{
	fprintf(stderr, PROGRAM ": standard output: cannot write: %s. %s\n",
		strerrordesc_np(err) ? strerrordesc_np(err) : "unknown error",
		err == EPIPE ? "The program reading it has ended." :
			       "The output is not complete: free space and run again.");
	return STATUS_FAILED;
}

int tool_finish(struct tool *tool, int status)
{
	sigset_t block, old;
	char *text = NULL;
	int err = 0;

	if (tool->finished)
		return status;
	tool->finished = true;
	if (tool->json && status != STATUS_USAGE) {
		json_object_set_new(tool->result, "status", json_integer(status));
		json_object_set_new(tool->result, "ok", json_boolean(status == STATUS_OK));
		text = json_dumps(tool->result, JSON_INDENT(2));
		if (!text)
			return tool_error(tool, STATUS_FAILED,
					  "result: cannot be written as JSON: not enough memory");
	}

	/* A signal between two blocks of the text would leave half of it. */
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	sigprocmask(SIG_BLOCK, &block, &old);
	errno = 0;
	if (text && printf("%s\n", text) < 0)
		err = errno ? errno : EIO;
	if ((fflush(stdout) || ferror(stdout)) && !err)
		err = errno ? errno : EIO;
	sigprocmask(SIG_SETMASK, &old, NULL);
	free(text);
	return err ? output_error(err) : status;
}

static sigjmp_buf bus_return;
static volatile sig_atomic_t bus_armed;

static void on_bus(int sig)
{
	if (bus_armed) {
		bus_armed = 0;
		siglongjmp(bus_return, 1);
	}
	/* A second one is a fault of this program's own. */
	signal(sig, SIG_DFL);
	raise(sig);
}

static void on_interrupt(int sig)
{
	static const char text[] = PROGRAM ": interrupted\n";

	(void)sig;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(STATUS_INTERRUPTED);
	_exit(STATUS_INTERRUPTED);
}

void tool_signals_init(void)
{
	struct sigaction sa = { .sa_handler = on_bus };

	sigaction(SIGBUS, &sa, NULL);
	sa.sa_handler = on_interrupt;
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	/* A closed pipe becomes EPIPE, which tool_finish() reports. */
	signal(SIGPIPE, SIG_IGN);
}

void tool_signals_default(void)
{
	signal(SIGBUS, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

static int device_taken_away(struct tool *tool)
{
	struct mmd_info info;

	if (tool->dev && !mmd_info(tool->dev, &info))
		return tool_error(tool, STATUS_NO_DEVICE,
				  "%s: touching a mapping: it was taken away (SIGBUS) though the device "
				  "is there. It was reset: map it again.", tool->path);
	return tool_error(tool, STATUS_NO_DEVICE,
			  "%s: touching a mapping: the device is gone (SIGBUS). It was removed, unbound "
			  "or its driver unloaded: run the command again once it is back "
			  "(lspci -k -d 1af4:10f0).", tool->path);
}

int tool_run(struct tool *tool, const struct command *command, int argc, char **argv)
{
	int status;

	if (sigsetjmp(bus_return, 1)) {
		status = device_taken_away(tool);
	} else {
		bus_armed = 1;
		status = command->run(tool, argc, argv);
		bus_armed = 0;
	}
	return tool_finish(tool, status);
}
