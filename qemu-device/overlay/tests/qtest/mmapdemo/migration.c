/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo qtest: migration through a file, idle and in flight, and streams
 * that were tampered with.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "common.h"

#define LEN     MMAPDEMO_DMA_MAX_LEN
/* Not to be found in a stream by chance */
#define MAGIC   0x6d6d61706465306dULL

char *stream_new(void)
{
    char *path = g_strdup("/tmp/mmapdemo-test-XXXXXX");
    int fd = mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    return path;
}

void stream_free(char *path)
{
    unlink(path);
    g_free(path);
}

static char *migration_status(QTestState *qts)
{
    QDict *rsp = qtest_qmp(qts, "{ 'execute': 'query-migrate' }");
    QDict *ret = qdict_get_qdict(rsp, "return");
    char *status = g_strdup(qdict_get_try_str(ret, "status") ?: "none");

    qobject_unref(rsp);
    return status;
}

/* How often it has looked for dirty memory; it must not be over */
static unsigned migration_rounds(QTestState *qts)
{
    QDict *rsp = qtest_qmp(qts, "{ 'execute': 'query-migrate' }");
    QDict *ret = qdict_get_qdict(rsp, "return");
    unsigned rounds = 0;

    g_assert_cmpstr(qdict_get_try_str(ret, "status"), !=, "completed");
    if (qdict_haskey(ret, "ram")) {
        rounds = qdict_get_int(qdict_get_qdict(ret, "ram"),
                               "dirty-sync-count");
    }
    qobject_unref(rsp);
    return rounds;
}

/* Until it is over; true if it worked */
static bool migration_wait(QTestState *qts)
{
    gint64 end = g_get_monotonic_time() + 60 * G_USEC_PER_SEC;

    for (;;) {
        g_autofree char *status = migration_status(qts);

        if (!strcmp(status, "completed")) {
            return true;
        }
        if (!strcmp(status, "failed")) {
            return false;
        }
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

void stream_save(MmdTest *t, const char *path)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);

    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    g_assert_true(migration_wait(t->qts));
}

/*
 * A second machine made from the stream, not running yet; NULL if refused. Why,
 * it says on standard error, which is of no interest where it is expected to.
 */
MmdTest *stream_try_load(const char *path, const char *props, bool quiet)
{
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    g_autofree char *machine = mmd_machine();
    MmdTest *t = g_new0(MmdTest, 1);

    t->qts = qtest_initf("%s -device mmapdemo,id=mmd0,addr=4,%s "
                         "-incoming defer%s", machine, props,
                         quiet ? " 2>/dev/null" : "");
    t->devfn = 4 << 3;
    mmd_place(t, 0);
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate-incoming', "
                             "'arguments': { 'uri': %s, "
                             "'exit-on-error': false } }", uri);
    if (!migration_wait(t->qts)) {
        /* refused, and alive, though what was loaded so far is still there */
        qtest_system_reset(t->qts);
        mmd_stop(t);
        return NULL;
    }
    return t;
}

MmdTest *stream_load(const char *path, const char *props)
{
    MmdTest *t = stream_try_load(path, props, false);

    g_assert_nonnull(t);
    return t;
}

#define PROPS "mem-size=32M"

