// SPDX-License-Identifier: MIT
/*
 * map_random.c - ten thousand random steps of mapping, unmapping, splitting and moving, against a
 * model of the address space; the driver's count must equal the model's after every one.
 *
 * The model: an arena of slots, one page each. A slot holds nothing or (mapping, page of the
 * object, protection). Mappings of ours never merge, since VM_DONTEXPAND makes them special to the
 * kernel, so a mapping is a run of slots with one number.
 *
 * A slot is a page, and an eighth of a huge entry where there are such, and half of the mappings
 * there are placed so that a huge entry fits in: entries of both kinds, and splits of the huge ones. What is mapped by the code of
 * another row gets a tenth of the steps; MMAPDEMO_TEST_STEPS asks for another number than 10,000.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject.h"

#define SLOTS	48
#define PAGES	16
#define STEPS	10000	/* of a technique; in 0.5 to 1.5 s on an emulated processor */
#define RW	(PROT_READ | PROT_WRITE)

struct slot {
	u32 id;		/* 0: nothing of ours */
	u32 page;
	int prot;
};

struct model {
	struct object o;
	char *arena;
	struct slot slots[SLOTS];
	u32 next_id;
	u64 unit;		/* bytes of a slot */
	unsigned int huge;	/* huge entries seen */
	u64 rnd;
};

static unsigned int pick(struct model *m, unsigned int below)
{
	return rnd(&m->rnd) % below;
}

static unsigned int model_count(const struct model *m)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < SLOTS; i++)
		n += m->slots[i].id && !(i && m->slots[i - 1].id == m->slots[i].id);
	return n;
}

/* A boundary comes to lie before slot `at`: what a mapping had beyond it is another mapping. */
static void model_split(struct model *m, unsigned int at)
{
	u32 id;

	if (!at || at >= SLOTS)
		return;
	id = m->slots[at].id;
	if (!id || m->slots[at - 1].id != id)
		return;
	m->next_id++;
	for (unsigned int i = at; i < SLOTS && m->slots[i].id == id; i++)
		m->slots[i].id = m->next_id;
}

static void model_clear(struct model *m, unsigned int from, unsigned int n)
{
	model_split(m, from);
	model_split(m, from + n);
	memset(&m->slots[from], 0, n * sizeof(m->slots[0]));
}

