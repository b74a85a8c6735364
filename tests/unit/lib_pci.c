// SPDX-License-Identifier: MIT
/*
 * lib_pci.c - the library as the driver: what it writes to the device's registers, what it gives the
 * device and takes back, and what it refuses. The device is mock_pci.c.
 */
#include <errno.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "mock_pci.h"

#define LEN		8192u
#define LIMIT_NS	5000000000ull

/* --- open, close -------------------------------------------------------------------------- */

static void open_resets_and_close_leaves_nothing(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_buf buf;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	assert_int_equal(m.register_resets, 1);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_REG_IRQ_ENABLE), MMAPDEMO_IRQ_ALL);
	assert_true(m.vector[MMAPDEMO_VEC_DMA] >= 0 && m.vector[MMAPDEMO_VEC_SW] >= 0);
	assert_int_equal(mmd_info(dev, &info), 0);
	assert_string_equal(info.bus_id, "0000:01:00.0");
	assert_int_equal(info.num_queues, 2);
	assert_int_equal(info.max_transfers, 1);
	assert_int_equal(info.mem_free, MOCK_MEM);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, 1, 0, 0, &buf), 0);
	assert_int_equal(m.num_mapped, 1);
	mock_pci_close(&m, dev);
	assert_int_equal(m.register_resets, 2);
}

static void open_of_something_else_is_refused_and_closed(void **state)
{
	static const struct {
		uint32_t id, version, queues;
		int ret;
	} cases[] = {
		{ 0xffffffff, 0x10001, 2, -EIO },
		{ 0, 0x10001, 2, -EIO },
		{ MMAPDEMO_ID, 0x20000, 2, -EPROTO },
		{ MMAPDEMO_ID, 0x10001, 5, -EIO },
		{ MMAPDEMO_ID, 0x10001, 0xffffffff, -EIO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mmd_device *dev = NULL;
		struct mock_pci m;

		mock_pci_init(&m);
		m.id = cases[i].id;
		m.version = cases[i].version;
		m.queues = cases[i].queues;
		assert_int_equal(mmd_open_backend(&mock_pci_dma, &m, "mock:x", 0, &dev),
				 cases[i].ret);
		assert_null(dev);
		assert_int_equal(m.closes, 1);
	}
}

static void device_that_went_is_enodev(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_info info;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	memset(m.regs, 0xff, 0x1000);
	assert_int_equal(mmd_info(dev, &info), -ENODEV);
	mock_pci_close(&m, dev);
}

/* --- transfers ---------------------------------------------------------------------------- */

struct pair {
	struct mmd_buf mem, dev;
	struct mmd_map map;
	struct mmd_dma dma;
};

static struct pair pair_make(struct mmd_device *dev)
{
	struct pair pair;

	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, LEN, 0, 0, &pair.mem), 0);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, 0, 0, &pair.dev), 0);
	assert_int_equal(mmd_map_buf(dev, &pair.mem, PROT_READ | PROT_WRITE, &pair.map), 0);
	pair.dma = (struct mmd_dma) {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = pair.mem.handle,
		.dev_handle = pair.dev.handle, .len = LEN, .user_data = 77,
	};
	return pair;
}

static void transfer_there_and_back_in_every_mode(void **state)
{
	struct mmd_dma_result result;
	struct mmd_device *dev;
	struct mock_pci m;
	struct pair pair;
	unsigned int mode;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	for (mode = MMD_DMA_WAIT; mode <= MMD_DMA_SPIN; mode++) {
		memset(pair.map.ptr, (int)(mode * 3), LEN);
		pair.dma.direction = MMAPDEMO_DMA_TO_DEVICE;
		assert_int_equal(mmd_dma_copy(dev, &pair.dma, mode, LIMIT_NS, &result), 0);
		assert_int_equal(result.bytes, LEN);
		assert_int_equal(result.user_data, 77);
		assert_int_equal(mock_pci_reg64(&m, MMAPDEMO_REG_DMA_SEQ), result.seq);
		memset(pair.map.ptr, 0, LEN);
		pair.dma.direction = MMAPDEMO_DMA_FROM_DEVICE;
		assert_int_equal(mmd_dma_copy(dev, &pair.dma, mode, LIMIT_NS, NULL), 0);
		assert_int_equal(((unsigned char *)pair.map.ptr)[LEN - 1], mode * 3);
	}
	/* Not at the beginning of either. */
	memset(m.mem, 0, MOCK_MEM);
	((unsigned char *)pair.map.ptr)[100] = 42;
	pair.dma.direction = MMAPDEMO_DMA_TO_DEVICE;
	pair.dma.mem_off = 100;
	pair.dma.dev_off = 200;
	pair.dma.len = 1;
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, LIMIT_NS, NULL), 0);
	assert_int_equal(m.mem[200], 42);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

