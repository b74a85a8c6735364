# SPDX-License-Identifier: MIT
"""The report page, made of a sample of a real run: whole, self-contained, well-formed, nothing left out.

Usage: bench_report.py REPORT SAMPLE.json SCHEMA.json. Prints TAP. Needs gnuplot, and skips without it what draws.
"""
import copy
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from html import escape
from html.parser import HTMLParser

from tap import Tap

report, sample_path, schema_path = sys.argv[1:4]
tap = Tap()
check = tap.check
VOID = {"meta", "br", "hr", "img", "link", "input"}
PLOTS = ("latency", "sweep", "batch", "faults", "engines", "peers")


class Page(HTMLParser):
    """Balance of elements, ids, and whatever could make a browser fetch something."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.wrong, self.ids, self.outside, self.used, self.elements = [], [], [], [], [], {}
        self.text = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        self.look(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.elements[tag] = self.elements.get(tag, 0) + 1
        self.look(tag, attrs)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)

    def look(self, tag, attrs):
        for key, value in attrs:
            if key == "id":
                self.ids.append(value)
            if key in ("src", "href", "xlink:href", "srcset", "data", "action", "poster", "background"):
                (self.used if (value or "").startswith("#") else self.outside).append(value.lstrip("#"))
        if tag in ("script", "link", "iframe", "object", "embed", "base", "img"):
            self.outside.append(tag)


def make(text, *args, output=None, **kwargs):
    """Runs the report on a text; returns (process, page or None)."""
    with tempfile.TemporaryDirectory(prefix="mmb-report-") as directory:
        source, target = os.path.join(directory, "r.json"), os.path.join(directory, "r.html")
        with open(source, "w", encoding="utf-8") as stream:
            stream.write(text)
        done = subprocess.run([report, source, "-o", output or target, *args], stdin=subprocess.DEVNULL,
                              stdout=kwargs.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, text=True, timeout=120, **kwargs)
        left = sorted(os.listdir(directory))
        made = None
        if "r.html" in left:
            with open(target, encoding="utf-8") as stream:
                made = stream.read()
        check_left = set(left) <= {"r.json", "r.html"}
    return done, made, check_left


with open(sample_path, encoding="utf-8") as stream:
    text = stream.read()
sample = json.loads(text)
with open(schema_path, encoding="utf-8") as stream:
    schema = json.load(stream)["properties"]["schema"]["const"]
check("sample_has_the_current_schema", sample["schema"] == schema)

BROKEN = {"cut": text[:len(text) // 2], "empty": "", "foreign": '{"a": 1}', "list": "[]",
          "version": text.replace(f'"schema": {schema}', '"schema": 99', 1),
          "row": text.replace('"median": ', '"median": "x", "was": ', 1)}
if shutil.which("gnuplot"):
    done, made, _ = make(text)
    check("report_is_made", done.returncode == 0 and made and done.stderr == "" and done.stdout == "", done)
    made = made or ""
    page = Page(made)
    check("elements_are_balanced", not page.wrong and not page.open, (page.wrong, page.open))
    try:
        xml.etree.ElementTree.fromstring(made.replace("<!DOCTYPE html>", "", 1))
        well = ""
    except xml.etree.ElementTree.ParseError as err:
        well = str(err)
    check("markup_is_well_formed_xml_too", made.startswith("<!DOCTYPE html>") and not well, well)
    check("ids_are_unique", len(page.ids) == len(set(page.ids)), [one for one in page.ids if page.ids.count(one) > 1])
    check("references_lead_somewhere", set(page.used) <= set(page.ids), set(page.used) - set(page.ids))
    check("nothing_from_outside", not page.outside and not re.search(r"(https?:)?//[a-z]|@import|url\((?!#)", made, re.I),
          (page.outside, re.findall(r".{20}//[a-z].{20}", made)))
    check("every_plot_in_both_shapes", page.elements.get("svg") == 2 * len(PLOTS) and
          all(re.search(rf'<figure id="{name}">.*?<svg class="wide".*?<svg class="narrow"', made, re.S) for name in PLOTS), page.elements)
    check("plots_have_curves", all(len(re.findall(r"<path|<polygon", figure)) > 12 for figure in
                                   re.findall(r"<svg.*?</svg>", made, re.S)))
    # gnuplot's own colours must not be left: they would be unreadable at night.
    left = set(re.findall(r"rgb\([^)]*\)|(?:color|stroke|fill)=[\"'](?!none|currentColor|var\()[^\"']*", "".join(re.findall(
        r"<svg.*?</svg>", made, re.S)))) - {'color="white', "color='white"}
    check("colours_are_the_pages_own", not left, left)
    check("day_and_night_and_phone", "prefers-color-scheme: dark" in made and "max-width: 560px" in made and
          'name="viewport"' in made)
    names = [row["id"] for key in ("controls", "metrics", "ratios") for row in sample[key]]
    missing = [name for name in names if f"<code>{escape(name)}</code>" not in made]
    check("every_row_is_there", not missing and len(names) > 100, missing)
    verdicts = {row["verdict"] for key in ("metrics", "ratios") for row in sample[key]}
    check("verdicts_are_counted", all(re.search(rf"\d+ {one}</span></li>", made) for one in verdicts), verdicts)
    check("roof_is_named", "host memcpy: the roof" in made)
    check("doubt_about_emulation_is_said", "compare ratios, not times" in made)

    hostile = copy.deepcopy(sample)
    hostile["env"]["kernel"] = "<script>alert(1)</script>"
    hostile["metrics"][0]["what"] = '</table><img src="x"> & "'
    hostile["metrics"][1]["reason"] = "<b>"
    done, made, _ = make(json.dumps(hostile))
    page = Page(made or "")
    check("texts_of_the_file_are_no_markup", done.returncode == 0 and not page.outside and not page.wrong and
          "<script>alert(1)</script>" in "".join(page.text), (done, page.outside))

    bare = copy.deepcopy(sample)
    bare.update(controls=[], metrics=[], ratios=[], boots=[])
    done, made, _ = make(json.dumps(bare))
    check("run_without_rows_says_what_is_missing", done.returncode == 0 and (made or "").count("Not in this run: ") == len(PLOTS), done)
    one = copy.deepcopy(sample)
    one["metrics"] = [row for row in one["metrics"] if row["id"] in ("B1.descriptor.64", "I4.bar", "D4.nvme.ours", "S4.64B.auto.copy")]
    one["controls"] = []
    done, made, _ = make(json.dumps(one))
    check("run_with_few_rows_draws_what_there_is", done.returncode == 0 and made and 2 <= made.count('<svg class="wide"') < len(PLOTS), done)

    for name, broken in BROKEN.items():
        done, made, alone = make(broken)
        check(f"{name}_file_exits_2", done.returncode == 2 and made is None and alone and done.stderr.count("\n") == 1 and
              "r.json: " in done.stderr, done)
    done, made, alone = make(text, output="/nonexistent/r.html")
    check("nowhere_to_write_exits_1", done.returncode == 1 and "cannot write: No such file" in done.stderr, done)
    for locale in "C", "tr_TR.UTF-8":
        done, made, _ = make(text, env={**os.environ, "LC_ALL": locale})
        check(f"locale_{locale}_is_no_matter", done.returncode == 0 and made, done)
    for name in PLOTS:
        done, _, _ = make(text, "--plot", name, output="-")
        try:
            alone = xml.etree.ElementTree.fromstring(done.stdout)
            good = alone.tag.endswith("svg") and len(done.stdout) > 4000 and not re.search(r"href=.https?:|url\((?!#)", done.stdout)
        except xml.etree.ElementTree.ParseError as err:
            good = False
            done = err
        check(f"plot_{name}_alone_is_a_picture", good and "prefers-color-scheme: dark" in done.stdout, done)
    done, _, alone = make(json.dumps(bare), "--plot", "faults")
    check("plot_without_its_rows_exits_1", done.returncode == 1 and alone and "no row of I4 in it" in done.stderr, done)
    done, _, _ = make(text, "--plot", "bogus")
    check("plot_unknown_exits_2", done.returncode == 2 and "bogus" in done.stderr, done)
    with open("/dev/full", "w") as full:
        done, made, _ = make(text, output="-", stdout=full)
    check("disk_full_exits_1", done.returncode == 1 and "No space left" in done.stderr and done.stderr.count("\n") == 1, done)
    with tempfile.TemporaryDirectory() as empty:
        os.symlink(sys.executable, os.path.join(empty, "python3"))
        done = subprocess.run([sys.executable, report, sample_path, "-o", os.path.join(empty, "x")], env={"PATH": empty},
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
        check("without_gnuplot_exits_3_and_says_how", done.returncode == 3 and "gnuplot-nox" in done.stderr, done)
else:
    check("drawing # SKIP gnuplot is not installed", True)
done = subprocess.run([report], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
check("usage_exits_2", done.returncode == 2 and "RESULTS.json" in done.stderr, done)

tap.finish()
