// SPDX-License-Identifier: MIT
/*
 * pinned.c - a page that stays where it is, and where that is.
 */
#include "pinned.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE		4096u
#define CANDIDATES	4096u	/* pages looked through for one below a limit: 16 MiB */
#define PRESENT		(1ULL << 63)
#define FRAME		((1ULL << 55) - 1)

/* 0 when it cannot be known: not present, or not root. */
static uint64_t physical(int pagemap, const void *page)
{
	off_t at = (off_t)((uintptr_t)page / PAGE * sizeof(uint64_t));
	uint64_t entry;

	if (pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry) || !(entry & PRESENT))
		return 0;
	return (entry & FRAME) * PAGE;
}

static int pin(struct mmb_pinned *p)
{
	struct iovec iov = { .iov_base = p->page, .iov_len = PAGE };
	struct io_uring_params params;

	memset(&params, 0, sizeof(params));
	p->ring_fd = (int)syscall(__NR_io_uring_setup, 1, &params);
	if (p->ring_fd < 0)
		return -errno;
	if (syscall(__NR_io_uring_register, p->ring_fd, IORING_REGISTER_BUFFERS, &iov, 1) < 0)
		return -errno;
	return 0;
}

/* Keep one page of the candidates, give back the others. */
static void *choose(unsigned char *candidates, int pagemap, uint64_t below)
{
	unsigned char *chosen = NULL;

	for (size_t i = 0; i < CANDIDATES; i++) {
		unsigned char *page = candidates + i * PAGE;
		uint64_t phys = chosen ? 0 : physical(pagemap, page);

		if (phys && (!below || phys + PAGE <= below))
			chosen = page;
		else
			munmap(page, PAGE);
	}
	return chosen;
}

int mmb_pinned_get(struct mmb_pinned *pinned, uint64_t below, char *why, size_t why_len)
{
	int pagemap, err;
	void *candidates;

	memset(pinned, 0, sizeof(*pinned));
	pinned->ring_fd = -1;
	pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pagemap < 0) {
		snprintf(why, why_len, "/proc/self/pagemap cannot be read: %s", strerror(errno));
		return -EPERM;
	}
	candidates = mmap(NULL, CANDIDATES * PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (candidates == MAP_FAILED) {
		close(pagemap);
		snprintf(why, why_len, "no memory for the page it needs");
		return -ENOMEM;
	}
	/* Huge pages would be split anyway, and pinned as a whole until then. */
	madvise(candidates, CANDIDATES * PAGE, MADV_NOHUGEPAGE);
	pinned->page = choose(candidates, pagemap, below);
	if (!pinned->page) {
		close(pagemap);
		snprintf(why, why_len, "no page at a physical address that is safe for it was found "
			 "(root is needed to look)");
		return -ENXIO;
	}
	err = pin(pinned);
	/* Asked for again: it may have been moved until it was pinned. */
	pinned->phys = err ? 0 : physical(pagemap, pinned->page);
	close(pagemap);
	if (!err && (!pinned->phys || (below && pinned->phys + PAGE > below)))
		err = -ENXIO;
	if (err) {
		snprintf(why, why_len, "its page cannot be pinned with io_uring: %s",
			 strerror(-err));
		mmb_pinned_put(pinned);
	}
	return err;
}

void mmb_pinned_put(struct mmb_pinned *pinned)
{
	if (pinned->ring_fd >= 0)
		close(pinned->ring_fd);
	if (pinned->page)
		munmap(pinned->page, PAGE);
	memset(pinned, 0, sizeof(*pinned));
	pinned->ring_fd = -1;
}
