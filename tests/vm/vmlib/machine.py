# SPDX-License-Identifier: MIT
"""The QEMU command line of a guest: the machine, the device under test, the peers it is compared with, the ports."""

import os

from . import paths, tsc

# With these two a string copy runs byte by byte under emulation, and read() looks five times slower than it is.
TCG_CPU = "max,-erms,-fsrm"
DISK_BYTES = 64 << 20
KERNEL_ARGS = ("console=ttyS0", "loglevel=5", "panic=-1", "oops=panic", "tsc=reliable", "no_timer_check",
               "init_on_alloc=0", "log_buf_len=4M")

# Small: BAR2 has room for the largest copies and their guards.  Two queues: one case works on two at a time.
_BESIDE = "mem-size=8M,queues=2,windows=64"
# The engines that move a queue's bytes, each a device of its own so that one boot can take them in turn; again with
# the clock reads that count how long the big lock is held; and one whose worker watches its rings.  The device under
# test itself has dma=auto.
ENGINES = ("inline", "vcpu", "bh", "iothread,iothread=engine-io", "thread")
ENGINE_DEVICES = (*(f"dma={engine},{_BESIDE}" for engine in ENGINES),
                  *(f"dma={engine},lock-stats=on,{_BESIDE}" for engine in ("auto", *ENGINES)),
                  f"dma=thread,poll-ns=200000000,threads=1,{_BESIDE}")


class Options:
    """What can be chosen about a guest; the defaults are those of the benchmark and test boots."""

    def __init__(self):
        self.accel = "tcg"
        self.icount = None
        self.smp = 2
        self.memory = "2G"
        self.mmapdemo = ""         # properties of the device; None: no device
        self.engines = False       # further mmapdemo devices: ENGINE_DEVICES
        self.peers = True
        self.iommu = False
        self.devices = []          # further -device values
        self.qemu_args = []
        self.append = []
        self.trace = []
        self.gdb = None
        self.reboot = False
        self.interactive = False


def command_line(qemu, kernel, initrd, directory, options, fds):
    """Words of the command.  fds: {"qmp", "out", "result", "ctl"}: inherited sockets."""
    words = [os.path.join(qemu, "qemu-system-x86_64"), "-nodefaults", "-no-user-config"]
    for place in paths.FIRMWARE:
        words += ["-L", place]
    words += ["-machine", "q35" + (",kernel-irqchip=split" if options.iommu else ""), "-m", options.memory]
    if options.accel == "kvm":
        words += ["-accel", "kvm", "-cpu", "host", "-smp", str(options.smp)]
    elif options.icount:
        words += ["-accel", "tcg", "-cpu", TCG_CPU, "-icount", options.icount, "-smp", "1"]
    else:
        words += ["-accel", "tcg", "-cpu", TCG_CPU, "-smp", str(options.smp)]
    words += ["-display", "none"]
    if not options.reboot:
        words += ["-no-reboot"]
    if options.gdb:
        words += ["-gdb", options.gdb]
    words += ["-kernel", os.path.join(kernel, "image"), "-initrd", initrd, "-append",
              " ".join((*KERNEL_ARGS, *_clock_args(options), *options.append))]
    words += _ports(directory, options, fds)
    words += _devices(directory, options)
    # What the guest does wrong to devices, and traces if asked for.
    words += ["-d", "guest_errors", "-D", os.path.join(directory, "qemu.log")]
    for pattern in options.trace:
        words += ["-trace", pattern]
    return words + options.qemu_args


def _clock_args(options):
    """What a guest need not find out itself: see tsc.py.  When instructions are counted, they are its clock."""
    khz = tsc.khz() if options.accel == "tcg" and not options.icount else None
    return [f"tsc_early_khz={khz}"] if khz else []


def _ports(directory, options, fds):
    words = ["-chardev", f"file,id=console,path={_escaped(os.path.join(directory, 'console.log'))}",
             "-serial", "chardev:console",
             "-chardev", f"socket,id=qmp,fd={fds['qmp']}", "-mon", "chardev=qmp,mode=control",
             "-device", "virtio-serial-pci,id=vser,max_ports=8"]
    for port in ("out", "result", "ctl"):
        words += ["-chardev", f"socket,id={port},fd={fds[port]}",
                  "-device", f"virtserialport,bus=vser.0,chardev={port},name=mmapdemo.{port}"]
    if options.interactive:
        words += ["-chardev", "stdio,id=tty,mux=on,signal=off", "-mon", "chardev=tty,mode=readline",
                  "-device", "virtconsole,bus=vser.0,chardev=tty"]
    return words


def _devices(directory, options):
    words = []
    if options.iommu:
        words += ["-device", "intel-iommu,intremap=on"]
    if options.mmapdemo is not None:
        properties = f",{options.mmapdemo}" if options.mmapdemo else ""
        # At this speed a port does not report whether its link is active. With hot-plug by ACPI, QEMU's ports that do
        # never say that it is, and Linux gives a device up after it has reset the link.
        words += ["-device", "pcie-root-port,id=rp0,chassis=1,slot=1,x-speed=2_5",
                  "-device", f"mmapdemo,id=mmd0,bus=rp0,aer=on{properties}"]
    if options.engines:
        words += ["-object", "iothread,id=engine-io"]
        # After mmd0, which so stays the guest's first.
        for n, properties in enumerate(ENGINE_DEVICES, 1):
            words += ["-device", f"pcie-root-port,id=rp{n},chassis={n + 1},slot={n + 1}",
                      "-device", f"mmapdemo,id=mmd{n},bus=rp{n},{properties}"]
    elif options.mmapdemo is not None:
        # Empty: for a second device, plugged in while the guest runs, with little memory.
        words += ["-device", "pcie-root-port,id=spare0,chassis=60,slot=60,mem-reserve=8M,pref64-reserve=16M"]
    if options.peers:
        words += ["-object", "memory-backend-memfd,id=shm0,size=64M,share=on",
                  "-device", "ivshmem-plain,id=ivshmem0,memdev=shm0",
                  "-device", "edu,id=edu0,dma_mask=0xffffffffffffffff",
                  "-device", "pci-testdev,id=testdev0"]
        disks = [("nvme0", "nvme,id=nvme0,serial=mmapdemo,drive=nvme0-disk"),
                 ("vblk0", "virtio-blk-pci,id=vblk0,drive=vblk0-disk")]
        if options.engines:
            # Peers of the benchmark alone: the same disk served by a thread of its own.
            words += ["-object", "iothread,id=vblk1-io"]
            disks.append(("vblk1", "virtio-blk-pci,id=vblk1,drive=vblk1-disk,iothread=vblk1-io"))
        for disk, device in disks:
            path = os.path.join(directory, f"{disk}.raw")
            with open(path, "wb") as stream:
                stream.truncate(DISK_BYTES)
            words += ["-drive", f"if=none,id={disk}-disk,format=raw,file={_escaped(path)}", "-device", device]
    for device in options.devices:
        words += ["-device", device]
    return words


def _escaped(path):
    """A comma inside a QEMU option value is written twice."""
    return path.replace(",", ",,")
