// SPDX-License-Identifier: MIT
/*
 * reg.c - registers through a system call and through the mapped user page: who may touch which, and
 * that what is refused never reaches the device.
 */
#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/capability.h>

#include "machine.h"
#include "queue.h"

enum access { RO, RW, WO, W1C };
enum scope { PUBLIC, PRIVATE };

static const struct reg {
	const char *name;
	u32 offset, width;
	enum access access;
	u64 reset;
	enum scope scope;
} regs[] = {
#define X(reg, bytes, acc, bits, res, scp, text) {			\
	.name = #reg, .offset = MMAPDEMO_REG_##reg, .width = bytes,		\
	.access = acc, .reset = res, .scope = scp },
	MMAPDEMO_HW_REGS(X)
#undef X
};

static bool is_counter(const struct reg *r)
{
	return r->offset >= MMAPDEMO_CNT_FIRST && r->offset < MMAPDEMO_CNT_END;
}

/* Registers the device has seen an access to, and errors it has recorded. */
struct traces {
	u64 rd, wr, bad, errors;
};

static struct traces traces_get(int fd)
{
	struct traces t = {
		.rd = counter(fd, MMAPDEMO_REG_CNT_RD_ALL),
		.wr = counter(fd, MMAPDEMO_REG_CNT_WR_ALL),
		.bad = counter(fd, MMAPDEMO_REG_CNT_USER_BAD),
	};

	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ERR_COUNT, 4, &t.errors));
	/* This reading itself is one. */
	return t;
}

static void no_trace(int fd, const struct traces *before)
{
	struct traces after = traces_get(fd);

	CHECK_EQ(after.rd - before->rd, 1);
	CHECK_EQ(after.wr - before->wr, 0);
	CHECK_EQ(after.bad - before->bad, 0);
	CHECK_EQ(after.errors - before->errors, 0);
}

static void reg_public_ones_are_read_private_ones_eperm(const void *arg)
{
	int fd;

	(void)arg;
	raw_bar_require(false);
	fd = dev_open(O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		const struct reg *r = &regs[i];
		int want = r->scope == PRIVATE ? -EPERM : r->access == WO ? -EACCES : 0;
		struct traces t = traces_get(fd);
		u64 value, half = 0;
		int ret = reg_try_read(fd, r->offset, r->width, &value);

		if (ret != want)
			FAIL("read %s: %s, wanted %s", r->name, errno_word(ret), errno_word(want));
		if (ret) {
			no_trace(fd, &t);
			continue;
		}
		if (r->width == 4)
			CHECK_EQ(value >> 32, 0);
		if (r->width == 8 && !is_counter(r) && r->offset != MMAPDEMO_REG_CLOCK_NS) {
			CHECK_OK(reg_try_read(fd, r->offset, 4, &half));
			CHECK_EQ(half, value & 0xffffffff);
			CHECK_OK(reg_try_read(fd, r->offset + 4, 4, &half));
			CHECK_EQ(half, value >> 32);
		}
		if (r->access == RO && (r->offset == MMAPDEMO_REG_ID ||
					r->offset == MMAPDEMO_REG_USER_ID))
			CHECK_EQ(value, MMAPDEMO_ID);
	}
}

static void reg_write_read_only_eacces_private_eperm(const void *arg)
{
	int fd;

	(void)arg;
	raw_bar_require(false);
	fd = dev_open(O_RDWR);
	for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
		const struct reg *r = &regs[i];
		int want = r->scope == PRIVATE ? -EPERM : r->access == RO ? -EACCES : 0, ret;
		struct traces t = traces_get(fd);

		ret = reg_try_write(fd, r->offset, r->width, 0x0123456789abcdefULL);
		if (ret != want)
			FAIL("write %s: %s, wanted %s", r->name, errno_word(ret), errno_word(want));
		if (ret)
			no_trace(fd, &t);
	}
}

