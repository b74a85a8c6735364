// SPDX-License-Identifier: MIT
/*
 * rw.c - read, write, pread, pwrite: the same bytes and the same refusals as a mapping.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define PAGES	4

static int rd(int fd, void *buf, size_t len, u64 offset)
{
	ssize_t n = pread(fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : (int)n;
}

static int wr(int fd, const void *buf, size_t len, u64 offset)
{
	ssize_t n = pwrite(fd, buf, len, (off_t)offset);

	return n < 0 ? -errno : (int)n;
}

static void shows_what_a_mapping_shows(const void *arg)
{
	static const struct { u64 off, len; } cases[] = {
		{ 0, 1 }, { 0, 8 }, { 1, 1 }, { 3, 9 }, { 4095, 1 }, { 4095, 2 }, { 4094, 4100 },
		{ 0, 4 * PAGE }, { 4096, 4096 }, { 4 * PAGE - 1, 1 }, { 17, 4 * PAGE - 17 },
	};
	struct object o = object_get(arg, PAGES);
	unsigned char *p = object_map(&o), buf[PAGES * PAGE], want[PAGES * PAGE];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		u64 off = cases[i].off, len = cases[i].len;

		fill(p, sizeof(want), i);
		memset(buf, 0, sizeof(buf));
		CHECK_EQ(rd(o.fd, buf, len, o.offset + off), len);
		CHECK(!memcmp(buf, p + off, len));
		CHECK_EQ(first_not(buf + len, sizeof(buf) - len, 0), sizeof(buf) - len);
		fill(want, sizeof(want), i);
		memset(want + off, 0x77, len);
		memset(buf, 0x77, len);
		CHECK_EQ(wr(o.fd, buf, len, o.offset + off), len);
		CHECK(!memcmp(p, want, sizeof(want)));
	}
}

static void end_cuts_short_and_past_it_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char buf[2 * PAGE];

	object_tag(&o);
	CHECK_EQ(rd(o.fd, buf, 10, o.offset + o.len - 3), 3);
	CHECK_EQ(wr(o.fd, buf, 10, o.offset + o.len - 3), 3);
	CHECK_EQ(rd(o.fd, buf, 2 * PAGE, o.offset + o.len - PAGE), PAGE);
	CHECK_EQ(rd(o.fd, buf, 1, o.offset + o.len), 0);
	CHECK_EQ(rd(o.fd, buf, 1, o.offset + o.len + 1), -EINVAL);
	CHECK_EQ(wr(o.fd, buf, 1, o.offset + o.len + 1), -EINVAL);
	CHECK_EQ(wr(o.fd, buf, 1, o.offset + o.len), -EINVAL);
	CHECK_EQ(rd(o.fd, buf, 1, o.offset + o.len + PAGE), -EINVAL);
	CHECK_EQ(rd(o.fd, buf, 0, o.offset), 0);
}

static void rw_unknown_offset_enoent(const void *arg)
{
	struct object o = object_get(subject_named("pages"), PAGES);
	int other = dev_open(O_RDWR);
	u64 freed = o.offset, high;
	char buf[16] = "untouched";

	(void)arg;
	CHECK_EQ(rd(other, buf, 8, o.offset), -ENOENT);
	CHECK_EQ(wr(other, buf, 8, o.offset), -ENOENT);
	CHECK_OK(buf_free(o.fd, o.handle));
	CHECK_EQ(rd(o.fd, buf, 8, freed), -ENOENT);
	CHECK_EQ(wr(o.fd, buf, 8, freed), -ENOENT);
	for (unsigned int bit = 48; bit < 63; bit++) {
		high = 1ULL << bit;
		CHECK_EQ(rd(o.fd, buf, 8, high), -ENOENT);
		CHECK_EQ(wr(o.fd, buf, 8, high), -ENOENT);
	}
	CHECK_EQ(rd(o.fd, buf, 8, (~0ULL >> 1) - 8), -ENOENT);
	/* Negative is the core's, and so is what would become so. */
	CHECK_EQ(rd(o.fd, buf, 8, (~0ULL >> 1) - 3), -EINVAL);
	CHECK_EQ(rd(o.fd, buf, 8, 1ULL << 63), -EINVAL);
	CHECK_EQ(rd(o.fd, buf, 8, -8ULL), -EINVAL);
	CHECK(!strcmp(buf, "untouched"));
}

static void bad_user_pointer_efault(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *two = map_reserve(2 * PAGE);
	void *volatile nowhere = (void *)8;

	object_tag(&o);
	CHECK_EQ(rd(o.fd, nowhere, 8, o.offset), -EFAULT);
	CHECK_EQ(wr(o.fd, nowhere, 8, o.offset), -EFAULT);
	CHECK_EQ(rd(o.fd, two, PAGE, o.offset), -EFAULT);
	CHECK_SYS(mprotect(two, PAGE, PROT_READ | PROT_WRITE));
	/* Half of it is there: some of it or EFAULT, never more than there is. */
	CHECK((size_t)rd(o.fd, two + PAGE - 64, 128, o.offset) <= 64 ||
	      rd(o.fd, two + PAGE - 64, 128, o.offset) == -EFAULT);
	object_verify_page(&o, object_map(&o), 0);
}

