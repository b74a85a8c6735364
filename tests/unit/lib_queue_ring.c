// SPDX-License-Identifier: MIT
/*
 * lib_queue_ring.c - what push, kick and poll do to rings and indexes, on a queue in plain memory.
 */
#include <errno.h>

#include "mock_queue.h"

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

/* Push, kick, have the device work, and read the one completion. */
static struct mmd_completion do_one(struct mock_queue *mq, struct mmd_queue *q,
				    const struct mmapdemo_hw_sqe *sqe)
{
	struct mmd_completion c;

	poison(&c, sizeof(c));
	assert_int_equal(mmd_queue_push(q, sqe), 0);
	mmd_queue_kick(q);
	assert_int_equal(mmd_queue_poll(q, &c), -EAGAIN);
	assert_true(is_poisoned(&c, sizeof(c)));
	assert_int_equal(mock_queue_run(mq, 1), 1);
	assert_int_equal(mmd_queue_poll(q, &c), 0);
	return c;
}

static void push_full_ring_eagain(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 3);
	struct mmd_completion c;
	struct mmapdemo_hw_sqe sqe;
	unsigned char before[8 * 64];
	uint32_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		mmd_sqe_nop(&sqe, 100 + i);
		assert_int_equal(mmd_queue_space(q), 8 - i);
		if (i & 1) {
			struct mmapdemo_hw_sqe *slot = mmd_queue_slot(q);

			assert_ptr_equal(slot, &q->sq[i]);
			*slot = sqe;
			mmd_queue_advance(q);
		} else {
			assert_int_equal(mmd_queue_push(q, &sqe), 0);
		}
	}
	memcpy(before, q->sq, sizeof(before));
	mmd_sqe_nop(&sqe, 999);
	assert_int_equal(mmd_queue_push(q, &sqe), -EAGAIN);
	assert_null(mmd_queue_slot(q));
	assert_memory_equal(q->sq, before, sizeof(before));
	assert_int_equal(mmd_queue_space(q), 0);
	/* Not pending before the kick, and the device sees none of them. */
	assert_int_equal(mmd_queue_pending(q), 0);
	assert_int_equal(mock_queue_run(&mq, 8), 0);
	mmd_queue_kick(q);
	assert_int_equal(mmd_queue_pending(q), 8);
	assert_int_equal(mock_queue_run(&mq, 3), 3);
	/* Done is not read: room comes with reading. */
	assert_int_equal(mmd_queue_push(q, &sqe), -EAGAIN);
	assert_int_equal(mmd_queue_poll(q, &c), 0);
	assert_int_equal(c.user, 100);
	assert_int_equal(mmd_queue_space(q), 1);
	assert_int_equal(mmd_queue_push(q, &sqe), 0);
	assert_int_equal(mmd_queue_push(q, &sqe), -EAGAIN);
	assert_int_equal(q->sq[0].user, 999);
	mmd_queue_kick(q);
	mock_queue_run(&mq, 8);
	for (i = 1; i < 9; i++) {
		assert_int_equal(mmd_queue_poll(q, &c), 0);
		assert_int_equal(c.user, i < 8 ? 100 + i : 999);
		assert_int_equal(c.index, i);
	}
	assert_int_equal(mmd_queue_poll(q, &c), -EAGAIN);
	queue_close(dev, q);
}

