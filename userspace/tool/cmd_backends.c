// SPDX-License-Identifier: MIT
/*
 * cmd_backends.c - `mmapdemo backends`: what each way to the device can do, and with --try whether it does.
 *
 * The table comes from the library and needs no device; docs/backends.md shows it as --markdown prints it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mmapdemo/backend.h>
#include <mmapdemo/queue.h>

#include "backends.h"

#define LEN		TRIAL_LEN
#define LIMIT_NS	TRIAL_LIMIT_NS

struct args {
	struct tool *tool;
	bool markdown;
	bool try;
	bool time;
};

enum { KEY_MARKDOWN = 0x200, KEY_TRY, KEY_TIME };

static const struct argp_option options[] = {
	{ "try", KEY_TRY, NULL, 0,
	  "Use the device by each backend whose kernel driver it is bound to: map, "
	  "touch, transfer, interrupt, queue", 1 },
	{ "time", KEY_TIME, NULL, 0, "The same, and medians of how long it takes", 1 },
	{ "markdown", KEY_MARKDOWN, NULL, 0, "The table as documents have it", 1 },
	{ 0 }
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct args *args = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = args->tool;
		return 0;
	case KEY_MARKDOWN:
		args->markdown = true;
		return 0;
	case KEY_TIME:
		args->time = true;
		args->try = true;
		return 0;
	case KEY_TRY:
		args->try = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		return 0;
	case ARGP_KEY_END:
		if (args->try && args->markdown)
			argp_error(state, "--markdown is of the table, --try shows none");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Show what can be done with the device through its own driver, vfio-pci and uio_pci_generic.",
	.children = tool_argp_children,
};

/* --- the table ---------------------------------------------------------------------------- */

static void show_markdown(struct tool *tool)
{
	uint32_t c, b;
	const char *why;

	tool_say(tool, "| capability | | driver | vfio | uio |\n|---|---|---|---|---|\n");
	for (c = 1; c < MMD_CAN_COUNT; c++) {
		tool_say(tool, "| `%s` | %s |", mmd_capability_name(c), mmd_capability_text(c));
		for (b = 1; b <= MMD_BACKEND_MAX; b++) {
			if (mmd_backend_can(b, c, &why))
				tool_say(tool, " no: %s |", why);
			else
				tool_say(tool, " yes |");
		}
		tool_say(tool, "\n");
	}
}

static void show_text(struct tool *tool)
{
	uint32_t c, b;
	const char *why;

	tool_say(tool, "%-14s %-6s %-6s %-6s %s\n", "CAPABILITY", "DRIVER", "VFIO", "UIO", "");
	for (c = 1; c < MMD_CAN_COUNT; c++) {
		tool_say(tool, "%-14s", mmd_capability_name(c));
		for (b = 1; b <= MMD_BACKEND_MAX; b++)
			tool_say(tool, " %-6s", mmd_backend_can(b, c, NULL) ? "no" : "yes");
		tool_say(tool, " %s\n", mmd_capability_text(c));
		for (b = 1; b <= MMD_BACKEND_MAX; b++)
			if (mmd_backend_can(b, c, &why))
				tool_say(tool, "%-14s   %s: %s\n", "", mmd_backend_name(b), why);
	}
}

static json_t *table_json(void)
{
	json_t *rows = json_array(), *row;
	uint32_t c, b;
	const char *why;

	for (c = 1; c < MMD_CAN_COUNT; c++) {
		row = json_pack("{s:s, s:s}", "capability", mmd_capability_name(c), "text",
				mmd_capability_text(c));
		for (b = 1; b <= MMD_BACKEND_MAX; b++) {
			int can = !mmd_backend_can(b, c, &why);

			json_object_set_new(row, mmd_backend_name(b),
					    json_pack("{s:b, s:s}", "can", can, "why", why));
		}
		json_array_append_new(rows, row);
	}
	return rows;
}

