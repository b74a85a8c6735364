// SPDX-License-Identifier: MIT
/*
 * queue_call.c - QUEUE_CREATE, QUEUE_DESTROY, QUEUE_INFO and what INFO tells of them: arguments,
 * limits, handles. Shape and pointers of the calls are walked in ioctl_abi.c and ioctl_pointers.c.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue.h"

#define MANY	256	/* more queues than any device has */

/* --- INFO ------------------------------------------------------------------------------------- */

static void info_tells_of_queues_what_the_device_has(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info i = info_get(fd);
	u64 value;

	(void)arg;
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_QUEUE_COUNT, 4, &value));
	CHECK_EQ(i.out_num_queues, value);
	CHECK(value >= 1 && value <= MMAPDEMO_QUEUE_COUNT_MAX);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_WINDOW_COUNT, 4, &value));
	CHECK_EQ(i.out_num_windows, value);
	CHECK(value >= 1 && value <= MMAPDEMO_WINDOW_COUNT_MAX);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_QUEUE_CAPS, 4, &value));
	CHECK_EQ(i.out_queue_log2n_min, value & MMAPDEMO_QUEUE_CAPS_LOG2N_MIN);
	CHECK_EQ(i.out_queue_log2n_max, (value & MMAPDEMO_QUEUE_CAPS_LOG2N_MAX) >>
		 MMAPDEMO_QUEUE_CAPS_LOG2N_MAX_SHIFT);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_QUEUE_MAX_LEN, 4, &value));
	CHECK_EQ(i.out_queue_max_len, value);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_QUEUE_MAX_LIST, 4, &value));
	CHECK_EQ(i.out_queue_max_list, value);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ENGINE, 4, &value));
	CHECK_EQ(i.out_engine, value);
	CHECK_EQ(i.out_features & MMAPDEMO_FEATURE_QUEUES, MMAPDEMO_FEATURE_QUEUES);
	CHECK(i.out_max_queues >= 1 && i.out_max_queues <= i.out_num_queues);
	CHECK(i.out_max_windows >= 2 && i.out_max_windows <= i.out_num_windows);
	CHECK(i.out_irq_gap_min_ns > 0);
}

/* A program of version 1, one of version 2, one of later, and whatever lies between. */
static void info_of_every_size_is_a_prefix_of_the_same(const void *arg)
{
	struct mmapdemo_info whole = info_get(dev_open(O_RDWR));
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (u32 size = MMAPDEMO_INFO_SIZE_V1; size < sizeof(whole) + 64; size++) {
		u32 known = size < sizeof(whole) ? size : sizeof(whole);
		unsigned char buf[512];

		memset(buf, 0, size);
		memset(buf + size, 0xa5, sizeof(buf) - size);
		memcpy(buf, &size, 4);
		CHECK_OK(call(fd, MMAPDEMO_IOC_INFO, buf));
		CHECK_EQ(*(u32 *)buf, size);
		CHECK(!memcmp(buf + 4, (char *)&whole + 4, known - 4));
		CHECK_EQ(first_not(buf + known, size - known, 0), size - known);
		CHECK_EQ(first_not(buf + size, sizeof(buf) - size, 0xa5), sizeof(buf) - size);
	}
}

/* --- QUEUE_CREATE ------------------------------------------------------------------------------- */

/* Queues that can be had now, by one file. All are given back. */
static u32 queues_to_be_had(int fd)
{
	struct mmapdemo_queue_create c;
	u32 handles[MANY], n = 0;

	while (n < MANY && !queue_try_create(fd, MMAPDEMO_QUEUE_LOG2N_MIN, -1, &c))
		handles[n++] = c.out_queue;
	for (u32 i = 0; i < n; i++)
		CHECK_OK(queue_destroy(fd, handles[i]));
	return n;
}

