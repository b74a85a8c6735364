# SPDX-License-Identifier: MIT
"""Run build steps: those that can at the same time, never more compilers than CPUs, one line each on the terminal.

A step is a command whose last line of output is its result, and whose error output is its log.
"""

import os
import re
import subprocess
import sys
import threading
import time

from . import paths

# A step that took less did nothing worth a line.
WORTH_A_LINE = 1.0
HEARTBEAT_SECONDS = 20
LOG_TAIL = 25


class StepError(Exception):
    """A step failed; everything about it has been shown already, the text is the summary."""


SKIPPED = 77


class Step:
    """One command.  after: names of steps that must be done.  slots: CPUs it uses (0: it only downloads).  environment:
    what is added to it."""

    def __init__(self, name, words, after=(), slots=1, environment=None):
        self.name = name
        self.words = words
        self.after = after
        self.slots = slots
        self.environment = environment or {}
        self.state = "waiting"
        self.process = None
        self.status = None
        self.started = None
        self.seconds = None
        self.result = None

    @property
    def log(self):
        return os.path.join(paths.LOG, f"{self.name}.log")

    def progress(self):
        """How far ninja is, or that another build holds the lock, from the end of the log."""
        try:
            with open(self.log, "rb") as stream:
                stream.seek(max(0, os.path.getsize(self.log) - 4096))
                end = stream.read()
        except OSError:
            return ""
        if end.rstrip().rpartition(b"\n")[2].startswith(b"waiting for another"):
            return " " + end.rstrip().rpartition(b"\n")[2].decode()
        found = re.findall(rb"\[(\d+)/(\d+)\]", end)
        return " " + b"/".join(found[-1]).decode() if found else ""

    def last_line(self):
        """The last line of the log: of a step that ended with status SKIPPED, why."""
        with open(self.log, encoding="utf-8", errors="replace") as stream:
            return (stream.read().strip().splitlines() or [""])[-1]


class Runner:
    """Runs a list of steps; results() gives {name: result}."""

    def __init__(self, steps, verbose=False, stream=sys.stderr, live=True):
        """live: on a terminal, one line that changes; not where others write to it, too."""
        self.steps = {step.name: step for step in steps}
        self.verbose = verbose
        self.stream = stream
        self.terminal = live and stream.isatty()
        self.cpus = os.cpu_count() or 1
        self.free = self.cpus
        self.began = time.monotonic()
        self.changed = threading.Condition()
        self.failed = []
        self.shown = ""

    def run(self):
        os.makedirs(paths.LOG, exist_ok=True)
        heartbeat = self.began + HEARTBEAT_SECONDS
        try:
            with self.changed:
                while True:
                    self._start_ready()
                    running = [step for step in self.steps.values() if step.state == "running"]
                    if not running:
                        break
                    self.changed.wait(0.5)
                    if self.terminal:
                        self._show_running(running)
                    elif time.monotonic() > heartbeat:
                        heartbeat = time.monotonic() + HEARTBEAT_SECONDS
                        self._line(self._what_runs(running))
        except BaseException:
            self._stop_all()
            raise
        finally:
            self._clear()
        if self.failed:
            raise StepError(f"step {', '.join(self.failed)} failed")
        return {name: step.result for name, step in self.steps.items()}

    def _start_ready(self):
        for step in self.steps.values():
            if step.state != "waiting" or self.failed:
                continue
            if any(self.steps[name].state != "done" for name in step.after):
                continue
            slots = min(step.slots, self.cpus)
            if slots > self.free:
                # Nobody smaller overtakes a step that waits for every CPU: it is the longest.
                if slots == self.cpus:
                    break
                continue
            self.free -= slots
            step.state = "running"
            step.started = time.monotonic()
            threading.Thread(target=self._execute, args=(step, slots), daemon=True).start()

    def _execute(self, step, slots):
        environment = {**os.environ, "MMAPDEMO_JOBS": str(max(slots, 1)), **step.environment}
        out = b""
        with open(step.log, "wb") as log:
            try:
                step.process = subprocess.Popen(step.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                stderr=log, env=environment, cwd=paths.TOP)
                out = step.process.communicate()[0]
                step.status = step.process.returncode
                good = step.status == 0
            except OSError as err:
                log.write(f"{err}\n".encode())
                good = False
        with self.changed:
            step.seconds = time.monotonic() - step.started
            self.free += slots
            step.state = "done" if good else "failed"
            lines = out.decode("utf-8", "replace").splitlines()
            step.result = lines[-1] if lines else ""
            self._finished(step)
            self.changed.notify_all()

    def _finished(self, step):
        if step.state == "failed":
            self.failed.append(step.name)
            self._line(f"{step.name}: FAILED after {step.seconds:.0f} s; the end of its log:")
            with open(step.log, encoding="utf-8", errors="replace") as stream:
                for line in stream.read().splitlines()[-LOG_TAIL:]:
                    print(f"    {line}", file=self.stream)
            print(f"  the whole log: {os.path.relpath(step.log)}", file=self.stream, flush=True)
        elif self.verbose or step.seconds >= WORTH_A_LINE:
            self._line(f"{step.name}: {step.seconds:.1f} s")

    def _what_runs(self, running):
        now = time.monotonic()
        return "... " + ", ".join(f"{step.name}{step.progress()} ({now - step.started:.0f} s)" for step in running)

    def _show_running(self, running):
        if time.monotonic() - self.began > WORTH_A_LINE:
            self._clear()
            self.shown = f"{self._clock()} {self._what_runs(running)}"[:118]
            self.stream.write(self.shown)
            self.stream.flush()

    def _clear(self):
        if self.shown:
            self.stream.write("\r\x1b[K")
            self.stream.flush()
            self.shown = ""

    def _line(self, text):
        self._clear()
        print(f"{self._clock()} {text}", file=self.stream, flush=True)

    def _clock(self):
        seconds = int(time.monotonic() - self.began)
        return f"[{seconds // 60:2d}:{seconds % 60:02d}]"

    def _stop_all(self):
        for step in self.steps.values():
            if step.process and step.process.poll() is None:
                step.process.terminate()
