// SPDX-License-Identifier: MIT
/*
 * select.c - --techniques and --engines: names, and what they leave out.
 */
#include "select.h"

#include <string.h>

#include <mmapdemo/queue.h>

/* "bar-fault" is what the tool calls it, "bar_fault" stands in ids of rows. */
static bool same_name(const char *a, const char *b)
{
	for (; *a && *b; a++, b++)
		if ((*a == '-' ? '_' : *a) != (*b == '-' ? '_' : *b))
			return false;
	return *a == *b;
}

uint32_t mmb_technique_bit(const char *name)
{
	for (uint32_t kind = 1; kind < MMB_MEMS; kind++)
		if (mmb_mem_name(kind) && same_name(name, mmb_mem_name(kind)))
			return 1u << kind;
	return 0;
}

uint32_t mmb_engine_bit(const char *name)
{
	for (uint32_t engine = 0; engine <= MMAPDEMO_ENGINE_THREAD; engine++)
		if (!strcmp(name, mmd_engine_name(engine)))
			return 1u << engine;
	return 0;
}

static bool is_left_out(const struct mmb_options *opt, const struct mmb_arm *arm)
{
	/* What the others are compared with, whatever they are. */
	if (arm->flags & MMB_ARM_CONTROL)
		return false;
	if (opt->techniques && arm->technique && !(opt->techniques & 1u << arm->technique))
		return true;
	return opt->engines && arm->engine && !(opt->engines & 1u << (arm->engine - 1));
}

bool mmb_leave_out(struct mmb_case *c)
{
	bool any = false, left_out = false;

	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];

		if (is_left_out(c->s->opt, arm)) {
			arm->left_out = left_out = true;
			arm->skip = "left out by --techniques or --engines";
		} else if (!(arm->flags & MMB_ARM_CONTROL)) {
			any = true;
		}
	}
	return left_out && !any;
}
