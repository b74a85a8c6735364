/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QTest testcase for the mmapdemo device, specified in docs/specs/mmapdemo.rst.
 *
 * The cases are in mmapdemo/. MMAPDEMO_QTEST_DEVICE=edu runs the five of
 * mmapdemo/edu.c against QEMU's edu device instead.
 */

#include "qemu/osdep.h"
#include "mmapdemo/common.h"

int main(int argc, char **argv)
{
    const char *device = g_getenv("MMAPDEMO_QTEST_DEVICE");
    bool edu = device && !strcmp(device, "edu");

    g_test_init(&argc, &argv, NULL);
    if (device && !edu && strcmp(device, "mmapdemo")) {
        g_printerr("MMAPDEMO_QTEST_DEVICE is '%s'; use edu, mmapdemo, or "
                   "leave it unset\n", device);
        return 2;
    }
    add_edu_tests(edu);
    if (!edu) {
        add_regs_tests();
        add_irq_tests();
        add_dma_tests();
        add_run_tests();
        add_sg_tests();
        add_life_tests();
        add_plug_tests();
        add_migration_tests();
        add_vcpu_tests();
        add_queue_core_tests();
        add_pci_irq_tests();
        add_pci_config_tests();
        add_alias_tests();
        add_memdev_tests();
        add_fault_tests();
        add_queue_regs_tests();
        add_doorbell_tests();
        add_queue_desc_tests();
        add_queue_ops_tests();
        add_queue_list_tests();
        add_window_tests();
        add_queue_life_tests();
        add_queue_irq_tests();
        add_queue_hostile_tests();
        add_queue_vcpu_tests();
        add_queue_iommu_tests();
        add_queue_migration_tests();
        add_queue_time_tests();
    }
    return g_test_run();
}
