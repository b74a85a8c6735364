/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzzing target: the migration state of mmapdemo, as it arrives.
 *
 * An input is what stands between header and footer of the device's section of
 * a migration stream. It is refused, or gives a device that works, and whose
 * state can be saved and loaded again.
 */

#include "qemu/osdep.h"

#include "tests/qtest/libqtest.h"
#include "fuzz.h"
#include "hw/pci/pci_device.h"
#include "io/channel-buffer.h"
#include "migration/qemu-file.h"
#include "migration/savevm.h"
#include "migration/vmstate.h"
#include "system/runstate.h"
/* Changes names that the headers above declare */
#include "hw/mmapdemo/compat.h"

#if MMAPDEMO_QEMU_SINCE(10, 2)
#define vmstate_load_state(f, vmsd, opaque, version) \
    vmstate_load_state(f, vmsd, opaque, version, NULL)
#define vmstate_save_state(f, vmsd, opaque, desc) \
    vmstate_save_state(f, vmsd, opaque, desc, NULL)
#endif

#define DEVICE_ID   "mmd0"
#define CLOCK_STEPS 4
/* Longest time that virtual timers may add up to, per input */
#define CLOCK_LIMIT (1000 * SCALE_MS)

static DeviceState *device;
static const VMStateDescription *vmsd;
static int32_t pci_version;
static unsigned refused;
static unsigned loaded;

static GString *stream_fuzz_cmdline(FuzzTarget *t)
{
    GString *cmd_line = g_string_new(TARGET_NAME);
    const char *props = getenv("MMAPDEMO_FUZZ_PROPS") ?:
                        "mem-size=2M,queues=4,windows=32";

    g_string_append_printf(cmd_line, " -display none -machine q35,accel=qtest"
                           " -nodefaults -m 64M -device mmapdemo,addr=4,id="
                           DEVICE_ID ",%s", props);
    return cmd_line;
}

static void tell(void)
{
    fprintf(stderr, "streams: %u refused, %u loaded\n", refused, loaded);
}

static void stream_pre_fuzz(QTestState *s)
{
    device = qdev_find_recursive(sysbus_get_default(), DEVICE_ID);
    g_assert_nonnull(device);
    vmsd = DEVICE_GET_CLASS(device)->vmsd;
    pci_version = PCI_DEVICE(device)->version_id;
    atexit(tell);
}

/*
 * Where PCIDevice's state holds the levels of the pins. The bus counts them in
 * a section of its own, and QEMU asserts that both agree: a level from the
 * input alone would be a finding about this target. All low, as at the bus.
 */
#define PINS_OFFSET (sizeof(uint32_t) + PCIE_CONFIG_SPACE_SIZE)
#define PINS_SIZE   (PCI_NUM_PINS * sizeof(uint32_t))

static void lower_pins(uint8_t *data, size_t size)
{
    if (size > PINS_OFFSET) {
        memset(data + PINS_OFFSET, 0, MIN(size - PINS_OFFSET, PINS_SIZE));
    }
}

/* What follows a section in a stream; read to see whether there is more */
static const uint8_t footer[] = { QEMU_VM_SECTION_FOOTER, 0, 0, 0, 0 };

/* The device refuses with a message, which says nothing new here */
static bool load(const void *data, size_t size)
{
    QIOChannelBuffer *ioc = qio_channel_buffer_new(size + sizeof(footer));
    QEMUFile *f;
    bool good;

    memcpy(ioc->data, data, size);
    lower_pins(ioc->data, size);
    /* A refused version stays there, and nothing is below a negative one */
    PCI_DEVICE(device)->version_id = pci_version;
    memcpy(ioc->data + size, footer, sizeof(footer));
    ioc->usage = size + sizeof(footer);
    f = qemu_file_new_input(QIO_CHANNEL(ioc));
    object_unref(OBJECT(ioc));
    good = !vmstate_load_state(f, vmsd, device, vmsd->version_id) &&
           qemu_get_byte(f) == QEMU_VM_SECTION_FOOTER &&
           !qemu_file_get_error(f);
    qemu_fclose(f);
    return good;
}

static GByteArray *save(void)
{
    QIOChannelBuffer *ioc = qio_channel_buffer_new(4096);
    QEMUFile *f = qemu_file_new_output(QIO_CHANNEL(ioc));
    GByteArray *data = g_byte_array_new();

    g_assert_cmpint(vmstate_save_state(f, vmsd, device, NULL), ==, 0);
    g_assert_cmpint(qemu_fflush(f), ==, 0);
    g_byte_array_append(data, ioc->data, ioc->usage);
    object_unref(OBJECT(ioc));
    qemu_fclose(f);
    return data;
}

static void run(QTestState *s)
{
    int64_t end = qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + CLOCK_LIMIT;

    vm_start();
    flush_events(s);
    for (unsigned i = 0; i < CLOCK_STEPS; i++) {
        int64_t next = qemu_clock_deadline_ns_all(QEMU_CLOCK_VIRTUAL,
                                                  QEMU_TIMER_ATTR_ALL);

        if (next < 0 || qemu_clock_get_ns(QEMU_CLOCK_VIRTUAL) + next > end) {
            break;
        }
        qtest_clock_step_next(s);
        flush_events(s);
    }
    vm_stop(RUN_STATE_PAUSED);
}

static void stream_fuzz(QTestState *s, const unsigned char *data, size_t size)
{
    if (!size) {
        return;
    }
    vm_stop(RUN_STATE_PAUSED);
    if (!load(data, size)) {
        refused++;
    } else {
        g_autoptr(GByteArray) again = NULL;

        loaded++;
        run(s);
        again = save();
        /* What the device itself saved it cannot refuse */
        g_assert_true(load(again->data, again->len));
        run(s);
    }
    fuzz_reset(s);
    vm_start();
}

static void register_stream_fuzz_target(void)
{
    fuzz_add_target(&(FuzzTarget){
        .name = "mmapdemo-stream",
        .description = "Fuzz the migration state of mmapdemo",
        .get_init_cmdline = stream_fuzz_cmdline,
        .pre_fuzz = stream_pre_fuzz,
        .fuzz = stream_fuzz,
    });
}

fuzz_target_init(register_stream_fuzz_target);