static void idle_state_travels(void)
{
    MmdTest *t = mmd_start(""), *u;
    g_autofree uint64_t *cnt = g_new(uint64_t, mmd_num_regs);
    char *path = stream_new();
    uint32_t err_code, err_info, err_count;
    MmdSnapshot snap;
    MmdDma dma = {
        .addr = RAM_BUF, .dev_off = 9, .len = 5000, .seq = MAGIC, .repeat = 3,
        .cmd = MMAPDEMO_DMA_CMD_TIMED,
    };

    mmd_msix_enable(t);
    mmd_msix_mask(t, MMAPDEMO_VEC_SW, true);
    mmd_set(t, SELFTEST, 0x12121212);
    mmd_set(t, SCRATCH32, 0x34343434);
    mmd_set(t, SCRATCH64, 0x5656565656565656);
    mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_SW);
    mmd_set(t, IRQ_RAISE, MMAPDEMO_IRQ_ALL);
    mem_number(t, RAM_BUF, 1, dma.len);
    mmd_dma_start(t, &dma);
    dma.cmd = MMAPDEMO_DMA_CMD_SG | MMAPDEMO_DMA_CMD_FROM_DEVICE;
    dma.sg_count = 3;
    dma.addr = RAM_SIZE - 16;
    mmd_dma_start(t, &dma);
    g_assert_cmpuint(mmd_get(t, DMA_SG_INDEX), ==, 1);
    mmd_read(t, 3, 1);
    mmd_read(t, MMAPDEMO_USER_BASE + 3, 1);

    vm_stop(t->qts);
    mmd_snapshot(t, &snap);
    err_code = mmd_get(t, ERR_CODE);
    err_info = mmd_get(t, ERR_INFO);
    err_count = mmd_get(t, ERR_COUNT);
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        if (mmd_regs[i].offset >= MMAPDEMO_CNT_FIRST) {
            cnt[i] = mmd_reg_read(t, mmd_regs[i].offset);
        }
    }
    stream_save(t, path);
    mmd_stop(t);

    u = stream_load(path, PROPS);
    for (unsigned i = 0; i < mmd_num_regs; i++) {
        if (mmd_regs[i].offset >= MMAPDEMO_CNT_FIRST) {
            g_assert_cmpuint(mmd_reg_read(u, mmd_regs[i].offset), ==, cnt[i]);
        }
    }
    mmd_assert_unchanged(u, &snap, 0);
    g_assert_cmphex(mmd_get(u, ERR_CODE), ==, err_code);
    g_assert_cmphex(mmd_get(u, ERR_INFO), ==, err_info);
    g_assert_cmphex(mmd_get(u, ERR_COUNT), ==, err_count);
    mem_assert_number(u, u->mem + 9, 1, dma.len);

    /* the pending message comes when its vector is unmasked, there */
    vm_cont(u->qts);
    g_assert_true(mmd_msix_pending(u, MMAPDEMO_VEC_SW));
    mmd_msix_mask(u, MMAPDEMO_VEC_SW, false);
    g_assert_true(mmd_msi_arrived(u, MMAPDEMO_VEC_SW));
    mmd_stop(u);
    stream_free(path);
}

