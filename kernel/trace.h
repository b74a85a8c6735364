/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. `seq` is the transfer's name in the device's own trace, too.
 *
 * No bus address is traced: what reads a trace is not the device.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM mmapdemo

#if !defined(MMAPDEMO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define MMAPDEMO_TRACE_H

#include <linux/tracepoint.h>

#include "mmapdemo_priv.h"

TRACE_EVENT(mmapdemo_dma_submit,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_xfer *x),
	TP_ARGS(mdev, x),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u64, seq)
		__field(u32, mem)
		__field(u32, dev)
		__field(u64, mem_off)
		__field(u64, dev_off)
		__field(u32, len)
		__field(bool, to_device)
		__field(bool, want_irq)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->seq = x->seq;
		__entry->mem = mmapdemo_id_to_handle(x->mem->id);
		__entry->dev = mmapdemo_id_to_handle(x->dev->id);
		__entry->mem_off = x->mem_off;
		__entry->dev_off = x->dev_off;
		__entry->len = x->len;
		__entry->to_device = x->to_device;
		__entry->want_irq = x->want_irq;
	),
	TP_printk("dev=%d seq=%llu %s mem=%u+%#llx dev=%u bar2=%#llx len=%u%s", __entry->instance,
		  __entry->seq, __entry->to_device ? "to_device" : "from_device", __entry->mem,
		  __entry->mem_off, __entry->dev, __entry->dev_off, __entry->len,
		  __entry->want_irq ? "" : " no_irq")
);

TRACE_EVENT(mmapdemo_dma_start,
	TP_PROTO(const struct mmapdemo_dev *mdev, u64 seq, u32 pieces, bool irq),
	TP_ARGS(mdev, seq, pieces, irq),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u64, seq)
		__field(u32, pieces)
		__field(bool, irq)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->seq = seq;
		__entry->pieces = pieces;
		__entry->irq = irq;
	),
	TP_printk("dev=%d seq=%llu pieces=%u irq=%d", __entry->instance, __entry->seq,
		  __entry->pieces, __entry->irq)
);

TRACE_EVENT(mmapdemo_dma_complete,
	TP_PROTO(const struct mmapdemo_dev *mdev, u64 seq, u32 error, u64 bytes),
	TP_ARGS(mdev, seq, error, bytes),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u64, seq)
		__field(u32, error)
		__field(u64, bytes)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->seq = seq;
		__entry->error = error;
		__entry->bytes = bytes;
	),
	TP_printk("dev=%d seq=%llu error=%u bytes=%llu", __entry->instance, __entry->seq,
		  __entry->error, __entry->bytes)
);

TRACE_EVENT(mmapdemo_map,
	TP_PROTO(const struct mmapdemo_buf *buf, const struct vm_area_struct *vma, u64 off),
	TP_ARGS(buf, vma, off),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, handle)
		__field(u32, technique)
		__field(u64, off)
		__field(unsigned long, len)
	),
	TP_fast_assign(
		__entry->instance = buf->mdev->instance;
		__entry->handle = mmapdemo_id_to_handle(buf->id);
		__entry->technique = buf->tech->id;
		__entry->off = off;
		__entry->len = vma->vm_end - vma->vm_start;
	),
	TP_printk("dev=%d handle=%u technique=%s off=%#llx len=%#lx", __entry->instance,
		  __entry->handle,
		  __print_symbolic(__entry->technique, { MMAPDEMO_TECH_BAR, "bar" },
				   { MMAPDEMO_TECH_BAR_FAULT, "bar_fault" },
				   { MMAPDEMO_TECH_BAR_HUGE, "bar_huge" },
				   { MMAPDEMO_TECH_NONCONTIG, "noncontig" },
				   { MMAPDEMO_TECH_USERPTR, "userptr" },
				   { MMAPDEMO_TECH_PAGES, "pages" },
				   { MMAPDEMO_TECH_VMALLOC, "vmalloc" },
				   { MMAPDEMO_TECH_COHERENT, "coherent" }),
		  __entry->off, __entry->len)
);

TRACE_EVENT(mmapdemo_revoke,
	TP_PROTO(const struct mmapdemo_dev *mdev),
	TP_ARGS(mdev),
	TP_STRUCT__entry(
		__field(int, instance)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
	),
	TP_printk("dev=%d", __entry->instance)
);

DECLARE_EVENT_CLASS(mmapdemo_queue,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_queue *q),
	TP_ARGS(mdev, q),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, handle)
		__field(u32, index)
		__field(u32, domain)
		__field(u32, log2n)
		__field(u32, irq_gap_ns)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->handle = q->handle;
		__entry->index = q->index;
		__entry->domain = q->mf->domain;
		__entry->log2n = q->log2n;
		__entry->irq_gap_ns = q->irq_gap_ns;
	),
	TP_printk("dev=%d queue=%u index=%u domain=%u log2n=%u irq_gap=%u", __entry->instance,
		  __entry->handle, __entry->index, __entry->domain, __entry->log2n,
		  __entry->irq_gap_ns)
);

