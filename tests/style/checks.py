# SPDX-License-Identifier: MIT
"""The checks. Each has a name, says which files it wants, and returns complaints, "FILE:LINE: what"."""

import io
import os
import re
import shutil
import subprocess
import tempfile
import tokenize

import clean
import tree

LONGEST_FILE = 700
WIDEST_KERNEL_LINE = 100


class Skip(Exception):
    """The check cannot be made here; the text says why."""


def run_program(argv, **options):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True,
                          errors="replace", **options)


def need(program, package):
    if not shutil.which(program):
        raise Skip(f"{program} is not installed: apt-get install {package}")


class Check:
    """Base: looks at one file at a time, by lines(), unless it overrides run()."""

    name = ""
    planted = True      # planted.py holds violations; False: the check plants its own, or cannot
    relative = False    # complaints of a program name files relative to the top already

    def wants(self, name):
        raise NotImplementedError

    def lines(self, name, lines):
        raise NotImplementedError

    def run(self, top, files, deep):
        found = []
        for name in files:
            text = tree.read(top, name)
            found += [f"{name}:{number}: {what}" for number, what in self.lines(name, text.split("\n"))]
        return found


SOURCE = re.compile(r"\.(c|h|S|py|sh|build|mk|ld|options|conf|yaml|yml|rst|mak|map|in)$")
NO_SPDX = re.compile(r"^LICENSES/|^\.editorconfig$|\.(md|txt|json|png|svg|patch)$|trace-events$|/trace\.h$")


class Spdx(Check):
    name = "spdx"

    def wants(self, name):
        base = os.path.basename(name)
        return not NO_SPDX.search(name) and (
            bool(SOURCE.search(name)) or "." not in base or base in (".shellcheckrc", ".clang-format"))

    def lines(self, name, lines):
        if not any("SPDX-License-Identifier:" in line for line in lines[:3]):
            yield 1, "no SPDX-License-Identifier in the first three lines"


class Licence(Check):
    """Each directory has its licence; a file that says another one is in the wrong place."""

    name = "licence"
    rules = (
        ("kernel/include/uapi/", "(GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause"),
        ("kernel/", "GPL-2.0-only"),
        ("qemu-device/overlay/", "GPL-2.0-or-later"),
        ("userspace/", "MIT"),
        ("tests/", "MIT"),
    )

    def wants(self, name):
        return tree.is_c(name)

    def lines(self, name, lines):
        for prefix, licence in self.rules:
            if name.startswith(prefix):
                break
        else:
            return
        for line in lines[:3]:
            if "SPDX-License-Identifier:" in line:
                says = line.split("SPDX-License-Identifier:")[1].replace("*/", "").strip()
                if says != licence:
                    yield 1, f"says {says}, files here are {licence}"


class Whitespace(Check):
    name = "whitespace"

    def wants(self, name):
        return not name.endswith((".png", ".patch", ".bin", ".gz")) and not name.startswith("LICENSES/")

    def lines(self, name, lines):
        if lines == [""]:
            return
        if lines[-1] != "":
            yield len(lines), "no newline at the end"
        elif len(lines) > 1 and lines[-2] == "":
            yield len(lines) - 1, "empty line at the end"
        for number, line in enumerate(lines, 1):
            if line.endswith((" ", "\t")):
                yield number, "white space at the end"
            if "\r" in line:
                yield number, "carriage return"
            if tree.is_kernel_style(name) and re.match(r" {8}| +\t", line):
                yield number, "indented by spaces, tabs are the style here"
            if tree.is_qemu(name) and tree.is_c(name) and "\t" in line:
                yield number, "a tab, spaces are the style here"
        if name.endswith(".py"):
            yield from tab_indents("\n".join(lines))


