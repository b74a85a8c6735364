# SPDX-License-Identifier: MIT
"""The table that a suite ends with: kernel x configuration x result.

What a suite has seen is kept in build/kernels.json with the content of the sources it was seen with; the next suite shows
what is still true of it, too.
"""

import hashlib
import json
import os

from . import paths

KEPT = os.path.join(paths.BUILD, "kernels.json")
# What the guest tests are made of.
SOURCES = ("kernel", "qemu-device/overlay", "qemu-device/patches", "tests/guest", "userspace")
TITLES = ("kernel", "configuration", "result", "passed", "failed", "skipped", "s", "seen by")


class Table:
    """suite: the name of the suite that fills it."""

    def __init__(self, suite):
        self.suite = suite
        self.rows = {}

    def enter(self, cell, count, seconds):
        if count.failed:
            result = "FAILED"
        elif count.passed:
            result = "passed"
        else:
            result = "skipped"
        self.rows["|".join(cell)] = {"result": result, "passed": count.passed, "failed": count.failed,
                                     "skipped": count.skipped, "seconds": round(seconds), "suite": self.suite}

    def show(self):
        """Print what is known, if this suite has added to it."""
        if not self.rows:
            return
        of = key_of_sources()
        rows = {**_load(of), **self.rows}
        os.makedirs(paths.BUILD, exist_ok=True)
        with open(f"{KEPT}.new", "w", encoding="utf-8") as stream:
            json.dump({"sources": of, "rows": rows}, stream, indent=1)
        os.rename(f"{KEPT}.new", KEPT)
        lines = [TITLES]
        for name in sorted(rows, key=_order):
            row = rows[name]
            lines.append((*name.split("|"), row["result"], *(str(row[key]) for key in ("passed", "failed", "skipped", "seconds")),
                          f"make {row['suite']}"))
        widths = [max(len(line[column]) for line in lines) for column in range(len(TITLES))]
        print()
        for line in lines:
            print("  ".join(text.rjust(width) if 3 <= column <= 6 else text.ljust(width)
                            for column, (text, width) in enumerate(zip(line, widths))).rstrip())
        print()


def key_of_sources():
    """Names and contents."""
    digest = hashlib.sha256()
    for source in SOURCES:
        for directory, names, files in os.walk(os.path.join(paths.TOP, source)):
            names.sort()
            for name in sorted(files):
                path = os.path.join(directory, name)
                with open(path, "rb") as stream:
                    content = hashlib.sha256(stream.read()).hexdigest()
                digest.update(f"{os.path.relpath(path, paths.TOP)} {content}\n".encode())
    return digest.hexdigest()


def _load(of):
    try:
        with open(KEPT, encoding="utf-8") as stream:
            kept = json.load(stream)
        return kept["rows"] if kept["sources"] == of else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _order(name):
    """Versions by number, then the kernels that have names."""
    kernel, configuration = name.split("|")
    words = kernel.split(".")
    number = [int(word) for word in words] if all(word.isdigit() for word in words) else [1 << 30]
    return number, kernel, configuration
