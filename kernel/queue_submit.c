// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queues that the driver keeps to itself: QUEUE_SUBMIT.
 *
 * To the device they are queues like any other. Their rings and doorbell are never mapped, so that
 * what is read from a completion ring here was written by the device.
 *
 * Not for: what needs no waiting, see queue_quick.c; commands of io_uring, see uring.c; the rings, see
 * ring.h; how a queue begins and ends, see queue.c.
 */
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "mmapdemo_priv.h"
#include "ring.h"
#include "user.h"

/* An interrupt can be lost: who sleeps looks by himself after so long. */
#define DOUBT_NS	NSEC_PER_SEC

/* --- QUEUE_SUBMIT: to and from user memory, in turn, outside the gate ------------------- */

#define SQE_WORDS	(sizeof(struct mmapdemo_hw_sqe) / sizeof(u64))
#define CQE_WORDS	(sizeof(struct mmapdemo_hw_cqe) / sizeof(u64))

/* How many of the next @n descriptors can be read, to q->batch. */
static u32 sqes_get(struct mmapdemo_queue *q, const struct mmapdemo_queue_submit *arg, u32 n)
{
	u64 from = arg->sqes + (u64)arg->out_submitted * sizeof(struct mmapdemo_hw_sqe);
	u32 i;

	for (i = 0; i < n; i++) {
		if (mmapdemo_words_get((u64 *)&q->batch->sqes[i],
				       u64_to_user_ptr(from + i * sizeof(struct mmapdemo_hw_sqe)),
				       SQE_WORDS) < SQE_WORDS)
			break;
	}
	return i;
}

/* How many of @n completions could be stored, from q->batch. */
static u32 cqes_put(struct mmapdemo_queue *q, const struct mmapdemo_queue_submit *arg, u32 n)
{
	u64 to = arg->cqes + (u64)arg->out_cqes * sizeof(struct mmapdemo_hw_cqe);
	u32 i;

	for (i = 0; i < n; i++) {
		if (mmapdemo_words_put(u64_to_user_ptr(to + i * sizeof(struct mmapdemo_hw_cqe)),
				       (u64 *)&q->batch->cqes[i], CQE_WORDS) < CQE_WORDS)
			break;
	}
	return i;
}

/* --- QUEUE_SUBMIT: to and from the rings --------------------------------------------------------- */

/* One visit to the queue: first descriptors, then completions. */
struct visit {
	u32 num_sqes;			/* in q->batch */
	bool last;			/* the doorbell now */
	u32 max_cqes;			/* 0: not interested */
	u32 submitted;			/* of num_sqes */
	u32 num_cqes;			/* found, and copied to q->batch; they stay in the ring */
	int put_error;			/* why nothing was submitted; -EAGAIN: or not all */
	int look_error;			/* nothing was found, and nothing will be */
};

/*
 * May a call use the queue? Descriptors of others are in it, and completions are theirs: also when it
 * is over, and they have all been told.
 */
static int ring_check(struct mmapdemo_queue *q)
{
	lockdep_assert_held(&mmapdemo_queue_slot(q)->lock);

	return q->by_uring ? q->over ?: -EBUSY : 0;
}

/* Nothing more is completed: why? */
static int ring_error(struct mmapdemo_queue *q)
{
	return q->over ?: mmapdemo_ring_stopped(q) ? -EIO : 0;
}

/* True: the device wants to be told. */
static bool visit_put(struct mmapdemo_queue *q, struct visit *v)
{
	if (v->num_sqes) {
		v->put_error = ring_check(q) ?: ring_error(q);
		if (!v->put_error) {
			v->submitted = min(v->num_sqes, mmapdemo_ring_room(q));
			mmapdemo_ring_put(q, q->batch->sqes, v->submitted);
			if (v->submitted < v->num_sqes)
				v->put_error = -EAGAIN;
		}
	}
	/* What was put before a failure is to be told of all the same. */
	return (v->last || v->put_error) && q->told != q->tail && mmapdemo_ring_tell(q);
}

