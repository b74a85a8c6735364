// SPDX-License-Identifier: MIT
/*
 * debugfs.c - the driver's lists say whose a buffer is, what is pinned for it, and how the device gets there.
 *
 * Not for: format, which is nobody's interface; that nothing stays listed, see oracle.c.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "pinner.h"

struct line {
	int pid;
	u32 handle;
	char technique[16];
	unsigned long long len, pinned;
	u32 refs;
	int vmas, transfers;
	char device[4], bus[16];
};

static FILE *list_open(const char *name)
{
	char path[128];
	FILE *f;

	f = fopen(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/%s",
		       dev_node() + strlen("/dev/"), name), "re");
	if (!f && access("/sys/kernel/debug/mmapdemo", F_OK))
		test_skip("this kernel has no debugfs");
	CHECKF(f, "%s: %m", path);
	return f;
}

/* The line of this process's buffer; false: there is none. */
static bool buffer_find(u32 handle, struct line *l)
{
	FILE *f = list_open("buffers");
	bool found = false;
	char text[256];

	CHECK(fgets(text, sizeof(text), f));
	while (!found && fgets(text, sizeof(text), f)) {
		CHECKF(sscanf(text, "%d %u %15s %llx %u %d %d %llu %3s %15s", &l->pid, &l->handle,
			      l->technique, &l->len, &l->refs, &l->vmas, &l->transfers, &l->pinned,
			      l->device, l->bus) == 10, "a line of another kind: %s", text);
		found = l->pid == getpid() && l->handle == handle;
	}
	fclose(f);
	return found;
}

static struct line buffer_get(u32 handle)
{
	struct line l;

	CHECKF(buffer_find(handle, &l), "handle %u is not listed", handle);
	return l;
}

static void debugfs_lists_pinned_memory(const void *arg)
{
	struct pinner p = pinner_get();
	char *m = anon_get(5 * PAGE);
	u32 rw = buf_pin(p.fd, m, 3 * PAGE, 0);
	u32 ro = buf_pin(p.fd, m + 3 * PAGE, 2 * PAGE, MMAPDEMO_PIN_READ_ONLY);
	struct line l = buffer_get(rw);

	(void)arg;
	CHECK(!strcmp(l.technique, "userptr"));
	CHECK_EQ(l.pinned, 3);
	CHECK_EQ(l.len, 3 * PAGE);
	CHECK(!strcmp(l.device, "rw"));
	/* Bus addresses are for buffers that the device has been sent to. */
	CHECK(!strcmp(l.bus, "-"));
	CHECK_OK(to_device(&p, rw, 0, PAGE));
	l = buffer_get(rw);
	CHECKF(!strcmp(l.bus, "direct") || !strcmp(l.bus, "bounced"), "bus: %s", l.bus);
	l = buffer_get(ro);
	CHECK_EQ(l.pinned, 2);
	CHECK(!strcmp(l.device, "r"));
	CHECK_OK(buf_free(p.fd, rw));
	CHECK(!buffer_find(rw, &l));
	CHECK(buffer_find(ro, &l));
	CHECK_OK(buf_free(p.fd, ro));
	CHECK(!buffer_find(ro, &l));
}

static void debugfs_says_whose_a_buffer_is(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_NONCONTIG, 2 * PAGE);
	void *p = map_rw(fd, PAGE, a.out_offset);
	struct line l = buffer_get(a.out_handle);
	pid_t pid;

	(void)arg;
	CHECK_EQ(l.vmas, 1);
	CHECK_EQ(l.pinned, 0);
	CHECK(!strcmp(l.device, "rw"));
	unmap(p, PAGE);
	CHECK_EQ(buffer_get(a.out_handle).vmas, 0);
	/* Of another process with the same file: it is of who made it. */
	pid = child_fork();
	if (!pid) {
		struct mmapdemo_buf_alloc b = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);

		CHECK(!buffer_find(a.out_handle, &l));
		CHECK(!strcmp(buffer_get(b.out_handle).technique, "bar"));
		child_exit();
	}
	child_wait(pid, 5000);
}

void register_debugfs(void)
{
	TEST_ADD(debugfs_lists_pinned_memory);
	TEST_ADD(debugfs_says_whose_a_buffer_is);
}
