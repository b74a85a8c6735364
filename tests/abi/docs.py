# SPDX-License-Identifier: MIT
"""Documents agree with what they describe: the specification and the UAPI page with the contract
headers, the man pages with library and tool.

Usage: docs.py SOURCE_ROOT TOOL. A missing document is a failure.
"""
import os
import re
import subprocess
import sys

import contract
from tap import Tap

root, tool = sys.argv[1], sys.argv[2]
SPEC = "qemu-device/overlay/docs/specs/mmapdemo.rst"
UAPI = "docs/uapi.md"
tap = Tap()


def text_of(path):
    full = os.path.join(root, path)
    if not tap.check(f"exists_{os.path.basename(path)}", os.path.exists(full), f"{path} is missing"):
        return ""
    with open(full) as f:
        return f.read()


def rows_of(spec):
    """Table rows that begin with an offset: {offset: [rest of the line]}."""
    rows = {}
    for line in spec.splitlines():
        m = re.match(r"^[|\s]*`*(0x[0-9a-fA-F]{2,5})`*[|\s]+(.*)$", line)
        if m:
            rows.setdefault(int(m.group(1), 16), []).append(m.group(2))
    return rows


def check_registers(spec, header):
    defined = contract.defines(header, "MMAPDEMO_REG_")
    rows = rows_of(spec)
    complaints = []
    for name, width, access, *_ in contract.x_list(header, "MMAPDEMO_HW_REGS"):
        here = [r for r in rows.get(defined[name], []) if re.search(rf"\b{name}\b", r)]
        if not here:
            where = [f"0x{o:05x}" for o, rest in rows.items() for r in rest if re.search(rf"\b{name}\b", r)]
            complaints.append(f"{name}: no row at 0x{defined[name]:05x}; named at {where}")
            continue
        bits = str(int(width) * 8)
        if not any(re.search(rf"\b({width}|{bits})\b", r) for r in here):
            complaints.append(f"{name}: row does not give its width, {width}: {here}")
        if not any(re.search(rf"\b{access}\b", r, re.I) for r in here):
            complaints.append(f"{name}: row does not give its access, {access}: {here}")
    return complaints


def check_errors(spec, header):
    """Each code has a table row with its number and name. ERR_NONE, 0, is the absence of one."""
    last = contract.defines(header, "MMAPDEMO_ERR_")["MAX"]
    codes = {n: v for n, v in contract.defines(header, "MMAPDEMO_ERR_").items()
             if 0 < v <= last and not n.startswith("INFO_") and n not in ("MAX", "CLEAR")}
    return [f"ERR_{n}: no row {v} ERR_{n} in {SPEC}" for n, v in codes.items()
            if not re.search(rf"^[|\s]*{v}[|\s]+`*ERR_{n}\b", spec, re.M)] + \
           ([] if len(codes) == last else [f"{len(codes)} codes found, ERR_MAX is {last}"])


spec, uapi = text_of(SPEC), text_of(UAPI)
hw, api = contract.read(root, "mmapdemo_hw.h"), contract.read(root, "mmapdemo.h")

tap.empty("every_register_is_specified", check_registers(spec, hw))
# The check is alive: another offset in the header is noticed.
moved = hw.replace("#define MMAPDEMO_REG_DMA_LEN\t\t0x00120", "#define MMAPDEMO_REG_DMA_LEN\t\t0x00160")
tap.check("moved_register_is_found", moved != hw and any(c.startswith("DMA_LEN:") for c in check_registers(spec, moved)))
tap.empty("every_error_is_specified", check_errors(spec, hw))
renumbered = hw.replace("#define MMAPDEMO_ERR_MASK\t\t9", "#define MMAPDEMO_ERR_MASK\t\t8")
tap.check("renumbered_error_is_found",
          renumbered != hw and any(c.startswith("ERR_MASK:") for c in check_errors(spec, renumbered)))
