// SPDX-License-Identifier: MIT
/*
 * backend.c - the ways to the device: finding a function, opening it, what each way can and cannot do.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "pci.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static const struct {
	const char *name;
	const char *driver;		/* in /sys/bus/pci/drivers */
	const struct mmd_backend *backend;
} backends[MMD_BACKEND_MAX + 1] = {
	[MMD_BACKEND_DRIVER] = { "driver", "mmapdemo", &mmd_backend_node },
	[MMD_BACKEND_VFIO] = { "vfio", "vfio-pci", &mmd_backend_vfio },
	[MMD_BACKEND_UIO] = { "uio", "uio_pci_generic", &mmd_backend_uio },
};

static bool is_backend(uint32_t backend)
{
	return backend && backend <= MMD_BACKEND_MAX;
}

const char *mmd_backend_name(uint32_t backend)
{
	return is_backend(backend) ? backends[backend].name : "unknown";
}

int mmd_backend_value(const char *name, uint32_t *backend)
{
	uint32_t i;

	for (i = 1; i <= MMD_BACKEND_MAX; i++) {
		if (!strcasecmp(name, backends[i].name)) {
			*backend = i;
			return 0;
		}
	}
	return -EINVAL;
}

uint32_t mmd_backend(const struct mmd_device *dev)
{
	return dev->backend->id;
}

uint32_t mmd_refused(const struct mmd_device *dev)
{
	return __atomic_load_n(&dev->refused, __ATOMIC_RELAXED);
}

/* --- capabilities ------------------------------------------------------------------------- */

#define NO_DMA	"uio has no call to give the device memory, and nothing would keep it from the rest"

/* Why not; NULL: it can. */
static const char *const cannot[MMD_CAN_COUNT][MMD_BACKEND_MAX + 1] = {
	[MMD_CAN_CONTROL] = {
		[MMD_BACKEND_DRIVER] = "takes CAP_SYS_RAWIO and the module parameter allow_raw_bar, since "
				       "others use the device, too",
	},
	[MMD_CAN_WRITE_COMBINE] = {
		[MMD_BACKEND_VFIO] = "vfio-pci maps every BAR uncached",
	},
	[MMD_CAN_CACHE_SET] = {
		[MMD_BACKEND_VFIO] = "vfio-pci maps every BAR uncached",
		[MMD_BACKEND_UIO] = "the type goes with the file of sysfs, and the library has opened one",
	},
	[MMD_CAN_EXAMPLE] = {
		[MMD_BACKEND_VFIO] = "memory for all processes takes a driver to own it",
		[MMD_BACKEND_UIO] = "memory for all processes takes a driver to own it",
	},
	[MMD_CAN_DMA] = { [MMD_BACKEND_UIO] = NO_DMA },
	[MMD_CAN_CONTIGUOUS] = {
		[MMD_BACKEND_VFIO] = "only a kernel allocates that; coherent and noncontig are contiguous to "
				     "the device",
		[MMD_BACKEND_UIO] = NO_DMA,
	},
	[MMD_CAN_PIN] = { [MMD_BACKEND_UIO] = NO_DMA },
	[MMD_CAN_EVENTFD] = {
		[MMD_BACKEND_UIO] = "uio counts interrupts in its own node, and there are no transfers",
	},
	[MMD_CAN_INTERRUPT] = {
		[MMD_BACKEND_DRIVER] = "the driver takes that interrupt itself; transfers and queues have theirs",
	},
	[MMD_CAN_QUEUES] = { [MMD_BACKEND_UIO] = NO_DMA },
	[MMD_CAN_VECTORS] = {
		[MMD_BACKEND_UIO] = "uio_pci_generic knows INTx only, one line for everything",
	},
	[MMD_CAN_KERNEL_QUEUES] = {
		[MMD_BACKEND_VFIO] = "there is no driver in the kernel to have them",
		[MMD_BACKEND_UIO] = "there is no driver in the kernel to have them",
	},
	[MMD_CAN_DMA_BUF] = {
		[MMD_BACKEND_VFIO] = "there is no driver in the kernel to export it",
		[MMD_BACKEND_UIO] = "there is no driver in the kernel to export it",
	},
	[MMD_CAN_MAP_INFO] = {
		[MMD_BACKEND_VFIO] = "page tables are the kernel's to read",
		[MMD_BACKEND_UIO] = "page tables are the kernel's to read",
	},
	[MMD_CAN_RESET] = {
		[MMD_BACKEND_DRIVER] = "it would end the queues of other processes; sysfs has a reset for the "
				       "administrator",
	},
	[MMD_CAN_EXCLUSIVE] = {
		[MMD_BACKEND_UIO] = "anybody who may can open the node and the files of sysfs as well",
	},
	[MMD_CAN_SHARING] = {
		[MMD_BACKEND_VFIO] = "the whole function belongs to who opened its group",
		[MMD_BACKEND_UIO] = "whoever has a BAR has all of the device",
	},
	[MMD_CAN_CONTAINMENT] = {
		[MMD_BACKEND_UIO] = "once bus mastering is on the device reaches all memory; the library leaves "
				    "it off",
	},
	[MMD_CAN_REVOCATION] = {
		[MMD_BACKEND_VFIO] = "unbinding waits until the process has closed it",
		[MMD_BACKEND_UIO] = "mappings of sysfs stay when the kernel driver has gone",
	},
};

