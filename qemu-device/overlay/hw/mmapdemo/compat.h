/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: what differs between the versions of QEMU this device builds with,
 * 10.0 and later. Written as the newest interface; nothing else looks at a
 * version.
 */
#ifndef HW_MMAPDEMO_COMPAT_H
#define HW_MMAPDEMO_COMPAT_H

#define MMAPDEMO_QEMU_SINCE(major, minor) \
    (QEMU_VERSION_MAJOR > (major) || \
     (QEMU_VERSION_MAJOR == (major) && QEMU_VERSION_MINOR >= (minor)))

#if MMAPDEMO_QEMU_SINCE(10, 1)
#include "exec/icount.h"
#include "system/memory.h"
#else
#include "exec/memory.h"
#include "system/cpu-timers.h"
#endif

#if MMAPDEMO_QEMU_SINCE(11, 0)
#include "hw/core/qdev-properties.h"
#include "hw/core/resettable.h"
#else
#include "hw/qdev-properties.h"
#include "hw/resettable.h"
#endif

/* Data of class_init and lists of interfaces became constant */
#if MMAPDEMO_QEMU_SINCE(10, 1)
#define MMAPDEMO_QOM_CONST const
#else
#define MMAPDEMO_QOM_CONST
#endif

/* From 10.2 on there can be a handler that returns a status as well */
#if !MMAPDEMO_QEMU_SINCE(10, 2)
#define qdev_add_vm_change_state_handler(dev, cb, ret, opaque) \
    qdev_add_vm_change_state_handler(dev, cb, opaque)
#endif

#endif /* HW_MMAPDEMO_COMPAT_H */
