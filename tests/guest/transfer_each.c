// SPDX-License-Identifier: MIT
/*
 * transfer_each.c - what has to hold for transfers of memory of every technique, on either side: ranges
 * that are refused, and handles, mappings, files and processes that go while the device is at work.
 *
 * Not for: whether bytes arrive, see dma.c; the pages of a process that it lets go of, pin_owner.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "submit.h"

#define LEN	(4 * PAGE)
#define RUNNING	6	/* transfers */
#define EACH_MS	40	/* at least; memory that they still write to must have a new owner before they end */

static const struct each {
	const char *name;
	u32 technique;
	bool device;		/* of the two sides, this technique's is the device's */
} each[] = {
	{ "pages", MMAPDEMO_TECH_PAGES, false },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC, false },
	{ "coherent", MMAPDEMO_TECH_COHERENT, false },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG, false },
	{ "userptr", MMAPDEMO_TECH_USERPTR, false },
	{ "bar", MMAPDEMO_TECH_BAR, true },
	{ "bar_fault", MMAPDEMO_TECH_BAR_FAULT, true },
	{ "bar_huge", MMAPDEMO_TECH_BAR_HUGE, true },
};

/* One file with a buffer on each side; `from` and `to` as the direction of the test has it. */
struct sides {
	int fd;
	u32 mem, dev;
	char *m, *d;
	u32 direction;
	char *from, *to;
};

/* Bytes move into the technique that the test is about. SKIPs what is not there. */
static struct sides sides_get(const struct each *e)
{
	struct sides s = { .fd = dev_open(O_RDWR) };

	s.mem = memory_get(s.fd, e->device ? MMAPDEMO_TECH_COHERENT : e->technique, LEN,
			   &s.m).out_handle;
	s.dev = memory_get(s.fd, e->device ? e->technique : MMAPDEMO_TECH_BAR, LEN,
			   &s.d).out_handle;
	s.direction = e->device ? MMAPDEMO_DMA_TO_DEVICE : MMAPDEMO_DMA_FROM_DEVICE;
	s.from = e->device ? s.m : s.d;
	s.to = e->device ? s.d : s.m;
	return s;
}

static struct mmapdemo_dma_submit whole(const struct sides *s)
{
	return (struct mmapdemo_dma_submit){
		.direction = s->direction, .mem_handle = s->mem, .dev_handle = s->dev, .len = LEN,
	};
}

/* Several, of which all but the first have not begun, after busy_each(); the number of the first. */
static u64 run_several(const struct sides *s)
{
	struct mmapdemo_dma_submit d = whole(s);

	for (int i = 0; i < RUNNING; i++)
		CHECK_OK(dma_submit(s->fd, &d));
	CHECK(buf_info(s->fd, s->mem).out_transfers > 1);
	return d.out_seq - RUNNING + 1;
}

/* --- ranges --------------------------------------------------------------------------------------- */

static void range_is_refused(const struct sides *s, u64 mem_off, u64 dev_off, u64 len)
{
	for (u32 direction = 1; direction <= 2; direction++) {
		struct mmapdemo_dma_submit d = {
			.direction = direction, .mem_handle = s->mem, .dev_handle = s->dev,
			.mem_off = mem_off, .dev_off = dev_off, .len = len, .out_seq = 0x5a5a5a5a,
		};
		int ret = dma_submit(s->fd, &d);

		CHECKF(ret == -EINVAL, "offsets %#llx and %#llx, %#llx bytes: %s, wanted EINVAL",
		       (unsigned long long)mem_off, (unsigned long long)dev_off,
		       (unsigned long long)len, errno_word(ret));
		CHECK_EQ(d.out_seq, 0x5a5a5a5a);
	}
}

static void range_outside_either_buffer_einval(const void *arg)
{
	static const struct { u64 off, len; } bad[] = {
		{ 0, LEN + 1 }, { 1, LEN }, { LEN, 1 }, { LEN - 1, 2 }, { LEN + 1, 1 },
		{ ~0ULL, 1 }, { ~0ULL, 2 }, { ~0ULL - 7, 8 }, { ~0ULL - 7, 16 },
		{ 1ULL << 63, 1 }, { 1ULL << 32, 1 }, { (1ULL << 32) + 8, 8 }, { 0, 1ULL << 32 },
		{ 0, (1ULL << 32) + 8 }, { 8, ~0ULL - 7 }, { 0, ~0ULL }, { 0, 1ULL << 63 },
	};
	struct sides s = sides_get(arg);
	u64 ops = counter(s.fd, MMAPDEMO_REG_CNT_DMA_OPS);

	memset(s.m, 0x11, LEN);
	memset(s.d, 0x22, LEN);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		range_is_refused(&s, bad[i].off, 0, bad[i].len);
		range_is_refused(&s, 0, bad[i].off, bad[i].len);
	}
	CHECK_EQ(counter(s.fd, MMAPDEMO_REG_CNT_DMA_OPS), ops);
	CHECK_EQ(first_not(s.m, LEN, 0x11), LEN);
	CHECK_EQ(first_not(s.d, LEN, 0x22), LEN);
	CHECK_EQ(buf_info(s.fd, s.mem).out_transfers, 0);
	CHECK_EQ(buf_info(s.fd, s.dev).out_transfers, 0);
}

