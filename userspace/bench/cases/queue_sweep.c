// SPDX-License-Identifier: MIT
/*
 * queue_sweep.c - copies by a user-mode queue over sizes, one at a time and 16 behind one doorbell,
 * as a share of what the host's bare memcpy of the same pages reaches (D1).
 *
 * The host's time is asked for by a descriptor of its own between the rounds, through the same queue
 * and windows. Contiguous pages are what the share is judged by; memory that the device reaches through
 * a list of pages stands beside: vmalloc, single pages, the process's own.
 */
#include <math.h>
#include <stdlib.h>

#include "../copy.h"
#include "../print.h"

static void print_head(FILE *out);
static void print_case(FILE *out, const struct mmb_case *c);

static const struct mmb_group groups[] = {
	{
		.title = "User-mode queue, memory to device",
		.meaning = "Time of one copy [us, p50] by size; p = contiguous pages; lists of pages: v = "
			   "vmalloc, n = single pages, u = the process's own; the number is that of "
			   "copies behind one doorbell.",
		.unit = "ns per copy",
		.print_head = print_head,
		.print_case = print_case,
	},
	{
		.title = "User-mode queue, device to memory",
		.meaning = "Time of one copy [us, p50] by size; p = contiguous pages; lists of pages: v = "
			   "vmalloc, n = single pages, u = the process's own; the number is that of "
			   "copies behind one doorbell.",
		.unit = "ns per copy",
		.print_head = print_head,
		.print_case = print_case,
	},
};

#define DEEP		16u
#define BYTES_MAX	(32u << 20)	/* of a batch: above, a round would take tens of milliseconds */
#define SIZE_MAX_ONE	(4u << 20)	/* contiguous memory ends about here */

/* Kinds of memory, and whether they are taken at every depth or one at a time only. */
static const struct {
	uint32_t technique;
	bool every_depth;
	char letter;		/* in the head of the table */
	const char *suffix;	/* of the row */
	const char *text;
} kinds[] = {
	{ MMAPDEMO_TECH_PAGES, true, 'p', "", "" },
	{ MMAPDEMO_TECH_VMALLOC, true, 'v', ".vmalloc", "page list, " },
	{ MMAPDEMO_TECH_NONCONTIG, false, 'n', ".noncontig", "single pages, " },
	{ MMAPDEMO_TECH_USERPTR, false, 'u', ".userptr", "own memory, " },
};

#define WAYS_MAX	(2 * MMB_DEPTHS_MAX + 2)

/* The columns: chosen with the plan, since the head of a table knows no case. */
static struct way {
	size_t kind;
	uint32_t depth;
} ways[WAYS_MAX];
static size_t n_ways;

static void choose_ways(const struct mmb_options *opt)
{
	static const uint32_t usual[] = { 1, DEEP };
	const uint32_t *depths = opt->n_depths ? opt->depth : usual;
	size_t n = opt->n_depths ? opt->n_depths : sizeof(usual) / sizeof(usual[0]);

	n_ways = 0;
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t d = 0; d < n; d++)
			if (kinds[k].every_depth || depths[d] == 1)
				ways[n_ways++] = (struct way){ k, depths[d] };
}

struct arms {
	struct mmb_arm *host;
	struct mmb_arm *way[WAYS_MAX];
};

static enum mmb_rc add_way(struct mmb_case *c, struct arms *a, size_t w, const char *id)
{
	const size_t kind = ways[w].kind;
	const char *depth = ways[w].depth == 1 ? "" : MMB_TEXT(".depth%u", ways[w].depth);
	const char *text = MMB_TEXT("%sdepth %u", kinds[kind].text, ways[w].depth);
	const struct mmb_copy_spec spec = {
		.technique = kinds[kind].technique, .direction = c->direction,
		.depth = ways[w].depth,
		.len = c->len,
	};
	struct mmb_arm *arm;
	struct mmb_pair *pair;
	enum mmb_rc rc;

