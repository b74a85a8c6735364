/* SPDX-License-Identifier: MIT */
/*
 * pci.h - other PCI devices of the machine, through sysfs, to be compared with ours.
 *
 * For: cases/. Needs root. Leaves devices as they were found.
 */
#ifndef MMB_PCI_H
#define MMB_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mmb_pci {
	char path[64];		/* /sys/bus/pci/devices/0000:00:03.0 */
	int config_fd;
	uint16_t command;	/* as found */
	bool enabled;		/* by us: to be disabled again */
	void *bar;
	size_t bar_len;
};

/**
 * mmb_pci_open() - find the first device of this vendor and id that no driver uses, map a BAR.
 * @name: for the reason, such as "edu"
 * @bar:  0 .. 5; with @wc the write-combining file is taken if there is one
 * @why:  a sentence when it cannot be had
 *
 * Returns 0 or a negative errno, with @why filled in.
 */
int mmb_pci_open(struct mmb_pci *pci, const char *name, uint16_t vendor, uint16_t device,
		 unsigned int bar, bool wc, char *why, size_t why_len);

/* A part of a BAR; len 0: none of it. */
struct mmb_pci_range {
	uint64_t off;
	uint64_t len;
};

/* What mmb_pci_open_bdf() found out. */
struct mmb_pci_bar {
	bool prefetchable;
	uint16_t vendor;
	uint16_t device;
	struct mmb_pci_range msix[2];	/* table and pending bits, as far as they are in this BAR */
};

/**
 * mmb_pci_open_bdf() - map a BAR of the device at an address.
 * @bdf:   "0000:00:04.0", or without the domain
 * @write: map it for reading and writing; else for reading only
 * @info:  filled in
 * @why:   a sentence, with what to do, when it cannot be had
 *
 * Refused: no such device, one that a driver uses, a bridge, a BAR that is not there or has no known
 * size, I/O ports, a device that another benchmark has. Returns 0 or a negative errno.
 */
int mmb_pci_open_bdf(struct mmb_pci *pci, const char *bdf, unsigned int bar, bool write,
		     struct mmb_pci_bar *info, char *why, size_t why_len);

/** mmb_pci_map_wc() - the same BAR again, write combining, to be written; NULL: the kernel offers none. */
void *mmb_pci_map_wc(const struct mmb_pci *pci, unsigned int bar);

/** mmb_pci_map_again() - the same BAR once more, for reading; NULL: errno says why. */
void *mmb_pci_map_again(const struct mmb_pci *pci, unsigned int bar);

/** mmb_pci_is_gone() - nobody answers for it any more. */
bool mmb_pci_is_gone(const struct mmb_pci *pci);

/** mmb_pci_master() - switch bus mastering on. */
int mmb_pci_master(struct mmb_pci *pci);

/** mmb_pci_is_translated() - is there an IOMMU that translates what the device puts on the bus? */
bool mmb_pci_is_translated(const struct mmb_pci *pci);

void mmb_pci_close(struct mmb_pci *pci);

#endif /* MMB_PCI_H */
