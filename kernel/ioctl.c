// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of calls, and what all of them have in common: size, flags, tail, gate.
 *
 * Not for: what a call does, see mmapdemo_ioctl_<call>() where its subject lives.
 */
#include <linux/fs.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"
#include "user.h"

/* Room for any structure, a member per call, named like it; all begin with size and flags. */
union ioctl_arg {
	struct {
		u32 size;
		u32 flags;
	} head;
#define ARG_MEMBER(verb, type)	struct type verb;
	MMAPDEMO_IOCTLS(ARG_MEMBER)
	struct mmapdemo_buf_export_call export;	/* begins with BUF_EXPORT */
};

struct ioctl_row {
	size_t size;			/* of the structure */
	size_t min_size;		/* of version 1's, if it was shorter; else 0 */
	u32 flags;			/* the known ones */
	size_t reserved;		/* offset of a u32 that must be 0; 0: none */
	size_t out;			/* where the out_* members begin, ... */
	size_t out_end;			/* ... and end; 0: none */
	bool ungated;			/* enters the gate itself, or not at all; @undo too */
	/*
	 * @run makes, starts or takes something. The place of the results is written to first, so
	 * that only memory that goes away meanwhile is found out about too late.
	 */
	bool effect;
	bool error_has_results;		/* -EIO of @run comes with results */
	int (*run)(struct mmapdemo_file *mf, union ioctl_arg *arg);
	/* And then @undo takes it back. */
	void (*undo)(struct mmapdemo_file *mf, union ioctl_arg *arg);
	/* The results have been delivered; outside the gate. */
	void (*commit)(struct mmapdemo_file *mf, union ioctl_arg *arg);
};

/* Handlers take their own structure, and the name is in small letters there. */
#define RUN(VERB, verb)								\
	static int run_##VERB(struct mmapdemo_file *mf, union ioctl_arg *arg)	\
	{									\
		return mmapdemo_ioctl_##verb(mf, &arg->VERB);			\
	}
#define UNDO(VERB, verb)							\
	static void undo_##VERB(struct mmapdemo_file *mf, union ioctl_arg *arg)	\
	{									\
		mmapdemo_ioctl_##verb##_undo(mf, &arg->VERB);			\
	}
#define COMMIT(VERB, verb)							\
	static void commit_##VERB(struct mmapdemo_file *mf, union ioctl_arg *arg)	\
	{									\
		mmapdemo_ioctl_##verb##_commit(mf, &arg->VERB);			\
	}

RUN(INFO, info)
RUN(REGION_INFO, region_info)
RUN(BUF_ALLOC, buf_alloc)
UNDO(BUF_ALLOC, buf_alloc)
RUN(BUF_FREE, buf_free)
RUN(BUF_INFO, buf_info)
RUN(MAP_INFO, map_info)
RUN(MEM_CACHE_SET, mem_cache_set)
RUN(REG_READ, reg_read)
RUN(REG_WRITE, reg_write)
RUN(DMA_SUBMIT, dma_submit)
UNDO(DMA_SUBMIT, dma_submit)
RUN(DMA_WAIT, dma_wait)
UNDO(DMA_WAIT, dma_wait)
COMMIT(DMA_WAIT, dma_wait)
RUN(EVENTFD_SET, eventfd_set)
RUN(QUEUE_CREATE, queue_create)
UNDO(QUEUE_CREATE, queue_create)
RUN(QUEUE_DESTROY, queue_destroy)
RUN(QUEUE_INFO, queue_info)
RUN(WINDOW_CREATE, window_create)
UNDO(WINDOW_CREATE, window_create)
RUN(WINDOW_DESTROY, window_destroy)
RUN(BUF_SYNC, buf_sync)
RUN(BUF_PIN, buf_pin)
UNDO(BUF_PIN, buf_pin)
RUN(QUEUE_SUBMIT, queue_submit)

/* What it has made is not for the number's reader yet. */
static int run_BUF_EXPORT(struct mmapdemo_file *mf, union ioctl_arg *arg)
{
	return mmapdemo_ioctl_buf_export(mf, &arg->export);
}

static void undo_BUF_EXPORT(struct mmapdemo_file *mf, union ioctl_arg *arg)
{
	mmapdemo_ioctl_buf_export_undo(mf, &arg->export);
}

static void commit_BUF_EXPORT(struct mmapdemo_file *mf, union ioctl_arg *arg)
{
	mmapdemo_ioctl_buf_export_commit(mf, &arg->export);
}

#define OUT(type, first, last)							\
	.out = offsetof(struct type, first),					\
	.out_end = offsetofend(struct type, last)
#define RESERVED(type)	.reserved = offsetof(struct type, reserved)

/* What the list of calls does not tell. A new one does not compile until it is described. */
#define ABOUT_INFO								\
	OUT(mmapdemo_info, out_api_version, out_huge_size), .min_size = MMAPDEMO_INFO_SIZE_V1
