// SPDX-License-Identifier: MIT
/*
 * map_lifetime.c - a granted mapping over its life: split, moved, inherited, outliving its handle
 * and its file, and the count of mappings that must be right at every step.
 *
 * Not for: random sequences of the same, see map_random.c.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define PAGES	8
#define RW	(PROT_READ | PROT_WRITE)

#define CHECK_VMAS(o, n) CHECK_EQ(buf_vmas((o)->fd, (o)->handle), n)

/* Pages [from, to) of the mapping at p show pages [from, to) of the object. */
static void verify(const struct object *o, char *p, u64 from, u64 to)
{
	for (u64 n = from; n < to; n++)
		object_verify_page(o, p + n * PAGE, n);
}

/* --- munmap ------------------------------------------------------------------------------------ */

static void munmap_in_every_order_counts(const void *arg)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	struct object o = object_get(arg, PAGES);

	object_tag(&o);
	for (int i = 0; i < 6; i++) {
		char *p = map_rw(o.fd, 3 * PAGE, o.offset);
		bool there[3] = { true, true, true };

		for (int k = 0; k < 3; k++) {
			unsigned int runs = 0;

			unmap(p + orders[i][k] * PAGE, PAGE);
			there[orders[i][k]] = false;
			for (int n = 0; n < 3; n++) {
				runs += there[n] && !(n && there[n - 1]);
				if (there[n])
					object_verify_page(&o, p + n * PAGE, n);
				else
					CHECK_EQ(touch_read(p + n * PAGE, NULL), SIGSEGV);
			}
			CHECK_VMAS(&o, runs);
		}
	}
}

static void map_fixed_over_the_middle_splits(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p, *mid;

	object_tag(&o);
	p = map_rw(o.fd, 3 * PAGE, o.offset);
	mid = CHECK_SYS(mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	CHECK_VMAS(&o, 2);
	object_verify_page(&o, p, 0);
	object_verify_page(&o, p + 2 * PAGE, 2);
	CHECK_EQ(first_not(mid, PAGE, 0), PAGE);
	/* And the object itself in its own middle, at another page. */
	CHECK_SYS(mmap(mid, PAGE, RW, MAP_SHARED | MAP_FIXED, o.fd, o.offset + 3 * PAGE));
	CHECK_VMAS(&o, 3);
	object_verify_page(&o, mid, 3);
	object_verify_page(&o, p, 0);
	object_verify_page(&o, p + 2 * PAGE, 2);
	unmap(p, 3 * PAGE);
	CHECK_VMAS(&o, 0);
}

static void mprotect_of_the_middle_splits(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = map_rw(o.fd, 3 * PAGE, o.offset);
	CHECK_SYS(mprotect(p + PAGE, PAGE, PROT_READ));
	CHECK_VMAS(&o, 3);
	verify(&o, p, 0, 3);
	CHECK_EQ(touch_write(p + PAGE, 0), SIGSEGV);
	CHECK_SYS(mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_EQ(touch_read(p + PAGE, NULL), SIGSEGV);
	CHECK_SYS(mprotect(p, 3 * PAGE, RW));
	verify(&o, p, 0, 3);
	unmap(p, 3 * PAGE);
	CHECK_VMAS(&o, 0);
}

static void two_mappings_show_the_same_bytes(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *a = object_map(&o), *b = object_map(&o);

	CHECK_VMAS(&o, 2);
	if (o.flags & SUBJ_REGS) {
		object_verify_page(&o, a, 0);
		object_verify_page(&o, b, 0);
	} else {
		memset(a + o.len - PAGE, 0x11, PAGE);
		CHECK_EQ(first_not(b + o.len - PAGE, PAGE, 0x11), PAGE);
		b[o.len - 1] = 0x22;
		CHECK_EQ(a[o.len - 1], 0x22);
	}
	unmap(a, o.len);
	CHECK_VMAS(&o, 1);
	unmap(b, o.len);
	CHECK_VMAS(&o, 0);
}

/* --- mremap ------------------------------------------------------------------------------------- */

static void remap_refused(const struct object *o, void *p, size_t old, size_t new, int flags,
			  void *to, int err)
{
	void *q = mremap(p, old, new, flags, to);

	if (q != MAP_FAILED)
		FAIL("mremap from %zu to %zu bytes, flags %d is granted", old, new, flags);
	CHECK_EQ(errno, err);
	CHECK_VMAS(o, 1);
}

/* EFAULT is the kernel's answer for VM_DONTEXPAND. */
static void mremap_grow_efault(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *room = map_reserve(64 * PAGE), *p;

	object_tag(&o);
	unmap(room, 64 * PAGE);
	p = CHECK_SYS(mmap(room, 2 * PAGE, RW, MAP_SHARED | MAP_FIXED, o.fd, o.offset));
	remap_refused(&o, p, 2 * PAGE, 3 * PAGE, 0, NULL, EFAULT);
	remap_refused(&o, p, 2 * PAGE, 3 * PAGE, MREMAP_MAYMOVE, NULL, EFAULT);
	remap_refused(&o, p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, room + 32 * PAGE,
		      EFAULT);
	/* Past the object's end is no different. */
	remap_refused(&o, p, 2 * PAGE, o.len + PAGE, MREMAP_MAYMOVE, NULL, EFAULT);
	verify(&o, p, 0, 2);
	CHECK_EQ(touch_read(p + 2 * PAGE, NULL), SIGSEGV);
}

static void mremap_duplicate_efault(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);

	remap_refused(&o, p, 0, PAGE, MREMAP_MAYMOVE, NULL, EFAULT);
	remap_refused(&o, p, 0, o.len, MREMAP_MAYMOVE, NULL, EFAULT);
}

static void mremap_dontunmap_einval(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);

	remap_refused(&o, p, o.len, o.len, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL, EINVAL);
}

