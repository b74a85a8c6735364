// SPDX-License-Identifier: MIT
/*
 * queue_names.c - the words for the constants of queues and windows, and tables of their registers.
 */
#include <errno.h>
#include <strings.h>

#include <mmapdemo/queue.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct word {
	const char *name;
	const char *text;
};

/* Indexed by the constant; each list is complete, see the assertions. */
static const struct word statuses[] = {
	[MMAPDEMO_CQ_OK] = { "ok", "every byte" },
	[MMAPDEMO_CQ_OPCODE] = { "opcode", "no such operation" },
	[MMAPDEMO_CQ_RESERVED] = { "reserved", "a member that this operation does not use is not 0" },
	[MMAPDEMO_CQ_LENGTH] = { "length", "length 0 or above QUEUE_MAX_LEN, or not one for this operation" },
	[MMAPDEMO_CQ_WINDOW] = { "window", "no such window, not valid, or not of this file" },
	[MMAPDEMO_CQ_RANGE] = { "range", "not inside the window" },
	[MMAPDEMO_CQ_ACCESS] = { "access", "the window is not for reading, or not for writing" },
	[MMAPDEMO_CQ_LIST] = { "list", "a list is too long, has an empty element, or a wrong sum" },
	[MMAPDEMO_CQ_BUS] = { "bus", "the bus refused, or the memory behind the window is not RAM" },
	[MMAPDEMO_CQ_ABORTED] = { "aborted", "a window was taken away meanwhile" },
	[MMAPDEMO_CQ_MISCOMPARE] = { "miscompare", "the bytes differ; aux is the first difference" },
	[MMAPDEMO_CQ_INJECTED] = { "injected", "failed by an x-fault property of the device" },
};

static const struct word queue_errors[] = {
	[MMAPDEMO_QERR_NONE] = { "none", "no error" },
	[MMAPDEMO_QERR_TAIL] = { "tail", "sq_tail was more than a ring ahead of the head" },
	[MMAPDEMO_QERR_RING] = { "ring", "the memory of the queue is not reachable as RAM" },
	[MMAPDEMO_QERR_BUS_OFF] = { "bus-off", "bus mastering is off, or the device sleeps" },
	[MMAPDEMO_QERR_BASE] = { "base", "bus address not aligned, wrapping, or above DMA_MASK" },
	[MMAPDEMO_QERR_LOG2N] = { "log2n", "number of slots out of range" },
	[MMAPDEMO_QERR_PD] = { "pd", "protection domain out of range" },
	[MMAPDEMO_QERR_VECTOR] = { "vector", "no such interrupt vector" },
};

static const struct word window_errors[] = {
	[MMAPDEMO_WERR_NONE] = { "none", "no error" },
	[MMAPDEMO_WERR_LEN] = { "len", "length 0, or more than its lists hold" },
	[MMAPDEMO_WERR_ADDR] = { "addr", "wrapping, above DMA_MASK, or a list page not aligned" },
	[MMAPDEMO_WERR_RANGE] = { "range", "not inside the device memory" },
	[MMAPDEMO_WERR_SHIFT] = { "shift", "page size out of range" },
	[MMAPDEMO_WERR_FIRST] = { "first", "offset not inside the first page" },
};

static const struct word states[] = {
	[MMAPDEMO_QSTATE_DISABLED] = { "disabled", NULL },
	[MMAPDEMO_QSTATE_RUNNING] = { "running", NULL },
	[MMAPDEMO_QSTATE_PAUSED] = { "paused", NULL },
	[MMAPDEMO_QSTATE_ERROR] = { "error", NULL },
};

static const struct word ops[] = {
	[MMAPDEMO_OP_NOP] = { "nop", NULL },
	[MMAPDEMO_OP_COPY] = { "copy", NULL },
	[MMAPDEMO_OP_FILL] = { "fill", NULL },
	[MMAPDEMO_OP_COMPARE] = { "compare", NULL },
	[MMAPDEMO_OP_CRC32C] = { "crc32c", NULL },
	[MMAPDEMO_OP_TIMED] = { "timed", NULL },
};

