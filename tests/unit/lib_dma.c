// SPDX-License-Identifier: MIT
/*
 * lib_dma.c - transfers on a scripted backend: submit, wait, and the three ways of mmd_dma_copy().
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mock.h"

#define SEQ	4711u
#define MS	1000000ULL

static const struct mmd_dma request = {
	.direction = MMAPDEMO_DMA_FROM_DEVICE,
	.mem_handle = 11,
	.dev_handle = 12,
	.mem_off = 13,
	.dev_off = 14,
	.len = 15,
	.user_data = 16,
};

static void fill_result(struct mmapdemo_dma_wait *w, uint32_t error)
{
	w->out_seq = SEQ;
	w->out_user_data = 16;
	w->out_bytes = error ? 7 : 15;
	w->out_host_ns = 1000;
	w->out_error = error;
}

static unsigned int count_calls(const struct mock *mock, unsigned long cmd)
{
	unsigned int i, n = 0;

	for (i = 0; i < mock->calls; i++)
		n += mock->call[i].cmd == cmd;
	return n;
}

/* --- submit and wait ---------------------------------------------------------------------- */

static int reply_at_once(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_DMA_SUBMIT)
		((struct mmapdemo_dma_submit *)arg)->out_seq = SEQ;
	if (cmd == MMAPDEMO_IOC_DMA_WAIT)
		fill_result(arg, 0);
	return 0;
}

static void dma_submit_passes_everything(void **state)
{
	struct mock mock = { .reply = reply_at_once };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_dma_submit *s;
	struct mmd_dma dma = request;
	uint64_t seq = 0;

	(void)state;
	dma.flags = MMAPDEMO_DMA_TIMED;
	dma.repeat = 17;
	assert_int_equal(mmd_dma_submit(dev, &dma, &seq), 0);
	assert_int_equal(seq, SEQ);
	s = mock_arg(&mock, 0, MMAPDEMO_IOC_DMA_SUBMIT);
	assert_int_equal(s->flags, MMAPDEMO_DMA_TIMED);
	assert_int_equal(s->direction, MMAPDEMO_DMA_FROM_DEVICE);
	assert_int_equal(s->repeat, 17);
	assert_int_equal(s->mem_handle, 11);
	assert_int_equal(s->dev_handle, 12);
	assert_int_equal(s->mem_off, 13);
	assert_int_equal(s->dev_off, 14);
	assert_int_equal(s->len, 15);
	assert_int_equal(s->user_data, 16);
	assert_int_equal(s->out_seq, 0);
	assert_int_equal(mmd_dma_submit(dev, &dma, NULL), 0);
	dma.reserved = 1;
	assert_int_equal(mmd_dma_submit(dev, &dma, NULL), -EINVAL);
	assert_int_equal(mock.calls, 2);
	mmd_close(dev);
}

static void dma_wait_passes_everything(void **state)
{
	struct mock mock = { .reply = reply_at_once };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_dma_wait *w;
	struct mmd_dma_result result;

	(void)state;
	poison(&result, sizeof(result));
	assert_int_equal(mmd_dma_wait(dev, SEQ, 12345, &result), 0);
	w = mock_arg(&mock, 0, MMAPDEMO_IOC_DMA_WAIT);
	assert_int_equal(w->seq, SEQ);
	assert_int_equal(w->deadline_ns, 12345);
	assert_int_equal(w->flags | w->reserved, 0);
	assert_int_equal(result.seq, SEQ);
	assert_int_equal(result.user_data, 16);
	assert_int_equal(result.bytes, 15);
	assert_int_equal(result.host_ns, 1000);
	assert_int_equal(result.error, 0);
	assert_int_equal(result.reserved, 0);
	assert_int_equal(mmd_dma_wait(dev, 0, 0, NULL), 0);
	mmd_close(dev);
}

static int reply_eio(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_DMA_SUBMIT)
		((struct mmapdemo_dma_submit *)arg)->out_seq = SEQ;
	if (cmd != MMAPDEMO_IOC_DMA_WAIT)
		return 0;
	fill_result(arg, MMAPDEMO_ERR_BUS);
	return -EIO;
}

static void dma_wait_eio_fills_result(void **state)
{
	struct mock mock = { .reply = reply_eio };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result = { 0 };

	(void)state;
	assert_int_equal(mmd_dma_wait(dev, SEQ, 1, &result), -EIO);
	assert_int_equal(result.error, MMAPDEMO_ERR_BUS);
	assert_int_equal(result.bytes, 7);
	assert_int_equal(mmd_dma_wait(dev, SEQ, 1, NULL), -EIO);
	mmd_close(dev);
}

