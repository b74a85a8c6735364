# SPDX-License-Identifier: MIT
"""The plots of the report: each makes a gnuplot script from the results, or says what was not measured.

Colours are written as grey levels that stand for names (COLOURS); svg.py turns them into the page's own, which differ by day and
night.
"""

from results import size_name, time_name

# Grey level 1 .. : name of the page's colour.
COLOURS = ("fg", "grid", "soft", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")
SIZE_TICS = (64, 1 << 10, 16 << 10, 256 << 10, 4 << 20)
TIME_TICS = (("1 ns", 1), ("10 ns", 10), ("100 ns", 100), ("1 µs", 1e3), ("10 µs", 1e4), ("100 µs", 1e5), ("1 ms", 1e6),
             ("10 ms", 1e7), ("100 ms", 1e8), ("1 s", 1e9))


def colour(name):
    """As gnuplot wants it."""
    level = COLOURS.index(name) + 1
    return f'rgb "#{level:02x}{level:02x}{level:02x}"'


def quoted(text):
    """A gnuplot string."""
    return "'" + text.replace("'", "''") + "'"


class Missing(Exception):
    """What the plot would show was not measured."""


class Plot:
    """name: of files and ids.  draw(results, narrow) -> script after the frame."""

    def __init__(self, name, title, reading, draw):
        self.name = name
        self.title = title
        self.reading = reading
        self.draw = draw


class Script:
    """Lines of gnuplot: data blocks first, then settings, then one plot command.  legend: (title, colour, kind of line): the page
    shows it, for text of its own wraps where one in the picture does not."""

    def __init__(self):
        self.blocks = []
        self.settings = []
        self.curves = []
        self.legend = []

    def set(self, text):
        """One setting."""
        self.settings.append(f"set {text}")

    def block(self, lines):
        """Name of a new data block."""
        name = f"$d{len(self.blocks)}"
        self.blocks.append(f"{name} << EOD\n" + "\n".join(lines) + "\nEOD")
        return name

    def curve(self, points, style, title=None, tint=None, kind="solid"):
        """points: tuples of numbers or quoted texts."""
        name = self.block([" ".join(one if isinstance(one, str) else f"{one:.9g}" for one in point) for point in points])
        self.curves.append(f"{name} {style} notitle")
        if title:
            self.legend.append((title, tint, kind))

    def text(self):
        """The whole."""
        return "\n".join([*self.blocks, *self.settings, "plot " + ", \\\n  ".join(self.curves)]) + "\n"


def size_axis(script):
    """Sizes in bytes along x."""
    tics = ", ".join(f"{quoted(size_name(size))} {size}" for size in SIZE_TICS)
    script.set("logscale x 2")
    script.set(f"xtics ({tics})")


def time_axis(script, axis):
    """Nanoseconds, by powers of ten."""
    tics = ", ".join(f"{quoted(text)} {value:g}" for text, value in TIME_TICS)
    script.set(f"logscale {axis} 10")
    script.set(f"{axis}tics ({tics})")


def line(name, point, width=2):
    """Style of a curve with points."""
    return f"using 1:2 with linespoints lw {width} pt {point} ps 0.55 lc {colour(name)}"


# --- latency ------------------------------------------------------------------------------------------------------------

CDF_ROWS = (
    ("D7.queue.4KiB.poll_memory", "queue, polled in memory", "s1"),
    ("D7.queue.4KiB.queue_submit", "queue, QUEUE_SUBMIT", "s3"),
    ("D7.queue.4KiB.io_uring", "queue, io_uring", "s4"),
    ("D7.4KiB.ioctl_wait", "one-shot, wait ioctl", "s6"),
    ("D7.queue.4KiB.eventfd", "queue, MSI-X and eventfd", "s2"),
    ("D4.null_blk.read", "null_blk", "s7"),
    ("D4.nvme.read", "nvme", "s5"),
    ("D4.virtio_blk.read", "virtio-blk", "s8"),
)


def latency(results, _narrow):
    """Share of the observations up to each time."""
    script = Script()
    time_axis(script, "x")
    script.set("yrange [0:1.02]")
    script.set("ytics ('0' 0, '25 %%' 0.25, '50 %%' 0.5, '75 %%' 0.75, '90 %%' 0.9, '100 %%' 1)")
    for name, title, tint in CDF_ROWS:
        points = results.distribution(name)
        if points and points[0][0] > 0:
            script.curve(points, f"using 1:2 with lines lw 2.2 lc {colour(tint)}", title, tint)
    if not script.curves:
        raise Missing("no row of D7 or D4")
    return script


# --- sizes --------------------------------------------------------------------------------------------------------------

SWEEP_ROWS = (
    ("D1.%.to_device.depth16.queue", "queue, 16 behind a doorbell", "s1", 7),
    ("D1.%.to_device.queue", "queue, one at a time", "s3", 5),
    ("D1.oneshot.%.to_device.pages.spin", "one-shot, two system calls", "s2", 9),
    ("D2.%.to_device.cpu_copy", "CPU through the mapping", "s4", 13),
)


def sweep(results, _narrow):
    """Bandwidth by size, below the host's own memcpy."""
    script = Script()
    size_axis(script)
    script.set("logscale y 10")
    script.set("format y '%g'")
    script.set("ylabel 'GB/s'")
    roof = [(size, size / row["median"]) for size, row in results.by_size("control.host_memcpy.%.to_device")]
    if roof:
        low = min(rate for _, rate in roof) / 1e5
        script.curve([(size, rate, low) for size, rate in roof],
                     f"using 1:2:3 with filledcurves lc {colour('soft')} fs transparent solid 0.16")
        script.curve(roof, f"using 1:2 with lines lw 3.2 dt (8,3) lc {colour('fg')}", "host memcpy: the roof", "fg", "dashed")
    found = False
    lowest = []
    for pattern, title, tint, point in SWEEP_ROWS:
        points = [(size, size / row["median"]) for size, row in results.by_size(pattern)]
        if points:
            found = True
            lowest.append(min(rate for _, rate in points))
            script.curve(points, line(tint, point), title, tint)
    if not found:
        raise Missing("no row of D1 or D2 by size")
    script.set(f"yrange [{min(lowest) / 1.5:g}:*]")
    return script


# --- batches ------------------------------------------------------------------------------------------------------------

def batch(results, _narrow):
    """What one of N descriptors behind one doorbell costs."""
    script = Script()
    points = []
    for name, row in results.rows.items():
        if name.startswith("B1.descriptor.") and row["median"] is not None:
            points.append((int(name.rpartition(".")[2]), row["median"], *(row["ci95"] or (row["median"], row["median"]))))
    if not points:
        raise Missing("no row of B1")
    points.sort()
    script.set("logscale x 2")
    script.set("xtics (" + ", ".join(f"'{n}' {n}" for n, *_ in points) + ")")
    script.set(f"xrange [{points[0][0] * 0.8:g}:{points[-1][0] * 1.6:g}]")
    script.set("yrange [0:*]")
    script.set("xlabel 'descriptors behind one doorbell'")
    script.set("ylabel 'ns for each'")
    store = results.median("control.mmio_store")
    if store is not None:
        script.curve([(points[0][0] * 0.8, store), (points[-1][0] * 1.6, store)],
                     f"using 1:2 with lines lw 2 dt (8,3) lc {colour('fg')}", "one bare register store", "fg", "dashed")
        script.curve([(points[0][0] * 0.8, store / 2), (points[-1][0] * 1.6, store / 2)],
                     f"using 1:2 with lines lw 1.4 dt (2,3) lc {colour('soft')}", "half of it: the target for 64", "soft", "dotted")
    script.curve(points, line("s1", 7, 2.4), "one descriptor of 64 B, with its completion", "s1")
    script.curve([(n, value, quoted(f"{value:.0f} ns").replace("'", '"')) for n, value, *_ in points],
                 f"using 1:2:3 with labels left offset 0.9,0.6 textcolor {colour('fg')}")
    return script


# --- bars ---------------------------------------------------------------------------------------------------------------

def bars(items, narrow, unit_of, floor):
    """Horizontal bars with a logarithmic length: items are (label, value, colour, text at its end), the first on top."""
    script = Script()
    count = len(items)
    top = max(value for _, value, *_ in items)
    low = floor or min(value for _, value, *_ in items) / 3
    script.set("logscale x 10")
    # Room at the right for the text behind the longest bar.
    reach = (top / low) ** (2.4 if narrow else 1.55) * low
    script.set(f"xrange [{low:g}:{reach:g}]")
    script.set(f"yrange [{-count + 0.4:g}:0.6]")
    script.set("ytics (" + ", ".join(f"{quoted(label)} {-at}" for at, (label, *_) in enumerate(items)) + ") scale 0")
    script.set("grid noytics")
    script.set("border 1")
    if unit_of:
        script.set(f"xlabel {quoted(unit_of)}")
    for at, (_, value, tint, _) in enumerate(items):
        script.curve([(value, -at, low, value, -at - 0.33, -at + 0.33)],
                     f"using 1:2:3:4:5:6 with boxxyerror fs solid 0.85 noborder lc {colour(tint)}")
    script.curve([(value, -at, '"' + text.replace('"', "") + '"') for at, (_, value, _, text) in enumerate(items)],
                 f"using 1:2:3 with labels left offset 0.8,0 textcolor {colour('fg')}")
    return script


FAULT_ROWS = (
    ("bar", "at mmap", "s3"), ("bar_fault", "fault each", "s2"), ("fault_around", "fault for 16", "s4"),
    ("bar_huge", "2 MiB fault", "s1"), ("vmalloc", "vmalloc, each", "s5"), ("noncontig", "noncontig", "s7"),
)


def faults(results, narrow):
    """Instructions to make a page present, and faults of a scan, by technique."""
    items = []
    for name, label, tint in FAULT_ROWS:
        row = results.rows.get(f"I4.{name}")
        if not row or not row["median"]:
            continue
        scan = results.median(f"I5.{name}")
        text = f"{row['median']:.4g}" + (f"; {scan:.0f} faults" if scan is not None else "")
        items.append((label, row["median"], tint, text))
    if not items:
        raise Missing("no row of I4")
    script = bars(items, narrow, "instructions per 4 KiB page", 1)
    script.set("xtics ('1' 1, '100' 100)" if narrow else "xtics ('1' 1, '10' 10, '100' 100, '1000' 1000)")
    return script


PEER_ROWS = (("D4.edu.read", "edu"), ("D4.virtio_blk.read", "virtio-blk"), ("D4.nvme.read", "nvme"),
             ("D5.ours", "ours, interrupt"), ("D4.null_blk.read", "null_blk"), ("D4.nvme.ours", "ours, polled"))


def peers(results, narrow):
    """4 KiB from each device."""
    items = []
    for name, label in PEER_ROWS:
        value = results.median(name)
        if value:
            items.append((label, value, "s1" if label.startswith("ours") else "soft", time_name(value)))
    if not any(label.startswith("ours") for label, *_ in items) or len(items) < 2:
        raise Missing("no row of D4")
    script = bars(items, narrow, None, 100)
    script.set("xtics (" + ", ".join(f"{quoted(text)} {value:g}" for text, value in TIME_TICS[::3 if narrow else 1]) + ")")
    return script


# --- engines ------------------------------------------------------------------------------------------------------------

ENGINES = (("inline", "s3", 5), ("vcpu", "s4", 9), ("bh", "s6", 13), ("iothread", "s5", 11), ("thread", "s2", 15))


def engines(results, _narrow):
    """Time of a copy by size and engine."""
    script = Script()
    size_axis(script)
    time_axis(script, "y")
    auto = [(size, row["median"]) for size, row in results.by_size("S4.%.auto.copy")]
    if auto:
        script.curve(auto, f"using 1:2 with lines lw 7 lc {colour('soft')}", "auto", "soft", "wide")
    for engine, tint, point in ENGINES:
        points = [(size, row["median"]) for size, row in results.by_size(f"S4.%.{engine}.copy")]
        if points:
            script.curve(points, line(tint, point, 1.8), engine, tint)
    if not script.curves:
        raise Missing("no row of S4")
    return script


PLOTS = (
    Plot("latency", "How long 4 KiB take", "The share of all observations that took no longer than the time below: steep is steady, left is "
         "quick. Each curve is the whole histogram, nothing is trimmed; a step is one bucket, 1.6 % to either side of its middle.", latency),
    Plot("sweep", "Bandwidth by size, under the roof", "The dashed line is the copy that QEMU's own process makes of the same pages: no "
         "transfer can be above it. Where the curve of the CPU crosses one of the others, it starts to pay to let the device copy.", sweep),
    Plot("batch", "What a doorbell shared is worth", "One descriptor with its completion, by how many share one doorbell. Below the dashed line it "
         "is cheaper than telling the device anything at all.", batch),
    Plot("faults", "The price of a page", "Instructions executed in the guest to make one page of 4 KiB present, counted exactly by a clock that counts them; "
         "behind it, the faults of a scan of 64 MiB.", faults),
    Plot("engines", "Which engine moves the bytes", "The time of one copy, polled for, by the engine that makes it. The broad band is dma=auto, which takes the quickest "
         "one that does not hold QEMU's big lock for too long.", engines),
    Plot("peers", "Beside other devices", "4 KiB at a time, median, in the same boot: how long each emulated device takes. All of them are "
         "emulated: this compares interfaces, no products.", peers),
)