/* The doorbell is rung if sq_event is among the descriptors now handed over, and not otherwise. */
static void kick_rings_when_the_event_is_crossed(void **state)
{
	static const struct {
		uint32_t start, event, pushed;
		bool rings;
	} cases[] = {
		{ 0, 0, 1, true }, { 0, 0, 0, false }, { 0, 1, 1, false }, { 0, 1, 2, true },
		{ 0, UINT32_MAX, 1, false }, { 0, UINT32_MAX, 8, false }, { 0, 8, 8, false },
		{ 0, 7, 8, true }, { 100, 100, 1, true }, { 100, 99, 8, false },
		{ 0xfffffffe, 0xfffffffe, 1, true }, { 0xfffffffe, 0xfffffffe, 4, true },
		{ 0xfffffffe, 0, 4, true }, { 0xfffffffe, 1, 4, true },
		{ 0xfffffffe, 2, 4, false }, { 0xfffffffe, 0xfffffffd, 4, false },
	};
	size_t i;
	uint32_t n;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock_queue mq = { .first_index = cases[i].start };
		struct mmd_device *dev;
		struct mmd_queue *q = queue_open(&mq, &dev, 3);
		struct mmapdemo_hw_sqe sqe;
		uint32_t *sq_tail = (uint32_t *)(void *)(mq.ring + 0x00);

		mock_queue_rung(&mq);
		*(uint32_t *)(void *)(mq.ring + 0x80) = cases[i].event;
		for (n = 0; n < cases[i].pushed; n++) {
			mmd_sqe_nop(&sqe, n);
			assert_int_equal(mmd_queue_push(q, &sqe), 0);
			/* Not told yet. */
			assert_int_equal(*sq_tail, cases[i].start);
		}
		assert_int_equal(mmd_queue_kick(q), cases[i].rings);
		assert_int_equal(*sq_tail, cases[i].start + cases[i].pushed);
		assert_int_equal(mock_queue_rung(&mq), cases[i].rings);
		assert_int_equal(mmd_queue_pending(q), cases[i].pushed);
		/* Once is enough. */
		assert_false(mmd_queue_kick(q));
		assert_false(mock_queue_rung(&mq));
		mmd_queue_doorbell(q);
		assert_true(mock_queue_rung(&mq));
		queue_close(dev, q);
	}
}

/* While the device watches the ring by itself nobody rings; once it has gone to sleep somebody does. */
static void kick_leaves_a_watching_device_alone(void **state)
{
	struct mock_queue mq = { .watching = true };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 4);
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion c;
	unsigned int i;

	(void)state;
	mmd_sqe_nop(&sqe, 1);
	for (i = 0; i < 40; i++) {
		assert_int_equal(mmd_queue_push(q, &sqe), 0);
		/* Zeroed memory says: ring for the first. */
		assert_int_equal(mmd_queue_kick(q), i == 0 || i == 21);
		mq.watching = i != 20;
		assert_int_equal(mock_queue_run(&mq, 16), 1);
		assert_int_equal(mmd_queue_poll(q, &c), 0);
	}
	queue_close(dev, q);
}

/* Indexes pass 2^32 in the middle, and at each place of a burst; generation 0 is a record too. */
static void indexes_wrap_at_2_to_the_32(void **state)
{
	static const uint32_t starts[] = {
		0xfffffff0, 0xfffffff8, 0xfffffffd, 0xffffffff, 0x7fffffff, 1, 0,
	};
	size_t s;

	(void)state;
	for (s = 0; s < ARRAY_SIZE(starts); s++) {
		struct mock_queue mq = { .first_index = starts[s] };
		struct mmd_device *dev;
		struct mmd_queue *q = queue_open(&mq, &dev, 3);
		uint64_t rng = s, pushed = 0, polled = 0;
		struct mmapdemo_hw_sqe sqe;
		struct mmd_completion c;
		unsigned int round, n;

		/* The device gets to know where the queue begins: nothing to do, ring at the first. */
		mock_queue_run(&mq, 8);
		assert_int_equal(mq.state, MMAPDEMO_QSTATE_RUNNING);
		assert_int_equal(mq.head, starts[s]);
		assert_int_equal(mmd_queue_space(q), 8);
		assert_int_equal(mmd_queue_pending(q), 0);
		mock_queue_rung(&mq);
		for (round = 0; round < 60; round++) {
			assert_int_equal(mmd_queue_poll(q, &c), -EAGAIN);
			assert_null((const void *)(uintptr_t)mmd_queue_peek(q));
			for (n = next_random(&rng) % 8 + 1; n && mmd_queue_space(q); n--) {
				mmd_sqe_nop(&sqe, pushed++);
				assert_int_equal(mmd_queue_push(q, &sqe), 0);
			}
			/* It was idle, so it has to be told. */
			assert_true(mmd_queue_kick(q));
			assert_true(mock_queue_rung(&mq));
			while (polled < pushed) {
				mock_queue_run(&mq, next_random(&rng) % 4);
				while (!mmd_queue_poll(q, &c)) {
					assert_int_equal(c.index, (uint32_t)(starts[s] + polled));
					assert_int_equal(c.user, polled++);
					assert_int_equal(c.status, 0);
				}
			}
			mock_queue_run(&mq, 1);
		}
		assert_int_equal(mq.state, MMAPDEMO_QSTATE_RUNNING);
		assert_true(pushed > 100);
		queue_close(dev, q);
	}
}

