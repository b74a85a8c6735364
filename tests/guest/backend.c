// SPDX-License-Identifier: MIT
/*
 * backend.c - the same device by its driver, by vfio-pci and by uio_pci_generic, through the library.
 *
 * Each test binds the function where it needs it and gives it back. vfio-pci takes an IOMMU: where the guest
 * has none, that it is refused is what is tested.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <mmapdemo/backend.h>
#include <mmapdemo/queue.h>

#include "dev.h"
#include "machine.h"

#define LEN		65536u
#define LIMIT_NS	5000000000ull
#define RUN_MS		20000
#define VFIO		"vfio-pci"
#define UIO		"uio_pci_generic"

/* --- binding ------------------------------------------------------------------------------ */

static const char *bus_id(void)
{
	static char id[32];

	if (!id[0])
		snprintf(id, sizeof(id), "%s", dev_bus_id());
	return id;
}

static const char *attribute(const char *name)
{
	static char path[128];

	return strf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bus_id(), name);
}

static void module_require(const char *name)
{
	struct output *o = calloc(1, sizeof(*o));

	CHECK(o);
	run(o, RUN_MS, "/bin/modprobe", name, NULL);
	if (o->status)
		test_skip("no module %s: %s", name, o->err);
	free(o);
}

static bool bound_to(const char *driver)
{
	char target[256] = "";
	ssize_t n = readlink(attribute("driver"), target, sizeof(target) - 1);

	return n > 0 && !strcmp(strrchr(target, '/') + 1, driver);
}

/* Whether it took it. */
static bool bind_try(const char *driver)
{
	module_require(driver);
	/* A soft dependency, which busybox does not know. */
	if (!strcmp(driver, VFIO))
		module_require("vfio_iommu_type1");
	driver_unbind();
	file_write(attribute("driver_override"), driver);
	file_try_write("/sys/bus/pci/drivers_probe", bus_id());
	return bound_to(driver);
}

static void bind(const char *driver)
{
	CHECKF(bind_try(driver), "%s did not take %s", driver, bus_id());
}

static void give_back(void)
{
	if (!access(attribute("driver"), F_OK))
		file_write(attribute("driver/unbind"), bus_id());
	file_write(attribute("driver_override"), "\n");
	file_write("/sys/bus/pci/drivers_probe", bus_id());
	CHECK(bound_to("mmapdemo"));
	node_wait(true);
}

static bool iommu_there(void)
{
	return !access(attribute("iommu_group"), F_OK);
}

static struct mmd_device *open_by(uint32_t backend)
{
	struct mmd_device *dev = NULL;

	CHECK_OK(mmd_open_bdf(bus_id(), backend, 0, &dev));
	CHECK_EQ(mmd_backend(dev), backend);
	return dev;
}

static struct mmd_device *vfio_open(void)
{
	if (!iommu_there())
		test_skip("no IOMMU: boot with --iommu --append intel_iommu=on");
	bind(VFIO);
	return open_by(MMD_BACKEND_VFIO);
}

static void vfio_done(struct mmd_device *dev)
{
	mmd_close(dev);
	give_back();
}

static u64 reg(struct mmd_device *dev, u32 offset, u32 width)
{
	uint64_t value = 0;

	CHECK_OK(mmd_reg_read(dev, offset, width, &value));
	return value;
}

/* --- opening ------------------------------------------------------------------------------ */

static void backend_driver_is_opened_by_address(const void *arg)
{
	struct mmd_device *dev = open_by(MMD_BACKEND_DRIVER);
	char path[64];
	struct mmd_info info;

	(void)arg;
	CHECK_OK(mmd_info(dev, &info));
	CHECK(!strcmp(info.bus_id, bus_id()));
	CHECK_RET(mmd_reset(dev), -EOPNOTSUPP);
	CHECK_EQ(mmd_refused(dev), MMD_CAN_RESET);
	CHECK_RET(mmd_irq_raise(dev), -EOPNOTSUPP);
	CHECK_EQ(mmd_refused(dev), MMD_CAN_INTERRUPT);
	mmd_close(dev);
	CHECK_OK(mmd_open(strf(path, sizeof(path), "driver:%s", bus_id()), 0, &dev));
	mmd_close(dev);
	CHECK_OK(mmd_open("driver:", 0, &dev));
	mmd_close(dev);
}

