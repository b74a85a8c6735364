// SPDX-License-Identifier: MIT
/*
 * map_fault.c - what first touches cost and bring: how many faults a scan takes, and what huge
 * entries do when they are cut, protected, moved, inherited and taken away.
 *
 * Not for: what holds for all techniques; the rows "bar_huge" and "bar_around" of the table in
 * subject.c go through all those cases too.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define RW	(PROT_READ | PROT_WRITE)
#define MIB	(1024 * 1024UL)
#define AROUND	16	/* pages, as the contract says */

/* --- counts ------------------------------------------------------------------------------------ */

static u64 faults_now(void)
{
	struct rusage u;

	CHECK_SYS(getrusage(RUSAGE_THREAD, &u));
	return u.ru_minflt + u.ru_majflt;
}

/* Faults that one load from each page takes, in this order. */
static u64 faults_of_scan(const volatile char *p, u64 len)
{
	u64 before = faults_now();

	for (u64 off = 0; off < len; off += PAGE)
		(void)p[off];
	return faults_now() - before;
}

/* A scan of what is there already: the measure's own faults, none once all of it has run. */
static void measure_is_exact(char *p, u64 len)
{
	u64 again = 0;

	for (int i = 0; i < 3; i++)
		again = faults_of_scan(p, len);
	CHECK_EQ(again, 0);
}

static struct object object_long(const struct subject *s, u64 len, char **p)
{
	struct object o = object_get(s, 1);
	struct mmapdemo_buf_alloc a;

	CHECK_OK(buf_free(o.fd, o.handle));
	CHECK_OK(buf_try_alloc(o.fd, s->technique, s->cache, s->alloc_flags, len, &a));
	o.handle = a.out_handle;
	o.offset = a.out_offset;
	o.len = len;
	*p = object_map(&o);
	return o;
}

static void scan_takes_exactly_its_faults(const void *arg)
{
	const struct subject *s = arg;
	u64 len = s->technique == MMAPDEMO_TECH_PAGES || s->technique == MMAPDEMO_TECH_COHERENT ?
		  4 * MIB : 64 * MIB, want, got, warm = 16 * PAGE;
	char *p, *ram = CHECK_SYS(mmap(NULL, warm, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct object o;

	memset(ram, 1, warm);
	measure_is_exact(ram, warm);
	o = object_long(s, len, &p);
	want = !(s->flags & SUBJ_LAZY) ? 0 :
	       s->flags & SUBJ_HUGE ? len / info_get(o.fd).out_huge_size :
	       len / PAGE / (s->flags & SUBJ_AROUND ? AROUND : 1);
	got = faults_of_scan(p, len);
	diag("%llu faults for %llu MiB", (unsigned long long)got, (unsigned long long)(len / MIB));
	CHECK_EQ(got, want);
	CHECK_EQ(faults_of_scan(p, len), 0);
}

/* Stores bring entries as loads do, and an entry brought by a load takes a store. */
static void store_after_load_takes_no_second_fault(const void *arg)
{
	struct object o = object_get(arg, 8);
	char *p = object_map(&o);
	u64 least = ~0ULL, before;

	/* The process's own first stores fault too, on its stack; three pages do not meet three. */
	for (int i = 0; i < 3; i++) {
		volatile char *at = p + i * PAGE;

		(void)*at;
		before = faults_now();
		*at = 1;
		before = faults_now() - before;
		least = before < least ? before : least;
	}
	CHECK_EQ(least, 0);
}

/* --- sixteen at a time ---------------------------------------------------------------------------- */

/* From the driver: pagemap takes what has no struct page for a hole. */
static unsigned int present_of(int fd, char *p, unsigned int pages)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < pages; i++)
		n += map_info(fd, p + i * PAGE).out_present;
	return n;
}

