# SPDX-License-Identifier: MIT
"""One guest from start to report: a directory of its own under build/vm, signals, and what is said at the end."""

import asyncio
import fcntl
import os
import signal
import sys

from . import debug, guest, image, paths


class Limits:
    """Seconds until the guest must be up, and for everything (None: as long as the user likes)."""

    def __init__(self, boot=90.0, total=600.0):
        self.boot = boot
        self.total = total


def end_on_sigterm():
    """Being told to end is taken like an interrupt: what was started is ended, too."""
    def interrupt(*_):
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def boot(name, built, options, job, limits, sink):
    """Boot and run.  sink takes the job's output.  An interrupt ends the guest and raises KeyboardInterrupt."""
    archives = [image.system_archive(built.kernel), image.program_archive(built.user, built.module)]
    directory, lock = _own_directory(name)
    with lock:
        one = guest.Guest(built.qemu, built.kernel, archives, directory, options, job, sink)
        if options.gdb:
            one.on_sections = lambda sections: debug.say_how(directory, options.gdb, built, sections)
        try:
            return asyncio.run(_attend(one, limits))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def report(outcome, allow_kernel_messages=False, quiet=False):
    """Say what went wrong; return the exit status."""
    directory = os.path.relpath(outcome.directory)
    status = outcome.status
    if outcome.error:
        print(f"guest: {outcome.error}", file=sys.stderr)
        _show_tail(outcome, "qemu.stderr", 10)
        if not outcome.kernel_messages:
            _show_tail(outcome, "console.log", 25)
        status = 1
    if outcome.kernel_messages and not allow_kernel_messages:
        print(f"guest: the kernel log shows {len(outcome.kernel_messages)} message(s) that must not be there:",
              file=sys.stderr)
        for kind, lines in outcome.kernel_messages[:10]:
            print(f"  {kind}:", file=sys.stderr)
            for line in lines:
                print(f"    {line}", file=sys.stderr)
        print(f"  the whole log: {directory}/{outcome.kernel_log}", file=sys.stderr)
        status = status or 1
    elif not outcome.error and not quiet:
        print(f"guest: up after {outcome.boot_seconds:.1f} s, ended after {outcome.total_seconds:.1f} s "
              f"with status {status}; files in {directory}", file=sys.stderr)
    return status


async def _attend(one, limits):
    task = asyncio.ensure_future(one.run(limits.boot, limits.total))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


def _own_directory(name):
    """build/vm/NAME, or NAME-2, NAME-3... while another run has it; and the lock that keeps it."""
    for number in range(1, 100):
        directory = os.path.join(paths.BUILD, "vm", name if number == 1 else f"{name}-{number}")
        os.makedirs(directory, exist_ok=True)
        lock = open(os.path.join(directory, "lock"), "w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return directory, lock
    raise image.ImageError(f"build/vm/{name}: too many guests of that name are running")


def _show_tail(outcome, name, count):
    lines = guest.tail(os.path.join(outcome.directory, name), count)
    if lines:
        print(f"--- the last lines of {os.path.relpath(outcome.directory)}/{name}", file=sys.stderr)
        print("\n".join(lines), file=sys.stderr)
