// SPDX-License-Identifier: MIT
/*
 * shared-buffer.c - the chapter's complete example, used for what it is good for: two processes.
 *
 * Each opens the device by itself and maps offset 0. What one stores the other loads; no system call
 * and no copy in between.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mmapdemo/mmapdemo.h>

static void must(enum mmd_call call, int ret)
{
	char text[512];

	if (!ret)
		return;
	mmd_explain_str(call, ret, MMD_DEFAULT_PATH, text, sizeof(text));
	fprintf(stderr, "%s\n", text);
	exit(call == MMD_CALL_OPEN && ret == -ENOENT ? 77 : 1);
}

#define ROUNDS	1000u

static _Atomic uint32_t *map_example(struct mmd_device **dev)
{
	struct mmd_map map;

	must(MMD_CALL_OPEN, mmd_open(NULL, 0, dev));
	must(MMD_CALL_MAP, mmd_map(*dev, 0, 4096, PROT_READ | PROT_WRITE, &map));
	return map.ptr;
}

/* Wait for the other side to store @value; give up when it has plainly gone. */
static int wait_for(_Atomic uint32_t *word, uint32_t value)
{
	uint64_t end = mmd_deadline_ns(5000000000);

	while (atomic_load(word) != value)
		if (mmd_deadline_ns(0) > end)
			return -1;
	return 0;
}

int main(void)
{
	_Atomic uint32_t *word;
	struct mmd_device *dev;
	int status = 1;
	uint32_t i;
	pid_t pid;

	word = map_example(&dev);
	atomic_store(word, 0);
	pid = fork();
	if (pid == 0) {
		/* An open and a mapping of its own; nothing inherited is used. */
		word = map_example(&dev);
		for (i = 0; i < ROUNDS; i++) {
			if (wait_for(word, 2 * i + 1))
				_exit(1);
			atomic_store(word, 2 * i + 2);
		}
		_exit(0);
	}
	for (i = 0; i < ROUNDS; i++) {
		atomic_store(word, 2 * i + 1);
		if (wait_for(word, 2 * i + 2))
			break;
	}
	waitpid(pid, &status, 0);
	printf("%u of %u messages went to another process and back through the buffer\n", i, ROUNDS);
	atomic_store(word, 0xaaaaaaaa);
	mmd_close(dev);
	return i == ROUNDS && !status ? 0 : 1;
}
