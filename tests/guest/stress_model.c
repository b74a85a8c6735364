// SPDX-License-Identifier: MIT
/*
 * stress_model.c - single operations of the random stressor, each with a look at what it has done.
 *
 * The model: a page of an object is fresh, and zero, or filled with a pattern of its own, of a tag
 * that was never given before. A byte from elsewhere, however it came, is no such pattern.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

#define RW	(PROT_READ | PROT_WRITE)

static unsigned int pick(struct stress *s, unsigned int below)
{
	return rnd(&s->rnd) % below;
}

static u64 tag_new(struct stress *s)
{
	return __atomic_add_fetch(s->tag, 1, __ATOMIC_RELAXED);
}

static bool is_bar(const struct stress_obj *o)
{
	return o->technique == MMAPDEMO_TECH_BAR || o->technique == MMAPDEMO_TECH_BAR_FAULT ||
	       o->technique == MMAPDEMO_TECH_BAR_HUGE;
}

static void page_check(const struct stress_obj *o, u32 page, const void *p, const char *how)
{
	size_t at = o->tags[page] ? differs(p, PAGE, o->tags[page]) : first_not(p, PAGE, 0);

	if (at < PAGE)
		FAIL("%s: technique %u, page %u: byte %zu is not of tag %#llx", how, o->technique,
		     page, at, (unsigned long long)o->tags[page]);
}

/* --- choosing -------------------------------------------------------------------------------- */

static struct stress_obj *obj_pick(struct stress *s, bool with_handle)
{
	unsigned int first = pick(s, STRESS_OBJS), i;

	for (i = 0; i < STRESS_OBJS; i++) {
		struct stress_obj *o = &s->objs[(first + i) % STRESS_OBJS];

		if (o->technique && (o->handle || !with_handle))
			return o;
	}
	return NULL;
}

static struct stress_map *map_pick(struct stress *s, struct stress_obj **out)
{
	struct stress_obj *o = obj_pick(s, false);
	unsigned int first = pick(s, STRESS_MAPS), i;

	for (i = 0; o && i < STRESS_MAPS; i++) {
		struct stress_map *m = &o->maps[(first + i) % STRESS_MAPS];

		if (m->p) {
			*out = o;
			return m;
		}
	}
	return NULL;
}

static u32 vmas_of(const struct stress_obj *o)
{
	u32 n = 0;

	for (unsigned int i = 0; i < STRESS_MAPS; i++)
		n += !!o->maps[i].p;
	return n;
}

static void obj_forget_if_over(struct stress_obj *o)
{
	if (!o->handle && !vmas_of(o))
		memset(o, 0, sizeof(*o));
}

/* --- buffers --------------------------------------------------------------------------------- */

static void page_read(struct stress *s, const struct stress_obj *o, u32 page, const char *how)
{
	char data[PAGE];

	if (o->own) {
		page_check(o, page, o->own + page * PAGE, how);
		return;
	}
	CHECK_EQ(CHECK_SYS(pread(s->fd, data, PAGE, o->offset + page * PAGE)), PAGE);
	page_check(o, page, data, how);
}

