# SPDX-License-Identifier: MIT
"""The stages of the test suites: each runs something, keeps its output in build/log, and counts it."""

import json
import os
import subprocess
import traceback

from . import guest, kernels, machine, paths, qtest as qtests, schedule, session, tap

SHOWN_FAILURES = 40
# Of a guest beside which builds and other guests run: its time limits are twice what they are otherwise, but for what is
# promised.
BESIDE_OTHERS = {"MMAPDEMO_TEST_SCALE": "2"}


class Stages:
    """A suite: its stages and builds as schedule.Scheduler takes them, and their sum.  name: of the suite."""

    def __init__(self, name):
        self.name = name
        self.total = tap.Count()
        self.table = kernels.Table(name)
        self.schedule = schedule.Scheduler(_run, self._show)
        self.build = self.schedule.build
        self.fetch = self.schedule.fetch
        os.makedirs(paths.LOG, exist_ok=True)

    def add(self, name, function, **how):
        """A stage: see schedule.Scheduler.add().  log, its first argument, is an open binary file for its whole output."""
        self.schedule.add(name, function, **how)

    def _show(self, task):
        """The block of one stage."""
        count = task.count
        for line in count.notes:
            print(f"  {line}")
        for line in count.skips:
            print(f"  skipped: {line}")
        for line in count.failures[:SHOWN_FAILURES]:
            print(f"  FAILED: {line}")
        if len(count.failures) > SHOWN_FAILURES:
            print(f"  ... and {len(count.failures) - SHOWN_FAILURES} more")
        if count.failed:
            print(f"  log: {os.path.relpath(_log(task.name))}")
        print(f"{task.name}: {count} ({task.took()})", flush=True)
        self.total.add(count)
        if task.cell:
            self.table.enter(task.cell, count, task.seconds)

    def finish(self):
        """Run all; print the closing line; return the exit status."""
        self.schedule.run()
        self.table.show()
        print(self.total, flush=True)
        return 1 if self.total.failed or not self.total.total else 0


def _log(name):
    return os.path.join(paths.LOG, f"test-{name}.log")


def _run(task, values):
    """The body of a stage, in its own process."""
    with open(_log(task.name), "wb") as log:
        try:
            return task.function(log, *values)
        except Exception as err:  # noqa: BLE001  # it must be counted, whatever it was
            log.write(traceback.format_exc().encode())
            count = tap.Count()
            count.fail(f"{task.name}: the stage itself broke: {type(err).__name__}: {err}")
            return count


def program(words, log, timeout, environment=None):
    """Run a program with its output into the log; return (stdout, exit status).  Past its time it is killed: None."""
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd=paths.TOP,
                               env=dict(os.environ, **(environment or {})))
    try:
        out, status = process.communicate(timeout=timeout)[0], process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, status = process.communicate()[0], None
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    log.write(out)
    return out.decode("utf-8", "replace"), status


def machinery(log):
    """The test machinery's own unit tests."""
    return tap.count_tap(*program([os.path.join(paths.VM, "selftest")], log, 120), "machinery")


def host(log, programs):
    """Unit and ABI tests on the host, by meson; TAP programs are counted by their tests."""
    user, count = programs.user, tap.Count()
    results = os.path.join(user, "meson-logs", "testlog.json")
    if os.path.exists(results):
        os.unlink(results)
    _, status = program([paths.PYTHON, "/usr/bin/meson", "test", "-C", user, "--no-rebuild", "--print-errorlogs"], log, 900)
    done = set()
    if os.path.exists(results):
        with open(results, encoding="utf-8") as stream:
            for line in stream:
                entry = json.loads(line)
                done.add(entry["name"])
                count.add(count_meson_test(entry))
    for name in planned_tests(user):
        if not any(entry == name or entry.endswith(f"/ {name}") or entry.endswith(f":{name}") for entry in done):
            count.fail(f"{name}: did not run")
    if count.total == 0:
        count.fail("meson ran no tests at all")
    if status != 0 and count.failed == 0:
        count.fail(f"every test passed, but meson test ended with {tap.describe(status)}")
    return count


def planned_tests(user):
    """Names of the tests that meson knows."""
    with open(os.path.join(user, "meson-info", "intro-tests.json"), encoding="utf-8") as stream:
        return [test["name"] for test in json.load(stream)]


def count_meson_test(entry):
    """The count of one line of meson's testlog.json."""
    name, result, out = entry["name"], entry["result"], entry.get("stdout", "")
    if any(line.startswith("1..") for line in out.splitlines()):
        count = tap.count_tap(out, entry.get("returncode", 0), name)
        if result not in ("OK", "SKIP") and count.failed == 0:
            count.fail(f"{name}: {result}")
        return count
    count = tap.Count()
    if result == "OK":
        count.passed = 1
    elif result == "SKIP":
        lines = (out or entry.get("stderr", "")).strip().splitlines()
        count.skip(name, lines[-1] if lines else "")
    else:
        count.fail(f"{name}: {result}")
    return count


def style(*arguments):
    """Style checks over the whole tree."""
    def stage(log, *_):
        words = [os.path.join(paths.TOP, "tests", "style", "run"), *arguments]
        return tap.count_summary(*program(words, log, 1800), "style")

    return stage


def qtest(environment=None, slow=False):
    """The device's whole qtest on a QEMU that was built: two tests at a time, since they wait half of it."""
    def stage(log, qemu):
        return tap.count_tap(*qtests.tap(qemu, log, environment, slow, jobs=2), "qtest")

    return stage