static void transfer_under_way_is_kept(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct pair pair;
	uint64_t seq = 0;
	struct mmd_dma_result result;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	m.hold = true;
	pair.dma.flags = MMAPDEMO_DMA_NO_IRQ;
	assert_int_equal(mmd_dma_wait(dev, 0, 0, NULL), -ENOENT);
	assert_int_equal(mmd_dma_submit(dev, &pair.dma, &seq), 0);
	assert_int_equal(m.cmd, MMAPDEMO_DMA_CMD_START);
	assert_int_equal(mmd_dma_submit(dev, &pair.dma, NULL), -EDQUOT);
	assert_int_equal(mmd_dma_wait(dev, seq, 0, NULL), -EAGAIN);
	assert_int_equal(mmd_dma_wait(dev, seq + 1, 0, NULL), -ENOENT);
	assert_int_equal(m.cmd, MMAPDEMO_DMA_CMD_START);
	assert_int_equal(mmd_dma_wait(dev, seq, mmd_deadline_ns(3000000), NULL), -ETIMEDOUT);
	/* Who sleeps for it has it interrupt. */
	assert_int_equal(m.cmd, MMAPDEMO_DMA_CMD_START | MMAPDEMO_DMA_CMD_IRQ);
	/* Freed by name only: the device still has it. */
	assert_int_equal(mmd_buf_free(dev, pair.mem.handle), 0);
	assert_int_equal(mmd_buf_free(dev, pair.mem.handle), -ENOENT);
	assert_int_equal(m.num_mapped, 1);
	mock_pci_finish(&m);
	assert_int_equal(mmd_dma_wait(dev, 0, mmd_deadline_ns(LIMIT_NS), &result), 0);
	assert_int_equal(result.seq, seq);
	assert_int_equal(m.num_mapped, 0);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

static void transfer_that_fails_is_eio_and_collected(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct pair pair;
	uint64_t seq;
	struct mmd_dma_result result;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	m.error = MMAPDEMO_ERR_RANGE;
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, LIMIT_NS, &result), -EIO);
	assert_int_equal(result.error, MMAPDEMO_ERR_RANGE);
	assert_int_equal(result.bytes, 0);
	/* A device that has an error and no name for it: no success. */
	m.silent = true;
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, LIMIT_NS, &result), -EIO);
	assert_int_equal(result.error, MMAPDEMO_ERR_BUS);
	m.silent = false;
	m.error = 0;
	m.hold = true;
	assert_int_equal(mmd_dma_submit(dev, &pair.dma, &seq), 0);
	assert_int_equal(mmd_reset(dev), 0);
	assert_int_equal(m.resets, 1);
	assert_int_equal(mmd_dma_wait(dev, seq, 0, NULL), -EIO);
	assert_int_equal(mmd_dma_wait(dev, seq, 0, NULL), -ENOENT);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_REG_IRQ_ENABLE), MMAPDEMO_IRQ_ALL);
	m.hold = false;
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_EVENTFD, LIMIT_NS, NULL), 0);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

static void transfer_not_valid_touches_no_register(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct pair pair;
	size_t i;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	const struct {
		struct mmd_dma dma;
		int ret;
	} cases[] = {
#define BAD(error, ...) { { .direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = pair.mem.handle, \
			    .dev_handle = pair.dev.handle, .len = LEN, __VA_ARGS__ }, error }
		BAD(-EINVAL, .flags = 0x10),
		BAD(-EINVAL, .mem_off = 1),
		BAD(-EINVAL, .dev_off = 1),
		BAD(-EINVAL, .mem_off = UINT64_MAX),
		BAD(-EINVAL, .repeat = 1),
		BAD(-EINVAL, .flags = MMAPDEMO_DMA_TIMED),
		{ { .direction = 3, .mem_handle = pair.mem.handle, .dev_handle = pair.dev.handle,
		    .len = 1 }, -EINVAL },
		{ { .direction = 1, .mem_handle = pair.dev.handle, .dev_handle = pair.dev.handle,
		    .len = 1 }, -EINVAL },
		{ { .direction = 1, .mem_handle = pair.mem.handle, .dev_handle = pair.mem.handle,
		    .len = 1 }, -EINVAL },
		{ { .direction = 1, .mem_handle = pair.mem.handle, .dev_handle = pair.dev.handle },
		  -EINVAL },
		{ { .direction = 1, .mem_handle = 999, .dev_handle = pair.dev.handle, .len = 1 },
		  -ENOENT },