/* --- trying ------------------------------------------------------------------------------- */

static void pattern(unsigned char *p, size_t len, unsigned int seed)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)((i * 2654435761u + seed * 40503u) >> 7);
}

/* What failed, kept for the line of the step. */
static int failed(struct trial *t, enum mmd_call call, int ret, const char *object)
{
	struct mmd_explanation e;

	mmd_explain(call, ret, &e);
	snprintf(t->detail, sizeof(t->detail), "%s: %s: %s", object, e.action, e.cause);
	return ret;
}

static int try_registers(struct trial *t)
{
	const uint64_t value = 0x123456789abcdef0ull;
	struct mmd_buf page;
	struct mmd_map map;
	uint64_t got;
	int ret;

	ret = mmd_region_info(t->dev, MMAPDEMO_REGION_USER_PAGE, &page);
	if (!ret)
		ret = mmd_map_buf(t->dev, &page, PROT_READ | PROT_WRITE, &map);
	if (ret)
		return failed(t, MMD_CALL_MAP, ret, "user page");
	mmd_mmio_write64((char *)map.ptr + MMAPDEMO_REG_SCRATCH64 - MMAPDEMO_USER_BASE, value);
	ret = mmd_reg_read(t->dev, MMAPDEMO_REG_SCRATCH64, 8, &got);
	if (!ret && (got != value || mmd_mmio_read32((char *)map.ptr + MMAPDEMO_REG_USER_ID -
						     MMAPDEMO_USER_BASE) != MMAPDEMO_ID)) {
		snprintf(t->detail, sizeof(t->detail), "SCRATCH64 holds %#llx, or USER_ID is wrong",
			 (unsigned long long)got);
		ret = -EILSEQ;
	}
	mmd_unmap(&map);
	return ret;
}

static int try_memory(struct trial *t)
{
	unsigned char wrote[4096], got[4096];
	int ret;

	ret = mmd_buf_alloc(t->dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_DEFAULT, 0, &t->device);
	if (ret)
		return failed(t, MMD_CALL_BUF_ALLOC, ret, "device memory");
	ret = mmd_map_buf(t->dev, &t->device, PROT_READ | PROT_WRITE, &t->device_map);
	if (ret)
		return failed(t, MMD_CALL_MAP, ret, "device memory");
	pattern(wrote, sizeof(wrote), 1);
	mmd_mem_to_device(t->device_map.ptr, wrote, sizeof(wrote));
	mmd_mem_from_device(got, t->device_map.ptr, sizeof(got));
	if (memcmp(wrote, got, sizeof(got))) {
		snprintf(t->detail, sizeof(t->detail), "what was written is not what is read");
		return -EILSEQ;
	}
	snprintf(t->detail, sizeof(t->detail), "cache type %s", mmd_cache_name(t->device.cache));
	return 0;
}

/* There and back by DMA, and nothing but DMA can have brought it. */
static int try_transfer(struct trial *t, unsigned int mode)
{
	struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = t->mem.handle,
		.dev_handle = t->device.handle,
		.len = LEN / 2,
	};
	unsigned char *mem = t->mem_map.ptr;
	int ret;

	pattern(mem, LEN / 2, mode + 2);
	memset(mem + LEN / 2, 0, LEN / 2);
	ret = mmd_dma_copy(t->dev, &dma, mode, LIMIT_NS, NULL);
	if (!ret) {
		dma.direction = MMAPDEMO_DMA_FROM_DEVICE;
		dma.mem_off = LEN / 2;
		ret = mmd_dma_copy(t->dev, &dma, mode, LIMIT_NS, NULL);
	}
	if (ret)
		return failed(t, MMD_CALL_DMA_WAIT, ret, mmd_dma_mode_name(mode));
	if (memcmp(mem, mem + LEN / 2, LEN / 2)) {
		snprintf(t->detail, sizeof(t->detail), "%s: what came back differs",
			 mmd_dma_mode_name(mode));
		return -EILSEQ;
	}
	return 0;
}

