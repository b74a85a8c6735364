# SPDX-License-Identifier: MIT
"""Violations, a few for each check, and a file each check must be content with.

They live here as text, not as files, so that nothing in the tree has to be left out when the tree is looked at; and
the words that other checks look for are put together from halves.
"""

import os
import tempfile

import tree

MIT = "// SPDX-License-Identifier: MIT\n"
GPL = "// SPDX-License-Identifier: GPL-2.0-only\n"
QEMU = "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
BASH = "#!/bin/bash\n# SPDX-License-Identifier: MIT\n"
PYTHON = "#!/usr/bin/python3\n# SPDX-License-Identifier: MIT\n"
ADDRESS = "htt" + "ps://example.org/x"
MODULE = ("#include <linux/module.h>\n#include <linux/uaccess.h>\n\n"
          "MODULE_LICENSE(\"GPL\");\nMODULE_DESCRIPTION(\"planted\");\n\n")

# name of the check: {file: content}; each of these files alone must be complained about
BAD = {
    "spdx": {
        "userspace/lib/a.c": "int x;\n",
        "tests/vm/b": "#!/bin/bash\n\n\n# SPDX-License-Identifier: MIT\n",
        "meson.build": "project('x')\n",
        "tests/c.py": "import os\n",
    },
    "licence": {
        "kernel/a.c": MIT,
        "userspace/lib/b.c": GPL,
        "qemu-device/overlay/hw/c.c": GPL,
        "kernel/include/uapi/linux/d.h": "/* SPDX-License-Identifier: GPL-2.0-only */\n",
    },
    "whitespace": {
        "userspace/a.c": MIT + "int x; \n",
        "userspace/b.c": MIT + "int f(void)\n{\n        return 0;\n}\n",
        "qemu-device/overlay/c.c": QEMU + "\tint x;\n",
        "tests/d.py": "if x:\n\tpass\n",
        "docs/e.md": "text without an end",
        "docs/f.md": "text\r\n",
        "docs/g.md": "text\n\n",
        "kernel/h.c": GPL + "  \tint x;\n",
    },
    "line-length": {"kernel/a.c": GPL + "int " + "long_" * 25 + ";\n", "tests/b.c": MIT + "\t" * 15 + "int x;\n"},
    "file-length": {"userspace/a.c": MIT + "\n" * 701, "tests/b.py": "#\n" * 701},
    "unfinished": {
        "kernel/a.c": GPL + "/* TO" + "DO: all of it */\n",
        "tests/b.py": "# FIX" + "ME\n",
        "userspace/c.c": MIT + "int x; /* " + "X" * 3 + " */\n",
    },
    "machine-path": {
        "tests/a.sh": BASH + "cd /wo" + "rk/main\n",
        "docs/b.md": "see /ro" + "ot/x\n",
        "Makefile": "X = /ho" + "me/user\n",
    },
    "download-address": {
        "tests/vm/a.sh": BASH + f"wget {ADDRESS}\n",
        "Makefile": f"U = {ADDRESS}\n",
        "qemu-device/qemu.lock": f"{ADDRESS} 123\n",
        "qemu-device/scripts/fetch": BASH + f"x={ADDRESS}\n",
        "tests/vm/run": PYTHON + f"x = '{ADDRESS}'\n",
    },
    "kernel-version": {
        "kernel/a.c": GPL + "#if LINUX_VERSION_CODE >= 1\n#endif\n",
        "kernel/b.h": GPL + "#include <linux/version.h>\n",
    },
    "patch-only-adds": {
        "qemu-device/patches/1.patch": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-old\n+new\n",
    },
    "top-level": {"notes.txt": "x\n", "src/a.c": MIT, "TO" + "DO.md": "x\n"},
    "shellcheck": {
        "tests/a.sh": BASH + "rm -rf $1/*\n",
        "tests/b": BASH + "cd x\n",
        "qemu-device/scripts/c": BASH + "unused=1\n",
    },
    "pyflakes": {"tests/a.py": "import os\n", "tests/b": PYTHON + "print(undefined)\n"},
    "man-pages": {"docs/man/a.1": ".TH A 1\n.SH NAME\na \\- b\n.NOSUCHMACRO\n"},
    "checkpatch-qemu": {
        "qemu-device/overlay/hw/a.c": QEMU + "int f(int a)\n{\n    if (a)\n        return 1;\n    return 0;\n}\n",
        "qemu-device/overlay/hw/b.c": QEMU + "int f(int a){\n    return a;\n}\n",
    },
    "checkpatch-kernel": {
        "kernel/a.c": GPL + "int f(int a)\n{\n\tif (a) {\n\t\treturn 1;\n\t}\n\treturn 0;\n}\n",
        "userspace/b.c": MIT + "int f(int a)\n{\n\tif(a)\n\t\treturn 1;\n\treturn 0;\n}\n",
    },
}

