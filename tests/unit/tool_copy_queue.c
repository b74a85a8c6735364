// SPDX-License-Identifier: MIT
/*
 * tool_copy_queue.c - copies by queue that go wrong in one byte, one count or one status must be found. The
 * device of mock_queue.c makes the mistakes, one of each kind.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mock_queue.h"

#include "copy.h"
#include "crc32c.h"

#define LEN	10000u

/* What the device does wrong, in every descriptor it concerns. */
enum fault {
	FAULT_NONE,
	FAULT_BYTE_TO,		/* copy to the device: one byte does not arrive, compare says it has */
	FAULT_BYTE_FROM,	/* the same on the way back */
	FAULT_COMPARE,		/* compare: differs where it does not */
	FAULT_CRC,		/* crc32c: a wrong sum */
	FAULT_MEM_GUARD_TO,	/* copy to the device: a byte behind the memory */
	FAULT_MEM_GUARD_FROM,
	FAULT_DEV_GUARD,	/* copy: a byte behind the device's data */
	FAULT_SOURCE,		/* copy to the device: changes its source */
	FAULT_BYTES,		/* copy: reports a wrong count */
	FAULT_STATUS,		/* reports a status though all went well */
	FAULT_USER,		/* copy: reports another descriptor */
	FAULT_STOP,		/* the queue stops */
	FAULT_COUNT
};

static unsigned char *buffer_of(struct mock_queue *mq, uint32_t technique)
{
	unsigned int i;

	for (i = 0; i < MOCK_BUFFERS; i++)
		if (mq->buffer[i].len && mq->buffer[i].technique == technique)
			return mq->buffer[i].mem;
	return NULL;
}

static void go_wrong(struct mock_queue *mq, const struct mmapdemo_hw_sqe *sqe,
		     struct mmapdemo_hw_cqe *cqe)
{
	unsigned char *mem = mq->buffer[1].mem;
	unsigned char *dev = buffer_of(mq, MMAPDEMO_TECH_BAR);
	bool copies = sqe->op == MMAPDEMO_OP_COPY;
	bool to_device = copies && mq->window[sqe->dst_win] == dev + COPY_GUARD;
	bool blind = mq->fault == FAULT_BYTE_TO || mq->fault == FAULT_BYTE_FROM ||
		     mq->fault == FAULT_SOURCE;

	/* One check must not hide that another one is missing. */
	if (blind && sqe->op == MMAPDEMO_OP_COMPARE)
		*cqe = (struct mmapdemo_hw_cqe) { .user = sqe->user, .bytes = sqe->len };
	switch (mq->fault) {
	case FAULT_BYTE_TO:
	case FAULT_BYTE_FROM:
		if (copies && to_device == (mq->fault == FAULT_BYTE_TO))
			mq->window[sqe->dst_win][sqe->dst_off + sqe->len / 2] ^= 1;
		break;
	case FAULT_COMPARE:
		if (sqe->op == MMAPDEMO_OP_COMPARE)
			cqe->status = MMAPDEMO_CQ_MISCOMPARE;
		break;
	case FAULT_CRC:
		if (sqe->op == MMAPDEMO_OP_CRC32C)
			cqe->aux ^= 0x80000000;
		break;
	case FAULT_MEM_GUARD_TO:
	case FAULT_MEM_GUARD_FROM:
		if (copies && to_device == (mq->fault == FAULT_MEM_GUARD_TO))
			mem[mq->buffer[1].len - 1] ^= 1;
		break;
	case FAULT_DEV_GUARD:
		if (copies)
			dev[COPY_GUARD + LEN] = 0;
		break;
	case FAULT_SOURCE:
		if (to_device)
			mem[COPY_GUARD] ^= 1;
		break;
	case FAULT_BYTES:
		cqe->bytes -= copies;
		break;
	case FAULT_STATUS:
		cqe->status = MMAPDEMO_CQ_ABORTED;
		break;
	case FAULT_USER:
		cqe->user += copies;
		break;
	default:
		break;
	}
}

