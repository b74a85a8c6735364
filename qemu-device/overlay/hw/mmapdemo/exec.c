/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmapdemo: what one descriptor does. It was read once, into memory the guest
 * cannot reach; the same goes for each element of its lists. First checked,
 * then used: windows again with each slice, since they may be taken away.
 */

#include "qemu/osdep.h"
#include "qemu/bswap.h"
#include "qemu/crc32c.h"
#include "qemu/timer.h"
#include "queue-internal.h"
#include "trace.h"

/* The most that is done while somebody waits for the owner to be quiet */
#define SLICE_BYTES         (64 * KiB)
#define SLICE_CRC_BYTES     (4 * KiB)
#define SLICE_PIECES        64
/* Between two looks at the clock */
#define SLICE_TIMED_BYTES   (1 * MiB)
/* Places that a timed slice can write to, neighbours taken together */
#define SLICE_TIMED_SPANS   ((SLICE_TIMED_BYTES + SLICE_BYTES) / (4 * KiB) + 4)

/* Estimates, on the high side: ns, and for bytes 1/16 ns */
#define COST_DESC           100
#define COST_PIECE          60
#define COST_BYTE           3
#define COST_CRC_BYTE       40

/* A copy of one byte takes as long as one of 64 */
#define TIMED_LEN_MIN       64

/* What an operation uses; what it does not use has to be 0 */
enum {
    OP_SRC = 1,
    OP_DST = 2,
    OP_DST_READ = 4,        /* dst is not written */
    OP_LISTS = 8,
    OP_ARG = 16,
    OP_ARG32 = 32,
};

static const uint8_t op_uses[] = {
    [MMAPDEMO_OP_NOP]     = 0,
    [MMAPDEMO_OP_COPY]    = OP_SRC | OP_DST | OP_LISTS,
    [MMAPDEMO_OP_FILL]    = OP_DST | OP_LISTS | OP_ARG,
    [MMAPDEMO_OP_COMPARE] = OP_SRC | OP_DST | OP_DST_READ | OP_LISTS,
    [MMAPDEMO_OP_CRC32C]  = OP_SRC | OP_LISTS | OP_ARG | OP_ARG32,
    [MMAPDEMO_OP_TIMED]   = OP_SRC | OP_DST | OP_ARG,
};
QEMU_BUILD_BUG_ON(ARRAY_SIZE(op_uses) != MMAPDEMO_OP_MAX + 1);

static uint64_t work_total(const MmapdemoWork *w)
{
    return (uint64_t)w->sqe.len *
           (w->sqe.op == MMAPDEMO_OP_TIMED ? w->sqe.arg : 1);
}

static void work_finish(MmapdemoWork *w, uint16_t status, uint32_t detail)
{
    w->finished = true;
    w->status = status;
    w->detail = detail;
    if (status && status != MMAPDEMO_CQ_MISCOMPARE) {
        w->aux = 0;
    }
}

/* --- checks: their order is part of the specification --------------------- */

static bool unused_is_zero(const struct mmapdemo_hw_sqe *d, unsigned uses)
{
    if (d->reserved0 | d->reserved1 | d->reserved2 | d->reserved3) {
        return false;
    }
    if (!(uses & OP_SRC) && (d->nsrc || d->src_win || d->src_off)) {
        return false;
    }
    if (!(uses & OP_DST) && (d->ndst || d->dst_win || d->dst_off)) {
        return false;
    }
    if (!(uses & OP_LISTS) && (d->nsrc || d->ndst)) {
        return false;
    }
    if (!(uses & OP_ARG) && d->arg) {
        return false;
    }
    return !(uses & OP_ARG32) || d->arg <= UINT32_MAX;
}

static bool length_is_allowed(const struct mmapdemo_hw_sqe *d)
{
    if (d->op == MMAPDEMO_OP_NOP) {
        return d->len == 0;
    }
    if (d->len == 0 || d->len > MMAPDEMO_QUEUE_MAX_LEN) {
        return false;
    }
    return d->op != MMAPDEMO_OP_TIMED ||
           (d->arg && d->arg <= MMAPDEMO_TIMED_MAX / d->len);
}

