/* SPDX-License-Identifier: MIT */
/*
 * planted.h - what the files of bugs have in common.
 */
#ifndef PLANTED_H
#define PLANTED_H

#include <linux/fs.h>
#include <linux/mm_types.h>

/*
 * One bug. plant() commits it and returns 0, or -errno when it could not. It may be killed on the
 * way, which is no failure: the kernel's report is what counts.
 */
struct bug {
	const char *name;
	int (*plant)(struct file *file);
};

/* One list per file, each ended by an empty entry. */
extern const struct bug memory_bugs[];
extern const struct bug lock_bugs[];
extern const struct bug page_bugs[];
extern const struct bug dma_bugs[];

/* The bugs of pages.c need a mapping: what the file's mmap does is theirs. */
int page_bug_mmap(struct file *file, struct vm_area_struct *vma);

#endif /* PLANTED_H */
