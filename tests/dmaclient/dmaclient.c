// SPDX-License-Identifier: MIT
/*
 * dmaclient.c - a client of dmaengine, for what dmatest does not do: it looks at results and residues, leaves
 * transactions submitted and not issued, terminates them, and gives its memory back from the callback.
 *
 * Not for: anything but guests of tests/vm. One file at a time has the channel.
 */
#include <linux/dma-mapping.h>
#include <linux/dmaengine.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "dmaclient.h"

struct client;

struct transaction {
	struct client *c;
	dma_cookie_t cookie;
	dma_addr_t src, dst;
	size_t len;		/* mapped; 0: nothing is */
	u32 result;
	u32 residue;
	u64 order;
};

struct client {
	struct dma_chan *chan;
	u8 *src, *dst;
	struct mutex lock;
	u32 num;
	size_t used;		/* of dst: what is mapped for the device to write is nobody else's */
	atomic_t told;
	wait_queue_head_t wait;
	struct transaction t[DMACLIENT_MAX];
};

static void unmap(struct transaction *t)
{
	struct device *dev = dmaengine_get_dma_device(t->c->chan);

	if (!t->len)
		return;
	dma_unmap_single(dev, t->src, t->len, DMA_TO_DEVICE);
	dma_unmap_single(dev, t->dst, t->len, DMA_FROM_DEVICE);
	t->len = 0;
}

static int map(struct transaction *t, size_t len)
{
	struct device *dev = dmaengine_get_dma_device(t->c->chan);
	u8 *to = t->c->dst + t->c->used;

	if (len > DMACLIENT_BUF - t->c->used)
		return -ENOSPC;
	t->src = dma_map_single(dev, t->c->src, len, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, t->src))
		return -ENOMEM;
	t->dst = dma_map_single(dev, to, len, DMA_FROM_DEVICE);
	if (dma_mapping_error(dev, t->dst)) {
		dma_unmap_single(dev, t->src, len, DMA_TO_DEVICE);
		return -ENOMEM;
	}
	t->len = len;
	t->c->used += ALIGN(len, SMP_CACHE_BYTES);
	return 0;
}

static void told(void *param, const struct dmaengine_result *result)
{
	struct transaction *t = param;
	struct client *c = t->c;

	unmap(t);
	t->result = result->result;
	t->residue = result->residue;
	t->order = atomic_inc_return(&c->told);
	wake_up_all(&c->wait);
}

static int submit_one(struct client *c, const struct dmaclient_op *op)
{
	struct dma_device *dma = c->chan->device;
	struct dma_async_tx_descriptor *tx = NULL;
	struct transaction *t = &c->t[c->num];
	size_t used = c->used;
	int ret;

	*t = (struct transaction) { .c = c };
	if (op->kind != DMACLIENT_INTERRUPT && op->len) {
		ret = map(t, min_t(u64, op->len, DMACLIENT_BUF));
		if (ret)
			return ret;
	}
	switch (op->kind) {
	case DMACLIENT_COPY:
		tx = dma->device_prep_dma_memcpy(c->chan, t->dst, t->src, op->len,
						 DMA_PREP_INTERRUPT);
		break;
	case DMACLIENT_FILL:
		tx = dma->device_prep_dma_memset(c->chan, t->dst, op->value, op->len,
						 DMA_PREP_INTERRUPT);
		break;
	case DMACLIENT_INTERRUPT:
		tx = dma->device_prep_dma_interrupt(c->chan, DMA_PREP_INTERRUPT);
		break;
	case DMACLIENT_TO_NO_MEMORY:
		tx = dma->device_prep_dma_memcpy(c->chan, op->addr, t->src, op->len,
						 DMA_PREP_INTERRUPT);
		break;
	}
	if (!tx) {
		unmap(t);
		c->used = used;
		return -EINVAL;
	}
	tx->callback_result = told;
	tx->callback_param = t;
	t->cookie = dmaengine_submit(tx);
	c->num++;
	return 0;
}

#define PATTERN_BYTES	4096

static u8 pattern(const struct dmaclient_op *op, size_t off)
{
	return op->value + op->step * (off / PATTERN_BYTES);
}

static void pattern_fill(struct client *c, const struct dmaclient_op *op)
{
	size_t off;

	for (off = 0; off < DMACLIENT_BUF; off += PATTERN_BYTES)
		memset(c->src + off, pattern(op, off), PATTERN_BYTES);
}