static uint16_t check_use(MmapdemoQueue *q, uint32_t win, uint64_t off,
                          uint64_t len, uint32_t access, uint64_t *serial)
{
    MmapdemoState *s = q->s;
    const MmapdemoWindow *w;

    if (win >= s->num_windows) {
        return MMAPDEMO_CQ_WINDOW;
    }
    w = &s->queues->window[win];
    if (!(w->cfg & MMAPDEMO_WCFG_VALID) ||
        (q->ctx.pd && q->ctx.pd != (w->cfg & MMAPDEMO_WCFG_PD))) {
        return MMAPDEMO_CQ_WINDOW;
    }
    if (!(w->cfg & access)) {
        return MMAPDEMO_CQ_ACCESS;
    }
    if (len > w->len || off > w->len - len) {
        return MMAPDEMO_CQ_RANGE;
    }
    *serial = w->serial;
    return MMAPDEMO_CQ_OK;
}

/* One piece is checked whole; of a list, so far, where it is */
static uint16_t check_side(MmapdemoQueue *q, MmapdemoSide *side, uint32_t num,
                           uint32_t win, uint64_t off, uint32_t access)
{
    if (num) {
        return check_use(q, win, off, num * sizeof(struct mmapdemo_hw_sge),
                         MMAPDEMO_WCFG_READ, &side->list_serial);
    }
    side->win = win;
    side->off = off;
    side->left = q->work.sqe.len;
    side->sum = side->left;
    return check_use(q, win, off, side->left, access, &side->serial);
}

static uint16_t check(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    const struct mmapdemo_hw_sqe *d = &w->sqe;
    unsigned uses;
    uint16_t status = MMAPDEMO_CQ_OK;

    if (d->op > MMAPDEMO_OP_MAX) {
        return MMAPDEMO_CQ_OPCODE;
    }
    uses = op_uses[d->op];
    if (!unused_is_zero(d, uses)) {
        return MMAPDEMO_CQ_RESERVED;
    }
    if (!length_is_allowed(d)) {
        return MMAPDEMO_CQ_LENGTH;
    }
    if (d->nsrc > MMAPDEMO_QUEUE_MAX_LIST ||
        d->ndst > MMAPDEMO_QUEUE_MAX_LIST) {
        return MMAPDEMO_CQ_LIST;
    }
    if (uses & OP_SRC) {
        status = check_side(q, &w->src, d->nsrc, d->src_win, d->src_off,
                            MMAPDEMO_WCFG_READ);
    }
    if (!status && uses & OP_DST) {
        status = check_side(q, &w->dst, d->ndst, d->dst_win, d->dst_off,
                            uses & OP_DST_READ ? MMAPDEMO_WCFG_READ
                                               : MMAPDEMO_WCFG_WRITE);
    }
    return status;
}

static void sqe_to_cpu(struct mmapdemo_hw_sqe *d)
{
    le16_to_cpus(&d->nsrc);
    le16_to_cpus(&d->ndst);
    le16_to_cpus(&d->reserved1);
    le32_to_cpus(&d->len);
    le32_to_cpus(&d->reserved2);
    le32_to_cpus(&d->src_win);
    le32_to_cpus(&d->dst_win);
    le64_to_cpus(&d->src_off);
    le64_to_cpus(&d->dst_off);
    le64_to_cpus(&d->arg);
    le64_to_cpus(&d->user);
    le64_to_cpus(&d->reserved3);
}

/* What x-fault-dma makes of a descriptor that was found good */
static void inject(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    const struct mmapdemo_hw_sqe *d = &w->sqe;

    switch (mmapdemo_fault_dma(q->s, d->user)) {
    case MMAPDEMO_FAULT_DMA_FAIL:
        w->cut = work_total(w);
        break;
    case MMAPDEMO_FAULT_DMA_SHORT:
        w->cut = d->op == MMAPDEMO_OP_TIMED ? (d->arg - d->arg / 2) * d->len
                                            : d->len - d->len / 2;
        break;
    case MMAPDEMO_FAULT_DMA_STUCK:
        w->delay_over = false;  /* nor will it be: queue_delay() */
        return;
    default:
        return;
    }
    if (w->cut == work_total(w)) {
        work_finish(w, MMAPDEMO_CQ_INJECTED, 0);
    }
}