#define ABOUT_REGION_INFO							\
	OUT(mmapdemo_region_info, out_handle, out_offset)
#define ABOUT_BUF_ALLOC								\
	OUT(mmapdemo_buf_alloc, out_handle, out_offset),			\
	.flags = MMAPDEMO_BUF_MAP_READ_ONLY | MMAPDEMO_BUF_FAULT_AROUND,	\
	.effect = true, .undo = undo_BUF_ALLOC
#define ABOUT_BUF_FREE								\
	RESERVED(mmapdemo_buf_free)
#define ABOUT_BUF_INFO								\
	OUT(mmapdemo_buf_info, out_technique, out_transfers)
#define ABOUT_MAP_INFO								\
	OUT(mmapdemo_map_info, out_start, out_entry_shift),	\
	.ungated = true
#define ABOUT_MEM_CACHE_SET							\
	RESERVED(mmapdemo_mem_cache_set)
#define ABOUT_REG_READ								\
	OUT(mmapdemo_reg_access, out_value, out_value)
#define ABOUT_REG_WRITE
#define ABOUT_DMA_SUBMIT							\
	OUT(mmapdemo_dma_submit, out_seq, out_seq),				\
	.flags = MMAPDEMO_DMA_NO_IRQ | MMAPDEMO_DMA_TIMED, .effect = true, .undo = undo_DMA_SUBMIT
#define ABOUT_DMA_WAIT								\
	OUT(mmapdemo_dma_wait, out_seq, out_error), RESERVED(mmapdemo_dma_wait),	\
	.effect = true, .error_has_results = true,				\
	.undo = undo_DMA_WAIT, .commit = commit_DMA_WAIT
#define ABOUT_EVENTFD_SET							\
	RESERVED(mmapdemo_eventfd_set)
#define ABOUT_QUEUE_CREATE							\
	OUT(mmapdemo_queue_create, out_queue, out_doorbell_offset),		\
	.flags = MMAPDEMO_QUEUE_KERNEL,						\
	.ungated = true, .effect = true, .undo = undo_QUEUE_CREATE
#define ABOUT_QUEUE_DESTROY							\
	RESERVED(mmapdemo_queue_destroy), .ungated = true
#define ABOUT_QUEUE_INFO							\
	OUT(mmapdemo_queue_info, out_state, out_irqs)
#define ABOUT_WINDOW_CREATE							\
	OUT(mmapdemo_window_create, out_window, out_window),			\
	.flags = MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE,			\
	.effect = true, .undo = undo_WINDOW_CREATE
#define ABOUT_WINDOW_DESTROY							\
	RESERVED(mmapdemo_window_destroy)
#define ABOUT_BUF_SYNC								\
	.flags = MMAPDEMO_SYNC_FOR_DEVICE | MMAPDEMO_SYNC_FOR_CPU, RESERVED(mmapdemo_buf_sync)
#define ABOUT_BUF_PIN								\
	OUT(mmapdemo_buf_pin, out_handle, out_handle), RESERVED(mmapdemo_buf_pin),	\
	.flags = MMAPDEMO_PIN_READ_ONLY, .ungated = true, .effect = true, .undo = undo_BUF_PIN
#define ABOUT_BUF_EXPORT							\
	OUT(mmapdemo_buf_export, out_fd, out_fd),				\
	.ungated = true, .effect = true, .undo = undo_BUF_EXPORT, .commit = commit_BUF_EXPORT
#define ABOUT_QUEUE_SUBMIT							\
	OUT(mmapdemo_queue_submit, out_submitted, out_cqes), .ungated = true, .effect = true

