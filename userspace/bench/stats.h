/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what is said about a series of measurements. Nothing is ever trimmed.
 *
 * For: the runner, the writers, the unit tests. Not for: taking measurements.
 * Everything here is deterministic: the bootstrap draws from a generator with a given seed.
 */
#ifndef MMB_STATS_H
#define MMB_STATS_H

#include <stddef.h>
#include <stdint.h>

/* A growing series. Clear it to {0} before use. */
struct mmb_vec {
	double *v;
	size_t n;
	size_t cap;
};

int mmb_vec_push(struct mmb_vec *vec, double value);	/* -ENOMEM */
int mmb_vec_append(struct mmb_vec *vec, const struct mmb_vec *more);
void mmb_vec_reset(struct mmb_vec *vec);		/* forget the values, keep the memory */
void mmb_vec_free(struct mmb_vec *vec);

/*
 * Five-number summary and friends. What a series is too short for is NaN: everything when n is 0,
 * the interval when n is below 6 (metrics) or 2 (ratios).
 */
struct mmb_summary {
	size_t n;
	size_t outliers;	/* beyond 1.5 interquartile ranges outside of the quartiles */
	double median;
	double ci_lo;		/* 95 % confidence interval of the median */
	double ci_hi;
	double min;
	double p10;
	double p50;
	double p90;
	double p99;
	double max;
	double spread;		/* p90 / p10; NaN when p10 is 0. The noise rule looks at it */
	double of_minima;	/* ratios: min(a) / min(b); else NaN */
};

/**
 * mmb_summarize() - describe a series.
 *
 * The interval is distribution free: the two order statistics that enclose the median with at
 * least 95 % probability. Errors: -ENODATA n is 0; -EDOM a value is NaN or infinite (a bug in
 * the case, never a value to be dropped); -ENOMEM. @out is void then, but for n = 0.
 */
int mmb_summarize(const double *v, size_t n, struct mmb_summary *out);

/**
 * mmb_ratio_summarize() - describe a[i] / b[i] for n pairs.
 * @seed: of the bootstrap that gives the interval (percentile method, MMB_RESAMPLES resamples)
 *
 * Errors: as mmb_summarize(); -EDOM also for a value that is not above 0; -ERANGE a ratio overflows.
 */
#define MMB_RESAMPLES	2000
int mmb_ratio_summarize(const double *a, const double *b, size_t n, uint64_t seed,
			struct mmb_summary *out);

/** mmb_quantile() - of an ascending series, interpolated linearly (type 7). NaN when n is 0. */
double mmb_quantile(const double *sorted, size_t n, double q);

/** mmb_random() - next number of a generator (splitmix64). Any seed will do, 0 too. */
uint64_t mmb_random(uint64_t *state);

/* --- histogram ---------------------------------------------------------------------------- */

/*
 * Buckets are spaced logarithmically: MMB_HIST_SUB of equal width in each power of two, so that
 * a value reported as the middle of its bucket is off by at most MMB_HIST_ERROR of itself.
 */
#define MMB_HIST_SUB		32
#define MMB_HIST_EXP_MIN	(-16)	/* smallest value told apart from 0: 2^-17 */
#define MMB_HIST_EXP_MAX	63	/* values from 2^63 on are counted as overflow */
#define MMB_HIST_BUCKETS	((MMB_HIST_EXP_MAX - MMB_HIST_EXP_MIN + 1) * MMB_HIST_SUB)
#define MMB_HIST_ERROR		(1.0 / (2 * MMB_HIST_SUB))

struct mmb_hist {
	uint64_t count[MMB_HIST_BUCKETS];
	uint64_t under;		/* 0 and what is too small */
	uint64_t over;
	uint64_t total;		/* of all, also under and over */
};

/** mmb_hist_add() - count a value. Errors: -EDOM NaN, infinite or negative; not counted. */
int mmb_hist_add(struct mmb_hist *hist, double value);

/** mmb_hist_index() - bucket of a value: 0 .. MMB_HIST_BUCKETS - 1, -1 under, MMB_HIST_BUCKETS over. */
int mmb_hist_index(double value);

/** mmb_hist_low() - lower bound of a bucket; that of the next one is its upper bound. */
double mmb_hist_low(int index);

#endif /* MMB_STATS_H */
