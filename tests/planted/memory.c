// SPDX-License-Identifier: MIT
/*
 * memory.c - bugs with objects: bounds, lifetime, counts, leaks, values.
 */
#include <linux/delay.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/timer.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

#include "planted.h"

/* The compiler knows neither, so it cannot tell that an access is out of bounds. */
static volatile int ten = 10;
static volatile int sixty_four = 64;

static int slab_read_out_of_bounds(struct file *file)
{
	char *p = kzalloc(10, GFP_KERNEL);
	int value;

	if (!p)
		return -ENOMEM;
	value = READ_ONCE(p[ten]);
	kfree(p);
	return 0;
}

static int slab_write_after_free(struct file *file)
{
	char *p = kzalloc(100, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	WRITE_ONCE(p[ten], 1);
	return 0;
}

static int slab_double_free(struct file *file)
{
	char *p = kzalloc(100, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	kfree(p);
	kfree(p);
	return 0;
}

static int vmalloc_out_of_bounds(struct file *file)
{
	char *p = vmalloc(100);
	int value;

	if (!p)
		return -ENOMEM;
	value = READ_ONCE(p[ten * ten]);
	vfree(p);
	return 0;
}

static int page_use_after_free(struct file *file)
{
	struct page *page = alloc_page(GFP_KERNEL);
	char *p;

	if (!page)
		return -ENOMEM;
	p = page_address(page);
	__free_page(page);
	WRITE_ONCE(p[ten], 1);
	return 0;
}

static noinline int stack_out_of_bounds(struct file *file)
{
	volatile char on_stack[10] = { };

	/* Through a pointer: an index would be the bounds checker's. */
	return READ_ONCE(*((char *)on_stack + ten)) & 0;
}

static int array_index_out_of_bounds(struct file *file)
{
	struct { int a[4]; int more[60]; } on_stack = { };

	return READ_ONCE(on_stack.a[ten]) & 0;
}

static volatile int shifted;

static int shift_out_of_bounds(struct file *file)
{
	shifted = 1 << sixty_four;
	return 0;
}

static int invalid_bool(struct file *file)
{
	union { u8 byte; bool value; } u = { .byte = ten };
	bool copy = *(volatile bool *)&u.value;

	shifted = copy;
	return 0;
}

static int leak(struct file *file)
{
	char *p = kmalloc(1234, GFP_KERNEL);

	return p ? 0 : -ENOMEM;
}

static int refcount_from_zero(struct file *file)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
	return 0;
}

static int refcount_below_zero(struct file *file)
{
	refcount_t count = REFCOUNT_INIT(0);

	if (refcount_dec_and_test(&count))
		return 0;
	return 0;
}

static int list_deleted_twice(struct file *file)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_del(&entry);
	list_del(&entry);
	return 0;
}

static int list_added_twice(struct file *file)
{
	LIST_HEAD(head);
	struct list_head entry;

	list_add(&entry, &head);
	list_add(&entry, &head);
	return 0;
}

struct with_timer {
	struct timer_list timer;
	struct work_struct work;
};

static void nothing_timer(struct timer_list *timer)
{
}

static void nothing_work(struct work_struct *work)
{
}

static int active_timer_freed(struct file *file)
{
	struct with_timer *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	timer_setup(&t->timer, nothing_timer, 0);
	mod_timer(&t->timer, jiffies + 3600 * HZ);
	kfree(t);
	return 0;
}

static int queued_work_freed(struct file *file)
{
	struct with_timer *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	INIT_WORK(&t->work, nothing_work);
	/* Between the two the work may run, and then it is no bug: keep it from running. */
	preempt_disable();
	queue_work(system_bh_wq, &t->work);
	kfree(t);
	preempt_enable();
	return 0;
}

static int timer_not_initialised(struct file *file)
{
	struct with_timer *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	t->timer.function = nothing_timer;
	mod_timer(&t->timer, jiffies + HZ);
	timer_delete_sync(&t->timer);
	kfree(t);
	return 0;
}

static int warning(struct file *file)
{
	WARN(ten == 10, "planted");
	return 0;
}

const struct bug memory_bugs[] = {
	{ "slab_read_out_of_bounds", slab_read_out_of_bounds },
	{ "slab_write_after_free", slab_write_after_free },
	{ "slab_double_free", slab_double_free },
	{ "vmalloc_out_of_bounds", vmalloc_out_of_bounds },
	{ "page_use_after_free", page_use_after_free },
	{ "stack_out_of_bounds", stack_out_of_bounds },
	{ "array_index_out_of_bounds", array_index_out_of_bounds },
	{ "shift_out_of_bounds", shift_out_of_bounds },
	{ "invalid_bool", invalid_bool },
	{ "leak", leak },
	{ "refcount_from_zero", refcount_from_zero },
	{ "refcount_below_zero", refcount_below_zero },
	{ "list_deleted_twice", list_deleted_twice },
	{ "list_added_twice", list_added_twice },
	{ "active_timer_freed", active_timer_freed },
	{ "queued_work_freed", queued_work_freed },
	{ "timer_not_initialised", timer_not_initialised },
	{ "warning", warning },
	{ }
};
