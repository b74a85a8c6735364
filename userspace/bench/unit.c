// SPDX-License-Identifier: MIT
/*
 * unit.c - finds the devices of the machine, and makes queues, buffers and windows when first wanted.
 *
 * All of it is kept until the end of the run, and shared by the cases: what a case measures should
 * not depend on which pages it happened to get.
 */
#include "unit.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define NODES		"/dev/mmapdemo[0-9]*"
#define UNITS_MAX	32

struct mmb_units {
	struct mmb_unit unit[UNITS_MAX];
	size_t n;
};

static int map_user_page(struct mmb_unit *u)
{
	struct mmd_buf page;
	int err = mmd_region_info(u->dev, MMAPDEMO_REGION_USER_PAGE, &page);

	return err ? err : mmd_map_buf(u->dev, &page, PROT_READ | PROT_WRITE, &u->user);
}

static void add_main(struct mmb_session *s)
{
	struct mmb_unit *u = &s->units->unit[s->units->n++];

	u->s = s;
	u->dev = s->dev;
	u->info = s->info;
	u->user = s->user;
	u->mem = s->mem;
	u->is_main = true;
}

/* Without a word: another device that cannot be used is one that is not there. */
static void add_other(struct mmb_session *s, const char *path)
{
	struct mmb_unit *u = &s->units->unit[s->units->n];

	if (s->units->n == UNITS_MAX || mmd_open(path, 0, &u->dev))
		return;
	u->s = s;
	u->mem = u->own;
	if (!mmd_info(u->dev, &u->info) && u->info.instance != s->info.instance &&
	    u->info.num_queues && !map_user_page(u)) {
		s->units->n++;
		return;
	}
	mmd_close(u->dev);
	memset(u, 0, sizeof(*u));
}

static struct mmb_units *units(struct mmb_session *s)
{
	glob_t nodes;

	if (s->units)
		return s->units;
	s->units = calloc(1, sizeof(*s->units));
	if (!s->units)
		abort();
	add_main(s);
	if (!glob(NODES, 0, NULL, &nodes)) {
		for (size_t i = 0; i < nodes.gl_pathc; i++)
			add_other(s, nodes.gl_pathv[i]);
		globfree(&nodes);
	}
	return s->units;
}

enum mmb_rc mmb_unit_main(struct mmb_case *c, struct mmb_unit **u)
{
	*u = &units(c->s)->unit[0];
	if (!(*u)->info.num_queues)
		return mmb_skip(c, "the device or its driver has no queues");
	return MMB_OK;
}

struct mmb_unit *mmb_unit_find(struct mmb_session *s, uint32_t engine)
{
	struct mmb_units *all = units(s);

	for (size_t i = 0; i < all->n; i++)
		if (all->unit[i].info.engine == engine && all->unit[i].info.num_queues)
			return &all->unit[i];
	return NULL;
}

struct mmb_unit *mmb_unit_untranslated(struct mmb_session *s)
{
	struct mmb_units *all = units(s);

	for (size_t i = 1; i < all->n; i++)
		if (all->unit[i].info.engine == s->info.engine &&
		    !(all->unit[i].info.state & MMAPDEMO_STATE_IOMMU))
			return &all->unit[i];
	return NULL;
}

enum mmb_rc mmb_unit_need(struct mmb_case *c, uint32_t engine, struct mmb_unit **u)
{
	*u = mmb_unit_find(c->s, engine);
	if (*u)
		return MMB_OK;
	return mmb_skip(c, "there is no device with dma=%s%s%s here",
			mmd_engine_name(engine & MMAPDEMO_ENGINE_KIND),
			engine & MMAPDEMO_ENGINE_LOCK_STATS ? ",lock-stats=on" : "",
			engine & MMAPDEMO_ENGINE_POLLS ? ",poll-ns=..." : "");
}

enum mmb_rc mmb_unit_queue(struct mmb_case *c, struct mmb_unit *u, unsigned int index,
			   struct mmd_queue **q)
{
	const struct mmd_queue_attr attr = { .flags = MMD_QUEUE_SLEEP, .log2n = MMB_QUEUE_LOG2N };
	int err = 0;

	if (!u->queue[index])
		err = mmd_queue_create(u->dev, &attr, &u->queue[index]);
	*q = u->queue[index];
	if (err == -EBUSY || err == -EDQUOT)
		return mmb_skip(c, "%s has no queue left", mmd_path(u->dev));
	return err ? mmb_failed(c, MMD_CALL_QUEUE_CREATE, err) : MMB_OK;
}

int mmb_unit_memory(struct mmb_unit *u, uint32_t technique, struct mmb_mem **mem,
		    uint32_t *window)
{
	int err;

	*mem = &u->mem[technique];
	err = u->is_main ? mmb_mem_get(u->s, technique, mem) :
			   mmb_mem_make(u->dev, technique, MMB_UNIT_LEN, *mem);
	if (!err && !u->has_window[technique]) {
		err = mmd_window_create(u->dev, (*mem)->buf.handle, 0, (*mem)->buf.len,
					MMAPDEMO_WINDOW_READ | MMAPDEMO_WINDOW_WRITE,
					&u->window[technique]);
		u->has_window[technique] = !err;
	}
	*window = u->window[technique];
	return err;
}

uint64_t mmb_unit_counter(const struct mmb_unit *u, uint32_t reg)
{
	return mmd_mmio_read64(mmd_mmio_at(u->user.ptr, reg - MMAPDEMO_USER_BASE));
}

volatile void *mmb_unit_scratch(const struct mmb_unit *u)
{
	return mmd_mmio_at(u->user.ptr, MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);
}

static void drop(struct mmb_unit *u)
{
	for (unsigned int i = 0; i < MMB_UNIT_QUEUES; i++)
		mmd_queue_destroy(u->queue[i]);
	for (unsigned int i = 0; i < MMB_MEMS; i++)
		if (u->has_window[i])
			mmd_window_destroy(u->dev, u->window[i]);
	if (u->is_main)
		return;
	for (unsigned int i = 0; i < MMB_MEMS; i++) {
		if (!u->own[i].map.ptr)
			continue;
		mmd_unmap(&u->own[i].map);
		mmd_buf_free(u->dev, u->own[i].buf.handle);
	}
	mmd_unmap(&u->user);
	mmd_close(u->dev);
}

void mmb_units_drop(struct mmb_session *s)
{
	if (!s->units)
		return;
	for (size_t i = 0; i < s->units->n; i++)
		drop(&s->units->unit[i]);
	free(s->units);
	s->units = NULL;
}
