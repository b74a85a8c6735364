// SPDX-License-Identifier: MIT
/*
 * cmd_map.c - `mmapdemo map`: make a mapping and show what driver, kernel and page table say of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "object.h"
#include "parse.h"
#include "smaps.h"
#include "tool.h"

/* How often a held mapping is touched, to notice that the device went away. */
#define HOLD_TOUCH_MS	100

#define KEEP_HOLDING	UINT64_MAX

#define LEN_DEFAULT	16384

enum { KEY_CACHE = 0x300, KEY_READ_ONLY, KEY_FILL, KEY_VERIFY, KEY_HOLD, KEY_FAULT_AROUND };

struct args {
	struct tool *tool;
	const char *name;
	bool is_region;
	uint32_t id;		/* MMAPDEMO_REGION_* or MMAPDEMO_TECH_* */
	uint64_t len;		/* 0: four pages, or all of the region */
	uint32_t cache;
	bool read_only;
	bool fault_around;
	const char *fill_text;
	struct pattern fill;
	const char *verify_text;
	struct pattern verify;
	bool hold;
	uint64_t hold_ns;
};

static bool is_registers(const struct args *args)
{
	return args->is_region && (args->id == MMAPDEMO_REGION_USER_PAGE ||
				   args->id == MMAPDEMO_REGION_CTRL);
}

static bool is_userptr(const struct args *args)
{
	return !args->is_region && args->id == MMAPDEMO_TECH_USERPTR;
}

static void parse_object(struct args *args, const char *arg, struct argp_state *state)
{
	char list[128];

	if (args->name)
		argp_error(state, "unexpected argument '%s'", arg);
	args->name = arg;
	if (!mmd_technique_value(arg, &args->id))
		return;
	args->is_region = true;
	if (mmd_region_value(arg, &args->id))
		argp_error(state, "'%s' is neither a technique (%s) nor a region "
			   "(example, user-page, ctrl, mem, alias)", arg,
			   object_techniques(UINT32_MAX, list, sizeof(list)));
}

static void parse_technique(struct args *args, const char *arg, struct argp_state *state)
{
	char list[128];

	if (args->name)
		argp_error(state, "--technique=%s: '%s' is named already", arg, args->name);
	args->name = arg;
	if (mmd_technique_value(arg, &args->id))
		argp_error(state, "--technique=%s: must be one of %s", arg,
			   object_techniques(UINT32_MAX, list, sizeof(list)));
}

