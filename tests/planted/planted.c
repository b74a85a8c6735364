// SPDX-License-Identifier: MIT
/*
 * planted.c - bugs on request, to see that an instrumented kernel reports each of them.
 *
 * /dev/planted: writing the name of a bug commits it, writing "mark TEXT" only puts a line into the
 * kernel log, reading lists the names. Never to be loaded into a kernel that anybody needs.
 */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "planted.h"

static const struct bug * const lists[] = { memory_bugs, lock_bugs, page_bugs, dma_bugs };

static ssize_t planted_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	char *text __free(kfree) = kzalloc(PAGE_SIZE, GFP_KERNEL);
	const struct bug *bug;
	size_t used = 0;
	int i;

	if (!text)
		return -ENOMEM;
	for (i = 0; i < ARRAY_SIZE(lists); i++)
		for (bug = lists[i]; bug->name; bug++)
			used += scnprintf(text + used, PAGE_SIZE - used, "%s\n", bug->name);
	return simple_read_from_buffer(to, len, pos, text, used);
}

static ssize_t planted_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	char text[64] = { };
	const struct bug *bug;
	int i, ret;

	if (len >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, len))
		return -EFAULT;
	strim(text);
	pr_info("planted: %s\n", text);
	if (!strncmp(text, "mark ", 5))
		return len;
	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		for (bug = lists[i]; bug->name; bug++) {
			if (strcmp(bug->name, text))
				continue;
			ret = bug->plant(file);
			return ret ?: len;
		}
	}
	return -ENOENT;
}

static const struct file_operations planted_fops = {
	.owner = THIS_MODULE,
	.read = planted_read,
	.write = planted_write,
	.mmap = page_bug_mmap,
};

static struct miscdevice planted_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "planted",
	.fops = &planted_fops,
	.mode = 0600,
};
module_misc_device(planted_device);

MODULE_DESCRIPTION("Bugs on request, for kernels that are made to notice them");
MODULE_LICENSE("Dual MIT/GPL");