static void rw_wrong_access_mode_ebadf(const void *arg)
{
	int ro = dev_open(O_RDONLY), wo = dev_open(O_WRONLY);
	char buf[8];

	(void)arg;
	CHECK_EQ(wr(ro, buf, 8, 0), -EBADF);
	CHECK_EQ(rd(wo, buf, 8, 0), -EBADF);
	CHECK_EQ(rd(ro, buf, 8, 0), 8);
	memset(buf, 0xaa, 8);
	CHECK_EQ(wr(wo, buf, 8, 0), 8);
}

static void rw_read_only_buffer_eacces(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a;
	char buf[8] = "x";

	(void)arg;
	for (u32 t = MMAPDEMO_TECH_BAR; t <= MMAPDEMO_TECH_COHERENT; t++) {
		CHECK_OK(buf_try_alloc(fd, t, 0, MMAPDEMO_BUF_MAP_READ_ONLY, PAGE, &a));
		CHECK_EQ(wr(fd, buf, 1, a.out_offset), -EACCES);
		CHECK_EQ(rd(fd, buf, 1, a.out_offset), 1);
		CHECK_EQ(buf[0], 0);
	}
}

/* The textbook's buffer, as a file: sixteen thousand bytes from offset 0, then the end. */
static void read_walks_the_example_to_its_end(const void *arg)
{
	int fd = dev_open(O_RDWR);
	unsigned char buf[3000], *p = map_rw(fd, 4 * PAGE, 0), copy[4 * PAGE];
	size_t total = 0;
	ssize_t n;

	(void)arg;
	fill(p, 4 * PAGE, 5);
	while ((n = CHECK_SYS(read(fd, buf, sizeof(buf)))) > 0) {
		CHECK(total + n <= sizeof(copy));
		memcpy(copy + total, buf, n);
		total += n;
	}
	CHECK_EQ(total, 4 * PAGE);
	CHECK_EQ(differs(copy, sizeof(copy), 5), sizeof(copy));
	CHECK_EQ(read(fd, buf, 1), 0);
	CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 105);
	CHECK(!memcmp(p + 100, "hello", 5));
	memset(p, 0xaa, 4 * PAGE);
}

static void readv_and_writev_work_too(const void *arg)
{
	int fd = dev_open(O_RDWR);
	unsigned char a[10], b[20], *p = map_rw(fd, 4 * PAGE, 0);
	struct iovec v[2] = { { a, 10 }, { b, 20 } };

	(void)arg;
	fill(p, 4 * PAGE, 8);
	CHECK_EQ(preadv(fd, v, 2, 7), 30);
	CHECK(!memcmp(a, p + 7, 10) && !memcmp(b, p + 17, 20));
	memset(a, 1, 10);
	memset(b, 2, 20);
	CHECK_EQ(pwritev(fd, v, 2, 9), 30);
	CHECK_EQ(first_not(p + 9, 10, 1), 10);
	CHECK_EQ(first_not(p + 19, 20, 2), 20);
	memset(p, 0xaa, 4 * PAGE);
}

static void rw_register_page_whole_accesses_only(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	u64 bad = counter(fd, MMAPDEMO_REG_CNT_USER_BAD), value;
	u64 scratch = r.out_offset + MMAPDEMO_REG_SCRATCH64 - MMAPDEMO_USER_BASE;
	u32 id = 0;
	int ret;

	(void)arg;
	ret = rd(fd, &id, 4, r.out_offset);
	CHECK_EQ(ret, 4);
	CHECK_EQ(id, MMAPDEMO_ID);
	value = 0x1122334455667788ULL;
	CHECK_EQ(wr(fd, &value, 8, scratch), 8);
	value = 0;
	CHECK_EQ(rd(fd, &value, 8, scratch), 8);
	CHECK_EQ(value, 0x1122334455667788ULL);
	/* What is no whole register is refused by the driver and never reaches the device. */
	for (size_t len = 1; len < 4; len++)
		CHECK(rd(fd, &value, len, r.out_offset) < 0);
	CHECK(rd(fd, &value, 4, r.out_offset + 2) < 0);
	CHECK(wr(fd, &value, 1, scratch) < 0);
	CHECK_EQ(counter(fd, MMAPDEMO_REG_CNT_USER_BAD), bad);
}

static void rw_privileged_regions_eperm(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL), plain;
	u64 mem = region_get(fd, MMAPDEMO_REGION_MEM).out_offset;
	char buf[8];

	(void)arg;
	close(fd);
	plain = dev_open(O_RDWR);
	CHECK_EQ(rd(plain, buf, 8, mem), -EPERM);
	CHECK_EQ(wr(plain, buf, 8, mem), -EPERM);
}

void register_rw(void)
{
	for (size_t i = 0; i < num_subjects; i++) {
		const struct subject *s = &subjects[i];

		if (s->flags & (SUBJ_REGS | SUBJ_EXCL | SUBJ_TYPED))
			continue;
		test_add(shows_what_a_mapping_shows, s, 0, "rw_%s_shows_what_a_mapping_shows",
			 s->name);
		test_add(end_cuts_short_and_past_it_einval, s, 0,
			 "rw_%s_end_cuts_short_and_past_it_einval", s->name);
		test_add(bad_user_pointer_efault, s, 0, "rw_%s_bad_user_pointer_efault", s->name);
	}
	TEST_ADD(rw_unknown_offset_enoent);
	TEST_ADD(rw_wrong_access_mode_ebadf);
	TEST_ADD(rw_read_only_buffer_eacces);
	TEST_ADD(read_walks_the_example_to_its_end);
	TEST_ADD(readv_and_writev_work_too);
	TEST_ADD(rw_register_page_whole_accesses_only);
	TEST_ADD(rw_privileged_regions_eperm);
}
