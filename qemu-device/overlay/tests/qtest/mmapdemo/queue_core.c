/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: the engine room of queues, on the shortest path: what each
 * operation does to bytes, and who is owner of a queue when.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "pci.h"

#define RING        (104 * MiB)
#define RING_LOG2N  4
#define SLOTS       (1U << RING_LOG2N)
#define QUEUE       3
#define DOMAIN      7
#define WIN_BUF     5           /* RAM_BUF, 16 MiB, both ways */
#define WIN_BUF2    6           /* RAM_BUF2, likewise */
#define WIN_MEM     7           /* all of BAR2 */

#define qset(t, name, val) \
    mmd_write((t), MMAPDEMO_QREG(QUEUE, name), \
              MMAPDEMO_QREG_##name == MMAPDEMO_QREG_BASE ? 8 : 4, (val))
#define qget(t, name) mmd_read((t), MMAPDEMO_QREG(QUEUE, name), 4)

static void window(MmdTest *t, unsigned w, uint64_t addr, uint64_t len,
                   uint32_t kind)
{
    mmd_write(t, MMAPDEMO_WREG(w, ADDR), 8, addr);
    mmd_write(t, MMAPDEMO_WREG(w, LEN), 8, len);
    mmd_write(t, MMAPDEMO_WREG(w, CFG), 4,
              DOMAIN | MMAPDEMO_WCFG_READ | MMAPDEMO_WCFG_WRITE |
              MMAPDEMO_WCFG_VALID | kind << MMAPDEMO_WCFG_KIND_SHIFT);
    g_assert_cmpuint(mmd_read(t, MMAPDEMO_WREG(w, STATUS), 4), ==, 0);
}

static MmdTest *start(const char *props)
{
    MmdTest *t = mmd_start_with(props, "-object iothread,id=iot0");

    mem_fill(t, RING, 0, MMAPDEMO_RING_BYTES(RING_LOG2N));
    qtest_writel(t->qts, RING + MMAPDEMO_RING_CQ_EVENT,
                 MMAPDEMO_CQ_EVENT_QUIET);
    window(t, WIN_BUF, RAM_BUF, 16 * MiB, MMAPDEMO_WKIND_BUS);
    window(t, WIN_BUF2, RAM_BUF2, 16 * MiB, MMAPDEMO_WKIND_BUS);
    window(t, WIN_MEM, 0, BAR2_SIZE, MMAPDEMO_WKIND_MEM);
    qset(t, BASE, RING);
    qset(t, LOG2N, RING_LOG2N);
    qset(t, PD, DOMAIN);
    qset(t, VECTOR, 2);
    qset(t, CTL, MMAPDEMO_QCTL_ENABLE);
    g_assert_cmpuint(qget(t, ERROR), ==, MMAPDEMO_QERR_NONE);
    g_assert_cmpuint(qget(t, STATE), ==, MMAPDEMO_QSTATE_RUNNING);
    return t;
}

static void put(MmdTest *t, uint32_t index, struct mmapdemo_hw_sqe d)
{
    d.nsrc = cpu_to_le16(d.nsrc);
    d.ndst = cpu_to_le16(d.ndst);
    d.len = cpu_to_le32(d.len);
    d.src_win = cpu_to_le32(d.src_win);
    d.dst_win = cpu_to_le32(d.dst_win);
    d.src_off = cpu_to_le64(d.src_off);
    d.dst_off = cpu_to_le64(d.dst_off);
    d.arg = cpu_to_le64(d.arg);
    d.user = cpu_to_le64(0x1000 + index);
    mem_write(t, RING + MMAPDEMO_RING_SQ(RING_LOG2N) +
                 (index % SLOTS) * sizeof(d), &d, sizeof(d));
}

static void ring(MmdTest *t, uint32_t tail)
{
    qtest_writel(t->qts, RING + MMAPDEMO_RING_SQ_TAIL, tail);
    qtest_writel(t->qts, t->doorbell + MMAPDEMO_DOORBELL(QUEUE), 0);
}

static struct mmapdemo_hw_cqe await(MmdTest *t, uint32_t index)
{
    uint64_t at = RING + MMAPDEMO_RING_CQ +
                  (index % SLOTS) * sizeof(struct mmapdemo_hw_cqe);
    gint64 end = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;
    struct mmapdemo_hw_cqe c;

    while (qtest_readl(t->qts, at + offsetof(struct mmapdemo_hw_cqe, gen)) !=
           index + 1) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
    }
    mem_read(t, at, &c, sizeof(c));
    g_assert_cmphex(le64_to_cpu(c.user), ==, 0x1000 + index);
    return c;
}

#define expect(t, index, d, status, bytes, aux) \
    expect_at(__LINE__, t, index, d, status, bytes, aux)
