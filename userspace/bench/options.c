// SPDX-License-Identifier: MIT
/*
 * options.c - the command line of `mmapdemo bench`, checked before anything is touched.
 */
#include "options.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "foreign.h"
#include "select.h"
#include "unit.h"

enum {
	KEY_ONLY = 256, KEY_SIZES, KEY_PAIRS, KEY_SEED, KEY_BUDGET, KEY_TRACE_ONE, KEY_ALL,
	KEY_BOOT, KEY_TECHNIQUES, KEY_ENGINES, KEY_DEPTH, KEY_QUEUES, KEY_DURATION,
	KEY_BDF, KEY_BAR, KEY_RANGE, KEY_BAR_WIDTH, KEY_BAR_WRITE,
};

static const struct argp_option argp_options[] = {
	{ "quick", 'q', NULL, 0, "Fewer sizes and no long waits: about a quarter of the time", 0 },
	{ "json", 'j', "FILE", 0, "Also write all results to FILE (- is standard output; the "
	  "table goes to standard error then)", 0 },
	{ "device", 'd', "NODE", 0, "Device node, default " MMD_DEFAULT_PATH, 0 },
	{ "only", KEY_ONLY, "GLOB[,GLOB...]", 0, "Only the cases or rows named so, such as L1, "
	  "'D1*', 'dma.*.to_device'; see list. May be repeated", 0 },
	{ "sizes", KEY_SIZES, "SIZE[,SIZE...]", 0, "Sizes of the transfer sweep, 64 to 16M in steps "
	  "of 64 bytes", 0 },
	{ "techniques", KEY_TECHNIQUES, "NAME[,NAME...]", 0, "Leave out what is about other techniques of "
	  "mapping: bar, bar-fault, fault-around, bar-huge, pages, vmalloc, coherent, noncontig, "
	  "userptr", 0 },
	{ "engines", KEY_ENGINES, "NAME[,NAME...]", 0, "Leave out what is about other engines: auto, "
	  "inline, vcpu, bh, iothread, thread", 0 },
	{ "depth", KEY_DEPTH, "N[,N...]", 0, "Descriptors behind one doorbell, 1 to 240, at most four "
	  "numbers (D1, B1, X2); default 1,16 and 1,8,64", 0 },
	{ "queues", KEY_QUEUES, "N", 0, "Queues at work at once (S2): 1 or 2, default 2", 0 },
	{ "duration", KEY_DURATION, "SECONDS", 0, "Go on with each timed case for so long, 1 to 3600, "
	  "instead of a number of rounds", 0 },
	{ "pairs", KEY_PAIRS, "N", 0, "Rounds of each case, 15 or more, default 61 (quick: 21)", 0 },
	{ "seed", KEY_SEED, "N", 0, "Seed of data patterns and bootstrap, default 1", 0 },
	{ "budget", KEY_BUDGET, "SECONDS", 0, "Repeat noisy cases only in the first SECONDS, "
	  "default 80 (quick: 20)", 0 },
	{ "boot", KEY_BOOT, "BOOT", 0, "timed: only the cases that take times; iommu: those that take "
	  "several devices behind an IOMMU, with different drivers; icount: only those that "
	  "count instructions, which takes a guest under -icount shift=4,sleep=off -smp 1. Default: "
	  "timed, or icount where instructions can be counted; with --only, what is named", 0 },
	{ "all", KEY_ALL, NULL, 0, "Print every row, not only the chosen ones", 0 },
	{ "trace-one", KEY_TRACE_ONE, NULL, 0, "Run one 4 KiB transfer in each direction, print its "
	  "sequence number and times, and end: to be found again in the driver's "
	  "tracepoints and in QEMU's trace", 0 },
	{ NULL, 0, NULL, 0, "Another device's memory, instead of ours:", 1 },
	{ "bdf", KEY_BDF, "ADDRESS", 0, "The PCI device at this address, such as 0000:00:04.0, through "
	  "sysfs. No driver may be using it. With list: what there is to be measured", 1 },
	{ "bar", KEY_BAR, "N", 0, "Its BAR, 0 to 5, default 0. Mapped for reading only, and read: mind "
	  "registers that change when they are read", 1 },
	{ "range", KEY_RANGE, "OFFSET[+LEN]", 0, "Touch this part of the BAR only", 1 },
	{ "bar-width", KEY_BAR_WIDTH, "BYTES", 0, "Of one access, 4 or 8; default 8 if the BAR is "
	  "prefetchable, else 4", 1 },
	{ "bar-write", KEY_BAR_WRITE, NULL, 0, "Measure stores, too. The range must be memory; what "
	  "was in it is put back", 1 },
	{ NULL, 0, NULL, 0, NULL, 0 },
};

