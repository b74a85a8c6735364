// SPDX-License-Identifier: MIT
/*
 * lib_submit.c - memory of the process as a buffer, dma-buf, queues of the driver, and entries for io_uring.
 */
#include <errno.h>

#include <mmapdemo/uring.h>

#include "mock_queue.h"

/* --- pinned, synchronised, exported ------------------------------------------------------- */

static int reply_memory(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_BUF_PIN)
		((struct mmapdemo_buf_pin *)arg)->out_handle = 55;
	else if (cmd == MMAPDEMO_IOC_BUF_EXPORT)
		((struct mmapdemo_buf_export *)arg)->out_fd = 56;
	return 0;
}

static void buf_pin_sync_export_pass_everything(void **state)
{
	struct mock mock = { .reply = reply_memory };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_buf_export *export;
	const struct mmapdemo_buf_sync *sync;
	const struct mmapdemo_buf_pin *pin;
	uint32_t handle = 0;
	int fd = -1;

	(void)state;
	assert_int_equal(mmd_buf_pin(dev, &mock, 1ULL << 40, MMAPDEMO_PIN_READ_ONLY, &handle), 0);
	pin = mock_arg(&mock, 0, MMAPDEMO_IOC_BUF_PIN);
	assert_int_equal(pin->flags, MMAPDEMO_PIN_READ_ONLY);
	assert_int_equal(pin->addr, (uintptr_t)&mock);
	assert_true(pin->len == 1ULL << 40);
	assert_int_equal(pin->out_handle | pin->reserved, 0);
	assert_int_equal(handle, 55);

	assert_int_equal(mmd_buf_sync(dev, 55, 1ULL << 41, 1ULL << 42, MMAPDEMO_SYNC_FOR_CPU), 0);
	sync = mock_arg(&mock, 1, MMAPDEMO_IOC_BUF_SYNC);
	assert_int_equal(sync->flags, MMAPDEMO_SYNC_FOR_CPU);
	assert_int_equal(sync->handle, 55);
	assert_int_equal(sync->reserved, 0);
	assert_true(sync->off == 1ULL << 41);
	assert_true(sync->len == 1ULL << 42);

	assert_int_equal(mmd_buf_export(dev, 57, &fd), 0);
	export = mock_arg(&mock, 2, MMAPDEMO_IOC_BUF_EXPORT);
	assert_int_equal(export->handle, 57);
	assert_int_equal(export->flags, 0);
	assert_int_equal(export->out_fd, 0);
	assert_int_equal(fd, 56);
	mmd_close(dev);
}

/* --- queues of the driver ----------------------------------------------------------------- */

#define SLOTS	(1u << MMAPDEMO_QUEUE_LOG2N_MIN)

static struct mmd_queue *queue_open(struct mock_queue *mq, struct mmd_device **dev)
{
	const struct mmd_queue_attr attr = {
		.flags = MMD_QUEUE_KERNEL, .log2n = MMAPDEMO_QUEUE_LOG2N_MIN, .irq_gap_ns = 50000,
	};
	struct mmd_queue *q = NULL;

	*dev = mock_queue_open(mq);
	assert_int_equal(mmd_queue_create(*dev, &attr, &q), 0);
	assert_non_null(q);
	return q;
}

static void queue_of_the_driver_is_not_mapped(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	const struct mmapdemo_queue_create *c;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev);

	(void)state;
	c = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_QUEUE_CREATE);
	assert_int_equal(c->flags, MMAPDEMO_QUEUE_KERNEL);
	assert_int_equal(c->log2n, MMAPDEMO_QUEUE_LOG2N_MIN);
	assert_int_equal(c->eventfd, -1);
	assert_int_equal(c->irq_gap_ns, 50000);
	/* Nothing else was asked. */
	assert_int_equal(mq.mock.calls, 1);
	assert_int_equal(mq.mock.maps, 0);
	assert_int_equal(q->handle, MOCK_QUEUE_HANDLE);
	assert_int_equal(q->irq_gap_ns, 50000);
	assert_int_equal(q->eventfd, -1);
	/* What is for queues of this process finds no room and nothing under way. */
	mmd_sqe_nop(&sqe, 1);
	assert_int_equal(mmd_queue_space(q), 0);
	assert_int_equal(mmd_queue_push(q, &sqe), -EAGAIN);
	assert_null(mmd_queue_slot(q));
	assert_int_equal(mmd_queue_spin(q, 1, 0), -EINVAL);
	assert_int_equal(mmd_queue_wait(q, 1, 0), -EINVAL);
	assert_int_equal(mmd_queue_destroy(q), 0);
	assert_int_equal(mq.destroys, 1);
	assert_int_equal(mq.mock.maps, 0);
	mmd_close(dev);
}

