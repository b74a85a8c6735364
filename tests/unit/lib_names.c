// SPDX-License-Identifier: MIT
/*
 * lib_names.c - names, the register table, and explanations of errors.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "unit.h"

#include <mmapdemo/queue.h>

typedef const char *(*name_fn)(uint32_t value);
typedef int (*value_fn)(const char *name, uint32_t *value);

static void check_round_trip(name_fn name, value_fn value, uint32_t first, uint32_t last)
{
	uint32_t v, back;
	char upper[32];
	size_t i;

	for (v = first; v <= last; v++) {
		assert_string_not_equal(name(v), "unknown");
		back = ~v;
		assert_int_equal(value(name(v), &back), 0);
		assert_int_equal(back, v);
		for (i = 0; name(v)[i]; i++)
			upper[i] = (char)toupper((unsigned char)name(v)[i]);
		upper[i] = '\0';
		assert_int_equal(value(upper, &back), 0);
		assert_int_equal(back, v);
	}
	assert_string_equal(name(last + 1), "unknown");
	assert_string_equal(name(UINT32_MAX), "unknown");
	back = 0x12345;
	assert_int_equal(value("unknown", &back), -EINVAL);
	assert_int_equal(value("", &back), -EINVAL);
	assert_int_equal(value("ba", &back), -EINVAL);
	assert_int_equal(back, 0x12345);
}

static void names_round_trip(void **state)
{
	(void)state;
	check_round_trip(mmd_technique_name, mmd_technique_value, MMAPDEMO_TECH_BAR,
			 MMAPDEMO_TECH_MAX);
	check_round_trip(mmd_cache_name, mmd_cache_value, MMAPDEMO_CACHE_DEFAULT,
			 MMAPDEMO_CACHE_UC_MINUS);
	check_round_trip(mmd_region_name, mmd_region_value, MMAPDEMO_REGION_EXAMPLE,
			 MMAPDEMO_REGION_ALIAS);
	check_round_trip(mmd_dma_mode_name, mmd_dma_mode_value, MMD_DMA_WAIT, MMD_DMA_SPIN);
	check_round_trip(mmd_hw_error_name, mmd_hw_error_value, MMAPDEMO_ERR_NONE,
			 MMAPDEMO_ERR_MAX);
	assert_string_equal(mmd_technique_name(0), "unknown");
	assert_string_equal(mmd_technique_name(MMAPDEMO_TECH_BAR_HUGE), "bar-huge");
	assert_string_equal(mmd_reg_access_name(MMD_REG_W1C), "W1C");
	assert_string_equal(mmd_reg_access_name(0), "unknown");
}

static void technique_is_device_for_the_bar_ones(void **state)
{
	uint32_t technique;

	(void)state;
	for (technique = 0; technique <= MMAPDEMO_TECH_MAX + 1; technique++)
		assert_int_equal(mmd_technique_is_device(technique),
				 !strncmp(mmd_technique_name(technique), "bar", 3));
	assert_false(mmd_technique_is_device(UINT32_MAX));
}

/* Each constant of the contract has a word of its own, and the first value beyond has none. */
static void check_words(name_fn name, uint32_t last)
{
	uint32_t a, b;

	for (a = 0; a <= last; a++) {
		assert_string_not_equal(name(a), "unknown");
		for (b = a + 1; b <= last; b++)
			assert_string_not_equal(name(a), name(b));
	}
	assert_string_equal(name(last + 1), "unknown");
	assert_string_equal(name(UINT32_MAX), "unknown");
}

static const char *engine_kind_name(uint32_t engine)
{
	/* Bits above the kind do not matter, so only the kind can be unknown. */
	return mmd_engine_name((engine & MMAPDEMO_ENGINE_KIND) | MMAPDEMO_ENGINE_POLLS |
			       MMAPDEMO_ENGINE_LOCK_STATS);
}

