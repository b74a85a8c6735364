# SPDX-License-Identifier: MIT
"""Kernel messages that fail any guest, however its tests ended: reports of bugs, not the messages of a driver."""

import re

# Name, pattern.  A pattern starts where the kernel's own text does, so that a test's name or a file name in a trace
# line does not count.  Of two that match the first tells the kind: those that know least are at the end.
_BAD = [
    ("KASAN", r"\bKASAN: "),
    ("KCSAN", r"\bKCSAN: "),
    ("KMSAN", r"\bKMSAN: "),
    ("KFENCE", r"\bKFENCE: (?!initialized)"),
    ("UBSAN", r"\bUBSAN: "),
    ("Oops", r"\bOops: |\bOops\b.*\[#\d+\]|\bgeneral protection fault\b.*(?:\[#\d+\]|non-canonical)|\bint3: "),
    ("panic", r"\bKernel panic\b"),
    ("Bad page map", r"\bBad page map\b"),
    ("Bad page state", r"\bBad page state\b"),
    ("Bad rss-counter", r"\bBad rss-counter state\b"),
    ("refcount_t", r"\brefcount_t: "),
    ("DMA-API", r"\bDMA-API: (?!preallocated|debugging (?:enabled|disabled)|debug)"),
    ("DMAR fault", r"\bDMAR: .*(?:fault|DRHD: handling)"),
    ("ODEBUG", r"\bODEBUG: (?!selftest passed|\d+ of \d+)"),
    ("lockdep", r"\b(?:Invalid wait context|possible (?:circular|recursive|irq lock|deadlock)|inconsistent lock state|bad unlock balance"
                r"|held lock freed|lock held when returning to user space|nested lock was not taken"
                r"|irq lock inversion|DEBUG_LOCKS_WARN_ON)"),
    ("sleeping function", r"\bsleeping function called from invalid context\b|\bscheduling while atomic\b"),
    ("suspicious RCU", r"\bsuspicious RCU usage\b"),
    ("hung task", r"\bINFO: task .* blocked for more than\b"),
    ("soft lockup", r"\bsoft lockup\b(?!.*(?:panic|watchdog) (?:off|on))"),
    ("hard lockup", r"\bhard LOCKUP\b"),
    ("RCU stall", r"\brcu:? .*(?:self-)?detected (?:expedited )?stalls?\b|\bstall on CPU\b"),
    ("x86/PAT", r"\bx86/PAT: .*(?:map pfn|freeing invalid memtype|conflicting memory types|reserve_memtype failed)"),
    ("unreferenced object", r"\bunreferenced object 0x|\bnew suspected memory leaks\b"),
    ("list corruption", r"\blist_(?:add|del) (?:corruption|double add)\b|\blist corruption\b"),
    ("slab corruption", r"\b(?:Redzone|Poison|Freepointer|Object padding) (?:overwritten|corrupt)\b"),
    ("stack overflow", r"\bstack guard page was hit\b|\bkernel stack overflow\b"),
    ("usercopy", r"\busercopy: Kernel memory (?:exposure|overwrite) attempt\b"),
    ("BUG", r"\bBUG: |\bkernel BUG at |\bBUG (?!\()[\w-]+ \("),
    ("WARNING", r"\bWARNING: "),
    ("segfault of ours", r"\bmmapdemo[\w-]*\[\d+\]: segfault at\b"),
]
_PATTERNS = [(name, re.compile(pattern)) for name, pattern in _BAD]


# A report is shown with the lines that follow it, up to the end of its trace.
_LINES_SHOWN = 12


def bad_reports(text):
    """(kind, lines) of each report in a kernel log that must not be there, in order; lines begin with the report."""
    found = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        for name, pattern in _PATTERNS:
            if pattern.search(line):
                found.append((name, lines[number:number + _LINES_SHOWN]))
                break
    return found
