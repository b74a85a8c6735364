// SPDX-License-Identifier: MIT
/*
 * instructions.c - how many instructions it takes to hand work to the device and to take its results:
 * by a queue of the process (I1, I3), through the driver (I2), and the system calls beside them.
 *
 * Kernel and user space together; the work of the device is none of it. Copies are of 64 bytes, which
 * the device has done before the doorbell's store is over, so that nothing is ever waited for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../copy.h"
#include "../icount.h"
#include "../kqueue.h"
#include "../transfer.h"

static const struct mmb_group user_group = {
	.title = "User-mode queue, counted",
	.meaning = "Instructions of one descriptor. No system call: all of them are the process's own.",
	.unit = "instructions each",
};

static const struct mmb_group kernel_group = {
	.title = "System calls, counted",
	.meaning = "Instructions from user space through the kernel and back, by call.",
	.unit = "instructions each",
};

#define LEN		64u
#define BATCH		16u		/* behind one doorbell, or in one call */

/* --- I1, I3: a queue of the process ------------------------------------------------------- */

static __attribute__((noinline)) enum mmb_rc submit_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mmb_copy *k = arm->data;
	const struct mmd_place src = k->src, dst = k->dst;
	struct mmd_queue *q = k->q;

	for (uint64_t i = 0; i < ops; i++) {
		struct mmapdemo_hw_sqe *sqe = mmd_queue_slot(q);

		if (!sqe)
			return mmb_wrong(arm->c, "the ring is full");
		mmd_sqe_copy(sqe, dst, src, LEN, i);
		mmd_queue_advance(q);
		mmd_queue_kick(q);
	}
	return MMB_OK;
}

/* All of them behind the last one's doorbell. */
static __attribute__((noinline)) enum mmb_rc push_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mmb_copy *k = arm->data;
	const struct mmd_place src = k->src, dst = k->dst;
	struct mmd_queue *q = k->q;

	for (uint64_t i = 0; i < ops; i++) {
		struct mmapdemo_hw_sqe *sqe = mmd_queue_slot(q);

		if (!sqe)
			return mmb_wrong(arm->c, "the ring is full");
		mmd_sqe_copy(sqe, dst, src, LEN, i);
		mmd_queue_advance(q);
	}
	mmd_queue_kick(q);
	return MMB_OK;
}

static __attribute__((noinline)) enum mmb_rc poll_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mmb_copy *k = arm->data;
	struct mmd_completion done;
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < ops; i++) {
		if (mmd_queue_poll(k->q, &done))
			return mmb_wrong(arm->c, "a completion is not there when the doorbell is done");
		wrong |= done.status | (done.user ^ i);
	}
	return wrong ? mmb_wrong(arm->c, "a completion is not the right one") : MMB_OK;
}

/* Before the next batch: everything read, and found right. */
static enum mmb_rc collect_all(struct mmb_arm *arm, uint64_t ops)
{
	return ops ? mmb_copy_collect(arm->data, (uint32_t)ops) : MMB_OK;
}

static enum mmb_rc add_user(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			    uint64_t ops, struct mmb_arm **arm)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_TO_DEVICE, .len = LEN,
	};
	enum mmb_rc rc;

	*arm = mmb_icount_arm(c, id, what, run, ops);
	rc = mmb_copy_new(*arm, &spec);
	/* Per descriptor. */
	(*arm)->bytes = 0;
	return rc;
}

static enum mmb_rc user_setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_icount_setup(c);
	struct mmb_arm *arm;

	if (rc)
		return rc;
	rc = add_user(c, "I1", "submit one copy, doorbell included", submit_run, MMB_ICOUNT_OPS,
		      &arm);
	arm->after = collect_all;
	if (rc)
		return rc;
	rc = add_user(c, "I1.batch16", "submit one of 16 behind a doorbell", push_run, BATCH, &arm);
	arm->after = collect_all;
	if (rc)
		return rc;
	rc = add_user(c, "I3", "read one completion, polled", poll_run, MMB_ICOUNT_OPS, &arm);
	arm->before = submit_run;
	if (rc)
		return rc;
	return MMB_OK;
}

