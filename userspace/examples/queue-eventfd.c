// SPDX-License-Identifier: MIT
/*
 * queue-eventfd.c - sleep until a queue has work done: cq_event, then poll(2) on an eventfd.
 *
 * An interrupt is sent for the completion that was asked for and for no other: of eight copies the
 * last one wakes. mmd_queue_wait() does the same in one call.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

#define COPIES	8
#define LEN	(1024 * 1024)

int main(void)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_SLEEP };
	struct mmd_queue_info info;
	struct mmd_completion done;
	struct mmapdemo_hw_sqe sqe;
	struct mmd_device *dev;
	struct mmd_buf bar;
	struct mmd_queue *q;
	struct pollfd pfd;
	uint32_t window, last, i, failed = 0, wakeups = 0;
	uint64_t count;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 2 * LEN, 0, 0, &bar));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, bar.handle, 0, bar.len,
			       MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &window));
	must(MMD_CALL_QUEUE_CREATE, mmd_queue_create(dev, &attr, &q));

	for (i = 0; i < COPIES; i++) {
		mmd_sqe_copy(&sqe, mmd_at(window, LEN), mmd_at(window, 0), LEN, i);
		mmd_queue_push(q, &sqe);
	}
	last = q->tail - 1;
	/*
	 * Armed before the kick, so the interrupt is sure to come. Armed after it, a completion may be
	 * there already: then mmd_queue_arm() says so, and there may be nothing to wait for.
	 */
	mmd_queue_arm(q, last);
	mmd_queue_kick(q);
	pfd = (struct pollfd) { .fd = q->eventfd, .events = POLLIN };
	do {
		if (poll(&pfd, 1, 5000) != 1 || read(q->eventfd, &count, sizeof(count)) < 0)
			must(MMD_CALL_QUEUE_WAIT, -ETIMEDOUT);
		wakeups++;
	} while (!mmd_queue_done(q, last));
	while (!mmd_queue_poll(q, &done)) {
		printf("copy %" PRIu64 ": %u bytes, %s\n", done.user, done.bytes,
		       mmd_cq_status_name(done.status));
		failed += done.status != MMAPDEMO_CQ_OK;
	}
	must(MMD_CALL_QUEUE_INFO, mmd_queue_info(q, &info));
	printf("%u copies, %" PRIu64 " interrupt(s), %u wake-up(s)\n", COPIES, info.irqs, wakeups);
	failed += mmd_queue_pending(q);
	must(MMD_CALL_QUEUE_DESTROY, mmd_queue_destroy(q));
	mmd_close(dev);
	return failed ? 1 : 0;
}
