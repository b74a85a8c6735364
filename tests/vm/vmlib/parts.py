# SPDX-License-Identifier: MIT
"""Build what a guest needs.  The QEMU build is the longest: it starts first, the others use what it leaves free."""

import os

from . import debugkernel, paths, steps


class Parts:
    """Directories of what was built; user and module may be None."""

    def __init__(self, qemu, kernel, user, module):
        self.qemu = qemu
        self.kernel = kernel
        self.user = user
        self.module = module


# What fetch-kernel knows, besides a kernel of one's own.
KERNELS = ("6.1", "6.12", "7")
CHOICES = (*KERNELS, *debugkernel.KERNELS)


def _qemu_steps(tests):
    scripts = os.path.join(paths.TOP, "qemu-device", "scripts")
    build = os.path.join(scripts, "build-qemu")
    return [
        steps.Step("qemu-source", [os.path.join(scripts, "fetch-qemu")]),
        steps.Step("meson", [os.path.join(scripts, "fetch-meson")], slots=0),
        steps.Step("qemu-configure", [build, "--configure-only"], after=("qemu-source", "meson")),
        steps.Step("qemu-build", [build, *(["--qtest"] if tests else [])], after=("qemu-configure",),
                   slots=os.cpu_count() or 1),
    ]


def build_qemu(tests=False, live=True):
    """Bring QEMU up to date; its directory."""
    return steps.Runner(_qemu_steps(tests), live=live).run()["qemu-build"]


def build(qemu=None, user=True, module=True, verbose=False, tests=False, kernel=None, live=True):
    """Bring everything up to date.  qemu: a directory to use instead of building one, or False for none.  tests: what runs
    on the host, too.  kernel: one of CHOICES."""
    plan = _qemu_steps(tests) if qemu is None else []
    choice = ["--kernel", kernel] if kernel else []
    # Debian's kernels only come; ours are built.
    plan.append(steps.Step("kernel", [os.path.join(paths.VM, "fetch-kernel"), *choice],
                           slots=os.cpu_count() or 1 if kernel in debugkernel.KERNELS else 1))
    if user and os.path.exists(os.path.join(paths.TOP, "meson.build")):
        plan.append(steps.Step("userspace", [os.path.join(paths.VM, "build-user"), *(["--tests"] if tests else [])]))
    if module and os.path.exists(os.path.join(paths.TOP, "kernel", "Kbuild")):
        plan.append(steps.Step("driver", [os.path.join(paths.VM, "build-module"), *choice], after=("kernel",)))
    results = steps.Runner(plan, verbose, live=live).run()
    return Parts(results["qemu-build"] if qemu is None else qemu or None, results["kernel"], results.get("userspace"), results.get("driver"))
