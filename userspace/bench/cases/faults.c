// SPDX-License-Identifier: MIT
/*
 * faults.c - what it takes to put a page of a mapping into the page table, by technique: instructions of
 * mmap or of one page fault for each 4 KiB page (I4), and how many faults a scan of 64 MiB takes (I5).
 *
 * Techniques that fill the page table in mmap are charged with what 4 MiB take more than 2 MiB, the page
 * of the page table included; what mmap takes anyhow is a row of its own. The others are charged with one
 * fault, divided by the pages that it makes present: never the first of its 2 MiB, which would pay for a
 * page of the page table too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../icount.h"

static const struct mmb_group group = {
	.title = "Making pages present, counted",
	.meaning = "Instructions per 4 KiB page: of mmap where it fills the page table, else of a "
		   "page fault, shared by the pages it makes present.",
	.unit = "instructions per page",
};

static const struct mmb_group fault_group = {
	.title = "Page faults of a scan of 64 MiB, counted by the kernel",
	.meaning = "Exact: one load of every page, from the first to the last.",
	.unit = "faults each",
};

#define UNIT_LEN	(2u << 20)		/* what one page of the page table covers */
#define AROUND		16u			/* pages made present by a fault of BUF_FAULT_AROUND */

struct way {
	uint32_t kind;
	uint32_t pages;		/* of one fault; 0: mmap makes them all present */
	uint64_t len;		/* of the buffer */
	uint64_t faults;	/* of a scan of 64 MiB */
	const char *what;
};

/* In the order of I4 and I5; what follows BAR_HUGE is for comparison, and none of it is 64 MiB long. */
static const struct way ways[] = {
	{ MMAPDEMO_TECH_BAR, 0, 2 * UNIT_LEN, 0, "device memory, at mmap" },
	{ MMAPDEMO_TECH_BAR_FAULT, 1, 2 * UNIT_LEN, 16384, "device memory, a fault each" },
	{ MMB_FAULT_AROUND, AROUND, 2 * UNIT_LEN, 1024, "device memory, a fault for 16" },
	{ MMAPDEMO_TECH_BAR_HUGE, 512, 4 * UNIT_LEN, 32, "device memory, a fault for 2 MiB" },
	{ MMAPDEMO_TECH_PAGES, 0, 2 * UNIT_LEN, 0, "contiguous pages, at mmap" },
	{ MMAPDEMO_TECH_COHERENT, 0, 2 * UNIT_LEN, 0, "coherent DMA memory, at mmap" },
	{ MMAPDEMO_TECH_NONCONTIG, 0, 2 * UNIT_LEN, 0, "single pages, at mmap" },
	{ MMAPDEMO_TECH_VMALLOC, 1, 2 * UNIT_LEN, 0, "vmalloc memory, a fault each" },
};

#define N_WAYS	(sizeof(ways) / sizeof(ways[0]))

struct mapping {
	const struct way *way;
	struct mmd_buf buf;
	struct mmd_map map;
};

static uint64_t faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_minflt;
}

static volatile uint64_t *word_at(const struct mapping *m, uint64_t off)
{
	return mmd_mmio_at(m->map.ptr, off);
}

/* --- I4 ----------------------------------------------------------------------------------- */

static enum mmb_rc map(struct mmb_arm *arm, uint64_t len)
{
	struct mapping *m = arm->data;
	int err = mmd_map(arm->c->s->dev, m->buf.offset, len, PROT_READ | PROT_WRITE, &m->map);

	return err ? mmb_failed(arm->c, MMD_CALL_MAP, err) : MMB_OK;
}

/* @ops units in one mapping. */
static enum mmb_rc map_run(struct mmb_arm *arm, uint64_t ops)
{
	return map(arm, ops * UNIT_LEN);
}

/* The smallest there is: what mmap takes whatever it maps. */
static enum mmb_rc map_page_run(struct mmb_arm *arm, uint64_t ops)
{
	return ops ? map(arm, MMB_PAGE) : MMB_OK;
}

static enum mmb_rc map_end(struct mmb_arm *arm, uint64_t ops)
{
	struct mapping *m = arm->data;

	(void)ops;
	mmd_unmap(&m->map);
	return MMB_OK;
}

/*
 * Where faults are counted: in a whole unit of the mapping, wherever that lies, with its page of the
 * page table there already; and where a group of pages that one fault makes present begins.
 */
static uint64_t first_off(const struct mapping *m)
{
	uint64_t at = (uintptr_t)m->map.ptr, step = (uint64_t)m->way->pages * MMB_PAGE;
	uint64_t off = (at + UNIT_LEN - 1) / UNIT_LEN * UNIT_LEN - at;

	return (off + step - 1) / step * step;
}

