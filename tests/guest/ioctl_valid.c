// SPDX-License-Identifier: MIT
/*
 * ioctl_valid.c - a request that is granted, for every call of the contract.
 */
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ioctl_valid.h"

enum verb {
#define X(name, type) VERB_##name,
	MMAPDEMO_IOCTLS(X)
#undef X
};

#define OUT(type, first, last)						\
	.out_first = offsetof(struct type, first),			\
	.out_end = offsetof(struct type, last) + sizeof(((struct type *)0)->last)
#define RESERVED(type)	.reserved = offsetof(struct type, reserved)

/* What the list does not tell. A verb that is new in the list is an error here until described. */
#define ABOUT_INFO							\
	.name = "info", OUT(mmapdemo_info, out_api_version, out_huge_size),	\
	.min_size = MMAPDEMO_INFO_SIZE_V1
#define ABOUT_REGION_INFO						\
	.name = "region_info", OUT(mmapdemo_region_info, out_handle, out_offset)
#define ABOUT_BUF_ALLOC							\
	.name = "buf_alloc", OUT(mmapdemo_buf_alloc, out_handle, out_offset),	\
	.known_flags = MMAPDEMO_BUF_MAP_READ_ONLY | MMAPDEMO_BUF_FAULT_AROUND
#define ABOUT_BUF_FREE							\
	.name = "buf_free", RESERVED(mmapdemo_buf_free)
#define ABOUT_BUF_INFO							\
	.name = "buf_info", OUT(mmapdemo_buf_info, out_technique, out_transfers)
#define ABOUT_MAP_INFO							\
	.name = "map_info", OUT(mmapdemo_map_info, out_start, out_entry_shift)
#define ABOUT_MEM_CACHE_SET						\
	.name = "mem_cache_set", RESERVED(mmapdemo_mem_cache_set)
#define ABOUT_REG_READ							\
	.name = "reg_read", OUT(mmapdemo_reg_access, out_value, out_value)
#define ABOUT_REG_WRITE							\
	.name = "reg_write"
#define ABOUT_DMA_SUBMIT						\
	.name = "dma_submit", OUT(mmapdemo_dma_submit, out_seq, out_seq),	\
	.known_flags = MMAPDEMO_DMA_NO_IRQ | MMAPDEMO_DMA_TIMED
#define ABOUT_DMA_WAIT							\
	.name = "dma_wait", OUT(mmapdemo_dma_wait, out_seq, out_error),	\
	RESERVED(mmapdemo_dma_wait)
#define ABOUT_EVENTFD_SET						\
	.name = "eventfd_set", RESERVED(mmapdemo_eventfd_set)
#define ABOUT_QUEUE_CREATE						\
	.name = "queue_create", OUT(mmapdemo_queue_create, out_queue, out_doorbell_offset),	\
	.known_flags = MMAPDEMO_QUEUE_KERNEL
#define ABOUT_QUEUE_DESTROY						\
	.name = "queue_destroy", RESERVED(mmapdemo_queue_destroy)
#define ABOUT_QUEUE_INFO						\
	.name = "queue_info", OUT(mmapdemo_queue_info, out_state, out_irqs)
#define ABOUT_WINDOW_CREATE						\
	.name = "window_create", OUT(mmapdemo_window_create, out_window, out_window),	\
	.known_flags = MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE
#define ABOUT_WINDOW_DESTROY						\
	.name = "window_destroy", RESERVED(mmapdemo_window_destroy)
#define ABOUT_BUF_SYNC							\
	.name = "buf_sync", RESERVED(mmapdemo_buf_sync),			\
	.known_flags = MMAPDEMO_SYNC_FOR_DEVICE | MMAPDEMO_SYNC_FOR_CPU
#define ABOUT_BUF_PIN							\
	.name = "buf_pin", OUT(mmapdemo_buf_pin, out_handle, out_handle),	\
	RESERVED(mmapdemo_buf_pin), .known_flags = MMAPDEMO_PIN_READ_ONLY
#define ABOUT_BUF_EXPORT						\
	.name = "buf_export", OUT(mmapdemo_buf_export, out_fd, out_fd)
#define ABOUT_QUEUE_SUBMIT						\
	.name = "queue_submit", OUT(mmapdemo_queue_submit, out_submitted, out_cqes)