#undef BAD
	};
	for (i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(mmd_dma_submit(dev, &cases[i].dma, NULL), cases[i].ret);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_REG_DMA_CMD), 0);
	assert_int_equal(mock_pci_reg64(&m, MMAPDEMO_REG_DMA_ADDR), 0);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

static void interrupt_is_waited_for(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pair pair;
	uint64_t count;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	assert_int_equal(mmd_irq_wait(dev, 0), -EAGAIN);
	assert_int_equal(mmd_irq_wait(dev, mmd_deadline_ns(2000000)), -ETIMEDOUT);
	assert_int_equal(mmd_irq_raise(dev), 0);
	assert_int_equal(mmd_irq_wait(dev, mmd_deadline_ns(LIMIT_NS)), 0);
	assert_int_equal(mmd_irq_wait(dev, 0), -EAGAIN);
	/* The caller's eventfd is told, and not read by the library. */
	assert_int_equal(mmd_eventfd_set(dev, fd), 0);
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, LIMIT_NS, NULL), 0);
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_EVENTFD, LIMIT_NS, NULL), -EBUSY);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
	count = 5;
	assert_int_equal(write(fd, &count, sizeof(count)), sizeof(count));
	m.hold = true;
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, 3000000, NULL), -ETIMEDOUT);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 5);
	m.hold = false;
	mock_pci_finish(&m);
	assert_int_equal(mmd_dma_wait(dev, 0, 0, NULL), 0);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	/* Refused another one, it is told as before. */
	m.irq_ret = -EINVAL;
	assert_int_equal(mmd_eventfd_set(dev, 0), -EINVAL);
	assert_int_equal(mmd_eventfd_set(dev, 123456), -EBADF);
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_WAIT, LIMIT_NS, NULL), 0);
	assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(mmd_eventfd_set(dev, -1), 0);
	assert_int_equal(mmd_dma_copy(dev, &pair.dma, MMD_DMA_EVENTFD, LIMIT_NS, NULL), 0);
	assert_int_equal(read(fd, &count, sizeof(count)), -1);
	close(fd);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

/* --- memory ------------------------------------------------------------------------------- */

static void device_memory_comes_zeroed_and_is_used_again(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_buf a, b, c;
	struct mmd_map map;
	struct mmd_info info;
	unsigned char got[64];

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_plain);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 1, 0, 0, &a), 0);
	assert_int_equal(a.len, 4096);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, MOCK_MEM - 4096, 0, 0, &b), 0);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 1, 0, 0, &c), -ENOMEM);
	assert_int_equal(mmd_info(dev, &info), 0);
	assert_int_equal(info.mem_free, 0);
	assert_int_equal(m.mem[0], 0);
	assert_int_equal(m.mem[MOCK_MEM - 1], 0);
	memset(m.mem, 0x55, MOCK_MEM);
	assert_int_equal(mmd_pread(dev, a.offset + 4096 - sizeof(got), got, sizeof(got)), 0);
	assert_int_equal(got[63], 0x55);
	assert_int_equal(mmd_pread(dev, a.offset + 4090, got, sizeof(got)), -EIO);
	assert_int_equal(mmd_pread(dev, a.offset + 5000, got, 1), -EINVAL);
	/* Page 3 of the whole, page 2 of the second. */
	memset(m.mem + 3 * 4096, 0x33, 4096);
	assert_int_equal(mmd_map(dev, b.offset + 2 * 4096, 4096, PROT_READ, &map), 0);
	assert_int_equal(*(unsigned char *)map.ptr, 0x33);
	mmd_unmap(&map);
	assert_int_equal(mmd_buf_free(dev, a.handle), 0);
	assert_int_equal(mmd_pread(dev, a.offset, got, 1), -ENOENT);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 4096, 0, 0, &c), 0);
	assert_int_not_equal(c.handle, a.handle);
	assert_int_equal(m.mem[0], 0);
	assert_int_equal(m.mem[4096], 0x55);
	mock_pci_close(&m, dev);
}

