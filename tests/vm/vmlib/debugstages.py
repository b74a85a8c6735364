# SPDX-License-Identifier: MIT
"""Stages on the kernels that notice bugs: that they do, and all guest tests with them."""

import os

from . import builds, debugkernel, detectors, paths, stages

# What the guest's own tests are given of time: MMAPDEMO_TEST_SCALE, see tests/guest/harness.c.
TIME_SCALE = 6
SECONDS = 2400
BOOT_SECONDS = 400
# Of map_random.c, whose ten thousand are a third of what a boot takes here; in make soak they are all made.
FEWER_STEPS = {"MMAPDEMO_TEST_STEPS": "2000"}
STRICT_IOMMU = ("intel_iommu=on", "iommu.strict=1")

# Objects that nobody points to any more are younger than five seconds when they were lost at the end.
_LEAK_SCAN = """
rmmod mmapdemo 2>/dev/null
echo scan >/sys/kernel/debug/kmemleak
sleep 5.5
echo scan >/sys/kernel/debug/kmemleak
cat /sys/kernel/debug/kmemleak >/results/kmemleak
"""
# What boot itself has lost is not ours.  Of errors of the DMA API, each is reported, not the first of a boot alone.
_BEGIN = """
echo scan >/sys/kernel/debug/kmemleak
echo clear >/sys/kernel/debug/kmemleak
echo 1000 >/sys/kernel/debug/dma-api/num_errors
"""


# All guest tests, in boots of about the same length that can run side by side.
GUEST_PARTS = (("map", "m*"), ("other", "[!m]*"))


def guest_tests(name, kernel, command, append=STRICT_IOMMU, iommu=True, environment=None):
    """Everything that the command tests, and a look for leaks at its end."""
    script = command
    if kernel == "debug":
        script = f"{_BEGIN}{command}\nstatus=$?\n{_LEAK_SCAN}\nexit $status"
    boot = stages.Boot(name, append=(*debugkernel.kernel_args(kernel), *append), iommu=iommu, command=script,
                       environment={"MMAPDEMO_TEST_SCALE": str(TIME_SCALE), **(environment or {})}, boot_seconds=BOOT_SECONDS)

    def stage(log, ready):
        count = stages.guest_tests(boot, SECONDS)(log, ready)
        if kernel == "debug":
            judge_leaks(count, name, os.path.join(paths.BUILD, "vm", f"test-{name}", "results", "kmemleak"))
        return count

    return stage


def judge_leaks(count, name, path):
    """One more test: what the last scan found."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            found = stream.read()
    except OSError:
        count.fail(f"{name}: no_memory_is_lost: no scan was made")
        return
    objects = found.count("unreferenced object")
    if objects:
        count.fail(f"{name}: no_memory_is_lost: {objects} unreferenced objects: see {os.path.relpath(path)}")
    else:
        count.passed += 1


def planted(name, kernel, bugs):
    """Each detector reports the bug that is planted for it."""
    def stage(log, ready):
        module = detectors.build_module(ready.built.kernel, log)
        boot = stages.Boot(name, append=(*debugkernel.kernel_args(kernel), *STRICT_IOMMU), iommu=True,
                           command=detectors.script(bugs), files={"lib/modules/mmapdemo-planted.ko": module},
                           load_module=False, boot_seconds=BOOT_SECONDS)
        return stages.guest_tests(boot, SECONDS, lambda outcome: detectors.judge(bugs, outcome.directory, name))(log, ready)

    return stage


def run(suite, soak=False):
    builds.add_kernel(suite, "debug")
    debug = ("guest-parts-debug",)
    # The longest first.  The second part takes more than a fresh machine has time for in CI.
    for part, pattern in GUEST_PARTS if soak else GUEST_PARTS[:1]:
        name = f"guest-debug-{part}"
        suite.add(name, guest_tests(name, "debug", f"mmapdemo-guest-tests '{pattern}'", environment=None if soak else FEWER_STEPS),
                  needs=debug, cell=("debug", f"strict vIOMMU, {part}"))
    suite.add("detectors", planted("detectors", "debug", detectors.DEBUG_BUGS), needs=debug)
    if not soak:
        return
    for bug in detectors.LOCKDEP_BUGS:
        suite.add(f"detectors-{bug.name}", planted(f"detectors-{bug.name}", "debug", (bug,)), needs=debug)
    for part, pattern in GUEST_PARTS:
        # Every DMA by a bounce buffer: what is not synced shows, and bouncing allocates.
        name = f"guest-debug-swiotlb-{part}"
        suite.add(name, guest_tests(name, "debug", f"mmapdemo-guest-tests '{pattern}'", append=("swiotlb=force",), iommu=False),
                  needs=debug, cell=("debug", f"swiotlb=force, {part}"))
    suite.add("fail-nth", guest_tests("fail-nth", "debug", "mmapdemo-fail-nth"), needs=debug, cell=("debug", "fail-nth"))
