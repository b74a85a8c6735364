// SPDX-License-Identifier: MIT
/*
 * holdings.c - one of everything that a file can have.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "holdings.h"

#define PAGES	4
#define TAG	0x51a90000u
#define RW	(PROT_READ | PROT_WRITE)

static const struct {
	const char *name;
	u32 technique;
	enum after_reset after_reset;
} kinds[] = {
	{ "bar", MMAPDEMO_TECH_BAR, TAKEN },
	{ "bar_fault", MMAPDEMO_TECH_BAR_FAULT, COMES_BACK },
	{ "bar_huge", MMAPDEMO_TECH_BAR_HUGE, COMES_BACK },
	{ "pages", MMAPDEMO_TECH_PAGES, STAYS },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC, STAYS },
	{ "coherent", MMAPDEMO_TECH_COHERENT, STAYS },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG, STAYS },
};

static struct holding *add(struct holdings *s, const char *name, enum after_reset after_reset)
{
	struct holding *h = &s->h[s->n++];

	CHECK(s->n <= HOLDINGS_MAX);
	*h = (struct holding){ .name = name, .after_reset = after_reset, .step = PAGE };
	return h;
}

static void add_buffer(struct holdings *s, size_t kind, u64 huge_size)
{
	struct holding *h = add(s, kinds[kind].name, kinds[kind].after_reset);
	u64 len = PAGES * PAGE;
	struct mmapdemo_buf_alloc a;

	if (kinds[kind].technique == MMAPDEMO_TECH_BAR_HUGE && huge_size) {
		len = huge_size;
		h->step = huge_size / 32;
	}
	a = buf_alloc(s->fd, kinds[kind].technique, len);
	h->handle = a.out_handle;
	h->offset = a.out_offset;
	h->len = len;
	h->p = map_rw(s->fd, len, h->offset);
}

static void add_region(struct holdings *s, const char *name, u32 region,
		       enum after_reset after_reset)
{
	struct holding *h = add(s, name, after_reset);
	struct mmapdemo_region_info r = region_get(s->fd, region);

	h->is_regs = region == MMAPDEMO_REGION_USER_PAGE;
	h->handle = r.out_handle;
	h->offset = r.out_offset;
	h->len = h->is_regs ? PAGE : r.out_len;
	h->p = map_rw(s->fd, h->len, h->offset);
}

static void add_pinned(struct holdings *s)
{
	struct holding *h = add(s, "userptr", OWN);

	h->len = PAGES * PAGE;
	h->p = anon_get(h->len);
	h->handle = buf_pin(s->fd, h->p, h->len, 0);
	s->has_pin = true;
}

static bool is_shared(const struct holding *h)
{
	return !strcmp(h->name, "example");
}

static u32 tag_of(const struct holding *h, u64 off)
{
	return h->is_regs ? MMAPDEMO_ID : TAG + (u32)(h->name[0] << 8) + off / h->step;
}

static void tag(const struct holding *h)
{
	for (u64 off = 0; off < h->len && !h->is_regs; off += h->step)
		CHECK_EQ(touch_write(h->p + off, tag_of(h, off)), 0);
}

static void stands(const struct holding *h)
{
	for (u64 off = 0; off < h->len; off += h->step) {
		u32 value = 0;
		int sig = touch_read(h->p + off, &value);

		CHECKF(!sig, "%s, byte %#llx: signal %d", h->name, (unsigned long long)off, sig);
		/* The example is everybody's. */
		CHECKF(is_shared(h) || value == tag_of(h, off), "%s, byte %#llx: %#x, wanted %#x", h->name,
		       (unsigned long long)off, value, tag_of(h, off));
	}
}

struct holdings holdings_get(int fd)
{
	struct mmapdemo_info info = info_get(fd);
	struct holdings s = { .fd = fd };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (kinds[i].technique <= MMAPDEMO_TECH_COHERENT ||
		    info.out_techniques >> kinds[i].technique & 1)
			add_buffer(&s, i, info.out_huge_size);
	}
	add_region(&s, "example", MMAPDEMO_REGION_EXAMPLE, STAYS);
	add_region(&s, "user_page", MMAPDEMO_REGION_USER_PAGE, TAKEN);
	if (pin_is_there(fd))
		add_pinned(&s);
	for (size_t i = 0; i < s.n; i++)
		tag(&s.h[i]);
	holdings_stand(&s);
	s.q = queue_get(fd, 3);
	s.a = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGES * PAGE, WINDOW_RW);
	s.has_dqueue = dqueue_is_there(fd);
	if (s.has_dqueue)
		s.dqueue = dqueue_get(fd, 3);
	return s;
}

