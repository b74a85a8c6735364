# SPDX-License-Identifier: MIT
"""The specification and the UAPI page agree with the contract headers: offsets, widths, access, ioctls.

Usage: docs.py SOURCE_ROOT. A missing document is a failure.
"""
import os
import re
import sys

import contract
from tap import Tap

root = sys.argv[1]
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


spec, uapi = text_of(SPEC), text_of(UAPI)
hw, api = contract.read(root, "mmapdemo_hw.h"), contract.read(root, "mmapdemo.h")

tap.empty("every_register_is_specified", check_registers(spec, hw))
# The check is alive: another offset in the header is noticed.
moved = hw.replace("#define MMAPDEMO_REG_DMA_LEN\t\t0x00120", "#define MMAPDEMO_REG_DMA_LEN\t\t0x00160")
tap.check("moved_register_is_found", moved != hw and any(c.startswith("DMA_LEN:") for c in check_registers(spec, moved)))

errors = contract.defines(hw, "MMAPDEMO_ERR_")
tap.empty("every_error_is_specified",
          [f"ERR_{n} is not in {SPEC}" for n in errors
           if n not in ("MAX", "CLEAR") and not n.startswith("INFO_") and not re.search(rf"\b(ERR_)?{n}\b", spec)])
tap.empty("every_ioctl_is_documented",
          [f"{verb} has no section in {UAPI}" for verb, _ in contract.x_list(api, "MMAPDEMO_IOCTLS")
           if not re.search(rf"^#+ .*\b{verb}\b", uapi, re.M)])
tap.finish()
