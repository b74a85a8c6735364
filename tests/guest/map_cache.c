// SPDX-License-Identifier: MIT
/*
 * map_cache.c - cache types: what is asked for is what the page-table entry has, or the call fails.
 * And MAP_INFO, which is how one sees that.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define PAGES	4

/* x86 keeps UC of RAM as UC-minus, which is the same wherever no MTRR says WC. */
static u32 entry_type(const struct subject *s)
{
	return s->technique == MMAPDEMO_TECH_PAGES && s->cache == MMAPDEMO_CACHE_UC ?
	       MMAPDEMO_CACHE_UC_MINUS : s->cache;
}

static void effective_cache_type_is_the_one_asked_for(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	u64 live = object_live_pages(&o);

	CHECK_EQ(buf_info(o.fd, o.handle).out_cache, o.s->cache);
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(touch_read(p + (live - 1) * PAGE, NULL), 0);
	CHECK_EQ(map_info(o.fd, p).out_cache, entry_type(o.s));
	CHECK_EQ(map_info(o.fd, p + (live - 1) * PAGE).out_cache, entry_type(o.s));
	CHECK_EQ(map_info(o.fd, p).out_technique, o.s->technique);
	/* Of a second mapping beside the first, and after a change of protection, as well. */
	p = object_map(&o);
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_SYS(mprotect(p, PAGE, PROT_READ));
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(map_info(o.fd, p).out_cache, entry_type(o.s));
	CHECK_SYS(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(map_info(o.fd, p).out_cache, entry_type(o.s));
}

/* What a process may do with a page is one thing, whether it has an entry for it another. */
static void entry_is_seen_whatever_the_protection(const void *arg)
{
	static const int prots[] = { PROT_READ, PROT_WRITE, PROT_NONE };
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);

	CHECK_EQ(touch_read(p, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(prots); i++) {
		/* Of all of it: what is huge stays so. */
		CHECK_SYS(mprotect(p, o.len, prots[i]));
		CHECK_EQ(map_info(o.fd, p).out_present, 1);
		CHECK_EQ(map_info(o.fd, p).out_cache, entry_type(o.s));
	}
}

/* A move must carry the type along. */
static void cache_type_survives_a_move(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = map_rw(o.fd, PAGE, o.offset), *to = map_reserve(PAGE);

	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_SYS(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	CHECK_EQ(touch_read(to, NULL), 0);
	CHECK_EQ(map_info(o.fd, to).out_cache, entry_type(o.s));
}

static void asked(int fd, u32 technique, u32 cache, int want)
{
	struct mmapdemo_buf_alloc a;
	int ret = buf_try_alloc(fd, technique, cache, 0, PAGE, &a);

	if (ret != want)
		FAIL("technique %u with cache type %u: %s, wanted %s", technique, cache,
		     errno_word(ret), errno_word(want));
	if (ret)
		return;
	CHECK(cache == MMAPDEMO_CACHE_DEFAULT || a.out_cache == cache);
	CHECK_OK(buf_free(fd, a.out_handle));
}

static void cache_of_memory_is_write_back_or_refused(const void *arg)
{
	/* PAGES can have others, see technique_memory.c. */
	static const u32 kinds[] = {
		MMAPDEMO_TECH_VMALLOC, MMAPDEMO_TECH_COHERENT,
	};
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		asked(fd, kinds[k], MMAPDEMO_CACHE_DEFAULT, 0);
		asked(fd, kinds[k], MMAPDEMO_CACHE_WB, 0);
		asked(fd, kinds[k], MMAPDEMO_CACHE_WC, -EOPNOTSUPP);
		asked(fd, kinds[k], MMAPDEMO_CACHE_UC, -EOPNOTSUPP);
	}
}

static void cache_conflict_on_device_memory_ebusy(const void *arg)
{
	static const u32 kinds[] = {
		MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_BAR_FAULT, MMAPDEMO_TECH_BAR_HUGE,
	};
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (!(info_get(fd).out_techniques & 1U << kinds[k]))
			continue;
		asked(fd, kinds[k], MMAPDEMO_CACHE_DEFAULT, 0);
		asked(fd, kinds[k], MMAPDEMO_CACHE_WC, 0);
		asked(fd, kinds[k], MMAPDEMO_CACHE_UC, -EBUSY);
		asked(fd, kinds[k], MMAPDEMO_CACHE_WB, -EOPNOTSUPP);
	}
}

/*
 * One page of BAR2, mapped as WC, and UC asked for: a buffer beside it, and all of BAR2. Neither is had, and
 * the first keeps what it has.
 */