static void visit_look(struct mmapdemo_queue *q, struct visit *v)
{
	u32 n = min(v->max_cqes, q->tail - q->head);

	v->look_error = ring_check(q);
	if (v->look_error)
		return;
	while (v->num_cqes < n &&
	       mmapdemo_ring_look(q, q->head + v->num_cqes, &q->batch->cqes[v->num_cqes]))
		v->num_cqes++;
	if (!v->num_cqes)
		v->look_error = ring_error(q);
}

static int ring_visit(struct mmapdemo_queue *q, struct visit *v)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	int idx, ret;

	ret = mmapdemo_dev_enter(slot->mdev, &idx);
	if (ret)
		return ret;
	spin_lock_irq(&slot->lock);
	if (visit_put(q, v)) {
		spin_unlock_irq(&slot->lock);
		mmapdemo_ring_doorbell(q);
		spin_lock_irq(&slot->lock);
	}
	if (v->max_cqes)
		visit_look(q, v);
	spin_unlock_irq(&slot->lock);
	mmapdemo_dev_exit(slot->mdev, idx);
	return 0;
}

/* --- QUEUE_SUBMIT: turns ------------------------------------------------------------------------- */

/* A call that waits for its turn, on its stack. */
struct turn_waiter {
	struct wait_queue_entry entry;	/* in q->turn_wait */
	struct mmapdemo_queue *q;
	bool granted;			/* slot->lock */
};

/*
 * Whoever ends a turn gives it to the first who waits: a thread that comes back at once, as quick ones do,
 * would have it again before another has woken up. Returns 1 if that was so, and nobody else is woken.
 */
static int turn_grant(struct wait_queue_entry *entry, unsigned int mode, int flags, void *key)
{
	struct turn_waiter *w = container_of(entry, struct turn_waiter, entry);

	if (w->q->turn == MMAPDEMO_TURN_FREE) {
		w->q->turn = MMAPDEMO_TURN_CALL;
		w->granted = true;
		list_del_init(&entry->entry);
	}
	default_wake_function(entry, mode, flags, key);
	return w->granted;
}

/* Who has the turn can be in user memory for as long as he likes: others need not wait for the end of that. */
static int turn_refused(const struct mmapdemo_queue *q)
{
	if (mmapdemo_dev_gone(q->mf->mdev))
		return -ENODEV;
	if (q->over == -ENOENT)
		return -ENOENT;
	return signal_pending(current) ? -EINTR : 0;
}

/* Comes and goes with slot->lock. */
static int turn_wait(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	struct turn_waiter w = { .q = q };
	int ret = 0;

	init_waitqueue_func_entry(&w.entry, turn_grant);
	w.entry.private = current;
	/* At the end; queue_close() waits at the beginning, and is woken as well. */
	add_wait_queue_exclusive(&q->turn_wait, &w.entry);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE);
		if (w.granted)
			break;
		ret = turn_refused(q);
		if (ret)
			break;
		spin_unlock_irq(&slot->lock);
		schedule();
		spin_lock_irq(&slot->lock);
	}
	__set_current_state(TASK_RUNNING);
	remove_wait_queue(&q->turn_wait, &w.entry);
	return ret;
}

/* Free: so nobody waits. */
static int turn_begin(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	int ret = 0;

	spin_lock_irq(&slot->lock);
	if (q->turn == MMAPDEMO_TURN_FREE)
		q->turn = MMAPDEMO_TURN_CALL;
	else
		ret = turn_wait(q);
	spin_unlock_irq(&slot->lock);
	return ret;
}

static void turn_end(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);

	spin_lock_irq(&slot->lock);
	mmapdemo_turn_end(q);
	spin_unlock_irq(&slot->lock);
}

/* --- QUEUE_SUBMIT: the call, in turn ------------------------------------------------------ */

static u32 room_of(const struct mmapdemo_queue_submit *arg)
{
	return min_t(u32, arg->max_cqes - arg->out_cqes, MMAPDEMO_BATCH);
}

/* It may return, without having looked any further. */
static bool call_is_content(const struct mmapdemo_queue_submit *arg)
{
	return arg->out_cqes >= arg->min_cqes && (arg->out_cqes || arg->out_submitted);
}

