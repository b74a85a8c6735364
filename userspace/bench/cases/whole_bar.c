// SPDX-License-Identifier: MIT
/*
 * whole_bar.c - mapping all of device memory and touching it once per 2 MiB (P1): page by page at mmap,
 * page by page at a fault, 16 pages at a fault, 2 MiB at a fault. In time, and in instructions.
 *
 * mmap and touches count, munmap does not. All of BAR2 is one buffer, which only one technique can have
 * at a time: it is made before and dropped after what is measured.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../icount.h"

static const struct mmb_group time_group = {
	.title = "All of device memory: mmap, and one touch per 2 MiB",
	.meaning = "What a large BAR costs before its first use. Filling the page table page by page "
		   "at mmap is paid for all of it, whatever is touched.",
	.unit = "ns each",
	.shown_unit = "us each",
	.shown_per = 1000,
};

static const struct mmb_group count_group = {
	.title = "All of device memory: mmap, and one touch per 2 MiB, counted",
	.meaning = "Instructions of the same.",
	.unit = "instructions each",
};

#define STEP		(2u << 20)
#define MAPS		4u		/* in a round, once it is warm */

static const uint32_t kinds[] = {
	MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_BAR_FAULT, MMB_FAULT_AROUND, MMAPDEMO_TECH_BAR_HUGE,
};

#define N_KINDS		(sizeof(kinds) / sizeof(kinds[0]))

struct whole {
	struct mmd_buf buf;
	struct mmd_map map;
	uint32_t kind;		/* of the buffer; 0: there is none */
};

static void drop(struct mmb_case *c)
{
	struct whole *w = c->priv;

	mmd_unmap(&w->map);
	if (w->kind)
		mmd_buf_free(c->s->dev, w->buf.handle);
	w->kind = 0;
}

/* The buffer of this arm, in the place of another's. 0 or -errno. */
static int take(struct mmb_case *c, uint32_t kind)
{
	struct whole *w = c->priv;
	int err;

	if (w->kind == kind)
		return 0;
	drop(c);
	err = mmb_mem_alloc(c->s->dev, kind, c->len, &w->buf);
	if (!err)
		w->kind = kind;
	return err;
}

static enum mmb_rc whole_before(struct mmb_arm *arm, uint64_t ops)
{
	int err = take(arm->c, arm->tag);

	(void)ops;
	return err ? mmb_failed(arm->c, MMD_CALL_BUF_ALLOC, err) : MMB_OK;
}

static enum mmb_rc whole_run(struct mmb_arm *arm, uint64_t ops)
{
	struct whole *w = arm->c->priv;
	int err;

	if (!ops)
		return MMB_OK;
	err = mmd_map(arm->c->s->dev, w->buf.offset, arm->c->len, PROT_READ | PROT_WRITE, &w->map);
	if (err)
		return mmb_failed(arm->c, MMD_CALL_MAP, err);
	for (uint64_t off = 0; off < arm->c->len; off += STEP)
		(void)*(volatile uint64_t *)mmd_mmio_at(w->map.ptr, off);
	return MMB_OK;
}

static enum mmb_rc whole_after(struct mmb_arm *arm, uint64_t ops)
{
	struct whole *w = arm->c->priv;

	(void)ops;
	mmd_unmap(&w->map);
	return MMB_OK;
}

/*
 * As a self-timed arm, in a buffer of its own each round. Making that clears all of BAR2, and nothing is
 * left in the host's caches: the first mapping after it does not count, or what is shortest pays most.
 */
static enum mmb_rc whole_timed(struct mmb_arm *arm, uint64_t ops)
{
	enum mmb_rc rc = whole_before(arm, 1);

	if (!rc)
		rc = whole_run(arm, 1);
	if (rc)
		return rc;
	whole_after(arm, 1);
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t start = mmb_now_ns(), end;

		rc = whole_run(arm, 1);
		end = mmb_now_ns();
		if (rc)
			return rc;
		mmb_observe(arm, (double)(end - start));
		whole_after(arm, 1);
	}
	return MMB_OK;
}

static struct mmb_arm *add_arm(struct mmb_case *c, uint32_t kind)
{
	const char *name = mmb_mem_name(kind);
	const char *what = MMB_TEXT("%s, %s", name, MMB_SIZE_NAME(c->len));
	struct mmb_arm *arm;

