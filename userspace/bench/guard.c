// SPDX-License-Identifier: MIT
/*
 * guard.c - the signals a benchmark has to live with.
 *
 * SIGBUS: the device has left (or was reset) while one of its mappings was touched. Jumps to
 * where the run began; nothing is cleaned up, the process is about to end. In a helper's thread, it
 * ends there.
 * SIGINT, SIGTERM, SIGHUP: noted, looked at between two timed parts; system calls are not restarted.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

sigjmp_buf mmb_bus_escape;
volatile sig_atomic_t mmb_bus_armed;
static volatile sig_atomic_t stop;

static void on_bus(int sig, siginfo_t *info, void *context)
{
	(void)context;
	/* A memory error of the machine, or not ours: die of it, as without a handler. */
	if (!mmb_bus_armed || info->si_code != BUS_ADRERR) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}
	/* A helper has a stack of its own, and cannot jump to where the run began. */
	if (gettid() != getpid()) {
		static const char text[] = "\nmmapdemo bench: the device took its mappings away "
					   "while it was being measured. No results were written\n";

		if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
			_exit(1);
		_exit(3);
	}
	mmb_bus_armed = 0;
	siglongjmp(mmb_bus_escape, 1);
}

static void on_stop(int sig)
{
	(void)sig;
	stop = 1;
}

bool mmb_interrupted(void)
{
	return stop;
}

int mmb_guard_install(void)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_sigaction = on_bus;
	sa.sa_flags = SA_SIGINFO;
	if (sigaction(SIGBUS, &sa, NULL))
		return -errno;
	sa.sa_flags = 0;
	sa.sa_handler = on_stop;
	for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++)
		if (sigaction(stops[i], &sa, NULL))
			return -errno;
	/* A closed pipe is an error of fflush(), told as such. */
	sa.sa_handler = SIG_IGN;
	if (sigaction(SIGPIPE, &sa, NULL))
		return -errno;
	return 0;
}
