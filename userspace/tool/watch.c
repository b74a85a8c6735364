// SPDX-License-Identifier: MIT
/*
 * watch.c - rates from counters.
 */
#include "watch.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PROCESSES_MAX	256	/* further ones are counted as mappings only */

const char *watch_register(enum watch_counter counter)
{
	static const char *const names[WATCH_COUNTERS] = {
		[WATCH_DMA_OPS] = "CNT_DMA_OPS",
		[WATCH_DMA_ERRORS] = "CNT_DMA_ERRORS",
		[WATCH_DMA_TO_DEV] = "CNT_DMA_TO_DEV",
		[WATCH_DMA_FROM_DEV] = "CNT_DMA_FROM_DEV",
		[WATCH_Q_DONE] = "CNT_Q_DONE",
		[WATCH_Q_FAILED] = "CNT_Q_FAILED",
		[WATCH_Q_BYTES] = "CNT_Q_BYTES",
		[WATCH_IRQ_RAISED] = "CNT_IRQ_RAISED",
		[WATCH_Q_IRQ_SENT] = "CNT_Q_IRQ_SENT",
		[WATCH_USER_BAD] = "CNT_USER_BAD",
		[WATCH_RD_ALL] = "CNT_RD_ALL",
		[WATCH_WR_ALL] = "CNT_WR_ALL",
		[WATCH_LOCK_HOLDS] = "CNT_LOCK_HOLDS",
		[WATCH_LOCK_NS] = "CNT_LOCK_NS",
	};

	return names[counter];
}

static double difference(uint64_t before, uint64_t now)
{
	return (double)(now >= before ? now - before : now);
}

void watch_rates(const struct watch_sample *before, const struct watch_sample *now,
		 struct watch_rates *rates)
{
	double d[WATCH_COUNTERS], seconds = (double)(now->ns - before->ns) / 1e9, reads;

	for (int i = 0; i < WATCH_COUNTERS; i++)
		d[i] = difference(before->count[i], now->count[i]);
	rates->transfers = d[WATCH_DMA_OPS] / seconds;
	rates->completions = d[WATCH_Q_DONE] / seconds;
	rates->errors = (d[WATCH_DMA_ERRORS] + d[WATCH_Q_FAILED] + d[WATCH_USER_BAD]) / seconds;
	rates->bytes = (d[WATCH_DMA_TO_DEV] + d[WATCH_DMA_FROM_DEV] + d[WATCH_Q_BYTES]) / seconds;
	rates->interrupts = d[WATCH_IRQ_RAISED] / seconds;
	reads = d[WATCH_RD_ALL] - (double)(now->own_reads - before->own_reads);
	rates->registers = ((reads > 0 ? reads : 0) + d[WATCH_WR_ALL]) / seconds;
	/* A process that has left takes its faults along: there is no rate across that. */
	rates->faults = NAN;
	if (before->map.known && now->map.known && now->map.faults >= before->map.faults)
		rates->faults = (double)(now->map.faults - before->map.faults) / seconds;
	rates->lock_ns = d[WATCH_LOCK_HOLDS] > 0 ? d[WATCH_LOCK_NS] / d[WATCH_LOCK_HOLDS] : NAN;
}

int watch_parse_mappings(const char *text, int own_pid, uint64_t (*faults_of)(int pid),
			 struct watch_mappings *map)
{
	int pids[PROCESSES_MAX];
	const char *line = strchr(text, '\n');

	memset(map, 0, sizeof(*map));
	if (strncmp(text, "pid ", 4) || !line)
		return -EINVAL;
	for (line++; *line; line = strchr(line, '\n') + 1) {
		uint64_t len;
		unsigned int i;
		int pid;

		if (!strchr(line, '\n') ||
		    sscanf(line, "%d %*u %*x %" SCNx64, &pid, &len) != 2)
			return -EINVAL;
		if (pid == own_pid)
			continue;
		map->mappings++;
		map->bytes += len;
		for (i = 0; i < map->processes && pids[i] != pid; i++)
			;
		if (i < map->processes || i == PROCESSES_MAX)
			continue;
		pids[map->processes++] = pid;
		map->faults += faults_of(pid);
	}
	map->known = true;
	return 0;
}

const char *watch_rate_text(double value, char *text, size_t size)
{
	static const char units[] = " kMGT";
	unsigned int unit = 0;

	if (isnan(value)) {
		snprintf(text, size, "-");
		return text;
	}
	/* 999.6 would be printed as 1000. */
	while (value >= 999.5 && units[unit + 1]) {
		value /= 1000;
		unit++;
	}
	if (!unit)
		snprintf(text, size, "%.0f", value);
	else
		snprintf(text, size, "%.*f%c", value < 9.995 ? 2 : value < 99.95 ? 1 : 0, value,
			 units[unit]);
	return text;
}
