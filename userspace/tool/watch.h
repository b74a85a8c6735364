/* SPDX-License-Identifier: MIT */
/*
 * watch.h - what `mmapdemo watch` makes of two looks at the counters. No device, no output.
 */
#ifndef MMAPDEMO_TOOL_WATCH_H
#define MMAPDEMO_TOOL_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The counters, in the order they are read. */
enum watch_counter {
	WATCH_DMA_OPS, WATCH_DMA_ERRORS, WATCH_DMA_TO_DEV, WATCH_DMA_FROM_DEV, WATCH_Q_DONE,
	WATCH_Q_FAILED, WATCH_Q_BYTES, WATCH_IRQ_RAISED, WATCH_Q_IRQ_SENT, WATCH_USER_BAD,
	WATCH_RD_ALL, WATCH_WR_ALL, WATCH_LOCK_HOLDS, WATCH_LOCK_NS,
	WATCH_COUNTERS
};

/** watch_register() - name of the register that holds a counter. */
const char *watch_register(enum watch_counter counter);

/* Who has mapped the device: from debugfs, which only root may read. */
struct watch_mappings {
	bool known;
	unsigned int mappings;
	unsigned int processes;
	uint64_t bytes;
	uint64_t faults;	/* minor faults of these processes so far, of all their memory */
};

/* One look. */
struct watch_sample {
	uint64_t ns;		/* CLOCK_MONOTONIC */
	uint64_t count[WATCH_COUNTERS];
	uint64_t own_reads;	/* register reads of this program so far, which RD_ALL has in it */
	double load_ns;		/* one read of a mapped register */
	double call_ns;		/* the same by a system call */
	struct watch_mappings map;
};

/* What is shown: per second, but for what says otherwise. NaN: not known. */
struct watch_rates {
	double transfers;	/* one-shot */
	double completions;	/* of queues */
	double errors;		/* of both, and refused accesses */
	double bytes;
	double interrupts;
	double registers;	/* accesses, without this program's own */
	double faults;
	double lock_ns;		/* a hold of QEMU's big lock, on average; NaN: none, or lock-stats is off */
};

/**
 * watch_rates() - of the time between two looks.
 *
 * A counter that has gone back was reset in between: it counts from 0.
 */
void watch_rates(const struct watch_sample *before, const struct watch_sample *now,
		 struct watch_rates *rates);

/**
 * watch_parse_mappings() - debugfs `mappings`: a heading, then "pid handle off len vmas".
 * @own_pid:   whose mappings are left out
 * @faults_of: called for each process, once; its results are added up in faults
 *
 * 0, or -EINVAL where a line is none of these.
 */
int watch_parse_mappings(const char *text, int own_pid, uint64_t (*faults_of)(int pid),
			 struct watch_mappings *map);

/** watch_rate_text() - "1234", "12.3k", "4.56M", "-" for NaN. */
const char *watch_rate_text(double value, char *text, size_t size);

#endif /* MMAPDEMO_TOOL_WATCH_H */
