/* SPDX-License-Identifier: MIT */
/*
 * backends.h - devices opened through their own driver, vfio-pci and uio_pci_generic, for the whole run.
 *
 * For: the session, which closes them. A function opened by vfio is reset when it is closed: once is enough.
 */
#ifndef MMB_BACKENDS_H
#define MMB_BACKENDS_H

#include "bench.h"

/** mmb_ways_drop() - close what was opened. */
void mmb_ways_drop(struct mmb_session *s);

#endif /* MMB_BACKENDS_H */
