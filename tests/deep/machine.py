# SPDX-License-Identifier: MIT
"""A QEMU under qtest with one mmapdemo in it, driven from Python: no guest code runs, every access is asked for here.

Only for the tests of this directory; the device's own qtest is C and lives in QEMU's tree.
"""

import base64
import json
import os
import socket
import subprocess
import tempfile

from contract import hw

SLOT = 4
DEVICE = "mmd0"
# The machine's RAM ends below; BARs by number.
RAM_SIZE = 64 << 20
BARS = {hw.BAR_REGS: 0xe0000000, hw.BAR_DOORBELL: 0xe1000000, hw.BAR_MEM: 0xc0000000, hw.BAR_MSIX: 0xe2000000,
        hw.BAR_ALIAS: 0xe3000000}
WIDTHS = {1: "b", 2: "w", 4: "l", 8: "q"}

# Any report ends the program; the first one is of use, those after it seldom.
SANITIZERS = {
    "ASAN_OPTIONS": "abort_on_error=0:exitcode=86:detect_leaks=0:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "halt_on_error=1:exitcode=86:print_stacktrace=1",
}


class Died(Exception):
    """QEMU ended or does not answer: the text says which, and what it said last."""


class Machine:
    """with Machine(qemu, "mem-size=2M") as m: m.setup() ..."""

    def __init__(self, qemu, props="", more=(), timeout=30):
        self.directory = tempfile.TemporaryDirectory(prefix="mmapdemo-deep-")
        self.timeout = timeout
        self.stderr_path = self.path("stderr")
        listening = {name: self._listen(name) for name in ("qtest", "qmp")}
        device = f"mmapdemo,id={DEVICE},addr={SLOT:#x}" + (f",{props}" if props else "")
        words = [qemu, "-machine", "q35,suppress-vmdesc=on", "-accel", "qtest", "-m", f"{RAM_SIZE >> 20}M",
                 "-nodefaults", "-display", "none", "-S", "-global", "migration.send-configuration=off",
                 "-qtest", f"unix:{self.path('qtest')}", "-qmp", f"unix:{self.path('qmp')}",
                 "-device", device, *more]
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            env={**SANITIZERS, **os.environ})
        try:
            self.qtest = self._accept(listening["qtest"])
            self.qmp_socket = self._accept(listening["qmp"])
            json.loads(self._line(self.qmp_socket))
            self.qmp("qmp_capabilities")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def stderr(self):
        with open(self.stderr_path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    # -- the two connections

    def _listen(self, name):
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(self.path(name))
        listening.listen(1)
        listening.settimeout(1)
        return listening

    def _accept(self, listening):
        """What was received and not yet used, and the connection; QEMU may end before it connects."""
        for _ in range(self.timeout):
            try:
                connection = listening.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    break
                continue
            listening.close()
            connection.settimeout(self.timeout)
            return [b""], connection
        raise self._died("QEMU did not start")

    def _line(self, link):
        rest, connection = link
        while b"\n" not in rest[0]:
            try:
                data = connection.recv(65536)
            except socket.timeout:
                raise self._died(f"QEMU hangs: no answer within {self.timeout} s") from None
            except OSError as err:
                raise self._died(f"QEMU ended: {err}") from None
            if not data:
                raise self._died("QEMU ended")
            rest[0] += data
        line, _, rest[0] = rest[0].partition(b"\n")
        return line.decode()

    def _died(self, what):
        try:
            status = self.process.wait(5)
            what += f" with status {status}"
        except subprocess.TimeoutExpired:
            pass
        lines = self.stderr().splitlines()
        at = next((i for i, line in enumerate(lines) if "ERROR: AddressSanitizer" in line or "runtime error:" in line),
                  max(0, len(lines) - 12))
        return Died("\n".join([what, *lines[at:at + 25]]))

    def _send(self, link, text):
        try:
            link[1].sendall(text.encode() + b"\n")
        except OSError:
            raise self._died("QEMU ended") from None

    def qmp(self, command, **arguments):
        """The reply's "return", or None and the error is in self.error."""
        self._send(self.qmp_socket, json.dumps({"execute": command, "arguments": arguments}))
        while True:
            reply = json.loads(self._line(self.qmp_socket))
            if "return" in reply:
                self.error = None
                return reply["return"]
            if "error" in reply:
                self.error = reply["error"]["desc"]
                return None

    def ask(self, text):
        """One qtest command; the words of its answer after OK."""
        self._send(self.qtest, text)
        while True:
            words = self._line(self.qtest).split()
            if words[0] == "OK":
                return words[1:]
            if words[0] != "IRQ":
                raise Died(f"qtest refused '{text}': {' '.join(words)}")

    # -- accesses

    def read(self, addr, width):
        return int(self.ask(f"read{WIDTHS[width]} {addr:#x}")[0], 0)

    def write(self, addr, width, value):
        self.ask(f"write{WIDTHS[width]} {addr:#x} {value & ((1 << 8 * width) - 1):#x}")

    def get_bytes(self, addr, length):
        return base64.b64decode(self.ask(f"b64read {addr:#x} {length:#x}")[0]) if length else b""

    def put_bytes(self, addr, data):
        if data:
            self.ask(f"b64write {addr:#x} {len(data):#x} {base64.b64encode(data).decode()}")

    def reg(self, offset, width=4):
        return self.read(BARS[hw.BAR_REGS] + offset, width)

    def set_reg(self, offset, value, width=4):
        self.write(BARS[hw.BAR_REGS] + offset, width, value)

    def doorbell(self, queue):
        self.write(BARS[hw.BAR_DOORBELL] + queue * hw.DOORBELL_STRIDE, 4, 0)

    def config(self, offset, width=4, value=None):
        self.ask(f"outl 0xcf8 {0x80000000 | SLOT << 11 | offset & ~3:#x}")
        port = f"{0xcfc + (offset & 3):#x}"
        if value is None:
            return int(self.ask(f"in{WIDTHS[width]} {port}")[0], 0)
        return self.ask(f"out{WIDTHS[width]} {port} {value:#x}")

    def capability(self, wanted):
        at = self.config(0x34, 1)
        while at and self.config(at, 1) != wanted:
            at = self.config(at + 1, 1)
        return at

    def setup(self):
        """Place the BARs that there are, enable memory and bus mastering."""
        for number, address in BARS.items():
            at = 0x10 + 4 * number
            self.config(at, 4, 0xffffffff)
            if self.config(at, 4):
                self.config(at, 4, address)
                if number == hw.BAR_MEM:
                    self.config(at + 4, 4, 0)
        self.config(4, 2, 6)

    def reset(self):
        self.qmp("system_reset")
        # The reset is done by the main loop; a second command is answered after it.
        self.qmp("query-status")

    def clock_step(self, ns=None):
        self.ask("clock_step" + (f" {ns}" if ns else ""))
