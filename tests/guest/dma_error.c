// SPDX-License-Identifier: MIT
/*
 * dma_error.c - transfers that are refused by the driver, and transfers that the device gives up:
 * each with its own errno, and no byte moved that should not.
 *
 * Not for: ranges, see transfer_each.c; registers that are switched off, see decoding.c.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

struct both {
	int fd;
	u32 mem, dev;
	unsigned char *m, *d;
	u64 len;
};

static struct both both_get(u32 technique, u64 len)
{
	struct both b = { .fd = dev_open(O_RDWR), .len = len };
	struct mmapdemo_buf_alloc m = buf_alloc(b.fd, technique, len);
	struct mmapdemo_buf_alloc d = buf_alloc(b.fd, MMAPDEMO_TECH_BAR, len);

	b.mem = m.out_handle;
	b.dev = d.out_handle;
	b.m = map_rw(b.fd, len, m.out_offset);
	b.d = map_rw(b.fd, len, d.out_offset);
	memset(b.m, 0x11, len);
	memset(b.d, 0x22, len);
	return b;
}

static void nothing_moved(const struct both *b)
{
	CHECK_EQ(first_not(b->m, b->len, 0x11), b->len);
	CHECK_EQ(first_not(b->d, b->len, 0x22), b->len);
	CHECK_EQ(buf_info(b->fd, b->mem).out_transfers, 0);
	CHECK_EQ(buf_info(b->fd, b->dev).out_transfers, 0);
}

static void refused(const struct both *b, struct mmapdemo_dma_submit s, int err)
{
	u64 ops = counter(b->fd, MMAPDEMO_REG_CNT_DMA_OPS);
	int ret;

	s.out_seq = 0x5a5a5a5a;
	ret = dma_submit(b->fd, &s);
	if (ret != err)
		FAIL("flags %#x, direction %u, repeat %u, offsets %#llx and %#llx, %#llx bytes: %s, wanted %s",
		     s.flags, s.direction, s.repeat, (unsigned long long)s.mem_off,
		     (unsigned long long)s.dev_off, (unsigned long long)s.len, errno_word(ret),
		     errno_word(err));
	CHECK_EQ(s.out_seq, 0x5a5a5a5a);
	CHECK_EQ(counter(b->fd, MMAPDEMO_REG_CNT_DMA_OPS), ops);
	nothing_moved(b);
}

static struct mmapdemo_dma_submit good(const struct both *b)
{
	return (struct mmapdemo_dma_submit){
		.direction = MMAPDEMO_DMA_FROM_DEVICE, .mem_handle = b->mem, .dev_handle = b->dev,
		.len = 16,
	};
}

/* Bytes behind the asked length of a buffer are its page's, but beyond the page is another's. */
static void dma_length_zero_einval(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_dma_submit s = good(&b);

	(void)arg;
	s.len = 0;
	refused(&b, s, -EINVAL);
	s.mem_off = s.dev_off = PAGE;
	refused(&b, s, -EINVAL);
}

static void dma_longer_than_the_engine_takes_einval(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 most = info_get(fd).out_dma_max_len;
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, most + PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, most + PAGE).out_handle;

	(void)arg;
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, most + 1, NULL), -EINVAL);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, most + PAGE, NULL),
		  -EINVAL);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 1, dev, 1, most, NULL));
}

static void dma_unknown_direction_einval(const void *arg)
{
	static const u32 bad[] = { 0, 3, 4, 255, 256 + 1, 0x80000001, 0xffffffff };
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct mmapdemo_dma_submit s = good(&b);

		s.direction = bad[i];
		refused(&b, s, -EINVAL);
	}
}

static void dma_repeat_against_flags_einval(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_dma_submit s = good(&b);

	(void)arg;
	s.repeat = 1;
	refused(&b, s, -EINVAL);
	s.repeat = 0xffffffff;
	refused(&b, s, -EINVAL);
	s.flags = MMAPDEMO_DMA_TIMED;
	s.repeat = 0;
	refused(&b, s, -EINVAL);
}

/* More than one timed run may copy: refused, by the driver or by the device, and nothing claimed. */
static void dma_timed_too_much_is_refused(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	static const u32 repeats[] = {
		MMAPDEMO_DMA_TIMED_MAX / PAGE + 1, 0x80000000, 0xffffffff, 0x00100000,
	};

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(repeats); i++) {
		struct mmapdemo_dma_submit s = good(&b);
		struct mmapdemo_dma_wait w;
		int ret;

		s.flags = MMAPDEMO_DMA_TIMED;
		s.repeat = repeats[i];
		s.len = PAGE;
		ret = dma_submit(b.fd, &s);
		if (!ret) {
			CHECK_RET(dma_collect(b.fd, s.out_seq, &w), -EIO);
			CHECK_EQ(w.out_error, MMAPDEMO_ERR_REPEAT);
		} else {
			CHECK_RET(ret, -EINVAL);
		}
		nothing_moved(&b);
	}
}

