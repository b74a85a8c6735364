# SPDX-License-Identifier: MIT
"""The kernel matrix: the whole list of guest tests on the kernels that are not the default one, each in a plain boot; and
where there is a node for .mmap_prepare, those of mappings a second time, on that node.

A kernel that is not served today, or whose modules cannot be built on this machine, is skipped with the reason; a driver
that does not build there, or does not work, has failed.
"""

import os

from . import accel, deep, parts, paths, stages, steps, tap

KERNELS = tuple(kernel for kernel in parts.KERNELS if kernel != "6.12")
# Emulated, all tests on one kernel; several times what it takes.
SECONDS = 1500


def built_for(kernel, qemu, user):
    """What a guest of that kernel needs.  Raises deep.NotServed or steps.StepError."""
    places = {}
    for name, script in ((f"kernel-{kernel}", "fetch-kernel"), (f"driver-{kernel}", "build-module")):
        step = steps.Step(name, [os.path.join(paths.VM, script), "--kernel", kernel], slots=os.cpu_count() or 1)
        try:
            places[script] = steps.Runner([step]).run()[name]
        except steps.StepError:
            if step.status == steps.SKIPPED:
                raise deep.NotServed(step.last_line()) from None
            raise
    return parts.Parts(qemu, places["fetch-kernel"], user, places["build-module"])


def on_kernel(kernel, boot):
    """Guest tests on one kernel."""
    def stage(log):
        count = tap.Count()
        try:
            common = parts.build(module=False)
            built = built_for(kernel, common.qemu, common.user)
        except deep.NotServed as reason:
            count.skip(boot.name, str(reason))
            return count
        except steps.StepError as err:
            count.fail(f"{boot.name}: {err}: see build/log/driver-{kernel}.log")
            return count
        accelerator, _ = accel.choose(os.environ.get("ACCEL", "auto"), common)
        return stages.guest_tests(built, accelerator, boot, SECONDS)(log)

    return stage


# (kernel, boot)
BOOTS = (
    *((kernel, stages.Boot(f"guest-{kernel}")) for kernel in KERNELS),
    ("7", stages.Boot("guest-7-prepare", tests=("map_*",), environment={"MMAPDEMO_NODE": "mmapdemo-prepare"})),
)


def run(suite):
    for kernel, boot in BOOTS:
        suite.run(boot.name, on_kernel(kernel, boot))
