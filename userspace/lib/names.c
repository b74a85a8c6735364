// SPDX-License-Identifier: MIT
/*
 * names.c - the words people use for the constants of the two contracts.
 */
#include <errno.h>
#include <strings.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

struct name {
	const char *name;
	uint32_t value;
};

static const struct name techniques[] = {
	{ "bar", MMAPDEMO_TECH_BAR },
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "bar-fault", MMAPDEMO_TECH_BAR_FAULT },
	{ "bar-huge", MMAPDEMO_TECH_BAR_HUGE },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
	{ "userptr", MMAPDEMO_TECH_USERPTR },
};

_Static_assert(ARRAY_SIZE(techniques) == MMAPDEMO_TECH_MAX, "one row for each technique");

static const struct name caches[] = {
	{ "default", MMAPDEMO_CACHE_DEFAULT },
	{ "wb", MMAPDEMO_CACHE_WB },
	{ "wc", MMAPDEMO_CACHE_WC },
	{ "uc", MMAPDEMO_CACHE_UC },
	{ "uc-", MMAPDEMO_CACHE_UC_MINUS },
};

static const struct name regions[] = {
	{ "example", MMAPDEMO_REGION_EXAMPLE },
	{ "user-page", MMAPDEMO_REGION_USER_PAGE },
	{ "ctrl", MMAPDEMO_REGION_CTRL },
	{ "mem", MMAPDEMO_REGION_MEM },
	{ "alias", MMAPDEMO_REGION_ALIAS },
};

static const struct name dma_modes[] = {
	{ "wait", MMD_DMA_WAIT },
	{ "eventfd", MMD_DMA_EVENTFD },
	{ "spin", MMD_DMA_SPIN },
};

static const struct name reg_accesses[] = {
	{ "RO", MMD_REG_RO },
	{ "RW", MMD_REG_RW },
	{ "WO", MMD_REG_WO },
	{ "W1C", MMD_REG_W1C },
};

static const struct {
	struct name id;
	const char *text;
} hw_errors[] = {
	{ { "none", MMAPDEMO_ERR_NONE }, "no error" },
	{ { "access", MMAPDEMO_ERR_ACCESS }, "width or alignment of a register access" },
	{ { "offset", MMAPDEMO_ERR_OFFSET }, "no register at that offset" },
	{ { "read-only", MMAPDEMO_ERR_READ_ONLY }, "write to a read-only register" },
	{ { "write-only", MMAPDEMO_ERR_WRITE_ONLY }, "read of a write-only register" },
	{ { "value", MMAPDEMO_ERR_VALUE }, "reserved bits, or an unknown command or key" },
	{ { "busy", MMAPDEMO_ERR_BUSY }, "the DMA engine was at work" },
	{ { "length", MMAPDEMO_ERR_LENGTH }, "transfer length 0 or above DMA_MAX_LEN" },
	{ { "range", MMAPDEMO_ERR_RANGE }, "not inside the device memory" },
	{ { "mask", MMAPDEMO_ERR_MASK }, "bus address above DMA_MASK, or wrapping" },
	{ { "bus-master", MMAPDEMO_ERR_BUS_MASTER }, "bus mastering is off, or the device sleeps" },
	{ { "bus", MMAPDEMO_ERR_BUS }, "the bus refused, or the target is not RAM" },
	{ { "list", MMAPDEMO_ERR_LIST }, "scatter-gather list: count, element or sum" },
	{ { "aborted", MMAPDEMO_ERR_ABORTED }, "the transfer was aborted" },
	{ { "repeat", MMAPDEMO_ERR_REPEAT }, "repeat count 0 or too large for a timed run" },
};

_Static_assert(ARRAY_SIZE(hw_errors) == MMAPDEMO_ERR_MAX + 1, "one row for each device error");

static const char *name_of(const struct name *names, size_t count, uint32_t value)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (names[i].value == value)
			return names[i].name;
	return "unknown";
}

static int value_of(const struct name *names, size_t count, const char *name, uint32_t *value)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (!strcasecmp(names[i].name, name)) {
			*value = names[i].value;
			return 0;
		}
	}
	return -EINVAL;
}

const char *mmd_technique_name(uint32_t technique)
{
	return name_of(techniques, ARRAY_SIZE(techniques), technique);
}

int mmd_technique_value(const char *name, uint32_t *technique)
{
	return value_of(techniques, ARRAY_SIZE(techniques), name, technique);
}

bool mmd_technique_is_device(uint32_t technique)
{
	return technique == MMAPDEMO_TECH_BAR || technique == MMAPDEMO_TECH_BAR_FAULT ||
	       technique == MMAPDEMO_TECH_BAR_HUGE;
}

const char *mmd_cache_name(uint32_t cache)
{
	return name_of(caches, ARRAY_SIZE(caches), cache);
}

int mmd_cache_value(const char *name, uint32_t *cache)
{
	return value_of(caches, ARRAY_SIZE(caches), name, cache);
}

const char *mmd_region_name(uint32_t region)
{
	return name_of(regions, ARRAY_SIZE(regions), region);
}

int mmd_region_value(const char *name, uint32_t *region)
{
	return value_of(regions, ARRAY_SIZE(regions), name, region);
}

const char *mmd_dma_mode_name(uint32_t mode)
{
	return name_of(dma_modes, ARRAY_SIZE(dma_modes), mode);
}

int mmd_dma_mode_value(const char *name, uint32_t *mode)
{
	return value_of(dma_modes, ARRAY_SIZE(dma_modes), name, mode);
}

const char *mmd_reg_access_name(uint32_t access)
{
	return name_of(reg_accesses, ARRAY_SIZE(reg_accesses), access);
}

const char *mmd_hw_error_name(uint32_t error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hw_errors); i++)
		if (hw_errors[i].id.value == error)
			return hw_errors[i].id.name;
	return "unknown";
}

int mmd_hw_error_value(const char *name, uint32_t *error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hw_errors); i++)
		if (!value_of(&hw_errors[i].id, 1, name, error))
			return 0;
	return -EINVAL;
}

const char *mmd_hw_error_text(uint32_t error)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(hw_errors); i++)
		if (hw_errors[i].id.value == error)
			return hw_errors[i].text;
	return "an error this library does not know";
}
