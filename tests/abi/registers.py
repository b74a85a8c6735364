# SPDX-License-Identifier: MIT
"""The register list and the register definitions of mmapdemo_hw.h say the same, and fit together.

Usage: registers.py SOURCE_ROOT
"""
import re
import sys

import contract
from tap import Tap

root = sys.argv[1]
tap = Tap()


def check_text(text):
    """Complaints about a header, as {check: [complaint]}."""
    defined = contract.defines(text, "MMAPDEMO_REG_")
    rows = contract.x_list(text, "MMAPDEMO_HW_REGS")
    names = [row[0] for row in rows]
    found = {"listed": [], "once": [], "shape": [], "placed": [], "overlap": [], "comment": []}

    found["listed"] += [f"{n} is defined and not in the list" for n in defined if n not in names]
    found["listed"] += [f"{n} is in the list and not defined" for n in names if n not in defined]
    found["once"] += [f"{n} is in the list {names.count(n)} times" for n in set(names) if names.count(n) > 1]
    if len(rows) < 40:
        found["once"].append(f"only {len(rows)} rows found")

    bar = contract.defines(text, "MMAPDEMO_")
    comments = re.findall(r"/\*.*?\*/", text.split("#define MMAPDEMO_HW_REGS")[0], re.S)
    taken = {}
    for row in rows:
        if len(row) != 7:
            found["shape"].append(f"{row}: not 7 columns")
            continue
        name, width, access, bits, _reset, scope, words = row
        offset = defined.get(name)
        if offset is None:
            continue
        if width not in ("4", "8") or access not in ("RO", "RW", "WO", "W1C") or \
           scope not in ("PUBLIC", "PRIVATE") or not re.fullmatch(r'".+"', words):
            found["shape"].append(f"{name}: {row}")
            continue
        width, mask = int(width), int(bits.rstrip("UL"), 0)
        if (access == "RO") != (mask == 0):
            found["shape"].append(f"{name}: {access} with writable bits {bits}")
        if mask >> (8 * width):
            found["shape"].append(f"{name}: writable bits {bits} beyond {width} bytes")
        if offset % width:
            found["placed"].append(f"{name}: 0x{offset:05x} is not aligned to {width}")
        user = name.startswith(("USER_", "SCRATCH", "CLOCK_", "CNT_", "LOCK_MAX_"))
        base = bar["USER_BASE" if user else "CTRL_BASE"]
        size = bar["USER_SIZE" if user else "CTRL_SIZE"]
        if not base <= offset <= base + size - width:
            found["placed"].append(f"{name}: 0x{offset:05x} is in the wrong half of BAR0")
        # Anybody may map the user page: nothing there is private, and only what means nothing to
        # the device is written: the scratch, and a maximum to begin anew from.
        if user and (scope != "PUBLIC" or (access != "RO" and not name.startswith(("SCRATCH", "LOCK_MAX_")))):
            found["placed"].append(f"{name}: {access} {scope} on the page anybody may map")
        if name.startswith("CNT_") != (bar["CNT_FIRST"] <= offset < bar["CNT_END"]):
            found["placed"].append(f"{name}: 0x{offset:05x} and the range of counters disagree")
        for byte in range(offset, offset + width):
            if byte in taken:
                found["overlap"].append(f"{name} and {taken[byte]} share 0x{byte:05x}")
            taken[byte] = name
        if not re.search(rf"^#define MMAPDEMO_REG_{name}[ \t]+\w+[ \t]+/\*", text, re.M) and \
           not any(re.search(rf"\b{name}\b", c) for c in comments):
            found["comment"].append(f"{name} has no comment at its definition")
    return found


