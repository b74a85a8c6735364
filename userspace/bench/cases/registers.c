// SPDX-License-Identifier: MIT
/*
 * registers.c - one device register, read and written through a mapping, an ioctl, and pread(2).
 *
 * The register is a scratch one: it holds what was written and does nothing. Under TCG an access to
 * a mapped register leaves the translated code for the device model; what is saved against the
 * ioctl is the way into the kernel and back.
 */
#include "../bench.h"

static const struct mmb_group group = {
	.title = "Registers: one access to a device register",
	.meaning = "A mapping goes straight to the device; ioctl and pread enter the kernel first.",
	.unit = "ns per access",
};

#define VALUE32		0x600dcafeu
#define VALUE64		0x0123456789abcdefULL

/* arm->tag is the width in bytes. */
static uint32_t scratch(const struct mmb_arm *arm)
{
	return arm->tag == 4 ? MMAPDEMO_REG_SCRATCH32 : MMAPDEMO_REG_SCRATCH64;
}

static volatile void *mapped(const struct mmb_arm *arm)
{
	return mmd_mmio_at(arm->c->s->user.ptr, scratch(arm) - MMAPDEMO_USER_BASE);
}

static uint64_t value(const struct mmb_arm *arm)
{
	return arm->tag == 4 ? VALUE32 : VALUE64;
}

static enum mmb_rc mapped_read_run(struct mmb_arm *arm, uint64_t ops)
{
	volatile void *reg = mapped(arm);

	if (arm->tag == 4)
		for (uint64_t i = 0; i < ops; i++)
			mmd_mmio_read32(reg);
	else
		for (uint64_t i = 0; i < ops; i++)
			mmd_mmio_read64(reg);
	return MMB_OK;
}

static enum mmb_rc mapped_write_run(struct mmb_arm *arm, uint64_t ops)
{
	volatile void *reg = mapped(arm);

	if (arm->tag == 4)
		for (uint64_t i = 0; i < ops; i++)
			mmd_mmio_write32(reg, VALUE32);
	else
		for (uint64_t i = 0; i < ops; i++)
			mmd_mmio_write64(reg, VALUE64);
	return MMB_OK;
}

static enum mmb_rc ioctl_read_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t got = 0;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_reg_read(arm->c->s->dev, scratch(arm), arm->tag, &got);
	if (err)
		return mmb_failed(arm->c, MMD_CALL_REG_READ, err);
	return MMB_OK;
}

static enum mmb_rc ioctl_write_run(struct mmb_arm *arm, uint64_t ops)
{
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_reg_write(arm->c->s->dev, scratch(arm), arm->tag, value(arm));
	return err ? mmb_failed(arm->c, MMD_CALL_REG_WRITE, err) : MMB_OK;
}

static enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t got;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, arm->offset, &got, arm->tag);
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc pwrite_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t word = value(arm);
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pwrite(arm->c->s->dev, arm->offset, &word, arm->tag);
	return err ? mmb_failed(arm->c, MMD_CALL_PWRITE, err) : MMB_OK;
}

static struct mmb_arm *add(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			   unsigned int width)
{
	struct mmb_arm *arm = mmb_arm_add(c, id, what, run);

	arm->tag = width;
	return arm;
}

/* The driver may leave registers out of read(2) and write(2). */
static void find_in_file(struct mmb_arm *arm)
{
	struct mmd_buf page = { 0 };
	uint64_t word = value(arm);
	int err = mmd_region_info(arm->c->s->dev, MMAPDEMO_REGION_USER_PAGE, &page);

	arm->offset = page.offset + scratch(arm) - MMAPDEMO_USER_BASE;
	if (err || mmd_pwrite(arm->c->s->dev, arm->offset, &word, arm->tag))
		arm->skip = "the driver does not offer registers to read(2) and write(2)";
}

static enum mmb_rc read_setup(struct mmb_case *c)
{
	struct mmb_arm *m32 = add(c, "L3.mapped_read32", "mapped read, 4 bytes", mapped_read_run, 4);
	struct mmb_arm *m64 = add(c, "L3.mapped_read64", "mapped read, 8 bytes", mapped_read_run, 8);
	struct mmb_arm *i32 = add(c, "L3.ioctl_read32", "ioctl read, 4 bytes", ioctl_read_run, 4);
	struct mmb_arm *i64 = add(c, "L3.ioctl_read64", "ioctl read, 8 bytes", ioctl_read_run, 8);
	struct mmb_arm *p32 = add(c, "L3.file_read32", "pread(2), 4 bytes", pread_run, 4);

