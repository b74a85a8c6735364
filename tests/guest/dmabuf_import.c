// SPDX-License-Identifier: MIT
/*
 * dmabuf_import.c - buffers as another device sees them: attached, mapped, read by the kernel, reached by DMA of QEMU's
 * edu device, and let go of late, in the wrong order, or not at all. tests/importer is the driver that does it.
 */
#include <errno.h>
#include <linux/dma-buf.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "importer.h"
#include "machine.h"
#include "submit.h"

#define LEN		(4 * PAGE)
#define NODE		"/dev/mmapdemo-importer"
#define MODULE_FILE	"/lib/modules/mmapdemo-importer.ko"
#define MODULE_NAME	"mmapdemo_importer"

/* As the kernel numbers them. */
enum { BOTH, TO_DEVICE, FROM_DEVICE };

/* --- the importer --------------------------------------------------------------------------------- */

static int importer_open(void)
{
	int fd, file;

	if (access(NODE, F_OK)) {
		file = open(MODULE_FILE, O_RDONLY | O_CLOEXEC);
		if (file < 0 && errno == ENOENT)
			test_skip("no " MODULE_FILE " in this guest");
		CHECK_SYS(file);
		/* Built for this very kernel. */
		if (syscall(SYS_finit_module, file, "", 0))
			FAIL("load " MODULE_FILE ": %m");
		close(file);
	}
	for (int i = 0; i < 200 && access(NODE, F_OK); i++)
		sleep_ms(5);
	fd = open(NODE, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		test_skip("no edu device in this machine");
	return CHECK_SYS(fd);
}

/* edu is free again for whoever comes next. */
static void importer_close(int im)
{
	close(im);
	CHECK_SYS(syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK));
}

static int step(int im, unsigned long cmd, struct importer_op op)
{
	return ioctl(im, cmd, &op) ? -errno : 0;
}

#define STEP(im, what, ...)	step(im, IMPORTER_##what, (struct importer_op){ __VA_ARGS__ })

static u64 mapped_len(int im, u32 slot, u32 dir)
{
	struct importer_op op = { .slot = slot, .dir = dir };

	CHECKF(!ioctl(im, IMPORTER_MAP, &op), "MAP: %m");
	return op.out_len;
}

/* --- buffers ---------------------------------------------------------------------------------------- */

static const struct kind {
	u32 technique;
	const char *name;
} kinds[] = {
	{ MMAPDEMO_TECH_PAGES, "pages" },
	{ MMAPDEMO_TECH_VMALLOC, "vmalloc" },
	{ MMAPDEMO_TECH_NONCONTIG, "noncontig" },
};

static int fd_get(void)
{
	int fd = dev_open(O_RDWR);

	if (!(info_get(fd).out_caps & MMAPDEMO_CAP_DMABUF))
		test_skip("this kernel has no dma-buf (INFO's out_caps)");
	return fd;
}

struct shared {
	struct mmapdemo_buf_alloc a;
	char *p;
	int dma;
};

static struct shared shared_get(int fd, u32 technique)
{
	struct shared s = { .a = buf_alloc(fd, technique, LEN) };

	s.p = map_rw(fd, LEN, s.a.out_offset);
	CHECK_OK(buf_try_export(fd, s.a.out_handle, &s.dma));
	return s;
}

static int sync_call(int dma, u64 flags)
{
	struct dma_buf_sync s = { .flags = flags };

	return ioctl(dma, DMA_BUF_IOCTL_SYNC, &s) ? -errno : 0;
}

/* --- what an importer gets ---------------------------------------------------------------------------- */

