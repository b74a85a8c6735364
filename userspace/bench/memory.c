// SPDX-License-Identifier: MIT
/*
 * memory.c - the buffers the cases work on, and the patterns that prove a copy.
 *
 * Buffers are allocated once and shared by all cases of a run: what a case measures should not
 * depend on which pages it happened to get.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"

static uint64_t largest_size(const struct mmb_options *opt)
{
	uint64_t len = 2u << 20;	/* the other cases want this much */

	for (size_t i = 0; i < opt->n_sizes; i++)
		if (opt->sizes[i] > len)
			len = opt->sizes[i];
	return len;
}

/* Guards and skew come on top, where the platform has room for them. */
static uint64_t wanted_len(const struct mmb_session *s, uint32_t kind)
{
	uint64_t len = largest_size(s->opt) + MMB_SLACK;
	uint64_t most = s->info.max_bytes;

	if (mmb_mem_is_device(kind))
		most = s->info.mem_free;
	else if (kind == MMAPDEMO_TECH_PAGES || kind == MMAPDEMO_TECH_COHERENT)
		most = s->info.max_contig;
	return len < most ? len : most;
}

bool mmb_mem_is_device(uint32_t kind)
{
	return kind == MMAPDEMO_TECH_BAR || kind == MMAPDEMO_TECH_BAR_FAULT ||
	       kind == MMAPDEMO_TECH_BAR_HUGE || kind == MMB_FAULT_AROUND;
}

const char *mmb_mem_name(uint32_t kind)
{
	static const char *const names[MMB_MEMS] = {
		[MMAPDEMO_TECH_BAR] = "bar",
		[MMAPDEMO_TECH_PAGES] = "pages",
		[MMAPDEMO_TECH_VMALLOC] = "vmalloc",
		[MMAPDEMO_TECH_COHERENT] = "coherent",
		[MMAPDEMO_TECH_BAR_FAULT] = "bar_fault",
		[MMAPDEMO_TECH_BAR_HUGE] = "bar_huge",
		[MMAPDEMO_TECH_NONCONTIG] = "noncontig",
		[MMAPDEMO_TECH_USERPTR] = "userptr",
		[MMB_FAULT_AROUND] = "fault_around",
	};

	return names[kind];
}

const char *mmb_mem_why(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "not a technique of this driver, kernel or device";
	case -ENOMEM:
		return "the memory for it was not to be had";
	case -EDQUOT:
		return "over the limits of one open file";
	default:
		return "the driver refuses to allocate it";
	}
}

static uint32_t technique_of(uint32_t kind)
{
	return kind == MMB_FAULT_AROUND ? MMAPDEMO_TECH_BAR_FAULT : kind;
}

/* The first four are in every driver there ever was; INFO lists what came later. */
bool mmb_mem_has(struct mmd_device *dev, uint32_t kind)
{
	struct mmd_info info;

	if (technique_of(kind) <= MMAPDEMO_TECH_COHERENT)
		return true;
	return !mmd_info(dev, &info) && info.techniques & 1u << technique_of(kind);
}

int mmb_mem_alloc(struct mmd_device *dev, uint32_t kind, uint64_t len, struct mmd_buf *buf)
{
	uint32_t flags = kind == MMB_FAULT_AROUND ? MMAPDEMO_BUF_FAULT_AROUND : 0;

	if (!mmb_mem_has(dev, kind))
		return -EOPNOTSUPP;
	return mmd_buf_alloc(dev, technique_of(kind), len, MMAPDEMO_CACHE_DEFAULT, flags, buf);
}

static int pin(struct mmd_device *dev, uint64_t len, struct mmb_mem *m)
{
	void *p;
	int err;

	if (!mmb_mem_has(dev, MMAPDEMO_TECH_USERPTR))
		return -EOPNOTSUPP;
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		 -1, 0);
	if (p == MAP_FAILED)
		return -errno;
	err = mmd_buf_pin(dev, p, len, 0, &m->buf.handle);
	if (err) {
		munmap(p, len);
		return err;
	}
	m->buf.technique = MMAPDEMO_TECH_USERPTR;
	m->buf.len = len;
	m->map.ptr = p;
	m->map.len = len;
	return 0;
}

int mmb_mem_make(struct mmd_device *dev, uint32_t kind, uint64_t len, struct mmb_mem *m)
{
	if (m->map.ptr || m->err)
		return m->err;
	if (kind == MMAPDEMO_TECH_USERPTR)
		return m->err = pin(dev, len & ~(uint64_t)(MMB_PAGE - 1), m);
	m->err = mmb_mem_alloc(dev, kind, len, &m->buf);
	if (m->err)
		return m->err;
	m->err = mmd_map_buf(dev, &m->buf, PROT_READ | PROT_WRITE, &m->map);
	if (m->err) {
		mmd_buf_free(dev, m->buf.handle);
		memset(&m->buf, 0, sizeof(m->buf));
		return m->err;
	}
	/* Fault it in now: first touches are measured by their own case. */
	mmd_mem_set(m->map.ptr, 0, m->map.len);
	return 0;
}

