// SPDX-License-Identifier: MIT
/*
 * iommu.c - what an IOMMU in front of the device costs DMA (V1).
 *
 * Two devices alike, in turn, in one boot: of one the kernel has the IOMMU translate the addresses, of the other
 * it does not (its group has the identity domain). The device remembers translations for each queue,
 * 1024 pages each of sources and destinations, and is told when one ends: copies that stay within
 * these are nearly free of the IOMMU, copies from more pages have each translated as they use it. The
 * cases walk over more and more pages, and windows, until that shows.
 */
#include <errno.h>
#include <stdlib.h>

#include "../walk.h"

static const struct mmb_group copy_group = {
	.title = "Behind an IOMMU: copies by a user-mode queue",
	.meaning = "The same copies by two devices, of which the IOMMU translates one's addresses. The same pages "
		   "again and again, or more of them than the device remembers.",
	.unit = "ns per copy",
	.shown_unit = "us per copy",
	.shown_per = 1000,
};

static const struct mmb_group pages_group = {
	.title = "Behind an IOMMU: 64-byte copies, 64 behind one doorbell, from more and more pages",
	.meaning = "Each copy from the next page, or window. The device remembers 1024 translations of a queue's "
		   "sources; beyond, each is asked for again.",
	.unit = "ns per descriptor",
};

#define DEEP		64u
#define WALK_LEN	64u
#define WALK_PAGES	4096u		/* four times what the device remembers */
#define BULK		(64u << 10)

/* Both devices, the memory of the walks, and windows over it. */
struct both {
	struct mmb_unit *unit[2];
	struct mmb_ground ground[2];
};

static const struct {
	const char *id;
	const char *text;
} sides[2] = {
	{ "translated", "behind the IOMMU" },
	{ "plain", "without" },
};

static enum mmb_rc find_both(struct mmb_case *c)
{
	struct both *b = calloc(1, sizeof(*b));
	enum mmb_rc rc;

	if (!b)
		abort();
	c->priv = b;
	rc = mmb_unit_main(c, &b->unit[0]);
	if (rc)
		return rc;
	if (!(b->unit[0]->info.state & MMAPDEMO_STATE_IOMMU))
		return mmb_skip(c, "no IOMMU translates the addresses of %s",
				mmd_path(c->s->dev));
	b->unit[1] = mmb_unit_untranslated(c->s);
	if (!b->unit[1])
		return mmb_skip(c, "there is no second device like it of which no IOMMU translates "
				"the addresses");
	return MMB_OK;
}

static void teardown(struct mmb_case *c)
{
	struct both *b = c->priv;

	mmb_copies_free(c);
	for (int i = 0; i < 2 && b; i++)
		mmb_ground_free(&b->ground[i]);
	free(b);
	c->priv = NULL;
}

/* --- the same pages again and again -------------------------------------------------------- */

static enum mmb_rc copy_add(struct mmb_case *c, uint32_t depth, const char *id,
			    struct mmb_arm *arm[2])
{
	struct both *b = c->priv;
	enum mmb_rc rc = MMB_OK;

	for (int i = 0; i < 2 && !rc; i++) {
		const struct mmb_copy_spec spec = {
			.unit = b->unit[i], .technique = MMAPDEMO_TECH_PAGES,
			.direction = c->direction, .depth = depth, .len = c->len,
		};

		arm[i] = mmb_arm_add(c, MMB_TEXT("%s.%s", id, sides[i].id),
				     MMB_TEXT("%s, %s", MMB_SIZE_NAME(c->len), sides[i].text),
				     mmb_copy_run);
		rc = mmb_copy_new(arm[i], &spec);
	}
	return rc;
}

