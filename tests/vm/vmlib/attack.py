# SPDX-License-Identifier: MIT
"""Stages that attack: mutants of driver, device and library; fuzzing of the driver's decisions; the random stressor."""

import os

from . import paths, stages, steps, tap

TESTS = os.path.join(paths.TOP, "tests")
# A mutant of the device is a build of QEMU's changed files and a link, that of the driver a module and a boot.
MUTANT_SECONDS = 400
FUZZ_SECONDS = 30
SAMPLE = 5
# Of sequences, and as many of threads; five minutes of each are the most.
STRESS_SECONDS = 30
STRESS_SECONDS_MAX = 300


def _program(name, words, limit):
    """TAP of a program of tests/; status 77: it cannot run here, and says why last."""
    def stage(log, *_):
        text, status = stages.program([os.path.join(TESTS, words[0]), *words[1:]], log, limit)
        if status == steps.SKIPPED:
            count = tap.Count()
            count.skip(name, (text.strip().splitlines() or ["no reason was given"])[-1])
            return count
        return tap.count_tap(text, status, name)

    return stage


def fuzz(seconds=FUZZ_SECONDS):
    return _program("fuzz-policy", ("fuzz/run", "fuzz", str(seconds)), seconds + 300)


def mutants(number=SAMPLE):
    """number: None for all of them."""
    words = ("--all",) if number is None else ("--sample", str(number))
    return _program("mutants", ("mutants/run", *words), MUTANT_SECONDS * (number or 100))


def stress(seconds=STRESS_SECONDS):
    boot = stages.Boot("stress", tests=("stress_*",), environment={"MMAPDEMO_STRESS_MS": str(seconds * 1000)})
    return stages.guest_tests(boot, 2 * seconds + 600)


def run(suite, soak_hours=None):
    """Samples for test-deep, everything for soak."""
    suite.add("fuzz-policy", fuzz(int(soak_hours * 3600) if soak_hours else FUZZ_SECONDS))
    suite.add("stress", stress(int(min(soak_hours * 1800, STRESS_SECONDS_MAX)) if soak_hours else STRESS_SECONDS),
              needs=("guest-parts",))
    # Those of the device are builds of QEMU, too.
    suite.add("mutants", mutants(None if soak_hours else SAMPLE), needs=("guest-parts",))
