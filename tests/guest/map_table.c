// SPDX-License-Identifier: MIT
/*
 * map_table.c - what can be seen of each technique, written to /results/techniques.json. From it
 * docs/techniques makes the table of docs/techniques.md, and checks the one that is there.
 *
 * Not for: what is right, see the other map_*.c. Nothing here knows an answer.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"
#include "probe.h"

#define PAGES	64
#define RW	(PROT_READ | PROT_WRITE)

/* In the order of the table. */
#define COLUMNS(X) \
	X(allocated) X(long_ones) X(entries) X(faults) X(flags) X(cache) X(rss) X(gup) X(ptrace) \
	X(populate) X(dontneed) X(fork) X(mremap) X(core) X(unbind) X(reset)

struct row {
	const char *name;
	const struct subject *s;	/* NULL: memory of the process */
	struct object o;
	char *p;			/* mapped and touched, for revocation */
#define FIELD(column) char column[96];
	COLUMNS(FIELD)
#undef FIELD
};

#define SAY(column, ...) snprintf(column, sizeof(column), __VA_ARGS__)

static int table_fd;
static bool has_userptr;

static bool is_regs(const struct row *r)
{
	return r->s && (r->s->flags & SUBJ_REGS);
}

/* A word that may be written: of registers not every one. */
static char *row_word(const struct row *r, char *p)
{
	return p + (is_regs(r) ? MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE : 0);
}

/* A fresh mapping, of the object or of pages that are pinned. */
static void *row_map(const void *arg)
{
	const struct row *r = arg;
	u32 handle;
	void *p;

	if (r->s)
		return object_map(&r->o);
	p = CHECK_SYS(mmap(NULL, PAGES * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	CHECK_OK(pin_try(table_fd, p, PAGES * PAGE, 0, &handle));
	return p;
}

static u64 row_len(const struct row *r)
{
	return r->s ? r->o.len : PAGES * PAGE;
}

static bool is_present(const struct row *r, const char *p)
{
	return r->s ? map_info(table_fd, p).out_present : pagemap_present(p);
}

static unsigned int present_pages(const struct row *r, const char *p)
{
	unsigned int n = 0;

	for (u64 off = 0; off < row_len(r); off += PAGE)
		n += is_present(r, p + off);
	return n;
}

/* --- one function a column ------------------------------------------------------------------------ */

static void see_allocation(struct row *r)
{
	u64 before = info_get(table_fd).out_mem_free, contig = info_get(table_fd).out_max_contig;
	struct mmapdemo_buf_alloc a;

	if (!r->s) {
		SAY(r->allocated, "the process");
		SAY(r->long_ones, "yes");
		return;
	}
	if (r->s->region != REGION_NONE) {
		SAY(r->allocated, "nobody, the device has it");
		SAY(r->long_ones, "no");
		return;
	}
	r->o = object_get_in(r->s, table_fd, PAGES);
	SAY(r->allocated, "the driver, %s",
	    info_get(table_fd).out_mem_free < before ? "device memory" : "system memory");
	if (buf_try_alloc(table_fd, r->s->technique, r->s->cache, r->s->alloc_flags,
			  contig + PAGE, &a)) {
		SAY(r->long_ones, "no");
	} else {
		SAY(r->long_ones, "yes");
		CHECK_OK(buf_free(table_fd, a.out_handle));
	}
}

static void see_entries(struct row *r)
{
	char *p = row_map(r);
	unsigned int all = row_len(r) / PAGE, now;
	struct rusage a, b;

	now = present_pages(r, p);
	if (!r->s)
		SAY(r->entries, "%s", now == all ? "the process's own, all there once pinned" : "?");
	else if (now == all)
		SAY(r->entries, "at mmap");
	else if (now)
		SAY(r->entries, "%u of %u at mmap", now, all);
	if (!now) {
		/* Twice: the first makes the program's own faults. */
		for (int i = 0; i < 2; i++) {
			unmap(p, row_len(r));
			p = row_map(r);
			CHECK_EQ(touch_read(p + 20 * PAGE, NULL), 0);
		}
		now = present_pages(r, p);
		SAY(r->entries, "at a touch, %u page%s at once", now, now == 1 ? "" : "s");
	}
	unmap(p, row_len(r));
	if (is_regs(r)) {
		SAY(r->faults, "-");
		return;
	}
	p = row_map(r);
	for (int i = 0; i < 2; i++)
		CHECK_SYS(getrusage(RUSAGE_THREAD, &a));
	for (u64 off = 0; off < row_len(r); off += PAGE)
		(void)*(volatile char *)(p + off);
	CHECK_SYS(getrusage(RUSAGE_THREAD, &b));
	now = b.ru_minflt - a.ru_minflt;
	SAY(r->faults, now ? "1 per %llu pages" : "none", now ? (unsigned long long)all / now : 0);
	if (now == all)
		SAY(r->faults, "1 per page");
	unmap(p, row_len(r));
}

/* Of the many flags those that decide something for mappings of drivers. */
static void see_flags(struct row *r)
{
	static const char *const names[] = { "io", "pf", "mm", "de", "dd", "dc", "hg" };
	char *p = row_map(r), line[256];
	unsigned long start, end;
	bool here = false;
	long rss = -1;
	FILE *f;

	for (u64 n = 0; n < (is_regs(r) ? 1 : row_len(r) / PAGE); n++)
		CHECK_EQ(touch_read(p + n * PAGE, NULL), 0);
	r->flags[0] = 0;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (vm_flags_have(p, names[i]))
			strcat(strcat(r->flags, r->flags[0] ? " " : ""), names[i]);
	}
	if (!r->flags[0])
		SAY(r->flags, "-");
	f = fopen("/proc/self/smaps", "re");
	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)p >= start && (unsigned long)p < end;
		else if (here)
			sscanf(line, "Rss: %ld kB", &rss);
	}
	fclose(f);
	SAY(r->rss, rss ? "yes" : "no");
	unmap(p, row_len(r));
}