static const struct {
	const char *name;
	const char *text;
} capabilities[MMD_CAN_COUNT] = {
	[MMD_CAN_NONE] = { "none", "" },
#define CAPABILITY_ROW(id, word, words) [MMD_CAN_##id] = { word, words },
	MMD_CAPABILITIES(CAPABILITY_ROW)
};

int mmd_backend_can(uint32_t backend, uint32_t capability, const char **why)
{
	const char *no;

	if (!is_backend(backend) || !capability || capability >= MMD_CAN_COUNT)
		return -EINVAL;
	no = cannot[capability][backend];
	if (why)
		*why = no ? no : "";
	return no ? -EOPNOTSUPP : 0;
}

const char *mmd_capability_name(uint32_t capability)
{
	return capability < MMD_CAN_COUNT ? capabilities[capability].name : "unknown";
}

const char *mmd_capability_text(uint32_t capability)
{
	return capability < MMD_CAN_COUNT ? capabilities[capability].text : "";
}

/* --- finding ------------------------------------------------------------------------------ */

static int hex_read(const char *sysfs, const char *bus_id, const char *name, unsigned long *value)
{
	char path[PATH_MAX], text[16];
	FILE *f;
	int ret = 0;

	snprintf(path, sizeof(path), "%s/%s/%s", sysfs, bus_id, name);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	if (fgets(text, sizeof(text), f))
		*value = strtoul(text, NULL, 16);
	else
		ret = -EIO;
	fclose(f);
	return ret;
}

static int function_check(const char *sysfs, const char *bus_id, const char *driver)
{
	char path[PATH_MAX], target[PATH_MAX];
	unsigned long vendor, device;
	const char *name;
	ssize_t n;
	int ret;

	ret = hex_read(sysfs, bus_id, "vendor", &vendor);
	if (!ret)
		ret = hex_read(sysfs, bus_id, "device", &device);
	if (ret)
		return ret;
	if (vendor != MMAPDEMO_PCI_VENDOR_ID || device != MMAPDEMO_PCI_DEVICE_ID)
		return -ENOTTY;
	snprintf(path, sizeof(path), "%s/%s/driver", sysfs, bus_id);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -ENXIO;
	target[n] = '\0';
	name = strrchr(target, '/');
	return strcmp(name ? name + 1 : target, driver) ? -ENXIO : 0;
}

/* Letters that an address of a PCI function has: it becomes part of a path. */
static bool is_bus_id(const char *bus_id)
{
	size_t i;

	for (i = 0; bus_id[i]; i++)
		if (!isxdigit((unsigned char)bus_id[i]) && bus_id[i] != ':' &&
		    (bus_id[i] != '.' || !i || bus_id[i - 1] == '.'))
			return false;
	return i && i < PCI_BUS_ID_SIZE;
}

int mmd_pci_find(const char *sysfs, const char *bus_id, const char *driver, char *found)
{
	struct dirent **names;
	int num, i, one, ret = -ENOENT;

	if (bus_id) {
		if (!is_bus_id(bus_id))
			return -EINVAL;
		strcpy(found, bus_id);
		return function_check(sysfs, bus_id, driver);
	}
	num = scandir(sysfs, &names, NULL, alphasort);
	if (num < 0)
		return -errno;
	for (i = 0; i < num; i++) {
		one = ret && is_bus_id(names[i]->d_name) ?
		      function_check(sysfs, names[i]->d_name, driver) : -ENOENT;
		/* One with another driver says more than that there is none. */
		if (!one || one == -ENXIO) {
			strcpy(found, names[i]->d_name);
			ret = one;
		}
		free(names[i]);
	}
	free(names);
	return ret;
}

/* /dev/mmapdemoN, by the function's directory mmapdemo/mmapdemoN. */
static int node_of(const char *bus_id, char *node, size_t size)
{
	struct dirent *e;
	char path[96];
	DIR *d;

	snprintf(path, sizeof(path), PCI_SYSFS "/%s/mmapdemo", bus_id);
	d = opendir(path);
	if (!d)
		return -errno;
	node[0] = '\0';
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "mmapdemo", 8) && isdigit((unsigned char)e->d_name[8]))
			snprintf(node, size, "/dev/%.32s", e->d_name);
	closedir(d);
	return node[0] ? 0 : -ENOENT;
}

int mmd_open_bdf(const char *bus_id, uint32_t backend, unsigned int flags, struct mmd_device **dev)
{
	char found[PCI_BUS_ID_SIZE], path[64];
	int ret;

	if (!is_backend(backend))
		return -EINVAL;
	ret = mmd_pci_find(PCI_SYSFS, bus_id, backends[backend].driver, found);
	if (ret)
		return ret;
	if (backend == MMD_BACKEND_DRIVER) {
		ret = node_of(found, path, sizeof(path));
		if (ret)
			return ret;
	} else {
		snprintf(path, sizeof(path), "%s:%s", backends[backend].name, found);
	}
	return mmd_open_backend(backends[backend].backend, NULL, path, flags, dev);
}

/* "vfio:0000:01:00.0"; false: a path. */
bool mmd_path_is_bdf(const char *path, uint32_t *backend, const char **bus_id)
{
	const char *colon = strchr(path, ':');
	char name[16];

	if (!colon || (size_t)(colon - path) >= sizeof(name))
		return false;
	memcpy(name, path, (size_t)(colon - path));
	name[colon - path] = '\0';
	if (mmd_backend_value(name, backend))
		return false;
	*bus_id = colon[1] ? colon + 1 : NULL;
	return true;
}
