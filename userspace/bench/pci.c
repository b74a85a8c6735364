// SPDX-License-Identifier: MIT
/*
 * pci.c - finds, enables and maps another PCI device through sysfs.
 */
#include "pci.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSFS_DEVICES		"/sys/bus/pci/devices"
#define CONFIG_COMMAND		4
#define COMMAND_MEMORY		0x2
#define COMMAND_MASTER		0x4

static void attribute_path(const struct mmb_pci *pci, const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", pci->path, name);
}

static int read_attribute(const struct mmb_pci *pci, const char *name, char *text, size_t size)
{
	char path[128];
	ssize_t n;
	int fd;

	attribute_path(pci, name, path, sizeof(path));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

static int write_attribute(const struct mmb_pci *pci, const char *name, const char *text)
{
	size_t len = strlen(text);
	char path[128];
	ssize_t n;
	int fd;

	attribute_path(pci, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, len);
	close(fd);
	return n == (ssize_t)len ? 0 : -EIO;
}

static bool is_id(const struct mmb_pci *pci, const char *name, uint16_t id)
{
	char text[16];

	return !read_attribute(pci, name, text, sizeof(text)) && strtoul(text, NULL, 16) == id;
}

static bool has_driver(const struct mmb_pci *pci)
{
	char path[128];
	struct stat st;

	attribute_path(pci, "driver", path, sizeof(path));
	return !stat(path, &st);
}

static int find(struct mmb_pci *pci, uint16_t vendor, uint16_t device)
{
	struct dirent *entry;
	int err = -ENODEV;
	DIR *dir = opendir(SYSFS_DEVICES);

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		/* A PCI address: anything longer is not one. */
		if (entry->d_name[0] == '.' || strlen(entry->d_name) > 20)
			continue;
		snprintf(pci->path, sizeof(pci->path), SYSFS_DEVICES "/%.20s", entry->d_name);
		if (!is_id(pci, "vendor", vendor) || !is_id(pci, "device", device))
			continue;
		err = has_driver(pci) ? -EBUSY : 0;
		if (!err)
			break;
	}
	closedir(dir);
	return err;
}

static int enable(struct mmb_pci *pci)
{
	char text[16], path[128];
	uint16_t command;
	int err = read_attribute(pci, "enable", text, sizeof(text));

	attribute_path(pci, "config", path, sizeof(path));
	if (pci->config_fd < 0)
		pci->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (pci->config_fd < 0)
		return -errno;
	if (pread(pci->config_fd, &pci->command, 2, CONFIG_COMMAND) != 2)
		return -EIO;
	if (!err && !atoi(text)) {
		err = write_attribute(pci, "enable", "1");
		pci->enabled = !err;
	}
	if (err)
		return err;
	command = pci->command | COMMAND_MEMORY;
	return pwrite(pci->config_fd, &command, 2, CONFIG_COMMAND) == 2 ? 0 : -EIO;
}

static int open_resource(const struct mmb_pci *pci, unsigned int bar, const char *suffix,
			 bool write)
{
	char name[32], path[128];

	snprintf(name, sizeof(name), "resource%u%s", bar, suffix);
	attribute_path(pci, name, path, sizeof(path));
	return open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
}

static int map(struct mmb_pci *pci, unsigned int bar, bool wc, bool write)
{
	int fd = wc ? open_resource(pci, bar, "_wc", write) : -1;
	struct stat st;
	void *p;

	if (fd < 0)
		fd = open_resource(pci, bar, "", write);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !st.st_size) {
		close(fd);
		return -ENXIO;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	close(fd);
	if (p == MAP_FAILED)
		return -errno;
	pci->bar = p;
	pci->bar_len = (size_t)st.st_size;
	return 0;
}

int mmb_pci_open(struct mmb_pci *pci, const char *name, uint16_t vendor, uint16_t device,
		 unsigned int bar, bool wc, char *why, size_t why_len)
{
	int err;

	memset(pci, 0, sizeof(*pci));
	pci->config_fd = -1;
	err = find(pci, vendor, device);
	if (err == -EBUSY)
		snprintf(why, why_len, "%s is used by a driver", name);
	else if (err)
		snprintf(why, why_len, "there is no %s device (%04x:%04x) in this machine", name,
			 vendor, device);
	if (err)
		return err;
	err = enable(pci);
	if (!err)
		err = map(pci, bar, wc, true);
	if (err) {
		snprintf(why, why_len, "%s cannot be mapped through sysfs: %s", name,
			 strerror(-err));
		mmb_pci_close(pci);
	}
	return err;
}

/* --- by its address ----------------------------------------------------------------------- */

