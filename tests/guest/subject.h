/* SPDX-License-Identifier: MIT */
/*
 * subject.h - the table of things that can be mapped: every technique and every standing region.
 *
 * A case that holds for all of them is written once and registered per row, so that each
 * combination is a test of its own name: map_<subject>_<case>. What a kernel or device does not
 * have according to INFO is skipped, and says so; map_techniques.c holds what must be there.
 */
#ifndef GUEST_SUBJECT_H
#define GUEST_SUBJECT_H

#include "dev.h"

/* What is true of a subject. Everything else is true of all. */
#define SUBJ_REGS	0x01	/* registers: only the first page is live, contents are not memory */
#define SUBJ_STANDING	0x02	/* exists without allocation; shared by all files */
#define SUBJ_PFN	0x04	/* VM_PFNMAP: no struct page for get_user_pages */
#define SUBJ_IO		0x08	/* VM_IO */
#define SUBJ_DONTCOPY	0x10	/* VM_DONTCOPY: a child does not inherit it */
#define SUBJ_RAW	0x20	/* needs allow_raw_bar and CAP_SYS_RAWIO */
#define SUBJ_EXCL	0x40	/* needs O_EXCL, so no second file can be open */
#define SUBJ_LAZY	0x80	/* pages appear at the first touch */
#define SUBJ_DEVICE	0x100	/* allocated in device memory */
#define SUBJ_AROUND	0x200	/* up to 16 pages appear at one touch */
#define SUBJ_HUGE	0x400	/* INFO's out_huge_size bytes appear at one touch; two of them long */
#define SUBJ_RAM_TYPE	0x800	/* system memory whose cache type is changed */
#define SUBJ_BAR_TYPE	0x1000	/* needs BAR2 to have another type than at first */
#define SUBJ_GONE	0x2000	/* entries that are dropped do not come back */
#define SUBJ_BIG	0x8000	/* region MEM: `alias` is the short one of its kind, `bar` of its code */
#define SUBJ_TYPED	0x4000	/* a row above with another cache type: where types matter only */

struct subject {
	const char *name;
	u32 technique;
	u32 region;		/* MMAPDEMO_REGION_*, or REGION_NONE: allocated */
	u32 cache;		/* effective type, MMAPDEMO_CACHE_* */
	u32 flags;
	u32 alloc_flags;	/* MMAPDEMO_BUF_* */
};

/* One object of a subject, with the file it belongs to. */
struct object {
	const struct subject *s;
	int fd;
	u32 handle;
	u64 offset;
	u64 len;
	u32 flags;		/* the subject's, as they are on this machine */
};

extern const struct subject subjects[];
extern const size_t num_subjects;

/* Can this kernel and device do it? If not, *why (which may be NULL) says what is missing. */
bool subject_is_there(const struct subject *s, int fd, const char **why);

/*
 * Of this many pages where the subject is allocated, more where SUBJ_HUGE says so; the test's own
 * file. SKIPs what is not there.
 */
struct object object_get(const struct subject *s, unsigned int pages);
/* Another one in a file that is open already. */
struct object object_get_in(const struct subject *s, int fd, unsigned int pages);
/* Closes the file too. Tests that end may leave it all to the kernel. */
void object_put(struct object *o);

/* All of it, shared, readable and writable. */
void *object_map(const struct object *o);
/*
 * The first word of page n as it must be: tagged by object_tag(), or the device's ID. Of region MEM
 * the pages in the middle are not tagged; they only have to be there.
 */
void object_tag(const struct object *o);
void object_verify_page(const struct object *o, const void *page, u64 n);
/* Number of pages that may be touched. */
u64 object_live_pages(const struct object *o);

const struct subject *subject_named(const char *name);

/*
 * Register fn once per subject that has all of `with` and none of `without`. Rows with SUBJ_TYPED
 * are for subject_add_typed().
 */
void subject_add(test_fn fn, u32 with, u32 without, unsigned int limit_ms, const char *what);
/* Likewise, and for every cache type. */
void subject_add_typed(test_fn fn, u32 with, u32 without, unsigned int limit_ms,
		       const char *what);

#endif /* GUEST_SUBJECT_H */
