// SPDX-License-Identifier: MIT
/*
 * pci.c - finds, enables and maps another PCI device through sysfs.
 */
#include "pci.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static int map(struct mmb_pci *pci, unsigned int bar, bool wc)
{
	char name[32], path[128];
	struct stat st;
	int fd = -1;
	void *p;

	if (wc) {
		snprintf(name, sizeof(name), "resource%u_wc", bar);
		attribute_path(pci, name, path, sizeof(path));
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0) {
		snprintf(name, sizeof(name), "resource%u", bar);
		attribute_path(pci, name, path, sizeof(path));
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || !st.st_size) {
		close(fd);
		return -ENXIO;
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
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
		err = map(pci, bar, wc);
	if (err) {
		snprintf(why, why_len, "%s cannot be mapped through sysfs: %s", name,
			 strerror(-err));
		mmb_pci_close(pci);
	}
	return err;
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