static enum mmb_rc copy_setup(struct mmb_case *c)
{
	const char *size = MMB_SIZE_NAME(c->len);
	const char *way = mmb_direction_name(c->direction);
	const char *id = MMB_TEXT("V1.%s.%s", size, way);
	struct mmb_copy_spec spec = {
		.technique = MMAPDEMO_TECH_PAGES, .direction = c->direction, .len = c->len,
	};
	struct mmb_arm *arm[2], *host;
	enum mmb_rc rc = find_both(c);

	if (rc)
		return rc;
	spec.unit = ((struct both *)c->priv)->unit[1];
	host = mmb_arm_add(c, MMB_TEXT("control.host_memcpy.%s.%s", size, way),
			   MMB_TEXT("host memcpy, %s %s", size, way), mmb_copy_host_run);
	host->flags = MMB_ARM_CONTROL;
	host->max_ops = 1;
	rc = mmb_copy_new(host, &spec);
	if (!rc)
		rc = copy_add(c, 1, id, arm);
	if (!rc)
		mmb_pair_add(c, id, MMB_TEXT("bandwidth, IOMMU / without, %s %s", size, way),
			     arm[1], arm[0]);
	return rc;
}

static const struct mmb_case_ops copy_ops = {
	.group = &copy_group, .boot = MMB_BOOT_IOMMU, .setup = copy_setup,
	.prepare = mmb_copies_prepare, .verify = mmb_copies_verify, .teardown = teardown,
};

static enum mmb_rc batch_setup(struct mmb_case *c)
{
	struct mmb_arm *arm[2];
	enum mmb_rc rc = find_both(c);

	if (!rc)
		rc = copy_add(c, DEEP, "V1.descriptor.64", arm);
	if (rc)
		return rc;
	mmb_pair_add(c, "V1.descriptor", "rate of 64 B descriptors, IOMMU / without",
		     arm[1], arm[0]);
	return MMB_OK;
}

static const struct mmb_case_ops batch_ops = {
	.group = &pages_group, .boot = MMB_BOOT_IOMMU, .setup = batch_setup,
	.prepare = mmb_copies_prepare, .verify = mmb_copies_verify, .teardown = teardown,
};

/* --- more and more pages ------------------------------------------------------------------- */

static enum mmb_rc ground_both(struct mmb_case *c, uint32_t windows)
{
	struct both *b = c->priv;
	enum mmb_rc rc = MMB_OK;

	for (int i = 0; i < 2 && !rc; i++)
		rc = mmb_ground_make(c, &b->ground[i], b->unit[i], WALK_PAGES, windows);
	return rc;
}

/* One arm on each device, and how much slower the first is. */
static void walk_both(struct mmb_case *c, const char *id, const char *text,
		      const struct mmb_walk_spec *how)
{
	struct both *b = c->priv;
	struct mmb_arm *arm[2];

	for (int i = 0; i < 2; i++) {
		struct mmb_walk_spec spec = *how;

		spec.ground = &b->ground[i];
		arm[i] = mmb_arm_add(c, MMB_TEXT("%s.%s", id, sides[i].id),
				     MMB_TEXT("%s, %s", text, sides[i].text), mmb_walk_run);
		mmb_walk_new(arm[i], &spec);
	}
	mmb_pair_add(c, id, MMB_TEXT("rate, IOMMU / without, %s", text), arm[1], arm[0]);
}

static enum mmb_rc pages_setup(struct mmb_case *c)
{
	static const uint32_t pages[] = { 1, 16, 256, 512, 1024, 1280, 2048, WALK_PAGES };
	enum mmb_rc rc = find_both(c);

	if (!rc)
		rc = ground_both(c, 0);
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]) && !rc; i++) {
		const struct mmb_walk_spec spec = {
			.places = pages[i], .len = WALK_LEN, .depth = DEEP,
		};

		walk_both(c, MMB_TEXT("V1.pages.%u", pages[i]), MMB_TEXT("%u page%s", pages[i], pages[i] == 1 ? "" : "s"), &spec);
	}
	return rc;
}