static int try_dma(struct trial *t)
{
	int ret;

	ret = mmd_buf_alloc(t->dev, MMAPDEMO_TECH_COHERENT, LEN, MMAPDEMO_CACHE_DEFAULT, 0,
			    &t->mem);
	if (ret)
		return failed(t, MMD_CALL_BUF_ALLOC, ret, "system memory");
	ret = mmd_map_buf(t->dev, &t->mem, PROT_READ | PROT_WRITE, &t->mem_map);
	if (ret)
		return failed(t, MMD_CALL_MAP, ret, "system memory");
	ret = try_transfer(t, MMD_DMA_WAIT);
	if (!ret)
		ret = try_transfer(t, MMD_DMA_SPIN);
	return ret;
}

static int try_eventfd(struct trial *t)
{
	if (!t->mem.handle) {
		int ret = mmd_eventfd_set(t->dev, -1);

		return ret ? failed(t, MMD_CALL_EVENTFD_SET, ret, "eventfd") : -ECANCELED;
	}
	return try_transfer(t, MMD_DMA_EVENTFD);
}

static int try_interrupt(struct trial *t)
{
	int ret;

	ret = mmd_irq_raise(t->dev);
	if (!ret)
		ret = mmd_irq_wait(t->dev, mmd_deadline_ns(LIMIT_NS));
	if (ret)
		return failed(t, MMD_CALL_REG_WRITE, ret, "software interrupt");
	/* One event, one interrupt. */
	ret = mmd_irq_wait(t->dev, 0);
	if (ret != -EAGAIN) {
		snprintf(t->detail, sizeof(t->detail), "a second interrupt that nobody raised");
		return -EILSEQ;
	}
	return 0;
}

static int queue_copy(struct trial *t, struct mmd_queue *q)
{
	uint32_t from, to;
	struct mmd_completion done;
	struct mmapdemo_hw_sqe sqe;
	int ret;

	ret = mmd_window_create(t->dev, t->mem.handle, 0, LEN / 2, MMAPDEMO_WINDOW_READ, &from);
	if (!ret)
		ret = mmd_window_create(t->dev, t->mem.handle, LEN / 2, LEN / 2,
					MMAPDEMO_WINDOW_WRITE, &to);
	if (ret)
		return failed(t, MMD_CALL_WINDOW_CREATE, ret, "system memory");
	pattern(t->mem_map.ptr, LEN / 2, 9);
	memset((char *)t->mem_map.ptr + LEN / 2, 0, LEN / 2);
	mmd_sqe_copy(&sqe, mmd_at(to, 0), mmd_at(from, 0), LEN / 2, 1);
	mmd_queue_push(q, &sqe);
	mmd_queue_kick(q);
	ret = mmd_queue_wait(q, 1, mmd_deadline_ns(LIMIT_NS));
	if (!ret)
		ret = mmd_queue_poll(q, &done);
	if (ret)
		return failed(t, MMD_CALL_QUEUE_WAIT, ret, "queue");
	if (done.status != MMAPDEMO_CQ_OK ||
	    memcmp(t->mem_map.ptr, (char *)t->mem_map.ptr + LEN / 2, LEN / 2)) {
		snprintf(t->detail, sizeof(t->detail), "completion %s, or what was copied differs",
			 mmd_cq_status_name(done.status));
		return -EILSEQ;
	}
	mmd_window_destroy(t->dev, from);
	mmd_window_destroy(t->dev, to);
	return 0;
}

static int try_queue(struct trial *t)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_SLEEP };
	struct mmd_queue *q;
	int ret;

	ret = mmd_queue_create(t->dev, &attr, &q);
	if (ret)
		return failed(t, MMD_CALL_QUEUE_CREATE, ret, "queue");
	ret = t->mem.handle ? queue_copy(t, q) : -ECANCELED;
	mmd_queue_destroy(q);
	return ret;
}

