// SPDX-License-Identifier: MIT
/*
 * backends.c - the same things done with the same kind of device through its own driver, vfio-pci and
 * uio_pci_generic (C1).
 *
 * A function has one kernel driver at a time: so there are three devices alike, each bound to one, and
 * they are taken in turn as all arms are. What a way cannot do is a row too, skipped with the library's
 * reason; docs/backends.md has the whole table of these.
 */
#include "../backends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mmapdemo/backend.h>
#include <mmapdemo/queue.h>

static const struct mmb_group group = {
	.title = "The same device three ways",
	.meaning = "Through its own driver, vfio-pci and uio_pci_generic, behind an IOMMU: devices of one kind, "
		   "one bound to each.",
	.unit = "ns each",
	.shown_unit = "us each",
	.shown_per = 1000,
};

#define LEN		4096u
#define BUF_LEN		65536u
#define POISON		0xa5

struct way {
	struct mmd_device *dev;
	struct mmd_map page;
	struct mmd_buf device, mem;	/* of device memory, of system memory: mem.handle 0: none */
	struct mmd_map device_map, mem_map;
	struct mmd_queue *q;
	uint32_t from, to;		/* windows: LEN bytes of each */
	bool has_from, has_to;
	unsigned char *source;		/* in the arena */
	char why[128];			/* not empty: cannot be used here */
};

struct mmb_ways {
	struct way way[MMD_BACKEND_MAX + 1];	/* by MMD_BACKEND_* */
};

/* --- opening ------------------------------------------------------------------------------ */

static int way_memory(struct way *w)
{
	struct mmd_buf page;
	int err = mmd_region_info(w->dev, MMAPDEMO_REGION_USER_PAGE, &page);

	if (!err)
		err = mmd_map_buf(w->dev, &page, PROT_READ, &w->page);
	if (!err)
		err = mmd_buf_alloc(w->dev, MMAPDEMO_TECH_BAR, BUF_LEN, MMAPDEMO_CACHE_DEFAULT, 0,
				    &w->device);
	if (!err)
		err = mmd_map_buf(w->dev, &w->device, PROT_READ | PROT_WRITE, &w->device_map);
	if (err)
		return err;
	/* Not every way has it. */
	if (mmd_buf_alloc(w->dev, MMAPDEMO_TECH_COHERENT, BUF_LEN, MMAPDEMO_CACHE_DEFAULT, 0,
			  &w->mem)) {
		memset(&w->mem, 0, sizeof(w->mem));
		return 0;
	}
	return mmd_map_buf(w->dev, &w->mem, PROT_READ | PROT_WRITE, &w->mem_map);
}

static void way_open(struct mmb_session *s, struct way *w, uint32_t backend)
{
	const char *bus_id = backend == MMD_BACKEND_DRIVER ? s->info.bus_id : NULL;
	enum mmd_call call = MMD_CALL_OPEN;
	struct mmd_explanation e;
	int err = mmd_open_bdf(bus_id, backend, 0, &w->dev);

	if (!err) {
		call = MMD_CALL_BUF_ALLOC;
		err = way_memory(w);
	}
	if (!err)
		return;
	mmd_explain(call, err, &e);
	if (err == -ENXIO || err == -ENOENT)
		snprintf(w->why, sizeof(w->why), "no mmapdemo function here is bound for %s",
			 mmd_backend_name(backend));
	else
		snprintf(w->why, sizeof(w->why), "%s: %s", e.action, e.cause);
}

static struct mmb_ways *ways(struct mmb_session *s)
{
	if (s->ways)
		return s->ways;
	s->ways = calloc(1, sizeof(*s->ways));
	if (!s->ways)
		abort();
	for (uint32_t b = 1; b <= MMD_BACKEND_MAX; b++)
		way_open(s, &s->ways->way[b], b);
	return s->ways;
}

static void way_close(struct way *w)
{
	if (!w->dev)
		return;
	mmd_queue_destroy(w->q);
	if (w->has_from)
		mmd_window_destroy(w->dev, w->from);
	if (w->has_to)
		mmd_window_destroy(w->dev, w->to);
	mmd_unmap(&w->page);
	mmd_unmap(&w->mem_map);
	mmd_unmap(&w->device_map);
	/* Buffers go with it. */
	mmd_close(w->dev);
}

void mmb_ways_drop(struct mmb_session *s)
{
	for (uint32_t b = 1; b <= MMD_BACKEND_MAX && s->ways; b++)
		way_close(&s->ways->way[b]);
	free(s->ways);
	s->ways = NULL;
}

/* --- what is done ------------------------------------------------------------------------- */

