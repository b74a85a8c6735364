// SPDX-License-Identifier: MIT
/*
 * cmd_peek.c - `mmapdemo peek` and `mmapdemo poke`: single accesses to registers and memory, by
 * the way of choice: a mapping, an ioctl, pread(2) and pwrite(2).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>

#include "object.h"
#include "parse.h"
#include "tool.h"

enum via { VIA_DEFAULT, VIA_MMAP, VIA_IOCTL, VIA_PREAD };

static const char *const via_names[] = { "default", "mmap", "ioctl", "pread" };

enum { KEY_VIA = 0x200, KEY_WIDTH, KEY_COUNT, KEY_VERIFY };

#define COUNT_MAX	65536

struct args {
	struct tool *tool;
	bool poke;
	enum via via;
	uint64_t width;		/* bytes of one access, 0: the register's own, or 4 */
	uint64_t count;
	bool verify;
	const char *name;	/* TARGET as given */
	bool has_target;
	struct target target;
	bool has_value;
	uint64_t value;
};

/* Where the accesses go. */
struct place {
	struct mmd_buf buf;
	uint64_t offset;	/* in buf */
	uint64_t bar0;		/* the same place in BAR0, if buf is a part of it */
	bool is_bar0;
	struct mmd_map map;	/* whole pages around it */
	volatile void *ptr;	/* of the place, in the mapping */
};

static void parse_via(struct args *args, const char *arg, struct argp_state *state)
{
	size_t i;

	for (i = VIA_MMAP; i < ARRAY_SIZE(via_names); i++) {
		if (!strcasecmp(arg, via_names[i])) {
			args->via = (enum via)i;
			return;
		}
	}
	argp_error(state, "--via=%s: must be mmap, ioctl or pread", arg);
}

