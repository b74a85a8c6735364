/* SPDX-License-Identifier: MIT */
/*
 * trace_one.h - one transfer each way, to be followed through all layers by its sequence number.
 */
#ifndef MMB_TRACE_ONE_H
#define MMB_TRACE_ONE_H

#include "bench.h"

/** mmb_trace_one() - exit code of the program. */
int mmb_trace_one(struct mmb_session *s);

#endif /* MMB_TRACE_ONE_H */
