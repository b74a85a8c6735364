// SPDX-License-Identifier: MIT
/*
 * busy.c - have the device at work for a while, so that something can happen meanwhile.
 *
 * The emulated engine copies on the virtual CPU that has started the transfer, right after the
 * store that did it: whoever starts one finds it ended, however long it is. So the device is told,
 * by its property delay-ns, to let time pass before the first byte.
 */
#include <errno.h>

#include "busy.h"
#include "machine.h"

#define PROPERTY	"delay-ns"

static bool *slow;	/* shared by the runner and all processes of its tests */

void busy_init(void)
{
	slow = mmap(NULL, sizeof(*slow), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (slow == MAP_FAILED)
		FAIL("mmap: %m");
}

bool busy_left(void)
{
	return *slow;
}

void busy_end(void)
{
	qemu_property_set(PROPERTY, "0");
	*slow = false;
}

void busy_require(void)
{
	char value[64];

	qmp_require();
	if (!qemu_property_get(PROPERTY, value, sizeof(value)))
		test_skip("this QEMU's device has no property " PROPERTY " to slow it down with");
}

void busy_each(unsigned int ns)
{
	char value[32];

	busy_require();
	*slow = true;
	qemu_property_set(PROPERTY, strf(value, sizeof(value), "%u", ns));
}

struct busy busy_start(int fd, u32 direction)
{
	struct mmapdemo_info info = info_get(fd);
	struct busy b = { .num = info.out_max_transfers, .len = 256 * PAGE };
	struct mmapdemo_dma_submit s = { .direction = direction, .len = b.len };

	busy_require();
	b.mem = s.mem_handle = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, b.len).out_handle;
	b.dev = s.dev_handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, b.len).out_handle;
	busy_each(BUSY_EACH_NS);
	for (u32 i = 0; i < b.num; i++) {
		CHECK_OK(dma_submit(fd, &s));
		b.last = s.out_seq;
	}
	b.first = b.last - b.num + 1;
	CHECK(buf_info(fd, b.mem).out_transfers > b.num / 2);
	return b;
}