static size_t pattern_equal(struct client *c, const struct dmaclient_op *op)
{
	size_t off;

	for (off = 0; off < DMACLIENT_BUF; off += PATTERN_BYTES) {
		const u8 *differs = memchr_inv(c->dst + off, pattern(op, off), PATTERN_BYTES);

		if (differs)
			return differs - c->dst;
	}
	return DMACLIENT_BUF;
}

static int submit(struct client *c, struct dmaclient_op *op)
{
	int ret = 0;

	if (op->num > DMACLIENT_MAX - c->num)
		return -ENOSPC;
	if (op->kind == DMACLIENT_COPY || op->kind == DMACLIENT_TO_NO_MEMORY)
		pattern_fill(c, op);
	for (op->out_num = 0; op->out_num < op->num && !ret; op->out_num += !ret)
		ret = submit_one(c, op);
	return ret;
}

/* What was terminated is not told of, and has not given its memory back. */
static void terminate(struct client *c)
{
	u32 i;

	dmaengine_terminate_sync(c->chan);
	for (i = 0; i < c->num; i++)
		unmap(&c->t[i]);
}

static int step(struct client *c, unsigned int cmd, struct dmaclient_op *op)
{
	struct dma_tx_state state = {};

	switch (cmd) {
	case DMACLIENT_SUBMIT:
		return submit(c, op);
	case DMACLIENT_ISSUE:
		dma_async_issue_pending(c->chan);
		return 0;
	case DMACLIENT_WAIT:
		wait_event_timeout(c->wait, atomic_read(&c->told) == c->num,
				   msecs_to_jiffies(op->ms));
		op->out_num = atomic_read(&c->told);
		return 0;
	case DMACLIENT_STATUS:
	case DMACLIENT_RESULT:
		if (op->num >= c->num)
			return -EINVAL;
		op->out_status = c->t[op->num].result;
		op->out_residue = c->t[op->num].residue;
		op->out_order = c->t[op->num].order;
		if (cmd == DMACLIENT_RESULT)
			return 0;
		op->out_dma_mask = dma_get_mask(dmaengine_get_dma_device(c->chan));
		op->out_status = dmaengine_tx_status(c->chan, c->t[op->num].cookie, &state);
		op->out_residue = state.residue;
		return 0;
	case DMACLIENT_TERMINATE:
		terminate(c);
		return 0;
	case DMACLIENT_CHECK:
		op->out_equal = pattern_equal(c, op);
		return 0;
	}
	return -ENOTTY;
}

static long client_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct client *c = file->private_data;
	struct dmaclient_op op;
	int ret;

	if (copy_from_user(&op, (void __user *)arg, sizeof(op)))
		return -EFAULT;
	mutex_lock(&c->lock);
	ret = step(c, cmd, &op);
	mutex_unlock(&c->lock);
	return copy_to_user((void __user *)arg, &op, sizeof(op)) ? -EFAULT : ret;
}

static void client_free(struct client *c)
{
	kfree(c->src);
	kfree(c->dst);
	kfree(c);
}

static int client_open(struct inode *inode, struct file *file)
{
	struct client *c = kzalloc(sizeof(*c), GFP_KERNEL);
	dma_cap_mask_t mask;

	if (!c)
		return -ENOMEM;
	mutex_init(&c->lock);
	init_waitqueue_head(&c->wait);
	c->src = kzalloc(DMACLIENT_BUF, GFP_KERNEL);
	c->dst = kzalloc(DMACLIENT_BUF, GFP_KERNEL);
	dma_cap_zero(mask);
	dma_cap_set(DMA_MEMCPY, mask);
	if (c->src && c->dst)
		c->chan = dma_request_channel(mask, NULL, NULL);
	if (!c->chan) {
		client_free(c);
		return -ENODEV;
	}
	file->private_data = c;
	return 0;
}

static int client_release(struct inode *inode, struct file *file)
{
	struct client *c = file->private_data;

	terminate(c);
	dma_release_channel(c->chan);
	client_free(c);
	return 0;
}

static const struct file_operations client_fops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.release = client_release,
	.unlocked_ioctl = client_ioctl,
};

static struct miscdevice client_node = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mmapdemo-dmaclient",
	.fops = &client_fops,
	.mode = 0600,
};
module_misc_device(client_node);

MODULE_DESCRIPTION("Client of dmaengine, for tests");
MODULE_LICENSE("Dual MIT/GPL");
