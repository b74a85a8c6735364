# SPDX-License-Identifier: MIT
"""Run the device's qtest list on every CPU: one process per group of tests, the longest first; one TAP stream of it all.

What each process reports is held against the list that the program itself gives, name by name.  A process that dies or
falls silent has failed the test it was at, which is named; the rest of its group runs in another one.
"""

import os
import queue
import re
import subprocess
import threading
import time

_RESULT = re.compile(r"(not )?ok \d+ (?:- )?(/\S+)(.*)$")
# One test may take so long (the slow ones of make soak: ten times that).
SILENCE_SECONDS = 180


class Broken(Exception):
    """The program does not even list its tests."""


class Runner:
    """One run of the list.  log: a binary stream for everything that the processes say."""

    def __init__(self, qemu, log, environment=None, slow=False, jobs=None):
        self.program = os.path.join(qemu, "mmapdemo-test")
        self.environment = {**os.environ, "QTEST_QEMU_BINARY": os.path.join(qemu, "qemu-system-x86_64"),
                            **(environment or {})}
        self.mode = ["-m", "slow"] if slow else []
        self.silence = SILENCE_SECONDS * (10 if slow else 1)
        self.jobs = jobs or os.cpu_count() or 1
        self.log = log
        self.seconds = {}          # of each group
        self._lock = threading.Lock()
        self._running = set()
        self._stopped = False

    def names(self):
        """Every test of the list, in its order."""
        done = subprocess.run([self.program, "--tap", *self.mode, "-l"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment, check=False, timeout=300)
        lines = done.stdout.decode("utf-8", "replace").splitlines()
        names = [line for line in lines if line.startswith("/")]
        plan = [line for line in lines if line.startswith("1..")]
        if done.returncode or not names or len(set(names)) != len(names) or plan not in ([], [f"1..{len(names)}"]):
            raise Broken(f"{self.program} -l ended with status {done.returncode}, {len(names)} names, plan {plan}")
        return names

    def run(self, report):
        """Run all; report(good, name, text) once for each test, text being what follows its name or explains its end."""
        groups = {}
        for name in self.names():
            groups.setdefault("/".join(name.split("/")[:4]), []).append(name)
        waiting = queue.SimpleQueue()
        for group, names in sorted(groups.items(), key=lambda item: -_weight(*item)):
            waiting.put((group, names))
        failures = []

        def work():
            try:
                while not self._stopped:
                    group, names = waiting.get_nowait()
                    began = time.monotonic()
                    self._group(group, names, report)
                    self.seconds[group] = time.monotonic() - began
            except queue.Empty:
                pass
            except Exception as err:  # noqa: BLE001  # raised again by the thread that waits
                failures.append(err)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(self.jobs)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            self._stop()
            raise
        if failures:
            raise failures[0]

    def _group(self, group, names, report):
        """The tests of one group, in as many processes as it takes."""
        while names and not self._stopped:
            output, status, left, failed = self._process(names, report)
            if not left:
                # A failed test is the reason for status 1, and counted already.
                if status and not (status == 1 and failed):
                    report(False, f"{group} (its end)", f"every test was reported, but it ended with {_ending(status)}")
                return
            report(False, left[0], _why(output, status, self.silence))
            names = left[1:]

    def _process(self, names, report):
        """(output, status, tests that were not reported, some failed); status None: stopped, for it fell silent."""
        words = [self.program, "--tap", "-k", *self.mode]
        # Each by its name: a group stands for its own tests only, not for those of groups in it.
        for name in names:
            words += ["-p", name]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=self.environment)
        with self._lock:
            self._running.add(process)
        silent = threading.Event()
        alarm = [None]

        def rearm():
            if alarm[0]:
                alarm[0].cancel()
            alarm[0] = threading.Timer(self.silence, lambda: (silent.set(), process.kill()))
            alarm[0].daemon = True
            alarm[0].start()

        left, output, failed = list(names), [], False
        rearm()
        for raw in process.stdout:
            output.append(raw)
            result = _RESULT.match(raw.decode("utf-8", "replace").rstrip())
            if not result or result.group(2) not in left:
                if result:
                    report(False, result.group(2), "reported twice, or not in the list")
                continue
            rearm()
            left.remove(result.group(2))
            failed = failed or bool(result.group(1))
            report(not result.group(1), result.group(2), result.group(3))
        status = process.wait()
        alarm[0].cancel()
        with self._lock:
            self._running.discard(process)
            self.log.write(b"".join(output))
            self.log.flush()
        return output, None if silent.is_set() else status, left, failed

    def _stop(self):
        self._stopped = True
        with self._lock:
            for process in self._running:
                process.kill()


def tap(qemu, log, environment=None, slow=False, jobs=None):
    """(TAP text, exit status) of the whole list, as a single process would have given them."""
    runner = Runner(qemu, log, environment, slow, jobs)
    lines = []

    def report(good, name, text):
        lines.append((good, name, text))

    try:
        runner.run(report)
    except (Broken, OSError, subprocess.SubprocessError) as err:
        return f"Bail out! {err}\n", 1
    out = [f"1..{len(lines)}"]
    for number, (good, name, text) in enumerate(lines, 1):
        if good:
            out.append(f"ok {number} - {name}{text}")
        else:
            out += [f"not ok {number} - {name}", f"# {text.strip()}" if text.strip() else "# see the log"]
    for group, seconds in sorted(runner.seconds.items(), key=lambda item: -item[1]):
        out.append(f"# {seconds:6.1f} s {group}")
    text = "\n".join(out) + "\n"
    log.write(text.encode())
    return text, 0 if all(good for good, _, _ in lines) else 1


def _weight(group, names):
    """Longest first: time goes by the number of tests, but for those that wait or do much each."""
    return len(names) * _SLOW.get(group.rpartition("/")[2], 1)


# What a test of these groups takes, in tests of the others (measured).
_SLOW = {"queue_life": 8, "queue_vcpu": 6, "vcpu": 6, "migration": 6, "queue_migration": 7, "plug": 7}


def _ending(status):
    return f"signal {-status}" if status < 0 else f"status {status}"


def _why(output, status, silence):
    """Why a process did not get past a test, in a line: what it or QEMU said last, and how it ended."""
    ending = f"no result within {silence} s" if status is None else f"the program ended with {_ending(status)}"
    said = [line.decode("utf-8", "replace").strip() for line in output[-200:]]
    telling = [line for line in said if re.search(r"ERROR:|Assertion|assertion|runtime error|Bail out|terminated|died", line)]
    return ending + (f": {telling[0].lstrip('# ')}" if telling else "")
