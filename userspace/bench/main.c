// SPDX-License-Identifier: MIT
/*
 * main.c - one run: options, device, cases, results.
 */
#include <errno.h>
#include <locale.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends.h"
#include "bench.h"
#include "compare.h"
#include "csv.h"
#include "env.h"
#include "foreign.h"
#include "icount.h"
#include "json.h"
#include "mmdbench.h"
#include "options.h"
#include "print.h"
#include "rows.h"
#include "trace_one.h"
#include "unit.h"

enum {
	EXIT_CHECK_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NO_DEVICE = 3,
	EXIT_INTERRUPTED = 130,
};

#define TABLE_BUFFER	65536

static int device_error(enum mmd_call call, int err, const char *object)
{
	char text[512];

	mmd_explain_str(call, err, object, text, sizeof(text));
	fprintf(stderr, "mmapdemo bench: %s\n", text);
	return EXIT_NO_DEVICE;
}

/* The last CPU: the first one has most of the machine's interrupts. */
static int pin(void)
{
	cpu_set_t all, one;
	int last = -1;

	if (sched_getaffinity(0, sizeof(all), &all))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all))
			last = cpu;
	CPU_ZERO(&one);
	if (last >= 0)
		CPU_SET(last, &one);
	return sched_setaffinity(0, sizeof(one), &one) ? -1 : last;
}

static int check_device(struct mmb_session *s)
{
	volatile void *id;
	struct mmd_buf page;
	int err = mmd_info(s->dev, &s->info);

	if (err)
		return device_error(MMD_CALL_INFO, err, s->opt->device);
	err = mmd_region_info(s->dev, MMAPDEMO_REGION_USER_PAGE, &page);
	if (err)
		return device_error(MMD_CALL_REGION_INFO, err, s->opt->device);
	err = mmd_map_buf(s->dev, &page, PROT_READ | PROT_WRITE, &s->user);
	if (err)
		return device_error(MMD_CALL_MAP, err, s->opt->device);
	id = mmd_mmio_at(s->user.ptr, MMAPDEMO_REG_USER_ID - MMAPDEMO_USER_BASE);
	if (mmd_mmio_read32(id) != MMAPDEMO_ID) {
		fprintf(stderr, "mmapdemo bench: %s: the mapped registers read 0x%08x where 0x%08x "
			"is expected: the device has left or is another one\n", s->opt->device,
			mmd_mmio_read32(id), MMAPDEMO_ID);
		return EXIT_NO_DEVICE;
	}
	return 0;
}

