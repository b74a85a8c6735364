/* SPDX-License-Identifier: MIT */
/*
 * unit.h - the mmapdemo devices of this machine: the one under test, and others beside it that move
 * the bytes of their queues with another engine.
 *
 * For: cases that use queues. Not for: one-shot transfers, which go through mmb_session.dev.
 * Which engine a device has is asked of its register ENGINE; no order of nodes is assumed. What is
 * not there is a reason to skip, not an error.
 */
#ifndef MMB_UNIT_H
#define MMB_UNIT_H

#include <mmapdemo/queue.h>

#include "bench.h"

#define MMB_UNIT_QUEUES	2
#define MMB_QUEUE_LOG2N	8		/* 256 slots: more than any batch */

struct mmb_unit {
	struct mmb_session *s;
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_map user;			/* its user page */
	struct mmb_mem *mem;			/* by MMAPDEMO_TECH_*; of the main unit, the session's */
	struct mmb_mem own[MMB_MEMS];
	struct mmd_queue *queue[MMB_UNIT_QUEUES];
	uint32_t window[MMB_MEMS];	/* over all of a buffer, for reading and writing */
	bool has_window[MMB_MEMS];
	bool is_main;
};

/** mmb_unit_main() - the device under test. MMB_SKIP: it has no queues. */
enum mmb_rc mmb_unit_main(struct mmb_case *c, struct mmb_unit **u);

/**
 * mmb_unit_find() - a device by what its register ENGINE says.
 * @engine: MMAPDEMO_ENGINE_*, with MMAPDEMO_ENGINE_LOCK_STATS or _POLLS where wanted
 *
 * NULL: there is none.
 */
struct mmb_unit *mmb_unit_find(struct mmb_session *s, uint32_t engine);

/** mmb_unit_untranslated() - one with the main one's engine, of which no IOMMU translates the addresses; or NULL. */
struct mmb_unit *mmb_unit_untranslated(struct mmb_session *s);

/** mmb_unit_need() - the same for a case that cannot do without: MMB_SKIP with the reason. */
enum mmb_rc mmb_unit_need(struct mmb_case *c, uint32_t engine, struct mmb_unit **u);

/** mmb_unit_queue() - its first or second queue, made at the first call. Can be slept on. */
enum mmb_rc mmb_unit_queue(struct mmb_case *c, struct mmb_unit *u, unsigned int index,
			   struct mmd_queue **q);

/**
 * mmb_unit_memory() - its buffer of a technique and the window over it, made at the first call.
 *
 * Returns 0 or -errno: what it means for the case, the case knows.
 */
int mmb_unit_memory(struct mmb_unit *u, uint32_t technique, struct mmb_mem **mem,
		    uint32_t *window);

/** mmb_unit_counter() - a register of the user page, 64 bits, such as MMAPDEMO_REG_CNT_Q_DONE. */
uint64_t mmb_unit_counter(const struct mmb_unit *u, uint32_t reg);

/** mmb_unit_scratch() - address of SCRATCH32, a register that does nothing. */
volatile void *mmb_unit_scratch(const struct mmb_unit *u);

/** mmb_units_drop() - queues, windows, buffers and devices, but for what is the session's. */
void mmb_units_drop(struct mmb_session *s);

#endif /* MMB_UNIT_H */
