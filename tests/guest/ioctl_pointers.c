// SPDX-License-Identifier: MIT
/*
 * ioctl_pointers.c - structures the kernel cannot read or write, and structures that another thread
 * changes while the kernel looks: nothing is done, nothing leaks, nothing is believed twice.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ioctl_valid.h"

static void pointer_unreadable_efault(const void *arg)
{
	const struct ioctl_desc *d = arg;
	struct ioctl_env e;
	char *two;

	ioctl_env_get(&e);
	CHECK_RET(call(e.fd, d->cmd, NULL), -EFAULT);
	CHECK_RET(call(e.fd, d->cmd, (void *)8), -EFAULT);
	CHECK_RET(call(e.fd, d->cmd, (void *)-1L), -EFAULT);
	CHECK_RET(call(e.fd, d->cmd, (void *)0xffff888000000000UL), -EFAULT);
	two = CHECK_SYS(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0));
	CHECK_SYS(mprotect(two + PAGE, PAGE, PROT_NONE));
	/* Readable to the last byte but one, and only the first, and only the size. */
	for (u32 have = 1; have < d->size; have += have < 8 ? 1 : 7) {
		char tmp[512];

		ioctl_valid(&e, d, tmp);
		memcpy(two + PAGE - have, tmp, have);
		CHECK_RET(call(e.fd, d->cmd, two + PAGE - have), -EFAULT);
	}
}

/* What a call may have done before it found that it cannot tell about it. */
struct state {
	struct mmapdemo_info info;
	struct mmapdemo_buf_info mem;
	u64 ops, to_dev;
};

static struct state state_get(struct ioctl_env *e)
{
	struct state s = { .info = info_get(e->fd), .mem = buf_info(e->fd, e->mem) };

	s.ops = counter(e->fd, MMAPDEMO_REG_CNT_DMA_OPS);
	s.to_dev = counter(e->fd, MMAPDEMO_REG_CNT_DMA_TO_DEV);
	return s;
}

/* The structure lies in a page that can be read and not written: results cannot be handed out. */
static void pointer_unwritable_efault_does_nothing(const void *arg)
{
	const struct ioctl_desc *d = arg;
	struct ioctl_env e;
	struct state before, after;
	char *page = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));

	ioctl_env_get(&e);
	ioctl_valid(&e, d, page);
	CHECK_SYS(mprotect(page, PAGE, PROT_READ));
	before = state_get(&e);
	for (int i = 0; i < 200; i++)
		CHECK_RET(call(e.fd, d->cmd, page), -EFAULT);
	sleep_ms(20);
	after = state_get(&e);
	CHECK(!memcmp(&before, &after, sizeof(before)));
	/* And it can still be done, as often as before: no limit was used up. */
	CHECK_SYS(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
	CHECK_OK(call(e.fd, d->cmd, page));
}

/* The limit itself, reached by failing calls: nothing of what failed counts. */
static void buf_alloc_efault_leaks_no_buffer(const void *arg)
{
	int fd = dev_open(O_RDWR);
	struct mmapdemo_info info = info_get(fd);
	struct mmapdemo_buf_alloc *a;

	(void)arg;
	for (u32 t = MMAPDEMO_TECH_BAR; t <= MMAPDEMO_TECH_COHERENT; t++) {
		a = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		*a = (struct mmapdemo_buf_alloc){
			.size = sizeof(*a), .technique = t, .len = 4 * PAGE,
		};
		CHECK_SYS(mprotect(a, PAGE, PROT_READ));
		for (u32 i = 0; i < 2 * info.out_max_bufs; i++)
			CHECK_RET(call(fd, MMAPDEMO_IOC_BUF_ALLOC, a), -EFAULT);
	}
	CHECK_EQ(info_get(fd).out_mem_free, info.out_mem_free);
	for (u32 i = 0; i < info.out_max_bufs; i++)
		buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
}