static const char *const cache_names[] = { "", "WB", "WC", "UC", "UC-" };

static void cache_add(struct row *r, const char *text)
{
	strcat(strcat(r->cache, r->cache[0] ? ", " : ""), text);
}

/* What is granted, and what the page-table entry has where that is called otherwise. */
static void see_cache(struct row *r)
{
	struct mmapdemo_buf_alloc a;
	bool busy = false;

	if (!r->s) {
		cache_add(r, cache_names[MMAPDEMO_CACHE_WB]);
		return;
	}
	if (r->s->region != REGION_NONE) {
		char *p = row_map(r);

		cache_add(r, cache_names[map_info(table_fd, p).out_cache]);
		unmap(p, row_len(r));
		return;
	}
	for (u32 c = MMAPDEMO_CACHE_WB; c <= MMAPDEMO_CACHE_UC; c++) {
		int ret = buf_try_alloc(table_fd, r->s->technique, c, r->s->alloc_flags, PAGE, &a);
		char *p, text[48];
		u32 got;

		busy |= ret == -EBUSY;
		if (ret)
			continue;
		p = map_rw(table_fd, PAGE, a.out_offset);
		CHECK_EQ(touch_read(p, NULL), 0);
		got = map_info(table_fd, p).out_cache;
		if (got == c)
			SAY(text, "%s", cache_names[c]);
		else
			SAY(text, "%s (%s in the entry)", cache_names[c], cache_names[got]);
		cache_add(r, text);
		unmap(p, PAGE);
		CHECK_OK(buf_free(table_fd, a.out_handle));
	}
	if (busy)
		cache_add(r, "another for all of BAR2");
}

static void gup_add(struct row *r, const char *who, bool works)
{
	char text[48];

	snprintf(text, sizeof(text), "%s %s", who, works ? "works" : errno_word(-errno));
	strcat(strcat(r->gup, r->gup[0] ? ", " : ""), text);
}

