// SPDX-License-Identifier: MIT
/*
 * dev.c - raw calls of the driver contract, and the few things of the machine that tests look at.
 *
 * Not for: driving removal and hot-plug, see machine.c.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dev.h"

/* --- finding ------------------------------------------------------------------------------ */

static const char *dev_prefix(void)
{
	return getenv("MMAPDEMO_NODE") ?: "mmapdemo";
}

bool dev_is_prepare(void)
{
	return !strcmp(dev_prefix(), "mmapdemo-prepare");
}

bool dev_node_is(const char *name)
{
	size_t len = strlen(dev_prefix());

	return !strncmp(name, dev_prefix(), len) && isdigit(name[len]);
}

bool dev_node_find(char *path, size_t size)
{
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/dev");

	while (d && !found && (e = readdir(d))) {
		if (dev_node_is(e->d_name)) {
			snprintf(path, size, "/dev/%.32s", e->d_name);
			found = true;
		}
	}
	if (d)
		closedir(d);
	return found;
}

const char *dev_node(void)
{
	static char path[64];

	if (!dev_node_find(path, sizeof(path)))
		FAIL("there is no /dev/%sN: is the module loaded and the device there?", dev_prefix());
	return path;
}

const char *dev_bus_id(void)
{
	static char id[32];
	char path[128], text[32];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/sys/bus/pci/devices");

	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		if (file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%.20s/vendor",
				   e->d_name), text, sizeof(text)) ||
		    strtoul(text, NULL, 16) != MMAPDEMO_PCI_VENDOR_ID)
			continue;
		if (file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%.20s/device",
				   e->d_name), text, sizeof(text)) ||
		    strtoul(text, NULL, 16) != MMAPDEMO_PCI_DEVICE_ID)
			continue;
		snprintf(id, sizeof(id), "%.20s", e->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found ? id : NULL;
}

