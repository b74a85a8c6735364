// SPDX-License-Identifier: MIT
/*
 * uring.c - a ring of io_uring by its system calls; see io_uring_setup(2) and io_uring_enter(2).
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "uring.h"

#define NSEC_PER_SEC	1000000000ULL
#define CQE_BYTES	32u		/* with IORING_SETUP_CQE32 */

static void *ring_at(const struct uring *ring, uint32_t offset)
{
	return (char *)ring->ring + offset;
}

static int map_rings(struct uring *ring, const struct io_uring_params *p)
{
	size_t sq_len = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	size_t cq_len = p->cq_off.cqes + p->cq_entries * (size_t)CQE_BYTES;
	uint32_t *array, i;
	void *m;

	/* One mapping for both since Linux 5.4, long before the commands this is for. */
	if (!(p->features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	ring->ring_len = sq_len > cq_len ? sq_len : cq_len;
	m = mmap(NULL, ring->ring_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
		 IORING_OFF_SQ_RING);
	if (m == MAP_FAILED)
		return -errno;
	ring->ring = m;
	ring->sqes_len = p->sq_entries * sizeof(struct io_uring_sqe);
	m = mmap(NULL, ring->sqes_len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring->fd,
		 IORING_OFF_SQES);
	if (m == MAP_FAILED)
		return -errno;
	ring->sqes = m;
	ring->sq_head = ring_at(ring, p->sq_off.head);
	ring->sq_tail = ring_at(ring, p->sq_off.tail);
	ring->sq_mask = p->sq_entries - 1;
	ring->tail = *ring->sq_tail;
	ring->cq_head = ring_at(ring, p->cq_off.head);
	ring->cq_tail = ring_at(ring, p->cq_off.tail);
	ring->cq_mask = p->cq_entries - 1;
	ring->cqes = ring_at(ring, p->cq_off.cqes);
	array = ring_at(ring, p->sq_off.array);
	for (i = 0; i < p->sq_entries; i++)
		array[i] = i;
	return 0;
}

int uring_open(struct uring *ring, uint32_t entries)
{
	struct io_uring_params p = { .flags = IORING_SETUP_CQE32 };
	int ret;

	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(__NR_io_uring_setup, entries, &p);
	if (ring->fd < 0) {
		ret = -errno;
		ring->fd = -1;
		return ret;
	}
	ret = map_rings(ring, &p);
	if (ret)
		uring_close(ring);
	return ret;
}

void uring_close(struct uring *ring)
{
	if (ring->fd < 0)
		return;
	if (ring->sqes)
		munmap(ring->sqes, ring->sqes_len);
	if (ring->ring)
		munmap(ring->ring, ring->ring_len);
	close(ring->fd);
	ring->fd = -1;
}

struct io_uring_sqe *uring_entry(struct uring *ring)
{
	/* Acquire: the kernel has read the entry before its head says so. */
	uint32_t head = __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);

	if (ring->tail - head > ring->sq_mask)
		return NULL;
	return &ring->sqes[ring->tail++ & ring->sq_mask];
}

static uint32_t ready(const struct uring *ring)
{
	/* Acquire: completions are read after the kernel's tail. */
	return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - *ring->cq_head;
}

/* A relative time, as IORING_ENTER_EXT_ARG takes it. */
static void time_left(uint64_t deadline_ns, struct __kernel_timespec *ts)
{
	uint64_t now = mmd_deadline_ns(0), left = deadline_ns > now ? deadline_ns - now : 0;

	ts->tv_sec = (long long)(left / NSEC_PER_SEC);
	ts->tv_nsec = (long long)(left % NSEC_PER_SEC);
}

int uring_submit_and_wait(struct uring *ring, uint32_t count, uint64_t deadline_ns)
{
	struct __kernel_timespec ts;
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };
	uint32_t left;

	/* Release: the entries are there before the tail says so. */
	__atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
	for (;;) {
		left = ring->tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
		if (!left && ready(ring) >= count)
			return 0;
		time_left(deadline_ns, &ts);
		if (syscall(__NR_io_uring_enter, ring->fd, left, count,
			    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof(arg)) >= 0)
			continue;
		if (errno == ETIME && ready(ring) >= count)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
}

const struct io_uring_cqe *uring_peek(const struct uring *ring)
{
	if (!ready(ring))
		return NULL;
	return (const void *)(ring->cqes + (*ring->cq_head & ring->cq_mask) * (size_t)CQE_BYTES);
}

void uring_seen(struct uring *ring)
{
	/* Release: it has been read before the kernel may write there again. */
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
}