static void mappings_are_checked(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_buf buf, page;
	struct mmd_map map = { 0 };

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, LEN, 0, MMAPDEMO_BUF_MAP_READ_ONLY,
				       &buf), 0);
	assert_int_equal(mmd_map(dev, buf.offset, LEN, PROT_READ | PROT_WRITE, &map), -EACCES);
	assert_int_equal(mmd_pwrite(dev, buf.offset, &map, 1), -EACCES);
	assert_int_equal(mmd_map(dev, buf.offset, LEN, PROT_READ | PROT_EXEC, &map), -EPERM);
	assert_int_equal(mmd_map(dev, buf.offset + 1, 4096, PROT_READ, &map), -EINVAL);
	assert_int_equal(mmd_map(dev, buf.offset + 4096, LEN, PROT_READ, &map), -EINVAL);
	assert_int_equal(mmd_map(dev, buf.offset, 0, PROT_READ, &map), -EINVAL);
	assert_int_equal(mmd_map(dev, buf.offset, SIZE_MAX, PROT_READ, &map), -EINVAL);
	assert_int_equal(mmd_map(dev, 4096, 4096, PROT_READ, &map), -EOPNOTSUPP);
	assert_int_equal(mmd_refused(dev), MMD_CAN_EXAMPLE);
	assert_int_equal(mmd_map(dev, (uint64_t)1 << 60, 4096, PROT_READ, &map), -ENOENT);
	assert_int_equal(mmd_map(dev, UINT64_MAX - 4095, 4096, PROT_READ, &map), -ENOENT);
	assert_null(map.ptr);
	assert_int_equal(mmd_region_info(dev, MMAPDEMO_REGION_USER_PAGE, &page), 0);
	assert_int_equal(mmd_map_buf(dev, &page, PROT_READ, &map), 0);
	assert_int_equal(mmd_mmio_read32(map.ptr), MMAPDEMO_ID);
	assert_int_equal(mmd_buf_free(dev, page.handle), -ENOENT);
	mmd_unmap(&map);
	mock_pci_close(&m, dev);
}

static void pinned_memory_is_the_callers(void **state)
{
	unsigned char *p = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
				0);
	struct mock_pci m;
	struct mmd_device *dev;
	uint32_t handle = POISON;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	m.dma_map_ret = -ENOMEM;
	assert_int_equal(mmd_buf_pin(dev, p, LEN, 0, &handle), -ENOMEM);
	assert_int_equal(handle, POISON);
	m.dma_map_ret = 0;
	assert_int_equal(mmd_buf_pin(dev, p + 8, LEN, 0, &handle), -EINVAL);
	assert_int_equal(mmd_buf_pin(dev, p, LEN, MMAPDEMO_PIN_READ_ONLY, &handle), 0);
	assert_ptr_equal(m.mapped[0].va, p);
	assert_false(m.mapped[0].write);
	assert_int_equal(mmd_buf_free(dev, handle), 0);
	assert_int_equal(m.num_mapped, 0);
	p[0] = 1;
	munmap(p, LEN);
	mock_pci_close(&m, dev);
}

/* --- queues and windows ------------------------------------------------------------------- */

static void queue_is_given_to_the_device_and_taken_back(void **state)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_SLEEP, .log2n = 5, .irq_gap_ns = 9,
					     .irq_count = 3 };
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_queue *a, *b, *c = NULL;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	assert_int_equal(mmd_queue_create(dev, &attr, &a), 0);
	assert_int_equal(mmd_queue_create(dev, NULL, &b), 0);
	assert_int_equal(mmd_queue_create(dev, NULL, &c), -EBUSY);
	assert_int_equal(m.num_mapped, 2);
	assert_int_equal(mock_pci_reg64(&m, MMAPDEMO_QREG(0, BASE)), m.mapped[0].iova);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(0, LOG2N)), 5);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(0, VECTOR)), MMAPDEMO_VEC_QUEUE);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(0, IRQ_GAP_NS)), 9);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(0, IRQ_COUNT)), 3);
	assert_int_equal(m.vector[MMAPDEMO_VEC_QUEUE], a->eventfd);
	assert_int_equal(*(uint32_t *)(m.mapped[0].va + MMAPDEMO_RING_CQ_EVENT), 0xffffffff);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(1, STATE)), MMAPDEMO_QSTATE_RUNNING);
	assert_int_equal(mmd_queue_destroy(a), 0);
	assert_int_equal(m.vector[MMAPDEMO_VEC_QUEUE], -1);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_QREG(0, STATE)), MMAPDEMO_QSTATE_DISABLED);
	m.queue_refuses = true;
	assert_int_equal(mmd_queue_create(dev, NULL, &c), -EIO);
	assert_null(c);
	assert_int_equal(m.num_mapped, 1);
	assert_int_equal(mmd_queue_destroy(b), 0);
	mock_pci_close(&m, dev);
}