static void see_pages(struct row *r)
{
	int dfd = CHECK_SYS(open(disk(), O_RDONLY | O_DIRECT | O_CLOEXEC)), mem, pp[2];
	char *p = row_map(r), buf[64];
	struct iovec l = { buf, sizeof(buf) }, v = { p, sizeof(buf) }, page = { p, PAGE };
	bool works[3];

	CHECK_SYS(pipe(pp));
	works[0] = pread(dfd, p, PAGE, DISK_OFFSET) == PAGE;
	gup_add(r, "O_DIRECT", works[0]);
	works[1] = process_vm_readv(getpid(), &l, 1, &v, 1, 0) == sizeof(buf);
	gup_add(r, "process_vm_readv", works[1]);
	works[2] = vmsplice(pp[1], &page, 1, 0) == (ssize_t)PAGE;
	gup_add(r, "vmsplice", works[2]);
	if (works[0] && works[1] && works[2])
		SAY(r->gup, "yes");
	else if (!works[0] && !works[1] && !works[2] && errno == EFAULT)
		SAY(r->gup, "no, EFAULT");
	mem = CHECK_SYS(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
	errno = 0;
	if (pread(mem, buf, 8, (uintptr_t)p) == 8)
		SAY(r->ptrace, "yes");
	else
		SAY(r->ptrace, "no, %s", errno_word(-errno));
	close(mem);
	close(dfd);
	close(pp[0]);
	close(pp[1]);
	unmap(p, row_len(r));
}

static void see_advice(struct row *r)
{
	bool lazy = strstr(r->entries, "touch");
	char *p;
	int sig;

	SAY(r->populate, "-");
	if (r->s && lazy) {
		p = CHECK_SYS(mmap(NULL, r->o.len, RW, MAP_SHARED | MAP_POPULATE, table_fd,
				   r->o.offset));
		SAY(r->populate, present_pages(r, p) == r->o.len / PAGE ? "honoured" : "ignored");
		unmap(p, r->o.len);
	}
	p = row_map(r);
	CHECK_EQ(touch_write(row_word(r, p), 0x51), 0);
	if (madvise(p, row_len(r), MADV_DONTNEED)) {
		SAY(r->dontneed, "%s", errno_word(-errno));
	} else {
		u32 got = 0;

		CHECK(!is_present(r, p));
		sig = touch_read(row_word(r, p), &got);
		if (sig)
			SAY(r->dontneed, "dropped; a touch is %s",
			    sig == SIGBUS ? "SIGBUS" : "a signal");
		else
			SAY(r->dontneed, "dropped; a touch brings %s",
			    got == 0x51 ? "it back" : "a new page");
	}
	unmap(p, row_len(r));
}

static void see_fork(struct row *r)
{
	struct { int sig; bool there; } *seen;
	char *p = row_map(r);
	pid_t pid;

	seen = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	CHECK_EQ(touch_write(row_word(r, p), 0x52), 0);
	pid = child_fork();
	if (!pid) {
		struct mmapdemo_map_info i;

		if (r->s)
			seen->there = !map_try_info(table_fd, p, &i) && i.out_present;
		else
			seen->there = pagemap_present(p);
		seen->sig = touch_write(row_word(r, p), 0x53);
		child_exit();
	}
	child_wait(pid, 5000);
	if (seen->sig)
		SAY(r->fork, "not inherited");
	else if (*(volatile u32 *)row_word(r, p) != 0x53)
		SAY(r->fork, "a copy of its own");
	else
		SAY(r->fork, "shared, entries %s", seen->there ? "copied" : "made anew");
	unmap(p, row_len(r));
	unmap(seen, PAGE);
}

static const char *remap_result(char *p, u64 old, u64 new, int flags, void *to)
{
	return mremap(p, old, new, flags, to) == MAP_FAILED ? errno_word(-errno) : "yes";
}

static void see_mremap(struct row *r)
{
	u64 len = row_len(r);
	char *p = row_map(r), *to = map_reserve(len);
	const char *grow = remap_result(p, len, len + PAGE, MREMAP_MAYMOVE, NULL), *dup, *keep;

	/* Of the process's own memory, which may grow, a fresh piece. */
	if (!r->s)
		p = row_map(r);
	dup = remap_result(p, 0, len, MREMAP_MAYMOVE, NULL);
	keep = remap_result(p, len, len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	if (!r->s)
		p = row_map(r);
	SAY(r->mremap, "move %s, grow %s, duplicate %s, DONTUNMAP %s",
	    remap_result(p, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, to), grow, dup, keep);
	unmap(to, len);
}

static void see_core(struct row *r)
{
	struct core_dump c;

	core_dump_try(table_fd, row_map, r, is_regs(r) ? 1 : 4, &c);
	SAY(r->core, "%s, device read %llu times", c.held ? "written" : "left out",
	    (unsigned long long)c.reads);
}

/* --- what is taken away: all rows at once ----------------------------------------------------------- */

static void keep_mapped(struct row *r)
{
	r->p = row_map(r);
	for (u64 n = 0; n < (is_regs(r) ? 1 : row_len(r) / PAGE); n++)
		CHECK_EQ(touch_read(r->p + n * PAGE, NULL), 0);
}

static void see_reset(struct row *r)
{
	bool there = is_present(r, r->p);
	int sig = touch_read(r->p, NULL);

	if (there)
		SAY(r->reset, sig ? "an entry, and a signal" : "stay");
	else if (sig)
		SAY(r->reset, sig == SIGBUS ? "taken away, SIGBUS until mapped again" : "a signal");
	else
		SAY(r->reset, "taken away, come back at a touch");
}

static void see_unbind(struct row *r)
{
	unsigned int gone = 0, pages = is_regs(r) ? 1 : row_len(r) / PAGE;

	for (u64 n = 0; n < pages; n++)
		gone += touch_read(r->p + n * PAGE, NULL) == SIGBUS;
	if (gone == pages)
		SAY(r->unbind, "taken away, SIGBUS");
	else if (!gone)
		SAY(r->unbind, "stay");
	else
		SAY(r->unbind, "%u of %u taken away", gone, pages);
}

/* --- the file ------------------------------------------------------------------------------------------ */

static void write_table(const char *path, const struct row *rows, size_t n, u32 state)
{
	struct utsname u;
	FILE *f = fopen(path, "we");

	CHECKF(f, "create %s: %m", path);
	uname(&u);
	fprintf(f, "{\n  \"kernel\": \"%s\",\n  \"iommu\": %s,\n  \"rows\": [", u.release,
		state & MMAPDEMO_STATE_IOMMU ? "true" : "false");
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];

		fprintf(f, "%s\n    {\n      \"name\": \"%s\"", i ? "," : "", r->name);
#define WRITE(column) fprintf(f, ",\n      \"%s\": \"%s\"", #column, r->column);
		COLUMNS(WRITE)
#undef WRITE
		fputs("\n    }", f);
	}
	fputs("\n  ]\n}\n", f);
	CHECK(!ferror(f) && !fclose(f));
}

