/* A stream of operations on one association: packets of the peer, timers, and the calls of an
 * application. The first byte names the state to begin in, as in sctp_drive.h; then operations
 * of one byte and an argument byte, packets with a length. DATA chunks get TSNs near the window,
 * so that they are not all refused. After each operation the invariants hold and memory stays
 * bounded. */
#include "fuzz/sctp_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Move the TSN of each DATA and FORWARD-TSN, and the acknowledgement of each SACK, near to where
 * the association is. */
static void make_near(const struct drive *d, uint8_t *chunks, size_t n)
{
    struct weir_rd r = weir_rd_of(weir_span_of(chunks, n));
    struct chunk c;
    while (r.n != 0 && weir_sctp_chunk_next(&r, &c)) {
        if (c.value.n < 4) {
            continue;
        }
        uint8_t *field = chunks + (c.value.p - chunks);
        uint32_t v = weir_be32(field);
        if ((c.type == CHUNK_DATA || c.type == CHUNK_FORWARD_TSN) && v < 256) {
            weir_put32(field, d->s.rx_cum + v - 4);
        } else if ((c.type == CHUNK_SACK || c.type == CHUNK_SHUTDOWN) && v < 256) {
            weir_put32(field, d->s.cum_acked + v);
        }
    }
}

static void op_recv(struct drive *d, struct weir_rd *r, uint8_t length)
{
    struct weir_span bytes;
    size_t n = (size_t)length * 2;
    if (!weir_rd_take(r, n < r->n ? n : r->n, &bytes)) {
        return;
    }
    uint8_t *copy = malloc(bytes.n == 0 ? 1 : bytes.n);
    weir_copy(copy, bytes.p, bytes.n);
    make_near(d, copy, bytes.n);
    (void)drive_chunks(d, weir_span_of(copy, bytes.n));
    free(copy);
}

static void op_write(struct drive *d, uint8_t arg)
{
    static const uint8_t bytes[8192] = { 1, 2, 3 };
    struct weir_sctp_send_opts opts = { 0 };
    opts.ppid = WEIR_SCTP_PPID_BINARY;
    opts.is_unordered = (arg & 1) != 0;
    opts.has_retransmits = (arg & 2) != 0;
    opts.has_lifetime = (arg & 4) != 0;
    opts.lifetime = 50 * WEIR_MS;
    (void)!weir_sctp_write(&d->s, d->now, arg >> 5, weir_span_of(bytes, 1u + (arg & 0x18u) * 300),
                           &opts);
}

static void op_channel(struct drive *d, uint8_t arg)
{
    struct weir_sctp_channel_config c = { 0 };
    uint16_t channel = arg & 15;
    c.label = WEIR_LIT("fuzz");
    c.is_unordered = (arg & 16) != 0;
    c.is_negotiated = (arg & 32) != 0;
    c.id = channel;
    switch (arg >> 6) {
    case 0:
        (void)!weir_sctp_channel_open(&d->s, d->now, &c, &channel);
        break;
    case 1:
        (void)!weir_sctp_channel_close(&d->s, d->now, channel);
        break;
    default:
        (void)!weir_sctp_channel_send(&d->s, d->now, channel,
                                      weir_span_of("0123456789", arg & 7), (arg & 8) != 0);
        break;
    }
}

static void op_end(struct drive *d, uint8_t arg)
{
    switch (arg & 7) {
    case 0:
        (void)!weir_sctp_shutdown(&d->s, d->now);
        break;
    case 1:
        weir_sctp_abort(&d->s, d->now, WEIR_LIT("fuzz"));
        break;
    case 2:
        (void)!weir_sctp_connect(&d->s, d->now);
        break;
    default:
        (void)!weir_sctp_reset_stream(&d->s, arg >> 5);
        break;
    }
}

static void op(struct drive *d, uint8_t code, uint8_t arg, struct weir_rd *r)
{
    uint8_t out[WEIR_MTU];
    switch (code % 9) {
    case 0:
        op_recv(d, r, arg);
        break;
    case 1: /* to the next timer */
        if (weir_sctp_deadline(&d->s) != WEIR_NEVER && weir_sctp_deadline(&d->s) > d->now) {
            d->now = weir_sctp_deadline(&d->s);
        }
        weir_sctp_tick(&d->s, d->now);
        break;
    case 2:
        d->now += (weir_duration)arg * arg * 100;
        weir_sctp_tick(&d->s, d->now);
        break;
    case 3:
        for (unsigned i = 0; i < 1u + arg && drive_send(d, out) != 0; i++) {
        }
        break;
    case 4:
        op_write(d, arg);
        break;
    case 5:
        op_channel(d, arg);
        break;
    case 6:
        drive_read_all(d);
        break;
    case 7:
        op_end(d, arg);
        break;
    default:
        op_recv(d, r, (uint8_t)(arg & 31));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct drive d;
    struct weir_rd r = weir_rd_of(weir_span_of(data, n));
    uint8_t first, code, arg;
    if (!weir_rd_u8(&r, &first)) {
        return 0;
    }
    drive_begin(&d, first & (15 | DRIVE_PLAIN));
    for (unsigned i = 0; i < 1000 && weir_rd_u8(&r, &code) && weir_rd_u8(&r, &arg); i++) {
        op(&d, code, arg, &r);
        if (!weir_sctp_check(&d.s)) {
            abort();
        }
    }
    drive_read_all(&d);
    drive_end(&d);
    return 0;
}
