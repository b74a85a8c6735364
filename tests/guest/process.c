// SPDX-License-Identifier: MIT
/*
 * process.c - who may open, what an exclusive opener has, descriptors handed to others, and
 * processes that end in the middle of things.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "busy.h"
#include "machine.h"
#include "subject.h"

#define NOBODY	65534

static void node_mode_is_0600(const void *arg)
{
	struct stat st;

	(void)arg;
	CHECK_SYS(stat(dev_node(), &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
}

static void node_opened_by_nobody_eacces(const void *arg)
{
	(void)arg;
	CHECK_SYS(setgid(NOBODY));
	CHECK_SYS(setuid(NOBODY));
	CHECK_RET(dev_try_open(O_RDWR), -EACCES);
	CHECK_RET(dev_try_open(O_RDONLY), -EACCES);
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EACCES);
}

/* --- O_EXCL ---------------------------------------------------------------------------------------- */

static void open_exclusive_keeps_others_out(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);

	(void)arg;
	CHECK(info_get(fd).out_state & MMAPDEMO_STATE_EXCLUSIVE);
	CHECK_RET(dev_try_open(O_RDWR), -EBUSY);
	CHECK_RET(dev_try_open(O_RDONLY), -EBUSY);
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	close(fd);
	fd = dev_open(O_RDWR | O_EXCL);
	close(fd);
	fd = dev_open(O_RDWR);
	CHECK(!(info_get(fd).out_state & MMAPDEMO_STATE_EXCLUSIVE));
}

static void open_exclusive_while_others_are_there_ebusy(const void *arg)
{
	int a = dev_open(O_RDWR), b = dev_open(O_RDONLY);

	(void)arg;
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	close(a);
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	close(b);
	a = dev_open(O_RDWR | O_EXCL);
	/* A failed attempt must not have taken anything with it. */
	CHECK_RET(dev_try_open(O_RDWR | O_EXCL), -EBUSY);
	CHECK(info_get(a).out_state & MMAPDEMO_STATE_EXCLUSIVE);
}

/* The file is exclusive, not the process: a copy of the descriptor keeps it so. */
static void open_exclusive_lasts_as_long_as_any_descriptor(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL), copy = CHECK_SYS(dup(fd));

	(void)arg;
	close(fd);
	CHECK_RET(dev_try_open(O_RDWR), -EBUSY);
	close(copy);
	CHECK(dev_open(O_RDWR) >= 0);
}

/* Device memory of one who has gone is not shown to an exclusive opener. */
static void open_exclusive_sees_no_leftovers(const void *arg)
{
	struct mmapdemo_region_info r;
	struct mmapdemo_buf_alloc a;
	int fd = dev_open(O_RDWR);
	char *p;
	size_t at;

	(void)arg;
	for (int i = 0; i < 8; i++) {
		a = buf_alloc(fd, MMAPDEMO_TECH_BAR, 16 * PAGE);
		p = map_rw(fd, a.out_len, a.out_offset);
		memset(p, 0xcc, a.out_len);
		unmap(p, a.out_len);
	}
	close(fd);
	fd = dev_open(O_RDWR | O_EXCL);
	r = region_get(fd, MMAPDEMO_REGION_MEM);
	p = map_ro(fd, r.out_len, r.out_offset);
	at = first_not(p, r.out_len, 0);
	if (at != r.out_len)
		FAIL("byte %#zx of device memory is %#x", at, (unsigned char)p[at]);
}

/* And what an exclusive opener wrote is not shown to those who come after it. */
static void open_exclusive_leaves_no_leftovers(const void *arg)
{
	int fd = dev_open(O_RDWR | O_EXCL);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_MEM);
	struct mmapdemo_buf_alloc a;
	char *p = map_rw(fd, r.out_len, r.out_offset);
	u64 len;
	size_t at;

	(void)arg;
	memset(p, 0xdd, 64 * PAGE);
	memset(p + r.out_len - 64 * PAGE, 0xdd, 64 * PAGE);
	unmap(p, r.out_len);
	close(fd);
	/* Neither to the next one who has all of it, nor to one who has a buffer. */
	for (int i = 0; i < 2; i++) {
		fd = dev_open(O_RDWR | (i ? 0 : O_EXCL));
		len = info_get(fd).out_mem_size;
		a.out_offset = r.out_offset;
		if (i)
			a = buf_alloc(fd, MMAPDEMO_TECH_BAR, len);
		p = map_ro(fd, len, a.out_offset);
		at = first_not(p, len, 0);
		if (at != len)
			FAIL("%s: byte %#zx of device memory is %#x", i ? "buffer" : "region", at,
			     (unsigned char)p[at]);
		unmap(p, len);
		close(fd);
	}
}