static void around_stays_inside_its_mapping(const void *arg)
{
	struct object o = object_get(subject_named("bar_around"), 64);
	char *area = map_reserve(64 * PAGE), *p, *q;

	(void)arg;
	object_tag(&o);
	/* Five pages of the object between nothing and another five of it. */
	p = CHECK_SYS(mmap(area + 3 * PAGE, 5 * PAGE, RW, MAP_SHARED | MAP_FIXED, o.fd,
			   o.offset + 3 * PAGE));
	q = CHECK_SYS(mmap(area + 8 * PAGE, 5 * PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, o.fd,
			   o.offset + 8 * PAGE));
	object_verify_page(&o, p + 2 * PAGE, 5);
	CHECK_EQ(present_of(o.fd, p, 5), 5);
	CHECK_EQ(present_of(o.fd, q, 5), 0);
	CHECK_EQ(touch_read(area + 3 * PAGE - 4, NULL), SIGSEGV);
	CHECK_EQ(touch_read(area + 13 * PAGE, NULL), SIGSEGV);
	for (u64 n = 0; n < 5; n++)
		object_verify_page(&o, p + n * PAGE, 3 + n);
	for (u64 n = 0; n < 5; n++)
		object_verify_page(&o, q + n * PAGE, 8 + n);
	/* What it brought has the mapping's own protection. */
	CHECK_EQ(touch_write(q + 3 * PAGE, 1), SIGSEGV);
	CHECK_EQ(touch_write(p + 3 * PAGE, 1), 0);
}

static void around_stays_inside_its_object(const void *arg)
{
	struct object a = object_get(subject_named("bar_around"), 5);
	struct object b = object_get_in(a.s, a.fd, 5);
	char *p = object_map(&a), *q = object_map(&b);

	(void)arg;
	memset(p, 0x11, a.len);
	memset(q, 0x22, b.len);
	CHECK_EQ(first_not(p, a.len, 0x11), a.len);
	CHECK_EQ(first_not(q, b.len, 0x22), b.len);
}

