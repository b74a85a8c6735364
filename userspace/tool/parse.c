// SPDX-License-Identifier: MIT
/*
 * parse.c - numbers, sizes, times and targets as people type them.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <mmapdemo/queue.h>

#include "parse.h"

/* What a unit multiplies by. */
struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{ "", 1 }, { "B", 1 },
	{ "K", 1ULL << 10 }, { "KiB", 1ULL << 10 },
	{ "M", 1ULL << 20 }, { "MiB", 1ULL << 20 },
	{ "G", 1ULL << 30 }, { "GiB", 1ULL << 30 },
	{ "T", 1ULL << 40 }, { "TiB", 1ULL << 40 },
};

static const struct unit times[] = {
	{ "", 1000000000 }, { "s", 1000000000 }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
	{ "m", 60000000000 },
};

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 16;
}

/* The digits at the start of @text; @end is where they stop. strtoull() would take signs. */
static int parse_digits(const char *text, uint64_t *value, const char **end)
{
	uint64_t base = 10, sum = 0;
	const char *p = text;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
		text = p;
	}
	for (; (uint64_t)digit_of(*p) < base; p++) {
		if (__builtin_mul_overflow(sum, base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)digit_of(*p), &sum))
			return -ERANGE;
	}
	if (p == text)
		return -EINVAL;
	*value = sum;
	*end = p;
	return 0;
}

int parse_u64(const char *text, uint64_t *value)
{
	const char *end;
	uint64_t sum;
	int ret;

	ret = parse_digits(text, &sum, &end);
	if (ret)
		return ret;
	if (*end)
		return -EINVAL;
	*value = sum;
	return 0;
}

static int parse_unit(const char *text, const struct unit *units, size_t count, uint64_t *value)
{
	const char *end;
	uint64_t sum;
	size_t i;
	int ret;

	ret = parse_digits(text, &sum, &end);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		if (strcasecmp(end, units[i].name))
			continue;
		if (__builtin_mul_overflow(sum, units[i].factor, &sum))
			return -ERANGE;
		*value = sum;
		return 0;
	}
	return -EINVAL;
}

int parse_size(const char *text, uint64_t *bytes)
{
	return parse_unit(text, sizes, sizeof(sizes) / sizeof(sizes[0]), bytes);
}

int parse_duration(const char *text, uint64_t *ns)
{
	return parse_unit(text, times, sizeof(times) / sizeof(times[0]), ns);
}

int parse_pattern(const char *text, struct pattern *pattern)
{
	uint64_t byte;
	int ret;

	if (!strcasecmp(text, "counter")) {
		pattern->kind = PATTERN_COUNTER;
		pattern->byte = 0;
		return 0;
	}
	ret = parse_u64(text, &byte);
	if (ret)
		return ret;
	if (byte > 0xff)
		return -ERANGE;
	pattern->kind = PATTERN_BYTE;
	pattern->byte = (unsigned char)byte;
	return 0;
}

/* Where the window table of the largest device ends; no register lies beyond. */
#define BAR0_END \
	(MMAPDEMO_WINDOW_TABLE + MMAPDEMO_WINDOW_COUNT_MAX * (uint64_t)MMAPDEMO_WINDOW_STRIDE)

/* Q3.STATE, W17.CFG: a register of one queue or window. */
static int parse_indexed(const char *text, struct target *target)
{
	bool queue = text[0] == 'Q' || text[0] == 'q';
	const struct mmd_reg *regs;
	const char *name;
	uint64_t index;
	size_t count, i;
	int ret;

	if (!queue && text[0] != 'W' && text[0] != 'w')
		return -EINVAL;
	ret = parse_digits(text + 1, &index, &name);
	if (ret)
		return ret;
	if (*name++ != '.')
		return -EINVAL;
	regs = queue ? mmd_queue_reg_table(&count) : mmd_window_reg_table(&count);
	for (i = 0; i < count && strcasecmp(name, regs[i].name); i++)
		;
	if (i == count)
		return -EINVAL;
	if (index >= (queue ? MMAPDEMO_QUEUE_COUNT_MAX : MMAPDEMO_WINDOW_COUNT_MAX))
		return -ERANGE;
	target->kind = TARGET_REGISTER;
	target->reg = &regs[i];
	target->offset = regs[i].offset +
			 (queue ? MMAPDEMO_QUEUE_TABLE + index * MMAPDEMO_QUEUE_STRIDE :
				  MMAPDEMO_WINDOW_TABLE + index * MMAPDEMO_WINDOW_STRIDE);
	return 0;
}

int parse_target(const char *text, struct target *target)
{
	struct target found = { .kind = TARGET_REGISTER };
	char name[32];
	const char *plus;
	size_t len;
	int ret;

	found.reg = mmd_reg_by_name(text);
	if (found.reg) {
		found.offset = found.reg->offset;
		*target = found;
		return 0;
	}
	ret = parse_indexed(text, &found);
	if (ret != -EINVAL) {
		if (!ret)
			*target = found;
		return ret;
	}
	if (isdigit((unsigned char)text[0])) {
		found.kind = TARGET_OFFSET;
		ret = parse_size(text, &found.offset);
		if (ret)
			return ret;
		if (found.offset >= BAR0_END)
			return -ERANGE;
		found.reg = mmd_reg_by_offset((uint32_t)found.offset);
		*target = found;
		return 0;
	}

	plus = strchr(text, '+');
	len = plus ? (size_t)(plus - text) : strlen(text);
	if (len >= sizeof(name))
		return -EINVAL;
	memcpy(name, text, len);
	name[len] = '\0';
	if (!mmd_region_value(name, &found.id))
		found.kind = TARGET_REGION;
	else if (!mmd_technique_value(name, &found.id) && found.id != MMAPDEMO_TECH_USERPTR)
		found.kind = TARGET_BUFFER;
	else
		return -EINVAL;
	if (plus) {
		ret = parse_size(plus + 1, &found.offset);
		if (ret)
			return ret;
	}
	*target = found;
	return 0;
}

const char *format_size(uint64_t bytes, char *text, size_t size)
{
	static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	uint64_t unit = 1;
	size_t i = 0;

	while (i + 1 < sizeof(names) / sizeof(names[0]) && bytes / unit >= 1024) {
		unit <<= 10;
		i++;
	}
	if (bytes % unit == 0)
		snprintf(text, size, "%" PRIu64 " %s", bytes / unit, names[i]);
	else
		snprintf(text, size, "about %.1f %s", (double)bytes / (double)unit, names[i]);
	return text;
}
