// SPDX-License-Identifier: MIT
/*
 * walk.c - copies from one page after the other, prepared, timed and proven.
 */
#include "walk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BATCHES_MIN	32u		/* of descriptors in the timed part of a round */
#define BULK_BATCHES	64u		/* of copies larger than a page: enough to time */
#define GUARD		64u
#define POISON		0xa5
#define DEV_OFF		MMB_PAGE	/* in device memory, where the copies go; a guard before */

struct walk {
	struct mmb_copy k;		/* queue, length and depth, for collecting */
	struct mmb_walk_spec spec;
	struct mmb_mem *dev;
	uint32_t dev_window;
	uint32_t step;			/* bytes between places */
	uint32_t next;			/* place */
	uint32_t batches;		/* in the timed part of a round */
};

/* --- the ground --------------------------------------------------------------------------- */

static enum mmb_rc no_memory(struct mmb_case *c, int err)
{
	if (err == -ENODEV)
		return MMB_GONE;
	return mmb_skip(c, "vmalloc memory of that many pages: %s", mmb_mem_why(err));
}

enum mmb_rc mmb_ground_make(struct mmb_case *c, struct mmb_ground *g, struct mmb_unit *u,
			    uint32_t pages, uint32_t windows)
{
	int err;

	g->unit = u;
	err = mmb_mem_make(u->dev, MMAPDEMO_TECH_VMALLOC, (uint64_t)pages * MMB_PAGE, &g->mem);
	if (err)
		return no_memory(c, err);
	err = mmd_window_create(u->dev, g->mem.buf.handle, 0, g->mem.buf.len, MMAPDEMO_WINDOW_READ,
				&g->window);
	g->has_window = !err;
	while (!err && g->n_windows < windows) {
		err = mmd_window_create(u->dev, g->mem.buf.handle,
					(uint64_t)g->n_windows * MMB_PAGE, MMB_PAGE,
					MMAPDEMO_WINDOW_READ, &g->windows[g->n_windows]);
		g->n_windows += !err;
	}
	if (err == -EDQUOT || err == -EOPNOTSUPP)
		return mmb_skip(c, "%s has no window left, or none over this memory", mmd_path(u->dev));
	return err ? mmb_failed(c, MMD_CALL_WINDOW_CREATE, err) : MMB_OK;
}

void mmb_ground_free(struct mmb_ground *g)
{
	if (!g->unit)
		return;
	while (g->n_windows)
		mmd_window_destroy(g->unit->dev, g->windows[--g->n_windows]);
	if (g->has_window)
		mmd_window_destroy(g->unit->dev, g->window);
	if (g->mem.map.ptr) {
		mmd_unmap(&g->mem.map);
		mmd_buf_free(g->unit->dev, g->mem.buf.handle);
	}
	memset(g, 0, sizeof(*g));
}

/* --- walking ------------------------------------------------------------------------------ */

void mmb_walk_new(struct mmb_arm *arm, const struct mmb_walk_spec *spec)
{
	struct walk *w = calloc(1, sizeof(*w));
	uint32_t rounds = spec->len > MMB_PAGE ? BULK_BATCHES : BATCHES_MIN;
	int err;

	if (!w)
		abort();
	arm->data = w;
	arm->flags |= MMB_ARM_SELF_TIMED;
	arm->max_ops = 1;
	arm->bytes = spec->len;
	w->spec = *spec;
	w->step = (spec->len + MMB_PAGE - 1) / MMB_PAGE * MMB_PAGE;
	w->batches = (spec->places + spec->depth - 1) / spec->depth;
	if (w->batches < rounds)
		w->batches = rounds;
	w->k.c = arm->c;
	w->k.unit = spec->ground->unit;
	w->k.len = spec->len;
	w->k.depth = spec->depth;
	err = mmb_unit_memory(w->k.unit, MMAPDEMO_TECH_BAR, &w->dev, &w->dev_window);
	if (err || w->dev->buf.len < DEV_OFF + (uint64_t)spec->len * spec->depth + GUARD)
		arm->skip = "device memory, or a window over it, was not to be had";
	else if (mmb_unit_queue(arm->c, w->k.unit, 0, &w->k.q))
		arm->skip = "the device has no queue left";
}

static uint64_t place_off(const struct walk *w, uint32_t place)
{
	return (uint64_t)place * w->step;
}

static struct mmd_place source(const struct walk *w, uint32_t place)
{
	const struct mmb_ground *g = w->spec.ground;

	if (w->spec.by_window)
		return mmd_at(g->windows[place], 0);
	return mmd_at(g->window, place_off(w, place));
}

static uint32_t after(const struct walk *w, uint32_t place)
{
	return place + 1 < w->spec.places ? place + 1 : 0;
}

static enum mmb_rc transfer(const struct walk *w)
{
	const struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = w->spec.ground->mem.buf.handle,
		.mem_off = place_off(w, w->next),
		.dev_handle = w->dev->buf.handle,
		.dev_off = DEV_OFF,
		.len = w->spec.len,
	};
	int err = mmd_dma_copy(w->k.unit->dev, &dma, MMD_DMA_SPIN, MMB_TIMEOUT_NS, NULL);

	return err ? mmb_failed(w->k.c, MMD_CALL_DMA_WAIT, err) : MMB_OK;
}

