/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: queues whose doorbells are rung by real vCPUs (TCG), one and
 * two, while this test takes things away from the main loop; and vCPUs that do
 * nothing but ring.
 */

#include "qemu/osdep.h"
#include "queue.h"
#include "vcpu.h"

#define LEN     MMAPDEMO_QUEUE_MAX_LEN
#define DOMAIN  6
#define W       50          /* the window that is taken away */
#define ROUNDS  10

static MmdTest *start(const MmdEngine *engine, unsigned cpus)
{
    g_autofree char *accel = g_strdup_printf(" -smp %u %s", cpus,
                                             engine->more);
    MmdTest *t = vcpu_start(accel, engine->props, false);

    if (cpus > 1) {
        vcpu_start_second(t);
    }
    w_usual(t, DOMAIN);
    return t;
}

static void vcpu_ring(MmdQueue *mq, unsigned cpu, VcpuCommand how)
{
    vcpu_post(mq->t, cpu, how, mq->t->doorbell + MMAPDEMO_DOORBELL(mq->q), 0);
}

/* A vCPU rings for 16 MiB of 5a into zeroed memory */
static MmdQueue begin(MmdTest *t)
{
    Sqe sqe = {
        .op = MMAPDEMO_OP_COPY, .len = LEN, .src_win = WIN_MEM, .dst_win = W,
        .user = 42,
    };
    MmdQueue mq;

    mem_fill(t, t->mem, 0x5a, LEN);
    mem_fill(t, RAM_BUF, 0, LEN);
    w_close(t, W);
    w_bus(t, W, RAM_BUF, LEN, DOMAIN | W_WRITE);
    mq = q_open(t, 3, 4, DOMAIN);
    q_put(&mq, &sqe);
    q_publish(&mq);
    vcpu_ring(&mq, 0, VCPU_WRITE);
    return mq;
}

static void until_begun(MmdTest *t)
{
    while (!mmd_get(t, CNT_Q_DESCS)) {
        /* the vCPU is about to */
    }
}

/*
 * Until the vCPU is past its write. QEMU itself does not survive a region that
 * goes away between a vCPU's look-up and its access.
 */
static void until_rung(MmdTest *t)
{
    while (!mmd_get(t, CNT_DB_WR32)) {
        /* the vCPU is about to */
    }
}

static uint64_t moved(MmdTest *t)
{
    return mem_moved(t, RAM_BUF, 0x5a, LEN);
}

static void check_taken(const MmdEngine *engine, void (*take)(MmdTest *t),
                        void (*check)(MmdQueue *mq, uint64_t done))
{
    unsigned middle = 0;
    MmdTest *t = start(engine, 1);

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t);
        uint64_t done;
        uint8_t last;

        if (i % 2) {
            until_begun(t);
        }
        for (int j = 0; j < i; j++) {
            qtest_readl(t->qts, RAM_MSI);
        }
        take(t);
        last = qtest_readb(t->qts, RAM_BUF + LEN - 1);
        done = moved(t);
        vcpu_wait(t, 0);
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        g_assert_cmphex(qtest_readb(t->qts, RAM_BUF + LEN - 1), ==, last);
        middle += done && done < LEN;
        check(&mq, done);
        mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
        w_usual(t, DOMAIN);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

static void take_window(MmdTest *t)
{
    w_set(t, W, CFG, 0);
}

static void check_window(MmdQueue *mq, uint64_t done)
{
    Cqe cqe;

    q_drain(mq);
    cqe = q_cqe(mq, 0);
    g_assert_cmpuint(cqe.bytes, ==, done);
    g_assert_cmpuint(cqe.status == MMAPDEMO_CQ_OK, ==, done == LEN);
    if (done && done < LEN) {
        g_assert_cmpuint(cqe.status, ==, MMAPDEMO_CQ_ABORTED);
    }
}

static void window_taken_away(const void *data)
{
    check_taken(data, take_window, check_window);
}

static void take_queue(MmdTest *t)
{
    q_set(t, 3, CTL, MMAPDEMO_QCTL_DISABLE);
}

static void check_queue(MmdQueue *mq, uint64_t done)
{
    assert_queue(mq->t, 3, MMAPDEMO_QSTATE_DISABLED, MMAPDEMO_QERR_NONE);
    g_assert_cmpuint(q_done(mq, 0), <=, done == LEN);
}

static void queue_disabled(const void *data)
{
    check_taken(data, take_queue, check_queue);
}

static void take_turn(MmdTest *t)
{
    q_set(t, 3, CTL, MMAPDEMO_QCTL_PAUSE);
}

