/* SPDX-License-Identifier: MIT */
/*
 * peers.h - what the cases have in common that compare a 4 KiB transfer with another device's.
 */
#ifndef MMB_PEERS_H
#define MMB_PEERS_H

#include "../bench.h"

extern const struct mmb_group mmb_peer_group;
extern const struct mmb_case_ops mmb_edu_ops;

/* Adds our transfer beside @peer and the ratio D4.@name. */
enum mmb_rc mmb_peer_ours(struct mmb_case *c, const char *name, struct mmb_arm *peer);
enum mmb_rc mmb_peer_ours_prepare(struct mmb_case *c);
enum mmb_rc mmb_peer_ours_verify(struct mmb_case *c);
void mmb_peer_ours_free(struct mmb_case *c);

/** mmb_plan_peer_counters() - accesses that reach their models. */
void mmb_plan_peer_counters(struct mmb_plan *plan);

#endif /* MMB_PEERS_H */
