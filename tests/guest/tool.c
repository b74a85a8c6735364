// SPDX-License-Identifier: MIT
#include "harness.h"

void register_tool(void)
{
}