static void import_maps_the_whole_buffer(const void *arg)
{
	const struct kind *k = arg;
	int fd = fd_get(), im = importer_open();
	struct shared s = shared_get(fd, k->technique);

	for (u32 dir = BOTH; dir <= FROM_DEVICE; dir++) {
		CHECK_OK(STEP(im, ATTACH, .slot = 0, .fd = s.dma));
		CHECK_EQ(mapped_len(im, 0, dir), LEN);
		/* A second attachment, with a mapping of its own. */
		CHECK_OK(STEP(im, ATTACH, .slot = 1, .fd = s.dma));
		CHECK_EQ(mapped_len(im, 1, BOTH), LEN);
		CHECK_OK(STEP(im, UNMAP, .slot = 0));
		CHECK_OK(STEP(im, DETACH, .slot = 0));
		CHECK_OK(STEP(im, UNMAP, .slot = 1));
		CHECK_EQ(mapped_len(im, 1, dir), LEN);
		CHECK_OK(STEP(im, UNMAP, .slot = 1));
		CHECK_OK(STEP(im, DETACH, .slot = 1));
	}
	importer_close(im);
}

static void import_reads_and_writes_the_same_bytes(const void *arg)
{
	const struct kind *k = arg;
	int fd = fd_get(), im = importer_open();
	struct shared s = shared_get(fd, k->technique);
	static char bytes[LEN];

	fill(s.p, LEN, 1);
	CHECK_OK(STEP(im, ATTACH, .slot = 2, .fd = s.dma));
	CHECK_OK(STEP(im, VMAP, .slot = 2));
	CHECK_OK(STEP(im, BEGIN, .slot = 2, .dir = BOTH));
	memset(bytes, 0, LEN);
	CHECK_OK(STEP(im, READ, .slot = 2, .len = LEN, .addr = (uintptr_t)bytes));
	CHECK_EQ(differs(bytes, LEN, 1), LEN);
	fill(bytes, LEN, 2);
	CHECK_OK(STEP(im, WRITE, .slot = 2, .len = LEN, .addr = (uintptr_t)bytes));
	CHECK_OK(STEP(im, END, .slot = 2, .dir = BOTH));
	CHECK_EQ(differs(s.p, LEN, 2), LEN);
	CHECK_OK(STEP(im, VUNMAP, .slot = 2));
	CHECK_OK(STEP(im, DETACH, .slot = 2));
	importer_close(im);
}

/*
 * One device's memory is copied by the other: with addresses of the other's own, which an IOMMU holds it to,
 * or bounce buffers that are copied when the CPU begins and ends.
 */
