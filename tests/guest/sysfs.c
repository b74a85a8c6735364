// SPDX-License-Identifier: MIT
/*
 * sysfs.c - the attributes of the device, docs/abi/sysfs-class-mmapdemo: which there are, who may read and
 * write them, that values follow what happens, and that readers do not hold up who takes the device away.
 *
 * The list of them is held against driver and document by tests/abi/sysfs.py.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "machine.h"
#include "queue.h"

#define MIB		(1024 * 1024ULL)
#define NOBODY		65534

static const struct attribute {
	const char *path;
	mode_t mode;
} attributes[] = {
	{ "api_version", 0444 },
	{ "hw_version", 0444 },
	{ "mem_size", 0444 },
	{ "mem_cache", 0444 },
	{ "num_queues", 0444 },
	{ "num_windows", 0444 },
	{ "techniques", 0444 },
	{ "limits/max_bufs", 0444 },
	{ "limits/max_bytes", 0444 },
	{ "limits/max_queues", 0444 },
	{ "limits/max_windows", 0444 },
	{ "limits/max_transfers", 0444 },
	{ "limits/max_dev_bufs", 0644 },
	{ "limits/max_dev_bytes", 0644 },
	{ "usage/files", 0444 },
	{ "usage/bufs", 0444 },
	{ "usage/bytes", 0444 },
	{ "usage/mem_bytes", 0444 },
	{ "usage/queues", 0444 },
	{ "usage/windows", 0444 },
	{ "statistics/transfers", 0444 },
	{ "statistics/dma_interrupts", 0444 },
	{ "statistics/dma_timeouts", 0444 },
	{ "statistics/sw_interrupts", 0444 },
	{ "statistics/resets", 0444 },
};

static char directory[128];	/* of the device; another one after a bind while somebody holds what was there */

static void directory_find(void)
{
	const char *digits = dev_node();

	digits += strcspn(digits, "0123456789");
	strf(directory, sizeof(directory), "/sys/class/mmapdemo/mmapdemo%s", digits);
}

static const char *path_of(const char *name, char path[256])
{
	return strf(path, 256, "%s/%s", directory, name);
}

static const char *text_of(const char *name, char text[256])
{
	char path[256];

	CHECK_OK(file_read(path_of(name, path), text, 256));
	return text;
}

static u64 value_of(const char *name)
{
	char text[256], *end;
	u64 value;

	text_of(name, text);
	errno = 0;
	value = strtoull(text, &end, 10);
	CHECKF(!errno && *text && !*end, "%s is \"%s\", which is no number", name, text);
	return value;
}

static int value_write(const char *name, const char *text)
{
	char path[256];

	return file_try_write(path_of(name, path), text);
}

/* --- which, and for whom ------------------------------------------------------------------------ */

static bool is_cores(const char *name)
{
	return !strcmp(name, "dev") || !strcmp(name, "uevent") || !strcmp(name, "power") ||
	       !strncmp(name, "mmapdemo-prepare", strlen("mmapdemo-prepare"));
}

static bool is_expected(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		if (!strcmp(attributes[i].path, path))
			return true;
	}
	return false;
}

/* Files in this directory and below it; each must be known. */
static unsigned int files_in(const char *below)
{
	char path[512], name[300];
	unsigned int found = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;

	d = opendir(strf(path, sizeof(path), "%s/%s", directory, below));
	CHECKF(d, "%s: %m", path);
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.' || (!*below && is_cores(e->d_name)))
			continue;
		strf(name, sizeof(name), "%s%s%s", below, *below ? "/" : "", e->d_name);
		strf(path, sizeof(path), "%s/%s", directory, name);
		CHECK_SYS(lstat(path, &st));
		if (S_ISDIR(st.st_mode)) {
			found += files_in(name);
		} else if (S_ISREG(st.st_mode)) {
			CHECKF(is_expected(name), "%s: an attribute that nobody knows", name);
			found++;
		}
	}
	closedir(d);
	return found;
}

