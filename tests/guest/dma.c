// SPDX-License-Identifier: MIT
/*
 * dma.c - transfers that succeed: every byte of the range moves, no other byte changes, and the
 * device's counters tell exactly what happened.
 *
 * Not for: refusals and failures, see dma_error.c; ways to wait, see event.c.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject.h"

static const struct kind {
	const char *name;
	u32 technique;
} kinds[] = {
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
};

static bool is_scattered(u32 technique)
{
	return technique == MMAPDEMO_TECH_VMALLOC || technique == MMAPDEMO_TECH_NONCONTIG;
}

/* Both ends of transfers, mapped, and what they should hold. */
struct pair {
	int fd;
	u32 mem, dev;
	u64 len;
	unsigned char *m, *d;		/* mappings */
	unsigned char *mw, *dw;		/* what they should show */
};

static struct pair pair_get_both(u32 technique, u32 dev_technique, u64 len)
{
	struct pair p = { .fd = dev_open(O_RDWR), .len = len };
	struct mmapdemo_buf_alloc m = buf_alloc(p.fd, technique, len);
	struct mmapdemo_buf_alloc d = buf_alloc(p.fd, dev_technique, len);

	p.mem = m.out_handle;
	p.dev = d.out_handle;
	p.m = map_rw(p.fd, len, m.out_offset);
	p.d = map_rw(p.fd, len, d.out_offset);
	p.mw = malloc(len);
	p.dw = malloc(len);
	CHECK(p.mw && p.dw);
	return p;
}

static struct pair pair_get(u32 technique, u64 len)
{
	return pair_get_both(technique, MMAPDEMO_TECH_BAR, len);
}

/* Different bytes everywhere, so that any displacement shows. */
static void pair_fill(struct pair *p, u64 seed)
{
	fill(p->mw, p->len, seed);
	fill(p->dw, p->len, seed + 0x1000);
	memcpy(p->m, p->mw, p->len);
	memcpy(p->d, p->dw, p->len);
}

static void pair_verify(const struct pair *p, const char *what, u64 mem_off, u64 dev_off, u64 len)
{
	const unsigned char *bad = NULL, *want = NULL;
	const char *side = NULL;
	u64 at = 0;

	if (memcmp(p->m, p->mw, p->len)) {
		side = "memory";
		bad = p->m;
		want = p->mw;
	} else if (memcmp(p->d, p->dw, p->len)) {
		side = "device memory";
		bad = p->d;
		want = p->dw;
	} else {
		return;
	}
	while (bad[at] == want[at])
		at++;
	FAIL("%s of %#llx bytes, memory offset %#llx, device offset %#llx: byte %#llx of %s is %#x, wanted %#x",
	     what, (unsigned long long)len, (unsigned long long)mem_off,
	     (unsigned long long)dev_off, (unsigned long long)at, side, bad[at], want[at]);
}

static void pair_copy(struct pair *p, u32 direction, u64 mem_off, u64 dev_off, u64 len)
{
	bool to = direction == MMAPDEMO_DMA_TO_DEVICE;
	struct mmapdemo_dma_wait w;
	int ret = dma_copy(p->fd, direction, p->mem, mem_off, p->dev, dev_off, len, &w);

	if (ret)
		FAIL("%s of %#llx bytes: %s, error %u", to ? "to_device" : "from_device",
		     (unsigned long long)len, errno_word(ret), w.out_error);
	CHECK_EQ(w.out_bytes, len);
	CHECK_EQ(w.out_error, 0);
	if (to)
		memcpy(p->dw + dev_off, p->mw + mem_off, len);
	else
		memcpy(p->mw + mem_off, p->dw + dev_off, len);
	pair_verify(p, to ? "to_device" : "from_device", mem_off, dev_off, len);
}

static void both_ways(struct pair *p, u64 mem_off, u64 dev_off, u64 len, u64 seed)
{
	pair_fill(p, seed);
	pair_copy(p, MMAPDEMO_DMA_TO_DEVICE, mem_off, dev_off, len);
	pair_fill(p, seed + 1);
	pair_copy(p, MMAPDEMO_DMA_FROM_DEVICE, mem_off, dev_off, len);
}

