// SPDX-License-Identifier: MIT
/*
 * vm-flags.c - the VM_* flags each kind of mapping carries, as the kernel shows them.
 *
 * io VM_IO, pf VM_PFNMAP, mm VM_MIXEDMAP, de VM_DONTEXPAND (no mremap growth), dd VM_DONTDUMP (not in a
 * core dump), dc VM_DONTCOPY (not in a forked child). Source: proc_pid_smaps(5).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mmapdemo/mmapdemo.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

static int show(struct mmd_device *dev, const char *name, const struct mmd_buf *buf)
{
	unsigned long start, end, at;
	struct mmd_map map;
	int inside = 0, ok = 0;
	char line[512];
	FILE *f;

	must(MMD_CALL_MAP, mmd_map_buf(dev, buf, PROT_READ | PROT_WRITE, &map));
	at = (unsigned long)map.ptr;
	f = fopen("/proc/self/smaps", "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = at >= start && at < end;
		if (!inside || strncmp(line, "VmFlags: ", 9))
			continue;
		printf("%-10s %s", name, line + 9);
		/* Whatever the kind: not expandable, and not in a core dump. */
		ok = strstr(line, " de") && strstr(line, " dd");
	}
	if (f)
		fclose(f);
	mmd_unmap(&map);
	return ok;
}

int main(void)
{
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_buf buf;
	uint32_t i;
	int ok = 1;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, &dev));
	for (i = MMAPDEMO_REGION_EXAMPLE; i <= MMAPDEMO_REGION_USER_PAGE; i++) {
		must(MMD_CALL_REGION_INFO, mmd_region_info(dev, i, &buf));
		ok &= show(dev, mmd_region_name(i), &buf);
	}
	must(MMD_CALL_INFO, mmd_info(dev, &info));
	for (i = MMAPDEMO_TECH_BAR; i <= MMAPDEMO_TECH_MAX; i++) {
		/* Memory of the process itself has the flags it had before. */
		if (!(info.techniques & 1u << i) || i == MMAPDEMO_TECH_USERPTR)
			continue;
		must(MMD_CALL_BUF_ALLOC, mmd_buf_alloc(dev, i, 16384, 0, 0, &buf));
		ok &= show(dev, mmd_technique_name(i), &buf);
	}
	mmd_close(dev);
	return ok ? 0 : 1;
}