static void sysfs_has_what_is_documented(const void *arg)
{
	struct stat st;
	char path[256], text[256];

	(void)arg;
	directory_find();
	CHECK_EQ(files_in(""), ARRAY_SIZE(attributes));
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		const struct attribute *a = &attributes[i];

		CHECK_SYS(stat(path_of(a->path, path), &st));
		CHECKF((st.st_mode & 07777) == a->mode && !st.st_uid && !st.st_gid,
		       "%s: mode %o of %u:%u", a->path, st.st_mode & 07777, st.st_uid, st.st_gid);
		CHECKF(*text_of(a->path, text), "%s is empty", a->path);
	}
}

static void everybody_reads_and_nobody_writes(void)
{
	char path[256];

	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		int fd = open(path_of(attributes[i].path, path), O_RDONLY);

		CHECKF(fd >= 0, "%s: %m", path);
		close(fd);
		fd = open(path, O_WRONLY);
		CHECKF(fd < 0 && errno == EACCES, "%s, to be written: %s", path,
		       errno_word(fd < 0 ? errno : 0));
	}
}

static void sysfs_is_written_by_root_alone(const void *arg)
{
	char path[256];
	pid_t pid;

	(void)arg;
	directory_find();
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		int fd = open(path_of(attributes[i].path, path), O_WRONLY);

		if (attributes[i].mode & 0200)
			CHECKF(fd >= 0, "%s: %m", path);
		else
			CHECKF(fd < 0 && errno == EACCES, "%s, to be written by root: %s", path,
			       errno_word(fd < 0 ? errno : 0));
		close(fd);
	}
	pid = child_fork();
	if (!pid) {
		CHECK_SYS(setgid(NOBODY));
		CHECK_SYS(setuid(NOBODY));
		CHECK_RET(dev_try_open(O_RDONLY), -EACCES);
		everybody_reads_and_nobody_writes();
		child_exit();
	}
	child_wait(pid, 5000);
}

/* --- values ------------------------------------------------------------------------------------- */

