/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small structures from and to user memory, word by word and inline.
 *
 * copy_from_user() of 64 bytes costs more instructions than all that is done with a descriptor: most
 * of them check that the kernel's side is an object of that size, which the compiler sees here.
 *
 * Not for: more than some dozen words, nor what is not made of whole words.
 */
#ifndef MMAPDEMO_USER_H
#define MMAPDEMO_USER_H

#include <linux/types.h>
#include <linux/uaccess.h>

/* How many of @num words could be read, all others are left alone. */
static __always_inline size_t mmapdemo_words_get(u64 *to, const void __user *from, size_t num)
{
	const u64 __user *words = from;
	size_t i;

	if (!user_read_access_begin(from, num * sizeof(*to)))
		return 0;
#pragma GCC unroll 8
	for (i = 0; i < num; i++)
		unsafe_get_user(to[i], &words[i], fault);
	user_read_access_end();
	return num;
fault:
	user_read_access_end();
	return i;
}

/* How many of @num words could be written. */
static __always_inline size_t mmapdemo_words_put(void __user *to, const u64 *from, size_t num)
{
	u64 __user *words = to;
	size_t i;

	if (!user_write_access_begin(to, num * sizeof(*from)))
		return 0;
#pragma GCC unroll 8
	for (i = 0; i < num; i++)
		unsafe_put_user(from[i], &words[i], fault);
	user_write_access_end();
	return num;
fault:
	user_write_access_end();
	return i;
}

#endif /* MMAPDEMO_USER_H */