def tab_indents(text):
    """Not those in strings, which may be anything."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.INDENT and "\t" in token.string:
                yield token.start[0], "indented by a tab, spaces are the style here"
    except (tokenize.TokenError, SyntaxError):
        pass    # pyflakes says so


class LineLength(Check):
    """Code; a comment beside it may stand out, and a message is not broken so that it can be found."""

    name = "line-length"
    exempt = re.compile(r'"|/\*|^\s*\*')

    def wants(self, name):
        return tree.is_kernel_style(name)

    def lines(self, name, lines):
        for number, line in enumerate(lines, 1):
            width = len(line.expandtabs(8))
            if width > WIDEST_KERNEL_LINE and not self.exempt.search(line):
                yield number, f"{width} columns, {WIDEST_KERNEL_LINE} at most"


class FileLength(Check):
    name = "file-length"

    def wants(self, name):
        return tree.is_c(name) or name.endswith((".py", ".sh"))

    def lines(self, name, lines):
        if len(lines) - 1 > LONGEST_FILE:
            yield len(lines) - 1, f"more than {LONGEST_FILE} lines: two rooms would be clearer"


class Unfinished(Check):
    name = "unfinished"
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK")) + r")\b")

    def wants(self, name):
        return not name.startswith(("docs/", "LICENSES/")) and not name.endswith(".patch")

    def lines(self, name, lines):
        for number, line in enumerate(lines, 1):
            if self.words.search(line):
                yield number, "something is not finished: do it, or say so in docs/"


class MachinePath(Check):
    """A path of somebody's machine works on that machine only."""

    name = "machine-path"
    path = re.compile(r"(?<![\w.$}{/])/(" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me", "fa" + "rm")) + r")/[a-z]")

    def wants(self, name):
        return not name.startswith("LICENSES/")

    def lines(self, name, lines):
        for number, line in enumerate(lines, 1):
            if self.path.search(line):
                yield number, "an absolute path of one machine"


class Address(Check):
    """Where things are downloaded from is the machine's business."""

    name = "download-address"
    url = re.compile("htt" + r"ps?://")

    def wants(self, name):
        base = os.path.basename(name)
        return (name.endswith((".sh", ".py", ".mk", ".lock", ".build")) or base in ("Makefile", "run") or
                "/scripts/" in name or name.startswith(".ci/") or "." not in base and name.startswith("tests/"))

    def lines(self, name, lines):
        for number, line in enumerate(lines, 1):
            if self.url.search(line):
                yield number, "an address in a script"


class KernelVersion(Check):
    name = "kernel-version"
    word = re.compile(r"\b(LINUX_VERSION_CODE|KERNEL_VERSION|linux/version\.h)\b")

    def wants(self, name):
        return name.startswith("kernel/") and tree.is_c(name) and name != "kernel/compat.h"

    def lines(self, name, lines):
        for number, line in enumerate(lines, 1):
            if self.word.search(line):
                yield number, "knows about kernel versions: compat.h is the only place"


class PatchAdds(Check):
    """Upstream files get lines for the device and lose none; only a bug of upstream's own is mended in place."""

    name = "patch-only-adds"
    mended = ("system/physmem.c", "hw/pci/pcie_aer.c")

    def wants(self, name):
        return name.startswith("qemu-device/patches/") and name.endswith(".patch")

    def lines(self, name, lines):
        in_hunk = mended = False
        for number, line in enumerate(lines, 1):
            if line.startswith("diff --git"):
                in_hunk, mended = False, line.endswith(tuple(f" b/{name}" for name in self.mended))
            elif line.startswith("--- "):
                in_hunk = False
            elif line.startswith("@@"):
                in_hunk = True
            elif in_hunk and line.startswith("-") and line != "-- " and not mended:
                yield number, "takes a line away"
            elif line == "-- ":
                in_hunk = False


class TopLevel(Check):
    """The layout of the top directory is fixed."""

    name = "top-level"
    allowed = re.compile(r"^(kernel|qemu-device|userspace|tests|docs|LICENSES)/|"
                         r"^(meson\.build|meson\.options|meson_options\.txt|Makefile|"
                         r"README\.md|CHANGELOG\.md|CONTRIBUTING\.md|\.[^/]+|\.ci/run)$")

    def wants(self, name):
        return not self.allowed.match(name)

    def lines(self, name, lines):
        yield 1, "not in the fixed layout of the top directory"


class ShellCheck(Check):
    name = "shellcheck"

    def wants(self, name):
        return True

    def run(self, top, files, deep):
        need("shellcheck", "shellcheck")
        scripts = [name for name in files if tree.is_shell(top, name)]
        if not scripts:
            return []
        return run_program(["shellcheck", "--format=gcc", "--external-sources", *scripts], cwd=top).stdout.splitlines()