static void import_other_device_does_dma(const void *arg)
{
	const struct kind *k = arg;
	int fd = fd_get(), im = importer_open();
	struct shared a = shared_get(fd, k->technique), b = shared_get(fd, k->technique);

	CHECK_OK(STEP(im, ATTACH, .slot = 0, .fd = a.dma));
	CHECK_OK(STEP(im, ATTACH, .slot = 1, .fd = b.dma));
	CHECK_EQ(mapped_len(im, 0, TO_DEVICE), LEN);
	CHECK_EQ(mapped_len(im, 1, FROM_DEVICE), LEN);
	for (u64 seed = 3; seed < 5; seed++) {
		/* For reading and writing, whichever way it is mapped for the device. */
		CHECK_OK(sync_call(a.dma, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		fill(a.p, LEN, seed);
		CHECK_OK(sync_call(a.dma, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
		CHECK_OK(STEP(im, DMA, .slot = 0, .to_slot = 1, .off = PAGE, .to_off = 2 * PAGE,
			      .len = PAGE));
		CHECK_OK(sync_call(b.dma, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
		CHECKF(!memcmp(b.p + 2 * PAGE, a.p + PAGE, PAGE), "seed %u: other bytes arrived",
		       (unsigned int)seed);
		CHECK_EQ(first_not(b.p, 2 * PAGE, 0), 2 * PAGE);
		CHECK_EQ(first_not(b.p + 3 * PAGE, PAGE, 0), PAGE);
		CHECK_OK(sync_call(b.dma, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW));
		CHECK_EQ(differs(a.p, LEN, seed), LEN);
	}
	importer_close(im);
}

static void import_refused_where_there_are_no_pages(const void *arg)
{
	static const u32 none[] = { MMAPDEMO_TECH_BAR, MMAPDEMO_TECH_COHERENT,
				    MMAPDEMO_TECH_BAR_FAULT };
	int fd = fd_get(), im = importer_open(), dma;
	struct mmapdemo_buf_alloc a;

	(void)arg;
	for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
		CHECK_OK(buf_try_export(fd, buf_alloc(fd, none[i], LEN).out_handle, &dma));
		CHECK_RET(STEP(im, ATTACH, .fd = dma), -EOPNOTSUPP);
		close(dma);
	}
	/* Another type than what an importer takes memory to be. */
	if (!buf_try_alloc(fd, MMAPDEMO_TECH_PAGES, MMAPDEMO_CACHE_WC, 0, LEN, &a)) {
		CHECK_OK(buf_try_export(fd, a.out_handle, &dma));
		CHECK_RET(STEP(im, ATTACH, .fd = dma), -EOPNOTSUPP);
	}
	importer_close(im);
}

/* --- the end, in every order ---------------------------------------------------------------------------- */

static void import_outlives_handle_file_and_device(const void *arg)
{
	const struct kind *k = arg;
	int fd = fd_get(), im = importer_open(), late;
	struct shared a = shared_get(fd, k->technique), b = shared_get(fd, k->technique);
	static char bytes[LEN];

	fill(a.p, LEN, 6);
	CHECK_OK(STEP(im, ATTACH, .slot = 0, .fd = a.dma));
	CHECK_OK(STEP(im, ATTACH, .slot = 1, .fd = b.dma));
	CHECK_OK(STEP(im, ATTACH, .slot = 2, .fd = b.dma));
	mapped_len(im, 0, BOTH);
	mapped_len(im, 1, BOTH);
	CHECK_OK(STEP(im, VMAP, .slot = 0));
	CHECK_OK(STEP(im, VMAP, .slot = 1));
	late = dup(b.dma);
	CHECK_OK(buf_free(fd, a.a.out_handle));
	CHECK_OK(buf_free(fd, b.a.out_handle));
	close(a.dma);
	close(b.dma);
	close(fd);
	unmap(b.p, LEN);
	driver_unbind();
	/* The process has lost it, the importer has not: what its device was told stays memory of this buffer. */
	CHECK_EQ(touch_read(a.p, NULL), SIGBUS);
	memset(bytes, 0, LEN);
	CHECK_OK(STEP(im, READ, .slot = 0, .len = LEN, .addr = (uintptr_t)bytes));
	CHECK_EQ(differs(bytes, LEN, 6), LEN);
	CHECK_OK(STEP(im, DMA, .slot = 0, .to_slot = 1, .off = 0, .to_off = 0, .len = PAGE));
	CHECK_OK(STEP(im, BEGIN, .slot = 1, .dir = FROM_DEVICE));
	memset(bytes + PAGE, 0, PAGE);
	CHECK_OK(STEP(im, READ, .slot = 1, .len = PAGE, .addr = (uintptr_t)bytes + PAGE));
	CHECK(!memcmp(bytes, bytes + PAGE, PAGE));
	/* Nothing new. */
	CHECK_RET(STEP(im, MAP, .slot = 2), -ENODEV);
	CHECK_RET(STEP(im, ATTACH, .slot = 3, .fd = late), -ENODEV);
	CHECK_OK(STEP(im, UNMAP, .slot = 0));
	CHECK_OK(STEP(im, VUNMAP, .slot = 0));
	CHECK_OK(STEP(im, DETACH, .slot = 0));
	driver_bind();
	/* And later still, when there is another device in its place. */
	CHECK_OK(STEP(im, UNMAP, .slot = 1));
	CHECK_RET(STEP(im, MAP, .slot = 1), -ENODEV);
	CHECK_OK(STEP(im, VUNMAP, .slot = 1));
	CHECK_OK(STEP(im, DETACH, .slot = 1));
	CHECK_OK(STEP(im, DETACH, .slot = 2));
	close(late);
	unmap(a.p, LEN);
	importer_close(im);
}

/* The importer's file is closed with everything in it, by a process that is killed. */
static void import_dies_with_everything_mapped(const void *arg)
{
	int im = importer_open(), status;
	struct gate ready;
	pid_t pid;

	(void)arg;
	gate_init(&ready);
	pid = child_fork();
	if (!pid) {
		int fd = fd_get(), own = CHECK_SYS(open(NODE, O_RDWR | O_CLOEXEC));

		for (u32 i = 0; i < IMPORTER_SLOTS; i++) {
			struct shared s = shared_get(fd, kinds[i % ARRAY_SIZE(kinds)].technique);

			CHECK_OK(STEP(own, ATTACH, .slot = i, .fd = s.dma));
			mapped_len(own, i, i % 3);
			CHECK_OK(STEP(own, VMAP, .slot = i));
			CHECK_OK(STEP(own, BEGIN, .slot = i, .dir = BOTH));
		}
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_pass(&ready);
	CHECK_SYS(kill(pid, SIGKILL));
	status = child_status(pid, 5000);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	importer_close(im);
}

struct job {
	pthread_t thread;
	int im;
	volatile bool over;
	volatile u32 rounds, refused;
	u32 technique;
};

static void job_round(struct job *j, int fd, u32 slot)
{
	struct mmapdemo_buf_alloc a;
	int dma, ret;

	ret = buf_try_alloc(fd, j->technique, 0, 0, LEN, &a);
	if (!ret)
		ret = buf_try_export(fd, a.out_handle, &dma);
	if (ret) {
		CHECK_RET(ret, -ENODEV);
		j->refused++;
		return;
	}
	ret = STEP(j->im, ATTACH, .slot = slot, .fd = dma);
	if (!ret) {
		ret = STEP(j->im, MAP, .slot = slot, .dir = BOTH);
		if (!ret) {
			CHECK_OK(STEP(j->im, BEGIN, .slot = slot, .dir = BOTH));
			CHECK_OK(STEP(j->im, END, .slot = slot, .dir = BOTH));
			CHECK_OK(STEP(j->im, UNMAP, .slot = slot));
		}
		CHECK_OK(STEP(j->im, DETACH, .slot = slot));
	}
	CHECKF(!ret || ret == -ENODEV, "attach or map: %s", errno_word(ret));
	j->refused += !!ret;
	close(dma);
	buf_free(fd, a.out_handle);
}

static void *importing(void *arg)
{
	struct job *j = arg;

	while (!j->over) {
		char node[64];
		int fd = dev_node_find(node, sizeof(node)) ? open(node, O_RDWR | O_CLOEXEC) : -1;

		for (u32 i = 0; fd >= 0 && i < 8; i++)
			job_round(j, fd, i % IMPORTER_SLOTS);
		if (fd >= 0)
			close(fd);
		j->rounds++;
	}
	return NULL;
}

static void import_races_unbind(const void *arg)
{
	struct job jobs[2] = { { .technique = MMAPDEMO_TECH_VMALLOC },
			       { .technique = MMAPDEMO_TECH_NONCONTIG } };
	int im = importer_open();

	(void)arg;
	close(fd_get());
	dev_node();
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i].im = CHECK_SYS(open(NODE, O_RDWR | O_CLOEXEC));
		CHECK(!pthread_create(&jobs[i].thread, NULL, importing, &jobs[i]));
	}
	driver_rebind_beside(&jobs[0].rounds, 6);
	for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
		jobs[i].over = true;
		pthread_join(jobs[i].thread, NULL);
		close(jobs[i].im);
	}
	diag("%u and %u rounds, %u refused", jobs[0].rounds, jobs[1].rounds, jobs[0].refused + jobs[1].refused);
	importer_close(im);
}

void register_dmabuf_import(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		const struct kind *k = &kinds[i];

		test_add(import_maps_the_whole_buffer, k, 0, "import_maps_the_whole_buffer_%s", k->name);
		test_add(import_reads_and_writes_the_same_bytes, k, 0, "import_reads_and_writes_the_same_bytes_%s",
			 k->name);
		test_add(import_other_device_does_dma, k, 20000, "import_other_device_does_dma_%s", k->name);
		test_add(import_outlives_handle_file_and_device, k, 20000, "import_outlives_handle_file_and_device_%s",
			 k->name);
	}
	TEST_ADD(import_refused_where_there_are_no_pages);
	TEST_ADD(import_dies_with_everything_mapped);
	TEST_ADD_SLOW(import_races_unbind, 60000);
}
