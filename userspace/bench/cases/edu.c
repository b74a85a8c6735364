// SPDX-License-Identifier: MIT
/*
 * edu.c - QEMU's teaching device as a peer: 4 KiB out of its buffer, driven from user space.
 *
 * It has no Linux driver: its registers are mapped through sysfs, its DMA goes to a page of this
 * process that is pinned and whose physical address the kernel tells root. A transfer takes a
 * timer of 100 ms by design, so there are few samples.
 *
 * edu cuts an address above its mask instead of refusing it and then writes somewhere else. So
 * either its mask is known to be full, or the page lies where the default mask reaches.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bench.h"
#include "../env.h"
#include "../pci.h"
#include "../pinned.h"
#include "peers.h"

#define EDU_VENDOR		0x1234
#define EDU_DEVICE		0x11e8
#define EDU_ID			0x00
#define EDU_ID_LOW		0x00ed		/* 0xMMmm00ed: major, minor, id */
#define EDU_DMA_SRC		0x80
#define EDU_DMA_DST		0x88
#define EDU_DMA_COUNT		0x90
#define EDU_DMA_CMD		0x98
#define EDU_DMA_RUN		0x1
#define EDU_DMA_FROM_DEVICE	0x2
#define EDU_BUFFER		0x40000
#define EDU_DEFAULT_LIMIT	(1ULL << 28)	/* what its default dma_mask reaches */

struct edu {
	struct mmb_pci pci;
	struct mmb_pinned pinned;
	char why[128];
};

static void reg_write(const struct edu *e, uint32_t reg, uint64_t value)
{
	mmd_mmio_write64(mmd_mmio_at(e->pci.bar, reg), value);
}

static enum mmb_rc edu_dma(struct mmb_case *c, const struct edu *e, uint64_t command)
{
	const struct timespec nap = { .tv_nsec = 100000 };
	uint64_t deadline = mmb_now_ns() + MMB_TIMEOUT_NS;
	bool out = command & EDU_DMA_FROM_DEVICE;

	reg_write(e, EDU_DMA_SRC, out ? EDU_BUFFER : e->pinned.phys);
	reg_write(e, EDU_DMA_DST, out ? e->pinned.phys : EDU_BUFFER);
	reg_write(e, EDU_DMA_COUNT, 4096);
	reg_write(e, EDU_DMA_CMD, command | EDU_DMA_RUN);
	/* Spinning for 100 ms would only keep QEMU's main loop, which runs the timer, from its lock. */
	while (mmd_mmio_read64(mmd_mmio_at(e->pci.bar, EDU_DMA_CMD)) & EDU_DMA_RUN) {
		nanosleep(&nap, NULL);
		if (mmb_interrupted())
			return MMB_INTR;
		if (mmb_now_ns() > deadline)
			return mmb_wrong(c, "edu did not finish a transfer of 4 KiB within 5 s");
	}
	return MMB_OK;
}

static enum mmb_rc edu_run(struct mmb_arm *arm, uint64_t ops)
{
	const struct edu *e = arm->data;
	volatile uint64_t *first = e->pinned.page;

	for (uint64_t i = 0; i < ops; i++) {
		uint64_t start;
		enum mmb_rc rc;

		*first = 0;
		start = mmb_now_ns();
		rc = edu_dma(arm->c, e, EDU_DMA_FROM_DEVICE);
		if (rc)
			return rc;
		mmb_observe(arm, (double)(mmb_now_ns() - start));
		if (!*first)
			return mmb_wrong(arm->c, "edu reports a transfer finished that wrote nothing");
	}
	return MMB_OK;
}

/* A pattern into edu's buffer, poison over the page: from now on every transfer brings it back. */
static enum mmb_rc prepare(struct mmb_case *c)
{
	struct edu *e = c->priv;
	enum mmb_rc rc = mmb_peer_ours_prepare(c);

	if (rc)
		return rc;
	mmb_fill(e->pinned.page, 4096, c->s->opt->seed);
	rc = edu_dma(c, e, 0);
	memset(e->pinned.page, 0xa5, 4096);
	return rc;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	struct edu *e = c->priv;
	size_t at = mmb_check(e->pinned.page, 4096, c->s->opt->seed);

	if (at != 4096)
		return mmb_wrong(c, "edu's data is wrong from byte %zu of 4096 on", at);
	return mmb_peer_ours_verify(c);
}

/* Only the host knows edu's mask. */
static bool mask_is_full(void)
{
	json_t *env = json_load_file(MMB_ENV_FILE, 0, NULL);
	const char *cmdline = json_string_value(json_object_get(env, "qemu_cmdline"));
	bool full = cmdline && strstr(cmdline, "edu") &&
		    strstr(cmdline, "dma_mask=0xffffffffffffffff");

	json_decref(env);
	return full;
}

static enum mmb_rc edu_setup(struct mmb_case *c)
{
	struct edu *e = calloc(1, sizeof(*e));
	struct mmb_arm *arm;
	enum mmb_rc rc;

	if (!e)
		abort();
	c->priv = e;
	e->pinned.ring_fd = -1;
	if (mmb_pci_open(&e->pci, "edu", EDU_VENDOR, EDU_DEVICE, 0, false, e->why,
			 sizeof(e->why)))
		return mmb_skip(c, "%s", e->why);
	if ((mmd_mmio_read32(e->pci.bar) & 0xffff) != EDU_ID_LOW)
		return mmb_skip(c, "the device at edu's PCI id does not answer as edu");
	if (mmb_pci_is_translated(&e->pci))
		return mmb_skip(c, "an IOMMU stands between edu and physical addresses");
	if (mmb_pinned_get(&e->pinned, mask_is_full() ? 0 : EDU_DEFAULT_LIMIT, e->why,
			   sizeof(e->why)))
		return mmb_skip(c, "%s", e->why);
	if (mmb_pci_master(&e->pci))
		return mmb_skip(c, "edu's bus mastering cannot be switched on");
	arm = mmb_arm_add(c, "D4.edu.read", "edu, 4 KiB, polled", edu_run);
	arm->flags = MMB_ARM_SELF_TIMED;
	arm->ops = 1;
	arm->bytes = 4096;
	arm->data = e;
	rc = mmb_peer_ours(c, "edu", arm);
	c->pairs = MMB_PAIRS_MIN;
	return rc;
}

static void teardown(struct mmb_case *c)
{
	struct edu *e = c->priv;

	mmb_peer_ours_free(c);
	if (e->pci.bar)
		mmb_pci_close(&e->pci);
	mmb_pinned_put(&e->pinned);
	free(e);
	c->priv = NULL;
}

const struct mmb_case_ops mmb_edu_ops = {
	.group = &mmb_peer_group, .setup = edu_setup, .prepare = prepare, .verify = verify,
	.teardown = teardown,
};