def runner(log, ready):
    """The runner itself, with guests that report, die, hang, and complain."""
    def boot(command, total=120):
        options = machine.Options()
        options.accel = ready.accelerator
        options.mmapdemo = None
        options.peers = False
        job = guest.Job([command])
        job.load_module = False
        out = bytearray()
        return session.boot("test-runner", ready.built, options, job, session.Limits(100, total), out.extend), bytes(out)

    count = tap.Count()

    def check(good, name, seen):
        log.write(f"{'ok' if good else 'not ok'} - {name}: {seen}\n".encode())
        if good:
            count.passed += 1
        else:
            count.fail(f"runner: {name}: {seen}")

    outcome, out = boot("printf 'a\\n\\0b END c'; echo text >/results/file; vmctl '{\"execute\": \"stop-it\"}' "
                        ">/results/vmctl; echo $? >>/results/vmctl; echo '<4>BUG: planted' >/dev/kmsg; exit 7")
    check(outcome.status == 7 and not outcome.error, "status_comes_back", (outcome.status, outcome.error))
    check(out == b"a\n\0b END c", "output_comes_back_unchanged", out)
    results = os.path.join(outcome.directory, "results")
    check(guest.tail(os.path.join(results, "file"), 1) == ["text"], "files_come_back", os.listdir(results))
    reply = guest.tail(os.path.join(results, "vmctl"), 2)
    check("CommandNotFound" in reply[0] and reply[1] == "1", "monitor_answers_the_guest", reply)
    check([kind for kind, _ in outcome.kernel_messages] == ["BUG"], "kernel_message_is_seen", outcome.kernel_messages)
    # Long enough for the last guest to boot, however slow this machine is, and no longer.
    patience = 3 * (outcome.boot_seconds or 100) + 5
    outcome, _ = boot("echo c >/proc/sysrq-trigger")
    check(outcome.status is None and outcome.error and outcome.kernel_messages, "panic_is_a_failure", outcome.error)
    outcome, _ = boot("poweroff -f")
    check(outcome.status is None and outcome.error, "silent_end_is_a_failure", outcome.error)
    outcome, _ = boot("vmctl '{\"execute\": \"quit\"}'; sleep 100")
    check(outcome.status is None and outcome.error, "qemu_that_ends_is_a_failure", outcome.error)
    outcome, out = boot("echo before; sleep 1000", total=patience)
    check(outcome.status is None and outcome.error and out == b"before\n", "hang_is_a_failure", outcome.error)
    return count


def techniques(boots):
    """The tables of docs/techniques.md against what the guests of these boots have seen, each in its results."""
    def stage(log):
        files = [f"{boot.name}={os.path.join(paths.BUILD, 'vm', f'test-{boot.name}', 'results', 'techniques.json')}"
                 for boot in boots]
        return tap.count_summary(*program([os.path.join(paths.TOP, "docs", "techniques"), "--check", *files], log, 60),
                                 "techniques")

    return stage


def udev_files():
    """udev itself and the driver's rules, for tests/guest/udev.c; on a machine without udev these tests are skipped."""
    udev = "/bin/udevadm"
    rules = os.path.join(paths.TOP, "kernel", "60-mmapdemo.rules")
    return {"usr/bin/udevadm": udev, f"usr/lib/udev/rules.d/{os.path.basename(rules)}": rules} if os.path.exists(udev) else {}


def dkms(log, built):
    """The driver as dkms and modules_install have it."""
    words = [os.path.join(paths.TOP, "tests", "deep", "dkms"), built.kernel, built.module]
    return tap.count_tap(*program(words, log, 900), "dkms")


class Boot:
    """One guest of the guest stage: name, how it differs from the plain one, which tests.  command: a line of shell instead
    of the tests, which prints TAP as they do.  configuration: what it is called in the table of kernels."""

    def __init__(self, name, configuration="plain", tests=(), append=(), iommu=False, command=None, environment=None,
                 files=None, load_module=True, boot_seconds=120):
        self.name = name
        self.configuration = configuration
        self.boot_seconds = boot_seconds
        self.append = append
        self.iommu = iommu
        self.job = guest.Job([command] if command else ["mmapdemo-guest-tests", *tests])
        self.job.environment = environment or {}
        self.job.files = files or {}
        self.job.load_module = load_module

    def options(self, accelerator):
        options = machine.Options()
        options.accel = accelerator
        options.append = list(self.append)
        options.iommu = self.iommu
        return options


def guest_tests(one, timeout, judge=None):
    """Guest tests in one boot of what is ready: see builds.py.  judge(outcome): a count instead of that of the TAP and of the
    kernel's messages."""
    def stage(log, ready):
        out = bytearray()

        def sink(data):
            out.extend(data)
            log.write(data)
            log.flush()

        outcome = session.boot(f"test-{one.name}", ready.built, one.options(ready.accelerator), one.job,
                               session.Limits(one.boot_seconds, timeout), sink)
        count = judge(outcome) if judge else tap.count_tap(out.decode("utf-8", "replace"), outcome.status, one.name)
        if outcome.error:
            last = guest.tail(os.path.join(outcome.directory, "qemu.stderr"), 1)
            count.fail(f"{one.name}: {outcome.error}; {' '.join(last)} "
                       f"(console in {os.path.relpath(outcome.directory)}/console.log)")
        for kind, lines in outcome.kernel_messages if not judge else ():
            count.fail(f"{one.name}: kernel message: {kind}: {lines[0]}")
        return count

    return stage
