// SPDX-License-Identifier: MIT
/*
 * pci_queue.c - queues and windows, set up by the process that uses them.
 *
 * The process holds both sides: it could as well put bus addresses into the window table that are not its
 * own. What contains it is the IOMMU; the table is for the device's sake, which knows no other way.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pci.h"

/* The owner's; 0 is a driver's, which may use the windows of any. */
#define DOMAIN		1
#define STOP_LIMIT_NS	MMD_NSEC_PER_SEC
#define STOP_PAUSE_NS	50000

static int queues_check(struct mmd_pci *p)
{
	if (!p->ops->dma_map)
		return mmd_pci_refuse(p, MMD_CAN_QUEUES);
	if (!p->num_queues || !p->num_windows)
		return -EOPNOTSUPP;
	return p->may_write ? 0 : -EACCES;
}

/* --- queues ------------------------------------------------------------------------------- */

static struct pci_queue *queue_find(struct mmd_pci *p, uint32_t handle)
{
	struct pci_queue *q;

	for (q = p->queues; q; q = q->next)
		if (q->handle == handle)
			return q;
	return NULL;
}

static int index_find(struct mmd_pci *p, uint32_t *index)
{
	uint64_t used = 0;
	struct pci_queue *q;

	for (q = p->queues; q; q = q->next)
		used |= 1ull << q->index;
	for (*index = 0; *index < p->num_queues; (*index)++)
		if (!(used >> *index & 1))
			return 0;
	return -EBUSY;
}

/* The device makes no use of it. */
static void queue_free(struct mmd_pci *p, struct pci_queue *q)
{
	struct pci_queue **link;

	for (link = &p->queues; *link; link = &(*link)->next) {
		if (*link == q) {
			*link = q->next;
			break;
		}
	}
	if (p->ops->irq_eventfd && MMAPDEMO_VEC_QUEUE + q->index < p->num_vectors)
		p->ops->irq_eventfd(p, MMAPDEMO_VEC_QUEUE + q->index, -1);
	if (q->ring)
		mmd_pci_object_drop(p, q->ring);
	if (q->doorbell)
		mmd_pci_object_drop(p, q->doorbell);
	free(q);
}

static int queue_memory(struct mmd_pci *p, struct pci_queue *q)
{
	uint32_t quiet = MMD_LE32(MMAPDEMO_CQ_EVENT_QUIET);
	int ret;

	ret = mmd_pci_memory_alloc(p, MMAPDEMO_TECH_COHERENT, MMAPDEMO_RING_BYTES(q->log2n),
				   &q->ring);
	if (ret)
		return ret;
	q->ring->part = true;
	memcpy((char *)q->ring->va + MMAPDEMO_RING_CQ_EVENT, &quiet, sizeof(quiet));
	q->doorbell = mmd_pci_bar_object(p, MMAPDEMO_BAR_DOORBELL, MMAPDEMO_DOORBELL(q->index),
					 MMAPDEMO_DOORBELL_LIVE);
	if (!q->doorbell)
		return -ENOMEM;
	q->doorbell->part = true;
	return 0;
}

static int queue_enable(struct mmd_pci *p, struct pci_queue *q,
			const struct mmapdemo_queue_create *arg)
{
	uint32_t vector = MMAPDEMO_VEC_QUEUE + q->index;
	int ret;

	if (arg->eventfd >= 0) {
		ret = p->ops->irq_eventfd(p, vector, arg->eventfd);
		if (ret)
			return ret;
	} else if (vector >= p->num_vectors) {
		/* One that exists; nothing is asked of it. */
		vector = MMAPDEMO_VEC_DMA;
	}
	/* Otherwise ENABLE would do nothing, and look like a success with who knows what memory. */
	if (pci_read32(p, MMAPDEMO_QREG(q->index, STATE)) != MMAPDEMO_QSTATE_DISABLED)
		return -EIO;
	pci_write64(p, MMAPDEMO_QREG(q->index, BASE), q->ring->iova);
	pci_write32(p, MMAPDEMO_QREG(q->index, LOG2N), q->log2n);
	pci_write32(p, MMAPDEMO_QREG(q->index, PD), DOMAIN);
	pci_write32(p, MMAPDEMO_QREG(q->index, VECTOR), vector);
	pci_write32(p, MMAPDEMO_QREG(q->index, IRQ_GAP_NS), arg->irq_gap_ns);
	pci_write32(p, MMAPDEMO_QREG(q->index, IRQ_COUNT), arg->irq_count);
	/* The accessor orders it behind the stores to the ring: pairs with the device's first look. */
	pci_write32(p, MMAPDEMO_QREG(q->index, CTL), MMAPDEMO_QCTL_ENABLE);
	return pci_read32(p, MMAPDEMO_QREG(q->index, STATE)) == MMAPDEMO_QSTATE_RUNNING ? 0 : -EIO;
}

