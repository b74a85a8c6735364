# SPDX-License-Identifier: GPL-2.0-or-later
# The same devices in QEMU 10.2, which does not link with these off: NVMe and
# ACPI's CXL tables call what stands behind them.

include mmapdemo.mak
CONFIG_SPDM_SOCKET=y
CONFIG_PXB=y
CONFIG_CXL=y
CONFIG_CXL_MEM_DEVICE=y
