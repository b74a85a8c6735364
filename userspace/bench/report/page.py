# SPDX-License-Identifier: MIT
"""The page: HTML that is well-formed XML too, with everything it shows inside of it."""

from html import escape

from results import LISTS, number

VERDICTS = ("pass", "fail", "noisy", "inconclusive", "skipped", "info")
LIST_TITLES = {"controls": "Controls", "metrics": "Measured values", "ratios": "Ratios"}

# By day and by night; an svg of its own has it, too.
PALETTE = """
:root { color-scheme: light dark; --bg: #fbfbfa; --card: #ffffff; --fg: #1b1f24; --muted: #5c6570; --grid: #e3e6ea; --line: #dfe3e8;
  --soft: #9aa5b1; --s1: #1d5fd1; --s2: #c2560c; --s3: #14804a; --s4: #7c3aed; --s5: #be1e5a; --s6: #0b7689; --s7: #946200; --s8: #4b5a6b;
  --pass: #12703f; --passbg: #e2f5ea; --fail: #a61b2b; --failbg: #fde7e9; --warn: #855400; --warnbg: #fdf1d7; --infobg: #eceff3; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #101418; --card: #181d23; --fg: #e4e8ed; --muted: #9aa5b1; --grid: #2a323b; --line: #2b333d; --soft: #68747f;
    --s1: #6ea8fe; --s2: #f79a54; --s3: #4fc98a; --s4: #b794f6; --s5: #f47ba6; --s6: #4fc6d9; --s7: #dcb14a; --s8: #a9b7c6;
    --pass: #63d69b; --passbg: #143325; --fail: #ff8d97; --failbg: #42171c; --warn: #edc06a; --warnbg: #3a2c10; --infobg: #262d36; } }
"""

STYLE = PALETTE + """\
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.2rem; margin: 44px 0 12px; }
h3 { font-size: 1.02rem; margin: 0 0 2px; }
p { margin: 0 0 10px; } .muted, figcaption { color: var(--muted); }
.where { color: var(--muted); font-size: 0.94rem; }
.chips { display: flex; flex-wrap: wrap; gap: 8px; margin: 16px 0 0; padding: 0; list-style: none; }
.v { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 0.86rem; white-space: nowrap; background: var(--infobg); color: var(--muted); }
.v.pass { background: var(--passbg); color: var(--pass); } .v.fail { background: var(--failbg); color: var(--fail); }
.v.noisy, .v.inconclusive { background: var(--warnbg); color: var(--warn); }
.doubts { border-left: 4px solid var(--warn); background: var(--warnbg); border-radius: 6px; padding: 10px 16px; margin: 20px 0 0; }
.doubts ul { margin: 0; padding: 0 0 0 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 12px; margin: 22px 0 0; }
.tile, figure, .table { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.tile { padding: 14px 16px; } .tile b { display: block; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile span { display: block; color: var(--muted); font-size: 0.88rem; line-height: 1.35; margin-top: 4px; }
.plots { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 16px; }
figure { margin: 0; padding: 16px 18px; min-width: 0; } figcaption { font-size: 0.9rem; line-height: 1.45; }
svg { display: block; width: 100%; height: auto; margin-top: 10px; font-family: system-ui, sans-serif; }
svg.narrow { display: none; }
.legend { list-style: none; margin: 8px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 0.86rem; }
.legend i { display: inline-block; width: 22px; border-top: 3px solid; margin-right: 7px; vertical-align: middle; }
.legend i.dashed { border-top-style: dashed; } .legend i.dotted { border-top-style: dotted; } .legend i.wide { border-top-width: 7px; }
.table { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: 6px 12px; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--muted); font-weight: 600; white-space: nowrap; } tr:last-child td { border-bottom: 0; }
td.n, th.n { text-align: right; white-space: nowrap; } td code { white-space: nowrap; } .tile code, .doubts code { overflow-wrap: anywhere; } code { font: 0.92em ui-monospace, SFMono-Regular, Menlo, monospace; }
details { margin: 0 0 10px; } summary { cursor: pointer; padding: 6px 0; } summary:focus-visible { outline: 2px solid var(--s1); }
.env td:first-child { color: var(--muted); white-space: nowrap; } .env td:last-child { overflow-wrap: anywhere; }
footer { margin-top: 48px; color: var(--muted); font-size: 0.9rem; }
@media (max-width: 860px) { .plots { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 560px) {
  main { padding: 20px 14px 40px; } h1 { font-size: 1.4rem; } figure { padding: 14px 12px; } svg.wide { display: none; } svg.narrow { display: block; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); } .tile { padding: 10px 12px; } .tile b { font-size: 1.3rem; } th, td { padding: 6px 8px; }
  .targets th:nth-child(2), .targets td:nth-child(2) { display: none; } }
@media print { details > * { display: block; } .plots { display: block; } figure { break-inside: avoid; margin-bottom: 12px; } }
"""

