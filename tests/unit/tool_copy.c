// SPDX-License-Identifier: MIT
/*
 * tool_copy.c - the tool's comparisons: copies that go wrong in one byte must be found. The device
 * is a piece of ordinary memory behind a scripted backend, and makes the mistakes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

#include "copy.h"
#include "object.h"
#include "smaps.h"

#define LEN	10000u

/* --- patterns ----------------------------------------------------------------------------- */

static void pattern_fill_and_compare(void **state)
{
	static const struct pattern patterns[] = {
		{ PATTERN_BYTE, 0 }, { PATTERN_BYTE, 0x5a }, { PATTERN_COUNTER, 0 },
	};
	unsigned char data[5000];
	size_t i, at;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		poison(data, sizeof(data));
		pattern_fill(&patterns[i], 24, data, sizeof(data));
		assert_int_equal(pattern_compare(&patterns[i], 24, data, sizeof(data)),
				 sizeof(data));
		for (at = 0; at < sizeof(data); at += 1249) {
			data[at] ^= 0x10;
			assert_int_equal(pattern_compare(&patterns[i], 24, data, sizeof(data)), at);
			data[at] ^= 0x10;
		}
	}
	/* Each 8-byte word holds its own offset, little endian. */
	pattern_fill(&patterns[2], 0, data, sizeof(data));
	assert_int_equal(data[0x808], 0x08);
	assert_int_equal(data[0x809], 0x08);
	assert_int_equal(data[0x80a], 0);
}

static void copy_fill_words_differ(void **state)
{
	uint64_t a[512], b[512];
	size_t i, j;

	(void)state;
	copy_fill((unsigned char *)a, sizeof(a), 0);
	copy_fill((unsigned char *)b, sizeof(b), 1);
	for (i = 0; i < 512; i++) {
		assert_true(a[i] != b[i]);
		for (j = i + 1; j < 512; j++)
			assert_true(a[i] != a[j]);
	}
	/* The odd tail holds what a longer one would. */
	copy_fill((unsigned char *)b, 13, 0);
	assert_memory_equal(a, b, 13);
}

/* --- round trips -------------------------------------------------------------------------- */

/* What the "device" does wrong. */
enum fault {
	FAULT_NONE,
	FAULT_BYTE,		/* one byte does not arrive */
	FAULT_SHORT,		/* says so many bytes, moves fewer */
	FAULT_LATE_BYTE,	/* one byte too many, behind the data */
	FAULT_EARLY_BYTE,	/* one byte before the data */
	FAULT_MEM_GUARD,	/* from the device: one byte too many in memory */
	FAULT_SOURCE,		/* to the device: changes its source */
	FAULT_NOT_BACK,		/* from the device: nothing arrives */
	FAULT_BYTES,		/* reports a wrong count */
	FAULT_USER_DATA,	/* reports another transfer */
};

static unsigned char *dev_mem, *sys_mem;
static enum fault fault;

static void transfer(const struct mmapdemo_dma_submit *s)
{
	unsigned char *dev = dev_mem + s->dev_off, *mem = sys_mem + s->mem_off;
	size_t len = fault == FAULT_SHORT ? s->len - 1 : s->len;

	if (s->direction == MMAPDEMO_DMA_TO_DEVICE) {
		memcpy(dev, mem, len);
		if (fault == FAULT_BYTE)
			dev[s->len / 2] ^= 1;
		if (fault == FAULT_LATE_BYTE)
			dev[s->len] ^= 1;
		if (fault == FAULT_EARLY_BYTE)
			dev[-1] ^= 1;
		if (fault == FAULT_SOURCE)
			mem[s->len - 1] ^= 1;
	} else if (fault != FAULT_NOT_BACK) {
		memcpy(mem, dev, len);
		if (fault == FAULT_MEM_GUARD)
			mem[s->len] ^= 1;
	}
}

