// SPDX-License-Identifier: MIT
/*
 * stress.c - random operations over all techniques, by several threads, with resets and removals
 * between; and, by one thread, a sequence that is made as short as it fails.
 *
 * Operation i draws from a generator that starts with the seed and i: what it does changes little
 * when others are left out. MMAPDEMO_TEST_SEED repeats a run; MMAPDEMO_STRESS_MS is how long each of
 * the two runs (default 1000), MMAPDEMO_STRESS_OPS the length of one sequence (default 300).
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "stress.h"

#define THREADS		3
#define OPS_MAX		4000
#define SEQUENCE_MS	60000
#define RUN_LIMIT_MS	700000		/* MMAPDEMO_STRESS_MS is 300000 at most */

static u64 tags;
static pthread_rwlock_t others = PTHREAD_RWLOCK_INITIALIZER;

static unsigned int number_of(const char *name, unsigned int otherwise, unsigned int most)
{
	const char *text = getenv(name);
	unsigned int n = text && atoi(text) > 0 ? (unsigned int)atoi(text) : otherwise;

	return n < most ? n : most;
}

static const struct stress_kind *kind_of(u64 *state)
{
	unsigned int sum = 0, at, i;

	for (i = 0; i < num_stress_kinds; i++)
		sum += stress_kinds[i].weight;
	at = rnd(state) % sum;
	for (i = 0; at >= stress_kinds[i].weight; i++)
		at -= stress_kinds[i].weight;
	return &stress_kinds[i];
}

static void op_run(struct stress *s, u64 seed, u64 op)
{
	u64 state = seed + op * 0x9e3779b97f4a7c15;
	const struct stress_kind *kind;

	rnd(&state);
	kind = kind_of(&state);
	s->rnd = state;
	if (kind->alone)
		pthread_rwlock_wrlock(&others);
	else
		pthread_rwlock_rdlock(&others);
	kind->run(s);
	pthread_rwlock_unlock(&others);
}

/* --- one thread ---------------------------------------------------------------------------------- */

/* All operations that are not left out, in a process of their own; true: all went well. */
static bool sequence_works(u64 seed, const bool *left_out, unsigned int ops, bool show)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		struct stress s = { .tag = &tags };

		stress_open(&s);
		for (unsigned int i = 0; i < ops; i++) {
			if (left_out[i])
				continue;
			if (show) {
				u64 state = seed + i * 0x9e3779b97f4a7c15;

				rnd(&state);
				diag("operation %u: %s", i, kind_of(&state)->name);
			}
			op_run(&s, seed, i);
		}
		stress_verify(&s);
		stress_close(&s);
		child_exit();
	}
	status = child_status(pid, SEQUENCE_MS);
	return WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE;
}

/* Leave out halves, quarters ... single operations, as long as it fails without them. */
static void sequence_shrink(u64 seed, bool *left_out, unsigned int ops)
{
	unsigned int i, chunk;

	for (chunk = ops / 2; chunk; chunk /= 2) {
		for (unsigned int from = 0; from < ops; from += chunk) {
			unsigned int end = from + chunk < ops ? from + chunk : ops;
			bool before[OPS_MAX];

			memcpy(before, left_out, sizeof(before));
			for (i = from; i < end; i++)
				left_out[i] = true;
			if (!memcmp(before, left_out, sizeof(before)))
				continue;
			if (sequence_works(seed, left_out, ops, false))
				memcpy(left_out, before, sizeof(before));
		}
	}
}

static void sequence(u64 seed, unsigned int ops)
{
	static bool left_out[OPS_MAX];
	unsigned int kept = 0;

	memset(left_out, 0, sizeof(left_out));
	if (sequence_works(seed, left_out, ops, false))
		return;
	diag("a sequence of %u operations fails; looking for a shorter one", ops);
	sequence_shrink(seed, left_out, ops);
	for (unsigned int i = 0; i < ops; i++)
		kept += !left_out[i];
	diag("%u operations are enough, unless it was a matter of time:", kept);
	sequence_works(seed, left_out, ops, true);
	FAIL("seed %#llx, %u operations", (unsigned long long)seed, ops);
}

