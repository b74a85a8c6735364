// SPDX-License-Identifier: MIT
/*
 * print.c - the table on the terminal. Written for somebody who has never seen one of these.
 */
#include "print.h"

#include <math.h>
#include <string.h>

#include "icount.h"

char *mmb_num(double value, char *text, size_t size)
{
	if (isnan(value))
		snprintf(text, size, "-");
	else if (fabs(value) >= 1e9)
		snprintf(text, size, "%.3g", value);
	else if (fabs(value) >= 1000 || value == 0)
		snprintf(text, size, "%.0f", value);
	else if (fabs(value) >= 100)
		snprintf(text, size, "%.1f", value);
	else if (fabs(value) >= 0.1)
		snprintf(text, size, "%.2f", value);
	else
		snprintf(text, size, "%.3g", value);
	return text;
}

/* --- progress ----------------------------------------------------------------------------- */

void mmb_progress_clear(const struct mmb_session *s)
{
	if (s->progress)
		fputs("\r\033[K", stderr);
}

void mmb_progress(const struct mmb_session *s, const struct mmb_case *c)
{
	double elapsed = (double)(mmb_now_ns() - s->start_ns) / 1e9;

	if (!s->progress)
		return;
	fprintf(stderr, "\r\033[K[%u/%u] %.0f s, %s", s->case_no, s->case_count, elapsed, c->id);
	if (c->try > 1)
		fprintf(stderr, " once more (%u of %d): the machine was busy", c->try, MMB_TRIES);
	fflush(stderr);
}

/* --- head --------------------------------------------------------------------------------- */

static const char *env_text(const json_t *env, const char *key)
{
	const char *text = json_string_value(json_object_get(env, key));

	return text ? text : "unknown";
}

static bool is_emulated(const json_t *env)
{
	return !strcmp(env_text(env, "accelerator"), "tcg");
}

void mmb_print_intro(const struct mmb_session *s, const json_t *env)
{
	if (s->foreign)
		fprintf(s->out, "mmapdemo benchmark: device %s (%s), %s\n", env_text(env, "device"),
			env_text(env, "device_id"), env_text(env, "bar"));
	else
		fprintf(s->out, "mmapdemo benchmark: device %s (%s), %s of device memory\n",
			s->info.bus_id, mmd_path(s->dev), MMB_SIZE_NAME(s->info.mem_size));
	fprintf(s->out, "Linux %s; QEMU %s, accelerator %s; CPU %s; clock %s\n", env_text(env, "kernel"),
		env_text(env, "qemu_version"), env_text(env, "accelerator"),
		env_text(env, "cpu_model"), env_text(env, "clocksource"));
	if (is_emulated(env))
		fputs("Emulated CPU: compare ratios, not times. No figure here speaks of hardware.\n",
		      s->out);
	if (mmb_icount_here())
		fprintf(s->out,
			"The clock of this guest counts instructions: figures are exact, and no times.\n"
			"Every line: %u batches, taken twice; nothing is trimmed.\n",
			MMB_ICOUNT_BATCHES);
	else
		fprintf(s->out,
			"Every line: the ways shown are taken in turn, %u %s, pinned to CPU %d; "
			"nothing is trimmed.\n", s->opt->duration_s ? s->opt->duration_s : s->opt->pairs,
			s->opt->duration_s ? "s long" : "rounds", s->cpu);
}

static void print_list_head(FILE *out, const char *unit)
{
	fprintf(out, "  %-42s %5s %8s %8s %8s %8s %9s %4s\n", unit, "n", "min", "p50", "p90", "p99",
		"max", "out");
}

static void print_reason(FILE *out, const struct mmb_row *row)
{
	fprintf(out, "  %-42s %s: %s\n", row->what, mmb_verdict_name(row->verdict),
		row->reason ? row->reason : "");
}

static void print_list_row(FILE *out, const struct mmb_row *row, double per)
{
	const struct mmb_summary *sum = &row->sum;

	if (!sum->n) {
		print_reason(out, row);
		return;
	}
	fprintf(out, "  %-42s %5zu %8s %8s %8s %8s %9s %4zu", row->what, sum->n, MMB_NUM(sum->min / per),
		MMB_NUM(sum->p50 / per), MMB_NUM(sum->p90 / per), MMB_NUM(sum->p99 / per),
		MMB_NUM(sum->max / per), sum->outliers);
	if (row->verdict == MMB_PASS || row->verdict == MMB_FAIL)
		fprintf(out, "  %s (target %s)", mmb_verdict_name(row->verdict), row->target->text);
	if (row->verdict == MMB_NOISY)
		fputs("  noisy", out);
	fputc('\n', out);
}

