// SPDX-License-Identifier: MIT
/*
 * selftest_queue.c - checks of queues: data, each operation, what has to be refused, doorbells, interrupts.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "copy.h"
#include "crc32c.h"
#include "selftest.h"

#define LEN		100001u		/* neither a power of two nor a multiple of anything */
#define CHUNK		3001u
#define PAGE		4096u
#define RINGS		10000u
#define TIMEOUT_NS	10000000000ULL

/* A queue and two pages of coherent memory that it may read and write. */
struct queue_kit {
	struct mmd_buf mem;
	struct mmd_map map;
	unsigned char *a;
	unsigned char *b;
	uint32_t window;
	struct mmd_queue *q;
};

static int skip_without_queues(struct selftest *st)
{
	return st->info.num_queues ? CHECK_OK : check_skip(st, "device or driver has no queues");
}

static int setup(struct selftest *st, struct queue_kit *bq, uint32_t access, uint32_t flags)
{
	const struct mmd_queue_attr attr = { .flags = flags, .log2n = MMAPDEMO_QUEUE_LOG2N_MIN };
	struct mmd_device *dev = st->tool->dev;
	int ret;

	memset(bq, 0, sizeof(*bq));
	ret = skip_without_queues(st);
	if (ret)
		return ret;
	ret = mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, 2 * PAGE, MMAPDEMO_CACHE_DEFAULT, 0,
			    &bq->mem);
	if (ret)
		return check_call(st, MMD_CALL_BUF_ALLOC, ret, "coherent");
	ret = mmd_map_buf(dev, &bq->mem, PROT_READ | PROT_WRITE, &bq->map);
	if (ret)
		return check_call(st, MMD_CALL_MAP, ret, "coherent");
	bq->a = bq->map.ptr;
	bq->b = bq->a + PAGE;
	ret = mmd_window_create(dev, bq->mem.handle, 0, 2 * PAGE, access, &bq->window);
	if (ret)
		return check_call(st, MMD_CALL_WINDOW_CREATE, ret, "coherent");
	ret = mmd_queue_create(dev, &attr, &bq->q);
	return ret ? check_call(st, MMD_CALL_QUEUE_CREATE, ret, "a queue") : CHECK_OK;
}

/* @result goes through: a check that failed says why itself, and what follows is only cleaning up. */
static int teardown(struct selftest *st, struct queue_kit *bq, int result)
{
	struct mmd_device *dev = st->tool->dev;
	int ret = 0;

	if (bq->q)
		ret = mmd_queue_destroy(bq->q);
	if (ret && !result)
		result = check_call(st, MMD_CALL_QUEUE_DESTROY, ret, "a queue");
	if (bq->map.ptr) {
		ret = mmd_window_destroy(dev, bq->window);
		if (ret && !result)
			result = check_call(st, MMD_CALL_WINDOW_DESTROY, ret, "coherent");
	}
	mmd_unmap(&bq->map);
	if (bq->mem.handle)
		mmd_buf_free(dev, bq->mem.handle);
	return result;
}

/* One descriptor, waited for. CHECK_OK with its completion in @c. */
static int do_one(struct selftest *st, struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqe,
		  const char *what, struct mmd_completion *c)
{
	struct mmd_queue_info info;
	int ret;

	ret = mmd_queue_push(q, sqe);
	if (!ret) {
		mmd_queue_kick(q);
		ret = mmd_queue_spin(q, 1, mmd_deadline_ns(TIMEOUT_NS));
	}
	if (!ret)
		ret = mmd_queue_poll(q, c);
	if (!ret && c->user != MMD_LE64(sqe->user))
		return check_fail(st, "%s: completion has user 0x%" PRIx64, what, c->user);
	if (ret == -EIO && !mmd_queue_info(q, &info))
		return check_fail(st, "%s: queue %s, error %s", what,
				  mmd_queue_state_name(info.state),
				  mmd_queue_error_name(info.error));
	return ret ? check_call(st, MMD_CALL_QUEUE_WAIT, ret, what) : CHECK_OK;
}

