# SPDX-License-Identifier: MIT
"""Help gdb find the guest kernel's and the driver's symbols."""

import os
import sys


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
        others = " ".join(f"-s {name} {address}" for name, address in sorted(sections.items())
                          if name != ".text" and not name.startswith((".note", ".gnu", ".orc", "__")))
        lines.append(f"add-symbol-file {os.path.join(built.module, 'mmapdemo.ko')} {sections['.text']} {others}")
    path = os.path.join(directory, "gdb-script")
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    print(f"debug: in another terminal: gdb -x {os.path.relpath(path)}", file=sys.stderr)
