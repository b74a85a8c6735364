# SPDX-License-Identifier: MIT
"""Help gdb find the guest kernel's and the driver's symbols."""

import os
import sys

from . import paths

# Of the driver's sections, those that hold code and variables.
SECTIONS = (".data", ".bss", ".rodata", ".data..once", ".ref.data", ".exit.text", ".init.text")


def say_how(directory, endpoint, built, sections):
    """Write a gdb script that connects and loads symbols, and say how to use it.

    sections: {name: address} of the driver in the guest, empty when it is not loaded.
    """
    lines = [f"target remote {endpoint.replace('tcp:', '')}"]
    with open(os.path.join(built.kernel, "release"), encoding="utf-8") as stream:
        release = stream.read().strip()
    symbols = f"/usr/lib/debug/boot/vmlinux-{release}"
    own = os.path.join(os.path.realpath(os.path.join(built.kernel, "kdir")), "vmlinux")
    for candidate in (symbols, own):
        if os.path.exists(candidate):
            lines.insert(0, f"file {candidate}")
            break
    else:
        print(f"debug: no symbols of the guest kernel; 'apt-get install linux-image-{release}-dbg' brings them "
              "(about 1 GB)", file=sys.stderr)
    if built.module and ".text" in sections:
        driver = os.path.join(built.module, "mmapdemo.ko")
        others = " ".join(f"-s {name} {sections[name]}" for name in SECTIONS if name in sections)
        lines.append(f"add-symbol-file {driver} {sections['.text']} {others}")
        # It was built from a copy of the sources.
        lines.append(f"set substitute-path {built.module}.new/src {os.path.join(paths.TOP, 'kernel')}")
    path = os.path.join(directory, "gdb-script")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    print(f"debug: in another terminal: gdb -x {os.path.relpath(path)}", file=sys.stderr)
