// SPDX-License-Identifier: MIT
/*
 * module.c - loading and unloading, and function level reset: what stays and what does not.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "queue.h"
#include "subject.h"

static int module_try_unload(void)
{
	return syscall(SYS_delete_module, "mmapdemo", O_NONBLOCK) ? -errno : 0;
}

/* The kernel's answer to delete_module(2); rmmod(8) says "in use". */
static void module_in_use_is_not_unloaded(const void *arg)
{
	int fd = dev_open(O_RDWR);
	void *p;

	(void)arg;
	CHECK_RET(module_try_unload(), -EWOULDBLOCK);
	p = map_rw(fd, PAGE, 0);
	close(fd);
	/* A mapping holds the file. */
	CHECK_RET(module_try_unload(), -EWOULDBLOCK);
	CHECK_EQ(touch_read(p, NULL), 0);
	unmap(p, PAGE);
	CHECK_OK(module_try_unload());
	node_wait(false);
	module_reload("");
}

/* An open file of a device that has gone still runs the module's code. */
static void module_with_dead_file_is_not_unloaded(const void *arg)
{
	int fd = dev_open(O_RDWR);

	(void)arg;
	driver_unbind();
	CHECK_RET(module_try_unload(), -EWOULDBLOCK);
	driver_bind();
	CHECK_RET(module_try_unload(), -EWOULDBLOCK);
	close(fd);
	CHECK_OK(module_try_unload());
	module_reload("");
}

static void module_reloaded_many_times_works(const void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++) {
		int fd;

		module_reload(i % 2 ? "allow_raw_bar=1" : "");
		fd = dev_open(O_RDWR);
		CHECK_EQ(!!(info_get(fd).out_state & MMAPDEMO_STATE_RAW_BAR), i % 2);
		buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
		close(fd);
	}
	module_reload("");
}

/* The limits of INFO are what the module was loaded with, and no more than the device has. */
static void module_parameters_limit_queues_and_windows(const void *arg)
{
	struct mmapdemo_queue_create c;
	struct mmapdemo_info i;
	u32 handle, window;
	int fd;

	(void)arg;
	module_reload("max_queues=2 max_windows=3");
	fd = dev_open(O_RDWR);
	i = info_get(fd);
	CHECK_EQ(i.out_max_queues, 2);
	CHECK_EQ(i.out_max_windows, 3);
	handle = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	for (int k = 0; k < 2; k++)
		CHECK_OK(queue_try_create(fd, 3, -1, &c));
	CHECK_RET(queue_try_create(fd, 3, -1, &c), -EDQUOT);
	for (int k = 0; k < 3; k++)
		window_get(fd, handle, WINDOW_RW, 0, PAGE);
	CHECK_RET(window_try_create(fd, handle, WINDOW_RW, 0, PAGE, &window), -EDQUOT);
	close(fd);
	module_reload("max_queues=4294967295 max_windows=4294967295");
	fd = dev_open(O_RDWR);
	i = info_get(fd);
	CHECK_EQ(i.out_max_queues, i.out_num_queues);
	CHECK_EQ(i.out_max_windows, i.out_num_windows);
	for (u32 k = 0; k < i.out_num_queues; k++)
		CHECK_OK(queue_try_create(fd, 3, -1, &c));
	CHECK(queue_try_create(fd, 3, -1, &c) != 0);
	close(fd);
	module_reload("");
}

/* The textbook's buffer, as a fresh binding shows it. */
static void example_is_aa_after_bind(const void *arg)
{
	unsigned char *p;
	int fd = dev_open(O_RDWR);

	(void)arg;
	p = map_rw(fd, 4 * PAGE, 0);
	memset(p, 0, 4 * PAGE);
	unmap(p, 4 * PAGE);
	close(fd);
	driver_unbind();
	driver_bind();
	fd = dev_open(O_RDWR);
	p = map_ro(fd, 4 * PAGE, 0);
	CHECK_EQ(first_not(p, 4 * PAGE, 0xaa), 4 * PAGE);
}

static void device_memory_is_zero_after_bind(const void *arg)
{
	struct mmapdemo_region_info r;
	int fd = dev_open(O_RDWR | O_EXCL);
	unsigned char *p;

	(void)arg;
	r = region_get(fd, MMAPDEMO_REGION_MEM);
	p = map_rw(fd, r.out_len, r.out_offset);
	memset(p + r.out_len / 2, 0x99, 256 * PAGE);
	unmap(p, r.out_len);
	close(fd);
	driver_unbind();
	driver_bind();
	fd = dev_open(O_RDWR);
	p = map_ro(fd, r.out_len, buf_alloc(fd, MMAPDEMO_TECH_BAR, r.out_len).out_offset);
	CHECK_EQ(first_not(p, r.out_len, 0), r.out_len);
}