static int reply_eintr_twice(struct mock *mock, unsigned long cmd, void *arg)
{
	if (cmd == MMAPDEMO_IOC_DMA_WAIT && mock->step++ < 2)
		return -EINTR;
	return reply_at_once(mock, cmd, arg);
}

/* The caller of wait decides what a signal means; copy goes on. */
static void dma_wait_returns_eintr_and_copy_does_not(void **state)
{
	struct mock mock = { .reply = reply_eintr_twice };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result;

	(void)state;
	poison(&result, sizeof(result));
	assert_int_equal(mmd_dma_wait(dev, SEQ, 1, &result), -EINTR);
	assert_true(is_poisoned(&result, sizeof(result)));
	mock.step = 0;
	mock.calls = 0;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_WAIT, 1000 * MS, &result), 0);
	assert_int_equal(count_calls(&mock, MMAPDEMO_IOC_DMA_WAIT), 3);
	assert_int_equal(result.bytes, 15);
	mmd_close(dev);
}

static void deadline_saturates_and_is_never_zero(void **state)
{
	uint64_t now = mmd_deadline_ns(0);

	(void)state;
	assert_true(now > 0);
	assert_true(mmd_deadline_ns(UINT64_MAX) == UINT64_MAX);
	assert_true(mmd_deadline_ns(UINT64_MAX - 1) == UINT64_MAX);
	assert_in_range(mmd_deadline_ns(5 * MS), now + 5 * MS, now + 5000 * MS);
}

/* --- copy --------------------------------------------------------------------------------- */

static void dma_copy_refuses_modes_and_flags(void **state)
{
	struct mock mock = { .reply = reply_at_once };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma dma = request;

	(void)state;
	assert_int_equal(mmd_dma_copy(dev, &dma, 0, MS, NULL), -EINVAL);
	assert_int_equal(mmd_dma_copy(dev, &dma, 4, MS, NULL), -EINVAL);
	dma.flags = MMAPDEMO_DMA_NO_IRQ;
	assert_int_equal(mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, MS, NULL), -EINVAL);
	assert_int_equal(count_calls(&mock, MMAPDEMO_IOC_DMA_SUBMIT), 0);
	mmd_close(dev);
}

static void dma_copy_wait_uses_one_deadline(void **state)
{
	struct mock mock = { .reply = reply_at_once };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_dma_submit *s;
	const struct mmapdemo_dma_wait *w;
	uint64_t before, after;

	(void)state;
	before = mmd_deadline_ns(500 * MS);
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_WAIT, 500 * MS, NULL), 0);
	after = mmd_deadline_ns(500 * MS);
	s = mock_arg(&mock, 0, MMAPDEMO_IOC_DMA_SUBMIT);
	assert_int_equal(s->flags, 0);
	w = mock_arg(&mock, 1, MMAPDEMO_IOC_DMA_WAIT);
	assert_int_equal(w->seq, SEQ);
	assert_in_range(w->deadline_ns, before, after);
	mmd_close(dev);
}

/* An eventfd that rings at submit; the transfer itself ends at the third question. */
static int reply_eventfd(struct mock *mock, unsigned long cmd, void *arg)
{
	uint64_t one = 1;

	switch (cmd) {
	case MMAPDEMO_IOC_EVENTFD_SET:
		mock->efd = ((struct mmapdemo_eventfd_set *)arg)->fd;
		return 0;
	case MMAPDEMO_IOC_DMA_SUBMIT:
		((struct mmapdemo_dma_submit *)arg)->out_seq = SEQ;
		assert_int_equal(write(mock->efd, &one, sizeof(one)), sizeof(one));
		return 0;
	case MMAPDEMO_IOC_DMA_WAIT:
		assert_int_equal(((struct mmapdemo_dma_wait *)arg)->deadline_ns, 0);
		if (mock->step++ < 2) {
			/* Somebody else's transfer: look again. */
			assert_int_equal(write(mock->efd, &one, sizeof(one)), sizeof(one));
			return mock->step == 1 ? -EAGAIN : -EINTR;
		}
		fill_result(arg, 0);
		return 0;
	default:
		return 0;
	}
}