/*
 * What a visit has found goes to the caller. 0: it was as many as the visit looked for; -EAGAIN:
 * fewer. A completion that cannot be stored stays where it is.
 */
static int call_deliver(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg,
			const struct visit *v)
{
	u32 stored;

	if (!v->num_cqes)
		return v->look_error ?: -EAGAIN;
	stored = cqes_put(q, arg, v->num_cqes);
	mmapdemo_ring_collected(q, stored);
	arg->out_cqes += stored;
	if (stored < v->num_cqes)
		return -EFAULT;
	return v->num_cqes < v->max_cqes ? -EAGAIN : 0;
}

/* 0: all that were asked for; -EAGAIN: they are fewer. */
static int call_collect(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg)
{
	int ret = 0;

	while (!ret && arg->out_cqes < arg->max_cqes) {
		struct visit v = { .max_cqes = room_of(arg) };

		ret = ring_visit(q, &v) ?: call_deliver(q, arg, &v);
	}
	return ret;
}

/*
 * Submit, and take with the last visit what is there already. Sets *put: 0, all were submitted;
 * -EAGAIN, no room for more. What could be read before a bad address has been submitted. Returns
 * what call_collect() would.
 */
static int call_put(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg, int *put)
{
	struct visit v;
	u32 n;
	int ret;

	do {
		n = min_t(u32, arg->num - arg->out_submitted, MMAPDEMO_BATCH);
		v = (struct visit) { .num_sqes = sqes_get(q, arg, n) };
		v.last = v.num_sqes < n || arg->out_submitted + n == arg->num;
		if (v.last)
			v.max_cqes = room_of(arg);
		/* A call that has done nothing so far is refused as a whole. */
		if (!v.num_sqes && !arg->out_submitted)
			v.max_cqes = 0;
		ret = ring_visit(q, &v);
		if (ret) {
			*put = ret;
			return ret;
		}
		arg->out_submitted += v.submitted;
		*put = v.put_error ?: v.num_sqes < n ? -EFAULT : 0;
	} while (!*put && !v.last);
	return v.max_cqes ? call_deliver(q, arg, &v) : 0;
}

/* --- QUEUE_SUBMIT: sleeping --------------------------------------------------------------------- */

/*
 * Ask for an interrupt. Who sleeps alone has it at the completion that is enough, as far as it has
 * been submitted; several have it at the next one, and all look.
 */
static bool sleeper_arm(struct mmapdemo_queue *q, u32 want)
{
	u32 ahead = min(want, q->tail - q->head);

	return mmapdemo_ring_arm(q, q->head + (q->num_sleepers == 1 && ahead ? ahead - 1 : 0));
}

/* Returns 1 if it is time to sleep, 0 to look again, or why it is pointless to wait. */
static int sleep_begin(struct mmapdemo_queue *q, u32 want)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);
	int idx, ret;

	ret = mmapdemo_dev_enter(q->mf->mdev, &idx);
	if (ret)
		return ret;
	spin_lock_irq(&slot->lock);
	ret = ring_check(q);
	if (!ret && !q->over && !mmapdemo_ring_stopped(q)) {
		q->num_sleepers++;
		ret = 1;
		if (sleeper_arm(q, want)) {
			q->num_sleepers--;
			ret = 0;
		}
	}
	spin_unlock_irq(&slot->lock);
	mmapdemo_dev_exit(q->mf->mdev, idx);
	return ret;
}

static void sleep_end(struct mmapdemo_queue *q)
{
	struct mmapdemo_slot *slot = mmapdemo_queue_slot(q);

	spin_lock_irq(&slot->lock);
	q->num_sleepers--;
	spin_unlock_irq(&slot->lock);
}

/*
 * Until there may be something new. 0; -ETIME: nothing came for a while, see whether the queue is
 * still well; or why it is pointless to wait.
 */