/* --- descriptors handed on --------------------------------------------------------------------------- */

static void fd_send(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	CHECK_SYS(sendmsg(sock, &m, 0));
}

static int fd_receive(int sock)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec v = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	CHECK_SYS(recvmsg(sock, &m, 0));
	CHECK(CMSG_FIRSTHDR(&m));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	return fd;
}

/* A descriptor passed on is a delegation: an unprivileged process can do with it what it allows. */
static void fd_passed_to_nobody_works(const void *arg)
{
	struct mmapdemo_buf_alloc mem, dev;
	int sock[2], fd;
	pid_t pid;
	char *p;

	(void)arg;
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	pid = child_fork();
	if (!pid) {
		CHECK_SYS(setgid(NOBODY));
		CHECK_SYS(setuid(NOBODY));
		fd = fd_receive(sock[1]);
		mem = buf_alloc(fd, MMAPDEMO_TECH_VMALLOC, PAGE);
		dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
		p = map_rw(fd, PAGE, mem.out_offset);
		fill(p, PAGE, 5);
		CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE, mem.out_handle, 0, dev.out_handle, 0,
				  PAGE, NULL));
		CHECK_EQ(differs(map_ro(fd, PAGE, dev.out_offset), PAGE, 5), PAGE);
		child_exit();
	}
	fd = dev_open(O_RDWR);
	fd_send(sock[0], fd);
	close(fd);
	child_wait(pid, 5000);
}

static void fd_inherited_shares_buffers(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc a = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
	char *p = map_rw(fd, PAGE, a.out_offset);
	pid_t pid = child_fork();

	(void)arg;
	if (!pid) {
		char *q = map_rw(fd, PAGE, a.out_offset);

		strcpy(q, "from the child");
		CHECK_EQ(buf_vmas(fd, a.out_handle), 3);
		child_exit();
	}
	child_wait(pid, 5000);
	CHECK(!strcmp(p, "from the child"));
	CHECK_EQ(buf_vmas(fd, a.out_handle), 1);
}

static void fd_sent_to_itself_is_released(const void *arg)
{
	int sock[2], fd = dev_open(O_RDWR);

	(void)arg;
	/* In flight in a socket that nobody reads: released when the socket is. */
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sock));
	buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	fd_send(sock[0], fd);
	close(fd);
	close(sock[0]);
	close(sock[1]);
}

/* --- read-only files ------------------------------------------------------------------------------------- */

static void rdonly_file_changes_nothing(const void *arg)
{
	int fd = dev_open(O_RDONLY);
	struct mmapdemo_region_info r = region_get(fd, MMAPDEMO_REGION_USER_PAGE);
	u64 value;

	(void)arg;
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SCRATCH32, 4, &value));
	CHECK_RET(reg_try_write(fd, MMAPDEMO_REG_SCRATCH32, 4, value + 1), -EACCES);
	CHECK_OK(reg_try_read(fd, MMAPDEMO_REG_SCRATCH32, 4, &value));
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, r.out_offset, NULL),
		  -EACCES);
	CHECK_RET(map_try(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, NULL), -EACCES);
	CHECK_EQ(touch_read(map_ro(fd, PAGE, r.out_offset), NULL), 0);
}

/* --- ends in the middle of things ------------------------------------------------------------------------- */

/* Their handles go first: the transfers alone hold the buffers. */
static struct busy busy_without_handles(int fd)
{
	struct busy b = busy_start(fd, MMAPDEMO_DMA_FROM_DEVICE);

	CHECK_OK(buf_free(fd, b.mem));
	CHECK_OK(buf_free(fd, b.dev));
	return b;
}

static void kill_with_mappings_and_transfers_leaves_nothing(const void *arg)
{
	struct gate ready;
	pid_t pid;

	(void)arg;
	busy_require();
	for (int round = 0; round < 3; round++) {
		gate_init(&ready);
		pid = child_fork();
		if (!pid) {
			int fd = dev_open(O_RDWR);

			for (int i = 0; i < 32; i++) {
				struct mmapdemo_buf_alloc a =
					buf_alloc(fd, MMAPDEMO_TECH_BAR + i % 4, 4 * PAGE);

				memset(map_rw(fd, a.out_len, a.out_offset), i, a.out_len);
			}
			busy_without_handles(fd);
			gate_open(&ready);
			for (;;)
				pause();
		}
		gate_pass(&ready);
		sleep_ms(round);
		kill(pid, SIGKILL);
		CHECK_EQ(child_status(pid, 3000), SIGKILL);
		close(ready.fd[0]);
		close(ready.fd[1]);
	}
}

