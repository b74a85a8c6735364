# SPDX-License-Identifier: MIT
"""What a run says of its host holds no path of it."""

import os
import unittest

from vmlib import hostenv, paths


class Portable(unittest.TestCase):
    def test_clone_and_cache_are_named(self):
        text = f"{paths.CACHE}/qemu/x -initrd {paths.TOP}/build/vm/a,file={paths.TOP}/build/b -L /usr/share/qemu"
        self.assertEqual(hostenv.portable(text), "CACHE/qemu/x -initrd TOP/build/vm/a,file=TOP/build/b -L /usr/share/qemu")

    def test_cache_within_the_clone(self):
        cache, paths.CACHE = paths.CACHE, os.path.join(paths.TOP, "cache")
        try:
            self.assertEqual(hostenv.portable(f"{paths.TOP}/cache/qemu {paths.TOP}/build"), "CACHE/qemu TOP/build")
        finally:
            paths.CACHE = cache
