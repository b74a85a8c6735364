# SPDX-License-Identifier: MIT
"""The deep stages: what proves the QEMU device beyond its plain qtest.  Each builds what it needs, or says why it cannot."""

import os
import shutil

from . import builds, paths, stages, tap

SCRIPTS = os.path.join(paths.TOP, "qemu-device", "scripts")
DEEP_TESTS = os.path.join(paths.TOP, "tests", "deep")
# QEMU versions besides that of qemu.lock.
LOCKS = ("qemu-10.2.lock",)
# Counters of executed lines, left by the sanitizers' qtest for the coverage stage; below it by the name of that QEMU.
PROFILES = os.path.join(paths.BUILD, "coverage")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}


class Plan:
    """How long the stages run."""

    def __init__(self, fuzz_seconds, streams, slow_qtest):
        self.fuzz_seconds = fuzz_seconds
        self.streams = streams
        self.slow_qtest = slow_qtest


DEEP = Plan(fuzz_seconds=90, streams=300, slow_qtest=False)


def soak(hours):
    return Plan(fuzz_seconds=int(hours * 3600), streams=10000, slow_qtest=True)


def profiles_of(qemu):
    return os.path.join(PROFILES, os.path.basename(qemu))


def qtest_counted(slow):
    """The whole qtest on the sanitizers' QEMU, which counts the device's lines on the way."""
    def stage(log, qemu):
        shutil.rmtree(PROFILES, ignore_errors=True)
        os.makedirs(profiles_of(qemu))
        counted = {**SANITIZERS, "LLVM_PROFILE_FILE": os.path.join(profiles_of(qemu), "%4m.profraw")}
        return stages.qtest(counted, slow)(log, qemu)

    return stage


def run(suite, plan):
    builds.add_qemu(suite, "qemu-asan", "--variant", "asan", "--qtest")
    for lock in LOCKS:
        builds.add_qemu(suite, lock[:-len(".lock")], "--qtest", lock=os.path.join(paths.TOP, "qemu-device", lock))

    def tool(name, *arguments, limit):
        """A program of tests/deep that prints TAP; {qemu} is the QEMU that the stage needs, {profiles} its counters."""
        def stage(log, qemu):
            words = [os.path.join(DEEP_TESTS, name), *(word.format(qemu=qemu, profiles=profiles_of(qemu)) for word in arguments)]
            return tap.count_tap(*stages.program(words, log, limit), name)

        return stage

    def series(log, _):
        """The patches for QEMU, by its own checkpatch."""
        return tap.count_tap(*stages.program([os.path.join(SCRIPTS, "series"), "--check"], log, 900), "series")

    asan = ("qemu-asan",)
    suite.add("series", series, needs=("qemu",))
    suite.add("qtest-asan", qtest_counted(plan.slow_qtest), needs=asan)
    suite.add("vmstate", tool("vmstate", "check", "{qemu}", limit=300), needs=asan)
    suite.add("streams", tool("streams", "check", "{qemu}", limit=900), needs=asan)
    # What these three make on their way stands in one place.
    suite.add("streams-mutated", tool("fuzz", "streams", "{qemu}", str(plan.streams), limit=1800), needs=asan)
    suite.add("fuzz-replay", tool("fuzz", "replay", "{qemu}", limit=900), needs=asan, after=("streams-mutated",))
    suite.add("fuzz", tool("fuzz", "run", "{qemu}", str(plan.fuzz_seconds), limit=plan.fuzz_seconds + 900), needs=asan,
              after=("fuzz-replay",))
    suite.add("coverage", tool("coverage", "{qemu}", "--profiles", "{profiles}", limit=300), needs=asan, after=("qtest-asan",))
    for lock in LOCKS:
        name = lock[:-len(".lock")]
        suite.add(f"qtest-{name}", stages.qtest(), needs=(name,))
        suite.add(f"streams-{name}", tool("streams", "check", "{qemu}", limit=900), needs=(name,))
