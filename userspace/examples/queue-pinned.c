// SPDX-License-Identifier: MIT
/*
 * queue-pinned.c - a queue over memory that the process had before: malloc, pin, and no copy anywhere.
 *
 * One descriptor with a list gathers records from all over the process's memory into one piece of device
 * memory. Where caches and device see each other, as on every PC, the work takes no system call.
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

static void need(struct mmd_device *dev, uint32_t technique)
{
	struct mmd_info info;

	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (info.techniques & 1u << technique)
		return;
	fprintf(stderr, "no technique %s here\n", mmd_technique_name(technique));
	exit(77);
}

#define RECORDS	16
#define RECORD	1000
#define PAGE	4096
#define LEN	((RECORDS + 1) * PAGE)

int main(void)
{
	unsigned char *mem = aligned_alloc(PAGE, LEN), back[RECORDS * RECORD];
	struct mmapdemo_hw_sge *list = (struct mmapdemo_hw_sge *)mem;
	uint32_t handle, own, device, i, ok;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_completion done = { 0 };
	struct mmd_device *dev;
	struct mmd_queue *q;
	struct mmd_buf bar;
	int ret, same = 1;

	if (!mem)
		return 1;
	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	need(dev, MMAPDEMO_TECH_USERPTR);
	must(MMD_CALL_BUF_PIN, mmd_buf_pin(dev, mem, LEN, 0, &handle));
	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, RECORDS * RECORD, 0, 0, &bar));
	ret = mmd_window_create(dev, handle, 0, LEN, MMAPDEMO_WINDOW_READ, &own);
	if (ret == -EOPNOTSUPP) {
		fprintf(stderr, "the device reaches this memory through bounce buffers only\n");
		return 77;
	}
	must(MMD_CALL_WINDOW_CREATE, ret);
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, bar.handle, 0, bar.len, MMAPDEMO_WINDOW_WRITE, &device));
	must(MMD_CALL_QUEUE_CREATE, mmd_queue_create(dev, NULL, &q));

	/* The list is in the first page, a record somewhere in each of the others. */
	for (i = 0; i < RECORDS; i++) {
		uint32_t off = (i + 1) * PAGE + 7 * i;

		memset(mem + off, (int)i + 1, RECORD);
		mmd_sge_set(&list[i], mmd_at(own, off), RECORD);
	}
	mmd_sqe_copy(&sqe, mmd_at(device, 0), mmd_at(own, 0), RECORDS * RECORD, 1);
	mmd_sqe_src_list(&sqe, RECORDS);
	must(MMD_CALL_BUF_SYNC, mmd_buf_sync(dev, handle, 0, LEN, MMAPDEMO_SYNC_FOR_DEVICE));
	mmd_queue_push(q, &sqe);
	mmd_queue_kick(q);
	must(MMD_CALL_QUEUE_WAIT, mmd_queue_spin(q, 1, mmd_deadline_ns(5000000000)));
	ok = !mmd_queue_poll(q, &done) && done.status == MMAPDEMO_CQ_OK;
	printf("one descriptor, %d pieces: %u bytes, %s\n", RECORDS, done.bytes, mmd_cq_status_name(done.status));

	must(MMD_CALL_PREAD, mmd_pread(dev, bar.offset, back, sizeof(back)));
	for (i = 0; i < sizeof(back); i++)
		same &= back[i] == i / RECORD + 1;
	printf("in device memory: %s\n", same ? "the records in a row" : "DIFFERENT");
	must(MMD_CALL_QUEUE_DESTROY, mmd_queue_destroy(q));
	mmd_close(dev);
	free(mem);
	return ok && same ? 0 : 1;
}