static void window_names_what_it_was_made_of(void **state)
{
	struct mock_pci m;
	struct mmd_device *dev;
	struct pair pair;
	uint32_t a, b;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	pair = pair_make(dev);
	assert_int_equal(mmd_window_create(dev, pair.mem.handle, 64, 128, MMAPDEMO_WINDOW_READ,
					   &a), 0);
	assert_int_equal(mmd_window_create(dev, pair.dev.handle, 0, LEN, MMAPDEMO_WINDOW_WRITE,
					   &b), 0);
	assert_int_equal(mock_pci_reg64(&m, MMAPDEMO_WREG(a, ADDR)), m.mapped[0].iova + 64);
	assert_int_equal(mock_pci_reg64(&m, MMAPDEMO_WREG(a, LEN)), 128);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_WREG(a, CFG)),
			 MMAPDEMO_WCFG_VALID | MMAPDEMO_WCFG_READ | 1);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_WREG(b, CFG)),
			 MMAPDEMO_WCFG_VALID | MMAPDEMO_WCFG_WRITE | 1 |
			 MMAPDEMO_WKIND_MEM << MMAPDEMO_WCFG_KIND_SHIFT);
	assert_int_equal(mmd_window_create(dev, pair.mem.handle, 1, LEN, MMAPDEMO_WINDOW_READ, &b),
			 -EINVAL);
	assert_int_equal(mmd_window_create(dev, pair.mem.handle, 0, 0, MMAPDEMO_WINDOW_READ, &b),
			 -EINVAL);
	assert_int_equal(mmd_window_create(dev, pair.mem.handle, 0, 1, 0, &b), -EINVAL);
	/* It holds the buffer. */
	assert_int_equal(mmd_buf_free(dev, pair.mem.handle), 0);
	assert_int_equal(m.num_mapped, 1);
	assert_int_equal(mmd_window_destroy(dev, a), 0);
	assert_int_equal(m.num_mapped, 0);
	assert_int_equal(mock_pci_reg32(&m, MMAPDEMO_WREG(a, CFG)), 0);
	/* By being told to, not by the reset that is there for a device that does not listen. */
	assert_int_equal(m.resets, 0);
	assert_int_equal(mmd_window_destroy(dev, a), -ENOENT);
	mmd_unmap(&pair.map);
	mock_pci_close(&m, dev);
}

/* --- refusals ----------------------------------------------------------------------------- */

static void what_cannot_be_done_is_named(void **state)
{
	struct mmd_dma dma = { .direction = 1, .len = 1 };
	struct mmd_map_info map_info;
	struct mock_pci m;
	struct mmd_device *dev;
	struct mmd_queue *q;
	struct mmd_buf buf;
	uint32_t word;
	const char *why;
	int fd;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_plain);
