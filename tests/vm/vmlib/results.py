# SPDX-License-Identifier: MIT
"""The results of a benchmark that took several boots: put together, and the row that only the host can write."""

import json
import math

# Which boots there are, in their order; the environment of the first stands for the whole.
BOOTS = ("timed", "iommu", "icount")
LISTS = ("controls", "metrics", "ratios")
# W1: seconds that all boots together may take, each from the moment its guest is up.
WALL_LIMIT = 120
SHARES = {"min": 0.0, "p10": 0.1, "p50": 0.5, "median": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


class ResultsError(Exception):
    """What the guests sent cannot be put together."""


class Boot:
    """What one boot has given.  results: the text of its results.json."""

    def __init__(self, name, boot_seconds, seconds, text):
        self.name = name
        self.boot_seconds = boot_seconds   # until the guest was up
        self.seconds = seconds             # from then on
        try:
            self.results = json.loads(text)
        except ValueError as err:
            raise ResultsError(f"the results of the {name} boot are damaged: {err}") from err
        if not isinstance(self.results, dict) or any(not isinstance(self.results.get(key), list) for key in LISTS):
            raise ResultsError(f"the results of the {name} boot are damaged: no lists of rows")


def quantile(ordered, share):
    """Between the two nearest observations, as the benchmark itself has it."""
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def host_row(name, what, unit, values, most, target):
    """A row that no guest can write, held against its target by every observation.  values: none, and the row has no number."""
    ordered = sorted(values)
    row = {"id": name, "boot": "all", "what": what, "unit": unit, "n": len(ordered), "ci95": None, "outliers": 0, "spread": None,
           "limit": [None, most], "target": target, "judged_by": "every", "errors": 0, "reason": None, "tries": 1, "histogram": None}
    for key, share in SHARES.items():
        row[key] = quantile(ordered, share) if ordered else None
    row["verdict"] = "skipped" if not ordered else "pass" if ordered[-1] <= most else "fail"
    return row


def wall_row(boots, whole):
    """The row W1.  whole: every case of every boot ran, which is what its target is for."""
    seconds = sum(boot.seconds for boot in boots)
    if not math.isfinite(seconds):
        raise ResultsError("no time of a boot is known")
    row = host_row("W1", "all boots, after boot", "s", [seconds], WALL_LIMIT, f"<= {WALL_LIMIT}")
    if not whole:
        row.update(verdict="info", reason="not all of it was run")
    return row


def circumstances(boot):
    """An entry of the list "boots"."""
    return {"boot": boot.name, "boot_seconds": boot.boot_seconds, "seconds": boot.seconds, "env": boot.results["env"],
            "run": boot.results["run"]}


def merge(boots, whole):
    """One results object of all boots."""
    if not boots:
        raise ResultsError("there are no results")
    versions = {boot.results.get("schema") for boot in boots}
    if len(versions) != 1:
        raise ResultsError(f"the boots write different versions of the results: {versions}")
    first = boots[0].results
    merged = {"schema": first["schema"], "env": first["env"], "run": dict(first["run"])}
    for key in ("cases", "errors", "seconds"):
        merged["run"][key] = sum(boot.results["run"][key] for boot in boots)
    merged["boots"] = [circumstances(boot) for boot in boots]
    for key in LISTS:
        merged[key] = [row for boot in boots for row in boot.results[key]]
    merged["metrics"].append(wall_row(boots, whole))
    _check_rows(boots, merged)
    return merged


def _check_rows(boots, merged):
    for boot in boots:
        for key in LISTS:
            for row in boot.results[key]:
                if row.get("boot") != boot.name:
                    raise ResultsError(f"row {row.get('id')} of the {boot.name} boot says it is of another: "
                                       f"{row.get('boot')}")
    seen = set()
    for key in LISTS:
        for row in merged[key]:
            if row["id"] in seen:
                raise ResultsError(f"there are two rows {row['id']}")
            seen.add(row["id"])
