// SPDX-License-Identifier: MIT
/*
 * pin_owner.c - memory of the process itself under the device, and what the process, its children and
 * its threads do with it meanwhile: fork, unmap, drop, replace, end.
 *
 * Not for: what may be pinned, see pin.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "pinner.h"

#define LEN	PIN_LEN
#define PAGES	(LEN / PAGE)
#define RW	(PROT_READ | PROT_WRITE)

/* --- whose memory it is ------------------------------------------------------------------------------ */

/* Pinned before it was ever touched: what the process writes later is what the device reads. */
static void pin_of_untouched_memory_is_the_process_s(const void *arg)
{
	struct pinner p = pinner_get();

	(void)arg;
	if (kernel_is_before(6, 2))
		test_skip("this kernel pins the page of zeroes for who only reads");
	for (u32 flags = 0; flags <= MMAPDEMO_PIN_READ_ONLY; flags++) {
		char *m = CHECK_SYS(mmap(NULL, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		u32 handle;

		/* One page read before: that is the kernel's page of zeroes. */
		CHECK_EQ(*(volatile char *)m, 0);
		handle = buf_pin(p.fd, m, LEN, flags);
		fill(m, LEN, 3 + flags);
		CHECK_OK(to_device(&p, handle, 0, LEN));
		CHECK_EQ(differs(p.d, LEN, 3 + flags), LEN);
		CHECK_OK(buf_free(p.fd, handle));
	}
}

/* After fork(2) the pages stay the parent's, whoever writes first, and the child has copies. */
static void pin_stays_the_parent_s_after_fork(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);
	u32 handle;
	struct gate forked, written;
	pid_t pid;

	(void)arg;
	gate_init(&forked);
	gate_init(&written);
	fill(m, LEN, 1);
	handle = buf_pin(p.fd, m, LEN, 0);
	pid = child_fork();
	if (!pid) {
		gate_pass(&written);
		/* What it was when it was forked. */
		CHECK_EQ(differs(m, LEN, 1), LEN);
		memset(m, 0xcc, LEN);
		gate_open(&forked);
		child_exit();
	}
	fill(m, LEN, 2);
	CHECK_OK(to_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(p.d, LEN, 2), LEN);
	fill(p.d, LEN, 3);
	CHECK_OK(from_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(m, LEN, 3), LEN);
	gate_open(&written);
	gate_pass(&forked);
	child_wait(pid, 5000);
	CHECK_EQ(differs(m, LEN, 3), LEN);
	CHECK_OK(to_device(&p, handle, 0, LEN));
	CHECK_EQ(differs(p.d, LEN, 3), LEN);
}

/* Memory that the process lets go of while the device writes to it goes to nobody else. */
static void lets_go(char *m, int how)
{
	switch (how) {
	case 0:
		unmap(m, LEN);
		break;
	case 1:
		CHECK_SYS(madvise(m, LEN, MADV_DONTNEED));
		break;
	case 2:
		CHECK_SYS(mmap(m, LEN, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE,
			       -1, 0));
		break;
	default:
		madvise(m, LEN, MADV_FREE);
		madvise(m, LEN, 21 /* MADV_PAGEOUT */);
	}
}

static void pin_let_go_of_under_transfers_goes_to_nobody(const void *arg)
{
	struct pinner p = pinner_get();

	(void)arg;
	memset(p.d, 0xd5, LEN);
	for (int how = 0; how < 4; how++) {
		struct mmapdemo_dma_submit s = {
			.direction = MMAPDEMO_DMA_FROM_DEVICE, .dev_handle = p.dev, .len = LEN,
		};
		char *m = anon_get(LEN), *other;

		s.mem_handle = buf_pin(p.fd, m, LEN, 0);
		busy_each(BUSY_EACH_NS);
		for (int i = 0; i < 4; i++)
			CHECK_OK(dma_submit(p.fd, &s));
		lets_go(m, how);
		CHECK_OK(buf_free(p.fd, s.mem_handle));
		other = anon_get(64 * LEN);
		memset(other, 0x3c, 64 * LEN);
		for (int i = 0; i < 4; i++)
			CHECK_OK(dma_collect(p.fd, 0, NULL));
		CHECK_EQ(first_not(other, 64 * LEN, 0x3c), 64 * LEN);
		if (how == 2)
			CHECK_EQ(first_not(m, LEN, 0), LEN);
		CHECK_EQ(pinned_kb(), 0);
		unmap(other, 64 * LEN);
		if (how)
			unmap(m, LEN);
	}
}

/*
 * What the device wrote is dirty, though no processor has stored it. Lazily freed memory (MADV_FREE) is
 * where that shows without a disk to swap to: reclaim drops such a page if it is clean, and the
 * process reads zeroes.
 */
static void pin_written_by_the_device_survives_reclaim(const void *arg)
{
	struct pinner p = pinner_get();
	char *dropped, *m;
	cpu_set_t one;
	u32 handle;

	(void)arg;
	/* What madvise() does to a page waits in a list of its processor, and the next one ends that. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_SYS(sched_setaffinity(0, sizeof(one), &one));
	for (int round = 0; round < 3; round++) {
		/* The same without the device: if that is not dropped, nothing is shown. */
		dropped = anon_get(LEN);
		m = anon_get(LEN);
		fill(dropped, LEN, 1);
		fill(m, LEN, 1);
		memset(p.d, 0xd5, LEN);
		handle = buf_pin(p.fd, m, LEN, 0);
		CHECK_SYS(madvise(m, LEN, MADV_FREE));
		CHECK_SYS(madvise(dropped, LEN, MADV_FREE));
		CHECK_OK(from_device(&p, handle, 0, LEN));
		CHECK_OK(buf_free(p.fd, handle));
		CHECK_SYS(madvise(dropped, LEN, 21 /* MADV_PAGEOUT */));
		CHECK_SYS(madvise(m, LEN, 21));
		if (first_not(dropped, LEN, 0) < LEN)
			test_skip("this kernel reclaims nothing when it is asked to");
		CHECK_EQ(first_not(m, LEN, 0xd5), LEN);
		unmap(dropped, LEN);
		unmap(m, LEN);
	}
}

