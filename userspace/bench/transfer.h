/* SPDX-License-Identifier: MIT */
/*
 * transfer.h - one DMA transfer as an arm of a case.
 *
 * For: the cases that compare transfers. Not for: programs that want to copy something, which
 * call mmd_dma_copy(): here the steps are taken apart, since each is timed on its own.
 */
#ifndef MMB_TRANSFER_H
#define MMB_TRANSFER_H

#include "bench.h"

/* Beside MMD_DMA_WAIT, _EVENTFD, _SPIN: spin on the last word of the data in the mapped buffer. */
#define MMB_DMA_MEMORY	100

struct mmb_transfer {
	struct mmb_case *c;
	struct mmd_dma dma;
	unsigned int mode;
	struct mmb_proof proof;		/* where source and destination are mapped */
	uint64_t stamp;			/* written to both ends of the source before a transfer */
	const volatile void *done_seq;	/* USER_DMA_DONE_SEQ */
};

/* CLOCK_MONOTONIC of the steps of one transfer. */
struct mmb_times {
	uint64_t start;		/* before the submit call */
	uint64_t seen;		/* this process knows that it has finished */
	uint64_t end;		/* and has its result */
	uint64_t seq;
};

/**
 * mmb_transfer_new() - prepare a transfer for @arm, kept in arm->data until mmb_transfers_free().
 *
 * Offsets are skewed by an odd number of pages; where the buffer has room, guards surround the
 * destination. When the memory is not to be had, arm->skip says why and MMB_OK is returned.
 */
enum mmb_rc mmb_transfer_new(struct mmb_arm *arm, uint32_t technique, uint32_t direction,
			     unsigned int mode, uint64_t len);

/** mmb_transfer_skew() - offset in device memory: an odd number of pages, varying by case. */
uint64_t mmb_transfer_skew(const struct mmb_case *c);

/** mmb_transfer() - run it once, to the end. @times may be NULL. */
enum mmb_rc mmb_transfer(struct mmb_transfer *t, struct mmb_times *times);

/**
 * mmb_transfer_stamped() - the same, with fresh stamps in the source that must arrive: a transfer
 * that is reported finished and has not happened is found out every time.
 */
enum mmb_rc mmb_transfer_stamped(struct mmb_transfer *t, struct mmb_times *times);

/* Ready-made run functions of self-timed arms: until the result is there, until the end is seen. */
enum mmb_rc mmb_transfer_run(struct mmb_arm *arm, uint64_t ops);
enum mmb_rc mmb_transfer_seen_run(struct mmb_arm *arm, uint64_t ops);

/** mmb_host_copy_run() - the host times bare copies of the same memory. Self-timed. */
enum mmb_rc mmb_host_copy_run(struct mmb_arm *arm, uint64_t ops);

/* prepare, verify and teardown of a case whose arms with data are transfers. */
enum mmb_rc mmb_transfers_prepare(struct mmb_case *c);
enum mmb_rc mmb_transfers_verify(struct mmb_case *c);
void mmb_transfers_free(struct mmb_case *c);

/** mmb_mode_text() - "spinning on the mapped register" and so on. */
const char *mmb_mode_text(unsigned int mode);

#endif /* MMB_TRANSFER_H */
