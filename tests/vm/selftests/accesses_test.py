# SPDX-License-Identifier: MIT
"""Counting the accesses in QEMU's trace."""

import os
import tempfile
import unittest

from vmlib import accesses

TRACE = """memory_region_ops_write cpu 1 mr 0x55 addr 0xfe1000 value 0x1 size 4 name 'edu-mmio'
memory_region_ops_read cpu 1 mr 0x55 addr 0xfe1000 value 0x1 size 4 name 'edu-mmio'
memory_region_ops_write cpu 0 mr 0x66 addr 0xfe2000 value 0x1 size 4 name 'nvme'
mmapdemo_reg_read mmd0 something else name 'nvme'
memory_region_ops_write cpu 0 mr 0x66 addr 0xfe2000 value 0x2 size 4 name 'nvme'
"""


class Accesses(unittest.TestCase):
    def test_counts_by_name_and_kind_behind_the_mark(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "qemu.log")
            self.assertEqual(accesses.size(path), 0)
            self.assertEqual(accesses.count(path, 0), {})
            with open(path, "w", encoding="utf-8") as stream:
                stream.write("memory_region_ops_write of before name 'nvme'\n")
            mark = accesses.size(path)
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(TRACE)
            self.assertEqual(accesses.count(path, mark),
                             {"edu-mmio": {"read": 1, "write": 1}, "nvme": {"read": 0, "write": 2}})


if __name__ == "__main__":
    unittest.main()