/* --- what goes meanwhile ------------------------------------------------------------------------- */

/* The handles: what was begun ends well, and its bytes are where the mapping shows them. */
static void handles_freed_while_running_bytes_arrive(const void *arg)
{
	struct sides s = sides_get(arg);
	u64 first;

	fill(s.from, LEN, 7);
	memset(s.to, 0x5e, LEN);
	busy_each(EACH_MS * 1000000);
	first = run_several(&s);
	CHECK_OK(buf_free(s.fd, s.mem));
	CHECK_OK(buf_free(s.fd, s.dev));
	for (int i = 0; i < RUNNING; i++) {
		struct mmapdemo_dma_wait w;

		CHECK_OK(dma_collect(s.fd, first + i, &w));
		CHECK_EQ(w.out_bytes, LEN);
		CHECK_EQ(w.out_error, 0);
	}
	CHECK_EQ(differs(s.to, LEN, 7), LEN);
	CHECK_EQ(differs(s.from, LEN, 7), LEN);
}

/*
 * Memory that others get then: none of it is written to, until the device has nothing of that file under
 * way any more. A little of each kind: what was freed last is what is had first.
 */
static void nobody_s_memory_changes(bool device)
{
	const u64 len = 16 * LEN;
	int fd = dev_open(O_RDWR);
	char *own = anon_get(len), *p;

	memory_get(fd, device ? MMAPDEMO_TECH_BAR : MMAPDEMO_TECH_NONCONTIG, len, &p);
	memset(own, 0x3c, len);
	CHECK_EQ(first_not(p, len, 0), len);
	sleep_ms(RUNNING * EACH_MS);
	CHECK_EQ(first_not(p, len, 0), len);
	CHECK_EQ(first_not(own, len, 0x3c), len);
	unmap(own, len);
	close(fd);
}

/* Handles, mappings and the file. */
static void all_gone_while_running_nobody_is_written_to(const void *arg)
{
	const struct each *e = arg;

	busy_each(EACH_MS * 1000000);
	for (int round = 0; round < 2; round++) {
		struct sides s = sides_get(e);

		memset(s.from, 0xd5, LEN);
		run_several(&s);
		if (round) {
			CHECK_OK(buf_free(s.fd, s.mem));
			CHECK_OK(buf_free(s.fd, s.dev));
		}
		unmap(s.m, LEN);
		unmap(s.d, LEN);
		close(s.fd);
		nobody_s_memory_changes(e->device);
	}
}

/* A process with 32 mappings of it, killed. The runner sees whether anything is left. */
static void killed_while_running_nobody_is_written_to(const void *arg)
{
	const struct each *e = arg;
	struct sides here = sides_get(e);

	/* SKIPped here: a child cannot. */
	unmap(here.m, LEN);
	unmap(here.d, LEN);
	close(here.fd);
	busy_each(EACH_MS * 1000000);
	for (int round = 0; round < 2; round++) {
		struct gate ready;
		pid_t pid;

		gate_init(&ready);
		pid = child_fork();
		if (!pid) {
			struct sides s = sides_get(e);
			char *p;

			for (int i = 0; i < 32; i++) {
				memory_get(s.fd, e->technique, LEN, &p);
				memset(p, 0xd5, LEN);
			}
			memset(s.from, 0xd5, LEN);
			run_several(&s);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_pass(&ready);
		sleep_ms(round);
		kill(pid, SIGKILL);
		CHECK_EQ(child_status(pid, promise_ms(3000)), SIGKILL);
		nobody_s_memory_changes(e->device);
		close(ready.fd[0]);
		close(ready.fd[1]);
	}
}

static void each_add(test_fn fn, unsigned int limit_ms, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(each); i++)
		test_add(fn, &each[i], limit_ms, "dma_%s_%s", each[i].name, what);
}

void register_transfer_each(void)
{
	each_add(range_outside_either_buffer_einval, 0, "range_outside_either_buffer_einval");
	each_add(handles_freed_while_running_bytes_arrive, 20000,
		 "handles_freed_while_running_bytes_arrive");
	each_add(all_gone_while_running_nobody_is_written_to, 30000,
		 "all_gone_while_running_nobody_is_written_to");
	each_add(killed_while_running_nobody_is_written_to, 30000,
		 "killed_while_running_nobody_is_written_to");
}
