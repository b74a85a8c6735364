// SPDX-License-Identifier: MIT
/*
 * technique_bar.c - what is particular to the techniques that fill in device memory as it is
 * touched: how much a fault makes present, and that it comes back after a reset.
 *
 * Not for: what all techniques have in common, see map_*.c; how many faults, see map_fault.c.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

static struct mmapdemo_buf_alloc alloc_flags(int fd, u32 technique, u32 flags, u64 len)
{
	struct mmapdemo_buf_alloc a;

	if (!(info_get(fd).out_techniques & 1U << technique))
		test_skip("this kernel or device does not have technique %u", technique);
	CHECK_OK(buf_try_alloc(fd, technique, 0, flags, len, &a));
	return a;
}

static bool present(int fd, const char *p)
{
	struct mmapdemo_map_info i = map_info(fd, p);

	CHECK_EQ(i.out_entry_shift, i.out_present ? 12 : 0);
	return i.out_present;
}

/* The group is aligned in the buffer, and cut to mapping and buffer. */
static void fault_around_stays_inside_mapping_and_buffer(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = alloc_flags(fd, MMAPDEMO_TECH_BAR_FAULT,
						  MMAPDEMO_BUF_FAULT_AROUND, 40 * PAGE);
	char *p = map_rw(fd, 40 * PAGE, a.out_offset), *q;

	(void)arg;
	CHECK_EQ(touch_read(p + 20 * PAGE, NULL), 0);
	for (u64 n = 0; n < 40; n++)
		CHECK_EQ(present(fd, p + n * PAGE), n >= 16 && n < 32);
	CHECK_EQ(touch_read(p + 39 * PAGE, NULL), 0);
	for (u64 n = 0; n < 40; n++)
		CHECK_EQ(present(fd, p + n * PAGE), n >= 16);

	q = map_rw(fd, 3 * PAGE, a.out_offset + 2 * PAGE);
	CHECK_EQ(touch_write(q + PAGE, 0x600d0003), 0);
	for (u64 n = 0; n < 3; n++)
		CHECK(present(fd, q + n * PAGE));
	CHECK_EQ(present(fd, p + 3 * PAGE), 0);
	CHECK_EQ(*(volatile u32 *)(p + 3 * PAGE), 0x600d0003);
}

static void fault_around_of_another_technique_einval(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a;

	(void)arg;
	for (u32 t = 1; t <= MMAPDEMO_TECH_MAX; t++) {
		if (t == MMAPDEMO_TECH_BAR_FAULT || !(info_get(fd).out_techniques & 1U << t))
			continue;
		CHECK_RET(buf_try_alloc(fd, t, 0, MMAPDEMO_BUF_FAULT_AROUND, PAGE, &a), -EINVAL);
	}
}

/* As a user of the device would find it: gone for those that fill at mmap, and else back. */
static void reset_takes_away_and_a_touch_brings_back(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE, MMAPDEMO_TECH_BAR,
	};
	int fd = dev_open(O_RDWR);
	u32 have = info_get(fd).out_techniques, got;
	char *p[3], path[128];

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!(have & 1U << kinds[k]))
			continue;
		p[k] = map_rw(fd, 2 << 20, buf_alloc(fd, kinds[k], 2 << 20).out_offset);
		CHECK_EQ(touch_write(p[k] + PAGE, 0x600d0000 + kinds[k]), 0);
		CHECK_EQ(map_info(fd, p[k] + PAGE).out_present, 1);
	}
	file_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", dev_bus_id()), "1");
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!(have & 1U << kinds[k]))
			continue;
		CHECK_EQ(map_info(fd, p[k] + PAGE).out_present, 0);
		if (kinds[k] == MMAPDEMO_TECH_BAR) {
			CHECK_EQ(touch_read(p[k] + PAGE, &got), SIGBUS);
			continue;
		}
		CHECK_EQ(touch_read(p[k] + PAGE, &got), 0);
		CHECK_EQ(got, 0x600d0000 + kinds[k]);
	}
}

struct toucher {
	char *p;
	volatile bool over;
	volatile u32 refused, wrong;
};

static void *touch_all_the_time(void *arg)
{
	struct toucher *t = arg;
	u32 got;

	while (!t->over) {
		int sig = touch_read(t->p, &got);

		if (sig == SIGBUS)
			t->refused++;
		else if (sig || got != 0x600d600d)
			t->wrong++;
	}
	return NULL;
}

/*
 * While a reset lasts the device's registers and memory are nobody's: a touch is SIGBUS, and must not
 * bring the entry back before it is over. What is read before and after is what was there.
 */
static void reset_meanwhile_a_touch_is_sigbus(const void *arg)
{
	static const u32 kinds[] = { MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE };
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct toucher t = { 0 };
		u64 end = now_ns() + 10000000000ULL;
		pthread_t thread;
		u32 resets = 0;

		if (!(info_get(fd).out_techniques & 1U << kinds[k]))
			continue;
		t.p = map_rw(fd, 2 << 20, buf_alloc(fd, kinds[k], 2 << 20).out_offset);
		CHECK_EQ(touch_write(t.p, 0x600d600d), 0);
		CHECK(!pthread_create(&thread, NULL, touch_all_the_time, &t));
		/* A reset lasts 100 ms, in which the host may keep the thread's processor waiting. */
		for (; !t.refused && now_ns() < end; resets++)
			function_reset();
		t.over = true;
		pthread_join(thread, NULL);
		diag("%u touches refused in %u resets", t.refused, resets);
		CHECK(t.refused > 0);
		CHECK_EQ(t.wrong, 0);
		CHECK_EQ(touch_read(t.p, NULL), 0);
	}
}

void register_technique_bar(void)
{
	TEST_ADD(fault_around_stays_inside_mapping_and_buffer);
	TEST_ADD(fault_around_of_another_technique_einval);
	TEST_ADD(reset_takes_away_and_a_touch_brings_back);
	TEST_ADD_SLOW(reset_meanwhile_a_touch_is_sigbus, 30000);
}
