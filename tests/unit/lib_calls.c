// SPDX-License-Identifier: MIT
/*
 * lib_calls.c - libmmapdemo on a scripted backend: what each call asks, returns, and leaves alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mmapdemo/queue.h>

#include "mock.h"

/* --- open --------------------------------------------------------------------------------- */

static void open_flags_become_open2_flags(void **state)
{
	static const struct {
		unsigned int flags;
		int oflags;
	} cases[] = {
		{ 0, O_RDWR | O_CLOEXEC },
		{ MMD_OPEN_RDONLY, O_RDONLY | O_CLOEXEC },
		{ MMD_OPEN_EXCL, O_RDWR | O_EXCL | O_CLOEXEC },
		{ MMD_OPEN_RDONLY | MMD_OPEN_EXCL | MMD_OPEN_NONBLOCK,
		  O_RDONLY | O_EXCL | O_NONBLOCK | O_CLOEXEC },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock mock = { .api_version = MMAPDEMO_API_VERSION };
		struct mmd_device *dev;

		assert_int_equal(mmd_open_backend(&mock_backend, &mock, "/dev/x", cases[i].flags,
						  &dev), 0);
		assert_int_equal(mock.oflags, cases[i].oflags);
		assert_string_equal(mmd_path(dev), "/dev/x");
		assert_int_equal(mmd_fd(dev), 1234);
		assert_int_equal(mock.closes, 0);
		mmd_close(dev);
		assert_int_equal(mock.closes, 1);
	}
}

static void open_null_path_is_default(void **state)
{
	struct mock mock = { 0 };
	struct mmd_device *dev = mock_open(&mock);

	(void)state;
	assert_string_equal(mmd_path(dev), "/dev/mmapdemo0");
	mmd_close(dev);
	mmd_close(NULL);
}

static void open_unknown_flags_einval_opens_nothing(void **state)
{
	struct mock mock = { 0 };
	struct mmd_device *dev = (void *)&mock;

	(void)state;
	assert_int_equal(mmd_open_backend(&mock_backend, &mock, "/dev/x", 0x8, &dev), -EINVAL);
	assert_int_equal(mmd_open_backend(&mock_backend, &mock, "/dev/x", ~0u, &dev), -EINVAL);
	assert_int_equal(mock.opens, 0);
	assert_ptr_equal(dev, &mock);
}

static void open_failure_passes_errno(void **state)
{
	struct mock mock = { .open_ret = -EBUSY };
	struct mmd_device *dev = (void *)&mock;

	(void)state;
	assert_int_equal(mmd_open_backend(&mock_backend, &mock, "/dev/x", 0, &dev), -EBUSY);
	assert_int_equal(mock.calls, 0);
	assert_int_equal(mock.closes, 0);
	assert_ptr_equal(dev, &mock);
}

