# SPDX-License-Identifier: MIT
"""What a guest boots into: initramfs archives for the system, for our programs, and for one job.

QEMU gets them as one file: the kernel unpacks archives that follow each other in turn.  The first two are kept in the
cache under a name made of the content they were built from; the third is small and made for each boot.
"""

import hashlib
import io
import json
import lzma
import os
import re
import shlex
import shutil
import subprocess

from . import cpio, paths

BUSYBOX = "/bin/busybox"

# Modules of the guest kernel that boots and tests ask for by name; what they need comes with them, and one that is
# built in, or that this kernel does not have, is left out.
MODULES = ("virtio_pci", "virtio_console", "virtio_blk", "nvme", "null_blk", "vfio-pci", "vfio_iommu_type1", "uio_pci_generic",
           "pciehp", "acpiphp_ibm", "qemu_fw_cfg")

_IMAGE_FORMAT = "2"


class ImageError(Exception):
    """A guest image cannot be made; the text says why and what to do."""


def system_archive(kernel):
    """The path of the archive with busybox, our init and the guest kernel's modules."""
    sources = [BUSYBOX, os.path.join(paths.VM, "guest", "init")]
    for source in sources:
        if not os.path.exists(source):
            raise ImageError(f"{source} is missing: install package busybox-static")
    key = _key(_IMAGE_FORMAT, kernel, *MODULES, *(_digest(source) for source in sources))

    def build():
        archive = cpio.Archive()
        for directory in ("proc", "sys", "dev", "run", "tmp", "root", "results", "etc", "job", "usr/sbin", "lib64"):
            archive.add_dir(directory)
        # init starts before devtmpfs is mounted, and wants its standard files.
        archive.add_char_device("dev/console", 5, 1)
        archive.add_data("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
        archive.add_data("etc/group", b"root:x:0:\nnogroup:x:65534:\n")
        archive.add_file("bin/busybox", BUSYBOX, 0o755)
        for applet in subprocess.run([BUSYBOX, "--list"], stdout=subprocess.PIPE, check=True, text=True).stdout.split():
            if applet != "busybox":
                archive.add_link(f"bin/{applet}", "busybox")
        archive.add_link("sbin", "bin")
        archive.add_file("init", os.path.join(paths.VM, "guest", "init"), 0o755)
        _add_modules(archive, kernel)
        return archive

    return _cached("system", key, build)


def program_archive(user, module):
    """The path of the archive with the programs in the user-space build and the driver; either may be None."""
    vmctl = _build_vmctl()
    files = {"usr/bin/vmctl": vmctl}
    if user:
        files.update({f"usr/bin/{os.path.basename(program)}": program for program in guest_programs(user)})
    for program in list(files.values()):
        files.update(libraries_of(program))
    if module:
        files["lib/modules/mmapdemo.ko"] = os.path.join(module, "mmapdemo-guest.ko")
        for name in ("mmapdemo-importer.ko", "mmapdemo-dmaclient.ko"):
            if os.path.exists(os.path.join(module, name)):
                files[f"lib/modules/{name}"] = os.path.join(module, name)
    key = _key(_IMAGE_FORMAT, *(f"{name} {_digest(source)}" for name, source in sorted(files.items())))

    def build():
        archive = cpio.Archive()
        for name, source in files.items():
            archive.add_file(name, source)
        return archive

    return _cached("programs", key, build)


def guest_programs(user):
    """Executables that the user-space build made for guests: everything but the tests that run on the host."""
    with open(os.path.join(user, "meson-info", "intro-targets.json"), encoding="utf-8") as stream:
        targets = json.load(stream)
    found = []
    for target in targets:
        place = os.path.relpath(target["defined_in"], paths.TOP)
        if target["type"] == "executable" and place.startswith(("userspace/", "tests/guest/")):
            found += [name for name in target["filename"] if os.path.exists(name)]
    return found


def libraries_of(program):
    """{place in the guest: file} of the shared libraries and the loader that ldd names."""
    done = subprocess.run(["ldd", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    files = {}
    if done.returncode:
        return files  # a static program
    for line in done.stdout.splitlines():
        found = re.match(r"\s*(?:(\S+) => )?(/\S+) \(0x", line)
        if "=> not found" in line:
            raise ImageError(f"{program} needs {line.split()[0]}, which is not on this machine")
        if not found:
            continue
        name, source = found.groups()
        if name is None:
            files[source.lstrip("/")] = os.path.realpath(source)
        else:
            # The guest's loader has no cache: it looks in its built-in directories, of which this is one.
            files[f"usr/lib/{os.path.basename(name)}"] = os.path.realpath(source)
    return files


def job_archive(directory, command, settings, files, environment, texts):
    """Write the archive of one boot: what to run and with what.  Returns its path.

    command: list of words, or None for an interactive shell.  settings: shell variables for init.
    files: {place in the guest: file here}.  texts: {place in the guest: bytes}.
    """
    archive = cpio.Archive()
    lines = [f"{name}={shlex.quote(str(value))}\n" for name, value in sorted(settings.items())]
    archive.add_data("job/settings", "".join(lines).encode())
    script = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items())]
    archive.add_data("job/environment", "".join(script).encode())
    if command is not None:
        # One word is a line for the shell, several are a program and its arguments.
        line = command[0] if len(command) == 1 else shlex.join(command)
        archive.add_data("job/command", (line + "\n").encode())
    for name, data in texts.items():
        archive.add_data(name, data)
    for name, source in files.items():
        archive.add_file(name, source)
        if os.access(source, os.X_OK):
            for library, found in libraries_of(source).items():
                archive.add_file(library, found)
    path = os.path.join(directory, "job.cpio")
    with open(path, "wb") as out:
        archive.write(out)
    return path


def join(archives, out):
    """One initrd of several archives."""
    with open(out, "wb") as stream:
        for archive in archives:
            with open(archive, "rb") as part:
                shutil.copyfileobj(part, stream, 1 << 20)
            stream.write(b"\0" * (-stream.tell() % 512))


def _build_vmctl():
    source = os.path.join(paths.VM, "guest", "vmctl.c")
    directory = os.path.join(paths.CACHE, "image")
    os.makedirs(directory, exist_ok=True)
    out = os.path.join(directory, f"vmctl-{_key(_digest(source))}")
    if not os.path.exists(out):
        part = f"{out}.{os.getpid()}"
        done = subprocess.run(["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-o", part, source],
                              stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise ImageError(f"vmctl did not compile:\n{done.stderr}")
        os.rename(part, out)
    return out


def _add_modules(archive, kernel):
    """The modules of MODULES with what they need, decompressed, and the modules.dep that modprobe reads."""
    with open(os.path.join(kernel, "release"), encoding="utf-8") as stream:
        release = stream.read().strip()
    root = os.path.join(kernel, "modules")
    known = {}
    for place, _, names in os.walk(root):
        for name in names:
            found = re.fullmatch(r"(.+)\.ko(\.xz|\.gz|\.zst)?", name)
            if found:
                known[found.group(1).replace("-", "_")] = os.path.join(place, name)
    target = f"lib/modules/{release}"
    archive.add_dir(target)
    needs = {}
    queue = [name.replace("-", "_") for name in MODULES]
    while queue:
        name = queue.pop()
        if name in needs or name not in known:
            continue
        data = _decompress(known[name])
        found = re.search(rb"\0depends=([^\0]*)\0", data)
        needs[name] = [need.replace("-", "_") for need in found.group(1).decode().split(",") if need] if found else []
        queue += needs[name]
        archive.add_data(f"{target}/{_file_name(known[name])}", data)

    lines = []
    for name in sorted(needs):
        # modprobe loads them from the last to the first.
        rest = [_file_name(known[need]) for need in reversed(needed_before(name, needs))]
        lines.append(f"{_file_name(known[name])}:{''.join(' ' + need for need in rest)}\n")
    archive.add_data(f"{target}/modules.dep", "".join(lines).encode())
    for name in ("modules.alias", "modules.symbols"):
        archive.add_data(f"{target}/{name}", b"")


def needed_before(name, needs, seen=None):
    """Modules that must be loaded before this one, in that order, from {name: names it needs}."""
    seen = [] if seen is None else seen
    for need in needs.get(name, ()):
        if need in needs and need not in seen:
            needed_before(need, needs, seen)
            seen.append(need)
    return seen


def _file_name(path):
    return os.path.basename(path).partition(".ko")[0] + ".ko"


def _decompress(path):
    with open(path, "rb") as stream:
        data = stream.read()
    if path.endswith(".xz"):
        return lzma.decompress(data)
    if path.endswith(".zst"):
        return subprocess.run(["zstd", "-dqc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if path.endswith(".gz"):
        import gzip
        return gzip.decompress(data)
    return data


def _cached(kind, key, build):
    directory = os.path.join(paths.CACHE, "image")
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, f"{kind}-{key}.cpio")
    if os.path.exists(path):
        os.utime(path)
        return path
    out = io.BytesIO()
    build().write(out)
    part = f"{path}.{os.getpid()}"
    with open(part, "wb") as stream:
        stream.write(out.getbuffer())
    os.rename(part, path)
    _keep_newest(directory, kind, 8)
    return path


def _keep_newest(directory, kind, count):
    """Images are named after their content and would pile up.  A running guest has its own copy."""
    names = [os.path.join(directory, name) for name in os.listdir(directory)
             if name.startswith(kind) and name.endswith(".cpio")]
    for name in sorted(names, key=os.path.getmtime)[:-count]:
        os.unlink(name)


def _digest(path):
    with open(path, "rb") as stream:
        return hashlib.sha256(stream.read()).hexdigest()


def _key(*parts):
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