/* DMA into BAR2 during the live phase has to be sent again: it is dirty */
static void memory_written_by_dma_is_dirty(void)
{
    MmdTest *t = mmd_start(""), *u;
    char *path = stream_new();
    g_autofree char *uri = g_strdup_printf("file:%s", path);
    MmdDma dma = { .addr = RAM_BUF, .len = 1 * MiB, .seq = 1 };

    for (unsigned i = 0; i < 24; i++) {
        mem_number(t, RAM_BUF + i * MiB, 40 + i, 256 * KiB);
        mem_number(t, t->mem + i * MiB, 90 + i, 256 * KiB);
    }
    mem_number(t, RAM_BUF2, 7, 2 * MiB);
    /*
     * So slow, and with so much that becomes dirty again, that it goes round
     * and round. Only what was sent before it was written shows a missing mark.
     */
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate-set-parameters', "
                             "'arguments': { 'max-bandwidth': 100000000, "
                             "'downtime-limit': 1 } }");
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate', "
                             "'arguments': { 'uri': %s } }", uri);
    for (uint8_t pattern = 1; migration_rounds(t->qts) < 3; pattern++) {
        mem_fill(t, RAM_LIST, pattern, 12 * MiB);
    }
    /* not to come to its end, which stops the machine, before the DMA does */
    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate-set-parameters', "
                             "'arguments': { 'max-bandwidth': 500000 } }");
    mem_fill(t, RAM_LIST, 0xaa, 12 * MiB);

    /* inline and by slices, each direction, and through BAR5 */
    dma.addr = RAM_BUF2;
    dma.dev_off = 1 * MiB;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    dma.dev_off = 24 * MiB;
    dma.len = 4000;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    dma.addr = RAM_BUF;
    dma.dev_off = 1 * MiB;
    dma.len = 512 * KiB;
    dma.cmd = MMAPDEMO_DMA_CMD_FROM_DEVICE;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    dma.addr = RAM_BUF2 + 8 * MiB;
    dma.len = 3000;
    mmd_dma_expect(t, &dma, MMAPDEMO_ERR_NONE, dma.len);
    qtest_writeq(t->qts, t->alias + 0x3000, MAGIC);
    qtest_writeb(t->qts, t->alias + 0x8fff, 0x77);

    qtest_qmp_assert_success(t->qts, "{ 'execute': 'migrate-set-parameters', "
                             "'arguments': { 'max-bandwidth': 0, "
                             "'downtime-limit': 30000 } }");
    g_assert_true(migration_wait(t->qts));
    mmd_stop(t);

    u = stream_load(path, PROPS);
    mem_assert_number(u, u->mem + 1 * MiB, 7, 1 * MiB);
    g_assert_cmphex(qtest_readq(u->qts, u->mem + 0x3000), ==, MAGIC);
    g_assert_cmphex(qtest_readb(u->qts, u->mem + 0x8fff), ==, 0x77);
    mem_assert_number(u, u->mem + 24 * MiB, 7, 4000);
    mem_assert_number(u, RAM_BUF, 7, 512 * KiB);
    mem_assert_number(u, RAM_BUF2 + 8 * MiB, 7, 3000);
    mem_assert_number(u, u->mem + 20 * MiB, 110, 256 * KiB);
    mmd_stop(u);
    stream_free(path);
}

/* num elements of 4 KiB, every other page of RAM_BUF */
static void put_list(MmdTest *t, unsigned num)
{
    g_autofree struct mmapdemo_hw_sg *sg = g_new0(struct mmapdemo_hw_sg, num);

    for (unsigned i = 0; i < num; i++) {
        sg[i].addr = cpu_to_le64(RAM_BUF + i * 8192ULL);
        sg[i].len = cpu_to_le32(4096);
    }
    mem_write(t, RAM_LIST, sg, num * sizeof(*sg));
}