int mmb_mem_get(struct mmb_session *s, uint32_t kind, struct mmb_mem **mem)
{
	*mem = &s->mem[kind];
	return mmb_mem_make(s->dev, kind, wanted_len(s, kind), *mem);
}

void mmb_mem_drop(struct mmb_session *s)
{
	for (size_t i = 0; i < sizeof(s->mem) / sizeof(s->mem[0]); i++) {
		if (!s->mem[i].map.ptr)
			continue;
		mmd_unmap(&s->mem[i].map);
		mmd_buf_free(s->dev, s->mem[i].buf.handle);
	}
	memset(s->mem, 0, sizeof(s->mem));
}

/* Modulo twice one page no distance is odd, and none varies. */
#define SKEW_PAGES_MIN	16

static size_t round_up_pages(size_t len)
{
	size_t pages = SKEW_PAGES_MIN;

	while (pages * MMB_PAGE < len)
		pages *= 2;
	return pages;
}

size_t mmb_arena_len(const struct mmb_options *opt)
{
	size_t len = largest_size(opt);

	return len + 2 * round_up_pages(len) * MMB_PAGE + MMB_SLACK;
}

unsigned char *mmb_skewed(struct mmb_session *s, const volatile void *other, size_t len,
			  unsigned int vary)
{
	uintptr_t base = (uintptr_t)s->arena / MMB_PAGE;
	uintptr_t away = (uintptr_t)other / MMB_PAGE;
	size_t pages = round_up_pages(len);
	size_t odd = 1 + 2 * (vary % 16);

	return s->arena + (away + pages + odd - base) % (2 * pages) * MMB_PAGE;
}

static void touch_pages(const volatile void *mem, size_t len)
{
	const volatile unsigned char *p = mem;

	for (size_t off = 0; off < len; off += MMB_PAGE)
		(void)p[off];
}

#define TLB_DOUBLINGS	8	/* from 2^8 entries to more than there are pages to touch */
#define FLUSH_PAGES	64	/* unmapping this many makes Linux flush everything (x86: over 33) */

void mmb_grow_tlb(struct mmb_session *s)
{
	const struct mmb_mem *dev = &s->mem[MMAPDEMO_TECH_BAR];

	for (int i = 0; i < TLB_DOUBLINGS; i++) {
		void *p = mmap(NULL, FLUSH_PAGES * MMB_PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

		touch_pages(s->arena, s->arena_len);
		if (dev->map.ptr)
			touch_pages(dev->map.ptr, dev->map.len);
		if (p != MAP_FAILED)
			munmap(p, FLUSH_PAGES * MMB_PAGE);
	}
}

static inline uint64_t pattern_word(uint64_t seed, uint64_t index)
{
	return (seed ^ index) * 0x9e3779b97f4a7c15ULL + index;
}

void mmb_fill(volatile void *mem, size_t len, uint64_t seed)
{
	volatile uint64_t *word = mem;

	for (size_t i = 0; i < len / sizeof(*word); i++)
		word[i] = pattern_word(seed, i);
}

size_t mmb_check(const volatile void *mem, size_t len, uint64_t seed)
{
	const volatile uint64_t *word = mem;

	for (size_t i = 0; i < len / sizeof(*word); i++)
		if (word[i] != pattern_word(seed, i))
			return i * sizeof(*word);
	return len;
}

#define POISON	0xa5

void mmb_proof_prepare(const struct mmb_proof *p)
{
	mmb_fill(p->from, p->len, p->seed);
	mmd_mem_set(p->to - p->before, POISON, p->before + p->len + p->behind);
}

static bool is_poison(const volatile unsigned char *mem, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (mem[i] != POISON)
			return false;
	return true;
}

enum mmb_rc mmb_proof_guards(struct mmb_case *c, const char *what, const struct mmb_proof *p)
{
	if (!is_poison(p->to - p->before, p->before))
		return mmb_wrong(c, "%s: bytes in front of the destination were written", what);
	if (!is_poison(p->to + p->len, p->behind))
		return mmb_wrong(c, "%s: bytes behind the destination were written", what);
	return MMB_OK;
}

enum mmb_rc mmb_proof_check(struct mmb_case *c, const char *what, const struct mmb_proof *p)
{
	size_t at = mmb_check(p->to, p->len, p->seed);

	if (at != p->len)
		return mmb_wrong(c, "%s: the data is wrong from byte %zu of %zu on", what, at,
				 p->len);
	at = mmb_check(p->from, p->len, p->seed);
	if (at != p->len)
		return mmb_wrong(c, "%s: the source was changed at byte %zu of %zu", what, at,
				 p->len);
	return mmb_proof_guards(c, what, p);
}
