// SPDX-License-Identifier: MIT
/*
 * stats.c - medians, quantiles, intervals. See stats.h for what each promises.
 */
#include "stats.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int mmb_vec_push(struct mmb_vec *vec, double value)
{
	if (vec->n == vec->cap) {
		size_t cap = vec->cap ? vec->cap * 2 : 32;
		double *v = reallocarray(vec->v, cap, sizeof(*v));

		if (!v)
			return -ENOMEM;
		vec->v = v;
		vec->cap = cap;
	}
	vec->v[vec->n++] = value;
	return 0;
}

int mmb_vec_append(struct mmb_vec *vec, const struct mmb_vec *more)
{
	for (size_t i = 0; i < more->n; i++) {
		int err = mmb_vec_push(vec, more->v[i]);

		if (err)
			return err;
	}
	return 0;
}

void mmb_vec_reset(struct mmb_vec *vec)
{
	vec->n = 0;
}

void mmb_vec_free(struct mmb_vec *vec)
{
	free(vec->v);
	memset(vec, 0, sizeof(*vec));
}

uint64_t mmb_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static int compare_double(const void *pa, const void *pb)
{
	double a = *(const double *)pa;
	double b = *(const double *)pb;

	return (a > b) - (a < b);
}

double mmb_quantile(const double *sorted, size_t n, double q)
{
	double pos, frac;
	size_t lo;

	if (!n)
		return NAN;
	pos = q * (double)(n - 1);
	lo = (size_t)pos;
	if (lo >= n - 1)
		return sorted[n - 1];
	frac = pos - (double)lo;
	/* Not lo + frac * (hi - lo): the difference of two large values may overflow. */
	return sorted[lo] * (1.0 - frac) + sorted[lo + 1] * frac;
}

/*
 * Largest rank k, counted from 1, for which both tails outside of [x(k), x(n+1-k)] hold at most
 * 2.5 % each: P(Bin(n, 1/2) < k) <= 0.025. 0: there is none, n is below 6.
 */
static size_t median_rank(size_t n)
{
	double pmf, cdf;
	size_t k = 0;

	if (n > 400) {
		/* Normal approximation; 0.5^n would run out of exponent further up. */
		double r = ((double)n - 1.96 * sqrt((double)n)) / 2.0;

		return (size_t)r;
	}
	pmf = pow(0.5, (double)n);
	cdf = pmf;
	while (cdf <= 0.025 && k < n / 2) {
		k++;
		pmf *= (double)(n - k + 1) / (double)k;
		cdf += pmf;
	}
	return k;
}

static size_t count_outliers(const double *sorted, size_t n)
{
	double q1 = mmb_quantile(sorted, n, 0.25);
	double q3 = mmb_quantile(sorted, n, 0.75);
	double fence = 1.5 * (q3 - q1);
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += sorted[i] < q1 - fence || sorted[i] > q3 + fence;
	return count;
}

static void summary_clear(struct mmb_summary *out)
{
	memset(out, 0, sizeof(*out));
	out->median = out->ci_lo = out->ci_hi = out->min = out->p10 = NAN;
	out->p50 = out->p90 = out->p99 = out->max = out->spread = out->of_minima = NAN;
}

/* Everything but the interval. */
static void summarize_sorted(const double *sorted, size_t n, struct mmb_summary *out)
{
	out->n = n;
	out->min = sorted[0];
	out->max = sorted[n - 1];
	out->p10 = mmb_quantile(sorted, n, 0.10);
	out->p50 = mmb_quantile(sorted, n, 0.50);
	out->p90 = mmb_quantile(sorted, n, 0.90);
	out->p99 = mmb_quantile(sorted, n, 0.99);
	out->median = out->p50;
	out->outliers = count_outliers(sorted, n);
	if (out->p10 > 0)
		out->spread = out->p90 / out->p10;
}

static int sort_copy(const double *v, size_t n, double **sorted)
{
	double *copy;

	for (size_t i = 0; i < n; i++)
		if (!isfinite(v[i]))
			return -EDOM;
	copy = calloc(n, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, v, n * sizeof(*copy));
	qsort(copy, n, sizeof(*copy), compare_double);
	*sorted = copy;
	return 0;
}