/* -EIO: it did not stop, and the device was reset, which stops everything. */
static int queue_stop(struct mmd_pci *p, struct pci_queue *q)
{
	const struct timespec pause = { .tv_nsec = STOP_PAUSE_NS };
	uint64_t end = mmd_now_ns() + STOP_LIMIT_NS;

	if (q->epoch != p->epoch)
		return 0;
	pci_write32(p, MMAPDEMO_QREG(q->index, CTL), MMAPDEMO_QCTL_DISABLE);
	/* Registers that are off read as 0, and 0 is DISABLED: only who answers at all is believed. */
	while (pci_read32(p, MMAPDEMO_QREG(q->index, STATE)) != MMAPDEMO_QSTATE_DISABLED ||
	       !mmd_pci_answers(p)) {
		if (mmd_now_ns() >= end)
			return mmd_pci_reset(p) ? -EIO : 0;
		nanosleep(&pause, NULL);
	}
	return 0;
}

int mmd_pci_queue_create(struct mmd_pci *p, struct mmapdemo_queue_create *arg)
{
	uint32_t index, caps, log2n_max;
	struct pci_queue *q;
	int ret;

	if (arg->flags & MMAPDEMO_QUEUE_KERNEL)
		return mmd_pci_refuse(p, MMD_CAN_KERNEL_QUEUES);
	ret = queues_check(p);
	if (ret)
		return ret;
	caps = pci_read32(p, MMAPDEMO_REG_QUEUE_CAPS);
	log2n_max = (caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MAX) >> MMAPDEMO_QUEUE_CAPS_LOG2N_MAX_SHIFT;
	if (arg->flags || arg->log2n < (caps & MMAPDEMO_QUEUE_CAPS_LOG2N_MIN) ||
	    arg->log2n > log2n_max)
		return -EINVAL;
	ret = index_find(p, &index);
	if (ret)
		return ret;
	if (arg->eventfd >= 0 && MMAPDEMO_VEC_QUEUE + index >= p->num_vectors)
		return mmd_pci_refuse(p, MMD_CAN_VECTORS);
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->index = index;
	q->log2n = arg->log2n;
	q->epoch = p->epoch;
	q->next = p->queues;
	p->queues = q;
	ret = queue_memory(p, q);
	if (!ret)
		ret = queue_enable(p, q, arg);
	if (ret) {
		queue_stop(p, q);
		queue_free(p, q);
		return ret;
	}
	q->handle = p->next_queue++;
	arg->out_queue = q->handle;
	arg->out_irq_gap_ns = arg->irq_gap_ns;
	arg->out_ring_len = q->ring->len;
	arg->out_ring_offset = mmd_pci_object_offset(q->ring);
	arg->out_doorbell_len = q->doorbell->len;
	arg->out_doorbell_offset = mmd_pci_object_offset(q->doorbell);
	return 0;
}

int mmd_pci_queue_destroy(struct mmd_pci *p, struct mmapdemo_queue_destroy *arg)
{
	struct pci_queue *q = queue_find(p, arg->queue);
	int ret;

	if (!q)
		return -ENOENT;
	ret = queue_stop(p, q);
	queue_free(p, q);
	return ret;
}

int mmd_pci_queue_info(struct mmd_pci *p, struct mmapdemo_queue_info *arg)
{
	struct pci_queue *q = queue_find(p, arg->queue);

	if (!q)
		return -ENOENT;
	if (!mmd_pci_answers(p))
		return -ENODEV;
	arg->out_reset = q->epoch != p->epoch;
	arg->out_state = arg->out_reset ? MMAPDEMO_QSTATE_DISABLED :
					  pci_read32(p, MMAPDEMO_QREG(q->index, STATE));
	arg->out_error = pci_read32(p, MMAPDEMO_QREG(q->index, ERROR));
	arg->out_error_index = pci_read32(p, MMAPDEMO_QREG(q->index, ERROR_INDEX));
	arg->out_head = pci_read32(p, MMAPDEMO_QREG(q->index, HEAD));
	arg->out_log2n = q->log2n;
	arg->out_index = q->index;
	/* They go to the caller's eventfd, past everybody who could count. */
	arg->out_irqs = 0;
	return 0;
}