const struct ioctl_desc ioctls[] = {
#define X(NAME, type) {							\
	.verb = VERB_##NAME,						\
	.cmd = MMAPDEMO_IOC_##NAME,					\
	.size = sizeof(struct type),					\
	ABOUT_##NAME,							\
},
	MMAPDEMO_IOCTLS(X)
#undef X
};

const size_t num_ioctls = ARRAY_SIZE(ioctls);

void ioctl_env_get(struct ioctl_env *e)
{
	struct mmapdemo_buf_alloc a;

	memset(e, 0, sizeof(*e));
	e->fd = dev_open(O_RDWR);
	e->efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC));
	a = buf_alloc(e->fd, MMAPDEMO_TECH_COHERENT, PAGE);	/* windows are had over it everywhere */
	e->mem = a.out_handle;
	e->page = map_rw(e->fd, PAGE, a.out_offset);
}

/* Not before it is needed: MEM_CACHE_SET is refused while there is one. */
static u32 dev_get(struct ioctl_env *e)
{
	if (!e->dev)
		e->dev = buf_alloc(e->fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	return e->dev;
}

static void collect_all(struct ioctl_env *e)
{
	while (!dma_collect(e->fd, 0, NULL))
		;
}

/* A transfer that has ended and waits to be collected. */
static u64 ended_get(struct ioctl_env *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN };
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = e->mem,
		.dev_handle = dev_get(e), .len = 64, .user_data = 7,
	};

	if (poll(&p, 1, 0) == 1)
		return e->seq;
	CHECK_OK(dma_submit(e->fd, &s));
	CHECK_EQ(poll(&p, 1, 5000), 1);
	CHECK_EQ(p.revents, POLLIN);
	e->seq = s.out_seq;
	return e->seq;
}

static u32 freeable_get(struct ioctl_env *e)
{
	struct mmapdemo_buf_info i;

	if (!e->spare || buf_try_info(e->fd, e->spare, &i))
		e->spare = buf_alloc(e->fd, MMAPDEMO_TECH_VMALLOC, PAGE).out_handle;
	return e->spare;
}

static u32 queue_get(struct ioctl_env *e)
{
	struct mmapdemo_queue_info i = { .size = sizeof(i), .queue = e->queue };
	struct mmapdemo_queue_create c = {
		.size = sizeof(c), .log2n = MMAPDEMO_QUEUE_LOG2N_MIN, .eventfd = -1,
	};

	if (!e->queue || call(e->fd, MMAPDEMO_IOC_QUEUE_INFO, &i)) {
		CHECK_OK(call(e->fd, MMAPDEMO_IOC_QUEUE_CREATE, &c));
		e->queue = c.out_queue;
	}
	return e->queue;
}

static u32 kqueue_get(struct ioctl_env *e)
{
	struct mmapdemo_queue_info i = { .size = sizeof(i), .queue = e->kqueue };
	struct mmapdemo_queue_create c = {
		.size = sizeof(c), .flags = MMAPDEMO_QUEUE_KERNEL,
		.log2n = MMAPDEMO_QUEUE_LOG2N_MIN, .eventfd = -1,
	};

	if (!e->kqueue || call(e->fd, MMAPDEMO_IOC_QUEUE_INFO, &i)) {
		CHECK_OK(call(e->fd, MMAPDEMO_IOC_QUEUE_CREATE, &c));
		e->kqueue = c.out_queue;
	}
	return e->kqueue;
}

/* A new one in place of the last, destroyed or not: nothing tells, and a file's number is limited. */
static u32 window_get(struct ioctl_env *e)
{
	struct mmapdemo_window_destroy d = { .size = sizeof(d), .window = e->window };
	struct mmapdemo_window_create c = {
		.size = sizeof(c), .flags = MMAPDEMO_WINDOW_READ, .handle = e->mem, .len = 64,
	};

	if (e->has_window)
		call(e->fd, MMAPDEMO_IOC_WINDOW_DESTROY, &d);
	CHECK_OK(call(e->fd, MMAPDEMO_IOC_WINDOW_CREATE, &c));
	e->has_window = true;
	e->window = c.out_window;
	return c.out_window;
}

/* What was made by the call itself is not known here: with another file it is gone. */
static void env_renew(struct ioctl_env *e)
{
	unmap(e->page, PAGE);
	close(e->fd);
	close(e->efd);
	ioctl_env_get(e);
}

