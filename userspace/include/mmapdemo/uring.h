/* SPDX-License-Identifier: MIT */
/*
 * uring.h - descriptors of a queue as commands of io_uring, all inline.
 *
 * For: programs with a ring of io_uring, made by liburing or by themselves, that want completions of the
 * device among all others. Such commands go to queues with MMD_QUEUE_KERNEL, if mmd_info() says
 * MMAPDEMO_CAP_URING. A ring with IORING_SETUP_CQE32 gets the whole completion, any other the result.
 * Not for: rings of the device itself, which are in queue.h.
 *
 * The structures are those of linux/io_uring.h, which liburing has, too: include liburing.h after this
 * header or before it.
 */
#ifndef MMAPDEMO_URING_H
#define MMAPDEMO_URING_H

#ifndef LINUX_IO_URING_H	/* liburing's copy has the same guard */
#include <linux/io_uring.h>
#endif

#include <mmapdemo/queue.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the submission ring's entries, either size: bytes of the common part, and where commands have theirs. */
#define MMD_URING_ENTRY		64u
#define MMD_URING_COMMAND	48u

/**
 * mmd_uring_prep_submit() - fill an entry of io_uring's submission ring: one descriptor for @q.
 * @entry:     taken from the ring by the caller, who submits it
 * @fd:        mmd_fd(); or its index among registered files, with IOSQE_FIXED_FILE set in entry->flags
 *             afterwards
 * @sqe:       the descriptor; has to stay until the command has completed
 * @user_data: of io_uring's completion
 */
static inline void mmd_uring_prep_submit(struct io_uring_sqe *entry, int fd,
					 const struct mmd_queue *q,
					 const struct mmapdemo_hw_sqe *sqe, uint64_t user_data)
{
	struct mmapdemo_uring_cmd cmd;
	const unsigned char *from = (const unsigned char *)&cmd;
	/* Not by name: what is the command's has another type in each version of the header. */
	unsigned char *bytes = (unsigned char *)entry;
	size_t i;

	for (i = 0; i < MMD_URING_ENTRY; i++)
		bytes[i] = 0;
	entry->opcode = IORING_OP_URING_CMD;
	entry->fd = fd;
	entry->cmd_op = MMAPDEMO_URING_SUBMIT;
	entry->user_data = user_data;
	cmd.queue = q->handle;
	cmd.reserved = 0;
	cmd.sqe = (uintptr_t)sqe;
	for (i = 0; i < sizeof(cmd); i++)
		bytes[MMD_URING_COMMAND + i] = from[i];
}

/**
 * mmd_uring_result() - what a completion of such a command says.
 * @entry:      of a ring with IORING_SETUP_CQE32
 * @completion: filled in any case, as far as io_uring tells: user is its user_data, index is 0, bytes 0
 *              on an error
 *
 * 0: every byte was moved, compared equal or summed up. Errors: -EINVAL the descriptor was refused, -EIO
 * it failed: status tells why. With status 0 the device gave no answer: -EINVAL not a queue of the driver,
 * -EIO the queue has stopped, -EAGAIN it is full: collect, and submit again; -EBUSY completions of
 * mmd_queue_submit() are not collected; -ECANCELED the queue was destroyed; -ENOENT no such queue; -EFAULT;
 * -ENODEV. Without CQE32 look at entry->res: the same, and the bytes where this gives 0.
 */
static inline int mmd_uring_result(const struct io_uring_cqe *entry,
				   struct mmd_completion *completion)
{
	/* There is one word for a driver: aux, or status and a half of something else. */
	uint64_t extra = *(const __u64 *)(const void *)(entry + 1);
	bool answered = entry->res == -EINVAL || entry->res == -EIO;
	uint32_t high = answered ? (uint32_t)(extra >> 32) : 0;

	completion->user = entry->user_data;
	completion->bytes = entry->res > 0 ? (uint32_t)entry->res : 0;
	completion->status = answered ? (uint32_t)(extra & 0xffffffffu) : 0;
	completion->aux = entry->res >= 0 ? extra : 0;
	completion->detail = 0;
	if (completion->status == MMAPDEMO_CQ_MISCOMPARE)
		completion->aux = high;
	else
		completion->detail = high;
	completion->index = 0;
	return entry->res < 0 ? entry->res : 0;
}

#ifdef __cplusplus
}
#endif

#endif /* MMAPDEMO_URING_H */