static const struct {
	const char *name;
	int (*run)(struct trial *t);
} steps[] = {
	{ "registers", try_registers },
	{ "device memory", try_memory },
	{ "DMA", try_dma },
	{ "DMA, eventfd", try_eventfd },
	{ "interrupt", try_interrupt },
	{ "queue", try_queue },
};

/* 0, or 1: a step failed. */
static int try_steps(struct tool *tool, struct trial *t, json_t *rows)
{
	uint32_t backend = mmd_backend(t->dev), lacks;
	const char *word, *why;
	int ret, bad = 0;
	json_t *row;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		t->detail[0] = '\0';
		ret = steps[i].run(t);
		word = ret ? "FAIL" : "ok";
		lacks = ret == -EOPNOTSUPP ? mmd_refused(t->dev) : MMD_CAN_NONE;
		if (lacks && mmd_backend_can(backend, lacks, &why) == -EOPNOTSUPP) {
			word = "cannot";
			snprintf(t->detail, sizeof(t->detail), "%s: %s",
				 mmd_capability_name(lacks), why);
		}
		bad |= !strcmp(word, "FAIL");
		tool_say(tool, "%-7s %-6s  %-14s %s\n", mmd_backend_name(backend), word,
			 steps[i].name, t->detail);
		row = json_pack("{s:s, s:s, s:s, s:s, s:s?}", "backend", mmd_backend_name(backend),
				"step", steps[i].name, "result", word, "detail", t->detail,
				"lacks", lacks ? mmd_capability_name(lacks) : NULL);
		json_array_append_new(rows, row);
	}
	return bad;
}

static int try_one(struct tool *tool, const struct args *args, json_t *rows)
{
	struct trial t = { .dev = tool->dev };
	int status = try_steps(tool, &t, rows) ? STATUS_FAILED : STATUS_OK;

	if (!status && args->time)
		status = backends_time(tool, &t, json_object_get(tool->result, "times"));
	mmd_unmap(&t.mem_map);
	mmd_unmap(&t.device_map);
	return status;
}

/* Each that the device, or one of several, is bound to. */
static int try_all(struct tool *tool, const struct args *args, json_t *rows)
{
	int status = STATUS_NO_DEVICE, one, ret;
	uint32_t backend;

	for (backend = 1; backend <= MMD_BACKEND_MAX; backend++) {
		ret = mmd_open_bdf(NULL, backend, 0, &tool->dev);
		if (ret == -ENXIO || ret == -ENOENT) {
			tool_say(tool, "%-7s absent  no function is bound to its kernel driver\n",
				 mmd_backend_name(backend));
			continue;
		}
		tool->path = mmd_backend_name(backend);
		if (ret) {
			status = tool_explain(tool, MMD_CALL_OPEN, ret, NULL);
			continue;
		}
		one = try_one(tool, args, rows);
		mmd_close(tool->dev);
		tool->dev = NULL;
		tool->path = mmd_backend_name(backend);
		if (one != STATUS_OK || status == STATUS_NO_DEVICE)
			status = one;
	}
	return status;
}

int cmd_backends(struct tool *tool, int argc, char **argv)
{
	struct args args = { .tool = tool };
	json_t *rows = json_array();
	int status;

	argp_parse(&argp, argc, argv, 0, NULL, &args);
	if (!args.try) {
		json_decref(rows);
		json_object_set_new(tool->result, "capabilities", table_json());
		if (args.markdown)
			show_markdown(tool);
		else
			show_text(tool);
		return STATUS_OK;
	}
	json_object_set_new(tool->result, "steps", rows);
	if (args.time)
		json_object_set_new(tool->result, "times", json_array());
	if (!tool->path_given && !tool->backend)
		return try_all(tool, &args, rows);
	status = tool_open(tool, 0);
	return status ? status : try_one(tool, &args, rows);
}
