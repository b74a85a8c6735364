// SPDX-License-Identifier: MIT
/*
 * ladder.c - ways of learning that a transfer has finished (D7), and what is left of a
 * one-shot transfer when nothing is transferred (D6.oneshot; the queue's is in queue.c).
 *
 * Counted from the submit call until the process knows; collecting the result afterwards is not
 * part of it, except with the wait ioctl, where both are one.
 */
#include "../bench.h"
#include "../transfer.h"

static const struct mmb_group ladder_group = {
	.title = "Completion: how a process learns that its transfer has finished",
	.meaning = "From the submit call until the process knows. Spinning burns a CPU; an interrupt "
		   "and a wake-up take their time instead.",
	.unit = "ns per transfer",
	.shown_unit = "us per transfer",
	.shown_per = 1000,
};

static const struct mmb_group submit_group = {
	.title = "One-shot transfer against the bare system call it needs",
	.meaning = "The same ioctl path and register read with nothing to transfer.",
	.unit = "ns each",
	.shown_unit = "us each",
	.shown_per = 1000,
};

#define OPS	12	/* transfers per round: the tail of the distribution wants many */

static struct mmb_arm *add(struct mmb_case *c, unsigned int mode, const char *name,
			   enum mmb_rc *rc)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("D7.%s.%s", size, name),
					  MMB_TEXT("%s, %s", size, mmb_mode_text(mode)),
					  mmb_transfer_seen_run);

	arm->flags = MMB_ARM_SELF_TIMED;
	arm->ops = OPS;
	if (!*rc)
		*rc = mmb_transfer_new(arm, MMAPDEMO_TECH_PAGES, MMAPDEMO_DMA_FROM_DEVICE, mode,
				       c->len);
	return arm;
}

static enum mmb_rc ladder_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	enum mmb_rc rc = MMB_OK;
	struct mmb_arm *memory = add(c, MMB_DMA_MEMORY, "poll_memory", &rc);
	struct mmb_arm *mmio = add(c, MMD_DMA_SPIN, "poll_mmio", &rc);
	struct mmb_arm *eventfd = add(c, MMD_DMA_EVENTFD, "eventfd", &rc);
	struct mmb_arm *wait = add(c, MMD_DMA_WAIT, "ioctl_wait", &rc);

	mmb_pair_add(c, MMB_TEXT("D7.%s.mmio_memory", size),
		     MMB_TEXT("spin on register / on data in memory, %s", size), mmio, memory);
	mmb_pair_add(c, MMB_TEXT("D7.%s.eventfd_mmio", size),
		     MMB_TEXT("eventfd / spin on register, %s", size), eventfd, mmio);
	mmb_pair_add(c, MMB_TEXT("D7.%s.wait_mmio", size),
		     MMB_TEXT("wait ioctl / spin on register, %s", size), wait, mmio);
	return rc;
}

static const struct mmb_case_ops ladder_ops = {
	.group = &ladder_group, .setup = ladder_setup, .prepare = mmb_transfers_prepare,
	.verify = mmb_transfers_verify, .teardown = mmb_transfers_free,
};

/* --- D6 ----------------------------------------------------------------------------------- */

/*
 * An ioctl with one register write in the kernel, and one look at the mapped register, which is
 * already there: the driver's submit writes seven or so.
 */
static enum mmb_rc idle_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmb_session *s = arm->c->s;
	const volatile void *done = mmd_mmio_at(s->user.ptr, MMAPDEMO_REG_USER_DMA_DONE_SEQ -
						MMAPDEMO_USER_BASE);

	for (uint64_t i = 0; i < ops; i++) {
		uint64_t start = mmb_now_ns();
		int err = mmd_reg_write(s->dev, MMAPDEMO_REG_SCRATCH64, 8, i);

		if (err)
			return mmb_failed(arm->c, MMD_CALL_REG_WRITE, err);
		mmd_mmio_read64(done);
		mmb_observe(arm, (double)(mmb_now_ns() - start));
	}
	return MMB_OK;
}

static enum mmb_rc submit_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *idle = mmb_arm_add(c, MMB_TEXT("D6.oneshot.%s.nothing", size),
					   "register write ioctl, one mapped read", idle_run);
	struct mmb_arm *dma = mmb_arm_add(c, MMB_TEXT("D6.oneshot.%s.submit_spin", size),
					  MMB_TEXT("%s transfer, spinning", size),
					  mmb_transfer_seen_run);

	idle->flags = MMB_ARM_SELF_TIMED;
	idle->ops = OPS;
	dma->flags = MMB_ARM_SELF_TIMED;
	dma->ops = OPS;
	mmb_pair_add(c, MMB_TEXT("D6.oneshot.%s", size),
		     MMB_TEXT("submit to seen / same with nothing to do, %s", size), dma, idle);
	return mmb_transfer_new(dma, MMAPDEMO_TECH_PAGES, MMAPDEMO_DMA_TO_DEVICE, MMD_DMA_SPIN,
				c->len);
}

static const struct mmb_case_ops submit_ops = {
	.group = &submit_group, .setup = submit_setup, .prepare = mmb_transfers_prepare,
	.verify = mmb_transfers_verify, .teardown = mmb_transfers_free,
};

void mmb_plan_ladder(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 64, 4096 };

	(void)opt;
	for (size_t i = 0; i < 2; i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ladder_ops, MMB_TEXT("completion.%s", size),
			     MMB_TEXT("D7.%s.eventfd_mmio", size),
			     "spin, eventfd, wait ioctl")->len = sizes[i];
	}
	for (size_t i = 0; i < 2; i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &submit_ops, MMB_TEXT("submit.%s", size),
			     MMB_TEXT("D6.oneshot.%s", size),
			     "one-shot submit against a bare ioctl")->len = sizes[i];
	}
}
