// SPDX-License-Identifier: MIT
/*
 * locks.c - bugs with locks, contexts, RCU, and time.
 *
 * lockdep ends with its first report: one boot shows one of its bugs, and what it sees besides
 * (RCU) comes before.
 */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "planted.h"

static DEFINE_SPINLOCK(spin);
static DEFINE_SPINLOCK(irq_spin);
static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static int __rcu *pointer;

static int locks_in_both_orders(struct file *file)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
	return 0;
}

/* In softirq context, which is enough: no interrupt has to come. */
static int lock_shared_with_interrupt(struct file *file)
{
	local_bh_disable();
	__local_bh_enable_ip(_RET_IP_, SOFTIRQ_DISABLE_OFFSET);
	spin_lock(&irq_spin);
	spin_unlock(&irq_spin);
	local_irq_disable();
	lockdep_hardirq_enter();
	spin_lock(&irq_spin);
	spin_unlock(&irq_spin);
	lockdep_hardirq_exit();
	local_irq_enable();
	return 0;
}

static int held_lock_freed(struct file *file)
{
	struct mutex *lock = kzalloc(sizeof(*lock), GFP_KERNEL);

	if (!lock)
		return -ENOMEM;
	mutex_init(lock);
	mutex_lock(lock);
	kfree(lock);
	return 0;
}

static int lock_kept_on_return(struct file *file)
{
	mutex_lock(&first);
	return 0;
}

static int sleep_under_spinlock(struct file *file)
{
	spin_lock(&spin);
	mutex_lock(&second);
	mutex_unlock(&second);
	spin_unlock(&spin);
	return 0;
}

static int allocation_may_sleep_in_atomic(struct file *file)
{
	void *p;

	preempt_disable();
	p = kmalloc(100, GFP_KERNEL);
	preempt_enable();
	kfree(p);
	return 0;
}

static int schedule_in_atomic(struct file *file)
{
	preempt_disable();
	schedule_timeout_uninterruptible(1);
	preempt_enable();
	return 0;
}

static int rcu_pointer_outside(struct file *file)
{
	return rcu_dereference(pointer) ? 1 : 0;
}

static int preemptible_processor_id(struct file *file)
{
	return smp_processor_id() & 0;
}

static int soft_lockup(struct file *file)
{
	u64 begin = local_clock(), last = begin, ran = 0, now;

	preempt_disable();
	/* While its host lets this processor wait, nobody looks at it: that does not count. */
	while (ran < 6 * NSEC_PER_SEC && last - begin < 60 * NSEC_PER_SEC) {
		now = local_clock();
		ran += min_t(u64, now - last, 10 * NSEC_PER_MSEC);
		last = now;
	}
	preempt_enable();
	return 0;
}

static int hung_task(struct file *file)
{
	schedule_timeout_uninterruptible(8 * HZ);
	return 0;
}

static int raced;

static int racer(void *unused)
{
	while (!kthread_should_stop())
		raced++;
	return 0;
}

/* For the kernel that looks for data races. */
static int racing_counter(struct file *file)
{
	struct task_struct *task = kthread_run(racer, NULL, "planted-racer");
	u64 end = local_clock() + 3 * NSEC_PER_SEC;

	if (IS_ERR(task))
		return PTR_ERR(task);
	while (local_clock() < end) {
		raced--;
		cond_resched();
	}
	return kthread_stop(task);
}

const struct bug lock_bugs[] = {
	{ "rcu_pointer_outside", rcu_pointer_outside },
	{ "locks_in_both_orders", locks_in_both_orders },
	{ "lock_shared_with_interrupt", lock_shared_with_interrupt },
	{ "held_lock_freed", held_lock_freed },
	{ "lock_kept_on_return", lock_kept_on_return },
	{ "sleep_under_spinlock", sleep_under_spinlock },
	{ "allocation_may_sleep_in_atomic", allocation_may_sleep_in_atomic },
	{ "schedule_in_atomic", schedule_in_atomic },
	{ "preemptible_processor_id", preemptible_processor_id },
	{ "soft_lockup", soft_lockup },
	{ "hung_task", hung_task },
	{ "racing_counter", racing_counter },
	{ }
};
