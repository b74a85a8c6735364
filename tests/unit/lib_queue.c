// SPDX-License-Identifier: MIT
/*
 * lib_queue.c - queues and windows: the calls, and the layout of descriptors. Rings are in
 * lib_queue_ring.c, waiting in lib_queue_wait.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock_queue.h"

/* The lowest free descriptor: the same before and after a call that leaks none. */
static int next_fd(void)
{
	int fd = dup(0);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

static bool is_mapped(void *page)
{
	return msync(page, 4096, MS_ASYNC) == 0;
}

static struct mmd_queue *queue_open(struct mock_queue *mq, struct mmd_device **dev, uint32_t log2n)
{
	const struct mmd_queue_attr attr = { .log2n = log2n };
	struct mmd_queue *q = NULL;

	*dev = mock_queue_open(mq);
	assert_int_equal(mmd_queue_create(*dev, &attr, &q), 0);
	assert_non_null(q);
	return q;
}

static void queue_close(struct mmd_device *dev, struct mmd_queue *q)
{
	assert_int_equal(mmd_queue_destroy(q), 0);
	mmd_close(dev);
}

/* --- create, destroy ---------------------------------------------------------------------- */

static void queue_create_passes_everything(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev = mock_queue_open(&mq);
	int fd = eventfd(0, EFD_CLOEXEC), before = next_fd();
	struct mmd_queue_attr attr = {
		.flags = MMD_QUEUE_EVENTFD, .log2n = 9, .eventfd = fd, .irq_gap_ns = 30000,
		.irq_count = 7,
	};
	const struct mmapdemo_queue_create *c;
	const struct mmapdemo_queue_destroy *d;
	unsigned char *ring, *doorbell;
	struct mmd_queue *q;

	(void)state;
	assert_int_equal(mmd_queue_create(dev, &attr, &q), 0);
	c = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_QUEUE_CREATE);
	assert_int_equal(c->flags, 0);
	assert_int_equal(c->log2n, 9);
	assert_int_equal(c->eventfd, fd);
	assert_int_equal(c->irq_gap_ns, 30000);
	assert_int_equal(c->irq_count, 7);
	assert_int_equal(c->out_queue | c->out_irq_gap_ns, 0);
	assert_int_equal(q->eventfd, fd);
	assert_int_equal(q->irq_gap_ns, 30000);
	assert_int_equal(q->handle, MOCK_QUEUE_HANDLE);
	assert_int_equal(q->mask, 511);
	assert_ptr_equal(q->ring, mq.ring);
	assert_ptr_equal(q->doorbell, mq.doorbell);
	assert_ptr_equal(q->cq, mq.ring + 0x1000);
	assert_ptr_equal(q->sq, mq.ring + 0x1000 + 512 * 32);
	assert_int_equal(q->ring_map.len, 0x1000 + 512 * 32 + 512 * 64);
	assert_int_equal(mmd_queue_space(q), 512);
	assert_int_equal(mmd_queue_pending(q), 0);
	/* Nobody is told of anything before the first kick. */
	assert_false(mock_queue_rung(&mq));
	ring = mq.ring;
	doorbell = (unsigned char *)mq.doorbell;
	mq.mock.calls = 0;
	assert_int_equal(mmd_queue_destroy(q), 0);
	d = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_QUEUE_DESTROY);
	assert_int_equal(d->queue, MOCK_QUEUE_HANDLE);
	assert_int_equal(d->flags | d->reserved, 0);
	assert_false(is_mapped(ring));
	assert_false(is_mapped(doorbell));
	/* The eventfd is the caller's. */
	assert_int_equal(next_fd(), before);
	assert_int_equal(close(fd), 0);
	mmd_close(dev);
}

