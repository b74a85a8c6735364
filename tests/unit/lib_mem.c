// SPDX-License-Identifier: MIT
/*
 * lib_mem.c - the accessors: values, byte order, and copies at every alignment and length.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#include <mmapdemo/mmapdemo.h>

#define AREA	256

static void mmio_accessors_are_little_endian(void **state)
{
	_Alignas(8) unsigned char bytes[16] = { 0 };

	(void)state;
	mmd_mmio_write32(bytes, 0x11223344);
	assert_int_equal(bytes[0], 0x44);
	assert_int_equal(bytes[3], 0x11);
	assert_int_equal(bytes[4], 0);
	mmd_mmio_write64(mmd_mmio_at(bytes, 8), 0x1122334455667788);
	assert_int_equal(bytes[8], 0x88);
	assert_int_equal(bytes[15], 0x11);
	assert_int_equal(mmd_mmio_read32(bytes), 0x11223344);
	assert_true(mmd_mmio_read64(bytes + 8) == 0x1122334455667788);
}

static void fill(unsigned char *p, size_t len, unsigned char first)
{
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = (unsigned char)(first + i * 7);
}

/* Every start within a word on both sides, every length up to some words: nothing beside it moves. */
static void mem_copies_every_alignment_and_length(void **state)
{
	_Alignas(16) unsigned char device[AREA], memory[AREA], want[AREA];
	size_t d, m, len;

	(void)state;
	for (d = 0; d < 16; d++) {
		for (m = 0; m < 16; m++) {
			for (len = 0; len < 80; len++) {
				fill(memory, AREA, 1);
				poison(device, AREA);
				poison(want, AREA);
				memcpy(want + d, memory + m, len);
				mmd_mem_to_device(device + d, memory + m, len);
				assert_memory_equal(device, want, AREA);

				fill(device, AREA, 2);
				poison(memory, AREA);
				poison(want, AREA);
				memcpy(want + m, device + d, len);
				mmd_mem_from_device(memory + m, device + d, len);
				assert_memory_equal(memory, want, AREA);
			}
		}
	}
}

static void mem_set_every_alignment_and_length(void **state)
{
	_Alignas(16) unsigned char device[AREA], want[AREA];
	size_t d, len;
	int byte;

	(void)state;
	for (d = 0; d < 16; d++) {
		for (len = 0; len < 80; len++) {
			for (byte = 0; byte < 0x200; byte += 0x55) {
				poison(device, AREA);
				poison(want, AREA);
				memset(want + d, byte, len);
				mmd_mem_set(device + d, byte, len);
				assert_memory_equal(device, want, AREA);
			}
		}
	}
}

/* Right up to a page that may not be touched, from both sides. */
static void mem_copies_touch_nothing_beyond(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), len;
	char *p = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char memory[64];
	int status;
	pid_t pid;

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mprotect(p + page, page, PROT_READ | PROT_WRITE), 0);
	pid = fork();
	if (pid == 0) {
		for (len = 0; len <= sizeof(memory); len++) {
			memset(memory, 1, sizeof(memory));
			mmd_mem_to_device(p + page, memory, len);
			mmd_mem_to_device(p + 2 * page - len, memory, len);
			mmd_mem_from_device(memory, p + page, len);
			mmd_mem_from_device(memory, p + 2 * page - len, len);
			mmd_mem_set(p + page, 2, len);
			mmd_mem_set(p + 2 * page - len, 2, len);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	munmap(p, 3 * page);
}

#ifdef __x86_64__
/* The processor's own check, which Linux turns into SIGBUS. */
static void check_alignment(bool on)
{
	if (on)
		__asm__ __volatile__("subq $128, %%rsp; pushfq; orq $0x40000, (%%rsp); popfq; addq $128, %%rsp" : : : "cc", "memory");
	else
		__asm__ __volatile__("subq $128, %%rsp; pushfq; andq $~0x40000, (%%rsp); popfq; addq $128, %%rsp" : : : "cc", "memory");
}

/* With both sides equally far from a word, every access can be aligned, and has to be. */
static void mem_copies_access_aligned_words_only(void **state)
{
	_Alignas(16) unsigned char device[AREA], memory[AREA] = { 0 };
	size_t off, len;
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		check_alignment(true);
		for (off = 0; off < 16; off++) {
			for (len = 0; len < 80; len++) {
				mmd_mem_to_device(device + off, memory + off, len);
				mmd_mem_from_device(memory + off, device + off, len);
				mmd_mem_set(device + off, 1, len);
			}
		}
		check_alignment(false);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmio_accessors_are_little_endian),
		cmocka_unit_test(mem_copies_every_alignment_and_length),
		cmocka_unit_test(mem_set_every_alignment_and_length),
		cmocka_unit_test(mem_copies_touch_nothing_beyond),
#ifdef __x86_64__
		cmocka_unit_test(mem_copies_access_aligned_words_only),
#endif
	};

	return cmocka_run_group_tests_name("library memory", tests, NULL, NULL);
}