/* A collected transfer is gone: so one whose result cannot be delivered must not be collected. */
static void dma_wait_efault_collects_nothing(const void *arg)
{
	struct mmapdemo_dma_wait *w = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int fd = dev_open(O_RDWR);
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = mem, .dev_handle = dev,
		.len = PAGE, .user_data = 0xfeedface12345678ULL,
	};
	struct pollfd p = { .fd = fd, .events = POLLIN };

	(void)arg;
	CHECK_OK(dma_submit(fd, &s));
	CHECK_EQ(poll(&p, 1, 5000), 1);
	*w = (struct mmapdemo_dma_wait){ .size = sizeof(*w), .seq = s.out_seq };
	CHECK_SYS(mprotect(w, PAGE, PROT_READ));
	CHECK_RET(call(fd, MMAPDEMO_IOC_DMA_WAIT, w), -EFAULT);
	CHECK_RET(call(fd, MMAPDEMO_IOC_DMA_WAIT, w), -EFAULT);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_SYS(mprotect(w, PAGE, PROT_READ | PROT_WRITE));
	CHECK_OK(call(fd, MMAPDEMO_IOC_DMA_WAIT, w));
	CHECK_EQ(w->out_seq, s.out_seq);
	CHECK_EQ(w->out_user_data, s.user_data);
	CHECK_EQ(w->out_bytes, PAGE);
	CHECK_RET(call(fd, MMAPDEMO_IOC_DMA_WAIT, w), -ENOENT);
}

/* A submission that cannot tell its number does not run: nobody could ever collect it. */
static void dma_submit_efault_moves_nothing(const void *arg)
{
	struct mmapdemo_dma_submit *s = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int fd = dev_open(O_RDWR);
	struct mmapdemo_buf_alloc mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	void *m = map_rw(fd, PAGE, mem.out_offset), *d = map_rw(fd, PAGE, dev.out_offset);

	(void)arg;
	fill(m, PAGE, 1);
	*s = (struct mmapdemo_dma_submit){
		.size = sizeof(*s), .direction = MMAPDEMO_DMA_TO_DEVICE,
		.mem_handle = mem.out_handle, .dev_handle = dev.out_handle, .len = PAGE,
	};
	CHECK_SYS(mprotect(s, PAGE, PROT_READ));
	for (u32 i = 0; i < 2 * info_get(fd).out_max_transfers; i++)
		CHECK_RET(call(fd, MMAPDEMO_IOC_DMA_SUBMIT, s), -EFAULT);
	sleep_ms(20);
	CHECK_EQ(first_not(d, PAGE, 0), PAGE);
	CHECK_EQ(buf_info(fd, mem.out_handle).out_transfers, 0);
	CHECK_EQ(buf_info(fd, dev.out_handle).out_transfers, 0);
	CHECK_RET(dma_collect(fd, 0, NULL), -ENOENT);
}

/* --- changed meanwhile ----------------------------------------------------------------------------- */

static struct {
	u64 *volatile word;
	u64 a, b;
	volatile bool over;
} flip;

static void *flipper(void *arg)
{
	(void)arg;
	while (!flip.over) {
		*(volatile u64 *)flip.word = flip.a;
		*(volatile u64 *)flip.word = flip.b;
	}
	return NULL;
}

static pthread_t flip_start(u64 *word, u64 a, u64 b)
{
	pthread_t t;

	flip.word = word;
	flip.a = a;
	flip.b = b;
	flip.over = false;
	*word = a;
	CHECK(!pthread_create(&t, NULL, flipper, NULL));
	return t;
}

static void flip_end(pthread_t t)
{
	flip.over = true;
	pthread_join(t, NULL);
}

#define FLIPS 4000

/* The length that was checked must be the one that is allocated. */
static void buf_alloc_length_changed_meanwhile(const void *arg)
{
	int fd = dev_open(O_RDWR), granted = 0;
	u64 small = PAGE, huge = 1ULL << 50;
	struct mmapdemo_buf_alloc a;
	pthread_t t;

	(void)arg;
	a = (struct mmapdemo_buf_alloc){ .size = sizeof(a), .len = small };
	t = flip_start((u64 *)&a.len, small, huge);
	for (int i = 0; i < FLIPS; i++) {
		int ret;

		a.technique = MMAPDEMO_TECH_BAR + i % 4;
		/* Should the other thread not run for a while, there are still both. */
		*(volatile u64 *)flip.word = i % 8 < 4 ? small : huge;
		ret = call(fd, MMAPDEMO_IOC_BUF_ALLOC, &a);
		if (ret && ret != -EINVAL)
			FAIL("call %d: %s, wanted success or EINVAL", i, errno_word(ret));
		if (ret)
			continue;
		granted++;
		CHECK_EQ(a.out_len, PAGE);
		CHECK_EQ(buf_info(fd, a.out_handle).out_len, PAGE);
		CHECK_OK(buf_free(fd, a.out_handle));
	}
	flip_end(t);
	diag("%d of %d granted", granted, FLIPS);
	CHECK(granted > 0);
}

