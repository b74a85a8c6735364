# SPDX-License-Identifier: MIT
"""The frequency that guests are told."""

import platform
import unittest

from vmlib import machine, tsc


class Frequency(unittest.TestCase):
    @unittest.skipUnless(platform.machine() == "x86_64", "the counter of x86 only")
    def test_two_measurements_agree(self):
        tsc.khz.cache_clear()
        first = tsc.khz()
        tsc.khz.cache_clear()
        second = tsc.khz()
        self.assertGreater(first, 100_000)
        self.assertLess(abs(first - second) / first, 0.002)

    def test_it_is_for_guests_that_see_this_counter(self):
        def told(**how):
            options = machine.Options()
            options.mmapdemo, options.peers = None, False
            for name, value in how.items():
                setattr(options, name, value)
            words = machine.command_line("/q", "/k", "/i", "/d", options, dict.fromkeys(("qmp", "out", "result", "ctl"), 3))
            return "tsc_early_khz=" in words[words.index("-append") + 1]

        self.assertEqual(told(), tsc.khz() is not None)
        self.assertFalse(told(icount="shift=4,sleep=off"))
        self.assertFalse(told(accel="kvm"))


if __name__ == "__main__":
    unittest.main()
