// SPDX-License-Identifier: MIT
/*
 * foreign.c - `--bdf`: loads, blocks and, if asked for, stores to the BAR of somebody else's device.
 *
 * Each is taken in turn with the same instructions on ordinary memory. Nothing is known of the
 * device: what was read is verified by reading it again in another order, and a range that changes
 * by itself gives no rows. Stores are made with --bar-write only, and only where the range has been
 * seen to be memory (foreign.c above this directory).
 */
#include "../bench.h"
#include "../env.h"
#include "../foreign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const struct mmb_group access_group = {
	.title = "Another device's BAR: one access",
	.meaning = "In turn with the same instructions on ordinary memory. A load waits for the device; a "
		   "store is handed over and not waited for, unless it is read back.",
	.unit = "ns per access",
};

static const struct mmb_group block_group = {
	.title = "Another device's BAR: blocks",
	.meaning = "Copied by aligned accesses of one width, from and to ordinary memory.",
	.unit = "ns per block",
	.shown_unit = "us per block",
	.shown_per = 1000,
};

static const struct mmb_group map_group = {
	.title = "Another device's BAR: mapping it",
	.meaning = "mmap of the BAR's file in sysfs, one load, munmap.",
	.unit = "ns per mapping",
	.shown_unit = "us per mapping",
	.shown_per = 1000,
};

static struct mmb_foreign *foreign(const struct mmb_case *c)
{
	return c->s->foreign;
}

/* --- one access --------------------------------------------------------------------------- */

/* The largest power of two that fits, and no more than where other cases turn round. */
static size_t window(const struct mmb_foreign *f)
{
	size_t size = MMB_WINDOW;

	while (size > f->len)
		size /= 2;
	return size;
}

static enum mmb_rc load_run(struct mmb_arm *arm, uint64_t ops)
{
	if (arm->tag == 4)
		mmb_load32_in(arm->data, window(foreign(arm->c)), ops);
	else
		mmb_load64_in(arm->data, window(foreign(arm->c)), ops);
	return MMB_OK;
}

static enum mmb_rc store_run(struct mmb_arm *arm, uint64_t ops)
{
	mmb_store32_in(arm->data, window(foreign(arm->c)), ops, 0x5ca1ab1e);
	return MMB_OK;
}

/* A load from the same device does not overtake the store: when it is back, the store is there. */
static enum mmb_rc store_load_run(struct mmb_arm *arm, uint64_t ops)
{
	volatile uint32_t *word = arm->data;
	size_t words = window(foreign(arm->c)) / 4;

	for (uint64_t i = 0; i < ops; i++) {
		word[i % words] = (uint32_t)i;
		if (word[i % words] != (uint32_t)i)
			return mmb_wrong(arm->c, "what was stored at byte %llu of the range does not come back",
					 (unsigned long long)(i % words * 4));
	}
	return MMB_OK;
}

static struct mmb_arm *add(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			   volatile void *mem, unsigned int width)
{
	struct mmb_arm *arm = mmb_arm_add(c, id, what, run);

	arm->data = (void *)mem;
	arm->tag = width;
	return arm;
}

static enum mmb_rc access_setup(struct mmb_case *c)
{
	struct mmb_foreign *f = foreign(c);
	struct mmb_arm *load, *ram;

	load = add(c, "BAR.load32", "load from the BAR, 4 bytes", load_run, f->mem, 4);
	ram = add(c, "BAR.ram_load32", "load from RAM, 4 bytes", load_run, c->s->arena, 4);
	mmb_pair_add(c, "BAR.load", "load from the BAR / from RAM", load, ram);
	if (f->width == 8)
		add(c, "BAR.load64", "load from the BAR, 8 bytes", load_run, f->mem, 8);
	if (!f->saved)
		return MMB_OK;
	load = add(c, "BAR.store32", "store to the BAR, 4 bytes", store_run, f->mem, 4);
	ram = add(c, "BAR.ram_store32", "store to RAM, 4 bytes", store_run, c->s->arena, 4);
	mmb_pair_add(c, "BAR.store", "store to the BAR / to RAM", load, ram);
	add(c, "BAR.store_load32", "store to the BAR and load it back", store_load_run, f->mem, 4);
	return MMB_OK;
}

/* Words of the range that differ between two readings, the second one from the end. */
static size_t unsteady(const struct mmb_foreign *f, size_t len, uint32_t *sum)
{
	const volatile uint32_t *word = (const volatile uint32_t *)f->mem;
	uint32_t *seen = malloc(len);
	size_t n = 0;

	if (!seen)
		abort();
	*sum = 0;
	for (size_t i = 0; i < len / 4; i++)
		*sum += seen[i] = word[i];
	for (size_t i = len / 4; i--;)
		n += word[i] != seen[i];
	free(seen);
	return n;
}