static const char doc[] =
	"Measure what user space gains by mapping a device instead of calling the kernel."
	"\vExit status: 0 every row ran and its data was right (targets missed are no error), 1 wrong "
	"data or results that could not be written, 2 usage, 3 no device, unsuitable or gone, 130 "
	"interrupted.";

/* Growing copies of what the options name; freed by mmb_options_free(). */
struct parsed {
	struct mmb_options *opt;
	const char **only;
	uint64_t *sizes;
	bool budget_given;
	bool bar_given;			/* --bar or one of those that go with it */
};

int mmb_parse_size(const char *text, uint64_t *bytes)
{
	static const struct {
		const char *name;
		unsigned int shift;
	} units[] = {
		{ "", 0 }, { "B", 0 }, { "K", 10 }, { "KiB", 10 }, { "M", 20 }, { "MiB", 20 },
		{ "G", 30 }, { "GiB", 30 },
	};
	unsigned long long value;
	char *end;

	/* strtoull() takes "-1" and " 1": a size starts with a digit. */
	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcasecmp(end, units[i].name))
			continue;
		if (value > UINT64_MAX >> units[i].shift)
			return -EINVAL;
		*bytes = (uint64_t)value << units[i].shift;
		return 0;
	}
	return -EINVAL;
}

static uint64_t parse_number(const char *arg, const char *option, uint64_t lo, uint64_t hi,
			     struct argp_state *state)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 10);
	if (!isdigit((unsigned char)*arg) || *end || errno || value < lo || value > hi)
		argp_error(state, "--%s '%s': a number from %llu to %llu is needed", option, arg,
			   (unsigned long long)lo, (unsigned long long)hi);
	return value;
}

static void *grow(void *array, size_t n, size_t size)
{
	array = reallocarray(array, n, size);
	if (!array)
		abort();
	return array;
}

static void parse_only(char *arg, struct parsed *p, struct argp_state *state)
{
	char *save = NULL;

	for (char *glob = strtok_r(arg, ",", &save); glob; glob = strtok_r(NULL, ",", &save)) {
		p->only = grow(p->only, p->opt->n_only + 1, sizeof(*p->only));
		p->only[p->opt->n_only++] = glob;
	}
	if (!p->opt->n_only)
		argp_error(state, "--only needs a name: see '%s list'", state->name);
}

static int compare_size(const void *pa, const void *pb)
{
	uint64_t a = *(const uint64_t *)pa;
	uint64_t b = *(const uint64_t *)pb;

	return (a > b) - (a < b);
}

