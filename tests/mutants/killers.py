# SPDX-License-Identifier: MIT
"""Build the tree with a mutant in it, in the cache, and run one test against it."""

import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess

from mutant import DEBUG, IOMMU, SWIOTLB
from vmlib import accel, debugkernel, debugstages, guest, machine, parts, paths, session

PLACE = os.path.join(paths.CACHE, "mutants")
TREE = os.path.join(PLACE, "tree")
# Of the sources: what the builds below look at.
COPIED = ("kernel", "qemu-device", "tests/unit", "tests/vm", "userspace")
LIMITS = {"unit": 120, "qtest": 150, "guest": 90}
BOOT_SECONDS = 120
_TAP = re.compile(r"(not )?ok \d+ (?:- )?(\S+)(.*)$")
_STAMP = re.compile(r"^.*?\[ *\d+\.\d+\] ")
_STALL = re.compile(r"\brcu\b|RCU stall|soft lockup|NMI backtrace")
MESSAGE_LINES = 3
_TOTAL = re.compile(r"# \d+ passed, ")
_APPEND = {IOMMU: ("intel_iommu=on", "iommu.strict=1"), SWIOTLB: ("swiotlb=force",),
           DEBUG: debugkernel.kernel_args("debug")}


class Broken(Exception):
    """It does not build, or the test cannot be run: that says nothing about the test."""


class Seen:
    """What a run of a test showed.  good: it passed; otherwise how it failed.  said: lines of the test, then of the guest's
    kernel."""

    def __init__(self, good, how, said=()):
        self.good = good
        self.how = how
        self.said = list(said)


def tree_update(mutant=None):
    """Make the copy equal to this tree, but for the mutant.  Only files that differ are written: what was built from the
    others stays."""
    wanted = {}
    for top in COPIED:
        for directory, names, files in os.walk(os.path.join(paths.TOP, top)):
            names[:] = [name for name in names if name not in ("__pycache__", "build")]
            for name in files:
                path = os.path.join(directory, name)
                wanted[os.path.relpath(path, paths.TOP)] = path
    for directory, _, files in os.walk(TREE):
        for name in files:
            path = os.path.join(directory, name)
            if os.path.relpath(path, TREE) not in wanted and not path.endswith(".pyc"):
                os.unlink(path)
    for name, path in wanted.items():
        with open(path, "rb") as stream:
            content = stream.read()
        if mutant and name == mutant.file:
            content = mutate(content.decode(), mutant).encode()
        _write(os.path.join(TREE, name), content, os.stat(path).st_mode)


def mutate(text, mutant):
    count = text.count(mutant.old)
    if count != 1:
        raise Broken(f"{mutant.file} has the text {count} times, not once")
    return text.replace(mutant.old, mutant.new)


def _write(path, content, mode):
    try:
        with open(path, "rb") as stream:
            if stream.read() == content:
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as stream:
        stream.write(content)
    os.chmod(path, mode)


def _run(words, limit, log, environment=None, what=None):
    """(status, output); status None: killed, the time was over.  what: a build, which must succeed."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE if what else log,
                               env={**os.environ, **(environment or {})})
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        if what:
            raise Broken(f"{what} took more than {limit} s") from None
        log.write(out)
        return None, out.decode("utf-8", "replace")
    log.write((err or b"") + out)
    if what and process.returncode:
        lines = [line for line in (err + out).decode("utf-8", "replace").splitlines() if "error" in line]
        raise Broken(f"{what} failed: {lines[0] if lines else process.returncode}")
    return process.returncode, out.decode("utf-8", "replace")


def _diagnostics(lines):
    """What a test has said below its result, and of each kernel message that it quotes the beginning."""
    said = []
    quoted = 0
    for line in lines:
        if not line.startswith("#") or _TOTAL.match(line):
            break
        line = line.lstrip("# ").rstrip()
        if line.startswith("the kernel log says"):
            # A host that is busy makes these, too.
            quoted = 0 if _STALL.search(line) else MESSAGE_LINES
        elif line.startswith("| "):
            quoted -= 1
        if not line.startswith("| ") or quoted >= 0:
            said.append(line)
    return [line for line in said if not _STALL.search(line)]


def _judge(test, status, text, limit):
    """From TAP: the test passed; or failed; or was not reached, because all ended before."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        result = _TAP.match(line.strip())
        if not result or result.group(2).rpartition("/x86_64/mmapdemo/")[2] != test.name:
            continue
        if "# skip" in result.group(3).lower():
            raise Broken(f"{test} was skipped")
        if not result.group(1):
            return Seen(True, "passed")
        # cmocka says it before, and to the other stream.
        said = [word.strip().replace(f"{TREE}/", "") for word in re.findall(r"(?:^|\n)\[  ERROR   \] --- (.*)", text)]
        return Seen(False, "failed", [line.replace(f"{TREE}/", "") for line in _diagnostics(lines[number:])] or said)
    # A check of the qtest that fails ends the whole program, without a line for the test.
    said = re.findall(r"Bail out! (.*)|(?:^|\n)\**\s*(ERROR:.*)", text)
    if status and said:
        reason = next(word for word in said[0] if word)
        reason = re.sub(r'^(FATAL-)?ERROR:', '', reason).strip()
        return Seen(False, f"failed: {reason[-90:]}", [reason])
    # Programs of ours say so that there was no such test.
    if status == 2:
        raise Broken(f"{test} does not exist")
    if status is None:
        return Seen(False, f"hang: no end within {limit} s")
    if status:
        return Seen(False, f"crash: ended with {'signal' if status < 0 else 'status'} {abs(status)} before its result")
    raise Broken(f"{test} was not among the tests that ran")


