// SPDX-License-Identifier: MIT
/*
 * sweep.c - DMA over transfer sizes: both directions, three kinds of memory, three ways of learning
 * of the end, against the host's bare memcpy of the same memory and a copy by the guest's CPU.
 *
 * D1.oneshot is the share of the host's memcpy bandwidth that a transfer reaches, system calls and all
 * (queues, which need none, have a sweep of their own), D2 how much faster it is than the CPU doing
 * the copy through the mapping. A transfer is counted from the submit call until
 * its result has been collected. Each size and direction is a case: all its ways are taken in turn.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../bench.h"
#include "../print.h"
#include "../transfer.h"
#include "break_even.h"

static void print_head(FILE *out);
static void print_case(FILE *out, const struct mmb_case *c);

static const struct mmb_group to_device_group = {
	.title = "DMA, memory to device",
	.meaning = "Time of one transfer [us, p50] by size, and the device's rate; p, v, c = buffer "
		   "of contiguous pages, vmalloc, coherent memory.",
	.unit = "ns per transfer",
	.print_head = print_head,
	.print_case = print_case,
};

static const struct mmb_group from_device_group = {
	.title = "DMA, device to memory",
	.meaning = "Time of one transfer [us, p50] by size, and the device's rate; p, v, c = buffer "
		   "of contiguous pages, vmalloc, coherent memory.",
	.unit = "ns per transfer",
	.print_head = print_head,
	.print_case = print_case,
};

static const uint32_t techniques[] = {
	MMAPDEMO_TECH_PAGES, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
};

static const unsigned int modes[] = { MMD_DMA_SPIN, MMD_DMA_EVENTFD, MMD_DMA_WAIT };

#define N_TECH	(sizeof(techniques) / sizeof(techniques[0]))
#define N_MODES	(sizeof(modes) / sizeof(modes[0]))

#define TLB_MATTERS	(128u << 10)
#define D2_SIZE		(2u << 20)

struct arms {
	struct mmb_arm *host;			/* the host's memcpy */
	struct mmb_arm *cpu;			/* the guest's copy, by the library's helpers */
	struct mmb_arm *libc;			/* the same by memcpy(), at one size; else NULL */
	struct mmb_arm *dma[N_TECH][N_MODES];
};

/*
 * The library's helpers make one aligned access for each word, as device memory wants it. memcpy()
 * is quicker and promises nothing of the kind: published beside, at the size that is judged.
 */
enum { BY_HELPER, BY_MEMCPY };

/* --- the CPU's copy ----------------------------------------------------------------------- */

static void copy(const struct mmb_arm *arm, volatile void *device, void *ram)
{
	bool out = arm->c->direction == MMAPDEMO_DMA_FROM_DEVICE;
	size_t len = arm->c->len;

	if (arm->tag == BY_HELPER && out)
		mmd_mem_from_device(ram, device, len);
	else if (arm->tag == BY_HELPER)
		mmd_mem_to_device(device, ram, len);
	else if (out)
		memcpy(ram, (void *)device, len);
	else
		memcpy((void *)device, ram, len);
	__asm__ __volatile__("" : : : "memory");
}

/* From and to ordinary memory, at another odd distance in each round. */
static enum mmb_rc cpu_copy_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_case *c = arm->c;
	volatile unsigned char *device = mmd_mmio_at(c->s->mem[MMAPDEMO_TECH_BAR].map.ptr,
						     arm->offset);
	unsigned char *ram = mmb_skewed(c->s, device, c->len, (unsigned int)arm->rounds.n);

	for (uint64_t i = 0; i <= ops; i++) {
		uint64_t start = mmb_now_ns();

		copy(arm, device, ram);
		if (i)	/* as with transfers, the first one is there for the caches */
			mmb_observe(arm, (double)(mmb_now_ns() - start));
	}
	return MMB_OK;
}

static enum mmb_rc cpu_copy_prove(struct mmb_arm *arm)
{
	struct mmb_case *c = arm->c;
	volatile unsigned char *device = mmd_mmio_at(c->s->mem[MMAPDEMO_TECH_BAR].map.ptr,
						     arm->offset);
	unsigned char *ram = mmb_skewed(c->s, device, c->len, (unsigned int)arm->rounds.n);
	bool out = c->direction == MMAPDEMO_DMA_FROM_DEVICE;
	struct mmb_proof proof = {
		.from = out ? device : ram,
		.to = out ? ram : device,
		.len = c->len,
		.behind = 64,
		.seed = c->s->opt->seed + c->len,
	};
	enum mmb_rc rc;

	mmb_proof_prepare(&proof);
	rc = cpu_copy_run(arm, 0);
	return rc ? rc : mmb_proof_check(c, arm->what, &proof);
}