/* A stranger's node answers ENOTTY or EINVAL; another version is told from a stranger. */
static void open_wrong_partner_is_refused_and_closed(void **state)
{
	static const struct {
		int info_ret;
		uint32_t api_version;
		int ret;
	} cases[] = {
		{ -ENOTTY, 0, -ENOTTY },
		{ -EINVAL, 0, -ENOTTY },
		{ -ENODEV, 0, -ENODEV },
		{ 0, MMAPDEMO_API_VERSION + 1, -EPROTO },
		{ 0, 0, -EPROTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct mock mock = {
			.info_ret = cases[i].info_ret,
			.api_version = cases[i].api_version,
		};
		struct mmd_device *dev = (void *)&mock;

		assert_int_equal(mmd_open_backend(&mock_backend, &mock, "/dev/x", 0, &dev),
				 cases[i].ret);
		assert_int_equal(mock.closes, 1);
		assert_ptr_equal(dev, &mock);
	}
}

/* The real backend on things that are no device: nothing may block or be created. */
static void open_node_that_is_none(void **state)
{
	char dir[] = "/tmp/mmapdemo-unit-XXXXXX", path[64];
	struct mmd_device *dev = NULL;
	FILE *f;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/absent", dir);
	assert_int_equal(mmd_open(path, 0, &dev), -ENOENT);
	assert_int_equal(mmd_open(path, MMD_OPEN_EXCL, &dev), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);

	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(mmd_open(path, MMD_OPEN_RDONLY, &dev), -ENOTTY);
	unlink(path);

	snprintf(path, sizeof(path), "%s/file", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(mmd_open(path, 0, &dev), -ENOTTY);
	unlink(path);

	assert_int_equal(mmd_open(dir, 0, &dev), -ENOTTY);
	assert_int_equal(mmd_open("/dev/null", 0, &dev), -ENOTTY);
	assert_int_equal(mmd_open("", 0, &dev), -ENOENT);
	assert_null(dev);
	rmdir(dir);
}

/* --- the plain calls ---------------------------------------------------------------------- */

static int fail_with_estrange(struct mock *mock, unsigned long cmd, void *arg)
{
	uint32_t size;

	(void)mock;
	(void)cmd;
	/* A kernel that wrote something all the same: it must not reach the caller. */
	memcpy(&size, arg, sizeof(size));
	memset((char *)arg + 8, 0x77, size - 8);
	return -ESTRPIPE;
}

static unsigned char object[256];

/* Every call passes an errno it has never heard of, and leaves its output as it was. */
static void calls_failing_pass_errno_and_leave_output(void **state)
{
	struct mock mock = { .reply = fail_with_estrange };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmd_dma dma = { .direction = 1, .len = 1 };
	union {
		struct mmd_info info;
		struct mmd_buf buf;
		struct mmd_buf_info buf_info;
		struct mmd_map_info map_info;
		struct mmd_dma_result result;
		uint64_t value;
		uint32_t window;
		uint32_t handle;
		int fd;
		struct mmd_queue *queue;
		struct mmd_queue_info queue_info;
	} out;
	struct mmd_queue queue = { .dev = dev, .handle = 1 };
	struct mmd_queue_submit submit = { .submitted = POISON, .collected = POISON };
	const struct mmd_queue_attr kernel = { .flags = MMD_QUEUE_KERNEL };

	(void)state;
#define FAILS(call) do { \
	poison(&out, sizeof(out)); \
	assert_int_equal(call, -ESTRPIPE); \
	assert_true(is_poisoned(&out, sizeof(out))); \
} while (0)
	FAILS(mmd_info(dev, &out.info));
	FAILS(mmd_region_info(dev, 0, &out.buf));
	FAILS(mmd_buf_alloc(dev, 1, 1, 0, 0, &out.buf));
	FAILS(mmd_buf_free(dev, 1));
	FAILS(mmd_buf_info(dev, 1, &out.buf_info));
	FAILS(mmd_map_info(dev, &out, &out.map_info));
	FAILS(mmd_mem_cache_set(dev, MMAPDEMO_CACHE_UC));
	FAILS(mmd_reg_read(dev, 0, 4, &out.value));
	FAILS(mmd_reg_write(dev, 0, 4, 0));
	FAILS(mmd_dma_submit(dev, &dma, &out.value));
	FAILS(mmd_dma_wait(dev, 0, 0, &out.result));
	FAILS(mmd_dma_copy(dev, &dma, MMD_DMA_WAIT, 1, &out.result));
	FAILS(mmd_dma_copy(dev, &dma, MMD_DMA_EVENTFD, 1, &out.result));
	FAILS(mmd_dma_copy(dev, &dma, MMD_DMA_SPIN, 1, &out.result));
	FAILS(mmd_eventfd_set(dev, -1));
	FAILS(mmd_window_create(dev, 1, 0, 1, MMAPDEMO_WINDOW_READ, &out.window));
	FAILS(mmd_window_destroy(dev, 1));
	FAILS(mmd_queue_create(dev, NULL, &out.queue));
	FAILS(mmd_queue_info(&queue, &out.queue_info));
	FAILS(mmd_queue_create(dev, &kernel, &out.queue));
	FAILS(mmd_buf_pin(dev, object, 4096, 0, &out.handle));
	FAILS(mmd_buf_sync(dev, 1, 0, 4096, MMAPDEMO_SYNC_FOR_CPU));
	FAILS(mmd_buf_export(dev, 1, &out.fd));
	FAILS(mmd_queue_submit(&queue, &submit));
	assert_int_equal(submit.submitted, POISON);
	assert_int_equal(submit.collected, POISON);
#undef FAILS
	mmd_close(dev);
}

static int reply_info(struct mock *mock, unsigned long cmd, void *arg)
{
	struct mmapdemo_info *info = arg;

	(void)mock;
	assert_int_equal(cmd, MMAPDEMO_IOC_INFO);
	assert_int_equal(info->flags, 0);
	*info = (struct mmapdemo_info) {
		.size = sizeof(*info),
		.out_api_version = 1, .out_hw_version = 2, .out_features = 3, .out_mem_size = 4,
		.out_mem_free = 5, .out_dma_mask = UINT64_MAX, .out_dma_max_len = 7,
		.out_max_contig = 8, .out_max_bytes = 9, .out_max_bufs = 10,
		.out_max_transfers = 11, .out_mem_cache = 12, .out_state = 13, .out_instance = 14,
		.out_page_size = 15, .out_num_queues = 16, .out_num_windows = 17,
		.out_max_queues = 18, .out_max_windows = 19, .out_queue_log2n_min = 20,
		.out_queue_log2n_max = 21, .out_queue_max_len = 22, .out_queue_max_list = 23,
		.out_irq_gap_min_ns = 24, .out_engine = 25, .out_techniques = 0x1fe,
		.out_caps = 27, .out_huge_size = 28,
	};
	/* As long as the field: no terminator to rely on. */
	memset(info->out_bus_id, 'x', sizeof(info->out_bus_id));
	return 0;
}

static void info_fills_every_member(void **state)
{
	struct mock mock = { .reply = reply_info };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_info info;

	(void)state;
	poison(&info, sizeof(info));
	assert_int_equal(mmd_info(dev, &info), 0);
	assert_int_equal(info.api_version, 1);
	assert_int_equal(info.hw_version, 2);
	assert_int_equal(info.features, 3);
	assert_int_equal(info.mem_size, 4);
	assert_int_equal(info.mem_free, 5);
	assert_true(info.dma_mask == UINT64_MAX);
	assert_int_equal(info.dma_max_len, 7);
	assert_int_equal(info.max_contig, 8);
	assert_int_equal(info.max_bytes, 9);
	assert_int_equal(info.max_bufs, 10);
	assert_int_equal(info.max_transfers, 11);
	assert_int_equal(info.mem_cache, 12);
	assert_int_equal(info.state, 13);
	assert_int_equal(info.instance, 14);
	assert_int_equal(info.page_size, 15);
	assert_int_equal(strlen(info.bus_id), 32);
	assert_int_equal(info.num_queues, 16);
	assert_int_equal(info.num_windows, 17);
	assert_int_equal(info.max_queues, 18);
	assert_int_equal(info.max_windows, 19);
	assert_int_equal(info.queue_log2n_min, 20);
	assert_int_equal(info.queue_log2n_max, 21);
	assert_int_equal(info.queue_max_len, 22);
	assert_int_equal(info.queue_max_list, 23);
	assert_int_equal(info.irq_gap_min_ns, 24);
	assert_int_equal(info.engine, 25);
	assert_int_equal(info.techniques, 0x1fe);
	assert_int_equal(info.caps, 27);
	assert_int_equal(info.huge_size, 28);
	mmd_close(dev);
}

/* A driver before this one: whether it takes the longer structure or refuses it, it is understood. */
static int reply_old_driver(struct mock *mock, unsigned long cmd, void *arg)
{
	struct mmapdemo_info *info = arg;
	uint32_t version = (uint32_t)mock->efd;
	uint32_t known = version == 1 ? MMAPDEMO_INFO_SIZE_V1 : MMAPDEMO_INFO_SIZE_V2;

	assert_int_equal(cmd, MMAPDEMO_IOC_INFO);
	if (mock->step && info->size > known)
		return mock->step;
	info->out_api_version = version;
	info->out_mem_size = 4711;
	/* It fills what it knows; the structure may end after it. */
	if (version == 2 && info->size >= MMAPDEMO_INFO_SIZE_V2)
		info->out_num_queues = 8;
	return 0;
}

static void info_of_an_old_driver_is_understood(void **state)
{
	static const int answers[] = { 0, -EINVAL, -E2BIG };
	size_t i;
	int version;

	(void)state;
	for (i = 0; i < 2 * ARRAY_SIZE(answers); i++) {
		struct mock mock = { .reply = reply_old_driver, .step = answers[i / 2] };
		struct mmd_device *dev = NULL;
		struct mmd_info info;

		version = i % 2 ? 2 : 1;
		mock.efd = version;
		assert_int_equal(mmd_open_backend(&mock_backend, &mock, NULL, 0, &dev), 0);
		poison(&info, sizeof(info));
		assert_int_equal(mmd_info(dev, &info), 0);
		assert_int_equal(info.api_version, version);
		assert_int_equal(info.mem_size, 4711);
		assert_int_equal(info.num_queues, version == 2 ? 8 : 0);
		assert_int_equal(info.num_windows, 0);
		assert_int_equal(info.engine, 0);
		/* bar, pages, vmalloc, coherent: what there was from the beginning. */
		assert_int_equal(info.techniques, 0x1e);
		assert_int_equal(info.caps, 0);
		assert_int_equal(info.huge_size, 0);
		mmd_close(dev);
	}
}

static int reply_buffers(struct mock *mock, unsigned long cmd, void *arg)
{
	(void)mock;
	if (cmd == MMAPDEMO_IOC_BUF_ALLOC) {
		struct mmapdemo_buf_alloc *a = arg;

		a->out_handle = 77;
		a->out_cache = MMAPDEMO_CACHE_WC;
		a->out_len = 8192;
		a->out_offset = 1ULL << 62;
	} else if (cmd == MMAPDEMO_IOC_REGION_INFO) {
		struct mmapdemo_region_info *r = arg;

		r->out_handle = 78;
		r->out_technique = MMAPDEMO_TECH_BAR;
		r->out_cache = MMAPDEMO_CACHE_UC;
		r->out_len = 65536;
		r->out_offset = 1ULL << 36;
	} else if (cmd == MMAPDEMO_IOC_BUF_INFO) {
		struct mmapdemo_buf_info *b = arg;

		b->out_technique = MMAPDEMO_TECH_VMALLOC;
		b->out_cache = MMAPDEMO_CACHE_WB;
		b->out_flags = MMAPDEMO_BUF_MAP_READ_ONLY;
		b->out_len = 4096;
		b->out_offset = 99;
		b->out_vmas = 5;
		b->out_transfers = 6;
	} else if (cmd == MMAPDEMO_IOC_MAP_INFO) {
		struct mmapdemo_map_info *m = arg;

		m->out_start = 1;
		m->out_end = 2;
		m->out_offset = 3;
		m->out_technique = 4;
		m->out_cache = 5;
		m->out_present = 6;
		m->out_entry_shift = 7;
	} else if (cmd == MMAPDEMO_IOC_REG_READ) {
		struct mmapdemo_reg_access *r = arg;

		r->out_value = 0x1122334455667788;
	}
	return 0;
}

static void buf_alloc_passes_request_and_result(void **state)
{
	struct mock mock = { .reply = reply_buffers };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_buf_alloc *asked;
	struct mmd_buf buf;

	(void)state;
	poison(&buf, sizeof(buf));
	assert_int_equal(mmd_buf_alloc(dev, MMAPDEMO_TECH_BAR, 5000, MMAPDEMO_CACHE_WC,
				       MMAPDEMO_BUF_MAP_READ_ONLY, &buf), 0);
	asked = mock_arg(&mock, 0, MMAPDEMO_IOC_BUF_ALLOC);
	assert_int_equal(asked->technique, MMAPDEMO_TECH_BAR);
	assert_int_equal(asked->len, 5000);
	assert_int_equal(asked->cache, MMAPDEMO_CACHE_WC);
	assert_int_equal(asked->flags, MMAPDEMO_BUF_MAP_READ_ONLY);
	assert_int_equal(asked->out_handle | asked->out_cache, 0);
	assert_int_equal(asked->out_len | asked->out_offset, 0);
	assert_int_equal(buf.handle, 77);
	assert_int_equal(buf.technique, MMAPDEMO_TECH_BAR);
	assert_int_equal(buf.cache, MMAPDEMO_CACHE_WC);
	assert_int_equal(buf.flags, MMAPDEMO_BUF_MAP_READ_ONLY);
	assert_int_equal(buf.len, 8192);
	assert_true(buf.offset == 1ULL << 62);
	mmd_close(dev);
}

static void region_buf_and_map_info_pass_everything(void **state)
{
	struct mock mock = { .reply = reply_buffers };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_region_info *region;
	const struct mmapdemo_buf_info *asked;
	const struct mmapdemo_map_info *map_asked;
	const struct mmapdemo_buf_free *freed;
	struct mmd_buf_info info;
	struct mmd_map_info map;
	struct mmd_buf buf;

	(void)state;
	poison(&buf, sizeof(buf));
	assert_int_equal(mmd_region_info(dev, MMAPDEMO_REGION_MEM, &buf), 0);
	region = mock_arg(&mock, 0, MMAPDEMO_IOC_REGION_INFO);
	assert_int_equal(region->region, MMAPDEMO_REGION_MEM);
	assert_int_equal(region->flags, 0);
	assert_int_equal(buf.handle, 78);
	assert_int_equal(buf.technique, MMAPDEMO_TECH_BAR);
	assert_int_equal(buf.cache, MMAPDEMO_CACHE_UC);
	assert_int_equal(buf.flags, 0);
	assert_int_equal(buf.len, 65536);
	assert_int_equal(buf.offset, 1ULL << 36);

	poison(&info, sizeof(info));
	assert_int_equal(mmd_buf_info(dev, 42, &info), 0);
	asked = mock_arg(&mock, 1, MMAPDEMO_IOC_BUF_INFO);
	assert_int_equal(asked->handle, 42);
	assert_int_equal(info.buf.handle, 42);
	assert_int_equal(info.buf.technique, MMAPDEMO_TECH_VMALLOC);
	assert_int_equal(info.buf.cache, MMAPDEMO_CACHE_WB);
	assert_int_equal(info.buf.flags, MMAPDEMO_BUF_MAP_READ_ONLY);
	assert_int_equal(info.buf.len, 4096);
	assert_int_equal(info.buf.offset, 99);
	assert_int_equal(info.vmas, 5);
	assert_int_equal(info.transfers, 6);

	poison(&map, sizeof(map));
	assert_int_equal(mmd_map_info(dev, &mock, &map), 0);
	map_asked = mock_arg(&mock, 2, MMAPDEMO_IOC_MAP_INFO);
	assert_int_equal(map_asked->addr, (uintptr_t)&mock);
	assert_int_equal(map.start, 1);
	assert_int_equal(map.end, 2);
	assert_int_equal(map.offset, 3);
	assert_int_equal(map.technique, 4);
	assert_int_equal(map.cache, 5);
	assert_int_equal(map.present, 6);
	assert_int_equal(map.entry_shift, 7);

	assert_int_equal(mmd_buf_free(dev, 43), 0);
	freed = mock_arg(&mock, 3, MMAPDEMO_IOC_BUF_FREE);
	assert_int_equal(freed->handle, 43);
	assert_int_equal(freed->flags | freed->reserved, 0);
	mmd_close(dev);
}

static void reg_access_and_cache_set_pass_everything(void **state)
{
	struct mock mock = { .reply = reply_buffers };
	struct mmd_device *dev = mock_open(&mock);
	const struct mmapdemo_mem_cache_set *set;
	const struct mmapdemo_reg_access *reg;
	uint64_t value = 0;

	(void)state;
	assert_int_equal(mmd_reg_read(dev, MMAPDEMO_REG_FEATURES, 8, &value), 0);
	reg = mock_arg(&mock, 0, MMAPDEMO_IOC_REG_READ);
	assert_int_equal(reg->offset, MMAPDEMO_REG_FEATURES);
	assert_int_equal(reg->width, 8);
	assert_int_equal(reg->value, 0);
	assert_true(value == 0x1122334455667788);

	assert_int_equal(mmd_reg_write(dev, MMAPDEMO_REG_SCRATCH64, 8, 0xfedcba9876543210), 0);
	reg = mock_arg(&mock, 1, MMAPDEMO_IOC_REG_WRITE);
	assert_int_equal(reg->offset, MMAPDEMO_REG_SCRATCH64);
	assert_int_equal(reg->width, 8);
	assert_true(reg->value == 0xfedcba9876543210);
	assert_int_equal(reg->flags, 0);

	assert_int_equal(mmd_mem_cache_set(dev, MMAPDEMO_CACHE_UC), 0);
	set = mock_arg(&mock, 2, MMAPDEMO_IOC_MEM_CACHE_SET);
	assert_int_equal(set->cache, MMAPDEMO_CACHE_UC);
	assert_int_equal(set->flags | set->reserved, 0);
	mmd_close(dev);
}

/* --- read and write ----------------------------------------------------------------------- */

/* The object in pieces of at most 100 bytes, with a signal before each but the first. */
static ssize_t transfer_pieces(struct mock *mock, uint64_t offset, void *data, size_t len)
{
	if (mock->step++ % 2)
		return -EINTR;
	if (offset >= sizeof(object))
		return 0;
	if (len > 100)
		len = 100;
	if (len > sizeof(object) - offset)
		len = sizeof(object) - offset;
	memcpy(data, object + offset, len);
	return (ssize_t)len;
}

static ssize_t transfer_eintr(struct mock *mock, uint64_t offset, void *data, size_t len)
{
	(void)offset;
	(void)data;
	(void)len;
	mock->step++;
	return -EINTR;
}

static ssize_t transfer_fault(struct mock *mock, uint64_t offset, void *data, size_t len)
{
	(void)offset;
	(void)data;
	(void)len;
	return mock->step++ ? -EFAULT : 1;
}

static void pread_continues_over_pieces_and_signals(void **state)
{
	struct mock mock = { .transfer = transfer_pieces };
	struct mmd_device *dev = mock_open(&mock);
	unsigned char data[256];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(object); i++)
		object[i] = (unsigned char)(i * 3);
	poison(data, sizeof(data));
	assert_int_equal(mmd_pread(dev, 0, data, sizeof(data)), 0);
	assert_memory_equal(data, object, sizeof(data));
	mock.step = 0;
	assert_int_equal(mmd_pread(dev, 200, data, 56), 0);
	assert_memory_equal(data, object + 200, 56);
	/* One byte more than there is. */
	mock.step = 0;
	assert_int_equal(mmd_pread(dev, 200, data, 57), -EIO);
	mmd_close(dev);
}

