// SPDX-License-Identifier: MIT
/*
 * mock_queue.c - see mock_queue.h. The functions of the device assert nothing: they may run in a thread.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "mock_queue.h"

static uint32_t *ring_word(struct mock_queue *mq, size_t offset)
{
	return (uint32_t *)(void *)(mq->ring + offset);
}

static struct mmapdemo_hw_cqe *record(struct mock_queue *mq, uint32_t index)
{
	struct mmapdemo_hw_cqe *cq = (void *)(mq->ring + MMAPDEMO_RING_CQ);

	return &cq[index & ((1u << mq->log2n) - 1)];
}

/* --- calls -------------------------------------------------------------------------------- */

static int queue_create(struct mock_queue *mq, struct mmapdemo_queue_create *arg)
{
	mq->creates++;
	if (mq->create_ret)
		return mq->create_ret;
	mq->log2n = arg->log2n;
	mq->kernel = arg->flags & MMAPDEMO_QUEUE_KERNEL;
	mq->eventfd = arg->eventfd;
	mq->head = mq->first_index;
	mq->state = MMAPDEMO_QSTATE_RUNNING;
	arg->out_queue = MOCK_QUEUE_HANDLE;
	arg->out_irq_gap_ns = arg->irq_gap_ns < 20000 ? 20000 : arg->irq_gap_ns;
	if (mq->kernel)
		return 0;
	arg->out_ring_len = ((MMAPDEMO_RING_BYTES(arg->log2n) + 4095u) & ~4095u) - mq->short_ring;
	arg->out_ring_offset = MOCK_RING_OFFSET;
	arg->out_doorbell_len = MOCK_DOORBELL_LEN;
	arg->out_doorbell_offset = MOCK_DOORBELL_OFFSET;
	return 0;
}

static int queue_info(struct mock_queue *mq, struct mmapdemo_queue_info *arg)
{
	mq->asks++;
	if (mq->info_ret)
		return mq->info_ret;
	arg->out_state = __atomic_load_n(&mq->state, __ATOMIC_ACQUIRE);
	arg->out_error = mq->error;
	arg->out_error_index = mq->head;
	arg->out_head = mq->head;
	arg->out_log2n = mq->log2n;
	arg->out_index = 3;
	arg->out_reset = mq->reset;
	arg->out_irqs = __atomic_load_n(&mq->irqs, __ATOMIC_RELAXED);
	if (mq->run_when_asked) {
		mock_queue_run(mq, mq->run_when_asked);
		mq->state = MMAPDEMO_QSTATE_DISABLED;
		arg->out_state = mq->state;
	}
	return 0;
}

static int buf_alloc(struct mock_queue *mq, struct mmapdemo_buf_alloc *arg)
{
	unsigned int i;

	for (i = 0; i < MOCK_BUFFERS && mq->buffer[i].len; i++)
		;
	if (i == MOCK_BUFFERS)
		return -EDQUOT;
	arg->out_len = (arg->len + 4095) & ~4095ULL;
	mq->buffer[i].fd = memfd_create("mock", MFD_CLOEXEC);
	if (mq->buffer[i].fd < 0 || ftruncate(mq->buffer[i].fd, (off_t)arg->out_len))
		return -ENOMEM;
	mq->buffer[i].mem = mmap(NULL, arg->out_len, PROT_READ | PROT_WRITE, MAP_SHARED,
				 mq->buffer[i].fd, 0);
	if (mq->buffer[i].mem == MAP_FAILED)
		return -ENOMEM;
	mq->buffer[i].len = arg->out_len;
	mq->buffer[i].technique = arg->technique;
	arg->out_handle = MOCK_BUFFER_HANDLE + i;
	arg->out_offset = MOCK_BUFFER_OFFSET * (i + 1);
	return 0;
}

static int buf_pin(struct mock_queue *mq, struct mmapdemo_buf_pin *arg)
{
	unsigned int i;

	for (i = 0; i < MOCK_BUFFERS && mq->buffer[i].len; i++)
		;
	if (i == MOCK_BUFFERS)
		return -EDQUOT;
	mq->buffer[i].fd = -1;
	mq->buffer[i].mem = (void *)(uintptr_t)arg->addr;
	mq->buffer[i].len = arg->len;
	mq->buffer[i].technique = MMAPDEMO_TECH_USERPTR;
	arg->out_handle = MOCK_BUFFER_HANDLE + i;
	return 0;
}