static void sizes_move_exactly(const void *arg)
{
	static const u64 sizes[] = {
		1, 2, 3, 4, 7, 8, 15, 16, 17, 63, 64, 65, 255, 511, 512, 1023, 4095, 4096, 4097,
		8191, 8192, 8193, 12288, 65535, 65536, 65537,
	};
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 20 * PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		both_ways(&p, PAGE, PAGE, sizes[i], i * 2);
	CHECK_EQ(buf_info(p.fd, p.mem).out_transfers, 0);
	CHECK_EQ(buf_info(p.fd, p.dev).out_transfers, 0);
}

static void odd_offsets_move_exactly(const void *arg)
{
	static const struct { u64 mem, dev, len; } cases[] = {
		{ 0, 0, 1 }, { 1, 0, 1 }, { 0, 1, 1 }, { 4095, 0, 1 }, { 0, 4095, 1 },
		{ 4095, 4095, 2 }, { 4095, 0, 2 }, { 0, 4095, 2 }, { 4090, 3, 13 }, { 1, 2, 4096 },
		{ 3, 1, 8192 }, { 4095, 1, 8193 }, { 2048, 2048, 4096 }, { 4097, 8191, 4095 },
		{ 20 * PAGE - 1, 20 * PAGE - 1, 1 }, { 20 * PAGE - 3, 0, 3 },
		{ 0, 20 * PAGE - 5, 5 },
		{ 0, 0, 20 * PAGE }, { 1, 1, 20 * PAGE - 1 }, { 0, 1, 20 * PAGE - 1 },
	};
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 20 * PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		both_ways(&p, cases[i].mem, cases[i].dev, cases[i].len, i * 2);
}

static void random_ranges_move_exactly(const void *arg)
{
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 20 * PAGE);
	u64 state = test_seed();

	pair_fill(&p, 1);
	for (int i = 0; i < 200; i++) {
		u64 len = 1 + rnd(&state) % (rnd(&state) % 4 ? 300 : p.len);

		pair_copy(&p, 1 + rnd(&state) % 2, rnd(&state) % (p.len - len + 1),
			  rnd(&state) % (p.len - len + 1), len);
	}
}

/* 4 MiB is as much as one contiguous buffer has; vmalloc goes on to what one transfer may have. */
static void longest_moves_exactly(const void *arg)
{
	const struct kind *k = arg;
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info info = info_get(fd);
	u64 len = is_scattered(k->technique) ? info.out_dma_max_len : info.out_max_contig;
	struct pair p;

	if (len > info.out_dma_max_len)
		len = info.out_dma_max_len;
	diag("%llu bytes", (unsigned long long)len);
	p = pair_get(k->technique, len);
	both_ways(&p, 0, 0, len, 3);
	both_ways(&p, 1, 1, len - 1, 5);
}

/* However device memory is mapped, to the engine it is device memory. */
static void dma_reaches_device_memory_of_every_technique(const void *arg)
{
	static const u32 techniques[] = { MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE };
	u32 there = info_get(dev_open(O_RDWR)).out_techniques;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(techniques); i++) {
		struct pair p;

		if (!(there >> techniques[i] & 1))
			continue;
		p = pair_get_both(MMAPDEMO_TECH_COHERENT, techniques[i], 20 * PAGE);
		both_ways(&p, 0, 0, 20 * PAGE, 21);
		both_ways(&p, 5, PAGE - 3, 9 * PAGE, 23);
	}
}

/* The same bytes there and back through another buffer arrive as they left. */
static void round_trip_is_the_identity(const void *arg)
{
	const struct kind *k = arg;
	const u64 len = 300001;
	struct pair p = pair_get(k->technique, len);
	struct mmapdemo_buf_alloc b = buf_alloc(p.fd, k->technique, len);
	unsigned char *back = map_rw(p.fd, len, b.out_offset);

	pair_fill(&p, 9);
	CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_TO_DEVICE, p.mem, 0, p.dev, 0, len, NULL));
	CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_FROM_DEVICE, b.out_handle, 0, p.dev, 0, len, NULL));
	CHECK(!memcmp(back, p.mw, len));
	CHECK(!memcmp(p.m, p.mw, len));
	CHECK_EQ(first_not(back + len, b.out_len - len, 0), b.out_len - len);
}