static int expect(struct selftest *st, struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqe,
		  const char *what, uint32_t status, uint32_t bytes, uint64_t aux)
{
	struct mmd_completion c = { 0 };

	if (do_one(st, q, sqe, what, &c))
		return CHECK_FAILED;
	if (c.status == status && c.bytes == bytes && c.aux == aux)
		return CHECK_OK;
	return check_fail(st, "%s: status %s, %u bytes, aux 0x%" PRIx64 "; should be %s, %u, 0x%" PRIx64,
			  what, mmd_cq_status_name(c.status), c.bytes, c.aux,
			  mmd_cq_status_name(status), bytes, aux);
}

static int copy_by(struct selftest *st, enum copy_via via, uint32_t technique, uint32_t mode)
{
	unsigned char *source, *back;
	struct copy copy = {
		.via = via,
		.technique = technique,
		.mode = mode,
		.chunk = CHUNK,
		.depth = 24,
		.timeout_ns = TIMEOUT_NS,
	};
	const char *lacks = copy_via_lacks(st->tool, &st->info, via);
	int status;

	if (lacks)
		return check_skip(st, lacks);
	status = check_has(st, technique);
	if (status)
		return status;
	if (copy_queue_reaches(st->tool, technique))
		return check_skip(st, "reached through bounce buffers here");
	source = malloc(LEN);
	back = malloc(LEN);
	if (source && back) {
		copy_fill(source, LEN, technique);
		status = copy_prepare(&copy, st->tool, LEN);
		if (!status)
			status = copy_round_trip(&copy, source, back);
		if (!status)
			status = copy_release(&copy);
	}
	free(source);
	free(back);
	if (!source || !back)
		return check_fail(st, "not enough memory");
	if (status)
		return check_fail(st, "see the message above");
	snprintf(st->detail, sizeof(st->detail), "%u bytes each way, %" PRIu64 " descriptors, %" PRIu64
		 " %s", LEN, copy.transfers, copy.doorbells,
		 via == COPY_QUEUE ? "doorbells" : "system calls");
	return CHECK_OK;
}

int check_queue_copy(struct selftest *st, uint32_t technique)
{
	return copy_by(st, COPY_QUEUE, technique, MMD_DMA_EVENTFD);
}

/* Coherent memory: reached on every machine. */
int check_submit(struct selftest *st, uint32_t via)
{
	return copy_by(st, (enum copy_via)via, MMAPDEMO_TECH_COHERENT, MMD_DMA_WAIT);
}