static void expect_at(int line, MmdTest *t, uint32_t index,
                      struct mmapdemo_hw_sqe d, uint16_t status,
                      uint32_t bytes, uint64_t aux)
{
    struct mmapdemo_hw_cqe c;

    put(t, index, d);
    ring(t, index + 1);
    c = await(t, index);
    if (le16_to_cpu(c.status) != status || le32_to_cpu(c.bytes) != bytes ||
        (d.op != MMAPDEMO_OP_TIMED && le64_to_cpu(c.aux) != aux)) {
        g_error("line %d: status %u bytes %u aux %" PRIx64
                ", expected %u %u %" PRIx64, line, c.status, c.bytes, c.aux,
                status, bytes, aux);
    }
}

/* Each operation once, on an engine and with a size of its own choice */
static void check_operations(const char *props, uint32_t len)
{
    MmdTest *t = start(props);
    uint32_t i = 0;
    g_autofree uint8_t *bytes = mem_numbers(9, len);
    uint32_t crc = ~0U;
    struct mmapdemo_hw_sqe d = { .op = MMAPDEMO_OP_NOP };

    expect(t, i++, d, MMAPDEMO_CQ_OK, 0, 0);

    mem_number(t, RAM_BUF + 64, 9, len);
    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_BUF, .src_off = 64,
        .dst_win = WIN_MEM, .dst_off = 4096 + 3,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len, 0);
    mem_assert_number(t, t->mem + 4096 + 3, 9, len);
    mem_assert_fill(t, t->mem, 0, 4096 + 3);
    mem_assert_fill(t, t->mem + 4096 + 3 + len, 0, 4096);

    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_MEM,
        .src_off = 4096 + 3, .dst_win = WIN_BUF2, .dst_off = 1,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len, 0);
    mem_assert_number(t, RAM_BUF2 + 1, 9, len);

    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_COMPARE, .len = len, .src_win = WIN_BUF,
        .src_off = 64, .dst_win = WIN_BUF2, .dst_off = 1,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len, 0);
    qtest_writeb(t->qts, RAM_BUF2 + 1 + len - 3, ~bytes[len - 3]);
    expect(t, i++, d, MMAPDEMO_CQ_MISCOMPARE, len - 3, len - 3);

    for (uint32_t b = 0; b < len; b++) {
        crc ^= bytes[b];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
        }
    }
    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_CRC32C, .len = len, .src_win = WIN_BUF,
        .src_off = 64,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len, (uint32_t)~crc);

    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_FILL, .len = len, .dst_win = WIN_BUF2, .dst_off = 5,
        .arg = 0x1122334455667788,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len, 0);
    g_assert_cmphex(qtest_readq(t->qts, RAM_BUF2 + 5), ==, d.arg);
    g_assert_cmphex(qtest_readb(t->qts, RAM_BUF2 + 5 + len - 1), ==,
                    (uint8_t)(d.arg >> (len - 1) % 8 * 8));

    d = (struct mmapdemo_hw_sqe) {
        .op = MMAPDEMO_OP_TIMED, .len = len, .src_win = WIN_BUF, .src_off = 64,
        .dst_win = WIN_MEM, .dst_off = 8 * MiB, .arg = 3,
    };
    expect(t, i++, d, MMAPDEMO_CQ_OK, len * 3, 0);
    mem_assert_number(t, t->mem + 8 * MiB, 9, len);
    g_assert_cmpuint(qget(t, HEAD), ==, i);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, i);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, i);
    g_assert_cmpuint(mmd_get(t, CNT_Q_FAILED), ==, 1);
    mmd_stop(t);
}

static void operations_small(void)
{
    check_operations("", 100);
}

static void operations_large(void)
{
    check_operations("", 300000);
}

static void operations_inline(void)
{
    check_operations("dma=inline", 300000);
}

static void operations_bh(void)
{
    check_operations("dma=bh", 4096);
}

static void operations_thread(void)
{
    check_operations("dma=thread,threads=1", 300000);
}

static void operations_iothread(void)
{
    check_operations("dma=iothread,iothread=iot0", 300000);
}

static void operations_threads_polling(void)
{
    check_operations("dma=thread,poll-ns=200000", 4096);
}

