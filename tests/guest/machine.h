/* SPDX-License-Identifier: MIT */
/*
 * machine.h - taking the device away and bringing it back, by every way there is.
 *
 * Each *_away() returns the milliseconds its call took; each fails the test when the device is not
 * gone, or not back, within a few seconds.
 */
#ifndef GUEST_MACHINE_H
#define GUEST_MACHINE_H

#include "harness.h"

/* A version of the kernel that runs, before that one? */
bool kernel_is_before(unsigned int major, unsigned int minor);

unsigned int driver_unbind(void);
void driver_bind(void);
/*
 * Takes the driver away and brings it back so many times beside a thread that counts its rounds, each time when it has
 * gone two further; returns the milliseconds of the longest removal, which is within what is promised.
 */
unsigned int driver_rebind_beside(const volatile u32 *rounds, unsigned int times);
unsigned int pci_remove(void);
void pci_rescan(void);
/* Hot-unplug asked of QEMU; SKIPs where there is no way to ask. */
unsigned int qemu_device_del(void);
void qemu_device_add(void);

/* One QMP command; false and the reply's text in *reply when QEMU answers with an error. */
bool qmp(const char *command, char *reply, size_t size);
void qmp_require(void);			/* SKIP the test when vmctl is missing */
/* A property of the device, as QMP spells the value. */
void qemu_property_set(const char *name, const char *value);
bool qemu_property_get(const char *name, char *value, size_t size);

/*
 * Resets after which the device goes on: asked of the PCI core, and of the driver itself. On one
 * processor, which is not counted in the time.
 */
unsigned int function_reset(void);
unsigned int driver_reset(void);

/*
 * An error of the bus that the device is said to have had, by the name that QEMU has for it; SKIPs
 * where it cannot be reported. The next two wait for the kernel to have recovered.
 */
void bus_error_require(void);
void bus_error(const char *name);
void bus_error_of(const char *device, const char *name);	/* by its name in QEMU */
unsigned int bus_error_fatal(void);
unsigned int bus_error_nonfatal(void);
u64 bus_recoveries(void);

void node_wait(bool there);		/* devtmpfs follows a moment later */
/* Load the module with these parameters in place of what is loaded. */
void module_reload(const char *parameters);

/* Have the module parameter allow_raw_bar on or off. */
void raw_bar_require(bool on);

/* Undo busy_start(), from the runner. */
void machine_speed_up(void);

/* Bring back whatever a failed test left away. Reports nothing, fails nothing. */
void machine_mend(u32 mem_cache);

/* Run a program; its stdout and stderr, and its exit status or 128 + signal. */
struct output {
	char out[65536];
	char err[8192];
	int status;
};

void run(struct output *o, unsigned int limit_ms, const char *program, ...)
	__attribute__((sentinel));

#endif /* GUEST_MACHINE_H */
