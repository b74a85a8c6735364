// SPDX-License-Identifier: MIT
/*
 * dma-eventfd.c - many transfers at once, completions by eventfd: how an event loop uses the device.
 *
 * The eventfd counts finished transfers. One wake-up may stand for several, so everything that is
 * finished is collected before sleeping again.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mmapdemo/mmapdemo.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

#define TRANSFERS	8
#define LEN		65536

int main(void)
{
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = LEN };
	int efd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), collected = 0, wakeups = 0;
	struct pollfd pfd = { .fd = efd, .events = POLLIN };
	struct mmd_dma_result result;
	struct mmd_buf mem, bar;
	struct mmd_device *dev;
	uint64_t count, i;
	int ret = 0;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_EVENTFD_SET, mmd_eventfd_set(dev, efd));
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_VMALLOC, LEN, 0, 0, &mem));
	must(MMD_CALL_BUF_ALLOC,
	     mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, TRANSFERS * LEN, 0, 0, &bar));
	dma.mem_handle = mem.handle;
	dma.dev_handle = bar.handle;
	for (i = 0; i < TRANSFERS; i++) {
		dma.dev_off = i * LEN;
		dma.user_data = i;
		must(MMD_CALL_DMA_SUBMIT, mmd_dma_submit(dev, &dma, NULL));
	}
	printf("%d transfers submitted\n", TRANSFERS);

	while (collected < TRANSFERS && poll(&pfd, 1, 5000) == 1) {
		wakeups++;
		if (read(efd, &count, sizeof(count)) < 0)
			continue;
		/* 0: whichever; no waiting. -EAGAIN when there is no more for now. */
		while (!(ret = mmd_dma_wait(dev, 0, 0, &result))) {
			printf("transfer %" PRIu64 " of user data %" PRIu64 ": %" PRIu64 " bytes\n",
			       result.seq, result.user_data, result.bytes);
			collected++;
		}
		if (ret != -EAGAIN && collected < TRANSFERS)
			must(MMD_CALL_DMA_WAIT, ret);
	}
	printf("%d collected after %d wake-up(s)\n", collected, wakeups);
	mmd_close(dev);
	close(efd);
	return collected == TRANSFERS ? 0 : 1;
}
