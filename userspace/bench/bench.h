/* SPDX-License-Identifier: MIT */
/*
 * bench.h - the frame every benchmark case fits into.
 *
 * For: cases/ and the files that run, judge and print them. Not for: users of the tool.
 *
 * A case compares a few ways of doing one thing. Each way is an arm. The runner takes the arms in
 * turn (A, B, C, A, B, C, ...), so that whatever disturbs the machine disturbs all of them alike;
 * a ratio is the median over the rounds of a / b of the same round. Controls - an empty loop,
 * loads of RAM, a system call, a store to a register that does nothing - are arms of every case: when
 * they scatter, the machine was busy, and the case is repeated.
 */
#ifndef MMB_BENCH_H
#define MMB_BENCH_H

#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <mmapdemo/mmapdemo.h>

#include "result.h"
#include "stats.h"

#define MMB_PAIRS_MIN		15	/* fewer pairs than this say nothing */
#define MMB_PAIRS		61
#define MMB_PAIRS_QUICK		21
#define MMB_TRIES		3
#define MMB_ROUNDS_MAX		10000	/* of a case, however long --duration is */
#define MMB_SPREAD_MAX		1.3	/* p90 / p10 of a control, above: noisy */
/*
 * Aimed-for length of one timed batch: long against reading the clock (0.1 us), short against the
 * milliseconds between two interruptions on a busy machine, so that few batches are hit.
 */
#define MMB_BATCH_NS		20000.0
#define MMB_TIMEOUT_NS		5000000000ULL	/* nothing in here may wait longer for the device */
#define MMB_PAGE		4096u
#define MMB_DEPTHS_MAX		4
#define MMB_DEPTH_MAX		240u	/* less than a ring */
#define MMB_WHAT_LEN		56
#define MMB_UNSTEADY_LEN	96

/* What a function of a case returns. */
enum mmb_rc {
	MMB_OK,
	MMB_SKIP,	/* cannot be done here; the reason is in the case or arm */
	MMB_WRONG,	/* wrong data or an unexpected error; told already */
	MMB_GONE,	/* the device has left */
	MMB_INTR,	/* the user wants to stop */
};

struct mmb_options {
	const char *device;
	enum mmb_boot boot;		/* cases of this one only */
	const char *json;		/* NULL: none; "-": standard output */
	const char *const *only;	/* globs; none: everything */
	size_t n_only;
	const uint64_t *sizes;		/* of the transfer sweep, bytes, ascending; none: the default */
	size_t n_sizes;
	bool sizes_given;		/* by the user */
	uint32_t techniques;		/* 1 << MMAPDEMO_TECH_* or MMB_FAULT_AROUND; 0: all */
	uint32_t engines;		/* 1 << MMAPDEMO_ENGINE_*; 0: all */
	uint32_t depth[MMB_DEPTHS_MAX];	/* descriptors behind one doorbell, ascending; none: the default */
	size_t n_depths;
	unsigned int queues;		/* at work at once, where a case takes several */
	unsigned int duration_s;	/* rounds of each case go on for so long; 0: as many as pairs */
	/* Instead of our device: the BAR of another one, through sysfs. */
	const char *bdf;		/* NULL: ours */
	unsigned int bar;
	uint64_t range_off;		/* the part of it that may be touched */
	uint64_t range_len;		/* 0: to the end */
	unsigned int bar_width;		/* bytes of one access, 4 or 8; 0: 8 if prefetchable, else 4 */
	bool bar_write;			/* it may be written, too */
	unsigned int pairs;
	uint64_t seed;
	unsigned int budget_s;		/* no case is repeated for noise after this many seconds */
	bool quick;
	bool list;
	bool all_rows;			/* also print what normally goes only into the JSON file */
	bool trace_one;
};

struct mmb_foreign;
struct mmb_session;
struct mmb_units;
struct mmb_ways;
struct mmb_case;
struct mmb_arm;