void mmapdemo_exec_start(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    uint16_t status;

    /* As one; and below only what is used: this is done for 64 bytes, too */
    w->sqe = q->burst[q->burst_pos++];
    sqe_to_cpu(&w->sqe);
    w->active = true;
    w->delay_over = !q->s->delay_ns;
    w->finished = false;
    w->done = 0;
    w->cut = 0;
    w->aux = 0;
    w->src.left = w->src.pos = w->src.sum = 0;
    w->dst.left = w->dst.pos = w->dst.sum = 0;
    trace_mmapdemo_queue_start(q->s->name, w->sqe.user, q->index, q->head,
                               w->sqe.op, w->sqe.len, w->sqe.nsrc,
                               w->sqe.ndst);
    status = check(q);
    if (status) {
        work_finish(w, status, 0);
        return;
    }
    if (w->sqe.op == MMAPDEMO_OP_CRC32C) {
        w->aux = (uint32_t)~w->sqe.arg;
    }
    if (unlikely(qatomic_read(&q->s->fault_dma))) {
        inject(q);
    }
}

int64_t mmapdemo_exec_cost(const MmapdemoQueue *q)
{
    const MmapdemoWork *w = &q->work;
    uint64_t left;
    int64_t cost = COST_DESC;

    if (w->finished) {
        return cost;    /* and its fields may be anything */
    }
    left = work_total(w) - w->done;
    cost += (w->sqe.nsrc + w->sqe.ndst - w->src.pos - w->dst.pos) * COST_PIECE;
    if (w->sqe.op == MMAPDEMO_OP_TIMED) {
        left += work_total(w) / w->sqe.len * TIMED_LEN_MIN;
    }
    return cost + left * (w->sqe.op == MMAPDEMO_OP_CRC32C ? COST_CRC_BYTE
                                                          : COST_BYTE) / 16;
}

/* --- lists ---------------------------------------------------------------- */

static bool window_is(MmapdemoQueue *q, uint32_t win, uint64_t serial)
{
    return q->s->queues->window[win].serial == serial;
}

/*
 * Read the next element of a list, check it, make it the piece. False: want is
 * set. An element may lie across two pages.
 */
static bool next_piece(MmapdemoQueue *q, MmapdemoSide *side, uint32_t num,
                       uint32_t list_win, uint64_t list_off, uint32_t access)
{
    MmapdemoWork *w = &q->work;
    struct mmapdemo_hw_sge raw;
    uint32_t have = 0, len;
    uint16_t status;

    if (side->pos == num) {
        work_finish(w, MMAPDEMO_CQ_LIST, num - 1);  /* the sum is too small */
        return true;
    }
    if (!window_is(q, list_win, side->list_serial)) {
        work_finish(w, MMAPDEMO_CQ_ABORTED, side->pos);
        return true;
    }
    while (have < sizeof(raw)) {
        MmapdemoSpan span;

        if (!mmapdemo_span_find(q, MMAPDEMO_USE_LIST, list_win,
                                list_off + side->pos * sizeof(raw) + have,
                                sizeof(raw) - have, false, &span)) {
            return false;
        }
        memcpy((uint8_t *)&raw + have, span.host, span.len);
        have += span.len;
    }
    barrier();

    len = le32_to_cpu(raw.len);
    if (len == 0 || len > w->sqe.len - side->sum) {
        work_finish(w, MMAPDEMO_CQ_LIST, side->pos);
        return true;
    }
    side->win = le32_to_cpu(raw.win);
    side->off = le64_to_cpu(raw.off);
    status = check_use(q, side->win, side->off, len, access, &side->serial);
    if (status) {
        work_finish(w, status, side->pos);
        return true;
    }
    side->left = len;
    side->sum += len;
    side->pos++;
    return true;
}

/* Element the side is in, for a completion */
static uint32_t side_detail(const MmapdemoSide *side)
{
    return side->pos ? side->pos - 1 : 0;
}

/* The same, where what was wanted turned out not to be RAM */
static uint32_t failed_detail(MmapdemoQueue *q, unsigned uses)
{
    const MmapdemoWork *w = &q->work;

    switch (q->want.use) {
    case MMAPDEMO_USE_SRC:
        return side_detail(&w->src);
    case MMAPDEMO_USE_DST:
        return side_detail(&w->dst);
    default:
        /* The element itself; the source's list is read first */
        return uses & OP_SRC && !w->src.left ? w->src.pos : w->dst.pos;
    }
}

/* --- what is done with bytes ---------------------------------------------- */