void holdings_stand(const struct holdings *s)
{
	for (size_t i = 0; i < s->n; i++)
		stands(&s->h[i]);
}

static void is_gone(const char *name, volatile void *p, u64 len, u64 step)
{
	for (u64 off = 0; off < len; off += step) {
		volatile char *at = (volatile char *)p + off;
		int sig;

		CHECKF(!pagemap_present((void *)at), "%s, byte %#llx: still in the page table", name,
		       (unsigned long long)off);
		sig = touch_read(at, NULL);
		CHECKF(sig == SIGBUS, "%s, byte %#llx: reading gives signal %d, wanted SIGBUS", name,
		       (unsigned long long)off, sig);
		sig = touch_write(at, 1);
		CHECKF(sig == SIGBUS, "%s, byte %#llx: writing gives signal %d, wanted SIGBUS", name,
		       (unsigned long long)off, sig);
	}
}

void holdings_are_gone(const struct holdings *s)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct holding *h = &s->h[i];

		if (h->after_reset == OWN)
			stands(h);
		else
			is_gone(h->name, h->p, h->len, h->step);
	}
	is_gone("ring", s->q.ring, s->q.c.out_ring_len, PAGE);
	is_gone("doorbell", s->q.doorbell, PAGE, PAGE);
	is_gone("memory under a window", s->a.p, s->a.len, PAGE);
}

static void after_reset(struct holdings *s, struct holding *h)
{
	switch (h->after_reset) {
	case TAKEN:
		is_gone(h->name, h->p, h->len, h->step);
		unmap(h->p, h->len);
		h->p = map_rw(s->fd, h->len, h->offset);
		break;
	/* pagemap passes over VM_PFNMAP, and says nothing of what is there. */
	case COMES_BACK:
		CHECKF(!map_info(s->fd, h->p).out_present, "%s: still in the page table", h->name);
		break;
	case STAYS:
		CHECKF(map_info(s->fd, h->p).out_present, "%s: taken from the page table", h->name);
		break;
	case OWN:
		CHECKF(pagemap_present(h->p), "%s: taken from the page table", h->name);
		break;
	}
	stands(h);
	if (h->handle)
		CHECKF(buf_info(s->fd, h->handle).out_len >= h->len, "%s: the handle is another", h->name);
}

void holdings_after_reset(struct holdings *s)
{
	struct mmapdemo_queue_info i = queue_info(&s->q);

	CHECK_EQ(i.out_reset, 1);
	CHECK_EQ(i.out_state, MMAPDEMO_QSTATE_DISABLED);
	CHECK_EQ(touch_write(s->q.doorbell, 1), SIGBUS);
	if (s->has_dqueue) {
		CHECK_OK(queue_try_info(s->fd, s->dqueue, &i));
		CHECK_EQ(i.out_reset, 1);
	}
	for (size_t k = 0; k < s->n; k++)
		after_reset(s, &s->h[k]);
}

/* Success, or what a device that is gone says; handles of regions are not to be freed. */
static void dropped(int ret, const char *what)
{
	CHECKF(!ret || ret == -ENODEV, "%s: %s", what, errno_word(ret));
}

void holdings_drop(struct holdings *s)
{
	queue_unmap(&s->q);
	unmap(s->a.p, s->a.len);
	dropped(queue_destroy(s->fd, s->q.c.out_queue), "destroy a queue");
	if (s->has_dqueue)
		dropped(queue_destroy(s->fd, s->dqueue), "destroy a queue of the driver");
	dropped(window_destroy(s->fd, s->a.window), "destroy a window");
	dropped(buf_free(s->fd, s->a.handle), "free memory under a window");
	for (size_t i = 0; i < s->n; i++) {
		struct holding *h = &s->h[i];

		unmap(h->p, h->len);
		if (strcmp(h->name, "example") && !h->is_regs)
			dropped(buf_free(s->fd, h->handle), h->name);
	}
	s->n = 0;
}