static void check_turn(MmdQueue *mq, uint64_t done)
{
    assert_queue(mq->t, 3, MMAPDEMO_QSTATE_PAUSED, MMAPDEMO_QERR_NONE);
    if (done) {
        mem_fill(mq->t, q_slot(mq, 0), 0xff, sizeof(Sqe));
    }
    q_set(mq->t, 3, CTL, MMAPDEMO_QCTL_RESUME);
    q_drain(mq);
    assert_cqe(mq, 0, .user = 42, .bytes = LEN);
    g_assert_cmpuint(moved(mq->t), ==, LEN);
}

static void queue_paused(const void *data)
{
    check_taken(data, take_turn, check_turn);
}

static void take_all(MmdTest *t)
{
    mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
}

static void check_all(MmdQueue *mq, uint64_t done)
{
    assert_queue(mq->t, 3, MMAPDEMO_QSTATE_DISABLED, MMAPDEMO_QERR_NONE);
    g_assert_cmpuint(mmd_get(mq->t, CNT_Q_DONE), ==, 0);
}

static void device_reset(const void *data)
{
    check_taken(data, take_all, check_all);
}

static void take_bus(MmdTest *t)
{
    mmd_bus_master(t, false);
}

static void check_bus(MmdQueue *mq, uint64_t done)
{
    g_assert_cmpuint(q_get(mq->t, 3, STATE), ==, MMAPDEMO_QSTATE_ERROR);
    mmd_bus_master(mq->t, true);
    vm_settle(mq->t->qts);
    g_assert_cmpuint(moved(mq->t), ==, done);
}

static void bus_master_off(const void *data)
{
    check_taken(data, take_bus, check_bus);
}

static void machine_stopped(const void *data)
{
    MmdTest *t = start(data, 1);
    unsigned middle = 0;

    for (int i = 0; i < ROUNDS; i++) {
        MmdQueue mq = begin(t);
        uint64_t done;

        if (i % 2) {
            until_begun(t);
        }
        vm_stop(t->qts);
        done = moved(t);
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        middle += done && done < LEN;
        vm_cont(t->qts);
        vcpu_wait(t, 0);
        q_drain(&mq);
        assert_cqe(&mq, 0, .user = 42, .bytes = LEN);
        g_assert_cmpuint(moved(t), ==, LEN);
        mmd_set(t, RESET, MMAPDEMO_RESET_KEY);
        w_usual(t, DOMAIN);
    }
    g_test_message("%u of %u in the middle of it", middle, ROUNDS);
    mmd_stop(t);
}

/* The work item holds the device it works for */
static void device_unplugged(const void *data)
{
    const MmdEngine *engine = data;
    g_autofree char *accel = g_strdup_printf(" %s", engine->more);

    for (int i = 0; i < 4; i++) {
        MmdTest *t = vcpu_start(accel, engine->props, true);
        uint64_t done;

        w_usual(t, DOMAIN);
        begin(t);
        until_rung(t);
        if (i % 2) {
            until_begun(t);
        }
        qtest_qmp_device_del_send(t->qts, "mmd0");
        port_eject(t->qts);
        g_assert_cmphex(mmd_cfg_read(t, PCI_VENDOR_ID, 4), ==, UINT32_MAX);
        done = moved(t);
        vcpu_wait(t, 0);
        vm_settle(t->qts);
        g_assert_cmpuint(moved(t), ==, done);
        /* freed once the vCPU looks up from its loop */
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'stop' }");
        qtest_qmp_eventwait(t->qts, "DEVICE_DELETED");
        mmd_stop(t);
    }
}

/* --- two vCPUs ------------------------------------------------------------ */

/* Each serves its queue; both are right, and so is a third, from here */
static void two_vcpus_two_queues(const void *data)
{
    MmdTest *t = start(data, 2);
    MmdQueue mq[3];
    const uint32_t len = 100000;

    for (unsigned q = 0; q < 3; q++) {
        mq[q] = q_open(t, q, 5, DOMAIN);
    }
    mem_number(t, RAM_BUF, 0, 3 * 20 * len);
    for (int round = 0; round < 10; round++) {
        for (unsigned q = 0; q < 3; q++) {
            for (unsigned i = 0; i < 20; i++) {
                Sqe sqe = {
                    .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_A,
                    .src_off = (q * 20 + i) * len, .dst_win = WIN_MEM,
                    .dst_off = (q * 20 + i) * len, .user = round << 8 | i,
                };

                q_put(&mq[q], &sqe);
            }
            q_publish(&mq[q]);
        }
        mem_fill(t, t->mem, 0, 3 * 20 * len);
        vcpu_ring(&mq[0], 0, VCPU_WRITE);
        vcpu_ring(&mq[1], 1, VCPU_WRITE);
        q_ring(&mq[2]);
        for (unsigned q = 0; q < 3; q++) {
            q_drain(&mq[q]);
            for (unsigned i = 0; i < 20; i++) {
                assert_cqe(&mq[q], mq[q].tail - 20 + i,
                           .user = round << 8 | i, .bytes = len);
            }
        }
        mem_assert_number(t, t->mem, 0, 3 * 20 * len);
        vcpu_wait(t, 0);
        vcpu_wait(t, 1);
    }
    g_assert_cmpuint(q_counts(t).descs, ==, 3 * 20 * 10);
    g_assert_cmpuint(q_counts(t).bytes, ==, 3ULL * 20 * 10 * len);
    mmd_stop(t);
}

