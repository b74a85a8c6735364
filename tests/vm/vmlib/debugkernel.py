# SPDX-License-Identifier: MIT
"""Kernels that notice bugs: what they need to be told at boot.  What runs on them is in debugstages.py."""

KERNELS = ("debug", "kcsan")

# KASAN shows each report, not the first alone.
_ARGS = {"debug": ("kasan_multi_shot",)}


def kernel_args(kernel):
    """Kernel arguments that go with that choice of kernel."""
    return _ARGS.get(kernel, ())