/* Refused, not one byte written, and not one queue less than before. */
static void create_refused(int fd, const struct mmapdemo_queue_create *want, int err)
{
	struct mmapdemo_queue_create c = *want;
	int ret;

	c.size = sizeof(c);
	c.out_queue = 0x5a5a5a5a;
	c.out_ring_offset = 0x5a5a5a5a5a5a5a5a;
	ret = call(fd, MMAPDEMO_IOC_QUEUE_CREATE, &c);
	if (ret != err)
		FAIL("log2n %u, eventfd %d, flags %#x: %s, wanted %s", c.log2n, c.eventfd, c.flags,
		     errno_word(ret), errno_word(err));
	CHECK_EQ(c.out_queue, 0x5a5a5a5a);
	CHECK_EQ(c.out_ring_offset, 0x5a5a5a5a5a5a5a5a);
}

static void queue_create_log2n_out_of_range_einval(const void *arg)
{
	static const u32 bad[] = { 0, 1, 2, 13, 16, 31, 32, 33, 63, 64, 0x80000003, 0xffffffff };
	int fd = dev_open(O_RDWR);
	u32 before = queues_to_be_had(fd);
	struct mmapdemo_info i = info_get(fd);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		struct mmapdemo_queue_create c = { .log2n = bad[k], .eventfd = -1 };

		CHECK(bad[k] < i.out_queue_log2n_min || bad[k] > i.out_queue_log2n_max);
		create_refused(fd, &c, -EINVAL);
	}
	CHECK_EQ(queues_to_be_had(fd), before);
}

static void queue_create_of_every_size_is_granted(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info i = info_get(fd);

	(void)arg;
	for (u32 log2n = i.out_queue_log2n_min; log2n <= i.out_queue_log2n_max; log2n++) {
		u64 bytes = MMAPDEMO_RING_BYTES(log2n);
		struct queue q = queue_get(fd, log2n);
		struct mmapdemo_queue_info info = queue_info(&q);

		CHECK(q.c.out_queue != 0);
		CHECK(q.c.out_ring_len >= bytes);
		CHECK_EQ((q.c.out_ring_len + PAGE - 1) / PAGE, (bytes + PAGE - 1) / PAGE);
		CHECK_EQ(q.c.out_doorbell_len, PAGE);
		CHECK(q.c.out_ring_offset && q.c.out_doorbell_offset);
		CHECK(q.c.out_irq_gap_ns >= i.out_irq_gap_min_ns);
		CHECK_EQ(info.out_state, MMAPDEMO_QSTATE_RUNNING);
		CHECK_EQ(info.out_error, MMAPDEMO_QERR_NONE);
		CHECK_EQ(info.out_head, 0);
		CHECK_EQ(info.out_log2n, log2n);
		CHECK(info.out_index < i.out_num_queues);
		CHECK_EQ(info.out_reset, 0);
		CHECK_EQ(info.out_irqs, 0);
		/* The last slot is there, and works. */
		for (u32 k = 0; k < q.n; k++)
			queue_push(&q, &(sqe_t){ .op = MMAPDEMO_OP_NOP, .user = k });
		queue_kick(&q);
		CHECK_EQ(queue_wait(&q, q.n - 1).user, q.n - 1);
		CHECK_EQ(queue_info(&q).out_head, q.n);
		queue_put(&q);
	}
}

static void queue_create_wrong_eventfd_is_refused(const void *arg)
{
	int fd = dev_open(O_RDWR), closed = CHECK_SYS(eventfd(0, 0)), p[2];
	u32 before = queues_to_be_had(fd);

	(void)arg;
	CHECK_SYS(pipe(p));
	CHECK_SYS(close(closed));
#define WITH(efd) (&(struct mmapdemo_queue_create){ .log2n = 3, .eventfd = efd })
	create_refused(fd, WITH(closed), -EBADF);
	create_refused(fd, WITH(-2), -EBADF);
	create_refused(fd, WITH(0x7fffffff), -EBADF);
	create_refused(fd, WITH(INT_MIN), -EBADF);
	create_refused(fd, WITH(p[0]), -EINVAL);
	create_refused(fd, WITH(fd), -EINVAL);
#undef WITH
	CHECK_EQ(queues_to_be_had(fd), before);
}

