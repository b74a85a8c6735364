/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: a machine with the device in it, and short words for what is
 * done to it. The tests themselves are in the other files of this directory.
 */
#ifndef MMAPDEMO_QTEST_COMMON_H
#define MMAPDEMO_QTEST_COMMON_H

#include "qemu/units.h"
#include "../libqtest.h"
#include "qobject/qdict.h"
#include "hw/pci/pci_regs.h"

#define __le16 uint16_t
#define __le32 uint32_t
#define __le64 uint64_t
#include "standard-headers/linux/mmapdemo_hw.h"
#undef __le16
#undef __le32
#undef __le64

/* The machine: 128 MiB of RAM at 0, nothing between its end and the BARs */
#define RAM_SIZE        (128 * MiB)
#define RAM_BUF         (16 * MiB)      /* 16 MiB and guards, tests' own */
#define RAM_BUF2        (48 * MiB)      /* another such */
#define RAM_LIST        (80 * MiB)      /* scatter-gather lists */
#define RAM_MSI         (96 * MiB)      /* where messages arrive */
#define RAM_QUEUE       (100 * MiB)     /* memory of queues, see queue.h */
#define HOLE            (1 * GiB)       /* nothing there */
#define ROM             0xfffff000ULL   /* the end of the firmware */
#define BAR2_SIZE       (32 * MiB)

#define MSI_DATA(vector) (0x4d534900 + (vector))

typedef struct MmdTest {
    QTestState *qts;
    uint8_t bus;
    uint8_t devfn;
    /* where the BARs are */
    uint64_t regs;
    uint64_t doorbell;
    uint64_t mem;
    uint64_t msix;
    uint64_t alias;
} MmdTest;

typedef struct MmdReg {
    const char *name;
    uint64_t writable;
    uint64_t reset;
    uint32_t offset;
    unsigned width;
    enum { MMD_RO, MMD_RW, MMD_WO, MMD_W1C } access;
} MmdReg;

extern const MmdReg mmd_regs[];
extern const unsigned mmd_num_regs;
/* Those of a queue and of a window; offsets are within its block */
extern const MmdReg mmd_qregs[];
extern const unsigned mmd_num_qregs;
extern const MmdReg mmd_wregs[];
extern const unsigned mmd_num_wregs;
/* What a device has unless told otherwise */
#define NUM_QUEUES      16
#define NUM_WINDOWS     1024
/* The register an offset belongs to, in a device of that size, or NULL */
const MmdReg *mmd_reg_at(uint32_t offset);

/* A machine with one device, id mmd0, at 00:04.0, BARs placed, all enabled */
MmdTest *mmd_start(const char *props);
/* Likewise; more is added to the command line */
MmdTest *mmd_start_with(const char *props, const char *more);
void mmd_stop(MmdTest *t);
/* Where the BARs of the device with that index go; mmd_setup() writes it */
void mmd_place(MmdTest *t, unsigned index);
/* A second handle, for the device at slot of the same machine */
MmdTest *mmd_attach(MmdTest *t, uint8_t bus, uint8_t slot, unsigned index);
/* Command line of the machine, without the device */
char *mmd_machine(void);

/* A machine with an empty hot-plug port, rp0, and what is on top of that */
#define PORT_SLOT   5
#define PORT_BUS    1
QTestState *port_start(const char *more);
/* The device behind the port: place the port's windows and the BARs in them */
MmdTest *port_attach(QTestState *qts);
/* What a guest does when it was asked to give the device back */
void port_eject(QTestState *qts);

uint32_t mmd_cfg_read(MmdTest *t, uint8_t offset, unsigned width);
void mmd_cfg_write(MmdTest *t, uint8_t offset, unsigned width, uint32_t val);
uint8_t mmd_cfg_cap(MmdTest *t, uint8_t id);
/* Any device's configuration space */
void pci_write(QTestState *qts, uint8_t bus, uint8_t devfn, uint8_t offset,
               unsigned width, uint32_t val);
uint32_t pci_read(QTestState *qts, uint8_t bus, uint8_t devfn, uint8_t offset,
                  unsigned width);
/* Place the BARs and enable the device, as after power on or reset */
void mmd_setup(MmdTest *t);
void mmd_bus_master(MmdTest *t, bool on);
/* Point every vector to its word at RAM_MSI, unmasked, MSI-X on */
void mmd_msix_enable(MmdTest *t);
void mmd_msix_mask(MmdTest *t, unsigned vector, bool masked);
void mmd_msix_target(MmdTest *t, unsigned vector, uint64_t addr, uint32_t data);
bool mmd_msix_pending(MmdTest *t, unsigned vector);
/* Did a message arrive since asked last? */
bool mmd_msi_arrived(MmdTest *t, unsigned vector);