/* Size and flags share eight bytes: the size that was accepted is the size that is used. */
static void ioctl_size_changed_meanwhile(const void *arg)
{
	struct { struct mmapdemo_buf_info i; char tail[256]; } b = { 0 };
	int fd = dev_open(O_RDWR), granted = 0;
	u32 handle = buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE).out_handle;
	pthread_t t;

	(void)arg;
	b.i.handle = handle;
	t = flip_start((u64 *)&b.i, sizeof(b.i), sizeof(b.i) + 200);
	for (int i = 0; i < FLIPS; i++) {
		int ret = call(fd, MMAPDEMO_IOC_BUF_INFO, &b);

		if (ret)
			FAIL("call %d: %s", i, errno_word(ret));
		CHECK_EQ(first_not(b.tail, sizeof(b.tail), 0), sizeof(b.tail));
		granted++;
	}
	flip_end(t);
	CHECK_EQ(granted, FLIPS);
}

/*
 * The longer size is refused for what follows: a call that succeeds had the short one, and whoever has
 * no more room is given no more.
 */
static void ioctl_info_size_grown_meanwhile_writes_no_more(const void *arg)
{
	struct { struct mmapdemo_info i; char tail[8]; } b;
	int fd = dev_open(O_RDWR), granted = 0;
	char *rest = (char *)&b + MMAPDEMO_INFO_SIZE_V1;
	size_t len = sizeof(b) - MMAPDEMO_INFO_SIZE_V1;
	pthread_t t;

	(void)arg;
	memset(&b, 0xee, sizeof(b));
	t = flip_start((u64 *)&b, MMAPDEMO_INFO_SIZE_V1, sizeof(b));
	for (int i = 0; i < FLIPS; i++) {
		int ret;

		*(volatile u64 *)flip.word = i % 8 < 4 ? MMAPDEMO_INFO_SIZE_V1 : sizeof(b);
		ret = call(fd, MMAPDEMO_IOC_INFO, &b);
		if (ret && ret != -E2BIG)
			FAIL("call %d: %s, wanted success or E2BIG", i, errno_word(ret));
		granted += !ret;
		CHECK_EQ(first_not(rest, len, 0xee), len);
	}
	flip_end(t);
	diag("%d of %d granted", granted, FLIPS);
	CHECK(granted > 0);
}

/* The range that was checked against the buffer must be the one the device is given. */
static void dma_submit_offset_changed_meanwhile(const void *arg)
{
	int fd = dev_open(O_RDWR), granted = 0, refused = 0;
	struct mmapdemo_buf_alloc mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE);
	struct mmapdemo_buf_alloc dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	struct mmapdemo_buf_alloc next = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE);
	struct mmapdemo_dma_submit s = {
		.direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = mem.out_handle,
		.dev_handle = dev.out_handle, .len = PAGE,
	};
	void *m = map_rw(fd, PAGE, mem.out_offset), *n = map_rw(fd, PAGE, next.out_offset);
	pthread_t t;

	(void)arg;
	memset(m, 0xff, PAGE);
	t = flip_start((u64 *)&s.dev_off, 0, PAGE);
	for (int i = 0; i < FLIPS; i++) {
		int ret;

		*(volatile u64 *)flip.word = i % 2 * PAGE;
		ret = dma_submit(fd, &s);

		if (!ret) {
			granted++;
			CHECK_OK(dma_collect(fd, s.out_seq, NULL));
		} else if (ret == -EINVAL) {
			refused++;
		} else {
			FAIL("call %d: %s, wanted success or EINVAL", i, errno_word(ret));
		}
	}
	flip_end(t);
	diag("%d granted, %d refused", granted, refused);
	CHECK(granted > 0);
	CHECK_EQ(first_not(n, PAGE, 0), PAGE);
}

/* --- protected meanwhile ---------------------------------------------------------------------------- */

static struct {
	void *page;
	volatile bool over;
} guard;

static void *protector(void *arg)
{
	(void)arg;
	while (!guard.over) {
		mprotect(guard.page, PAGE, PROT_READ);
		mprotect(guard.page, PAGE, PROT_READ | PROT_WRITE);
	}
	return NULL;
}

static pthread_t protect_start(void *page)
{
	pthread_t t;

	guard.page = page;
	guard.over = false;
	CHECK(!pthread_create(&t, NULL, protector, NULL));
	return t;
}

static void protect_end(pthread_t t)
{
	guard.over = true;
	pthread_join(t, NULL);
	CHECK_SYS(mprotect(guard.page, PAGE, PROT_READ | PROT_WRITE));
}

/*
 * The structure can be written when the kernel looks first and not when it is done: a buffer that
 * nobody was told of must not be left, and would show in the limit.
 */
