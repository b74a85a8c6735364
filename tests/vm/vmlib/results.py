# SPDX-License-Identifier: MIT
"""The results of a benchmark that took several boots: put together, and the row that only the host can write."""

import json
import math

# Which boots there are, in their order; the environment of the first stands for the whole.
BOOTS = ("timed", "iommu", "icount")
LISTS = ("controls", "metrics", "ratios")
# W1: seconds that all boots together may take, each from the moment its guest is up.
WALL_LIMIT = 120


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


def wall_row(boots, whole):
    """The row W1.  whole: every case of every boot ran, which is what its target is for."""
    seconds = sum(boot.seconds for boot in boots)
    row = {"id": "W1", "boot": "all", "what": "all boots, after boot", "unit": "s", "n": 1, "ci95": None,
           "outliers": 0, "spread": None, "limit": [None, WALL_LIMIT], "target": f"<= {WALL_LIMIT}",
           "judged_by": "median", "errors": 0, "reason": None, "tries": 1, "histogram": None}
    row.update(dict.fromkeys(("median", "min", "p10", "p50", "p90", "p99", "max"), seconds))
    if not math.isfinite(seconds):
        raise ResultsError("no time of a boot is known")
    if whole:
        row["verdict"] = "pass" if seconds <= WALL_LIMIT else "fail"
    else:
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
