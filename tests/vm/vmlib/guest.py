# SPDX-License-Identifier: MIT
"""Boot a guest, pass its output on, bring back its results and status.  Silence, death and hanging are failures."""

import asyncio
import ctypes
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time

from . import accesses, hostenv, image, klog, machine

# The guest reports its end on two ports; how long the slower may be behind.
DRAIN_SECONDS = 10
# From its report to the end of QEMU: drivers shut their devices down in between.
POWEROFF_SECONDS = 30


def _die_with_parent():
    """In the child: a runner that is killed leaves no guest behind."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


class GuestError(Exception):
    """The guest gave no status; the text says what happened."""


class Outcome:
    """How a guest ended."""

    def __init__(self):
        self.status = None         # exit status of the job; None: the guest gave none
        self.error = None          # why not
        self.boot_seconds = None   # until init was ready
        self.total_seconds = None
        self.kernel_messages = []  # (kind, lines) of reports that must not be there
        self.kernel_log = None     # the file they are from
        self.directory = None


class Job:
    """What a guest shall run."""

    def __init__(self, command, interactive=False):
        self.command = command     # list of words; None with interactive
        self.interactive = interactive
        self.files = {}            # {place in the guest: file here}
        self.environment = {}
        self.modules = []          # of the guest's kernel, loaded first
        self.load_module = True
        self.module_args = ""


class Guest:
    """One boot.  directory: where its files go (emptied first).  sink: a function that takes the job's output."""

    def __init__(self, qemu, kernel, archives, directory, options, job, sink):
        self.qemu = qemu
        self.kernel = kernel
        self.archives = archives
        self.directory = directory
        self.options = options
        self.job = job
        self.sink = sink
        self.token = secrets.token_hex(12)
        self.began = asyncio.Event()
        self.output_done = asyncio.Event()
        self.outcome = Outcome()
        self.outcome.directory = directory
        self.on_sections = None    # called with {section: address} of the driver, when set
        self._qmp = None
        self._log_from = 0         # byte of QEMU's log where the counting of accesses began
        self._events = []
        self._event_came = asyncio.Condition()

    async def run(self, boot_timeout, timeout):
        """Boot, wait, clean up.  timeout: for everything, None for no limit."""
        self._empty_directory()
        ends = {name: socket.socketpair() for name in ("qmp", "out", "result", "ctl")}
        words = machine.command_line(self.qemu, self.kernel, os.path.join(self.directory, "initrd"), self.directory,
                                     self.options, {name: pair[1].fileno() for name, pair in ends.items()})
        self._write_initrd(hostenv.collect(self.qemu, self.options.accel, words))
        started = time.monotonic()
        with open(os.path.join(self.directory, "qemu.stderr"), "wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *words, pass_fds=[pair[1].fileno() for pair in ends.values()],
                stdin=None if self.job.interactive else subprocess.DEVNULL,
                stdout=None if self.job.interactive else errors, stderr=errors,
                # An interrupt from the terminal is for this program, which ends QEMU in order.
                start_new_session=not self.job.interactive, preexec_fn=_die_with_parent)
        for pair in ends.values():
            pair[1].close()
        try:
            await asyncio.wait_for(self._attend(process, ends, boot_timeout, started), timeout)
        except asyncio.TimeoutError:
            self.outcome.error = self.outcome.error or f"no end within {timeout:.0f} s: stopped"
        except GuestError as err:
            self.outcome.error = str(err)
        finally:
            await self._end(process)
            for pair in ends.values():
                pair[0].close()
            self.outcome.total_seconds = time.monotonic() - started
        self._read_logs()
        return self.outcome

    def _empty_directory(self):
        for name in os.listdir(self.directory):
            path = os.path.join(self.directory, name)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            elif name != "lock":
                os.unlink(path)

    def _write_initrd(self, environment):
        settings = {"token": self.token, "load_module": int(self.job.load_module), "module_args": self.job.module_args,
                    "modules": " ".join(self.job.modules), "report_sections": int(self.on_sections is not None)}
        if self.job.interactive and sys.stdin.isatty():
            size = shutil.get_terminal_size()
            settings.update(rows=size.lines, columns=size.columns)
        job = image.job_archive(self.directory, None if self.job.interactive else self.job.command, settings,
                                self.job.files, self.job.environment, {hostenv.GUEST_FILE: environment})
        image.join([*self.archives, job], os.path.join(self.directory, "initrd"))
        os.unlink(job)

    async def _attend(self, process, ends, boot_timeout, started):
        """Serve the ports until the results are in or QEMU ends."""
        self._qmp = await self._connect_qmp(ends["qmp"][0], process)
        streams = {}
        for name in ("out", "result", "ctl"):
            streams[name] = await asyncio.open_connection(sock=ends[name][0], limit=1 << 24)
        tasks = [asyncio.ensure_future(self._pass_output(streams["out"][0], started)),
                 asyncio.ensure_future(self._serve_ctl(*streams["ctl"]))]
        results = asyncio.ensure_future(self._take_results(streams["result"][0]))
        ended = asyncio.ensure_future(process.wait())
        began = asyncio.ensure_future(self.began.wait())
        try:
            await asyncio.wait({began, ended}, timeout=boot_timeout, return_when=asyncio.FIRST_COMPLETED)
            if not began.done():
                raise GuestError(f"QEMU ended with status {process.returncode} before the guest was up" if ended.done()
                                 else f"the guest was not up within {boot_timeout:.0f} s")
            await asyncio.wait({results, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not results.done():
                # What QEMU had passed on before it ended is still in the sockets.
                await asyncio.wait({results}, timeout=DRAIN_SECONDS)
            if not results.done() or results.exception():
                # The ports of a dead guest may close a moment before QEMU is gone.
                await asyncio.wait({ended}, timeout=2)
                ending = f"QEMU ended with status {ended.result()}" if ended.done() else "QEMU still runs"
                detail = f": {results.exception()}" if results.done() else ""
                raise GuestError(f"the guest died before it reported ({ending}){detail}")
            self.outcome.status = results.result()
            try:
                await asyncio.wait_for(self.output_done.wait(), DRAIN_SECONDS)
            except asyncio.TimeoutError:
                raise GuestError("the guest reported, but its output does not end") from None
            streams["result"][1].write(b"received\n")
            await asyncio.wait({ended}, timeout=POWEROFF_SECONDS)
            if not ended.done():
                raise GuestError(f"the guest reported, but was not off {POWEROFF_SECONDS} s later")
            if ended.result():
                raise GuestError(f"the guest reported, but then QEMU ended with status {ended.result()}")
        finally:
            for task in (*tasks, results, began, ended):
                task.cancel()
            await asyncio.gather(results, began, ended, return_exceptions=True)
            for broken in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(broken, Exception) and not isinstance(broken, OSError):
                    self.outcome.error = f"the runner itself broke: {broken!r}"
            for _, writer in streams.values():
                writer.close()

    async def _connect_qmp(self, sock, process):
        sys.path.insert(0, os.path.join(self.qemu, "python"))
        from qemu.qmp import QMPClient, QMPError

        client = QMPClient("guest")
        connecting = asyncio.ensure_future(client.connect(sock))
        ended = asyncio.ensure_future(process.wait())
        await asyncio.wait({connecting, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not connecting.done():
            connecting.cancel()
            raise GuestError(f"QEMU did not start (status {process.returncode})")
        ended.cancel()
        try:
            connecting.result()
        except QMPError as err:
            raise GuestError(f"QEMU did not start: {err}") from err
        self._collector = asyncio.ensure_future(self._collect_events(client))
        return client

    async def _collect_events(self, client):
        with client.listener() as listener:
            async for event in listener:
                async with self._event_came:
                    self._events.append(dict(event))
                    self._event_came.notify_all()

    async def _pass_output(self, reader, started):
        """The job's output between the lines BEGIN and END of this boot."""
        begin, end = f"BEGIN {self.token}\n".encode(), f"END {self.token}\n".encode()
        held = b""
        while begin not in held:
            data = await reader.read(65536)
            if not data:
                return
            held += data
        self.outcome.boot_seconds = time.monotonic() - started
        self.began.set()
        held = held.partition(begin)[2]
        while True:
            if end in held:
                self.sink(held.partition(end)[0])
                self.output_done.set()
                return
            # The end may be cut anywhere: hold back what could be its beginning.
            keep = next((n for n in range(min(len(end), len(held)), 0, -1) if held.endswith(end[:n])), 0)
            if len(held) > keep:
                self.sink(held[:len(held) - keep])
                held = held[len(held) - keep:]
            data = await reader.read(65536)
            if not data:
                self.sink(held)
                return
            held += data

    async def _take_results(self, reader):
        """Unpack the tar that the guest sends into the boot's directory; return the status in it."""
        blocks = bytearray()
        while True:
            try:
                header = await reader.readexactly(512)
            except asyncio.IncompleteReadError:
                raise GuestError("no results came" if not blocks else "its results are cut short") from None
            blocks += header
            if header == bytes(512):
                # The end of a tar: two empty blocks, then padding that nobody waits for.
                break
            size = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape").size
            blocks += await reader.readexactly((size + 511) // 512 * 512)
        blocks += bytes(512)
        status = None
        with tarfile.open(fileobj=io.BytesIO(bytes(blocks))) as tar:
            for member in tar:
                if member.name == "exit-status":
                    status = int(tar.extractfile(member).read())
                elif self._is_harmless(member):
                    tar.extract(member, self.directory, set_attrs=False)
        if status is None:
            raise GuestError("its results hold no status")
        return status

    @staticmethod
    def _is_harmless(member):
        """Plain files and directories below results/: a guest names no other place on the host."""
        parts = member.name.rstrip("/").split("/")
        return (member.isreg() or member.isdir()) and parts[0] == "results" and ".." not in parts

    async def _serve_ctl(self, reader, writer):
        """QMP commands from vmctl in the guest, one line each: a tag, then JSON."""
        while True:
            line = await reader.readline()
            if not line.endswith(b"\n"):
                return
            tag, _, text = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
            reply = await self._answer(text)
            writer.write(f"{tag} {json.dumps(reply)}\n".encode())
            await writer.drain()

    async def _answer(self, text):
        from qemu.qmp import ExecuteError, QMPError

        try:
            request = json.loads(text)
            command, arguments = request["execute"], request.get("arguments", {})
        except (ValueError, TypeError, KeyError, AttributeError) as err:
            return {"error": {"class": "GenericError", "desc": f"not a QMP command: {err!r}"}}
        try:
            if command == "x-module-sections":
                self.on_sections(arguments)
                return {"return": {}}
            if command == "x-count-start":
                return {"return": await self._count_start()}
            if command == "x-count-stop":
                return {"return": await self._count_stop()}
            if command == "x-wait-event":
                return {"return": await self._wait_event(arguments["event"], float(arguments.get("timeout", 30)))}
            return {"return": await self._qmp.execute(command, arguments)}
        except ExecuteError as err:
            return {"error": {"class": err.error_class, "desc": str(err)}}
        except (QMPError, KeyError, ValueError, asyncio.TimeoutError) as err:
            return {"error": {"class": "GenericError", "desc": str(err) or type(err).__name__}}

    async def _count_start(self):
        """From here on QEMU's log has a line for each access that reaches the model of any device."""
        self._log_from = accesses.size(self._log())
        for event in accesses.EVENTS:
            await self._qmp.execute("trace-event-set-state", {"name": event, "enable": True})
        return {}

    async def _count_stop(self):
        """How many there were since, by the name of the memory region: {NAME: {"read": N, "write": N}}."""
        for event in accesses.EVENTS:
            await self._qmp.execute("trace-event-set-state", {"name": event, "enable": False})
        return accesses.count(self._log(), self._log_from)

    def _log(self):
        return os.path.join(self.directory, "qemu.log")

    async def _wait_event(self, name, timeout):
        """The first event of that name that was not handed out yet, also if it came before."""
        async def wait():
            async with self._event_came:
                while True:
                    for event in self._events:
                        if event["event"] == name:
                            self._events.remove(event)
                            return event
                    await self._event_came.wait()

        try:
            return await asyncio.wait_for(wait(), timeout)
        except asyncio.TimeoutError:
            raise ValueError(f"no event {name} within {timeout:g} s") from None

    async def _end(self, process):
        """QEMU ends here, whatever state it is in."""
        if self._qmp:
            self._collector.cancel()
            await asyncio.gather(self._collector, return_exceptions=True)
            try:
                await asyncio.wait_for(self._qmp.disconnect(), 2)
            except Exception:  # noqa: BLE001  # a monitor that broke off with its process is the normal case
                pass
        for number in (signal.SIGTERM, signal.SIGKILL):
            if process.returncode is not None:
                return
            try:
                process.send_signal(number)
                await asyncio.wait_for(process.wait(), 3)
            except (asyncio.TimeoutError, ProcessLookupError):
                pass

    def _read_logs(self):
        """The kernel's log as the guest sent it, or else its console."""
        text = ""
        for name in ("results/kernel.log", "console.log"):
            try:
                with open(os.path.join(self.directory, name), encoding="utf-8", errors="replace") as stream:
                    text = stream.read()
            except OSError:
                continue
            if text.strip():
                self.outcome.kernel_log = name
                break
        self.outcome.kernel_messages = klog.bad_reports(text)


def tail(path, count):
    """The last lines of a text file, [] if there is none."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read().splitlines()[-count:]
    except OSError:
        return []
