// SPDX-License-Identifier: MIT
/*
 * layout.c - sizes, offsets and ioctl numbers of the contracts, pinned. Compiled, never run: for 64 and
 * for 32 bits, which must agree, since the driver has no translation for 32-bit programs.
 *
 * A number here that stops matching is a break of every program built before. Add members at the
 * end of a structure and lines here; never edit one. layout.py sees to it that nothing is missing.
 */
#include <stddef.h>

#include <linux/mmapdemo.h>
#include <linux/mmapdemo_hw.h>

#define SIZE(type, bytes) \
	_Static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define MEMBER(type, member, offset, bytes) \
	_Static_assert(offsetof(struct type, member) == (offset), "offset of " #type "." #member); \
	_Static_assert(sizeof(((struct type *)0)->member) == (bytes), "size of " #type "." #member)
#define IOCTL(verb, number) \
	_Static_assert(MMAPDEMO_IOC_##verb == (number), "number of " #verb)

IOCTL(INFO, 0xd700);
IOCTL(REGION_INFO, 0xd701);
IOCTL(BUF_ALLOC, 0xd702);
IOCTL(BUF_FREE, 0xd703);
IOCTL(BUF_INFO, 0xd704);
IOCTL(MAP_INFO, 0xd705);
IOCTL(MEM_CACHE_SET, 0xd706);
IOCTL(REG_READ, 0xd707);
IOCTL(REG_WRITE, 0xd708);
IOCTL(DMA_SUBMIT, 0xd709);
IOCTL(DMA_WAIT, 0xd70a);
IOCTL(EVENTFD_SET, 0xd70b);
IOCTL(QUEUE_CREATE, 0xd70c);
IOCTL(QUEUE_DESTROY, 0xd70d);
IOCTL(QUEUE_INFO, 0xd70e);
IOCTL(WINDOW_CREATE, 0xd70f);
IOCTL(WINDOW_DESTROY, 0xd710);
IOCTL(BUF_SYNC, 0xd711);
IOCTL(BUF_PIN, 0xd712);
IOCTL(BUF_EXPORT, 0xd713);
IOCTL(QUEUE_SUBMIT, 0xd714);

SIZE(mmapdemo_info, 184);
MEMBER(mmapdemo_info, size, 0, 4);
MEMBER(mmapdemo_info, flags, 4, 4);
MEMBER(mmapdemo_info, out_api_version, 8, 4);
MEMBER(mmapdemo_info, out_hw_version, 12, 4);
MEMBER(mmapdemo_info, out_features, 16, 8);
MEMBER(mmapdemo_info, out_mem_size, 24, 8);
MEMBER(mmapdemo_info, out_mem_free, 32, 8);
MEMBER(mmapdemo_info, out_dma_mask, 40, 8);
MEMBER(mmapdemo_info, out_dma_max_len, 48, 8);
MEMBER(mmapdemo_info, out_max_contig, 56, 8);
MEMBER(mmapdemo_info, out_max_bytes, 64, 8);
MEMBER(mmapdemo_info, out_max_bufs, 72, 4);
MEMBER(mmapdemo_info, out_max_transfers, 76, 4);
MEMBER(mmapdemo_info, out_mem_cache, 80, 4);
MEMBER(mmapdemo_info, out_state, 84, 4);
MEMBER(mmapdemo_info, out_instance, 88, 4);
MEMBER(mmapdemo_info, out_page_size, 92, 4);
MEMBER(mmapdemo_info, out_bus_id, 96, 32);
MEMBER(mmapdemo_info, out_num_queues, 128, 4);
MEMBER(mmapdemo_info, out_num_windows, 132, 4);
MEMBER(mmapdemo_info, out_max_queues, 136, 4);
MEMBER(mmapdemo_info, out_max_windows, 140, 4);
MEMBER(mmapdemo_info, out_queue_log2n_min, 144, 4);
MEMBER(mmapdemo_info, out_queue_log2n_max, 148, 4);
MEMBER(mmapdemo_info, out_queue_max_len, 152, 4);
MEMBER(mmapdemo_info, out_queue_max_list, 156, 4);
MEMBER(mmapdemo_info, out_irq_gap_min_ns, 160, 4);
MEMBER(mmapdemo_info, out_engine, 164, 4);
MEMBER(mmapdemo_info, out_techniques, 168, 4);
MEMBER(mmapdemo_info, out_caps, 172, 4);
MEMBER(mmapdemo_info, out_huge_size, 176, 8);

SIZE(mmapdemo_region_info, 40);
MEMBER(mmapdemo_region_info, size, 0, 4);
MEMBER(mmapdemo_region_info, flags, 4, 4);
MEMBER(mmapdemo_region_info, region, 8, 4);
MEMBER(mmapdemo_region_info, out_handle, 12, 4);
MEMBER(mmapdemo_region_info, out_technique, 16, 4);
MEMBER(mmapdemo_region_info, out_cache, 20, 4);
MEMBER(mmapdemo_region_info, out_len, 24, 8);
MEMBER(mmapdemo_region_info, out_offset, 32, 8);

SIZE(mmapdemo_buf_alloc, 48);
MEMBER(mmapdemo_buf_alloc, size, 0, 4);
MEMBER(mmapdemo_buf_alloc, flags, 4, 4);
MEMBER(mmapdemo_buf_alloc, technique, 8, 4);
MEMBER(mmapdemo_buf_alloc, cache, 12, 4);
MEMBER(mmapdemo_buf_alloc, len, 16, 8);
MEMBER(mmapdemo_buf_alloc, out_handle, 24, 4);
MEMBER(mmapdemo_buf_alloc, out_cache, 28, 4);
MEMBER(mmapdemo_buf_alloc, out_len, 32, 8);
MEMBER(mmapdemo_buf_alloc, out_offset, 40, 8);

SIZE(mmapdemo_buf_free, 16);
MEMBER(mmapdemo_buf_free, size, 0, 4);
MEMBER(mmapdemo_buf_free, flags, 4, 4);
MEMBER(mmapdemo_buf_free, handle, 8, 4);
MEMBER(mmapdemo_buf_free, reserved, 12, 4);

SIZE(mmapdemo_buf_info, 48);
MEMBER(mmapdemo_buf_info, size, 0, 4);
MEMBER(mmapdemo_buf_info, flags, 4, 4);
MEMBER(mmapdemo_buf_info, handle, 8, 4);
MEMBER(mmapdemo_buf_info, out_technique, 12, 4);
MEMBER(mmapdemo_buf_info, out_cache, 16, 4);
MEMBER(mmapdemo_buf_info, out_flags, 20, 4);
MEMBER(mmapdemo_buf_info, out_len, 24, 8);
MEMBER(mmapdemo_buf_info, out_offset, 32, 8);
MEMBER(mmapdemo_buf_info, out_vmas, 40, 4);
MEMBER(mmapdemo_buf_info, out_transfers, 44, 4);

SIZE(mmapdemo_map_info, 56);
MEMBER(mmapdemo_map_info, size, 0, 4);
MEMBER(mmapdemo_map_info, flags, 4, 4);
MEMBER(mmapdemo_map_info, addr, 8, 8);
MEMBER(mmapdemo_map_info, out_start, 16, 8);
MEMBER(mmapdemo_map_info, out_end, 24, 8);
MEMBER(mmapdemo_map_info, out_offset, 32, 8);
MEMBER(mmapdemo_map_info, out_technique, 40, 4);
MEMBER(mmapdemo_map_info, out_cache, 44, 4);
MEMBER(mmapdemo_map_info, out_present, 48, 4);
MEMBER(mmapdemo_map_info, out_entry_shift, 52, 4);

SIZE(mmapdemo_mem_cache_set, 16);
MEMBER(mmapdemo_mem_cache_set, size, 0, 4);
MEMBER(mmapdemo_mem_cache_set, flags, 4, 4);
MEMBER(mmapdemo_mem_cache_set, cache, 8, 4);
MEMBER(mmapdemo_mem_cache_set, reserved, 12, 4);

SIZE(mmapdemo_reg_access, 32);
MEMBER(mmapdemo_reg_access, size, 0, 4);
MEMBER(mmapdemo_reg_access, flags, 4, 4);
MEMBER(mmapdemo_reg_access, offset, 8, 4);
MEMBER(mmapdemo_reg_access, width, 12, 4);
MEMBER(mmapdemo_reg_access, value, 16, 8);
MEMBER(mmapdemo_reg_access, out_value, 24, 8);

SIZE(mmapdemo_dma_submit, 64);
MEMBER(mmapdemo_dma_submit, size, 0, 4);
MEMBER(mmapdemo_dma_submit, flags, 4, 4);
MEMBER(mmapdemo_dma_submit, direction, 8, 4);
MEMBER(mmapdemo_dma_submit, repeat, 12, 4);
MEMBER(mmapdemo_dma_submit, mem_handle, 16, 4);
MEMBER(mmapdemo_dma_submit, dev_handle, 20, 4);
MEMBER(mmapdemo_dma_submit, mem_off, 24, 8);
MEMBER(mmapdemo_dma_submit, dev_off, 32, 8);
MEMBER(mmapdemo_dma_submit, len, 40, 8);
MEMBER(mmapdemo_dma_submit, user_data, 48, 8);
MEMBER(mmapdemo_dma_submit, out_seq, 56, 8);

SIZE(mmapdemo_dma_wait, 64);
MEMBER(mmapdemo_dma_wait, size, 0, 4);
MEMBER(mmapdemo_dma_wait, flags, 4, 4);
MEMBER(mmapdemo_dma_wait, seq, 8, 8);
MEMBER(mmapdemo_dma_wait, deadline_ns, 16, 8);
MEMBER(mmapdemo_dma_wait, out_seq, 24, 8);
MEMBER(mmapdemo_dma_wait, out_user_data, 32, 8);
MEMBER(mmapdemo_dma_wait, out_bytes, 40, 8);
MEMBER(mmapdemo_dma_wait, out_host_ns, 48, 8);
MEMBER(mmapdemo_dma_wait, out_error, 56, 4);
MEMBER(mmapdemo_dma_wait, reserved, 60, 4);

SIZE(mmapdemo_eventfd_set, 16);
MEMBER(mmapdemo_eventfd_set, size, 0, 4);
MEMBER(mmapdemo_eventfd_set, flags, 4, 4);
MEMBER(mmapdemo_eventfd_set, fd, 8, 4);
MEMBER(mmapdemo_eventfd_set, reserved, 12, 4);

SIZE(mmapdemo_hw_sg, 16);
MEMBER(mmapdemo_hw_sg, addr, 0, 8);
MEMBER(mmapdemo_hw_sg, len, 8, 4);
MEMBER(mmapdemo_hw_sg, reserved, 12, 4);

SIZE(mmapdemo_queue_create, 64);
MEMBER(mmapdemo_queue_create, size, 0, 4);
MEMBER(mmapdemo_queue_create, flags, 4, 4);
MEMBER(mmapdemo_queue_create, log2n, 8, 4);
MEMBER(mmapdemo_queue_create, eventfd, 12, 4);
MEMBER(mmapdemo_queue_create, irq_gap_ns, 16, 4);
MEMBER(mmapdemo_queue_create, irq_count, 20, 4);
MEMBER(mmapdemo_queue_create, out_queue, 24, 4);
MEMBER(mmapdemo_queue_create, out_irq_gap_ns, 28, 4);
MEMBER(mmapdemo_queue_create, out_ring_len, 32, 8);
MEMBER(mmapdemo_queue_create, out_ring_offset, 40, 8);
MEMBER(mmapdemo_queue_create, out_doorbell_len, 48, 8);
MEMBER(mmapdemo_queue_create, out_doorbell_offset, 56, 8);

SIZE(mmapdemo_queue_destroy, 16);
MEMBER(mmapdemo_queue_destroy, size, 0, 4);
MEMBER(mmapdemo_queue_destroy, flags, 4, 4);
MEMBER(mmapdemo_queue_destroy, queue, 8, 4);
MEMBER(mmapdemo_queue_destroy, reserved, 12, 4);

SIZE(mmapdemo_queue_info, 48);
MEMBER(mmapdemo_queue_info, size, 0, 4);
MEMBER(mmapdemo_queue_info, flags, 4, 4);
MEMBER(mmapdemo_queue_info, queue, 8, 4);
MEMBER(mmapdemo_queue_info, out_state, 12, 4);
MEMBER(mmapdemo_queue_info, out_error, 16, 4);
MEMBER(mmapdemo_queue_info, out_error_index, 20, 4);
MEMBER(mmapdemo_queue_info, out_head, 24, 4);
MEMBER(mmapdemo_queue_info, out_log2n, 28, 4);
MEMBER(mmapdemo_queue_info, out_index, 32, 4);
MEMBER(mmapdemo_queue_info, out_reset, 36, 4);
MEMBER(mmapdemo_queue_info, out_irqs, 40, 8);

SIZE(mmapdemo_window_create, 32);
MEMBER(mmapdemo_window_create, size, 0, 4);
MEMBER(mmapdemo_window_create, flags, 4, 4);
MEMBER(mmapdemo_window_create, handle, 8, 4);
MEMBER(mmapdemo_window_create, out_window, 12, 4);
MEMBER(mmapdemo_window_create, off, 16, 8);
MEMBER(mmapdemo_window_create, len, 24, 8);

SIZE(mmapdemo_window_destroy, 16);
MEMBER(mmapdemo_window_destroy, size, 0, 4);
MEMBER(mmapdemo_window_destroy, flags, 4, 4);
MEMBER(mmapdemo_window_destroy, window, 8, 4);
MEMBER(mmapdemo_window_destroy, reserved, 12, 4);

SIZE(mmapdemo_buf_sync, 32);
MEMBER(mmapdemo_buf_sync, size, 0, 4);
MEMBER(mmapdemo_buf_sync, flags, 4, 4);
MEMBER(mmapdemo_buf_sync, handle, 8, 4);
MEMBER(mmapdemo_buf_sync, reserved, 12, 4);
MEMBER(mmapdemo_buf_sync, off, 16, 8);
MEMBER(mmapdemo_buf_sync, len, 24, 8);

SIZE(mmapdemo_buf_pin, 32);
MEMBER(mmapdemo_buf_pin, size, 0, 4);
MEMBER(mmapdemo_buf_pin, flags, 4, 4);
MEMBER(mmapdemo_buf_pin, addr, 8, 8);
MEMBER(mmapdemo_buf_pin, len, 16, 8);
MEMBER(mmapdemo_buf_pin, out_handle, 24, 4);
MEMBER(mmapdemo_buf_pin, reserved, 28, 4);

SIZE(mmapdemo_buf_export, 16);
MEMBER(mmapdemo_buf_export, size, 0, 4);
MEMBER(mmapdemo_buf_export, flags, 4, 4);
MEMBER(mmapdemo_buf_export, handle, 8, 4);
MEMBER(mmapdemo_buf_export, out_fd, 12, 4);

SIZE(mmapdemo_queue_submit, 56);
MEMBER(mmapdemo_queue_submit, size, 0, 4);
MEMBER(mmapdemo_queue_submit, flags, 4, 4);
MEMBER(mmapdemo_queue_submit, queue, 8, 4);
MEMBER(mmapdemo_queue_submit, num, 12, 4);
MEMBER(mmapdemo_queue_submit, sqes, 16, 8);
MEMBER(mmapdemo_queue_submit, cqes, 24, 8);
MEMBER(mmapdemo_queue_submit, max_cqes, 32, 4);
MEMBER(mmapdemo_queue_submit, min_cqes, 36, 4);
MEMBER(mmapdemo_queue_submit, deadline_ns, 40, 8);
MEMBER(mmapdemo_queue_submit, out_submitted, 48, 4);
MEMBER(mmapdemo_queue_submit, out_cqes, 52, 4);

SIZE(mmapdemo_uring_cmd, 16);
MEMBER(mmapdemo_uring_cmd, queue, 0, 4);
MEMBER(mmapdemo_uring_cmd, reserved, 4, 4);
MEMBER(mmapdemo_uring_cmd, sqe, 8, 8);

SIZE(mmapdemo_hw_sqe, 64);
MEMBER(mmapdemo_hw_sqe, op, 0, 1);
MEMBER(mmapdemo_hw_sqe, reserved0, 1, 1);
MEMBER(mmapdemo_hw_sqe, nsrc, 2, 2);
MEMBER(mmapdemo_hw_sqe, ndst, 4, 2);
MEMBER(mmapdemo_hw_sqe, reserved1, 6, 2);
MEMBER(mmapdemo_hw_sqe, len, 8, 4);
MEMBER(mmapdemo_hw_sqe, reserved2, 12, 4);
MEMBER(mmapdemo_hw_sqe, src_win, 16, 4);
MEMBER(mmapdemo_hw_sqe, dst_win, 20, 4);
MEMBER(mmapdemo_hw_sqe, src_off, 24, 8);
MEMBER(mmapdemo_hw_sqe, dst_off, 32, 8);
MEMBER(mmapdemo_hw_sqe, arg, 40, 8);
MEMBER(mmapdemo_hw_sqe, user, 48, 8);
MEMBER(mmapdemo_hw_sqe, reserved3, 56, 8);

SIZE(mmapdemo_hw_sge, 16);
MEMBER(mmapdemo_hw_sge, win, 0, 4);
MEMBER(mmapdemo_hw_sge, len, 4, 4);
MEMBER(mmapdemo_hw_sge, off, 8, 8);

SIZE(mmapdemo_hw_cqe, 32);
MEMBER(mmapdemo_hw_cqe, user, 0, 8);
MEMBER(mmapdemo_hw_cqe, aux, 8, 8);
MEMBER(mmapdemo_hw_cqe, bytes, 16, 4);
MEMBER(mmapdemo_hw_cqe, status, 20, 2);
MEMBER(mmapdemo_hw_cqe, reserved, 22, 2);
MEMBER(mmapdemo_hw_cqe, detail, 24, 4);
MEMBER(mmapdemo_hw_cqe, gen, 28, 4);