static void sysfs_says_what_info_says(const void *arg)
{
	static const struct {
		const char *name;
		u32 id;
	} names[] = {
		{ "bar", MMAPDEMO_TECH_BAR },
		{ "pages", MMAPDEMO_TECH_PAGES },
		{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
		{ "coherent", MMAPDEMO_TECH_COHERENT },
		{ "bar-fault", MMAPDEMO_TECH_BAR_FAULT },
		{ "bar-huge", MMAPDEMO_TECH_BAR_HUGE },
		{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
		{ "userptr", MMAPDEMO_TECH_USERPTR },
	};
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info i = info_get(fd);
	char text[256], want[32], *word, *rest;
	u32 map = 0;

	(void)arg;
	directory_find();
	CHECK_EQ(value_of("api_version"), i.out_api_version);
	strf(want, sizeof(want), "%u.%u", i.out_hw_version >> MMAPDEMO_VERSION_MAJOR_SHIFT,
	     i.out_hw_version & MMAPDEMO_VERSION_MINOR_MASK);
	CHECK(!strcmp(text_of("hw_version", text), want));
	CHECK_EQ(value_of("mem_size"), i.out_mem_size);
	CHECK_EQ(value_of("num_queues"), i.out_num_queues);
	CHECK_EQ(value_of("num_windows"), i.out_num_windows);
	CHECK_EQ(value_of("limits/max_bufs"), i.out_max_bufs);
	CHECK_EQ(value_of("limits/max_bytes"), i.out_max_bytes);
	CHECK_EQ(value_of("limits/max_queues"), i.out_max_queues);
	CHECK_EQ(value_of("limits/max_windows"), i.out_max_windows);
	CHECK_EQ(value_of("limits/max_transfers"), i.out_max_transfers);
	rest = text;
	text_of("techniques", text);
	while ((word = strsep(&rest, " "))) {
		size_t k = 0;

		while (k < ARRAY_SIZE(names) && strcmp(names[k].name, word))
			k++;
		CHECKF(k < ARRAY_SIZE(names), "technique \"%s\"", word);
		map |= 1U << names[k].id;
	}
	CHECK_EQ(map, i.out_techniques);

	CHECK(!strcmp(text_of("mem_cache", text), "wc"));
	CHECK_OK(mem_cache_set(fd, MMAPDEMO_CACHE_UC));
	CHECK(!strcmp(text_of("mem_cache", text), "uc"));
	CHECK_OK(mem_cache_set(fd, MMAPDEMO_CACHE_WC));
	CHECK(!strcmp(text_of("mem_cache", text), "wc"));
}

static void usage_is(u64 files, u64 bufs, u64 bytes, u64 mem_bytes, u64 queues, u64 windows)
{
	CHECK_EQ(value_of("usage/files"), files);
	CHECK_EQ(value_of("usage/bufs"), bufs);
	CHECK_EQ(value_of("usage/bytes"), bytes);
	CHECK_EQ(value_of("usage/mem_bytes"), mem_bytes);
	CHECK_EQ(value_of("usage/queues"), queues);
	CHECK_EQ(value_of("usage/windows"), windows);
}

static void sysfs_usage_follows(const void *arg)
{
	struct mmapdemo_buf_alloc a, b;
	u64 bytes, bufs, files, mem;
	struct queue q;
	int fd, other;
	u32 window;
	void *p;

	(void)arg;
	directory_find();
	files = value_of("usage/files");
	bufs = value_of("usage/bufs");
	bytes = value_of("usage/bytes");
	mem = value_of("usage/mem_bytes");
	usage_is(files, bufs, bytes, mem, 0, 0);
	fd = dev_open(O_RDWR);
	other = dev_open(O_RDONLY);
	usage_is(files + 2, bufs, bytes, mem, 0, 0);
	a = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, 3 * PAGE);
	usage_is(files + 2, bufs + 1, bytes + 3 * PAGE, mem, 0, 0);
	b = buf_alloc(fd, MMAPDEMO_TECH_BAR, 5 * PAGE);
	usage_is(files + 2, bufs + 2, bytes + 3 * PAGE, mem + 5 * PAGE, 0, 0);
	p = map_rw(fd, PAGE, a.out_offset);
	CHECK_EQ(touch_write(p, 1), 0);
	CHECK_OK(buf_free(fd, a.out_handle));
	/* The handle has gone, the memory has not. */
	usage_is(files + 2, bufs + 1, bytes + 3 * PAGE, mem + 5 * PAGE, 0, 0);
	unmap(p, PAGE);
	usage_is(files + 2, bufs + 1, bytes, mem + 5 * PAGE, 0, 0);
	window = window_get(fd, b.out_handle, WINDOW_RW, 0, PAGE);
	usage_is(files + 2, bufs + 1, bytes, mem + 5 * PAGE, 0, 1);
	q = queue_get(fd, 3);
	usage_is(files + 2, bufs + 1, bytes + q.c.out_ring_len, mem + 5 * PAGE, 1, 1);
	queue_put(&q);
	CHECK_OK(window_destroy(fd, window));
	usage_is(files + 2, bufs + 1, bytes, mem + 5 * PAGE, 0, 0);
	close(other);
	close(fd);
	usage_is(files, bufs, bytes, mem, 0, 0);
}

static void sysfs_statistics_follow(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	u64 transfers, irqs, timeouts, resets;

	(void)arg;
	directory_find();
	transfers = value_of("statistics/transfers");
	irqs = value_of("statistics/dma_interrupts");
	timeouts = value_of("statistics/dma_timeouts");
	resets = value_of("statistics/resets");
	for (int i = 0; i < 3; i++)
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem, 0, dev, 0, PAGE, NULL));
	CHECK_EQ(value_of("statistics/transfers"), transfers + 3);
	CHECK(value_of("statistics/dma_interrupts") <= irqs + 3);
	CHECK_EQ(value_of("statistics/dma_timeouts"), timeouts);
	CHECK_EQ(value_of("statistics/resets"), resets);
	function_reset();
	CHECK_EQ(value_of("statistics/resets"), resets + 1);
	close(fd);
	driver_unbind();
	driver_bind();
	/* It may have got another number. */
	directory_find();
	CHECK_EQ(value_of("statistics/resets"), 0);
	CHECK_EQ(value_of("statistics/sw_interrupts"), 0);
}