static enum mmb_rc windows_setup(struct mmb_case *c)
{
	static const uint32_t windows[] = { 1, 16, 64, MMB_GROUND_WINDOWS };
	enum mmb_rc rc = find_both(c);

	if (!rc)
		rc = ground_both(c, MMB_GROUND_WINDOWS);
	for (size_t i = 0; i < sizeof(windows) / sizeof(windows[0]) && !rc; i++) {
		const struct mmb_walk_spec spec = {
			.places = windows[i], .len = WALK_LEN, .depth = DEEP, .by_window = true,
		};

		walk_both(c, MMB_TEXT("V1.windows.%u", windows[i]),
			  MMB_TEXT("%u window%s of a page", windows[i], windows[i] == 1 ? "" : "s"), &spec);
	}
	return rc;
}

/* As large copies meet it: every page of every copy is translated anew. */
static enum mmb_rc per_use_setup(struct mmb_case *c)
{
	const struct mmb_walk_spec queue = {
		.places = WALK_PAGES / (BULK / MMB_PAGE), .len = BULK, .depth = 1,
	};
	const struct mmb_walk_spec oneshot = {
		.places = 1, .len = BULK, .depth = 1, .oneshot = true,
	};
	enum mmb_rc rc = find_both(c);

	if (!rc)
		rc = ground_both(c, 0);
	if (rc)
		return rc;
	walk_both(c, "V1.64KiB.per_use", "64KiB, 4096 pages", &queue);
	walk_both(c, "V1.64KiB.oneshot", "64KiB, one-shot", &oneshot);
	return MMB_OK;
}

static const struct mmb_case_ops walk_ops[] = {
	{ .group = &copy_group, .boot = MMB_BOOT_IOMMU, .setup = per_use_setup,
	  .prepare = mmb_walks_prepare, .verify = mmb_walks_verify, .teardown = teardown },
	{ .group = &pages_group, .boot = MMB_BOOT_IOMMU, .setup = pages_setup,
	  .prepare = mmb_walks_prepare, .verify = mmb_walks_verify, .teardown = teardown },
	{ .group = &pages_group, .boot = MMB_BOOT_IOMMU, .setup = windows_setup,
	  .prepare = mmb_walks_prepare, .verify = mmb_walks_verify, .teardown = teardown },
};

void mmb_plan_iommu(struct mmb_plan *plan, const struct mmb_options *opt)
{
	static const uint64_t sizes[] = { 4096, BULK, 512u << 10, 2u << 20 };
	static const uint32_t directions[] = { MMAPDEMO_DMA_TO_DEVICE, MMAPDEMO_DMA_FROM_DEVICE };
	struct mmb_case *c;

	(void)opt;
	for (size_t d = 0; d < 2; d++) {
		const char *way = mmb_direction_name(directions[d]);

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			const char *size = MMB_SIZE_NAME(sizes[i]);

			c = mmb_plan_add(plan, &copy_ops, MMB_TEXT("iommu.copy.%s.%s", size, way),
					 MMB_TEXT("V1.%s.%s", size, way),
					 "queue copies behind the IOMMU and without");
			c->len = sizes[i];
			c->direction = directions[d];
		}
	}
	mmb_plan_add(plan, &walk_ops[0], "iommu.per_use", "V1.64KiB.per_use V1.64KiB.oneshot",
		     "copies whose every page is translated anew");
	c = mmb_plan_add(plan, &batch_ops, "iommu.descriptors", "V1.descriptor",
			 "64 descriptors behind one doorbell");
	c->len = WALK_LEN;
	c->direction = MMAPDEMO_DMA_TO_DEVICE;
	mmb_plan_add(plan, &walk_ops[1], "iommu.pages", "V1.pages.1024 V1.pages.4096",
		     "descriptors over more and more pages");
	mmb_plan_add(plan, &walk_ops[2], "iommu.windows", "V1.windows.240",
		     "descriptors over more and more windows");
}
