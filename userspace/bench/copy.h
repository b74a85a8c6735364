/* SPDX-License-Identifier: MIT */
/*
 * copy.h - copies by a user-mode queue as an arm of a case.
 *
 * For: cases that submit without a system call. Not for: one-shot transfers, see transfer.h.
 * An operation of these arms is a batch of `depth` descriptors behind one doorbell, of which all
 * completions are read; what is observed is the time of one descriptor. A round is timed as a
 * whole: reading the clock costs a quarter of a small copy.
 */
#ifndef MMB_COPY_H
#define MMB_COPY_H

#include "unit.h"

struct mmb_copy {
	struct mmb_case *c;
	struct mmb_unit *unit;
	struct mmd_queue *q;
	struct mmd_place src;
	struct mmd_place dst;
	uint32_t len;
	uint32_t depth;			/* descriptors behind one doorbell */
	struct mmb_proof proof;		/* where source and destination are mapped */
	uint64_t stamp;			/* written to both ends of the source before a round */
	/* One batch to its end, where that is not mmb_copy_batch(); NULL: it is. */
	enum mmb_rc (*once)(struct mmb_arm *arm);
};

/* What to copy. Members left 0: the main unit's first queue, depth 1. */
struct mmb_copy_spec {
	struct mmb_unit *unit;
	unsigned int queue;
	uint32_t technique;		/* of the memory; the other side is device memory */
	uint32_t direction;
	uint32_t depth;
	uint64_t len;
	uint64_t shift;			/* bytes, added to both places: for two copies at a time */
};

/**
 * mmb_copy_new() - prepare copies for @arm, kept in arm->data until mmb_copies_free().
 *
 * Places are skewed by an odd number of pages, guards surround the destination. Memory that cannot be
 * had makes arm->skip say why, and MMB_OK is returned; MMB_SKIP: no queue.
 */
enum mmb_rc mmb_copy_new(struct mmb_arm *arm, const struct mmb_copy_spec *spec);

/** mmb_copy_batch() - one batch to its end, polled. */
enum mmb_rc mmb_copy_batch(const struct mmb_copy *k);

/** mmb_copy_submit() - push @depth descriptors, kick once. true: the doorbell was rung. */
bool mmb_copy_submit(const struct mmb_copy *k);

/** mmb_copy_collect() - read @count completions, spinning for them; all must say OK, @len bytes. */
enum mmb_rc mmb_copy_collect(const struct mmb_copy *k, uint32_t count);

/** mmb_copy_stamp(), mmb_copy_arrived() - around a round: what is reported done has been done. */
void mmb_copy_stamp(struct mmb_copy *k);
enum mmb_rc mmb_copy_arrived(const struct mmb_copy *k);

/* Ready-made run function of a self-timed arm. */
enum mmb_rc mmb_copy_run(struct mmb_arm *arm, uint64_t ops);

/** mmb_copy_sleep_run() - each copy with an interrupt, asleep until it comes. Self-timed, depth 1. */
enum mmb_rc mmb_copy_sleep_run(struct mmb_arm *arm, uint64_t ops);

/** mmb_copy_sleep() - sleep until the queue's eventfd counts an interrupt. */
enum mmb_rc mmb_copy_sleep(const struct mmb_copy *k);

/** mmb_copy_host() - have the host time @repeat bare copies of the same pages; ns of one. */
enum mmb_rc mmb_copy_host(const struct mmb_copy *k, uint64_t repeat, double *ns);

/** mmb_copy_host_run() - the same as an arm: self-timed, a fresh copy of its own before. */
enum mmb_rc mmb_copy_host_run(struct mmb_arm *arm, uint64_t ops);

/* prepare, verify and teardown of a case whose arms with data are all copies. */
enum mmb_rc mmb_copies_prepare(struct mmb_case *c);
enum mmb_rc mmb_copies_verify(struct mmb_case *c);
void mmb_copies_free(struct mmb_case *c);

/** mmb_copy_repeat() - copies of @len that make up about 2 MiB: what one TIMED run does. */
uint64_t mmb_copy_repeat(uint64_t len);

#endif /* MMB_COPY_H */