/* Both ring for the same queue, without end: each descriptor is done once */
static void two_vcpus_hammer_one_queue(const void *data)
{
    MmdTest *t = start(data, 2);
    MmdQueue mq = q_open(t, 7, 6, DOMAIN);
    gint64 longest = 0;

    mem_number(t, RAM_BUF, 0, 64 * 1000);
    vcpu_ring(&mq, 0, VCPU_HAMMER);
    vcpu_ring(&mq, 1, VCPU_HAMMER);
    for (int round = 0; round < 20; round++) {
        gint64 before;

        mem_fill(t, t->mem, 0, 64 * 1000);
        for (unsigned i = 0; i < 64; i++) {
            Sqe sqe = {
                .op = MMAPDEMO_OP_COPY, .len = 1000, .src_win = WIN_A,
                .src_off = i * 1000, .dst_win = WIN_MEM, .dst_off = i * 1000,
                .user = round << 8 | i,
            };

            q_put(&mq, &sqe);
            if (round % 2) {
                q_publish(&mq);
            }
        }
        q_publish(&mq);
        q_wait(&mq, mq.tail - 1);
        for (unsigned i = 0; i < 64; i++) {
            assert_cqe(&mq, round * 64 + i, .user = round << 8 | i,
                       .bytes = 1000);
        }
        mem_assert_number(t, t->mem, 0, 64 * 1000);
        before = g_get_monotonic_time();
        qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
        longest = MAX(longest, g_get_monotonic_time() - before);
    }
    vcpu_hammer_end(t, 0);
    vcpu_hammer_end(t, 1);
    q_drain(&mq);
    g_assert_cmpuint(q_counts(t).descs, ==, 64 * 20);
    g_assert_cmpuint(q_counts(t).done, ==, 64 * 20);
    g_test_message("longest answer took %" PRId64 " us", longest);
    g_assert_cmpint(longest, <, 1 * G_USEC_PER_SEC);
    mmd_stop(t);
}

/* Two vCPUs ring for gigabytes, and the monitor is answered all the same */
static void monitor_answers_meanwhile(const void *data)
{
    MmdTest *t = start(data, 2);
    MmdQueue mq[2] = { q_open(t, 0, 12, DOMAIN), q_open(t, 1, 12, DOMAIN) };
    const Sqe work[] = {
        { .op = MMAPDEMO_OP_CRC32C, .len = LEN, .src_win = WIN_A },
        { .op = MMAPDEMO_OP_TIMED, .len = LEN, .src_win = WIN_A,
          .dst_win = WIN_MEM, .arg = 4 },
        { .op = MMAPDEMO_OP_TIMED, .len = 1, .src_win = WIN_A,
          .dst_win = WIN_MEM, .arg = MMAPDEMO_TIMED_MAX },
        { .op = MMAPDEMO_OP_NOP },
    };
    gint64 longest = 0;

    for (unsigned q = 0; q < 2; q++) {
        for (unsigned i = 0; i < 1000; i++) {
            q_put(&mq[q], &work[i % ARRAY_SIZE(work)]);
        }
        q_publish(&mq[q]);
        vcpu_ring(&mq[q], q, VCPU_HAMMER);
    }
    for (int i = 0; i < 40; i++) {
        gint64 before = g_get_monotonic_time();

        qtest_qmp_assert_success(t->qts, "{ 'execute': 'query-status' }");
        longest = MAX(longest, g_get_monotonic_time() - before);
        g_usleep(5000);
    }
    g_test_message("longest answer took %" PRId64 " us", longest);
    g_assert_cmpint(longest, <, 1 * G_USEC_PER_SEC);
    /* and the driver's writes get through as well */
    for (unsigned q = 0; q < 2; q++) {
        gint64 before = g_get_monotonic_time();

        q_set(t, q, CTL, MMAPDEMO_QCTL_DISABLE);
        g_assert_cmpuint(q_get(t, q, STATE), ==, MMAPDEMO_QSTATE_DISABLED);
        g_assert_cmpint(g_get_monotonic_time() - before, <,
                        1 * G_USEC_PER_SEC);
    }
    vcpu_hammer_end(t, 0);
    vcpu_hammer_end(t, 1);
    mmd_stop(t);
}