static void backend_wrong_function_is_told_apart(const void *arg)
{
	struct mmd_device *dev = NULL;

	(void)arg;
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_VFIO, 0, &dev), -ENXIO);
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_UIO, 0, &dev), -ENXIO);
	CHECK_RET(mmd_open_bdf("0000:ff:1f.7", MMD_BACKEND_UIO, 0, &dev), -ENOENT);
	/* The host bridge. */
	CHECK_RET(mmd_open_bdf("0000:00:00.0", MMD_BACKEND_VFIO, 0, &dev), -ENOTTY);
	CHECK_RET(mmd_open_bdf("../../etc", MMD_BACKEND_VFIO, 0, &dev), -EINVAL);
	CHECK_RET(mmd_open_bdf("", MMD_BACKEND_VFIO, 0, &dev), -EINVAL);
	CHECK_RET(mmd_open_bdf(bus_id(), 0, 0, &dev), -EINVAL);
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_MAX + 1, 0, &dev), -EINVAL);
	driver_unbind();
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_DRIVER, 0, &dev), -ENXIO);
	driver_bind();
	CHECK(!dev);
}

static void backend_vfio_without_iommu_is_refused(const void *arg)
{
	struct mmd_device *dev = NULL;

	(void)arg;
	if (iommu_there())
		test_skip("there is an IOMMU");
	CHECK(!bind_try(VFIO));
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_VFIO, 0, &dev), -ENXIO);
	CHECK(!dev);
	give_back();
}

/* --- vfio --------------------------------------------------------------------------------- */

struct pair {
	struct mmd_buf mem;
	struct mmd_buf device;
	unsigned char *p;		/* mem, mapped */
	struct mmd_map map;
};

static struct pair pair_make(struct mmd_device *dev, u32 technique)
{
	struct pair pair;

	CHECK_OK(mmd_buf_alloc(dev, technique, 2 * LEN, MMAPDEMO_CACHE_DEFAULT, 0, &pair.mem));
	CHECK_OK(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_DEFAULT, 0,
			       &pair.device));
	CHECK_OK(mmd_map_buf(dev, &pair.mem, PROT_READ | PROT_WRITE, &pair.map));
	pair.p = pair.map.ptr;
	CHECK_EQ(first_not(pair.p, 2 * LEN, 0), 2 * LEN);
	return pair;
}

/* The first half to the device, and back into the second. */
static void there_and_back(struct mmd_device *dev, struct pair *pair, unsigned int mode, u64 seed)
{
	struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = pair->mem.handle,
		.dev_handle = pair->device.handle, .len = LEN, .user_data = seed,
	};
	struct mmd_dma_result result = { 0 };

	fill(pair->p, LEN, seed);
	memset(pair->p + LEN, 0xa5, LEN);
	CHECK_OK(mmd_dma_copy(dev, &dma, mode, LIMIT_NS, &result));
	CHECK_EQ(result.bytes, LEN);
	CHECK_EQ(result.user_data, seed);
	CHECK_EQ(result.error, 0);
	dma.direction = MMAPDEMO_DMA_FROM_DEVICE;
	dma.mem_off = LEN;
	CHECK_OK(mmd_dma_copy(dev, &dma, mode, LIMIT_NS, &result));
	CHECK_EQ(differs(pair->p + LEN, LEN, seed), LEN);
}