static void queue_names_are_complete(void **state)
{
	uint32_t op;

	(void)state;
	check_words(mmd_cq_status_name, MMAPDEMO_CQ_MAX);
	check_words(mmd_queue_error_name, MMAPDEMO_QERR_MAX);
	check_words(mmd_queue_state_name, MMAPDEMO_QSTATE_ERROR);
	check_words(mmd_engine_name, MMAPDEMO_ENGINE_THREAD);
	check_words(engine_kind_name, MMAPDEMO_ENGINE_THREAD);
	check_words(mmd_window_error_name, MMAPDEMO_WERR_MAX);
	check_round_trip(mmd_queue_op_name, mmd_queue_op_value, MMAPDEMO_OP_NOP, MMAPDEMO_OP_MAX);
	assert_string_equal(mmd_cq_status_name(MMAPDEMO_CQ_MISCOMPARE), "miscompare");
	assert_string_equal(mmd_queue_error_name(MMAPDEMO_QERR_BUS_OFF), "bus-off");
	assert_string_equal(mmd_queue_state_name(MMAPDEMO_QSTATE_RUNNING), "running");
	assert_string_equal(mmd_engine_name(MMAPDEMO_ENGINE_VCPU), "vcpu");
	assert_string_equal(mmd_window_error_name(MMAPDEMO_WERR_SHIFT), "shift");
	assert_int_equal(mmd_queue_op_value("CRC32C", &op), 0);
	assert_int_equal(op, MMAPDEMO_OP_CRC32C);
}

static void hw_error_texts_differ(void **state)
{
	uint32_t a, b;

	(void)state;
	for (a = 0; a <= MMAPDEMO_ERR_MAX + 1; a++)
		for (b = a + 1; b <= MMAPDEMO_ERR_MAX + 1; b++)
			assert_string_not_equal(mmd_hw_error_text(a), mmd_hw_error_text(b));
	for (a = 0; a <= MMAPDEMO_CQ_MAX + 1; a++)
		for (b = a + 1; b <= MMAPDEMO_CQ_MAX + 1; b++)
			assert_string_not_equal(mmd_cq_status_text(a), mmd_cq_status_text(b));
	for (a = 0; a <= MMAPDEMO_QERR_MAX + 1; a++)
		for (b = a + 1; b <= MMAPDEMO_QERR_MAX + 1; b++)
			assert_string_not_equal(mmd_queue_error_text(a), mmd_queue_error_text(b));
}

/* --- registers ---------------------------------------------------------------------------- */

