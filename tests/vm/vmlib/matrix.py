# SPDX-License-Identifier: MIT
"""The kernel matrix: the whole list of guest tests on the kernels that are not the default one, each in a plain boot; and
where there is a node for .mmap_prepare, those of mappings a second time, on that node.

A kernel that is not served today, or whose modules cannot be built on this machine, is skipped with the reason; a driver
that does not build there, or does not work, has failed.
"""

from . import builds, parts, stages

KERNELS = tuple(kernel for kernel in parts.KERNELS if kernel != "6.12")
# Emulated, all tests on one kernel; several times what it takes.
SECONDS = 1500

# (kernel, boot)
BOOTS = (
    *((kernel, stages.Boot(f"guest-{kernel}", environment=stages.BESIDE_OTHERS)) for kernel in KERNELS),
    ("7", stages.Boot("guest-7-prepare", ".mmap_prepare", tests=("map_*",),
                      environment={**stages.BESIDE_OTHERS, "MMAPDEMO_NODE": "mmapdemo-prepare"})),
)


def run(suite):
    for kernel in KERNELS:
        builds.add_kernel(suite, kernel)
    for kernel, boot in BOOTS:
        suite.add(boot.name, stages.guest_tests(boot, SECONDS), needs=(f"guest-parts-{kernel}",), cell=(kernel, boot.configuration))