static void reg_wrong_width_or_place_einval(const void *arg)
{
	static const struct { u32 offset, width; } bad[] = {
		{ 0, 0 }, { 0, 1 }, { 0, 2 }, { 0, 3 }, { 0, 5 }, { 0, 16 }, { 0, 0x80000004 },
		{ 0, 8 }, { 1, 4 }, { 2, 4 }, { 4, 8 },
		{ MMAPDEMO_REG_SCRATCH32, 8 }, { MMAPDEMO_REG_SCRATCH64 + 4, 8 },
		{ MMAPDEMO_REG_SCRATCH64 + 2, 4 }, { 0x10038, 4 }, { 0x10230, 8 },
		{ 0x1fffc, 4 }, { 0x7fffffff, 4 }, { 0xfffffffc, 4 },
		{ 0xfffffffc, 8 }, { 0xffffffff, 4 },
		/* Holes of the two tables, half an entry, and the entries behind the last. */
		{ MMAPDEMO_QUEUE_TABLE + 0x1c, 4 }, { MMAPDEMO_QUEUE_TABLE + 0x34, 4 },
		{ MMAPDEMO_QREG(0, LOG2N), 8 }, { MMAPDEMO_QREG(0, BASE) + 4, 8 },
		{ MMAPDEMO_QREG(MMAPDEMO_QUEUE_COUNT_MAX, BASE), 8 },
		{ MMAPDEMO_WREG(0, CFG), 8 }, { MMAPDEMO_WREG(0, ADDR) + 2, 4 },
		{ MMAPDEMO_WREG(MMAPDEMO_WINDOW_COUNT_MAX, ADDR), 8 },
	};
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct traces t = traces_get(fd);
		u64 value = 0x5a;
		int r = reg_try_read(fd, bad[i].offset, bad[i].width, &value);
		int w = reg_try_write(fd, bad[i].offset, bad[i].width, 0);

		if (r != -EINVAL || w != -EINVAL)
			FAIL("offset %#x, width %u: read %s, write %s, wanted EINVAL", bad[i].offset,
			     bad[i].width, errno_word(r), errno_word(w));
		CHECK_EQ(value, 0x5a);
		no_trace(fd, &t);
	}
}

/* The registers of each queue and each window. */
static const struct {
	u32 table, stride, offset, width;
	enum access access;
	const char *name;
} table_regs[] = {
#define X(reg, bytes, acc, bits, res, scp, text) {			\
	MMAPDEMO_QUEUE_TABLE, MMAPDEMO_QUEUE_STRIDE, MMAPDEMO_QREG_##reg, bytes, acc, "queue " #reg },
	MMAPDEMO_HW_QREGS(X)
#undef X
#define X(reg, bytes, acc, bits, res, scp, text) {			\
	MMAPDEMO_WINDOW_TABLE, MMAPDEMO_WINDOW_STRIDE, MMAPDEMO_WREG_##reg, bytes, acc, \
	"window " #reg },
	MMAPDEMO_HW_WREGS(X)
#undef X
};

static bool is_of_queues(size_t i)
{
	return table_regs[i].table == MMAPDEMO_QUEUE_TABLE;
}

static bool in_a_table(const struct mmapdemo_info *info, u32 off, u32 width)
{
	for (size_t i = 0; i < ARRAY_SIZE(table_regs); i++) {
		u32 n = is_of_queues(i) ? info->out_num_queues : info->out_num_windows, in;

		if (off < table_regs[i].table ||
		    off >= table_regs[i].table + n * table_regs[i].stride)
			continue;
		in = (off - table_regs[i].table) % table_regs[i].stride - table_regs[i].offset;
		if ((in == 0 && width == table_regs[i].width) ||
		    (width == 4 && table_regs[i].width == 8 && (in == 0 || in == 4)))
			return true;
	}
	return false;
}

/* No offset that is no register is let through: the whole of BAR0 and some of what is behind. */
static void reg_sweep_only_registers_are_reached(const void *arg)
{
	struct mmapdemo_info info;
	int fd;

	(void)arg;
	raw_bar_require(false);
	fd = dev_open(O_RDWR);
	info = info_get(fd);
	for (u32 page = 0; page < 0x2a000; page += PAGE) {
		bool dense = page == 0 || page == MMAPDEMO_QUEUE_TABLE ||
			     page == MMAPDEMO_USER_BASE || page == MMAPDEMO_WINDOW_TABLE;
		struct traces t = traces_get(fd);
		unsigned int granted = 0;

		/* Densely where registers are, coarsely elsewhere. */
		for (u32 off = page; off < page + PAGE; off += dense ? 1 : 252) {
			for (u32 width = 4; width <= 8; width += 4) {
				bool known = in_a_table(&info, off, width);
				u64 value;
				int ret;

				for (size_t i = 0; i < ARRAY_SIZE(regs); i++) {
					const struct reg *r = &regs[i];

					known |= off == r->offset && width == r->width;
					known |= width == 4 && r->width == 8 &&
						 (off == r->offset || off == r->offset + 4);
				}
				ret = reg_try_read(fd, off, width, &value);
				if (!known && ret != -EINVAL)
					FAIL("offset %#x, width %u: %s", off, width,
					     errno_word(ret));
				granted += !ret;
			}
		}
		if (!granted)
			no_trace(fd, &t);
	}
}