static void op_alloc(struct stress *s)
{
	struct mmapdemo_buf_alloc a;
	struct stress_obj *o = s->objs;
	u32 technique = 1 + pick(s, MMAPDEMO_TECH_MAX);

	while (o < s->objs + STRESS_OBJS && o->technique)
		o++;
	if (o == s->objs + STRESS_OBJS || !technique_is_there(s->fd, technique))
		return;
	if (technique == MMAPDEMO_TECH_USERPTR) {
		o->own = CHECK_SYS(mmap(NULL, STRESS_PAGES * PAGE, RW,
					MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
		o->handle = buf_pin(s->fd, o->own, STRESS_PAGES * PAGE, 0);
	} else {
		int ret = buf_try_alloc(s->fd, technique, MMAPDEMO_CACHE_DEFAULT, 0,
					STRESS_PAGES * PAGE, &a);

		/* Device memory that is there may be in pieces. */
		if (ret == -ENOMEM)
			return;
		CHECK_OK(ret);
		o->handle = a.out_handle;
		o->offset = a.out_offset;
	}
	o->technique = technique;
	for (u32 page = 0; page < STRESS_PAGES; page++)
		page_read(s, o, page, "fresh memory");
	s->done++;
}

static void obj_free(struct stress *s, struct stress_obj *o)
{
	CHECK_OK(buf_free(s->fd, o->handle));
	CHECK_RET(buf_free(s->fd, o->handle), -ENOENT);
	o->handle = 0;
	if (o->own)
		unmap(o->own, STRESS_PAGES * PAGE);
	obj_forget_if_over(o);
}

static void op_free(struct stress *s)
{
	struct stress_obj *o = obj_pick(s, true);

	if (!o)
		return;
	obj_free(s, o);
	s->done++;
}

static void op_pread(struct stress *s)
{
	struct stress_obj *o = obj_pick(s, true);

	if (!o)
		return;
	page_read(s, o, pick(s, STRESS_PAGES), "pread");
	s->done++;
}

static void op_pwrite(struct stress *s)
{
	struct stress_obj *o = obj_pick(s, true);
	u32 page = pick(s, STRESS_PAGES);
	char data[PAGE];

	if (!o)
		return;
	o->tags[page] = tag_new(s);
	fill(data, PAGE, o->tags[page]);
	if (o->own)
		memcpy(o->own + page * PAGE, data, PAGE);
	else
		CHECK_EQ(CHECK_SYS(pwrite(s->fd, data, PAGE, o->offset + page * PAGE)), PAGE);
	s->done++;
}

/* --- mappings -------------------------------------------------------------------------------- */

static void counts_check(struct stress *s, const struct stress_obj *o)
{
	if (o->handle && !o->own)
		CHECK_EQ(buf_vmas(s->fd, o->handle), vmas_of(o));
}

static void op_map(struct stress *s)
{
	struct stress_obj *o = obj_pick(s, true);
	u32 n = 1 + pick(s, STRESS_PAGES), page = pick(s, STRESS_PAGES - n + 1);

	if (!o || o->own)
		return;
	for (unsigned int i = 0; i < STRESS_MAPS; i++) {
		if (o->maps[i].p)
			continue;
		o->maps[i] = (struct stress_map){
			map_rw(s->fd, n * PAGE, o->offset + page * PAGE), page, n,
		};
		counts_check(s, o);
		s->done++;
		return;
	}
}

static void map_drop(struct stress_obj *o, struct stress_map *m)
{
	unmap(m->p, m->n * PAGE);
	memset(m, 0, sizeof(*m));
	obj_forget_if_over(o);
}

/* All of it, or the first page, or the last. */
static void op_unmap(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m = map_pick(s, &o);
	unsigned int how = pick(s, 3);

	if (!m)
		return;
	if (m->n == 1 || !how) {
		map_drop(o, m);
	} else {
		m->n--;
		unmap(how == 1 ? m->p : m->p + m->n * PAGE, PAGE);
		m->p += how == 1 ? PAGE : 0;
		m->page += how == 1;
	}
	counts_check(s, o);
	s->done++;
}

static void op_move(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m = map_pick(s, &o);
	char *to;

	if (!m)
		return;
	to = map_reserve(m->n * PAGE);
	m->p = CHECK_SYS(mremap(m->p, m->n * PAGE, m->n * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	page_check(o, m->page, m->p, "moved mapping");
	counts_check(s, o);
	s->done++;
}

/* A page of a mapping, the at-th of it; false if nothing is mapped. */
static bool mapped_page_pick(struct stress *s, struct stress_obj **o, struct stress_map **m,
			     u32 *at)
{
	*m = map_pick(s, o);
	if (*m)
		*at = pick(s, (*m)->n);
	return *m;
}

static void op_protect(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m;
	u32 at;

	if (!mapped_page_pick(s, &o, &m, &at))
		return;
	CHECK_SYS(mprotect(m->p + at * PAGE, PAGE, PROT_READ));
	CHECK_EQ(touch_write(m->p + at * PAGE, 1), SIGSEGV);
	page_check(o, m->page + at, m->p + at * PAGE, "read-only page");
	/* The kernel joins the pieces never again: they are special. */
	CHECK_SYS(mprotect(m->p + at * PAGE, PAGE, RW));
	if (m->n > 1)
		map_drop(o, m);
	s->done++;
}

static void op_load(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m;
	u32 at;

	if (!mapped_page_pick(s, &o, &m, &at))
		return;
	page_check(o, m->page + at, m->p + at * PAGE, "mapping");
	s->done++;
}

static void op_store(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m;
	u32 at;

	if (!mapped_page_pick(s, &o, &m, &at))
		return;
	o->tags[m->page + at] = tag_new(s);
	fill(m->p + at * PAGE, PAGE, o->tags[m->page + at]);
	s->done++;
}

static void op_fork(struct stress *s)
{
	struct stress_obj *o;
	struct stress_map *m = map_pick(s, &o);
	pid_t pid;

	if (!m)
		return;
	pid = child_fork();
	if (!pid) {
		for (u32 i = 0; i < m->n; i++)
			page_check(o, m->page + i, m->p + i * PAGE, "mapping in a child");
		unmap(m->p, m->n * PAGE);
		child_exit();
	}
	child_wait(pid, 10000);
	counts_check(s, o);
	s->done++;
}

/* --- moving bytes by the device ------------------------------------------------------------------ */

/* Two objects with handles, the first in system memory, the second of the device if bar is set. */
static bool pair_pick(struct stress *s, bool bar, struct stress_obj **mem, struct stress_obj **dev)
{
	*mem = *dev = NULL;
	for (unsigned int i = pick(s, STRESS_OBJS), n = 0; n < STRESS_OBJS; n++, i++) {
		struct stress_obj *o = &s->objs[i % STRESS_OBJS];

		if (!o->handle)
			continue;
		if (!*dev && is_bar(o) == bar)
			*dev = o;
		else if (!*mem && !is_bar(o))
			*mem = o;
	}
	return *mem && *dev;
}

static void op_dma(struct stress *s)
{
	u32 from = pick(s, STRESS_PAGES), to = pick(s, STRESS_PAGES);
	struct stress_obj *mem, *dev;

	if (!pair_pick(s, true, &mem, &dev))
		return;
	if (pick(s, 2)) {
		CHECK_OK(dma_copy(s->fd, MMAPDEMO_DMA_TO_DEVICE, mem->handle, from * PAGE,
				  dev->handle, to * PAGE, PAGE, NULL));
		dev->tags[to] = mem->tags[from];
	} else {
		CHECK_OK(dma_copy(s->fd, MMAPDEMO_DMA_FROM_DEVICE, mem->handle, to * PAGE,
				  dev->handle, from * PAGE, PAGE, NULL));
		mem->tags[to] = dev->tags[from];
	}
	page_read(s, dev, to, "device memory after DMA");
	page_read(s, mem, to, "memory after DMA");
	s->done++;
}

/* By a queue: windows of one page each, which are gone afterwards. */
static void queue_copy(struct stress *s, bool by_call)
{
	u32 from = pick(s, STRESS_PAGES), to = pick(s, STRESS_PAGES);
	struct stress_obj *src, *dst;
	u32 src_win, dst_win;
	sqe_t d;
	cqe_t c;

	if (!pair_pick(s, pick(s, 2), &src, &dst) || window_is_refused_here(src->technique) ||
	    window_is_refused_here(dst->technique))
		return;
	src_win = window_get(s->fd, src->handle, MMAPDEMO_WINDOW_READ, from * PAGE, PAGE);
	dst_win = window_get(s->fd, dst->handle, MMAPDEMO_WINDOW_WRITE, to * PAGE, PAGE);
	d = sqe_copy(dst_win, 0, src_win, 0, PAGE);
	c = by_call ? dqueue_do(s->fd, s->dqueue, &d) : queue_do(&s->q, &d);
	CHECK_EQ(c.status, MMAPDEMO_CQ_OK);
	CHECK_EQ(c.bytes, PAGE);
	dst->tags[to] = src->tags[from];
	/* One byte more, and a direction that was not granted. */
	d = sqe_copy(dst_win, 1, src_win, 0, PAGE);
	c = by_call ? dqueue_do(s->fd, s->dqueue, &d) : queue_do(&s->q, &d);
	CHECK_EQ(c.status, MMAPDEMO_CQ_RANGE);
	d = sqe_copy(src_win, 0, dst_win, 0, PAGE);
	c = by_call ? dqueue_do(s->fd, s->dqueue, &d) : queue_do(&s->q, &d);
	CHECK_EQ(c.status, MMAPDEMO_CQ_ACCESS);
	CHECK_OK(window_destroy(s->fd, src_win));
	CHECK_OK(window_destroy(s->fd, dst_win));
	page_read(s, dst, to, "page copied by a queue");
	page_read(s, src, from, "page copied from by a queue");
	s->done++;
}

static void op_queue(struct stress *s)
{
	queue_copy(s, false);
}

static void op_queue_submit(struct stress *s)
{
	queue_copy(s, true);
}

static void op_sync(struct stress *s)
{
	struct stress_obj *o = obj_pick(s, true);
	u32 page = pick(s, STRESS_PAGES);

	if (!o)
		return;
	CHECK_RET(buf_sync(s->fd, o->handle, 1 + pick(s, 2), page * PAGE, PAGE),
		  is_bar(o) ? -EINVAL : 0);
	page_read(s, o, page, "page after BUF_SYNC");
	s->done++;
}

/* --- the whole ------------------------------------------------------------------------------------ */

void stress_open(struct stress *s)
{
	s->fd = dev_open(O_RDWR);
	s->q = queue_get(s->fd, 3);
	s->dqueue = dqueue_get(s->fd, 3);
}

void stress_verify(struct stress *s)
{
	for (unsigned int i = 0; i < STRESS_OBJS; i++) {
		struct stress_obj *o = &s->objs[i];

		for (u32 page = 0; o->handle && page < STRESS_PAGES; page++)
			page_read(s, o, page, "at the end");
		for (unsigned int m = 0; m < STRESS_MAPS; m++) {
			for (u32 page = 0; page < o->maps[m].n; page++)
				page_check(o, o->maps[m].page + page, o->maps[m].p + page * PAGE,
					   "mapping at the end");
		}
		counts_check(s, o);
	}
}

static void all_unmap(struct stress *s, int touch)
{
	for (unsigned int i = 0; i < STRESS_OBJS; i++) {
		for (unsigned int m = 0; m < STRESS_MAPS; m++) {
			struct stress_map *map = &s->objs[i].maps[m];

			for (u32 page = 0; touch && page < map->n; page++) {
				CHECK(!pagemap_present(map->p + page * PAGE));
				CHECK_EQ(touch_read(map->p + page * PAGE, NULL), touch);
			}
			if (map->p)
				map_drop(&s->objs[i], map);
		}
	}
}

void stress_close(struct stress *s)
{
	all_unmap(s, 0);
	for (unsigned int i = 0; i < STRESS_OBJS; i++) {
		/* By the call, or by close(2). */
		if (s->objs[i].handle && pick(s, 2))
			obj_free(s, &s->objs[i]);
		else if (s->objs[i].own)
			unmap(s->objs[i].own, STRESS_PAGES * PAGE);
	}
	memset(s->objs, 0, sizeof(s->objs));
	queue_unmap(&s->q);
	CHECK_SYS(close(s->fd));
}

static void op_reopen(struct stress *s)
{
	stress_close(s);
	stress_open(s);
	s->done++;
}

/* Buffers and what is in them stay; mappings of device memory go, and the queues are over. */
void stress_after_reset(struct stress *s)
{
	for (unsigned int i = 0; i < STRESS_OBJS; i++) {
		struct stress_obj *o = &s->objs[i];

		for (unsigned int m = 0; is_bar(o) && m < STRESS_MAPS; m++) {
			if (!o->maps[m].p)
				continue;
			CHECK(!pagemap_present(o->maps[m].p));
			if (o->technique == MMAPDEMO_TECH_BAR)
				CHECK_EQ(touch_read(o->maps[m].p, NULL), SIGBUS);
			map_drop(o, &o->maps[m]);
		}
	}
	queue_put(&s->q);
	CHECK_OK(queue_destroy(s->fd, s->dqueue));
	s->q = queue_get(s->fd, 3);
	s->dqueue = dqueue_get(s->fd, 3);
	stress_verify(s);
}

void stress_after_removal(struct stress *s)
{
	struct mmapdemo_info info = { .size = sizeof(info) };

	CHECK_RET(call(s->fd, MMAPDEMO_IOC_INFO, &info), -ENODEV);
	all_unmap(s, SIGBUS);
	/* The process's own memory is its own, with what the device has put there. */
	for (unsigned int i = 0; i < STRESS_OBJS; i++) {
		for (u32 page = 0; s->objs[i].own && page < STRESS_PAGES; page++)
			page_read(s, &s->objs[i], page, "pinned memory after removal");
		if (s->objs[i].own)
			unmap(s->objs[i].own, STRESS_PAGES * PAGE);
	}
	memset(s->objs, 0, sizeof(s->objs));
	queue_unmap(&s->q);
	CHECK_SYS(close(s->fd));
}

const struct stress_kind stress_kinds[] = {
	{ "alloc", 12, op_alloc, false },
	{ "free", 6, op_free, false },
	{ "pread", 6, op_pread, false },
	{ "pwrite", 8, op_pwrite, false },
	{ "map", 12, op_map, false },
	{ "unmap", 6, op_unmap, false },
	{ "move", 4, op_move, false },
	{ "protect", 2, op_protect, false },
	{ "load", 12, op_load, false },
	{ "store", 12, op_store, false },
	/* A child has the mappings of all threads, and they count. */
	{ "fork", 1, op_fork, true },
	{ "dma", 8, op_dma, false },
	{ "queue", 6, op_queue, false },
	{ "queue_submit", 6, op_queue_submit, false },
	{ "sync", 3, op_sync, false },
	{ "reopen", 1, op_reopen, false },
};

const unsigned int num_stress_kinds = ARRAY_SIZE(stress_kinds);
