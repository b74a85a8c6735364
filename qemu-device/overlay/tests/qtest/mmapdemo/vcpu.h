/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: real vCPUs (TCG) that make the accesses they are told to
 * make, so that the device has a vCPU to run on.
 */
#ifndef MMAPDEMO_QTEST_VCPU_H
#define MMAPDEMO_QTEST_VCPU_H

#include "common.h"

/* A machine with the device at its usual place, or behind the port, rp0 */
MmdTest *vcpu_start(const char *accel, const char *props, bool behind_port);
/* Bring the second vCPU of a machine with -smp 2 to its own mailbox */
void vcpu_start_second(MmdTest *t);

typedef enum VcpuCommand {
    VCPU_FREE,
    VCPU_WRITE,             /* 32 bits */
    VCPU_READ,
    VCPU_HAMMER,            /* write again and again, until it is stopped */
} VcpuCommand;

/* Ask vCPU cpu, and come back at once */
void vcpu_post(MmdTest *t, unsigned cpu, VcpuCommand cmd, uint64_t addr,
               uint32_t val);
bool vcpu_free(MmdTest *t, unsigned cpu);
/* Until it has done so, with all work that was queued by it; what it read */
uint32_t vcpu_wait(MmdTest *t, unsigned cpu);
void vcpu_hammer_end(MmdTest *t, unsigned cpu);
/* Registers of BAR0 */
void vcpu_write(MmdTest *t, uint32_t reg, uint32_t val);
uint32_t vcpu_read(MmdTest *t, uint32_t reg);

#endif /* MMAPDEMO_QTEST_VCPU_H */