static int call_sleep(struct mmapdemo_queue *q, u32 want, ktime_t deadline)
{
	ktime_t until = min(deadline, ktime_add_ns(ktime_get(), DOUBT_NS));
	DEFINE_WAIT(wait);
	int ret;

	prepare_to_wait(&q->wait, &wait, TASK_INTERRUPTIBLE);
	ret = sleep_begin(q, want);
	if (ret > 0) {
		ret = 0;
		if (signal_pending(current))
			ret = -EINTR;
		else if (!schedule_hrtimeout_range(&until, 0, HRTIMER_MODE_ABS))
			ret = -ETIME;
		sleep_end(q);
	}
	finish_wait(&q->wait, &wait);
	return ret;
}

/* It says nothing in memory, and sends nothing: does it still work? */
static int queue_ask(struct mmapdemo_queue *q)
{
	int idx, ret;

	ret = mmapdemo_dev_enter(q->mf->mdev, &idx);
	if (ret)
		return ret;
	ret = mmapdemo_queue_is_stopped(q) ? -EIO : 0;
	mmapdemo_dev_exit(q->mf->mdev, idx);
	return ret;
}

/*
 * As call_collect(), and sure that there is more to come: a queue that lost the bus can tell nobody
 * that it has stopped.
 */
static int call_collect_sure(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg)
{
	int ret = call_collect(q, arg);
	int stopped;

	if (ret != -EAGAIN || call_is_content(arg))
		return ret;
	stopped = queue_ask(q);
	if (!stopped)
		return -EAGAIN;
	/* It may have completed some more before it stopped. */
	ret = call_collect(q, arg);
	return ret == -EAGAIN ? stopped : ret;
}

/* Comes with a turn, leaves without. What call_collect() says in the end, or -ETIMEDOUT. */
static int call_collect_all(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg)
{
	ktime_t deadline = ns_to_ktime(min_t(u64, arg->deadline_ns, KTIME_MAX));
	bool wait = arg->deadline_ns && arg->min_cqes;
	bool sure = !wait;
	int ret;

	for (;;) {
		ret = sure ? call_collect_sure(q, arg) : call_collect(q, arg);
		turn_end(q);
		if (ret != -EAGAIN || !wait || arg->out_cqes >= arg->min_cqes)
			return ret;
		if (sure && ktime_get() >= deadline)
			return -ETIMEDOUT;
		ret = call_sleep(q, arg->min_cqes - arg->out_cqes, deadline);
		if (ret && ret != -ETIME)
			return ret;
		sure = ret;
		ret = turn_begin(q);
		if (ret)
			return ret;
	}
}

static int call_run(struct mmapdemo_queue *q, struct mmapdemo_queue_submit *arg)
{
	int put = 0;
	int ret;

	ret = turn_begin(q);
	if (ret)
		return ret;
	if (arg->out_submitted < arg->num)
		ret = call_put(q, arg, &put);
	/* Nothing could be submitted for a reason other than that there is no room, or never again. */
	if (!arg->max_cqes || (put && put != -EAGAIN && put != -EIO && !arg->out_submitted)) {
		turn_end(q);
		return put;
	}
	/* Those that there are have been taken with the descriptors: enough? */
	if (ret ? ret != -EAGAIN || call_is_content(arg) : arg->out_cqes == arg->max_cqes) {
		turn_end(q);
		return ret;
	}
	return call_collect_all(q, arg);
}

/**
 * mmapdemo_submit() - QUEUE_SUBMIT, whatever it takes
 * @mf: the caller's file
 * @arg: out_submitted and out_cqes tell what has been done already: all or none of the descriptors,
 *	and any number of completions
 *
 * Outside the gate: a process can hold up an access to its memory for as long as it likes.
 *
 * Return: 0 if anything has been done; else why not.
 */
int mmapdemo_submit(struct mmapdemo_file *mf, struct mmapdemo_queue_submit *arg)
{
	struct mmapdemo_queue *q;
	int ret;

	if (!mf->mdev->num_queues)
		return -EOPNOTSUPP;
	if (arg->min_cqes > arg->max_cqes)
		return -EINVAL;
	q = mmapdemo_queue_get(mf, arg->queue);
	if (IS_ERR(q)) {
		ret = PTR_ERR(q);
	} else {
		ret = call_run(q, arg);
		mmapdemo_queue_put(q);
	}
	return arg->out_submitted || arg->out_cqes ? 0 : ret;
}