/* --- the device's word for it ------------------------------------------------------------------------- */

struct counts {
	u64 rd, wr, ops, errors, to, from, raised, suppressed, user_bad;
};

static struct counts counts_get(int fd)
{
	return (struct counts){
		.rd = counter(fd, MMAPDEMO_REG_CNT_RD_ALL),
		.wr = counter(fd, MMAPDEMO_REG_CNT_WR_ALL),
		.ops = counter(fd, MMAPDEMO_REG_CNT_DMA_OPS),
		.errors = counter(fd, MMAPDEMO_REG_CNT_DMA_ERRORS),
		.to = counter(fd, MMAPDEMO_REG_CNT_DMA_TO_DEV),
		.from = counter(fd, MMAPDEMO_REG_CNT_DMA_FROM_DEV),
		.raised = counter(fd, MMAPDEMO_REG_CNT_IRQ_RAISED),
		.suppressed = counter(fd, MMAPDEMO_REG_CNT_IRQ_SUPPRESSED),
		.user_bad = counter(fd, MMAPDEMO_REG_CNT_USER_BAD),
	};
}

/* Writes of one transfer: address, device offset, length, number, command; for a list also its count. */
#define WRITES_CONTIG	5
#define WRITES_LIST	6
/* And its status and bytes are read, once. */
#define READS		2

/*
 * Pages from anywhere make a list, unless chance, an IOMMU or bounce buffers put them next to each
 * other; the other techniques never do.
 */
static void writes_are_exact(const struct kind *k, u64 writes, unsigned int num)
{
	if (is_scattered(k->technique) && writes == num * WRITES_LIST)
		return;
	CHECK_EQ(writes, num * WRITES_CONTIG);
}

static void counters_tell_every_transfer(const void *arg)
{
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 4 * PAGE);
	const unsigned int num = 10;
	struct counts a, b;

	pair_fill(&p, 1);
	a = counts_get(p.fd);
	for (unsigned int i = 0; i < num; i++)
		CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_TO_DEVICE, p.mem, 5, p.dev, 7, 9001, NULL));
	b = counts_get(p.fd);
	CHECK_EQ(b.ops - a.ops, num);
	CHECK_EQ(b.errors - a.errors, 0);
	CHECK_EQ(b.to - a.to, num * 9001);
	CHECK_EQ(b.from - a.from, 0);
	CHECK_EQ(b.raised - a.raised, num);
	CHECK_EQ(b.suppressed - a.suppressed, 0);
	CHECK_EQ(b.user_bad - a.user_bad, 0);
	diag("register accesses per transfer: %llu writes, %llu reads",
	     (unsigned long long)(b.wr - a.wr) / num, (unsigned long long)(b.rd - a.rd) / num);
	writes_are_exact(k, b.wr - a.wr, num);
	CHECK_EQ(b.rd - a.rd, num * READS);
	a = counts_get(p.fd);
	CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_FROM_DEVICE, p.mem, 0, p.dev, 0, 100, NULL));
	b = counts_get(p.fd);
	CHECK_EQ(b.ops - a.ops, 1);
	CHECK_EQ(b.from - a.from, 100);
	CHECK_EQ(b.to - a.to, 0);
}

