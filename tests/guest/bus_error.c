// SPDX-License-Identifier: MIT
/*
 * bus_error.c - errors of the PCI Express bus, as QEMU makes them up: what must not be noticed, what is
 * got over again and again, and a device that does not come back.
 *
 * What a process lives through in a recovery that works: see lifetime_matrix.c.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "busy.h"
#include "lifetime.h"
#include "queue.h"
#include "second.h"

#define BIND	"/sys/bus/pci/drivers/mmapdemo/bind"
#define UNBIND	"/sys/bus/pci/drivers/mmapdemo/unbind"
#define GONE_MS	8000
#define CALM_MS	1500

/*
 * Recoveries that nobody waited for may be under way, or not have begun: the kernel has a report
 * read by a thread. Over is what has not been seen for a while.
 */
static void wait_for_recoveries(void)
{
	u64 end = now_ns() + 4 * patience_ms(GONE_MS) * 1000000ULL;
	u64 calm = patience_ms(CALM_MS) * 1000000ULL;
	struct mmapdemo_buf_alloc a;
	int fd = dev_open(O_RDWR), ret;
	u64 since = now_ns();

	while (now_ns() - since < calm) {
		ret = buf_try_alloc(fd, MMAPDEMO_TECH_BAR, 0, 0, PAGE, &a);
		if (!ret)
			ret = buf_free(fd, a.out_handle);
		if (ret) {
			CHECK_RET(ret, -EIO);
			since = now_ns();
		}
		CHECKF(now_ns() < end, "recoveries do not end");
		sleep_ms(20);
	}
	close(fd);
}

/* How many of a kind the kernel was told of, the sum of all: from sysfs. */
static unsigned long told(const char *kind)
{
	unsigned long n = 0, one;
	char path[96], line[96];
	FILE *f;

	f = fopen(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/aer_dev_%s", dev_bus_id(),
		       kind), "re");
	CHECKF(f, "open %s: %m", path);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "TOTAL", 5) && sscanf(line, "%*s %lu", &one) == 1)
			n = one;
	}
	fclose(f);
	return n;
}

/* The bus has corrected it: nobody need know, and nothing stops. */
static void bus_error_corrected_is_not_noticed(const void *arg)
{
	u64 end = now_ns() + GONE_MS * 1000000ULL, before;
	struct neighbour n;
	unsigned long count;

	(void)arg;
	bus_error_require();
	n = neighbour_get();
	count = told("correctable");
	before = bus_recoveries();
	for (int i = 0; i < 3; i++) {
		bus_error("BAD_TLP");
		neighbour_check(&n);
	}
	while (told("correctable") == count) {
		CHECKF(now_ns() < end, "the kernel was not told within %u ms", GONE_MS);
		sleep_ms(5);
	}
	neighbour_check(&n);
	CHECK_EQ(queue_info(&n.q).out_reset, 0);
	CHECK_EQ(bus_recoveries(), before);
	CHECK_EQ(touch_read((void *)n.q.doorbell, NULL), 0);
}

/*
 * Each is reported, also after one that has reset the link: what enables that is part of what the
 * driver restores. Interrupts come, of the engine and of a queue.
 */
static void bus_error_again_and_again_is_got_over(const void *arg)
{
	unsigned long nonfatal;
	int fd;

	(void)arg;
	bus_error_require();
	nonfatal = told("nonfatal");
	for (int i = 0; i < 3; i++) {
		diag("recovered in %u and %u ms", bus_error_fatal(), bus_error_nonfatal());
		device_is_whole();
	}
	/* Of a fatal one the kernel does not ask the device, which nobody may reach. */
	CHECK_EQ(told("nonfatal"), nonfatal + 3);
	/* A transfer that is waited for, and no watchdog to help. */
	fd = dev_open(O_RDWR);
	busy_start(fd, MMAPDEMO_DMA_TO_DEVICE);
	CHECK_RET(dma_wait(fd, &(struct mmapdemo_dma_wait){
			  .deadline_ns = now_ns() + DMA_LIMIT_NS }), 0);
	busy_end();
	close(fd);
}

struct race {
	int fd;
	u32 mem, dev;
	volatile bool over;
};