static struct mmb_arm *add_cpu_copy(struct mmb_case *c, const char *id, unsigned int by)
{
	struct mmb_arm *arm = mmb_arm_add(c, id, by == BY_HELPER ? "CPU copy, word by word" :
					  "CPU copy, memcpy()", cpu_copy_run);
	const struct mmb_mem *dev = &c->s->mem[MMAPDEMO_TECH_BAR];

	arm->flags = MMB_ARM_SELF_TIMED;
	arm->bytes = c->len;
	arm->tag = by;
	arm->offset = mmb_transfer_skew(c);	/* where the transfers have their guards */
	if (dev->err || arm->offset + c->len + MMB_PAGE > dev->buf.len)
		arm->skip = "larger than the free device memory";
	return arm;
}

/* --- one size, one direction -------------------------------------------------------------- */

/* Sizes whose ratios stand in the short table. */
static bool is_landmark(uint64_t len)
{
	return len == 64 || len == 4096 || len == 65536 || len == 524288 || len == 2097152;
}

static struct mmb_pair *pair(struct mmb_case *c, const char *id, const char *what,
			     struct mmb_arm *a, struct mmb_arm *b, bool detail)
{
	struct mmb_pair *p = mmb_pair_add(c, id, what, a, b);

	p->detail = detail;
	return p;
}

static void add_pairs(struct mmb_case *c, const struct arms *a)
{
	const char *size = MMB_SIZE_NAME(c->len);
	const char *way = mmb_direction_name(c->direction);
	const char *words = c->direction == MMAPDEMO_DMA_TO_DEVICE ? "to device" : "from device";
	bool detail = !is_landmark(c->len);

	pair(c, MMB_TEXT("D1.oneshot.%s.%s", size, way),
	     MMB_TEXT("DMA bandwidth / host memcpy, %s %s", size, words), a->host, a->dma[0][0],
	     detail);
	for (size_t t = 1; t < N_TECH; t++)
		pair(c, MMB_TEXT("D1.oneshot.%s.%s.%s", size, way, mmd_technique_name(techniques[t])),
		     MMB_TEXT("the same, %s buffer", mmd_technique_name(techniques[t])), a->host,
		     a->dma[t][0], true);
	pair(c, MMB_TEXT("D2.%s.%s", size, way),
	     MMB_TEXT("DMA rate / CPU copy, %s %s", size, words), a->cpu, a->dma[0][0], detail);
	if (a->libc)
		pair(c, MMB_TEXT("D2.memcpy.%s", way),
		     MMB_TEXT("the same against memcpy(), %s %s", size, words), a->libc,
		     a->dma[0][0], false);
	if (c->len == D2_SIZE && c->direction == MMAPDEMO_DMA_FROM_DEVICE)
		pair(c, "D2", "DMA rate / CPU copy from the mapped BAR, 2 MiB", a->cpu,
		     a->dma[0][0], false);
}

static enum mmb_rc add_transfers(struct mmb_case *c, struct arms *a, const char *size,
				 const char *way)
{
	for (size_t t = 0; t < N_TECH; t++) {
		for (size_t m = 0; m < N_MODES; m++) {
			const char *tech = mmd_technique_name(techniques[t]);
			struct mmb_arm *arm = mmb_arm_add(c,
				MMB_TEXT("D1.oneshot.%s.%s.%s.%s", size, way, tech,
					 mmd_dma_mode_name(modes[m])),
				MMB_TEXT("DMA, %s, %s", tech, mmb_mode_text(modes[m])),
				mmb_transfer_run);
			enum mmb_rc rc = mmb_transfer_new(arm, techniques[t], c->direction,
							  modes[m], c->len);

			arm->flags = MMB_ARM_SELF_TIMED;
			a->dma[t][m] = arm;
			if (rc)
				return rc;
		}
	}
	return MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	const char *way = mmb_direction_name(c->direction);
	struct arms *a = calloc(1, sizeof(*a));
	enum mmb_rc rc;

	if (!a)
		abort();
	c->priv = a;
	a->host = mmb_arm_add(c, MMB_TEXT("control.host_memcpy.oneshot.%s.%s", size, way),
			      MMB_TEXT("host memcpy, %s %s", size, way), mmb_host_copy_run);
	rc = mmb_transfer_new(a->host, MMAPDEMO_TECH_PAGES, c->direction, MMD_DMA_WAIT, c->len);
	if (rc)
		return rc;
	a->host->flags = MMB_ARM_CONTROL | MMB_ARM_SELF_TIMED;
	a->host->max_ops = 1;
	a->cpu = add_cpu_copy(c, MMB_TEXT("D2.%s.%s.cpu_copy", size, way), BY_HELPER);
	if (c->len == D2_SIZE)
		a->libc = add_cpu_copy(c, MMB_TEXT("D2.%s.%s.memcpy", size, way), BY_MEMCPY);
	rc = add_transfers(c, a, size, way);
	if (!rc)
		add_pairs(c, a);
	return rc;
}