static void backend_vfio_moves_data_in_every_mode(const void *arg)
{
	struct mmd_device *dev = vfio_open();
	struct pair pair = pair_make(dev, MMAPDEMO_TECH_COHERENT);
	u64 ops = reg(dev, MMAPDEMO_REG_CNT_DMA_OPS, 8);
	u64 bytes = reg(dev, MMAPDEMO_REG_CNT_DMA_TO_DEV, 8);

	(void)arg;
	there_and_back(dev, &pair, MMD_DMA_WAIT, 1);
	there_and_back(dev, &pair, MMD_DMA_EVENTFD, 2);
	there_and_back(dev, &pair, MMD_DMA_SPIN, 3);
	there_and_back(dev, &pair, MMD_DMA_WAIT, 4);
	CHECK_EQ(reg(dev, MMAPDEMO_REG_CNT_DMA_OPS, 8) - ops, 8);
	CHECK_EQ(reg(dev, MMAPDEMO_REG_CNT_DMA_TO_DEV, 8) - bytes, 4 * LEN);
	CHECK_EQ(reg(dev, MMAPDEMO_REG_CNT_DMA_ERRORS, 8), 0);
	mmd_unmap(&pair.map);
	vfio_done(dev);
}

static void backend_vfio_eventfd_counts_each_transfer(const void *arg)
{
	struct mmd_device *dev = vfio_open();
	struct pair pair = pair_make(dev, MMAPDEMO_TECH_NONCONTIG);
	struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = pair.mem.handle,
		.dev_handle = pair.device.handle, .len = 4096,
	};
	int efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), i;
	struct pollfd pfd = { .fd = efd, .events = POLLIN };
	uint64_t count, total = 0, seq;

	(void)arg;
	CHECK_OK(mmd_eventfd_set(dev, efd));
	for (i = 0; i < 5; i++) {
		CHECK_OK(mmd_dma_submit(dev, &dma, &seq));
		/* One at a time: that there is one is not forgotten. */
		CHECK_RET(mmd_dma_submit(dev, &dma, NULL), -EDQUOT);
		CHECK_EQ(poll(&pfd, 1, patience_ms(5000)), 1);
		CHECK_OK(mmd_dma_wait(dev, seq, mmd_deadline_ns(LIMIT_NS), NULL));
		CHECK_RET(mmd_dma_wait(dev, seq, 0, NULL), -ENOENT);
		CHECK_EQ(read(efd, &count, sizeof(count)), sizeof(count));
		total += count;
	}
	CHECK_EQ(total, 5);
	CHECK_OK(mmd_eventfd_set(dev, -1));
	/* The library's own, again; the caller's hears nothing any more. */
	there_and_back(dev, &pair, MMD_DMA_EVENTFD, 6);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	CHECK_RET(mmd_eventfd_set(dev, 9999), -EBADF);
	there_and_back(dev, &pair, MMD_DMA_WAIT, 7);
	mmd_unmap(&pair.map);
	vfio_done(dev);
}

static void backend_vfio_interrupt_arrives_once(const void *arg)
{
	struct mmd_device *dev = vfio_open();
	u64 raised = reg(dev, MMAPDEMO_REG_CNT_IRQ_RAISED, 8);
	int i;

	(void)arg;
	CHECK_RET(mmd_irq_wait(dev, 0), -EAGAIN);
	CHECK_RET(mmd_irq_wait(dev, mmd_deadline_ns(20000000)), -ETIMEDOUT);
	for (i = 0; i < 10; i++) {
		CHECK_OK(mmd_irq_raise(dev));
		CHECK_OK(mmd_irq_wait(dev, mmd_deadline_ns(LIMIT_NS)));
		CHECK_RET(mmd_irq_wait(dev, 0), -EAGAIN);
	}
	CHECK_EQ(reg(dev, MMAPDEMO_REG_CNT_IRQ_RAISED, 8) - raised, 10);
	vfio_done(dev);
}