static void reg_scratch_holds_what_is_written(const void *arg)
{
	static const u64 values[] = { 0, ~0ULL, 0x0123456789abcdefULL, 1, 1ULL << 63 };
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	char *user = map_rw(fd, PAGE, r.out_offset);
	volatile u32 *w32 = (u32 *)(user + MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
	volatile u64 *w64 = (u64 *)(user + MMAPDEMO_REG_SCRATCH64 - MMAPDEMO_USER_BASE);
	u64 got;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SCRATCH64, 8, values[i]));
		CHECK_EQ(*w64, values[i]);
		*w64 = ~values[i];
		CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SCRATCH64, 8, &got));
		CHECK_EQ(got, ~values[i]);
		*w32 = values[i];
		CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SCRATCH32, 4, &got));
		CHECK_EQ(got, (u32)values[i]);
		/* A half at a time. */
		CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SCRATCH64, 8, 0));
		CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SCRATCH64 + 4, 4, 0x11223344));
		CHECK_EQ(*w64, 0x1122334400000000ULL);
	}
	/* Bits that a 4-byte register has not are not silently cut off and kept elsewhere. */
	CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SCRATCH64, 8, 0x77));
	CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SCRATCH32, 4, 0xffffffff00000005ULL));
	CHECK_EQ(*w32, 5);
	CHECK_EQ(*w64, 0x77);
}

static void reg_mapped_access_is_one_access(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	char *user = map_rw(fd, PAGE, r.out_offset);
	volatile u32 *w32 = (u32 *)(user + MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
	volatile u64 *w64 = (u64 *)(user + MMAPDEMO_REG_SCRATCH64 - MMAPDEMO_USER_BASE);
	u64 rd32 = counter(fd, MMAPDEMO_REG_CNT_RD32), rd64 = counter(fd, MMAPDEMO_REG_CNT_RD64);
	u64 wr32 = counter(fd, MMAPDEMO_REG_CNT_WR32), wr64 = counter(fd, MMAPDEMO_REG_CNT_WR64);
	u64 sink = 0;

	(void)arg;
	for (int i = 0; i < 100; i++) {
		*w32 = i;
		sink += *w32;
		*w64 = i;
		sink += *w64;
	}
	CHECK_EQ(sink, 2 * 99 * 50);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_RD32) - rd32, 100);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_RD64) - rd64, 100);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_WR32) - wr32, 100);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_WR64) - wr64, 100);
}

/* One whole system call for a register: one device access, and nothing beside it. */
static void reg_read_call_is_one_access(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 rd = counter(fd, MMAPDEMO_REG_CNT_RD_ALL), wr = counter(fd, MMAPDEMO_REG_CNT_WR_ALL);
	u64 value;

	(void)arg;
	for (int i = 0; i < 50; i++)
		CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SCRATCH32, 4, &value));
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_RD_ALL) - rd, 50);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_WR_ALL) - wr, 0);
}

/* What a process writes anywhere in its user page changes nothing outside of it. */
static void reg_user_page_abuse_stays_in_the_user_page(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	char *user = map_rw(fd, r.out_len, r.out_offset);
	u64 bad = counter(fd, MMAPDEMO_REG_CNT_USER_BAD), before[2], after[2];
	unsigned int refused = 0;

	(void)arg;
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ERR_COUNT, 4, &before[0]));
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ERR_CODE, 4, &before[1]));
	for (u32 off = 0; off < r.out_len; off += off < 0x300 ? 4 : 0x3fc) {
		volatile unsigned char *b = (unsigned char *)user + off;

		*b = 0xff;
		CHECK_EQ(*b, 0xff);
		refused += 2;
		*(volatile unsigned short *)(user + off) = 0xffff;
		refused++;
	}
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_USER_BAD) - bad, refused);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ERR_COUNT, 4, &after[0]));
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ERR_CODE, 4, &after[1]));
	CHECK(!memcmp(before, after, sizeof(before)));
}