static void parse_sizes(char *arg, struct parsed *p, struct argp_state *state)
{
	struct mmb_options *opt = p->opt;
	char *save = NULL;
	size_t n = 0;

	for (char *word = strtok_r(arg, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		uint64_t size;

		if (mmb_parse_size(word, &size) || size < MMB_SIZE_MIN || size > MMB_SIZE_MAX ||
		    size % MMB_SIZE_STEP)
			argp_error(state, "impossible size '%s': a transfer of the sweep has 64 to "
				   "16M bytes, in steps of 64", word);
		if (opt->n_sizes == MMB_SIZES_MAX)
			argp_error(state, "--sizes: more than %u sizes", MMB_SIZES_MAX);
		p->sizes = grow(p->sizes, opt->n_sizes + 1, sizeof(*p->sizes));
		p->sizes[opt->n_sizes++] = size;
	}
	if (!opt->n_sizes)
		argp_error(state, "--sizes needs a size, such as 4K");
	qsort(p->sizes, opt->n_sizes, sizeof(*p->sizes), compare_size);
	for (size_t i = 0; i < opt->n_sizes; i++)
		if (!n || p->sizes[i] != p->sizes[n - 1])
			p->sizes[n++] = p->sizes[i];
	opt->n_sizes = n;
	opt->sizes_given = true;
}

/* Bits by name; the list that is told to who has mistyped one is in --help. */
static uint32_t parse_names(char *arg, const char *option, uint32_t (*bit_of)(const char *name),
			    struct argp_state *state)
{
	uint32_t bits = 0;
	char *save = NULL;

	for (char *word = strtok_r(arg, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		uint32_t bit = bit_of(word);

		if (!bit)
			argp_error(state, "--%s '%s': there is none of this name; see --help for those "
				   "there are", option, word);
		bits |= bit;
	}
	if (!bits)
		argp_error(state, "--%s needs a name; see --help for those there are", option);
	return bits;
}

static void parse_depth(char *arg, struct mmb_options *opt, struct argp_state *state)
{
	char *save = NULL;

	for (char *word = strtok_r(arg, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
		uint32_t depth = (uint32_t)parse_number(word, "depth", 1, MMB_DEPTH_MAX, state);
		size_t i = 0;

		while (i < opt->n_depths && opt->depth[i] < depth)
			i++;
		if (i < opt->n_depths && opt->depth[i] == depth)
			continue;
		if (opt->n_depths == MMB_DEPTHS_MAX)
			argp_error(state, "--depth: more than %u numbers", MMB_DEPTHS_MAX);
		memmove(&opt->depth[i + 1], &opt->depth[i],
			(opt->n_depths - i) * sizeof(opt->depth[0]));
		opt->depth[i] = depth;
		opt->n_depths++;
	}
	if (!opt->n_depths)
		argp_error(state, "--depth needs a number from 1 to %u", MMB_DEPTH_MAX);
}

static void parse_bdf(const char *arg, struct mmb_options *opt, struct argp_state *state)
{
	if (!mmb_bdf_is_valid(arg))
		argp_error(state, "--bdf '%s': a PCI address such as 0000:00:04.0 or 00:04.0 is needed; lspci "
			   "-D lists those of this machine", arg);
	opt->bdf = arg;
}

/* A size, or hexadecimal, as data sheets have offsets. */
static int parse_extent(const char *text, uint64_t *bytes)
{
	unsigned long long value;
	char *end;

	if (strncasecmp(text, "0x", 2))
		return mmb_parse_size(text, bytes);
	errno = 0;
	value = strtoull(text + 2, &end, 16);
	if (!isxdigit((unsigned char)text[2]) || *end || errno)
		return -EINVAL;
	*bytes = value;
	return 0;
}

static void parse_range(char *arg, struct mmb_options *opt, struct argp_state *state)
{
	char *plus = strchr(arg, '+');
	uint64_t len = 0;
	int err;

	if (plus)
		*plus = '\0';
	err = parse_extent(arg, &opt->range_off);
	if (!err && plus)
		err = parse_extent(plus + 1, &len);
	if (err || opt->range_off % MMB_RANGE_STEP || len % MMB_RANGE_STEP || (plus && !len) ||
	    len > UINT64_MAX - opt->range_off)
		argp_error(state, "--range '%s%s%s': an offset is needed, and a length if you like, in steps of "
			   "%u bytes, such as 0x1000+64", arg, plus ? "+" : "", plus ? plus + 1 : "",
			   MMB_RANGE_STEP);
	opt->range_len = len;
}

static error_t parse_bar_opt(int key, char *arg, struct parsed *p, struct argp_state *state)
{
	struct mmb_options *opt = p->opt;

	switch (key) {
	case KEY_BDF:
		parse_bdf(arg, opt, state);
		return 0;
	case KEY_BAR:
		opt->bar = (unsigned int)parse_number(arg, "bar", 0, 5, state);
		break;
	case KEY_RANGE:
		parse_range(arg, opt, state);
		break;
	case KEY_BAR_WIDTH:
		opt->bar_width = (unsigned int)parse_number(arg, "bar-width", 4, 8, state);
		if (opt->bar_width != 4 && opt->bar_width != 8)
			argp_error(state, "--bar-width '%s': accesses have 4 or 8 bytes", arg);
		break;
	case KEY_BAR_WRITE:
		opt->bar_write = true;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	p->bar_given = true;
	return 0;
}

static error_t parse_selection(int key, char *arg, struct parsed *p, struct argp_state *state)
{
	struct mmb_options *opt = p->opt;

	switch (key) {
	case KEY_TECHNIQUES:
		opt->techniques |= parse_names(arg, "techniques", mmb_technique_bit, state);
		return 0;
	case KEY_ENGINES:
		opt->engines |= parse_names(arg, "engines", mmb_engine_bit, state);
		return 0;
	case KEY_DEPTH:
		parse_depth(arg, opt, state);
		return 0;
	case KEY_QUEUES:
		opt->queues = (unsigned int)parse_number(arg, "queues", 1, MMB_UNIT_QUEUES, state);
		return 0;
	case KEY_DURATION:
		opt->duration_s = (unsigned int)parse_number(arg, "duration", 1, 3600, state);
		return 0;
	default:
		return parse_bar_opt(key, arg, p, state);
	}
}

/* What each option alone could not know. */
static void check_together(const struct parsed *p, struct argp_state *state)
{
	const struct mmb_options *opt = p->opt;

	if (opt->duration_s && opt->pairs)
		argp_error(state, "--duration and --pairs are two answers to the same question");
	if (p->bar_given && !opt->bdf)
		argp_error(state, "--bar and what goes with it need --bdf: whose BAR?");
	if (opt->bdf && opt->trace_one)
		argp_error(state, "--trace-one is about our device, not about that of --bdf");
}

static enum mmb_boot parse_boot(const char *arg, struct argp_state *state)
{
	enum mmb_boot boot = mmb_boot_value(arg);

	if (boot == MMB_BOOT_ANY)
		argp_error(state, "--boot '%s': there are timed, iommu and icount", arg);
	return boot;
}

static error_t parse_opt(int key, char *arg, struct argp_state *state)
{
	struct parsed *p = state->input;
	struct mmb_options *opt = p->opt;

	switch (key) {
	case 'q':
		opt->quick = true;
		break;
	case 'j':
		if (!*arg)
			argp_error(state, "--json needs the name of a file");
		opt->json = arg;
		break;
	case 'd':
		opt->device = arg;
		break;
	case KEY_ONLY:
		parse_only(arg, p, state);
		break;
	case KEY_SIZES:
		parse_sizes(arg, p, state);
		break;
	case KEY_PAIRS:
		opt->pairs = (unsigned int)parse_number(arg, "pairs", MMB_PAIRS_MIN, 10000, state);
		break;
	case KEY_SEED:
		opt->seed = parse_number(arg, "seed", 0, INT64_MAX, state);
		break;
	case KEY_BUDGET:
		opt->budget_s = (unsigned int)parse_number(arg, "budget", 0, 86400, state);
		p->budget_given = true;
		break;
	case KEY_BOOT:
		opt->boot = parse_boot(arg, state);
		break;
	case KEY_ALL:
		opt->all_rows = true;
		break;
	case KEY_TRACE_ONE:
		opt->trace_one = true;
		break;
	case ARGP_KEY_ARG:
		if (strcmp(arg, "list"))
			argp_error(state, "'%s' is not something bench can do: there are 'list', "
				   "'compare' and 'csv', which come first, and rows are chosen by "
				   "--only", arg);
		opt->list = true;
		break;
	case ARGP_KEY_END:
		check_together(p, state);
		break;
	default:
		return parse_selection(key, arg, p, state);
	}
	return 0;
}

static void default_sizes(struct parsed *p)
{
	struct mmb_options *opt = p->opt;
	/* Quick: where the curves bend. */
	unsigned int step = opt->quick ? 3 : 1;

	for (unsigned int shift = 6; shift <= 24; shift += step) {
		p->sizes = grow(p->sizes, opt->n_sizes + 1, sizeof(*p->sizes));
		p->sizes[opt->n_sizes++] = 1ULL << shift;
	}
}

void mmb_options_parse(int argc, char **argv, struct mmb_options *opt)
{
	static const struct argp argp = {
		.options = argp_options, .parser = parse_opt, .args_doc = "\nlist\ncompare A.json B.json\ncsv RESULTS.json",
		.doc = doc,
	};
	struct parsed p = { .opt = opt };

	memset(opt, 0, sizeof(*opt));
	opt->device = MMD_DEFAULT_PATH;
	opt->seed = 1;
	opt->queues = MMB_UNIT_QUEUES;
	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &p);
	if (!opt->sizes_given)
		default_sizes(&p);
	if (!opt->pairs)
		opt->pairs = opt->quick ? MMB_PAIRS_QUICK : MMB_PAIRS;
	if (!p.budget_given)
		opt->budget_s = opt->quick ? 20 : 80;
	opt->only = p.only;
	opt->sizes = p.sizes;
}

void mmb_options_free(struct mmb_options *opt)
{
	free((void *)opt->only);
	free((void *)opt->sizes);
}
