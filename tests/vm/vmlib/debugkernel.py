# SPDX-License-Identifier: MIT
"""Kernels that notice bugs: what they need to be told at boot.  What runs on them is in debugstages.py."""

KERNELS = ("debug", "kcsan")

# KASAN shows each report, not the first alone.  Who waits for a grace period of RCU waits for several ticks of 10 ms, which
# finds nothing; expedited ones interrupt the other processors instead.
_ARGS = {"debug": ("kasan_multi_shot", "rcupdate.rcu_expedited=1")}


def kernel_args(kernel):
    """Kernel arguments that go with that choice of kernel."""
    return _ARGS.get(kernel, ())
