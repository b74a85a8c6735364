/* SPDX-License-Identifier: MIT */
/*
 * walk.h - copies that each come from another page, as an arm of a case.
 *
 * For: cases about what the device remembers of pages (translations, lists). Not for: copies of the same
 * place again and again, see copy.h. From memory to device, one place after the other and round again; the
 * timed part of a round visits every place at least once, after an untimed part that does the same.
 */
#ifndef MMB_WALK_H
#define MMB_WALK_H

#include "copy.h"

#define MMB_GROUND_WINDOWS	240u	/* of one page each; an open file may have 256 windows */

/* Memory of one device that is walked over. */
struct mmb_ground {
	struct mmb_unit *unit;
	struct mmb_mem mem;		/* vmalloc */
	uint32_t window;		/* over all of it */
	bool has_window;
	uint32_t n_windows;		/* over its first pages, one each */
	uint32_t windows[MMB_GROUND_WINDOWS];
	bool filled;
};

/** mmb_ground_make() - @pages pages, a window over them, and over each of the first @windows of them. */
enum mmb_rc mmb_ground_make(struct mmb_case *c, struct mmb_ground *g, struct mmb_unit *u,
			    uint32_t pages, uint32_t windows);
void mmb_ground_free(struct mmb_ground *g);

struct mmb_walk_spec {
	struct mmb_ground *ground;
	uint32_t places;		/* where copies begin; as far apart as @len, a page at least */
	uint32_t len;
	uint32_t depth;			/* descriptors behind one doorbell */
	bool by_window;			/* each place by a window of its own */
	bool oneshot;			/* transfers by system calls, not descriptors */
};

/** mmb_walk_new() - prepare walks for @arm, kept in arm->data until mmb_copies_free(). */
void mmb_walk_new(struct mmb_arm *arm, const struct mmb_walk_spec *spec);

/* Ready-made run function of a self-timed arm. */
enum mmb_rc mmb_walk_run(struct mmb_arm *arm, uint64_t ops);

/* prepare and verify of a case whose arms with data are all walks. */
enum mmb_rc mmb_walks_prepare(struct mmb_case *c);
enum mmb_rc mmb_walks_verify(struct mmb_case *c);

#endif /* MMB_WALK_H */
