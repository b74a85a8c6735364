# SPDX-License-Identifier: MIT
"""The table of kernels: what it shows, and for how long it remembers."""

import contextlib
import io
import os
import tempfile
import unittest
from unittest import mock

from vmlib import kernels, paths, tap


class Table(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.key = "one"
        for patch in (mock.patch.object(paths, "BUILD", directory.name),
                      mock.patch.object(kernels, "KEPT", os.path.join(directory.name, "kernels.json")),
                      mock.patch.object(kernels, "key_of_sources", lambda: self.key)):
            patch.start()
            self.addCleanup(patch.stop)

    def shown(self, suite, **cells):
        table = kernels.Table(suite)
        for name, count in cells.items():
            kernel, configuration = name.split("__")
            table.enter((kernel.replace("_", "."), configuration), count, 12.3)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            table.show()
        return [line.split() for line in out.getvalue().splitlines() if line]

    def test_rows_are_in_order_with_their_results(self):
        count = tap.Count(passed=3)
        count.fail("x")
        skip = tap.Count()
        skip.skip("x", "not served")
        rows = self.shown("soak", debug__plain=count, **{"7__plain": skip, "6_12__plain": tap.Count(passed=7), "6_1__plain": count})
        self.assertEqual([row[:3] for row in rows[1:]], [["6.1", "plain", "FAILED"], ["6.12", "plain", "passed"],
                                                        ["7", "plain", "skipped"], ["debug", "plain", "FAILED"]])
        self.assertEqual(rows[2][3:], ["7", "0", "0", "12", "make", "soak"])

    def test_another_suite_adds_to_it_until_the_sources_change(self):
        self.shown("test", a__plain=tap.Count(passed=1))
        self.assertEqual(len(self.shown("test-deep", b__plain=tap.Count(passed=1))), 3)
        self.key = "two"
        self.assertEqual(len(self.shown("test-deep", b__plain=tap.Count(passed=1))), 2)

    def test_nothing_is_shown_of_nothing(self):
        self.assertEqual(self.shown("test"), [])


if __name__ == "__main__":
    unittest.main()