static int open_ours(struct mmb_session *s)
{
	int err = mmd_open(s->opt->device, 0, &s->dev);

	if (err)
		return device_error(MMD_CALL_OPEN, err, s->opt->device);
	/* Two at once would count each other's accesses and wait for each other's copies. */
	if (flock(mmd_fd(s->dev), LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		fprintf(stderr, "mmapdemo bench: %s: another benchmark is running on it, and two would "
			"measure one another. Wait until it has ended.\n", s->opt->device);
		return EXIT_NO_DEVICE;
	}
	return check_device(s);
}

static int session_open(struct mmb_session *s)
{
	int rc = s->opt->bdf ? mmb_foreign_open(s) : open_ours(s);

	if (rc)
		return rc;
	s->cpu = pin();
	s->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->arena_len = mmb_arena_len(s->opt);
	s->arena = mmap(NULL, s->arena_len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (s->eventfd < 0 || s->arena == MAP_FAILED) {
		fprintf(stderr, "mmapdemo bench: no memory or file descriptor for the benchmark "
			"itself: %s\n", strerror(errno));
		return EXIT_NO_DEVICE;
	}
	memset(s->arena, 0x5a, s->arena_len);
	return 0;
}

static void session_close(struct mmb_session *s)
{
	mmb_ways_drop(s);
	mmb_units_drop(s);
	mmb_mem_drop(s);
	mmd_unmap(&s->user);
	mmb_foreign_close(s);
	if (s->arena && s->arena != MAP_FAILED)
		munmap(s->arena, s->arena_len);
	mmd_close(s->dev);
	if (s->eventfd > 0)
		close(s->eventfd);
}

static int device_left(const struct mmb_session *s)
{
	struct mmd_info info;
	int err = s->foreign ? -ENODEV : mmd_info(s->dev, &info);

	mmb_progress_clear(s);
	fprintf(stderr, "mmapdemo bench: %s: %s while it was being measured%s. No results were "
		"written; run again once it is back.\n", s->foreign ? s->opt->bdf : s->opt->device,
		err == -ENODEV ? "the device was removed" : "the device took its mappings away",
		err == -ENODEV ? "" : " (a reset?)");
	return EXIT_NO_DEVICE;
}

static int interrupted(const struct mmb_session *s)
{
	mmb_progress_clear(s);
	fputs("mmapdemo bench: interrupted; no results were written\n", stderr);
	return EXIT_INTERRUPTED;
}

static int run_cases(struct mmb_session *s, const struct mmb_plan *plan)
{
	s->case_count = (unsigned int)plan->n;
	for (size_t i = 0; i < plan->n; i++) {
		s->case_no = (unsigned int)i + 1;
		plan->c[i]->s = s;
		switch (mmb_case_run(plan->c[i])) {
		case MMB_GONE:
			return device_left(s);
		case MMB_INTR:
			return interrupted(s);
		default:
			break;
		}
		if (mmb_interrupted())
			return interrupted(s);
		/* Nobody reads the table any more: the JSON file may still be wanted, time is not. */
		if (fflush(s->out) || ferror(s->out)) {
			fprintf(stderr, "mmapdemo bench: the table could not be written: %s. Stopping.\n",
				strerror(errno));
			return EXIT_CHECK_FAILED;
		}
	}
	return 0;
}

static int write_json(const struct mmb_session *s, json_t *env)
{
	struct mmb_run_info run = {
		.cases = s->case_count,
		.pairs = s->opt->pairs,
		.seed = s->opt->seed,
		.seconds = (double)(mmb_now_ns() - s->start_ns) / 1e9,
		.errors = s->errors,
		.quick = s->opt->quick,
	};
	json_t *root = mmb_json_build(s->results, env, &run);
	int err = root ? mmb_json_write(s->opt->json, root) : -ENOMEM;

	json_decref(root);
	if (!err)
		return 0;
	fprintf(stderr, "mmapdemo bench: %s: cannot write the results: %s\n", s->opt->json,
		strerror(-err));
	return EXIT_CHECK_FAILED;
}

static int flush_table(FILE *out)
{
	if (!fflush(out) && !ferror(out))
		return 0;
	fprintf(stderr, "mmapdemo bench: the table could not be written: %s\n", strerror(errno));
	return EXIT_CHECK_FAILED;
}

static uint64_t device_clock(const struct mmb_session *s)
{
	return mmd_mmio_read64(mmd_mmio_at(s->user.ptr, MMAPDEMO_REG_CLOCK_NS -
					   MMAPDEMO_USER_BASE));
}

/* Guests calibrate their clock while they boot, which a busy machine can disturb. */
static void compare_clocks(struct mmb_session *s, json_t *env)
{
	uint64_t device = s->foreign ? 0 : device_clock(s) - s->start_device_ns;

	s->clock_rate = device ? (double)(mmb_now_ns() - s->start_ns) / (double)device : 1;
	json_object_set_new(env, "clock_rate", json_real(s->clock_rate));
}

static int measure(struct mmb_session *s, const struct mmb_plan *plan)
{
	json_t *env = mmb_env_collect(s, MMB_ENV_FILE);
	int rc;

	mmb_print_intro(s, env);
	fflush(s->out);
	s->start_device_ns = s->foreign ? 0 : device_clock(s);
	s->start_ns = mmb_now_ns();
	rc = run_cases(s, plan);
	if (!rc) {
		compare_clocks(s, env);
		mmb_controls_close(s);
		mmb_print_outro(s, env);
		if (s->opt->json)
			rc = write_json(s, env);
		if (!rc && s->errors)
			rc = EXIT_CHECK_FAILED;
	}
	json_decref(env);
	return rc ? rc : flush_table(s->out);
}

static int run_session(const struct mmb_options *opt, const struct mmb_plan *plan)
{
	static struct mmb_session s;	/* survives the jump out of a signal handler */
	static struct mmb_results results;
	int rc;

	s.opt = opt;
	s.results = &results;
	s.out = opt->json && !strcmp(opt->json, "-") ? stderr : stdout;
	s.progress = isatty(STDERR_FILENO);
	s.start_ns = mmb_now_ns();
	/* Written case by case: then errno is that of what failed. */
	setvbuf(s.out, NULL, _IOFBF, TABLE_BUFFER);
	rc = mmb_guard_install();
	if (rc) {
		fprintf(stderr, "mmapdemo bench: cannot install signal handlers: %s\n",
			strerror(-rc));
		return EXIT_CHECK_FAILED;
	}
	if (sigsetjmp(mmb_bus_escape, 1))
		return device_left(&s);
	mmb_bus_armed = 1;
	rc = session_open(&s);
	if (!rc)
		rc = opt->trace_one ? mmb_trace_one(&s) : measure(&s, plan);
	if (rc != EXIT_NO_DEVICE)
		session_close(&s);
	mmb_bus_armed = 0;
	mmb_results_free(&results);
	return rc;
}

/* What was not asked for by name is left to the machine: times there, instructions here. */
static void choose_boot(struct mmb_options *opt)
{
	if (opt->boot == MMB_BOOT_ANY && !opt->n_only && !opt->list)
		opt->boot = mmb_icount_here() ? MMB_BOOT_ICOUNT : MMB_BOOT_TIMED;
}

static int run_options(struct mmb_options *opt)
{
	struct mmb_plan plan = { 0 };
	const char *unknown;
	int err, rc = 0;

	choose_boot(opt);
	mmb_plan_make(&plan, opt);
	if (mmb_plan_select(&plan, opt, &unknown)) {
		fprintf(stderr, "mmapdemo bench: --only '%s' names no case and no row; "
			"'mmapdemo bench list' shows what there is\n", unknown);
		rc = EXIT_USAGE;
	} else if (opt->list) {
		mmb_print_plan(stdout, &plan);
		rc = flush_table(stdout);
	} else {
		err = opt->json ? mmb_json_check(opt->json) : 0;
		if (err)
			fprintf(stderr, "mmapdemo bench: %s: cannot write results there: %s\n",
				opt->json, strerror(-err));
		rc = err ? EXIT_CHECK_FAILED : run_session(opt, &plan);
	}
	mmb_plan_free(&plan);
	return rc;
}

/* What needs no device: words of their own, after options of mmapdemo that were given before "bench". */
static int (*find_subcommand(int argc, char **argv, int *at))(int, char **)
{
	static const struct {
		const char *word;
		int (*run)(int argc, char **argv);
	} all[] = {
		{ "compare", mmb_compare_main },
		{ "csv", mmb_csv_main },
	};

	for (*at = 1; *at < argc && argv[*at][0] == '-'; ++*at)
		if (!strcmp(argv[*at], "--device"))
			++*at;
	for (size_t i = 0; *at < argc && i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(argv[*at], all[i].word))
			return all[i].run;
	return NULL;
}

static int run_subcommand(int (*run)(int, char **), int argc, char **argv, int at)
{
	char name[64];

	snprintf(name, sizeof(name), "mmapdemo bench %s", argv[at]);
	memmove(&argv[1], &argv[0], (size_t)at * sizeof(*argv));
	argv[1] = name;
	return run(argc - 1, argv + 1);
}

int mmdbench_main(int argc, char **argv)
{
	/* Figures have a decimal point, whatever the user's language: tables get parsed. */
	locale_t plain = newlocale(LC_NUMERIC_MASK, "C", duplocale(uselocale((locale_t)0)));
	locale_t before = plain ? uselocale(plain) : (locale_t)0;
	int (*subcommand)(int argc, char **argv);
	struct mmb_options opt;
	int rc, at;

	subcommand = find_subcommand(argc, argv, &at);
	if (subcommand) {
		rc = run_subcommand(subcommand, argc, argv, at);
	} else {
		mmb_options_parse(argc, argv, &opt);
		rc = run_options(&opt);
		mmb_options_free(&opt);
	}
	if (plain) {
		uselocale(before);
		freelocale(plain);
	}
	return rc;
}
