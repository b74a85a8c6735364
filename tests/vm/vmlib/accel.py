# SPDX-License-Identifier: MIT
"""Which accelerator: KVM only where a guest really boots with it.

/dev/kvm can exist, open, create a machine and still never run a guest.  So a guest is booted under a short time limit,
and the answer kept for as long as this host is up.
"""

import asyncio
import json
import os
import shutil
import tempfile

from . import guest, image, machine, paths

PROBE_SECONDS = 8


class AccelError(Exception):
    """The accelerator that was asked for does not work here."""


def choose(wanted, built):
    """(accelerator, why) for "auto", "tcg" or "kvm"."""
    if wanted == "tcg":
        return "tcg", "as asked for"
    answer = known(built)
    if answer is None:
        answer = _probe(built)
        _remember(built, answer)
    if answer == "works":
        return "kvm", "a probe boot worked"
    if wanted == "kvm":
        raise AccelError(f"KVM cannot be used here: {answer}; leave the accelerator to be chosen, or ask for tcg")
    return "tcg", answer


def known(built):
    """The remembered answer, None if there is none for this host boot and these programs."""
    try:
        with open(_file(), encoding="utf-8") as stream:
            return json.load(stream).get(_key(built))
    except (OSError, ValueError):
        return None


def _probe(built):
    if not os.path.exists("/dev/kvm"):
        return "no /dev/kvm"
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "no access to /dev/kvm: its group is not yours"
    options = machine.Options()
    options.accel = "kvm"
    options.mmapdemo = None
    options.peers = False
    job = guest.Job(["true"])
    job.load_module = False
    directory = tempfile.mkdtemp(prefix="mmapdemo-probe-")
    try:
        archives = [image.system_archive(built.kernel), image.program_archive(None, None)]
        boot = guest.Guest(built.qemu, built.kernel, archives, directory, options, job, lambda data: None)
        outcome = asyncio.run(boot.run(PROBE_SECONDS, 2 * PROBE_SECONDS))
    finally:
        shutil.rmtree(directory)
    return "works" if outcome.status == 0 else f"KVM probe boot failed: {outcome.error}"


def _remember(built, answer):
    path = _file()
    part = f"{path}.{os.getpid()}"
    with open(part, "w", encoding="utf-8") as stream:
        json.dump({_key(built): answer}, stream)
    os.rename(part, path)


def _key(built):
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as stream:
        boot = stream.read().strip()
    with open(os.path.join(built.qemu, "source"), encoding="utf-8") as stream:
        source = stream.read().strip()
    return f"{boot} {source} {os.path.basename(built.kernel)}"


def _file():
    return os.path.join(paths.CACHE, "accelerator.json")
