/* SPDX-License-Identifier: MIT */
/* json.h - is this text exactly one JSON value? Without the library that wrote it. */
#ifndef GUEST_JSON_H
#define GUEST_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* *at is where the text stops being JSON, or its end. */
bool json_valid(const char *text, size_t *at);

#endif /* GUEST_JSON_H */
