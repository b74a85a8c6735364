# SPDX-License-Identifier: MIT
"""Build steps: order, failure, and never more of them at a time than CPUs."""

import io
import os
import tempfile
import unittest
from unittest import mock

from vmlib import paths, steps


class Runner(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = directory.name
        patch = mock.patch.object(paths, "LOG", os.path.join(directory.name, "log"))
        patch.start()
        self.addCleanup(patch.stop)
        self.stream = io.StringIO()

    def run_steps(self, *plan, cpus=2):
        with mock.patch.object(os, "cpu_count", lambda: cpus):
            return steps.Runner(list(plan), verbose=True, stream=self.stream).run()

    def shell(self, name, script, **kwargs):
        return steps.Step(name, ["sh", "-c", script], **kwargs)

    def test_result_is_the_last_line(self):
        self.assertEqual(self.run_steps(self.shell("a", "echo one; echo two; echo noise >&2")), {"a": "two"})

    def test_steps_wait_for_what_they_need(self):
        mark = os.path.join(self.directory, "mark")
        result = self.run_steps(self.shell("late", f"cat {mark}", after=("early",)),
                                self.shell("early", f"sleep 0.2; echo done > {mark}"))
        self.assertEqual(result["late"], "done")

    def test_failure_shows_the_log_and_stops_what_follows(self):
        mark = os.path.join(self.directory, "mark")
        with self.assertRaises(steps.StepError):
            self.run_steps(self.shell("bad", "echo the reason >&2; exit 3"),
                           self.shell("never", f"touch {mark}", after=("bad",)))
        self.assertIn("the reason", self.stream.getvalue())
        self.assertFalse(os.path.exists(mark))

    def test_missing_program_is_a_failure(self):
        with self.assertRaises(steps.StepError):
            self.run_steps(steps.Step("gone", [os.path.join(self.directory, "no-such-program")]))

    def test_never_more_than_cpus(self):
        count = os.path.join(self.directory, "running")
        os.mkdir(count)
        script = f"mkdir {count}/$$; sleep 0.1; n=$(ls {count} | wc -l); rmdir {count}/$$; echo $n"
        result = self.run_steps(*(self.shell(f"s{i}", script) for i in range(5)))
        self.assertLessEqual(max(int(value) for value in result.values()), 2)

    def test_all_cpus_means_alone(self):
        count = os.path.join(self.directory, "running")
        os.mkdir(count)
        script = f"mkdir {count}/$$; sleep 0.1; n=$(ls {count} | wc -l); rmdir {count}/$$; echo $n"
        result = self.run_steps(self.shell("small", script), self.shell("whole", script, slots=2),
                                self.shell("other", script))
        self.assertEqual(result["whole"], "1")


if __name__ == "__main__":
    unittest.main()