static void dma_wrong_kind_of_handle_einval(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	u32 example = region_get(b.fd, MMAPDEMO_REGION_EXAMPLE).out_handle;
	u32 user = region_get(b.fd, MMAPDEMO_REGION_USER_PAGE).out_handle;
	struct mmapdemo_dma_submit s = good(&b);

	(void)arg;
	s.mem_handle = b.dev;
	refused(&b, s, -EINVAL);
	s = good(&b);
	s.dev_handle = b.mem;
	refused(&b, s, -EINVAL);
	s = good(&b);
	s.mem_handle = b.dev;
	s.dev_handle = b.mem;
	refused(&b, s, -EINVAL);
	/* Registers are no memory, and the example belongs to everybody. */
	s = good(&b);
	s.dev_handle = user;
	refused(&b, s, -EINVAL);
	s = good(&b);
	s.mem_handle = user;
	refused(&b, s, -EINVAL);
	s = good(&b);
	s.dev_handle = example;
	refused(&b, s, -EINVAL);
	s = good(&b);
	s.mem_handle = example;
	refused(&b, s, -EINVAL);
}

static void dma_foreign_handle_enoent(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	int other = dev_open(O_RDWR);
	u32 mem = 0, dev = 0;
	struct mmapdemo_dma_submit s = good(&b);

	(void)arg;
	for (int i = 0; i < 8; i++) {
		mem = buf_alloc(other, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
		dev = buf_alloc(other, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	}
	s.mem_handle = mem;
	refused(&b, s, -ENOENT);
	s = good(&b);
	s.dev_handle = dev;
	refused(&b, s, -ENOENT);
}

static void dma_on_a_read_only_file_eacces(const void *arg)
{
	int fd = dev_open(O_RDONLY);
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;

	(void)arg;
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, 8, NULL), -EACCES);
	CHECK_RET(dma_copy(fd, MMAPDEMO_DMA_FROM_DEVICE, mem, 0, dev, 0, 8, NULL), -EACCES);
}

/* --- the device gives up ------------------------------------------------------------------------------- */

/* Bus mastering off: the fault of edu was to report success all the same. */
static void dma_without_bus_mastering_eio(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_PAGES, MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
		MMAPDEMO_TECH_NONCONTIG,
	};

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct both b = both_get(kinds[k], PAGE);
		u64 ops = counter(b.fd, MMAPDEMO_REG_CNT_DMA_OPS);
		u64 errors = counter(b.fd, MMAPDEMO_REG_CNT_DMA_ERRORS);

		for (u32 dir = MMAPDEMO_DMA_TO_DEVICE; dir <= MMAPDEMO_DMA_FROM_DEVICE; dir++) {
			struct mmapdemo_dma_submit s = {
				.direction = dir, .mem_handle = b.mem, .dev_handle = b.dev,
				.len = PAGE, .user_data = 99,
			};
			struct mmapdemo_dma_wait w;
			int ret;

			pci_command_set(PCI_COMMAND_MASTER, 0);
			CHECK_OK(dma_submit(b.fd, &s));
			/* No message can be sent without bus mastering: ask as a poller does. */
			ret = dma_collect(b.fd, s.out_seq, &w);
			pci_command_set(0, PCI_COMMAND_MASTER);
			CHECK_RET(ret, -EIO);
			CHECK_EQ(w.out_error, MMAPDEMO_ERR_BUS_MASTER);
			CHECK_EQ(w.out_bytes, 0);
			CHECK_EQ(w.out_seq, s.out_seq);
			CHECK_EQ(w.out_user_data, 99);
			nothing_moved(&b);
			/* EIO collects. */
			CHECK_RET(dma_collect(b.fd, s.out_seq, NULL), -ENOENT);
		}
		CHECK_EQ(counter(b.fd, MMAPDEMO_REG_CNT_DMA_OPS) - ops, 2);
		CHECK_EQ(counter(b.fd, MMAPDEMO_REG_CNT_DMA_ERRORS) - errors, 2);
		/* The next one works. */
		CHECK_OK(dma_copy(b.fd, MMAPDEMO_DMA_TO_DEVICE, b.mem, 0, b.dev, 0, PAGE, NULL));
		CHECK_EQ(first_not(b.d, PAGE, 0x11), PAGE);
	}
}

static void dma_without_bus_mastering_no_irq_eio(const void *arg)
{
	struct both b = both_get(MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_dma_submit s = good(&b);
	struct mmapdemo_dma_wait w;
	int ret;

	(void)arg;
	s.flags = MMAPDEMO_DMA_NO_IRQ;
	pci_command_set(PCI_COMMAND_MASTER, 0);
	CHECK_OK(dma_submit(b.fd, &s));
	ret = dma_collect(b.fd, s.out_seq, &w);
	pci_command_set(0, PCI_COMMAND_MASTER);
	CHECK_RET(ret, -EIO);
	CHECK_EQ(w.out_error, MMAPDEMO_ERR_BUS_MASTER);
	nothing_moved(&b);
}

void register_dma_error(void)
{
	TEST_ADD(dma_length_zero_einval);
	TEST_ADD_SLOW(dma_longer_than_the_engine_takes_einval, 20000);
	TEST_ADD(dma_unknown_direction_einval);
	TEST_ADD(dma_repeat_against_flags_einval);
	TEST_ADD(dma_timed_too_much_is_refused);
	TEST_ADD(dma_wrong_kind_of_handle_einval);
	TEST_ADD(dma_foreign_handle_enoent);
	TEST_ADD(dma_on_a_read_only_file_eacces);
	TEST_ADD_SLOW(dma_without_bus_mastering_eio, 40000);
	TEST_ADD_SLOW(dma_without_bus_mastering_no_irq_eio, 20000);
}
