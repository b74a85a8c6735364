// SPDX-License-Identifier: MIT
/*
 * cmd_selftest.c - `mmapdemo selftest`: an ordered list of checks that disturb nobody.
 *
 * For: "does this machine's device and driver work?". Not for: everything that can go wrong, which
 * is what the project's own tests are about.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "copy.h"
#include "selftest.h"

static const struct check checks[] = {
	{ "identity and version", check_identity, 0 },
	{ "public registers answer", check_registers, 0 },
	{ "scratch registers hold values", check_scratch, 0 },
	{ "access counters count", check_counters, 0 },
	{ "clock runs forward", check_clock, 0 },
	{ "example buffer", check_example, 0 },
	{ "buffer: bar", check_buffer, MMAPDEMO_TECH_BAR },
	{ "buffer: pages", check_buffer, MMAPDEMO_TECH_PAGES },
	{ "buffer: vmalloc", check_buffer, MMAPDEMO_TECH_VMALLOC },
	{ "buffer: coherent", check_buffer, MMAPDEMO_TECH_COHERENT },
	{ "buffer: bar-fault", check_buffer, MMAPDEMO_TECH_BAR_FAULT },
	{ "buffer: bar-huge", check_buffer, MMAPDEMO_TECH_BAR_HUGE },
	{ "buffer: noncontig", check_buffer, MMAPDEMO_TECH_NONCONTIG },
	{ "buffer: memory of this process", check_pin, 0 },
	{ "read-only: bar", check_read_only, MMAPDEMO_TECH_BAR },
	{ "read-only: pages", check_read_only, MMAPDEMO_TECH_PAGES },
	{ "read-only: vmalloc", check_read_only, MMAPDEMO_TECH_VMALLOC },
	{ "read-only: coherent", check_read_only, MMAPDEMO_TECH_COHERENT },
	{ "read-only: bar-fault", check_read_only, MMAPDEMO_TECH_BAR_FAULT },
	{ "read-only: bar-huge", check_read_only, MMAPDEMO_TECH_BAR_HUGE },
	{ "read-only: noncontig", check_read_only, MMAPDEMO_TECH_NONCONTIG },
	{ "faults: bar", check_faults, MMAPDEMO_TECH_BAR },
	{ "faults: pages", check_faults, MMAPDEMO_TECH_PAGES },
	{ "faults: vmalloc", check_faults, MMAPDEMO_TECH_VMALLOC },
	{ "faults: coherent", check_faults, MMAPDEMO_TECH_COHERENT },
	{ "faults: bar-fault", check_faults, MMAPDEMO_TECH_BAR_FAULT },
	{ "faults: bar-huge", check_huge, 0 },
	{ "faults: noncontig", check_faults, MMAPDEMO_TECH_NONCONTIG },
	{ "cache types of pages", check_ram_types, 0 },
	{ "handing memory over", check_sync, 0 },
	{ "export as dma-buf", check_export, 0 },
	{ "copy by mapping", check_cpu_copy, COPY_MMAP },
	{ "copy by pwrite and pread", check_cpu_copy, COPY_RW },
	{ "DMA: pages", check_dma, MMAPDEMO_TECH_PAGES },
	{ "DMA: vmalloc", check_dma, MMAPDEMO_TECH_VMALLOC },
	{ "DMA: coherent", check_dma, MMAPDEMO_TECH_COHERENT },
	{ "DMA: noncontig", check_dma, MMAPDEMO_TECH_NONCONTIG },
	{ "DMA: userptr", check_dma, MMAPDEMO_TECH_USERPTR },
	{ "completion interrupts", check_interrupt, 0 },
	{ "queue: pages", check_queue_copy, MMAPDEMO_TECH_PAGES },
	{ "queue: vmalloc", check_queue_copy, MMAPDEMO_TECH_VMALLOC },
	{ "queue: coherent", check_queue_copy, MMAPDEMO_TECH_COHERENT },
	{ "queue: noncontig", check_queue_copy, MMAPDEMO_TECH_NONCONTIG },
	{ "queue: userptr", check_queue_copy, MMAPDEMO_TECH_USERPTR },
	{ "queue of the driver, by ioctl", check_submit, COPY_IOCTL },
	{ "queue of the driver, by io_uring", check_submit, COPY_URING },
	{ "queue: operations", check_queue_operations, 0 },
	{ "queue: interrupt", check_queue_interrupt, 0 },
	{ "queue: doorbells do no harm", check_queue_doorbells, 0 },
	{ "descriptors that must be refused", check_queue_refusals, 0 },
	{ "foreign windows are refused", check_queue_foreign_window, 0 },
	{ "mappings that must be refused", check_mapping_refusals, 0 },
	{ "register accesses that must be refused", check_register_refusals, 0 },
	{ "private registers are refused", check_private_registers, 0 },
	{ "transfers that must be refused", check_dma_refusals, 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = state->input;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.parser = parse,
	.doc = "Check device, driver and library. Takes a second, needs about 2 MiB of device memory, leaves "
	       "nothing behind. Exit status 1 if a check failed.",
	.children = tool_argp_children,
};

int check_fail(struct selftest *st, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(st->detail, sizeof(st->detail), format, args);
	va_end(args);
	return CHECK_FAILED;
}

int check_call(struct selftest *st, enum mmd_call call, int err, const char *object)
{
	mmd_explain_str(call, err, object, st->detail, sizeof(st->detail));
	return CHECK_FAILED;
}

int check_errno(struct selftest *st, const char *what, int ret, int wanted)
{
	if (ret == wanted)
		return CHECK_OK;
	return check_fail(st, "%s: %s, should be %s", what, ret ? strerrorname_np(-ret) : "allowed",
			  strerrorname_np(-wanted));
}

static int prepare(struct selftest *st)
{
	struct tool *tool = st->tool;
	struct mmd_buf page;
	int ret;

	ret = tool_open(tool, 0);
	if (ret)
		return ret;
	ret = mmd_info(tool->dev, &st->info);
	if (ret)
		return tool_explain(tool, MMD_CALL_INFO, ret, NULL);
	ret = mmd_region_info(tool->dev, MMAPDEMO_REGION_USER_PAGE, &page);
	if (ret)
		return tool_explain(tool, MMD_CALL_REGION_INFO, ret, "user-page");
	ret = mmd_map_buf(tool->dev, &page, PROT_READ | PROT_WRITE, &st->user_page);
	return ret ? tool_explain(tool, MMD_CALL_MAP, ret, "user-page") : 0;
}

int cmd_selftest(struct tool *tool, int argc, char **argv)
{
	static const char *const words[] = { "ok", "FAIL", "skip" };
	unsigned int counts[ARRAY_SIZE(words)] = { 0 };
	struct selftest st = { .tool = tool };
	json_t *rows = json_array();
	struct mmd_info info;
	size_t i;
	int ret;

	json_object_set_new(tool->result, "checks", rows);
	argp_parse(&argp, argc, argv, 0, NULL, tool);
	ret = prepare(&st);
	if (ret)
		return ret;
	for (i = 0; i < ARRAY_SIZE(checks); i++) {
		st.detail[0] = '\0';
		ret = checks[i].run(&st, checks[i].arg);
		counts[ret]++;
		tool_say(tool, "%-4s  %-38s  %s\n", words[ret], checks[i].name, st.detail);
		fflush(stdout);
		json_array_append_new(rows, json_pack("{s:s, s:s, s:s}", "name", checks[i].name,
						      "result", words[ret], "detail", st.detail));
		/* A device that is gone fails everything else for the same reason. */
		if (ret == CHECK_FAILED && mmd_info(tool->dev, &info) == -ENODEV)
			return tool_explain(tool, MMD_CALL_INFO, -ENODEV, NULL);
	}
	json_object_set_new(tool->result, "passed", json_integer(counts[CHECK_OK]));
	json_object_set_new(tool->result, "failed", json_integer(counts[CHECK_FAILED]));
	json_object_set_new(tool->result, "skipped", json_integer(counts[CHECK_SKIPPED]));
	tool_say(tool, "%u passed, %u failed, %u skipped\n", counts[CHECK_OK],
		 counts[CHECK_FAILED], counts[CHECK_SKIPPED]);
	return counts[CHECK_FAILED] ? STATUS_FAILED : STATUS_OK;
}
