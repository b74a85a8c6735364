# SPDX-License-Identifier: MIT
"""Kernel messages: each kind must be seen, and a healthy boot must not be taken for a sick one."""

import unittest

from vmlib.klog import bad_reports

BAD = {
    "BUG": [
        "[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
        "[    3.1] kernel BUG at mm/memory.c:2413!",
        "[    3.1] BUG: unable to handle page fault for address: ffffc90000a3d000",
        "[    3.1] BUG kmalloc-64 (Tainted: G           O      ): Object already free",
    ],
    "WARNING": [
        "[    3.1] WARNING: CPU: 1 PID: 77 at drivers/pci/msi/msi.c:121 pci_disable_msi+0x12/0x20",
    ],
    "KASAN": ["[    3.1] BUG: KASAN: slab-use-after-free in mmapdemo_mmap+0x1/0x2"],
    "KMSAN": ["[    3.1] KMSAN: uninit-value in a+0x1/0x2"],
    "suspicious RCU": ["[    3.1] WARNING: suspicious RCU usage"],
    "hard lockup": ["[    3.1] Watchdog detected hard LOCKUP on cpu 0"],
    "slab corruption": ["[    3.1] Redzone overwritten", "[    3.1] Object padding overwritten"],
    "stack overflow": ["[    3.1] stack guard page was hit at 0 (stack is 1..2)"],
    "segfault of ours": ["[    3.1] mmapdemo[71]: segfault at 0 ip 0 sp 0 error 4 in mmapdemo[0+1]"],
    "KCSAN": ["[    3.1] KCSAN: data-race in a / b"],
    "KFENCE": ["[    3.1] KFENCE: use-after-free read in f+0x1/0x2"],
    "UBSAN": ["[    3.1] UBSAN: array-index-out-of-bounds in drivers/x.c:3:4"],
    "Oops": ["[    3.1] Oops: 0000 [#1] PREEMPT SMP NOPTI",
             "[    3.1] Oops: general protection fault, probably for non-canonical address 0x6b6b: 0000 [#1]"],
    "panic": ["[    3.1] Kernel panic - not syncing: Fatal exception"],
    "Bad page map": ["[    3.1] Bad page map in process test  pte:8000000012345067 pmd:0000"],
    "Bad rss-counter": ["[    3.1] Bad rss-counter state mm:00000000f00 type:MM_FILEPAGES val:1"],
    "refcount_t": ["[    3.1] refcount_t: underflow; use-after-free."],
    "DMA-API": ["[    3.1] DMA-API: mmapdemo 0000:01:00.0: device driver frees DMA memory with wrong function"],
    "DMAR fault": ["[    3.1] DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr 0x1000 [fault reason 0x05]",
                   "[    3.1] DMAR: DRHD: handling fault status reg 2"],
    "ODEBUG": ["[    3.1] ODEBUG: free active (active state 0) object: 00 object type: timer_list"],
    "lockdep": ["[    3.1] possible recursive locking detected", "[    3.1] inconsistent lock state",
                "[    3.1] bad unlock balance detected!"],
    "hung task": ["[  242.1] INFO: task cat:71 blocked for more than 120 seconds."],
    "soft lockup": ["[   48.1] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [test:71]"],
    "usercopy": ["[    3.1] usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-1k'!"],
    "RCU stall": ["[   48.1] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
                  "[   48.1] rcu: INFO: rcu_preempt self-detected stall on CPU"],
    "x86/PAT": ["[    3.1] x86/PAT: test:71 map pfn RAM range req write-combining for [mem 0x1000-0x1fff], got write-back",
                "[    3.1] x86/PAT: test:71 freeing invalid memtype [mem 0xfe000000-0xfe000fff]"],
    "unreferenced object": ["[    3.1] unreferenced object 0xffff888003a3d000 (size 64):",
                            "[    3.1] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)"],
    "list corruption": ["[    3.1] list_del corruption. prev->next should be ffff, but was ffff"],
    "sleeping function": ["[    3.1] scheduling while atomic: test/71/0x00000002"],
    "Bad page state": ["[    3.1] page dumped because: Bad page state in process test"],
}

HEALTHY = """\
[    0.000000] Command line: console=ttyS0 panic=-1 oops=panic tsc=reliable hung_task_panic=1
[    0.000000] BIOS-provided physical RAM map:
[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
[    0.000000] x86/PAT: Configuration [0-7]: WB  WC  UC- UC  WB  WP  UC- WT
[    0.020000] rcu: Preemptible hierarchical RCU implementation.
[    0.030000] rcu: \tRCU restricting CPUs from NR_CPUS=512 to nr_cpu_ids=2.
[    0.040000] kfence: initialized - using 2097152 bytes for 255 objects at 0x1-0x2
[    0.050000] DMAR: Host address width 39
[    0.050000] DMAR: DRHD base: 0x000000fed90000 flags: 0x0
[    0.050000] DMAR: IOMMU enabled
[    0.060000] mtrr: your CPUs had inconsistent fixed MTRR settings
[    0.070000] DMA-API: preallocated 65536 debug entries
[    0.070000] DMA-API: debugging enabled by kernel config
[    0.080000] ODEBUG: selftest passed
[    0.090000] Spectre V2 : WARN: something about mitigations
[    0.100000] mmapdemo: loading out-of-tree module taints kernel.
[    0.100000] mmapdemo 0000:01:00.0: debugfs ready
[    0.110000] software IO TLB: mapped [mem 0x7b000000-0x7f000000] (64MB)
[    0.120000] random: crng init done
"""


class BadReports(unittest.TestCase):
    def test_every_kind_is_seen(self):
        for kind, lines in BAD.items():
            for line in lines:
                with self.subTest(line=line):
                    found = bad_reports(f"[    1.0] before\n{line}\n[    9.9] after\n")
                    self.assertEqual(len(found), 1, line)
                    self.assertEqual(found[0][1][0], line)
                    self.assertEqual(found[0][0], kind)

    def test_healthy_boot_has_none(self):
        self.assertEqual(bad_reports(HEALTHY), [])

    def test_raw_levels_do_not_hide_it(self):
        self.assertEqual(len(bad_reports("<4>[    3.1] WARNING: CPU: 1 PID: 77 at x.c:1 f+0x1/0x2\n")), 1)

    def test_lines_after_are_shown(self):
        text = "[    3.1] BUG: one\n" + "".join(f"[    3.2] trace {i}\n" for i in range(30))
        kind, lines = bad_reports(text)[0]
        self.assertEqual(kind, "BUG")
        self.assertGreater(len(lines), 5)


if __name__ == "__main__":
    unittest.main()
