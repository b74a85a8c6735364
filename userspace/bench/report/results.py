# SPDX-License-Identifier: MIT
"""Results of a run, as the report reads them: loaded, checked, rows by id.  Not for judging: verdicts are in the file."""

import json
import math
import re

SCHEMA = 2
LISTS = ("controls", "metrics", "ratios")
ROW_TEXTS = ("id", "what", "unit", "verdict")
ROW_NUMBERS = ("median", "min", "p50", "p90", "p99", "max")
SIZE = re.compile(r"(\d+)(B|KiB|MiB)")
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20}


class ResultsError(Exception):
    """The file holds no results; the text says what is wrong and what to do."""


def is_number(value):
    """A JSON number, which a boolean is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_row(row, place):
    good = isinstance(row, dict) and all(isinstance(row.get(key), str) for key in ROW_TEXTS)
    good = good and all(row.get(key) is None or is_number(row.get(key)) for key in ROW_NUMBERS)
    interval = row.get("ci95") if good else None
    good = good and (interval is None or (isinstance(interval, list) and len(interval) == 2 and
                                          all(is_number(one) for one in interval)))
    if not good:
        raise ResultsError(f"{place} is damaged: measure again")


class Results:
    """One results file."""

    def __init__(self, text):
        try:
            self.root = json.loads(text)
        except ValueError as err:
            raise ResultsError(f"not JSON, or not the whole file: {err}") from err
        root = self.root
        if not isinstance(root, dict) or not isinstance(root.get("env"), dict) or not isinstance(root.get("run"), dict):
            raise ResultsError("this is JSON, but not the results of 'mmapdemo bench'")
        if root.get("schema") != SCHEMA:
            raise ResultsError(f"results of format version {root.get('schema')}, where {SCHEMA} is understood: "
                               "measure again with this version")
        self.rows = {}
        for name in LISTS:
            if not isinstance(root.get(name), list):
                raise ResultsError(f"the results lack the list '{name}'")
            for number, row in enumerate(root[name]):
                _check_row(row, f"row {number} of '{name}'")
                self.rows[row["id"]] = row
        self.env = root["env"]
        self.run = root["run"]

    def median(self, name):
        """None: there is no such row, or it has no number."""
        return self.rows[name]["median"] if name in self.rows else None

    def by_size(self, pattern):
        """[(bytes, row)] of the rows PREFIX SIZE SUFFIX, pattern being "PREFIX%SUFFIX"; only those with a number."""
        prefix, _, suffix = pattern.partition("%")
        found = []
        for name, row in self.rows.items():
            if not name.startswith(prefix) or not name.endswith(suffix) or row["median"] is None:
                continue
            size = SIZE.fullmatch(name[len(prefix):len(name) - len(suffix)])
            if size:
                found.append((int(size[1]) * UNITS[size[2]], row))
        return sorted(found, key=lambda pair: pair[0])

    def distribution(self, name):
        """[(value, share of observations up to it)] from the histogram; [] if there is none."""
        hist = self.rows.get(name, {}).get("histogram")
        if not hist or not hist["buckets"]:
            return []
        total = hist["under"] + hist["over"] + sum(count for _, _, count in hist["buckets"])
        seen, points = hist["under"], [(hist["buckets"][0][0], hist["under"] / total)]
        for low, high, count in hist["buckets"]:
            points.append((low, seen / total))
            seen += count
            points.append((high, seen / total))
        return points


def size_name(size):
    """4 KiB and the like."""
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def number(value):
    """Few digits, for people."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    if abs(value) >= 1e6:
        return f"{value:,.0f}".replace(",", " ") if abs(value) < 1e10 else f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 5)}f}" if abs(value) >= 1e-3 else f"{value:.2e}"


def time_name(ns):
    """A time with the unit that suits it."""
    for unit, name in ((1e9, "s"), (1e6, "ms"), (1e3, "µs")):
        if ns >= unit:
            return f"{ns / unit:.3g} {name}"
    return f"{ns:.3g} ns"