static const struct mmb_case_ops user_ops = {
	.group = &user_group, .boot = MMB_BOOT_ICOUNT,
	.setup = user_setup, .prepare = mmb_copies_prepare,
	.run = mmb_icount_run, .verify = mmb_copies_verify, .teardown = mmb_copies_free,
};

/* --- I2: through the driver --------------------------------------------------------------- */

static __attribute__((noinline)) enum mmb_rc getppid_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	for (uint64_t i = 0; i < ops; i++)
		syscall(SYS_getppid);
	return MMB_OK;
}

/* The driver's table has no such command: looked up, not found. */
#define NO_COMMAND	_IO(MMAPDEMO_IOC_TYPE, 0xff)

static __attribute__((noinline)) enum mmb_rc empty_run(struct mmb_arm *arm, uint64_t ops)
{
	int fd = mmd_fd(arm->c->s->dev);

	for (uint64_t i = 0; i < ops; i++)
		if (ioctl(fd, NO_COMMAND, 0) != -1)
			return mmb_wrong(arm->c, "an unknown command succeeds");
	return errno == ENOTTY || !ops ? MMB_OK :
	       mmb_wrong(arm->c, "an unknown command gives %s", strerror(errno));
}

static __attribute__((noinline)) enum mmb_rc info_run(struct mmb_arm *arm, uint64_t ops)
{
	struct mmapdemo_info info = { .size = sizeof(info) };
	int fd = mmd_fd(arm->c->s->dev);

	for (uint64_t i = 0; i < ops; i++)
		if (ioctl(fd, MMAPDEMO_IOC_INFO, &info))
			return mmb_failed(arm->c, MMD_CALL_INFO, -errno);
	return MMB_OK;
}

static __attribute__((noinline)) enum mmb_rc reg_read_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t value;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_reg_read(arm->c->s->dev, MMAPDEMO_REG_SCRATCH32, 4, &value);
	return err ? mmb_failed(arm->c, MMD_CALL_REG_READ, err) : MMB_OK;
}

static __attribute__((noinline)) enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	uint32_t word;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, 0, &word, sizeof(word));
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc call_setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_icount_setup(c);

	if (rc)
		return rc;
	mmb_icount_arm(c, "I2.system_call", "bare system call (getppid)", getppid_run,
		       MMB_ICOUNT_OPS);
	mmb_icount_arm(c, "I2.empty_ioctl", "ioctl with an unknown command", empty_run,
		       MMB_ICOUNT_OPS);
	mmb_icount_arm(c, "I2.info", "ioctl INFO, 184 bytes in and out", info_run, 8);
	mmb_icount_arm(c, "I2.reg_read", "ioctl REG_READ", reg_read_run, 8);
	mmb_icount_arm(c, "I2.pread", "pread(2) of 4 bytes", pread_run, 8);
	return MMB_OK;
}

static const struct mmb_case_ops call_ops = {
	.group = &kernel_group, .boot = MMB_BOOT_ICOUNT, .setup = call_setup, .run = mmb_icount_run,
};

struct through {
	struct mmd_queue *q;
	struct mmb_copy *k;			/* source and destination */
	struct mmapdemo_hw_sqe sqe[BATCH];
	struct mmapdemo_hw_cqe cqe[BATCH];
};

/* arm->tag descriptors a call. */
static __attribute__((noinline)) enum mmb_rc through_run(struct mmb_arm *arm, uint64_t ops)
{
	struct through *t = arm->c->priv;
	struct mmd_queue_submit submit = {
		.sqes = t->sqe, .cqes = t->cqe, .num = arm->tag, .max_cqes = arm->tag,
		.min_cqes = arm->tag, .deadline_ns = MMB_KQUEUE_FOR_EVER,
	};
	uint32_t missing = 0;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++) {
		err = mmd_queue_submit(t->q, &submit);
		missing |= (submit.submitted ^ submit.num) | (submit.collected ^ submit.num);
	}
	if (err)
		return mmb_wrong(arm->c, "QUEUE_SUBMIT: %s", strerror(-err));
	return missing ? mmb_wrong(arm->c, "QUEUE_SUBMIT does less than all") : MMB_OK;
}

static enum mmb_rc through_after(struct mmb_arm *arm, uint64_t ops)
{
	const struct through *t = arm->c->priv;

	return ops ? mmb_kqueue_check(arm->c, t->cqe, arm->tag, LEN) : MMB_OK;
}