static void queue_create_gap_is_raised_to_the_minimum(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 min = info_get(fd).out_irq_gap_min_ns;
	const u32 asked[] = { 0, 1, min - 1, min, min + 1, 1000000000, 0xffffffff };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		struct queue q = queue_get_event(fd, 3, -1, asked[i], 0);

		CHECK_EQ(q.c.out_irq_gap_ns, asked[i] < min ? min : asked[i]);
		queue_put(&q);
	}
}

/* It can change what others see: device memory, and one of few queues. */
static void queue_create_on_a_read_only_file_eacces(const void *arg)
{
	int fd = dev_open(O_RDONLY);
	struct mmapdemo_queue_create c;
	u32 window;

	(void)arg;
	CHECK_RET(queue_try_create(fd, 3, -1, &c), -EACCES);
	CHECK_RET(window_try_create(fd, buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle,
				    WINDOW_RW, 0, PAGE, &window), -EACCES);
}

/*
 * Who could have an interrupt for every completion could make a storm; the least gap is there for the
 * other users of the machine. Nothing of it is the file's: the capability of the caller counts.
 */
static void queue_create_with_irq_count_needs_the_capability(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_queue_create want = { .log2n = 3, .eventfd = -1, .irq_count = 1 };
	pid_t pid;

	(void)arg;
	pid = child_fork();
	if (!pid) {
		struct queue q;

		CHECK_SYS(setgid(65534));
		CHECK_SYS(setuid(65534));
		create_refused(fd, &want, -EPERM);
		want.irq_count = 0xffffffff;
		create_refused(fd, &want, -EPERM);
		q = queue_get(fd, 3);
		QUEUE_OK(&q, (&(sqe_t){ .op = MMAPDEMO_OP_NOP }));
		queue_put(&q);
		child_exit();
	}
	child_wait(pid, 5000);
	want.size = sizeof(want);
	CHECK_OK(call(fd, MMAPDEMO_IOC_QUEUE_CREATE, &want));
}

/* --- limits -------------------------------------------------------------------------------------- */

static void queue_limit_of_a_file_edquot_and_freeing_restores_it(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 max = info_get(fd).out_max_queues, handles[MANY];
	struct mmapdemo_queue_create c;

	(void)arg;
	for (int round = 0; round < 3; round++) {
		for (u32 i = 0; i < max; i++) {
			CHECK_OK(queue_try_create(fd, 3, -1, &c));
			handles[i] = c.out_queue;
			for (u32 k = 0; k < i; k++)
				CHECK(handles[k] != c.out_queue);
		}
		CHECK_RET(queue_try_create(fd, 3, -1, &c), -EDQUOT);
		CHECK_RET(queue_try_create(fd, 3, -1, &c), -EDQUOT);
		CHECK_OK(queue_destroy(fd, handles[round % max]));
		CHECK_OK(queue_try_create(fd, 3, -1, &c));
		handles[round % max] = c.out_queue;
		CHECK_RET(queue_try_create(fd, 3, -1, &c), -EDQUOT);
		for (u32 i = 0; i < max; i++)
			CHECK_OK(queue_destroy(fd, handles[i]));
	}
}

/* Several files have them all: who comes late is told that they are in use, and gets the next. */
static void queue_of_the_device_all_in_use_ebusy(const void *arg)
{
	u32 total = 0, in_file = 0, count = info_get(dev_open(O_RDWR)).out_num_queues;
	u32 seen[MANY] = { 0 }, last = 0;
	struct mmapdemo_queue_create c;
	struct mmapdemo_queue_info i;
	int fds[MANY], n = 0, ret;

	(void)arg;
	do {
		fds[n] = dev_open(O_RDWR);
		in_file = 0;
		while (!(ret = queue_try_create(fds[n], 3, -1, &c))) {
			CHECK_OK(queue_try_info(fds[n], c.out_queue, &i));
			CHECK(i.out_index < count);
			/* Nobody shares one with anybody. */
			CHECK_EQ(seen[i.out_index]++, 0);
			last = c.out_queue;
			total++;
			in_file++;
		}
		n++;
	} while (ret == -EDQUOT && n < MANY && in_file);
	/* Its own limit is what a file meets first, should both hold. */
	CHECK(ret == -EBUSY || (ret == -EDQUOT && total == count));
	CHECK_EQ(total, count);
	fds[n] = dev_open(O_RDWR);
	CHECK_RET(queue_try_create(fds[n], 3, -1, &c), -EBUSY);
	CHECK_RET(queue_try_create(fds[n], 12, -1, &c), -EBUSY);
	/* One is let go by its owner, and one more by an owner that goes. */
	if (in_file) {
		CHECK_OK(queue_destroy(fds[n - 1], last));
		CHECK_OK(queue_try_create(fds[n], 3, -1, &c));
		CHECK_OK(queue_destroy(fds[n], c.out_queue));
	}
	close(fds[0]);
	CHECK_OK(queue_try_create(fds[n], 3, -1, &c));
	for (int k = 1; k <= n; k++)
		close(fds[k]);
}