void ioctl_valid(struct ioctl_env *e, const struct ioctl_desc *d, void *buf)
{
	memset(buf, 0, d->size);
	switch ((enum verb)d->verb) {
	case VERB_INFO:
		break;
	case VERB_REGION_INFO:
		((struct mmapdemo_region_info *)buf)->region = MMAPDEMO_REGION_USER_PAGE;
		break;
	case VERB_BUF_ALLOC: {
		struct mmapdemo_buf_alloc *a = buf;

		a->technique = MMAPDEMO_TECH_PAGES;
		a->len = PAGE;
		break;
	}
	case VERB_BUF_FREE:
		((struct mmapdemo_buf_free *)buf)->handle = freeable_get(e);
		break;
	case VERB_BUF_INFO:
		((struct mmapdemo_buf_info *)buf)->handle = e->mem;
		break;
	case VERB_BUF_PIN: {
		static char own[PAGE] __attribute__((aligned(PAGE)));
		struct mmapdemo_buf_pin *p = buf;

		p->addr = (uintptr_t)own;
		p->len = PAGE;
		break;
	}
	case VERB_BUF_SYNC: {
		struct mmapdemo_buf_sync *s = buf;

		s->flags = MMAPDEMO_SYNC_FOR_DEVICE;
		s->handle = e->mem;
		s->len = 64;
		break;
	}
	case VERB_MAP_INFO:
		((struct mmapdemo_map_info *)buf)->addr = (uintptr_t)e->page;
		break;
	case VERB_MEM_CACHE_SET:
		((struct mmapdemo_mem_cache_set *)buf)->cache = MMAPDEMO_CACHE_WC;
		break;
	case VERB_REG_READ:
	case VERB_REG_WRITE: {
		struct mmapdemo_reg_access *r = buf;

		r->offset = MMAPDEMO_REG_SCRATCH32;
		r->width = 4;
		r->value = 0x1234;
		break;
	}
	case VERB_DMA_SUBMIT: {
		struct mmapdemo_dma_submit *s = buf;

		collect_all(e);
		s->direction = MMAPDEMO_DMA_TO_DEVICE;
		s->mem_handle = e->mem;
		s->dev_handle = dev_get(e);
		s->len = 64;
		break;
	}
	case VERB_DMA_WAIT: {
		struct mmapdemo_dma_wait *w = buf;

		w->seq = ended_get(e);
		w->deadline_ns = now_ns() + DMA_LIMIT_NS;
		break;
	}
	case VERB_EVENTFD_SET:
		((struct mmapdemo_eventfd_set *)buf)->fd = e->efd;
		break;
	case VERB_QUEUE_CREATE: {
		struct mmapdemo_queue_create *q = buf;

		env_renew(e);
		q->log2n = MMAPDEMO_QUEUE_LOG2N_MIN;
		q->eventfd = -1;
		break;
	}
	case VERB_QUEUE_DESTROY:
		((struct mmapdemo_queue_destroy *)buf)->queue = queue_get(e);
		break;
	case VERB_QUEUE_INFO:
		((struct mmapdemo_queue_info *)buf)->queue = queue_get(e);
		break;
	case VERB_WINDOW_CREATE: {
		struct mmapdemo_window_create *w = buf;

		w->flags = MMAPDEMO_WINDOW_READ;
		w->handle = e->mem;
		w->len = 64;
		break;
	}
	case VERB_WINDOW_DESTROY:
		((struct mmapdemo_window_destroy *)buf)->window = window_get(e);
		break;
	case VERB_BUF_EXPORT:
		((struct mmapdemo_buf_export *)buf)->handle = e->mem;
		break;
	case VERB_QUEUE_SUBMIT: {
		static const struct mmapdemo_hw_sqe nop;
		static struct mmapdemo_hw_cqe done;
		struct mmapdemo_queue_submit *s = buf;

		/* In and out again: there is room for the next one. */
		s->queue = kqueue_get(e);
		s->num = 1;
		s->sqes = (uintptr_t)&nop;
		s->max_cqes = 1;
		s->min_cqes = 1;
		s->cqes = (uintptr_t)&done;
		s->deadline_ns = now_ns() + DMA_LIMIT_NS;
		break;
	}
	}
	memcpy(buf, &d->size, 4);
}
