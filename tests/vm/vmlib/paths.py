# SPDX-License-Identifier: MIT
"""Where things are: the checkout, its outputs, and the cache outside it (the same rule as in lib.sh)."""

import os

VM = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(VM))
BUILD = os.path.join(TOP, "build")
LOG = os.path.join(BUILD, "log")
CACHE = os.environ.get("MMAPDEMO_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache"), "mmapdemo")
PYTHON = "/usr/bin/python3"
FIRMWARE = ("/usr/share/seabios", "/usr/share/qemu")