# --- unit ---------------------------------------------------------------------------------------------

_FLAGS = ("-D_GNU_SOURCE", "-O2", "-g", "-Wno-unused", "-pthread")


def _unit(test, log):
    place = os.path.join(PLACE, "unit")
    os.makedirs(place, exist_ok=True)
    program = os.path.join(place, test.program)
    source = f"{TREE}/tests/unit/{test.program.replace('-', '_')}.c"
    includes = ["kernel/include/uapi", "kernel", "userspace/include", "userspace/lib", "tests/unit"]
    sources = [f"{TREE}/kernel/policy.c", source]
    if test.program.startswith("lib-"):
        sources = [source, f"{TREE}/tests/unit/mock.c", f"{TREE}/tests/unit/mock_queue.c",
                   *sorted(glob.glob(f"{TREE}/userspace/lib/*.c"))]
    _run(["cc", *_FLAGS, *(f"-I{TREE}/{name}" for name in includes), "-o", program, *sources, "-lcmocka"], 300, log,
         what="the unit test's build")
    return _judge(test, *_run([program], LIMITS["unit"], log, {"CMOCKA_MESSAGE_OUTPUT": "TAP"}), LIMITS["unit"])


# --- qtest --------------------------------------------------------------------------------------------

def _qtest(test, log, mutant):
    _, out = _run([f"{TREE}/qemu-device/scripts/build-qemu", "--qtest"], 1800, log, what="QEMU's build")
    qemu = out.splitlines()[-1]
    try:
        words = [os.path.join(qemu, "mmapdemo-test"), "--tap", "-k", "-p", f"/x86_64/mmapdemo/{test.name}"]
        status, text = _run(words, LIMITS["qtest"], log,
                            {"QTEST_QEMU_BINARY": os.path.join(qemu, "qemu-system-x86_64")})
    finally:
        # Named after its content: nobody else has use for it.
        if mutant:
            shutil.rmtree(qemu, ignore_errors=True)
    return _judge(test, status, text, LIMITS["qtest"])


# --- guest --------------------------------------------------------------------------------------------

def _module(kernel, log):
    """Built beside its objects, so that a mutant costs one of them."""
    kdir = os.path.realpath(os.path.join(kernel, "kdir"))
    place = os.path.join(PLACE, f"module-{hashlib.sha256(kdir.encode()).hexdigest()[:8]}")
    for directory, _, files in os.walk(os.path.join(TREE, "kernel")):
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as stream:
                _write(os.path.join(place, os.path.relpath(path, os.path.join(TREE, "kernel"))), stream.read(), 0o644)
    _run(["make", "-C", kdir, "-j2", f"M={place}", "modules"], 900, log, what="the driver's build")
    stripped = os.path.join(place, "guest.ko")
    _run(["strip", "--strip-debug", "-o", stripped, os.path.join(place, "mmapdemo.ko")], 60, log, what="strip")
    return stripped