static enum mmb_rc through_setup(struct mmb_case *c)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = MMAPDEMO_DMA_TO_DEVICE, .len = LEN,
	};
	enum mmb_rc rc = mmb_icount_setup(c);
	struct through *t = calloc(1, sizeof(*t));
	struct mmb_arm *one, *many;

	if (!t)
		abort();
	c->priv = t;
	if (!rc)
		rc = mmb_kqueue_open(c, &t->q);
	if (rc)
		return rc;
	one = mmb_icount_arm(c, "I2", "QUEUE_SUBMIT, one copy and its completion", through_run, 8);
	many = mmb_icount_arm(c, "I2.batch16", "the same, one of 16 in a call", through_run, 2);
	one->tag = 1;
	many->tag = BATCH;
	many->per = BATCH;
	one->after = through_after;
	many->after = through_after;
	rc = mmb_copy_new(one, &spec);
	one->bytes = 0;
	if (rc || one->skip)
		return rc ? rc : mmb_skip(c, "%s", one->skip);
	t->k = one->data;
	for (uint32_t i = 0; i < BATCH; i++)
		mmd_sqe_copy(&t->sqe[i], t->k->dst, t->k->src, LEN, i);
	return MMB_OK;
}

static enum mmb_rc through_prepare(struct mmb_case *c)
{
	struct through *t = c->priv;

	mmb_grow_tlb(c->s);
	mmb_proof_prepare(&t->k->proof);
	return MMB_OK;
}

/* Once more, with every byte looked at. */
static enum mmb_rc through_verify(struct mmb_case *c)
{
	struct through *t = c->priv;
	enum mmb_rc rc = mmb_proof_guards(c, c->arm[0].what, &t->k->proof);

	t->k->proof.seed = 77;
	mmb_proof_prepare(&t->k->proof);
	mmd_wc_flush();
	if (!rc)
		rc = through_run(&c->arm[0], 1);
	return rc ? rc : mmb_proof_check(c, c->arm[0].what, &t->k->proof);
}

static void through_teardown(struct mmb_case *c)
{
	struct through *t = c->priv;

	mmb_copies_free(c);
	mmd_queue_destroy(t->q);
	free(t);
	c->priv = NULL;
}

static const struct mmb_case_ops through_ops = {
	.group = &kernel_group, .boot = MMB_BOOT_ICOUNT,
	.setup = through_setup, .prepare = through_prepare,
	.run = mmb_icount_run, .verify = through_verify, .teardown = through_teardown,
};

/* --- a one-shot transfer ------------------------------------------------------------------ */

static __attribute__((noinline)) enum mmb_rc oneshot_run(struct mmb_arm *arm, uint64_t ops)
{
	enum mmb_rc rc = MMB_OK;

	for (uint64_t i = 0; i < ops && !rc; i++)
		rc = mmb_transfer(arm->data, NULL);
	return rc;
}

static enum mmb_rc oneshot_setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_icount_setup(c);
	struct mmb_arm *arm;

	if (rc)
		return rc;
	arm = mmb_icount_arm(c, "I2.oneshot", "DMA_SUBMIT and DMA_WAIT, spinning between", oneshot_run, 4);
	rc = mmb_transfer_new(arm, MMAPDEMO_TECH_PAGES, MMAPDEMO_DMA_TO_DEVICE, MMD_DMA_SPIN, LEN);
	arm->bytes = 0;
	return rc;
}

static const struct mmb_case_ops oneshot_ops = {
	.group = &kernel_group, .boot = MMB_BOOT_ICOUNT, .setup = oneshot_setup,
	.prepare = mmb_transfers_prepare, .run = mmb_icount_run, .verify = mmb_transfers_verify,
	.teardown = mmb_transfers_free,
};

void mmb_plan_instructions(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &user_ops, "instructions.queue", "I1 I3",
		     "submit, read a completion");
	mmb_plan_add(plan, &call_ops, "instructions.calls", "I2.system_call I2.empty_ioctl",
		     "system calls");
	mmb_plan_add(plan, &through_ops, "instructions.queue_submit", "I2",
		     "submit and complete through the driver");
	mmb_plan_add(plan, &oneshot_ops, "instructions.oneshot", "I2.oneshot",
		     "one-shot DMA transfer");
}