#define PCI_BARS		6u
#define RESOURCE_IO		0x100u		/* flags in sysfs' "resource", which are the kernel's IORESOURCE_* */
#define RESOURCE_MEM		0x200u
#define RESOURCE_PREFETCH	0x2000u
#define CONFIG_STATUS		0x06
#define STATUS_CAP_LIST		0x10
#define CONFIG_HEADER		0x0e
#define HEADER_TYPE		0x7f
#define CONFIG_CAP_POINTER	0x34
#define CAP_ID_MSIX		0x11
#define CAPS_MAX		48		/* more cannot be in 192 bytes */

struct resource {
	uint64_t len;		/* 0: there is none */
	uint64_t flags;
};

/* Of "resource": a line of start, end and flags for each. */
static int read_resources(const struct mmb_pci *pci, struct resource *r)
{
	unsigned long long start, end, flags;
	char path[128];
	FILE *f;
	int err = 0;

	attribute_path(pci, "resource", path, sizeof(path));
	f = fopen(path, "re");
	if (!f)
		return -errno;
	for (unsigned int i = 0; i < PCI_BARS && !err; i++) {
		if (fscanf(f, "%llx %llx %llx", &start, &end, &flags) != 3)
			err = -EIO;
		else if (flags && (end < start || end - start == UINT64_MAX))
			err = -ERANGE;
		r[i].len = flags ? end - start + 1 : 0;
		r[i].flags = flags;
	}
	fclose(f);
	return err;
}

/* "0, 2": the BARs that can be mapped, "none". */
static void memory_bars(const struct resource *r, char *text, size_t size)
{
	size_t n = 0;

	snprintf(text, size, "none");
	for (unsigned int i = 0; i < PCI_BARS; i++)
		if (r[i].flags & RESOURCE_MEM && n + 4 < size)
			n += (size_t)snprintf(text + n, size - n, "%s%u", n ? ", " : "", i);
}

static int check_bar(const struct mmb_pci *pci, unsigned int bar, struct mmb_pci_bar *info,
		     char *why, size_t why_len)
{
	struct resource r[PCI_BARS];
	char bars[24];
	int err = read_resources(pci, r);

	if (err) {
		snprintf(why, why_len, "what the kernel says of its BARs cannot be understood (%s/resource), so "
			 "that the size of BAR %u is unknown", pci->path, bar);
		return err;
	}
	memory_bars(r, bars, sizeof(bars));
	if (!r[bar].flags || !r[bar].len) {
		snprintf(why, why_len, "there is no BAR %u, or the kernel has given it no address; BARs that are "
			 "memory: %s", bar, bars);
		return -ENXIO;
	}
	if (r[bar].flags & RESOURCE_IO || !(r[bar].flags & RESOURCE_MEM)) {
		snprintf(why, why_len, "BAR %u is I/O ports, which cannot be mapped; BARs that are memory: %s",
			 bar, bars);
		return -ENXIO;
	}
	info->prefetchable = r[bar].flags & RESOURCE_PREFETCH;
	return 0;
}

static uint32_t config_read(const struct mmb_pci *pci, unsigned int off, size_t size)
{
	uint32_t value = 0;

	if (pread(pci->config_fd, &value, size, off) != (ssize_t)size)
		return UINT32_MAX;
	return value;
}

static void find_msix(const struct mmb_pci *pci, unsigned int bar, struct mmb_pci_bar *info)
{
	uint32_t at = config_read(pci, CONFIG_STATUS, 2) & STATUS_CAP_LIST ?
		      config_read(pci, CONFIG_CAP_POINTER, 1) & ~3u : 0;

	for (int i = 0; i < CAPS_MAX && at >= 0x40 && at < 0xfc; i++) {
		uint32_t head = config_read(pci, at, 2);
		uint32_t vectors, where[2];

		if ((head & 0xff) != CAP_ID_MSIX) {
			at = head >> 8 & ~3u;
			continue;
		}
		vectors = (config_read(pci, at + 2, 2) & 0x7ff) + 1;
		where[0] = config_read(pci, at + 4, 4);
		where[1] = config_read(pci, at + 8, 4);
		for (int k = 0; k < 2; k++) {
			if ((where[k] & 7) != bar)
				continue;
			info->msix[k].off = where[k] & ~7u;
			info->msix[k].len = k ? (vectors + 63) / 64 * 8 : vectors * 16;
		}
		return;
	}
}

