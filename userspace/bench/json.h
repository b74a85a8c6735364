/* SPDX-License-Identifier: MIT */
/*
 * json.h - the results file. Its shape is written down in results.schema.json.
 */
#ifndef MMB_JSON_H
#define MMB_JSON_H

#include <jansson.h>

#include "result.h"

struct mmb_run_info {
	unsigned int cases;
	unsigned int pairs;
	uint64_t seed;
	double seconds;
	unsigned long errors;
	int quick;
};

/** mmb_json_build() - the whole object. @env is referenced, not taken over. NULL: no memory. */
json_t *mmb_json_build(const struct mmb_results *results, json_t *env,
		       const struct mmb_run_info *run);

/** mmb_json_check() - could a file be made there? 0 or -errno; asked before a long run. */
int mmb_json_check(const char *path);

/**
 * mmb_json_write() - all of it or nothing.
 * @path: "-" is standard output
 *
 * A regular file is replaced by renaming a complete one over it, after fsync. What is no regular
 * file (a pipe, /dev/null) is written to. 0 or -errno.
 */
int mmb_json_write(const char *path, const json_t *root);

/** mmb_text_write() - the same for a text. */
int mmb_text_write(const char *path, const char *text);

#endif /* MMB_JSON_H */