static int register_mapped(struct way *w)
{
	uint32_t id = mmd_mmio_read32(mmd_mmio_at(w->page.ptr,
						  MMAPDEMO_REG_USER_ID - MMAPDEMO_USER_BASE));

	return id == MMAPDEMO_ID ? 0 : -EILSEQ;
}

static int register_call(struct way *w)
{
	uint64_t id = 0;
	int err = mmd_reg_read(w->dev, MMAPDEMO_REG_USER_ID, 4, &id);

	return err ? err : id == MMAPDEMO_ID ? 0 : -EILSEQ;
}

static int map_touch(struct way *w)
{
	struct mmd_map map;
	int err = mmd_map_buf(w->dev, &w->device, PROT_READ | PROT_WRITE, &map);

	if (err)
		return err;
	mmd_mmio_write32(map.ptr, MMAPDEMO_ID);
	return mmd_unmap(&map);
}

static int store(struct way *w)
{
	mmd_mem_to_device(w->device_map.ptr, w->source, LEN);
	return 0;
}

static int transfer(struct way *w, unsigned int mode)
{
	const struct mmd_dma dma = {
		.direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = w->mem.handle,
		.dev_handle = w->device.handle,
		.len = LEN,
	};

	return mmd_dma_copy(w->dev, &dma, mode, MMB_TIMEOUT_NS, NULL);
}

static int dma_wait(struct way *w)
{
	return transfer(w, MMD_DMA_WAIT);
}

static int dma_eventfd(struct way *w)
{
	return transfer(w, MMD_DMA_EVENTFD);
}

static int dma_spin(struct way *w)
{
	return transfer(w, MMD_DMA_SPIN);
}

static int interrupt(struct way *w)
{
	int err = mmd_irq_raise(w->dev);

	return err ? err : mmd_irq_wait(w->dev, mmd_deadline_ns(MMB_TIMEOUT_NS));
}

static int queue_make(struct way *w)
{
	int err = mmd_queue_create(w->dev, NULL, &w->q);

	if (!err) {
		err = mmd_window_create(w->dev, w->mem.handle, 0, LEN, MMAPDEMO_WINDOW_READ,
					&w->from);
		w->has_from = !err;
	}
	if (!err) {
		err = mmd_window_create(w->dev, w->device.handle, 0, LEN, MMAPDEMO_WINDOW_WRITE,
					&w->to);
		w->has_to = !err;
	}
	return err;
}

static int queue_copy(struct way *w)
{
	struct mmd_completion done;
	int err;

	if (!w->q) {
		err = queue_make(w);
		if (err)
			return err;
	}
	mmd_sqe_copy(mmd_queue_slot(w->q), mmd_at(w->to, 0), mmd_at(w->from, 0), LEN, w->q->tail);
	mmd_queue_advance(w->q);
	mmd_queue_kick(w->q);
	while (mmd_queue_poll(w->q, &done)) {
		err = mmd_queue_spin(w->q, 1, mmd_deadline_ns(MMB_TIMEOUT_NS));
		if (err)
			return err;
	}
	return done.status == MMAPDEMO_CQ_OK && done.bytes == LEN ? 0 : -EIO;
}

/* --- whether it was done ------------------------------------------------------------------ */

static int touched(struct way *w, uint64_t seed)
{
	volatile uint32_t *word = w->device_map.ptr;
	int err;

	*word = (uint32_t)seed;
	err = map_touch(w);
	return err ? err : *word == MMAPDEMO_ID ? 0 : -EILSEQ;
}

static int moved(struct way *w, uint64_t seed, int (*run)(struct way *w))
{
	int err;

	mmb_fill(w->source, LEN, seed);
	if (w->mem_map.ptr)
		mmb_fill(w->mem_map.ptr, LEN, seed);
	mmd_mem_set(w->device_map.ptr, POISON, 2 * LEN);
	mmd_wc_flush();
	err = run(w);
	if (err)
		return err;
	if (mmb_check(w->device_map.ptr, LEN, seed) != LEN)
		return -EILSEQ;
	for (size_t i = 0; i < LEN; i++)
		if (((volatile unsigned char *)w->device_map.ptr)[LEN + i] != POISON)
			return -EILSEQ;
	return 0;
}

/* One event, one interrupt: none is left over. */
static int interrupted_once(struct way *w)
{
	int err = interrupt(w);

	if (err)
		return err;
	err = mmd_irq_wait(w->dev, 0);
	return err == -EAGAIN ? 0 : err ? err : -EILSEQ;
}

enum proof { BY_ITSELF, BY_TOUCH, BY_DATA, BY_COUNT };

