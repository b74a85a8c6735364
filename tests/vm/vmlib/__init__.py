# SPDX-License-Identifier: MIT
"""What the programs in tests/vm share: build steps, guest images, guests, kernel log check, TAP."""
