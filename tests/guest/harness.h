/* SPDX-License-Identifier: MIT */
/*
 * harness.h - what a guest test is written with: registration, checks, child processes.
 *
 * Not for: the device (dev.h), what is looked at after each test (oracle.h).
 *
 * A test runs in a process of its own, in a process group of its own, under a time limit. The first
 * check that fails ends it; so does leaving by any other way than returning. Threads and children
 * of a test may use the checks too: a thread ends the test, a child hands its failure to
 * child_wait().
 */
#ifndef GUEST_HARNESS_H
#define GUEST_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define PAGE		4096UL

typedef void (*test_fn)(const void *arg);

#define TEST_LIMIT_MS	10000	/* for a test that names no limit of its own */

/* Named by a printf format; arg must live as long as the program. limit_ms 0: TEST_LIMIT_MS. */
__attribute__((format(printf, 4, 5)))
void test_add(test_fn fn, const void *arg, unsigned int limit_ms, const char *name, ...);

/* For the common case of a function named like its test. */
#define TEST_ADD(fn)		test_add(fn, NULL, 0, #fn)
#define TEST_ADD_SLOW(fn, ms)	test_add(fn, NULL, ms, #fn)

/* One per file of tests, called by main() in the order of the plan. */
void register_harness(void);
void register_planted(void);	/* failures, to see that they are noticed */
void register_ioctl_abi(void);
void register_ioctl_pointers(void);
void register_reg(void);
void register_alias(void);
void register_buf(void);
void register_map_policy(void);
void register_map_lifetime(void);
void register_map_random(void);
void register_map_users(void);
void register_map_prepare(void);
void register_map_cache(void);
void register_technique_bar(void);
void register_technique_memory(void);
void register_map_fault(void);
void register_map_pin(void);
void register_map_revoke(void);
void register_map_table(void);
void register_technique_userptr(void);
void register_rw(void);
void register_dma(void);
void register_dma_error(void);
void register_transfer_each(void);
void register_decoding(void);
void register_event(void);
void register_faults(void);
void register_irq(void);
void register_uring_abuse(void);
void register_process(void);
void register_pin(void);
void register_pin_owner(void);
void register_tool(void);
void register_queue_call(void);
void register_queue_map(void);
void register_queue_op(void);
void register_queue_order(void);
void register_queue_forge(void);
void register_queue_event(void);
void register_queue_hostile(void);
void register_queue_garbage(void);
void register_queue_submit(void);
void register_queue_submit_wait(void);
void register_queue_turn(void);
void register_queue_uring(void);
void register_dmabuf(void);
void register_dmabuf_import(void);
void register_dmaengine(void);
void register_dmaengine_client(void);
void register_window_call(void);
void register_window_reach(void);
void register_lifetime(void);
void register_lifetime_matrix(void);
void register_bus_error(void);
void register_queue_lifetime(void);
void register_backend(void);
void register_bench_bar(void);
void register_two_devices(void);
void register_probe(void);
void register_limits(void);
void register_sysfs(void);
void register_debugfs(void);
void register_udev(void);
void register_module(void);
void register_memory_map(void);
void register_leak(void);
void register_stress(void);

/* A line of explanation, shown under the test's result. */
__attribute__((format(printf, 1, 2)))
void diag(const char *format, ...);

__attribute__((noreturn, format(printf, 3, 4)))
void test_fail(const char *file, int line, const char *format, ...);

__attribute__((noreturn, format(printf, 1, 2)))
void test_skip(const char *format, ...);

#define FAIL(...)	test_fail(__FILE__, __LINE__, __VA_ARGS__)

#define CHECK(cond) do {						\
	if (!(cond))							\
		FAIL("%s", #cond);					\
} while (0)

#define CHECKF(cond, ...) do {						\
	if (!(cond))							\
		FAIL(__VA_ARGS__);					\
} while (0)

/* Two unsigned numbers. */
#define CHECK_EQ(got, want) do {					\
	u64 got_ = (u64)(got), want_ = (u64)(want);			\
									\
	if (got_ != want_)						\
		FAIL("%s is %#llx (%lld), wanted %s = %#llx (%lld)",	\
		     #got, (unsigned long long)got_, (long long)got_,	\
		     #want, (unsigned long long)want_, (long long)want_); \
} while (0)

const char *errno_word(int err);	/* err may be negative; 0 is "success" */

/* An expression of the 0 or -errno kind, and the -errno (or 0) it must give. */
#define CHECK_RET(expr, want) do {					\
	int ret_ = (expr), retw_ = (want);				\
									\
	if (ret_ != retw_)						\
		FAIL("%s: %s, wanted %s", #expr, errno_word(ret_),	\
		     errno_word(retw_));				\
} while (0)

#define CHECK_OK(expr)	CHECK_RET(expr, 0)

/* A system call of the -1 and errno kind. */
#define CHECK_SYS(expr) ({						\
	__typeof__(expr) sys_ = (expr);					\
									\
	if (sys_ == (__typeof__(expr))-1)				\
		FAIL("%s: %m", #expr);					\
	sys_;								\
})

#define CHILD_DONE	42	/* status of child_exit(): unlike anything a stray exit() gives */

/* Fork; the child of a fork must end with child_exit() or a failing check. */
pid_t child_fork(void);
__attribute__((noreturn)) void child_exit(void);
/* Wait at most patience_ms(limit_ms) for a child, which must have left by child_exit(). */
void child_wait(pid_t pid, unsigned int limit_ms);
/* Wait likewise and return the raw status, whatever it is. */
int child_status(pid_t pid, unsigned int limit_ms);
/* As child_status(), but -1 when the time is over and the child still lives. */
int child_poll(pid_t pid, unsigned int limit_ms);

/* Points two processes of a test meet at, each passed once per use; a timeout fails the test. */
struct gate {
	int fd[2];
};

void gate_init(struct gate *g);
void gate_open(struct gate *g);
void gate_pass(struct gate *g);

u64 now_ns(void);			/* CLOCK_MONOTONIC */
void sleep_ms(unsigned int ms);
/* How long to wait for what has no promised time, on this machine: MMAPDEMO_TEST_SCALE times ms. */
unsigned int patience_ms(unsigned int ms);
/* A time that is promised, on this kernel: five times as long on one full of checks, see --help. */
unsigned int promise_ms(unsigned int ms);
/* On one full of checks: what is repeated for chance's sake may be repeated less often there. */
bool kernel_notices_bugs(void);

/* The seed of this run, printed in the header; MMAPDEMO_TEST_SEED repeats one. */
u64 test_seed(void);
u64 rnd(u64 *state);

/* Run the whole list or what matches the patterns; see harness.c for the options. */
int harness_main(int argc, char **argv);

#endif /* GUEST_HARNESS_H */
