/* SPDX-License-Identifier: MIT */
/*
 * parse.h - numbers, sizes, times and targets as people type them. No device, no output.
 *
 * Each parser takes the whole text, returns 0, -EINVAL (not of this form) or -ERANGE (too large
 * for the type), and leaves its output alone on failure. Signs are refused.
 */
#ifndef MMAPDEMO_TOOL_PARSE_H
#define MMAPDEMO_TOOL_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <mmapdemo/mmapdemo.h>

/* Decimal, or hexadecimal with 0x. A leading 0 does not make it octal. */
int parse_u64(const char *text, uint64_t *value);

/* As parse_u64(), or with one of K M G T, KiB MiB GiB TiB (powers of 1024), B. */
int parse_size(const char *text, uint64_t *bytes);

/* A whole number with ns, us, ms, s or m (minutes); a bare number is seconds. */
int parse_duration(const char *text, uint64_t *ns);

#define PATTERN_BYTE		0	/* every byte is `byte` */
#define PATTERN_COUNTER		1	/* every 8-byte word holds its own offset, little endian */

struct pattern {
	int kind;
	unsigned char byte;
};

/* "counter", or a byte 0 .. 255. */
int parse_pattern(const char *text, struct pattern *pattern);

/* What peek and poke act on. */
enum target_kind {
	TARGET_REGISTER,	/* reg, of the device, or of a queue or window: offset is the place */
	TARGET_OFFSET,		/* an offset in BAR0, perhaps of no register */
	TARGET_REGION,		/* id is MMAPDEMO_REGION_* */
	TARGET_BUFFER,		/* id is MMAPDEMO_TECH_*, a buffer made for the occasion */
};

struct target {
	enum target_kind kind;
	const struct mmd_reg *reg;
	uint32_t id;
	uint64_t offset;	/* into BAR0, the region or the buffer */
};

/*
 * REGISTER, Qn.REGISTER and Wn.REGISTER of queue and window n, OFFSET, or REGION[+OFFSET] and
 * TECHNIQUE[+OFFSET] by the names of libmmapdemo; not USERPTR, which the process has mapped already.
 * What BAR0 of no device can have is -ERANGE.
 */
int parse_target(const char *text, struct target *target);

/* "128 MiB", "4 KiB", "100 B", "1.5 GiB": exact, or to one digit with "about". */
const char *format_size(uint64_t bytes, char *text, size_t size);

#endif /* MMAPDEMO_TOOL_PARSE_H */
