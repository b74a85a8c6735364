/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: what the tests of the PCI side share beyond common.h.
 */
#ifndef MMAPDEMO_QTEST_PCI_H
#define MMAPDEMO_QTEST_PCI_H

#include "common.h"

/* device_add of an mmapdemo with these properties (JSON) */
void device_plug(QTestState *qts, const char *id, const char *props);
/* device_add of an mmapdemo with these (JSON) is refused, in such words */
void expect_refusal(QTestState *qts, const char *props, const char *says);
/* A property at run time, of mmd0 or of another device */
void set_property(MmdTest *t, const char *name, const char *json);
void set_property_of(QTestState *qts, const char *id, const char *name,
                     const char *json);
/* Likewise, as JSON; the caller frees */
char *get_property(MmdTest *t, const char *name);

#endif /* MMAPDEMO_QTEST_PCI_H */
