// SPDX-License-Identifier: MIT
/*
 * cmd_copy.c - `mmapdemo copy`: a file or a pattern to the device and back, by every way there is.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "copy.h"
#include "parse.h"

#define ALL		UINT32_MAX
#define LEN_DEFAULT	(1024 * 1024)
#define TIMEOUT_NS	10000000000ULL

#define DEPTH_DEFAULT	16

enum { KEY_VIA = 0x400, KEY_CHUNK, KEY_REPEAT, KEY_TIMEOUT, KEY_DEPTH, KEY_DEVICE_TECHNIQUE };

struct args {
	struct tool *tool;
	const char *file;	/* NULL: a pattern; "-": standard input */
	const char *output;
	uint64_t len;
	uint64_t chunk;
	uint32_t via;		/* COPY_* or ALL */
	uint32_t technique;
	uint32_t dev_technique;
	uint32_t mode;
	uint64_t depth;
	uint64_t repeat;	/* 0: until interrupted */
	uint64_t timeout_ns;
};

static void parse_via(struct args *args, const char *arg, struct argp_state *state)
{
	/* "dma" has been the name since there was one kind; "oneshot" tells it from the others. */
	if (!strcasecmp(arg, "oneshot"))
		arg = copy_via_names[COPY_DMA];
	for (args->via = 0; args->via < COPY_VIA_COUNT; args->via++)
		if (!strcasecmp(arg, copy_via_names[args->via]))
			return;
	args->via = ALL;
	if (strcasecmp(arg, "all"))
		argp_error(state, "--via=%s: must be dma (or oneshot), queue, ioctl, uring, mmap, rw or all", arg);
}

static void parse_technique(struct args *args, const char *arg, struct argp_state *state)
{
	args->technique = ALL;
	if (!strcasecmp(arg, "all"))
		return;
	if (mmd_technique_value(arg, &args->technique) || mmd_technique_is_device(args->technique))
		argp_error(state, "--technique=%s: must be pages, vmalloc, coherent, noncontig, userptr or all",
			   arg);
}

static void parse_device_technique(struct args *args, const char *arg, struct argp_state *state)
{
	if (mmd_technique_value(arg, &args->dev_technique) ||
	    !mmd_technique_is_device(args->dev_technique))
		argp_error(state, "--device-technique=%s: must be bar, bar-fault or bar-huge", arg);
}

static void parse_mode(struct args *args, const char *arg, struct argp_state *state)
{
	args->mode = ALL;
	if (strcasecmp(arg, "all") && mmd_dma_mode_value(arg, &args->mode))
		argp_error(state, "--mode=%s: must be wait, eventfd, spin or all", arg);
}

static void parse_bytes(const char *option, const char *arg, uint64_t *bytes,
			struct argp_state *state)
{
	int ret = parse_size(arg, bytes);

