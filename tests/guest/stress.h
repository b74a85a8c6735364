/* SPDX-License-Identifier: MIT */
/*
 * stress.h - one thread's objects, and what must be in them, for the random stressor.
 *
 * For: stress_model.c, which does single operations; stress.c, which chooses and repeats them.
 */
#ifndef GUEST_STRESS_H
#define GUEST_STRESS_H

#include "submit.h"

#define STRESS_OBJS	8
#define STRESS_MAPS	3
#define STRESS_PAGES	8

struct stress_map {
	char *p;			/* NULL: none */
	u32 page, n;			/* of the object */
};

/* A buffer, or memory of the process that is pinned. */
struct stress_obj {
	u32 technique;			/* 0: none */
	u32 handle;			/* 0: freed, and some mapping is left */
	u64 offset;
	u64 tags[STRESS_PAGES];		/* what each page was filled with; 0: fresh */
	char *own;			/* USERPTR: where it is */
	struct stress_map maps[STRESS_MAPS];
};

struct stress {
	int fd;
	u64 rnd;			/* of the operation under way */
	u64 *tag;			/* the last one given, of all threads */
	struct stress_obj objs[STRESS_OBJS];
	struct queue q;
	u32 dqueue;
	u64 done;			/* operations that did something */
};

/* One operation: told nothing but the model and s->rnd. */
struct stress_kind {
	const char *name;
	unsigned int weight;
	void (*run)(struct stress *s);
	bool alone;			/* while no other thread does any */
};

extern const struct stress_kind stress_kinds[];
extern const unsigned int num_stress_kinds;

void stress_open(struct stress *s);
/* Every page of every object and mapping. */
void stress_verify(struct stress *s);
/* The device was reset: what was taken away is gone, and is had again. */
void stress_after_reset(struct stress *s);
/* It was unbound: every touch is SIGBUS. All is given back; stress_open() goes on. */
void stress_after_removal(struct stress *s);
void stress_close(struct stress *s);

#endif /* GUEST_STRESS_H */
