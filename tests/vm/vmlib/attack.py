# SPDX-License-Identifier: MIT
"""Stages that attack: mutants of driver, device and library; fuzzing of the driver's decisions; the random stressor."""

import os
import re

from . import guest, paths, stages, steps, tap

TESTS = os.path.join(paths.TOP, "tests")
KILL_TABLE = os.path.join(paths.BUILD, "mutants.md")
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
    """number: None for all of them.  The kill table is part of what the stage says."""
    words = ("--all",) if number is None else ("--sample", str(number))
    run = _program("mutants", ("mutants/run", *words), MUTANT_SECONDS * (number or 100))

    def stage(log, _):
        try:
            os.unlink(KILL_TABLE)
        except FileNotFoundError:
            pass
        count = run(log)
        count.notes += kill_table(guest.tail(KILL_TABLE, 1 << 16))
        return count

    return stage


def kill_table(lines):
    """The first columns of build/mutants.md, for a terminal: mutant, where it is, the test, and how it ended."""
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines if line.startswith("|")]
    rows = [[row[0], row[2], row[3], row[4]] for row in rows if len(row) > 4 and not row[0].startswith("---")]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    return ["  ".join((*(text.ljust(width) for text, width in zip(row, widths)), row[3])) for row in rows]


def stress(seconds=STRESS_SECONDS):
    boot = stages.Boot("stress", tests=("stress_*",), environment={**stages.BESIDE_OTHERS, "MMAPDEMO_STRESS_MS": str(seconds * 1000)})
    run = stages.guest_tests(boot, 2 * seconds + 600)

    def stage(log, ready):
        count = run(log, ready)
        count.notes += guest.tail(os.path.join(paths.BUILD, "vm", "test-stress", "results", "stress"), 10)
        return count

    return stage


def run(suite, soak_hours=None):
    """Samples for test-deep, everything for soak."""
    suite.add("fuzz-policy", fuzz(int(soak_hours * 3600) if soak_hours else FUZZ_SECONDS))
    suite.add("stress", stress(int(min(soak_hours * 1800, STRESS_SECONDS_MAX)) if soak_hours else STRESS_SECONDS),
              needs=("guest-parts",))
    # Those of the device are builds of QEMU, too.
    suite.add("mutants", mutants(None if soak_hours else SAMPLE), needs=("guest-parts",))
