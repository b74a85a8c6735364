// SPDX-License-Identifier: MIT
/*
 * time.c - deadlines on CLOCK_MONOTONIC.
 */
#include <limits.h>
#include <time.h>

#include "internal.h"

uint64_t mmd_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * MMD_NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t mmd_deadline_ns(uint64_t timeout_ns)
{
	uint64_t now = mmd_now_ns();

	if (timeout_ns > UINT64_MAX - now)
		return UINT64_MAX;
	return now + timeout_ns;
}

int mmd_poll_timeout_ms(uint64_t deadline)
{
	uint64_t now = mmd_now_ns(), ms;

	if (deadline <= now)
		return 0;
	ms = (deadline - now) / MMD_NSEC_PER_MSEC;
	return ms < INT_MAX ? (int)ms + 1 : INT_MAX;
}