/* A full ring in one doorbell, twice round */
static void many_in_one_doorbell(void)
{
    MmdTest *t = start("");

    mem_number(t, RAM_BUF, 1, SLOTS * 64);
    for (uint32_t round = 0; round < 2; round++) {
        uint64_t wr32 = mmd_get(t, CNT_DB_WR32);

        for (uint32_t i = 0; i < SLOTS; i++) {
            put(t, round * SLOTS + i, (struct mmapdemo_hw_sqe) {
                .op = MMAPDEMO_OP_COPY, .len = 64, .src_win = WIN_BUF,
                .src_off = i * 64, .dst_win = WIN_MEM,
                .dst_off = (round * SLOTS + i) * 64,
            });
        }
        ring(t, (round + 1) * SLOTS);
        for (uint32_t i = 0; i < SLOTS; i++) {
            struct mmapdemo_hw_cqe c = await(t, round * SLOTS + i);

            g_assert_cmpuint(c.status, ==, MMAPDEMO_CQ_OK);
        }
        mem_assert_number(t, t->mem + round * SLOTS * 64, 1, SLOTS * 64);
        g_assert_cmpuint(mmd_get(t, CNT_DB_WR32), ==, wr32 + 1);
    }
    g_assert_cmpuint(mmd_get(t, CNT_Q_DONE), ==, 2 * SLOTS);
    g_assert_cmpuint(qtest_readl(t->qts, RING + MMAPDEMO_RING_SQ_HEAD), ==,
                     2 * SLOTS);
    g_assert_cmpuint(qtest_readl(t->qts, RING + MMAPDEMO_RING_SQ_EVENT), ==,
                     2 * SLOTS);
    mmd_stop(t);
}

/* Lengths and repeats nothing can be divided by or multiplied with */
static void timed_of_nothing_is_refused(void)
{
    MmdTest *t = start("");
    struct mmapdemo_hw_sqe d = {
        .op = MMAPDEMO_OP_TIMED, .src_win = WIN_BUF, .dst_win = WIN_MEM,
    };
    uint32_t i = 0;

    expect(t, i++, d, MMAPDEMO_CQ_LENGTH, 0, 0);
    d.arg = UINT64_MAX;
    expect(t, i++, d, MMAPDEMO_CQ_LENGTH, 0, 0);
    d.len = 64;
    expect(t, i++, d, MMAPDEMO_CQ_LENGTH, 0, 0);
    d.arg = 0;
    expect(t, i++, d, MMAPDEMO_CQ_LENGTH, 0, 0);
    mmd_stop(t);
}

static void tail_too_far_stops_the_queue(void)
{
    MmdTest *t = start("");

    ring(t, SLOTS + 1);
    g_assert_cmpuint(qget(t, STATE), ==, MMAPDEMO_QSTATE_ERROR);
    g_assert_cmpuint(qget(t, ERROR), ==, MMAPDEMO_QERR_TAIL);
    g_assert_cmpuint(qtest_readl(t->qts, RING + MMAPDEMO_RING_STATE), ==,
                     MMAPDEMO_QSTATE_ERROR);
    g_assert_cmpuint(mmd_get(t, CNT_Q_STOPPED), ==, 1);
    g_assert_cmpuint(mmd_get(t, CNT_Q_DESCS), ==, 0);
    mmd_stop(t);
}

static const char *const fault_engines[] = {
    "", "dma=bh", "dma=thread", "dma=iothread,iothread=iot0",
};

/* x-fault-dma: told in the completion, with the bytes that did move */
static void injected_failures_are_told(void)
{
    for (unsigned e = 0; e < ARRAY_SIZE(fault_engines); e++) {
        MmdTest *t = start(fault_engines[e]);
        struct mmapdemo_hw_sqe d = {
            .op = MMAPDEMO_OP_COPY, .src_win = WIN_BUF, .dst_win = WIN_MEM,
        };
        uint32_t i = 0;

        mem_fill(t, RAM_BUF, 0x5a, 1 * MiB);
        for (uint32_t len = 1; len <= 1 * MiB; len *= 32) {
            d.len = len;
            set_property(t, "x-fault-dma", "'fail'");
            expect(t, i++, d, MMAPDEMO_CQ_INJECTED, 0, 0);
            mem_assert_fill(t, t->mem, 0, len);
            set_property(t, "x-fault-dma", "'short'");
            expect(t, i++, d, MMAPDEMO_CQ_INJECTED, len / 2, 0);
            mem_assert_fill(t, t->mem, 0x5a, len / 2);
            mem_assert_fill(t, t->mem + len / 2, 0, len - len / 2);
            set_property(t, "x-fault-dma", "'none'");
            expect(t, i++, d, MMAPDEMO_CQ_OK, len, 0);
            mem_fill(t, t->mem, 0, len);
        }
        g_assert_cmpuint(mmd_get(t, CNT_Q_FAILED), ==, i / 3 * 2);

        /* whatever the operation; a mistake stays a mistake */
        set_property(t, "x-fault-dma", "'short'");
        d = (struct mmapdemo_hw_sqe) {
            .op = MMAPDEMO_OP_CRC32C, .src_win = WIN_BUF, .len = 10001,
        };
        expect(t, i++, d, MMAPDEMO_CQ_INJECTED, 5000, 0);
        d.op = MMAPDEMO_OP_TIMED;
        d.dst_win = WIN_MEM;
        d.arg = 5;
        expect(t, i++, d, MMAPDEMO_CQ_INJECTED, 20002, 0);
        d = (struct mmapdemo_hw_sqe) { .op = MMAPDEMO_OP_NOP };
        expect(t, i++, d, MMAPDEMO_CQ_INJECTED, 0, 0);
        d.op = 77;
        expect(t, i++, d, MMAPDEMO_CQ_OPCODE, 0, 0);
        mmd_stop(t);
    }
}