static void close_with_transfers_running_returns_soon(const void *arg)
{
	int fd = dev_open(O_RDWR);
	u64 start;

	(void)arg;
	busy_without_handles(fd);
	start = now_ns();
	CHECK_SYS(close(fd));
	diag("close took %llu ms", (unsigned long long)(now_ns() - start) / 1000000);
	CHECK(now_ns() - start < 2000000000);
	/* The next one is served. */
	fd = dev_open(O_RDWR);
	CHECK_OK(dma_copy(fd, MMAPDEMO_DMA_TO_DEVICE,
			  buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle, 0,
			  buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle, 0, PAGE, NULL));
}

/* Memory that a transfer still writes must not be given to anybody else. */
static void freed_buffers_under_transfer_are_not_reused(const void *arg)
{
	const u64 len = 4 * 1024 * 1024;
	int fd = dev_open(O_RDWR);
	char *anon;

	(void)arg;
	busy_without_handles(fd);
	close(fd);
	/* As much memory as the buffer had, many times over: would be hit by what comes late. */
	for (int i = 0; i < 16; i++) {
		anon = CHECK_SYS(mmap(NULL, len, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
		memset(anon, i, len);
		sleep_ms(5);
		CHECK_EQ(first_not(anon, len, i), len);
		unmap(anon, len);
	}
}

static void handle_freed_while_transfers_run_they_end_well(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct busy b = busy_without_handles(fd);

	(void)arg;
	for (u32 i = 0; i < b.num; i++) {
		struct mmapdemo_dma_wait w;

		CHECK_OK(dma_collect(fd, b.first + i, &w));
		CHECK_EQ(w.out_bytes, b.len);
	}
	CHECK_EQ(info_get(fd).out_mem_free, info_get(fd).out_mem_size);
}

static void many_opens_and_closes_leak_nothing(const void *arg)
{
	(void)arg;
	for (int i = 0; i < 500; i++) {
		int fd = dev_open(O_RDWR);

		if (i % 4 == 0)
			buf_alloc(fd, MMAPDEMO_TECH_BAR + i / 4 % 4, PAGE);
		close(fd);
	}
}

/* The textbook's program, line by line but for the path. */
static void textbook_program_works_unchanged(const void *arg)
{
	int fd = open(dev_node(), O_RDWR);
	uint32_t *data;
	void *ptr;

	(void)arg;
	CHECK(fd >= 0);
	ptr = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(ptr != MAP_FAILED);
	data = (uint32_t *)ptr;
	data[0] = 0x12345678;
	CHECK_EQ(data[0], 0x12345678);
	/* Shared: another mapping shows it. */
	CHECK_EQ(*(uint32_t *)map_ro(fd, 4096, 0), 0x12345678);
	data[0] = 0xaaaaaaaa;
	munmap(ptr, 4096);
	close(fd);
}

void register_process(void)
{
	TEST_ADD(textbook_program_works_unchanged);
	TEST_ADD(node_mode_is_0600);
	TEST_ADD(node_opened_by_nobody_eacces);
	TEST_ADD(open_exclusive_keeps_others_out);
	TEST_ADD(open_exclusive_while_others_are_there_ebusy);
	TEST_ADD(open_exclusive_lasts_as_long_as_any_descriptor);
	TEST_ADD_SLOW(open_exclusive_sees_no_leftovers, 20000);
	TEST_ADD_SLOW(open_exclusive_leaves_no_leftovers, 20000);
	TEST_ADD(fd_passed_to_nobody_works);
	TEST_ADD(fd_inherited_shares_buffers);
	TEST_ADD(fd_sent_to_itself_is_released);
	TEST_ADD(rdonly_file_changes_nothing);
	TEST_ADD_SLOW(kill_with_mappings_and_transfers_leaves_nothing, 30000);
	TEST_ADD(close_with_transfers_running_returns_soon);
	TEST_ADD_SLOW(freed_buffers_under_transfer_are_not_reused, 20000);
	TEST_ADD_SLOW(handle_freed_while_transfers_run_they_end_well, 30000);
	TEST_ADD_SLOW(many_opens_and_closes_leak_nothing, 20000);
}