/* --- the control block -------------------------------------------------------------------------------- */

static void caps_drop(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2] = { { 0 } };

	CHECK_SYS(syscall(SYS_capset, &h, d));
}

static void ctrl_is_closed(int fd, u64 offset)
{
	struct mmapdemo_region_info r;
	u64 value;

	CHECK_RET(region_info(fd, MMAPDEMO_REGION_CTRL, &r), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, offset, NULL), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, offset, NULL), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_PRIVATE, offset, NULL), -EPERM);
	CHECK_EQ(pread(fd, &value, 4, offset), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_EQ(pwrite(fd, &value, 4, offset), -1);
	CHECK_EQ(errno, EPERM);
	CHECK_RET(reg_try_read(fd, MMAPDEMO_REG_DMA_ADDR, 8, &value), -EPERM);
	CHECK_RET(reg_try_write(fd, MMAPDEMO_REG_DMA_CMD, 4, 0), -EPERM);
	CHECK_RET(reg_try_write(fd, MMAPDEMO_REG_RESET, 4, MMAPDEMO_RESET_KEY), -EPERM);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_ID, 4, &value));
}

static void ctrl_needs_parameter_and_capability(const void *arg)
{
	u64 offset, value;
	pid_t pid;
	int fd;

	(void)arg;
	raw_bar_require(true);
	fd = dev_open(O_RDWR);
	CHECK(info_get(fd).out_state & MMAPDEMO_STATE_RAW_BAR);
	/* The offset is learned by one who may; knowing it must not be enough. */
	offset = region_get(fd, MMAPDEMO_REGION_CTRL).out_offset;
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SELFTEST, 4, &value));
	/* The file was opened by one who may: the capability of the caller counts. */
	pid = child_fork();
	if (!pid) {
		caps_drop();
		ctrl_is_closed(fd, offset);
		child_exit();
	}
	child_wait(pid, 5000);
	close(fd);
	raw_bar_require(false);
	fd = dev_open(O_RDWR);
	CHECK(!(info_get(fd).out_state & MMAPDEMO_STATE_RAW_BAR));
	ctrl_is_closed(fd, offset);
}

static void ctrl_registers_by_call_work_for_the_privileged(const void *arg)
{
	u64 value;
	int fd;

	(void)arg;
	raw_bar_require(true);
	fd = dev_open(O_RDWR);
	CHECK_OK(reg_try_write(fd, MMAPDEMO_REG_SELFTEST, 4, 0x12345678));
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SELFTEST, 4, &value));
	CHECK_EQ(value, (u32)~0x12345678);
	CHECK_RET(reg_try_read(fd, MMAPDEMO_REG_DMA_CMD, 4, &value), -EACCES);
	CHECK_RET(reg_try_write(fd, MMAPDEMO_REG_ID, 4, 0), -EACCES);
	close(fd);
	raw_bar_require(false);
}

static void mem_region_needs_o_excl(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	u64 offset = region_get(fd, MMAPDEMO_REGION_MEM).out_offset;
	struct mmapdemo_region_info r;

	(void)arg;
	close(fd);
	fd = dev_open(O_RDWR);
	CHECK_RET(region_info(fd, MMAPDEMO_REGION_MEM, &r), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, offset, NULL), -EPERM);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, offset, NULL), -EPERM);
}

/* --- the tables of queues and windows ------------------------------------------------------------------ */

static void reg_of_queues_and_windows_are_private(const void *arg)
{
	struct mmapdemo_info info;
	int fd;

	(void)arg;
	raw_bar_require(false);
	fd = dev_open(O_RDWR);
	info = info_get(fd);
	for (size_t i = 0; i < ARRAY_SIZE(table_regs); i++) {
		u32 n = is_of_queues(i) ? info.out_num_queues : info.out_num_windows;
		const u32 which[] = { 0, n / 2, n - 1, n };

		for (size_t k = 0; k < ARRAY_SIZE(which); k++) {
			u32 off = table_regs[i].table + which[k] * table_regs[i].stride +
				  table_regs[i].offset;
			int want = which[k] < n ? -EPERM : -EINVAL;
			struct traces t = traces_get(fd);
			u64 value = 0x5a;
			int r = reg_try_read(fd, off, table_regs[i].width, &value);
			int w = reg_try_write(fd, off, table_regs[i].width, 0);

			if (r != want || w != want)
				FAIL("%s of number %u: read %s, write %s, wanted %s",
				     table_regs[i].name, which[k], errno_word(r), errno_word(w),
				     errno_word(want));
			CHECK_EQ(value, 0x5a);
			no_trace(fd, &t);
		}
	}
}

