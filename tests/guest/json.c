// SPDX-License-Identifier: MIT
/*
 * json.c - a strict recogniser of JSON (RFC 8259), nothing else.
 */
#include <ctype.h>
#include <string.h>

#include "json.h"

#define MAX_DEPTH 64

static const char *value(const char *p, int depth);

static const char *space(const char *p)
{
	return p + strspn(p, " \t\r\n");
}

/* Each returns what follows, or NULL. */
static const char *string(const char *p)
{
	if (*p++ != '"')
		return NULL;
	while (*p != '"') {
		if ((unsigned char)*p < 0x20)
			return NULL;
		if (*p++ != '\\')
			continue;
		if (*p == 'u') {
			for (int i = 1; i <= 4; i++) {
				if (!isxdigit((unsigned char)p[i]))
					return NULL;
			}
			p += 5;
		} else if (*p && strchr("\"\\/bfnrt", *p)) {
			p++;
		} else {
			return NULL;
		}
	}
	return p + 1;
}

static const char *digits(const char *p)
{
	size_t n = strspn(p, "0123456789");

	return n ? p + n : NULL;
}

static const char *number(const char *p)
{
	if (*p == '-')
		p++;
	if (*p == '0')
		p++;
	else
		p = digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		if (*p == '+' || *p == '-')
			p++;
		p = digits(p);
	}
	return p;
}

static const char *list(const char *p, char end, int depth)
{
	p = space(p + 1);
	if (*p == end)
		return p + 1;
	for (;;) {
		if (end == '}') {
			p = string(p);
			if (!p)
				return NULL;
			p = space(p);
			if (*p++ != ':')
				return NULL;
		}
		p = value(p, depth + 1);
		if (!p)
			return NULL;
		if (*p == end)
			return p + 1;
		if (*p++ != ',')
			return NULL;
		p = space(p);
	}
}

static const char *value(const char *p, int depth)
{
	p = space(p);
	if (depth > MAX_DEPTH)
		return NULL;
	if (*p == '{')
		p = list(p, '}', depth);
	else if (*p == '[')
		p = list(p, ']', depth);
	else if (*p == '"')
		p = string(p);
	else if (!strncmp(p, "true", 4) || !strncmp(p, "null", 4))
		p += 4;
	else if (!strncmp(p, "false", 5))
		p += 5;
	else
		p = number(p);
	return p ? space(p) : NULL;
}

bool json_valid(const char *text, size_t *at)
{
	const char *end = value(text, 0);

	*at = end ? (size_t)(end - text) : 0;
	return end && !*end;
}
