// SPDX-License-Identifier: MIT
/*
 * queue_garbage.c - anything at all, written anywhere in a queue's memory and its doorbell by two
 * threads, for seconds. The seed is in the header of the run, and repeats it (MMAPDEMO_TEST_SEED).
 */
#include <pthread.h>
#include <string.h>

#include "hostile.h"

static volatile bool over;

/* A descriptor that is wrong here and there, and now and then right. */
static sqe_t garbage_sqe(struct hostile *h, u64 *state)
{
	u32 wins[] = { h->m.window, h->d.window, rnd(state) % 1024, rnd(state) };
	u64 offs[] = { 0, rnd(state) % HOSTILE_LEN, rnd(state), -(rnd(state) % 64) };
	sqe_t d = {
		.op = rnd(state) % 8 ? rnd(state) % (MMAPDEMO_OP_MAX + 1) : rnd(state),
		.len = rnd(state) % 4 ? 1 + rnd(state) % (2 * PAGE) : rnd(state),
		.src_win = wins[rnd(state) % 4],
		.dst_win = wins[rnd(state) % 4],
		.src_off = offs[rnd(state) % 4],
		.dst_off = offs[rnd(state) % 4],
		.user = rnd(state),
	};

	if (d.op == MMAPDEMO_OP_FILL || d.op == MMAPDEMO_OP_TIMED || rnd(state) % 16 == 0)
		d.arg = rnd(state) % 3 ? rnd(state) % 4 : rnd(state);
	if (d.op == MMAPDEMO_OP_FILL && rnd(state) % 4)
		d.src_win = d.src_off = 0;
	if (d.op == MMAPDEMO_OP_CRC32C && rnd(state) % 4)
		d.dst_win = d.dst_off = 0;
	if (rnd(state) % 6 == 0)
		d.nsrc = rnd(state) % 3 ? rnd(state) % 300 : rnd(state);
	if (rnd(state) % 6 == 0)
		d.ndst = rnd(state) % 3 ? rnd(state) % 300 : rnd(state);
	if (rnd(state) % 24 == 0)
		d.reserved2 = rnd(state);
	return d;
}

/* Anything, anywhere in the ring: both rings, both events, what the device thinks is its own. */
static void garbage_write(struct hostile *h, u64 *state)
{
	u32 words = h->q.c.out_ring_len / 4, *w = (u32 *)h->q.ring;

	switch (rnd(state) % 5) {
	case 0:
		w[rnd(state) % words] = rnd(state);
		break;
	case 1:
		w[rnd(state) % 64] = rnd(state);
		break;
	case 2:
		*ring_word(&h->q, MMAPDEMO_RING_SQ_TAIL) += rnd(state) % (h->q.n + 2);
		break;
	case 3:
		*ring_word(&h->q, MMAPDEMO_RING_CQ_EVENT) = rnd(state) % 2 ? rnd(state) % 64 :
			rnd(state);
		break;
	default:
		((u64 *)h->q.ring)[rnd(state) % (words / 2)] = rnd(state);
	}
}

struct garbage_thread {
	struct hostile *h;
	u64 state;
};

static void *garbage_thread_run(void *arg)
{
	struct garbage_thread *g = arg;
	struct hostile *h = g->h;

	while (!over) {
		sqe_t d = garbage_sqe(h, &g->state);

		memcpy(ring_sqe(&h->q, rnd(&g->state)), &d, sizeof(d));
		if (rnd(&g->state) % 4 == 0)
			*(volatile u32 *)(h->q.doorbell + rnd(&g->state) % 1024 * 4) = rnd(&g->state);
	}
	return NULL;
}

static const struct over {
	const char *name;
	u32 technique;
} overs[] = {
	{ "coherent", MMAPDEMO_TECH_COHERENT },
	{ "pages", MMAPDEMO_TECH_PAGES },
	{ "vmalloc", MMAPDEMO_TECH_VMALLOC },
	{ "noncontig", MMAPDEMO_TECH_NONCONTIG },
	{ "userptr", MMAPDEMO_TECH_USERPTR },
};

static u64 well_done(int fd)
{
	return counter(fd, MMAPDEMO_REG_CNT_Q_DONE) - counter(fd, MMAPDEMO_REG_CNT_Q_FAILED);
}

/* Windows over memory of each technique: one address, and lists of pages. */
static void random_garbage_harms_nobody(const void *arg)
{
	const struct over *v = arg;
	struct hostile h = hostile_get_over(5, v->technique);
	struct neighbour n = neighbour_get();
	u64 state = test_seed() ^ (0x9a4b + v->technique), steps = 0, made = 1, descs, done;
	u64 end = now_ns() + 1000000000, limit = now_ns() + 10000000000ULL;

	diag("seed %#llx", (unsigned long long)test_seed());
	descs = counter(h.fd, MMAPDEMO_REG_CNT_Q_DESCS);
	done = well_done(h.fd);
	/* For a second; longer on a host that is so busy that little was tried. */
	while (now_ns() < end || (now_ns() < limit && well_done(h.fd) - done <= 100)) {
		struct garbage_thread g = { &h, rnd(&state) };
		pthread_t t;

		over = false;
		CHECK(!pthread_create(&t, NULL, garbage_thread_run, &g));
		for (int i = 0; i < 400; i++, steps++) {
			sqe_t d = garbage_sqe(&h, &state);

			memcpy(ring_sqe(&h.q, *ring_word(&h.q, MMAPDEMO_RING_SQ_HEAD)), &d,
			       sizeof(d));
			garbage_write(&h, &state);
			if (i % 3 == 0)
				*ring_word(&h.q, MMAPDEMO_RING_SQ_TAIL) = queue_info(&h.q).out_head +
					rnd(&state) % h.q.n;
			*(volatile u64 *)(h.q.doorbell + rnd(&state) % 512 * 8) = rnd(&state);
		}
		over = true;
		pthread_join(t, NULL);
		hostile_guards_stand(&h);
		neighbour_check(&n);
		if (queue_info(&h.q).out_state != MMAPDEMO_QSTATE_RUNNING) {
			CHECK_EQ(queue_info(&h.q).out_error, MMAPDEMO_QERR_TAIL);
			hostile_reopen(&h);
			made++;
		}
	}
	descs = counter(h.fd, MMAPDEMO_REG_CNT_Q_DESCS) - descs;
	done = well_done(h.fd) - done;
	diag("%llu steps, %llu descriptors, %llu of them done, %llu queues",
	     (unsigned long long)steps, (unsigned long long)descs, (unsigned long long)done,
	     (unsigned long long)made);
	/* It was worth its name: descriptors were read, some done and some refused. */
	CHECK(descs > 200 && done > 100 && done < descs);
	hostile_reopen(&h);
	CHECK_EQ(queue_do(&h.q, &(sqe_t){ .op = MMAPDEMO_OP_NOP, .user = 1 }).status, 0);
}

void register_queue_garbage(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(overs); i++)
		test_add(random_garbage_harms_nobody, &overs[i], 30000,
			 "queue_hostile_garbage_%s_harms_nobody", overs[i].name);
}