/* --- windows ------------------------------------------------------------------------------ */

static struct pci_window *window_find(struct mmd_pci *p, uint32_t index)
{
	struct pci_window *w;

	for (w = p->windows; w; w = w->next)
		if (w->index == index)
			return w;
	return NULL;
}

static void window_free(struct mmd_pci *p, struct pci_window *w)
{
	struct pci_window **link;

	for (link = &p->windows; *link; link = &(*link)->next) {
		if (*link == w) {
			*link = w->next;
			break;
		}
	}
	mmd_pci_object_put(p, w->object);
	free(w);
}

/* When it returns no byte moves through it: the read waits for what is moving. */
static int window_stop(struct mmd_pci *p, struct pci_window *w)
{
	if (w->epoch != p->epoch)
		return 0;
	pci_write32(p, MMAPDEMO_WREG(w->index, CFG), 0);
	if (!pci_read32(p, MMAPDEMO_WREG(w->index, CFG)) && mmd_pci_answers(p))
		return 0;
	return mmd_pci_reset(p) ? -EIO : 0;
}

static int window_enable(struct mmd_pci *p, const struct pci_window *w,
			 const struct mmapdemo_window_create *arg)
{
	const struct pci_object *object = w->object;
	bool device = object->bar == MMAPDEMO_BAR_MEM;
	uint32_t cfg = DOMAIN | MMAPDEMO_WCFG_VALID;

	if (arg->flags & MMAPDEMO_WINDOW_READ)
		cfg |= MMAPDEMO_WCFG_READ;
	if (arg->flags & MMAPDEMO_WINDOW_WRITE)
		cfg |= MMAPDEMO_WCFG_WRITE;
	if (device)
		cfg |= MMAPDEMO_WKIND_MEM << MMAPDEMO_WCFG_KIND_SHIFT;
	pci_write64(p, MMAPDEMO_WREG(w->index, ADDR),
		    (device ? object->bar_off : object->iova) + arg->off);
	pci_write64(p, MMAPDEMO_WREG(w->index, LEN), arg->len);
	pci_write32(p, MMAPDEMO_WREG(w->index, FIRST), 0);
	pci_write32(p, MMAPDEMO_WREG(w->index, SHIFT), 0);
	pci_write32(p, MMAPDEMO_WREG(w->index, CFG), cfg);
	return pci_read32(p, MMAPDEMO_WREG(w->index, CFG)) == cfg ? 0 : -EIO;
}

int mmd_pci_window_create(struct mmd_pci *p, struct mmapdemo_window_create *arg)
{
	struct pci_object *object;
	struct pci_window *w;
	uint32_t index = 0;
	int ret;

	ret = queues_check(p);
	if (ret)
		return ret;
	if (!(arg->flags & (MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE)) ||
	    arg->flags & ~(MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE))
		return -EINVAL;
	object = mmd_pci_object(p, arg->handle);
	if (!object || object->part)
		return -ENOENT;
	if (object->bar >= 0 && object->bar != MMAPDEMO_BAR_MEM)
		return -EINVAL;
	if (!arg->len || arg->off > object->len || arg->len > object->len - arg->off)
		return -EINVAL;
	if ((arg->flags & MMAPDEMO_WINDOW_WRITE) && object->device_reads_only)
		return -EACCES;
	while (index < p->num_windows && window_find(p, index))
		index++;
	if (index >= p->num_windows)
		return -EDQUOT;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->object = object;
	object->users++;
	w->index = index;
	w->epoch = p->epoch;
	w->next = p->windows;
	p->windows = w;
	ret = window_enable(p, w, arg);
	if (ret) {
		window_stop(p, w);
		window_free(p, w);
		return ret;
	}
	arg->out_window = index;
	return 0;
}

int mmd_pci_window_destroy(struct mmd_pci *p, struct mmapdemo_window_destroy *arg)
{
	struct pci_window *w;
	int ret;

	ret = queues_check(p);
	if (ret)
		return ret;
	w = window_find(p, arg->window);
	if (!w)
		return -ENOENT;
	ret = window_stop(p, w);
	window_free(p, w);
	return ret;
}

/* The device has been reset, or never had any. */
void mmd_pci_queues_free(struct mmd_pci *p)
{
	while (p->queues)
		queue_free(p, p->queues);
	while (p->windows)
		window_free(p, p->windows);
}