static void dma_copy_eventfd_collects_its_own(void **state)
{
	struct mock mock = { .reply = reply_eventfd };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result;
	int efd;

	(void)state;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_EVENTFD, 5000 * MS, &result), 0);
	assert_int_equal(result.bytes, 15);
	assert_int_equal(mock.step, 3);
	efd = mock.efd;
	/* Set once, kept, and closed with the device. */
	mock.step = 3;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_EVENTFD, 5000 * MS, NULL), 0);
	assert_int_equal(count_calls(&mock, MMAPDEMO_IOC_EVENTFD_SET), 1);
	assert_int_not_equal(fcntl(efd, F_GETFD), -1);
	mmd_close(dev);
	assert_int_equal(fcntl(efd, F_GETFD), -1);
}

static int reply_never(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_DMA_SUBMIT)
		((struct mmapdemo_dma_submit *)arg)->out_seq = SEQ;
	if (cmd == MMAPDEMO_IOC_REGION_INFO)
		((struct mmapdemo_region_info *)arg)->out_len = 65536;
	if (cmd != MMAPDEMO_IOC_DMA_WAIT)
		return 0;
	return ((struct mmapdemo_dma_wait *)arg)->deadline_ns ? -ETIMEDOUT : -EAGAIN;
}

/* In every mode: the time is kept, and the caller learns which transfer to collect. */
static void dma_copy_timeout_names_the_transfer(void **state)
{
	void *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mock mock = { .reply = reply_never, .map_ptr = page };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result;
	unsigned int mode;
	uint64_t start;

	(void)state;
	for (mode = MMD_DMA_WAIT; mode <= MMD_DMA_SPIN; mode++) {
		poison(&result, sizeof(result));
		start = mmd_deadline_ns(0);
		assert_int_equal(mmd_dma_copy(dev, &request, mode, 30 * MS, &result), -ETIMEDOUT);
		assert_int_equal(result.seq, SEQ);
		assert_true(is_poisoned(&result.user_data, sizeof(result.user_data)));
		/* The mock's WAIT does not sleep. */
		if (mode != MMD_DMA_WAIT)
			assert_in_range(mmd_deadline_ns(0) - start, 30 * MS, 3000 * MS);
	}
	mmd_close(dev);
}

static int reply_silent_eventfd(struct mock *mock, unsigned long cmd, void *arg)
{
	if (cmd == MMAPDEMO_IOC_DMA_WAIT)
		mock->step++;
	return reply_at_once(mock, cmd, arg);
}

/* A completion whose wake-up is lost is a late success, not a timeout. */
static void dma_copy_eventfd_lost_wakeup_is_no_timeout(void **state)
{
	struct mock mock = { .reply = reply_silent_eventfd };
	struct mmd_device *dev = mock_open(&mock);

	(void)state;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_EVENTFD, 20 * MS, NULL), 0);
	assert_int_equal(mock.step, 1);
	mmd_close(dev);
}

static void dma_copy_eventfd_leaves_users_eventfd_alone(void **state)
{
	struct mock mock = { .reply = reply_at_once };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_eventfd_set *set;
	int efd = eventfd(0, 0);

	(void)state;
	assert_int_equal(mmd_eventfd_set(dev, efd), 0);
	set = mock_arg(&mock, 0, MMAPDEMO_IOC_EVENTFD_SET);
	assert_int_equal(set->fd, efd);
	assert_int_equal(set->flags | set->reserved, 0);
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_EVENTFD, MS, NULL), -EBUSY);
	assert_int_equal(mock.calls, 1);
	assert_int_equal(mmd_eventfd_set(dev, -1), 0);
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_EVENTFD, MS, NULL), 0);
	mmd_close(dev);
	/* The caller's own stays open. */
	assert_int_not_equal(fcntl(efd, F_GETFD), -1);
	close(efd);
}

/* SPIN: the user page says DONE_SEQ, written by "the device" at submit. */
static int reply_spin(struct mock *mock, unsigned long cmd, void *arg)
{
	switch (cmd) {
	case MMAPDEMO_IOC_REGION_INFO:
		assert_int_equal(((struct mmapdemo_region_info *)arg)->region,
				 MMAPDEMO_REGION_USER_PAGE);
		((struct mmapdemo_region_info *)arg)->out_len = 65536;
		((struct mmapdemo_region_info *)arg)->out_offset = 1ULL << 36;
		return 0;
	case MMAPDEMO_IOC_DMA_SUBMIT:
		assert_int_equal(((struct mmapdemo_dma_submit *)arg)->flags, MMAPDEMO_DMA_NO_IRQ);
		((struct mmapdemo_dma_submit *)arg)->out_seq = SEQ;
		/* A later transfer has ended too, or the device is gone. */
		*mock->done_seq = mock->step ? UINT64_MAX : SEQ + 1;
		return 0;
	case MMAPDEMO_IOC_DMA_WAIT:
		/* To collect, that is; asking in between has no deadline. */
		assert_int_not_equal(((struct mmapdemo_dma_wait *)arg)->deadline_ns, 0);
		if (mock->step)
			return -ENODEV;
		fill_result(arg, 0);
		return 0;
	default:
		return 0;
	}
}

