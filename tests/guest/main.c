// SPDX-License-Identifier: MIT
/*
 * main.c - the plan: files of tests in the order in which they run, the disruptive ones last.
 */
#include <string.h>

#include "harness.h"

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--planted")) {
		register_planted();
		return harness_main(argc - 1, argv + 1);
	}
	register_harness();
	register_ioctl_abi();
	register_ioctl_pointers();
	register_reg();
	register_alias();
	register_buf();
	register_map_policy();
	register_map_cache();
	register_technique_bar();
	register_technique_memory();
	register_technique_userptr();
	register_map_lifetime();
	register_map_random();
	register_map_users();
	register_map_prepare();
	register_map_fault();
	register_map_pin();
	register_map_revoke();
	register_map_table();
	register_rw();
	register_dma();
	register_dma_error();
	register_transfer_each();
	register_decoding();
	register_event();
	register_faults();
	register_irq();
	register_uring_abuse();
	register_process();
	register_pin();
	register_pin_owner();
	register_tool();
	register_queue_call();
	register_queue_map();
	register_queue_op();
	register_queue_order();
	register_queue_forge();
	register_queue_event();
	register_queue_hostile();
	register_queue_garbage();
	register_queue_submit();
	register_queue_submit_wait();
	register_queue_turn();
	register_queue_uring();
	register_dmabuf();
	register_dmabuf_import();
	register_dmaengine();
	register_dmaengine_client();
	register_window_call();
	register_window_reach();
	register_lifetime();
	register_lifetime_matrix();
	register_bus_error();
	register_queue_lifetime();
	register_backend();
	register_bench_bar();
	register_two_devices();
	register_probe();
	register_limits();
	register_sysfs();
	register_debugfs();
	register_udev();
	register_module();
	register_memory_map();
	register_leak();
	register_stress();
	return harness_main(argc, argv);
}
