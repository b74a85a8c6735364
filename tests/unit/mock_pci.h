/* SPDX-License-Identifier: MIT */
/*
 * mock_pci.h - a function whose device is a few lines of this program: registers, BAR2, one-shot DMA,
 * messages. What vfio and uio do is taken down: memory given to the device, eventfds of vectors.
 */
#ifndef TESTS_UNIT_MOCK_PCI_H
#define TESTS_UNIT_MOCK_PCI_H

#include "unit.h"

#include "pci.h"

#define MOCK_VECTORS	6
#define MOCK_MAPPED	16
#define MOCK_MEM	0x200000u

struct mock_mapped {
	unsigned char *va;
	uint64_t len;
	uint64_t iova;
	bool write;
};

struct mock_pci {
	/* Before it is opened. */
	uint32_t id;			/* register ID */
	uint32_t version;
	uint32_t queues;
	uint32_t vectors;
	int dma_map_ret;
	bool hold;			/* transfers do not end until mock_pci_finish() */
	uint32_t error;			/* transfers end with this */
	bool silent;			/* ... and do not say so: the state is an error, its code none */
	int irq_ret;			/* whoever asks for an eventfd has this, and the one before is gone */
	bool queue_refuses;
	/* What happened. */
	unsigned int opens, closes, resets, register_resets;
	struct mock_mapped mapped[MOCK_MAPPED];
	unsigned int num_mapped;
	int vector[MOCK_VECTORS];
	/* The device. */
	struct mmd_pci *p;
	int bar_fd[PCI_NUM_BARS];
	uint32_t cmd;			/* of the transfer, with ARM_IRQ applied */
	unsigned char *regs;
	unsigned char *mem;
};

extern const struct mmd_backend mock_pci_dma;		/* with DMA and vectors, says it is vfio */
extern const struct mmd_backend mock_pci_plain;	/* without, says it is uio */

void mock_pci_init(struct mock_pci *m);
/* Fails the test if it cannot be opened. */
struct mmd_device *mock_pci_open(struct mock_pci *m, const struct mmd_backend *backend);
void mock_pci_close(struct mock_pci *m, struct mmd_device *dev);
void mock_pci_finish(struct mock_pci *m);

uint32_t mock_pci_reg32(const struct mock_pci *m, uint32_t offset);
uint64_t mock_pci_reg64(const struct mock_pci *m, uint32_t offset);

#endif /* TESTS_UNIT_MOCK_PCI_H */
