# SPDX-License-Identifier: MIT
"""Count test results.  Silence is failure: no plan, a cut-short list, a crash and an empty list all count as failed."""

import re

_PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$", re.IGNORECASE)
_TEST = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:-\s+)?(.*)$")
_DIRECTIVE = re.compile(r"^(.*?)\s*(?<!\\)#\s*(skip|todo)\S*\s*(.*)$", re.IGNORECASE)
_SUMMARY = re.compile(r"(\d+) passed, (\d+) failed, (\d+) skipped")


class Count:
    """Passed, failed and skipped tests, and a line for each failure and each skip."""

    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed = passed
        self.failed = failed
        self.skipped = skipped
        self.failures = []
        self.skips = []
        self.notes = []            # what else there is to say

    def fail(self, text):
        self.failed += 1
        self.failures.append(text)

    def skip(self, name, reason):
        """A skip without a reason is a failure."""
        if reason.strip():
            self.skipped += 1
            self.skips.append(f"{name}: {reason.strip()}")
        else:
            self.fail(f"{name}: skipped without a reason")

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures
        self.skips += other.skips
        self.notes += other.notes

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_tap(text, status, what):
    """Count a TAP stream.  status: exit status of the program (negative: signal, None: it never reported one)."""
    count = Count()
    planned = None
    seen = set()
    explained = True
    for line in text.splitlines():
        if line.startswith("#") and not explained:
            # The first comment after a failed test is why.
            count.failures[-1] += f": {line.lstrip('# ')}"
            explained = True
            continue
        explained = True
        plan = _PLAN.match(line)
        test = _TEST.match(line)
        if plan:
            if planned is not None:
                count.fail(f"{what}: two plans")
            planned = int(plan.group(1))
            if planned == 0 and plan.group(2) is not None:
                count.skip(what, plan.group(2))
        elif test:
            _count_test(count, test, seen, what)
            explained = not test.group(1)
        elif line.startswith("Bail out!"):
            count.fail(f"{what}: {line}")
    if planned is None:
        count.fail(f"{what}: no plan: it died, or printed no TAP")
    elif len(seen) != planned:
        count.fail(f"{what}: {planned} tests planned, {len(seen)} reported: cut short, or a wrong plan")
    elif seen and seen != set(range(1, planned + 1)):
        count.fail(f"{what}: test numbers are not 1..{planned}")
    if count.total == 0:
        count.fail(f"{what}: no tests at all")
    if status != 0 and count.failed == 0:
        count.fail(f"{what}: every test passed, but the program ended with {describe(status)}")
    return count


def _count_test(count, test, seen, what):
    bad, number, name = test.groups()
    number = int(number) if number else max(seen, default=0) + 1
    directive = _DIRECTIVE.match(name)
    kind = directive.group(2).lower() if directive else ""
    name = (directive.group(1) if directive else name) or f"test {number}"
    if number in seen:
        count.fail(f"{what}: {name}: number {number} is reported twice")
    seen.add(number)
    if bad or kind == "todo":
        count.fail(f"{what}: {name}")
    elif kind == "skip":
        count.skip(f"{what}: {name}", directive.group(3))
    else:
        count.passed += 1


def count_summary(text, status, what):
    """Count a program whose last line is "N passed, N failed, N skipped"; its "not ok" lines are shown."""
    count = Count()
    lines = text.rstrip().splitlines()
    found = _SUMMARY.fullmatch(lines[-1].strip()) if lines else None
    if not found:
        count.fail(f"{what}: its last line is no count: it died (it ended with {describe(status)})")
        return count
    count.passed, count.failed, count.skipped = (int(number) for number in found.groups())
    named = [_TEST.match(line) for line in lines]
    count.failures = [f"{what}: {test.group(3)}" for test in named if test and test.group(1)]
    count.skips = [f"{what}: {test.group(3)}" for test in named
                   if test and not test.group(1) and _DIRECTIVE.match(test.group(3))]
    if len(count.failures) != count.failed:
        count.failures.append(f"{what}: {count.failed} failed")
    if count.total == 0:
        count.fail(f"{what}: no tests at all")
    if status != 0 and count.failed == 0:
        count.fail(f"{what}: every test passed, but it ended with {describe(status)}")
    return count


def describe(status):
    """An exit status in words."""
    if status is None:
        return "no status"
    return f"signal {-status}" if status < 0 else f"status {status}"
