# SPDX-License-Identifier: MIT
"""Stages side by side: never more than there are CPUs for, no failure lost, nothing left behind."""

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from vmlib import schedule, tap

VM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Run(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        self.ended = []
        self.stream = io.StringIO()
        self.schedule = schedule.Scheduler(lambda task, values: task.function(*values), self.ended.append, cores=2,
                                           stream=self.stream)

    def mark(self, name):
        return os.path.join(self.directory, name)

    def passes(self, seconds=0.0):
        """A stage that leaves how many ran with it, itself included."""
        def stage(*_):
            running = self.mark(f"running-{os.getpid()}")
            open(running, "w", encoding="ascii").close()
            time.sleep(seconds)
            count = tap.Count(passed=sum(name.startswith("running-") for name in os.listdir(self.directory)))
            os.unlink(running)
            return count

        return stage

    def counts(self):
        self.schedule.run()
        return {task.name: task.count for task in self.ended}

    def test_two_run_at_a_time_and_not_three(self):
        for name in "abcd":
            self.schedule.add(name, self.passes(0.3))
        self.assertEqual(max(count.passed for count in self.counts().values()), 2)

    def test_one_that_takes_all_runs_alone(self):
        self.schedule.add("a", self.passes(0.1))
        self.schedule.add("whole", self.passes(0.2), cores=2)
        self.schedule.add("b", self.passes(0.1))
        self.assertEqual(self.counts()["whole"].passed, 1)

    def test_one_that_takes_more_than_there_is_runs(self):
        self.schedule.add("huge", self.passes(), cores=64)
        self.assertEqual(self.counts()["huge"].passed, 1)

    def test_smaller_ones_do_not_overtake_for_ever(self):
        self.schedule.add("a", self.passes(0.3))
        self.schedule.add("whole", self.passes(), cores=2)
        self.schedule.add("b", self.passes())
        self.counts()
        self.assertEqual([task.name for task in self.ended], ["a", "whole", "b"])

    def test_after_waits_for_the_end_of_a_failed_one_too(self):
        self.schedule.add("first", lambda: time.sleep(0.3) or os._exit(1))
        self.schedule.add("second", self.passes(), after=("first",))
        counts = self.counts()
        self.assertEqual([task.name for task in self.ended], ["first", "second"])
        self.assertEqual((counts["first"].failed, counts["second"].passed), (1, 1))

    def test_builds_are_one_at_a_time_beside_stages(self):
        def build():
            return self.passes(0.3)().passed

        for name in ("one", "two", "three"):
            self.schedule.build(name, build)
        self.schedule.add("with", lambda *values: tap.Count(passed=max(values)), needs=("one", "two", "three"))
        self.assertEqual(self.counts()["with"].passed, 1)

    def test_build_takes_the_place_of_a_stage_and_goes_first(self):
        self.schedule.add("a", self.passes(0.2))
        self.schedule.add("b", self.passes(0.2))
        self.schedule.build("late", lambda: self.passes(0.5)().passed, after=("a",))
        self.schedule.add("c", self.passes(0.2))
        self.schedule.add("d", self.passes(0.2))
        self.schedule.add("with", lambda late: tap.Count(passed=late), needs=("late",))
        counts = self.counts()
        self.assertLessEqual(max(count.passed for count in counts.values()), 2)
        self.assertEqual(self.ended[-1].name, "with")

    def test_fetch_runs_beside_all_and_fails_nobody(self):
        self.schedule.build("first", lambda: self.passes(0.5)().passed)
        self.schedule.fetch("a", self.passes(2.0))
        self.schedule.fetch("b", lambda: 1 // 0)
        self.schedule.add("with", lambda first: tap.Count(passed=first), needs=("first",))
        self.assertEqual({name: str(count) for name, count in self.counts().items()}, {"with": "2 passed, 0 failed, 0 skipped"})
        with self.assertRaises(ValueError):
            self.schedule.add("needs", self.passes(), needs=("a",))

    def test_what_was_built_comes_to_those_who_need_it(self):
        self.schedule.build("number", lambda: 20)
        self.schedule.build("sum", lambda number: number + 3, needs=("number",))
        self.schedule.add("uses", lambda number, total: tap.Count(passed=number + total), needs=("number", "sum"))
        self.assertEqual(self.counts()["uses"].passed, 43)

    def test_failed_build_fails_each_that_needs_it(self):
        self.schedule.build("bad", lambda: 1 // 0)
        self.schedule.build("on_it", lambda bad: bad, needs=("bad",))
        self.schedule.add("a", self.passes(), needs=("bad",))
        self.schedule.add("b", self.passes(), needs=("on_it",))
        self.schedule.add("c", self.passes())
        counts = self.counts()
        self.assertEqual([counts[name].failed for name in "abc"], [1, 1, 0])
        self.assertIn("bad: ZeroDivisionError", counts["b"].failures[0])

    def test_failed_build_that_nobody_needs_is_a_failure(self):
        self.schedule.build("bad", lambda: 1 // 0)
        self.assertEqual(self.counts()["bad"].failed, 1)

    def test_what_is_not_served_is_skipped_with_the_reason(self):
        def build():
            raise schedule.NotServed("the mirror has none")

        self.schedule.build("kernel", build)
        self.schedule.add("on_it", self.passes(), needs=("kernel",))
        self.assertEqual(self.counts()["on_it"].skips, ["on_it: the mirror has none"])

    def test_stage_that_dies_has_failed_by_name(self):
        self.schedule.add("killed", lambda: os.kill(os.getpid(), signal.SIGKILL))
        self.schedule.add("leaves", lambda: os._exit(0))
        self.schedule.add("raises", lambda: 1 // 0)
        self.schedule.add("asked", lambda: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(5))
        self.schedule.add("fine", self.passes())
        saved = os.dup(2)
        self.addCleanup(os.close, saved)
        with open(os.devnull, "w", encoding="ascii") as null:
            os.dup2(null.fileno(), 2)
            counts = self.counts()
            os.dup2(saved, 2)
        self.assertEqual({name: count.failed for name, count in counts.items()},
                         {"killed": 1, "leaves": 1, "raises": 1, "asked": 1, "fine": 0})
        self.assertIn("signal 9", counts["killed"].failures[0])

    def test_processor_time_counts_what_a_stage_runs(self):
        self.schedule.add("busy", lambda: subprocess.run(["sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done"],
                                                         check=True) and tap.Count(passed=1))
        self.schedule.add("idle", self.passes(0.3))
        self.counts()
        seconds = {task.name: task.cpu_seconds for task in self.ended}
        self.assertGreater(seconds["busy"], seconds["idle"])

    def test_large_answer_comes_whole(self):
        def stage():
            count = tap.Count()
            for number in range(20000):
                count.fail(f"test number {number}")
            return count

        self.schedule.add("many", stage)
        self.assertEqual(len(self.counts()["many"].failures), 20000)

    def test_unknown_need_and_double_name_are_refused(self):
        self.schedule.add("a", self.passes())
        for how in ({"needs": ("b",)}, {"after": ("b",)}, {"needs": ("a",)}):
            with self.assertRaises(ValueError):
                self.schedule.add("c", self.passes(), **how)
        with self.assertRaises(ValueError):
            self.schedule.build("a", self.passes())

    def test_chosen_stages_bring_what_they_need(self):
        self.schedule.build("one", lambda: 1)
        self.schedule.build("two", lambda one: one + 1, needs=("one",))
        self.schedule.build("unused", lambda: 1 // 0)
        self.schedule.add("before", self.passes(), needs=("unused",))
        self.schedule.add("test-a", lambda two: tap.Count(passed=two), needs=("two",), after=("before",))
        self.schedule.keep(["test-*"])
        self.assertEqual({name: count.passed for name, count in self.counts().items()}, {"test-a": 2})
        with self.assertRaises(ValueError):
            self.schedule.keep(["no-*"])

    def test_what_a_stage_leaves_running_is_ended(self):
        path = self.mark("pid")
        self.schedule.add("leaves", lambda: subprocess.Popen(["sh", "-c", f"echo $$ >{path}; exec sleep 60"])
                          and time.sleep(0.3) or tap.Count(passed=1))
        self.assertEqual(self.counts()["leaves"].passed, 1)
        self.assertTrue(gone(path))


def gone(path, seconds=60.0):
    """Is the process whose number stands there gone, in that time?"""
    with open(path, encoding="ascii") as stream:
        number = int(stream.read())
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(f"/proc/{number}/stat", encoding="ascii") as stream:
                if stream.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


PROGRAM = """
import signal, subprocess, sys
sys.path.insert(0, sys.argv[1])
from vmlib import schedule, session
def work(name):
    def function(*_):
        path = f"{sys.argv[2]}/{name}"
        subprocess.run(["sh", "-c", f"echo $$ >{path}.new; mv {path}.new {path}; exec sleep 60"])
    return function
session.end_on_sigterm()
# A shell's background job ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
one = schedule.Scheduler(lambda task, values: task.function(), lambda task: None, cores=3)
one.add("a", work("a"))
one.add("b", work("b"))
one.build("c", work("c"))
try:
    one.run()
except KeyboardInterrupt:
    sys.exit(130)
"""


class End(unittest.TestCase):
    """The suite is told to end, or is killed."""

    def end(self, number):
        with tempfile.TemporaryDirectory() as directory:
            process = subprocess.Popen([sys.executable, "-c", PROGRAM, VM, directory], stderr=subprocess.DEVNULL,
                                       start_new_session=True)
            paths = [os.path.join(directory, name) for name in "abc"]
            until = time.monotonic() + 20
            while not all(os.path.exists(path) for path in paths) and time.monotonic() < until:
                time.sleep(0.05)
            # To it alone; the terminal's interrupt does not reach the stages either.
            process.send_signal(number)
            status = process.wait(20)
            return status, [gone(path) for path in paths]

    def test_terminate_ends_all(self):
        self.assertEqual(self.end(signal.SIGTERM), (130, [True] * 3))

    def test_interrupt_ends_all(self):
        self.assertEqual(self.end(signal.SIGINT), (130, [True] * 3))

    def test_kill_leaves_no_stage(self):
        self.assertEqual(self.end(signal.SIGKILL), (-signal.SIGKILL, [True] * 3))


class Cores(unittest.TestCase):
    def test_there_is_one_at_least(self):
        self.assertGreaterEqual(schedule.cores_here(), 1)


if __name__ == "__main__":
    unittest.main()
