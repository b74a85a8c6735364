# SPDX-License-Identifier: MIT
"""Results of several boots become one, or an error that says why not."""

import copy
import json
import unittest

from vmlib.results import Boot, ResultsError, merge


def results(name, ids=("A",), **more):
    value = {"schema": 2, "env": {"cmdline": name}, "run": {"cases": 2, "errors": 0, "seconds": 3.5, "pairs": 61},
             "controls": [], "metrics": [{"id": i, "boot": name} for i in ids],
             "ratios": [{"id": f"{i}.ratio", "boot": name} for i in ids]}
    value.update(more)
    return value


def boot(name, value, seconds=10.0):
    return Boot(name, 4.0, seconds, json.dumps(value))


class Merge(unittest.TestCase):
    def setUp(self):
        self.timed = results("timed", ("L1", "D1"))
        self.icount = results("icount", ("I1",))

    def merged(self, whole=True, seconds=(70.0, 20.0)):
        return merge([boot("timed", self.timed, seconds[0]), boot("icount", self.icount, seconds[1])], whole)

    def test_rows_of_both_in_order(self):
        merged = self.merged()
        self.assertEqual([row["id"] for row in merged["metrics"]], ["L1", "D1", "I1", "W1"])
        self.assertEqual([row["id"] for row in merged["ratios"]], ["L1.ratio", "D1.ratio", "I1.ratio"])
        self.assertEqual(merged["env"], {"cmdline": "timed"})
        self.assertEqual([b["env"]["cmdline"] for b in merged["boots"]], ["timed", "icount"])
        self.assertEqual(merged["run"], {"cases": 4, "errors": 0, "seconds": 7.0, "pairs": 61})

    def test_three_boots_in_order(self):
        merged = merge([boot("timed", self.timed), boot("iommu", results("iommu", ("V1",))), boot("icount", self.icount)], True)
        self.assertEqual([row["id"] for row in merged["metrics"]], ["L1", "D1", "V1", "I1", "W1"])
        self.assertEqual([b["boot"] for b in merged["boots"]], ["timed", "iommu", "icount"])
        self.assertEqual((merged["metrics"][-1]["boot"], merged["metrics"][-1]["median"]), ("all", 30.0))

    def test_inputs_stay_as_they_were(self):
        before = copy.deepcopy(self.timed)
        self.merged()
        self.assertEqual(self.timed, before)

    def wall(self, **more):
        return self.merged(**more)["metrics"][-1]

    def test_wall_time_is_the_sum(self):
        self.assertEqual(self.wall()["median"], 90.0)
        self.assertEqual(self.wall()["verdict"], "pass")

    def test_wall_time_at_its_limit(self):
        self.assertEqual(self.wall(seconds=(100.0, 20.0))["verdict"], "pass")
        self.assertEqual(self.wall(seconds=(100.0, 20.1))["verdict"], "fail")

    def test_wall_time_of_a_part_is_not_judged(self):
        row = self.wall(whole=False, seconds=(500.0, 1.0))
        self.assertEqual(row["verdict"], "info")
        self.assertIsNotNone(row["reason"])

    def test_one_boot_alone(self):
        merged = merge([boot("icount", self.icount)], False)
        self.assertEqual([row["id"] for row in merged["metrics"]], ["I1", "W1"])
        self.assertEqual(len(merged["boots"]), 1)

    def refused(self, words):
        with self.assertRaises(ResultsError) as caught:
            self.merged()
        self.assertIn(words, str(caught.exception))

    def test_same_row_twice_is_refused(self):
        self.icount["metrics"].append({"id": "D1", "boot": "icount"})
        self.refused("two rows D1")

    def test_same_id_in_two_lists_is_refused(self):
        self.icount["ratios"].append({"id": "L1", "boot": "icount"})
        self.refused("two rows L1")

    def test_row_of_another_boot_is_refused(self):
        self.icount["metrics"][0]["boot"] = "timed"
        self.refused("row I1")

    def test_other_version_is_refused(self):
        self.icount["schema"] = 1
        self.refused("versions")

    def test_nothing_is_refused(self):
        with self.assertRaises(ResultsError):
            merge([], True)

    def test_damaged_text_is_refused(self):
        for text in ("", "{", "[]", "null", '{"metrics": 1}'):
            with self.assertRaises(ResultsError, msg=text):
                Boot("timed", 1.0, 1.0, text)


if __name__ == "__main__":
    unittest.main()