# id, how to say it, what it is
TILES = (
    ("D1.2MiB.to_device", lambda v: f"{v * 100:.0f} %", "of the host's own memcpy: 2 MiB to the device, one copy at a time"),
    ("B1.descriptor.64", lambda v: f"{v:.0f} ns", "for a descriptor and its completion, 64 behind one doorbell"),
    ("I1", lambda v: f"{v:.0f}", "instructions to submit a descriptor from user space"),
    ("L1", lambda v: f"{v:.0f}×", "what pread() of 4 bytes takes of a load from the mapping"),
    ("D4.nvme", lambda v: f"{v:.0f}×", "as quick as the emulated nvme with 4 KiB, polled"),
    ("D2", lambda v: f"{v:.1f}×", "as quick as a CPU that copies 2 MiB through the mapping"),
)


def verdict(name):
    """A coloured word."""
    return f'<span class="v {name}">{name}</span>'


def interval(row):
    """[low, high] or a dash."""
    return f'{number(row["ci95"][0])} – {number(row["ci95"][1])}' if row["ci95"] else "–"


def head(results):
    """Title, circumstances, count of verdicts."""
    env = results.env
    count = {name: 0 for name in VERDICTS}
    for name in ("metrics", "ratios"):
        for row in results.root[name]:
            count[row["verdict"]] = count.get(row["verdict"], 0) + 1
    words = [f"Linux {env.get('kernel') or 'unknown'}", f"QEMU {env.get('qemu_version') or 'none, or unknown'}",
             f"accelerator {env.get('accelerator') or 'unknown'}", f"revision {env.get('git_revision') or 'unknown'}",
             (env.get("date") or "").replace("T", " ").replace("Z", " UTC")]
    chips = "".join(f'<li><span class="v {name}">{count[name]} {name}</span></li>' for name in VERDICTS if count[name])
    return (f'<h1>mmapdemo benchmark report</h1>\n<p class="where">{escape(" · ".join(word for word in words if word))}</p>\n'
            f'<ul class="chips" aria-label="Verdicts">{chips}</ul>\n')


def doubts(results):
    """What to be careful about, in full sentences with advice."""
    env, said = results.env, []
    rows = [row for name in LISTS for row in results.root[name]]
    if env.get("accelerator") == "tcg":
        said.append("The CPU is emulated (TCG): compare ratios, not times. No figure here speaks of hardware.")
    rate = env.get("clock_rate")
    if rate and abs(rate - 1) > 0.01:
        said.append(f"The guest's clock ran {abs(rate - 1) * 100:.1f} % off the device's: distrust rows that compare with host time, and "
                    "measure again on a quiet machine.")
    noisy = sum(row["verdict"] in ("noisy", "inconclusive") for row in rows)
    if noisy:
        said.append(f"{noisy} rows were disturbed by the machine's load and say so: measure them again with "
                    "<code>--only</code> when it is quiet.")
    if results.run.get("errors"):
        said.append(f"{results.run['errors']} errors: rows with wrong data are missing. Look at the run's messages first.")
    if results.run.get("quick"):
        said.append("This was a quick run: fewer sizes and pairs, wider intervals.")
    failed = [row["id"] for row in rows if row["verdict"] == "fail"]
    if failed:
        said.append("Missed targets: " + ", ".join(f"<code>{escape(name)}</code>" for name in failed) + ".")
    if not said:
        return ""
    return '<div class="doubts"><ul>' + "".join(f"<li>{one}</li>" for one in said) + "</ul></div>\n"


def tiles(results):
    """The few numbers to remember."""
    found = [(say(results.median(name)), what, name) for name, say, what in TILES if results.median(name) is not None]
    if not found:
        return ""
    return '<div class="tiles">' + "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(what)} (<code>{name}</code>)</span></div>' for value, what, name in found) + "</div>\n"


def legend(items):
    """Which curve is which."""
    return '<ul class="legend">' + "".join(f'<li><i class="{kind}" style="border-color: var(--{tint})"></i>{escape(title)}</li>'
                                           for title, tint, kind in items) + "</ul>" if items else ""