static void reg_table_is_the_contract(void **state)
{
	const struct mmd_reg *regs;
	size_t count, n = 0;

	(void)state;
	regs = mmd_reg_table(&count);
#define ROW(reg, bytes, acc, bits, after_reset, who, desc) \
	assert_true(n < count); \
	assert_string_equal(regs[n].name, #reg); \
	assert_int_equal(regs[n].offset, MMAPDEMO_REG_##reg); \
	assert_int_equal(regs[n].width, bytes); \
	assert_string_equal(mmd_reg_access_name(regs[n].access), #acc); \
	assert_string_equal(regs[n].scope == MMD_REG_PUBLIC ? "PUBLIC" : "PRIVATE", #who); \
	assert_true(regs[n].writable == (bits)); \
	assert_true(regs[n].reset == (after_reset)); \
	assert_string_equal(regs[n].text, desc); \
	n++;
	MMAPDEMO_HW_REGS(ROW)
#undef ROW
	assert_int_equal(n, count);
}

static void reg_lookup_finds_each_and_nothing_else(void **state)
{
	const struct mmd_reg *regs;
	char name[64];
	size_t count, i;
	uint32_t off, hits = 0;

	(void)state;
	regs = mmd_reg_table(&count);
	for (i = 0; i < count; i++) {
		assert_ptr_equal(mmd_reg_by_name(regs[i].name), &regs[i]);
		snprintf(name, sizeof(name), "mmapdemo_reg_%s", regs[i].name);
		assert_ptr_equal(mmd_reg_by_name(name), &regs[i]);
		assert_ptr_equal(mmd_reg_by_offset(regs[i].offset), &regs[i]);
	}
	for (off = 0; off < 0x20100; off++)
		hits += mmd_reg_by_offset(off) != NULL;
	assert_int_equal(hits, count);
	assert_null(mmd_reg_by_name(""));
	assert_null(mmd_reg_by_name("I"));
	assert_null(mmd_reg_by_name("IDX"));
	assert_null(mmd_reg_by_name("MMAPDEMO_REG_"));
	assert_null(mmd_reg_by_offset(UINT32_MAX));
}

static void check_table(const struct mmd_reg *regs, size_t count, size_t n, const char *name,
			uint32_t offset, uint32_t width, const char *access, uint64_t bits)
{
	assert_true(n < count);
	assert_string_equal(regs[n].name, name);
	assert_int_equal(regs[n].offset, offset);
	assert_int_equal(regs[n].width, width);
	assert_string_equal(mmd_reg_access_name(regs[n].access), access);
	assert_int_equal(regs[n].scope, MMD_REG_PRIVATE);
	assert_true(regs[n].writable == bits);
}

static void queue_and_window_tables_are_the_contract(void **state)
{
	const struct mmd_reg *regs;
	size_t count, n = 0;

	(void)state;
	regs = mmd_queue_reg_table(&count);
#define ROW(reg, bytes, acc, bits, after_reset, who, desc) \
	check_table(regs, count, n++, #reg, MMAPDEMO_QREG_##reg, bytes, #acc, bits);
	MMAPDEMO_HW_QREGS(ROW)
#undef ROW
	assert_int_equal(n, count);
	regs = mmd_window_reg_table(&count);
	n = 0;
#define ROW(reg, bytes, acc, bits, after_reset, who, desc) \
	check_table(regs, count, n++, #reg, MMAPDEMO_WREG_##reg, bytes, #acc, bits);
	MMAPDEMO_HW_WREGS(ROW)
#undef ROW
	assert_int_equal(n, count);
}

/* --- explanations ------------------------------------------------------------------------- */

static void explain_every_call_and_errno(void **state)
{
	struct mmd_explanation e;
	int call, err;

	(void)state;
	for (call = 0; call <= MMD_CALL_COUNT; call++) {
		for (err = -1; err >= -200; err--) {
			poison(&e, sizeof(e));
			mmd_explain((enum mmd_call)call, err, &e);
			assert_true(strlen(e.action) > 5);
			assert_true(strlen(e.cause) > 3);
			assert_non_null(e.remedy);
			/* Parts of one sentence: no full stop inside, one at the end of advice. */
			assert_null(strchr(e.cause, '\n'));
			assert_int_not_equal(e.cause[strlen(e.cause) - 1], '.');
			if (*e.remedy)
				assert_non_null(strchr(".?", e.remedy[strlen(e.remedy) - 1]));
		}
	}
	mmd_explain((enum mmd_call)-1, -EINVAL, &e);
	assert_string_equal(e.action, "call failed");
}

static void explain_known_cases_advise(void **state)
{
	static const struct {
		enum mmd_call call;
		int err;
		const char *cause, *remedy;
	} cases[] = {
		{ MMD_CALL_OPEN, -ENOENT, "No such file", "lsmod" },
		{ MMD_CALL_OPEN, -EACCES, "ermission", "root" },
		{ MMD_CALL_OPEN, -ENOTTY, "not an mmapdemo", "/dev/mmapdemo" },
		{ MMD_CALL_OPEN, -EPROTO, "version", "same release" },
		{ MMD_CALL_OPEN, -EBUSY, "alone", "fuser" },
		{ MMD_CALL_BUF_ALLOC, -EDQUOT, "limit", "Free" },
		{ MMD_CALL_BUF_ALLOC, -EBUSY, "cache type", "default" },
		{ MMD_CALL_REG_READ, -EPERM, "private", "allow_raw_bar" },
		{ MMD_CALL_DMA_WAIT, -ENODEV, "gone", "lspci" },
		{ MMD_CALL_MAP, -ENODEV, "gone", "lspci" },
		{ MMD_CALL_DMA_WAIT, -ETIMEDOUT, "in time", "DMA_STATUS" },
		{ MMD_CALL_INFO, -E2BIG, "newer", "same release" },
		{ MMD_CALL_QUEUE_CREATE, -EBUSY, "in use", "queues=N" },
		{ MMD_CALL_QUEUE_CREATE, -ENOTTY, "does not know", "same release" },
		{ MMD_CALL_QUEUE_WAIT, -EIO, "stopped", "mmd_queue_info" },
		{ MMD_CALL_QUEUE_WAIT, -ENODEV, "gone", "lspci" },
		{ MMD_CALL_WINDOW_CREATE, -EOPNOTSUPP, "bounce", "COHERENT" },
		{ MMD_CALL_WINDOW_CREATE, -EDQUOT, "limit", "limits" },
		{ MMD_CALL_BUF_ALLOC, -EOPNOTSUPP, "technique", "info" },
		{ MMD_CALL_BUF_PIN, -ENOMEM, "locked memory", "ulimit -l" },
		{ MMD_CALL_BUF_PIN, -EFAULT, "may be written", "READ_ONLY" },
		{ MMD_CALL_BUF_PIN, -ENOTTY, "does not know", "same release" },
		{ MMD_CALL_BUF_SYNC, -EINVAL, "device memory", "system memory" },
		{ MMD_CALL_BUF_EXPORT, -EOPNOTSUPP, "dma-buf", "info" },
		{ MMD_CALL_QUEUE_SUBMIT, -EINVAL, "queue of the driver", "MMD_QUEUE_KERNEL" },
		{ MMD_CALL_QUEUE_SUBMIT, -EIO, "stopped", "mmd_queue_info" },
	};
	struct mmd_explanation e, positive;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		mmd_explain(cases[i].call, cases[i].err, &e);
		if (!strstr(e.cause, cases[i].cause) || !strstr(e.remedy, cases[i].remedy))
			fail_msg("call %d errno %d: \"%s\" \"%s\"", cases[i].call, cases[i].err, e.cause,
				 e.remedy);
		mmd_explain(cases[i].call, -cases[i].err, &positive);
		assert_string_equal(positive.cause, e.cause);
		assert_string_equal(positive.remedy, e.remedy);
	}
}

/* The errno vocabulary of linux/mmapdemo.h: each has words of its own, not the C library's alone. */
static void explain_covers_the_vocabulary(void **state)
{
	static const int vocabulary[] = {
		EPERM, ENODEV, ETIMEDOUT, EIO, ENOTTY, E2BIG, EDQUOT, ENOENT, EINTR, ENOMEM,
	};
	struct mmd_explanation e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(vocabulary); i++) {
		mmd_explain(MMD_CALL_INFO, -vocabulary[i], &e);
		assert_true(*e.remedy || strcmp(e.cause, strerror(vocabulary[i])));
	}
}

static void explain_str_is_bounded(void **state)
{
	char full[1024], part[1024];
	int len, size;

	(void)state;
	len = mmd_explain_str(MMD_CALL_OPEN, -ENOENT, "/dev/x", full, sizeof(full));
	assert_int_equal(len, strlen(full));
	assert_ptr_equal(strstr(full, "/dev/x: cannot open: No such file or directory. Is the driver"),
			 full);
	for (size = 0; size < 40; size++) {
		poison(part, sizeof(part));
		assert_int_equal(mmd_explain_str(MMD_CALL_OPEN, -ENOENT, "/dev/x", part, (size_t)size),
				 len);
		assert_true(is_poisoned(part + size, sizeof(part) - (size_t)size));
		if (size)
			assert_int_equal(part[size - 1], '\0');
	}
	/* No advice, no trailing space. */
	mmd_explain_str(MMD_CALL_DMA_WAIT, -EAGAIN, "x", full, sizeof(full));
	assert_string_equal(full, "x: DMA transfer not completed: not finished yet.");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(technique_is_device_for_the_bar_ones),
		cmocka_unit_test(queue_names_are_complete),
		cmocka_unit_test(hw_error_texts_differ),
		cmocka_unit_test(reg_table_is_the_contract),
		cmocka_unit_test(queue_and_window_tables_are_the_contract),
		cmocka_unit_test(reg_lookup_finds_each_and_nothing_else),
		cmocka_unit_test(explain_every_call_and_errno),
		cmocka_unit_test(explain_known_cases_advise),
		cmocka_unit_test(explain_covers_the_vocabulary),
		cmocka_unit_test(explain_str_is_bounded),
	};

	return cmocka_run_group_tests_name("library names", tests, NULL, NULL);
}