static void queue_create_defaults(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev = mock_queue_open(&mq);
	const struct mmapdemo_queue_create *c;
	struct mmd_queue_attr attr = { 0 };
	int before = next_fd();
	struct mmd_queue *q;

	(void)state;
	assert_int_equal(mmd_queue_create(dev, NULL, &q), 0);
	c = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_QUEUE_CREATE);
	assert_int_equal(c->log2n, MMD_QUEUE_LOG2N_DEFAULT);
	assert_int_equal(c->eventfd, -1);
	assert_int_equal(q->eventfd, -1);
	assert_int_equal(q->irq_gap_ns, 20000);
	assert_int_equal(next_fd(), before);
	assert_int_equal(mmd_queue_destroy(q), 0);

	attr.flags = MMD_QUEUE_SLEEP;
	mq.mock.calls = 0;
	assert_int_equal(mmd_queue_create(dev, &attr, &q), 0);
	c = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_QUEUE_CREATE);
	assert_int_equal(c->eventfd, before);
	assert_int_equal(q->eventfd, before);
	assert_int_not_equal(fcntl(before, F_GETFD) & FD_CLOEXEC, 0);
	assert_int_not_equal(fcntl(before, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(mmd_queue_destroy(q), 0);
	assert_int_equal(next_fd(), before);
	assert_int_equal(mmd_queue_destroy(NULL), 0);
	mmd_close(dev);
}

static void queue_create_refuses_attributes_before_asking(void **state)
{
	static const struct {
		struct mmd_queue_attr attr;
		int ret;
	} cases[] = {
		{ { .flags = 8 }, -EINVAL },
		{ { .flags = MMD_QUEUE_KERNEL | MMD_QUEUE_SLEEP }, -EINVAL },
		{ { .flags = MMD_QUEUE_KERNEL | MMD_QUEUE_EVENTFD }, -EINVAL },
		{ { .flags = MMD_QUEUE_SLEEP | MMD_QUEUE_EVENTFD }, -EINVAL },
		{ { .flags = MMD_QUEUE_EVENTFD, .eventfd = -1 }, -EBADF },
		{ { .log2n = MMAPDEMO_QUEUE_LOG2N_MAX + 1 }, -EINVAL },
		{ { .log2n = UINT32_MAX }, -EINVAL },
		{ { .reserved = 1 }, -EINVAL },
	};
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev = mock_queue_open(&mq);
	struct mmd_queue *q = (void *)&mq;
	int before = next_fd();
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mmd_queue_create(dev, &cases[i].attr, &q), cases[i].ret);
	assert_ptr_equal(q, &mq);
	assert_int_equal(mq.creates, 0);
	assert_int_equal(next_fd(), before);
	mmd_close(dev);
}

/* Whatever fails on the way: the queue is given back, nothing stays mapped or open. */
static void queue_create_failing_leaves_nothing(void **state)
{
	static const int errors[] = { -EBUSY, -ENOMEM, -ENODEV, -EIO, -EPROTO };
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_SLEEP };
	unsigned int step;

	(void)state;
	for (step = 0; step < ARRAY_SIZE(errors); step++) {
		struct mock_queue mq = { .mock.path = NULL };
		struct mmd_device *dev = mock_queue_open(&mq);
		struct mmd_queue *q = (void *)&mq;
		int before = next_fd();

		mq.create_ret = step == 0 ? -EBUSY : 0;
		mq.map_ring_ret = step == 1 ? -ENOMEM : 0;
		mq.map_doorbell_ret = step == 2 ? -ENODEV : 0;
		mq.info_ret = step == 3 ? -EIO : 0;
		mq.short_ring = step == 4 ? 8192 : 0;
		/* An error of giving back does not hide the first one. */
		mq.destroy_ret = -ETIMEDOUT;
		assert_int_equal(mmd_queue_create(dev, &attr, &q), errors[step]);
		assert_ptr_equal(q, &mq);
		assert_int_equal(mq.creates, 1);
		assert_int_equal(mq.destroys, step > 0);
		assert_int_equal(next_fd(), before);
		if (mq.ring)
			assert_false(is_mapped(mq.ring));
		if (mq.doorbell)
			assert_false(is_mapped(mq.doorbell));
		mmd_close(dev);
	}
}

static void queue_destroy_passes_errors_and_frees(void **state)
{
	struct mock_queue mq = { .destroy_ret = -ETIMEDOUT };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 3);

	(void)state;
	assert_int_equal(mmd_queue_destroy(q), -ETIMEDOUT);
	assert_false(is_mapped(mq.ring));
	assert_false(is_mapped(mq.doorbell));
	mmd_close(dev);
}

static void queue_info_fills_every_member(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 5);
	struct mmd_queue_info info;

	(void)state;
	mq.state = MMAPDEMO_QSTATE_ERROR;
	mq.error = MMAPDEMO_QERR_RING;
	mq.head = 77;
	mq.reset = 1;
	mq.irqs = 1ULL << 40;
	poison(&info, sizeof(info));
	assert_int_equal(mmd_queue_info(q, &info), 0);
	assert_int_equal(info.state, MMAPDEMO_QSTATE_ERROR);
	assert_int_equal(info.error, MMAPDEMO_QERR_RING);
	assert_int_equal(info.error_index, 77);
	assert_int_equal(info.head, 77);
	assert_int_equal(info.log2n, 5);
	assert_int_equal(info.index, 3);
	assert_int_equal(info.reset, 1);
	assert_int_equal(info.reserved, 0);
	assert_true(info.irqs == 1ULL << 40);
	queue_close(dev, q);
}

static void window_calls_pass_everything(void **state)
{
	struct mock_queue mq = { .access[0] = MMAPDEMO_WINDOW_READ };
	struct mmd_device *dev = mock_queue_open(&mq);
	const struct mmapdemo_window_create *c;
	const struct mmapdemo_window_destroy *d;
	uint32_t window = UINT32_MAX;

	(void)state;
	assert_int_equal(mmd_window_create(dev, 11, 1ULL << 40, 1ULL << 41,
					   MMAPDEMO_WINDOW_WRITE, &window), 0);
	assert_int_equal(window, 1);
	c = mock_arg(&mq.mock, 0, MMAPDEMO_IOC_WINDOW_CREATE);
	assert_int_equal(c->flags, MMAPDEMO_WINDOW_WRITE);
	assert_int_equal(c->handle, 11);
	assert_true(c->off == 1ULL << 40);
	assert_true(c->len == 1ULL << 41);
	assert_int_equal(c->out_window, 0);
	assert_int_equal(mmd_window_destroy(dev, window), 0);
	d = mock_arg(&mq.mock, 1, MMAPDEMO_IOC_WINDOW_DESTROY);
	assert_int_equal(d->window, 1);
	assert_int_equal(d->flags | d->reserved, 0);
	mmd_close(dev);
}

