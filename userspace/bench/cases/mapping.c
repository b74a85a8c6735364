// SPDX-License-Identifier: MIT
/*
 * mapping.c - what a mapping costs before it saves anything: mmap, first touch of every page,
 * munmap, for each technique (P1), and how many page faults that takes.
 *
 * Techniques that fill the page table in mmap pay there; vmalloc pays a fault for each page
 * touched. Anonymous memory, the kernel's own, stands beside them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../bench.h"

static const struct mmb_group group = {
	.title = "Making a mapping: mmap, touch every page once, munmap",
	.meaning = "The price of a mapping before it saves a single system call: it must be used "
		   "more than once to pay.",
	.unit = "ns each",
	.shown_unit = "us each",
	.shown_per = 1000,
};

static const struct mmb_group fault_group = {
	.title = "Page faults while touching a fresh mapping of 2 MiB, counted by the kernel",
	.meaning = "Exact. 0: the page table was filled in mmap. 512: each page faulted.",
	.unit = "faults each",
};

enum { BAR, PAGES, VMALLOC };	/* places of these in the list */

static const uint32_t techniques[] = {
	[BAR] = MMAPDEMO_TECH_BAR, [PAGES] = MMAPDEMO_TECH_PAGES,
	[VMALLOC] = MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT, MMAPDEMO_TECH_NONCONTIG,
	MMAPDEMO_TECH_BAR_FAULT, MMB_FAULT_AROUND, MMAPDEMO_TECH_BAR_HUGE,
};

#define N_TECH	(sizeof(techniques) / sizeof(techniques[0]))

static uint64_t touch(const volatile void *base, size_t len)
{
	const volatile unsigned char *p = base;
	uint64_t sum = 0;

	for (size_t off = 0; off < len; off += MMB_PAGE)
		sum += *(const volatile uint64_t *)(p + off);
	return sum;
}

/* One life of a mapping; @sum: of the first words of its pages. */
static enum mmb_rc map_touch_unmap(struct mmb_arm *arm, uint64_t *sum)
{
	struct mmd_map map;
	int err = mmd_map(arm->c->s->dev, arm->offset, arm->c->len, PROT_READ | PROT_WRITE, &map);

	if (err)
		return mmb_failed(arm->c, MMD_CALL_MAP, err);
	*sum = touch(map.ptr, arm->c->len);
	mmd_unmap(&map);
	return MMB_OK;
}

static enum mmb_rc mapping_run(struct mmb_arm *arm, uint64_t ops)
{
	enum mmb_rc rc = MMB_OK;
	uint64_t sum;

	for (uint64_t i = 0; i < ops && !rc; i++)
		rc = map_touch_unmap(arm, &sum);
	return rc;
}

static enum mmb_rc anonymous_run(struct mmb_arm *arm, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++) {
		unsigned char *p = mmap(NULL, arm->c->len, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			return mmb_failed(arm->c, MMD_CALL_MAP, -errno);
		for (size_t off = 0; off < arm->c->len; off += MMB_PAGE)
			*(volatile unsigned char *)(p + off) = 1;
		munmap(p, arm->c->len);
	}
	return MMB_OK;
}

static enum mmb_rc pread_run(struct mmb_arm *arm, uint64_t ops)
{
	uint64_t word;
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, arm->offset, &word, sizeof(word));
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc add_arms(struct mmb_case *c, const char *row, struct mmb_arm **arm)
{
	const char *size = MMB_SIZE_NAME(c->len);

	for (size_t i = 0; i < N_TECH; i++) {
		const char *tech = mmb_mem_name(techniques[i]);
		struct mmb_mem *mem;
		int err = mmb_mem_get(c->s, techniques[i], &mem);

		arm[i] = mmb_arm_add(c, MMB_TEXT("P1.%s.%s.%s", row, tech, size),
				     MMB_TEXT("%s, %s", tech, size), mapping_run);
		if (err == -ENODEV)
			return MMB_GONE;
		if (err)
			arm[i]->skip = mmb_mem_why(err);
		else if (mem->buf.len < c->len)
			arm[i]->skip = "no buffer as long as this to be had";
		arm[i]->technique = techniques[i];
		arm[i]->offset = mem->buf.offset;
		arm[i]->data = mem;
		arm[i]->bytes = c->len;
	}
	arm[N_TECH] = mmb_arm_add(c, MMB_TEXT("P1.%s.anonymous.%s", row, size),
				  MMB_TEXT("anonymous memory, %s", size), anonymous_run);
	arm[N_TECH]->bytes = c->len;
	return MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *arm[N_TECH + 1], *once;
	enum mmb_rc rc = add_arms(c, "map", arm);

	if (rc)
		return rc;
	mmb_pair_add(c, MMB_TEXT("P1.fault.%s", size),
		     MMB_TEXT("fault each page (vmalloc) / at mmap (pages), %s", size), arm[VMALLOC],
		     arm[PAGES]);
	if (c->len != MMB_PAGE)
		return MMB_OK;
	once = mmb_arm_add(c, "P1.once.pread", "pread(2) of 8 bytes, no mapping", pread_run);
	once->offset = arm[BAR]->offset;
	once->skip = arm[BAR]->skip;
	mmb_pair_add(c, "P1.once", "map, read once, unmap / one pread(2)", arm[BAR], once);
	return MMB_OK;
}

/* Each page carries its number: the mapping shows the pages of the buffer, in their order. */
static enum mmb_rc check(struct mmb_arm *arm)
{
	struct mmb_mem *mem = arm->data;
	uint64_t expected = 0, sum;
	enum mmb_rc rc;

	for (size_t off = 0; off < arm->c->len; off += MMB_PAGE) {
		*(volatile uint64_t *)mmd_mmio_at(mem->map.ptr, off) = off * off + 1;
		expected += off * off + 1;
	}
	mmd_wc_flush();
	rc = map_touch_unmap(arm, &sum);
	if (!rc && sum != expected)
		rc = mmb_wrong(arm->c, "%s: the mapping does not show the buffer's pages", arm->what);
	return rc;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (c->arm[i].run == mapping_run && !c->arm[i].skip)
			rc = check(&c->arm[i]);
	return rc;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .verify = verify,
};

/* --- faults ------------------------------------------------------------------------------- */

static enum mmb_rc fault_setup(struct mmb_case *c)
{
	struct mmb_arm *arm[N_TECH + 1];

	return add_arms(c, "faults", arm);
}

static uint64_t faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_minflt;
}

static enum mmb_rc fault_run(struct mmb_case *c)
{
	for (unsigned int round = 0; round < c->s->opt->pairs; round++) {
		for (size_t i = 0; i < c->n_arms; i++) {
			struct mmb_arm *arm = &c->arm[i];
			uint64_t before;
			enum mmb_rc rc;

			if (arm->skip)
				continue;
			before = faults();
			rc = arm->run(arm, 1);
			if (rc)
				return rc;
			mmb_observe(arm, (double)(faults() - before));
		}
	}
	return MMB_OK;
}

static const struct mmb_case_ops fault_ops = {
	.group = &fault_group, .setup = fault_setup, .run = fault_run, .verify = verify,
};

void mmb_plan_mapping(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 4096, 65536, 2u << 20 };

	(void)opt;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ops, MMB_TEXT("mapping.%s", size),
			     MMB_TEXT("P1.fault.%s%s", size, i ? "" : " P1.once"),
			     "mmap, touch, munmap by technique")->len = sizes[i];
	}
	mmb_plan_add(plan, &fault_ops, "mapping.faults", "P1.faults", "page faults by technique")->len =
		sizes[2];
}
