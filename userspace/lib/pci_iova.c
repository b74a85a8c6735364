// SPDX-License-Identifier: MIT
/*
 * pci_iova.c - which bus address a piece of memory gets. Behind an IOMMU the process chooses.
 */
#include "pci.h"

static bool align_up(uint64_t *value, uint64_t align)
{
	uint64_t add = -*value & (align - 1);

	if (*value > UINT64_MAX - add)
		return false;
	*value += add;
	return true;
}

/* The end of something taken that overlaps [start, start + len), or 0. */
static uint64_t end_of_overlap(const struct pci_taken *taken, size_t num_taken, uint64_t start,
			       uint64_t len)
{
	size_t i;

	for (i = 0; i < num_taken; i++)
		if (start < taken[i].start + taken[i].len && taken[i].start < start + len)
			return taken[i].start + taken[i].len;
	return 0;
}

bool mmd_pci_iova_find(const struct pci_range *ranges, uint32_t num_ranges, uint64_t highest,
		       const struct pci_taken *taken, size_t num_taken, uint64_t len,
		       uint64_t align, uint64_t *iova)
{
	uint32_t i;

	if (!len)
		return false;
	for (i = 0; i < num_ranges; i++) {
		uint64_t last = ranges[i].end < highest ? ranges[i].end : highest;
		uint64_t start = ranges[i].start, end;

		/* Address 0 is what a register holds that nobody has written: never given away. */
		if (!start)
			start = align;
		for (;;) {
			if (!align_up(&start, align) || start > last || len - 1 > last - start)
				break;
			/* So that sums above do not wrap: the very last byte is left out. */
			if (start > UINT64_MAX - len)
				break;
			end = end_of_overlap(taken, num_taken, start, len);
			if (!end) {
				*iova = start;
				return true;
			}
			start = end;
		}
	}
	return false;
}
