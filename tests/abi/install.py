# SPDX-License-Identifier: MIT
"""What `meson install` puts down is enough to build and run a program that knows nothing of this tree.

Usage: install.py SOURCE_ROOT BUILD_DIR CC MESON...
"""
import filecmp
import os
import sys
import tempfile

from tap import Tap

root, build, cc, meson = sys.argv[1], sys.argv[2], sys.argv[3].split(), sys.argv[4:]
tap = Tap()

PROGRAM = """
#include <stdio.h>
#include <mmapdemo/queue.h>

int main(void)
{
	struct mmd_device *dev;
	char text[512];
	size_t count;
	int ret = mmd_open("/nonexistent", 0, &dev);

	mmd_reg_table(&count);
	mmd_explain_str(MMD_CALL_OPEN, ret, "/nonexistent", text, sizeof(text));
	printf("%d %zu %s\\n", ret, count, text);
	return 0;
}
"""

with tempfile.TemporaryDirectory() as d:
    dest = os.path.join(d, "dest")
    tap.command("meson_install", [*meson, "install", "-C", build, "--no-rebuild", "--destdir", dest])
    files = [os.path.join(p, f) for p, _, names in os.walk(dest) for f in names]

    def one(suffix):
        found = [f for f in files if f.endswith(suffix)]
        tap.check(f"installed_{suffix.strip('/').replace('/', '_')}", len(found) == 1,
                  f"{found}\nof\n" + "\n".join(files))
        return found[0] if found else ""

    pc = one("/libmmapdemo.pc")
    tool = one("/bin/mmapdemo")
    static = one("/libmmapdemo.a")
    one("/libmmapdemo.so.0.3.0")
    for page in ("man1/mmapdemo.1", "man3/libmmapdemo.3", "man4/mmapdemo.4"):
        one(f"/{page}")
    for header, origin in (("linux/mmapdemo.h", "kernel/include/uapi/linux/mmapdemo.h"),
                           ("linux/mmapdemo_hw.h", "kernel/include/uapi/linux/mmapdemo_hw.h"),
                           ("mmapdemo/backend.h", "userspace/include/mmapdemo/backend.h"),
                           ("mmapdemo/mmapdemo.h", "userspace/include/mmapdemo/mmapdemo.h"),
                           ("mmapdemo/mmio.h", "userspace/include/mmapdemo/mmio.h"),
                           ("mmapdemo/queue.h", "userspace/include/mmapdemo/queue.h"),
                           ("mmapdemo/uring.h", "userspace/include/mmapdemo/uring.h")):
        path = one(f"/include/{header}")
        tap.check(f"header_is_the_same_{os.path.basename(header)}",
                  path and filecmp.cmp(path, f"{root}/{origin}", shallow=False))

    # Absolute paths in the .pc file are those of the prefix; the sysroot puts dest before them.
    env = {**os.environ, "PKG_CONFIG_LIBDIR": os.path.dirname(pc), "PKG_CONFIG_SYSROOT_DIR": dest,
           "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}
    flags = tap.command("pkg_config", ["pkg-config", "--cflags", "--libs", "libmmapdemo"], env=env).split()
    tap.check("pkg_config_version",
              tap.command("pkg_config_modversion", ["pkg-config", "--modversion", "libmmapdemo"],
                          env=env).strip() == "0.3.0")

    source = os.path.join(d, "program.c")
    with open(source, "w") as f:
        f.write(PROGRAM)
    # In a directory of its own, so that nothing of this tree is found by chance.
    for name, extra, run_env in (
            ("shared", flags, {**os.environ, "LD_LIBRARY_PATH": os.path.dirname(static)}),
            ("static", [f for f in flags if not f.startswith("-l")] + [static], os.environ)):
        binary = os.path.join(d, name)
        tap.command(f"build_{name}", [*cc, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", binary, *extra],
                    cwd=d)
        out = tap.command(f"run_{name}", [binary], env=run_env) if os.path.exists(binary) else ""
        tap.check(f"output_{name}", out.startswith("-2 ") and "lsmod" in out, out)

    out = tap.command("installed_tool_runs", [tool, "--version"], cwd=d)
    tap.check("installed_tool_version", out == "mmapdemo 0.3.0\n", out)
tap.finish()