static void pread_pwrite_eintr_before_first_byte(void **state)
{
	struct mock mock = { .transfer = transfer_eintr };
	struct mmd_device *dev = mock_open(&mock);
	char data[4];

	(void)state;
	assert_int_equal(mmd_pread(dev, 0, data, sizeof(data)), -EINTR);
	assert_int_equal(mmd_pwrite(dev, 0, data, sizeof(data)), -EINTR);
	assert_int_equal(mock.step, 2);
	mmd_close(dev);
}

static void pread_pwrite_error_after_first_byte(void **state)
{
	struct mock mock = { .transfer = transfer_fault };
	struct mmd_device *dev = mock_open(&mock);
	char data[4];

	(void)state;
	assert_int_equal(mmd_pread(dev, 0, data, sizeof(data)), -EFAULT);
	mock.step = 0;
	assert_int_equal(mmd_pwrite(dev, 0, data, sizeof(data)), -EFAULT);
	mock.step = 0;
	assert_int_equal(mmd_pread(dev, 0, data, 0), 0);
	assert_int_equal(mock.step, 0);
	mmd_close(dev);
}

/* --- mappings ----------------------------------------------------------------------------- */

static void map_passes_request_and_unmap_clears(void **state)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct mock mock = { .map_ptr = p };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_map map;

	(void)state;
	assert_ptr_not_equal(p, MAP_FAILED);
	assert_int_equal(mmd_map(dev, 0xabc000, page, PROT_READ, &map), 0);
	assert_int_equal(mock.map_offset, 0xabc000);
	assert_int_equal(mock.map_len, page);
	assert_int_equal(mock.map_prot, PROT_READ);
	assert_ptr_equal(map.ptr, p);
	assert_int_equal(map.len, page);
	/* A mapping outlives its device. */
	mmd_close(dev);
	*(volatile char *)map.ptr = 1;
	assert_int_equal(mmd_unmap(&map), 0);
	assert_null(map.ptr);
	assert_int_equal(map.len, 0);
	assert_int_equal(mmd_unmap(&map), 0);
	/* Really gone: msync(2) knows. */
	assert_int_equal(msync(p, page, MS_ASYNC), -1);
	assert_int_equal(errno, ENOMEM);
}