static int reply_device(struct mock *mock, unsigned long cmd, void *arg)
{
	static uint64_t user_data, bytes;

	switch (cmd) {
	case MMAPDEMO_IOC_INFO: {
		struct mmapdemo_info *i = arg;

		i->out_mem_size = 1 << 20;
		i->out_max_contig = 1 << 20;
		i->out_max_bytes = 1 << 20;
		i->out_dma_max_len = 1 << 20;
		return 0;
	}
	case MMAPDEMO_IOC_BUF_ALLOC: {
		struct mmapdemo_buf_alloc *a = arg;
		bool bar = a->technique == MMAPDEMO_TECH_BAR;
		unsigned char **mem = bar ? &dev_mem : &sys_mem;

		/* The library ends mappings with munmap(2). */
		a->out_len = (a->len + 4095) & ~4095ULL;
		*mem = mmap(NULL, a->out_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mock->map_ptr = *mem;
		a->out_handle = bar ? 2 : 1;
		return 0;
	}
	case MMAPDEMO_IOC_DMA_SUBMIT: {
		struct mmapdemo_dma_submit *s = arg;

		transfer(s);
		s->out_seq = 1;
		user_data = s->user_data;
		bytes = s->len;
		return 0;
	}
	case MMAPDEMO_IOC_DMA_WAIT: {
		struct mmapdemo_dma_wait *w = arg;

		w->out_seq = 1;
		w->out_user_data = user_data + (fault == FAULT_USER_DATA);
		w->out_bytes = bytes - (fault == FAULT_BYTES);
		return 0;
	}
	default:
		return 0;
	}
}

static int round_trip(enum fault how, size_t chunk)
{
	struct mock mock = { .reply = reply_device };
	struct tool tool = { .path = "mock", .json = true, .result = json_object() };
	unsigned char *source = malloc(LEN), *back = malloc(LEN);
	struct copy copy = {
		.via = COPY_DMA,
		.technique = MMAPDEMO_TECH_PAGES,
		.mode = MMD_DMA_WAIT,
		.chunk = chunk,
		.timeout_ns = 1000000000,
	};
	int status;

	tool.dev = mock_open(&mock);
	fault = how;
	copy_fill(source, LEN, 3);
	assert_int_equal(copy_prepare(&copy, &tool, LEN), 0);
	status = copy_round_trip(&copy, source, back);
	if (!status)
		assert_memory_equal(source, back, LEN);
	else
		assert_non_null(json_object_get(tool.result, "error"));
	assert_int_equal(copy_release(&copy), 0);
	mmd_close(tool.dev);
	json_decref(tool.result);
	free(source);
	free(back);
	return status;
}

static void round_trip_good_passes(void **state)
{
	(void)state;
	assert_int_equal(round_trip(FAULT_NONE, 0), 0);
	assert_int_equal(round_trip(FAULT_NONE, LEN), 0);
	/* Chunks that leave a rest. */
	assert_int_equal(round_trip(FAULT_NONE, 999), 0);
}

static void round_trip_every_fault_is_found(void **state)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), how, found = 0;

	(void)state;
	dup2(null, STDERR_FILENO);
	for (how = FAULT_BYTE; how <= FAULT_USER_DATA; how++)
		found += round_trip((enum fault)how, LEN) == STATUS_FAILED;
	dup2(saved, STDERR_FILENO);
	close(null);
	close(saved);
	assert_int_equal(found, FAULT_USER_DATA);
}

/* --- smaps -------------------------------------------------------------------------------- */

static const char smaps_text[] =
	"00400000-00402000 r-xp 00000000 08:01 123 /bin/x\n"
	"Size:                  8 kB\n"
	"Rss:                   4 kB\n"
	"VmFlags: rd ex mr mw me sd \n"
	"7f0000000000-7f0000004000 rw-s 1000000000 00:06 77 /dev/mmapdemo0\n"
	"Size:                 16 kB\n"
	"Rss:                  12 kB\n"
	"VmFlags: rd wr sh mr mw ms pf io de dd \n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]\n"
	"VmFlags: ex \n";

static int find(const char *text, uint64_t addr, struct smaps *smaps)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	int ret = smaps_find(f, addr, smaps);

	fclose(f);
	return ret;
}

static void smaps_finds_the_mapping(void **state)
{
	struct smaps smaps;

	(void)state;
	assert_int_equal(find(smaps_text, 0x7f0000003fff, &smaps), 0);
	assert_int_equal(smaps.start, 0x7f0000000000);
	assert_int_equal(smaps.end, 0x7f0000004000);
	assert_string_equal(smaps.perms, "rw-s");
	assert_string_equal(smaps.vm_flags, "rd wr sh mr mw ms pf io de dd");
	assert_int_equal(smaps.rss_kib, 12);
	assert_int_equal(find(smaps_text, 0x400000, &smaps), 0);
	assert_string_equal(smaps.vm_flags, "rd ex mr mw me sd");
	poison(&smaps, sizeof(smaps));
	assert_int_equal(find(smaps_text, 0x7f0000004000, &smaps), -ENOENT);
	assert_int_equal(find("", 0, &smaps), -ENOENT);
	assert_int_equal(find("00400000-00402000 r-xp 0 0 0\nRss: 1 kB\n", 0x400000, &smaps), -EIO);
	assert_true(is_poisoned(&smaps, sizeof(smaps)));
	assert_string_equal(smaps_flag_name("io de"), "VM_IO");
	assert_null(smaps_flag_name("zz"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pattern_fill_and_compare),
		cmocka_unit_test(copy_fill_words_differ),
		cmocka_unit_test(round_trip_good_passes),
		cmocka_unit_test(round_trip_every_fault_is_found),
		cmocka_unit_test(smaps_finds_the_mapping),
	};

	return cmocka_run_group_tests_name("tool copy", tests, NULL, NULL);
}
