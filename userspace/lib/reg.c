// SPDX-License-Identifier: MIT
/*
 * reg.c - registers: access through the driver, and the table of the device contract.
 */
#include <string.h>
#include <strings.h>

#include "internal.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

int mmd_reg_read(struct mmd_device *dev, uint32_t offset, uint32_t width, uint64_t *value)
{
	struct mmapdemo_reg_access arg = {
		.size = sizeof(arg),
		.offset = offset,
		.width = width,
	};
	int ret;

	ret = mmd_ioctl(dev, MMAPDEMO_IOC_REG_READ, &arg);
	if (ret)
		return ret;
	*value = arg.out_value;
	return 0;
}

int mmd_reg_write(struct mmd_device *dev, uint32_t offset, uint32_t width, uint64_t value)
{
	struct mmapdemo_reg_access arg = {
		.size = sizeof(arg),
		.offset = offset,
		.width = width,
		.value = value,
	};

	return mmd_ioctl(dev, MMAPDEMO_IOC_REG_WRITE, &arg);
}

#define REG_ROW(reg_name, bytes, acc, bits, after_reset, who, desc) \
	{ \
		.name = #reg_name, \
		.text = desc, \
		.offset = MMAPDEMO_REG_##reg_name, \
		.width = bytes, \
		.access = MMD_REG_##acc, \
		.scope = MMD_REG_##who, \
		.writable = bits, \
		.reset = after_reset, \
	},

static const struct mmd_reg reg_table[] = {
	MMAPDEMO_HW_REGS(REG_ROW)
};

const struct mmd_reg *mmd_reg_table(size_t *count)
{
	*count = ARRAY_SIZE(reg_table);
	return reg_table;
}

const struct mmd_reg *mmd_reg_by_name(const char *name)
{
	static const char prefix[] = "MMAPDEMO_REG_";
	size_t i;

	if (!strncasecmp(name, prefix, sizeof(prefix) - 1))
		name += sizeof(prefix) - 1;
	for (i = 0; i < ARRAY_SIZE(reg_table); i++)
		if (!strcasecmp(name, reg_table[i].name))
			return &reg_table[i];
	return NULL;
}

const struct mmd_reg *mmd_reg_by_offset(uint32_t offset)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(reg_table); i++)
		if (offset == reg_table[i].offset)
			return &reg_table[i];
	return NULL;
}