/* What does not go together. */
static void check_args(const struct args *args, struct argp_state *state)
{
	if (!args->name)
		argp_error(state, "a technique or region is missing");
	if (args->fill_text && args->read_only)
		argp_error(state, "--fill and --read-only exclude each other");
	if (args->is_region && args->cache != MMAPDEMO_CACHE_DEFAULT)
		argp_error(state, "--cache: a region has the cache type it has");
	if ((args->fill_text || args->verify_text) && is_registers(args))
		argp_error(state, "%s: --fill and --verify are for memory; registers have "
			   "'mmapdemo poke --verify'", args->name);
	if (is_userptr(args) && args->cache != MMAPDEMO_CACHE_DEFAULT)
		argp_error(state, "--cache: memory of a process has the cache type it has");
	if (is_userptr(args) && args->read_only)
		argp_error(state, "--read-only: memory of a process is mapped already");
	if (args->fault_around && (args->is_region || args->id != MMAPDEMO_TECH_BAR_FAULT))
		argp_error(state, "--fault-around is for technique bar-fault");
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;
	int ret;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case 't':
		parse_technique(args, arg, state);
		return 0;
	case KEY_FAULT_AROUND:
		args->fault_around = true;
		return 0;
	case 'l':
		ret = parse_size(arg, &args->len);
		if (ret || !args->len)
			argp_error(state, "--len=%s: %s", arg, ret == -ERANGE ? "too large" :
				   "must be a size above 0, such as 4096, 0x1000, 4K or 2MiB");
		return 0;
	case KEY_CACHE:
		if (mmd_cache_value(arg, &args->cache))
			argp_error(state, "--cache=%s: must be default, wb, wc or uc", arg);
		return 0;
	case KEY_READ_ONLY:
		args->read_only = true;
		return 0;
	case KEY_FILL:
		args->fill_text = arg;
		if (parse_pattern(arg, &args->fill))
			argp_error(state, "--fill=%s: must be a byte 0 .. 255 or counter", arg);
		return 0;
	case KEY_VERIFY:
		args->verify_text = arg;
		if (parse_pattern(arg, &args->verify))
			argp_error(state, "--verify=%s: must be a byte 0 .. 255 or counter", arg);
		return 0;
	case KEY_HOLD:
		args->hold = true;
		args->hold_ns = KEEP_HOLDING;
		if (arg && parse_duration(arg, &args->hold_ns))
			argp_error(state, "--hold=%s: must be a time such as 5, 5s or 200ms", arg);
		return 0;
	case ARGP_KEY_ARG:
		parse_object(args, arg, state);
		return 0;
	case ARGP_KEY_END:
		check_args(args, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "len", 'l', "SIZE", 0, "Bytes to allocate and map, or to map of a region (default 16K, or all)", 1 },
	{ "technique", 't', "NAME", 0, "The technique, instead of an argument", 1 },
	{ "fault-around", KEY_FAULT_AROUND, NULL, 0, "bar-fault: each fault makes up to 16 pages present", 1 },
	{ "cache", KEY_CACHE, "TYPE", 0, "Cache type to ask for: default, wb, wc, uc", 1 },
	{ "read-only", KEY_READ_ONLY, NULL, 0, "Map without write permission", 1 },
	{ "fill", KEY_FILL, "PATTERN", 0, "Write through the mapping: a byte (0x5a), or counter: each 8-byte "
	  "word its offset", 1 },
	{ "verify", KEY_VERIFY, "PATTERN", 0, "Compare the contents, after --fill if both are given", 1 },
	{ "hold", KEY_HOLD, "TIME", OPTION_ARG_OPTIONAL, "Then keep the mapping, touching it, for TIME or until "
	  "interrupted", 1 },
	{ 0 }
};

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.args_doc = "TECHNIQUE|REGION",
	.doc = "Allocate a buffer (bar, bar-fault, bar-huge, pages, vmalloc, coherent, noncontig), pin memory of this "
	       "process (userptr), or take a region (example, user-page, ctrl, mem, alias), map it, and show what the "
	       "mapping really is: cache type and size of the page-table entry, faults, VM flags, number of mappings."
	       "\vA fresh buffer is zero: 'mmapdemo map bar --verify=0' checks that.",
	.children = tool_argp_children,
};

static int map_object(struct args *args, struct mmd_buf *buf, struct mmd_map *map)
{
	int prot = args->read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	uint64_t len = args->len ? args->len : LEN_DEFAULT;
	struct tool *tool = args->tool;
	char asked[32], most[32];
	int ret;

	if (!args->is_region)
		return object_memory(tool, args->id, len, args->cache,
				     args->fault_around ? MMAPDEMO_BUF_FAULT_AROUND : 0, prot, buf,
				     map);
	ret = object_region(tool, args->id, buf);
	if (ret)
		return ret;
	if (args->len > buf->len)
		return tool_error(tool, STATUS_USAGE,
				  "%s: cannot map %s of it: it has %s. Use a smaller --len.", args->name,
				  format_size(args->len, asked, sizeof(asked)),
				  format_size(buf->len, most, sizeof(most)));
	if (args->len)
		buf->len = args->len;
	ret = mmd_map_buf(tool->dev, buf, prot, map);
	return ret ? tool_explain(tool, MMD_CALL_MAP, ret, args->name) : 0;
}

/* A load: it makes the page-table entry of techniques that map at the first touch. */
static uint32_t touch(const struct mmd_map *map)
{
	return mmd_mmio_read32(map->ptr);
}