/* Do it @ops times. What is not the thing itself goes before or after, not in here. */
typedef enum mmb_rc (*mmb_run_fn)(struct mmb_arm *arm, uint64_t ops);

#define MMB_ARM_CONTROL		0x1u	/* scatter of this arm makes the case noisy */
#define MMB_ARM_SELF_TIMED	0x2u	/* run() times each operation itself: mmb_observe() */
#define MMB_ARM_DETAIL		0x4u	/* printed with --all only */
#define MMB_ARM_MIN		0x8u	/* counted: the least is the figure, not the median */
#define MMB_ARM_NO_LOOP		0x20u	/* counted: run() is no loop over its operations */
#define MMB_ARM_LONG		0x10u	/* counted: batches longer than a timer tick, exact to 1 % only */

/* One way of doing the thing. */
struct mmb_arm {
	char id[MMB_ID_LEN];		/* of its row */
	char what[MMB_WHAT_LEN];	/* in the table, in plain words */
	mmb_run_fn run;
	unsigned int flags;
	unsigned int tag;		/* the case's own: technique, mode, width ... */
	unsigned int tag2;
	unsigned int technique;		/* it is about: MMAPDEMO_TECH_* or MMB_FAULT_AROUND; 0: about none */
	unsigned int engine;		/* it is about: MMAPDEMO_ENGINE_* plus 1; 0: about none */
	bool left_out;			/* by --techniques or --engines: gives no row */
	uint64_t offset;
	void *data;
	struct mmb_case *c;
	uint64_t ops;			/* operations per round; 0: found out while warming up */
	uint64_t max_ops;		/* upper limit of that; 0: none */
	uint64_t bytes;			/* moved by one operation; 0: says nothing */
	struct mmb_vec seen;		/* ns per operation, all rounds */
	struct mmb_vec rounds;		/* one value per round */
	size_t round_start;		/* first of seen in this round */
	const char *unit;		/* NULL: the group's */
	const char *skip;		/* not NULL: cannot be done here, and why */
	struct mmb_row *row;		/* once it has been measured */
	/* Of arms whose instructions are counted: around each batch, not counted; NULL: nothing. */
	mmb_run_fn before;
	mmb_run_fn after;
	double per;			/* things, such as pages, that one operation does; 0: one */
	char unsteady[MMB_UNSTEADY_LEN];	/* not empty: two series gave two figures, and which */
};

/* a / b of two arms. */
struct mmb_pair {
	char id[MMB_ID_LEN];
	char what[MMB_WHAT_LEN];
	struct mmb_arm *a;
	struct mmb_arm *b;
	bool detail;			/* printed with --all only */
	struct mmb_row *row;		/* once it has been measured */
};

#define MMB_ARMS_MAX	32
#define MMB_PAIRS_OF_CASE_MAX	24

/* The fixed part of a case: one table entry in cases/. */
struct mmb_case_ops {
	const struct mmb_group *group;
	enum mmb_boot boot;		/* which guest it belongs into; ANY: MMB_BOOT_TIMED */
	enum mmb_rc (*setup)(struct mmb_case *c);	/* adds arms and pairs */
	/* Poison before and check after the timed part: the row exists only if both say OK. */
	enum mmb_rc (*prepare)(struct mmb_case *c);
	enum mmb_rc (*verify)(struct mmb_case *c);
	void (*teardown)(struct mmb_case *c);		/* called whenever setup was */
	/* Instead of the runner's rounds, for cases that count or search rather than time. */
	enum mmb_rc (*run)(struct mmb_case *c);
};

/* A group is one table on the terminal. */
struct mmb_group {
	const char *title;
	const char *meaning;		/* what it shows, for somebody who has never seen one */
	const char *unit;		/* of its rows */
	const char *shown_unit;		/* on the terminal; NULL: as the rows */
	double shown_per;		/* units of the rows in one of these */
	void (*print_head)(FILE *out);	/* NULL: the common form, a line for each arm */
	void (*print_case)(FILE *out, const struct mmb_case *c);
};