static int operations(struct selftest *st, struct queue_kit *bq)
{
	const struct mmd_place a = mmd_at(bq->window, 3), b = mmd_at(bq->window, PAGE + 5);
	struct mmapdemo_hw_sqe sqe;
	struct mmapdemo_hw_sge *list = (void *)(bq->b + 2048);
	const uint32_t n = 1001;
	uint32_t sum;

	copy_fill(bq->a, PAGE, 1);
	memset(bq->b, 0, PAGE);
	mmd_sqe_nop(&sqe, 1);
	if (expect(st, bq->q, &sqe, "nop", MMAPDEMO_CQ_OK, 0, 0))
		return CHECK_FAILED;
	mmd_sqe_copy(&sqe, b, a, n, 2);
	if (expect(st, bq->q, &sqe, "copy", MMAPDEMO_CQ_OK, n, 0))
		return CHECK_FAILED;
	if (memcmp(bq->b + 5, bq->a + 3, n) || bq->b[4] || bq->b[5 + n])
		return check_fail(st, "copy: the bytes are not the right ones in the right place");
	mmd_sqe_compare(&sqe, b, a, n, 3);
	if (expect(st, bq->q, &sqe, "compare", MMAPDEMO_CQ_OK, n, 0))
		return CHECK_FAILED;
	bq->b[5 + 700]++;
	if (expect(st, bq->q, &sqe, "compare", MMAPDEMO_CQ_MISCOMPARE, 700, 700))
		return CHECK_FAILED;
	mmd_sqe_crc32c(&sqe, a, 0, n, 4);
	sum = crc32c(0, bq->a + 3, n);
	if (expect(st, bq->q, &sqe, "crc32c", MMAPDEMO_CQ_OK, n, sum))
		return CHECK_FAILED;
	mmd_sqe_crc32c(&sqe, a, sum, n, 5);
	sum = crc32c(sum, bq->a + 3, n);
	if (expect(st, bq->q, &sqe, "crc32c going on", MMAPDEMO_CQ_OK, n, sum))
		return CHECK_FAILED;
	mmd_sqe_fill(&sqe, b, 0x0807060504030201, 11, 6);
	if (expect(st, bq->q, &sqe, "fill", MMAPDEMO_CQ_OK, 11, 0))
		return CHECK_FAILED;
	if (memcmp(bq->b + 5, "\1\2\3\4\5\6\7\10\1\2\3", 11) || bq->b[4])
		return check_fail(st, "fill: the bytes are not the pattern");
	mmd_sge_set(&list[0], mmd_at(bq->window, 100), 7);
	mmd_sge_set(&list[1], mmd_at(bq->window, 50), 9);
	mmd_sqe_copy(&sqe, b, mmd_at(bq->window, PAGE + 2048), 16, 7);
	mmd_sqe_src_list(&sqe, 2);
	if (expect(st, bq->q, &sqe, "copy from a list", MMAPDEMO_CQ_OK, 16, 0))
		return CHECK_FAILED;
	if (memcmp(bq->b + 5, bq->a + 100, 7) || memcmp(bq->b + 12, bq->a + 50, 9))
		return check_fail(st, "copy from a list: the bytes are not those of its elements");
	snprintf(st->detail, sizeof(st->detail), "nop, copy, compare, crc32c, fill, list");
	return CHECK_OK;
}

int check_queue_operations(struct selftest *st, uint32_t arg)
{
	struct queue_kit bq;
	int ret;

	(void)arg;
	ret = setup(st, &bq, MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, 0);
	if (!ret)
		ret = operations(st, &bq);
	return teardown(st, &bq, ret);
}

/* One thing wrong with each; nothing is written, and the queue goes on. The window is read-only. */
static int refusals(struct selftest *st, struct queue_kit *bq)
{
	const struct mmd_place a = mmd_at(bq->window, 0);
	struct mmapdemo_hw_sqe sqe[10];
	static const struct {
		const char *what;
		uint32_t status;
	} cases[ARRAY_SIZE(sqe)] = {
		{ "an unknown operation", MMAPDEMO_CQ_OPCODE },
		{ "a reserved member", MMAPDEMO_CQ_RESERVED },
		{ "an argument that nop has not", MMAPDEMO_CQ_RESERVED },
		{ "0 bytes", MMAPDEMO_CQ_LENGTH },
		{ "more than the longest length", MMAPDEMO_CQ_LENGTH },
		{ "a window that is not there", MMAPDEMO_CQ_WINDOW },
		{ "past the end of the window", MMAPDEMO_CQ_RANGE },
		{ "wrapping round 2^64", MMAPDEMO_CQ_RANGE },
		{ "writing through a window for reading", MMAPDEMO_CQ_ACCESS },
		{ "a list that is too long", MMAPDEMO_CQ_LIST },
	};
	struct mmapdemo_hw_sqe good;
	unsigned char before[64];
	size_t i;

	copy_fill(bq->a, PAGE, 2);
	memcpy(before, bq->a, sizeof(before));
	for (i = 0; i < ARRAY_SIZE(sqe); i++)
		mmd_sqe_crc32c(&sqe[i], a, 0, 64, i);
	sqe[0].op = MMAPDEMO_OP_MAX + 1;
	sqe[1].reserved3 = MMD_LE64(1);
	mmd_sqe_nop(&sqe[2], 2);
	sqe[2].arg = MMD_LE64(1);
	sqe[3].len = 0;
	sqe[4].len = MMD_LE32(MMAPDEMO_QUEUE_MAX_LEN + 1);
	sqe[5].src_win = MMD_LE32(UINT32_MAX);
	sqe[6].src_off = MMD_LE64(2 * PAGE - 63);
	sqe[7].src_off = MMD_LE64(UINT64_MAX - 31);
	mmd_sqe_fill(&sqe[8], a, 0, 64, 8);
	mmd_sqe_src_list(&sqe[9], MMAPDEMO_QUEUE_MAX_LIST + 1);
	mmd_sqe_crc32c(&good, a, 0, 64, 100);
	for (i = 0; i < ARRAY_SIZE(sqe); i++) {
		if (expect(st, bq->q, &sqe[i], cases[i].what, cases[i].status, 0, 0) ||
		    expect(st, bq->q, &good, "a good one after it", MMAPDEMO_CQ_OK, 64,
			   crc32c(0, before, 64)))
			return CHECK_FAILED;
	}
	if (memcmp(bq->a, before, sizeof(before)))
		return check_fail(st, "a refused descriptor wrote to memory");
	snprintf(st->detail, sizeof(st->detail), "%zu kinds, each with its status, and the queue goes on",
		 ARRAY_SIZE(sqe));
	return CHECK_OK;
}

