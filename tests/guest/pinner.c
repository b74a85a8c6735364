// SPDX-License-Identifier: MIT
/*
 * pinner.c - a file that pins memory of the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pinner.h"

struct pinner pinner_get(void)
{
	struct pinner p = { .fd = dev_open(O_RDWR) };
	struct mmapdemo_buf_alloc a;

	pin_require(p.fd);
	a = buf_alloc(p.fd, MMAPDEMO_TECH_BAR, PIN_LEN);
	p.dev = a.out_handle;
	p.d = map_rw(p.fd, PIN_LEN, a.out_offset);
	return p;
}

int to_device(const struct pinner *p, u32 handle, u64 off, u64 len)
{
	return dma_copy(p->fd, MMAPDEMO_DMA_TO_DEVICE, handle, off, p->dev, 0, len, NULL);
}

int from_device(const struct pinner *p, u32 handle, u64 off, u64 len)
{
	return dma_copy(p->fd, MMAPDEMO_DMA_FROM_DEVICE, handle, off, p->dev, 0, len, NULL);
}

long pinned_kb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[128];
	long kb = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmPin:", 6))
			kb = strtol(line + 6, NULL, 10);
	}
	fclose(f);
	CHECK(kb >= 0);
	return kb;
}

void pin_refused(int fd, const void *addr, u64 len, u32 flags, int err, const char *what)
{
	long kb = pinned_kb();
	u32 handle = 0;
	int ret = buf_try_pin(fd, addr, len, flags, &handle);

	CHECKF(ret == err, "%s: %s, wanted %s", what, errno_word(ret), errno_word(err));
	CHECK_EQ(handle, 0);
	CHECK_EQ(pinned_kb(), kb);
}