static void mremap_move_keeps_count_and_bytes(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p, *to = map_reserve(16 * PAGE), *q;

	object_tag(&o);
	p = map_rw(o.fd, 4 * PAGE, o.offset);
	q = CHECK_SYS(mremap(p, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	CHECK(q == to);
	CHECK_VMAS(&o, 1);
	verify(&o, q, 0, 4);
	CHECK_EQ(touch_read(p, NULL), SIGSEGV);
	CHECK_EQ(map_info(o.fd, q).out_offset, o.offset);
	/* One page out of the middle: three pieces now. */
	CHECK_SYS(mremap(q + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to + 8 * PAGE));
	CHECK_VMAS(&o, 3);
	object_verify_page(&o, q, 0);
	object_verify_page(&o, to + 8 * PAGE, 1);
	verify(&o, q, 2, 4);
	CHECK_EQ(map_info(o.fd, to + 8 * PAGE).out_offset, o.offset + PAGE);
	CHECK_EQ(touch_read(q + PAGE, NULL), SIGSEGV);
	/* Over another piece of itself: that one is gone. */
	CHECK_SYS(mremap(to + 8 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	CHECK_VMAS(&o, 2);
	object_verify_page(&o, to, 1);
}

/* Moved before the first touch: the pages that come later must be the right ones. */
static void mremap_move_before_first_touch_shows_right_pages(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p, *to = map_reserve(4 * PAGE);

	object_tag(&o);
	p = map_rw(o.fd, 4 * PAGE, o.offset + 2 * PAGE);
	CHECK_SYS(mremap(p + PAGE, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	object_verify_page(&o, to, 3);
	object_verify_page(&o, to + PAGE, 4);
	object_verify_page(&o, p, 2);
	object_verify_page(&o, p + 3 * PAGE, 5);
}

static void mremap_shrink_unmaps_the_tail(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = map_rw(o.fd, 4 * PAGE, o.offset);
	CHECK(CHECK_SYS(mremap(p, 4 * PAGE, PAGE, 0)) == p);
	CHECK_VMAS(&o, 1);
	object_verify_page(&o, p, 0);
	CHECK_EQ(touch_read(p + PAGE, NULL), SIGSEGV);
	remap_refused(&o, p, PAGE, 2 * PAGE, MREMAP_MAYMOVE, NULL, EFAULT);
}

/* --- fork ---------------------------------------------------------------------------------------- */

static void fork_inherits_and_counts(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct gate asked, done;
	char *p;
	pid_t pid;

	object_tag(&o);
	p = object_map(&o);
	gate_init(&asked);
	gate_init(&done);
	pid = child_fork();
	if (!pid) {
		verify(&o, p, 0, PAGES < o.len / PAGE ? PAGES : o.len / PAGE);
		p[o.len - 1] = 0x77;
		CHECK_VMAS(&o, 2);
		gate_open(&done);
		gate_pass(&asked);
		unmap(p, PAGE);
		CHECK_VMAS(&o, 2);
		unmap(p + 2 * PAGE, PAGE);
		CHECK_VMAS(&o, 3);
		child_exit();
	}
	gate_pass(&done);
	CHECK_VMAS(&o, 2);
	CHECK_EQ(p[o.len - 1], 0x77);
	gate_open(&asked);
	child_wait(pid, 5000);
	CHECK_VMAS(&o, 1);
	verify(&o, p, 0, 1);
}

/* The parent may go first; the child's mapping then is the last holder. */
static void fork_child_outlives_parent(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct gate go, done;
	pid_t pid, grandchild;

	gate_init(&go);
	gate_init(&done);
	pid = CHECK_SYS(fork());
	if (!pid) {
		char *p = object_map(&o);

		memset(p, 0x42, PAGE);
		grandchild = CHECK_SYS(fork());
		if (grandchild)
			child_exit();
		close(o.fd);
		gate_pass(&go);
		CHECK_EQ(first_not(p, PAGE, 0x42), PAGE);
		gate_open(&done);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK_VMAS(&o, 1);
	close(o.fd);
	gate_open(&go);
	gate_pass(&done);
}

static void fork_does_not_inherit(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p = object_map(&o);
	pid_t pid = child_fork();

	if (!pid) {
		CHECK_EQ(touch_read(p, NULL), SIGSEGV);
		CHECK_EQ(touch_read(p + o.len - PAGE, NULL), SIGSEGV);
		CHECK_VMAS(&o, 1);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK_VMAS(&o, 1);
	object_verify_page(&o, p, 0);
}

/* --- outliving handle and file -------------------------------------------------------------------- */

static void handle_freed_while_mapped_keeps_the_pages(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct mmapdemo_buf_info i;
	u64 free_before, free_mapped;
	u32 others[8];
	char *p;

	object_tag(&o);
	p = object_map(&o);
	free_before = info_get(o.fd).out_mem_free;
	CHECK_OK(buf_free(o.fd, o.handle));
	CHECK_RET(buf_try_info(o.fd, o.handle, &i), -ENOENT);
	CHECK_RET(buf_free(o.fd, o.handle), -ENOENT);
	CHECK_RET(map_try(o.fd, PAGE, RW, MAP_SHARED, o.offset, NULL), -ENOENT);
	CHECK_EQ(info_get(o.fd).out_mem_free, free_before);
	/* Nobody else gets these pages meanwhile. */
	for (size_t k = 0; k < ARRAY_SIZE(others); k++) {
		struct mmapdemo_buf_alloc a;
		void *q;

		CHECK_OK(buf_try_alloc(o.fd, o.s->technique, o.s->cache, o.s->alloc_flags, o.len,
				       &a));
		others[k] = a.out_handle;
		q = map_rw(o.fd, a.out_len, a.out_offset);
		CHECK_EQ(first_not(q, a.out_len, 0), a.out_len);
		memset(q, 0xee, a.out_len);
		unmap(q, a.out_len);
		CHECK(a.out_offset != o.offset);
	}
	verify(&o, p, 0, PAGES);
	for (size_t k = 0; k < ARRAY_SIZE(others); k++)
		CHECK_OK(buf_free(o.fd, others[k]));
	/* A split of a mapping without a handle must not lose the count either. */
	unmap(p + PAGE, PAGE);
	object_verify_page(&o, p, 0);
	object_verify_page(&o, p + 2 * PAGE, 2);
	unmap(p, PAGE);
	free_mapped = info_get(o.fd).out_mem_free;
	CHECK_EQ(free_mapped, free_before);
	unmap(p + 2 * PAGE, o.len - 2 * PAGE);
	CHECK_EQ(info_get(o.fd).out_mem_free,
		 free_before + (o.flags & SUBJ_DEVICE ? o.len : 0));
}

static void closed_file_leaves_the_mapping(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	char *p;

	object_tag(&o);
	p = object_map(&o);
	close(o.fd);
	verify(&o, p, 0, PAGES < o.len / PAGE ? PAGES : o.len / PAGE);
	if (!(o.flags & SUBJ_REGS))
		memset(p, 0x66, o.len > 16 * PAGE ? PAGE : o.len);
	if (!(o.flags & (SUBJ_EXCL | SUBJ_RAW)))
		CHECK_RET(map_try(dev_open(O_RDWR), PAGE, RW, MAP_SHARED, o.offset, NULL),
			  o.flags & SUBJ_STANDING ? 0 : -ENOENT);
	unmap(p, PAGE);
	object_verify_page(&o, p + PAGE, o.flags & SUBJ_REGS ? 1 : ~0ULL);
}

/* --- many at once ---------------------------------------------------------------------------------- */

#define TOUCHERS	4
#define ROUNDS		50

struct touch_job {
	const struct object *o;
	char *volatile p;
	pthread_barrier_t start, end;
};

static void *toucher(void *arg)
{
	struct touch_job *j = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&j->start);
		for (u64 n = 0; n < 4; n++)
			object_verify_page(j->o, j->p + n * PAGE, n);
		pthread_barrier_wait(&j->end);
	}
	return NULL;
}

static void concurrent_first_touches_agree(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct touch_job j = { .o = &o };
	pthread_t t[TOUCHERS];

	object_tag(&o);
	pthread_barrier_init(&j.start, NULL, TOUCHERS + 1);
	pthread_barrier_init(&j.end, NULL, TOUCHERS + 1);
	for (int i = 0; i < TOUCHERS; i++)
		CHECK(!pthread_create(&t[i], NULL, toucher, &j));
	for (int i = 0; i < ROUNDS; i++) {
		j.p = map_rw(o.fd, 4 * PAGE, o.offset);
		pthread_barrier_wait(&j.start);
		pthread_barrier_wait(&j.end);
		CHECK_VMAS(&o, 1);
		unmap(j.p, 4 * PAGE);
	}
	for (int i = 0; i < TOUCHERS; i++)
		pthread_join(t[i], NULL);
	CHECK_VMAS(&o, 0);
}

static volatile bool race_over;

static void *map_racer(void *arg)
{
	const struct object *o = arg;

	while (!race_over) {
		void *p = NULL;
		int ret = map_try(o->fd, PAGE, RW, MAP_SHARED, o->offset, &p);

		if (ret && ret != -ENOENT)
			FAIL("mmap in a race with free: %s", errno_word(ret));
		if (!ret) {
			/* Granted: then the page is there until we let it go. */
			CHECK_EQ(touch_write(p, 0x1234), 0);
			unmap(p, PAGE);
		}
	}
	return NULL;
}

/* Each round frees one buffer while another thread maps it. Either wins, nobody is hurt. */
static void free_in_a_race_with_mmap(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	const int rounds = 100;

	for (int i = 0; i < rounds; i++) {
		struct object *r = &o;
		pthread_t t;

		race_over = false;
		CHECK(!pthread_create(&t, NULL, map_racer, r));
		if (i % 3 == 0)
			sleep_ms(1);
		CHECK_OK(buf_free(o.fd, o.handle));
		race_over = true;
		pthread_join(t, NULL);
		o = object_get_in(arg, o.fd, PAGES);
	}
}

/* What mmap maps and munmap takes away on one thread must not disturb another's mapping. */
static void kill_with_many_mappings_leaves_nothing(const void *arg)
{
	struct object o = object_get(arg, PAGES);
	struct gate ready;
	pid_t pid;

	object_tag(&o);
	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		for (int i = 0; i < 32; i++) {
			char *p = object_map(&o);

			unmap(p + PAGE, PAGE);
			object_verify_page(&o, p, 0);
		}
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_pass(&ready);
	CHECK_VMAS(&o, 64);
	kill(pid, SIGKILL);
	CHECK(WIFSIGNALED(child_status(pid, 5000)));
	CHECK_VMAS(&o, 0);
}

void register_map_lifetime(void)
{
	u32 memory = SUBJ_STANDING;	/* what is allocated, hence freed */

	subject_add(munmap_in_every_order_counts, 0, SUBJ_BIG, 0, "munmap_in_every_order_counts");
	subject_add(map_fixed_over_the_middle_splits, 0, SUBJ_BIG, 0,
		    "map_fixed_over_the_middle_splits");
	subject_add(mprotect_of_the_middle_splits, 0, SUBJ_BIG, 0, "mprotect_of_the_middle_splits");
	subject_add(two_mappings_show_the_same_bytes, 0, SUBJ_BIG, 0,
		    "two_mappings_show_the_same_bytes");
	subject_add(mremap_grow_efault, 0, SUBJ_BIG, 0, "mremap_grow_efault");
	subject_add(mremap_duplicate_efault, 0, SUBJ_BIG, 0, "mremap_duplicate_efault");
	subject_add(mremap_dontunmap_einval, 0, SUBJ_BIG, 0, "mremap_dontunmap_einval");
	subject_add(mremap_move_keeps_count_and_bytes, 0, SUBJ_BIG, 0,
		    "mremap_move_keeps_count_and_bytes");
	subject_add(mremap_move_before_first_touch_shows_right_pages, 0, SUBJ_STANDING, 0,
		    "mremap_move_before_first_touch_shows_right_pages");
	subject_add(mremap_shrink_unmaps_the_tail, 0, SUBJ_BIG, 0, "mremap_shrink_unmaps_the_tail");
	subject_add(fork_inherits_and_counts, 0, SUBJ_DONTCOPY | SUBJ_BIG, 0,
		    "fork_inherits_and_counts");
	subject_add(fork_child_outlives_parent, 0, SUBJ_DONTCOPY | SUBJ_BIG, 0,
		    "fork_child_outlives_parent");
	subject_add(fork_does_not_inherit, SUBJ_DONTCOPY, SUBJ_BIG, 0, "fork_does_not_inherit");
	subject_add(handle_freed_while_mapped_keeps_the_pages, 0, memory, 0,
		    "handle_freed_while_mapped_keeps_the_pages");
	subject_add(closed_file_leaves_the_mapping, 0, SUBJ_BIG, 0,
		    "closed_file_leaves_the_mapping");
	subject_add(concurrent_first_touches_agree, 0, SUBJ_BIG, 0,
		    "concurrent_first_touches_agree");
	subject_add(free_in_a_race_with_mmap, 0, memory, 20000, "free_in_a_race_with_mmap");
	subject_add(kill_with_many_mappings_leaves_nothing, 0, SUBJ_BIG, 0,
		    "kill_with_many_mappings_leaves_nothing");
}
