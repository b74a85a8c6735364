// SPDX-License-Identifier: MIT
/*
 * control.c - what is measured beside every case, to know whether the machine was quiet, and the
 * access loops that all cases share.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

/*
 * One idiom for RAM, device memory, and another device's memory: eight accesses in a straight line
 * over one cache line, then the next line, 16 KiB round. Under TCG the price of an access
 * depends on where in its translation block it stands; here that is the same for all.
 */
#define EIGHT(access, p)						\
	do {								\
		access(p, 0); access(p, 1); access(p, 2); access(p, 3);	\
		access(p, 4); access(p, 5); access(p, 6); access(p, 7);	\
	} while (0)

#define LOAD(p, i)	(sum += (p)[i])
#define STORE(p, i)	((p)[i] = value)

uint64_t mmb_load32(const volatile void *base, uint64_t ops)
{
	const volatile uint32_t *p = base;
	uint64_t sum = 0;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(LOAD, p + done % (MMB_WINDOW / sizeof(*p)));
	return sum;
}

uint64_t mmb_load64(const volatile void *base, uint64_t ops)
{
	const volatile uint64_t *p = base;
	uint64_t sum = 0;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(LOAD, p + done % (MMB_WINDOW / sizeof(*p)));
	return sum;
}

void mmb_store32(volatile void *base, uint64_t ops, uint32_t value)
{
	volatile uint32_t *p = base;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(STORE, p + done % (MMB_WINDOW / sizeof(*p)));
}

void mmb_store64(volatile void *base, uint64_t ops, uint64_t value)
{
	volatile uint64_t *p = base;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(STORE, p + done % (MMB_WINDOW / sizeof(*p)));
}

uint64_t mmb_load32_in(const volatile void *base, size_t window, uint64_t ops)
{
	const size_t mask = window / sizeof(uint32_t) - 1;
	const volatile uint32_t *p = base;
	uint64_t sum = 0;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(LOAD, p + (done & mask));
	return sum;
}

uint64_t mmb_load64_in(const volatile void *base, size_t window, uint64_t ops)
{
	const size_t mask = window / sizeof(uint64_t) - 1;
	const volatile uint64_t *p = base;
	uint64_t sum = 0;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(LOAD, p + (done & mask));
	return sum;
}

void mmb_store32_in(volatile void *base, size_t window, uint64_t ops, uint32_t value)
{
	const size_t mask = window / sizeof(uint32_t) - 1;
	volatile uint32_t *p = base;

	for (uint64_t done = 0; done < ops; done += 8)
		EIGHT(STORE, p + (done & mask));
}

static enum mmb_rc empty_loop_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	for (uint64_t i = 0; i < ops; i++)
		__asm__ __volatile__("" : : : "memory");
	return MMB_OK;
}

static enum mmb_rc ram_load_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)mmb_load32(arm->c->s->arena, ops);
	return MMB_OK;
}

static enum mmb_rc syscall_run(struct mmb_arm *arm, uint64_t ops)
{
	(void)arm;
	/* Not getpid(): C libraries have cached that one. */
	for (uint64_t i = 0; i < ops; i++)
		syscall(SYS_getppid);
	return MMB_OK;
}

static enum mmb_rc mmio_store_run(struct mmb_arm *arm, uint64_t ops)
{
	volatile void *scratch = mmd_mmio_at(arm->c->s->user.ptr,
					     MMAPDEMO_REG_SCRATCH32 - MMAPDEMO_USER_BASE);

	for (uint64_t i = 0; i < ops; i++)
		mmd_mmio_write32(scratch, (uint32_t)i);
	return MMB_OK;
}

void mmb_controls_add(struct mmb_case *c)
{
	size_t first = c->n_arms;

	mmb_arm_add(c, "control.empty_loop", "empty loop, one turn", empty_loop_run);
	mmb_arm_add(c, "control.ram_load", "RAM load, 4 bytes", ram_load_run);
	mmb_arm_add(c, "control.system_call", "system call (getppid)", syscall_run);
	if (c->s->user.ptr)
		mmb_arm_add(c, "control.mmio_store", "register store, 4 bytes", mmio_store_run);
	for (size_t i = first; i < c->n_arms; i++)
		c->arm[i].flags |= MMB_ARM_CONTROL;
}
