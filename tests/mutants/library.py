# SPDX-License-Identifier: MIT
"""Mistakes in the library."""

from mutant import Mutant, unit

_QUEUE = "userspace/include/mmapdemo/queue.h"

MUTANTS = (
    Mutant("full_ring_overwritten", _QUEUE,
           "\tif (q->tail == q->limit)\n\t\treturn -EAGAIN;\n\tq->sq[",
           "\tq->sq[",
           unit("lib-queue-ring", "push_full_ring_eagain")),
    Mutant("kick_at_the_wrong_event", _QUEUE,
           "\tif (!MMAPDEMO_CROSSED(event, tail, old))",
           "\tif (event != tail)",
           unit("lib-queue-ring", "kick_rings_when_the_event_is_crossed")),
    Mutant("old_lap_believed", _QUEUE,
           "return MMD_LE32(__atomic_load_n(gen, __ATOMIC_ACQUIRE)) == index + 1;",
           "return MMD_LE32(__atomic_load_n(gen, __ATOMIC_ACQUIRE)) != 0;",
           unit("lib-queue-ring", "poll_believes_the_generation_alone")),
)
