# SPDX-License-Identifier: MIT
"""What the regression gate lets pass, and what not."""

import json
import os
import tempfile
import unittest

from vmlib import gate
from vmlib.results import ResultsError


def row(name, unit, median, judged_by=None, least=None, most=None, limit=None):
    return {"id": name, "unit": unit, "median": median, "judged_by": judged_by, "limit": limit, "min": median if least is None else least,
            "max": median if most is None else most}


def root(*rows):
    return {"env": {"kernel": "6.12", "qemu_version": "10.0.13 (Debian 1:10)", "accelerator": "tcg", "git_revision": "abc"},
            "metrics": list(rows)}


class Gate(unittest.TestCase):
    def verdicts(self, before, now):
        return [(name, kind) for name, kind, _ in gate.compare(gate.figures(root(*before)), gate.figures(root(*now)))]

    def test_same_figures_pass(self):
        rows = (row("X2", "each", 1.0), row("I1", "instructions each", 30.0))
        self.assertEqual(self.verdicts(rows, rows), [])

    def test_any_change_of_a_count_fails(self):
        for value in (0.999, 1.001, 0.0):
            self.assertEqual(self.verdicts([row("X2", "each", 1.0)], [row("X2", "each", value)]), [("X2", "failed")])

    def test_a_tail_of_a_count_fails(self):
        self.assertEqual(self.verdicts([row("X2", "each", 1.0)], [row("X2", "each", 1.0, most=2.0)]), [("X2", "failed")])
        self.assertEqual(self.verdicts([row("X2", "each", 1.0)], [row("X2", "each", 1.0, least=0.0)]), [("X2", "failed")])

    def test_a_tail_of_what_is_judged_by_its_median_passes(self):
        self.assertEqual(self.verdicts([row("X2.poll", "each", 0.0, "median")], [row("X2.poll", "each", 0.0, "median", most=1.0)]), [])

    def test_instructions_within_one_percent_are_told(self):
        before = [row("I2", "instructions each", 1000.0)]
        for value, kind in ((1010.0, "changed"), (990.0, "changed"), (1010.1, "failed"), (989.9, "failed")):
            self.assertEqual(self.verdicts(before, [row("I2", "instructions each", value)]), [("I2", kind)], value)

    def test_instructions_of_faults_go_by_the_least(self):
        self.assertEqual(self.verdicts([row("I4.bar_fault", "instructions per page", 3200.0, "min")],
                                       [row("I4.bar_fault", "instructions per page", 4000.0, "min", least=3200.0)]), [])

    def test_pages_go_by_the_least_with_and_without_a_target(self):
        self.assertEqual(self.verdicts([row("I4.noncontig", "instructions per page", 305.5, least=302.0)],
                                       [row("I4.noncontig", "instructions per page", 1157.7, least=302.8)]), [("I4.noncontig", "changed")])

    def test_inequality_is_held_against_its_limit(self):
        before = [row("X4.depth64", "each", 1 / 64, "every", limit=[None, 1 / 32])]
        for value, said in ((1 / 32, []), (1 / 64, []), (3 / 64, [("X4.depth64", "failed")])):
            self.assertEqual(self.verdicts(before, [row("X4.depth64", "each", value, "every", most=1.0, limit=[None, 1 / 32])]), said, value)
        before = [row("X9", "each", 5.0, "every", limit=[4.0, None])]
        self.assertEqual(self.verdicts(before, [row("X9", "each", 3.9, "every", limit=[4.0, None])]), [("X9", "failed")])

    def test_equality_is_held_against_the_reference(self):
        before = [row("X2", "each", 1.0, "every", limit=[1.0, 1.0])]
        self.assertEqual(self.verdicts(before, [row("X2", "each", 2.0, "every", limit=[1.0, 1.0])]), [("X2", "failed")])

    def test_faults_are_counts(self):
        self.assertEqual(self.verdicts([row("I5.bar", "faults each", 0.0)], [row("I5.bar", "faults each", 1.0)]), [("I5.bar", "failed")])

    def test_a_row_that_has_gone_fails_and_a_new_one_is_told(self):
        self.assertEqual(self.verdicts([row("X1", "each", 0.0), row("X2", "each", 1.0)], [row("X2", "each", 1.0), row("X3", "each", 1.0)]),
                         [("X1", "failed"), ("X3", "changed")])
        self.assertEqual(self.verdicts([row("X1", "each", 0.0), row("X2", "each", 1.0)], [row("X1", "each", None), row("X2", "each", 1.0)]),
                         [("X1", "failed")])

    def test_other_rows_are_not_watched(self):
        found = gate.figures(root(row("X1", "each", 0.0), row("L1.load32", "ns", 5.0), row("W1", "s", 60.0)))
        self.assertEqual(list(found), ["X1"])

    def test_no_rows_are_refused(self):
        for rows in ((), (row("L1", "ns", 1.0),), (row("X1", "each", None),)):
            with self.assertRaises(ResultsError):
                gate.figures(root(*rows))

    def test_damaged_results_are_refused(self):
        for text in ("", "{", "[]", "{}", '{"metrics": 1, "env": {}}'):
            with self.assertRaises(ResultsError):
                gate.load(text)

    def test_reference_reads_back_and_passes(self):
        run = root(row("X2", "each", 1.0), row("I4.bar", "instructions per page", 48.296875, "min"))
        read = json.loads(gate.write(gate.reference(run, "cc 12")))
        self.assertEqual(gate.compare(read["rows"], gate.figures(run)), [])
        self.assertEqual((read["revision"], read["compiler"]), ("abc", "cc 12"))

    def test_reference_is_named_by_kernel_and_qemu(self):
        self.assertEqual(gate.name_of(root()["env"]), "linux-6.12,qemu-10.0.13-(Debian-1:10).json")

    def test_every_watched_row_has_a_place_to_look_at(self):
        for name in ("X1.load", "X2.64.writes", "X4.depth1", "I1", "I2.info", "I3", "I4.bar", "I5.bar"):
            self.assertNotEqual(gate.place(name)[0], "the benchmark itself", name)

    def drift(self, before, *rows):
        with tempfile.TemporaryDirectory() as directory:
            now = root(*rows)
            if before is not None:
                with open(os.path.join(directory, gate.name_of(now["env"])), "w", encoding="utf-8") as stream:
                    stream.write(gate.write(gate.reference(root(*before), "cc")))
            return gate.drift(now, directory)

    def test_drift_of_equal_figures_is_none(self):
        rows = (row("X2", "each", 1.0), row("X3", "each", 0.0), row("I1", "instructions each", 30.0))
        counts, instructions = self.drift(rows, *rows)
        self.assertEqual((counts["id"], counts["n"], counts["max"], counts["verdict"]), ("G1.counts", 2, 0.0, "pass"))
        self.assertEqual((instructions["id"], instructions["n"], instructions["max"], instructions["verdict"]),
                         ("G1.instructions", 1, 0.0, "pass"))

    def test_drift_of_a_count_fails(self):
        counts, instructions = self.drift((row("X2", "each", 1.0), row("X3", "each", 0.0)), row("X2", "each", 1.0), row("X3", "each", 1.0))
        self.assertEqual((counts["max"], counts["median"], counts["verdict"]), (1.0, 0.5, "fail"))
        self.assertEqual((instructions["n"], instructions["max"], instructions["verdict"]), (0, None, "skipped"))
        self.assertIsNotNone(instructions["reason"])

    def test_drift_of_instructions_is_the_largest(self):
        before = (row("I1", "instructions each", 100.0), row("I2", "instructions each", 1000.0))
        for value, percent, verdict in ((1010.0, 1.0, "pass"), (989.0, 1.1, "fail"), (1001.5, 0.15, "pass")):
            drifted = self.drift(before, row("I1", "instructions each", 100.0), row("I2", "instructions each", value))[1]
            self.assertEqual((drifted["min"], drifted["max"], drifted["verdict"]), (0.0, percent, verdict), value)

    def test_drift_without_a_reference_or_counts_is_skipped(self):
        for before, rows, words in ((None, [row("X2", "each", 1.0)], "no reference: "),
                                    ([row("X2", "each", 1.0)], [row("D1", "ns", 1.0)], "nothing that is counted")):
            for one in self.drift(before, *rows):
                self.assertEqual((one["verdict"], one["median"]), ("skipped", None))
                self.assertIn(words, one["reason"])