static void buf_free(struct mock_queue *mq, unsigned int i)
{
	if (!mq->buffer[i].len)
		return;
	if (mq->buffer[i].technique != MMAPDEMO_TECH_USERPTR) {
		munmap(mq->buffer[i].mem, mq->buffer[i].len);
		close(mq->buffer[i].fd);
	}
	mq->buffer[i].len = 0;
}

void mock_queue_close(struct mock_queue *mq)
{
	unsigned int i;

	for (i = 0; i < MOCK_BUFFERS; i++)
		buf_free(mq, i);
}

static int info(struct mmapdemo_info *arg)
{
	arg->out_api_version = MMAPDEMO_API_VERSION;
	arg->out_mem_size = 1 << 20;
	arg->out_max_contig = 1 << 20;
	arg->out_max_bytes = 1 << 20;
	arg->out_dma_max_len = 1 << 20;
	arg->out_num_queues = 1;
	arg->out_num_windows = MOCK_WINDOWS;
	arg->out_queue_max_len = MOCK_WINDOW_LEN;
	arg->out_techniques = (2u << MMAPDEMO_TECH_MAX) - 2;
	return 0;
}

static int window_create(struct mock_queue *mq, struct mmapdemo_window_create *arg)
{
	uint32_t buffer = arg->handle - MOCK_BUFFER_HANDLE;
	unsigned int i;

	for (i = 0; i < MOCK_WINDOWS && mq->access[i]; i++)
		;
	if (i == MOCK_WINDOWS)
		return -EDQUOT;
	mq->access[i] = arg->flags;
	mq->window[i] = mq->memory[i];
	mq->window_len[i] = MOCK_WINDOW_LEN;
	if (buffer < MOCK_BUFFERS && mq->buffer[buffer].len) {
		mq->window[i] = mq->buffer[buffer].mem + arg->off;
		mq->window_len[i] = arg->len;
	}
	arg->out_window = i;
	return 0;
}

static int queue_submit(struct mock_queue *mq, struct mmapdemo_queue_submit *arg);

static int reply(struct mock *mock, unsigned long cmd, void *arg)
{
	struct mock_queue *mq = (struct mock_queue *)mock;

	/* A waiter asks as often as it likes. */
	if (mock->calls == MOCK_CALLS)
		mock->calls = 0;
	switch (cmd) {
	case MMAPDEMO_IOC_INFO:
		return info(arg);
	case MMAPDEMO_IOC_BUF_ALLOC:
		return buf_alloc(mq, arg);
	case MMAPDEMO_IOC_BUF_FREE:
		buf_free(mq, ((struct mmapdemo_buf_free *)arg)->handle - MOCK_BUFFER_HANDLE);
		return 0;
	case MMAPDEMO_IOC_BUF_PIN:
		return buf_pin(mq, arg);
	case MMAPDEMO_IOC_BUF_SYNC:
		mq->syncs[((struct mmapdemo_buf_sync *)arg)->flags == MMAPDEMO_SYNC_FOR_CPU]++;
		return 0;
	case MMAPDEMO_IOC_QUEUE_SUBMIT:
		return mq->submit_ret ? mq->submit_ret : queue_submit(mq, arg);
	case MMAPDEMO_IOC_QUEUE_CREATE:
		return queue_create(mq, arg);
	case MMAPDEMO_IOC_QUEUE_DESTROY:
		mq->destroys++;
		return mq->destroy_ret;
	case MMAPDEMO_IOC_QUEUE_INFO:
		return queue_info(mq, arg);
	case MMAPDEMO_IOC_WINDOW_CREATE:
		return window_create(mq, arg);
	case MMAPDEMO_IOC_WINDOW_DESTROY:
		mq->access[((struct mmapdemo_window_destroy *)arg)->window] = 0;
		return 0;
	default:
		return -ENOTTY;
	}
}