#define NAMED(call, capability) do { \
	assert_int_equal(call, -EOPNOTSUPP); \
	assert_int_equal(mmd_refused(dev), capability); \
	assert_int_equal(mmd_backend_can(MMD_BACKEND_UIO, capability, &why), -EOPNOTSUPP); \
	assert_true(*why); \
} while (0)
	NAMED(mmd_buf_alloc(dev, MMAPDEMO_TECH_COHERENT, 1, 0, 0, &buf), MMD_CAN_DMA);
	NAMED(mmd_buf_alloc(dev, MMAPDEMO_TECH_VMALLOC, 1, 0, 0, &buf), MMD_CAN_DMA);
	NAMED(mmd_buf_pin(dev, dev, 4096, 0, &word), MMD_CAN_PIN);
	NAMED(mmd_dma_submit(dev, &dma, NULL), MMD_CAN_DMA);
	NAMED(mmd_dma_wait(dev, 0, 0, NULL), MMD_CAN_DMA);
	NAMED(mmd_eventfd_set(dev, -1), MMD_CAN_EVENTFD);
	NAMED(mmd_queue_create(dev, NULL, &q), MMD_CAN_QUEUES);
	NAMED(mmd_window_create(dev, 1, 0, 1, MMAPDEMO_WINDOW_READ, &word), MMD_CAN_QUEUES);
	NAMED(mmd_mem_cache_set(dev, MMAPDEMO_CACHE_UC), MMD_CAN_CACHE_SET);
	NAMED(mmd_map_info(dev, dev, &map_info), MMD_CAN_MAP_INFO);
	NAMED(mmd_buf_export(dev, 1, &fd), MMD_CAN_DMA_BUF);
#undef NAMED
	/* Not for lack of something: forgotten. */
	assert_int_equal(mmd_buf_free(dev, 999), -ENOENT);
	assert_int_equal(mmd_refused(dev), MMD_CAN_NONE);
	mock_pci_close(&m, dev);
	dev = NULL;
	assert_int_equal(mmd_open_backend(&mock_pci_plain, &m, "mock:x", MMD_OPEN_EXCL, &dev),
			 -EOPNOTSUPP);
	assert_null(dev);
}

static void registers_are_checked_by_the_contract(void **state)
{
	static const struct {
		uint32_t offset, width;
		int read, write;
	} cases[] = {
		{ MMAPDEMO_REG_SCRATCH64, 8, 0, 0 },
		{ MMAPDEMO_REG_SCRATCH64 + 4, 4, 0, 0 },
		{ MMAPDEMO_REG_SCRATCH64 + 2, 4, -EINVAL, -EINVAL },
		{ MMAPDEMO_REG_ID, 4, 0, -EACCES },
		{ MMAPDEMO_REG_ID, 8, -EINVAL, -EINVAL },
		{ MMAPDEMO_REG_ID, 2, -EINVAL, -EINVAL },
		{ MMAPDEMO_REG_ERR_CLEAR, 4, -EACCES, 0 },
		{ MMAPDEMO_QREG(1, STATE), 4, 0, -EACCES },
		{ MMAPDEMO_QREG(2, STATE), 4, -EINVAL, -EINVAL },
		{ MMAPDEMO_WREG(7, STATUS), 4, 0, -EACCES },
		{ MMAPDEMO_WREG(8, STATUS), 4, -EINVAL, -EINVAL },
		{ 0xfffffffc, 4, -EINVAL, -EINVAL },
	};
	struct mock_pci m;
	struct mmd_device *dev;
	uint64_t value;
	size_t i;

	(void)state;
	mock_pci_init(&m);
	dev = mock_pci_open(&m, &mock_pci_dma);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(mmd_reg_read(dev, cases[i].offset, cases[i].width, &value),
				 cases[i].read);
		assert_int_equal(mmd_reg_write(dev, cases[i].offset, cases[i].width, 0),
				 cases[i].write);
	}
	mock_pci_close(&m, dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_resets_and_close_leaves_nothing),
		cmocka_unit_test(open_of_something_else_is_refused_and_closed),
		cmocka_unit_test(device_that_went_is_enodev),
		cmocka_unit_test(transfer_there_and_back_in_every_mode),
		cmocka_unit_test(transfer_under_way_is_kept),
		cmocka_unit_test(transfer_that_fails_is_eio_and_collected),
		cmocka_unit_test(transfer_not_valid_touches_no_register),
		cmocka_unit_test(interrupt_is_waited_for),
		cmocka_unit_test(device_memory_comes_zeroed_and_is_used_again),
		cmocka_unit_test(mappings_are_checked),
		cmocka_unit_test(pinned_memory_is_the_callers),
		cmocka_unit_test(queue_is_given_to_the_device_and_taken_back),
		cmocka_unit_test(window_names_what_it_was_made_of),
		cmocka_unit_test(what_cannot_be_done_is_named),
		cmocka_unit_test(registers_are_checked_by_the_contract),
	};

	return cmocka_run_group_tests_name("library as a driver", tests, NULL, NULL);
}
