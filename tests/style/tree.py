# SPDX-License-Identifier: MIT
"""The files of the tree, and which house style each belongs to."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(top):
    """What is, or is about to be, under version control; everything where there is none."""
    try:
        out = subprocess.run(["git", "-C", top, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             check=True, capture_output=True).stdout.decode()
        names = [name for name in out.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for where, dirs, found in os.walk(top):
            dirs[:] = [d for d in dirs if d not in (".git", "build", "__pycache__")]
            names += [os.path.relpath(os.path.join(where, name), top) for name in found]
    return sorted(name for name in set(names) if os.path.isfile(os.path.join(top, name)))


def read(top, name):
    with open(os.path.join(top, name), encoding="utf-8", errors="replace", newline="") as f:
        return f.read()


def first_line(top, name):
    try:
        with open(os.path.join(top, name), encoding="utf-8", errors="replace") as f:
            return f.readline()
    except OSError:
        return ""


def is_c(name):
    return name.endswith((".c", ".h"))


def is_qemu(name):
    """Files in QEMU's own style."""
    return name.startswith("qemu-device/overlay/")


def is_kernel_style(name):
    return is_c(name) and not is_qemu(name)


def is_shell(top, name):
    if name.endswith(".sh"):
        return True
    line = first_line(top, name) if "." not in os.path.basename(name) or name == ".ci/run" else ""
    return line.startswith("#!") and ("bash" in line or line.rstrip().endswith("sh"))


def is_python(top, name):
    if name.endswith(".py"):
        return True
    line = first_line(top, name) if "." not in os.path.basename(name) else ""
    return line.startswith("#!") and "python" in line