def figures(plots):
    """plots: [(plot, legend, {shape: svg} or a reason)]."""
    parts = []
    for plot, items, drawn in plots:
        body = f'<p class="muted">Not in this run: {escape(drawn)}.</p>' if isinstance(drawn, str) else \
            "".join(drawn.values()) + legend(items)
        parts.append(f'<figure id="{plot.name}"><h3>{escape(plot.title)}</h3><figcaption>{escape(plot.reading)}</figcaption>{body}</figure>')
    return '<h2>Plots</h2>\n<div class="plots">\n' + "\n".join(parts) + "\n</div>\n"


def targets(results):
    """Rows that are held against something."""
    lines = []
    for name in ("metrics", "ratios"):
        for row in results.root[name]:
            if row.get("target"):
                lines.append(f'<tr><td><code>{escape(row["id"])}</code></td><td>{escape(row["what"])}</td><td class="n">{number(row["median"])}</td>'
                             f'<td class="n">{interval(row)}</td><td class="n">{escape(row["target"])}</td><td>{verdict(row["verdict"])}</td></tr>')
    if not lines:
        return ""
    return ('<h2>Rows with a target</h2>\n<p class="muted">Targets were set before this code existed. What is published is what is measured, '
            'whatever the verdict.</p>\n<div class="table targets"><table><thead><tr><th>row</th><th>what</th><th class="n">median</th>'
            '<th class="n">95 % interval</th><th class="n">target</th><th>verdict</th></tr></thead><tbody>\n' + "\n".join(lines) +
            "\n</tbody></table></div>\n")


def full_row(row):
    """A line of the long tables."""
    cells = "".join(f'<td class="n">{number(row[key])}</td>' for key in ("median", "min", "p90", "p99", "max"))
    reason = f' <span class="muted">{escape(row["reason"])}</span>' if row.get("reason") else ""
    return (f'<tr><td><code>{escape(row["id"])}</code></td><td>{escape(row["what"])}</td><td>{escape(row["unit"])}</td><td class="n">{row["n"]}</td>'
            f'{cells}<td class="n">{interval(row)}</td><td>{verdict(row["verdict"])}{reason}</td></tr>')


def everything(results):
    """All rows, by list and family, folded away."""
    parts = ['<h2>All rows</h2>\n<p class="muted">Nothing is left out: rows in which mmap or DMA loses are here too. '
             "Units: ns are of the guest's clock, of the host's for host memcpy.</p>\n"]
    for name in LISTS:
        families = {}
        for row in results.root[name]:
            families.setdefault(row["id"].partition(".")[0], []).append(row)
        for family, rows in families.items():
            title = LIST_TITLES[name] if name == "controls" else f"{family}: {LIST_TITLES[name].lower()}"
            parts.append(f'<details><summary>{escape(title)} ({len(rows)})</summary><div class="table"><table><thead><tr><th>row</th><th>what</th>'
                         '<th>unit</th><th class="n">n</th><th class="n">median</th><th class="n">min</th><th class="n">p90</th><th class="n">p99</th>'
                         '<th class="n">max</th><th class="n">95 % interval</th><th>verdict</th></tr></thead><tbody>\n' +
                         "\n".join(full_row(row) for row in rows) + "\n</tbody></table></div></details>\n")
    return "".join(parts)


def environment(results):
    """Circumstances of each boot."""
    parts = ["<h2>Circumstances</h2>\n"]
    for boot in results.root.get("boots") or [{"boot": "the run", "env": results.env}]:
        lines = "".join(f"<tr><td>{escape(str(key))}</td><td>{escape(str(value))}</td></tr>" for key, value in sorted(boot["env"].items())
                        if value is not None)
        parts.append(f'<details><summary>Boot: {escape(boot["boot"])}</summary><div class="table env"><table><tbody>{lines}</tbody></table></div></details>\n')
    return "".join(parts)


def page(results, plots):
    """The whole document."""
    run = results.run
    return ('<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
            '<meta name="generator" content="mmapdemo bench report"/>\n<title>mmapdemo benchmark report</title>\n'
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n" + head(results) + doubts(results) + tiles(results) + figures(plots) +
            targets(results) + everything(results) + environment(results) +
            f'<footer><p>{run.get("cases", 0)} cases, {run.get("pairs", 0)} pairs each where a row does not say otherwise, seed {run.get("seed", 0)}, '
            f'{run.get("seconds", 0):.0f} s. Each ratio is the median of pairwise ratios taken in turn in one boot, with a bootstrap 95 % interval; '
            "histograms have 32 buckets in each power of two. How to read the rows: docs/benchmarking.md.</p></footer>\n</main>\n</body>\n</html>\n")