static void fill(uint8_t *dst, uint64_t pattern, uint64_t phase, size_t len)
{
    uint64_t turned = cpu_to_le64(ror64(pattern, phase % 8 * 8));
    size_t i;

    for (i = 0; i + 8 <= len; i += 8) {
        memcpy(dst + i, &turned, 8);
    }
    memcpy(dst + i, &turned, len - i);
}

/* Bytes up to the first difference */
static size_t compare(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;

    if (!memcmp(a, b, len)) {
        return len;
    }
    while (i + 64 <= len && !memcmp(a + i, b + i, 64)) {
        i += 64;
    }
    /* Once more: the guest may have made them equal meanwhile */
    while (i < len && a[i] == b[i]) {
        i++;
    }
    return i;
}

static void do_bytes(MmapdemoQueue *q, MmapdemoSpan *src, MmapdemoSpan *dst,
                     uint32_t len)
{
    MmapdemoWork *w = &q->work;
    uint32_t did = len;

    switch (w->sqe.op) {
    case MMAPDEMO_OP_COPY:
        /* memmove: two addresses of the guest may be one of the host */
        memmove(dst->host, src->host, len);
        mmapdemo_span_written(q, dst, len);
        break;
    case MMAPDEMO_OP_FILL:
        fill(dst->host, w->sqe.arg, w->done, len);
        mmapdemo_span_written(q, dst, len);
        break;
    case MMAPDEMO_OP_COMPARE:
        did = compare(src->host, dst->host, len);
        if (did < len) {
            w->aux = w->done + did;
            work_finish(w, MMAPDEMO_CQ_MISCOMPARE, 0);
        }
        break;
    case MMAPDEMO_OP_CRC32C:
        /* Undo the final inversion: more may follow */
        w->aux = (uint32_t)~crc32c(w->aux, src->host, len);
        break;
    }
    w->done += did;
    MMAPDEMO_COUNT(q->counts.bytes, did);
}

/* Went len bytes on; a side that is not used stays what it is */
static void side_advance(MmapdemoSide *side, uint32_t len)
{
    if (side->left) {
        side->off += len;
        side->left -= len;
    }
}

static void slice_end(MmapdemoWork *w)
{
    if (w->finished || w->done < work_total(w) - w->cut) {
        return;
    }
    if (w->cut) {
        work_finish(w, MMAPDEMO_CQ_INJECTED, 0);
        return;
    }
    /* A list is not empty, so one that goes on adds up to too much */
    if (w->src.pos < w->sqe.nsrc) {
        work_finish(w, MMAPDEMO_CQ_LIST, w->src.pos);
    } else if (w->dst.pos < w->sqe.ndst) {
        work_finish(w, MMAPDEMO_CQ_LIST, w->dst.pos);
    } else {
        work_finish(w, MMAPDEMO_CQ_OK, 0);
    }
    if (w->sqe.op == MMAPDEMO_OP_CRC32C) {
        w->aux = (uint32_t)~w->aux;
    }
}

/* Both ends of what is next, up to *len. False: want is set, or it finished */
static inline bool resolve(MmapdemoQueue *q, unsigned uses, MmapdemoSpan *src,
                           MmapdemoSpan *dst, uint64_t *len)
{
    MmapdemoWork *w = &q->work;
    bool write = !(uses & OP_DST_READ);

    if (uses & OP_SRC) {
        if (!window_is(q, w->src.win, w->src.serial)) {
            work_finish(w, MMAPDEMO_CQ_ABORTED, side_detail(&w->src));
            return false;
        }
        *len = MIN(*len, w->src.left);
        if (!mmapdemo_span_find(q, MMAPDEMO_USE_SRC, w->src.win, w->src.off,
                                *len, false, src)) {
            return false;
        }
        *len = src->len;
    }
    if (uses & OP_DST) {
        if (!window_is(q, w->dst.win, w->dst.serial)) {
            work_finish(w, MMAPDEMO_CQ_ABORTED, side_detail(&w->dst));
            return false;
        }
        *len = MIN(*len, w->dst.left);
        if (!mmapdemo_span_find(q, MMAPDEMO_USE_DST, w->dst.win, w->dst.off,
                                *len, write, dst)) {
            return false;
        }
        *len = dst->len;
    }
    return true;
}