static void no_irq_raises_none(const void *arg)
{
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 4 * PAGE);
	struct mmapdemo_region_info r = region_get(p.fd, MMAPDEMO_REGION_USER_PAGE);
	char *user = map_ro(p.fd, r.out_len, r.out_offset);
	volatile u64 *done = (u64 *)(user + MMAPDEMO_REG_USER_DMA_DONE_SEQ - MMAPDEMO_USER_BASE);
	struct mmapdemo_dma_submit s = {
		.flags = MMAPDEMO_DMA_NO_IRQ, .direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = p.mem, .dev_handle = p.dev, .len = 4 * PAGE,
	};
	struct mmapdemo_dma_wait w = { 0 };
	struct counts a, b;
	u64 end;

	pair_fill(&p, 1);
	a = counts_get(p.fd);
	CHECK_OK(dma_submit(p.fd, &s));
	end = now_ns() + DMA_LIMIT_NS;
	while (*done < s.out_seq)
		CHECK(now_ns() < end);
	/* Every byte is there before the number is. */
	CHECK(!memcmp(p.d, p.mw, 4 * PAGE));
	w.seq = s.out_seq;
	CHECK_OK(dma_wait(p.fd, &w));
	CHECK_EQ(w.out_bytes, 4 * PAGE);
	b = counts_get(p.fd);
	CHECK_EQ(b.ops - a.ops, 1);
	CHECK_EQ(b.raised - a.raised, 0);
	writes_are_exact(k, b.wr - a.wr, 1);
}

/*
 * The transfer is the last user of its memory, and its end is noticed where nothing may sleep. The
 * worker that frees the memory later gets no chance to run before the file is closed, for this
 * process does not give the processor away; the file behind it is likely to have its memory, and
 * must not get the bytes back that the first was charged.
 */
static void last_user_of_memory_outlived_by_no_file(const void *arg)
{
	const struct kind *k = arg;
	struct sched_param fifo = { .sched_priority = 1 };
	u64 enough = now_ns() + 10000000000ULL;
	cpu_set_t set;
	int i = 0;

	CPU_ZERO(&set);
	CPU_SET(1, &set);
	CHECK_SYS(sched_setaffinity(0, sizeof(set), &set));
	CHECK_SYS(sched_setscheduler(0, SCHED_FIFO, &fifo));
	/* On a busy host, fewer: each kind of round comes twice in 24. */
	for (; i < 200 && (i < 24 || now_ns() < enough); i++) {
		int fd = dev_open(O_RDWR);
		struct pollfd p = { .fd = fd, .events = POLLIN };
		struct mmapdemo_dma_submit s = {
			.flags = i % 2 ? MMAPDEMO_DMA_NO_IRQ : 0,
			.direction = 1 + i / 2 % 2, .len = 4 * PAGE,
		};
		struct mmapdemo_dma_wait w = { 0 };
		u64 end = now_ns() + DMA_LIMIT_NS;

		s.mem_handle = buf_alloc(fd, k->technique, 4 * PAGE).out_handle;
		s.dev_handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, 4 * PAGE).out_handle;
		CHECK_OK(dma_submit(fd, &s));
		CHECK_OK(buf_free(fd, s.mem_handle));
		if (i % 3)
			CHECK_OK(buf_free(fd, s.dev_handle));
		while (!poll(&p, 1, 0))
			CHECK(now_ns() < end);
		CHECK_OK(dma_wait(fd, &w));
		CHECK_EQ(w.out_bytes, 4 * PAGE);
		close(fd);

		fd = dev_open(O_RDWR);
		sleep_ms(2);
		buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
		CHECK_EQ(info_get(fd).out_mem_free, info_get(fd).out_mem_size);
		close(fd);
	}
	diag("%d rounds", i);
}

/* Waiting at once for a transfer that asked for no interrupt must not wait for ever. */
static void no_irq_can_be_waited_for(const void *arg)
{
	const struct kind *k = arg;
	struct pair p = pair_get(k->technique, 64 * PAGE);

	for (int i = 0; i < 50; i++) {
		struct mmapdemo_dma_submit s = {
			.flags = MMAPDEMO_DMA_NO_IRQ, .direction = 1 + i % 2,
			.mem_handle = p.mem, .dev_handle = p.dev, .len = i % 3 ? 64 * PAGE : 8,
		};

		CHECK_OK(dma_submit(p.fd, &s));
		CHECK_OK(dma_collect(p.fd, s.out_seq, NULL));
	}
}