static void buf_alloc_struct_protected_meanwhile_leaks_nothing(const void *arg)
{
	int fd = dev_open(O_RDWR), granted = 0, refused = 0;
	struct mmapdemo_buf_alloc *a = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
						      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	u32 num = info_get(fd).out_max_bufs;
	u64 end = now_ns() + 2000000000ULL;
	pthread_t t;

	(void)arg;
	*a = (struct mmapdemo_buf_alloc){
		.size = sizeof(*a), .technique = MMAPDEMO_TECH_VMALLOC, .len = 64 * PAGE,
	};
	t = protect_start(a);
	while (now_ns() < end) {
		int ret = call(fd, MMAPDEMO_IOC_BUF_ALLOC, a);

		if (ret && ret != -EFAULT)
			FAIL("after %d granted and %d refused: %s", granted, refused,
			     errno_word(ret));
		granted += !ret;
		refused += !!ret;
		if (!ret)
			CHECK_OK(buf_free(fd, a->out_handle));
	}
	protect_end(t);
	diag("%d granted, %d refused", granted, refused);
	for (u32 i = 0; i < num; i++)
		buf_alloc(fd, MMAPDEMO_TECH_PAGES, PAGE);
}

/* Each transfer is told of when it is submitted and when it is collected, or it is neither. */
static void dma_structs_protected_meanwhile_lose_nothing(const void *arg)
{
	void *page = CHECK_SYS(mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct mmapdemo_dma_submit *s = page;
	struct mmapdemo_dma_wait *w = page + sizeof(*s);
	int fd = dev_open(O_RDWR), ret;
	u32 mem = buf_alloc(fd, MMAPDEMO_TECH_COHERENT, PAGE).out_handle;
	u32 dev = buf_alloc(fd, MMAPDEMO_TECH_BAR, PAGE).out_handle;
	unsigned int submitted = 0, collected = 0;
	u64 end = now_ns() + 2000000000ULL;
	pthread_t t;

	(void)arg;
	*s = (struct mmapdemo_dma_submit){
		.size = sizeof(*s), .direction = MMAPDEMO_DMA_TO_DEVICE, .mem_handle = mem,
		.dev_handle = dev, .len = 64,
	};
	*w = (struct mmapdemo_dma_wait){ .size = sizeof(*w), .deadline_ns = end + DMA_LIMIT_NS };
	t = protect_start(page);
	while (now_ns() < end) {
		ret = call(fd, MMAPDEMO_IOC_DMA_SUBMIT, s);
		if (ret && ret != -EFAULT)
			FAIL("submit %u: %s", submitted, errno_word(ret));
		submitted += !ret;
		ret = call(fd, MMAPDEMO_IOC_DMA_WAIT, w);
		if (ret && ret != -EFAULT && ret != -ENOENT)
			FAIL("wait %u: %s", collected, errno_word(ret));
		collected += !ret;
		if (submitted > collected + 32) {
			while ((ret = call(fd, MMAPDEMO_IOC_DMA_WAIT, w)) != -ENOENT)
				collected += !ret;
		}
	}
	protect_end(t);
	while (!dma_collect(fd, 0, NULL))
		collected++;
	diag("%u submitted, %u collected", submitted, collected);
	CHECK_EQ(collected, submitted);
}

static void each_ioctl(test_fn fn, bool outputs_only, const char *what)
{
	for (size_t i = 0; i < num_ioctls; i++) {
		if (ioctls[i].out_end || !outputs_only)
			test_add(fn, &ioctls[i], 0, "ioctl_%s_%s", ioctls[i].name, what);
	}
}

void register_ioctl_pointers(void)
{
	each_ioctl(pointer_unreadable_efault, false, "pointer_unreadable_efault");
	each_ioctl(pointer_unwritable_efault_does_nothing, true,
		   "pointer_unwritable_efault_does_nothing");
	TEST_ADD(buf_alloc_efault_leaks_no_buffer);
	TEST_ADD(dma_wait_efault_collects_nothing);
	TEST_ADD(dma_submit_efault_moves_nothing);
	TEST_ADD_SLOW(buf_alloc_length_changed_meanwhile, 30000);
	TEST_ADD_SLOW(ioctl_size_changed_meanwhile, 20000);
	TEST_ADD_SLOW(ioctl_info_size_grown_meanwhile_writes_no_more, 20000);
	TEST_ADD_SLOW(dma_submit_offset_changed_meanwhile, 30000);
	TEST_ADD_SLOW(buf_alloc_struct_protected_meanwhile_leaks_nothing, 20000);
	TEST_ADD_SLOW(dma_structs_protected_meanwhile_lose_nothing, 20000);
}
