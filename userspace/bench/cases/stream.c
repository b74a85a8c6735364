// SPDX-License-Identifier: MIT
/*
 * stream.c - blocks of device memory: copied by the process through a mapping, by the kernel in
 * read(2) and write(2), and from and to ivshmem-plain.
 */
#include "devmem.h"

#include <string.h>

static const struct mmb_group group = {
	.title = "Device memory: blocks",
	.meaning = "Read = device memory to RAM. The larger the block, the less a system call "
		   "matters: here mmap need not win.",
	.unit = "ns per block",
	.shown_unit = "us per block",
	.shown_per = 1000,
};

static volatile void *device_of(const struct mmb_arm *arm)
{
	return mmd_mmio_at(arm->data, mmb_place(arm));
}

/* Each round at another odd distance, the same one for all arms of the round. */
static unsigned char *ram_of(const struct mmb_arm *arm)
{
	return mmb_skewed(arm->c->s, device_of(arm), arm->c->len, (unsigned int)arm->rounds.n);
}

static enum mmb_rc read_run(struct mmb_arm *arm, uint64_t ops)
{
	unsigned char *ram = ram_of(arm);

	for (uint64_t i = 0; i < ops; i++)
		mmd_mem_from_device(ram, device_of(arm), arm->c->len);
	return MMB_OK;
}

static enum mmb_rc write_run(struct mmb_arm *arm, uint64_t ops)
{
	unsigned char *ram = ram_of(arm);

	for (uint64_t i = 0; i < ops; i++)
		mmd_mem_to_device(device_of(arm), ram, arm->c->len);
	return MMB_OK;
}

/* The C library's: whatever its author thought best for ordinary memory. */
static enum mmb_rc memcpy_run(struct mmb_arm *arm, uint64_t ops)
{
	unsigned char *ram = ram_of(arm);

	for (uint64_t i = 0; i < ops; i++) {
		memcpy(ram, (void *)device_of(arm), arm->c->len);
		__asm__ __volatile__("" : : "r"(ram) : "memory");
	}
	return MMB_OK;
}

static enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	unsigned char *ram = ram_of(arm);
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, arm->offset + mmb_place(arm), ram,
				arm->c->len);
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc pwrite_run(struct mmb_arm *arm, uint64_t ops)
{
	unsigned char *ram = ram_of(arm);
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pwrite(arm->c->s->dev, arm->offset + mmb_place(arm), ram,
				arm->c->len);
	return err ? mmb_failed(arm->c, MMD_CALL_PWRITE, err) : MMB_OK;
}

/* The larger blocks want a larger emulated TLB than a process finds. */
static enum mmb_rc prepare(struct mmb_case *c)
{
	if (c->len >= MMB_STREAM_L4)
		mmb_grow_tlb(c->s);
	return MMB_OK;
}

static bool reads(const struct mmb_arm *arm)
{
	return arm->run == read_run || arm->run == memcpy_run || arm->run == pread_run;
}

static struct mmb_arm *add(struct mmb_case *c, const char *row, const char *name, const char *what,
			   mmb_run_fn run)
{
	const char *size = MMB_SIZE_NAME(c->len);
	const char *id = MMB_TEXT("%s.%s.%s", row, name, size);
	const char *text = MMB_TEXT("%s, %s", what, size);
	struct mmb_arm *arm;

	if (!strcmp(row, "L4"))
		arm = mmb_ivshmem_arm(c, id, text, run, 0);
	else
		arm = mmb_devmem_arm(c, id, text, run, 0);
	arm->bytes = c->len;
	return arm;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	enum mmb_rc rc = mmb_devmem_setup(c);
	struct mmb_arm *mr, *mw, *ir, *iw, *pr, *pw, *cpy;

	if (rc)
		return rc;
	mr = add(c, "L1", "block_read", "mapped read", read_run);
	ir = add(c, "L4", "block_read", "ivshmem-plain mapped read", read_run);
	mw = add(c, "L1", "block_write", "mapped write", write_run);
	iw = add(c, "L4", "block_write", "ivshmem-plain mapped write", write_run);
	cpy = add(c, "L1", "block_memcpy", "mapped read with memcpy()", memcpy_run);
	pr = add(c, "L1", "block_pread", "pread(2)", pread_run);
	pw = add(c, "L1", "block_pwrite", "pwrite(2)", pwrite_run);
	mmb_pair_add(c, MMB_TEXT("L1.read.%s", size), MMB_TEXT("pread(2) / mapped read, %s", size),
		     pr, mr);
	mmb_pair_add(c, MMB_TEXT("L1.write.%s", size),
		     MMB_TEXT("pwrite(2) / mapped write, %s", size), pw, mw);
	if (c->len != MMB_STREAM_L4)
		return MMB_OK;
	mmb_pair_add(c, "L1.memcpy", "mapped read / with memcpy(), 64KiB", mr, cpy);
	mmb_pair_add(c, "L4.stream", "64 KiB read from BAR2 / from ivshmem-plain", mr, ir);
	mmb_pair_add(c, "L4.stream_write", "64 KiB written to BAR2 / to ivshmem-plain", mw, iw);
	return MMB_OK;
}

static enum mmb_rc check_arm(struct mmb_arm *arm)
{
	struct mmb_proof proof = {
		.from = reads(arm) ? device_of(arm) : ram_of(arm),
		.to = reads(arm) ? ram_of(arm) : (volatile unsigned char *)device_of(arm),
		.len = arm->c->len,
		.behind = 64,
		.seed = arm->c->s->opt->seed + arm->rounds.n,
	};
	enum mmb_rc rc;

	mmb_proof_prepare(&proof);
	rc = arm->run(arm, 1);
	return rc ? rc : mmb_proof_check(arm->c, arm->what, &proof);
}

static enum mmb_rc verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (!(c->arm[i].flags & MMB_ARM_CONTROL) && !c->arm[i].skip)
			rc = check_arm(&c->arm[i]);
	return rc;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = prepare, .verify = verify,
	.teardown = mmb_devmem_teardown,
};

void mmb_plan_stream(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 4096, MMB_STREAM_L4, 256u << 10, MMB_STREAM_MAX };

	for (size_t i = opt->quick ? 1 : 0; i < (opt->quick ? 2 : 4); i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);
		const char *rows = MMB_TEXT("L1.read.%s L1.write.%s%s", size, size,
					    sizes[i] == MMB_STREAM_L4 ? " L4.stream" : "");

		mmb_plan_add(plan, &ops, MMB_TEXT("devmem.block.%s", size), rows,
			     "BAR2 blocks: mapped, system call, ivshmem")->len = sizes[i];
	}
}
