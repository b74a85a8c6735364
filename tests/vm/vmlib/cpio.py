# SPDX-License-Identifier: MIT
"""Write initramfs archives (cpio "newc"): the same input gives the same bytes, and no root is needed for device nodes."""

import os
import stat

_MAGIC = "070701"


class Archive:
    """Files of one archive, written in the order of their names.  Parent directories come by themselves."""

    def __init__(self):
        self._entries = {}

    def add_dir(self, path, mode=0o755):
        self._add(path, stat.S_IFDIR | mode, b"")

    def add_data(self, path, data, mode=0o644):
        self._add(path, stat.S_IFREG | mode, data)

    def add_file(self, path, source, mode=None):
        with open(source, "rb") as stream:
            data = stream.read()
            if mode is None:
                mode = 0o755 if os.fstat(stream.fileno()).st_mode & 0o111 else 0o644
        self.add_data(path, data, mode)

    def add_link(self, path, target):
        self._add(path, stat.S_IFLNK | 0o777, target.encode())

    def add_char_device(self, path, major, minor, mode=0o600):
        self._add(path, stat.S_IFCHR | mode, b"", (major, minor))

    def __contains__(self, path):
        return path.strip("/") in self._entries

    def write(self, out):
        for number, (path, entry) in enumerate(sorted(self._entries.items()), 1):
            _write_entry(out, number, path, *entry)
        _write_entry(out, 0, "TRAILER!!!", 0, b"", (0, 0))

    def _add(self, path, mode, data, device=(0, 0)):
        path = path.strip("/")
        parent = path.rpartition("/")[0]
        if parent and parent not in self._entries:
            self.add_dir(parent)
        self._entries[path] = (mode, data, device)


def _write_entry(out, number, path, mode, data, device):
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, device[0], device[1], len(name), 0)
    _write_padded(out, _MAGIC.encode() + b"".join(b"%08x" % field for field in fields) + name)
    _write_padded(out, data)


def _write_padded(out, data):
    out.write(data)
    out.write(b"\0" * (-len(data) % 4))