	if (mmb_boot_of(c) == MMB_BOOT_ICOUNT) {
		arm = mmb_icount_arm(c, MMB_TEXT("P1.instructions.whole.%s", name), what, whole_run, 1);
		arm->flags = MMB_ARM_MIN | MMB_ARM_LONG | MMB_ARM_NO_LOOP;
		arm->before = whole_before;
		arm->after = whole_after;
	} else {
		arm = mmb_arm_add(c, MMB_TEXT("P1.whole.%s", name), what, whole_timed);
		arm->flags = MMB_ARM_SELF_TIMED;
		arm->ops = MAPS;
	}
	arm->tag = kind;
	arm->technique = kind;
	arm->bytes = c->len;
	if (!mmb_mem_has(c->s->dev, kind))
		arm->skip = mmb_mem_why(-EOPNOTSUPP);
	return arm;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	struct mmb_arm *arm[N_KINDS];
	struct mmd_info info;
	int err;

	if (mmb_boot_of(c) == MMB_BOOT_ICOUNT) {
		enum mmb_rc rc = mmb_icount_setup(c);

		if (rc)
			return rc;
	}
	err = mmd_info(c->s->dev, &info);
	if (err)
		return mmb_failed(c, MMD_CALL_INFO, err);
	c->len = info.mem_free / STEP * STEP;
	if (!c->len)
		return mmb_skip(c, "less than 2 MiB of device memory is free");
	c->pairs = MMB_PAIRS_MIN;	/* clearing the buffer takes longer than mapping it */
	c->priv = calloc(1, sizeof(struct whole));
	if (!c->priv)
		abort();
	for (size_t i = 0; i < N_KINDS; i++)
		arm[i] = add_arm(c, kinds[i]);
	for (size_t i = 1; i < N_KINDS; i++) {
		bool huge = kinds[i] == MMAPDEMO_TECH_BAR_HUGE;
		const char *family = mmb_boot_of(c) == MMB_BOOT_ICOUNT ? "P1.instructions" : "P1";
		const char *name = mmb_mem_name(kinds[i]);

		mmb_pair_add(c, huge ? family : MMB_TEXT("%s.%s", family, name),
			     MMB_TEXT("bar / %s, %s, a touch per 2 MiB", name, MMB_SIZE_NAME(c->len)),
			     arm[0], arm[i]);
	}
	return MMB_OK;
}

/* Each step carries its number: the mapping shows the buffer's pages, in their order. */
static enum mmb_rc check(struct mmb_arm *arm)
{
	struct whole *w = arm->c->priv;
	enum mmb_rc rc = whole_before(arm, 1);

	for (uint64_t off = 0; off < arm->c->len && !rc; off += STEP) {
		uint64_t mark = off + arm->tag;
		int err = mmd_pwrite(arm->c->s->dev, w->buf.offset + off, &mark, sizeof(mark));

		if (err)
			rc = mmb_failed(arm->c, MMD_CALL_PWRITE, err);
	}
	if (!rc)
		rc = whole_run(arm, 1);
	for (uint64_t off = 0; off < arm->c->len && !rc; off += STEP)
		if (*(volatile uint64_t *)mmd_mmio_at(w->map.ptr, off) != off + arm->tag)
			rc = mmb_wrong(arm->c, "%s: the mapping does not show the buffer's pages",
				       arm->what);
	whole_after(arm, 1);
	return rc;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (!(c->arm[i].flags & MMB_ARM_CONTROL) && !c->arm[i].skip)
			rc = check(&c->arm[i]);
	return rc;
}

/* Each proven while it has the buffer: clearing 128 MiB for the next one takes as long as all batches. */
static enum mmb_rc count_run(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++) {
		if (c->arm[i].skip)
			continue;
		rc = mmb_icount_count(&c->arm[i]);
		if (!rc)
			rc = check(&c->arm[i]);
	}
	return rc;
}

static void teardown(struct mmb_case *c)
{
	if (!c->priv)
		return;
	drop(c);
	free(c->priv);
	c->priv = NULL;
}

static const struct mmb_case_ops time_ops = {
	.group = &time_group, .setup = setup, .verify = verify, .teardown = teardown,
};

static const struct mmb_case_ops count_ops = {
	.group = &count_group, .boot = MMB_BOOT_ICOUNT, .setup = setup, .run = count_run,
	.teardown = teardown,
};

void mmb_plan_whole_bar(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &count_ops, "instructions.whole_bar", "P1.instructions",
		     "mmap of all of BAR2");
	mmb_plan_add(plan, &time_ops, "mapping.whole_bar", "P1", "mmap of all of BAR2");
}
