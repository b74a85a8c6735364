# SPDX-License-Identifier: MIT
"""That a detector is configured does not say that it detects: each is shown a planted bug, and klog.py must know its report.

The bugs are those of tests/planted and of the kernel's own LKDTM.  A bug may kill the process that commits it; each is
committed by a process of its own.
"""

import hashlib
import os
import re
import shlex
import subprocess

from . import guest, klog, paths, tap

PLANTED = os.path.join(paths.TOP, "tests", "planted")
# Marks a part of the kernel log as one bug's.
MARK = re.compile(r"planted: mark (\S+)")


class Bug:
    """name: of the test.  plant: what is written to /dev/planted, or "lkdtm:TYPE".  kinds: of klog.py, one of which must
    be there; none: nothing may be."""

    def __init__(self, plant, *kinds, name=None, after=""):
        self.plant = plant
        self.kinds = kinds
        self.name = name or plant.lower().replace(":", "_")
        self.after = after         # shell, run before the next bug


# What stops when something else was found comes first: RCU and lockdep, which go on after no report of memory.  hung_task
# and soft_lockup need the times that the script sets.  LEAK is looked for by name, see below.
LEAK = "echo scan >/sys/kernel/debug/kmemleak; sleep 6; echo scan >/sys/kernel/debug/kmemleak"
ONE_SECOND = "sleep 1.2"
DEBUG_BUGS = (
    Bug("mark", name="nothing_is_reported_for_nothing"),
    Bug("rcu_pointer_outside", "suspicious RCU"),
    Bug("locks_in_both_orders", "lockdep"),
    Bug("sleep_under_spinlock", "sleeping function", after=ONE_SECOND),
    Bug("allocation_may_sleep_in_atomic", "sleeping function", after=ONE_SECOND),
    Bug("schedule_in_atomic", "sleeping function"),
    Bug("preemptible_processor_id", "BUG"),
    Bug("warning", "WARNING"),
    Bug("lkdtm:WARNING", "WARNING"),
    Bug("array_index_out_of_bounds", "UBSAN"),
    Bug("lkdtm:ARRAY_BOUNDS", "UBSAN"),
    Bug("shift_out_of_bounds", "UBSAN"),
    Bug("invalid_bool", "UBSAN"),
    Bug("refcount_from_zero", "refcount_t"),
    Bug("refcount_below_zero", "refcount_t"),
    Bug("lkdtm:REFCOUNT_INC_OVERFLOW", "refcount_t"),
    Bug("lkdtm:REFCOUNT_DEC_ZERO", "refcount_t"),
    Bug("list_deleted_twice", "list corruption"),
    Bug("list_added_twice", "list corruption"),
    Bug("lkdtm:CORRUPT_LIST_ADD", "list corruption"),
    Bug("active_timer_freed", "ODEBUG"),
    Bug("queued_work_freed", "ODEBUG"),
    Bug("timer_not_initialised", "ODEBUG"),
    Bug("dma_unmapped_with_other_size", "DMA-API"),
    Bug("dma_unmapped_with_other_direction", "DMA-API"),
    Bug("dma_unmapped_twice", "DMA-API"),
    Bug("dma_sync_past_the_end", "DMA-API"),
    Bug("dma_error_not_checked", "DMA-API"),
    Bug("device_reads_what_is_not_mapped", "DMAR fault"),
    Bug("ram_mapped_write_combining", "x86/PAT"),
    Bug("leak", "unreferenced object", after=LEAK),
    Bug("hung_task", "hung task"),
    Bug("soft_lockup", "soft lockup"),
    Bug("slab_read_out_of_bounds", "KASAN"),
    Bug("slab_write_after_free", "KASAN"),
    Bug("slab_double_free", "KASAN"),
    Bug("vmalloc_out_of_bounds", "KASAN"),
    Bug("page_use_after_free", "KASAN"),
    Bug("stack_out_of_bounds", "KASAN"),
    Bug("lkdtm:SLAB_LINEAR_OVERFLOW", "KASAN"),
    Bug("lkdtm:WRITE_AFTER_FREE", "KASAN"),
    Bug("lkdtm:WRITE_BUDDY_AFTER_FREE", "KASAN"),
    Bug("lkdtm:USERCOPY_SLAB_SIZE_TO", "usercopy", "KASAN"),
    Bug("address_of_vmalloc_taken_for_direct", "BUG", "WARNING"),
    # From here on the state of memory is not to be trusted.
    Bug("page_freed_with_count", "Bad page state"),
    Bug("reference_to_free_page", "BUG", "WARNING"),
    Bug("anonymous_page_mapped_again", "BUG"),
    Bug("page_freed_while_mapped", "BUG"),
)
# A boot has one report of lockdep.
LOCKDEP_BUGS = tuple(Bug(name, "lockdep") for name in ("lock_shared_with_interrupt", "held_lock_freed",
                                                         "lock_kept_on_return"))
