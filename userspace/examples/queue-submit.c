// SPDX-License-Identifier: MIT
/*
 * queue-submit.c - a queue that stays in the driver: one system call submits, sleeps and collects.
 *
 * For a program that has few but large pieces of work, or none to spare for polling. Compare with queue.c,
 * which does the same through mapped rings.
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
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_KERNEL };
	struct mmapdemo_hw_sqe sqes[2 * PIECES];
	struct mmapdemo_hw_cqe cqes[2 * PIECES];
	struct mmd_queue_submit submit = {
		.sqes = sqes, .num = 2 * PIECES, .cqes = cqes, .max_cqes = 2 * PIECES,
		.min_cqes = 2 * PIECES,
	};
	uint32_t source, device, i, failed = 0;
	struct mmd_completion done;
	struct mmd_buf mem, bar;
	struct mmd_device *dev;
	struct mmd_queue *q;
	struct mmd_map map;
	int ret;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, PIECES * LEN, 0, 0, &mem));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, PIECES * LEN, 0, 0, &bar));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &mem, PROT_READ | PROT_WRITE, &map));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, mem.handle, 0, mem.len, MMAPDEMO_WINDOW_READ, &source));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, bar.handle, 0, bar.len,
			       MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &device));
	ret = mmd_queue_create(dev, &attr, &q);
	if (ret == -EINVAL) {
		fprintf(stderr, "this driver has no queues of its own\n");
		return 77;
	}
	must(MMD_CALL_QUEUE_CREATE, ret);

	for (i = 0; i < PIECES; i++) {
		memset((char *)map.ptr + i * LEN, (int)i + 1, LEN);
		mmd_sqe_copy(&sqes[2 * i], mmd_at(device, i * LEN), mmd_at(source, i * LEN), LEN,
			     i);
		mmd_sqe_crc32c(&sqes[2 * i + 1], mmd_at(device, i * LEN), 0, LEN, i);
	}
	submit.deadline_ns = mmd_deadline_ns(5000000000);
	must(MMD_CALL_QUEUE_SUBMIT, mmd_queue_submit(q, &submit));
	printf("one system call: %u submitted, %u collected\n", submit.submitted, submit.collected);
	for (i = 0; i < submit.collected; i++) {
		mmd_cqe_read(&cqes[i], &done);
		failed += done.status != MMAPDEMO_CQ_OK || done.bytes != LEN || done.user != i / 2;
		if (i % 2)
			printf("piece %" PRIu64 ": %u bytes, %s, CRC-32C 0x%08" PRIx64 "\n", done.user,
			       done.bytes, mmd_cq_status_name(done.status), done.aux);
	}
	must(MMD_CALL_QUEUE_DESTROY, mmd_queue_destroy(q));
	mmd_unmap(&map);
	mmd_close(dev);
	return submit.submitted == 2 * PIECES && submit.collected == 2 * PIECES && !failed ? 0 : 1;
}