static void cache_conflict_on_one_page_leaves_the_first_its_type(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_BAR_FAULT, PAGE), b;
	char *p = map_rw(fd, PAGE, a.out_offset), *q;

	(void)arg;
	CHECK_EQ(touch_write(p, 1), 0);
	CHECK_EQ(map_info(fd, p).out_cache, MMAPDEMO_CACHE_WC);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_UC, 0, PAGE, &b), -EBUSY);
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_UC), -EBUSY);
	/* The same page once more. */
	q = map_rw(fd, PAGE, a.out_offset);
	CHECK_EQ(touch_read(q, NULL), 0);
	CHECK_SYS(mprotect(q, PAGE, PROT_READ));
	CHECK_EQ(map_info(fd, q).out_cache, MMAPDEMO_CACHE_WC);
	CHECK_EQ(map_info(fd, p).out_cache, MMAPDEMO_CACHE_WC);
	CHECK_EQ(info_get(fd).out_mem_cache, MMAPDEMO_CACHE_WC);
}

static void mem_cache_set_changes_and_is_reported(const void *arg)
{
	/* Taken for its clean-up, which restores the type. */
	struct object o = object_get(subject_named("bar_uc"), PAGES);
	int fd = o.fd;

	(void)arg;
	CHECK_EQ(info_get(fd).out_mem_cache, MMAPDEMO_CACHE_UC);
	asked(fd, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_WC, -EBUSY);
	asked(fd, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_UC, 0);
	CHECK_OK(buf_free(fd, o.handle));
	CHECK_OK(mem_cache_set(fd, MMAPDEMO_CACHE_UC));
	CHECK_OK(mem_cache_set(fd, MMAPDEMO_CACHE_WC));
	CHECK_EQ(info_get(fd).out_mem_cache, MMAPDEMO_CACHE_WC);
	asked(fd, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_UC, -EBUSY);
	asked(fd, MMAPDEMO_TECH_BAR, MMAPDEMO_CACHE_WC, 0);
}

/* Back and forth, and each time the entry has the type of the moment. */
static void mem_cache_set_reaches_the_page_tables(const void *arg)
{
	struct object o = object_get(subject_named("bar_uc"), PAGES);

	(void)arg;
	CHECK_OK(buf_free(o.fd, o.handle));
	for (int i = 0; i < 20; i++) {
		u32 type = i % 2 ? MMAPDEMO_CACHE_UC : MMAPDEMO_CACHE_WC;
		struct mmapdemo_buf_alloc a;
		void *p;

		CHECK_OK(mem_cache_set(o.fd, type));
		CHECK_OK(buf_try_alloc(o.fd, MMAPDEMO_TECH_BAR, type, 0, PAGE, &a));
		p = map_rw(o.fd, PAGE, a.out_offset);
		CHECK_EQ(map_info(o.fd, p).out_cache, type);
		unmap(p, PAGE);
		CHECK_OK(buf_free(o.fd, a.out_handle));
	}
}

static void mem_cache_set_in_use_ebusy(const void *arg)
{
	int fd = dev_open(O_RDWR), other = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	void *p;

	(void)arg;
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_UC), -EBUSY);
	CHECK_RET(mem_cache_set(other, MMAPDEMO_CACHE_UC), -EBUSY);
	p = map_rw(fd, PAGE, a.out_offset);
	CHECK_OK(buf_free(fd, a.out_handle));
	CHECK_RET(mem_cache_set(other, MMAPDEMO_CACHE_UC), -EBUSY);
	close(fd);
	CHECK_RET(mem_cache_set(other, MMAPDEMO_CACHE_UC), -EBUSY);
	CHECK_EQ(map_info(other, p).out_cache, MMAPDEMO_CACHE_WC);
	CHECK_EQ(info_get(other).out_mem_cache, MMAPDEMO_CACHE_WC);
	unmap(p, PAGE);
}

/* The whole-BAR region counts as well. A mapping holds the file, and so keeps it exclusive. */
static void mem_cache_set_with_the_whole_bar_mapped_ebusy(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	void *p = map_rw(fd, PAGE, r.out_offset);

	(void)arg;
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_UC), -EBUSY);
	CHECK_EQ(map_info(fd, p).out_cache, MMAPDEMO_CACHE_WC);
	close(fd);
	/* Nobody is given memory that another process can still see. */
	CHECK_RET(dev_try_open(O_RDWR), -EBUSY);
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	unmap(p, PAGE);
	fd = dev_open(O_RDWR);
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
}

static void mem_cache_set_other_types_einval(const void *arg)
{
	static const u32 bad[] = {
		MMAPDEMO_CACHE_DEFAULT, MMAPDEMO_CACHE_WB, MMAPDEMO_CACHE_UC_MINUS, 5, 255,
		0x80000002, 0xffffffff,
	};
	int fd = dev_open(O_RDWR);

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_RET(mem_cache_set(fd, bad[i]), -EINVAL);
	CHECK_EQ(info_get(fd).out_mem_cache, MMAPDEMO_CACHE_WC);
}

