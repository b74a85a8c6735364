/* SPDX-License-Identifier: MIT */
/*
 * mock_queue.h - one queue in plain memory, and the device that serves it, step by step or in a thread.
 *
 * For: tests of what the library writes into rings and makes of what it finds there. The device
 * follows linux/mmapdemo_hw.h, as far as one queue can tell: order, event index, statuses.
 * Not for: judging the device of QEMU, which has tests of its own.
 */
#ifndef TESTS_UNIT_MOCK_QUEUE_H
#define TESTS_UNIT_MOCK_QUEUE_H

#include <pthread.h>

#include <mmapdemo/queue.h>

#include "mock.h"

#define MOCK_WINDOWS		8
#define MOCK_WINDOW_LEN		4096
#define MOCK_QUEUE_HANDLE	0x51
#define MOCK_RING_OFFSET	0x100000
#define MOCK_DOORBELL_OFFSET	0x200000
#define MOCK_DOORBELL_LEN	4096
#define MOCK_BUFFERS		4
#define MOCK_BUFFER_OFFSET	0x100000000ULL	/* times its number, from 1 */
#define MOCK_BUFFER_HANDLE	0x61		/* and up */

/* The doorbell page holds this until it is written to. No tail of a test comes near it. */
#define MOCK_NOT_RUNG		0x5ce5ce5cu

struct mock_queue {
	struct mock mock;		/* first: the backend's data */
	/* Script: what calls answer. */
	int create_ret;
	int info_ret;
	int destroy_ret;
	int map_ring_ret;
	int map_doorbell_ret;
	uint32_t short_ring;		/* bytes the ring is said to be too short by */
	uint32_t first_index;		/* as the property x-queue-start */
	uint32_t reset;
	unsigned int run_when_asked;	/* descriptors completed while QUEUE_INFO is answered */
	/* The device. */
	uint32_t log2n;
	unsigned char *ring;
	uint32_t *doorbell;
	uint32_t head;
	uint32_t state;
	uint32_t error;
	bool watching;			/* leaves sq_event behind */
	bool lose_irqs;
	bool silent_stop;		/* a stop does not reach the ring's memory */
	int eventfd;
	uint64_t irqs;
	uint64_t looks;
	struct {
		int fd;
		unsigned char *mem;	/* the device's own mapping */
		uint64_t len;
		uint32_t technique;
	} buffer[MOCK_BUFFERS];
	/* Windows reach a buffer, or without one of the handle given, a page of their own. */
	unsigned char memory[MOCK_WINDOWS][MOCK_WINDOW_LEN];
	unsigned char *window[MOCK_WINDOWS];
	uint64_t window_len[MOCK_WINDOWS];
	uint32_t access[MOCK_WINDOWS];	/* MMAPDEMO_WINDOW_*; 0: not there */
	/* With MMAPDEMO_QUEUE_KERNEL: completions not collected yet. */
	bool kernel;
	struct mmapdemo_hw_cqe done[1u << MMAPDEMO_QUEUE_LOG2N_MIN];
	uint32_t done_count;
	int submit_ret;			/* QUEUE_SUBMIT answers this at once */
	unsigned int syncs[2];		/* calls of BUF_SYNC: for the device, for the CPU */
	/* Called after each operation, in the device's thread: the place to go wrong. */
	void (*after)(struct mock_queue *mq, const struct mmapdemo_hw_sqe *sqe,
		      struct mmapdemo_hw_cqe *cqe);
	int fault;			/* for its use */
	/* Of the calls. */
	unsigned int creates;
	unsigned int destroys;
	unsigned int asks;
};

/* A mock whose backend has queues; @dev is open on it. */
struct mmd_device *mock_queue_open(struct mock_queue *mq);

/* Complete up to @budget descriptors; publishes sq_event when there are no more. Number completed. */
unsigned int mock_queue_run(struct mock_queue *mq, unsigned int budget);

/* Whether the doorbell was written since the last time. */
bool mock_queue_rung(struct mock_queue *mq);

/* Stop the queue as the device does when the tail is too far. */
void mock_queue_stop(struct mock_queue *mq, uint32_t error);

/* The device in a thread of its own: asleep until the doorbell is written. */
struct mock_worker {
	struct mock_queue *mq;
	pthread_t thread;
	unsigned int delay_ms;		/* between the doorbell and the look */
	unsigned int budget;		/* descriptors for each doorbell */
	bool once;			/* ends after the first look */
	bool stop;
};

void mock_worker_start(struct mock_worker *w);
void mock_worker_stop(struct mock_worker *w);

/* End the device's mappings of the buffers that were allocated. */
void mock_queue_close(struct mock_queue *mq);

/* Bit by bit, as the standard defines it. */
uint32_t mock_crc32c(uint32_t crc, const unsigned char *p, size_t len);

#endif /* TESTS_UNIT_MOCK_QUEUE_H */
