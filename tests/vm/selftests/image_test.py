# SPDX-License-Identifier: MIT
"""Guest images: archives that cpio can read, the same bytes for the same input, libraries that ldd names."""

import io
import os
import subprocess
import tempfile
import unittest

from vmlib import cpio, image


def packed(fill):
    archive = cpio.Archive()
    fill(archive)
    out = io.BytesIO()
    archive.write(out)
    return out.getvalue()


class Archive(unittest.TestCase):
    def test_cpio_reads_it_back(self):
        def fill(archive):
            archive.add_data("a/b/file", b"content", 0o755)
            archive.add_link("a/link", "b/file")
            archive.add_data("empty", b"")

        with tempfile.TemporaryDirectory() as directory:
            subprocess.run([image.BUSYBOX, "cpio", "-i", "-d"], input=packed(fill), cwd=directory, check=True,
                           stderr=subprocess.DEVNULL)
            with open(os.path.join(directory, "a/link"), "rb") as stream:
                self.assertEqual(stream.read(), b"content")
            self.assertTrue(os.access(os.path.join(directory, "a/b/file"), os.X_OK))
            self.assertEqual(os.path.getsize(os.path.join(directory, "empty")), 0)

    def test_order_of_adding_does_not_matter(self):
        def one(archive):
            archive.add_data("x", b"1")
            archive.add_data("d/y", b"2")

        def other(archive):
            archive.add_data("d/y", b"2")
            archive.add_data("x", b"1")

        self.assertEqual(packed(one), packed(other))

    def test_device_node_needs_no_root(self):
        text = packed(lambda archive: archive.add_char_device("dev/console", 5, 1))
        self.assertIn(b"dev/console\0", text)

    def test_joined_archives_start_aligned(self):
        with tempfile.TemporaryDirectory() as directory:
            names = []
            for number in range(2):
                names.append(os.path.join(directory, str(number)))
                with open(names[-1], "wb") as stream:
                    stream.write(packed(lambda archive: archive.add_data("f", b"odd")))
            out = os.path.join(directory, "out")
            image.join(names, out)
            with open(out, "rb") as stream:
                text = stream.read()
            self.assertEqual(text.index(b"070701", 512) % 4, 0)


class Modules(unittest.TestCase):
    def test_shared_need_is_loaded_before_both(self):
        needs = {"virtio_pci": ["virtio_ring", "virtio"], "virtio": ["virtio_ring"], "virtio_ring": ["built_in"]}
        self.assertEqual(image.needed_before("virtio_pci", needs), ["virtio_ring", "virtio"])
        needs["virtio_pci"].reverse()
        self.assertEqual(image.needed_before("virtio_pci", needs), ["virtio_ring", "virtio"])


class Libraries(unittest.TestCase):
    def test_dynamic_program_has_loader_and_libc(self):
        found = image.libraries_of("/usr/bin/python3")
        self.assertTrue(any(place.startswith("lib64/ld-linux") for place in found), found)
        self.assertTrue(any(os.path.basename(place).startswith("libc.so") for place in found), found)
        for source in found.values():
            self.assertTrue(os.path.exists(source), source)

    def test_static_program_has_none(self):
        self.assertEqual(image.libraries_of(image.BUSYBOX), {})


if __name__ == "__main__":
    unittest.main()
