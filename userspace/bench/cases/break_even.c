// SPDX-License-Identifier: MIT
/*
 * break_even.c - from which size on a DMA transfer is quicker than the CPU's copy (D2).
 *
 * Measures nothing: reads the D2 ratios of the sweep. Between two sizes the curve is taken to be
 * straight on logarithmic axes; its interval is where the two curves of the ratios' intervals cross.
 */
#include "break_even.h"

#include <math.h>
#include <stdlib.h>

#include "../print.h"

struct point {
	double len;
	double ratio[3];	/* CPU copy / DMA: median, lower, upper end of its interval */
};

/* Where curve @k goes through 1, coming from below; NAN: it does not. */
static double crossing(const struct point *p, size_t n, unsigned int k)
{
	size_t i = 0;

	while (i < n && !(p[i].ratio[k] >= 1))
		i++;
	if (i == n)
		return NAN;
	if (!i)
		return p[0].len;
	return exp(log(p[i - 1].len) + log(p[i].len / p[i - 1].len) *
		   -log(p[i - 1].ratio[k]) / log(p[i].ratio[k] / p[i - 1].ratio[k]));
}

static size_t collect(const struct mmb_case *c, struct point *p)
{
	const struct mmb_options *opt = c->s->opt;
	size_t n = 0;

	for (size_t i = 0; i < opt->n_sizes; i++) {
		const char *id = MMB_TEXT("D2.%s.%s", MMB_SIZE_NAME(opt->sizes[i]),
					  mmb_direction_name(c->direction));
		const struct mmb_row *row = mmb_row_find(c->s->results, id);

		if (!row || !row->sum.n)
			continue;
		p[n].len = (double)opt->sizes[i];
		p[n].ratio[0] = row->sum.median;
		p[n].ratio[1] = row->sum.ci_lo;
		p[n].ratio[2] = row->sum.ci_hi;
		n++;
	}
	return n;
}

enum mmb_rc mmb_break_even_setup(struct mmb_case *c)
{
	(void)c;
	return MMB_OK;
}

enum mmb_rc mmb_break_even_run(struct mmb_case *c)
{
	struct point *p = calloc(c->s->opt->n_sizes, sizeof(*p));
	struct mmb_row *row;
	struct mmb_summary *sum;
	size_t n;

	if (!p)
		abort();
	n = collect(c, p);
	row = mmb_row_add(c->s->results, MMB_ROW_METRIC, c->rows,
			  "size from which DMA is quicker than the CPU", "bytes");
	if (!row)
		abort();
	c->priv = row;
	row->tries = 1;
	sum = &row->sum;
	sum->median = sum->p50 = crossing(p, n, 0);
	sum->ci_lo = crossing(p, n, 2);
	sum->ci_hi = crossing(p, n, 1);
	sum->min = sum->p10 = sum->p90 = sum->p99 = sum->max = sum->spread = NAN;
	if (!n)
		mmb_row_reason(row, MMB_SKIPPED, "no size was measured");
	else if (isnan(sum->median))
		mmb_row_reason(row, MMB_SKIPPED, "the CPU's copy was quicker at every size");
	else
		sum->n = n;
	free(p);
	return MMB_OK;
}

static void print_size(FILE *out, double bytes)
{
	if (bytes < 1024)
		fprintf(out, "%.0f B", bytes);
	else
		fprintf(out, "%.1f KiB", bytes / 1024);
}

void mmb_break_even_print(FILE *out, const struct mmb_case *c)
{
	const struct mmb_row *row = c->priv;

	if (!row->sum.n) {
		fprintf(out, "  Break-even: %s.\n", row->reason);
		return;
	}
	fputs("  Break-even: DMA is quicker than the CPU's copy from about ", out);
	print_size(out, row->sum.median);
	if (!isnan(row->sum.ci_lo) && !isnan(row->sum.ci_hi)) {
		fputs(" on (", out);
		print_size(out, row->sum.ci_lo);
		fputs(" to ", out);
		print_size(out, row->sum.ci_hi);
		fputs("); below, it loses", out);
	}
	fputs(".\n", out);
}