static enum mmb_rc gone_or(struct mmb_case *c, enum mmb_rc rc)
{
	return mmb_foreign_gone(foreign(c)) ? MMB_GONE : rc;
}

static enum mmb_rc changes_by_itself(struct mmb_case *c, size_t n, size_t of)
{
	if (mmb_foreign_gone(foreign(c)))
		return MMB_GONE;
	return mmb_skip(c, "%zu of %zu words of the range change by themselves: nothing read can be verified. "
			"Choose another --range", n, of);
}

static enum mmb_rc access_verify(struct mmb_case *c)
{
	struct mmb_foreign *f = foreign(c);
	size_t len = window(f), changed;
	uint32_t sum;

	changed = unsteady(f, len, &sum);
	if (changed)
		return changes_by_itself(c, changed, len / 4);
	if ((uint32_t)mmb_load32_in(f->mem, len, len / 4) != sum)
		return gone_or(c, mmb_wrong(c, "the timed loads do not see what single loads see"));
	if (!f->saved)
		return gone_or(c, MMB_OK);
	mmb_store32_in(f->mem, len, len / 4, 0x600dcafe);
	changed = unsteady(f, len, &sum);
	if (changed || sum != (uint32_t)(len / 4 * 0x600dcafe))
		return gone_or(c, mmb_wrong(c, "the timed stores have not all arrived"));
	return gone_or(c, MMB_OK);
}

static const struct mmb_case_ops access_ops = {
	.group = &access_group, .setup = access_setup, .verify = access_verify,
};

/* --- blocks ------------------------------------------------------------------------------- */

/* The one loop for both directions, for the BAR and for memory. */
static void copy_block(volatile void *to, const volatile void *from, size_t len, unsigned int width)
{
	if (width == 8)
		for (size_t i = 0; i < len / 8; i++)
			((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
	else
		for (size_t i = 0; i < len / 4; i++)
			((volatile uint32_t *)to)[i] = ((const volatile uint32_t *)from)[i];
}

static unsigned char *ram_of(const struct mmb_arm *arm)
{
	return mmb_skewed(arm->c->s, foreign(arm->c)->mem, arm->c->len,
			  (unsigned int)arm->rounds.n);
}

static enum mmb_rc read_run(struct mmb_arm *arm, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++)
		copy_block(ram_of(arm), foreign(arm->c)->mem, arm->c->len, foreign(arm->c)->width);
	return MMB_OK;
}

static enum mmb_rc write_run(struct mmb_arm *arm, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++)
		copy_block(arm->data, ram_of(arm), arm->c->len, foreign(arm->c)->width);
	mmd_wc_flush();
	return MMB_OK;
}

/* Behind what mmb_skewed() may give. */
static unsigned char *other_ram(const struct mmb_case *c)
{
	return c->s->arena + (c->s->arena_len - c->len) / MMB_PAGE * MMB_PAGE;
}

static enum mmb_rc ram_run(struct mmb_arm *arm, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++)
		copy_block(arm->c->s->arena, other_ram(arm->c), arm->c->len,
			   foreign(arm->c)->width);
	return MMB_OK;
}

static void add_combined(struct mmb_case *c, struct mmb_arm *plain)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("BAR.write_wc.%s", size),
					  MMB_TEXT("RAM to the BAR, write combining, %s", size), write_run);

	arm->bytes = c->len;
	mmb_pair_add(c, MMB_TEXT("BAR.wc.%s", size), MMB_TEXT("uncached / write-combining stores, %s", size),
		     plain, arm);
	if (mmb_is_emulated(MMB_ENV_FILE)) {
		arm->skip = "the CPU is emulated: write combining has no speed there";
		return;
	}
	c->priv = mmb_pci_map_wc(&foreign(c)->pci, c->s->opt->bar);
	if (c->priv)
		arm->data = (char *)c->priv + c->s->opt->range_off;
	else
		arm->skip = "the kernel offers no write-combining mapping of this BAR (it is not prefetchable)";
}

static enum mmb_rc block_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_foreign *f = foreign(c);
	struct mmb_arm *arm, *ram;

	if (c->len > f->len)
		return mmb_skip(c, "the range has %s only", MMB_SIZE_NAME(f->len));
	arm = mmb_arm_add(c, MMB_TEXT("BAR.read.%s.copy", size), MMB_TEXT("BAR to RAM, %s", size), read_run);
	ram = mmb_arm_add(c, MMB_TEXT("BAR.ram.%s.copy", size), MMB_TEXT("RAM to RAM, %s", size), ram_run);
	arm->bytes = ram->bytes = c->len;
	mmb_pair_add(c, MMB_TEXT("BAR.read.%s", size), MMB_TEXT("BAR to RAM / RAM to RAM, %s", size), arm,
		     ram);
	if (!f->saved)
		return MMB_OK;
	arm = mmb_arm_add(c, MMB_TEXT("BAR.write.%s.copy", size), MMB_TEXT("RAM to the BAR, %s", size),
			  write_run);
	arm->data = (void *)f->mem;
	arm->bytes = c->len;
	mmb_pair_add(c, MMB_TEXT("BAR.write.%s", size), MMB_TEXT("RAM to the BAR / RAM to RAM, %s", size), arm,
		     ram);
	add_combined(c, arm);
	return MMB_OK;
}