static void map_failure_leaves_output(void **state)
{
	struct mock mock = { .map_ret = -EACCES };
	struct mmd_buf buf = { .len = 4096, .offset = 77 };
	struct mmd_device *dev = mock_open(&mock);
	struct mmd_map map;

	(void)state;
	poison(&map, sizeof(map));
	assert_int_equal(mmd_map(dev, 0, 4096, PROT_READ, &map), -EACCES);
	assert_int_equal(mmd_map_buf(dev, &buf, PROT_WRITE, &map), -EACCES);
	assert_int_equal(mock.map_offset, 77);
	assert_int_equal(mock.map_len, 4096);
	assert_true(is_poisoned(&map, sizeof(map)));
	mmd_close(dev);
}

static void unmap_of_nonsense_einval(void **state)
{
	struct mmd_map map = { .ptr = (void *)1, .len = 4096 };

	(void)state;
	assert_int_equal(mmd_unmap(&map), -EINVAL);
	assert_ptr_equal(map.ptr, (void *)1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_flags_become_open2_flags),
		cmocka_unit_test(open_null_path_is_default),
		cmocka_unit_test(open_unknown_flags_einval_opens_nothing),
		cmocka_unit_test(open_failure_passes_errno),
		cmocka_unit_test(open_wrong_partner_is_refused_and_closed),
		cmocka_unit_test(open_node_that_is_none),
		cmocka_unit_test(calls_failing_pass_errno_and_leave_output),
		cmocka_unit_test(info_fills_every_member),
		cmocka_unit_test(info_of_an_old_driver_is_understood),
		cmocka_unit_test(buf_alloc_passes_request_and_result),
		cmocka_unit_test(region_buf_and_map_info_pass_everything),
		cmocka_unit_test(reg_access_and_cache_set_pass_everything),
		cmocka_unit_test(pread_continues_over_pieces_and_signals),
		cmocka_unit_test(pread_pwrite_eintr_before_first_byte),
		cmocka_unit_test(pread_pwrite_error_after_first_byte),
		cmocka_unit_test(map_passes_request_and_unmap_clears),
		cmocka_unit_test(map_failure_leaves_output),
		cmocka_unit_test(unmap_of_nonsense_einval),
	};

	return cmocka_run_group_tests_name("library calls", tests, NULL, NULL);
}
