# SPDX-License-Identifier: GPL-2.0-or-later
# The devices that the guests of this project need, and nothing else: used with
# --without-default-devices --with-devices-x86_64=mmapdemo, which halves the build.

CONFIG_Q35=y
CONFIG_PCIE_PORT=y
CONFIG_PCI_BRIDGE=y
CONFIG_PCIE_PCI_BRIDGE=y
CONFIG_VTD=y
CONFIG_MMAPDEMO=y

# Peers that the benchmarks compare with.
CONFIG_EDU=y
CONFIG_IVSHMEM_DEVICE=y
CONFIG_NVME_PCI=y
CONFIG_PCI_TESTDEV=y
CONFIG_VIRTIO_BLK=y

# The runner's ports into the guest, and the way out of bare-metal tests.
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_ISA_DEBUG=y