/* An empty range of the arena stays reserved, so that nothing else of the process lands in it. */
static void reserve(struct model *m, unsigned int from, unsigned int n)
{
	CHECK_SYS(mmap(m->arena + from * m->unit, n * m->unit, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void step_map(struct model *m)
{
	unsigned int n = 1 + pick(m, 8), at, page;
	int prot = pick(m, 4) ? RW : PROT_READ;

	if ((m->o.flags & SUBJ_HUGE) && pick(m, 2))
		n = 8 + pick(m, PAGES - 8);
	at = pick(m, SLOTS - n);
	page = pick(m, PAGES - n);
	if (n > 8)
		page = at % 8 + n <= PAGES ? at % 8 : page;
	CHECK_SYS(mmap(m->arena + at * m->unit, n * m->unit, prot, MAP_SHARED | MAP_FIXED, m->o.fd,
		       m->o.offset + page * m->unit));
	model_clear(m, at, n);
	m->next_id++;
	for (unsigned int i = 0; i < n; i++)
		m->slots[at + i] = (struct slot){ m->next_id, page + i, prot };
}

static void step_unmap(struct model *m)
{
	unsigned int n = 1 + pick(m, 6), at = pick(m, SLOTS - n);

	unmap(m->arena + at * m->unit, n * m->unit);
	reserve(m, at, n);
	model_clear(m, at, n);
}

/* A part of one mapping goes elsewhere; mremap(2) does not cross mappings. */
static void step_move(struct model *m)
{
	unsigned int from = pick(m, SLOTS), n = 1, to;
	struct slot moved[SLOTS];

	if (!m->slots[from].id)
		return;
	while (from + n < SLOTS && m->slots[from + n].id == m->slots[from].id && pick(m, 3))
		n++;
	to = pick(m, SLOTS - n);
	if (to < from + n && from < to + n)
		return;
	CHECK_SYS(mremap(m->arena + from * m->unit, n * m->unit, n * m->unit,
			 MREMAP_MAYMOVE | MREMAP_FIXED, m->arena + to * m->unit));
	reserve(m, from, n);
	model_clear(m, to, n);
	memcpy(moved, &m->slots[from], n * sizeof(moved[0]));
	model_clear(m, from, n);
	m->next_id++;
	for (unsigned int i = 0; i < n; i++) {
		m->slots[to + i] = moved[i];
		m->slots[to + i].id = m->next_id;
	}
}

static void step_protect(struct model *m)
{
	unsigned int from = pick(m, SLOTS), n = 1;
	int prot = pick(m, 2) ? RW : PROT_READ;

	if (!m->slots[from].id)
		return;
	while (from + n < SLOTS && m->slots[from + n].id && pick(m, 5))
		n++;
	CHECK_SYS(mprotect(m->arena + from * m->unit, n * m->unit, prot));
	for (unsigned int i = from; i < from + n; i++) {
		if (m->slots[i].prot == prot)
			continue;
		/* The kernel splits only where the protection changes. */
		if (i == from)
			model_split(m, i);
		if (i == from + n - 1)
			model_split(m, i + 1);
		m->slots[i].prot = prot;
	}
}

static void step_shrink(struct model *m)
{
	unsigned int from = pick(m, SLOTS), n = 1;

	if (!m->slots[from].id)
		return;
	while (from + n < SLOTS && m->slots[from + n].id == m->slots[from].id)
		n++;
	if (n < 2)
		return;
	CHECK_SYS(mremap(m->arena + from * m->unit, n * m->unit, m->unit, 0));
	reserve(m, from + 1, n - 1);
	model_clear(m, from + 1, n - 1);
}

static void check_slot(struct model *m)
{
	unsigned int i = pick(m, SLOTS), in;
	char *p = m->arena + i * m->unit;
	struct mmapdemo_map_info info;

	if (!m->slots[i].id) {
		CHECK_EQ(touch_read(p, NULL), 11 /* SIGSEGV */);
		return;
	}
	in = pick(m, m->unit / PAGE);
	object_verify_page(&m->o, p + in * PAGE, m->slots[i].page * (m->unit / PAGE) + in);
	info = map_info(m->o.fd, p);
	CHECK_EQ(info.out_offset - m->o.offset + (uintptr_t)p - info.out_start,
		 m->slots[i].page * m->unit);
	m->huge += info.out_entry_shift > 12;
}

static unsigned int steps_of(const struct subject *s)
{
	const char *text = getenv("MMAPDEMO_TEST_STEPS");
	unsigned int steps = text && atoi(text) > 0 ? (unsigned int)atoi(text) : STEPS;

	return s->region != REGION_NONE || s->flags & SUBJ_BAR_TYPE ? steps / 10 : steps;
}

/* Empty, and a slot of it begins where a huge entry may. */
static char *arena_get(u64 len, u64 align)
{
	char *p = map_reserve(len + align), *at = p + (align - (uintptr_t)p % align) % align;

	if (at > p)
		unmap(p, at - p);
	unmap(at + len, p + align - at);
	return at;
}

static void random_steps_match_the_model(const void *arg)
{
	static void (*const steps[])(struct model *) = {
		step_map, step_map, step_unmap, step_move, step_move, step_protect, step_shrink,
	};
	struct model m = { .rnd = test_seed(), .unit = PAGE };
	unsigned int steps_wanted = steps_of(arg);

	m.o = object_get(arg, PAGES);
	if (m.o.flags & SUBJ_HUGE)
		m.unit = m.o.len / PAGES;
	m.arena = arena_get(SLOTS * m.unit, m.o.flags & SUBJ_HUGE ? m.o.len / 2 : PAGE);
	if (m.o.s->region == MMAPDEMO_REGION_EXAMPLE)
		FAIL("the example has too few pages for this test");
	object_tag(&m.o);
	for (unsigned int i = 0; i < steps_wanted; i++) {
		unsigned int kind = pick(&m, ARRAY_SIZE(steps)), have, want;

		steps[kind](&m);
		have = buf_vmas(m.o.fd, m.o.handle);
		want = model_count(&m);
		if (have != want)
			FAIL("step %u (kind %u, seed %#llx): %u mappings, the model says %u", i,
			     kind, (unsigned long long)test_seed(), have, want);
		if (i % 8 == 0)
			check_slot(&m);
	}
	if (m.o.flags & SUBJ_HUGE) {
		diag("%u huge entries seen", m.huge);
		CHECK(m.huge > 0);
	}
	unmap(m.arena, SLOTS * m.unit);
	CHECK_EQ(buf_vmas(m.o.fd, m.o.handle), 0);
}

void register_map_random(void)
{
	for (size_t i = 0; i < num_subjects; i++) {
		const struct subject *s = &subjects[i];

		/* Its four pages are too few; its code is that of `pages`. */
		if (s->region != MMAPDEMO_REGION_EXAMPLE && !(s->flags & SUBJ_TYPED))
			test_add(random_steps_match_the_model, s, 30000,
				 "map_%s_random_steps_match_the_model", s->name);
	}
}
