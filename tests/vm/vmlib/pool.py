# SPDX-License-Identifier: MIT
"""Several boots of the same benchmark become one set of results.

What a boot chose by chance (addresses, what lies beside what in a cache) shifts all of its times: those of two boots
are never compared or mixed.  Ratios were formed within each boot, and counts and instructions know no boot: these are pooled.
Rows of times stay those of the first boot.
"""

import copy
import statistics

from .results import LISTS, ResultsError

# From so many boots on, their own scatter gives the interval: the order statistics that hold the median with 95 %.
BOOTS_FOR_INTERVAL = 6
TIMES = ("ns", "s", "bytes", "holds")
MIDDLES = ("p10", "p50", "p90", "p99", "of_minima")


def is_pooled(row):
    """Or else a time, or what follows from times, which says nothing beside that of another boot."""
    return row["unit"] == "ratio" or not row["unit"].startswith(TIMES)


def rank(count):
    """Largest k for which both tails outside of the k-th smallest and k-th largest have at most 2.5 % each; 0: none."""
    share, total, k = 0.5 ** count, 0.5 ** count, 0
    while total <= 0.025 and k < count // 2:
        k += 1
        share *= (count - k + 1) / k
        total += share
    return k


def interval(rows):
    """Of the median of the boots' medians.  With few boots: from the lowest to the highest end of theirs."""
    medians = sorted(row["median"] for row in rows)
    k = rank(len(medians)) if len(medians) >= BOOTS_FOR_INTERVAL else 0
    if k:
        return [medians[k - 1], medians[-k]]
    ends = [row["ci95"] for row in rows if row["ci95"]]
    return [min(low for low, _ in ends), max(high for _, high in ends)] if ends else None


def judge(row):
    """The verdict on a pooled row, as the benchmark itself judges one."""
    low, high = row["limit"]
    values = {"min": [row["min"]], "every": [row["median"], row["min"], row["max"]]}.get(row["judged_by"], [row["median"]])
    good = all((low is None or value >= low) and (high is None or value <= high) for value in values)
    return "pass" if good else "fail"


def pool_row(rows):
    """rows: the same row of each boot, None where a boot has none."""
    there = [row for row in rows if row]
    quiet = [row for row in there if row["median"] is not None and row["verdict"] != "noisy"]
    if not is_pooled(there[0]) or not quiet:
        return there[0]
    row = copy.deepcopy(quiet[0])
    row["median"] = statistics.median(one["median"] for one in quiet)
    row["ci95"] = interval(quiet)
    for key in MIDDLES:
        known = [one[key] for one in quiet if one.get(key) is not None]
        if key in row:
            row[key] = statistics.median(known) if known else None
    row.update(n=sum(one["n"] for one in quiet), min=min(one["min"] for one in quiet), max=max(one["max"] for one in quiet),
               outliers=sum(one["outliers"] for one in quiet), errors=sum(one["errors"] for one in there),
               tries=max(one["tries"] for one in there), boot_medians=[one["median"] if one else None for one in rows])
    row["spread"] = row["p90"] / row["p10"] if row["p10"] else None
    if "histogram" in row:
        row["histogram"] = pool_histograms([one["histogram"] for one in quiet])
    if row["limit"] and row["judged_by"]:
        row["verdict"] = judge(row)
    if len(quiet) < len(rows):
        row["reason"] = f"of {len(rows)} boots, {len(rows) - len(quiet)} gave no figure or were disturbed"
    return row


def pool_histograms(hists):
    """The sum of all; None if one is missing."""
    if any(hist is None for hist in hists):
        return None
    counts = {}
    for hist in hists:
        for low, high, count in hist["buckets"]:
            counts[low, high] = counts.get((low, high), 0) + count
    return {"relative_error": hists[0]["relative_error"], "under": sum(hist["under"] for hist in hists),
            "over": sum(hist["over"] for hist in hists), "buckets": [[*key, count] for key, count in sorted(counts.items())]}


def pool(boots):
    """boots: results.Boot of one name.  One like them, with pooled rows."""
    first = boots[0]
    for boot in boots[1:]:
        for key in ("schema",):
            if boot.results[key] != first.results[key]:
                raise ResultsError(f"the boots write different versions of the results: {key}")
    pooled = copy.copy(first)
    pooled.results = dict(first.results)
    for key in LISTS:
        by_id = [{row["id"]: row for row in boot.results[key]} for boot in boots]
        names = list(dict.fromkeys(name for rows in by_id for name in rows))
        pooled.results[key] = [pool_row([rows.get(name) for rows in by_id]) for name in names]
    pooled.results["run"] = dict(first.results["run"], errors=sum(boot.results["run"]["errors"] for boot in boots))
    return pooled
