// SPDX-License-Identifier: MIT
/*
 * map_prepare.c - the second node, /dev/mmapdemo-prepareN, whose mappings are made by .mmap_prepare.
 *
 * Not for: what holds of any mapping. All tests of mappings run on that node, too, when they are told
 * so: see dev_is_prepare().
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subject.h"

#define PAGES	16

static const char *prepare_node(void)
{
	static char path[64];
	glob_t g;

	if (glob("/dev/mmapdemo-prepare[0-9]*", 0, NULL, &g))
		return NULL;
	strf(path, sizeof(path), "%s", g.gl_pathv[0]);
	globfree(&g);
	return path;
}

static int prepare_open(int flags)
{
	const char *path = prepare_node();

	if (!path)
		test_skip("this kernel has no .mmap_prepare with vm_ops->mapped: one node");
	return CHECK_SYS(open(path, flags | O_CLOEXEC));
}

static void node_is_there_if_info_says_so(const void *arg)
{
	struct mmapdemo_info i = info_get(dev_open(O_RDWR));

	(void)arg;
	CHECK_EQ(prepare_node() != NULL, !!(i.out_caps & MMAPDEMO_CAP_MMAP_PREPARE));
	if (prepare_node()) {
		struct mmapdemo_info p = info_get(prepare_open(O_RDWR));

		CHECK(!memcmp(&i, &p, sizeof(i)));
	}
}

/* What is to be seen of a mapping of the whole object, without its addresses. */
static void seen_get(const struct object *o, char *flags, size_t size, char perms[5],
		     struct mmapdemo_map_info *m)
{
	char *p = object_map(o);

	object_tag(o);
	vm_flags_get(p, flags, size);
	map_perms(p, perms);
	*m = map_info(o->fd, p);
	CHECK_EQ(buf_vmas(o->fd, o->handle), 1);
	for (u64 n = 0; n < object_live_pages(o) && n < PAGES; n++)
		object_verify_page(o, p + n * PAGE, n);
	unmap(p, o->len);
	CHECK_EQ(buf_vmas(o->fd, o->handle), 0);
}

static void looks_like_one_by_mmap(const void *arg)
{
	const struct subject *s = arg;
	int fd = prepare_open(s->flags & SUBJ_EXCL ? O_RDWR | O_EXCL : O_RDWR);
	struct mmapdemo_map_info one, two;
	char flags[2][256], perms[2][5];
	struct object o;

	if (s->technique == MMAPDEMO_TECH_COHERENT)
		test_skip("dma_mmap_coherent() has no form for .mmap_prepare");
	o = object_get_in(s, fd, PAGES);
	seen_get(&o, flags[0], sizeof(flags[0]), perms[0], &one);
	object_put(&o);
	o = object_get(s, PAGES);
	seen_get(&o, flags[1], sizeof(flags[1]), perms[1], &two);
	CHECKF(!strcmp(flags[0], flags[1]), "VmFlags: %s, and%s", flags[0], flags[1]);
	CHECKF(!strcmp(perms[0], perms[1]), "%s and %s", perms[0], perms[1]);
	CHECK_EQ(one.out_technique, two.out_technique);
	CHECK_EQ(one.out_cache, two.out_cache);
	CHECK_EQ(one.out_present, two.out_present);
	CHECK_EQ(one.out_entry_shift, two.out_entry_shift);
	CHECK_EQ(one.out_end - one.out_start, two.out_end - two.out_start);
}

static void coherent_eopnotsupp(const void *arg)
{
	int fd = prepare_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	void *p;

	(void)arg;
	CHECK_RET(map_try(fd, PAGE, PROT_READ, MAP_SHARED, a.out_offset, &p), -EOPNOTSUPP);
	CHECK_EQ(buf_vmas(fd, a.out_handle), 0);
	/* It is asked last: what would be refused anyhow has its own answer. */
	CHECK_RET(map_try(fd, 2 * PAGE, PROT_READ, MAP_SHARED, a.out_offset, &p), -EINVAL);
}

/* --- freed between the two halves ----------------------------------------------------------------------------------- */

struct race {
	int fd;
	u32 handle;
	pthread_barrier_t start, end;
	bool over;
};

static void *freer(void *arg)
{
	struct race *r = arg;

	for (;;) {
		pthread_barrier_wait(&r->start);
		if (r->over)
			return NULL;
		CHECK_OK(buf_free(r->fd, r->handle));
		pthread_barrier_wait(&r->end);
	}
}

/* Mapped or ENOENT, and nothing else: the buffer is looked up twice, and may be gone at either. */
static void raced_with_free_is_all_or_nothing(const void *arg)
{
	struct race r = { .fd = prepare_open(O_RDWR) };
	unsigned int mapped = 0, rounds = 2000;
	pthread_t t;

	(void)arg;
	CHECK(!pthread_barrier_init(&r.start, NULL, 2) && !pthread_barrier_init(&r.end, NULL, 2));
	CHECK(!pthread_create(&t, NULL, freer, &r));
	for (unsigned int i = 0; i < rounds; i++) {
		u32 technique = i & 1 ? MMAPDEMO_TECH_PAGES : MMAPDEMO_TECH_VMALLOC;
		struct mmapdemo_buf_alloc a = buf_alloc(r.fd, technique, 4 * PAGE);
		void *p;
		int ret;

		r.handle = a.out_handle;
		pthread_barrier_wait(&r.start);
		ret = map_try(r.fd, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, a.out_offset, &p);
		pthread_barrier_wait(&r.end);
		if (!ret) {
			mapped++;
			memset(p, 1, 4 * PAGE);
			unmap(p, 4 * PAGE);
		} else {
			CHECK_EQ(ret, -ENOENT);
		}
	}
	r.over = true;
	pthread_barrier_wait(&r.start);
	pthread_join(t, NULL);
	diag("%u of %u mapped", mapped, rounds);
}

void register_map_prepare(void)
{
	test_add(node_is_there_if_info_says_so, NULL, 0, "prepare_node_is_there_if_info_says_so");
	subject_add(looks_like_one_by_mmap, 0, SUBJ_RAW | SUBJ_BAR_TYPE, 0,
		    "by_prepare_looks_like_one_by_mmap");
	test_add(coherent_eopnotsupp, NULL, 0, "prepare_coherent_eopnotsupp");
	test_add(raced_with_free_is_all_or_nothing, NULL, 20000,
		 "prepare_raced_with_free_is_all_or_nothing");
}
