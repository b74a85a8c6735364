# SPDX-License-Identifier: MIT
"""Runs gnuplot, and makes its SVG fit to stand in a page: colours by name, ids of its own, no address of anything."""

import os
import re
import subprocess
from html import escape

from plots import COLOURS

TIMEOUT = 60
SHAPES = {"wide": (560, 350, 13), "narrow": (390, 400, 14)}


class GnuplotError(Exception):
    """There is no gnuplot, or it refused."""


def frame(shape):
    """What all plots have in common."""
    width, height, size = SHAPES[shape]
    fg, grid = (f"rgb '#{n:02x}{n:02x}{n:02x}'" for n in (1, 2))
    return "\n".join([
        f"set terminal svg size {width},{height} dynamic noenhanced font 'sans-serif,{size}'",
        "set encoding utf8", "set style fill noborder",
        f"set border 3 lc {fg} lw 0.8", f"set tics nomirror textcolor {fg} scale 0.5",
        f"set grid lt 1 lw 0.6 lc {grid}",
        f"set xlabel textcolor {fg}", f"set ylabel textcolor {fg} offset 1,0",
        "unset key", ""])


def run(script):
    """Standard output of gnuplot."""
    try:
        # In a locale that has no degree sign gnuplot complains, whether or not there is one in the plot.
        done = subprocess.run(["gnuplot"], input=script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT,
                              encoding="utf-8", check=False, env={**os.environ, "LC_ALL": "C.UTF-8"})
    except FileNotFoundError as err:
        raise GnuplotError("gnuplot is needed for the plots and is not installed (Debian: apt-get install gnuplot-nox)") from err
    except subprocess.TimeoutExpired as err:
        raise GnuplotError(f"gnuplot did not end within {TIMEOUT} s") from err
    if done.returncode or not done.stdout.rstrip().endswith("</svg>"):
        raise GnuplotError(f"gnuplot failed: {done.stderr.strip()}")
    # A run of one size has an empty range, and is drawn all the same. Any other warning is a mistake of the script.
    warnings = [line for line in done.stderr.splitlines() if "warning" in line.lower() and " range [" not in line]
    if warnings:
        raise GnuplotError(f"gnuplot complains: {warnings[0]}")
    return done.stdout


def _colour(match):
    levels = [int(one) for one in match.groups()]
    if len(set(levels)) == 1 and 1 <= levels[0] <= len(COLOURS):
        return f"var(--{COLOURS[levels[0] - 1]})"
    return match[0]


def adapt(text, name, title, kind):
    """The svg element, ready for the page."""
    body = text[text.index("<svg"):]
    body = body[body.index(">") + 1:]
    body = re.sub(r"<title>.*?</title>|<desc>.*?</desc>|<filter .*?</filter>", "", body, flags=re.S)
    body = re.sub(r"rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)", _colour, body)
    body = body.replace('color="black"', 'color="var(--fg)"').replace('color="gray"', 'color="var(--grid)"')
    # gnuplot's own ids are the same in every picture.
    body = re.sub(r"\bid=(['\"])", rf"id=\1{name}-", body)
    body = re.sub(r"xlink:href=(['\"])#", rf"href=\1#{name}-", body)
    body = re.sub(r"url\(#", f"url(#{name}-", body)
    body = re.sub(r"<defs>.*?</defs>", lambda match: _used(match[0], body), body, count=1, flags=re.S)
    body = re.sub(r'<g [^>]*>\s*</g>\s*', "", body)
    body = body.replace(' font-family="sans-serif" ', " ")
    width, height, _ = SHAPES[kind]
    return f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">{body}'


LINE = 22
DASHES = {"dashed": "6,4", "dotted": "2,3"}


def alone(drawn, plot, legend, palette):
    """A file of its own, of what run() gave for a plot: with its title, the legend below, and the colours of both themes."""
    title = plot.title
    namespace = re.search(r'<svg[^>]* xmlns="([^"]+)"', drawn)[1]
    width, height, size = SHAPES["wide"]
    inner = re.sub(r"[ \t]+$", "", adapt(drawn, plot.name, title, "wide"), flags=re.M).replace("<svg ", f'<svg y="{LINE + 8}" width="{width}" height="{height}" ', 1)
    below = LINE + 8 + height
    lines = []
    for at, (text, tint, kind) in enumerate(legend):
        y = below + LINE * at + LINE // 2
        dash = f' stroke-dasharray="{DASHES[kind]}"' if kind in DASHES else ""
        lines.append(f'<line x1="70" x2="96" y1="{y}" y2="{y}" stroke="var(--{tint})" stroke-width="{7 if kind == "wide" else 3}"{dash}/>'
                     f'<text x="106" y="{y + 4}" fill="var(--fg)">{escape(text)}</text>')
    total = below + LINE * len(legend) + 8
    return (f'<svg xmlns="{namespace}" viewBox="0 0 {width} {total}" width="{width}" height="{total}" '
            f'font-family="sans-serif" font-size="{size}" role="img">\n<title>{escape(title)}</title>\n<style>{palette}</style>\n'
            f'<rect width="{width}" height="{total}" rx="10" fill="var(--card)"/>\n'
            f'<text x="14" y="{LINE}" font-weight="bold" fill="var(--fg)">{escape(title)}</text>\n{inner}\n' + "\n".join(lines) + "\n</svg>\n")


def _used(defs, body):
    """Without the symbols that this plot does not draw, nor the ones that those are made of."""
    rest = body.replace(defs, "")
    lines = defs.splitlines()
    wanted = rest
    for line in reversed(lines):
        found = re.search(r"\bid=['\"]([^'\"]+)['\"]", line)
        if found and f"#{found[1]}'" not in wanted and f'#{found[1]}"' not in wanted:
            lines.remove(line)
        elif found:
            wanted += line
    return "\n".join(lines)