static void copy_by_queue(struct mmd_device *dev, struct mmd_queue *q, struct pair *pair, u64 seed)
{
	struct mmd_completion done;
	struct mmapdemo_hw_sqe sqe;
	uint32_t mem, device;

	CHECK_OK(mmd_window_create(dev, pair->mem.handle, 0, 2 * LEN,
				   MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &mem));
	CHECK_OK(mmd_window_create(dev, pair->device.handle, 0, LEN,
				   MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE, &device));
	fill(pair->p, LEN, seed);
	memset(pair->p + LEN, 0xa5, LEN);
	mmd_sqe_copy(&sqe, mmd_at(device, 0), mmd_at(mem, 0), LEN, 1);
	CHECK_OK(mmd_queue_push(q, &sqe));
	mmd_sqe_copy(&sqe, mmd_at(mem, LEN), mmd_at(device, 0), LEN, 2);
	CHECK_OK(mmd_queue_push(q, &sqe));
	/* Past its end: refused by the device, and nothing written. */
	mmd_sqe_copy(&sqe, mmd_at(mem, LEN + 1), mmd_at(device, 0), LEN, 3);
	CHECK_OK(mmd_queue_push(q, &sqe));
	mmd_queue_kick(q);
	CHECK_OK(mmd_queue_wait(q, 3, mmd_deadline_ns(LIMIT_NS)));
	for (u64 i = 1; i <= 3; i++) {
		CHECK_OK(mmd_queue_poll(q, &done));
		CHECK_EQ(done.user, i);
		CHECK_EQ(done.status, i == 3 ? MMAPDEMO_CQ_RANGE : MMAPDEMO_CQ_OK);
	}
	CHECK_EQ(differs(pair->p + LEN, LEN, seed), LEN);
	CHECK_OK(mmd_window_destroy(dev, mem));
	CHECK_OK(mmd_window_destroy(dev, device));
	CHECK_RET(mmd_window_destroy(dev, device), -ENOENT);
}

static void backend_vfio_queues_need_no_driver(const void *arg)
{
	const struct mmd_queue_attr sleep = { .flags = MMD_QUEUE_SLEEP };
	const struct mmd_queue_attr kernel = { .flags = MMD_QUEUE_KERNEL };
	struct mmd_device *dev = vfio_open();
	struct pair pair = pair_make(dev, MMAPDEMO_TECH_COHERENT);
	struct mmd_queue *a, *b, *c = NULL;
	struct mmd_queue_info info;

	(void)arg;
	CHECK_OK(mmd_queue_create(dev, &sleep, &a));
	CHECK_OK(mmd_queue_create(dev, &sleep, &b));
	copy_by_queue(dev, a, &pair, 11);
	copy_by_queue(dev, b, &pair, 12);
	CHECK_OK(mmd_queue_info(b, &info));
	CHECK_EQ(info.head, 3);
	CHECK_EQ(info.index, 1);
	CHECK_RET(mmd_queue_create(dev, &kernel, &c), -EOPNOTSUPP);
	CHECK_EQ(mmd_refused(dev), MMD_CAN_KERNEL_QUEUES);
	CHECK_OK(mmd_queue_destroy(a));
	CHECK_OK(mmd_queue_create(dev, &sleep, &a));
	copy_by_queue(dev, a, &pair, 13);
	CHECK_OK(mmd_queue_destroy(a));
	CHECK_OK(mmd_queue_destroy(b));
	mmd_unmap(&pair.map);
	vfio_done(dev);
}

