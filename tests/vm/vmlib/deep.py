# SPDX-License-Identifier: MIT
"""The deep stages: what proves the QEMU device beyond its plain qtest.  Each builds what it needs, or says why it cannot."""

import os

from . import paths, qtest, stages, steps, tap

SCRIPTS = os.path.join(paths.TOP, "qemu-device", "scripts")
DEEP_TESTS = os.path.join(paths.TOP, "tests", "deep")
# QEMU versions besides that of qemu.lock, which the coverage stage tests.
LOCKS = ("qemu-10.2.lock",)
# The coverage stage runs the whole list in one process.
QTEST_SECONDS = 1500
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


class NotServed(Exception):
    """The mirror does not have it today; the text is what it said."""


def build(name, *arguments, lock=None):
    """Directory of a QEMU made by build-qemu with these arguments.  Raises NotServed or steps.StepError."""
    step = steps.Step(name, [os.path.join(SCRIPTS, "build-qemu"), *arguments], slots=os.cpu_count() or 1,
                      environment={"QEMU_LOCK": lock} if lock else None)
    try:
        return steps.Runner([step]).run()[name]
    except steps.StepError:
        if step.status == steps.SKIPPED:
            raise NotServed(step.last_line()) from None
        raise


def needing(name, *arguments, lock=None):
    """Make a stage function of function(log, qemu): it gets a QEMU built with these arguments."""
    def with_build(function):
        def stage(log):
            count = tap.Count()
            try:
                qemu = build(name, *arguments, lock=lock)
            except NotServed as reason:
                count.skip(name, str(reason))
                return count
            except steps.StepError as err:
                count.fail(f"{name}: {err}: see build/log/{name}.log")
                return count
            return function(log, qemu)

        return stage

    return with_build


def qtest_list(log, qemu, environment=None, slow=False):
    """The device's whole qtest on that QEMU."""
    return tap.count_tap(*qtest.tap(qemu, log, environment, slow), "qtest")


def run(suite, plan):
    asan = needing("qemu-asan", "--variant", "asan", "--qtest")

    def tool(name, *arguments, limit):
        """A program of tests/deep that prints TAP; {qemu} is the sanitizers' QEMU."""
        def stage(log, qemu):
            words = [os.path.join(DEEP_TESTS, name), *(word.format(qemu=qemu) for word in arguments)]
            return tap.count_tap(*stages.program(words, log, limit), name)

        return stage

    def series(log, _):
        """The patches for QEMU, by its own checkpatch."""
        return tap.count_tap(*stages.program([os.path.join(SCRIPTS, "series"), "--check"], log, 900), "series")

    suite.run("qtest-asan", asan(lambda log, qemu: qtest_list(log, qemu, SANITIZERS, plan.slow_qtest)))
    suite.run("vmstate", asan(tool("vmstate", "check", "{qemu}", limit=300)))
    suite.run("streams", asan(tool("streams", "check", "{qemu}", limit=900)))
    suite.run("streams-mutated", asan(tool("fuzz", "streams", "{qemu}", str(plan.streams), limit=1800)))
    suite.run("fuzz-replay", asan(tool("fuzz", "replay", "{qemu}", limit=900)))
    suite.run("fuzz", asan(tool("fuzz", "run", "{qemu}", str(plan.fuzz_seconds), limit=plan.fuzz_seconds + 900)))
    suite.run("coverage", needing("qemu-gcov", "--variant", "gcov", "--qtest")(
        tool("coverage", "{qemu}", limit=QTEST_SECONDS)))
    suite.run("series", needing("qemu-build", "--qtest")(series))
    for lock in LOCKS:
        name = lock[:-len(".lock")]
        newer = needing(name, "--qtest", lock=os.path.join(paths.TOP, "qemu-device", lock))
        suite.run(f"qtest-{name}", newer(qtest_list))
        suite.run(f"streams-{name}", newer(tool("streams", "check", "{qemu}", limit=900)))
