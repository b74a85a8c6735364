# SPDX-License-Identifier: MIT
"""The numbers of the device contract, read from the header itself: hw.REG_ID, hw.DMA_CMD_START, ..."""

import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADER = os.path.join(TOP, "kernel", "include", "uapi", "linux", "mmapdemo_hw.h")

_DEFINE = re.compile(r"#define\s+MMAPDEMO_(\w+)\s+(0x[0-9a-fA-F]+|\d+)(?:U?L?L?)\b")
_ROW = re.compile(r"\tX\((\w+),\s+(\d),\s+(\w+)\s*,")


class Contract:
    """Every literal constant without its prefix; registers() with width and access."""

    def __init__(self, path=HEADER):
        with open(path, encoding="utf-8") as stream:
            self._text = stream.read()
        for name, value in _DEFINE.findall(self._text):
            setattr(self, name, int(value, 0))

    def registers(self, which="HW_REGS"):
        """(name, width, access) for each register of the list."""
        body = self._text.split(f"#define MMAPDEMO_{which}(X)")[1]
        rows = []
        for line in body.splitlines()[1:]:
            row = _ROW.match(line)
            if not row:
                break
            rows.append((row.group(1), int(row.group(2)), row.group(3)))
        return rows

    def qreg(self, queue, name):
        return self.QUEUE_TABLE + queue * self.QUEUE_STRIDE + getattr(self, f"QREG_{name}")

    def wreg(self, window, name):
        return self.WINDOW_TABLE + window * self.WINDOW_STRIDE + getattr(self, f"WREG_{name}")


hw = Contract()