static void dma_copy_spin_reads_the_user_page(void **state)
{
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mock mock = { .reply = reply_spin, .map_ptr = page };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result;

	(void)state;
	mock.done_seq = (uint64_t *)(page + 0x20);
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_SPIN, 5000 * MS, &result), 0);
	assert_int_equal(result.bytes, 15);
	assert_int_equal(mock.map_offset, 1ULL << 36);
	assert_int_equal(mock.map_prot, PROT_READ);
	assert_int_equal(count_calls(&mock, MMAPDEMO_IOC_DMA_WAIT), 1);
	/* Mapped once. A device that is gone reads all ones and ends the loop. */
	mock.step = 1;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_SPIN, 5000 * MS, NULL), -ENODEV);
	assert_int_equal(mock.maps, 1);
	mmd_close(dev);
	assert_int_equal(msync(page, 4096, MS_ASYNC), -1);
}

static int reply_reset_away(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_REGION_INFO)
		((struct mmapdemo_region_info *)arg)->out_len = 65536;
	return reply_eio(mock, cmd, arg);
}

/* After a reset DONE_SEQ is 0 and stays so: the driver is asked long before the time is over. */
static void dma_copy_spin_notices_a_reset(void **state)
{
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mock mock = { .reply = reply_reset_away, .map_ptr = page };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_dma_result result;
	uint64_t start = mmd_deadline_ns(0);

	(void)state;
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_SPIN, 60000 * MS, &result), -EIO);
	assert_int_equal(result.error, MMAPDEMO_ERR_BUS);
	assert_in_range(mmd_deadline_ns(0) - start, 0, 5000 * MS);
	mmd_close(dev);
}

static sigjmp_buf fault_return;

static void on_fault(int sig)
{
	(void)sig;
	siglongjmp(fault_return, 1);
}

/* A page that cannot be touched stands for a mapping that a reset took away. */
static void dma_copy_spin_maps_again_after_a_fault(void **state)
{
	char *gone = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction sa = { .sa_handler = on_fault }, old;
	struct mock mock = { .reply = reply_spin, .map_ptr = gone };
	struct mmd_device *dev = mock_open(&mock);
	volatile int faults = 0;

	(void)state;
	mock.done_seq = (uint64_t *)(page + 0x20);
	sigaction(SIGSEGV, &sa, &old);
	if (sigsetjmp(fault_return, 1)) {
		faults++;
		mock.map_ptr = page;
	}
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_SPIN, 5000 * MS, NULL), 0);
	sigaction(SIGSEGV, &old, NULL);
	assert_int_equal(faults, 1);
	assert_int_equal(mock.maps, 2);
	/* The old mapping was given back, the new one is kept. */
	assert_int_equal(msync(gone, 4096, MS_ASYNC), -1);
	assert_int_equal(mmd_dma_copy(dev, &request, MMD_DMA_SPIN, 5000 * MS, NULL), 0);
	assert_int_equal(mock.maps, 2);
	mmd_close(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dma_submit_passes_everything),
		cmocka_unit_test(dma_wait_passes_everything),
		cmocka_unit_test(dma_wait_eio_fills_result),
		cmocka_unit_test(dma_wait_returns_eintr_and_copy_does_not),
		cmocka_unit_test(deadline_saturates_and_is_never_zero),
		cmocka_unit_test(dma_copy_refuses_modes_and_flags),
		cmocka_unit_test(dma_copy_wait_uses_one_deadline),
		cmocka_unit_test(dma_copy_eventfd_collects_its_own),
		cmocka_unit_test(dma_copy_timeout_names_the_transfer),
		cmocka_unit_test(dma_copy_eventfd_lost_wakeup_is_no_timeout),
		cmocka_unit_test(dma_copy_eventfd_leaves_users_eventfd_alone),
		cmocka_unit_test(dma_copy_spin_reads_the_user_page),
		cmocka_unit_test(dma_copy_spin_notices_a_reset),
		cmocka_unit_test(dma_copy_spin_maps_again_after_a_fault),
	};

	return cmocka_run_group_tests_name("library transfers", tests, NULL, NULL);
}