int check_queue_refusals(struct selftest *st, uint32_t arg)
{
	struct queue_kit bq;
	int ret;

	(void)arg;
	ret = setup(st, &bq, MMAPDEMO_WINDOW_READ, 0);
	if (!ret)
		ret = refusals(st, &bq);
	return teardown(st, &bq, ret);
}

/* The window of another open file, and one of this file that was taken away: one answer for both. */
int check_queue_foreign_window(struct selftest *st, uint32_t arg)
{
	uint32_t foreign = 0, gone = 0;
	struct mmd_device *other = NULL;
	struct mmapdemo_hw_sqe sqe;
	struct queue_kit bq;
	struct mmd_buf buf;
	int ret;

	(void)arg;
	ret = setup(st, &bq, MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, 0);
	if (ret)
		return teardown(st, &bq, ret);
	ret = mmd_open(st->tool->path, 0, &other);
	if (!ret)
		ret = mmd_buf_alloc(other, MMAPDEMO_TECH_COHERENT, PAGE, 0, 0, &buf);
	if (!ret)
		ret = mmd_window_create(other, buf.handle, 0, PAGE, MMAPDEMO_WINDOW_READ |
					MMAPDEMO_WINDOW_WRITE, &foreign);
	if (!ret)
		ret = mmd_window_create(st->tool->dev, bq.mem.handle, 0, PAGE,
					MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &gone);
	if (!ret)
		ret = mmd_window_destroy(st->tool->dev, gone);
	if (ret) {
		ret = check_call(st, MMD_CALL_WINDOW_CREATE, ret, "a second open file");
	} else {
		mmd_sqe_copy(&sqe, mmd_at(foreign, 0), mmd_at(bq.window, 0), 64, 1);
		ret = expect(st, bq.q, &sqe, "writing to a foreign window", MMAPDEMO_CQ_WINDOW, 0, 0);
	}
	if (!ret) {
		mmd_sqe_crc32c(&sqe, mmd_at(foreign, 0), 0, 64, 2);
		ret = expect(st, bq.q, &sqe, "reading a foreign window", MMAPDEMO_CQ_WINDOW, 0, 0);
	}
	if (!ret) {
		mmd_sqe_crc32c(&sqe, mmd_at(gone, 0), 0, 64, 3);
		ret = expect(st, bq.q, &sqe, "a window taken away", MMAPDEMO_CQ_WINDOW, 0, 0);
	}
	mmd_close(other);
	return teardown(st, &bq, ret);
}

static uint64_t counter(const struct selftest *st, uint32_t reg)
{
	return mmd_mmio_read64(mmd_mmio_at(st->user_page.ptr, reg - MMAPDEMO_USER_BASE));
}

static uint64_t doorbells_counted(const struct selftest *st)
{
	return counter(st, MMAPDEMO_REG_CNT_DB_WR8) + counter(st, MMAPDEMO_REG_CNT_DB_WR16) +
	       counter(st, MMAPDEMO_REG_CNT_DB_WR32) + counter(st, MMAPDEMO_REG_CNT_DB_WR64);
}