static void check_in_flight(bool list)
{
    /* at the start, and as far as it came */
    for (int running = 0; running < 2; running++) {
        MmdTest *t = mmd_start(""), *u;
        char *path = stream_new();
        unsigned num = list ? 1000 : 1;
        uint32_t each = list ? 4096 : LEN;
        MmdDma dma = {
            .addr = list ? RAM_LIST : RAM_BUF, .dev_off = 4096,
            .len = num * each, .sg_count = num, .seq = MAGIC,
            .cmd = MMAPDEMO_DMA_CMD_IRQ |
                   (list ? MMAPDEMO_DMA_CMD_SG : 0),
        };
        uint64_t done;

        mmd_msix_enable(t);
        mmd_set(t, IRQ_ENABLE, MMAPDEMO_IRQ_DMA);
        mem_number(t, RAM_BUF, 3, LEN);
        put_list(t, 1000);
        if (!running) {
            vm_stop(t->qts);
        }
        mmd_dma_start(t, &dma);
        /* what was read of the list travels, not the list */
        mem_fill(t, RAM_LIST, 0xff, 64 * KiB);
        if (running) {
            vm_stop(t->qts);
        }
        done = mmd_get(t, CNT_DMA_TO_DEV);
        if (!running) {
            g_assert_cmpuint(done, ==, 0);
        }
        g_test_message("%" PRIu64 " bytes moved at the source", done);
        stream_save(t, path);
        mmd_stop(t);

        u = stream_load(path, PROPS);
        g_assert_cmpuint(mmd_get(u, CNT_DMA_TO_DEV), ==, done);
        vm_settle(u->qts);
        g_assert_cmpuint(mmd_get(u, CNT_DMA_TO_DEV), ==, done);
        vm_cont(u->qts);
        mmd_dma_wait(u);
        g_assert_cmphex(mmd_get(u, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
        g_assert_cmphex(mmd_get(u, DMA_DONE_SEQ), ==, MAGIC);
        g_assert_cmpuint(mmd_get(u, DMA_DONE_BYTES), ==, dma.len);
        g_assert_cmpuint(mmd_get(u, CNT_DMA_TO_DEV), ==, dma.len);
        g_assert_true(mmd_msi_arrived(u, MMAPDEMO_VEC_DMA));
        for (unsigned i = 0; i < num; i++) {
            mem_assert_number(u, u->mem + 4096 + i * each, 3 + i * 8192, each);
        }
        mem_assert_fill(u, u->mem, 0, 4096);
        mem_assert_fill(u, u->mem + 4096 + dma.len, 0, 4096);
        mmd_stop(u);
        stream_free(path);
    }
}

static void transfer_in_flight_goes_on(void)
{
    check_in_flight(false);
}

static void list_in_flight_goes_on(void)
{
    check_in_flight(true);
}

static void other_properties_are_refused(void)
{
    MmdTest *t = mmd_start("dma-mask=0xfffffff"), *u;
    char *path = stream_new();

    stream_save(t, path);
    mmd_stop(t);
    g_assert_null(stream_try_load(path, PROPS, true));
    g_assert_null(stream_try_load(path, "mem-size=64M,dma-mask=0xfffffff",
                                  true));
    u = stream_load(path, "mem-size=32M,dma-mask=0xfffffff");
    mmd_stop(u);
    stream_free(path);
}

/* --- streams that lie ----------------------------------------------------- */

/* A stream with a transfer pending, and where in it its fields are */
typedef struct Stream {
    char *path;
    size_t at_regs;     /* dma_seq of the registers */
    size_t at_xfer;     /* seq of the transfer */
} Stream;

/*
 * Bytes after the end, which nobody reads of an honest stream. A loader that
 * believes a count would else run out of stream before it runs out of list.
 */
static void stream_pad(const char *path)
{
    g_autofree char *pad = g_malloc(8 * MiB);
    int fd = open(path, O_WRONLY | O_APPEND);

    memset(pad, 0x11, 8 * MiB);
    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(write(fd, pad, 8 * MiB), ==, 8 * MiB);
    close(fd);
}

static void stream_pending(Stream *st, uint32_t cmd)
{
    MmdTest *t = mmd_start("");
    bool list = cmd & MMAPDEMO_DMA_CMD_SG;
    MmdDma dma = {
        .addr = list ? RAM_LIST : RAM_BUF, .len = 8 * 4096, .sg_count = 8,
        .repeat = 2, .seq = MAGIC, .cmd = cmd,
    };
    uint64_t magic = cpu_to_be64(MAGIC);
    g_autofree char *data = NULL;
    char *first, *second;
    gsize len;

    st->path = stream_new();
    put_list(t, 8);
    vm_stop(t->qts);
    mmd_dma_start(t, &dma);
    g_assert_cmpuint(mmd_dma_state(t), ==, MMAPDEMO_DMA_STATE_BUSY);
    stream_save(t, st->path);
    mmd_stop(t);
    stream_pad(st->path);

    g_assert_true(g_file_get_contents(st->path, &data, &len, NULL));
    first = memmem(data, len, &magic, sizeof(magic));
    g_assert_nonnull(first);
    second = memmem(first + 1, data + len - first - 1, &magic, sizeof(magic));
    g_assert_nonnull(second);
    g_assert_null(memmem(second + 1, data + len - second - 1, &magic,
                         sizeof(magic)));
    st->at_regs = first - data;
    st->at_xfer = second - data;
}

/* Change width bytes of the file, big endian; returns what was there */
static uint64_t poke(const char *path, size_t at, unsigned width, uint64_t val)
{
    int fd = open(path, O_RDWR);
    uint8_t buf[8] = { };
    uint64_t old = 0;

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(pread(fd, buf, width, at), ==, width);
    for (unsigned i = 0; i < width; i++) {
        old = old << 8 | buf[i];
        buf[i] = val >> (width - 1 - i) * 8;
    }
    g_assert_cmpint(pwrite(fd, buf, width, at), ==, width);
    close(fd);
    return old;
}

typedef struct Lie {
    const char *name;
    int at;
    unsigned width;
    uint64_t val;
} Lie;

/* relative to dma_seq of the registers */
static const Lie register_lies[] = {
    { "irq_status", -32, 4, 4 },
    { "irq_enable", -28, 4, 0x80000000 },
    { "err_code", -44, 4, MMAPDEMO_ERR_MAX + 1 },
    { "dma_state", 12, 4, 4 },
    { "dma_state error without one", 12, 4, MMAPDEMO_DMA_STATE_ERROR },
    { "dma_error while busy", 16, 4, MMAPDEMO_ERR_BUS },
    { "dma_error", 16, 4, MMAPDEMO_ERR_MAX + 1 },
    { "dma_sg_index", 44, 4, MMAPDEMO_DMA_MAX_SG + 1 },
};

/* relative to seq of the transfer; those of any kind of transfer */
static const Lie transfer_lies[] = {
    { "dev_off at the end", 16, 8, BAR2_SIZE - 4096 },
    { "dev_off", 16, 8, UINT64_MAX },
    { "len 0", 24, 4, 0 },
    { "len too long", 24, 4, MMAPDEMO_DMA_MAX_LEN + 1 },
    { "cmd without START", 28, 4, MMAPDEMO_DMA_CMD_IRQ },
    { "cmd ABORT", 28, 4, MMAPDEMO_DMA_CMD_START | MMAPDEMO_DMA_CMD_ABORT },
    { "cmd SG and TIMED", 28, 4, MMAPDEMO_DMA_CMD_START |
                                 MMAPDEMO_DMA_CMD_SG | MMAPDEMO_DMA_CMD_TIMED },
    { "repeat 0", 32, 4, 0 },
    { "repeat too many", 32, 4, MMAPDEMO_DMA_TIMED_MAX },
    { "done all", 48, 8, 16 * 4096 },
    { "done more than all", 48, 8, UINT64_MAX },
    { "done wraps", 48, 8, 1ULL << 63 },
};

static const Lie plain_lies[] = {
    { "addr wraps", 8, 8, UINT64_MAX - 4096 },
    { "repeat without TIMED", 32, 4, 2 },
    { "sg_pos without SG", 40, 4, 1 },
    { "sg_off without SG", 44, 4, 1 },
};

static const Lie timed_lies[] = {
    { "done half a copy", 48, 8, 100 },
    { "TIMED missing", 28, 4, MMAPDEMO_DMA_CMD_START },
};

static const Lie list_lies[] = {
    { "sg_count 0", 36, 4, 0 },
    { "sg_count 4098", 36, 4, MMAPDEMO_DMA_MAX_SG + 1 },
    { "sg_count 2^32 - 1", 36, 4, UINT32_MAX },
    { "sg_pos at the end", 40, 4, 8 },
    { "sg_pos", 40, 4, UINT32_MAX },
    { "sg_pos ahead of done", 40, 4, 1 },
    { "sg_off ahead of done", 44, 4, 5 },
    { "sg_off", 44, 4, 4096 },
    { "done ahead of sg_pos", 48, 8, 4096 },
    { "element address wraps", 64, 8, UINT64_MAX },
    { "element length 0", 72, 4, 0 },
    { "element length", 72, 4, UINT32_MAX },
    { "sum", 72, 4, 4095 },
};

static void check_lies(const Stream *st, size_t base, const Lie *lies,
                       unsigned num)
{
    for (unsigned i = 0; i < num; i++) {
        size_t at = base + lies[i].at;
        uint64_t old = poke(st->path, at, lies[i].width, lies[i].val);

        if (stream_try_load(st->path, PROPS, true)) {
            g_error("accepted: %s", lies[i].name);
        }
        poke(st->path, at, lies[i].width, old);
    }
}

static void check_pending_lies(uint32_t cmd, const Lie *lies, unsigned num)
{
    Stream st;
    MmdTest *u;

    stream_pending(&st, cmd);
    check_lies(&st, st.at_xfer, lies, num);
    if (!cmd) {
        check_lies(&st, st.at_regs, register_lies, ARRAY_SIZE(register_lies));
        check_lies(&st, st.at_xfer, transfer_lies, ARRAY_SIZE(transfer_lies));
    }

    /* put right again it loads, so it was the lies */
    u = stream_load(st.path, PROPS);
    vm_cont(u->qts);
    mmd_dma_wait(u);
    g_assert_cmphex(mmd_get(u, DMA_STATUS), ==, MMAPDEMO_DMA_STATE_DONE);
    mmd_stop(u);
    stream_free(st.path);
}

static void lies_about_transfer_are_refused(void)
{
    check_pending_lies(0, plain_lies, ARRAY_SIZE(plain_lies));
}

static void lies_about_list_are_refused(void)
{
    check_pending_lies(MMAPDEMO_DMA_CMD_SG, list_lies, ARRAY_SIZE(list_lies));
}

static void lies_about_timed_run_are_refused(void)
{
    check_pending_lies(MMAPDEMO_DMA_CMD_TIMED, timed_lies,
                       ARRAY_SIZE(timed_lies));
}

/* Bytes changed at random: refused, or a machine that can be used and reset */
static void random_streams_do_no_harm(void)
{
    unsigned rounds = g_test_slow() ? 300 : 15, refused = 0;
    Stream st;

    stream_pending(&st, MMAPDEMO_DMA_CMD_SG);
    for (unsigned i = 0; i < rounds; i++) {
        size_t from = st.at_regs - 64, to = st.at_xfer + 64 + 8 * 12;
        size_t at[3];
        uint8_t old[3];
        MmdTest *u;

        for (int j = 0; j < 3; j++) {
            at[j] = g_test_rand_int_range(from, to);
            old[j] = poke(st.path, at[j], 1, g_test_rand_int_range(0, 256));
        }
        u = stream_try_load(st.path, PROPS, true);
        if (u) {
            vm_cont(u->qts);
            vm_settle(u->qts);
            mmd_set(u, DMA_CMD, MMAPDEMO_DMA_CMD_ABORT);
            qtest_system_reset(u->qts);
            mmd_setup(u);
            g_assert_cmphex(mmd_get(u, ID), ==, MMAPDEMO_ID);
            mmd_stop(u);
        } else {
            refused++;
        }
        for (int j = 2; j >= 0; j--) {
            poke(st.path, at[j], 1, old[j]);
        }
    }
    g_test_message("%u of %u streams were refused", refused, rounds);
    stream_free(st.path);
}

void add_migration_tests(void)
{
#define ADD(fn) qtest_add_func("/mmapdemo/migration/" #fn, fn)
    ADD(idle_state_travels);
    ADD(memory_written_by_dma_is_dirty);
    ADD(transfer_in_flight_goes_on);
    ADD(list_in_flight_goes_on);
    ADD(other_properties_are_refused);
    ADD(lies_about_transfer_are_refused);
    ADD(lies_about_list_are_refused);
    ADD(lies_about_timed_run_are_refused);
    ADD(random_streams_do_no_harm);
#undef ADD
}