/* It changes what all openers have: not for who may only look. */
static void mem_cache_set_read_only_file_eacces(const void *arg)
{
	int fd = dev_open(O_RDONLY);

	(void)arg;
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_UC), -EACCES);
	CHECK_RET(mem_cache_set(fd, MMAPDEMO_CACHE_WC), -EACCES);
	CHECK_EQ(info_get(fd).out_mem_cache, MMAPDEMO_CACHE_WC);
}

/* The PCI core's own files offer the BAR with types of their choice: not while it is ours. */
static void bar_page_has_one_type_whoever_maps_it(const void *arg)
{
	static const char *const files[] = { "resource2", "resource2_wc", "resource0", "resource5" };
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	void *p = map_rw(fd, PAGE, a.out_offset);
	unsigned int seen = 0;
	char path[96];

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int other = open(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s",
				      dev_bus_id(), files[i]), O_RDWR | O_CLOEXEC);
		void *q = MAP_FAILED;

		if (other < 0)
			continue;
		seen++;
		q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
		if (q != MAP_FAILED)
			FAIL("%s can be mapped beside the driver's own mapping", path);
		CHECK_EQ(errno, EINVAL);
		close(other);
	}
	CHECK(seen >= 2);
	CHECK_EQ(map_info(fd, p).out_cache, MMAPDEMO_CACHE_WC);
}

/* --- after the device ------------------------------------------------------------------------ */

#define PAT_LIST "/sys/kernel/debug/x86/pat_memtype_list"

/* Whose cache type the kernel keeps, of these addresses; -1: this kernel does not tell. */
static int types_kept(u64 start, u64 end)
{
	FILE *list = fopen(PAT_LIST, "re");
	unsigned long long from, to;
	char line[160];
	int n = 0;

	if (!list)
		return -1;
	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "PAT: [mem %llx-%llx]", &from, &to) == 2 && from < end && to > start)
			n++;
	}
	fclose(list);
	return n;
}

/* {start, end} of each BAR: the driver's own mappings of them are gone when it is. */
static unsigned int bars_get(u64 bars[6][2])
{
	char path[96], line[96];
	unsigned long long start, end;
	unsigned int n = 0;
	FILE *f;

	f = fopen(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", dev_bus_id()), "re");
	CHECK(f);
	for (int i = 0; i < 6; i++) {
		CHECK(fgets(line, sizeof(line), f));
		CHECK_EQ(sscanf(line, "%llx %llx", &start, &end), 2);
		if (!start)
			continue;
		bars[n][0] = start;
		bars[n++][1] = end + 1;
	}
	fclose(f);
	return n;
}

/*
 * Dead mappings, of WC memory and of registers, one of them in two pieces, and the next device at
 * the same addresses: it has the type it wants, while they are there and when they go.
 */
static void dead_mapping_keeps_no_cache_type(const void *arg)
{
	int fd = dev_open(O_RDWR), fresh;
	u64 page = region_get(fd, MMAPDEMO_REGION_USER_PAGE).out_offset;
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGES * PAGE);
	char *p = map_rw(fd, PAGES * PAGE, a.out_offset), *one = map_rw(fd, PAGE, a.out_offset);
	char *regs = map_rw(fd, PAGE, page), *r;
	u64 bars[6][2];
	unsigned int n = bars_get(bars);

	(void)arg;
	unmap(p + PAGE, PAGE);
	driver_unbind();
	for (unsigned int i = 0; i < n; i++) {
		int kept = types_kept(bars[i][0], bars[i][1]);

		CHECKF(kept <= 0, "%d types are kept of %#llx to %#llx, which nobody drives", kept,
		       (unsigned long long)bars[i][0], (unsigned long long)bars[i][1]);
		if (kept < 0)
			diag("no " PAT_LIST);
	}
	driver_bind();
	fresh = dev_open(O_RDWR);
	r = map_rw(fresh, PAGE, page);
	CHECK_EQ(map_info(fresh, r).out_cache, MMAPDEMO_CACHE_UC);
	unmap(r, PAGE);
	CHECK_OK(mem_cache_set(fresh, MMAPDEMO_CACHE_UC));
	a = buf_alloc(fresh, MMAPDEMO_TECH_BAR, PAGES * PAGE);
	r = map_rw(fresh, PAGES * PAGE, a.out_offset);
	CHECK_EQ(map_info(fresh, r).out_cache, MMAPDEMO_CACHE_UC);
	unmap(r, PAGES * PAGE);
	unmap(p, PAGE);
	unmap(p + 2 * PAGE, (PAGES - 2) * PAGE);
	unmap(one, PAGE);
	unmap(regs, PAGE);
	close(fd);
	r = map_rw(fresh, PAGES * PAGE, a.out_offset);
	CHECK_EQ(map_info(fresh, r).out_cache, MMAPDEMO_CACHE_UC);
	unmap(r, PAGES * PAGE);
	r = map_rw(fresh, PAGE, page);
	CHECK_EQ(map_info(fresh, r).out_cache, MMAPDEMO_CACHE_UC);
	unmap(r, PAGE);
	CHECK_OK(buf_free(fresh, a.out_handle));
	CHECK_OK(mem_cache_set(fresh, MMAPDEMO_CACHE_WC));
}