/* Some of the sixteen are there already; some were, and have been taken away. */
static void around_fills_gaps_only(const void *arg)
{
	struct object o = object_get(subject_named("bar_around"), 64);
	char *p, *to = map_reserve(PAGE);
	u64 before;

	(void)arg;
	object_tag(&o);
	p = object_map(&o);
	object_verify_page(&o, p + 20 * PAGE, 20);
	CHECK(present_of(o.fd, p, 64) > 1);
	CHECK(present_of(o.fd, p, 64) <= AROUND);
	/* A page of the same sixteen, moved there from elsewhere in the object: it stays. */
	CHECK_SYS(mremap(p + 40 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	CHECK_SYS(mmap(p + 21 * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED, o.fd, o.offset));
	object_verify_page(&o, p + 21 * PAGE, 0);
	object_verify_page(&o, to, 40);
	for (u64 n = 0; n < 64; n++) {
		if (n != 21 && n != 40)
			object_verify_page(&o, p + n * PAGE, n);
	}
	before = faults_now();
	object_verify_page(&o, p + 63 * PAGE, 63);
	CHECK_EQ(faults_now() - before, 0);
}

/* --- huge entries ---------------------------------------------------------------------------------- */

struct huge {
	struct object o;
	u64 size;		/* of an entry */
	u32 shift;
	char *p;		/* all of it: two entries */
};

static struct huge huge_get(void)
{
	struct huge h = { .o = object_get(subject_named("bar_huge"), 1) };

	h.size = info_get(h.o.fd).out_huge_size;
	h.shift = __builtin_ctzll(h.size);
	object_tag(&h.o);
	h.p = object_map(&h.o);
	return h;
}

static u32 entry_of(const struct huge *h, const char *at)
{
	return map_info(h->o.fd, at).out_entry_shift;
}

/* Every page of [from, to) of the object is at its place, `at` being page `from`. */
static void huge_verify(const struct huge *h, const char *at, u64 from, u64 to)
{
	for (u64 n = from; n < to; n++)
		object_verify_page(&h->o, at + (n - from) * PAGE, n);
}

#define HUGE_PAGES(h)	((h)->size / PAGE)

static void huge_entry_is_reported(const void *arg)
{
	struct huge h = huge_get();

	(void)arg;
	CHECK_EQ(h.size, 2 * MIB);
	CHECK_EQ((uintptr_t)h.p % h.size, 0);
	CHECK_EQ(entry_of(&h, h.p), 0);
	CHECK_EQ(map_info(h.o.fd, h.p).out_present, 0);
	object_verify_page(&h.o, h.p + 5 * PAGE, 5);
	/* All of the one entry, and nothing of the next. */
	CHECK_EQ(entry_of(&h, h.p), h.shift);
	CHECK_EQ(entry_of(&h, h.p + h.size - 1), h.shift);
	CHECK_EQ(entry_of(&h, h.p + h.size), 0);
	CHECK_EQ(map_info(h.o.fd, h.p + 7).out_cache, MMAPDEMO_CACHE_WC);
	CHECK_EQ(touch_write(h.p + 2 * h.size - 4, 1), 0);
	CHECK_EQ(entry_of(&h, h.p + h.size), h.shift);
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
}

/* Other techniques never have one. */
static void small_entries_are_reported(const void *arg)
{
	struct object o = object_get(arg, 8);
	char *p = object_map(&o);

	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(map_info(o.fd, p).out_entry_shift, 12);
	CHECK_EQ(map_info(o.fd, p).out_present, 1);
}

/* Where mmap may choose, it chooses so that huge entries fit in, whatever the offset. */
static void huge_addresses_are_aligned_with_the_object(const void *arg)
{
	struct huge h = huge_get();

	(void)arg;
	for (int i = 0; i < 8; i++) {
		u64 off = i % 4 * (h.size / 4), len = 2 * h.size - off;
		char *q;

		/* An odd number of pages in between, so that chance does not help. */
		map_reserve((2 * i + 1) * PAGE);
		q = map_rw(h.o.fd, len, h.o.offset + off);
		CHECK_EQ((uintptr_t)q % h.size, off % h.size);
		object_verify_page(&h.o, q, off / PAGE);
		CHECK_EQ(entry_of(&h, q), off % h.size ? 12 : h.shift);
		object_verify_page(&h.o, q + len - PAGE, 2 * HUGE_PAGES(&h) - 1);
		CHECK_EQ(entry_of(&h, q + len - PAGE), h.shift);
	}
}

static void huge_misaligned_address_works_by_pages(const void *arg)
{
	struct huge h = huge_get();
	char *room = map_reserve(4 * h.size), *q;

	(void)arg;
	q = room + (h.size - (uintptr_t)room % h.size) % h.size + PAGE;
	CHECK_SYS(mmap(q, 2 * h.size, RW, MAP_SHARED | MAP_FIXED, h.o.fd, h.o.offset));
	huge_verify(&h, q, 0, 2 * HUGE_PAGES(&h));
	CHECK_EQ(entry_of(&h, q), 12);
	CHECK_EQ(entry_of(&h, q + h.size), 12);
	/* Never past its own end, where the neighbour of the huge entry would be. */
	CHECK_EQ(touch_read(q - 4, NULL), SIGSEGV);
	CHECK_EQ(touch_read(q + 2 * h.size, NULL), SIGSEGV);
}

/* A mapping that ends within a huge entry's range gets none there. */
static void huge_partly_covered_works_by_pages(const void *arg)
{
	struct huge h = huge_get();
	char *q = map_rw(h.o.fd, h.size + 3 * PAGE, h.o.offset);

	(void)arg;
	huge_verify(&h, q, 0, HUGE_PAGES(&h) + 3);
	CHECK_EQ(entry_of(&h, q), h.shift);
	CHECK_EQ(entry_of(&h, q + h.size), 12);
	CHECK_EQ(touch_read(q + h.size + 3 * PAGE, NULL), SIGSEGV);
	q = map_rw(h.o.fd, h.size - PAGE, h.o.offset);
	huge_verify(&h, q, 0, HUGE_PAGES(&h) - 1);
	CHECK_EQ(entry_of(&h, q), 12);
}

static void huge_buffers_never_overlap(const void *arg)
{
	struct huge h = huge_get();
	struct object b = object_get_in(h.o.s, h.o.fd, 1);
	struct mmapdemo_buf_alloc small = buf_alloc(h.o.fd, MMAPDEMO_TECH_BAR_HUGE, 3 * PAGE);
	char *q = object_map(&b), *r = map_rw(h.o.fd, 3 * PAGE, small.out_offset);

	(void)arg;
	memset(h.p, 0x11, h.o.len);
	memset(q, 0x22, b.len);
	memset(r, 0x33, 3 * PAGE);
	CHECK_EQ(entry_of(&h, q), h.shift);
	CHECK_EQ(entry_of(&h, r), 12);
	CHECK_EQ(first_not(h.p, h.o.len, 0x11), h.o.len);
	CHECK_EQ(first_not(q, b.len, 0x22), b.len);
	CHECK_EQ(first_not(r, 3 * PAGE, 0x33), 3 * PAGE);
}

static void huge_partial_munmap_splits(const void *arg)
{
	static const unsigned int where[] = { 0, 1, 255, 511 };

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(where); i++) {
		struct huge h = huge_get();
		u64 n = where[i], last = 2 * HUGE_PAGES(&h) - 1;

		object_verify_page(&h.o, h.p, 0);
		object_verify_page(&h.o, h.p + h.size, HUGE_PAGES(&h));
		CHECK_EQ(entry_of(&h, h.p + n * PAGE), h.shift);
		unmap(h.p + n * PAGE, PAGE);
		CHECK_EQ(touch_read(h.p + n * PAGE, NULL), SIGSEGV);
		CHECK_EQ(buf_vmas(h.o.fd, h.o.handle), n ? 2 : 1);
		huge_verify(&h, h.p, 0, n);
		huge_verify(&h, h.p + (n + 1) * PAGE, n + 1, last + 1);
		CHECK_EQ(touch_write(h.p + last * PAGE, 9), 0);
		/* The other entry is whole. */
		CHECK_EQ(entry_of(&h, h.p + h.size), h.shift);
		if (n)
			CHECK_EQ(entry_of(&h, h.p), 12);
		close(h.o.fd);
		if (n)
			unmap(h.p, n * PAGE);
		unmap(h.p + (n + 1) * PAGE, h.o.len - (n + 1) * PAGE);
	}
}

static void huge_mprotect_of_a_page_protects_that_page(const void *arg)
{
	struct huge h = huge_get();
	char *at = h.p + 100 * PAGE;

	(void)arg;
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
	CHECK_SYS(mprotect(at, PAGE, PROT_READ));
	CHECK_EQ(touch_write(at, 1), SIGSEGV);
	CHECK_EQ(touch_write(at - 4, 1), 0);
	CHECK_EQ(touch_write(at + PAGE + 4, 1), 0);
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
	CHECK_SYS(mprotect(at, PAGE, RW));
	CHECK_EQ(touch_write(at + 8, 1), 0);
	/* And all of an entry at once. */
	CHECK_SYS(mprotect(h.p + h.size, h.size, PROT_READ));
	CHECK_EQ(touch_write(h.p + h.size + 4, 1), SIGSEGV);
	CHECK_EQ(touch_write(h.p + 2 * h.size - 4, 1), SIGSEGV);
	huge_verify(&h, h.p + h.size, HUGE_PAGES(&h), 2 * HUGE_PAGES(&h));
	CHECK_SYS(mprotect(h.p + h.size, h.size, PROT_NONE));
	CHECK_EQ(touch_read(h.p + h.size, NULL), SIGSEGV);
	CHECK_SYS(mprotect(h.p, 2 * h.size, RW));
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
	CHECK_EQ(touch_write(h.p + 2 * h.size - 4, 1), 0);
}

static void huge_fork_leaves_the_parents_entries(const void *arg)
{
	struct huge h = huge_get();
	pid_t pid;

	(void)arg;
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
	pid = child_fork();
	if (!pid) {
		huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
		*(volatile u32 *)(h.p + 77 * PAGE + 4) = 0x77;
		unmap(h.p + PAGE, PAGE);
		CHECK_SYS(mprotect(h.p + h.size, PAGE, PROT_READ));
		huge_verify(&h, h.p + 2 * PAGE, 2, 2 * HUGE_PAGES(&h));
		child_exit();
	}
	child_wait(pid, 8000);
	CHECK_EQ(entry_of(&h, h.p), h.shift);
	CHECK_EQ(entry_of(&h, h.p + h.size), h.shift);
	CHECK_EQ(*(volatile u32 *)(h.p + 77 * PAGE + 4), 0x77);
	CHECK_EQ(touch_write(h.p + h.size + 4, 1), 0);
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
}

static void huge_mremap_shows_the_right_pages(const void *arg)
{
	struct huge h = huge_get();
	char *room = map_reserve(8 * h.size), *to, *odd;

	(void)arg;
	to = room + (h.size - (uintptr_t)room % h.size) % h.size;
	huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
	/* A whole entry, to where one fits. */
	CHECK_SYS(mremap(h.p, h.size, h.size, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	huge_verify(&h, to, 0, HUGE_PAGES(&h));
	CHECK_EQ(entry_of(&h, to), h.shift);
	CHECK_EQ(touch_read(h.p, NULL), SIGSEGV);
	/* A whole entry, to where none fits. */
	odd = to + 2 * h.size + PAGE;
	CHECK_SYS(mremap(to, h.size, h.size, MREMAP_MAYMOVE | MREMAP_FIXED, odd));
	huge_verify(&h, odd, 0, HUGE_PAGES(&h));
	CHECK_EQ(entry_of(&h, odd), 12);
	/* A page out of one. */
	CHECK_SYS(mremap(h.p + h.size + 9 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			 to + 5 * h.size));
	object_verify_page(&h.o, to + 5 * h.size, HUGE_PAGES(&h) + 9);
	huge_verify(&h, h.p + h.size, HUGE_PAGES(&h), HUGE_PAGES(&h) + 9);
	huge_verify(&h, h.p + h.size + 10 * PAGE, HUGE_PAGES(&h) + 10, 2 * HUGE_PAGES(&h));
	CHECK_EQ(touch_read(h.p + h.size + 9 * PAGE, NULL), SIGSEGV);
}

/*
 * The process's own switch for huge pages decides about ours too: off is slower, and nothing else.
 * Whether the machine's does depends on the kernel: page frames need no compaction.
 */
static void huge_switched_off_works_by_pages(const void *arg)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	char old[64], *word;
	int status;
	pid_t pid;

	(void)arg;
	huge_get();
	CHECK_OK(file_read(path, old, sizeof(old)));
	word = strchr(old, '[');
	CHECK(word && strchr(word, ']'));
	word++;
	*strchr(word, ']') = 0;
	pid = child_fork();
	if (!pid) {
		struct huge h;

		file_write(path, "never");
		h = huge_get();
		huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
		CHECK(entry_of(&h, h.p) == 12 || entry_of(&h, h.p) == h.shift);
		file_write(path, "madvise");
		h = huge_get();
		CHECK_SYS(madvise(h.p, h.o.len, MADV_HUGEPAGE));
		huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
		CHECK_EQ(entry_of(&h, h.p), h.shift);
		file_write(path, "always");
		CHECK_SYS(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
		h = huge_get();
		huge_verify(&h, h.p, 0, 2 * HUGE_PAGES(&h));
		CHECK_EQ(entry_of(&h, h.p), 12);
		child_exit();
	}
	status = child_status(pid, 8000);
	file_write(path, word);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE);
}

/* What is not listed is skipped everywhere: it must be clear what may be missing, and where. */
static void info_lists_every_technique(const void *arg)
{
	struct mmapdemo_info i = info_get(dev_open(O_RDWR));
	bool huge = !kernel_is_before(6, 12);

	(void)arg;
	for (u32 t = MMAPDEMO_TECH_BAR; t <= MMAPDEMO_TECH_MAX; t++) {
		bool listed = i.out_techniques >> t & 1;

		if (listed != (t != MMAPDEMO_TECH_BAR_HUGE || huge))
			FAIL("technique %u is %slisted", t, listed ? "" : "not ");
	}
	CHECK_EQ(i.out_techniques & ~((2u << MMAPDEMO_TECH_MAX) - 2), 0);
	CHECK_EQ(i.out_huge_size, huge ? 2 * MIB : 0);
}

void register_map_fault(void)
{
	TEST_ADD(info_lists_every_technique);
	subject_add(scan_takes_exactly_its_faults, 0, SUBJ_STANDING, 20000,
		    "scan_takes_exactly_its_faults");
	subject_add(store_after_load_takes_no_second_fault, 0, SUBJ_REGS | SUBJ_BIG, 0,
		    "store_after_load_takes_no_second_fault");
	subject_add(small_entries_are_reported, 0, SUBJ_HUGE | SUBJ_BIG, 0,
		    "small_entries_are_reported");
	TEST_ADD(around_stays_inside_its_mapping);
	TEST_ADD(around_stays_inside_its_object);
	TEST_ADD(around_fills_gaps_only);
	TEST_ADD(huge_entry_is_reported);
	TEST_ADD(huge_addresses_are_aligned_with_the_object);
	TEST_ADD(huge_misaligned_address_works_by_pages);
	TEST_ADD(huge_partly_covered_works_by_pages);
	TEST_ADD(huge_buffers_never_overlap);
	TEST_ADD(huge_partial_munmap_splits);
	TEST_ADD(huge_mprotect_of_a_page_protects_that_page);
	TEST_ADD(huge_fork_leaves_the_parents_entries);
	TEST_ADD(huge_mremap_shows_the_right_pages);
	TEST_ADD(huge_switched_off_works_by_pages);
}
