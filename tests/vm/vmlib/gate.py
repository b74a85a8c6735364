# SPDX-License-Identifier: MIT
"""The regression gate: counts and instruction counts of a run against a committed reference of the same kernel and QEMU."""

import json
import os

from .paths import TOP
from .results import ResultsError, host_row

REFERENCES = os.path.join(TOP, "tests", "bench-reference")

# What another commit may add to an instruction count without being stopped.
INSTRUCTIONS_LIMIT = 0.01
# Families of rows, in instructions or in counts that must not change at all.
FAMILIES = ("X", "I")
# Kinds of row, and where to look when one of them has changed.
PLACES = (
    (("I1", "I3"), "the inline ring functions and what the compiler made of them",
     ("userspace/lib", "userspace/include")),
    (("I2",), "the path of a system call", ("kernel/ioctl.c", "kernel/queue_submit.c", "kernel/xfer.c", "kernel/dma.c",
                                              "kernel/mmapdemo_priv.h")),
    (("I4", "I5"), "how a page gets into the page table", ("kernel/mmap.c", "kernel/map_bar.c", "kernel/map_bar_fault.c",
                                                            "kernel/map_bar_huge.c", "kernel/map_pages.c", "kernel/memtype.c")),
    (("X1",), "BAR2 must be RAM to the guest, never a dispatch region", ("qemu-device/overlay/hw/mmapdemo/memory.c",)),
    (("X",), "who touches a register or sends an interrupt", ("userspace/lib", "kernel/dma.c", "kernel/xfer.c", "kernel/irq.c",
                                                              "qemu-device/overlay/hw/mmapdemo")),
)


def place(row):
    """(what it is about, paths) of the first kind that a row belongs to."""
    for prefixes, what, paths in PLACES:
        if row.startswith(prefixes):
            return what, paths
    return "the benchmark itself", ("userspace/bench",)


def is_instructions(unit):
    """Or else a count."""
    return unit.startswith("instructions")


def load(text):
    """A results object of one boot, or ResultsError."""
    try:
        root = json.loads(text)
    except ValueError as err:
        raise ResultsError(f"the results are damaged: {err}") from err
    if not isinstance(root, dict) or not isinstance(root.get("metrics"), list) or not isinstance(root.get("env"), dict):
        raise ResultsError("the results are damaged: no rows")
    return root


def _is_of_pages(row):
    """Making pages present: the kernel's allocators, and a busy host's interrupts, add to most batches; never to the least."""
    return row["id"].startswith("I4.") or row["judged_by"] == "min"


def _is_inequality(row):
    """A count that depends on when the host's threads get to run: at depth 64 one wake-up more or less."""
    limit = row.get("limit")
    return bool(limit) and (limit[0] is None or limit[1] is None)


def figures(root):
    """{row: {"unit", "value"}} of what the gate watches.  A count's value is [least, median, most]; one that is only promised
    not to be above or below something has "limit" too, [low, high], and is held against that."""
    found = {}
    for row in root["metrics"]:
        if not row["id"].startswith(FAMILIES) or row["median"] is None:
            continue
        found[row["id"]] = one = {"unit": row["unit"]}
        if is_instructions(row["unit"]):
            one["value"] = row["min"] if _is_of_pages(row) else row["median"]
        elif _is_inequality(row):
            one.update(value=[row["median"]], limit=row["limit"])
        elif row["judged_by"] == "median":
            # One that may scatter beside its median.
            one["value"] = [row["median"]]
        else:
            one["value"] = [row["min"], row["median"], row["max"]]
    if not found:
        raise ResultsError("the run has no row of " + ", ".join(FAMILIES))
    return found


def name_of(env):
    """Of the reference file."""
    return f"linux-{env['kernel']},qemu-{env['qemu_version']}.json".replace("/", "-").replace(" ", "-")


