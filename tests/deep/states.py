# SPDX-License-Identifier: MIT
"""States of the device that are worth a kept migration stream: how to get into each, and what must be true of it after
it was loaded, and after it ran on.

A stream holds the device's section only, so what a state needs in RAM is written on either side.
"""

import struct
import time

import machine
from contract import hw
from machine import BARS

# The same for all, and for the fuzzing target that starts from these streams.
PROPS = "mem-size=2M,queues=4,windows=32"
RING = 0x100000
DATA = 0x200000
LIST = 0x300000
MSI = 0x380000
MSI_DATA = 0x4d530000
SETTLE_SECONDS = 20


def numbers(seed, length):
    """Bytes that name their own place."""
    return b"".join(struct.pack("<HH", seed, i & 0xffff) for i in range((length + 3) // 4))[:length]


class Mismatch(Exception):
    """The state is not what it has to be."""


def expect(what, got, wanted):
    if got != wanted:
        if isinstance(got, bytes):
            at = next((i for i, pair in enumerate(zip(got, wanted)) if pair[0] != pair[1]), 0)
            got, wanted = f"{got[at:at + 16].hex()} at byte {at}", wanted[at:at + 16].hex()
        else:
            got, wanted = f"{got:#x}", f"{wanted:#x}"
        raise Mismatch(f"{what}: {got}, should be {wanted}")


def until(what, function, wanted):
    """Wait for an engine that works beside us."""
    end = time.monotonic() + SETTLE_SECONDS
    while (got := function()) != wanted and time.monotonic() < end:
        pass
    expect(what, got, wanted)


class State:
    """One of them; its name is the stream's."""

    def ram(self, m):
        """What has to be in RAM, on either side."""

    def enter(self, m):
        """On a machine that is set up and runs: get into the state, and leave the machine stopped."""
        raise NotImplementedError

    def loaded(self, m):
        """Right after it was loaded, the machine stopped."""

    def ran(self, m):
        """After the machine was started."""


def enable_msix(m, masked=()):
    at = m.capability(0x11)
    for vector in range(2 + 4):
        entry = BARS[hw.BAR_MSIX] + 16 * vector
        for offset, value in ((0, MSI + 4 * vector), (4, 0), (8, MSI_DATA + vector), (12, vector in masked)):
            m.write(entry + offset, 4, int(value))
    m.config(at + 2, 2, 0x8000)


def message(m, vector):
    return m.read(MSI + 4 * vector, 4)


class Idle(State):
    """Every register that keeps something keeps it."""

    kept = {"SCRATCH32": 0x12345678, "SCRATCH64": 0x1122334455667788, "IRQ_ENABLE": hw.IRQ_SW, "DMA_ADDR": DATA,
            "DMA_DEV_OFF": 0x123, "DMA_LEN": 77, "DMA_SG_COUNT": 3, "DMA_SEQ": 0x99, "DMA_REPEAT": 5}
    widths = {name: width for name, width, _ in hw.registers()}

    def enter(self, m):
        for name, value in self.kept.items():
            m.set_reg(getattr(hw, f"REG_{name}"), value, self.widths[name])
        m.set_reg(hw.REG_SELFTEST, 0x0f0f0f0f)
        m.reg(3, 1)
        m.qmp("stop")

    def loaded(self, m):
        for name, value in self.kept.items():
            expect(name, m.reg(getattr(hw, f"REG_{name}"), self.widths[name]), value)
        expect("SELFTEST", m.reg(hw.REG_SELFTEST), 0xf0f0f0f0)
        expect("ERR_CODE", m.reg(hw.REG_ERR_CODE), hw.ERR_ACCESS)
        expect("ERR_INFO", m.reg(hw.REG_ERR_INFO), 3 | 1 << hw.ERR_INFO_WIDTH_SHIFT)


class Transfer(State):
    """A one-shot transfer that was started and has not moved a byte."""

    length = 0x21000
    cmd = 0
    moved = length

    def ram(self, m):
        m.put_bytes(DATA, numbers(1, self.length))

    def start(self, m, addr=DATA, count=0, repeat=1):
        m.qmp("stop")
        m.set_reg(hw.REG_DMA_ADDR, addr, 8)
        m.set_reg(hw.REG_DMA_DEV_OFF, 0x1000, 8)
        m.set_reg(hw.REG_DMA_LEN, self.length)
        m.set_reg(hw.REG_DMA_SG_COUNT, count)
        m.set_reg(hw.REG_DMA_REPEAT, repeat)
        m.set_reg(hw.REG_DMA_SEQ, 0x77, 8)
        m.set_reg(hw.REG_DMA_CMD, hw.DMA_CMD_START | self.cmd)

    def enter(self, m):
        self.start(m)

    def loaded(self, m):
        expect("DMA_STATUS", m.reg(hw.REG_DMA_STATUS), hw.DMA_STATE_BUSY)
        expect("CNT_DMA_OPS", m.reg(hw.REG_CNT_DMA_OPS, 8), 0)

    def ran(self, m):
        until("DMA_STATUS", lambda: m.reg(hw.REG_DMA_STATUS), hw.DMA_STATE_DONE)
        expect("DMA_DONE_SEQ", m.reg(hw.REG_DMA_DONE_SEQ, 8), 0x77)
        expect("DMA_DONE_BYTES", m.reg(hw.REG_DMA_DONE_BYTES, 8), self.moved)
        expect("BAR2", m.get_bytes(BARS[hw.BAR_MEM] + 0x1000, self.length), numbers(1, self.length))


class TransferList(Transfer):
    """With a list, which the guest has overwritten since."""

    cmd = hw.DMA_CMD_SG
    pages = 0x21

    def enter(self, m):
        elements = b"".join(struct.pack("<QLL", DATA + 4096 * i, 4096, 0) for i in range(self.pages))
        m.put_bytes(LIST, elements)
        self.start(m, LIST, self.pages)
        m.put_bytes(LIST, b"\xff" * len(elements))


class TransferTimed(Transfer):
    cmd = hw.DMA_CMD_TIMED
    moved = 3 * Transfer.length

    def enter(self, m):
        self.start(m, repeat=3)


class MessagePending(State):
    """A vector with a message that is masked."""

    def enter(self, m):
        enable_msix(m, masked=(hw.VEC_SW,))
        m.set_reg(hw.REG_IRQ_ENABLE, hw.IRQ_ALL)
        m.set_reg(hw.REG_IRQ_RAISE, hw.IRQ_ALL)
        m.qmp("stop")

    def loaded(self, m):
        expect("IRQ_STATUS", m.reg(hw.REG_IRQ_STATUS), hw.IRQ_ALL)

    def ran(self, m):
        expect("message before", message(m, hw.VEC_SW), 0)
        m.write(BARS[hw.BAR_MSIX] + 16 * hw.VEC_SW + 12, 4, 0)
        expect("message after", message(m, hw.VEC_SW), MSI_DATA + hw.VEC_SW)


# -- queues

LOG2N = 3
SQ = RING + hw.RING_CQ + 4096


def sqe(op=hw.OP_COPY, length=4096, src=0, dst=1, src_off=0, dst_off=0, arg=0, nsrc=0, user=0):
    return struct.pack("<BBHHHLLLLQQQQQ", op, 0, nsrc, 0, 0, length, 0, src, dst, src_off, dst_off, arg, user, 0)


def completion(m, index):
    """(user, aux, bytes, status, detail, gen) of the completion in the slot."""
    data = m.get_bytes(RING + hw.RING_CQ + 32 * (index & (1 << LOG2N) - 1), 32)
    user, aux, moved, status, _, detail, gen = struct.unpack("<QQLHHLL", data)
    return user, aux, moved, status, detail, gen


def set_window(m, number, addr, length, kind=hw.WKIND_BUS, first=0, shift=0, pd=1):
    for name, value, width in (("ADDR", addr, 8), ("LEN", length, 8), ("FIRST", first, 4), ("SHIFT", shift, 4)):
        m.set_reg(hw.wreg(number, name), value, width)
    m.set_reg(hw.wreg(number, "CFG"), hw.WCFG_VALID | hw.WCFG_READ | hw.WCFG_WRITE | kind << hw.WCFG_KIND_SHIFT | pd)
    expect(f"STATUS of window {number}", m.reg(hw.wreg(number, "STATUS")), hw.WERR_NONE)


class Queue(State):
    """Queue 1 over four windows of its domain; descriptors there, and the doorbell rung while the machine stood."""

    length = 0x21000
    descriptors = ()

    def ram(self, m):
        m.put_bytes(DATA, numbers(2, self.length))
        m.put_bytes(LIST, struct.pack("<512Q", *(DATA + 4096 * i | 1 for i in range(512))))
        m.put_bytes(LIST + 4096, struct.pack("<512Q", *([LIST | 1] * 512)))
        m.put_bytes(RING, bytes(hw.RING_CQ + 4096 + (64 << LOG2N)))
        m.put_bytes(RING + hw.RING_CQ_EVENT, struct.pack("<L", hw.CQ_EVENT_QUIET))
        m.put_bytes(SQ, b"".join(self.descriptors))
        m.put_bytes(RING + hw.RING_SQ_TAIL, struct.pack("<L", len(self.descriptors)))

    def enable(self, m, gap=0):
        enable_msix(m)
        set_window(m, 0, DATA, self.length)
        set_window(m, 1, 0, 0x100000, hw.WKIND_MEM)
        set_window(m, 2, LIST, self.length, hw.WKIND_LIST, 0, 12)
        set_window(m, 3, LIST + 4096, self.length, hw.WKIND_LIST2, 0, 12)
        for name, value, width in (("BASE", RING, 8), ("LOG2N", LOG2N, 4), ("PD", 1, 4), ("VECTOR", 3, 4),
                                   ("IRQ_GAP_NS", gap, 4)):
            m.set_reg(hw.qreg(1, name), value, width)
        m.set_reg(hw.qreg(1, "CTL"), hw.QCTL_ENABLE)
        expect("ERROR", m.reg(hw.qreg(1, "ERROR")), hw.QERR_NONE)

    def enter(self, m):
        m.qmp("stop")
        self.enable(m)
        m.doorbell(1)

    def loaded(self, m):
        expect("STATE", m.reg(hw.qreg(1, "STATE")), hw.QSTATE_RUNNING)
        expect("HEAD", m.reg(hw.qreg(1, "HEAD")), 0)
        for number in range(4):
            expect(f"VALID of window {number}", m.reg(hw.wreg(number, "CFG")) & hw.WCFG_VALID, hw.WCFG_VALID)

    def done(self, m, wanted):
        until("HEAD", lambda: m.reg(hw.qreg(1, "HEAD")), wanted)


class QueueWork(Queue):
    """A copy through each kind of window, a fill, a comparison that differs, a bad one, all still to be done."""

    descriptors = (sqe(dst_off=0x0, user=10), sqe(src=2, dst_off=0x1000, src_off=0x800, user=11),
                   sqe(src=3, dst_off=0x3000, src_off=0x10, user=12), sqe(hw.OP_FILL, 16, 0, 1, 0, 0x5000, 0x55, user=13),
                   sqe(hw.OP_COMPARE, 4096, 0, 1, 0, 0x1000, user=14), sqe(src=9, user=15))

    def ran(self, m):
        self.done(m, len(self.descriptors))
        data = numbers(2, self.length)
        memory = m.get_bytes(BARS[hw.BAR_MEM], 0x6000)
        expect("copy from bus", memory[:0x1000], data[:0x1000])
        expect("copy from list", memory[0x1000:0x2000], data[0x800:0x1800])
        expect("copy from list of lists", memory[0x3000:0x4000], data[0x10:0x1010])
        expect("fill", memory[0x5000:0x5010], struct.pack("<QQ", 0x55, 0x55))
        for index, status in enumerate((hw.CQ_OK,) * 4 + (hw.CQ_MISCOMPARE, hw.CQ_WINDOW)):
            user, _, _, got, _, gen = completion(m, index)
            expect(f"status of completion {index}", got, status)
            expect(f"user of completion {index}", user, 10 + index)
            expect(f"gen of completion {index}", gen, index + 1)


class QueuePaused(Queue):
    """Paused in the middle of a descriptor, which the owner has overwritten since."""

    length = 0x100000
    descriptors = (sqe(length=length, user=20),)

    def enter(self, m):
        for _ in range(50):
            self.ram(m)
            self.enable(m)
            m.doorbell(1)
            m.set_reg(hw.qreg(1, "CTL"), hw.QCTL_PAUSE)
            moved = m.reg(hw.REG_CNT_Q_BYTES, 8)
            if m.reg(hw.qreg(1, "HEAD")) == 0 and 0 < moved < self.length:
                break
            m.reset()
            m.setup()
        else:
            raise Mismatch("the descriptor was done before PAUSE, every time")
        m.qmp("stop")

    def loaded(self, m):
        expect("STATE", m.reg(hw.qreg(1, "STATE")), hw.QSTATE_PAUSED)
        expect("HEAD", m.reg(hw.qreg(1, "HEAD")), 0)
        m.put_bytes(SQ, b"\xff" * 64)

    def ran(self, m):
        expect("HEAD while paused", m.reg(hw.qreg(1, "HEAD")), 0)
        moved = m.reg(hw.REG_CNT_Q_BYTES, 8)
        # What was moved before did not travel: BAR2's content is not part of these streams.
        m.set_reg(hw.qreg(1, "CTL"), hw.QCTL_RESUME)
        self.done(m, 1)
        expect("completion", completion(m, 0)[:4], (20, 0, self.length, hw.CQ_OK))
        expect("rest of the copy", m.get_bytes(BARS[hw.BAR_MEM] + moved, self.length - moved),
               numbers(2, self.length)[moved:])


class QueueError(Queue):
    """Stopped by a tail that lies."""

    def ram(self, m):
        super().ram(m)
        m.put_bytes(RING + hw.RING_SQ_TAIL, struct.pack("<L", (1 << LOG2N) + 1))

    def enter(self, m):
        self.enable(m)
        m.doorbell(1)
        until("STATE", lambda: m.reg(hw.qreg(1, "STATE")), hw.QSTATE_ERROR)
        m.qmp("stop")

    def loaded(self, m):
        expect("STATE", m.reg(hw.qreg(1, "STATE")), hw.QSTATE_ERROR)
        expect("ERROR", m.reg(hw.qreg(1, "ERROR")), hw.QERR_TAIL)

    def ran(self, m):
        m.set_reg(hw.qreg(1, "CTL"), hw.QCTL_DISABLE)
        m.put_bytes(RING + hw.RING_SQ_TAIL, struct.pack("<L", 0))
        m.set_reg(hw.qreg(1, "CTL"), hw.QCTL_ENABLE)
        expect("STATE", m.reg(hw.qreg(1, "STATE")), hw.QSTATE_RUNNING)


class QueueHeldOff(Queue):
    """An interrupt was sent, another waits for the end of its gap."""

    gap = 1000000
    descriptors = (sqe(hw.OP_NOP, 0, 0, 0), sqe(hw.OP_NOP, 0, 0, 0))

    def enter(self, m):
        m.put_bytes(RING + hw.RING_SQ_TAIL, struct.pack("<L", 0))
        self.enable(m, self.gap)
        for count in (1, 2):
            m.put_bytes(RING + hw.RING_CQ_EVENT, struct.pack("<L", count - 1))
            m.put_bytes(RING + hw.RING_SQ_TAIL, struct.pack("<L", count))
            m.doorbell(1)
            self.done(m, count)
        until("CNT_Q_IRQ_ASKED", lambda: m.reg(hw.REG_CNT_Q_IRQ_ASKED, 8), 2)
        expect("CNT_Q_IRQ_SENT", m.reg(hw.REG_CNT_Q_IRQ_SENT, 8), 1)
        m.qmp("stop")

    def loaded(self, m):
        expect("CNT_Q_IRQ_SENT", m.reg(hw.REG_CNT_Q_IRQ_SENT, 8), 1)

    def ran(self, m):
        expect("message before", message(m, 3), 0)
        m.clock_step(self.gap)
        until("message after", lambda: message(m, 3), MSI_DATA + 3)
        expect("CNT_Q_IRQ_SENT", m.reg(hw.REG_CNT_Q_IRQ_SENT, 8), 2)


STATES = {"idle": Idle(), "dma-pending": Transfer(), "dma-list-pending": TransferList(), "dma-timed-pending": TransferTimed(),
          "message-pending": MessagePending(), "queue-work-pending": QueueWork(), "queue-paused": QueuePaused(),
          "queue-error": QueueError(), "queue-held-off": QueueHeldOff()}


def start(qemu, *more):
    return machine.Machine(qemu, PROPS, more)