class PyFlakes(Check):
    name = "pyflakes"

    def wants(self, name):
        return True

    def run(self, top, files, deep):
        need("pyflakes3", "pyflakes3")
        scripts = [name for name in files if tree.is_python(top, name)]
        return run_program(["pyflakes3", *scripts], cwd=top).stdout.splitlines() if scripts else []


class ManPages(Check):
    name = "man-pages"

    def wants(self, name):
        return bool(re.search(r"/man/[^/]+\.[1-9]$", name))

    def run(self, top, files, deep):
        found = []
        if shutil.which("mandoc"):
            for name in files:
                out = run_program(["mandoc", "-Tlint", "-Wwarning", name], cwd=top).stdout
                found += out.splitlines()
            return found
        need("groff", "groff")
        for name in files:
            out = run_program(["groff", "-man", "-ww", "-rCHECKSTYLE=2", "-z", "-Tutf8", "-Kutf8", name], cwd=top)
            found += [f"{name}: {line}" for line in out.stdout.splitlines()]
        return found


def checkpatch(script, arguments, directory, names, levels):
    """Complaints of a checkpatch.pl about files below a directory, from the files that are not known to be clean."""
    argv = [script, "--no-tree", "--no-signoff", "--no-summary", "--terse", "--color=never", *arguments, "-f"]
    known = clean.Clean(script, argv[1:])
    names = known.unknown(directory, names)
    if not names:
        return []
    done = run_program([*argv, *names], cwd=directory)
    found = [line for line in done.stdout.splitlines() if re.search(rf": ({levels}):", line)]
    if done.returncode not in (0, 1):
        return found or [f"{names[0]}:1: {os.path.basename(script)} ended with {done.returncode}"]
    known.remember(directory, names, found)
    return found