static void backend_vfio_pins_memory_of_the_process(const void *arg)
{
	struct mmd_device *dev = vfio_open();
	unsigned char *p = map_reserve(2 * LEN);
	struct pair pair = { .p = p };
	uint32_t read_only;
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_FROM_DEVICE, .len = LEN };

	(void)arg;
	CHECK_SYS(mmap(p, 2 * LEN, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	CHECK_OK(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_DEFAULT, 0,
			       &pair.device));
	CHECK_RET(mmd_buf_pin(dev, p + 1, LEN, 0, &pair.mem.handle), -EINVAL);
	CHECK_OK(mmd_buf_pin(dev, p, 2 * LEN, 0, &pair.mem.handle));
	there_and_back(dev, &pair, MMD_DMA_WAIT, 21);
	CHECK_OK(mmd_buf_free(dev, pair.mem.handle));
	CHECK_OK(mmd_buf_pin(dev, p, LEN, MMAPDEMO_PIN_READ_ONLY, &read_only));
	dma.mem_handle = read_only;
	dma.dev_handle = pair.device.handle;
	CHECK_RET(mmd_dma_submit(dev, &dma, NULL), -EACCES);
	CHECK_OK(mmd_buf_free(dev, read_only));
	vfio_done(dev);
}

static void backend_vfio_reset_ends_what_is_under_way(const void *arg)
{
	const struct mmd_queue_attr sleep = { .flags = MMD_QUEUE_SLEEP };
	struct mmd_device *dev = vfio_open();
	struct pair pair = pair_make(dev, MMAPDEMO_TECH_COHERENT);
	struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = pair.mem.handle,
		.dev_handle = pair.device.handle, .len = LEN,
	};
	struct mmd_queue_info info;
	struct mmd_queue *q;
	uint64_t seq;

	(void)arg;
	CHECK_OK(mmd_queue_create(dev, &sleep, &q));
	CHECK_OK(mmd_dma_submit(dev, &dma, &seq));
	CHECK_OK(mmd_reset(dev));
	CHECK_RET(mmd_dma_wait(dev, seq, mmd_deadline_ns(LIMIT_NS), NULL), -EIO);
	CHECK_OK(mmd_queue_info(q, &info));
	CHECK_EQ(info.reset, 1);
	CHECK_EQ(info.state, MMAPDEMO_QSTATE_DISABLED);
	CHECK_OK(mmd_queue_destroy(q));
	/* Bus, messages and memory are there again. */
	there_and_back(dev, &pair, MMD_DMA_EVENTFD, 31);
	CHECK_OK(mmd_queue_create(dev, &sleep, &q));
	copy_by_queue(dev, q, &pair, 32);
	CHECK_OK(mmd_queue_destroy(q));
	mmd_unmap(&pair.map);
	vfio_done(dev);
}

static void backend_vfio_second_open_ebusy(const void *arg)
{
	struct mmd_device *dev = vfio_open(), *other = NULL;
	struct mmd_info info;

	(void)arg;
	CHECK_OK(mmd_info(dev, &info));
	CHECK(info.state & MMAPDEMO_STATE_EXCLUSIVE);
	CHECK(info.state & MMAPDEMO_STATE_IOMMU);
	CHECK_EQ(info.max_transfers, 1);
	CHECK(!strcmp(info.bus_id, bus_id()));
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_VFIO, 0, &other), -EBUSY);
	CHECK(!other);
	vfio_done(dev);
}

/* A transfer leaves nothing in memory that is freed: device memory comes zeroed, and places are used again. */
static void backend_vfio_device_memory_is_zeroed(const void *arg)
{
	struct mmd_device *dev = vfio_open();
	struct mmd_info before, after;
	struct mmd_buf buf;
	struct mmd_map map;
	unsigned char got[4096];
	int i;

	(void)arg;
	CHECK_OK(mmd_info(dev, &before));
	CHECK_EQ(before.mem_free, before.mem_size);
	for (i = 0; i < 3; i++) {
		CHECK_OK(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_UC, 0, &buf));
		CHECK_OK(mmd_pread(dev, buf.offset + LEN - sizeof(got), got, sizeof(got)));
		CHECK_EQ(first_not(got, sizeof(got), 0), sizeof(got));
		CHECK_OK(mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
		mmd_mem_set(map.ptr, 0x77, LEN);
		mmd_unmap(&map);
		CHECK_OK(mmd_buf_free(dev, buf.handle));
		CHECK_RET(mmd_map_buf(dev, &buf, PROT_READ, &map), -ENOENT);
	}
	CHECK_RET(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_WC, 0, &buf),
		  -EOPNOTSUPP);
	CHECK_EQ(mmd_refused(dev), MMD_CAN_WRITE_COMBINE);
	CHECK_OK(mmd_info(dev, &after));
	CHECK_EQ(after.mem_free, before.mem_free);
	vfio_done(dev);
}