struct mmb_case {
	const struct mmb_case_ops *ops;
	struct mmb_session *s;
	char id[MMB_ID_LEN];
	const char *what;
	char rows[2 * MMB_ID_LEN];	/* ids of the ratios it is there for, blanks between */
	uint64_t len;			/* the case's parameters, where it has any */
	uint32_t direction;
	unsigned int pairs;		/* 0: as many as --pairs says */
	unsigned int try;		/* 1 .. MMB_TRIES, while running and afterwards */
	bool noisy;
	char noise[160];		/* which control scattered */
	char skip[160];			/* reason, after MMB_SKIP */
	struct mmb_arm arm[MMB_ARMS_MAX];
	size_t n_arms;
	struct mmb_pair pair[MMB_PAIRS_OF_CASE_MAX];
	size_t n_pairs;
	void *priv;
};

/* System memory or device memory, with its mapping. */
struct mmb_mem {
	struct mmd_buf buf;
	struct mmd_map map;
	int err;			/* not 0: could not be had, do not ask again */
};

/* Beside MMAPDEMO_TECH_*, wherever those choose a buffer: BAR_FAULT with BUF_FAULT_AROUND. */
#define MMB_FAULT_AROUND	(MMAPDEMO_TECH_MAX + 1)
#define MMB_MEMS		(MMAPDEMO_TECH_MAX + 2)

struct mmb_session {
	const struct mmb_options *opt;
	struct mmd_device *dev;
	struct mmd_info info;
	struct mmd_map user;		/* the user page of BAR0 */
	struct mmb_foreign *foreign;	/* --bdf: instead of the three above, which are empty then */
	struct mmb_mem mem[MMB_MEMS];	/* by MMAPDEMO_TECH_*; shared by all cases */
	struct mmb_units *units;	/* unit.c's; NULL before the first case that uses queues */
	struct mmb_ways *ways;		/* backends.c's; NULL before the first case that compares them */
	unsigned char *arena;		/* anonymous RAM, touched */
	size_t arena_len;
	struct mmb_results *results;
	uint64_t start_ns;
	uint64_t start_device_ns;	/* register CLOCK_NS at about the same moment */
	double clock_rate;		/* of ours to the device's, over the run; 1 but for its error */
	unsigned long errors;		/* wrong data and unexpected errors so far */
	unsigned int case_no;
	unsigned int case_count;
	int cpu;			/* pinned to */
	int eventfd;
	bool eventfd_set;		/* the driver knows of it now */
	const struct mmb_group *group;	/* whose table is being printed */
	FILE *out;			/* tables */
	bool progress;			/* standard error is a terminal */
};

#define MMB_SLACK		(64u * MMB_PAGE)	/* guards and skew around the largest transfer */
#define MMB_UNIT_LEN		((2u << 20) + MMB_SLACK)	/* buffers of the devices beside */

/* --- time --------------------------------------------------------------------------------- */

static inline uint64_t mmb_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* --- for cases (measure.c) ---------------------------------------------------------------- */

/** mmb_arm_add() - another way of doing it. Arms are taken in the order added. */
struct mmb_arm *mmb_arm_add(struct mmb_case *c, const char *id, const char *what, mmb_run_fn run);

/** mmb_pair_add() - publish the ratio a / b. Skipped with the arm's reason if an arm is. */
struct mmb_pair *mmb_pair_add(struct mmb_case *c, const char *id, const char *what,
			      struct mmb_arm *a, struct mmb_arm *b);

