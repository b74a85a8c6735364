// SPDX-License-Identifier: MIT
/*
 * busy.c - have the device at work for a while, so that something can happen meanwhile; have it
 * misbehave.
 *
 * The emulated engine copies on the virtual CPU that has started the transfer, right after the
 * store that did it: whoever starts one finds it ended, however long it is. So the device is told,
 * by its property delay-ns, to let time pass before the first byte.
 */
#include <errno.h>
#include <string.h>

#include "busy.h"
#include "machine.h"

#define WATCHDOG	"/sys/module/mmapdemo/parameters/dma_timeout_ms"

/* What a test may change, and how it is when all is well. */
static const struct {
	const char *name, *well;
} properties[] = {
	{ "delay-ns", "0" },
	{ "x-fault-irq", "\"none\"" },
	{ "x-fault-dma", "\"none\"" },
	{ "x-fault-reads", "false" },
};

/* Shared by the runner and all processes of its tests. */
static struct {
	bool changed[ARRAY_SIZE(properties)];
	char watchdog[16];
} *left;

void busy_init(void)
{
	left = mmap(NULL, sizeof(*left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED)
		FAIL("mmap: %m");
}

bool busy_left(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (left->changed[i])
			return true;
	}
	return left->watchdog[0];
}

void busy_end(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (left->changed[i])
			qemu_property_set(properties[i].name, properties[i].well);
		left->changed[i] = false;
	}
	if (left->watchdog[0])
		file_try_write(WATCHDOG, left->watchdog);
	left->watchdog[0] = 0;
}

static void property_require(const char *name)
{
	char value[128];

	qmp_require();
	if (!qemu_property_get(name, value, sizeof(value)))
		test_skip("this QEMU's device has no property %s", name);
}

static void property_set(size_t i, const char *value)
{
	property_require(properties[i].name);
	left->changed[i] = true;
	qemu_property_set(properties[i].name, value);
}

void busy_require(void)
{
	property_require(properties[0].name);
}

void busy_each(unsigned int ns)
{
	char value[32];

	property_set(0, strf(value, sizeof(value), "%u", ns));
}

void fault_set(const char *property, const char *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (!strcmp(properties[i].name, property)) {
			property_set(i, value);
			return;
		}
	}
	FAIL("no property is called %s", property);
}

void watchdog_set(unsigned int ms)
{
	char text[16];

	if (!left->watchdog[0])
		CHECK_OK(file_read(WATCHDOG, left->watchdog, sizeof(left->watchdog)));
	file_write(WATCHDOG, strf(text, sizeof(text), "%u", ms));
}

struct busy busy_start(int fd, u32 direction)
{
	struct mmapdemo_info info = info_get(fd);
	struct busy b = { .num = info.out_max_transfers, .len = 256 * PAGE };
	struct mmapdemo_dma_submit s = { .direction = direction, .len = b.len };

	busy_require();
	b.mem = s.mem_handle = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, b.len).out_handle;
	b.dev = s.dev_handle = buf_alloc(fd, MMAPDEMO_TECH_BAR, b.len).out_handle;
	/* Longer where what is to happen meanwhile takes longer. */
	busy_each(patience_ms(1) * BUSY_EACH_NS);
	for (u32 i = 0; i < b.num; i++) {
		CHECK_OK(dma_submit(fd, &s));
		b.last = s.out_seq;
	}
	b.first = b.last - b.num + 1;
	CHECK(buf_info(fd, b.mem).out_transfers > b.num / 2);
	return b;
}