/* Nothing but the generation makes a record one, and only the generation of this lap. */
static void poll_believes_the_generation_alone(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 3);
	struct mmapdemo_hw_cqe *cq = (void *)(mq.ring + 0x1000);
	static const uint32_t wrong[] = { 0, 2, 9, 8, UINT32_MAX, 0x01000000 };
	struct mmd_completion c;
	struct mmapdemo_hw_sqe sqe;
	size_t i;

	(void)state;
	mmd_sqe_nop(&sqe, 5);
	mmd_queue_push(q, &sqe);
	mmd_queue_kick(q);
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		memset(&cq[0], 0x55, sizeof(cq[0]));
		cq[0].gen = wrong[i];
		poison(&c, sizeof(c));
		assert_int_equal(mmd_queue_poll(q, &c), -EAGAIN);
		assert_true(is_poisoned(&c, sizeof(c)));
		assert_false(mmd_queue_done(q, 0));
	}
	cq[0] = (struct mmapdemo_hw_cqe) {
		.user = 0x1112131415161718, .aux = 0x2122232425262728, .bytes = 0x31323334,
		.status = 0x4142, .reserved = 0xffff, .detail = 0x51525354, .gen = 1,
	};
	assert_true(mmd_queue_done(q, 0));
	assert_ptr_equal(mmd_queue_peek(q), &cq[0]);
	assert_int_equal(mmd_queue_space(q), 7);
	poison(&c, sizeof(c));
	assert_int_equal(mmd_queue_poll(q, &c), 0);
	assert_true(c.user == 0x1112131415161718);
	assert_true(c.aux == 0x2122232425262728);
	assert_int_equal(c.bytes, 0x31323334);
	assert_int_equal(c.status, 0x4142);
	assert_int_equal(c.detail, 0x51525354);
	assert_int_equal(c.index, 0);
	assert_int_equal(mmd_queue_space(q), 8);
	queue_close(dev, q);
}

static void seen_frees_as_many_slots(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 3);
	struct mmapdemo_hw_sqe sqe;
	uint32_t i;

	(void)state;
	for (i = 0; i < 8; i++) {
		mmd_sqe_nop(&sqe, i);
		mmd_queue_push(q, &sqe);
	}
	mmd_queue_kick(q);
	mock_queue_run(&mq, 6);
	for (i = 0; i < 8; i++)
		assert_int_equal(mmd_queue_done(q, i), i < 6);
	assert_int_equal(mmd_queue_peek(q)->user, 0);
	mmd_queue_seen(q, 5);
	assert_int_equal(mmd_queue_space(q), 5);
	assert_int_equal(mmd_queue_pending(q), 3);
	assert_int_equal(mmd_queue_peek(q)->user, 5);
	mmd_queue_seen(q, 1);
	assert_null((const void *)(uintptr_t)mmd_queue_peek(q));
	queue_close(dev, q);
}

/* --- operations --------------------------------------------------------------------------- */