static int find_bdf(struct mmb_pci *pci, const char *bdf, char *why, size_t why_len)
{
	char link[128], path[128], *name;
	struct stat st;
	ssize_t n;

	snprintf(pci->path, sizeof(pci->path), SYSFS_DEVICES "/%s%.12s",
		 strlen(bdf) < 12 ? "0000:" : "", bdf);
	for (char *c = pci->path + strlen(SYSFS_DEVICES); *c; c++)
		*c = (char)tolower((unsigned char)*c);
	if (stat(pci->path, &st)) {
		snprintf(why, why_len, "there is no PCI device at this address; lspci -D lists those of this "
			 "machine");
		return -ENODEV;
	}
	attribute_path(pci, "driver", path, sizeof(path));
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return 0;
	link[n] = '\0';
	name = strrchr(link, '/') ? strrchr(link, '/') + 1 : link;
	snprintf(why, why_len, "the driver %.32s is using it, and two would disturb one another. Take it from the "
		 "driver first: echo %s > /sys/bus/pci/drivers/%.32s/unbind", name,
		 strrchr(pci->path, '/') + 1, name);
	return -EBUSY;
}

/* Nothing of the device has been changed before this says yes. */
static int check_device(struct mmb_pci *pci, char *why, size_t why_len)
{
	char path[128];

	attribute_path(pci, "config", path, sizeof(path));
	pci->config_fd = open(path, O_RDWR | O_CLOEXEC);
	if (pci->config_fd < 0) {
		snprintf(why, why_len, "its configuration cannot be opened: %s. This takes root", strerror(errno));
		return -EACCES;
	}
	if (flock(pci->config_fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK) {
		snprintf(why, why_len, "another benchmark is running on it, and two would measure one another. "
			 "Wait until it has ended");
		return -EBUSY;
	}
	if ((config_read(pci, CONFIG_HEADER, 1) & HEADER_TYPE) != 0) {
		snprintf(why, why_len, "this is a bridge (or does not answer): a device behind it is what can be "
			 "measured");
		return -ENODEV;
	}
	return 0;
}

int mmb_pci_open_bdf(struct mmb_pci *pci, const char *bdf, unsigned int bar, bool write,
		     struct mmb_pci_bar *info, char *why, size_t why_len)
{
	int err;

	memset(pci, 0, sizeof(*pci));
	memset(info, 0, sizeof(*info));
	pci->config_fd = -1;
	err = find_bdf(pci, bdf, why, why_len);
	if (!err)
		err = check_bar(pci, bar, info, why, why_len);
	if (!err)
		err = check_device(pci, why, why_len);
	if (err) {
		if (pci->config_fd >= 0)
			close(pci->config_fd);
		return err;
	}
	info->vendor = (uint16_t)config_read(pci, 0, 2);
	info->device = (uint16_t)config_read(pci, 2, 2);
	find_msix(pci, bar, info);
	err = enable(pci);
	if (!err)
		err = map(pci, bar, false, write);
	if (err) {
		snprintf(why, why_len, "BAR %u cannot be mapped through sysfs: %s%s", bar, strerror(-err),
			 err == -EPERM ? " (kernel lockdown?)" : "");
		mmb_pci_close(pci);
	}
	return err;
}

static void *map_also(const struct mmb_pci *pci, int fd, int prot)
{
	void *p;

	if (fd < 0)
		return NULL;
	p = mmap(NULL, pci->bar_len, prot, MAP_SHARED, fd, 0);
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

void *mmb_pci_map_wc(const struct mmb_pci *pci, unsigned int bar)
{
	return map_also(pci, open_resource(pci, bar, "_wc", true), PROT_READ | PROT_WRITE);
}

void *mmb_pci_map_again(const struct mmb_pci *pci, unsigned int bar)
{
	return map_also(pci, open_resource(pci, bar, "", false), PROT_READ);
}

bool mmb_pci_is_gone(const struct mmb_pci *pci)
{
	return (config_read(pci, 0, 2) & 0xffff) == 0xffff;
}

int mmb_pci_master(struct mmb_pci *pci)
{
	uint16_t command;

	if (pread(pci->config_fd, &command, 2, CONFIG_COMMAND) != 2)
		return -EIO;
	command |= COMMAND_MASTER;
	return pwrite(pci->config_fd, &command, 2, CONFIG_COMMAND) == 2 ? 0 : -EIO;
}

bool mmb_pci_is_translated(const struct mmb_pci *pci)
{
	char text[32];

	if (read_attribute(pci, "iommu_group/type", text, sizeof(text)))
		return false;
	return strcmp(text, "identity") != 0;
}

void mmb_pci_close(struct mmb_pci *pci)
{
	if (pci->bar)
		munmap(pci->bar, pci->bar_len);
	if (pci->config_fd >= 0) {
		/* Nothing to be done about a failure; the device is merely left switched on. */
		if (pwrite(pci->config_fd, &pci->command, 2, CONFIG_COMMAND) != 2)
			pci->enabled = false;
		close(pci->config_fd);
	}
	if (pci->enabled)
		write_attribute(pci, "enable", "0");
	memset(pci, 0, sizeof(*pci));
	pci->config_fd = -1;
}