static enum mmb_rc prepare(struct mmb_case *c)
{
	if (c->len >= TLB_MATTERS)
		mmb_grow_tlb(c->s);
	return mmb_transfers_prepare(c);
}

static enum mmb_rc verify(struct mmb_case *c)
{
	const struct arms *a = c->priv;
	enum mmb_rc rc = mmb_transfers_verify(c);

	if (!rc && !a->cpu->skip)
		rc = cpu_copy_prove(a->cpu);
	if (!rc && a->libc && !a->libc->skip)
		rc = cpu_copy_prove(a->libc);
	return rc;
}

static void teardown(struct mmb_case *c)
{
	mmb_transfers_free(c);
	free(c->priv);
	c->priv = NULL;
}

static const struct mmb_case_ops to_device_ops = {
	.group = &to_device_group, .setup = setup, .prepare = prepare, .verify = verify,
	.teardown = teardown,
};

static const struct mmb_case_ops from_device_ops = {
	.group = &from_device_group, .setup = setup, .prepare = prepare, .verify = verify,
	.teardown = teardown,
};

static const struct mmb_case_ops break_even_ops[] = {
	{ .group = &to_device_group, .setup = mmb_break_even_setup, .run = mmb_break_even_run },
	{ .group = &from_device_group, .setup = mmb_break_even_setup, .run = mmb_break_even_run },
};

/* --- one line for each size --------------------------------------------------------------- */

static void print_head(FILE *out)
{
	fprintf(out, "  %-8s %9s %9s %9s %9s %9s %9s %9s %9s  %s\n", "size", "host", "CPU copy",
		"DMA p", "DMA p", "DMA p", "DMA v", "DMA c", "best DMA", "quickest");
	fprintf(out, "  %-8s %9s %9s %9s %9s %9s %9s %9s %9s  %s\n", "", "memcpy", "mapping",
		"spin", "eventfd", "ioctl", "spin", "spin", "[GB/s]", "in the guest");
}

static double p50_of(const struct mmb_arm *arm)
{
	return arm->row && arm->row->sum.n ? arm->row->sum.p50 : NAN;
}

static void print_case(FILE *out, const struct mmb_case *c)
{
	const struct arms *a = c->priv;
	double cpu, best = NAN;

	if (c->ops->run) {
		mmb_break_even_print(out, c);
		return;
	}
	fprintf(out, "  %-8s", MMB_SIZE_NAME(c->len));
	cpu = p50_of(a->cpu);
	mmb_print_cell(out, a->host, 1000);
	mmb_print_cell(out, a->cpu, 1000);
	for (size_t m = 0; m < N_MODES; m++)
		mmb_print_cell(out, a->dma[0][m], 1000);
	mmb_print_cell(out, a->dma[1][0], 1000);
	mmb_print_cell(out, a->dma[2][0], 1000);
	for (size_t t = 0; t < N_TECH; t++)
		for (size_t m = 0; m < N_MODES; m++)
			best = fmin(best, p50_of(a->dma[t][m]));
	fprintf(out, " %9s", MMB_NUM((double)c->len / best));
	if (isnan(cpu) || isnan(best))
		fputs(c->noisy ? "  ? = machine busy in all tries\n" : "\n", out);
	else
		fprintf(out, "  %s%s\n", best < cpu ? "DMA" : "CPU copy", c->noisy ? " (noisy)" : "");
}

void mmb_plan_sweep(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const struct mmb_case_ops *const ops[] = { &to_device_ops, &from_device_ops };
	static const uint32_t ways[] = { MMAPDEMO_DMA_TO_DEVICE, MMAPDEMO_DMA_FROM_DEVICE };

	for (size_t w = 0; w < 2; w++) {
		const char *way = mmb_direction_name(ways[w]);

		for (size_t i = 0; i < opt->n_sizes; i++) {
			const char *size = MMB_SIZE_NAME(opt->sizes[i]);
			bool d2 = w == 1 && opt->sizes[i] == D2_SIZE;
			struct mmb_case *c = mmb_plan_add(plan, ops[w],
				MMB_TEXT("dma.%s.%s", size, way),
				MMB_TEXT("%sD1.oneshot.%s.%s D2.%s.%s", d2 ? "D2 " : "", size, way, size,
					 way), "DMA, CPU copy, host memcpy");

			c->len = opt->sizes[i];
			c->direction = ways[w];
		}
		mmb_plan_add(plan, &break_even_ops[w], MMB_TEXT("dma.break_even.%s", way),
			     MMB_TEXT("D2.break_even.%s", way),
			     "size from which DMA is quicker")->direction = ways[w];
	}
}