/* --- handles --------------------------------------------------------------------------------------- */

static void queue_handle_unknown_or_foreign_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct queue q = queue_get(fd, 3);
	u32 buf = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	const u32 bad[] = { 0, HANDLE_NONE, 0x80000000, 0xffffffff, q.c.out_queue ^ 0x80000000 };
	struct mmapdemo_queue_info i;

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
		CHECK_RET(queue_try_info(fd, bad[k], &i), -ENOENT);
		CHECK_RET(queue_destroy(fd, bad[k]), -ENOENT);
	}
	CHECK_RET(queue_try_info(other, q.c.out_queue, &i), -ENOENT);
	CHECK_RET(queue_destroy(other, q.c.out_queue), -ENOENT);
	/* A queue is no buffer, and a buffer no queue. */
	if (buf != q.c.out_queue) {
		CHECK_RET(buf_free(fd, q.c.out_queue), -ENOENT);
		CHECK_RET(queue_destroy(fd, buf), -ENOENT);
	}
	QUEUE_OK(&q, (&(sqe_t){ .op = MMAPDEMO_OP_NOP, .user = 1 }));
	queue_put(&q);
	CHECK_RET(queue_try_info(fd, q.c.out_queue, &i), -ENOENT);
	CHECK_RET(queue_destroy(fd, q.c.out_queue), -ENOENT);
}

/* Made and destroyed by the thousand, by two files at once: every one works, none is left over. */
static void queue_created_and_destroyed_many_times_works(const void *arg)
{
	int fd = dev_open(O_RDWR);
	pid_t pid = child_fork();
	u32 rounds = 150;

	(void)arg;
	if (!pid)
		fd = dev_open(O_RDWR);
	for (u32 i = 0; i < rounds; i++) {
		struct queue q = queue_get(fd, 3 + i % 4);

		CHECK_EQ(first_not(q.ring + MMAPDEMO_RING_CQ,
				   q.c.out_ring_len - MMAPDEMO_RING_CQ, 0),
			 q.c.out_ring_len - MMAPDEMO_RING_CQ);
		QUEUE_OK(&q, (&(sqe_t){ .op = MMAPDEMO_OP_NOP, .user = i }));
		memset(q.ring, 0x77, q.c.out_ring_len);
		queue_put(&q);
	}
	if (!pid)
		child_exit();
	child_wait(pid, 8000);
}

void register_queue_call(void)
{
	TEST_ADD(info_tells_of_queues_what_the_device_has);
	TEST_ADD(info_of_every_size_is_a_prefix_of_the_same);
	TEST_ADD(queue_create_log2n_out_of_range_einval);
	TEST_ADD(queue_create_of_every_size_is_granted);
	TEST_ADD(queue_create_wrong_eventfd_is_refused);
	TEST_ADD(queue_create_gap_is_raised_to_the_minimum);
	TEST_ADD(queue_create_on_a_read_only_file_eacces);
	TEST_ADD(queue_create_with_irq_count_needs_the_capability);
	TEST_ADD(queue_limit_of_a_file_edquot_and_freeing_restores_it);
	TEST_ADD(queue_of_the_device_all_in_use_ebusy);
	TEST_ADD(queue_handle_unknown_or_foreign_enoent);
	TEST_ADD_SLOW(queue_created_and_destroyed_many_times_works, 20000);
}