DEFINE_EVENT(mmapdemo_queue, mmapdemo_queue_create,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_queue *q),
	TP_ARGS(mdev, q)
);

DEFINE_EVENT(mmapdemo_queue, mmapdemo_queue_destroy,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_queue *q),
	TP_ARGS(mdev, q)
);

TRACE_EVENT(mmapdemo_queue_irq,
	TP_PROTO(const struct mmapdemo_dev *mdev, u32 index),
	TP_ARGS(mdev, index),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, index)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->index = index;
	),
	TP_printk("dev=%d index=%u", __entry->instance, __entry->index)
);

/* Of a queue that the driver keeps to itself. seq is the descriptor's `user`, as in the device's trace. */
TRACE_EVENT(mmapdemo_queue_submit,
	TP_PROTO(const struct mmapdemo_queue *q, u32 desc, u64 seq),
	TP_ARGS(q, desc, seq),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, index)
		__field(u32, desc)
		__field(u64, seq)
		__field(bool, uring)
	),
	TP_fast_assign(
		__entry->instance = q->mf->mdev->instance;
		__entry->index = q->index;
		__entry->desc = desc;
		__entry->seq = seq;
		__entry->uring = q->by_uring;
	),
	TP_printk("dev=%d index=%u desc=%u seq=%llu%s", __entry->instance, __entry->index,
		  __entry->desc, __entry->seq, __entry->uring ? " uring" : "")
);

TRACE_EVENT(mmapdemo_queue_complete,
	TP_PROTO(const struct mmapdemo_queue *q, u32 desc, const struct mmapdemo_hw_cqe *cqe),
	TP_ARGS(q, desc, cqe),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, index)
		__field(u32, desc)
		__field(u64, seq)
		__field(u32, status)
		__field(u32, bytes)
	),
	TP_fast_assign(
		__entry->instance = q->mf->mdev->instance;
		__entry->index = q->index;
		__entry->desc = desc;
		__entry->seq = le64_to_cpu(cqe->user);
		__entry->status = le16_to_cpu(cqe->status);
		__entry->bytes = le32_to_cpu(cqe->bytes);
	),
	TP_printk("dev=%d index=%u desc=%u seq=%llu status=%u bytes=%u", __entry->instance,
		  __entry->index, __entry->desc, __entry->seq, __entry->status, __entry->bytes)
);

TRACE_EVENT(mmapdemo_queues_lost,
	TP_PROTO(const struct mmapdemo_dev *mdev),
	TP_ARGS(mdev),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, epoch)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->epoch = mdev->epoch;
	),
	TP_printk("dev=%d epoch=%u", __entry->instance, __entry->epoch)
);

DECLARE_EVENT_CLASS(mmapdemo_window,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_window *w),
	TP_ARGS(mdev, w),
	TP_STRUCT__entry(
		__field(int, instance)
		__field(u32, index)
		__field(u32, domain)
		__field(u32, handle)
		__field(u64, off)
		__field(u64, len)
		__field(u32, flags)
		__field(u32, kind)
		__field(u32, shift)
	),
	TP_fast_assign(
		__entry->instance = mdev->instance;
		__entry->index = w->index;
		__entry->domain = w->mf->domain;
		__entry->handle = mmapdemo_id_to_handle(w->buf->id);
		__entry->off = w->off;
		__entry->len = w->len;
		__entry->flags = w->flags;
		__entry->kind = w->kind;
		__entry->shift = w->shift;
	),
	TP_printk("dev=%d window=%u domain=%u handle=%u off=%#llx len=%#llx %s%s kind=%s shift=%u",
		  __entry->instance, __entry->index, __entry->domain, __entry->handle,
		  __entry->off, __entry->len,
		  __entry->flags & MMAPDEMO_WINDOW_READ ? "r" : "-",
		  __entry->flags & MMAPDEMO_WINDOW_WRITE ? "w" : "-",
		  __print_symbolic(__entry->kind, { MMAPDEMO_WKIND_BUS, "bus" },
				   { MMAPDEMO_WKIND_LIST, "list" },
				   { MMAPDEMO_WKIND_LIST2, "list2" },
				   { MMAPDEMO_WKIND_MEM, "mem" }),
		  __entry->shift)
);

DEFINE_EVENT(mmapdemo_window, mmapdemo_window_create,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_window *w),
	TP_ARGS(mdev, w)
);

DEFINE_EVENT(mmapdemo_window, mmapdemo_window_destroy,
	TP_PROTO(const struct mmapdemo_dev *mdev, const struct mmapdemo_window *w),
	TP_ARGS(mdev, w)
);

#endif /* MMAPDEMO_TRACE_H */

/* This must be outside the guard. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