/* Remember where was written, to be marked when the clock has been read */
static unsigned timed_written(MmapdemoQueue *q, MmapdemoSpan *written,
                              unsigned num, const MmapdemoSpan *dst,
                              uint64_t len)
{
    MmapdemoSpan *last = num ? &written[num - 1] : NULL;

    if (last && last->mr == dst->mr && last->host + last->len == dst->host) {
        last->len += len;
        return num;
    }
    if (num == SLICE_TIMED_SPANS) {
        mmapdemo_span_written(q, dst, len);
        return num;
    }
    written[num] = *dst;
    written[num].len = len;
    return num + 1;
}

/*
 * Copies over and over; the clock is read around as many of them as a slice
 * has, and sees nothing else.
 */
static void slice_timed(MmapdemoQueue *q, int64_t *budget)
{
    MmapdemoWork *w = &q->work;
    MmapdemoSpan written[SLICE_TIMED_SPANS];
    unsigned num_written = 0;
    uint64_t total = work_total(w) - w->cut, cost = 0;
    uint32_t begin = w->done;
    int64_t start = get_clock();

    while (w->done < total && cost < SLICE_TIMED_BYTES &&
           !qatomic_read(&q->hold)) {
        MmapdemoSpan src, dst;
        uint64_t len = MIN(w->src.left, SLICE_BYTES);

        if (!resolve(q, OP_SRC | OP_DST, &src, &dst, &len)) {
            break;
        }
        memmove(dst.host, src.host, len);
        /* After one round the rest goes where the first went */
        if (w->done - begin < w->sqe.len) {
            num_written = timed_written(q, written, num_written, &dst,
                                        len);
        }
        side_advance(&w->src, len);
        side_advance(&w->dst, len);
        w->done += len;
        cost += MAX(len, TIMED_LEN_MIN);
        if (!w->src.left) {
            w->src.off = w->sqe.src_off;
            w->dst.off = w->sqe.dst_off;
            w->src.left = w->dst.left = w->sqe.len;
        }
    }
    w->aux += get_clock() - start;
    for (unsigned i = 0; i < num_written; i++) {
        mmapdemo_span_written(q, &written[i], written[i].len);
    }
    MMAPDEMO_COUNT(q->counts.bytes, w->done - begin);
    *budget -= cost * COST_BYTE / 16;
}

/* The usual case of what follows below: from one piece to one piece */
static void slice_copy(MmapdemoQueue *q, int64_t *budget)
{
    MmapdemoWork *w = &q->work;
    uint32_t begin = w->done, left = SLICE_BYTES;
    unsigned pieces = SLICE_PIECES;

    do {
        uint64_t len = MIN(left, w->src.left);
        MmapdemoSpan src, dst;

        if (!resolve(q, OP_SRC | OP_DST, &src, &dst, &len)) {
            break;
        }
        /* memmove: two addresses of the guest may be one of the host */
        memmove(dst.host, src.host, len);
        mmapdemo_span_written(q, &dst, len);
        side_advance(&w->src, len);
        side_advance(&w->dst, len);
        w->done += len;
        left -= len;
        *budget -= COST_PIECE + len * COST_BYTE / 16;
    } while (w->src.left && left && --pieces);
    *budget -= COST_DESC / 2;
    MMAPDEMO_COUNT(q->counts.bytes, w->done - begin);
    if (!w->src.left) {
        work_finish(w, MMAPDEMO_CQ_OK, 0);
    }
}

