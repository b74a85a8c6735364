// SPDX-License-Identifier: MIT
/*
 * map_revoke.c - mappings that were cut, protected, moved and inherited are taken away as whole
 * ones are, in every process that shows them.
 *
 * Not for: the ways in which a device goes, and the states it can be in then, see lifetime*.c.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "subject.h"

#define PAGES	8
#define MAX	24
#define RW	(PROT_READ | PROT_WRITE)

#define CUT	1	/* pages by what happens to them */
#define LOCKED	3
#define MOVED	5

struct piece {
	struct object o;
	char *p, *moved;
};

static struct piece pieces[MAX];
static size_t num_pieces;

/* Nothing is there now, and nothing else comes there. */
static void keep_empty(char *at)
{
	CHECK_SYS(mmap(at, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
}

/* One of everything that can be had in one file, all of it touched before. */
static int pieces_get(void)
{
	int fd = dev_open(O_RDWR);

	for (size_t i = 0; i < num_subjects && num_pieces < MAX; i++) {
		const struct subject *s = &subjects[i];
		struct piece *e = &pieces[num_pieces];

		if ((s->flags & (SUBJ_EXCL | SUBJ_RAW | SUBJ_BAR_TYPE | SUBJ_REGS)) ||
		    s->region != REGION_NONE || !subject_is_there(s, fd, NULL))
			continue;
		e->o = object_get_in(s, fd, PAGES);
		object_tag(&e->o);
		e->p = object_map(&e->o);
		for (u64 n = 0; n < e->o.len / PAGE; n++)
			object_verify_page(&e->o, e->p + n * PAGE, n);
		unmap(e->p + CUT * PAGE, PAGE);
		keep_empty(e->p + CUT * PAGE);
		CHECK_SYS(mprotect(e->p + LOCKED * PAGE, PAGE, PROT_READ));
		e->moved = map_reserve(PAGE);
		CHECK_SYS(mremap(e->p + MOVED * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
				 e->moved));
		keep_empty(e->p + MOVED * PAGE);
		num_pieces++;
	}
	CHECK(num_pieces >= 4);
	return fd;
}

/* Where page n is now; NULL: nowhere. */
static char *page_of(const struct piece *e, u64 n)
{
	return n == CUT ? NULL : n == MOVED ? e->moved : e->p + n * PAGE;
}

static void all_pages_are(int want)
{
	for (size_t i = 0; i < num_pieces; i++) {
		const struct piece *e = &pieces[i];

		for (u64 n = 0; n < e->o.len / PAGE; n++) {
			char *at = page_of(e, n);
			int sig;

			if (!at)
				continue;
			if (!want) {
				object_verify_page(&e->o, at, n);
				continue;
			}
			sig = touch_read(at, NULL);
			if (sig != want)
				FAIL("%s, page %llu: signal %d, wanted %d", e->o.s->name,
				     (unsigned long long)n, sig, want);
			CHECK(!pagemap_present(at));
		}
		CHECK_EQ(touch_read(e->p + CUT * PAGE, NULL), SIGSEGV);
		CHECK_EQ(touch_read(e->p + MOVED * PAGE, NULL), SIGSEGV);
	}
}

static void unbind_takes_cut_moved_and_inherited_pieces_away(const void *arg)
{
	struct gate ready, gone;
	pid_t pid;

	(void)arg;
	pieces_get();
	gate_init(&ready);
	gate_init(&gone);
	pid = child_fork();
	if (!pid) {
		all_pages_are(0);
		gate_open(&ready);
		gate_pass(&gone);
		all_pages_are(SIGBUS);
		child_exit();
	}
	gate_pass(&ready);
	all_pages_are(0);
	driver_unbind();
	/* Both look at the same time: thousands of signals take long on a slow kernel. */
	gate_open(&gone);
	all_pages_are(SIGBUS);
	child_wait(pid, 8000);
	driver_bind();
	all_pages_are(SIGBUS);
}

/* Device memory: gone, or there again at a touch. Everything else has nothing to do with it. */
static void pieces_after_reset(int fd)
{
	for (size_t i = 0; i < num_pieces; i++) {
		const struct piece *e = &pieces[i];
		bool gone = e->o.flags & SUBJ_DEVICE;

		for (u64 n = 0; n < e->o.len / PAGE; n++) {
			char *at = page_of(e, n);

			if (!at)
				continue;
			if (map_info(fd, at).out_present != !gone)
				FAIL("%s, page %llu: %s entry after the reset", e->o.s->name,
				     (unsigned long long)n, gone ? "an" : "no");
		}
		for (u64 n = 0; n < e->o.len / PAGE; n++) {
			char *at = page_of(e, n);

			if (!at)
				continue;
			if (gone && !(e->o.flags & SUBJ_LAZY))
				CHECK_EQ(touch_read(at, NULL), SIGBUS);
			else
				object_verify_page(&e->o, at, n);
		}
		/* What comes back has the protection that it had. */
		CHECK_EQ(touch_write(e->p + LOCKED * PAGE, 1), SIGSEGV);
	}
}

static void reset_takes_device_memory_away_and_nothing_else(const void *arg)
{
	struct gate ready, gone;
	int fd = pieces_get();
	pid_t pid;

	(void)arg;
	gate_init(&ready);
	gate_init(&gone);
	pid = child_fork();
	if (!pid) {
		gate_open(&ready);
		gate_pass(&gone);
		pieces_after_reset(fd);
		child_exit();
	}
	gate_pass(&ready);
	function_reset();
	pieces_after_reset(fd);
	gate_open(&gone);
	child_wait(pid, 8000);
}

#define CROWD		128
#define CROWD_MAPS	800

/* A few at a time, so that neighbours in the driver's list are of different processes. */
static void crowd_map(int fd, u64 offset)
{
	for (unsigned int i = 0; i < CROWD_MAPS; i++) {
		void *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, (off_t)offset);

		CHECKF(p != MAP_FAILED, "mapping %u: %m", i);
		if (i % 8 == 7)
			sched_yield();
	}
}

/* A reset waits for each process once, and looks at each mapping once. */
static void reset_is_quick_with_a_crowd_of_mappings(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 offset = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_offset;
	u32 *done = CHECK_SYS(mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
	/* On a kernel that notices bugs each mapping costs much more, and 2 s are not promised. */
	const unsigned int num = promise_ms(2000) > 2000 ? CROWD / 8 : CROWD;
	unsigned int first, second;
	pid_t pids[CROWD];

	(void)arg;
	for (unsigned int i = 0; i < num; i++) {
		pids[i] = child_fork();
		if (!pids[i]) {
			crowd_map(fd, offset);
			__atomic_add_fetch(done, 1, __ATOMIC_RELEASE);
			pause();
			child_exit();
		}
	}
	while (__atomic_load_n(done, __ATOMIC_ACQUIRE) < num)
		sleep_ms(20);
	first = function_reset();
	/* Nothing was mapped since. */
	second = function_reset();
	diag("%u mappings of %u processes: %u ms, %u ms", num * CROWD_MAPS, num, first, second);
	CHECKF(first < promise_ms(2000), "reset took %u ms", first);
	for (unsigned int i = 0; i < num; i++)
		kill(pids[i], SIGKILL);
	for (unsigned int i = 0; i < num; i++)
		waitpid(pids[i], NULL, 0);
}

void register_map_revoke(void)
{
	TEST_ADD_SLOW(reset_is_quick_with_a_crowd_of_mappings, 60000);
	TEST_ADD_SLOW(unbind_takes_cut_moved_and_inherited_pieces_away, 20000);
	TEST_ADD_SLOW(reset_takes_device_memory_away_and_nothing_else, 20000);
}