/* Two files at work, as the device sees them: two domains, neither of them the driver's own. */
static void reg_of_queues_show_a_domain_per_file(const void *arg)
{
	u64 pd[2], window_pd, value;
	struct queue q[2];
	struct area a[2];
	int fd;

	(void)arg;
	raw_bar_require(true);
	fd = dev_open(O_RDWR);
	for (int i = 0; i < 2; i++) {
		u32 index;

		q[i] = queue_get(dev_open(O_RDWR), 5 + i);
		a[i] = area_get(q[i].fd, MMAPDEMO_TECH_BAR, PAGE,
				i ? MMAPDEMO_WINDOW_READ : WINDOW_RW);
		index = queue_info(&q[i]).out_index;
		CHECK_OK(reg_try_read(fd, MMAPDEMO_QREG(index, PD), 4, &pd[i]));
		CHECK(pd[i] != 0 && pd[i] <= MMAPDEMO_PD_MAX);
		CHECK_OK(reg_try_read(fd, MMAPDEMO_QREG(index, LOG2N), 4, &value));
		CHECK_EQ(value, 5 + i);
		CHECK_OK(reg_try_read(fd, MMAPDEMO_QREG(index, STATE), 4, &value));
		CHECK_EQ(value, MMAPDEMO_QSTATE_RUNNING);
		CHECK_OK(reg_try_read(fd, MMAPDEMO_WREG(a[i].window, CFG), 4, &value));
		CHECK(value & MMAPDEMO_WCFG_VALID);
		CHECK(value & MMAPDEMO_WCFG_READ);
		CHECK_EQ(!!(value & MMAPDEMO_WCFG_WRITE), !i);
		window_pd = value & MMAPDEMO_WCFG_PD;
		CHECK_EQ(window_pd, pd[i]);
		CHECK_OK(reg_try_read(fd, MMAPDEMO_WREG(a[i].window, LEN), 8, &value));
		CHECK_EQ(value, PAGE);
		CHECK_RET(reg_try_read(fd, MMAPDEMO_QREG(index, CTL), 4, &value), -EACCES);
		CHECK_RET(reg_try_write(fd, MMAPDEMO_QREG(index, STATE), 4, 0), -EACCES);
		CHECK_RET(reg_try_write(fd, MMAPDEMO_WREG(a[i].window, STATUS), 4, 0), -EACCES);
	}
	CHECK(pd[0] != pd[1]);
	/* What was taken back is not there any more. */
	CHECK_OK(window_destroy(q[0].fd, a[0].window));
	CHECK_OK(reg_try_read(fd, MMAPDEMO_WREG(a[0].window, CFG), 4, &value));
	CHECK_EQ(value & MMAPDEMO_WCFG_VALID, 0);
	value = queue_info(&q[1]).out_index;
	queue_put(&q[1]);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_QREG(value, STATE), 4, &value));
	CHECK_EQ(value, MMAPDEMO_QSTATE_DISABLED);
	close(fd);
	raw_bar_require(false);
}

void register_reg(void)
{
	TEST_ADD(reg_public_ones_are_read_private_ones_eperm);
	TEST_ADD(reg_write_read_only_eacces_private_eperm);
	TEST_ADD(reg_wrong_width_or_place_einval);
	TEST_ADD_SLOW(reg_sweep_only_registers_are_reached, 20000);
	TEST_ADD(reg_scratch_holds_what_is_written);
	TEST_ADD(reg_mapped_access_is_one_access);
	TEST_ADD(reg_read_call_is_one_access);
	TEST_ADD(reg_user_page_abuse_stays_in_the_user_page);
	TEST_ADD(ctrl_needs_parameter_and_capability);
	TEST_ADD(ctrl_registers_by_call_work_for_the_privileged);
	TEST_ADD(mem_region_needs_o_excl);
	TEST_ADD(reg_of_queues_and_windows_are_private);
	TEST_ADD(reg_of_queues_show_a_domain_per_file);
}