/* A load or store in mapped device memory reaches no register: it is memory. */
static void dma_mapped_device_memory_costs_no_register_access(const void *arg)
{
	struct pair p = pair_get(MMAPDEMO_TECH_COHERENT, 16 * PAGE);
	struct counts a, b;

	(void)arg;
	a = counts_get(p.fd);
	pair_fill(&p, 3);
	pair_verify(&p, "nothing", 0, 0, 0);
	b = counts_get(p.fd);
	CHECK_EQ(b.rd - a.rd, 0);
	CHECK_EQ(b.wr - a.wr, 0);
}

/* --- many ----------------------------------------------------------------------------------------------- */

static void dma_seq_grows_by_one_over_all_files(const void *arg)
{
	struct pair p = pair_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct pair q = pair_get(MMAPDEMO_TECH_VMALLOC, PAGE);
	u64 last = 0;

	(void)arg;
	for (int i = 0; i < 40; i++) {
		struct pair *from = i % 3 ? &p : &q;
		struct mmapdemo_dma_submit s = {
			.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = from->mem,
			.dev_handle = from->dev, .len = 16, .user_data = 1000 + i,
			.flags = i % 5 ? 0 : MMAPDEMO_DMA_NO_IRQ,
		};
		struct mmapdemo_dma_wait w;

		CHECK_OK(dma_submit(from->fd, &s));
		if (last)
			CHECK_EQ(s.out_seq, last + 1);
		CHECK(s.out_seq != 0);
		last = s.out_seq;
		CHECK_OK(dma_collect(from->fd, s.out_seq, &w));
		CHECK_EQ(w.out_seq, s.out_seq);
		CHECK_EQ(w.out_user_data, 1000 + i);
	}
}

/* A refused submission takes no number. */
static void dma_refused_submit_takes_no_seq(const void *arg)
{
	struct pair p = pair_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = p.mem, .dev_handle = p.dev,
		.len = 8,
	}, bad = s;
	u64 first;

	(void)arg;
	CHECK_OK(dma_submit(p.fd, &s));
	first = s.out_seq;
	CHECK_OK(dma_collect(p.fd, first, NULL));
	bad.len = PAGE + 1;
	CHECK_RET(dma_submit(p.fd, &bad), -EINVAL);
	CHECK_OK(dma_submit(p.fd, &s));
	CHECK_EQ(s.out_seq, first + 1);
}

/* Submitted as a burst, they run in the order they were submitted. */
static void dma_burst_runs_in_order(const void *arg)
{
	struct pair p = pair_get(MMAPDEMO_TECH_VMALLOC, 64 * PAGE);
	u32 num = info_get(p.fd).out_max_transfers;
	u64 *seqs = calloc(num, sizeof(*seqs));
	struct mmapdemo_dma_wait w;

	(void)arg;
	CHECK(seqs);
	pair_fill(&p, 1);
	/* Each copies one step further: only in this order does byte 0 arrive at the end. */
	for (u32 i = 0; i < num; i++) {
		struct mmapdemo_dma_submit s = {
			.direction = i % 2 ? MMAPDEMO_DMA_FROM_DEVICE : MMAPDEMO_DMA_TO_DEVICE,
			.mem_handle = p.mem, .dev_handle = p.dev, .mem_off = (i + 1) / 2 * 64,
			.dev_off = i / 2 * 64, .len = 64, .user_data = i,
		};

		CHECK_OK(dma_submit(p.fd, &s));
		seqs[i] = s.out_seq;
	}
	for (u32 i = 0; i < num; i++) {
		u64 end = now_ns() + DMA_LIMIT_NS;

		w = (struct mmapdemo_dma_wait){ .seq = 0, .deadline_ns = end };
		CHECK_OK(dma_wait(p.fd, &w));
		CHECK_EQ(w.out_seq, seqs[i]);
		CHECK_EQ(w.out_user_data, i);
	}
	CHECK(!memcmp(p.d + (num - 1) / 2 * 64, p.mw, 64));
	w = (struct mmapdemo_dma_wait){ .seq = 0 };
	CHECK_RET(dma_wait(p.fd, &w), -ENOENT);
}

