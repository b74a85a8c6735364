// SPDX-License-Identifier: MIT
/*
 * read.c - bytes of device memory for a process: moved by the device into a buffer that the process has
 * mapped, or fetched with pread(2) (D3).
 *
 * The process has them in memory of its own either way, and may read them there.
 */
#include <string.h>

#include "../copy.h"

static const struct mmb_group group = {
	.title = "Device memory into memory of the process: DMA by a queue, or pread(2)",
	.meaning = "pread(2) has the kernel's processor copy; a queue has the device do it.",
	.unit = "ns per block",
	.shown_unit = "us per block",
	.shown_per = 1000,
};

static struct mmb_copy *copy_of(const struct mmb_case *c)
{
	return c->priv;
}

/* The bytes that the copies copy, into a place like theirs. */
static enum mmb_rc read_run(struct mmb_arm *arm, uint64_t ops)
{
	int err = 0;

	for (uint64_t i = 0; i < ops && !err; i++)
		err = mmd_pread(arm->c->s->dev, arm->offset, (void *)mmb_skewed(arm->c->s,
				copy_of(arm->c)->proof.from, arm->c->len, arm->c->s->case_no),
				arm->c->len);
	return err ? mmb_failed(arm->c, MMD_CALL_PREAD, err) : MMB_OK;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	const struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES,
		.direction = MMAPDEMO_DMA_FROM_DEVICE,
		.len = c->len,
	};
	const char *size = MMB_SIZE_NAME(c->len);
	struct mmb_arm *rd = mmb_arm_add(c, MMB_TEXT("D3.%s.pread", size),
					 MMB_TEXT("pread(2), %s", size), read_run);
	struct mmb_arm *dma = mmb_arm_add(c, MMB_TEXT("D3.%s.queue", size),
					  MMB_TEXT("queue copy into a mapped buffer, %s", size),
					  mmb_copy_run);
	enum mmb_rc rc = mmb_copy_new(dma, &spec);

	if (rc)
		return rc;
	c->priv = dma->data;
	rd->bytes = c->len;
	rd->skip = dma->skip;
	if (!dma->skip) {
		const struct mmb_mem *dev = &copy_of(c)->unit->mem[MMAPDEMO_TECH_BAR];

		rd->offset = dev->buf.offset + copy_of(c)->src.off;
	}
	mmb_pair_add(c, c->len == 2u << 20 ? "D3" : MMB_TEXT("D3.%s", size),
		     MMB_TEXT("pread(2) / DMA into a mapped buffer, %s", size), rd, dma);
	return MMB_OK;
}

/* What pread(2) gives is what lies there. */
static enum mmb_rc verify(struct mmb_case *c)
{
	struct mmb_arm *rd = &c->arm[c->n_arms - 2];
	unsigned char *got;
	enum mmb_rc rc = mmb_copies_verify(c);

	if (rc || rd->skip)
		return rc;
	got = mmb_skewed(c->s, copy_of(c)->proof.from, c->len, c->s->case_no);
	memset(got, 0xa5, c->len);
	rc = read_run(rd, 1);
	if (!rc && mmb_check(got, c->len, copy_of(c)->proof.seed) != c->len)
		rc = mmb_wrong(c, "pread(2) gives other bytes than the buffer holds");
	return rc;
}

static void teardown(struct mmb_case *c)
{
	mmb_copies_free(c);
	c->priv = NULL;
}

static const struct mmb_case_ops ops = {
	.group = &group, .setup = setup, .prepare = mmb_copies_prepare, .verify = verify,
	.teardown = teardown,
};

void mmb_plan_read(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 64u << 10, 512u << 10, 2u << 20 };

	(void)opt;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const char *size = MMB_SIZE_NAME(sizes[i]);

		mmb_plan_add(plan, &ops, MMB_TEXT("read.%s", size),
			     sizes[i] == 2u << 20 ? "D3" : MMB_TEXT("D3.%s", size),
			     "DMA into a mapped buffer, pread(2)")->len = sizes[i];
	}
}
