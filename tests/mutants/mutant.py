# SPDX-License-Identifier: MIT
"""What a mutant is: one mistake, and the test that has to notice it."""


# Guests: nothing particular; behind an IOMMU in strict mode; all DMA through bounce buffers; on the kernel that notices
# bugs, which is long in building where it is not in the cache: such mutants are in no sample.
PLAIN, IOMMU, SWIOTLB, DEBUG = "", "IOMMU", "swiotlb", "debug"


class Test:
    """One test.  program: a file of tests/unit for "unit"; "" for the others.  name: as TAP has it; of a qtest what follows
    /x86_64/mmapdemo/.  machine: of a guest test, the guest that it needs."""

    def __init__(self, level, program, name, machine=PLAIN):
        self.level = level
        self.program = program
        self.name = name
        self.machine = machine

    def __str__(self):
        return f"{self.level} {self.name}" + (f" ({self.machine})" if self.machine else "")

    def _key(self):
        return self.level, self.program, self.name, self.machine

    def __eq__(self, other):
        return self._key() == other._key()

    def __hash__(self):
        return hash(self._key())


def unit(program, name):
    return Test("unit", program, name)


def qtest(name):
    return Test("qtest", "", name)


def guest(name, machine=PLAIN):
    return Test("guest", "", name, machine)


class Mutant:
    """In file (from the top of the tree) the text `old`, which is there exactly once, becomes `new`."""

    def __init__(self, name, file, old, new, test, mistake=""):
        self.name = name
        self.file = file
        self.old = old
        self.new = new
        self.test = test
        self.mistake = mistake      # seen in a public driver or device

    @property
    def kind(self):
        if self.file.startswith("kernel/"):
            return "driver"
        return "device" if self.file.startswith("qemu-device/") else "library"
