/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - what must hold after every test: a quiet kernel log, a healthy device, nothing leaked.
 *
 * Not for: the checks within a test. The runner calls these, in its own process; what can hang or
 * crash is done in a child.
 */
#ifndef GUEST_ORACLE_H
#define GUEST_ORACLE_H

#include <stdbool.h>
#include <stddef.h>

/* False, with a sentence on stderr, when there is no device that could be tested. */
bool oracle_init(bool bare);
void oracle_begin(const char *test);
/* False, with diagnostics, when something is wrong. Tries to mend it for the next test. */
bool oracle_end(bool bare);

/* Is this line of the kernel log a failure? Returns the word that says so, or NULL. */
const char *klog_verdict(const char *line);

/* Number of buffers, mappings, queues and windows that the driver lists; -1: it does not. */
long oracle_objects(void);

#endif /* GUEST_ORACLE_H */
