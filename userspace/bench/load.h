/* SPDX-License-Identifier: MIT */
/*
 * load.h - reads a results file that some run has written. Not for: writing one (json.h).
 */
#ifndef MMB_LOAD_H
#define MMB_LOAD_H

#include <stddef.h>

#include <jansson.h>

/**
 * mmb_load() - a results object that holds what its readers rely on.
 * @path: "-" is standard input
 * @why:  on failure, what is wrong with the file and what to do, for a message after its name
 *
 * NULL: the file cannot be read, is cut short, is not JSON, is JSON of something else, or of another
 * version of the format. The caller's otherwise.
 */
json_t *mmb_load(const char *path, char *why, size_t size);

/** mmb_load_check() - the same checks on an object. 0 or -1 with @why. */
int mmb_load_check(const json_t *root, char *why, size_t size);

/** mmb_lists - the arrays of rows in a results object, ending with NULL. */
extern const char *const mmb_lists[];

/** mmb_member_text() - of a row or environment; NULL where it is null or missing. */
const char *mmb_member_text(const json_t *object, const char *key);

/** mmb_member_number() - NaN where it is null or missing. */
double mmb_member_number(const json_t *object, const char *key);

#endif /* MMB_LOAD_H */
