// SPDX-License-Identifier: MIT
/*
 * smaps.c - reads /proc/PID/smaps; see Documentation/filesystems/proc.rst of Linux.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "smaps.h"

int smaps_find(FILE *f, uint64_t addr, struct smaps *smaps)
{
	struct smaps found = { 0 };
	uint64_t start, end;
	int inside = 0;
	char line[512];
	char perms[8];

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, perms) == 3) {
			if (inside)
				break;
			inside = addr >= start && addr < end;
			found.start = start;
			found.end = end;
			memcpy(found.perms, perms, sizeof(perms));
			continue;
		}
		if (!inside)
			continue;
		if (!strncmp(line, "VmFlags:", 8)) {
			char *flags = line + 8 + strspn(line + 8, " ");

			flags[strcspn(flags, "\n")] = '\0';
			while (*flags && flags[strlen(flags) - 1] == ' ')
				flags[strlen(flags) - 1] = '\0';
			if (strlen(flags) >= sizeof(found.vm_flags))
				return -EIO;
			memcpy(found.vm_flags, flags, strlen(flags) + 1);
			/* The last line of each mapping. */
			*smaps = found;
			return 0;
		}
		sscanf(line, "Rss: %" SCNu64 " kB", &found.rss_kib);
	}
	return inside ? -EIO : -ENOENT;
}

const char *smaps_flag_name(const char *letters)
{
	static const struct {
		const char *letters;
		const char *name;
	} names[] = {
		{ "rd", "VM_READ" }, { "wr", "VM_WRITE" }, { "ex", "VM_EXEC" },
		{ "sh", "VM_SHARED" }, { "mr", "VM_MAYREAD" }, { "mw", "VM_MAYWRITE" },
		{ "me", "VM_MAYEXEC" }, { "ms", "VM_MAYSHARE" }, { "pf", "VM_PFNMAP" },
		{ "io", "VM_IO" }, { "dc", "VM_DONTCOPY" }, { "de", "VM_DONTEXPAND" },
		{ "dd", "VM_DONTDUMP" }, { "mm", "VM_MIXEDMAP" }, { "lo", "VM_LOCKED" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strncmp(letters, names[i].letters, 2))
			return names[i].name;
	return NULL;
}
