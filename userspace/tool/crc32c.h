/* SPDX-License-Identifier: MIT */
/*
 * crc32c.h - the CRC that the device's crc32c operation computes, by the processor.
 */
#ifndef MMAPDEMO_TOOL_CRC32C_H
#define MMAPDEMO_TOOL_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, as iSCSI and ext4 use it) of @len bytes after others whose CRC is @crc, or 0. */
uint32_t crc32c(uint32_t crc, const unsigned char *p, size_t len);

#endif /* MMAPDEMO_TOOL_CRC32C_H */
