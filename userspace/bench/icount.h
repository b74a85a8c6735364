/* SPDX-License-Identifier: MIT */
/*
 * icount.h - instructions, counted to the digit, where the machine can tell.
 *
 * For: cases with .icount set. Not for: times. In a guest that runs under `-accel tcg -icount
 * shift=4,sleep=off -smp 1`, virtual time is the number of instructions executed times 16 ns and the
 * time-stamp counter counts those ns, so that it gives the number of instructions between two readings,
 * the kernel's included. What the host does meanwhile does not show, the work of the device neither.
 *
 * Arms are measured one after the other, in batches so short that hardly any is hit by the timer
 * tick. Beside run(), which is counted, an arm may have before() and after(). A figure is what arm->ops
 * operations take more than half as many, divided by the difference: what goes before and behind them
 * is in both. The turns of the loop around them are taken off too, unless MMB_ARM_NO_LOOP is set.
 */
#ifndef MMB_ICOUNT_H
#define MMB_ICOUNT_H

#include "bench.h"

#define MMB_ICOUNT_BATCHES	101u		/* an odd number: the median is one of them */
#define MMB_ICOUNT_OPS		20u		/* calls in a batch; fewer where a call is long */
#define MMB_ICOUNT_TICKS	16u		/* of the counter to an instruction: 2^shift */

/** mmb_icount_read - the counter. A variable for the sake of unit tests. */
extern uint64_t (*mmb_icount_read)(void);

/** mmb_icount_here() - does this machine's counter count instructions? Asked of the machine once. */
bool mmb_icount_here(void);

/** mmb_icount_setup() - MMB_SKIP with the reason where it does not. */
enum mmb_rc mmb_icount_setup(struct mmb_case *c);

/**
 * mmb_icount_arm() - another arm that is counted.
 * @ops: operations in a batch
 */
struct mmb_arm *mmb_icount_arm(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run,
			       uint64_t ops);

/** mmb_icount_loop() - instructions of one turn of an empty loop. */
double mmb_icount_loop(void);

/**
 * mmb_icount_run() - the .run of a case whose arms are counted.
 *
 * Each series is taken twice; of arms with MMB_ARM_LONG, once, in two halves. An arm whose figure
 * (median, or least with MMB_ARM_MIN) is not the same in both, or with LONG is off by more than 1 %, gets its .unsteady set, which makes its rows noisy, as a control that scatters does with times.
 */
enum mmb_rc mmb_icount_run(struct mmb_case *c);

/** mmb_icount_count() - the same for one arm, for cases that have more to do in between. */
enum mmb_rc mmb_icount_count(struct mmb_arm *arm);

#endif /* MMB_ICOUNT_H */
