/* SPDX-License-Identifier: MIT */
/*
 * mmio.h - accessors for mapped registers and mapped device memory.
 *
 * For: pointers into a mapping made by mmd_map(). Plain C pointers are no substitute: a compiler
 * may split, merge, repeat or drop accesses, memcpy() may read a byte twice.
 * Not for: system memory buffers that only the CPU and DMA touch between submit and wait; these are
 * ordinary memory.
 *
 * Each register accessor makes exactly one access of its width, little endian, and orders it:
 *   write   after every earlier load and store of ordinary memory of this thread
 *   read    before every later one
 * That is what "fill a buffer, then write a register" and "read a status, then look at the
 * buffer" need. A store to a write-combining mapping may linger in the CPU all the same: call
 * mmd_wc_flush() between it and the register write (or the system call) that announces it.
 * See Documentation/driver-api/device-io.rst of Linux.
 */
#ifndef MMAPDEMO_MMIO_H
#define MMAPDEMO_MMIO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * x86 keeps uncached accesses in program order and after earlier stores, so the compiler is all
 * that has to be held back; sfence drains write-combining buffers.
 */
#if defined(__x86_64__) || defined(__i386__)
#define MMD_CPU_RELAX()		__asm__ __volatile__("pause" : : : "memory")
#define MMD_MMIO_AFTER_READ()	__asm__ __volatile__("" : : : "memory")
#define MMD_MMIO_BEFORE_WRITE()	__asm__ __volatile__("" : : : "memory")
#define MMD_WC_FLUSH()		__asm__ __volatile__("sfence" : : : "memory")
#elif defined(__aarch64__)
#define MMD_CPU_RELAX()		__asm__ __volatile__("yield" : : : "memory")
#define MMD_MMIO_AFTER_READ()	__asm__ __volatile__("dmb oshld" : : : "memory")
#define MMD_MMIO_BEFORE_WRITE()	__asm__ __volatile__("dmb osh" : : : "memory")
#define MMD_WC_FLUSH()		__asm__ __volatile__("dsb st" : : : "memory")
#else
#define MMD_CPU_RELAX()		__asm__ __volatile__("" : : : "memory")
#define MMD_MMIO_AFTER_READ()	__sync_synchronize()
#define MMD_MMIO_BEFORE_WRITE()	__sync_synchronize()
#define MMD_WC_FLUSH()		__sync_synchronize()
#endif

/*
 * For memory shared with the device: store a 32-bit value with release order, then a full barrier (no
 * later load is made before the store is seen). Gives the value that was there.
 */
#if defined(__x86_64__) || defined(__i386__)
static inline uint32_t mmd_exchange_mb(uint32_t *p, uint32_t value)
{
	__asm__ __volatile__("xchgl %0, %1" : "+r" (value), "+m" (*p) : : "memory");
	return value;
}
#else
static inline uint32_t mmd_exchange_mb(uint32_t *p, uint32_t value)
{
	value = __atomic_exchange_n(p, value, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return value;
}
#endif

/* The device is little endian. <endian.h> has these too, but not under -std=c11. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define MMD_LE16(x)		__builtin_bswap16(x)
#define MMD_LE32(x)		__builtin_bswap32(x)
#define MMD_LE64(x)		__builtin_bswap64(x)
#else
#define MMD_LE16(x)		(x)
#define MMD_LE32(x)		(x)
#define MMD_LE64(x)		(x)
#endif

/** mmd_mmio_read32() - one 4-byte read; @addr is 4-byte aligned. */
static inline uint32_t mmd_mmio_read32(const volatile void *addr)
{
	uint32_t value = *(const volatile uint32_t *)addr;

	MMD_MMIO_AFTER_READ();
	return MMD_LE32(value);
}

/** mmd_mmio_write32() - one 4-byte write; @addr is 4-byte aligned. */
static inline void mmd_mmio_write32(volatile void *addr, uint32_t value)
{
	MMD_MMIO_BEFORE_WRITE();
	*(volatile uint32_t *)addr = MMD_LE32(value);
}

/* A 32-bit program has no single 8-byte access: there, these two do not exist. */
#if UINTPTR_MAX > 0xffffffffu

/** mmd_mmio_read64() - one 8-byte read; @addr is 8-byte aligned. */
static inline uint64_t mmd_mmio_read64(const volatile void *addr)
{
	uint64_t value = *(const volatile uint64_t *)addr;

	MMD_MMIO_AFTER_READ();
	return MMD_LE64(value);
}

/** mmd_mmio_write64() - one 8-byte write; @addr is 8-byte aligned. */
static inline void mmd_mmio_write64(volatile void *addr, uint64_t value)
{
	MMD_MMIO_BEFORE_WRITE();
	*(volatile uint64_t *)addr = MMD_LE64(value);
}

#endif

/** mmd_wc_flush() - push out stores made to write-combining mappings by this thread. */
static inline void mmd_wc_flush(void)
{
	MMD_WC_FLUSH();
}

/** mmd_mmio_at() - the address of byte @off of a mapping. */
static inline volatile void *mmd_mmio_at(void *base, size_t off)
{
	return (volatile unsigned char *)base + off;
}

/**
 * mmd_mem_to_device(), mmd_mem_from_device(), mmd_mem_set() - copy to, from, or fill mapped device memory.
 *
 * Every byte of device memory is touched once, in ascending order, with aligned accesses of the
 * machine's word where alignment of the device address allows and of single bytes at the ends.
 * Any alignment and length; the ranges do not overlap. Before return, to_device and set push out
 * write-combining stores; from_device orders its loads before later ones.
 */
void mmd_mem_to_device(volatile void *device, const void *memory, size_t len);
void mmd_mem_from_device(void *memory, const volatile void *device, size_t len);
void mmd_mem_set(volatile void *device, int byte, size_t len);

#ifdef __cplusplus
}
#endif

#endif /* MMAPDEMO_MMIO_H */