static void operations_do_what_they_say(void **state)
{
	struct mock_queue mq = { .mock.path = NULL };
	struct mmd_device *dev;
	struct mmd_queue *q = queue_open(&mq, &dev, 3);
	struct mmapdemo_hw_sge list[3];
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion c;
	uint32_t a, b, i;

	(void)state;
	assert_int_equal(mmd_window_create(dev, 1, 0, 4096, MMAPDEMO_WINDOW_READ |
					   MMAPDEMO_WINDOW_WRITE, &a), 0);
	assert_int_equal(mmd_window_create(dev, 2, 0, 4096, MMAPDEMO_WINDOW_READ |
					   MMAPDEMO_WINDOW_WRITE, &b), 0);
	for (i = 0; i < 4096; i++)
		mq.memory[a][i] = (unsigned char)(i * 7 + 1);

	mmd_sqe_copy(&sqe, mmd_at(b, 5), mmd_at(a, 3), 100, 1);
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_OK);
	assert_int_equal(c.bytes, 100);
	assert_int_equal(c.user, 1);
	assert_memory_equal(mq.memory[b] + 5, mq.memory[a] + 3, 100);
	assert_int_equal(mq.memory[b][4] | mq.memory[b][105], 0);

	mmd_sqe_compare(&sqe, mmd_at(b, 5), mmd_at(a, 3), 100, 2);
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_OK);
	mq.memory[b][5 + 42]++;
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_MISCOMPARE);
	assert_int_equal(c.aux, 42);
	assert_int_equal(c.bytes, 42);

	memcpy(mq.memory[a], "123456789", 9);
	mmd_sqe_crc32c(&sqe, mmd_at(a, 0), 0, 9, 3);
	c = do_one(&mq, q, &sqe);
	assert_true(c.aux == 0xe3069283);
	mmd_sqe_crc32c(&sqe, mmd_at(a, 0), 0, 4, 3);
	c = do_one(&mq, q, &sqe);
	mmd_sqe_crc32c(&sqe, mmd_at(a, 4), (uint32_t)c.aux, 5, 3);
	c = do_one(&mq, q, &sqe);
	assert_true(c.aux == 0xe3069283);

	mmd_sqe_fill(&sqe, mmd_at(b, 0), 0x0807060504030201, 11, 4);
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_OK);
	assert_memory_equal(mq.memory[b], "\1\2\3\4\5\6\7\10\1\2\3", 11);

	/* "123456789" in three pieces, from back to front. */
	for (i = 0; i < 3; i++)
		mmd_sge_set(&list[i], mmd_at(a, 6 - 3 * i), 3);
	memcpy(mq.memory[b] + 1024, list, sizeof(list));
	mmd_sqe_copy(&sqe, mmd_at(b, 0), mmd_at(b, 1024), 9, 5);
	mmd_sqe_src_list(&sqe, 3);
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_OK);
	assert_memory_equal(mq.memory[b], "789456123", 9);

	assert_int_equal(mmd_window_destroy(dev, a), 0);
	mmd_sqe_copy(&sqe, mmd_at(b, 0), mmd_at(a, 0), 1, 6);
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_WINDOW);
	assert_int_equal(c.bytes, 0);
	mmd_sqe_nop(&sqe, 7);
	sqe.op = 200;
	c = do_one(&mq, q, &sqe);
	assert_int_equal(c.status, MMAPDEMO_CQ_OPCODE);
	/* The queue goes on after each of them. */
	mmd_sqe_nop(&sqe, 8);
	assert_int_equal(do_one(&mq, q, &sqe).status, MMAPDEMO_CQ_OK);
	queue_close(dev, q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(push_full_ring_eagain),
		cmocka_unit_test(kick_rings_when_the_event_is_crossed),
		cmocka_unit_test(kick_leaves_a_watching_device_alone),
		cmocka_unit_test(indexes_wrap_at_2_to_the_32),
		cmocka_unit_test(poll_believes_the_generation_alone),
		cmocka_unit_test(seen_frees_as_many_slots),
		cmocka_unit_test(operations_do_what_they_say),
	};

	return cmocka_run_group_tests_name("library queues, rings", tests, NULL, NULL);
}
