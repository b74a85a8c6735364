# SPDX-License-Identifier: MIT
"""The builds of the test suites: what each stage says it needs, made once, by name."""

import os

from . import accel, debugkernel, parts, paths, schedule, steps

SCRIPTS = os.path.join(paths.TOP, "qemu-device", "scripts")


class Ready:
    """All that a guest takes."""

    def __init__(self, built, accelerator):
        self.built = built
        self.accelerator = accelerator


def run_step(name, *words, environment=None):
    """The result of a command.  Raises schedule.NotServed when it says so, or steps.StepError."""
    step = steps.Step(name, words, slots=os.cpu_count() or 1, environment=environment)
    try:
        return steps.Runner([step], live=False).run()[name]
    except steps.StepError:
        if step.status == steps.SKIPPED:
            raise schedule.NotServed(step.last_line()) from None
        raise


def _fetch(suite, name, *words, environment=None):
    suite.fetch(name, lambda: run_step(name, *words, environment=environment))


def add_guest(suite):
    """What the default guest is made of: "programs" (user space, the driver, Debian's kernel), "qemu", and both with the
    accelerator as "guest-parts"."""
    _fetch(suite, "fetch-qemu", os.path.join(SCRIPTS, "fetch-qemu"))
    suite.build("programs", lambda: parts.build(qemu=False, tests=True, live=False))
    suite.build("qemu", lambda: parts.build_qemu(tests=True, live=False))

    def join(programs, qemu):
        built = parts.Parts(qemu, programs.kernel, programs.user, programs.module)
        accelerator, why = accel.choose(os.environ.get("ACCEL", "auto"), built)
        print(f"accelerator: {accelerator} ({why})")
        return Ready(built, accelerator)

    # It may try whether KVM works, in time.
    suite.build("guest-parts", join, needs=("programs", "qemu"), nice=0)


def add_qemu(suite, name, *arguments, lock=None):
    """One more QEMU, made by build-qemu with these arguments: its directory."""
    if lock:
        _fetch(suite, f"fetch-{name}", os.path.join(SCRIPTS, "fetch-qemu"), environment={"QEMU_LOCK": lock})
    suite.build(name, lambda: run_step(name, os.path.join(SCRIPTS, "build-qemu"), *arguments,
                                       environment={"QEMU_LOCK": lock} if lock else None))


def add_kernel(suite, kernel):
    """The default guest with another kernel, and the driver built for it: "guest-parts-KERNEL"."""
    def build(ready):
        choice = ("--kernel", kernel)
        directory = run_step(f"kernel-{kernel}", os.path.join(paths.VM, "fetch-kernel"), *choice)
        module = run_step(f"driver-{kernel}", os.path.join(paths.VM, "build-module"), *choice)
        return Ready(parts.Parts(ready.built.qemu, directory, ready.built.user, module), ready.accelerator)

    assert kernel in parts.CHOICES
    if kernel in debugkernel.KERNELS:
        if "fetch-linux" not in suite.schedule.tasks:
            _fetch(suite, "fetch-linux", os.path.join(paths.VM, "fetch-linux"))
    else:
        _fetch(suite, f"fetch-kernel-{kernel}", os.path.join(paths.VM, "fetch-kernel"), "--kernel", kernel)
    suite.build(f"guest-parts-{kernel}", build, needs=("guest-parts",))
