// SPDX-License-Identifier: MIT
/*
 * helper.c - the second thread: pinned to the first processor that the benchmark itself is not on.
 */
#include "helper.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

struct mmb_helper {
	pthread_t thread;
	int cpu;
	sem_t wanted;
	sem_t done;
	void (*fn)(void *arg);	/* NULL: end */
	void *arg;
};

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem) && errno == EINTR)
		;
}

static void *serve(void *arg)
{
	struct mmb_helper *h = arg;

	for (;;) {
		wait_for(&h->wanted);
		if (!h->fn)
			return NULL;
		h->fn(h->arg);
		sem_post(&h->done);
	}
}

/* The benchmark is pinned: its own mask says nothing about what else there is. */
static int other_cpu(const struct mmb_session *s)
{
	for (int cpu = 0; cpu < sysconf(_SC_NPROCESSORS_ONLN); cpu++)
		if (cpu != s->cpu)
			return cpu;
	return -1;
}

static int start_thread(struct mmb_helper *h)
{
	sigset_t stops, before;
	pthread_attr_t attr;
	cpu_set_t set;
	int err;

	CPU_ZERO(&set);
	CPU_SET(h->cpu, &set);
	pthread_attr_init(&attr);
	err = pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	/* Being told to stop is the main thread's affair: it must be the one whose calls end. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigaddset(&stops, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &stops, &before);
	if (!err)
		err = pthread_create(&h->thread, &attr, serve, h);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

struct mmb_helper *mmb_helper_start(const struct mmb_session *s)
{
	struct mmb_helper *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->cpu = other_cpu(s);
	sem_init(&h->wanted, 0, 0);
	sem_init(&h->done, 0, 0);
	if (h->cpu >= 0 && !start_thread(h))
		return h;
	free(h);
	return NULL;
}

void mmb_helper_do(struct mmb_helper *h, void (*fn)(void *arg), void *arg)
{
	h->fn = fn;
	h->arg = arg;
	sem_post(&h->wanted);
}

void mmb_helper_wait(struct mmb_helper *h)
{
	wait_for(&h->done);
}

void mmb_helper_stop(struct mmb_helper *h)
{
	if (!h)
		return;
	h->fn = NULL;
	sem_post(&h->wanted);
	pthread_join(h->thread, NULL);
	sem_destroy(&h->wanted);
	sem_destroy(&h->done);
	free(h);
}