/* --- descriptors -------------------------------------------------------------------------- */

/* Byte by byte, from the offsets of the protocol and not from the structure. */
static void sqe_helpers_fill_every_byte(void **state)
{
	static const struct {
		unsigned char op;
		bool src, dst, len;
		uint64_t arg;
	} cases[] = {
		{ 0, false, false, false, 0 },
		{ 1, true, true, true, 0 },
		{ 2, false, true, true, 0x1122334455667788 },
		{ 3, true, true, true, 0 },
		{ 4, true, false, true, 0x89abcdef },
		{ 5, true, true, true, 0x123456789 },
	};
	const struct mmd_place dst = mmd_at(0xd1d2d3d4, 0xe1e2e3e4e5e6e7e8);
	const struct mmd_place src = mmd_at(0x51525354, 0x6162636465666768);
	const uint32_t len = 0x71727374;
	const uint64_t user = 0xc1c2c3c4c5c6c7c8;
	unsigned char want[64], got[64];
	size_t i, b;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mmapdemo_hw_sqe sqe;

		poison(&sqe, sizeof(sqe));
		switch (cases[i].op) {
		case MMAPDEMO_OP_NOP:
			mmd_sqe_nop(&sqe, user);
			break;
		case MMAPDEMO_OP_COPY:
			mmd_sqe_copy(&sqe, dst, src, len, user);
			break;
		case MMAPDEMO_OP_FILL:
			mmd_sqe_fill(&sqe, dst, cases[i].arg, len, user);
			break;
		case MMAPDEMO_OP_COMPARE:
			mmd_sqe_compare(&sqe, dst, src, len, user);
			break;
		case MMAPDEMO_OP_CRC32C:
			mmd_sqe_crc32c(&sqe, src, (uint32_t)cases[i].arg, len, user);
			break;
		default:
			mmd_sqe_timed(&sqe, dst, src, len, cases[i].arg, user);
			break;
		}
		memset(want, 0, sizeof(want));
		want[0] = cases[i].op;
		for (b = 0; b < 4 && cases[i].len; b++)
			want[8 + b] = (unsigned char)(len >> 8 * b);
		for (b = 0; b < 4 && cases[i].src; b++)
			want[0x10 + b] = (unsigned char)(src.window >> 8 * b);
		for (b = 0; b < 4 && cases[i].dst; b++)
			want[0x14 + b] = (unsigned char)(dst.window >> 8 * b);
		for (b = 0; b < 8 && cases[i].src; b++)
			want[0x18 + b] = (unsigned char)(src.off >> 8 * b);
		for (b = 0; b < 8 && cases[i].dst; b++)
			want[0x20 + b] = (unsigned char)(dst.off >> 8 * b);
		for (b = 0; b < 8; b++)
			want[0x28 + b] = (unsigned char)(cases[i].arg >> 8 * b);
		for (b = 0; b < 8; b++)
			want[0x30 + b] = (unsigned char)(user >> 8 * b);
		memcpy(got, &sqe, sizeof(got));
		assert_memory_equal(got, want, sizeof(want));

		mmd_sqe_src_list(&sqe, 0x0102);
		mmd_sqe_dst_list(&sqe, 0x0304);
		memcpy(want + 2, (unsigned char []){ 2, 1, 4, 3 }, 4);
		memcpy(got, &sqe, sizeof(got));
		assert_memory_equal(got, want, sizeof(want));
	}
}

static void sge_set_fills_every_byte(void **state)
{
	static const unsigned char want[16] = {
		4, 3, 2, 1, 8, 7, 6, 5, 16, 15, 14, 13, 12, 11, 10, 9,
	};
	struct mmapdemo_hw_sge sge;

	(void)state;
	poison(&sge, sizeof(sge));
	mmd_sge_set(&sge, mmd_at(0x01020304, 0x090a0b0c0d0e0f10), 0x05060708);
	assert_memory_equal(&sge, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queue_create_passes_everything),
		cmocka_unit_test(queue_create_defaults),
		cmocka_unit_test(queue_create_refuses_attributes_before_asking),
		cmocka_unit_test(queue_create_failing_leaves_nothing),
		cmocka_unit_test(queue_destroy_passes_errors_and_frees),
		cmocka_unit_test(queue_info_fills_every_member),
		cmocka_unit_test(window_calls_pass_everything),
		cmocka_unit_test(sqe_helpers_fill_every_byte),
		cmocka_unit_test(sge_set_fills_every_byte),
	};

	return cmocka_run_group_tests_name("library queues", tests, NULL, NULL);
}