static bool completed(MmdTest *t, uint32_t index)
{
    return qtest_readl(t->qts, RING + MMAPDEMO_RING_CQ +
                       index * sizeof(struct mmapdemo_hw_cqe) +
                       offsetof(struct mmapdemo_hw_cqe, gen)) == index + 1;
}

/* A stuck descriptor ends with its queue, and not before */
static void stuck_descriptor_ends_with_its_queue(void)
{
    for (unsigned e = 0; e < ARRAY_SIZE(fault_engines); e++) {
        MmdTest *t = start(fault_engines[e]);
        struct mmapdemo_hw_sqe d = {
            .op = MMAPDEMO_OP_COPY, .src_win = WIN_BUF, .dst_win = WIN_MEM,
            .len = 100000,
        };

        mem_fill(t, RAM_BUF, 0x5a, d.len);
        set_property(t, "x-fault-dma", "'stuck'");
        put(t, 0, d);
        put(t, 1, d);
        ring(t, 2);
        set_property(t, "delay-ns", "0");
        g_usleep(20000);
        qtest_clock_step(t->qts, 1000000000);
        ring(t, 2);
        vm_stop(t->qts);
        vm_cont(t->qts);
        vm_settle(t->qts);
        g_assert_cmpuint(qget(t, STATE), ==, MMAPDEMO_QSTATE_RUNNING);
        g_assert_cmpuint(qget(t, HEAD), ==, 0);
        g_assert_false(completed(t, 0));

        /* taken back: it goes on once it was paused */
        set_property(t, "x-fault-dma", "'none'");
        qset(t, CTL, MMAPDEMO_QCTL_PAUSE);
        qset(t, CTL, MMAPDEMO_QCTL_RESUME);
        qtest_clock_step(t->qts, 1);
        await(t, 1);
        mem_assert_fill(t, t->mem, 0x5a, d.len);

        /* DISABLE, bus mastering off, RESET */
        for (int how = 0; how < 3; how++) {
            mem_fill(t, t->mem, 0, d.len);
            set_property(t, "x-fault-dma", "'stuck'");
            put(t, 2, d);
            ring(t, 3);
            g_usleep(5000);
            if (how == 0) {
                qset(t, CTL, MMAPDEMO_QCTL_DISABLE);
                g_assert_cmpuint(qget(t, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
            } else if (how == 1) {
                mmd_bus_master(t, false);
                g_assert_cmpuint(qget(t, ERROR), ==, MMAPDEMO_QERR_BUS_OFF);
                mmd_bus_master(t, true);
                qset(t, CTL, MMAPDEMO_QCTL_DISABLE);
            } else {
                mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
                g_assert_cmpuint(qget(t, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
                break;
            }
            set_property(t, "x-fault-dma", "'none'");
            qtest_clock_step(t->qts, 1000000000);
            vm_settle(t->qts);
            mem_assert_fill(t, t->mem, 0, d.len);

            /* the next one starts from 0 and is like any other */
            mem_fill(t, RING, 0, MMAPDEMO_RING_BYTES(RING_LOG2N));
            qset(t, CTL, MMAPDEMO_QCTL_ENABLE);
            expect(t, 0, d, MMAPDEMO_CQ_OK, d.len, 0);
            expect(t, 1, d, MMAPDEMO_CQ_OK, d.len, 0);
        }
        vm_settle(t->qts);
        mem_assert_fill(t, t->mem, 0, d.len);
        mmd_stop(t);
    }
}

void add_queue_core_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/queue-core/" #fn, fn)
    ADD(operations_small);
    ADD(operations_large);
    ADD(operations_inline);
    ADD(operations_bh);
    ADD(operations_thread);
    ADD(operations_threads_polling);
    ADD(operations_iothread);
    ADD(many_in_one_doorbell);
    ADD(timed_of_nothing_is_refused);
    ADD(tail_too_far_stops_the_queue);
    ADD(injected_failures_are_told);
    ADD(stuck_descriptor_ends_with_its_queue);
#undef ADD
}
