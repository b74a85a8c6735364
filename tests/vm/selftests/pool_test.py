# SPDX-License-Identifier: MIT
"""Pooling boots: what is mixed, what is not, and what the interval is."""

import json
import unittest

from vmlib.pool import pool, rank
from vmlib.results import Boot, merge


def row(name, unit, median, ci95=None, verdict="info", **more):
    value = dict.fromkeys(("min", "p10", "p50", "p90", "p99", "max"), median)
    value.update(id=name, boot="timed", unit=unit, n=10 if median is not None else 0, median=median, ci95=ci95, outliers=1,
                 spread=1.0, limit=None, target=None, judged_by=None, errors=0, verdict=verdict, reason=None, tries=1)
    value.update(more)
    return value


def boot(metrics=(), ratios=()):
    return Boot("timed", 4.0, 10.0, json.dumps({"schema": 2, "env": {}, "run": {"errors": 1, "cases": 1, "seconds": 1.0},
                                                "controls": [], "metrics": list(metrics), "ratios": list(ratios)}))


def ratio_of(*rows):
    return pool([boot(ratios=[one] if one else []) for one in rows]).results["ratios"][0]


class Pool(unittest.TestCase):
    def test_median_of_the_boots_medians(self):
        pooled = ratio_of(row("R", "ratio", 2.0, [1.9, 2.1]), row("R", "ratio", 5.0, [4.9, 5.1]), row("R", "ratio", 3.0, [2.9, 3.1]))
        self.assertEqual(pooled["median"], 3.0)
        self.assertEqual(pooled["boot_medians"], [2.0, 5.0, 3.0])
        self.assertEqual((pooled["n"], pooled["min"], pooled["max"]), (30, 2.0, 5.0))

    def test_few_boots_have_the_widest_interval(self):
        self.assertEqual(ratio_of(row("R", "ratio", 2.0, [1.9, 2.1]), row("R", "ratio", 3.0, [2.5, 3.5]))["ci95"], [1.9, 3.5])

    def test_many_boots_give_their_own_interval(self):
        rows = [row("R", "ratio", float(n), [0.0, 100.0]) for n in range(1, 10)]
        self.assertEqual(ratio_of(*rows)["ci95"], [2.0, 8.0])

    def test_ranks_hold_95_percent(self):
        # From tables of the sign test.
        self.assertEqual([rank(n) for n in (5, 6, 8, 9, 11, 12, 20, 25)], [0, 1, 1, 2, 2, 3, 6, 8])

    def test_times_are_those_of_the_first_boot(self):
        pooled = pool([boot([row("T", "ns per copy", 10.0)]), boot([row("T", "ns per copy", 99.0)])]).results["metrics"][0]
        self.assertEqual(pooled["median"], 10.0)
        self.assertNotIn("boot_medians", pooled)

    def test_counts_keep_their_extremes_and_are_judged_anew(self):
        limit = {"limit": [1.0, 1.0], "target": "1", "judged_by": "every"}
        pooled = pool([boot([row("X2", "each", 1.0, verdict="pass", **limit)]),
                       boot([row("X2", "each", 1.0, verdict="fail", **{**limit, "max": 2.0})]),
                       boot([row("X2", "each", 1.0, verdict="pass", **limit)])]).results["metrics"][0]
        self.assertEqual((pooled["median"], pooled["max"], pooled["verdict"]), (1.0, 2.0, "fail"))

    def test_verdict_is_that_of_the_pooled_median(self):
        limit = {"limit": [3.0, None], "target": ">= 3", "judged_by": "median"}
        rows = [row("P1", "ratio", value, [value, value], "pass" if value >= 3 else "fail", **limit) for value in (2.5, 3.5, 3.2)]
        self.assertEqual(ratio_of(*rows)["verdict"], "pass")
        self.assertEqual(ratio_of(*rows[:2], rows[0])["verdict"], "fail")

    def test_disturbed_boots_are_left_out_and_told(self):
        pooled = ratio_of(row("R", "ratio", None, verdict="inconclusive"), row("R", "ratio", 3.0, [2.0, 4.0]), None,
                          row("R", "ratio", 9.0, [8.0, 10.0], "noisy"))
        self.assertEqual(pooled["median"], 3.0)
        self.assertIn("of 4 boots, 3", pooled["reason"])
        self.assertEqual(pooled["boot_medians"], [None, 3.0, None, 9.0])

    def test_row_without_a_figure_anywhere_stays_as_it_was(self):
        self.assertEqual(ratio_of(row("R", "ratio", None, verdict="skipped"), row("R", "ratio", None, verdict="skipped"))["verdict"], "skipped")

    def test_histograms_add_up(self):
        hist = {"relative_error": 0.015625, "under": 1, "over": 0, "buckets": [[1.0, 2.0, 3], [4.0, 5.0, 1]]}
        other = {"relative_error": 0.015625, "under": 0, "over": 2, "buckets": [[1.0, 2.0, 1], [2.0, 3.0, 7]]}
        pooled = pool([boot([row("X", "each", 1.0, histogram=hist)]), boot([row("X", "each", 1.0, histogram=other)])])
        self.assertEqual(pooled.results["metrics"][0]["histogram"], {"relative_error": 0.015625, "under": 1, "over": 2, "buckets": [
            [1.0, 2.0, 4], [2.0, 3.0, 7], [4.0, 5.0, 1]]})

    def test_errors_of_every_boot_count_and_the_result_merges(self):
        pooled = pool([boot(ratios=[row("R", "ratio", 1.0)]), boot(ratios=[row("R", "ratio", 2.0)])])
        self.assertEqual(merge([pooled], False)["run"]["errors"], 2)