int dev_try_open(int flags)
{
	int fd = open(dev_node(), flags | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int dev_open(int flags)
{
	int fd = dev_try_open(flags);

	if (fd < 0)
		FAIL("open %s: %s", dev_node(), errno_word(fd));
	return fd;
}

/* --- calls -------------------------------------------------------------------------------- */

int call(int fd, unsigned long cmd, void *arg)
{
	return ioctl(fd, cmd, arg) < 0 ? -errno : 0;
}

struct mmapdemo_info info_get(int fd)
{
	struct mmapdemo_info info = { .size = sizeof(info) };

	CHECK_OK(call(fd, MMAPDEMO_IOC_INFO, &info));
	return info;
}

int region_info(int fd, u32 region, struct mmapdemo_region_info *out)
{
	*out = (struct mmapdemo_region_info){ .size = sizeof(*out), .region = region };
	return call(fd, MMAPDEMO_IOC_REGION_INFO, out);
}

struct mmapdemo_region_info region_get(int fd, u32 region)
{
	struct mmapdemo_region_info r;

	CHECK_OK(region_info(fd, region, &r));
	return r;
}

int buf_try_alloc(int fd, u32 technique, u32 cache, u32 flags, u64 len,
		  struct mmapdemo_buf_alloc *out)
{
	*out = (struct mmapdemo_buf_alloc){
		.size = sizeof(*out),
		.flags = flags,
		.technique = technique,
		.cache = cache,
		.len = len,
	};
	return call(fd, MMAPDEMO_IOC_BUF_ALLOC, out);
}

struct mmapdemo_buf_alloc buf_alloc(int fd, u32 technique, u64 len)
{
	struct mmapdemo_buf_alloc a;

	CHECK_OK(buf_try_alloc(fd, technique, MMAPDEMO_CACHE_DEFAULT, 0, len, &a));
	CHECK(a.out_handle != 0);
	return a;
}

int buf_free(int fd, u32 handle)
{
	struct mmapdemo_buf_free f = { .size = sizeof(f), .handle = handle };

	return call(fd, MMAPDEMO_IOC_BUF_FREE, &f);
}

int buf_try_info(int fd, u32 handle, struct mmapdemo_buf_info *out)
{
	*out = (struct mmapdemo_buf_info){ .size = sizeof(*out), .handle = handle };
	return call(fd, MMAPDEMO_IOC_BUF_INFO, out);
}

struct mmapdemo_buf_info buf_info(int fd, u32 handle)
{
	struct mmapdemo_buf_info i;

	CHECK_OK(buf_try_info(fd, handle, &i));
	return i;
}

u32 buf_vmas(int fd, u32 handle)
{
	return buf_info(fd, handle).out_vmas;
}

int map_try_info(int fd, const void *addr, struct mmapdemo_map_info *out)
{
	*out = (struct mmapdemo_map_info){ .size = sizeof(*out), .addr = (uintptr_t)addr };
	return call(fd, MMAPDEMO_IOC_MAP_INFO, out);
}

struct mmapdemo_map_info map_info(int fd, const void *addr)
{
	struct mmapdemo_map_info m;

	CHECK_OK(map_try_info(fd, addr, &m));
	return m;
}

int mem_cache_set(int fd, u32 cache)
{
	struct mmapdemo_mem_cache_set s = { .size = sizeof(s), .cache = cache };

	return call(fd, MMAPDEMO_IOC_MEM_CACHE_SET, &s);
}

int reg_try_read(int fd, u32 offset, u32 width, u64 *value)
{
	struct mmapdemo_reg_access r = { .size = sizeof(r), .offset = offset, .width = width };
	int ret = call(fd, MMAPDEMO_IOC_REG_READ, &r);

	if (!ret)
		*value = r.out_value;
	return ret;
}

int reg_try_write(int fd, u32 offset, u32 width, u64 value)
{
	struct mmapdemo_reg_access r = {
		.size = sizeof(r), .offset = offset, .width = width, .value = value,
	};

	return call(fd, MMAPDEMO_IOC_REG_WRITE, &r);
}

u64 counter(int fd, u32 offset)
{
	u64 value;

	CHECK_OK(reg_try_read(fd, offset, 8, &value));
	return value;
}

int dma_submit(int fd, struct mmapdemo_dma_submit *s)
{
	s->size = sizeof(*s);
	return call(fd, MMAPDEMO_IOC_DMA_SUBMIT, s);
}

int dma_wait(int fd, struct mmapdemo_dma_wait *w)
{
	w->size = sizeof(*w);
	return call(fd, MMAPDEMO_IOC_DMA_WAIT, w);
}

int dma_collect(int fd, u64 seq, struct mmapdemo_dma_wait *out)
{
	struct mmapdemo_dma_wait w = { .seq = seq, .deadline_ns = now_ns() + DMA_LIMIT_NS };
	int ret = dma_wait(fd, &w);

	if (out)
		*out = w;
	return ret;
}

int dma_copy(int fd, u32 direction, u32 mem, u64 mem_off, u32 dev, u64 dev_off, u64 len,
	     struct mmapdemo_dma_wait *out)
{
	struct mmapdemo_dma_submit s = {
		.direction = direction,
		.mem_handle = mem,
		.dev_handle = dev,
		.mem_off = mem_off,
		.dev_off = dev_off,
		.len = len,
	};
	int ret = dma_submit(fd, &s);

	return ret ? ret : dma_collect(fd, s.out_seq, out);
}

int eventfd_set(int fd, int efd)
{
	struct mmapdemo_eventfd_set e = { .size = sizeof(e), .fd = efd };

	return call(fd, MMAPDEMO_IOC_EVENTFD_SET, &e);
}

/* --- memory ------------------------------------------------------------------------------- */

int map_try(int fd, u64 len, int prot, int flags, u64 offset, void **out)
{
	void *p = mmap(NULL, len, prot, flags, fd, (off_t)offset);

	if (p == MAP_FAILED)
		return -errno;
	if (out)
		*out = p;
	return 0;
}

static void *map_shared(int fd, u64 len, int prot, u64 offset)
{
	void *p = NULL;
	int ret = map_try(fd, len, prot, MAP_SHARED, offset, &p);

	if (ret)
		FAIL("mmap of %llu bytes at offset %#llx: %s", (unsigned long long)len,
		     (unsigned long long)offset, errno_word(ret));
	return p;
}

void *map_rw(int fd, u64 len, u64 offset)
{
	return map_shared(fd, len, PROT_READ | PROT_WRITE, offset);
}

void *map_ro(int fd, u64 len, u64 offset)
{
	return map_shared(fd, len, PROT_READ, offset);
}

void unmap(void *p, u64 len)
{
	CHECK_SYS(munmap(p, len));
}

void *map_reserve(u64 len)
{
	return CHECK_SYS(mmap(NULL, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static __thread sigjmp_buf touch_back;
static __thread volatile sig_atomic_t touching;

static void touch_handler(int sig)
{
	if (!touching) {
		/* Not ours: die of it as if there were no handler. */
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	siglongjmp(touch_back, sig);
}

static void touch_setup(void)
{
	struct sigaction sa = { .sa_handler = touch_handler };

	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
}

int touch_read(const volatile void *p, u32 *value)
{
	int sig;
	u32 v;

	touch_setup();
	sig = sigsetjmp(touch_back, 1);
	if (!sig) {
		touching = 1;
		v = *(const volatile u32 *)p;
		touching = 0;
		if (value)
			*value = v;
	}
	touching = 0;
	return sig;
}

int touch_write(volatile void *p, u32 value)
{
	int sig;

	touch_setup();
	sig = sigsetjmp(touch_back, 1);
	if (!sig) {
		touching = 1;
		*(volatile u32 *)p = value;
	}
	touching = 0;
	return sig;
}

static u64 pattern(u64 seed, size_t word)
{
	return (seed + 1) * 0x9e3779b97f4a7c15ULL + word * 0x0101010101010103ULL;
}

void fill(void *p, size_t len, u64 seed)
{
	unsigned char *b = p;
	size_t i;
	u64 w;

	for (i = 0; i < len / 8; i++) {
		w = pattern(seed, i);
		memcpy(b + i * 8, &w, 8);
	}
	w = pattern(seed, i);
	memcpy(b + i * 8, &w, len % 8);
}

size_t differs(const void *p, size_t len, u64 seed)
{
	const unsigned char *b = p;
	size_t i;
	u64 w;

	for (i = 0; i < len; i += 8) {
		size_t n = len - i < 8 ? len - i : 8;

		w = pattern(seed, i / 8);
		if (!memcmp(b + i, &w, n))
			continue;
		for (size_t k = 0; k < n; k++) {
			if (b[i + k] != ((unsigned char *)&w)[k])
				return i + k;
		}
	}
	return len;
}

size_t first_not(const void *p, size_t len, unsigned char byte)
{
	const unsigned char *b = p;

	if (!len || (b[0] == byte && !memcmp(b, b + 1, len - 1)))
		return len;
	for (size_t i = 0; i < len; i++) {
		if (b[i] != byte)
			return i;
	}
	return len;
}

/* --- sysfs, configuration space, the machine ---------------------------------------------- */

const char *strf(char *buf, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(buf, size, format, ap);
	va_end(ap);
	return buf;
}

int file_try_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

void file_write(const char *path, const char *text)
{
	int ret = file_try_write(path, text);

	if (ret)
		FAIL("write \"%s\" to %s: %s", text, path, errno_word(ret));
}

int file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -errno;
	len = read(fd, buf, size - 1);
	if (len < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	close(fd);
	buf[len] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

static int config_open(int flags)
{
	const char *id = dev_bus_id();
	char path[128];
	int fd;

	if (!id)
		FAIL("no PCI function %04x:%04x", MMAPDEMO_PCI_VENDOR_ID, MMAPDEMO_PCI_DEVICE_ID);
	fd = open(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", id),
		  flags | O_CLOEXEC);
	if (fd < 0)
		FAIL("open %s: %m", path);
	return fd;
}

u32 config_read(u32 offset, unsigned int width)
{
	int fd = config_open(O_RDONLY);
	u32 value = 0;

	CHECK_EQ(pread(fd, &value, width, offset), width);
	close(fd);
	return value;
}

void config_write(u32 offset, unsigned int width, u32 value)
{
	int fd = config_open(O_RDWR);

	CHECK_EQ(pwrite(fd, &value, width, offset), width);
	close(fd);
}

void pci_command_set(u32 clear, u32 set)
{
	config_write(PCI_COMMAND_OFFSET, 2,
		     (config_read(PCI_COMMAND_OFFSET, 2) & ~clear) | set);
}

void vm_flags_get(const void *addr, char *buf, size_t size)
{
	char line[512];
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	if (!f)
		FAIL("open /proc/self/smaps: %m");
	buf[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = (unsigned long)addr >= start && (unsigned long)addr < end;
		else if (here && !strncmp(line, "VmFlags:", 8))
			snprintf(buf, size, " %.*s ", (int)strcspn(line + 9, "\n"), line + 9);
	}
	fclose(f);
	if (!buf[0])
		FAIL("nothing is mapped at %p", addr);
}

bool vm_flags_have(const void *addr, const char *flag)
{
	char flags[256], word[8];

	vm_flags_get(addr, flags, sizeof(flags));
	return strstr(flags, strf(word, sizeof(word), " %s ", flag));
}

void map_perms(const void *addr, char perms[5])
{
	char line[512];
	FILE *f = fopen("/proc/self/maps", "re");

	if (!f)
		FAIL("open /proc/self/maps: %m");
	perms[0] = 0;
	while (fgets(line, sizeof(line), f)) {
		unsigned long start, end;
		char p[5];

		if (sscanf(line, "%lx-%lx %4s", &start, &end, p) == 3 &&
		    (unsigned long)addr >= start && (unsigned long)addr < end)
			memcpy(perms, p, 5);
	}
	fclose(f);
}

static u64 pagemap_entry(const void *addr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	u64 entry;

	if (fd < 0)
		FAIL("open /proc/self/pagemap: %m");
	CHECK_EQ(pread(fd, &entry, 8, (uintptr_t)addr / PAGE * 8), 8);
	close(fd);
	return entry;
}

bool pagemap_present(const void *addr)
{
	return pagemap_entry(addr) >> 63;
}

u64 pagemap_frame(const void *addr)
{
	u64 entry = pagemap_entry(addr);

	CHECK(entry >> 63);
	return entry & ((1ULL << 55) - 1);
}

bool raw_bar_allowed(void)
{
	char text[8];

	return !file_read("/sys/module/mmapdemo/parameters/allow_raw_bar", text, sizeof(text)) &&
	       (text[0] == 'Y' || text[0] == '1');
}
