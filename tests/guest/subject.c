// SPDX-License-Identifier: MIT
/*
 * subject.c - the table of things that can be mapped, and how a test gets one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define TAG	0x7a600000u

#define MEMORY(t)	MMAPDEMO_TECH_##t, REGION_NONE
#define REGION(t, r)	MMAPDEMO_TECH_##t, MMAPDEMO_REGION_##r
#define BAR_FLAGS	(SUBJ_PFN | SUBJ_IO | SUBJ_DEVICE)
#define REMAP_FLAGS	(SUBJ_PFN | SUBJ_IO)	/* remap_pfn_range() adds VM_IO, I/O or not */
#define REGS_FLAGS	(REMAP_FLAGS | SUBJ_STANDING | SUBJ_REGS | SUBJ_DONTCOPY)
#define EXCL_FLAGS	(REMAP_FLAGS | SUBJ_STANDING | SUBJ_EXCL)

const struct subject subjects[] = {
	{ "bar", MEMORY(BAR), MMAPDEMO_CACHE_WC, BAR_FLAGS, 0 },
	{ "bar_uc", MEMORY(BAR), MMAPDEMO_CACHE_UC, BAR_FLAGS | SUBJ_BAR_TYPE, 0 },
	{ "bar_fault", MEMORY(BAR_FAULT), MMAPDEMO_CACHE_WC, BAR_FLAGS | SUBJ_LAZY, 0 },
	{ "bar_fault_uc", MEMORY(BAR_FAULT), MMAPDEMO_CACHE_UC,
	  BAR_FLAGS | SUBJ_LAZY | SUBJ_BAR_TYPE | SUBJ_TYPED, 0 },
	{ "bar_around", MEMORY(BAR_FAULT), MMAPDEMO_CACHE_WC, BAR_FLAGS | SUBJ_LAZY | SUBJ_AROUND,
	  MMAPDEMO_BUF_FAULT_AROUND },
	{ "bar_huge", MEMORY(BAR_HUGE), MMAPDEMO_CACHE_WC, BAR_FLAGS | SUBJ_LAZY | SUBJ_HUGE, 0 },
	{ "bar_huge_uc", MEMORY(BAR_HUGE), MMAPDEMO_CACHE_UC,
	  BAR_FLAGS | SUBJ_LAZY | SUBJ_HUGE | SUBJ_BAR_TYPE | SUBJ_TYPED, 0 },
	{ "pages", MEMORY(PAGES), MMAPDEMO_CACHE_WB, REMAP_FLAGS, 0 },
	{ "pages_wc", MEMORY(PAGES), MMAPDEMO_CACHE_WC, REMAP_FLAGS | SUBJ_RAM_TYPE, 0 },
	{ "pages_uc", MEMORY(PAGES), MMAPDEMO_CACHE_UC, REMAP_FLAGS | SUBJ_RAM_TYPE, 0 },
	{ "vmalloc", MEMORY(VMALLOC), MMAPDEMO_CACHE_WB, SUBJ_LAZY, 0 },
	{ "coherent", MEMORY(COHERENT), MMAPDEMO_CACHE_WB, REMAP_FLAGS, 0 },
	{ "noncontig", MEMORY(NONCONTIG), MMAPDEMO_CACHE_WB, SUBJ_GONE, 0 },
	{ "example", REGION(PAGES, EXAMPLE), MMAPDEMO_CACHE_WB, REMAP_FLAGS | SUBJ_STANDING, 0 },
	{ "user_page", REGION(BAR, USER_PAGE), MMAPDEMO_CACHE_UC, REGS_FLAGS, 0 },
	{ "ctrl", REGION(BAR, CTRL), MMAPDEMO_CACHE_UC, REGS_FLAGS | SUBJ_RAW, 0 },
	{ "mem", REGION(BAR, MEM), MMAPDEMO_CACHE_WC, EXCL_FLAGS | SUBJ_BIG, 0 },
	{ "alias", REGION(BAR, ALIAS), MMAPDEMO_CACHE_UC, EXCL_FLAGS, 0 },
};

const size_t num_subjects = ARRAY_SIZE(subjects);

const struct subject *subject_named(const char *name)
{
	for (size_t i = 0; i < num_subjects; i++) {
		if (!strcmp(subjects[i].name, name))
			return &subjects[i];
	}
	FAIL("no subject is called %s", name);
}

bool subject_is_there(const struct subject *s, int fd, const char **why)
{
	struct mmapdemo_info i = info_get(fd);
	const char *missing = NULL;

	if (s->technique > MMAPDEMO_TECH_COHERENT && !(i.out_techniques >> s->technique & 1))
		missing = "INFO's out_techniques does not list it";
	else if ((s->flags & SUBJ_RAM_TYPE) && !(i.out_caps & MMAPDEMO_CAP_RAM_TYPES))
		missing = "INFO's out_caps has no MMAPDEMO_CAP_RAM_TYPES";
	else if (s->technique == MMAPDEMO_TECH_COHERENT && dev_is_prepare())
		missing = "dma_mmap_coherent() has no form for .mmap_prepare";
	if (missing && why)
		*why = missing;
	return !missing;
}

struct object object_get_in(const struct subject *s, int fd, unsigned int pages)
{
	struct object o = { .s = s, .fd = fd, .flags = s->flags };
	struct mmapdemo_region_info r;
	struct mmapdemo_buf_alloc a;
	u64 len = pages * PAGE, huge;
	const char *why;

