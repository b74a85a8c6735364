// SPDX-License-Identifier: MIT
/*
 * mem.c - copies to and from mapped device memory.
 *
 * memcpy() is no substitute: it may touch a byte twice or out of order, and its choice of
 * instructions (non-temporal stores, overlapping tails) differs from machine to machine.
 */
#include <string.h>

#include <mmapdemo/mmio.h>

typedef uintptr_t word_t;

/* The other side is ordinary memory of any alignment. */
static word_t word_load(const unsigned char *p)
{
	word_t w;

	memcpy(&w, p, sizeof(w));
	return w;
}

static void word_store(unsigned char *p, word_t w)
{
	memcpy(p, &w, sizeof(w));
}

static int is_word_aligned(const volatile void *p)
{
	return ((uintptr_t)p & (sizeof(word_t) - 1)) == 0;
}

void mmd_mem_to_device(volatile void *device, const void *memory, size_t len)
{
	volatile unsigned char *dst = (volatile unsigned char *)device;
	const unsigned char *src = (const unsigned char *)memory;

	MMD_MMIO_BEFORE_WRITE();
	for (; len && !is_word_aligned(dst); len--)
		*dst++ = *src++;
	for (; len >= sizeof(word_t); len -= sizeof(word_t)) {
		*(volatile word_t *)dst = word_load(src);
		dst += sizeof(word_t);
		src += sizeof(word_t);
	}
	for (; len; len--)
		*dst++ = *src++;
	MMD_WC_FLUSH();
}

void mmd_mem_from_device(void *memory, const volatile void *device, size_t len)
{
	const volatile unsigned char *src = (const volatile unsigned char *)device;
	unsigned char *dst = (unsigned char *)memory;

	for (; len && !is_word_aligned(src); len--)
		*dst++ = *src++;
	for (; len >= sizeof(word_t); len -= sizeof(word_t)) {
		word_store(dst, *(const volatile word_t *)src);
		dst += sizeof(word_t);
		src += sizeof(word_t);
	}
	for (; len; len--)
		*dst++ = *src++;
	MMD_MMIO_AFTER_READ();
}

void mmd_mem_set(volatile void *device, int byte, size_t len)
{
	volatile unsigned char *dst = (volatile unsigned char *)device;
	word_t word = (word_t)-1 / 0xff * (unsigned char)byte;

	MMD_MMIO_BEFORE_WRITE();
	for (; len && !is_word_aligned(dst); len--)
		*dst++ = (unsigned char)byte;
	for (; len >= sizeof(word_t); len -= sizeof(word_t)) {
		*(volatile word_t *)dst = word;
		dst += sizeof(word_t);
	}
	for (; len; len--)
		*dst++ = (unsigned char)byte;
	MMD_WC_FLUSH();
}
