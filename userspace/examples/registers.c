// SPDX-License-Identifier: MIT
/*
 * registers.c - device registers in user space: map the user page of BAR0, load, store.
 *
 * Every load below is one access of the device, and the device counts it. The same register
 * through the driver costs a system call each time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

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

int main(void)
{
	struct mmd_device *dev;
	struct mmd_buf page;
	struct mmd_map map;
	volatile void *scratch, *count;
	uint64_t before, after, by_ioctl;
	int i;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	must(MMD_CALL_REGION_INFO, mmd_region_info(dev, MMAPDEMO_REGION_USER_PAGE, &page));
	must(MMD_CALL_MAP, mmd_map_buf(dev, &page, PROT_READ | PROT_WRITE, &map));

	/* Register offsets count from the start of BAR0, the mapping from the user page. */
	scratch = mmd_mmio_at(map.ptr, MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
	count = mmd_mmio_at(map.ptr, MMAPDEMO_REG_CNT_RD32 - MMAPDEMO_USER_BASE);

	mmd_mmio_write32(scratch, 0xcafe);
	must(MMD_CALL_REG_READ, mmd_reg_read(dev, MMAPDEMO_REG_SCRATCH32, 4, &by_ioctl));
	printf("stored 0xcafe, the mapping reads 0x%x, the driver reads 0x%" PRIx64 "\n",
	       mmd_mmio_read32(scratch), by_ioctl);

	before = mmd_mmio_read64(count);
	for (i = 0; i < 10; i++)
		mmd_mmio_read32(scratch);
	after = mmd_mmio_read64(count);
	printf("10 loads are %" PRIu64 " device reads\n", after - before);

	mmd_unmap(&map);
	mmd_close(dev);
	return by_ioctl == 0xcafe && after - before >= 10 ? 0 : 1;
}