/* Everybody reads them: nothing in there is where anything is. */
static void sysfs_has_no_address(const void *arg)
{
	u64 start[16], end[16], frame;
	char path[256], text[256], *at;
	int fd = dev_open(O_RDWR);
	size_t n = 0;
	void *p;
	FILE *f;

	(void)arg;
	directory_find();
	p = map_rw(fd, PAGE, buf_alloc(fd, MMAPDEMO_TECH_NONCONTIG, PAGE).out_offset);
	CHECK_EQ(touch_write(p, 1), 0);
	frame = pagemap_frame(p);
	f = fopen(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", dev_bus_id()), "re");
	CHECK(f);
	while (n < ARRAY_SIZE(start) && fgets(text, sizeof(text), f)) {
		if (sscanf(text, "%" SCNx64 " %" SCNx64, &start[n], &end[n]) == 2 && start[n])
			n++;
	}
	fclose(f);
	CHECK(n >= 2);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		text_of(attributes[i].path, text);
		CHECKF(!strstr(text, "0x"), "%s: %s", attributes[i].path, text);
		for (at = text; *at; at += strcspn(at, " "), at += strspn(at, " ")) {
			u64 value = strtoull(at, NULL, 0);

			CHECKF(!value || (value != frame && value >> 12 != frame), "%s: %s, a page frame",
			       attributes[i].path, text);
			for (size_t k = 0; k < n; k++)
				CHECKF(value < start[k] || value > end[k], "%s: %s, in BAR%zu",
				       attributes[i].path, text, k);
		}
	}
}

/* --- limits that can be written ------------------------------------------------------------------- */

static void sysfs_limit_written_holds(const void *arg)
{
	struct mmapdemo_buf_alloc a;
	char bufs[256], bytes[256], text[256];
	int fd = dev_open(O_RDWR);
	u32 kept;
	u64 used;

	(void)arg;
	directory_find();
	text_of("limits/max_dev_bufs", bufs);
	text_of("limits/max_dev_bytes", bytes);
	kept = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, 4 * PAGE).out_handle;

	/* One more handle than there are. */
	used = value_of("usage/bufs");
	CHECK_OK(value_write("limits/max_dev_bufs", strf(text, sizeof(text), "%llu", (unsigned long long)used + 1)));
	CHECK_EQ(value_of("limits/max_dev_bufs"), used + 1);
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_BAR, 0, 0, PAGE, &a), -EDQUOT);
	/* Below what is in use: nothing is taken away. */
	CHECK_OK(value_write("limits/max_dev_bufs", "0"));
	CHECK_EQ(value_of("usage/bufs"), used + 1);
	CHECK_EQ(buf_info(fd, kept).out_len, 4 * PAGE);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, 0, 0, PAGE, &a), -EDQUOT);
	CHECK_OK(value_write("limits/max_dev_bufs", bufs));
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);

	used = value_of("usage/bytes");
	CHECK_OK(value_write("limits/max_dev_bytes", strf(text, sizeof(text), "%#llx", (unsigned long long)used + PAGE)));
	CHECK_EQ(value_of("limits/max_dev_bytes"), used + PAGE);
	CHECK_RET(buf_try_alloc(fd, MMAPDEMO_TECH_VMALLOC, 0, 0, 2 * PAGE, &a), -EDQUOT);
	CHECK_OK(buf_free(fd, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE).out_handle));
	CHECK_OK(buf_free(fd, kept));
	CHECK_OK(buf_free(fd, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, 5 * PAGE).out_handle));
	CHECK_OK(value_write("limits/max_dev_bytes", bytes));
	CHECK_OK(buf_free(fd, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, MIB).out_handle));

	/* A limit is the device's, and the next one begins with the module's. */
	CHECK_OK(value_write("limits/max_dev_bufs", "7"));
	close(fd);
	driver_unbind();
	driver_bind();
	directory_find();
	CHECK(!strcmp(text_of("limits/max_dev_bufs", text), bufs));
}

