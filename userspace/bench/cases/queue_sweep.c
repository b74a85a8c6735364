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
			   "vmalloc, n = single pages, u = the process's own; 1, 16 = copies "
			   "behind one doorbell.",
		.unit = "ns per copy",
		.print_head = print_head,
		.print_case = print_case,
	},
	{
		.title = "User-mode queue, device to memory",
		.meaning = "Time of one copy [us, p50] by size; p = contiguous pages; lists of pages: v = "
			   "vmalloc, n = single pages, u = the process's own; 1, 16 = copies "
			   "behind one doorbell.",
		.unit = "ns per copy",
		.print_head = print_head,
		.print_case = print_case,
	},
};

#define DEEP		16u
#define SIZE_MAX_DEEP	(2u << 20)	/* above, a round would take tens of milliseconds */
#define SIZE_MAX_ONE	(4u << 20)	/* contiguous memory ends about here */

enum { PAGES_ONE, PAGES_DEEP, LIST_ONE, LIST_DEEP, NONCONTIG_ONE, USERPTR_ONE, N_WAYS };

static const struct {
	uint32_t technique;
	uint32_t depth;
	const char *suffix;	/* of the row */
	const char *text;
} ways[N_WAYS] = {
	[PAGES_ONE] = { MMAPDEMO_TECH_PAGES, 1, "", "depth 1" },
	[PAGES_DEEP] = { MMAPDEMO_TECH_PAGES, DEEP, ".depth16", "depth 16" },
	[LIST_ONE] = { MMAPDEMO_TECH_VMALLOC, 1, ".vmalloc", "page list, depth 1" },
	[LIST_DEEP] = { MMAPDEMO_TECH_VMALLOC, DEEP, ".vmalloc.depth16", "page list, depth 16" },
	[NONCONTIG_ONE] = { MMAPDEMO_TECH_NONCONTIG, 1, ".noncontig", "single pages, depth 1" },
	[USERPTR_ONE] = { MMAPDEMO_TECH_USERPTR, 1, ".userptr", "own memory, depth 1" },
};

struct arms {
	struct mmb_arm *host;
	struct mmb_arm *way[N_WAYS];
};

static enum mmb_rc add_way(struct mmb_case *c, struct arms *a, unsigned int w, const char *id)
{
	const struct mmb_copy_spec spec = {
		.technique = ways[w].technique, .direction = c->direction, .depth = ways[w].depth,
		.len = c->len,
	};
	struct mmb_arm *arm;
	struct mmb_pair *pair;
	enum mmb_rc rc;

	arm = mmb_arm_add(c, MMB_TEXT("%s%s.queue", id, ways[w].suffix),
			  MMB_TEXT("queue copy, %s", ways[w].text), mmb_copy_run);
	rc = mmb_copy_new(arm, &spec);
	a->way[w] = arm;
	if (ways[w].depth > 1 && c->len > SIZE_MAX_DEEP)
		arm->skip = "16 of these at a time would take tens of milliseconds";
	pair = mmb_pair_add(c, MMB_TEXT("%s%s", id, ways[w].suffix),
			    MMB_TEXT("queue / host memcpy bandwidth, %s, %s",
				     MMB_SIZE_NAME(c->len), ways[w].text), a->host, arm);
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
	for (unsigned int w = 0; w < N_WAYS && !rc; w++)
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
	fprintf(out, "  %-8s %9s %9s %9s %9s %9s %9s %9s   %s\n", "size", "host", "p", "p", "v",
		"v", "n", "u", "share of the host's bandwidth");
	fprintf(out, "  %-8s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s\n", "", "memcpy",
		"1", "16", "1", "16", "1", "1", "p 1", "p 16", "v 1", "v 16", "n 1", "u 1");
}

static void print_case(FILE *out, const struct mmb_case *c)
{
	const struct arms *a = c->priv;

	fprintf(out, "  %-8s", MMB_SIZE_NAME(c->len));
	mmb_print_cell(out, a->host, 1000);
	for (unsigned int w = 0; w < N_WAYS; w++)
		mmb_print_cell(out, a->way[w], 1000);
	for (size_t i = 0; i < c->n_pairs; i++)
		fprintf(out, " %9s", MMB_NUM(c->pair[i].row && c->pair[i].row->sum.n ?
					     c->pair[i].row->sum.median : NAN));
	fputs(c->noisy ? "  (machine busy)\n" : "\n", out);
}

void mmb_plan_queue_sweep(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint32_t directions[] = { MMAPDEMO_DMA_TO_DEVICE, MMAPDEMO_DMA_FROM_DEVICE };

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
