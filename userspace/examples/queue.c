// SPDX-License-Identifier: MIT
/*
 * queue.c - work for the device without a system call: a queue, a window, descriptors, completions.
 *
 * Eight pieces are copied to device memory with one doorbell, and a CRC of each is computed there. The
 * completions are found by looking at memory: nobody is interrupted, nothing sleeps.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mmapdemo/queue.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

#define PIECES	8
#define LEN	4096

int main(void)
{
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion done;
	uint32_t source, device, i, failed = 0;
	struct mmd_buf mem, bar;
	struct mmd_device *dev;
	struct mmd_queue *q;
	struct mmd_map map;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, PIECES * LEN, 0, 0, &mem));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, PIECES * LEN, 0, 0, &bar));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &mem, PROT_READ | PROT_WRITE, &map));
	/* What the device may touch, and how. Descriptors know nothing but windows and offsets. */
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, mem.handle, 0, mem.len, MMAPDEMO_WINDOW_READ, &source));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, bar.handle, 0, bar.len,
			       MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &device));
	must(MMD_CALL_QUEUE_CREATE, mmd_queue_create(dev, NULL, &q));

	for (i = 0; i < PIECES; i++) {
		memset((char *)map.ptr + i * LEN, (int)i + 1, LEN);
		mmd_sqe_copy(&sqe, mmd_at(device, i * LEN), mmd_at(source, i * LEN), LEN, i);
		mmd_queue_push(q, &sqe);
		/* In one queue the next begins when the one before is done: it sees the copy. */
		mmd_sqe_crc32c(&sqe, mmd_at(device, i * LEN), 0, LEN, i);
		mmd_queue_push(q, &sqe);
	}
	printf("%s for %u descriptors\n", mmd_queue_kick(q) ? "one doorbell" : "no doorbell", 2 * PIECES);
	while (mmd_queue_pending(q)) {
		must(MMD_CALL_QUEUE_WAIT, mmd_queue_spin(q, 1, mmd_deadline_ns(5000000000)));
		if (mmd_queue_poll(q, &done))
			continue;
		failed += done.status != MMAPDEMO_CQ_OK;
		if (done.index % 2)
			printf("piece %" PRIu64 ": %u bytes, %s, CRC-32C 0x%08" PRIx64 "\n", done.user,
			       done.bytes, mmd_cq_status_name(done.status), done.aux);
	}
	must(MMD_CALL_QUEUE_DESTROY, mmd_queue_destroy(q));
	mmd_unmap(&map);
	mmd_close(dev);
	return failed ? 1 : 0;
}