def reference(root, compiler):
    """The object to be committed."""
    env = root["env"]
    return {"kernel": env["kernel"], "qemu_version": env["qemu_version"], "accelerator": env["accelerator"],
            "revision": env["git_revision"], "compiler": compiler, "rows": dict(sorted(figures(root).items()))}


def write(obj):
    """One row a line, so that a change is a line of the diff."""
    head = {key: value for key, value in obj.items() if key != "rows"}
    lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
    rows = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in obj["rows"].items())
    return "{\n" + "\n".join(lines) + '\n "rows": {\n' + rows + "\n }\n}\n"


def text_of(value):
    """For people."""
    if isinstance(value, list):
        return f"{value[0]:g}" if len(set(value)) == 1 else " / ".join(f"{one:g}" for one in value) + " (least / median / most)"
    return f"{value:.6g}"


def compare(before, now):
    """before, now: {row: {"unit", "value"}}.  [(row, "failed" or "changed", sentence)]; empty: nothing is different."""
    said = []
    for row, old in before.items():
        new = now.get(row)
        if new is None:
            said.append((row, "failed", f"{text_of(old['value'])} {old['unit']} before, and now there is no such figure"))
        elif new["unit"] != old["unit"]:
            said.append((row, "failed", f"was in {old['unit']}, is in {new['unit']}"))
        elif "limit" in old and "limit" in new:
            low, high = old["limit"]
            if (low is not None and new["value"][0] < low) or (high is not None and new["value"][0] > high):
                said.append((row, "failed", f"{text_of(new['value'])} {old['unit']}: must be within {low} .. {high}"))
        elif not is_instructions(old["unit"]):
            if new["value"] != old["value"]:
                said.append((row, "failed", f"{text_of(old['value'])} -> {text_of(new['value'])} {old['unit']}; "
                             "counts must not change"))
        elif new["value"] != old["value"]:
            change = new["value"] / old["value"] - 1
            # Nine digits are written: rounding decides nothing.
            over = abs(change) > INSTRUCTIONS_LIMIT * (1 + 1e-6)
            said.append((row, "failed" if over else "changed", f"{text_of(old['value'])} -> {text_of(new['value'])} {old['unit']}, "
                         f"{change * 100:+.2f} %" + (f"; the limit is {INSTRUCTIONS_LIMIT * 100:g} %" if over else "")))
    said += [(row, "changed", f"is new: {text_of(new['value'])} {new['unit']}") for row, new in now.items() if row not in before]
    return said


def drift(root, directory=REFERENCES):
    """The rows G1 of a results object: by how much what is counted differs from the committed reference of the same kernel and QEMU.
    Of what this run has a figure for; that something is missing is for the gate itself to see."""
    name = name_of(root["env"])
    why, before, now = None, {}, {}
    try:
        now = figures(root)
        with open(os.path.join(directory, name), encoding="utf-8") as stream:
            before = json.load(stream)["rows"]
    except ResultsError:
        why = "nothing that is counted was run"
    except FileNotFoundError:
        why = f"no reference: tests/bench-reference/{name}; 'make bench-gate' measures the parent commit instead"
    both = [row for row in before if row in now and now[row]["unit"] == before[row]["unit"]]
    counted = [row for row in both if not is_instructions(before[row]["unit"])]
    changed = [any(kind == "failed" for _, kind, _ in compare({row: before[row]}, {row: now[row]})) for row in counted]
    # Nine digits are written: rounding decides nothing.
    percent = [round(abs(now[row]["value"] / before[row]["value"] - 1) * 100, 6) for row in both if row not in counted]
    limit = INSTRUCTIONS_LIMIT * 100
    rows = [host_row("G1.counts", "counts that are not as in the reference", "changed", [float(one) for one in changed], 0, "0"),
            host_row("G1.instructions", "instructions more or less than in the reference", "percent", percent, limit, f"<= {limit:g}")]
    for row in rows:
        if not row["n"]:
            row["reason"] = why or "nothing of this kind was run"
    return rows