/* --- MAP_INFO ---------------------------------------------------------------------------------------- */

static void map_info_tells_bounds_of_the_piece(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = map_rw(o.fd, PAGES * PAGE, o.offset);
	struct mmapdemo_map_info i;

	unmap(p + PAGE, PAGE);
	i = map_info(o.fd, p + 5);
	CHECK_EQ(i.out_start, p);
	CHECK_EQ(i.out_end, p + PAGE);
	CHECK_EQ(i.out_offset, o.offset);
	CHECK_EQ(i.addr, p + 5);
	i = map_info(o.fd, p + PAGES * PAGE - 1);
	CHECK_EQ(i.out_start, p + 2 * PAGE);
	CHECK_EQ(i.out_end, p + PAGES * PAGE);
	CHECK_EQ(i.out_offset, o.offset + 2 * PAGE);
	CHECK_RET(map_try_info(o.fd, p + PAGE, &i), -ENOENT);
	CHECK_RET(map_try_info(o.fd, p + PAGES * PAGE, &i), -ENOENT);
}

static void map_info_elsewhere_enoent(const void *arg)
{
	int fd = dev_open(O_RDWR), local, null = CHECK_SYS(open("/dev/zero", O_RDWR | O_CLOEXEC));
	static const u64 bad[] = {
		0, 1, 0x1000, 1ULL << 46, (1ULL << 47) - 1, 1ULL << 47, 1ULL << 63, ~0ULL,
		0xffff888000000000ULL, 0xffffffff81000000ULL,
	};
	struct mmapdemo_map_info i;

	(void)arg;
	for (size_t k = 0; k < ARRAY_SIZE(bad); k++)
		CHECK_RET(map_try_info(fd, (void *)(uintptr_t)bad[k], &i), -ENOENT);
	CHECK_RET(map_try_info(fd, &local, &i), -ENOENT);
	CHECK_RET(map_try_info(fd, map_info_elsewhere_enoent, &i), -ENOENT);
	CHECK_RET(map_try_info(fd, map_reserve(PAGE), &i), -ENOENT);
	/* The kernel's own mapping in every process: it has private data, and not of our kind. */
	CHECK_RET(map_try_info(fd, (void *)getauxval(AT_SYSINFO_EHDR), &i), -ENOENT);
	CHECK_RET(map_try_info(fd, map_ro(null, PAGE, 0), &i), -ENOENT);
}

/* It is about the caller's address space: another process's mapping is not there. */
static void map_info_is_of_the_calling_process(const void *arg)
{
	struct object o = object_get(subject_named("user_page"), PAGES);
	char *p = object_map(&o);
	pid_t pid = child_fork();
	struct mmapdemo_map_info i;

	(void)arg;
	if (!pid) {
		CHECK_RET(map_try_info(o.fd, p, &i), -ENOENT);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK_EQ(map_info(o.fd, p).out_present, 1);
}

void register_map_cache(void)
{
	subject_add_typed(effective_cache_type_is_the_one_asked_for, 0, 0, 0,
			  "effective_cache_type_is_the_one_asked_for");
	subject_add_typed(cache_type_survives_a_move, 0, 0, 0, "cache_type_survives_a_move");
	subject_add(entry_is_seen_whatever_the_protection, 0, SUBJ_BIG, 0,
		    "entry_is_seen_whatever_the_protection");
	subject_add(map_info_tells_bounds_of_the_piece, 0, 0, 0,
		    "map_info_tells_bounds_of_the_piece");
	TEST_ADD(cache_of_memory_is_write_back_or_refused);
	TEST_ADD(cache_conflict_on_device_memory_ebusy);
	TEST_ADD(cache_conflict_on_one_page_leaves_the_first_its_type);
	TEST_ADD(mem_cache_set_changes_and_is_reported);
	TEST_ADD(mem_cache_set_reaches_the_page_tables);
	TEST_ADD(mem_cache_set_in_use_ebusy);
	TEST_ADD(mem_cache_set_with_the_whole_bar_mapped_ebusy);
	TEST_ADD(mem_cache_set_other_types_einval);
	TEST_ADD(mem_cache_set_read_only_file_eacces);
	TEST_ADD(bar_page_has_one_type_whoever_maps_it);
	TEST_ADD(dead_mapping_keeps_no_cache_type);
	TEST_ADD(map_info_elsewhere_enoent);
	TEST_ADD(map_info_is_of_the_calling_process);
}
