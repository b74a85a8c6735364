# SPDX-License-Identifier: MIT
"""Inputs for QEMU's generic fuzzer, made by hand from the contract: without them it would take hours to find out in
which order the registers must be written before a queue does anything.

Its format: operations separated by "FUZZ"; what the device reads of guest memory comes from patterns, in turn.
"""

import os
import struct

from contract import hw

SEPARATOR = b"FUZZ"
READ, WRITE, PCI_READ, PCI_WRITE, PATTERN, CLEAR_PATTERNS, CLOCK_STEP = 2, 3, 4, 5, 7, 8, 9
SIZE = {1: 0, 2: 1, 4: 2, 8: 3}
# The device's regions in the order of their addresses, as the fuzzer counts them.
REGS, DOORBELL, MSIX_TABLE, MSIX_PBA, ALIAS = range(5)
RING = 0x100000
DATA = 0x200000
LIST = 0x300000


def write(directory):
    """All of them, replacing those of an older version."""
    os.makedirs(directory, exist_ok=True)
    for name in os.listdir(directory):
        if name.startswith("seed-"):
            os.unlink(os.path.join(directory, name))
    for name, operations in programs().items():
        with open(os.path.join(directory, f"seed-{name}.bin"), "wb") as stream:
            stream.write(SEPARATOR.join(operations))


def rd(region, offset, width=4):
    return struct.pack("<BBBxxL", READ, SIZE[width], region, offset)


def wr(region, offset, value, width=4):
    return struct.pack("<BBBxxLQ", WRITE, SIZE[width], region, offset, value & (1 << 64) - 1)


def reg(offset, value, width=4):
    return wr(REGS, offset, value, width)


def pci(offset, value, width=4):
    return struct.pack("<BBBBxL", PCI_WRITE, SIZE[width], 0, offset, value)


def pattern(data, index=0, stride=0):
    return struct.pack("<BBB", PATTERN, index, stride) + data


STEP = struct.pack("<B", CLOCK_STEP)


def transfer(cmd, addr=DATA, length=4096, count=0, dev_off=0, repeat=1):
    return [reg(hw.REG_DMA_ADDR, addr, 8), reg(hw.REG_DMA_DEV_OFF, dev_off, 8), reg(hw.REG_DMA_LEN, length),
            reg(hw.REG_DMA_SG_COUNT, count), reg(hw.REG_DMA_REPEAT, repeat), reg(hw.REG_DMA_SEQ, 1, 8),
            reg(hw.REG_DMA_CMD, hw.DMA_CMD_START | cmd)]


def window(number, addr, length, kind=hw.WKIND_BUS, first=0, shift=0, access=hw.WCFG_READ | hw.WCFG_WRITE, pd=0):
    cfg = pd | access | kind << hw.WCFG_KIND_SHIFT | hw.WCFG_VALID
    return [reg(hw.wreg(number, "ADDR"), addr, 8), reg(hw.wreg(number, "LEN"), length, 8),
            reg(hw.wreg(number, "FIRST"), first), reg(hw.wreg(number, "SHIFT"), shift),
            reg(hw.wreg(number, "CFG"), cfg)]


def queue(number, base=RING, log2n=3, pd=0, vector=2, gap=0, count=0):
    return [reg(hw.qreg(number, "BASE"), base, 8), reg(hw.qreg(number, "LOG2N"), log2n),
            reg(hw.qreg(number, "PD"), pd), reg(hw.qreg(number, "VECTOR"), vector),
            reg(hw.qreg(number, "IRQ_GAP_NS"), gap), reg(hw.qreg(number, "IRQ_COUNT"), count),
            reg(hw.qreg(number, "CTL"), hw.QCTL_ENABLE)]


def sqe(op, length=64, src=0, dst=1, src_off=0, dst_off=0, arg=0, nsrc=0, ndst=0):
    return struct.pack("<BBHHHLLLLQQQQQ", op, 0, nsrc, ndst, 0, length, 0, src, dst, src_off, dst_off, arg, 0x55, 0)


