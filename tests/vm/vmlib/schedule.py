# SPDX-License-Identifier: MIT
"""Run the stages of a suite side by side, as many as there are CPUs for, and builds one at a time beside them.

Each runs in a process of its own, which is given an interrupt when the suite is told to end.  What a stage has to say
comes out as one block when it ends; one that breaks, dies, or never gets what it needs has failed by name.
"""

import ctypes
import fnmatch
import os
import pickle
import select
import signal
import sys
import time

from . import session, steps, tap

# A build takes the place of one stage, and what the stages beside it leave of the CPUs: they have time limits, it has none.
BUILD_CORES = 1
BUILD_NICE = 10
HEARTBEAT_SECONDS = 60
# What was told to end has so long for it: a guest is stopped in order, which takes two times three seconds.
GRACE_SECONDS = 15
# One guest, and what is built meanwhile.
BYTES_PER_CORE = 3 << 30


class NotServed(Exception):
    """The mirror does not have it today, or it cannot be had on this machine; the text says why."""


class Task:
    """One stage or build.  state: waiting, running, ended."""

    def __init__(self, name, function, cores, needs, after, is_build, cell, nice=0):
        self.name = name
        self.function = function
        self.cores = cores
        self.needs = tuple(needs)
        self.after = tuple(after)
        self.is_build = is_build
        self.is_fetch = False
        self.nice = nice
        self.cell = cell           # (kernel, configuration): its place in the table at the end
        self.state = "waiting"
        self.started = None
        self.seconds = 0.0
        self.cpu_seconds = 0.0     # of all its processes
        self.pid = None
        self.pipe = None
        self.received = b""
        self.count = None          # of a stage
        self.value = None          # of a build: what it built
        self.missing = None        # of a build: function that adds to a count why there is no value

    def took(self):
        return f"{self.seconds:.0f} s, {self.cpu_seconds:.0f} s of processor time"


