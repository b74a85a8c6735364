// SPDX-License-Identifier: MIT
/*
 * trace_one.c - the life of one transfer, to be read beside the traces of driver and device.
 */
#include "trace_one.h"

#include <string.h>

#include "print.h"
#include "transfer.h"

#define LEN	4096u

static const struct mmb_group group = { .title = "trace-one", .meaning = "", .unit = "ns" };
static const struct mmb_case_ops ops = { .group = &group };

static enum mmb_rc one(struct mmb_case *c, uint32_t direction)
{
	struct mmb_arm *arm = mmb_arm_add(c, "trace-one", "one 4 KiB transfer", mmb_transfer_run);
	struct mmb_transfer *t;
	struct mmb_times times;
	enum mmb_rc rc = mmb_transfer_new(arm, MMAPDEMO_TECH_PAGES, direction, MMD_DMA_WAIT, LEN);

	if (rc)
		return rc;
	if (arm->skip)
		return mmb_wrong(c, "no buffer for a transfer of 4 KiB: %s", arm->skip);
	t = arm->data;
	mmb_proof_prepare(&t->proof);
	rc = mmb_transfer(t, &times);
	if (!rc)
		rc = mmb_proof_check(c, arm->what, &t->proof);
	if (!rc)
		fprintf(c->s->out, "seq=%llu %s len=%u submitted at %llu.%09llu s "
			"(CLOCK_MONOTONIC), collected %llu ns later, data right\n",
			(unsigned long long)times.seq, mmb_direction_name(direction), LEN,
			(unsigned long long)times.start / 1000000000ULL,
			(unsigned long long)times.start % 1000000000ULL,
			(unsigned long long)(times.end - times.start));
	return rc;
}

int mmb_trace_one(struct mmb_session *s)
{
	static struct mmb_case c = { .ops = &ops, .id = "trace-one" };
	enum mmb_rc rc;

	c.s = s;
	rc = one(&c, MMAPDEMO_DMA_TO_DEVICE);
	if (!rc)
		rc = one(&c, MMAPDEMO_DMA_FROM_DEVICE);
	mmb_transfers_free(&c);
	if (rc == MMB_GONE) {
		fprintf(stderr, "mmapdemo bench: %s: the device has left\n", s->opt->device);
		return 3;
	}
	if (rc == MMB_INTR)
		return 130;
	if (rc)
		return 1;
	fputs("Look for these sequence numbers in the driver's tracepoints "
	      "(/sys/kernel/tracing/events/mmapdemo; trace_clock mono makes the times comparable) "
	      "and in QEMU's trace (-trace 'mmapdemo_*').\n", s->out);
	return fflush(s->out) ? 1 : 0;
}