	arm = mmb_arm_add(c, MMB_TEXT("%s%s%s.queue", id, kinds[kind].suffix, depth),
			  MMB_TEXT("queue copy, %s", text), mmb_copy_run);
	rc = mmb_copy_new(arm, &spec);
	a->way[w] = arm;
	if (ways[w].depth > 1 && ways[w].depth * c->len > BYTES_MAX)
		arm->skip = "so many of these at a time would take tens of milliseconds";
	pair = mmb_pair_add(c, MMB_TEXT("%s%s%s", id, kinds[kind].suffix, depth),
			    MMB_TEXT("queue / host memcpy bandwidth, %s, %s",
				     MMB_SIZE_NAME(c->len), text), a->host, arm);
	/* The table has them all. */
	pair->detail = !mmb_target_find(pair->id);
	return rc;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = c->direction, .len = c->len,
	};
	const char *size = MMB_SIZE_NAME(c->len);
	const char *way = mmb_direction_name(c->direction);
	const char *id = MMB_TEXT("D1.%s.%s", size, way);
	struct arms *a = calloc(1, sizeof(*a));
	enum mmb_rc rc;

	if (!a)
		abort();
	c->priv = a;
	a->host = mmb_arm_add(c, MMB_TEXT("control.host_memcpy.%s.%s", size, way),
			      MMB_TEXT("host memcpy, %s %s", size, way), mmb_copy_host_run);
	a->host->flags = MMB_ARM_CONTROL;
	a->host->max_ops = 1;
	rc = mmb_copy_new(a->host, &spec);
	for (size_t w = 0; w < n_ways && !rc; w++)
		rc = add_way(c, a, w, id);
	return rc;
}

static void teardown(struct mmb_case *c)
{
	mmb_copies_free(c);
	free(c->priv);
	c->priv = NULL;
}

static const struct mmb_case_ops ops[] = {
	{ .group = &groups[0], .setup = setup, .prepare = mmb_copies_prepare,
	  .verify = mmb_copies_verify, .teardown = teardown },
	{ .group = &groups[1], .setup = setup, .prepare = mmb_copies_prepare,
	  .verify = mmb_copies_verify, .teardown = teardown },
};

/* --- one line for each size --------------------------------------------------------------- */

static void print_head(FILE *out)
{
	fprintf(out, "  %-8s %9s", "size", "host");
	for (size_t w = 0; w < n_ways; w++)
		fprintf(out, " %9c", kinds[ways[w].kind].letter);
	fprintf(out, "   %s\n  %-8s %9s", "share of the host's bandwidth", "", "memcpy");
	for (size_t w = 0; w < n_ways; w++)
		fprintf(out, " %9u", ways[w].depth);
	for (size_t w = 0; w < n_ways; w++)
		fprintf(out, " %9s", MMB_TEXT("%c %u", kinds[ways[w].kind].letter, ways[w].depth));
	fputc('\n', out);
}

static void print_case(FILE *out, const struct mmb_case *c)
{
	const struct arms *a = c->priv;

	fprintf(out, "  %-8s", MMB_SIZE_NAME(c->len));
	mmb_print_cell(out, a->host, 1000);
	for (size_t w = 0; w < n_ways; w++)
		mmb_print_cell(out, a->way[w], 1000);
	for (size_t i = 0; i < c->n_pairs; i++)
		fprintf(out, " %9s", MMB_NUM(c->pair[i].row && c->pair[i].row->sum.n ?
					     c->pair[i].row->sum.median : NAN));
	fputs(c->noisy ? "  (machine busy)\n" : "\n", out);
}

void mmb_plan_queue_sweep(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint32_t directions[] = { MMAPDEMO_DMA_TO_DEVICE, MMAPDEMO_DMA_FROM_DEVICE };

	choose_ways(opt);
	for (size_t d = 0; d < 2; d++) {
		const char *way = mmb_direction_name(directions[d]);

		for (size_t i = 0; i < opt->n_sizes; i++) {
			const char *size = MMB_SIZE_NAME(opt->sizes[i]);
			struct mmb_case *c;

			if (opt->sizes[i] > SIZE_MAX_ONE)
				continue;
			c = mmb_plan_add(plan, &ops[d], MMB_TEXT("queue.%s.%s", size, way),
					 MMB_TEXT("D1.%s.%s D1.%s.%s.depth16", size, way, size, way),
					 "queue copies, host memcpy");
			c->len = opt->sizes[i];
			c->direction = directions[d];
		}
	}
}
