/* SPDX-License-Identifier: MIT */
/*
 * change.h - one change to results that are right, for tests of what reads them.
 */
#ifndef UNIT_BENCH_CHANGE_H
#define UNIT_BENCH_CHANGE_H

#include <jansson.h>

struct change {
	const char *list;	/* of its first row; NULL: of the results themselves */
	const char *key;
	const char *value;	/* JSON; NULL: take the member away */
};

static inline void change_apply(json_t *root, const struct change *c)
{
	json_t *at = c->list ? json_array_get(json_object_get(root, c->list), 0) : root;

	if (c->value)
		json_object_set_new(at, c->key, json_loads(c->value, JSON_DECODE_ANY, NULL));
	else
		json_object_del(at, c->key);
}

#endif
