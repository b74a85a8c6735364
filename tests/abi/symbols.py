# SPDX-License-Identifier: MIT
"""Symbol map, exported symbols and prototypes of the public headers are one and the same set.

Usage: symbols.py SOURCE_ROOT SHARED_LIBRARY CC
"""
import os
import re
import subprocess
import sys
import tempfile

from tap import Tap

root, library, cc = sys.argv[1], sys.argv[2], sys.argv[3].split()
tap = Tap()


def prototypes():
    """Functions the headers declare without defining them, from the compiler itself (-aux-info)."""
    with tempfile.TemporaryDirectory() as d:
        aux = os.path.join(d, "aux")
        subprocess.run([*cc, "-x", "c", "-fsyntax-only", "-aux-info", aux, f"-I{root}/userspace/include",
                        f"-I{root}/kernel/include/uapi", "-include", "mmapdemo/uring.h", "-include", "mmapdemo/backend.h", "/dev/null"],
                       check=True, timeout=60)
        with open(aux) as f:
            lines = [line for line in f if "/userspace/include/mmapdemo/" in line]
    return {re.search(r"(\w+) \(", line.split("*/", 1)[1]).group(1)
            for line in lines if " static " not in line.split("*/", 1)[1]}


def mapped():
    with open(f"{root}/userspace/lib/libmmapdemo.map") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
    names = re.search(r"global:(.*?)local:", text, re.S).group(1)
    return re.findall(r"(\w+);", names)


def exported():
    out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                         stdout=subprocess.PIPE, timeout=60).stdout
    return {line.split()[-1].split("@")[0]: line for line in out.splitlines() if " A " not in line}


declared, listed, present = prototypes(), mapped(), exported()
tap.check("headers_declare_functions", len(declared) > 30, declared)
tap.check("map_is_sorted_and_unique", listed == sorted(set(listed)), listed)
tap.empty("declared_but_not_in_map", sorted(declared - set(listed)))
tap.empty("in_map_but_not_declared", sorted(set(listed) - declared))
tap.empty("declared_but_not_exported", sorted(declared - set(present)))
tap.empty("exported_but_not_declared", sorted(set(present) - declared))
tap.empty("exported_without_version", sorted(n for n, line in present.items() if "@@MMAPDEMO_0" not in line))
tap.empty("foreign_names", sorted(n for n in present if not n.startswith("mmd_")))

# No globals: a library with state outside of struct mmd_device would have writable data. What the linker
# makes read-only after relocation (.data.rel.ro) is none.
symbols = subprocess.run(["nm", "-f", "sysv", library], check=True, text=True, stdout=subprocess.PIPE,
                         timeout=60).stdout
rows = [[cell.strip() for cell in line.split("|")] for line in symbols.splitlines() if line.count("|") == 6]
tap.check("sections_are_shown", any(row[6] == ".text" for row in rows), symbols)
tap.empty("writable_data",
          [row[0] for row in rows if row[6] in (".data", ".bss", ".tdata", ".tbss") and row[3] == "OBJECT" and
           not re.fullmatch(r"completed\.\d+|__dso_handle|__TMC_END__", row[0])])

needed = subprocess.run(["readelf", "-d", library], check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout
tap.check("soname", "[libmmapdemo.so.0]" in needed, needed)
tap.empty("needs_more_than_libc", [n for n in re.findall(r"NEEDED.*\[(.*)\]", needed) if not n.startswith(("libc.", "ld-"))])
tap.finish()
