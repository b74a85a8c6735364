// SPDX-License-Identifier: MIT
/*
 * devmem.c - device memory (BAR2): single loads and stores through a mapping, against read(2) and
 * write(2), and against the memory of QEMU's ivshmem-plain, which is plain RAM too.
 *
 * L1 asks what the system call costs, L4 whether our BAR is as fast as a BAR can be.
 */
#include "devmem.h"

#include <stdlib.h>
#include <string.h>

#define IVSHMEM_VENDOR	0x1af4
#define IVSHMEM_DEVICE	0x1110

static const struct mmb_group group = {
	.title = "Device memory: one access of 4 or 8 bytes",
	.meaning = "BAR2 is memory: a mapped load or store is an ordinary instruction. "
		   "A system call costs hundreds of them.",
	.unit = "ns per access",
};

enum mmb_rc mmb_devmem_setup(struct mmb_case *c)
{
	struct mmb_devmem *d = calloc(1, sizeof(*d));
	bool wc = c->s->info.mem_cache == MMAPDEMO_CACHE_WC;
	int err;

	if (!d)
		abort();
	c->priv = d;
	err = mmb_mem_get(c->s, MMAPDEMO_TECH_BAR, &d->ours);
	if (err)
		return mmb_failed(c, MMD_CALL_BUF_ALLOC, err);
	if (d->ours->map.len < MMB_DEVMEM_USED)
		return mmb_skip(c, "less than 1.6 MiB of device memory is free");
	if (mmb_pci_open(&d->ivshmem, "ivshmem-plain", IVSHMEM_VENDOR, IVSHMEM_DEVICE, 2, wc,
			 d->why, sizeof(d->why)))
		return MMB_OK;
	d->has_ivshmem = d->ivshmem.bar_len >= MMB_DEVMEM_USED;
	if (!d->has_ivshmem) {
		snprintf(d->why, sizeof(d->why), "the ivshmem device is smaller than 1.6 MiB");
		return MMB_OK;
	}
	d->saved = malloc(MMB_DEVMEM_USED);
	if (!d->saved)
		abort();
	mmd_mem_from_device(d->saved, d->ivshmem.bar, MMB_DEVMEM_USED);
	return MMB_OK;
}

void mmb_devmem_teardown(struct mmb_case *c)
{
	struct mmb_devmem *d = c->priv;

	if (d->saved)
		mmd_mem_to_device(d->ivshmem.bar, d->saved, MMB_DEVMEM_USED);
	if (d->ivshmem.bar)
		mmb_pci_close(&d->ivshmem);
	free(d->saved);
	free(d);
	c->priv = NULL;
}

/* 37 has no divisor in common with the number of places: all are visited. */
uint64_t mmb_place(const struct mmb_arm *arm)
{
	return (arm->rounds.n * 37 + 1) % MMB_PLACES * MMB_PAGE;
}

struct mmb_arm *mmb_devmem_arm(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			       unsigned int width)
{
	struct mmb_devmem *d = c->priv;
	struct mmb_arm *arm = mmb_arm_add(c, id, what, run);

	arm->tag = width;
	arm->technique = MMAPDEMO_TECH_BAR;
	arm->data = d->ours->map.ptr;
	arm->offset = d->ours->buf.offset;
	return arm;
}

struct mmb_arm *mmb_ivshmem_arm(struct mmb_case *c, const char *id, const char *what,
				mmb_run_fn run, unsigned int width)
{
	struct mmb_devmem *d = c->priv;
	struct mmb_arm *arm = mmb_devmem_arm(c, id, what, run, width);

	arm->data = d->ivshmem.bar;
	if (!d->has_ivshmem)
		arm->skip = d->why;
	return arm;
}

/* --- one access --------------------------------------------------------------------------- */

#define WORD	0x5ca1ab1e5ca1ab1eULL

static volatile void *window(const struct mmb_arm *arm)
{
	return mmd_mmio_at(arm->data, mmb_place(arm));
}

static enum mmb_rc load_run(struct mmb_arm *arm, uint64_t ops)
{
	if (arm->tag == 4)
		mmb_load32(window(arm), ops);
	else
		mmb_load64(window(arm), ops);
	return MMB_OK;
}

static enum mmb_rc store_run(struct mmb_arm *arm, uint64_t ops)
{
	if (arm->tag == 4)
		mmb_store32(window(arm), ops, (uint32_t)WORD);
	else
		mmb_store64(window(arm), ops, WORD);
	return MMB_OK;
}

static enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t offset = arm->offset + mmb_place(arm);
	uint64_t word;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, offset, &word, arm->tag);
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc pwrite_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t offset = arm->offset + mmb_place(arm);
	uint64_t word = WORD;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pwrite(arm->c->s->dev, offset, &word, arm->tag);
	return err ? mmb_failed(arm->c, MMD_CALL_PWRITE, err) : MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_devmem_setup(c);
	struct mmb_arm *load, *store, *pr, *pw, *iload, *istore;

	if (rc)
		return rc;
	load = mmb_devmem_arm(c, "L1.load32", "mapped load, 4 bytes", load_run, 4);
	iload = mmb_ivshmem_arm(c, "L4.load32", "ivshmem-plain load, 4 bytes", load_run, 4);
	store = mmb_devmem_arm(c, "L1.store32", "mapped store, 4 bytes", store_run, 4);
	istore = mmb_ivshmem_arm(c, "L4.store32", "ivshmem-plain store, 4 bytes", store_run, 4);
	mmb_devmem_arm(c, "L1.load64", "mapped load, 8 bytes", load_run, 8);
	mmb_devmem_arm(c, "L1.store64", "mapped store, 8 bytes", store_run, 8);
	pr = mmb_devmem_arm(c, "L1.file_read32", "pread(2), 4 bytes", pread_run, 4);
	pw = mmb_devmem_arm(c, "L1.file_write32", "pwrite(2), 4 bytes", pwrite_run, 4);
	mmb_pair_add(c, "L1", "pread(2) of 4 bytes / load from mapped BAR2", pr, load);
	mmb_pair_add(c, "L1.store", "pwrite(2) of 4 bytes / store to mapped BAR2", pw, store);
	mmb_pair_add(c, "L4.load", "load from BAR2 / from ivshmem-plain", load, iload);
	mmb_pair_add(c, "L4.store", "store to BAR2 / to ivshmem-plain", store, istore);
	return MMB_OK;
}

/* A window of one value: the sum of what the timed loop loads is known. */
static enum mmb_rc check_loads(struct mmb_arm *arm)
{
	uint64_t got, expected;

	mmb_fill(window(arm), MMB_WINDOW, 1);
	mmb_store32(window(arm), MMB_WINDOW / 4, 3);
	got = arm->tag == 4 ? mmb_load32(window(arm), 1 << 16) : mmb_load64(window(arm), 1 << 16);
	expected = (arm->tag == 4 ? 3ULL : 0x300000003ULL) << 16;
	if (got != expected)
		return mmb_wrong(arm->c, "%s: the loads add up to 0x%llx, not 0x%llx", arm->what,
				 (unsigned long long)got, (unsigned long long)expected);
	return MMB_OK;
}

static enum mmb_rc check_stores(struct mmb_arm *arm)
{
	unsigned char back[MMB_WINDOW];
	uint64_t word = WORD;

	mmd_mem_set(window(arm), 0, MMB_WINDOW);
	store_run(arm, MMB_WINDOW / arm->tag);
	mmd_mem_from_device(back, window(arm), MMB_WINDOW);
	for (size_t i = 0; i < MMB_WINDOW; i += 8)
		if (memcmp(back + i, &word, 8))
			return mmb_wrong(arm->c, "%s: byte %zu of the window was not stored",
					 arm->what, i);
	return MMB_OK;
}

/* What the system call reads is what a mapped store has put there, and the other way round. */
static enum mmb_rc check_file(struct mmb_case *c, const struct mmb_arm *arm)
{
	struct mmb_devmem *d = c->priv;
	uint32_t got = 0, put = 0xfeedbee5;
	int err;

	mmd_mmio_write32(d->ours->map.ptr, 0x11223344);
	err = mmd_pread(c->s->dev, arm->offset, &got, 4);
	if (!err && got != 0x11223344)
		return mmb_wrong(c, "pread(2) gives 0x%x where 0x11223344 was stored", got);
	if (!err)
		err = mmd_pwrite(c->s->dev, arm->offset, &put, 4);
	if (err)
		return mmb_failed(c, MMD_CALL_PREAD, err);
	got = mmd_mmio_read32(d->ours->map.ptr);
	if (got != put)
		return mmb_wrong(c, "a mapped load gives 0x%x where pwrite(2) wrote 0x%x", got, put);
	return MMB_OK;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++) {
		struct mmb_arm *arm = &c->arm[i];

		if (arm->skip)
			continue;
		if (arm->run == load_run)
			rc = check_loads(arm);
		else if (arm->run == store_run)
			rc = check_stores(arm);
		else if (arm->run == pread_run)
			rc = check_file(c, arm);
	}
	return rc;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .verify = verify, .teardown = mmb_devmem_teardown,
};

void mmb_plan_devmem(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &ops, "devmem.access", "L1 L1.store L4.load L4.store",
		     "BAR2 load and store: mapped, system call, ivshmem");
}