int mmb_summarize(const double *v, size_t n, struct mmb_summary *out)
{
	double *sorted;
	size_t k;
	int err;

	summary_clear(out);
	if (!n)
		return -ENODATA;
	err = sort_copy(v, n, &sorted);
	if (err)
		return err;
	summarize_sorted(sorted, n, out);
	k = median_rank(n);
	if (k) {
		out->ci_lo = sorted[k - 1];
		out->ci_hi = sorted[n - k];
	}
	free(sorted);
	return 0;
}

/* Median of n values drawn with replacement. @hits is scratch memory for n counts. */
static double resampled_median(const double *sorted, size_t n, uint32_t *hits, uint64_t *rng)
{
	size_t lower = (n - 1) / 2, upper = n / 2, seen = 0, i = 0;
	double low;

	memset(hits, 0, n * sizeof(*hits));
	for (size_t draw = 0; draw < n; draw++)
		hits[mmb_random(rng) % n]++;	/* n is tiny against 2^64: no bias to speak of */
	while (seen + hits[i] <= lower)
		seen += hits[i++];
	low = sorted[i];
	while (seen + hits[i] <= upper)
		seen += hits[i++];
	return low / 2 + sorted[i] / 2;
}

static int bootstrap(const double *sorted, size_t n, uint64_t seed, struct mmb_summary *out)
{
	uint32_t *hits = calloc(n, sizeof(*hits));
	double *medians = calloc(MMB_RESAMPLES, sizeof(*medians));
	int err = -ENOMEM;

	if (hits && medians) {
		for (size_t i = 0; i < MMB_RESAMPLES; i++)
			medians[i] = resampled_median(sorted, n, hits, &seed);
		qsort(medians, MMB_RESAMPLES, sizeof(*medians), compare_double);
		out->ci_lo = mmb_quantile(medians, MMB_RESAMPLES, 0.025);
		out->ci_hi = mmb_quantile(medians, MMB_RESAMPLES, 0.975);
		err = 0;
	}
	free(medians);
	free(hits);
	return err;
}

static double smallest(const double *v, size_t n)
{
	double min = v[0];

	for (size_t i = 1; i < n; i++)
		if (v[i] < min)
			min = v[i];
	return min;
}

int mmb_ratio_summarize(const double *a, const double *b, size_t n, uint64_t seed,
			struct mmb_summary *out)
{
	double *ratio, *sorted = NULL;
	int err = 0;

	summary_clear(out);
	if (!n)
		return -ENODATA;
	ratio = calloc(n, sizeof(*ratio));
	if (!ratio)
		return -ENOMEM;
	for (size_t i = 0; i < n && !err; i++) {
		if (!isfinite(a[i]) || !isfinite(b[i]) || a[i] <= 0 || b[i] <= 0) {
			err = -EDOM;
			break;
		}
		ratio[i] = a[i] / b[i];
		/* Underflow to 0 would make a winner out of thin air just as well. */
		if (!isnormal(ratio[i]))
			err = -ERANGE;
	}
	if (!err)
		err = sort_copy(ratio, n, &sorted);
	if (!err) {
		summarize_sorted(sorted, n, out);
		out->of_minima = smallest(a, n) / smallest(b, n);
		if (n > 1)
			err = bootstrap(sorted, n, seed, out);
	}
	free(sorted);
	free(ratio);
	return err;
}

int mmb_hist_index(double value)
{
	int exp;
	double frac = frexp(value, &exp);	/* value = frac * 2^exp, frac in [0.5, 1) */

	if (value <= 0 || exp < MMB_HIST_EXP_MIN)
		return -1;
	if (exp > MMB_HIST_EXP_MAX)
		return MMB_HIST_BUCKETS;
	return (exp - MMB_HIST_EXP_MIN) * MMB_HIST_SUB + (int)((frac - 0.5) * 2 * MMB_HIST_SUB);
}

double mmb_hist_low(int index)
{
	int exp = index / MMB_HIST_SUB + MMB_HIST_EXP_MIN;
	double frac = 0.5 + (double)(index % MMB_HIST_SUB) / (2 * MMB_HIST_SUB);

	return ldexp(frac, exp);
}

int mmb_hist_add(struct mmb_hist *hist, double value)
{
	int index;

	if (!isfinite(value) || value < 0)
		return -EDOM;
	index = mmb_hist_index(value);
	if (index < 0)
		hist->under++;
	else if (index >= MMB_HIST_BUCKETS)
		hist->over++;
	else
		hist->count[index]++;
	hist->total++;
	return 0;
}