	if (!ret && *bytes > SIZE_MAX / 4)
		ret = -ERANGE;
	if (ret || !*bytes)
		argp_error(state, "--%s=%s: %s", option, arg, ret == -ERANGE ? "too large" :
			   "must be a size above 0, such as 4096, 0x1000, 4K or 2MiB");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case 'l':
		parse_bytes("len", arg, &args->len, state);
		return 0;
	case KEY_CHUNK:
		parse_bytes("chunk", arg, &args->chunk, state);
		return 0;
	case KEY_VIA:
		parse_via(args, arg, state);
		return 0;
	case 't':
		parse_technique(args, arg, state);
		return 0;
	case KEY_DEVICE_TECHNIQUE:
		parse_device_technique(args, arg, state);
		return 0;
	case 'm':
		parse_mode(args, arg, state);
		return 0;
	case KEY_DEPTH:
		if (parse_u64(arg, &args->depth) || !args->depth || args->depth > COPY_DEPTH_MAX)
			argp_error(state, "--depth=%s: must be 1 .. %u", arg, COPY_DEPTH_MAX);
		return 0;
	case KEY_REPEAT:
		if (parse_u64(arg, &args->repeat))
			argp_error(state, "--repeat=%s: must be a number; 0 means until interrupted", arg);
		return 0;
	case KEY_TIMEOUT:
		if (parse_duration(arg, &args->timeout_ns))
			argp_error(state, "--timeout=%s: must be a time such as 5, 5s or 200ms", arg);
		return 0;
	case 'o':
		args->output = arg;
		return 0;
	case ARGP_KEY_ARG:
		if (args->file)
			argp_error(state, "unexpected argument '%s'", arg);
		args->file = arg;
		return 0;
	case ARGP_KEY_END:
		if (args->file && args->len)
			argp_error(state, "FILE and --len exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "len", 'l', "SIZE", 0, "Bytes of a pattern to copy (default 1M)", 1 },
	{ "via", KEY_VIA, "WAY", 0, "dma or oneshot (default); queue: descriptors in mapped rings, without system "
	  "calls; ioctl: descriptors by a system call; uring: as commands of io_uring; mmap: the CPU through a mapping; "
	  "rw: pwrite and pread; all", 1 },
	{ "technique", 't', "NAME", 0, "System memory by pages (default), vmalloc, coherent, noncontig, userptr (of "
	  "this process), all", 1 },
	{ "device-technique", KEY_DEVICE_TECHNIQUE, "NAME", 0, "Device memory by bar (default), bar-fault, bar-huge", 1 },
	{ "mode", 'm', "NAME", 0, "dma: learn of the end by wait (default), eventfd, spin, all; a queue spins or "
	  "sleeps on its eventfd", 1 },
	{ "chunk", KEY_CHUNK, "SIZE", 0, "Bytes of one transfer (default: dma as many as possible, else 64K)", 1 },
	{ "depth", KEY_DEPTH, "N", 0, "queue, ioctl, uring: descriptors at a time (default 16)", 1 },
	{ "timeout", KEY_TIMEOUT, "TIME", 0, "dma: of one transfer; else of the descriptors at a time (default 10s)", 1 },
	{ "repeat", KEY_REPEAT, "N", 0, "Do everything N times, 0: until interrupted (default 1)", 1 },
	{ "output", 'o', "FILE", 0, "Write what came back to FILE", 1 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "[FILE]",
	.doc = "Copy FILE (- is standard input) or a pattern to device memory and back, and compare. Guard bytes "
	       "around both sides must stay intact."
	       "\vNothing is timed here: 'mmapdemo bench' does that.",
	.children = tool_argp_children,
};

static int read_file(struct args *args, unsigned char **data, size_t *len)
{
	bool is_stdin = !strcmp(args->file, "-");
	struct tool *tool = args->tool;
	size_t size = 0, cap = 0;
	unsigned char *p = NULL;
	struct mmd_info info;
	FILE *f;
	int ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	f = is_stdin ? stdin : fopen(args->file, "re");
	if (!f)
		return tool_error(tool, STATUS_FAILED, "%s: cannot open: %s. Name a file that can be read.",
				  args->file, strerror(errno));
	while (!feof(f) && !ferror(f) && size <= info.mem_size) {
		if (size == cap) {
			unsigned char *more = realloc(p, cap ? cap * 2 : 65536);

			if (!more)
				break;
			p = more;
			cap = cap ? cap * 2 : 65536;
		}
		size += fread(p + size, 1, cap - size, f);
	}
	*data = p;
	*len = size;
	if (ferror(f))
		ret = tool_error(tool, STATUS_FAILED, "%s: cannot read: %s.", args->file,
				 strerror(errno));
	else if (!size)
		ret = tool_error(tool, STATUS_FAILED, "%s: cannot copy: it is empty. Name another file.",
				 args->file);
	else if (!feof(f))
		ret = tool_error(tool, STATUS_FAILED,
				 "%s: cannot copy: larger than the device memory (%" PRIu64
				 " bytes) or than free memory. Name a smaller file.", args->file,
				 info.mem_size);
	if (!is_stdin)
		fclose(f);
	return ret;
}

static int write_file(struct args *args, const unsigned char *data, size_t len)
{
	struct tool *tool = args->tool;
	FILE *f = fopen(args->output, "we");

	if (!f)
		return tool_error(tool, STATUS_FAILED, "%s: cannot create: %s.", args->output,
				  strerror(errno));
	if (fwrite(data, 1, len, f) != len || fflush(f)) {
		tool_error(tool, STATUS_FAILED, "%s: cannot write: %s.", args->output,
			   strerror(errno));
		fclose(f);
		return STATUS_FAILED;
	}
	fclose(f);
	return 0;
}

struct data {
	unsigned char *source;
	unsigned char *back;
	size_t len;
};

static int run_one(struct args *args, struct copy *copy, struct data *data, json_t *runs)
{
	struct tool *tool = args->tool;
	char name[64], size[32];
	uint64_t n;
	int ret;

	copy->chunk = (size_t)args->chunk;
	copy->depth = (uint32_t)args->depth;
	copy->timeout_ns = args->timeout_ns;
	ret = copy_prepare(copy, tool, data->len);
	for (n = 0; !ret && (!args->repeat || n < args->repeat); n++) {
		if (!args->file)
			copy_fill(data->source, data->len, n);
		ret = copy_round_trip(copy, data->source, data->back);
	}
	json_array_append_new(runs, json_pack("{s:s, s:I, s:I, s:I, s:I, s:b}",
					      "name", copy_name(copy, name, sizeof(name)),
					      "len", (json_int_t)data->len,
					      "repeated", (json_int_t)n,
					      "transfers", (json_int_t)copy->transfers,
					      "doorbells", (json_int_t)copy->doorbells,
					      "ok", !ret));
	if (ret)
		return ret;
	tool_say(tool, "%-24s %s to the device and back", name,
		 format_size(data->len, size, sizeof(size)));
	if (args->repeat > 1)
		tool_say(tool, ", %" PRIu64 " times", args->repeat);
	if (copy->transfers)
		tool_say(tool, ", %" PRIu64 " %s", copy->transfers,
			 copy_has_queue(copy->via) ? "descriptors" : "transfers");
	if (copy_has_queue(copy->via))
		tool_say(tool, ", %" PRIu64 " %s", copy->doorbells,
			 copy->via == COPY_QUEUE ? "doorbells" : "system calls");
	tool_say(tool, ": same bytes, guards intact\n");
	return copy_release(copy);
}

/* One of "all" that cannot be on this machine is told, and no failure. */
static bool is_left_out(const struct args *args, const struct mmd_info *info,
			const struct copy *copy, json_t *runs)
{
	struct tool *tool = args->tool;
	struct mmd_explanation why = { .cause = NULL };
	char name[64];
	int ret;

	if (args->via == ALL)
		why.cause = copy_via_lacks(tool, info, copy->via);
	if (args->technique == ALL && !(info->techniques & 1u << copy->technique))
		why.cause = "driver, kernel or device does not have the technique";
	if (!why.cause && copy_has_queue(copy->via) &&
	    (args->via == ALL || args->technique == ALL)) {
		ret = copy_queue_reaches(tool, copy->technique);
		if (ret)
			mmd_explain(MMD_CALL_WINDOW_CREATE, ret, &why);
	}
	if (!why.cause)
		return false;
	copy_name(copy, name, sizeof(name));
	tool_say(tool, "%-24s left out: %s\n", name, why.cause);
	json_array_append_new(runs, json_pack("{s:s, s:s}", "name", name, "left_out", why.cause));
	return true;
}

/* Whether a combination was asked for; technique and mode mean nothing to mmap and rw. */
static bool is_wanted(const struct args *args, const struct copy *copy)
{
	uint32_t mode = args->mode;

	if (args->via != ALL && args->via != copy->via)
		return false;
	if (mmd_technique_is_device(copy->technique))
		return false;
	if (!copy_has_memory(copy->via))
		return copy->technique == MMAPDEMO_TECH_PAGES && copy->mode == MMD_DMA_WAIT;
	/* A system call waits in its own way. */
	if (copy->via == COPY_IOCTL || copy->via == COPY_URING)
		return (args->technique == ALL || args->technique == copy->technique) &&
		       copy->mode == MMD_DMA_WAIT;
	/* A queue has nothing to wait by but its eventfd. */
	if (copy->via == COPY_QUEUE && copy->mode == MMD_DMA_WAIT)
		return false;
	if (copy->via == COPY_QUEUE && mode == MMD_DMA_WAIT)
		mode = MMD_DMA_EVENTFD;
	return (args->technique == ALL || args->technique == copy->technique) &&
	       (mode == ALL || mode == copy->mode);
}

static int run_all(struct args *args, struct data *data, json_t *runs)
{
	uint32_t via, technique, mode;
	struct mmd_info info;
	int ret;

	ret = mmd_info(args->tool->dev, &info);
	if (ret)
		return tool_explain(args->tool, MMD_CALL_INFO, ret, NULL);
	for (via = 0; via < COPY_VIA_COUNT; via++) {
		for (technique = 1; technique <= MMAPDEMO_TECH_MAX; technique++) {
			for (mode = MMD_DMA_WAIT; mode <= MMD_DMA_SPIN; mode++) {
				struct copy copy = {
					.via = (enum copy_via)via,
					.technique = technique,
					.dev_technique = args->dev_technique,
					.mode = mode,
				};

				if (!is_wanted(args, &copy) ||
				    is_left_out(args, &info, &copy, runs))
					continue;
				ret = run_one(args, &copy, data, runs);
				if (ret)
					return ret;
			}
		}
	}
	return 0;
}

/* Before memory is taken for it: what the device can never hold is a mistake in the command line. */
static int check_len(struct tool *tool, uint64_t len)
{
	char asked[32], most[32];
	struct mmd_info info;
	int ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	if (len <= info.mem_size - 2 * COPY_GUARD)
		return 0;
	return tool_error(tool, STATUS_USAGE,
			  "--len: cannot copy %s: with its guards, device memory holds at most %s. Use a smaller "
			  "--len.", format_size(len, asked, sizeof(asked)),
			  format_size(info.mem_size - 2 * COPY_GUARD, most, sizeof(most)));
}

int cmd_copy(struct tool *tool, int argc, char **argv)
{
	struct args args = {
		.tool = tool,
		.via = COPY_DMA,
		.technique = MMAPDEMO_TECH_PAGES,
		.mode = MMD_DMA_WAIT,
		.depth = DEPTH_DEFAULT,
		.repeat = 1,
		.timeout_ns = TIMEOUT_NS,
	};
	json_t *runs = json_array();
	struct data data = { 0 };
	int ret;

	json_object_set_new(tool->result, "runs", runs);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	ret = tool_open(tool, 0);
	if (ret)
		return ret;
	if (args.file) {
		ret = read_file(&args, &data.source, &data.len);
	} else {
		data.len = args.len ? (size_t)args.len : LEN_DEFAULT;
		ret = check_len(tool, data.len);
		if (!ret)
			data.source = malloc(data.len);
	}
	if (!ret) {
		data.back = malloc(data.len);
		if (!data.source || !data.back)
			ret = tool_error(tool, STATUS_FAILED,
					 "copy: cannot keep %zu bytes twice: not enough memory. Use a smaller --len.",
					 data.len);
	}
	if (!ret)
		ret = run_all(&args, &data, runs);
	if (!ret && args.output)
		ret = write_file(&args, data.back, data.len);
	free(data.source);
	free(data.back);
	return ret;
}