/* Gone while somebody had it all mapped and written: nobody could wipe it then. */
static void device_memory_is_zero_after_unbind_under_its_writer(const void *arg)
{
	struct mmapdemo_region_info r;
	struct mmapdemo_buf_alloc a;
	int fd = dev_open(O_RDWR | O_EXCL);
	unsigned char *p;
	u64 len;

	(void)arg;
	r = region_get(fd, MMAPDEMO_REGION_MEM);
	p = map_rw(fd, r.out_len, r.out_offset);
	memset(p, 0x99, 64 * PAGE);
	memset(p + r.out_len - 64 * PAGE, 0x99, 64 * PAGE);
	driver_unbind();
	close(fd);
	driver_bind();
	fd = dev_open(O_RDWR);
	len = info_get(fd).out_mem_free;
	a = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);
	p = map_ro(fd, len, a.out_offset);
	CHECK_EQ(first_not(p, len, 0), len);
}

/* All of BAR2 is what an exclusive opener sees, allocated or not. */
static void device_memory_is_zero_for_exclusive_after_unbind(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	char *p = map_rw(fd, r.out_len, r.out_offset);

	(void)arg;
	memset(p, 0x5a, r.out_len);
	driver_unbind();
	unmap(p, r.out_len);
	close(fd);
	driver_bind();
	fd = dev_open(O_RDWR | O_EXCL);
	p = map_ro(fd, r.out_len, r.out_offset);
	CHECK_EQ(first_not(p, r.out_len, 0), r.out_len);
}

/* What all of BAR2 begins and ends with, as the PCI core shows it when no driver has the device. */
static void bar_ends(unsigned char ends[2])
{
	unsigned char *p;
	char path[96];
	struct stat st;
	int fd;

	file_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", dev_bus_id()), "1");
	fd = CHECK_SYS(open(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/resource2_wc", dev_bus_id()),
			    O_RDWR | O_CLOEXEC));
	CHECK_SYS(fstat(fd, &st));
	p = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECKF(p != MAP_FAILED, "map %s: %m", path);
	ends[0] = p[0];
	ends[1] = p[st.st_size - 1];
	unmap(p, st.st_size);
	close(fd);
	file_write(strf(path, sizeof(path), "/sys/bus/pci/devices/%s/enable", dev_bus_id()), "0");
}

/* Left by a file that had all of it when the driver was unbound. */
static void leftovers_make(void)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	char *p = map_rw(fd, r.out_len, r.out_offset);

	memset(p, 0x5a, r.out_len);
	driver_unbind();
	unmap(p, r.out_len);
	close(fd);
	driver_bind();
}

/* Open for oneself alone, in a process that is killed when it has been at it for @us. */
static void open_exclusive_killed(unsigned int us)
{
	int begins[2];
	char byte;
	pid_t pid;

	CHECK_SYS(pipe(begins));
	pid = CHECK_SYS(fork());
	if (!pid) {
		if (write(begins[1], "", 1) == 1)
			dev_try_open(O_RDWR | O_EXCL);
		pause();
		_exit(0);
	}
	CHECK_EQ(read(begins[0], &byte, 1), 1);
	usleep(us);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, NULL, 0), (u64)pid);
	close(begins[0]);
	close(begins[1]);
}

/* It ends in the middle, and what it has left is for the next one to overwrite. */
static void open_exclusive_that_zeroes_memory_can_be_killed(const void *arg)
{
	unsigned char ends[2] = {};
	struct mmapdemo_region_info r;
	u64 all_us;
	int fd;

	(void)arg;
	leftovers_make();
	all_us = now_ns();
	fd = dev_open(O_RDWR | O_EXCL);
	all_us = (now_ns() - all_us) / 1000;
	close(fd);
	for (unsigned int part = 2; part < 12 && ends[1] != 0x5a; part++) {
		leftovers_make();
		open_exclusive_killed(all_us / part);
		driver_unbind();
		bar_ends(ends);
		driver_bind();
		/* Not even begun. */
		if (ends[0] == 0x5a)
			ends[1] = 0;
	}
	diag("an exclusive open takes %llu us where all has to be zeroed", (unsigned long long)all_us);
	CHECK_EQ(ends[0], 0);
	CHECK_EQ(ends[1], 0x5a);
	fd = dev_open(O_RDWR | O_EXCL);
	r = region_get(fd, MMAPDEMO_REGION_MEM);
	CHECK_EQ(first_not(map_ro(fd, r.out_len, r.out_offset), r.out_len, 0), r.out_len);
}

/* --- function level reset -------------------------------------------------------------------------------- */