/* Into poison, then word by word: the timed copy must have brought what stands there. */
static enum mmb_rc verify_read(struct mmb_case *c)
{
	const volatile uint32_t *word = (const volatile uint32_t *)foreign(c)->mem;
	uint32_t *got = (uint32_t *)c->s->arena, sum;
	size_t changed = unsteady(foreign(c), c->len, &sum);

	if (changed)
		return changes_by_itself(c, changed, c->len / 4);
	for (size_t i = 0; i < c->len / 4; i++)
		got[i] = ~word[i];
	copy_block(got, word, c->len, foreign(c)->width);
	for (size_t i = 0; i < c->len / 4; i++)
		if (got[i] != word[i])
			return gone_or(c, mmb_wrong(c, "the copy is wrong from byte %zu of %llu on", i * 4,
						    (unsigned long long)c->len));
	return gone_or(c, MMB_OK);
}

static enum mmb_rc verify_write(struct mmb_case *c, volatile void *to)
{
	struct mmb_foreign *f = foreign(c);
	volatile uint32_t *behind = f->len > c->len ? (volatile uint32_t *)(f->mem + c->len) : NULL;
	uint64_t seed = c->s->opt->seed + c->len;

	if (behind)
		*behind = 0xa5a5a5a5;
	mmd_mem_set(f->mem, 0xa5, c->len);
	mmb_fill(c->s->arena, c->len, seed);
	copy_block(to, c->s->arena, c->len, f->width);
	mmd_wc_flush();
	/* Back by accesses of the width that the device takes. */
	copy_block(other_ram(c), f->mem, c->len, f->width);
	if (mmb_check(other_ram(c), c->len, seed) != c->len)
		return gone_or(c, mmb_wrong(c, "what was stored does not come back"));
	if (behind && *behind != 0xa5a5a5a5)
		return gone_or(c, mmb_wrong(c, "bytes behind the block were written"));
	return gone_or(c, MMB_OK);
}

static enum mmb_rc block_verify(struct mmb_case *c)
{
	enum mmb_rc rc = verify_read(c);

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (c->arm[i].run == write_run && !c->arm[i].skip)
			rc = verify_write(c, c->arm[i].data);
	return rc;
}

static void block_teardown(struct mmb_case *c)
{
	if (c->priv)
		munmap(c->priv, foreign(c)->pci.bar_len);
	c->priv = NULL;
}

static const struct mmb_case_ops block_ops = {
	.group = &block_group, .setup = block_setup, .verify = block_verify,
	.teardown = block_teardown,
};

/* --- mapping it --------------------------------------------------------------------------- */

static enum mmb_rc map_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mmb_foreign *f = foreign(arm->c);

	for (uint64_t i = 0; i < ops; i++) {
		void *p = mmb_pci_map_again(&f->pci, arm->c->s->opt->bar);

		if (!p)
			return gone_or(arm->c, mmb_wrong(arm->c, "the BAR could be mapped before, and cannot now: %s",
							 strerror(errno)));
		(void)*(volatile uint32_t *)((char *)p + arm->c->s->opt->range_off);
		munmap(p, f->pci.bar_len);
	}
	return MMB_OK;
}

static enum mmb_rc map_setup(struct mmb_case *c)
{
	mmb_arm_add(c, "BAR.map", "open, mmap, one load, munmap", map_run);
	return MMB_OK;
}

static enum mmb_rc map_verify(struct mmb_case *c)
{
	return gone_or(c, MMB_OK);
}

static const struct mmb_case_ops map_ops = {
	.group = &map_group, .setup = map_setup, .verify = map_verify,
};

void mmb_plan_foreign(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t usual[] = { 64, 4096, 64u << 10, 1u << 20 };
	const uint64_t *sizes = opt->sizes_given ? opt->sizes : usual;
	size_t n = opt->sizes_given ? opt->n_sizes : sizeof(usual) / sizeof(usual[0]);

	mmb_plan_add(plan, &access_ops, "bar.access",
		     opt->bar_write ? "BAR.load BAR.store" : "BAR.load", "one load or store");
	mmb_plan_add(plan, &map_ops, "bar.map", "BAR.map", "mmap and munmap");
	for (size_t i = 0; i < n; i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &block_ops, MMB_TEXT("bar.block.%s", size),
			     opt->bar_write ? MMB_TEXT("BAR.read.%s BAR.write.%s", size, size) :
					      MMB_TEXT("BAR.read.%s", size), "blocks")->len = sizes[i];
	}
}
