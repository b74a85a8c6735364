# SPDX-License-Identifier: MIT
"""layout.c holds in 64 and in 32 bits, and pins every structure, member and ioctl there is.

Usage: layout.py SOURCE_ROOT CC. For 32 bits no C library is needed, only the kernel's own types.
"""
import os
import re
import subprocess
import sys
import tempfile

import contract
from tap import Tap

root, cc = sys.argv[1], sys.argv[2].split()
source = f"{root}/tests/abi/layout.c"
tap = Tap()

# <asm/types.h> is in the directory of the compiler's own architecture, whatever -m says.
multiarch = subprocess.run([*cc, "-print-multiarch"], text=True, stdout=subprocess.PIPE).stdout.strip()
FLAGS = ["-std=gnu11", "-ffreestanding", "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
         "-I", f"{root}/kernel/include/uapi", "-isystem", "/usr/include"]
if multiarch:
    FLAGS += ["-isystem", f"/usr/include/{multiarch}"]


def compiles(path, *flags):
    r = subprocess.run([*cc, *flags, *FLAGS, path], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=60)
    return r.returncode == 0, r.stdout


with open(source) as f:
    text = f.read()
for mode in ("-m64", "-m32"):
    good, output = compiles(source, mode)
    tap.check(f"layout_{mode[1:]}", good, output)
    # The mode is real, and a wrong number is found in it.
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "wrong.c")
        with open(path, "w") as f:
            f.write(text + f"\n_Static_assert(sizeof(void *) == {8 if mode == '-m64' else 4}, \"mode\");\n")
        good, output = compiles(path, mode)
        tap.check(f"pointers_of_{mode[1:]}", good, output)
        with open(path, "w") as f:
            f.write(text.replace("MEMBER(mmapdemo_dma_wait, out_error, 56", "MEMBER(mmapdemo_dma_wait, out_error, 52"))
        tap.check(f"wrong_offset_is_found_{mode[1:]}", not compiles(path, mode)[0])

missing = []
uapi = contract.read(root, "mmapdemo.h")
for name, members in {**contract.structs(uapi), **contract.structs(contract.read(root, "mmapdemo_hw.h"))}.items():
    if not re.search(rf"^SIZE\({name}, \d+\);$", text, re.M):
        missing.append(f"size of {name} is not pinned")
    missing += [f"{name}.{m} is not pinned" for m in members
                if not re.search(rf"^MEMBER\({name}, {m}, \d+, \d+\);$", text, re.M)]
tap.empty("every_member_is_pinned", missing)

verbs = [row[0] for row in contract.x_list(uapi, "MMAPDEMO_IOCTLS")]
defined = re.findall(r"^#define MMAPDEMO_IOC_(\w+)\s+_IO\(", uapi, re.M)
tap.check("every_ioctl_is_in_the_list_once", len(verbs) >= 12 and sorted(verbs) == sorted(defined),
          f"{verbs}\n{defined}")
tap.empty("every_ioctl_is_pinned", [v for v in verbs if not re.search(rf"^IOCTL\({v}, 0x\w+\);$", text, re.M)])

# Shape of every call: size and flags first, outputs named out_*, no holes (checked by the offsets).
shape = []
for verb, name in contract.x_list(uapi, "MMAPDEMO_IOCTLS"):
    members = contract.structs(uapi).get(name, [])
    if members[:2] != ["size", "flags"]:
        shape.append(f"struct {name} of {verb} does not start with size and flags")
    sizes = re.findall(rf"^MEMBER\({name}, \w+, (\d+), (\d+)\);$", text, re.M)
    end = 0
    for offset, size in sizes:
        if int(offset) != end:
            shape.append(f"struct {name}: hole at {end}")
        end = int(offset) + int(size)
    total = re.search(rf"^SIZE\({name}, (\d+)\);$", text, re.M)
    if not total or int(total.group(1)) != end:
        shape.append(f"struct {name}: ends at {end}")
tap.empty("every_call_has_the_shape", shape)
tap.finish()