/** MMB_TEXT() - a formatted id or description, good until the end of the block it stands in. */
#define MMB_TEXT(...)	mmb_text((char[MMB_ID_LEN]){ 0 }, MMB_ID_LEN, __VA_ARGS__)
char *mmb_text(char *text, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** mmb_observe() - one timed operation of a MMB_ARM_SELF_TIMED arm. */
void mmb_observe(struct mmb_arm *arm, double ns);

/** mmb_skip() - give the reason and return MMB_SKIP. */
enum mmb_rc mmb_skip(struct mmb_case *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** mmb_wrong() - say what was wrong with the data, count it, return MMB_WRONG. */
enum mmb_rc mmb_wrong(struct mmb_case *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** mmb_failed() - a library call failed: gone, interrupted, or wrong, and told. */
enum mmb_rc mmb_failed(struct mmb_case *c, enum mmd_call call, int err);

/** mmb_size_name() - "64B", "4KiB", "2MiB". Returns @name. */
char *mmb_size_name(uint64_t bytes, char *name, size_t size);
#define MMB_SIZE_NAME(bytes)	mmb_size_name(bytes, (char[24]){ 0 }, 24)

/** mmb_direction_name() - "to_device", "from_device". */
const char *mmb_direction_name(uint32_t direction);

/* --- memory (memory.c) -------------------------------------------------------------------- */

/** mmb_mem_get() - the session's buffer of a kind, made at the first call. 0 or -errno. */
int mmb_mem_get(struct mmb_session *s, uint32_t kind, struct mmb_mem **mem);

/**
 * mmb_mem_alloc() - a buffer that is the caller's, neither mapped nor touched.
 * @kind: MMAPDEMO_TECH_*, or MMB_FAULT_AROUND
 *
 * Returns 0 or -errno; -EOPNOTSUPP: this driver, kernel or device does not have the technique.
 */
int mmb_mem_alloc(struct mmd_device *dev, uint32_t kind, uint64_t len, struct mmd_buf *buf);

/** mmb_mem_has() - whether there are buffers of this kind here. */
bool mmb_mem_has(struct mmd_device *dev, uint32_t kind);

/** mmb_mem_name() - "bar", "fault_around" and so on, for ids and tables. */
const char *mmb_mem_name(uint32_t kind);

/** mmb_mem_why() - why there is no such buffer, for somebody who reads a row that was skipped. */
const char *mmb_mem_why(int err);

/**
 * mmb_mem_make() - a buffer of @len bytes, mapped and touched, unless @mem has been made or tried.
 *
 * USERPTR: memory of this process, and a buffer over it.
 */
int mmb_mem_make(struct mmd_device *dev, uint32_t kind, uint64_t len, struct mmb_mem *mem);

/** mmb_mem_is_device() - whether buffers of this kind are in BAR2. */
bool mmb_mem_is_device(uint32_t kind);

/** mmb_mem_drop() - unmap and free the session's buffers. */
void mmb_mem_drop(struct mmb_session *s);

/**
 * mmb_arena_len() - bytes of arena that mmb_skewed() needs for blocks of the largest size.
 */
size_t mmb_arena_len(const struct mmb_options *opt);

/**
 * mmb_skewed() - where in the arena a block goes that is copied to or from @other.
 * @len:  bytes of the block
 * @vary: picks another place that will do
 *
 * Under TCG two streams whose distance is a multiple of the emulated TLB's span evict each
 * other's entries at every page, and a copy takes 6-19 times as long; two blocks that merely
 * overlap modulo that span pay for part of it. So the distance is the block's length, rounded up
 * to a power of two, at least 16 pages, plus a small odd number of pages, modulo twice that.
 */
unsigned char *mmb_skewed(struct mmb_session *s, const volatile void *other, size_t len,
			  unsigned int vary);

/**
 * mmb_grow_tlb() - let the emulated TLB grow to the size that large blocks need.
 *
 * TCG sizes its TLB by use, and only when it is flushed: doubled when most of it was used, shrunk
 * when little was. A copy of more than 128 pages on each side takes 1.4 times as long before than
 * after, and whether a flush came along is chance. A process that goes on copying ends up with the
 * larger one: so that is the state to measure in. Elsewhere this does no harm.
 */
void mmb_grow_tlb(struct mmb_session *s);

/** mmb_fill() - a pattern that differs at every 8 bytes and with every seed; @len in whole words. */
void mmb_fill(volatile void *mem, size_t len, uint64_t seed);

/** mmb_check() - offset of the first word that is not the pattern's, or @len. */
size_t mmb_check(const volatile void *mem, size_t len, uint64_t seed);

/* One copy to be proven right: source, destination, and guards around the destination. */
struct mmb_proof {
	volatile void *from;
	volatile unsigned char *to;
	size_t len;		/* bytes, whole words */
	size_t before;		/* guard bytes in front of @to and behind it, whole words */
	size_t behind;
	uint64_t seed;
};

/** mmb_proof_prepare() - pattern the source, poison destination and guards. */
void mmb_proof_prepare(const struct mmb_proof *p);

/** mmb_proof_guards() - the guards alone. */
enum mmb_rc mmb_proof_guards(struct mmb_case *c, const char *what, const struct mmb_proof *p);

/** mmb_proof_check() - data arrived, source unchanged, guards intact; else MMB_WRONG and told. */
enum mmb_rc mmb_proof_check(struct mmb_case *c, const char *what, const struct mmb_proof *p);

/* --- controls (control.c) ----------------------------------------------------------------- */

/** mmb_controls_add() - the four that every case has; the register store only with our device. */
void mmb_controls_add(struct mmb_case *c);

/** mmb_load32() .. - the one idiom for all kinds of mapped memory: 8 accesses a turn, 16 KiB. */
uint64_t mmb_load32(const volatile void *base, uint64_t ops);
uint64_t mmb_load64(const volatile void *base, uint64_t ops);
void mmb_store32(volatile void *base, uint64_t ops, uint32_t value);
void mmb_store64(volatile void *base, uint64_t ops, uint64_t value);
#define MMB_WINDOW	16384u

/** mmb_load32_in() .. - the same over another window, a power of two of 64 bytes and more. */
uint64_t mmb_load32_in(const volatile void *base, size_t window, uint64_t ops);
uint64_t mmb_load64_in(const volatile void *base, size_t window, uint64_t ops);
void mmb_store32_in(volatile void *base, size_t window, uint64_t ops, uint32_t value);

/* --- the machine room --------------------------------------------------------------------- */

/* Which cases there are, in the order they run. Each file of cases/ adds its own. */
struct mmb_plan {
	struct mmb_case **c;
	size_t n;
	size_t cap;
};

/** mmb_plan_add() - a new case; its parameters are then set by the caller. */
struct mmb_case *mmb_plan_add(struct mmb_plan *plan, const struct mmb_case_ops *ops,
			      const char *id, const char *rows, const char *what);

/** mmb_boot_of() - which guest it belongs into. */
enum mmb_boot mmb_boot_of(const struct mmb_case *c);

void mmb_plan_instructions(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_faults(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_whole_bar(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_registers(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_devmem(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_stream(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_counters(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_mapping(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_ladder(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_calls(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_read(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_sweep(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_queue(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_queue_counters(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_queue_sweep(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_overlap(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_lock(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_engines(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_peers(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_iommu(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_backends(struct mmb_plan *plan, const struct mmb_options *opt);
void mmb_plan_foreign(struct mmb_plan *plan, const struct mmb_options *opt);

/* plan.c */
void mmb_plan_make(struct mmb_plan *plan, const struct mmb_options *opt);
/* Keep what --only names and --boot allows; -ENOENT: this glob names nothing. */
int mmb_plan_select(struct mmb_plan *plan, const struct mmb_options *opt, const char **unknown);
void mmb_plan_free(struct mmb_plan *plan);

/* runner.c */
enum mmb_rc mmb_case_run(struct mmb_case *c);
unsigned int mmb_case_pairs(const struct mmb_case *c);

/* guard.c */
int mmb_guard_install(void);
bool mmb_interrupted(void);
extern sigjmp_buf mmb_bus_escape;
extern volatile sig_atomic_t mmb_bus_armed;

#endif /* MMB_BENCH_H */
