// SPDX-License-Identifier: MIT
/*
 * busy.c - have the device at work for a while, so that something can happen meanwhile.
 *
 * The emulated engine copies on the virtual CPU that has started the transfer, right after the
 * store that did it: whoever starts a transfer finds it ended. So one CPU is given away: a thread
 * there starts the first transfer, the device's interrupts go there, and their handler starts the
 * following ones, which the test submits from the other CPU meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "busy.h"

#define ENGINE_CPU	0
#define TEST_CPU	1
#define ATTEMPTS	20

static void run_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		test_skip("this guest has no CPU %d: boot it with two", cpu);
}

static void interrupts_go_to(int cpu)
{
	char path[96], mask[16];
	struct dirent *e;
	DIR *d;

	d = opendir(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/msi_irqs", dev_bus_id()));
	if (!d)
		FAIL("open %s: %m", path);
	strf(mask, sizeof(mask), "%x", 1 << cpu);
	while ((e = readdir(d))) {
		if (e->d_name[0] != '.')
			file_write(strf(path, sizeof(path), "/proc/irq/%.16s/smp_affinity",
					e->d_name), mask);
	}
	closedir(d);
}

struct first_job {
	int fd;
	struct mmapdemo_dma_submit s;
	volatile bool ready;
	volatile int go;
};

static void *first_submit(void *arg)
{
	struct first_job *j = arg;

	run_on(ENGINE_CPU);
	j->ready = true;
	while (!j->go)
		;
	CHECK_OK(dma_submit(j->fd, &j->s));
	return NULL;
}

static bool fill_queue(int fd, struct busy *b, u32 direction)
{
	struct first_job job = {
		.fd = fd,
		.s = {
			.direction = direction, .mem_handle = b->mem, .dev_handle = b->dev,
			.len = b->len,
		},
	};
	struct mmapdemo_dma_submit s = job.s;
	pthread_t t;
	u64 seq = 0;

	CHECK(!pthread_create(&t, NULL, first_submit, &job));
	while (!job.ready)
		sleep_ms(1);
	job.go = 1;
	while (!buf_info(fd, b->mem).out_transfers && !job.s.out_seq)
		;
	for (u32 i = 1; i < b->num; i++) {
		CHECK_OK(dma_submit(fd, &s));
		seq = s.out_seq;
	}
	b->last = seq;
	b->first = seq - b->num + 1;
	if (buf_info(fd, b->mem).out_transfers > b->num / 2) {
		/* The thread returns when the first has ended, at the latest. */
		pthread_join(t, NULL);
		if (buf_info(fd, b->mem).out_transfers > b->num / 4)
			return true;
	} else {
		pthread_join(t, NULL);
	}
	while (!dma_collect(fd, 0, NULL))
		;
	return false;
}

struct busy busy_start(int fd, u32 direction)
{
	struct mmapdemo_info info = info_get(fd);
	struct busy b = { .num = info.out_max_transfers, .len = info.out_dma_max_len };

	b.mem = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, b.len).out_handle;
	b.dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, b.len).out_handle;
	run_on(TEST_CPU);
	interrupts_go_to(ENGINE_CPU);
	/* The bus addresses are made with the first use, which takes its time. */
	CHECK_OK(dma_copy(fd, direction, b.mem, 0, b.dev, 0, 1, NULL));
	for (int i = 0; i < ATTEMPTS; i++) {
		if (fill_queue(fd, &b, direction))
			return b;
	}
	FAIL("in %d attempts the device was always faster than its submitter", ATTEMPTS);
}
