// SPDX-License-Identifier: MIT
/*
 * uring.c - io_uring by its system calls: liburing need not be there for a benchmark.
 */
#include "uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES	4u

static void *map(int fd, size_t len, off_t offset)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	return p == MAP_FAILED ? NULL : p;
}

int mmb_uring_open(struct mmb_uring *ring)
{
	struct io_uring_params *p = &ring->p;
	size_t sq_len, cq_len;

	memset(ring, 0, sizeof(*ring));
	ring->fd = (int)syscall(SYS_io_uring_setup, ENTRIES, p);
	if (ring->fd < 0)
		return -errno;
	if (!(p->features & IORING_FEAT_SINGLE_MMAP)) {
		mmb_uring_close(ring);
		return -EOPNOTSUPP;
	}
	sq_len = p->sq_off.array + p->sq_entries * sizeof(uint32_t);
	cq_len = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	ring->rings_len = sq_len > cq_len ? sq_len : cq_len;
	ring->entries_len = p->sq_entries * sizeof(struct io_uring_sqe);
	ring->rings = map(ring->fd, ring->rings_len, IORING_OFF_SQ_RING);
	ring->entries = map(ring->fd, ring->entries_len, IORING_OFF_SQES);
	if (ring->rings && ring->entries)
		return 0;
	mmb_uring_close(ring);
	return -ENOMEM;
}

void mmb_uring_close(struct mmb_uring *ring)
{
	if (ring->fd < 0)
		return;
	if (ring->rings)
		munmap(ring->rings, ring->rings_len);
	if (ring->entries)
		munmap(ring->entries, ring->entries_len);
	close(ring->fd);
	ring->fd = -1;
}

static uint32_t *word(const struct mmb_uring *ring, uint32_t offset)
{
	return (uint32_t *)(void *)(ring->rings + offset);
}

int mmb_uring_submit(struct mmb_uring *ring, const struct mmd_queue *q,
		     const struct mmapdemo_hw_sqe *sqe)
{
	const struct io_uring_params *p = &ring->p;
	uint32_t *sq_tail = word(ring, p->sq_off.tail), *cq_head = word(ring, p->cq_off.head);
	const struct io_uring_cqe *cqes = (const void *)(ring->rings + p->cq_off.cqes);
	uint32_t slot = *sq_tail & (p->sq_entries - 1), head = *cq_head;
	int result;

	mmd_uring_prep_submit(&ring->entries[slot], mmd_fd(q->dev), q, sqe, head);
	word(ring, p->sq_off.array)[slot] = slot;
	/* The entry before the tail, for the kernel, which takes it with an acquire load. */
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	while (syscall(SYS_io_uring_enter, ring->fd,
		       __atomic_load_n(word(ring, p->sq_off.head), __ATOMIC_ACQUIRE) != *sq_tail, 1,
		       IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		if (errno != EINTR || mmb_interrupted())
			return -errno;
	if (__atomic_load_n(word(ring, p->cq_off.tail), __ATOMIC_ACQUIRE) == head)
		return -EPROTO;
	result = cqes[head & (p->cq_entries - 1)].res;
	__atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
	return result;
}