def ring(number):
    return wr(DOORBELL, number * hw.DOORBELL_STRIDE, 1)


def windows():
    return window(0, DATA, 0x10000) + window(1, 0, 0x100000, hw.WKIND_MEM)


def tail(count):
    return pattern(struct.pack("<L", count))


def programs():
    """{name: [operation, ...]}"""
    made = {}
    for name, cmd in (("to-device", 0), ("from-device", hw.DMA_CMD_FROM_DEVICE), ("irq", hw.DMA_CMD_IRQ),
                      ("timed", hw.DMA_CMD_TIMED)):
        for length in (64, 4096, 0x80000):
            made[f"dma-{name}-{length}"] = transfer(cmd, length=length, repeat=3 if cmd == hw.DMA_CMD_TIMED else 1)
    for each in (16, 4096):
        sg = pattern(struct.pack("<QLL", DATA, each, 0), 1, 16)
        made[f"dma-list-{each}"] = [sg] + transfer(hw.DMA_CMD_SG, LIST, 8 * each, 8) + [STEP]
    made["dma-abort"] = transfer(0, length=0x100000) + [reg(hw.REG_DMA_CMD, hw.DMA_CMD_ABORT)]
    made["dma-arm"] = transfer(0, length=0x100000) + [reg(hw.REG_DMA_CMD, hw.DMA_CMD_ARM_IRQ)]
    made["dma-bus-off"] = transfer(0, length=0x100000) + [pci(4, 2, 2)]
    made["dma-reset"] = transfer(0, length=0x100000) + [reg(hw.REG_RESET, hw.RESET_KEY)]
    made["registers"] = [rd(REGS, getattr(hw, f"REG_{name}"), width) for name, width, _ in hw.registers()]
    made["registers-written"] = [reg(getattr(hw, f"REG_{name}"), 1, width) for name, width, access in hw.registers()
                                 if access != "RO" and name != "DMA_CMD"]
    made["interrupts"] = [reg(hw.REG_IRQ_ENABLE, hw.IRQ_ALL), reg(hw.REG_IRQ_RAISE, hw.IRQ_ALL),
                          reg(hw.REG_IRQ_STATUS, hw.IRQ_ALL)]
    # Vector 2 to its own queue's doorbell: where the fuzzer's PCI setup puts BAR1 is for it to find.
    made["msix"] = [wr(MSIX_TABLE, 0x20, 0xe0040000), wr(MSIX_TABLE, 0x28, 1), wr(MSIX_TABLE, 0x2c, 0),
                    rd(MSIX_PBA, 0, 8), reg(hw.REG_IRQ_ENABLE, hw.IRQ_ALL), reg(hw.REG_IRQ_RAISE, 1)]
    made["alias"] = [wr(ALIAS, offset, 0x1122334455667788, width)
                     for offset, width in ((0, 1), (2, 2), (4, 4), (8, 8), (0xffff8, 8), (3, 4))]
    made["queue-registers"] = [rd(REGS, hw.qreg(1, name), width) for name, width, _ in hw.registers("HW_QREGS")]
    made["window-registers"] = [rd(REGS, hw.wreg(1, name), width) for name, width, _ in hw.registers("HW_WREGS")]

    # The first four bytes of a descriptor, its operation, are a good tail, too; so one pattern serves every read,
    # whatever their order.  As an element of a list it names window 1, as an entry of a page list page 0.
    operations = {"copy": sqe(hw.OP_COPY), "copy-64k": sqe(hw.OP_COPY, 0x10000),
                  "fill": sqe(hw.OP_FILL, 100, 0, 1, arg=0x0102030405060708), "compare": sqe(hw.OP_COMPARE),
                  "crc32c": sqe(hw.OP_CRC32C, 0x3000, 0, 0), "timed": sqe(hw.OP_TIMED, 4096, arg=3),
                  "opcode": sqe(hw.OP_MAX + 1), "window": sqe(hw.OP_COPY, 64, 9, 1),
                  "range": sqe(hw.OP_COPY, 64, 0, 1, 0xffff), "length": sqe(hw.OP_COPY, hw.QUEUE_MAX_LEN + 1),
                  "list": sqe(hw.OP_COPY, 4, 1, 0, ndst=2), "list-sum": sqe(hw.OP_COPY, 5, 1, 0, ndst=2),
                  "list-long": sqe(hw.OP_COPY, 0x10000, 1, 0, ndst=hw.QUEUE_MAX_LIST),
                  "pages": sqe(hw.OP_COPY, 0x3000, 2, 1), "pages-2": sqe(hw.OP_COPY, 0x3000, 1, 3)}
    page_windows = windows() + window(2, LIST, 0x8000, hw.WKIND_LIST, 100, 12) + window(3, LIST, 0x400000, hw.WKIND_LIST2, 0, 12)
    for name, descriptor in operations.items():
        made[f"queue-{name}"] = [pattern(descriptor)] + page_windows + queue(0) + [ring(0), STEP]
    made["queue-nop"] = [tail(1), pattern(sqe(hw.OP_NOP, 0, 0, 0)), pattern(sqe(hw.OP_NOP, 0, 0, 0))] + queue(0) + [ring(0), STEP]
    made["queue-lying-tail"] = [tail(9)] + windows() + queue(0) + [ring(0)]
    made["queue-pause"] = ([pattern(sqe(hw.OP_COPY, 0x20000, 1, 1))] + windows() + queue(0)
                           + [ring(0), reg(hw.qreg(0, "CTL"), hw.QCTL_PAUSE), reg(hw.qreg(0, "CTL"), hw.QCTL_RESUME), STEP])
    made["queue-window-gone"] = ([pattern(sqe(hw.OP_COPY, 0x20000, 1, 1))] + windows() + queue(0)
                                 + [ring(0), reg(hw.wreg(1, "CFG"), 0), rd(REGS, hw.wreg(1, "CFG")), STEP])
    made["queue-disable"] = ([pattern(sqe(hw.OP_COPY, 0x20000, 1, 1))] + windows() + queue(0)
                             + [ring(0), reg(hw.qreg(0, "CTL"), hw.QCTL_DISABLE), rd(REGS, hw.qreg(0, "STATE"))])
    made["queue-domain"] = ([pattern(sqe(hw.OP_COPY))] + window(0, DATA, 0x1000, pd=1)
                            + window(1, 0, 0x1000, hw.WKIND_MEM, pd=2) + queue(1, pd=1) + [ring(1), STEP])
    made["queue-moderation"] = ([pattern(sqe(hw.OP_CRC32C, 4, 0, 0))] + windows() + queue(0, gap=1000, count=4)
                                + [ring(0), STEP, ring(0), STEP, reg(hw.REG_QUEUE_IRQ_STATUS, 1, 8)])
    made["queue-base"] = queue(0, base=0xffffffffffffff00) + queue(1, log2n=13) + queue(2, pd=0x10000) + queue(3, vector=99)
    made["queue-two"] = ([pattern(sqe(hw.OP_TIMED, arg=2))] + windows() + queue(0) + queue(1, RING + 0x10000, vector=3)
                         + [ring(0), ring(1), STEP, pci(4, 2, 2), ring(0), ring(1)])
    return made


def dictionary():
    """Whole operations, for libFuzzer to insert: a write to each register, and what joins them."""
    entries = [SEPARATOR, STEP, ring(0), ring(1)]
    for name, width, access in hw.registers():
        if access != "RO":
            entries.append(reg(getattr(hw, f"REG_{name}"), 1, width))
    for name, width, access in hw.registers("HW_QREGS"):
        if access != "RO":
            entries.append(reg(hw.qreg(0, name), 1, width))
    for name, width, access in hw.registers("HW_WREGS"):
        if access != "RO":
            entries.append(reg(hw.wreg(0, name), 1, width))
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in SEPARATOR + entry + SEPARATOR) + '"\n' for entry in entries)