static void dma_transfer_limit_edquot_and_collect_restores(const void *arg)
{
	struct pair p = pair_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct pair other = pair_get(MMAPDEMO_TECH_COHERENT, PAGE);
	u32 num = info_get(p.fd).out_max_transfers;
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = p.mem, .dev_handle = p.dev,
		.len = 8,
	}, poison;

	(void)arg;
	for (u32 i = 0; i < num; i++)
		CHECK_OK(dma_submit(p.fd, &s));
	sleep_ms(20);
	/* Ended and not collected still counts. */
	s.out_seq = 0x5a5a;
	poison = s;
	CHECK_RET(dma_submit(p.fd, &s), -EDQUOT);
	CHECK(!memcmp(&s, &poison, sizeof(s)));
	CHECK_OK(dma_copy(other.fd, MMAPDEMO_DMA_TO_DEVICE, other.mem, 0, other.dev, 0, 8, NULL));
	CHECK_OK(dma_collect(p.fd, 0, NULL));
	CHECK_OK(dma_submit(p.fd, &s));
	CHECK_RET(dma_submit(p.fd, &s), -EDQUOT);
}

/* Several processes at once: nobody's bytes end up with somebody else. */
static void dma_many_processes_stay_apart(const void *arg)
{
	pid_t pids[4];

	(void)arg;
	for (int i = 0; i < 4; i++) {
		pids[i] = child_fork();
		if (!pids[i]) {
			struct pair p = pair_get(kinds[i % 3].technique, 8 * PAGE);

			for (int n = 0; n < 60; n++)
				both_ways(&p, n, n * 2, 4 * PAGE + n, i * 1000 + n * 2);
			child_exit();
		}
	}
	for (int i = 0; i < 4; i++)
		child_wait(pids[i], 15000);
}

static void dma_whole_memory_region_is_reached(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	struct mmapdemo_buf_alloc m = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	char *mp = map_rw(fd, PAGE, m.out_offset);
	u64 last = r.out_len - PAGE;

	(void)arg;
	CHECK_EQ(r.out_len, info_get(fd).out_mem_size);
	for (int i = 0; i < 2; i++) {
		u64 off = i ? last : 0;
		char *d = map_rw(fd, PAGE, r.out_offset + off);

		fill(mp, PAGE, i);
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, m.out_handle, 0, r.out_handle, off,
				  PAGE, NULL));
		CHECK_EQ(differs(d, PAGE, i), PAGE);
		memset(d, 0, PAGE);
	}
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, m.out_handle, 0, r.out_handle, last + 1,
			   PAGE, NULL), -EINVAL);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, m.out_handle, 0, r.out_handle, r.out_len,
			   1, NULL), -EINVAL);
}

static void dma_into_read_only_buffer_is_granted(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct mmapdemo_buf_alloc m, d = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
		void *mp, *dp = map_rw(fd, PAGE, d.out_offset);

		CHECK_OK(buf_try_alloc(fd, kinds[k].technique, 0, MMAPDEMO_BUF_MAP_READ_ONLY, PAGE,
				       &m));
		mp = map_ro(fd, PAGE, m.out_offset);
		fill(dp, PAGE, k);
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, m.out_handle, 0, d.out_handle, 0,
				  PAGE, NULL));
		CHECK_EQ(differs(mp, PAGE, k), PAGE);
	}
}

/* --- timed copies ------------------------------------------------------------------------------------------ */