/* --- uio ---------------------------------------------------------------------------------- */

static void backend_uio_touches_and_interrupts(const void *arg)
{
	struct mmd_device *dev;
	struct mmd_buf buf, page;
	struct mmd_map map, regs;
	unsigned char *p;
	u64 raised;
	int i;

	(void)arg;
	bind(UIO);
	dev = open_by(MMD_BACKEND_UIO);
	CHECK_OK(mmd_region_info(dev, MMAPDEMO_REGION_USER_PAGE, &page));
	CHECK_OK(mmd_map_buf(dev, &page, PROT_READ | PROT_WRITE, &regs));
	CHECK_EQ(mmd_mmio_read32((char *)regs.ptr + MMAPDEMO_REG_USER_ID - MMAPDEMO_USER_BASE),
		 MMAPDEMO_ID);
	CHECK_OK(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, MMAPDEMO_CACHE_WC, 0, &buf));
	CHECK_OK(mmd_map_buf(dev, &buf, PROT_READ | PROT_WRITE, &map));
	p = map.ptr;
	CHECK_EQ(first_not(p, LEN, 0), LEN);
	fill(p, LEN, 41);
	CHECK_EQ(differs(p, LEN, 41), LEN);
	raised = reg(dev, MMAPDEMO_REG_CNT_IRQ_RAISED, 8);
	for (i = 0; i < 5; i++) {
		CHECK_OK(mmd_irq_raise(dev));
		CHECK_OK(mmd_irq_wait(dev, mmd_deadline_ns(LIMIT_NS)));
		CHECK_RET(mmd_irq_wait(dev, 0), -EAGAIN);
	}
	CHECK_RET(mmd_irq_wait(dev, mmd_deadline_ns(20000000)), -ETIMEDOUT);
	CHECK_EQ(reg(dev, MMAPDEMO_REG_CNT_IRQ_RAISED, 8) - raised, 5);
	mmd_unmap(&map);
	mmd_unmap(&regs);
	mmd_close(dev);
	give_back();
}

static void backend_uio_names_what_it_cannot_do(const void *arg)
{
	const struct mmd_queue_attr sleep = { .flags = MMD_QUEUE_SLEEP };
	struct mmd_dma dma = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = 4096 };
	struct mmd_device *dev, *other = NULL;
	struct mmd_map_info map_info;
	uint32_t handle, window;
	struct mmd_queue *q;
	struct mmd_buf buf;
	int fd;

	(void)arg;
	bind(UIO);
	dev = open_by(MMD_BACKEND_UIO);