class QemuCheckpatch(Check):
    name = "checkpatch-qemu"

    def wants(self, name):
        return tree.is_qemu(name) and tree.is_c(name)

    @staticmethod
    def script():
        src = os.environ.get("QEMU_SRC_DIR")
        if not src:
            fetched = subprocess.run([os.path.join(tree.TOP, "qemu-device/scripts/fetch-qemu")], check=False, text=True,
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
            src = os.path.join(fetched, "src")
        path = os.path.join(src, "scripts", "checkpatch.pl")
        if not os.path.exists(path):
            raise Skip("no QEMU source tree: set QEMU_SRC_DIR")
        return path

    def run(self, top, files, deep):
        if not files:
            return []
        script = self.script()
        # As QEMU would see them: some rules go by the directory.
        overlay = "qemu-device/overlay"
        place = os.path.join(top, overlay)
        return checkpatch(script, (), place, [os.path.relpath(name, overlay) for name in files], "ERROR|WARNING")


# What kernel style says about lines that are right here: a list that is a macro, formats and tables of tests.
KERNEL_IGNORES = (
    "COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_ARG_REUSE,MACRO_WITH_FLOW_CONTROL,FILE_PATH_CHANGES,"
    "SPDX_LICENSE_TAG,LONG_LINE_COMMENT,LONG_LINE_STRING,SPLIT_STRING,CONST_STRUCT,PREFER_KERNEL_TYPES,VOLATILE,"
    "USE_FUNC,NAKED_SSCANF,SSCANF_TO_KSTRTO,STRCPY,STRLCPY,STRNCPY,AVOID_EXTERNS,PREFER_DEFINED_ATTRIBUTE_MACRO,"
    "NEW_TYPEDEFS,ARRAY_SIZE,ENOSYS,PREFER_FALLTHROUGH,LINUX_VERSION_CODE,DEVICE_ATTR_PERMS,MISSING_SENTINEL,"
    "TRAILING_SEMICOLON,UNKNOWN_COMMIT_ID,BRACKET_SPACE,MACRO_ARG_UNUSED,EMBEDDED_FUNCTION_NAME,"
    "QUOTED_WHITESPACE_BEFORE_NEWLINE"
)
# The driver is judged as kernel code. Left away is what X-macro lists look like, the comments beside members in the
# contracts, and ARRAY_SIZE, which policy.c has to do without where it is built for a host.
DRIVER_IGNORES = (
    "COMPLEX_MACRO,MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_ARG_REUSE,MACRO_ARG_UNUSED,TRAILING_SEMICOLON,"
    "FILE_PATH_CHANGES,SPDX_LICENSE_TAG,LINUX_VERSION_CODE,ARRAY_SIZE"
)
CONTRACT_IGNORES = DRIVER_IGNORES + ",BLOCK_COMMENT_STYLE"


class KernelCheckpatch(Check):
    """The kernel's own; it comes only in a large package."""

    name = "checkpatch-kernel"

    def wants(self, name):
        return tree.is_kernel_style(name)

    @staticmethod
    def script(deep):
        path = os.environ.get("LINUX_CHECKPATCH")
        if not path:
            cache = os.environ.get("MMAPDEMO_CACHE") or os.path.join(
                os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "mmapdemo")
            path = os.path.join(cache, "checkpatch", "checkpatch.pl")
            if not os.path.exists(path) and deep:
                out = subprocess.run([os.path.join(tree.TOP, "tests/vm/fetch-checkpatch")], check=False, text=True,
                                     stdout=subprocess.PIPE).stdout.strip()
                path = os.path.join(out, "checkpatch.pl")
        if not os.path.exists(path):
            raise Skip("the kernel's checkpatch.pl is not here: --deep downloads it")
        return path

    def run(self, top, files, deep):
        script = self.script(deep)
        out = []
        groups = {DRIVER_IGNORES: [], CONTRACT_IGNORES: [], KERNEL_IGNORES: []}
        for name in files:
            groups[CONTRACT_IGNORES if name.startswith("kernel/include/uapi/") else
                   DRIVER_IGNORES if name.startswith("kernel/") else KERNEL_IGNORES].append(name)
        for ignores, some in groups.items():
            if some:
                out += checkpatch(script, (f"--max-line-length={WIDEST_KERNEL_LINE}", "--ignore", ignores), top, some,
                                  "ERROR|WARNING|CHECK")
        return [line for line in out if not self.compound(top, line)]

    @staticmethod
    def compound(top, complaint):
        """A compound literal of an array, (char[4]){ 0 }, which checkpatch takes for a block."""
        name, number, what = complaint.split(":", 2)
        return "space required before the open brace" in what and \
            "]){" in tree.read(top, name).split("\n")[int(number) - 1]


class Sparse(Check):
    """The driver built with W=1 and looked at by sparse: not one warning."""

    name = "sparse-w1"
    noise = re.compile(r"the compiler differs|Skipping BTF|skipping BTF|pahole")

    def wants(self, name):
        return name.startswith("kernel/")

    @staticmethod
    def kdir():
        fetched = subprocess.run([os.path.join(tree.TOP, "tests/vm/fetch-kernel")], check=False, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
        kdir = os.path.join(fetched, "kdir")
        if not os.path.isdir(kdir):
            raise Skip("no kernel headers: set KDIR")
        return os.path.realpath(kdir)

    def run(self, top, files, deep):
        need("sparse", "sparse")
        kdir = self.kdir()
        with tempfile.TemporaryDirectory() as work:
            for name in files:
                place = os.path.join(work, os.path.relpath(name, "kernel"))
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copyfile(os.path.join(top, name), place)
            done = run_program(["make", "-C", kdir, "-j2", f"M={work}", "modules", "C=2", "W=1"])
        found = [line.replace(work + "/", "kernel/") for line in done.stdout.splitlines()
                 if re.search(r"\b(warning|error):|\*\*\*", line) and not self.noise.search(line)]
        return found or (["it does not build"] if done.returncode else [])


class Docs(Check):
    """What documents say about the tree is true where that is cheap to find out."""

    name = "docs"
    planted = False     # docs/check counts its own

    def wants(self, name):
        return name == "docs/check"

    def run(self, top, files, deep):
        if not files:
            raise Skip("no docs/check in this tree")
        done = run_program([os.path.join(top, files[0])], cwd=top)
        if done.returncode:
            return [line for line in done.stdout.splitlines() if "skipped:" not in line]
        return []


ALL = [
    Spdx(), Licence(), Whitespace(), LineLength(), FileLength(), Unfinished(), MachinePath(), Address(),
    KernelVersion(), PatchAdds(), TopLevel(), ShellCheck(), PyFlakes(), ManPages(), QemuCheckpatch(),
    KernelCheckpatch(), Sparse(), Docs(),
]