def check_indexed(text, prefix, x_name, stride):
    """Complaints about the registers that each queue or window has, as one list."""
    defined = contract.defines(text, f"MMAPDEMO_{prefix}_")
    rows = contract.x_list(text, x_name)
    found = [f"{prefix}_{n} is defined and not in the list" for n in defined if n not in [r[0] for r in rows]]
    size = contract.defines(text, "MMAPDEMO_")[stride]
    taken = {}
    for name, width, access, bits, _reset, scope, words in rows:
        offset, width, mask = defined.get(name), int(width), int(bits.rstrip("UL"), 0)
        if offset is None or offset % width or offset + width > size:
            found.append(f"{prefix}_{name}: no offset, not aligned, or beyond the stride")
            continue
        if scope != "PRIVATE" or (access == "RO") != (mask == 0) or mask >> (8 * width) or len(words) < 4:
            found.append(f"{prefix}_{name}: {access} {bits} {scope} {words}")
        found += [f"{prefix}_{name} and {taken[b]} share 0x{b:x}" for b in range(offset, offset + width) if b in taken]
        taken.update({b: name for b in range(offset, offset + width)})
        if not re.search(rf"/\* {name}\b[^/]*\*/\n#define MMAPDEMO_{prefix}_{name}\b", text):
            found.append(f"{prefix}_{name} has no comment at its definition")
    return found + ([] if len(rows) > 5 else [f"only {len(rows)} rows of {x_name} found"])


header = contract.read(root, "mmapdemo_hw.h")
# Prefix, list, stride; and for each a row renamed, and a definition moved to an odd place.
INDEXED = (
    ("QREG", "MMAPDEMO_HW_QREGS", "QUEUE_STRIDE", ("X(HEAD, ", "X(NOWHERE, "),
     ("#define MMAPDEMO_QREG_PD\t\t0x0c", "#define MMAPDEMO_QREG_PD\t\t0x0d")),
    ("WREG", "MMAPDEMO_HW_WREGS", "WINDOW_STRIDE", ("X(STATUS, ", "X(NOWHERE, "),
     ("#define MMAPDEMO_WREG_CFG\t\t0x18", "#define MMAPDEMO_WREG_CFG\t\t0x1c")),
)
for prefix, x_name, stride, *mistakes in INDEXED:
    tap.empty(f"registers_of_{prefix}", check_indexed(header, prefix, x_name, stride))
    for number, (old, new) in enumerate(mistakes):
        spoilt = header.replace(old, new)
        tap.check(f"mistake_{number}_is_found_{prefix}",
                  spoilt != header and check_indexed(spoilt, prefix, x_name, stride))
for name, complaints in check_text(header).items():
    tap.empty(f"registers_{name}", complaints)

# Each check finds the mistake it is there for.
MISTAKES = {
    "listed": ("#define MMAPDEMO_REG_SELFTEST", "#define MMAPDEMO_REG_ANOTHER\t0x00050\n#define MMAPDEMO_REG_SELFTEST"),
    "once": ("\tX(VERSION, ", "\tX(ID, 4, RO, 0, 0, PUBLIC, \"again\") \\\n\tX(VERSION, "),
    "shape": ("X(SELFTEST,          4, RW,", "X(SELFTEST,          4, RO,"),
    "placed": ("0x10018\n", "0x0f018\n"),
    "comment": ("/* SELFTEST: ", "/* "),
    "overlap": ("#define MMAPDEMO_REG_RESET\t\t0x00014", "#define MMAPDEMO_REG_RESET\t\t0x00010"),
}
for name, (old, new) in MISTAKES.items():
    spoilt = header.replace(old, new, 1)
    tap.check(f"mistake_is_found_{name}", spoilt != header and check_text(spoilt)[name])

# Device errors: numbered without gaps up to ERR_MAX.
errors = contract.defines(header, "MMAPDEMO_ERR_")
last = errors.pop("MAX", None)
codes = {k: v for k, v in errors.items() if not k.startswith("INFO_") and k != "CLEAR"}
tap.check("errors_are_numbered_without_gaps", sorted(codes.values()) == list(range((last or 0) + 1)), codes)
tap.finish()