/* Memory of its own for each mapping: the library ends it with munmap(2). */
static int map(struct mock *mock, uint64_t offset, size_t len, int prot, void **ptr)
{
	struct mock_queue *mq = (struct mock_queue *)mock;
	int ret = offset == MOCK_RING_OFFSET ? mq->map_ring_ret : mq->map_doorbell_ret;
	void *p;

	if (offset >= MOCK_BUFFER_OFFSET) {
		p = mmap(NULL, len, prot, MAP_SHARED,
			 mq->buffer[offset / MOCK_BUFFER_OFFSET - 1].fd, 0);
		*ptr = p;
		return p == MAP_FAILED ? -errno : 0;
	}
	if (ret)
		return ret;
	p = mmap(NULL, len, prot, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	if (offset == MOCK_RING_OFFSET) {
		mq->ring = p;
		*ring_word(mq, MMAPDEMO_RING_CQ_EVENT) = MMAPDEMO_CQ_EVENT_QUIET;
	} else {
		mq->doorbell = p;
		*mq->doorbell = MOCK_NOT_RUNG;
	}
	*ptr = p;
	return 0;
}

struct mmd_device *mock_queue_open(struct mock_queue *mq)
{
	mq->mock.reply = reply;
	mq->mock.map = map;
	mq->eventfd = -1;
	return mock_open(&mq->mock);
}

/* --- the device --------------------------------------------------------------------------- */

uint32_t mock_crc32c(uint32_t crc, const unsigned char *p, size_t len)
{
	unsigned int bit;

	crc = ~crc;
	while (len--) {
		crc ^= *p++;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

static uint16_t window_check(const struct mock_queue *mq, uint32_t window, uint64_t off,
			     uint32_t len, uint32_t access)
{
	if (window >= MOCK_WINDOWS || !mq->access[window])
		return MMAPDEMO_CQ_WINDOW;
	if (len > mq->window_len[window] || off > mq->window_len[window] - len)
		return MMAPDEMO_CQ_RANGE;
	return mq->access[window] & access ? MMAPDEMO_CQ_OK : MMAPDEMO_CQ_ACCESS;
}

/* Gather one side, a piece or a list, to @to; @places are where its bytes are. */
static uint16_t gather(struct mock_queue *mq, uint32_t count, uint32_t window, uint64_t off,
		       uint32_t len, uint32_t access, unsigned char **places, uint32_t *detail)
{
	struct mmapdemo_hw_sge sge = { .win = window, .len = len, .off = off };
	uint32_t i, j, n = 0;
	uint16_t status;

	if (count) {
		status = window_check(mq, window, off, count * (uint32_t)sizeof(sge),
				      MMAPDEMO_WINDOW_READ);
		if (status)
			return status;
	}
	for (i = 0; i < (count ? count : 1); i++) {
		*detail = i;
		if (count)
			memcpy(&sge, mq->window[window] + off + i * sizeof(sge), sizeof(sge));
		if (!sge.len || sge.len > len - n)
			return MMAPDEMO_CQ_LIST;
		status = window_check(mq, sge.win, sge.off, sge.len, access);
		if (status)
			return status;
		for (j = 0; j < sge.len; j++)
			places[n++] = mq->window[sge.win] + sge.off + j;
	}
	*detail = 0;
	return n == len ? MMAPDEMO_CQ_OK : MMAPDEMO_CQ_LIST;
}

static void execute(struct mock_queue *mq, const struct mmapdemo_hw_sqe *sqe,
		    struct mmapdemo_hw_cqe *cqe)
{
	unsigned char *src[MOCK_WINDOW_LEN], *dst[MOCK_WINDOW_LEN];
	bool has_src = sqe->op == MMAPDEMO_OP_COPY || sqe->op == MMAPDEMO_OP_COMPARE ||
		       sqe->op == MMAPDEMO_OP_CRC32C;
	bool has_dst = has_src ? sqe->op != MMAPDEMO_OP_CRC32C : sqe->op == MMAPDEMO_OP_FILL;
	uint32_t i, crc;

	cqe->user = sqe->user;
	if (sqe->op > MMAPDEMO_OP_CRC32C)
		cqe->status = MMAPDEMO_CQ_OPCODE;
	else if (sqe->reserved0 || sqe->reserved1 || sqe->reserved2 || sqe->reserved3 ||
		 (!has_src && (sqe->nsrc || sqe->src_win || sqe->src_off)) ||
		 (!has_dst && (sqe->ndst || sqe->dst_win || sqe->dst_off)) ||
		 (sqe->op != MMAPDEMO_OP_FILL && sqe->op != MMAPDEMO_OP_CRC32C && sqe->arg))
		cqe->status = MMAPDEMO_CQ_RESERVED;
	else if (sqe->op == MMAPDEMO_OP_NOP ? sqe->len : !sqe->len || sqe->len > MOCK_WINDOW_LEN)
		cqe->status = MMAPDEMO_CQ_LENGTH;
	if (!cqe->status && has_src)
		cqe->status = gather(mq, sqe->nsrc, sqe->src_win, sqe->src_off, sqe->len,
				     MMAPDEMO_WINDOW_READ, src, &cqe->detail);
	if (!cqe->status && has_dst)
		cqe->status = gather(mq, sqe->ndst, sqe->dst_win, sqe->dst_off, sqe->len,
				     sqe->op == MMAPDEMO_OP_COMPARE ? MMAPDEMO_WINDOW_READ :
				     MMAPDEMO_WINDOW_WRITE, dst, &cqe->detail);
	if (cqe->status)
		return;
	crc = (uint32_t)sqe->arg;
	for (i = 0; i < sqe->len; i++) {
		if (sqe->op == MMAPDEMO_OP_COPY) {
			*dst[i] = *src[i];
		} else if (sqe->op == MMAPDEMO_OP_FILL) {
			*dst[i] = (unsigned char)(sqe->arg >> (i % 8 * 8));
		} else if (sqe->op == MMAPDEMO_OP_CRC32C) {
			crc = mock_crc32c(crc, src[i], 1);
		} else if (*src[i] != *dst[i]) {
			cqe->status = MMAPDEMO_CQ_MISCOMPARE;
			cqe->aux = i;
			break;
		}
	}
	cqe->bytes = i;
	if (sqe->op == MMAPDEMO_OP_CRC32C)
		cqe->aux = crc;
}

/* What the driver does for a process, with a device that is always done at once. */
static int queue_submit(struct mock_queue *mq, struct mmapdemo_queue_submit *arg)
{
	const struct mmapdemo_hw_sqe *sqes = (const void *)(uintptr_t)arg->sqes;
	struct mmapdemo_hw_cqe *cqes = (void *)(uintptr_t)arg->cqes;

	if (!mq->kernel || arg->min_cqes > arg->max_cqes)
		return -EINVAL;
	for (; arg->out_submitted < arg->num && mq->done_count < ARRAY_SIZE(mq->done);
	     arg->out_submitted++) {
		struct mmapdemo_hw_cqe cqe = { .gen = mq->head + 1 };

		execute(mq, &sqes[arg->out_submitted], &cqe);
		if (mq->after)
			mq->after(mq, &sqes[arg->out_submitted], &cqe);
		mq->done[mq->done_count++] = cqe;
		mq->head++;
	}
	arg->out_cqes = arg->max_cqes < mq->done_count ? arg->max_cqes : mq->done_count;
	memcpy(cqes, mq->done, arg->out_cqes * sizeof(*cqes));
	mq->done_count -= arg->out_cqes;
	memmove(mq->done, mq->done + arg->out_cqes, mq->done_count * sizeof(*cqes));
	return arg->out_submitted || arg->out_cqes || (!arg->num && !arg->min_cqes) ? 0 : -EAGAIN;
}

static void interrupt(struct mock_queue *mq)
{
	uint64_t one = 1;

	__atomic_fetch_add(&mq->irqs, 1, __ATOMIC_RELAXED);
	if (mq->eventfd >= 0 && !mq->lose_irqs && write(mq->eventfd, &one, sizeof(one)) < 0)
		__atomic_store_n(&mq->eventfd, -1, __ATOMIC_RELAXED);
}

void mock_queue_stop(struct mock_queue *mq, uint32_t error)
{
	mq->error = error;
	__atomic_store_n(&mq->state, MMAPDEMO_QSTATE_ERROR, __ATOMIC_RELEASE);
	if (mq->silent_stop) {
		interrupt(mq);
		return;
	}
	*ring_word(mq, MMAPDEMO_RING_ERROR) = error;
	*ring_word(mq, MMAPDEMO_RING_ERROR_INDEX) = mq->head;
	__atomic_store_n(ring_word(mq, MMAPDEMO_RING_STATE), MMAPDEMO_QSTATE_ERROR,
			 __ATOMIC_RELEASE);
	interrupt(mq);
}

unsigned int mock_queue_run(struct mock_queue *mq, unsigned int budget)
{
	const struct mmapdemo_hw_sqe *sq = (void *)(mq->ring + MMAPDEMO_RING_SQ(mq->log2n));
	uint32_t slots = 1u << mq->log2n, old = mq->head, tail, event;
	unsigned int done = 0;

	if (mq->state != MMAPDEMO_QSTATE_RUNNING)
		return 0;
	for (;;) {
		mq->looks++;
		/* Pairs with the library's release of sq_tail. */
		tail = __atomic_load_n(ring_word(mq, MMAPDEMO_RING_SQ_TAIL), __ATOMIC_ACQUIRE);
		if (tail - mq->head > slots) {
			mock_queue_stop(mq, MMAPDEMO_QERR_TAIL);
			return done;
		}
		for (; mq->head != tail && done < budget; done++) {
			const struct mmapdemo_hw_sqe sqe = sq[mq->head & (slots - 1)];
			struct mmapdemo_hw_cqe cqe = { .gen = 0 }, *slot = record(mq, mq->head);

			execute(mq, &sqe, &cqe);
			if (mq->after)
				mq->after(mq, &sqe, &cqe);
			memcpy(slot, &cqe, offsetof(struct mmapdemo_hw_cqe, gen));
			mq->head++;
			/* Pairs with the library's acquire of gen. */
			__atomic_store_n(&slot->gen, mq->head, __ATOMIC_RELEASE);
		}
		__atomic_store_n(ring_word(mq, MMAPDEMO_RING_SQ_HEAD), mq->head, __ATOMIC_RELAXED);
		if (mq->head != tail || mq->watching)
			break;
		__atomic_store_n(ring_word(mq, MMAPDEMO_RING_SQ_EVENT), mq->head, __ATOMIC_RELAXED);
		/* Pairs with the barrier of mmd_queue_kick(). */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(ring_word(mq, MMAPDEMO_RING_SQ_TAIL), __ATOMIC_RELAXED) == tail)
			break;
	}
	/* Pairs with the barrier of mmd_queue_arm(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	event = __atomic_load_n(ring_word(mq, MMAPDEMO_RING_CQ_EVENT), __ATOMIC_RELAXED);
	if (MMAPDEMO_CROSSED(event, mq->head, old))
		interrupt(mq);
	return done;
}

bool mock_queue_rung(struct mock_queue *mq)
{
	return __atomic_exchange_n(mq->doorbell, MOCK_NOT_RUNG, __ATOMIC_ACQUIRE) != MOCK_NOT_RUNG;
}

/* --- in a thread -------------------------------------------------------------------------- */

static void *worker_main(void *arg)
{
	struct mock_worker *w = arg;
	const struct timespec delay = { .tv_nsec = (long)w->delay_ms * 1000000 };
	unsigned int idle = 0;

	while (!__atomic_load_n(&w->stop, __ATOMIC_ACQUIRE)) {
		if (!mock_queue_rung(w->mq)) {
			/* The other thread may be waiting for this processor. */
			if (++idle % 4096 == 0)
				sched_yield();
			continue;
		}
		if (w->delay_ms)
			nanosleep(&delay, NULL);
		mock_queue_run(w->mq, w->budget);
		if (w->once)
			break;
	}
	return NULL;
}

void mock_worker_start(struct mock_worker *w)
{
	assert_int_equal(pthread_create(&w->thread, NULL, worker_main, w), 0);
}

void mock_worker_stop(struct mock_worker *w)
{
	__atomic_store_n(&w->stop, true, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(w->thread, NULL), 0);
}
