// SPDX-License-Identifier: MIT
/*
 * two_devices.c - a second device, plugged in and pulled out beside the first: two nodes, two sets of
 * queues, and what happens to one is not noticed by the other.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "queue.h"
#include "second.h"

static void *second_work(void *arg)
{
	struct neighbour *n = arg;
	u32 gen;

	/* Raw, since it ends by losing its mappings. */
	for (u32 i = 0;; i++) {
		sqe_t d = sqe_copy(n->a.window, 0, n->b.window, 0, 4 * PAGE);

		for (u32 at = 0; at < sizeof(d); at += 4) {
			if (touch_write((char *)ring_sqe(&n->q, i) + at, *(u32 *)((char *)&d + at)))
				return NULL;
		}
		if (touch_write(ring_word(&n->q, MMAPDEMO_RING_SQ_TAIL), i + 1) ||
		    touch_write((volatile void *)n->q.doorbell, 0))
			return NULL;
		do {
			if (touch_read(&ring_cqe(&n->q, i)->gen, &gen) ||
			    touch_read((volatile void *)n->q.doorbell, NULL))
				return NULL;
		} while (gen != i + 1);
	}
}

static void two_devices_have_queues_and_limits_of_their_own(const void *arg)
{
	struct mmapdemo_info a, b;
	struct neighbour na, nb;
	u64 done, value;

	(void)arg;
	second_add(",\"mem-size\":2097152,\"queues\":3,\"windows\":40");
	na = neighbour_in(node_open(first_node()));
	nb = neighbour_in(node_open(second_node()));
	a = info_get(na.fd);
	b = info_get(nb.fd);
	CHECK(strcmp(a.out_bus_id, b.out_bus_id) && a.out_instance != b.out_instance);
	CHECK_EQ(b.out_num_queues, 3);
	CHECK_EQ(b.out_num_windows, 40);
	CHECK(b.out_max_queues <= 3 && b.out_max_windows <= 40);
	CHECK_EQ(b.out_mem_size, MMAPDEMO_BAR_MEM_SIZE_MIN);
	done = counter(na.fd, MMAPDEMO_REG_CNT_Q_DONE);
	for (int i = 0; i < 20; i++)
		neighbour_check(&nb);
	CHECK_EQ(counter(na.fd, MMAPDEMO_REG_CNT_Q_DONE), done);
	CHECK_EQ(counter(nb.fd, MMAPDEMO_REG_CNT_Q_DONE), 40);
	neighbour_check(&na);
	CHECK_OK(reg_try_read(nb.fd, MMAPDEMO_REG_QUEUE_COUNT, 4, &value));
	CHECK_EQ(value, 3);
	/* One device's objects are not the other's. */
	CHECK_RET(map_try(nb.fd, PAGE, PROT_READ, MAP_SHARED, na.q.c.out_ring_offset + (1ULL << 45),
			  NULL), -ENOENT);
	close(nb.fd);
	second_del();
	neighbour_check(&na);
}

/* Pulled out while it works, and once more, with the first one at work all the time. */
static void two_devices_one_is_pulled_out_under_transfers(const void *arg)
{
	struct neighbour na, nb;
	struct mmapdemo_info info = { .size = sizeof(info) };

	(void)arg;
	for (int round = 0; round < 2; round++) {
		pthread_t t;

		second_add(",\"mem-size\":2097152,\"queues\":3,\"windows\":40");
		if (!round)
			na = neighbour_in(node_open(first_node()));
		nb = neighbour_in(node_open(second_node()));
		neighbour_check(&nb);
		queue_put(&nb.q);
		nb.q = queue_get(nb.fd, 4);
		CHECK(!pthread_create(&t, NULL, second_work, &nb));
		for (int i = 0; i < 20; i++)
			neighbour_check(&na);
		second_del();
		neighbour_check(&na);
		pthread_join(t, NULL);
		CHECK_EQ(touch_write((volatile void *)nb.q.doorbell, 0), SIGBUS);
		CHECK_EQ(touch_read(nb.a.p, NULL), SIGBUS);
		CHECK_EQ(touch_read(na.a.p, NULL), 0);
		CHECK_RET(call(nb.fd, MMAPDEMO_IOC_INFO, &info), -ENODEV);
		CHECK_OK(call(na.fd, MMAPDEMO_IOC_INFO, &info));
		close(nb.fd);
		neighbour_check(&na);
	}
}

void register_two_devices(void)
{
	TEST_ADD_SLOW(two_devices_have_queues_and_limits_of_their_own, 30000);
	TEST_ADD_SLOW(two_devices_one_is_pulled_out_under_transfers, 40000);
}
