# SPDX-License-Identifier: MIT
"""The traps of counting test results."""

import unittest

from vmlib.tap import count_summary, count_tap

GOOD = "1..2\nok 1 - one\nok 2 - two\n"


class CountTap(unittest.TestCase):
    def counted(self, text, status=0):
        count = count_tap(text, status, "t")
        self.assertEqual(count.failed, len(count.failures), count.failures)
        self.assertEqual(count.skipped, len(count.skips), count.skips)
        return count.passed, count.failed, count.skipped

    def test_good_counts_each(self):
        self.assertEqual(self.counted(GOOD), (2, 0, 0))

    def test_plan_at_end_counts(self):
        self.assertEqual(self.counted("ok 1 - one\nnot ok 2 - two\n1..2\n", 1), (1, 1, 0))

    def test_missing_plan_fails(self):
        self.assertEqual(self.counted("ok 1 - one\nok 2 - two\n"), (2, 1, 0))

    def test_empty_output_fails(self):
        self.assertEqual(self.counted("")[1], 1)

    def test_empty_output_with_crash_fails(self):
        self.assertEqual(self.counted("", -11)[1], 1)

    def test_truncated_fails(self):
        self.assertEqual(self.counted("1..3\nok 1 - one\nok 2 - two\n"), (2, 1, 0))

    def test_truncated_inside_line_fails(self):
        self.assertEqual(self.counted("1..2\nok 1 - one\nno"), (1, 1, 0))

    def test_more_than_planned_fails(self):
        self.assertEqual(self.counted("1..1\nok 1 - one\nok 2 - two\n"), (2, 1, 0))

    def test_same_number_twice_fails(self):
        self.assertEqual(self.counted("1..1\nok 1 - one\nok 1 - one\n"), (2, 1, 0))

    def test_gap_in_numbers_fails(self):
        self.assertEqual(self.counted("1..2\nok 1 - one\nok 3 - three\n"), (2, 1, 0))

    def test_two_plans_fail(self):
        self.assertEqual(self.counted("1..1\nok 1 - one\n1..1\n"), (1, 1, 0))

    def test_not_ok_fails(self):
        self.assertEqual(self.counted("1..2\nok 1 - one\nnot ok 2 - two\n", 1), (1, 1, 0))

    def test_not_ok_with_status_0_fails(self):
        self.assertEqual(self.counted("1..1\nnot ok 1 - one\n", 0), (0, 1, 0))

    def test_todo_is_no_excuse(self):
        self.assertEqual(self.counted("1..1\nnot ok 1 - one # todo later\n"), (0, 1, 0))

    def test_todo_that_passes_is_no_pass(self):
        self.assertEqual(self.counted("1..1\nok 1 - one # todo later\n"), (0, 1, 0))

    def test_crash_after_last_test_fails(self):
        self.assertEqual(self.counted(GOOD, -6), (2, 1, 0))

    def test_exit_status_without_failed_test_fails(self):
        self.assertEqual(self.counted(GOOD, 1), (2, 1, 0))

    def test_no_status_fails(self):
        self.assertEqual(self.counted(GOOD, None), (2, 1, 0))

    def test_bail_out_fails(self):
        self.assertEqual(self.counted("1..1\nok 1 - one\nBail out! gone\n"), (1, 1, 0))

    def test_zero_tests_fail(self):
        self.assertEqual(self.counted("1..0\n")[1], 1)

    def test_whole_skip_with_reason_is_one_skip(self):
        self.assertEqual(self.counted("1..0 # SKIP no device\n"), (0, 0, 1))

    def test_whole_skip_without_reason_fails(self):
        self.assertEqual(self.counted("1..0 # SKIP\n"), (0, 1, 0))

    def test_skip_with_reason(self):
        self.assertEqual(self.counted("1..2\nok 1 - one # SKIP no iommu\nok 2 - two\n"), (1, 0, 1))

    def test_skip_without_reason_fails(self):
        self.assertEqual(self.counted("1..1\nok 1 - one # SKIP\n"), (0, 1, 0))

    def test_glib_style_names(self):
        self.assertEqual(self.counted("TAP version 13\n# random seed: R02\n1..1\n# Start of x tests\nok 1 /x/y\n"), (1, 0, 0))

    def test_subtests_and_comments_do_not_count(self):
        self.assertEqual(self.counted("1..1\n    ok 1 - inner\n    1..1\n# ok 2 - comment\nok 1 - outer\n"), (1, 0, 0))

    def test_word_that_begins_with_ok_does_not_count(self):
        self.assertEqual(self.counted("1..1\nokay so far\nok 1 - one\n"), (1, 0, 0))

    def test_unnumbered_tests_count(self):
        self.assertEqual(self.counted("1..2\nok\nok - two\n"), (2, 0, 0))

    def test_comment_after_failure_is_shown(self):
        count = count_tap("1..2\nnot ok 1 - one\n# because\n# and so on\nok 2 - two\n# no failure\n", 1, "t")
        self.assertEqual(count.failures, ["t: one: because"])


class CountSummary(unittest.TestCase):
    def counted(self, text, status=0):
        count = count_summary(text, status, "s")
        return count.passed, count.failed, count.skipped

    def test_good(self):
        self.assertEqual(self.counted("checked\n3 passed, 0 failed, 1 skipped\n"), (3, 0, 1))

    def test_failed_keeps_count(self):
        self.assertEqual(self.counted("3 passed, 2 failed, 0 skipped\n", 1), (3, 2, 0))

    def test_failures_are_named(self):
        count = count_summary("ok - a\nnot ok - b\n    why\n1 passed, 1 failed, 0 skipped\n", 1, "s")
        self.assertEqual((count.failed, count.failures), (1, ["s: b"]))

    def test_no_last_line_fails(self):
        self.assertEqual(self.counted("3 passed, 0 failed, 1 skipped\nTraceback\n", 1), (0, 1, 0))

    def test_empty_fails(self):
        self.assertEqual(self.counted(""), (0, 1, 0))

    def test_nothing_run_fails(self):
        self.assertEqual(self.counted("0 passed, 0 failed, 0 skipped\n"), (0, 1, 0))

    def test_bad_status_with_no_failure_fails(self):
        self.assertEqual(self.counted("3 passed, 0 failed, 0 skipped\n", 1), (3, 1, 0))


if __name__ == "__main__":
    unittest.main()
