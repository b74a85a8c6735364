// SPDX-License-Identifier: MIT
/*
 * udev.c - the rules that are installed with the driver, read and obeyed by udev itself: a name that stays, root's
 * node by default, a group's where somebody wants that.
 *
 * Needs udev and the rules in the guest: stage "guest" of the suite puts them there.
 */
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev.h"
#include "machine.h"

#define UDEVADM		"/usr/bin/udevadm"
#define UDEVD		"/run/systemd-udevd"	/* it goes by its name */
#define RULES		"/usr/lib/udev/rules.d/60-mmapdemo.rules"
#define OWN_RULES	"/etc/udev/rules.d/60-mmapdemo.rules"
#define GROUP_ID	4711
#define NOBODY		65534

static void udevadm(const char *verb, const char *a, const char *b)
{
	struct output o;

	/* The list ends at the first word that is none. */
	run(&o, 20000, UDEVADM, verb, a, b, NULL);
	CHECKF(!o.status, "udevadm %s: status %d: %s", verb, o.status, o.err);
}

static void udev_apply(void)
{
	udevadm("trigger", "--subsystem-match=mmapdemo", "--action=add");
	udevadm("settle", "--timeout=15", NULL);
}

static void udev_start(void)
{
	struct output o;

	if (access(UDEVADM, X_OK) || access(RULES, R_OK))
		test_skip("no " UDEVADM " or no " RULES " in this guest");
	if (symlink(UDEVADM, UDEVD))
		CHECK_EQ(errno, EEXIST);
	unlink(OWN_RULES);
	run(&o, 20000, UDEVD, "--daemon", NULL);
	CHECKF(!o.status, "udevd: status %d: %s", o.status, o.err);
	udev_apply();
}

/* As devtmpfs makes it, for the tests that come after. */
static void udev_end(void)
{
	unlink(OWN_RULES);
	udevadm("control", "--exit", NULL);
	driver_unbind();
	driver_bind();
}

static void link_find(char path[128])
{
	strf(path, 128, "/dev/mmapdemo/by-path/pci-%s", dev_bus_id());
}

static void link_is_there(const char *path, bool there)
{
	struct stat st, node;

	if (!there) {
		CHECKF(lstat(path, &st) && errno == ENOENT, "%s is still there", path);
		return;
	}
	CHECKF(!stat(path, &st), "%s: %m", path);
	CHECK_SYS(stat(dev_node(), &node));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, node.st_rdev);
}

static void node_is(mode_t mode, gid_t gid)
{
	struct stat st;

	CHECK_SYS(stat(dev_node(), &st));
	CHECKF((st.st_mode & 07777) == mode && !st.st_uid && st.st_gid == gid, "mode %o of %u:%u, wanted %o of 0:%u",
	       st.st_mode & 07777, st.st_uid, st.st_gid, mode, gid);
}

static void udev_gives_a_name_by_place_and_leaves_the_mode(const void *arg)
{
	char path[128];

	(void)arg;
	udev_start();
	link_find(path);
	link_is_there(path, true);
	node_is(0600, 0);
	/* It goes with the device and comes back with it. */
	driver_unbind();
	udevadm("settle", "--timeout=15", NULL);
	link_is_there(path, false);
	driver_bind();
	udevadm("settle", "--timeout=15", NULL);
	link_is_there(path, true);
	node_is(0600, 0);
	udev_end();
}

/* The rules as somebody has them who did what their comment says. */
static void rules_for_a_group(void)
{
	FILE *from = fopen(RULES, "re"), *to;
	unsigned int changed = 0;
	char line[512];

	CHECK(from);
	mkdir("/etc/udev", 0755);
	mkdir("/etc/udev/rules.d", 0755);
	to = fopen(OWN_RULES, "we");
	CHECK(to);
	while (fgets(line, sizeof(line), from)) {
		bool is_rule = !strncmp(line, "#KERNEL", strlen("#KERNEL"));

		changed += is_rule;
		CHECK(fputs(line + is_rule, to) >= 0);
	}
	fclose(from);
	CHECK(!fclose(to));
	CHECK_EQ(changed, 1);
}

static void group_add(void)
{
	FILE *f;

	if (getgrnam("mmapdemo"))
		return;
	f = fopen("/etc/group", "ae");
	CHECK(f);
	CHECK(fprintf(f, "mmapdemo:x:%d:\n", GROUP_ID) > 0);
	CHECK(!fclose(f));
}

static void opens_as(gid_t gid, int want)
{
	pid_t pid = child_fork();

	if (!pid) {
		int fd;

		CHECK_SYS(setgroups(0, NULL));
		CHECK_SYS(setgid(gid));
		CHECK_SYS(setuid(NOBODY));
		fd = dev_try_open(O_RDWR);
		CHECKF(want ? fd == want : fd >= 0, "open as group %u: %s", gid,
		       errno_word(fd < 0 ? fd : 0));
		if (fd >= 0)
			CHECK_OK(buf_free(fd, buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE).out_handle));
		child_exit();
	}
	child_wait(pid, 5000);
}

static void udev_gives_nodes_to_a_group_that_is_named(const void *arg)
{
	(void)arg;
	udev_start();
	opens_as(GROUP_ID, -EACCES);
	group_add();
	rules_for_a_group();
	udevadm("control", "--reload", NULL);
	udev_apply();
	node_is(0660, GROUP_ID);
	opens_as(GROUP_ID, 0);
	opens_as(NOBODY, -EACCES);
	udev_end();
	node_is(0600, 0);
}

void register_udev(void)
{
	TEST_ADD_SLOW(udev_gives_a_name_by_place_and_leaves_the_mode, 60000);
	TEST_ADD_SLOW(udev_gives_nodes_to_a_group_that_is_named, 60000);
}