	if (!subject_is_there(s, fd, &why))
		test_skip("%s: %s", s->name, why);
	/* The DMA API maps its memory page by page where an IOMMU made it one range. */
	if (s->technique == MMAPDEMO_TECH_COHERENT &&
	    (info_get(fd).out_state & MMAPDEMO_STATE_IOMMU))
		o.flags = (o.flags & ~(SUBJ_PFN | SUBJ_IO)) | SUBJ_GONE;
	if (s->region != REGION_NONE) {
		r = region_get(fd, s->region);
		o.handle = r.out_handle;
		o.offset = r.out_offset;
		o.len = r.out_len;
		CHECK_EQ(r.out_technique, s->technique);
		CHECK_EQ(r.out_cache, s->cache);
		return o;
	}
	if (s->flags & SUBJ_HUGE) {
		huge = info_get(fd).out_huge_size;
		CHECK(huge > PAGE && !(huge & (huge - 1)));
		len = 2 * huge;
	}
	CHECK_OK(buf_try_alloc(fd, s->technique, s->cache, s->alloc_flags, len, &a));
	o.handle = a.out_handle;
	o.offset = a.out_offset;
	o.len = a.out_len;
	CHECK_EQ(a.out_cache, s->cache);
	CHECK_EQ(a.out_len, len);
	return o;
}

/* BAR2's type outlives the file: put it back when the test's process ends. */
static void cache_restore(void)
{
	int fd = dev_try_open(O_RDWR);

	for (unsigned int i = 0; fd >= 0 && i < patience_ms(100); i++) {
		if (!mem_cache_set(fd, MMAPDEMO_CACHE_WC))
			break;
		sleep_ms(5);
	}
	close(fd);
}

/*
 * A process that outlives the test by a moment: it sees the pipe close when the test's last process
 * has ended, however that happened, and then restores. The runner's leak check waits for that.
 */
static void cache_restore_later(void)
{
	int p[2];
	pid_t pid;
	char c;

	CHECK_SYS(pipe2(p, O_CLOEXEC));
	pid = CHECK_SYS(fork());
	/* Out of the group that the runner kills; both do it, so that it is done for either. */
	setpgid(pid, pid);
	if (pid)
		return;
	close(p[1]);
	for (int fd = 3; fd < 256; fd++) {
		if (fd != p[0])
			close(fd);
	}
	while (read(p[0], &c, 1) > 0)
		;
	cache_restore();
	_exit(0);
}

struct object object_get(const struct subject *s, unsigned int pages)
{
	const char *why;
	int fd;

	if (s->flags & SUBJ_RAW)
		raw_bar_require(true);
	fd = dev_open(O_RDWR | (s->flags & SUBJ_EXCL ? O_EXCL : 0));
	if (!subject_is_there(s, fd, &why))
		test_skip("%s: %s", s->name, why);
	if (s->flags & SUBJ_BAR_TYPE) {
		cache_restore_later();
		CHECK_OK(mem_cache_set(fd, s->cache));
	}
	return object_get_in(s, fd, pages);
}

void object_put(struct object *o)
{
	if (o->s->region == REGION_NONE)
		CHECK_OK(buf_free(o->fd, o->handle));
	close(o->fd);
	o->fd = -1;
}

void *object_map(const struct object *o)
{
	return map_rw(o->fd, o->len, o->offset);
}

u64 object_live_pages(const struct object *o)
{
	return o->flags & SUBJ_REGS ? 1 : o->len / PAGE;
}

/* Of all of BAR2 the first and the last pages: it is long, and most cases are about the ends. */
static bool is_tagged(const struct object *o, u64 n)
{
	return !(o->flags & SUBJ_EXCL) || n < 64 || n + 64 >= o->len / PAGE;
}

void object_tag(const struct object *o)
{
	u64 pages = object_live_pages(o);
	u32 *p;

	if (o->flags & SUBJ_REGS)
		return;
	p = map_rw(o->fd, pages * PAGE, o->offset);
	for (u64 i = 0; i < pages; i++) {
		if (is_tagged(o, i))
			p[i * PAGE / 4] = TAG + i;
	}
	unmap(p, pages * PAGE);
}

void object_verify_page(const struct object *o, const void *page, u64 n)
{
	u32 want = o->flags & SUBJ_REGS ? MMAPDEMO_ID : TAG + n, got;
	int sig;

	if (n >= object_live_pages(o))
		return;
	sig = touch_read(page, &got);
	if (sig)
		FAIL("page %llu at %p: signal %d", (unsigned long long)n, page, sig);
	if (got != want && is_tagged(o, n))
		FAIL("page %llu at %p shows %#x, wanted %#x", (unsigned long long)n, page, got,
		     want);
}

void subject_add_typed(test_fn fn, u32 with, u32 without, unsigned int limit_ms, const char *what)
{
	for (size_t i = 0; i < num_subjects; i++) {
		const struct subject *s = &subjects[i];

		if ((s->flags & with) == with && !(s->flags & without))
			test_add(fn, s, limit_ms, "map_%s_%s", s->name, what);
	}
}

void subject_add(test_fn fn, u32 with, u32 without, unsigned int limit_ms, const char *what)
{
	subject_add_typed(fn, with, without | SUBJ_TYPED, limit_ms, what);
}