def _guest(tests, log, built, module):
    """(outcome, text) of a boot with that module, and these tests, which need the same machine."""
    options = machine.Options()
    options.accel = accel.choose(os.environ.get("ACCEL", "auto"), built)[0]
    options.iommu = tests[0].machine == IOMMU
    options.append = list(_APPEND.get(tests[0].machine, ()))
    job = guest.Job(["mmapdemo-guest-tests", *(test.name for test in tests)])
    job.files = {"lib/modules/mmapdemo.ko": module}
    # The tests' own modules know nothing of the driver, and are those of the tree without a mutant.
    for helper in ("mmapdemo-importer.ko", "mmapdemo-dmaclient.ko"):
        if os.path.exists(os.path.join(built.module, helper)):
            job.files[f"lib/modules/{helper}"] = os.path.join(built.module, helper)
    boot, scale = BOOT_SECONDS, 1
    if tests[0].machine == DEBUG:
        boot, scale = debugstages.BOOT_SECONDS, debugstages.TIME_SCALE
        job.environment = {"MMAPDEMO_TEST_SCALE": str(scale)}
    out = bytearray()

    def sink(data):
        out.extend(data)
        log.write(data)

    limit = boot + LIMITS["guest"] * scale * len(tests)
    outcome = session.boot("mutants", parts.Parts(built.qemu, built.kernel, built.user, None), options, job,
                           session.Limits(boot, limit), sink)
    return outcome, out.decode("utf-8", "replace"), limit


def _guest_one(test, log, built):
    outcome, text, limit = _guest([test], log, built, _module(built.kernel, log))
    if outcome.boot_seconds is None:
        return Seen(False, f"crash: no boot with it: {outcome.error}")
    try:
        seen = _judge(test, 1 if outcome.error else outcome.status, text, limit)
    except Broken:
        if not outcome.kernel_messages and not outcome.error:
            raise
        seen = Seen(False, "no result")
    # A host that is busy makes stalls: of a guest whose test has passed they say nothing.
    reports = [(kind, lines) for kind, lines in outcome.kernel_messages if not seen.good or not _STALL.search(kind)]
    if outcome.error and "did not end" in outcome.error:
        seen = Seen(False, f"hang: {outcome.error}", [*seen.said, outcome.error])
    if reports:
        kind, lines = next((one for one in reports if not _STALL.search(one[0])), reports[0])
        beginning = [f"| {_STAMP.sub('', line).strip()}" for line in lines[:MESSAGE_LINES]]
        seen = Seen(False, f"kernel report: {kind}: {_STAMP.sub('', lines[0]).strip()[:80]}",
                    seen.said if any(line.startswith("| ") for line in seen.said) else [*seen.said, *beginning])
    return seen


# --- all --------------------------------------------------------------------------------------------

class Bench:
    """Runs tests.  log: a binary stream for everything that is said.  One at a time on this machine: the copy is shared."""

    def __init__(self, log):
        os.makedirs(PLACE, exist_ok=True)
        self._lock = open(os.path.join(PLACE, "lock"), "w", encoding="ascii")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.log = log
        self.built = {}

    def _parts(self, kind):
        kernel = "debug" if kind == DEBUG else None
        if kernel not in self.built:
            self.built[kernel] = parts.build(kernel=kernel)
        return self.built[kernel]

    def run(self, test, mutant=None):
        """What the test shows of the tree with that mutant.  Raises Broken."""
        self.log.write(f"=== {mutant.name if mutant else 'no mutant'}: {test}\n".encode())
        self.log.flush()
        tree_update(mutant)
        if test.level == "unit":
            return _unit(test, self.log)
        if test.level == "qtest":
            return _qtest(test, self.log, mutant)
        return _guest_one(test, self.log, self._parts(test.machine))

    def passes(self, tests):
        """{test: None, or why it says nothing} without a mutant; the guest's ones in one boot."""
        results = {}
        tree_update()
        guests = {}
        for test in tests:
            if test.level == "guest":
                guests.setdefault(test.machine, []).append(test)
        for test in tests:
            if test.level == "guest":
                continue
            try:
                seen = self.run(test)
                results[test] = None if seen.good else f"{seen.how} without a mutant"
            except Broken as reason:
                results[test] = str(reason)
        for kind, those in guests.items():
            built = self._parts(kind)
            outcome, text, limit = _guest(those, self.log, built, _module(built.kernel, self.log))
            for test in those:
                try:
                    seen = _judge(test, 1 if outcome.error else outcome.status, text, limit)
                    results[test] = None if seen.good else f"{seen.how} without a mutant"
                except Broken as reason:
                    results[test] = str(reason)
        return results
