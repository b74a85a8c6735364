// SPDX-License-Identifier: MIT
/*
 * io-uring.c - the device as one more file of an io_uring: a descriptor is a command, its end a completion.
 *
 * The ring is made by hand, so that nothing has to be installed; with liburing its three parts are
 * io_uring_queue_init(), io_uring_get_sqe() and io_uring_submit_and_wait().
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <mmapdemo/uring.h>

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
#define LEN	65536

static char *ring;
static struct io_uring_sqe *entries;
static struct io_uring_params params = { .flags = IORING_SETUP_CQE32 };

static int ring_setup(void)
{
	int fd = (int)syscall(__NR_io_uring_setup, PIECES, &params);
	size_t len = params.cq_off.cqes + params.cq_entries * (size_t)32;

	if (fd < 0)
		return -1;
	/* The index array of the submission ring is behind the completions. */
	if (len < params.sq_off.array + params.sq_entries * sizeof(uint32_t))
		len = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
	ring = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQ_RING);
	entries = mmap(NULL, params.sq_entries * sizeof(*entries), PROT_READ | PROT_WRITE,
		       MAP_SHARED, fd, IORING_OFF_SQES);
	return ring == MAP_FAILED || entries == MAP_FAILED ? -1 : fd;
}

static uint32_t *word(uint32_t offset)
{
	return (uint32_t *)(void *)(ring + offset);
}

int main(void)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_KERNEL };
	struct mmapdemo_hw_sqe sqes[PIECES];
	uint32_t source, device, i, head, failed = 0;
	struct mmd_completion done;
	struct mmd_buf mem, bar;
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_queue *q;
	int fd, ret;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	fd = info.caps & MMAPDEMO_CAP_URING ? ring_setup() : -1;
	if (fd < 0) {
		fprintf(stderr, "no io_uring here, or none with commands for the device\n");
		return 77;
	}
	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, PIECES * LEN, 0, 0, &mem));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, PIECES * LEN, 0, 0, &bar));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, mem.handle, 0, mem.len, MMAPDEMO_WINDOW_READ, &source));
	must(MMD_CALL_WINDOW_CREATE,
	     mmd_window_create(dev, bar.handle, 0, bar.len, MMAPDEMO_WINDOW_WRITE, &device));
	must(MMD_CALL_QUEUE_CREATE, mmd_queue_create(dev, &attr, &q));

	for (i = 0; i < PIECES; i++) {
		mmd_sqe_copy(&sqes[i], mmd_at(device, i * LEN), mmd_at(source, i * LEN), LEN, 0);
		mmd_uring_prep_submit(&entries[i], mmd_fd(dev), q, &sqes[i], 100 + i);
		word(params.sq_off.array)[i] = i;
	}
	/* Release: what was filled is there before the tail says so. */
	__atomic_store_n(word(params.sq_off.tail), PIECES, __ATOMIC_RELEASE);
	ret = (int)syscall(__NR_io_uring_enter, fd, PIECES, PIECES, IORING_ENTER_GETEVENTS,
			   NULL, 0);
	printf("one system call: %d commands submitted\n", ret);
	head = *word(params.cq_off.head);
	for (; head != __atomic_load_n(word(params.cq_off.tail), __ATOMIC_ACQUIRE); head++, i--) {
		size_t at = params.cq_off.cqes + (head & (params.cq_entries - 1)) * (size_t)32;

		ret = mmd_uring_result((const void *)(ring + at), &done);
		printf("command %" PRIu64 ": %u bytes, %s\n", done.user, done.bytes,
		       ret ? strerror(-ret) : mmd_cq_status_name(done.status));
		failed += ret || done.bytes != LEN;
	}
	must(MMD_CALL_QUEUE_DESTROY, mmd_queue_destroy(q));
	mmd_close(dev);
	return failed || i ? 1 : 0;
}