#define ROW(verb, type)								\
	[_IOC_NR(MMAPDEMO_IOC_##verb)] = {					\
		.size = sizeof(struct type),					\
		.run = run_##verb,						\
		ABOUT_##verb							\
	},

static const struct ioctl_row ioctl_table[] = {
	MMAPDEMO_IOCTLS(ROW)
};

static int arg_fetch(const struct ioctl_row *row, union ioctl_arg *arg, void __user *uarg,
		     size_t usize)
{
	int ret;

	if (usize == row->size && !(usize % sizeof(u64))) {
		if (mmapdemo_words_get((u64 *)arg, uarg, usize / sizeof(u64)) <
		    usize / sizeof(u64))
			return -EFAULT;
	} else {
		/* What the kernel does not know has to be zero; E2BIG otherwise. */
		ret = copy_struct_from_user(arg, row->size, uarg, usize);
		if (ret)
			return ret;
	}
	/* Read twice, and it may have changed: what counts is what was checked. */
	arg->head.size = usize;

	return mmapdemo_head_check(arg, row->flags, row->reserved);
}

/*
 * Only what the call has to say: the other members may be in use by another thread. And only what a
 * caller of an earlier version has room for.
 */
static __always_inline int results_put(const struct ioctl_row *row, union ioctl_arg *arg,
				       void __user *uarg, size_t usize)
{
	size_t len = mmapdemo_results_len(row->out, row->out_end, usize);
	void *from = (void *)arg + row->out;

	if (!len)
		return 0;
	if ((row->out | len) % sizeof(u64))
		return copy_to_user(uarg + row->out, from, len) ? -EFAULT : 0;
	len /= sizeof(u64);
	return mmapdemo_words_put(uarg + row->out, from, len) < len ? -EFAULT : 0;
}

static __always_inline int row_run(const struct ioctl_row *row, struct mmapdemo_file *mf,
				   union ioctl_arg *arg)
{
	int idx, ret;

	if (row->ungated)
		return row->run(mf, arg);
	ret = mmapdemo_dev_enter(mf->mdev, &idx);
	if (ret)
		return ret;
	ret = row->run(mf, arg);
	mmapdemo_dev_exit(mf->mdev, idx);
	return ret;
}

static void row_undo(const struct ioctl_row *row, struct mmapdemo_file *mf, union ioctl_arg *arg)
{
	int idx;

	if (row->ungated) {
		row->undo(mf, arg);
		return;
	}
	/* Where there is no device any more there is nothing to take back. */
	if (mmapdemo_dev_enter(mf->mdev, &idx))
		return;
	row->undo(mf, arg);
	mmapdemo_dev_exit(mf->mdev, idx);
}

/* @arg has been fetched and checked. */
static __always_inline long row_finish(const struct ioctl_row *row, struct mmapdemo_file *mf,
				       union ioctl_arg *arg, void __user *uarg, size_t usize)
{
	int ret;

	if (row->effect && results_put(row, arg, uarg, usize))
		return -EFAULT;

	ret = row_run(row, mf, arg);
	/* A transfer that ended badly has results too, and has been collected. */
	if (ret && !(ret == -EIO && row->error_has_results))
		return ret;
	if (results_put(row, arg, uarg, usize)) {
		if (row->undo)
			row_undo(row, mf, arg);
		return -EFAULT;
	}
	if (row->commit)
		row->commit(mf, arg);
	return ret;
}

static noinline long row_call(const struct ioctl_row *row, struct mmapdemo_file *mf,
			      void __user *uarg)
{
	/* arg_fetch() fills what the call has of it; zeroing all of it costs more than most calls. */
	union ioctl_arg arg __uninitialized;
	u32 usize;
	int ret;

	if (get_user(usize, (u32 __user *)uarg))
		return -EFAULT;
	ret = mmapdemo_size_check(usize, row->size, row->min_size, PAGE_SIZE);
	if (ret)
		return ret;
	ret = arg_fetch(row, &arg, uarg, usize);
	if (ret)
		return ret;
	return row_finish(row, mf, &arg, uarg, arg.head.size);
}

/*
 * The one call that does what a mapped queue does without any. Compiled with its row known, and the
 * structure read at once: 200 instructions fewer. Any other size is for row_call() to judge.
 */
static noinline long call_QUEUE_SUBMIT(struct mmapdemo_file *mf, void __user *uarg)
{
	const struct ioctl_row *row = &ioctl_table[_IOC_NR(MMAPDEMO_IOC_QUEUE_SUBMIT)];
	const size_t words = row->size / sizeof(u64);
	union ioctl_arg arg __uninitialized;
	int ret;

	if (mmapdemo_words_get((u64 *)&arg, uarg, words) < words || arg.head.size != row->size)
		return row_call(row, mf, uarg);
	ret = mmapdemo_head_check(&arg, row->flags, row->reserved);
	if (ret)
		return ret;
	return row_finish(row, mf, &arg, uarg, row->size);
}

long mmapdemo_ioctl(struct file *file, unsigned int cmd, unsigned long addr)
{
	struct mmapdemo_file *mf = file->private_data;
	void __user *uarg = (void __user *)addr;
	const struct ioctl_row *row;

	if (mmapdemo_dev_gone(mf->mdev))
		return -ENODEV;
	if (cmd == MMAPDEMO_IOC_QUEUE_SUBMIT)
		return call_QUEUE_SUBMIT(mf, uarg);
	if (_IOC_TYPE(cmd) != MMAPDEMO_IOC_TYPE || _IOC_NR(cmd) >= ARRAY_SIZE(ioctl_table) ||
	    cmd != _IO(MMAPDEMO_IOC_TYPE, _IOC_NR(cmd)))
		return -ENOTTY;
	row = &ioctl_table[array_index_nospec(_IOC_NR(cmd), ARRAY_SIZE(ioctl_table))];
	/* A number of the contract that this driver has no call for. */
	if (!row->run)
		return -ENOTTY;
	return row_call(row, mf, uarg);
}