/* A window that comes and goes under two vCPUs that ring without end */
static void window_flickers_under_load(const void *data)
{
    MmdTest *t = start(data, 2);
    MmdQueue mq = q_open(t, 7, 6, DOMAIN);
    const uint32_t len = 200000;
    unsigned cut = 0;

    mem_fill(t, t->mem, 0x5a, len);
    vcpu_ring(&mq, 0, VCPU_HAMMER);
    vcpu_ring(&mq, 1, VCPU_HAMMER);
    for (int round = 0; round < 40; round++) {
        Sqe sqe = {
            .op = MMAPDEMO_OP_COPY, .len = len, .src_win = WIN_MEM,
            .dst_win = W,
        };
        g_autofree uint8_t *buf = g_malloc(16 * len);

        w_bus(t, W, RAM_BUF, WIN_SPAN, DOMAIN | W_WRITE);
        mem_fill(t, RAM_BUF, 0, 16 * len);
        for (unsigned i = 0; i < 16; i++) {
            sqe.dst_off = i * len;
            sqe.user = i;
            q_put(&mq, &sqe);
        }
        q_publish(&mq);
        for (int j = 0; j < round % 8; j++) {
            qtest_readl(t->qts, RAM_MSI);
        }
        w_close(t, W);
        mem_read(t, RAM_BUF, buf, 16 * len);
        q_wait(&mq, mq.tail - 1);
        for (unsigned i = 0; i < 16; i++) {
            Cqe cqe = q_cqe(&mq, mq.tail - 16 + i);

            g_assert_cmpuint(cqe.user, ==, i);
            for (uint32_t at = 0; at < len; at += 1 + at / 7) {
                g_assert_cmphex(buf[i * len + at], ==,
                                at < cqe.bytes ? 0x5a : 0);
            }
            g_assert_cmpuint(cqe.status == MMAPDEMO_CQ_OK, ==,
                             cqe.bytes == len);
            cut += cqe.status == MMAPDEMO_CQ_ABORTED;
        }
        for (unsigned i = 0; i < 16; i++) {
            Cqe cqe = q_cqe(&mq, mq.tail - 16 + i);

            mem_assert_fill(t, RAM_BUF + i * len + cqe.bytes, 0,
                            len - cqe.bytes);
        }
    }
    g_test_message("%u were cut short", cut);
    vcpu_hammer_end(t, 0);
    vcpu_hammer_end(t, 1);
    mmd_stop(t);
}

/* Who asked for a message gets it, also if PAUSE comes between the two */
static void pause_loses_no_message(const void *data)
{
    const MmdEngine *engine = data;
    MmdTest *t = start(engine, 1);
    MmdQueue mq = q_open(t, 7, 6, DOMAIN);
    Sqe nop = { .user = 1 };

    vcpu_ring(&mq, 0, VCPU_HAMMER);
    for (int i = 0; i < 3000; i++) {
        q_set_word(&mq, MMAPDEMO_RING_CQ_EVENT, mq.tail);
        q_put(&mq, &nop);
        q_publish(&mq);
        q_set(t, 7, CTL, MMAPDEMO_QCTL_PAUSE);
        q_set(t, 7, CTL, MMAPDEMO_QCTL_RESUME);
        q_wait(&mq, mq.tail - 1);
    }
    vcpu_hammer_end(t, 0);
    q_drain(&mq);
    vm_settle(t->qts);
    /* fewer than that, where two completions were told in one */
    g_assert_cmpuint(q_counts(t).asked, <=, 3000);
    g_assert_cmpuint(q_counts(t).asked, >, 1000);
    if (engine->reg == MMAPDEMO_ENGINE_THREAD ||
        engine->reg == MMAPDEMO_ENGINE_IOTHREAD) {
        /* a worker may ask again before its first message is sent */
        g_assert_cmpuint(q_counts(t).sent, <=, q_counts(t).asked);
        g_assert_cmpuint(q_counts(t).sent, >, q_counts(t).asked / 2);
    } else {
        g_assert_cmpuint(q_counts(t).sent, ==, q_counts(t).asked);
    }
    mmd_stop(t);
}

void add_queue_vcpu_tests(void)
{
    if (!qtest_has_accel("tcg")) {
        return;
    }
#define ADD(fn) add_engine_test("queue_vcpu", #fn, fn)
    ADD(window_taken_away);
    ADD(queue_disabled);
    ADD(queue_paused);
    ADD(device_reset);
    ADD(bus_master_off);
    ADD(machine_stopped);
    ADD(device_unplugged);
    ADD(two_vcpus_two_queues);
    ADD(two_vcpus_hammer_one_queue);
    ADD(monitor_answers_meanwhile);
    ADD(window_flickers_under_load);
    ADD(pause_loses_no_message);
#undef ADD
}
