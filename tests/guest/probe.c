// SPDX-License-Identifier: MIT
/*
 * probe.c - devices that the driver meets for the first time: with fewer and other things than usual,
 * which it gets on with, or that it has to refuse, with nothing left of the attempt.
 *
 * They are plugged in beside the first, which is to notice nothing.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "queue.h"
#include "second.h"

#define BIND	"/sys/bus/pci/drivers/mmapdemo/bind"
#define UNBIND	"/sys/bus/pci/drivers/mmapdemo/unbind"
#define SMALL	",\"mem-size\":2097152"

/* A sleeper of each kind is woken by this device. */
static void interrupts_come(int fd)
{
	int efd = CHECK_SYS(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	struct area m = area_get(fd, MMAPDEMO_TECH_COHERENT, PAGE, WINDOW_RW);
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	struct queue q = queue_get_event(fd, 3, efd, 0, 0);
	struct pollfd p = { .fd = efd, .events = POLLIN };
	sqe_t d = sqe_fill(m.window, 0, PAGE, 1);
	u64 start;

	for (u32 i = 0; i < 5; i++) {
		u64 value;

		*ring_word(&q, MMAPDEMO_RING_CQ_EVENT) = i;
		QUEUE_OK(&q, &d);
		CHECK_EQ(poll(&p, 1, 1000), 1);
		CHECK_EQ(read(efd, &value, 8), 8);
	}
	second_property_set("delay-ns", "5000000");
	for (int i = 0; i < 3; i++) {
		start = now_ns();
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, m.handle, 0, dev, 0, PAGE, NULL));
		CHECKF(now_ns() - start < 900000000, "a sleeper was not woken by the interrupt");
	}
	second_property_set("delay-ns", "0");
	queue_put(&q);
	unmap(m.p, PAGE);
	close(efd);
}

struct odd {
	const char *name, *properties;
};

static void works_with(const void *arg)
{
	const struct odd *o = arg;
	struct neighbour first, n;

	second_add(o->properties);
	first = neighbour_in(node_open(first_node()));
	n = neighbour_in(node_open(second_node()));
	for (int i = 0; i < 3; i++) {
		neighbour_check(&first);
		neighbour_check(&n);
	}
	queue_put(&n.q);
	interrupts_come(n.fd);
	unmap(n.a.p, n.a.len);
	unmap(n.b.p, n.b.len);
	close(n.fd);
	second_del();
	neighbour_check(&first);
}

/* Refused by the driver: no node, not bound, and the function can be pulled out, or put right. */
static void is_refused(const void *arg)
{
	const struct odd *o = arg;
	struct neighbour first = neighbour_get();
	char path[96];

	second_plug(o->properties);
	/* The driver has been asked when the function can be seen, or a moment later. */
	sleep_ms(100);
	second_wait(false);
	strf(path, sizeof(path), "/sys/bus/pci/drivers/mmapdemo/%s", second_bus_id());
	CHECK_EQ(access(path, F_OK), -1);
	for (int i = 0; i < 3; i++)
		CHECK(file_try_write(BIND, second_bus_id()) < 0);
	CHECK_EQ(access(path, F_OK), -1);
	neighbour_check(&first);
	second_del();
	neighbour_check(&first);
}

static void reads_of_ones_and_then_not(const void *arg)
{
	(void)arg;
	second_plug(SMALL ",\"x-fault-reads\":true");
	sleep_ms(100);
	second_wait(false);
	CHECK_EQ(file_try_write(BIND, second_bus_id()), -ENODEV);
	second_property_set("x-fault-reads", "false");
	file_write(BIND, second_bus_id());
	second_wait(true);
	interrupts_come(node_open(second_node()));
	file_write(UNBIND, second_bus_id());
	second_wait(false);
	second_del();
}

static const struct odd good[] = {
	{ "msi_alone", SMALL ",\"msix\":\"off\"" },
	{ "the_interrupt_line_alone", SMALL ",\"msix\":\"off\",\"msi\":\"off\"" },
	{ "one_queue_and_few_windows", SMALL ",\"queues\":1,\"windows\":8" },
	{ "a_dma_mask_of_32_bits", SMALL ",\"dma-mask\":4294967295" },
	{ "an_engine_of_threads", SMALL ",\"dma\":\"thread\"" },
};

static const struct odd bad[] = {
	{ "a_dma_mask_of_12_bits", SMALL ",\"dma-mask\":4095" },
	{ "device_memory_without_a_place", ",\"mem-size\":1073741824" },
};

/* --- no memory ------------------------------------------------------------------------------------- */

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define NTH_MS		8000

/* The n-th allocation fails while the driver is bound: nothing is left, and the next time works. */
static void each_allocation_failing_in_turn(const void *arg)
{
	const char *id = dev_bus_id();
	char path[96], text[16], left[16];
	u64 end = now_ns() + NTH_MS * 1000000ULL;
	unsigned int n, failed = 0;
	bool all = false;

	(void)arg;
	if (access(FAIL_NTH, W_OK))
		test_skip("this kernel cannot inject faults: no " FAIL_NTH);
	file_try_write("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	file_try_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	file_try_write("/sys/kernel/debug/failslab/verbose", "0");
	file_try_write("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	strf(path, sizeof(path), "/sys/bus/pci/drivers/mmapdemo/%s", id);
	driver_unbind();
	for (n = 1; !all && now_ns() < end; n++) {
		int ret;

		file_write(FAIL_NTH, strf(text, sizeof(text), "%u", n));
		ret = file_try_write(BIND, id);
		CHECK_OK(file_read(FAIL_NTH, left, sizeof(left)));
		file_try_write(FAIL_NTH, "0");
		/* So many there were not. */
		all = atoi(left) > 0;
		if (!ret) {
			node_wait(true);
			driver_unbind();
			continue;
		}
		failed++;
		CHECK_EQ(access(path, F_OK), -1);
		node_wait(false);
	}
	driver_bind();
	diag("%u of %u bindings failed%s", failed, n - 1, all ? "" : "; time was over before the last");
	CHECK(failed > 0);
}

void register_probe(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		test_add(works_with, &good[i], 30000, "probe_with_%s_works", good[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		test_add(is_refused, &bad[i], 30000, "probe_with_%s_is_refused", bad[i].name);
	test_add(reads_of_ones_and_then_not, NULL, 30000,
		 "probe_with_reads_of_ones_is_refused_until_they_end");
	test_add(each_allocation_failing_in_turn, NULL, 60000,
		 "probe_with_each_allocation_failing_in_turn_leaves_nothing");
}