uint64_t mmd_read(MmdTest *t, uint32_t offset, unsigned width);
void mmd_write(MmdTest *t, uint32_t offset, unsigned width, uint64_t val);
#define mmd_get(t, name) \
    mmd_reg_read((t), MMAPDEMO_REG_##name)
#define mmd_set(t, name, val) \
    mmd_reg_write((t), MMAPDEMO_REG_##name, (val))
/* With the register's own width */
uint64_t mmd_reg_read(MmdTest *t, uint32_t offset);
void mmd_reg_write(MmdTest *t, uint32_t offset, uint64_t val);

/* Every readable register but counters, clock and error registers */
typedef struct MmdSnapshot {
    uint64_t val[128];
} MmdSnapshot;
void mmd_snapshot(MmdTest *t, MmdSnapshot *snap);
/* Nothing changed since, but for the register at except (0: none) */
void mmd_assert_unchanged(MmdTest *t, const MmdSnapshot *snap, uint32_t except);

/* ERR_CODE and ERR_INFO say this; clears them */
#define mmd_assert_error(t, code, offset, width, write) \
    mmd_assert_error_at(__FILE__, __LINE__, (t), (code), (offset), (width), \
                        (write))
void mmd_assert_error_at(const char *file, int line, MmdTest *t, uint32_t code,
                         uint32_t offset, unsigned width, bool write);
#define mmd_assert_no_error(t) \
    mmd_assert_error((t), MMAPDEMO_ERR_NONE, 0, 0, false)

/* --- DMA --- */

typedef struct MmdDma {
    uint64_t addr;
    uint64_t dev_off;
    uint32_t len;
    uint32_t sg_count;
    uint32_t repeat;        /* 0: leave the register alone */
    uint64_t seq;
    uint32_t cmd;           /* without START */
} MmdDma;

void mmd_dma_start(MmdTest *t, const MmdDma *dma);
uint32_t mmd_dma_state(MmdTest *t);
uint32_t mmd_dma_error(MmdTest *t);
/* Until it is not busy any more, or fail */
void mmd_dma_wait(MmdTest *t);
/* Start, wait; it must end with this error, after moving that many bytes */
#define mmd_dma_expect(t, dma, error, bytes) \
    mmd_dma_expect_at(__FILE__, __LINE__, (t), (dma), (error), (bytes))
void mmd_dma_expect_at(const char *file, int line, MmdTest *t,
                       const MmdDma *dma, uint32_t error, uint64_t bytes);

/* Memory, in RAM or BAR2 */
void mem_fill(MmdTest *t, uint64_t addr, uint8_t pattern, size_t len);
void mem_write(MmdTest *t, uint64_t addr, const void *buf, size_t len);
void mem_read(MmdTest *t, uint64_t addr, void *buf, size_t len);
/* Bytes that name their own place: byte i is a function of seed + i */
void mem_number(MmdTest *t, uint64_t addr, uint32_t seed, size_t len);
uint8_t *mem_numbers(uint32_t seed, size_t len);
#define mem_assert_fill(t, addr, pattern, len) \
    mem_assert_fill_at(__FILE__, __LINE__, (t), (addr), (pattern), (len))
void mem_assert_fill_at(const char *file, int line, MmdTest *t, uint64_t addr,
                        uint8_t pattern, size_t len);
#define mem_assert_number(t, addr, seed, len) \
    mem_assert_number_at(__FILE__, __LINE__, (t), (addr), (seed), (len))
void mem_assert_number_at(const char *file, int line, MmdTest *t,
                          uint64_t addr, uint32_t seed, size_t len);

/*
 * How far a transfer of pattern into zeroed memory has come: so many bytes are
 * the pattern, and the rest is zero. Looks at both ends of every 32 KiB, and at
 * each byte of those where it changes.
 */
uint64_t mem_moved(MmdTest *t, uint64_t addr, uint8_t pattern, size_t len);

/* --- the machine --- */

void vm_stop(QTestState *qts);
void vm_cont(QTestState *qts);
/* Function level reset; the BARs must be set up again */
void mmd_flr(MmdTest *t);
/* Run the main loop of QEMU a few times; the virtual clock stands still */
void vm_settle(QTestState *qts);

/* --- migration streams, in files --- */

char *stream_new(void);
/* Removes the file too */
void stream_free(char *path);
/* Of a stopped machine: the copy of a running one runs once it is loaded */
void stream_save(MmdTest *t, const char *path);
/* A machine like that of mmd_start(), made from the stream */
MmdTest *stream_load(const char *path, const char *props);
/* NULL if it was refused; quiet: why is of no interest */
MmdTest *stream_try_load(const char *path, const char *props, bool quiet);

/*
 * A test in a process of its own, which fails if that fails or takes longer:
 * for what can hang QEMU.
 */
void run_isolated(void (*fn)(void), unsigned seconds);

void add_edu_tests(bool edu);
void add_regs_tests(void);
void add_irq_tests(void);
void add_dma_tests(void);
void add_run_tests(void);
void add_sg_tests(void);
void add_life_tests(void);
void add_plug_tests(void);
void add_migration_tests(void);
void add_vcpu_tests(void);
void add_queue_core_tests(void);
void add_pci_irq_tests(void);
void add_pci_config_tests(void);
void add_alias_tests(void);
void add_memdev_tests(void);
void add_fault_tests(void);
void add_queue_regs_tests(void);
void add_doorbell_tests(void);
void add_queue_desc_tests(void);
void add_queue_ops_tests(void);
void add_queue_list_tests(void);
void add_window_tests(void);
void add_queue_life_tests(void);
void add_queue_irq_tests(void);
void add_queue_hostile_tests(void);
void add_queue_migration_tests(void);
void add_queue_vcpu_tests(void);
void add_queue_iommu_tests(void);
void add_queue_time_tests(void);

#endif /* MMAPDEMO_QTEST_COMMON_H */