tap.empty("every_ioctl_is_documented",
          [f"{verb} has no section in {UAPI}" for verb, _ in contract.x_list(api, "MMAPDEMO_IOCTLS")
           if not re.search(rf"^#+ .*\b{verb}\b", uapi, re.M)])

# Man pages. A function is found by `man` if the NAME section of a page has it.
man = {}
for name in sorted(os.listdir(f"{root}/docs/man")):
    with open(f"{root}/docs/man/{name}") as f:
        man[name] = f.read().replace("\\-", "-")
named = {word for name, page in man.items() if name.endswith(".3")
         for word in re.findall(r"\w+", page.split(".SH NAME")[1].split(" - ")[0])}
with open(f"{root}/userspace/lib/libmmapdemo.map") as f:
    exported = set(re.findall(r"^\t(mmd_\w+);", f.read(), re.M))
for name in ("mmio.h", "queue.h", "uring.h"):
    with open(f"{root}/userspace/include/mmapdemo/{name}") as f:
        exported |= set(re.findall(r"^static inline .*?\b(mmd_\w+)\(", f.read(), re.M))
tap.check("functions_were_found", len(exported) > 45, exported)
tap.empty("every_function_has_a_page", sorted(exported - named))
tap.empty("every_page_is_of_a_function", sorted(n for n in named - exported if n.startswith("mmd_")))

with open(f"{root}/meson.build") as f:
    installed = set(re.findall(r"docs/man/([\w.]+)'", f.read()))
tap.check("every_page_is_installed", installed == set(man), f"{installed}\n{set(man)}")

# Prototypes in the synopsis, compared without markup and white space.
header = ""
for name in ("mmapdemo.h", "backend.h", "mmio.h", "queue.h", "uring.h"):
    with open(f"{root}/userspace/include/mmapdemo/{name}") as f:
        header += f.read()


def squeeze(text):
    return re.sub(r"[\s\"]+", "", text)


flat = squeeze(contract.uncomment(header))
wrong = []
for name, page in man.items():
    if name.endswith(".3"):
        synopsis = page.split(".SH SYNOPSIS")[1].split(".SH DESCRIPTION")[0]
        synopsis = re.sub(r"^\.(B|BI|BR|nf|fi|PP)\b", "", synopsis, flags=re.M)
        for proto in re.findall(r"[^;>]*?\bmmd_\w+\([^;]*\)", synopsis):
            if squeeze(proto) not in flat:
                wrong.append(f"{name}: {' '.join(proto.split())}")
tap.empty("every_prototype_is_as_in_the_header", wrong)


# What each backend can do is in the library; the page shows it as the tool prints it.
table = subprocess.run([tool, "backends", "--markdown"], text=True, stdout=subprocess.PIPE, timeout=20, check=True).stdout
found = re.search(r"<!-- backends: begin -->\n(.*?)<!-- backends: end -->", text_of("docs/backends.md"), re.S)
tap.check("backends_are_as_the_library_says", found and table.count("\n") > 15 and found.group(1) == table,
          f"docs/backends.md should have between its marks what `mmapdemo backends --markdown` prints:\n{table}")


def help_of(*words):
    return subprocess.run([tool, *words, "--help"], text=True, stdout=subprocess.PIPE, timeout=20, check=True).stdout


page = man["mmapdemo.1"]
commands = [c for c in re.findall(r"^  (\w+) +\w", help_of().split("Options")[0], re.M)]
tap.check("commands_were_found", len(commands) >= 7, commands)
tap.empty("every_command_has_a_section", [c for c in commands if not re.search(rf'^\.SS "?{c}\b', page, re.M)])
# bench describes its options itself.
options = {f"{c} {o}" for c in commands if c != "bench" for o in re.findall(r"(--[\w-]+)", help_of(c))}
plain = re.sub(r"\\f.", "", page)
tap.empty("every_option_is_described", sorted(o for o in options if not re.search(rf"{o.split()[1]}(?![\w-])", plain)))
tap.finish()
