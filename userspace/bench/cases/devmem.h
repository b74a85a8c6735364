/* SPDX-License-Identifier: MIT */
/*
 * devmem.h - what the cases on device memory have in common: our buffer and, beside it, the memory
 * of an ivshmem-plain device.
 */
#ifndef MMB_DEVMEM_H
#define MMB_DEVMEM_H

#include "../bench.h"
#include "../pci.h"

#define MMB_STREAM_MAX	(1u << 20)			/* largest block */
#define MMB_STREAM_L4	(64u << 10)			/* what L4 is judged by: well inside the caches */
#define MMB_PLACES	128u				/* pages a block is moved about by */
#define MMB_DEVMEM_USED	(MMB_STREAM_MAX + (MMB_PLACES + 1) * MMB_PAGE)	/* with a guard */

struct mmb_devmem {
	struct mmb_mem *ours;
	struct mmb_pci ivshmem;
	bool has_ivshmem;
	char why[96];		/* it has not */
	void *saved;		/* it may be shared with somebody: given back as it was */
};

/* setup and teardown of a case; the memory is c->priv. */
enum mmb_rc mmb_devmem_setup(struct mmb_case *c);
void mmb_devmem_teardown(struct mmb_case *c);

/* An arm working on our memory or theirs: arm->data, arm->offset (ours), arm->tag (@width). */
struct mmb_arm *mmb_devmem_arm(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			       unsigned int width);
struct mmb_arm *mmb_ivshmem_arm(struct mmb_case *c, const char *id, const char *what,
				mmb_run_fn run, unsigned int width);

/**
 * mmb_place() - byte offset of what this round works on, alike for all arms of the round.
 *
 * The emulated TLB and the host's caches see some pairs of addresses collide (read(2) copies by
 * way of a kernel buffer whose address nobody outside knows), so no single place may decide.
 */
uint64_t mmb_place(const struct mmb_arm *arm);

#endif /* MMB_DEVMEM_H */