static void print_group_head(const struct mmb_case *c)
{
	const struct mmb_group *group = c->ops->group;
	FILE *out = c->s->out;
	char unit[64];

	if (c->s->group == group)
		return;
	c->s->group = group;
	fprintf(out, "\n%s\n  %s\n", group->title, group->meaning);
	if (group->print_head) {
		group->print_head(out);
		return;
	}
	snprintf(unit, sizeof(unit), "[%s]", group->shown_unit ? group->shown_unit : group->unit);
	print_list_head(out, unit);
}

void mmb_print_case(const struct mmb_case *c)
{
	FILE *out = c->s->out;

	mmb_progress_clear(c->s);
	print_group_head(c);
	if (c->skip[0]) {
		fprintf(out, "  %-42s skipped: %s\n", c->what, c->skip);
		return;
	}
	if (c->noisy && c->try == MMB_TRIES && !c->ops->group->print_case) {
		fprintf(out, "  %-42s inconclusive: %s\n", c->what, c->noise);
		return;
	}
	if (c->ops->group->print_case) {
		c->ops->group->print_case(out, c);
		return;
	}
	for (size_t i = 0; i < c->n_arms; i++) {
		const struct mmb_row *row = c->arm[i].row;

		if (row && row->kind == MMB_ROW_METRIC && (!row->detail || c->s->opt->all_rows))
			print_list_row(out, row, c->ops->group->shown_unit ?
				       c->ops->group->shown_per : 1);
	}
}

void mmb_print_cell(FILE *out, const struct mmb_arm *arm, double per)
{
	const struct mmb_row *row = arm->row;
	struct mmb_summary sum;
	double value = NAN;

	/* A control's row gathers all cases; here, its rounds of this one. */
	if (arm->flags & MMB_ARM_CONTROL) {
		if (!arm->skip && !mmb_summarize(arm->seen.v, arm->seen.n, &sum))
			value = sum.p50;
	} else if (row && row->sum.n) {
		value = row->sum.p50;
	}
	if (row && row->verdict == MMB_INCONCLUSIVE)
		fprintf(out, " %9s", "?");
	else
		fprintf(out, " %9s", MMB_NUM(value / per));
}

/* --- tail --------------------------------------------------------------------------------- */

static void print_controls(const struct mmb_session *s)
{
	bool any = false;

	for (size_t i = 0; i < s->results->n; i++)
		any |= s->results->row[i]->kind == MMB_ROW_CONTROL;
	if (!any)
		return;
	fputs("\nControls\n  Measured beside every case; where one scatters (p90/p10 above 1.3), the "
	      "case was repeated.\n", s->out);
	print_list_head(s->out, "[ns]");
	for (size_t i = 0; i < s->results->n; i++) {
		const struct mmb_row *row = s->results->row[i];

		/* The host's memcpy has a control for each size: these stand in the sweep. */
		if (row->kind == MMB_ROW_CONTROL && (!row->bytes || s->opt->all_rows))
			print_list_row(s->out, row, 1);
	}
}

/* A digit more than elsewhere: a ratio is held against its target by the third. */
static char *ratio_text(double value, char *text, size_t size)
{
	if (fabs(value) >= 0.1 && fabs(value) < 10)
		snprintf(text, size, "%.3f", value);
	else
		mmb_num(value, text, size);
	return text;
}

#define RATIO(value)	ratio_text(value, (char[24]){ 0 }, 24)

static void print_ratio(FILE *out, const struct mmb_row *row, int width)
{
	const struct mmb_summary *sum = &row->sum;
	char interval[48] = "-";

	fprintf(out, "  %-*s %-50s", width, row->id, row->what);
	if (row->verdict == MMB_SKIPPED) {
		fprintf(out, " skipped: %s\n", row->reason);
		return;
	}
	if (sum->n && !isnan(sum->ci_lo))
		snprintf(interval, sizeof(interval), "%s - %s", RATIO(sum->ci_lo),
			 RATIO(sum->ci_hi));
	fprintf(out, " %8s %19s %8s %-12s %s\n", RATIO(sum->n ? sum->median : NAN), interval,
		RATIO(sum->n ? sum->of_minima : NAN), row->target ? row->target->text : "",
		mmb_verdict_name(row->verdict));
}