/* A transfer that was given to the driver meanwhile is done when the bus is back, or has failed. */
static void *submitter(void *arg)
{
	struct race *r = arg;

	while (!r->over) {
		struct mmapdemo_dma_wait w = { 0 };
		int ret = dma_copy(r->fd, MMAPDEMO_DMA_TO_DEVICE, r->mem, 0, r->dev, 0, PAGE, &w);

		CHECKF(!ret || ret == -EIO, "a transfer in a recovery gives %s", errno_word(ret));
		CHECK(ret || w.out_bytes == PAGE);
	}
	return NULL;
}

static void *resetter(void *arg)
{
	struct race *r = arg;
	char path[96];

	while (!r->over) {
		/* Refused at times: another has the device, or it is not there to be reset. */
		file_try_write(strf(path, sizeof(path), "/sys/kernel/debug/mmapdemo/%s/reset",
				    dev_node() + strlen("/dev/")), "1");
		file_try_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset",
				    dev_bus_id()), "1");
		sleep_ms(1);
	}
	return NULL;
}

/* The core lets go of the device between the steps of a recovery, and others have it then. */
static void bus_error_in_a_race_with_resets_is_got_over(const void *arg)
{
	struct race r = { 0 };
	pthread_t t[2];

	(void)arg;
	bus_error_require();
	r.fd = dev_open(O_RDWR);
	r.mem = buf_alloc(r.fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	r.dev = buf_alloc(r.fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	CHECK(!pthread_create(&t[0], NULL, submitter, &r));
	CHECK(!pthread_create(&t[1], NULL, resetter, &r));
	for (int i = 0; i < 6; i++) {
		/* Not waited for where a reset takes the report away before the kernel has read it. */
		bus_error(i % 2 ? "DLP" : "COMP_TIME");
		sleep_ms(150);
	}
	r.over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	close(r.fd);
	wait_for_recoveries();
	device_is_whole();
	bus_error_fatal();
	device_is_whole();
}

static void *wait_for_end(void *arg)
{
	int *fd = arg;
	struct pollfd p = { .fd = *fd, .events = POLLIN };

	*fd = poll(&p, 1, 20000) == 1 ? p.revents : 0;
	return NULL;
}

/*
 * It reads as all ones when the link has been reset: as if removed, but that the kernel still has it.
 */
static void bus_error_without_recovery_is_the_end(const void *arg)
{
	enum { FATAL, NONFATAL };
	static const char *const errors[] = { [FATAL] = "DLP", [NONFATAL] = "COMP_TIME" };

	(void)arg;
	bus_error_require();
	for (size_t i = 0; i < ARRAY_SIZE(errors); i++) {
		int fd = dev_open(O_RDWR), waits = dev_open(O_RDONLY), job = waits;
		struct mmapdemo_info info = { .size = sizeof(info) };
		struct neighbour n = neighbour_get();
		u64 end = now_ns() + GONE_MS * 1000000ULL, before = bus_recoveries();
		char *v = map_rw(fd, PAGE, buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE).out_offset);
		pthread_t t;

		CHECK_EQ(touch_write(v, 1), 0);
		CHECK(!pthread_create(&t, NULL, wait_for_end, &job));
		fault_set("x-fault-reads", "true");
		bus_error(errors[i]);
		while (call(fd, MMAPDEMO_IOC_INFO, &info) != -ENODEV) {
			CHECKF(now_ns() < end, "the device has not gone within %u ms", GONE_MS);
			sleep_ms(5);
		}
		pthread_join(t, NULL);
		CHECK_EQ(job & (POLLHUP | POLLERR), POLLHUP | POLLERR);
		file_is_dead(fd);
		CHECK_EQ(bus_recoveries(), before);
		/* The node stays, and is of no use. */
		CHECK_RET(dev_try_open(O_RDWR), -ENODEV);
		/* All is taken away right after that. */
		while (touch_read(v, NULL) != SIGBUS) {
			CHECKF(now_ns() < end, "memory can still be touched after %u ms", GONE_MS);
			sleep_ms(5);
		}
		CHECK_EQ(touch_read(n.a.p, NULL), SIGBUS);
		CHECK_EQ(touch_read(n.b.p, NULL), SIGBUS);
		CHECK_EQ(touch_write((void *)n.q.doorbell, 0), SIGBUS);
		busy_end();
		/*
		 * It answers again, to whoever asks again. Before 6.3 the core never takes back that
		 * the link is frozen, and the driver says what helps.
		 */
		CHECK_RET(dev_try_open(O_RDWR), -ENODEV);
		if (i == FATAL && kernel_is_before(6, 3)) {
			pci_remove();
			pci_rescan();
		} else {
			driver_unbind();
			driver_bind();
		}
		file_is_dead(fd);
		device_is_whole();
		close(fd);
		close(waits);
	}
}

/* First one, then for good the other. */
static void is_refused(int ret, bool *gone)
{
	CHECKF(ret == -ENODEV || (ret == -EIO && !*gone), "%s, wanted %s", errno_word(ret),
	       *gone ? "ENODEV" : "EIO or ENODEV");
	*gone = ret == -ENODEV;
}

/*
 * The link cannot be reset: QEMU's port never says that it is active. Calls are answered, with EIO for
 * as long as the driver is not told how it ended (before 7.x for ever), and it lets go. The device beside
 * it knows nothing of it.
 */
static void bus_error_without_an_end_holds_nobody_up(const void *arg)
{
	u64 end = now_ns() + GONE_MS * 1000000ULL;
	struct mmapdemo_dma_submit s = { .direction = MMAPDEMO_DMA_TO_DEVICE, .len = PAGE };
	struct mmapdemo_queue_create c;
	struct mmapdemo_queue_info info;
	struct neighbour first, n;
	struct mmapdemo_region_info r;
	bool gone = false;
	u64 value, start;
	char id[32];
	int ret;

	(void)arg;
	bus_error_require();
	second_add(",\"mem-size\":2097152,\"aer\":true");
	snprintf(id, sizeof(id), "%s", second_bus_id());
	first = neighbour_in(node_open(first_node()));
	n = neighbour_in(node_open(second_node()));
	neighbour_check(&n);
	s.mem_handle = buf_alloc(n.fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	s.dev_handle = buf_alloc(n.fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	CHECK_OK(region_info(n.fd, MMAPDEMO_REGION_USER_PAGE, &r));
	bus_error_of("mmd-second", "DLP");
	while (touch_write((void *)n.q.doorbell, 0) != SIGBUS) {
		CHECKF(now_ns() < end, "the doorbell can be rung after %u ms", GONE_MS);
		sleep_ms(5);
	}
	/* Until the kernel has given up, and after that. */
	for (int i = 0; i < 4; i++) {
		start = now_ns();
		is_refused(reg_try_read(n.fd, MMAPDEMO_REG_ID, 4, &value), &gone);
		is_refused(map_try(n.fd, PAGE, PROT_READ, MAP_SHARED, r.out_offset, NULL), &gone);
		is_refused(queue_try_create(n.fd, 3, -1, &c), &gone);
		is_refused(dma_submit(n.fd, &s), &gone);
		ret = queue_try_info(n.fd, n.q.c.out_queue, &info);
		if (ret)
			is_refused(ret, &gone);
		else
			CHECK_EQ(info.out_reset, 1);
		CHECK(now_ns() - start < promise_ms(1000) * 1000000ULL);
		neighbour_check(&first);
		sleep_ms(500);
	}
	start = now_ns();
	file_write(UNBIND, id);
	CHECK(now_ns() - start < promise_ms(2000) * 1000000ULL);
	file_is_dead(n.fd);
	/* To the kernel the bus is still out of order. */
	CHECK_RET(file_try_write(BIND, id), -ENODEV);
	close(n.fd);
	second_del();
	neighbour_check(&first);
	close(first.fd);
}

void register_bus_error(void)
{
	TEST_ADD_SLOW(bus_error_corrected_is_not_noticed, 20000);
	TEST_ADD_SLOW(bus_error_again_and_again_is_got_over, 40000);
	TEST_ADD_SLOW(bus_error_in_a_race_with_resets_is_got_over, 40000);
	TEST_ADD_SLOW(bus_error_without_recovery_is_the_end, 60000);
	TEST_ADD_SLOW(bus_error_without_an_end_holds_nobody_up, 60000);
}
