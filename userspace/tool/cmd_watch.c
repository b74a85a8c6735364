// SPDX-License-Identifier: MIT
/*
 * cmd_watch.c - `mmapdemo watch`: what the device is doing, while others use it.
 *
 * For: seeing at a glance whether something moves, fails or is stuck. Not for: measuring; that is
 * `mmapdemo bench`.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <mmapdemo/mmio.h>
#include <mmapdemo/queue.h>

#include "parse.h"
#include "tool.h"
#include "watch.h"

#define INTERVAL_MIN_NS		10000000ULL
#define INTERVAL_MAX_NS		3600000000000ULL
#define PROBES			16	/* reads of a register for the shown latencies: the quickest counts */
#define HEADING_EVERY		20	/* lines */

enum { KEY_INTERVAL = 'n', KEY_COUNT = 'c', KEY_PLAIN = 0x600 };

struct args {
	struct tool *tool;
	uint64_t interval_ns;
	uint64_t count;			/* lines; 0: until interrupted */
	bool plain;
};

struct watch {
	struct tool *tool;
	const struct args *args;
	const struct mmd_reg *reg[WATCH_COUNTERS];
	struct mmd_map user;		/* ptr NULL: cannot be mapped, no latency of loads */
	char mappings[PATH_MAX];	/* debugfs */
	struct mmd_info info;
	uint64_t own_reads;
	bool screen;
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case KEY_INTERVAL:
		if (parse_duration(arg, &args->interval_ns) ||
		    args->interval_ns < INTERVAL_MIN_NS || args->interval_ns > INTERVAL_MAX_NS)
			argp_error(state, "--interval '%s': a time from 10ms to 60m is needed", arg);
		return 0;
	case KEY_COUNT:
		if (parse_u64(arg, &args->count) || !args->count || args->count > UINT32_MAX)
			argp_error(state, "--count '%s': a number from 1 on is needed", arg);
		return 0;
	case KEY_PLAIN:
		args->plain = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		/* An object has an end. */
		if (args->tool->json && !args->count)
			args->count = 1;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "interval", KEY_INTERVAL, "TIME", 0, "Between two looks, 10ms to 60m, default 1s", 1 },
	{ "count", KEY_COUNT, "N", 0, "End after N of them; default: go on (with --json: 1)", 1 },
	{ "plain", KEY_PLAIN, NULL, 0, "A line for each, as to a pipe, on a terminal too", 1 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show what the device does, again and again: transfers, completions, bytes, errors, interrupts, register "
	       "accesses, latencies, and who has mapped it. On a terminal the picture is renewed, to a pipe it is a "
	       "line each time. Ctrl-C ends it."
	       "\vAll is per second. Counters are the device's own; what this program reads is taken off. The latencies are "
	       "those of one register, read through a mapping and by a system call. Mappings, and the page faults of the "
	       "processes that have them, come from debugfs: they take root.",
	.children = tool_argp_children,
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* --- looking ------------------------------------------------------------------------------ */

/* Field 10 of /proc/PID/stat, counted from behind the name, which may hold anything. 0: gone. */
static uint64_t faults_of(int pid)
{
	char path[64], line[1024];
	uint64_t faults = 0;
	char *behind = NULL;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	if (f && fgets(line, sizeof(line), f))
		behind = strrchr(line, ')');
	if (f)
		fclose(f);
	if (!behind || sscanf(behind, ") %*c %*d %*d %*d %*d %*d %*u %" SCNu64, &faults) != 1)
		return 0;
	return faults;
}

static void look_at_mappings(const struct watch *w, struct watch_mappings *map)
{
	FILE *f = fopen(w->mappings, "re");
	char *text = NULL;
	size_t size = 0;

	memset(map, 0, sizeof(*map));
	if (!f)
		return;
	if (getdelim(&text, &size, '\0', f) < 0 ||
	    watch_parse_mappings(text, (int)getpid(), faults_of, map))
		memset(map, 0, sizeof(*map));
	free(text);
	fclose(f);
}

static double quickest_load(struct watch *w)
{
	double best = NAN;

	if (!w->user.ptr)
		return best;
	for (int i = 0; i < PROBES; i++) {
		uint64_t start = now_ns();

		mmd_mmio_read32(mmd_mmio_at(w->user.ptr,
					    MMAPDEMO_REG_USER_ID - MMAPDEMO_USER_BASE));
		best = fmin(best, (double)(now_ns() - start));
		w->own_reads++;
	}
	return best;
}

static int quickest_call(struct watch *w, double *best)
{
	*best = NAN;
	for (int i = 0; i < PROBES; i++) {
		uint64_t start = now_ns(), value;
		int err = mmd_reg_read(w->tool->dev, MMAPDEMO_REG_ID, 4, &value);

		if (err)
			return tool_explain(w->tool, MMD_CALL_REG_READ, err, "ID");
		*best = fmin(*best, (double)(now_ns() - start));
		w->own_reads++;
	}
	return 0;
}

static int look(struct watch *w, struct watch_sample *s)
{
	int status;

	s->load_ns = quickest_load(w);
	status = quickest_call(w, &s->call_ns);
	if (status)
		return status;
	look_at_mappings(w, &s->map);
	s->ns = now_ns();
	for (int i = 0; i < WATCH_COUNTERS; i++) {
		const struct mmd_reg *reg = w->reg[i];
		int err = mmd_reg_read(w->tool->dev, reg->offset, reg->width, &s->count[i]);

		if (err)
			return tool_explain(w->tool, MMD_CALL_REG_READ, err, reg->name);
		/* The read of RD_ALL itself, and those before it, are in it already. */
		w->own_reads++;
		if (i == WATCH_RD_ALL)
			s->own_reads = w->own_reads;
	}
	return 0;
}

/* --- showing ------------------------------------------------------------------------------ */

#define RATE(value)	watch_rate_text(value, (char[16]){ 0 }, 16)

static void show_line(const struct watch *w, const struct watch_sample *s,
		      const struct watch_rates *r, uint64_t n)
{
	char when[16] = "?", bytes[32] = "-";
	time_t t = time(NULL);
	struct tm tm;

	if (localtime_r(&t, &tm))
		strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (n % HEADING_EVERY == 0)
		tool_say(w->tool, "%-8s %9s %9s %9s %8s %8s %9s %8s %8s %8s %5s %s\n", "time", "transf/s",
			 "compl/s", "bytes/s", "errors/s", "irqs/s", "regs/s", "faults/s", "load ns",
			 "call ns", "maps", "mapped");
	if (s->map.known)
		format_size(s->map.bytes, bytes, sizeof(bytes));
	tool_say(w->tool, "%-8s %9s %9s %9s %8s %8s %9s %8s %8s %8s %5s %s\n", when, RATE(r->transfers),
		 RATE(r->completions), RATE(r->bytes), RATE(r->errors), RATE(r->interrupts),
		 RATE(r->registers), RATE(r->faults), RATE(s->load_ns), RATE(s->call_ns),
		 s->map.known ? RATE(s->map.mappings) : "-", bytes);
}

static void show_screen(const struct watch *w, const struct watch_sample *s,
			const struct watch_rates *r, uint64_t n)
{
	char size[32];

	(void)n;
	/* Home, then each line cleared to its end: no flicker. */
	printf("\033[H\033[K%s: %s, %s of device memory, engine %s\n", w->tool->path, w->info.bus_id,
	       format_size(w->info.mem_size, size, sizeof(size)),
	       mmd_engine_name(w->info.engine & MMAPDEMO_ENGINE_KIND));
	printf("\033[K\n\033[K  transfers    %9s /s\n\033[K  completions  %9s /s\n", RATE(r->transfers),
	       RATE(r->completions));
	printf("\033[K  bytes        %9s /s\n\033[K  errors       %9s /s\n", RATE(r->bytes),
	       RATE(r->errors));
	printf("\033[K  interrupts   %9s /s\n\033[K  registers    %9s /s\n", RATE(r->interrupts),
	       RATE(r->registers));
	printf("\033[K\n\033[K  register, mapped      %6s ns\n\033[K  register, by ioctl    %6s ns\n",
	       RATE(s->load_ns), RATE(s->call_ns));
	printf("\033[K  big lock, a hold      %6s ns%s\n", RATE(r->lock_ns),
	       isnan(r->lock_ns) ? "  (none, or lock-stats=off)" : "");
	if (s->map.known)
		printf("\033[K\n\033[K  %u mappings, %s, by %u processes; %s faults/s of theirs\n",
		       s->map.mappings, format_size(s->map.bytes, size, sizeof(size)),
		       s->map.processes, RATE(r->faults));
	else
		printf("\033[K\n\033[K  mappings and faults: not known (%s takes root)\n", w->mappings);
	printf("\033[K\n\033[KCtrl-C ends it.\n\033[J");
}

static json_t *real_or_null(double value)
{
	return isnan(value) ? json_null() : json_real(value);
}

static void add_json(json_t *samples, const struct watch_sample *s, const struct watch_rates *r)
{
	json_array_append_new(samples, json_pack(
		"{s:f,s:f,s:f,s:f,s:f,s:f,s:o,s:o,s:o,s:o,s:o,s:o,s:o}",
		"transfers_per_s", r->transfers, "completions_per_s", r->completions,
		"bytes_per_s", r->bytes, "errors_per_s", r->errors, "interrupts_per_s", r->interrupts, "registers_per_s",
		r->registers, "faults_per_s", real_or_null(r->faults), "load_ns",
		real_or_null(s->load_ns), "call_ns", real_or_null(s->call_ns), "lock_hold_ns",
		real_or_null(r->lock_ns), "mappings",
		s->map.known ? json_integer(s->map.mappings) : json_null(),
		"mapped_bytes", s->map.known ? json_integer((json_int_t)s->map.bytes) : json_null(),
		"processes", s->map.known ? json_integer(s->map.processes) : json_null()));
}

/* --- the run ------------------------------------------------------------------------------ */

static int watch_open(struct watch *w)
{
	char path[PATH_MAX];
	struct mmd_buf page;
	int ret = tool_open(w->tool, MMD_OPEN_RDONLY);

	if (ret)
		return ret;
	ret = mmd_info(w->tool->dev, &w->info);
	if (ret)
		return tool_explain(w->tool, MMD_CALL_INFO, ret, NULL);
	for (int i = 0; i < WATCH_COUNTERS; i++) {
		w->reg[i] = mmd_reg_by_name(watch_register((enum watch_counter)i));
		if (!w->reg[i])
			return tool_error(w->tool, STATUS_FAILED, "watch: %s: no such register is known",
					  watch_register((enum watch_counter)i));
	}
	if (mmd_region_info(w->tool->dev, MMAPDEMO_REGION_USER_PAGE, &page) ||
	    mmd_map_buf(w->tool->dev, &page, PROT_READ, &w->user))
		w->user.ptr = NULL;
	snprintf(path, sizeof(path), "%s", w->tool->path);
	snprintf(w->mappings, sizeof(w->mappings), "/sys/kernel/debug/mmapdemo/%.64s/mappings",
		 basename(path));
	w->screen = !w->args->plain && !w->tool->json && isatty(STDOUT_FILENO);
	return 0;
}

static int wait_until(struct watch *w, uint64_t ns)
{
	struct timespec until = {
		.tv_sec = (time_t)(ns / 1000000000ULL), .tv_nsec = (long)(ns % 1000000000ULL),
	};
	int err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

	if (err && err != EINTR)
		return tool_error(w->tool, STATUS_FAILED, "watch: cannot sleep: %s", strerror(err));
	return 0;
}

static int watch_loop(struct watch *w, json_t *samples)
{
	struct watch_sample before, now;
	struct watch_rates rates;
	uint64_t next;
	int status = look(w, &before);

	next = before.ns;
	if (w->screen && !status)
		fputs("\033[2J", stdout);
	for (uint64_t n = 0; !status && (!w->args->count || n < w->args->count); n++) {
		/* After a stop (Ctrl-Z) one look is enough for what was missed. */
		next += w->args->interval_ns;
		if (next < now_ns())
			next = now_ns();
		status = wait_until(w, next);
		if (!status)
			status = look(w, &now);
		if (status)
			break;
		watch_rates(&before, &now, &rates);
		if (w->tool->json)
			add_json(samples, &now, &rates);
		else
			(w->screen ? show_screen : show_line)(w, &now, &rates, n);
		before = now;
		/* Nobody reads any more: tool_finish() says so. */
		if (fflush(stdout) || ferror(stdout))
			status = STATUS_FAILED;
	}
	return status;
}

int cmd_watch(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool, .interval_ns = 1000000000ULL };
	struct watch w = { .tool = tool, .args = &args };
	json_t *samples = json_array();
	int status;

	json_object_set_new(tool->result, "samples", samples);
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	status = watch_open(&w);
	if (!status)
		status = watch_loop(&w, samples);
	if (w.user.ptr)
		mmd_unmap(&w.user);
	return status;
}