# Sparse and W=1 each have something that only they see.
BAD["sparse-w1"] = {
    "kernel/sparse.c": (GPL + MODULE + "int planted(void __user *p);\n"
                        "int planted(void __user *p)\n{\n\treturn *(int *)p;\n}\n"),
    "kernel/w1.c": (GPL + MODULE + "static int f(void)\n{\n\tint x;\n\n\tx = 1;\n\treturn 0;\n}\n"
                    "module_init(f);\n"),
    "kernel/prototype.c": GPL + MODULE + "int planted(void)\n{\n\treturn 0;\n}\n",
}

# What the planted files need beside them.
BESIDE = {
    "sparse-w1": {
        "kernel/Kbuild": "# SPDX-License-Identifier: GPL-2.0-only\nobj-m := ok.o sparse.o w1.o prototype.o\n",
    },
}

# These must be accepted by every check that wants them.
GOOD = {
    "kernel/ok.c": GPL + MODULE + "static int __init f(void)\n{\n\treturn 0;\n}\nmodule_init(f);\n",
    "kernel/Kbuild": "# SPDX-License-Identifier: GPL-2.0-only\nobj-m := ok.o\n",
    "kernel/compat.h": "/* SPDX-License-Identifier: GPL-2.0-only */\n#include <linux/version.h>\n",
    "userspace/lib/ok.c": MIT + "int f(int a)\n{\n\treturn a;\n}\n",
    "qemu-device/overlay/hw/ok.c": QEMU + "#include \"qemu/osdep.h\"\n\nint f(int a)\n{\n    return a;\n}\n",
    "qemu-device/patches/ok.patch": "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,1 +1,2 @@\n old\n+new\n-- \n2.39\n",
    "tests/ok.sh": BASH + "printf '%s\\n' \"$1\"\n",
    "tests/ok.py": "# SPDX-License-Identifier: MIT\nimport os\n\nprint(os.sep)\n",
    "docs/man/ok.1": ".\\\" SPDX-License-Identifier: MIT\n.TH OK 1 2026-11-01 mmapdemo\n.SH NAME\nok \\- is fine\n",
    "docs/ok.md": f"See {ADDRESS}.\n",
    "tests/string.py": "# SPDX-License-Identifier: MIT\nMAKE = \"\"\"\nall:\n\ttrue\n\"\"\"\n",
}


def write(top, files):
    for name, content in files.items():
        path = os.path.join(top, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(content)


def unnoticed(check, deep):
    """What the check should have said about planted files and did not, or should not have said."""
    if not check.planted:
        return []
    bad = BAD.get(check.name)
    if not bad:
        return ["anything: no violation is planted for it"]
    with tempfile.TemporaryDirectory() as top:
        write(top, {**GOOD, **bad, **BESIDE.get(check.name, {})})
        said = check.run(top, [name for name in tree.files(top) if check.wants(name)], deep)
    missing = [f"what is planted in {name}: {content[-60:]!r}" for name, content in bad.items()
               if not any(names(line, name) for line in said)]
    return missing + [f"that this is fine: {line}" for line in said if any(names(line, name) for name in GOOD)]


def names(line, name):
    """Is the complaint about this file? Programs that run in a directory of their own leave its name away."""
    return line.startswith((name + ":", name.removeprefix("qemu-device/overlay/") + ":"))