#define REFUSED(call, capability) do { \
	CHECK_RET(call, -EOPNOTSUPP); \
	CHECK_EQ(mmd_refused(dev), capability); \
	CHECK_RET(mmd_backend_can(MMD_BACKEND_UIO, capability, NULL), -EOPNOTSUPP); \
} while (0)
	REFUSED(mmd_region_info(dev, MMAPDEMO_REGION_EXAMPLE, &buf), MMD_CAN_EXAMPLE);
	REFUSED(mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, 4096, 0, 0, &buf), MMD_CAN_DMA);
	REFUSED(mmd_buf_alloc(dev, MMAPDEMO_TECH_PAGES, 4096, 0, 0, &buf), MMD_CAN_DMA);
	REFUSED(mmd_buf_pin(dev, map_ro, 4096, 0, &handle), MMD_CAN_PIN);
	REFUSED(mmd_dma_submit(dev, &dma, NULL), MMD_CAN_DMA);
	REFUSED(mmd_dma_wait(dev, 0, 0, NULL), MMD_CAN_DMA);
	REFUSED(mmd_eventfd_set(dev, -1), MMD_CAN_EVENTFD);
	REFUSED(mmd_queue_create(dev, &sleep, &q), MMD_CAN_QUEUES);
	REFUSED(mmd_window_create(dev, 1, 0, 4096, MMAPDEMO_WINDOW_READ, &window), MMD_CAN_QUEUES);
	REFUSED(mmd_mem_cache_set(dev, MMAPDEMO_CACHE_UC), MMD_CAN_CACHE_SET);
	REFUSED(mmd_map_info(dev, &dma, &map_info), MMD_CAN_MAP_INFO);
	REFUSED(mmd_buf_export(dev, 1, &fd), MMD_CAN_DMA_BUF);
#undef REFUSED
	CHECK_RET(mmd_open_bdf(bus_id(), MMD_BACKEND_UIO, MMD_OPEN_EXCL, &other), -EOPNOTSUPP);
	/* Bus mastering stays off: whatever is written to the registers, the device reaches nothing. */
	CHECK_EQ(config_read(PCI_COMMAND_OFFSET, 2) & PCI_COMMAND_MASTER, 0);
	mmd_close(dev);
	give_back();
}

/* --- all three ---------------------------------------------------------------------------- */

static void backend_tool_tries_each(const void *arg)
{
	static const struct {
		const char *driver;
		const char *line;
	} cases[] = {
		{ NULL, "mmapdemo backends --try --backend=driver" },
		{ UIO, "mmapdemo backends --time" },
		{ VFIO, "mmapdemo backends --time --json" },
		{ VFIO, "mmapdemo info --backend=vfio" },
		{ VFIO, "mmapdemo copy --backend=vfio --technique=coherent --via=dma" },
		{ VFIO, "mmapdemo copy --backend=vfio --technique=coherent --via=queue" },
		{ VFIO, "mmapdemo regs --backend=vfio" },
	};
	struct output *o = calloc(1, sizeof(*o));

	(void)arg;
	CHECK(o);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (cases[i].driver && !strcmp(cases[i].driver, VFIO) && !iommu_there())
			continue;
		if (cases[i].driver)
			bind(cases[i].driver);
		run(o, RUN_MS, "/bin/sh", "-c", cases[i].line, NULL);
		diag("%s\n%s", cases[i].line, o->out);
		CHECKF(!o->status, "`%s` ends with %d: %s%s", cases[i].line, o->status, o->out,
		       o->err);
		if (cases[i].driver)
			give_back();
	}
	free(o);
}

void register_backend(void)
{
	TEST_ADD(backend_driver_is_opened_by_address);
	TEST_ADD(backend_wrong_function_is_told_apart);
	TEST_ADD(backend_vfio_without_iommu_is_refused);
	TEST_ADD(backend_vfio_moves_data_in_every_mode);
	TEST_ADD(backend_vfio_eventfd_counts_each_transfer);
	TEST_ADD(backend_vfio_interrupt_arrives_once);
	TEST_ADD(backend_vfio_queues_need_no_driver);
	TEST_ADD(backend_vfio_pins_memory_of_the_process);
	TEST_ADD(backend_vfio_reset_ends_what_is_under_way);
	TEST_ADD(backend_vfio_second_open_ebusy);
	TEST_ADD(backend_vfio_device_memory_is_zeroed);
	TEST_ADD(backend_uio_touches_and_interrupts);
	TEST_ADD(backend_uio_names_what_it_cannot_do);
	TEST_ADD_SLOW(backend_tool_tries_each, 120000);
}
