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

/** mmb_pci_master() - switch bus mastering on. */
int mmb_pci_master(struct mmb_pci *pci);

/** mmb_pci_is_translated() - is there an IOMMU that translates what the device puts on the bus? */
bool mmb_pci_is_translated(const struct mmb_pci *pci);

void mmb_pci_close(struct mmb_pci *pci);

#endif /* MMB_PCI_H */
