// SPDX-License-Identifier: MIT
/*
 * counters.c - how many accesses reach the device model, by its own counters (X1, X2).
 *
 * The counters count every access to a register and leave out reads of themselves, so that two
 * readings differ by exactly what happened in between. Nothing is timed here.
 */
#include "../bench.h"
#include "devmem.h"
#include "../transfer.h"

static const struct mmb_group group = {
	.title = "Accesses that reach the device, counted by the device",
	.meaning = "Exact, whatever the machine's load: 0 means the hardware model never hears of it.",
	.unit = "accesses each",
};

static uint64_t counter(const struct mmb_session *s, uint32_t reg)
{
	return mmd_mmio_read64(mmd_mmio_at(s->user.ptr, reg - MMAPDEMO_USER_BASE));
}

static uint64_t accesses(const struct mmb_session *s)
{
	return counter(s, MMAPDEMO_REG_CNT_RD_ALL) + counter(s, MMAPDEMO_REG_CNT_WR_ALL);
}

/* Instead of timed rounds: each arm does its thing arm->ops times between two readings. */
static enum mmb_rc count_rounds(struct mmb_case *c)
{
	for (unsigned int round = 0; round < c->s->opt->pairs; round++) {
		for (size_t i = 0; i < c->n_arms; i++) {
			struct mmb_arm *arm = &c->arm[i];
			uint64_t before;
			enum mmb_rc rc;

			if (arm->skip)
				continue;
			before = accesses(c->s);
			rc = arm->run(arm, arm->ops);
			if (rc)
				return rc;
			mmb_observe(arm, (double)(accesses(c->s) - before) / (double)arm->ops);
		}
		if (mmb_interrupted())
			return MMB_INTR;
	}
	return MMB_OK;
}

/* --- X1: device memory -------------------------------------------------------------------- */

static enum mmb_rc load_run(struct mmb_arm *arm, uint64_t ops)
{
	mmb_load32(arm->data, ops);
	return MMB_OK;
}

static enum mmb_rc store_run(struct mmb_arm *arm, uint64_t ops)
{
	mmb_store32(arm->data, ops, 0);
	return MMB_OK;
}

static enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	uint32_t word;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, arm->offset, &word, sizeof(word));
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc register_run(struct mmb_arm *arm, uint64_t ops)
{
	volatile void *scratch = mmd_mmio_at(arm->c->s->user.ptr,
					     MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);

	for (uint64_t i = 0; i < ops; i++)
		mmd_mmio_read32(scratch);
	return MMB_OK;
}

/* The other techniques that map device memory. */
static const uint32_t kinds[] = {
	MMAPDEMO_TECH_BAR_FAULT, MMB_FAULT_AROUND, MMAPDEMO_TECH_BAR_HUGE,
};

static void add_kind(struct mmb_case *c, uint32_t kind)
{
	const char *name = mmb_mem_name(kind);
	struct mmb_arm *arm = mmb_devmem_arm(c, MMB_TEXT("X1.load.%s", name),
					     MMB_TEXT("mapped load from BAR2, %s", name), load_run, 4);
	struct mmb_mem *mem;
	int err = mmb_mem_get(c->s, kind, &mem);

	arm->ops = 4096;
	arm->technique = kind;
	arm->data = mem->map.ptr;
	if (err)
		arm->skip = mmb_mem_why(err);
}

static enum mmb_rc memory_setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_devmem_setup(c);

	if (rc)
		return rc;
	mmb_devmem_arm(c, "X1.load", "mapped load from BAR2", load_run, 4)->ops = 4096;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		add_kind(c, kinds[i]);
	mmb_devmem_arm(c, "X1.store", "mapped store to BAR2", store_run, 4)->ops = 4096;
	mmb_devmem_arm(c, "X1.pread", "pread(2) of 4 bytes of BAR2", pread_run, 4)->ops = 64;
	mmb_devmem_arm(c, "X1.register", "mapped register read (for comparison)", register_run,
		       4)->ops = 64;
	return MMB_OK;
}

/* A counter that stands still proves nothing unless it is seen to move. */
static enum mmb_rc memory_verify(struct mmb_case *c)
{
	const struct mmb_arm *reg = &c->arm[c->n_arms - 1];

	for (size_t i = 0; i < reg->seen.n; i++)
		if (reg->seen.v[i] < 1)
			return mmb_wrong(c, "the device counts %g reads for each register read",
					 reg->seen.v[i]);
	return MMB_OK;
}

static const struct mmb_case_ops memory_ops = {
	.group = &group, .setup = memory_setup, .run = count_rounds, .verify = memory_verify,
	.teardown = mmb_devmem_teardown,
};

/* --- X2: a one-shot transfer -------------------------------------------------------------- */

static enum mmb_rc transfer_run(struct mmb_arm *arm, uint64_t ops)
{
	enum mmb_rc rc = MMB_OK;

	for (uint64_t i = 0; i < ops && !rc; i++)
		rc = mmb_transfer(arm->data, NULL);
	return rc;
}

static enum mmb_rc transfer_setup(struct mmb_case *c)
{
	static const unsigned int modes[] = { MMD_DMA_WAIT, MMD_DMA_EVENTFD, MMD_DMA_SPIN };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("X2.oneshot_%s",
							      mmd_dma_mode_name(modes[i])),
						  MMB_TEXT("4 KiB transfer, %s",
							   mmb_mode_text(modes[i])), transfer_run);
		enum mmb_rc rc = mmb_transfer_new(arm, MMAPDEMO_TECH_PAGES,
						  MMAPDEMO_DMA_FROM_DEVICE, modes[i], 4096);

		if (rc)
			return rc;
		arm->ops = 16;
	}
	return MMB_OK;
}

static const struct mmb_case_ops transfer_ops = {
	.group = &group, .setup = transfer_setup, .prepare = mmb_transfers_prepare,
	.run = count_rounds, .verify = mmb_transfers_verify, .teardown = mmb_transfers_free,
};

void mmb_plan_counters(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &memory_ops, "counters.devmem", "X1.load X1.store",
		     "accesses per load and store of BAR2");
	mmb_plan_add(plan, &transfer_ops, "counters.transfer", "X2.oneshot_spin",
		     "accesses per one-shot DMA transfer");
}
