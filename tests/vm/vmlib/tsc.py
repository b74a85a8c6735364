# SPDX-License-Identifier: MIT
"""How fast this machine's time-stamp counter runs, which under TCG is the guest's own.

A guest measures it while it boots, by a timer that is emulated: on a busy machine it has been wrong by a factor of 16,
and with tsc=reliable nothing mends that later; then each time limit and each time measured in that guest is wrong.
"""

import ctypes
import functools
import mmap
import platform
import time

# rdtsc; shl $32, %rdx; or %rdx, %rax; ret
_CODE = b"\x0f\x31\x48\xc1\xe2\x20\x48\x09\xd0\xc3"
_SECONDS = 0.1
_TRIES = 200


@functools.lru_cache
def khz():
    """Its frequency, or None where it cannot be told."""
    if platform.machine() != "x86_64":
        return None
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return None    # no memory that is both written and run: the guest measures, as before
    page.write(_CODE)
    place = (ctypes.c_char * mmap.PAGESIZE).from_buffer(page)
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(place))
    first = _pair(read)
    time.sleep(_SECONDS)
    second = _pair(read)
    del read, place
    page.close()
    return round((second[1] - first[1]) * 1e6 / (second[0] - first[0]))


def _pair(read):
    """(nanoseconds, counter) of one moment: of many tries that in which least time passed."""
    best = None
    for _ in range(_TRIES):
        before = time.monotonic_ns()
        count = read()
        after = time.monotonic_ns()
        if best is None or after - before < best[0]:
            best = (after - before, (before + after) / 2, count)
    return best[1:]