static enum mmb_rc fault_before(struct mmb_arm *arm, uint64_t ops)
{
	struct mapping *m = arm->data;
	enum mmb_rc rc = map(arm, m->way->len);

	(void)ops;
	if (!rc)
		(void)*word_at(m, first_off(m));
	return rc;
}

/* The pages behind the one that is there. */
static enum mmb_rc fault_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct mapping *m = arm->data;
	volatile unsigned char *p = mmd_mmio_at(m->map.ptr, first_off(m));
	const size_t step = (size_t)m->way->pages * MMB_PAGE;

	for (uint64_t i = 1; i <= ops; i++)
		(void)p[i * step];
	return MMB_OK;
}

static enum mmb_rc add_way(struct mmb_case *c, const struct way *way)
{
	struct mapping *m = calloc(1, sizeof(*m));
	struct mmb_arm *arm = mmb_icount_arm(c, MMB_TEXT("I4.%s", mmb_mem_name(way->kind)), way->what,
					     way->pages ? fault_run : map_run,
					     way->pages ? 1 : way->len / UNIT_LEN);
	int err;

	if (!m)
		abort();
	m->way = way;
	arm->data = m;
	arm->technique = way->kind;
	arm->flags = MMB_ARM_MIN | MMB_ARM_NO_LOOP;
	/* 1024 pages, each with a reference of its own: longer than a tick. */
	if (way->kind == MMAPDEMO_TECH_NONCONTIG)
		arm->flags |= MMB_ARM_LONG;
	arm->per = way->pages ? way->pages : UNIT_LEN / MMB_PAGE;
	arm->before = way->pages ? fault_before : NULL;
	arm->after = map_end;
	err = mmb_mem_alloc(c->s->dev, way->kind, way->len, &m->buf);
	if (err == -ENODEV)
		return MMB_GONE;
	if (err) {
		arm->skip = mmb_mem_why(err);
		return MMB_OK;
	}
	/* Not every node maps everything: /dev/mmapdemo-prepareN no coherent memory. */
	err = mmd_map(c->s->dev, m->buf.offset, MMB_PAGE, PROT_READ | PROT_WRITE, &m->map);
	if (err == -EOPNOTSUPP)
		arm->skip = "this node cannot map it";
	else if (!err)
		mmd_unmap(&m->map);
	return MMB_OK;
}

static enum mmb_rc add_page(struct mmb_case *c)
{
	enum mmb_rc rc = add_way(c, &ways[0]);
	struct mmb_arm *arm = &c->arm[c->n_arms - 1];

	snprintf(arm->id, sizeof(arm->id), "I4.mmap");
	snprintf(arm->what, sizeof(arm->what), "mmap of a single page of device memory");
	arm->run = map_page_run;
	arm->ops = 1;
	arm->per = 1;
	return rc;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	enum mmb_rc rc = mmb_icount_setup(c);

	for (size_t i = 0; i < N_WAYS && !rc; i++)
		rc = add_way(c, &ways[i]);
	return rc ? rc : add_page(c);
}

static void teardown(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mapping *m = c->arm[i].data;

		mmd_unmap(&m->map);
		if (m->buf.handle)
			mmd_buf_free(c->s->dev, m->buf.handle);
		free(m);
		c->arm[i].data = NULL;
	}
}

/* Each page carries its number: a scan sees the buffer's pages, in their order. */
static enum mmb_rc check_data(struct mmb_case *c, const struct mapping *m, uint64_t len)
{
	for (uint64_t off = 0; off < len; off += MMB_PAGE) {
		uint64_t mark = off + 1;
		int err = mmd_pwrite(c->s->dev, m->buf.offset + off, &mark, sizeof(mark));

		if (err)
			return mmb_failed(c, MMD_CALL_PWRITE, err);
	}
	for (uint64_t off = 0; off < len; off += MMB_PAGE)
		if (*word_at(m, off) != off + 1)
			return mmb_wrong(c, "%s: the mapping does not show the buffer's page at 0x%llx",
					 m->way->what, (unsigned long long)off);
	return MMB_OK;
}

static int is_present(struct mmb_case *c, const struct mapping *m, uint64_t off)
{
	struct mmd_map_info info;
	int err = mmd_map_info(c->s->dev, word_at(m, off), &info);

	return err ? err : (int)info.present;
}

/* What the count is divided by is true: so many pages are present after one fault, and no more. */
static enum mmb_rc check_present(struct mmb_case *c, struct mmb_arm *arm)
{
	struct mapping *m = arm->data;
	uint64_t step = (uint64_t)m->way->pages * MMB_PAGE, off, before;
	enum mmb_rc rc = fault_before(arm, 1);