/* Copies from the next places, to one after the other in device memory. */
static enum mmb_rc batch(struct walk *w)
{
	const uint32_t len = w->spec.len;
	struct mmd_queue *q = w->k.q;
	uint32_t place = w->next;

	if (w->spec.oneshot) {
		enum mmb_rc rc = transfer(w);

		w->next = after(w, place);
		return rc;
	}
	for (uint32_t i = 0; i < w->spec.depth; i++) {
		mmd_sqe_copy(mmd_queue_slot(q), mmd_at(w->dev_window, DEV_OFF + (uint64_t)i * len),
			     source(w, place), len, q->tail);
		mmd_queue_advance(q);
		place = after(w, place);
	}
	w->next = place;
	mmd_queue_kick(q);
	return mmb_copy_collect(&w->k, w->spec.depth);
}

static enum mmb_rc batches(struct walk *w)
{
	enum mmb_rc rc = MMB_OK;

	for (uint32_t i = 0; i < w->batches && !rc; i++)
		rc = batch(w);
	return rc;
}

/*
 * Another arm of the same queue has been here before: the first part brings back what the device
 * remembers in the long run.
 */
enum mmb_rc mmb_walk_run(struct mmb_arm *arm, uint64_t ops)
{
	struct walk *w = arm->data;
	enum mmb_rc rc = batches(w);

	while (ops-- && !rc) {
		uint64_t start = mmb_now_ns();

		rc = batches(w);
		mmb_observe(arm, (double)(mmb_now_ns() - start) /
				 ((double)w->batches * w->spec.depth));
	}
	return rc;
}

/* --- proof -------------------------------------------------------------------------------- */

static uint64_t seed_of(const struct mmb_case *c)
{
	return c->s->opt->seed + c->try;
}

enum mmb_rc mmb_walks_prepare(struct mmb_case *c)
{
	mmb_grow_tlb(c->s);
	for (size_t i = 0; i < c->n_arms; i++) {
		const struct walk *w = c->arm[i].data;

		if (!w)
			continue;
		w->spec.ground->filled = false;
	}
	for (size_t i = 0; i < c->n_arms; i++) {
		const struct walk *w = c->arm[i].data;
		struct mmb_ground *g = w ? w->spec.ground : NULL;

		if (!g || g->filled)
			continue;
		mmb_fill(g->mem.map.ptr, g->mem.map.len, seed_of(c));
		g->filled = true;
	}
	mmd_wc_flush();
	return MMB_OK;
}

static bool same(const volatile uint64_t *a, const volatile uint64_t *b, size_t len)
{
	for (size_t i = 0; i < len / sizeof(*a); i++)
		if (a[i] != b[i])
			return false;
	return true;
}

/* What each of one batch brings is of its own page, and no byte beside is written. */
static enum mmb_rc prove_batch(struct mmb_arm *arm)
{
	struct walk *w = arm->data;
	const size_t len = w->spec.len, all = len * w->spec.depth;
	volatile unsigned char *to = mmd_mmio_at(w->dev->map.ptr, DEV_OFF);
	uint32_t place = w->next;
	enum mmb_rc rc;

	mmd_mem_set(to - GUARD, POISON, all + 2 * GUARD);
	mmd_wc_flush();
	rc = batch(w);
	for (uint32_t i = 0; i < w->spec.depth && !rc; i++) {
		const volatile void *from = mmd_mmio_at(w->spec.ground->mem.map.ptr,
							place_off(w, place));

		if (!same((const volatile void *)(to + i * len), from, len))
			rc = mmb_wrong(arm->c, "%s: what was copied from place %u is not what is there",
				       arm->what, place);
		place = after(w, place);
	}
	for (size_t i = 0; i < GUARD && !rc; i++)
		if (to[(ptrdiff_t)i - (ptrdiff_t)GUARD] != POISON || to[all + i] != POISON)
			rc = mmb_wrong(arm->c, "%s: bytes beside the destination were written",
				       arm->what);
	return rc;
}

static enum mmb_rc prove(struct mmb_arm *arm)
{
	struct walk *w = arm->data;
	enum mmb_rc rc = MMB_OK;

	w->next = 0;
	for (uint32_t done = 0; done < w->spec.places && !rc; done += w->spec.depth)
		rc = prove_batch(arm);
	return rc;
}

/* All places of each arm once more, then whether the sources are as they were. */
enum mmb_rc mmb_walks_verify(struct mmb_case *c)
{
	const struct mmb_ground *checked[2] = { NULL, NULL };
	enum mmb_rc rc = MMB_OK;

	for (size_t i = 0; i < c->n_arms && !rc; i++) {
		const struct walk *w = c->arm[i].data;
		const struct mmb_ground *g;
		size_t at;

		if (!w || c->arm[i].skip)
			continue;
		rc = prove(&c->arm[i]);
		g = w->spec.ground;
		if (rc || g == checked[0] || g == checked[1])
			continue;
		checked[checked[0] ? 1 : 0] = g;
		at = mmb_check(g->mem.map.ptr, g->mem.map.len, seed_of(c));
		if (at != g->mem.map.len)
			rc = mmb_wrong(c, "%s: the source was changed at byte %zu", c->arm[i].what, at);
	}
	return rc;
}
