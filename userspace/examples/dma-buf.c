// SPDX-License-Identifier: MIT
/*
 * dma-buf.c - a buffer as a dma-buf: a descriptor that other drivers can take, and that outlives the handle.
 *
 * A display, a network card or another process gets the descriptor and nothing else. Here it is mapped, which
 * shows that it is the same memory, with the ioctl that tells the exporter who uses it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>

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

#define LEN	65536

static int begin_or_end(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_READ };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

int main(void)
{
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_buf buf;
	struct mmd_map map;
	int fd, i, same = 1;
	unsigned char *p;
	off_t size;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	if (!(info.caps & MMAPDEMO_CAP_DMABUF)) {
		fprintf(stderr, "no dma-buf here\n");
		return 77;
	}
	must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, LEN, 0, 0, &buf));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	for (i = 0; i < LEN; i++)
		((unsigned char *)map.ptr)[i] = (unsigned char)(i * 3);
	must(MMD_CALL_BUF_EXPORT, mmd_buf_export(dev, buf.handle, &fd));

	/* Handle and mapping go; the descriptor keeps the memory. */
	mmd_unmap(&map);
	must(MMD_CALL_BUF_FREE, mmd_buf_free(dev, buf.handle));
	size = lseek(fd, 0, SEEK_END);
	printf("exported: descriptor of %jd bytes\n", (intmax_t)size);
	p = mmap(NULL, LEN, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || begin_or_end(fd, DMA_BUF_SYNC_START)) {
		fprintf(stderr, "dma-buf: cannot map or use it: %s\n", strerror(errno));
		return 1;
	}
	for (i = 0; i < LEN; i++)
		same &= p[i] == (unsigned char)(i * 3);
	begin_or_end(fd, DMA_BUF_SYNC_END);
	printf("through it: %s\n", same ? "the same bytes" : "DIFFERENT");
	munmap(p, LEN);
	close(fd);
	mmd_close(dev);
	return same && size == LEN ? 0 : 1;
}