static void dma_timed_tells_host_time(const void *arg)
{
	static const u32 repeats[] = { 1, 2, 100 };

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct pair p = pair_get(kinds[k].technique, PAGE);

		for (size_t i = 0; i < ARRAY_SIZE(repeats); i++) {
			struct mmapdemo_dma_submit s = {
				.flags = MMAPDEMO_DMA_TIMED, .repeat = repeats[i],
				.direction = 1 + i % 2, .mem_handle = p.mem, .dev_handle = p.dev,
				.len = PAGE,
			};
			int ret = dma_submit(p.fd, &s);
			struct mmapdemo_dma_wait w;

			if (is_scattered(kinds[k].technique) && ret == -EOPNOTSUPP)
				break;
			CHECK_OK(ret);
			CHECK_OK(dma_collect(p.fd, s.out_seq, &w));
			CHECK(w.out_host_ns > 0 && w.out_host_ns < DMA_LIMIT_NS);
		}
		CHECK_OK(dma_copy(p.fd, MMAPDEMO_DMA_TO_DEVICE, p.mem, 0, p.dev, 0, 8, NULL));
	}
}

/* Are the pages of a mapping neighbours in memory? */
static bool is_contiguous(const char *p, u64 pages)
{
	u64 first = pagemap_frame(p);

	for (u64 i = 1; i < pages; i++) {
		if (pagemap_frame(p + i * PAGE) != first + i)
			return false;
	}
	return true;
}

/* Newer kernels (seen: 7.3) can give vmalloc one run of pages. */
static void dma_timed_list_eopnotsupp(const void *arg)
{
	u64 len = info_get(dev_open(O_RDWR)).out_dma_max_len;
	char line[2048];

	(void)arg;
	CHECK_OK(file_read("/proc/cmdline", line, sizeof(line)));
	if ((info_get(dev_open(O_RDWR)).out_state & MMAPDEMO_STATE_IOMMU) ||
	    strstr(line, "swiotlb=force"))
		test_skip("an IOMMU or bounce buffers make any buffer contiguous");
	for (int i = 0; i < 4; i++) {
		struct pair p = pair_get(MMAPDEMO_TECH_VMALLOC, len);
		struct mmapdemo_dma_submit s = {
			.flags = MMAPDEMO_DMA_TIMED, .repeat = 2, .len = len,
			.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = p.mem,
			.dev_handle = p.dev,
		};

		memset(p.m, i, len);
		if (!is_contiguous((char *)p.m, len / PAGE)) {
			CHECK_RET(dma_submit(p.fd, &s), -EOPNOTSUPP);
			return;
		}
	}
	test_skip("every buffer of vmalloc memory happened to be contiguous");
}

static void kind_add(test_fn fn, unsigned int limit_ms, const char *what)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		test_add(fn, &kinds[i], limit_ms, "dma_%s_%s", kinds[i].name, what);
}

void register_dma(void)
{
	kind_add(sizes_move_exactly, 20000, "sizes_move_exactly");
	kind_add(odd_offsets_move_exactly, 20000, "odd_offsets_move_exactly");
	kind_add(random_ranges_move_exactly, 20000, "random_ranges_move_exactly");
	kind_add(longest_moves_exactly, 30000, "longest_moves_exactly");
	kind_add(round_trip_is_the_identity, 0, "round_trip_is_the_identity");
	kind_add(counters_tell_every_transfer, 0, "counters_tell_every_transfer");
	kind_add(no_irq_raises_none, 0, "no_irq_raises_none");
	kind_add(last_user_of_memory_outlived_by_no_file, 30000,
		 "last_user_of_memory_outlived_by_no_file");
	kind_add(no_irq_can_be_waited_for, 0, "no_irq_can_be_waited_for");
	TEST_ADD(dma_mapped_device_memory_costs_no_register_access);
	TEST_ADD(dma_seq_grows_by_one_over_all_files);
	TEST_ADD(dma_refused_submit_takes_no_seq);
	TEST_ADD(dma_burst_runs_in_order);
	TEST_ADD(dma_transfer_limit_edquot_and_collect_restores);
	TEST_ADD_SLOW(dma_many_processes_stay_apart, 30000);
	TEST_ADD(dma_reaches_device_memory_of_every_technique);
	TEST_ADD(dma_whole_memory_region_is_reached);
	TEST_ADD(dma_into_read_only_buffer_is_granted);
	TEST_ADD(dma_timed_tells_host_time);
	TEST_ADD(dma_timed_list_eopnotsupp);
}
