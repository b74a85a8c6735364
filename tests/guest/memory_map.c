// SPDX-License-Identifier: MIT
/*
 * memory_map.c - accesses to a device while another one's BARs come and go.
 *
 * The machine's part, not the driver's: an access that goes astray then is lost to its device, and
 * everything here that removes, resets or plugs a function under load would fail now and then, for
 * no fault of its own.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dev.h"
#include "machine.h"

#define NEIGHBOUR_ID	0x11101af4u	/* ivshmem: no driver claims it; its memory lies below ours */
#define COMMAND		4		/* in configuration space */
#define COMMAND_MEMORY	2
#define CHANGES		1000

static struct hammer {
	volatile u32 *scratch;
	atomic_bool stop;
	u64 accesses, astray;
} hammer;

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
}

/* Stores and loads of a register, and the timer of this processor, which is memory too. */
static void *hammer_on(void *arg)
{
	const struct timespec nap = { .tv_nsec = 50000 };
	u32 value = 0;

	(void)arg;
	pin_to(1);
	while (!atomic_load(&hammer.stop)) {
		*hammer.scratch = ++value;
		if (*hammer.scratch != value)
			hammer.astray++;
		if (!(++hammer.accesses % 200))
			nanosleep(&nap, NULL);
	}
	return NULL;
}

/* The configuration space of the neighbour, open for writing; -1: there is none. */
static int neighbour_open(void)
{
	char path[64];

	for (int slot = 0; slot < 32; slot++) {
		u32 id = 0;
		int fd;

		fd = open(strf(path, sizeof(path), "/sys/bus/pci/devices/0000:00:%02x.0/config",
			       slot), O_RDWR | O_CLOEXEC);
		if (fd >= 0 && pread(fd, &id, sizeof(id), 0) == sizeof(id) && id == NEIGHBOUR_ID)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void memory_map_changes_lead_no_access_astray(const void *arg)
{
	int fd = dev_open(O_RDWR), config = neighbour_open();
	struct mmapdemo_region_info page = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	cpu_set_t before;
	pthread_t thread;
	uint16_t command;
	uint8_t *map;

	(void)arg;
	if (config < 0)
		test_skip("this machine has no ivshmem to take out of its memory map");
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		test_skip("one processor: nobody accesses anything meanwhile");
	CHECK_OK(sched_getaffinity(0, sizeof(before), &before));
	map = map_rw(fd, PAGE, page.out_offset);
	hammer.scratch = (volatile u32 *)(map + MMAPDEMO_REG_SCRATCH32 % PAGE);
	CHECK_EQ(pthread_create(&thread, NULL, hammer_on, NULL), 0);
	pin_to(0);

	CHECK_EQ(pread(config, &command, sizeof(command), COMMAND), sizeof(command));
	for (int i = 0; i < CHANGES; i++) {
		uint16_t other = command ^ (i % 2 ? 0 : COMMAND_MEMORY);

		CHECK_EQ(pwrite(config, &other, sizeof(other), COMMAND), sizeof(other));
	}
	CHECK_EQ(pwrite(config, &command, sizeof(command), COMMAND), sizeof(command));

	atomic_store(&hammer.stop, true);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_OK(sched_setaffinity(0, sizeof(before), &before));
	CHECK(hammer.accesses > CHANGES);
	CHECK_EQ(hammer.astray, 0);
	close(config);
	close(fd);
}

void register_memory_map(void)
{
	TEST_ADD_SLOW(memory_map_changes_lead_no_access_astray, 30000);
}
