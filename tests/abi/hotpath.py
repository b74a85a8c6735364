# SPDX-License-Identifier: MIT
"""The inline part of queue.h as it comes out of the compiler: how many instructions a submit takes, and that
the full barriers are there, which no test on a machine at rest would miss.

Usage: hotpath.py SOURCE_ROOT CC
"""
import os
import re
import subprocess
import sys
import tempfile

from tap import Tap

root, cc = sys.argv[1], sys.argv[2].split()
tap = Tap()

# A submit may take this many instructions, doorbell included (row I1 of the benchmark). The loop around it is not its.
BUDGET = 30
LOOP = 2

SOURCE = """
#include <mmapdemo/queue.h>
int push(struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqe, unsigned int n);
int push(struct mmd_queue *q, const struct mmapdemo_hw_sqe *sqe, unsigned int n)
{
	while (n--) {
		if (mmd_queue_push(q, sqe))
			return 1;
		mmd_queue_kick(q);
	}
	return 0;
}
int fill(struct mmd_queue *q, uint32_t dst, uint32_t src, uint64_t off, unsigned int n);
int fill(struct mmd_queue *q, uint32_t dst, uint32_t src, uint64_t off, unsigned int n)
{
	while (n--) {
		struct mmapdemo_hw_sqe *sqe = mmd_queue_slot(q);

		if (!sqe)
			return 1;
		mmd_sqe_copy(sqe, mmd_at(dst, off), mmd_at(src, off), 64, n);
		mmd_queue_advance(q);
		mmd_queue_kick(q);
	}
	return 0;
}
int kick(struct mmd_queue *q);
int kick(struct mmd_queue *q)
{
	return mmd_queue_kick(q);
}
int arm(struct mmd_queue *q, uint32_t index);
int arm(struct mmd_queue *q, uint32_t index)
{
	return mmd_queue_arm(q, index);
}
int poll(struct mmd_queue *q, struct mmd_completion *c);
int poll(struct mmd_queue *q, struct mmd_completion *c)
{
	return mmd_queue_poll(q, c);
}
"""


def functions(text):
    """{name: [(address, instruction)]} of an object compiled from @text."""
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "hot.c")
        with open(path, "w") as f:
            f.write(text)
        subprocess.run([*cc, "-std=gnu11", "-O2", "-c", f"-I{root}/userspace/include",
                        f"-I{root}/kernel/include/uapi", path, "-o", path + ".o"], check=True, timeout=60)
        out = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path + ".o"], check=True, text=True,
                             stdout=subprocess.PIPE, timeout=60).stdout
    found, current = {}, None
    for line in out.splitlines():
        if m := re.match(r"^[0-9a-f]+ <(\w+)>:", line):
            current = found.setdefault(m.group(1), [])
        elif m := re.match(r"^\s+([0-9a-f]+):\s+(\S.*)", line):
            current.append((int(m.group(1), 16), m.group(2)))
    return found


def submit_count(code):
    """Instructions from the target of the longest backward jump to that jump, without the loop's own."""
    loops = [(int(m.group(1), 16), at) for at, words in code
             if (m := re.match(r"j\w+\s+([0-9a-f]+)\b", words)) and int(m.group(1), 16) < at]
    spans = [sum(1 for at, _ in code if first <= at <= last) for first, last in loops]
    return max(spans, default=0) - LOOP


def has_full_barrier(code):
    return any(re.match(r"mfence|lock |xchg\s.*\(", words) for _, words in code)


def report(code):
    return "\n".join(words for _, words in code)


machine = subprocess.run([*cc, "-dumpmachine"], check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout
if not machine.startswith("x86_64"):
    print(f"1..0 # SKIP instructions are counted on x86_64, this is {machine.strip()}")
    sys.exit(0)

code = functions(SOURCE)
version = subprocess.run([*cc, "--version"], check=True, text=True, stdout=subprocess.PIPE, timeout=60).stdout
for name in ("push", "fill"):
    count = submit_count(code[name])
    print(f"# {name} and kick: {count} instructions, by {version.splitlines()[0]}")
    # The figure is gcc's; another compiler's is shown and judged by nobody.
    tap.check(f"submit_by_{name}_is_within_{BUDGET}", 15 < count <= BUDGET or "Free Software Foundation" not in version, f"{count}\n{report(code[name])}")
for name in ("kick", "arm"):
    tap.check(f"{name}_has_a_full_barrier", has_full_barrier(code[name]), report(code[name]))
# Polling takes none, and no call leaves the header.
tap.check("poll_has_no_barrier", not has_full_barrier(code["poll"]), report(code["poll"]))
tap.empty("nothing_is_called", [name for name, lines in code.items() if any(w.startswith("call") for _, w in lines)])

# The checks can fail: a store is no barrier, and a submit that zeroes its descriptor first is longer.
spoilt = functions(SOURCE.replace("mmd_queue_arm(q, index)",
                                  "(*(volatile uint32_t *)(q->ring + 64) = index, mmd_queue_done(q, index))")
                   .replace("if (!sqe)", "for (int i = 0; i < 24; i++) ((volatile char *)sqe)[i] = 0; if (!sqe)"))
tap.check("missing_barrier_is_found", not has_full_barrier(spoilt["arm"]), report(spoilt["arm"]))
tap.check("longer_submit_is_found", submit_count(spoilt["fill"]) > BUDGET, report(spoilt["fill"]))
tap.finish()
