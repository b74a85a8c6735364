# SPDX-License-Identifier: MIT
"""What detectors have reported is counted by the bug that was planted for them; what a scan found is counted at all."""

import os
import tempfile
import unittest

from vmlib import debugstages, tap
from vmlib.detectors import DEBUG_BUGS, KCSAN_BUGS, LOCKDEP_BUGS, Bug, judge, parts_of, script

LOG = """[    1.0] mmapdemo: before the first mark: BUG: KASAN: of nobody
[    2.0] planted: mark quiet
[    2.1] planted: nothing to see
[    3.0] planted: mark loud
[    3.1] BUG: KASAN: slab-out-of-bounds in planted_write+0x1/0x2
[    3.2] Call Trace:
[    4.0] planted: mark end
[    4.1] WARNING: after the end
"""
QUIET = Bug("mark", name="quiet")
LOUD = Bug("loud", "KASAN")


class Judge(unittest.TestCase):
    def judged(self, *bugs, log=LOG, name="kernel.log"):
        with tempfile.TemporaryDirectory() as directory:
            os.mkdir(os.path.join(directory, "results"))
            where = os.path.join(directory, "results", name) if name == "kernel.log" else os.path.join(directory, name)
            with open(where, "w", encoding="utf-8") as stream:
                stream.write(log)
            return judge(bugs, directory, "test")

    def test_parts_begin_at_their_marks(self):
        parts = parts_of(LOG)
        self.assertEqual(sorted(parts), ["end", "loud", "quiet"])
        self.assertNotIn("KASAN", parts["quiet"])
        self.assertIn("Call Trace", parts["loud"])

    def test_reported_and_quiet_pass(self):
        self.assertEqual(str(self.judged(QUIET, LOUD)), "2 passed, 0 failed, 0 skipped")

    def test_console_does_when_the_guest_left_no_log(self):
        self.assertEqual(str(self.judged(QUIET, LOUD, name="console.log")), "2 passed, 0 failed, 0 skipped")

    def test_bug_that_is_not_reported_fails(self):
        count = self.judged(LOUD, log=LOG.replace("BUG: KASAN", "something"))
        self.assertEqual(count.failed, 1)
        self.assertIn("wanted a report of kind KASAN, found none", count.failures[0])

    def test_report_of_another_kind_fails(self):
        self.assertEqual(self.judged(Bug("loud", "lockdep")).failed, 1)

    def test_report_where_none_may_be_fails(self):
        self.assertEqual(self.judged(Bug("mark", name="loud")).failed, 1)

    def test_guest_that_did_not_get_there_fails(self):
        self.assertIn("did not get there", self.judged(Bug("never", "KASAN")).failures[0])

    def test_empty_log_fails_all(self):
        self.assertEqual(self.judged(QUIET, LOUD, log="").failed, 2)


class Script(unittest.TestCase):
    def test_names_are_marks_of_their_own(self):
        for bugs in (DEBUG_BUGS, LOCKDEP_BUGS, KCSAN_BUGS):
            names = [bug.name for bug in bugs]
            self.assertEqual(len(names), len(set(names)))
            for name in names:
                self.assertEqual(script(bugs).split("\n").count(f"mark {name}"), 1)

    def test_each_bug_is_of_a_process_of_its_own(self):
        text = script((Bug("one", "KASAN"), Bug("lkdtm:TWO", "KASAN")))
        self.assertIn("(echo one 1<>/dev/planted)", text)
        self.assertIn("(echo TWO >/sys/kernel/debug/provoke-crash/DIRECT)", text)


class Leaks(unittest.TestCase):
    def judged(self, text):
        count = tap.Count()
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "kmemleak")
            if text is not None:
                with open(path, "w", encoding="utf-8") as stream:
                    stream.write(text)
            debugstages.judge_leaks(count, "test", path)
        return count

    def test_nothing_found_passes(self):
        self.assertEqual(str(self.judged("")), "1 passed, 0 failed, 0 skipped")

    def test_each_object_is_counted(self):
        count = self.judged("unreferenced object 0xffff (size 64):\n  backtrace\nunreferenced object 0xfffe (size 8):\n")
        self.assertEqual(count.failed, 1)
        self.assertIn("2 unreferenced objects", count.failures[0])

    def test_no_scan_fails(self):
        self.assertEqual(self.judged(None).failed, 1)


if __name__ == "__main__":
    unittest.main()
