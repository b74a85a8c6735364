// SPDX-License-Identifier: MIT
/*
 * foreign.c - opens the BAR that --bdf and --bar name, or says why it cannot be had.
 */
#include "foreign.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_NO_DEVICE = 3 };

static bool has_form(const char *text, const char *form)
{
	for (; *form; text++, form++)
		if (*form == 'x' ? !isxdigit((unsigned char)*text) : *text != *form)
			return false;
	return !*text;
}

bool mmb_bdf_is_valid(const char *bdf)
{
	size_t len = strlen(bdf);

	/* Functions are 0 to 7, devices 0 to 1f. */
	if (!has_form(bdf, "xxxx:xx:xx.x") && !has_form(bdf, "xx:xx.x"))
		return false;
	return bdf[len - 1] <= '7' && bdf[len - 4] <= '1';
}

static int refuse(const struct mmb_session *s, int status, const char *why)
{
	fprintf(stderr, "mmapdemo bench: %s: %s\n", s->opt->bdf, why);
	return status;
}

static int check_range(struct mmb_session *s)
{
	const struct mmb_options *opt = s->opt;
	struct mmb_foreign *f = s->foreign;
	size_t size = f->pci.bar_len;
	uint64_t len = opt->range_len;

	if (opt->range_off >= size || len > size - opt->range_off) {
		snprintf(f->why, sizeof(f->why), "--range ends beyond BAR %u, which has %s", opt->bar,
			 MMB_SIZE_NAME(size));
		return refuse(s, EXIT_USAGE, f->why);
	}
	if (!len)
		len = (size - opt->range_off) / MMB_RANGE_STEP * MMB_RANGE_STEP;
	if (!len) {
		snprintf(f->why, sizeof(f->why), "BAR %u has %s from there on: less than the %u that are "
			 "accessed in one go", opt->bar, MMB_SIZE_NAME(size - opt->range_off),
			 MMB_RANGE_STEP);
		return refuse(s, EXIT_NO_DEVICE, f->why);
	}
	f->mem = (volatile unsigned char *)f->pci.bar + opt->range_off;
	f->len = len;
	return 0;
}

/* Stores into the table would send interrupts to wherever the pattern points. */
static int check_msix(struct mmb_session *s)
{
	struct mmb_foreign *f = s->foreign;
	uint64_t end = s->opt->range_off + f->len;

	for (unsigned int i = 0; i < 2; i++) {
		const struct mmb_pci_range *r = &f->bar.msix[i];

		if (!r->len || s->opt->range_off >= r->off + r->len || r->off >= end)
			continue;
		snprintf(f->why, sizeof(f->why), "--bar-write: the range contains the device's MSI-X table or "
			 "pending bits (0x%llx to 0x%llx), which are not memory. Choose another --range",
			 (unsigned long long)r->off, (unsigned long long)(r->off + r->len));
		return refuse(s, EXIT_NO_DEVICE, f->why);
	}
	return 0;
}

static void copy_range(volatile void *to, const volatile void *from, size_t len, unsigned int width)
{
	if (width == 8)
		for (size_t i = 0; i < len / 8; i++)
			((volatile uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
	else
		for (size_t i = 0; i < len / 4; i++)
			((volatile uint32_t *)to)[i] = ((const volatile uint32_t *)from)[i];
}

/* One word in 64 bytes, of large ranges some 64 of them: what stood there is put back at once. */
static bool is_memory(const struct mmb_foreign *f)
{
	static const uint32_t patterns[] = { 0x5ca1ab1e, 0xa35e54e1 };
	size_t step = f->len > 64 * MMB_PAGE ? f->len / 64 / 64 * 64 : MMB_RANGE_STEP;

	for (size_t off = 0; off < f->len; off += step) {
		volatile uint32_t *word = (volatile uint32_t *)(f->mem + off);
		uint32_t before = *word;
		bool kept = true;

		for (int i = 0; i < 2; i++) {
			*word = patterns[i];
			mmd_wc_flush();
			kept &= *word == patterns[i];
		}
		*word = before;
		mmd_wc_flush();
		if (!kept)
			return false;
	}
	return true;
}

static int prepare_writing(struct mmb_session *s)
{
	struct mmb_foreign *f = s->foreign;
	int rc = check_msix(s);

	if (rc)
		return rc;
	if (!is_memory(f)) {
		snprintf(f->why, sizeof(f->why), "--bar-write: BAR %u does not give back what is stored: these are "
			 "registers, or nothing. Choose a --range that is memory", s->opt->bar);
		return refuse(s, EXIT_NO_DEVICE, f->why);
	}
	f->saved = malloc(f->len);
	if (!f->saved)
		return refuse(s, EXIT_NO_DEVICE, "no memory to keep what is in the range; choose a smaller "
			      "--range");
	copy_range(f->saved, f->mem, f->len, f->width);
	return 0;
}

int mmb_foreign_open(struct mmb_session *s)
{
	const struct mmb_options *opt = s->opt;
	struct mmb_foreign *f = calloc(1, sizeof(*f));
	int rc;

	if (!f)
		abort();
	s->foreign = f;
	if (mmb_pci_open_bdf(&f->pci, opt->bdf, opt->bar, opt->bar_write, &f->bar, f->why,
			     sizeof(f->why))) {
		rc = refuse(s, EXIT_NO_DEVICE, f->why);
	} else {
		f->width = opt->bar_width ? opt->bar_width : f->bar.prefetchable ? 8 : 4;
		rc = check_range(s);
		if (!rc && mmb_foreign_gone(f))
			rc = refuse(s, EXIT_NO_DEVICE, "the device does not answer: it has left, or sleeps");
		if (!rc && opt->bar_write)
			rc = prepare_writing(s);
	}
	if (rc)
		mmb_foreign_close(s);
	return rc;
}

void mmb_foreign_close(struct mmb_session *s)
{
	struct mmb_foreign *f = s->foreign;

	if (!f)
		return;
	if (f->saved) {
		copy_range(f->mem, f->saved, f->len, f->width);
		mmd_wc_flush();
	}
	if (f->pci.bar)
		mmb_pci_close(&f->pci);
	free(f->saved);
	free(f);
	s->foreign = NULL;
}

bool mmb_foreign_gone(const struct mmb_foreign *f)
{
	return mmb_pci_is_gone(&f->pci);
}
