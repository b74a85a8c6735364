# SPDX-License-Identifier: MIT
"""The command line of mmapdemo on a machine without a device: exit codes, messages, output.

Usage: tool_cli.py PROGRAM. Prints TAP. What needs a device is tested in the guest.
"""
import json
import os
import subprocess
import sys

from tap import Tap

tool = sys.argv[1]
tap = Tap()
check = tap.check


def run(*args, **kwargs):
    kwargs.setdefault("stdout", subprocess.PIPE)
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([tool, *args], stderr=subprocess.PIPE, timeout=20, text=True, **kwargs)


COMMANDS = ["info", "regs", "peek", "poke", "map", "copy", "queue", "watch", "selftest"]
# Arguments that are right, so that only the device is missing.
GOOD = {
    "info": [], "regs": ["CNT_*", "id"], "peek": ["SCRATCH32"], "poke": ["SCRATCH32", "0x1"],
    "map": ["--technique=bar-fault", "--fault-around"], "copy": ["--via=uring", "--depth=1024", "--len=4K", "-t",
    "userptr", "--device-technique=bar-huge"], "queue": ["--all"], "watch": ["--interval=10ms", "-c", "3"], "selftest": [],
}
USAGE = [
    [], ["bogus"], ["--bogus"], ["--device"], ["--device=/dev/x"],
    ["info", "extra"], ["info", "--backend=usb"], ["backends", "extra"], ["backends", "--try", "--markdown"], ["info", "--bogus"], ["regs", "NO_SUCH"], ["regs", "--via=mmap"],
    ["regs", "--queue=64"], ["regs", "--queue=-1"], ["regs", "--window=65536"], ["regs", "--queue=0", "--window=0"],
    ["regs", "--queue=0", "ID"], ["regs", "--window=0", "PD"], ["queue", "0"], ["queue", "--bogus"],
    ["peek"], ["peek", "NO_SUCH"], ["peek", "0x220000"], ["peek", "Q64.STATE"], ["peek", "W0.STATE"],
    ["peek", "--via=mmap", "W0.CFG"], ["peek", "--via=pread", "0x20000"], ["peek", "mem+99999999999999999999"],
    ["peek", "--width=3", "ID"], ["peek", "--count=0", "ID"], ["peek", "--count=-1", "ID"],
    ["peek", "--via=telepathy", "ID"], ["peek", "ID", "VERSION"], ["peek", "0x10009"],
    ["peek", "--via=ioctl", "mem"], ["peek", "--verify", "ID"],
    ["poke"], ["poke", "SCRATCH32"], ["poke", "SCRATCH32", "zero"], ["poke", "SCRATCH32", "-1"],
    ["poke", "SCRATCH32", "0x100000000"], ["poke", "SCRATCH32", "0x1ffffffffffffffff"],
    ["poke", "SCRATCH32", "1", "2"],
    ["map"], ["map", "nothing"], ["map", "bar", "pages"], ["map", "bar", "--len=0"],
    ["map", "bar", "--len=-1"], ["map", "bar", "--len=1.5M"],
    ["map", "bar", "--len=18446744073709551616"], ["map", "bar", "--len="],
    ["map", "bar", "--cache=hot"], ["map", "user-page", "--cache=wc"], ["map", "bar", "--fill=256"],
    ["map", "bar", "--fill=1", "--read-only"], ["map", "user-page", "--fill=1"],
    ["map", "--technique=nothing"], ["map", "--technique=bar", "pages"], ["map", "--technique=example"],
    ["map", "userptr", "--cache=wb"], ["map", "userptr", "--read-only"], ["map", "bar", "--fault-around"],
    ["map", "example", "--fault-around"], ["peek", "userptr"], ["poke", "userptr", "1"],
    ["copy", "--technique=bar-huge"], ["copy", "--device-technique=pages"], ["copy", "--device-technique=all"],
    ["map", "ctrl", "--verify=1"], ["map", "bar", "--hold=soon"],
    ["copy", "--len=0"], ["copy", "--len=-4K"], ["copy", "--len=99999999T"], ["copy", "--via=fax"],
    ["copy", "--depth=0"], ["copy", "--depth=1025"], ["copy", "--technique=bar"], ["copy", "--mode=prayer"], ["copy", "--repeat=-1"],
    ["copy", "--timeout=never"], ["copy", "a", "b"], ["copy", "--len=1", "a"],
    ["selftest", "all"],
    ["watch", "now"], ["watch", "--interval=9ms"], ["watch", "--interval=61m"], ["watch", "-n", "soon"],
    ["watch", "--count=0"], ["watch", "--count=-1"], ["watch", "--count=x"],
]
MISSING = "/nonexistent/mmapdemo0"


def one_sentence(stderr):
    """A message is one line that names the program first; argp adds where to look."""
    message = stderr.split("\nTry `")[0].rstrip("\n")
    return "\n" not in message and "mmapdemo" in message and "%" not in message


for args in USAGE:
    for extra in [], ["--json"]:
        r = run(*args, *extra)
        check(f"usage_{'_'.join(args) or 'empty'}{'_json' if extra else ''}_exits_2",
              r.returncode == 2 and r.stdout == "" and one_sentence(r.stderr), r)

for command in COMMANDS:
    r = run(command, "--device", MISSING, *GOOD[command])
    check(f"{command}_without_device_exits_3",
          r.returncode == 3 and r.stdout == "" and one_sentence(r.stderr) and
          f"{MISSING}: cannot open: No such file or directory. Is the driver loaded" in r.stderr, r)

    # Global options stand before the command too.
    r = run("--json", f"--device={MISSING}", command, *GOOD[command])
    try:
        o = json.loads(r.stdout)
        good = (o["command"] == command and o["ok"] is False and o["status"] == 3 and
                o["error"]["object"] == MISSING and o["error"]["errno_name"] == "ENOENT" and
                all(o["error"][k] for k in ("action", "cause", "remedy")))
    except (ValueError, KeyError):
        good = False
    check(f"{command}_json_without_device_is_whole", good and r.returncode == 3, r)

    for path, words in (("/dev/null", "not an mmapdemo device node"),
                        ("/etc/passwd", "not an mmapdemo device node"),
                        ("/dev", "not an mmapdemo device node")):
        r = run(command, "-d", path, *GOOD[command])
        check(f"{command}_on_{path}_exits_3", r.returncode == 3 and words in r.stderr, r)

    r = run(command, "--help")
    check(f"{command}_help_exits_0",
          r.returncode == 0 and r.stderr == "" and "--json" in r.stdout and "--device" in r.stdout, r)

r = run("--help")
check("help_lists_every_command",
      r.returncode == 0 and all(f"\n  {c} " in r.stdout for c in COMMANDS) and
      "Exit status: 0" in r.stdout, r)
r = run("--version")
check("version", r.returncode == 0 and r.stdout.startswith("mmapdemo 0."), r)

# Output that cannot be written is a failure, not success, and never a death by signal.
with open("/dev/full", "w") as full:
    r = run("info", "--json", "-d", MISSING, stdout=full)
check("output_disk_full_exits_1",
      r.returncode == 1 and "standard output: cannot write: No space left" in r.stderr, r)
read_end, write_end = os.pipe()
os.close(read_end)
r = run("info", "--json", "-d", MISSING, stdout=write_end)
os.close(write_end)
check("output_closed_pipe_exits_1",
      r.returncode == 1 and "standard output: cannot write: Broken pipe" in r.stderr, r)

tap.finish()
