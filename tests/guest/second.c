// SPDX-License-Identifier: MIT
/*
 * second.c - a second device beside the first: a number is not given out again while anybody has the old
 * one, so its node is whichever is not the first's.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "machine.h"
#include "second.h"

#define ID	"mmd-second"
#define BUS	"spare0"
#define PLUG_MS	8000

static char node_of_first[64], node_of_second[64], id_of_first[32];

const char *first_node(void)
{
	return node_of_first;
}

const char *second_node(void)
{
	return node_of_second;
}

static bool node_find(void)
{
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/dev");

	while (d && !found && (e = readdir(d))) {
		if (!dev_node_is(e->d_name) ||
		    !strcmp(e->d_name, node_of_first + strlen("/dev/")))
			continue;
		snprintf(node_of_second, sizeof(node_of_second), "/dev/%.32s", e->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found;
}

void second_wait(bool there)
{
	u64 end = now_ns() + PLUG_MS * 1000000ULL;

	while (node_find() != there) {
		CHECKF(now_ns() < end, "the second node is %s after %u ms",
		       there ? "not there" : "still there", PLUG_MS);
		sleep_ms(2);
	}
}

static bool is_ours(const char *id)
{
	char path[128], text[32];

	if (file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%.20s/vendor", id), text,
		      sizeof(text)) || strtoul(text, NULL, 16) != MMAPDEMO_PCI_VENDOR_ID)
		return false;
	return !file_read(strf(path, sizeof(path), "/sys/bus/pci/devices/%.20s/device", id), text,
			  sizeof(text)) && strtoul(text, NULL, 16) == MMAPDEMO_PCI_DEVICE_ID;
}

const char *second_bus_id(void)
{
	static char id[32];
	struct dirent *e;
	bool found = false;
	DIR *d = opendir("/sys/bus/pci/devices");

	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.' || !strcmp(e->d_name, id_of_first) || !is_ours(e->d_name))
			continue;
		snprintf(id, sizeof(id), "%.20s", e->d_name);
		found = true;
	}
	if (d)
		closedir(d);
	return found ? id : NULL;
}

void second_plug(const char *properties)
{
	u64 end = now_ns() + PLUG_MS * 1000000ULL;
	char command[512], reply[1024];
	int fd;

	qmp_require();
	if (!node_of_first[0]) {
		snprintf(node_of_first, sizeof(node_of_first), "%s", dev_node());
		fd = dev_open(O_RDWR);
		snprintf(id_of_first, sizeof(id_of_first), "%.31s", info_get(fd).out_bus_id);
		close(fd);
	}
	strf(command, sizeof(command),
	     "{\"execute\":\"device_add\",\"arguments\":{\"driver\":\"mmapdemo\",\"id\":\"" ID
	     "\",\"bus\":\"" BUS "\"%s}}", properties);
	if (!qmp(command, reply, sizeof(reply)))
		test_skip("this machine has no place for a second device: %.*s",
			  (int)strcspn(reply, "\r\n"), reply);
	while (!second_bus_id()) {
		CHECKF(now_ns() < end, "the function is not there after %u ms", PLUG_MS);
		sleep_ms(2);
	}
}

void second_add(const char *properties)
{
	second_plug(properties);
	second_wait(true);
}

void second_del(void)
{
	u64 end = now_ns() + PLUG_MS * 1000000ULL;
	char reply[1024];

	CHECK(qmp("{\"execute\":\"device_del\",\"arguments\":{\"id\":\"" ID "\"}}", reply,
		  sizeof(reply)));
	second_wait(false);
	while (second_bus_id()) {
		CHECKF(now_ns() < end, "the function is still there after %u ms", PLUG_MS);
		sleep_ms(2);
	}
	/*
	 * The last memory map that it was in may hold it until there is another one: seen where it has
	 * no MSI-X.
	 */
	file_write("/sys/bus/pci/rescan", "1");
	/* QEMU is done with it too, or the next one of that name is refused. */
	CHECK(qmp("{\"execute\":\"x-wait-event\",\"arguments\":{\"event\":\"DEVICE_DELETED\","
		  "\"timeout\":5}}", reply, sizeof(reply)));
}

int node_open(const char *node)
{
	return CHECK_SYS(open(node, O_RDWR | O_CLOEXEC));
}

void second_property_set(const char *name, const char *value)
{
	char command[256], reply[1024];

	CHECK(qmp(strf(command, sizeof(command),
		       "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"" ID
		       "\",\"property\":\"%s\",\"value\":%s}}", name, value),
		  reply, sizeof(reply)));
}