static void reset_keeps_files_and_memory(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_buf_alloc vm = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE);
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	char *p = map_rw(fd, PAGE, mem.out_offset), *q = map_rw(fd, PAGE, vm.out_offset);
	unsigned int ms;

	(void)arg;
	fill(p, PAGE, 1);
	fill(q, PAGE, 2);
	ms = function_reset();
	CHECKF(ms < 2000, "reset took %u ms", ms);
	CHECK_EQ(differs(p, PAGE, 1), PAGE);
	CHECK_EQ(differs(q, PAGE, 2), PAGE);
	CHECK_EQ(buf_info(fd, dev.out_handle).out_len, PAGE);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem.out_handle, 0, dev.out_handle, 0, PAGE,
			  NULL));
	CHECK_EQ(differs(map_ro(fd, PAGE, dev.out_offset), PAGE, 1), PAGE);
}

static void reset_takes_bar_mappings_away_until_mapped_again(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	char *p = map_rw(fd, PAGE, dev.out_offset), *user = map_rw(fd, PAGE, r.out_offset);
	u32 id;

	(void)arg;
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(touch_read(user, NULL), 0);
	function_reset();
	CHECK_EQ(touch_read(p, NULL), 7 /* SIGBUS */);
	CHECK_EQ(touch_read(user, NULL), 7 /* SIGBUS */);
	p = map_rw(fd, PAGE, dev.out_offset);
	user = map_rw(fd, PAGE, r.out_offset);
	CHECK_EQ(touch_read(p, NULL), 0);
	CHECK_EQ(touch_read(user, &id), 0);
	CHECK_EQ(id, MMAPDEMO_ID);
}

static void reset_ends_running_transfers_with_eio(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct busy b = busy_start(fd, MMAPDEMO_DMA_TO_DEVICE);
	unsigned int failed = 0, ms = function_reset();

	(void)arg;
	CHECKF(ms < 2000, "reset took %u ms", ms);
	for (u32 i = 0; i < b.num; i++) {
		struct mmapdemo_dma_wait w;
		int ret = dma_collect(fd, b.first + i, &w);

		/* Those before the reset are done, those it met are lost, and then no other is done. */
		CHECK(ret == -EIO || (ret == 0 && !failed));
		if (!ret)
			CHECK_EQ(w.out_bytes, b.len);
		else
			CHECK(w.out_error != 0);
		failed += ret != 0;
	}
	diag("%u of %u transfers were reset away in %u ms", failed, b.num, ms);
	CHECK(failed > 0);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, b.mem, 0, b.dev, 0, PAGE, NULL));
}

struct reg_job {
	int fd;
	volatile bool over;
	u32 reads, refused;
};

static void *reg_reader(void *arg)
{
	struct reg_job *j = arg;
	u64 offset = region_get(j->fd, MMAPDEMO_REGION_USER_PAGE).out_offset;

	while (!j->over) {
		u64 value = 0;
		u32 id = 0;
		int ret = reg_try_read(j->fd, MMAPDEMO_REG_ID, 4, &value);

		if (ret)
			CHECK_RET(ret, -EIO);
		else
			CHECK_EQ(value, MMAPDEMO_ID);
		j->refused += ret != 0;
		if (pread(j->fd, &id, 4, offset) == 4)
			CHECK_EQ(id, MMAPDEMO_ID);
		else
			CHECK_EQ(errno, EIO);
		j->reads++;
	}
	return NULL;
}

/* What a register reads as while the function is being reset is nobody's value. */
static void reset_refuses_registers_meanwhile(const void *arg)
{
	struct reg_job j = { .fd = dev_open(O_RDWR) };
	pthread_t t;

	(void)arg;
	CHECK(!pthread_create(&t, NULL, reg_reader, &j));
	while (!j.reads)
		sleep_ms(1);
	/* A reset lasts 100 ms, in which the host may keep the reader's processor waiting. */
	for (u64 end = now_ns() + 15000000000ULL; !j.refused && now_ns() < end;)
		function_reset();
	j.over = true;
	pthread_join(t, NULL);
	diag("%u of %u reads refused", j.refused, j.reads);
	CHECK(j.refused > 0);
}

void register_module(void)
{
	TEST_ADD(module_in_use_is_not_unloaded);
	TEST_ADD(module_with_dead_file_is_not_unloaded);
	TEST_ADD_SLOW(module_reloaded_many_times_works, 30000);
	TEST_ADD_SLOW(module_parameters_limit_queues_and_windows, 20000);
	TEST_ADD(example_is_aa_after_bind);
	TEST_ADD_SLOW(device_memory_is_zero_after_bind, 20000);
	TEST_ADD_SLOW(device_memory_is_zero_after_unbind_under_its_writer, 20000);
	TEST_ADD_SLOW(device_memory_is_zero_for_exclusive_after_unbind, 20000);
	TEST_ADD_SLOW(open_exclusive_that_zeroes_memory_can_be_killed, 40000);
	TEST_ADD(reset_keeps_files_and_memory);
	TEST_ADD(reset_takes_bar_mappings_away_until_mapped_again);
	TEST_ADD_SLOW(reset_refuses_registers_meanwhile, 30000);
	TEST_ADD_SLOW(reset_ends_running_transfers_with_eio, 30000);
}