static void table_of_techniques_is_written(const void *arg)
{
	static const char *const names[] = {
		"bar", "bar_fault", "bar_around", "bar_huge", "pages", "vmalloc", "coherent",
		"noncontig", "user_page",
	};
	static struct row rows[ARRAY_SIZE(names) + 1];
	u32 state;
	size_t n = 0;

	(void)arg;
	table_fd = dev_open(O_RDWR);
	state = info_get(table_fd).out_state;
	has_userptr = info_get(table_fd).out_techniques >> MMAPDEMO_TECH_USERPTR & 1;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct subject *s = subject_named(names[i]);

		if (!subject_is_there(s, table_fd, NULL))
			continue;
		rows[n++] = (struct row){ .name = names[i], .s = s };
		if (s->region != REGION_NONE)
			rows[n - 1].o = object_get_in(s, table_fd, PAGES);
	}
	if (has_userptr)
		rows[n++] = (struct row){ .name = "userptr" };
	for (size_t i = 0; i < n; i++) {
		struct row *r = &rows[i];

		see_allocation(r);
		see_entries(r);
		see_flags(r);
		see_cache(r);
		see_pages(r);
		see_advice(r);
		see_fork(r);
		see_mremap(r);
		see_core(r);
		keep_mapped(r);
	}
	function_reset();
	for (size_t i = 0; i < n; i++)
		see_reset(&rows[i]);
	/* Once more, so that unbind has something to take away from every row. */
	for (size_t i = 0; i < n; i++) {
		unmap(rows[i].p, row_len(&rows[i]));
		keep_mapped(&rows[i]);
	}
	driver_unbind();
	for (size_t i = 0; i < n; i++)
		see_unbind(&rows[i]);
	driver_bind();
	if (access("/results", W_OK))
		test_skip("no /results to write techniques.json to");
	write_table("/results/techniques.json", rows, n, state);
}

void register_map_table(void)
{
	TEST_ADD_SLOW(table_of_techniques_is_written, 60000);
}
