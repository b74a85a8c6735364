# SPDX-License-Identifier: MIT
"""mmapdemo bench compare and csv, on files that are right, broken, foreign, cut short or from elsewhere: exit status, one
clear message, and never a part of a result.

Usage: bench_files.py PROGRAM. Prints TAP. What counts as a change is tested in bench/test_compare.c.
"""
import copy
import csv
import io
import json
import os
import subprocess
import sys
import tempfile

from tap import Tap

tool = sys.argv[1]
tap = Tap()
check = tap.check


def run(*args, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([tool, *args], stderr=subprocess.PIPE, timeout=20, text=True, **kwargs)


def row(name, unit, median, limit=None, ci95=None):
    numbers = dict.fromkeys(("median", "min", "p10", "p50", "p90", "p99", "max"), median)
    return {"id": name, "boot": "timed", "what": f'{name}, "quoted", é', "unit": unit, "n": 21, "ci95": ci95, "outliers": 0,
            "spread": 1.0, "limit": limit, "target": None, "judged_by": None, "errors": 0, "verdict": "info", "reason": None,
            "tries": 1, **numbers}


def sample():
    return {"schema": 2, "env": {"kernel": "6.12", "accelerator": "tcg", "cpus": 2, "git_revision": "one"},
            "run": {"cases": 1, "pairs": 21, "seed": 1, "seconds": 1.0, "errors": 0, "quick": False},
            "controls": [row("control.empty_loop", "ns", 1.5)],
            "metrics": [row("X2.64.writes", "each", 1.0, [1.0, 1.0]), row("I1", "instructions each", 30.0, [None, 30.0])],
            "ratios": [row("B2", "ratio", 40.25, [20.0, None], [40.0, 40.5])]}


with tempfile.TemporaryDirectory(prefix="mmb-files-") as directory:
    def file(name, content):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(content if isinstance(content, str) else json.dumps(content))
        return path

    good = sample()
    a = file("a.json", good)
    worse = copy.deepcopy(good)
    worse["metrics"][0].update(median=2.0, max=2.0)
    worse["ratios"][0].update(median=30.5, ci95=[30.0, 31.0])
    worse["env"]["git_revision"] = "two"
    b = file("b.json", worse)
    unlike = copy.deepcopy(good)
    unlike["env"]["kernel"] = "6.1"
    wrong = copy.deepcopy(good)
    wrong["run"]["errors"] = 3

    r = run("bench", "compare", a, a)
    check("compare_with_itself_exits_0", r.returncode == 0 and "3 rows: 3 the same" in r.stdout and r.stderr == "", r)
    r = run("bench", "compare", a, a, "--all")
    check("compare_all_marks_the_insignificant", r.returncode == 0 and r.stdout.count(" ~ ") == 3, r)
    r = run("bench", "compare", a, b)
    lines = [line.split() for line in r.stdout.splitlines()]
    check("compare_with_worse_exits_1", r.returncode == 1 and "2 worse" in r.stdout and r.stderr == "", r)
    check("compare_shows_median_change_interval",
          ["B2", "ratio", "40.25", "30.50", "-24.22", "%", "-25.9", "..", "-22.5", "worse"] in lines, r)
    check("compare_shows_revisions", "revision one" in r.stdout and "revision two" in r.stdout, r)
    r = run("bench", "compare", b, a)
    check("compare_other_way_round_exits_1_for_the_exact_count",
          r.returncode == 1 and "1 better, 1 worse" in r.stdout, r)
    r = run("bench", "compare", a, b, "--threshold=30")
    check("compare_threshold_is_for_ratios_only", r.returncode == 1 and "1 worse" in r.stdout, r)
    for words in (["bench", "compare", "--json=-", a, b], ["--json", "bench", "compare", a, b]):
        r = run(*words)
        try:
            o = json.loads(r.stdout)
        except ValueError:
            o = {"rows": []}
        check(f"compare_json_is_whole_{words[0]}", r.returncode == 1 and o.get("regressions") == 2 and
              [one["result"] for one in o["rows"]] == ["worse", "same", "worse"], r)
    r = run("bench", "compare", a, file("wrong.json", wrong))
    check("compare_with_wrong_data_exits_1", r.returncode == 1 and "3 errors" in r.stderr, r)
    r = run("bench", "compare", a, file("unlike.json", unlike))
    check("compare_refuses_unlike_environments", r.returncode == 2 and r.stdout == "" and
          'kernel (boot any): "6.12", "6.1"' in r.stderr, r)

    text = json.dumps(good)
    BROKEN = {
        "missing": (os.path.join(directory, "none"), "cannot read: No such file or directory"),
        "directory": (directory, "cannot read: Is a directory"),
        "empty": (file("empty", ""), "not the whole of a results file"),
        "foreign": (file("foreign", '{"hello": 1}'), "not the results of 'mmapdemo bench'"),
        "list": (file("list", "[]"), "not the results of 'mmapdemo bench'"),
        "text": (file("text", "hello"), "not JSON: line 1"),
        "version": (file("version", text.replace('"schema": 2', '"schema": 1')), "format version 1"),
        "row": (file("row", text.replace('"median": 40.25', '"median": "40"')), "row 0 of 'ratios' (B2) is damaged"),
        "twice": (file("twice", text.replace('"env"', '"schema": 2, "env"', 1)), "not JSON"),
    }
    for name, (path, words) in BROKEN.items():
        for command in (["compare", a, path], ["compare", path, a], ["csv", path]):
            r = run("bench", *command)
            check(f"{'_'.join([command[0], name, str(command.index(path))])}_exits_2", r.returncode == 2 and r.stdout == "" and
                  words in r.stderr and f": {path}: " in r.stderr and r.stderr.count("\n") == 1, r)
    whole = True
    for length in range(0, len(text), 37):
        r = run("bench", "csv", file("cut", text[:length]))
        # Within a word such as null the end is taken for a wrong letter.
        whole = whole and r.returncode == 2 and r.stdout == "" and \
            ("not the whole" in r.stderr or "not JSON" in r.stderr)
    check("file_cut_anywhere_is_refused", whole, r)

    for words in (["compare"], ["compare", a], ["compare", a, a, a], ["compare", a, a, "--threshold=x"], ["csv"], ["csv", a, a],
                  ["compare", a, a, "--threshold=-1"], ["compare", a, a, "--json="], ["csv", a, "-o", ""], ["fly"],
                  ["list", "compare", a, a]):
        r = run("bench", *words)
        check(f"usage_{'_'.join(os.path.basename(word) for word in words)}_exits_2", r.returncode == 2 and r.stdout == "", r)

    r = run("bench", "csv", a)
    table = list(csv.DictReader(io.StringIO(r.stdout, newline="")))
    check("csv_reads_back", r.returncode == 0 and [line["id"] for line in table] ==
          ["control.empty_loop", "X2.64.writes", "I1", "B2"] and table[3]["what"] == 'B2, "quoted", é' and
          table[3]["median"] == "40.25" and table[3]["ci95_low"] == "40" and table[0]["ci95_low"] == "", r)
    target = os.path.join(directory, "out.csv")
    w = run("bench", "csv", a, "-o", target)
    with open(target, encoding="utf-8", newline="") as stream:
        check("csv_file_is_the_same", w.returncode == 0 and w.stdout == "" and stream.read().replace("\r\n", "\n") == r.stdout, w)
    german = dict(os.environ, LC_ALL="de_DE.UTF-8", LANG="de_DE.UTF-8", LC_NUMERIC="de_DE.UTF-8")
    check("csv_has_points_in_any_locale", run("bench", "csv", a, env=german).stdout == r.stdout)

    for words in (["compare", a, a], ["compare", a, a, "--json=-"], ["csv", a]):
        with open("/dev/full", "w") as full:
            r = run("bench", *words, stdout=full)
        check(f"{words[0]}_disk_full_exits_1_{len(words)}", r.returncode == 1 and "No space left" in r.stderr, r)
        read_end, write_end = os.pipe()
        os.close(read_end)
        r = run("bench", *words, stdout=write_end)
        os.close(write_end)
        check(f"{words[0]}_closed_pipe_exits_1_{len(words)}", r.returncode == 1 and "Broken pipe" in r.stderr, r)
    r = run("bench", "compare", a, b, f"--json={directory}/no/such.json")
    check("compare_json_nowhere_exits_1", r.returncode == 1 and "could not be written" in r.stderr, r)

tap.finish()