static void queue_submit_passes_everything(void **state)
{
	struct mmapdemo_hw_sqe sqes[2];
	struct mmapdemo_hw_cqe cqes[3];
	struct mmd_queue_submit submit = {
		.sqes = sqes, .cqes = cqes, .deadline_ns = 1ULL << 50, .num = 2, .max_cqes = 3,
		.min_cqes = 1, .submitted = 99, .collected = 99,
	};
	struct mock_queue mq = { .mock.path = NULL };
	const struct mmapdemo_queue_submit *s;
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev);

	(void)state;
	mmd_sqe_nop(&sqes[0], 1);
	mmd_sqe_nop(&sqes[1], 2);
	assert_int_equal(mmd_queue_submit(q, &submit), 0);
	s = mock_arg(&mq.mock, 1, MMAPDEMO_IOC_QUEUE_SUBMIT);
	assert_int_equal(s->flags, 0);
	assert_int_equal(s->queue, MOCK_QUEUE_HANDLE);
	assert_int_equal(s->num, 2);
	assert_int_equal(s->sqes, (uintptr_t)sqes);
	assert_int_equal(s->cqes, (uintptr_t)cqes);
	assert_int_equal(s->max_cqes, 3);
	assert_int_equal(s->min_cqes, 1);
	assert_true(s->deadline_ns == 1ULL << 50);
	assert_int_equal(s->out_submitted | s->out_cqes, 0);
	assert_int_equal(submit.submitted, 2);
	assert_int_equal(submit.collected, 2);
	/* What the caller asked for is left alone. */
	assert_int_equal(submit.num, 2);
	assert_int_equal(submit.max_cqes, 3);

	submit.reserved = 1;
	submit.submitted = 99;
	mq.mock.calls = 0;
	assert_int_equal(mmd_queue_submit(q, &submit), -EINVAL);
	assert_int_equal(mq.mock.calls, 0);
	assert_int_equal(submit.submitted, 99);
	assert_int_equal(mmd_queue_destroy(q), 0);
	mmd_close(dev);
}

static void queue_submit_moves_bytes_and_tells_room(void **state)
{
	struct mock_queue mq = { .access[0] = 0 };
	struct mmapdemo_hw_sqe sqes[SLOTS + 2];
	struct mmapdemo_hw_cqe cqes[SLOTS + 2];
	struct mmd_queue_submit submit = { .sqes = sqes, .cqes = cqes, .num = ARRAY_SIZE(sqes) };
	struct mmd_completion done;
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev);
	uint32_t window, i;

	(void)state;
	assert_int_equal(mmd_window_create(dev, 1, 0, MOCK_WINDOW_LEN, MMAPDEMO_WINDOW_READ |
					   MMAPDEMO_WINDOW_WRITE, &window), 0);
	for (i = 0; i < ARRAY_SIZE(sqes); i++)
		mmd_sqe_fill(&sqes[i], mmd_at(window, i * 8), i + 1, 8, 1000 + i);
	/* One that is refused, among others. */
	sqes[1].dst_win = MMD_LE32(7);
	assert_int_equal(mmd_queue_submit(q, &submit), 0);
	assert_int_equal(submit.submitted, SLOTS);
	assert_int_equal(submit.collected, 0);
	assert_int_equal(mmd_queue_submit(q, &submit), -EAGAIN);

	submit.num = 0;
	submit.max_cqes = ARRAY_SIZE(cqes);
	assert_int_equal(mmd_queue_submit(q, &submit), 0);
	assert_int_equal(submit.submitted, 0);
	assert_int_equal(submit.collected, SLOTS);
	for (i = 0; i < SLOTS; i++) {
		poison(&done, sizeof(done));
		mmd_cqe_read(&cqes[i], &done);
		assert_int_equal(done.user, 1000 + i);
		assert_int_equal(done.index, i);
		assert_int_equal(done.status, i == 1 ? MMAPDEMO_CQ_WINDOW : MMAPDEMO_CQ_OK);
		assert_int_equal(done.bytes, i == 1 ? 0 : 8);
		assert_int_equal(done.aux | done.detail, 0);
		assert_int_equal(mq.memory[window][i * 8], i == 1 ? 0 : i + 1);
	}
	assert_int_equal(mmd_queue_destroy(q), 0);
	mmd_close(dev);
}