static const struct word engines[] = {
	[MMAPDEMO_ENGINE_AUTO] = { "auto", NULL },
	[MMAPDEMO_ENGINE_INLINE] = { "inline", NULL },
	[MMAPDEMO_ENGINE_VCPU] = { "vcpu", NULL },
	[MMAPDEMO_ENGINE_BH] = { "bh", NULL },
	[MMAPDEMO_ENGINE_IOTHREAD] = { "iothread", NULL },
	[MMAPDEMO_ENGINE_THREAD] = { "thread", NULL },
};

_Static_assert(ARRAY_SIZE(statuses) == MMAPDEMO_CQ_MAX + 1, "one row for each status");
_Static_assert(ARRAY_SIZE(queue_errors) == MMAPDEMO_QERR_MAX + 1, "one row for each error");
_Static_assert(ARRAY_SIZE(window_errors) == MMAPDEMO_WERR_MAX + 1, "one row for each error");
_Static_assert(ARRAY_SIZE(ops) == MMAPDEMO_OP_MAX + 1, "one row for each operation");

#define NAME_OF(words, value) \
	((value) < ARRAY_SIZE(words) ? (words)[value].name : "unknown")

const char *mmd_cq_status_name(uint32_t status)
{
	return NAME_OF(statuses, status);
}

const char *mmd_queue_error_name(uint32_t error)
{
	return NAME_OF(queue_errors, error);
}

const char *mmd_queue_state_name(uint32_t state)
{
	return NAME_OF(states, state);
}

const char *mmd_queue_op_name(uint32_t op)
{
	return NAME_OF(ops, op);
}

const char *mmd_engine_name(uint32_t engine)
{
	return NAME_OF(engines, engine & MMAPDEMO_ENGINE_KIND);
}

const char *mmd_window_error_name(uint32_t error)
{
	return NAME_OF(window_errors, error);
}

int mmd_queue_op_value(const char *name, uint32_t *op)
{
	uint32_t i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (!strcasecmp(ops[i].name, name)) {
			*op = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *mmd_cq_status_text(uint32_t status)
{
	return status < ARRAY_SIZE(statuses) ? statuses[status].text :
	       "a status this library does not know";
}

const char *mmd_queue_error_text(uint32_t error)
{
	return error < ARRAY_SIZE(queue_errors) ? queue_errors[error].text :
	       "an error this library does not know";
}

#define REG_ROW(prefix, reg_name, bytes, acc, bits, after_reset, who, desc) \
	{ \
		.name = #reg_name, \
		.text = desc, \
		.offset = MMAPDEMO_##prefix##_##reg_name, \
		.width = bytes, \
		.access = MMD_REG_##acc, \
		.scope = MMD_REG_##who, \
		.writable = bits, \
		.reset = after_reset, \
	},
#define QREG_ROW(name, bytes, acc, bits, after_reset, who, desc) \
	REG_ROW(QREG, name, bytes, acc, bits, after_reset, who, desc)
#define WREG_ROW(name, bytes, acc, bits, after_reset, who, desc) \
	REG_ROW(WREG, name, bytes, acc, bits, after_reset, who, desc)

static const struct mmd_reg queue_regs[] = {
	MMAPDEMO_HW_QREGS(QREG_ROW)
};

static const struct mmd_reg window_regs[] = {
	MMAPDEMO_HW_WREGS(WREG_ROW)
};

const struct mmd_reg *mmd_queue_reg_table(size_t *count)
{
	*count = ARRAY_SIZE(queue_regs);
	return queue_regs;
}

const struct mmd_reg *mmd_window_reg_table(size_t *count)
{
	*count = ARRAY_SIZE(window_regs);
	return window_regs;
}