/* A test that passes says nothing: how much was done goes where the runner looks for it. */
static void count_out(const char *what, u64 ops)
{
	FILE *f = fopen("/results/stress", "a");

	if (!f)
		return;
	fprintf(f, "%s: %llu operations\n", what, (unsigned long long)ops);
	fclose(f);
}

static void stress_sequences_agree_with_the_model(const void *arg)
{
	u64 end = now_ns() + number_of("MMAPDEMO_STRESS_MS", 1000, 300000) * 1000000ULL;
	unsigned int ops = number_of("MMAPDEMO_STRESS_OPS", 300, OPS_MAX), done = 0;
	u64 state = test_seed();

	(void)arg;
	do {
		/* The first one is of the seed itself: to repeat what failed. */
		sequence(done ? rnd(&state) : test_seed(), ops);
		done++;
	} while (now_ns() < end);
	diag("%u sequences of %u operations", done, ops);
	count_out("in sequences of one process", (u64)done * ops);
}

/* --- several threads ------------------------------------------------------------------------------ */

static struct {
	pthread_barrier_t meet;
	u64 end;
	bool over, removed;
} all;

struct worker {
	struct stress s;
	u64 seed;
	bool first;
	u64 ops;
	pthread_t thread;
};

/* What counts mappings: no child of another thread has them too. */
static void counted(struct stress *s, void (*look)(struct stress *s))
{
	pthread_rwlock_rdlock(&others);
	look(s);
	pthread_rwlock_unlock(&others);
}

/* Everybody stands still: the device is reset, or goes and comes back. */
static void disrupt(struct worker *w, unsigned int round)
{
	bool removed = round % 2;

	pthread_barrier_wait(&all.meet);
	if (w->first) {
		all.over = now_ns() >= all.end;
		all.removed = removed && !all.over;
		if (all.removed)
			driver_unbind();
		else if (!all.over && round % 4)
			driver_reset();
		else if (!all.over)
			function_reset();
	}
	pthread_barrier_wait(&all.meet);
	if (all.over)
		return;
	if (all.removed) {
		stress_after_removal(&w->s);
		pthread_barrier_wait(&all.meet);
		if (w->first)
			driver_bind();
		pthread_barrier_wait(&all.meet);
		stress_open(&w->s);
	} else {
		counted(&w->s, stress_after_reset);
	}
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int round = 0;

	stress_open(&w->s);
	do {
		u64 stop = now_ns() + 2000000000ULL;

		if (stop > all.end)
			stop = all.end;
		while (now_ns() < stop)
			op_run(&w->s, w->seed, w->ops++);
		counted(&w->s, stress_verify);
		disrupt(w, round++);
	} while (!all.over);
	stress_close(&w->s);
	return NULL;
}

static void stress_threads_agree_with_the_model(const void *arg)
{
	static struct worker workers[THREADS];
	u64 state = test_seed(), ops = 0, done = 0;

	(void)arg;
	all.end = now_ns() + number_of("MMAPDEMO_STRESS_MS", 1000, 300000) * 1000000ULL;
	CHECK(!pthread_barrier_init(&all.meet, NULL, THREADS));
	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .s.tag = &tags, .seed = rnd(&state), .first = !i };
		CHECK(!pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		CHECK(!pthread_join(workers[i].thread, NULL));
		ops += workers[i].ops;
		done += workers[i].s.done;
	}
	diag("%llu operations, of which %llu found what they were about", (unsigned long long)ops,
	     (unsigned long long)done);
	count_out("in threads, with resets and removals", ops);
	CHECK(done > 0);
}

void register_stress(void)
{
	TEST_ADD_SLOW(stress_sequences_agree_with_the_model, RUN_LIMIT_MS);
	TEST_ADD_SLOW(stress_threads_agree_with_the_model, RUN_LIMIT_MS);
}