static const struct thing {
	const char *id;
	const char *what;
	int (*run)(struct way *w);
	enum proof proof;
} things[] = {
	{ "register_mapped", "register read, mapped", register_mapped, BY_ITSELF },
	{ "register_call", "register read, by call", register_call, BY_ITSELF },
	{ "map", "map 64 KiB of device memory, touch", map_touch, BY_TOUCH },
	{ "store", "store 4 KiB to device memory", store, BY_DATA },
	{ "dma_wait", "DMA of 4 KiB, wait", dma_wait, BY_DATA },
	{ "dma_eventfd", "DMA of 4 KiB, eventfd", dma_eventfd, BY_DATA },
	{ "dma_spin", "DMA of 4 KiB, spin", dma_spin, BY_DATA },
	{ "interrupt", "software interrupt", interrupt, BY_COUNT },
	{ "queue", "queue copy of 4 KiB, spin", queue_copy, BY_DATA },
};

#define N_THINGS (sizeof(things) / sizeof(things[0]))

static int prove(const struct thing *thing, struct way *w, uint64_t seed)
{
	switch (thing->proof) {
	case BY_TOUCH:
		return touched(w, seed);
	case BY_DATA:
		return moved(w, seed, thing->run);
	case BY_COUNT:
		return interrupted_once(w);
	default:
		return thing->run(w);
	}
}

static const char *error_text(int err)
{
	return err == -EILSEQ ? "what it should have done is not what is there" : strerror(-err);
}

/* --- the case ----------------------------------------------------------------------------- */

static enum mmb_rc run(struct mmb_arm *arm, uint64_t ops)
{
	const struct thing *thing = arm->c->priv;
	struct way *w = arm->data;
	int err = 0;

	while (ops-- && !err)
		err = thing->run(w);
	if (!err)
		return MMB_OK;
	if (err == -ENODEV)
		return MMB_GONE;
	if (mmb_interrupted())
		return MMB_INTR;
	return mmb_wrong(arm->c, "%s: %s", arm->what, error_text(err));
}

/* What the way, not the thing, is to blame for. */
static void find_out(struct mmb_arm *arm, const struct thing *thing, struct way *w,
		     uint32_t backend)
{
	const char *why;
	uint32_t lacks;

	if (w->why[0]) {
		arm->skip = w->why;
		return;
	}
	w->source = mmb_skewed(arm->c->s, w->device_map.ptr, LEN, arm->c->s->case_no);
	if (thing->run(w) != -EOPNOTSUPP)
		return;
	lacks = mmd_refused(w->dev);
	arm->skip = "not a thing this device or kernel has";
	if (lacks && mmd_backend_can(backend, lacks, &why))
		arm->skip = why;
}

static enum mmb_rc setup(struct mmb_case *c)
{
	struct mmb_arm *arm[MMD_BACKEND_MAX + 1];
	const struct thing *thing = c->priv;

	for (uint32_t b = 1; b <= MMD_BACKEND_MAX; b++) {
		struct way *w = &ways(c->s)->way[b];

		arm[b] = mmb_arm_add(c, MMB_TEXT("C1.%s.%s", thing->id, mmd_backend_name(b)),
				     MMB_TEXT("%s: %s", thing->what, mmd_backend_name(b)), run);
		arm[b]->data = w;
		find_out(arm[b], thing, w, b);
	}
	for (uint32_t b = 2; b <= MMD_BACKEND_MAX; b++)
		mmb_pair_add(c, MMB_TEXT("%s_to_driver", arm[b]->id),
			     MMB_TEXT("%s / driver", arm[b]->what), arm[b], arm[1]);
	return MMB_OK;
}

static enum mmb_rc verify(struct mmb_case *c)
{
	for (size_t i = 0; i < c->n_arms; i++) {
		struct mmb_arm *arm = &c->arm[i];
		int err;

		if ((arm->flags & MMB_ARM_CONTROL) || arm->skip)
			continue;
		err = prove(c->priv, arm->data, c->s->opt->seed + c->try);
		if (err == -ENODEV)
			return MMB_GONE;
		if (err)
			return mmb_wrong(c, "%s: %s", arm->what, error_text(err));
	}
	return MMB_OK;
}

static const struct mmb_case_ops ops = {
	.group = &group, .boot = MMB_BOOT_IOMMU, .setup = setup, .verify = verify,
};

void mmb_plan_backends(struct mmb_plan *plan, const struct mmb_options *opt)
{
	(void)opt;
	for (uint32_t i = 0; i < N_THINGS; i++) {
		const char *id = things[i].id;
		char rows[2 * MMB_ID_LEN];

		snprintf(rows, sizeof(rows), "C1.%s.vfio_to_driver C1.%s.uio_to_driver", id, id);
		mmb_plan_add(plan, &ops, MMB_TEXT("backends.%s", id), rows, things[i].what)->priv =
			(void *)&things[i];
	}
}