static void parse_word(struct args *args, const char *arg, struct argp_state *state)
{
	if (!args->has_target) {
		args->name = arg;
		args->has_target = true;
		if (parse_target(arg, &args->target))
			argp_error(state, "'%s' is neither a register ('mmapdemo regs' lists them), an offset in "
				   "BAR0, nor OBJECT[+OFFSET]", arg);
	} else if (args->poke && !args->has_value) {
		args->has_value = true;
		if (parse_u64(arg, &args->value))
			argp_error(state, "value '%s': must be a number up to 2^64 - 1, decimal or 0x..", arg);
	} else {
		argp_error(state, "unexpected argument '%s'", arg);
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case KEY_VIA:
		parse_via(args, arg, state);
		return 0;
	case KEY_WIDTH:
		if (parse_u64(arg, &args->width) || (args->width != 1 && args->width != 2 &&
						     args->width != 4 && args->width != 8))
			argp_error(state, "--width=%s: must be 1, 2, 4 or 8 bytes", arg);
		return 0;
	case KEY_COUNT:
		if (parse_u64(arg, &args->count) || !args->count || args->count > COUNT_MAX)
			argp_error(state, "--count=%s: must be 1 .. %d", arg, COUNT_MAX);
		return 0;
	case KEY_VERIFY:
		args->verify = true;
		return 0;
	case ARGP_KEY_ARG:
		parse_word(args, arg, state);
		return 0;
	case ARGP_KEY_END:
		if (!args->has_target)
			argp_error(state, "TARGET is missing");
		if (args->poke && !args->has_value)
			argp_error(state, "VALUE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

#define VIA_OPTION \
	{ "via", KEY_VIA, "WAY", 0, \
	  "mmap (default where the registers may be mapped), ioctl (registers only), pread", 1 }
#define WIDTH_OPTION \
	{ "width", KEY_WIDTH, "BYTES", 0, "Of one access: 1, 2, 4, 8 (default the register's, or 4)", 1 }

#define TARGET_DOC \
	"TARGET is a register by name (SCRATCH32; Q0.STATE and W0.CFG of queue and window 0), a number (an " \
	"offset in BAR0), or OBJECT[+OFFSET]: a region (example, user-page, ctrl, mem, alias) or a buffer made " \
	"and zeroed for this one command (bar, bar-fault, bar-huge, pages, vmalloc, coherent, noncontig). Region mem " \
	"is the whole device memory, alias its first bytes through the registers' way; both take the device exclusively."

static const struct argp_option peek_options[] = {
	VIA_OPTION,
	WIDTH_OPTION,
	{ "count", KEY_COUNT, "N", 0, "Number of accesses, ascending (default 1)", 1 },
	{ 0 }
};

static const struct argp peek_argp = {
	.options = peek_options,
	.parser = parse,
	.args_doc = "TARGET",
	.doc = "Read a register or memory.\v" TARGET_DOC,
	.children = tool_argp_children,
};

static const struct argp_option poke_options[] = {
	VIA_OPTION,
	WIDTH_OPTION,
	{ "verify", KEY_VERIFY, NULL, 0, "Read back and compare (exit status 1 if different)", 1 },
	{ 0 }
};

static const struct argp poke_argp = {
	.options = poke_options,
	.parser = parse,
	.args_doc = "TARGET VALUE",
	.doc = "Write a register or memory.\v" TARGET_DOC,
	.children = tool_argp_children,
};

static bool is_user_page(uint64_t bar0)
{
	return bar0 >= MMAPDEMO_USER_BASE && bar0 < MMAPDEMO_USER_BASE + MMAPDEMO_USER_SIZE;
}

/* Fills in what depends on the target; everything wrong with the request itself ends here. */
static int resolve(struct args *args, struct place *place)
{
	const struct target *t = &args->target;
	struct tool *tool = args->tool;

	place->is_bar0 = true;
	switch (t->kind) {
	case TARGET_REGISTER:
	case TARGET_OFFSET:
		place->bar0 = t->offset;
		break;
	case TARGET_REGION:
		if (t->id == MMAPDEMO_REGION_USER_PAGE)
			place->bar0 = MMAPDEMO_USER_BASE + t->offset;
		else if (t->id == MMAPDEMO_REGION_CTRL)
			place->bar0 = MMAPDEMO_CTRL_BASE + t->offset;
		else
			place->is_bar0 = false;
		break;
	case TARGET_BUFFER:
		place->is_bar0 = false;
		break;
	}
	if (!args->width)
		args->width = t->reg ? t->reg->width : 4;
	if (args->via == VIA_DEFAULT)
		args->via = place->is_bar0 && !is_user_page(place->bar0) ? VIA_IOCTL : VIA_MMAP;

	if (t->offset % args->width)
		return tool_error(tool, STATUS_USAGE,
				  "%s: offset 0x%" PRIx64 " is not a multiple of the access width %" PRIu64
				  ". Use another offset or --width.", args->name, t->offset, args->width);
	if (args->width < 8 && args->value >> (args->width * 8))
		return tool_error(tool, STATUS_USAGE,
				  "%s: value 0x%" PRIx64 " does not fit in %" PRIu64 " bytes. Use a smaller one or "
				  "--width.", args->name, args->value, args->width);
	if (args->via != VIA_IOCTL && place->is_bar0 && place->bar0 >= MMAPDEMO_WINDOW_TABLE)
		return tool_error(tool, STATUS_USAGE,
				  "%s: the window table is never mapped, nor read by pread. Use --via=ioctl.",
				  args->name);
	if (args->via == VIA_IOCTL && !place->is_bar0)
		return tool_error(tool, STATUS_USAGE,
				  "%s: --via=ioctl reaches registers only. Use --via=mmap or --via=pread.",
				  args->name);
	return 0;
}

/* As long as the window table makes it; a device without one has the two halves. */
static int bar0_size(struct tool *tool, uint64_t *size)
{
	struct mmd_info info;
	int ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	*size = MMAPDEMO_BAR_REGS_SIZE_MIN;
	if (info.num_windows)
		*size = MMAPDEMO_WINDOW_TABLE + (uint64_t)info.num_windows * MMAPDEMO_WINDOW_STRIDE;
	return 0;
}

/* The object behind the target; not needed for an ioctl, which takes offsets in BAR0. */
static int find_object(struct args *args, struct place *place)
{
	const struct target *t = &args->target;
	uint64_t bytes = args->width * args->count;
	struct tool *tool = args->tool;
	uint32_t region = t->id;
	int ret;

	place->offset = t->offset;
	if (t->kind == TARGET_BUFFER) {
		uint64_t len = t->offset + bytes;

		ret = object_buffer(tool, t->id, len < t->offset ? UINT64_MAX : len,
				    MMAPDEMO_CACHE_DEFAULT, 0, &place->buf);
	} else {
		if (t->kind != TARGET_REGION) {
			bool user = t->offset >= MMAPDEMO_USER_BASE;

			region = user ? MMAPDEMO_REGION_USER_PAGE : MMAPDEMO_REGION_CTRL;
			place->offset -= user ? MMAPDEMO_USER_BASE : MMAPDEMO_CTRL_BASE;
		}
		ret = object_region(tool, region, &place->buf);
	}
	if (ret)
		return ret;
	if (place->offset > place->buf.len || bytes > place->buf.len - place->offset)
		return tool_error(tool, STATUS_USAGE,
				  "%s: %" PRIu64 " bytes there reach past the end, 0x%" PRIx64
				  ". Use a smaller offset or --count.", args->name, bytes,
				  place->buf.len);
	return 0;
}

static int map_place(struct args *args, struct place *place)
{
	struct tool *tool = args->tool;
	uint64_t first, skip;
	struct mmd_info info;
	int prot, ret;

	ret = mmd_info(tool->dev, &info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	skip = place->offset % info.page_size;
	first = place->offset - skip;
	prot = args->poke ? PROT_READ | PROT_WRITE : PROT_READ;
	ret = mmd_map(tool->dev, place->buf.offset + first,
		      (size_t)(skip + args->width * args->count), prot, &place->map);
	if (ret)
		return tool_explain(tool, MMD_CALL_MAP, ret, args->name);
	place->ptr = mmd_mmio_at(place->map.ptr, (size_t)skip);
	return 0;
}

/* One access of exactly the width asked for. */
static uint64_t load(const volatile void *ptr, uint64_t width)
{
	switch (width) {
	case 1:
		return *(const volatile uint8_t *)ptr;
	case 2:
		return le16toh(*(const volatile uint16_t *)ptr);
	case 4:
		return mmd_mmio_read32(ptr);
	default:
		return mmd_mmio_read64(ptr);
	}
}

static void store(volatile void *ptr, uint64_t width, uint64_t value)
{
	switch (width) {
	case 1:
		*(volatile uint8_t *)ptr = (uint8_t)value;
		break;
	case 2:
		*(volatile uint16_t *)ptr = htole16((uint16_t)value);
		break;
	case 4:
		mmd_mmio_write32(ptr, (uint32_t)value);
		break;
	default:
		mmd_mmio_write64(ptr, value);
	}
}

static int read_one(struct args *args, struct place *place, uint64_t index, uint64_t *value)
{
	uint64_t at = index * args->width, raw = 0;
	struct tool *tool = args->tool;
	int ret;

	switch (args->via) {
	case VIA_IOCTL:
		ret = mmd_reg_read(tool->dev, (uint32_t)(place->bar0 + at), (uint32_t)args->width,
				   value);
		return ret ? tool_explain(tool, MMD_CALL_REG_READ, ret, args->name) : 0;
	case VIA_PREAD:
		ret = mmd_pread(tool->dev, place->buf.offset + place->offset + at, &raw,
				(size_t)args->width);
		*value = le64toh(raw);
		return ret ? tool_explain(tool, MMD_CALL_PREAD, ret, args->name) : 0;
	default:
		*value = load((const volatile char *)place->ptr + at, args->width);
		return 0;
	}
}

static int write_one(struct args *args, struct place *place)
{
	struct tool *tool = args->tool;
	uint64_t raw = htole64(args->value);
	int ret;

	switch (args->via) {
	case VIA_IOCTL:
		ret = mmd_reg_write(tool->dev, (uint32_t)place->bar0, (uint32_t)args->width,
				    args->value);
		return ret ? tool_explain(tool, MMD_CALL_REG_WRITE, ret, args->name) : 0;
	case VIA_PREAD:
		ret = mmd_pwrite(tool->dev, place->buf.offset + place->offset, &raw,
				 (size_t)args->width);
		return ret ? tool_explain(tool, MMD_CALL_PWRITE, ret, args->name) : 0;
	default:
		store(place->ptr, args->width, args->value);
		mmd_wc_flush();
		return 0;
	}
}

/* Open, find, map: everything before the first access. */
static int prepare(struct args *args, struct place *place)
{
	const struct target *t = &args->target;
	unsigned int flags = args->poke ? 0 : MMD_OPEN_RDONLY;
	uint64_t size = 0;
	int ret;

	ret = resolve(args, place);
	if (ret)
		return ret;
	if (t->kind == TARGET_REGION &&
	    (t->id == MMAPDEMO_REGION_MEM || t->id == MMAPDEMO_REGION_ALIAS))
		flags |= MMD_OPEN_EXCL;
	ret = tool_open(args->tool, flags);
	if (ret)
		return ret;
	if (args->via == VIA_IOCTL) {
		ret = bar0_size(args->tool, &size);
		if (ret)
			return ret;
		if (place->bar0 > size || args->width * args->count > size - place->bar0)
			return tool_error(args->tool, STATUS_USAGE,
					  "%s: reaches past the end of BAR0's registers, 0x%" PRIx64
					  ". Use a smaller offset or --count.", args->name, size);
		return 0;
	}
	ret = find_object(args, place);
	if (!ret && args->via == VIA_MMAP)
		ret = map_place(args, place);
	return ret;
}

static void result_place(const struct args *args)
{
	json_t *result = args->tool->result;

	json_object_set_new(result, "target", json_string(args->name));
	json_object_set_new(result, "offset", json_hex(args->target.offset));
	json_object_set_new(result, "via", json_string(via_names[args->via]));
	json_object_set_new(result, "width", json_integer((json_int_t)args->width));
}

int cmd_peek(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool, .count = 1 };
	json_t *values = json_array();
	uint64_t i, value = 0, per_line;
	struct place place = { 0 };
	int ret;

	json_object_set_new(tool->result, "values", values);
	argp_parse(&peek_argp, argc, argv, 0, NULL, &args);
	ret = prepare(&args, &place);
	if (ret)
		return ret;
	result_place(&args);
	per_line = 16 / args.width;
	for (i = 0; i < args.count; i++) {
		ret = read_one(&args, &place, i, &value);
		if (ret)
			return ret;
		if (args.count > 1 && i % per_line == 0)
			tool_say(tool, "%s0x%06" PRIx64 ":", i ? "\n" : "",
				 args.target.offset + i * args.width);
		tool_say(tool, args.count > 1 ? " %0*" PRIx64 : "0x%0*" PRIx64, (int)args.width * 2,
			 value);
		json_array_append_new(values, json_hex(value));
	}
	tool_say(tool, "\n");
	return STATUS_OK;
}

int cmd_poke(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool, .poke = true, .count = 1 };
	struct place place = { 0 };
	uint64_t value = 0;
	int ret;

	argp_parse(&poke_argp, argc, argv, 0, NULL, &args);
	ret = prepare(&args, &place);
	if (ret)
		return ret;
	result_place(&args);
	json_object_set_new(tool->result, "value", json_hex(args.value));
	ret = write_one(&args, &place);
	if (ret || !args.verify)
		return ret;
	ret = read_one(&args, &place, 0, &value);
	if (ret)
		return ret;
	json_object_set_new(tool->result, "read_back", json_hex(value));
	if (value == args.value)
		return STATUS_OK;
	return tool_error(tool, STATUS_FAILED,
			  "%s: wrote 0x%" PRIx64 " and read back 0x%" PRIx64 ". Not every register holds what "
			  "is written ('mmapdemo regs' shows which are RW).", args.name, args.value, value);
}
