// SPDX-License-Identifier: MIT
/*
 * queue.c - the owner's half of the queue protocol, written from the contract headers.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "submit.h"

#define TRIES_WITHOUT_CLOCK	2000

/* --- calls ---------------------------------------------------------------------------------- */

static int queue_create(int fd, struct mmapdemo_queue_create *c)
{
	return call(fd, MMAPDEMO_IOC_QUEUE_CREATE, c);
}

int queue_try_create(int fd, u32 log2n, int efd, struct mmapdemo_queue_create *out)
{
	*out = (struct mmapdemo_queue_create){
		.size = sizeof(*out), .log2n = log2n, .eventfd = efd,
	};
	return queue_create(fd, out);
}

int queue_destroy(int fd, u32 handle)
{
	struct mmapdemo_queue_destroy d = { .size = sizeof(d), .queue = handle };

	return call(fd, MMAPDEMO_IOC_QUEUE_DESTROY, &d);
}

int queue_try_info(int fd, u32 handle, struct mmapdemo_queue_info *out)
{
	*out = (struct mmapdemo_queue_info){ .size = sizeof(*out), .queue = handle };
	return call(fd, MMAPDEMO_IOC_QUEUE_INFO, out);
}

int window_try_create(int fd, u32 handle, u32 flags, u64 off, u64 len, u32 *out)
{
	struct mmapdemo_window_create w = {
		.size = sizeof(w), .flags = flags, .handle = handle, .off = off, .len = len,
	};
	int ret = call(fd, MMAPDEMO_IOC_WINDOW_CREATE, &w);

	if (!ret)
		*out = w.out_window;
	return ret;
}

u32 window_get(int fd, u32 handle, u32 flags, u64 off, u64 len)
{
	u32 window = 0;

	CHECK_OK(window_try_create(fd, handle, flags, off, len, &window));
	return window;
}

int window_destroy(int fd, u32 window)
{
	struct mmapdemo_window_destroy d = { .size = sizeof(d), .window = window };

	return call(fd, MMAPDEMO_IOC_WINDOW_DESTROY, &d);
}

/* --- a queue -------------------------------------------------------------------------------- */

void queue_map(struct queue *q)
{
	q->ring = map_rw(q->fd, q->c.out_ring_len, q->c.out_ring_offset);
	q->doorbell = map_rw(q->fd, q->c.out_doorbell_len, q->c.out_doorbell_offset);
}

void queue_unmap(struct queue *q)
{
	unmap(q->ring, q->c.out_ring_len);
	unmap((void *)q->doorbell, q->c.out_doorbell_len);
}

struct queue queue_get_event(int fd, u32 log2n, int efd, u32 gap_ns, u32 count)
{
	struct queue q = {
		.fd = fd,
		.n = 1u << log2n,
		.c = {
			.size = sizeof(q.c), .log2n = log2n, .eventfd = efd,
			.irq_gap_ns = gap_ns, .irq_count = count,
		},
	};

	CHECK_OK(queue_create(fd, &q.c));
	queue_map(&q);
	return q;
}

struct queue queue_get(int fd, u32 log2n)
{
	return queue_get_event(fd, log2n, -1, 0, 0);
}

void queue_put(struct queue *q)
{
	queue_unmap(q);
	CHECK_OK(queue_destroy(q->fd, q->c.out_queue));
}

struct mmapdemo_queue_info queue_info(const struct queue *q)
{
	struct mmapdemo_queue_info i;

	CHECK_OK(queue_try_info(q->fd, q->c.out_queue, &i));
	return i;
}

volatile u32 *ring_word(const struct queue *q, u32 offset)
{
	return (volatile u32 *)(q->ring + offset);
}

sqe_t *ring_sqe(const struct queue *q, u32 index)
{
	return (sqe_t *)(q->ring + MMAPDEMO_RING_SQ(q->c.log2n)) + (index & (q->n - 1));
}

volatile cqe_t *ring_cqe(const struct queue *q, u32 index)
{
	return (volatile cqe_t *)(q->ring + MMAPDEMO_RING_CQ) + (index & (q->n - 1));
}