/* The owner of the pages ends; who has the file goes on with them, and they are given back. */
static void pin_outlives_its_process(const void *arg)
{
	struct pinner p = pinner_get();
	struct gate pinned;
	u32 *shared = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	pid_t pid;

	for (int how = 0; how < 3; how++) {
		gate_init(&pinned);
		pid = child_fork();
		if (!pid) {
			char *m = anon_get(LEN);

			fill(m, LEN, how);
			*shared = buf_pin(p.fd, m, LEN, 0);
			gate_open(&pinned);
			if (!how)
				child_exit();
			if (how == 1)
				execl("/bin/sleep", "sleep", "0", NULL);
			for (;;)
				pause();
		}
		gate_pass(&pinned);
		if (how == 2)
			kill(pid, SIGKILL);
		child_status(pid, 5000);
		memset(p.d, 0, LEN);
		CHECK_OK(to_device(&p, *shared, 0, LEN));
		CHECK_EQ(differs(p.d, LEN, how), LEN);
		CHECK_OK(from_device(&p, *shared, 0, LEN));
		CHECK_OK(buf_free(p.fd, *shared));
	}
	(void)arg;
}

static void pin_killed_with_transfers_running_leaves_nothing(const void *arg)
{
	struct gate ready;
	pid_t pid;

	(void)arg;
	pin_require(dev_open(O_RDWR));
	busy_require();
	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		struct pinner p = pinner_get();
		struct mmapdemo_dma_submit s = {
			.direction = MMAPDEMO_DMA_FROM_DEVICE, .dev_handle = p.dev, .len = LEN,
		};
		char *m = anon_get(32 * LEN);

		busy_each(BUSY_EACH_NS);
		for (int i = 0; i < 32; i++) {
			s.mem_handle = buf_pin(p.fd, m + i * LEN, LEN, 0);
			CHECK_OK(dma_submit(p.fd, &s));
		}
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_pass(&ready);
	kill(pid, SIGKILL);
	CHECK_EQ(child_status(pid, 3000), SIGKILL);
}

/* --- races ------------------------------------------------------------------------------------------------- */

static struct {
	char *m;
	volatile bool over;
} churn;

static void *churn_run(void *arg)
{
	u64 state = 1;

	(void)arg;
	while (!churn.over) {
		char *at = churn.m + rnd(&state) % PAGES * PAGE;

		switch (rnd(&state) % 4) {
		case 0:
			munmap(at, PAGE);
			break;
		case 1:
			mprotect(at, PAGE, PROT_READ);
			break;
		case 2:
			madvise(at, PAGE, MADV_DONTNEED);
			break;
		default:
			mmap(at, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		}
	}
	return NULL;
}

/* The mappings change while they are being pinned: it is granted or refused, and nothing is left. */
static void pin_of_memory_that_changes_leaves_nothing(const void *arg)
{
	struct pinner p = pinner_get();
	unsigned int granted = 0, refused_ = 0;
	pthread_t t;

	(void)arg;
	churn.m = anon_get(LEN);
	churn.over = false;
	CHECK(!pthread_create(&t, NULL, churn_run, NULL));
	for (int i = 0; i < 1500; i++) {
		u32 handle;
		int ret = buf_try_pin(p.fd, churn.m, LEN, i % 2, &handle);

		CHECK(!ret || ret == -EFAULT);
		granted += !ret;
		refused_ += !!ret;
		if (ret)
			continue;
		CHECK_OK(to_device(&p, handle, 0, LEN));
		CHECK_OK(buf_free(p.fd, handle));
	}
	churn.over = true;
	pthread_join(t, NULL);
	diag("%u granted, %u refused", granted, refused_);
	CHECK_EQ(pinned_kb(), 0);
}

/* The device goes: the process's own pages stay its own, and are let go of when the file is closed. */
static void pin_gives_the_pages_back_when_the_device_has_gone(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(LEN);

	(void)arg;
	fill(m, LEN, 4);
	buf_pin(p.fd, m, LEN, 0);
	CHECK_EQ(pinned_kb(), LEN / 1024);
	driver_unbind();
	CHECK_EQ(differs(m, LEN, 4), LEN);
	close(p.fd);
	unmap(p.d, LEN);
	/* Bound earlier, it would be another number's: this one is given back by the last file. */
	driver_bind();
	CHECK_EQ(pinned_kb(), 0);
	CHECK_EQ(differs(m, LEN, 4), LEN);
}

void register_pin_owner(void)
{
	TEST_ADD(pin_of_untouched_memory_is_the_process_s);
	TEST_ADD(pin_stays_the_parent_s_after_fork);
	TEST_ADD(pin_written_by_the_device_survives_reclaim);
	TEST_ADD(pin_let_go_of_under_transfers_goes_to_nobody);
	TEST_ADD(pin_outlives_its_process);
	TEST_ADD(pin_killed_with_transfers_running_leaves_nothing);
	TEST_ADD_SLOW(pin_of_memory_that_changes_leaves_nothing, 20000);
	TEST_ADD(pin_gives_the_pages_back_when_the_device_has_gone);
}
