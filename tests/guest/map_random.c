// SPDX-License-Identifier: MIT
/*
 * map_random.c - ten thousand random steps of mapping, unmapping, splitting and moving, against a
 * model of the address space; the driver's count must equal the model's after every one.
 *
 * The model: an arena of slots, one page each. A slot holds nothing or (mapping, page of the
 * object, protection). Mappings of ours never merge, since VM_DONTEXPAND makes them special to the
 * kernel, so a mapping is a run of slots with one number.
 */
#include <string.h>
#include <unistd.h>

#include "subject.h"

#define SLOTS	48
#define PAGES	16
#define STEPS	10000
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
	CHECK_SYS(mmap(m->arena + from * PAGE, n * PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

static void step_map(struct model *m)
{
	unsigned int n = 1 + pick(m, 8), at = pick(m, SLOTS - n), page = pick(m, PAGES - n);
	int prot = pick(m, 4) ? RW : PROT_READ;

	CHECK_SYS(mmap(m->arena + at * PAGE, n * PAGE, prot, MAP_SHARED | MAP_FIXED, m->o.fd,
		       m->o.offset + page * PAGE));
	model_clear(m, at, n);
	m->next_id++;
	for (unsigned int i = 0; i < n; i++)
		m->slots[at + i] = (struct slot){ m->next_id, page + i, prot };
}

static void step_unmap(struct model *m)
{
	unsigned int n = 1 + pick(m, 6), at = pick(m, SLOTS - n);

	unmap(m->arena + at * PAGE, n * PAGE);
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
	CHECK_SYS(mremap(m->arena + from * PAGE, n * PAGE, n * PAGE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, m->arena + to * PAGE));
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
	CHECK_SYS(mprotect(m->arena + from * PAGE, n * PAGE, prot));
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
	CHECK_SYS(mremap(m->arena + from * PAGE, n * PAGE, PAGE, 0));
	reserve(m, from + 1, n - 1);
	model_clear(m, from + 1, n - 1);
}

static void check_slot(struct model *m)
{
	unsigned int i = pick(m, SLOTS);
	char *p = m->arena + i * PAGE;

	if (!m->slots[i].id) {
		CHECK_EQ(touch_read(p, NULL), 11 /* SIGSEGV */);
		return;
	}
	object_verify_page(&m->o, p, m->slots[i].page);
	CHECK_EQ(map_info(m->o.fd, p).out_offset - m->o.offset + p -
		 (char *)(uintptr_t)map_info(m->o.fd, p).out_start,
		 m->slots[i].page * PAGE);
}

static void random_steps_match_the_model(const void *arg)
{
	static void (*const steps[])(struct model *) = {
		step_map, step_map, step_unmap, step_move, step_move, step_protect, step_shrink,
	};
	struct model m = { .rnd = test_seed() };

	m.o = object_get(arg, PAGES);
	m.arena = map_reserve(SLOTS * PAGE);
	if (m.o.s->region == MMAPDEMO_REGION_EXAMPLE)
		FAIL("the example has too few pages for this test");
	object_tag(&m.o);
	for (unsigned int i = 0; i < STEPS; i++) {
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
	unmap(m.arena, SLOTS * PAGE);
	CHECK_EQ(buf_vmas(m.o.fd, m.o.handle), 0);
}

void register_map_random(void)
{
	for (size_t i = 0; i < num_subjects; i++) {
		const struct subject *s = &subjects[i];

		/* Its four pages are too few; its code is that of `pages`. */
		if (s->region != MMAPDEMO_REGION_EXAMPLE)
			test_add(random_steps_match_the_model, s, 30000,
				 "map_%s_random_steps_match_the_model", s->name);
	}
}