KCSAN_BUGS = (Bug("mark", name="nothing_is_reported_for_nothing"), Bug("racing_counter", "KCSAN"))

SETUP = """
echo 0 >/proc/sys/kernel/panic_on_oops
echo 0 >/proc/sys/kernel/panic_on_warn 2>/dev/null
echo 2 >/proc/sys/kernel/hung_task_timeout_secs 2>/dev/null
echo 2 >/proc/sys/kernel/watchdog_thresh 2>/dev/null
echo 1 >/sys/kernel/debug/dma-api/all_errors 2>/dev/null
insmod /lib/modules/mmapdemo-planted.ko || exit 3
mark() { echo "mark $1" >/dev/planted; }
"""


def script(bugs):
    """Shell for the guest: each bug, with a mark before it."""
    lines = [SETUP]
    for bug in bugs:
        lines.append(f"mark {bug.name}")
        if bug.plant.startswith("lkdtm:"):
            lines.append(f"(echo {bug.plant[6:]} >/sys/kernel/debug/provoke-crash/DIRECT) 2>/dev/null")
        elif bug.plant != "mark":
            lines.append(f"(echo {shlex.quote(bug.plant)} 1<>/dev/planted) || echo '{bug.plant}: ended with' $?")
        lines.append(bug.after)
    return "\n".join([*lines, "mark end", "exit 0"])


def build_module(kernel, log):
    """The path of the module of bugs, for that kernel."""
    sources = sorted(os.listdir(PLANTED))
    digest = hashlib.sha256(kernel.encode())
    for name in sources:
        with open(os.path.join(PLANTED, name), "rb") as stream:
            digest.update(name.encode() + stream.read())
    work = os.path.join(paths.BUILD, "planted", digest.hexdigest()[:16])
    module = os.path.join(work, "mmapdemo-planted.ko")
    if not os.path.exists(module):
        os.makedirs(work, exist_ok=True)
        for name in sources:
            with open(os.path.join(PLANTED, name), "rb") as source, open(os.path.join(work, name), "wb") as target:
                target.write(source.read())
        done = subprocess.run(["make", "-C", os.path.join(kernel, "kdir"), f"M={work}", "modules"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        log.write(done.stdout)
        if done.returncode:
            raise OSError(f"the module of planted bugs did not build: see {work}")
    return module


def parts_of(text):
    """{mark: the lines after it} of a kernel log."""
    found, name = {}, None
    for line in text.splitlines():
        mark = MARK.search(line)
        if mark:
            name = mark.group(1)
            found[name] = []
        elif name:
            found[name].append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def judge(bugs, directory, what):
    """A count with one test for each bug, from the log that a guest left."""
    count = tap.Count()
    parts = parts_of("\n".join(guest.tail(os.path.join(directory, "results", "kernel.log"), 1 << 30)
                               or guest.tail(os.path.join(directory, "console.log"), 1 << 30)))
    for bug in bugs:
        if bug.name not in parts:
            count.fail(f"{what}: {bug.name}: the guest did not get there")
            continue
        kinds = [kind for kind, _ in klog.bad_reports(parts[bug.name])]
        if bug.kinds and not set(kinds) & set(bug.kinds):
            count.fail(f"{what}: {bug.name}: wanted a report of kind {' or '.join(bug.kinds)}, found {kinds or 'none'}")
        elif not bug.kinds and kinds:
            count.fail(f"{what}: {bug.name}: {kinds}")
        else:
            count.passed += 1
    return count