	find_in_file(p32);
	mmb_pair_add(c, "L3", "ioctl register read / mapped, 4 bytes", i32, m32);
	mmb_pair_add(c, "L3.read64", "ioctl register read / mapped, 8 bytes", i64, m64);
	mmb_pair_add(c, "L3.pread32", "pread(2) of a register / mapped, 4 bytes", p32, m32);
	return MMB_OK;
}

static enum mmb_rc write_setup(struct mmb_case *c)
{
	struct mmb_arm *m32 = add(c, "L3.mapped_write32", "mapped write, 4 bytes",
				  mapped_write_run, 4);
	struct mmb_arm *m64 = add(c, "L3.mapped_write64", "mapped write, 8 bytes",
				  mapped_write_run, 8);
	struct mmb_arm *i32 = add(c, "L3.ioctl_write32", "ioctl write, 4 bytes", ioctl_write_run, 4);
	struct mmb_arm *i64 = add(c, "L3.ioctl_write64", "ioctl write, 8 bytes", ioctl_write_run, 8);
	struct mmb_arm *p32 = add(c, "L3.file_write32", "pwrite(2), 4 bytes", pwrite_run, 4);

	find_in_file(p32);
	mmb_pair_add(c, "L3.write32", "ioctl register write / mapped, 4 bytes", i32, m32);
	mmb_pair_add(c, "L3.write64", "ioctl register write / mapped, 8 bytes", i64, m64);
	mmb_pair_add(c, "L3.pwrite32", "pwrite(2) of a register / mapped, 4 bytes", p32, m32);
	return MMB_OK;
}

static int write_by_other_way(struct mmb_arm *arm, uint64_t word)
{
	if (arm->run != ioctl_read_run)
		return mmd_reg_write(arm->c->s->dev, scratch(arm), arm->tag, word);
	if (arm->tag == 4)
		mmd_mmio_write32(mapped(arm), (uint32_t)word);
	else
		mmd_mmio_write64(mapped(arm), word);
	return 0;
}

static int read_by(struct mmb_arm *arm, uint64_t *word)
{
	if (arm->run == ioctl_read_run)
		return mmd_reg_read(arm->c->s->dev, scratch(arm), arm->tag, word);
	if (arm->run == pread_run)
		return mmd_pread(arm->c->s->dev, arm->offset, word, arm->tag);
	*word = arm->tag == 4 ? mmd_mmio_read32(mapped(arm)) : mmd_mmio_read64(mapped(arm));
	return 0;
}

/* Each way of reading must see what another way has written. */
static enum mmb_rc read_verify(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];
		uint64_t expected = arm->tag == 4 ? (uint32_t)~VALUE32 : ~VALUE64;
		uint64_t got = 0;
		int err;

		if ((arm->flags & MMB_ARM_CONTROL) || arm->skip)
			continue;
		err = write_by_other_way(arm, expected);
		if (!err)
			err = read_by(arm, &got);
		if (err)
			return mmb_failed(c, MMD_CALL_REG_READ, err);
		if (got != expected)
			return mmb_wrong(c, "%s gives 0x%llx where 0x%llx was written", arm->what,
					 (unsigned long long)got, (unsigned long long)expected);
	}
	return MMB_OK;
}

static enum mmb_rc write_verify(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];
		uint64_t got = 0;
		enum mmb_rc rc;
		int err;

		if ((arm->flags & MMB_ARM_CONTROL) || arm->skip)
			continue;
		err = mmd_reg_write(c->s->dev, scratch(arm), arm->tag, 0);
		if (err)
			return mmb_failed(c, MMD_CALL_REG_WRITE, err);
		rc = arm->run(arm, 1);
		if (rc)
			return rc;
		err = mmd_reg_read(c->s->dev, scratch(arm), arm->tag, &got);
		if (err)
			return mmb_failed(c, MMD_CALL_REG_READ, err);
		if (got != value(arm))
			return mmb_wrong(c, "%s of 0x%llx left 0x%llx", arm->what,
					 (unsigned long long)value(arm), (unsigned long long)got);
	}
	return MMB_OK;
}

static const struct mmb_case_ops read_ops = {
	.group = &group, .setup = read_setup, .verify = read_verify,
};

static const struct mmb_case_ops write_ops = {
	.group = &group, .setup = write_setup, .verify = write_verify,
};

void mmb_plan_registers(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &read_ops, "registers.read", "L3 L3.read64 L3.pread32",
		     "register read: mapped, ioctl, pread(2)");
	mmb_plan_add(plan, &write_ops, "registers.write", "L3.write32 L3.write64 L3.pwrite32",
		     "register write: mapped, ioctl, pwrite(2)");
}
