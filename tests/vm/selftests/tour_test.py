# SPDX-License-Identifier: MIT
"""The tour finds one transfer's lines among others', and leaves the page's prose alone."""

import unittest

from vmlib.tour import TourError, blocks, fill

OUTPUT = """seq=7 to_device len=4096 submitted at 5.0 s (CLOCK_MONOTONIC), collected 9 ns later, data right
seq=8 from_device len=4096 submitted at 6.0 s (CLOCK_MONOTONIC), collected 9 ns later, data right
# tracer: nop
        mmapdemo-167     [001] ...1.     4.1: sys_ioctl(fd: 3, cmd: d700, arg: 1)
        mmapdemo-167     [001] ...1.     4.2: sys_ioctl -> 0x0
        mmapdemo-167     [001] ...1.     4.3: sys_ioctl(fd: 3, cmd: d702, arg: 1)
        mmapdemo-167     [001] ...1.     4.4: sys_ioctl -> 0x0
        mmapdemo-167     [001] .....     4.5: mmapdemo_map: dev=0 handle=5
        mmapdemo-167     [001] ...1.     5.0: sys_ioctl(fd: 3, cmd: d709, arg: 1)
        mmapdemo-167     [001] d..1.     5.1: mmapdemo_dma_submit: dev=0 seq=7 to_device
        mmapdemo-167     [001] d..1.     5.2: mmapdemo_dma_start: dev=0 seq=7 pieces=1
           other-168     [000] d.h1.     5.2: irq_handler_entry: irq=40 name=other
        mmapdemo-167     [001] d.h1.     5.3: irq_handler_entry: irq=33 name=mmapdemo0-dma
        mmapdemo-167     [001] d.h2.     5.4: mmapdemo_dma_complete: dev=0 seq=7 error=0
        mmapdemo-167     [001] ...1.     5.5: sys_ioctl -> 0x0
        mmapdemo-167     [001] ...1.     5.6: sys_ioctl(fd: 3, cmd: d70a, arg: 1)
        mmapdemo-167     [001] ...1.     5.7: sys_ioctl -> 0x0
        mmapdemo-167     [001] d..1.     6.1: mmapdemo_dma_submit: dev=0 seq=8 from_device
 33:          0          2  PCI-MSIX-0000:01:00.0   0-edge      mmapdemo0-dma
"""
LOG = """mmapdemo_register_write mmd0 offset 0x00110 width 8 DMA_ADDR = 0x1
mmapdemo_register_write mmd0 offset 0x00138 width 4 DMA_CMD = 0x5
mmapdemo_dma_start mmd0 seq 7 cmd 0x5
mmapdemo_dma_slice mmd0 seq 7 done 0
mmapdemo_dma_finish mmd0 seq 7 error 0
mmapdemo_irq_send mmd0 vector 0
mmapdemo_register_read mmd0 offset 0x00140 width 8 DMA_DONE_SEQ = 0x7
mmapdemo_register_read mmd0 offset 0x0013c width 4 DMA_STATUS = 0x2
"""
NAMES = ("program", "allocs", "submit", "writes", "copy", "interrupt", "reads", "back", "counts")
PAGE = "Prose.\n" + "".join(f"\n<!-- tour: {name} -->\n```\nold {name}\n```\nAfter {name}.\n" for name in NAMES) + "\n```\nby hand\n```\n"


class Tour(unittest.TestCase):
    def test_lines_of_the_transfer_and_no_others(self):
        found = blocks(OUTPUT, LOG)
        self.assertEqual(set(found), set(NAMES))
        self.assertEqual(found["interrupt"][0], "mmapdemo-167 [001] d.h1.  5.3: irq_handler_entry: irq=33 name=mmapdemo0-dma")
        self.assertEqual([line.partition(":")[0].split()[-1] for line in found["allocs"]], ["4.3", "4.4", "4.5"])
        self.assertEqual([line.partition(":")[0].split()[-1] for line in found["back"]], ["5.5", "5.6", "5.7"])
        self.assertEqual(len(found["writes"]), 2)
        self.assertEqual(len(found["copy"]), 4)

    def test_page_keeps_its_prose(self):
        page = fill(PAGE, blocks(OUTPUT, LOG))
        self.assertNotIn("old", page)
        self.assertIn("After counts.", page)
        self.assertIn("```\nby hand\n```", page)
        self.assertEqual(fill(page, blocks(OUTPUT, LOG)), page)

    def test_every_missing_line_is_an_error(self):
        for line in OUTPUT.splitlines()[:1] + OUTPUT.splitlines()[8:11] + OUTPUT.splitlines()[13:16] + OUTPUT.splitlines()[-1:]:
            with self.subTest(line=line), self.assertRaises(TourError):
                blocks(OUTPUT.replace(line + "\n", "", 1), LOG)
        for line in (LOG.splitlines()[at] for at in (0, 2, 4, 5, 6, 7)):
            with self.subTest(line=line), self.assertRaises(TourError):
                blocks(OUTPUT, LOG.replace(line + "\n", "", 1))

    def test_page_without_a_block_or_with_a_strange_one_is_an_error(self):
        found = blocks(OUTPUT, LOG)
        for page in (PAGE.replace("tour: copy", "copy"), PAGE.replace("tour: copy", "tour: strange"), PAGE + PAGE):
            with self.assertRaises(TourError):
                fill(page, found)