static void cqe_read_takes_every_member(void **state)
{
	const struct mmapdemo_hw_cqe cqe = {
		.user = MMD_LE64(0x1122334455667788), .aux = MMD_LE64(0x99aabbccddeeff00),
		.bytes = MMD_LE32(0x12345678), .status = MMD_LE16(0x9abc),
		.detail = MMD_LE32(0xdef01234), .gen = 0,
	};
	struct mmd_completion done;

	(void)state;
	poison(&done, sizeof(done));
	mmd_cqe_read(&cqe, &done);
	assert_true(done.user == 0x1122334455667788);
	assert_true(done.aux == 0x99aabbccddeeff00);
	assert_int_equal(done.bytes, 0x12345678);
	assert_int_equal(done.status, 0x9abc);
	assert_true(done.detail == 0xdef01234);
	/* Generations run round like indexes. */
	assert_true(done.index == UINT32_MAX);
}

/* --- io_uring ----------------------------------------------------------------------------- */

/* Byte by byte, as Linux lays an entry out (io_uring_enter(2)), in both sizes. */
static void uring_prep_fills_the_entry_and_no_more(void **state)
{
	const struct mmd_queue q = { .handle = 0x51525354 };
	struct mmapdemo_hw_sqe sqe;
	uint64_t address = (uintptr_t)&sqe, entry[16];
	unsigned char want[64] = { 0 };

	(void)state;
	poison(entry, sizeof(entry));
	mmd_uring_prep_submit((void *)entry, 0x01020304, &q, &sqe, 0x1112131415161718);
	want[0] = 46;					/* IORING_OP_URING_CMD */
	memcpy(want + 4, &(int32_t){ 0x01020304 }, 4);
	memcpy(want + 8, &(uint32_t){ 1 }, 4);		/* cmd_op */
	memcpy(want + 32, &(uint64_t){ 0x1112131415161718 }, 8);
	memcpy(want + 48, &(uint32_t){ 0x51525354 }, 4);
	memcpy(want + 56, &address, 8);
	assert_memory_equal(entry, want, sizeof(want));
	assert_true(is_poisoned(entry + 8, 64));
}

static void uring_result_takes_what_there_is(void **state)
{
	static const struct {
		int32_t res;
		uint64_t extra;
		int ret;
		uint32_t bytes, status, detail;
		uint64_t aux;
	} cases[] = {
		{ 4096, 0x3132333435363738, 0, 4096, 0, 0, 0x3132333435363738 },
		{ 0, 0, 0, 0, 0, 0, 0 },
		{ -EINVAL, 0x4142434400000000 | MMAPDEMO_CQ_LIST, -EINVAL, 0, MMAPDEMO_CQ_LIST,
		  0x41424344, 0 },
		{ -EIO, 0x4142434400000000 | MMAPDEMO_CQ_BUS, -EIO, 0, MMAPDEMO_CQ_BUS,
		  0x41424344, 0 },
		/* Where the bytes differ is in aux. */
		{ -EIO, 0x8142434400000000 | MMAPDEMO_CQ_MISCOMPARE, -EIO, 0,
		  MMAPDEMO_CQ_MISCOMPARE, 0, 0x81424344 },
		/* No answer of the device. */
		{ -EIO, 0, -EIO, 0, 0, 0, 0 },
		{ -EAGAIN, 0, -EAGAIN, 0, 0, 0, 0 },
		{ -ECANCELED, 0x1111111122222222, -ECANCELED, 0, 0, 0, 0 },
	};
	struct {
		struct io_uring_cqe cqe;
		uint64_t extra[2];
	} entry = { .cqe.user_data = 0x2122232425262728 };
	struct mmd_completion done;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		entry.cqe.res = cases[i].res;
		entry.extra[0] = cases[i].extra;
		entry.extra[1] = UINT64_MAX;
		poison(&done, sizeof(done));
		assert_int_equal(mmd_uring_result(&entry.cqe, &done), cases[i].ret);
		assert_true(done.user == 0x2122232425262728);
		assert_true(done.aux == cases[i].aux);
		assert_int_equal(done.bytes, cases[i].bytes);
		assert_int_equal(done.status, cases[i].status);
		assert_int_equal(done.detail, cases[i].detail);
		assert_int_equal(done.index, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_pin_sync_export_pass_everything),
		cmocka_unit_test(queue_of_the_driver_is_not_mapped),
		cmocka_unit_test(queue_submit_passes_everything),
		cmocka_unit_test(queue_submit_moves_bytes_and_tells_room),
		cmocka_unit_test(cqe_read_takes_every_member),
		cmocka_unit_test(uring_prep_fills_the_entry_and_no_more),
		cmocka_unit_test(uring_result_takes_what_there_is),
	};

	return cmocka_run_group_tests_name("library submission", tests, NULL, NULL);
}
