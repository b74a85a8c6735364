/* SPDX-License-Identifier: MIT */
/*
 * env.h - under what circumstances the figures were taken.
 */
#ifndef MMB_ENV_H
#define MMB_ENV_H

#include <jansson.h>

#include "bench.h"

/* What only the host knows is put here by whoever boots the guest: one JSON object. */
#define MMB_ENV_FILE	"/etc/mmapdemo-env.json"

/**
 * mmb_env_collect() - the `env` object of the results. Never NULL; what is not known is null.
 * @host_file: MMB_ENV_FILE; need not exist
 */
json_t *mmb_env_collect(const struct mmb_session *s, const char *host_file);

/**
 * mmb_is_emulated() - is this machine's CPU a program (TCG), so that caches and buses have no speed?
 * @host_file: what the host has left, with the accelerator; may be missing
 */
bool mmb_is_emulated(const char *host_file);

#endif /* MMB_ENV_H */