def cores_here():
    """How many stages that keep one CPU busy: no more guests at a time than there is memory for."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(os.cpu_count() or 1, memory // BYTES_PER_CORE))


class Scheduler:
    """add() and build() describe the work, in the order in which it shall be begun as far as it can; run() does it.

    done(task): called in this process for each stage that ended.  body(task, values): runs in the stage's process and
    returns its count."""

    def __init__(self, body, done, cores=None, stream=sys.stderr):
        self.tasks = {}
        self.body = body
        self.done = done
        self.cores = cores or cores_here()
        self.stream = stream
        self.spoken = time.monotonic()

    def add(self, name, function, cores=1, needs=(), after=(), cell=None):
        """A stage: function(log, *what the builds of needs have built) -> Count.  cores: CPUs it keeps busy.  after: names of
        stages that must have ended, well or not."""
        self._add(Task(name, function, min(cores, self.cores), needs, after, False, cell))

    def build(self, name, function, needs=(), after=(), nice=BUILD_NICE):
        """A build: function(*what other builds have built) returns what goes to those who need it."""
        self._add(Task(name, function, BUILD_CORES, needs, after, True, None, nice))

    def fetch(self, name, function):
        """What a build will need of the network: begun at once, beside everything.  Nobody needs its result: the build does the
        same, finds it done, and says it if that is not so."""
        self._add(Task(name, function, 0, (), (), True, None, BUILD_NICE))
        self.tasks[name].is_fetch = True

    def _add(self, task):
        if task.name in self.tasks:
            raise ValueError(f"two stages are called {task.name}")
        for name in (*task.needs, *task.after):
            # So there is no circle either.
            if name not in self.tasks or (name in task.needs and (not self.tasks[name].is_build or self.tasks[name].is_fetch)):
                raise ValueError(f"{task.name} needs {name}, which was not described before it")
        self.tasks[task.name] = task

    def keep(self, patterns):
        """Of the stages only those whose names match, and what they need; raises ValueError for a pattern without any."""
        chosen = set()
        for pattern in patterns:
            found = {task.name for task in self.tasks.values() if not task.is_build and fnmatch.fnmatchcase(task.name, pattern)}
            if not found:
                raise ValueError(f"no stage is called {pattern}")
            chosen |= found
        wanted = list(chosen)
        for name in wanted:
            wanted += self.tasks[name].needs
        self.tasks = {name: task for name, task in self.tasks.items() if name in wanted and not task.is_fetch}
        for task in self.tasks.values():
            task.after = tuple(name for name in task.after if name in self.tasks)

    def run(self):
        """Until all have ended.  Whatever ends this ends them, too."""
        try:
            while any(task.state != "ended" for task in self.tasks.values()):
                self._start_ready()
                self._wait()
        except BaseException:
            self._stop_all()
            raise
        needed = {name for task in self.tasks.values() for name in task.needs}
        for task in self.tasks.values():
            # Of any other, those who need it have said so.
            if task.missing and task.name not in needed and not task.is_fetch:
                task.count = tap.Count()
                task.missing(task.count, task.name)
                self.done(task)

    # --- start ------------------------------------------------------------------------------------------

    def _start_ready(self):
        # What needs a build comes after it, and is seen to be lost in the same pass.
        for task in self.tasks.values():
            lost = [self.tasks[name] for name in task.needs if self.tasks[name].missing]
            if lost and task in self._ready():
                self._give_up(task, lost[0])
        free = self.cores - sum(task.cores for task in self._running())
        # Builds go first, for others wait for them.
        building = any(task.is_build and not task.is_fetch for task in self._running())
        ready = [task for task in self._ready() if task.is_fetch]
        ready += [task for task in self._ready() if task.is_build and not task.is_fetch and not building][:1]
        ready += [task for task in self._ready() if not task.is_build]
        for task in ready:
            if task.cores > free:
                # Nobody smaller overtakes what waits for CPUs: it would wait for ever.
                break
            free -= task.cores
            self._start(task)

    def _ready(self):
        """What could run now, in order."""
        return [task for task in self.tasks.values() if task.state == "waiting"
                and all(self.tasks[name].state == "ended" for name in (*task.needs, *task.after))]

    def _give_up(self, task, lost):
        task.state = "ended"
        if task.is_build:
            task.missing = lost.missing
            return
        task.count = tap.Count()
        lost.missing(task.count, task.name)
        self.done(task)

    def _start(self, task):
        task.state = "running"
        task.started = time.monotonic()
        values = [self.tasks[name].value for name in task.needs]
        self._say(f"{task.name}: {'fetching' if task.is_fetch else 'building' if task.is_build else 'running'}")
        reader, writer = os.pipe()
        # Else both processes would write what is in the buffers.
        sys.stdout.flush()
        sys.stderr.flush()
        # No signal may come between the beginning of a process and its own handlers.
        old = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT))
        try:
            task.pid = os.fork()
            if task.pid == 0:
                os.close(reader)
                self._child(task, values, writer, old)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)
        os.close(writer)
        task.pipe = reader

    def _child(self, task, values, writer, mask):
        """In the process of its own; never returns."""
        try:
            # A group of its own: the terminal's interrupt goes to the suite, and from there in order to everybody.
            os.setpgid(0, 0)
            session.end_on_sigterm()
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)     # PR_SET_PDEATHSIG: not even a killed suite leaves it behind
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(2, 1)
            for other in self._running():
                if other.pipe is not None:
                    os.close(other.pipe)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            answer = pickle.dumps(self._work(task, values))
            signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))
            with os.fdopen(writer, "wb") as stream:
                stream.write(answer)
            os._exit(0)
        except KeyboardInterrupt:
            os._exit(130)
        finally:
            # An error of the machinery itself: the traceback, and no answer, which is a failure.
            sys.excepthook(*sys.exc_info())
            os._exit(1)

    def _work(self, task, values):
        if not task.is_build:
            return "count", self.body(task, values)
        os.nice(task.nice)
        try:
            return "value", task.function(*values)
        except NotServed as reason:
            return "skip", str(reason)
        except Exception as err:  # noqa: BLE001  # whatever it was, those who need it fail with it
            return "fail", f"{err}" if isinstance(err, steps.StepError) else f"{type(err).__name__}: {err}"

    # --- end --------------------------------------------------------------------------------------------

    def _running(self):
        return [task for task in self.tasks.values() if task.state == "running"]

    def _wait(self):
        running = {task.pipe: task for task in self._running()}
        for pipe in select.select(list(running), [], [], 5)[0] if running else ():
            data = os.read(pipe, 1 << 20)
            if data:
                running[pipe].received += data
            else:
                self._ended(running[pipe])
        now = time.monotonic()
        if running and now - self.spoken > HEARTBEAT_SECONDS:
            self._say("... " + ", ".join(f"{task.name} ({now - task.started:.0f} s)" for task in self._running()))

    def _ended(self, task):
        os.close(task.pipe)
        os.waitid(os.P_PID, task.pid, os.WEXITED | os.WNOWAIT)
        # What it has left running; while it is not yet waited for, the number is its group's.
        _signal(os.killpg, task.pid, signal.SIGKILL)
        _, status, usage = os.wait4(task.pid, 0)
        status = os.waitstatus_to_exitcode(status)
        task.cpu_seconds = usage.ru_utime + usage.ru_stime
        task.state = "ended"
        task.pid = task.pipe = None
        task.seconds = time.monotonic() - task.started
        if status == 0 and task.received:
            kind, value = pickle.loads(task.received)
        else:
            kind, value = "fail", f"its process ended with {tap.describe(status)} and no result"
        if kind == "count":
            task.count = value
        elif kind == "value":
            task.value = value
        elif kind == "skip":
            task.missing = lambda count, what: count.skip(what, value)
        elif task.is_build:
            task.missing = lambda count, what: count.fail(f"{what}: {task.name}: {value}: see build/log")
        else:
            task.count = tap.Count()
            task.count.fail(f"{task.name}: the stage itself broke: {value}")
        if task.is_build:
            done = "not there" if task.missing else "fetched" if task.is_fetch else "built"
            self._say(f"{task.name}: {done} ({task.took()})")
        else:
            self.done(task)

    def _stop_all(self):
        """In order first; then what is left of each, by its number."""
        running = [task for task in self._running() if task.pid]
        for task in running:
            _signal(os.kill, task.pid, signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        left = list(running)
        while left and time.monotonic() < deadline:
            left = [task for task in left if not os.waitid(os.P_PID, task.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)]
            time.sleep(0.05)
        for task in running:
            _signal(os.killpg, task.pid, signal.SIGKILL)
            os.waitpid(task.pid, 0)

    def _say(self, text):
        self.spoken = time.monotonic()
        print(text, file=self.stream, flush=True)


def _signal(function, number, what):
    try:
        function(number, what)
    except ProcessLookupError:
        pass