static bool is_shown_ratio(const struct mmb_session *s, const struct mmb_row *row)
{
	return row->kind == MMB_ROW_RATIO && (!row->detail || s->opt->all_rows);
}

static int ratio_id_width(const struct mmb_session *s)
{
	size_t width = strlen("id");

	for (size_t i = 0; i < s->results->n; i++)
		if (is_shown_ratio(s, s->results->row[i]) && strlen(s->results->row[i]->id) > width)
			width = strlen(s->results->row[i]->id);
	return (int)width;
}

static void print_ratios(const struct mmb_session *s)
{
	int width = ratio_id_width(s);
	bool any = false;

	for (size_t i = 0; i < s->results->n; i++) {
		const struct mmb_row *row = s->results->row[i];

		if (!is_shown_ratio(s, row))
			continue;
		if (!any) {
			fputs("\nRatios\n  Median over the rounds of a / b, its 95 % interval, and "
			      "the ratio of the two minima.\n", s->out);
			fprintf(s->out, "  %-*s %-50s %8s %19s %8s %-12s %s\n", width, "id",
				"a / b", "median", "95 % interval", "minima", "target",
				"verdict");
		}
		any = true;
		print_ratio(s->out, row, width);
	}
}

#define CLOCK_ERROR_MAX	0.005

static void print_doubts(const struct mmb_session *s, const json_t *env,
			 const unsigned int *count)
{
	if (is_emulated(env))
		fputs("Emulated CPU: compare ratios, not times.\n", s->out);
	if (strcmp(env_text(env, "clocksource"), "tsc") && is_emulated(env))
		fprintf(s->out, "The clock is %s, which is slow to read: boot with \"tsc=reliable "
			"no_timer_check\" before trusting short times.\n",
			env_text(env, "clocksource"));
	if (fabs(s->clock_rate - 1) > CLOCK_ERROR_MAX)
		fprintf(s->out, "The guest's clock runs at %.3f times the rate of the device's: what is "
			"compared with the host's time (D1, S2) is off by as much.\n", s->clock_rate);
	if (count[MMB_NOISY])
		fprintf(s->out, "%u rows are noisy: the machine was busy and there was no time to "
			"repeat them. Run again on a quiet machine.\n", count[MMB_NOISY]);
	if (count[MMB_INCONCLUSIVE])
		fprintf(s->out, "%u rows are inconclusive: the machine was busy in all %d tries. "
			"Run again on a quiet machine.\n", count[MMB_INCONCLUSIVE], MMB_TRIES);
	if (s->opt->quick)
		fputs("This was a quick run: few sizes. Leave out --quick for the whole picture.\n",
		      s->out);
}

void mmb_print_outro(const struct mmb_session *s, const json_t *env)
{
	unsigned int count[MMB_SKIPPED + 1] = { 0 };
	double seconds = (double)(mmb_now_ns() - s->start_ns) / 1e9;

	for (size_t i = 0; i < s->results->n; i++)
		if (s->results->row[i]->kind != MMB_ROW_CONTROL)
			count[s->results->row[i]->verdict]++;
	mmb_progress_clear(s);
	print_controls(s);
	print_ratios(s);
	fprintf(s->out, "\n%u cases in %.0f s: %u pass, %u fail, %u noisy, %u inconclusive, "
		"%u skipped, %u info\n", s->case_count, seconds, count[MMB_PASS], count[MMB_FAIL],
		count[MMB_NOISY], count[MMB_INCONCLUSIVE], count[MMB_SKIPPED], count[MMB_INFO]);
	fprintf(s->out, "data checked outside of the timed parts: errors=%lu\n", s->errors);
	print_doubts(s, env, count);
}

void mmb_print_plan(FILE *out, const struct mmb_plan *plan)
{
	const struct mmb_group *group = NULL;

	for (size_t i = 0; i < plan->n; i++) {
		const struct mmb_case *c = plan->c[i];

		if (c->ops->group != group)
			fprintf(out, "%s%s\n", group ? "\n" : "", c->ops->group->title);
		group = c->ops->group;
		fprintf(out, "  %-26s %-44s %s\n", c->id, c->what, c->rows);
	}
}
