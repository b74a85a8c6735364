// SPDX-License-Identifier: MIT
/*
 * basic-mmap.c - the textbook's user program, unchanged but for the path and the last line.
 *
 * Offset 0 is a buffer of four pages shared by all processes, 0xAA at first. No library: open(2),
 * mmap(2), a store and a load. The other examples add what the library knows.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void)
{
	int fd = open("/dev/mmapdemo0", O_RDWR);

	if (fd < 0) {
		perror("open");
		exit(1);
	}

	/* Map 4KB of device memory */
	void *ptr = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);
	if (ptr == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}

	/* Direct access to device memory */
	uint32_t *data = (uint32_t *)ptr;

	data[0] = 0x12345678;
	printf("data[0] = 0x%08x, data[1] = 0x%08x\n", data[0], data[1]);

	/* Unmap when done */
	munmap(ptr, 4096);
	close(fd);
	return 0;
}