u32 queue_push(struct queue *q, const sqe_t *d)
{
	memcpy(ring_sqe(q, q->tail), d, sizeof(*d));
	return q->tail++;
}

void queue_ring(const struct queue *q)
{
	*(volatile u32 *)q->doorbell = q->tail;
}

bool queue_kick(struct queue *q)
{
	u32 old = q->told;

	/* Pairs with the device's acquiring load of the tail. */
	__atomic_store_n(ring_word(q, MMAPDEMO_RING_SQ_TAIL), q->tail, __ATOMIC_RELEASE);
	q->told = q->tail;
	/* Pairs with the device's barrier between its store of sq_event and its look at the tail. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!MMAPDEMO_CROSSED(*ring_word(q, MMAPDEMO_RING_SQ_EVENT), q->tail, old))
		return false;
	queue_ring(q);
	return true;
}

bool queue_done(const struct queue *q, u32 index)
{
	return __atomic_load_n(&ring_cqe(q, index)->gen, __ATOMIC_ACQUIRE) == index + 1;
}

/* Why does it not come? */
static void never_came(const struct queue *q, u32 index)
{
	struct mmapdemo_queue_info i = queue_info(q);

	FAIL("no completion %u within %u ms: tail %u, head %u, state %u, error %u at %u", index,
	     QUEUE_LIMIT_MS, q->told, i.out_head, i.out_state, i.out_error, i.out_error_index);
}

cqe_t queue_wait(const struct queue *q, u32 index)
{
	u64 end = 0;

	for (unsigned int i = 0; !queue_done(q, index); i++) {
		if (i < TRIES_WITHOUT_CLOCK)
			continue;
		if (!end)
			end = now_ns() + QUEUE_LIMIT_MS * 1000000ULL;
		if (now_ns() > end)
			never_came(q, index);
		sched_yield();
	}
	return *ring_cqe(q, index);
}

cqe_t queue_do(struct queue *q, const sqe_t *d)
{
	u32 index = queue_push(q, d);
	cqe_t c;

	queue_kick(q);
	c = queue_wait(q, index);
	CHECK_EQ(c.user, d->user);
	CHECK_EQ(c.reserved, 0);
	return c;
}

const char *status_word(u32 status)
{
	static const char *const words[] = {
		"OK", "OPCODE", "RESERVED", "LENGTH", "WINDOW", "RANGE", "ACCESS", "LIST", "BUS",
		"ABORTED", "MISCOMPARE", "INJECTED",
	};

	return status < ARRAY_SIZE(words) ? words[status] : "a status that is not in the contract";
}

cqe_t queue_expect(struct queue *q, const sqe_t *d, u32 status, const char *what)
{
	cqe_t c = queue_do(q, d);

	if (c.status != status)
		FAIL("%s: status %s, wanted %s (bytes %u, detail %u)", what, status_word(c.status),
		     status_word(status), c.bytes, c.detail);
	/* OK says: every byte. */
	if (status == MMAPDEMO_CQ_OK && d->op != MMAPDEMO_OP_TIMED)
		CHECK_EQ(c.bytes, d->len);
	return c;
}

/* --- descriptors ---------------------------------------------------------------------------- */

static u64 next_user(void)
{
	static u64 user = 0x1234567800000000ULL;

	return __atomic_add_fetch(&user, 1, __ATOMIC_RELAXED);
}

sqe_t sqe_copy(u32 dst_win, u64 dst_off, u32 src_win, u64 src_off, u32 len)
{
	return (sqe_t){
		.op = MMAPDEMO_OP_COPY, .len = len, .src_win = src_win, .src_off = src_off,
		.dst_win = dst_win, .dst_off = dst_off, .user = next_user(),
	};
}

sqe_t sqe_fill(u32 dst_win, u64 dst_off, u32 len, u64 pattern)
{
	return (sqe_t){
		.op = MMAPDEMO_OP_FILL, .len = len, .dst_win = dst_win, .dst_off = dst_off,
		.arg = pattern, .user = next_user(),
	};
}

sqe_t sqe_compare(u32 a_win, u64 a_off, u32 b_win, u64 b_off, u32 len)
{
	sqe_t d = sqe_copy(b_win, b_off, a_win, a_off, len);

	d.op = MMAPDEMO_OP_COMPARE;
	return d;
}

sqe_t sqe_crc(u32 win, u64 off, u32 len, u64 seed)
{
	return (sqe_t){
		.op = MMAPDEMO_OP_CRC32C, .len = len, .src_win = win, .src_off = off,
		.arg = seed, .user = next_user(),
	};
}

/* --- memory under windows ------------------------------------------------------------------- */

struct area area_get(int fd, u32 technique, u64 len, u32 rights)
{
	struct area m = { .len = len };
	struct mmapdemo_buf_alloc a = memory_get(fd, technique, len, &m.p);

	m.handle = a.out_handle;
	m.offset = a.out_offset;
	m.window = window_get(fd, m.handle, rights, 0, len);
	return m;
}

bool window_is_refused_here(u32 technique)
{
	char line[1024];

	CHECK_OK(file_read("/proc/cmdline", line, sizeof(line)));
	return strstr(line, "swiotlb=force") &&
	       (technique == MMAPDEMO_TECH_PAGES || technique == MMAPDEMO_TECH_VMALLOC ||
		technique == MMAPDEMO_TECH_NONCONTIG || technique == MMAPDEMO_TECH_USERPTR);
}

/* Bit by bit, so that it is right by looking at it: polynomial 0x1edc6f41, reflected. */
u32 crc32c(u32 crc, const void *p, size_t len)
{
	const unsigned char *b = p;

	crc = ~crc;
	while (len--) {
		crc ^= *b++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
	}
	return ~crc;
}

#define NEIGHBOUR_LEN	(4 * PAGE)

struct neighbour neighbour_get(void)
{
	return neighbour_in(dev_open(O_RDWR));
}

struct neighbour neighbour_in(int fd)
{
	struct neighbour n = { .fd = fd };

	n.q = queue_get(n.fd, 4);
	n.a = area_get(n.fd, MMAPDEMO_TECH_COHERENT, NEIGHBOUR_LEN, WINDOW_RW);
	n.b = area_get(n.fd, MMAPDEMO_TECH_BAR, NEIGHBOUR_LEN, WINDOW_RW);
	fill(n.a.p, NEIGHBOUR_LEN, 0);
	fill(n.b.p, NEIGHBOUR_LEN, 0);
	return n;
}

void neighbour_check(struct neighbour *n)
{
	sqe_t there, back;

	CHECK_EQ(differs(n->a.p, NEIGHBOUR_LEN, n->round), NEIGHBOUR_LEN);
	CHECK_EQ(differs(n->b.p, NEIGHBOUR_LEN, n->round), NEIGHBOUR_LEN);
	n->round++;
	fill(n->a.p, NEIGHBOUR_LEN, n->round);
	there = sqe_copy(n->b.window, 0, n->a.window, 0, NEIGHBOUR_LEN);
	QUEUE_OK(&n->q, &there);
	CHECK_EQ(differs(n->b.p, NEIGHBOUR_LEN, n->round), NEIGHBOUR_LEN);
	memset(n->a.p, 0, NEIGHBOUR_LEN);
	back = sqe_copy(n->a.window, 0, n->b.window, 0, NEIGHBOUR_LEN);
	QUEUE_OK(&n->q, &back);
	CHECK_EQ(differs(n->a.p, NEIGHBOUR_LEN, n->round), NEIGHBOUR_LEN);
	CHECK_EQ(queue_info(&n->q).out_state, MMAPDEMO_QSTATE_RUNNING);
}

void device_is_whole(void)
{
	struct neighbour n = neighbour_get();
	struct mmapdemo_dma_wait w;

	neighbour_check(&n);
	CHECK_OK(dma_copy(n.fd, MMAPDEMO_DMA_TO_DEVICE, n.a.handle, 0, n.b.handle, 0, PAGE, &w));
	CHECK_EQ(w.out_bytes, PAGE);
	queue_put(&n.q);
	unmap(n.a.p, n.a.len);
	unmap(n.b.p, n.b.len);
	close(n.fd);
}