	if (rc)
		return rc;
	off = first_off(m) + step;
	if (is_present(c, m, off))
		return mmb_wrong(c, "%s: pages behind the first fault are present", arm->id);
	before = faults();
	rc = fault_run(arm, 1);
	if (!rc && faults() - before != 1)
		rc = mmb_wrong(c, "%s: a touch takes %llu faults", arm->id,
			       (unsigned long long)(faults() - before));
	if (!rc && (is_present(c, m, off) != 1 || is_present(c, m, off + step - MMB_PAGE) != 1 ||
		    is_present(c, m, off + step)))
		rc = mmb_wrong(c, "%s: a fault does not make %u pages present", arm->id, m->way->pages);
	map_end(arm, 1);
	return rc;
}

static enum mmb_rc check_way(struct mmb_case *c, struct mmb_arm *arm)
{
	struct mapping *m = arm->data;
	enum mmb_rc rc = m->way->pages ? check_present(c, arm) : MMB_OK;

	if (!rc)
		rc = map(arm, m->way->len);
	if (!rc && !m->way->pages && is_present(c, m, m->way->len - MMB_PAGE) != 1)
		rc = mmb_wrong(c, "%s: mmap leaves pages out", arm->id);
	if (!rc)
		rc = check_data(c, m, m->way->len);
	map_end(arm, 1);
	return rc;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++)
		if (!c->arm[i].skip)
			rc = check_way(c, &c->arm[i]);
	return rc;
}

static const struct mmb_case_ops ops = {
	.group = &group, .boot = MMB_BOOT_ICOUNT,
	.setup = setup, .run = mmb_icount_run, .verify = verify,
	.teardown = teardown,
};

/* --- I5 ----------------------------------------------------------------------------------- */

#define SCAN_LEN	(64ull << 20)
#define SCANS		2

static enum mmb_rc scan_setup(struct mmb_case *c)
{
	for (size_t i = 0; i < N_WAYS; i++)
		if (mmb_mem_is_device(ways[i].kind)) {
			struct mmb_arm *arm = mmb_arm_add(c, MMB_TEXT("I5.%s", mmb_mem_name(ways[i].kind)),
							  ways[i].what, NULL);

			arm->tag = (unsigned int)i;
			arm->technique = ways[i].kind;
		}
	return MMB_OK;
}

static enum mmb_rc scan_once(struct mmb_arm *arm, struct mapping *m)
{
	int err = mmd_map(arm->c->s->dev, m->buf.offset, SCAN_LEN, PROT_READ | PROT_WRITE, &m->map);
	uint64_t before;

	if (err)
		return mmb_failed(arm->c, MMD_CALL_MAP, err);
	before = faults();
	for (uint64_t off = 0; off < SCAN_LEN; off += MMB_PAGE)
		(void)*word_at(m, off);
	mmb_observe(arm, (double)(faults() - before));
	return MMB_OK;
}

/* One buffer at a time: BAR2 has no room for more. */
static enum mmb_rc scan(struct mmb_arm *arm)
{
	struct mapping m = { .way = &ways[arm->tag] };
	int err = mmb_mem_alloc(arm->c->s->dev, m.way->kind, SCAN_LEN, &m.buf);
	enum mmb_rc rc = MMB_OK;

	if (err == -ENODEV)
		return MMB_GONE;
	if (err) {
		arm->skip = mmb_mem_why(err);
		return MMB_OK;
	}
	for (int i = 0; i < SCANS && !rc; i++) {
		rc = scan_once(arm, &m);
		if (!rc && i == SCANS - 1)
			rc = check_data(arm->c, &m, SCAN_LEN);
		mmd_unmap(&m.map);
	}
	mmd_buf_free(arm->c->s->dev, m.buf.handle);
	return rc;
}

static enum mmb_rc scan_run(struct mmb_case *c)
{
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++) {
		if (c->arm[i].left_out)
			continue;
		mmb_vec_reset(&c->arm[i].seen);
		rc = scan(&c->arm[i]);
	}
	return rc;
}

static const struct mmb_case_ops scan_ops = {
	.group = &fault_group, .boot = MMB_BOOT_ICOUNT, .setup = scan_setup, .run = scan_run,
};

void mmb_plan_faults(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	mmb_plan_add(plan, &ops, "instructions.pages", "I4.bar I4.bar_fault I4.fault_around I4.bar_huge",
		     "mmap or page fault, per page");
	mmb_plan_add(plan, &scan_ops, "faults.scan", "I5.bar I5.bar_fault I5.fault_around I5.bar_huge",
		     "page faults of a scan");
}
