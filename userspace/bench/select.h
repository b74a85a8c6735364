/* SPDX-License-Identifier: MIT */
/*
 * select.h - which techniques and engines a run is about.
 *
 * For: the command line, which names them, and the runner, which leaves the others out. Cases mark
 * their arms (mmb_arm.technique, .engine) and need not know what was chosen.
 */
#ifndef MMB_SELECT_H
#define MMB_SELECT_H

#include "bench.h"

/** mmb_technique_bit() - 1 << MMAPDEMO_TECH_* by name, with - or _; 0: there is none of this name. */
uint32_t mmb_technique_bit(const char *name);

/** mmb_engine_bit() - 1 << MMAPDEMO_ENGINE_* by name, as property dma has it; 0: there is none. */
uint32_t mmb_engine_bit(const char *name);

/**
 * mmb_leave_out() - after setup: mark the arms that --techniques or --engines leave out.
 *
 * true: nothing is left of the case.
 */
bool mmb_leave_out(struct mmb_case *c);

#endif /* MMB_SELECT_H */