/* Any width, value and place of the page, ten thousand times: the device looks, and that is all. */
static int doorbells(struct selftest *st, struct queue_kit *bq)
{
	volatile unsigned char *page = bq->q->doorbell;
	uint64_t before = doorbells_counted(st), counted, noise = 1;
	struct mmapdemo_hw_sqe sqe;
	size_t at, i;

	for (i = 0; i < RINGS; i++) {
		noise = noise * 6364136223846793005 + 1442695040888963407;
		at = noise >> 33 & (PAGE - 8) & ~7u;
		switch (i % 4) {
		case 0:
			page[at] = (unsigned char)noise;
			break;
		case 1:
			*(volatile uint16_t *)(page + at) = (uint16_t)noise;
			break;
		case 2:
			*(volatile uint32_t *)(page + at) = (uint32_t)noise;
			break;
		default:
			*(volatile uint64_t *)(page + at) = noise;
		}
	}
	counted = doorbells_counted(st) - before;
	if (counted < RINGS)
		return check_fail(st, "%u writes, the device counted %" PRIu64, RINGS, counted);
	if (*(volatile uint32_t *)page)
		return check_fail(st, "a doorbell does not read as 0");
	mmd_sqe_nop(&sqe, 1);
	if (expect(st, bq->q, &sqe, "nop after it", MMAPDEMO_CQ_OK, 0, 0))
		return CHECK_FAILED;
	snprintf(st->detail, sizeof(st->detail), "%u writes of any width and value", RINGS);
	return CHECK_OK;
}

int check_queue_doorbells(struct selftest *st, uint32_t arg)
{
	struct queue_kit bq;
	int ret;

	(void)arg;
	ret = setup(st, &bq, MMAPDEMO_WINDOW_READ, 0);
	if (!ret)
		ret = doorbells(st, &bq);
	return teardown(st, &bq, ret);
}

/* Armed by hand: the interrupt, and nothing else, makes the eventfd readable. */
static int interrupt(struct selftest *st, struct queue_kit *bq)
{
	uint64_t deadline = mmd_deadline_ns(TIMEOUT_NS), told;
	struct mmd_queue_info info;
	struct mmapdemo_hw_sqe sqe;
	int ret;

	/* Not asked for: a completion that nobody sleeps for interrupts nobody. */
	mmd_sqe_nop(&sqe, 1);
	if (expect(st, bq->q, &sqe, "nop", MMAPDEMO_CQ_OK, 0, 0))
		return CHECK_FAILED;
	ret = mmd_queue_info(bq->q, &info);
	if (ret)
		return check_call(st, MMD_CALL_QUEUE_INFO, ret, "a queue");
	if (info.irqs)
		return check_fail(st, "%" PRIu64 " interrupts that nobody asked for", info.irqs);
	ret = mmd_queue_push(bq->q, &sqe);
	mmd_queue_arm(bq->q, bq->q->head);
	mmd_queue_kick(bq->q);
	if (!ret)
		ret = mmd_queue_wait(bq->q, 1, deadline);
	if (ret)
		return check_call(st, MMD_CALL_QUEUE_WAIT, ret, "nop");
	do {
		ret = mmd_queue_info(bq->q, &info);
		told = info.irqs;
	} while (!ret && !told && mmd_deadline_ns(0) < deadline);
	if (ret)
		return check_call(st, MMD_CALL_QUEUE_INFO, ret, "a queue");
	if (told != 1)
		return check_fail(st, "%" PRIu64 " interrupts for one completion, should be 1", told);
	return CHECK_OK;
}

int check_queue_interrupt(struct selftest *st, uint32_t arg)
{
	struct queue_kit bq;
	int ret;

	(void)arg;
	ret = setup(st, &bq, MMAPDEMO_WINDOW_READ, MMD_QUEUE_SLEEP);
	if (!ret)
		ret = interrupt(st, &bq);
	return teardown(st, &bq, ret);
}