static int round_trip_by(enum copy_via via, uint32_t technique, int fault, size_t chunk,
			 uint32_t depth, uint32_t mode)
{
	struct mock_queue mq = { .after = go_wrong, .fault = fault };
	struct mock_worker worker = { .mq = &mq, .budget = 100000 };
	struct tool tool = { .path = "mock", .json = true, .result = json_object() };
	unsigned char *source = malloc(LEN), *back = malloc(LEN);
	struct copy copy = {
		.via = via,
		.technique = technique,
		.mode = mode,
		.chunk = chunk,
		.depth = depth,
		.timeout_ns = 10000000000,
	};
	int status;

	tool.dev = mock_queue_open(&mq);
	copy_fill(source, LEN, 3);
	assert_int_equal(copy_prepare(&copy, &tool, LEN), 0);
	if (fault == FAULT_STOP && via == COPY_IOCTL)
		mq.submit_ret = -EIO;
	else if (fault == FAULT_STOP)
		mock_queue_stop(&mq, MMAPDEMO_QERR_TAIL);
	if (via == COPY_QUEUE)
		mock_worker_start(&worker);
	status = copy_round_trip(&copy, source, back);
	if (via == COPY_QUEUE)
		mock_worker_stop(&worker);
	if (!status) {
		assert_memory_equal(source, back, LEN);
		assert_in_range(copy.doorbells, 1, copy.transfers);
	} else {
		assert_non_null(json_object_get(tool.result, "error"));
	}
	assert_int_equal(copy_release(&copy), 0);
	assert_int_equal(mq.destroys, mq.creates);
	/* Streaming memory is handed over and back; coherent memory is left alone. */
	if (!fault) {
		assert_int_equal(mq.syncs[0] > 0, technique != MMAPDEMO_TECH_COHERENT);
		assert_int_equal(mq.syncs[0], mq.syncs[1]);
	}
	mmd_close(tool.dev);
	mock_queue_close(&mq);
	json_decref(tool.result);
	free(source);
	free(back);
	return status;
}

static int round_trip(int fault, size_t chunk, uint32_t depth, uint32_t mode)
{
	return round_trip_by(COPY_QUEUE, MMAPDEMO_TECH_PAGES, fault, chunk, depth, mode);
}

static void round_trip_good_passes(void **state)
{
	(void)state;
	assert_int_equal(round_trip(FAULT_NONE, 0, 1, MMD_DMA_SPIN), 0);
	assert_int_equal(round_trip(FAULT_NONE, 0, 4, MMD_DMA_EVENTFD), 0);
	/* Chunks and bursts that leave a rest, a ring used more than once. */
	assert_int_equal(round_trip(FAULT_NONE, 999, 4, MMD_DMA_SPIN), 0);
	assert_int_equal(round_trip(FAULT_NONE, 77, 9, MMD_DMA_EVENTFD), 0);
	assert_int_equal(round_trip_by(COPY_QUEUE, MMAPDEMO_TECH_COHERENT, FAULT_NONE, 999, 4,
				       MMD_DMA_SPIN), 0);
	assert_int_equal(round_trip_by(COPY_QUEUE, MMAPDEMO_TECH_USERPTR, FAULT_NONE, 999, 4,
				       MMD_DMA_SPIN), 0);
	/* A call submits as much as there are slots; the rest goes with the next. */
	assert_int_equal(round_trip_by(COPY_IOCTL, MMAPDEMO_TECH_PAGES, FAULT_NONE, 77, 9,
				       MMD_DMA_WAIT), 0);
	assert_int_equal(round_trip_by(COPY_IOCTL, MMAPDEMO_TECH_USERPTR, FAULT_NONE, 999, 4,
				       MMD_DMA_WAIT), 0);
}

static void round_trip_every_fault_is_found(void **state)
{
	int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY), fault;
	bool found[FAULT_COUNT] = { true }, by_ioctl[FAULT_COUNT] = { true };

	(void)state;
	dup2(null, STDERR_FILENO);
	for (fault = FAULT_BYTE_TO; fault < FAULT_COUNT; fault++) {
		found[fault] = round_trip(fault, 4096, 4, MMD_DMA_SPIN) == STATUS_FAILED;
		by_ioctl[fault] = round_trip_by(COPY_IOCTL, MMAPDEMO_TECH_USERPTR, fault, 4096, 4,
						MMD_DMA_WAIT) == STATUS_FAILED;
	}
	dup2(saved, STDERR_FILENO);
	close(null);
	close(saved);
	for (fault = FAULT_BYTE_TO; fault < FAULT_COUNT; fault++)
		if (!found[fault] || !by_ioctl[fault])
			fail_msg("fault %d is not found", fault);
}

static void crc32c_is_the_standard_one(void **state)
{
	unsigned char data[1000];
	size_t len, cut;

	(void)state;
	assert_int_equal(crc32c(0, (const unsigned char *)"123456789", 9), 0xe3069283);
	memset(data, 0, 32);
	assert_int_equal(crc32c(0, data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(crc32c(0, data, 32), 0x62a8ab43);
	copy_fill(data, sizeof(data), 9);
	for (len = 0; len <= sizeof(data); len += 37) {
		assert_int_equal(crc32c(0, data, len), mock_crc32c(0, data, len));
		for (cut = 0; cut <= len; cut += 91)
			assert_int_equal(crc32c(crc32c(0, data, cut), data + cut, len - cut),
					 crc32c(0, data, len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_is_the_standard_one),
		cmocka_unit_test(round_trip_good_passes),
		cmocka_unit_test(round_trip_every_fault_is_found),
	};

	return cmocka_run_group_tests_name("tool copy by queue", tests, NULL, NULL);
}
