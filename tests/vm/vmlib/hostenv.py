# SPDX-License-Identifier: MIT
"""What only the host knows about a run, for the guest's programs: /etc/mmapdemo-env.json there."""

import json
import os
import platform
import subprocess
import time

from . import paths

GUEST_FILE = "etc/mmapdemo-env.json"


def collect(qemu, accelerator, words):
    """The JSON text.  words: QEMU's command line."""
    return json.dumps({
        "qemu_version": (_first_line([words[0], "--version"]) or "").rpartition("version ")[2] or None,
        "qemu_source": _read(os.path.join(qemu, "source")),
        "accelerator": accelerator,
        "qemu_cmdline": portable(" ".join(words)),
        "host_cpu": _cpu_model(),
        "host_kernel": platform.release(),
        "git_revision": _first_line(["git", "-C", paths.TOP, "describe", "--always", "--dirty", "--abbrev=12"]),
        "host_load": _read("/proc/loadavg"),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }).encode()


def portable(text):
    """Results are published, and compared with those of another clone: no path of this machine in them."""
    for directory, name in sorted(((paths.CACHE, "CACHE"), (paths.TOP, "TOP")), key=lambda pair: -len(pair[0])):
        text = text.replace(directory + os.sep, name + os.sep)
    return text


def _first_line(words):
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.splitlines()[0] if done.returncode == 0 and done.stdout else None


def _read(path):
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return None


def _cpu_model():
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return None