static void sysfs_limit_refuses_garbage(const void *arg)
{
	static const struct {
		const char *name, *text;
		int ret;
	} cases[] = {
		{ "limits/max_dev_bufs", "many", -EINVAL },
		{ "limits/max_dev_bufs", "-1", -EINVAL },
		{ "limits/max_dev_bufs", "12 13", -EINVAL },
		{ "limits/max_dev_bufs", "12k", -EINVAL },
		{ "limits/max_dev_bufs", "\n", -EINVAL },
		{ "limits/max_dev_bufs", "4294967296", -ERANGE },
		{ "limits/max_dev_bytes", "0x", -EINVAL },
		{ "limits/max_dev_bytes", "-4096", -EINVAL },
		{ "limits/max_dev_bytes", "18446744073709551616", -ERANGE },
	};
	u64 bufs, bytes;

	(void)arg;
	directory_find();
	bufs = value_of("limits/max_dev_bufs");
	bytes = value_of("limits/max_dev_bytes");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int ret = value_write(cases[i].name, cases[i].text);

		CHECKF(ret == cases[i].ret, "\"%s\" to %s: %s, wanted %s", cases[i].text, cases[i].name,
		       errno_word(ret), errno_word(cases[i].ret));
	}
	CHECK_EQ(value_of("limits/max_dev_bufs"), bufs);
	CHECK_EQ(value_of("limits/max_dev_bytes"), bytes);
}

/* --- and the end ----------------------------------------------------------------------------------- */

struct job {
	pthread_t thread;
	volatile bool over;
	volatile u32 rounds, gone;
	bool writes;
};

static bool is_end(int ret)
{
	return ret == -ENOENT || ret == -ENODEV;
}

static void *reader(void *arg)
{
	struct job *j = arg;
	char path[256], text[256];

	while (!j->over) {
		for (size_t i = 0; i < ARRAY_SIZE(attributes) && !j->over; i++) {
			int ret = file_read(path_of(attributes[i].path, path), text, sizeof(text));

			CHECKF(!ret || is_end(ret), "%s: %s", path, errno_word(ret));
			j->gone += !!ret;
			if (!j->writes)
				continue;
			ret = value_write("limits/max_dev_bufs", "65536");
			CHECKF(!ret || is_end(ret), "limits/max_dev_bufs, written: %s", errno_word(ret));
		}
		j->rounds++;
	}
	return NULL;
}

static void sysfs_readers_do_not_hold_up_unbind(const void *arg)
{
	struct job jobs[2] = { [1].writes = true };
	unsigned int worst, gone = 0;

	(void)arg;
	directory_find();
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
		CHECK(!pthread_create(&jobs[i].thread, NULL, reader, &jobs[i]));
	worst = driver_rebind_beside(&jobs[0].rounds, 8);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i].over = true;
		pthread_join(jobs[i].thread, NULL);
		gone += jobs[i].gone;
	}
	diag("at most %u ms to unbind; %u reads met no device", worst, gone);
	CHECK(gone > 0);
}

/* A file of /sys that is open when the device goes. */
static void sysfs_file_says_enodev_after_unbind(const void *arg)
{
	int fds[ARRAY_SIZE(attributes)];
	char path[256], text[64];

	(void)arg;
	directory_find();
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		fds[i] = CHECK_SYS(open(path_of(attributes[i].path, path),
					attributes[i].mode & 0200 ? O_RDWR : O_RDONLY));
	driver_unbind();
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		ssize_t ret = pread(fds[i], text, sizeof(text), 0);

		CHECKF(ret < 0 && errno == ENODEV, "%s, read: %s", attributes[i].path,
		       errno_word(ret < 0 ? errno : 0));
		if (attributes[i].mode & 0200) {
			ret = pwrite(fds[i], "1", 1, 0);
			CHECKF(ret < 0 && errno == ENODEV, "%s, written: %s", attributes[i].path,
			       errno_word(ret < 0 ? errno : 0));
		}
	}
	CHECK_SYS(access("/sys/class/mmapdemo", F_OK));
	CHECK(access(directory, F_OK) && errno == ENOENT);
	driver_bind();
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		close(fds[i]);
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++)
		CHECKF(!access(path_of(attributes[i].path, path), R_OK), "%s: %m", path);
}

void register_sysfs(void)
{
	TEST_ADD(sysfs_has_what_is_documented);
	TEST_ADD(sysfs_is_written_by_root_alone);
	TEST_ADD(sysfs_says_what_info_says);
	TEST_ADD(sysfs_usage_follows);
	TEST_ADD(sysfs_statistics_follow);
	TEST_ADD(sysfs_has_no_address);
	TEST_ADD(sysfs_limit_written_holds);
	TEST_ADD(sysfs_limit_refuses_garbage);
	TEST_ADD_SLOW(sysfs_readers_do_not_hold_up_unbind, 60000);
	TEST_ADD(sysfs_file_says_enodev_after_unbind);
}