bool mmapdemo_exec_slice(MmapdemoQueue *q, int64_t *budget)
{
    MmapdemoWork *w = &q->work;
    unsigned uses = op_uses[w->sqe.op];
    bool crc = w->sqe.op == MMAPDEMO_OP_CRC32C;
    uint64_t left = crc ? SLICE_CRC_BYTES : SLICE_BYTES;
    unsigned pieces = SLICE_PIECES;
    uint32_t end = w->sqe.len - w->cut;     /* but for TIMED */

    if (q->span_failed) {
        q->span_failed = false;
        work_finish(w, MMAPDEMO_CQ_BUS, failed_detail(q, uses));
        return true;
    }
    if (w->sqe.op == MMAPDEMO_OP_TIMED) {
        slice_timed(q, budget);
        slice_end(w);
        return !q->want.span;
    }
    if (w->sqe.op == MMAPDEMO_OP_COPY && !(w->sqe.nsrc | w->sqe.ndst) &&
        !w->cut) {
        slice_copy(q, budget);
        return !q->want.span;
    }
    *budget -= COST_DESC / 2;
    while (!w->finished && w->done < end && left && pieces--) {
        uint64_t len = MIN(left, end - w->done);
        MmapdemoSpan src = { }, dst = { };

        if (uses & OP_SRC && !w->src.left) {
            if (!next_piece(q, &w->src, w->sqe.nsrc, w->sqe.src_win,
                            w->sqe.src_off, MMAPDEMO_WCFG_READ)) {
                return false;
            }
            continue;
        }
        if (uses & OP_DST && !w->dst.left) {
            if (!next_piece(q, &w->dst, w->sqe.ndst, w->sqe.dst_win,
                            w->sqe.dst_off, uses & OP_DST_READ ?
                            MMAPDEMO_WCFG_READ : MMAPDEMO_WCFG_WRITE)) {
                return false;
            }
            continue;
        }
        if (!resolve(q, uses, &src, &dst, &len)) {
            break;
        }
        do_bytes(q, &src, &dst, len);
        side_advance(&w->src, len);
        side_advance(&w->dst, len);
        left -= len;
        *budget -= COST_PIECE + len * (crc ? COST_CRC_BYTE : COST_BYTE) / 16;
    }
    slice_end(w);
    return !q->want.span;
}

/* --- migration ------------------------------------------------------------ */

/*
 * A side that went through a window that is gone, or is another now, is marked
 * so that the next slice ends the descriptor.
 */
#define SERIAL_GONE UINT64_MAX

static bool side_loaded(MmapdemoQueue *q, MmapdemoSide *side, bool used,
                        uint32_t num, uint32_t list_win, uint64_t list_off,
                        uint32_t access)
{
    const MmapdemoWork *w = &q->work;
    uint32_t len = w->sqe.len;

    if (!used) {
        *side = (MmapdemoSide) { };
        return true;
    }
    side->serial = side->list_serial = SERIAL_GONE;
    if (num) {
        if (side->pos > num || side->sum > len || side->left > side->sum ||
            (side->pos == 0) != (side->sum == 0) ||
            side->sum - side->left != w->done) {
            return false;
        }
        if (side->list_live &&
            check_use(q, list_win, list_off,
                      num * sizeof(struct mmapdemo_hw_sge),
                      MMAPDEMO_WCFG_READ, &side->list_serial)) {
            return false;
        }
    } else if (side->win != list_win || side->pos || side->sum != len ||
               side->left != len - w->done % len ||
               side->off != list_off + w->done % len) {
        return false;
    }
    if (!side->live || !side->left) {
        side->win = 0;      /* looked up, and found to be another */
        return true;
    }
    return !check_use(q, side->win, side->off, side->left, access,
                      &side->serial);
}

bool mmapdemo_exec_loaded(MmapdemoQueue *q)
{
    MmapdemoWork *w = &q->work;
    const struct mmapdemo_hw_sqe *d = &w->sqe;
    unsigned uses;

    if (w->finished) {
        /* It only waits for its record to be written */
        return w->status <= MMAPDEMO_CQ_MAX &&
               w->detail <= MMAPDEMO_QUEUE_MAX_LIST &&
               w->done <= MMAPDEMO_TIMED_MAX;
    }
    if (d->op > MMAPDEMO_OP_MAX) {
        return false;
    }
    uses = op_uses[d->op];
    if (!unused_is_zero(d, uses) || !length_is_allowed(d) ||
        d->nsrc > MMAPDEMO_QUEUE_MAX_LIST ||
        d->ndst > MMAPDEMO_QUEUE_MAX_LIST ||
        (d->op != MMAPDEMO_OP_NOP && w->done >= work_total(w)) ||
        (d->op == MMAPDEMO_OP_NOP && w->done) ||
        (d->op == MMAPDEMO_OP_CRC32C && w->aux > UINT32_MAX)) {
        return false;
    }
    return side_loaded(q, &w->src, uses & OP_SRC, d->nsrc, d->src_win,
                       d->src_off, MMAPDEMO_WCFG_READ) &&
           side_loaded(q, &w->dst, uses & OP_DST, d->ndst, d->dst_win,
                       d->dst_off, uses & OP_DST_READ ? MMAPDEMO_WCFG_READ
                                                      : MMAPDEMO_WCFG_WRITE);
}
