# SPDX-License-Identifier: MIT
"""How many accesses reach the models of devices: QEMU's trace of its memory regions, counted by their names.

One yardstick for every device, whether it counts itself or not.  Memory that the guest's processor reaches without QEMU's
help (a BAR that is RAM) leaves no line.
"""

import os
import re

EVENTS = ("memory_region_ops_read", "memory_region_ops_write")
_LINE = re.compile(r"\bmemory_region_ops_(read|write) .*name '([^']*)'")


def size(path):
    """Of a log that need not be there yet."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def count(path, start):
    """{NAME: {"read": N, "write": N}} of the lines behind byte start."""
    seen = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            stream.seek(start)
            for line in stream:
                found = _LINE.search(line)
                if found:
                    kind, name = found.groups()
                    seen.setdefault(name, {"read": 0, "write": 0})[kind] += 1
    except FileNotFoundError:
        pass
    return seen