static int show_smaps(struct tool *tool, const struct mmd_map *map)
{
	json_t *names = json_array();
	struct smaps smaps;
	const char *flag;
	FILE *f;
	int ret;

	json_object_set_new(tool->result, "vm_flag_names", names);
	f = fopen("/proc/self/smaps", "re");
	if (!f)
		return tool_error(tool, STATUS_FAILED, "/proc/self/smaps: cannot open: %s. Is /proc mounted?", strerror(errno));
	ret = smaps_find(f, (uintptr_t)map->ptr, &smaps);
	fclose(f);
	if (ret)
		return tool_error(tool, STATUS_FAILED,
				  "/proc/self/smaps: cannot find the mapping. The kernel may lack "
				  "CONFIG_PROC_PAGE_MONITOR.");
	json_object_set_new(tool->result, "vm_flags", json_string(smaps.vm_flags));
	json_object_set_new(tool->result, "perms", json_string(smaps.perms));
	tool_say(tool, "  VM flags      %s\n               ", smaps.vm_flags);
	for (flag = smaps.vm_flags; *flag; flag += strcspn(flag, " "), flag += strspn(flag, " ")) {
		const char *name = smaps_flag_name(flag);

		if (!name)
			continue;
		json_array_append_new(names, json_string(name));
		if (strncmp(name, "VM_MAY", 6))
			tool_say(tool, " %s", name);
	}
	tool_say(tool, "\n");
	return 0;
}

/* Of registers only the first page: reading the others may mean something. */
static void show_faults(struct args *args, const struct mmd_map *map)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct mmd_map part = *map;
	struct tool *tool = args->tool;
	size_t pages;
	uint64_t n;

	if (is_registers(args))
		part.len = page;
	pages = (part.len + page - 1) / page;
	n = object_faults(&part);
	json_object_set_new(tool->result, "pages_touched", json_integer((json_int_t)pages));
	json_object_set_new(tool->result, "faults", json_integer((json_int_t)n));
	tool_say(tool, "  faults        %" PRIu64 " for a load of each of %zu pages\n", n, pages);
}

static void show_entries(struct args *args, const struct mmd_buf *buf,
			 const struct mmd_map_info *before, const struct mmd_map_info *after)
{
	uint64_t bytes = after->entry_shift ? 1ULL << (after->entry_shift & 63) : 0;
	struct tool *tool = args->tool;
	char size[32];

	json_object_set_new(tool->result, "cache_asked", json_string(mmd_cache_name(args->cache)));
	json_object_set_new(tool->result, "cache_obtained", json_string(mmd_cache_name(buf->cache)));
	json_object_set_new(tool->result, "cache_effective", json_string(mmd_cache_name(after->cache)));
	json_object_set_new(tool->result, "present_before_touch", json_boolean(before->present));
	json_object_set_new(tool->result, "present_after_touch", json_boolean(after->present));
	json_object_set_new(tool->result, "entry_size", json_integer((json_int_t)bytes));
	tool_say(tool, "  cache type    asked for %s, obtained %s, in the page table %s\n",
		 mmd_cache_name(args->cache), mmd_cache_name(buf->cache),
		 mmd_cache_name(after->cache));
	tool_say(tool, "  first page    %s before the first touch, %s after it, in an entry of %s\n",
		 before->present ? "present" : "not present", after->present ? "present" : "not present",
		 bytes ? format_size(bytes, size, sizeof(size)) : "unknown size");
}

/* Memory of the process: the driver has the pages, and their mapping is not its own. */
static int show_pinned(struct args *args)
{
	uint64_t locked = 0, pinned = 0;
	struct tool *tool = args->tool;
	char line[128];
	FILE *f;

	f = fopen("/proc/self/status", "re");
	if (!f)
		return tool_error(tool, STATUS_FAILED, "/proc/self/status: cannot open: %s. Is /proc mounted?",
				  strerrordesc_np(errno));
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "VmLck: %" SCNu64, &locked);
		sscanf(line, "VmPin: %" SCNu64, &pinned);
	}
	fclose(f);
	json_object_set_new(tool->result, "locked_kib", json_integer((json_int_t)locked));
	json_object_set_new(tool->result, "pinned_kib", json_integer((json_int_t)pinned));
	tool_say(tool, "  pinned        VmPin %" PRIu64 " KiB, VmLck %" PRIu64 " KiB of this process\n", pinned,
		 locked);
	return 0;
}

