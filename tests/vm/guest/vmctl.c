// SPDX-License-Identifier: MIT
/*
 * vmctl: send one QMP command to the host that runs this guest, and print the reply.
 *
 *	vmctl [-t SECONDS] '{"execute": "query-status"}'
 *
 * The host side is tests/vm/run, which passes the command on to QEMU's monitor; besides QMP's own it knows
 * {"execute": "x-wait-event", "arguments": {"event": NAME, "timeout": SECONDS}}.
 * Exit status: 0 a result came back, 1 an error came back, 2 usage, 3 no port or no answer in time.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORT	"/dev/virtio-ports/mmapdemo.ctl"

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static int open_port(long long deadline)
{
	for (;;) {
		int fd = open(PORT, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		/* A port has one opener at a time; another vmctl will be done soon. */
		if (fd >= 0 || (errno != EBUSY && errno != EMFILE) || now_ms() > deadline)
			return fd;
		usleep(5000);
	}
}

static int wait_for(int fd, short events, long long deadline)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	long long left = deadline - now_ms();

	if (left <= 0)
		return 0;
	return poll(&pfd, 1, left);
}

static bool write_all(int fd, const char *data, size_t len, long long deadline)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n > 0) {
			data += n;
			len -= n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return false;
		} else if (wait_for(fd, POLLOUT, deadline) <= 0) {
			return false;
		}
	}
	return true;
}

/* Read one line; the caller frees it.  NULL: none before the deadline. */
static char *read_line(int fd, long long deadline)
{
	size_t len = 0, room = 4096;
	char *line = malloc(room);

	while (line) {
		ssize_t n = read(fd, line + len, 1);

		if (n == 1 && line[len] == '\n') {
			line[len] = '\0';
			return line;
		}
		if (n == 1) {
			if (++len == room) {
				char *more = realloc(line, room *= 2);

				if (!more)
					break;
				line = more;
			}
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			break;
		} else if (n == 0 || wait_for(fd, POLLIN, deadline) <= 0) {
			if (now_ms() >= deadline)
				break;
			usleep(1000);
		}
	}
	free(line);
	return NULL;
}

int main(int argc, char **argv)
{
	long long deadline;
	double seconds = 60;
	char *request, *line, tag[48];
	size_t tag_len;
	int fd, len, opt, ret;

	while ((opt = getopt(argc, argv, "t:")) != -1) {
		if (opt != 't')
			goto usage;
		seconds = strtod(optarg, NULL);
		if (!(seconds > 0 && seconds < 1e6))
			goto usage;
	}
	if (optind + 1 != argc || strchr(argv[optind], '\n'))
		goto usage;

	deadline = now_ms() + (long long)(seconds * 1000);
	fd = open_port(deadline);
	if (fd < 0) {
		fprintf(stderr, "vmctl: cannot open %s: %s (is this a guest of tests/vm/run?)\n", PORT, strerror(errno));
		return 3;
	}
	/* The tag tells this reply from a late one to a command that gave up waiting. */
	tag_len = snprintf(tag, sizeof(tag), "%d.%lld ", (int)getpid(), now_ms());
	len = asprintf(&request, "%s%s\n", tag, argv[optind]);
	if (len < 0 || !write_all(fd, request, len, deadline)) {
		fprintf(stderr, "vmctl: the host does not take the command\n");
		return 3;
	}
	free(request);
	while ((line = read_line(fd, deadline)) && strncmp(line, tag, tag_len))
		free(line);
	if (!line) {
		fprintf(stderr, "vmctl: no answer from the host within %g s\n", seconds);
		return 3;
	}
	puts(line + tag_len);
	ret = !strncmp(line + tag_len, "{\"error\"", 8);
	free(line);
	return ret;

usage:
	fprintf(stderr, "usage: vmctl [-t SECONDS] 'QMP COMMAND ON ONE LINE'\n");
	return 2;
}
