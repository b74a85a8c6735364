/* SPDX-License-Identifier: MIT */
/*
 * second.h - a second device, plugged in and pulled out beside the first while the guest runs.
 */
#ifndef GUEST_SECOND_H
#define GUEST_SECOND_H

#include "dev.h"

/*
 * Plug one in with these properties, as JSON (",\"name\":value", or ""), unless the machine has no place
 * for it (SKIP). Waits for the PCI function, not for a node.
 */
void second_plug(const char *properties);
/* The same, and it must come to have a node. */
void second_add(const char *properties);
/* Pull it out, whether it has a node or not. */
void second_del(void);
void second_wait(bool there);		/* for the node */

const char *first_node(void);		/* "/dev/mmapdemoN" */
const char *second_node(void);
const char *second_bus_id(void);	/* of the PCI function; NULL: there is none */
int node_open(const char *node);
void second_property_set(const char *name, const char *value);

#endif /* GUEST_SECOND_H */