static int show(struct args *args, const struct mmd_buf *buf, const struct mmd_map *map)
{
	struct mmd_map_info before = { 0 }, after = { 0 };
	struct tool *tool = args->tool;
	struct mmd_buf_info use;
	char len[32];
	int ret = 0;

	if (!is_userptr(args))
		ret = mmd_map_info(tool->dev, map->ptr, &before);
	if (ret)
		return tool_explain(tool, MMD_CALL_MAP_INFO, ret, args->name);

	json_object_set_new(tool->result, "object", json_string(args->name));
	json_object_set_new(tool->result, "technique", json_string(mmd_technique_name(buf->technique)));
	json_object_set_new(tool->result, "len", json_integer((json_int_t)buf->len));
	json_object_set_new(tool->result, "offset", json_hex(buf->offset));
	json_object_set_new(tool->result, "address", json_hex((uintptr_t)map->ptr));
	if (is_userptr(args))
		tool_say(tool, "%s: %s of this process at 0x%" PRIxPTR ", pinned\n", args->name,
			 format_size(buf->len, len, sizeof(len)), (uintptr_t)map->ptr);
	else
		tool_say(tool, "%s: %s, technique %s, mapped at 0x%" PRIxPTR " from offset 0x%" PRIx64 "\n",
			 args->name, format_size(buf->len, len, sizeof(len)),
			 mmd_technique_name(buf->technique), (uintptr_t)map->ptr, buf->offset);
	show_faults(args, map);
	if (!is_userptr(args))
		ret = mmd_map_info(tool->dev, map->ptr, &after);
	if (ret)
		return tool_explain(tool, MMD_CALL_MAP_INFO, ret, args->name);
	ret = mmd_buf_info(tool->dev, buf->handle, &use);
	if (ret)
		return tool_explain(tool, MMD_CALL_BUF_INFO, ret, args->name);
	if (is_userptr(args))
		ret = show_pinned(args);
	else
		show_entries(args, buf, &before, &after);
	if (ret)
		return ret;
	json_object_set_new(tool->result, "mappings", json_integer(use.vmas));
	tool_say(tool, "  mappings      %u in all processes\n", use.vmas);
	return show_smaps(tool, map);
}

static int fill_and_verify(struct args *args, const struct mmd_buf *buf, const struct mmd_map *map)
{
	struct tool *tool = args->tool;
	unsigned char found = 0;
	size_t at;

	if (args->fill_text) {
		pattern_fill_map(&args->fill, buf, map);
		json_object_set_new(tool->result, "fill", json_string(args->fill_text));
		tool_say(tool, "  filled        %zu bytes with %s\n", map->len, args->fill_text);
	}
	if (!args->verify_text)
		return 0;
	at = pattern_compare_map(&args->verify, buf, map, &found);
	json_object_set_new(tool->result, "verify", json_string(args->verify_text));
	json_object_set_new(tool->result, "verified", json_boolean(at == map->len));
	if (at < map->len)
		return tool_error(tool, STATUS_FAILED,
				  "%s: compare with %s: byte 0x%zx is 0x%02x and should be 0x%02x.", args->name,
				  args->verify_text, at, found, pattern_byte(&args->verify, at));
	tool_say(tool, "  verified      %zu bytes of %s\n", map->len, args->verify_text);
	return 0;
}

/* The result is out before: whoever started this waits for it. The exit status is what is left. */
static int hold(struct args *args, const struct mmd_map *map)
{
	struct timespec step = { .tv_nsec = HOLD_TOUCH_MS * 1000000L };
	uint64_t end = mmd_deadline_ns(args->hold_ns);
	struct tool *tool = args->tool;
	int status;

	tool_say(tool, "  holding       process %d, until %s\n", (int)getpid(),
		 args->hold_ns == KEEP_HOLDING ? "interrupted" : "the time is over");
	json_object_set_new(tool->result, "pid", json_integer(getpid()));
	status = tool_finish(tool, STATUS_OK);
	if (status)
		return status;
	while (mmd_deadline_ns(0) < end) {
		touch(map);
		nanosleep(&step, NULL);
	}
	return STATUS_OK;
}

int cmd_map(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool };
	unsigned int flags = 0;
	struct mmd_buf buf;
	struct mmd_map map;
	int ret;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (args.is_region &&
	    (args.id == MMAPDEMO_REGION_MEM || args.id == MMAPDEMO_REGION_ALIAS))
		flags |= MMD_OPEN_EXCL;
	ret = tool_open(tool, flags);
	if (!ret)
		ret = map_object(&args, &buf, &map);
	if (ret)
		return ret;
	ret = show(&args, &buf, &map);
	if (!ret)
		ret = fill_and_verify(&args, &buf, &map);
	if (!ret && args.hold)
		ret = hold(&args, &map);
	return ret;
}
