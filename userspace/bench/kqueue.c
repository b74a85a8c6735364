// SPDX-License-Identifier: MIT
/*
 * kqueue.c - queues of the driver: open, submit and collect, check.
 */
#include "kqueue.h"

#include <errno.h>

#include "unit.h"

enum mmb_rc mmb_kqueue_open(struct mmb_case *c, struct mmd_queue **q)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_KERNEL, .log2n = MMB_QUEUE_LOG2N };
	int err;

	if (!c->s->info.num_queues)
		return mmb_skip(c, "the device or its driver has no queues");
	err = mmd_queue_create(c->s->dev, &attr, q);
	if (err == -EINVAL || err == -ENOTTY)
		return mmb_skip(c, "this driver keeps no queues of its own");
	if (err == -EBUSY || err == -EDQUOT)
		return mmb_skip(c, "%s has no queue left", mmd_path(c->s->dev));
	return err ? mmb_failed(c, MMD_CALL_QUEUE_CREATE, err) : MMB_OK;
}

int mmb_kqueue_submit(struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqes,
		      struct mmapdemo_hw_cqe *cqes, uint32_t num)
{
	struct mmd_queue_submit submit = {
		.sqes = sqes, .cqes = cqes, .num = num, .max_cqes = num, .min_cqes = num,
		.deadline_ns = MMB_KQUEUE_FOR_EVER,
	};
	int err = mmd_queue_submit(q, &submit);

	if (!err && (submit.submitted != num || submit.collected != num))
		err = -EPROTO;
	return err;
}

enum mmb_rc mmb_kqueue_check(struct mmb_case *c, const struct mmapdemo_hw_cqe *cqes, uint32_t num,
			     uint32_t len)
{
	for (uint32_t i = 0; i < num; i++)
		if (cqes[i].status || MMD_LE32(cqes[i].bytes) != len || MMD_LE64(cqes[i].user) != i)
			return mmb_wrong(c, "descriptor %u of a call ends with status %s, %u of %u bytes",
					 i, mmd_cq_status_name(MMD_LE16(cqes[i].status)),
					 MMD_LE32(cqes[i].bytes), len);
	return MMB_OK;
}
